"""How a sentence says the camera moves: pans, tilts, zooms, dollies and travels, and in which direction."""

from __future__ import annotations

import re
from collections.abc import Iterator

from asid_hf.verify.spotting.plain import Hit, before, behind, is_negated

# --- who moves ------------------------------------------------------------------------------------------------------
FILM = (
    r"(?:cameras?|camerawork|views?|viewpoint|shots?|frames?|video|scenes?|clips?|footage|perspective|focus|lens|image|"
    r"visuals?|cinematography|angle|framing|picture|sequence|drone|vantage point|recording)(?:'s)?"
)
CAMERA = r"(?:cameras?|viewpoint|drone|perspective|views?|shots?|frames?|framing|lens|camerawork|footage|angle)(?:'s)?"
ADVERB = r"(?:[a-z]{2,20}ly|then|again|also|next|now|soon|back|once more|once again|still|all the way|further)"
_FILM_WORD, _CAMERA_WORD = re.compile(rf"\b{FILM}\b"), re.compile(rf"\b{CAMERA}(?!\w)")
_SUBJECT_BETWEEN = re.compile(
    r"\b(?:as|while|when|who|that|where|and|shows?|showing|captur\w+|follow\w*|reveal\w*|of|on|to|highlight\w*|,)\s+"
    r"(?:an?|the|his|her|their|another|one|two)\s+(?:[\w'-]{1,30}\s+){1,4}$"
)
_THING_BEFORE = re.compile(
    r"\b(?:he|she|they|who|(?:wo)?m[ae]n|boys?|girls?|persons?|people|users?|players?|hands?|cursor|fingers?|dogs?|"
    r"cats?|cars?|bikes?|motorcycles?|child(?:ren)?|figures?|individuals?|kids?|heads?|phones?|apps?|planes?|balls?|"
    r"birds?|trucks?|trains?|skaters?|runners?|riders?|drivers?|robots?|rockets?)\s+(?:(?:is|are|then|quickly|slowly|"
    r"also|suddenly|now|begins to|starts to)\s+){0,2}$"
)
_OPENING = re.compile(r"^\W*(?:(?:at|from) [\w .:]{1,15},|it|then|next|slowly|finally)?[\s,]*$")
_VERBS_BETWEEN = re.compile(
    rf"(?:\s+(?:{ADVERB}|then|is|are|begins to|starts to|continues to|keeps|and|gradually))*\s*"
    r"|.*(?:,| and| before| then)(?: then| and then)?\s+(?:\w+ly )?"
)

