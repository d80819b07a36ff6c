"""Claims of text on screen against what was read there."""

from __future__ import annotations

from difflib import SequenceMatcher
from functools import lru_cache

from asid_hf.evidence.text_match import SAME_TEXT, found_in, normalise, same_text
from asid_hf.schema import ScreenText
from asid_hf.verify import phrasing
from asid_hf.verify.annotate_measured import spoken_on_screen
from asid_hf.verify.case import Case, overlap
from asid_hf.verify.checks.retime import wrong_time
from asid_hf.verify.claims import Claim
from asid_hf.verify.findings import Verdict
from asid_hf.verify.sentences import quoted_ranges
from asid_hf.verify.words import align_quote

SALIENT_SECONDS = 1.0  # text shown as long as this must be mentioned
SALIENT_LETTERS = 2
SALIENT_CONFIDENCE = 0.8
MISREAD = 0.55  # a claim this near to a reading is that text, misread; below, another text
BLOCK_SECONDS = 1.5  # readings that begin this near to each other may be lines of one text


def check_screen_text(case: Case) -> list[Verdict]:
    """Judge quoted text on screen, claims that there is none, and name the salient text a draft leaves out.

    Args:
        case: `evidence["screen_text"]` None means that nothing was read, and nothing is judged.

    Returns:
        Verdicts of kind error (misread, or read nowhere), timeline and missing.

    Example:
        >>> read = {"text": "OPEN DAILY", "start": 0, "end": 3, "box": [0, 0, 1, 1], "confidence": 0.99}
        >>> case = Case('A sign says "OVEN DAILY".', {"screen_text": [read]}, [], 5.0, True)
        >>> [v.suggestion for v in check_screen_text(case)]
        ['OPEN DAILY']
    """
    readings = case.evidence.get("screen_text")
    if readings is None:
        return []
    texts = _blocks(readings)
    claims = case.claims_of("screen_text")
    verdicts = [verdict for claim in claims if (verdict := _judge(claim, case, readings, texts))]
    return verdicts + _missing(case, readings, claims)


def nearness(quote: str, read: str) -> float:
    """How near two texts that are not the same are by letters (Ratcliff and Obershelp 1988), 0..1.

    Example:
        >>> nearness("OVEN DAILY", "open daily") > MISREAD > nearness("CLOSED", "open daily")
        True
    """
    return SequenceMatcher(None, normalise(quote), normalise(read), autojunk=False).ratio()


def read_on_screen(quote: str, readings: list[ScreenText] | None) -> bool:
    """Whether a quotation stands on the screen.

    Example:
        >>> read_on_screen("open", [{"text": "OPEN", "start": 0, "end": 1, "box": [0, 0, 1, 1], "confidence": 1}])
        True
    """
    return any(_same(quote, text["text"]) for text in _blocks(readings or []))


def _judge(claim: Claim, case: Case, readings: list[ScreenText], texts: list[ScreenText]) -> Verdict | None:
    if claim.negated:
        salient = [reading for reading in readings if _salient(reading)]
        return _verdict(claim, case, salient[0], "there is text", "") if salient and claim.quote is None else None
    if claim.quote is None or not normalise(claim.quote):
        return None
    same = [text for text in texts if _same(claim.quote, text["text"])]
    otherwise = _goes_on_otherwise(claim.quote, texts, same)
    if same and not otherwise:
        window = case.window(claim)
        if claim.time and not any(overlap(text["start"], text["end"], window) >= 0 for text in same):
            text = same[0]
            return wrong_time(claim, case, text["start"], text["end"], phrasing.say_screen_text(text, case.duration))
        return None
    heard = (case.evidence.get("speech") or {}).get("utterances", case.transcript)
    if align_quote(claim.quote, heard).verdict == "matched":
        return None  # said, not shown, though perhaps not verified: the parser's doubt is not the caption's fault
    near = otherwise or max(texts, key=lambda text: nearness(claim.quote, text["text"]), default=None)
    if near and nearness(claim.quote, near["text"]) >= MISREAD:
        return _verdict(claim, case, near, "the text reads otherwise", near["text"])
    return _verdict(claim, case, None, "no such text was read", "")


def _same(quote: str, read: str) -> bool:
    """Whether a quotation and a reading are the same text, or one a part of the other."""
    if not _share_letters(quote, read):
        return False
    if same_text(quote, read) >= SAME_TEXT:
        return True
    return found_in(quote, read) >= SAME_TEXT or (len(normalise(read)) >= 4 and found_in(read, quote) >= SAME_TEXT)


