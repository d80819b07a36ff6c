"""A dataset repository on the Hub at one commit: its files, read as streams or in ranges, and what was found in them.

The login is the Hub's own (`hf auth login`, HF_TOKEN), used by huggingface_hub alone. Messages are ours: those of the
libraries carry addresses with signatures.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from asid_hf.errors import InputError, MediaError
from asid_hf.verify.hub_address import HubAddress, parse_address

LIBRARY = "asid_hf"  # the folder of ours in the Hub's cache of assets
_FORMAT = 1  # of what is remembered; another one is read anew
_BLOCK = 2**24  # bytes asked for at once where a stream broke

_trusted: set[str] = set()


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
        known = self.recall("files")
        if known is None:
            from huggingface_hub import HfApi, RepoFile

            with hub_errors(self.repo, "the list of its files"):
                tree = HfApi().list_repo_tree(self.repo, repo_type="dataset", revision=self.commit, recursive=True)
                known = {entry.path: entry.size for entry in tree if isinstance(entry, RepoFile)}
            self.note("files", known)
        return known

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
        return _Stream(self, path)

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
            descriptor, draft = tempfile.mkstemp(dir=place.parent)
            with open(descriptor, "w", encoding="utf-8") as stream:
                json.dump({"format": _FORMAT, "name": name, "value": value}, stream)
            os.replace(draft, place)
        except OSError:  # a cache that cannot be written costs the next run a look, and this one nothing
            return

    def _note(self, name: str) -> Path:
        from huggingface_hub import cached_assets_path

        folder = cached_assets_path(LIBRARY, self.repo.replace("/", "--"), self.commit)
        return folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.json"


class _Stream(io.RawIOBase):
    """A stream whose failures are told in our words; those of a file it is copied to stay what they are.

    huggingface_hub takes a broken line up once, and then takes its end for the file's: from there on it is read in
    ranges, each of which is asked for again.
    """

    def __init__(self, repo: HubRepo, path: str) -> None:
        self._repo, self._path, self._at = repo, path, 0
        self._stream = repo.open(path, block_size=0)

    def read(self, size: int = -1) -> bytes:
        from huggingface_hub.errors import HfHubHTTPError, HTTPError

        with hub_errors(self._repo.repo, self._path):
            try:
                data = self._stream.read(size)
            except HfHubHTTPError:  # an answer, not a broken line
                raise
            except HTTPError:
                data = self._resumed().read(size)
        self._at += len(data)
        return data

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


def trust(repo: str) -> None:
    """Note that the user named a dataset, so that videos may be brought from it with the user's login.

    Example:
        >>> trust("owner/example")
        >>> is_trusted("owner/example"), is_trusted("owner/other")
        (True, False)
    """
    _trusted.add(repo.lower())


def is_trusted(repo: str) -> bool:
    """Whether the user named a dataset.

    Example:
        >>> is_trusted("owner/never-named")
        False
    """
    return repo.lower() in _trusted


@contextmanager
def hub_errors(repo: str, wanted: str) -> Iterator[None]:
    """Say what the Hub refused and what to do, without the address, headers or signature of a request.

    Args:
        repo: "owner/name".
        wanted: what was asked for.

    Raises:
        MediaError: in place of an error of the Hub, of its libraries, or of the network.

    Example:
        >>> with hub_errors("owner/name", "a.mp4"):
        ...     raise FileNotFoundError
        Traceback (most recent call last):
        ...
        asid_hf.errors.MediaError: The dataset owner/name has no a.mp4. Check the path and the revision.
    """
    from huggingface_hub.errors import HfHubHTTPError, HTTPError

    try:
        yield
    except (OSError, HTTPError) as error:
        status = (
            error.response.status_code if isinstance(error, HfHubHTTPError) and error.response is not None else None
        )
        raise MediaError(*_explain(error, status, repo, wanted)) from None  # whose own text holds the request


def _explain(error: Exception, status: int | None, repo: str, wanted: str) -> tuple[str, str]:
    from huggingface_hub import constants, errors

    if isinstance(error, errors.OfflineModeIsEnabled | errors.LocalEntryNotFoundError) and constants.HF_HUB_OFFLINE:
        return "unreadable", (
            f"HF_HUB_OFFLINE is set, and {wanted} of the dataset {repo} is not here. Unset it, or run online first."
        )
    if isinstance(error, errors.GatedRepoError):
        return "unreadable", (
            f"The dataset {repo} is gated. Accept its conditions on its page, then log in with `hf auth login`."
        )
    if isinstance(error, errors.RepositoryNotFoundError) or status in (401, 403):
        return "not_found", (
            f"There is no dataset {repo} on the Hub, or it is private. Check the name; log in with `hf auth login`."
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return "not_found", f"The dataset {repo} has no such revision ({wanted}). Name a branch, a tag or a commit."
    if isinstance(error, errors.RemoteEntryNotFoundError | FileNotFoundError) and status in (None, 404):
        if isinstance(error, errors.LocalEntryNotFoundError):
            return "unreadable", f"The Hub did not answer for {wanted} of the dataset {repo}. Check the network."
        return "not_found", f"The dataset {repo} has no {wanted}. Check the path and the revision."
    said = f"status {status}" if status else type(error).__name__
    return "unreadable", f"The Hub did not give {wanted} of the dataset {repo} ({said}). Run again later."
