"""The call ledger: what was kept is found again, whoever is killed, forked or refused meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest

from asid_hf.chat.ledger import Call, Ledger, open_ledger
from asid_hf.chat.ledger_file import VERSION, connect
from asid_hf.chat.ledger_stats import ledger_stats
from asid_hf.chat.messages import ChatReply
from asid_hf.errors import OutputError

REPLY = ChatReply("A dog runs.", "stop", 1200, 30, 0.5)


def call(key: object, stage: str = "judge", model: str = "a-model", prompt: str = "judge@1") -> Call:
    return Call(str(key), stage, model, prompt)


def keep(ledger: Ledger, *keys: object, reply: ChatReply = REPLY) -> None:
    async def all_at_once() -> None:
        await asyncio.gather(*(ledger.keep(call(key), reply) for key in keys))

    asyncio.run(all_at_once())


def child(code: str, *arguments: object, **options: object) -> subprocess.Popen:
    """A Python of its own, with what the code needs imported."""
    lines = (
        "import asyncio, json, os, sys",
        "from asid_hf.chat.ledger import Call, open_ledger",
        "from asid_hf.chat.messages import ChatReply",
        code,
    )
    command = [sys.executable, "-c", "\n".join(lines), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def output(process: subprocess.Popen) -> str:
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return printed


def rows(path: Path, query: str) -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def test_an_answer_is_found_again_as_it_was(path: Path) -> None:
    keep(open_ledger(path), "a")
    found = Ledger(path).find("a")
    assert (found.text, found.finish_reason, found.input_tokens, found.output_tokens, found.latency) == (
        "A dog runs.",
        "stop",
        1200,
        30,
        0.5,
    )
    assert found.hit and not REPLY.hit
    assert Ledger(path).find("b") is None


def test_the_first_answer_stays_unless_it_is_named_as_unusable(path: Path) -> None:
    ledger = open_ledger(path)

    def kept(text: str, instead_of: str | None = None) -> str:
        return asyncio.run(ledger.keep(call("a"), ChatReply(text), instead_of)).text

    assert kept("A dog runs.") == "A dog runs."
    assert kept("A cat sits.") == "A dog runs."
    assert kept("A cat sits.", instead_of="A dog runs.") == "A cat sits."
    assert kept("A fox lies.", instead_of="A dog runs.") == "A cat sits."  # another process was faster
    assert ledger.find("a").text == "A cat sits." and ledger.failure("a") is None
    assert ledger_stats(path)["failures"] == {"superseded": 1}


def test_a_failure_is_recorded_and_is_no_answer(path: Path) -> None:
    ledger = open_ledger(path)
    asyncio.run(ledger.keep_failure(call("a"), "timeout", "no reply within 60 s"))
    asyncio.run(ledger.keep_failure(call("a"), "schema", "the reply lacks findings", REPLY))
    assert ledger.find("a") is None
    assert ledger.failure("b") is None
    last = Ledger(path).failure("a")
    assert (last.kind, str(last)) == ("schema", "the reply lacks findings")
    assert rows(path, "SELECT kind, input_tokens FROM failures") == [("timeout", None), ("schema", 1200)]


@pytest.mark.parametrize(
    ("reply", "text", "tokens"),
    [
        (ChatReply("half a pair: \ud83d."), "half a pair: ?.", None),
        (ChatReply("nul \0 within", input_tokens=10**30), "nul \0 within", 2**63 - 1),
        (ChatReply("漢字 🐕", {"not": "text"}, True), "漢字 🐕", 1),
        (ChatReply("", latency=0, input_tokens=-5), "", 0),
    ],
)
def test_what_a_server_may_say_is_kept_and_spoils_no_other_answer(
    path: Path, reply: ChatReply, text: str, tokens: int | None
) -> None:
    ledger = open_ledger(path)

    async def together() -> None:
        await asyncio.gather(ledger.keep(call("odd"), reply), ledger.keep(call("plain"), REPLY))

    asyncio.run(together())
    assert ledger.find("odd").text == text
    assert ledger.find("odd").input_tokens == tokens
    assert ledger.find("plain").text == REPLY.text


def test_hits_are_counted_without_another_write(path: Path) -> None:
    ledger = open_ledger(path)
    for _ in range(3):
        ledger.count_hit(call("a"))
    ledger.count_hit(call("a", stage="refine"))
    end = time.monotonic() + 60
    while not rows(path, "SELECT count FROM hits") and time.monotonic() < end:
        time.sleep(0.05)
    ledger.count_hit(call("b"))
    ledger.flush()
    assert rows(path, "SELECT stage, count FROM hits ORDER BY stage") == [("judge", 4), ("refine", 1)]


def test_hits_of_a_program_that_ends_are_counted(path: Path) -> None:
    output(child("open_ledger(sys.argv[1]).count_hit(Call('k', 'judge', 'm', 'p'))", path))
    assert rows(path, "SELECT * FROM hits") == [("judge", "m", "p", 1)]


KEEPS_FOR_EVER = """
async def work(ledger, numbers):
    for number in numbers:
        call = Call(f"{sys.argv[2]} {number}", "judge", "m", "p")
        await ledger.keep(call, ChatReply(f"answer {number} " + "word " * 200))
        os.write(1, f"{number}\\n".encode())
