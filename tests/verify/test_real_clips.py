"""The measuring stages on real clips whose content is known."""

from __future__ import annotations

import re
import subprocess
import sys
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

import pytest

from asid_hf.verify.config import VerifyConfig
from asid_hf.verify.inputs import new_rows
from asid_hf.verify.stage import Chain
from asid_hf.verify.steps import measuring_stages, text_stages

OBAMA = (
    "today after two years of negotiations the united states together with our international partners has achieved some"
).split()
BIKES_CUTS = [1.2, 3.04, 5.48, 7.48, 9.68]


@cache
def measured(path: Path, screen_text: bool = False) -> dict:
    """The row of one clip after all stages; each clip is measured once for all tests of this file.

    Text on screen, the dearest sensor, is read of the clips that have titles, here; of the others in its own tests.
    """
    row = new_rows([path])[0]
    for stage in (Chain(measuring_stages(VerifyConfig(screen_text=screen_text))), *text_stages()):
        batch = stage({column: [value] for column, value in row.items()})
        row.update({column: values[0] for column, values in batch.items()})
    return row


def said(row: dict) -> list[str]:
    return re.findall(r"[a-z']+", " ".join(u["text"] for u in row["transcript"]).lower())


def cuts(row: dict) -> list[float]:
    return [shot["start"] for shot in row["evidence"]["shots"][1:]]


def texts(row: dict) -> str:
    return " | ".join(text["text"] for text in row["evidence"]["screen_text"])


def word_errors(heard: list[str], truth: list[str]) -> float:
    blocks = SequenceMatcher(None, truth, heard, autojunk=False).get_opcodes()
    return sum(max(b - a, d - c) for tag, a, b, c, d in blocks if tag != "equal") / len(truth)


def test_a_speech_is_transcribed_its_caption_line_read_and_no_cut_seen(real_clip) -> None:
    row = measured(real_clip("obama_speech.mp4"), screen_text=True)
    assert row["errors"] == []
    assert word_errors(said(row), OBAMA) <= 0.25
    assert "PRESIDENT OBAMA" in texts(row).upper() and "IRAN" in texts(row).upper()
    assert cuts(row) == []
    assert "negotiations" in row["caption"] and "negotiations" in row["attributes"]["speech"]
    assert row["findings"] == []


def test_mechanical_noise_is_no_speech(real_clip) -> None:
    row = measured(real_clip("small.mp4"))
    assert row["transcript"] == [] and row["errors"] == []
    assert "says" not in row["caption"]


def test_street_montage_shows_its_five_cuts_and_no_speech(real_clip) -> None:
    row = measured(real_clip("bikes.mp4"))
    assert row["errors"] == [] and row["transcript"] == [] and row["has_audio"] is False
    assert cuts(row) == pytest.approx(BIKES_CUTS, abs=0.1)


@pytest.mark.parametrize("name", ["bigbuckbunny.mp4", "park.mp4", "world.mp4"])
def test_clips_without_words_or_cuts(name: str, real_clip) -> None:
    row = measured(real_clip(name))
    assert row["status"] == "kept" and row["errors"] == []
    assert row["transcript"] == []
    assert cuts(row) == []


def test_a_track_of_digital_silence_is_sound_that_is_silent(real_clip) -> None:
    row = measured(real_clip("world.mp4"))
    assert row["has_audio"] is True and row["evidence"]["sound"]["silent"] is True
    assert "silent" in row["attributes"]["speech"]


def test_mpeg2_without_sound_shows_its_cut(real_clip) -> None:
    row = measured(real_clip("cityCC0.mpg"))
    assert row["errors"] == [] and row["has_audio"] is False
    assert cuts(row) == pytest.approx([4.64], abs=0.1)


def test_a_trailer_shows_its_scenes_and_titles(real_clip) -> None:
    row = measured(real_clip("trailer_bbb.mp4"), screen_text=True)
    assert row["errors"] == [] and row["transcript"] == []
    assert len(row["evidence"]["shots"]) >= 10
    titles = [text for text in row["evidence"]["screen_text"] if text["end"] > 9 and text["start"] < 25]
    assert [title["text"] for title in titles] == ["An unlucky bird", "A (slightly overweight) bunny"]
    for title, (start, end) in zip(titles, ((10.0, 14.0), (16.0, 23.0)), strict=True):
        assert abs(title["start"] - start) <= 0.75 and abs(title["end"] - end) <= 0.75


def test_every_time_lies_inside_the_clip(real_clip) -> None:
    for name, titled in (
        ("obama_speech.mp4", True),
        ("bikes.mp4", False),
        ("trailer_bbb.mp4", True),
        ("park.mp4", False),
    ):
        row = measured(real_clip(name), screen_text=titled)
        evidence = row["evidence"]
        spans = [*(evidence["screen_text"] or []), *(evidence["camera"] or []), *evidence["shots"], *row["transcript"]]
        spans += (evidence["sound"] or {"spans": []})["spans"] + evidence["light"]["spans"]
        for span in spans:
            assert 0 <= span["start"] <= span["end"] <= row["duration"] + 1e-6, (name, span)


def test_the_ten_minute_film_fits_in_memory(real_clip) -> None:
    code = (
        "import resource, sys\n"
        "from asid_hf.verify.config import *; from asid_hf.verify.inputs import new_rows\n"
        "from asid_hf.verify.steps import *\n"
        "start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "row = {k: [v] for k, v in new_rows([sys.argv[1]])[0].items()}\n"
        "row = Chain(measuring_stages(VerifyConfig(screen_text=False)))(row)\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "assert row['errors'] == [[]], row['errors']\n"
        "assert row['transcript'] == [[]], row['transcript']\n"
        "print(len(row['evidence'][0]['shots']), (peak - start) // 1024)"
    )
    command = [sys.executable, "-c", code, str(real_clip("bbb.mp4"))]
    scenes, megabytes = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert 100 <= int(scenes) <= 170
    assert int(megabytes) < 1500
