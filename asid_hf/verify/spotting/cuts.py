"""Where a sentence says that the shot or scene changes, or that it never does."""

from __future__ import annotations

import re
from collections.abc import Iterator

from asid_hf.verify.spotting.plain import Hit, before, behind, is_negated

_ADVERB = r"(?:[a-z]{2,20}ly|then|again|also|next|now|soon|back|once more|away|over|forward|further)"
_FILM = (
    r"(?:scene|video|clip|shot|camera|footage|frame|view|visual|screen|sequence|narrative|focus|perspective|segment|"
    r"film|action|setting|attention|image|story|presentation|episode|montage|spotlight|emphasis|animation|display|"
    r"picture|recording|storyline|location|content|tutorial|demonstration|imagery|angle|environment|commercial|"
    r"trailer|advertisement|feed|stream|visual focus|viewpoint|scenery|set|section|close-up|title card)s?(?:'s)?"
)
_WITHIN = (  # what may stand between the subject and the verb
    rf"(?:\s+(?:{_ADVERB}|begins to|starts to|continues to|continues|progresses|as it|will|has|is|are|proceeds to|to|"
    rf"and|"
    r"view|focus|scene|screen|angle|transition)){0,4}"
)
_ELSEWHERE = r"(?:in|out)doors|inside|outside|underwater|elsewhere|overhead|upstairs|downstairs|home"
_THERE = rf"(?:\s+(?:{_ADVERB}|scenes?|views?|focus|angles?|shots?|perspectives?|settings?|gears)){{0,3}}"
_CHANGE = re.compile(
    rf"\b(?:(?:the|this|each) )?(?P<subject>{_FILM}|it|which){_WITHIN}\s+(?:"
    r"(?:transition(?:s|ed|ing)?|cuts?|cutting|shift(?:s|ed|ing)?|switch(?:es|ed|ing)?|chang(?:es?|ed|ing)|fad(?:es?|"
    r"ed|ing)|dissolv(?:es|ed|ing)|jump(?:s|ed|ing)|flash(?:es|ed)|alternat(?:es?|ed|ing)|circles?|reverts?|snaps|"
    r"wipes|intercuts|segues)"
    rf"{_THERE}\s+(?:to|into|between|from|in|out|back|onto|through|among|towards?|with|{_ELSEWHERE})\b"
    r"|(?P<alone>transition(?:s|ed)?|changes|shifts|switches|fades|cuts|dissolves)(?=[,.;]|\s+(?:as|and|again|once|"
    r"while|smoothly|seamlessly|where|when|abruptly|quickly|several|multiple|sharply)\b)|(?P<goes>mov(?:es|ed|ing)|"
    r"return(?:s|ed|ing)|goes|went|comes|progress(?:es|ing)|proceeds|advances|leaps|pivots|turns)"
    rf"{_THERE}\s+(?:on to|onto|to|into)\b(?!\s+(?:\w+ly )?(?:show|display|reveal|feature|highlight|be|the beat|"
    rf"explain|"
    r"demonstrate|detail|include|life|focus|present|discuss|describe|explore|illustrate|have|\w+ (?:how|that)))"
    rf"|(?:moves|returns|goes)(?: \w+ly| back)? (?:{_ELSEWHERE})\b|back to\b)"
)
_TRANSITION = re.compile(  # film language whatever its subject: "a close-up of his face transitions to"
    r"\b(?P<cut>transit(?:ion)?(?:s|ing)(?: \w+ly| back| again| over){0,2} (?:in)?to)(?P<text> (?:the )?(?:\w+ )"
    r"?(?:text|words|message|¤))?\b"
)
_PICTURE = re.compile(
    r"\b(?:scenes?|video|shots?|clips?|footage|views?|film|visuals?|screen|close-ups?|images?|cards?|animation|"
    r"illustration|frames?|focus)\b"
)
_PICTURE_NEXT = re.compile(
    r"\s+(?:an?|the|another|his|her|their) (?:[\w'-]+ ){0,3}?(?:close-?up|shot|view|scene|footage|clip|screen|frame|"
    r"angle|video|image|visual)\b"
)
_DOER = re.compile(
    r"(?:\b(?:he|she|they|who|(?:wo)?m[ae]n|boy|girl|person|people|dog|cat|player|speaker|narrator|child|audio|music|"
    r"voice|sound|song|conversation|discussion|dialogue|commentary|mood|tone|expression|emoji|smile|text|caption|"
    r"subtitle|statement|which)|¤),?(?: (?:\w+ly|then|also|and|in \w+))* $"
)
_BACK_TO_SHOT = re.compile(
    r"\b(?:it|and(?: then)?) (?P<cut>(?:returns|goes|moves|cuts|shifts)(?: \w+ly| back)? to (?:an?|"
    r"the) (?:[\w-]+ )?(?:close-?up|shot|view|scene|footage|clip|setting))\b"
)
_GOING_BACK = re.compile(
    r"(?:\b(?:before|by)|,) (?:\w+ly |then )?(?P<cut>(?:returning|going back|coming back|moving back|"
    r"leading back)(?: \w+ly)? to) (?:an?|the|another) (?:[\w-]+ ){0,4}?(?:close-?up|shot|view|scene|footage|clip|"
    r"setting|interview|screen|studio)\b|(?:,|;|\band|,? leading) (?:then )?(?P<back>back to) (?:an?|the|"
    r"another) (?!camera|wall|audience|viewer|crowd|same (?:position|place))"
)
_GOES_HERSELF = re.compile(
    r"\b(?:he|she|they|runs?|walks?|goes|comes|turns?|running|walking|turning|gets?|steps?|heads?|hurr\w+)\b"
)
_MOVES = re.compile(r"\b(?:mov|turn|pivot|advanc|progress)|\bslightly\b")
_TO_A_SIDE = re.compile(r"\s*(?:the |its |their )?(?:far )?(?:left|right)\b")
_TOLD = re.compile(r"narratives?|story|storyline|emphasis|attention|content|presentation|focus")
_TELLING = re.compile(
    r" (?:\w+ly )?(?:emphasi|highlight|explor|explain|discuss|describ|address|reflect|underscor|how\b)"
)
_WEAK_SUBJECT = re.compile(r"it|which|displays?|action|screens?|content|environments?")
_THING_BEFORE = re.compile(
    r"\b(?:text|audio|music|sound|voice|tone|subtitle|caption|title|he|she|they|score|emoji|colou?r|lighting|who|with|"
    r"on|in|of|across|from|behind|into|facing|towards?|at|to|logo|timer|fish|car|man|woman|water|sky)(?: the| in the|"
    r" on the| a| of the)? $"
)
_OPENING = re.compile(
    r"\W{0,3}(?:(?:next|then|finally|subsequently|suddenly|later|afterwards?|"
    r"after that),? )?(?:\w+ly )?(?P<cut>switching scenes|(?:transitions|cuts|shifts|transitioning|cutting|switching|"
    r"shifting|returning|changing|jumping|fading|reverting|moving back|back)(?: \w+ly| back| again| over| away|"
    r" scenes?| focus)?(?: (?:to|into|from|between)))\b"
)
_JOINED = re.compile(  # "..., then cuts to", "before transitioning to": the subject stands further ahead
    r"(?:\b(?:before|then|and|after|by|while|with)|,)\s+(?:\w+ly |then |quickly )?(?P<cut>(?:transitioning|"
    r"transitions|cutting|cuts?|switch(?:es|ing)|shift(?:s|ing)|dissolv(?:es|ing)|fad(?:es|ing)|intercut|"
    r"interspersed)(?: \w+ly| back| again| over| away){0,2} (?:to|into|between|from|with))\b|\b(?:seamless|smooth|"
    r"quick|abrupt|rapid|fluid|dynamic)(?:ly)? (?P<style>transition(?:s|ing|ed)?|cuts?|cutting|switch(?:es|ing)|"
    r"shift(?:s|ing)?)(?= (?:to|into|between|through|from|of|back|across|with|in)\b|[,.])"
)
_FILM_WORD = re.compile(
    r"\b(?:scene|video|camera|shot|clip|footage|frame|sequence|view|film|narrative|visuals?|screen|it)s?\b"
)
_CUTTER = re.compile(
    r"\b(?:he|she|(?:wo)?man|knife|hands?|person|chef|scissors|blade|saw|barber|tool|individual|they|cutter|"
    r"slic\w+)\b[^.;]{0,40}$"
)
_NOUN = re.compile(
    r"\b(?:jump|hard|smash|match|quick|fast|rapid|sudden|abrupt|sharp|direct|straight|clean|scene|film|"
    r"video) cuts?\b(?! (?:of|on|through))|\bcuts? (?:to|back to|away (?:to|from)|between) (?:an?|the|black|another|"
    r"white|him|her|show|different)\b|\bcutaways?|\bcross-?fades?\b|\bfad(?:e|es|ing)[- ](?:to|into|from|"
    r"out to) (?:black|white)\b|\bfade-(?:in|out)\b|\b(?:scene|shot|frame|visual|screen|another|an?|the|this|swift|"
    r"sudden|final|video|with|each) (?:(?:quick|smooth|seamless|swift|visual|brief|sudden|scene) )?(?:transition|"
    r"switch|shift|change)s?(?= (?:back )?(?:to|into|between|from (?:the|an?))\b| occurs| happens| effect)|\b(?:an?|"
    r"the|this|another|final) (?:[a-z]{4,12} )?transition\b(?! (?:in|of) (?:mood|tone|emotion|her|his))|"
    r"\bscene (?:transition|change)s?\b|\bscreen transitions?\b|\btransition effects?\b|\bchange of scene\b|"
    r"\bwipe transition\b"
)
_NEXT = re.compile(
    r"\b(?:(?:in|during|with|into|through) )?(?:the |an? )?(?:very )?(?:next|following|subsequent|ensuing|succeeding|"
    r"new|another|different) (?:(?!video|paper|hair|movie|paint|screw|gun)\w+ )?(?P<unit>scenes?|shots?|frames?|"
    r"clips?|footage|segments?|sequences?)\b"
)
_MERE_PART = re.compile(r"\b(?:new|another|different) (?:\w+ )?(?:frames?|sequences?|segments?|clips?)$")
_SINGLE_TAKE = re.compile(
    r"\b(?:single|one|unbroken|continuous|uninterrupted|unedited)(?:,? (?:and )?(?:continuous|unbroken|uninterrupted|"
    r"single|long|extended|unedited|static|fixed|steady|stationary|handheld|fluid|"
    r"seamless)){0,3} (?P<unit>(?:camera )?shot|take)\b(?! (?:of (?:espresso|whiskey|vodka|tequila|liquor)|glass|at|"
    r"on goal))|\blong take\b"
)
_COUNTED = re.compile(r"(?:single|one)(?: (?:static|fixed|steady|stationary))? (?:camera )?(?:shot|take)")
_AS_WHOLE = re.compile(
    r"\b(?:in|as|of|is) (?:a|the) $|\b(?:as|of|is|entirely|all) $|\b(?:filmed|recorded|captured|shot|unfolds|"
    r"presented|consists)\b[\w ]{0,24}$"
)
_NEVER = re.compile(
    r"\b(?:no|without(?: (?:any|a single|an?))?|zero|not a single|never|free of|lacks(?: any)?) (?:(?:visible|"
    r"discernible|noticeable|apparent|hard|single|scene|shot|camera|further|other) )?(?:cuts?|scene changes?|"
    r"shot changes?|edits|transitions?|changes? of (?:shot|scene))\b(?! (?:on|in (?:the |his |her )?(?:skin|fabric|"
    r"paper|price)|corners?|of meat|the|his|her|through|it))"
)
_FIGURE = re.compile(  # the same in more words
    r"\b(?:the )?edit(?:ing)?(?: then)? (?:takes|brings|carries|moves|leads|jumps|switches|cuts|returns)(?: us|"
    r" the viewer| viewers| the audience)? (?:on |back |over )?(?:in)?to\b|\bwith (?:a|one|"
    r"another) (?:[a-z-]+ )?cut,? (?:we|the (?:video|film|scene|clip|picture|viewer|story))\b|\b(?:after|following|"
    r"through|via) (?:a|the|another) (?:[a-z-]+ )?cut\b(?! (?:on|of|in|to his|to her))|\b(?:there is|there's|comes|"
    r"follows|we see) (?:then )?an? (?:[a-z-]+ )?cut\b(?! (?:on|in|of))|\bit (?:then |now |next |soon |"
    r"finally )?(?:cuts|transitions|switches|jumps|fades|dissolves) (?:back |away |over )?(?:in)?to\b|\b(?:scene|view|"
    r"landscape|setting|background|picture|image) (?:\w+ly )?(?:transitions|evolves|morphs|gives way) (?:in)?to\b|"
    r"\bwe (?:then |now |next )?(?:cut|jump|switch|move|return|shift|go|transition|are (?:taken|brought)) (?:away |"
    r"back |over |on )?to\b(?! (?:see|be|show)\b)|\b(?:brings?|takes?|leads?|transports?) (?:us|the (?:viewer|"
    r"audience)s?) (?:back |over |on )?(?:in)?to\b|\b(?:scene|shot|image|picture|view|frame|clip|"
    r"footage) (?:\w+ly )?(?:blends|melts|merges|flows) (?:\w+ly )?(?:in)?to\b|\bfocus (?:is|falls|comes) (?:\w+ly |"
    r"once )?(?:again |back )(?:again )?on\b|\b(?:visuals?|camera|view|focus|scene|shot|"
    r"frame) (?:then )?re-?cent(?:er|re)s? on\b|\bscreen (?:\w+ly |then ){0,2}(?:goes|turns|cuts|fades|"
    r"flashes) (?:to |completely |entirely )?(?:black|dark)\b(?! and white)|\b(?:switch|shift|jump|change) (?:in|"
    r"of) (?:scene|scenery|location|setting|perspective|angle)s?\b|^\W*an? (?:[a-z]+ )?(?:return|switch|shift|jump|"
    r"cut) (?:back )?to (?:an?|the|another)\b|^\W*(?:this|that|it) is (?:then |soon |quickly |"
    r"immediately )?followed by an? (?:[\w-]+ ){0,3}?(?:scene|shot|close-up|view|clip|screen|segment|sequence|"
    r"footage)\b|\b(?:an?|another|more) (?:[\w-]+ ){0,3}?(?:scenes?|shots?|clips?|footage|sequences?|segments?|"
    r"montage) (?:then )?follows?\b(?! (?:the|an?|him|her|them|his)\b)|\b(?:scene|video|shot|footage|"
    r"clip)\b[^.;]{0,90} follows (?:up )?with an? (?:[\w-]+ )?(?:close-up|shot|view|scene|clip)\b"
)
_NEXT_SHOT = re.compile(
    r"^\W*(?:transitioning|(?:next|then),? (?:is an?|comes an?|we are shown|appears an?)|(?:subsequently|next|then|"
    r"finally|later),? an?(?:other| new)? scene)\b"
)
_ONE_TAKE = re.compile(
    r"\b(?:stays?|remains?|keeps?|holds?|lingers?) (?:within|in|on|inside|to) (?:the same|one|a single) (?:shot|take|"
    r"frame)\b|\bno (?:cut|edit)s? (?:interrupts?|breaks?|divides?|disturbs?)\b|\bplays? out in (?:one|"
    r"a single) (?:go|take|shot)\b"
)


