"""What a sentence says of the camera: its moves and their direction, that it rests, its angle, shot size and focus."""

from __future__ import annotations

import re
from collections.abc import Iterator

from asid_hf.verify.spotting.plain import Hit, before, behind, is_negated

# --- who moves ------------------------------------------------------------------------------------------------------
_FILM = (
    r"(?:cameras?|camerawork|views?|viewpoint|shots?|frames?|video|scenes?|clips?|footage|perspective|focus|lens|image|"
    r"visuals?|cinematography|angle|framing|picture|sequence|drone|vantage point|recording)(?:'s)?"
)
_CAMERA = r"(?:cameras?|viewpoint|drone|perspective|views?|shots?|frames?|framing|lens|camerawork|footage|angle)(?:'s)?"
_ADVERB = r"(?:[a-z]{2,20}ly|then|again|also|next|now|soon|back|once more|once again|still|all the way|further)"
_FILM_WORD, _CAMERA_WORD = re.compile(rf"\b{_FILM}\b"), re.compile(rf"\b{_CAMERA}(?!\w)")
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
    rf"(?:\s+(?:{_ADVERB}|then|is|are|begins to|starts to|continues to|keeps|and|gradually))*\s*"
    r"|.*(?:,| and| before| then)(?: then| and then)?\s+(?:\w+ly )?"
)

# --- moves ----------------------------------------------------------------------------------------------------------
_PAN = re.compile(r"\b(?:pans|panned|panning|pan)\b")
_PAN_GOES = re.compile(
    rf"(?:\s+(?:{_ADVERB}|slightly)){{0,3}}[\s-](?:left|right|across|over|to|from|around|up|down|out|away|along|"
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
    rf"(?:\s+{_ADVERB}){{0,2}}[\s-](?:up|down|upwards?|downwards?|left|right|from|to|towards?|shot)\b"
)
_ZOOM = re.compile(
    r"\b(?:zooms|zoomed|zooming|zoom)\b(?!\s+(?:meeting|call|lens|level|class|past|by|off|through|down|ahead|along))"
)
_ZOOM_GOES = re.compile(
    rf"(?:\s+{_ADVERB}){{0,2}}[\s-](?P<way>in|out|into|closer|onto|on|back|away|to|towards?|from)\b"
)
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
    rf"(?:[\s-]+(?:{_ADVERB}|slightly|over|off|away|around|across|diagonally|movement|motion|shot|camera|moves?|a bit|"
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
_MOTIONS = {"left": "pan_left", "right": "pan_right", "up": "tilt_up", "down": "tilt_down"}

