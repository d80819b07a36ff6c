"""Quotations against transcripts."""

from __future__ import annotations

import pytest
from facts import said

from asid_hf.verify.words import align_quote, spoken_words

SAID = [
    said(1.0, 4.0, "Today, after two years of negotiations, we have achieved something."),
    said(6.0, 9.0, "The train to Boston leaves at nine thirty from platform four."),
]


@pytest.mark.parametrize(
    "quote",
    [
        "Today, after two years of negotiations, we have achieved something.",
        "today after 2 years of negotiation we've achieved something",
        "The train to Boston ... platform four",
        "the train to Bostin leafs at nine thirty",
        "achieved something. The train to Boston leaves at nine thirty",
        "after two years",
    ],
)
def test_the_same_words_match_whatever_their_spelling(quote: str) -> None:
    assert align_quote(quote, SAID).verdict == "matched"


@pytest.mark.parametrize(
    ("quote", "wrong"),
    [
        ("The train to Denver leaves at nine thirty from platform four.", ("Denver",)),
        ("The train to Boston leaves at nine thirty from platform seven.", ("seven",)),
        ("Today, after two years of war, we have achieved nothing of value.", ("war", "nothing", "value")),
    ],
)
def test_other_content_words_are_named(quote: str, wrong: tuple[str, ...]) -> None:
    heard = align_quote(quote, SAID)
    assert heard.verdict == "misquoted"
    assert set(heard.wrong) & set(wrong) == set(heard.wrong) != set()


@pytest.mark.parametrize("quote", ["Bring me the green umbrella at once!", "I love you.", "Fire! Fire in the hold!"])
def test_words_nobody_said_are_absent(quote: str) -> None:
    assert align_quote(quote, SAID).verdict == "absent"


def test_the_time_is_that_of_the_matching_words() -> None:
    heard = align_quote("leaves at nine thirty", SAID)
    assert 6.5 < heard.start < heard.end < 9.0
    assert heard.text == "leaves at nine thirty"


def test_word_times_lie_in_their_utterance_and_rise() -> None:
    words = spoken_words(SAID)
    times = [time for word in words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert times[0] == 1.0 and times[-1] == pytest.approx(9.0)


def test_nothing_said_means_absent_and_no_words_mean_nothing_to_judge() -> None:
    assert align_quote("Hello", []).verdict == "absent"
    assert align_quote("...", SAID).verdict == "matched"


@pytest.mark.parametrize(
    ("quote", "heard"),
    [
        ("The stadium holds forty thousand people.", "The stadium holds 40,000 people."),
        ("It was built in nineteen eighty-four.", "It was built in 1984."),
        ("There were two hundred and five guests.", "There were 205 guests."),
        ("Call one one two at once.", "Call 112 at once."),
        ("It costs 1,500,000 dollars", "It costs 1500000 dollars"),
    ],
)
def test_a_number_is_the_same_in_words_and_figures(quote: str, heard: str) -> None:
    assert align_quote(quote, [said(0, 3, heard)]).verdict == "matched"
    assert align_quote(heard, [said(0, 3, quote)]).verdict == "matched"


def test_another_number_is_misquoted() -> None:
    heard = align_quote("The stadium holds fifty thousand people.", [said(0, 3, "The stadium holds 40,000 people.")])
    assert (heard.verdict, heard.wrong, heard.text) == (
        "misquoted",
        ("fifty", "thousand"),
        "The stadium holds 40,000 people.",
    )


def test_figures_without_end_are_no_number() -> None:
    assert align_quote("9" * 5000 + " trains", [said(0, 3, "Nine trains")]).verdict == "misquoted"


def test_a_word_the_recogniser_was_unsure_of_contradicts_nothing() -> None:
    heard = said(0, 4, "Where did you put the keys to the grush?")
    assert align_quote("Where did you put the keys to the garage?", [heard]).wrong == ("garage",)
    unsure = {**heard, "word_confidences": [0.9] * 8 + [0.41]}
    assert align_quote("Where did you put the keys to the garage?", [unsure]).verdict == "matched"
    other = align_quote("Where did you put the cats to the garage?", [unsure])
    assert (other.wrong, other.corrected) == (("cats",), "Where did you put the keys to the garage?")
    split = {**said(0, 4, "The train is the lathe."), "word_confidences": [0.9] * 4 + [0.5]}
    assert align_quote("The train is delayed.", [split]).verdict == "matched"
    assert align_quote("Nobody ever saw the garage again", [unsure]).verdict == "absent"


def test_a_number_said_elsewhere_does_not_stand_for_another() -> None:
    heard = said(0, 8, "We have seven boats, and after the long winter there are twenty new nets in the shed.")
    assert align_quote("We have twenty boats.", [heard]).wrong == ("twenty",)


@pytest.mark.parametrize(
    ("quoted", "spoken"),
    [("You won't believe it.", "You will not believe it."), ("It isn't raining.", "It is not raining.")],
)
def test_a_contraction_is_the_words_it_stands_for(quoted: str, spoken: str) -> None:
    said = [{"start": 1.0, "end": 2.0, "speaker": None, "text": spoken, "confidence": 1.0}]
    assert align_quote(quoted, said).verdict == "matched"
    assert align_quote(spoken, [{**said[0], "text": quoted}]).verdict == "matched"
