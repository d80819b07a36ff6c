"""Stage 3: the other sensors, each on its own, so that one that fails leaves the others' facts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from asid_hf.evidence.camera import measure_camera
from asid_hf.evidence.light import measure_light
from asid_hf.evidence.screen_text import read_screen_text
from asid_hf.evidence.shots import find_shots
from asid_hf.verify.clips import HeardClip, clip_of
from asid_hf.verify.stage import Row, Stage
from asid_hf.verify.transcribe import SENSORS


@dataclass(frozen=True)
class Observe(Stage):
    """Fill `evidence` with sound, shots, camera moves, text on screen and light.

    Args:
        screen_text: read text on screen (the dearest sensor: up to a second a still).

    Example:
        >>> Observe(screen_text=False).screen_text
        False
    """

    screen_text: bool = True
    allow_remote: bool = False
    version: str = "2"

    name, reads, writes = "observe", ("video",), ("evidence",)

    def run(self, row: Row) -> Row:
        """Run the sensors that the row has no facts of yet."""
        heard = clip_of(row["video"], stills=self.screen_text, allow_remote=self.allow_remote)
        evidence = dict(row.get("evidence") or dict.fromkeys(SENSORS))
        row["errors"] += measure(heard, evidence, screen_text=self.screen_text)
        return {"evidence": evidence}


def measure(heard: HeardClip, evidence: dict, *, screen_text: bool = True) -> list[dict[str, str]]:
    """Fill the fields of `evidence` that are None.

    Args:
        heard: a clip with analysis pictures; with stills where text is to be read.
        evidence: every sensor's facts or None; changed in place.
        screen_text: read text on screen.

    Returns:
        What failed, as `stage`, `kind` and `message`; the facts of the other sensors are there all the same.

    Example:
        >>> from importlib.resources import files
        >>> from asid_hf.verify.clips import hear_clip
        >>> evidence = dict.fromkeys(SENSORS)
        >>> measure(hear_clip(files("asid_hf.demo").joinpath("voice.ogg").read_bytes()), evidence)
        []
        >>> evidence["sound"]["silent"], evidence["shots"]
        (False, None)
    """
    failures = []
    for sensor, sense in _sensors(heard, evidence, screen_text).items():
        if evidence[sensor] is not None:
            continue
        try:
            evidence[sensor] = sense()
        except Exception as error:  # one sensor's failure is recorded; the others' facts still count
            kind, message = type(error).__name__, str(error)[:500]
            failures.append({"stage": f"observe.{sensor}", "kind": kind, "message": message})
    return failures


def _sensors(heard: HeardClip, evidence: dict, screen_text: bool) -> dict[str, Callable[[], object]]:
    sensors: dict[str, Callable[[], object]] = {"sound": heard.hearing.result}
    clip, pictures = heard.clip, heard.clip.analysis
    if pictures is None or not len(pictures.images):
        return sensors
    sensors |= {
        "shots": lambda: find_shots(pictures.images, pictures.times, clip.duration),
        "camera": lambda: measure_camera(pictures.images, pictures.times, evidence["shots"] or []),
        "light": lambda: measure_light(pictures.images, pictures.times, clip.duration),
    }
    if screen_text:
        sensors["screen_text"] = lambda: read_screen_text(
            pictures.stills, pictures.still_times, evidence["shots"] or [], clip.duration
        )
    return sensors
