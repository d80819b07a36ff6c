"""Whisper: its plumbing on tiny models of its real classes, which say what they were made to say."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_speech_models import build_whisper, skip_without_torch

from asid_hf.errors import InputError, MissingExtraError
from asid_hf.evidence import doubts
from asid_hf.evidence.recogniser import Polyglot
from asid_hf.evidence.recognisers import load_recogniser, signature
from asid_hf.evidence.speech import recognise_speech
from asid_hf.evidence.whisper import Whisper, load_whisper
from asid_hf.evidence.whisper_text import Token, cut_segments, read_words
from asid_hf.schema import HeardUtterance, SoundEvidence, SpeechEvidence

RATE = 16000
TWO = "<|0.50|> Hello there, façade.<|1.70|><|1.90|> Good evening.<|2.70|>"


def sounds(*spans: tuple[float, float, str]) -> SoundEvidence:
    told = [{"start": start, "end": end, "kind": kind, "level": -20.0} for start, end, kind in spans]
    return {"loudness": -20.0, "peak": -3.0, "silent": False, "spans": told}


def noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(round(seconds * RATE)).astype(np.float32) * 0.1


def hear(folder: Path, sound: SoundEvidence | None = None, seconds: float = 3.0) -> SpeechEvidence:
    return recognise_speech(noise(seconds), sound or sounds((0.0, seconds, "speech")), f"whisper:{folder}")


def only(evidence: SpeechEvidence) -> HeardUtterance:
    (utterance,) = evidence["utterances"]
    return utterance


@pytest.fixture(scope="module")
def spanish(tmp_path_factory: pytest.TempPathFactory) -> Path:
    skip_without_torch()
    return build_whisper(tmp_path_factory.mktemp("spanish"), TWO, {"es": 1.0, "en": 0.7})


@pytest.fixture(scope="module")
def random_one(tmp_path_factory: pytest.TempPathFactory) -> Whisper:
    skip_without_torch()
    return load_whisper(str(build_whisper(tmp_path_factory.mktemp("random"), None)), "random")


def test_words_times_confidences_and_language_are_read(spanish: Path) -> None:
    heard = hear(spanish)
    assert heard["language"] == "es"
    assert [u["text"] for u in heard["utterances"]] == ["Hello there, façade.", "Good evening."]
    times = [(u["start"], u["end"]) for u in heard["utterances"]]
    assert times == [(0.0, pytest.approx(1.2)), (pytest.approx(1.4), pytest.approx(2.2))]  # silence before it left out
    assert [len(u["word_confidences"]) for u in heard["utterances"]] == [3, 2]
    assert all(0.99 < u["confidence"] <= 1 and u["status"] == "verified" for u in heard["utterances"])
    assert all("doubt" not in u for u in heard["utterances"])


def test_times_are_those_of_the_clip(spanish: Path) -> None:
    heard = hear(spanish, sounds((0.0, 4.0, "silence"), (4.0, 7.0, "speech")), seconds=8.0)
    assert [(u["start"], round(u["end"], 2)) for u in heard["utterances"]] == [(4.0, 5.0), (5.2, 6.0)]


def test_no_folder_of_this_machine_is_signed_with(spanish: Path) -> None:
    assert hear(spanish)["recogniser"] == f"whisper:{spanish.name}"
    assert recognise_speech(None, None, f"whisper:{spanish}")["recogniser"] == f"whisper:{spanish.name}"
    assert signature("whisper:openai/whisper-small") == "whisper:openai/whisper-small"
    assert signature("whisper-large-v3-turbo") == "whisper-large-v3-turbo"


def test_it_is_loaded_once_a_process(spanish: Path) -> None:
    whisper = load_recogniser(f"whisper:{spanish}")
    assert load_recogniser(f"whisper:{spanish}") is whisper
    assert isinstance(whisper, Polyglot)


def test_nothing_is_loaded_for_a_clip_in_which_nobody_speaks() -> None:
    heard = recognise_speech(noise(2.0), sounds((0.0, 2.0, "music")), "whisper:/no/such/model")
    assert heard == {"recogniser": "whisper:model", "language": None, "utterances": []}


# What guards against invented text


def test_a_language_that_is_not_clear_verifies_nothing(tmp_path: Path) -> None:
    skip_without_torch()
    heard = hear(build_whisper(tmp_path / "unclear", TWO, {"es": 1.0, "en": 1.0, "de": 1.0}))
    assert heard["language"] is None
    assert {u["reason"] for u in heard["utterances"]} == {doubts.UNKNOWN_LANGUAGE}


def test_where_it_hears_no_speech_nothing_is_verified(tmp_path: Path) -> None:
    skip_without_torch()
    heard = hear(build_whisper(tmp_path / "silent", TWO, {"en": 1.0}, silence=1.5))
    assert {u["reason"] for u in heard["utterances"]} == {doubts.NO_SPEECH}


def test_words_it_is_unsure_of_are_not_verified(tmp_path: Path) -> None:
    skip_without_torch()
    sure, unsure = (hear(build_whisper(tmp_path / str(much), TWO, {"en": 9.0}, sure=much)) for much in (1.0, 0.36))
    assert [u["status"] for u in sure["utterances"]] == ["verified", "verified"]
    assert {u["reason"] for u in unsure["utterances"] if u["confidence"] < Whisper.sure} == {doubts.UNSURE}
    assert all(u["confidence"] >= Whisper.sure for u in unsure["utterances"] if u["reason"] != doubts.UNSURE)


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("<|0.50|> Thank you for watching!<|2.00|>", doubts.BOILERPLATE),
        ("<|0.50|> Subtitles by the Amara.org community<|1.00|>", doubts.BOILERPLATE),
        ("<|0.50|> So it is so it is so it is so it is so it is<|1.00|>", doubts.CIRCLES),
        ("<|0.50|> ♪ La la la ♪<|1.00|>", doubts.SUNG),
        ("<|0.50|> ...<|1.00|>", doubts.NO_WORDS),
        ("<|0.90|> The harbour opens again.<|1.60|>", doubts.NO_VOICE),
        ("<|0.50|> The harbour opens again.<|2.00|>", None),
    ],
)
def test_text_that_nobody_said_is_not_verified(tmp_path: Path, says: str, reason: str | None) -> None:
    skip_without_torch()
    sound = sounds((0.0, 0.6, "speech"), (0.6, 1.1, "other"), (1.1, 1.5, "speech"))
    heard = only(hear(build_whisper(tmp_path / "model", says), sound, seconds=1.5))
    assert heard["reason"] == reason


def test_a_text_without_an_end_is_not_verified(tmp_path: Path) -> None:
    skip_without_torch()
    endless = "<|0.50|> " + " ".join(f"word{number}" for number in range(25))
    utterance = only(hear(build_whisper(tmp_path / "endless", endless), seconds=1.0))
    assert utterance["reason"] == doubts.UNFINISHED


def test_a_piece_in_another_language_is_doubted(random_one: Whisper, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [noise(2.0), np.sin(np.arange(2 * RATE) / 90).astype(np.float32)]
    token, _ = random_one._language_of(random_one._first_impressions([random_one._encode(pieces, RATE)])[1], pieces)
    likely = [each[token] for each in random_one._first_impressions([random_one._encode(pieces, RATE)])[1]]
    assert likely[0] > likely[1]
    monkeypatch.setattr(random_one, "MIXED", sum(likely) / 2)
    told = random_one.recognise_clip(pieces)
    assert told.language == token.strip("<|>")
    assert doubts.MIXED_LANGUAGE not in {u["doubt"] for u in told.pieces[0]}
    assert {u["doubt"] for u in told.pieces[1]} == {doubts.MIXED_LANGUAGE}


def test_one_that_knows_english_only_is_judged_by_its_words(tmp_path: Path) -> None:
    skip_without_torch()
    short = build_whisper(tmp_path / "short", "<|0.50|> Good evening.<|2.50|>", multilingual=False)
    assert only(hear(short))["reason"] == doubts.TOO_SHORT
    long = build_whisper(tmp_path / "long", "<|0.50|> The harbour opens on Monday.<|2.50|>", multilingual=False)
    assert (only(hear(long))["status"], hear(long)["language"]) == ("verified", "en")


# Batches


def test_what_is_written_of_a_piece_does_not_hang_on_the_others(
    random_one: Whisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random_one, "BATCH", 3)
    pieces = [noise(0.5) * 9, noise(1.5), noise(1.0) * 0]
    pieces += [np.sin(np.arange(RATE) / period).astype(np.float32) for period in (9, 90)]
    together = random_one.recognise_clip(pieces).pieces
    alone = [random_one.recognise(piece) for piece in pieces]
    texts = [[u["text"] for u in utterances] for utterances in together]
    assert texts == [[u["text"] for u in utterances] for utterances in alone]
    assert len({tuple(each) for each in texts}) > 2, "the model does hear its sound"
    lengths = [len(piece) / RATE for piece in pieces]
    assert all(0 <= u["start"] <= u["end"] <= end for each, end in zip(together, lengths, strict=True) for u in each)


def test_ten_minutes_are_written_in_pieces_of_half_a_minute(spanish: Path) -> None:
    whisper = load_whisper(str(spanish), "whisper")
    given = []
    whole = whisper.recognise_clip
    whisper.recognise_clip = lambda pieces, rate: (given.extend(map(len, pieces)), whole(pieces[:1], rate))[1]._replace(
        pieces=[[] for _ in pieces]
    )
    recognise_speech(noise(600.0), sounds((0.0, 600.0, "speech")), whisper)
    assert max(given) <= 30 * RATE
    assert 20 <= len(given) <= 30
    assert sum(given) >= 600 * RATE


# Models that are not there


def test_a_model_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    skip_without_torch()
    with pytest.raises(InputError, match=r"whisper:nothing .*folder"):
        load_recogniser(f"whisper:{tmp_path / 'nothing'}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="whisper:empty"):
        load_recogniser(f"whisper:{tmp_path / 'empty'}")


def test_without_its_packages_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match="asr"):
        load_whisper("openai/whisper-large-v3", "whisper-large-v3")


def test_a_name_that_is_none_is_refused_with_those_there_are() -> None:
    for name in ("whisper-9", "whisper:", "Whisper"):
        with pytest.raises(InputError, match=r"whisper-large-v3, .*whisper:<model id or folder>"):
            signature(name)


# Tokens


def test_a_character_of_several_tokens_is_read_whole() -> None:
    data = " né 世".encode()
    tokens = [Token(byte, -0.1 * index) for index, byte in enumerate(data)]
    words, confidences = read_words(tokens, lambda ids: bytes(ids).decode(errors="replace"))
    assert words == ["né", "世"]
    assert confidences == [pytest.approx(np.exp(-0.2), abs=0.001), pytest.approx(np.exp(-0.6), abs=0.001)]


def test_text_before_and_behind_the_last_timestamp_is_kept() -> None:
    tokens = [Token(id, 0.0) for id in (5, 6, 150, 7)]
    assert [(s.start, s.end, len(s.tokens)) for s in cut_segments(tokens, 100)] == [(0.0, 1.0, 2), (1.0, None, 1)]
    assert cut_segments([], 100) == []
