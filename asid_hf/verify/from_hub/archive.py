"""Videos inside tar archives on the Hub, read as a stream: what an archive holds, and one member at a time.

An archive is somebody's file. Nothing of it is unpacked by name: members are read as bytes and nothing else. Links,
devices, sparse files, names that lead elsewhere, members and headers beyond a size, and streams that unpack to a
multiple of what was sent are refused.
"""

from __future__ import annotations

import gzip
import posixpath
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from asid_hf.errors import MediaError
from asid_hf.media_archive import MAX_CLIP as MAX_CLIP  # which those who bring clips ask for here
from asid_hf.media_archive import MAX_MEMBERS, TAR_FAULTS, VIDEO_SUFFIXES, Member, refusal
from asid_hf.verify.from_hub.forward import MAX_RATIO, ONE_READ, ForwardReader
from asid_hf.verify.from_hub.repo import HubRepo

ARCHIVES = (".tar", ".tar.gz", ".tgz")
_NEAR = 64  # members; about as many clips are asked for at once


class ArchiveCursor:
    """An archive read forward, member by member; asked for one that it has passed, it starts again.

    Args:
        repo: the repository.
        path: the archive in it.

    Example:
        >>> ArchiveCursor(HubRepo("owner/name", "0" * 40), "clips.tar").passed
        set()
    """

    def __init__(self, repo: HubRepo, path: str) -> None:
        self.repo, self.path = repo, path
        self.passed: set[str] = set()
        self._tar: tarfile.TarFile | None = None
        self._places = {name: place for place, (name, _) in enumerate(_noted(repo, path)["members"])}

    def members(self) -> Iterator[tarfile.TarInfo]:
        """The members that are left, of every kind, in order.

        Raises:
            MediaError: the archive is damaged, refused, or not to be had.
        """
        with _damage(self.path):
            self._tar = self._tar or self._open()
            while (member := self._tar.next()) is not None:
                self.passed.add(name_of(member))
                if len(self.passed) > MAX_MEMBERS:
                    raise MediaError("too_large", f"{self.path} holds more than {MAX_MEMBERS} members.")
                yield member
            if self._tar.fileobj.last.strip(b"\0"):
                raise tarfile.ReadError

    def chunks(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        """The bytes of the member that `members` gave last.

        Raises:
            MediaError: the archive is damaged, or not to be had any more.
        """
        with _damage(self.path):
            stream = self._tar.fileobj
            stream.seek(member.offset_data)
            for start in range(0, member.size, ONE_READ):
                data = stream.read(min(ONE_READ, member.size - start))
                if not data:
                    raise EOFError
                yield data

    def find(self, name: str, skipped: Callable[[tarfile.TarInfo], None] = lambda member: None) -> tarfile.TarInfo:
        """Go to a member.

        Args:
            name: as `name_of` gives it.
            skipped: called with each video shortly before it, for clips that are asked for side by side do not come
                in the archive's order, and one that was passed costs another pass.

        Raises:
            MediaError: it is not there, is no plain file of an allowed size, or the archive cannot be read.
        """
        if name in self.passed:
            self.close()
        for member in self.members():
            if name_of(member) == name:
                if fault := refusal(member):
                    raise MediaError(*fault)
                return member
            if self._is_shortly_before(name_of(member), name) and not refusal(member):
                skipped(member)
        raise MediaError("not_found", f"{self.path} holds no {posixpath.basename(name)}. Check the address.")

    def _is_shortly_before(self, name: str, other: str) -> bool:
        places = self._places
        return name in places and other in places and 0 < places[other] - places[name] <= _NEAR

    def close(self) -> None:
        """Let go of the stream; the next member is looked for from the start."""
        if self._tar is not None:
            self._tar.fileobj.close()
        self._tar = None
        self.passed.clear()

    def _open(self) -> tarfile.TarFile:
        stream, size = self.repo.stream(self.path), self.repo.files().get(self.path, 0)
        unpacked = stream if self.path.endswith(".tar") else gzip.GzipFile(fileobj=stream)
        reader = ForwardReader(unpacked, size * MAX_RATIO + ONE_READ)
        return tarfile.open(fileobj=reader, mode="r:")


def list_members(repo: HubRepo, path: str) -> Iterator[Member]:
    """List an archive's videos in its order, as far as the caller asks; what was read is remembered.

    Args:
        repo: the repository.
        path: the archive.

    Yields:
        Members that may be fetched, each name once.

    Raises:
        MediaError: the archive is damaged, refused, or not to be had; after the members before that.

    Example:
        >>> next(list_members(repo, "clips.tar"))  # doctest: +SKIP
        Member(name='clips/a.mp4', size=1374389)
    """
    noted = _noted(repo, path)
    found: dict[str, int] = dict(noted["members"])
    yield from (Member(name, size) for name, size in list(found.items()))
    if noted["whole"]:
        return
    cursor, whole = ArchiveCursor(repo, path), False
    try:
        for entry in cursor.members():
            name = name_of(entry)
            if name in found or refusal(entry) or posixpath.splitext(name)[1].lower() not in VIDEO_SUFFIXES:
                continue
            found[name] = entry.size
            yield Member(name, entry.size)
        whole = True
    finally:
        cursor.close()
        if whole or len(found) > len(noted["members"]):
            repo.note(f"members of {path}", {"members": list(found.items()), "whole": whole})


def _noted(repo: HubRepo, path: str) -> dict:
    return repo.recall(f"members of {path}") or {"members": [], "whole": False}


def name_of(member: tarfile.TarInfo) -> str:
    """A member's name without the "./" that some archives lead all of theirs with.

    Example:
        >>> name_of(tarfile.TarInfo("./a.mp4"))
        'a.mp4'
    """
    return member.name.removeprefix("./")


@contextmanager
def _damage(path: str) -> Iterator[None]:
    try:
        yield
    except (*TAR_FAULTS, gzip.BadGzipFile, zlib.error) as error:
        name = posixpath.basename(path)
        raise MediaError("damaged", f"The archive {name} is cut off or damaged ({type(error).__name__}).") from error
