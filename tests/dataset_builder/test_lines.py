"""Lines read in parts and in blocks: the same rows either way, and no line lost or misnumbered, whatever it holds."""

from __future__ import annotations

import io
import json
import random
import string
import threading

import pyarrow as pa
import pytest
from asid_hf.dataset_builder import lines as lines_module
from asid_hf.dataset_builder import published, sources
from asid_hf.dataset_builder.lines import SCHEMA, Part, parts_of, read_tables
from asid_hf.dataset_builder.sources import BadLine, read_captions
from asid_release import published_line
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

GOOD = published_line("Describe the speech.", 'He says, "no".', "videos/a.mp4")


def read(data: bytes, holds: str = "raw", part: int = 2**26) -> tuple[list[dict], list[BadLine]]:
    """All parts of a file, as the builder reads them."""
    bad: list[BadLine] = []
    tables = []
    for start, end in parts_of(len(data), part):
        one = Part("x.jsonl", "x.jsonl", "g", holds, start, end)
        tables += read_tables(one, lambda _: io.BufferedReader(io.BytesIO(data)), bad.append)
    return pa.concat_tables([SCHEMA.empty_table(), *tables]).to_pylist(), bad


def one_by_one(data: bytes, monkeypatch: pytest.MonkeyPatch, holds: str = "raw") -> tuple[list[dict], list[BadLine]]:
    with monkeypatch.context() as patch:
        patch.setattr(lines_module, "published_columns", lambda lines, ends: None)
        return read(data, holds)


VARIED = {
    "as published": [GOOD] * 3,
    "with what a build adds": [{**GOOD, "video_id": "ep1/a", "duration": 3.25, "answer_form": "json"}] * 2,
    "a whole number as duration": [{**GOOD, "duration": 3}],
    "no number as duration": [{**GOOD, "duration": None}, {**GOOD, "duration": True}, {**GOOD, "duration": "3"}],
    "no text as the form of an answer": [GOOD, {**GOOD, "answer_form": None}, {**GOOD, "answer_form": ""}],
    "attributes in another spelling": [{**GOOD, "attributes": ["Narrative elements", "scene"]}],
    "attributes that are none": [{**GOOD, "attributes": ["smell"]}, {**GOOD, "attributes": []}],
    "tags inside the caption are its text": [published_line("Tell.", "A <video> element and an <audio> tag.", "a.mp4")],
    "keys in the turns": [{"messages": [{**turn, "loss": False} for turn in GOOD["messages"]], "videos": ["a.mp4"]}],
    "unknown keys": [{**GOOD, "quality": {"a": [1, 2.5, None]}, "ü": "ä"}],
    "tags in the caption": [published_line("Tell.", "<video>\nA dog. <image>", "a.mp4")],
    "white space around": [published_line(" Tell. ", " \t A dog. \n", "a.mp4")],
    "a system turn": [{"messages": [{"role": "system", "content": "Be brief."}, *GOOD["messages"]], "videos": ["a"]}],
    "two answers": [{"messages": GOOD["messages"] * 2, "videos": ["a.mp4"]}],
    "two videos": [{**GOOD, "videos": ["a.mp4", "b.mp4"]}],
    "no video": [{**GOOD, "videos": []}, {**GOOD, "videos": [""]}],
    "an empty caption": [GOOD, published_line("Tell.", " ", "a.mp4"), GOOD],
    "half a character": ['{"messages": "\\ud800"}', GOOD],
    "the other half": [json.dumps(published_line("Tell.", "x", "a.mp4")).replace('"x"', '"\\udc00\\ud800"')],
    "both halves": [published_line("Tell.", "\U0001f600", "a.mp4")],
    "a character that no text may hold": [b'{"messages": "\x01"}', GOOD],
    "not a number": ['{"video_id": "a", "caption": "A dog.", "score": NaN}', GOOD],
    "two objects on a line": [json.dumps(GOOD) * 2, b"", GOOD],
    "an object on two lines": [json.dumps(GOOD).replace(', "videos"', ',\n"videos"'), GOOD],
    "two on one, and one on two": [json.dumps(GOOD) * 2, json.dumps(GOOD).replace(', "videos"', ',\n"videos"')],
    "line ends of Windows": [json.dumps(GOOD) + "\r"] * 2,
    "white space between": [b"", b"  ", json.dumps(GOOD), b"\t", b"\r"],
    "a mark at the start": [b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), GOOD],
    "a key twice": [json.dumps(GOOD)[:-1] + ', "videos": ["b.mp4"]}'],
    "not UTF-8": [b'{"video_id": "\xff"}', GOOD, json.dumps(GOOD).encode().replace(b"He", b"\xed\xa0\x80")],
    "nested too deep": [b"[" * 20_000, GOOD],
    "huge numbers": ['{"video_id": "a", "caption": "x", "n": 1e999}', '{"n": ' + "9" * 5000 + "}"],
}


