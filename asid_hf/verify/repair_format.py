"""Stage 11: faults of form leave the caption and its attributes; the draft keeps them, as findings."""

from __future__ import annotations

from dataclasses import dataclass

from asid_hf.verify.case import case_of
from asid_hf.verify.findings import Verdict, findings_of
from asid_hf.verify.format import format_faults, repaired
from asid_hf.verify.stage import Row, Stage

_REASONS = {
    "repetition": "the same words over and over",
    "timestamp": "no valid time",
    "symbol": "a stray symbol",
}


@dataclass(frozen=True)
class RepairFormat(Stage):
    """Repair `caption` and `attributes`: loops collapsed, malformed times mended, stray symbols taken out.

    Args:
        enabled: False only records the faults, and leaves the texts as they are.

    Example:
        >>> RepairFormat().name
        'repair_format'
    """

    enabled: bool = True

    name = "repair_format"
    reads = (
        "draft", "sources", "candidates", "evidence", "transcript", "duration", "has_audio", "findings", "caption",
        "attributes",
    )  # fmt: skip
    writes = ("attributes", "caption", "findings")

    def run(self, row: Row) -> Row:
        """Repair one row's texts and record what was wrong in the draft."""
        case = case_of(row)
        verdicts = [
            Verdict(
                "format",
                case.attribute_at(fault.start, "narrative_elements"),
                fault.start,
                fault.end,
                f"Stands in the draft: {case.draft[fault.start : fault.end][:80]!r}.",
                _REASONS[fault.reason],
                fault.replacement,
            )
            for fault in format_faults(case.draft)
        ]
        if not self.enabled:
            return {"findings": findings_of(row, self.name, case.draft, verdicts)}
        caption = repaired(row["caption"] or "")
        clean = not format_faults(caption)
        findings = findings_of(row, self.name, case.draft, verdicts)
        return {
            "caption": caption,
            "attributes": {name: repaired(text or "") for name, text in row["attributes"].items()},
            "findings": [{**f, "resolved": clean} if f["stage"] == self.name else f for f in findings],
        }
