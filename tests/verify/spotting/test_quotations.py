"""Quotation marks of every kind, mismatched, forgotten, and apostrophes, which are none."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asid_hf.verify.spotting.quotations import find_quotations


def words(text: str) -> list[str]:
    return [text[quotation.start : quotation.end] for quotation in find_quotations(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('He says, "Go on." She leaves.', ["Go on."]),
        ("He says, “Go on.” She leaves.", ["Go on."]),
        ("He says, ‘Go on.’ She leaves.", ["Go on."]),
        ("He says, 'Go on.' She leaves.", ["Go on."]),
        ("He says, «Go on.»", ["Go on."]),
        ("He says,''Go on.''", ["Go on."]),
        ('He says, "`Go on.`"', ["Go on."]),
        ("He says, “‘Go on.’”", ["Go on."]),
        ("'Fun,' 'Playful' and 'Fresh'", ["Fun,", "Playful", "Fresh"]),
        ('the text "1.125"" in orange', ["1.125"]),
        ("He says, \"What do you mean 'I can't'?\"", ["What do you mean 'I can't'?"]),
        ("'I see the rats' cage,' he says.", ["I see the rats' cage,"]),
        ("'With that, I'm off. See you. Peace.' He leaves.", ["With that, I'm off. See you. Peace."]),
    ],
)
def test_quotations_in_every_kind_of_mark(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "The man's dog doesn't see the players' bench.",
        "It's rock 'n' roll from the '90s, 'cause why not.",
        "He’s the boys’ teacher.",
        "He is 5'10 tall.",
        "No marks at all.",
        '"',
        "'",
        "“”",
        "",
    ],
)
def test_apostrophes_and_lone_marks_are_no_quotations(text: str) -> None:
    assert words(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('He explains, "Here it is. The room is dark.', ["Here it is."]),
        ('He says"Come in. Sit down."', ["Come in. Sit down."]),
        ("He answers, ”yeah“ .", ["yeah"]),
        ('The man concludes: But this is it.`"', ["But this is it."]),
        ("He says, \"made by these guys.' The man leaves.", ["made by these guys."]),
        ('She says, "No." He says," Yes." They go.', ["No.", "Yes."]),
        ('He says, "One. She says, "Two."', ["One.", "Two."]),
        ('He says, "Look here. You see? Nice. The dog sleeps.', ["Look here. You see? Nice."]),
        ('He says, "It broke. A dog sleeps.', ["It broke."]),
        ('He nods. "I baked it. It is warm.', ["I baked it."]),
        ('The dog sleeps. I like your coat. Bye." He leaves.', ["I like your coat. Bye."]),
        ("He goes on - '`WELL, THAT IS ALL''He nods. She says,'' FINE.''", ["WELL, THAT IS ALL", "FINE."]),
        ('He says,"It`s late.The dog sleeps.', ["It`s late."]),
    ],
)
def test_forgotten_and_misplaced_marks_are_set_right(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_no_quotation_reaches_over_a_line_break() -> None:
    assert words('He says, "Go\non."') == ["Go"]


@given(st.text(alphabet="aB .,!?\n\"'“”‘’`«»:sİ😂", max_size=120))
def test_quotations_are_in_order_and_apart(text: str) -> None:
    found = find_quotations(text)
    for quotation in found:
        assert 0 <= quotation.outer_start <= quotation.start < quotation.end <= quotation.outer_end <= len(text)
        assert "\n" not in text[quotation.outer_start : quotation.outer_end]
    assert all(one.outer_end <= other.outer_start for one, other in pairwise(found))


@pytest.mark.timeout(20)  # where time grew with the square of the length, this would take minutes
@pytest.mark.parametrize("unit", ['"a ', "'a ", "“a” ", "\"a' ", '"', "'", "`", "a: B" + '" ', '" '])
def test_a_text_of_nothing_but_marks_is_read_however_long(unit: str) -> None:
    text = unit * (250_000 // len(unit))
    assert all(quotation.end <= len(text) for quotation in find_quotations(text))