@pytest.mark.parametrize("name", VARIED)
@pytest.mark.parametrize("part", [2**26, 100, 7])
def test_blocks_and_parts_give_the_rows_that_line_by_line_gives(
    name: str, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [json.dumps(line) if isinstance(line, dict) else line for line in VARIED[name]]
    data = b"\n".join(text.encode() if isinstance(text, str) else text for text in texts) + b"\n"
    rows, bad = one_by_one(data, monkeypatch)
    assert read(data, part=part) == (rows, bad)
    assert len(rows) + len(bad) == len([line for line in data.split(b"\n") if line.strip()])
    assert all("accepted:" in line.message for line in bad)


def test_nothing_that_a_line_tells_is_lost() -> None:
    record = {**VARIED["keys in the turns"][0], "score": float("nan"), "source": {"site": "x"}}
    row = read(json.dumps(record).encode())[0][0]
    kept = {"answer": {"loss": False}, "question": {"loss": False}, "score": None, "source": {"site": "x"}}
    assert json.loads(row["extra"]) == kept
    record = {
        "messages": [{"role": "system", "content": "Turn."}, *GOOD["messages"]],
        "system": "Key.",
        "video": "a.mp4",
    }
    told = json.loads(read(json.dumps(record).encode())[0][0]["extra"])
    assert told == {"system": "Key.", "turns": {"system": "Turn."}}
    text = "A <video> element and an <audio> tag."
    assert (
        read(json.dumps(published_line("<image>\nTell.", f"<video>{text}", "a.mp4")).encode())[0][0]["caption"] == text
    )


def test_the_fast_way_is_taken_where_all_is_as_published() -> None:
    data = "".join(json.dumps(line) + "\n" for line in VARIED["with what a build adds"] + [GOOD]).encode()
    found = published.published_columns(data, published.line_ends(data))
    assert found is not None and len(found.videos) == 3
    assert found.extras == ['{"answer_form": "json", "duration": 3.25}'] * 2 + [None]


def test_a_bad_line_is_known_by_its_number_in_the_file_from_any_part() -> None:
    lines = [json.dumps(GOOD).encode()] * 50
    lines[3] = lines[27] = lines[49] = b"{broken"
    data = b"\n".join(lines)  # the last line has no end
    for part in (2**26, 1000, 333):
        assert [line.line for line in read(data, part=part)[1]] == [4, 28, 50]


def test_every_line_is_in_one_part_and_order_is_kept() -> None:
    rows = [published_line("Tell.", "x" * (7 * n % 90 + 1), f"{n}.mp4") for n in range(200)]
    for count, part in ((20, 1), (200, 50), (200, 51), (200, 997), (200, None)):
        data = "".join(json.dumps(row) + "\n" for row in rows[:count]).encode()
        assert [row["video_id"] for row in read(data, part=part or len(data))[0]] == [str(n) for n in range(count)]


def test_a_line_longer_than_what_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines_module, "CHUNK", 64)
    long = published_line("Tell.", "long " * 1000, "long.mp4")
    data = "".join(json.dumps(row) + "\n" for row in (GOOD, long, GOOD)).encode()
    assert [row["video_id"] for row in read(data)[0]] == ["a", "long", "a"]
    assert [row["video_id"] for row in read(data, part=500)[0]] == ["a", "long", "a"]


def test_a_line_without_end_is_named_and_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (lines_module, published, sources):
        monkeypatch.setattr(module, "MAX_LINE_BYTES", 1000)
    monkeypatch.setattr(lines_module, "CHUNK", 256)
    line = json.dumps(GOOD).encode() + b"\n"
    for huge in (b"x" * 50_000 + b"\n", b"x" * 1001 + b"\n", b"x" * 50_000):
        data = line + huge + (line if huge.endswith(b"\n") else b"")
        for part in (2**26, 300):
            rows, bad = read(data, part=part)
            assert ([bad[0].line], len(rows), len(bad)) == ([2], data.count(line), 1)
            assert "longer than" in bad[0].message


def test_what_an_instruction_asks_for_depends_on_the_configuration() -> None:
    data = json.dumps(published_line("Describe the emotions of the characters.", "x", "a.mp4")).encode()
    asked = {holds: read(data, holds)[0][0]["attributes"] for holds in ("single_attribute", "raw", "all_attributes")}
    assert asked["single_attribute"] == ["emotions"]
    assert asked["raw"] == ["characters", "emotions"]
    assert len(asked["all_attributes"]) == 8
    named = ("Describe how the characters' emotions evolve.", "In this scene, describe the actions.")
    data = "".join(json.dumps(published_line(text, "x", "a.mp4")) + "\n" for text in (*named, "Tell of the music."))
    found = [row["attributes"] for row in read(data.encode(), "single_attribute")[0]]
    assert found == [["emotions"], ["actions"], ["speech"]]
    general = json.dumps(published_line("What happens?", "x", "a.mp4")).encode()
    assert read(general, "single_attribute")[0][0]["attributes"] == []  # nobody tells which
    assert len(read(general, "raw")[0][0]["attributes"]) == 8


