"""The eight attributes and the verified row: names, types and their `datasets.Features`. Read this first.

Times are seconds on the clip's own axis, which starts at 0 with its first presented picture or sound. Boxes are
[left, top, right, bottom] as shares of the picture, 0 to 1. Levels are dBFS. Every list is in time order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

if TYPE_CHECKING:
    from datasets import Features

ATTRIBUTES = ("scene", "characters", "objects", "actions", "narrative_elements", "speech", "camera", "emotions")
"""The attributes of the ASID paper (arXiv 2602.13013), in its order; `narrative_elements` is the canonical fifth."""

ATTRIBUTE_NAMES = {name: name.replace("_", " ") for name in ATTRIBUTES}
"""Canonical key -> what a person reads, as prompts and the attribute benchmark write it."""

SOUND_KINDS = ("silence", "speech", "singing", "music", "other")
CAMERA_MOTIONS = ("static", "pan_left", "pan_right", "tilt_up", "tilt_down", "zoom_in", "zoom_out", "shake")
LIGHT_LEVELS = ("dark", "dim", "normal", "bright")
COLOUR_TEMPERATURES = ("warm", "neutral", "cool")
COLOURS = ("black", "grey", "white", "red", "orange", "brown", "yellow", "green", "cyan", "blue", "purple", "pink")

_ALIASES = {
    "narrative": "narrative_elements",
    "narratives": "narrative_elements",
    "narrative_element": "narrative_elements",
    "character": "characters",
    "object": "objects",
    "action": "actions",
    "emotion": "emotions",
    "audio": "speech",
    "scenes": "scene",
    "cameras": "camera",
}


def canonical_attribute(name: str) -> str:
    """Return the canonical key of an attribute given in any accepted spelling.

    Args:
        name: an attribute in any case, with spaces, hyphens or underscores, singular or plural.

    Returns:
        One of `ATTRIBUTES`.

    Raises:
        ValueError: `name` is no attribute; the message lists those that are.

    Example:
        >>> canonical_attribute("Narrative elements")
        'narrative_elements'
    """
    key = re.sub(r"[\s\-_]+", "_", str(name).strip().lower())
    key = _ALIASES.get(key, key)
    if key not in ATTRIBUTES:
        raise ValueError(f"{name!r} is no attribute. Allowed: {', '.join(ATTRIBUTE_NAMES.values())}.")
    return key


def canonical_attributes(names: Iterable[str]) -> tuple[str, ...]:
    """Canonical keys of attributes given in any accepted spelling, each once, in the paper's order.

    Raises:
        ValueError: one is no attribute, or there is none.

    Example:
        >>> canonical_attributes(["Camera", "scene", "cameras"])
        ('scene', 'camera')
    """
    asked = {canonical_attribute(name) for name in names}
    if not asked:
        raise ValueError(f"No attributes were named. Allowed: {', '.join(ATTRIBUTE_NAMES.values())}.")
    return tuple(name for name in ATTRIBUTES if name in asked)


class Utterance(TypedDict):
    """One stretch of speech by one speaker. `confidence` 0..1; `speaker` and `confidence` None where unknown.

    `word_confidences`, 0..1, and `word_times`, [start, end], one for each word of `text.split()`, where they are known.
    """

    start: float
    end: float
    speaker: str | None
    text: str
    confidence: float | None
    word_confidences: NotRequired[list[float] | None]
    word_times: NotRequired[list[list[float]] | None]


class HeardUtterance(Utterance):
    """An utterance before and after the gate: `unverifiable` ones carry the `reason` the gate gave."""

    status: Literal["verified", "unverifiable"]
    reason: str | None


class Voice(TypedDict):
    """How high a speaker's voice is: its median `pitch` in Hz, None where too little of it tells."""

    speaker: str
    pitch: float | None


