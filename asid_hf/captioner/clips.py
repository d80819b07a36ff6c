"""A clip as it is given, opened or checked: its frames and its sound, inside a budget of pixels and of tokens."""

from __future__ import annotations

import math
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np
import torch

try:
    from asid_hf.errors import InputError
    from asid_hf.media import SAMPLE_RATE, Clip, Probe, open_clip
    from asid_hf.media_budget import Budget, fit_frames, frame_places
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .errors import InputError
    from .media import SAMPLE_RATE, Clip, Probe, open_clip
    from .media_budget import Budget, fit_frames, frame_places

from .pictures import resized

_KEYS = {"frames", "fps", "frame_times", "audio", "sampling_rate"}


def as_clip(given: Any, media: dict, fps: float | None = None, max_tokens: int | None = None, **opening: Any) -> Clip:
    """The clip that was given, in the budget.

    Args:
        given: path, bytes or a `datasets` Video value, opened here; a `media.Clip`, as it is; or what somebody decoded
            already: sound (N,) float32 at 16 kHz, frames (T, 3, H, W) or (T, H, W, 3) uint8, or a dictionary of
            `frames` (may be left out), `fps` (at which they were sampled) or `frame_times` (T,) s, and `audio` (N,)
            float32 with its `sampling_rate` (16000 where it is left out).
        media: fps, min_frames, max_frames, min_pixels, frame_pixels, total_pixels.
        fps: of bare frames.
        max_tokens: most tokens that it may take; see `media_budget.fit_frames` for what is lowered.
        **opening: of `media.open_clip`: start, end, audio, allow_remote, ...

    Raises:
        MediaError: it cannot be read, or does not fit.
        InputError: it is none of the above.

    Example:
        >>> clip = as_clip({"frames": np.zeros((5, 60, 90, 3), np.uint8), "fps": 2.5}, {})
        >>> clip.frames.shape, clip.duration
        ((4, 3, 280, 392), 2.0)
    """
    if isinstance(given, np.ndarray | torch.Tensor) and given.ndim == 1:
        given = {"audio": given}
    elif isinstance(given, np.ndarray | torch.Tensor):
        given = {"frames": given, "fps": fps or media.get("fps", 2.0)}
    if isinstance(given, dict) and given.keys() & {"frames", "audio"}:
        return _within(_decoded(given), Budget(**media, max_tokens=max_tokens), sized=False)
    if isinstance(given, Clip):
        return _within(given, Budget(**media, max_tokens=max_tokens), sized=True)
    return open_clip(given, **media, **opening, max_tokens=max_tokens)


def _decoded(given: dict) -> Clip:
    """Check what somebody decoded, and lay it out as a clip."""
    if unknown := given.keys() - _KEYS:
        raise InputError(f"A decoded clip has no {', '.join(sorted(unknown))}. Allowed: {', '.join(sorted(_KEYS))}.")
    audio = None if given.get("audio") is None else np.asarray(given["audio"], np.float32)
    rate = given.get("sampling_rate", SAMPLE_RATE)
    if rate != SAMPLE_RATE:
        raise InputError(f"The sound has {rate} Hz. Resample it to {SAMPLE_RATE} Hz, or give the path of the clip.")
    if audio is not None and (audio.ndim != 1 or not np.isfinite(audio).all()):
        raise InputError(f"The sound is {audio.shape}. Give one channel, (N,), of finite numbers, nominally -1 to 1.")
    if audio is not None and not np.issubdtype(np.asarray(given["audio"]).dtype, np.floating):
        raise InputError("The sound is whole numbers. Give floats, nominally -1 to 1: int16 divided by 32768.")
    if audio is not None and not len(audio):
        audio = None
    sounds = 0.0 if audio is None else len(audio) / SAMPLE_RATE
    if given.get("frames") is None:
        if audio is None:
            raise InputError("A decoded clip without frames and sound. Give one of them.")
        return Clip(Probe(sounds, False, True), None, np.zeros(0), 0.0, audio, sounds)
    frames = torch.as_tensor(given["frames"])
    if (
        frames.ndim != 4
        or not len(frames)
        or frames.dtype != torch.uint8
        or 3 not in (frames.shape[1], frames.shape[-1])
    ):
        raise InputError(
            f"Frames are (T, 3, H, W) or (T, H, W, 3) of uint8, not {frames.dtype} of {tuple(frames.shape)}."
        )
    if frames.shape[1] != 3:
        frames = frames.permute(0, 3, 1, 2)
    times = _times(given, len(frames))
    step = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 1.0
    high, wide = frames.shape[-2:]
    probe = Probe(float(max(times[-1] + step, sounds)), True, audio is not None, wide, high, 1 / step, len(frames))
    return Clip(probe, np.asarray(frames), times, 1 / step, audio, probe.duration)


def _times(given: dict, count: int) -> np.ndarray:
    if given.get("frame_times") is not None:
        times = np.asarray(given["frame_times"], np.float64)
        if times.shape != (count,) or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
            raise InputError(f"frame_times are to be {count} rising seconds, one a frame; they are {times.shape}.")
        return times
    fps = given.get("fps")
    if not isinstance(fps, Real) or not 0 < fps < math.inf:
        raise InputError(
            f"Frames without times, fps={fps!r}: give fps, the rate at which they were sampled, or frame_times."
        )
    return np.arange(count) / fps


def _within(clip: Clip, budget: Budget, sized: bool) -> Clip:
    """Bring decoded frames to an even count and a size in the budget; `sized`: they have theirs, but for the tokens."""
    samples = 0 if clip.audio is None else len(clip.audio)
    if clip.frames is None:
        fit_frames(budget, 0, 0, 0, samples)
        return clip
    frames, times = torch.as_tensor(clip.frames), clip.frame_times
    size = tuple(frames.shape[2:])
    even = max(1, min(len(frames), budget.max_frames) // 2 * 2)
    shown = (clip.probe.height, clip.probe.width)
    count, wanted, fitted = fit_frames(budget, *shown, even, samples, size if sized else None)
    if count > 1 and (count, wanted) == (len(frames), size):
        return clip
    if count == 1 or len(frames) == 1:  # a lone picture is shown twice, again half-way through its showing
        times = np.array([times[0], (times[0] + clip.duration) / 2])
        frames = frames[:1].expand(2, -1, -1, -1)
    elif count != len(frames):
        places = np.arange(count) if len(frames) - count == 1 else frame_places(len(frames), count)
        frames, times = frames[torch.from_numpy(places)], times[places]
    fps = float((len(times) - 1) / (times[-1] - times[0]))
    frames = resized(frames, wanted).numpy()
    return replace(clip, frames=frames, frame_times=times, fps=fps, fitted=(*clip.fitted, *fitted))
