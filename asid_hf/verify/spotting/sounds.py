"""What a sentence says is heard besides speech: music, singing, noises, and silence."""

from __future__ import annotations

import re
from collections.abc import Iterator

from asid_hf.verify.spotting.plain import Hit, before, is_negated

_MUSIC = (
    r"(?:music(?:al)?(?! (?:stand|video|festival|store|sheet|notes?|instruments?|box|stars?|player|academy|industry|"
    r"symbol|production|equipment|school|teacher|app|album|icon|emoji|library|genre|artists?|channel|room|stage|"
    r"theory)\b)|(?<!in the )soundtracks?|songs?(?= (?:plays?|playing|starts|continues|fades|in the background|"
    r"is (?:playing|"
    r"heard)))|melod(?:y|ies)|(?<!-)tunes?|instrumentals?|jingles?|riffs?|chords?|beats?(?= (?:plays?|drops?|"
    r"in the background))|drum ?rolls?|strumming|symphony|(?:guitar|piano|drum|violin|flute|saxophone|organ) "
    r"(?:solos?|playing|music|notes?(?= (?:play|ring|sound|fill)\w*))|(?:child|children|lullaby|folk|pop|rock|"
    r"love)(?:'s)? songs?)"
)
_SINGING = (
    r"(?:singing(?! bowl)|sings|humming (?:an? )?(?:tune|song|melody)|rapping|vocals|choruse?s?|a ?cappella|choirs?|"
    r"beatbox\w*|yodel\w*)"
)
_NOISE = (
    r"(?:(?<!big )bangs?|thuds?|thumps?|s?whoosh(?:es|ing)?|beep(?:s|ing)?|ding(?:s|ing)?|click(?:s|ing)|"
    r"click(?= (?:of|is heard|can be|sounds?))|clink(?:s|ing)?|"
    r"clank(?:s|ing)?|clang(?:s|ing)?|clatter(?:s|ing)?|chim(?:es|ing)(?! in)|buzz(?:es|ing)?(?! with (?:activity|"
    r"excitement|energy|life|people))|whirr?(?:s|ing)?|hums|hum(?= of)|humming|"
    r"hiss(?:es|ing)?|sizzl(?:es?|ing)(?=,? (?:sounds?|noises?|of|as|in|on|while|is|can|and|continues|loudly)\b|\.|"
    r",(?! \w+ing\b))|"
    r"crackl(?:es?|ing)|crunch(?:es|ing)?|creak(?:s|ing)?|squeak(?:s|ing)?|squeal(?:s|ing)?|screech(?:es|ing)?|"
    r"rumbl(?:es?|ing)|roar(?:s|ing)?|bark(?:s|ing)|meow(?:s|ing)?|chirp(?:s|ing)?|growl(?:s|ing)?|howl(?:s|ing)?|"
    r"whimper(?:s|ing)?|whin(?:es|ing)|moo(?:s|ing)|neigh(?:s|ing)?|quack(?:s|ing)?|sirens?|alarms?(?= (?:sounds?|"
    r"blares?|rings?|goes|beeps?))|gun ?shots?|gunfire|applause|laugh(?:ter|s|ing)(?! (?:with tears |"
    r"crying )?(?:face|emojis?|icon|sticker))|giggl(?:es|ing)|chuckl(?:es|ing)|"
    r"cheer(?:s|ing)(?! up)|cheer(?= (?:rises|swells|erupts|rings))|"
    r"(?:continues?|begins?|starts?) to (?:cheer|laugh|clap|cry|bark|scream|giggle|applaud)|"
    r"(?:they|people|(?:wo)?men|crowd|audience|friends|both|spectators|fans|children|kids|boys|girls|everyone|others|"
    r"students|teammates|members) (?:\w+ly |all |both )?(?:laugh|cheer|clap|giggle|chuckle|scream|applaud)|"
    r"audible (?:delight|excitement|reactions?|impact|crash|pop|snap|splash\w*|breath\w*|clap|click)|"
    r"clapping|applaud(?:s|ing)|gasps?|gasping|sighs?|sighing|(?:takes?|taking) (?:an?|another|"
    r"some) (?:\w+,? )?deep breaths?|sobs|sobbing|scream(?:s|ing)?|"
    r"shriek(?:s|ing)?|groan(?:s|ing)?|grunt(?:s|ing)?|moan(?:s|ing)?|snor(?:es|ing)|cough(?:s|ing)?|sneez(?:es|ing)|"
    r"sniffl(?:es|ing)|burps?|whistl(?:es?|ing)|honk(?:s|ing)?|ringing|(?:phone|bell|telephone) rings|ringtone|"
    r"rustl(?:es|ing)|splashing(?= (?:sounds?|of|can|is|and))|gurgl(?:es|ing)|footsteps|thunder|rattl(?:es|ing)|"
    r"knocking|squelch\w*|boing|heartbeat|white noise|ticking|(?:baby|babies|infant|child) (?:cries|crying|wails|"
    r"wailing))"
)
_QUALIFIER = (
    r"(?:(?!the\b|an?\b|and\b|with\b|by\b|of\b|to\b|for\b|in\b|is\b|are\b|its\b|his\b|her\b|that\b|as\b|no\b|"
    r"any\b)[a-z'-]{2,20},? ){0,2}"
)
_SOUND = re.compile(
    rf"\b(?:(?P<effect>{_QUALIFIER}(?:sounds?|noises?)(?! (?:waves?|hole|proof|board|system|bar|bites?|check|quality|"
    rf"engineer|design|analysis|recorder|"
    r"card|stage|level|booth|cancel\w*|reduction|like|very|as if|off|on\b|and safe)\b|-)(?: effects?| tracks?)?"
    r"(?: (?:of|from)(?: (?!and\b|as\b|with\b)[\w'-]{1,25}){1,4})?)"
    r"|(?P<ambience>ambient audio|natural ambience|ambience)"
    rf"|(?P<music>{_MUSIC})|(?P<singing>{_SINGING})|(?P<other>{_NOISE}))\b"
)
_AND_OF = re.compile(  # "the sounds of wind and rustling leaves" are two
    r" and (?P<words>(?:the |an? )?(?!(?:wo)?m[ae]n\b|people|persons?\b|boys?\b|girls?\b|"
    r"\w+ers?\b)(?:[a-z'-]{3,20} )?[a-z'-]{3,20}ing(?: [a-z'-]{2,20})?)\b"
)
_MUSICIAN = re.compile(rf"\b{_MUSIC}\b|\b(?:guitar|piano|drums?|violin|flute|band|orchestra)\b")
_SINGER = re.compile(r"\b(?:singing|choir|choral)\b")
_VERB_SOUND = re.compile(
    r"\b(?:it|that|this|he|she|they|which|voice|what|to|speaking|speaks|talks|talking|voices)(?: \w+ly)? sounds?\b|"
    r"unique sound|\b(?:sounds?|noises?) of [\w' ]{1,40}speaking\b"
    r"|\bsounds (?:good|great|nice|hollow|strange|weird|fun|amazing|easy|simple|familiar|like)\b"
)
_DAMPED = re.compile(
    r"\b(?:reduce|unwanted|noise[- ]cancel\w+|eliminate|labell?ed|titled|called|safe and|police|fire)\s+(?:\w+ )?$|"
    r"\bto\s+$"
)
_SILENCE = re.compile(
    r"\b(?:(?:complete |total |absolute |utter |dead |brief )?silence(?! of the)|soundless(?:ly)?|muted audio|"
    r"silent (?:video|clip|footage|audio|recording|track)(?! style)|(?:audio|sound|video|clip|footage|scene|"
    r"recording)(?: track)? (?:is|are|plays?|remains?|stays?|goes|falls|becomes|completely|entirely) (?:(?:\w+ly|in|"
    r"mostly) )?(?:silent|mute|muted)(?! (?:film|movie|cinema|era|partner|treatment|prayer|gesture)))\b"
)
_PERSON_SILENT = re.compile(
    r"\b(?:he|she|they|(?:wo)?m[ae]n|boys?|girls?|person|people|child|crowd|audience|who|both|figure|character|"
    r"everyone|room|two|sits?|stands?|walks?|watch(?:es)?|looks?|stares?)(?: (?:\w+ly|is|are|remains?|stays?|"
    r"falls))* (?:in )?(?:\w+ )?$"
)
_NO_AUDIO = re.compile(
    r"\b(?:no|without(?: any)?|lack(?:s|ing)?(?: any)?|zero|absence of(?: any)?|devoid of(?: any)?) (?:(?:discernible|"
    r"audible|accompanying|recorded|other|further|additional|noticeable|distinct|background|"
    r"clear) ){0,2}(?:audio(?: track| content| channel| information)?|sounds?(?!track| effects)(?: track)?|"
    r"noises?)\b(?! (?:from|of(?! any kind)|effects?))"
    r"|\b(?:audio|sound)(?: track)? (?:is|was)(?: not|n't)? (?:absent|missing|turned off|disabled|present)\b"
    r"|\b(?:nothing|not a sound) (?:is|can be) heard\b"
)


