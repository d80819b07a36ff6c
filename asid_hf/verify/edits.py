"""Careful surgery on one sentence: take a claim out and leave a sentence, or nothing."""

from __future__ import annotations

import re
from typing import NamedTuple

from asid_hf.anchors import parse_anchors
from asid_hf.verify.sentences import quoted_ranges
from asid_hf.verify.spotting.speech import REPORTING

_JOINT = re.compile(
    r"(?:[,;]|\s[—–-])\s*(?:(?:and|but|while|whilst|as|with|when|where|which|before|after|then|so|until|accompanied by|"
    r"followed by|alongside)\b\s*(?:then\b\s*)?)?|\s+(?:while|whilst|but|accompanied by|followed by|before)\s+|"
    r"\s+(?:and|as)\s+(?=(?:the|a|an|his|her|their|its|he|she|they|it|someone|somebody)\b)",
    re.IGNORECASE,
)
_STANDS_ALONE = re.compile(
    r"(?:the|a|an|his|her|their|its|he|she|they|it|we|there|two|three|several|some|someone|another|both|each|[A-Z]\w*)\b"
    r".*?\b(?:\w+s|\w+ed|is|are|was|were|has|have|can|sit|stand|play|walk|run|appear)\b"
)
_SUBORDINATE = re.compile(r"(?:while|whilst|as|when|with|after|before|once)\b", re.IGNORECASE)
_BESIDE = re.compile(  # words that hang a quotation on a noun: a sign "reading ..."
    r"(?:,\s*)?\s+(?:(?:that|which)\s+)?(?:reading|reads|read|saying|says|said|displaying|labell?ed|titled|captioned|"
    r"spelling(?:\s+out)?|showing|bearing|with the (?:text|words?|title|caption|phrase))[\s,:]*[\"“'‘]?$",
    re.IGNORECASE,
)
_INTRODUCES = re.compile(r"[,:]\s*[\"“'‘]?$")
_LEFT_HANGING = re.compile(r",?\s+(?:until|till|up to|to|from|by|before|after|since|around|about|and|then)$", re.I)
_NO_MAIN_CLAUSE = re.compile(  # how a part of a sentence begins that cannot stand alone
    r"(?:while|whilst|as|when|with|without|after|before|once|who|which|whose|that|and|but|behind|in|on|at|from|during|"
    r"under|over|above|below|beside|near|next|through|throughout|across|by|inside|outside|along|around|between|among|"
    r"for|to|into|onto|against|within|\w+ing)\b",
    re.IGNORECASE,
)
_FINITE = re.compile(
    r"\b(?:is|are|was|were|has|have|do|does|can|could|will|would|may|might|must|sit|stand|play|walk|run|appear|look|"
    r"move|\w{2,}s|\w{2,}ed|\w+n't)\b"
)
_SHARES_SUBJECT = re.compile(  # "wears a hat and [says]", "looks up and says, ["]
    rf",?\s+and\s+(?:then\s+|also\s+|\w+ly\s+)?(?:(?:{REPORTING})(?:\s\w+)?[,:]?\s*[\"“'‘])?$"
)
_INSERTED = re.compile(r"(?:who|which|whose|\w+ing)\b", re.IGNORECASE)  # how a part begins that leaves a whole behind
_HANGING_AND = re.compile(r",?\s+(?:and|but|then),?\s+\w+ing\b[^,]*$|,?\s+(?:and|but|then),?$")
_LEAST_WORDS = 3  # a clause of fewer words is not worth keeping alone


class _Clause(NamedTuple):
    start: int  # where its joint begins
    body: int  # where its words begin
    end: int


def without_claim(sentence: str, start: int, end: int) -> str:
    """Take the claim at [start, end) out of a sentence, with the clause that carries it and nothing else.

    Args:
        sentence: one sentence.
        start, end: half-open character range of the claim in it; of a quotation, the words without the marks.

    Returns:
        What is left, a whole sentence; "" where nothing is worth keeping or would not stand alone.

    Example:
        >>> text = "A dog runs along the beach, while the camera pans left."
        >>> without_claim(text, text.index("camera"), len(text) - 1)
        'A dog runs along the beach.'
        >>> without_claim("The camera pans left.", 0, 20)
        ''
    """
    hung = _without_hung_quotation(sentence, start, end)
    if hung is not None:
        return hung
    clauses = _clauses(sentence, start)
    hit = [i for i, c in enumerate(clauses) if c.start < end and start < c.end and not _is_anchor(sentence, c)]
    if not hit:
        return ""
    first, last = hit[0], hit[-1]
    opening = [c for c in clauses[:first] if _is_anchor(sentence, c)]
    before = [c for c in clauses[:first] if not _is_anchor(sentence, c)]
    after = clauses[last + 1 :]
    rest = sentence[clauses[last].end :]
    rest = rest if rest.strip(' .!?"”') else ""
    if before and _worth(sentence, before) and _is_whole(sentence, before):
        return _closed(_HANGING_AND.sub("", sentence[: clauses[first].start]) + rest, sentence)
    if (
        before
        and after
        and _INSERTED.match(sentence[clauses[first].body :])
        and _is_whole(sentence, [*before, after[0]])
    ):
        return _closed(f"{sentence[: clauses[first].start]} {sentence[after[0].body :]}", sentence)
    if not after or not _worth(sentence, after):
        return ""
    words = sentence[after[0].body :]
    if not (_SUBORDINATE.match(sentence[clauses[first].body :]) or _STANDS_ALONE.match(words)):
        return ""
    lead = sentence[: opening[-1].end] + ", " if opening else ""
    return _closed(lead + words if lead else _capitalised(words), sentence)


