"""A caption being spoilt: the script a fault is planted in, and what is written down of each fault."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from ..truth import Truth
from ..voices import words_of
from ..wordings import START, STOP, Script, Sentence, Writer


@dataclass
class Implied:
    """A finding that is right beside the fault's own: a salient fact the fault displaced."""

    attribute: str
    times: list[tuple[float, float]]


@dataclass
class Fault:
    """A planted fault.

    Attributes:
        kind: one of `PLANTERS`.
        accepts: kinds of finding that name it rightly.
        attribute: for missing facts, where the fact belongs.
        tag: marks its sentence in the script; "" where a sentence was left out.
        start, end: character offsets of the false part; sentence_start, sentence_end: of its sentence.
        times: for missing facts, when they happen (several where the caption leaves open which one is meant).
        implied: findings on facts it displaced.
        absent: word sequences that the repaired caption does not contain.
        absent_text: strings that it does not contain, character by character.
        said: words that must have come back: (kind, text or motion).
        apart: (anchor, words): no sentence still puts these words at this time.
        ordered: the repaired caption's anchors do not go back.
        elsewhere: other sentences at which a finding rightly points: the other half of a pair that cannot both hold.
    """

    kind: str
    accepts: tuple[str, ...]
    attribute: str = ""
    tag: str = ""
    start: int = 0
    end: int = 0
    sentence_start: int = 0
    sentence_end: int = 0
    times: list[tuple[float, float]] = field(default_factory=list)
    implied: list[Implied] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    absent_text: list[str] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)
    apart: tuple[str, str] | None = None
    ordered: bool = False
    elsewhere: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Draft:
    """What a planter works on: the script, its writer, and what is taken by other faults of the same caption.

    `late` steps run when the script is in order; one that returns False finds the fault cannot be planted after all.
    """

    truth: Truth
    script: Script
    writer: Writer
    rng: random.Random
    taken: set[str] = field(default_factory=set)
    late: list[Callable[[], bool]] = field(default_factory=list)

    def whole(self, prefix: str) -> list[Sentence]:
        """Untouched sentences that tell one fact of this kind and nothing else."""
        found = []
        for sentence in self.script.sentences:
            fact = sentence.fact or ""
            if fact.startswith(prefix) and " " not in fact and fact not in self.taken and not sentence.tag:
                found.append(sentence)
        return found

    def replace(self, old: Sentence, new: Sentence) -> None:
        """Put a sentence in the place of another."""
        self.script.sentences[self.script.sentences.index(old)] = new

    def drop(self, *facts: str) -> None:
        """Take all sentences of these facts out."""
        self.script.sentences = [
            sentence
            for sentence in self.script.sentences
            if sentence.tag or not set((sentence.fact or "").split()) & set(facts)
        ]
        self.taken |= set(facts)

    def add(self, sentence: Sentence) -> None:
        """Put a sentence among the others; its time decides where."""
        self.script.sentences.insert(1, sentence)

    def free(self, *facts: str) -> bool:
        """Whether no other fault speaks of these facts."""
        return not set(facts) & self.taken


def at_anchor(text: str, anchor: str, time: float, said: float | None, tag: str) -> Sentence:
    """A sentence whose false part is its anchor.

    Example:
        >>> core_of(at_anchor("At 9s, rain falls.", "At 9s", 3.0, 9.0, "fault0"))
        'At 9s'
    """
    return Sentence(text.replace(anchor, f"{START}{anchor}{STOP}", 1), time, None, anchor, said, tag=tag)


def core_of(sentence: Sentence) -> str:
    """The part of a sentence that carries its fact."""
    return sentence.text.partition(START)[2].partition(STOP)[0]


def core_words(sentence: Sentence) -> str:
    """The words of that part, as the checks after repair look for them."""
    return " ".join(words_of(core_of(sentence)))
