"""Faults of form in a caption: loops, malformed times, stray symbols; found by range, with what should stand there."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from asid_hf.verify.sentences import quoted_ranges

_STRAY = (
    (re.compile(r"\[/?INST\]|\[/?SYS\]|<</?SYS>>"), ""),
    (re.compile(r"<\|[^|<>\n]{0,40}\|>"), ""),  # special tokens: <|im_end|>
    (re.compile(r"</?(?:think|answer|video|image|audio|s|caption)>", re.IGNORECASE), ""),
    (re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u2060\ufeff\ufffd\ue000-\uf8ff]+"), ""),
    (re.compile(r"\\[nrt](?![a-z])"), " "),  # escapes written out
    (re.compile(r"#{2,} *"), ""),
    (re.compile(r"(?m)^\s{0,3}(?:#{1,6}\s+|[-*+]\s+(?=\S)|>\s+)"), ""),  # headings, bullets, quotes at a line's start
    (re.compile(r"(?<![\w*])\*{1,3}(?=[\w\"“(])|(?<=[\w.,!?:\"”)])\*{1,3}(?![\w*])"), ""),  # bold; not a bleeped f**k
    (re.compile(r"(?<!\w)_{2,3}(?=\w)|(?<=[\w.,!?])_{2,3}(?!\w)|`{1,3}"), ""),
    (re.compile(r"[■□▪▫◆◇●○★☆¤§¶]+"), ""),
    (re.compile(r"([!?,;:~])\1{2,}"), r"\1"),
)
_MOJIBAKE = re.compile(r"(?:[ÃÂâð][^\x00-\x7f]{1,3})+")  # UTF-8 read as Windows-1252, by its usual lead bytes
_CERTAIN = 6  # the patterns of _STRAY up to here are stray inside a quotation too
_VALID_TIME = re.compile(r"\d{1,4}(?:\.\d{1,3})?(?: ?s)?|\d{1,3}:[0-5]\d(?::[0-5]\d)?(?:\.\d{1,3})?(?: ?s)?")


def _lost_time(match: re.Match) -> str:
    """An opening time that is no time goes; a valid one stays as it is."""
    if _VALID_TIME.fullmatch(match["time"].rstrip(".")) or re.fullmatch(r"\d{1,2}:[6-9]\d", match["time"]):
        return match.group()
    return match["next"].upper()


_TIMES = (
    (re.compile(r"\b(\d{1,4}(?:\.\d+)?) ?s(?: ?s)+\b"), lambda m: f"{m[1]}s"),  # 12ss, 12 s s
    (re.compile(r"(?<=\b[Aa]t )(\d{1,2}):([6-9]\d)\b(?!:)"), lambda m: f"{int(m[1]) * 60 + int(m[2])}s"),  # 0:75
    (re.compile(r"\b(?:At|From|Around) s(?:ec(?:ond)?s?)?\b[,:]? *(\w?)"), lambda m: m[1].upper()),  # a lost number
    (re.compile(r" *\b(?:at|from|around) s(?:ec(?:ond)?s?)?\b(?=[,.; ])"), lambda m: ""),
    (re.compile(r"(?:(?<=^)|(?<=[.!?\n] ))\[(\d{1,4}(?:\.\d+)?s)(?=,)(?![^\[\]\n]{0,12}\])"), lambda m: f"At {m[1]}"),
    (re.compile(r"\b(?:At|Around|From) (?P<time>[:.]?\d[\d:.]*[\d:](?: ?s)?|:\d+)[,:]? *(?P<next>\w?)"), _lost_time),
    (  # 2s8, ?s, -4s
        re.compile(r"\b(?:At|Around|From) (?:\d+s\d+|[?xX_]+ ?s|- ?\d[\d.]* ?s)\b[,:]? *(\w?)"),
        lambda m: m[1].upper(),
    ),
    (re.compile(r" *\b(?:at|around) - ?\d[\d.]* ?s\b"), lambda m: ""),
    (re.compile(r"(?:\b[Aa]t )?\[\d{0,2}:?\d?[xX?_nN]+[\dxX?_:]*\][,:]? *"), lambda m: ""),  # [00:0x]
    (re.compile(r"(?:\b[Aa]t )?\b\d{2}:\d?[xX?_]{1,2}(?!\w)[,:]? *"), lambda m: ""),
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_STUTTER = re.compile(r"([^\d\s.])\1{9,}")
LONGEST_UNIT = 60  # words of one turn of a loop
TURNS, SHORT_TURNS = 4, 6  # turns that make a loop; of a unit of one or two words


class Fault(NamedTuple):
    """A fault of form: its half-open range, what should stand there, and why: repetition, timestamp or symbol."""

    start: int
    end: int
    replacement: str
    reason: str


def format_faults(text: str) -> list[Fault]:
    """Find the faults of form in a caption, in order and without overlaps.

    A loop is a unit of words that stands 4 times or more in a row (6 times when it has one or two words and is not
    quoted, so that "very, very, very" stays); all turns but the first go. Digits form no loop: 100000000 is a number.

    Args:
        text: a caption; may be hostile: the search is linear.

    Returns:
        The faults; applying all replacements gives the repaired text.

    Example:
        >>> [(f.reason, f.replacement) for f in format_faults("At 12ss, **he** waves.")]
        [('timestamp', '12s'), ('symbol', ''), ('symbol', '')]
    """
    faults = _loops(text) + _timestamps(text) + _symbols(text)
    kept: list[Fault] = []
    for fault in sorted(faults, key=lambda f: (f.start, -f.end)):
        if not kept or fault.start >= kept[-1].end:
            kept.append(fault)
    return kept


def repaired(text: str) -> str:
    """Apply every replacement that `format_faults` names.

    Example:
        >>> repaired("He waves at us. He waves at us. He waves at us. He waves at us.<|im_end|>")
        'He waves at us.'
    """
    for fault in reversed(format_faults(text)):
        text = text[: fault.start] + fault.replacement + text[fault.end :]
    return text


def _loops(text: str) -> list[Fault]:
    words = list(_WORD.finditer(text))
    numbers: dict[str, int] = {}
    ids = np.array([numbers.setdefault(word.group().lower(), len(numbers)) for word in words])
    quoted = quoted_ranges(text)
    faults = [Fault(m.start() + 1, m.end(), "", "repetition") for m in _STUTTER.finditer(text)]
    for unit in range(1, min(LONGEST_UNIT, len(words) // TURNS) + 1):
        for first, last in _runs(ids[unit:] == ids[:-unit]):
            if last - first + unit < unit * (SHORT_TURNS if unit <= 2 else TURNS):
                continue
            turns = (last - first + unit) // unit
            cut_off = last + unit == len(words)  # at the end of a text the last turn is often a part of one
            end = words[last + unit - 1 if cut_off else first + turns * unit - 1].end()
            start = words[first + unit - 1].end()
            start += not text[end:].strip() and text[start : start + 1] in ".!?"  # the stop of what breaks off
            spoken = any(a <= words[first].start() and end <= b for a, b in quoted)
            if (unit <= 2 and spoken) or all(word.group().isdigit() for word in words[first : first + unit]):
                continue
            faults.append(Fault(start, end, "", "repetition"))
    return faults


def _runs(same: np.ndarray) -> list[tuple[int, int]]:
    """Half-open index ranges of the True runs."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _timestamps(text: str) -> list[Fault]:
    return [
        Fault(match.start(), match.end(), replace(match), "timestamp")
        for pattern, replace in _TIMES
        for match in pattern.finditer(text)
        if replace(match) != match.group()
    ]


def _symbols(text: str) -> list[Fault]:
    quoted = quoted_ranges(text)
    faults = []
    for index, (pattern, replacement) in enumerate(_STRAY):
        for match in pattern.finditer(text):
            inside = any(start <= match.start() < end for start, end in quoted)
            if not inside or index < _CERTAIN:
                faults.append(Fault(match.start(), match.end(), match.expand(replacement), "symbol"))
    for match in _MOJIBAKE.finditer(text):
        meant = _decoded(match.group())
        if meant is not None:
            faults.append(Fault(match.start(), match.end(), meant, "symbol"))
    return faults


def _decoded(garbled: str) -> str | None:
    try:
        data = b"".join(
            char.encode("latin-1") if ord(char) < 0xA0 else char.encode("cp1252", "strict") for char in garbled
        )
        return data.decode("utf-8")
    except UnicodeError:
        return None
