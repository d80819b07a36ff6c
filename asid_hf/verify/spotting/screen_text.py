"""Statements that text stands on the picture, its words not in quotation marks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from asid_hf.verify.spotting.plain import Hit, before, is_negated

_PRESENT = re.compile(
    r"\b(?:(?:on-?screen|overlaid|overlay|white|bold|red|yellow|black) (?:\w+ )?text|text overlays?|subtitles?|"
    r"captions?(?! this)|title (?:cards?|screen)|texts?|(?:chinese|english|japanese|korean|arabic|"
    r"russian) (?:characters|letters|lettering|writing|words)|(?:on-?screen|visual|written) (?:words|messages?|"
    r"annotations?|instructions|prompts?)|(?:closing|end) credits|credits roll|words (?:appear|flash|are (?:shown|"
    r"displayed|written))|lower third|(?:brimming|filled|covered) with (?:words|writing|text))\b"
)
_MESSAGE_BEHIND = re.compile(r" (?:messages?|messaging|conversation|chat|her|him|back|editor|books?)\b|-|book")
_TEXTS_AS_VERB = re.compile(r"\b(?:he|she|who|man|woman|they|religious|ancient|sacred|holy) $")
_CAPTIONED = re.compile(
    r"\b(?:(?:texts?|captions?|subtitles?|signs?|banners?|titles?|labels?|overlays?|screens?|logos?|posters?|cards?|"
    r"letters|shirt|cap|placards?|boards?)\s+(?:[\w-]+\s+){0,3}?(?:reads?|reading|says|saying|spelling|spells|"
    r"displaying|states?|stating|with)"
    r"|titled|labell?ed|marked|the words?|text|caption|subtitle)[:,]?\s+(?:the words?\s+)?"
)
_CAPITALS = re.compile(
    r"(?=[A-Z0-9$@#&]*[A-Z]{2})[A-Z0-9$@#&][A-Z0-9$@#&'!?%.:-]*(?:\s+[A-Z0-9$@#&][A-Z0-9$@#&'!?%:-]*){0,12}(?![a-z])"
)
_READOUT = re.compile(
    r"\b(?:scoreboard|timer|timestamp|countdown|counter|speedometer|readings?|priced)\b[^.;,\d¤]{0,40}?(?<![\w:])"
    r"(?P<words>[$€£]?\d[\d:.,/-]*(?<![.,])(?:\s?(?:%|mph|km/h|volts?|amps?|grams?|seconds?|degrees))?)(?!\w)"
)
_READS_TITLE = re.compile(
    r"\b(?:(?:title|text|caption|sign|banner|subtitle|label|card|screen|logo|overlay)s? (?:\w+ ){0,2}?(?:reads?|"
    r"reading|says|saying|stating)|titled|labell?ed)[:,]?\s+(?P<words>[A-Z][\w'&-]*(?:\s+(?:(?:of|the|and|to|a|in|for|"
    r"on|with)\s+)?[A-Z0-9][\w'&!?-]*){0,10})"
)


def spot_screen_text(plain: str, sentence: str = "") -> Iterator[Hit]:
    """Find text on the picture that a sentence speaks of without quotation marks.

    Args:
        plain: one sentence after `plain_text`.
        sentence: the same as it was written; with it, unquoted words are found by their capitals.

    Yields:
        Hits of kind "screen_text" with the value "present", or "quote" where words in capitals are given.

    Example:
        >>> sentence = "A title reading Welcome Home; no subtitles."
        >>> [(hit.value, hit.quote) for hit in spot_screen_text(sentence.lower(), sentence)]
        [('quote', 'Welcome Home'), ('present', None)]
    """
    for match in _CAPTIONED.finditer(plain):
        words = _CAPITALS.match(sentence, match.end())
        if words and plain[words.start() : words.end()].isascii():
            quote = words.group().rstrip(".:-")
            yield Hit(words.start(), words.start() + len(quote), "screen_text", "quote", False, quote)
    for match in _READOUT.finditer(plain):
        yield Hit(*match.span("words"), "screen_text", "quote", False, sentence[slice(*match.span("words"))])
    for match in _READS_TITLE.finditer(sentence):
        yield Hit(*match.span("words"), "screen_text", "quote", False, match["words"])
    for match in _PRESENT.finditer(plain):
        if _MESSAGE_BEHIND.match(plain, match.end()) or _TEXTS_AS_VERB.search(before(plain, match.start(), 14)):
            continue
        yield Hit(*match.span(), "screen_text", "present", is_negated(plain, *match.span()))
