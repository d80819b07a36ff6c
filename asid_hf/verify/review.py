"""Stage 5b: the draft against its candidates and the evidence, mended and checked again until it is clean."""

from __future__ import annotations

from dataclasses import dataclass

from asid_hf.chat.language import check_english
from asid_hf.chat.messages import ChatError
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.schema import Conflict, Finding, Revision, Source, canonical_attribute
from asid_hf.verify.align_speech import check_speech
from asid_hf.verify.case import Case, case_of
from asid_hf.verify.check_timeline import check_timeline
from asid_hf.verify.ensemble import SAME_SENTENCE, chosen_candidates, is_supported, shown_candidates, word_overlap
from asid_hf.verify.findings import JUDGE, Verdict, findings_of
from asid_hf.verify.model_stage import ModelStage, clip_facts, numbered
from asid_hf.verify.rewriting import (
    Piece,
    apply_findings,
    case_of_pieces,
    insert_piece,
    pieces_of,
    text_of,
    time_of,
)
from asid_hf.verify.stage import Row


@dataclass(frozen=True)
class Review(ModelStage):
    """Renew `draft`, `sources` and `conflicts`: what the candidates hold and the draft lacks comes in, what contradicts
    the transcript, the measurements or itself is mended.

    The paper's loop of missing verification and refinement. Each round the draft's speech is aligned with the
    transcript, its times are checked, and a reviewer compares it with the candidates; what is found is mended. It ends
    when nothing is found, or after `max_rounds` rounds of mending. The drafts before are kept in `revisions` as
    "draft@0", "draft@1", ..., and the findings on them in `findings`. What a reviewer adds that no candidate and no
    measurement says is refused.

    Args:
        reviewer: the model; without one only speech and times are checked.
        max_rounds: rounds of mending.

    Example:
        >>> Review().max_rounds
        3
    """

    reviewer: ModelSpec | None = None
    max_rounds: int = 3

    name = "review"
    reads = ("draft", "sources", "conflicts", "candidates", "evidence", "transcript", "duration", "has_audio")
    writes = ("draft", "sources", "conflicts", "findings", "revisions")
    sees_clip = False

    @property
    def models(self) -> tuple[ModelSpec, ...]:
        """The reviewer, if there is one."""
        return (self.reviewer,) if self.reviewer else ()

    def prompt_labels(self) -> list[str]:
        """The reviewer's prompt."""
        return [self.access.prompt("review").label] if self.reviewer else []

    def run(self, row: Row) -> Row:
        """Mend one row's speech and times."""
        mending = _Mending(row)
        for round in range(1, self.max_rounds + 1):
            if not mending.measure(round, self.name):
                break
        return mending.written()

    async def consult(self, row: Row) -> Row:
        """Mend one row with the reviewer, round by round; what is found after the last round stays open."""
        mending = _Mending(row)
        for round in range(1, self.max_rounds + 2):
            last = round > self.max_rounds
            if not last:
                mending.measure(round, self.name)
            told = await self._reviewed(row, mending)
            mended = told is not None and mending.mend(told, round, self, apply=not last)
            if not mended:  # the reviewer has seen what the measurements mended
                break
        return mending.written()

    async def _reviewed(self, row: Row, mending: _Mending) -> dict | None:
        candidates = row["candidates"] or []
        chosen = chosen_candidates(candidates)
        facts = clip_facts(row)
        known = [u["text"] for u in facts["transcript"] or []]
        known += [sentence for sentences in (facts["measurements"] or {}).values() for sentence in sentences]

        def check(value: dict) -> dict:
            kept = []
            for entry in value["missing"]:
                held = [index for index in entry["candidates"] if index in chosen]
                back_again = any(word_overlap(entry["text"], gone) >= SAME_SENTENCE for gone in mending.removed)
                if not back_again and is_supported(
                    entry["text"], [*(candidates[index]["caption"] for index in held), *known]
                ):
                    kept.append({**entry, "candidates": held})
            if value["missing"] and not kept and not mending.removed:
                said = value["missing"][0]["text"][:200]
                raise ChatError("invalid", f"No candidate that is named, and no measurement, says {said!r}.")
            _check_corrections(value["inconsistent"], mending.case, [c["caption"] for c in candidates] + known)
            check_english(" ".join(entry["text"] for entry in [*kept, *value["inconsistent"]]))
            return {**value, "missing": kept}

        draft = numbered([placed.text for placed in mending.case.placed])
        shown = shown_candidates(candidates, chosen)
        try:
            reply = await self.ask(self.reviewer, "review", row, check, draft=draft, candidates=shown, **facts)
        except ChatError as error:
            self.note(row, error, "the draft was not reviewed")
            return None
        return reply.parsed


