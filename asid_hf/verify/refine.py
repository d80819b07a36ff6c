"""Stage 10: edit what has findings, and only that; then judge again what was edited."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from asid_hf.schema import ATTRIBUTES, Finding
from asid_hf.verify.align_speech import check_speech
from asid_hf.verify.anchors import parse_anchors
from asid_hf.verify.case import Case, case_of
from asid_hf.verify.check_timeline import check_timeline
from asid_hf.verify.decompose import Placed, grouped
from asid_hf.verify.edits import without_anchor, without_claim
from asid_hf.verify.judge import judged
from asid_hf.verify.stage import Row, Stage


@dataclass
class _Piece:
    """A sentence on its way through the edits: what stands before it, its words, its attribute, its time."""

    before: str
    text: str
    attribute: str
    time: float | None
    edits: list[Finding] = field(default_factory=list)
    start: int = 0


@dataclass(frozen=True)
class Refine(Stage):
    """Fill `caption` and renew `attributes` with the findings' suggestions applied.

    A sentence without a finding stays byte for byte, and so does an attribute without one. Where nothing of a draft is
    left, the measured captions take its place. A finding is `resolved` when its suggestion was applied and a second
    judgement of the result does not repeat it.

    Args:
        enabled: False leaves the draft as it is (`caption` is the draft), to compare with.

    Example:
        >>> Refine(enabled=False).enabled
        False
    """

    enabled: bool = True

    name = "refine"
    reads = ("draft", "sources", "candidates", "evidence", "transcript", "duration", "has_audio", "findings")
    writes = ("attributes", "caption", "findings")

    def run(self, row: Row) -> Row:
        """Apply the suggestions of one row."""
        case, findings = case_of(row), row["findings"] or []
        open_findings = [f for f in findings if not f["resolved"] and f["suggestion"] is not None]
        if not self.enabled or not open_findings:
            return {"caption": case.draft, "attributes": grouped((p.attribute, p.text) for p in case.placed)}
        pieces = _apply(_pieces(case), open_findings, case)
        caption = "".join(piece.before + piece.text for piece in pieces)
        if not caption.strip():
            pieces = _measured(row["candidates"] or [])
            caption = "".join(piece.before + piece.text for piece in pieces)
        still = _verdict_keys(_refined_case(case, caption, pieces))
        applied = {finding["finding_id"] for finding in open_findings}
        findings = [
            {**f, "resolved": f["resolved"] or (f["finding_id"] in applied and _key(f) not in still)} for f in findings
        ]
        return {
            "caption": caption,
            "attributes": grouped((piece.attribute, piece.text) for piece in pieces),
            "findings": findings,
        }


def _measured(candidates: list[dict]) -> list[_Piece]:
    """What stands in for a caption of which nothing was true: the measured captions of the attributes."""
    told = {c["annotator"].removeprefix("measured/"): c["caption"] for c in candidates if c["caption"]}
    texts = [(attribute, told[attribute]) for attribute in ATTRIBUTES if attribute in told]
    return [_Piece(" " if i else "", text, name, _time_of(text), start=0) for i, (name, text) in enumerate(texts)]


def _pieces(case: Case) -> list[_Piece]:
    pieces, position = [], 0
    for placed in case.placed:
        time = _time_of(placed.text)
        before = case.draft[position : placed.start]
        pieces.append(_Piece(before, placed.text, placed.attribute, time, start=placed.start))
        position = placed.end
    return pieces


def _apply(pieces: list[_Piece], findings: list[Finding], case: Case) -> list[_Piece]:
    missing = [f for f in findings if f["kind"] == "missing"]
    moved: list[_Piece] = []
    for finding in findings:
        if finding["kind"] == "missing":
            continue
        for piece in pieces:
            if piece.start <= finding["char_start"] < piece.start + len(piece.text):
                piece.edits.append(finding)
    for piece in pieces:
        moves = _edit(piece)
        if piece.text and moves:
            moved.append(piece)
    pieces = _dropped([piece for piece in pieces if piece not in moved])
    for piece in moved:
        _insert(pieces, piece)
    for finding in sorted(missing, key=lambda f: f["time_start"] or 0.0):
        _insert(pieces, _Piece(" ", finding["suggestion"], finding["attribute"], finding["time_start"]))
    if pieces:
        pieces[0].before = pieces[0].before.lstrip(" ")
    return pieces


def _edit(piece: _Piece) -> bool:
    """Apply a sentence's edits from its end to its start; True when the sentence has to move in time."""
    original, moves, last = piece.text, False, len(piece.text) + 1
    # Of two suggestions for one place, words to put there win over taking it out.
    for finding in sorted(piece.edits, key=lambda f: (-f["char_start"], not f["suggestion"], f["char_end"])):
        start, end = finding["char_start"] - piece.start, finding["char_end"] - piece.start
        if end > last or not piece.text:
            continue
        last = start
        if finding["suggestion"] == finding["span"]:
            moves = True
        elif finding["suggestion"]:
            piece.text = piece.text[:start] + finding["suggestion"] + piece.text[end:]
        elif finding["kind"] == "timeline":
            piece.text = without_anchor(piece.text, start, end)
        else:
            piece.text = without_claim(piece.text, start, end)
    if piece.text != original:
        piece.time = _time_of(piece.text)
    return moves


def _dropped(pieces: list[_Piece]) -> list[_Piece]:
    """Leave out emptied sentences; a paragraph break before one passes to the sentence behind it."""
    kept, carried = [], ""
    for piece in pieces:
        if not piece.text:
            carried = carried or (piece.before if "\n" in piece.before or not kept else "")
            continue
        if carried and "\n" not in piece.before:
            piece.before = carried
        carried = ""
        kept.append(piece)
    return kept


def _insert(pieces: list[_Piece], piece: _Piece) -> None:
    """Put a sentence where its time belongs: behind the last one that is not later."""
    timed = [i for i, other in enumerate(pieces) if other.time is not None]
    earlier = [i for i in timed if piece.time is not None and pieces[i].time <= piece.time + 0.5]
    later = [i for i in timed if piece.time is not None and pieces[i].time > piece.time + 0.5]
    if earlier:
        place = max(earlier) + 1 if not later or max(earlier) < min(later) else min(later)
    elif later:
        place = min(later)
    else:
        place = len(pieces)
    piece.before = " " if place else ""
    if place == 0 and pieces and not pieces[0].before:
        pieces[0].before = " "
    pieces.insert(place, piece)


def _time_of(sentence: str) -> float | None:
    points = [a.times[0] for a in parse_anchors(sentence) if a.kind != "duration" and not a.malformed and a.times]
    return points[0] if points else None


def _refined_case(case: Case, caption: str, pieces: list[_Piece]) -> Case:
    placed, position = [], 0
    for piece in pieces:
        position += len(piece.before)
        placed.append(Placed(piece.text, position, position + len(piece.text), piece.attribute))
        position += len(piece.text)
    return replace(case, draft=caption, placed=tuple(placed))


def _verdict_keys(case: Case) -> set[tuple[str, str, str]]:
    verdicts = check_speech(case) + check_timeline(case) + judged(case)
    return {(verdict.kind, verdict.reason, verdict.evidence) for verdict in verdicts}


def _key(finding: Finding) -> tuple[str, str, str]:
    return finding["kind"], finding["reason"], finding["evidence"]
