"""Faults about what is said."""

from __future__ import annotations

import random

from .. import phrases
from ..lines import FUNCTION_WORDS, OTHER_LINES, STATEMENTS, SWAPS
from ..truth import Line
from ..voices import words_of
from .drafts import Draft, Fault, Implied, core_words


def misquoted(draft: Draft, tag: str) -> Fault | None:
    """Other words in a spoken line."""
    found = draft.whole("speech:")
    if not found:
        return None
    old = draft.rng.choice(found)
    number = int(old.fact.split(":")[1])
    line = draft.truth.lines[number]
    wrong, absent = _other_words(draft.rng, line.text, [line.text for line in draft.truth.lines])
    new = draft.writer.speech(number, Line(wrong, line.start, line.end, line.voice))
    new.tag = tag
    draft.replace(old, new)
    draft.taken.add(old.fact)
    fault = Fault("speech_misquoted", ("speech", "error"), tag=tag, absent=absent, said=[("words", line.text)])
    fault.implied = [Implied("speech", [(line.start, line.end)])]
    return fault


def _other_words(rng: random.Random, text: str, spoken: list[str]) -> tuple[str, list[str]]:
    """Other words in the place of a line's own: some of its content words, or another line altogether."""
    words = text.split()
    content = [
        place
        for place, word in enumerate(words)
        if len(word.strip(".,?!")) >= 4 and "'" not in word and word.strip(".,?!").lower() not in FUNCTION_WORDS
    ]
    if len(content) < 3 or rng.random() < 0.25:
        wrong = rng.choice([line for line in STATEMENTS + OTHER_LINES if line not in spoken and len(line) > 20])
        return wrong, _runs(wrong, 4)
    chosen = sorted(rng.sample(content, max(2, round(len(content) * 0.4))))
    for place, swap in zip(chosen, rng.sample(SWAPS, len(chosen)), strict=True):
        bare = words[place].rstrip(".,?!")
        swap = swap.capitalize() if bare[0].isupper() else swap
        words[place] = swap + words[place][len(bare) :]
    wrong = " ".join(words)
    plain = words_of(wrong)
    return wrong, [" ".join(plain[max(0, place - 1) : place + 2]) for place in chosen]


def _runs(text: str, length: int) -> list[str]:
    words = words_of(text)
    return [" ".join(words[place : place + length]) for place in range(max(1, len(words) - length + 1))]


def invented(draft: Draft, tag: str) -> Fault | None:
    """A quote nobody speaks, beside the true ones."""
    truth, rng = draft.truth, draft.rng
    if not truth.lines or truth.duration < 4:
        return None
    spoken = {line.text for line in truth.lines}
    line = truth.lines[0]
    text = rng.choice([text for text in STATEMENTS + OTHER_LINES if text not in spoken and len(text.split()) > 5])
    time = rng.uniform(0.3, truth.duration - 1)
    sentence = draft.writer.speech(len(truth.lines), Line(text, time, time + 2, line.voice))
    sentence.fact, sentence.tag = "invented", tag
    draft.add(sentence)
    return Fault("speech_invented", ("speech", "error"), tag=tag, absent=_runs(text, 4))


def claimed(draft: Draft, tag: str) -> Fault | None:
    """Speech, reported or quoted, in a clip without any."""
    truth, rng = draft.truth, draft.rng
    if truth.lines or not draft.free("no_speech", "silence", "voice"):
        return None
    draft.drop("no_speech", "silence")
    draft.taken.add("voice")
    time = rng.uniform(0, truth.duration - 0.8)
    if rng.random() < 0.5:
        sentence = draft.writer.remark("invented", phrases.FALSE_SPEECH, time, anchored=None)
        absent = [core_words(sentence)]
    else:
        text = rng.choice([text for text in STATEMENTS + OTHER_LINES if len(text.split()) > 4])
        sentence = draft.writer.speech(0, Line(text, time, time + 2, "joe"))
        absent = _runs(text, 4)
    sentence.fact, sentence.tag = "invented", tag
    draft.add(sentence)
    return Fault("speech_claimed", ("speech", "error"), tag=tag, absent=absent)


def wrong_time(draft: Draft, tag: str) -> Fault | None:
    """A spoken line told at a time 3 s or more from its own."""
    truth, found = draft.truth, draft.whole("speech:")
    choices = []
    for sentence in found:
        line = truth.lines[int(sentence.fact.split(":")[1])]
        for time in range(int(truth.duration) + 1):
            if time < line.start - 3 or time > line.end + 3:
                choices.append((sentence, line, time))
    if not choices:
        return None
    old, line, time = draft.rng.choice(choices)
    number = int(old.fact.split(":")[1])
    new = draft.writer.speech(
        number, Line(line.text, time, time + 0.5, line.voice, line.pace, line.pitch), anchored=True
    )
    new.tag = tag
    draft.replace(old, new)
    draft.taken.add(old.fact)
    fault = Fault("speech_wrong_time", ("speech", "timeline", "error"), tag=tag, apart=(new.anchor, line.text))
    fault.said = [("words", line.text)]
    fault.implied = [Implied("speech", [(line.start, line.end)])]
    return fault