def _check_corrections(corrections: list[dict], case: Case, known: list[str]) -> None:
    """Refuse corrections of no sentence, of one twice, that say what nobody says, or that leave nothing."""
    numbers = [entry["sentence"] for entry in corrections]
    for entry in corrections:
        if entry["sentence"] >= len(case.placed) or numbers.count(entry["sentence"]) > 1:
            raise ChatError("invalid", f"Sentence {entry['sentence']} is not there, or is corrected twice.")
        text = " ".join(entry["text"].split())
        if text and not is_supported(text, [case.placed[entry["sentence"]].text, *known]):
            raise ChatError("invalid", f"No candidate and no measurement says {text[:200]!r}.")
    if numbers and len(numbers) == len(case.placed) and not any(entry["text"].strip() for entry in corrections):
        raise ChatError("invalid", "The corrections leave nothing of the draft.")


class _Mending:
    """A draft on its way through the rounds."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.case: Case = case_of(row)
        self.sources: list[Source] = list(row["sources"] or [])
        self.findings: list[Finding] = list(row.get("findings") or [])
        self.conflicts: list[Conflict] = list(row["conflicts"] or [])
        self.revisions: list[Revision] = list(row.get("revisions") or [])
        self.removed: list[str] = []  # sentences found wrong, which must not come back as missing

    def measure(self, round: int, stage: str) -> bool:
        """Record what of speech and times is wrong, and apply the suggestions; whether anything changed."""
        verdicts = [v for v in check_speech(self.case) + check_timeline(self.case) if v.suggestion is not None]
        before = len(self.findings)
        self._note(verdicts, round, stage)
        return bool(verdicts) and self._renew(apply_findings(self._pieces(), self.findings[before:]))

    def mend(self, told: dict, round: int, stage: Review, apply: bool) -> bool:
        """Record what a reviewer found and, if wanted, mend it; whether anything changed."""
        pieces, verdicts, conflicts = self._pieces(), [], []
        for entry in told["inconsistent"]:
            piece, text = pieces[entry["sentence"]], " ".join(entry["text"].split())
            if piece.text == text:
                continue
            end = piece.start + len(piece.text)
            verdicts.append(Verdict("error", piece.attribute, piece.start, end, "", entry["reason"], text))
            conflicts.append(
                Conflict(attribute=piece.attribute, kept=text, rejected=piece.text, reason=entry["reason"])
            )
            piece.text, piece.time = text, time_of(text)
        end = len(self.case.draft)
        for entry in told["missing"]:
            attribute, text = canonical_attribute(entry["attribute"]), " ".join(entry["text"].split())
            if text and all(piece.text != text for piece in pieces):
                verdicts.append(Verdict("missing", attribute, end, end, "", entry["reason"], text))
                insert_piece(pieces, Piece(" ", text, attribute, time_of(text), candidates=entry["candidates"]))
        self._note(verdicts, round, stage.name, stage.reviewer.name, resolved=apply)
        if not (apply and verdicts):
            return False
        self.conflicts += conflicts
        return self._renew([piece for piece in pieces if piece.text])

    def written(self) -> Row:
        """The stage's columns; findings on the last draft are findings on the draft."""
        field = self._field()
        findings = [{**f, "text_field": "draft"} if f["text_field"] == field else f for f in self.findings]
        return {
            "draft": self.case.draft,
            "sources": self.sources,
            "conflicts": self.conflicts,
            "findings": findings,
            "revisions": self.revisions,
        }

    def _pieces(self) -> list[Piece]:
        return pieces_of(self.case, self.sources)

    def _field(self) -> str:
        return f"draft@{len(self.revisions)}"

    def _note(self, verdicts: list[Verdict], round: int, stage: str, judge: str = JUDGE, resolved: bool = True) -> None:
        at = {"judge": judge, "round": round, "text_field": self._field()}
        noted = findings_of({**self.row, "findings": self.findings}, stage, self.case.draft, verdicts, **at)
        new = [{**finding, "resolved": resolved} for finding in noted[len(self.findings) :]]
        self.findings = [*self.findings, *new]

    def _renew(self, pieces: list[Piece]) -> bool:
        if pieces:
            pieces[0].before = pieces[0].before.lstrip(" ")
        if text_of(pieces) == self.case.draft:
            return False
        self.revisions.append(Revision(text_field=self._field(), text=self.case.draft))
        left = {piece.text for piece in pieces}
        self.removed += [placed.text for placed in self.case.placed if placed.text not in left]
        self.case = case_of_pieces(self.case, pieces)
        self.sources = [
            Source(sentence=piece.text, candidates=piece.candidates, attribute=piece.attribute) for piece in pieces
        ]
        return True
