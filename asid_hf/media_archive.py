"""Videos inside plain tar and zip archives on this machine, read in place: listed, and one at a time as bytes.

A member is addressed as fsspec and `datasets` do: "zip://clips/a.mp4::/data/videos.zip". An archive is somebody's file:
nothing of it is unpacked by name, and links, devices, sparse and encrypted members, names that lead elsewhere, bombs
and members that share bytes are refused, each with its reason. Of members of one name the last counts, as for tar.

What an archive holds is read once and remembered by its path, size and time; each read opens the file anew, so that
threads and forked processes share no position in it.
"""

from __future__ import annotations

import io
import os
import posixpath
import re
import stat
import struct
import tarfile
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

try:
    from asid_hf.errors import MediaError
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .errors import MediaError

VIDEO_SUFFIXES = frozenset(".mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .ts .mts .m2ts .flv .wmv .3gp .ogv .mxf".split())
MAX_CLIP = 2 * 2**30  # bytes of one video; ten minutes of 4K are some 3 GB, the longest of the pool some 100 MB
MAX_MEMBERS = 1_000_000  # of one archive
MAX_RATIO = 200  # unpacked bytes a packed one, of a zip's member of more than `_SMALL`; films shrink by some percent
TAR_FAULTS = (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError)
"""What `tarfile` raises on damaged and hostile archives."""

_SMALL = 16 * 2**20
_HEADER = 2**20  # bytes; tarfile reads a header's extension at once, however large it says that it is
_KEPT = 500_000  # members remembered of all archives together; some 300 bytes each
_COMPRESSED = re.compile(r"\.(tgz|tbz2?|txz|tzst|tar\.\w+)$", re.IGNORECASE)
_COMPRESSED_HEAD = re.compile(rb"\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd")
_UNPACK = "It cannot be read in place. Unpack it, or pack it again as plain .tar or .zip."
_ADDRESS = re.compile(r"(zip|tar)://((?:(?!::).)+)::(?![A-Za-z][\w+.\-]*://)(.+)", re.DOTALL)
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x1 | 0x40 | 0x2000


class Member(NamedTuple):
    """A file in an archive: its name there and its size in bytes."""

    name: str
    size: int


class Refused(NamedTuple):
    """A member that is not read: its name, which of `MediaError.REASONS`, and a message."""

    name: str
    reason: str
    message: str


class MemberAddress(NamedTuple):
    """Where a member lies: how its archive is read ("zip" or "tar"), its name there, the archive's path.

    Example:
        >>> MemberAddress("zip", "clips/a.mp4", "/data/videos.zip").name
        'a.mp4 in videos.zip'
    """

    scheme: str
    member: str
    archive: str

    @property
    def text(self) -> str:
        """The address as it is written into rows."""
        name = re.sub(r"(?<=:):|:\Z", "%3A", re.sub(r"%(?=3A|25)", "%25", self.member))
        return f"{self.scheme}://{name}::{self.archive}"

    @property
    def name(self) -> str:
        """What messages call it: no folder, for rows are published and machines are not."""
        return f"{_last(self.member)} in {_last(self.archive)}"


def member_address(archive: str | os.PathLike, member: str) -> str:
    """Write the address of a member.

    A "::" in its name, which would end it, is written ":%3A"; everything else stands as it is.

    Args:
        archive: the archive's path.
        member: the name in it, as `list_members` gives it.

    Raises:
        MediaError: the path has the ending of no archive that is read.

    Example:
        >>> member_address("/data/videos.tar", "clips/a.mp4"), member_address("v.zip", "ab::c.mp4")
        ('tar://clips/a.mp4::/data/videos.tar', 'zip://ab:%3Ac.mp4::v.zip')
    """
    return MemberAddress(archive_scheme(archive), member, os.fspath(archive)).text


