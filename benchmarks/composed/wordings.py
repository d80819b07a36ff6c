"""Write captions from the truth: every salient fact, nothing false, between sentences about what else is seen.

Two manners: "asid" (one paragraph, events in order behind times, a closing sentence) and "prose" (paragraphs, hardly
any times), both after reading the references of video-SALMONN-2 and UGC-VideoCap.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

from . import phrases, scenery
from .footage import STRETCHES
from .truth import Line, Move, Title, Truth

START, STOP = "\x02", "\x03"
"""Marks around the part of a sentence that carries its fact; taken out when the caption is put together."""

NUMBERS = "Zero One Two Three Four Five Six Seven Eight Nine Ten Eleven Twelve".split()


@dataclass
class Sentence:
    """A sentence of a caption before it is put in place.

    Attributes:
        text: with `START`..`STOP` around the fact it carries.
        time: seconds; where in the order of telling it belongs.
        fact: "speech:0", "title:1", "cut:0", "move:0", "static", "take", "music", "silence", "no_speech", "no_text",
            "light"; two with a space between where a sentence tells both; None where it claims nothing measured.
        anchor: the time as written ("At 3s"), or None.
        anchor_time: what the anchor says, seconds.
        rank: order among sentences of one time; a new shot comes first.
        tag: set by a fault, to find the sentence again.
    """

    text: str
    time: float
    fact: str | None = None
    anchor: str | None = None
    anchor_time: float | None = None
    rank: int = 5
    tag: str | None = None


@dataclass
class Script:
    """A caption in pieces, in telling order, with the manner it is written in."""

    truth: Truth
    manner: str
    sentences: list[Sentence]
    paragraph_breaks: list[float] = field(default_factory=list)

    def of(self, fact: str) -> list[Sentence]:
        """Sentences that carry a fact."""
        return [sentence for sentence in self.sentences if fact in (sentence.fact or "").split()]


@dataclass
class Placed:
    """Where a sentence and the fact in it came to lie in the caption: character offsets."""

    sentence: Sentence
    start: int
    end: int
    core_start: int
    core_end: int


def assemble(script: Script) -> tuple[str, list[Placed]]:
    """Put a script together.

    Returns:
        The caption and, sentence by sentence, where it lies.
    """
    text, placed = "", []
    breaks = sorted(script.paragraph_breaks)
    for sentence in script.sentences:
        if text:
            passed = [time for time in breaks if sentence.time >= time]
            text += "\n\n" if passed else " "
            breaks = [time for time in breaks if time not in passed]
        plain = sentence.text.replace(START, "").replace(STOP, "")
        core = sentence.text.find(START)
        core_end = sentence.text.replace(START, "").find(STOP)
        if core < 0:
            core, core_end = 0, len(plain)
        begin = len(text)
        placed.append(Placed(sentence, begin, begin + len(plain), begin + core, begin + core_end))
        text += plain
    return text, placed


class Writer:
    """Writes sentences about one clip in one manner; everything it draws comes from `rng`."""

    def __init__(self, truth: Truth, rng: random.Random, manner: str | None = None) -> None:
        self.truth, self.rng = truth, rng
        self.manner = manner or rng.choice(("asid", "asid", "prose"))
        self.anchored = {"asid": 0.85, "prose": 0.14}[self.manner]
        self.anchor_form = rng.choice(("At {n}s", "At {n}s", "At {n}s", "At {n} second{s}", "At {c}", "mixed"))
        self.marks = rng.choice(("\u201c\u201d", '""', '""', '""', "''"))
        self.voice_known = False
        self.used: set[str] = set()

    # -- times ---------------------------------------------------------------------------------------------------

    def second(self, time: float) -> int:
        """The whole second a caption would write for `time`, inside the clip."""
        return max(0, min(round(time), int(self.truth.duration)))

    def lead(self, time: float, end: float | None = None) -> tuple[str, int]:
        """An anchor to stand before a sentence, without the comma, and the second it says."""
        rng, n = self.rng, self.second(time)
        last = None if end is None else self.second(end)
        if last is not None and last - n >= 2 and rng.random() < 0.4:
            forms = ("From {a}s to {b}s", "Between {a}s and {b}s", "From {ca} to {cb}", "From {a} to {b} seconds")
            form = rng.choice(forms)
            return form.format(a=n, b=last, ca=clock(n), cb=clock(last)), n
        form = self.anchor_form
        if form == "mixed" or rng.random() < 0.12:
            forms = ["At {n}s", "At around {n}s", "Around the {n}-second mark", "At {c}", "At the {n}-second mark"]
            forms += ["At about {n} second{s}", "Around {n}s"] + (["{word} seconds in"] if 2 <= n <= 12 else [])
            form = rng.choice(forms)
        return form.format(n=n, s="" if n == 1 else "s", c=clock(n), word=NUMBERS[min(n, 12)]), n

    def sentence(
        self,
        body: str,
        time: float,
        fact: str | None,
        end: float | None = None,
        anchored: bool | None = None,
        rank: int = 5,
    ) -> Sentence:
        """A sentence from its body, with an anchor as the manner has it (or as `anchored` says)."""
        if anchored is None:
            anchored = self.rng.random() < self.anchored
        if not anchored:
            return Sentence(capital(body), time, fact, rank=rank)
        anchor, said = self.lead(time, end)
        if self.rng.random() < 0.12 and body.endswith(".") and not anchor.startswith(("From", "Between")):
            text = capital(f"{body[:-1]} {lower(anchor)}.")
        else:
            text = f"{anchor}, {body}"
        return Sentence(text, time, fact, anchor, said, rank)

    # -- facts ---------------------------------------------------------------------------------------------------

    def speech(self, number: int, line: Line | None = None, anchored: bool | None = None) -> Sentence:
        """What is said by line `number` (or, for a fault, by another `line`)."""
        line = line or self.truth.lines[number]
        rng = self.rng
        who = self._speaker(line)
        text = self._near(line.text) if rng.random() < 0.25 else line.text
        asked = text.endswith("?")
        reportable = line.text in _statements() and rng.random() < 0.14
        if reportable:
            body = rng.choice(phrases.SPEECH_REPORTED).format(who=who, r=f"{START}{lower(text).rstrip('.')}{STOP}")
        elif len(text.split()) >= 8 and rng.random() < 0.08:
            body = self._split_quote(text, who)
        else:
            form = rng.choice(phrases.SPEECH_ASKED if asked else phrases.SPEECH)
            body = form.format(who=who, qf=self.quote(text, "."), qc=self.quote(text, ","), q=self.quote(text, ""))
        return self.sentence(body, line.start, f"speech:{number}", line.end, anchored)

    def title(self, number: int, title: Title | None = None, anchored: bool | None = None) -> Sentence:
        """What title `number` says (or another `title`)."""
        title = title or self.truth.titles[number]
        form = self.rng.choice(phrases.TITLE)
        places = {
            "top": (" at the top of the screen", " at the top of the frame", " along the top"),
            "bottom": (" at the bottom of the screen", " at the bottom of the frame", " along the bottom"),
            "middle": (" in the centre of the screen", " in the middle of the frame", " in the center"),
        }
        place = self.rng.choice(places.get(title.place, (f" in the {title.place}",)))
        place = place if self.rng.random() < 0.6 else ""
        text = title.text
        body = form.format(
            place=place,
            colour=title.colour,
            qf=self.quote(text, "."),
            qc=self.quote(text, ","),
            q=self.quote(text, ""),
        )
        return self.sentence(body, title.start, f"title:{number}", title.end, anchored)

    def both(self, line: int, title: int) -> Sentence:
        """Line and title in one sentence."""
        said, read = self.truth.lines[line], self.truth.titles[title]
        form = self.rng.choice(phrases.BOTH_ASKED if said.text.endswith("?") else phrases.BOTH)
        body = form.format(
            who=self._speaker(said),
            qf=self.quote(said.text, "."),
            q=self.quote(said.text, ""),
            qc=self.quote(said.text, ","),
            t=self.quote(read.text, ""),
            tc=self.quote(read.text, ","),
        )
        return self.sentence(body, min(said.start, read.start), f"speech:{line} title:{title}")

    def cut(
        self, number: int, time: float | None = None, new: str | None = None, anchored: bool | None = None
    ) -> Sentence:
        """That the clip cuts to shot `number` + 1 (or to something else)."""
        at = self.truth.cuts[number] if time is None else time
        new = new or self.shows(number + 1)
        form = self.rng.choice(phrases.CUT)
        head, _, rest = form.partition("{new}")
        body = f"{START}{head.rstrip()}{STOP} {new}{rest}" if head.strip() else form.format(new=new)
        return self.sentence(body, at, f"cut:{number}", None, anchored, rank=1)

    def move(self, number: int, move: Move | None = None, anchored: bool | None = None) -> Sentence:
        """How the camera moves in move `number` (or in another `move`)."""
        move = move or self.truth.moves[number]
        rng = self.rng
        axis, _, way = move.motion.partition("_")
        key = move.motion if axis == "zoom" else axis
        other = {"left": "right", "right": "left", "up": "down", "down": "up", "in": "out", "out": "in"}[way]
        speeds = (phrases.SMOOTH, phrases.SMOOTH_ADJ)
        if move.speed < 0.16:
            speeds = (phrases.SLOW, phrases.SLOW_ADJ)
        elif move.speed > 0.38:
            speeds = (phrases.QUICK, phrases.QUICK_ADJ)
        words = {
            "adv": rng.choice(speeds[0]) if rng.random() < 0.6 else "",
            "adj": rng.choice(speeds[1]),
            "d": way,
            "o": other,
            "x": self._subject(move.shot),
            "raises": "raises" if way == "up" else "lowers",
        }
        if rng.random() < 0.25:
            noun = rng.choice(phrases.MOVE_NOUNS[key]).format(**words)
            noun = re.sub(r"\ba (?=[aeiou])", "an ", noun)
            body = rng.choice(phrases.MOVE_NOUN_FRAMES).format(n=f"{START}{noun}{STOP}")
        else:
            clause = re.sub(r" +", " ", rng.choice(phrases.MOVES[key]).format(**words)).strip()
            clause = f"{START}{re.sub(r'(?<= )a (?=[aeiou])', 'an ', clause)}{STOP}"
            body = f"{clause}."
            if rng.random() < 0.3:
                seen = lower(self.happening(move.shot).rstrip("."))
                body = f"as {clause}, {seen}." if rng.random() < 0.5 else f"{clause}, while {seen}."
        return self.sentence(body, move.start, f"move:{number}", move.end, anchored, rank=2)

    def remark(self, fact: str, bodies: tuple[str, ...], time: float, anchored: bool | None = False) -> Sentence:
        """A fact of the whole clip, or of a moment, out of a list of bodies."""
        body = self.rng.choice(bodies)
        return self.sentence(f"{START}{body[:-1]}{STOP}.", time, fact, None, anchored, rank=8)

    # -- what else is seen ---------------------------------------------------------------------------------------

    def opening(self) -> Sentence:
        """The first sentence: what the first shot shows."""
        form = self.rng.choice(scenery.OPENINGS)
        return Sentence(form.format(new=self.shows(0)), -1.0, None, rank=0)

    def closing(self) -> Sentence:
        """The last sentence."""
        place = STRETCHES[self.truth.shots[-1].stretch].place
        if len({STRETCHES[shot.stretch].place for shot in self.truth.shots}) > 1:
            topic = self.rng.choice(("what is shown", "these different sights", "the places and figures it shows"))
        else:
            topic = self.rng.choice(scenery.TOPICS[place])
        return Sentence(self.rng.choice(scenery.CLOSINGS).format(topic=topic), 1e6, None, rank=9)

    def filler(self, shot: int, anchored: bool | None = None) -> Sentence | None:
        """A sentence about shot `shot` that was not used yet; None when what was drawn is used up."""
        here, rng = self.truth.shots[shot], self.rng
        stretch = STRETCHES[here.stretch]
        pool = self._fresh(self._pool(shot))
        if not pool:
            return None
        text = rng.choice(pool)
        self.used.add(text)
        low = here.start + 0.3 if here.end - here.start > 1 else here.start
        time = rng.uniform(low, max(low, here.end - 0.6))
        if text in stretch.does:
            wants = (rng.random() < self.anchored * 0.75) if anchored is None else anchored
            made = self.sentence(lower(text), time, None, None, wants)
            if not wants and rng.random() < 0.4:
                made.text = rng.choice(scenery.LINKS) + lower(text)
            return made
        more = [other for other in pool if other != text]
        if more and rng.random() < 0.25:
            second = rng.choice(more)
            self.used.add(second)
            text = f"{text[:-1]}{rng.choice((', and ', '; ', ', while '))}{lower(second)}"
        elif rng.random() < 0.15:
            text = rng.choice(scenery.ADDS) + lower(text)
        return Sentence(text, time, None)

    def shows(self, shot: int) -> str:
        """A noun phrase for what a shot shows."""
        shows = STRETCHES[self.truth.shots[shot].stretch].shows
        return self.rng.choice(self._lit(shows) or shows)

    def quote(self, text: str, ending: str) -> str:
        """A quote in this caption's marks, ending as the sentence needs: "." closes it, "," goes on, "" stands bare."""
        marks = self.marks if not (self.marks == "''" and "'" in text) else '""'
        bare = text.rstrip(".")
        stop = bare[-1] in "?!"
        if ending == ".":
            inner = bare if stop else f"{bare}."
        elif ending == ",":
            inner = bare if stop else f"{bare},"
        else:
            inner = bare
        return f"{START}{marks[0]}{inner}{marks[1]}{STOP}"

    # -- inner ---------------------------------------------------------------------------------------------------

    def _pool(self, shot: int) -> tuple[str, ...]:
        """One of the pools that suit a shot: what happens, who is there, where it is; more rarely style and mood."""
        stretch = STRETCHES[self.truth.shots[shot].stretch]
        style = "documentary" if stretch.place in ("table", "space", "city", "street", "hall", "card") else "cartoon"
        cast = tuple(text for member in stretch.cast for text in scenery.CAST[member])
        pools = (stretch.does, cast, scenery.PLACES[stretch.place], scenery.STYLE[style], scenery.MOOD, scenery.STORY)
        return self.rng.choices(pools, (3.0, 4.0 if cast else 0.0, 3.0, 1.2, 1.0, 0.8))[0]

    def _fresh(self, pool: tuple[str, ...]) -> list[str]:
        return [text for text in self._lit(pool) if text not in self.used]

    def _lit(self, texts: tuple[str, ...]) -> list[str]:
        """Texts that stay true when the composer changed the light."""
        if self.truth.light == "normal":
            return list(texts)
        return [text for text in texts if not scenery.LIGHT_WORDS.search(text)]

    def _speaker(self, line: Line) -> str:
        if line.voice == "speaker":
            return self.rng.choice(phrases.SPEAKERS)
        if line.voice.startswith("librivox"):
            return self.rng.choice(phrases.READERS)
        names = phrases.VOICES_AGAIN if self.voice_known else phrases.VOICES
        self.voice_known = True
        return self.rng.choice(names)

    def _split_quote(self, text: str, who: str) -> str:
        """A quote in two halves around the speaker."""
        words = text.split()
        half = len(words) // 2 + self.rng.choice((-1, 0, 1))
        verb = "asks" if text.endswith("?") else self.rng.choice(("says", "continues", "explains"))
        first, second = self.quote(" ".join(words[:half]).rstrip(","), ","), self.quote(" ".join(words[half:]), ".")
        return f"{first.replace(STOP, '')} {who} {verb}, {second.replace(START, '')}"

    def _near(self, text: str) -> str:
        """The same words, slightly differently written."""
        swaps = (
            ("will not", "won't"),
            ("Do not", "Don't"),
            ("We will", "We'll"),
            ("There is", "There's"),
            ("Let us", "Let's"),
            ("That was", "It was"),
            ("he would", "he'd"),
            ("I have been", "I've been"),
            ("forty", "40"),
            ("thirty", "30"),
            ("Thursday", "thursday"),
        )
        for old, new in swaps:
            if old in text:
                return text.replace(old, new)
        return self.rng.choice((lower(text), text.replace(",", ""), text if text[-1] == "?" else f"{text[:-1]}!"))

    def _subject(self, shot: int) -> str:
        cast = STRETCHES[self.truth.shots[shot].stretch].cast
        names = {
            "rabbit": "the rabbit",
            "far_rabbit": "the rabbit",
            "far_rodents": "the rodents",
            "flying_squirrel": "the squirrel",
            "red_squirrel": "the red squirrel",
            "chinchilla": "the grey rodent",
            "bird": "the bird",
            "machine": "the machine",
            "earth": "the globe",
            "suit": "the man",
            "statesmen": "the two men",
        }
        return names[cast[0]] if cast else "the middle of the scene"

    def happening(self, shot: int) -> str:
        """A sentence about what happens in a shot, or, where all that is told, about looking at it."""
        does = STRETCHES[self.truth.shots[shot].stretch].does
        text = self.rng.choice(self._fresh(does) or self._fresh(scenery.ASIDES) or scenery.ASIDES)
        self.used.add(text)
        return text


