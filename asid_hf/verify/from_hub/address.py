"""Addresses of videos on the Hub: hf://datasets/<owner>/<name>@<commit>/<file>, and #<member> inside a file."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from asid_hf.errors import InputError
from asid_hf.media_archive import stays_inside

SCHEME = "hf://"
_FORM = re.compile(
    r"hf://datasets/(?P<repo>[\w\-][\w.\-]*/[\w\-][\w.\-]*)"
    r"(?:@(?P<revision>refs/(?:pr/\d+|convert/[^/?#]+)|[^/?#]+))?"
    r"(?:/(?P<path>[^?#]*))?(?:\?(?P<query>[^#]*))?(?:#(?P<member>.*))?",
    re.DOTALL,
)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubAddress:
    """A place in a dataset repository on the Hub.

    Attributes:
        repo: "owner/name".
        revision: branch, tag or commit; None for the main branch.
        path: a file, a folder or a pattern in the repository; "" for all of it.
        member: a file inside the archive at `path`, or "<column>/<row>" of the parquet file there; None for all of it.
        query: what the user asks of the dataset ("config=..."), never part of a stored address.

    Example:
        >>> HubAddress("owner/name", "main", "clips.tar", "a b.mp4").text
        'hf://datasets/owner/name@main/clips.tar#a%20b.mp4'
    """

    repo: str
    revision: str | None = None
    path: str = ""
    member: str | None = None
    query: str = ""

    @property
    def text(self) -> str:
        """The address as it is written into rows."""
        revision = f"@{quote(self.revision, safe='')}" if self.revision else ""
        path = f"/{quote(self.path)}" if self.path else ""
        member = f"#{quote(self.member)}" if self.member is not None else ""
        return f"{SCHEME}datasets/{self.repo}{revision}{path}{member}"

    @property
    def name(self) -> str:
        """What messages call it: the name of the file it leads to, or the row and its file."""
        if self.member is None:
            return posixpath.basename(self.path) or self.repo
        if self.is_row:
            return f"row {self.member.rpartition('/')[2]} of {posixpath.basename(self.path)}"
        return posixpath.basename(self.member)

    @property
    def is_row(self) -> bool:
        """Whether it is a row of a parquet file."""
        return self.member is not None and self.path.endswith(".parquet")

    @property
    def is_pinned(self) -> bool:
        """Whether its revision is a commit, so that what lies there never changes."""
        return bool(self.revision and _COMMIT.fullmatch(self.revision))


def is_hub_address(path: object) -> bool:
    """Whether a path leads to the Hub.

    Example:
        >>> is_hub_address("hf://datasets/owner/name"), is_hub_address("clips/a.mp4"), is_hub_address(None)
        (True, False, False)
    """
    return isinstance(path, str) and path.startswith(SCHEME)


def parse_address(text: str) -> HubAddress:
    """Read an address of a dataset repository.

    Raises:
        InputError: it has another form, or a path that leads out of the repository.

    Example:
        >>> parse_address("hf://datasets/owner/name@refs/pr/1/clips/*.mp4?split=test")
        HubAddress(repo='owner/name', revision='refs/pr/1', path='clips/*.mp4', member=None, query='split=test')
    """
    match = _FORM.fullmatch(text)
    if not match or "\0" in unquote(text):
        raise InputError(
            f"{text!r} is no address of a dataset. Its form is hf://datasets/<owner>/<name>, then, where wanted, "
            "@<revision>, /<file, folder or pattern> and ?<option>=<value>&..."
        )
    revision, path = unquote(match["revision"] or "") or None, unquote(match["path"] or "").rstrip("/")
    member = None if match["member"] is None else unquote(match["member"], errors="surrogateescape")
    for part in (path, member or "", revision or "", match["repo"]):
        if not stays_inside(part):
            raise InputError(f"{text!r} leads out of its repository. Name a file inside, without '..'.")
    return HubAddress(match["repo"], revision, path, member, match["query"] or "")
