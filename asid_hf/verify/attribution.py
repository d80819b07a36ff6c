"""Which of the eight attributes a sentence is about, so that a caption can be filed by attribute without a model.

What is quoted as spoken is speech. The rest goes to a linear classifier over features of wording: the claims made,
classes of words, what the sentence starts with, what is said of that, and common words themselves. The word lists,
written by hand, and the weights stand in `attribution.json`; `benchmarks/train_attribution.py` fits the weights.
"""

from __future__ import annotations

import json
import math
import re
from functools import cache
from importlib.resources import files

from asid_hf.schema import ATTRIBUTES
from asid_hf.verify.claims import Claim, parse_claims

_LONGEST = 4000  # characters of a sentence that are looked at; longer ones are no prose
_SECOND_BEST = 0.25  # least probability of a further attribute
_WORD = re.compile(r"[a-z]+|_")
_FIRST_WORDS = 6
_TOKEN = re.compile(r"[a-zé]+(?:['’-][a-zé]+)*|_|[.!?…]['\"”’)]+$")

_LINK = (
    r"(?:then|back|with|to|by|on|in|into|out|up|again|of|off|now|how|as|from|over|show(?:ing|case|casing)?|"
    r"display(?:ing)?|featur(?:e|ing)|reveal(?:ing)?|highlight(?:ing)?|present(?:ing)?|focus(?:ing)?|\w+ly)"
)
_FRAME = re.compile(  # "In the next scene, the video then cuts to": the presentation, not what is presented
    r"\W*(?:(?:next|then|finally|subsequently|following (?:this|that)|after (?:this|that)|meanwhile|lastly|initially|"
    r"later|suddenly|afterwards?|continuing|moving on|shortly after|transitioning(?: smoothly)?|in (?:the|this|another|"
    r"an?) (?:[\w-]+ ){0,3}?(?:scene|frame|clip|shot|segment|sequence|part|section)s?|concluding(?: the (?:video|"
    r"sequence|clip))?|as the video (?:progresses|continues)|(?:at|"
    r"from) [\d:.]+s?(?: to [\d:.]+s?)?),?\s+){0,3}(?:(?:(?:and|then|we|it|the|this|another|an?|final|next|following|"
    r"subsequent|last|opening|closing|first|second|third|new|same)\s+){0,4}(?:(?:video|scene|clip|camera|footage|frame|"
    r"view|visual|shot|sequence|segment|narrative|focus|screen|transition|attention|perspective|image|part|section|"
    r"setting)s?|it)\s+(?:(?:then|now|also|again|back|soon|\w+ly)\s+){0,3}(?:begins?|starts?|opens?|ends?|concludes?|"
    r"closes?|wraps? up|transitions?|shifts?|cuts?|changes?|switch(?:es)?|moves?|returns?|continues?|shows?|"
    r"showcas(?:es|ing)|features?|displays?|presents?|reveals?|depicts?|captures?|introduces?|progresses|proceeds?|"
    r"highlights?|portrays|focuses|zooms?|is|remains|fades|jumps|illustrates)\b"
    rf"(?:\s+{_LINK}\b){{0,4}})?\s*"
)
_CLOSE_UP = re.compile(
    r"(?:(?:an?|the|another|extreme|detailed|new|wider?|aerial|side|front|rear|medium|full|interior|exterior|top-down|"
    r"magnified|similar|same|high-angle|low-angle|captivating|and)\s+){0,4}(?:close-?\s?ups?|view|shot|image|angle|"
    r"scene|look|clip|picture|footage)s?(?: (?:shot|view)s?)?\s+(?:of|showing|featuring|where|that shows|shows?|"
    r"reveals?|displays?)\s+"
)
_STARTS = (
    "throughout",
    "overall",
    "background",
    "backdrop",
    "in the background",
    "behind",
    "as ",
    "while",
    "this",
    "these",
)
_FRAMES = ("begins", "starts", "opens", "ends", "concludes", "closes", "wraps", "camera", "focus", "zoom", "setting")
_HEADS = ("audio", "film", "person", "animal", "hand", "place", "thing", "story", "emotion")
_FOLLOWING = ("still", "hold", "be", "act", "clothes", "display", "emotion", "looks", "place")
_FEELS = re.compile(
    r"\b(?:seems?|appears?|appearing|looks?|looking|feels?|feeling|remains?|stays?|becomes?|is|are) (?:(?:to be|"
    r"visibly|slightly|very|more|increasingly|quite|both|initially|still|calm and|\w+ly) ){0,2}(?:surprised|happy|sad|"
    r"angry|nervous|calm|excited|relaxed|confused|worried|pleased|proud|content|scared|anxious|frustrated|disappointed|"
    r"shocked|amused|delighted|satisfied|concerned|embarrassed|relieved|determined|focused|confident|upset|tense|"
    r"serious|cheerful|curious|uneasy|moved)\b"
    r"|\b(?:mood|emotions?|emotional|feelings?)\b"
)
_VERBS = {"act:s", "still", "hold", "be", "emotion"}
_ADDRESS = re.compile(r"\b(?:i|you|your|my|we|me|i'm|let's|don't|it's|us)\b(?! (?:see|can see|also see|then see))")
_PASSIVE = re.compile(
    r"\b(?:is|are|being|gets?) (?:(?:then|now|also|being|shown being|\w+ly) ){0,2}(?:[a-z]{3,}ed|put|cut|shown being|"
    r"taken|thrown|given|torn|held up|spun|sewn|laid|hit|caught|broken|drawn|shaken|beaten|blown)\b"
)
_BY_PERSON = re.compile(r"laugh(?:s|ing)|giggl|chuckl|sigh|gasp|sob|clapping|cheer(?:s|ing)$", re.IGNORECASE)
_ASIDE = re.compile(r"\bwhile (?:\w+ly )?$", re.IGNORECASE)  # "gestures while talking" is about the gestures
_ON_A_THING = re.compile(r"\b(?:labell?ed|marked|branded)\W*$", re.IGNORECASE)  # "a saw labelled 'X'" about the saw
_WRITING = re.compile(
    r"\b(?:texts?|captions?|subtitles?|titles?|titled|words?|screen|on-screen|signs?|reads?|reading|labell?ed|buttons?|"
    r"overlays?|banners?|appears?|displayed|displaying|displays|written|letters|logos?)\b"
)
_UNOPENED = re.compile(r"[.!?…,]['\"”’`]+\.?$")


