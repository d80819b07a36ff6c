"""When words are said: on emissions made from known times, and on those of a real acoustic model."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from acoustic_model import PhoneAligner
from known_speech import RATE, TEXTS, speak, speak_on
from tiny_speech_models import CTC_LETTERS, build_ctc, skip_without_torch

from asid_hf.errors import InputError, MissingExtraError
from asid_hf.evidence.ctc import BY_LANGUAGE, CtcAligner, aligner_for, load_aligner
from asid_hf.evidence.word_alignment import align_words
from asid_hf.evidence.word_times import time_words
from asid_hf.schema import Utterance

FRAME, BLANK, SEPARATOR = 0.02, 0, CTC_LETTERS.index("|")


@pytest.fixture(autouse=True)
def _torch() -> None:
    skip_without_torch()


def spell(word: str) -> list[int] | None:
    letters = [CTC_LETTERS.index(letter) for letter in word.upper() if letter in CTC_LETTERS]
    return None if any(c.isdigit() for c in word) else letters


def plan(text: str, seed: int, letter: float = 0.07, pause: float = 0.05) -> list[tuple[float, float]]:
    """Seconds from and to which each word is said, by somebody who is not regular; now and then a longer pause."""
    random = np.random.default_rng(seed)
    times, now = [], 0.4
    for word in text.split():
        length = max(0.08, len(word) * letter * random.uniform(0.7, 1.4))
        times.append((now, now + length))
        now += length + pause * random.uniform(0, 2) + 0.6 * (random.random() < 0.15)
    return times


def emit(text: str, times: list[tuple[float, float]], seed: int, noise: float = 1.0, peak: float = 0.5) -> np.ndarray:
    """(T, C) log probabilities as a CTC model emits them: a letter's peak within its share of its word, else blanks.

    `peak` is where in its share a letter is emitted, give or take a fifth of it. Half of the words of a sentence are
    followed by a separator. `noise` is the spread of the logits, which are 8 for what is emitted.
    """
    random = np.random.default_rng(seed)
    logits = random.standard_normal((round((times[-1][1] + 0.5) / FRAME), len(CTC_LETTERS))) * noise
    chosen = np.full(len(logits), BLANK)
    for (word, (start, end)), following in zip(
        zip(text.split(), times, strict=True), [*times[1:], (times[-1][1] + 0.3, 0)], strict=True
    ):
        letters = spell(word) or [int(random.integers(5, 30)) for _ in range(6)]  # a number is spoken, too
        share = (end - start) / len(letters)
        for index, letter in enumerate(letters):
            moment = start + share * (index + peak + random.uniform(-0.2, 0.2))
            chosen[int(moment / FRAME)] = letter
        between = int((end + following[0]) / 2 / FRAME)
        if random.random() < 0.5 and chosen[between] == BLANK:
            chosen[between] = SEPARATOR
    logits[range(len(logits)), chosen] += 8.0
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def errors(found: list, times: list[tuple[float, float]]) -> np.ndarray:
    """(W, 2) seconds by which starts and ends are off."""
    return np.array([(word.start - start, word.end - end) for word, (start, end) in zip(found, times, strict=True)])


# Made emissions


@pytest.mark.parametrize("peak", [0.3, 0.5, 0.7])
def test_words_are_found_within_a_tenth_of_a_second(peak: float) -> None:
    off = []
    for seed in range(5):
        for text in TEXTS:
            times = plan(text, seed)
            heard = emit(text, times, seed, peak=peak)
            off.append(errors(align_words(heard, [spell(w) for w in text.split()], FRAME, BLANK, SEPARATOR), times))
    off = np.abs(np.concatenate(off))
    assert len(off) > 400
    assert off.max() <= 0.1, off.max(0)
    assert off.mean() <= 0.03


def test_noise_that_hides_some_letters_leaves_the_times() -> None:
    off = []
    for seed in range(5):
        times = plan(TEXTS[1], seed)
        heard = emit(TEXTS[1], times, seed, noise=2.0)
        assert (heard.argmax(1) != emit(TEXTS[1], times, seed, noise=0.1).argmax(1)).any()
        off.append(errors(align_words(heard, [spell(w) for w in TEXTS[1].split()], FRAME, BLANK, SEPARATOR), times))
    assert (np.abs(np.concatenate(off)) <= 0.1).mean() >= 0.97


def test_times_are_in_order_apart_and_inside() -> None:
    text = TEXTS[0]
    heard = emit(text, plan(text, 3), 3)
    found = align_words(heard, [spell(w) for w in text.split()], FRAME, BLANK, SEPARATOR)
    assert all(0 <= word.start < word.end <= len(heard) * FRAME for word in found)
    assert all(before.end <= after.start for before, after in pairwise(found))
    assert all(0.5 < word.confidence <= 1 and word.measured for word in found)


def test_what_cannot_be_spelt_lies_between_its_neighbours_and_is_marked() -> None:
    text = "There were 1984 grey ships and 12 20 boats here 7"
    times = plan(text, 1, pause=0.15)
    found = align_words(emit(text, times, 1), [spell(w) for w in text.split()], FRAME, BLANK, SEPARATOR)
    assert [word.measured for word in found] == [not w.isdigit() for w in text.split()]
    off = np.abs(errors(found, times))
    assert off[[word.measured for word in found]].max() <= 0.1
    assert off[2].max() <= 0.1 and off[-1].max() <= 0.1
    assert all(before.end <= after.start + 1e-9 for before, after in pairwise(found))


def test_a_letter_said_twice_and_blanks_of_probability_one_do_not_lead_astray() -> None:
    heard = np.full((12, 4), -30.0)
    chosen = [0, 1, 0, 1, 0, 3, 0, 2, 2, 0, 3, 0]
    heard[range(12), chosen] = 0.0  # exactly: of equal steps the best has to be taken
    found = align_words(heard, [[1, 1], None, [2], [3]], 0.1)
    said = [(word.start, word.end) for word in found if word.measured]
    assert np.array(said) == pytest.approx(np.array([(0.05, 0.4), (0.7, 0.95), (0.95, 1.15)]), abs=0.051)
    assert all(word.confidence == 1.0 for word in found if word.measured)


def test_more_letters_than_frames_and_no_letters_give_no_times() -> None:
    assert align_words(np.zeros((3, 4)) - np.log(4), [[1, 2], [3, 1]], FRAME) is None
    assert align_words(np.zeros((3, 4)) - np.log(4), [[1, 1, 1]], FRAME) is None
    assert align_words(np.zeros((3, 4)) - np.log(4), [None, None], FRAME) is None
    assert align_words(np.zeros((3, 4)) - np.log(4), [], FRAME) is None


# A real acoustic model


@pytest.fixture(scope="module")
def phones() -> PhoneAligner:
    return PhoneAligner()


def test_a_real_acoustic_model_finds_synthesised_words_within_a_tenth_of_a_second(phones: PhoneAligner) -> None:
    off = []
    for text, speed in zip(TEXTS, (1.0, 1.2, 0.9) * 3, strict=False):
        audio, times = speak(text, speed)
        words = [phones.spell(word) for word in text.split()]
        off.append(errors(align_words(phones.emissions(audio), words, phones.frame, phones.blank), times))
    off = np.abs(np.concatenate(off))
    assert len(off) >= 80
    assert (off <= 0.1).mean() >= 0.99
    assert off.mean() <= 0.05


def test_utterances_are_timed_in_the_clip_and_end_with_their_words(phones: PhoneAligner) -> None:
    texts = TEXTS[:3]
    audio, times = speak_on(texts, pause=0.7)
    loose = [(words[0][0] - 0.25, words[-1][1] + 0.25) for words in times]
    said = [utterance(start, end, text) for (start, end), text in zip(loose, texts, strict=True)]
    timed = time_words(audio, said, phones)
    off = [np.abs(np.array(found["word_times"]) - words) for found, words in zip(timed, times, strict=True)]
    assert (np.concatenate(off) <= 0.1).mean() >= 0.95
    for found in timed:
        assert (found["start"], found["end"]) == (found["word_times"][0][0], found["word_times"][-1][1])
    assert [found["text"] for found in timed] == texts
    assert [u["start"] for u in said] == [start for start, _ in loose], "what was given is not changed"


def test_a_border_that_the_recogniser_misplaced_is_put_right(phones: PhoneAligner) -> None:
    audio, times = speak_on(TEXTS[:2], pause=0.3)
    border = times[0][-1][1] + 0.8  # the second sentence has begun
    said = [utterance(0.3, border, TEXTS[0]), utterance(border, len(audio) / RATE, TEXTS[1])]
    first, second = time_words(audio, said, phones)
    assert first["end"] == pytest.approx(times[0][-1][1], abs=0.11)
    assert second["start"] == pytest.approx(times[1][0][0], abs=0.11)


def test_words_that_were_not_said_get_no_times(phones: PhoneAligner) -> None:
    audio, _ = speak(TEXTS[0])
    wrong = utterance(0.0, len(audio) / RATE, TEXTS[3])
    assert time_words(audio, [wrong], phones) == [wrong]


def test_what_did_not_pass_the_gate_is_left_alone(phones: PhoneAligner) -> None:
    audio, _ = speak(TEXTS[0])
    doubtful = {**utterance(0.0, len(audio) / RATE, TEXTS[0]), "status": "unverifiable"}
    assert time_words(audio, [doubtful], phones) == [doubtful]


def utterance(start: float, end: float, text: str) -> Utterance:
    return {"start": start, "end": end, "speaker": None, "text": text, "confidence": 0.9}


# CTC models of transformers


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> CtcAligner:
    skip_without_torch()
    return load_aligner(str(build_ctc(tmp_path_factory.mktemp("models") / "tiny-ctc")))


def test_words_are_spelt_as_the_model_knows_them(tiny: CtcAligner) -> None:
    def read(word: str) -> str:
        return "".join(CTC_LETTERS[letter] for letter in tiny.spell(word))

    assert [read(word) for word in ("Café,", "it’s", "“No!”", "well-known", "Straße")] == [
        "CAFE",
        "IT'S",
        "NO",
        "WELLKNOWN",
        "STRASSE",
    ]
    assert [tiny.spell(word) for word in ("7th", "$5", "&", "—", "Привет", "世界", "...")] == [None] * 7


def test_what_is_heard_in_windows_is_what_is_heard_at_once(tiny: CtcAligner, monkeypatch: pytest.MonkeyPatch) -> None:
    audio = np.random.default_rng(0).standard_normal(13 * RATE + 77).astype(np.float32) * 0.1
    whole = tiny.emissions(audio)
    monkeypatch.setattr(tiny, "WINDOW", 3.0)
    parts = tiny.emissions(audio)
    assert parts.shape == whole.shape == (int((len(audio) - 400) / 320) + 1, len(CTC_LETTERS))
    assert np.abs(np.exp(parts) - np.exp(whole)).max() < 0.05
    assert (parts.argmax(1) == whole.argmax(1)).mean() > 0.95


@pytest.mark.parametrize("samples", [0, 1, 399, 400, 401])
def test_a_moment_of_sound_is_heard(tiny: CtcAligner, samples: int) -> None:
    heard = tiny.emissions(np.zeros(samples, np.float32))
    assert heard.shape[1] == len(CTC_LETTERS)
    assert np.isfinite(heard).all()


def test_a_model_of_the_clips_language_is_taken_where_there_is_one() -> None:
    assert aligner_for(BY_LANGUAGE, "de") == "jonatasgrosman/wav2vec2-large-xlsr-53-german"
    assert aligner_for(BY_LANGUAGE, None) is None
    assert aligner_for("me/mine", "de") == "me/mine"


def test_an_aligner_that_is_not_there_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"The aligner empty .*wav2vec2"):
        load_aligner(str(tmp_path / "empty"))


def test_without_its_packages_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchaudio", None)
    monkeypatch.setitem(sys.modules, "torchaudio.functional", None)
    with pytest.raises(MissingExtraError, match="asr"):
        load_aligner("me/not-yet-loaded")
    with pytest.raises(MissingExtraError, match="asr"):
        align_words(np.zeros((5, 3)), [[1]], FRAME)