def write_script(truth: Truth, writer: Writer, together: bool = True) -> Script:
    """A clean caption in pieces: every salient fact of `truth`, some that need not be said, and what else is seen.

    Args:
        truth: of the clip.
        writer: writes for that clip.
        together: may tell a spoken line and a title in one sentence.
    """
    rng = writer.rng
    sentences, lines, titles = [], list(range(len(truth.lines))), list(range(len(truth.titles)))
    for line, title in [(line, title) for line in lines for title in titles]:
        near = abs(truth.lines[line].start - truth.titles[title].start) < 1.2
        if near and not sentences and together and rng.random() < 0.5:
            sentences.append(writer.both(line, title))
            lines, titles = [n for n in lines if n != line], [n for n in titles if n != title]
    sentences += [writer.speech(number) for number in lines] + [writer.title(number) for number in titles]
    sentences += [writer.cut(number) for number in range(len(truth.cuts))]
    sentences += [writer.move(number) for number in range(len(truth.moves))]
    if writer.manner == "prose" and rng.random() < 0.3:  # what is heard told last, as many references do
        for sentence in sentences:
            if (sentence.fact or "").startswith("speech:") and sentence.anchor is None:
                sentence.time = truth.duration
    sentences += optional_facts(writer)
    goal = min(600, rng.uniform(120, 200) + truth.duration * rng.uniform(6, 20))
    count = sum(len(sentence.text.split()) for sentence in sentences) + 20
    spans = [shot.end - shot.start for shot in truth.shots]
    misses = 0
    while count < goal and misses < 20:
        shot = rng.choices(range(len(spans)), spans)[0]
        made = writer.filler(shot)
        if made is None:
            misses += 1
            continue
        sentences.append(made)
        count += len(made.text.split())
    sentences = [writer.opening(), *in_order(sentences, truth), writer.closing()]
    script = Script(truth, writer.manner, sentences)
    if writer.manner == "prose":
        script.paragraph_breaks = _breaks(rng, truth, sentences)
    return script


