"""Whether quoted words are said, shown on the picture, or neither, told from the words around them."""

from __future__ import annotations

import re

from asid_hf.verify.spotting.plain import BLANK, Hit, before, is_negated
from asid_hf.verify.spotting.quotations import Quotation
from asid_hf.verify.spotting.speech import REPORTING, is_speaker, speaker_before
from asid_hf.verify.spotting.wording import addresses, begins_as_cry, is_lettering, is_title, is_utterance

_WRITING = (  # what carries words, and so may "say" or "state" them
    r"(?:(?:sub)?texts?|captions?|subtitles?|overlays?|titles?|signs?|labels?|banners?|headings?|headers?|headlines?|"
    r"posters?|messages?|notifications?|graphics?|(?<!off-)screens?|slides?|charts?|cards?|placards?|billboards?|"
    r"plaques?|logos?|stickers?|bubbles?|lettering|letters|tags?|displays?|pop-?ups?|prompt|note|comments? section|"
    r"article|button|shirt|hashtags?|watermarks?|inscriptions?|badges?|words?|ticker|chyron|taglines?|slogans?|"
    r"mottos?|textual \w+|menu|webpage|website|document|list|interface|receipt|calendar|email|tweet|whiteboard|"
    r"chalkboard|newspaper|magazine|envelope|spreadsheet|annotations?|infographic)"
)
_TEXT = (
    rf"(?:{_WRITING}|subtitled|titled|entitled|labell?ed|labell?ing|signage|written|displayed|displaying|overlaid|"
    rf"on-?screen|"
    r"buttons|tagged|inscribed|printed|marked|engraved|stamped|usernames?|handles?|icons?|options?|folders?|numbers?|"
    r"credits?|menu|tabs?|spelling|spells|bearing|emblazoned|branding|timestamp|typed|types|typing|scoreboard|"
    r"license plates?|emoji|font|writes|writing|boxe?s?|branded|translated|indicating|indicated by|displays|marks|"
    r"denotes|pops up|posts?|posting|posted|letter|texting)"
)
_VOICE = (
    r"(?:audio|voice-?\s?overs?|voices?|narrations?|narrators?|dialogues?|conversations?|commentary|commentators?|"
    r"speech(?! bubbles?| balloons?)|speakers?|lyrics|discussions?|exchanges?|announcers?|monologue|interviewer|"
    r"spoken|heard|verbally|aloud|storyteller|audibly|vocal|soundtrack|sound|(?:his|her|their|final|exact|closing|"
    r"concluding) (?:\w+ )?words|lyrics)"
)
_UTTERED = (
    r"(?:responses?|statements?|questions?|greetings?|repl(?:y|ies)|remarks?|sentences?|lines?|exclamations?|shouts?)"
)
_PERSON = (
    r"(?:he|she|they|i|man|woman|boy|girl|men|women|person|people|child|kid|individual|player|presenter|reporter|"
    r"officer|mother|mom|father|dad|daughter|son|teacher|student|chef|coach|driver|friend|customer|employee|someone|"
    r"guy|lady|anchor|comedian|actor|singer|doctor|crowd|wearer|owner|captain|instructor|judge|host|figure|character)"
)
_SHOWING_VERB = r"(?:reads?|reading|shows?|showing|indicates?|stat(?:es|ing)|features?|identif(?:ies|ying|ied))"
_CUE = re.compile(rf"\b(?:(?P<voice>{_VOICE})|(?P<text>{_TEXT})|(?P<verb>{_SHOWING_VERB}|{_UTTERED}|{REPORTING}))\b")
_SUBJECT = re.compile(rf"\b(?:(?P<voice>{_VOICE}|{_PERSON})|(?P<text>{_WRITING}))\b")
_ONLY_SAID = re.compile(
    r"speak|s[iau]ng|shout|yell|whisper|scream|narrat|exclaim|repl|utter|murmur|mutter|chant|interject|quip|jok|chim|"
    r"spoken|inquir|retort|respond|bid|answer|confess|greet"
)
_WEAK_VERB = re.compile(r"follows|begins?|proceeds?|persists|resum\w+|continu\w+|highlight\w+|reflect\w*|emphasi\w+")
_ADVERBIAL = re.compile(  # a part of a sentence that does not hold its subject
    r"\s*(?:\w+ing|(?!red\b)\w+ed|who|in|on|at|then|still|with (?!.*\b(?:texts?|captions?|subtitles?|overlays?|"
    r"titles?|words)\b))\b"
)
_SPOKEN = re.compile(r"\b(?:spoken|heard|voiced)\b")
_BUBBLE = re.compile(r"\b(?:bubbles?|messages?|captions?|subtitles?|texts?)\b")
_PICTURE_BEFORE = re.compile(
    rf"\b(?:frame|image|page|picture|{_WRITING})(?: overlay)?\s+(?:(?:also|then|now|\w+ly|that)\s+)?$"
)
_SAID_WITH_TEXT = re.compile(
    rf"\b(?!repeat|follow|begin|continu|conclud|highlight|resum|proceed|reveal|emphasi|"
    rf"introduc)(?:{REPORTING})(?: \w+ly)?(?P<audio> in the audio)?,? (?P<text>with (?:the )?(?:\w+ )?texts?)[,:]?\s*$"
    r"|\bin the audio,? (?P<text_too>with (?:the )?texts?)[,:]?\s*$"
)
_BOTH = re.compile(
    r"\btexts? and (?:the )?audio\b|\baudio and (?:the )?(?:on-?screen )?texts?\b|\btexts? reads? in the audio\b|"
    r"\baudio (?:reads|accompanies|matches|speaks) the texts?\b"
)
_CLAUSE = re.compile(
    r"[;.!?]|\b(?:while|as|before|after|when|until)\b|\b(?:and|then) (?=the\b|an?\b|he\b|she\b|they\b)"
)
_NAME_BEFORE = re.compile(
    r"\b(?:call(?:s|ed|ing) (?!out\b)(?:[\w']+ ){0,2}[\w']+|called|named|known as|nicknamed|so-called|dubbed|"
    r"referred to as|song|introduced as|terms?|brand|whose name is|nickname|series|film|movie|game|episode|book|"
    r"navigating|platforms like)[,:]?\s*$"
)
_TAKES_OBJECT = re.compile(r"\b(?:introduc|mention|recommend|discuss|present|review)(?:e?s|ed|ing)\s*$")
_NAMING_BEFORE = re.compile(  # the quotation modifies a noun or is one: "the 'X' cup", "a bottle of 'X'"
    r"(?:\b(?:the|an?|this|his|her|their)(?: [\w-]+){0,2}|\b(?P<loose>of|for)|\b(?:from|about|outside|near|into|"
    r"by))\s*$"
)
_HEARD_BEHIND = re.compile(
    r"^[,.]?\s*(?:is|are|can be|was|were) (?:\w+ )?(?:heard|spoken|said|uttered|sung|shouted|whispered|audible)\b"
)
_WORDS_SAID = re.compile(
    rf"\b(?:{REPORTING}|mouths?|mouthing|hears?|heard) (?:\w+ )?(?:the |these |those )?(?:words?|phrases?|"
    r"lines?)[,:]?\s*$"
)
_PLACED_BEHIND = re.compile(
    r"^[,.]?\s*(?:(?:is|are|was|being|now|also|then|that|which|both|still|prominently|clearly|briefly|"
    r"again)\s+){0,3}(?:appear(?:s|ing)?|displayed|shown|visible|written|overlaid|superimposed|printed|seen|"
    r"highlighted|flash(?:es)?|pops? up|remains?|flicker|scrolls?|inscribed|featured|selected|clicked|labell?ed|"
    r"marked|emblazoned|persists?|typed|entered|pressed|tapped|chosen|listed|checked|ticked|searched|circled|"
    r"underlined|printed|stamped|engraved)\b|^[,.]?\s*(?:alongside|with|and|"
    r"followed by) (?:an? )?(?:[a-z]+[- ]){0,3}emojis?\b|^[,.]?\s*(?:reads?|says?|states?|declares?) (?:the|an?|"
    r"another) (?:[a-z-]+ ){0,2}(?:text|sign|caption|title|label)\b|^[,.]?\s*(?:in|"
    r"with) (?:[a-z-]+,? (?:and )?){0,3}(?:text|letters|font|lettering|print|white|red|yellow|black|blue|green|pink|"
    r"orange|purple|gold|capitals)\b(?! (?:shirt|jacket|dress|hair))|^[,.]?\s*(?:[a-z-]+ )?(?:on|at|across|in|below|"
    r"above|under) (?:the |its |his |her |a )?(?:[a-z-]+ ){0,2}(?:screen|top|bottom|corner|frame|it|sign|label|wall|"
    r"image|front|side)\b"
)
_NOUN_BEHIND = re.compile(
    r"^[,.]?\s*(?:[a-z-]+ )?(?:texts?|logos?|signs?|labels?|buttons?|icons?|options?|captions?|subtitles?|titles?|"
    r"messages?|banners?|posters?|tabs?|watermarks?|overlays?|folders?|stickers?|inscription|graphic|lettering|menu|"
    r"heading|header|username|handle|badge|letters|notification|signage|billboard|placard|bubble|written|on-?screen|"
    r"branding|hashtag|emblem|symbol|timer|decal|prompt|pop-?ups?|warnings?|lettered|windows?|dialog|markings?|"
    r"hyperlinks?|links?|checkbox|watermark|print|inscriptions?|emojis?|captioned)\b"
)
_SUBJECT_BEHIND = (
    r"(?:(?:the|an?|his|her|another|one|my|both) (?:[\w'-]{1,30},? ){1,7}?|(?:he|she|they|i) (?:[a-z]+ly |then |"
    r"also )?)"
)
_SAID_BEHIND = re.compile(
    r"^[,.]?\s*(?:(?:is|was) (?:what|how|the \w+(?: that)?) )?(?:[a-z]+ly,? )?"
    rf"{_SUBJECT_BEHIND}(?:{REPORTING})\b(?<!ing)|^[,.]?\s*(?:says?|said|asks?|adds|explains|"
    rf"replies|exclaims|shouts|remarks|whispers|answers|states|responds) (?:[a-z]+ )"
    r"|^[,.]?\s*(?:is|are|can be|was|echoes) (?:\w+ )?(?:heard|spoken|said|uttered|sung|audible)\b|^[,.]?\s*(?:in|"
    r"with|by) (?:an? |the |his |her )?(?:[\w'-]{1,30},? ){0,4}(?:tone|voice|narrator|narration|audio)\b"
)
_SPEAKER_BEHIND = re.compile(
    rf"^[,.]?\s*(?:(?:{REPORTING}) (?P<after>(?:the|an?|his|her|another) (?!in\b)[\w'-]{{1,30}}(?: (?:man|woman|boy|"
    rf"girl))?)|(?P<before>(?:the|an?|his|her|another) (?:[\w'-]{{1,30}} ){{1,4}}?|(?:he|she|they|i) )(?:\w+ly |then |"
    rf"also )?(?:{REPORTING})\b"
    r"|[^,]{0,30}?\bby (?P<by>(?:the|an?|his|her|another) [\w'-]{1,30}))"
)
_ASIDE = re.compile(r"^\s*\([^)]{0,200}\)")
_JOINT = re.compile(
    r"^[\s,;/&.)(]*(?:(?:and|or|then|also|followed by|along with|as well as|beside|next to|"
    r"in addition to)\b\s*)*(?:the )?$"
)
_CHANGES_TO = re.compile(
    r"^\W*(?:(?:and|then|which|later|finally|it|before|also|subsequently|\w+ly) ){0,3}(?:(?:chang|updat|switch|"
    r"transition|shift|turn)(?:es|s|ing)? )?(?:back )?(?:in)?to\s*$"
)
_NEW_SENTENCE = re.compile(
    r"\s+(?:The|An?|He|She|They|It|As|Next|Then|This|In|His|Her|Another|Background|Following|Music|With|At|While|"
    r"Meanwhile)\b"
)
_ANOTHER = re.compile(r"^(?:,|\s+and)\s*(?:(?:and|or|with|plus|then) )?(?:[\w-]{1,20} ){0,4}$")
_ENTERED_BEFORE = re.compile(
    r"\b(?:(?:click|tap|press|select|typ|enter|choos|search|hover|open|highlight)(?:e?s|ing|ed|en)?(?: (?:on|for|over|"
    r"in))?(?: the)?|search(?:es)? for|dates?|times?|scores?|priced? at|code|website|channel|file|folder|tab|option|"
    r"section|ads? (?:by|for)|advertisements? for|search term|page)\s*$"
)
_UNIT_BEHIND = re.compile(
    r"^\s*(?:website|webpage|site|page|section|submenu|menu|dropdown|keys?|panel|plate|license plate|display|channel|"
    r"field|amount|advertisement|tab|column|row|setting|directory|file)\b"
)
_FILE_BEFORE = re.compile(
    r"\b(?:files?|folders?|documents?|buttons?|tabs?|pages?|web ?pages?|channels?|accounts?|contacts?|playlists?|"
    r"options?|albums?|sections?|menus?|apps?|websites?|levels?|categor(?:y|ies)) (?:is |are )?(?:named|called|"
    r"known as|to)\s*$|\b(?:re)?named (?:to|as)\s*$"
)
_AUDIO_COLON = re.compile(
    rf"^\W*(?:then,? |and |in )?(?:the |an? |this )?(?:[\w-]+ ){{0,2}}(?:audio|voice-?\s?over|voice|narrators?|"
    rf"narration|speaker|commentator|announcer)\b(?!.*\b{_WRITING}\b.{{0,12}}$)[^.;{BLANK}]*:\s*$"
)
_WITH_A = re.compile(rf"(?!.*\b{_WRITING}\b)\bwith (?:an?|another) (?:[\w-]+ )?$")
_NOUN_WITH_TEXT = re.compile(r"\b(?:the|an?|his|her|its) (?:[\w-]+ ){1,2}$")
_IN_COLOUR = re.compile(  # what is said is shown as well: 'he says, "Hi" in yellow text'
    r"[,.]?\s*in (?:[a-z-]+,? (?:and )?){0,3}?(?:(?:white|red|yellow|black|blue|green|pink|orange|purple)(?: text|"
    r" letters| font)?(?=[,.]|$| (?:at|on|as|while)\b)|text\b|letters\b|subtitles\b)"
)
_SONG_BEFORE = re.compile(
    r"\b(?:s[aiu]ng|sings|singing|perform\w*|play(?:s|ing|ed)?|cover\w*|hum(?:s|ming)|tune|track)\b[\w ,:]{0,14}$"
)
_ON_A_THING = re.compile(  # what a name in quotation marks is printed on: a black 'Aero 1987' sweatshirt
    r"\s*(?:(?:branded|logo'd|black|white|red|blue|green|grey|gray|yellow|pink) )?(?:sweat ?shirts?|t-?shirts?|"
    r"shirts?|hoodies?|caps?|hats?|jackets?|jerseys?|aprons?|mugs?|bottles?|cans?|containers?|boxes|box|bags?|"
    r"packets?|packages?|packaging|jars?|labels?|boarding pass|tickets?|cards?|posters?|banners?|billboards?|signs?|"
    r"storefront|screens?|menu|page|tab|button|icon|mark|symbol|logo|stickers?|stamp|watermark|license plate|"
    r"number plate|branded wall|wall)\b"
)
_FOLLOWED_BY = re.compile(r"[\s,;]*(?:and |then |and then )?(?:followed by|succeeded by|along with|plus|next to)\s*")
_UPDATES = re.compile(r"\b(?:changes|changing|updates|updating|switches|switching) to\W*$")
_TRANSLATES = re.compile(rf"{BLANK} ?\($")


