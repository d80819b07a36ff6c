"""Free prose into checkable claims: what a caption says is spoken, shown as text, filmed, cut, heard, lit, and when."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass

from asid_hf.anchors import Anchor, parse_anchors
from asid_hf.verify.sentences import Sentence, split_sentences
from asid_hf.verify.spotting.camera import spot_camera
from asid_hf.verify.spotting.cuts import spot_cuts
from asid_hf.verify.spotting.framing import spot_framing
from asid_hf.verify.spotting.light import spot_light
from asid_hf.verify.spotting.plain import BLANK, Hit, blank_quotations, plain_text
from asid_hf.verify.spotting.quotations import Quotation, find_quotations
from asid_hf.verify.spotting.quoted import classify_quotations
from asid_hf.verify.spotting.screen_text import spot_screen_text
from asid_hf.verify.spotting.sounds import spot_sounds
from asid_hf.verify.spotting.speech import spot_reported_speech

CLAIM_KINDS = ("speech", "screen_text", "camera", "cut", "sound", "light", "time")

_SPOTTERS = (spot_camera, spot_framing, spot_cuts, spot_light, spot_sounds, spot_reported_speech)
_INTRODUCES = re.compile(rf"[\s,:]*{BLANK}")
_TAKES_UP = re.compile(
    rf"{BLANK},?\s(?:sighs|gasps|screams|shrieks|groans|moans|chuckles|giggles|sobs|cheers|sings|roars)\b"
)
_GOES_ON = re.compile(r"\b(?:followed by|before|then|another|again|a (?:second|third|different))\b")
_NEW_STATEMENT = re.compile(rf"{BLANK}*\s+(?!This\b|These\b|As\b)[A-Z]")
_RIGHT_BEHIND = re.compile(r"[\s.!?]*(?:[\w'-]{1,30}\s+){0,5}?")
_NEW_CLAUSE = re.compile(r"[,;:]|\b(?:and|while|as|then|but|before|after|when|which)\b")


@dataclass(frozen=True)
class Claim:
    """One checkable statement of a caption; it lies within one sentence.

    Attributes:
        kind: one of `CLAIM_KINDS`.
        start: offset of its first character in the parsed text.
        end: offset behind its last character; `span == text[start:end]`.
        span: the words that carry it, verbatim.
        value: of speech "quote" or "reported"; of screen_text "quote" or "present"; of camera one of
            `schema.CAMERA_MOTIONS`, or "pan", "tilt", "zoom" where no direction is said, or "framing" (angle, shot
            size, focus, following); of cut "cut" or "single_take"; of sound "silence", "music", "singing", "other" or
            "any" (no audio at all); of light one of `schema.LIGHT_LEVELS`; of time "point", "range" or "duration".
        quote: the words said or shown, without marks; None where none are given.
        negated: the statement is that there is none ("no music", "never pans").
        time: the anchor in its sentence that governs it, in seconds (of a point (t, t)); None where there is none.
        speaker: of speech, the noun phrase that speaks ("the man"); None where none is said.
    """

    kind: str
    start: int
    end: int
    span: str
    value: str
    quote: str | None
    negated: bool
    time: tuple[float, float] | None
    speaker: str | None = None


_RANK = {"framing": 0, "pan": 1, "tilt": 1, "zoom": 1}  # what says less gives way on the same words


def parse_claims(text: str) -> list[Claim]:
    """Find every checkable statement of `text`, in time linear in its length; never raises.

    A claim inside a quotation is none of the caption's. A quotation over several sentences gives one claim a sentence.

    Args:
        text: a whole caption; may be empty.

    Returns:
        The claims, ordered by start.

    Example:
        >>> for claim in parse_claims('At 3s, the man says, "Look!" as the camera pans left. No music plays.'):
        ...     print(claim.kind, claim.value, claim.quote, claim.negated, claim.time, claim.speaker)
        time point None False (3.0, 3.0) None
        speech quote Look! False (3.0, 3.0) the man
        camera pan_left None False (3.0, 3.0) None
        sound music None True None None
    """
    quotations = find_quotations(text)
    plain, unquoted = plain_text(text, quotations), blank_quotations(text, quotations)
    sentences = split_sentences(text)
    anchors = [anchor for anchor in parse_anchors(text) if BLANK not in plain[anchor.start : anchor.end]]
    quoted = _quoted_by_sentence(text, plain, quotations, sentences)
    claims: list[Claim] = []
    times: dict[int, tuple[float, float] | None] = {}  # of quotations, so that each sentence of one has the same
    for sentence, said in zip(sentences, quoted, strict=True):
        first = bisect_left(anchors, (sentence.start,))
        inside = anchors[first : bisect_left(anchors, (sentence.end,))]
        governing = [anchor for anchor in inside if _governs(anchor)]
        claims += [_time_claim(anchor) for anchor in inside]
        for hit in said + _spotted(unquoted, plain, sentence, said):
            time = _governing(hit, governing, plain)
            if hit.piece_of >= 0:
                time = times.setdefault(hit.piece_of, time)
            span = text[hit.start : hit.end]
            claims.append(
                Claim(hit.kind, hit.start, hit.end, span, hit.value, hit.quote, hit.negated, time, hit.speaker)
            )
    return sorted(claims, key=lambda claim: (claim.start, claim.end, claim.kind))


def _quoted_by_sentence(
    text: str, plain: str, quotations: list[Quotation], sentences: list[Sentence]
) -> list[list[Hit]]:
    """What is quoted in each sentence; a quotation that runs on is classified where it begins, then cut in pieces."""
    by_sentence: list[list[Hit]] = [[] for _ in sentences]
    ends = [sentence.end for sentence in sentences]
    first = 0
    for i, sentence in enumerate(sentences):
        last = first
        while last < len(quotations) and quotations[last].start < sentence.end:
            last += 1
        if last == first:
            continue
        begun, first = quotations[first:last], last
        for hit in classify_quotations(text, plain, begun, sentence.start, max(sentence.end, begun[-1].outer_end)):
            for j in range(i, bisect_left(ends, hit.end) + 1):
                start, end = max(hit.start, sentences[j].start), min(hit.end, sentences[j].end)
                quote = text[start:end] if hit.quote is not None else None
                piece_of = hit.start if quote else -1
                if start < end:
                    by_sentence[j].append(hit._replace(start=start, end=end, quote=quote, piece_of=piece_of))
    return by_sentence


def _spotted(unquoted: str, plain: str, sentence: Sentence, said: list[Hit]) -> list[Hit]:
    words = plain[sentence.start : sentence.end]
    hits = [hit for spot in _SPOTTERS for hit in spot(words)]
    hits += spot_screen_text(words, unquoted[sentence.start : sentence.end])
    hits = [hit._replace(start=hit.start + sentence.start, end=hit.end + sentence.start) for hit in hits]
    last = {hit.kind: hit for hit in said}
    return _without_overlaps([hit for hit in hits if not _belongs_to_quotation(hit, plain, unquoted, last)])


def _belongs_to_quotation(hit: Hit, plain: str, unquoted: str, last: dict[str, Hit]) -> bool:
    """Words that introduce a quotation or take it up are no claim beside it; `last` are the last of each kind."""
    if hit.kind == "sound" and hit.value != "music" and "speech" in last:
        crowd = plain[hit.start : hit.end].endswith(("laughter", "applause", "cheers"))
        return bool(
            (not crowd and _INTRODUCES.match(plain, hit.end)) or _TAKES_UP.search(plain, max(0, hit.start - 3), hit.end)
        )
    quoted = last.get(hit.kind)
    if quoted is None or hit.kind == "sound" or hit.value == "quote":
        return False
    if hit.negated:
        return _INTRODUCES.match(plain, hit.end) is not None
    if hit.start < quoted.end or hit.kind == "screen_text":
        return True
    gap = plain[quoted.end : min(hit.start, quoted.end + 150)]
    return not (_GOES_ON.search(gap) or _stands_apart(hit, plain, unquoted, quoted))


def _stands_apart(hit: Hit, plain: str, unquoted: str, quoted: Hit) -> bool:
    """Whether a new statement begins between a quotation and what follows it: '"Go." His voice is calm.'"""
    if not (quoted.quote or "").endswith((".", "!", "?")) or not _NEW_STATEMENT.match(unquoted, quoted.end):
        return False
    credit = plain[hit.end : hit.end + 1] in ".," and len(plain[quoted.end : hit.start].split()) <= 4
    return not credit  # '"Go." The guide says.' only tells who spoke


def _without_overlaps(hits: list[Hit]) -> list[Hit]:
    """Of hits of one kind on the same words keep the first, but a move before a framing and a direction before none."""
    kept: dict[str, list[Hit]] = {}
    for hit in sorted(hits, key=lambda hit: (hit.start, -hit.end)):
        same = kept.setdefault(hit.kind, [])
        if not same or hit.start >= same[-1].end:
            same.append(hit)
        elif _RANK.get(same[-1].value, 2) < _RANK.get(hit.value, 2):
            same[-1] = hit
    return [hit for same in kept.values() for hit in same]


def _time_claim(anchor: Anchor) -> Claim:
    return Claim("time", anchor.start, anchor.end, anchor.span, anchor.kind, None, False, _interval(anchor))


def _governing(hit: Hit, anchors: list[Anchor], plain: str) -> tuple[float, float] | None:
    """The time of the anchor right behind a hit in its clause, else of the last one before it in its sentence."""
    following = bisect_left(anchors, (hit.end,))
    if following < len(anchors) and anchors[following].start - hit.end < 80:
        gap = plain[hit.end : anchors[following].start].lstrip(BLANK)
        if _RIGHT_BEHIND.fullmatch(gap) and not _NEW_CLAUSE.search(gap):
            return _interval(anchors[following])
    earlier = bisect_left(anchors, (hit.start,)) - 1
    return _interval(anchors[earlier]) if earlier >= 0 else None


def _governs(anchor: Anchor) -> bool:
    return _interval(anchor) is not None and not anchor.span.lower().startswith(("until", "till"))


def _interval(anchor: Anchor) -> tuple[float, float] | None:
    if anchor.malformed or anchor.kind == "duration":
        return None
    return anchor.times[0], anchor.times[-1]
