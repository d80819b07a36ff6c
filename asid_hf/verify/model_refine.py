"""A model mends the sentences that findings name: one call an attribute, one edit a sentence, nothing else touched."""

from __future__ import annotations

from dataclasses import dataclass

from asid_hf.chat.language import check_english
from asid_hf.chat.messages import ChatError
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.schema import Finding
from asid_hf.verify.model_stage import ModelStage, clip_facts, numbered
from asid_hf.verify.rewriting import Piece, insert_piece, time_of
from asid_hf.verify.sentences import split_sentences
from asid_hf.verify.stage import Row


@dataclass(frozen=True)
class Edit:
    """A sentence as it should read: `piece` None for a new one, `text` empty for one that goes.

    `answers` holds the ids of the findings it mends.

    Example:
        >>> Edit(None, "It pans.", "camera", frozenset()).text
        'It pans.'
    """

    piece: Piece | None
    text: str
    attribute: str
    answers: frozenset[str]


async def ask_edits(
    stage: ModelStage,
    model: ModelSpec,
    row: Row,
    attribute: str,
    pieces: list[Piece],
    findings: list[tuple[Finding, Piece | None]],
) -> list[Edit]:
    """Ask a model how to mend an attribute's sentences.

    An edit of a sentence that no finding names, or that answers no finding, is refused.

    Args:
        stage: in whose name it is asked.
        model: the refiner.
        row: the clip; a failed call is recorded in its errors.
        attribute: whose sentences.
        pieces: all sentences of the text.
        findings: the open ones of this attribute, each with the sentence it names (None: something missing).

    Returns:
        The edits; none where the call failed.

    Raises:
        EndpointError: the endpoint answers nobody.
    """
    own = [piece for piece in pieces if piece.attribute == attribute]
    places = {id(piece): number for number, piece in enumerate(own)}
    findings = [(finding, piece) for finding, piece in findings if piece is None or id(piece) in places]
    if not findings:
        return []
    named = [None if piece is None else places[id(piece)] for _, piece in findings]
    told = [
        {"number": n, "kind": f["kind"], "span": f["span"], "sentence": place, "reason": f["reason"] or f["evidence"]}
        for n, ((f, _), place) in enumerate(zip(findings, named, strict=True))
    ]

    def check(value: dict) -> list[dict]:
        edits = value["edits"]
        places_edited = [edit["sentence"] for edit in edits if edit["sentence"] is not None]
        if len(set(places_edited)) < len(places_edited):
            raise ChatError("invalid", "A sentence is edited twice: one edit mends all findings of its sentence.")
        for edit in edits:
            answered = [number for number in edit["findings"] if number < len(findings)]
            if not answered or edit["sentence"] not in {named[number] for number in answered}:
                raise ChatError(
                    "invalid",
                    f"The edit of sentence {edit['sentence']} answers no finding of that sentence: leave it out.",
                )
            if edit["text"].strip():
                if len(split_sentences(edit["text"].strip())) != 1:
                    raise ChatError("invalid", f"An edit is one sentence: {edit['text'][:200]!r} is more.")
                check_english(edit["text"])
        return edits

    sentences = numbered([piece.text for piece in own])
    material = {"attribute": attribute, "sentences": sentences, "findings": told, **clip_facts(row)}
    try:
        reply = await stage.ask(model, "refine", row, check, **material)
    except ChatError as error:
        stage.note(row, error, f"{attribute} was not refined by {model.name}")
        return []
    return [
        Edit(
            None if edit["sentence"] is None else own[edit["sentence"]],
            " ".join(edit["text"].split()),
            attribute,
            frozenset(findings[number][0]["finding_id"] for number in edit["findings"] if number < len(findings)),
        )
        for edit in reply.parsed
    ]


def apply_edit(edit: Edit, pieces: list[Piece]) -> None:
    """Put an edit into the text; every other sentence stays byte for byte.

    Args:
        edit: see `ask_edits`.
        pieces: all sentences; changed in place.

    Example:
        >>> pieces = [Piece("", "It pans.", "camera", None)]
        >>> apply_edit(Edit(pieces[0], "It tilts.", "camera", frozenset()), pieces)
        >>> pieces[0].text
        'It tilts.'
    """
    piece, text = edit.piece, edit.text
    if piece is None:
        if text:
            insert_piece(pieces, Piece(" ", text, edit.attribute, time_of(text)))
        return
    if text:
        piece.text, piece.time = text, time_of(text)
        return
    place = next(index for index, other in enumerate(pieces) if other is piece)
    pieces.pop(place)
    if place < len(pieces) and ("\n" in piece.before or place == 0):
        pieces[place].before = piece.before
