"""Models behind an address: any OpenAI-compatible server, or Hugging Face Inference Providers."""

from __future__ import annotations

import asyncio
import math
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from asid_hf.chat.attachments import clip_parts
from asid_hf.chat.limiter import Limiter
from asid_hf.chat.messages import ChatError, ChatReply, ChatRequest, ClipPart, OnFault
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.chat.retry import retrying, seconds_to_wait
from asid_hf.errors import EndpointError, InputError

_OVERLOADED = frozenset({408, 409, 425, 500, 502, 503, 504, 520, 522, 524, 529})
_SILENT = frozenset({"rate_limited", "timeout", "overloaded", "reset"})
_NOT_HERE = re.compile(r" answered (?:404|30[12378]): ")
CALLS_A_CLIENT = 8  # for every call a pool looks at all of its connections: several small ones cost half the time
CALLS_IN_VAIN = 3  # given up, with nobody answered meanwhile, end a run
LONGEST_REPLY = 1_000_000  # characters: a longer one is a model that ran away, or an attack


class _AsGiven(dict):
    """A reply format that `huggingface_hub` sends as it is.

    To an address given by hand it would send `json_schema` in TGI's own form, which vLLM, SGLang and OpenAI ignore.
    """

    def get(self, name: str, default: object = None) -> object:
        return default if name == "type" else super().get(name, default)


