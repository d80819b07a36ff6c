"""The configuration that a run leaves in its output, and stages run again by it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from llm_models import Skill
from llm_server import Server
from llm_world import World
from model_runs import whole

from asid_hf.chat.model_spec import ModelSpec
from asid_hf.verify.config import VerifyConfig, read_config
from asid_hf.verify.config_models import with_models
from asid_hf.verify.config_prompts import own_prompt
from asid_hf.verify.config_written import LEFT_OUT, read_written, write_config
from asid_hf.verify.keep import KeepRules
from asid_hf.verify.pipeline import verify

WORLD = World(2, seed=8)
ROLES = ("annotator0", "annotator1", "integrator", "reviewer", "judge", "refiner", "fuser")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(WORLD) as running:
        for name in ROLES:
            running.model(name, skill=Skill())
        yield running


@pytest.fixture
def clips(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.mp4" for name in WORLD.clips]
    for path, clip in zip(paths, WORLD.clips.values(), strict=True):
        path.write_bytes(clip.file())
    return paths


@pytest.fixture
def replay(asid_here: Callable[..., CompletedProcess]) -> Callable[..., CompletedProcess]:
    return partial(asid_here, "replay")


def test_every_setting_is_written_and_read_again_and_no_secret_is(server: Server, tmp_path: Path) -> None:
    (tmp_path / "my-model").mkdir()
    used = whole(
        server,
        screen_text=False,
        max_rounds=2,
        keep=KeepRules(min_words=3, require_stages=("judge",)),
        prompts=(own_prompt("judge", "Kindly."), own_prompt("fuse", "Line one.\nLine two: {é}")),
        recogniser=ModelSpec("whisper", base_url="http://host-of-mine/v1", api_key_env="KEY_OF_MINE"),
        decomposer=ModelSpec(str(tmp_path / "my-model"), "transformers", temperature=None),
    )
    used = replace(
        used, fuser=replace(used.fuser, extra_body={"top_k": 20, "token": "sk-secret", "deep": [{"a": "b"}]})
    )
    write_config(tmp_path, used)
    text = (tmp_path / "config.yaml").read_text()
    assert "models.fuser.extra_body.token, models.fuser.extra_body.deep" in text
    for secret in ("sk-secret", "127.0.0.1", "host-of-mine", "KEY_OF_MINE", str(tmp_path)):
        assert secret not in text

    def public(role: str, model: ModelSpec) -> ModelSpec:
        further = {"top_k": 20} if role == "fuser" else {}
        place = LEFT_OUT if model.base_url else None
        return replace(model, model=model.name, base_url=place, api_key_env=None, extra_body=further)

    assert read_written(tmp_path) == with_models(used, public)


def test_a_run_without_models_leaves_its_configuration_too(tmp_path: Path) -> None:
    write_config(tmp_path, VerifyConfig(aligner=str(tmp_path / "ctc")))
    assert read_written(tmp_path) == VerifyConfig(aligner="ctc")
    assert read_config(tmp_path / "config.yaml") == read_written(tmp_path)


def test_rows_of_a_finished_run_are_saved_at_no_cost_and_replayed_by_its_configuration(
    server: Server, clips: list[Path], replay: Callable[..., CompletedProcess], tmp_path: Path
) -> None:
    used, out = whole(server, screen_text=False, max_rounds=1), tmp_path / "out"
    first = verify(clips, out, config=used)
    paid = sum(server.stats(name)["requests"] for name in ROLES)
    assert "resumed" not in verify(clips, out, config=used, save_rows=("annotate", "judge"))
    assert verify(clips, out, config=used, save_rows=("judge",))["resumed"] == "complete"
    assert sum(server.stats(name)["requests"] for name in ROLES) == paid > 0
    fresh = [sys.executable, "-m", "asid_hf", "replay", "judge", "--against", str(out)]  # a process that knows nothing
    again = subprocess.run(fresh, capture_output=True, text=True, timeout=120)
    assert again.returncode == 0 and "0 of 2 rows differ" in again.stdout, again.stderr
    server.model("stricter", skill=Skill(alarm=1.0))
    other = replay("judge", "--against", out, "--model", "stricter", "--base-url", server.url)
    assert "2 of 2 rows differ" in other.stdout, other.stderr
    nowhere = replay("judge", "--against", out, "--model", "stricter2", "--ledger", tmp_path / "fresh.sqlite")
    assert nowhere.returncode == 2 and "has to ask stricter2, and a run records no address" in nowhere.stderr
    server.model("terse", skill=Skill(omit=0.9))
    which = replay("annotate", "--against", out, "--model", "terse", "--base-url", server.url)
    assert which.returncode == 2 and "say --role with one of annotator a0, annotator a1" in which.stderr
    one = replay("annotate", "--against", out, "--role", "a1", "--model", "terse", "--base-url", server.url)
    assert "2 of 2 rows differ" in one.stdout and "a0" not in one.stdout.replace("/", " ").split(), one.stderr
    assert json.loads((out / "report.json").read_text())["rows"] == first["rows"]
    verify(clips, out, config=replace(used, max_rounds=2))
    assert "it has none" in replay("judge", "--against", out).stderr  # those of another run are no longer there


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "holds no config.yaml"),
        (("--preset", "measured", "--prompt", "missing.txt"), "missing.txt of the prompt judge cannot be read"),
        (("--preset", "measured", "--model", "m"), "has no model of the role 'judge'. It has none"),
    ],
)
def test_a_replay_that_cannot_be_is_refused_in_words(
    replay: Callable[..., CompletedProcess], arguments: tuple, message: str, tmp_path: Path
) -> None:
    done = replay("judge", "--against", tmp_path, *arguments)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
