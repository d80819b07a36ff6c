"""Spoken words against quoted words: alignment that forgives what recognisers and writers do to the same speech."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import groupby, pairwise

from asid_hf.schema import Utterance

_WORD = re.compile(r"\d{1,3}(?:,\d{3})+(?!\d)|[^\W_]+(?:['’][^\W_]+)*")
_NUMBERS = dict(
    zip(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand "
        "million".split(),
        [*range(21), 30, 40, 50, 60, 70, 80, 90, 100, 1000, 1_000_000],
        strict=True,
    )
)
_CONTRACTION = re.compile(r"(?<=\w)'(?:ve|re|ll|d|m|s)$")
_FUNCTION_WORDS = frozenset(
    "a an the this that these those and or but so then well oh um uh er ah yeah yes no not is are was were be been am "
    "do does did have has had will would shall should can could may might must to of in on at by for from with as it "
    "its i you he she we they me him her us them my your his our their s t re ve ll d m there here just really very "
    "like know what which who if when cannot gonna wanna gotta lets "
    # with their apostrophes, as `_plain` leaves them out: "won't" is heard as "will not" as often
    "dont doesnt didnt isnt arent wasnt werent hasnt havent hadnt cant couldnt wont wouldnt shouldnt mustnt "
    "aint".split()
)
SURE = 0.6
"""Confidence of a recognised word below which it may be another: there one in three is misread, above one in 34 (2,509
words of English in many voices and in noise, Moonshine tiny)."""
OTHER_WORD = 0.75  # words joined or split are the same words from this likeness
_ALIKE = 0.6  # words less alike than this are not aligned at all
_SAID_SHARE = 0.4  # share of a quotation's content words that must have been said for it to be that speech, misquoted
_SKIP_QUOTED, _SKIP_SPOKEN = 1.0, 0.25  # cost of a word nobody said; of a word the writer left out
LONGEST = 400  # quoted words that are aligned; a longer quotation is judged by its first ones


@dataclass(frozen=True)
class Heard:
    """How a quotation aligns with a transcript.

    Attributes:
        verdict: "matched", "misquoted" or "absent".
        start, end: seconds over which the matching words were said; 0, 0 when absent.
        text: the transcript's words there.
        wrong: quoted content words that were not said.
        corrected: the quotation with these replaced by the words said in their place, where most of it was said.
    """

    verdict: str
    start: float = 0.0
    end: float = 0.0
    text: str = ""
    wrong: tuple[str, ...] = ()
    corrected: str = ""


@dataclass(frozen=True)
class _Spoken:
    word: str
    shown: str
    start: float
    end: float
    utterance: int
    sure: bool


def align_quote(quote: str, transcript: list[Utterance]) -> Heard:
    """Find where in a transcript a quotation was said, and whether its words are the words said.

    The quotation is aligned as a whole to any stretch of the transcript at the least cost (Sellers 1980); a word costs
    what it differs, by letters or by sound, so misrecognised words cost little and other words cost all.

    Args:
        quote: the quoted words; elisions ("...") may leave words out.
        transcript: verified utterances in time order.

    Returns:
        The best stretch and the verdict on it.

    Example:
        >>> said = [{"start": 1.0, "end": 3.0, "speaker": None, "text": "The train leaves at nine."}]
        >>> align_quote("the train leaves at 9", said).verdict
        'matched'
        >>> align_quote("The train leaves at noon", said).wrong
        ('noon',)
    """
    places = list(_WORD.finditer(quote))[:LONGEST]
    quoted = [place.group() for place in places]
    spoken = spoken_words(transcript)
    if not quoted or not spoken:
        return Heard("absent" if quoted else "matched")
    heard = [word.word for word in spoken]
    pairs = _align([_plain(word) for word in quoted], heard)
    said = [j for _, j in pairs if j is not None]
    wrong, doubted = _wrong_words(quoted, spoken, pairs)
    content = [word for word in quoted if _plain(word) not in _FUNCTION_WORDS]
    found = (
        len(content) - len(wrong) - doubted
        if content
        else len([j for i, j in pairs if j is not None and _same(quoted[i], heard[j])])
    )
    if not said or found < _SAID_SHARE * (len(content) - doubted if content else len(quoted)) or not found:
        return Heard("absent")
    low, high = _reach(pairs, spoken)
    text = " ".join(word.shown for word in spoken[low : high + 1] if word.shown)
    corrected = _corrected(quote, places, wrong, spoken) if 2 * len(wrong) <= len(content) else text
    first, last = spoken[said[0]], spoken[said[-1]]
    return Heard(
        "misquoted" if wrong else "matched", first.start, last.end, text, tuple(quoted[i] for i, _ in wrong), corrected
    )


def spoken_words(transcript: list[Utterance]) -> list[_Spoken]:
    """The words of a transcript with times: measured ones, else spread over each utterance by their length in letters.

    Example:
        >>> said = [{"start": 1.0, "end": 2.0, "speaker": None, "text": "No, no.", "confidence": None}]
        >>> [(word.word, word.start) for word in spoken_words(said)]
        [('no', 1.0), ('no', 1.5)]
    """
    words = []
    for number, utterance in enumerate(transcript):
        shown = utterance["text"].split()
        confidences = utterance.get("word_confidences") or [1.0] * len(shown)
        parts = [
            (part.group(), text if first == 0 else "", confidence >= SURE)
            for text, confidence in zip(shown, confidences, strict=False)
            for first, part in enumerate(_WORD.finditer(text))
        ]
        times = utterance.get("word_times") or []
        if len(times) == len(shown):
            words += _timed(shown, confidences, times, number)
            continue
        total = sum(len(part) for part, _, _ in parts) or 1
        position, length = utterance["start"], utterance["end"] - utterance["start"]
        for part, text, sure in parts:
            end = position + length * len(part) / total
            words.append(_Spoken(_plain(part), text, position, end, number, sure))
            position = end
    return words


def _timed(shown: list[str], confidences: list[float], times: list[list[float]], number: int) -> list[_Spoken]:
    return [
        _Spoken(_plain(part.group()), text if first == 0 else "", start, end, number, confidence >= SURE)
        for text, confidence, (start, end) in zip(shown, confidences, times, strict=False)
        for first, part in enumerate(_WORD.finditer(text))
    ]


def content_words(text: str) -> list[str]:
    """The words of a text that carry its content: function words and fillers left out.

    Example:
        >>> content_words("Well, the train is late.")
        ['train', 'late']
    """
    plain = [_plain(match.group()) for match in _WORD.finditer(text)]
    return [word for word in plain if word not in _FUNCTION_WORDS]


def is_like(word: str, other: str) -> bool:
    """Whether two words, as `content_words` gives them, may be the same: by their letters or their sound.

    Example:
        >>> is_like("closes", "closed"), is_like("road", "soup")
        (True, False)
    """
    return _likeness(word, other) >= _ALIKE


def _plain(word: str) -> str:
    word = _CONTRACTION.sub("", word.lower().replace("’", "'"))
    return str(_NUMBERS[word]) if word in _NUMBERS else word.removesuffix("'s").replace("'", "").replace(",", "")


def _reach(pairs: list[tuple[int, int | None]], spoken: list[_Spoken]) -> tuple[int, int]:
    """First and last spoken word that a quotation stands for, its wrong words at both ends included."""
    matched = [(position, j) for position, (_, j) in enumerate(pairs) if j is not None]
    (before, low), (last, high) = matched[0], matched[-1]
    for _ in range(before):
        low -= low > 0 and spoken[low - 1].utterance == spoken[low].utterance
    for _ in range(len(pairs) - 1 - last):
        high += high + 1 < len(spoken) and spoken[high + 1].utterance == spoken[high].utterance
    return low, high


def _same(quoted: str, heard: str) -> bool:
    return _likeness(_plain(quoted), heard) >= _ALIKE


def _align(quoted: list[str], spoken: list[str]) -> list[tuple[int, int | None]]:
    """Semi-global alignment: all quoted words, any stretch of the spoken ones; pairs (quoted, spoken or None)."""
    rows = [[0.0] * (len(spoken) + 1)]
    for word in quoted:
        above, row = rows[-1], [rows[-1][0] + _SKIP_QUOTED]
        for j, heard in enumerate(spoken, start=1):
            row.append(
                min(above[j - 1] + 1.0 - _likeness(word, heard), above[j] + _SKIP_QUOTED, row[j - 1] + _SKIP_SPOKEN)
            )
        rows.append(row)
    j = min(range(len(spoken) + 1), key=lambda column: (rows[-1][column], -column))  # a wrong last word stands for one
    pairs, i = [], len(quoted)
    while i:
        here = rows[i][j]
        if j and abs(here - (rows[i - 1][j - 1] + 1.0 - _likeness(quoted[i - 1], spoken[j - 1]))) < 1e-9:
            pairs.append((i - 1, j - 1))
            i, j = i - 1, j - 1
        elif abs(here - (rows[i - 1][j] + _SKIP_QUOTED)) < 1e-9:
            pairs.append((i - 1, None))
            i -= 1
        else:
            j -= 1
    return pairs[::-1]


@lru_cache(maxsize=65536)
def _likeness(one: str, other: str) -> float:
    if one == other:
        return 1.0
    if one.isdigit() and other.isdigit():
        return 0.0
    letters = SequenceMatcher(None, one, other, autojunk=False).ratio()
    sounds = SequenceMatcher(None, _sound(one), _sound(other), autojunk=False).ratio()
    likeness = 0.95 * max(letters, sounds * 0.8)
    # Short words are alike by chance: "love" is not "leaves".
    return likeness if likeness >= (_ALIKE if min(len(one), len(other)) >= 6 else _ALIKE + 0.1) else 0.0


def _sound(word: str) -> str:
    """A rough English sound key: letters that sound alike become one, vowels behind the first letter and doubles go."""
    for spelling, sound in _SPELLINGS:
        word = word.replace(spelling, sound)
    return re.sub(r"(.)\1+", r"\1", word[:1] + re.sub(r"[aeiouy]+", "", word[1:]))


_SPELLINGS = (
    ("ph", "f"), ("ght", "t"), ("gh", ""), ("kn", "n"), ("wr", "r"), ("wh", "w"), ("ck", "k"), ("tion", "shn"),
    ("sch", "sk"), ("tch", "ch"), ("ce", "se"), ("ci", "si"), ("cy", "sy"), ("dge", "j"), ("c", "k"), ("q", "k"),
    ("x", "ks"), ("z", "s"), ("v", "f"), ("d", "t"), ("b", "p"), ("g", "k"),
)  # fmt: skip


def _wrong_words(
    quoted: list[str], spoken: list[_Spoken], pairs: list[tuple[int, int | None]]
) -> tuple[list[tuple[int, int | None]], int]:
    """Pairs of content words of the quotation with other words, or none; and how many nobody can tell."""
    wrong, doubted = [], 0
    heard = [word.word for word in spoken]
    numbers, heard_numbers = _numbers([_plain(word) for word in quoted]), _numbers(heard)
    matched = {j for _, j in pairs}
    for position, (i, j) in enumerate(pairs):
        word = _plain(quoted[i])
        if word in _FUNCTION_WORDS:
            continue
        if j is not None and _likeness(word, heard[j]) >= _ALIKE:
            continue
        around = [k for _, k in pairs[max(0, position - 2) : position + 3] if k is not None]
        near = range(max(0, min(around) - 1), min(max(around) + 2, len(heard))) if around else range(0)
        if i in numbers and numbers[i] in [heard_numbers.get(k) for k in near]:
            continue  # the same number, in words or in figures
        beside = [_plain(quoted[k]) for k in (i - 1, i + 1) if 0 <= k < len(quoted)]
        misheard = j is not None and _begin_alike(word, heard[j])
        if misheard or _split_or_joined(word, beside, [heard[k] for k in near]):
            continue
        if not all(spoken[k].sure for k in near if k == j or k not in matched):
            doubted += 1
        else:
            wrong.append((i, j))
    return wrong, doubted


def _numbers(words: list[str]) -> dict[int, int]:
    """Index of each word that belongs to a number -> the value of the whole number, as 40000 of "40", "1000"."""
    values: dict[int, int] = {}
    scales = ("100", "1000", "1000000")

    def belongs(i: int) -> bool:
        number = words[i].isdecimal() and len(words[i]) < 16
        return number or (words[i] == "and" and i > 0 and words[i - 1] in scales)

    for is_number, run in groupby(range(len(words)), key=belongs):
        if is_number:
            run = list(run)
            values.update(dict.fromkeys(run, _value([words[i] for i in run if words[i] != "and"])))
    return values


def _value(run: list[str]) -> int:
    """The number that numbers in a row tell: 20 5 is 25, 2 100 is 200, 19 84 and 19 80 4 are 1984, 1 1 2 is 112."""
    whole = part = 0
    for digits in run[:20]:
        number = int(digits)
        if number == 100:
            part = max(part, 1) * 100
        elif number in (1000, 1_000_000):
            whole, part = whole + max(part, 1) * number, 0
        elif part % 10 ** len(digits) == 0:
            part += number
        else:
            part = part * 10 ** len(digits) + number
    return whole + part


def _corrected(quote: str, places: list[re.Match], wrong: list[tuple[int, int | None]], spoken: list[_Spoken]) -> str:
    """The quotation with its wrong words replaced by those said in their place, or taken out, and nothing else."""
    for i, j in reversed(wrong):
        start, end = places[i].span()
        said = _WORD.search(spoken[j].shown) if j is not None else None
        if said is None:
            gap = re.search(r"\s*$", quote[:start]).start() if start else start
            quote = quote[:gap] + quote[end:]
            continue
        word = said.group()
        begins = j == 0 or spoken[j - 1].utterance != spoken[j].utterance
        if start == 0 and quote[0].isupper():
            word = word[0].upper() + word[1:]
        elif begins and quote[start].islower():
            word = word[0].lower() + word[1:]
        quote = quote[:start] + word + quote[end:]
    return quote


def _begin_alike(word: str, heard: str) -> bool:
    """Whether two words share their first half, as "ripe" and "right": one sound was misheard."""
    half = (min(len(word), len(heard)) + 1) // 2
    if word.isdigit() or half < 2:
        return False
    return word[:half] == heard[:half] and abs(len(word) - len(heard)) <= 1


def _split_or_joined(word: str, beside: list[str], near: list[str]) -> bool:
    """Whether a recogniser heard one quoted word as two, or two as one: "every one" for "everyone"."""
    if word.isdigit():
        return False
    if any(len(heard) >= 4 and word.startswith(heard) for heard in near):  # the recogniser stopped inside the word
        return True
    if any(_likeness(word, one + two) >= OTHER_WORD for one, two in pairwise(near)):
        return True
    wholes = [(whole, other) for whole in near for other in beside if _likeness(other, whole) < 1.0]
    return any(
        max(_likeness(other + word, whole), _likeness(word + other, whole)) >= OTHER_WORD for whole, other in wholes
    )
