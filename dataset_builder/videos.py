"""Videos on this machine, joined with a dataset's rows by name: in folders and, in place, in zip and tar archives.

Rows only ever name a video: what they say is compared with the names found in the places given, and never opened. So a
row that says "../../etc/passwd" finds what lies in those places under the name passwd, which is nothing.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator, KeysView
from functools import cached_property

try:
    from asid_hf.errors import InputError, MediaError
    from asid_hf.media_archive import (
        MAX_CLIP,
        VIDEO_SUFFIXES,
        Refused,
        archive_scheme,
        list_members,
        member_address,
        parse_member_address,
        read_member,
    )
except ImportError:  # beside the dataset's script on the Hub, where asid_hf is not installed
    from .errors import InputError, MediaError
    from .media_archive import (
        MAX_CLIP,
        VIDEO_SUFFIXES,
        Refused,
        archive_scheme,
        list_members,
        member_address,
        parse_member_address,
        read_member,
    )


class VideoIndex:
    """The videos of some places, by name. Places are searched once, when something is first asked of them.

    Folders are searched at any depth, but links to folders are not followed, and a link to a file counts only where
    the file lies in one of the places, too. Hidden files are passed over.

    Attributes:
        places: absolute paths of what is searched.
        ambiguous: video id -> the addresses between which `find` could not decide.

    Args:
        places: a folder, a .zip or .tar archive, or several of them.

    Raises:
        InputError: a place does not exist or is no folder and no archive; or, when it is searched, cannot be read.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "ytb_abc.mkv").write_bytes(b"film")
        >>> videos = VideoIndex(folder)
        >>> os.path.basename(videos.find("videos/x/ytb_abc.mp4", "ytb_abc"))
        'ytb_abc.mkv'
        >>> videos.find("../../etc/passwd", "passwd") is None
        True
    """

    def __init__(self, places: str | os.PathLike | Iterable[str | os.PathLike]) -> None:
        given = [places] if isinstance(places, str | os.PathLike) else list(places)
        if not given:
            raise InputError("No place with videos was named. Give a folder, or a .zip or .tar archive.")
        checked = list(dict.fromkeys(_checked(place) for place in given))
        within = {place for place in checked if os.path.isdir(place) and any(_lies_in(place, p) for p in checked)}
        self.places = [place for place in checked if place not in within]
        self.ambiguous: dict[str, list[str]] = {}

    def find(self, video: str | None, video_id: str) -> str | None:
        """Find a row's video: by its file name, else by that name with another ending of videos, else by its id.

        Of several, the one whose folders are most like the row's, counted from the name up, where an archive is a
        folder of its name.

        Args:
            video: the path as the dataset writes it, with any folders before the name; or None.
            video_id: the id; the file's name without its ending, where nothing else says it.

        Returns:
            An absolute path, or a member's address (see `asid_hf.media_archive`); None where there is none, or where
            several are alike: `ambiguous` tells them.

        Raises:
            InputError: see `VideoIndex`.
        """
        for asked in filter(None, (_parts(video or ""), _parts(video_id))):
            if found := self._named(asked[-1]):
                break
        else:
            return None
        if len(found) == 1:
            return found[0]
        likeness = [_shared(asked, _parts(address)) for address in found]
        best = [address for address, like in zip(found, likeness, strict=True) if like == max(likeness)]
        if len(best) > 1 and len({os.path.realpath(address) for address in best}) > 1:
            self.ambiguous[video_id] = best
            return None
        return best[0]

    def why_not(self, video: str | None, video_id: str) -> str:
        """Why `find` gave nothing for a row, in a sentence without folders of this machine.

        Args:
            video, video_id: see `find`.
        """
        name = (_parts(video or "") or _parts(video_id) or ["nothing"])[-1]
        if alike := self.ambiguous.get(video_id):
            named = ", ".join(map(self._name_here, alike[:5]))
            return f"{len(alike)} videos are called {name}, and the row's folders do not tell which is meant: {named}."
        return self._told.get(_stem(name), f"No video is called {name}.")

    def items(self) -> Iterator[tuple[str, str]]:
        """All videos, sorted: the name inside its place, and the address that `find` gives."""
        yield from sorted((self._name_here(one), one) for alike in self._by_stem.values() for one in alike)

    def names(self) -> Iterator[str]:
        """The names of `items`: of a file below its folder, of a member in its archive."""
        return (name for name, _ in self.items())

    @property
    def stems(self) -> KeysView[str]:
        """The videos' file names without their endings."""
        return self._by_stem.keys()

    @property
    def refused(self) -> list[Refused]:
        """Videos that are not read, and archives that broke off: name, which of `MediaError.REASONS`, message."""
        return self._found[1]

    def state(self) -> list:
        """What changes when a place does, for caches: of a folder the time it had a file or folder added or taken out,
        of an archive size and time. No place is searched for it: what happens deeper in a folder does not show.
        """
        return [_state(place) for place in self.places]

    def read(self, address: str) -> bytes:
        """Read a video that `find` or `items` gave.

        Raises:
            InputError: it is none of these places.
            MediaError: it cannot be read.
        """
        if address not in self._by_stem.get(_stem(_name(address)), ()):
            raise InputError(f"{address} is no video of {', '.join(self.places)}.")
        return read_member(address) if parse_member_address(address) else self._read_file(address)

    @cached_property
    def _found(self) -> tuple[dict[str, list[str]], list[Refused]]:
        """The addresses by stem, and what is refused."""
        by_stem: dict[str, list[str]] = {}
        refused: list[Refused] = []
        for place in self.places:
            for name, address in self._files(place) if os.path.isdir(place) else _members(place):
                if isinstance(address, Refused):
                    refused.append(address)
                elif not address.isascii() and not _is_text(address):
                    message = (
                        f"The path of {os.path.basename(_shown(name))} is not UTF-8 and cannot be stored: rename it."
                    )
                    refused.append(Refused(_shown(name), "unreadable", message))
                else:
                    by_stem.setdefault(_stem(name), []).append(address)
        return by_stem, refused

    @cached_property
    def _told(self) -> dict[str, str]:
        """Why videos are refused, by stem."""
        return {_stem(_parts(refused.name)[-1]): refused.message for refused in self.refused}

    @property
    def _by_stem(self) -> dict[str, list[str]]:
        return self._found[0]

    def _named(self, name: str) -> list[str]:
        alike = self._by_stem.get(_stem(name), [])
        return [address for address in alike if _plain(_name(address)) == name] or alike

    def _name_here(self, address: str) -> str:
        if member := parse_member_address(address):
            return member.member
        return next(address[len(p) :].lstrip(os.sep).replace(os.sep, "/") for p in self.places if _lies_in(address, p))

    def _files(self, folder: str) -> Iterator[tuple[str, str | Refused]]:
        """The names and paths of a folder's videos."""
        left = [folder]
        try:
            while left:
                with os.scandir(left.pop()) as entries:
                    for entry in entries:
                        if entry.is_dir(follow_symlinks=False):
                            left.append(entry.path)
                        elif _is_video(entry.name):
                            fault = None if entry.is_file(follow_symlinks=False) else self._refusal(entry.path)
                            yield entry.name, fault or entry.path
        except OSError as error:
            raise InputError(f"The folder {error.filename} cannot be read: {error.strerror}.") from error

    def _refusal(self, path: str) -> Refused | None:
        """Why a file that is no plain one does not count."""
        name, target = os.path.basename(path), os.path.realpath(path)
        if not os.path.isfile(target):
            return Refused(name, "not_a_file", f"{name} is no file, and leads to none.")
        if not any(_lies_in(target, place) for place in self.places):
            hint = "Name the folder of that file, too."
            return Refused(name, "unsupported_source", f"{name} is a link that leads out of the places given. {hint}")
        return None

    def _read_file(self, path: str) -> bytes:
        name = os.path.basename(path)
        if os.path.islink(path) and (fault := self._refusal(path)):  # it may have been another when it was found
            raise MediaError(fault.reason, fault.message)
        try:
            with open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size > MAX_CLIP:
                    raise MediaError("too_large", f"{name} has {size} bytes; allowed: {MAX_CLIP}.")
                data = file.read(MAX_CLIP)
        except FileNotFoundError:
            raise MediaError("not_found", f"{name} does not exist any more.") from None
        except OSError as error:
            raise MediaError("unreadable", f"{name} cannot be read: {error.strerror}.") from error
        if not data:
            raise MediaError("empty", f"{name} is empty: 0 bytes. Download or copy it again.")
        return data


