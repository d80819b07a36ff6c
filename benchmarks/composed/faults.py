"""Write the captions of the benchmark: clean ones, and ones with planted faults, the kinds evenly spread.

A fault is planted by changing a script before it is put together, so that a false sentence is worded by the same
phrases as a true one; only the format faults are written into finished sentences.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from .planters import PLANTERS
from .planters.drafts import Draft, Fault
from .truth import Truth
from .wordings import Placed, Writer, assemble, in_order, write_script

_NEED_TIMES = {"anchors_out_of_order", "speech_wrong_time", "event_twice", "range_reversed"}
"""Kinds that need a caption full of times."""


@dataclass
class Caption:
    """A caption of a clip and the faults in it (none: it is clean)."""

    name: str
    video_id: str
    text: str
    manner: str
    faults: list[Fault]


def caption_of(truth: Truth, seed: int, name: str, kinds: list[str] | None = None) -> Caption | None:
    """Write a caption of a clip, with faults of `kinds` planted in it.

    Args:
        truth: of the clip.
        seed: with the name, decides every word.
        name: of the caption.
        kinds: faults to plant, of `PLANTERS`; None or empty for a clean caption.

    Returns:
        The caption, or None where the clip does not allow one of the kinds.
    """
    rng = random.Random(f"{seed}/{truth.video_id}/{name}")
    manner = "asid" if kinds and set(kinds) & _NEED_TIMES and rng.random() < 0.85 else None
    writer = Writer(truth, rng, manner)
    draft = Draft(truth, write_script(truth, writer, together=not kinds), writer, rng)
    faults = []
    for number, kind in enumerate(kinds or []):
        fault = PLANTERS[kind](draft, f"fault{number}")
        if fault is None:
            return None
        faults.append(fault)
    middle = draft.script.sentences[1:-1]
    draft.script.sentences = [draft.script.sentences[0], *in_order(middle, truth), draft.script.sentences[-1]]
    if not all(step() for step in draft.late):
        return None
    text, placed = assemble(draft.script)
    for fault in faults:
        _locate(fault, text, placed)
    return Caption(name, truth.video_id, text, draft.script.manner, faults)


def _locate(fault: Fault, text: str, placed: list[Placed]) -> None:
    """Write down where in the caption a fault came to lie."""
    fault.start = fault.end = fault.sentence_start = fault.sentence_end = len(text)
    for number, place in enumerate(placed):
        if fault.tag and place.sentence.tag == fault.tag:
            fault.start, fault.end = place.core_start, place.core_end
            fault.sentence_start, fault.sentence_end = place.start, place.end
            if fault.ordered:  # whichever of the neighbours in time a finding names
                before = [other for other in placed[:number] if other.sentence.anchor_time is not None][-1:]
                behind = [other for other in placed[number + 1 :] if other.sentence.anchor_time is not None][:1]
                fault.elsewhere += [(other.start, other.end) for other in before + behind]
        elif fault.tag and place.sentence.tag == f"{fault.tag}/other":
            fault.elsewhere.append((place.start, place.end))


def faulty_captions(truths: list[Truth], seed: int, count: int) -> list[Caption]:
    """Write `count` captions of one to three faults, the kinds as evenly spread as the clips allow.

    Args:
        truths: of the clips.
        seed: decides every word.
        count: number of captions.
    """
    rng = random.Random(f"{seed}/kinds")
    planted: Counter[str] = Counter()
    captions: list[Caption] = []
    number = 0
    while len(captions) < count:
        truth = truths[number % len(truths)]
        wanted = rng.choice((1, 1, 2, 2, 3))
        kinds: list[str] = []
        name = f"{truth.video_id}_faulty{number // len(truths)}"
        best = None
        for kind in sorted(PLANTERS, key=lambda kind: (planted[kind], rng.random())):
            tried = caption_of(truth, seed, name, [*kinds, kind])
            if tried is not None:
                best, kinds = tried, [*kinds, kind]
                if len(kinds) == wanted:
                    break
        if best is not None:
            captions.append(best)
            planted.update(kinds)
        number += 1
        if number > 20 * count:
            raise ValueError(f"Only {len(captions)} of {count} faulty captions could be written.")
    return captions
