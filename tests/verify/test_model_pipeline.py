"""Whole runs with models: what is paid once, what is paid again, what is recorded, what the command says."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml
from datasets import load_dataset
from llm_models import Skill
from llm_server import Server
from llm_world import World
from model_runs import whole

from asid_hf.chat.model_spec import ModelSpec
from asid_hf.errors import EndpointError, InputError, OutputError
from asid_hf.prompts import PROMPTS
from asid_hf.verify.circularity import require_independent_judge, shared_with_judge
from asid_hf.verify.config import VerifyConfig, read_config
from asid_hf.verify.config_checks import STAGES
from asid_hf.verify.config_models import with_models
from asid_hf.verify.estimate import estimate
from asid_hf.verify.inputs import new_rows
from asid_hf.verify.keep import KeepRules
from asid_hf.verify.pipeline import verify
from asid_hf.verify.replay import replay_stage
from asid_hf.verify.steps import all_stages

WORLD = World(6, seed=8)
ROLES = ("annotator0", "annotator1", "integrator", "reviewer", "judge", "refiner", "fuser")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(WORLD) as running:
        yield running


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "clips"
    folder.mkdir()
    paths = [folder / f"{name}.mp4" for name in WORLD.clips]
    for path, clip in zip(paths, WORLD.clips.values(), strict=True):
        path.write_bytes(clip.file())
    return paths


@pytest.fixture
def models(server: Server) -> Server:
    """The roles' models, with a few faults, their counts at zero."""
    for name in ROLES:
        server.model(name, skill=Skill(seed=len(name), omit=0.2, invent=0.1) if "annotator" in name else Skill())
    return server


def config(server: Server, **settings: object) -> VerifyConfig:
    return whole(server, screen_text=False, **settings)


def rows_of(output: Path) -> dict[str, dict]:
    return {row["video_id"]: row for row in load_dataset(str(output), split="train")}


def requests(server: Server) -> dict[str, int]:
    return {name: server.stats(name)["requests"] for name in ROLES}


def without_spent(rows: dict[str, dict]) -> dict[str, dict]:
    return {name: {**row, "provenance": None} for name, row in rows.items()}


def test_a_second_run_pays_nothing_and_makes_the_same_rows(models: Server, clips: list[Path], tmp_path: Path) -> None:
    first = verify(clips, tmp_path / "one", config=config(models), ledger=tmp_path / "l.sqlite")
    paid = requests(models)
    again = verify(clips, tmp_path / "two", config=config(models), ledger=tmp_path / "l.sqlite")
    assert requests(models) == paid
    assert without_spent(rows_of(tmp_path / "one")) == without_spent(rows_of(tmp_path / "two"))
    assert first["calls_by_stage"]["judge"]["calls"] == len(clips)
    assert sum(stage["calls"] for stage in again["calls_by_stage"].values()) == 0
    answers = [stage["calls"] + stage["hits"] for stage in first["calls_by_stage"].values()]
    assert [stage["hits"] for stage in again["calls_by_stage"].values()] == answers


def test_the_ledger_outlives_overwrite(models: Server, clips: list[Path], tmp_path: Path) -> None:
    verify(clips[:2], tmp_path / "out", config=config(models))
    paid = requests(models)
    verify(clips[:2], tmp_path / "out", config=config(models), overwrite=True)
    assert requests(models) == paid


def test_overwrite_spares_a_ledger_of_any_name_and_a_card_that_was_edited(
    models: Server, clips: list[Path], tmp_path: Path
) -> None:
    ledger, card = tmp_path / "out" / ".asid" / "mine.sqlite", tmp_path / "out" / "README.md"
    verify(clips[:1], tmp_path / "out", config=config(models), ledger=ledger)
    paid = requests(models)
    card.write_text("Mine.")
    verify(clips[:1], tmp_path / "out", config=config(models), ledger=ledger, overwrite=True)
    assert requests(models) == paid
    assert card.read_text() == "Mine."
    card.unlink()
    for _ in range(2):
        report = verify(clips[:1], tmp_path / "out", config=config(models), ledger=ledger, overwrite=True)
    assert "Mine." not in card.read_text() and report["kept"] == 1


