"""Faults about times: beyond the end, out of order, reversed, two times for one event."""

from __future__ import annotations

from ..wordings import clock, lower
from .drafts import Draft, Fault, at_anchor


def beyond_end(draft: Draft, tag: str) -> Fault | None:
    """A time beyond the clip's end."""
    truth, rng = draft.truth, draft.rng
    if not draft.free("last anchor"):
        return None
    said = int(truth.duration) + rng.randint(3, 40)
    anchor = rng.choice(("At {n}s", "At {n}s", "Around {n}s", "At {c}", "At the {n}-second mark")).format(
        n=said, c=clock(said)
    )
    text = f"{anchor}, {lower(draft.writer.happening(len(truth.shots) - 1))}"
    draft.add(at_anchor(text, anchor, truth.duration, said, tag))
    draft.taken.add("last anchor")
    return Fault("anchor_beyond_end", ("timeline",), tag=tag, absent_text=[anchor])


def out_of_order(draft: Draft, tag: str) -> Fault | None:
    """Tell an early moment late: every anchor says the truth, but one goes back."""
    if not draft.free("order") or draft.truth.duration < 5:
        return None
    sentences = draft.script.sentences
    anchored = [sentence for sentence in sentences if sentence.anchor_time is not None and not sentence.tag]
    early = [
        sentence
        for sentence in anchored
        if sentence.fact is None and sum(other.anchor_time >= sentence.anchor_time + 2 for other in anchored) >= 1
    ]
    if not early:
        return None
    moved = draft.rng.choice(early)
    draft.taken.add("order")
    moved.tag = tag
    fault = Fault("anchors_out_of_order", ("timeline",), tag=tag, ordered=True)

    def move_back() -> bool:
        """After all else is in order; False where another fault took the later times out."""
        rest = [sentence for sentence in draft.script.sentences if sentence is not moved]
        later = [
            place
            for place, sentence in enumerate(rest)
            if sentence.anchor_time is not None and sentence.anchor_time >= moved.anchor_time + 2 and not sentence.tag
        ]
        if not later:
            return False
        place = draft.rng.choice(later) + 1
        moved.time = rest[place - 1].time
        draft.script.sentences = [*rest[:place], moved, *rest[place:]]
        return True

    draft.late.append(move_back)
    return fault


def reversed_range(draft: Draft, tag: str) -> Fault | None:
    """A range that ends before it begins."""
    truth, rng = draft.truth, draft.rng
    last = int(truth.duration)
    shots = [shot for shot in truth.shots if min(int(shot.end), last) - round(shot.start + 0.49) >= 2]
    if not shots:
        return None
    shot = rng.choice(shots)
    first, final = round(shot.start + 0.49), min(int(shot.end), last)
    low = rng.randint(first, final - 2)
    high = rng.randint(low + 2, final)
    anchor = rng.choice(("From {b}s to {a}s", "Between {b}s and {a}s", "From {cb} to {ca}")).format(
        a=low, b=high, ca=clock(low), cb=clock(high)
    )
    text = f"{anchor}, {lower(draft.writer.happening(truth.shots.index(shot)))}"
    draft.add(at_anchor(text, anchor, min(high, shot.end - 0.01), high, tag))
    return Fault("range_reversed", ("timeline", "format"), tag=tag, absent_text=[anchor])


def twice(draft: Draft, tag: str) -> Fault | None:
    """One event at its own time and, in a sentence about something else, at another."""
    truth, rng, writer = draft.truth, draft.rng, draft.writer
    choices = []
    for sentence in draft.whole("speech:") + draft.whole("title:"):
        name, _, number = sentence.fact.partition(":")
        event = (truth.lines if name == "speech" else truth.titles)[int(number)]
        if name == "title" and event.font is None:
            continue
        for time in range(int(truth.duration) + 1):
            if time < event.start - 3 or time > event.end + 3:
                choices.append((sentence, name, int(number), event, time))
    if not choices:
        return None
    old, name, number, event, time = rng.choice(choices)
    first = writer.speech(number, anchored=True) if name == "speech" else writer.title(number, anchored=True)
    first.tag = f"{tag}/other"
    draft.replace(old, first)
    draft.taken.add(old.fact)
    quote = writer.quote(event.text, "" if name == "title" else ".")
    if name == "speech":
        body = rng.choice(
            (
                "the mood stays calm while a man's voice says, {q}",
                "nobody in the picture reacts when the narrator says, {q}",
                "a touch of drama comes in as the voice says, {q}",
            )
        ).format(q=quote)
    else:
        body = rng.choice(
            (
                "the story turns a page when the words {q} appear.",
                "the mood changes as the text {q} comes up.",
                "the tension rises with the appearance of the title {q}.",
            )
        ).format(q=quote)
    sentence = writer.sentence(body, time, "again", None, True)
    sentence.tag = tag
    draft.add(sentence)
    accepts = ("timeline", "speech") if name == "speech" else ("timeline", "error")
    return Fault("event_twice", accepts, tag=tag, apart=(sentence.anchor, event.text))
