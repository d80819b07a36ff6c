"""Rows and their videos: the `Video` column, joined by name, and what is left over on either side."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

try:
    from asid_hf.errors import InputError
except ImportError:  # beside a loading script, where asid_hf is not installed
    from .errors import InputError

from .reading import VIDEO_BYTES
from .rejects import NO_ROW, NO_VIDEO, SideTable
from .videos import VideoIndex

VIDEO_TYPE = pa.struct({"bytes": pa.binary(), "path": pa.string()})


class VideoMatch(NamedTuple):
    """What is left over: ids of rows whose video is not there, and videos that no row is about."""

    rows_without_video: list[str]
    videos_without_rows: list[str]


@dataclass(frozen=True)
class VideoJoin:
    """Gives rows their videos.

    Attributes:
        places: folder, .zip or plain .tar, or several.
        embed: store the videos' bytes.

    Example:
        >>> VideoJoin("clips").embed
        False
    """

    places: str | list[str] | None
    embed: bool = False

    def index(self) -> VideoIndex:
        """The videos that are there; looked through once a process and state.

        Raises:
            InputError: there is no such place.
        """
        if not self.places:
            raise InputError("with_video=True needs the videos here: name their folder or archive with videos=.")
        index = VideoIndex(self.places)
        return _known(tuple(index.places), json.dumps(index.state()))

    def state(self) -> list:
        """What changes when a place does, for the cache."""
        return VideoIndex(self.places).state() if self.places else []

    def of(self, table: pa.Table, file: str, side: SideTable) -> pa.Table:
        """A table whose `video` is a Video column; rows without a video keep none, and are noted once a video.

        Args:
            table: instruction rows or verified ones.
            file: what the side table calls where they come from.
            side: takes the notes.
        """
        index, known = self.index(), {}
        given = table["video"].to_pylist()
        own = table[VIDEO_BYTES].to_pylist() if VIDEO_BYTES in table.column_names else [None] * len(table)
        values = []
        for video, data, video_id in zip(given, own, table["video_id"].to_pylist(), strict=True):
            path, data = (video["path"], video["bytes"]) if isinstance(video, dict) else (video, data)
            if data is not None:
                values.append({"bytes": data, "path": os.path.basename(path or "") or video_id})
                continue
            key = (path, video_id)
            if key not in known:
                known[key] = self._value(index, path or "", video_id)
                if known[key] is None:
                    side.add(NO_VIDEO, file, index.why_not(path or "", video_id), video_id=video_id, video=path)
            values.append(known[key])
        place = table.column_names.index("video")
        return table.set_column(place, "video", pa.array(values, VIDEO_TYPE))

    def _value(self, index: VideoIndex, path: str, video_id: str) -> dict | None:
        address = index.find(path, video_id)
        if address is None:
            return None
        if self.embed:
            return {"bytes": index.read(address), "path": os.path.basename(path) or video_id}
        return {"bytes": None, "path": address}


@lru_cache(maxsize=4)
def _known(places: tuple[str, ...], state: str) -> VideoIndex:
    return VideoIndex(places)


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
        for name in match_videos(rows, join.places).videos_without_rows:
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
    index = VideoJoin(videos).index()
    if hasattr(rows, "select_columns"):
        rows = rows.select_columns(["video_id", "video"])
    asked = {(_path_of(row["video"]), row["video_id"]): None for row in rows}
    found = {key: index.find(*key) for key in asked}
    used = set(found.values())
    missing = sorted({video_id for (_, video_id), address in found.items() if address is None})
    return VideoMatch(missing, sorted(name for name, address in index.items() if address not in used))


def _path_of(video: str | dict | None) -> str:
    return (video.get("path") if isinstance(video, dict) else video) or ""


def without_bytes(table: pa.Table) -> pa.Table:
    """A table whose videos are paths alone.

    Example:
        >>> without_bytes(pa.table({"video": ["a.mp4"], "video_bytes": [b"..."]})).column_names
        ['video']
    """
    if VIDEO_BYTES in table.column_names:
        table = table.drop_columns([VIDEO_BYTES])
    return table
