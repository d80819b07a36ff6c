"""Small clips made by PyAV, for tests that need a file and no particular content."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np


def make_clip(
    path: Path, seconds: float = 1.0, *, rate: int = 10, size: tuple[int, int] = (96, 64), tone: float | None = None
) -> Path:
    """Write a clip of a drifting pattern, with a tone of `tone` Hz as its sound if given."""
    random = np.random.default_rng(len(path.stem))
    wide = random.integers(0, 255, (size[1], size[0] * 2, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=rate)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        audio = container.add_stream("aac", rate=16000, layout="mono") if tone else None
        for index in range(max(1, round(seconds * rate))):
            picture = np.ascontiguousarray(wide[:, index % size[0] :][:, : size[0]])
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
        if audio:
            wave = 0.2 * np.sin(2 * np.pi * tone * np.arange(int(seconds * 16000)) / 16000)
            frame = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, 0
            container.mux(audio.encode(frame))
            container.mux(audio.encode())
    return path


def make_sound(path: Path, seconds: float = 1.0) -> Path:
    """Write a file that holds sound alone."""
    with av.open(str(path), "w") as container:
        audio = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        wave = (3000 * np.sin(np.arange(int(seconds * 16000)) / 6)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = 16000, 0
        container.mux(audio.encode(frame))
        container.mux(audio.encode())
    return path
