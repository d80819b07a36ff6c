"""Clips whose every fact is known: the truth, their files, the rows that measured them, and a score for any caption."""

from __future__ import annotations

import hashlib
import io
import re
import struct
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from itertools import pairwise
from typing import NamedTuple

from llm_facts import BODIES, SLOTS

from asid_hf.schema import ATTRIBUTES
from asid_hf.verify.sentences import split_sentences

SECONDS = 60.0  # every clip's length
STEP = 2  # s between two facts that have a time
TOLERANCE = 2  # s that a told time may be off
LEAST, MOST = 4, 6  # facts an attribute
_TIME = re.compile(r"^(?:At (\d+(?:\.\d+)?)s|From (\d+(?:\.\d+)?)s to \d+(?:\.\d+)?s), (?=\S)")
_UNTIL = re.compile(r", until \d+s\.$")
_HARMLESS = re.compile(  # what the measured annotator says beside the facts; true of every clip it says it of
    r"the clip (?:is one continuous shot|consists of|has no sound|is silent)|music plays\.$|singing is heard\.$|"
    r"sounds without speech are heard|the camera stays still"
)
_MOTIONS = {
    "pans left": "pan_left",
    "pans right": "pan_right",
    "tilts up": "tilt_up",
    "tilts down": "tilt_down",
    "zooms in": "zoom_in",
    "zooms out": "zoom_out",
}
_LEVELS = {"dark": ("dark", 0.1), "dimly lit": ("dim", 0.25), "evenly lit": ("normal", 0.4), "bright": ("bright", 0.7)}


def share(*things: object) -> float:
    """A number from 0 to 1 that hangs on nothing but `things`."""
    text = "\x1f".join(map(str, things)).encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(text, digest_size=7).digest(), "big") / 2**56


def pick(options: Iterable, *things: object) -> object:
    """One of the options, by `share`."""
    options = list(options)
    return options[int(share(*things) * len(options))]


class Fact(NamedTuple):
    """A slot with a value, at a whole second where the slot has a time."""

    slot: str
    value: str
    time: int | None

    @property
    def attribute(self) -> str:
        """The attribute it belongs to."""
        return SLOTS[self.slot].attribute

    def sentence(self, wording: int) -> str:
        """One of its three sentences."""
        body = SLOTS[self.slot].body(self.value, wording)
        if self.time is None:
            return body[0].upper() + body[1:]
        if self.slot in ("camera.move", "camera.zoom"):
            return f"From {self.time}s to {self.time + STEP}s, {body}"
        return f"At {self.time}s, {body}"

    def agrees(self, other: Fact) -> bool:
        """Whether two say the same of one slot; a time that is not told is no fault."""
        if (self.slot, self.value) != (other.slot, other.value):
            return False
        return None in (self.time, other.time) or abs(self.time - other.time) <= TOLERANCE


class Told(NamedTuple):
    """A sentence of a text, and the fact that it states; None where it states none that is known here."""

    sentence: str
    fact: Fact | None
    harmless: bool = False


def read(text: str) -> list[Told]:
    """The sentences of a text and what they say."""
    return [_told(sentence.text) for sentence in split_sentences(text or "")]


def _told(sentence: str) -> Told:
    lead = _TIME.match(sentence)
    body = _UNTIL.sub(".", sentence[lead.end() :] if lead else sentence)
    body = body[:1].lower() + body[1:]
    known = BODIES.get(body)
    if known is None:
        return Told(sentence, None, bool(_HARMLESS.search(body)))
    time = round(float(lead[1] or lead[2])) if lead else None
    return Told(sentence, Fact(*known, time))


def facts_in(text: str) -> list[Fact]:
    """The facts that a text states, also behind a colon ("The clip shows: ...")."""
    found = [told.fact for told in read(text) if told.fact]
    return found or [told.fact for part in text.split(": ", 1)[1:] for told in read(part) if told.fact]


class Score(NamedTuple):
    """A text against the truth: counts of facts in all, told rightly, told wrongly, invented; of sentences told again,
    and of sentences that state nothing known."""

    facts: int
    covered: int
    wrong: int
    hallucinated: int
    repeated: int
    unknown: int

    def plus(self, other: Score) -> Score:
        """The sum of two."""
        return Score(*(a + b for a, b in zip(self, other, strict=True)))


