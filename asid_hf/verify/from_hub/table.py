"""Parquet files on the Hub: their light columns without the videos, and the videos of one row after another."""

from __future__ import annotations

import io
import json
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asid_hf.errors import MediaError
from asid_hf.verify.from_hub.repo import HubRepo

MAX_LISTED = 2**28  # bytes of the columns that rows of one group are listed from
MAX_GROUP = 2**33  # bytes of one row group's videos, unpacked
_END = 2**21  # bytes; a file's footer, and in FineVideo its metadata with it, come with one request
_STEP = 2**24  # bytes a request of what is copied


class RangeReader(io.RawIOBase):
    """A file on the Hub that pyarrow can seek in; its end is fetched once, everything else as it is asked for.

    Example:
        >>> RangeReader(HubRepo("owner/name", "0" * 40), "a.parquet", 10).seek(4)
        4
    """

    def __init__(self, repo: HubRepo, path: str, size: int) -> None:
        self._repo, self._path, self._size, self._at = repo, path, size, 0
        self._end: bytes | None = None

    def read(self, size: int = -1) -> bytes:
        start = self._at
        stop = self._size if size < 0 else min(self._size, start + size)
        end = max(0, self._size - _END)
        if start >= end:
            if self._end is None:
                self._end = self._repo.read(self._path, end, self._size)
            data = self._end[start - end : stop - end]
        else:
            data = self._repo.read(self._path, start, stop)
        self._at = start + len(data)
        return data

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + position)
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


def list_rows(repo: HubRepo, path: str, columns: dict[str, tuple[str, ...]]) -> list[dict]:
    """Read light columns of a parquet file; what was read is remembered, and no other column is touched.

    Args:
        repo: the repository.
        path: the parquet file.
        columns: what a value is called here -> the columns that may hold it, the first there is; "a.b" is a field.

    Returns:
        One dict a row: `row` (its number in the file) and each name in `columns` (None where the file has no such one).

    Raises:
        MediaError: it is no parquet file, or not to be had.

    Example:
        >>> list_rows(repo, "data/train.parquet", {"id": ("video_id", "id")})[0]  # doctest: +SKIP
        {'row': 0, 'id': 'a'}
    """
    name = f"rows of {path}: {json.dumps(columns, sort_keys=True)}"
    known = repo.recall(name)
    if known is None:
        with _damage(path):
            known = list(_read_rows(repo, path, columns))
        repo.note(name, known)
    return known


def _read_rows(repo: HubRepo, path: str, columns: dict[str, tuple[str, ...]]) -> Iterator[dict]:
    import pyarrow.parquet as parquet

    file = parquet.ParquetFile(RangeReader(repo, path, _size(repo, path)), pre_buffer=False)
    there = [file.metadata.schema.column(index).path for index in range(file.metadata.num_columns)]
    held = {name: next((c for c in choice if c in there), None) for name, choice in columns.items()}
    leaves = sorted({leaf for leaf in held.values() if leaf})
    row = 0
    for group in range(file.num_row_groups):
        of_group = file.metadata.row_group(group)
        chunks = [of_group.column(there.index(leaf)) for leaf in leaves]
        if sum(chunk.total_uncompressed_size for chunk in chunks) > MAX_LISTED:
            raise MediaError("too_large", f"The columns {', '.join(leaves)} of {path} are too large to list rows from.")
        table = file.read_row_group(group, columns=leaves).to_pylist() if leaves else [{}] * of_group.num_rows
        for values in table:
            yield {"row": row, **{name: _field(values, leaf) for name, leaf in held.items()}}
            row += 1


def parquet_columns(repo: HubRepo, path: str) -> dict[str, str]:
    """A parquet file's columns, fields of structs as "a.b", and their physical types; remembered.

    Raises:
        MediaError: it is no parquet file, or not to be had.

    Example:
        >>> parquet_columns(repo, "data/train.parquet")  # doctest: +SKIP
        {'video.bytes': 'BYTE_ARRAY', 'video.path': 'BYTE_ARRAY', 'duration': 'DOUBLE'}
    """
    known = repo.recall(f"columns of {path}")
    if known is None:
        import pyarrow.parquet as parquet

        with _damage(path):
            schema = parquet.ParquetFile(RangeReader(repo, path, _size(repo, path))).metadata.schema
            columns = (schema.column(index) for index in range(len(schema)))
            known = {c.path: "TEXT" if c.logical_type.type == "STRING" else c.physical_type for c in columns}
        repo.note(f"columns of {path}", known)
    return known


