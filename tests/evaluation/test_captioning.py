"""`asid caption` and `asid export`: folders of videos, a model here or behind a server, stopped and gone on with."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from media_files import make_clip

from asid_hf.chat.model_spec import ModelSpec
from asid_hf.evaluation.captioning import CaptionRun, caption_videos
from asid_hf.evaluation.predictions import read_predictions

Asid = Callable[..., CompletedProcess]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips, and one that is none."""
    place = tmp_path_factory.mktemp("clips")
    make_clip(place / "a.mp4", 1.0, tone=400.0)
    make_clip(place / "b.mp4", 0.6)
    (place / "broken.mp4").write_bytes(b"no film")
    return place


@pytest.fixture(scope="module")
def saved(captioner: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("saved")
    captioner.save_pretrained(place)
    captioner.processor.save_pretrained(place)
    return place


def test_a_folder_is_captioned_once_and_what_failed_is_tried_again(
    asid_here: Asid, folder: Path, saved: Path, tmp_path: Path
) -> None:
    words = ["caption", folder, "--model", saved, "-o", tmp_path / "out.jsonl", "--max-new-tokens", "4"]
    first = asid_here(*words, "--attributes", "speech,Camera")
    assert first.returncode == 0
    assert "2 new captions, 1 videos failed; 3 in" in first.stdout
    rows = list(read_predictions(tmp_path / "out.jsonl"))
    assert [row["video_id"] for row in rows] == ["a", "b", "broken"]
    assert {row["prompt_id"] for row in rows} == {"speech+camera/text/0"}
    assert rows[0]["tokens"]["audio"] > 0 == rows[1]["tokens"]["audio"]
    assert "no video or sound file" in rows[2]["error"]
    assert str(folder) not in (tmp_path / "out.jsonl").read_text().replace(rows[2]["error"], "")
    again = asid_here(*words, "--attributes", "camera,speech")
    assert "0 new captions, 1 videos failed; 3 in" in again.stdout
    other = asid_here(*words, "--attributes", "camera,speech", "--seed", "1")
    assert (other.returncode, "other settings" in other.stderr) == (4, True)
    few = asid_here(*words, "--json", "--overwrite")
    assert (few.returncode, "max_new_tokens is 4" in few.stderr) == (2, True)
    words[-1] = "9"
    anew = asid_here(*words, "--json", "--attributes", "camera", "--overwrite")
    assert "2 new captions" in anew.stdout
    assert list(next(read_predictions(tmp_path / "out.jsonl"))["attributes"]) == ["camera"]


def test_each_process_of_a_launcher_takes_its_share(
    monkeypatch: pytest.MonkeyPatch, folder: Path, saved: Path, tmp_path: Path
) -> None:
    videos = [(name, {"path": str(folder / f"{name}.mp4"), "bytes": None}) for name in ("a", "b", "broken")]
    run = CaptionRun(str(saved), ("speech",), options={"max_new_tokens": 2})
    monkeypatch.setenv("WORLD_SIZE", "2")
    counts = []
    for rank in ("1", "0"):
        monkeypatch.setenv("RANK", rank)
        counts.append(caption_videos(videos, tmp_path / "out.jsonl", run))
    assert counts == [
        {"predictions": None, "new": 1, "failed": 0},
        {"predictions": 3, "new": 1, "failed": 1},
    ]


def test_a_run_keeps_few_captions_in_memory_and_loses_none(
    monkeypatch: pytest.MonkeyPatch, folder: Path, saved: Path, tmp_path: Path
) -> None:
    monkeypatch.setattr("asid_hf.evaluation.captioning.AT_ONCE", 2)
    videos = [(name, {"path": str(folder / f"{name[0]}.mp4"), "bytes": None}) for name in ("a", "b", "a2", "b2", "a3")]
    run = CaptionRun(str(saved), ("speech",), options={"max_new_tokens": 2})
    assert caption_videos(videos, tmp_path / "out.jsonl", run) == {"predictions": 5, "new": 5, "failed": 0}
    heard = {row["video_id"]: row["tokens"]["audio"] > 0 for row in read_predictions(tmp_path / "out.jsonl")}
    assert heard == {"a": True, "b": False, "a2": True, "b2": False, "a3": True}


def test_what_cannot_be_carried_out_is_said(asid_here: Asid, folder: Path, tmp_path: Path) -> None:
    for words, code, said in (
        (["--attributes", "weather"], 2, "'weather' is no attribute"),
        (["--api-key-env", "KEY"], 2, "--api-key-env is for a server"),
        (["--base-url", "http://127.0.0.1:9/v1", "--window", "9"], 2, "--window is for a model here"),
        (["--base-url", "http://127.0.0.1:9/v1", "--no-guards", "--dtype", "float16"], 2, "--no-guards, --dtype are"),
        ([], 2, "The model m cannot be loaded"),
        (["--overlap", "3"], 2, "overlap=3.0 belongs to a window"),
    ):
        told = asid_here("caption", folder, "--model", "m", "-o", tmp_path / "out.jsonl", *words)
        assert (told.returncode, said in told.stderr) == (code, True), told.stderr
    told = asid_here("caption", tmp_path / "nothing*", "--model", "m")
    assert told.returncode == 2 and "There is no video" in told.stderr


def test_a_captioner_is_exported_from_the_command_line(
    asid_here: Asid, saved: Path, omni: Path, tmp_path: Path
) -> None:
    told = asid_here("export", saved, "--base", omni, "-o", tmp_path / "omni")
    assert told.returncode == 0, told.stderr
    assert (tmp_path / "omni" / "spk_dict.pt").is_file()
    for words in (["nowhere", "--base", omni], [saved, "--base", "no/where/at/all"], [saved, "--dtype", "many"]):
        wrong = asid_here("export", *words, "-o", tmp_path / "wrong")
        assert (wrong.returncode, wrong.stderr.count("Traceback")) == (2, 0), wrong.stderr
    again = asid_here("export", saved, "--base", omni, "-o", tmp_path / "omni")
    assert (again.returncode, "not empty" in again.stderr) == (4, True)


class Endpoint:
    """A server that captions by what it is asked, and refuses the clips that it is told to."""

    def __init__(self) -> None:
        self.asked: list[dict] = []
        self.refuse = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append(body)
                status, answer = outer.answer(body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *words: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}/v1"

    def answer(self, body: dict) -> tuple[int, dict]:
        parts = body["messages"][-1]["content"]
        words = " ".join(part["text"] for part in parts if part["type"] == "text")
        heard = any(part["type"] != "text" and "audio" in part["type"] for part in parts) or "no sound" not in words
        if self.refuse and not heard:
            return 400, {"error": {"message": "no sound"}}
        text = (
            json.dumps({"speech": "Nobody speaks.", "camera": "It stands."}) if "JSON" in words else "At 0s, it waits."
        )
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
        return 200, {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [choice],
            "usage": usage,
        }


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    yield made
    made.server.shutdown()


def test_a_server_captions_and_no_answer_is_paid_twice(
    asid_here: Asid, endpoint: Endpoint, folder: Path, tmp_path: Path
) -> None:
    words = ["caption", folder, "--model", "m", "--base-url", endpoint.address, "-o", tmp_path / "out.jsonl", "--json"]
    words += ["--attributes", "speech,camera", "--ledger", tmp_path / "ledger.sqlite"]
    first = asid_here(*words)
    assert first.returncode == 0, first.stderr
    assert "2 new captions, 1 videos failed; 3 in" in first.stdout
    rows = {row["video_id"]: row for row in read_predictions(tmp_path / "out.jsonl")}
    assert rows["a"]["attributes"] == {"speech": "Nobody speaks.", "camera": "It stands."}
    assert rows["a"]["caption"] == "Speech: Nobody speaks.\n\nCamera: It stands."
    assert rows["a"]["tokens"] == {"new": 4, "prompt": 9}
    assert rows["broken"]["error"]
    paid = len(endpoint.asked)
    assert paid == 2
    assert endpoint.asked[0]["response_format"]["json_schema"]["schema"]["required"] == ["speech", "camera"]
    (tmp_path / "out.jsonl").unlink()
    assert "2 new captions" in asid_here(*words).stdout
    assert len(endpoint.asked) == paid  # out of the ledger


def test_of_several_processes_one_asks_the_server(
    monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint, folder: Path, tmp_path: Path
) -> None:
    videos = [(name, {"path": str(folder / f"{name}.mp4"), "bytes": None}) for name in ("a", "b")]
    spec = ModelSpec("m", base_url=endpoint.address, accepts=("video", "audio"))
    monkeypatch.setenv("WORLD_SIZE", "2")
    counts = []
    for rank in ("1", "0"):
        monkeypatch.setenv("RANK", rank)
        counts.append(caption_videos(videos, tmp_path / "out.jsonl", CaptionRun("m"), spec))
    assert counts == [{"predictions": None, "new": 0, "failed": 0}, {"predictions": 2, "new": 2, "failed": 0}]
    assert len(endpoint.asked) == 2


def test_a_clip_that_the_server_refuses_spoils_no_other(endpoint: Endpoint, folder: Path, tmp_path: Path) -> None:
    endpoint.refuse = True
    videos = [(name, {"path": str(folder / f"{name}.mp4"), "bytes": None}) for name in ("a", "b")]
    spec = ModelSpec("m", base_url=endpoint.address, accepts=("video", "audio"))
    counts = caption_videos(videos, tmp_path / "out.jsonl", CaptionRun("m"), spec)
    assert counts == {"predictions": 2, "new": 1, "failed": 1}
    endpoint.refuse = False
    assert caption_videos(videos, tmp_path / "out.jsonl", CaptionRun("m"), spec)["failed"] == 0
    assert [row["caption"] for row in read_predictions(tmp_path / "out.jsonl")] == ["At 0s, it waits."] * 2
