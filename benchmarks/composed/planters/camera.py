"""Faults about the camera and cuts."""

from __future__ import annotations

from .. import phrases
from ..footage import STRETCHES
from ..truth import OPPOSITE, Move
from ..voices import words_of
from .drafts import Draft, Fault, Implied, core_of, core_words


def wrong_direction(draft: Draft, tag: str) -> Fault | None:
    """A camera move in the opposite direction."""
    truth = draft.truth
    motions = {move.motion for move in truth.moves}
    found = [
        sentence
        for sentence in draft.whole("move:")
        if OPPOSITE[truth.moves[int(sentence.fact.split(":")[1])].motion] not in motions
    ]
    if not found or not draft.free("camera"):
        return None
    old = draft.rng.choice(found)
    number = int(old.fact.split(":")[1])
    move = truth.moves[number]
    if sum(other.motion == move.motion for other in truth.moves) > 1:
        return None  # the right direction would be found elsewhere in the caption
    new = draft.writer.move(number, Move(OPPOSITE[move.motion], move.start, move.end, move.magnitude, move.shot))
    new.tag = tag
    draft.replace(old, new)
    draft.taken |= {old.fact, "camera"}
    fault = Fault("camera_direction", ("error",), tag=tag, absent=[core_words(new)])
    fault.said = [("motion", move.motion)]
    fault.implied = [Implied("camera", [(move.start, move.end)])]
    return fault


def invented_move(draft: Draft, tag: str) -> Fault | None:
    """A camera move over a static shot."""
    truth, rng = draft.truth, draft.rng
    axes = {move.motion.split("_")[0] for move in truth.moves}
    motions = [motion for motion in OPPOSITE if motion.split("_")[0] not in axes]
    shots = [
        number
        for number, shot in enumerate(truth.shots)
        if shot.end - shot.start >= 1.8 and not any(move.shot == number for move in truth.moves)
    ]
    steady = all(STRETCHES[shot.stretch].steady or STRETCHES[shot.stretch].natural for shot in truth.shots)
    if not motions or not shots or not steady or not draft.free("static", "camera"):
        return None
    draft.drop("static")
    number = rng.choice(shots)
    shot = truth.shots[number]
    length = min(shot.end - shot.start - 0.2, rng.uniform(1.5, 3.0))
    start = rng.uniform(shot.start, shot.end - length)
    sentence = draft.writer.move(
        -1, Move(rng.choice(motions), start, start + length, rng.uniform(0.2, 0.4) * length, number)
    )
    sentence.fact, sentence.tag = "invented", tag
    draft.add(sentence)
    draft.taken.add("camera")
    return Fault("camera_invented", ("error",), tag=tag, absent=[core_words(sentence)])


def static_over_move(draft: Draft, tag: str) -> Fault | None:
    """A fixed camera claimed where it moves."""
    truth = draft.truth
    facts = [f"move:{number}" for number in range(len(truth.moves))]
    if not facts or not draft.free("camera", *facts):
        return None
    draft.drop(*facts)
    draft.taken.add("camera")
    sentence = draft.writer.remark("invented", phrases.STATIC, truth.duration * draft.rng.random())
    sentence.tag = tag
    draft.add(sentence)
    fault = Fault("static_over_move", ("error",), tag=tag, absent=[core_words(sentence)])
    fault.implied = [Implied("camera", [(move.start, move.end)]) for move in truth.moves]
    fault.said = [("motion", move.motion) for move in truth.moves]
    return fault


def invented_cut(draft: Draft, tag: str) -> Fault | None:
    """A cut where there is none."""
    truth, rng = draft.truth, draft.rng
    if truth.duration < 3.5 or not draft.free("take", "cuts"):
        return None
    times = [time / 10 for time in range(12, int(truth.duration * 10) - 10)]
    times = [time for time in times if all(abs(draft.writer.second(time) - cut) >= 2.5 for cut in truth.cuts)]
    if not times:
        return None
    draft.drop("take")
    seen = {shot.stretch for shot in truth.shots}
    new = rng.choice([shows for name, stretch in STRETCHES.items() if name not in seen for shows in stretch.shows])
    sentence = draft.writer.cut(-1, rng.choice(times), new, anchored=True if truth.cuts else None)
    sentence.fact, sentence.tag = "invented", tag
    draft.add(sentence)
    draft.taken.add("cuts")
    head = f"{core_of(sentence)} {new}"
    # beside true cuts, one claimed at another time may as well be called a true one told at a wrong time
    accepts = ("error", "timeline") if truth.cuts else ("error",)
    return Fault("cut_invented", accepts, tag=tag, absent=[" ".join(words_of(head)[:8])])


def take_over_cuts(draft: Draft, tag: str) -> Fault | None:
    """One continuous take claimed where there are cuts."""
    truth, rng = draft.truth, draft.rng
    facts = [f"cut:{number}" for number in range(len(truth.cuts))]
    if not facts or not draft.free("cuts", *facts):
        return None
    fault = Fault("take_over_cuts", ("error",), tag=tag)
    if rng.random() < 0.6:
        draft.drop(*facts)
        fault.said = [("cuts", "")]
    fault.implied = [Implied("camera", [(cut, cut)]) for cut in truth.cuts]
    draft.taken |= {"cuts", *facts}
    sentence = draft.writer.remark("invented", phrases.TAKE, truth.duration)
    sentence.tag = tag
    draft.add(sentence)
    fault.absent = [core_words(sentence)]
    return fault
