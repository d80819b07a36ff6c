"""Stage 7: what a draft says of speech against the verified transcript."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from asid_hf.schema import Utterance
from asid_hf.verify import phrasing
from asid_hf.verify.case import Case, case_of, overlap
from asid_hf.verify.checks.reported import told_clause
from asid_hf.verify.checks.retime import wrong_time
from asid_hf.verify.checks.screen_text import read_on_screen
from asid_hf.verify.checks.speakers import check_speakers
from asid_hf.verify.claims import Claim
from asid_hf.verify.findings import Verdict, findings_of
from asid_hf.verify.stage import Row, Stage
from asid_hf.verify.words import Heard, align_quote, content_words, is_like

SALIENT_WORDS = 3  # an utterance of as many words must be mentioned
_VOICE = re.compile(
    r"\b(?:speak|spoke|talk|narrat|voice|dialogue|conversation|speech|shout|yell|whisper|chat|sing|announc|comment|"
    r"interview|lecture|monologue|discuss|murmur)",
    re.IGNORECASE,
)
_PERSON = re.compile(
    r"\b(?:he|she|they|i|we|(?:wo)?m[ae]n|boys?|girls?|persons?|people|narrator|voice|speakers?|hosts?|someone|somebody|"
    r"everyone|child(?:ren)?|kids?|teacher|reporter|presenter|announcer|commentator|president|actors?|characters?|"
    r"individuals?|guys?|lady|gentleman|mother|father|doctor|officer|player|singer|crowd|audience|interviewer)\b",
    re.IGNORECASE,
)
_NOBODY = re.compile(
    r"\b(?:nothing|nobody|no one|none|not a (?:single )?word)\b[^,;]{0,20}$|\bnever(?: \w+ly)? $", re.IGNORECASE
)
VOICE_SECONDS = 1.2  # a stretch of speech as long as this is no flicker of the voice detector
FLICKER, FASTEST_WORD = 0.5, 0.12  # s: what is shorter is no utterance; the fastest talkers take this a word
# Speech told in other words was not said where it has so many content words, none of them spoken, and no more than a
# chance rhyme; but as other words may tell the same, the finding is less sure and nothing is taken out for it. Its time
# is judged where most of its words were said.
UNSAID_WORDS, UNSAID_SHARE, UNSAID_CONFIDENCE = 4, 0.25, 0.6
SAID_SHARE = 0.75
MENTIONED = 0.6  # share of an utterance's content words that makes it mentioned


@dataclass(frozen=True)
class AlignSpeech(Stage):
    """Add findings on speech: misquoted, absent, at the wrong time, denied; and speech that a draft leaves out.

    Where the transcript has speakers, also on quotations given to the wrong person.

    A clip whose speech sensor failed, and stretches where recognised words did not pass the gate, are not judged.

    Example:
        >>> AlignSpeech().name
        'align_speech'
    """

    version: str = "2"

    name = "align_speech"
    reads = ("draft", "sources", "candidates", "evidence", "transcript", "duration", "has_audio")
    writes = ("findings",)

    def run(self, row: Row) -> Row:
        """Judge one row's claims of speech."""
        return {"findings": findings_of(row, self.name, row["draft"] or "", check_speech(case_of(row)))}


def check_speech(case: Case) -> list[Verdict]:
    """Judge every claim of speech in a draft against the transcript.

    Args:
        case: a clip with audio but without `evidence["speech"]` was not transcribed, and nothing is judged.

    Returns:
        Verdicts of kind speech, timeline and missing.

    Example:
        >>> [v.reason for v in check_speech(Case('He says, "Hello there."', {}, [], 5.0, False))]
        ['the clip has no sound']
    """
    if case.has_audio and case.evidence.get("speech") is None:
        return []
    claims = [claim for claim in case.claims_of("speech") if _is_about_speech(claim, case)]
    quotes = [claim for claim in claims if claim.quote is not None]
    verdicts = [verdict for claim in claims if (verdict := _judge(claim, case))]
    return verdicts + check_speakers(case, quotes) + _missing(case, quotes)


def _is_about_speech(claim: Claim, case: Case) -> bool:
    """Whether a claim without words is one: "a look says more" and "the sequence suggests" tell of no voice."""
    if claim.quote is not None:
        return True
    sentence = case.sentence_at(claim.start)
    if sentence and any(c.quote and sentence.start <= c.start < sentence.end for c in case.claims_of("speech")):
        return False  # the words that introduce or take up its quotation
    by_somebody = bool(_PERSON.search(claim.speaker or claim.span))
    return by_somebody or bool(_VOICE.search(claim.span)) or _denies(claim, case)


def _denies(claim: Claim, case: Case) -> bool:
    if claim.negated:
        return True
    sentence = case.sentence_at(claim.start)
    return bool(sentence and _NOBODY.search(sentence.text[: claim.start - sentence.start]))