class SpeechEvidence(TypedDict):
    """What was recognised. `language` is an ISO 639-1 code or None where it could not be told.

    `aligner`, `diariser` and `voices` where words were timed, and speakers told apart.
    """

    recogniser: str
    language: str | None
    utterances: list[HeardUtterance]
    aligner: NotRequired[str | None]
    diariser: NotRequired[str | None]
    voices: NotRequired[list[Voice] | None]


class SoundSpan(TypedDict):
    """A stretch of one kind of sound, one of `SOUND_KINDS`, with its mean level."""

    start: float
    end: float
    kind: str
    level: float


class SoundEvidence(TypedDict):
    """Sound over time; `loudness` is the RMS level of the whole track, `silent` says it never leaves silence."""

    loudness: float
    peak: float
    silent: bool
    spans: list[SoundSpan]


class Shot(TypedDict):
    """A continuous take: [start, end)."""

    start: float
    end: float


class CameraMove(TypedDict):
    """One of `CAMERA_MOTIONS` over a stretch of one shot (`shot` is its index).

    `magnitude`: picture widths (pan), heights (tilt) or natural log of scale (zoom) travelled in all, always positive;
    for shake the RMS displacement in picture widths a second; 0 for static. `confidence` 0..1.
    """

    shot: int
    start: float
    end: float
    motion: str
    magnitude: float
    confidence: float


class ScreenText(TypedDict):
    """Text read on the picture: when it was seen first and last, and where."""

    text: str
    start: float
    end: float
    box: list[float]
    confidence: float


class Colour(TypedDict):
    """A dominant colour: one of `COLOURS` and its share of the picture, 0..1."""

    name: str
    share: float


class LightSpan(TypedDict):
    """A stretch of one light level (one of `LIGHT_LEVELS`) with its mean brightness, 0..1."""

    start: float
    end: float
    level: str
    brightness: float


class LightEvidence(TypedDict):
    """Light of the whole clip and how it changes: `brightness` and `contrast` 0..1 (mean and spread of luma)."""

    brightness: float
    contrast: float
    level: str
    temperature: str
    colours: list[Colour]
    spans: list[LightSpan]


class Evidence(TypedDict):
    """Measured facts of one clip, one field a sensor; None where the sensor could not run (`errors` says why)."""

    speech: SpeechEvidence | None
    sound: SoundEvidence | None
    shots: list[Shot] | None
    camera: list[CameraMove] | None
    screen_text: list[ScreenText] | None
    light: LightEvidence | None


class Candidate(TypedDict):
    """A caption of the clip as one annotator wrote it."""

    annotator: str
    caption: str


class Source(TypedDict):
    """Where a sentence of the draft came from: indices into `candidates`; `attribute` where a model has filed it."""

    sentence: str
    candidates: list[int]
    attribute: NotRequired[str | None]


class Conflict(TypedDict):
    """Two candidates that cannot both hold, and which the draft kept, and why."""

    attribute: str
    kept: str
    rejected: str
    reason: str


class Revision(TypedDict):
    """A text that was judged and then changed, so that the offsets of its findings stay readable."""

    text_field: str
    text: str


class Finding(TypedDict):
    """One verdict on one span. Offsets are into the text that `text_field` names: "draft", or a text of `revisions`;
    a missing fact has an empty span at the end of that text. `time_start`, `time_end` are None where none applies.

    `suggestion` is what should stand in place of the span: other words, the sentence that a missing fact needs, ""
    where the claim has to go, the span itself where the sentence belongs elsewhere in time, None where nobody can say.
    `disputed_by` names the judge that looked at the same text and holds otherwise, None where none does.
    """

    finding_id: str
    stage: str
    judge: str
    round: int
    attribute: str
    kind: str
    text_field: str
    char_start: int
    char_end: int
    span: str
    time_start: float | None
    time_end: float | None
    evidence: str
    reason: str
    suggestion: str | None
    confidence: float
    resolved: bool
    disputed_by: NotRequired[str | None]