def spot_sounds(plain: str) -> Iterator[Hit]:
    """Find music, singing, noises and silence in a sentence; what somebody says is no sound of its own.

    Args:
        plain: one sentence after `plain_text`.

    Yields:
        Hits of kind "sound" with the value "music", "singing", "other", "silence", or "any" (no audio at all).

    Example:
        >>> [(h.value, h.negated) for h in spot_sounds("no music plays, and a dog barks.")]
        [('music', True), ('other', False)]
    """
    for match in _NO_AUDIO.finditer(plain):
        if not match.group().endswith(" is present"):
            yield Hit(*match.span(), "sound", "any", True)
    for match in _SILENCE.finditer(plain):
        if not (match.group().endswith("silence") and _PERSON_SILENT.search(before(plain, match.start(), 40))):
            yield Hit(*match.span(), "sound", "silence", is_negated(plain, *match.span()))
    for match in _SOUND.finditer(plain):
        head = before(plain, match.start(), 24)
        if match["effect"] and (
            _DAMPED.search(head) or _VERB_SOUND.search(head + plain[match.start() : match.end() + 10])
        ):
            continue
        yield Hit(*match.span(), "sound", _value(match), is_negated(plain, *match.span()))
        more = _AND_OF.match(plain, match.end()) if match["effect"] and " " in match.group() else None
        if more and not _SOUND.match(plain, more.start("words")):
            yield Hit(*more.span("words"), "sound", "other", is_negated(plain, *match.span()))


def _value(match: re.Match) -> str:
    if match.lastgroup in ("music", "singing"):
        return str(match.lastgroup)
    if match["effect"] and _SINGER.search(match.group()):
        return "singing"
    return "music" if match["effect"] and _MUSICIAN.search(match.group()) else "other"
