"""The file of predictions: what a run has is kept, taken up again, and never mixed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asid_hf.errors import InputError, OutputError
from asid_hf.evaluation.predictions import Predictions, prompt_id, read_predictions


def row(video: str, **more: object) -> dict:
    return {"video_id": video, "prompt_id": "p", "caption": f"about {video}", **more}


def test_a_killed_run_is_taken_up_by_any_number_of_processes(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    wanted = [(name, "p") for name in "abcd"]
    first, second = (Predictions(path, {"model": "m"}, rank) for rank in (0, 1))
    first.add(row("d"))
    second.add(row("b"))
    with open(path.with_name("out.jsonl.part-1"), "a") as file:
        file.write('{"video_id": "c", "prom')  # killed while it wrote
    assert not path.exists()
    again = Predictions(path, {"model": "m"})
    assert again.done == {("b", "p"), ("d", "p")}
    again.add(row("a"))
    assert again.finish(wanted) is None  # c is another process's, still at work
    again.add(row("c"))
    assert again.finish(wanted) == 4
    assert [one["video_id"] for one in read_predictions(path)] == list("abcd")
    assert [file.name for file in tmp_path.iterdir()] == ["out.jsonl"]


def test_what_failed_is_asked_again_and_its_error_goes(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    file = Predictions(path, {})
    file.add(row("a", error="cannot be read"))
    assert file.finish([("a", "p")]) == 1
    again = Predictions(path, {})
    assert again.done == set()
    again.add(row("a"))
    assert again.finish([("a", "p")]) == 1
    assert "error" not in next(read_predictions(path))


def test_other_settings_are_refused_and_overwriting_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    file = Predictions(path, {"model": "m"})
    file.add(row("a"))
    with pytest.raises(OutputError, match="another model or other settings"):
        Predictions(path, {"model": "other"})
    assert Predictions(path, {"model": "other"}, overwrite=True).done == set()


def test_a_line_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text(json.dumps(row("a")) + "\n[1]\n")
    with pytest.raises(InputError, match=r"out\.jsonl, line 2 is no prediction"):
        Predictions(path, {})


def test_prompts_have_names_that_tell_them_apart() -> None:
    names = {
        prompt_id(["speech"], "text", 0),
        prompt_id(["speech"], "json", 0),
        prompt_id(["speech"], "text", 1),
        prompt_id(["speech"], "text", 0, "Tell me."),
        prompt_id(["speech"], "text", 0, "Tell me more."),
    }
    assert len(names) == 5
