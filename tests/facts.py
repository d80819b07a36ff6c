"""A judged row from a caption and a few facts, without any clip."""

from __future__ import annotations

from itertools import pairwise

from asid_hf.verify.inputs import new_rows
from asid_hf.verify.steps import text_stages

SILENT = {"loudness": -100.0, "peak": -100.0, "silent": True, "spans": []}


def heard(*spans: tuple[float, float, str]) -> dict:
    spans = [{"start": start, "end": end, "kind": kind, "level": -20.0} for start, end, kind in spans]
    return {"loudness": -20.0, "peak": -3.0, "silent": False, "spans": spans}


def said(start: float, end: float, text: str) -> dict:
    return {"start": start, "end": end, "speaker": None, "text": text, "confidence": 0.9}


def move(start: float, end: float, motion: str, confidence: float = 0.95) -> dict:
    magnitude = 0.0 if motion == "static" else 0.4
    return {"shot": 0, "start": start, "end": end, "motion": motion, "magnitude": magnitude, "confidence": confidence}


def shown(start: float, end: float, text: str) -> dict:
    return {"text": text, "start": start, "end": end, "box": [0.2, 0.8, 0.8, 0.9], "confidence": 0.98}


def shots(duration: float, *cuts: float) -> list[dict]:
    edges = [0.0, *cuts, duration]
    return [{"start": start, "end": end} for start, end in pairwise(edges)]


def light(level: str, brightness: float) -> dict:
    spans = [{"start": 0.0, "end": 20.0, "level": level, "brightness": brightness}]
    facts = {"brightness": brightness, "contrast": 0.2, "level": level, "temperature": "neutral"}
    return {**facts, "colours": [], "spans": spans}


def verified(caption: str | list[dict] | None, *, duration: float = 20.0, transcript: list = (), **facts) -> dict:
    """Run all text stages on one caption (or candidates) against given facts; returns the finished row."""
    row = new_rows(["clip.mp4"])[0]
    sound = facts.pop("sound", heard((0.0, duration, "speech")) if transcript else heard((0.0, duration, "other")))
    utterances = [{**u, "status": "verified", "reason": None} for u in transcript]
    speech = {"recogniser": "test", "language": "en", "utterances": [*utterances, *facts.pop("unverified", [])]}
    evidence = {
        "speech": speech if sound else None,
        "sound": sound,
        "shots": shots(duration),
        "camera": [move(0.0, duration, "static")],
        "screen_text": [],
        "light": None,
    }
    if isinstance(caption, str):
        caption = [{"annotator": "given", "caption": caption}]
    row.update(
        duration=duration,
        has_audio=sound is not None,
        transcript=list(transcript),
        evidence={**evidence, **facts},
        candidates=caption or [],
    )
    for stage in text_stages():
        batch = stage({column: [value] for column, value in row.items()})
        row.update({column: values[0] for column, values in batch.items()})
    return row
