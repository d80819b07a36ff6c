"""What may be opened as a clip, how it is opened, and which error says that it cannot be.

A clip is one regular file (or its bytes, or a member of an archive here) that holds its own media. Playlists, picture
patterns and every protocol but plain files (and http, https where allowed) are refused before FFmpeg could follow them
to other files or hosts.
"""

from __future__ import annotations

import io
import os
import re
import stat
from dataclasses import dataclass
from typing import Any

import av

try:
    from asid_hf.errors import MediaError
    from asid_hf.media_archive import member_behind, read_member
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .errors import MediaError
    from .media_archive import member_behind, read_member

MAX_PICTURE = 8192 * 4320  # pixels; a larger picture is a decompression bomb

FORMATS = (
    "mov,mp4,matroska,webm,avi,mpeg,mpegts,mpegvideo,m4v,h264,hevc,vvc,av1,obu,ivf,flv,asf,ogg,rm,mxf,nut,dv,wtv,gif,"
    "yuv4mpegpipe,mjpeg,vc1,wav,w64,mp3,aac,flac,aiff,au,amr,ac3,eac3,dts,truehd,caf,ape,wv,tta,voc"
)
"""Containers that hold their own media. Not hls, concat, dash, image2, sdp: they open other files."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]+)(,[^:/]*)?:")
_MEDIA_HEAD = re.compile(
    rb".{4}(ftyp|moov|mdat|wide|free|skip)|\x1aE\xdf\xa3|RIFF|OggS|FLV\x01|\x00\x00\x01[\xb3\xba]|fLaC|ID3", re.DOTALL
)


@dataclass(frozen=True)
class Source:
    """A checked source: what FFmpeg opens, the name the user knows it by, its size in bytes (0 where unknown).

    Example:
        >>> Source("https://example.org/a.mp4", "a.mp4", 0).remote
        True
    """

    target: str | io.BytesIO
    name: str
    size: int

    @property
    def remote(self) -> bool:
        """Whether it comes over the network."""
        return isinstance(self.target, str) and not self.target.startswith("file:")

    @property
    def head(self) -> bytes:
        """The first 16 bytes; none of a remote source."""
        if isinstance(self.target, io.BytesIO):
            return bytes(self.target.getbuffer()[:16])
        if self.remote:
            return b""
        with open(self.target.removeprefix("file:"), "rb") as stream:
            return stream.read(16)


def source_name(source: Any) -> str:
    """What messages call a source: its path as given, where it has one.

    Example:
        >>> source_name({"path": None, "bytes": b"..."})
        'the bytes given'
    """
    path = source.get("path") if isinstance(source, dict) else source
    return os.fsdecode(path) if isinstance(path, str | os.PathLike) else "the bytes given"


def check_source(source: Any, allow_remote: bool = False) -> Source:
    """Check a clip's source without opening it; a member of an archive is read, for its bytes are the clip.

    Args:
        source: a path, the bytes of a file, the address of an archive's member ("zip://clips/a.mp4::/data/videos.zip",
            see `media_archive`), or a `datasets` Video value ({"path": ..., "bytes": ...}).
        allow_remote: accept http and https addresses.

    Raises:
        MediaError: there is nothing that may be opened; `reason` says why.

    Example:
        >>> check_source("concat:a.ts|b.ts")
        Traceback (most recent call last):
        ...
        asid_hf.errors.MediaError: concat:a.ts|b.ts: "concat" sources are not read. Give a local path or ...
    """
    name = source_name(source)
    if isinstance(source, dict) and source.keys() & {"bytes", "path"}:
        source = source.get("path") if source.get("bytes") is None else source["bytes"]
    if isinstance(source, bytes | bytearray | memoryview):
        if len(source) == 0:
            raise MediaError("empty", f"{name}: 0 bytes. Give a whole media file.")
        return Source(io.BytesIO(source), name, len(source))
    if not isinstance(source, str | os.PathLike):
        kind = type(source).__name__
        raise MediaError("unsupported_source", f"{kind} is no clip. Give a path, a file's bytes or a Video value.")
    if member := member_behind(source):
        data = read_member(member)
        return Source(io.BytesIO(data), member.name, len(data))
    if isinstance(source, str) and not os.path.lexists(name) and (scheme := _SCHEME.match(name)):
        _check_address(name, scheme[1].lower(), allow_remote)
        return Source(name, name, 0)
    # The prefix makes FFmpeg read any name as a name: not as a protocol, an option or a pattern.
    return Source("file:" + os.path.abspath(name), name, _check_file(name))


def _check_address(name: str, scheme: str, allow_remote: bool) -> None:
    if scheme not in ("http", "https"):
        hint = "Give a local path or the file's bytes."
        raise MediaError("unsupported_source", f'{name}: "{scheme}" sources are not read. {hint}')
    if not allow_remote:
        raise MediaError("remote_not_allowed", f"{name} is remote. Download it, or pass allow_remote=True.")


def _check_file(name: str) -> int:
    """Return the size in bytes."""
    try:
        status = os.stat(name)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a zero byte in the name
        raise MediaError("not_found", f"{name} does not exist. Check the path.") from None
    except OSError as error:
        raise MediaError("unreadable", f"{name} cannot be read: {error.strerror}.") from None
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise MediaError("not_a_file", f"{name} is {kind}. Give the path of a media file.")
    if not os.access(name, os.R_OK):
        raise MediaError("unreadable", f"{name} cannot be read: no permission. Change its permissions.")
    if status.st_size == 0:
        raise MediaError("empty", f"{name} is empty: 0 bytes. Download or copy it again.")
    return status.st_size


def open_container(source: Source, timeout: float) -> Any:
    """Open a checked source with PyAV, closed against everything but itself; the only place that opens one.

    Args:
        source: from `check_source`.
        timeout: seconds one read may block.

    Raises:
        MediaError: it is no media file, is damaged, or its host does not answer.

    Example:
        >>> open_container(check_source(b"plain text"), timeout=1)
        Traceback (most recent call last):
        ...
        asid_hf.errors.MediaError: the bytes given: no video or sound file that can be read. Give mp4, mkv, webm, ...
    """
    if isinstance(source.target, io.BytesIO):
        source.target.seek(0)
    try:
        return av.open(
            source.target,
            options={"max_pixels": str(MAX_PICTURE)},  # for the decoders that look into the first packets
            container_options={
                "format_whitelist": FORMATS,
                "protocol_whitelist": "http,https,tls,tcp" if source.remote else "file",
            },
            timeout=timeout,
            metadata_errors="replace",
        )
    except av.FFmpegError as error:
        raise explain(error, source) from error


def explain(error: av.FFmpegError, source: Source) -> MediaError:
    """Say which of our reasons an error of FFmpeg is, from its kind and from how the file begins.

    Example:
        >>> explain(av.error.ExitError(0, ""), check_source(b"...")).reason
        'stalled'
    """
    name, said = source.name, error.strerror
    if isinstance(error, av.error.ExitError | TimeoutError):
        return MediaError("stalled", f"{name}: the source stopped answering. Check the disk or the network.")
    if isinstance(error, FileNotFoundError | av.error.HTTPNotFoundError):
        return MediaError("not_found", f"{name} does not exist. Check the address.")
    lost = source.remote and isinstance(error, OSError | av.error.HTTPError | av.error.HTTPClientError)
    if lost or isinstance(error, PermissionError):
        return MediaError("unreadable", f"{name} cannot be read: {said}. Check the disk or the network.")
    if _MEDIA_HEAD.match(source.head):
        return MediaError("damaged", f"{name} is cut off or damaged: {said}. Download or copy it again.")
    return MediaError("not_media", f"{name}: no video or sound file that can be read. Give mp4, mkv, webm, ...")
