"""Why recognised words are not relied on: the reasons, and the text that recognisers are known to invent.

What recognisers write where nobody speaks was learnt from films: credits of subtitles, which nobody says, and
farewells, which people do say. And they turn in circles, saying one thing again and again.
"""

from __future__ import annotations

import re
import zlib

NO_WORDS = "no words"
NO_VOICE = "no voice is heard here"
SUNG = "sung, not spoken"
UNSURE = "the recogniser is unsure: unclear, or not in its language"
TOO_SHORT = "too short or too unsure to tell the language"
OTHER_LANGUAGE = "most words of the clip are unsure: probably another language"
UNKNOWN_LANGUAGE = "the recogniser cannot tell the language"
MIXED_LANGUAGE = "in another language than the rest of the clip"
NO_SPEECH = "the recogniser hears no speech here"
CIRCLES = "the text turns in circles"
UNFINISHED = "the text did not come to an end"
BOILERPLATE = "what recognisers write where nobody speaks"
REASONS = (
    NO_WORDS,
    NO_VOICE,
    SUNG,
    UNSURE,
    TOO_SHORT,
    OTHER_LANGUAGE,
    UNKNOWN_LANGUAGE,
    MIXED_LANGUAGE,
    NO_SPEECH,
    CIRCLES,
    UNFINISHED,
    BOILERPLATE,
)
"""Why an utterance is `unverifiable`."""

# OpenAI's Whisper decodes a window again where zlib makes its text smaller than this.
COMPRESSION = 2.4
# The same words in a row: people say "no, no, no", and "come on, come on".
TIMES, TIMES_ONE_WORD, LONGEST_PHRASE = 4, 8, 12
# A farewell counts where it fills a voice, and the recogniser is surer than it is of most words.
FAREWELL_VOICED, FAREWELL_SURE = 0.8, 0.8

_CREDITS = re.compile(
    r"amara\.org|opensubtitles|zeoranger|dimatorzok|^\W*www\.\S+$|[©®]|"
    r"\b(?:sub)?(?:titl|caption)(?:es|ing|ed|s) (?:\w+ )?(?:by|provided)\b|\btranscri(?:bed|ption|pts?) (?:\w+ )?by\b|"
    r"untertitel\w* (?:der|von|im auftrag|des)|sous-?titr(?:es|age)|sottotitoli (?:creati|e revisione|a cura)|"
    r"subt[ií]tulos (?:realizados|por|creados|de la)|legendas? (?:pela|por)|ondertitel(?:ing|d|s)|altyaz[ıi]|"
    r"napisy (?:stworzone|by|przez)|titulky (?:vytvo|by)|(?:субтитры|редактор субтитров|корректор)\b|"
    r"字幕|자막|mbc 뉴스",
    re.IGNORECASE,
)
_FAREWELLS = frozenset(
    """
    you|thank you|thank you very much|thank you so much|thanks|thanks for watching|thank you for watching
    thank you so much for watching|thanks for watching and see you next time|please subscribe|subscribe
    please subscribe to my channel|like and subscribe|dont forget to like and subscribe|see you next time
    see you in the next video|see you in the next one|ill see you next time|ill see you in the next video|bye|bye bye
    goodbye|the end|to be continued|so|okay|oh|hmm|um|uh|music|applause|silence
    gracias|gracias por ver|gracias por ver el video|hasta la próxima|merci|merci davoir regardé|au revoir|vielen dank
    vielen dank fürs zuschauen|bis zum nächsten mal|tschüss|grazie|grazie per aver guardato|grazie a tutti|obrigado
    obrigado por assistir|bedankt voor het kijken|tack för att ni tittade|dziękuję za oglądanie|dziękuję
    спасибо за просмотр|спасибо|продолжение следует|до новых встреч|подписывайтесь на канал
    ご視聴ありがとうございました|ご清聴ありがとうございました|最後までご視聴いただきありがとうございます|おやすみなさい
    谢谢观看|謝謝觀看|谢谢大家|谢谢|请不吝点赞订阅转发打赏支持明镜与点点栏目|시청해주셔서 감사합니다|감사합니다
    다음 영상에서 만나요|شكرا للمشاهدة|اشتركوا في القناة|izlediğiniz için teşekkür ederim|teşekkürler
    """.strip()
    .replace("\n", "|")
    .replace("    ", "")
    .split("|")
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def turns_in_circles(text: str) -> bool:
    """Whether a text says the same again and again, as recognisers do where they are lost.

    Args:
        text: of one utterance or of all that was written of one stretch of sound.

    Returns:
        True where zlib makes it 2.4 times smaller (the threshold of OpenAI's Whisper, `compression_ratio_threshold`),
        or a phrase follows itself four times, a single word eight times.

    Example:
        >>> turns_in_circles("I don't know. " * 4), turns_in_circles("No, no, no, no!")
        (True, False)
    """
    data = text.encode()
    if data and len(data) / len(zlib.compress(data)) > COMPRESSION:
        return True
    words = _plain_words(text)
    return any(
        _runs_on(words, length, TIMES if length > 1 else TIMES_ONE_WORD)
        for length in range(1, min(LONGEST_PHRASE, len(words) // TIMES) + 1)
    )


def is_boilerplate(text: str, voiced: float, confidence: float | None) -> bool:
    """Whether a text is one that recognisers invent, and nothing shows that somebody said it.

    Args:
        text: of one utterance.
        voiced: share of its time in which speech is heard, 0 to 1.
        confidence: of the recogniser, 0 to 1, or None.

    Returns:
        True for credits of subtitles, however sure; for a farewell unless a voice fills its time and it is sure.

    Example:
        >>> is_boilerplate("Subtitles by the Amara.org community", 1.0, 0.99)
        True
        >>> [is_boilerplate("Thanks for watching!", voiced, 0.9) for voiced in (0.6, 1.0)]
        [True, False]
    """
    if _CREDITS.search(text):
        return True
    if " ".join(_plain_words(text)) not in _FAREWELLS:
        return False
    return voiced < FAREWELL_VOICED or (confidence or 0.0) < FAREWELL_SURE


def _plain_words(text: str) -> list[str]:
    return [match.group().casefold().replace("'", "").replace("’", "") for match in _WORD.finditer(text)]


def _runs_on(words: list[str], length: int, times: int) -> bool:
    """Whether some `length` words follow themselves until they have been said `times` times."""
    same = 0
    for position in range(length, len(words)):
        same = same + 1 if words[position] == words[position - length] else 0
        if same >= length * (times - 1):
            return True
    return False
