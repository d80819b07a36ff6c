"""An endpoint over real HTTP: every fault by its name, tried again where that helps, an end in any case."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from llm_models import Skill
from llm_server import Server
from llm_world import World

from asid_hf.chat import limiter, loop, retry
from asid_hf.chat.asking import Asker, request_of
from asid_hf.chat.attachments import clip_part
from asid_hf.chat.endpoint import Endpoint
from asid_hf.chat.ledger import Ledger
from asid_hf.chat.messages import ChatError, ChatReply, ChatRequest, Message
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.errors import EndpointError, InputError
from asid_hf.prompts import PROMPTS

SCHEMA = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}, "additionalProperties": False}

PASSES = {  # what the same call may not meet again
    "429": "rate_limited",
    "429:0.1": "rate_limited",
    "408": "overloaded",
    "409": "overloaded",
    "500": "overloaded",
    "502": "overloaded",
    "503:0.1": "overloaded",
    "504": "overloaded",
    "529": "overloaded",
    "reset": "reset",
    "close": "reset",
    "half": "reset",
    "hang": "timeout",
    "drip": "timeout",
    "not_json": "malformed",
    "not_utf8": "malformed",
    "html": "malformed",
    "no_body": "malformed",
    "null": "malformed",
    "list": "malformed",
    "no_choices": "malformed",
    "empty_choices": "malformed",
    "null_choices": "malformed",
    "null_message": "malformed",
    "number": "malformed",
    "parts": "malformed",
    "huge": "malformed",
    "empty": "empty",
    "blank": "empty",
    "null_content": "empty",
}
STAYS = {  # what it will meet again
    "400": "rejected",
    "400:list": "rejected",
    "400:string": "rejected",
    "400:number": "rejected",
    "404": "rejected",
    "413": "rejected",
    "422": "rejected",
}


@pytest.fixture(scope="module")
def world() -> World:
    return World(3, seed=5)


@pytest.fixture(scope="module")
def server(world: World) -> Iterator[Server]:
    with Server(world) as running:
        yield running


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(retry, "LONGEST_PAUSE", 0.05)


def endpoint(server: Server, model: str = "m", **settings: object) -> Endpoint:
    given = {"timeout": 0.4, "deadline": 20.0, "attempts": 3, **settings}
    return Endpoint(ModelSpec(model, base_url=server.url, **given))


def request(text: str = "Hello", schema: dict | None = None, **parameters: object) -> ChatRequest:
    return ChatRequest((Message("user", (text,)),), "greet@1", schema, parameters)


def ask(asked: Endpoint, *requests: ChatRequest) -> tuple[list, Counter]:
    """Ask all at once; the replies, errors where there is none, and the faults on the way by kind."""
    faults: Counter = Counter()

    async def on_fault(error: ChatError) -> None:
        faults[error.kind] += 1

    async def together() -> list:
        async with asyncio.timeout(60):  # nothing here may be endless
            return await asyncio.gather(*(asked.complete(r, on_fault) for r in requests), return_exceptions=True)

    return loop.run(together()), faults


@pytest.mark.parametrize(("behaviour", "kind"), PASSES.items())
def test_a_fault_that_may_pass_is_tried_again(server: Server, behaviour: str, kind: str) -> None:
    server.model("m", script=[behaviour])
    (reply,), faults = ask(endpoint(server), request())
    assert isinstance(reply, ChatReply) and reply.text == "Hello"
    assert faults == {kind: 1}
    assert server.stats("m")["requests"] == 2


@pytest.mark.parametrize(("behaviour", "kind"), {kind: (name, kind) for name, kind in PASSES.items()}.values())
def test_a_fault_that_stays_ends_the_call(server: Server, behaviour: str, kind: str) -> None:
    server.model("m", always=behaviour)
    patient = kind == "rate_limited"  # tried for as long as the deadline lets it
    timeout = {"timeout": 0.2} if kind == "timeout" else {}
    (error,), faults = ask(endpoint(server, deadline=0.5 if patient else 20.0, **timeout), request())
    assert isinstance(error, ChatError) and error.kind == kind
    tried = server.stats("m")["requests"]
    assert faults == {kind: tried}
    assert tried > 3 if patient else tried == 3


@pytest.mark.parametrize(("behaviour", "kind"), STAYS.items())
def test_what_is_refused_is_not_asked_again(server: Server, behaviour: str, kind: str) -> None:
    server.model("m", script=["answer", behaviour])
    asked = endpoint(server)
    ask(asked, request())
    (error,), faults = ask(asked, request())
    assert isinstance(error, ChatError) and error.kind == kind
    code = behaviour.partition(":")[0]
    assert (f"answered {code}" in str(error) and f"says {code}" in str(error)) or behaviour.endswith("number")
    assert server.stats("m")["requests"] == 2 and faults == {kind: 1}


@pytest.mark.parametrize("behaviour", ["401", "403", "404"])
def test_a_first_call_that_nobody_lets_in_ends_the_run(server: Server, behaviour: str) -> None:
    server.model("m", always=behaviour, latency=0.1)
    replies, _ = ask(endpoint(server, concurrency=2), *[request(str(i)) for i in range(6)])
    assert [type(error) for error in replies] == [EndpointError] * 6
    assert "Mend the address, the model's name, or its key" in str(replies[0])
    assert server.stats("m")["requests"] == 2  # those that waited did not ask


@pytest.mark.parametrize("behaviour", ["401", "402"])
def test_a_key_that_is_refused_ends_the_run_whatever_was_answered_before(server: Server, behaviour: str) -> None:
    server.model("m", script=["answer"], always=behaviour)
    replies, _ = ask(endpoint(server, concurrency=1), *[request(str(i)) for i in range(6)])
    assert [type(reply) for reply in replies] == [ChatReply] + [EndpointError] * 5
    assert f"says {behaviour}" in str(replies[1]) and server.url in str(replies[1])
    assert server.stats("m")["requests"] == 2


@pytest.mark.parametrize("behaviour", ["429", "hang", "500", "reset"])
@pytest.mark.parametrize("script", [[], ["answer"]])
def test_an_endpoint_that_answers_nobody_ends_the_run(server: Server, behaviour: str, script: list) -> None:
    server.model("m", script=script, always=behaviour)
    asked = endpoint(server, concurrency=2, deadline=0.5, timeout=0.3)
    ask(asked, *[request(str(i)) for i in script])
    replies, _ = ask(asked, *[request(str(i)) for i in range(40)])
    ended = [reply for reply in replies if isinstance(reply, EndpointError)]
    assert len(ended) >= 20 and "answers nobody" in str(ended[0]) and server.url in str(ended[0])
    assert len(server.requests("m")) < 80


def test_a_few_calls_that_a_server_stumbles_over_end_no_run(server: Server) -> None:
    server.model("m", rates={"500": 0.6}, latency=0.02)
    replies, _ = ask(endpoint(server, concurrency=2, attempts=1, timeout=0.3), *[request(str(i)) for i in range(60)])
    failed = [reply for reply in replies if isinstance(reply, ChatError)]
    assert len(failed) > 20 and not any(isinstance(reply, EndpointError) for reply in replies)


def test_inference_providers_are_not_asked_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(InputError, match="they want a key"):
        Endpoint(ModelSpec("a-model"))


def test_an_unknown_model_is_named(server: Server) -> None:
    (error,), _ = ask(endpoint(server, "no-such-model"), request())
    assert isinstance(error, EndpointError) and "`no-such-model` does not exist" in str(error)


def test_a_dead_address_ends_in_a_clear_message(unused_port: int) -> None:
    address = f"http://127.0.0.1:{unused_port}/v1"
    asked = Endpoint(ModelSpec("m", base_url=address, attempts=4, concurrency=2))
    replies, faults = ask(asked, *[request(str(i)) for i in range(5)])
    assert [type(error) for error in replies] == [EndpointError] * 5
    assert address in str(replies[0]) and "Start the server" in str(replies[0])
    assert faults == {"dead": 8}
    assert re.search(r"failed\. Tried for 0\.\d+ s\. Start", str(replies[0]))  # not for its deadline


def test_an_endpoint_found_dead_is_asked_again_by_later_calls(unused_port: int) -> None:
    asked = Endpoint(ModelSpec("m", base_url=f"http://127.0.0.1:{unused_port}/v1", attempts=2))
    assert isinstance(ask(asked, request())[0][0], EndpointError)
    with Server(port=unused_port) as late:
        late.model("m")
        assert ask(asked, request())[0][0].text == "Hello"


def test_a_server_that_is_started_again_loses_no_call(unused_port: int) -> None:
    async def run() -> tuple[ChatReply, list[str]]:
        kinds = []

        async def on_fault(error: ChatError) -> None:
            kinds.append(error.kind)

        with Server(port=unused_port) as first:
            first.model("m")
            asked = Endpoint(ModelSpec("m", base_url=first.url, attempts=2, deadline=30.0))
            await asked.complete(request(), on_fault)
        waiting = asyncio.create_task(asked.complete(request("again"), on_fault))
        while kinds.count("dead") < 5:
            await asyncio.sleep(0.01)
        with Server(port=unused_port) as second:
            second.model("m")
            while "dead" in kinds[-1:] and not waiting.done():
                await asyncio.sleep(0.01)
                if second.stats("m")["requests"]:
                    break
            return await waiting, kinds

    reply, kinds = loop.run(run())
    assert reply.text == "again" and len(kinds) >= 5


def test_retry_after_is_honoured(server: Server) -> None:
    for behaviour, least in (("429:0.5", 0.5), ("503:0.5", 0.5), ("429:date", 1.0)):
        server.model("m", script=[behaviour])
        (reply,), _ = ask(endpoint(server), request())
        first, second = (entry["time"] for entry in server.requests("m"))
        assert reply.text == "Hello" and second - first >= least


def test_all_calls_rest_while_the_server_asks_for_it(server: Server) -> None:
    server.model("m", script=["429:0.4"])
    asked = endpoint(server, concurrency=2)
    replies, _ = ask(asked, *[request(str(i)) for i in range(8)])
    assert [reply.text for reply in replies] == [str(i) for i in range(8)]
    times = sorted(entry["time"] for entry in server.requests("m"))
    assert times[2] - times[0] >= 0.4  # the two that left together; then nobody until the rest is over


@pytest.mark.parametrize("wait", ["86400", "inf", "1e400"])
def test_a_wish_to_wait_longer_than_the_deadline_ends_at_once(server: Server, wait: str) -> None:
    server.model("m", always=f"429:{wait}")
    asked = endpoint(server, deadline=0.4, concurrency=1)
    replies, _ = ask(asked, request("a"), request("b"))
    kinds = {getattr(error, "kind", type(error).__name__) for error in replies}
    assert kinds == ({"EndpointError"} if wait == "86400" else {"rate_limited"})  # what is no number is no wish


def test_the_deadline_ends_whatever_the_attempts(server: Server) -> None:
    server.model("m", always="hang")
    (error,), faults = ask(endpoint(server, timeout=0.2, deadline=0.9, attempts=1000), request())
    assert error.kind == "timeout" and 2 <= faults["timeout"] <= 6


def test_no_call_is_lost_among_many_faults(server: Server) -> None:
    kinds = {"429": "rate_limited", "500": "overloaded", "reset": "reset", "half": "reset", "html": "malformed"}
    kinds |= {"empty": "empty", "null_choices": "malformed", "503": "overloaded", "close": "reset", "hang": "timeout"}
    server.model("m", rates=dict.fromkeys(kinds, 0.04))
    asked = endpoint(server, concurrency=64, attempts=50, deadline=60.0, timeout=1.0)
    replies, faults = ask(asked, *[request(f"call {i}") for i in range(300)])
    assert [reply.text for reply in replies] == [f"call {i}" for i in range(300)]
    told = server.stats("m")["kinds"]
    assert set(told) == {"answer", *kinds} and told["answer"] == 300
    expected = Counter()
    for behaviour, kind in kinds.items():
        expected[kind] += told[behaviour]
    assert faults == expected


def test_concurrency_falls_to_what_the_server_bears_and_recovers(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter, "AGAIN_AFTER", 0.1)
    server.model("m", capacity=4, latency=0.02)
    asked = endpoint(server, concurrency=32, deadline=60.0)
    replies, faults = ask(asked, *[request(str(i)) for i in range(200)])
    assert [reply.text for reply in replies] == [str(i) for i in range(200)]
    assert faults["rate_limited"] >= 28 and asked.limiter.limit < 16
    narrow = asked.limiter.limit
    server.model("m")
    ask(asked, *[request(str(i)) for i in range(200)])
    assert asked.limiter.limit > narrow + 3
    assert server.stats("m")["kinds"] == {"answer": 200}


def test_two_runs_on_one_ledger_share_what_the_other_paid_while_a_call_waited(server: Server, tmp_path: Path) -> None:
    server.model("m", latency=0.03)
    askers = [Asker(endpoint(server, concurrency=1), Ledger(tmp_path / "ledger.sqlite")) for _ in range(2)]
    calls = [[request(str(n)) for n in range(6)], [request(str(n)) for n in reversed(range(6))]]

    async def together() -> list[ChatReply]:
        asked = (asker.ask("s", one) for asker, mine in zip(askers, calls, strict=True) for one in mine)
        return await asyncio.gather(*asked)

    assert [reply.text for reply in loop.run(together())] == [*"012345", *"543210"]
    assert server.stats("m")["requests"] <= 8  # six, and what both begin in the middle


def test_more_than_a_hundred_connections_at_once(server: Server) -> None:
    server.model("m", latency=0.4)
    replies, faults = ask(endpoint(server, concurrency=150, timeout=30.0), *[request(str(i)) for i in range(150)])
    assert [reply.text for reply in replies] == [str(i) for i in range(150)] and not faults
    assert server.stats("m")["most_at_once"] == 150


def test_a_redirect_is_not_followed(server: Server) -> None:
    server.model("elsewhere")
    server.model("m", script=["answer", f"redirect:{server.url}/chat/completions?to=elsewhere", "answer"])
    asked = endpoint(server)
    ask(asked, request())
    (error,), _ = ask(asked, request())
    assert error.kind == "rejected" and "m answered 307: a redirect" in str(error)
    assert server.stats("m")["requests"] == 2
    server.model("m", always=f"redirect:{server.url}/chat/completions")
    (error,), _ = ask(endpoint(server), request())
    assert isinstance(error, EndpointError)  # nobody will be answered here
    assert f"It sends to {server.url}/chat/completions." in str(error)


def test_the_hub_token_is_sent_to_nobody_else(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_" + "secret" * 5)
    monkeypatch.setenv("SOME_KEY", "some-key")
    server.model("m")
    ask(endpoint(server), request())
    ask(endpoint(server, api_key_env="SOME_KEY"), request())
    sent = [entry["headers"] for entry in server.requests("m")]
    assert [headers["authorization"] for headers in sent] == ["Bearer none", "Bearer some-key"]
    assert "secret" not in json.dumps(sent)


def test_a_key_is_in_no_error_message(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = "sk-very-secret-0123456789"
    monkeypatch.setenv("SOME_KEY", key)
    server.model("m", always=f"says:the key {key} is not allowed to do this")
    asker = Asker(endpoint(server, api_key_env="SOME_KEY"), Ledger(tmp_path / "ledger.sqlite"))
    with pytest.raises(ChatError, match=r"the key \*\*\* is not allowed") as caught:
        loop.run(asker.ask("s", request()))
    assert key not in str(caught.value)
    assert not any(key.encode() in file.read_bytes() for file in tmp_path.iterdir())


@pytest.mark.parametrize(
    "behaviour", ["400", "429", "hang", "reset", "half", "html", "says", "redirect:http://10.0.0.7/v1"]
)
def test_no_address_and_no_folder_is_in_a_calls_error(server: Server, behaviour: str) -> None:
    host = server.url.split("/")[2]
    told = {"says": f"says:upstream {server.url}/chat at {host} ({host.split(':')[0]}) has no /srv/someone/models/tiny"}
    server.model("/srv/someone/models/tiny", script=["answer"], always=told.get(behaviour, behaviour))
    asked = endpoint(server, "/srv/someone/models/tiny", deadline=0.5, attempts=2)
    ask(asked, request())
    (error,), _ = ask(asked, request())
    assert isinstance(error, ChatError) and "tiny" in str(error)
    assert not re.search(r"127\.0\.0\.1|10\.0\.0\.7|/v1|/srv|" + host.split(":")[1], str(error))


@pytest.mark.parametrize(
    ("structured", "sent"),
    [
        ("json_schema", {"type": "json_schema", "json_schema": {"name": "reply", "schema": SCHEMA, "strict": True}}),
        ("tgi", {"type": "json_object", "value": SCHEMA}),
        ("json_object", {"type": "json_object"}),
        ("none", None),
    ],
)
def test_a_schema_arrives_in_the_servers_own_form(server: Server, structured: str, sent: dict | None) -> None:
    server.model("m", reply='{"n": 1}')
    ask(endpoint(server, structured=structured), request(schema=SCHEMA))
    assert server.requests("m")[0]["body"].get("response_format") == sent


def test_parameters_arrive_as_they_were_given(server: Server) -> None:
    server.model("m")
    spec = ModelSpec("m", base_url=server.url, top_p=0.9, max_tokens=77, seed=3, extra_body=(("top_k", 5),))
    ask(Endpoint(spec), request_of(spec, "greet@1", [Message("user", ("Hi",))], seed=2))
    body = server.requests("m")[0]["body"]
    del body["messages"]
    assert body.pop("stream") is False
    assert body == {"model": "m", "temperature": 0.0, "top_p": 0.9, "max_tokens": 77, "seed": 5, "top_k": 5}


@pytest.mark.parametrize("behaviour", ["no_usage", "null_usage", "odd_usage"])
def test_a_reply_without_token_counts_is_a_reply(server: Server, behaviour: str) -> None:
    server.model("m", always=behaviour)
    (reply,), faults = ask(endpoint(server), request())
    assert (reply.text, reply.input_tokens, reply.output_tokens) == ("Hello", None, None) and not faults


@pytest.mark.parametrize(
    ("behaviour", "finish"), [("filtered", "content_filter"), ("length", "length"), ("refusal", "refusal")]
)
def test_how_a_reply_ended_is_told(server: Server, behaviour: str, finish: str) -> None:
    server.model("m", always=behaviour)
    (reply,), _ = ask(endpoint(server), request())
    assert reply.finish_reason == finish
    assert reply.text == {"filtered": "", "length": "He", "refusal": "I cannot describe this person."}[behaviour]


def test_half_characters_can_be_kept(server: Server, tmp_path: Path) -> None:
    server.model("m", always="surrogate")
    ledger = Ledger(tmp_path / "ledger.sqlite")
    asker = Asker(endpoint(server), ledger)
    reply = loop.run(asker.ask("s", request()))
    assert reply.text == "Hello\ufffd"
    assert ledger.find(request().key("m")).text == "Hello\ufffd"


def test_a_clip_reaches_the_model_that_knows_it(server: Server, world: World) -> None:
    clip = next(iter(world.clips.values()))
    prompt = PROMPTS["annotate"]
    server.model("annotator", skill=Skill(), latency=0.01)
    spec = ModelSpec("annotator", base_url=server.url, accepts=("video",))
    turn = Message("user", (clip_part(clip.row()["video"]), prompt.user(clip={"seconds": 60.0, "has_sound": True})))
    messages = [Message("system", (prompt.system,)), turn]
    (reply,), _ = ask(Endpoint(spec), request_of(spec, prompt.label, messages, prompt.schema))
    told = " ".join(json.loads(reply.text).values())
    assert clip.score(told) == (len(clip.truth), len(clip.truth), 0, 0, 0, 0)
    assert server.requests("annotator")[0]["clip"] == clip.name
    assert server.stats("annotator")["prompts"] == {"annotate": 1}


def test_a_clip_that_cannot_be_sent_is_a_fault_like_others(server: Server) -> None:
    broken = clip_part({"path": None, "bytes": b"no film"})
    server.model("m")
    asked = endpoint(server, accepts=("video",))
    (error,), faults = ask(asked, ChatRequest((Message("user", (broken, "What is it?")),), "p@1"))
    assert error.kind == "media" and faults == {"media": 1} and server.stats("m")["requests"] == 0
    assert asked.limiter.under_way == 0


def test_a_cancelled_call_frees_its_place(server: Server) -> None:
    server.model("m", script=["hang", "hang"])
    asked = endpoint(server, concurrency=2, timeout=60.0)

    async def run() -> str:
        calls = [asyncio.create_task(asked.complete(request(str(i)), None)) for i in range(3)]
        while server.stats("m")["requests"] < 2:
            await asyncio.sleep(0.01)
        for call in calls:
            call.cancel()
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(error) for error in ended] == [asyncio.CancelledError] * 3
        assert asked.limiter.under_way == 0
        return (await asked.complete(request("next"), None)).text

    assert loop.run(run()) == "next"


_SCRIPT = """
import os, sys
from asid_hf.chat import loop
from asid_hf.chat.asking import asker_of
from asid_hf.chat.messages import ChatRequest, Message
from asid_hf.chat.model_spec import ModelSpec
address, folder = sys.argv[1:]
def ask(model, text):
    spec = ModelSpec(model, base_url=address)
    asker = asker_of(spec, folder + "/ledger.sqlite")
    return loop.run(asker.ask("s", ChatRequest((Message("user", (text,)),), "p@1"))).text
