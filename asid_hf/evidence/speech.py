"""What is said: recognition of the voiced parts of a clip, and the gate that says which of it may be relied on.

A recogniser writes fluent words for whatever it is given: for Spanish, for machines, for music. So every utterance
passes a gate, and only what is `verified` may confirm, contradict or enter a caption. The gate asks three things.

Voice: does the sound evidence hear speech there, rather than singing or nothing?
Confidence: the geometric mean of the probabilities the recogniser gave its own tokens, exp(mean log p). For English it
stays near 1; for what the model does not understand it falls, however fluent the text. Area under the ROC curve, 90
English against 90 Spanish, German and speechless pieces of the sets it was chosen on: 1.00. Forced alignment by
PocketSphinx: 0.76 (less a phone loop: 0.59). Agreement with PocketSphinx: 0.97, with the same recogniser at 1.06 times
the speed: 0.98, with a larger Moonshine: 1.00, at eight times the cost.
Language: a few words prove nothing ("Ja" is written "Yeah", and surely). Short utterances count only where longer ones
have shown that the clip is in English, and none counts in a clip most of whose words are doubtful.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..errors import InputError, MissingExtraError
from ..schema import HeardUtterance, SoundEvidence, SpeechEvidence, Utterance
from .sound import BLOCK, BLOCK_SAMPLES, SAMPLE_RATE, block_power, playable

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# What is given to the recogniser (s): speech with pauses below JOIN is one piece, with MARGIN of its surroundings
# and PADDING of silence at both ends (word error rate on a real speech: 0.24 without, 0.12 with it).
JOIN, MARGIN, PADDING = 0.8, 0.2, 0.5
# Attention costs the square of the length, and times are as fine as pieces. A longer piece is cut where it is quietest.
LONGEST, CUT_WITHIN = 10.0, 4.0

VOICED = 0.5  # share of an utterance in which speech must be heard
TELLING_WORDS = 6  # words from which an utterance alone tells its language; chosen after 5 of Dutch had passed
LANGUAGE_SHARE = 1 / 3  # of a clip's words must tell the language for any of them to count

NO_WORDS = "no words"
NO_VOICE = "no voice is heard here"
SUNG = "sung, not spoken"
UNSURE = "the recogniser is unsure: unclear, or not in its language"
TOO_SHORT = "too short to tell the language"
OTHER_LANGUAGE = "most words of the clip are unsure: probably another language"
REASONS = (NO_WORDS, NO_VOICE, SUNG, UNSURE, TOO_SHORT, OTHER_LANGUAGE)
"""Why an utterance is `unverifiable`."""

WORD = re.compile(r"\w[\w'’.-]*")
SUNG_MARK = "♪"


class Recogniser(Protocol):
    """Turns speech into words.

    Attributes:
        name: what the evidence is signed with.
        languages: ISO 639-1 codes of what it understands.
        sure: confidence from which its words are what was said, by measurement.

    Example:
        >>> class Parrot:
        ...     name, languages, sure = "parrot", ("en",), 0.5
        ...     def recognise(self, audio, sample_rate):
        ...         end = len(audio) / sample_rate
        ...         return [{"start": 0, "end": end, "speaker": None, "text": "Who's a pretty boy?", "confidence": 0.6}]
        >>> spoken = {"spans": [{"start": 0.0, "end": 1.0, "kind": "speech", "level": -20.0}]}
        >>> recognise_speech(np.zeros(16000, np.float32), spoken, Parrot())["utterances"][0]["reason"]
        'too short to tell the language'
    """

    name: str
    languages: tuple[str, ...]
    sure: float

    def recognise(self, audio: np.ndarray, sample_rate: int) -> list[Utterance]:
        """Recognise (N,) float32 samples of at most half a minute; times in seconds from their start."""
        ...


def recognise_speech(
    audio: np.ndarray | None, sound: SoundEvidence | None, recogniser: str | Recogniser = "moonshine-tiny"
) -> SpeechEvidence:
    """Recognise what is said in a clip and tell what of it may be relied on.

    Args:
        audio: (N,) floating point samples at 16000 Hz, full scale -1 to 1; None for a clip without a sound track.
        sound: what `measure_sound` says of the same samples; only its speech and singing is recognised.
        recogniser: a name of `RECOGNISERS`, loaded once a process, or a recogniser.

    Returns:
        Utterances in order, apart, within 0 and N / 16000 s, each `verified` or `unverifiable` with one of `REASONS`;
        `language` is the recogniser's where the words show it, else None.

    Raises:
        InputError: unknown recogniser, weights that are not there, or samples of another kind (see `playable`).
        MissingExtraError: the packages of the extra `embedded` are not installed.

    Example:
        >>> from asid_hf.evidence.sound import measure_sound
        >>> silence = np.zeros(16000, np.float32)
        >>> recognise_speech(silence, measure_sound(silence))
        {'recogniser': 'moonshine-tiny', 'language': None, 'utterances': []}
    """
    name = _known(recogniser) if isinstance(recogniser, str) else recogniser.name
    audio = None if audio is None else playable(audio)
    pieces = [] if audio is None or sound is None else voiced_pieces(audio, sound)
    if not pieces:
        return {"recogniser": name, "language": None, "utterances": []}
    if isinstance(recogniser, str):
        recogniser = load_recogniser(recogniser)
    return gate(list(_recognise_pieces(audio, pieces, recogniser)), sound, recogniser)


def voiced_pieces(audio: np.ndarray, sound: SoundEvidence) -> list[tuple[float, float]]:
    """Tell which parts of a clip to give to a recogniser.

    Args:
        audio: (N,) float32 samples at 16000 Hz.
        sound: its sound evidence.

    Returns:
        (start, end) in seconds, in order and apart, each at most `LONGEST`: speech and singing with short pauses.

    Example:
        >>> spoken = [{"start": a, "end": b, "kind": "speech", "level": -20.0} for a, b in ((1.0, 2.0), (2.5, 4.0))]
        >>> voiced_pieces(np.zeros(80000, np.float32), {"spans": spoken})
        [(1.0, 4.0)]
    """
    pieces: list[tuple[float, float]] = []
    for span in sound["spans"]:
        if span["kind"] not in ("speech", "singing") or span["start"] * SAMPLE_RATE >= len(audio):
            continue
        start, end = span["start"], min(span["end"], len(audio) / SAMPLE_RATE)
        if pieces and start - pieces[-1][1] < JOIN and end - pieces[-1][0] <= LONGEST:
            start = pieces.pop()[0]
        while end - start > LONGEST:
            cut = _quietest(audio, start + LONGEST - CUT_WITHIN, start + LONGEST)
            pieces.append((start, cut))
            start = cut
        pieces.append((start, end))
    return pieces


def gate(heard: list[Utterance], sound: SoundEvidence, recogniser: Recogniser) -> SpeechEvidence:
    """Tell which of the recognised utterances may be relied on, and why the others may not.

    Args:
        heard: utterances of one clip, in order.
        sound: its sound evidence.
        recogniser: what wrote them.

    Returns:
        The same utterances with `status` and `reason`.

    Example:
        >>> class Sure: name, languages, sure = "sure", ("en",), 0.8
        >>> sound = {"spans": [{"start": 0.0, "end": 9.0, "kind": "speech", "level": -20.0}]}
        >>> yes = {"start": 1.0, "end": 1.5, "speaker": None, "text": "Yes.", "confidence": 0.9}
        >>> gate([yes], sound, Sure)["utterances"][0]["reason"]
        'too short to tell the language'
    """
    words = [len(WORD.findall(utterance["text"])) for utterance in heard]
    doubts = [_doubt(utterance, sound, recogniser.sure) for utterance in heard]
    told = sum(n for n, doubt in zip(words, doubts, strict=True) if doubt is None and n >= TELLING_WORDS)
    spoken = sum(n for n, doubt in zip(words, doubts, strict=True) if doubt in (None, UNSURE))
    known = told > 0 and told >= LANGUAGE_SHARE * spoken
    unknown = None if known else OTHER_LANGUAGE if told else TOO_SHORT
    return {
        "recogniser": recogniser.name,
        "language": recogniser.languages[0] if known else None,
        "utterances": [_judged(utterance, doubt or unknown) for utterance, doubt in zip(heard, doubts, strict=True)],
    }


def _judged(utterance: Utterance, reason: str | None) -> HeardUtterance:
    return {**utterance, "status": "unverifiable" if reason else "verified", "reason": reason}


def _doubt(utterance: Utterance, sound: SoundEvidence, sure: float) -> str | None:
    """What speaks against an utterance taken alone, its language apart."""
    speech, singing = (_share(utterance, sound, kind) for kind in ("speech", "singing"))
    if not WORD.search(utterance["text"]):
        return NO_WORDS
    if SUNG_MARK in utterance["text"] or singing > speech:
        return SUNG
    if speech < VOICED:
        return NO_VOICE
    return UNSURE if utterance["confidence"] is None or utterance["confidence"] < sure else None


def _share(utterance: Utterance, sound: SoundEvidence, kind: str) -> float:
    start, end = utterance["start"], utterance["end"]
    spans = (span for span in sound["spans"] if span["kind"] == kind)
    heard = sum(max(0.0, min(end, span["end"]) - max(start, span["start"])) for span in spans)
    return heard / (end - start) if end > start else 0.0


def _quietest(audio: np.ndarray, start: float, end: float) -> float:
    first = round(start / BLOCK)
    power = block_power(audio[first * BLOCK_SAMPLES : round(end / BLOCK) * BLOCK_SAMPLES])
    return round((first + 0.5 + int(power.argmin())) * BLOCK, 2)


def _recognise_pieces(
    audio: np.ndarray, pieces: list[tuple[float, float]], recogniser: Recogniser
) -> Iterator[Utterance]:
    """Recognise each piece with its surroundings, up to half way to its neighbours, and silence at both ends."""
    silence = round(PADDING * SAMPLE_RATE)
    borders = [-math.inf, *(moment for piece in pieces for moment in piece), math.inf]
    for index, (start, end) in enumerate(pieces):
        before, after = borders[2 * index], borders[2 * index + 3]
        begin = max(0.0, start - min(MARGIN, (start - before) / 2))
        stop = end + min(MARGIN, (after - end) / 2)
        piece = audio[round(begin * SAMPLE_RATE) : round(stop * SAMPLE_RATE)]
        last = start
        for utterance in recogniser.recognise(np.pad(piece, silence), SAMPLE_RATE):
            first, last = (min(max(last, utterance[moment] - PADDING + begin), end) for moment in ("start", "end"))
            if utterance["text"] and first < last:
                yield {**utterance, "start": round(first, 2), "end": last}


class Moonshine:
    """Moonshine (arXiv 2410.15608) for English, its ONNX weights run by onnxruntime in one thread.

    One utterance a call; its confidence is the geometric mean of the token probabilities, 0 where the text did not come
    to an end (the model turned in circles). No speakers, no times of words.

    Args:
        name: what the evidence is signed with.
        folder: holds encoder_model.ort, decoder_model_merged.ort and tokenizer.bin.

    Raises:
        MissingExtraError: onnxruntime is not installed.

    Example:
        >>> load_recogniser("moonshine-tiny").sure
        0.8
    """

    languages = ("en",)
    # Chosen while looking at 800 foreign utterances, of which none passes. Then, once, on new sentences, voices and
    # languages: 1 of 96 Spanish and German and 2 of 126 others passed (both Dutch, the nearest to English); of English
    # not by espeak-ng, 55 of 60 passed. Higher is safer and loses English.
    sure = 0.8

    START, END = 1, 2
    TOKENS_A_SECOND = 8  # the fastest English measured has 7.7
    MASK_STRIDE = 384  # samples a step of the encoder; the decoder takes its mask in samples and thins it by this

    def __init__(self, name: str, folder: Path) -> None:
        try:
            from onnxruntime import InferenceSession, SessionOptions
        except ImportError as error:
            raise MissingExtraError("speech recognition", "embedded") from error
        options = SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        sessions = (
            InferenceSession(str(folder / file), options, providers=["CPUExecutionProvider"])
            for file in ("encoder_model.ort", "decoder_model_merged.ort")
        )
        self.name = name
        self.encoder, self.decoder = sessions
        self.vocabulary = read_vocabulary((folder / "tokenizer.bin").read_bytes())
        self.caches = {node.name: node.shape for node in self.decoder.get_inputs() if node.name.startswith("past")}

    def recognise(self, audio: np.ndarray, sample_rate: int = SAMPLE_RATE) -> list[Utterance]:
        """Write down (N,) float32 samples at 16000 Hz, a quarter of a second to half a minute of them.

        Returns:
            One utterance that covers all of it, or none where no word was written.

        Example:
            >>> load_recogniser("moonshine-tiny").recognise(np.zeros(16000, np.float32))[0]["text"]
            'You'
        """
        tokens, probabilities = self._decode(audio)
        text = self._text(tokens)
        if not text:
            return []
        ended = tokens[-1] == self.END
        confidence = math.exp(np.log(probabilities).mean()) if ended else 0.0
        end = len(audio) / sample_rate
        return [{"start": 0.0, "end": end, "speaker": None, "text": text, "confidence": round(confidence, 3)}]

    def _decode(self, audio: np.ndarray) -> tuple[list[int], list[float]]:
        """The surest token each time (greedy), and its probability, until the end or the limit of length."""
        (states,) = _run(self.encoder, input_values=audio[None], attention_mask=np.ones((1, len(audio)), np.int64))
        steps = states.shape[1]
        inputs = {
            "encoder_hidden_states": states,
            "encoder_attention_mask": np.ones((1, steps * self.MASK_STRIDE), np.int64),
            "use_cache_branch": np.array([False]),
            **{name: np.zeros((1, heads, 0, size), np.float32) for name, (_, heads, _, size) in self.caches.items()},
        }
        tokens, probabilities = [self.START], []
        while len(tokens) <= len(audio) / SAMPLE_RATE * self.TOKENS_A_SECOND and tokens[-1] != self.END:
            logits, *caches = _run(self.decoder, input_ids=np.array([tokens[-1:]], np.int64), **inputs)
            likely = np.exp(logits[0, -1] - logits[0, -1].max())
            tokens.append(int(likely.argmax()))
            probabilities.append(float(1 / likely.sum()))
            first = not inputs["use_cache_branch"][0]
            for name, cache in zip(self.caches, caches, strict=True):
                if first or ".decoder." in name:  # what is kept of the encoder never changes after the first step
                    inputs[name] = cache
            inputs["use_cache_branch"] = np.array([True])
        return tokens[1:], probabilities

    def _text(self, tokens: list[int]) -> str:
        pieces = (self.vocabulary[token] for token in tokens)
        written = b"".join(piece for piece in pieces if not (len(piece) > 2 and piece[:1] + piece[-1:] == b"<>"))
        return written.decode("utf-8", errors="replace").replace("\u2581", " ").strip()


def _run(session: InferenceSession, **inputs: np.ndarray) -> list[np.ndarray]:
    """Outputs of a session; inputs it does not have (only tiny takes masks) are left out."""
    return session.run(None, {node.name: inputs[node.name] for node in session.get_inputs()})


def read_vocabulary(data: bytes) -> list[bytes]:
    """Read Moonshine's tokenizer.bin: for each token its length (one byte, or two from 128 on) and its bytes.

    Example:
        >>> read_vocabulary(b"\\x03<s>\\x00\\x01a")
        [b'<s>', b'', b'a']
    """
    vocabulary, position = [], 0
    while position < len(data):
        length, position = data[position], position + 1
        if length >= 128:
            length, position = length - 128 + 128 * data[position], position + 1
        vocabulary.append(data[position : position + length])
        position += length
    return vocabulary


def _tiny() -> Moonshine:
    if find_spec("moonshine_voice") is None:
        raise MissingExtraError("speech recognition", "embedded")
    return Moonshine("moonshine-tiny", _weights("moonshine_voice", "assets/tiny-en", "moonshine-voice==0.1.0"))


def _base() -> Moonshine:
    folder = _weights("moonshine_cpp", "models/base-en", "--no-deps moonshine-cpp==0.1.4")
    return Moonshine("moonshine-base", folder)


def _weights(package: str, folder: str, install: str) -> Path:
    spec = find_spec(package)
    path = Path(spec.origin).parent / folder if spec and spec.origin else None
    if path is None or not path.is_dir():
        raise InputError(f"The weights of this recogniser are not installed: pip install {install}, or choose another.")
    return path


RECOGNISERS: dict[str, Callable[[], Recogniser]] = {"moonshine-tiny": _tiny, "moonshine-base": _base}
"""Name -> what loads it. To add a recogniser, add a line; it is loaded on first use, once a process."""


@lru_cache
def load_recogniser(name: str) -> Recogniser:
    """Load a recogniser by its name, once a process.

    Raises:
        InputError: no recogniser of that name, or its weights are not installed.
        MissingExtraError: the packages of the extra `embedded` are not installed.

    Example:
        >>> load_recogniser("moonshine-tiny").languages
        ('en',)
    """
    return RECOGNISERS[_known(name)]()


def _known(name: str) -> str:
    if name not in RECOGNISERS:
        raise InputError(f"{name!r} is no recogniser. Allowed: {', '.join(RECOGNISERS)}.")
    return name
