"""Replay bundles: a run repeated from a file, and files that are no bundles."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path

import pytest
from memory_backend import MemoryBackend

from asid_hf.chat.asking import Asker
from asid_hf.chat.ledger import Ledger
from asid_hf.chat.ledger_bundle import SUFFIXES, Imported, export_bundle, import_bundle
from asid_hf.chat.ledger_file import connect
from asid_hf.chat.ledger_stats import Selection
from asid_hf.chat.messages import ChatError, ChatReply, ChatRequest, Message
from asid_hf.errors import InputError, OutputError

SCHEMA = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}


def few(value: dict) -> int:
    if value["n"] % 10 == 7:
        raise ChatError("invalid", f"{value['n']} are not in the clip.")
    return value["n"]


def request(number: int) -> ChatRequest:
    return ChatRequest((Message("user", (f"How many in clip {number}?",)),), "count@1", SCHEMA)


def whimsical(request: ChatRequest) -> str | ChatReply | ChatError:
    """Answers well, in prose, in another shape, with what the check refuses, not at all: by the clip's number."""
    number = int(request.messages[0].content[0].split()[-1].rstrip("?"))
    if number % 10 == 1:
        return ChatError("overloaded", "a-model at host answered 503: later")
    if number % 10 == 2:
        return "I would say three."
    if number % 10 == 3 and request.attempt == 0:
        return '{"m": "ünïcödé \\n 漢字"}'
    if number % 10 == 4:
        return ChatReply('{"n": 1', "length", 10, 5)
    return json.dumps({"n": number})


def run(asker: Asker, count: int = 60) -> list[tuple]:
    """Ask for all clips; what comes of each, as values to compare."""

    async def all_clips() -> list:
        calls = (asker.ask("count", request(number), few) for number in range(count))
        return await asyncio.gather(*calls, return_exceptions=True)

    return [
        (done.kind, str(done))
        if isinstance(done, ChatError)
        else (done.text, done.finish_reason, done.parsed, done.input_tokens, done.output_tokens, done.latency)
        for done in asyncio.run(all_clips())
    ]


@pytest.fixture
def paid(tmp_path: Path) -> Ledger:
    ledger = Ledger(tmp_path / "paid.sqlite")
    run(Asker(MemoryBackend(whimsical), ledger))
    return ledger


def bundle_of(ledger: Ledger, folder: Path) -> list[dict]:
    export_bundle(ledger.path, folder / "read.jsonl")
    return [json.loads(line) for line in (folder / "read.jsonl").read_text("utf-8").splitlines()]


def write(path: Path, *lines: object) -> Path:
    texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    path.write_bytes(b"\n".join(texts) + b"\n")
    return path


def answers(path: Path | str) -> list[tuple]:
    return connect(str(path)).execute("SELECT * FROM answers ORDER BY key").fetchall()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_run_is_repeated_offline_from_its_bundle(tmp_path: Path, suffix: str) -> None:
    backend = MemoryBackend(whimsical)
    ledger = Ledger(tmp_path / "paid.sqlite")
    first = run(Asker(backend, ledger))
    assert {len(done) for done in first} == {2, 6}  # some failed, some were answered
    assert export_bundle(ledger.path, tmp_path / f"bundle{suffix}") == (36, 48)
    import_bundle(tmp_path / "new" / "other.sqlite", tmp_path / f"bundle{suffix}")

    nobody = MemoryBackend(lambda request: pytest.fail("it was asked"))
    again = run(Asker(nobody, Ledger(tmp_path / "new" / "other.sqlite"), offline=True))
    assert nobody.asked == []
    assert again == first


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_content_gives_the_same_bytes_whatever_ledger_holds_it(
    paid: Ledger, tmp_path: Path, suffix: str
) -> None:
    files = [tmp_path / f"{name}{suffix}" for name in "abc"]
    export_bundle(paid.path, files[0])
    export_bundle(paid.path, files[1])
    import_bundle(tmp_path / "other.sqlite", files[0])
    export_bundle(tmp_path / "other.sqlite", files[2])
    assert files[0].read_bytes() == files[1].read_bytes() == files[2].read_bytes()


def test_a_second_import_changes_nothing(paid: Ledger, tmp_path: Path) -> None:
    export_bundle(paid.path, tmp_path / "a.jsonl")
    other = tmp_path / "other.sqlite"
    assert import_bundle(other, tmp_path / "a.jsonl") == Imported(answers=36, failures=48)
    assert import_bundle(other, tmp_path / "a.jsonl") == Imported(known=36 + 48)
    assert answers(other) == answers(paid.path)


