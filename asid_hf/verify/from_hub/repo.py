"""A dataset repository on the Hub at one commit: its files as streams or in ranges, and what was found in them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from asid_hf.errors import InputError, MediaError
from asid_hf.verify.from_hub.access import hub_errors
from asid_hf.verify.from_hub.address import HubAddress, parse_address

LIBRARY = "asid_hf"  # the folder of ours in the Hub's cache of assets
_FORMAT = 1  # of what is remembered; another one is read anew
_READ = 2**20  # bytes taken from a stream at once
_BLOCK = 2**24  # bytes asked for at once where a stream broke


@dataclass(frozen=True)
class HubRepo:
    """A dataset repository at one commit, which never changes.

    Example:
        >>> HubRepo("owner/name", "0" * 40).address("a.mp4").text[:36]
        'hf://datasets/owner/name@00000000000'
    """

    repo: str
    commit: str

    def address(self, path: str, member: str | None = None) -> HubAddress:
        """The address of a file in it, or of a member of one."""
        return HubAddress(self.repo, self.commit, path, member)

    def files(self) -> dict[str, int]:
        """All files and their sizes in bytes; asked for once a commit, then remembered.

        Raises:
            MediaError: the Hub does not tell.
        """
        return _files_of(self)

    def download(self, path: str) -> Path:
        """A whole file in the Hub's cache; for annotations, which are read again and again.

        Raises:
            MediaError: it is not there, or not to be had.
        """
        from huggingface_hub import hf_hub_download

        with hub_errors(self.repo, path):
            return Path(hf_hub_download(self.repo, path, repo_type="dataset", revision=self.commit))

    def stream(self, path: str) -> BinaryIO:
        """Open a file to be read once from its start; a line that breaks is taken up where it broke.

        Raises:
            MediaError: it is not there, or not to be had; reading the stream raises it, too.
        """
        return io.BufferedReader(_Stream(self, path), _READ)

    def read(self, path: str, start: int, end: int) -> bytes:
        """Read bytes [start, end) of a file.

        Raises:
            MediaError: it is not there, or not to be had.
        """
        with hub_errors(self.repo, path), self.open(path, cache_type="none", size=self.files()[path]) as stream:
            stream.seek(start)
            return stream.read(end - start)

    def open(self, path: str, **how: Any) -> BinaryIO:
        """Open a file as `huggingface_hub.HfFileSystem` does.

        Raises:
            MediaError: it is not there, or not to be had.
        """
        from huggingface_hub import HfFileSystem

        with hub_errors(self.repo, path):
            return HfFileSystem().open(f"datasets/{self.repo}@{self.commit}/{path}", "rb", **how)

    def recall(self, name: str) -> Any:
        """What was noted of this commit under a name; None if nothing was, or it cannot be read any more."""
        try:
            noted = json.loads(self._note(name).read_text())
        except (OSError, ValueError):
            return None
        return noted["value"] if isinstance(noted, dict) and noted.get("format") == _FORMAT else None

    def note(self, name: str, value: Any) -> None:
        """Note what was found in this commit, so that no later run asks for it again."""
        try:
            place = self._note(name)
            place.parent.mkdir(parents=True, exist_ok=True)
            descriptor, draft = tempfile.mkstemp(dir=place.parent)
            with open(descriptor, "w", encoding="utf-8") as stream:
                json.dump({"format": _FORMAT, "name": name, "value": value}, stream)
            os.replace(draft, place)
        except OSError:  # a cache that cannot be written costs the next run a look, and this one nothing
            return

    def _note(self, name: str) -> Path:
        from huggingface_hub import constants

        folder = Path(constants.HF_ASSETS_CACHE, LIBRARY, self.repo.replace("/", "--"), self.commit)
        return folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"


@cache
def _files_of(repo: HubRepo) -> dict[str, int]:
    known = repo.recall("files")
    if known is None:
        from huggingface_hub import HfApi, RepoFile

        with hub_errors(repo.repo, "the list of its files"):
            tree = HfApi().list_repo_tree(repo.repo, repo_type="dataset", revision=repo.commit, recursive=True)
            known = {entry.path: entry.size for entry in tree if isinstance(entry, RepoFile)}
        repo.note("files", known)
    return known


class _Stream(io.RawIOBase):
    """A stream whose failures are told in our words; those of a file it is copied to stay what they are.

    huggingface_hub takes a broken line up once, and then takes its end for the file's: from there on it is read in
    ranges, each of which is asked for again.
    """

    def __init__(self, repo: HubRepo, path: str) -> None:
        self._repo, self._path, self._at = repo, path, 0
        self._stream = repo.open(path, block_size=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        from huggingface_hub.errors import HfHubHTTPError, HTTPError

        with hub_errors(self._repo.repo, self._path):
            try:
                data = self._stream.read(len(buffer))
            except HfHubHTTPError:  # an answer, not a broken line
                raise
            except HTTPError:
                data = self._resumed().read(len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _resumed(self) -> BinaryIO:
        whole = self._repo.files()[self._path]
        self._stream = self._repo.open(self._path, block_size=_BLOCK, cache_type="readahead", size=whole)
        self._stream.seek(self._at)
        return self._stream

    def close(self) -> None:
        self._stream.close()
        super().close()


@cache
def open_repo(repo: str, revision: str | None = None) -> HubRepo:
    """Find the commit that a revision stands for now; once a process, so that a run sees one state.

    Args:
        repo: "owner/name" of a dataset.
        revision: branch, tag or commit; default: the main branch.

    Raises:
        MediaError: there is no such dataset or revision, or no access to it.

    Example:
        >>> open_repo("owner/name", "0" * 40).commit == "0" * 40
        True
    """
    if not HubAddress(repo, revision).is_pinned:
        from huggingface_hub import HfApi

        named = f"the commit of {revision or 'its main branch'} (an address pinned by @<commit> needs none)"
        with hub_errors(repo, named):
            revision = HfApi().dataset_info(repo, revision=revision).sha
    return HubRepo(repo, revision)


def repo_of(address: HubAddress | str) -> HubRepo:
    """The repository that an address leads to.

    Raises:
        MediaError: it is no address, or there is no such repository.

    Example:
        >>> repo_of("hf://datasets/owner/name@" + "0" * 40 + "/a.mp4").repo
        'owner/name'
    """
    try:
        address = parse_address(address) if isinstance(address, str) else address
    except InputError as error:
        raise MediaError("unsupported_source", str(error)) from error
    return open_repo(address.repo, address.revision)