def without_anchor(sentence: str, start: int, end: int) -> str:
    """Take a time anchor at [start, end) out of a sentence, with the comma behind it.

    Example:
        >>> without_anchor("At 40s, he waves.", 0, 6)
        'He waves.'
        >>> without_anchor("He waves at 40s.", 9, 15)
        'He waves.'
        >>> without_anchor("He spins, until at 40s.", 16, 22)
        'He spins.'
    """
    head, tail = sentence[:start].rstrip(), sentence[end:].lstrip()
    if not tail[:1].isalnum():
        head = _LEFT_HANGING.sub("", head)
    if not head:
        return _capitalised(tail.lstrip(",;: "))
    return head.rstrip(",") + tail if tail[:1] in ".,;:!?" else f"{head} {tail}"


def _without_hung_quotation(sentence: str, start: int, end: int) -> str | None:
    """`a sign reading "EXIT" above a door` -> `a sign above a door`; None where the quotation hangs on no noun."""
    quote = next(((a, b) for a, b in quoted_ranges(sentence) if a <= start and end <= b), None)
    if quote is None:
        return None
    lead = _BESIDE.search(sentence[: quote[0]])
    if lead is None or len(sentence[: lead.start()].split()) < _LEAST_WORDS:
        return None
    rest = sentence[quote[1] + 1 :]
    if re.search(r"\b(?:says?|said|reads?)\b", lead.group()) and not re.search(r"\b(?:that|which)\b", lead.group()):
        return None  # the verb of the sentence itself
    return _closed(sentence[: lead.start()] + rest, sentence)


def _is_whole(sentence: str, clauses: list[_Clause]) -> bool:
    """Whether clauses hold a main one: it begins like one, and it or the one inserted into it has a verb."""
    begun = [c for c in clauses if not _NO_MAIN_CLAUSE.match(sentence[c.start : c.end].lstrip(" ,;—–-"))]
    return bool(begun) and any(_FINITE.search(sentence[c.body : c.end]) for c in clauses if c.start >= begun[0].start)


def _clauses(sentence: str, claim: int) -> list[_Clause]:
    """The clauses of a sentence; a joint right before the `claim` parts it from a verb of the same subject."""
    quoted = [(a - 1, b + 1) for a, b in quoted_ranges(sentence)]
    joints = [
        joint
        for joint in _JOINT.finditer(sentence)
        if not any(a < joint.end() and joint.start() < b for a, b in quoted)
        and not (_INTRODUCES.search(sentence[: joint.end()]) and sentence[joint.end() : joint.end() + 1] in ('"', "“"))
    ]
    shared = _SHARES_SUBJECT.search(sentence[:claim])
    if shared and not any(joint.start() < shared.end() and shared.start() < joint.end() for joint in joints):
        joints = sorted([*joints, shared], key=lambda joint: joint.start())
    starts = [(0, 0), *((joint.start(), joint.end()) for joint in joints)]
    ends = [*(joint.start() for joint in joints), len(sentence)]
    return [_Clause(start, body, end) for (start, body), end in zip(starts, ends, strict=True)]


def _is_anchor(sentence: str, clause: _Clause) -> bool:
    words = sentence[clause.body : clause.end].strip()
    anchors = parse_anchors(words)
    return bool(anchors) and anchors[0].start == 0 and anchors[0].end >= len(words) - 1


def _worth(sentence: str, clauses: list[_Clause]) -> bool:
    return len(sentence[clauses[0].body : clauses[-1].end].split()) >= _LEAST_WORDS


def _capitalised(words: str) -> str:
    return words[:1].upper() + words[1:]


def _closed(text: str, sentence: str) -> str:
    """End as the sentence ended."""
    text = re.sub(r"\s+([.,;:!?])", r"\1", re.sub(r"\s{2,}", " ", text)).rstrip(" ,;—–-")
    return text if text.endswith((".", "!", "?", '"', "”")) else text + (sentence[-1] if sentence[-1] in ".!?" else ".")