class Endpoint:
    """A `ChatBackend` over HTTP: retries what may pass, keeps to its deadline, and asks no faster than is answered.

    Args:
        spec: which model and where.

    Raises:
        InputError: its key is not in the environment, or Inference Providers are to be asked without one.

    Example:
        >>> Endpoint(ModelSpec("a-model", base_url="http://127.0.0.1:9/v1")).accepts
        ()
    """

    def __init__(self, spec: ModelSpec) -> None:
        self.spec, self.model, self.accepts = spec, spec.model, spec.accepts
        self.limiter = Limiter(spec.concurrency)
        self._key = spec.key()
        self._where = spec.base_url or "Inference Providers"
        if spec.base_url is None and not self._key:
            raise InputError(
                f"The model {self.model} has no base_url, so Inference Providers are asked for it, and they want a "
                "key: log in to the Hub (hf auth login), set HF_TOKEN, or name a variable as api_key_env."
            )
        self._lanes = [_Lane(_client(spec, self._key))]
        self._answered = False
        self._dead: EndpointError | None = None
        self._deaths = 0
        self._last_answer = -math.inf  # time.monotonic()
        self._in_vain: list[float] = []  # beginnings of the calls that were given up since

    async def complete(self, request: ChatRequest, on_fault: OnFault) -> ChatReply:
        """Answer one request; see `ChatBackend`.

        Raises:
            ChatError: no answer to this one, after all attempts.
            EndpointError: no answer to anyone: nothing there, or the key is refused.
        """

        async def slow_down(error: ChatError) -> None:
            rest = error.retry_after or 0.0
            if error.kind in ("rate_limited", "timeout", "overloaded"):
                self.limiter.slow_down(rest if rest <= self.spec.deadline else 0.0)
            await on_fault(error)

        deaths = self._deaths  # what comes after a death tries anew: the server may be there by then
        async with self.limiter.slot():
            if self._deaths > deaths:
                raise self._dead
            if known := request.known():
                return known
            try:
                messages = await self._messages(request)  # only now: clips of calls that wait would fill memory
            except ChatError as error:
                await on_fault(error)
                raise
            started = time.monotonic()
            try:
                reply = await retrying(
                    lambda seconds: self._attempt(request, messages, seconds),
                    attempts=self.spec.attempts,
                    deadline=self.spec.deadline,
                    on_fault=slow_down,
                    # A server that answered before is being started again; one that never did may not be there.
                    patient_with=("dead", "rate_limited") if self._answered else ("rate_limited",),
                )
            except ChatError as error:
                given_up = self._given_up(error, started)
                if given_up:
                    self._dead, self._deaths = given_up, self._deaths + 1
                if self._deaths > deaths:
                    raise self._dead from error
                raise
        self._answered, self._last_answer, self._in_vain = True, time.monotonic(), []
        self.limiter.speed_up()
        return reply

    async def close(self) -> None:
        """Close the connections."""
        for lane in self._lanes:
            await lane.client.close()

    async def _messages(self, request: ChatRequest) -> list[dict]:
        turns = []
        for message in request.messages:
            parts: list[dict] = []
            for part in message.content:
                if isinstance(part, ClipPart):
                    parts += await clip_parts(part, self.spec)
                else:
                    parts.append({"type": "text", "text": part})
            only_text = len(parts) == 1 and parts[0]["type"] == "text"
            turns.append({"role": message.role, "content": parts[0]["text"] if only_text else parts})
        return turns

    async def _attempt(self, request: ChatRequest, messages: list[dict], seconds: float) -> ChatReply:
        started, seconds = time.perf_counter(), min(self.spec.timeout, seconds)
        parameters = dict(request.parameters)
        known = {name: parameters.pop(name) for name in _NAMED & parameters.keys()}
        if request.schema is not None:
            known["response_format"] = _reply_format(request.schema, self.spec.structured)
        try:
            with self._lane() as client:
                async with asyncio.timeout(seconds):
                    answer = await client.chat_completion(
                        messages, model=self.model, **known, extra_body=parameters or None
                    )
            return _reply(answer, time.perf_counter() - started)
        except Exception as error:  # of whatever a server and three libraries make of a broken reply
            raise self._fault(error, seconds) from error

    @contextmanager
    def _lane(self) -> Iterator[object]:
        """The client with the fewest calls under way; one more where all have many."""
        lane = min(self._lanes, key=lambda lane: lane.calls)
        if lane.calls >= CALLS_A_CLIENT:
            lane = _Lane(_client(self.spec, self._key))
            self._lanes.append(lane)
        lane.calls += 1
        try:
            yield lane.client
        finally:
            lane.calls -= 1

    def _fault(self, error: Exception, seconds: float) -> ChatError:
        from httpx2 import ConnectError, ConnectTimeout, TransportError
        from huggingface_hub.errors import HfHubHTTPError, InferenceTimeoutError

        if isinstance(error, ChatError):
            return error
        name = self.spec.name  # and no address: these messages stand in the rows that are published
        if isinstance(error, _Redirect):
            fault = ChatError(
                "rejected",
                f"{name} answered {error.status}: a redirect, which is not followed. Give the right base_url.",
            )
            fault.add_note(f"It sends to {self._clean(error.target)}.")  # seen where the run ends, in no row
            return fault
        if isinstance(error, HfHubHTTPError) and error.response is not None:
            return self._refused(error)
        cause = error.__cause__ if isinstance(error, InferenceTimeoutError) else error
        if isinstance(cause, ConnectError | ConnectTimeout):
            return ChatError("dead", f"Nothing answers for {name}: {self._private(cause).rstrip('.')}.")
        if isinstance(error, TimeoutError | InferenceTimeoutError):
            return ChatError("timeout", f"{name} gave no reply within {seconds:.3g} s.")
        if isinstance(error, TransportError):
            return ChatError("reset", f"The connection to {name} broke: {self._private(error)}")
        return ChatError("malformed", f"The reply of {name} is no chat completion: {self._private(_name(error))}")

    def _refused(self, error: Exception) -> ChatError:
        response = error.response
        status = response.status_code
        message = f"{self.spec.name} answered {status}: {self._private(response.text)[:300]}"
        wait = seconds_to_wait(response.headers.get("retry-after"))
        if status == 429:
            return ChatError("rate_limited", message, wait)
        if status in (401, 402, 403):
            return ChatError("unauthorised", message)
        if status in _OVERLOADED:
            return ChatError("overloaded", message, wait)
        return ChatError("rejected", message)

    def _given_up(self, error: ChatError, started: float) -> EndpointError | None:
        """Whether the failure of a call that began then says that all others will fail: nothing is there, it lets
        nobody in, or it answers nobody."""
        told = " ".join([str(error), *getattr(error, "__notes__", ()), f"Asked at {self._where}."])
        if error.kind == "dead":
            return EndpointError(
                f"Nothing answers at {self._where}: {str(error).partition(': ')[2]} Tried for "
                f"{time.monotonic() - started:.2g} s. Start the server, or mend base_url; what was answered is kept, "
                "and the same command goes on from there."
            )
        if error.retry_after and error.retry_after > self.spec.deadline:
            return EndpointError(
                f"{told} It asks to be left alone for {error.retry_after:.0f} s, longer than the deadline of a call "
                f"({self.spec.deadline:g} s). What was answered is kept: run the same command again then."
            )
        not_here = error.kind == "rejected" and _NOT_HERE.search(str(error)) and not self._answered
        # A 403 after answers is about what was asked, as a moderated clip, not about who asks.
        moderated = self._answered and " answered 403: " in str(error)
        if not_here or (error.kind == "unauthorised" and not moderated):
            return EndpointError(
                f"{told} Mend the address, the model's name, or its key (or what it may spend): set the environment "
                "variable that api_key_env names, or log in to the Hub. What was answered is kept."
            )
        return self._answers_nobody(error, told, started)

    def _answers_nobody(self, error: ChatError, told: str, started: float) -> EndpointError | None:
        """Whether several calls were given up, and in the time that a reply may take nobody was answered: a clip that
        a server stumbles over fails alone, beside others that are answered."""
        if error.kind not in _SILENT or started < self._last_answer:
            return None
        self._in_vain.append(started)
        silent = time.monotonic() - min(self._in_vain)
        if len(self._in_vain) < CALLS_IN_VAIN or silent < min(self.spec.timeout, self.spec.deadline):
            return None
        count, self._in_vain = len(self._in_vain), []
        return EndpointError(
            f"{self.spec.name} answers nobody: {count} calls were given up in {silent:.2g} s, and not one was "
            f"answered. The last fault: {told} Look at the server, or lower concurrency; what was answered is kept: "
            "the same command goes on from there."
        )

    def _clean(self, message: object) -> str:
        text = " ".join(str(message).split())
        return text.replace(self._key, "***") if self._key else text

    def _private(self, message: object) -> str:
        """A message without the address and the model's folder, which say where somebody's things stand."""
        address = urlsplit(self._where)
        text = self._clean(message).replace(self.model, self.spec.name)
        for part in filter(None, (self._where, address.netloc, address.hostname)):
            text = re.sub(rf"(?<![\w.-]){re.escape(part)}(?![\w-])", "(its address)", text)
        return text


