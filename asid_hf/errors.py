"""Every error asid_hf raises on purpose. A message says what was given, what is allowed and what to do."""

from __future__ import annotations


class AsidError(Exception):
    """Base of all errors of this package; catching it catches nothing that is a bug.

    Example:
        >>> issubclass(MediaError, AsidError)
        True
    """


class MediaError(AsidError):
    """A clip that cannot be read.

    Attributes:
        reason: one of `REASONS`, for counting.

    Example:
        >>> MediaError("not_found", "clip.mp4 does not exist.").reason
        'not_found'
    """

    REASONS = (
        "not_found",
        "not_a_file",
        "unreadable",
        "empty",
        "not_media",
        "no_streams",
        "damaged",
        "stalled",
        "too_large",
        "remote_not_allowed",
        "unsupported_source",
    )

    def __init__(self, reason: str, message: str) -> None:
        if reason not in self.REASONS:
            raise ValueError(f"MediaError reason {reason!r} is none of {', '.join(self.REASONS)}.")
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple:  # an error crosses process borders inside .map(num_proc=...)
        return type(self), (self.reason, str(self))


class CaptionFileError(AsidError):
    """A captions file, or a line of one, that has none of the accepted shapes."""


class InputError(AsidError):
    """Command or function arguments that cannot be carried out as given."""


class CheckpointError(InputError):
    """A model's checkpoint that lacks weights, has others, or is of another kind."""


class OutputError(AsidError):
    """An output folder that cannot be written, or that another configuration wrote."""


class EndpointError(AsidError):
    """An endpoint that answers nobody: there is no use in asking on. What was answered before is in the ledger."""


class MissingExtraError(AsidError, ImportError):
    """A feature whose optional packages are not installed.

    Args:
        feature: what needs them.
        extra: the extra of this package that brings them; "" where none does.
        install: what to give to pip where no extra brings them.

    Example:
        >>> str(MissingExtraError("speech recognition", "embedded"))
        'speech recognition needs packages that are not installed: pip install "asid_hf[embedded]"'
    """

    def __init__(self, feature: str, extra: str, install: str = "") -> None:
        wanted = install or f'"asid_hf[{extra}]"'
        super().__init__(f"{feature} needs packages that are not installed: pip install {wanted}")
        self.feature, self.extra, self.install = feature, extra, install

    def __reduce__(self) -> tuple:
        return type(self), (self.feature, self.extra, self.install)
