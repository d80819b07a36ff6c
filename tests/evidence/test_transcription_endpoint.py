"""A recogniser behind an address: over real HTTP, through the ledger, whatever the server does."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest
from transcription_server import TranscriptionServer, transcript

from asid_hf.chat import retry
from asid_hf.chat.messages import ChatError
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.errors import EndpointError, InputError
from asid_hf.evidence import doubts
from asid_hf.evidence.speech import recognise_speech
from asid_hf.evidence.transcription_endpoint import EndpointRecogniser, endpoint_recogniser
from asid_hf.evidence.transcription_reply import language_code, read_reply
from asid_hf.schema import SoundEvidence

RATE = 16000
SAID = "The harbour opens again on Monday."


def sounds(*spans: tuple[float, float]) -> SoundEvidence:
    told = [{"start": start, "end": end, "kind": "speech", "level": -20.0} for start, end in spans]
    return {"loudness": -20.0, "peak": -3.0, "silent": False, "spans": told}


def noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(round(seconds * RATE)).astype(np.float32) * 0.1


def recogniser(server: TranscriptionServer, ledger: Path, offline: bool = False, **spec: object) -> EndpointRecogniser:
    known = {"timeout": 2.0, "deadline": 8.0, "attempts": 3, **spec}
    return endpoint_recogniser(ModelSpec("whisper-1", base_url=server.base_url, **known), str(ledger), offline)


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(retry, "LONGEST_PAUSE", 0.05)


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


def test_a_clip_is_written_down_with_words_times_and_language(ledger: Path) -> None:
    with TranscriptionServer(transcript(SAID, 3.0)) as server:
        heard = recognise_speech(noise(3.0), sounds((0.5, 2.5)), recogniser(server, ledger))
    assert (heard["recogniser"], heard["language"]) == ("endpoint:whisper-1", "en")
    (said,) = heard["utterances"]
    assert (said["text"], said["status"], said["confidence"]) == (SAID, "verified", pytest.approx(0.905))
    assert len(said["word_times"]) == len(SAID.split())
    times = [moment for word in said["word_times"] for moment in word]
    assert times == sorted(times) and 0.5 <= times[0] and times[-1] <= 2.5
    (request,) = server.requests
    assert request["path"] == "/v1/audio/transcriptions"
    assert request["sound"] == {"seconds": pytest.approx(2.0 + 0.4 + 1.0), "rate": RATE}
    assert request["form"] == {
        "model": ["whisper-1"],
        "response_format": ["verbose_json"],
        "timestamp_granularities[]": ["word", "segment"],
        "temperature": ["0"],
    }
    assert request["key"] is None


def test_a_piece_is_paid_for_once(ledger: Path) -> None:
    audio, spoken = noise(60.0), sounds((1.0, 5.0), (10.0, 12.0), (20.0, 55.0))
    with TranscriptionServer(transcript(SAID, 3.0)) as server:
        first = recognise_speech(audio, spoken, recogniser(server, ledger))
        paid = len(server.requests)
        assert recognise_speech(audio, spoken, recogniser(server, ledger)) == first
        assert len(server.requests) == paid == 4
    offline = recogniser(server, ledger, offline=True)
    assert recognise_speech(audio, spoken, offline) == first
    with pytest.raises(ChatError, match="holds no answer"):
        recognise_speech(noise(9.0), sounds((0.0, 9.0)), offline)


def test_the_key_is_taken_from_the_environment_and_told_to_nobody(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret")
    with TranscriptionServer(401, f"no: {'sk-secret'}") as server:
        with pytest.raises(EndpointError) as refused:
            recognise_speech(noise(2.0), sounds((0.0, 2.0)), recogniser(server, ledger, api_key_env="MY_KEY"))
        assert server.requests[0]["key"] == "Bearer sk-secret"
    assert "sk-secret" not in str(refused.value) + ledger.read_bytes().decode(errors="replace")
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(InputError, match="MY_KEY"):
        endpoint_recogniser(ModelSpec("other", base_url=server.base_url, api_key_env="MY_KEY"), str(ledger))


@pytest.mark.parametrize(
    ("answers", "requests"),
    [
        ((500, transcript(SAID, 2.0)), 2),
        ((503, (429, "0"), transcript(SAID, 2.0)), 3),
        (("reset", transcript(SAID, 2.0)), 2),
        (("no JSON", transcript(SAID, 2.0)), 2),
        (({"text": 7}, transcript(SAID, 2.0)), 2),
        (({"segments": []}, transcript(SAID, 2.0)), 2),
    ],
    ids=["500", "503 and 429", "reset", "no JSON", "a number for a text", "no text"],
)
def test_what_passes_is_tried_again(ledger: Path, answers: tuple, requests: int) -> None:
    with TranscriptionServer(*answers) as server:
        heard = recognise_speech(noise(2.0), sounds((0.0, 2.0)), recogniser(server, ledger))
        assert len(server.requests) == requests
    assert [said["text"] for said in heard["utterances"]] == [SAID]


@pytest.mark.parametrize(
    ("answer", "kind", "requests"),
    [
        (500, "overloaded", 3),
        (413, "rejected", 1),
        ("{", "not_json", 2),
        ({"words": []}, "schema", 2),
        ("x" * 1_000_001, "malformed", 3),
        ("hang", "timeout", 2),
    ],
)
def test_what_does_not_pass_ends_with_its_name(ledger: Path, answer: object, kind: str, requests: int) -> None:
    with TranscriptionServer(answer) as server:
        asked = recogniser(server, ledger, timeout=0.4, deadline=2.0, attempts=min(requests, 3))
        with pytest.raises(ChatError) as failure:
            recognise_speech(noise(2.0), sounds((0.0, 2.0)), asked)
        assert failure.value.kind == kind
        assert len(server.requests) == requests


def test_where_nobody_answers_the_run_ends_with_a_clear_message(ledger: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    spec = ModelSpec("whisper-1", base_url=address, deadline=1.0, attempts=2)
    with pytest.raises(EndpointError, match="Nothing answers"):
        recognise_speech(noise(2.0), sounds((0.0, 2.0)), endpoint_recogniser(spec, str(ledger)))


def test_an_address_is_needed(ledger: Path) -> None:
    with pytest.raises(InputError, match="base_url"):
        endpoint_recogniser(ModelSpec("whisper-1"), str(ledger))


# What guards against invented text


def test_a_server_that_tells_no_confidence_verifies_nothing(ledger: Path) -> None:
    with TranscriptionServer({"text": SAID, "language": "english"}) as server:
        heard = recognise_speech(noise(2.0), sounds((0.0, 2.0)), recogniser(server, ledger))
    assert [said["reason"] for said in heard["utterances"]] == [doubts.UNSURE]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (transcript(SAID, 3.0, no_speech_prob=0.9), doubts.NO_SPEECH),
        (transcript(SAID, 3.0, avg_logprob=-1.1), doubts.UNSURE),
        (transcript(SAID, 3.0, language="Klingon"), doubts.UNKNOWN_LANGUAGE),
        (transcript("Subtitles by the Amara.org community", 3.0), doubts.BOILERPLATE),
        (transcript("Yes, it is. " * 12, 3.0), doubts.CIRCLES),
    ],
)
def test_text_that_nobody_said_is_not_verified(ledger: Path, reply: dict, reason: str) -> None:
    with TranscriptionServer(reply) as server:
        heard = recognise_speech(noise(3.0), sounds((0.0, 3.0)), recogniser(server, ledger))
    assert [said["reason"] for said in heard["utterances"]] == [reason]


def test_a_piece_in_another_language_is_doubted(ledger: Path) -> None:
    answers = [transcript(SAID * 2, 3.0), transcript("Guten Morgen.", 3.0, language="german")]
    with TranscriptionServer(*answers) as server:
        heard = recognise_speech(noise(9.0), sounds((0.0, 3.0), (5.0, 8.0)), recogniser(server, ledger, concurrency=1))
    assert heard["language"] == "en"
    assert [said["reason"] for said in heard["utterances"]] == [None, doubts.MIXED_LANGUAGE]


# Replies


def test_words_are_given_to_their_segments_or_to_none() -> None:
    segments = [{"start": 0.0, "end": 1.0, "text": " Come in,"}, {"start": 1.0, "end": 2.0, "text": " please."}]
    words = [{"word": w, "start": i * 0.5, "end": i * 0.5 + 0.4} for i, w in enumerate(("Come", "in", "please"))]
    first, second = read_reply({"text": "", "segments": segments, "words": words}, 2.0)
    assert (first["word_times"], second["word_times"]) == ([[0.0, 0.4], [0.5, 0.9]], [[1.0, 1.4]])
    for wrong in (words[:2], [*words[:2], {**words[2], "word": "now"}], [words[2], *words[:2]], words[::-1]):
        read = read_reply({"text": "", "segments": segments, "words": wrong}, 2.0)
        assert all("word_times" not in each for each in read)


def test_confidences_of_words_stand_in_for_that_of_the_segment() -> None:
    words = [
        {"word": w, "start": i, "end": i + 0.5, "probability": p} for i, (w, p) in enumerate((("No", 0.9), ("!", 0)))
    ]
    (said,) = read_reply({"text": "No !", "segments": [], "words": words}, 2.0)
    assert said["word_confidences"] == [0.9, 0.0]
    assert said["confidence"] == pytest.approx(0.001)


def test_times_beyond_the_sound_and_the_wrong_way_round_are_kept_inside() -> None:
    segment = {"start": -3.0, "end": 99.0, "text": "Hi", "avg_logprob": 5.0}
    (said,) = read_reply({"text": "", "segments": [segment, {"start": 1.0, "end": 1.5, "text": "  "}]}, 2.0)
    assert (said["start"], said["end"], said["confidence"]) == (0.0, 2.0, 1.0)
    (turned,) = read_reply({"text": "", "segments": [{"start": 1.5, "end": 0.5, "text": "Hi"}]}, 2.0)
    assert turned["start"] == turned["end"] == 1.5


@pytest.mark.parametrize(
    ("name", "code"), [("english", "en"), ("Mandarin", "zh"), ("zh-CN", "zh"), ("de", "de"), ("xx", None), ("", None)]
)
def test_languages_are_read_by_name_and_by_code(name: str, code: str | None) -> None:
    assert language_code(name) == code
