"""What an opened clip is: facts about it, its frames and its sound, pictures for measuring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SAMPLE_RATE = 16000


@dataclass(frozen=True)
class Probe:
    """What a clip is. Times in seconds on its axis; sizes as shown, after rotation and pixel aspect.

    `fps` is the true mean rate (pictures presented over the time they cover), `frame_count` those pictures, `rotation`
    the degrees clockwise that were applied to set them upright. `has_audio`: whether the clip has a sound track, even
    one that cannot be decoded. Fields of a missing stream are 0 or None.

    Example:
        >>> Probe(duration=1.0, has_video=False, has_audio=True, sample_rate=48000, channels=2).width
        0
    """

    duration: float
    has_video: bool
    has_audio: bool
    width: int = 0
    height: int = 0
    fps: float = 0.0
    frame_count: int = 0
    rotation: int = 0
    video_codec: str | None = None
    audio_codec: str | None = None
    sample_rate: int = 0
    channels: int = 0
    container: str = ""


@dataclass(frozen=True, eq=False)
class Analysis:
    """Small pictures for measuring shots, camera and light, and stills for reading text.

    images: (M, h, w, 3) uint8 RGB, long side 160 pixels; times: (M,) float64 s. One is taken whenever the next of 12.5
    ticks a second is reached (fewer ticks in clips of over 6 minutes, never under 8). stills: (S, H, W) uint8 luma, at
    most one a second and 1280 * 720 pixels each (none where not asked for); still_times: (S,) float64 s.

    Example:
        >>> none = np.zeros((0, 90, 160, 3), np.uint8)
        >>> Analysis(none, np.zeros(0), none[..., 0], np.zeros(0)).images.shape
        (0, 90, 160, 3)
    """

    images: np.ndarray
    times: np.ndarray
    stills: np.ndarray
    still_times: np.ndarray


@dataclass(frozen=True, eq=False)
class Clip:
    """A decoded clip.

    frames: (T, 3, H, W) uint8 RGB, T even, H and W multiples of 28, or None; frame_times: (T,) float64 s, increasing;
    fps: the true sampled rate (T - 1) / (last time - first time); audio: (N,) float32 mono at `sample_rate`, nominally
    -1..1, None where the clip has no sound or none that can be decoded; duration: s; offset: s, where a window begins
    on the axis of its file: all other times count from there, only `probe` is of the whole file; fitted: what was
    lowered for `max_tokens`: "resolution", "rate".

    Example:
        >>> Clip(Probe(1.0, False, True), None, np.zeros(0), 0.0, np.zeros(16000, np.float32), 1.0).sample_rate
        16000
    """

    probe: Probe
    frames: np.ndarray | None
    frame_times: np.ndarray
    fps: float
    audio: np.ndarray | None
    duration: float
    analysis: Analysis | None = None
    sample_rate: int = SAMPLE_RATE
    offset: float = 0.0
    fitted: tuple[str, ...] = ()
