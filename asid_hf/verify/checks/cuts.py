"""Claims of cuts and of single takes against the measured shots."""

from __future__ import annotations

import re

from asid_hf.verify import phrasing
from asid_hf.verify.case import TOLERANCE, Case, overlap
from asid_hf.verify.checks.retime import wrong_time
from asid_hf.verify.claims import Claim
from asid_hf.verify.findings import Verdict

_MANY = re.compile(
    r"\b(?:series of|sequence of|various|rapid(?:ly)?|quick succession|alternat\w+|back and forth|intercut\w*|"
    r"(?:several|multiple|numerous|many|different|two|three|four|five|six|seven|eight|nine|ten|\d+) (?:\w+ )?"
    r"(?:cuts|shots|scenes|views|clips))\b",
    re.IGNORECASE,
)
_MONTAGE = re.compile(
    r"\b(?:montage|compilation|supercut|(?:series|sequence) of (?:\w+ )?(?:shots|scenes|clips))\b", re.I
)
_NOUN = re.compile(r"\b(?:an?|the|this|another|one|hard|sharp|quick|abrupt|sudden|smash|jump|last|final) cut\b", re.I)
_CHANGES = re.compile(r"\b(?:cuts?|switch\w*|transition\w*|chang\w+)\b", re.IGNORECASE)
_MOMENT = r"\d{1,4}(?:\.\d+)?"
_SECONDS = r" ?s(?:ec(?:ond)?s?)?\b"
_MOMENTS = re.compile(rf"\b(?:{_MOMENT}(?:{_SECONDS})?(?:, and|, or|,| and| or) ){{0,40}}{_MOMENT}{_SECONDS}")
ABUTS = 0.3  # s
ONE_PHRASE = 20  # characters between two phrases that speak of one cut
_PLAIN = "continues with"  # stands for "cuts to" where nothing is cut


def check_cuts(case: Case) -> list[Verdict]:
    """Judge claims of a cut or of one unbroken take, and name the cuts a draft leaves out.

    A timed claim needs a cut within the tolerance. Untimed claims are matched, in the order told, to the cuts between
    the anchors around them.

    Args:
        case: `evidence["shots"]` None means that nothing was measured, and nothing is judged.

    Returns:
        Verdicts of kind error, timeline and missing.

    Example:
        >>> shots = [{"start": 0.0, "end": 4.0}]
        >>> [v.reason for v in check_cuts(Case("At 2s, the scene cuts to a dog.", {"shots": shots}, [], 4.0, True))]
        ['there is no cut in the clip']
    """
    shots = case.evidence.get("shots")
    if not shots:
        return []
    cuts = [shot["start"] for shot in shots[1:]]
    claims = _each_once(case)
    single = [c for c in claims if (c.value == "single_take") != c.negated]
    told = [c for c in claims if (c.value == "cut") != c.negated]
    verdicts = [_not_single(claim, case, cuts) for claim in single if cuts and _inside(claim, case, cuts)]
    taken, unmatched = _match(case, told, cuts)
    verdicts += [verdict for claim in unmatched if (verdict := _absent(claim, case, cuts))]
    if _MONTAGE.search(case.draft) or any(_MANY.search(_sentence(case, claim)) for claim in told):
        return verdicts
    left_out = [cut for cut in cuts if cut not in taken and not _in_a_move(case, cut)]
    listed = _listed(case)
    left_out = [cut for cut in left_out if not any(abs(cut - time) <= TOLERANCE for time in listed)]
    return verdicts + [_missed(case, cut) for cut in left_out]


def _listed(case: Case) -> list[float]:
    """The moments that sentences with two and more of them tell of changes: "cuts come at 1s, 3s, 5s and 9.6s"."""
    times: list[float] = []
    for placed in case.placed:
        if _CHANGES.search(placed.text):
            lists = _MOMENTS.findall(placed.text)
            moments = [float(number) for moments in lists for number in re.findall(_MOMENT, moments)]
            times += moments if len(moments) > 1 else []
    return times


