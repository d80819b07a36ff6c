"""A small world whose every fact is known: what a clip shows and lets hear, how that is told, and how it is read back.

All that a clip is follows from its id, so that anybody makes the same clips again. Each fact is drawn evenly and by
itself: nothing but looking and listening tells it. Each of the eight attributes is told in words that no other uses, so
that a caption can be marked word by word, by rules (`read_facts`, `attributes_told`), without another model.

The same truth is told in two wordings that have no sentence in common: `DATASET` is what the captioner is trained on,
`BASE` what the language model of the base was trained on before.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache

from asid_hf.instructions import draw
from asid_hf.schema import ATTRIBUTES

BACKGROUNDS = ("meadow", "desert", "sea", "wall", "sky")
COLOURS = ("red", "yellow", "white", "purple")
SHAPES = ("circle", "cross", "triangle")
DIRECTIONS = ("left", "right", "up", "down", "still")
CAMERAS = ("static", "pan_left", "pan_right", "zoom_in", "zoom_out")
TONES = ("silence", "low", "high", "noise", "beeps")
WORDS = ("tomato", "sunshine")
"""What the voice may say, one word a clip."""

VALUES = {
    "background": BACKGROUNDS,
    "colour": COLOURS,
    "shape": SHAPES,
    "direction": DIRECTIONS,
    "camera": CAMERAS,
    "sound": (*TONES, *WORDS),
}
"""Fact -> what it can be."""

FACTS_OF = {
    "scene": ("background",),
    "objects": ("colour", "shape"),
    "actions": ("direction",),
    "speech": ("sound",),
    "camera": ("camera",),
}
"""Attribute -> the facts that its sentence tells; the other attributes' sentences follow from those of these."""

SHORT, LONG = (3.0,), (5.0, 5.5, 6.0)  # s; all are whole numbers of pictures
DATASET, BASE = "dataset", "base"


@dataclass(frozen=True)
class Facts:
    """What one clip shows and lets hear.

    Attributes:
        background, colour, shape, direction, camera, sound: of `VALUES`.
        track: whether the file has a sound track at all; of silent clips, one half has one, of zeros.
        seconds: how long it is.

    Example:
        >>> Facts("sea", "red", "circle", "left", "static", "silence", False, 3.0).lively
        False
    """

    background: str
    colour: str
    shape: str
    direction: str
    camera: str
    sound: str
    track: bool
    seconds: float

    @property
    def told(self) -> dict[str, str]:
        """The facts that a caption tells, by name: what `read_facts` reads back."""
        return {name: value for name, value in asdict(self).items() if name in VALUES}

    @property
    def eventful(self) -> bool:
        """Whether the object does anything."""
        return self.direction != "still"

    @property
    def lively(self) -> bool:
        """Whether both the object and the camera move."""
        return self.eventful and self.camera != "static"


def has_voice() -> bool:
    """Whether the synthesiser of the spoken words (package espeakng-loader) is installed.

    Example:
        >>> isinstance(has_voice(), bool)
        True
    """
    return importlib.util.find_spec("espeakng_loader") is not None


def sounds_of(spoken: bool) -> tuple[str, ...]:
    """The sounds of a world with spoken words, or without.

    Example:
        >>> sounds_of(spoken=False)
        ('silence', 'low', 'high', 'noise', 'beeps')
    """
    return (*TONES, *WORDS) if spoken else TONES


def name_clips(kind: str, seed: int, count: int) -> list[str]:
    """The ids of `count` clips; other kinds and other seeds are other clips.

    Example:
        >>> name_clips("short", 0, 2)
        ['short_0_00000', 'short_0_00001']
    """
    return [f"{kind}_{seed}_{number:05d}" for number in range(count)]


def draw_facts(clip_id: str, sounds: Sequence[str] = TONES, lengths: Sequence[float] = SHORT) -> Facts:
    """The facts of a clip, each drawn evenly and independently of the others; the same id has the same ones.

    Args:
        clip_id: of the clip, see `name_clips`.
        sounds: to draw from, see `sounds_of`; the other facts are the same whatever they are.
        lengths: s, to draw from.

    Example:
        >>> facts = draw_facts("short_0_00000")
        >>> facts == draw_facts("short_0_00000"), facts.seconds
        (True, 3.0)
    """
    allowed = {**VALUES, "sound": tuple(sounds)}
    facts = {name: values[draw(len(values), clip_id, name)] for name, values in allowed.items()}
    track = facts["sound"] != "silence" or bool(draw(2, clip_id, "track"))
    return Facts(**facts, track=track, seconds=lengths[draw(len(lengths), clip_id, "seconds")])


