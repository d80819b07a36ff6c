"""Faults of what is not said: a salient fact left out."""

from __future__ import annotations

from collections.abc import Callable

from .drafts import Draft, Fault

SHORTEST_LINE = 3  # words; a shorter one need not be mentioned


def left_out(kind: str) -> Callable[[Draft, str], Fault | None]:
    """The planter of one kind of omission.

    Args:
        kind: "missing_speech", "missing_text", "missing_move" or "missing_cut".
    """
    prefix, attribute, events_of, subject = _SORTS[kind]

    def plant(draft: Draft, tag: str) -> Fault | None:
        """A sentence about one such fact taken out; nothing is left to be tagged."""
        events = events_of(draft.truth)
        told = [(sentence, events[int(sentence.fact.partition(":")[2])]) for sentence in draft.whole(prefix)]
        told = [(sentence, event) for sentence, event in told if _salient(event)]
        if not told or not draft.free(subject):
            return None
        sentence, event = draft.rng.choice(told)
        draft.script.sentences.remove(sentence)
        draft.taken |= {sentence.fact, subject}
        fault = Fault(kind, ("missing",), attribute, times=[_span(event)], said=[_must_say(kind, event)])
        alike = [
            other for other in draft.whole(prefix) if _same(events[int(other.fact.partition(":")[2])], event, kind)
        ]
        if any(other.anchor is None for other in alike):  # the caption leaves open which of them it does not tell
            fault.times += [_span(other) for other in events if _same(other, event, kind)]
        return fault

    return plant


def _salient(event: object) -> bool:
    return not hasattr(event, "voice") or len(event.text.split()) >= SHORTEST_LINE


def _span(event: object) -> tuple[float, float]:
    return (event, event) if isinstance(event, float) else (event.start, event.end)


def _same(one: object, other: object, kind: str) -> bool:
    """Whether two facts would be told in the same words."""
    return kind == "missing_cut" or (kind == "missing_move" and one.motion == other.motion)


def _must_say(kind: str, event: object) -> tuple[str, str]:
    if kind == "missing_cut":
        return "cuts+", ""
    if kind == "missing_move":
        return "motion+", event.motion
    return ("words", event.text) if kind == "missing_speech" else ("text", event.text)


_SORTS = {
    "missing_speech": ("speech:", "speech", lambda truth: truth.lines, "speech"),
    "missing_text": ("title:", "objects", lambda truth: truth.titles, "title"),
    "missing_move": ("move:", "camera", lambda truth: truth.moves, "camera"),
    "missing_cut": ("cut:", "camera", lambda truth: truth.cuts, "cuts"),
}
"""Kind -> how its facts are named in a script, their attribute, where they are, and what to keep other faults from."""
