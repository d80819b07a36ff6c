"""Rows through the stage runner while the endpoint misbehaves in every way it can: none is lost, each fault counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from llm_models import Skill
from llm_server import Server
from llm_world import World
from model_runs import spec, through

from asid_hf.chat import retry
from asid_hf.chat.ledger_stats import ledger_stats
from asid_hf.verify.annotate import Annotate, Annotator
from asid_hf.verify.model_stage import Access

ROWS = 6
WORLD = World(ROWS, seed=6)
ON_THE_WIRE = {  # behaviour -> what it is counted as
    "429:0.1": "rate_limited",
    "500": "overloaded",
    "502": "overloaded",
    "503": "overloaded",
    "504": "overloaded",
    "reset": "reset",
    "close": "reset",
    "half": "reset",
    "hang": "timeout",
    "drip": "timeout",
    "html": "malformed",
    "no_body": "malformed",
    "null": "malformed",
    "list": "malformed",
    "not_json": "malformed",
    "not_utf8": "malformed",
    "no_choices": "malformed",
    "empty_choices": "malformed",
    "null_choices": "malformed",
    "null_message": "malformed",
    "400": "rejected",
    "413": "rejected",
    "null_content": "empty",
    "empty": "empty",
    "refusal": "refused",
    "refusal_text": "refused",
    "filtered": "filtered",
    "length": "truncated",
    "only_prose": "not_json",
    "two": "not_json",
    "open": "not_json",
    "lacking": "schema",
    "types": "schema",
    "array": "schema",
    "spanish": "language",
}
HARMLESS = ("prose", "fenced", "thoughts", "no_usage", "null_usage", "odd_usage")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(WORLD) as running:
        yield running


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(retry, "LONGEST_PAUSE", 0.05)


def annotated(server: Server, ledger: Path, timeout: float = 10.0) -> list[dict]:
    # More attempts than a script has faults: which row meets them is up to the order in which calls arrive.
    model = spec(server, "captioner", "video", timeout=timeout, deadline=60.0, attempts=4, concurrency=3)
    return through(WORLD.rows(), Annotate(annotators=(Annotator("a", model),), access=Access(str(ledger))))


def written(row: dict) -> bool:
    return any(candidate["annotator"].startswith("a/") for candidate in row["candidates"])


@pytest.mark.parametrize(("behaviour", "kind"), ON_THE_WIRE.items())
def test_a_fault_that_half_of_the_calls_meet_costs_no_row(server, tmp_path: Path, behaviour: str, kind: str) -> None:
    server.model("captioner", skill=Skill(), script=["answer", behaviour] * 3)
    rows = annotated(server, tmp_path / "ledger.sqlite", timeout=1.5 if kind == "timeout" else 10.0)
    assert [row["status"] for row in rows] == ["kept"] * ROWS
    failed = [row for row in rows if not written(row)]
    assert all([error["kind"] for error in row["errors"]] == [kind] for row in failed)
    assert all(row["errors"] == [] for row in rows if written(row))
    counted = ledger_stats(tmp_path / "ledger.sqlite")["failures"]
    name = behaviour.partition(":")[0]
    assert counted == {kind: server.stats("captioner")["kinds"][name]} == {kind: 3}
    assert len(failed) == (3 if kind in ("rejected", "filtered") else 0)  # all others pass when asked again


@pytest.mark.parametrize("behaviour", HARMLESS)
def test_an_odd_reply_that_can_be_read_is_read(server: Server, tmp_path: Path, behaviour: str) -> None:
    server.model("captioner", skill=Skill(), always=behaviour)
    rows = annotated(server, tmp_path / "ledger.sqlite")
    assert all(written(row) for row in rows)
    assert server.stats("captioner")["requests"] == ROWS


def test_everything_at_once_loses_no_row_and_a_second_run_mends_what_is_left(server: Server, tmp_path: Path) -> None:
    rates = {behaviour: 0.6 / len(ON_THE_WIRE) for behaviour in ON_THE_WIRE if behaviour not in ("hang", "drip")}
    server.model("captioner", skill=Skill(), rates=rates)
    rows = annotated(server, tmp_path / "ledger.sqlite")
    assert [row["status"] for row in rows] == ["kept"] * ROWS
    assert all(written(row) or row["errors"] for row in rows)
    server.model("captioner", skill=Skill())
    again = annotated(server, tmp_path / "ledger.sqlite")
    assert all(written(row) and not row["errors"] for row in again)
    assert server.stats("captioner")["requests"] == sum(not written(row) for row in rows)
    assert Counter(map(written, again)) == {True: ROWS}
