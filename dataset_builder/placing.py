"""Where a release finds its videos: as paths seen from it, or copied into it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

from asid_hf.dataset_builder.derive import group_of_source

from asid_hf.errors import InputError, MediaError
from asid_hf.media_archive import member_address, parse_member_address, read_member

_PLAIN = re.compile(r"[a-z0-9_][a-z0-9_.\-]{0,99}")  # others may differ by case alone, or lead elsewhere
_ODD = re.compile(r"[^\w.\-]")


class VideoPlacing:
    """Gives verified rows the paths that their videos have in a release.

    Args:
        draft: folder that the release is written in.
        output: folder that it will be.
        root: folder that videos may be copied from; None: that of each row's dataset.
        copy: put the videos into the release.

    Attributes:
        missing: videos that were to be copied and are not there, or lie elsewhere on the Hub.

    Example:
        >>> VideoPlacing(Path("draft"), Path("release"), None, False).missing
        0
    """

    def __init__(self, draft: Path, output: Path, root: str | Path | None, copy: bool) -> None:
        self.draft, self.output, self.root, self.copy = draft, output, root, copy
        self.missing = 0

    def placed(self, row: dict, given: str, group: str | None) -> dict:
        """A verified row whose video is where the release has it.

        Args:
            row: with its path seen from its own dataset, or its video's bytes.
            given: folder of that dataset.
            group: of all rows, where one was named.

        Raises:
            InputError: it is to be copied and lies outside the folders that its user named.
        """
        video = row["video"]
        if not video or row["status"] != "kept":
            return row
        path = video["path"] or f"{row['video_id']}.mp4"
        if self.copy:
            place = f"videos/{group or group_of_source(row['source'])}/{_file_name(row['video_id'], path)}"
            if self._copied(video, Path(given), place):
                return {**row, "video": {"path": place, "bytes": None}}
            self.missing += 1
        return {**row, "video": {**video, "path": self._seen(path, Path(given), video["bytes"] is not None)}}

    def _seen(self, path: str, given: Path, is_name: bool) -> str:
        """A path seen from the release; addresses, and the names of videos that are stored in their rows, stay."""
        if member := parse_member_address(path):
            return member_address(self._seen(member.archive, given, False), member.member)
        if is_name or "://" in path or os.path.isabs(path) or not given.is_dir():
            return path
        return Path(os.path.relpath(given / path, self.output)).as_posix()

    def _copied(self, video: dict, given: Path, place: str) -> bool:
        target = self.draft / place
        target.parent.mkdir(parents=True, exist_ok=True)
        if video["bytes"] is not None:
            target.write_bytes(video["bytes"])
            return True
        member = parse_member_address(video["path"])
        if "://" in video["path"] and not member:
            return False
        source = self._inside(given, member.archive if member else video["path"])
        try:
            if member:
                target.write_bytes(read_member(member_address(source, member.member)))
            else:
                shutil.copyfile(source, target)
        except (FileNotFoundError, IsADirectoryError, MediaError):
            return False
        return True

    def _inside(self, given: Path, path: str) -> Path:
        """A dataset is somebody's file: what is copied, and may be published, lies where its user lets it."""
        root, source = Path(self.root or given).resolve(), (given / path).resolve()
        if not source.is_relative_to(root):
            raise InputError(
                f"{given} names the video {path}, which lies outside {root}. If you trust it, name the folder that "
                "holds the videos with --video-root."
            )
        return source


def _file_name(video_id: str, path: str) -> str:
    """A file name that no other video of the release has, on any file system, and that names no folder."""
    member = parse_member_address(path)
    ending = Path(member.member if member else path).suffix[:10]
    if _PLAIN.fullmatch(video_id):
        return video_id + ending
    digest = hashlib.blake2b(video_id.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return f"{_ODD.sub('_', video_id)[:80].lstrip('.')}-{digest}{ending}"
