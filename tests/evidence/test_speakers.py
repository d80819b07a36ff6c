"""Who speaks: turns given to words and utterances, and how high voices are."""

from __future__ import annotations

import sys
from itertools import pairwise
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from asid_hf.errors import InputError, MissingExtraError
from asid_hf.evidence.pyannote import Pyannote, load_pyannote
from asid_hf.evidence.speakers import Turn, diariser_signature, load_diariser, name_speakers
from asid_hf.evidence.voice_pitch import frame_pitches, measure_voices
from asid_hf.schema import Utterance

RATE = 16000


def utterance(start: float, end: float, text: str, timed: bool = False) -> Utterance:
    said: Utterance = {"start": start, "end": end, "speaker": None, "text": text, "confidence": 0.9}
    if timed:
        edges = np.linspace(start, end, len(text.split()) + 1).round(3).tolist()
        said["word_times"] = [[a, b] for a, b in pairwise(edges)]
        said["word_confidences"] = [round(0.9 - 0.01 * i, 2) for i in range(len(text.split()))]
    return said


def named(said: list[Utterance], turns: list[Turn]) -> list[tuple[str | None, str]]:
    return [(each["speaker"], each["text"]) for each in name_speakers(said, turns)]


# Turns


def test_speakers_are_numbered_in_the_order_in_which_they_first_speak() -> None:
    turns = [Turn(4.0, 6.0, "SPEAKER_00"), Turn(0.0, 2.0, "SPEAKER_07"), Turn(2.0, 4.0, "SPEAKER_03")]
    said = [utterance(0, 2, "One."), utterance(2, 4, "Two."), utterance(4, 6, "Three.")]
    assert named(said, turns) == [("speaker 1", "One."), ("speaker 2", "Two."), ("speaker 3", "Three.")]


def test_an_utterance_is_parted_where_another_begins_to_speak() -> None:
    said = utterance(1.0, 5.0, "Where were you? At home. Really? Yes.", timed=True)
    turns = [Turn(0.9, 2.7, "a"), Turn(2.75, 3.9, "b"), Turn(3.9, 4.45, "a"), Turn(4.45, 5.1, "b")]
    parts = name_speakers([said], turns)
    assert [(p["speaker"], p["text"]) for p in parts] == [
        ("speaker 1", "Where were you?"),
        ("speaker 2", "At home."),
        ("speaker 1", "Really?"),
        ("speaker 2", "Yes."),
    ]
    assert [(p["start"], p["end"]) for p in parts] == [(1.0, 2.714), (2.714, 3.857), (3.857, 4.429), (4.429, 5.0)]
    assert [len(p["word_times"]) for p in parts] == [3, 2, 1, 1] == [len(p["word_confidences"]) for p in parts]
    assert parts[1]["word_confidences"] == [0.87, 0.86]


def test_without_word_times_an_utterance_stays_whole_and_is_of_whom_it_mostly_is() -> None:
    turns = [Turn(0.0, 3.0, "a"), Turn(3.0, 4.0, "b")]
    assert named([utterance(0, 4, "One two three four.")], turns) == [("speaker 1", "One two three four.")]
    assert named([utterance(2, 4, "One two three four.")], turns) == [(None, "One two three four.")]
    assert named([utterance(3.5, 9, "One two three four.")], turns) == [(None, "One two three four.")]


def test_a_flicker_inside_an_utterance_parts_nothing() -> None:
    said = utterance(0.0, 2.4, "one two three four five six seven eight", timed=True)
    turns = [Turn(0.0, 0.9, "a"), Turn(0.9, 1.2, "b"), Turn(1.2, 2.4, "a")]
    assert named([said], turns) == [("speaker 1", said["text"])]
    gap = [Turn(0.0, 0.6, "a"), Turn(2.0, 2.4, "a")]
    assert named([said], gap) == [("speaker 1", said["text"])]


def test_words_that_two_say_at_once_are_of_nobody_but_where_one_goes_on() -> None:
    both = [Turn(0.0, 4.0, "a"), Turn(0.0, 4.0, "b")]
    assert named([utterance(0, 4, "one two three", timed=True)], both) == [(None, "one two three")]
    assert named([utterance(0, 4, "one two three")], both) == [(None, "one two three")]
    interrupted = [Turn(0.0, 4.0, "a"), Turn(2.0, 3.0, "b")]
    assert named([utterance(0, 4, "one two three four", timed=True)], interrupted) == [
        ("speaker 1", "one two three four")
    ]


def test_words_beside_all_turns_are_of_nobody() -> None:
    assert named([utterance(5, 6, "Hello there.")], [Turn(0.0, 1.0, "a")]) == [(None, "Hello there.")]
    assert named([utterance(5, 6, "Hello there.", timed=True)], [Turn(0.0, 1.0, "a")]) == [(None, "Hello there.")]
    assert named([utterance(5, 6, "Hello there.", timed=True)], []) == [(None, "Hello there.")]
    assert named([], [Turn(0.0, 1.0, "a")]) == []