@dataclass(frozen=True)
class SimulatedClip:
    """One clip: its name and all that is true of it."""

    name: str
    truth: tuple[Fact, ...]
    has_sound: bool

    @cached_property
    def by_slot(self) -> dict[str, Fact]:
        """Slot -> fact."""
        return {fact.slot: fact for fact in self.truth}

    def of(self, attribute: str) -> list[Fact]:
        """The facts of an attribute."""
        return [fact for fact in self.truth if fact.attribute == attribute]

    def judge(self, fact: Fact) -> str:
        """What a stated fact is: right, wrong or hallucinated."""
        known = self.by_slot.get(fact.slot)
        if known is None:
            return "hallucinated"
        return "right" if known.agrees(fact) else "wrong"

    def score(self, text: str) -> Score:
        """How a caption stands against the truth."""
        told = read(text)
        stated = list(dict.fromkeys(t.fact for t in told if t.fact))
        verdicts = Counter(self.judge(fact) for fact in stated)
        covered = len({fact.slot for fact in stated if self.judge(fact) == "right"})
        again = sum(t.fact is not None for t in told) - len(stated) + verdicts["right"] - covered
        unknown = sum(t.fact is None and not t.harmless for t in told)
        return Score(len(self.truth), covered, verdicts["wrong"], verdicts["hallucinated"], again, unknown)

    def file(self) -> bytes:
        """A film of the clip's length that no other clip equals; its pictures show nothing of the facts."""
        name = self.name.encode()
        return film(SECONDS, self.has_sound) + struct.pack(">I", 8 + len(name)) + b"free" + name

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.file()).hexdigest()

    @property
    def transcript(self) -> list[dict]:
        """What is said, as the rows hold it."""
        lines = [
            self.by_slot[slot] for slot in ("speech.line1", "speech.line2", "speech.line3") if slot in self.by_slot
        ]
        said = [
            {"start": float(f.time), "end": f.time + 1.8, "speaker": None, "text": f.value, "confidence": 0.95}
            for f in lines
        ]
        return sorted(({**u, "word_confidences": None} for u in said), key=lambda u: u["start"])

    @property
    def evidence(self) -> dict:
        """What sensors would measure: the truth of speech, sound, cuts, camera moves, text on screen and light."""
        cut = self.by_slot.get("camera.cut")
        edges = [0.0, *([float(cut.time)] if cut else []), SECONDS]
        shots = [{"start": start, "end": end} for start, end in pairwise(edges)]
        level, brightness = _LEVELS[self.by_slot["camera.light"].value]
        light = {"brightness": brightness, "contrast": 0.2, "level": level, "temperature": "neutral", "colours": []}
        spans = [{"start": 0.0, "end": SECONDS, "level": level, "brightness": brightness}]
        heard = [{**utterance, "status": "verified", "reason": None} for utterance in self.transcript]
        return {
            "speech": {"recogniser": "truth", "language": "en", "utterances": heard} if self.has_sound else None,
            "sound": self._sound() if self.has_sound else None,
            "shots": shots,
            "camera": self._moves(shots),
            "screen_text": self._screen_text(),
            "light": {**light, "spans": spans},
        }

    def row(self, path: str | None = None) -> dict:
        """A new row of the pipeline with this clip (its bytes, or the file at `path`), measured and transcribed."""
        from asid_hf.verify.inputs import new_rows

        row = new_rows([f"{self.name}.mp4"])[0]
        video = {"path": path, "bytes": None} if path else {"path": f"{self.name}.mp4", "bytes": self.file()}
        facts = {"transcript": self.transcript, "evidence": self.evidence}
        size = {"duration": SECONDS, "width": 64, "height": 48, "fps": 1.0}
        return {**row, "video_id": self.name, "video": video, "has_audio": self.has_sound, **size, **facts}

    def _sound(self) -> dict:
        rest = "music" if "speech.music" in self.by_slot else "other"
        spans, at = [], 0.0
        for utterance in self.transcript:
            spans.append({"start": at, "end": utterance["start"], "kind": rest, "level": -30.0})
            spans.append({"start": utterance["start"], "end": utterance["end"], "kind": "speech", "level": -20.0})
            at = utterance["end"]
        spans.append({"start": at, "end": SECONDS, "kind": rest, "level": -30.0})
        return {"loudness": -25.0, "peak": -3.0, "silent": False, "spans": spans}

    def _moves(self, shots: list[dict]) -> list[dict]:
        told = [self.by_slot[slot] for slot in ("camera.move", "camera.zoom") if slot in self.by_slot]
        moves, at = [], 0.0
        for fact in sorted(told, key=lambda fact: fact.time):
            end = float(fact.time + STEP)
            moves.append(_move(shots, at, float(fact.time), "static"))
            moves.append(_move(shots, float(fact.time), end, _MOTIONS[fact.value]))
            at = end
        moves.append(_move(shots, at, SECONDS, "static"))
        return [move for move in moves if move["end"] > move["start"]]

    def _screen_text(self) -> list[dict]:
        sign = self.by_slot.get("objects.sign")
        if sign is None:
            return []
        place = {"start": float(sign.time), "end": sign.time + 4.0, "box": [0.3, 0.8, 0.7, 0.9]}
        return [{"text": sign.value, **place, "confidence": 0.98}]


