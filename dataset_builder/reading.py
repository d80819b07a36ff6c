"""A part of a release as tables of the rows that a configuration has: read as they are, or derived."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from datasets import DownloadConfig
from datasets.table import CastError, table_cast
from datasets.utils.file_utils import xopen

try:
    from asid_hf.errors import InputError
    from asid_hf.instructions import ANSWERS
    from asid_hf.schema import ATTRIBUTES, verified_features
except ImportError:  # beside a loading script, where asid_hf is not installed
    from .errors import InputError
    from .instructions import ANSWERS
    from .schema import ATTRIBUTES, verified_features

from .derive import SUBSET_SIZES, CaptionsByVideo, derived_rows, subset_rows
from .lines import SCHEMA, Part, read_tables
from .release import VERIFIED
from .sources import BadLine, CaptionRow

_logger = logging.getLogger("datasets.asid_1m")  # a child of the library's own, whose verbosity users set
VIDEO_BYTES = "video_bytes"  # a column beside those of SCHEMA, of rows that came with their video
_ROWS = 1000  # of a table
_VERIFIED_ROWS = 200  # of a table; a verified row has its evidence with it, and may have its video
_ROWS_WITH_VIDEOS = 16
_DERIVED_FROM = ("video_id", "video", "source", "duration", "status", "attributes", "caption")


@dataclass(frozen=True)
class Reader:
    """Reads the rows of one configuration.

    Attributes:
        config: its name.
        seed, sizes, answers, attributes: of what is drawn; see `derive`. `attributes` also limits subsets.
        columns: of verified rows, those to read; None reads all.
        wants: whether a video's rows are asked for; of others nothing is derived.
        with_bytes: keep videos that are stored in the rows.
        token: of the Hub.

    Example:
        >>> Reader("raw").config
        'raw'
    """

    config: str
    seed: int = 0
    sizes: tuple[int, ...] = SUBSET_SIZES
    answers: tuple[str, ...] = ANSWERS
    attributes: tuple[str, ...] = ATTRIBUTES
    columns: tuple[str, ...] | None = None
    wants: Callable[[str], bool] = bool
    with_bytes: bool = False
    token: str | bool | None = None

    def read(self, part: Part, on_bad: Callable[[BadLine], None]) -> Iterator[pa.Table]:
        """The rows of a part.

        Args:
            part: of a JSON-lines file, or a whole parquet file.
            on_bad: see `read_tables`.

        Yields:
            Tables of `SCHEMA` (and `VIDEO_BYTES`, where rows came with their video), or of verified rows.

        Raises:
            InputError: the file holds other rows.
        """
        if part.name.endswith(".parquet"):
            try:
                yield from self._parquet(part, on_bad)
            except (pa.ArrowException, TypeError, KeyError, CastError) as error:
                raise InputError(f"{part.name} cannot be read as parquet of ASID rows: {error}") from error
        elif self.config == VERIFIED:
            raise InputError(f"{part.name} holds no verified rows: give the parquet that `asid verify` writes.")
        elif self.config == "multi_attribute" and part.holds == "single_attribute":
            yield from _tables(self._gathered(read_tables(part, self._open, on_bad), part.group))
        else:
            yield from read_tables(part, self._open, on_bad)

    def _open(self, address: str) -> Any:
        stream = xopen(address, "rb", download_config=DownloadConfig(token=self.token))
        # The streams of the Hub know no longest line.
        return io.BufferedReader(stream, 2**20) if "://" in address else stream

    def _parquet(self, part: Part, on_bad: Callable[[BadLine], None]) -> Iterator[pa.Table]:
        with self._open(part.address) as stream:
            file = pq.ParquetFile(stream)
            names = file.schema_arrow.names
            holds_verified = "attributes" in names and pa.types.is_struct(file.schema_arrow.field("attributes").type)
            needed = (
                ("video_id", "video", "status") if holds_verified else ("video_id", "instruction", "caption", "video")
            )
            if not set(needed) <= set(names) or (self.config == VERIFIED and not holds_verified):
                raise InputError(f"{part.name} holds no rows of {self.config!r} (its columns: {', '.join(names)}).")
            told = self._verified(file) if holds_verified else self._instructions(file)
            filled = _filled(told, ("video_id",) if holds_verified else ("video_id", "caption"), part.name, on_bad)
            if holds_verified and self.config != VERIFIED:
                yield from _tables(self._derived(filled))
            else:
                yield from filled

    def _instructions(self, file: pq.ParquetFile) -> Iterator[pa.Table]:
        names = [name for name in SCHEMA.names if name in file.schema_arrow.names]
        for batch in file.iter_batches(_ROWS, columns=names):
            yield table_cast(_completed(pa.Table.from_batches([batch]), SCHEMA), SCHEMA)

    def _verified(self, file: pq.ParquetFile) -> Iterator[pa.Table]:
        schema = verified_features().arrow_schema
        wanted = self.columns if self.config == VERIFIED else _DERIVED_FROM
        if wanted is not None:
            schema = pa.schema([schema.field(name) for name in wanted])
        there = [name for name in schema.names if name in file.schema_arrow.names]
        columns = [self._video(file) if name == "video" else name for name in there]
        for batch in file.iter_batches(_ROWS_WITH_VIDEOS if self.with_bytes else _VERIFIED_ROWS, columns=columns):
            yield table_cast(_completed(pa.Table.from_batches([batch]), schema), schema)

    def _derived(self, tables: Iterator[pa.Table]) -> Iterator[tuple[CaptionRow, bytes | None]]:
        for table in tables:
            for row in filter(lambda row: self.wants(row["video_id"]), table.to_pylist()):
                data = (row["video"] or {}).get("bytes")
                if self.config == "multi_attribute":
                    row["attributes"] = self._limited(row["attributes"] or {})
                for derived in derived_rows(self.config, row, self.seed, self.sizes, self.answers):
                    yield derived, data

    def _video(self, file: pq.ParquetFile) -> str:
        """The column to read of a video: without its bytes where they are not wanted."""
        is_struct = pa.types.is_struct(file.schema_arrow.field("video").type)
        return "video.path" if is_struct and not self.with_bytes else "video"

    def _gathered(self, tables: Iterator[pa.Table], group: str) -> Iterator[tuple[CaptionRow, None]]:
        gathered = CaptionsByVideo()
        for table in tables:
            for row in table.select(["video_id", "attributes", "caption", "video"]).to_pylist():
                if self.wants(row["video_id"]):
                    whole = gathered.add(row["video_id"], row["attributes"], row["caption"], row["video"])
                    yield from self._subsets(*whole, group) if whole else ()
        for video in gathered.rest():
            yield from self._subsets(*video, group)
        if gathered.passed_over:
            _logger.warning(
                "%s: %d single captions stand in no subset: their attribute is told twice for a video, or by nobody.",
                group,
                gathered.passed_over,
            )

    def _subsets(
        self, video_id: str, video: str, captions: Mapping[str, str], group: str
    ) -> Iterator[tuple[CaptionRow, None]]:
        chosen = self._limited(captions)
        for row in subset_rows(video_id, chosen, video, group, self.seed, self.sizes, self.answers):
            yield row, None

    def _limited(self, captions: Mapping[str, str]) -> dict[str, str]:
        return {name: text for name, text in captions.items() if name in self.attributes}


def _tables(rows: Iterator[tuple[CaptionRow, bytes | None]]) -> Iterator[pa.Table]:
    """Rows in tables; those that came with a video in smaller ones."""
    gathered: list[CaptionRow] = []
    videos: list[bytes | None] = []
    for row, data in rows:
        gathered.append(row)
        videos.append(data)
        if len(gathered) >= (_ROWS if data is None else _ROWS_WITH_VIDEOS):
            yield _table(gathered, videos)
            gathered, videos = [], []
    if gathered:
        yield _table(gathered, videos)


def _table(rows: list[CaptionRow], videos: list[bytes | None]) -> pa.Table:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    if any(data is not None for data in videos):
        table = table.append_column(VIDEO_BYTES, pa.array(videos, pa.binary()))
    return table


def _filled(
    tables: Iterator[pa.Table], needed: tuple[str, ...], file: str, on_bad: Callable[[BadLine], None]
) -> Iterator[pa.Table]:
    """The rows that have what no row can lack; of the others `on_bad` is told."""
    number = 0
    for table in tables:
        lacking = np.zeros(len(table), bool)
        for name in needed:
            lacking |= np.asarray(pc.equal(pc.fill_null(table[name], ""), ""))
        for place in np.flatnonzero(lacking):
            on_bad(BadLine(file, number + int(place) + 1, f"The row has no {' or no '.join(needed)}."))
        number += len(table)
        yield table.filter(pa.array(~lacking)) if lacking.any() else table


def _completed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A table with all columns of a schema; those that an earlier version did not write are empty."""
    for field in schema:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(len(table), field.type))
    return table.select(schema.names)