def test_a_ledger_that_the_next_run_would_delete_is_refused(models: Server, clips: list[Path], tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="which each run replaces"):
        verify(clips[:1], tmp_path / "out", config=config(models), ledger=tmp_path / "out" / "data" / "l.sqlite")
    assert not (tmp_path / "out").exists()


def test_a_recogniser_behind_an_address_makes_nothing_in_a_folder_of_somebody_else(tmp_path: Path) -> None:
    foreign = tmp_path / "photos"
    foreign.mkdir()
    (foreign / "photo.jpg").write_bytes(b"mine")
    remote = VerifyConfig(recogniser=ModelSpec("whisper", base_url="http://127.0.0.1:9/v1"))
    for _ in range(2):
        with pytest.raises(OutputError, match="no run of asid verify wrote"):
            verify([tmp_path / "a.mp4"], foreign, config=remote, overwrite=True)
    assert [path.name for path in foreign.iterdir()] == ["photo.jpg"]


def test_offline_asks_for_no_key(models: Server, clips: list[Path], tmp_path: Path, monkeypatch) -> None:
    verify(clips[:1], tmp_path / "one", config=config(models), ledger=tmp_path / "l.sqlite")
    monkeypatch.delenv("KEY_THAT_IS_NOT_SET", raising=False)
    keyed = with_models(config(models), lambda role, model: replace(model, api_key_env="KEY_THAT_IS_NOT_SET"))
    with pytest.raises(InputError, match="KEY_THAT_IS_NOT_SET"):
        verify(clips[:1], tmp_path / "two", config=keyed, ledger=tmp_path / "l.sqlite")
    verify(clips[:1], tmp_path / "two", config=keyed, ledger=tmp_path / "l.sqlite", offline=True)
    assert without_spent(rows_of(tmp_path / "one")) == without_spent(rows_of(tmp_path / "two"))


def test_an_edited_prompt_asks_only_its_own_stage_again(models: Server, clips: list[Path], tmp_path: Path) -> None:
    one = config(models, max_rounds=1)
    verify(clips, tmp_path / "one", config=one, ledger=tmp_path / "l.sqlite")
    paid = requests(models)
    task = PROMPTS["fuse"].task + " Write plainly."
    edited = replace(one, prompts=(replace(PROMPTS["fuse"], task=task),))
    report = verify(clips, tmp_path / "two", config=edited, ledger=tmp_path / "l.sqlite")
    more = {name: count - paid[name] for name, count in requests(models).items()}
    assert more == {**dict.fromkeys(ROLES, 0), "fuser": more["fuser"]}
    assert more["fuser"] >= len(clips)
    assert [label for label in report["prompts"] if label.startswith("fuse@")] != ["fuse@1"]


def test_an_exported_ledger_answers_a_whole_run_offline(
    models: Server, clips: list[Path], asid: Callable[..., CompletedProcess], tmp_path: Path
) -> None:
    verify(clips, tmp_path / "one", config=config(models))
    paid = requests(models)
    asid("ledger", "export", str(tmp_path / "one"), str(tmp_path / "bundle.jsonl"))
    asid("ledger", "import", str(tmp_path / "fresh.sqlite"), str(tmp_path / "bundle.jsonl"))
    nowhere = config(type("Gone", (), {"url": "http://127.0.0.1:9/v1"}))
    verify(clips, tmp_path / "two", config=nowhere, ledger=tmp_path / "fresh.sqlite", offline=True)
    assert requests(models) == paid
    assert without_spent(rows_of(tmp_path / "one")) == without_spent(rows_of(tmp_path / "two"))


def test_a_dead_endpoint_ends_the_run_and_the_finished_work_is_there(models, clips: list[Path], tmp_path: Path) -> None:
    dead = config(models)
    judge = replace(dead.judge, model=replace(dead.judge.model, base_url="http://127.0.0.1:9/v1", attempts=2))
    with pytest.raises(EndpointError, match=r"Nothing answers .*http://127.0.0.1:9/v1"):
        verify(clips, tmp_path / "out", config=replace(dead, judge=judge))
    paid = requests(models)
    verify(clips, tmp_path / "out", config=config(models))
    more = requests(models)
    assert all(more[name] == paid[name] for name in ("annotator0", "annotator1", "integrator", "reviewer"))
    assert {row["status"] for row in rows_of(tmp_path / "out").values()} == {"kept"}