# --- moves ----------------------------------------------------------------------------------------------------------
_PAN = re.compile(r"\b(?:pans|panned|panning|pan)\b")
_PAN_GOES = re.compile(
    rf"(?:\s+(?:{ADVERB}|slightly)){{0,3}}[\s-](?:left|right|across|over|to|from|around|up|down|out|away|along|"
    rf"through|"
    r"leftwards?|rightwards?|upwards?|downwards?|past|between|towards?|horizontally|vertically|back|shots?|movements?|"
    r"motion|view|camera)\b"
)
_PAN_DEPTH = re.compile(r"\s(?P<way>out|in|back)\b(?! and forth)")
_PAN_AS_MOVE = re.compile(
    r"\b(?:camera|slow|quick|rapid|smooth|gentle|steady|brief|horizontal|vertical|sweeping|continuous|wide|long|"
    r"(?:left|right)(?:ward)?|(?:left|right)-to-(?:left|right))[ -]$|(?:^|: )$"
)
_KITCHEN = re.compile(
    r"\b(?:frying|sauce|baking|hot|metal|iron|pots? and|non-?stick|roasting|steel|cake|of|two|into|these)\s+$"
)
_TILT = re.compile(
    r"\b(?:tilts|tilting|tilt|tilted)\b(?!\s+(?:his|her|its|their|your|my|the (?:head|bottle|cup|glass)|heads?)\b)"
)
_TILT_GOES = re.compile(
    rf"(?:\s+{ADVERB}){{0,2}}[\s-](?:up|down|upwards?|downwards?|left|right|from|to|towards?|shot)\b"
)
_ZOOM = re.compile(
    r"\b(?:zooms|zoomed|zooming|zoom)\b(?!\s+(?:meeting|call|lens|level|class|past|by|off|through|down|ahead|along))"
)
_ZOOM_GOES = re.compile(rf"(?:\s+{ADVERB}){{0,2}}[\s-](?P<way>in|out|into|closer|onto|on|back|away|to|towards?|from)\b")
_ZOOMED_STATE = re.compile(r"\b(?:is|are|remains?|stays?|kept|a|an|the)\s+(?:\w+ly )?$")
_DOLLY = re.compile(
    r"\b(?:(?P<closer>push(?:es|ed|ing)? (?:\w+ly )?(?:in|forward)|push-in|mov(?:es?|ed|ing) (?:\w+ly )?(?:in|closer|"
    r"forward|nearer)(?! (?:a|the) (?:circle|arc))|doll(?:y|ies|ied|ying) (?:\w+ly )?(?:in|forward)|dolly-in|advances|"
    r"clos(?:es|ing) in|(?:comes?|gets|draws) (?:in|closer)|approaches|tightens)"
    r"|(?P<wider>pull(?:s|ed|ing)? (?:\w+ly )?(?:back|out|away)|pull-?back|mov(?:es?|ed|"
    r"ing) (?:\w+ly )?(?:back(?:wards?)?|away|out)|back(?:s|ed|ing) (?:away|up|out)|doll(?:y|ies|ied|"
    r"ying) (?:\w+ly )?(?:out|back)|dolly-out|retreats|withdraws|recedes|widens|widening|broadens))\b"
)
_DOLLY_NOUN = re.compile(r"push-in|pull-?back|doll")
_TRAVEL = re.compile(
    r"\b(?:moves?|moving|slides?|sliding|glides?|gliding|trucks|trucking|sweeps?|sweeping|travels?|drifts?|drifting|"
    r"shifts?|swings?|swinging|turns?|turning|rotates?|rotating|whips|swivels|tracks?|tracking|cranes?|pedestals?|"
    r"booms?|dollies|(?P<up>lifts|rises|rising|ascends|ascending|climbs)|(?P<down>descends|descending|lowers|"
    r"lowering))\b"
)
_BOTH_WAYS = re.compile(
    r"\b(?:side to side|back and forth|left and right|right and left|up and down|left or right|"
    r"(?:left|right|up|down),? (?:and )?then (?:\w+ )?(?:left|right|up|down)|and back(?: again)?)\b"
)
_LEFT_TO_RIGHT = re.compile(r"\bleft(?:[- ](?:hand )?side)?(?: of [\w\s]{1,20}?)?[ -]to[ -](?:the )?(?:far )?right\b")
_RIGHT_TO_LEFT = re.compile(r"\bright(?:[- ](?:hand )?side)?(?: of [\w\s]{1,20}?)?[ -]to[ -](?:the )?(?:far )?left\b")
_WAYS = r"left|right|leftwards?|rightwards?|up|down|upwards?|downwards?"
_WAY_BEHIND = re.compile(
    rf"(?:[\s-]+(?:{ADVERB}|slightly|over|off|away|around|across|diagonally|movement|motion|shot|camera|moves?|a bit|"
    rf"a little)){{0,3}}[\s-]+(?:to(?:wards?)? (?:the |its )?)?(?P<way>{_WAYS})\b(?![- ]hand| to \w+ degrees)"
)
_WAY_LATER = re.compile(
    r"\bto(?:wards?)? the (?:far )?(?P<to>left|right)\b(?! of\b)|\b(?P<ward>left|right|up|down)wards?\b"
)
_WAY_BEFORE = re.compile(rf"\b(?P<way>{_WAYS})[ -]$")
_RISES = re.compile(r"\bfrom (?:the |his |her |its )?(?:bottom|floor|ground|feet|below|base) (?:up )?(?:to|towards?)\b")
_SINKS = re.compile(r"\bfrom (?:the |his |her |its )?(?:top|ceiling|sky|head|face|above) (?:down )?(?:to|towards?)\b")
_CLAUSE_ENDS = re.compile(
    r"[.;,!?]| (?:as|while|and then|then|before|until|where|revealing|showing|to reveal|to show|and (?:zoom|tilt|"
    r"pan)\w*) "
)
_MOTIONS = {
    "left": "pan_left", "right": "pan_right", "up": "tilt_up", "down": "tilt_down", "in": "zoom_in", "out": "zoom_out",
    "raises": "tilt_up", "lifts": "tilt_up", "lowers": "tilt_down", "drops": "tilt_down", "dips": "tilt_down",
}  # fmt: skip

