"""Light: levels, changes, temperature and colours a person would name."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asid_hf.evidence.light import measure_light, name_colours, picture_area
from asid_hf.media import open_clip
from asid_hf.schema import COLOUR_TEMPERATURES, COLOURS, LIGHT_LEVELS, LightEvidence

RATE = 10.0


def light_of(levels: np.ndarray | list, seconds: float = 0.0) -> LightEvidence:
    """Light of plain pictures, one a level (grey or red, green, blue), or of one level for `seconds`."""
    colours = np.asarray(levels, dtype=np.uint8)
    if seconds:
        colours = np.repeat(colours[None], round(seconds * RATE), axis=0)
    if colours.ndim == 1:
        colours = np.repeat(colours[:, None], 3, axis=1)
    images = np.broadcast_to(colours[:, None, None], (len(colours), 18, 32, 3))
    return measure_light(images, np.arange(len(images)) / RATE)


@pytest.mark.parametrize(("grey", "level"), [(10, "dark"), (70, "dim"), (130, "normal"), (220, "bright")])
def test_brightness_gives_the_level(grey: int, level: str) -> None:
    light = light_of([grey] * 10)
    assert light["level"] == level and light["brightness"] == pytest.approx(grey / 255, abs=0.002)
    assert light["contrast"] == 0
    assert light["spans"] == [{"start": 0.0, "end": 1.0, "level": level, "brightness": light["brightness"]}]


def test_contrast_is_the_spread_within_pictures() -> None:
    images = np.zeros((5, 90, 160, 3), np.uint8)
    images[:, :, 80:] = 255
    assert measure_light(images, np.arange(5) / RATE)["contrast"] == pytest.approx(0.5, abs=0.01)
    assert light_of([0] * 10 + [255] * 10)["contrast"] == 0


def test_black_bars_do_not_darken() -> None:
    images = np.full((5, 90, 160, 3), 200, np.uint8)
    images[:, :20] = images[:, -20:] = 0
    light = measure_light(images, np.arange(5) / RATE)
    assert light["brightness"] == pytest.approx(200 / 255, abs=0.002)
    assert light["colours"] == [{"name": "grey", "share": 1.0}]


def test_bars_are_found_under_subtitles() -> None:
    images = np.full((5, 90, 160, 3), 120, np.uint8)
    images[:, :12] = images[:, -12:] = 0
    images[2:, -9:-4, 50:110] = 255
    assert picture_area(images) == (slice(12, 78), slice(0, 160))


@pytest.mark.parametrize("scene", ["night", "disc", "black", "one side"])
def test_dark_scenes_have_no_bars(scene: str) -> None:
    images = np.zeros((5, 90, 160, 3), np.uint8)
    y, x = np.mgrid[:90, :160]
    if scene == "night":
        images[:, ((x * 7 + y * 13) % 97 == 0) & (y > 20)] = 255
    elif scene == "disc":
        images[:, (x - 80) ** 2 + (y - 45) ** 2 < 40**2] = 200
    elif scene == "one side":
        images[:, 40:] = 200
    assert picture_area(images) == (slice(0, 90), slice(0, 160))


def test_a_fade_to_black_is_a_change_of_light() -> None:
    light = light_of([*[150] * 20, *range(150, 0, -15), *[0] * 20])
    assert [span["level"] for span in light["spans"]] == ["normal", "dark"]
    assert light["spans"][0]["end"] == light["spans"][1]["start"] == pytest.approx(2.6, abs=0.3)
    assert light["spans"][-1]["end"] == 5.0


def test_flicker_at_the_edge_of_a_level_and_flashes_are_no_change() -> None:
    edge = 0.38 * 255
    flicker = [round(edge + 3 * (-1) ** k) for k in range(30)]
    flicker[10:13] = [255] * 3
    assert len(light_of(flicker)["spans"]) == 1


def test_spans_end_with_the_clip() -> None:
    images = np.full((10, 9, 16, 3), 100, np.uint8)
    assert measure_light(images, np.arange(10) / RATE, 0.95)["spans"][-1]["end"] == 0.95


@pytest.mark.parametrize(
    ("colour", "temperature"),
    [((220, 170, 120), "warm"), ((150, 150, 150), "neutral"), ((110, 140, 190), "cool"), ((60, 160, 60), "neutral")],
)
def test_temperature(colour: tuple[int, int, int], temperature: str) -> None:
    assert light_of(colour, 1)["temperature"] == temperature


def test_what_shows_the_light_outweighs_a_coloured_thing() -> None:
    images = np.full((5, 90, 160, 3), (180, 180, 182), np.uint8)
    images[:, :, :70] = (230, 120, 10)
    assert measure_light(images, np.arange(5) / RATE)["temperature"] == "neutral"


@pytest.mark.parametrize(
    ("name", "colour"),
    [
        ("black", (8, 8, 10)),
        ("grey", (128, 128, 128)),
        ("white", (250, 250, 248)),
        ("red", (200, 20, 20)),
        ("orange", (250, 130, 10)),
        ("brown", (110, 65, 30)),
        ("yellow", (250, 230, 40)),
        ("green", (40, 150, 40)),
        ("green", (50, 70, 25)),
        ("cyan", (60, 220, 220)),
        ("blue", (30, 60, 200)),
        ("blue", (120, 180, 250)),
        ("purple", (120, 40, 160)),
        ("pink", (250, 150, 190)),
    ],
)
def test_colours_have_the_names_people_use(name: str, colour: tuple[int, int, int]) -> None:
    assert COLOURS[name_colours(np.array([colour]) / 255)[0]] == name
    assert light_of(colour, 1)["colours"] == [{"name": name, "share": 1.0}]


def test_dominant_colours_are_the_largest_and_no_trifles() -> None:
    images = np.zeros((5, 100, 100, 3), np.uint8)
    images[:, :60] = (30, 60, 200)
    images[:, 60:95] = (200, 20, 20)
    images[:, 95:] = (250, 230, 40)
    colours = measure_light(images, np.arange(5) / RATE)["colours"]
    assert [colour["name"] for colour in colours] == ["blue", "red"]
    assert colours[0]["share"] == pytest.approx(0.6, abs=0.03)


def test_no_picture_is_neutral() -> None:
    light = measure_light(np.zeros((0, 90, 160, 3), np.uint8), np.zeros(0))
    assert light == {
        "brightness": 0.0,
        "contrast": 0.0,
        "level": "dark",
        "temperature": "neutral",
        "colours": [],
        "spans": [],
    }


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 20), st.integers(1, 20), st.integers(0, 99))
def test_any_pictures_have_light(count: int, height: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    images = (rng.integers(0, 256, (count, height, width, 3)) * rng.random((count, 1, 1, 1))).astype(np.uint8)
    light = measure_light(images, np.arange(count) / RATE, count / RATE)
    assert 0 <= light["brightness"] <= 1 and 0 <= light["contrast"] <= 0.5
    assert light["level"] in LIGHT_LEVELS and light["temperature"] in COLOUR_TEMPERATURES
    spans = light["spans"]
    assert [span["end"] for span in spans[:-1]] == [span["start"] for span in spans[1:]]
    assert spans[0]["start"] == 0 and spans[-1]["end"] == pytest.approx(count / RATE)
    assert all(one["level"] != other["level"] for one, other in pairwise(spans))


@pytest.mark.parametrize(
    ("name", "level", "temperature", "colour"),
    [
        ("world.mp4", "dark", "cool", "black"),
        ("small.mp4", "normal", "warm", "brown"),
        ("obama_speech.mp4", "normal", "warm", "brown"),
        ("cityCC0.mpg", "normal", "cool", "blue"),
        ("bikes.mp4", "normal", "neutral", "grey"),
        ("bigbuckbunny.mp4", "normal", "neutral", "green"),
    ],
)
def test_real_clips(real_clip: Callable[[str], Path], name: str, level: str, temperature: str, colour: str) -> None:
    analysis = open_clip(real_clip(name), analysis=True, frames=False, audio=False).analysis
    light = measure_light(analysis.images, analysis.times)
    assert (light["level"], light["temperature"], light["colours"][0]["name"]) == (level, temperature, colour)
