"""What a sentence says is heard besides speech: music, singing, noises, and silence."""

from __future__ import annotations

import re
from collections.abc import Iterator

from asid_hf.verify.spotting.plain import Hit, before, is_negated

_MUSIC = (
    r"(?:music(?:al)?(?! (?:stand|video|festival|store|sheet|notes?|instruments?|box|stars?|player|academy|industry|"
    r"symbol|production|equipment|school|teacher|app|album|icon|emoji|library|genre|artists?|channel|room|stage|"
    r"theory)\b)|(?<!in the )soundtracks?|songs?(?= (?:plays?|playing|starts|continues|fades|in the background|"
    r"is (?:playing|heard)))|melod(?:y|ies)|(?<!-)tunes?|instrumentals?|jingles?|riffs?|chords?|beats?(?= (?:plays?|"
    r"drops?|in the background))|drum ?rolls?|strumming|symphony|(?:guitar|piano|drum|violin|flute|saxophone|"
    r"organ) (?:solos?|playing|music|notes?(?= (?:play|ring|sound|fill)\w*))|(?:child|children|lullaby|folk|pop|rock|"
    r"love)(?:'s)? songs?)"
)
_SINGING = (
    r"(?:singing(?! bowl)|sings|humming (?:an? )?(?:tune|song|melody)|rapping|vocals|choruse?s?|a ?cappella|choirs?|"
    r"beatbox\w*|yodel\w*)"
)
_NOISE = (
    r"(?:(?<!big )bangs?|thuds?|thumps?|s?whoosh(?:es|ing)?|beep(?:s|ing)?|ding(?:s|ing)?|click(?:s|ing)(?! (?:on|the|"
    r"an?|something|it|to|his|her|open)\b)|click(?= (?:of|is heard|can be|sounds?))|clink(?:s|ing)?|clank(?:s|ing)?|"
    r"clang(?:s|ing)?|clatter(?:s|ing)?|chim(?:es|ing)(?! in)|buzz(?:es|ing)?(?! with (?:activity|excitement|energy|"
    r"life|people))|whirr?(?:s|ing)?|hums|hum(?= of)|humming|hiss(?:es|ing)?|sizzl(?:es?|ing)(?=,? (?:sounds?|noises?|"
    r"of|as|in|on|while|is|can|and|continues|loudly)\b|\.|,(?! \w+ing\b))|crackl(?:es?|ing)|crunch(?:es|ing)?|"
    r"creak(?:s|ing)?|squeak(?:s|ing)?|squeal(?:s|ing)?|screech(?:es|ing)?|rumbl(?:es?|ing)|roar(?:s|ing)?|bark(?:s|"
    r"ing)|meow(?:s|ing)?|chirp(?:s|ing)?|growl(?:s|ing)?|howl(?:s|ing)?|whimper(?:s|ing)?|whin(?:es|ing)|moo(?:s|"
    r"ing)|neigh(?:s|ing)?|quack(?:s|ing)?|sirens?|alarms?(?= (?:sounds?|blares?|rings?|goes|beeps?))|gun ?shots?|"
    r"gunfire|applause|laugh(?:ter|s|ing)(?! (?:with tears |crying )?(?:face|emojis?|icon|sticker))|giggl(?:es|ing)|"
    r"chuckl(?:es|ing)|cheer(?:s|ing)(?! up)|cheer(?= (?:rises|swells|erupts|rings|rising|swelling))|snort(?:s|ing)|"
    r"snicker(?:s|ing)|yelp(?:s|ing)|cackl(?:es|ing)|hoot(?:s|ing)|wail(?:s|ing)|slurp(?:s|ing)|caw(?:s|ing)|"
    r"an? (?:[\w-]+ )?(?:laugh|chuckle|giggle|yelp|squeal|snort|cough|sneeze|shriek|growl)\b(?! track)|(?:continues?|"
    r"begins?|starts?) to (?:cheer|laugh|clap|cry|bark|scream|giggle|applaud)|(?:they|people|(?:wo)?men|crowd|"
    r"audience|friends|both|spectators|fans|children|kids|boys|girls|everyone|others|students|teammates|"
    r"members) (?:\w+ly |all |both )?(?:laugh|cheer|clap|giggle|chuckle|scream|applaud)|audible (?:delight|excitement|"
    r"reactions?|impact|crash|pop|snap|splash\w*|breath\w*|clap|click)|clapping|applaud(?:s|ing)|gasps?|gasping|"
    r"sighs?|sighing|(?:takes?|taking) (?:an?|another|some) (?:\w+,? )?deep breaths?|sobs|sobbing|scream(?:s|ing)?|"
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
    r"card|stage|level|booth|cancel\w*|reduction|like|very|as if|off|on\b|and safe)\b|-)(?: effects?|"
    r" tracks?)?(?: (?:of|from)(?: (?!and\b|as\b|with\b)[\w'-]{1,25}){1,4})?)|(?P<ambience>ambient audio|"
    r"natural ambience|ambience)"
    rf"|(?P<music>{_MUSIC})|(?P<singing>{_SINGING})|(?P<other>{_NOISE}))\b"
)
_AUDIBLE = re.compile(  # "a fan can be heard", "the audio captures a door opening"
    r"(?:(?<=^)|(?<=[,.;] )|\b(?:and|while|as|with|where) )(?:(?:the|an?|some|distant|his|her) )?(?P<heard>(?:(?!and |"
    r"while |as |with |voices?|music)[\w'-]+ ){1,5}?(?:(?:can|could|may) (?:\w+ )?be|is|are) (?:\w+ly )?(?:heard|"
    r"audible))\b(?! (?:speak|talk|say|ask|explain|narrat|discuss|tell|shout|whisper|chatt)ing)|\b(?:audio|"
    r"soundtrack) (?:\w+ly |also |then |now )?(?:captures|features|includes|contains|records|picks up|consists of|"
    r"is filled with) (?P<captured>(?:the |an? )?(?:[\w'-]+ ){0,2}[\w-]+ (?!speak|talk|say|explain|narrat|discuss|ask|"
    r"tell|ongoing|following|describ|introduc|greet|express|mention|stat|during|morning|being|engaging|voic|convers|"
    r"chatt|shout|elaborat|instruct|respond|react)[a-z]{2,}ing(?: and [a-z]+ing)?)(?=[.,;]|$| (?:as|while|in|on|and|"
    r"of|at|against|from)\b)|\b(?P<weather>(?:wind|waves|rain|leaves|water|engines?|doors?) (?:\w+ly )?(?:blowing|"
    r"crashing|pattering|rustling|pouring|dripping|idl(?:es|ing)|revv?(?:s|ing)|slamm?(?:s|ing)))\b"
)
_TALKS = re.compile(
    r"\b(?:voices?|speak\w*|talk\w*|narrat\w*|commentary|commentators?|conversations?|dialogues?|words|(?:wo)?m[ae]n|"
    r"he|she|they|someone|person|people|reporter|announcer|audio|sounds?|noises?|speech|it|that|this|which|what|"
    r"lyrics|explanations?|instructions?|exchange|children|boys?|girls?)\b"
)
_HEARING = re.compile(r"\b(?:audio|heard|hear|sounds?|noise|audible|loud\w*|softly|music)\b")
_AND_OF = re.compile(  # "the sounds of wind and rustling leaves" are two
    r" and (?P<words>(?:the |an? )?(?!(?:wo)?m[ae]n\b|people|persons?\b|boys?\b|girls?\b|\w+ers?\b|talking|speaking|"
    r"chatting)(?:[a-z'-]{3,20} )?[a-z'-]{3,20}ing(?: [a-z'-]{2,20})?)\b"
)
_MUSICIAN = re.compile(rf"\b{_MUSIC}\b|\b(?:guitar|piano|drums?|violin|flute|band|orchestra)\b")
_SINGER = re.compile(r"\b(?:singing|choir|choral)\b")
_VERB_SOUND = re.compile(
    r"\b(?:it|that|this|he|she|they|which|voice|what|to|speaking|speaks|talks|talking|voices)(?: \w+ly)? sounds?\b|"
    r"unique sound|\b(?:sounds?|noises?) of [\w' ]{1,40}speaking\b|\bsounds (?:good|great|nice|hollow|strange|weird|"
    r"fun|amazing|easy|simple|familiar|like)\b"
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
    r"noises?)\b(?! (?:from|of(?! any kind)|effects?))|\b(?:audio|sound)(?: track)? (?:is|was)(?: not|n't)? (?:absent|"
    r"missing|turned off|disabled|present)\b|\b(?:nothing|not a sound) (?:is|can be) heard\b"
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
    for match in _AUDIBLE.finditer(plain):
        words, start, end = match.group(match.lastgroup), match.start(match.lastgroup), match.end(match.lastgroup)
        around = before(plain, start, 90) + plain[end : end + 60]
        if not (_TALKS.search(words) or _SOUND.search(words)) and (not match["weather"] or _HEARING.search(around)):
            yield Hit(start, end, "sound", "other", is_negated(plain, start, end))
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