def attributes_of(sentence: str, previous: str = "") -> list[str]:
    """File a sentence under the attributes it is about.

    Args:
        sentence: one sentence of a caption.
        previous: the sentence before it, so that words quoted across both are known as quoted; "" if unknown.

    Returns:
        One to three of `schema.ATTRIBUTES`, the best home first.

    Example:
        >>> attributes_of("The camera slowly pans left."), attributes_of('He says, "Come in."')
        (['camera'], ['speech'])
    """
    features = features_of(sentence, previous)
    scores = score(features, _model()["weights"])
    ranked = sorted(ATTRIBUTES, key=lambda name: -scores[name])
    home = decided_by_claims(features) or ranked[0]
    others = [name for name in ranked if name != home and scores[name] >= _SECOND_BEST]
    return [home, *others][:3]


def decided_by_claims(features: set[str]) -> str | None:
    """The attribute of a sentence whose claims leave no doubt: quoted speech.

    Example:
        >>> decided_by_claims({"claim:speech:quote"})
        'speech'
    """
    return "speech" if "claim:speech:quote" in features else None


def score(features: set[str], weights: dict[str, dict[str, float]]) -> dict[str, float]:
    """Probability of each attribute: the softmax of the summed weights.

    Example:
        >>> score({"a"}, {"a": {"scene": 9.0}})["scene"] > 0.99
        True
    """
    sums = dict.fromkeys(ATTRIBUTES, 0.0)
    for feature in sorted(features):  # in one order, since sums that tie would hang on the last bit
        for name, weight in weights.get(feature, {}).items():
            sums[name] += weight
    top = max(sums.values())
    powers = {name: math.exp(value - top) for name, value in sums.items()}
    total = sum(powers.values())
    return {name: power / total for name, power in powers.items()}


