"""A right statement at a wrong time: the anchor is the fault, and the measured time what should stand there."""

from __future__ import annotations

from asid_hf.anchors import Anchor
from asid_hf.verify import phrasing
from asid_hf.verify.case import TOLERANCE, Case
from asid_hf.verify.claims import Claim
from asid_hf.verify.findings import Verdict


def wrong_time(claim: Claim, case: Case, start: float, end: float, evidence: str) -> Verdict | None:
    """The verdict on the anchor that governs a claim, when the claim is true from `start` to `end` s instead.

    Args:
        claim: the claim; one without an anchor in its sentence has no time to be wrong.
        case: the case it belongs to.
        start, end: measured time in seconds.
        evidence: the measured fact in words.

    Returns:
        A timeline verdict whose suggestion replaces the anchor, or None.

    Example:
        >>> from asid_hf.verify.claims import parse_claims
        >>> text = "At 2s, the camera pans left."
        >>> wrong_time(parse_claims(text)[-1], Case(text, {}, [], 20.0, True), 9.0, 11.0, "") is None
        True
    """
    anchor = case.anchor_of(claim)
    if anchor is None:
        return None
    reason = f"it happens at another time, more than {TOLERANCE:.0f} s away"
    suggestion = replacement(anchor, start, end, case.duration)
    attribute = case.attribute_at(claim.start, claim.kind)
    return Verdict("timeline", attribute, anchor.start, anchor.end, evidence, reason, suggestion, time=(start, end))


def replacement(anchor: Anchor, start: float, end: float, duration: float) -> str:
    """The measured time in the form of the anchor it replaces: a point stays a point, a range a range.

    Example:
        >>> from asid_hf.anchors import parse_anchors
        >>> replacement(parse_anchors("At 2s, it rains.")[0], 9.0, 11.0, 20.0)
        'At 9s'
    """
    first, last = phrasing.anchor(start, duration), phrasing.anchor(end, duration)
    words = f"from {first} to {last}" if anchor.kind == "range" and first != last else f"at {first}"
    return words[0].upper() + words[1:] if anchor.span[:1].isupper() else words
