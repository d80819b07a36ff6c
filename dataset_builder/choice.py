"""Which rows a user asked for: groups, durations, attributes, and the split that a video belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .derive import group_of_source, is_held_out
from .sources import told_duration

GROUP_SECONDS = {
    "0_30_s_youtube_v0_1": (0.0, 30.0),
    "30_60_s_youtube_v0_1": (30.0, 60.0),
    "1_2_m_youtube_v0_1": (60.0, 120.0),
    "finevideo": (0.0, 180.0),
}
"""How long the clips of a published group are, in seconds: its lines do not tell of each."""


@dataclass(frozen=True)
class Choice:
    """A user's choice of rows.

    Attributes:
        groups, attributes: leave out rows of no other; None takes all.
        min_duration, max_duration: seconds. Of a row whose duration nobody tells, its group's range has to lie inside.
        held_out: share of videos in the held-out split.
        of_held_out: give the rows of that split, not those of the other.

    Example:
        >>> table = pa.table({"video_id": ["a", "b"], "group": ["x", "y"]})
        >>> Choice(groups=("y",)).of(table)["video_id"].to_pylist()
        ['b']
    """

    groups: tuple[str, ...] | None = None
    attributes: tuple[str, ...] | None = None
    min_duration: float | None = None
    max_duration: float | None = None
    held_out: float = 0.0
    of_held_out: bool = False

    def of(self, table: pa.Table) -> pa.Table:
        """The chosen rows of a table of instruction rows, or of verified ones."""
        masks = list(self._masks(table))
        return table.filter(pa.array(np.logical_and.reduce(masks))) if masks else table

    def has(self, video_id: str) -> bool:
        """Whether a video belongs to the split, whatever else is chosen."""
        return not self.held_out or is_held_out(video_id, self.held_out) == self.of_held_out

    def _masks(self, table: pa.Table) -> Iterator[np.ndarray]:
        if self.groups is not None:
            yield np.isin(_groups_of(table), self.groups)
        if self.attributes is not None:
            wanted = set(self.attributes)
            yield np.array([not wanted.isdisjoint(names) for names in table["attributes"].to_pylist()], bool)
        if self.min_duration is not None or self.max_duration is not None:
            yield np.array([self._is_as_long(*known) for known in _durations_of(table)], bool)
        if self.held_out:
            ids = pc.dictionary_encode(table["video_id"]).combine_chunks()
            yield np.array([self.has(name) for name in ids.dictionary.to_pylist()], bool)[ids.indices.to_numpy()]

    def _is_as_long(self, duration: float | None, group: str) -> bool:
        shortest, longest = (duration, duration) if duration is not None else GROUP_SECONDS.get(group, (None, None))
        if shortest is None:
            return False
        return (self.min_duration is None or shortest >= self.min_duration) and (
            self.max_duration is None or longest <= self.max_duration
        )


def _groups_of(table: pa.Table) -> list[str]:
    if "group" in table.column_names:
        return table["group"].to_pylist()
    return [group_of_source(source) for source in table["source"].to_pylist()]


def _durations_of(table: pa.Table) -> Iterator[tuple[float | None, str]]:
    if "duration" in table.column_names:
        return zip(table["duration"].to_pylist(), _groups_of(table), strict=True)
    return zip(map(told_duration, table["extra"].to_pylist()), _groups_of(table), strict=True)
