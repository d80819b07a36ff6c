"""Stage 11: the eight attributes become one caption again, and nothing that was not verified gets into it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from asid_hf.chat.language import check_english
from asid_hf.chat.messages import ChatError
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.verify.ensemble import is_supported
from asid_hf.verify.model_stage import ModelStage, clip_facts
from asid_hf.verify.sentences import quoted_ranges, split_sentences
from asid_hf.verify.stage import Row
from asid_hf.verify.words import content_words

TOLD, JOINED = 0.7, 3  # share of a sentence's content words that as many verified sentences together must hold
KEPT = 0.6  # share of an attribute sentence's content words that the caption must hold


@dataclass(frozen=True)
class Fuse(ModelStage):
    """Write `caption` out of `attributes` with a model; without one the refined text stays the caption.

    The paper notes that fusing in one pass raises hallucination. So the model's text is used only where every sentence
    of it is supported by the attributes, no number and no quotation is new, and none is lost; else it is asked once
    more, and then the refined text, in which every sentence was verified, stays.

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
    for sentence in split_sentences(caption):
        if not is_supported(sentence.text, _nearest(sentence.text, sources), TOLD):
            raise ChatError("invalid", f"The caption says what no attribute says: {sentence.text[:200]!r}")
    given, told = {q for text in texts for q in _quotes(text)}, _quotes(caption)
    if told - given:
        raise ChatError("invalid", f"The caption quotes what no attribute quotes: {min(told - given)!r}")
    held, numbers = set(content_words(caption)), set(re.findall(r"\d+", caption))
    for source in sources:
        content = set(content_words(source))
        kept = len(content & held) >= KEPT * len(content) and set(re.findall(r"\d+", source)) <= numbers
        if not kept or _quotes(source) - told:
            raise ChatError("invalid", f"The caption has lost {source[:200]!r}")


def _nearest(sentence: str, sources: list[str]) -> list[str]:
    """The few sentences that one of the caption can be made of: words from everywhere can make a new statement."""
    content = set(content_words(sentence))
    return sorted(sources, key=lambda source: -len(content & set(content_words(source))))[:JOINED]


def _quotes(text: str) -> set[str]:
    return {" ".join(re.findall(r"\w+", text[start:end].lower())) for start, end in quoted_ranges(text)}
