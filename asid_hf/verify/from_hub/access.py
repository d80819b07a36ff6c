"""Access to the Hub: which datasets a user named, and what is said where the Hub refuses.

The login is the Hub's own (`hf auth login`, HF_TOKEN), used by huggingface_hub alone. Messages are ours: those of the
libraries carry addresses with signatures.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from asid_hf.errors import MediaError

_trusted: set[str] = set()


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


def trusted() -> tuple[str, ...]:
    """The datasets that the user named, to be told to other processes.

    Example:
        >>> trust("owner/example")
        >>> "owner/example" in trusted()
        True
    """
    return tuple(sorted(_trusted))


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
