"""Claims of camera movement against measured global motion."""

from __future__ import annotations

import re
from dataclasses import replace

from asid_hf.schema import CameraMove
from asid_hf.verify import phrasing
from asid_hf.verify.case import Case, overlap
from asid_hf.verify.checks.retime import wrong_time
from asid_hf.verify.claims import Claim
from asid_hf.verify.findings import Verdict

SALIENT_SECONDS = 1.0  # a move as long as this must be mentioned
SALIENT_MAGNITUDE = {"pan": 0.1, "tilt": 0.1, "zoom": 0.08}  # of the picture; less is drift
DOMINANT = 2.5  # a move this many times larger hides another at the same time: a zoom off centre also drifts
SURE = 0.4  # confidence below which a measured move neither confirms nor contradicts
DIRECTION_BEHIND, DIRECTION_BEFORE = 40, 25  # characters around a claim in which its direction is looked for
COVERED = 0.8  # share of a window that must be measured before a move is called absent
_AXES = {
    "pan": ("pan_left", "pan_right"),
    "tilt": ("tilt_up", "tilt_down"),
    "zoom": ("zoom_in", "zoom_out"),
}
_OPPOSITES = {one: other for a, b in _AXES.values() for one, other in ((a, b), (b, a))}
_PAIRS = {  # words that say a direction, each with its opposite
    "pan": "left right, leftward rightward, leftwards rightwards",
    "tilt": "up down, upward downward, upwards downwards, raises lowers, lifts lowers, rises sinks, ascends descends",
    "zoom": "in out, inward outward, inwards outwards, forward backward, forwards backwards, closer back, "
    "pushes pulls, push pull, pushing pulling, tightens widens, approaches retreats",
}
_TURNED = {
    axis: {word: other for pair in pairs.split(", ") for a, b in [pair.split()] for word, other in ((b, a), (a, b))}
    for axis, pairs in _PAIRS.items()
}
_DIRECTIONS = {
    axis: re.compile(rf"\b(?:{'|'.join(sorted(turned, key=len, reverse=True))})\b", re.IGNORECASE)
    for axis, turned in _TURNED.items()
}
_PARTLY = re.compile(
    r"\b(?:at first|initially|begins?|starts?|opens?|then|finally|afterwards?|before|after|until|settles?|"
    r"comes? to (?:a )?(?:rest|stop|halt|standstill)|stops?|pauses?|ends?|again|briefly|for a moment)\b",
    re.IGNORECASE,
)
_ALWAYS = re.compile(
    r"\b(?:throughout|repeatedly|constantly|several times|keeps|entire(?:ly)?|whole|never|always|all along|"
    r"at no point|from start to)\b",
    re.IGNORECASE,
)


def check_camera(case: Case) -> list[Verdict]:
    """Judge every camera claim of a draft, and name the salient moves it leaves out.

    Args:
        case: `evidence["camera"]` None means that nothing was measured, and nothing is judged.

    Returns:
        Verdicts of kind error (contradicted), timeline (right move, wrong time) and missing.

    Example:
        >>> move = {"shot": 0, "start": 2, "end": 5, "motion": "pan_right", "magnitude": 0.5, "confidence": 1}
        >>> [v.suggestion for v in check_camera(Case("The camera pans left.", {"camera": [move]}, [], 9.0, True))]
        ['pans right']
    """
    moves = case.evidence.get("camera")
    if moves is None:
        return []
    sure = [move for move in moves if move["confidence"] >= SURE]
    claims = [c for c in case.claims_of("camera") if c.value != "framing"]
    verdicts = [verdict for claim in claims if (verdict := _judge(claim, case, sure, claims))]
    return verdicts + _missing(case, sure, claims)


def salient_moves(moves: list[CameraMove]) -> list[CameraMove]:
    """Moves that a caption must mention: pans, tilts and zooms of a second or more and of some size.

    Example:
        >>> salient_moves([{"shot": 0, "start": 0, "end": 0.6, "motion": "pan_left", "magnitude": 1, "confidence": 1}])
        []
    """
    moving = [move for move in moves if move["motion"] not in ("static", "shake")]
    return [
        move
        for move in moving
        if move["end"] - move["start"] >= SALIENT_SECONDS
        and move["confidence"] >= SURE
        and move["magnitude"] >= SALIENT_MAGNITUDE[move["motion"].partition("_")[0]]
        and not any(_hides(other, move) for other in moving)
    ]


def _hides(larger: CameraMove, move: CameraMove) -> bool:
    together = overlap(larger["start"], larger["end"], (move["start"], move["end"]))
    return larger["magnitude"] >= DOMINANT * move["magnitude"] and together > 0.5 * (move["end"] - move["start"])


def _judge(claim: Claim, case: Case, moves: list[CameraMove], claims: list[Claim]) -> Verdict | None:
    if claim.value == "static":
        return _judge_static(claim, case, moves, claims)
    window = case.window(claim)
    near = [move for move in moves if overlap(move["start"], move["end"], window) > 0]
    same = [move for move in near if _answers(claim.value, move["motion"])]
    if claim.negated:
        return _verdict(claim, case, same[0], "the camera does move so", "") if salient_moves(same) else None
    if same or claim.value == "shake":  # what is called shaky varies too much to be contradicted
        return None
    seen = sum(max(0.0, overlap(move["start"], move["end"], window)) for move in near)
    covered = seen >= COVERED * _length(window, case)  # else such a move may have gone unmeasured
    elsewhere = [move for move in moves if _answers(claim.value, move["motion"])]
    if elsewhere and claim.time:
        move = elsewhere[0]
        said = phrasing.say_move(move, case.duration)
        return wrong_time(claim, case, move["start"], move["end"], said) if covered else None
    opposite = [move for move in near if move["motion"] == _OPPOSITES.get(claim.value)]
    opposite = [move for move in opposite if not _is_told(move, [c for c in claims if c is not claim], case)]
    if opposite:
        return _turned_round(claim, case, opposite[0])
    return _verdict(claim, case, near[0] if near else None, "no such move was measured", "") if covered else None