def test_two_runs_merge(tmp_path: Path) -> None:
    for name, count in (("a", 10), ("b", 25)):
        ledger = Ledger(tmp_path / f"{name}.sqlite")
        run(Asker(MemoryBackend(lambda request: '{"n": 0}'), ledger), count)
        export_bundle(ledger.path, tmp_path / f"{name}.jsonl")
        done = import_bundle(tmp_path / "both.sqlite", tmp_path / f"{name}.jsonl")
    assert (done.answers, done.known, done.conflicts) == (15, 10, 0)


def test_another_answer_to_the_same_call_stays_out_unless_asked_for(tmp_path: Path) -> None:
    for name, n in (("a", 1), ("b", 2)):
        ledger = Ledger(tmp_path / f"{name}.sqlite")
        run(Asker(MemoryBackend(lambda request, n=n: json.dumps({"n": n})), ledger), 3)
        export_bundle(ledger.path, tmp_path / f"{name}.jsonl")
    before = answers(tmp_path / "a.sqlite")
    assert import_bundle(tmp_path / "a.sqlite", tmp_path / "b.jsonl") == Imported(conflicts=3)
    assert answers(tmp_path / "a.sqlite") == before
    assert import_bundle(tmp_path / "a.sqlite", tmp_path / "b.jsonl", overwrite=True) == Imported(conflicts=3)
    assert answers(tmp_path / "a.sqlite") == answers(tmp_path / "b.sqlite")


def test_a_call_that_stands_twice_in_a_bundle_is_a_conflict_too(paid: Ledger, tmp_path: Path) -> None:
    header, answer = bundle_of(paid, tmp_path)[:2]
    header |= {"answers": 2, "failures": 0}
    twice = write(tmp_path / "twice.jsonl", header, answer, {**answer, "text": "another"})
    assert import_bundle(tmp_path / "new.sqlite", twice) == Imported(answers=1, conflicts=1)


def test_an_export_takes_only_what_is_selected(paid: Ledger, tmp_path: Path) -> None:
    for selection, count in (
        (Selection(stage="count"), 36),
        (Selection(stage="judge"), 0),
        (Selection(prompt="count"), 36),
        (Selection(prompt="count@2"), 0),
        (Selection(prompt="co"), 0),
        (Selection(model="in-memory", prompt="count@1"), 36),
    ):
        assert export_bundle(paid.path, tmp_path / "part.jsonl", selection)[0] == count, selection


def test_an_export_that_fails_leaves_the_old_bundle(paid: Ledger, tmp_path: Path) -> None:
    target = tmp_path / "a.jsonl"
    export_bundle(paid.path, target)
    before = target.read_bytes()
    connection = connect(paid.path)
    connection.execute("DROP TABLE failures")
    with pytest.raises(OutputError, match="no such table"):
        export_bundle(paid.path, target)
    assert target.read_bytes() == before
    assert sorted(file.name for file in tmp_path.glob("*jsonl*")) == ["a.jsonl"]
    with pytest.raises(OutputError, match=r"There is no call ledger at .*none\.sqlite"):
        export_bundle(tmp_path / "none.sqlite", target)
    with pytest.raises(OutputError, match="cannot be written: No such file"):
        export_bundle(tmp_path / "paid.sqlite", tmp_path / "nowhere" / "a.jsonl")
    with pytest.raises(InputError, match=r"ends in \.jsonl"):
        export_bundle(paid.path, paid.path)


ODD = [
    ("text", 3, "its text is 3"),
    ("text", None, "its text is None"),
    ("text", "\ud83d", "half a character"),
    ("key", "", "its key is empty"),
    ("key", "k" * 1000, "its key is 'kkk"),
    ("finish_reason", ["stop"], "its finish_reason is list"),
    ("input_tokens", -1, "its input_tokens is -1"),
    ("input_tokens", True, "its input_tokens is True"),
    ("output_tokens", 1.5, "its output_tokens is 1.5"),
    ("output_tokens", 2**63, "its output_tokens is 9223372036854775808"),
    ("latency", "1", "its latency is '1'"),
    ("time", -1.0, "its time is -1.0"),
    ("time", float("nan"), "it is no JSON (NaN is none)"),
    ("type", "hit", "its type is 'hit'"),
    ("extra", 1, "it has the fields"),
]


