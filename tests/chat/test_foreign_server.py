"""Our endpoint against a server that is not ours: llm-katan, with its own simulated failures."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from media_files import make_clip

from asid_hf.chat import loop, retry
from asid_hf.chat.asking import Asker, request_of
from asid_hf.chat.attachments import clip_part
from asid_hf.chat.endpoint import Endpoint
from asid_hf.chat.ledger import Ledger
from asid_hf.chat.messages import ChatError, ChatReply, ChatRequest, Message
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.errors import EndpointError

_BESIDE = Path(sys.executable).with_name("llm-katan")
_KATAN = str(_BESIDE) if _BESIDE.is_file() else shutil.which("llm-katan")
pytestmark = pytest.mark.skipif(_KATAN is None, reason="llm-katan is not installed: pip install llm-katan==0.22.0")

ANSWER = {"type": "object", "required": ["response"], "properties": {"response": {"type": "string"}}}


@contextmanager
def katan(folder: Path, *options: str) -> Iterator[str]:
    """Run the server; gives its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [_KATAN, "--model", "echo", "--backend", "echo", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--stats-file", str(folder / "stats.json"), "--disable-dashboard", "--max-concurrent", "100", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(address: str, process: subprocess.Popen) -> None:
    for _ in range(600):
        assert process.poll() is None, "llm-katan ended"
        try:
            with urllib.request.urlopen(address, timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise AssertionError("llm-katan does not answer")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with katan(tmp_path_factory.mktemp("katan")) as running:
        yield running


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(retry, "LONGEST_PAUSE", 0.05)


def spec_of(address: str, **settings: object) -> ModelSpec:
    return ModelSpec("echo", base_url=address, **{"timeout": 20.0, "deadline": 30.0, **settings})


def request(text: str) -> ChatRequest:
    return ChatRequest((Message("system", ("Be brief.",)), Message("user", (text,))), "greet@1")


def ask(endpoint: Endpoint, *requests: ChatRequest) -> tuple[list, Counter]:
    faults: Counter = Counter()

    async def on_fault(error: ChatError) -> None:
        faults[error.kind] += 1

    async def together() -> list:
        async with asyncio.timeout(60):
            return await asyncio.gather(*(endpoint.complete(r, on_fault) for r in requests), return_exceptions=True)

    return loop.run(together()), faults


def test_a_reply_with_its_tokens(address: str) -> None:
    (reply,), faults = ask(Endpoint(spec_of(address)), request("What do you see?"))
    assert isinstance(reply, ChatReply) and "What do you see?" in reply.text
    assert reply.finish_reason == "stop" and reply.input_tokens > 0 and reply.output_tokens > 0 and not faults


def test_many_calls_at_once(address: str) -> None:
    replies, faults = ask(Endpoint(spec_of(address, concurrency=60)), *[request(f"<call {i}>") for i in range(120)])
    assert all(f"<call {i}>" in reply.text for i, reply in enumerate(replies)) and not faults


def test_a_reply_that_is_no_json_is_asked_for_again_and_recorded(address: str, tmp_path: Path) -> None:
    spec = spec_of(address)
    asker = Asker(Endpoint(spec), Ledger(tmp_path / "ledger.sqlite"))
    asked = request_of(spec, "p@1", [Message("user", ("What is it?",))], ANSWER)
    with pytest.raises(ChatError) as caught:
        loop.run(asker.ask("s", asked))
    assert caught.value.kind == "not_json"
    assert asker.ledger.failure(asked.key("echo")).kind == "not_json" and asker.ledger.find(asked.key("echo")) is None


def test_its_json_mode_gives_a_value(address: str, tmp_path: Path) -> None:
    spec = spec_of(address, structured="json_object")
    asker = Asker(Endpoint(spec), Ledger(tmp_path / "ledger.sqlite"))
    asked = request_of(spec, "p@1", [Message("user", ("What is it?",))], ANSWER)
    assert "What is it?" in loop.run(asker.ask("s", asked)).parsed["response"]
    assert loop.run(asker.ask("s", asked)).hit


def test_a_clip_is_taken_in_every_form(address: str, tmp_path: Path) -> None:
    part = clip_part({"path": str(make_clip(tmp_path / "clip.mp4", 2.0, tone=330.0)), "bytes": None})
    for accepts, shown in ((("frames",), "[image:image/jpeg]"), (("video",), ""), (("audio",), "")):
        spec = spec_of(address, accepts=accepts)
        asked = request_of(spec, "p@1", [Message("user", (part, "What is it?"))])
        (reply,), faults = ask(Endpoint(spec), asked)
        assert "What is it?" in reply.text and shown in reply.text and not faults


def test_its_errors_lose_no_call(tmp_path: Path) -> None:
    with katan(tmp_path, "--error-rate", "0.3", "--latency-ms", "20") as flawed:
        endpoint = Endpoint(spec_of(flawed, concurrency=30, attempts=40))
        replies, faults = ask(endpoint, *[request(f"<call {i}>") for i in range(90)])
    assert all(f"<call {i}>" in reply.text for i, reply in enumerate(replies))
    assert set(faults) == {"overloaded"} and 5 <= faults["overloaded"] <= 150


def test_too_many_at_once_become_fewer(tmp_path: Path) -> None:
    with katan(tmp_path, "--max-inflight", "4", "--latency-ms", "20") as narrow:
        endpoint = Endpoint(spec_of(narrow, concurrency=32, attempts=100))
        replies, faults = ask(endpoint, *[request(f"<call {i}>") for i in range(60)])
    assert all(f"<call {i}>" in reply.text for i, reply in enumerate(replies))
    assert set(faults) == {"overloaded"} and endpoint.limiter.limit < 32


@pytest.mark.parametrize(
    ("option", "kind"), [("--rate-limit-after", "rate_limited"), ("--timeout-after", "overloaded")]
)
def test_what_was_answered_before_the_end_is_kept(tmp_path: Path, option: str, kind: str) -> None:
    with katan(tmp_path, option, "5") as ending:
        spec = spec_of(ending, concurrency=1, deadline=0.6, attempts=3)
        asker = Asker(Endpoint(spec), Ledger(tmp_path / "ledger.sqlite"))

        async def together() -> list:
            asked = [asker.ask("s", request(f"<call {i}>")) for i in range(8)]
            return await asyncio.gather(*asked, return_exceptions=True)

        replies = loop.run(together())
    assert [isinstance(reply, ChatReply) for reply in replies] == [True] * 5 + [False] * 3
    first, *later = replies[5:]
    assert first.kind == kind
    assert all(isinstance(reply, ChatError | EndpointError) for reply in later)
    offline = Asker(Endpoint(spec), Ledger(tmp_path / "ledger.sqlite"), offline=True)
    assert loop.run(offline.ask("s", request("<call 4>"))).hit


def test_a_wrong_key_ends_the_run_and_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with katan(tmp_path, "--validate-keys", "--api-keys", "openai=right-key") as guarded:
        monkeypatch.setenv("KATAN_KEY", "my-own-wrong-key")
        (error,), _ = ask(Endpoint(spec_of(guarded, api_key_env="KATAN_KEY")), request("Hello"))
        assert isinstance(error, EndpointError) and "answered 401" in str(error)
        assert "my-own-wrong-key" not in str(error) and "got '***'" in str(error)
        monkeypatch.setenv("KATAN_KEY", "right-key")
        (reply,), _ = ask(Endpoint(spec_of(guarded, api_key_env="KATAN_KEY")), request("Hello"))
        assert "Hello" in reply.text
