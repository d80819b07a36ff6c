"""Whom a caption says somebody is that speaks: "the man in red", "she"; and which of them cannot be one person."""

from __future__ import annotations

import re
from dataclasses import dataclass

from asid_hf.verify.case import Case
from asid_hf.verify.claims import Claim
from asid_hf.verify.spotting.speech import REPORTING

_FEMALE = re.compile(
    r"\b(?:she|her|(?:\w+)?wom[ae]n|girls?|females?|lad(?:y|ies)|mother|mom|mum|wife|daughter|sister|grandmother|aunt|"
    r"niece|queen|princess|actress|hostess|waitress|bride|nun|nurse)\b"
)
_MALE = re.compile(
    r"\b(?:he|his|(?!wo|hu)\w*m[ae]n|boys?|males?|gentlem[ae]n|guys?|father|dad|husband|son|brother|grandfather|uncle|"
    r"nephew|king|prince|actor|waiter|groom|monk)\b"
)
_DETERMINER = re.compile(r"^(?:the|an?|this|that|one|his|her|their|my)\s+")
_DEFINITE = re.compile(r"^(?:the|this|that|his|her|their|my)\s")
_PRONOUN = re.compile(r"(?:he|she)$")
_NOBODY_IN_PARTICULAR = re.compile(
    r"\b(?:another|other|both|two|three|several|someone|somebody|everyone|everybody|nobody|no one|they|we|i|people|"
    r"crowd|audience|men|women|boys|girls|kids|children|friends|voices)\b"
)
_ORDINAL = re.compile(r"\b(?:first|second|third|fourth|younger|older|elder|taller|shorter)\b")
_CUT_SHORT = re.compile(r"\s+(?:\w+[- ]){0,1}?(?:(?:wo)?man|boy|girl|lady|gentleman)\b")  # "an older", "woman"
_MORE = re.compile(
    r"\s+(?:in|with|on|wearing|who|holding|from|behind|at|beside|next|near|sitting|standing|of|dressed)"
    rf"(?:\s+(?!{REPORTING}\b)[\w'-]+){{1,3}}"
)
_VAGUE = {"voice", "speaker", "person", "individual", "child", "kid", "narrator", "voice-over", "voiceover"}


@dataclass(frozen=True)
class Person:
    """Somebody a caption lets speak.

    Attributes:
        key: the words for them, the same for the same person: "man", "man in red".
        noun: the last of them that may stand alone: "man".
        sex: "male" or "female" as these words say, None where they do not.
        definite: whether these words, said twice, mean one person: "the man", not "a man" or "he".
        start, end: offsets of the words in the draft.
    """

    key: str
    noun: str
    sex: str | None
    definite: bool
    start: int
    end: int


def person_told(claim: Claim, case: Case) -> Person | None:
    """Whom a caption lets say a quotation.

    Args:
        claim: of speech, with a quotation.
        case: the case it belongs to.

    Returns:
        None where nobody, several, or somebody who cannot be told from others says it.

    Example:
        >>> from asid_hf.verify.claims import parse_claims
        >>> from asid_hf.verify.decompose import Placed
        >>> text = 'At 3s, the man in red says, "Look at the sea."'
        >>> case = Case(text, {}, [], 9.0, True, (Placed(text, 0, len(text), "speech"),))
        >>> person_told(case.claims_of("speech")[0], case)
        Person(key='man in red', noun='man', sex='male', definite=True, start=7, end=14)
    """
    place = _place(claim, case)
    if place is None:
        return None
    start, end = place
    words = case.draft[start:end].lower()
    if _NOBODY_IN_PARTICULAR.search(words):
        return None
    sex = sex_of(words)
    if _PRONOUN.fullmatch(words):
        return Person(words, words, sex, False, start, end)
    key = _DETERMINER.sub("", words)
    if sex is None and key in _VAGUE:
        return None
    more = _MORE.match(case.draft[end : min(claim.start, end + 80)]) if end <= claim.start else None
    whole = key + more.group().lower() if more else key
    return Person(" ".join(whole.split()), key.split()[-1], sex, bool(_DEFINITE.match(words)), start, end)


def sex_of(words: str) -> str | None:
    """What words for a person say of their sex.

    Example:
        >>> sex_of("the old fisherman"), sex_of("a young woman"), sex_of("the human guide")
        ('male', 'female', None)
    """
    if _FEMALE.search(words):
        return "female"
    return "male" if _MALE.search(words) else None


def cannot_be_one(person: Person, other: Person) -> bool:
    """Whether two tellings cannot be of one person: a man and a woman, the first and the second.

    Example:
        >>> man = Person("man", "man", "male", True, 0, 3)
        >>> woman = Person("woman", "woman", "female", True, 9, 14)
        >>> cannot_be_one(man, woman), cannot_be_one(man, Person("host", "host", None, True, 0, 4))
        (True, False)
    """
    if person.sex and other.sex and person.sex != other.sex:
        return True
    ordinals = [_ORDINAL.findall(each.key) for each in (person, other)]
    return bool(all(ordinals) and ordinals[0] != ordinals[1] and _rest(person) == _rest(other))


def comes_anew(person: Person, text: str) -> bool:
    """Whether a text brings in somebody else by the same words: "a man", "another man".

    Example:
        >>> comes_anew(Person("man", "man", "male", True, 0, 3), "Then a tall man enters.")
        True
    """
    noun = re.escape(person.key.split()[-1])
    return bool(
        re.search(rf"\b(?:an?|another|other|different|new|second|third) (?:[\w-]+ ){{0,3}}{noun}\b", text.lower())
    )


def _rest(person: Person) -> str:
    return " ".join(_ORDINAL.sub("", person.key).split())


def _place(claim: Claim, case: Case) -> tuple[int, int] | None:
    """Where the words for the speaker of a claim stand in its sentence: the nearest before it, else behind it."""
    sentence = case.sentence_at(claim.start)
    if sentence is None or not claim.speaker:
        return None
    spoken = re.compile(rf"\b{re.escape(claim.speaker)}\b", re.IGNORECASE)
    before = list(spoken.finditer(case.draft, sentence.start, claim.start))
    behind = spoken.search(case.draft, claim.end, sentence.end)
    found = before[-1] if before else behind
    if found is None:
        return None
    cut = _CUT_SHORT.match(case.draft, found.end()) if sex_of(found.group().lower()) is None else None
    return found.start(), cut.end() if cut else found.end()
