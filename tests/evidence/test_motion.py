"""Motion of the whole picture: its size and direction, and where nothing can be said."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from asid_hf.errors import MissingExtraError
from asid_hf.evidence.motion import BLOCK, Grid, Motion, follow, measure_motion

pytest.importorskip("cv2", reason="the extra embedded is not installed")

HEIGHT, WIDTH = 90, 160


def wall() -> np.ndarray:
    """(400, 400, 3) textured blocks of 8 pixels."""
    return np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)


def cut(right: int, down: int) -> np.ndarray:
    """What a camera sees that stands so many pixels right and down on the wall."""
    return wall()[down : down + HEIGHT, right : right + WIDTH]


def grid_over(images: np.ndarray) -> Grid:
    grid = Grid.over(images, picture=(HEIGHT, WIDTH))
    assert grid is not None
    return grid


def test_shifts_are_measured_in_widths_to_the_right_and_heights_down() -> None:
    images = np.stack([cut(20, 20), cut(12, 29)])
    motion = measure_motion(images, [(0, 1), (1, 0), (0, 0)], grid_over(images))
    assert motion.travel[0] == pytest.approx([8 / WIDTH, -8 / WIDTH, 0], abs=0.002)
    assert motion.travel[1] == pytest.approx([-9 / HEIGHT, 9 / HEIGHT, 0], abs=0.002)
    assert motion.travel[2] == pytest.approx([0, 0, 0], abs=0.01)
    assert motion.support.min() > 0.5


def test_a_large_shift_is_found_from_a_guess() -> None:
    images = np.stack([cut(0, 0), cut(48, 0)])
    guessed = measure_motion(images, [(0, 1)], grid_over(images), guess=True)
    assert guessed.travel[0] == pytest.approx([-48 / WIDTH], abs=0.005)


def test_a_pair_too_far_apart_is_followed_through_the_pictures_between() -> None:
    images = np.stack([cut(right, 0) for right in range(0, 97, 16)])
    assert measure_motion(images, [(0, 6)], grid_over(images)).support[0] < 0.4
    followed = follow(images, [(0, 6)], grid_over(images))
    assert followed.travel[0] == pytest.approx([-96 / WIDTH], abs=0.01)
    assert followed.support[0] > 0.4


def test_many_pairs_give_what_each_gives_alone() -> None:
    images = np.stack([cut(3 * k % 40, 0) for k in range(BLOCK + 5)])
    pairs = [(k, k + 1) for k in range(BLOCK + 4)]
    motion = follow(images, pairs, grid_over(images))
    for k in (0, BLOCK - 1, BLOCK, BLOCK + 3):
        alone = follow(images, pairs[k : k + 1], grid_over(images))
        for one, part in zip(alone, motion.part(k, k + 1), strict=True):
            np.testing.assert_array_equal(one, part)


def test_plain_pictures_have_nothing_to_follow() -> None:
    images = np.full((2, HEIGHT, WIDTH, 3), 90, np.uint8)
    motion = follow(images, [(0, 1)], grid_over(images))
    assert (motion.support.tolist(), motion.textured.tolist()) == ([0.0], [False])


def test_no_pairs_have_no_motion() -> None:
    images = np.zeros((1, HEIGHT, WIDTH, 3), np.uint8)
    motion = follow(images, [], grid_over(images))
    assert (motion.travel.shape, motion.support.shape) == ((3, 0), (0,))


@pytest.mark.parametrize("size", [(38, 160), (160, 38)])
def test_no_grid_lies_over_tiny_pictures(size: tuple[int, int]) -> None:
    assert Grid.over(np.zeros((1, *size, 3), np.uint8), picture=size) is None


def test_a_part_keeps_pairs_together() -> None:
    motion = Motion(np.arange(12).reshape(3, 4), np.arange(4), np.arange(8).reshape(4, 2, 1), np.arange(4) > 2)
    part = motion.part(2, 4)
    assert part.travel.tolist() == [[2, 3], [6, 7], [10, 11]]
    assert part.agreeing[:, 0, 0].tolist() == [4, 6]
    assert part.textured.tolist() == [False, True]


def test_without_opencv_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    images = np.zeros((2, HEIGHT, WIDTH, 3), np.uint8)
    with pytest.raises(MissingExtraError, match="embedded"):
        measure_motion(images, [(0, 1)], grid_over(images))
