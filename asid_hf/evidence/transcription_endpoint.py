"""A recogniser behind an address: any server with OpenAI's /audio/transcriptions (vLLM, speaches, OpenAI, ...).

It has to answer in "verbose_json", since words without any confidence pass no gate. Its calls go through the ledger
like those of language models: each piece of sound is paid for once, whoever asks.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections import Counter
from functools import lru_cache

import numpy as np

from ..chat import loop
from ..chat.asking import Asker
from ..chat.endpoint import LONGEST_REPLY, Endpoint
from ..chat.ledger import open_ledger
from ..chat.messages import ChatError, ChatReply, ChatRequest, ClipPart, Message
from ..chat.model_spec import ModelSpec
from ..errors import InputError
from ..media_encode import wav
from .doubts import MIXED_LANGUAGE
from .recogniser import Recognised, Told
from .transcription_reply import REPLY_SCHEMA, language_code, read_reply
from .whisper import Whisper

STAGE, LABEL = "transcribe", "transcription@1"
"""What its calls are counted under in the ledger."""


class TranscriptionBackend(Endpoint):
    """A `ChatBackend` whose requests are sounds and whose replies are transcripts, as JSON.

    Args:
        spec: the model and its `base_url`; of its parameters only the temperature and `extra_body` are sent.

    Raises:
        InputError: it has no `base_url`, or its key is not in the environment.

    Example:
        >>> TranscriptionBackend(ModelSpec("whisper-1", base_url="http://127.0.0.1:9/v1")).address
        'http://127.0.0.1:9/v1/audio/transcriptions'
    """

    def __init__(self, spec: ModelSpec) -> None:
        if spec.base_url is None:
            raise InputError(
                f"The recogniser {spec.model} has no base_url: where is it? As in http://localhost:8000/v1."
            )
        super().__init__(spec)
        self.address = f"{spec.base_url.rstrip('/')}/audio/transcriptions"
        self._key, self._http = spec.key(), None

    async def close(self) -> None:
        """Close the connections."""
        await super().close()
        if self._http is not None:
            await self._http.aclose()

    async def _messages(self, request: ChatRequest) -> bytes:
        """The sound of a request, as a WAV file."""
        return request.messages[0].content[0].video["bytes"]

    async def _attempt(self, request: ChatRequest, sound: bytes, seconds: float) -> ChatReply:
        started, seconds = time.perf_counter(), min(self.spec.timeout, seconds)
        try:
            async with asyncio.timeout(seconds):
                text = await self._post(sound, request.parameters)
            return ChatReply(text, latency=time.perf_counter() - started)
        except Exception as error:  # of whatever a server makes of a broken reply; it gets its name in `_fault`
            raise self._fault(error, seconds) from error

    async def _post(self, sound: bytes, parameters: dict) -> str:
        from httpx2 import AsyncClient, Response
        from huggingface_hub.errors import HfHubHTTPError

        if self._http is None:  # sound goes where it is sent, nowhere else
            self._http = AsyncClient(follow_redirects=False, timeout=None)
        headers = {"authorization": f"Bearer {self._key}"} if self._key else {}
        files = {"file": ("speech.wav", sound, "audio/wav")}
        async with self._http.stream("POST", self.address, data=parameters, files=files, headers=headers) as response:
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > LONGEST_REPLY:
                    raise ChatError("malformed", f"The reply has over {LONGEST_REPLY} bytes.")
        if response.status_code != 200:
            wait = {"retry-after": response.headers["retry-after"]} if "retry-after" in response.headers else {}
            told = Response(response.status_code, headers=wait, content=body, request=response.request)
            raise HfHubHTTPError("refused", response=told)
        return body.decode("utf-8", "replace")


class EndpointRecogniser:
    """A `Polyglot` recogniser behind an address; see `endpoint_recogniser`.

    Args:
        asker: asks the server, through the ledger.
        spec: the model.

    Example:
        >>> import tempfile
        >>> spec = ModelSpec("whisper-1", base_url="http://127.0.0.1:9/v1")
        >>> endpoint_recogniser(spec, tempfile.mkdtemp() + "/ledger.sqlite").name
        'endpoint:whisper-1'
    """

    longest, sure = Whisper.longest, Whisper.sure

    def __init__(self, asker: Asker, spec: ModelSpec) -> None:
        self.asker, self.spec, self.name = asker, spec, f"endpoint:{spec.model}"

    def recognise_clip(self, pieces: list[np.ndarray], sample_rate: int) -> Told:
        """Have the pieces of a clip written down, all at once; see `Polyglot`.

        The language is that of most words, its likelihood their share; what is in another is doubted.

        Raises:
            ChatError: a piece got no usable answer.
            EndpointError: the server answers nobody.
        """
        replies = loop.run(self._ask_all(pieces, sample_rate))
        said = [read_reply(each, len(piece) / sample_rate) for each, piece in zip(replies, pieces, strict=True)]
        languages = [language_code(reply.get("language")) for reply in replies]
        words: Counter[str | None] = Counter()
        for language, utterances in zip(languages, said, strict=True):
            words[language] += sum(len(utterance["text"].split()) for utterance in utterances)
        known = [(count, language) for language, count in words.items() if language and count]
        if not known:
            return Told(None, 0.0, said)
        count, language = max(known)
        doubted = [
            said_here if here in (language, None) else [_in_another_language(each) for each in said_here]
            for here, said_here in zip(languages, said, strict=True)
        ]
        return Told(language, count / words.total(), doubted)

    async def _ask_all(self, pieces: list[np.ndarray], sample_rate: int) -> list[dict]:
        answers = (self.asker.ask(STAGE, self._request(piece, sample_rate)) for piece in pieces)
        done = await asyncio.gather(*answers, return_exceptions=True)
        for trouble in done:
            if isinstance(trouble, BaseException):
                raise trouble
        return [reply.parsed for reply in done]

    def _request(self, piece: np.ndarray, sample_rate: int) -> ChatRequest:
        sound = wav(piece, sample_rate)
        part = ClipPart({"path": None, "bytes": sound}, hashlib.sha256(sound).hexdigest())
        parameters = {
            "model": self.spec.model,
            "response_format": "verbose_json",
            "timestamp_granularities[]": ["word", "segment"],
            "temperature": str(self.spec.temperature or 0),
            **{name: str(value) for name, value in self.spec.extra_body},
        }
        return ChatRequest((Message("user", (part,)),), LABEL, REPLY_SCHEMA, parameters, ("wav", sample_rate))


def endpoint_recogniser(spec: ModelSpec, ledger: str, offline: bool = False) -> EndpointRecogniser:
    """The recogniser behind an address, once a process.

    Args:
        spec: the model, its `base_url`, the environment variable of its key, its times and limits.
        ledger: path of the call ledger.
        offline: answer from the ledger alone.

    Raises:
        InputError: no `base_url`, or its key is not in the environment.
        OutputError: the ledger cannot be used.

    Example:
        >>> import tempfile
        >>> spec = ModelSpec("whisper-1", base_url="http://127.0.0.1:9/v1")
        >>> endpoint_recogniser(spec, tempfile.mkdtemp() + "/ledger.sqlite").longest
        28.0
    """
    return _recogniser(spec, os.path.abspath(ledger), offline, os.getpid())


@lru_cache(maxsize=8)
def _recogniser(spec: ModelSpec, ledger: str, offline: bool, process: int) -> EndpointRecogniser:
    return EndpointRecogniser(Asker(TranscriptionBackend(spec), open_ledger(ledger), offline), spec)


def _in_another_language(utterance: Recognised) -> Recognised:
    return {**utterance, "doubt": utterance.get("doubt") or MIXED_LANGUAGE}
