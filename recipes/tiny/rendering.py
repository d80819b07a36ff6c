"""A clip of the small world as pictures and sound, drawn by the code, and as a file.

The background fills the picture and moves as the camera does; the object keeps a path of its own in the picture, so
that the one tells nothing of the other. Where things are, how fast, how bright and how loud is drawn from the clip's
id and means nothing.
"""

from __future__ import annotations

import ctypes
import shutil
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from world import WORDS, Facts

from asid_hf.instructions import draw
from asid_hf.media_budget import frame_count, frame_places

SIDE = 84  # pixels: three of the model's cells, of which an object covers more than one
RATE = 8  # pictures a second
SAMPLE_RATE = 16000
_FIELD = 192  # pixels of a background: more than the fastest camera sees in the longest clip
_RGB = {"red": (215, 40, 40), "yellow": (245, 220, 50), "white": (245, 245, 245), "purple": (140, 50, 190)}
_GROUND = {  # background -> its colour, and the colour, height and width of its specks
    "meadow": ((60, 130, 50), (235, 225, 120), (8, 8)),
    "desert": ((205, 170, 115), (110, 75, 40), (6, 10)),
    "sea": ((35, 85, 160), (215, 235, 245), (5, 12)),
    "wall": ((120, 118, 116), (45, 42, 40), (9, 7)),
    "sky": ((18, 20, 48), (235, 235, 220), (6, 6)),
}
_PAN = {"pan_left": (-1, 0), "pan_right": (1, 0)}
_ZOOM = {"zoom_in": -1, "zoom_out": 1}
_STEP = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1), "still": (0, 0)}
# Presets that look ahead read beyond the edges of pictures so small, and give other bytes each time.
_FILM = {"crf": "16", "preset": "ultrafast", "threads": "1"}
_SOUND = {"aac_coder": "fast", "aac_pns": "0"}  # without noise of its own
_ESPEAK_RATE, _ESPEAK_PITCH = 1, 3  # numbers of its parameters
_SYNCHRONOUS, _UTF8 = 2, 1


def generator(clip_id: str, part: str) -> np.random.Generator:
    """What draws one part of a clip; parts are drawn independently of each other.

    Example:
        >>> int(generator("a", "sound").integers(100)) == int(generator("a", "sound").integers(100))
        True
    """
    return np.random.default_rng(draw(2**32, clip_id, part))


def picture_times(seconds: float) -> np.ndarray:
    """When each picture of a clip is shown, (T,) s.

    Example:
        >>> len(picture_times(3.0))
        24
    """
    return np.arange(round(seconds * RATE)) / RATE


def seen_times(seconds: float) -> np.ndarray:
    """When the pictures are shown that `media.open_clip` takes of a clip: those that the captioner sees.

    Example:
        >>> len(seen_times(3.0))
        6
    """
    times = picture_times(seconds)
    return times[frame_places(len(times), frame_count(len(times), RATE))]


def pictures(facts: Facts, clip_id: str, times: np.ndarray) -> np.ndarray:
    """Pictures of a clip at some times.

    Args:
        facts: what they show.
        clip_id: draws places, sizes, speeds and brightness.
        times: (T,) s.

    Returns:
        (T, 3, 84, 84) uint8.

    Example:
        >>> facts = Facts("sea", "red", "circle", "left", "static", "low", True, 3.0)
        >>> pictures(facts, "a", np.array([0.0, 1.0])).shape
        (2, 3, 84, 84)
    """
    random = generator(clip_id, "picture")
    field = _background(facts.background, random)
    middle = facts.seconds / 2
    # The camera: how many pixels of the background a second it pans, and how much more of it a second it sees (log).
    pan = np.array(_PAN.get(facts.camera, (0, 0))) * random.uniform(7, 10)
    zoom = _ZOOM.get(facts.camera, 0) * random.uniform(0.18, 0.24)
    scale = random.uniform(0.8, 1.05)
    reach = SIDE / 2 * scale * np.exp(abs(zoom) * middle) + np.abs(pan) * middle
    centre = random.uniform(reach, _FIELD - 1 - reach)
    # The object: its way is never longer than the picture, whatever the clip's length.
    size = random.uniform(36, 44)
    speed = min(random.uniform(9, 14), 66 / facts.seconds)
    place = SIDE / 2 + random.uniform(-9, 9, 2)
    step = np.array(_STEP[facts.direction])
    gain = random.uniform(0.85, 1.1)
    shots = []
    for time in times - middle:
        picture = _seen(field, centre + pan * time, scale * np.exp(zoom * time))
        _draw_object(picture, facts, place + step * speed * time, size)
        shots.append(picture)
    return np.clip(np.stack(shots) * gain, 0, 255).astype(np.uint8).transpose(0, 3, 1, 2)


