"""A `ChatBackend` in memory: answers by a function of the request, counts what it is asked, and can fail as told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from asid_hf.chat.messages import ChatError, ChatReply, ChatRequest, OnFault


class MemoryBackend:
    """Answers a request with what `answer` makes of it: a text, a reply, or an error."""

    model, accepts = "in-memory", ()

    def __init__(self, answer: Callable[[ChatRequest], str | ChatReply | ChatError], seconds: float = 0.0) -> None:
        self.answer, self.seconds = answer, seconds
        self.asked: list[ChatRequest] = []

    async def complete(self, request: ChatRequest, on_fault: OnFault) -> ChatReply:
        self.asked.append(request)
        await asyncio.sleep(self.seconds)
        answer = self.answer(request)
        if isinstance(answer, ChatError):
            await on_fault(answer)
            raise answer
        if isinstance(answer, str):
            words = [part for message in request.messages for part in message.content]
            return ChatReply(answer, "stop", sum(len(w.split()) for w in words), len(answer.split()), self.seconds)
        return answer