# --- rest, shake, framing -------------------------------------------------------------------------------------------
_REST = re.compile(
    rf"\b(?:{_CAMERA}(?: (?:angle|position|view|shot|work|perspective|"
    rf"itself))?(?:\s+[\w'-]{{1,20}}){{0,3}}?\s+(?:remain(?:s|ed|ing)?|"
    r"stay(?:s|ed|ing)?|is|isn't|was|being|stands?|standing|holds?|holding|keeps?|maintains?|maintaining|maintained|"
    r"appears)"
    rf"(?:\s+(?:{_ADVERB}|mostly|not|never|an?|at|in|the|quite|very|kept|held)){{0,3}}\s+"
    r"(?:static|still|stationary|fixed|steady|stable|unmoving|motionless|immobile|in place|locked(?:-off)?)\b(?! on\b)"
    r"|(?:static|stationary|fixed|steady|locked-off|locked-down|motionless|unmoving)[- ](?:(?!track|mov|pan|zoom|"
    r"follow|doll)\w+[- ]){0,2}?(?:cameras?|shots?|frame|framing|viewpoint|angle|perspective|close-up|position|take|"
    r"view)\b(?! (?:mov|motion|pan|zoom|work))"
    rf"|{_CAMERA} (?:does not|doesn't|never|did not|do not) (?:move|moves|moved|change|changes|budge|shift)\b"
    r"|(?P<unmoved>(?:does not|doesn't|never|did not|do not|hardly|barely|rarely|scarcely) (?:moves?|moved|budge)\b)"
    r"|(?:no|without(?: any)?|absence of) (?:noticeable |visible |discernible |apparent )?camera (?:movement|"
    r"motion)s?\b)"
)
_REST_DENIED = re.compile(r"\b(?:not|never|isn't)\s+(?:\w+\s+){0,2}(?:static|still|stationary|fixed|steady|stable)$")
_STEADY_THING = re.compile(r"\b(?:image|picture|graphic|text|screen|photo)\b")
_SHAKE = re.compile(
    r"\b(?:(?:camera|footage|frame|framing|view|shot|picture|image|video)(?:work|"
    r" movement)?(?:\s+[\w'-]{1,20}){0,3}?\s+(?:shak(?:es|ing|y)|wobbl(?:es|ing|y)|jerks|jerking|jerky|trembl(?:es|"
    r"ing)|jolts|jitters|jittery|jittering|vibrat(?:es|ing)|bobs|bounces|unsteady|unstable|jostles|hand-?held|shook)\b"
    r"|(?:shaky|shaking|wobbly|jerky|jittery|unsteady|unstable|hand-?held(?:,? (?:shaky|unsteady))?),?[- ]"
    r"(?:(?:and|hand-?held|shaky|moving|mobile|phone|style|first-person)\s+){0,2}"
    r"(?:cam(?:era)?(?:work)?|camera movements?|footage|shots?|video|style|feel|movements?|motion|recording|frame|"
    r"framing|filming|perspective|view|close-up|quality|look|tracking|effect|clip|zoom)\b"
    r"|camera shake|shaky[- ]cam|(?:filmed|shot|recorded|captured) hand-?held)"
)
_SIZE = (
    r"wider?|long|medium|establishing|overhead|aerial|tracking|tight|master|dolly|crane|drone|panoramic|reaction|"
    r"cowboy|reverse|point-of-view|pov|over-the-shoulder|macro|top-down|bird's[- ]eye|high-angle|low-angle|eye-level|"
    r"frontal|broader|satellite|waist-up|full-body|head-on|mid|medium-wide|medium-close|close|closer|wide-angle|"
    r"zoomed-in|zoomed-out|first-person|extreme|follow|detailed close"
)
_NAMED = re.compile(
    r"\b(?:(?:(?:extreme|tight|medium|detailed|another|magnified) )?close[- ]?ups?(?: (?:shots?|views?|angle))?"
    rf"|(?:{_SIZE})[- ](?:close[- ]?up )?(?:(?:angled?|outdoor|indoor|interior|exterior|top) )?(?:shots?|views?|"
    rf"angles?|perspectives?)"
    r"|(?:aerial|drone) footage|full shots?|two-shots?|(?:side|rear|front|top|back|bottom|down|overhead) (?:view|"
    r"angle)s?(?! mirror)"
    r"|(?:low|high|wide|dutch|canted|oblique|overhead|side|top|bird's-eye)[- ]angle|(?:eye|ground|waist)[- ]level"
    r"|top-down|bird's[- ]eye|(?:seen|viewed|shown|filmed|captured|shot|view|looking|"
    r"looks)(?: \w+){0,3} from (?:directly )?(?:above|overhead|below|behind)|^(?:\W*)from (?:above|overhead|below)"
    r"|from (?:an?|the same) (?:[\w-]+ ){1,3}(?:view|angle|perspective|viewpoint|vantage point)"
    r"|from (?:different|various|multiple|several|varied|alternate) (?:\w+ )?(?:angles|perspectives|viewpoints)"
    r"|first-person(?! shooter| narrat)|point[- ]of[- ]view|over-the-shoulder|shallow depth of field|out of focus|"
    r"rack focus"
    r"|(?:dynamic|multiple|various|different|varied|smooth|alternating) camera (?:angles|movements?|work)|"
    r"camera angles?)\b"
)
_FOCUS = re.compile(
    rf"\b(?:{_FILM}|it)(?: (?:{_ADVERB}|part|segment|briefly|often|remains|remaining|stays|is|keeps|continues|to|in|of|"
    rf"the|this|"
    r"begins|by|starts|ends|with|maintains|returns|and)){0,4} (?:focus(?:es|ed|ing)?"
    rf"(?: {_ADVERB})? (?:on|in)|cent(?:ers|red|ered|ering|ring) on|trained on|fixed on|lingers on|steadied on|"
    rf"concentrates on)\b"
    r"|\b(?:an?|the|its|continuous|close) focus on\b|\bfocus (?:\w+ly |again |still |then |also |now )?(?:remains|"
    r"stays|returns|is|continues|lies|lingers|rests)(?: \w+ly| back| once more| again| still)?(?: on| to)\b"
    r"|\bcamera (?:\w+ )?(?:brings (?:the |its )?focus|shifts (?:its |the )?focus|adjusts|follows|tracks|trails|"
    r"circles|orbits|revolves|spins|flips|moves|travels|glides|sweeps|turns|rotates|swings|shifts angles?|"
    r"shifting angles?|explores|exits)\b"
    rf"|\b(?:focusing|zeroing in)(?: {_ADVERB})? on\b"
)
_PLAYED = re.compile(
    r"\b(?:tak(?:es?|ing)|took|mak(?:es?|ing)|attempt(?:s|ing)?|shoots?|hits?|fires?|sinks?|misses|blocks?|pours?|"
    r"drinks?)\s+(?:\w+\s+){0,2}$"
)
_PERSON = re.compile(
    r"\b(?:he|she|they|(?:wo)?m[ae]n|boy|girl|person|people|individual|narrator|speaker|voice|child|artist|chef|audio|"
    r"player|text|narration|hands?|who|demonstrates|explains|discusses|practices|works?|talks)\b(?!'s)"
)


