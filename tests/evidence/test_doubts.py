"""Text that recognisers invent: circles, credits of subtitles, farewells to nobody."""

from __future__ import annotations

import pytest

from asid_hf.evidence import doubts
from asid_hf.evidence.doubts import is_boilerplate, turns_in_circles


@pytest.mark.parametrize(
    "text",
    [
        "I don't know. " * 6,
        "and then and then and then and then and then",
        "you you you you you you you you you you you",
        "ha" * 200,
        "我不知道" * 30,
        "No. " * 40,
    ],
)
def test_a_text_that_says_the_same_again_and_again_turns_in_circles(text: str) -> None:
    assert turns_in_circles(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No, no, no, no!",
        "Come on, come on, come on!",
        "Row, row, row your boat, gently down the stream, merrily, merrily, merrily, merrily, life is but a dream.",
        "The rain in Spain stays mainly in the plain, and in the plain the rain of Spain remains all the same.",
        "One, two, three, four, five, six, seven, eight, nine, ten.",
    ],
)
def test_what_people_say_does_not(text: str) -> None:
    assert not turns_in_circles(text)


@pytest.mark.parametrize(
    "text",
    [
        "Subtitles by the Amara.org community",
        "Captions by GetTranscribed.com",
        "Untertitelung im Auftrag des ZDF, 2020",
        "Sous-titrage ST' 501",
        "Subtítulos realizados por la comunidad de Amara.org",
        "Субтитры сделал DimaTorzok",
        "www.mooji.org",
        "字幕由Amara.org社区提供",
    ],
)
def test_credits_of_subtitles_are_never_said(text: str) -> None:
    assert is_boilerplate(text, voiced=1.0, confidence=1.0)


@pytest.mark.parametrize("text", ["Thanks for watching!", "Thank you.", "Bye-bye.", "ご視聴ありがとうございました"])
def test_a_farewell_is_said_where_a_voice_fills_it_and_the_recogniser_is_sure(text: str) -> None:
    assert not is_boilerplate(text, voiced=1.0, confidence=0.95)
    assert is_boilerplate(text, voiced=0.6, confidence=0.95)
    assert is_boilerplate(text, voiced=1.0, confidence=0.7)
    assert is_boilerplate(text, voiced=1.0, confidence=None)


def test_other_words_are_no_boilerplate() -> None:
    assert not is_boilerplate("Thank you for coming to the harbour.", voiced=0.6, confidence=0.5)
    assert not is_boilerplate("The subtitles are too small.", voiced=0.6, confidence=0.5)


def test_every_reason_is_listed_once() -> None:
    named = {value for name, value in vars(doubts).items() if name.isupper() and isinstance(value, str)}
    assert named == set(doubts.REASONS)
    assert len(doubts.REASONS) == len(named)
