"""Which model, where, and what it takes: the part of a run's configuration that names one language model."""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from asid_hf.chat.messages import MODALITIES
from asid_hf.errors import InputError

BACKENDS = ("endpoint", "transformers")
STRUCTURED = ("json_schema", "json_object", "tgi", "none")
_ABOVE_0 = ("concurrency", "timeout", "deadline", "attempts", "fps", "max_frames", "max_pixels", "max_bytes")
_ABOVE_0 += ("max_tokens", "top_p", "max_seconds")
_FROM_0 = ("temperature", "input_price", "output_price")
_HUGGING_FACE = ("huggingface.co", "hf.co", "huggingface.cloud")


class _Json(str):
    """A value as JSON: one that can be hashed, whatever it holds, and that shows a digest, since it may be a key."""

    def __repr__(self) -> str:
        return f"#{hashlib.sha256(self.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class ModelSpec:
    """One language model and how it is asked.

    Args:
        model: id as the server knows it; for transformers a Hub id or a folder.
        backend: "endpoint" (an OpenAI-compatible server, or Inference Providers), or "transformers" (in this process).
        base_url: of an OpenAI-compatible server (vLLM, SGLang, TGI, llama.cpp, ...), as "http://host:8000/v1"; none:
            Hugging Face Inference Providers.
        provider: of Inference Providers; none: the Hub chooses.
        api_key_env: environment variable that holds the key; none: the Hub login for Hugging Face addresses, no key for
            any other.
        accepts: which of video, audio and frames the model takes beside text.
        structured: how the server constrains a reply to a JSON schema: "json_schema" (OpenAI, vLLM, SGLang, llama.cpp),
            "json_object" (JSON, but any), "tgi", or "none" (asked for in words and checked).
        temperature, top_p, max_tokens, seed: sampling; None leaves the server's own.
        concurrency: calls under way at most; fewer while the server says that it cannot.
        timeout: seconds for one attempt; deadline: seconds for a call with all its attempts; attempts: how many.
        fps, max_frames, max_pixels: what is sent of the pictures where the film is not sent as it is: frames a second,
            frames in all, pixels a frame.
        max_bytes: of one clip's film in a request; a larger one is encoded anew, smaller.
        max_seconds: longest clip the model takes; None: any.
        input_price, output_price: per million tokens, for the estimate of a dry run.
        extra_body: further parameters of the request, for this server alone, as {"top_k": 20}.

    What does not change an answer (address, key, pace, prices) is left out of the representation that is recorded.

    Raises:
        InputError: a value that is not allowed.

    Example:
        >>> ModelSpec("Qwen/Qwen2.5-Omni-7B", base_url="http://localhost:8000/v1", accepts=("video", "audio")).backend
        'endpoint'
    """

    model: str
    backend: str = "endpoint"
    base_url: str | None = field(default=None, repr=False)
    provider: str | None = field(default=None, repr=False)
    api_key_env: str | None = field(default=None, repr=False)
    accepts: tuple[str, ...] = ()
    structured: str = "json_schema"
    temperature: float | None = 0.0
    top_p: float | None = None
    max_tokens: int | None = 4096
    seed: int | None = 0
    concurrency: int = field(default=16, repr=False)
    timeout: float = field(default=180.0, repr=False)
    deadline: float = field(default=600.0, repr=False)
    attempts: int = field(default=6, repr=False)
    fps: float = 2.0
    max_frames: int = 64
    max_pixels: int = 401_408
    max_bytes: int = 20_000_000
    max_seconds: float | None = None
    input_price: float | None = field(default=None, repr=False)
    output_price: float | None = field(default=None, repr=False)
    extra_body: tuple[tuple[str, object], ...] | dict = ()

    def __post_init__(self) -> None:
        given = self.extra_body.items() if isinstance(self.extra_body, dict) else self.extra_body
        held = tuple((n, v if isinstance(v, _Json) else _Json(json.dumps(v, sort_keys=True))) for n, v in given)
        object.__setattr__(self, "extra_body", held)
        if not self.model:
            raise InputError("A model has no name: give its id as `model`.")
        self._one_of("backend", BACKENDS)
        self._one_of("structured", STRUCTURED)
        unknown = set(self.accepts) - set(MODALITIES)
        if unknown:
            raise InputError(
                f"The model {self.model} accepts {', '.join(sorted(unknown))}. Allowed: {', '.join(MODALITIES)}."
            )
        for name in (*_ABOVE_0, *_FROM_0):
            value = getattr(self, name)
            if value is None:
                continue
            if not (0 < value < math.inf or (value == 0 and name in _FROM_0)):
                wanted = "0 or above" if name in _FROM_0 else "above 0"
                raise InputError(f"{name} of the model {self.model} is {value}. It has to be {wanted}, and finite.")
        if self.top_p is not None and self.top_p > 1:
            raise InputError(f"top_p of the model {self.model} is {self.top_p}. It has to be 1 or below.")
        if self.provider is not None and self.base_url is not None:
            raise InputError(
                f"The model {self.model} has both base_url and provider. A provider is of Hugging Face's Inference "
                "Providers, which have no base_url: leave one out."
            )
        if self.base_url is not None:
            self._check_address(self.base_url)

    @property
    def name(self) -> str:
        """The model's id as it may be published: of a local folder without those it lies in."""
        local = os.path.isabs(self.model) or os.path.isdir(self.model)
        return os.path.basename(os.path.abspath(self.model)) if local else self.model

    def key(self) -> str | None:
        """The key to send, from the environment or the Hub login; None where none is to be sent.

        Raises:
            InputError: the variable that `api_key_env` names is not set.
        """
        if self.api_key_env:
            key = os.environ.get(self.api_key_env)
            if not key:
                raise InputError(
                    f"The key of the model {self.model} is to be in the environment variable {self.api_key_env}, which "
                    "is not set."
                )
            return key
        address = urlsplit(self.base_url or "https://huggingface.co")
        host = address.hostname or ""
        if address.scheme == "https" and any(host == ours or host.endswith(f".{ours}") for ours in _HUGGING_FACE):
            from huggingface_hub import get_token

            return get_token()
        return None  # a token of the Hub is nobody else's

    def parameters(self) -> dict:
        """What goes to the model beside the messages: sampling, and this server's own."""
        extra = {name: json.loads(value) for name, value in self.extra_body}
        chosen = {name: getattr(self, name) for name in ("temperature", "top_p", "max_tokens", "seed")}
        return {**{name: value for name, value in chosen.items() if value is not None}, **extra}

    def media_form(self) -> tuple:
        """In what form a clip is sent: part of what can change the answer."""
        return (*self.accepts, self.fps, self.max_frames, self.max_pixels, self.max_bytes)

    def _one_of(self, field: str, allowed: tuple[str, ...]) -> None:
        if getattr(self, field) not in allowed:
            raise InputError(
                f"{field} of the model {self.model} is {getattr(self, field)!r}. Allowed: {', '.join(allowed)}."
            )

    def _check_address(self, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(
                f"base_url of the model {self.model} is no http(s) address. As in http://localhost:8000/v1."
            )
        if parts.username or parts.password or parts.query:
            raise InputError(
                f"base_url of the model {self.model} carries a key. Put it into the environment, and name the variable "
                "as api_key_env."
            )
