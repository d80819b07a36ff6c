"""How far word times are off, in seconds: `python benchmarks/word_times.py` (extra `asr`, tests/requirements.txt).

The voice "joe" of piper tells how long it makes each sound, so when each word begins and ends is known. Its speech is
heard by a real acoustic model (PocketSphinx's, see tests/acoustic_model.py), and the words are aligned with what that
hears. Beside it: the words spread over their utterance by their letters, as they are where nothing times them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from acoustic_model import PhoneAligner
from known_speech import RATE, TEXTS, speak, speak_on

from asid_hf.evidence.word_alignment import align_words
from asid_hf.evidence.word_times import time_words
from asid_hf.schema import Utterance
from asid_hf.verify.words import spoken_words

LOOSE = 0.25  # s: how much too wide the utterances are that a whole clip is given with


def main() -> None:
    """Print one line a way of timing."""
    aligner = PhoneAligner()
    print(f"{'':<46}words   mean    95%    max  within 0.1 s")
    for speed in (0.9, 1.0, 1.2):
        heard = [(text, *speak(text, speed)) for text in TEXTS]
        aligned = [
            align_words(aligner.emissions(audio), [aligner.spell(word) for word in text.split()], 0.01, aligner.blank)
            for text, audio, _ in heard
        ]
        off = [errors([word[:2] for word in words], times) for words, (*_, times) in zip(aligned, heard, strict=True)]
        report(f"sentence by sentence, at {speed:g} times the speed", off)
    audio, times = speak_on(TEXTS, pause=0.7)
    said = [
        utterance(words[0][0] - LOOSE, words[-1][1] + LOOSE, text) for words, text in zip(times, TEXTS, strict=True)
    ]
    timed = time_words(audio, said, aligner)
    report(
        f"a clip of {len(audio) / RATE:.0f} s, utterances {LOOSE:g} s too wide",
        [errors(found["word_times"], words) for found, words in zip(timed, times, strict=True)],
    )
    spread = [[(word.start, word.end) for word in spoken_words([one])] for one in said]
    report("the same, spread by letters", [errors(a, b) for a, b in zip(spread, times, strict=True)])


def errors(found: list, known: list[tuple[float, float]]) -> np.ndarray:
    """(W, 2) seconds by which starts and ends are off, without sign."""
    return np.abs(np.array(found) - np.array(known))


def report(name: str, off: list[np.ndarray]) -> None:
    """One line."""
    all_of_them = np.concatenate(off)
    mean, most, last = all_of_them.mean(), np.percentile(all_of_them, 95), all_of_them.max()
    print(f"{name:<46}{len(all_of_them):5}  {mean:5.3f}  {most:5.3f}  {last:5.3f}  {(all_of_them <= 0.1).mean():12.1%}")


def utterance(start: float, end: float, text: str) -> Utterance:
    """One, as a recogniser gives it."""
    return {"start": start, "end": end, "speaker": None, "text": text, "confidence": 0.9}


if __name__ == "__main__":
    main()
