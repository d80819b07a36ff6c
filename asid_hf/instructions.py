"""What a captioner is asked, in training and in use: pools of our own, drawn with a seed, and what an instruction asks.

The paper (arXiv 2602.13013) draws a prompt at random for each video, which nobody can repeat; here a video, a seed and
the attributes decide. A text that is changed gets a new `VERSION`; `tests/test_instructions.py` holds its digest.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence

try:
    from asid_hf.schema import ATTRIBUTE_NAMES, ATTRIBUTES
except ImportError:  # beside a loading script, where asid_hf is not installed
    from .schema import ATTRIBUTE_NAMES, ATTRIBUTES

VERSION = 1
ANSWERS = ("text", "json")
"""How an answer is written: prose (one paragraph; of several attributes one labelled paragraph each), or JSON."""

SYSTEM_PROMPT = (
    "You describe videos from what can be seen and heard in them. Give times in whole seconds from the start of the "
    "video, never beyond its end, quote speech word for word, and claim nothing that the video does not show."
)
"""The one system turn, in training and in use."""

ALL = (
    "Describe the video in detail: {attributes}. Write your answer as one coherent paragraph.",
    "Watch and listen to the whole video, then describe it thoroughly. Cover {attributes}, and name the times at which "
    "things happen. Write one coherent paragraph.",
    "Give a complete account of this video in one coherent paragraph. It should tell of {attributes}.",
    "What can be seen and heard in this video? Answer in one detailed paragraph, in the order of time, and include "
    "{attributes}.",
    "Write a caption of this video from which somebody could picture it without watching: {attributes}. Use one "
    "coherent paragraph.",
    "Please describe the clip from beginning to end, with {attributes}, as one flowing paragraph.",
    "Provide a detailed description that leaves out nothing of importance. Attend to {attributes}. Write a single "
    "coherent paragraph.",
)
SINGLE = (
    "Describe {attributes} in the video in detail. Write your answer as one coherent paragraph.",
    "Focus only on {attributes} of this video and describe that part in one detailed paragraph.",
    "Tell me about {attributes} in this clip, and about nothing else. Write one coherent paragraph.",
    "What does the video show or let us hear of {attributes}? Answer in one coherent paragraph.",
    "Give a thorough description of {attributes} in this video, limited to that, as a single paragraph.",
)
SEVERAL = (
    "Describe {attributes} in the video in detail. Write one paragraph for each, in this order, and begin each with "
    "its name and a colon.",
    "Tell me about {attributes} in this clip, and about nothing else: one paragraph each, in the order named, led by "
    "its name and a colon.",
    "Give a detailed description of the following parts of the video only: {attributes}. Start a new paragraph with "
    "the name and a colon for each of them.",
    "Focus on {attributes} of this video. Answer with a paragraph for each, headed by its name and a colon, and leave "
    "everything else out.",
    "For this video, write separate paragraphs on {attributes}, in that order. Each starts with what it is about and a "
    "colon.",
)
JSON = (
    "Describe {attributes} in the video in detail. Answer with one JSON object with exactly these keys: {keys}.",
    "Tell me about {attributes} in this clip. Reply in JSON only, with the keys {keys}, each with one paragraph.",
    "Give a detailed description of {attributes} of this video as a JSON object with the keys {keys} and no others.",
    "Return a JSON object that describes {attributes} in the video. Keys: {keys}. Each value is one coherent "
    "paragraph.",
    "Write what you see and hear of {attributes} in this video as JSON, with one string for each of {keys}.",
)

_MENTIONS = {
    "scene": r"scenes?",
    "characters": r"characters?",
    "objects": r"(?<!JSON )objects?",
    "actions": r"actions?",
    "narrative_elements": r"narratives?(?:[ _-]+elements?)?",
    "speech": r"speech",
    "camera": r"cameras?",
    "emotions": r"emotions?",
}
_MENTION = re.compile(
    r"\b(?:" + "|".join(f"(?P<{name}>{words})" for name, words in _MENTIONS.items()) + r")\b", re.IGNORECASE
)
_OTHER_WORDS = {
    "scene": "settings?|scenery|surroundings|environment|location|weather",
    "characters": "people|persons?|individuals?|men|women|animals",
    "objects": "items|props",
    "actions": "activit(?:y|ies)|movements of",
    "narrative_elements": "plot|story|storyline|storytelling",
    "speech": "audio|sounds?|music|dialogues?|spoken words|voices?",
    "camera": "lighting|cinematography|shot types?",
    "emotions": "emotional|moods?|feelings?",
}
_SINGLE_MENTION = re.compile(
    r"\b(?:" + "|".join(f"(?P<{name}>{words}|{_OTHER_WORDS[name]})" for name, words in _MENTIONS.items()) + r")\b"
    r"(?!['’]s?\s|s['’]\s)",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r"\b(?:in|from|of|throughout|during|within)\s+(?:this|each|every|the\s+whole)\s+scene\b", re.IGNORECASE
)


def draw_instruction(attributes: Sequence[str], video_id: str, seed: int = 0, answer: str = "text") -> str:
    """Draw the instruction that asks one video for some attributes; the same arguments draw the same one.

    Args:
        attributes: canonical names, in the order in which the answer gives them.
        video_id: of the video asked about.
        seed: another one draws others.
        answer: one of `ANSWERS`.

    Returns:
        The instruction, without media tags.

    Raises:
        ValueError: no attributes, or an `answer` that is none.

    Example:
        >>> draw_instruction(["speech"], "a")
        'Focus only on the speech of this video and describe that part in one detailed paragraph.'
    """
    if answer not in ANSWERS:
        raise ValueError(f"{answer!r} is no form of an answer. Allowed: {', '.join(ANSWERS)}.")
    if not attributes:
        raise ValueError(f"An instruction asks for one attribute or more of {', '.join(ATTRIBUTES)}.")
    pool = JSON if answer == "json" else _pool(len(attributes))
    text = pool[draw(len(pool), seed, video_id, answer, *attributes)]
    keys = ", ".join(f'"{name}"' for name in attributes)
    return text.format(attributes=_listed([f"the {ATTRIBUTE_NAMES[name]}" for name in attributes]), keys=keys)


def clip_id(clip: object) -> str:
    """What a clip is called where nobody named it: its file's name without its ending; "" where it has none.

    Args:
        clip: a path, or a `datasets` Video value; anything else has no name.

    Example:
        >>> clip_id("/videos/a.b.mp4"), clip_id({"path": "c.mp4", "bytes": None}), clip_id(b"...")
        ('a.b', 'c', '')
    """
    path = clip.get("path") if isinstance(clip, dict) else clip
    if not isinstance(path, str | os.PathLike):
        return ""
    path = os.fsdecode(path)
    if path.startswith(("http://", "https://")):
        path = path.partition("?")[0]  # what follows may be a key
    return os.path.splitext(os.path.basename(path))[0]


def _pool(count: int) -> tuple[str, ...]:
    return SINGLE if count == 1 else ALL if count == len(ATTRIBUTES) else SEVERAL


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def draw(count: int, *key: object) -> int:
    """A number from 0 to below `count` that the key decides, evenly spread; the same on every machine.

    Example:
        >>> draw(10, 0, "clip") == draw(10, 0, "clip")
        True
    """
    return int.from_bytes(_digest(8, key), "big") * count >> 64


def draw_some(items: Sequence[str], count: int, *key: object) -> list[str]:
    """`count` of the items, in their order, that the key decides; each set of them is as likely as any other.

    Example:
        >>> draw_some(["scene", "speech", "camera"], 2, 0, "clip")
        ['speech', 'camera']
    """
    digest = _digest(8 * len(items), (count, *key))
    ranks = {item: digest[8 * place : 8 * place + 8] for place, item in enumerate(items)}
    chosen = set(sorted(items, key=ranks.__getitem__)[:count])
    return [item for item in items if item in chosen]


def _digest(size: int, key: Sequence[object]) -> bytes:
    text = "\0".join(map(str, key)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=size).digest()


def asked_attributes(instruction: str) -> list[str]:
    """The attributes that an instruction names, in canonical order; none where it asks for no one in particular.

    Example:
        >>> asked_attributes("Describe the camera, scene in the video in detail.")
        ['scene', 'camera']
    """
    named = {match.lastgroup for match in _MENTION.finditer(instruction)}
    return [name for name in ATTRIBUTES if name in named]


def requested_attributes(instruction: str) -> list[str]:
    """The attributes that an instruction asks to be told of, where it is one of the known ones and asks for no more.

    Known are those of our pools, short forms of them, and descriptions that name all eight; of several attributes those
    that name them in our order, in which the answer gives them. A question that only has the name of an attribute in
    it ("Count the objects.") asks for none.

    Example:
        >>> requested_attributes("Describe the camera in the video."), requested_attributes("What brand is the camera?")
        (['camera'], [])
    """
    text = " ".join(instruction.split())
    asked = asked_attributes(text)
    if len(asked) == len(ATTRIBUTES):
        return asked if _KNOWN.fullmatch(text) or _DESCRIBE.match(text) else []
    named = [match.lastgroup for match in _MENTION.finditer(text)]
    return asked if _KNOWN.fullmatch(text) and named[: len(asked)] == asked else []


_NAMED = rf"(?:(?:the|and|{'|'.join(_MENTIONS.values())})[ ,]*)+"
_SHORT = tuple(f"Describe {{attributes}}{end}." for end in ("", " in the video", " in the video in detail"))
_KNOWN = re.compile(
    "|".join(
        re.escape(text.rstrip(".")).replace(r"\{attributes\}", rf"\b{_NAMED}").replace(r"\{keys\}", '[a-z_", ]+')
        for text in (*_SHORT, *ALL, *SINGLE, *SEVERAL, *JSON)
    ).join(("(?:", r")\.?")),
    re.IGNORECASE,
)
_DESCRIBE = re.compile(
    r"(?:please )?(?:describe|caption|give|provide|generate|write|produce|create|compose|watch|summari[sz]e)\b[^?]*$",
    re.IGNORECASE,
)


def single_asked(instruction: str) -> list[str]:
    """The one attribute that a single-attribute instruction asks for, as a list of one; [] where nobody can tell.

    Other words for an attribute count here, too ("the background music" is of speech). What only says where to look is
    passed over ("In this scene, ..."), and so is whose something is ("the characters' emotions"); of several that are
    left the first counts ("the emotions of the characters").

    Example:
        >>> [single_asked(f"Describe {what}.") for what in ("the emotions of the characters", "the sounds", "it")]
        [['emotions'], ['speech'], []]
    """
    match = _SINGLE_MENTION.search(_ASIDE.sub(" ", instruction))
    return [match.lastgroup] if match else []
