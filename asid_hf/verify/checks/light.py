"""Claims of darkness and brightness against measured light."""

from __future__ import annotations

import re

from asid_hf.schema import LightEvidence
from asid_hf.verify.case import Case, overlap
from asid_hf.verify.claims import Claim
from asid_hf.verify.findings import Verdict

_CONTRADICTS = {"dark": ("bright",), "dim": ("bright",), "bright": ("dark",)}
BRIGHT_ENOUGH, DARK_ENOUGH = 0.45, 0.20  # mean brightness that also contradicts "dark", and "bright"
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
    spans = [s for s in light["spans"] if overlap(s["start"], s["end"], case.window(claim)) > 0]
    spans = spans or [{"level": light["level"], "brightness": light["brightness"]}]
    if not all(_contradicts(claim.value, span) for span in spans):
        return None
    brightness = sum(span["brightness"] for span in spans) / len(spans)
    evidence = f"The picture's mean brightness is {brightness:.2f} of 1: {spans[0]['level']}."
    suggestion = _WORD.sub(lambda m: _like(m.group(), _TURNED[m.group().lower()]), claim.span)
    attribute = case.attribute_at(claim.start, "camera")
    reason = f"the picture is {spans[0]['level']}"
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
    if value == "dark":
        return span["brightness"] >= BRIGHT_ENOUGH
    return value == "bright" and span["brightness"] <= DARK_ENOUGH


def _like(given: str, new: str) -> str:
    return new.capitalize() if given[0].isupper() else new
