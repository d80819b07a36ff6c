"""Lines exactly as published, a block of them at once: the same rows as `sources` reads, several times as fast.

A block in which any line is otherwise is left to `sources`, which reads line by line and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

try:
    import msgspec
except ImportError:  # a loading script's environment: `sources` reads all
    msgspec = None

try:
    from asid_hf.errors import CaptionFileError
except ImportError:  # beside a loading script, where asid_hf is not installed
    from .errors import CaptionFileError

from .sources import MAX_LINE_BYTES, as_extra, clean_caption, named_attributes

_OPENS, _CLOSES, _NEW_LINE = b"{}\n"


class Columns(NamedTuple):
    """The fields of several lines, each as `sources.Fields` has it; None for what no line tells."""

    given_ids: Sequence[str] | None
    videos: Sequence[str]
    instructions: Sequence[str]
    captions: Sequence[str]
    named: Sequence[tuple[str, ...]] | None
    extras: Sequence[str | None] | None


if msgspec is not None:
    # Without a look by the collector of garbage: they hold texts alone, and there are hundreds of thousands.
    class _Asked(msgspec.Struct, forbid_unknown_fields=True, gc=False):
        role: Literal["user"]
        content: str

    class _Answered(msgspec.Struct, forbid_unknown_fields=True, gc=False):
        role: Literal["assistant"]
        content: str

    class _Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
        """As published."""

        messages: tuple[_Asked, _Answered]
        videos: tuple[str]

    class _ToldLine(_Line, forbid_unknown_fields=True, gc=False):
        """With what `asid build` adds."""

        video_id: str = ""
        attributes: tuple[str, ...] = ()
        duration: int | float | None = None
        answer_form: str | msgspec.UnsetType = msgspec.UNSET

    _DECODERS = tuple(msgspec.json.Decoder(kind).decode_lines for kind in (_Line, _ToldLine))


def published_columns(lines: bytes | memoryview, ends: np.ndarray) -> Columns | None:
    """Read whole lines of the published shape.

    Args:
        lines: JSON lines, the last one with its end.
        ends: see `line_ends`.

    Returns:
        Their fields; None where one line or more has another shape or holds no caption.

    Example:
        >>> turns = b'[{"role": "user", "content": "Tell."}, {"role": "assistant", "content": "A dog."}]'
        >>> line = b'{"messages": %b, "videos": ["a.mp4"]}\\n' % turns
        >>> published_columns(line, line_ends(line)).captions
        ['A dog.']
        >>> published_columns(b"nonsense", line_ends(b"nonsense")) is None
        True
    """
    if msgspec is None or lines[-2:] != b"}\n" or _has_too_long_a_line(lines, ends):
        return None
    rows = _decoded(lines)
    if not rows or not _is_one_object_a_line(lines, ends, len(rows)):
        return None
    captions = [row.messages[1].content.strip() for row in rows]
    if "<" in {text[:1] for text in captions}:
        captions = list(map(clean_caption, captions))
    videos = [row.videos[0] for row in rows]
    if not all(captions) or not all(videos):
        return None
    columns = Columns(None, videos, [row.messages[0].content for row in rows], captions, None, None)
    try:
        return _with_told(columns, rows) if isinstance(rows[0], _ToldLine) else columns
    except CaptionFileError:
        return None


def _decoded(lines: bytes | memoryview) -> list[_Line]:
    """Lines as published or, where one of them has more keys, with those; none where one is otherwise."""
    for decode in _DECODERS:
        try:
            return decode(lines)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
    return []


def _with_told(columns: Columns, rows: list[_ToldLine]) -> Columns:
    return columns._replace(
        given_ids=[row.video_id for row in rows],
        named=[named_attributes(list(row.attributes)) if row.attributes else () for row in rows],
        extras=list(map(_extra_of, rows)),
    )


def line_ends(lines: bytes | memoryview) -> np.ndarray:
    """Where the lines of a block end. Shape (lines,); most of it runs without the GIL, so beside other work.

    Example:
        >>> line_ends(b"a\\nbc\\n").tolist()
        [1, 4]
    """
    return np.flatnonzero(np.frombuffer(lines, np.uint8) == _NEW_LINE)


def _has_too_long_a_line(lines: bytes | memoryview, ends: np.ndarray) -> bool:
    return len(lines) > MAX_LINE_BYTES and int(np.diff(ends, prepend=-1).max()) > MAX_LINE_BYTES + 1


def _is_one_object_a_line(lines: bytes | memoryview, ends: np.ndarray, count: int) -> bool:
    """msgspec takes two objects on one line, and one on two lines, too."""
    data = np.frombuffer(lines, np.uint8)
    return len(ends) == count and bool(
        data[0] == _OPENS and (data[ends[:-1] + 1] == _OPENS).all() and (data[ends - 1] == _CLOSES).all()
    )


def _extra_of(row: _ToldLine) -> str | None:
    told = {} if row.duration is None else {"duration": row.duration}
    return as_extra(told if row.answer_form is msgspec.UNSET else {**told, "answer_form": row.answer_form})
