"""`asid ledger`: counts, bundles and pruning as a user types them."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from asid_hf.chat import ledger as ledger_module
from asid_hf.chat.ledger import Call, Ledger
from asid_hf.chat.messages import ChatReply
from asid_hf.cli.ledger import app, seconds
from asid_hf.errors import AsidError, InputError, OutputError

DAY = 86_400


def asid_ledger(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def fine(*arguments: object) -> str:
    done = asid_ledger(*arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def refused(*arguments: object) -> AsidError:
    done = asid_ledger(*arguments)
    assert isinstance(done.exception, AsidError), done.output
    return done.exception


def fill(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two stages: the judge's calls are 40 days old, the refiner's new; one judge's answer was served twice."""
    ledger = Ledger(path)

    async def calls(stage: str, prompt: str, count: int) -> None:
        for number in range(count):
            reply = ChatReply(f"answer {number} " * 500, "stop", 1000, 20, 0.25)
            await ledger.keep(Call(f"{stage} {number}", stage, "a-model", prompt), reply)
        failed = Call(f"{stage} failed", stage, "a-model", prompt)
        await ledger.keep_failure(failed, "timeout", "no reply")
        await ledger.keep_failure(failed, "schema", "lacks n", ChatReply("{}", "stop", 1000, 2, 0.5))

    now = time.time
    monkeypatch.setattr(ledger_module.time, "time", lambda: now() - 40 * DAY)
    asyncio.run(calls("judge", "judge@1", 30))
    monkeypatch.undo()
    asyncio.run(calls("refine", "refine@2", 10))
    for _ in range(2):
        ledger.count_hit(Call("judge 0", "judge", "a-model", "judge@1"))
    ledger.flush()
    return path


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return fill(tmp_path / "ledger.sqlite", monkeypatch)


def keys(path: Path, table: str = "answers") -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {key.rsplit(" ", 1)[0] for (key,) in connection.execute(f"SELECT key FROM {table}")}


def test_stats_count_by_stage_model_and_prompt(path: Path) -> None:
    counts = json.loads(fine("stats", path, "--json"))
    judge = {
        "stage": "judge",
        "model": "a-model",
        "prompt": "judge@1",
        "calls": 32,
        "answers": 30,
        "hits": 2,
        "failures": {"schema": 1, "timeout": 1},
        "input_tokens": 31_000,
        "output_tokens": 602,
        "seconds": 8.0,
    }
    assert counts["groups"][0] == judge
    assert [group["stage"] for group in counts["groups"]] == ["judge", "refine"]
    in_all = {name: counts[name] for name in ("calls", "answers", "hits", "failures", "input_tokens", "seconds")}
    assert in_all == {
        "calls": 44,
        "answers": 40,
        "hits": 2,
        "failures": {"schema": 2, "timeout": 2},
        "input_tokens": 42_000,
        "seconds": 11.0,
    }
    assert counts["bytes"] > 40 * 4000


def test_stats_print_a_table(path: Path) -> None:
    printed = fine("stats", path)
    assert str(path) in printed.replace("\n", "")
    assert "judge@1" in printed and "schema 1, timeout 1" in printed and "31000" in printed


def test_an_output_folder_stands_for_its_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out" / ".asid").mkdir(parents=True)
    fill(tmp_path / "out" / ".asid" / "ledger.sqlite", monkeypatch)
    assert json.loads(fine("stats", tmp_path / "out", "--json"))["answers"] == 40
    fine("export", tmp_path / "out", tmp_path / "a.jsonl")
    assert "40 new answers" in fine("import", tmp_path / "other", tmp_path / "a.jsonl")
    assert (tmp_path / "other" / ".asid" / "ledger.sqlite").is_file()


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_text("")
    (tmp_path / "out" / ".asid").mkdir(parents=True)
    for command in (["stats"], ["prune", "--failures"]):
        assert isinstance(refused(*command, tmp_path / "none.sqlite"), OutputError)
        assert "There is no call ledger at" in str(refused(*command, tmp_path / "out"))
        assert "is no output of asid verify" in str(refused(*command, tmp_path / "photos"))
    assert sorted(file.name for file in tmp_path.rglob("*")) == [".asid", "a.jpg", "out", "photos"]