def spot_cuts(plain: str) -> Iterator[Hit]:
    """Find changes of shot or scene in a sentence, and statements that there is none.

    Args:
        plain: one sentence after `plain_text`.

    Yields:
        Hits of kind "cut" with the value "cut" or "single_take"; "no cuts" is a negated "cut".

    Example:
        >>> [(h.value, h.negated) for h in spot_cuts("the view jumps to a beach, filmed without a single cut.")]
        [('cut', False), ('cut', True)]
    """
    pending: Hit | None = None  # "in the next scene, the view shifts to" is one change
    for hit in sorted(_cuts(plain), key=lambda hit: hit[:2]):
        if pending is None:
            pending = hit
        elif pending[2:] == hit[2:] and not plain[pending.end : hit.start].strip(" ,"):
            pending = pending._replace(end=max(pending.end, hit.end))
        else:
            yield pending
            pending = hit
    if pending is not None:
        yield pending


def _cuts(plain: str) -> Iterator[Hit]:
    for match in _NEVER.finditer(plain):
        yield Hit(*match.span(), "cut", "cut", True)
    for match in _SINGLE_TAKE.finditer(plain):
        if not _COUNTED.fullmatch(match.group()) or _AS_WHOLE.search(before(plain, match.start(), 44)):
            yield Hit(*match.span(), "cut", "single_take", is_negated(plain, *match.span()))
    for match in _ONE_TAKE.finditer(plain):
        yield Hit(*match.span(), "cut", "single_take")
    for match in _CHANGE.finditer(plain):
        by_camera = match["subject"] in ("camera", "angle") and (match["alone"] or _MOVES.search(match.group()))
        if by_camera or _TO_A_SIDE.match(plain, match.end()):  # a move, a pan
            continue
        if _TOLD.fullmatch(match["subject"]) and _TELLING.match(plain, match.end()):
            continue
        weak = _WEAK_SUBJECT.fullmatch(match["subject"]) and (match["goes"] or "chang" in match.group())
        if not weak and not _THING_BEFORE.search(before(plain, match.start(), 24)):
            yield _cut(plain, *match.span())
    opening = _OPENING.match(plain)
    if opening:
        yield _cut(plain, *opening.span("cut"))
    for match in _JOINED.finditer(plain):
        name = match.lastgroup or "cut"
        head = before(plain, match.start(), 300)
        with_film = _FILM_WORD.search(head) is not None or name == "style"
        if with_film and not (match[name].startswith("cut") and _CUTTER.search(head[-60:])):
            yield _cut(plain, *match.span(name))
    for match in _FIGURE.finditer(plain):
        yield _cut(plain, *match.span())
    for match in _NEXT_SHOT.finditer(plain):
        yield Hit(*match.span(), "cut", "cut")
    for match in _TRANSITION.finditer(plain):
        head = before(plain, match.start(), 160)
        if match["text"] or not (_PICTURE.search(head) or _PICTURE_NEXT.match(plain, match.end())):
            continue
        if not _DOER.search(head):
            yield _cut(plain, *match.span("cut"))
    for match in _BACK_TO_SHOT.finditer(plain):
        yield _cut(plain, *match.span("cut"))
    for match in _GOING_BACK.finditer(plain):
        head = before(plain, match.start(), 200)
        if _FILM_WORD.search(head) and not _GOES_HERSELF.search(head[-60:]):
            yield _cut(plain, *match.span(match.lastgroup or "cut"))
    for match in _NOUN.finditer(plain):
        if "cut" not in match.group() or not _CUTTER.search(before(plain, match.start(), 60)):
            yield _cut(plain, *match.span())
    for match in _NEXT.finditer(plain):
        if not _MERE_PART.search(match.group()) and not behind(plain, match.end(), 14).startswith(" of the video"):
            yield Hit(*match.span(), "cut", "cut")


def _cut(plain: str, start: int, end: int) -> Hit:
    return Hit(start, end, "cut", "cut", is_negated(plain, start, end))
