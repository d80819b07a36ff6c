"""Shots: what is a boundary, what is not, and when."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asid_hf.errors import MissingExtraError
from asid_hf.evidence.shots import find_shots
from asid_hf.media import open_clip

pytest.importorskip("cv2", reason="the extra embedded is not installed")

RATE = 12.0


def landscape(seed: int, width: int = 160, height: int = 90) -> np.ndarray:
    """A picture with large and small structure, (height, width, 3) float, 0..255."""
    rng = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3))
    for size, strength in ((30, 60), (10, 30), (5, 15)):
        shape = (-(-height // size), -(-width // size), 3)
        picture += np.kron(rng.normal(0, strength, shape), np.ones((size, size, 1)))[:height, :width]
    return np.clip(picture + 128, 0, 255)


def smooth(seed: int, width: int) -> np.ndarray:
    """A picture without small structure, (90, width, 3) float, 0..255."""
    import cv2

    coarse = np.random.default_rng(seed).uniform(0, 255, (6, width // 16, 3))
    return np.clip(cv2.resize(coarse, (width, 90), interpolation=cv2.INTER_CUBIC), 0, 255)


def take(seed: int, seconds: float = 2.0) -> np.ndarray:
    """A still camera: (M, 90, 160, 3) float with noise."""
    count = round(seconds * RATE)
    return landscape(seed) + np.random.default_rng(seed).normal(0, 3, (count, 90, 160, 3))


def boundaries(*parts: np.ndarray) -> list[float]:
    images = np.clip(np.concatenate(parts), 0, 255).astype(np.uint8)
    duration = len(images) / RATE
    shots = find_shots(images, np.arange(len(images)) / RATE, duration)
    assert shots[0]["start"] == 0 and shots[-1]["end"] == pytest.approx(duration, abs=1e-3)
    assert all(one["end"] == other["start"] for one, other in pairwise(shots))
    return [shot["start"] for shot in shots[1:]]


def mixed(one: np.ndarray, other: np.ndarray, seconds: float) -> np.ndarray:
    share = np.linspace(0, 1, round(seconds * RATE) + 2)[1:-1, None, None, None]
    return one[-1] * (1 - share) + other[0] * share


def test_a_hard_cut_lies_between_its_pictures() -> None:
    assert boundaries(take(1), take(2)) == [pytest.approx(2 - 0.5 / RATE, abs=1e-3)]


def test_one_take_is_one_shot() -> None:
    assert boundaries(take(1, 4)) == []


def test_every_cut_of_a_fast_montage_is_found() -> None:
    assert len(boundaries(*(take(seed, 0.4) for seed in range(6)))) == 5


def test_cuts_between_dark_pictures_are_found() -> None:
    assert len(boundaries(take(1) * 0.25, take(2) * 0.25)) == 1


@pytest.mark.parametrize("seconds", [0.3, 0.6, 1.2])
def test_a_dissolve_is_one_boundary_at_its_middle(seconds: float) -> None:
    one, other = take(1), take(2)
    assert boundaries(one, mixed(one, other, seconds), other) == [pytest.approx(2 + seconds / 2, abs=0.15)]


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("held", [0.0, 0.5, 1.5])
def test_a_fade_through_black_or_white_is_one_boundary(level: int, held: float) -> None:
    one, other, plain = take(1), take(2), np.full((1, 90, 160, 3), float(level))
    fade = (mixed(one, plain, 0.6), plain.repeat(1 + round(held * RATE), 0), mixed(plain, other, 0.6))
    assert boundaries(one, *fade, other) == [pytest.approx(2.6 + held / 2, abs=0.2)]


def test_black_between_two_hard_cuts_is_one_boundary() -> None:
    assert len(boundaries(take(1), np.zeros((8, 90, 160, 3)), take(2))) == 1


def test_black_at_start_and_end_is_no_shot() -> None:
    one, black = take(1), np.zeros((12, 90, 160, 3))
    assert boundaries(black, mixed(black, one, 0.5), one, black) == []


@pytest.mark.parametrize("length", [1, 2, 3])
def test_a_flash_is_no_boundary(length: int) -> None:
    images = take(1, 3)
    images[15 : 15 + length] = 255
    assert boundaries(images) == []


def test_dimmed_light_is_no_boundary() -> None:
    images = take(1, 3)
    images[18:] *= 0.3
    assert boundaries(images) == []


def test_titles_that_come_and_go_are_no_boundary() -> None:
    images = take(1, 4)
    images[10:30, 65:85] = (20, 40, 140)  # a lower third
    images[35:44, 10:60, 90:] = 250  # a card in a corner
    assert boundaries(images) == []


def test_a_passer_by_is_no_boundary() -> None:
    images = take(1, 3)
    for index in range(16):
        left = -80 + 16 * index
        images[8 + index, :, max(left, 0) : max(left + 80, 0)] = landscape(9)[:, :1]
    assert boundaries(images) == []


@pytest.mark.parametrize(("speed", "hold"), [(4, 1), (12, 1), (30, 1), (4, 3), (12, 3)])
def test_a_pan_is_no_boundary(speed: int, hold: int) -> None:
    wall = landscape(3, width=160 + 30 * speed)
    pan = [wall[:, speed * (k - k % hold) :][:, :160] for k in range(30)]
    assert boundaries(np.stack(pan)) == []


def test_shaking_is_no_boundary() -> None:
    wall, rng = landscape(3, 180, 110), np.random.default_rng(0)
    images = [wall[y : y + 90, x : x + 160] for x, y in rng.integers(0, 20, (36, 2))]
    assert boundaries(np.stack(images)) == []


@pytest.mark.parametrize("zoom", [0, 1], ids=["fixed camera", "moving camera"])
def test_a_subject_that_jumps_before_its_background_is_no_boundary(zoom: int) -> None:
    wall, images = landscape(1, 220, 120), []
    for index in range(36):
        image = wall[zoom * index // 2 :, zoom * index :][:90, :160].copy()
        image[:, 25:115] = landscape(9 if index < 18 else 8)[:, 25:115]
        images.append(image)
    assert boundaries(np.stack(images)) == []


def test_letters_that_stay_hide_no_cut() -> None:
    images = np.concatenate([take(1), take(2)])
    images[:, 32:58, 10:150] = landscape(5)[32:58, 10:150]
    assert boundaries(images) == [pytest.approx(2 - 0.5 / RATE, abs=1e-3)]


def test_bars_of_graphics_that_stay_hide_no_cut() -> None:
    images = np.concatenate([take(1), take(2)])
    images[:, :12], images[:, -12:], images[:, 16:30, 130:156] = (
        landscape(5)[:12],
        landscape(5)[-12:],
        landscape(6)[16:30, 130:156],
    )
    assert boundaries(images) == [pytest.approx(2 - 0.5 / RATE, abs=1e-3)]


@pytest.mark.parametrize("shift", [(0, 45), (25, 0), (-18, 35)])
def test_a_jolt_is_no_boundary(shift: tuple[int, int]) -> None:
    wall, (down, right) = landscape(3, 300, 200), shift
    still, jolted = wall[50:140, 70:230], wall[50 + down : 140 + down, 70 + right : 230 + right]
    assert boundaries(np.stack([still] * 15 + [jolted] * 15)) == []


def test_a_jolt_in_changed_light_is_no_boundary() -> None:
    wall = landscape(3, 200)
    assert boundaries(np.stack([wall[:, :160]] * 15 + [wall[:, 25:185] * 0.5] * 15)) == []


@pytest.mark.parametrize("seed", range(4))
def test_moving_past_near_and_far_things_is_no_dissolve(seed: int) -> None:
    far, near = smooth(seed, 260), smooth(seed + 50, 400)
    hidden = smooth(seed + 90, 400).mean(axis=2, keepdims=True) > 150
    images = []
    for index in range(40):
        part = slice(5 * index, 5 * index + 160)
        images.append(np.where(hidden[:, part], near[:, part], far[:, 2 * index : 2 * index + 160]))
    assert boundaries(np.stack(images)) == []


@pytest.mark.parametrize("seed", [0, 3, 5])
def test_a_background_that_passes_behind_a_still_thing_is_no_dissolve(seed: int) -> None:
    far, near = smooth(seed, 480) + landscape(seed, 480) * 0.3 - 38, smooth(seed + 50, 160)
    hidden = smooth(seed + 90, 160).mean(axis=2, keepdims=True) > 128
    images = [np.where(hidden, near, far[:, 3 * index : 3 * index + 160]) for index in range(40)]
    assert boundaries(np.stack(images)) == []


@pytest.mark.parametrize("seconds", [0.4, 0.8, 1.2])
def test_a_dissolve_between_moving_cameras_is_one_boundary(seconds: float) -> None:
    count = round(seconds * RATE)
    one, other, images = landscape(1, 240), landscape(2, 240), []
    for index in range(48):
        share = float(np.clip((index - 20) / (count + 1), 0, 1))
        images.append(one[:, index : index + 160] * (1 - share) + other[:, 60 - index : 220 - index] * share)
    assert boundaries(np.stack(images)) == [pytest.approx((20 + (count + 1) / 2) / RATE, abs=0.25)]


@pytest.mark.parametrize("bars", [np.s_[:, :, 55:105], np.s_[:, 20:70]], ids=["pillarbox", "letterbox"])
def test_black_bars_hide_no_cut(bars: tuple) -> None:
    images = np.concatenate([take(1), take(2)])
    boxed = np.zeros_like(images)
    boxed[bars] = images[bars]
    assert len(boundaries(boxed)) == 1


def test_a_cut_in_a_film_of_few_pictures_is_found() -> None:
    images = np.stack([landscape(1)] * 5 + [landscape(2)] * 5).astype(np.uint8)
    assert len(find_shots(images, np.arange(10) / 3, 10 / 3)) == 2


def test_no_picture_is_no_shot() -> None:
    assert find_shots(np.zeros((0, 90, 160, 3), np.uint8), np.zeros(0), 3.0) == []


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_pictures_are_one_shot(count: int) -> None:
    images = np.zeros((count, 90, 160, 3), np.uint8)
    assert find_shots(images, np.arange(count) / RATE, 1.0) == [{"start": 0.0, "end": 1.0}]


def test_an_unknown_duration_ends_one_picture_after_the_last() -> None:
    shots = find_shots(np.zeros((5, 9, 16, 3), np.uint8), np.arange(5) / 10, float("nan"))
    assert shots == [{"start": 0.0, "end": 0.5}]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 40), st.integers(1, 40), st.integers(0, 99), st.floats(0.01, 3))
def test_any_pictures_give_shots_without_gaps(count: int, height: int, width: int, seed: int, duration: float) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    shots = find_shots(images, np.arange(count) / 10, duration)
    edges = [0.0, *(shot["end"] for shot in shots)]
    assert [shot["start"] for shot in shots] == edges[:-1] and edges[-1] == pytest.approx(duration, abs=1e-3)
    assert edges == sorted(edges)


def test_without_opencv_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtraError, match=r"asid_hf\[embedded\]"):
        find_shots(np.zeros((2, 9, 16, 3), np.uint8), np.arange(2) / 10, 0.2)


@pytest.mark.parametrize(
    ("name", "cuts"),
    [
        ("bikes.mp4", [1.2, 3.04, 5.48, 7.48, 9.68]),
        ("cityCC0.mpg", [4.64]),
        ("trailer_bbb.mp4", [10.0, 14.0, 24.71, 32.0, 36.0, 37.5, 41.17, 43.7, 47.05, 52.0]),
        ("obama_speech.mp4", []),
        ("bigbuckbunny.mp4", []),
        ("small.mp4", []),
        ("park.mp4", []),
        ("world.mp4", []),
    ],
)
def test_real_clips(real_clip: Callable[[str], Path], name: str, cuts: list[float]) -> None:
    clip = open_clip(real_clip(name), analysis=True, frames=False, audio=False)
    shots = find_shots(clip.analysis.images, clip.analysis.times, clip.duration)
    tolerance = 0.25 if name == "trailer_bbb.mp4" else 0.1  # five of its boundaries are fades
    assert [shot["start"] for shot in shots[1:]] == [pytest.approx(cut, abs=tolerance) for cut in cuts]
