"""Whisper, the recogniser of the ASID paper, through transformers (extra `asr`).

It tells the language of a clip itself, from all of its voiced pieces, and is then told to write that language. Its own
guards against invented text are those of OpenAI's implementation: the probability of its "no speech" token (0.6), the
mean log probability and the repetition check that every text passes (see `gate` and `doubts`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError, MissingExtraError
from .doubts import MIXED_LANGUAGE, NO_SPEECH
from .recogniser import Recognised, Told
from .sound import SAMPLE_RATE
from .whisper_text import Token, cut_segments, finished, read_segment

if TYPE_CHECKING:
    from torch import Tensor

WHISPERS = {
    "whisper-large-v3": "openai/whisper-large-v3",
    "whisper-large-v3-turbo": "openai/whisper-large-v3-turbo",
}
"""Name of the recogniser -> model id."""

# Whisper's own codes that are not those of ISO 639-1: Javanese; Cantonese has none of its own.
_ISO = {"jw": "jv", "yue": "zh"}


class Whisper:
    """Whisper (arXiv 2212.04356), greedy, with timestamps, in batches of voiced pieces.

    Args:
        name: what the evidence is signed with.
        model: a `WhisperForConditionalGeneration` in evaluation mode, on its device.
        processor: its `WhisperProcessor`.

    Attributes:
        languages, telling: as of `Recogniser`, of a model that knows English only; empty where it tells languages.

    Raises:
        InputError: the model's generation settings lack the ids of its timestamps.

    Example:
        >>> load_whisper("openai/whisper-large-v3", "whisper-large-v3").sure  # doctest: +SKIP
        0.6
    """

    longest = 28.0  # s: with margins and silence below the 30 s of its window
    # exp(-0.51). OpenAI's own limit for decoding again is exp(-1); words that contradict captions have to be surer.
    sure = 0.6
    ENGLISH_TELLING = ((12, 0.6), (6, 0.7), (3, 0.8))

    BATCH = 8
    NO_SPEECH = 0.6  # OpenAI's `no_speech_threshold`
    MIXED = 0.2  # a piece whose language is that of the clip with less than this probability is in another
    TOKENS_A_SECOND, TOKENS_MORE = 20, 20  # more than the fastest talkers of any script take, and timestamps

    def __init__(self, name: str, model: object, processor: object) -> None:
        settings = model.generation_config
        if getattr(settings, "no_timestamps_token_id", None) is None:
            raise InputError(
                f"The generation settings of {name} lack no_timestamps_token_id, so it cannot tell times. Give a "
                "model with the generation_config.json of an original Whisper."
            )
        self.name, self.model, self.processor = name, model, processor
        self.first_timestamp = settings.no_timestamps_token_id + 1
        self.language_ids: dict[str, int] = dict(getattr(settings, "lang_to_id", None) or {})
        tells = bool(self.language_ids) and getattr(settings, "is_multilingual", True)
        self.languages = () if tells else ("en",)
        self.telling = () if tells else self.ENGLISH_TELLING

    def recognise(self, audio: np.ndarray, sample_rate: int = SAMPLE_RATE) -> list[Recognised]:
        """Write down (N,) float32 samples at 16000 Hz, at most half a minute; times in seconds from their start."""
        return self.recognise_clip([audio], sample_rate).pieces[0]

    def recognise_clip(self, pieces: list[np.ndarray], sample_rate: int = SAMPLE_RATE) -> Told:
        """Write down the pieces of a clip in the language that most of their sound is in.

        Args:
            pieces: each (N,) float32 samples at 16000 Hz, at most half a minute.
            sample_rate: Hz.

        Returns:
            The language, and one list of utterances a piece, one utterance between two timestamps.
        """
        import torch

        with torch.inference_mode():
            batches = [pieces[first : first + self.BATCH] for first in range(0, len(pieces), self.BATCH)]
            states = [self._encode(batch, sample_rate) for batch in batches]
            silence, languages = self._first_impressions(states)
            token, likelihood = self._language_of(languages, pieces)
            written = [
                tokens
                for batch, state in zip(batches, states, strict=True)
                for tokens in self._write(state, token, [len(piece) / sample_rate for piece in batch])
            ]
        doubts = [self._doubt(*impression, token) for impression in zip(silence, languages, strict=True)]
        code = None if token is None else token.strip("<|>")
        return Told(
            _ISO.get(code, code),
            likelihood,
            [
                self._read(tokens, len(piece) / sample_rate, doubt)
                for tokens, piece, doubt in zip(written, pieces, doubts, strict=True)
            ],
        )

    def _encode(self, pieces: list[np.ndarray], sample_rate: int) -> Tensor:
        """(B, S, D) states of the encoder, kept in main memory: those of all pieces together may be large."""
        extracted = self.processor.feature_extractor(pieces, sampling_rate=sample_rate, return_tensors="pt")
        features = extracted.input_features.to(self.model.device, self.model.dtype)
        return self.model.get_encoder()(features).last_hidden_state.cpu()

    def _first_impressions(self, states: list[Tensor]) -> tuple[list[float], list[dict[str, float]]]:
        """For each piece, how likely nobody speaks, and the probability of each language token."""
        import torch

        silence, languages = [], []
        for state in states:
            state = state.to(self.model.device)
            start = torch.full((len(state), 1), self.model.generation_config.decoder_start_token_id)
            logits = self.model(encoder_outputs=(state,), decoder_input_ids=start.to(state.device)).logits[:, 0].float()
            silence += logits.softmax(-1)[:, self.first_timestamp - 2].tolist()  # <|nospeech|>, <|notimestamps|>
            among = logits[:, list(self.language_ids.values())].softmax(-1).tolist()
            languages += [dict(zip(self.language_ids, likely, strict=True)) for likely in among]
        return silence, languages

    def _language_of(self, languages: list[dict[str, float]], pieces: list[np.ndarray]) -> tuple[str | None, float]:
        """The language token of a clip: the likeliest over its pieces, the longer ones counting more."""
        if self.languages or not pieces:
            return None, 0.0
        weights = np.array([len(piece) for piece in pieces], float)
        table = np.array([list(likely.values()) for likely in languages])
        mean = weights @ table / max(weights.sum(), 1.0)
        return list(languages[0])[int(mean.argmax())], float(mean.max())

    def _write(self, state: Tensor, language: str | None, seconds: list[float]) -> list[list[Token]]:
        """The tokens of each piece, the surest each time, with all that follows the end of shorter ones."""
        import torch
        from transformers.modeling_outputs import BaseModelOutput

        state, surest = state.to(self.model.device), _surest_recorder()
        limits = [round(length * self.TOKENS_A_SECOND) + self.TOKENS_MORE for length in seconds]
        spoken = {} if language is None else {"language": language, "task": "transcribe"}
        self.model.generate(
            encoder_outputs=BaseModelOutput(state),
            attention_mask=torch.ones(state.shape[:2], dtype=torch.long, device=state.device),
            logits_processor=[surest],
            return_timestamps=True,
            force_unique_generate_call=True,  # else it begins again behind the last timestamp
            do_sample=False,
            num_beams=1,
            max_length=max(limits),  # what stands before the text is added to it, within the decoder's positions
            **spoken,
        )
        rows = zip(surest.rows(), limits, strict=True)
        return [[Token(*each) for each in zip(*row, strict=True)][:limit] for row, limit in rows]

    def _doubt(self, silence: float, languages: dict[str, float], language: str | None) -> str | None:
        if silence > self.NO_SPEECH:
            return NO_SPEECH
        return MIXED_LANGUAGE if language is not None and languages[language] < self.MIXED else None

    def _read(self, tokens: list[Token], length: float, doubt: str | None) -> list[Recognised]:
        end = self.model.generation_config.eos_token_id  # behind the tokens of text, before all special ones
        tokens, doubt = finished(tokens, end, doubt)
        tokens = [token for token in tokens if token.id < end or token.id >= self.first_timestamp]
        segments = cut_segments(tokens, self.first_timestamp)
        utterances = (read_segment(segment, length, self.processor.tokenizer.decode, doubt) for segment in segments)
        return [utterance for utterance in utterances if utterance]


def _surest_recorder() -> object:
    """A logits processor, the last of its list, that keeps the token which greedy decoding takes, and its log p."""
    import torch
    from transformers import LogitsProcessor

    class Surest(LogitsProcessor):
        def __init__(self) -> None:
            self.ids, self.logs = [], []

        def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
            logs, ids = scores.float().log_softmax(-1).max(-1)
            self.ids.append(ids)
            self.logs.append(logs)
            return scores

        def rows(self) -> Iterator[tuple[list[int], list[float]]]:
            return zip(torch.stack(self.ids, 1).tolist(), torch.stack(self.logs, 1).tolist(), strict=True)

    return Surest()


def load_whisper(model: str, name: str) -> Whisper:
    """Load a Whisper model: on a graphics card in float16 where there is one, else in float32.

    Args:
        model: id on the Hub, or a local folder; what lies in the Hub's cache is taken without a network.
        name: what the evidence is signed with.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        InputError: there is no Whisper model, or it is not to be had.

    Example:
        >>> load_whisper("openai/whisper-tiny", "whisper:openai/whisper-tiny").languages  # doctest: +SKIP
        ()
    """
    try:
        import torch
        from transformers import WhisperForConditionalGeneration, WhisperProcessor
    except ImportError as error:
        raise MissingExtraError("Recognition by Whisper", "asr") from error
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dtype = torch.float16 if device == "cuda" else torch.float32
    try:
        processor = WhisperProcessor.from_pretrained(model)
        loaded = WhisperForConditionalGeneration.from_pretrained(model, dtype=dtype)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"The Whisper model of {name} cannot be loaded ({str(error).splitlines()[0][:200]}). Give the id of one on "
            "the Hub, or the folder of one; without a network it has to be in the Hub's cache (`hf download <id>`)."
        ) from error
    return Whisper(name, loaded.to(device).eval(), processor)