def _move(shots: list[dict], start: float, end: float, motion: str) -> dict:
    shot = max(i for i, s in enumerate(shots) if s["start"] <= start)
    magnitude = 0.0 if motion == "static" else 0.4
    return {"shot": shot, "start": start, "end": end, "motion": motion, "magnitude": magnitude, "confidence": 0.95}


class World:
    """A number of clips, the same ones for the same seed; every `silent`-th has no sound.

    Example:
        >>> World(2, seed=1).clips["clip-00001"].truth == World(2, seed=1).clips["clip-00001"].truth
        True
    """

    def __init__(self, count: int, seed: int = 0, silent: int = 10) -> None:
        self.seed, self.silent = seed, silent
        names = [f"clip-{index:05d}" for index in range(count)]
        self.clips = {
            name: _clip(name, seed, has_sound=not silent or i % silent != silent - 1) for i, name in enumerate(names)
        }

    @cached_property
    def digests(self) -> dict[str, str]:
        """SHA-256 of a clip's file -> its name."""
        return {clip.digest: name for name, clip in self.clips.items()}

    def rows(self) -> list[dict]:
        """The measured rows of all clips."""
        return [clip.row() for clip in self.clips.values()]


def _clip(name: str, seed: int, has_sound: bool) -> SimulatedClip:
    attributes = [a for a in ATTRIBUTES if has_sound or a != "speech"]
    chosen = [slot for attribute in attributes for slot in _chosen(attribute, name, seed)]
    seconds = sorted(range(1, int(SECONDS) - 2 * STEP, STEP), key=lambda second: share(seed, name, "time", second))
    times = iter(seconds)
    facts = [
        Fact(slot.name, pick(slot.values, seed, name, slot.name), next(times) if slot.timed else None)
        for slot in chosen
    ]
    return SimulatedClip(name, tuple(facts), has_sound)


def _chosen(attribute: str, name: str, seed: int) -> list:
    slots = [slot for slot in SLOTS.values() if slot.attribute == attribute]
    count = LEAST + int(share(seed, name, attribute) * (MOST - LEAST + 1))
    ranked = sorted(slots, key=lambda slot: (not slot.always, share(seed, name, "has", slot.name)))
    taken = {slot.name for slot in ranked[:count]}
    return [slot for slot in slots if slot.name in taken]


@cache
def film(seconds: float, sound: bool) -> bytes:
    """A small MP4 of one dull picture a second, with a soft tone at its beginning where it has sound."""
    import av
    import numpy as np

    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        video = container.add_stream("mpeg4", rate=Fraction(1))
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream("aac", rate=16000, layout="mono") if sound else None
        if audio:
            audio.bit_rate = 16_000
        for index in range(int(seconds)):
            picture = np.full((48, 64, 3), 90 + index % 2, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode())
        if audio:
            wave = 0.05 * np.sin(2 * np.pi * 220 * np.arange(3 * 16000) / 16000)
            frame = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, 0
            container.mux(audio.encode(frame))
            container.mux(audio.encode())
    return target.getvalue()
