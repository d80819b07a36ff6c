"""Stage 5: the candidates become one draft: a structured union in which every sentence is traceable."""

from __future__ import annotations

import re
from dataclasses import dataclass

from asid_hf.schema import ATTRIBUTES, Candidate, Source
from asid_hf.verify.anchors import parse_anchors
from asid_hf.verify.annotate import ANNOTATOR
from asid_hf.verify.sentences import split_sentences
from asid_hf.verify.stage import Row, Stage

SAME_SENTENCE = 0.8  # share of common words (Jaccard) from which two sentences say the same


@dataclass(frozen=True)
class Ensemble(Stage):
    """Unite the given captions in `draft`; without any, the measured ones. One given caption is the draft verbatim.

    Where several captions are given, the first stands as it is, and of the others every sentence that says something
    new is added: a detail only one candidate has is kept. `sources` notes for each sentence which candidates hold it.

    Example:
        >>> one = {"annotator": "a", "caption": "A dog runs."}
        >>> other = {"annotator": "b", "caption": "A dog runs! It barks."}
        >>> row = Ensemble()({"candidates": [[one, other]]})
        >>> row["draft"], row["sources"][0][0]["candidates"]
        (['A dog runs. It barks.'], [0, 1])
    """

    name, reads, writes = "ensemble", ("candidates",), ("draft", "sources", "conflicts")

    def run(self, row: Row) -> Row:
        """Unite one row's candidates."""
        candidates = row["candidates"] or []
        given = [i for i, c in enumerate(candidates) if not c["annotator"].startswith(f"{ANNOTATOR}/")]
        chosen = given or range(len(candidates))
        chosen = [i for i in chosen if candidates[i]["caption"].strip()]
        if len(chosen) == 1:
            draft = candidates[chosen[0]]["caption"]
            sources = [Source(sentence=sentence.text, candidates=chosen) for sentence in split_sentences(draft)]
            return {"draft": draft, "sources": sources, "conflicts": []}
        sources = _union(candidates, chosen)
        if not given:
            sources = in_time_order(sources)
        return {"draft": " ".join(source["sentence"] for source in sources), "sources": sources, "conflicts": []}


def attribute_of_candidate(candidate: Candidate) -> str | None:
    """The attribute a single-attribute candidate is about, from its name "<annotator>/<attribute>"; None for others.

    Example:
        >>> attribute_of_candidate({"annotator": "given/camera", "caption": "It pans."})
        'camera'
    """
    attribute = candidate["annotator"].rpartition("/")[2]
    return attribute if attribute in ATTRIBUTES else None


def in_time_order(sources: list[Source]) -> list[Source]:
    """Sort sentences by their first anchor; those without one keep their order and come first.

    Example:
        >>> told = ("At 5s, it rains.", "It is dark.", "At 2s, it thunders.")
        >>> rows = [{"sentence": sentence, "candidates": []} for sentence in told]
        >>> [row["sentence"] for row in in_time_order(rows)]
        ['It is dark.', 'At 2s, it thunders.', 'At 5s, it rains.']
    """

    def first_time(source: Source) -> float:
        points = [a.times[0] for a in parse_anchors(source["sentence"]) if a.kind != "duration" and not a.malformed]
        return points[0] if points else -1.0

    return sorted(sources, key=first_time)


def word_overlap(one: str, other: str) -> float:
    """Jaccard overlap of two sentences' words, 0..1.

    Example:
        >>> word_overlap("A dog runs.", "a dog RUNS")
        1.0
    """
    a, b = set(re.findall(r"\w+", one.lower())), set(re.findall(r"\w+", other.lower()))
    return len(a & b) / len(a | b) if a or b else 1.0


def _says_the_same(one: str, other: str) -> bool:
    # The same words at another time, or of another number, are not the same statement.
    return re.findall(r"\d+", one) == re.findall(r"\d+", other) and word_overlap(one, other) >= SAME_SENTENCE


def _union(candidates: list[Candidate], chosen: list[int]) -> list[Source]:
    sources: list[Source] = []
    for index in chosen:
        for sentence in split_sentences(candidates[index]["caption"]):
            same = [s for s in sources if index not in s["candidates"] and _says_the_same(s["sentence"], sentence.text)]
            if same:
                same[0]["candidates"].append(index)
            else:  # new; or a candidate repeating itself, which is for repair_format to judge
                sources.append(Source(sentence=sentence.text, candidates=[index]))
    return sources
