"""The CTC models that words are timed with: any of transformers that hear raw samples (extra `asr`)."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from importlib import import_module
from pathlib import Path

import numpy as np

from ..errors import InputError, MissingExtraError
from .sound import SAMPLE_RATE

BY_LANGUAGE = "wav2vec2"
"""The aligner that takes a model of the clip's language."""

_XLSR = "jonatasgrosman/wav2vec2-large-xlsr-53-"
ALIGNERS = {
    "en": "facebook/wav2vec2-base-960h",
    "ar": _XLSR + "arabic",
    "zh": _XLSR + "chinese-zh-cn",
    "nl": _XLSR + "dutch",
    "fi": _XLSR + "finnish",
    "fr": _XLSR + "french",
    "de": _XLSR + "german",
    "el": _XLSR + "greek",
    "hu": _XLSR + "hungarian",
    "it": _XLSR + "italian",
    "ja": _XLSR + "japanese",
    "fa": _XLSR + "persian",
    "pl": _XLSR + "polish",
    "pt": _XLSR + "portuguese",
    "ru": _XLSR + "russian",
    "es": _XLSR + "spanish",
}
"""ISO 639-1 code -> id of the model that `BY_LANGUAGE` takes."""


class CtcAligner:
    """A CTC model of transformers, such as `Wav2Vec2ForCTC`, `HubertForCTC` or `WavLMForCTC`; see `word_times.Aligner`.

    Args:
        name: what it is called.
        model: in evaluation mode, on its device.
        extractor: its feature extractor.
        tokenizer: its tokenizer, whose tokens are letters.

    Raises:
        InputError: the model does not hear raw samples.

    Example:
        >>> load_aligner("facebook/wav2vec2-base-960h").spell("Café,")  # doctest: +SKIP
        [19, 7, 20, 5]
    """

    WINDOW, CONTEXT = 20.0, 2.0  # s that are heard at once, and on both sides more that is thrown away

    def __init__(self, name: str, model: object, extractor: object, tokenizer: object) -> None:
        hop = getattr(model.config, "inputs_to_logits_ratio", None)
        if not hop:
            raise InputError(
                f"{name} is a {type(model).__name__}, which does not hear raw samples. Give a Wav2Vec2ForCTC, a "
                "HubertForCTC or a WavLMForCTC."
            )
        self.name, self.model, self.extractor, self.hop = name, model, extractor, hop
        self.frame = hop / SAMPLE_RATE
        known = {letter: id for letter, id in tokenizer.get_vocab().items() if id < model.config.vocab_size}
        self.letters: dict[str, int] = {letter: id for letter, id in known.items() if len(letter) == 1}
        self.blank = tokenizer.pad_token_id
        self.separator = self.letters.pop(getattr(tokenizer, "word_delimiter_token", None) or "|", None)

    def spell(self, word: str) -> list[int] | None:
        """The indices of a word's letters, its case and accents as the model knows them, signs left out.

        Args:
            word: without white space.

        Returns:
            None where the model has no letter for one of its letters or digits, or it has none.
        """
        spelt = []
        for character in unicodedata.normalize("NFC", word).replace("’", "'"):
            known = self._known(character)
            if known:
                spelt += known
            elif character.isalnum():
                return None
        return spelt or None

    def emissions(self, audio: np.ndarray) -> np.ndarray:
        """What the model hears of (N,) float32 samples at 16000 Hz.

        Returns:
            (T, C) natural log probabilities, a frame each `frame` seconds, heard in windows.
        """
        window, context = (round(seconds / self.frame) * self.hop for seconds in (self.WINDOW, self.CONTEXT))
        heard = []
        for start in range(0, max(1, len(audio)), window):
            begin = max(0, start - context)
            frames = self._hear(audio[begin : start + window + context])
            skipped = (start - begin) // self.hop
            heard.append(frames[skipped : skipped + window // self.hop])
        return np.concatenate(heard)

    def _known(self, character: str) -> list[int] | None:
        """The letter itself, in another case, or without its accents."""
        bare = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
        for spelling in (character, character.upper(), character.lower(), bare.upper(), bare.lower()):
            if spelling and all(letter in self.letters for letter in spelling):
                return [self.letters[letter] for letter in spelling]
        return None

    def _hear(self, audio: np.ndarray) -> np.ndarray:
        import torch

        shortest = 4 * self.hop  # below the first frame's reach there is nothing to hear
        audio = np.pad(audio, (0, max(0, shortest - len(audio))))
        heard = self.extractor(audio, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_values
        with torch.inference_mode():
            logits = self.model(heard.to(self.model.device, self.model.dtype)).logits[0]
        return logits.float().log_softmax(-1).cpu().numpy()


def aligner_for(name: str, language: str | None) -> str | None:
    """The id or folder of the model that words of a language are timed with.

    Args:
        name: `BY_LANGUAGE`, or the id or the folder of one model for all.
        language: ISO 639-1, or None where it is not known.

    Returns:
        None where no model is known for the language.

    Example:
        >>> aligner_for("wav2vec2", "en"), aligner_for("wav2vec2", "cy"), aligner_for("me/my-ctc", None)
        ('facebook/wav2vec2-base-960h', None, 'me/my-ctc')
    """
    return ALIGNERS.get(language or "") if name == BY_LANGUAGE else name


def require_alignment() -> None:
    """Refuse early where the packages that time words are absent.

    Raises:
        MissingExtraError: names the extra to install.

    Example:
        >>> require_alignment()  # doctest: +SKIP
    """
    try:
        import_module("torchaudio.functional")
        import_module("transformers")
    except ImportError as error:
        raise MissingExtraError("Timing of words", "asr") from error


@lru_cache(maxsize=2)
def load_aligner(model: str) -> CtcAligner:
    """Load a CTC model, once a process: on a graphics card where there is one.

    Args:
        model: id on the Hub, or a local folder; what lies in the Hub's cache is taken without a network.

    Raises:
        MissingExtraError: torch, torchaudio or transformers is not installed.
        InputError: there is no CTC model on raw samples, or it is not to be had.

    Example:
        >>> load_aligner("facebook/wav2vec2-base-960h").blank  # doctest: +SKIP
        0
    """
    require_alignment()
    import torch
    from transformers import AutoFeatureExtractor, AutoModelForCTC, AutoTokenizer

    name = Path(model).name if Path(model).is_dir() else model
    try:
        extractor, tokenizer = AutoFeatureExtractor.from_pretrained(model), AutoTokenizer.from_pretrained(model)
        loaded = AutoModelForCTC.from_pretrained(model)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"The aligner {name} cannot be loaded ({str(error).splitlines()[0][:200]}). Give the id of a CTC model on "
            f"the Hub, the folder of one, or {BY_LANGUAGE!r} for one of the clip's language; without a network it has "
            "to be in the Hub's cache (`hf download <id>`)."
        ) from error
    return CtcAligner(name, loaded.to("cuda" if torch.cuda.is_available() else "cpu").eval(), extractor, tokenizer)
