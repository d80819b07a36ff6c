"""Rows as parquet shards whose names tell their content, so that no cache takes one build for another."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from datasets import Features

ROWS = 100_000  # of a shard
BYTES = 400_000_000  # of a shard before compression, where rows hold videos
_GROUP_ROWS = 1000  # of a row group: what a viewer reads to show a page


class ParquetShards:
    """The shards of one split of one configuration.

    `datasets` finds the rows it has cached by the pattern in a card, not by what the files hold; so the pattern has a
    digest of them in it.

    Args:
        folder: where they are written.
        split: leads their names.
        features: of the rows.

    Attributes:
        rows, bytes: how many were written, and how large they are in memory; `stored`, how large on disk, once closed.

    Example:
        >>> import tempfile
        >>> from datasets import Features, Value
        >>> shards = ParquetShards(Path(tempfile.mkdtemp()), "train", Features({"n": Value("int64")}))
        >>> shards.write(pa.table({"n": [1, 2]}))
        >>> shards.close(), shards.rows
        ('train-*-...parquet', 2)
    """

    def __init__(self, folder: Path, split: str, features: Features) -> None:
        self.folder, self.split = folder, split
        self.schema = features.arrow_schema
        self.rows = self.bytes = self.stored = 0
        self._drafts: list[Path] = []
        self._writer: pq.ParquetWriter | None = None
        self._left = self._room = 0

    def write(self, table: pa.Table) -> None:
        """Add rows; a shard that is full is closed."""
        table = table.select(self.schema.names).cast(self.schema)
        self.rows += len(table)
        self.bytes += table.nbytes
        while len(table):
            if self._writer is None:
                self._begin()
            part = table.slice(0, self._left)
            self._writer.write_table(part, row_group_size=_GROUP_ROWS)
            self._left -= len(part)
            self._room -= part.nbytes
            table = table.slice(len(part))
            if self._left <= 0 or self._room <= 0:
                self._end()

    def close(self) -> str:
        """Give the shards their names, once all rows are written; returns the pattern that is theirs alone."""
        self._end()
        digest = hashlib.sha256()
        for draft in self._drafts:
            self.stored += draft.stat().st_size
            with draft.open("rb") as stream:
                while data := stream.read(2**20):
                    digest.update(data)
        mark = digest.hexdigest()[:12]
        for number, draft in enumerate(self._drafts):
            draft.rename(self.folder / f"{self.split}-{number:05d}-of-{len(self._drafts):05d}-{mark}.parquet")
        return f"{self.split}-*-{mark}.parquet"

    def _begin(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.folder / f"{self.split}-{len(self._drafts):05d}.draft"
        self._drafts.append(draft)
        self._writer = pq.ParquetWriter(draft, self.schema)
        self._left, self._room = ROWS, BYTES

    def _end(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
