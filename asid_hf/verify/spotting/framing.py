"""What a sentence says of the camera besides its moves: that it rests or shakes, its angle, shot size and focus."""

from __future__ import annotations

import re
from collections.abc import Iterator

from asid_hf.verify.spotting.camera import ADVERB, CAMERA, FILM, camera_moves
from asid_hf.verify.spotting.plain import Hit, before, is_negated

_REST = re.compile(
    rf"\b(?:{CAMERA}(?: (?:angle|position|view|shot|work|perspective|itself))?(?:\s+[\w'-]{{1,20}})"
    rf"{{0,3}}?\s+(?:remain(?:s|ed|ing)?|"
    r"stay(?:s|ed|ing)?|is|isn't|was|being|stands?|standing|holds?|holding|keeps?|maintains?|maintaining|maintained|"
    r"appears)"
    rf"(?:\s+(?:{ADVERB}|mostly|not|never|an?|at|in|the|quite|very|kept|held)){{0,3}}\s+"
    r"(?:static|still|stationary|fixed|steady|stable|unmoving|motionless|immobile|in place|"
    r"locked(?:-off)?)\b(?! on\b)|(?:static|stationary|fixed|steady|locked-off|locked-down|motionless|"
    r"unmoving)[- ](?:(?!track|mov|pan|zoom|follow|doll)\w+[- ]){0,2}?(?:cameras?|shots?|frame|framing|viewpoint|"
    r"angle|perspective|close-up|position|take|view)\b(?! (?:mov|motion|pan|zoom|work))"
    rf"|{CAMERA} (?:does not|doesn't|never|did not|do not) (?:move|moves|moved|change|changes|budge|shift)\b"
    r"|(?P<unmoved>(?:does not|doesn't|never|did not|do not|hardly|barely|rarely|scarcely) (?:moves?|moved|budge)\b)|"
    r"(?:no|without(?: any)?|absence of) (?:noticeable |visible |discernible |apparent )?camera (?:movement|motion)s?"
    rf"|{CAMERA} [^.;,]{{0,40}}without (?:any )?(?:moving|movement|motion|stirring)"
    r"|(?:no|neither|without (?:a|any)) (?:pan|tilt|zoom)(?:ning|ting|ing)?s?(?:,? (?:or |nor |and )?(?:a |"
    r"any )?(?:pan|tilt|zoom)(?:ning|ting|ing)?s?)+"
    rf"|{CAMERA} (?:stays|remains) (?:put|where it is|at rest|in one place|frozen)|{CAMERA} (?:holds|keeps) (?:its|"
    rf"the same|one) (?:position|place|frame|framing))\b"
)
_REST_DENIED = re.compile(r"\b(?:not|never|isn't)\s+(?:\w+\s+){0,2}(?:static|still|stationary|fixed|steady|stable)$")
_STEADY_THING = re.compile(r"\b(?:image|picture|graphic|text|screen|photo)\b")
_SHAKE = re.compile(
    r"\b(?:(?:camera|footage|frame|framing|view|shot|picture|image|video)(?:work|"
    r" movement)?(?:\s+[\w'-]{1,20}){0,3}?\s+(?:shak(?:es|ing|y)|wobbl(?:es|ing|y)|jerks|jerking|jerky|trembl(?:es|"
    r"ing)|jolts|jitters|jittery|jittering|vibrat(?:es|ing)|bobs|bounces|unsteady|unstable|jostles|hand-?held|"
    r"shook)\b|(?:shaky|shaking|wobbly|jerky|jittery|unsteady|unstable|hand-?held(?:,? (?:shaky|"
    r"unsteady))?),?[- ](?:(?:and|hand-?held|shaky|moving|mobile|phone|style|"
    r"first-person)\s+){0,2}(?:cam(?:era)?(?:work)?|camera movements?|footage|shots?|video|style|feel|movements?|"
    r"motion|recording|frame|framing|filming|perspective|view|close-up|quality|look|tracking|effect|clip|zoom)\b|"
    r"camera shake|shaky[- ]cam|(?:filmed|shot|recorded|captured) hand-?held)"
)
_SIZE = (
    r"wider?|long|medium|establishing|overhead|aerial|tracking|tight|master|dolly|crane|drone|panoramic|reaction|"
    r"cowboy|reverse|point-of-view|pov|over-the-shoulder|macro|top-down|bird's[- ]eye|high-angle|low-angle|eye-level|"
    r"frontal|broader|satellite|waist-up|full-body|head-on|mid|medium-wide|medium-close|close|closer|wide-angle|"
    r"zoomed-in|zoomed-out|first-person|extreme|follow|detailed close"
)
_NAMED = re.compile(
    r"\b(?:(?:(?:extreme|tight|medium|detailed|another|magnified) )?close[- ]?ups?(?: (?:shots?|views?|angle))?"
    rf"|(?:{_SIZE})[- ](?:close[- ]?up )?(?:(?:angled?|outdoor|indoor|interior|exterior|top|stage|street|"
    rf"aerial) )?(?:shots?|views?|angles?|perspectives?)"
    r"|(?:aerial|drone) footage|full shots?|two-shots?|(?:side|rear|front|top|back|bottom|down|overhead) (?:view|"
    r"angle|shot|perspective)s?(?! mirror)|(?:low|high|wide|dutch|canted|oblique|overhead|side|top|"
    r"bird's-eye)[- ]angle|(?:eye|ground|waist)[- ]level|top-down|bird's[- ]eye|(?:seen|viewed|shown|filmed|captured|"
    r"shot|view|looking|looks)(?: \w+){0,3} from (?:directly )?(?:above|overhead|below|behind)|^(?:\W*)from (?:above|"
    r"overhead|below)|from (?:the|an?) (?:[\w'-]+ )?(?:perspective|viewpoint|point of view) of|from (?:an?|the same|"
    r"the) (?:[\w'-]+ ){1,3}(?:view|angle|perspective|viewpoint|vantage point)|from (?:different|various|multiple|"
    r"several|varied|alternate) (?:\w+ )?(?:angles|perspectives|viewpoints)|first-person(?! shooter| narrat)|"
    r"point[- ]of[- ]view|over-the-shoulder|shallow depth of field|out of focus|rack focus|(?:dynamic|multiple|"
    r"various|different|varied|smooth|alternating) camera (?:angles|movements?|work)|camera angles?|(?:elevated|"
    r"underwater|distant|alternate) (?:view|perspective|angle|shot)|(?:scene|view|frame|shot|"
    r"perspective) (?:\w+ly )?(?:broadens|widens|narrows|tightens)|focus (?:\w+ly )?(?:intensifies|narrows|tightens|"
    r"closes in))\b"
)
_FOCUS = re.compile(
    rf"\b(?:{FILM}|it)(?: (?:{ADVERB}|part|segment|briefly|often|remains|remaining|stays|is|keeps|continues|to|in|of|"
    rf"the|this|"
    r"begins|by|starts|ends|with|maintains|returns|transitions|shifts|moves|and)){0,4} (?P<verb>focus(?:es|ed|ing)?"
    rf"(?: {ADVERB})? (?:on|in)|cent(?:ers|red|ered|ering|ring) on|trained on|fixed on|lingers on|steadied on|"
    rf"concentrates on)\b"
    r"|\b(?:an?|the|its|continuous|close) focus on\b|\bfocus (?:\w+ly |again |still |then |also |now )?(?:remains|"
    r"stays|is|continues|lies|lingers|rests)(?: \w+ly| still)? on\b|\bcamera (?:\w+ )?(?:brings (?:the |its )?focus|"
    r"shifts (?:its |the )?focus|adjusts|follows|tracks|trails|circles|orbits|revolves|spins|flips|moves|travels|"
    r"glides|sweeps|turns|rotates|swings|shifts angles?|shifting angles?|explores|exits|zero(?:e?s|ing) in on|"
    r"ho[mn](?:es|ing) in on|shifts(?=[,.]| slightly)|(?:remains|stays|holds|lingers) on)\b"
    rf"|\b(?:focusing|zeroing in)(?: {ADVERB})? on\b"
)
_ATTENTION = re.compile(r"\b(?:visual focus on|(?:indicat|suggest|imply|reflect)\w* (?:an?|the) focus on)$")
_TURNED = re.compile(  # what is turned or shown round, not filmed, "from different angles"
    r"\b(?:rotat|turn|spin|pose|posing|sharpen|show|displa|inspect|examin|demonstrat|highlights? the features)"
)
_FILMED = re.compile(
    r"\b(?:camera|video|shots?|scenes?|clips?|footage|views?|captur\w+|film\w+|seen|frames?|close-ups?)\b"
)
_CLAUSE_OF_FILM = re.compile(
    rf".*(?:^|[,;]|\b(?:and|as|while|then|before|with))\W*(?:the |an? |this )?(?:[\w-]+ )?{CAMERA}\b(?P<rest>[^.;]*)$",
    re.DOTALL,
)
_TOLD = re.compile(r"\bvideo (?:\w+ )?(?:integrates|explores|delves|offers|provides|delivers|presents|details)\b")
_PLAYED = re.compile(
    r"\b(?:tak(?:es?|ing)|took|mak(?:es?|ing)|attempt(?:s|ing)?|shoots?|hits?|fires?|sinks?|misses|blocks?|pours?|"
    r"drinks?)\s+(?:\w+\s+){0,2}$"
)
_PERSON = re.compile(
    r"\b(?:he|she|they|(?:wo)?m[ae]n|boy|girl|person|people|individual|narrator|speaker|voice|child|artist|chef|audio|"
    r"player|text|narration|hands?|who|demonstrates|explains|discusses|practices|works?|talks)\b(?!'s)"
)