"""


def script(code: str, server: Server, folder: Path) -> subprocess.Popen:
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", _SCRIPT + code, server.url, str(folder)]
    return subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )


def test_a_forked_process_asks_for_itself(server: Server, tmp_path: Path) -> None:
    server.model("m")
    code = """
print(ask("m", "parent"), flush=True)
child = os.fork()
if child == 0:
    print(ask("m", "child"), ask("m", "parent"), flush=True)
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), ask("m", "child"), ask("m", "later"), flush=True)
"""
    process = script(code, server, tmp_path)
    told, trouble = process.communicate(timeout=60)
    assert told.split("\n")[:3] == ["parent", "child parent", "0 child later"], trouble
    assert server.stats("m")["requests"] == 3  # what the other process had asked came out of the ledger


def test_ctrl_c_ends_a_run_and_keeps_what_was_answered(server: Server, tmp_path: Path) -> None:
    server.model("m")
    server.model("silent", always="hang")
    process = script('print(ask("m", "paid"), flush=True)\nask("silent", "never")', server, tmp_path)
    assert process.stdout.readline().strip() == "paid"
    while not server.stats("silent")["requests"]:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, trouble = process.communicate(timeout=30)
    assert process.returncode != 0 and "KeyboardInterrupt" in trouble
    spec = ModelSpec("m", base_url=server.url)
    asker = Asker(Endpoint(spec), Ledger(tmp_path / "ledger.sqlite"), offline=True)
    kept = loop.run(asker.ask("s", ChatRequest((Message("user", ("paid",)),), "p@1")))
    assert kept.text == "paid" and kept.hit


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_clip_that_is_moderated_away_ends_no_run(server: Server) -> None:
    server.model("m", script=["answer", "403", "answer"])
    asked = endpoint(server, concurrency=1)
    replies, faults = ask(asked, request("a"), request("b"), request("c"))
    assert [type(reply) for reply in replies] == [ChatReply, ChatError, ChatReply]
    assert faults == {"unauthorised": 1}
