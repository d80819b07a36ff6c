"""The command as a user types it: help, messages, exit codes, the demo."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from media_files import make_clip

from asid_hf.version import __version__


def asid(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess:
    """The command in a process of its own; where that proves no more, `asid_here` does it faster."""
    command = [sys.executable, "-m", "asid_hf", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=280)


def test_help_and_version_need_nothing_heavy() -> None:
    assert asid("--version").stdout.strip() == __version__
    shown = asid("verify", "--help").stdout
    assert "--captions" in shown and "--demo" in shown


def test_a_run_prints_a_table_and_a_second_one_has_nothing_to_do(asid_here, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    (tmp_path / "captions.jsonl").write_text(json.dumps({"video_id": "clip", "caption": "Loud music plays."}))
    arguments = ["verify", clip, "--captions", tmp_path / "captions.jsonl", "--output", tmp_path / "out"]
    first = asid(*arguments)
    assert first.returncode == 0, first.stderr
    assert "1 clip: 1 kept" in first.stdout and "error" in first.stdout
    second = asid_here(*arguments)
    assert second.returncode == 0
    assert "nothing to do" in second.stdout


def test_clips_that_cannot_be_read_do_not_fail_a_run_that_kept_others(asid_here, tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4")
    (tmp_path / "broken.mp4").write_text("no film")
    done = asid_here("verify", tmp_path / "*.mp4", "--output", tmp_path / "out", "--no-screen-text")
    assert done.returncode == 0
    assert "1 kept, 1 dropped (not_media 1)" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["verify", "--output", "out"], 2, "Give video files, folders"),
        (["verify", "--output", "out"], 2, "No video was named"),
        (["verify", "empty", "--output", "out"], 2, "There is no video in 'empty'"),
        (["verify", "*.mkv", "--output", "out"], 2, "There is no video in '*.mkv'"),
        (["verify", "clip.mp4", "--output", ""], 2, "The output has no name"),
        (["verify", "clip.mp4", "--output", "long" * 100], 4, "cannot be written: File name too long"),
        (["verify", "long" * 100, "--output", "out"], 6, "unreadable 1"),
        (["verify", "http://127.0.0.1:9/a.mp4", "--output", "out"], 6, "--allow-remote"),
        (["verify", "junk", "--output", "out"], 2, "The saved dataset junk cannot be read"),
        (["verify", "clip.mp4", "--captions", "junk.jsonl", "--output", "out"], 3, "holds no caption"),
        (["verify", "clip.mp4", "--captions", "none.jsonl", "--output", "out"], 3, "none.jsonl cannot be read"),
        (["verify", "clip.mp4", "--output", "clip.mp4"], 4, "is a file"),
        (["verify", "clip.mp4", "--output", "foreign"], 4, "no run of asid verify wrote"),
        (["verify", "broken.mp4", "--output", "out"], 6, "no clip was kept"),
        (["verify", "clip.mp4", "--demo", "--output", "out"], 2, "--demo brings its own clip"),
        (["verify", "clip.mp4", "clip.mkv", "--output", "out"], 2, "stand for two files"),
        (["verify", "clip.mp4", "--recogniser", "none", "--output", "out"], 2, "moonshine-tiny"),
        (["verify", "clip.mp4"], 2, "--output"),
        (["verify", "clip.mp4", "--output", "out", "--num-proc", "none"], 2, "integer"),
        (["verify", "clip.mp4", "--output", "out", "--wrong"], 2, "No such option"),
    ],
)
def test_every_failure_has_its_message_and_exit_code(
    asid_here, arguments: list[str], code: int, message: str, tmp_path: Path
) -> None:
    make_clip(tmp_path / "clip.mp4")
    (tmp_path / "empty").mkdir()
    (tmp_path / "foreign").mkdir()
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk" / "a.parquet").write_bytes(b"PAR1 junk")
    (tmp_path / "junk.jsonl").write_text("junk\n")
    (tmp_path / "foreign" / "photo.jpg").write_bytes(b"mine")
    (tmp_path / "broken.mp4").write_text("no film")
    done = asid_here(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert message in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("arguments", "code"), [(["--wrong"], 2), (["--output", "clip.mp4"], 4)])
def test_a_process_that_fails_ends_with_its_code_and_without_a_traceback(
    arguments: list[str], code: int, tmp_path: Path
) -> None:
    make_clip(tmp_path / "clip.mp4")
    done = asid("verify", "clip.mp4", *arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert done.stderr and "Traceback" not in done.stderr


def test_a_dry_run_needs_no_output_and_leaves_out_what_cannot_be_read(asid_here, tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4")
    (tmp_path / "broken.mp4").write_text("no film")
    model = ["--model", "a-model", "--base-url", "http://127.0.0.1:9/v1"]
    done = asid_here("verify", "clip.mp4", "broken.mp4", *model, "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "left out, since it cannot be read: broken" in done.stdout
    assert "1 clip; calls" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken.mp4", "clip.mp4"]


def test_a_limit_holds_for_files_and_folders(asid_here, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    for name in "abc":
        make_clip(tmp_path / "clips" / f"{name}.mp4")
    for inputs in (["clips"], [f"clips/{name}.mp4" for name in "abc"]):
        done = asid_here("verify", *inputs, "--limit", "2", "--dry-run", cwd=tmp_path)
        assert "2 clips, no model is asked" in done.stdout, done.stderr


def test_keep_rules_that_drop_all_of_a_finished_run_are_named(asid_here, tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4")
    (tmp_path / "strict.yaml").write_text("keep: {min_words: 5000}\nscreen_text: false\n")
    assert asid_here("verify", "clip.mp4", "-o", "out", "--no-screen-text", cwd=tmp_path).returncode == 0
    done = asid_here("verify", "clip.mp4", "-o", "out", "--config", "strict.yaml", cwd=tmp_path)
    assert done.returncode == 4
    assert "The keep rules drop every clip that could be read (The caption has" in " ".join(done.stderr.split())
    assert "Mend the clips" not in done.stderr


def test_other_inputs_and_the_demo_leave_a_finished_run_as_it_is(asid_here, tmp_path: Path) -> None:
    make_clip(tmp_path / "clip.mp4")
    make_clip(tmp_path / "other.mp4")
    assert asid_here("verify", "clip.mp4", "-o", "out", "--no-screen-text", cwd=tmp_path).returncode == 0
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    for arguments in (["other.mp4"], ["clpi.mp4"], ["--demo"]):
        done = asid_here("verify", *arguments, "-o", "out", "--no-screen-text", cwd=tmp_path)
        assert done.returncode == 4, done.stderr
        assert "Traceback" not in done.stderr
        assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("processes", [1, 2])
def test_a_run_stopped_by_ctrl_c_says_how_to_go_on(processes: int, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    for index in range(40):
        make_clip(tmp_path / "clips" / f"clip{index:02d}.mp4", 2.0, tone=300)
    command = [sys.executable, "-m", "asid_hf", "verify", "clips", "--output", "out", "--num-proc", str(processes)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path, start_new_session=True
    )
    journal, deadline = tmp_path / "out" / ".asid" / "measured.sqlite-wal", time.monotonic() + 120
    while not (journal.exists() and journal.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the run
    shown, _ = process.communicate(timeout=60)
    assert process.returncode == 130, shown
    assert "asid: stopped. Run the same command again to go on where it was." in shown
    assert "Traceback" not in shown


def test_the_demo_finds_and_repairs_its_three_planted_faults(tmp_path: Path) -> None:
    done = asid("verify", "--demo", "--output", tmp_path / "demo")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "demo" / "report.json").read_text())
    assert sum(counts["total"] for counts in report["findings"].values()) == 3
    assert sum(counts["resolved"] for counts in report["findings"].values()) == 3
    before, _, after = done.stdout.partition("and became")
    assert "pans left" in before and "HARBOUR EVENING" in before and "volcano" in before
    assert "pans right" in after and "HARBOUR MORNING" in after and "volcano" not in after