def parse_member_address(text: object) -> MemberAddress | None:
    """Read the address of a member of an archive on this machine; None where it is none.

    Example:
        >>> parse_member_address("zip://ab:%3Ac.mp4::v.zip")
        MemberAddress(scheme='zip', member='ab::c.mp4', archive='v.zip')
        >>> parse_member_address("clips/a.mp4"), parse_member_address("zip://a.mp4::https://example.org/v.zip")
        (None, None)
    """
    match = _ADDRESS.fullmatch(text) if isinstance(text, str) else None
    if match is None or "\0" in text:
        return None
    name = re.sub(r"%(3A|25)", lambda code: ":" if code[1] == "3A" else "%", match[2])
    return MemberAddress(match[1], name, match[3])


def member_behind(path: object) -> MemberAddress | None:
    """The member that a clip's path stands for; None where it is another address, or the name of a file here.

    Example:
        >>> member_behind("tar://a.mp4::v.tar").member, member_behind("a.mp4")
        ('a.mp4', None)
    """
    found = parse_member_address(path)
    return None if found is None or os.path.lexists(path) else found


def archive_scheme(archive: str | os.PathLike) -> str:
    """How an archive is read, by the ending of its name: "zip" or "tar".

    Raises:
        MediaError: it is read in neither way.

    Example:
        >>> archive_scheme("videos.tar.gz")
        Traceback (most recent call last):
        ...
        asid_hf.errors.MediaError: videos.tar.gz is a compressed tar. It cannot be read in place. Unpack it, or ...
    """
    name = _last(os.fspath(archive))
    ending = posixpath.splitext(name)[1].lower()
    if ending in (".zip", ".tar"):
        return ending[1:]
    if _COMPRESSED.search(name):
        raise MediaError("unsupported_source", f"{name} is a compressed tar. {_UNPACK}")
    raise MediaError("unsupported_source", f"{name} is no archive that is read. Allowed: .zip, .tar.")


def list_members(archive: str | os.PathLike) -> Iterator[Member | Refused]:
    """List an archive: the files that may be read, in its order, then those that are refused. Folders are neither.

    Args:
        archive: path of a .zip or plain .tar.

    Raises:
        MediaError: it is not there, is no archive, or is damaged; in a tar, after the members before the damage.

    Example:
        >>> import tempfile, zipfile
        >>> path = tempfile.mkdtemp() + "/videos.zip"
        >>> with zipfile.ZipFile(path, "w") as file:
        ...     file.writestr("clips/a.mp4", b"film")
        ...     file.writestr("../b.mp4", b"film")
        >>> [member.name for member in list_members(path)]
        ['clips/a.mp4', '../b.mp4']
        >>> list(list_members(path))[1].reason
        'unsupported_source'
    """
    scheme, path = archive_scheme(archive), os.fspath(archive)
    with _opened(path) as file:
        index = _index_of(scheme, path, file)
    yield from (Member(name, entry.size) for name, entry in index.entries.items())
    yield from index.refused
    if index.fault:
        raise MediaError(*index.fault)


def read_member(address: str | MemberAddress) -> bytes:
    """Read one member of an archive.

    Args:
        address: from `member_address`; the name may lack or have the "./" that some archives lead theirs with.

    Raises:
        MediaError: it is not there, is refused, or the archive is damaged or changed while it was read.

    Example:
        >>> import tempfile, zipfile
        >>> path = tempfile.mkdtemp() + "/videos.zip"
        >>> with zipfile.ZipFile(path, "w") as file:
        ...     file.writestr("a.mp4", b"film")
        >>> read_member(member_address(path, "a.mp4"))
        b'film'
    """
    found = parse_member_address(address) if isinstance(address, str) else address
    if found is None:
        raise MediaError("unsupported_source", f"{address} is no address of a member: zip://<member>::<archive>.")
    with _opened(found.archive) as file:
        before = _identity(file)
        entry = _index_of(found.scheme, found.archive, file).find(found)
        try:
            data = _zip_bytes(file, entry) if found.scheme == "zip" else _tar_bytes(file, entry)
        except (_Damage, struct.error, zlib.error) as error:
            raise MediaError("damaged", f"{found.name} is cut off or damaged: {error}.") from error
        if _identity(file) != before:
            raise MediaError("damaged", f"{_last(found.archive)} changed while {found.name} was read. Try again.")
    return data