def _each_once(case: Case) -> list[Claim]:
    """The draft's claims of cuts; "cuts to the next scene" speaks of one cut, in two phrases."""
    kept: list[Claim] = []
    for claim in case.claims_of("cut"):
        gap = case.draft[kept[-1].end : claim.start] if kept else ""
        if not kept or len(gap) > ONE_PHRASE or re.search(r"[.!?;]", gap) or claim.negated != kept[-1].negated:
            kept.append(claim)
    return kept


def _in_a_move(case: Case, cut: float) -> bool:
    """Whether the camera moves alike right up to a cut and right after it: the move may have been taken for a cut."""
    moves = [move for move in case.evidence.get("camera") or [] if move["motion"] != "static"]
    before = {move["motion"] for move in moves if abs(move["end"] - cut) <= ABUTS and move["start"] < cut}
    after = {move["motion"] for move in moves if abs(move["start"] - cut) <= ABUTS and move["end"] > cut}
    return bool(before & after)


def _match(case: Case, told: list[Claim], cuts: list[float]) -> tuple[set[float], list[Claim]]:
    """Give every claim a cut of its own where there is one: timed claims first, then the others in order."""
    taken: set[float] = set()
    unmatched = []
    for claim in sorted(told, key=lambda c: c.time is None):
        start, end = case.window_between(claim)
        free = [cut for cut in cuts if start <= cut <= end and cut not in taken]
        if free:
            middle = sum(claim.time) / 2 if claim.time else free[0]
            taken.add(min(free, key=lambda cut: abs(cut - middle)))
        elif not any(start <= cut <= end for cut in cuts):
            unmatched.append(claim)  # a second mention of a cut that is taken is no error
    return taken, unmatched


def _absent(claim: Claim, case: Case, cuts: list[float]) -> Verdict | None:
    if cuts and claim.time is None:
        return None  # cuts exist, and nothing says which one is meant
    if cuts:
        nearest = min(cuts, key=lambda cut: abs(cut - claim.time[0]))
        spoken_of = [c for c in case.claims_of("cut") if c is not claim and c.time]
        if not any(abs(c.time[0] - nearest) <= TOLERANCE for c in spoken_of):
            return wrong_time(claim, case, nearest, nearest, phrasing.say_cut(nearest, case.duration))
    reason = "there is no cut at this time" if cuts else "there is no cut in the clip"
    evidence = phrasing.say_shots(case.evidence["shots"])
    attribute = case.attribute_at(claim.start, "camera")
    return Verdict("error", attribute, claim.start, claim.end, evidence, reason, _plain(claim, case), time=claim.time)


def _not_single(claim: Claim, case: Case, cuts: list[float]) -> Verdict:
    evidence = phrasing.say_shots(case.evidence["shots"])
    attribute = case.attribute_at(claim.start, "camera")
    return Verdict("error", attribute, claim.start, claim.end, evidence, "the clip is cut", "", time=(cuts[0], cuts[0]))


def _missed(case: Case, cut: float) -> Verdict:
    sentence = phrasing.say_cut(cut, case.duration)
    end = len(case.draft)
    return Verdict("missing", "camera", end, end, sentence, "the cut is not mentioned", sentence, time=(cut, cut))


def _inside(claim: Claim, case: Case, cuts: list[float]) -> bool:
    """Whether a cut lies well inside the stretch a claim of one take is about."""
    start, end = claim.time or (0.0, case.duration)
    return any(overlap(cut, cut, (start + 0.5, end - 0.5)) >= 0 for cut in cuts) or claim.time is None


def _plain(claim: Claim, case: Case) -> str:
    """Words that leave the sentence whole without the cut: "cuts to a dog" becomes "continues with a dog"."""
    if _NOUN.search(claim.span):
        return ""
    ends_open = re.search(r"\b(?:to|into)$", claim.span)
    follows = re.match(r"\s+(?:to|into)\b", case.draft[claim.end :])
    verb = re.search(
        r"\b(?:cuts?|transitions?|switch(?:es)?|shifts?|jumps?|moves?|changes?|fades?|dissolves?)\b", claim.span
    )
    if ends_open and verb:
        return claim.span[: verb.start()] + _PLAIN
    return "" if not (follows and verb) else claim.span[: verb.start()] + "continues"


def _sentence(case: Case, claim: Claim) -> str:
    placed = case.sentence_at(claim.start)
    return placed.text if placed else ""
