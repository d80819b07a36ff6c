"""What a transcription server answers ("verbose_json" of OpenAI's API), read strictly, as utterances."""

from __future__ import annotations

import math
import re

from .doubts import NO_SPEECH
from .recogniser import Recognised

REPLY_SCHEMA = {
    "type": "object",
    "required": ["text"],
    "properties": {
        "text": {"type": "string"},
        "language": {"type": ["string", "null"]},
        "segments": {
            "type": ["array", "null"],
            "items": {
                "type": "object",
                "required": ["start", "end", "text"],
                "properties": {
                    "start": {"type": "number"},
                    "end": {"type": "number"},
                    "text": {"type": "string"},
                    "avg_logprob": {"type": ["number", "null"]},
                    "no_speech_prob": {"type": ["number", "null"]},
                },
            },
        },
        "words": {
            "type": ["array", "null"],
            "items": {
                "type": "object",
                "required": ["word", "start", "end"],
                "properties": {
                    "word": {"type": "string"},
                    "start": {"type": "number"},
                    "end": {"type": "number"},
                    "probability": {"type": ["number", "null"]},
                },
            },
        },
    },
}
"""What is read of a reply; other fields may be there."""

SILENT = 0.6  # OpenAI's `no_speech_threshold`

# Names of languages as Whisper has them, with their ISO 639-1 codes.
_NAMED = """
afrikaans af albanian sq amharic am arabic ar armenian hy assamese as azerbaijani az bashkir ba basque eu belarusian be
bengali bn bosnian bs breton br bulgarian bg burmese my cantonese zh castilian es catalan ca chinese zh croatian hr
czech cs danish da dutch nl english en estonian et faroese fo finnish fi flemish nl french fr galician gl georgian ka
german de greek el gujarati gu haitian ht hausa ha hebrew he hindi hi hungarian hu icelandic is indonesian id italian it
japanese ja javanese jv kannada kn kazakh kk khmer km korean ko lao lo latin la latvian lv lingala ln lithuanian lt
luxembourgish lb macedonian mk malagasy mg malay ms malayalam ml maltese mt mandarin zh maori mi marathi mr moldavian ro
mongolian mn nepali ne norwegian no nynorsk nn occitan oc pashto ps persian fa polish pl portuguese pt punjabi pa
romanian ro russian ru sanskrit sa serbian sr shona sn sindhi sd sinhala si slovak sk slovenian sl somali so spanish es
sundanese su swahili sw swedish sv tagalog tl tajik tg tamil ta tatar tt telugu te thai th tibetan bo turkish tr
turkmen tk ukrainian uk urdu ur uzbek uz valencian ca vietnamese vi welsh cy yiddish yi yoruba yo
""".split()
_CODES = dict(zip(_NAMED[::2], _NAMED[1::2], strict=True))
_LETTERS = re.compile(r"[\W_]+")


def read_reply(reply: dict, seconds: float) -> list[Recognised]:
    """The utterances of a reply.

    Args:
        reply: checked against `REPLY_SCHEMA`.
        seconds: how long the sound was that it answers.

    Returns:
        One for each segment, or one for all where it has none, times in seconds from the start of the sound. The
        confidence is exp(avg_logprob), else the geometric mean of the words' probabilities, else None.

    Example:
        >>> segment = {"start": 0.0, "end": 1.5, "text": " Come in.", "avg_logprob": -0.1}
        >>> read_reply({"text": "Come in.", "segments": [segment]}, 2.0)[0]["confidence"]
        0.905
    """
    segments = reply.get("segments") or [{"start": 0.0, "end": seconds, "text": reply["text"]}]
    segments = [segment for segment in segments if segment["text"].split()]
    timed = _share_out([segment["text"].split() for segment in segments], reply.get("words") or [])
    return [_utterance(segment, words, seconds) for segment, words in zip(segments, timed, strict=True)]


def language_code(name: str | None) -> str | None:
    """The ISO 639-1 code of a language that a server names, in words or by its code.

    Example:
        >>> [language_code(name) for name in ("english", "EN", "pt-BR", "Klingon", None)]
        ['en', 'en', 'pt', None, None]
    """
    plain = (name or "").strip().lower()
    code = re.split(r"[-_]", plain)[0]
    return _CODES.get(plain) or (code if code in _CODES.values() else None)


def _utterance(segment: dict, words: list[dict], seconds: float) -> Recognised:
    start, end = (min(max(float(segment[moment]), 0.0), seconds) for moment in ("start", "end"))
    likely = [max(float(word["probability"]), 1e-6) for word in words if word.get("probability") is not None]
    logs = [math.log(min(each, 1.0)) for each in likely]
    average = segment.get("avg_logprob")
    if average is None and logs:
        average = sum(logs) / len(logs)
    utterance: Recognised = {
        "start": start,
        "end": max(start, end),
        "speaker": None,
        "text": " ".join(segment["text"].split()),
        "confidence": None if average is None else round(math.exp(min(float(average), 0.0)), 3),
        "doubt": NO_SPEECH if (segment.get("no_speech_prob") or 0.0) > SILENT else None,
    }
    if words:
        utterance["word_times"] = [
            [float(word["start"]), max(float(word["start"]), float(word["end"]))] for word in words
        ]
    if words and len(logs) == len(words):
        utterance["word_confidences"] = [round(math.exp(log), 3) for log in logs]
    return utterance


def _share_out(texts: list[list[str]], words: list[dict]) -> list[list[dict]]:
    """The timed words of each segment; none for any where they are not the segments' words one by one, in order."""
    spelt = [_plain(word) for text in texts for word in text]
    starts = [float(word["start"]) for word in words]
    if [_plain(word["word"]) for word in words] != spelt or starts != sorted(starts):
        return [[] for _ in texts]
    shared, first = [], 0
    for text in texts:
        shared.append(words[first : first + len(text)])
        first += len(text)
    return shared


def _plain(word: str) -> str:
    return _LETTERS.sub("", word).casefold()