def features_of(sentence: str, previous: str = "") -> set[str]:
    """Name what is to be seen in the wording of a sentence; the input of the classifier.

    Args:
        sentence: one sentence.
        previous: the sentence before it, or "".

    Returns:
        Names of features, "bias" always among them.

    Example:
        >>> sorted(features_of("The background shows a wall.") & {"start:background", "head:place", "bias"})
        ['bias', 'head:place', 'start:background']
    """
    sentence, previous = sentence[:_LONGEST].strip(), previous[-_LONGEST:].strip()
    claims = _claims_within(sentence, previous)
    found = {"bias"} | {_claim_feature(claim, sentence) for claim in claims}
    text = _without_quotes(sentence, claims).lower()
    frame = _FRAME.match(text[:240])
    lead, body = (text[: frame.end()], text[frame.end() :]) if frame else ("", text)
    close_up = _CLOSE_UP.match(body[:160])
    if close_up:
        body = body[close_up.end() :]
        found.add("close-up")
    found |= {f"lead:{word}" for word in _FRAMES if word in lead} | ({"lead"} if lead.strip() else set())
    found |= {f"start:{word.strip()}" for word in _STARTS if word in text[:30]}
    found |= _word_features(body) | _head_features(body)
    found |= _shape_features(sentence, text)
    words = _WORD.findall(text)
    return found | {f"word:{word}" for word in words} | {f"first:{word}" for word in words[:_FIRST_WORDS]}


def _claims_within(sentence: str, previous: str) -> list[Claim]:
    """The claims of the sentence, read behind the previous one if a quotation of that runs on into it."""
    alone = parse_claims(sentence)
    if not previous or not any(mark in previous for mark in "\"“'‘"):
        return alone
    offset = len(previous) + 1
    together = parse_claims(f"{previous} {sentence}")
    runs_on = [c for c in together if c.quote and c.start <= offset + 1 and c.end > offset + 0.8 * len(sentence)]
    return (runs_on and [_shifted(runs_on[0], sentence)]) or alone


def _shifted(claim: Claim, sentence: str) -> Claim:
    return Claim(claim.kind, 0, len(sentence), sentence, claim.value, sentence, claim.negated, None, claim.speaker)


def _claim_feature(claim: Claim, sentence: str) -> str:
    lead = sentence[max(0, claim.start - 24) : claim.start]
    if claim.value == "reported" and _ASIDE.search(lead):
        return "claim:speech:aside"
    if claim.kind == "screen_text" and claim.quote and _ON_A_THING.search(lead):
        return "claim:screen_text:label"
    if claim.kind in ("speech", "screen_text"):
        return f"claim:{claim.kind}:{claim.value}"
    if claim.kind == "camera" and claim.value != "framing":
        return "claim:camera:move"
    if claim.kind == "sound" and _BY_PERSON.match(claim.span):
        return "claim:sound:by person"
    return f"claim:{claim.kind}"


def _without_quotes(sentence: str, claims: list[Claim]) -> str:
    for claim in sorted(claims, key=lambda claim: -claim.start):
        if claim.quote:
            sentence = sentence[: claim.start] + "_" + sentence[claim.end :]
    return sentence


def _word_features(text: str) -> set[str]:
    counts: dict[str, int] = {}
    for token in _TOKEN.findall(text):
        for name in word_classes().get(token, ()):
            counts[name] = counts.get(name, 0) + 1
    found = {f"has:{name}" for name in counts}
    found |= {f"two:{name}" for name, count in counts.items() if count > 1}
    return found | {f"many:{name}" for name, count in counts.items() if count > 2}