def read_videos(repo: HubRepo, path: str, column: str, row: int, scratch: Path) -> Iterator[tuple[int, bytes]]:
    """Read a column of videos from one row on to the end of its row group, one value in memory at a time.

    The group's part of the column is first copied to a file: its values cannot be told apart before, and unpacked at
    once from the network they would be held three times.

    Args:
        repo: the repository.
        path: the parquet file.
        column: a column of bytes; "a.b" is a field.
        row: its number in the file.
        scratch: a file to write to; it is taken away at the end.

    Yields:
        The number of a row and its bytes (none where the row has no video).

    Raises:
        MediaError: no such row or column, no parquet file, or not to be had.

    Example:
        >>> next(read_videos(repo, "data/train.parquet", "mp4", 3, Path("part")))  # doctest: +SKIP
        (3, b'...')
    """
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        with _damage(path):
            remote = RangeReader(repo, path, _size(repo, path))
            metadata = parquet.ParquetFile(remote).metadata
            there = [metadata.schema.column(index).path for index in range(metadata.num_columns)]
            group, first = _group_of(metadata, row)
            if group is None or column not in there:
                raise MediaError("not_found", f"{path} has no row {row} with a column {column}. Check the address.")
            chunk = metadata.row_group(group).column(there.index(column))
            if chunk.total_uncompressed_size > MAX_GROUP:
                raise MediaError(
                    "too_large", f"A row group of {path} unpacks to {chunk.total_uncompressed_size} bytes."
                )
            _copy_parts(remote, scratch, chunk)
            # Buffered, the packed bytes are not held beside the unpacked ones longer than it takes to unpack them.
            with parquet.ParquetFile(scratch, buffer_size=2**20, pre_buffer=False) as local:
                batches = local.iter_batches(batch_size=1, row_groups=[group], columns=[column], use_threads=False)
                for number, batch in enumerate(batches, start=first):
                    if number >= row:
                        yield number, _field(batch.to_pylist()[0], column) or b""
    finally:
        pyarrow.default_memory_pool().release_unused()
        scratch.unlink(missing_ok=True)


def _group_of(metadata: object, row: int) -> tuple[int | None, int]:
    """The row group that holds a row, and the number of its first row."""
    first = 0
    for group in range(metadata.num_row_groups):
        count = metadata.row_group(group).num_rows
        if first <= row < first + count:
            return group, first
        first += count
    return None, first


def _copy_parts(remote: RangeReader, scratch: Path, chunk: object) -> None:
    """Copy a column chunk and the footer to their places in a file that has holes everywhere else."""
    starts = [start for start in (chunk.dictionary_page_offset, chunk.data_page_offset) if start]
    size, start = remote.seek(0, io.SEEK_END), min(starts)
    remote.seek(size - 8)
    footer = int.from_bytes(remote.read(4), "little") + 8
    with scratch.open("wb") as local:
        for begin, end in ((0, 4), (start, start + chunk.total_compressed_size), (size - footer, size)):
            if not 0 <= begin <= end <= size:
                raise ValueError
            for step in range(begin, end, _STEP):
                remote.seek(step)
                local.seek(step)
                local.write(remote.read(min(_STEP, end - step)))


def _field(values: dict, leaf: str | None) -> object:
    if leaf is None or leaf in values:
        return values.get(leaf)
    value: object = values
    for name in leaf.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _size(repo: HubRepo, path: str) -> int:
    try:
        return repo.files()[path]
    except KeyError:
        raise MediaError("not_found", f"The dataset {repo.repo} has no {path}. Check the path.") from None


@contextmanager
def _damage(path: str) -> Iterator[None]:
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # of a disk; pyarrow's own have no number
            raise
        name = posixpath.basename(path)
        raise MediaError("damaged", f"{name} cannot be read as a table ({type(error).__name__}).") from error