def _is_told(move: CameraMove, claims: list[Claim], case: Case) -> bool:
    """Whether one of the claims rightly speaks of a move."""
    right = [c for c in claims if not c.negated and _answers(c.value, move["motion"])]
    return any(overlap(move["start"], move["end"], case.window(c)) > 0 for c in right)


def _judge_static(claim: Claim, case: Case, moves: list[CameraMove], claims: list[Claim]) -> Verdict | None:
    sentence = case.sentence_at(claim.start)
    always = bool(sentence and _ALWAYS.search(sentence.text))
    if claim.negated:
        return None
    if sentence and _PARTLY.search(sentence.text) and any(move["motion"] == "static" for move in moves):
        return None  # still for a while, and it is for a while
    told = [c for c in claims if c.value != "static" and not c.negated]
    window = (0.0, case.duration) if always or claim.time is None else claim.time
    moving = [move for move in salient_moves(moves) if overlap(move["start"], move["end"], window) >= SALIENT_SECONDS]
    if not always and claim.time is None:  # "still" besides a move that is told means: before or after it
        moving = [move for move in moving if not any(_answers(c.value, move["motion"]) for c in told)]
    return _verdict(claim, case, moving[0], "the camera moves", "") if moving else None


def _missing(case: Case, moves: list[CameraMove], claims: list[Claim]) -> list[Verdict]:
    verdicts = []
    salient = salient_moves(moves)
    told = _told(salient, claims, case)
    for move in salient:
        if move in told:
            continue
        sentence = phrasing.say_move(move, case.duration)
        end = len(case.draft)
        time = (move["start"], move["end"])
        verdicts.append(
            Verdict("missing", "camera", end, end, sentence, "the move is not mentioned", sentence, time=time)
        )
    return verdicts


def _told(salient: list[CameraMove], claims: list[Claim], case: Case) -> list[CameraMove]:
    """The moves that claims speak of: one a claim, but all of those inside a claimed stretch of time."""
    told: list[CameraMove] = []
    for claim in sorted(claims, key=lambda c: c.time is None):
        spoken_of = [move for move in salient if _mentions(claim, move, case)]
        fresh = [move for move in spoken_of if move not in told]
        if claim.time and claim.time[0] < claim.time[1]:
            told += [move for move in fresh if overlap(move["start"], move["end"], claim.time) > 0]
        if claim.time:
            fresh.sort(key=lambda move: -overlap(move["start"], move["end"], case.window(claim)))
        sentence = case.sentence_at(claim.start)
        several = sentence and _ALWAYS.search(sentence.text)
        told += fresh if several else fresh[:1]
    return told


def _mentions(claim: Claim, move: CameraMove, case: Case) -> bool:
    """Whether a claim speaks of this move, rightly or with its direction turned round (which is an error by itself)."""
    if claim.negated or overlap(move["start"], move["end"], case.window(claim)) < 0:
        return False
    return _answers(claim.value, move["motion"]) or claim.value == _OPPOSITES[move["motion"]]


def _answers(value: str, motion: str) -> bool:
    return value == motion or motion in _AXES.get(value, ())


def _turned_round(claim: Claim, case: Case, move: CameraMove) -> Verdict:
    """The verdict on a wrong direction; its span reaches from the claim to the word that names the direction."""
    verdict = _verdict(claim, case, move, "the direction is the other one", "")
    axis = claim.value.partition("_")[0]
    direction, turned = _DIRECTIONS[axis], _TURNED[axis]
    behind = direction.search(case.draft, claim.start, claim.end + DIRECTION_BEHIND)
    before = list(direction.finditer(case.draft, max(0, claim.start - DIRECTION_BEFORE), claim.start))
    if behind:
        start, end = claim.start, max(claim.end, behind.end())
    elif before:
        start, end = before[-1].start(), claim.end
    else:
        return verdict
    said = case.draft[start:end]
    words = direction.sub(lambda m: _like(m.group(), turned[m.group().lower()]), said)
    return replace(verdict, start=start, end=end, suggestion=words)


def _like(given: str, new: str) -> str:
    return new.capitalize() if given[0].isupper() else new


def _length(window: tuple[float, float], case: Case) -> float:
    return min(window[1], case.duration) - max(window[0], 0.0)


def _verdict(claim: Claim, case: Case, move: CameraMove | None, reason: str, suggestion: str) -> Verdict:
    evidence = phrasing.say_move(move, case.duration) if move else "No camera movement was measured."
    attribute = case.attribute_at(claim.start, "camera")
    time = (move["start"], move["end"]) if move else None
    confidence = move["confidence"] if move else 0.8
    return Verdict("error", attribute, claim.start, claim.end, evidence, reason, suggestion, confidence, time)