# --- moves as nouns and figures of speech ---------------------------------------------------------------------------
_SLOWLY = r"(?:\s+(?:[a-z]+ly|then|gently|further|slightly|a little))*"
_TOWARDS = r"(?:to(?:wards?)? (?:the |its )?)?"
_PHRASES = (
    re.compile(  # "a swift downward tilt", "a steady leftward pan of the camera"
        r"\b(?P<way>left|right|up|down)wards? (?:[a-z-]+ ){0,2}?(?:pans?|tilts?|sweeps?|swings?|drifts?|"
        r"camera (?:move(?:ment)?|motion))\b"
    ),
    re.compile(r"\b(?P<way>in|out)ward (?:[a-z-]+ )?zoom\b"),
    re.compile(  # "a swift tilt down", "a slow pan to the right"
        rf"\b(?:pan|tilt|sweep|swing) (?:[a-z]+ly )?{_TOWARDS}(?P<way>left|right|up|down)(?:wards?)?\b(?! of\b)"
    ),
    re.compile(
        r"\b(?:pan|sweep|swing) (?:[a-z]+ ){0,2}?from (?:the )?(?:left|right) to (?:the )?(?P<way>left|right)\b"
    ),
    re.compile(  # the camera, named in the sentence before
        rf"\bit{_SLOWLY} (?:(?:pans|tilts){_SLOWLY} {_TOWARDS}(?P<way>left|right|up|down)(?:wards?)?"
        rf"|zooms{_SLOWLY} (?P<depth>in|out))\b"
    ),
    re.compile(rf"\b{CAMERA}{_SLOWLY} (?P<way>raises|lifts|lowers|drops|dips) (?:its|the) (?:gaze|view|eye|angle)\b"),
    re.compile(rf"\b{CAMERA}{_SLOWLY} (?:looks|angles|turns|points|aims){_SLOWLY} (?P<way>up|down)(?:wards?)?\b"),
)


def spot_camera(plain: str) -> Iterator[Hit]:
    """Find the moves of the camera that a sentence tells; `framing.spot_framing` finds what else it says of the camera.

    Args:
        plain: one sentence after `plain_text`.

    Yields:
        Hits of kind "camera"; the value is one of `schema.CAMERA_MOTIONS`, or "pan", "tilt" or "zoom" where no
        direction is said.

    Example:
        >>> [hit.value for hit in spot_camera("the camera pans from left to right, then zooms out.")]
        ['pan_right', 'zoom_out']
    """
    for spot in (_pans, _tilts, _zooms, _dollies, _travels, _phrases):
        yield from spot(plain)


def _pans(plain: str) -> Iterator[Hit]:
    for match in _PAN.finditer(plain):
        start, end = match.span()
        goes = _PAN_GOES.match(plain, end) is not None
        if match.group() == "pan":
            infinitive = re.search(r"\b(?:to|and|camera|then) $", before(plain, start, 10)) and camera_moves(
                plain, start
            )
            is_move = (goes and _PAN_AS_MOVE.search(before(plain, start, 24))) or (goes and infinitive)
        elif match.group() == "pans":
            next_to = re.search(rf"\b{CAMERA}(?: {ADVERB}| never)* $", before(plain, start, 40))
            is_move = next_to or (goes and _film_moves(plain, start) and not _KITCHEN.search(before(plain, start, 24)))
        else:
            is_move = goes or camera_moves(plain, start) or before(plain, start, 3) == "no "
        depth = _PAN_DEPTH.match(plain, end)  # "pans out" is what many write for a zoom
        if depth and camera_moves(plain, start):
            yield _hit(plain, start, depth.end(), "zoom_in" if depth["way"] == "in" else "zoom_out")
        elif is_move and not depth:
            yield _hit(plain, start, end, _direction(plain, start, end, "pan"))


def _tilts(plain: str) -> Iterator[Hit]:
    for match in _TILT.finditer(plain):
        start, end = match.span()
        value = _direction(plain, start, end, "tilt")
        goes = _TILT_GOES.match(plain, end) is not None or value != "tilt"
        if match.group() == "tilted":
            is_move = re.search(rf"\b{CAMERA} (?:is |appears )?(?:\w+ly )?$", before(plain, start, 40))
        elif match.group() == "tilt":
            is_move = goes and (_film_moves(plain, start) or _PAN_AS_MOVE.search(before(plain, start, 24)))
        else:
            is_move = _film_moves(plain, start)
        if is_move:
            yield _hit(plain, start, end, value if value.startswith("tilt") else "tilt")


