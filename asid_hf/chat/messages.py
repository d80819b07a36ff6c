"""What is asked of a language model and what it answers, whatever serves it: the backend protocol."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol, runtime_checkable

from asid_hf.errors import AsidError

MODALITIES = ("video", "audio", "frames")
"""What a model may take of a clip beside text: the film, its sound, still pictures with their times."""

FAULTS = (
    "dead",  # nobody answers at the address
    "reset",  # the connection broke
    "timeout",  # no reply within the time
    "rate_limited",  # 429
    "overloaded",  # 500, 502, 503, 504 and their kin
    "unauthorised",  # 401, 402, 403
    "rejected",  # 400, 404, 413, 422: the same request will be refused again
    "malformed",  # a reply that is no chat completion
    "empty",
    "truncated",
    "refused",
    "filtered",
    "not_json",
    "schema",
    "language",
    "invalid",  # JSON of the right shape that says what cannot be
    "media",  # the clip cannot be put into a form the model takes
    "replay",  # not in the ledger, and no network wanted
    "superseded",  # paid, and not used: another answer to the same call was kept first, or took its place
)
"""Why a call failed, for counting."""


class ChatError(AsidError):
    """A call that gave no usable answer.

    Args:
        kind: one of `FAULTS`.
        message: what was sent where, and what came back; never a key.
        retry_after: seconds the server asks to wait, if it says so.

    Example:
        >>> ChatError("timeout", "no reply within 60 s").kind
        'timeout'
    """

    def __init__(self, kind: str, message: str, retry_after: float | None = None) -> None:
        if kind not in FAULTS:
            raise ValueError(f"ChatError kind {kind!r} is none of {', '.join(FAULTS)}.")
        super().__init__(message)
        self.kind, self.retry_after = kind, retry_after

    def __reduce__(self) -> tuple:
        return type(self), (self.kind, str(self), self.retry_after)


Bring = Callable[[dict], AbstractContextManager[dict]]


@dataclass(frozen=True)
class ClipPart:
    """A clip inside a message; each backend sends of it what its model takes.

    Args:
        video: a `datasets` Video value {"path", "bytes"}.
        digest: hex SHA-256 of the file's content: stands for the clip in the ledger's key.
        bring: makes of the value, for as long as it is open, one that can be opened here.

    Example:
        >>> ClipPart({"path": "a.mp4", "bytes": None}, "ab12").digest
        'ab12'
    """

    video: dict = field(repr=False)
    digest: str
    bring: Bring = field(default=nullcontext, repr=False, compare=False)


@dataclass(frozen=True)
class Message:
    """One turn: `role` is system, user or assistant; `content` text and clips in order.

    Example:
        >>> Message("user", ("Describe the clip.",)).role
        'user'
    """

    role: str
    content: tuple[str | ClipPart, ...]

    def as_key(self) -> list:
        """The turn as JSON-ready values, texts and clips by their digests."""
        digest = _digest if self.role == "system" else _digest.__wrapped__  # the same for every row, and never again
        return [self.role, *(digest(part) if isinstance(part, str) else ["clip", part.digest] for part in self.content)]


@lru_cache(maxsize=64)
def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


_canonical = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode


@dataclass(frozen=True)
class ChatRequest:
    """One call.

    Args:
        messages: the turns.
        prompt: name and version of the prompt, as "judge@1".
        schema: JSON schema of the reply; None for free text.
        parameters: what goes to the model beside the messages (temperature, max_tokens, seed, ...).
        media: in what form a clip among the messages is sent, see `ModelSpec.media_form`; () without one.
        attempt: 0, or the number of the re-ask.
        known: an answer that has come from elsewhere, if one has; asked when it is this call's turn to go out.

    Example:
        >>> request = ChatRequest((Message("user", ("Hello",)),), "greet@1")
        >>> request.key("a-model") == request.key("a-model"), request.key("a-model") == request.key("another")
        (True, False)
    """

    messages: tuple[Message, ...]
    prompt: str
    schema: dict | None = None
    parameters: dict = field(default_factory=dict)
    media: tuple = ()
    attempt: int = 0
    known: Callable[[], ChatReply | None] = field(default=lambda: None, repr=False, compare=False)

    def key(self, model: str) -> str:
        """The content address of this call to a model: hex SHA-256 of all that can change the answer."""
        turns = [message.as_key() for message in self.messages]
        content = [model, self.prompt, self.attempt, turns, self.schema, self.parameters, self.media]
        return hashlib.sha256(_canonical(content).encode("utf-8", "replace")).hexdigest()


@dataclass(frozen=True)
class ChatReply:
    """What came back. Token counts are None where the server tells none; `latency` is in seconds.

    `finish_reason`: stop, length, content_filter, or whatever else the server says. `parsed`: the checked JSON value of
    a request with a schema. `hit`: it came from the ledger.

    Example:
        >>> ChatReply("A dog.").finish_reason
        'stop'
    """

    text: str
    finish_reason: str = "stop"
    input_tokens: int | None = None
    output_tokens: int | None = None
    latency: float = 0.0
    parsed: object = None
    hit: bool = False

    def same(self, other: ChatReply) -> bool:
        """Whether this is one reply with the other, of however equal words."""
        return (self.text, self.finish_reason, self.latency) == (other.text, other.finish_reason, other.latency)


OnFault = Callable[[ChatError], Awaitable[None]]


@runtime_checkable
class ChatBackend(Protocol):
    """Something that answers requests.

    Attributes:
        model: the model's name, as it enters the ledger's key.
        accepts: which of `MODALITIES` the model takes beside text.

    Example:
        >>> class Echo:
        ...     model, accepts = "echo", ()
        ...     async def complete(self, request, on_fault):
        ...         return ChatReply(request.messages[-1].content[0])
        >>> isinstance(Echo(), ChatBackend)
        True
    """

    model: str
    accepts: tuple[str, ...]

    async def complete(self, request: ChatRequest, on_fault: OnFault) -> ChatReply:
        """Answer one request.

        Args:
            request: what is asked.
            on_fault: told of every failed attempt, also of those that were tried again.

        Raises:
            ChatError: no usable answer; the backend has retried what is worth it, inside its deadline.
        """
        ...
