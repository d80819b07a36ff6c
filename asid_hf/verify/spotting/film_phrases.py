"""What is said of camera, cut, light and voice in other words than the plain verbs: nouns, figures of speech."""

from __future__ import annotations

import re
from collections.abc import Iterator

from asid_hf.verify.spotting.plain import Hit, is_negated

_CAMERA = r"(?:camera|lens|viewpoint|framing|camera ?work|shot|view)"
_PICTURE = r"(?:image|picture|video|scene|footage|frame|shot|clip|lighting|light|everything|setting|room)"
_SLOWLY = r"(?:\s+(?:[a-z]+ly|then|gently|further|slightly|a little))*"
_WAYS = {"left": "pan_left", "right": "pan_right", "up": "tilt_up", "down": "tilt_down"}

_NOUN = re.compile(  # "a swift downward tilt", "a steady leftward pan of the camera"
    r"\b(?P<way>left|right|up|down)wards? (?:[a-z-]+ ){0,2}?(?P<noun>pans?|tilts?|sweeps?|swings?|drifts?|"
    r"camera (?:move(?:ment)?|motion))\b"
)
_ZOOM_NOUN = re.compile(r"\b(?P<way>in|out)ward (?:[a-z-]+ )?zoom\b")
_NOUN_BEHIND = re.compile(  # "a swift tilt down", "a slow pan to the right"
    r"\b(?:pan|tilt|sweep|swing) (?:[a-z]+ly )?(?:to(?:wards?)? (?:the |its )?)?"
    r"(?P<way>left|right|up|down)(?:wards?)?\b(?! of\b)"
)
_SIDE_TO_SIDE = re.compile(
    r"\b(?:pan|sweep|swing) (?:[a-z]+ ){0,2}?from (?:the )?(?P<from>left|right) to (?:the )?(?:left|right)\b"
)
_IT_MOVES = re.compile(  # the camera, named in the sentence before
    rf"\bit{_SLOWLY} (?P<verb>pans|tilts){_SLOWLY} (?:to(?:wards?)? (?:the |its )?)?(?P<way>left|right|up|down)"
    rf"(?:wards?)?\b|\bit{_SLOWLY} zooms{_SLOWLY} (?P<zoom>in|out)\b"
)
_LOOKS = rf"(?:looks|angles|turns|points|aims){_SLOWLY}"
_GAZE = re.compile(
    rf"\b{_CAMERA}{_SLOWLY} (?:(?P<up>(?:raises|lifts) (?:its|the) (?:gaze|view|eye|angle)|{_LOOKS} up(?:wards?)?)"
    rf"|(?P<down>(?:lowers|drops|dips) (?:its|the) (?:gaze|view|eye|angle)|{_LOOKS} down(?:wards?)?))\b"
)
_TURNS = re.compile(
    rf"\b{_CAMERA}{_SLOWLY} (?:turns|swings|swivels|sweeps|glides|drifts|slides|moves|rotates){_SLOWLY} "
    rf"(?:over |round |around )?to (?:the|its) (?P<way>left|right)\b"
)
_REST = re.compile(
    rf"\b{_CAMERA} [^.;,]{{0,40}}without (?:any )?(?:moving|movement|motion|stirring)\b"
    r"|\b(?:no|neither|without (?:a|any)) (?:pan|tilt|zoom)(?:ning|ting|ing)?s?(?:,? (?:or |nor |and )?(?:a |any )?"
    r"(?:pan|tilt|zoom)(?:ning|ting|ing)?s?)+\b"
    rf"|\b{_CAMERA} (?:stays|remains) (?:put|where it is|at rest|in one place|frozen)\b"
    rf"|\b{_CAMERA} (?:holds|keeps) (?:its|the same|one) (?:position|place|frame|framing)\b"
)
_CUT = re.compile(
    r"\b(?:the )?edit(?:ing)?(?: then)? (?:takes|brings|carries|moves|leads|jumps|switches|cuts|returns)"
    r"(?: us| the viewer| viewers| the audience)? (?:on |back |over )?(?:in)?to\b"
    r"|\bwith (?:a|one|another) (?:[a-z-]+ )?cut,? (?:we|the (?:video|film|scene|clip|picture|viewer|story))\b"
    r"|\b(?:after|following|through|via) (?:a|the|another) (?:[a-z-]+ )?cut\b(?! (?:on|of|in|to his|to her))"
    r"|\b(?:there is|there's|comes|follows|we see) (?:then )?an? (?:[a-z-]+ )?cut\b(?! (?:on|in|of))"
    r"|\bit (?:then |now |next |soon |finally )?(?:cuts|transitions|switches|jumps|fades|dissolves) "
    r"(?:back |away |over )?"
    r"(?:in)?to\b"
    r"|\b(?:scene|view|landscape|setting|background|picture|image) (?:\w+ly )?(?:transitions|evolves|morphs|gives way) "
    r"(?:in)?to\b"
    r"|\bwe (?:then |now )?(?:cut|jump|switch) (?:away |back |over )?to\b"
)
_TELLS = (
    r"(?:reveals|suggests|underscores|outlines|guides|details|informs|encourages|advises|instructs|notes|indicates|"
    r"conveys|warns|highlights|emphasi[sz]es|explains|describes|discusses|mentions|states|says|narrates|tells|asks|"
    r"recounts|announces|introduces|recommends|urges|provides (?:\w+ )?(?:explanation|commentary|instructions?|"
    r"narration|context|details|information))"
)
_AUDIO_TELLS = re.compile(
    rf"\b(?:audio|voice-?over|narration|commentary|narrator|speaker|voice)\b(?: (?:of|from) [^.,;]{{1,30}},?)?"
    rf"(?:\s+(?:also|then|further|[a-z]+ly|continues?|goes on|and))* {_TELLS}\b"
)
_GOES_ON_SPEAKING = re.compile(
    r"\b(?:continues?|begins?|starts?|appears?|seems?|proceeds?|resumes?|keeps?)(?: on)? (?:to )?(?:speak(?:ing)?|"
    r"talk(?:ing)?|narrat(?:e|ing)|commentating|lectur(?:e|ing)|address(?:ing)? (?:the|his|her|an))\b"
)
_NAMED_VIEW = re.compile(
    r"\b(?:side|rear|elevated|underwater|frontal|distant|closer|wider|broader|ground-level|panoramic|bird's-eye|"
    r"overhead|alternate|reverse) (?:view|perspective|angle|shot)\b|\b(?:scene|view|frame|shot|perspective) (?:\w+ly )?"
    r"(?:broadens|widens|narrows|tightens)\b|\bfocus (?:\w+ly )?(?:intensifies|narrows|tightens|closes in)\b"
)
_NEXT_SHOT = re.compile(r"^\W*(?:transitioning|(?:next|then),? (?:is an?|comes an?|we see|we are shown|appears an?))\b")
_NO_SOUND = re.compile(
    r"\b(?:no|without any|not a(?: single)?) (?:sounds?|audio|noise) (?:of any kind|whatsoever|at all)\b"
)
_ONE_TAKE = re.compile(
    r"\b(?:stays?|remains?|keeps?|holds?|lingers?) (?:within|in|on|inside|to) (?:the same|one|a single) "
    r"(?:shot|take|frame)\b|\bno (?:cut|edit)s? (?:interrupts?|breaks?|divides?|disturbs?)\b"
    r"|\bplays? out in (?:one|a single) (?:go|take|shot)\b"
)
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


