"""What of a draft was measured to be true: the claims that a sensor bears out, so that no opinion can undo them."""

from __future__ import annotations

from asid_hf.verify.case import Case, overlap
from asid_hf.verify.checks.screen_text import read_on_screen
from asid_hf.verify.claims import Claim
from asid_hf.verify.words import align_quote

_SURE = 0.5  # confidence of a camera move that confirms


def confirmed_claims(case: Case) -> list[Claim]:
    """The claims that a measurement confirms: quotations that were heard, camera moves, cuts and texts that were seen.

    Args:
        case: a draft with its evidence.

    Returns:
        Claims of the draft, in text order.

    Example:
        >>> said = {"start": 1.0, "end": 2.0, "speaker": None, "text": "Come in, please.", "confidence": 1.0}
        >>> case = Case('At 1s, he says, "Come in, please."', {}, [said], 5.0, True)
        >>> [claim.quote for claim in confirmed_claims(case)]
        ['Come in, please.']
    """
    return [claim for claim in case.claims if not claim.negated and _confirmed(claim, case)]


def _confirmed(claim: Claim, case: Case) -> bool:
    window = case.window(claim)
    if claim.kind == "speech":
        near = [u for u in case.transcript if overlap(u["start"], u["end"], window) >= 0]
        return claim.quote is not None and align_quote(claim.quote, near).verdict == "matched"
    if claim.kind == "camera":
        moves = case.evidence.get("camera") or []
        return any(
            move["motion"] == claim.value
            and move["confidence"] >= _SURE
            and overlap(move["start"], move["end"], window) > 0
            for move in moves
            if move["motion"] != "static"
        )
    if claim.kind == "cut":
        cuts = [shot["start"] for shot in (case.evidence.get("shots") or [])[1:]]
        return claim.time is not None and any(window[0] <= cut <= window[1] for cut in cuts)
    if claim.kind == "screen_text":
        return claim.quote is not None and bool(read_on_screen(claim.quote, case.evidence.get("screen_text")))
    return False
