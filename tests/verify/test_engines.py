"""The engines: Ray and streams give the rows of the local engine, and a process that is killed loses nothing."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import NamedTuple

import pytest
from datasets import Dataset, IterableDataset
from llm_models import Skill
from llm_server import Server
from llm_world import World

from asid_hf.chat.model_spec import ModelSpec
from asid_hf.errors import EndpointError, InputError, MissingExtraError, OutputError
from asid_hf.verify.annotate import Annotate, Annotator
from asid_hf.verify.decompose import Decompose
from asid_hf.verify.engines.home import DEATHS, Home
from asid_hf.verify.engines.local import run_local
from asid_hf.verify.engines.on_ray import run_ray
from asid_hf.verify.engines.stream import stream_steps
from asid_hf.verify.ensemble import Ensemble
from asid_hf.verify.inputs import new_rows
from asid_hf.verify.journal import Remember
from asid_hf.verify.model_stage import Access
from asid_hf.verify.pipeline import working_features
from asid_hf.verify.stage import Chain, Row, Stage
from asid_hf.verify.steps import MODEL_BATCH, TEXT_BATCH, Step

CONCURRENCY = 16
DEADLY = "clip-037"


@pytest.fixture(scope="module")
def nodes() -> Iterator[str]:
    """The address of a Ray cluster of two nodes, each with one processor; the tests run on the first."""
    ray = pytest.importorskip("ray", reason="ray is not installed: pip install 'asid_hf[ray]'")
    from ray.cluster_utils import Cluster

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import a test
    node = {"num_cpus": 1, "object_store_memory": 150 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    cluster.add_node(**node)
    yield cluster.address
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(scope="module")
def joined(nodes: str) -> None:
    """This process is connected to the cluster, so that workers stay from test to test."""
    import ray

    ray.init(address=nodes, logging_level="ERROR", log_to_driver=False)


@pytest.fixture(scope="module")
def world() -> World:
    return World(490, seed=5)


@pytest.fixture(scope="module")
def server(world: World) -> Iterator[Server]:
    with Server(world) as server:
        yield server


@dataclass(frozen=True)
class Note(Stage):
    """Notes every row it works on in a file, and where it does so in the row; at one row it kills its process, once."""

    log: str = ""
    deadly: str = ""
    pause: float = 0.0

    name, reads, writes = "note", ("video_id",), ("draft",)

    def run(self, row: Row) -> Row:
        with open(self.log, "a") as log:
            log.write(row["video_id"] + "\n")
        kill_once(Path(self.log), row["video_id"] == self.deadly)
        time.sleep(self.pause)
        opened = [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if _is_link(n)]
        return {"draft": json.dumps({**_here(), "opened": [path for path in opened if ".sqlite" in path]})}


@dataclass(frozen=True)
class Mortal(Annotate):
    """An annotator whose process is killed once, when it has been answered for one row."""

    log: str = ""
    deadly: str = ""

    writes = ("candidates", "source")

    async def consult(self, row: Row) -> Row:
        captioned = await super().consult(row)
        kill_once(Path(self.log), row["video_id"] == self.deadly)
        return {**captioned, "source": json.dumps(_here())}


def kill_once(log: Path, now: bool) -> None:
    mark = log.with_suffix(".killed")
    if now and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def _is_link(number: str) -> bool:
    return os.path.islink(f"/proc/self/fd/{number}")


def _session(leader: int) -> list[int]:
    """The processes of a session that still run."""
    numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [number for number in numbers if number != leader and _session_of(number) == leader]


def _session_of(number: int) -> int | None:
    try:
        return os.getsid(number)
    except ProcessLookupError:
        return None


def _here() -> dict:
    ray = sys.modules.get("ray")
    return {
        "process": os.getpid(),
        "node": ray.get_runtime_context().get_node_id() if ray and ray.is_initialized() else "",
    }


class Measured(NamedTuple):
    """Rows that Ray measured while a worker was killed, and the files that were written meanwhile."""

    rows: Dataset
    log: Path
    mark: Path
    journal: Path


@pytest.fixture(scope="module")
def measured_by_ray(joined: None, tmp_path_factory: pytest.TempPathFactory) -> Measured:
    folder = tmp_path_factory.mktemp("measured")
    rows = run_ray(skeletons(60), [measuring(folder, deadly=DEADLY)], working_features(), folder)
    return Measured(rows, folder / "measured.log", folder / "measured.killed", folder / "measured.sqlite")


def skeletons(count: int) -> Dataset:
    return Dataset.from_list(new_rows([f"clip-{i:03d}.mp4" for i in range(count)]), features=working_features())


def measured_rows(world: World) -> list[dict]:
    """The rows of a world; one in five was measured and has a caption given."""
    rows = world.rows()
    for number, row in enumerate(rows):
        told = " ".join(fact.sentence(0) for fact in world.clips[row["video_id"]].truth[:6])
        given = {"candidates": [{"annotator": "given", "caption": told}]}
        row.update({"evidence": None, "transcript": []} if number % 5 else given)
    return rows


def odd_rows() -> list[dict]:
    """Ten rows with values that are easily lost on the way: none, empty, nested, bytes, not of this alphabet."""
    finding = {name: "x" for name in ("finding_id", "stage", "judge", "attribute", "kind", "text_field", "span")}
    finding |= {"evidence": "", "reason": "é", "suggestion": None, "confidence": 0.1 + 0.2, "resolved": False}
    finding |= {"round": 1, "char_start": 0, "char_end": 2**31 - 1, "time_start": None, "time_end": 1e-9}
    fields = [
        {
            "status": "dropped",
            "drop_reason": "not_found",
            "errors": [{"stage": "s", "kind": "k", "message": "\n\t日本"}],
        },
        {"transcript": None, "has_audio": False, "duration": 0.0},
        {"video": None, "has_audio": None},
        {"video": {"path": None, "bytes": b""}, "has_audio": True},
        {"video": {"path": "a/../ü.mp4", "bytes": bytes(range(256)) * 40}},
        {"findings": [finding, {**finding, "disputed_by": "b"}], "revisions": [{"text_field": "draft", "text": ""}]},
        {"evidence": {"shots": [], "camera": None, "sound": None, "speech": None, "screen_text": [], "light": None}},
        {"evidence": {"speech": {"recogniser": "r", "language": None, "utterances": [], "voices": None}}},
        {"conflicts": [], "sources": None, "agreement": {"scene": None, "speech": 1.0}, "attributes": {"scene": ""}},
        {"provenance": {"models": [], "stages": None, "tokens": 2**40}, "timings": None, "candidates": None},
    ]
    rows = new_rows([f"odd-{number}.mp4" for number in range(len(fields))])
    return [{**row, "duration": 4.0, "has_audio": False, **given} for row, given in zip(rows, fields, strict=True)]


def measuring(folder: Path, deadly: str = "", pause: float = 0.0) -> Step:
    note = Note(log=str(folder / "measured.log"), deadly=deadly, pause=pause)
    return Step("measuring", Remember(Chain((note,)), str(folder / "measured.sqlite")), 1)


def spec(server: Server, model: str, accepts: tuple[str, ...] = ()) -> ModelSpec:
    return ModelSpec(model, base_url=server.url, accepts=accepts, concurrency=CONCURRENCY)


def facts(rows: Dataset | list[dict], without: tuple[str, ...] = ()) -> list[dict]:
    """Rows without what no two runs share: how long it took."""
    spent = [[{**t, "seconds": None} for t in row["timings"] or []] for row in rows]
    shown = [{**row, "timings": timings} for row, timings in zip(rows, spent, strict=True)]
    return [{name: value for name, value in row.items() if name not in without} for row in shown]


def test_ray_and_local_agree_on_500_rows(joined: None, world: World, server: Server, tmp_path: Path) -> None:
    server.model("writer", skill=Skill(seed=1, omit=0.8, invent=0.1, err=0.1))
    server.model("uniter", skill=Skill(seed=2, omit=0.02))
    rows = Dataset.from_list([*measured_rows(world), *odd_rows()], features=working_features())
    assert len(rows) == 500

    def steps(folder: Path) -> list[Step]:
        access = Access(str(folder / "ledger.sqlite"))
        writer = Annotator("writer", spec(server, "writer", ("video",)), style="prose")
        return [
            Step("annotate", Annotate(annotators=(writer,), access=access), MODEL_BATCH),
            Step("ensemble", Ensemble(integrator=spec(server, "uniter"), access=access), MODEL_BATCH),
            Step("decompose", Decompose(), TEXT_BATCH),
        ]

    made = {}
    for engine in (run_local, run_ray):
        folder = tmp_path / engine.__name__
        folder.mkdir()
        made[engine] = engine(rows, steps(folder), working_features(), folder)
        assert max(server.stats(model)["most_at_once"] for model in ("writer", "uniter")) <= CONCURRENCY
    assert made[run_ray].features == made[run_local].features
    assert made[run_ray]["video_id"][:] == rows["video_id"][:]
    assert facts(made[run_ray]) == facts(made[run_local])
    assert sum(bool(row["attributes"]) for row in made[run_ray]) > 490
    assert [server.stats(model)["requests"] for model in ("writer", "uniter")] == [2 * 490, 2 * 98]
    assert [path.name for path in (tmp_path / "run_ray").iterdir() if "sqlite" not in path.name] == ["ray.arrow"]


def test_a_killed_worker_loses_nothing(joined: None, measured_by_ray: Measured, tmp_path: Path) -> None:
    local = run_local(skeletons(60), [measuring(tmp_path)], working_features(), tmp_path)
    assert measured_by_ray.mark.exists()
    assert facts(measured_by_ray.rows, without=("draft",)) == facts(local, without=("draft",))
    times = Counter(measured_by_ray.log.read_text().split())
    assert times == Counter(local["video_id"][:]) + Counter([DEADLY])  # the others of its shard were in the journal


def test_all_nodes_measure_and_none_but_the_first_opens_the_journal(joined: None, measured_by_ray: Measured) -> None:
    import ray

    places = [json.loads(draft) for draft in measured_by_ray.rows["draft"]]
    assert {place["node"] for place in places} == {node["NodeID"] for node in ray.nodes()}
    assert [place["opened"] for place in places if place["opened"]] == []
    with sqlite3.connect(measured_by_ray.journal) as journal:
        assert journal.execute("SELECT count(*) FROM rows").fetchone() == (60,)


def test_models_are_asked_by_one_process_which_may_be_killed(
    joined: None, world: World, server: Server, tmp_path: Path
) -> None:
    import ray

    server.model("writer", skill=Skill(seed=1, omit=0.3), latency=0.02)
    rows = Dataset.from_list(measured_rows(world)[:100], features=working_features())
    writer = Annotator("writer", spec(server, "writer", ("video",)))
    access = Access(str(tmp_path / "ledger.sqlite"))
    stage = Mortal(annotators=(writer,), access=access, log=str(tmp_path / "log"), deadly="clip-00050")
    made = run_ray(rows, [Step("annotate", stage, 30)], working_features(), tmp_path)
    assert (tmp_path / "log.killed").exists()
    places = {row["source"] for row in made}
    assert len(places) <= 2  # the process that was killed, and the one in its place
    assert {json.loads(place)["node"] for place in places} == {ray.get_runtime_context().get_node_id()}
    stats = server.stats("writer")
    assert 100 <= stats["requests"] <= 100 + CONCURRENCY  # those under way were lost, the others in the ledger
    annotate = Annotate(annotators=(writer,), access=access)
    local = run_local(rows, [Step("annotate", annotate, 30)], working_features(), tmp_path)
    assert made["candidates"][:] == local["candidates"][:]
    assert server.stats("writer")["requests"] == stats["requests"]


def test_what_ends_a_run_comes_out_as_it_is(joined: None, server: Server, world: World, tmp_path: Path) -> None:
    server.model("locked", skill=Skill(), key="another")
    rows = Dataset.from_list(measured_rows(world)[:5], features=working_features())
    access = Access(str(tmp_path / "ledger.sqlite"))
    writer = Annotator("locked", spec(server, "locked", ("video",)))
    with pytest.raises(EndpointError, match="401") as ended:
        run_ray(
            rows, [Step("annotate", Annotate(annotators=(writer,), access=access), 5)], working_features(), tmp_path
        )
    assert type(ended.value) is EndpointError
    (tmp_path / "measured.sqlite").write_text("this is no database " * 100)
    with pytest.raises(OutputError, match=r"journal of measured clips .* cannot be used") as ended:
        run_ray(rows, [measuring(tmp_path)], working_features(), tmp_path)
    assert type(ended.value) is OutputError


def test_a_clip_that_kills_every_worker_ends_the_run(tmp_path: Path) -> None:
    home, journal = Home([], working_features(), ".", {}), str(tmp_path / "measured.sqlite")
    home.keep(journal, "fine", "{}")
    for _ in range(DEATHS):
        assert home.find(journal, "deadly") is None
    with pytest.raises(OutputError, match="10 workers of Ray died"):
        home.find(journal, "deadly")
    assert [home.find(journal, "fine") for _ in range(2 * DEATHS)] == ["{}"] * 2 * DEATHS


def test_an_interrupted_run_ends_what_it_started_and_keeps_what_it_measured(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    log = tmp_path / "measured.log"
    code = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_engines as t; from pathlib import Path; import ray
ray.cloudpickle.register_pickle_by_value(t)
work = Path({str(tmp_path)!r})
t.run_ray(t.skeletons(200), [t.measuring(work, pause=0.1)], t.working_features(), work)
"""
    path = os.pathsep.join(filter(None, sys.path))
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, start_new_session=True, stderr=PIPE
    )
    deadline = time.monotonic() + 150
    while not (log.exists() and len(log.read_text().split()) > 10) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in process.communicate(timeout=60)[1]
    while (left := _session(process.pid)) and time.monotonic() < deadline + 60:
        time.sleep(0.1)
    assert left == []
    done = log.read_text().split()
    assert 10 < len(done) < 200
    with sqlite3.connect(tmp_path / "measured.sqlite") as journal:
        assert len(done) - 4 <= journal.execute("SELECT count(*) FROM rows").fetchone()[0] <= len(done)
    assert not (tmp_path / "ray").exists()


