"""Stage 13: rows are kept or dropped by declared rules, each drop with the name of its rule."""

from __future__ import annotations

from dataclasses import dataclass

from asid_hf.errors import InputError
from asid_hf.schema import ATTRIBUTES
from asid_hf.verify.ensemble import annotator_of, chosen_candidates, is_told
from asid_hf.verify.findings import JUDGE
from asid_hf.verify.stage import Row, Stage


@dataclass(frozen=True)
class KeepRules:
    """What a row must fulfil to be kept; None: no such rule.

    Args:
        max_unresolved: findings of kind error, speech or timeline that are left (of confidence `min_confidence`).
        min_confidence: of the findings that count.
        min_agreement: mean agreement of the annotators over the attributes that have one, 0..1.
        min_annotators: annotators, beside the measured one, and given captions that the row has a caption of.
        min_attributes: attributes with a text.
        min_words: words of the caption.
        min_duration, max_duration: of the clip, s.
        require_stages: stages that must not have failed on the row.

    Raises:
        InputError: a value that is not allowed.

    Example:
        >>> KeepRules(min_words=20).min_words
        20
    """

    max_unresolved: int | None = None
    min_confidence: float = 0.5
    min_agreement: float | None = None
    min_annotators: int | None = None
    min_attributes: int | None = None
    min_words: int | None = None
    min_duration: float | None = None
    max_duration: float | None = None
    require_stages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, most in (("min_agreement", 1), ("min_confidence", 1), ("min_attributes", len(ATTRIBUTES))):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= most:
                raise InputError(f"The keep rule {name} is {value}. It has to lie within 0 and {most}.")


KEEP_ALL = KeepRules()


@dataclass(frozen=True)
class Keep(Stage):
    """Set `status` and `drop_reason` by the rules; the row keeps its texts, and its errors say what was found.

    Args:
        rules: see `KeepRules`; none by default, which keeps every row.

    Example:
        >>> row = {"caption": "It pans.", "attributes": {}, "findings": [], "agreement": None, "candidates": []}
        >>> row["duration"] = 4.0
        >>> Keep(rules=KeepRules(min_words=20))({name: [value] for name, value in row.items()})["drop_reason"]
        ['too_few_words']
    """

    rules: KeepRules = KEEP_ALL

    name = "keep"
    reads = ("caption", "attributes", "candidates", "findings", "agreement", "duration")
    writes = ()

    def run(self, row: Row) -> Row:
        """Apply the rules to one row."""
        broken = drop_reason(row, self.rules)
        if broken is None:
            return {}
        reason, message = broken
        row["errors"].append({"stage": self.name, "kind": reason, "message": message})
        return {"status": "dropped", "drop_reason": reason}


def drop_reason(row: Row, rules: KeepRules) -> tuple[str, str] | None:
    """The first rule that a row breaks: its name, and what was found and what is allowed; None where it breaks none.

    Example:
        >>> drop_reason({"duration": 200.0}, KeepRules(max_duration=180.0))
        ('too_long', 'The clip lasts 200.0 s; 180 s are allowed.')
    """
    duration = row.get("duration") or 0.0
    if rules.max_duration is not None and duration > rules.max_duration:
        return "too_long", f"The clip lasts {duration:.1f} s; {rules.max_duration:g} s are allowed."
    if rules.min_duration is not None and duration < rules.min_duration:
        return "too_short", f"The clip lasts {duration:.1f} s; {rules.min_duration:g} s are needed."
    failed = [error for error in row.get("errors") or [] if error["stage"] in rules.require_stages]
    if failed:
        return "stage_failed", f"{failed[0]['stage']} failed ({failed[0]['kind']}): {failed[0]['message']}"[:500]
    candidates = row.get("candidates") or []
    told = {annotator_of(candidates[i]) for i in chosen_candidates(candidates) if is_told(candidates[i])}
    if rules.min_annotators is not None and len(told) < rules.min_annotators:
        return "too_few_annotators", f"{len(told)} annotators captioned the clip; {rules.min_annotators} are needed."
    written = sum(bool(text) for text in (row.get("attributes") or {}).values())
    if rules.min_attributes is not None and written < rules.min_attributes:
        return "too_few_attributes", f"{written} attributes have a text; {rules.min_attributes} are needed."
    words = len((row.get("caption") or "").split())
    if rules.min_words is not None and words < rules.min_words:
        return "too_few_words", f"The caption has {words} words; {rules.min_words} are needed."
    return _doubtful(row, rules)


def _doubtful(row: Row, rules: KeepRules) -> tuple[str, str] | None:
    left = [
        finding
        for finding in row.get("findings") or []
        if not finding["resolved"]
        and finding["kind"] in ("error", "speech", "timeline")
        and finding["confidence"] >= rules.min_confidence
        and (finding["judge"] == JUDGE or finding.get("disputed_by") != JUDGE)  # what was measured to be right is right
    ]
    if rules.max_unresolved is not None and len(left) > rules.max_unresolved:
        return "unresolved_findings", f"{len(left)} findings are unresolved; {rules.max_unresolved} are allowed."
    shares = [share for share in (row.get("agreement") or {}).values() if share is not None]
    mean = sum(shares) / len(shares) if shares else None
    if rules.min_agreement is not None and mean is not None and mean < rules.min_agreement:
        return "low_agreement", f"The annotators agree to {mean:.2f}; {rules.min_agreement:g} is needed."
    return None