_NAMED = frozenset({"temperature", "top_p", "max_tokens", "seed", "stop", "frequency_penalty", "presence_penalty"})


@dataclass
class _Lane:
    """A client and how many calls it has under way."""

    client: object
    calls: int = 0


def _client(spec: ModelSpec, key: str | None) -> object:
    from huggingface_hub import AsyncInferenceClient

    _widen_connections()
    # Without a key the client would send the Hub's token to whatever the address names, and read its file at each call.
    key = key or ("none" if spec.base_url else None)
    return AsyncInferenceClient(base_url=spec.base_url, provider=spec.provider, api_key=key, timeout=spec.timeout)


def _widen_connections() -> None:
    """Let one client hold as many connections as it has calls under way: the default keeps 20 of at most 100."""
    from huggingface_hub import set_async_client_factory
    from huggingface_hub.utils import _http

    default = getattr(_http, "default_async_client_factory", None)
    if default and getattr(_http, "_GLOBAL_ASYNC_CLIENT_FACTORY", None) is default:  # a user's own stays
        set_async_client_factory(_wide_client)


def _wide_client() -> object:
    from httpx2 import AsyncClient, Limits

    return AsyncClient(
        verify=_certificates(),
        follow_redirects=False,  # a clip goes where the configuration says, nowhere else
        timeout=None,
        limits=Limits(max_connections=None, max_keepalive_connections=None),
        event_hooks={"response": [_refuse_redirect]},
    )


@lru_cache
def _certificates() -> ssl.SSLContext:
    """Those that every client would read again for a tenth of a second."""
    from httpx2 import create_ssl_context

    return create_ssl_context()


class _Redirect(Exception):
    """A server that sends elsewhere."""

    def __init__(self, status: int, target: str) -> None:
        super().__init__(status, target)
        self.status, self.target = status, target


async def _refuse_redirect(response: object) -> None:
    if response.has_redirect_location:
        raise _Redirect(response.status_code, response.headers["location"])


def _reply_format(schema: dict, structured: str) -> dict | None:
    if structured == "none":
        return None
    if structured == "json_object":
        return {"type": "json_object"}
    given = {"type": "json_schema", "json_schema": {"name": "reply", "schema": schema, "strict": True}}
    return given if structured == "tgi" else _AsGiven(given)


def _reply(answer: object, latency: float) -> ChatReply:
    try:
        choice = answer.choices[0]
        text, reason = choice.message.content or "", str(choice.finish_reason or "stop")
        counts = [_count(answer.usage, name) for name in ("prompt_tokens", "completion_tokens")]
    except (AttributeError, IndexError, TypeError) as error:
        raise ChatError("malformed", f"The reply is no chat completion: {_name(error)}") from error
    if not isinstance(text, str):
        raise ChatError("malformed", f"The reply's content is {type(text).__name__}, not text.")
    if refusal := getattr(choice.message, "refusal", None):
        text, reason = str(refusal), "refusal"
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # half characters cannot be kept
    if len(text) > LONGEST_REPLY:
        raise ChatError("malformed", f"The reply has {len(text)} characters; {LONGEST_REPLY} are allowed.")
    if not text.strip() and reason == "stop":
        raise ChatError("empty", "The reply is empty.")
    return ChatReply(text, reason, *counts, latency)


def _count(usage: object, name: str) -> int | None:
    count = getattr(usage, name, None)
    return count if isinstance(count, int) and 0 <= count < 2**53 else None


def _name(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
