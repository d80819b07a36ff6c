"""Speech that a sentence reports without quoting it, and who speaks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from asid_hf.verify.spotting.plain import BLANK, Hit, before, behind, is_negated

REPORTING = (
    r"(?:says?|said|saying|stat(?:es?|ing|ed)|explain(?:s|ing|ed)?|ask(?:s|ing|ed)?|add(?:s|ing|ed)?|continu(?:es?|"
    r"ing)|narrat(?:es?|ing|ed)|repl(?:ies|ied|y|ying)|respond(?:s|ing|ed)?|shout(?:s|ing|ed)?|exclaim(?:s|ing|ed)?|"
    r"remark(?:s|ing|ed)?|comment(?:s|ing|ed)?|mention(?:s|ing|ed)?|describ(?:es?|ing|ed)|reveal(?:s|ing|ed)?|"
    r"announc(?:es?|ing|ed)|instruct(?:s|ing|ed)?|question(?:s|ing|ed)?|whisper(?:s|ing|ed)?|yell(?:s|ing|ed)?|"
    r"scream(?:s|ing|ed)?|sing(?:s|ing)?|sung|greet(?:s|ing|ed)?|conclud(?:es?|ing|ed)|advis(?:es?|ing|ed)|not(?:es|"
    r"ing|ed)|confess(?:es|ing|ed)?|declar(?:es?|ing|ed)|urg(?:es?|ing|ed)|insist(?:s|ing|ed)?|interject(?:s|ing|ed)?|"
    r"elaborat(?:es?|ing|ed)|detail(?:s|ing)?|introduc(?:es?|ing)|jok(?:es?|ing|ed)|quip(?:s|ping|ped)?|remind(?:s|"
    r"ing|ed)?|warn(?:s|ing|ed)?|agree(?:s|ing|d)?|suggest(?:s|ing|ed)?|propos(?:es?|ing|ed)|answer(?:s|ing|ed)?|"
    r"call(?:s|ing)?(?: out)?|chant(?:s|ing|ed)?|murmur(?:s|ing|ed)?|mutter(?:s|ing|ed)?|utter(?:s|ing|ed)?|"
    r"inquir(?:es?|ing|ed)|speak(?:s|ing)?|spoken|recount(?:s|ing|ed)?|recall(?:s|ing|ed)?|claim(?:s|ing|ed)?|"
    r"admit(?:s|ting|ted)?|repeat(?:s|ing)?|emphasi[sz](?:es?|ing)|inform(?:s|ing|ed)?|tell(?:s|ing)?|told|lament(?:s|"
    r"ing|ed)?|cr(?:ies|ying)|demand(?:s|ing|ed)?|begins?|observ(?:es?|ing|ed)|reflect(?:s|ing|ed)?|confirm(?:s|ing|"
    r"ed)?|assert(?:s|ing|ed)?|articulat(?:es?|ing|ed)|voic(?:es|ing|ed)|thank(?:s|ing|ed)?|bid(?:s|ding)?|boast(?:s|"
    r"ing|ed)?|chim(?:es?|ing) in|teas(?:es?|ing|ed)|wonder(?:s|ing|ed)?|plead(?:s|ing|ed)?|prais(?:es?|ing|ed)|"
    r"reads? (?:aloud|out)|relay(?:s|ing|ed)?|echo(?:es|ing|ed)?|quer(?:ies|ied)|counter(?:s|ing|ed)|retort(?:s|ing|"
    r"ed)?|order(?:s|ing|ed)?|promis(?:es?|ing|ed)|direct(?:s|ing)|encourag(?:es?|ing|ed)|prompt(?:s|ing|ed)?|"
    r"deliver(?:s|ing|ed)?|reiterat(?:es?|ing|ed)|stress(?:es|ing)?|highlight(?:s|ing)|clarif(?:ies|ying|ied)|"
    r"specif(?:ies|ying|ied)|express(?:es|ing|ed)|acknowledg(?:es?|ing)|summari[sz](?:es?|ing)|proclaim(?:s|ing|ed)?|"
    r"command(?:s|ing|ed)?|assur(?:es?|ing|ed)|invit(?:es|ing|ed)|apologi[sz](?:es?|ing)|complain(?:s|ing|ed)?|"
    r"compliment(?:s|ing|ed)?|inton(?:es?|ing)|resum(?:es?|ing)|proceeds?|follows|exchang(?:es?|ing)|pos(?:es|ing)|"
    r"guid(?:es|ing)|persists|enquir(?:es|ing)|protest(?:s|ing)?|cheer(?:s|ing)|holler(?:s|ing)?|mock(?:s|ing)|"
    r"discuss(?:es|ing)|vocali[sz](?:es|ing)|recit(?:es|ing)|argu(?:es|ing)|lectur(?:es|ing)|sigh(?:s|ing|ed)?|"
    r"gasp(?:s|ing|ed)?|groan(?:s|ing|ed)?|concur(?:s|ring|red)?|scold(?:s|ing|ed)?|ponder(?:s|ing|ed)?|marvel(?:s|"
    r"ing|ed)?|mumbl(?:es?|ing|ed)|stammer(?:s|ing|ed)?|beg(?:s|ging|ged)|caution(?:s|ing|ed)?|affirm(?:s|ing|ed)?|"
    r"recommend(?:s|ing|ed)?|reassur(?:es?|ing|ed)|wants? to know)"
)
"""Verbs that introduce quoted words, the shared ones ("continues", "reveals") too."""

_SPEAKER_NOUN = (
    r"(?:(?:wo)?m[ae]n|boys?|girls?|persons?|people|kids?|child(?:ren)?|individuals?|voices?|voice-?overs?|narrators?|"
    r"guys?|lad(?:y|ies)|mother|father|mom|dad|grand\w+|son|daughter|husband|wife|friends?|host|chef|coach|crowd|"
    r"doctor|anchor|judge|student|artist|pianist|guitarist|comedian|musician|technician|politician|president|"
    r"assistant|participant|contestant|pilot|nurse|(?!other|another|water|paper|computer|tower|cent|corner|under|over|"
    r"after|never|ever|number|summer|winter|letter|banner|poster|sticker|counter|container|color|rather|whether|"
    r"together|further|either|character sheet|floor|door|mirror|indoor|outdoor|interior|exterior|monitor|order|power|"
    r"flower|shoulder|finger|paper|silver|leather|denim|other)\w{2,15}(?:er|or|eer)s?)"
)
_TALK = (  # verbs that say on their own that somebody speaks
    r"(?:speak(?:s|ing)?|spoke|spoken|talk(?:s|ing|ed)?|narrat(?:e|es|ing|ed)|convers(?:e|es|ing)|chat(?:s|ting)?|"
    r"chatter(?:s|ing)?|explain(?:s|ing|ed)?|discuss(?:es|ing|ed)?|mention(?:s|ing|ed)|remark(?:s|ing|ed)|"
    r"announc(?:es|ing|ed)|whisper(?:s|ing|ed)?|shout(?:s|ing|ed)?|yell(?:s|ing)?|exclaim(?:s|ing)?|repl(?:ies|ying)|"
    r"say(?:s|ing)?|said|ask(?:s|ing|ed)?|tell(?:s|ing)|recount(?:s|ing|ed)|stat(?:es|ing)|instruct(?:s|ing)|"
    r"elaborat(?:es|ing)|argu(?:es?|ing)|greet(?:s|ing)?|murmur(?:s|ing)|mutter(?:s|ing)|inquir(?:es|ing)|comment(?:s|"
    r"ing|ed)|describ(?:es|ing)|vocali[sz](?:es|ing)|recit(?:es|ing)|articulat(?:es|ed|ing)|advis(?:es|ing)|"
    r"interview(?:s|ing|ed)|debat(?:es?|ing)|answer(?:s|ing)|quer(?:ies|ying)|gossip(?:s|ing)|reminisc(?:es|ing)|"
    r"jok(?:es|ing)|lectur(?:es|ing)|bantering|prais(?:es|ing)|apologi[sz](?:es|ing)|complain(?:s|ing)|"
    r"congratulat(?:es|ing)|insist(?:s|ing)|plead(?:s|ing)|scold(?:s|ing)|compliment(?:s|ing)|declar(?:es|ing)|"
    r"confess(?:es|ing)|retort(?:s|ing)|proclaim(?:s|ing)|negotiat(?:es|ing)|critici[sz](?:es|ing)|"
    r"thank(?:s(?= (?:the|him|her|them|his|their|you|viewers|everyone))|ing)|rant(?:s|ing)|preach(?:es|ing)|"
    r"interject(?:s|ing)|(?:is|are|was|were|being) (?:then )?(?:told|instructed|questioned|interrogated|"
    r"commanded) (?:to|that|about|by)|respond(?:s|ing)|detail(?:s|ing) (?:how|that)|inform(?:s|ing) (?:the|us|that)|"
    r"introduces (?:himself|herself)|claim(?:s|ing) that|(?P<remark>(?:emphasi[sz]|highlight|not|conclud|reveal|"
    r"suggest|confirm|add)(?:e?s|ing) that)|introduc(?:es|ing) (?:himself|herself|themselves|the (?:topic|video|"
    r"audience|viewers?))|address(?:es|ing) (?:the|an|his|her|their) (?:\w+ )?(?:audience|viewers?|crowd|listeners?|"
    r"class|group|camera)|engag(?:es?|ing) in (?:an?|the) (?:[\w-]+ )?argument|question(?:s|ing) (?:why|how|what|"
    r"whether|if|the|him|her))"
)
_WORDING = (  # what somebody utters
    r"(?:instructions?|explanations?|remarks?|statements?|words|advice|pleas?|warnings?|arguments?|jokes?|anecdotes?|"
    r"questions?|answers?|repl(?:y|ies)|guidance|reassurances?|greetings?|announcements?|descriptions?|commands?|"
    r"insults?|utterances?|rants?|prayers?|tips)"
)
_EXCHANGE = (
    r"(?:arguments?|debates?|exchanges?|words|pleasantries|greetings|lines(?! of)|chats?|talks?|remarks|jokes|"
    r"introductions|insults|dialogs?|explanations?|news|story)"
)
_OWN = (  # whose it is: "her calm instructions"
    rf"(?P<own>(?:his|her|their|(?:the|an?|another) (?:[\w-]+ )?{_SPEAKER_NOUN}'s) (?:(?!skin|muscle|body|"
    rf"facial)[\w-]+ ){{0,2}}(?:{_WORDING}|narrative|tone(?! of)))"
)
_GIVES = (  # verbs that say it together with what is uttered: "gives a short explanation"
    rf"(?P<gives>(?:provid|giv|offer|deliver|shar|utter|crack)(?:e|es|s|ing) (?:[\w'-]+ ){{0,3}}?{_WORDING}"
    r"|(?:engag(?:e|es|ed|ing) in|hav(?:e|ing)|exchang(?:e|es|ing)|shar(?:e|ing)|continu(?:e|es|ing)(?: with)?) "
    rf"(?:(?:an?|the|some|their|these|those|his|her|brief|few) )*(?:[\w-]+ )?{_EXCHANGE})"
)
_TOLD = (  # verbs that say it of a person or a voice right before them
    r"(?P<told>(?:introduc|advocat|affirm|beg|begg|boast|command|encourag|instruct|invit|urg|promis|recall|reassur|"
    r"recommend|reliv|remind|request|swear|teas|vow|warn|welcom)(?:e?s|ing)|requests that|repeat(?:s|ing) (?:him|her|"
    r"(?:the|his|her|their) (?:[\w-]+ )?(?:words?|phrases?|lines?|sentences?|questions?|instructions?|names?))|"
    r"(?:stress|emphasi[sz]|underscor|not|outlin)(?:e?s|ing) (?:that|how|the (?:importance|need|significance|benefits|"
    r"value|quality))|express(?:es|ing) (?:(?:his|her|their|the|a|some|deep|great) )*(?:gratitude|thanks|concerns?|"
    r"opinions?|intent(?:ion|ions)?|desire|admiration|appreciation|views|thoughts|doubts?|regret)|shar(?:es|"
    r"ing) (?:(?:his|her|their|an?|some|the) )*(?:[\w-]+ )?(?:story|stories|memory|memories|experiences?|thoughts|"
    r"opinions?|insights?|tips)|(?:dives|delves|goes|diving|delving|going) (?:deeper )?into (?:[\w-]+ )"
    r"{0,2}(?:details?|specifics|(?:dis)?advantages|benefits|explanations?|reasons|topics?|history|discussions?)|"
    r"elaborates?|concludes(?=\.)|queries|reads (?:aloud|out))"
)
_VOICE = (  # nouns that say it
    r"(?:voice-?\s?overs?|voices?|narrations?|narrators?|dialogues?|conversations?|commentary|commentaries|"
    r"commentators?|speech|verbal \w+|spoken (?:\w+ )?(?:words?|insights?|content|text|commentary|explanations?|"
    r"narration|instructions?|dialogue)|lyrics|discussions?|chatter|banter|audio (?:\w+ )?(?:description|explanation|"
    r"narration|commentary|instruction|narrative|dialogue|guidance)s?|exchanges? between|(?:his|her|their|verbal|"
    r"audio|spoken) explanations?|audio (?:then |also )?(?:introduces|details|describes|explains|mentions|discusses|"
    r"informs|states|advises|reflects|conveys|elaborates|shifts to (?:a|the) \w+)|monologue|interviews?|storytelling|"
    r"remarks|phone call)"
)
_TELLS = (  # verbs that say it of a voice or the audio only
    r"(?:reveals|suggests|underscores|outlines|guides|details|informs|encourages|advises|instructs|notes|indicates|"
    r"conveys|warns|highlights|emphasi[sz]es|explains|describes|discusses|mentions|states|says|narrates|tells|asks|"
    r"recounts|announces|introduces|recommends|urges|provides (?:\w+ )?(?:explanation|commentary|instructions?|"
    r"narration|context|details|information))"
)
_VOICE_TELLS = (
    r"(?:audio|voice-?over|narration|commentary|narrator|speaker|voice)(?: (?:of|from) [^.,;]{1,30},?)?"
    rf"(?:\s+(?:also|then|further|[a-z]+ly|continues?|goes on|and))* (?P<tells>{_TELLS})"
    r"(?! (?:\w+ ){0,3}(?:music|sounds?|noises?|laughter|applause|cheer\w*)\b)"
)
_ACCORDING = (
    rf"according to (?:(?:the|an?|one|another|his|her|their|this) )?(?:[\w-]+ ){{0,2}}?{_SPEAKER_NOUN}(?!\w|'s|-)"
)
_REPORTED = re.compile(
    rf"\b(?:(?P<voice>{_ACCORDING}|{_VOICE_TELLS}|{_VOICE})|{_OWN}|(?P<talk>{_TALK})|{_GIVES}|{_TOLD})\b"
)
_TELLER_BEFORE = re.compile(
    rf"\b(?:{_SPEAKER_NOUN}|he|she|they|i|who|someone|everyone|audio|narration|commentary)"
    r"(?: (?:is|are|then|also|again|now|further|\w+ly|continues? to|begins? to|starts? to|goes on to|and))* $"
)
_AND_BEFORE = re.compile(r"\band (?:\w+ly |then |also )?$")
_SOMEBODY = re.compile(rf"\b(?:{_SPEAKER_NOUN}|someone|somebody|everyone|he|she|they|i|we|who|audio)(?!\w|'s|-)")
_SHOWN_BEHIND = re.compile(
    r" (?:(?:is|are|also|then) )*(?:in (?:[\w-]+ ){0,4}(?:text|bubbles?|captions?|letters)\b|reads?\b|shown\b|"
    r"displayed\b|written\b|appears? (?:on|in|at|as)\b|on (?:the )?screen)"
)
_STILL_TALKS = re.compile(
    r"\b(?:continues?|begins?|starts?|appears?|seems?|proceeds?|resumes?|keeps?|goes on)(?: on)?(?: \w+ly)? to $"
)
_WRITING_BEFORE = re.compile(
    r"\b(?:texts?|captions?|subtitles?|titles?|signs?|overlays?|labels?|banners?|graphics?|messages?|words|screens?|"
    r"posts?|posters?|notes?|website|article|menu|tweets?|documents?|webpage|emails?|magazine|newspaper|comments?|displays?|charts?|diagrams?|bubbles?|shirt|head(?:er|ing)|"
    r"gestures?|arrows?|logos?|prompts?|instructions|notifications?|slides?|lists?|figures?|images?|icons?|visuals?|"
    r"scene|video|frame|shot|clip|sequence|details|background|letters|numbers|box|ticker)(?: overlay| at the \w+|"
    rf" on (?:the )?screen| below| above| in \w+)?,?(?: {BLANK},?)?\s+(?:(?:also|then|further|now|that|which|\w+ly|is|"
    rf"are|to|"
    r"continues to)\s+){0,2}$"
)
_QUOTED = re.compile(rf"{BLANK}+")
_VOICED_BEFORE = re.compile(
    r"\b(?:voices?|voice-?overs?|narrat\w+|audio|commentary|commentators?|speak\w*|says?|saying|talks?|talking|hosts?|"
    r"reporters?|announcers?|he|she|they|(?:wo)?m[ae]n|explain\w*|presenters?|interviewers?|instructor)(?: (?:also|"
    r"then|further|\w+ly|goes on|continues|by|and))* $"
)
_WRITING_FIRST = re.compile(
    r"\W*(?:the |an? |another |its )?(?:[\w-]+ ){0,2}?(?:texts?|captions?|subtitles?|titles?|signs?|overlays?|labels?|"
    r"banners?|posters?|messages?|notifications?|words)\b(?! (?:of|by) (?:the|an?) (?:man|woman))"
)
_IDIOM_BEHIND = re.compile(
    r"(?:\s+(?:the )?(?:bubbles?|balloons?|of which|volumes|heads?|show|therapist|contest|tube|mail|recognition|actor|"
    r"goodbye to|for (?:itself|themselves))\b|-[a-z]|'s (?:text|subtitle|caption)|(?<=talking)\s+points?\b|"
    r" (?:starts |begins |is |starts to |begins to )?(?:singing|sing|sings)\b| section\b)"
)
_CALL = re.compile(r" (?:an?|the|his|her|their) (?:[\w-]+ )?(?:phone|telephone|call|doorbell|door)\b")
_ALOUD = re.compile(r"speak|spoke|talk|chat|convers|whisper|shout|yell|murmur|mutter|gossip|banter")
_NOUN_BEFORE = re.compile(r"\b(?:the|in|your|these|any|of|and) $")
_READ_NOUN = re.compile(r"\b(?:text|visual|written) $")
_READ_OR_SHARED = re.compile(r"\b(?:text|visual|written|this|which) $")
_SPEECH_EARLIER = re.compile(
    r"\b(?:voices?|voice-?over|narrat\w+|audio|commentary|say(?:s|ing)|said|explain\w*|describ\w+|advis\w+|express\w*|"
    r"mention\w*|state[sd]|stating|tell(?:s|ing)|speak(?:s|ing)|talk(?:s|ing)|discuss\w*|adds)\b"
)
_IDIOM_BEFORE = re.compile(
    r"\b(?:strictly|generally|so to|needless to|that is to|visual|text|written|visually|topics?|to)\s+$|"
    r"\bunderst\w+ what \w+ $"
)
_TOPIC = re.compile(r"\b(?:topics?|issues?|matters?|points?|subjects?|aspects?|ideas?|concepts?) $")
_PARTICIPLE_BEFORE = re.compile(r",\s(?:\w+ly )?$")
_OTHER_SUBJECT = re.compile(r"[;:.!?]|\b(?:while|as|then|but|before|after|when|he|she|they|another)\b")
_NEW_CLAUSE = re.compile(r"[,;:.]|\b(?:and|while|as|then|but|before|after|when|with|who|which)\b")

_SPEAKER = re.compile(
    rf"\b(?:(?:an?|the|another|one|this|that|his|her|their|my|both|two|three|several)\s+(?:(?!is\b|are\b|and\b|who\b|"
    rf"in\b|with\b|on\b|at\b|of\b|as\b|to\b|from\b|features\b|captures\b|shows\b|consists\b|reveals\b|has\b|"
    rf"by\b)[\w'-]{{1,25}}\s+){{0,4}}?{_SPEAKER_NOUN}"
    r"(?!\w|'s|-)|someone|somebody|everyone|nobody|no one|he|she|they|i|we)(?!\w|')"
)
_PRONOUN_BEFORE = re.compile(
    r"\b(?P<who>he|she|they|i|we)(?: (?:\w+ly|then|also|again|still|now|is|are|continues to|begins to|goes on to))* $"
)
_WE_HEAR = re.compile(r".*\b(?:we|you|i|one)(?: can| then| now| also)* hears?\b")
_SENTENCE_PART = re.compile(r"[.;:!?¤]|\b(?:while|as|when|before|after|and then)\b|, (?:and|then) ")


def spot_reported_speech(plain: str) -> Iterator[Hit]:
    """Find words that say somebody speaks, or nobody does; the words that introduce a quotation are found too.

    Args:
        plain: one sentence after `plain_text`.

    Yields:
        Hits of kind "speech" with the value "reported", neighbouring words for one utterance taken together.

    Example:
        >>> [(h.start, h.end, h.speaker) for h in spot_reported_speech("the man explains the recipe.")]
        [(8, 16, 'the man')]
    """
    pending: Hit | None = None
    for match in _REPORTED.finditer(plain):
        if not _is_speech(plain, match):
            continue
        verb = next((name for name in ("talk", "tells", "told", "gives") if match[name]), None)
        speaker = speaker_before(plain, match.start(verb)) if verb else None
        hit = Hit(*match.span(), "speech", "reported", is_negated(plain, *match.span()), None, speaker)
        if pending is not None and _same_utterance(plain, pending, hit):
            negated, speaker = pending.negated or hit.negated, pending.speaker or hit.speaker
            pending = pending._replace(end=hit.end, negated=negated, speaker=speaker)
            continue
        if pending is not None:
            yield pending
        pending = hit
    if pending is not None:
        yield pending


def speaker_before(plain: str, verb: int) -> str | None:
    """The noun phrase that is the subject of the verb at offset `verb`, or None where none can be told.

    Example:
        >>> speaker_before("at 3s, the man in the red hat then says", 35)
        'the man'
    """
    clause = _WE_HEAR.sub("", _SENTENCE_PART.split(before(plain, verb, 140))[-1])
    pronoun = _PRONOUN_BEFORE.search(clause)
    if pronoun:
        return pronoun["who"]
    found = _SPEAKER.search(clause)
    return found.group() if found else None


def is_speaker(phrase: str) -> bool:
    """Whether a noun phrase can speak.

    Example:
        >>> is_speaker("the old man"), is_speaker("the sound")
        (True, False)
    """
    return _SPEAKER.search(phrase) is not None


def _is_speech(plain: str, match: re.Match) -> bool:
    said = match.group()
    head = _QUOTED.sub(BLANK, before(plain, match.start(), 300))[-110:]
    rest = behind(plain, match.end(), 30)
    if _IDIOM_BEHIND.match(rest) or (said.startswith("answer") and _CALL.match(rest)):
        return False
    if (said == "say" and head.endswith("as they ")) or (said == "mentioning" and head.endswith("worth ")):
        return False
    if said in ("say", "speak") and _IDIOM_BEFORE.search(head) and not _STILL_TALKS.search(head):
        return False
    joined = _AND_BEFORE.search(head) and said.split()[0].endswith("s") and _speaks(plain, match)
    if match["told"] and not (joined or _TELLER_BEFORE.search(head)):
        return False
    if match["gives"] and not (said.startswith("continu") or _speaks(plain, match)):
        return False
    if match["own"]:
        return not _SHOWN_BEHIND.match(rest)
    if match["gives"] or match["told"]:
        return not (_WRITING_BEFORE.search(head) or _SHOWN_BEHIND.match(rest) or _written(plain, match.start()))
    if match["remark"]:
        goes_on = said.endswith("ing that") and not said.startswith("suggest") and _SPEECH_EARLIER.search(head)
        return bool(_VOICED_BEFORE.search(head) or goes_on)
    if match["talk"] and not _ALOUD.match(said):
        written = _WRITING_BEFORE.search(head) or _TOPIC.search(head) or _written(plain, match.start())
        if written or (said == "comments" and _NOUN_BEFORE.search(head)):
            return False
    return not (_READ_NOUN if match["voice"] else _READ_OR_SHARED).search(head)


def _speaks(plain: str, match: re.Match) -> bool:
    """Whether somebody who can speak stands in the same part of the sentence before a match."""
    return _SOMEBODY.search(_SENTENCE_PART.split(before(plain, match.start(), 140))[-1]) is not None


def _written(plain: str, verb: int) -> bool:
    """Whether the subject of a verb is something that carries words ("the text above his head says")."""
    pieces = _SENTENCE_PART.split(before(plain, verb, 140))[-1].split(",")
    piece = next((piece for piece in reversed(pieces) if piece.strip()), "")
    return _WRITING_FIRST.match(piece) is not None


def _same_utterance(plain: str, first: Hit, second: Hit) -> bool:
    gap = plain[first.end : second.start]
    if BLANK in gap:
        return False
    participle = _PARTICIPLE_BEFORE.search(gap) and plain[: second.end].endswith("ing")
    return bool(participle and not _OTHER_SUBJECT.search(gap)) or (len(gap) < 45 and not _NEW_CLAUSE.search(gap))