def optional_facts(writer: Writer) -> list[Sentence]:
    """Facts that a caption may leave out: a fixed camera, one take, music, silence, no speech, no text, the light."""
    truth, rng = writer.truth, writer.rng
    steady = all(STRETCHES[shot.stretch].steady for shot in truth.shots)
    checks = (
        ("static", phrases.STATIC, steady and not truth.moves, 0.5),
        ("take", phrases.TAKE, not truth.cuts, 0.4),
        ("music", phrases.MUSIC, truth.music, 0.6),
        ("silence", phrases.SILENCE, truth.silent, 0.4),
        ("no_speech", phrases.NO_SPEECH, not truth.lines, 0.3),
        ("no_text", phrases.NO_TEXT, not shows_text(truth), 0.25),
        ("light", phrases.DARK, truth.light == "dark", 0.7),
        ("light", phrases.BRIGHT, truth.light == "bright", 0.7),
    )
    made = []
    for fact, bodies, holds, share in checks:
        if holds and rng.random() < share:
            late = truth.duration if rng.random() < 0.6 else rng.uniform(0, truth.duration)
            sentence = writer.remark(fact, bodies, late)
            made.append(sentence)
    return made


def shows_text(truth: Truth) -> bool:
    """Whether any words are to be read, drawn by us or filmed."""
    filmed = {"jam", "square", "bicycle", "roof", "towers", "statement"}
    return bool(truth.titles) or any(shot.stretch in filmed for shot in truth.shots)


