"""Long clips: windows that cover them, and one text on one time axis."""

from __future__ import annotations

import itertools

import pytest

pytest.importorskip("transformers", reason="the packages of the captioner are not installed")

from hypothesis import given
from hypothesis import strategies as st

from asid_hf.anchors import parse_anchors, shift_anchors
from asid_hf.captioner.windows import merge_texts, sentences, windows_of


@given(st.floats(0.1, 5000), st.floats(1, 300), st.floats(0, 0.9))
def test_windows_cover_a_clip_and_overlap_as_they_should(duration: float, window: float, share: float) -> None:
    overlap = round(window * share, 2)
    windows = windows_of(duration, window, overlap)
    assert windows[0][0] == 0
    assert windows[-1][1] == pytest.approx(duration, abs=0.002)
    assert all(end - start <= window + 0.002 for start, end in windows)
    for (_, before), (start, _) in itertools.pairwise(windows):
        assert before - start >= overlap - 0.002


def test_what_two_windows_show_is_told_once_and_not_lost() -> None:
    texts = [
        "A man stands in a hall. At 3s, he waves. At 18s, he sits down.",
        "A man stands in a hall. At 2s, he sits down again. At 9s, he reads. From 12s to 15s, he smiles.",
    ]
    merged = merge_texts(texts, [(0.0, 20.0), (15.0, 35.0)])
    assert merged == (
        "A man stands in a hall. At 3s, he waves. At 18s, he sits down. At 24s, he reads. From 27s to 30s, he smiles."
    )


def test_merged_times_never_go_back_nor_beyond_the_clip() -> None:
    windows = windows_of(100.0, 30.0, 6.0)
    texts = [
        " ".join(f"At {time}s, thing {place} {time} happens." for time in range(0, 30, 4))
        for place in range(len(windows))
    ]
    times = [anchor.times[0] for anchor in parse_anchors(merge_texts(texts, windows))]
    assert times == sorted(times) and times[-1] <= 100
    assert len(times) == len(set(times)) >= 20
    assert max(after - before for before, after in itertools.pairwise(times)) <= 4


def test_times_move_in_every_form_and_lengths_stay() -> None:
    text = (
        "At 3s, a; from 3 to 5 seconds, b. Between 2s and 4s, c, at the 12-second mark. [0:03] d. In the first 5 "
        "seconds, e. At five seconds f for five seconds, around 1:05. 3s: g"
    )
    before = [anchor for anchor in parse_anchors(text) if not anchor.malformed]
    after = parse_anchors(shift_anchors(text, 60))
    assert [(anchor.kind, anchor.times) for anchor in after] == [
        (anchor.kind, anchor.times if anchor.kind == "duration" else tuple(time + 60 for time in anchor.times))
        for anchor in before
    ]
    assert shift_anchors(text, 0) == text
    assert shift_anchors("At 7:30 p.m., on 14 July 2015, it costs $12.", 60) == (
        "At 7:30 p.m., on 14 July 2015, it costs $12."
    )


def test_sentences_end_where_they_end() -> None:
    assert sentences('Mr. Lee says, "Stop!" Dr. A. Ng nods. At 3.5s, it ends.  ') == [
        (" ", 'Mr. Lee says, "Stop!"'),
        (" ", "Dr. A. Ng nods."),
        (" ", "At 3.5s, it ends."),
    ]


def test_lists_and_other_scripts_lose_nothing() -> None:
    windows = [(0.0, 10.0), (8.0, 18.0)]
    assert merge_texts(["At 9s, a.", "- At 1s, b.\n- At 5s, c."], windows) == "At 9s, a.\n- At 13s, c."
    assert merge_texts(["At 9s, a.", "* **At 1s**, b. * **At 5s**, c."], windows) == "At 9s, a. * **At 13s**, c."
    assert merge_texts(["no capital\nat 9s, a", "at 1s, b\nat 5s, c"], windows) == "no capital\nat 9s, a\nat 13s, c"
    assert sentences("他坐下。狗叫了！「好。」") == [(" ", "他坐下。"), ("", "狗叫了！"), ("", "「好。」")]


def test_paragraphs_of_windows_stay_paragraphs() -> None:
    texts = ["A hall. At 3s, he waves.\n\nAt 18s, he sits.", "At 2s, he sits.\n\nAt 9s, he reads.\nAt 12s, he smiles."]
    merged = merge_texts(texts, [(0.0, 20.0), (15.0, 35.0)])
    assert merged == "A hall. At 3s, he waves.\n\nAt 18s, he sits.\n\nAt 24s, he reads.\nAt 27s, he smiles."


def test_a_clip_a_hair_longer_than_a_window_is_not_looked_at_twice() -> None:
    assert windows_of(60.5, 60.0, 5.0) == [(0.0, 60.0), (55.0, 60.5)]
    assert windows_of(60 + 1 / 90_000, 60.0, 5.0) == [(0.0, 60.0), (55.0, 60.0)]
