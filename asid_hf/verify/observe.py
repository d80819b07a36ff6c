"""Stage 3: the other sensors, each on its own, so that one that fails leaves the others' facts."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from asid_hf.evidence.camera import measure_camera
from asid_hf.evidence.light import measure_light
from asid_hf.evidence.screen_text import read_screen_text
from asid_hf.evidence.shots import find_shots
from asid_hf.evidence.sound import measure_sound
from asid_hf.media import Clip
from asid_hf.verify.clips import clip_of
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
        clip = clip_of(row["video"], stills=self.screen_text, allow_remote=self.allow_remote)
        evidence = dict(row.get("evidence") or dict.fromkeys(SENSORS))
        row["errors"] += measure(clip, evidence, screen_text=self.screen_text)
        return {"evidence": evidence}


def measure(clip: Clip, evidence: dict, *, screen_text: bool = True) -> list[dict[str, str]]:
    """Fill the fields of `evidence` that are None, the sound's in a thread beside the pictures' ones.

    Args:
        clip: with analysis pictures; with stills where text is to be read.
        evidence: every sensor's facts or None; changed in place.
        screen_text: read text on screen.

    Returns:
        What failed, as `stage`, `kind` and `message`; the facts of the other sensors are there all the same.

    Example:
        >>> import numpy as np
        >>> from asid_hf.media import Probe
        >>> evidence = dict.fromkeys(SENSORS)
        >>> silence = np.zeros(16000, np.float32)
        >>> measure(Clip(Probe(1.0, False, True), None, np.zeros(0), 0.0, silence, 1.0), evidence)
        []
        >>> evidence["sound"]["silent"]
        True
    """
    heard = {"sound": lambda: measure_sound(clip.audio, clip.sample_rate)}
    with ThreadPoolExecutor(max_workers=1) as beside:
        failures = beside.submit(_fill, evidence, heard)
        seen = _fill(evidence, _of_pictures(clip, evidence, screen_text))
    return failures.result() + seen


def _of_pictures(clip: Clip, evidence: dict, screen_text: bool) -> dict[str, Callable[[], object]]:
    pictures = clip.analysis
    if pictures is None or not len(pictures.images):
        return {}
    sensors: dict[str, Callable[[], object]] = {
        "shots": lambda: find_shots(pictures.images, pictures.times, clip.duration),
        "camera": lambda: measure_camera(pictures.images, pictures.times, evidence["shots"] or []),
        "light": lambda: measure_light(pictures.images, pictures.times, clip.duration),
    }
    if screen_text:
        sensors["screen_text"] = lambda: read_screen_text(
            pictures.stills, pictures.still_times, evidence["shots"] or [], clip.duration
        )
    return sensors


def _fill(evidence: dict, sensors: dict[str, Callable[[], object]]) -> list[dict[str, str]]:
    failures = []
    for sensor, sense in sensors.items():
        if evidence[sensor] is not None:
            continue
        try:
            evidence[sensor] = sense()
        except Exception as error:  # one sensor's failure is recorded; the others' facts still count
            kind, message = type(error).__name__, str(error)[:500]
            failures.append({"stage": f"observe.{sensor}", "kind": kind, "message": message})
    return failures
