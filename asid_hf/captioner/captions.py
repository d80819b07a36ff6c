"""What captioning gives: the text, by attribute where it can be told apart, its times, and what the model was shown."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

try:
    from asid_hf.anchors import Anchor, parse_anchors
    from asid_hf.schema import ATTRIBUTE_NAMES, ATTRIBUTES, canonical_attribute
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .anchors import Anchor, parse_anchors
    from .schema import ATTRIBUTE_NAMES, ATTRIBUTES, canonical_attribute

FORMATS = ("text", "json")
FINISHES = ("stop", "length", "loop", "time", "error")
"""Why a text ended: the model was done; max_new_tokens; it repeated itself; it insisted on times that the clip does not
have; the clip could not be read."""

_LABEL = re.compile(r"^[ \t*_#-]*([A-Za-z][A-Za-z _-]{3,18}?)[ \t*_]*:[ \t*_]*", re.MULTILINE)


@dataclass(frozen=True)
class Caption:
    """A clip's caption.

    Attributes:
        text: as a person reads it; of an answer in JSON, one labelled paragraph an attribute.
        attributes: text by attribute; {} where the answer is one paragraph about several of them.
        instruction: what was asked.
        raw: what the model wrote.
        finish_reason: one of `FINISHES`.
        tokens: by modality: text (the prompt's words), video, audio, image, and new (written). An `audio` of 0 says
            that nothing was heard.
        duration: s.
        windows: (start, end) s of each part of a long clip that was captioned by itself.
        clips: of each window, how many frames of which size at which rate were seen, and what was lowered to fit.
        error: why there is no text, or None.

    Example:
        >>> Caption("At 3s, he waves.", {"actions": "At 3s, he waves."}).anchors[0].times
        (3.0,)
    """

    text: str
    attributes: dict[str, str] = field(default_factory=dict)
    instruction: str = ""
    raw: str = ""
    finish_reason: str = "stop"
    tokens: dict[str, int] = field(default_factory=dict)
    duration: float = 0.0
    windows: list[tuple[float, float]] = field(default_factory=list)
    clips: list[dict] = field(default_factory=list)
    error: str | None = None

    @property
    def anchors(self) -> list[Anchor]:
        """The times that the text names, with their places in it."""
        return parse_anchors(self.text)

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON-ready values, anchors by attribute with it where there are attributes."""
        told = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**told, "anchors": [{**anchor._asdict()} for anchor in self.anchors]}


def read_answer(raw: str, attributes: Sequence[str], format: str) -> tuple[str, dict[str, str]]:
    """The text for people, and the text by attribute, of what a model wrote.

    Args:
        raw: its words.
        attributes: canonical names that were asked for.
        format: one of `FORMATS`.

    Returns:
        Text and attributes; where they cannot be told apart, the words as they are and {}.

    Example:
        >>> read_answer('{"scene": "A beach.", "camera": "It pans."}', ["scene", "camera"], "json")[1]["camera"]
        'It pans.'
        >>> read_answer("Scene: A beach.\\n\\nNarrative elements: It rains.", ATTRIBUTES, "text")[1]
        {'scene': 'A beach.', 'narrative_elements': 'It rains.'}
    """
    raw = raw.strip()
    if format == "json":
        found = _from_json(raw, attributes)
        return (labelled(found) if found else raw), found
    if len(attributes) == 1:
        return raw, {attributes[0]: _without_label(raw, attributes[0])}
    return raw, _from_labels(raw, attributes)


def labelled(attributes: dict[str, str]) -> str:
    """Text by attribute as labelled paragraphs.

    Example:
        >>> labelled({"narrative_elements": "It rains.", "speech": ""})
        'Narrative elements: It rains.'
    """
    return "\n\n".join(f"{ATTRIBUTE_NAMES[name].capitalize()}: {text}" for name, text in attributes.items() if text)


def _from_json(raw: str, attributes: Sequence[str]) -> dict[str, str]:
    fenced = re.fullmatch(r"```(?:json)?\s*(.*?)\s*```", raw, re.DOTALL)
    try:
        told = json.loads(fenced[1] if fenced else raw)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(told, dict):
        return {}
    found = {}
    for key, value in told.items():
        name = _canonical(key)
        if name in attributes and isinstance(value, str):
            found[name] = value.strip()
    return {name: found[name] for name in attributes if name in found}


def _from_labels(raw: str, attributes: Sequence[str]) -> dict[str, str]:
    labels = [(match, _canonical(match[1])) for match in _LABEL.finditer(raw)]
    labels = [(match, name) for match, name in labels if name in attributes]
    ends = [match.start() for match, _ in labels[1:]] + [len(raw)]
    found: dict[str, str] = {}
    for (match, name), end in zip(labels, ends, strict=False):
        found.setdefault(name, raw[match.end() : end].strip())
    return {name: found[name] for name in ATTRIBUTES if name in found}


def _without_label(raw: str, attribute: str) -> str:
    match = _LABEL.match(raw)
    return raw[match.end() :].strip() if match and _canonical(match[1]) == attribute else raw


def _canonical(name: str) -> str | None:
    try:
        return canonical_attribute(name.replace("-", " "))
    except ValueError:
        return None