def spot_camera(plain: str) -> Iterator[Hit]:
    """Find what a sentence says of the camera.

    Args:
        plain: one sentence after `plain_text`.

    Yields:
        Hits of kind "camera"; the value is one of `schema.CAMERA_MOTIONS`, or "pan", "tilt" or "zoom" where no
        direction is said, or "framing" (angle, shot size, focus, following: nothing that a sensor measures).

    Example:
        >>> [hit.value for hit in spot_camera("the camera pans from left to right, then zooms out.")]
        ['pan_right', 'zoom_out']
    """
    for spot in (_pans, _tilts, _zooms, _dollies, _travels, _rests, _shakes, _framings):
        yield from spot(plain)


def _pans(plain: str) -> Iterator[Hit]:
    for match in _PAN.finditer(plain):
        start, end = match.span()
        goes = _PAN_GOES.match(plain, end) is not None
        if match.group() == "pan":
            infinitive = re.search(r"\b(?:to|and|camera|then) $", before(plain, start, 10)) and _camera_moves(
                plain, start
            )
            is_move = (goes and _PAN_AS_MOVE.search(before(plain, start, 24))) or (goes and infinitive)
        elif match.group() == "pans":
            next_to = re.search(rf"\b{_CAMERA}(?: {_ADVERB}| never)* $", before(plain, start, 40))
            is_move = next_to or (goes and _film_moves(plain, start) and not _KITCHEN.search(before(plain, start, 24)))
        else:
            is_move = goes or _camera_moves(plain, start) or before(plain, start, 3) == "no "
        depth = _PAN_DEPTH.match(plain, end)  # "pans out" is what many write for a zoom
        if depth and _camera_moves(plain, start):
            yield _hit(plain, start, depth.end(), "zoom_in" if depth["way"] == "in" else "zoom_out")
        elif is_move and not depth:
            yield _hit(plain, start, end, _direction(plain, start, end, "pan"))


def _tilts(plain: str) -> Iterator[Hit]:
    for match in _TILT.finditer(plain):
        start, end = match.span()
        value = _direction(plain, start, end, "tilt")
        goes = _TILT_GOES.match(plain, end) is not None or value != "tilt"
        if match.group() == "tilted":
            is_move = re.search(rf"\b{_CAMERA} (?:is |appears )?(?:\w+ly )?$", before(plain, start, 40))
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
        if noun or _camera_moves(plain, match.start()):
            yield _hit(plain, *match.span(), "zoom_in" if match["closer"] else "zoom_out")


def _travels(plain: str) -> Iterator[Hit]:
    for match in _TRAVEL.finditer(plain):
        if not _camera_moves(plain, match.start()):
            continue
        motion = _direction(plain, *match.span(), "")
        motion = motion or ("tilt_up" if match["up"] else "tilt_down" if match["down"] else "")
        if motion:
            yield _hit(plain, *match.span(), motion)


def _rests(plain: str) -> Iterator[Hit]:
    for match in _REST.finditer(plain):
        if match["unmoved"] and not _camera_moves(plain, match.start()):
            continue
        if not _STEADY_THING.search(match.group()):
            yield Hit(*match.span(), "camera", "static", _REST_DENIED.search(match.group()) is not None)


def _shakes(plain: str) -> Iterator[Hit]:
    for match in _SHAKE.finditer(plain):
        if not re.search(r"\b(?:hands?|heads?|concludes|ends|them|him|her|voice|body|legs?)\b", match.group()):
            yield _hit(plain, *match.span(), "shake")


def _framings(plain: str) -> Iterator[Hit]:
    for match in _NAMED.finditer(plain):
        if not (match.group().endswith(("shot", "shots")) and _PLAYED.search(before(plain, match.start(), 30))):
            yield _hit(plain, *match.span(), "framing")
    for match in _FOCUS.finditer(plain):
        participle = match.group().startswith(("focusing", "zeroing"))
        head = before(plain, match.start(), 300)
        if not participle or not head.strip() or (re.search(rf"\b{_FILM}\b", head) and not _PERSON.search(head)):
            yield _hit(plain, *match.span(), "framing")


def _hit(plain: str, start: int, end: int, value: str) -> Hit:
    return Hit(start, end, "camera", value, is_negated(plain, start, end))


def _film_moves(plain: str, verb: int) -> bool:
    """Whether the subject of the verb at this offset is the camera or the picture, not a person or thing in it."""
    between = _behind_subject(_FILM_WORD, before(plain, verb))
    if between is None:
        return verb < 24 and _OPENING.match(plain[:verb]) is not None
    return not _SUBJECT_BETWEEN.search(between) and not _THING_BEFORE.search(between)


def _camera_moves(plain: str, verb: int) -> bool:
    """Whether the camera itself is the subject, for verbs that anything else may have too."""
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
