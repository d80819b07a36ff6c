"""Asking: from the ledger where it was answered before, else once, checked, and kept before use."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from memory_backend import MemoryBackend

from asid_hf.chat import usage
from asid_hf.chat.asking import Asker, asker_of, request_of
from asid_hf.chat.ledger import Call, Ledger
from asid_hf.chat.ledger_file import connect
from asid_hf.chat.ledger_stats import ledger_stats
from asid_hf.chat.messages import ChatError, ChatReply, ChatRequest, Message
from asid_hf.chat.model_spec import ModelSpec

COUNT = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}


def request(text: str = "How many?", schema: dict | None = None) -> ChatRequest:
    return ChatRequest((Message("user", (text,)),), "count@1", schema, {"temperature": 0.0})


def asked(asker: Asker, *requests: ChatRequest, check: Callable | None = None) -> list[ChatReply | Exception]:
    """Ask all at once; errors stand where replies would."""

    async def together() -> list:
        return await asyncio.gather(*(asker.ask("count", r, check) for r in requests), return_exceptions=True)

    return asyncio.run(together())


def told(error: object) -> tuple[str, str]:
    assert isinstance(error, ChatError), error
    return error.kind, str(error)


def failures(ledger: Ledger) -> list[tuple]:
    return connect(ledger.path).execute("SELECT kind, input_tokens, output_tokens FROM failures").fetchall()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def test_an_answer_is_paid_once(ledger: Ledger) -> None:
    backend = MemoryBackend(lambda request: "Three dogs.")
    first, second = (asked(Asker(backend, ledger), request())[0] for _ in range(2))
    assert (first.text, first.parsed, first.hit) == ("Three dogs.", "Three dogs.", False)
    assert (second.text, second.parsed, second.hit) == ("Three dogs.", "Three dogs.", True)
    assert (second.input_tokens, second.output_tokens) == (first.input_tokens, first.output_tokens) == (2, 2)
    assert len(backend.asked) == 1
    ledger.flush()
    assert connect(ledger.path).execute("SELECT * FROM hits").fetchall() == [("count", "in-memory", "count@1", 1)]


def test_another_question_is_another_call(ledger: Ledger) -> None:
    backend = MemoryBackend(lambda request: request.messages[0].content[0].upper())
    replies = asked(Asker(backend, ledger), request("a"), request("b"), request("a"))
    assert [reply.text for reply in replies] == ["A", "B", "A"]
    assert len(backend.asked) == 2


def test_an_unusable_reply_is_asked_again_once_with_the_error_shown(ledger: Ledger) -> None:
    answers = iter(["There are three.", '{"n": 3}'])
    backend = MemoryBackend(lambda request: next(answers))
    asker = Asker(backend, ledger)
    assert asked(asker, request(schema=COUNT))[0].parsed == {"n": 3}
    first, again = backend.asked
    assert again.key("m") != first.key("m") and again.messages[: len(first.messages)] == first.messages
    assert again.messages[-2] == Message("assistant", ("There are three.",))
    assert "is no JSON" in again.messages[-1].content[0]
    assert failures(ledger) == [("not_json", 2, 3)]
    assert asked(asker, request(schema=COUNT))[0].hit  # under the first call's key
    assert len(backend.asked) == 2


def test_what_stays_unusable_is_a_failure_and_is_asked_again_by_the_next_run(ledger: Ledger) -> None:
    backend = MemoryBackend(lambda request: '{"m": 3}')
    kind, message = told(asked(Asker(backend, ledger), request(schema=COUNT))[0])
    assert kind == "schema" and "lacks n" in message
    assert len(backend.asked) == 2 and len(failures(ledger)) == 2
    backend.answer = lambda request: '{"n": 1}'
    assert asked(Asker(backend, ledger), request(schema=COUNT))[0].parsed == {"n": 1}
    assert len(backend.asked) == 3


def test_a_fault_of_the_wire_is_recorded_and_not_asked_again_here(ledger: Ledger) -> None:
    backend = MemoryBackend(lambda request: ChatError("timeout", "no reply within 60 s"))
    assert told(asked(Asker(backend, ledger), request())[0]) == ("timeout", "no reply within 60 s")
    assert len(backend.asked) == 1  # what is worth trying again, the backend has tried
    assert failures(ledger) == [("timeout", None, None)]


def test_a_withheld_reply_is_not_asked_again(ledger: Ledger) -> None:
    backend = MemoryBackend(lambda request: ChatReply("", "content_filter"))
    assert told(asked(Asker(backend, ledger), request())[0])[0] == "filtered"
    assert len(backend.asked) == 1


def test_equal_calls_at_the_same_time_share_one(ledger: Ledger) -> None:
    backend = MemoryBackend(lambda request: "Three.", seconds=0.05)
    replies = asked(Asker(backend, ledger), *[request()] * 20)
    assert [reply.text for reply in replies] == ["Three."] * 20
    assert sum(reply.hit for reply in replies) == 19
    assert len(backend.asked) == 1


def test_equal_calls_share_a_failure(ledger: Ledger) -> None:
    backend = MemoryBackend(lambda request: ChatError("refused", "No."), seconds=0.05)
    assert [told(error) for error in asked(Asker(backend, ledger), *[request()] * 5)] == [("refused", "No.")] * 5
    assert len(failures(ledger)) == 1


def test_each_that_shares_a_reply_checks_it_for_itself(ledger: Ledger) -> None:
    backend = MemoryBackend(lambda request: '{"n": 3}', seconds=0.05)
    asker = Asker(backend, ledger)

    async def together() -> list[ChatReply]:
        checks = [lambda value, row=row: (row, value["n"]) for row in "abc"]
        return await asyncio.gather(*(asker.ask("count", request(schema=COUNT), check) for check in checks))

    replies = asyncio.run(together())
    assert [(reply.parsed, reply.hit) for reply in replies] == [(("a", 3), False), (("b", 3), True), (("c", 3), True)]
    ledger.flush()
    assert len(backend.asked) == 1 and ledger_stats(ledger.path)["hits"] == 2


@pytest.mark.parametrize("strict", [0, 1])
def test_one_whose_check_refuses_a_shared_reply_asks_again_for_itself(ledger: Ledger, strict: int) -> None:
    backend = MemoryBackend(lambda request: '{"n": 3}' if request.attempt else '{"n": 99}', seconds=0.05)
    asker = Asker(backend, ledger)

    def few(value: dict) -> int:
        if value["n"] > 10:
            raise ChatError("invalid", "too many")
        return value["n"]

    async def together() -> list[ChatReply]:
        checks = [few if row == strict else lambda value: value["n"] for row in range(2)]
        return await asyncio.gather(*(asker.ask("count", request(schema=COUNT), check) for check in checks))

    replies = asyncio.run(together())
    assert replies[strict].parsed == 3 and replies[1 - strict].parsed in (3, 99)
    assert len(backend.asked) == 2
    assert not asker._under_way


def test_of_two_runs_that_pay_for_one_call_both_use_the_answer_that_was_kept(ledger: Ledger) -> None:
    """Else a run could not be repeated from its ledger."""
    backends = [MemoryBackend(lambda request: "first", 0.02), MemoryBackend(lambda request: "second too", 0.1)]
    askers = [Asker(backend, Ledger(ledger.path)) for backend in backends]

    async def together() -> list[ChatReply]:
        return await asyncio.gather(*(asker.ask("count", request()) for asker in askers))

    assert [reply.text for reply in asyncio.run(together())] == ["first", "first"]
    assert ledger.find(request().key("in-memory")).text == "first"
    stats = ledger_stats(ledger.path)
    assert (stats["calls"], stats["answers"], stats["failures"]) == (2, 1, {"superseded": 1})
    assert (stats["input_tokens"], stats["output_tokens"]) == (4, 3)


def test_an_answer_kept_first_that_cannot_be_used_here_is_replaced(ledger: Ledger) -> None:
    backends = [MemoryBackend(lambda request: '{"n": 99}', 0.02), MemoryBackend(lambda request: '{"n": 3}', 0.1)]
    askers = [Asker(backend, Ledger(ledger.path)) for backend in backends]

    def few(value: dict) -> int:
        if value["n"] > 10:
            raise ChatError("invalid", "too many")
        return value["n"]

    async def together() -> list[ChatReply]:
        lax, strict = request(schema=COUNT), request(schema=COUNT)
        return await asyncio.gather(askers[0].ask("count", lax), askers[1].ask("count", strict, few))

    assert [reply.parsed for reply in asyncio.run(together())] == [{"n": 99}, 3]
    assert ledger.find(request(schema=COUNT).key("in-memory")).text == '{"n": 3}'
    assert ledger_stats(ledger.path)["failures"] == {"superseded": 1}
    assert ledger_stats(ledger.path)["calls"] == 2


def test_one_who_stops_waiting_stops_no_other(ledger: Ledger) -> None:
    backend = MemoryBackend(lambda request: "Three.", seconds=0.05)
    asker = Asker(backend, ledger)

    async def two() -> str:
        first = asyncio.ensure_future(asker.ask("count", request()))
        await asyncio.sleep(0.01)
        second = asyncio.ensure_future(asker.ask("count", request()))
        await asyncio.sleep(0.01)
        second.cancel()
        return (await first).text

    assert asyncio.run(two()) == "Three."
    assert not asker._under_way


def test_a_check_may_refuse_and_what_it_returns_is_used(ledger: Ledger) -> None:
    answers = iter(['{"n": 99}', '{"n": 3}'])
    backend = MemoryBackend(lambda request: next(answers))

    def few(value: dict) -> int:
        if value["n"] > 10:
            raise ChatError("invalid", f"{value['n']} dogs are not in the clip.")
        return value["n"]

    assert asked(Asker(backend, ledger), request(schema=COUNT), check=few)[0].parsed == 3
    assert "99 dogs are not in the clip." in backend.asked[1].messages[-1].content[0]
    assert asked(Asker(backend, ledger), request(schema=COUNT), check=few)[0].parsed == 3


def test_a_kept_answer_that_a_new_check_refuses_is_paid_again_and_replaced(ledger: Ledger) -> None:
    answers = iter(['{"n": 99}', '{"n": 3}'])
    backend = MemoryBackend(lambda request: next(answers))
    asked(Asker(backend, ledger), request(schema=COUNT))

    def few(value: dict) -> int:
        if value["n"] > 10:
            raise ChatError("invalid", "too many")
        return value["n"]

    for hit in (False, True):
        reply = asked(Asker(backend, ledger), request(schema=COUNT), check=few)[0]
        assert (reply.parsed, reply.hit) == (3, hit)
    assert len(backend.asked) == 2
    ledger.flush()
    assert failures(ledger) == [("superseded", 2, 2)]  # it was paid


def test_offline_answers_come_from_the_ledger_alone(ledger: Ledger) -> None:
    def answer(request: ChatRequest) -> str | ChatError:
        return ChatError("timeout", "no reply") if request.messages[0].content[0] == "slow" else "Three."

    requests = [request(), request("slow")]
    asked(Asker(MemoryBackend(answer), ledger), *requests)
    silent = MemoryBackend(lambda request: pytest.fail("it was asked"))
    known, failed, new = asked(Asker(silent, ledger, offline=True), *requests, request("never asked"))
    assert (known.text, known.hit) == ("Three.", True)
    assert told(failed) == ("timeout", "no reply")
    assert told(new)[0] == "replay" and "--offline" in told(new)[1]
    assert silent.asked == []


def test_another_process_finds_what_this_one_paid(ledger: Ledger) -> None:
    asked(Asker(MemoryBackend(lambda request: "Three."), ledger), request())
    code = """