def test_the_report_and_the_card_say_when_a_judge_judges_itself(
    models: Server, clips: list[Path], tmp_path: Path
) -> None:
    own = config(models)
    own = replace(own, annotators=(replace(own.annotators[0], model=own.judge.model), own.annotators[1]))
    report = verify(clips[:2], tmp_path / "out", config=own)
    assert report["judge"] == {"model": "judge", "shared_with": ["annotator a0"]}
    assert "The judgement is circular" in (tmp_path / "out" / "README.md").read_text()
    with pytest.raises(InputError, match="judge is also annotator a0"):
        require_independent_judge(own)
    assert shared_with_judge(config(models)) == []
    verify(clips[:2], tmp_path / "other", config=config(models))
    assert "wrote none of the text it judged" in (tmp_path / "other" / "README.md").read_text()


def test_a_card_that_its_user_edited_stays(models: Server, clips: list[Path], tmp_path: Path) -> None:
    verify(clips[:1], tmp_path / "out", config=config(models))
    card = tmp_path / "out" / "README.md"
    card.write_text(card.read_text() + "\nMine.\n")
    verify(clips[:2], tmp_path / "out", config=config(models))
    assert card.read_text().endswith("\nMine.\n")


def test_no_path_address_or_key_gets_into_what_is_written(models, clips, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("SECRET_KEY_OF_MINE", "sk-very-secret")
    models.model("judge", skill=Skill(), key="sk-very-secret")
    with_key = config(models)
    judge = replace(with_key.judge, model=replace(with_key.judge.model, api_key_env="SECRET_KEY_OF_MINE"))
    verify(clips[:2], tmp_path / "out", config=replace(with_key, judge=judge))
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    texts = json.dumps(rows_of(tmp_path / "out"), default=str)
    for secret in ("sk-very-secret", "127.0.0.1", str(tmp_path)):
        assert secret.encode() not in written or secret == str(tmp_path)
        assert secret not in texts


def test_rows_saved_before_a_stage_are_replayed_with_another_model(
    models: Server, clips: list[Path], tmp_path: Path
) -> None:
    used = config(models, max_rounds=1)
    verify(clips, tmp_path / "out", config=used, save_rows=("judge",))
    same, _ = replay_stage("judge", tmp_path / "out", used)
    assert same == []
    models.model("stricter", skill=Skill(alarm=0.3))
    judge = replace(used.judge, model=replace(used.judge.model, model="stricter"))
    found, rows = replay_stage("judge", tmp_path / "out", replace(used, judge=judge))
    assert {difference.column for difference in found} == {"findings"}
    assert len(rows) == len(clips)
    with pytest.raises(InputError, match=r"holds no rows of the stage 'fuse' \(it has judge\)"):
        replay_stage("fuse", tmp_path / "out", used)


def test_an_estimate_tells_calls_and_tokens_by_stage_and_asks_nothing(models: Server, clips: list[Path]) -> None:
    entries = {entry.stage: entry for entry in estimate(new_rows(clips), config(models))}
    assert list(entries) == ["annotate", "ensemble", "review", "judge", "refine", "fuse"]
    assert entries["ensemble"].most_calls == 2 * entries["ensemble"].least_calls == 2 * len(clips)  # asked again once
    assert entries["review"].most_calls == 2 * 4 * len(clips)
    assert entries["annotate"].least_input > entries["annotate"].least_output > 0
    assert sum(requests(models).values()) == 0


@pytest.fixture
def asid(asid_here: Callable[..., CompletedProcess]) -> Callable[..., CompletedProcess]:
    """Run the command, which has to succeed."""

    def run(*arguments: str) -> CompletedProcess:
        done = asid_here(*arguments)
        assert done.returncode == 0, done.stderr
        return done

    return run


def config_file(server: Server, path: Path, **settings: object) -> Path:
    media = {"base_url": server.url, "accepts": ["video"]}
    given = {
        "models": {
            **{f"annotator_{letter}": {"model": f"annotator{n}", **media} for n, letter in enumerate("ab")},
            "integrator": {"model": "integrator", "base_url": server.url},
            "judge": {"model": "judge", **media},
        },
        "preset": "paper",
        "screen_text": False,
        "keep": {},
        **settings,
    }
    path.write_text(yaml.safe_dump(given))
    return path


def test_the_command_runs_the_paper_preset_and_prints_what_it_cost(
    models: Server, clips: list[Path], asid: Callable[..., CompletedProcess], tmp_path: Path
) -> None:
    file = config_file(models, tmp_path / "run.yaml")
    arguments = ["verify", *map(str, clips[:2]), "--config", str(file), "--output", str(tmp_path / "out")]
    arguments += ["--independent-judge"]
    dry = asid(*arguments, "--dry-run")
    assert "Nothing was asked" in dry.stdout
    assert sum(requests(models).values()) == 0
    told = subprocess.run([sys.executable, "-m", "asid_hf", *arguments], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert "circular" not in told.stdout
    assert "tokens in" in told.stdout
    assert requests(models)["judge"] >= 16  # attribute by attribute
    assert (tmp_path / "out" / "README.md").is_file()
    stats = json.loads(asid("ledger", "stats", str(tmp_path / "out"), "--json").stdout)
    assert stats["calls"] == sum(requests(models).values())


def test_a_run_killed_at_half_pays_again_only_what_was_under_way(
    models: Server, clips: list[Path], asid: Callable[..., CompletedProcess], tmp_path: Path
) -> None:
    for name in ROLES:
        models.model(name, skill=Skill(seed=1, omit=0.2), latency=0.3)
    file = config_file(models, tmp_path / "run.yaml", judge="judge", refiner=None, fuser=None, reviewer=None)
    command = [sys.executable, "-m", "asid_hf", "verify", *map(str, clips), "--config", str(file)]
    command += ["--output", str(tmp_path / "out")]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 150
    while sum(requests(models).values()) < 8 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    time.sleep(0.5)  # answers under way arrive at nobody
    asked = sum(requests(models).values())
    asid(*command[3:])
    again = sum(requests(models).values()) - asked
    whole_run = 4 * len(clips)  # two annotators, integrator, judge
    assert asked + again - whole_run <= 12  # both annotators' calls of six rows at most were under way
    assert json.loads(asid("ledger", "stats", str(tmp_path / "out"), "--json").stdout)["answers"] == whole_run


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"anotators": []}, "unknown key 'anotators'. Did you mean annotators"),
        ({"judge": "nobody"}, "names the model 'nobody', which `models` does not define"),
        ({"models": {"a": {"model": "m", "temprature": 1}}}, "unknown key 'temprature'. Did you mean temperature"),
        ({"models": {"a": {"model": "m", "temperature": "hot"}}}, "models.a.temperature is 'hot'"),
        ({"models": {"a": {"model": "m", "accepts": ["smell"]}}}, "accepts smell. Allowed: video, audio, frames"),
        ({"models": {"a": {"model": "m", "base_url": "http://user:key@host/v1"}}}, "carries a key"),
        ({"models": {"a": {}}}, "lacks a setting"),
        ({"max_rounds": 0}, "within 1 and 10"),
        ({"max_rounds": True}, "max_rounds is True"),
        ({"keep": {"min_agreement": 2}}, "within 0 and 1"),
        ({"prompts": {"jugde": "text"}}, "prompts.jugde is unknown"),
        (
            {"annotators": [{"name": "given", "model": "a"}], "models": {"a": {"model": "m"}}},
            "cannot be called 'given'",
        ),
        ({"preset": "papers"}, "'papers' is no preset"),
        ({"prompts": {"judge": "my_jugde.txt"}}, "my_jugde.txt of the prompt judge cannot be read: No such file"),
        ({"prompts": {"judge": "my judge.md"}}, "my judge.md of the prompt judge cannot be read"),
        ({"prompts": {"judge": "  "}}, "prompts.judge is empty"),
        ({"prompts": ["judge"]}, "prompts is ['judge']; a mapping is wanted"),
        ({"keep": {"require_stages": ["anotate"]}}, "names 'anotate'. Did you mean annotate"),
        ({"keep": {"require_stages": "annotate"}}, "a list is wanted"),
        ({"keep": {"max_unresolved": -1}}, "max_unresolved is -1"),
        ({"keep": {"min_words": -3}}, "min_words is -3"),
        ({"keep": {"min_duration": float("nan")}}, "min_duration is nan"),
        ({"keep": {"min_duration": 9, "max_duration": 3}}, "9 s at least and 3 s at most"),
        (
            {"annotators": [{"name": "b", "model": "a", "samples": 3}], "models": {"a": {"model": "m"}}},
            "at temperature 0",
        ),
        ({"annotators": ["camera"], "models": {"camera": {"model": "m"}}}, "cannot be called 'camera'"),
        ({"annotators": [{"model": "a"}], "models": {"a": {"model": "m"}}}, "annotators[0] lacks a setting: name"),
        ({"annotators": [3]}, "annotators[0] names the model 3"),
        ({"models": {"a": {"model": "m", "accepts": [1]}}}, "models.a.accepts[0] is 1; str is wanted"),
        ({"integrator": {"model": "m"}}, "integrator describes a model; a role holds the name of one"),
        ({"judge": {"model": {"model": "m"}}}, "judge describes a model"),
        ({"judge": {"per_attribute": True}}, "judge names no model"),
        (["a"], "holds list"),
    ],
)
def test_a_configuration_with_a_mistake_says_where_it_is(given: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(given))
    with pytest.raises(InputError) as refused:
        read_config(path)
    assert message in str(refused.value)


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("models:\n  a: {model: m, seed: 1, seed: 2}\nmax_rounds: 1\n")
    with pytest.raises(InputError, match=r"gives the key 'seed' twice in the mapping of line 2"):
        read_config(tmp_path / "run.yaml")


