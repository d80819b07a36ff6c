"""The demo's clip, drawn here: a pan over a harbour, a title, a spoken sentence, a cut to a night scene; all known.

The voice is `voice.ogg` beside this file, its words and origin in `voice.txt`; everything else is made by the code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np

RATE, WIDTH, HEIGHT = 25, 640, 360
PAN = (1.0, 4.0)  # s: the camera pans right
TITLE, TITLE_TIME = "HARBOUR MORNING", (0.0, 4.5)
CUT, LENGTH = 5.0, 8.0
VOICE_START = 1.0
SAMPLE_RATE = 16000


def write_demo(folder: str | Path) -> tuple[Path, Path]:
    """Write the clip and a caption of it with three planted faults.

    The faults: a wrong direction of the pan, a misread title, and words in the quotation that nobody says.

    Args:
        folder: made if it does not exist; files of an earlier demo are kept as they are.

    Returns:
        The paths of harbour.mp4 and captions.jsonl.

    Example:
        >>> import tempfile
        >>> clip, captions = write_demo(tempfile.mkdtemp())
        >>> clip.name, "pans left" in captions.read_text()
        ('harbour.mp4', True)
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    clip, captions = folder / "harbour.mp4", folder / "captions.jsonl"
    if not clip.exists():
        _encode(clip)
    line = {"video_id": clip.stem, "caption": faulty_caption()}
    captions.write_text(json.dumps(line) + "\n", encoding="utf-8")
    return clip, captions


def voice_words() -> str:
    """The sentence the voice says, from the first line of `voice.txt`.

    Example:
        >>> voice_words().endswith(".")
        True
    """
    return files("asid_hf.demo").joinpath("voice.txt").read_text(encoding="utf-8").splitlines()[0].strip()


def faulty_caption() -> str:
    """The caption that the demo verifies; three of its statements are wrong.

    Example:
        >>> "HARBOUR EVENING" in faulty_caption()
        True
    """
    said = voice_words().rstrip(".").split()
    misquoted = " ".join([*said[:-1], "volcano"])
    return (
        "The video opens on a row of small painted houses between green hills and a calm sea. "
        'A white title reading "HARBOUR EVENING" lies over the lower part of the picture. '
        f'At 1s, a man says, "{misquoted}." '
        "From 1s to 4s, the camera pans left along the waterfront. "
        "At 5s, the scene cuts to the same harbour at night, where a single boat drifts under the moon."
    )


def _encode(path: Path) -> None:
    import av

    partial = path.with_suffix(".partial")
    with av.open(str(partial), "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=RATE, options={"crf": "20", "preset": "veryfast"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        for picture in _pictures():
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
        samples = av.AudioFrame.from_ndarray(_soundtrack()[None], format="fltp", layout="mono")
        samples.sample_rate, samples.pts = SAMPLE_RATE, 0
        container.mux(audio.encode(samples))
        container.mux(audio.encode())
    partial.replace(path)


def _soundtrack() -> np.ndarray:
    """The voice in its place over a faint hiss of the sea, (N,) float32."""
    from asid_hf.media import open_clip

    voice = open_clip(files("asid_hf.demo").joinpath("voice.ogg").read_bytes(), frames=False).audio
    track = np.random.default_rng(0).normal(0, 5e-4, int(LENGTH * SAMPLE_RATE)).astype(np.float32)
    start = int(VOICE_START * SAMPLE_RATE)
    track[start : start + len(voice)] += voice[: len(track) - start]
    return track


def _pictures() -> Iterator[np.ndarray]:
    day, night = _harbour(day=True), _harbour(day=False)
    for index in range(int(LENGTH * RATE)):
        time = index / RATE
        if time < CUT:
            share = np.clip((time - PAN[0]) / (PAN[1] - PAN[0]), 0, 1)
            left = round(share * (day.shape[1] - WIDTH))
            picture = day[:, left : left + WIDTH].copy()
            if TITLE_TIME[0] <= time < TITLE_TIME[1]:
                _write_title(picture)
        else:
            picture = night[:, 400 : 400 + WIDTH].copy()
            _draw_boat(picture, 150 + round(40 * (time - CUT)))
        yield picture


def _harbour(day: bool) -> np.ndarray:
    """A wide painted view, (HEIGHT, 1500, 3) uint8."""
    import cv2

    random = np.random.default_rng(4)
    width = 1500
    rows = np.linspace(0, 1, HEIGHT)[:, None, None]
    sky = np.array([120, 180, 235]) * (1 - rows) + np.array([225, 235, 240]) * rows
    view = np.ascontiguousarray(np.broadcast_to(sky, (HEIGHT, width, 3))).astype(np.float32)
    for base, green in ((190, (95, 140, 80)), (215, (70, 120, 60))):
        ridge = base + 30 * np.sin(np.arange(width) / random.uniform(70, 160)) + random.normal(0, 2, width)
        points = np.stack([np.arange(width), ridge], axis=1).astype(np.int32)
        cv2.fillPoly(view, [np.concatenate([points, [[width, HEIGHT], [0, HEIGHT]]]).astype(np.int32)], green)
    for left in range(10, width - 60, 62):
        top, colour = int(random.integers(170, 205)), random.integers(110, 240, 3).tolist()
        cv2.rectangle(view, (left, top), (left + 46, 250), colour, -1)
        cv2.fillPoly(view, [np.array([[left - 5, top], [left + 51, top], [left + 23, top - 24]])], (150, 70, 50))
        for column in (left + 8, left + 28):
            for row in range(top + 12, 236, 26):
                cv2.rectangle(view, (column, row), (column + 10, row + 14), (60, 60, 90), -1)
    view[250:] = (60, 110, 150)
    for _ in range(420):
        x, y = int(random.integers(0, width)), int(random.integers(254, HEIGHT))
        cv2.line(view, (x, y), (x + int(random.integers(8, 30)), y), (110, 160, 195), 1)
    view += random.normal(0, 4, (HEIGHT, width, 1))
    if not day:
        view *= np.array([0.12, 0.15, 0.24])
        cv2.circle(view, (900, 60), 22, (220, 220, 200), -1)
    return np.clip(view, 0, 255).astype(np.uint8)


def _write_title(picture: np.ndarray) -> None:
    import cv2

    place, font = (120, 320), cv2.FONT_HERSHEY_DUPLEX
    cv2.putText(picture, TITLE, place, font, 1.2, (20, 20, 40), 6, cv2.LINE_AA)
    cv2.putText(picture, TITLE, place, font, 1.2, (255, 255, 255), 2, cv2.LINE_AA)


def _draw_boat(picture: np.ndarray, left: int) -> None:
    import cv2

    hull = np.array([[left, 285], [left + 90, 285], [left + 72, 305], [left + 16, 305]])
    cv2.fillPoly(picture, [hull], (90, 60, 40))
    cv2.line(picture, (left + 45, 285), (left + 45, 225), (120, 110, 100), 2)
    cv2.fillPoly(picture, [np.array([[left + 47, 228], [left + 47, 280], [left + 82, 280]])], (150, 150, 140))
