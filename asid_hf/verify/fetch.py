"""Stage 0: bring a clip of the Hub here for as long as it is needed; a row keeps its address."""

from __future__ import annotations

import contextlib
import os
import posixpath
import tarfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from asid_hf.errors import InputError, MediaError
from asid_hf.verify.from_hub.access import is_trusted, trust, trusted
from asid_hf.verify.from_hub.address import HubAddress, is_hub_address, parse_address
from asid_hf.verify.from_hub.archive import MAX_CLIP, ArchiveCursor, name_of
from asid_hf.verify.from_hub.cache import MOST, ClipCache, disk_errors
from asid_hf.verify.from_hub.repo import LIBRARY, repo_of
from asid_hf.verify.from_hub.table import read_videos
from asid_hf.verify.inputs import VIDEO_SUFFIXES
from asid_hf.verify.stage import Row, Stage

_OPEN_ARCHIVES = 2  # per process; each holds a line to the Hub
_CHUNK = 2**20  # bytes

_cursors: OrderedDict[tuple, ArchiveCursor] = OrderedDict()


@dataclass(frozen=True)
class Fetch(Stage):
    """Bring the clip of a row whose video lies on the Hub; leave every other row as it is.

    The file stays in a bounded folder (see `ClipCache`) while the stages behind this one open it, and goes when others
    need its room, at the latest when the process ends. The row keeps the address, so it holds no path of this machine.
    A clip that cannot be brought is a dropped row with its reason.

    Args:
        allow_remote: bring clips of datasets, too, that the user did not name: a row may come from anybody, and the
            login reaches what is private.
        repos: datasets that the user named; default: those that `hub_records` listed in the process that makes this
            stage, so that they are known wherever it runs.
        folder: where clips are kept; default: the Hub's cache of assets (HF_ASSETS_CACHE).
        most: bytes of clips that one process keeps.

    Example:
        >>> Fetch()({"video": ["clips/a.mp4"]})["errors"]
        [[]]
    """

    allow_remote: bool = False
    repos: tuple[str, ...] = field(default_factory=trusted, repr=False)  # these change no result
    folder: str = field(default="", repr=False)
    most: int = field(default=MOST, repr=False)

    name, reads, writes = "fetch", ("video",), ()

    def run(self, row: Row) -> Row:
        """Bring the clip here."""
        for repo in self.repos:
            trust(repo)
        use_folder(self.folder, self.most)
        with local_video(row["video"], self.allow_remote):
            return {}


@contextmanager
def local_video(video: dict | str | bytes | None, allow_remote: bool = False) -> Iterator[dict | str | bytes | None]:
    """A `video` value that can be opened: one of the Hub as a file here, for as long as the block runs.

    Args:
        video: a path, bytes or a `datasets` Video value {"path", "bytes"}.
        allow_remote: see `Fetch`.

    Yields:
        The value, with the path of a file in place of an address of the Hub.

    Raises:
        MediaError: the clip cannot be brought; or what the block raised, with the address's name for the file's.

    Example:
        >>> with local_video("clips/a.mp4") as video:
        ...     video
        'clips/a.mp4'
    """
    path, data = (video.get("path"), video.get("bytes")) if isinstance(video, dict) else (video, None)
    if data is not None or not is_hub_address(path) or os.path.lexists(path):
        yield video
        return
    address = _checked(path, allow_remote)
    with disk_errors():
        clips = _cache_in(_settings["folder"], _settings["most"])
    with clips.lease(address.text, lambda: _bring(clips, address)) as file:
        try:
            yield {"path": str(file), "bytes": None}
        except MediaError as error:
            raise MediaError(error.reason, str(error).replace(str(file), address.name)) from None


def use_folder(folder: str = "", most: int = MOST) -> None:
    """Keep clips in a folder, and at most so many bytes of them, from now on in this process.

    Args:
        folder: default: the Hub's cache of assets.
        most: bytes.

    Example:
        >>> use_folder(most=2**20)
        >>> use_folder()
    """
    _settings.update(folder=folder, most=most)


