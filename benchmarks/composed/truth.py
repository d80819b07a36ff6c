"""What is exactly known of a composed clip. Times are seconds from the clip's first picture."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

OPPOSITE = {
    "pan_left": "pan_right",
    "pan_right": "pan_left",
    "tilt_up": "tilt_down",
    "tilt_down": "tilt_up",
    "zoom_in": "zoom_out",
    "zoom_out": "zoom_in",
}
"""Camera moves and their opposites. `pan_left` is the camera turning left: what it sees moves to the right."""


@dataclass
class Window:
    """A crop of the footage: centre and width as shares of the largest 16:9 window that fits into it."""

    x: float
    y: float
    width: float


@dataclass
class Shot:
    """[start, end) of the clip, showing a stretch of footage from `cut_in` seconds on.

    The window goes from `first` to `last` between `moves_from` and `moves_to` (clip seconds).
    """

    start: float
    end: float
    stretch: str
    cut_in: float
    first: Window
    last: Window
    moves_from: float = 0.0
    moves_to: float = 0.0


@dataclass
class Move:
    """A camera move: widths (pan), heights (tilt) or natural log of scale (zoom) travelled between start and end."""

    motion: str
    start: float
    end: float
    magnitude: float
    shot: int

    @property
    def speed(self) -> float:
        """Magnitude per second."""
        return self.magnitude / (self.end - self.start)


@dataclass
class Title:
    """Words on the picture. `font` seeds how they are drawn, None where the footage itself shows them."""

    text: str
    start: float
    end: float
    place: str
    colour: str
    font: str | None = None


@dataclass
class Line:
    """Words that are spoken: by an unseen man ("joe"), an unseen reader ("librivox") or the man in view ("speaker")."""

    text: str
    start: float
    end: float
    voice: str
    pace: float = 1.0
    pitch: float = 1.0


@dataclass
class Truth:
    """One clip. `sound`: "none" (no stream), "silence" (digital silence) or "audible". `luma`: mean, 0..1."""

    video_id: str
    seed: int
    duration: float
    width: int
    height: int
    fps: int
    shots: list[Shot]
    moves: list[Move] = field(default_factory=list)
    titles: list[Title] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    sound: str = "audible"
    music: bool = False
    ambience: bool = False
    light: str = "normal"
    gain: float = 1.0
    luma: float = 0.0

    @property
    def cuts(self) -> list[float]:
        """Times of the cuts."""
        return [shot.start for shot in self.shots[1:]]

    @property
    def silent(self) -> bool:
        """Whether nothing at all is to be heard."""
        return self.sound != "audible"

    def shot_at(self, time: float) -> int:
        """Index of the shot shown at `time`."""
        return max(index for index, shot in enumerate(self.shots) if index == 0 or shot.start <= time + 1e-6)

    def save(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> Truth:
        """Read what `save` wrote."""
        raw = json.loads(path.read_text(encoding="utf-8"))
        raw["shots"] = [
            Shot(**{**shot, "first": Window(**shot["first"]), "last": Window(**shot["last"])}) for shot in raw["shots"]
        ]
        raw["moves"] = [Move(**move) for move in raw["moves"]]
        raw["titles"] = [Title(**title) for title in raw["titles"]]
        raw["lines"] = [Line(**line) for line in raw["lines"]]
        return cls(**raw)
