"""The sensors' stage: who is asked, what a failure costs, and one decode for all."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from media_files import make_clip

from asid_hf.media import Analysis, Clip, Probe
from asid_hf.verify import clips, observe
from asid_hf.verify.clips import clip_of
from asid_hf.verify.observe import Observe, measure
from asid_hf.verify.transcribe import SENSORS

pytest.importorskip("cv2")


def grey_clip(sound: np.ndarray | None = None) -> Clip:
    """Two seconds of grey; by default silent."""
    images = np.full((24, 90, 160, 3), 128, np.uint8)
    pictures = Analysis(images, np.arange(24) / 12, np.zeros((0, 90, 160), np.uint8), np.zeros(0))
    sound = np.zeros(32000, np.float32) if sound is None else sound
    return Clip(Probe(2.0, True, True), None, np.zeros(0), 0.0, sound, 2.0, pictures)


def test_every_sensor_but_speech_and_text_is_filled() -> None:
    evidence = dict.fromkeys(SENSORS)
    assert measure(grey_clip(), evidence, screen_text=False) == []
    assert {sensor for sensor, facts in evidence.items() if facts is None} == {"speech", "screen_text"}
    assert evidence["shots"] == [{"start": 0.0, "end": 2.0}]


def test_one_failing_sensor_on_either_side_costs_only_its_own_facts(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ArithmeticError("cannot be measured")

    monkeypatch.setattr(observe, "measure_camera", broken)
    evidence = dict.fromkeys(SENSORS)
    failures = measure(grey_clip(np.zeros((3, 3))), evidence, screen_text=False)
    assert [(failure["stage"], failure["kind"]) for failure in failures] == [
        ("observe.sound", "InputError"),
        ("observe.camera", "ArithmeticError"),
    ]
    assert evidence["light"]["level"] == "normal"


def test_facts_that_are_there_are_kept() -> None:
    evidence = {**dict.fromkeys(SENSORS), "sound": "heard before", "shots": []}
    measure(grey_clip(np.zeros((3, 3))), evidence, screen_text=False)
    assert (evidence["sound"], evidence["shots"], evidence["camera"]) == ("heard before", [], [])


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    measure(grey_clip(), dict.fromkeys(SENSORS), screen_text=False)
    assert threading.active_count() == before


def test_a_clip_without_pictures_is_only_heard() -> None:
    silence = Clip(Probe(1.0, False, True), None, np.zeros(0), 0.0, np.zeros(16000, np.float32), 1.0)
    evidence = dict.fromkeys(SENSORS)
    assert measure(silence, evidence) == []
    assert [sensor for sensor, facts in evidence.items() if facts is not None] == ["sound"]


def test_a_clip_held_with_stills_serves_those_who_do_without(tmp_path: Path) -> None:
    path = str(make_clip(tmp_path / "clip.mp4"))
    clips._cache.clear()
    bare = clip_of(path, stills=False)
    assert (len(bare.analysis.stills), len(bare.analysis.images) > 0) == (0, True)
    assert clip_of(path, stills=False) is bare
    whole = clip_of(path)
    assert len(whole.analysis.stills) > 0
    assert clip_of(path, stills=False) is whole
    np.testing.assert_array_equal(whole.analysis.images, bare.analysis.images)


def test_the_stage_asks_for_stills_only_to_read_them(tmp_path: Path) -> None:
    path = str(make_clip(tmp_path / "clip.mp4"))
    clips._cache.clear()
    Observe(screen_text=False).run({"video": path, "errors": []})
    assert [len(clip.analysis.stills) for clip in clips._cache.values()] == [0]
