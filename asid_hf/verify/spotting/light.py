"""How light a sentence says the picture as a whole is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from asid_hf.verify.spotting.plain import Hit, before, behind, is_negated

_PLACE = (
    r"(?:rooms?|scenes?|settings?|environments?|spaces?|interiors?|areas?|stage|kitchen|(?:bed|bath|class|living )room|"
    r"studio|hall(?:way)?|corridor|street|alley(?:way)?|caves?|tunnel|forest|woods|club|bar|restaurant|theat(?:er|re)|"
    r"garage|office|warehouse|basement|surroundings|(?:indoor|outdoor) (?:setting|environment|space)|night|frame|"
    r"picture|footage|shot|venue|church|store|shop|cafe|gym|lab(?:oratory)?|atmosphere|ambiance|ambience|dungeon|"
    r"cellar|attic|cabin)"
)
_LIT = re.compile(
    r"\b(?P<how>dimly|poorly|faintly|barely|softly|low|well|brightly|brilliantly|evenly|naturally|harshly|sun|moon|"
    r"candle|darkly)[- ]?lit\b"
)
_LIT_THING = re.compile(
    r"(?: up)?(?: \w+)? (?:signs?|billboards?|faces?|figures?|keyboard|candles?|trees?|buttons?|display|cigarette|"
    r"lamps?|lanterns?|logo|letters|eyes|windows?|sky|screen|monitor|background|dashboard|object|portion)\b"
)
_LIT_LEVELS = {
    "well": "normal", "evenly": "normal", "naturally": "normal", "brightly": "bright", "brilliantly": "bright",
    "harshly": "bright", "sun": "bright", "moon": "dark", "darkly": "dark",
}  # fmt: skip
_BETWEEN = r",? (?:(?!blue|green|red|brown|gr[ae]y|yellow|pink|orange|purple|white)[a-z-]+,? ){0,2}?"
_LIGHT = re.compile(
    rf"\b(?P<bright>bright(?:er)?{_BETWEEN}(?:(?:day|sun) ?light|sunshine|sun|lighting|lights?(?! (?:blue|green|brown|"
    rf"bulb|switch|"
    r"pink|gr[ae]y|colou?r|fixture|shirt|on his|on her|on its|in (?:his|her)|from (?:an?|the|his|her) (?:phone|"
    r"flashlight|torch|lamp)))"
    rf"|daytime|illumination|{_PLACE}|(?:and )?(?:airy|sunny|well-lit))"
    r"|(?:in|under) (?:full|broad|direct|strong) (?:day|sun)light)\b"
    rf"|\b(?P<dim>(?:dim|low|subdued|faint|gloomy|low-key|weak){_BETWEEN}(?:lighting|light(?! (?:blue|bulb|green))|"
    rf"illumination|(?<!low ){_PLACE})|low-light|dimness)\b"
    rf"|\b(?P<dark>(?:(?:very |completely |mostly )?dark|darkened|pitch[- ]black|pitch[- ]dark|"
    rf"unlit){_BETWEEN}{_PLACE}(?![\w'-])"
    r"|in (?:the dark(?! \w)|(?:(?:near|almost|complete|total|semi-?|the) ?)*darkness)|(?:complete|total|near|"
    r"surrounding) darkness)\b"
)
_NO_PLACE = re.compile(
    r"(?:bright|dark|dim|low),? (?:\w+,? )?(?:shop|bar|store|low) \w|chocolate|humou?r|comedy|side of"
)
_IS = re.compile(
    rf"\b(?:(?P<screen>screen|frame|picture|video)|{_PLACE}|lighting|everything)(?: outside| inside)? (?:is|are|"
    rf"remains?|appears?|"
    r"becomes?|gets?|grows?|looks?|seems?|turns?|goes|stays?|fades? (?:in)?to|was|cuts? to|went)"
    r"(?: (?:very|quite|rather|completely|mostly|fairly|extremely|totally|entirely|suddenly|to|relatively|increasingly|"
    r"slightly|not|(?:warm|soft|natural|clear|sunny|cool|mostly)(?:,| and|, and)))*"
    r" (?P<level>pitch[- ]black|dark(?:er)?|black|dim(?:mer)?|bright(?:er)?|gloomy|low|white|subdued)"
    r"(?![\w-])(?! (?:and white|with|t-shirt|or|blue|green|gr[ae]y|brown|red|colou?r|background|hair|shirt))"
)
_LEVELS = {
    "pitch black": "dark", "pitch-black": "dark", "dark": "dark", "darker": "dark", "black": "dark", "dim": "dim",
    "dimmer": "dim", "low": "dim", "gloomy": "dim", "subdued": "dim", "bright": "bright", "brighter": "bright",
    "white": "bright",
}  # fmt: skip
_TO_BLACK = re.compile(
    r"\b(?:fad(?:es?|ing)|cuts?|cutting) (?:\w+ )?to (?:an? )?(?:complete |full |total )?black\b(?! (?:and|background|"
    r"screen with|text|scree with))"
)
_PICTURE = r"(?:image|picture|video|scene|footage|frame|shot|clip|lighting|light|everything|setting|room)"
_DARK = re.compile(
    rf"\b{_PICTURE} (?:is|are|remains?|stays?|looks?|appears?|was) (?:so|too|very|quite|extremely|really|rather|mostly|"
    r"almost completely) (?:dark|black)\b(?! (?:blue|green|brown|red|gr[ae]y))"
    r"|\bdarkness (?:dominates|prevails|fills|covers|reigns|swallows|engulfs)\b"
    r"|\b(?:heavily |badly |strongly |severely )?under-?exposed\b"
    r"|\b(?:shrouded|plunged|steeped|wrapped|sunk) in(?:to)? (?:darkness|shadows?|gloom)\b"
    r"|\b(?:hardly|barely) any light\b"
    rf"|\b{_PICTURE} (?:is|are|remains?|stays?|looks?) dark throughout\b"
    r"|\bleaves? (?:most|much|nearly all) of [^.,;]{1,25} in the dark\b"
)
_DIM = re.compile(
    r"\b(?:light(?:ing)?|illumination) (?:is|remains|stays|seems|appears|was) (?:(?:very|quite|rather|so|too) )?"
    r"(?:dim|low|weak|poor|gloomy|murky|scarce)\b|\bpoorly illuminated\b"
)
_BRIGHT = re.compile(
    r"\b(?:flooded|filled|drenched|awash|bathed) (?:with|in) (?:[a-z]+ )?(?:light|daylight|sunlight|sunshine|"
    r"brightness)\b"
    rf"|\b{_PICTURE} (?:is|are|remains?|stays?|looks?|appears?|was) (?:very |quite |extremely |really )?bright\b"
    r"(?! (?:blue|green|red|yellow|orange|pink|purple|spot))"
    r"|\b(?:brightly|brilliantly|strongly|fully) illuminated\b|\bexposure is (?:very )?bright\b|\blight and bright\b"
    r"|\bbrightly illuminated\b|\b(?:heavily |strongly )?over-?exposed\b|\bplenty of light\b"
)
_DEVICE = re.compile(r"\b(?:phone|computer|tv|laptop|monitor|tablet|television|his|her)(?:'s)? $")


def spot_light(plain: str) -> Iterator[Hit]:
    """Find statements on how light the picture as a whole is; the colour or lightness of a thing is none.

    Args:
        plain: one sentence after `plain_text`.

    Yields:
        Hits of kind "light" whose value is one of `schema.LIGHT_LEVELS`.

    Example:
        >>> [hit.value for hit in spot_light("a man in a dark jacket stands in a dimly lit room.")]
        ['dim']
    """
    for match in _LIT.finditer(plain):
        if not _LIT_THING.match(plain, match.end()):
            yield _light(plain, *match.span(), _LIT_LEVELS.get(match["how"], "dim"))
    for match in _LIGHT.finditer(plain):
        if not _NO_PLACE.match(plain, match.start()):
            yield _light(plain, *match.span(), str(match.lastgroup))
    for match in _IS.finditer(plain):
        filled = match["level"] in ("black", "white") and not match["screen"]
        if not filled and not _DEVICE.search(before(plain, match.start(), 20)):
            yield _light(plain, *match.span(), _LEVELS[match["level"]])
    for match in _TO_BLACK.finditer(plain):
        if "white" not in behind(plain, match.end(), 10):
            yield _light(plain, *match.span(), "dark")
    for pattern, level in ((_DARK, "dark"), (_DIM, "dim"), (_BRIGHT, "bright")):
        for match in pattern.finditer(plain):
            yield _light(plain, *match.span(), level)


def _light(plain: str, start: int, end: int, level: str) -> Hit:
    return Hit(start, end, "light", level, is_negated(plain, start, end) or " not " in plain[start:end])