def in_order(sentences: list[Sentence], truth: Truth) -> list[Sentence]:
    """Telling order: shot by shot, and inside a shot by time, anchors never going back."""

    def key(sentence: Sentence) -> tuple[int, bool, float, int]:
        time = min(max(sentence.time, 0.0), truth.duration - 1e-3)
        opens_shot = (sentence.fact or "").startswith("cut:") and not sentence.tag
        said = time if sentence.anchor_time is None else sentence.anchor_time
        return truth.shot_at(time), not opens_shot, said, sentence.rank

    return sorted(sentences, key=key)


def clock(seconds: int) -> str:
    """Seconds as minutes and seconds.

    Example:
        >>> clock(75)
        '1:15'
    """
    return f"{seconds // 60}:{seconds % 60:02d}"


def capital(text: str) -> str:
    """Begin with a capital letter, whatever marks stand before it.

    Example:
        >>> capital("the camera")
        'The camera'
    """
    for place, letter in enumerate(text):
        if letter.isalpha():
            return text[:place] + letter.upper() + text[place + 1 :]
        if letter not in START + STOP:
            return text
    return text


def lower(text: str) -> str:
    """Begin with a small letter, unless the first word is "I" or all in capitals.

    Example:
        >>> lower("The camera"), lower("I see"), lower("At 3s")
        ('the camera', 'I see', 'at 3s')
    """
    first = text.split(" ", 1)[0]
    keep = first in ("I", "I've", "I'm") or (len(first) > 1 and first.isupper())
    return text if keep else text[:1].lower() + text[1:]


def _breaks(rng: random.Random, truth: Truth, sentences: list[Sentence]) -> list[float]:
    """Times before which a new paragraph begins: at some cuts, and before the closing words."""
    share = 0.7 if len(truth.cuts) < 4 else 0.3
    breaks = [cut for cut in truth.cuts if rng.random() < share]
    if not breaks and truth.duration > 5:
        breaks = [truth.duration * rng.uniform(0.35, 0.65)]
    return [*breaks, 1e6] if rng.random() < 0.6 else breaks


def _statements() -> tuple[str, ...]:
    from .lines import STATEMENTS

    return STATEMENTS