def classify_quotations(text: str, plain: str, quotations: list[Quotation], start: int, end: int) -> list[Hit]:
    """Decide what the quotations that begin in one sentence, `text[start:end]`, are.

    Args:
        text: the whole text.
        plain: the whole text after `plain_text`.
        quotations: those that begin in the sentence.
        start: where the sentence starts.
        end: where it ends, or where its last quotation does if that is later.

    Returns:
        Hits of kind "speech" and "screen_text" with the value "quote" and offsets into `text`; a quotation that is
        neither said nor shown gives none.

    Example:
        >>> from asid_hf.verify.spotting.quotations import find_quotations
        >>> from asid_hf.verify.spotting.plain import plain_text
        >>> text = 'He says, "Hi," as the sign reads "Exit" in the "Loft".'
        >>> marks = find_quotations(text)
        >>> [(h.kind, h.quote) for h in classify_quotations(text, plain_text(text, marks), marks, 0, len(text))]
        [('speech', 'Hi,'), ('screen_text', 'Exit')]
    """
    hits: list[Hit] = []
    kind, speaker = "", None
    for run in _runs(plain, [one for one in quotations if not _is_translation(plain, one)]):
        left = plain[max(start, run[0].outer_start - 160) : run[0].outer_start].rpartition(BLANK)[2]
        right = _ASIDE.sub("", plain[run[-1].outer_end : min(end, run[-1].outer_end + 240)]).partition(BLANK)[0]
        if text[run[-1].end - 1] in ".!?" and _NEW_SENTENCE.match(text, run[-1].outer_end):
            right = ""
        kind = _kind(left, right, " ".join(text[one.start : one.end] for one in run), run[0].style, kind)
        if not kind and (_ON_A_THING.match(right) or len(run) > 2):
            kind = "screen_text"
        elif not kind and hits and _FOLLOWED_BY.fullmatch(left):
            kind = hits[-1].kind
        elif kind == "speech" and _IN_COLOUR.match(right):
            kind = "screen_text speech"
        said = _SAID_WITH_TEXT.search(left)
        if said and "speech" in kind:
            offset = run[0].outer_start - len(left)
            name = "text" if said["text"] else "text_too"
            hits.append(Hit(offset + said.start(name), offset + said.end(name), "screen_text", "present"))
        if "speech" in kind:
            again = speaker if hits and _JOINT.match(left[-60:]) else None
            speaker = _speaker(plain, run[0].outer_start, left, right) or again
        for quotation in run:
            negated = is_negated(plain, quotation.outer_start, quotation.outer_end)
            words = text[quotation.start : quotation.end]
            for name in kind.split():
                who = speaker if name == "speech" else None
                hits.append(Hit(quotation.start, quotation.end, name, "quote", negated, words, who))
    return hits