def _background(kind: str, random: np.random.Generator) -> np.ndarray:
    """A wide view without any period, so that wherever the camera turns it sees something else; (192, 192, 3).

    Specks of one colour lie all over it: what moves is seen by them.
    """
    ground, speck, (high, wide) = _GROUND[kind]
    grain = 5 * _noise(random, 27, 27) + 12 * _noise(random, 5, 5)
    if kind == "meadow":
        grain += 8 * _noise(random, 16, 60)
    elif kind == "desert":
        grain += 8 * _noise(random, 47, 8)
    elif kind == "sea":
        grain += 8 * _noise(random, 40, 13)
    elif kind == "wall":
        grain += _stones(random)
    view = np.array(ground, np.float32) + (0.25 if kind == "sky" else 1) * grain[..., None]
    for row, column in random.integers(0, _FIELD, (_FIELD**2 // 600, 2)):
        view[row : row + high, column : column + wide] = speck
    return np.clip(view, 0, 255).astype(np.float32)


def _noise(random: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Smooth noise with so many bumps down and across, (192, 192)."""
    values = random.normal(size=(rows, columns)).astype(np.float32)
    low, share = _low_and_share(np.linspace(0, rows - 1, _FIELD), rows)
    values = values[low] + share[:, None] * (values[low + 1] - values[low])
    low, share = _low_and_share(np.linspace(0, columns - 1, _FIELD), columns)
    return values[:, low] + share * (values[:, low + 1] - values[:, low])


def _low_and_share(places: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Places between `count` values in a line: which value lies before each, and how much of the next one it has."""
    places = np.clip(places, 0, count - 1).astype(np.float32)
    low = np.minimum(places.astype(int), count - 2)
    return low, places - low


def _stones(random: np.random.Generator) -> np.ndarray:
    stones = np.full((_FIELD, _FIELD), -40, np.float32)  # the joints
    top = 0
    while top < _FIELD:
        high, left = int(random.integers(13, 28)), -int(random.integers(0, 30))
        while left < _FIELD:
            wide = int(random.integers(16, 44))
            stones[top + 2 : top + high, max(0, left + 2) : max(0, left + wide)] = random.normal(0, 12)
            left += wide
        top += high
    return stones


def _seen(field: np.ndarray, centre: np.ndarray, scale: float) -> np.ndarray:
    """The part of a field around (x, y) that the camera sees, (84, 84, 3)."""
    offsets = (np.arange(SIDE) - (SIDE - 1) / 2) * scale
    low, share = _low_and_share(centre[1] + offsets, _FIELD)
    view = field[low] + share[:, None, None] * (field[low + 1] - field[low])
    low, share = _low_and_share(centre[0] + offsets, _FIELD)
    return view[:, low] + share[:, None] * (view[:, low + 1] - view[:, low])


def _draw_object(picture: np.ndarray, facts: Facts, centre: np.ndarray, size: float) -> None:
    """Draw the object with a dark edge, which tells it from a background of its colour."""
    columns, rows = np.arange(SIDE) - centre[0], (np.arange(SIDE) - centre[1])[:, None]
    inner = _depth(facts.shape, columns, rows, size / 2)
    for depth, colour in ((inner + 2.5, (20, 20, 20)), (inner, _RGB[facts.colour])):
        share = np.clip(depth + 0.5, 0, 1)[..., None]
        picture += share * (np.array(colour, np.float32) - picture)


def _depth(shape: str, columns: np.ndarray, rows: np.ndarray, half: float) -> np.ndarray:
    """How many pixels inside its edge each pixel is; negative outside."""
    if shape == "circle":
        return half - np.hypot(columns, rows)
    across, down = np.broadcast_arrays(abs(columns), abs(rows))
    if shape == "cross":
        lying, standing = ((half - one, 0.3 * half - other) for one, other in ((across, down), (down, across)))
        return np.maximum(np.minimum(*lying), np.minimum(*standing))
    # Sides that rise twice as fast as they go.
    return np.minimum(0.9 * half - rows, 0.447 * (rows + half) - 0.894 * across)


def soundtrack(facts: Facts, clip_id: str) -> np.ndarray | None:
    """The sound of a clip.

    Args:
        facts: what is heard, and for how long.
        clip_id: draws pitch, loudness and times.

    Returns:
        (N,) float32 at 16 kHz; None where the file has no sound track.

    Example:
        >>> soundtrack(Facts("sea", "red", "circle", "left", "static", "low", True, 3.0), "a").shape
        (48000,)
    """
    if not facts.track:
        return None
    random = generator(clip_id, "sound")
    count = round(facts.seconds * SAMPLE_RATE)
    time = np.arange(count) / SAMPLE_RATE
    loud = random.uniform(0.1, 0.5)
    if facts.sound == "silence":
        track = np.zeros(count)
    elif facts.sound == "noise":
        track = np.clip(random.normal(0, 0.4, count), -1, 1)
    elif facts.sound == "beeps":
        every, length = random.uniform(0.35, 0.5), random.uniform(0.1, 0.16)
        track = _tone(random.uniform(550, 850), time) * ((time + random.uniform(0, every)) % every < length)
    elif facts.sound in WORDS:
        track = _spoken_twice(facts.sound, count, random)
    else:
        track = _tone(random.uniform(*((140, 300) if facts.sound == "low" else (1300, 2600))), time)
    return (loud * track).astype(np.float32)


def _tone(pitch: float, time: np.ndarray) -> np.ndarray:
    return np.sin(2 * np.pi * pitch * time)


def _spoken_twice(word: str, count: int, random: np.random.Generator) -> np.ndarray:
    """A word in one voice, in each half of the track."""
    voices = _voices()[word]
    spoken, track = voices[int(random.integers(len(voices)))], np.zeros(count, np.float32)
    for start, end in ((0, count // 2), (count // 2, count)):
        begin = int(random.integers(start, max(start + 1, end - len(spoken))))
        part = spoken[: count - begin]
        track[begin : begin + len(part)] += part
    return track / max(abs(spoken).max(), 1e-6)


@lru_cache(maxsize=1)
def _voices() -> dict[str, list[np.ndarray]]:
    """Each word in a dozen voices, by espeak-ng.

    All are made at once, in one order, by a copy of the library: what it says depends a little on what it said before,
    in this process and by whomever, and nothing that it offers makes it forget.
    """
    import espeakng_loader as loader

    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        library = ctypes.CDLL(shutil.copy(loader.get_library_path(), folder))
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, str(loader.get_data_path()).encode(), 0)
    pieces: list[np.ndarray] = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    def collect(samples: object, count: int, _: object) -> int:
        if samples and count:
            pieces.append(np.ctypeslib.as_array(samples, (count,)) / np.float32(32768))
        return 0

    library.espeak_SetSynthCallback(collect)
    library.espeak_SetVoiceByName(b"en-us")
    voices: dict[str, list[np.ndarray]] = {word: [] for word in WORDS}
    for word in WORDS:
        for speed in (140, 165, 190):
            for pitch in (20, 40, 60, 80):
                pieces.clear()
                for parameter, value in ((_ESPEAK_RATE, speed), (_ESPEAK_PITCH, pitch)):
                    library.espeak_SetParameter(parameter, value, 0)
                data = word.encode()
                library.espeak_Synth(data, ctypes.c_size_t(len(data) + 1), 0, 0, 0, _UTF8, None, None)
                library.espeak_Synchronize()
                spoken = np.concatenate(pieces)
                times = np.arange(0, len(spoken) / rate, 1 / SAMPLE_RATE)
                voices[word].append(np.interp(times, np.arange(len(spoken)) / rate, spoken).astype(np.float32))
    return voices


def write_clip(path: Path, facts: Facts, clip_id: str) -> None:
    """Write a clip as a file; the same clip has the same bytes.

    Args:
        path: of an .mp4; it is there once it is whole.
        facts, clip_id: see `pictures` and `soundtrack`.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "a.mp4")
        >>> write_clip(path, Facts("sea", "red", "circle", "left", "static", "low", True, 3.0), "a")
        >>> path.stat().st_size > 1000
        True
    """
    import av

    track, partial = soundtrack(facts, clip_id), path.with_suffix(".partial")
    with av.open(str(partial), "w", format="mp4") as container:
        film = container.add_stream("libx264", rate=RATE, options=_FILM)
        film.width, film.height, film.pix_fmt = SIDE, SIDE, "yuv420p"
        sound = None if track is None else container.add_stream("aac", rate=SAMPLE_RATE, layout="mono", options=_SOUND)
        for picture in pictures(facts, clip_id, picture_times(facts.seconds)):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture.transpose(1, 2, 0)), format="rgb24")
            container.mux(film.encode(frame))
        container.mux(film.encode())
        if sound is not None:
            samples = av.AudioFrame.from_ndarray(track[None], format="fltp", layout="mono")
            samples.sample_rate, samples.pts = SAMPLE_RATE, 0
            container.mux(sound.encode(samples))
            container.mux(sound.encode())
    partial.replace(path)
