"""Stage 10: edit what has findings, and only that; judge again what was edited; again, until it is clean."""

from __future__ import annotations

from dataclasses import dataclass

from asid_hf.chat.model_spec import ModelSpec
from asid_hf.schema import Finding, Revision
from asid_hf.verify.case import Case, case_of
from asid_hf.verify.decompose import grouped
from asid_hf.verify.findings import JUDGE, Verdict, findings_of
from asid_hf.verify.measured_judge import measured_verdicts
from asid_hf.verify.model_judge import Judgement, JudgeModel, model_verdicts
from asid_hf.verify.model_refine import apply_edit, ask_edits
from asid_hf.verify.model_stage import ModelStage, settled
from asid_hf.verify.rewriting import Piece, apply_findings, case_of_pieces, measured_pieces, pieces_of, text_of
from asid_hf.verify.stage import Row


@dataclass(frozen=True)
class Refine(ModelStage):
    """Fill `caption` and renew `attributes` with the findings mended.

    A sentence without a finding stays byte for byte, and so does an attribute without one. Where nothing of a draft is
    left, the measured captions take its place. A finding is `resolved` when it was mended and a second judgement of the
    result does not repeat it.

    Suggestions of findings are applied first. A refiner then mends, attribute by attribute, what has no suggestion; a
    finding of a model that the measurements dispute is left open. What was touched is judged again, by the measurements
    and by the judge, and mended again, at most `max_rounds` times. The texts that later rounds judged are kept in
    `revisions`.

    Args:
        enabled: False leaves the draft as it is (`caption` is the draft), to compare with.
        refiner: the model that mends; none by default.
        judge: the model that judges again what was mended; without one only the measurements do.
        max_rounds: rounds of mending.

    Example:
        >>> Refine(enabled=False).enabled
        False
    """

    enabled: bool = True
    refiner: ModelSpec | None = None
    judge: JudgeModel | None = None
    max_rounds: int = 3

    name = "refine"
    reads = ("draft", "sources", "candidates", "evidence", "transcript", "duration", "has_audio", "findings")
    writes = ("attributes", "caption", "findings", "revisions")

    @property
    def models(self) -> tuple[ModelSpec, ...]:
        """The refiner, and the judge of what it did."""
        if not self.enabled or self.refiner is None:
            return ()
        return (self.refiner, self.judge.model) if self.judge else (self.refiner,)

    def prompt_labels(self) -> list[str]:
        """The prompts of the two."""
        names = ["refine", "judge"] if self.judge else ["refine"]
        return [self.access.prompt(name).label for name in names] if self.models else []

    def run(self, row: Row) -> Row:
        """Apply the suggestions of one row."""
        case, findings = case_of(row), row["findings"] or []
        wanted = [f for f in findings if not f["resolved"] and f["suggestion"] is not None]
        if not self.enabled or not wanted:
            return _written(case, findings, row)
        pieces = apply_findings(pieces_of(case), wanted)
        after = case_of_pieces(case, pieces if text_of(pieces).strip() else measured_pieces(row["candidates"] or []))
        applied = {finding["finding_id"] for finding in wanted}
        return _written(after, _resolved(findings, applied, {_key(v) for v in measured_verdicts(after)}), row)

    async def consult(self, row: Row) -> Row:
        """Mend one row with the refiner, round by round."""
        case, findings = case_of(row), list(row["findings"] or [])
        revisions = list(row.get("revisions") or [])
        field = "draft"
        for round in range(1, self.max_rounds + 1):
            current = [f for f in findings if f["text_field"] == field and not f["resolved"]]
            current = [f for f in current if f["judge"] == JUDGE or f.get("disputed_by") != JUDGE]
            if not current:
                break
            mended = await self._mended(row, case, current)
            if not mended.answered and round == self.max_rounds:
                break
            after = case_of_pieces(case, mended.pieces)
            told = await self._judged_again(row, after, mended.touched)
            measured = measured_verdicts(after)
            findings = _resolved(findings, mended.answered, {_key(v) for v in measured}, told, after)
            if mended.answered:
                case, field = after, f"caption@{round}"
                revisions.append(Revision(text_field=field, text=case.draft))
                findings = [mended.carried(finding, case, field) for finding in findings]
            known = {_key(f) for f in findings}
            new = [verdict for verdict in measured if _key(verdict) not in known]
            for judge, verdicts in ((JUDGE, new), (self._judge_name(), list(told.verdicts) if told else [])):
                at = {"judge": judge, "round": round + 1, "text_field": field}
                findings = findings_of({**row, "findings": findings}, self.name, case.draft, verdicts, **at)
        return {**_written(case, findings, row), "revisions": revisions}

    async def _mended(self, row: Row, case: Case, findings: list[Finding]) -> _Mended:
        """One round: the sentences after it."""
        pieces = pieces_of(case)
        homes = {f["finding_id"]: _piece_at(pieces, f) for f in findings}
        suggested = [f for f in findings if f["suggestion"] is not None]
        pieces = apply_findings(pieces, suggested)
        answered = {f["finding_id"] for f in suggested}
        by_attribute: dict[str, list[tuple[Finding, Piece | None]]] = {}
        for finding in (f for f in findings if f["suggestion"] is None):
            home = homes[finding["finding_id"]]
            if home is not None and all(piece is not home for piece in pieces):
                answered.add(finding["finding_id"])  # its sentence has gone for another reason
            elif finding["kind"] == "missing" or home is not None:
                attribute = home.attribute if home else finding["attribute"]
                by_attribute.setdefault(attribute, []).append((finding, home))
        asking = (ask_edits(self, self.refiner, row, name, pieces, of_it) for name, of_it in by_attribute.items())
        for edit in [edit for edits in await settled(asking) for edit in edits]:
            apply_edit(edit, pieces)
            answered |= edit.answers
        if not text_of(pieces).strip():
            pieces = measured_pieces(row["candidates"] or [])
        done = [f for f in findings if f["finding_id"] in answered]
        touched = {f["attribute"] for f in done}
        touched |= {home.attribute for f in done if (home := homes[f["finding_id"]])}
        if pieces:
            pieces[0].before = pieces[0].before.lstrip(" ")
        return _Mended(pieces, homes, answered, touched)

    async def _judged_again(self, row: Row, case: Case, touched: set[str]) -> Judgement | None:
        if self.judge is None or not touched:
            return None
        return await model_verdicts(self, self.judge, row, case, sorted(touched))

    def _judge_name(self) -> str:
        return self.judge.model.name if self.judge else ""


