"""Frames and sound within a number of tokens: the rule as arithmetic, and what an opened clip really takes."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from media_files import make_clip, make_sound

from asid_hf.errors import InputError, MediaError
from asid_hf.media import Clip, open_clip
from asid_hf.media_budget import Budget, Fit, audio_tokens, fit_frames, frame_size, picture_tokens, smart_resize

SIDES = st.integers(1, 3000)
COUNTS = st.one_of(st.just(1), st.integers(1, 384).map(lambda pairs: 2 * pairs))
SAMPLES = st.one_of(st.just(0), st.integers(1, 16000 * 600))
TOKENS = st.integers(1, 60000)


@st.composite
def shapes(draw: Any) -> tuple[int, int]:
    """(height, width), one side at most 200 times the other."""
    height = draw(SIDES)
    return height, draw(st.integers(max(1, math.ceil(height / 200)), height * 200))


@st.composite
def limits(draw: Any) -> dict[str, int]:
    least = draw(st.integers(1, 300 * 784))
    most = draw(st.integers(least, 800 * 784))
    return {"min_pixels": least, "frame_pixels": most, "total_pixels": draw(st.integers(784, 40_000_000))}


def taken(fit: Fit, samples: int = 0) -> int:
    return picture_tokens(fit.count, *fit.size) + audio_tokens(samples)


def size_within(most: int, shape: tuple[int, int], given: dict[str, int]) -> tuple[int, int]:
    """What the reference gives within so many pixels; strips, on which it fails, are cut to them."""
    size = smart_resize(*shape, 28, given["min_pixels"], most)
    if min(size) == 28:
        size = tuple(min(side, max(28, most // 784 * 28)) for side in size)
    return size


def least_size(shape: tuple[int, int], given: dict[str, int]) -> tuple[int, int]:
    """The size of frames without number."""
    return size_within(min(given["frame_pixels"], int(given["min_pixels"] * 1.05)), shape, given)


def fit_or_raise(budget: Budget, shape: tuple[int, int], count: int, samples: int) -> Fit | None:
    try:
        return fit_frames(budget, *shape, count, samples)
    except MediaError as error:
        assert error.reason == "too_large"
        return None


# --- the rule ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("samples", "tokens"),
    [(0, 0), (1, 0), (320, 0), (321, 1), (960, 1), (961, 2), (16000, 25), (16001, 25), (480000, 750), (9600000, 15000)],
)
def test_sound_takes_25_tokens_a_second(samples: int, tokens: int) -> None:
    assert audio_tokens(samples) == tokens


@pytest.mark.parametrize(("count", "tokens"), [(0, 0), (1, 480), (2, 480), (4, 960), (768, 184320)])
def test_a_pair_of_frames_takes_a_token_for_each_patch(count: int, tokens: int) -> None:
    assert picture_tokens(count, 448, 840) == tokens


@given(shapes(), limits(), COUNTS, SAMPLES, TOKENS)
def test_what_is_fitted_fits_and_what_does_not_fit_says_what_would(
    shape: tuple, given: dict, count: int, samples: int, tokens: int
) -> None:
    budget = Budget(**given, max_tokens=tokens)
    try:
        fit = fit_frames(budget, *shape, count, samples)
    except MediaError as error:
        needed = int(re.search(r"needs (\d+) tokens", str(error))[1])
        assert needed == picture_tokens(2, *least_size(shape, given)) + audio_tokens(samples) > tokens
        fit = fit_frames(Budget(**given, max_tokens=needed), *shape, count, samples)
        assert fit.count == min(count, 2)
        tokens = needed
    assert taken(fit, samples) <= tokens
    assert 1 <= fit.count <= count and (fit.count == count or fit.count % 2 == 0)
    assert all(side % 28 == 0 and side > 0 for side in fit.size)
    assert math.prod(fit.size) >= math.prod(least_size(shape, given))


@given(shapes(), limits(), COUNTS, SAMPLES, TOKENS)
def test_nothing_is_lowered_without_need_and_all_that_is_is_named(
    shape: tuple, given: dict, count: int, samples: int, tokens: int
) -> None:
    ordinary = Fit(count, frame_size(*shape, max(2, count), **given))
    assert fit_frames(Budget(**given), *shape, count, samples) == ordinary
    fit = fit_or_raise(Budget(**given, max_tokens=tokens), shape, count, samples)
    if fit is None:
        return
    assert (fit == ordinary) == (taken(ordinary, samples) <= tokens)
    assert ("rate" in fit.fitted) == (fit.count < count)
    assert ("resolution" in fit.fitted) == (math.prod(fit.size) < math.prod(ordinary.size))
    if fit.count < count:  # the resolution goes first: not even at the least were there room for two frames more
        assert picture_tokens(fit.count + 2, *least_size(shape, given)) + audio_tokens(samples) > tokens


@given(shapes(), limits(), COUNTS, SAMPLES, TOKENS, st.integers(0, 5000), st.integers(0, 100000))
def test_more_tokens_or_less_sound_never_give_fewer_frames_nor_smaller_ones_of_the_same_count(
    shape: tuple, given: dict, count: int, samples: int, tokens: int, more: int, less: int
) -> None:
    fit = fit_or_raise(Budget(**given, max_tokens=tokens), shape, count, samples)
    if fit is None:
        return
    richer = fit_frames(Budget(**given, max_tokens=tokens + more), *shape, count, samples)
    quieter = fit_frames(Budget(**given, max_tokens=tokens), *shape, count, max(0, samples - less))
    for other in (richer, quieter):
        assert (other.count, math.prod(other.size)) >= (fit.count, math.prod(fit.size))


@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 12), st.integers(1, 2000), st.data())
def test_the_size_is_the_largest_that_fits(high: int, wide: int, pairs: int, tokens: int, data: Any) -> None:
    if max(high, wide) > 200 * min(high, wide):
        return
    least = data.draw(st.integers(784, 20 * 784))
    given = {"min_pixels": least, "frame_pixels": data.draw(st.integers(least, 40 * 784)), "total_pixels": 1e12}
    fit = fit_or_raise(Budget(**given, max_tokens=tokens), (high, wide), 2 * pairs, 0)
    if fit is None or not fit.fitted:
        return
    floor = min(given["frame_pixels"], int(least * 1.05))
    sizes = {
        size_within(most, (high, wide), given)
        for most in {*range(floor, given["frame_pixels"] + 1, 97), given["frame_pixels"], floor}
    }
    fitting = [size for size in sizes if picture_tokens(fit.count, *size) <= tokens]
    assert math.prod(fit.size) >= max(map(math.prod, fitting))


@given(st.integers(1, 40), st.integers(1, 40), COUNTS, SAMPLES, TOKENS)
def test_frames_that_have_a_size_keep_it_or_shrink(high: int, wide: int, count: int, samples: int, tokens: int) -> None:
    size = (28 * high, 28 * wide)
    try:
        fit = fit_frames(Budget(max_tokens=tokens), *size, count, samples, size=size)
    except MediaError:
        return
    assert taken(fit, samples) <= tokens
    assert math.prod(fit.size) <= math.prod(size)
    if picture_tokens(count, *size) + audio_tokens(samples) <= tokens:
        assert fit == Fit(count, size)


def test_sound_alone_is_never_cut() -> None:
    assert fit_frames(Budget(max_tokens=250), 0, 0, 0, 160000) == Fit(0, (0, 0))
    with pytest.raises(MediaError, match=r"clip\.mp4 needs 250 tokens at least for its sound, max_tokens is 249"):
        fit_frames(Budget(max_tokens=249), 0, 0, 0, 160000, name="clip.mp4")


@pytest.mark.parametrize("wrong", [0, -5])
def test_no_tokens_at_all_are_a_mistake(wrong: int) -> None:
    with pytest.raises(InputError, match="max_tokens"):
        open_clip("never looked at.mp4", max_tokens=wrong)


# --- opened clips -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fit")


@pytest.fixture(scope="module")
def film(folder: Path) -> Path:
    """10 s: 20 frames of 364 x 644 (2990 tokens; 1200 at the least size) and sound of 250 tokens."""
    return make_clip(folder / "film.mp4", 10.0, size=(640, 360), tone=440.0)


def tokens_of(clip: Clip) -> int:
    pictures = 0 if clip.frames is None else picture_tokens(len(clip.frames), *clip.frames.shape[2:])
    return pictures + (0 if clip.audio is None else audio_tokens(len(clip.audio)))


def test_a_clip_that_fits_is_the_same_clip(film: Path) -> None:
    whole = open_clip(film)
    fitted = open_clip(film, max_tokens=tokens_of(whole) + 10)
    assert (fitted.fitted, whole.fitted) == ((), ())
    assert np.array_equal(fitted.frames, whole.frames)
    assert np.array_equal(fitted.audio, whole.audio)


@pytest.mark.parametrize(
    ("max_tokens", "lowered", "count"),
    [
        (3200, ("resolution",), 20),
        (1500, ("resolution",), 20),
        (1000, ("resolution", "rate"), 12),
        (400, ("resolution", "rate"), 2),
    ],
)
def test_a_clip_is_lowered_to_what_its_tokens_allow(film: Path, max_tokens: int, lowered: tuple, count: int) -> None:
    clip = open_clip(film, max_tokens=max_tokens)
    assert (clip.fitted, len(clip.frames)) == (lowered, count)
    assert tokens_of(clip) <= max_tokens
    assert np.array_equal(clip.audio, open_clip(film).audio)
    assert clip.frame_times[0] == 0 and clip.frame_times[-1] == pytest.approx(9.9)


def test_what_is_not_read_takes_no_tokens(film: Path) -> None:
    assert open_clip(film, max_tokens=2990, audio=False).fitted == ()
    assert open_clip(film, max_tokens=260, frames=False).fitted == ()
    assert open_clip(film, max_tokens=1, frames=False, audio=False).fitted == ()
    assert open_clip(film, max_tokens=2989, audio=False).fitted == ("resolution",)


def test_a_clip_that_cannot_be_fitted_says_what_it_needs_and_what_to_do(film: Path) -> None:
    with pytest.raises(MediaError) as caught:
        open_clip(film, max_tokens=300)
    assert caught.value.reason == "too_large"
    needed = int(re.search(r"needs (\d+) tokens", str(caught.value))[1])
    assert tokens_of(open_clip(film, max_tokens=needed)) <= needed
    for said in (film.name, "max_tokens is 300", "start and end"):
        assert said in str(caught.value)
    assert tokens_of(open_clip(film, max_tokens=300, start=4, end=6)) <= 300


def test_sound_alone_that_does_not_fit_is_refused(folder: Path) -> None:
    path = make_sound(folder / "alone.wav", 4.0)
    assert open_clip(path, max_tokens=100).audio is not None
    with pytest.raises(MediaError, match="needs 100 tokens"):
        open_clip(path, max_tokens=99)


@pytest.mark.parametrize("size", [(96, 64), (16, 2), (2, 16), (300, 20), (20, 3000), (40, 30)])
@pytest.mark.parametrize("max_tokens", [300, 260, 200, 150])
def test_oblong_and_tiny_pictures_fit_too(folder: Path, size: tuple, max_tokens: int) -> None:
    path = folder / f"{size[0]}x{size[1]}.mkv"
    if not path.exists():
        make_clip(path, 1.0, size=size, tone=300.0)
    try:
        clip = open_clip(path, max_tokens=max_tokens)
    except MediaError as error:
        assert error.reason == "too_large"
    else:
        assert tokens_of(clip) <= max_tokens


def test_one_picture_is_a_pair(folder: Path) -> None:
    path = make_clip(folder / "one.mp4", 0.1, size=(640, 360))
    clip = open_clip(path, max_tokens=150)
    assert (len(clip.frames), clip.fitted) == (2, ("resolution",))
    assert 120 <= tokens_of(clip) <= 150


@pytest.mark.parametrize("name", ["world.mp4", "trailer_bbb.mp4", "cityCC0.mpg", "obama_speech.mp4"])
def test_real_clips_fit(real_clip: Any, name: str) -> None:
    for max_tokens in (1500, 4000, 9000):
        clip = open_clip(real_clip(name), max_tokens=max_tokens)
        assert tokens_of(clip) <= max_tokens
        if clip.fitted:
            assert tokens_of(clip) > 0.8 * max_tokens
