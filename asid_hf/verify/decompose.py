"""Stage 6: the draft, sentence by sentence, divided into the eight attributes; no sentence lost, none doubled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from asid_hf.schema import ATTRIBUTES
from asid_hf.verify.attribution import attributes_of
from asid_hf.verify.ensemble import attribute_of_candidate
from asid_hf.verify.stage import Row, Stage


class Placed(NamedTuple):
    """A sentence of the draft, its half-open range there, and the attribute it is filed under."""

    text: str
    start: int
    end: int
    attribute: str


@dataclass(frozen=True)
class Decompose(Stage):
    """Fill `attributes` with the draft's sentences, each under one attribute, in their order, anchors kept.

    Example:
        >>> given = [{"annotator": "given/camera", "caption": "At 2s, it pans left."}]
        >>> source = [{"sentence": "At 2s, it pans left.", "candidates": [0]}]
        >>> row = Decompose()({"draft": ["At 2s, it pans left."], "sources": [source], "candidates": [given]})
        >>> row["attributes"][0]["camera"]
        'At 2s, it pans left.'
    """

    name, reads, writes = "decompose", ("draft", "sources", "candidates"), ("attributes",)

    def run(self, row: Row) -> Row:
        """Divide one row's draft."""
        return {"attributes": grouped((placed.attribute, placed.text) for placed in placed_sentences(row))}


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

    A sentence out of a single-attribute candidate keeps that attribute; any other goes to the best home that
    `attributes_of` names.

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
        told = [attribute_of_candidate(candidates[index]) for index in source["candidates"]]
        attribute = told[0] if told and told[0] else _best_home(text, previous)
        placed.append(Placed(text, start, position, attribute))
        previous = text
    return placed


@lru_cache(maxsize=4096)  # each of the stages that judge a row asks again
def _best_home(sentence: str, previous: str) -> str:
    return attributes_of(sentence, previous)[0]