def clip_identity(path: str) -> str:
    """What changes when a clip does: size and time of its file; of a member those of its archive, and the name there.

    Raises:
        OSError, ValueError: as `os.stat`.

    Example:
        >>> clip_identity("tar://a.mp4::no-such.tar")
        Traceback (most recent call last):
        ...
        FileNotFoundError: ...
    """
    member = member_behind(path)
    status = os.stat(member.archive if member else path)
    return f"{status.st_size}:{status.st_mtime_ns}" + (f":{member.member}" if member else "")


def refusal(member: tarfile.TarInfo) -> tuple[str, str] | None:
    """Why a tar's member is not read, as reason and message; None where it is.

    Example:
        >>> link = tarfile.TarInfo("a.mp4")
        >>> link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        >>> refusal(link)
        ('unsupported_source', 'a.mp4 is a link in its archive. Links are not followed.')
    """
    if member.islnk() or member.issym():
        return "unsupported_source", f"{_last(member.name)} is a link in its archive. Links are not followed."
    if not member.isreg() or member.issparse():
        return "unsupported_source", f"{_last(member.name)} is no plain file in its archive."
    return _refusal(member.name, member.size)


def stays_inside(path: str) -> bool:
    """Whether a path that somebody else wrote leads nowhere but below where it starts.

    Example:
        >>> stays_inside("a/b.mp4"), stays_inside("../b.mp4"), stays_inside("/etc/passwd"), stays_inside("C:\\\\b.mp4")
        (True, False, False, False)
    """
    parts = PurePosixPath(path).parts
    return not (path.startswith("/") or ".." in parts or "\\" in path or "\0" in path or re.match(r"[A-Za-z]:", path))


def _refusal(member: str, size: int) -> tuple[str, str] | None:
    name = _last(member)
    if not stays_inside(member):
        return "unsupported_source", f"The name of {name} leads out of its archive, or has a backslash."
    if size > MAX_CLIP:
        return "too_large", f"{name} has {size} bytes; allowed: {MAX_CLIP}."
    if size <= 0:
        return "empty", f"{name} is empty: 0 bytes."
    return None


def _last(path: str) -> str:
    return posixpath.basename(path.replace(os.sep, "/").rstrip("/")) or path


class _Damage(Exception):
    """Of one member, or of what lists them."""


class _Entry(NamedTuple):
    """Where a member's bytes lie: in a tar at `offset`, in a zip behind the header there, and before `limit`."""

    offset: int
    size: int
    packed: int = 0
    method: int = _STORED
    crc: int = 0
    limit: int = 0


@dataclass
class _Index:
    """What an archive holds, as far as it could be read; `fault`: the reason and message of what stopped that."""

    entries: dict[str, _Entry] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    fault: tuple[str, str] | None = None

    def __len__(self) -> int:
        return len(self.entries) + len(self.refused)

    def put(self, name: str, entry: _Entry, fault: tuple[str, str] | None) -> None:
        if self.entries.pop(name, None):
            self.refused.append(Refused(name, "unsupported_source", f"{_last(name)} comes again: the last counts."))
        if fault:
            self.refused.append(Refused(name, *fault))
        else:
            self.entries[name] = entry

    def find(self, address: MemberAddress) -> _Entry:
        names = dict.fromkeys((address.member, f"./{address.member}", address.member.removeprefix("./")))
        for name in names:
            if name in self.entries:
                return self.entries[name]
        for refused in reversed(self.refused):
            if refused.name in names:
                raise MediaError(refused.reason, refused.message)
        if self.fault:
            raise MediaError(*self.fault)
        raise MediaError("not_found", f"{_last(address.archive)} holds no {_last(address.member)}. Check the address.")