@pytest.mark.parametrize("address", ["ray://127.0.0.1:10001", "a cluster", "127.0.0.1:1", "127.0.0.1:99999999"])
def test_an_address_without_a_cluster_is_refused_at_once(address: str, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    with pytest.raises(InputError, match=r"address of a Ray cluster|no Ray cluster at"):
        run_ray(skeletons(1), [], working_features(), tmp_path, address)


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"the engine ray needs.*asid_hf\[ray\]"):
        run_ray(skeletons(1), [], working_features(), tmp_path)


def test_a_stream_gives_the_rows_of_the_local_engine(server: Server, world: World, tmp_path: Path) -> None:
    server.model("uniter", skill=Skill(seed=2, omit=0.02))
    rows = [*measured_rows(world)[:20], *odd_rows()]

    def steps(folder: Path) -> list[Step]:
        folder.mkdir()
        access = Access(str(folder / "ledger.sqlite"))
        return [
            Step("annotate", Annotate(), 4),
            Step("ensemble", Ensemble(integrator=spec(server, "uniter"), access=access), 10),
            Step("decompose", Decompose(), 64),
        ]

    dataset = Dataset.from_list(rows, features=working_features())
    local = run_local(dataset, steps(tmp_path / "local"), working_features(), tmp_path)
    stream = stream_steps(dataset.to_iterable_dataset(), steps(tmp_path / "stream"), working_features())
    assert facts(list(stream)) == facts(local)


