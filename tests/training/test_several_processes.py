"""Two processes on a processor (gloo): the losses of one process with the same rows a step, DDP and FSDP2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from small_captioners import recipe_at

pytest.importorskip("trl", reason="the packages of training are not installed")

from asid_hf.captioner import AsidCaptionerForConditionalGeneration
from asid_hf.training.arguments import read_recipe
from asid_hf.training.sft import train

ROOT = Path(__file__).parents[2]
SAME = {
    "train_sampling_strategy": "sequential",
    "gradient_checkpointing": True,
    "max_steps": 4,
    "learning_rate": 3e-3,
    "save_strategy": "steps",
    "save_steps": 2,
    "eval_strategy": "steps",
    "eval_steps": 4,
    "sample_captions": 0,
    "per_device_eval_batch_size": 2,
}


def launch(recipe: Path, kind: str, *overrides: str) -> tuple[list[float], Path]:
    """Run the script in two processes, by torchrun or as a configuration says; its losses, its folder."""
    if kind == "torchrun":
        command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--master_port=0"]
        command += ["--rdzv_backend=c10d", "--rdzv_endpoint=127.0.0.1:0"]
    else:
        config = ROOT / "recipes" / "accelerate_configs" / f"{kind}.yaml"
        command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(config)]
        command += ["--num_processes=2", "--mixed_precision=no", "--main_process_port=0"]
        command += [str(ROOT / "tests" / "fsdp_on_cpu.py")] if kind == "fsdp2" else []
    command += [str(ROOT / "recipes" / "sft.py"), "--config", str(recipe), *overrides]
    told = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(command, capture_output=True, text=True, env=told, timeout=280)
    assert done.returncode == 0, done.stderr[-4000:]
    folder = Path(yaml.safe_load(recipe.read_text())["output_dir"])
    facts = json.loads((folder / "training.json").read_text())
    return told_losses(facts["log"]), folder


def told_losses(log: list[dict]) -> list[float]:
    """Of each step, and last of the held-out rows: five, which fill no whole batch of two processes."""
    losses = [entry["loss"] for entry in log if "loss" in entry]
    return [*losses, *(entry["eval_scene_loss"] for entry in log if "eval_scene_loss" in entry)]


@pytest.mark.parametrize(("kind", "again"), [("torchrun", "cpu"), ("fsdp2", "fsdp2")])
def test_two_processes_have_the_losses_and_weights_of_one_and_go_on_where_they_were(
    kind: str, again: str, write_recipe: Callable, release: Path, one_process: tuple[list[float], Path]
) -> None:
    recipe = write_recipe(**SAME, **_data(release), per_device_train_batch_size=2)
    losses, folder = launch(recipe, kind)
    assert losses == pytest.approx(one_process[0], abs=2e-4)
    facts = json.loads((folder / "training.json").read_text())
    assert (facts["processes"], facts["distributed"]) == (2, "FSDP" if kind == "fsdp2" else "MULTI_CPU")
    ours, theirs = (AsidCaptionerForConditionalGeneration.from_pretrained(one) for one in (folder, one_process[1]))
    for (name, weight), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(weight, other, atol=2e-3), name
    resumed, _ = launch(recipe, again, "--resume_from_checkpoint", str(folder / "checkpoint-2"))
    assert resumed == pytest.approx(losses, abs=1e-6)


@pytest.fixture(scope="module")
def one_process(
    small: Path, release: Path, tmp_path_factory: pytest.TempPathFactory, one_thread: None
) -> tuple[list[float], Path]:
    """Losses, and the folder, of one process with the same rows a step."""
    folder = tmp_path_factory.mktemp("one")
    recipe = recipe_at(folder, small, **SAME, **_data(release), per_device_train_batch_size=4)
    trainer = train(*read_recipe(recipe))
    losses = told_losses(trainer.state.log_history)
    assert len(losses) == 5 and losses[3] < losses[0] - 0.3
    return losses, Path(trainer.args.output_dir)


def _data(release: Path) -> dict:
    """Rows in the order in which they lie: of each four, two in each process, the first of them all without sound."""
    rows = {"path": "json", "data_files": str(_lines(release))}
    return {"datasets": [rows], "eval_datasets": [{**rows, "limit": 5}]}


def _lines(release: Path) -> Path:
    """Rows of `messages`: two about clips without sound, two about clips with sound, and so on."""
    path = release / "in_order.jsonl"
    numbers = [number for start in range(0, 12, 4) for number in (start, start + 2, start + 1, start + 3)]
    rows = []
    for number in numbers * 2:
        turns = [
            {"role": "user", "content": "<video>Describe the scene."},
            {"role": "assistant", "content": "A pattern." + " It drifts." * (number % 3)},
        ]
        rows.append({"messages": turns, "videos": [str(release / "videos" / f"clip{number:02d}.mp4")]})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path