def _judge(claim: Claim, case: Case) -> Verdict | None:
    if claim.quote is None and _denies(claim, case):
        return None if told_clause(claim, case) else _denied(claim, case)  # who does not say one thing may say another
    if not _audible(case):
        reason = "the clip is silent" if case.has_audio else "the clip has no sound"
        return _verdict(claim, case, phrasing.say_sound(_sound(case), case.duration)[0], reason, "")
    if claim.quote is None:
        return _reported(claim, case)
    heard = _best(claim, case)
    if heard.verdict == "absent":
        shown = read_on_screen(claim.quote, case.evidence.get("screen_text"))
        if shown or _doubtful(case, case.window(claim), claim.quote):
            return None
        return _verdict(claim, case, _all_said(case), "nobody says this", _said_instead(claim, case))
    if claim.time and overlap(heard.start, heard.end, case.window(claim)) < 0 and not _continues(claim, case):
        if _doubtful(case, case.window(claim), claim.quote):
            return None
        said = phrasing.say_utterance(_as_utterance(heard), case.duration)
        return wrong_time(claim, case, heard.start, heard.end, said)
    if heard.verdict == "misquoted":
        words = ", ".join(heard.wrong)
        said = phrasing.say_utterance(_as_utterance(heard), case.duration)
        time = (heard.start, heard.end)
        return _verdict(claim, case, said, f"not said: {words}", _requoted(heard.corrected, claim.span), time)
    return None


def _continues(claim: Claim, case: Case) -> bool:
    """Whether a quotation goes on with one before it in its sentence, whose time the anchor tells."""
    sentence = case.sentence_at(claim.start)
    return bool(sentence and any(c.quote and sentence.start <= c.start < claim.start for c in case.claims_of("speech")))


def _best(claim: Claim, case: Case) -> Heard:
    """The alignment inside the claim's own time if there is one, else anywhere."""
    start, end = case.window(claim)
    near = [u for u in case.transcript if overlap(u["start"], u["end"], (start, end)) >= 0]
    heard = align_quote(claim.quote, near)
    return heard if heard.verdict == "matched" else _better(heard, align_quote(claim.quote, case.transcript))


def _better(near: Heard, anywhere: Heard) -> Heard:
    if near.verdict == "absent" or (anywhere.verdict == "matched" and near.verdict != "matched"):
        return anywhere
    return near


def _reported(claim: Claim, case: Case) -> Verdict | None:
    """Speech without its words: wrong where nobody speaks, or nobody says anything like what it tells."""
    if not case.transcript:
        if _doubtful(case, (0.0, case.duration)):
            return None
        evidence = " ".join(phrasing.say_sound(_sound(case), case.duration)) or "No speech was heard."
        return _verdict(claim, case, evidence, "nobody speaks", "")
    clause = told_clause(claim, case)
    return _told(replace(claim, time=claim.time or _only_time(claim, case)), clause, case) if clause else None


def _only_time(claim: Claim, case: Case) -> tuple[float, float] | None:
    """The time of a sentence that names one only, wherever it stands: what is told often comes before it."""
    sentence = case.sentence_at(claim.start)
    inside = [a for a in case.anchors if sentence and sentence.start <= a.start < sentence.end]
    if len(inside) != 1 or inside[0].malformed or inside[0].kind == "duration":
        return None
    return inside[0].times[0], inside[0].times[-1]


def _told(claim: Claim, clause: str, case: Case) -> Verdict | None:
    told = set(content_words(clause))
    spoken = {word for utterance in case.transcript for word in content_words(utterance["text"])}
    said = {word for word in told if any(is_like(word, other) for other in spoken)}
    if len(told) >= UNSAID_WORDS and len(said) <= UNSAID_SHARE * len(told) and not told & spoken:
        if _doubtful(case, (0.0, case.duration)):
            return None
        verdict = _verdict(claim, case, _all_said(case), "nobody says anything like this", None)
        return replace(verdict, confidence=UNSAID_CONFIDENCE)
    heard = align_quote(clause, case.transcript)
    known = len(told) >= SALIENT_WORDS and len(said) >= SAID_SHARE * len(told) and heard.verdict != "absent"
    window = case.window(claim)
    if not known or claim.time is None or claim.time[0] > case.duration or _doubtful(case, window):
        return None  # a time beyond the clip is check_timeline's, or one that is told of
    # Other words tell no more than which utterances are meant.
    meant = [u for u in case.transcript if overlap(u["start"], u["end"], (heard.start, heard.end)) > 0]
    start, end = min(u["start"] for u in meant), max(u["end"] for u in meant)
    if overlap(start, end, window) >= 0:
        return None
    return wrong_time(claim, case, start, end, phrasing.say_utterance(meant[0], case.duration))


def _denied(claim: Claim, case: Case) -> Verdict | None:
    said = [u for u in case.transcript if len(u["text"].split()) >= SALIENT_WORDS]
    said = [u for u in said if claim.time is None or overlap(u["start"], u["end"], claim.time) > 0]
    if not said:
        return _voices(claim, case)
    return _verdict(claim, case, phrasing.say_utterance(said[0], case.duration), "there is speech", "")


