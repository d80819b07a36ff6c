"""What rows are counted by: groups, videos, durations, lengths, attributes; of verified ones the findings, too.

Tables come one after another and none is kept: what stays is counters, the ids of the videos and a sample of captions.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from asid_hf.instructions import ANSWERS
from asid_hf.schema import ATTRIBUTES

from .derive import group_of_source
from .release import VERIFIED
from .spreads import AnchorSample, Spread, count_words

UNTOLD = "untold"  # the form of an answer of which the row tells none
_LONGEST = 1e8  # seconds; a duration of more is none
_FINDING = ["kind", "attribute", "resolved"]


class _Counts:
    """What instruction rows and verified ones are counted by alike."""

    def __init__(self, seed: int) -> None:
        self._splits: Counter[str] = Counter()
        self._groups: Counter[str] = Counter()
        self._videos: defaultdict[str, dict[str, int]] = defaultdict(dict)  # group -> id -> its attributes, as bits
        self._durations: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self._words, self._characters, self._anchors = Spread(), Spread(), AnchorSample(seed)

    def _count(self, groups: list[str], ids: list[str], masks: list[int], durations: Iterable[float | None]) -> None:
        self._groups.update(groups)
        for group, video_id, mask, duration in zip(groups, ids, masks, durations, strict=True):
            videos = self._videos[group]
            videos[video_id] = videos.get(video_id, 0) | mask
            if duration is not None and 0 < duration < _LONGEST:
                self._durations[group].setdefault(video_id, float(duration))

    def _count_captions(self, captions: pa.StringArray) -> None:
        self._words.add(count_words(captions))
        self._characters.add(pc.utf8_length(captions).to_numpy(zero_copy_only=False))
        self._anchors.add(captions)

    def _summary(self, rows_by_attribute: list[int]) -> dict:
        videos: dict[str, int] = {}
        durations: dict[str, float] = {}
        for group, own in self._videos.items():
            for video_id, mask in own.items():
                videos[video_id] = videos.get(video_id, 0) | mask
            for video_id, duration in self._durations[group].items():
                durations.setdefault(video_id, duration)
        return {
            "rows": self._groups.total(),
            "videos": len(videos),
            "splits": dict(self._splits),
            "groups": {
                group: {"rows": rows, "videos": len(self._videos[group]), "durations": _spans(self._durations[group])}
                for group, rows in self._groups.items()
            },
            "durations": _spans(durations),
            "words": self._words.summary(),
            "characters": self._characters.summary(),
            "anchors": self._anchors.summary(),
            "attributes": {
                name: {"rows": rows, "videos": count}
                for name, rows, count in zip(
                    ATTRIBUTES, rows_by_attribute, _by_bit(Counter(videos.values())), strict=True
                )
            },
        }


class InstructionCounts(_Counts):
    """Counts the rows of one instruction configuration.

    Args:
        seed: of the captions whose anchors are read.

    Example:
        >>> counts = InstructionCounts()
        >>> row = {"video_id": "a", "group": "g", "attributes": ["speech"], "instruction": "?", "caption": "He sings."}
        >>> counts.add(pa.Table.from_pylist([{**row, "extra": '{"duration": 4}'}]))
        >>> counts.summary()["groups"]
        {'g': {'rows': 1, 'videos': 1, 'durations': {'videos': 1, 'min': 4.0, 'median': 4.0, 'max': 4.0, 'hours': 0.0}}}
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self._asked: Counter[tuple[int, str]] = Counter()  # attributes as bits, and the form of the answer
        self._instructions: set[int] = set()  # hashes of them

    def add(self, table: pa.Table, split: str = "train") -> None:
        """Count the rows of a table.

        Args:
            table: with the columns of an instruction row; `video` may lack.
            split: whose rows they are.
        """
        self._splits[split] += len(table)
        masks = _masks(table["attributes"]).tolist()
        told = list(map(_told, table["extra"].to_pylist()))
        groups, ids = (_texts(table[name]).to_pylist() for name in ("group", "video_id"))
        self._count(groups, ids, masks, (duration for duration, _ in told))
        self._count_captions(_texts(table["caption"]))
        self._asked.update(zip(masks, (form for _, form in told), strict=True))
        self._instructions.update(map(hash, filter(None, pc.unique(_texts(table["instruction"])).to_pylist())))

    def summary(self) -> dict:
        """All of it: see `release_statistics`."""
        masks: Counter[int] = Counter()
        sizes: defaultdict[int, Counter[str]] = defaultdict(Counter)
        for (mask, form), rows in self._asked.items():
            masks[mask] += rows
            sizes[mask.bit_count()][form] += rows
        return {
            **self._summary(_by_bit(masks)),
            "sizes": {str(size): dict(sorted(sizes[size].items())) for size in sorted(sizes)},
            "instructions": len(self._instructions),
        }