def _is_translation(plain: str, quotation: Quotation) -> bool:
    """Whether it only explains the quotation before it: a sign reads "Salida" ("exit")."""
    in_brackets = plain.startswith(")", quotation.outer_end)
    return in_brackets and _TRANSLATES.search(before(plain, quotation.outer_start, 4)) is not None


def _runs(plain: str, quotations: list[Quotation]) -> list[list[Quotation]]:
    """Quotations enumerated one behind the other ("'A', 'B' and 'C'") belong together."""
    runs: list[list[Quotation]] = []
    for quotation in quotations:
        joint = runs and _JOINT.match(plain[runs[-1][-1].outer_end : quotation.outer_start][:40])
        if joint and quotation.outer_start - runs[-1][-1].outer_end < 40 and quotation.style == runs[-1][-1].style:
            runs[-1].append(quotation)
        else:
            runs.append([quotation])
    return runs


def _kind(left: str, right: str, words: str, style: str, previous: str) -> str:
    """Tell "speech", "screen_text", both, or "" for a quotation between the plain words `left` and `right`."""
    if _BOTH.search(left[-70:]):
        return "screen_text speech"
    if _SAID_WITH_TEXT.search(left):
        return "speech"
    if _SONG_BEFORE.search(left) and is_title(words):
        return ""
    cue, gap, cue_to_end = _cue_before(left)
    if _AUDIO_COLON.match(left) or (_WITH_A.search(left[-60:]) and begins_as_cry(words)):
        return "speech"
    if _ENTERED_BEFORE.search(left) or _UNIT_BEHIND.match(right) or _FILE_BEFORE.search(left):
        return "screen_text"
    if _UPDATES.search(left) and not re.search(rf"\b{_VOICE}\b", left):
        return "screen_text"
    if _NAME_BEFORE.search(left) and not _NOUN_BEHIND.search(right):
        return ""
    named = _TAKES_OBJECT.search(left) and is_title(words, 12) and words[0].isupper()
    if named and cue != "screen_text" and not _PLACED_BEHIND.search(right):
        return ""
    if _HEARD_BEHIND.search(right) or _WORDS_SAID.search(left):
        return "speech"
    if left.endswith(("that ", " as ")) and cue == "speech" and not is_utterance(words):
        return ""
    if (
        left.endswith("with ")
        and (_PLACED_BEHIND.search(right) or not cue or gap > 2 or cue != "speech")
        and not _SAID_BEHIND.search(right)
    ):
        return "screen_text"
    naming = _NAMING_BEFORE.search(left)
    named_here = naming and naming.start() >= len(left) - cue_to_end and not (naming["loose"] and gap == 1)
    if cue and gap <= 3 and not named_here:
        return cue
    if _NOUN_BEHIND.search(right):
        return "screen_text"
    if _SAID_BEHIND.search(right) and (is_utterance(words) or style == "double"):
        return "speech"
    if _PLACED_BEHIND.search(right):
        return "screen_text"
    if is_lettering(words, style):
        return "screen_text" if not naming or style == "single" or _NOUN_WITH_TEXT.search(left) else ""
    if naming and not is_utterance(words):
        return "screen_text" if style == "single" and previous == "screen_text" else ""
    if cue and gap <= 14:
        return cue
    if _JOINT.match(left[-60:]) or not left.strip(" ,.:;'") or "followed by" in left or "respond" in left:
        if previous:
            return previous
    if previous and _CHANGES_TO.search(left):
        return previous
    if previous == "screen_text" and _ANOTHER.match(left):
        return previous
    if left.rstrip().endswith(":") and (is_utterance(words) if style == "double" else addresses(words)):
        return "speech"
    return "speech" if style == "double" and is_utterance(words) else ""


