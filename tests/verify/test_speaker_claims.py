"""Who a caption says speaks, against the speakers told apart by ear: swapped ones are found, right ones left alone."""

from __future__ import annotations

import pytest
from facts import said, verified

LINES = (
    "Where were you last night, my friend?",
    "At the harbour with my brother.",
    "Nobody saw you at the harbour.",
    "The fog was thick that evening.",
)
CAPTION = (
    'At 1s, the {} asks, "Where were you last night, my friend?" At 3s, the {} replies, "At the harbour with my '
    'brother." At 5s, the {} says, "Nobody saw you at the harbour." At 7s, the {} says, "The fog was thick that '
    'evening."'
)
VOICES = [{"speaker": "speaker 1", "pitch": 110.0}, {"speaker": "speaker 2", "pitch": 210.0}]
ANOTHER, TWO = "another speaker says this", "two speakers say what one person is told to say"


def talk(*speakers: int | None) -> list[dict]:
    return [
        {**said(2.0 * i + 1, 2.0 * i + 2.8, line), "speaker": f"speaker {who}" if who else None}
        for i, (who, line) in enumerate(zip(speakers, LINES, strict=False))
    ]


def judged(caption: str, transcript: list[dict] | None = None, voices: list[dict] | None = None) -> dict:
    transcript = talk(1, 2, 1, 2) if transcript is None else transcript
    utterances = [{**u, "status": "verified", "reason": None} for u in transcript]
    speech = {"recogniser": "test", "language": "en", "utterances": utterances, "voices": voices}
    row = verified(caption, transcript=transcript, speech=speech)
    assert row["errors"] == []
    return row


def found(row: dict) -> list[tuple[str, str, float]]:
    assert {f["kind"] for f in row["findings"]} <= {"speech"}
    assert all(f["span"] == row["draft"][f["char_start"] : f["char_end"]] for f in row["findings"])
    return [(f["span"], f["reason"], f["time_start"]) for f in row["findings"]]


def about(seconds: float) -> object:
    return pytest.approx(seconds, abs=0.5)


# Swapped


def test_quotations_given_to_the_other_person_are_found() -> None:
    row = judged(CAPTION.format("man", "woman", "woman", "man"))
    assert found(row) == [
        ("the woman", ANOTHER, about(5)),
        ("the man", ANOTHER, about(7)),
    ]
    assert 'speaker 1 says "Nobody saw you at the harbour."; the man is speaker 1' in row["findings"][0]["evidence"]


def test_one_quotation_given_to_the_other_person_is_found() -> None:
    assert found(judged(CAPTION.format("man", "woman", "man", "man"))) == [("the man", ANOTHER, about(7))]


def test_two_persons_that_are_one_voice_are_found() -> None:
    row = judged(CAPTION.format("man", "woman", "woman", "man"), talk(1, 1, 2, 2))
    assert [span for span, reason, _ in found(row) if reason == ANOTHER] == ["the woman", "the man"]


def test_where_voices_show_who_is_who_two_quotations_are_enough_and_are_put_right() -> None:
    swapped = (
        'At 1s, a woman asks, "Where were you last night, my friend?" "At the harbour with my brother," a man replies. '
        "Rain falls on the quay."
    )
    row = judged(swapped, talk(1, 2), VOICES)
    assert [(span, reason) for span, reason, _ in found(row)] == [("a woman", ANOTHER), ("a man", ANOTHER)]
    assert "by the lower voice (110 Hz)" in row["findings"][0]["evidence"]
    assert row["caption"] == swapped.replace("a woman", "the man").replace("a man", "the woman")
    assert all(f["resolved"] for f in row["findings"])


def test_a_whole_talk_the_wrong_way_round_is_put_right() -> None:
    row = judged(CAPTION.format("woman", "man", "woman", "man"), voices=VOICES)
    assert len(found(row)) == 4
    assert row["caption"] == CAPTION.format("man", "woman", "man", "woman")


def test_a_pronoun_is_put_right_by_a_pronoun() -> None:
    caption = 'She asks, "Where were you last night, my friend?" He replies, "At the harbour with my brother."'
    row = judged(caption, talk(1, 2), VOICES)
    assert row["caption"] == caption.replace("She", "X").replace("He", "She").replace("X", "He")


