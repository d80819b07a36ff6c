"""A real acoustic model out of a package, PocketSphinx's of English, heard as a CTC model is: phones, not letters.

It scores, every 10 ms, the states (senones) of its phones; the best state of each phone, made a probability, is that
phone's emission, and silence is the blank.
"""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest

RATE = 16000
STATES = 3  # a phone
STEP = np.log(1.0001) * 2**10  # what one unit of a stored score is worth, in nats


class PhoneAligner:
    """What `asid_hf.evidence.word_times.Aligner` asks for, by PocketSphinx."""

    name, frame, separator = "pocketsphinx", 0.01, None

    def __init__(self) -> None:
        sphinx = pytest.importorskip("pocketsphinx", reason="pip install -r tests/requirements.txt")
        self.folder = tempfile.TemporaryDirectory()
        self.decoder = sphinx.Decoder(lm=None, senlogdir=self.folder.name, compallsen=True, loglevel="FATAL")
        self.decoder.set_align_text("the")  # any search will do: its scores are taken, not its words
        self.phones = read_phones(Path(sphinx.get_model_path("en-us/en-us/mdef")).read_bytes())
        self.blank = self.phones.index("SIL")

    def spell(self, word: str) -> list[int] | None:
        word = "".join(c for c in word.lower() if c.isalpha() or c == "'")
        phones = self.decoder.lookup_word(word.replace("harbour", "harbor"))
        return [self.phones.index(phone) for phone in phones.split()] if phones else None

    def emissions(self, audio: np.ndarray) -> np.ndarray:
        self.decoder.start_utt()
        self.decoder.process_raw((np.clip(audio, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
        self.decoder.end_utt()
        (log,) = Path(self.folder.name).iterdir()
        scores = read_scores(log.read_bytes())[:, : STATES * len(self.phones)]
        log.unlink()
        logits = -STEP * scores.reshape(len(scores), len(self.phones), STATES).min(2)
        logits -= logits.max(1, keepdims=True)
        return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def read_phones(model: bytes) -> list[str]:
    """The phones of a binary model definition, in the order of their states."""
    (description,) = struct.unpack_from("<i", model, 8)
    (count,) = struct.unpack_from("<i", model, 12 + description)
    return [name.decode() for name in model[12 + description + 40 :].split(b"\0", count)[:count]]


def read_scores(log: bytes) -> np.ndarray:
    """(T, S) scores of S states, lower is likelier, of a log in which all states are scored in all frames."""
    header, _, body = log.partition(b"endhdr\n")
    states = int(header.split(b"n_sen ")[1].split()[0])
    frames = np.frombuffer(body[4:], "<i2")
    return frames[: len(frames) // (states + 1) * (states + 1)].reshape(-1, states + 1)[:, 1:].astype(np.float64)