class VerifiedCounts(_Counts):
    """Counts verified rows: all of them by group, duration and finding; captions and attributes of those kept.

    Args:
        seed: of the captions whose anchors are read.

    Example:
        >>> from asid_hf.schema import verified_features
        >>> counts = VerifiedCounts()
        >>> row = dict.fromkeys(verified_features()) | {"video_id": "a", "status": "dropped", "drop_reason": "damaged"}
        >>> counts.add(pa.Table.from_pylist([row], schema=verified_features().arrow_schema))
        >>> counts.summary()["verification"]["dropped"]
        {'damaged': 1}
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self._attributes: Counter[int] = Counter()
        self._dropped: Counter[str] = Counter()
        self._findings: Counter[tuple[str, str, bool]] = Counter()
        self._agreement: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0])  # sum and number
        self._sound: Counter[bool | None] = Counter()

    def add(self, table: pa.Table, split: str = "train") -> None:
        """Count the rows of a table.

        Args:
            table: with the columns of a verified row.
            split: whose rows they are.
        """
        self._splits[split] += len(table)
        kept = pc.equal(_texts(table["status"]), "kept")
        self._dropped.update(
            reason or "no reason" for reason in _texts(table["drop_reason"]).filter(pc.invert(kept)).to_pylist()
        )
        masks = _written(table["attributes"], kept.to_numpy(zero_copy_only=False)).tolist()
        self._attributes.update(masks)
        groups = list(map(group_of_source, table["source"].to_pylist()))
        self._count(groups, _texts(table["video_id"]).to_pylist(), masks, table["duration"].to_pylist())
        self._count_captions(_texts(table["caption"]).filter(kept))
        self._sound.update(table["has_audio"].to_pylist())
        self._count_findings(table["findings"])
        self._count_agreement(table["agreement"])

    def _count_findings(self, column: pa.ChunkedArray) -> None:
        found = pc.list_flatten(column)
        parts = pa.table({name: pc.struct_field(found, name) for name in _FINDING})
        for row in parts.group_by(_FINDING).aggregate([([], "count_all")]).to_pylist():
            key = (row["kind"] or "", row["attribute"] or "", bool(row["resolved"]))
            self._findings[key] += row["count_all"]

    def _count_agreement(self, column: pa.ChunkedArray) -> None:
        for name in ATTRIBUTES:
            values = pc.struct_field(column, name).drop_null().to_numpy()
            values = values[np.isfinite(values)]
            self._agreement[name][0] += float(values.sum())
            self._agreement[name][1] += len(values)

    def summary(self) -> dict:
        """All of it: see `release_statistics`."""
        findings: dict[str, dict] = {}
        for (kind, attribute, resolved), count in sorted(self._findings.items()):
            told = findings.setdefault(kind, {"count": 0, "resolved": 0, "attributes": {}})
            told["count"] += count
            told["resolved"] += count * resolved
            told["attributes"][attribute] = told["attributes"].get(attribute, 0) + count
        means = {name: round(total / count, 4) for name, (total, count) in self._agreement.items() if count}
        rows = self._groups.total()
        return {
            **self._summary(_by_bit(self._attributes)),
            "verification": {
                "kept": rows - self._dropped.total(),
                "dropped": dict(self._dropped.most_common()),
                "findings": findings,
                "agreement": means,
                "with_sound": self._sound[True],
                "without_sound": self._sound[False],
            },
        }


def counts_of(config: str, seed: int = 0) -> InstructionCounts | VerifiedCounts:
    """What counts the rows of a configuration.

    Example:
        >>> type(counts_of("raw")).__name__
        'InstructionCounts'
    """
    return VerifiedCounts(seed) if config == VERIFIED else InstructionCounts(seed)


def _texts(column: pa.ChunkedArray) -> pa.StringArray:
    """A column as one array of strings; what is missing is ""."""
    return pc.fill_null(column.cast(pa.string()), "").combine_chunks()


def _masks(column: pa.ChunkedArray) -> np.ndarray:
    """Each row's attributes as bits, the first one lowest; what is none of the eight does not count."""
    lists = column.cast(pa.list_(pa.string())).combine_chunks()
    places = pc.index_in(pc.list_flatten(lists), value_set=pa.array(ATTRIBUTES))
    rows = pc.list_parent_indices(lists).filter(places.is_valid()).to_numpy()
    masks = np.zeros(len(lists), np.int64)
    np.bitwise_or.at(masks, rows, 1 << places.drop_null().to_numpy().astype(np.int64))
    return masks


def _written(column: pa.ChunkedArray, kept: np.ndarray) -> np.ndarray:
    """The attributes that have a text, as bits; of rows that were dropped none."""
    masks = np.zeros(len(column), np.int64)
    for bit, name in enumerate(ATTRIBUTES):
        has_text = count_words(_texts(pc.struct_field(column, name))) > 0
        masks |= (has_text & kept).astype(np.int64) << bit
    return masks


def _told(extra: str | None) -> tuple[float | None, str]:
    """The duration and the form of the answer that a row tells among its other keys."""
    try:
        told = json.loads(extra) if extra else {}
    except (ValueError, RecursionError):
        told = {}
    if not isinstance(told, dict):
        return None, UNTOLD
    duration, form = told.get("duration"), told.get("answer_form")
    is_number = isinstance(duration, int | float) and not isinstance(duration, bool)
    return duration if is_number else None, form if form in ANSWERS else UNTOLD


def _by_bit(masks: Counter[int]) -> list[int]:
    return [sum(count for mask, count in masks.items() if mask >> bit & 1) for bit in range(len(ATTRIBUTES))]


def _spans(durations: dict[str, float]) -> dict[str, float] | None:
    """Durations in seconds, and their sum in hours; None where none is known."""
    if not durations:
        return None
    seconds = np.fromiter(durations.values(), float, len(durations))
    return {
        "videos": len(seconds),
        "min": round(float(seconds.min()), 2),
        "median": round(float(np.median(seconds)), 2),
        "max": round(float(seconds.max()), 2),
        "hours": round(float(seconds.sum()) / 3600, 2),
    }
