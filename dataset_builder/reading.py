"""A part of a release as tables of the rows that a configuration has: read as they are, or derived."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import DownloadConfig
from datasets.table import table_cast
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

VIDEO_BYTES = "video_bytes"  # a column beside those of SCHEMA, of rows that came with their video
_ROWS = 1000  # of a table
_VERIFIED_ROWS = 200  # of a table; a verified row has its evidence with it, and may have its video
_DERIVED_FROM = ("video_id", "source", "duration", "status", "attributes", "caption")


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
                yield from self._parquet(part)
            except (pa.ArrowException, pa.ArrowInvalid) as error:
                raise InputError(f"{part.name} cannot be read as parquet: {error}") from error
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

    def _parquet(self, part: Part) -> Iterator[pa.Table]:
        with self._open(part.address) as stream:
            file = pq.ParquetFile(stream)
            names = file.schema_arrow.names
            holds_verified = "attributes" in names and pa.types.is_struct(file.schema_arrow.field("attributes").type)
            if self.config == VERIFIED and holds_verified:
                yield from self._verified(file)
            elif holds_verified:
                yield from _tables(self._derived(file))
            elif self.config == VERIFIED or "instruction" not in names:
                raise InputError(f"{part.name} holds no rows of {self.config!r} (its columns: {', '.join(names)}).")
            else:
                for batch in file.iter_batches(_ROWS, columns=[name for name in SCHEMA.names if name in names]):
                    yield _completed(pa.Table.from_batches([batch]), SCHEMA)

    def _verified(self, file: pq.ParquetFile) -> Iterator[pa.Table]:
        schema = verified_features().arrow_schema
        if self.columns is not None:
            schema = pa.schema([schema.field(name) for name in self.columns])
        there = [name for name in schema.names if name in file.schema_arrow.names]
        columns = [self._video(file) if name == "video" else name for name in there]
        for batch in file.iter_batches(_VERIFIED_ROWS, columns=columns):
            yield table_cast(_completed(pa.Table.from_batches([batch]), schema), schema)

    def _derived(self, file: pq.ParquetFile) -> Iterator[tuple[CaptionRow, bytes | None]]:
        columns = [self._video(file), *_DERIVED_FROM]
        for batch in file.iter_batches(_VERIFIED_ROWS, columns=columns):
            for row in filter(lambda row: self.wants(row["video_id"]), batch.to_pylist()):
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
                if len(row["attributes"]) == 1 and self.wants(row["video_id"]):
                    whole = gathered.add(row["video_id"], row["attributes"][0], row["caption"], row["video"])
                    yield from self._subsets(*whole, group) if whole else ()
        for video in gathered.rest():
            yield from self._subsets(*video, group)

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
        if len(gathered) >= (_ROWS if data is None else _VERIFIED_ROWS // 10):
            yield _table(gathered, videos)
            gathered, videos = [], []
    if gathered:
        yield _table(gathered, videos)


def _table(rows: list[CaptionRow], videos: list[bytes | None]) -> pa.Table:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    if any(data is not None for data in videos):
        table = table.append_column(VIDEO_BYTES, pa.array(videos, pa.binary()))
    return table


def _completed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A table with all columns of a schema; those that an earlier version did not write are empty."""
    for field in schema:
        if field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(len(table), field.type))
    return table.select(schema.names)
