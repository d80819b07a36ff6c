"""The reader of any repository of videos: files, tar archives and parquet shards, with annotations beside them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from asid_hf.errors import MediaError
from asid_hf.verify.from_hub.address import stays_inside
from asid_hf.verify.from_hub.annotations import ANNOTATIONS, read_annotations
from asid_hf.verify.from_hub.archive import ARCHIVES
from asid_hf.verify.from_hub.files import HubOptions, chosen_files
from asid_hf.verify.from_hub.reader import HubVideo, members_of, pass_over, rows_of, seconds, stem, text
from asid_hf.verify.from_hub.repo import HubRepo
from asid_hf.verify.from_hub.table import parquet_columns
from asid_hf.verify.inputs import VIDEO_SUFFIXES

_NAMES = ("video", "file_name", "video_path")  # columns of annotations that name a video file
_COLUMNS = {
    "id": ("video_id", "id"),
    "duration": ("duration", "duration_seconds"),
    "caption": ("caption",),
}
MAX_ANNOTATIONS = 2**30  # bytes of a file of annotations
_WEB = re.compile("https?://")


def read_any(repo: HubRepo, path: str, options: HubOptions) -> Iterator[HubVideo]:
    """The videos of any repository: video files, members of tar archives, rows of parquet files.

    Annotation files (JSON, JSON lines, CSV) beside them that name videos tell their ids, durations and captions.

    Args:
        repo: the repository.
        path: a file, a folder or a pattern; "" for the config and split that `options` name.
        options: see `HubOptions`.

    Yields:
        Videos, file by file.

    Raises:
        MediaError: nothing of that name, no column of videos, or files that are not to be had.

    Example:
        >>> [video.video_id for video in read_any(repo, "clips", HubOptions(limit=2))]  # doctest: +SKIP
        ['a', 'b']
    """
    chosen = chosen_files(repo, path, options)
    told = _annotations(repo, (file for file in chosen if file.endswith(ANNOTATIONS)), options)
    for file in dict.fromkeys([*chosen, *(name for name in told if name in repo.files())]):
        if file.endswith(ARCHIVES):
            for member, archive in members_of(repo, [file]):
                beside = posixpath.join(posixpath.dirname(file), member.name)
                row = told.get(member.name) or told.get(beside) or {}
                yield _video(repo, repo.address(archive, member.name).text, member.name, row, options)
        elif file.endswith(".parquet"):
            try:
                yield from _parquet(repo, file, options)
            except MediaError as error:
                pass_over(error)
        elif posixpath.splitext(file)[1].lower() in VIDEO_SUFFIXES:
            yield _video(repo, repo.address(file).text, file, told.get(file, {}), options)
    for name, row in told.items():
        if _WEB.match(name):
            yield _video(repo, name, urlsplit(name).path, row, options)


def _annotations(repo: HubRepo, files: Iterable[str], options: HubOptions) -> dict[str, dict]:
    """What all annotation files tell; one that is damaged, or no annotations by its size, tells nothing."""
    told: dict[str, dict] = {}
    for file in files:
        try:
            if repo.files()[file] > MAX_ANNOTATIONS:
                raise MediaError("too_large", f"{file} has {repo.files()[file]} bytes; allowed: {MAX_ANNOTATIONS}.")
            told.update(_told(repo, file, options))
        except MediaError as error:
            pass_over(error)
    return told


def _told(repo: HubRepo, file: str, options: HubOptions) -> Iterator[tuple[str, dict]]:
    """The videos that an annotation file names, as paths in the repository or addresses, and what it says of them."""
    columns = (options.column,) if options.column else _NAMES
    for row in read_annotations(repo.download(file)):
        name = next((row[column] for column in columns if isinstance(row.get(column), str)), "")
        path = name if _WEB.match(name) else _found(repo, file, name)
        if path or (name and stays_inside(name)):  # which may be a member of an archive
            yield (
                path or name.removeprefix("./"),
                {key: next((row[c] for c in choice if row.get(c)), None) for key, choice in _COLUMNS.items()},
            )


def _found(repo: HubRepo, file: str, name: str) -> str | None:
    """The file of the repository that another one names, from beside itself or from the top."""
    beside = posixpath.normpath(posixpath.join(posixpath.dirname(file), name))
    return next((path for path in (beside, name) if path in repo.files()), None)


def _parquet(repo: HubRepo, shard: str, options: HubOptions) -> Iterator[HubVideo]:
    columns = parquet_columns(repo, shard)
    column = options.column or next((c for c in ("video", *_films(columns)) if _holds(columns, c)), None)
    if column is None or not _holds(columns, column):
        there = ", ".join(dict.fromkeys(name.split(".")[0] for name in columns))
        raise MediaError("not_found", f"{shard} has no column {column or 'video'}: name one with ?column= ({there}).")
    stored = next((leaf for leaf in (f"{column}.bytes", column) if columns.get(leaf) == "BYTE_ARRAY"), None)
    names = (f"{column}.path",) if stored else (f"{column}.path", column)
    rows = (row for _, rows in rows_of(repo, [shard], {**_COLUMNS, "name": names}) for row in rows)
    for row in rows:
        name, place = text(row["name"]), f"{stem(shard)}-{row['row']:05d}"
        if stored:
            yield _video(repo, repo.address(shard, f"{stored}/{row['row']}").text, name, row, options, place)
        elif _WEB.match(name):
            yield _video(repo, name, urlsplit(name).path, row, options, place)
        elif found := _found(repo, shard, name):
            yield _video(repo, repo.address(found).text, name, row, options, place)


def _films(columns: dict[str, str]) -> list[str]:
    """Columns that can hold videos: a struct with bytes, or bytes."""
    structs = [name.removesuffix(".bytes") for name in columns if name.endswith(".bytes")]
    return structs + [name for name, kind in columns.items() if kind == "BYTE_ARRAY" and "." not in name]


def _holds(columns: dict[str, str], column: str) -> bool:
    return not {column, f"{column}.bytes", f"{column}.path"}.isdisjoint(columns)


def _video(repo: HubRepo, path: str, name: str, row: dict, options: HubOptions, place: str = "") -> HubVideo:
    """A video of a path, or of the name a table has for it, and what its row says."""
    caption = text(row.get("caption"))
    return HubVideo(
        path=path,
        video_id=text(row.get("id")) or stem(name) or place,
        place=place or posixpath.splitext(name)[0],
        source=f"{repo.repo}/{options.config}" if options.config else repo.repo,
        duration=seconds(row.get("duration")),
        captions=(caption,) if options.captions and caption else (),
    )