async def main():
    ledger, numbers = open_ledger(sys.argv[1]), iter(range(10**9))
    await asyncio.gather(*(work(ledger, numbers) for _ in range(200)))
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_killed_programs_have_kept_every_answer_they_were_told_of(path: Path) -> None:
    told: list[tuple[int, str]] = []
    for life in range(12):
        process = child(KEEPS_FOR_EVER, path, life)
        lines = [process.stdout.readline() for _ in range(201 + 97 * life)]  # killed at another point of a commit
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.read().splitlines(keepends=True)
        process.communicate()
        told += [(life, line.strip()) for line in lines if line.endswith("\n")]
    ledger = Ledger(path)
    lost = [(life, number) for life, number in told if ledger.find(f"{life} {number}") is None]
    assert len(told) > 5000 and lost == []
    assert ledger.find(f"{life} {told[-1][1]}").text.startswith(f"answer {told[-1][1]} word")
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_processes_write_into_one_file_at_once(path: Path) -> None:
    code = """
ledger, mine = open_ledger(sys.argv[1]), sys.argv[2]
async def one(number):
    call = Call(f"{mine} {number}", "judge", "m", "p")
    await ledger.keep(call, ChatReply(f"{mine} {number}"))
    await ledger.keep(Call(f"shared {number}", "judge", "m", "p"), ChatReply("the same"))
    assert ledger.find(call.key).text == call.key
    ledger.count_hit(call)
async def main():
    for start in range(0, 400, 40):
        await asyncio.gather(*(one(number) for number in range(start, start + 40)))
asyncio.run(main())
"""
    processes = [child(code, path, name) for name in "abcd"]
    for process in processes:
        output(process)
    assert rows(path, "SELECT count(*) FROM answers") == [(5 * 400,)]
    assert rows(path, "SELECT count FROM hits") == [(4 * 400,)]
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_processes_may_make_the_file_at_the_same_moment(path: Path) -> None:
    code = "sys.stdin.readline(); open_ledger(sys.argv[1]); print('open')"
    processes = [child(code, path, stdin=subprocess.PIPE) for _ in range(6)]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    assert [output(process) for process in processes] == ["open\n"] * 6
    assert rows(path, "PRAGMA journal_mode") == [("wal",)]