_SCENE = {
    "meadow": "a grassy meadow",
    "desert": "a sandy desert",
    "sea": "a wavy sea",
    "wall": "a stony wall",
    "sky": "a starry sky",
}
_SIDE = {"left": "left", "right": "right", "up": "top", "down": "bottom"}
_SPEECH = {
    "silence": "only silence",
    "low": "a low tone",
    "high": "a high tone",
    "noise": "a hissing noise",
    "beeps": "a beeping alarm",
    **{word: f'a voice saying "{word}"' for word in WORDS},
}
_CAMERA = {
    "static": "stays fixed",
    "pan_left": "pans leftward",
    "pan_right": "pans rightward",
    "zoom_in": "zooms inward",
    "zoom_out": "zooms outward",
}
_TEMPLATES: dict[str, dict[str, tuple]] = {  # wording -> attribute -> sentences; of pairs, the second where not so
    DATASET: {
        "scene": (
            "The setting is {scene}.",
            "The place shown is {scene}.",
            "The background consists of {scene}.",
            "The surroundings are those of {scene}.",
        ),
        "characters": (
            "Nobody appears, neither people nor animals.",
            "No people are present at all.",
            "There are no people or animals present.",
        ),
        "objects": (
            "The only item is a {colour} {shape}.",
            "A single {colour} {shape} is the main item.",
            "One big {colour} {shape} can be found.",
            "It contains one {colour} {shape}.",
        ),
        "actions": (
            ("It moves steadily to the {side}.", "It is at rest and never moves."),
            ("Its motion goes to the {side}.", "Its motion is none, it is at rest."),
            ("Gradually it moves to the {side}.", "It rests in one spot."),
        ),
        "narrative_elements": (
            ("One simple event unfolds.", "No event unfolds."),
            ("The story tells of one event.", "The story tells of no event."),
            ("Something happens in the story.", "Nothing happens in the story."),
        ),
        "speech": (
            "The audio has {speech}.",
            "The audio that is heard is {speech}.",
            "The soundtrack carries {speech}.",
            "One hears {speech}.",
        ),
        "camera": (
            "The camera {camera}.",
            "It is filmed by a camera that {camera}.",
            "The camera {camera} while filming.",
        ),
        "emotions": (
            "The mood is {mood}.",
            "The atmosphere feels {mood}.",
            "A {mood} feeling is in the atmosphere.",
        ),
    },
    BASE: {
        "scene": ("Behind it lies {scene}.", "Behind, {scene} spreads out.", "Everything is set before {scene}."),
        "characters": (
            "Not a living soul is around.",
            "It is without people or animals.",
            "Neither people nor animals are around.",
        ),
        "objects": (
            "A {shape} is seen, and it is {colour}.",
            "The thing seen is a {colour} {shape}.",
            "In it is a {shape}, painted {colour}.",
        ),
        "actions": (
            ("Towards the {side} it travels.", "It lies at rest, it never travels."),
            ("It travels, and the {side} is where to.", "Not travelling, it rests."),
            ("To the {side} it moves.", "It never moves but rests."),
        ),
        "narrative_elements": (
            ("An event happens from beginning to end.", "Nothing happens from beginning to end."),
            ("From beginning to end there is an event.", "From beginning to end there is no event."),
        ),
        "speech": ("Sounding in it is {speech}.", "To the ear there is {speech}.", "With it sounds {speech}."),
        "camera": ("The lens {camera}.", "The view {camera}.", "The view is of a lens that {camera}."),
        "emotions": ("All in all it is {mood}.", "It is {mood} as to mood.", "The feeling in it is {mood}."),
    },
}


def texts_of(facts: Facts, clip_id: str, wording: str = DATASET) -> dict[str, str]:
    """A sentence on each of the eight attributes, in order, in a form that the clip's id draws.

    Args:
        facts: the truth.
        clip_id: of the clip.
        wording: `DATASET` or `BASE`.

    Example:
        >>> facts = Facts("sea", "red", "circle", "left", "static", "low", True, 3.0)
        >>> texts_of(facts, "a")["objects"]
        'It contains one red circle.'
    """
    pools = _TEMPLATES[wording]
    return {name: sentence(facts, name, draw(len(pools[name]), clip_id, wording, name), wording) for name in ATTRIBUTES}


def sentence(facts: Facts, attribute: str, form: int, wording: str = DATASET) -> str:
    """The sentence on one attribute in one of its forms, see `forms`.

    Example:
        >>> sentence(Facts("sea", "red", "circle", "left", "static", "low", True, 3.0), "camera", 0)
        'The camera stays fixed.'
    """
    template = _TEMPLATES[wording][attribute][form]
    if not isinstance(template, str):
        template = template[0 if facts.eventful else 1]
    return template.format(
        scene=_SCENE[facts.background],
        colour=facts.colour,
        shape=facts.shape,
        side=_SIDE.get(facts.direction),
        speech=_SPEECH[facts.sound],
        camera=_CAMERA[facts.camera],
        mood="lively" if facts.lively else "calm",
    )


