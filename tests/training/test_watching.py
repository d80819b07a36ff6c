"""What watches a run: tensorboard's events and trackio's runs hold its loss and its counts, with nothing sent away."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="the packages of training are not installed")

from asid_hf.training.arguments import read_recipe
from asid_hf.training.sft import train

WATCHED = {"logging_steps": 1, "max_steps": 2}


def test_tensorboard_holds_the_loss_and_the_tokens_of_each_kind(
    write_recipe: Callable[..., Path], one_thread: None
) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    trainer = train(*read_recipe(write_recipe(report_to=["tensorboard"], **WATCHED)))
    (events,) = Path(trainer.args.output_dir).rglob("events.out.*")
    told = EventAccumulator(str(events)).Reload()
    losses = [event.value for event in told.Scalars("train/loss")]
    assert losses == pytest.approx([entry["loss"] for entry in trainer.state.log_history if "loss" in entry])
    assert len(losses) == 2
    assert {"train/tokens/text", "train/tokens/video", "train/rows/failed"} <= set(told.Tags()["scalars"])


def test_trackio_holds_them_on_this_machine(
    write_recipe: Callable[..., Path], one_thread: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))  # read when it is imported, which nothing else does
    pytest.importorskip("trackio", reason="trackio is not installed")
    train(*read_recipe(write_recipe(report_to=["trackio"], project="watched", run_name="first", **WATCHED)))
    ask = ["get", "metric", "--project", "watched", "--run", "first", "--metric", "train/loss", "--json"]
    told = subprocess.run([sys.executable, "-m", "trackio.cli", *ask], check=True, capture_output=True, text=True)
    assert len(json.loads(told.stdout)["values"]) == 2
