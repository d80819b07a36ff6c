"""Models in this process, on transformers: loaded once, asked one call after the other beside the event loop."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.util import find_spec

from asid_hf.chat.local_loading import EXTRA, FEATURE, load_model
from asid_hf.chat.local_model import LocalModel
from asid_hf.chat.messages import ChatError, ChatReply, ChatRequest, OnFault
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.chat.shown_clip import show
from asid_hf.errors import EndpointError, InputError, MediaError, MissingExtraError


class InProcess:
    """A `ChatBackend` on transformers; the model is loaded with the first call.

    A call is greedy at temperature 0 or none, and otherwise drawn with its seed: the same call gives the same text,
    whatever was asked before it. A JSON schema is asked for in words alone, by the prompt.

    Args:
        spec: `model` is a Hub id or a folder; `accepts` is what of a clip it is shown: "video" and "audio" for a
            processor that takes them (Qwen2.5-Omni: sound inside the film), "frames" for one that takes pictures.

    Raises:
        MissingExtraError: torch or transformers are not installed, or torchvision for a model that takes films.

    Example:
        >>> InProcess(ModelSpec("Qwen/Qwen2.5-7B-Instruct", backend="transformers")).model  # doctest: +SKIP
        'Qwen/Qwen2.5-7B-Instruct'
    """

    def __init__(self, spec: ModelSpec) -> None:
        wanted = ("torch", "transformers", *(("torchvision",) if "video" in spec.accepts else ()))
        if not all(map(find_spec, wanted)):
            raise MissingExtraError(FEATURE, EXTRA)
        self.spec, self.model, self.accepts = spec, spec.model, spec.accepts

    async def complete(self, request: ChatRequest, on_fault: OnFault) -> ChatReply:
        """Answer one request; see `ChatBackend`.

        Its `timeout` runs from when the calls before it are done; what was not said by then is not waited for.

        Raises:
            ChatError: rejected (more tokens than the model takes, a parameter it does not know), media, timeout,
                overloaded (out of memory), empty, or malformed (whatever else the model stumbles over).
            EndpointError: the model cannot be loaded, or does not take what `accepts` says.
        """
        stop = threading.Event()
        try:
            return await asyncio.get_running_loop().run_in_executor(_thread(os.getpid()), self._answer, request, stop)
        except ChatError as error:
            await on_fault(error)
            raise
        finally:
            stop.set()  # of a call that was cancelled: the next one is waiting

    def _answer(self, request: ChatRequest, stop: threading.Event) -> ChatReply:
        started = time.perf_counter()
        model = _loaded(self.model, os.getpid())
        model.check_takes(self.accepts)
        try:
            shown = show(request, self.spec, model.sound_in_film)
            text, reason, counts = model.answer(shown, request.parameters, self.spec.timeout, stop)
        except (ChatError, EndpointError):
            raise
        except MediaError as error:
            raise ChatError("media", str(error)) from error
        except InputError as error:  # words alone that are more than the model takes
            raise ChatError("rejected", str(error)) from error
        except Exception as error:  # of whatever a processor and a model make of an odd input
            fault = model.fault(error)
            raise ChatError(fault.kind, str(fault).replace(self.model, self.spec.name)) from error
        if not text.strip() and reason == "stop":
            raise ChatError("empty", "The reply is empty.")
        return ChatReply(text, reason, *counts, time.perf_counter() - started)


@lru_cache(maxsize=4)
def _loaded(name: str, process: int) -> LocalModel:
    return load_model(name)


@lru_cache(maxsize=1)
def _thread(process: int) -> ThreadPoolExecutor:
    """The one thread in which models load and answer: two at a time would be no faster, and need twice the memory."""
    return ThreadPoolExecutor(1, thread_name_prefix="model")
