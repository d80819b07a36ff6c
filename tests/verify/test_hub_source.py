"""Datasets on the Hub as input: listed, filtered, brought clip by clip, once; hostile and absent ones refused.

Everything runs in processes of its own against a Hub on loopback, through the real huggingface_hub.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from datasets import Dataset
from hub_server import Fault, HubServer, Repo, fresh_process
from media_files import make_clip

from asid_hf.errors import InputError, MediaError
from asid_hf.schema import verified_features
from asid_hf.verify.fetch import Fetch
from asid_hf.verify.from_hub.address import parse_address
from asid_hf.verify.from_hub.archive import MAX_CLIP, ArchiveCursor
from asid_hf.verify.from_hub.cache import ClipCache
from asid_hf.verify.from_hub.files import HubOptions
from asid_hf.verify.from_hub.repo import HubRepo
from asid_hf.verify.from_hub.source import hub_records
from asid_hf.verify.inputs import collect, new_rows
from asid_hf.verify.journal import Remember
from asid_hf.verify.probe import Probe
from asid_hf.verify.stage import Batch, Chain

POOL = "0_30_s_youtube_v0_1"
FOLDER = "liwei_youtube_videos/videos/youtube_video_2024"
MEASURE = Chain((Fetch(), Probe()))


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with HubServer() as server:
        server.tokens["hf_secret"] = "me"
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def process(hub: HubServer, home: Path) -> Iterator[ProcessPoolExecutor]:
    with fresh_process(hub.environment(home)) as pool:
        yield pool


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("clips")
    return {name: make_clip(folder / f"{name}.mp4", 1.0 + i / 5).read_bytes() for i, name in enumerate("abcde")}


def measured(process: ProcessPoolExecutor, records: list[dict], step: object = MEASURE) -> Batch:
    rows = new_rows(records)
    return process.submit(step, {name: [row[name] for row in rows] for name in rows[0]}).result()


def ids(records: list[dict]) -> list[str]:
    return [record["video_id"] for record in records]


def archive(members: list[tuple[str, bytes | tarfile.TarInfo]], mode: str = "w:gz") -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode, format=tarfile.GNU_FORMAT) as tar:
        for name, content in members:
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return data.getvalue()


def shard(rows: list[dict], **how: object) -> bytes:
    data = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows), data, **how)
    return data.getvalue()


def conversation(name: str, answer: str) -> dict:
    turns = [{"from": "human", "value": "<image>\nDescribe the video."}, {"from": "gpt", "value": answer}]
    return {"id": name, "conversations": turns, "data_source": POOL, "video": f"{FOLDER}/ytb_{name}.mp4"}


def llava(hub: HubServer, clips: dict[str, bytes], name: str = "lmms-lab/LLaVA-Video-178K") -> Repo:
    """The layout of LLaVA-Video-178K: annotations that tell no archive, archives in an order of their own."""
    captions = [conversation(video, f"The caption of {video}.") for video in "abcd"]
    questions = [conversation(video, "Yes.") for video in "aabbd"]
    inside = {video: (f"{FOLDER}/ytb_{video}.mp4", clips[video]) for video in clips}
    files = {
        f"{POOL}/{POOL}_cap_processed.json": json.dumps(captions, indent=1),
        f"{POOL}/0_30_s_youtube_oe_v0_1_qa_processed.json": json.dumps(questions),
        f"{POOL}/{POOL}_videos_1.tar.gz": archive([inside["b"], inside["e"], inside["a"]]),
        f"{POOL}/{POOL}_videos_2.tar.gz": archive([inside["c"]]),
        f"{POOL}/{POOL}_videos_10.tar.gz": archive([inside["c"], inside["d"]]),
    }
    return hub.add_repo(name, files)


def finevideo_row(name: str, seconds: int, content: bytes) -> dict:
    about = {
        "content_metadata": {"description": f"All about {name}.", "title": name},
        "duration_seconds": seconds,
        "original_video_filename": f"{name}.mp4",
        "youtube_title": f"Title of {name}",
        "youtube_channel": "A channel",
        "timecoded_text_to_speech": [{"start": "00:00:00.000", "end": "00:00:01.000", "text": "hello"}],
    }
    return {"mp4": content, "json": about}


@pytest.mark.parametrize("name", ["clips/a.mp4", "a b#1?.mp4", "100%.mp4", "x@y&z=1.mp4", "ünï/[1].mp4"])
def test_an_address_leads_back_to_where_it_was_written(name: str) -> None:
    for member in (None, name, "mp4/12"):
        address = parse_address(f"hf://datasets/owner/a.name@{'0' * 40}")
        written = type(address)(address.repo, address.revision, name, member)
        assert parse_address(written.text) == written


@pytest.mark.parametrize(
    "text",
    [
        "hf://datasets/owner",
        "hf://models/owner/name",
        "hf://datasets/owner/name/../../../api/whoami-v2",
        "hf://datasets/owner/name/%2e%2e/%2e%2e/api",
        "hf://datasets/owner/name@../../api/a.mp4",
        "hf://datasets/../api/a.mp4",
        "hf://datasets/owner/name/a.tar#../../etc/passwd",
        "hf://datasets/owner/name/a.tar#/etc/passwd",
        "hf://datasets/owner/name/a%00.mp4",
        "hf://datasets/owner/name//etc/passwd",
    ],
)
def test_an_address_that_leads_out_of_its_dataset_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_address(text)


def test_the_pool_is_listed_once_a_video_and_measured(
    hub: HubServer, process: ProcessPoolExecutor, clips: dict[str, bytes]
) -> None:
    repo = llava(hub, clips)
    records = process.submit(collect, [f"hf://datasets/{repo.name}?config={POOL}"]).result()
    assert ids(records) == ["ytb_b", "ytb_a", "ytb_c", "ytb_d"]  # archives in natural order, each video once
    assert {record["source"] for record in records} == {f"{repo.name}/{POOL}"}
    assert not any("captions" in record for record in records)
    assert all(parse_address(record["video"]).revision == repo.refs["main"] for record in records)
    done = measured(process, records)
    assert done["status"] == ["kept"] * 4
    assert done["duration"] == pytest.approx([1.2, 1.0, 1.4, 1.6])
    assert [video["path"] for video in done["video"]] == [record["video"] for record in records]


def test_the_captions_of_the_pool_are_candidates_on_request(process: ProcessPoolExecutor, hub: HubServer) -> None:
    address = f"hf://datasets/lmms-lab/LLaVA-Video-178K/{POOL}?split=open_ended"
    (row, *_) = new_rows(process.submit(hub_records, address + "&captions=true").result())
    assert row["candidates"] == [{"annotator": "given", "caption": "The caption of b."}]
    assert ids(process.submit(hub_records, address).result()) == ["ytb_b", "ytb_a", "ytb_d"]


def test_what_was_listed_and_measured_is_not_fetched_again(
    hub: HubServer, process: ProcessPoolExecutor, home: Path, tmp_path: Path
) -> None:
    step = Remember(MEASURE, str(tmp_path / "journal.sqlite"))
    given = f"hf://datasets/lmms-lab/LLaVA-Video-178K?config={POOL}"
    records = process.submit(hub_records, given).result()
    first = measured(process, records, step)
    before = hub.sent()
    with fresh_process(hub.environment(home)) as another:
        again = another.submit(hub_records, given).result()
        assert again == records
        assert measured(another, again, step)["duration"] == first["duration"]
    assert hub.sent() == before
    pinned = given.replace("178K?", f"178K@{hub.repos['dataset', 'lmms-lab/LLaVA-Video-178K'].refs['main']}?")
    with fresh_process({**hub.environment(home), "HF_HUB_OFFLINE": "1"}) as offline:
        assert measured(offline, offline.submit(hub_records, pinned).result(), step)["status"] == ["kept"] * 4
        (lost,) = measured(offline, records[:1])["errors"]
        assert "HF_HUB_OFFLINE is set" in lost[0]["message"] and "videos_1.tar.gz" in lost[0]["message"]
        with pytest.raises(InputError, match=r"HF_HUB_OFFLINE is set, and the commit of its main branch .*@<commit>"):
            offline.submit(hub_records, given).result()


def test_a_limit_reads_only_the_head_of_an_archive(hub: HubServer, process: ProcessPoolExecutor) -> None:
    noise = os.urandom(4_000_000)
    hub.add_repo("o/large", {"clips.tar.gz": archive([(f"{i}.mp4", noise) for i in range(12)])})
    records = process.submit(hub_records, "hf://datasets/o/large", HubOptions(limit=2)).result()
    assert ids(records) == ["0", "1"]
    assert hub.sent("large|clips.tar.gz") < 24_000_000  # of 48; some is on its way when the line is closed
    assert ids(process.submit(hub_records, "hf://datasets/o/large?limit=3").result()) == ["0", "1", "2"]


def test_clips_asked_for_out_of_order_cost_no_second_pass(
    hub: HubServer, process: ProcessPoolExecutor, clips: dict[str, bytes]
) -> None:
    hub.add_repo("o/order", {"order.tar.gz": archive([(f"{name}.mp4", clips[name]) for name in "abcde"])})
    records = process.submit(hub_records, "hf://datasets/o/order").result()
    before = len(hub.requests)
    assert measured(process, [records[i] for i in (3, 1, 2, 0, 4)])["status"] == ["kept"] * 5
    assert sum("/lfs/" in request.path for request in hub.requests[before:]) == 1


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def test_members_that_are_no_plain_files_inside_are_refused(
    hub: HubServer, process: ProcessPoolExecutor, clips: dict[str, bytes]
) -> None:
    link, hard, device = (tarfile.TarInfo(f"{name}.mp4") for name in ("link", "hard", "device"))
    link.type, hard.type, device.type = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE
    link.linkname, hard.linkname = "/etc/passwd", "a.mp4"
    members = [("../../out.mp4", clips["b"]), ("/abs.mp4", clips["b"]), ("", link), ("", hard), ("", device)]
    bomb = header("huge.mp4", MAX_CLIP + 1)
    hostile = archive([*members, ("empty.mp4", b""), ("./good/a.mp4", clips["a"])], mode="w")
    repo = hub.add_repo("o/hostile", {"hostile.tar": hostile, "huge.tar": bomb})
    assert ids(process.submit(hub_records, "hf://datasets/o/hostile/hostile.tar").result()) == ["a"]
    commit = f"hf://datasets/o/hostile@{repo.refs['main']}"
    asked = ["link.mp4", "hard.mp4", "device.mp4", "empty.mp4", "none.mp4", "good/a.mp4"]
    rows = [{"video": f"{commit}/hostile.tar#{name}", "video_id": name} for name in asked]
    rows += [{"video": f"{commit}/huge.tar#huge.mp4", "video_id": "huge"}]
    rows += [{"video": f"{commit}/hostile.tar#../../out.mp4", "video_id": "out"}]
    done = measured(process, rows)
    refused = ["unsupported_source"] * 3 + ["empty", "not_found", None, "too_large", "unsupported_source"]
    assert done["drop_reason"] == refused
    assert not list(Path(process.submit(os.getcwd).result()).parent.glob("out.mp4"))


def below_zero(name: str) -> bytes:
    """A header whose size is -5120, which leads back to where one was."""
    fields = bytearray(header(name, 0))
    fields[124:136] = (-5120).to_bytes(12, "big", signed=True)
    fields[148:156] = b" " * 8
    fields[148:156] = b"%06o\0 " % sum(fields)
    return bytes(fields)


BROKEN = {  # what follows a good member in the archive
    "a bomb": gzip.compress(header("bomb.mp4", 2**30) + bytes(100_000_000)),
    "a header of a gigabyte": gzip.compress(header("././@LongLink", 2**30, b"L")),
    "a size below zero": gzip.compress(below_zero("zero.mp4")),
    "a broken header": gzip.compress(b"\xff" * 1024),
    "no gzip": b"plain text" * 2000,
    "a gzip cut off": gzip.compress(header("cut.mp4", 300_000) + os.urandom(300_000))[:-1000],
}


class HeldRepo(HubRepo):
    """A repository whose one archive is held in memory."""

    def stream(self, path: str) -> io.BytesIO:
        return io.BytesIO(HELD[self.repo])

    def files(self) -> dict[str, int]:
        return {"a.tar.gz": len(HELD[self.repo])}

    def recall(self, name: str) -> None:
        return None


HELD: dict[str, bytes] = {}


@pytest.mark.parametrize(
    ("fault", "reason", "said"),
    [
        ("a bomb", "too_large", "unpacks to more than 20 times its size"),
        ("a header of a gigabyte", "damaged", "a header of 1073741824 bytes"),
        ("a size below zero", "damaged", "lead backwards"),
        ("a broken header", "damaged", "ReadError"),
        ("no gzip", "damaged", "BadGzipFile"),
        ("a gzip cut off", "damaged", "EOFError"),
    ],
)
def test_a_damaged_archive_is_left_for_what_it_is(fault: str, reason: str, said: str) -> None:
    noise = os.urandom(200_000)
    HELD["o/held"] = gzip.compress(header("a.mp4", len(noise)) + noise + bytes(-len(noise) % 512)) + BROKEN[fault]
    cursor, seen = ArchiveCursor(HeldRepo("o/held", "0" * 40), "a.tar.gz"), []
    with pytest.raises(MediaError, match=said) as raised:
        for member in cursor.members():
            seen.append(member.name)
    assert raised.value.reason == reason
    assert seen[:1] == ["a.mp4"]


@pytest.mark.parametrize("fault", BROKEN)
def test_a_damaged_archive_gives_what_came_before_and_stops_no_other(
    fault: str, hub: HubServer, process: ProcessPoolExecutor, clips: dict[str, bytes]
) -> None:
    noise = os.urandom(200_000)
    members = (("a.mp4", clips["a"]), ("noise.mp4", noise))
    good = b"".join(header(name, len(data)) + data + bytes(-len(data) % 512) for name, data in members)
    name = f"o/{fault.replace(' ', '-')}"
    files = {"1.tar.gz": gzip.compress(good) + BROKEN[fault], "2.tar.gz": archive([("b.mp4", clips["b"])])}
    hub.add_repo(name, files)
    records = process.submit(hub_records, f"hf://datasets/{name}").result()
    records = [record for record in records if record["video_id"] != "noise"]
    done = measured(process, records)
    assert (ids(records)[0], ids(records)[-1]) == ("a", "b")
    assert (done["status"][0], done["status"][-1]) == ("kept", "kept")
    assert set(done["drop_reason"][1:-1]) <= {"damaged", "too_large"}


def test_finevideo_is_gated_and_its_login_goes_to_the_hub_alone(
    hub: HubServer, process: ProcessPoolExecutor, clips: dict[str, bytes], tmp_path: Path
) -> None:
    rows = [finevideo_row("a", 100, clips["a"]), finevideo_row("b", 300, clips["b"]), finevideo_row("c", 50, b"")]
    files = {"data/train-00000-of-00002.parquet": shard(rows)}
    files["data/train-00001-of-00002.parquet"] = shard([finevideo_row("d", 10, clips["d"])])
    hub.add_repo("HuggingFaceFV/finevideo", files, gated={"me"})
    given = "hf://datasets/HuggingFaceFV/finevideo?max_duration=180"
    with pytest.raises(InputError, match=r"HuggingFaceFV/finevideo is gated.*hf auth login"):
        process.submit(hub_records, given).result()
    with fresh_process(hub.environment(tmp_path, token="hf_secret")) as known:
        records = known.submit(hub_records, given + "&captions=true").result()
        assert ids(records) == ["a", "c", "d"]
        assert records[0]["source"] == "HuggingFaceFV/finevideo (A channel: Title of a)"
        assert records[0]["captions"] == ["All about a."]
        done = measured(known, records)
    assert done["drop_reason"] == [None, "empty", None]
    assert "hf_secret" not in json.dumps([done, records], default=str)
    there = [request for request in hub.requests if "finevideo" in request.path or "/train-" in request.path]
    assert any(request.user == "me" for request in there)
    assert all(request.user is None for request in there if request.path.startswith("/lfs/"))


def test_a_duration_out_of_range_is_found_without_touching_the_videos(
    hub: HubServer, process: ProcessPoolExecutor
) -> None:
    rows = [{"video": os.urandom(3_000_000), "duration": 500.0 + i} for i in range(4)]
    hub.add_repo("o/long", {"data/train.parquet": shard(rows)})
    with pytest.raises(InputError, match="no video that fits"):
        process.submit(hub_records, "hf://datasets/o/long?max_duration=180").result()
    assert hub.sent("data/train.parquet") <= 2 * 2**21
    assert len(process.submit(hub_records, "hf://datasets/o/long?min_duration=501&max_duration=502").result()) == 2


def test_rows_that_came_together_are_kept_together_as_far_as_there_is_room(
    hub: HubServer, process: ProcessPoolExecutor, clips: dict[str, bytes], tmp_path: Path
) -> None:
    rows = [{"video": {"bytes": clips[name], "path": f"{name}.mp4"}} for name in "abcde"]
    content = shard(rows, row_group_size=3)
    hub.add_repo("o/rows", {"data/train.parquet": content})
    records = process.submit(hub_records, "hf://datasets/o/rows").result()
    assert ids(records) == list("abcde")
    before = hub.sent("data/train.parquet")
    assert measured(process, records)["status"] == ["kept"] * 5
    assert hub.sent("data/train.parquet") - before <= 2 * len(content)  # once a row group, not once a row
    room = len(clips["e"]) + 10  # for one clip
    small = Chain((Fetch(folder=str(tmp_path / "small"), most=room), Probe()))
    assert measured(process, records, small)["duration"] == pytest.approx([1.0, 1.2, 1.4, 1.6, 1.8])
    held = [path for path in (tmp_path / "small").rglob("*") if path.is_file()]
    assert len(held) == 1 and held[0].stat().st_size <= room


def test_a_damaged_row_group_costs_its_own_rows(
    hub: HubServer, process: ProcessPoolExecutor, clips: dict[str, bytes]
) -> None:
    rows = [{"video": clips[name], "video_id": name} for name in "abcd"]
    content = bytearray(shard(rows, row_group_size=2))
    content[4:40] = os.urandom(36)
    hub.add_repo(
        "o/torn", {"a.parquet": bytes(content), "b.parquet": bytes(content[:-50] + b"PAR1"), "c.mp4": clips["e"]}
    )
    records = process.submit(hub_records, "hf://datasets/o/torn?column=video").result()
    assert len(ids(records)) == 5
    done = measured(process, records)
    assert done["drop_reason"][:4] == ["damaged", "damaged", None, None]
    assert done["status"][-1] == "kept"


def test_forked_workers_bring_their_own_clips(
    hub: HubServer, process: ProcessPoolExecutor, clips: dict[str, bytes]
) -> None:
    noise = [(f"noise-{number}.bin", os.urandom(100_000)) for number in range(20)]  # so that the line stays open
    members = [(f"{name}.mp4", clips[name]) for name in "abcde"]
    hub.add_repo("o/fork", {"fork.tar": archive([members[0], *noise, *members[1:]], mode="w")})
    records = process.submit(hub_records, "hf://datasets/o/fork").result()
    assert measured(process, records[:1])["status"] == ["kept"]
    features = verified_features()
    dataset = Dataset.from_list(
        [{name: row[name] for name in features} for row in new_rows(records[1:])], features=features
    )
    how = {"batched": True, "batch_size": 1, "num_proc": 2, "features": features}
    done = process.submit(Dataset.map, dataset, MEASURE, **how).result()
    assert done["status"][:] == ["kept"] * 4 and done["duration"][:] == pytest.approx([1.2, 1.4, 1.6, 1.8])
    assert measured(process, records)["status"] == ["kept"] * 5


def test_any_repository_of_files_gives_its_videos_with_what_is_told_of_them(
    hub: HubServer, process: ProcessPoolExecutor, clips: dict[str, bytes]
) -> None:
    told = [{"file_name": "one/clip.mp4", "caption": "A pattern.", "duration": 1.0}, {"file_name": "../../x.mp4"}]
    told += [{"file_name": "two/clip.mp4", "caption": "runaway " * 10_000}]
    files = {f"videos/{folder}/clip.mp4": clips[clip] for folder, clip in (("one", "a"), ("two", "b"))}
    files |= {"videos/metadata.jsonl": "\n".join(map(json.dumps, told)), "notes.txt": "none", "other/c.MP4": clips["c"]}
    hub.add_repo("o/folder", files)
    records = process.submit(hub_records, "hf://datasets/o/folder?captions=1").result()
    assert ids(records) == ["c", "clip", "videos/two/clip"]
    assert [record.get("captions") for record in records] == [None, ["A pattern."], None]
    assert measured(process, records)["duration"] == pytest.approx([1.4, 1.0, 1.2])
    for path, expected in (("videos/**/*.mp4", 2), ("videos/one", 1), ("other/c.MP4", 1), ("*/*.MP4", 1)):
        assert len(process.submit(hub_records, f"hf://datasets/o/folder/{path}").result()) == expected
    with pytest.raises(InputError, match="has no nowhere"):
        process.submit(hub_records, "hf://datasets/o/folder/nowhere").result()


def test_configs_and_splits_are_those_of_the_card(
    hub: HubServer, process: ProcessPoolExecutor, clips: dict[str, bytes]
) -> None:
    card = """---