def test_one_person_with_the_words_of_two_speakers_is_found_and_nothing_taken_out() -> None:
    caption = CAPTION.format("man", "man", "man", "man")
    row = judged(caption)
    assert found(row) == [("the man", TWO, about(t)) for t in (3, 7)]
    assert all(f["confidence"] < 1 and f["suggestion"] is None for f in row["findings"])
    assert row["caption"] == caption


def test_ordinals_tell_persons_apart() -> None:
    row = judged(CAPTION.format("first man", "second man", "first man", "first man"))
    assert [span for span, _, _ in found(row)] == ["the first man"]


# Right, or not to be told


@pytest.mark.parametrize(
    ("caption", "transcript", "voices"),
    [
        (CAPTION.format("man", "woman", "man", "woman"), talk(1, 2, 1, 2), VOICES),
        (CAPTION.format("man", "woman", "man", "woman"), talk(1, 2, 1, 2), None),
        (CAPTION.format("woman", "man", "woman", "man"), talk(1, 2, 1, 2), None),
        (CAPTION.format("host", "woman", "man", "lady"), talk(1, 2, 1, 2), VOICES),
        (CAPTION.format("man", "woman", "woman", "man"), talk(None, None, None, None), None),
        (CAPTION.format("man", "woman", "woman", "man"), talk(1, 1, 1, 1), None),
        (CAPTION.format("man", "woman", "woman", "man"), talk(1, 2, None, None), None),
        (CAPTION.format("man in red", "man in blue", "man in red", "man in blue"), talk(1, 2, 1, 2), None),
        (CAPTION.format("man", "woman", "man", "woman"), talk(1, 2, 3, 2), None),
        (CAPTION.format("voice", "voice", "voice", "voice"), talk(1, 2, 1, 2), VOICES),
        (CAPTION.format("man", "man", "man", "man"), talk(1, 2, 1, 2), [{**v, "pitch": 111.0} for v in VOICES]),
    ],
    ids=[
        "right",
        "right without voices",
        "either way without voices",
        "one person told by two names",
        "nobody was told apart",
        "one speaker",
        "half was told apart",
        "two men",
        "two men and a woman",
        "voices",
        "two speakers whose voices are alike",
    ],
)
def test_what_is_told_consistently_or_cannot_be_told_has_no_finding(
    caption: str, transcript: list[dict], voices: list[dict] | None
) -> None:
    row = judged(caption, transcript, voices)
    assert found(row) == []
    assert row["caption"] == caption


@pytest.mark.parametrize(
    "caption",
    [
        'A man asks, "Where were you last night, my friend?" Another man replies, "At the harbour with my brother."',
        'The man asks, "Where were you last night, my friend?" A second man, the man in blue, says, "At the '
        'harbour with my brother."',
        'A man asks, "Where were you last night, my friend?" A man replies, "At the harbour with my brother."',
        'He asks, "Where were you last night, my friend?" He replies, "At the harbour with my brother."',
        'The men ask, "Where were you last night, my friend?" and the men say, "At the harbour with my brother."',
        'Someone asks, "Where were you last night, my friend?" Someone replies, "At the harbour with my brother."',
        'The man asks, "Where were you last night, my friend? At the harbour with my brother."',
    ],
)
def test_words_that_may_mean_two_people_are_not_judged(caption: str) -> None:
    assert [reason for _, reason, _ in found(judged(caption, talk(1, 2))) if reason in (ANOTHER, TWO)] == []


def test_a_word_that_anybody_says_is_nobodys() -> None:
    yes = [{**said(4 + 2 * who, 4.5 + 2 * who, "Yes."), "speaker": f"speaker {who}"} for who in (1, 2)]
    caption = CAPTION.split(" At 5s")[0].format("man", "woman") + ' The woman says, "Yes." The man says, "Yes."'
    assert found(judged(caption, [*talk(1, 2), *yes])) == []


def test_voices_that_are_not_far_apart_decide_nothing() -> None:
    near = [{"speaker": "speaker 1", "pitch": 150.0}, {"speaker": "speaker 2", "pitch": 180.0}]
    assert found(judged(CAPTION.format("woman", "man", "woman", "man"), voices=near)) == []