def _cue_before(left: str) -> tuple[str, int, int]:
    """The kind that the last cue in `left` tells, and how many words and characters stand behind it."""
    cue = None
    for match in _CUE.finditer(left):
        cue = match
    between = left[cue.end() :] if cue else ""
    if cue is None or _CLAUSE.search(between.removesuffix(" as ")):
        return "", 0, 0
    if cue["verb"] and _WEAK_VERB.fullmatch(cue["verb"]) and len(between.split()) > 1:
        return "", 0, 0
    kind = "screen_text" if cue["text"] else "speech" if cue["voice"] else _kind_of_verb(left, cue)
    return kind, len(between.split()), len(between)


def _kind_of_verb(left: str, verb: re.Match) -> str:
    """A verb like "says" takes its kind from its subject: a text shows what a person says."""
    if _PICTURE_BEFORE.search(left[: verb.start()]) and not _ONLY_SAID.match(verb["verb"]):
        return "screen_text"
    clauses = _CLAUSE.split(left[: verb.start()])
    for piece in reversed(clauses[-1].split(",") if clauses else []):
        subject = _SUBJECT.search(piece)
        if subject is None or _ADVERBIAL.match(piece):
            continue
        if verb["verb"].startswith("read") and re.search(rf"\b{_WRITING}\b", piece):
            return "screen_text"
        if (_ONLY_SAID.match(verb["verb"]) and not _BUBBLE.search(piece)) or _SPOKEN.search(piece):
            return "speech"
        return "screen_text" if subject["text"] else "speech"
    return (
        "screen_text" if re.fullmatch(_SHOWING_VERB, verb["verb"]) and not verb["verb"].startswith("stat") else "speech"
    )


def _speaker(plain: str, start: int, left: str, right: str) -> str | None:
    verb = None
    for match in re.finditer(rf"\b{REPORTING}\b", left):
        verb = match
    if verb is not None:
        return speaker_before(plain, start - len(left) + verb.start())
    behind = _SPEAKER_BEHIND.search(right)
    found = behind and (behind["after"] or behind["before"] or behind["by"])
    return found.strip() if found and is_speaker(found) else None
