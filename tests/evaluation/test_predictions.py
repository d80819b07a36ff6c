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
    for file in (first, second):
        file.close()  # as when its process is killed
    with open(path.with_name("out.jsonl.part-1"), "a") as file:
        file.write('{"video_id": "c", "prom')  # killed while it wrote
    assert not path.exists()
    again = Predictions(path, {"model": "m"})
    assert again.done == {("b", "p"), ("d", "p")}
    again.add(row("a"))
    assert again.finish(wanted) is None  # c is another process's, still at work
    again.close()
    last = Predictions(path, {"model": "m"}, rank=1)  # adds to the line that was not finished
    last.add(row("c"))
    assert last.finish(wanted) == 4
    assert [one["video_id"] for one in read_predictions(path)] == list("abcd")
    assert [file.name for file in tmp_path.iterdir() if not file.name.startswith(".")] == ["out.jsonl"]


def test_parts_are_not_put_together_while_another_process_writes(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    wanted = [("a", "p"), ("b", "p")]
    before = Predictions(path, {})
    for name in "ab":
        before.add(row(name, error="cannot be read"))
    assert before.finish(wanted) == 2
    before.close()
    first, second = (Predictions(path, {}, rank) for rank in (0, 1))  # both try again what failed
    first.add(row("a"))
    second.add(row("b", error="still not"))
    assert first.finish(wanted) is None
    first.close()
    second.add(row("b"))
    assert second.finish(wanted) == 2
    assert [one.get("error") for one in read_predictions(path)] == [None, None]


def test_an_older_failure_does_not_take_the_place_of_what_was_said_since(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    older, newer = (Predictions(path, {}, rank) for rank in (1, 0))  # the file of rank 1 is read last
    older.add(row("a", error="cannot be read"))
    newer.add(row("a"))
    for file in (older, newer):
        file.close()
    again = Predictions(path, {})
    assert again.done == {("a", "p")}
    again.finish([("a", "p")])
    assert "error" not in next(read_predictions(path))


def test_two_runs_do_not_write_to_one_file(tmp_path: Path) -> None:
    held = Predictions(tmp_path / "out.jsonl", {})
    with pytest.raises(OutputError, match="Another run is writing"):
        Predictions(tmp_path / "out.jsonl", {})
    held.close()
    Predictions(tmp_path / "out.jsonl", {}).close()


def test_what_failed_is_asked_again_and_its_error_goes(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    file = Predictions(path, {})
    file.add(row("a", error="cannot be read"))
    assert file.finish([("a", "p")]) == 1
    file.close()
    again = Predictions(path, {})
    assert again.done == set()
    again.add(row("a"))
    assert again.finish([("a", "p")]) == 1
    assert "error" not in next(read_predictions(path))


def test_other_settings_are_refused_and_overwriting_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    file = Predictions(path, {"model": "m"})
    file.add(row("a"))
    file.close()
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


def test_what_an_editor_does_to_a_file_loses_no_row(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with_settings = {**row("a"), "settings": Predictions(tmp_path / "other.jsonl", {}).settings}
    path.write_text("\n" + json.dumps(with_settings) + "\n\n" + json.dumps({**with_settings, "video_id": "b"}))
    file = Predictions(path, {})
    assert file.done == {("a", "p"), ("b", "p")}
    file.add(row("c"))
    file.finish([("a", "p"), ("b", "p"), ("c", "p")])
    file.close()
    assert [one["video_id"] for one in read_predictions(path)] == ["a", "b", "c"]