def mutilated(rng: random.Random) -> bytes:
    """A line that was good once: cut, flipped, nested, swollen, in another encoding, or made of noise."""
    line = json.dumps(rng.choice([GOOD, {"video_id": "a", "caption": "A dog."}]), ensure_ascii=rng.random() < 0.5)
    data = bytearray(line.encode())
    match rng.randrange(9):
        case 0:
            del data[rng.randrange(len(data)) :]
        case 1:
            for _ in range(rng.randint(1, 6)):
                data[rng.randrange(len(data))] = rng.randrange(256)
        case 2:
            at = rng.randrange(len(data))
            data[at:at] = rng.randbytes(rng.randint(1, 20))
        case 3:
            data = bytearray(b'{"a":' * rng.randint(1, 3000) + bytes(data) + b"}" * rng.randint(0, 3000))
        case 4:
            data = bytearray(line.encode(rng.choice(["utf-16", "utf-32", "latin-1", "cp1252"]), "replace"))
        case 5:
            data = bytearray("".join(rng.choices(string.printable, k=rng.randint(0, 200))).encode())
        case 6:
            old, new = rng.choice([(b'"', b"'"), (b"{", b"["), (b":", b","), (b"video", b"\xff"), (b'"', b"")])
            data = data.replace(old, new, rng.randint(1, 9))
        case 7:
            data += b" " * rng.randint(1, 5000) + data
        case _:
            pass
    return bytes(data).replace(b"\n", b" ")


LINES_OF_NOISE, LINES_CUT_UP, ROUNDS = 40, 160, 50  # ten thousand lines in all


@settings(max_examples=ROUNDS, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.binary(max_size=300), min_size=LINES_OF_NOISE, max_size=LINES_OF_NOISE),
    st.integers(0, 2**32),
    st.sampled_from([2**26, 50_000, 5_000]),
)
def test_ten_thousand_broken_lines_are_each_a_row_or_named(
    tmp_path, monkeypatch: pytest.MonkeyPatch, noise: list[bytes], seed: int, part: int
) -> None:
    for module in (lines_module, published, sources):
        monkeypatch.setattr(module, "MAX_LINE_BYTES", 20_000)  # so that some are too long
    rng = random.Random(seed)
    lines = [mutilated(rng) for _ in range(LINES_CUT_UP)] + [line.replace(b"\n", b"\r") for line in noise]
    rng.shuffle(lines)
    data = b"\n".join(lines) + b"\n"
    rows, bad = read(data, part=part)
    filled = [number for number, line in enumerate(lines, start=1) if line.strip()]
    assert len(rows) + len(bad) == len(filled)
    assert len(bad) > 50 and len(rows) > 10
    assert [line.line for line in bad] == sorted({line.line for line in bad})
    assert {line.line for line in bad} <= set(filled)
    assert all(line.file == "x.jsonl" and "Found: " in line.message and "accepted: " in line.message for line in bad)
    assert one_by_one(data, monkeypatch) == (rows, bad)
    file = tmp_path / "x.jsonl"
    file.write_bytes(data)
    again = list(read_captions(file))  # what `asid verify --captions` reads
    assert [line.line for line in again if isinstance(line, BadLine)] == [line.line for line in bad]
    assert [row["caption"] for row in again if not isinstance(row, BadLine)] == [row["caption"] for row in rows]


def test_how_deep_a_line_may_be_does_not_depend_on_who_reads_it() -> None:
    def deeper(frames: int, data: bytes) -> tuple[list[dict], list[BadLine]]:
        return deeper(frames - 1, data) if frames else read(data)

    levels = (10, sources.MAX_DEPTH - 1, sources.MAX_DEPTH, 600, 940, 3000)
    nested = [b'{"a":' * level + json.dumps(GOOD).encode() + b"}" * level for level in levels]
    kept = json.dumps({**GOOD, "more": "[{" * 2000 + '\\"' * 9}).encode()  # brackets of a text are none
    within = [json.dumps(GOOD)[:-1].encode() + b', "more": ' + b"[" * n + b"]" * n + b"}" for n in (255, 256, 900)]
    data = b"\n".join([*nested, kept, *within]) + b"\n"
    rows, bad = read(data)
    assert all(deeper(frames, data) == (rows, bad) for frames in (50, 300))
    assert [line.line for line in bad if "nested too deep" in line.message] == [2, 3, 4, 5, 6, 9, 10]
    assert [line.line for line in bad if "nested too deep" not in line.message] == [1] and len(rows) == 2


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
KEYS = st.sampled_from(
    "messages conversations query response caption instruction videos video video_id attributes attribute".split()
)
TURNS = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["user", "assistant", "system", "tool", ""]) | VALUES,
            "content": st.text(max_size=30) | VALUES,
        }
    )
    | VALUES,
    max_size=4,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(KEYS | st.text(max_size=5), TURNS | VALUES, max_size=6), min_size=1, max_size=4))
