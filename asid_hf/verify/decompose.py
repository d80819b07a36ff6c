"""Stage 6: the draft, sentence by sentence, divided into the eight attributes; no sentence lost, none doubled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from asid_hf.chat.messages import ChatError
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.schema import ATTRIBUTES, Candidate, Source, canonical_attribute
from asid_hf.verify.attribution import attributes_of
from asid_hf.verify.ensemble import annotator_of, attribute_of_candidate, chosen_candidates
from asid_hf.verify.model_stage import ModelStage
from asid_hf.verify.stage import Row


class Placed(NamedTuple):
    """A sentence of the draft, its half-open range there, and the attribute it is filed under."""

    text: str
    start: int
    end: int
    attribute: str


@dataclass(frozen=True)
class Decompose(ModelStage):
    """Fill `attributes` with the draft's sentences, each under one attribute, in their order, anchors kept.

    A sentence that a model has filed (`sources`) stays there; one out of a single-attribute candidate keeps that
    attribute; a model, or without one `attributes_of`, files the others. `agreement` tells how many annotators stand
    behind the sentences of each attribute: the mean of (annotators that hold the sentence - 1) / (annotators - 1), 0
    where each sentence is one annotator's alone, 1 where all hold it; None with fewer than two annotators.

    Args:
        model: files what is not filed yet; none by default.

    Example:
        >>> given = [{"annotator": "given/camera", "caption": "At 2s, it pans left."}]
        >>> source = [{"sentence": "At 2s, it pans left.", "candidates": [0]}]
        >>> row = Decompose()({"draft": ["At 2s, it pans left."], "sources": [source], "candidates": [given]})
        >>> row["attributes"][0]["camera"]
        'At 2s, it pans left.'
    """

    model: ModelSpec | None = None

    name, reads = "decompose", ("draft", "sources", "candidates")
    writes = ("attributes", "sources", "agreement")
    sees_clip = False

    @property
    def models(self) -> tuple[ModelSpec, ...]:
        """The model that files sentences, if there is one."""
        return (self.model,) if self.model else ()

    def prompt_labels(self) -> list[str]:
        """The model's prompt."""
        return [self.access.prompt("decompose").label] if self.model else []

    def run(self, row: Row) -> Row:
        """Divide one row's draft."""
        placed = placed_sentences(row)
        return {
            "attributes": grouped((sentence.attribute, sentence.text) for sentence in placed),
            "sources": row["sources"],
            "agreement": agreement(row, placed),
        }

    async def consult(self, row: Row) -> Row:
        """Let the model file the sentences of one row that nothing else files."""
        sources = row["sources"] or []
        candidates = row["candidates"] or []
        open_ones = [i for i, source in enumerate(sources) if not _told_attribute(source, candidates)]
        if not open_ones:
            return self.run(row)

        def check(value: dict) -> dict[int, str]:
            homes = {entry["number"]: canonical_attribute(entry["attribute"]) for entry in value["sentences"]}
            if len(homes) != len(value["sentences"]) or set(homes) != set(open_ones):
                raise ChatError("invalid", f"Each of the {len(open_ones)} numbers has to come exactly once.")
            return homes

        sentences = [{"number": index, "text": sources[index]["sentence"]} for index in open_ones]
        try:
            reply = await self.ask(self.model, "decompose", row, check, sentences=sentences)
        except ChatError as error:
            self.note(row, error, "the sentences were filed without the model")
            return self.run(row)
        filed = [
            {**source, "attribute": reply.parsed.get(i, source.get("attribute"))} for i, source in enumerate(sources)
        ]
        return self.run({**row, "sources": filed})


def agreement(row: Row, placed: list[Placed]) -> dict[str, float | None]:
    """How far the annotators agree on each attribute, see `Decompose`.

    Args:
        row: `sources` and `candidates` are read.
        placed: the sentences of `sources`, filed.

    Example:
        >>> row = {"candidates": [{"annotator": "a", "caption": "It pans."}, {"annotator": "b", "caption": "It pans."}],
        ...        "sources": [{"sentence": "It pans.", "candidates": [0, 1]}]}
        >>> agreement(row, [Placed("It pans.", 0, 8, "camera")])["camera"]
        1.0
    """
    candidates = row["candidates"] or []
    annotators = {annotator_of(candidates[index]) for index in chosen_candidates(candidates)}
    shares: dict[str, list[float]] = {attribute: [] for attribute in ATTRIBUTES}
    if len(annotators) > 1:
        for source, sentence in zip(row["sources"] or [], placed, strict=True):
            behind = {annotator_of(candidates[index]) for index in source["candidates"]} & annotators
            shares[sentence.attribute].append((max(1, len(behind)) - 1) / (len(annotators) - 1))
    return {name: round(sum(share) / len(share), 4) if share else None for name, share in shares.items()}


def grouped(sentences: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Join (attribute, sentence) pairs into one text an attribute.

    Example:
        >>> grouped([("camera", "It pans."), ("scene", "A beach."), ("camera", "It stops.")])["camera"]
        'It pans. It stops.'
    """
    texts: dict[str, list[str]] = {attribute: [] for attribute in ATTRIBUTES}
    for attribute, text in sentences:
        texts[attribute].append(text)
    return {attribute: " ".join(parts) for attribute, parts in texts.items()}


def placed_sentences(row: Row) -> list[Placed]:
    """Find each sentence of `sources` in the draft and file it under an attribute.

    A sentence that a model has filed stays there; one out of a single-attribute candidate keeps that attribute; any
    other goes to the best home that `attributes_of` names.

    Args:
        row: `draft`, `sources` and `candidates` are read.

    Returns:
        The sentences in the draft's order.

    Example:
        >>> given = [{"annotator": "given/scene", "caption": "A beach."}]
        >>> placed_sentences({"draft": "A beach.", "sources": [{"sentence": "A beach.", "candidates": [0]}],
        ...                   "candidates": given})
        [Placed(text='A beach.', start=0, end=8, attribute='scene')]
    """
    draft, candidates = row["draft"] or "", row["candidates"] or []
    placed, position, previous = [], 0, ""
    for source in row["sources"] or []:
        text = source["sentence"]
        start = draft.index(text, position)
        position = start + len(text)
        attribute = _told_attribute(source, candidates) or _best_home(text, previous)
        placed.append(Placed(text, start, position, attribute))
        previous = text
    return placed


def _told_attribute(source: Source, candidates: list[Candidate]) -> str | None:
    told = [attribute_of_candidate(candidates[index]) for index in source["candidates"]]
    return source.get("attribute") or (told[0] if told else None)


@lru_cache(maxsize=4096)  # each of the stages that judge a row asks again
def _best_home(sentence: str, previous: str) -> str:
    return attributes_of(sentence, previous)[0]
