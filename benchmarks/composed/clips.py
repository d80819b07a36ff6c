"""Compose the clips: pictures cut and cropped from real footage, titles drawn, sound mixed, encoded with PyAV."""

from __future__ import annotations

import functools
import os
import random
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from . import planning, voices
from .footage import FILM, STRETCHES
from .sources import VERSION as VERSION_OF_FOOTAGE
from .sources import Footage, load_footage
from .truth import Shot, Title, Truth

VERSION = "2"
"""Of the composer: another version composes all clips anew."""

FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts")
FONT_FILES = (
    "Roboto-Bold.ttf",
    "Roboto-Medium.ttf",
    "SourceSerifPro-Bold.ttf",
    "SourceSerifPro-Regular.ttf",
    "Caladea-Bold.ttf",
    "FredokaOne-Regular.ttf",
    "Manrope-Bold.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSerif-Bold.ttf",
)
INKS = {
    "white": ((255, 255, 255), (0, 0, 0)),
    "black": ((10, 10, 10), (255, 255, 255)),
    "yellow": ((255, 225, 30), (20, 20, 20)),
    "red": ((215, 20, 25), (255, 255, 255)),
    "green": ((30, 150, 50), (255, 255, 255)),
    "blue": ((25, 60, 200), (255, 255, 255)),
    "orange": ((255, 140, 0), (20, 20, 20)),
}
"""Colour of the letters and of their outline or box."""


def compose_clips(
    count: int, seed: int, clips: Path, work: Path, librivox: Path | None = None, jobs: int = 2
) -> list[tuple[Path, Truth]]:
    """Compose a collection, or take from the cache what is there.

    Args:
        count: number of clips.
        seed: of the collection.
        clips: folder of the real clips.
        work: folder of the cache.
        librivox: folder of LibriVox utterances, if there.
        jobs: processes.

    Returns:
        (path, truth) of each clip, in order.
    """
    folder = work / f"clips-{VERSION}.{planning.VERSION}.{VERSION_OF_FOOTAGE}-seed{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    load_footage(clips, work)
    missing = [index for index in range(count) if not (folder / f"composed_{index:04d}.json").is_file()]
    task = functools.partial(_compose, seed=seed, clips=clips, work=work, folder=folder, librivox=librivox)
    if missing:
        with ProcessPoolExecutor(jobs) as pool:
            list(pool.map(task, missing, chunksize=4))
    made = []
    for index in range(count):
        path = folder / f"composed_{index:04d}.mp4"
        made.append((path, Truth.load(path.with_suffix(".json"))))
    return made


def _compose(index: int, seed: int, clips: Path, work: Path, folder: Path, librivox: Path | None) -> None:
    footage = _footage(clips, work)
    truth = planning.plan_clip(seed, index, footage, work, librivox)
    path = folder / f"{truth.video_id}.mp4"
    part = path.with_suffix(f".{os.getpid()}.mp4")  # two runs may share a cache
    truth.luma = _encode(truth, footage, mix_sound(truth, clips, work, librivox), part)
    part.replace(path)
    truth.save(path.with_suffix(".json"))


@functools.cache
def _footage(clips: Path, work: Path) -> dict[str, Footage]:
    cv2.setNumThreads(1)
    return load_footage(clips, work)


def _encode(truth: Truth, footage: dict[str, Footage], sound: np.ndarray | None, path: Path) -> float:
    """Write the file; returns the mean luma of its pictures, 0..1."""
    lumas = []
    stereo = truth.seed % 2 == 0
    with av.open(str(path), "w", format="mp4") as output:
        video = output.add_stream("libx264", rate=truth.fps)
        video.width, video.height, video.pix_fmt = truth.width, truth.height, "yuv420p"
        video.codec_context.time_base = Fraction(1, truth.fps)
        video.options = {"crf": "19", "preset": "veryfast", "threads": "1"}
        audio = None
        if sound is not None:
            audio = output.add_stream("aac", rate=voices.RATE)
            audio.layout = "stereo" if stereo else "mono"
        for number, picture in enumerate(_pictures(truth, footage)):
            lumas.append(cv2.cvtColor(cv2.resize(picture, (64, 36)), cv2.COLOR_RGB2GRAY).mean() / 255)
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, truth.fps)
            output.mux(video.encode(frame))
        output.mux(video.encode())
        if audio is not None:
            channels = np.repeat(sound[None], 2 if stereo else 1, axis=0)
            for start in range(0, channels.shape[1], 1024):
                block = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(channels[:, start : start + 1024]), "fltp", "stereo" if stereo else "mono"
                )
                block.sample_rate, block.pts, block.time_base = voices.RATE, start, Fraction(1, voices.RATE)
                output.mux(audio.encode(block))
            output.mux(audio.encode())
    return round(float(np.mean(lumas)), 4)


