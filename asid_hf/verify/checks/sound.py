"""Claims of sound and silence against measured sound."""

from __future__ import annotations

import re

from asid_hf.verify import phrasing
from asid_hf.verify.case import Case, overlap
from asid_hf.verify.claims import Claim
from asid_hf.verify.findings import Verdict

_NO_SOUND = re.compile(r"\b(?:without|no|zero|lacks?|silent)\b", re.IGNORECASE)
_IS_SILENT = re.compile(
    r"\s+(?:\w+ )?(?:is|remains|stays|was) (?:\w+ )?(?:silent|mute|muted|empty|absent|missing)\b", re.I
)
_ALL_SILENT = re.compile(
    r"\b(?:no|not a(?: single)?|without(?: any| a)?|lacks?(?: any)?|any) (?:sounds?|audio|noise)", re.I
)
QUIET_SHARE = 0.5  # a stretch with less silence than this is not silent
AUDIBLE_SECONDS, AUDIBLE_SHARE = 1.0, 0.15  # "no sound" is wrong where there is sound for longer


def check_sound(case: Case) -> list[Verdict]:
    """Judge claims of sound in a silent clip, and of silence over sound.

    What kind of sound is heard is judged only as far as the sensor tells it apart: "no music" over music, never "a
    bell" over "a horn".

    Args:
        case: a clip with audio but without `evidence["sound"]` was not measured, and nothing is judged.

    Returns:
        Verdicts of kind error.

    Example:
        >>> [v.reason for v in check_sound(Case("Soft music plays.", {}, [], 5.0, False))]
        ['the clip has no sound']
    """
    sound = case.evidence.get("sound") if case.has_audio else None
    if case.has_audio and sound is None:
        return []
    verdicts = []
    for claim in case.claims_of("sound"):
        says_silence = _says_silence(claim, case)
        if sound is None or sound["silent"]:
            if not claim.negated and not says_silence:
                reason = "the clip is silent" if sound else "the clip has no sound"
                verdicts.append(_verdict(claim, case, phrasing.say_sound(sound, case.duration)[0], reason))
        elif says_silence and (heard := _heard(case, claim)):
            verdicts.append(_verdict(claim, case, heard, "there is sound"))
        elif claim.negated and claim.value == "music" and (span := _span(sound, "music", claim, case)):
            evidence = phrasing.say_sound({**sound, "spans": [span]}, case.duration)
            verdicts.append(_verdict(claim, case, " ".join(evidence), "music plays"))
    return verdicts


def _says_silence(claim: Claim, case: Case) -> bool:
    if claim.value == "silence":
        return not claim.negated
    if _NO_SOUND.search(claim.span) or _IS_SILENT.match(case.draft, claim.end):
        return True
    return claim.negated and claim.value == "any"


def _heard(case: Case, claim: Claim) -> str:
    """What is heard where silence is claimed; "" where it is indeed quiet."""
    sound, window = case.evidence["sound"], claim.time or (0.0, case.duration)
    spoken = [u for u in case.transcript if overlap(u["start"], u["end"], window) > 0.3 * (u["end"] - u["start"])]
    if spoken:
        return phrasing.say_utterance(spoken[0], case.duration)
    length = max(window[1] - window[0], 0.5)
    silent = sum(max(0.0, overlap(s["start"], s["end"], window)) for s in sound["spans"] if s["kind"] == "silence")
    loud = [s for s in sound["spans"] if s["kind"] != "silence" and overlap(s["start"], s["end"], window) > 0]
    sounding = sum(overlap(s["start"], s["end"], window) for s in loud)
    if _ALL_SILENT.search(claim.span) and sounding >= max(AUDIBLE_SECONDS, AUDIBLE_SHARE * length):
        return f"Sound of {max(s['level'] for s in loud):.0f} dBFS was measured for {sounding:.1f} s."
    if claim.time is None and any(s["kind"] == "silence" and s["end"] - s["start"] >= 1 for s in sound["spans"]):
        return ""  # somewhere it is silent, and nothing says that this is not meant
    if silent >= QUIET_SHARE * length or not loud:
        return ""
    return f"Sound of {max(s['level'] for s in loud):.0f} dBFS was measured."


def _span(sound: dict, kind: str, claim: Claim, case: Case) -> dict | None:
    window = claim.time or (0.0, case.duration)
    spans = [
        s for s in sound["spans"] if s["kind"] == kind and overlap(s["start"], s["end"], window) >= AUDIBLE_SECONDS
    ]
    return spans[0] if spans else None


def _verdict(claim: Claim, case: Case, evidence: str, reason: str) -> Verdict:
    attribute = case.attribute_at(claim.start, "speech")
    return Verdict("error", attribute, claim.start, claim.end, evidence, reason, "", time=claim.time)