def test_bundles_are_merged_and_conflicts_told(path: Path, tmp_path: Path) -> None:
    assert (
        fine("export", path, tmp_path / "a.jsonl.gz") == f"40 answers and 4 failures written to {tmp_path}/a.jsonl.gz\n"
    )
    assert fine("export", path, tmp_path / "b.jsonl", "--stage", "judge").startswith("30 answers and 2 failures")
    printed = fine("import", tmp_path / "new.sqlite", tmp_path / "b.jsonl", tmp_path / "a.jsonl.gz")
    assert "b.jsonl: 30 new answers, 2 new failures, 0 known" in printed
    assert "a.jsonl.gz: 10 new answers, 2 new failures, 32 known" in printed
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE answers SET text = 'another' WHERE key = 'judge 3'")
    fine("export", path, tmp_path / "c.jsonl")
    told = fine("import", tmp_path / "new.sqlite", tmp_path / "c.jsonl")
    assert "answers that differ from the ledger's: 1 (kept; --overwrite takes the bundle's)" in told
    fine("import", tmp_path / "new.sqlite", tmp_path / "c.jsonl", "--overwrite")
    assert Ledger(tmp_path / "new.sqlite").find("judge 3").text == "another"


def test_a_bad_bundle_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"video_id": "a"}\n')
    error = refused("import", tmp_path / "new.sqlite", tmp_path / "bad.jsonl")
    assert isinstance(error, InputError) and "Line 1 of the bundle" in str(error)


def test_a_dry_run_and_a_missing_yes_take_nothing_out(path: Path) -> None:
    printed = fine("prune", path, "--stage", "judge", "--dry-run")
    assert "judge, a-model, judge@1: 30 answers and 2 failures" in printed
    assert "30 answers and 2 failures would be taken out" in printed
    assert "Say --yes" in str(refused("prune", path, "--stage", "judge"))
    assert keys(path) == {"judge", "refine"}


@pytest.mark.parametrize(
    ("chosen", "answers", "failures"),
    [
        (["--older-than", "30d"], {"refine"}, {"refine"}),
        (["--older-than", "50d"], {"judge", "refine"}, {"judge", "refine"}),
        (["--stage", "refine"], {"judge"}, {"judge"}),
        (["--prompt", "judge"], {"refine"}, {"refine"}),
        (["--prompt", "judge@2"], {"judge", "refine"}, {"judge", "refine"}),
        (["--model", "a-model"], set(), set()),
        (["--failures"], {"judge", "refine"}, set()),
        (["--failures", "--stage", "judge"], {"judge", "refine"}, {"refine"}),
        (["--stage", "judge", "--older-than", "50d"], {"judge", "refine"}, {"judge", "refine"}),
    ],
)
def test_prune_takes_out_what_meets_every_condition(
    path: Path, chosen: list[str], answers: set[str], failures: set[str]
) -> None:
    fine("prune", path, *chosen, "--yes")
    assert keys(path) == answers
    assert keys(path, "failures") == failures


def test_prune_gives_the_room_back_and_forgets_the_hits(path: Path) -> None:
    before = json.loads(fine("stats", path, "--json"))
    fine("prune", path, "--prompt", "judge@1", "--yes")
    after = json.loads(fine("stats", path, "--json"))
    assert after["bytes"] < 0.5 * before["bytes"]
    assert (before["hits"], after["hits"]) == (2, 0)


def test_prune_beside_a_run_that_goes_on(path: Path) -> None:
    ledger = Ledger(path)
    assert ledger.find("judge 1")
    fine("prune", path, "--stage", "judge", "--yes")
    assert ledger.find("judge 1") is None and ledger.find("refine 1")
    asyncio.run(ledger.keep(Call("judge 1", "judge", "a-model", "judge@1"), ChatReply("again")))
    assert Ledger(path).find("judge 1").text == "again"


def test_prune_wants_to_know_what(path: Path) -> None:
    assert "Say which calls to take out" in str(refused("prune", path, "--yes"))
    assert "The age '30' is none" in str(refused("prune", path, "--older-than", "30", "--yes"))
    assert keys(path) == {"judge", "refine"}


@pytest.mark.parametrize(("age", "expected"), [("90m", 5400), ("12h", 43_200), ("30d", 30 * DAY), ("1.5w", 10.5 * DAY)])
def test_ages_are_read(age: str, expected: float) -> None:
    assert seconds(age) == expected


@pytest.mark.parametrize("command", ["stats", "export", "import", "prune"])
def test_every_command_has_help_with_its_exit_codes(command: str) -> None:
    assert "Exit codes" in fine(command, "--help")
