"""Faults about sound and silence."""

from __future__ import annotations

from .. import phrases
from .drafts import Draft, Fault, Implied, core_words


def in_silence(draft: Draft, tag: str) -> Fault | None:
    """A sound heard in a silent clip."""
    truth = draft.truth
    if not truth.silent or not draft.free("silence"):
        return None
    draft.drop("silence")
    time = draft.rng.uniform(0, truth.duration)
    sentence = draft.writer.remark("invented", phrases.FALSE_SOUNDS, time, anchored=None)
    sentence.tag = tag
    draft.add(sentence)
    return Fault("sound_in_silence", ("error", "speech"), tag=tag, absent=[core_words(sentence)])


def silence_over_speech(draft: Draft, tag: str) -> Fault | None:
    """Silence, or that nobody speaks, claimed of a clip with speech."""
    truth = draft.truth
    facts = [f"speech:{number}" for number in range(len(truth.lines))]
    if not facts or not draft.free("silence", *facts):
        return None
    fault = Fault("silence_over_speech", ("error", "speech"), tag=tag)
    if draft.rng.random() < 0.5:
        draft.drop(*facts)
        fault.said = [("words", line.text) for line in truth.lines if len(line.text.split()) >= 3]
    fault.implied = [Implied("speech", [(line.start, line.end)]) for line in truth.lines]
    bodies = phrases.SILENCE if draft.rng.random() < 0.5 else phrases.NO_SPEECH
    draft.drop("music") if bodies is phrases.SILENCE else None
    sentence = draft.writer.remark("invented", bodies, truth.duration)
    sentence.tag = tag
    draft.add(sentence)
    draft.taken |= {"silence", *facts}
    fault.absent = [core_words(sentence)]
    return fault
