"""Whether a reply is in English: by its scripts and by the small words that every sentence of a language is made of."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict

from asid_hf.chat.messages import ChatError

LEAST_WORDS = 6  # what is shorter is a name, a title, a list: it says too little about its language
FOREIGN_SHARE = 0.3  # of a text's words, in passages of another language
_SMALL_WORDS_SHARE = 0.13  # of a foreign passage's words; running text has 0.25 to 0.5 of them
_ENGLISH_SHARE = 0.25  # of an English passage's words, mostly; no more is looked at then
_UNKNOWN_WORDS, _UNKNOWN_SHARE = 14, 0.12  # without an English small word, and with so few of those that follow
_ENGLISH = frozenset(
    "a about above across after against all along also although am an and another any appears are around as at away "
    "back background be because been before behind being below beside between both but by camera can clip could did "
    "do does down during each even every first following for frame from front had has have he her here herself him "
    "himself his how i if in inside into is it its just like many may me might more most must my near no not now of "
    "off on once one only onto or other our out outside over own said same saying says scene second seen several she "
    "should shows since so some speaks still such than that the their them themselves then there they this though "
    "through throughout to too toward towards two under until up upon us very video visible was we wearing were what "
    "when where which while who will with within without would you your".split()
)
_SMALL_WORDS = {
    "German": "und der das ein eine einen einem einer eines ist sind mit auf im dem den des nicht sich von zu zum zur "
    "aus bei nach wird werden wie als auch vor durch über unter hinter neben er sie es ihre seine ihr trägt während",
    "Dutch": "de het een en van zijn op aan met voor niet dat naar uit bij ook wordt worden haar hij zij ze deze dit "
    "die terwijl achter naast tussen door tegen heeft staat zit maar om te",
    "French": "le la les un une des du de et est sont dans avec sur qui que il elle ils elles se ses sa au aux en par "
    "pas ce cette ces leur puis tandis derrière devant à où ou deux tout très vers l d qu s n",
    "Spanish": "a el la los las un una unos unas de del y es son en con que se su sus por para al lo como más pero "
    "mientras hacia sobre está están entre muy también detrás donde",
    "Portuguese": "o a os as um uma uns umas de da do dos das e é são em no na nos nas com que se seu sua por para ao "
    "à mais enquanto sobre está estão entre muito também atrás onde ele ela pelo pela",
    "Italian": "a il lo la gli i le un uno una di del della dei delle e è sono in con che si suo sua da dal dalla al "
    "alla nel nella sul sulla per più mentre verso non anche dietro tra l d dell nell sull all un",
    "Indonesian": "yang dan di ke dari dengan untuk pada ini itu adalah sebuah seorang sedang tidak akan oleh saat "
    "dalam atas bawah mereka dia kemudian juga sambil terlihat seperti karena para",
    "Vietnamese": "một và của là có trong với cho đang người được các những trên đến từ này đó không khi ở vào ra "
    "như về anh cô ấy sau",
    "Swedish": "och en ett är på som med av för till den det i de att inte från han hon honom henne sig sin medan "
    "bakom över genom går ner upp mot också",
    "Danish or Norwegian": "og en et er på som med av af for til den det i de at ikke fra ham han hun seg sig sin "
    "mens bak ved gennem gjennom går vej vei også",
    "Finnish": "ja on hän että joka ei se kun mutta myös hänen ovat sekä kanssa sitten niin kuin sen he jossa joka",
    "Polish": "i w z na do się jest są nie to że jak po przy o od ze oraz jego jej który która za przed podczas",
    "Czech": "a v z na do se je jsou není to že jak po při o od ze jeho její který která za před s ve k si pak",
    "Romanian": "un o și de la în cu pe este sunt care din se nu că lui ei al ale mai pentru spre iar în timp",
    "Hungarian": "a az egy és hogy nem van is ezt azt meg ki el be de mint majd míg között alatt egyik",
    "Turkish": "bir ve bu ile için de da olan olarak çok daha var gibi onun sonra kadar ne o iki üzerinde",
    "Catalan": "el la els les un una de del i és són en amb que es seu seva per al més mentre cap sobre està",
    "Tagalog": "ang ng sa na mga ay at si ni isang kung may para siya niya nito habang kanyang ito",
    "Malay": "yang dan di ke dari dengan untuk pada ini itu ialah seorang sebuah sedang tidak oleh dalam mereka",
}
_ENGLISH_TOO = frozenset("bag cap care die do door kung may men mint per so um van".split())  # but no small words there
_LANGUAGES: dict[str, list[str]] = defaultdict(list)
"""Small word -> languages that have it."""
for _language_name, _words in _SMALL_WORDS.items():
    for _word in set(_words.split()) - _ENGLISH_TOO:
        _LANGUAGES[_word].append(_language_name)
_QUOTED = re.compile(
    r"\"[^\"]{0,3000}\"|“[^”]{0,3000}”|«[^»]{0,3000}»|„[^“”]{0,3000}[“”]|「[^」]{0,3000}」|『[^』]{0,3000}』"
    r"|(?<!\w)['‘][^\n]{0,300}?['’](?!\w)"
)
_WHOLE = re.compile(r"\A\s*[\"“«„「]([^\"“”«»„「」]*)[\"”»“」]\s*\Z")
_PASSAGE = re.compile(r"[.!?;:\n。！？；：]+")
_KANA = re.compile("[\u3040-\u30ff]")
_WRITTEN_IN = {"CJK": "Chinese", "HIRAGANA": "Japanese", "HANGUL": "Korean"}
_WITHOUT_SPACES = frozenset(("CJK", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR"))
_ENDING = re.compile(r"(?<=\w)[`'’]+(?:s|t|d|ll|re|ve|m)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")


def check_english(text: str) -> None:
    """Refuse a text of another language. What is quoted may be in any.

    A passage is in another language where most of its words are in another script, or where it has more of that
    language's small words (articles, prepositions, pronouns) than of the English ones. A few such passages in an
    English text are let pass, and so is a text of under `LEAST_WORDS` words.

    Args:
        text: a caption, or a part of one.

    Raises:
        ChatError: of kind "language", naming the language or script as far as it is known.

    Example:
        >>> check_english("At 2s, a man in a red coat says, 'Ich bin nicht von hier, und du?'")
        >>> check_english("Ein Mann in einem roten Mantel geht durch die Stadt.")
        Traceback (most recent call last):
        ...
        asid_hf.chat.messages.ChatError: The reply is in German, not in English: 'Ein Mann in einem roten ...
    """
    text = unicodedata.normalize("NFKC", text)  # letters of fancy fonts are letters
    whole = _WHOLE.match(text)
    told = _ENDING.sub("", _QUOTED.sub(" ", whole[1] if whole else text))
    passages = [passage for passage in _PASSAGE.split(told) if _WORD.search(passage)]
    foreign = [passage for passage in passages if _language(passage)]
    if sum(map(_weight, foreign)) <= FOREIGN_SHARE * sum(map(_weight, passages)):
        foreign = passages  # none of many short lines may be enough to tell; together they are
    language = _language("\n".join(foreign))
    if language:
        shown = " ".join(" ".join(foreign).split())[:100]
        raise ChatError(
            "language",
            f"The reply is in {language}, not in English: {shown!r}. Only what is quoted may be in another language.",
        )


def _language(passage: str) -> str | None:
    """The language or script a passage is in; None where that is English, or cannot be told."""
    if _weight(passage) < LEAST_WORDS:
        return None
    words = _WORD.findall(passage.lower() if passage.isupper() else passage)
    script = None if passage.isascii() else _script(words)
    if script:
        return script
    english = sum(word.lower() in _ENGLISH for word in words)
    if english >= _ENGLISH_SHARE * len(words):
        return None
    small = Counter(word for word in words if word.islower())  # names have capitals: Los Angeles, La La Land
    found: dict[str, list[str]] = defaultdict(list)
    for word in small:
        for language in _LANGUAGES.get(word, ()):
            found[language].append(word)
    counts = {language: sum(small[word] for word in those) for language, those in found.items()}
    best = max(counts, key=counts.get, default=None)
    if best and counts[best] > max(english, _SMALL_WORDS_SHARE * len(words)):
        if len(found[best]) >= 2 and len(max(found[best], key=len)) >= 2:  # not a list of letters
            return best
    is_list = passage.count(",") > len(words) / 5
    if english <= _UNKNOWN_SHARE * (small.total() - _UNKNOWN_WORDS) and not is_list:
        return "another language"
    return None


def _script(words: list[str]) -> str | None:
    """The script of most words, as the language it stands for; None for Latin letters."""
    weights: Counter[str] = Counter()
    for word in words:
        weights[_script_of(word[0])] += _word_weight(word)
    latin = weights.pop("LATIN", 0)
    if weights.total() <= latin:
        return None
    script = "HIRAGANA" if _KANA.search("".join(words)) else weights.most_common(1)[0][0]
    return _WRITTEN_IN.get(script, f"a language in {script.title()} script")


def _weight(passage: str) -> float:
    words = _WORD.findall(passage)
    return len(words) if passage.isascii() else sum(map(_word_weight, words))


def _word_weight(word: str) -> float:
    """How many words a run of letters stands for: some scripts leave no spaces, and have two letters a word or so."""
    return len(word) / 2 if _script_of(word[0]) in _WITHOUT_SPACES else 1


def _script_of(letter: str) -> str:
    return "LATIN" if letter.isascii() else unicodedata.name(letter, "UNKNOWN").split()[0]