def _voices(claim: Claim, case: Case) -> Verdict | None:
    """Words that could not be verified say nothing, but a voice of some length that makes words is a voice."""
    window = claim.time or (0.0, case.duration)
    heard = (case.evidence.get("speech") or {}).get("utterances", [])
    worded = [(u["start"], u["end"]) for u in heard if len(u["text"].split()) >= SALIENT_WORDS]
    spans = [s for s in (_sound(case) or {"spans": []})["spans"] if s["kind"] == "speech"]
    spans = [s for s in spans if any(overlap(s["start"], s["end"], words) > 0 for words in worded)]
    longest = max((overlap(s["start"], s["end"], window) for s in spans), default=0.0)
    if longest < VOICE_SECONDS:
        return None
    return _verdict(claim, case, f"A voice of {longest:.1f} s was measured.", "there is speech", "")


def _missing(case: Case, quotes: list[Claim]) -> list[Verdict]:
    verdicts, end = [], len(case.draft)
    draft_words = set(content_words(case.draft))
    for utterance in case.transcript:
        content = content_words(utterance["text"])
        if len(utterance["text"].split()) < SALIENT_WORDS or not content:
            continue
        told = sum(word in draft_words for word in content) >= MENTIONED * len(content)
        if told or any(_covers(claim, utterance, case) for claim in quotes):
            continue
        sentence = phrasing.say_utterance(utterance, case.duration)
        time = (utterance["start"], utterance["end"])
        reason = "the speech is not mentioned"
        verdicts.append(
            Verdict("missing", "speech", end, end, sentence, reason, sentence, utterance["confidence"] or 1.0, time)
        )
    return verdicts


def _covers(claim: Claim, utterance: Utterance, case: Case) -> bool:
    """Whether a quotation stands for this utterance, rightly or misquoted (which is a finding by itself)."""
    if not set(content_words(claim.quote)) & set(content_words(utterance["text"])):
        return False
    if align_quote(claim.quote, [utterance]).verdict != "absent":
        return True
    return align_quote(utterance["text"], [{**utterance, "text": claim.quote}]).verdict != "absent"


def _audible(case: Case) -> bool:
    sound = _sound(case)
    return bool(sound and not sound["silent"])


def _sound(case: Case) -> dict | None:
    return case.evidence.get("sound") if case.has_audio else None


def _doubtful(case: Case, window: tuple[float, float], quote: str = "") -> bool:
    """Whether in a window something was heard that may be this speech but was not verified, so nothing is judged."""
    least = max(FLICKER, FASTEST_WORD * len(quote.split()))
    speech, sound = case.evidence.get("speech") or {"utterances": []}, _sound(case) or {"spans": []}
    unverified = [u for u in speech["utterances"] if u["status"] != "verified"]
    voices = [s for s in sound["spans"] if s["kind"] in ("speech", "singing")]
    voices = [
        v for v in voices if not any(overlap(u["start"], u["end"], (v["start"], v["end"])) > 0 for u in case.transcript)
    ]
    heard = [(u["start"], u["end"]) for u in unverified if _voiced(u, sound)] + [(v["start"], v["end"]) for v in voices]
    return any(overlap(start, end, window) >= least for start, end in heard)


def _voiced(utterance: Utterance, sound: dict) -> bool:
    spans = [s for s in sound["spans"] if s["kind"] in ("speech", "singing")]
    return any(overlap(s["start"], s["end"], (utterance["start"], utterance["end"])) > 0 for s in spans)


def _said_instead(claim: Claim, case: Case) -> str:
    """For a timed quotation nobody said: what is said then, if anything; else the claim has to go."""
    if claim.time is None:
        return ""
    said = [u for u in case.transcript if overlap(u["start"], u["end"], case.window(claim)) > 0]
    elsewhere = [c for c in case.claims_of("speech") if c is not claim and c.quote]
    said = [u for u in said if not any(align_quote(c.quote, [u]).verdict == "matched" for c in elsewhere)]
    return _requoted(" ".join(u["text"] for u in said), claim.span) if said else ""


def _requoted(text: str, span: str) -> str:
    """The words said, with the closing punctuation of the quotation they replace."""
    text = text.strip().replace('"', "'").rstrip(".,!?;: ")
    closing = span[len(span.rstrip(".,!?;:")) :]
    return text + closing


def _as_utterance(heard: Heard) -> Utterance:
    return Utterance(start=heard.start, end=heard.end, speaker=None, text=heard.text, confidence=None)


def _all_said(case: Case) -> str:
    said = " ".join(phrasing.say_utterance(u, case.duration) for u in case.transcript[:5])
    return said or "No speech was heard."


def _verdict(
    claim: Claim,
    case: Case,
    evidence: str,
    reason: str,
    suggestion: str | None,
    time: tuple[float, float] | None = None,
) -> Verdict:
    attribute = case.attribute_at(claim.start, "speech")
    return Verdict("speech", attribute, claim.start, claim.end, evidence, reason, suggestion, time=time or claim.time)
