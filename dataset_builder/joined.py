"""Rows and their videos: the `Video` column, joined by name, and what is left over on either side."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

try:
    from asid_hf.errors import MediaError
    from asid_hf.media_archive import clip_identity
except ImportError:  # beside a loading script, where asid_hf is not installed
    from .errors import MediaError
    from .media_archive import clip_identity

from .reading import VIDEO_BYTES
from .rejects import NO_ROW, NO_VIDEO, SideTable
from .sources import path_of
from .videos import VideoIndex

MAX_BYTES = 2**27  # of the videos in a table; a column holds at most 2 GiB
VIDEO_TYPE = pa.struct({"bytes": pa.binary(), "path": pa.string()})


class VideoMatch(NamedTuple):
    """What is left over: ids of rows whose video is not there, and videos that no row is about."""

    rows_without_video: list[str]
    videos_without_rows: list[str]


class VideoJoin:
    """Gives rows their videos.

    Args:
        places: folder, .zip or plain .tar, or several; searched at once. None: only rows that hold theirs have one.
        embed: store the videos' bytes.

    Raises:
        InputError: there is no such place.

    Example:
        >>> import tempfile
        >>> VideoJoin(tempfile.mkdtemp()).state()
        [[]]
    """

    def __init__(self, places: str | list[str] | None, embed: bool = False) -> None:
        given = [places] if isinstance(places, str) else list(places or ())
        self.index = VideoIndex([os.path.expanduser(place) for place in given]) if given else None
        self.embed = embed
        self._found = dict(self.index.items()) if self.index else {}

    def state(self) -> list:
        """What changes when a video comes or goes, or, where their bytes are stored, is another; for the cache."""
        return [[(name, address, *self._identity(address)) for name, address in self._found.items()]]

    def _identity(self, address: str) -> tuple:
        return (clip_identity(address),) if self.embed else ()

    def of(self, table: pa.Table, file: str, side: SideTable) -> Iterator[pa.Table]:
        """Tables whose `video` is a Video column; rows without a video keep none, and are noted once a video.

        Args:
            table: instruction rows or verified ones.
            file: what the side table calls where they come from.
            side: takes the notes.

        Yields:
            The rows in order, in tables of no more bytes than a column can hold.
        """
        known: dict[tuple, dict | None] = {}
        own = table[VIDEO_BYTES].to_pylist() if VIDEO_BYTES in table.column_names else [None] * len(table)
        start, values, size = 0, [], 0
        for video, data, video_id in zip(table["video"].to_pylist(), own, table["video_id"].to_pylist(), strict=True):
            path, data = (video["path"], video["bytes"]) if isinstance(video, dict) else (video, data)
            values.append(self._value(path or "", video_id, data, known, file, side))
            size += len((values[-1] or {}).get("bytes") or b"")
            if size > MAX_BYTES:
                yield self._with(table.slice(start, len(values)), values)
                start, values, size = start + len(values), [], 0
        if values:
            yield self._with(table.slice(start), values)

    def _with(self, table: pa.Table, values: list[dict | None]) -> pa.Table:
        return table.set_column(table.column_names.index("video"), "video", pa.array(values, VIDEO_TYPE))

    def _value(
        self, path: str, video_id: str, data: bytes | None, known: dict, file: str, side: SideTable
    ) -> dict | None:
        if data is not None:
            return {"bytes": data, "path": os.path.basename(path) or video_id}
        if (path, video_id) not in known:
            address, why = self._find(path, video_id)
            if self.embed and address:
                return self._embedded(address, path, video_id, known, file, side)
            if address is None:
                side.add(NO_VIDEO, file, why, video_id=video_id, video=path)
            known[path, video_id] = address and {"bytes": None, "path": address}
        return known[path, video_id]

    def _embedded(self, address: str, path: str, video_id: str, known: dict, file: str, side: SideTable) -> dict | None:
        try:
            return {"bytes": self.index.read(address), "path": os.path.basename(address.partition("::")[0])}
        except MediaError as error:  # one that cannot be read
            side.add(NO_VIDEO, file, str(error), video_id=video_id, video=path)
            known[path, video_id] = None
            return None

    def _find(self, path: str, video_id: str) -> tuple[str | None, str]:
        if self.index is None:
            return None, "No place with videos was named: name it with videos=."
        address = self.index.find(path, video_id)
        return address, "" if address else f"{self.index.why_not(path, video_id)} Name its place with videos=."


def note_unused_videos(folder: str, join: VideoJoin) -> None:
    """Note in the side table of a build which videos none of its rows is about.

    Args:
        folder: with the Arrow files of the build.
        join: where the videos are.

    Example:
        >>> import tempfile
        >>> note_unused_videos(tempfile.mkdtemp(), VideoJoin(tempfile.mkdtemp()))
    """
    from datasets import Dataset, concatenate_datasets

    tables = [Dataset.from_file(str(path)) for path in sorted(Path(folder).glob("*.arrow"))]
    rows = concatenate_datasets(tables) if tables else []
    with SideTable(folder, "videos") as side:
        for name in _match(rows, join.index).videos_without_rows if join.index else ():
            side.add(NO_ROW, "", "No row is about this video.", video=name)


def match_videos(rows: Iterable[dict], videos: str | list[str]) -> VideoMatch:
    """Which rows have no video, and which videos have no row (of the published release 124 have none).

    Args:
        rows: a dataset, or any rows with `video_id` and `video`.
        videos: folder, .zip or plain .tar, or several.

    Returns:
        Ids and names, each in order and once.

    Raises:
        InputError: there is no such place.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "b.mp4").write_bytes(b"...")
        >>> match_videos([{"video_id": "a", "video": "videos/a.mp4"}], str(folder))
        VideoMatch(rows_without_video=['a'], videos_without_rows=['b.mp4'])
    """
    return _match(rows, VideoJoin(videos).index)


def _match(rows: Iterable[dict], index: VideoIndex) -> VideoMatch:
    if hasattr(rows, "select_columns"):
        rows = rows.select_columns(["video_id", "video"])
    asked = {(path_of(row["video"]), row["video_id"]): None for row in rows}
    found = {key: index.find(*key) for key in asked}
    used = set(found.values())
    missing = sorted({video_id for (_, video_id), address in found.items() if address is None})
    return VideoMatch(missing, sorted(name for name, address in index.items() if address not in used))


def without_bytes(table: pa.Table) -> pa.Table:
    """A table whose videos are paths alone.

    Example:
        >>> without_bytes(pa.table({"video": ["a.mp4"], "video_bytes": [b"..."]})).column_names
        ['video']
    """
    if VIDEO_BYTES in table.column_names:
        table = table.drop_columns([VIDEO_BYTES])
    return table
