"""What every check looks at: a draft with its claims and anchors, and the facts measured of its clip."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from asid_hf.anchors import Anchor, parse_anchors
from asid_hf.schema import Evidence, Utterance
from asid_hf.verify.claims import Claim, parse_claims
from asid_hf.verify.decompose import Placed, placed_sentences
from asid_hf.verify.format import format_faults
from asid_hf.verify.stage import Row

TOLERANCE = 2.0
"""Seconds a caption's time may be off: its anchors are whole seconds, and the paper accepts errors within 2 s."""


@dataclass(frozen=True)
class Case:
    """A draft to be judged. Times in seconds; claims inside looped or malformed passages are left to repair_format.

    Example:
        >>> case = Case("At 2s, it pans left.", {}, [], 9.0, True, ())
        >>> [claim.value for claim in case.claims_of("camera")]
        ['pan_left']
    """

    draft: str
    evidence: Evidence
    transcript: list[Utterance]
    duration: float
    has_audio: bool
    placed: tuple[Placed, ...] = field(default=())

    @cached_property
    def claims(self) -> list[Claim]:
        """The draft's claims, in text order."""
        broken = [(fault.start, fault.end) for fault in format_faults(self.draft) if fault.reason == "repetition"]
        return [c for c in _parsed(self.draft) if not any(a <= c.start and c.end <= b for a, b in broken)]

    @cached_property
    def anchors(self) -> list[Anchor]:
        """The draft's time anchors, in text order; times that somebody quotes are none."""
        quotes = [(c.start, c.end) for c in self.claims if c.quote]
        anchors = parse_anchors(self.draft)
        return [a for a in anchors if not any(start <= a.start and a.end <= end for start, end in quotes)]

    def claims_of(self, *kinds: str) -> list[Claim]:
        """The claims of some kinds."""
        return [claim for claim in self.claims if claim.kind in kinds]

    def sentence_at(self, offset: int) -> Placed | None:
        """The sentence around a character offset."""
        return next((placed for placed in self.placed if placed.start <= offset < placed.end), None)

    def attribute_at(self, offset: int, default: str) -> str:
        """The attribute of the sentence around a character offset."""
        placed = self.sentence_at(offset)
        return placed.attribute if placed else default

    def anchor_of(self, claim: Claim) -> Anchor | None:
        """The anchor whose time governs a claim: the nearest of that time in its sentence."""
        placed = self.sentence_at(claim.start)
        if claim.time is None or placed is None:
            return None
        near = [a for a in self.anchors if placed.start <= a.start < placed.end and _interval(a) == claim.time]
        return min(near, key=lambda a: abs(a.start - claim.start), default=None)

    def window(self, claim: Claim) -> tuple[float, float]:
        """Where in time a claim may be true: around its anchor, or anywhere."""
        if claim.time is None:
            return 0.0, self.duration
        return claim.time[0] - TOLERANCE, claim.time[1] + TOLERANCE

    def window_between(self, claim: Claim) -> tuple[float, float]:
        """The window of an untimed claim in a caption told in order: from the anchor before it to the one after it."""
        if claim.time is not None:
            return self.window(claim)
        points = [a for a in self.anchors if a.kind != "duration" and not a.malformed]
        before = [a.times[0] for a in points if a.end <= claim.start]
        after = [a.times[0] for a in points if a.start >= claim.end]
        start = before[-1] if before else 0.0
        end = after[0] if after else self.duration
        if start > end:  # not told in order
            return 0.0, self.duration
        return start - TOLERANCE, end + TOLERANCE


def case_of(row: Row) -> Case:
    """The case of a decomposed row.

    Example:
        >>> row = {"draft": "", "sources": [], "candidates": [], "evidence": None, "transcript": None,
        ...        "duration": 1.0, "has_audio": False}
        >>> case_of(row).claims
        []
    """
    return Case(
        draft=row["draft"] or "",
        evidence=row["evidence"] or {},
        transcript=row["transcript"] or [],
        duration=row["duration"] or 0.0,
        has_audio=bool(row["has_audio"]),
        placed=tuple(placed_sentences(row)),
    )


def overlap(start: float, end: float, window: tuple[float, float]) -> float:
    """Seconds that [start, end] shares with a window; negative: the gap between them.

    Example:
        >>> overlap(2.0, 4.0, (3.0, 9.0)), overlap(0.0, 1.0, (3.0, 9.0))
        (1.0, -2.0)
    """
    return min(end, window[1]) - max(start, window[0])


@lru_cache(maxsize=256)  # the stages that judge a row run one after the other over a batch of rows
def _parsed(draft: str) -> tuple[Claim, ...]:
    return tuple(parse_claims(draft))


def _interval(anchor: Anchor) -> tuple[float, float]:
    return anchor.times[0], anchor.times[-1]