def test_a_stream_is_worked_on_as_it_is_read(tmp_path: Path) -> None:
    read = []

    def endless() -> Iterator[dict]:
        while True:
            read.append(len(read))
            yield new_rows([f"clip-{len(read):05d}.mp4"])[0]

    stream = IterableDataset.from_generator(endless, features=working_features())
    steps = [measuring(tmp_path), Step("annotate", Annotate(), 4)]
    rows = iter(stream_steps(stream, steps, working_features()))
    assert next(rows)["video_id"] == "clip-00001"
    assert len(read) <= 8
    assert (tmp_path / "measured.log").read_text().split()[0] == "clip-00001"


def test_the_memory_of_a_stream_does_not_grow_with_it(tmp_path: Path) -> None:
    def rows(count: int) -> Iterator[dict]:
        return ({**new_rows([f"{number}.mp4"])[0], "draft": "a" * 10_000} for number in range(count))

    def peak(count: int) -> int:
        stream = IterableDataset.from_generator(rows, gen_kwargs={"count": count}, features=working_features())
        tracemalloc.start()
        assert sum(1 for _ in stream_steps(stream, [Step("annotate", Annotate(), 16)], working_features())) == count
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(20)  # what is imported and compiled stays
    assert peak(600) < 1.3 * peak(60)
