"""The sentence splitter: where sentences end, and that nothing is lost or doubled."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asid_hf.verify.sentences import quoted_ranges, split_sentences


def texts(text: str) -> list[str]:
    return [sentence.text for sentence in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ('He says, "No. Not now." She goes.', ['He says, "No. Not now."', "She goes."]),
        ("Dr. Smith meets Mr. Jones.", ["Dr. Smith meets Mr. Jones."]),
        ("It costs 3.50 in the U.S. today.", ["It costs 3.50 in the U.S. today."]),
        ("A line\nanother line", ["A line", "another line"]),
        ("A space is forgotten.The next one.", ["A space is forgotten.", "The next one."]),
        ("He waits... and goes.", ["He waits... and goes."]),
        ("He waits… Then he goes.", ["He waits…", "Then he goes."]),
        ("One. . Two.", ["One. .", "Two."]),
        ("", []),
        (" \n\t ", []),
        ("...", ["..."]),
    ],
)
def test_where_sentences_end(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


def test_a_quotation_without_its_closing_mark_ends_with_its_paragraph() -> None:
    assert texts('He says, "Go. Now.\nShe goes. He stays.') == ['He says, "Go.', "Now.", "She goes.", "He stays."]


def test_quoted_ranges_leave_the_marks_out() -> None:
    text = 'He says, "Go on." and “Stop”.'
    assert [text[start:end] for start, end in quoted_ranges(text)] == ["Go on.", "Stop"]


@given(st.text(max_size=200) | st.text(alphabet=" .!?…\"“”'’)]\nAbcz,Dr:-", max_size=120))
def test_every_character_lands_in_exactly_one_sentence(text: str) -> None:
    sentences = split_sentences(text)
    assert "".join("".join(one.text.split()) for one in sentences) == "".join(text.split())
    assert all(text[one.start : one.end] == one.text for one in sentences)
    assert all(one.end <= other.start for one, other in pairwise(sentences))


@pytest.mark.timeout(20)  # where time grew with the square of the length, this would take minutes
@pytest.mark.parametrize("unit", [". ", ".", "a. ", '"a. " ', '"a. ', "\n", "a", ".) ", "Word. "])
def test_a_text_of_anything_is_split_however_long(unit: str) -> None:
    text = unit * (250_000 // len(unit))
    assert "".join("".join(one.text.split()) for one in split_sentences(text)) == "".join(text.split())