_settings: dict = {"folder": "", "most": MOST}


@cache
def _cache_in(folder: str, most: int) -> ClipCache:
    if folder:
        return ClipCache(Path(folder), most)
    from huggingface_hub import cached_assets_path

    return ClipCache(cached_assets_path(LIBRARY, "clips", "held"), most)


def _checked(path: str, allow_remote: bool) -> HubAddress:
    try:
        address = parse_address(path)
    except InputError as error:
        raise MediaError("unsupported_source", str(error)) from error
    if not address.path or address.query:
        raise MediaError("unsupported_source", f"{path} is the address of no single video.")
    if not allow_remote and not is_trusted(address.repo):
        raise MediaError(
            "remote_not_allowed",
            f"{address.name} lies on the Hub, in {address.repo}, which was not named. Name it "
            f"(hf://datasets/{address.repo}), or pass allow_remote=True.",
        )
    return address


def _bring(clips: ClipCache, address: HubAddress) -> None:
    if address.is_row:
        _bring_row(clips, address)
    elif address.member is not None:
        _bring_member(clips, address)
    else:
        _bring_file(clips, address)


def _bring_file(clips: ClipCache, address: HubAddress) -> None:
    repo = repo_of(address)
    size = repo.files().get(address.path)
    if size is None:
        raise MediaError("not_found", f"The dataset {repo.repo} has no {address.path}. Check the address.")
    _check_size(address, size)
    with contextlib.closing(repo.stream(address.path)) as stream:
        clips.put(address.text, _ending(address.path), size, iter(lambda: stream.read(_CHUNK), b""))


def _bring_member(clips: ClipCache, address: HubAddress) -> None:
    repo = repo_of(address)
    key = (os.getpid(), repo, address.path)  # a line to the Hub is not shared with a forked process
    if key not in _cursors:
        while len(_cursors) >= _OPEN_ARCHIVES:
            _cursors.popitem(last=False)[1].close()
        _cursors[key] = ArchiveCursor(repo, address.path)
    _cursors.move_to_end(key)
    cursor = _cursors[key]

    def keep(member: tarfile.TarInfo) -> None:
        text = repo.address(address.path, name_of(member)).text
        if clips.has_room(member.size) and not clips.holds(text):
            clips.put(text, _ending(member.name), member.size, cursor.chunks(member))

    try:
        member = cursor.find(address.member, skipped=keep)
        clips.put(address.text, _ending(address.member), member.size, cursor.chunks(member))
    except BaseException:
        _cursors.pop(key).close()  # what is left of the stream is not to be trusted
        raise


def _bring_row(clips: ClipCache, address: HubAddress) -> None:
    """Bring a row, and with it those behind it in its group that fit: they came with the same bytes."""
    repo = repo_of(address)
    column, _, row = address.member.rpartition("/")
    if not row.isdecimal():
        raise MediaError("unsupported_source", f"{address.member} names no row of {address.path}.")
    scratch = clips.scratch(f"group-{os.getpid()}.parquet")
    with contextlib.closing(read_videos(repo, address.path, column, int(row), scratch)) as videos:
        for number, data in videos:
            key = repo.address(address.path, f"{column}/{number}").text
            if number == int(row):
                _check_size(address, len(data))
                key = address.text
            elif not 0 < len(data) <= MAX_CLIP or not clips.has_room(len(data)):
                continue
            clips.put(key, ".mp4", len(data), [data])


def _check_size(address: HubAddress, size: int) -> None:
    if size == 0:
        raise MediaError("empty", f"{address.name} is empty: 0 bytes.")
    if size > MAX_CLIP:
        raise MediaError("too_large", f"{address.name} has {size} bytes; allowed: {MAX_CLIP}.")


def _ending(name: str) -> str:
    ending = posixpath.splitext(name)[1].lower()
    return ending if ending in VIDEO_SUFFIXES else ".mp4"
