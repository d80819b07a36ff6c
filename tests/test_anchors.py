"""Playing times in prose: which words are anchors, what they say, and which are none."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asid_hf.anchors import ANCHOR_KINDS, parse_anchors


def read(text: str) -> list[tuple[str, tuple[float, ...]]]:
    return [(anchor.kind, anchor.times) for anchor in parse_anchors(text)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("At 3s, the camera pans left.", 3.0),
        ("At 3 s the dog barks.", 3.0),
        ("at 3.5 seconds he waves", 3.5),
        ("at the 3-second mark", 3.0),
        ("At around the 10-second mark", 10.0),
        ("at five seconds", 5.0),
        ("At 00:03, he waves.", 3.0),
        ("At timestamp 00:07", 7.0),
        ("[00:03] He waves.", 3.0),
        ("He waves (0:12).", 12.0),
        ("around 3 s", 3.0),
        ("At 1m05s, it rains.", 65.0),
        ("at 1 minute and 5 seconds,", 65.0),
        ("at 1:02:03", 3723.0),
        ("At 00:12.500", 12.5),
        ("at 1,000 s", 1000.0),
        ("until 1037s", 1037.0),
        ("15 seconds into the video, he waves", 15.0),
        ("3s: the man waves", 3.0),
        ("after 12s the dog barks", 12.0),
        ("By the 10-second mark he is gone.", 10.0),
    ],
)
def test_a_point_in_time_is_read_in_every_usual_form(text: str, seconds: float) -> None:
    assert read(text) == [("point", (seconds,))]
    assert not parse_anchors(text)[0].malformed


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("From 3s to 5s, he runs.", (3.0, 5.0)),
        ("from 3 to 5 seconds", (3.0, 5.0)),
        ("between 0:03 and 0:05", (3.0, 5.0)),
        ("Between 0s and 4s", (0.0, 4.0)),
        ("At 3s-5s, he runs.", (3.0, 5.0)),
        ("3s–5s: the man", (3.0, 5.0)),
        ("[00:03 - 00:05] He runs.", (3.0, 5.0)),
        ("in the first ten seconds", (0.0, 10.0)),
    ],
)
def test_a_range_has_a_start_and_an_end(text: str, interval: tuple[float, float]) -> None:
    assert read(text) == [("range", interval)]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("for 5 seconds", 5.0),
        ("for about two minutes", 120.0),
        ("over the next 4 seconds", 4.0),
        ("In the last 5 seconds", 5.0),
        ("lasting 3 s", 3.0),
    ],
)
def test_a_duration_is_no_place_in_time(text: str, seconds: float) -> None:
    assert read(text) == [("duration", (seconds,))]


@pytest.mark.parametrize(
    "text",
    [
        "5 dollars in 2015",
        "5 seconds later",
        "a 15-second video",
        "at 12 years old",
        "At 10:30 PM",
        "at 8:15 a.m.",
        "from 3 to 5 people",
        "the timer at 2 minutes and 45 seconds",
        "the score is 3:2 at 0:30",
        "from the 70s to the 90s",
        "in the 1990s",
        "he is 5's best player",
        "It is 0.81 volts.",
        "He bought it at 3 shops.",
        "then, at the end, initially, throughout",
    ],
)
def test_other_numbers_are_no_anchors(text: str) -> None:
    assert parse_anchors(text) == []


@pytest.mark.parametrize(
    "text", ["At 5:75, he waves.", "at 0:5", "from 8s to 3s", "At 12ss,", "At 3.5.2s", "At -3s,", "At s, he", "[0:3:"]
)
def test_what_cannot_be_a_time_is_malformed(text: str) -> None:
    (anchor,) = parse_anchors(text)
    assert anchor.malformed


def test_spans_are_verbatim_and_in_order() -> None:
    text = "At 3s, he sits. From 0:04 to 0:06 he runs, for two seconds; at the 9-second mark he stops."
    anchors = parse_anchors(text)
    assert [anchor.span for anchor in anchors] == [
        "At 3s",
        "From 0:04 to 0:06",
        "for two seconds",
        "at the 9-second mark",
    ]
    assert all(text[anchor.start : anchor.end] == anchor.span for anchor in anchors)


@given(st.text(alphabet="at frombew0123456789:.,-–s[]() secodminuT\n", max_size=80))
def test_any_text_gives_sound_anchors(text: str) -> None:
    anchors = parse_anchors(text)
    for anchor in anchors:
        assert text[anchor.start : anchor.end] == anchor.span != ""
        assert anchor.kind in ANCHOR_KINDS
        assert all(seconds >= 0 for seconds in anchor.times)
        assert anchor.malformed or anchor.times
    assert all(one.end <= other.start for one, other in pairwise(anchors))


@pytest.mark.timeout(20)  # where time grew with the square of the length, this would take minutes
@pytest.mark.parametrize("unit", ["At 3s, ", "1", "1:", "from 3 to ", "at the about ", "3s-", "[", "for the last "])
def test_a_text_of_anything_is_read_however_long(unit: str) -> None:
    anchors = parse_anchors(unit * (250_000 // len(unit)))
    assert len(anchors) == (250_000 // len(unit) if unit.startswith("At 3s") else len(anchors))