@contextmanager
def _opened(archive: str) -> Iterator[io.FileIO]:
    name = _last(archive)
    try:
        if not stat.S_ISREG(os.stat(archive).st_mode):  # a pipe would be waited for
            raise MediaError("not_a_file", f"{name} is no regular file. Give the path of an archive.")
        file = open(archive, "rb", buffering=0)  # what is read ahead of a header is not needed
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: what no name can hold
        raise MediaError("not_found", f"{name} does not exist. Check the path.") from None
    except OSError as error:
        raise MediaError("unreadable", f"{name} cannot be read: {error.strerror}.") from None
    with file:
        try:
            yield file
        except OSError as error:
            raise MediaError("unreadable", f"{name} cannot be read: {error.strerror}.") from error


def _read(file: io.FileIO, begin: int, size: int) -> bytes:
    file.seek(begin)
    data = file.read(size)
    while len(data) < size and (more := file.read(size - len(data))):  # the system reads no 2 GiB at once
        data += more
    return data


def _identity(file: io.FileIO) -> tuple[int, int, int]:
    status = os.fstat(file.fileno())
    return status.st_ino, status.st_size, status.st_mtime_ns


_indexes: OrderedDict[tuple, _Index] = OrderedDict()
_turns: dict[tuple, threading.Lock] = {}
_lock = threading.Lock()


def _after_fork() -> None:
    """What a forked process inherits may be held by a thread that it did not."""
    global _lock
    _lock = threading.Lock()
    _turns.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _index_of(scheme: str, path: str, file: io.FileIO) -> _Index:
    key = (scheme, os.path.abspath(path), *_identity(file))
    with _lock:
        turn = _turns.setdefault(key, threading.Lock())
    with turn:  # the threads that come meanwhile wait, and do not read the same headers
        with _lock:
            if key in _indexes:
                _indexes.move_to_end(key)
                return _indexes[key]
        index = _read_index(scheme, _last(path), file)
        with _lock:
            _indexes[key] = index
            while len(_indexes) > 1 and sum(map(len, _indexes.values())) > _KEPT:
                _turns.pop(_indexes.popitem(last=False)[0], None)
    return index


def _read_index(scheme: str, name: str, file: io.FileIO) -> _Index:
    index = _Index()
    try:
        if _COMPRESSED_HEAD.match(_read(file, 0, 6)):
            raise MediaError("unsupported_source", f"{name} is compressed as a whole. {_UNPACK}")
        (_index_zip if scheme == "zip" else _index_tar)(index, file, os.fstat(file.fileno()).st_size)
    except MediaError as error:
        return _Index(fault=(error.reason, str(error)))  # nothing of it is read
    except (_Damage, struct.error, *TAR_FAULTS) as error:
        index.fault = "damaged", f"The archive {name} is cut off or damaged ({str(error) or type(error).__name__})."
    return index


def _check_count(count: int) -> None:
    if count > MAX_MEMBERS:
        raise MediaError("too_large", f"The archive holds more than {MAX_MEMBERS} members.")


