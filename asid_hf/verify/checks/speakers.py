"""Who speaks: the persons a caption gives its quotations to, against the speakers that were told apart by ear.

No ear knows a person's name. But a caption that gives the words of one speaker to a man and to a woman, or those of two
to one man, contradicts itself; and where one voice is low and one is high, it shows who is who.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from asid_hf.verify import phrasing
from asid_hf.verify.case import Case, overlap
from asid_hf.verify.checks.persons import Person, cannot_be_one, comes_anew, person_told
from asid_hf.verify.claims import Claim
from asid_hf.verify.findings import Verdict
from asid_hf.verify.words import Heard, align_quote, content_words

ANOTHER = "another speaker says this"
TWO = "two speakers say what one person is told to say"

# Median pitch (Hz) of voices: of most men below LOW, of most women above HIGH; and how far apart two have to be.
LOW, HIGH, APART = 155.0, 175.0, 1.33
ALIKE = 1.12  # two voices nearer than this may be one person's, whom the diariser took for two
BY_VOICE = 10  # what a voice weighs against quotations
FEWEST_WORDS, FEWEST_CONTENT = 4, 2  # a quotation of fewer is said by anybody
SURE, LESS_SURE = 0.8, 0.6


@dataclass(frozen=True)
class _Told:
    """A quotation, whom the caption gives it to, and which speaker was heard to say it."""

    claim: Claim
    person: Person
    speaker: str
    heard: Heard


def check_speakers(case: Case, quotes: list[Claim]) -> list[Verdict]:
    """Judge to whom a draft gives its quotations.

    Args:
        case: of a clip whose transcript has speakers; with fewer than two nothing is judged.
        quotes: its claims of speech with quotations.

    Returns:
        Verdicts of kind speech on the words for the speakers.

    Example:
        >>> check_speakers(Case('He says, "Hello there."', {}, [], 5.0, True), [])
        []
    """
    if len({utterance["speaker"] for utterance in case.transcript} - {None}) < 2:
        return []
    told = _resolved([each for claim in quotes if (each := _told(claim, case))])
    pitches = _pitches(case)
    weights, by_voice = _weights(told, pitches)
    who = _who_is_who(told, weights)
    return [verdict for each in told if (verdict := _judge(each, told, who, weights, by_voice, pitches, case))]


def _told(claim: Claim, case: Case) -> _Told | None:
    short = len(claim.quote.split()) < FEWEST_WORDS and len(content_words(claim.quote)) < FEWEST_CONTENT
    if claim.negated or short:
        return None
    person, said = person_told(claim, case), _said_by(claim, case)
    return _Told(claim, person, *said) if person and said else None


def _said_by(claim: Claim, case: Case) -> tuple[str, Heard] | None:
    """The one speaker who says a quotation, and when; None where none does, or several may."""
    window = case.window(claim)
    near = [u for u in case.transcript if overlap(u["start"], u["end"], window) >= 0]
    speakers = sorted({utterance["speaker"] or "" for utterance in near})
    heard = {name: align_quote(claim.quote, [u for u in near if (u["speaker"] or "") == name]) for name in speakers}
    for verdict in ("matched", "misquoted"):
        found = [name for name in speakers if heard[name].verdict == verdict]
        if found:
            return (found[0], heard[found[0]]) if len(found) == 1 and found[0] else None
    return None


def _resolved(told: list[_Told]) -> list[_Told]:
    """Pronouns given the words of the only person they can mean."""
    named = {each.person.key: each.person for each in told if each.person.key not in ("he", "she")}
    resolved = []
    for each in told:
        person = each.person
        meant = [other for other in named.values() if other.sex == person.sex]
        if person.key in ("he", "she") and len(meant) == 1:
            person = replace(meant[0], definite=False, start=person.start, end=person.end)
        resolved.append(replace(each, person=person))
    return resolved


def _pitches(case: Case) -> dict[str, float]:
    voices = (case.evidence.get("speech") or {}).get("voices") or []
    return {voice["speaker"]: voice["pitch"] for voice in voices if voice["pitch"]}


def _weights(told: list[_Told], pitches: dict[str, float]) -> tuple[Counter, bool]:
    """How much speaks for a person (by key) being a speaker; and whether voices do, where both sexes are told."""
    weights = Counter((each.person.key, each.speaker) for each in told)
    low = [name for name, pitch in pitches.items() if pitch < LOW]
    high = [name for name, pitch in pitches.items() if pitch > HIGH]
    apart = low and high and min(pitches[name] for name in high) >= APART * max(pitches[name] for name in low)
    if not apart or not {"male", "female"} <= {each.person.sex for each in told}:
        return weights, False
    for person in {each.person.key: each.person for each in told}.values():
        for name in {"male": low, "female": high}.get(person.sex, []):
            weights[person.key, name] += BY_VOICE
    return weights, True


def _who_is_who(told: list[_Told], weights: Counter) -> dict[str, str]:
    """The speaker that each person is, the likeliest first, of equals the first told; nobody is two that cannot be."""
    persons = {each.person.key: each.person for each in reversed(told)}
    order = {pair: place for place, pair in enumerate(dict.fromkeys((t.person.key, t.speaker) for t in told))}
    who: dict[str, str] = {}
    for key, speaker in sorted(weights, key=lambda pair: (-weights[pair], order.get(pair, len(order)))):
        taken = any(who[other] == speaker and cannot_be_one(persons[key], persons[other]) for other in who)
        if key not in who and not taken:
            who[key] = speaker
    return who


def _judge(
    each: _Told,
    told: list[_Told],
    who: dict[str, str],
    weights: Counter,
    by_voice: bool,
    pitches: dict[str, float],
    case: Case,
) -> Verdict | None:
    persons = {other.person.key: other.person for other in told}
    rightful = [key for key in who if who[key] == each.speaker and cannot_be_one(persons[key], each.person)]
    if rightful:
        key = max(rightful, key=lambda key: weights[key, each.speaker])
        clear = weights[key, each.speaker] > max(1, weights[each.person.key, each.speaker])
        suggestion = _in_place_of(each.person, persons[key], case) if clear else None
        why = f"the {key} is {each.speaker}" + (f", by the {_voice(each.speaker, pitches)}" if by_voice else "")
        return _verdict(each, case, why, ANOTHER, suggestion, SURE if clear else LESS_SURE)
    if each.speaker != who.get(each.person.key, each.speaker) and _one_person(each, told, who, pitches, case):
        why = f"the {each.person.key} is {who[each.person.key]}"
        return _verdict(each, case, why, TWO, None, LESS_SURE)
    return None


def _one_person(each: _Told, told: list[_Told], who: dict[str, str], pitches: dict[str, float], case: Case) -> bool:
    """Whether the words for a person surely mean the same one who says other quotations in another voice."""
    others = [t for t in told if t.person.key == each.person.key and t.speaker == who[each.person.key]]
    several = len({t.speaker for t in told}) > 2  # of three who speak, two may be men
    if not others or several or not each.person.definite:
        return False
    nearest = min(others, key=lambda other: abs(other.claim.start - each.claim.start))
    between = case.draft[slice(*sorted((nearest.person.end, each.person.end)))]
    voices = [pitches.get(name) for name in (each.speaker, nearest.speaker)]
    alike = all(voices) and max(voices) < ALIKE * min(voices)
    return not alike and not comes_anew(each.person, between)


def _voice(speaker: str, pitches: dict[str, float]) -> str:
    height = "lower" if pitches.get(speaker, HIGH) < LOW else "higher"
    return f"{height} voice ({pitches[speaker]:.0f} Hz)" if speaker in pitches else f"{height} voice"


def _in_place_of(wrong: Person, right: Person, case: Case) -> str:
    words = case.draft[wrong.start : wrong.end]
    if words.lower() in ("he", "she") and right.sex:
        instead = {"male": "he", "female": "she"}[right.sex]
    else:
        instead = f"the {right.key}" if right.key not in ("he", "she") else right.key
    return instead[0].upper() + instead[1:] if words[:1].isupper() else instead


def _verdict(each: _Told, case: Case, why: str, reason: str, suggestion: str | None, confidence: float) -> Verdict:
    start, end = each.person.start, each.person.end
    said = phrasing.anchor(each.heard.start, case.duration)
    evidence = f"At {said}, {each.speaker} says {phrasing.quoted(each.heard.text)}; {why}."
    attribute, time = case.attribute_at(start, "speech"), (each.heard.start, each.heard.end)
    return Verdict("speech", attribute, start, end, evidence, reason, suggestion, confidence, time)
