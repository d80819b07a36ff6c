"""Stage 11: the eight attributes become one caption again, and nothing that was not verified gets into it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

from asid_hf.chat.language import check_english
from asid_hf.chat.messages import ChatError
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.verify.ensemble import is_supported
from asid_hf.verify.model_stage import ModelStage, clip_facts
from asid_hf.verify.sentences import quoted_ranges, split_sentences
from asid_hf.verify.stage import Row
from asid_hf.verify.words import content_words

TOLD, JOINED = 0.8, 3  # share of a sentence's content words that as many verified sentences together must hold
KEPT = 0.7  # share of an attribute sentence's content words that the caption must hold, in their order
_NUMBER = re.compile(r"\d+")
_DENIAL = re.compile(r"\b(?:not|no|never|none|nobody|nothing|without|neither|nor)\b|n['’]t\b", re.IGNORECASE)


@dataclass(frozen=True)
class Fuse(ModelStage):
    """Write `caption` out of `attributes` with a model; without one the refined text stays the caption.

    The paper notes that fusing in one pass raises hallucination. So the model's text is used only where every sentence
    of it can be traced to a few of theirs (words, numbers beside what they are told of, denials), no quotation is new,
    and none of their sentences is lost; else it is asked once more, and then the refined text, in which every sentence
    was verified, stays. That is a check of words: what it lets pass with other words in another sense, it cannot see.

    Args:
        fuser: the model; none by default.

    Example:
        >>> Fuse()({"attributes": [{"camera": "It pans."}], "caption": ["It pans."], "duration": [1.0],
        ...         "has_audio": [False], "transcript": [[]], "evidence": [None]})["caption"]
        ['It pans.']
    """

    fuser: ModelSpec | None = None

    name = "fuse"
    reads = ("attributes", "caption", "duration", "has_audio", "transcript", "evidence")
    writes = ("caption",)
    sees_clip = False

    @property
    def models(self) -> tuple[ModelSpec, ...]:
        """The fuser, if there is one."""
        return (self.fuser,) if self.fuser else ()

    def prompt_labels(self) -> list[str]:
        """The fuser's prompt."""
        return [self.access.prompt("fuse").label] if self.fuser else []

    def run(self, row: Row) -> Row:
        """Keep one row's refined text."""
        return {"caption": row["caption"]}

    async def consult(self, row: Row) -> Row:
        """Fuse one row's attributes."""
        captions = {name: text for name, text in (row["attributes"] or {}).items() if text}
        if not captions:
            return self.run(row)

        def check(text: str) -> str:
            check_english(text)
            check_fused(text, list(captions.values()))
            return text

        try:
            reply = await self.ask(self.fuser, "fuse", row, check, captions=captions, clip=clip_facts(row)["clip"])
        except ChatError as error:
            self.note(row, error, "the caption was not fused by the model")
            return self.run(row)
        return {"caption": reply.parsed}


def check_fused(caption: str, texts: list[str]) -> None:
    """Refuse a caption that says more, or less, than the texts it was made of.

    Args:
        caption: the fused text.
        texts: the verified ones.

    Raises:
        ChatError: of kind "invalid", naming the first sentence that is new or lost.

    Example:
        >>> check_fused("At 2s, a dog runs and barks.", ["At 2s, a dog runs.", "The dog barks."])
        >>> check_fused("A dog runs at dawn over snow.", ["A dog runs."])
        Traceback (most recent call last):
        ...
        asid_hf.chat.messages.ChatError: The caption says what no attribute says: 'A dog runs at dawn over snow.'
    """
    sources = [sentence.text for text in texts for sentence in split_sentences(text)]
    told = [sentence.text for sentence in split_sentences(caption)]
    for sentence in told:
        if not _is_told(sentence, _nearest(sentence, sources)):
            raise ChatError("invalid", f"The caption says what no attribute says: {sentence[:200]!r}")
    given, quoted = {q for text in texts for q in _quotes(text)}, _quotes(caption)
    if quoted - given:
        raise ChatError("invalid", f"The caption quotes what no attribute quotes: {min(quoted - given)!r}")
    for source in sources:
        if not any(_keeps(sentence, source) for sentence in told) or _quotes(source) - quoted:
            raise ChatError("invalid", f"The caption has lost {source[:200]!r}")


def _nearest(sentence: str, sources: list[str]) -> list[str]:
    """The few sentences that one of the caption can be made of: words from everywhere can make a new statement."""
    content = set(content_words(sentence))
    return sorted(sources, key=lambda source: -len(content & set(content_words(source))))[:JOINED]


def _is_told(sentence: str, sources: list[str]) -> bool:
    """Whether sources hold a sentence's words, each number together with what it is told of, and as many denials."""
    if not is_supported(sentence, sources, TOLD):
        return False
    content = set(content_words(sentence))
    for number in _NUMBER.findall(sentence):
        beside = [set(content_words(source)) for source in sources if number in _NUMBER.findall(source)]
        if not any(len(words & content) >= KEPT * len(words) for words in beside):
            return False
    return len(_DENIAL.findall(sentence)) <= sum(len(_DENIAL.findall(source)) for source in sources)


def _keeps(sentence: str, source: str) -> bool:
    """Whether a sentence says what a source does: enough of its words in their order, its numbers and its denials."""
    words = content_words(source)
    if not set(_NUMBER.findall(source)) <= set(_NUMBER.findall(sentence)):
        return False
    if len(_DENIAL.findall(source)) > len(_DENIAL.findall(sentence)):
        return False
    same = SequenceMatcher(None, words, content_words(sentence), autojunk=False).get_matching_blocks()
    return sum(block.size for block in same) >= KEPT * len(words)


def _quotes(text: str) -> set[str]:
    return {" ".join(re.findall(r"\w+", text[start:end].lower())) for start, end in quoted_ranges(text)}
