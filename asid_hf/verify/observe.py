"""Stage 3: the other sensors, each on its own, so that one that fails leaves the others' facts."""

from __future__ import annotations

from collections.abc import Callable
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

    name, reads, writes = "observe", ("video",), ("evidence",)

    def run(self, row: Row) -> Row:
        """Run the sensors that the row has no facts of yet."""
        clip = clip_of(row["video"], allow_remote=self.allow_remote)
        evidence = dict(row.get("evidence") or dict.fromkeys(SENSORS))
        for sensor, measure in self._sensors(clip, evidence).items():
            if evidence[sensor] is not None:
                continue
            try:
                evidence[sensor] = measure()
            except Exception as error:  # one sensor's failure is recorded; the others' facts still count
                row["errors"].append(
                    {"stage": f"observe.{sensor}", "kind": type(error).__name__, "message": str(error)[:500]}
                )
        return {"evidence": evidence}

    def _sensors(self, clip: Clip, evidence: dict) -> dict[str, Callable[[], object]]:
        pictures = clip.analysis
        sensors = {"sound": lambda: measure_sound(clip.audio, clip.sample_rate)}
        if pictures is None or not len(pictures.images):
            return sensors
        sensors |= {
            "shots": lambda: find_shots(pictures.images, pictures.times, clip.duration),
            "camera": lambda: measure_camera(pictures.images, pictures.times, evidence["shots"] or []),
            "light": lambda: measure_light(pictures.images, pictures.times, clip.duration),
        }
        if self.screen_text:
            sensors["screen_text"] = lambda: read_screen_text(
                pictures.stills, pictures.still_times, evidence["shots"] or [], clip.duration
            )
        return sensors