class RowError(TypedDict):
    """Something that went wrong with one row in one stage; the row went on."""

    stage: str
    kind: str
    message: str


def video_feature() -> object:
    """The `Video` feature of the `video` column: not decoded, so rows open without torchcodec.

    Example:
        >>> video_feature().decode
        False
    """
    from datasets import Video

    return Video(decode=False)


def list_feature(feature: object) -> object:
    """A list of a feature, as every version of `datasets` has it.

    Example:
        >>> from datasets import Features, Value
        >>> Features({"names": list_feature(Value("string"))}).arrow_schema.field("names").type
        ListType(list<item: string>)
    """
    import datasets

    return datasets.List(feature) if hasattr(datasets, "List") else [feature]


def verified_features() -> Features:
    """Build the `datasets.Features` of a verified row (one a video), as `asid verify` writes it.

    Returns:
        Features whose columns are those of the verified row, in order.

    Example:
        >>> list(verified_features())[:3]
        ['video_id', 'video', 'source']
    """
    from datasets import Features, Value

    text, real, whole, flag = Value("string"), Value("float64"), Value("int32"), Value("bool")
    utterance = {
        "start": real,
        "end": real,
        "speaker": text,
        "text": text,
        "confidence": real,
        "word_confidences": list_feature(real),
        "word_times": list_feature(list_feature(real)),
    }
    evidence = {
        "speech": {
            "recogniser": text,
            "language": text,
            "utterances": list_feature({**utterance, "status": text, "reason": text}),
            "aligner": text,
            "diariser": text,
            "voices": list_feature({"speaker": text, "pitch": real}),
        },
        "sound": {
            "loudness": real,
            "peak": real,
            "silent": flag,
            "spans": list_feature({"start": real, "end": real, "kind": text, "level": real}),
        },
        "shots": list_feature({"start": real, "end": real}),
        "camera": list_feature(
            {"shot": whole, "start": real, "end": real, "motion": text, "magnitude": real, "confidence": real}
        ),
        "screen_text": list_feature(
            {"text": text, "start": real, "end": real, "box": list_feature(real), "confidence": real}
        ),
        "light": {
            "brightness": real,
            "contrast": real,
            "level": text,
            "temperature": text,
            "colours": list_feature({"name": text, "share": real}),
            "spans": list_feature({"start": real, "end": real, "level": text, "brightness": real}),
        },
    }
    finding = {
        "finding_id": text,
        "stage": text,
        "judge": text,
        "round": whole,
        "attribute": text,
        "kind": text,
        "text_field": text,
        "char_start": whole,
        "char_end": whole,
        "span": text,
        "time_start": real,
        "time_end": real,
        "evidence": text,
        "reason": text,
        "suggestion": text,
        "confidence": real,
        "resolved": flag,
        "disputed_by": text,
    }
    return Features(
        {
            "video_id": text,
            "video": video_feature(),
            "source": text,
            "duration": real,
            "width": whole,
            "height": whole,
            "fps": real,
            "has_audio": flag,
            "transcript": list_feature(utterance),
            "evidence": evidence,
            "candidates": list_feature({"annotator": text, "caption": text}),
            "draft": text,
            "sources": list_feature({"sentence": text, "candidates": list_feature(whole), "attribute": text}),
            "conflicts": list_feature({"attribute": text, "kept": text, "rejected": text, "reason": text}),
            "attributes": dict.fromkeys(ATTRIBUTES, text),
            "caption": text,
            "findings": list_feature(finding),
            "revisions": list_feature({"text_field": text, "text": text}),
            "agreement": dict.fromkeys(ATTRIBUTES, real),
            "status": text,
            "drop_reason": text,
            "errors": list_feature({"stage": text, "kind": text, "message": text}),
            "provenance": {
                "asid_hf": text,
                "models": list_feature(text),
                "stages": list_feature({"stage": text, "version": text}),
                "prompts": list_feature(text),
                "tokens": Value("int64"),
            },
        }
    )
