"""The one way to ask a model: from the ledger if it was answered before, else once, checked, and kept before use."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

from asid_hf.chat import usage
from asid_hf.chat.endpoint import Endpoint
from asid_hf.chat.ledger import Call, Ledger, open_ledger
from asid_hf.chat.messages import ChatBackend, ChatError, ChatReply, ChatRequest, Message, OnFault
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.chat.structured import check_text, parse_reply
from asid_hf.prompts import data_block

SHOWN = 4000  # characters of an unusable reply that the re-ask shows
ASKS = 2  # the call and one re-ask
_OURS = frozenset({"not_json", "schema", "language", "invalid", "refused", "truncated"})  # worth a re-ask

Check = Callable[[object], object]


class Asker:
    """Asks one model through one ledger. Get it from `asker_of`.

    Args:
        backend: what answers.
        ledger: where answers are kept.
        offline: never call; what is not in the ledger is a fault of kind "replay".

    Example:
        >>> Asker  # doctest: +ELLIPSIS
        <class ...Asker'>
    """

    def __init__(self, backend: ChatBackend, ledger: Ledger, offline: bool = False) -> None:
        self.backend, self.ledger, self.offline = backend, ledger, offline
        self._under_way: dict[str, asyncio.Future] = {}

    async def ask(self, stage: str, request: ChatRequest, check: Check | None = None) -> ChatReply:
        """Answer a request, from the ledger or the model.

        An answer that cannot be used (no JSON, another shape, or what `check` refuses) is recorded as a failure, and
        the model is asked once more with the error shown; the answer to that is kept under the first call's key.

        Args:
            stage: whose call it is, for the counts.
            request: messages, parameters and, for a structured reply, its schema.
            check: given the parsed value (or the text), returns what to use of it, or raises `ChatError`.

        Returns:
            The reply with its checked value as `parsed`.

        Raises:
            ChatError: no usable answer.
            EndpointError: the endpoint answers nobody.
        """
        call = Call(request.key(self.backend.model), stage, self.backend.model, request.prompt)
        kept = self.ledger.find(call.key)
        if kept is not None:
            try:
                return self._found(call, _usable(kept, request, check))
            except ChatError:  # checked more strictly than when it was kept: it is asked again
                if self.offline:
                    raise
        if self.offline:
            raise self.ledger.failure(call.key) or ChatError(
                "replay",
                f"The ledger holds no answer of {ModelSpec(call.model).name} to this call of {call.prompt}, and "
                "--offline is set.",
            )
        return await self._ask_model(call, request, check, kept.text if kept else None)

    async def _ask_model(self, call: Call, request: ChatRequest, check: Check | None, refused: str | None) -> ChatReply:
        """Ask, and once more where the reply cannot be used; `refused` is the text of a kept answer that cannot."""
        for ask in range(ASKS):
            key = call.key if ask == 0 else request.key(self.backend.model)
            reply, own = await self._reply(key, call, request, refused)
            paid = own and not reply.hit
            try:
                usable = _usable(reply, request, check)
            except ChatError as error:
                if paid:
                    usage.count(failures=1)
                    await self.ledger.keep_failure(call, error.kind, str(error), reply)
                if ask == ASKS - 1 or error.kind not in _OURS:
                    raise
                request = _asked_again(request, reply, error)
            else:
                kept = await self.ledger.keep(call, reply, refused)
                return await self._settled(call, request, check, usable, kept) if paid else self._found(call, usable)
            finally:
                if own:
                    del self._under_way[key]
        raise AssertionError("unreachable: the last ask returns or raises")

    async def _settled(
        self, call: Call, request: ChatRequest, check: Check | None, usable: ChatReply, kept: ChatReply
    ) -> ChatReply:
        """What to use of an answer that was paid for: another process's, if that was kept first, so that the run can be
        repeated from the ledger."""
        if kept.same(usable):
            return usable
        try:
            known = _usable(kept, request, check)
        except ChatError:
            await self.ledger.keep(call, usable, kept.text)
            return usable
        await self.ledger.keep_failure(call, "superseded", "Another answer to this call was kept first.", usable)
        return known

    async def _reply(self, key: str, call: Call, request: ChatRequest, refused: str | None) -> tuple[ChatReply, bool]:
        """A reply as it came, and whether it is this task's own: those that ask the same at the same time, until the
        one that asked is done with it, share one; each checks it for itself."""
        if key in self._under_way:
            return replace(await asyncio.shield(self._under_way[key]), hit=True), False
        future = self._under_way[key] = asyncio.get_running_loop().create_future()
        try:
            reply = await self._complete(call, replace(request, known=lambda: self._known(call, refused)))
        except BaseException as error:
            stopped = ChatError("reset", "The call was stopped.")
            future.set_exception(error if isinstance(error, Exception) else stopped)
            future.exception()  # it is raised here; nobody else may wait for it
            del self._under_way[key]
            raise
        future.set_result(reply)
        return reply, True

    def _known(self, call: Call, refused: str | None) -> ChatReply | None:
        kept = self.ledger.find(call.key)
        return None if kept is None or kept.text == refused else kept

    def _found(self, call: Call, reply: ChatReply) -> ChatReply:
        usage.count(hits=1, kept_tokens=(reply.input_tokens or 0) + (reply.output_tokens or 0))
        self.ledger.count_hit(call)
        return replace(reply, hit=True)

    async def _complete(self, call: Call, request: ChatRequest) -> ChatReply:
        async def on_fault(error: ChatError) -> None:
            usage.count(failures=1)
            await self.ledger.keep_failure(call, error.kind, str(error))

        reply = await self.backend.complete(request, on_fault)
        if not reply.hit:
            usage.count(calls=1, input_tokens=reply.input_tokens, output_tokens=reply.output_tokens)
        return reply


def asker_of(spec: ModelSpec, ledger: str, offline: bool = False) -> Asker:
    """The asker of a model in this process: one connection pool, one limit, one ledger for all stages and threads.

    Args:
        spec: the model.
        ledger: path of the ledger's file.
        offline: see `Asker`.

    Raises:
        InputError: its key is not in the environment.
        OutputError: the ledger cannot be used.
        MissingExtraError: the packages of its backend are not installed.

    Offline neither its key nor those packages are needed.

    Example:
        >>> import tempfile
        >>> spec = ModelSpec("a-model", base_url="http://127.0.0.1:9/v1")
        >>> asker_of(spec, tempfile.mkdtemp() + "/ledger.sqlite").backend.model
        'a-model'
    """
    place = (id(spec), ledger, offline, os.getpid())
    known = _known_askers.get(place)
    if known is None or known[0] is not spec:
        if len(_known_askers) > 256:
            _known_askers.clear()
        known = _known_askers[place] = (spec, _asker(spec, os.path.abspath(ledger), offline, os.getpid()))
    return known[1]


# By identity: to hash a specification at every call takes longer than to find an answer.
_known_askers: dict[tuple, tuple[ModelSpec, Asker]] = {}


def _in_process(spec: ModelSpec) -> ChatBackend:
    from asid_hf.chat.in_process import InProcess

    return InProcess(spec)


class _Unasked:
    """What stands for a model that is not asked: neither a key nor packages are needed for it."""

    def __init__(self, spec: ModelSpec) -> None:
        self.model, self.accepts = spec.model, spec.accepts

    async def complete(self, request: ChatRequest, on_fault: OnFault) -> ChatReply:
        raise ChatError("replay", "No model is asked where --offline is set.")


BACKENDS: dict[str, Callable[[ModelSpec], ChatBackend]] = {"endpoint": Endpoint, "transformers": _in_process}
"""`ModelSpec.backend` -> what makes it."""


@lru_cache(maxsize=64)
def _asker(spec: ModelSpec, ledger: str, offline: bool, process: int) -> Asker:
    backend = _Unasked(spec) if offline else BACKENDS[spec.backend](spec)
    return Asker(backend, open_ledger(ledger), offline)


def request_of(
    spec: ModelSpec, prompt: str, messages: Sequence[Message], schema: dict | None = None, seed: int = 0
) -> ChatRequest:
    """A request to a model with its own parameters.

    Args:
        spec: the model.
        prompt: name and version of the prompt.
        messages: the turns.
        schema: of the reply.
        seed: added to the model's own, for several samples of one call; the first sample keeps the model's.

    Example:
        >>> request_of(ModelSpec("a-model", seed=7), "p@1", [Message("user", ("Hi",))], seed=1).parameters["seed"]
        8
    """
    parameters = spec.parameters()
    if "seed" in parameters:
        parameters["seed"] += seed
    elif seed:
        parameters["seed"] = seed
    shows_clip = any(not isinstance(part, str) for message in messages for part in message.content)
    return ChatRequest(tuple(messages), prompt, schema, parameters, spec.media_form() if shows_clip else ())


def _usable(reply: ChatReply, request: ChatRequest, check: Check | None) -> ChatReply:
    value = check_text(reply) if request.schema is None else parse_reply(reply, request.schema)
    return replace(reply, parsed=value if check is None else check(value))


def _asked_again(request: ChatRequest, reply: ChatReply, error: ChatError) -> ChatRequest:
    form = "the JSON value that was asked for, and nothing around it" if request.schema else "what was asked for"
    turns = (
        Message("assistant", (reply.text[:SHOWN] or "(nothing)",)),
        # What was found wrong may quote captions: they are material here as they were in the first turn.
        Message("user", (f"That reply cannot be used:\n{data_block('error', str(error))}\nReply again with {form}.",)),
    )
    return replace(request, messages=(*request.messages, *turns), attempt=request.attempt + 1)
