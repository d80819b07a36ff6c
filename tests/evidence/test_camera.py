"""Camera: moves of known kind and size, and what must not be taken for one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from asid_hf.errors import MissingExtraError
from asid_hf.evidence.camera import measure_camera
from asid_hf.evidence.shots import find_shots
from asid_hf.media import open_clip
from asid_hf.schema import CAMERA_MOTIONS, CameraMove

cv2 = pytest.importorskip("cv2", reason="the extra embedded is not installed")

RATE = 12.0
WIDTH, HEIGHT = 160, 90
MARGIN = 200  # pixels of wall around the picture


def wall(seed: int = 0) -> np.ndarray:
    """A textured wall around a picture of 160 x 90, smooth enough to be followed between pixels."""
    rng = np.random.default_rng(seed)
    shape = (HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN)
    picture = np.full((*shape, 3), 128, np.float32)
    for size, strength in ((40, 40), (12, 40), (6, 30)):
        blocks = rng.normal(0, strength, (shape[0] // size + 1, shape[1] // size + 1, 3)).astype(np.float32)
        picture += cv2.resize(blocks, shape[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(picture, 0, 255)


def film(x: np.ndarray, y: np.ndarray, zoom: np.ndarray, seed: int = 0) -> np.ndarray:
    """Pictures (M, 90, 160, 3) float of the wall moved by x widths right, y heights down and scaled by exp(zoom)."""
    background = wall(seed)
    pictures = []
    for right, down, scale in zip(x * WIDTH, y * HEIGHT, np.exp(zoom), strict=True):
        matrix = np.float32(
            [
                [1 / scale, 0, MARGIN + WIDTH / 2 - (right + WIDTH / 2) / scale],
                [0, 1 / scale, MARGIN + HEIGHT / 2 - (down + HEIGHT / 2) / scale],
            ]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        pictures.append(cv2.warpAffine(background, matrix, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REFLECT))
    return np.stack(pictures) + np.random.default_rng(1).normal(0, 2, (len(x), HEIGHT, WIDTH, 3))


def clock(seconds: float) -> np.ndarray:
    return np.arange(round(seconds * RATE)) / RATE


def moved(x: object = 0.0, y: object = 0.0, zoom: object = 0.0, seconds: float = 3.0) -> np.ndarray:
    return film(*(np.broadcast_to(value, len(clock(seconds))) for value in (x, y, zoom)))


def measured(images: np.ndarray, still: bool = False) -> list[CameraMove]:
    images = np.clip(images, 0, 255).astype(np.uint8)
    times = np.arange(len(images)) / RATE
    moves = measure_camera(images, times, [{"start": 0.0, "end": len(images) / RATE}])
    for move in moves:
        assert move["motion"] in CAMERA_MOTIONS and 0 <= move["confidence"] <= 1 and move["magnitude"] >= 0
        assert 0 <= move["start"] < move["end"] <= len(images) / RATE
    return [move for move in moves if still or move["motion"] != "static"]


@pytest.mark.parametrize("speed", [0.05, 0.12, 0.4])
@pytest.mark.parametrize(
    ("motion", "axis", "sign"),
    [
        ("pan_left", "x", 1),
        ("pan_right", "x", -1),
        ("tilt_up", "y", 1),
        ("tilt_down", "y", -1),
        ("zoom_in", "zoom", 1),
        ("zoom_out", "zoom", -1),
    ],
)
def test_each_move_is_named_and_sized(motion: str, axis: str, sign: int, speed: float) -> None:
    (move,) = measured(moved(**{axis: sign * speed * clock(3)}))
    assert move["motion"] == motion
    assert move["magnitude"] == pytest.approx(speed * 3, rel=0.1)
    assert (move["start"], move["end"]) == (0.0, 3.0)
    assert move["confidence"] > 0.8


def test_a_camera_at_rest_is_static() -> None:
    (move,) = measured(moved(), still=True)
    assert (move["motion"], move["start"], move["end"], move["magnitude"]) == ("static", 0.0, 3.0, 0.0)


def test_a_move_between_rests_has_its_own_times() -> None:
    images = moved(x=np.clip(clock(4) - 1, 0, 1.5) * 0.3, seconds=4)
    still, pan, rest = measured(images, still=True)
    assert [still["motion"], pan["motion"], rest["motion"]] == ["static", "pan_left", "static"]
    assert pan["start"] == pytest.approx(1, abs=0.3) and pan["end"] == pytest.approx(2.5, abs=0.3)


@pytest.mark.parametrize("speed", [1.5, 3.0])
def test_a_whip_pan_is_caught(speed: float) -> None:
    images = moved(x=np.clip(clock(2) - 0.8, 0, 0.4) * -speed, seconds=2)
    (move,) = measured(images)
    assert move["motion"] == "pan_right" and move["magnitude"] == pytest.approx(0.4 * speed, rel=0.15)


def test_there_and_back_are_two_moves() -> None:
    moves = measured(moved(x=0.3 * np.abs(clock(4) - 2), seconds=4))
    assert [move["motion"] for move in moves] == ["pan_right", "pan_left"]


def test_a_diagonal_is_a_pan_and_a_tilt() -> None:
    moves = measured(moved(x=0.2 * clock(3), y=-0.3 * clock(3)))
    assert {move["motion"] for move in moves} == {"pan_left", "tilt_down"}


def test_a_small_side_effect_is_not_a_move_of_its_own() -> None:
    (move,) = measured(moved(x=0.4 * clock(3), y=0.04 * clock(3)))
    assert move["motion"] == "pan_left"


@pytest.mark.parametrize("hold", [2, 3])
def test_animation_with_repeated_pictures_moves_steadily(hold: int) -> None:
    index = np.arange(36)
    (move,) = measured(moved(x=0.3 * (index - index % hold) / RATE))
    assert move["motion"] == "pan_left" and move["magnitude"] == pytest.approx(0.9, rel=0.12)


def test_a_shaking_camera_is_shake_and_no_move() -> None:
    x, y = np.random.default_rng(2).normal(0, 0.012, (2, 48))
    (move,) = measured(moved(x=x, y=y, seconds=4))
    assert move["motion"] == "shake" and 0.1 < move["magnitude"] < 0.4


def test_a_thing_that_passes_is_no_move() -> None:
    images, thing = moved(), wall(5)[:60, :60]
    for index, picture in enumerate(images):
        left = 4 * index - 40
        inside = slice(max(left, 0), max(min(left + 60, WIDTH), 0))
        picture[30:, inside] = thing[:, max(-left, 0) :][:, : inside.stop - inside.start]
    (move,) = measured(images, still=True)
    assert move["motion"] == "static"


def test_a_camera_that_follows_a_person_pans() -> None:
    images = moved(x=-0.2 * clock(3))
    images[:, 20:, 50:110] = wall(5)[:70, :60]
    (move,) = measured(images)
    assert move["motion"] == "pan_right" and move["magnitude"] == pytest.approx(0.6, rel=0.1)


def test_titles_and_bars_do_not_stop_a_tilt() -> None:
    images = moved(y=-0.2 * clock(3))
    images[:, :11] = images[:, -11:] = 0
    images[:, 60:75, 20:140] = np.where(wall(7)[:15, :120, :1] > 128, 255, 20)
    (move,) = measured(images)
    assert move["motion"] == "tilt_down" and move["magnitude"] == pytest.approx(0.6, rel=0.1)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_nothing_is_claimed_of_plain_pictures(level: int) -> None:
    images = np.full((36, HEIGHT, WIDTH, 3), float(level)) + np.random.default_rng(0).normal(0, 1.5, (36, 90, 160, 1))
    assert measured(images, still=True) == []


def test_a_thing_that_moves_on_a_plain_ground_is_no_move() -> None:
    images, thing = np.full((36, HEIGHT, WIDTH, 3), 90.0), wall(5)[:50, :50]
    for index, picture in enumerate(images):
        picture[20:70, 20 + 2 * index : 70 + 2 * index] = thing
    assert measured(images) == []


def test_a_turning_globe_is_no_move() -> None:
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -WIDTH / HEIGHT : WIDTH / HEIGHT : WIDTH * 1j]
    disc = x**2 + y**2 < 0.9
    row = ((y + 1) / 2 * 200).astype(int)
    longitude = np.arcsin(np.clip(x / np.sqrt(np.maximum(0.9 - y**2, 1e-3)), -1, 1))
    surface, images = wall(3), []
    for turn in 0.2 * clock(4):
        column = ((longitude + turn + np.pi / 2) * 100).astype(int)
        images.append(np.where(disc[..., None], surface[row, np.clip(column, 0, 559)], 0))
    assert measured(np.stack(images)) == []


def test_each_shot_is_measured_alone() -> None:
    images = np.concatenate([moved(x=0.3 * clock(2), seconds=2), moved(zoom=-0.3 * clock(2), seconds=2)[:, ::-1]])
    images = np.clip(images, 0, 255).astype(np.uint8)
    shots = [{"start": 0.0, "end": 1.96}, {"start": 1.96, "end": 4.0}]
    moves = measure_camera(images, np.arange(48) / RATE, shots)
    assert [(move["shot"], move["motion"], move["start"], move["end"]) for move in moves] == [
        (0, "pan_left", 0.0, 1.96),
        (1, "zoom_out", 1.96, 4.0),
    ]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_pictures_give_no_move(count: int) -> None:
    images = np.zeros((count, HEIGHT, WIDTH, 3), np.uint8)
    assert measure_camera(images, np.arange(count) / RATE, [{"start": 0.0, "end": 1.0}]) == []


@pytest.mark.parametrize("size", [(3, 160), (160, 3), (38, 38)])
def test_tiny_pictures_give_no_move(size: tuple[int, int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, *size, 3), dtype=np.uint8)
    assert measure_camera(images, np.arange(20) / RATE, [{"start": 0.0, "end": 2.0}]) == []


def test_times_that_do_not_advance_do_no_harm() -> None:
    images = moved().astype(np.uint8)
    assert measure_camera(images, np.zeros(len(images)), [{"start": 0.0, "end": 3.0}]) == []


def test_without_opencv_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtraError, match=r"asid_hf\[embedded\]"):
        measure_camera(np.zeros((20, 90, 160, 3), np.uint8), np.arange(20) / RATE, [{"start": 0.0, "end": 2.0}])


def real_moves(path: Path) -> list[CameraMove]:
    clip = open_clip(path, analysis=True, frames=False, audio=False)
    shots = find_shots(clip.analysis.images, clip.analysis.times, clip.duration)
    return measure_camera(clip.analysis.images, clip.analysis.times, shots)


@pytest.mark.parametrize("name", ["obama_speech.mp4", "small.mp4", "park.mp4"])
def test_real_clips_without_a_move(real_clip: Callable[[str], Path], name: str) -> None:
    assert {move["motion"] for move in real_moves(real_clip(name))} == {"static"}


def test_the_real_globe_is_no_move(real_clip: Callable[[str], Path]) -> None:
    assert {move["motion"] for move in real_moves(real_clip("world.mp4"))} <= {"static"}


@pytest.mark.parametrize(
    ("name", "shot", "motion", "magnitude"),
    [
        ("bikes.mp4", 2, "tilt_down", 0.18),
        ("cityCC0.mpg", 0, "zoom_out", 0.17),
    ],
)
def test_real_moves(
    real_clip: Callable[[str], Path], name: str, shot: int, motion: str, magnitude: float
) -> None:  # measured with SIFT at full size
    (move,) = [move for move in real_moves(real_clip(name)) if move["shot"] == shot and move["motion"] != "static"]
    assert move["motion"] == motion and move["magnitude"] == pytest.approx(magnitude, rel=0.25)
