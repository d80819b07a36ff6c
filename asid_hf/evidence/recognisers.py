"""The recognisers there are, by name, each loaded once a process."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

from ..errors import InputError
from .moonshine import moonshine_base, moonshine_tiny
from .recogniser import Polyglot, Recogniser
from .whisper import WHISPERS, load_whisper

RECOGNISERS: dict[str, Callable[[], Recogniser | Polyglot]] = {
    "moonshine-tiny": moonshine_tiny,
    "moonshine-base": moonshine_base,
    **{name: partial(load_whisper, model, name) for name, model in WHISPERS.items()},
}
"""Name -> what loads it. To add a recogniser, add a line; it is loaded on first use, once a process."""

ANY_WHISPER = "whisper:"
"""Begins the name of a Whisper model that is not listed: "whisper:<model id or local folder>"."""


@lru_cache
def load_recogniser(name: str) -> Recogniser | Polyglot:
    """Load a recogniser by its name, once a process.

    Args:
        name: one of `RECOGNISERS`, or "whisper:" and the id or the folder of a Whisper model.

    Raises:
        InputError: no recogniser of that name, or no Whisper model there.
        MissingExtraError: its packages or its weights are not installed.

    Example:
        >>> load_recogniser("moonshine-tiny").languages
        ('en',)
    """
    if name.startswith(ANY_WHISPER) and name != ANY_WHISPER:
        return load_whisper(name.removeprefix(ANY_WHISPER), signature(name))
    return RECOGNISERS[signature(name)]()


def signature(name: str) -> str:
    """What evidence is signed with: the recogniser's name, of a local model without the folders it lies in.

    Raises:
        InputError: no recogniser of that name.

    Example:
        >>> signature("moonshine-tiny"), signature("whisper:openai/whisper-small")
        ('moonshine-tiny', 'whisper:openai/whisper-small')
        >>> signature("whisper:/home/me/models/my-whisper")
        'whisper:my-whisper'
    """
    if name.startswith(ANY_WHISPER) and name != ANY_WHISPER:
        model = Path(name.removeprefix(ANY_WHISPER))
        local = model.is_absolute() or model.is_dir() or len(model.parts) != 2
        return ANY_WHISPER + (model.name if local else str(model))
    if name not in RECOGNISERS:
        allowed = ", ".join([*RECOGNISERS, ANY_WHISPER + "<model id or folder>"])
        raise InputError(f"{name!r} is no recogniser. Allowed: {allowed}.")
    return name
