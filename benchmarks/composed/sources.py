"""The stretches of real footage, cut out once into small files quick to seek in, with thumbnail and mean brightness."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from .footage import STRETCHES, Stretch

VERSION = "5"


@dataclass(frozen=True)
class Footage:
    """A stretch ready to be cut from: its file, frame rate, size, mean luma (0..1) and (36, 64) float32 thumbnail."""

    stretch: Stretch
    path: Path
    width: int
    height: int
    luma: float
    thumbnail: np.ndarray


def load_footage(clips: Path, work: Path) -> dict[str, Footage]:
    """Cut all stretches out of the real clips, once.

    Args:
        clips: folder of the real clips.
        work: folder of the cache.

    Returns:
        Footage by name of stretch.

    Raises:
        FileNotFoundError: a real clip is absent; the message names it.
    """
    return {name: _footage(stretch, clips, work / f"footage-{VERSION}") for name, stretch in STRETCHES.items()}


def _footage(stretch: Stretch, clips: Path, folder: Path) -> Footage:
    path, facts = folder / f"{stretch.name}.mp4", folder / f"{stretch.name}.npz"
    if not facts.is_file():
        source = clips / stretch.source
        if not source.is_file():
            raise FileNotFoundError(f"{source} does not exist: the benchmark needs the real clips (--clips-dir).")
        folder.mkdir(parents=True, exist_ok=True)
        thumbnail = _cut_out(stretch, source, path)
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            np.savez(facts, thumbnail=thumbnail, size=(stream.width, stream.height))
    with np.load(facts) as known:
        thumbnail, (width, height) = known["thumbnail"], known["size"].tolist()
    return Footage(stretch, path, width, height, float(thumbnail.mean()) / 255, thumbnail)


def _cut_out(stretch: Stretch, source: Path, path: Path) -> np.ndarray:
    thumbnails = []
    with av.open(str(source)) as container, av.open(str(path), "w") as output:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        first = float((stream.start_time or 0) * stream.time_base)
        if stretch.start > 4:
            container.seek(int((first + stretch.start - 2) * av.time_base))
        writer = None
        for frame in container.decode(stream):
            time = frame.time - first
            if time >= stretch.end - 1e-3:
                break
            if time < stretch.start - 1e-3:
                continue
            if writer is None:
                writer = output.add_stream("libx264", rate=round(stream.average_rate))
                writer.width, writer.height, writer.pix_fmt = frame.width // 2 * 2, frame.height // 2 * 2, "yuv420p"
                writer.codec_context.time_base = Fraction(1, 90000)
                writer.options = {"crf": "15", "preset": "ultrafast", "g": "12"}
            picture = frame.reformat(writer.width, writer.height, "yuv420p")
            if stretch.blurred:
                picture = _blurred(picture, stretch.blurred)
            picture.pts, picture.time_base = round((time - stretch.start) * 90000), Fraction(1, 90000)
            if len(thumbnails) < 400:
                thumbnails.append(frame.reformat(64, 36, "gray").to_ndarray())
            output.mux(writer.encode(picture))
        output.mux(writer.encode())
    return np.mean(thumbnails, axis=0, dtype=np.float64).astype(np.float32)


def _blurred(picture: av.VideoFrame, box: tuple[float, float, float, float]) -> av.VideoFrame:
    """Make words in a box illegible."""
    pixels = picture.to_ndarray(format="rgb24")
    high, wide = pixels.shape[:2]
    left, top, right, bottom = (round(share * side) for share, side in zip(box, (wide, high, wide, high), strict=True))
    pixels[top:bottom, left:right] = cv2.blur(pixels[top:bottom, left:right], (61, 61))
    return av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p")
