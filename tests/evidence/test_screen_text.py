"""Titles drawn on moving pictures with known truth, textures that only look like text, and real clips."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from asid_hf.errors import InputError
from asid_hf.evidence import text_lines
from asid_hf.evidence.screen_text import read_screen_text
from asid_hf.evidence.text_lines import LineReader
from asid_hf.evidence.text_match import SAME_TEXT, same_text
from asid_hf.media import open_clip
from asid_hf.schema import ScreenText, Shot

cv2 = pytest.importorskip("cv2", reason="the extra embedded is not installed")
pytest.importorskip("rapidocr", reason="the extra embedded is not installed")

HEIGHT, WIDTH = 270, 480


def scene(count: int, seed: int = 0) -> np.ndarray:
    """Soft blobs that drift to the left: pictures without text, no two alike."""
    rough = np.random.default_rng(seed).integers(0, 150, (9, 16 + 2 * count), dtype=np.uint8)
    wide = cv2.resize(rough, (WIDTH + 60 * count, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.stack([wide[:, 60 * k : 60 * k + WIDTH] for k in range(count)])


def draw(
    stills: np.ndarray, text: str, shown: range | list[int], at: tuple[int, int] = (40, 200), scale: float = 1.0
) -> None:
    for index in shown:
        cv2.putText(stills[index], text, at, cv2.FONT_HERSHEY_DUPLEX, scale, 255, 2, cv2.LINE_AA)


def read(stills: np.ndarray, shots: list[Shot] | None = None) -> list[ScreenText]:
    return read_screen_text(stills, np.arange(len(stills), dtype=float), shots or [], len(stills) - 0.5)


def summary(entries: list[ScreenText]) -> list[tuple[str, float, float]]:
    return [(entry["text"], entry["start"], entry["end"]) for entry in entries]


def test_a_title_is_read_with_its_time_its_place_and_its_confidence() -> None:
    stills = scene(6)
    draw(stills, "An unlucky bird", range(2, 4))
    [entry] = read(stills)
    assert (entry["text"], entry["start"], entry["end"]) == ("An unlucky bird", 1.5, 3.5)
    inked = np.zeros((1, HEIGHT, WIDTH), np.uint8)
    draw(inked, "An unlucky bird", [0])
    _, rows, columns = np.nonzero(inked)
    truth = np.array([columns.min(), rows.min(), columns.max(), rows.max()]) / (WIDTH, HEIGHT, WIDTH, HEIGHT)
    assert np.abs(np.array(entry["box"]) - truth).max() < 0.04
    assert 0.9 < entry["confidence"] <= 1.0


def test_a_title_of_one_still_is_read() -> None:
    stills = scene(4)
    draw(stills, "Three years later", [2])
    assert summary(read(stills)) == [("Three years later", 1.5, 2.5)]


def test_a_title_from_first_to_last_still_lasts_the_whole_clip() -> None:
    stills = scene(3)
    draw(stills, "BREAKING NEWS", range(3))
    assert summary(read(stills)) == [("BREAKING NEWS", 0.0, 2.5)]


def test_a_cut_sharpens_start_and_end() -> None:
    stills = scene(6)
    draw(stills, "Paris, France", range(2, 4))
    shots = [Shot(start=0.0, end=1.9), Shot(start=1.9, end=3.2), Shot(start=3.2, end=5.5)]
    assert summary(read(stills, shots)) == [("Paris, France", 1.9, 3.2)]


def test_titles_that_change_at_a_cut_meet_there() -> None:
    stills = np.concatenate([scene(3, seed=1), scene(3, seed=2)])
    draw(stills, "Sarah Connor", range(3))
    draw(stills, "Mayor of Oslo", range(3, 6))
    shots = [Shot(start=0.0, end=2.4), Shot(start=2.4, end=5.5)]
    assert summary(read(stills, shots)) == [("Sarah Connor", 0.0, 2.4), ("Mayor of Oslo", 2.4, 5.5)]


def test_two_titles_at_once_are_two_entries_from_top_to_bottom() -> None:
    stills = scene(3)
    draw(stills, "Chapter 3", range(3), at=(60, 70))
    draw(stills, "The Escape", range(1, 3))
    assert summary(read(stills)) == [("Chapter 3", 0.0, 2.5), ("The Escape", 0.5, 2.5)]


def test_a_moving_title_is_one_entry() -> None:
    stills = scene(4)
    for index in range(4):
        draw(stills, "Subscribe now", [index], at=(20 + 45 * index, 220 - 40 * index), scale=0.9)
    assert summary(read(stills)) == [("Subscribe now", 0.0, 3.5)]


def test_a_title_missed_in_one_still_goes_on_and_one_that_comes_back_is_new() -> None:
    stills = scene(9)
    draw(stills, "Level Seven", [0, 2, 7, 8])
    assert summary(read(stills)) == [("Level Seven", 0.0, 2.5), ("Level Seven", 6.5, 8.5)]


def test_a_counter_is_another_text_at_each_number() -> None:
    stills = scene(3)
    for index, clock in enumerate(("12:41:07", "12:41:08", "12:41:09")):
        draw(stills, clock, [index])
    assert [entry["text"] for entry in read(stills)] == ["12:41:07", "12:41:08", "12:41:09"]


def test_what_covers_an_end_for_a_moment_does_not_shorten_the_reading() -> None:
    stills = scene(5)
    draw(stills, "President of Iceland", range(5))
    stills[1, 160:220, 330:] = stills[2, 160:220, 330:] = 120
    [entry] = read(stills)
    assert entry["text"] == "President of Iceland" and (entry["start"], entry["end"]) == (0.0, 4.5)


def test_unchanged_pixels_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read_lines: list[int] = []
    real = LineReader.read

    def counted(self: LineReader, picture: np.ndarray, lines: list[np.ndarray], *margin: float) -> list:
        read_lines.append(len(lines))
        return real(self, picture, lines, *margin)

    monkeypatch.setattr(LineReader, "read", counted)
    stills = scene(6)
    stills[:, 150:230] = 30
    draw(stills, "Live from New York", range(6))
    assert summary(read(stills)) == [("Live from New York", 0.0, 5.5)]
    assert sum(read_lines) == 2  # once, and the second look


def test_a_page_of_print_is_read_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lines, "READ_WIDTH", 700)
    words = ("Salt", "Flour", "Butter", "Sugar", "Milk")
    stills = np.full((6, HEIGHT, WIDTH), 30, np.uint8)
    for row, word in enumerate(words):
        draw(stills, word, range(6), at=(40, 45 + 50 * row))
    entries = read(stills)
    assert sorted(entry["text"] for entry in entries) == sorted(words)


@pytest.mark.parametrize("text", ["A", "7", "-", "..."])
def test_single_characters_and_marks_are_never_reported(text: str) -> None:
    stills = scene(3)
    draw(stills, text, range(3), scale=2.5)
    assert read(stills) == []


def textures() -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    windows = np.full((HEIGHT, WIDTH), 20, np.uint8)
    for top in range(20, 240, 18):
        for left in range(60, 420, 14):
            windows[top : top + 10, left : left + 9] = 220 if random.random() < 0.5 else 60
    leaves = np.full((HEIGHT, WIDTH), 90, np.uint8)
    for _ in range(900):
        centre = (int(random.integers(WIDTH)), int(random.integers(HEIGHT)))
        axes = (int(random.integers(3, 12)), int(random.integers(2, 5)))
        cv2.ellipse(leaves, centre, axes, float(random.integers(180)), 0, 360, int(random.integers(30, 220)), -1)
    rings = np.full((HEIGHT, WIDTH), 40, np.uint8)
    for left in range(60, 420, 48):
        cv2.circle(rings, (left, 135), 18, 210, 6, cv2.LINE_AA)
    noise = random.integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    stripes = np.tile((np.arange(WIDTH) // 8 % 2 * 200).astype(np.uint8), (HEIGHT, 1))
    return {"windows": windows, "leaves": leaves, "rings": rings, "noise": noise, "stripes": stripes}


@pytest.mark.parametrize("name", list(textures()))
def test_textures_are_no_text(name: str) -> None:
    texture = textures()[name]
    assert read(np.stack([np.roll(texture, 5 * k, axis=1) for k in range(3)])) == []
    assert read(np.stack([texture] * 3)) == []


def test_flat_pictures_need_no_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lines, "line_reader", lambda: pytest.fail("a reader was made"))
    assert read(np.full((3, 90, 160), 16, np.uint8)) == []


@pytest.mark.parametrize("shape", [(0, 90, 160), (1, 1, 1), (2, 3, 500), (1, 90, 0)])
def test_odd_shapes_have_no_text(shape: tuple[int, int, int]) -> None:
    stills = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert read_screen_text(stills, np.arange(shape[0]) / 10, [], 0.3) == []


def test_a_clip_of_one_still_is_read_for_its_whole_length() -> None:
    stills = scene(1)
    draw(stills, "One still only", [0])
    entries = read_screen_text(stills, np.array([0.0]), [Shot(start=0.0, end=0.3)], 0.3)
    assert summary(entries) == [("One still only", 0.0, 0.3)]


@pytest.mark.parametrize(
    "stills, times, duration, message",
    [
        (np.zeros((2, 9, 9), np.float32), [0, 1], 2.0, "uint8"),
        (np.zeros((2, 9, 9, 3), np.uint8), [0, 1], 2.0, "stills, height, width"),
        ([[0]], [0], 2.0, "uint8"),
        (np.zeros((2, 9, 9), np.uint8), [0], 2.0, "2 increasing seconds"),
        (np.zeros((2, 9, 9), np.uint8), [1, 1], 2.0, "increasing"),
        (np.zeros((2, 9, 9), np.uint8), [0, np.nan], 2.0, "increasing"),
        (np.zeros((2, 9, 9), np.uint8), [0, 3], 2.0, "within 0 and the duration"),
        (np.zeros((2, 9, 9), np.uint8), [-1, 1], 2.0, "within 0 and the duration"),
        (np.zeros((1, 9, 9), np.uint8), [0], np.nan, "duration"),
    ],
)
def test_input_that_is_not_as_declared_is_refused(stills: object, times: list, duration: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_screen_text(stills, np.array(times), [], duration)


# --- real clips ------------------------------------------------------------------------------------------------------


def read_clip(path: Path, first: int = 0, last: int | None = None) -> list[ScreenText]:
    clip = open_clip(path, analysis=True, frames=False, audio=False)
    stills, times = clip.analysis.stills[first:last], clip.analysis.still_times[first:last]
    return read_screen_text(stills, times, [], clip.duration)


def test_the_lower_third_of_a_small_broadcast_is_read(real_clip: Callable[[str], Path]) -> None:
    title, date = read_clip(real_clip("obama_speech.mp4"))
    assert title["text"] == "PRESIDENT OBAMA STATEMENT ON IRAN"
    assert same_text(date["text"], "JULY 14, 2015") == 1.0
    for entry in (title, date):
        assert abs(entry["start"] - 2.6) <= 0.5 and entry["end"] > 8.5 and entry["box"][1] > 0.8


def test_a_dim_roof_sign_is_read_and_nothing_is_invented_around_it(real_clip: Callable[[str], Path]) -> None:
    [entry] = read_clip(real_clip("bikes.mp4"))
    assert same_text(entry["text"], "TAXI") >= SAME_TEXT and entry["start"] <= 3.0 <= entry["end"]


@pytest.mark.parametrize("name", ["small.mp4", "park.mp4", "bigbuckbunny.mp4", "cityCC0.mpg", "world.mp4"])
def test_footage_without_text_gives_none(real_clip: Callable[[str], Path], name: str) -> None:
    assert read_clip(real_clip(name), last=8) == []