@dataclass(frozen=True)
class _Mended:
    """A text after a round: its sentences, those that findings named, the findings answered, the attributes touched."""

    pieces: list[Piece]
    homes: dict[str, Piece | None]
    answered: set[str]
    touched: set[str]

    def carried(self, finding: Finding, case: Case, field: str) -> Finding:
        """A finding that nothing answered, moved to where its words stand now; any other as it is."""
        if finding["finding_id"] not in self.homes or finding["finding_id"] in self.answered or finding["resolved"]:
            return finding
        home = self.homes[finding["finding_id"]]
        if home is None:
            return {**finding, "text_field": field, "char_start": len(case.draft), "char_end": len(case.draft)}
        places = [placed for piece, placed in zip(self.pieces, case.placed, strict=True) if piece is home]
        start = places[0].start + finding["char_start"] - home.start if places else -1
        end = start + len(finding["span"])
        if start < 0 or case.draft[start:end] != finding["span"]:
            return finding
        return {**finding, "text_field": field, "char_start": start, "char_end": end}


def _written(case: Case, findings: list[Finding], row: Row) -> Row:
    return {
        "caption": case.draft,
        "attributes": grouped((placed.attribute, placed.text) for placed in case.placed),
        "findings": findings,
        "revisions": row.get("revisions") or [],
    }


def _resolved(
    findings: list[Finding],
    applied: set[str],
    still: set[tuple[str, str, str]],
    told: Judgement | None = None,
    after: Case | None = None,
) -> list[Finding]:
    """Mark the findings that were answered and that a second judgement does not repeat."""
    return [
        {**f, "resolved": f["resolved"] or (f["finding_id"] in applied and not _repeated(f, still, told, after))}
        for f in findings
    ]


def _repeated(finding: Finding, still: set, told: Judgement | None, after: Case | None) -> bool:
    if finding["judge"] == JUDGE:
        return _key(finding) in still
    if told is None:  # nobody judges again: what was mended counts as it is
        return False
    if finding["attribute"] not in told.judged:
        return True
    return any(_same_again(finding, verdict, after) for verdict in told.verdicts)


def _same_again(finding: Finding, verdict: Verdict, after: Case) -> bool:
    if (verdict.kind, verdict.attribute) != (finding["kind"], finding["attribute"]):
        return False
    if finding["kind"] == "missing":
        return verdict.reason == finding["reason"]
    return after.draft[verdict.start : verdict.end] == finding["span"] or verdict.reason == finding["reason"]


def _piece_at(pieces: list[Piece], finding: Finding) -> Piece | None:
    if finding["kind"] == "missing":
        return None
    inside = (p for p in pieces if p.start <= finding["char_start"] < p.start + len(p.text))
    return next(inside, None)


def _key(verdict: Verdict | Finding) -> tuple[str, str, str]:
    if isinstance(verdict, Verdict):
        return verdict.kind, verdict.reason, verdict.evidence
    return verdict["kind"], verdict["reason"], verdict["evidence"]