def test_turns_that_are_empty_or_out_of_order_do_no_harm() -> None:
    turns = [Turn(3.0, 2.0, "x"), Turn(1.0, 1.0, "y"), Turn(2.0, 9.0, "b"), Turn(0.0, 2.0, "a")]
    assert named([utterance(3, 4, "Hello.")], turns) == [("speaker 2", "Hello.")]


def test_what_was_given_is_not_changed() -> None:
    said = utterance(0, 4, "one two three four", timed=True)
    before = repr(said)
    name_speakers([said], [Turn(0.0, 2.0, "a"), Turn(2.0, 4.0, "b")])
    assert repr(said) == before


# Diarisers


def test_a_diariser_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="pyannote:<model id or folder>"):
        load_diariser("ears")


def test_pyannote_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyannote", None)
    monkeypatch.setitem(sys.modules, "pyannote.audio", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'pyannote\.audio"):
        load_pyannote()


class Annotation:
    """What pipelines of pyannote.audio answer, as its documentation tells: spans, tracks, labels."""

    def __init__(self, *spans: tuple[float, float, str]) -> None:
        self.spans = spans

    def itertracks(self, yield_label: bool) -> list[tuple[SimpleNamespace, str, str]]:
        assert yield_label
        return [(SimpleNamespace(start=start, end=end), "_", label) for start, end, label in self.spans]


def test_answers_of_pyannote_3_and_4_become_turns() -> None:
    pytest.importorskip("torch", reason="the extra asr is not installed")
    given = []
    overlapping, exclusive = Annotation((0.0, 2.0, "A"), (1.5, 3.0, "B")), Annotation((0.0, 1.5, "A"), (1.5, 3.0, "B"))
    fourth = SimpleNamespace(speaker_diarization=overlapping, exclusive_speaker_diarization=exclusive)
    for answer, expected in ((overlapping, (1.5, 2.0)), (fourth, (1.5, 1.5))):
        pipeline = Pyannote("pyannote", lambda file, answer=answer: given.append(file) or answer)
        first, second = pipeline.turns(np.zeros(3 * RATE, np.float32), RATE)
        assert (second.start, first.end) == expected
        assert (first.speaker, second.speaker) == ("A", "B")
    assert given[0]["waveform"].shape == (1, 3 * RATE)
    assert given[0]["sample_rate"] == RATE


def test_a_pipeline_whose_conditions_were_not_accepted_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="the extra asr is not installed")
    package = ModuleType("pyannote.audio")
    package.Pipeline = SimpleNamespace(from_pretrained=lambda model: None)
    monkeypatch.setitem(sys.modules, "pyannote", ModuleType("pyannote"))
    monkeypatch.setitem(sys.modules, "pyannote.audio", package)
    with pytest.raises(InputError, match=r"conditions of pyannote/speaker-diarization-community-1"):
        load_pyannote()


def test_no_folder_of_this_machine_is_signed_with() -> None:
    names = ("pyannote", "pyannote:me/mine", "pyannote:/home/me/mine")
    assert [diariser_signature(name) for name in names] == ["pyannote", "pyannote:me/mine", "pyannote:mine"]


# Voices


def voice(pitch: float, seconds: float, seed: int = 0) -> np.ndarray:
    """(N,) float32: a buzz with a little vibrato and noise."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.03 * np.sin(30 * time))) / RATE
    buzz = sum(np.sin(k * phase) / k for k in range(1, 12))
    return (0.1 * (buzz + 0.2 * np.random.default_rng(seed).standard_normal(len(time)))).astype(np.float32)


@pytest.mark.parametrize("pitch", [75.0, 110.0, 160.0, 210.0, 300.0, 400.0])
def test_the_pitch_of_a_voice_is_measured(pitch: float) -> None:
    assert np.median(frame_pitches(voice(pitch, 1.0))) == pytest.approx(pitch, rel=0.03)


@pytest.mark.parametrize(
    "audio",
    [
        np.zeros(0, np.float32),
        np.zeros(100, np.float32),
        np.zeros(RATE, np.float32),
        np.full(RATE, 0.5, np.float32),
        np.random.default_rng(0).standard_normal(RATE).astype(np.float32),
    ],
    ids=["nothing", "a moment", "silence", "a constant", "noise"],
)
def test_what_is_no_voice_has_no_pitch(audio: np.ndarray) -> None:
    assert len(frame_pitches(audio)) <= 2


def test_each_speaker_has_a_voice() -> None:
    audio = np.concatenate([voice(110, 2.0), voice(220, 2.0), np.zeros(RATE, np.float32)])
    said = [
        utterance(0, 2, "Low."),
        utterance(2, 4, "High."),
        utterance(4, 5, "Nothing."),
        utterance(0, 1, "Somebody."),
    ]
    for each, speaker in zip(said, ("speaker 1", "speaker 2", "speaker 3", None), strict=True):
        each["speaker"] = speaker
    voices = measure_voices(audio, said)
    assert [each["speaker"] for each in voices] == ["speaker 1", "speaker 2", "speaker 3"]
    assert voices[0]["pitch"] == pytest.approx(110, rel=0.03)
    assert voices[1]["pitch"] == pytest.approx(220, rel=0.03)
    assert voices[2]["pitch"] is None