def spot_framing(plain: str) -> Iterator[Hit]:
    """Find that the camera rests or shakes, and angles, shot sizes and focus.

    Args:
        plain: one sentence after `plain_text`.

    Yields:
        Hits of kind "camera"; the value is "static", "shake", or "framing" (nothing that a sensor measures).

    Example:
        >>> [hit.value for hit in spot_framing("a close-up of a bee; the camera does not move.")]
        ['static', 'framing']
    """
    for spot in (_rests, _shakes, _framings):
        yield from spot(plain)


def _rests(plain: str) -> Iterator[Hit]:
    for match in _REST.finditer(plain):
        if match["unmoved"] and not camera_moves(plain, match.start()):
            continue
        if not _STEADY_THING.search(match.group()):
            yield Hit(*match.span(), "camera", "static", _REST_DENIED.search(match.group()) is not None)


def _shakes(plain: str) -> Iterator[Hit]:
    for match in _SHAKE.finditer(plain):
        if not re.search(r"\b(?:hands?|heads?|concludes|ends|them|him|her|voice|body|legs?)\b", match.group()):
            yield _hit(plain, *match.span(), "shake")


def _framings(plain: str) -> Iterator[Hit]:
    for match in _NAMED.finditer(plain):
        head = before(plain, match.start(), 80)
        played = match.group().endswith(("shot", "shots")) and _PLAYED.search(head[-30:])
        around = match.group().endswith(("angles", "perspectives")) and not _FILMED.search(head)
        if not played and not (around and _TURNED.search(head)):
            yield _hit(plain, *match.span(), "framing")
    for match in _FOCUS.finditer(plain):
        start = match.start("verb") if match["verb"] else match.start()
        participle = plain.startswith(("focusing", "zeroing"), match.start())
        if not _ATTENTION.search(match.group()) and not (participle and not _by_camera(plain, start)):
            yield _hit(plain, start, match.end(), "framing")


def _by_camera(plain: str, participle: int) -> bool:
    """Whether it is the camera or the picture that is "focusing on" something, not a person in it."""
    head = before(plain, participle, 300)
    if not head.strip():
        return True
    if _TOLD.search(head):
        return False
    clause = _CLAUSE_OF_FILM.match(head)
    if clause and not _PERSON.search(clause["rest"]):
        return True
    return re.search(rf"\b{FILM}\b", head) is not None and not _PERSON.search(head)


def _hit(plain: str, start: int, end: int, value: str) -> Hit:
    return Hit(start, end, "camera", value, is_negated(plain, start, end))