class _Headers(io.RawIOBase):
    """An archive as tarfile takes it: read a little at a time, and only forward, so that no header leads in circles."""

    def __init__(self, file: io.FileIO) -> None:
        self._file, self.last = file, b""  # `last`: tarfile takes a broken header for the end of the archive

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _HEADER:
            raise _Damage(f"a header of {size} bytes")
        self.last = self._file.read(size)
        return self.last

    def seek(self, position: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or position < self._file.tell():
            raise _Damage("headers that lead backwards")
        return self._file.seek(position)

    def tell(self) -> int:
        return self._file.tell()


def _index_tar(index: _Index, file: io.FileIO, size: int) -> None:
    file.seek(0)
    headers = _Headers(file)
    with tarfile.open(fileobj=headers, mode="r:", encoding="utf-8", errors="surrogateescape") as tar:
        count = 0
        while (member := tar.next()) is not None:
            tar.members.clear()  # which tarfile would keep, a kilobyte each
            count += 1
            _check_count(count)
            if member.isdir():
                continue
            fault = refusal(member)
            if not fault and member.offset_data + member.size > size:
                fault = "damaged", f"{_last(member.name)} is cut off, as is its archive."
            index.put(member.name, _Entry(member.offset_data, member.size), fault)
    if headers.last.strip(b"\0"):
        raise _Damage("a broken header")


def _tar_bytes(file: io.FileIO, entry: _Entry) -> bytes:
    data = _read(file, entry.offset, entry.size)
    if len(data) != entry.size:
        raise _Damage(f"{len(data)} of {entry.size} bytes")
    return data


_END, _END64, _LOCATOR64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_CENTRAL, _LOCAL = struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s5H3L2H")


class _Record(NamedTuple):
    """A line of a zip's directory; `head`: bytes of the header before the member's, as far as the directory tells."""

    name: str
    offset: int
    size: int
    packed: int
    method: int
    crc: int
    flags: int
    mode: int
    head: int


def _index_zip(index: _Index, file: io.FileIO, size: int) -> None:
    directory, start, shift = _directory(file, size)
    records = []
    for record in _records(directory, shift):
        records.append(record)
        _check_count(len(records))
    order = sorted(range(len(records)), key=lambda place: records[place].offset)
    limits = dict(zip(order, [*(records[place].offset for place in order[1:]), start], strict=False))
    shared = _sharing(records, order)
    for place, record in enumerate(records):
        if record.name.endswith("/"):
            continue
        limit = limits[place]
        fault = _zip_refusal(record)
        if not fault and (place in shared or not 0 <= record.offset <= limit - record.head - record.packed):
            fault = "damaged", f"{_last(record.name)} shares its bytes with other members: a bomb, or damage."
        entry = _Entry(record.offset, record.size, record.packed, record.method, record.crc, limit)
        index.put(record.name, entry, fault)


def _directory(file: io.FileIO, size: int) -> tuple[bytes, int, int]:
    """A zip's directory, where it begins, and how far its offsets are off, as in a program that unpacks itself."""
    tail_at = max(0, size - _END.size - 0xFFFF)
    tail = _read(file, tail_at, size - tail_at)
    at = len(tail) - _END.size if tail[-_END.size :].startswith(b"PK\5\6") and tail.endswith(b"\0\0") else -1
    at = at if at >= 0 else tail.rfind(b"PK\5\6")
    if at < 0:
        raise _Damage("no directory at its end")
    *_, length, offset, _ = _END.unpack_from(tail, at)
    end = tail_at + at
    before = max(0, end - _END64.size - _LOCATOR64.size)
    extended = _read(file, before, _END64.size + _LOCATOR64.size)
    if extended[:4] == b"PK\6\6" and extended[_END64.size :][:4] == b"PK\6\7":
        *_, length, offset = _END64.unpack_from(extended)
        end = before
    if length > end:
        raise _Damage("a directory that is larger than it")
    if length > MAX_MEMBERS * 256:  # about what so many names take
        raise MediaError("too_large", f"The archive's directory has {length} bytes. It was not read.")
    return _read(file, end - length, length), end - length, end - length - offset


def _records(directory: bytes, shift: int) -> Iterator[_Record]:
    at = 0
    while at < len(directory):
        line = _CENTRAL.unpack_from(directory, at)
        mark, _, _, flags, method, _, _, crc, packed, size, named, extended, remarked, _, _, attributes, offset = line
        if mark != b"PK\1\2":
            raise _Damage("a broken directory")
        name_end = at + _CENTRAL.size + named
        raw, extra = directory[at + _CENTRAL.size : name_end], directory[name_end : name_end + extended]
        at = name_end + extended + remarked
        if at > len(directory):
            raise _Damage("a directory that is cut off")
        name, size, packed, offset = _extended(raw, flags, extra, size, packed, offset)
        yield _Record(name, offset + shift, size, packed, method, crc, flags, attributes >> 16, _LOCAL.size + len(raw))


def _extended(raw: bytes, flags: int, extra: bytes, *numbers: int) -> tuple:
    """A member's name, size, packed size and offset, with what lies in the extra fields where they lead there."""
    name = raw.decode("utf-8", "surrogateescape") if flags & 0x800 else raw.decode("cp437")
    values, at = list(numbers), 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        content = extra[at + 4 : at + 4 + length]
        if kind == 0x0001:  # zip64
            wide = [place for place, value in enumerate(values) if value == 0xFFFFFFFF]
            for place, value in zip(wide, struct.unpack_from(f"<{len(wide)}Q", content), strict=True):
                values[place] = value
        elif kind == 0x7075 and content[1:5] == zlib.crc32(raw).to_bytes(4, "little"):  # the name that `zip` means
            name = content[5:].decode("utf-8", "surrogateescape")
        at += 4 + length
    return (name, *values)


def _sharing(records: list[_Record], order: list[int]) -> set[int]:
    """Places of records whose bytes overlap others': a few bytes stand for terabytes in such archives."""
    sharing: set[int] = set()
    reach, holder = 0, -1
    for place in order:
        record = records[place]
        if record.offset < reach:
            sharing |= {place, holder}
        end = record.offset + record.head + record.packed
        if end > reach:
            reach, holder = end, place
    return sharing


def _zip_refusal(record: _Record) -> tuple[str, str] | None:
    name, kind = _last(record.name), stat.S_IFMT(record.mode)
    if kind == stat.S_IFLNK:
        return "unsupported_source", f"{name} is a link in its archive. Links are not followed."
    if kind not in (0, stat.S_IFREG):
        return "unsupported_source", f"{name} is no plain file in its archive."
    if record.flags & _ENCRYPTED:
        return "unsupported_source", f"{name} is encrypted in its archive. Pack it again without a password."
    if record.method not in (_STORED, _DEFLATED):
        return "unsupported_source", f"{name} is compressed by method {record.method}. Pack it again, stored."
    if fault := _refusal(record.name, record.size):
        return fault
    if record.size > max(_SMALL, MAX_RATIO * record.packed):
        return "too_large", f"{name} unpacks to more than {MAX_RATIO} times its size. It was not read."
    if record.method == _STORED and record.size != record.packed:
        return "damaged", f"{name} has two sizes in its archive: {record.size} and {record.packed} bytes."
    return None


def _zip_bytes(file: io.FileIO, entry: _Entry) -> bytes:
    mark, *_, name_length, extra_length = _LOCAL.unpack(_read(file, entry.offset, _LOCAL.size))
    begin = entry.offset + _LOCAL.size + name_length + extra_length
    if mark != b"PK\3\4" or begin + entry.packed > entry.limit:
        raise _Damage("its header and the directory differ")
    data = _read(file, begin, entry.packed) if entry.method == _STORED else _inflated(file, begin, entry)
    if len(data) != entry.size:
        raise _Damage(f"{len(data)} of {entry.size} bytes")
    if zlib.crc32(data) != entry.crc:
        raise _Damage("its checksum is another")
    return data


def _inflated(file: io.FileIO, begin: int, entry: _Entry) -> bytes:
    file.seek(begin)
    unpacker, parts = zlib.decompressobj(-zlib.MAX_WBITS), []
    packed, left = entry.packed, entry.size
    while packed and (chunk := file.read(min(_HEADER, packed))):
        packed -= len(chunk)
        part = unpacker.decompress(chunk, left + 1)
        left -= len(part)
        if left < 0:
            raise _Damage(f"more than {entry.size} bytes")
        parts.append(part)
    return b"".join(parts)
