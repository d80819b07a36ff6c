"""The sensors' stage: who is asked, what a failure costs, and one decode for all."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
from media_files import make_clip, make_sound

from asid_hf.errors import InputError
from asid_hf.evidence.sound import measure_sound
from asid_hf.media import Analysis, Clip, Probe
from asid_hf.verify import clips, observe
from asid_hf.verify.clips import HeardClip, clip_of, hear_clip
from asid_hf.verify.observe import Observe, measure
from asid_hf.verify.transcribe import SENSORS

pytest.importorskip("cv2")


def grey_clip(failure: Exception | None = None) -> HeardClip:
    """Two silent seconds of grey; with a `failure`, one whose sound could not be measured."""
    images = np.full((24, 90, 160, 3), 128, np.uint8)
    pictures = Analysis(images, np.arange(24) / 12, np.zeros((0, 90, 160), np.uint8), np.zeros(0))
    sound = np.zeros(32000, np.float32)
    hearing: Future = Future()
    hearing.set_exception(failure) if failure else hearing.set_result(measure_sound(sound))
    return HeardClip(Clip(Probe(2.0, True, True), None, np.zeros(0), 0.0, sound, 2.0, pictures), hearing)


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
    failures = measure(grey_clip(InputError("two channels")), evidence, screen_text=False)
    assert [(failure["stage"], failure["kind"]) for failure in failures] == [
        ("observe.sound", "InputError"),
        ("observe.camera", "ArithmeticError"),
    ]
    assert evidence["light"]["level"] == "normal"


def test_facts_that_are_there_are_kept() -> None:
    evidence = {**dict.fromkeys(SENSORS), "sound": "heard before", "shots": []}
    measure(grey_clip(InputError("two channels")), evidence, screen_text=False)
    assert (evidence["sound"], evidence["shots"], evidence["camera"]) == ("heard before", [], [])


def test_a_clip_without_pictures_is_only_heard(tmp_path: Path) -> None:
    evidence = dict.fromkeys(SENSORS)
    assert measure(hear_clip(make_sound(tmp_path / "sound.wav")), evidence) == []
    assert [sensor for sensor, facts in evidence.items() if facts is not None] == ["sound"]


def test_sound_measured_beside_the_pictures_is_what_it_is_measured_alone(tmp_path: Path) -> None:
    heard = hear_clip(make_clip(tmp_path / "clip.mp4", 3.0, tone=440))
    assert heard.hearing.result() == measure_sound(heard.clip.audio)
    assert hear_clip(make_clip(tmp_path / "mute.mp4")).hearing.result() is None


def test_a_failure_to_measure_the_sound_leaves_the_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ArithmeticError("cannot be measured")

    monkeypatch.setattr(clips, "measure_sound", broken)
    heard = hear_clip(make_clip(tmp_path / "clip.mp4", tone=440))
    assert len(heard.clip.analysis.images) > 0
    with pytest.raises(ArithmeticError, match="cannot be measured"):
        heard.hearing.result()


def test_a_clip_held_with_stills_serves_those_who_do_without(tmp_path: Path) -> None:
    path = str(make_clip(tmp_path / "clip.mp4"))
    clips._cache.clear()
    bare = clip_of(path, stills=False)
    assert (len(bare.clip.analysis.stills), len(bare.clip.analysis.images) > 0) == (0, True)
    assert clip_of(path, stills=False) is bare
    whole = clip_of(path)
    assert len(whole.clip.analysis.stills) > 0
    assert clip_of(path, stills=False) is whole
    np.testing.assert_array_equal(whole.clip.analysis.images, bare.clip.analysis.images)


def test_the_stage_asks_for_stills_only_to_read_them(tmp_path: Path) -> None:
    path = str(make_clip(tmp_path / "clip.mp4"))
    clips._cache.clear()
    Observe(screen_text=False).run({"video": path, "errors": []})
    assert [len(held.clip.analysis.stills) for held in clips._cache.values()] == [0]
