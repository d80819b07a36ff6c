"""Stage 1: can the clip be read, and what is it: duration, size, rate, sound."""

from __future__ import annotations

from dataclasses import dataclass

from asid_hf.verify.clips import clip_of
from asid_hf.verify.stage import Row, Stage


@dataclass(frozen=True)
class Probe(Stage):
    """Fill `duration` (s), `width`, `height` (px as shown), `fps` and `has_audio`; drop the row if it cannot be read.

    Args:
        stills: decode pictures to read text on, too: False where no later stage shares this decode to read them.

    Example:
        >>> row = Probe()({"video": ["no-such-clip.mp4"]})
        >>> row["status"], row["drop_reason"]
        (['dropped'], ['not_found'])
    """

    allow_remote: bool = False
    stills: bool = True

    name, reads, writes = "probe", ("video",), ("duration", "width", "height", "fps", "has_audio")

    def run(self, row: Row) -> Row:
        """Open the clip and note what it is."""
        probe = clip_of(row["video"], stills=self.stills, allow_remote=self.allow_remote).clip.probe
        return {
            "duration": probe.duration,
            "width": probe.width,
            "height": probe.height,
            "fps": probe.fps,
            "has_audio": probe.has_audio,
        }
