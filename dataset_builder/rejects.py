"""The side table of a build: lines that hold no caption and rows without their video, kept beside the rows."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

try:
    from asid_hf.errors import InputError
except ImportError:  # beside a loading script, where asid_hf is not installed
    from .errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset, DatasetDict, IterableDataset

PREFIX = "rejects-"
BAD_LINE, NO_VIDEO, NO_ROW, NO_ATTRIBUTE = "bad_line", "no_video", "no_row", "no_attribute"
_logger = logging.getLogger("datasets.asid_1m")  # a child of the library's own, whose verbosity users set


class Reject(TypedDict):
    """One entry: `kind` "bad_line" (of `line` in `file`), "no_video" (a row's, of `video_id` and `video`), "no_row"
    (a `video` that no row is about), or "no_attribute" (an instruction that does not tell what it asks for).
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
        self.noted: set[str] = set()  # what is to be told once
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> SideTable:
        self._path.unlink(missing_ok=True)
        return self

    def __exit__(self, *failure: object) -> None:
        if self._stream is None:
            return
        self._stream.close()
        for kind, count in self.counts.items():
            place = str(self._path).replace(".incomplete", "")  # where a build under way will be
            _logger.warning("%d x %s, written to %s", count, kind, place)

    def add(self, kind: str, file: str, message: str, **where: object) -> None:
        """Write and count an entry."""
        if self._stream is None:
            os.makedirs(self._path.parent, exist_ok=True)
            self._stream = self._path.open("w", encoding="utf-8")
        entry = Reject(kind=kind, file=file, line=None, video_id=None, video=None, message=message) | where
        self._stream.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self.counts[kind] += 1


def note_untold(rows: pa.Table, file: str, side: SideTable) -> None:
    """Note the instructions that tell of no attribute, each once; their rows have none.

    Args:
        rows: single-attribute rows.
        file: what the side table calls where they come from.
        side: takes the notes.

    Example:
        >>> import tempfile
        >>> import pyarrow as pa
        >>> rows = pa.table({"attributes": [[], ["scene"]], "instruction": ["What else?", "Describe the scene."]})
        >>> with SideTable(tempfile.mkdtemp(), "train-00000") as side:
        ...     note_untold(rows, "a.jsonl", side)
        ...     side.counts["no_attribute"]
        1
    """
    import pyarrow.compute as pc

    are_untold = pc.equal(pc.list_value_length(rows["attributes"]), 0)
    if not pc.any(are_untold).as_py():  # to filter for nothing takes longer
        return
    for instruction in rows["instruction"].filter(are_untold).unique().to_pylist():
        if instruction not in side.noted:
            side.noted.add(instruction)
            side.add(NO_ATTRIBUTE, file, f"The instruction names no attribute: {instruction!r:.300}")


def read_rejects(place: str | Path | Dataset | DatasetDict | IterableDataset) -> Iterator[Reject]:
    """Read what a build could not use.

    Args:
        place: what `load_dataset` gave, or the folder of its side table.

    Yields:
        Entries, part by part in the order of the files; of a stream, of what was read of it so far.

    Raises:
        InputError: it is no dataset of this builder, or one in memory, which knows no folder.

    Example:
        >>> list(read_rejects("no such folder"))
        []
    """
    for folder in sorted(set(_folders_of(place))):
        for table in sorted(folder.glob(f"{PREFIX}*.jsonl")):
            with table.open(encoding="utf-8") as stream:
                yield from map(json.loads, stream)


def _folders_of(place: Any) -> Iterator[Path]:
    if isinstance(place, str | Path):
        yield Path(place)
    elif isinstance(place, Mapping):  # split -> dataset
        for dataset in place.values():
            yield from _folders_of(dataset)
    elif getattr(place, "cache_files", None):
        yield from (Path(file["filename"]).parent for file in place.cache_files)
    elif folder := getattr(getattr(place, "_ex_iterable", None), "kwargs", {}).get("rejects"):
        yield Path(folder)
    else:
        raise InputError(
            "This dataset tells no folder of a side table. Give the one that was logged: the builder's cache_dir, or, "
            "of a stream, that with _streamed behind it."
        )