import asyncio, sys
from asid_hf.chat.asking import Asker
from asid_hf.chat.ledger import open_ledger
from asid_hf.chat.messages import ChatRequest, Message
class Nobody: model, accepts = "in-memory", ()
request = ChatRequest((Message("user", ("How many?",)),), "count@1", None, {"temperature": 0.0})
print(asyncio.run(Asker(Nobody(), open_ledger(sys.argv[1])).ask("count", request)).text)
"""
    printed = subprocess.run(
        [sys.executable, "-c", code, ledger.path], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    assert printed == "Three.\n"
    assert connect(ledger.path).execute("SELECT count FROM hits").fetchall() == [(1,)]


def test_a_row_counts_what_it_paid_found_and_lost(ledger: Ledger) -> None:
    answers = iter(["none", '{"n": 3}'])
    asker = Asker(MemoryBackend(lambda request: next(answers)), ledger)

    async def row() -> dict:
        usage.current.set(spent := usage.Usage())
        for _ in range(2):
            await asker.ask("count", request(schema=COUNT))
        return spent.counts()

    counts = asyncio.run(row())
    shown = sum(len(part.split()) for message in asker.backend.asked[1].messages for part in message.content)
    paid = {"calls": 2, "failures": 1, "input_tokens": 2 + shown, "output_tokens": 1 + 2}
    assert counts == {**paid, "hits": 1, "kept_tokens": shown + 2}


def test_an_asker_is_one_a_model_and_ledger(tmp_path: Path) -> None:
    spec = ModelSpec("a-model", base_url="http://127.0.0.1:9/v1")
    path = str(tmp_path / "ledger.sqlite")
    assert asker_of(spec, path) is asker_of(spec, path)
    assert asker_of(spec, path) is not asker_of(spec, path, offline=True)
    assert asker_of(spec, path).ledger is asker_of(spec, path, offline=True).ledger


def test_offline_neither_key_nor_packages_are_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    monkeypatch.setattr("asid_hf.chat.in_process.find_spec", lambda name: None)
    path = str(tmp_path / "ledger.sqlite")
    for spec in (ModelSpec("m", api_key_env="NO_SUCH_KEY"), ModelSpec("m", backend="transformers")):
        asker = asker_of(spec, path, offline=True)
        one = request_of(spec, "p@1", [Message("user", ("Hi",))])
        assert told(asked(asker, one)[0])[0] == "replay"
        asyncio.run(asker.ledger.keep(Call(one.key("m"), "s", "m", "p@1"), ChatReply("Yes.")))
        assert asked(asker, one)[0].text == "Yes."
        connect(path).execute("DELETE FROM answers")


def test_samples_of_one_call_differ_by_seed() -> None:
    spec = ModelSpec("a-model", seed=7)
    seeds = [request_of(spec, "p@1", [Message("user", ("Hi",))], seed=n).parameters["seed"] for n in range(3)]
    assert seeds == [7, 8, 9]
    bare = ModelSpec("a-model", seed=None)
    assert "seed" not in request_of(bare, "p@1", []).parameters
    assert request_of(bare, "p@1", [], seed=2).parameters["seed"] == 2
