"""JSON lines of a part of a file, as Arrow tables of caption rows; bad lines by their number in the whole file.

A file is read in parts of some megabytes, so that several processes share one. A part is a range of bytes; the lines
that begin in it are its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

try:
    from asid_hf.errors import CaptionFileError
except ImportError:  # beside a loading script, where asid_hf is not installed
    from .errors import CaptionFileError

from .ahead import read_ahead
from .published import Columns, line_ends, published_columns
from .sources import MAX_LINE_BYTES, BadLine, asked_of, clean_instruction, fields_of, skip_line, stem_of

PART = 2**26  # bytes of a part
CHUNK = 2**21  # bytes read at once, which also is the size of a table
_NEW_LINE = ord("\n")

SCHEMA = pa.schema(
    {
        "video_id": pa.string(),
        "group": pa.string(),
        "attributes": pa.list_(pa.string()),
        "instruction": pa.string(),
        "caption": pa.string(),
        "video": pa.string(),
        "extra": pa.string(),
    }
)


@dataclass(frozen=True)
class Part:
    """The lines of a file that begin at bytes [start, end).

    Attributes:
        address: what `open_file` opens.
        name: what messages call the file.
        group: of its rows.
        holds: the configuration whose rows they are, which tells what an instruction without a name asks for.
        number: of the part among those of its split.
    """

    address: str
    name: str
    group: str
    holds: str
    start: int
    end: int
    number: int = 0


def parts_of(size: int, part: int = PART) -> list[tuple[int, int]]:
    """Ranges of bytes that a file of `size` is read in.

    Example:
        >>> parts_of(5, 2)
        [(0, 2), (2, 4), (4, 5)]
    """
    return [(start, min(start + part, size)) for start in range(0, size, part)] or [(0, 0)]


def read_tables(part: Part, open_file: Callable[[str], Any], on_bad: Callable[[BadLine], None]) -> Iterator[pa.Table]:
    """Read a part of a JSON-lines file as tables of `SCHEMA`.

    Args:
        part: which lines.
        open_file: opens an address for reading bytes; what it gives can seek.
        on_bad: told of each line that has none of the accepted shapes; what it raises ends the reading.

    Yields:
        Tables of some hundred rows, in the order of the lines; empty lines are skipped.

    Example:
        >>> import io
        >>> data = b'{"video_id": "a", "caption": "A dog."}' + bytes([10]) + b"nonsense"
        >>> bad = []
        >>> [len(t) for t in read_tables(Part("x", "x", "g", "raw", 0, 99), lambda _: io.BytesIO(data), bad.append)]
        [1]
        >>> bad[0].line
        2
    """
    number = 0  # of the lines before, in this part
    before = functools.cache(lambda: _count_lines(part, open_file))  # in the file, asked for at a bad line only
    with closing(read_ahead(_blocks(part, open_file))) as blocks:
        for lines, ends in blocks:
            found = published_columns(lines, ends)
            if found is None:
                found = _read_one_by_one(
                    bytes(lines), lambda line, why: on_bad(BadLine(part.name, before() + line, why)), number
                )
            number += len(ends)
            if found:
                table = to_table(found, part.group, part.holds)
                del found  # so that the next lines are read into memory that is near
                yield table


def _blocks(part: Part, open_file: Callable[[str], Any]) -> Generator[tuple[memoryview, np.ndarray]]:
    """The lines that begin in a part, whole ones, and where they end. Of one that is too long, the first part.

    A block is good until the one after the next is asked for: to be given new memory for each takes as long as to
    read it.
    """
    room, other = bytearray(CHUNK), bytearray(CHUNK)
    kept = 0  # at the front of the room: the beginning of a line
    with open_file(part.address) as stream:
        at, end = _first_line(stream, part.start), part.end
        while at < end:
            filled = kept + stream.readinto(memoryview(room)[kept:])
            last = room.find(b"\n", max(end - 1 - at, 0), filled) + 1
            if last or filled == kept:  # the end of the last line, or of the file
                if last or kept:
                    yield _with_ends(memoryview(room)[: last or kept])
                return
            whole = room.rfind(b"\n", 0, filled) + 1
            if not whole and filled <= MAX_LINE_BYTES + 1:
                room, kept = room if filled < len(room) else room + bytes(len(room)), filled
                continue
            if not whole:
                room[filled - 1] = _NEW_LINE
                whole, at = filled, at + skip_line(stream)
            yield _with_ends(memoryview(room)[:whole])
            at, kept = at + whole, filled - whole
            other = other if len(other) > kept else bytearray(2 * kept)
            other[:kept] = memoryview(room)[whole:filled]
            room, other = other, room


def _with_ends(lines: memoryview) -> tuple[memoryview, np.ndarray]:
    return lines, line_ends(lines)


def _read_one_by_one(lines: bytes, on_bad: Callable[[int, str], None], number: int) -> Columns | None:
    found = []
    for line in lines.split(b"\n"):
        number += 1
        if line.strip() or len(line) > MAX_LINE_BYTES:  # of one that is too long, there is more
            try:
                found.append(fields_of(line))
                continue
            except CaptionFileError as error:
                why = str(error)
            on_bad(number, why)
    return Columns(*zip(*found, strict=True)) if found else None


def _first_line(stream: Any, start: int) -> int:
    """Go to the first line that begins at `start` or behind it."""
    if not start:
        return 0
    stream.seek(start - 1)
    return start - 1 + skip_line(stream)


def _count_lines(part: Part, open_file: Callable[[str], Any]) -> int:
    """Lines that begin ahead of a part."""
    if not part.start:
        return 0
    count, left = 0, part.start - 1
    with open_file(part.address) as stream:
        while left > 0 and (data := stream.read(min(left, 2**20))):
            count += data.count(b"\n")
            left -= len(data)
    return count + 1


def to_table(found: Columns, group: str, holds: str) -> pa.Table:
    """Rows of one group as a table of `SCHEMA`; each different instruction is interpreted once.

    Example:
        >>> rows = Columns(None, ["x/a.mp4"], ["<video>Describe it."], ["A dog."], None, None)
        >>> to_table(rows, "g", "raw")["video_id"][0]
        <pyarrow.StringScalar: 'a'>
    """
    asked = found.instructions if found.named is None else list(zip(found.instructions, found.named, strict=True))
    places = {key: place for place, key in enumerate(dict.fromkeys(asked))}
    texts, attributes = zip(*(_interpreted(key, holds) for key in places), strict=True)
    count = len(found.videos)
    indices = pa.array(np.fromiter(map(places.__getitem__, asked), np.int32, count))
    videos = pa.array(found.videos, pa.string())
    columns = [
        _ids_of(found.given_ids, videos),
        pa.repeat(pa.scalar(group), count),
        pa.array(attributes, pa.list_(pa.string())).take(indices),
        pa.array(texts, pa.string()).take(indices),
        pa.array(found.captions, pa.string()),
        videos,
        pa.nulls(count, pa.string()) if found.extras is None else pa.array(found.extras, pa.string()),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


@functools.lru_cache(maxsize=4096)
def _interpreted(key: str | tuple[str, tuple[str, ...]], holds: str) -> tuple[str, tuple[str, ...]]:
    """An instruction's text, and the attributes that the line names or the text asks for."""
    instruction, named = (key, ()) if isinstance(key, str) else key
    text = clean_instruction(instruction)
    return text, named or tuple(asked_of(text, holds))


def _ids_of(given: Sequence[str] | None, videos: pa.Array) -> pa.Array:
    """The ids that lines give, or the names of their videos, of which many lines share one."""
    shared = videos.dictionary_encode()
    names = pa.array(map(stem_of, shared.dictionary.to_pylist()), pa.string()).take(shared.indices)
    if given is None:
        return names
    ids = pa.array(given, pa.string())
    return pc.if_else(pc.equal(ids, ""), names, ids)
