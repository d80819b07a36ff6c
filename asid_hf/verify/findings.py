"""Verdicts become findings: one shape for every check, with an id that is the same in every run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from asid_hf.schema import Finding

JUDGE = "measured"


@dataclass(frozen=True)
class Verdict:
    """What one check says of one span of a text; see `asid_hf.schema.Finding` for the fields."""

    kind: str
    attribute: str
    start: int
    end: int
    evidence: str
    reason: str
    suggestion: str | None = None
    confidence: float = 1.0
    time: tuple[float, float] | None = None
    disputed_by: str | None = None


def findings_of(
    row: dict,
    stage: str,
    text: str,
    verdicts: list[Verdict],
    *,
    judge: str = JUDGE,
    round: int = 1,
    text_field: str = "draft",
) -> list[Finding]:
    """Record `verdicts` on `text` as findings, in text order, each once.

    Args:
        row: the row; its `video_id` enters the ids, its `findings` are kept.
        stage: the stage that judged.
        text: what the offsets count in.
        verdicts: what the checks said.
        judge: who said it: "measured", or a model.
        round: of refinement, from 1.
        text_field: the name of `text`, see `Finding`.

    Returns:
        The row's earlier findings and the new ones.

    Example:
        >>> found = findings_of({"video_id": "a"}, "judge", "It pans.", [Verdict("error", "camera", 3, 7, "", "still")])
        >>> found[0]["span"], found[0]["resolved"]
        ('pans', False)
    """
    findings = list(row.get("findings") or [])
    seen = {finding["finding_id"] for finding in findings}
    for verdict in sorted(verdicts, key=lambda v: (v.start, v.end, v.kind)):
        key = (
            row.get("video_id"),
            stage,
            verdict.kind,
            verdict.attribute,
            verdict.start,
            verdict.end,
            verdict.evidence,
        )
        if (judge, round, text_field) != (JUDGE, 1, "draft"):
            # Of models, what was said tells findings apart: all that is missing stands at the end of the text.
            key = (*key, judge, round, text_field, verdict.reason, verdict.suggestion)
        finding_id = hashlib.sha256(repr(key).encode()).hexdigest()[:12]
        if finding_id in seen:
            continue
        seen.add(finding_id)
        start, end = verdict.time or (None, None)
        findings.append(
            Finding(
                finding_id=finding_id,
                stage=stage,
                judge=judge,
                round=round,
                attribute=verdict.attribute,
                kind=verdict.kind,
                text_field=text_field,
                char_start=verdict.start,
                char_end=verdict.end,
                span=text[verdict.start : verdict.end],
                time_start=start,
                time_end=end,
                evidence=verdict.evidence,
                reason=verdict.reason,
                suggestion=verdict.suggestion,
                confidence=verdict.confidence,
                resolved=False,
                disputed_by=verdict.disputed_by,
            )
        )
    return findings