def _pictures(truth: Truth, footage: dict[str, Footage]) -> Iterator[np.ndarray]:
    """All pictures of the clip, (H, W, 3) uint8 RGB."""
    overlays = [(title, _overlay(title, truth)) for title in truth.titles if title.font]
    curve = _light_curve(truth.gain)
    for shot in truth.shots:
        first, last = round(shot.start * truth.fps), round(shot.end * truth.fps)
        pictures = _shot_pictures(shot, footage[shot.stretch], truth, last - first)
        for number, picture in enumerate(pictures, start=first):
            if truth.gain != 1.0:
                picture = cv2.LUT(picture, curve)
            time = number / truth.fps
            for title, (ink, alpha, part) in overlays:
                if title.start - 1e-6 <= time < title.end - 1e-6:
                    picture[part] = (picture[part] * (1 - alpha) + ink).astype(np.uint8)
            yield picture


def _light_curve(gain: float) -> np.ndarray:
    level = np.arange(256, dtype=np.float64)
    level = level * gain if gain > 0 else 255 - (255 - level) * -gain
    return np.clip(np.round(level), 0, 255).astype(np.uint8)


def _shot_pictures(shot: Shot, footage: Footage, truth: Truth, count: int) -> Iterator[np.ndarray]:
    """`count` pictures of one shot, cropped along the window's path."""
    smallest = min(shot.first.width, shot.last.width)
    # footage narrower than 16:9 keeps its height, between black bars
    high = footage.height if footage.width / footage.height < 1.5 else min(footage.height, footage.width * 9 // 16)
    wide = high * 16 // 9 // 2 * 2
    # shrink once with the decoder's scaler to the size at which the largest window is one to one
    scale = min(1.0, truth.width / (max(shot.first.width, shot.last.width) * wide) * (1.6 if smallest < 0.6 else 1.0))
    size = (round(footage.width * scale / 2) * 2, round(footage.height * scale / 2) * 2)
    wide, high = wide * size[0] / footage.width, high * size[1] / footage.height
    with av.open(str(footage.path)) as container:
        stream = container.streams.video[0]
        if shot.cut_in > 0.5:
            container.seek(int((shot.cut_in - 0.3) * av.time_base))
        frames = container.decode(stream)
        current, following = None, next(frames)
        for number in range(count):
            time = shot.cut_in + number / truth.fps
            while following is not None and (current is None or following.time <= time + 1e-3):
                current, following = following, next(frames, None)
                picture = None
            if picture is None:
                picture = current.reformat(size[0], size[1], "rgb24").to_ndarray()
            yield _crop(picture, shot, shot.start + number / truth.fps, (wide, high), truth)


def _crop(picture: np.ndarray, shot: Shot, time: float, area: tuple[float, float], truth: Truth) -> np.ndarray:
    """Cut the window of this moment out of a picture whose central `area` is the largest 16:9 window."""
    progress = 0.0
    if shot.moves_to > shot.moves_from:
        progress = min(max((time - shot.moves_from) / (shot.moves_to - shot.moves_from), 0.0), 1.0)
    x = shot.first.x + (shot.last.x - shot.first.x) * progress
    y = shot.first.y + (shot.last.y - shot.first.y) * progress
    width = shot.first.width * (shot.last.width / shot.first.width) ** progress
    left = (picture.shape[1] - area[0]) / 2 + (x - width / 2) * area[0]
    top = (picture.shape[0] - area[1]) / 2 + (y - width / 2) * area[1]
    step = width * area[0] / truth.width
    matrix = np.array([[step, 0, left + step / 2 - 0.5], [0, width * area[1] / truth.height, top + step / 2 - 0.5]])
    return cv2.warpAffine(
        picture,
        matrix,
        (truth.width, truth.height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE if picture.shape[1] >= area[0] - 2 else cv2.BORDER_CONSTANT,
    )


def _overlay(title: Title, truth: Truth) -> tuple[np.ndarray, np.ndarray, tuple[slice, slice]]:
    """Draw a title: (h, w, 3) letters times opacity and (h, w, 1) opacity, float32, and the part of the picture."""
    rng = random.Random(title.font)
    path = rng.choice(_fonts())
    size = round(truth.height * rng.uniform(0.085, 0.13))
    ink, edge = INKS[title.colour]
    margin = round(truth.width * 0.05)
    lines, font = _fitted(title.text, path, size, truth.width - 2 * margin)
    gap = round(font.size * 0.25)
    boxes = [font.getbbox(line) for line in lines]
    high = sum(box[3] - box[1] for box in boxes) + gap * (len(lines) - 1)
    top = (truth.height - high) // 2
    if title.place.startswith("top"):
        top = margin
    elif title.place.startswith("bottom"):
        top = truth.height - margin - high
    card = Image.new("RGBA", (truth.width, truth.height), (0, 0, 0, 0))
    pen = ImageDraw.Draw(card)
    boxed = rng.random() < 0.3
    placed = []
    for line, box in zip(lines, boxes, strict=True):
        wide = box[2] - box[0]
        left = margin if "left" in title.place else truth.width - margin - wide if "right" in title.place else None
        placed.append(((truth.width - wide) // 2 if left is None else left, top, line, box))
        top += box[3] - box[1] + gap
    if boxed:
        pad = round(font.size * 0.3)
        right = max(left + box[2] - box[0] for left, _, _, box in placed)
        frame = (min(left for left, *_ in placed) - pad, placed[0][1] - pad, right + pad, top - gap + pad)
        pen.rectangle(frame, fill=(*edge, 255))
    for left, line_top, line, box in placed:
        pen.text(
            (left - box[0], line_top - box[1]),
            line,
            font=font,
            fill=(*ink, 255),
            stroke_width=0 if boxed else max(1, round(font.size * 0.07)),
            stroke_fill=(*edge, 255),
        )
    left, top, right, bottom = card.getbbox()
    drawn = np.asarray(card, np.float32)[top:bottom, left:right]
    alpha = drawn[..., 3:] / 255
    return drawn[..., :3] * alpha, alpha, (slice(top, bottom), slice(left, right))


def _fitted(text: str, path: str, size: int, room: int) -> tuple[list[str], ImageFont.FreeTypeFont]:
    """Break a title into at most two lines, and shrink it until it fits."""
    words = text.split()
    while True:
        font = ImageFont.truetype(path, size)
        if font.getlength(text) <= room:
            return [text], font
        for split in range(len(words) - 1, 0, -1):
            lines = [" ".join(words[:split]), " ".join(words[split:])]
            if max(font.getlength(line) for line in lines) <= room and split >= len(words) / 2:
                return lines, font
        size = round(size * 0.92)


@functools.cache
def _fonts() -> list[str]:
    """Font files of `FONT_FILES` in the system's folders and in installed `font_*` packages, in that order."""
    folders = [Path(folder) for folder in FONT_FOLDERS]
    folders += [font for entry in sys.path if entry for font in sorted(Path(entry).glob("font_*"))]
    found: dict[str, str] = {}
    for folder in folders:
        for path in folder.rglob("*.ttf"):
            found.setdefault(path.name, str(path))
    fonts = [found[name] for name in FONT_FILES if name in found]
    if not fonts:
        raise FileNotFoundError("No fonts found: pip install font-roboto font-source-serif-pro font-fredoka-one.")
    return fonts


def mix_sound(truth: Truth, clips: Path, work: Path, librivox: Path | None) -> np.ndarray | None:
    """Mix the clip's sound: (N,) float32 at `voices.RATE`, or None where the clip has no sound stream."""
    if truth.sound == "none":
        return None
    mix = np.zeros(round(truth.duration * voices.RATE), np.float32)
    if truth.sound == "silence":
        return mix
    if truth.ambience:
        _add(mix, voices.levelled(_ambience(truth, clips), -37.0 if truth.lines else -26.0), 0.0)
    if truth.music:
        _add(mix, voices.levelled(_music(truth, clips), -40.0 if truth.lines else -24.0), 0.0)
    for line in truth.lines:
        if line.voice == "speaker":
            shot = next(shot for shot in truth.shots if shot.stretch == "statement")
            _add(
                mix,
                voices.levelled(voices.read_audio(clips / STRETCHES["statement"].source), voices.SPEECH_LEVEL),
                shot.start,
            )
        elif line.voice.startswith("librivox:") and librivox:
            _add(mix, voices.read_utterance(librivox / line.voice.split(":", 1)[1]), line.start)
        else:
            _add(mix, voices.spoken_line(line.text, voices.Voice(line.pace, line.pitch), work), line.start)
    return np.clip(mix, -0.98, 0.98)


def _add(mix: np.ndarray, wave: np.ndarray, start: float) -> None:
    begin = round(start * voices.RATE)
    piece = wave[: max(0, len(mix) - begin)]
    mix[begin : begin + len(piece)] += piece


def _ambience(truth: Truth, clips: Path) -> np.ndarray:
    """The footage's own sound shot by shot; where it has none, the film's brook."""
    parts = []
    for shot in truth.shots:
        stretch = STRETCHES[shot.stretch]
        begin, length = stretch.start + shot.cut_in, shot.end - shot.start
        wave = voices.read_audio(clips / stretch.source, begin, begin + length)
        if not len(wave) or float(np.abs(wave).max()) < 0.004:
            wave = voices.read_audio(clips / FILM, 12.0, 12.0 + length)
        parts.append(_exactly(voices.levelled(wave, -24.0), round(length * voices.RATE)))
    return np.concatenate(parts)


def _exactly(wave: np.ndarray, count: int) -> np.ndarray:
    return np.resize(wave, count) if len(wave) else np.zeros(count, np.float32)


def _music(truth: Truth, clips: Path) -> np.ndarray:
    """A piece of the film's closing music."""
    begin = 494 + random.Random(f"{truth.seed}/{truth.video_id}/music").uniform(0, 45)
    return voices.read_audio(clips / FILM, begin, begin + truth.duration)
