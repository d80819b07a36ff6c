"""Stage 5: the candidates become one draft: a structured union in which every sentence is traceable."""

from __future__ import annotations

import re
from dataclasses import dataclass

from asid_hf.anchors import parse_anchors
from asid_hf.chat.language import check_english
from asid_hf.chat.messages import ChatError
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.schema import ATTRIBUTES, Candidate, Source, canonical_attribute
from asid_hf.verify.annotate_measured import ANNOTATOR
from asid_hf.verify.model_stage import ModelStage, clip_facts
from asid_hf.verify.sentences import split_sentences
from asid_hf.verify.stage import Row
from asid_hf.verify.words import content_words

UNTRACEABLE = "untraceable"
SUPPORT = 0.5  # share of a sentence's content words that the candidates it names must hold
SAME_SENTENCE = 0.8  # share of common words (Jaccard) from which two sentences say the same


@dataclass(frozen=True)
class Ensemble(ModelStage):
    """Unite the candidates in `draft`: the given and the annotators' ones; without any, the measured ones.

    Without an integrator the first stands as it is, and of the others every sentence that says something new is added:
    a detail only one candidate has is kept. One candidate alone is the draft verbatim. `sources` notes for each
    sentence which candidates hold it.

    An integrator writes one list of sentences; one that names no candidate, or says what none of those it names says,
    is left out. Where it fails, the union above stands.

    Args:
        integrator: the model.

    Example:
        >>> one = {"annotator": "a", "caption": "A dog runs."}
        >>> other = {"annotator": "b", "caption": "A dog runs! It barks."}
        >>> row = Ensemble()({"candidates": [[one, other]]})
        >>> row["draft"], row["sources"][0][0]["candidates"]
        (['A dog runs. It barks.'], [0, 1])
    """

    integrator: ModelSpec | None = None

    name, reads, writes = "ensemble", ("candidates",), ("draft", "sources", "conflicts")
    sees_clip = False

    @property
    def models(self) -> tuple[ModelSpec, ...]:
        """The integrator, if there is one."""
        return (self.integrator,) if self.integrator else ()

    def prompt_labels(self) -> list[str]:
        """The integrator's prompt."""
        return [self.access.prompt("ensemble").label] if self.integrator else []

    def run(self, row: Row) -> Row:
        """Unite one row's candidates without a model."""
        candidates = row["candidates"] or []
        chosen = chosen_candidates(candidates)
        if len(chosen) == 1:
            draft = candidates[chosen[0]]["caption"]
            sources = [Source(sentence=sentence.text, candidates=chosen) for sentence in split_sentences(draft)]
            return {"draft": draft, "sources": sources, "conflicts": []}
        sources = _union(candidates, chosen)
        if not any(is_told(candidate) for candidate in candidates):
            sources = in_time_order(sources)
        return {"draft": " ".join(source["sentence"] for source in sources), "sources": sources, "conflicts": []}

    async def consult(self, row: Row) -> Row:
        """Let the integrator unite one row's candidates."""
        candidates = row["candidates"] or []
        chosen = chosen_candidates(candidates)
        if len({annotator_of(candidates[index]) for index in chosen}) < 2:
            return self.run(row)
        shown = shown_candidates(candidates, chosen)

        def check(value: dict) -> dict:
            return _checked(value, candidates, chosen)

        try:
            reply = await self.ask(self.integrator, "ensemble", row, check, candidates=shown, **clip_facts(row))
        except ChatError as error:
            self.note(row, error, "the candidates were united without the integrator")
            return self.run(row)
        untraced = reply.parsed["untraced"]
        if untraced:
            kind = UNTRACEABLE
            message = f"{len(untraced)} sentence(s) of the integrator say what no candidate says: {untraced[0]!r}"
            row["errors"].append({"stage": self.name, "kind": kind, "message": message[:500]})
        sources = reply.parsed["sources"]
        draft = " ".join(source["sentence"] for source in sources)
        return {"draft": draft, "sources": sources, "conflicts": reply.parsed["conflicts"]}


def chosen_candidates(candidates: list[Candidate]) -> list[int]:
    """Which candidates make the draft: all that were told; without any, the measured ones; never an empty one.

    Example:
        >>> chosen_candidates([{"annotator": "measured/camera", "caption": "It pans."}])
        [0]
    """
    told = [index for index, candidate in enumerate(candidates) if is_told(candidate)]
    return [index for index in told or range(len(candidates)) if candidates[index]["caption"].strip()]


def shown_candidates(candidates: list[Candidate], chosen: list[int]) -> list[dict]:
    """Candidates as prompts show them: numbered, their annotators by letters, since a name would weigh.

    Example:
        >>> shown_candidates([{"annotator": "given/camera", "caption": "It pans."}], [0])
        [{'number': 0, 'annotator': 'A', 'attribute': 'camera', 'caption': 'It pans.'}]
    """
    names = list(dict.fromkeys(annotator_of(candidates[index]) for index in chosen))
    return [
        {
            "number": index,
            "annotator": chr(65 + names.index(annotator_of(candidates[index])) % 26),
            "attribute": attribute_of_candidate(candidates[index]),
            "caption": candidates[index]["caption"],
        }
        for index in chosen
    ]


def annotator_of(candidate: Candidate) -> str:
    """Who wrote a candidate: its name without the attribute.

    Example:
        >>> annotator_of({"annotator": "qwen#2/camera", "caption": ""})
        'qwen#2'
    """
    name = candidate["annotator"]
    return name.rpartition("/")[0] if attribute_of_candidate(candidate) else name


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


def is_told(candidate: Candidate) -> bool:
    """Whether somebody wrote a candidate, rather than the measurements.

    Example:
        >>> is_told({"annotator": "measured/camera", "caption": ""})
        False
    """
    return not candidate["annotator"].startswith(f"{ANNOTATOR}/")


def _checked(value: dict, candidates: list[Candidate], chosen: list[int]) -> dict:
    """The integrator's sentences that can be traced to what they name, as sources, and those that cannot."""
    sources, untraced = [], []
    for given in value["sentences"]:
        text = " ".join(given["text"].split())
        named = [index for index in dict.fromkeys(given["candidates"]) if index in chosen]
        if text and named and is_supported(text, [candidates[index]["caption"] for index in named]):
            sources.append(Source(sentence=text, candidates=named, attribute=canonical_attribute(given["attribute"])))
        elif text:
            untraced.append(text)
    if not sources:
        raise ChatError("invalid", "No sentence can be traced to a candidate that it names.")
    if len(untraced) > len(sources):
        raise ChatError(
            "invalid", f"{len(untraced)} sentences say what the candidates they name do not: {untraced[0]!r}"
        )
    check_english(" ".join(source["sentence"] for source in sources))
    conflicts = [
        {**conflict, "attribute": canonical_attribute(conflict["attribute"])} for conflict in value["conflicts"]
    ]
    return {"sources": sources, "untraced": untraced, "conflicts": conflicts}


def is_supported(text: str, captions: list[str], share: float = SUPPORT) -> bool:
    """Whether captions hold a share of a sentence's content words, and all of its numbers.

    Example:
        >>> is_supported("At 4s, a red ball rolls.", ["A red ball rolls away at 4s."])
        True
        >>> is_supported("A blue car stops.", ["A red ball rolls away."])
        False
    """
    held = {word for caption in captions for word in content_words(caption)}
    content = set(content_words(text))
    numbers = set(re.findall(r"\d+", text)) <= {n for caption in captions for n in re.findall(r"\d+", caption)}
    return numbers and (not content or len(content & held) >= share * len(content))