def forms(attribute: str, wording: str = DATASET) -> int:
    """In how many forms a wording tells an attribute.

    Example:
        >>> forms("scene")
        4
    """
    return len(_TEMPLATES[wording][attribute])


def paragraph(texts: dict[str, str]) -> str:
    """The caption of all attributes: their sentences as one paragraph.

    Example:
        >>> paragraph({"scene": "The setting is a wavy sea.", "camera": "The camera stays fixed."})
        'The setting is a wavy sea. The camera stays fixed.'
    """
    return " ".join(texts.values())


_COMMON = frozenset("an and as at be but by can from has its nor or out set where while with without".split())
"""Words that say nothing of what is told, though only one attribute may have them."""

_MARKS = {  # fact -> value -> the words that tell it, each of no other value
    "background": {name: (name,) for name in BACKGROUNDS},
    "colour": {name: (name,) for name in COLOURS},
    "shape": {name: (name,) for name in SHAPES},
    "direction": {**{name: (side,) for name, side in _SIDE.items()}, "still": ("rest", "rests")},
    "camera": {
        "static": ("fixed",),
        "pan_left": ("leftward",),
        "pan_right": ("rightward",),
        "zoom_in": ("inward",),
        "zoom_out": ("outward",),
    },
    "sound": {
        "silence": ("silence",),
        "low": ("low",),
        "high": ("high",),
        "noise": ("hissing",),
        "beeps": ("beeping",),
        **{word: (word,) for word in WORDS},
    },
}


def read_facts(text: str) -> dict[str, str | None]:
    """The facts that a text tells, in either wording.

    Args:
        text: a caption, by whomever.

    Returns:
        background, colour, shape, direction, camera and sound; None where the text tells none, or several.

    Example:
        >>> found = read_facts("The setting is a wavy sea. The camera pans leftward. The camera zooms inward.")
        >>> found["background"], found["camera"], found["sound"]
        ('sea', None, None)
    """
    there = set(_words(text))
    found = {fact: [value for value, marks in own.items() if there & set(marks)] for fact, own in _MARKS.items()}
    return {fact: values[0] if len(values) == 1 else None for fact, values in found.items()}


def attributes_told(text: str) -> set[str]:
    """The attributes that a text speaks of: those of which it has a word that no other attribute's sentences have.

    The attributes' names do not count: they head the paragraphs of an answer.

    Example:
        >>> sorted(attributes_told("Camera: The camera pans leftward. The mood is calm."))
        ['camera', 'emotions']
    """
    there = set(_words(text))
    return {name for name, own in own_words().items() if there & own}


@lru_cache(maxsize=1)
def own_words() -> dict[str, frozenset[str]]:
    """Attribute -> the words that its sentences alone have, of both wordings.

    Example:
        >>> "pans" in own_words()["camera"], "the" in own_words()["camera"]
        (True, False)
    """
    used = {name: {word for text in all_sentences()[name] for word in _words(text)} for name in ATTRIBUTES}
    names = {word for name in ATTRIBUTES for word in name.split("_")}
    others = {name: set().union(*(used[other] for other in ATTRIBUTES if other != name)) for name in ATTRIBUTES}
    return {name: frozenset(used[name] - others[name] - names - _COMMON) for name in ATTRIBUTES}


def all_sentences(wordings: Sequence[str] = (DATASET, BASE)) -> dict[str, list[str]]:
    """Attribute -> every sentence on it that some clip may have.

    Example:
        >>> len(all_sentences([DATASET])["emotions"])
        6
    """
    kinds = [
        Facts(background, colour, shape, direction, camera, sound, True, SHORT[0])
        for background, colour, shape, direction, camera, sound in _each_value()
    ]
    return {
        name: list(
            dict.fromkeys(
                sentence(facts, name, form, wording)
                for wording in wordings
                for form in range(forms(name, wording))
                for facts in kinds
            )
        )
        for name in ATTRIBUTES
    }


def _each_value() -> list[tuple[str, ...]]:
    """Facts in which each value of each one comes up, and those pairs that one sentence tells."""
    objects = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    pairs = [(direction, camera) for direction in DIRECTIONS for camera in CAMERAS]
    sounds = VALUES["sound"]
    return [
        (BACKGROUNDS[number % len(BACKGROUNDS)], *objects[number % len(objects)], *pair, sounds[number % len(sounds)])
        for number, pair in enumerate(pairs)
    ]


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())