def _checked(place: str | os.PathLike) -> str:
    path = os.path.realpath(os.fspath(place))
    if os.path.isdir(path):
        return path
    if not os.path.isfile(path):
        raise InputError(f"There is no {os.fspath(place)}. Give a folder, or a .zip or .tar archive, with videos.")
    try:
        archive_scheme(path)
    except MediaError as error:
        raise InputError(f"{error} Give a folder, or a .zip or .tar archive, with videos.") from error
    return path


def _lies_in(path: str, folder: str) -> bool:
    """Whether a path, resolved, is below a folder; of a path itself it is not."""
    return path.startswith(folder.rstrip(os.sep) + os.sep)


def _members(archive: str) -> Iterator[tuple[str, str | Refused]]:
    """The names and addresses of an archive's videos; where it breaks off, what came before counts."""
    count = 0
    try:
        for member in list_members(archive):
            name = member.name.rpartition("/")[2]
            if _is_video(name):
                count += 1
                yield name, member if isinstance(member, Refused) else member_address(archive, member.name)
    except MediaError as error:
        if not count:
            raise InputError(str(error)) from error
        name = os.path.basename(archive)
        yield name, Refused(name, error.reason, str(error))


def _is_video(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES and not name.startswith(".")


def _is_text(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def _shown(name: str) -> str:
    return name.encode("utf-8", "replace").decode()


def _plain(name: str) -> str:
    """A name in the one form of Unicode: some systems take accents apart, and datasets are made on others."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _stem(name: str) -> str:
    stem, ending = os.path.splitext(name)
    return _plain(stem if ending.lower() in VIDEO_SUFFIXES else name)


def _name(address: str) -> str:
    member = parse_member_address(address)
    return member.member.rpartition("/")[2] if member else os.path.basename(address)


def _parts(path: str) -> list[str]:
    """Folders and name of a path as somebody wrote it, or of an address."""
    if member := parse_member_address(path):
        path = f"{os.path.splitext(member.archive)[0]}/{member.member}"
    return [_plain(part) for part in path.replace("\\", "/").split("/") if part not in ("", ".")]


def _shared(asked: list[str], found: list[str]) -> int:
    """How many folders of two paths are the same, counted from the name up."""
    count = 0
    for one, other in zip(reversed(asked[:-1]), reversed(found[:-1]), strict=False):
        if one != other:
            break
        count += 1
    return count


def _state(place: str) -> list:
    try:
        status = os.stat(place)
    except OSError:
        return [place, None, None]
    return [place, None if os.path.isdir(place) else status.st_size, status.st_mtime_ns]
