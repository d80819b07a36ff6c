"""The measured annotator: attribute captions that claim only what was measured."""

from __future__ import annotations

import re

from asid_hf.schema import ATTRIBUTES, Evidence, ScreenText, Utterance
from asid_hf.verify import phrasing
from asid_hf.verify.stage import Row

ANNOTATOR = "measured"


def measured_captions(row: Row) -> dict[str, str]:
    """Write an attribute caption from the facts of a row.

    Args:
        row: `evidence`, `transcript`, `duration` (s) and `has_audio` are read.

    Returns:
        Attribute -> caption in the dataset's style; "" where nothing was measured (scene, characters, actions and
        emotions are beyond these sensors).

    Example:
        >>> row = {"evidence": {}, "transcript": [], "duration": 2.0, "has_audio": False}
        >>> measured_captions(row)["speech"]
        'The clip has no sound.'
    """
    evidence, duration = row["evidence"] or {}, row["duration"]
    sentences = {
        "objects": [phrasing.say_screen_text(text, duration) for text in evidence.get("screen_text") or []],
        "narrative_elements": [phrasing.say_shots(evidence["shots"])] if evidence.get("shots") else [],
        "speech": _speech(row["transcript"] or [], evidence, row["has_audio"], duration),
        "camera": _camera(evidence, duration),
    }
    return {attribute: " ".join(sentences.get(attribute, [])) for attribute in ATTRIBUTES}


def spoken_on_screen(text: ScreenText, transcript: list[Utterance]) -> bool:
    """Whether a text on screen is a subtitle: the same words are spoken while it stands there.

    Example:
        >>> heard = [{"start": 1.0, "end": 3.0, "speaker": None, "text": "Come in, please.", "confidence": None}]
        >>> spoken_on_screen({"text": "come in please", "start": 1, "end": 3, "box": [], "confidence": 1}, heard)
        True
    """
    words = re.findall(r"\w+", text["text"].lower())
    spoken = " ".join(u["text"] for u in transcript if u["start"] <= text["end"] + 1 and u["end"] >= text["start"] - 1)
    heard = set(re.findall(r"\w+", spoken.lower()))
    return len(words) >= 3 and sum(word in heard for word in words) >= 0.8 * len(words)


def _speech(transcript: list[Utterance], evidence: Evidence, has_audio: bool, duration: float) -> list[str]:
    sound = evidence.get("sound") if has_audio else None
    if has_audio and sound is None:  # the sensor failed: nothing can be said of sound
        return [phrasing.say_utterance(utterance, duration) for utterance in transcript]
    return [
        *(phrasing.say_utterance(utterance, duration) for utterance in transcript),
        *phrasing.say_sound(sound, duration),
    ]


def _camera(evidence: Evidence, duration: float) -> list[str]:
    shots, moves, light = evidence.get("shots") or [], evidence.get("camera") or [], evidence.get("light")
    timed = [(shot["start"], phrasing.say_cut(shot["start"], duration)) for shot in shots[1:]]
    moving = [move for move in moves if move["motion"] != "static"]
    timed += [(move["start"], phrasing.say_move(move, duration)) for move in moving]
    sentences = [phrasing.say_light(light)] if light else []
    if moves and not moving:
        sentences.append("The camera stays still.")
    for before, span in zip(light["spans"], light["spans"][1:], strict=False) if light else []:
        if before["level"] != span["level"]:
            timed.append((span["start"], phrasing.say_light_change(span["start"], span["level"], duration)))
    return sentences + [sentence for _, sentence in sorted(timed)]