def test_threads_with_loops_of_their_own_share_a_ledger(path: Path) -> None:
    import threading

    ledger = open_ledger(path)
    threads = [threading.Thread(target=keep, args=(ledger, *range(n, 200, 4))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(ledger.find(str(number)) for number in range(200))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork there")
def test_a_forked_child_opens_the_file_anew(path: Path) -> None:
    code = """
ledger = open_ledger(sys.argv[1])
async def keep(key): await ledger.keep(Call(key, "judge", "m", "p"), ChatReply(key))
asyncio.run(keep("parent"))
ledger.count_hit(Call("parent", "judge", "m", "p"))
ledger.find("parent")
child = os.fork()
asyncio.run(keep("child" if child == 0 else "parent again"))
assert open_ledger(sys.argv[1]).find("parent").text == "parent"
if child:
    assert os.waitpid(child, 0)[1] == 0
    assert ledger.find("child").text == "child"
"""
    output(child(code, path))
    assert {key for (key,) in rows(path, "SELECT key FROM answers")} == {"parent", "child", "parent again"}
    assert rows(path, "SELECT count FROM hits") == [(1,)]  # what the parent counted, it writes alone
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_the_answer_of_a_stopped_call_is_kept(path: Path) -> None:
    ledger = open_ledger(path)

    async def stopped() -> None:
        task = asyncio.ensure_future(ledger.keep(call("paid"), REPLY))
        await asyncio.sleep(0)  # it has been handed over
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await ledger.keep(call("next"), REPLY)

    asyncio.run(stopped())
    assert ledger.find("paid") and ledger.find("next")


def test_a_loop_that_was_closed_stops_no_other(path: Path) -> None:
    ledger = open_ledger(path)
    loop = asyncio.new_event_loop()
    tasks = [loop.create_task(ledger.keep(call(number), REPLY)) for number in range(200)]
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    keep(ledger, "later")
    assert ledger.find("later")
    for task in tasks:
        task._log_destroy_pending = False  # they were left behind on purpose


REPORTS_FAILURES = """
import resource  # stands in for a full disk: writes fail beyond it
ledger = open_ledger(sys.argv[1])
async def main():
    await ledger.keep(Call("small", "judge", "m", "p"), ChatReply("small"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
    many = (ledger.keep(Call(f"{n}", "judge", "m", "p"), ChatReply("word " * 10_000)) for n in range(50))
    done = await asyncio.gather(*many, return_exceptions=True)
    print(json.dumps([type(d).__name__ for d in done]), str(done[-1]))
asyncio.run(main())
assert ledger.find("small").text == "small"
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limits there")
def test_a_full_disk_is_an_error_for_all_who_wait_and_loses_nothing_kept(path: Path) -> None:
    printed = output(child(REPORTS_FAILURES, path))
    kinds = json.loads(printed[: printed.index("]") + 1])
    assert len(kinds) == 50 and "OutputError" in kinds
    assert "cannot be used" in printed
    kept = [n for n, kind in enumerate(kinds) if kind == "NoneType"]
    assert all(Ledger(path).find(str(n)) for n in kept)
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def test_a_file_damaged_while_open_ends_in_an_error_not_in_waiting(path: Path) -> None:
    ledger = open_ledger(path)
    keep(ledger, *range(100))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE answers")
    with pytest.raises(OutputError, match="no such table"):
        asyncio.run(asyncio.wait_for(ledger.keep(call("a"), REPLY), 30))
    with pytest.raises(OutputError, match="no such table"):
        ledger.find("a")


def test_what_is_no_ledger_is_refused_and_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "notes.sqlite"
    text.write_text("not a database at all, but long enough to be looked at as one" * 20)
    foreign = tmp_path / "foreign.sqlite"
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE answers (key TEXT)")
    for file, told in ((text, "file is not a database"), (foreign, "another program's database"), (tmp_path, "open")):
        before = file.read_bytes() if file.is_file() else None
        with pytest.raises(OutputError, match=told):
            open_ledger(file)
        assert (file.read_bytes() if file.is_file() else None) == before


def test_a_commit_waits_for_the_disk(path: Path) -> None:
    with closing(connect(str(path), create=True)) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL: survives a power cut
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_newer_ledger_is_refused(path: Path) -> None:
    keep(open_ledger(path), "a")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(OutputError, match="Update asid_hf"):
        Ledger(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become another user")
def test_a_file_that_cannot_be_written_is_refused_before_any_call() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ledger.sqlite")
        ledger = Ledger(path)  # held: its log would go with it
        keep(ledger, "a")
        os.chmod(folder, 0o755)
        for file in Path(folder).iterdir():
            file.chmod(0o444)
        code = """
os.setuid(65534)
from asid_hf.errors import OutputError
try: open_ledger(sys.argv[1])
except OutputError as error: print(error)
"""
        assert "cannot be used" in output(child(code, path))


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        open_ledger(tmp_path / "file" / "ledger.sqlite")