def _head_features(body: str) -> set[str]:
    """The class of the first noun that is known, and of the words right behind it."""
    tokens = _TOKEN.findall(body[:400])
    head, at = "other", 0
    for i, token in enumerate(tokens[:8]):
        if (
            not i
            and not word_classes().get(token)
            and set(word_classes().get(tokens[1] if tokens[1:] else "", ())) & _VERBS
        ):
            head, at = "name", 1
            break
        known = [name for name in _HEADS if name in word_classes().get(token, ())]
        if known:
            head, at = known[0], i + 1
            break
    found = {f"head:{head}"}
    following = [name for token in tokens[at : at + 3] for name in word_classes().get(token, ())]
    found |= {f"{head}>{name}" for name in _FOLLOWING if name in following}
    found |= {f"next:{name}" for name in _FOLLOWING if name in following}
    if any("act:s" in word_classes().get(token, ()) for token in tokens):
        found |= {"acts", f"{head}>acts"}
    if any("act:ing" in word_classes().get(token, ()) for token in tokens):
        found |= {"acting", f"{head}>acting"}
    if _PASSIVE.search(body[:200]):
        found |= {"passive", f"{head}>passive"}
    return found


def _shape_features(sentence: str, text: str) -> set[str]:
    words = sentence.split()
    shapes = {
        "short": len(words) < 7,
        "long": len(words) > 28,
        "address": _ADDRESS.search(text) is not None,
        "no article": re.search(r"\b(?:the|an?)\b", text) is None,
        "unopened quote": _UNOPENED.search(sentence) is not None,
        "capitals": sentence.upper() == sentence and len(words) > 1,
        "writing": _WRITING.search(text) is not None,
        "feels": _FEELS.search(text) is not None,
        "in the background": "in the background" in text or "in the distance" in text,
    }
    return {name for name, holds in shapes.items() if holds}


@cache
def _model() -> dict:
    return json.loads(files("asid_hf.verify").joinpath("attribution.json").read_text("utf-8"))


@cache
def word_classes() -> dict[str, tuple[str, ...]]:
    """Word -> the classes it belongs to.

    Verbs of action ("act") stand in all their forms, "act:s" and "act:ing" marking two of them; of those that are nouns
    as well ("act-ing": "a plant") only the -ing form counts.

    Example:
        >>> word_classes()["throws"], word_classes()["planting"]
        (('act', 'act:s'), ('act', 'act:ing'))
    """
    classes: dict[str, set[str]] = {}
    for name, words in _model()["words"].items():
        for word in words:
            if name == "act":
                for form, mark in _forms(word):
                    classes.setdefault(form, set()).update({"act", "act" + mark})
            elif name == "act-ing":
                classes.setdefault(_forms(word)[-1][0], set()).update({"act", "act:ing"})
            else:
                classes.setdefault(word, set()).add(name)
    return {word: tuple(sorted(names)) for word, names in classes.items()}


def _forms(verb: str) -> list[tuple[str, str]]:
    doubled = verb + verb[-1] if re.fullmatch(r"[a-z]?[a-z]?[^aeiou][aeiou][bdgmnprt]", verb) else verb
    if verb.endswith("y") and verb[-2] not in "aeiou":
        third, past = verb[:-1] + "ies", verb[:-1] + "ied"
    else:
        third = verb + ("es" if verb.endswith(("s", "x", "z", "ch", "sh", "o")) else "s")
        past = verb + "d" if verb.endswith("e") else doubled + "ed"
    stem = verb[:-2] + "y" if verb.endswith("ie") else verb[:-1] if verb.endswith("e") else doubled
    return [(verb, ""), (third, ":s"), (past, ""), (stem + "ing", ":ing")]