def spot_film_phrases(plain: str) -> Iterator[Hit]:
    """Find moves, rests, cuts, light and silence told in film language.

    Args:
        plain: one sentence after `plain_text`.

    Yields:
        Hits of kind "camera", "cut", "light", "speech" and "sound", valued as the other spotters' are.

    Example:
        >>> [(hit.kind, hit.value) for hit in spot_film_phrases("a swift downward tilt; with a cut we are elsewhere.")]
        [('camera', 'tilt_down'), ('cut', 'cut')]
    """
    for pattern in (_NOUN, _NOUN_BEHIND, _TURNS):
        for match in pattern.finditer(plain):
            yield _hit(plain, match, "camera", _WAYS[match["way"]])
    for match in _ZOOM_NOUN.finditer(plain):
        yield _hit(plain, match, "camera", f"zoom_{match['way']}")
    for match in _SIDE_TO_SIDE.finditer(plain):
        yield _hit(plain, match, "camera", "pan_right" if match["from"] == "left" else "pan_left")
    for match in _IT_MOVES.finditer(plain):
        yield _hit(plain, match, "camera", f"zoom_{match['zoom']}" if match["zoom"] else _WAYS[match["way"]])
    for match in _GAZE.finditer(plain):
        yield _hit(plain, match, "camera", "tilt_up" if match["up"] else "tilt_down")
    for match in _REST.finditer(plain):
        yield Hit(*match.span(), "camera", "static")
    for match in _CUT.finditer(plain):
        yield _hit(plain, match, "cut", "cut")
    for pattern in (_AUDIO_TELLS, _GOES_ON_SPEAKING):
        for match in pattern.finditer(plain):
            yield _hit(plain, match, "speech", "reported")
    for match in _NAMED_VIEW.finditer(plain):
        yield Hit(*match.span(), "camera", "framing")
    for match in _NEXT_SHOT.finditer(plain):
        yield Hit(*match.span(), "cut", "cut")
    for match in _ONE_TAKE.finditer(plain):
        yield Hit(*match.span(), "cut", "single_take")
    for match in _NO_SOUND.finditer(plain):
        yield Hit(*match.span(), "sound", "silence")
    for pattern, level in ((_DARK, "dark"), (_DIM, "dim"), (_BRIGHT, "bright")):
        for match in pattern.finditer(plain):
            yield _hit(plain, match, "light", level)


def _hit(plain: str, match: re.Match, kind: str, value: str) -> Hit:
    return Hit(*match.span(), kind, value, is_negated(plain, *match.span()))
