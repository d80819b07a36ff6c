"""Readings that are one text, and texts that are not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asid_hf.evidence.text_match import SAME_TEXT, found_in, normalise, same_text

TEXTS = st.text(alphabet=st.sampled_from("abIl10O oOsS5zé ü|.,!$中文 'OPEN"), max_size=24) | st.text(max_size=12)


@pytest.mark.parametrize(
    "one, other",
    [
        ("PRESIDENT OBAMA STATEMENT ON IRAN", "President Obama: statement on Iran"),
        ("JULY 14, 2015", "July 14.2015"),
        ("JULY 14, Z015", "July 14, 2015"),
        ("An unlucky bird", "Anunlucky bird"),
        ("Café de la Gare", "CAFE DE LA GARE"),
        ("HeIlo WORlD", "hello worid"),
        ("Iron", "lron"),
        ("It is", "lt ls"),
        ("Act II", "Act ll"),
        ("Act II", "ACT 11"),
        ("10 places", "lO places"),
        ("THANKS FOR WAICHING", "Thanks for watching"),
        ("Straße", "STRASSE"),
        ("5:40", "5.40"),
        ("ＯＰＥＮ", "open"),
        ("“Yes”", "yes"),
        ("?!", " ?! "),
    ],
)
def test_the_same_text_however_it_was_written_or_read(one: str, other: str) -> None:
    assert same_text(one, other) >= SAME_TEXT


@pytest.mark.parametrize(
    "one, other",
    [
        ("OPEN", "OVEN"),
        ("tail", "tall"),
        ("TAIL", "tall"),
        ("pen", "open"),
        ("Exit", "Edit"),
        ("July 14 2015", "July 14 2016"),
        ("12:01", "12:02"),
        ("1000", "100"),
        ("Act II", "Act III"),
        ("MP3", "MP4"),
        ("No smoking", "smoking"),
        ("I never said that", "I never said this"),
        ("The shop at the end of the long road is OPEN today", "The shop at the end of the long road is OVEN today"),
        ("犬", "大"),
        ("か", "が"),
        ("?!", "!!"),
        ("", "a"),
        ("a", ""),
    ],
)
def test_another_word_is_another_text_however_long_the_rest_is(one: str, other: str) -> None:
    assert same_text(one, other) <= 0.5


def test_the_score_falls_with_the_share_of_differing_words() -> None:
    assert (
        same_text("one two three four", "one two three FIVE")
        > same_text("one two", "one FIVE")
        > same_text("two", "FIVE")
    )


@pytest.mark.parametrize(
    "part, text, found",
    [
        ("overweight bunny", "A (slightly overweight) bunny", True),
        ("on Iran", "PRESIDENT OBAMA STATEMENT ON IRAN", True),
        ("2015", "JULY 14, 2015", True),
        ("unlucky", "Anunlucky bird", True),
        ("Peach Project presen", "Peach Project presents", True),
        ("open", "REOPENED", False),
        ("art", "start", False),
        ("15 people", "115 people", False),
        ("201", "July 2015", False),
        ("underweight bunny", "A (slightly overweight) bunny", False),
        ("A (slightly overweight) bunny", "bunny", False),
        ("", "anything", False),
        ("...", "...", False),
        ("anything", "", False),
    ],
)
def test_a_quotation_of_some_words_is_found_as_whole_words(part: str, text: str, found: bool) -> None:
    assert (found_in(part, text) >= SAME_TEXT) is found


@given(TEXTS, TEXTS)
def test_the_comparison_is_symmetric_and_within_0_and_1(one: str, other: str) -> None:
    score = same_text(one, other)
    assert score == same_text(other, one)
    assert 0.0 <= score <= 0.5 or SAME_TEXT <= score <= 1.0
    assert 0.0 <= found_in(one, other) <= 1.0


@given(TEXTS)
def test_a_text_is_the_same_as_itself_however_it_is_spaced(text: str) -> None:
    assert same_text(text, text) == 1.0
    assert same_text(text, f"  {text} ") == 1.0
    if normalise(text):
        assert found_in(text, text) == 1.0


@given(TEXTS)
def test_normalised_texts_hold_words_and_single_spaces_only(text: str) -> None:
    assert normalise(text) == " ".join(normalise(text).split())
    assert not set(normalise(text)) & set(".,!$'")


def test_overlong_texts_are_compared_by_their_first_letters() -> None:
    assert same_text("word " * 3000, "word " * 2999) == 1.0
