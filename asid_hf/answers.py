"""What a captioner answered: the text for people, and the text by attribute, of prose, labelled paragraphs or JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

try:
    from asid_hf.schema import ATTRIBUTE_NAMES, ATTRIBUTES, canonical_attribute
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .schema import ATTRIBUTE_NAMES, ATTRIBUTES, canonical_attribute

_LABEL = re.compile(r"^[ \t*_#-]*([A-Za-z][A-Za-z _-]{3,18}?)[ \t*_]*:[ \t*_]*", re.MULTILINE)


def read_answer(raw: str, attributes: Sequence[str], format: str) -> tuple[str, dict[str, str]]:
    """The text for people, and the text by attribute, of what a model wrote.

    Args:
        raw: its words.
        attributes: canonical names that were asked for.
        format: "text" or "json".

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


def reply_schema(attributes: Sequence[str]) -> dict:
    """JSON schema of an answer in JSON: one string an attribute, and nothing else.

    Example:
        >>> reply_schema(["speech"])["required"]
        ['speech']
    """
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in attributes},
        "required": list(attributes),
        "additionalProperties": False,
    }
