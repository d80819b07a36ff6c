"""The side table of a build: lines that hold no caption and rows without their video, kept beside the rows."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from datasets import Dataset

PREFIX = "rejects-"
BAD_LINE, NO_VIDEO, NO_ROW = "bad_line", "no_video", "no_row"
_logger = logging.getLogger("datasets.asid_1m")  # a child of the library's own, whose verbosity users set


class Reject(TypedDict):
    """One entry: `kind` "bad_line" (of `line` in `file`), "no_video" (a row's, of `video_id` and `video`), or "no_row"
    (a `video` that no row is about).
    """

    kind: str
    file: str
    line: int | None
    video_id: str | None
    video: str | None
    message: str


class SideTable:
    """Entries of one part of a split, written as they come; reading the part again starts the table anew.

    Args:
        folder: where it is written.
        name: of the part.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with SideTable(folder, "train-00000") as table:
        ...     table.add("bad_line", "a.jsonl", "The line is no JSON.", line=3)
        >>> [reject["line"] for reject in read_rejects(folder)]
        [3]
    """

    def __init__(self, folder: str, name: str) -> None:
        self._path = Path(folder, f"{PREFIX}{name}.jsonl")
        self._stream = None
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> SideTable:
        self._path.unlink(missing_ok=True)
        return self

    def __exit__(self, *failure: object) -> None:
        if self._stream is None:
            return
        self._stream.close()
        for kind, count in self.counts.items():
            _logger.warning("%d x %s, written to %s", count, kind, self._path)

    def add(self, kind: str, file: str, message: str, **where: object) -> None:
        """Write and count an entry."""
        if self._stream is None:
            os.makedirs(self._path.parent, exist_ok=True)
            self._stream = self._path.open("w", encoding="utf-8")
        entry = Reject(kind=kind, file=file, line=None, video_id=None, video=None, message=message) | where
        self._stream.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self.counts[kind] += 1


def read_rejects(place: str | Path | Dataset) -> Iterator[Reject]:
    """Read what a build could not use.

    Args:
        place: the dataset that `load_dataset` built, or the folder of its side table.

    Yields:
        Entries, part by part in the order of the files.

    Example:
        >>> list(read_rejects("no such folder"))
        []
    """
    if isinstance(place, str | Path):
        folders = {Path(place)}
    else:
        folders = {Path(file["filename"]).parent for file in place.cache_files}
    for folder in sorted(folders):
        for table in sorted(folder.glob(f"{PREFIX}*.jsonl")):
            with table.open(encoding="utf-8") as stream:
                yield from map(json.loads, stream)