def test_any_json_is_a_row_or_named_and_both_ways_agree(monkeypatch: pytest.MonkeyPatch, records: list[dict]) -> None:
    data = "".join(json.dumps(record) + "\n" for record in records).encode()
    rows, bad = read(data)
    assert len(rows) + len(bad) == len(records)
    assert one_by_one(data, monkeypatch) == (rows, bad)


def test_a_reading_that_is_left_early_leaves_no_thread_and_no_open_file() -> None:
    data = (json.dumps(GOOD).encode() + b"\n") * (3 * lines_module.CHUNK // len(json.dumps(GOOD)))
    opened: list[io.BytesIO] = []

    def open_file(address: str) -> io.BytesIO:
        opened.append(io.BytesIO(data))
        return opened[-1]

    before = set(threading.enumerate())
    tables = read_tables(Part("x", "x", "g", "raw", 0, len(data)), open_file, pytest.fail)
    assert len(next(tables))
    assert set(threading.enumerate()) > before
    tables.close()
    assert set(threading.enumerate()) == before
    assert [stream.closed for stream in opened] == [True]


def test_what_fails_while_reading_ahead_is_raised_after_the_rows_before_it() -> None:
    class Broken(io.BytesIO):
        def readinto(self, buffer: memoryview) -> int:
            if self.tell() >= lines_module.CHUNK:
                raise OSError("the disk is gone")
            return super().readinto(buffer)

    data = (json.dumps(GOOD).encode() + b"\n") * (2 * lines_module.CHUNK // len(json.dumps(GOOD)))
    tables = read_tables(Part("x", "x", "g", "raw", 0, len(data)), lambda _: Broken(data), pytest.fail)
    assert len(next(tables))
    with pytest.raises(OSError, match="the disk is gone"):
        next(tables)


@pytest.mark.parametrize("most", [1, 7, 100_000])
def test_a_stream_that_gives_less_than_it_is_asked_for_is_read_whole(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(io.BytesIO):
        def readinto(self, buffer: memoryview) -> int:
            return super().readinto(buffer[:most])

    monkeypatch.setattr(lines_module, "CHUNK", 500)
    rows = [published_line("Tell.", "x" * (37 * n % 900 + 1), f"{n}.mp4") for n in range(60)]
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    part = Part("x", "x", "g", "raw", 0, len(data))
    found = pa.concat_tables(read_tables(part, lambda _: Slow(data), pytest.fail)).to_pylist()
    assert [row["caption"] for row in found] == [row["messages"][1]["content"] for row in rows]


@pytest.mark.parametrize("most", [100_000, 2**30], ids=["by and by", "at once"])
@pytest.mark.parametrize(("length", "fits"), [(0, True), (1, False), (2, False), (2**20, False)])
def test_a_line_that_is_too_long_is_refused_however_it_is_read(
    length: int, fits: bool, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(io.BytesIO):
        def readinto(self, buffer: memoryview) -> int:
            return super().readinto(buffer[:most])

    limit = len(json.dumps(published_line("Tell.", "", "a.mp4"))) + 300_000
    for module in (lines_module, published, sources):
        monkeypatch.setattr(module, "MAX_LINE_BYTES", limit)
    line = json.dumps(published_line("Tell.", "w" * (300_000 + length), "a.mp4"))
    data = f"{json.dumps(GOOD)}\n{line}\n{json.dumps(GOOD)}\n".encode()
    bad: list[BadLine] = []
    tables = read_tables(Part("x", "x", "g", "raw", 0, len(data)), lambda _: Slow(data), bad.append)
    assert sum(map(len, tables)) == (3 if fits else 2)
    assert [line.line for line in bad] == ([] if fits else [2])
    assert all("longer than" in line.message for line in bad)


def test_a_caption_behind_too_much_white_space_is_not_dropped_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (lines_module, published, sources):
        monkeypatch.setattr(module, "MAX_LINE_BYTES", 1000)
    monkeypatch.setattr(lines_module, "CHUNK", 500)
    rows, bad = read(b" " * 5000 + json.dumps(GOOD).encode() + b"\n" + b" " * 300 + b"\n" + json.dumps(GOOD).encode())
    assert (len(rows), [line.line for line in bad]) == (1, [1])
