"""Claims of darkness and brightness against measured light."""

from __future__ import annotations

import re

from asid_hf.schema import LightEvidence
from asid_hf.verify.case import Case, overlap
from asid_hf.verify.claims import Claim
from asid_hf.verify.findings import Verdict

_CONTRADICTS = {"dark": ("bright",), "dim": ("bright",), "bright": ("dark",)}
_LEVEL = {"dark": "dark", "dim": "dark", "bright": "bright"}
AGAINST = 0.65  # share of the time claimed that must show the opposite
NOT_DARK, BRIGHT_ENOUGH, DARK_ENOUGH = 0.37, 0.45, 0.20  # mean brightness that contradicts dark, dim; and bright
_TURNED = {
    "dark": "bright",
    "darkness": "brightness",
    "darkened": "brightened",
    "dim": "bright",
    "dimly": "brightly",
    "gloomy": "bright",
    "shadowy": "bright",
    "bright": "dark",
    "brightly": "dimly",
    "brightness": "darkness",
    "well-lit": "dimly lit",
    "well lit": "dimly lit",
    "sunlit": "dimly lit",
    "sunny": "dark",
}
_WORD = re.compile(rf"\b(?:{'|'.join(sorted(_TURNED, key=len, reverse=True))})\b", re.IGNORECASE)


def check_light(case: Case) -> list[Verdict]:
    """Judge claims that the picture is dark or bright.

    Only the plain opposite is an error: what is "dim" to one is "dark" to another.

    Args:
        case: `evidence["light"]` None means that nothing was measured, and nothing is judged.

    Returns:
        Verdicts of kind error.

    Example:
        >>> light = {"level": "bright", "brightness": 0.8, "spans": []}
        >>> [v.suggestion for v in check_light(Case("The room is dimly lit.", {"light": light}, [], 5.0, True))]
        ['brightly lit']
    """
    light = case.evidence.get("light")
    if light is None:
        return []
    return [
        verdict for claim in case.claims_of("light") if not claim.negated and (verdict := _judge(claim, case, light))
    ]


def _judge(claim: Claim, case: Case, light: LightEvidence) -> Verdict | None:
    window = case.window(claim)
    spans = [s for s in light["spans"] if overlap(s["start"], s["end"], window) > 0]
    if claim.time and any(span["level"] == _LEVEL.get(claim.value) for span in spans):
        return None  # for a moment, at least, it is
    spans = spans or [{"start": 0.0, "end": 1.0, "level": light["level"], "brightness": light["brightness"]}]
    lengths = [min(span["end"], window[1]) - max(span["start"], window[0]) for span in spans]
    against = sum(length for span, length in zip(spans, lengths, strict=True) if _contradicts(claim.value, span))
    if against < AGAINST * sum(lengths):
        return None
    brightness = sum(span["brightness"] * length for span, length in zip(spans, lengths, strict=True)) / sum(lengths)
    level = max(zip(lengths, spans, strict=True), key=lambda pair: pair[0])[1]["level"]
    evidence = f"The picture's mean brightness is {brightness:.2f} of 1: {level}."
    opposite = level in ("dark", "bright")  # else the claim can only go
    suggestion = _WORD.sub(lambda m: _like(m.group(), _TURNED[m.group().lower()]), claim.span) if opposite else ""
    attribute = case.attribute_at(claim.start, "camera")
    reason = f"the picture is {level}"
    return Verdict(
        "error",
        attribute,
        claim.start,
        claim.end,
        evidence,
        reason,
        suggestion if suggestion != claim.span else "",
        time=claim.time,
    )


def _contradicts(value: str, span: dict) -> bool:
    if span["level"] in _CONTRADICTS.get(value, ()):
        return True
    if value in ("dark", "dim"):
        return span["brightness"] >= (NOT_DARK if value == "dark" else BRIGHT_ENOUGH)
    return value == "bright" and span["brightness"] <= DARK_ENOUGH


def _like(given: str, new: str) -> str:
    return new.capitalize() if given[0].isupper() else new
