"""A text as sentences that can be mended one by one: what no edit touches stays byte for byte."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from asid_hf.anchors import parse_anchors
from asid_hf.schema import ATTRIBUTES, Finding, Source
from asid_hf.verify.case import Case
from asid_hf.verify.decompose import Placed
from asid_hf.verify.edits import without_anchor, without_claim


@dataclass
class Piece:
    """A sentence on its way through the edits: what stands before it, its words, its attribute, its time in s.

    `start` is its offset in the text that was judged; `candidates` those that hold it.

    Example:
        >>> Piece("", "It pans.", "camera", None).edits
        []
    """

    before: str
    text: str
    attribute: str
    time: float | None
    edits: list[Finding] = field(default_factory=list)
    start: int = 0
    candidates: list[int] = field(default_factory=list)


def measured_pieces(candidates: list[dict]) -> list[Piece]:
    """What stands in for a caption of which nothing was true: the measured captions of the attributes.

    Example:
        >>> measured_pieces([{"annotator": "measured/camera", "caption": "It pans."}])[0].attribute
        'camera'
    """
    told = {c["annotator"].removeprefix("measured/"): c["caption"] for c in candidates if c["caption"]}
    texts = [(attribute, told[attribute]) for attribute in ATTRIBUTES if attribute in told]
    return [Piece(" " if i else "", text, name, time_of(text), start=0) for i, (name, text) in enumerate(texts)]


def pieces_of(case: Case, sources: list[Source] = ()) -> list[Piece]:
    """The sentences of a draft as pieces.

    Args:
        case: the draft and where its sentences lie.
        sources: of the draft, to carry along who holds each sentence.

    Example:
        >>> case = Case("It pans.", {}, [], 5.0, False, (Placed("It pans.", 0, 8, "camera"),))
        >>> [piece.text for piece in pieces_of(case)]
        ['It pans.']
    """
    pieces, position = [], 0
    for number, placed in enumerate(case.placed):
        time = time_of(placed.text)
        before = case.draft[position : placed.start]
        held = list(sources[number]["candidates"]) if number < len(sources) else []
        pieces.append(Piece(before, placed.text, placed.attribute, time, start=placed.start, candidates=held))
        position = placed.end
    return pieces


def text_of(pieces: list[Piece]) -> str:
    """The pieces as one text.

    Example:
        >>> text_of([Piece("", "It pans.", "camera", None), Piece(" ", "It stops.", "camera", None)])
        'It pans. It stops.'
    """
    return "".join(piece.before + piece.text for piece in pieces)


def apply_findings(pieces: list[Piece], findings: list[Finding]) -> list[Piece]:
    """Apply the suggestions of findings whose offsets count in the text the pieces were made of.

    Args:
        pieces: changed in place.
        findings: each with a suggestion.

    Returns:
        What is left, in the order of time where something moved or came in.

    Example:
        >>> apply_findings([Piece("", "It pans.", "camera", None)], [])[0].text
        'It pans.'
    """
    missing = [f for f in findings if f["kind"] == "missing"]
    moved: list[Piece] = []
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
        insert_piece(pieces, piece)
    for finding in sorted(missing, key=lambda f: f["time_start"] or 0.0):
        insert_piece(pieces, Piece(" ", finding["suggestion"], finding["attribute"], finding["time_start"]))
    if pieces:
        pieces[0].before = pieces[0].before.lstrip(" ")
    return pieces


def _edit(piece: Piece) -> bool:
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
        piece.time = time_of(piece.text)
    return moves


def _dropped(pieces: list[Piece]) -> list[Piece]:
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


def insert_piece(pieces: list[Piece], piece: Piece) -> None:
    """Put a sentence where its time belongs: behind the last one that is not later.

    Example:
        >>> pieces = [Piece("", "At 5s, it stops.", "camera", 5.0)]
        >>> insert_piece(pieces, Piece("", "At 2s, it pans.", "camera", 2.0))
        >>> text_of(pieces)
        'At 2s, it pans. At 5s, it stops.'
    """
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


def time_of(sentence: str) -> float | None:
    """The first time a sentence names, in s; None without one.

    Example:
        >>> time_of("At 5s, it stops.")
        5.0
    """
    points = [a.times[0] for a in parse_anchors(sentence) if a.kind != "duration" and not a.malformed and a.times]
    return points[0] if points else None


def case_of_pieces(case: Case, pieces: list[Piece]) -> Case:
    """The same clip's case, for a text that was mended.

    Example:
        >>> case_of_pieces(Case("", {}, [], 5.0, False), [Piece("", "It pans.", "camera", None)]).draft
        'It pans.'
    """
    placed, position = [], 0
    for piece in pieces:
        position += len(piece.before)
        placed.append(Placed(piece.text, position, position + len(piece.text), piece.attribute))
        position += len(piece.text)
    return replace(case, draft=text_of(pieces), placed=tuple(placed))
