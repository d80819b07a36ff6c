"""Reading ahead in a thread: nothing is left behind, whatever ends it, and a fork goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from asid_hf.dataset_builder.ahead import read_ahead


def counted(ended: list[str], until: int = 5) -> Iterator[int]:
    try:
        yield from range(until)
    finally:
        ended.append("closed")


@pytest.fixture
def no_new_threads() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


@pytest.mark.usefixtures("no_new_threads")
def test_all_items_come_in_order_and_their_source_is_closed() -> None:
    ended: list[str] = []
    assert list(read_ahead(counted(ended))) == [0, 1, 2, 3, 4]
    assert ended == ["closed"]


@pytest.mark.usefixtures("no_new_threads")
def test_left_early_the_source_is_closed() -> None:
    ended: list[str] = []
    items = read_ahead(counted(ended))
    assert next(items) == 0
    items.close()
    assert ended == ["closed"]


@pytest.mark.usefixtures("no_new_threads")
def test_what_fails_is_raised_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    items = read_ahead(failing())
    assert next(items) == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(items)


def test_the_next_is_made_while_one_is_in_use() -> None:
    begun = threading.Event()

    def slow() -> Iterator[int]:
        yield 0
        begun.set()
        yield 1

    items = read_ahead(slow())
    next(items)
    assert begun.wait(10)
    items.close()


def test_where_no_thread_starts_items_are_made_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    ended: list[str] = []
    assert list(read_ahead(counted(ended))) == [0, 1, 2, 3, 4]
    assert ended == ["closed"]


FORKED = """
import os, signal, sys, threading, time
from asid_hf.dataset_builder.ahead import read_ahead
amid = sys.argv[1] == "amid"
made = threading.Event()
def numbers():
    yield 0
    if amid:
        made.set()
        time.sleep(1)
    yield 1
    yield 2
items = read_ahead(numbers())
seen = [next(items)]
if amid:
    made.wait()
else:
    time.sleep(0.3)
child = os.fork()
if not child:
    signal.alarm(20)
    try:
        seen += items
    except RuntimeError as error:
        seen.append(str(error))
    print(seen, flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(seen + list(items))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize(
    ("when", "child"),
    [("between", "[0, 1, 2]"), ("amid", "[0, 'This process was forked off amid a reading: begin it anew here.']")],
)
def test_a_forked_process_goes_on_or_says_why_it_cannot(when: str, child: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED, when], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines() == [child, "[0, 1, 2]"], done.stderr


@pytest.mark.parametrize("how", ["threading.Thread(target=work).start()", "atexit.register(work)"])
def test_reading_goes_on_when_the_main_thread_has_ended(how: str) -> None:
    code = f"""
import atexit, threading, time
from asid_hf.dataset_builder.ahead import read_ahead
def work():
    time.sleep(0.3)
    for part in range(2):
        print(list(read_ahead(number for number in range(3))), flush=True)
{how}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["[0, 1, 2]"] * 2, done.stderr


@pytest.mark.skipif(os.name != "posix", reason="interrupts a process")
def test_ctrl_c_does_not_wait_for_a_reading_that_is_stuck() -> None:
    code = """
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # of a shell's background it would be ignored
from asid_hf.dataset_builder.ahead import read_ahead
def stuck():
    yield 0
    print("reading", flush=True)
    time.sleep(60)
    yield 1
for item in read_ahead(stuck()):
    pass
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "reading\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in said


def test_what_is_left_open_when_python_ends_ends_without_a_word() -> None:
    code = """
from asid_hf.dataset_builder.ahead import read_ahead
items = read_ahead(number for number in range(3))
print(next(items))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("0\n", "")