@pytest.mark.parametrize(("field", "value", "told"), ODD, ids=[f"{field}-{value!r}"[:30] for field, value, _ in ODD])
def test_a_line_with_an_odd_value_is_named_and_nothing_is_taken(
    paid: Ledger, tmp_path: Path, field: str, value: object, told: str
) -> None:
    header, first, second = bundle_of(paid, tmp_path)[:3]
    bundle = write(tmp_path / "odd.jsonl", {**header, "answers": 2, "failures": 0}, first, {**second, field: value})
    with pytest.raises(InputError) as error:
        import_bundle(tmp_path / "new.sqlite", bundle)
    assert f"Line 3 of the bundle {bundle}" in str(error.value) and told in str(error.value)
    assert not (tmp_path / "new.sqlite").exists()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"", "it is no JSON"),
        (b"[1]", "it is list; a JSON object is wanted"),
        (b"\xff\xfe", "it is no JSON"),
        (b"[" * 100_000, "it is no JSON"),
        (b'{"type": "answer", "type": "failure"}', "a field stands twice"),
        (b'{"n": ' + b"9" * 10_000 + b"}", "it is no JSON"),
        (b'{"text": "' + b"a" * 2**24 + b'"}', "it is longer than 16777216 bytes"),
    ],
    ids=["empty", "list", "bytes", "deep", "twice", "digits", "long"],
)
def test_a_line_that_is_no_record_is_named(paid: Ledger, tmp_path: Path, line: bytes, told: str) -> None:
    bundle = write(tmp_path / "odd.jsonl", bundle_of(paid, tmp_path)[0], line)
    with pytest.raises(InputError) as error:
        import_bundle(tmp_path / "new.sqlite", bundle)
    assert "Line 2 of the bundle" in str(error.value) and told in str(error.value)


def test_a_failure_of_an_unknown_kind_is_refused(paid: Ledger, tmp_path: Path) -> None:
    lines = bundle_of(paid, tmp_path)
    failure = {**lines[-1], "kind": "mystery"}
    bundle = write(tmp_path / "odd.jsonl", {**lines[0], "answers": 0, "failures": 1}, failure)
    with pytest.raises(InputError, match="its kind is 'mystery'"):
        import_bundle(tmp_path / "new.sqlite", bundle)


def test_what_is_no_whole_bundle_is_refused(paid: Ledger, tmp_path: Path) -> None:
    export_bundle(paid.path, tmp_path / "a.jsonl")
    export_bundle(paid.path, tmp_path / "b.jsonl.gz")
    export_bundle(paid.path, tmp_path / "c.jsonl.zst")
    whole = (tmp_path / "a.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    header = json.loads(lines[0])
    cases = {
        "empty.jsonl": (b"", "is empty"),
        "captions.jsonl": (b'{"video_id": "a", "caption": "b"}\n', "its format is None"),
        "newer.jsonl": (json.dumps({**header, "version": 2}).encode(), "update asid_hf"),
        "short.jsonl": (b"".join(lines[:-1]), "36 answers and 47 failures; its first line tells of 36 and 48"),
        "cut.jsonl": (whole[:-20], "it is no JSON"),
        "cut.jsonl.gz": ((tmp_path / "b.jsonl.gz").read_bytes()[:-50], "cannot be read"),
        "cut.jsonl.zst": ((tmp_path / "c.jsonl.zst").read_bytes()[:-50], "cannot be read"),
        "plain.jsonl.gz": (whole, "cannot be read: Not a gzipped file"),
        "packed.jsonl": (gzip.compress(whole), "it is no JSON"),
        "bundle.txt": (whole, "ends in .jsonl"),
    }
    for name, (content, told) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError) as error:
            import_bundle(tmp_path / "new.sqlite", tmp_path / name)
        assert told in str(error.value), name
        assert not (tmp_path / "new.sqlite").exists(), name
    with pytest.raises(InputError, match="No such file"):
        import_bundle(tmp_path / "new.sqlite", tmp_path / "none.jsonl")


def test_a_line_that_never_ends_is_not_read_to_its_end(paid: Ledger, tmp_path: Path) -> None:
    bundle = tmp_path / "bomb.jsonl.gz"
    with gzip.open(bundle, "wb", compresslevel=1) as file:
        file.write(json.dumps(bundle_of(paid, tmp_path)[0]).encode() + b"\n")
        for _ in range(100):
            file.write(b"0" * 2**20)
    with pytest.raises(InputError, match="longer than"):
        import_bundle(tmp_path / "new.sqlite", bundle)