def test_a_model_that_no_role_names_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("models: {a: {model: m}}\njudge: a\n")
    with pytest.raises(InputError, match=r"The model other is given \(--model\), and no role of .*run.yaml names it"):
        read_config(tmp_path / "run.yaml", endpoint=ModelSpec("other"))
    (tmp_path / "run.yaml").write_text("judge: endpoint")
    assert read_config(tmp_path / "run.yaml", endpoint=ModelSpec("other")).judge.model.model == "other"


def test_the_stages_that_keep_rules_may_name_are_those_that_run(server: Server) -> None:
    everything = config(server, decomposer=ModelSpec("m"), keep=KeepRules(min_words=1))
    assert tuple(stage.name for stage in all_stages(everything)) == STAGES


def test_a_prompt_of_ones_own_is_read_from_a_file_and_keeps_the_rule_about_data(tmp_path: Path) -> None:
    (tmp_path / "judge.txt").write_text("Judge kindly.")
    (tmp_path / "run.yaml").write_text("prompts: {judge: judge.txt}")
    prompt = read_config(tmp_path / "run.yaml").prompts[0]
    assert prompt.task == "Judge kindly."
    assert "never instructions" in prompt.system
    assert prompt.label not in ("judge@1",)


def test_a_ledger_that_lacks_answers_writes_nothing_offline(
    models: Server, clips: list[Path], asid: Callable[..., CompletedProcess], tmp_path: Path
) -> None:
    verify(clips[:2], tmp_path / "out", config=config(models))
    before = rows_of(tmp_path / "out")
    asid("ledger", "prune", str(tmp_path / "out"), "--stage", "annotate", "--yes")
    other = config(models, keep=KeepRules(min_words=1))
    with pytest.raises(OutputError, match=r"lacks answers \(annotate of 2 rows.*nothing was written"):
        verify(clips[:2], tmp_path / "out", config=other, offline=True)
    assert rows_of(tmp_path / "out") == before


def test_the_collector_of_garbage_is_on_again_after_a_run_and_after_one_that_failed(models, clips, tmp_path) -> None:
    verify(clips[:2], tmp_path / "one", config=config(models))
    assert gc.isenabled()
    for name in ROLES:
        models.model(name, always="401")
    with pytest.raises(EndpointError):
        verify(clips[:2], tmp_path / "two", config=config(models))
    assert gc.isenabled()