configs:
- config_name: short
  data_files: [{split: train, path: "short/a*"}, {split: test, path: ["short/b*"]}]
- config_name: long
  data_dir: long
---
"""
    files = {"README.md": card, "short/a.mp4": clips["a"], "short/b.mp4": clips["b"], "long/c.mp4": clips["c"]}
    hub.add_repo("o/card", files)

    def listed(query: str) -> list[str]:
        return ids(process.submit(hub_records, f"hf://datasets/o/card?{query}").result())

    assert listed("config=short") == ["a", "b"]
    assert listed("config=short&split=test") == ["b"]
    assert listed("config=long") == ["c"]
    for query, said in {
        "": "several configs: choose with .*short, long",
        "config=none": "no config none",
        "config=short&split=none": "it has train, test",
        "frames=3": "no option.*Allowed: config, split",
        "limit=many": "Give a number",
    }.items():
        with pytest.raises(InputError, match=said):
            listed(query)


def test_a_table_may_name_files_of_its_repository_and_no_others(
    hub: HubServer, process: ProcessPoolExecutor, clips: dict[str, bytes]
) -> None:
    names = ["clips/a.mp4", "../../clips/a.mp4", "/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:1/a.mp4", None]
    rows = [{"video": name, "video_id": f"id-{index}"} for index, name in enumerate(names)]
    hub.add_repo(
        "o/names", {"data/train.parquet": shard(rows), "data/b.parquet": b"PAR1junk", "clips/a.mp4": clips["a"]}
    )
    records = process.submit(hub_records, "hf://datasets/o/names/data").result()
    assert ids(records) == ["id-0", "id-4"]
    assert measured(process, records)["drop_reason"] == [None, "remote_not_allowed"]


def test_ids_of_others_lead_nowhere_and_are_each_ones_own(
    hub: HubServer, process: ProcessPoolExecutor, clips: dict[str, bytes]
) -> None:
    names = ["../../a", "a", "a", "x\ny", "", "b" * 500]
    rows = [{"video": clips["a"], "video_id": name} for name in names]
    hub.add_repo("o/ids", {"train.parquet": shard(rows)})
    found = ids(process.submit(hub_records, "hf://datasets/o/ids").result())
    assert found == ["a", "train-00001", "train-00002", "x y", "train-00004", "b" * 200]


def test_a_seed_draws_an_order_and_the_same_one_again(
    hub: HubServer, process: ProcessPoolExecutor, clips: dict[str, bytes]
) -> None:
    hub.add_repo("o/many", {f"{number}.mp4": clips["a"] for number in range(1, 31)})
    natural, drawn, again, other = (
        ids(process.submit(hub_records, "hf://datasets/o/many", HubOptions(limit=10, seed=seed)).result())
        for seed in (None, 1, 1, 2)
    )
    assert natural == [str(number) for number in range(1, 11)]
    assert drawn == again != natural and drawn != other


def test_what_is_not_to_be_had_is_named_with_what_to_do(hub: HubServer, process: ProcessPoolExecutor) -> None:
    hub.add_repo("o/private", {"a.mp4": b"film"}, private=True)
    for given, said in {
        "hf://datasets/o/private": "no dataset o/private on the Hub, or it is private.*hf auth login",
        "hf://datasets/o/none": "no dataset o/none",
        "hf://datasets/o/many@none": "no such revision",
        "hf://datasets/o/many/none.mp4": "has no none.mp4",
    }.items():
        with pytest.raises(InputError, match=said) as raised:
            process.submit(hub_records, given).result()
        assert "127.0.0.1" not in str(raised.value) and "\n" not in str(raised.value)


def test_a_dataset_that_nobody_named_is_not_read_with_the_users_login(
    hub: HubServer, clips: dict[str, bytes], tmp_path: Path
) -> None:
    hub.add_repo("o/secret", {"a.mp4": clips["a"]}, private=True)
    row = [{"video": "hf://datasets/o/secret/a.mp4"}]
    with fresh_process(hub.environment(tmp_path, token="hf_secret")) as process:
        refused = measured(process, row)
        assert refused["drop_reason"] == ["remote_not_allowed"]
        assert "hf://datasets/o/secret" in refused["errors"][0][0]["message"]
        assert not [request for request in hub.requests if "secret/" in request.path]
        assert measured(process, row, Chain((Fetch(repos=("o/secret",)), Probe())))["status"] == ["kept"]


def test_a_line_that_breaks_is_taken_up_again(
    hub: HubServer, process: ProcessPoolExecutor, clips: dict[str, bytes]
) -> None:
    hub.add_repo("o/broken", {"a.mp4": clips["a"], "b.tar.gz": archive([("b.mp4", clips["b"])])})
    hub.faults += [Fault("lfs/.*/(a.mp4|b.tar.gz)", cut=4000, times=3)]
    records = process.submit(hub_records, "hf://datasets/o/broken").result()
    assert measured(process, records)["status"] == ["kept", "kept"]
    assert all(fault.times == 0 for fault in hub.faults)


def test_a_damaged_clip_is_named_without_the_path_of_its_copy(
    hub: HubServer, process: ProcessPoolExecutor, home: Path
) -> None:
    hub.add_repo("o/damaged", {"plain.mp4": b"plain text " * 3000})
    (errors,) = measured(process, process.submit(hub_records, "hf://datasets/o/damaged").result())["errors"]
    assert errors[0]["message"].startswith("plain.mp4: no video") and str(home) not in errors[0]["message"]


def test_folders_of_processes_that_ended_are_taken_away(tmp_path: Path) -> None:
    with fresh_process({}) as process:
        number = process.submit(os.getpid).result()
    dead = tmp_path / f"{os.uname().nodename}-{number}"
    alive = tmp_path / f"{os.uname().nodename}-{os.getppid()}"
    for folder in (dead, alive):
        folder.mkdir()
        (folder / "clip.mp4").write_bytes(b"film")
    ClipCache(tmp_path)
    assert not dead.exists() and alive.exists()