def _zooms(plain: str) -> Iterator[Hit]:
    for match in _ZOOM.finditer(plain):
        start, end = match.span()
        goes = _ZOOM_GOES.match(plain, end)
        if _THING_BEFORE.search(before(plain, start, 40)):
            continue
        if goes and match.group() == "zoomed" and _ZOOMED_STATE.search(before(plain, start, 24)):
            yield _hit(plain, start, goes.end(), "framing")
        elif goes:
            wider = goes["way"] in ("out", "back", "away", "from")
            yield _hit(plain, start, goes.end(), "zoom_out" if wider else "zoom_in")
        elif _film_moves(plain, start) or before(plain, start, 3) == "no ":
            yield _hit(plain, start, end, "zoom")


def _dollies(plain: str) -> Iterator[Hit]:
    for match in _DOLLY.finditer(plain):
        noun = _DOLLY_NOUN.match(match.group()) and not match.group().startswith("pull back")
        if noun or camera_moves(plain, match.start()):
            yield _hit(plain, *match.span(), "zoom_in" if match["closer"] else "zoom_out")


def _travels(plain: str) -> Iterator[Hit]:
    for match in _TRAVEL.finditer(plain):
        if not camera_moves(plain, match.start()):
            continue
        motion = _direction(plain, *match.span(), "")
        motion = motion or ("tilt_up" if match["up"] else "tilt_down" if match["down"] else "")
        if motion:
            yield _hit(plain, *match.span(), motion)


def _phrases(plain: str) -> Iterator[Hit]:
    for pattern in _PHRASES:
        for match in pattern.finditer(plain):
            said = match.groupdict()
            yield _hit(plain, *match.span(), _MOTIONS[said["way"] or said["depth"]])


def _hit(plain: str, start: int, end: int, value: str) -> Hit:
    return Hit(start, end, "camera", value, is_negated(plain, start, end))


def _film_moves(plain: str, verb: int) -> bool:
    """Whether the subject of the verb at this offset is the camera or the picture, not a person or thing in it."""
    between = _behind_subject(_FILM_WORD, before(plain, verb))
    if between is None:
        return verb < 24 and _OPENING.match(plain[:verb]) is not None
    return not _SUBJECT_BETWEEN.search(between) and not _THING_BEFORE.search(between)


def camera_moves(plain: str, verb: int) -> bool:
    """Whether the camera itself is the subject of the verb at this offset, for verbs that anything may have.

    Example:
        >>> camera_moves("the camera slowly rises", 18), camera_moves("the camera shows a man who rises", 27)
        (True, False)
    """
    between = _behind_subject(_CAMERA_WORD, before(plain, verb, 80))
    if between is None or _THING_BEFORE.search(between) or _SUBJECT_BETWEEN.search(between):
        return False
    return _VERBS_BETWEEN.fullmatch(between) is not None


def _behind_subject(subject: re.Pattern, head: str) -> str | None:
    """What stands between the last such subject in `head` and its end, if no sentence or clause ends there."""
    end = max((match.end() for match in subject.finditer(head)), default=None)
    return None if end is None or re.search(r"[.;:!?]", head[end:]) else head[end:]


def _direction(plain: str, start: int, end: int, unsaid: str) -> str:
    """The motion that a verb's surroundings name: right behind it, before it, or later in its clause."""
    clause = _CLAUSE_ENDS.split(behind(plain, end, 120), maxsplit=1)[0]
    nearby = re.split(r"[,.;]", before(plain, start, 20))[-1] + "|" + clause
    if _BOTH_WAYS.search(behind(plain, end, 60).split(".")[0]):
        return unsaid
    if _LEFT_TO_RIGHT.search(nearby) or _RIGHT_TO_LEFT.search(nearby):
        return "pan_right" if _LEFT_TO_RIGHT.search(nearby) else "pan_left"
    found = _WAY_BEHIND.match(clause) or _WAY_BEFORE.search(before(plain, start, 14))
    way = found["way"] if found else ""
    if not way and (later := _WAY_LATER.search(clause)):
        way = later["to"] or later["ward"]
    if not way:
        way = "up" if _RISES.search(clause) else "down" if _SINKS.search(clause) else ""
    return _MOTIONS.get(way.removesuffix("s").removesuffix("ward"), unsaid)