def _goes_on_otherwise(quote: str, texts: list[ScreenText], same: list[ScreenText]) -> ScreenText | None:
    """The text a line of which is quoted, when what is quoted around that line is not what stands around it."""
    parts = [f" {normalise(text['text'])} " for text in same]
    if not parts or any(len(part) - 2 >= len(normalise(quote)) for part in parts):
        return None
    wholes = [t for t in texts if t not in same and all(part in f" {normalise(t['text'])} " for part in parts)]
    whole = max(wholes, key=lambda text: nearness(quote, text["text"]), default=None)
    return whole if whole and nearness(quote, whole["text"]) >= MISREAD else None


@lru_cache(maxsize=4096)
def _trigrams(text: str) -> frozenset[str]:
    letters = normalise(text).replace(" ", "")
    return frozenset(letters[i : i + 3] for i in range(max(1, len(letters) - 2)))


def _share_letters(one: str, other: str) -> bool:
    """A cheap test that no two same texts fail: some of the shorter one's trigrams stand in the other."""
    a, b = _trigrams(one), _trigrams(other)
    return min(len(a), len(b)) <= 3 or 5 * len(a & b) >= min(len(a), len(b))


def _missing(case: Case, readings: list[ScreenText], claims: list[Claim]) -> list[Verdict]:
    verdicts, end = [], len(case.draft)
    for reading in readings:
        if not _salient(reading) or _stands_in(reading["text"], case):
            continue
        if spoken_on_screen(reading, case.transcript) or any(_judged_as(claim, reading) for claim in claims):
            continue  # a subtitle of speech that is reported, or a misreading that is an error by itself
        sentence = phrasing.say_screen_text(reading, case.duration)
        time = (reading["start"], reading["end"])
        reason = "the text is not mentioned"
        verdicts.append(
            Verdict("missing", "objects", end, end, sentence, reason, sentence, reading["confidence"], time)
        )
    return verdicts


def _stands_in(text: str, case: Case) -> bool:
    """Whether a draft holds these words, to the letter anywhere or nearly so in a quotation."""
    if f" {normalise(text)} " in f" {_normalised(case.draft)} ":
        return True
    quotes = [case.draft[start:end] for start, end in quoted_ranges(case.draft)]
    return any(_same(quote, text) for quote in (*quotes, *(c.quote for c in case.claims if c.quote)))


@lru_cache(maxsize=64)
def _normalised(draft: str) -> str:
    return normalise(draft)


def _judged_as(claim: Claim, reading: ScreenText) -> bool:
    return claim.quote is not None and nearness(claim.quote, reading["text"]) >= MISREAD


def _salient(reading: ScreenText) -> bool:
    return (
        reading["end"] - reading["start"] >= SALIENT_SECONDS
        and reading["confidence"] >= SALIENT_CONFIDENCE
        and sum(char.isalpha() for char in reading["text"]) >= SALIENT_LETTERS
    )


def _blocks(readings: list[ScreenText]) -> list[ScreenText]:
    """The readings, and the lines that stand together joined in reading order: captions quote whole texts."""
    texts = list(readings)
    for i, first in enumerate(readings):
        lines = [
            other
            for other in readings
            if abs(other["start"] - first["start"]) <= BLOCK_SECONDS
            and overlap(other["start"], other["end"], (first["start"], first["end"])) > 0
        ]
        if len(lines) > 1 and first is lines[0]:
            lines.sort(key=lambda line: (round(line["box"][1] * 20), line["box"][0]))
            start, end = max(line["start"] for line in lines), min(line["end"] for line in lines)
            joined = " ".join(line["text"] for line in lines)
            texts.append({**readings[i], "text": joined, "start": min(start, end), "end": max(start, end)})
    return texts


def _verdict(claim: Claim, case: Case, reading: ScreenText | None, reason: str, suggestion: str) -> Verdict:
    evidence = phrasing.say_screen_text(reading, case.duration) if reading else "No such text was read in the picture."
    confidence = reading["confidence"] if reading else 0.7
    attribute = case.attribute_at(claim.start, "objects")
    time = (reading["start"], reading["end"]) if reading else claim.time
    return Verdict("error", attribute, claim.start, claim.end, evidence, reason, suggestion, confidence, time)
