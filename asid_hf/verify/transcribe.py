"""Stage 2: the timed transcript, past the gate that keeps out what nobody said; its words timed, its speakers told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from asid_hf.chat import usage
from asid_hf.chat.messages import ChatError
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.errors import InputError
from asid_hf.evidence.ctc import BY_LANGUAGE, aligner_for, load_aligner, require_alignment
from asid_hf.evidence.recogniser import Polyglot
from asid_hf.evidence.recognisers import load_recogniser
from asid_hf.evidence.sound import SAMPLE_RATE
from asid_hf.evidence.speakers import load_diariser, name_speakers
from asid_hf.evidence.speech import recognise_speech
from asid_hf.evidence.voice_pitch import measure_voices
from asid_hf.evidence.word_times import time_words
from asid_hf.schema import Evidence, HeardUtterance, SoundEvidence, SpeechEvidence, Utterance
from asid_hf.verify.clips import clip_of
from asid_hf.verify.model_stage import Access
from asid_hf.verify.stage import Row, Stage

SENSORS = tuple(Evidence.__annotations__)
Refinement = Callable[[np.ndarray, SpeechEvidence], SpeechEvidence]
UNDECODABLE = "undecodable_sound"  # an error that stays: the same file will not be heard another day


@dataclass(frozen=True)
class Transcribe(Stage):
    """Fill `transcript` with verified utterances and `evidence.speech`, `evidence.sound` with all that was heard.

    Where words cannot be timed or speakers not told apart, the transcript is without, and `errors` says why.

    Args:
        recogniser: name of the recogniser, see `asid_hf.evidence.recognisers.load_recogniser`; or a model behind an
            address with OpenAI's /audio/transcriptions.
        aligner: what times the words: "wav2vec2" for a model of the clip's language, or the id or folder of a CTC
            model (see `asid_hf.evidence.ctc`); None times none.
        diariser: what tells who speaks, see `asid_hf.evidence.speakers.load_diariser`; None tells nobody.
        access: the ledger, needed where the recogniser is behind an address.
        stills: as of `Probe`.

    Example:
        >>> Transcribe(recogniser="whisper-large-v3", aligner="wav2vec2", diariser="pyannote").recogniser
        'whisper-large-v3'
    """

    recogniser: str | ModelSpec = "moonshine-tiny"
    aligner: str | None = None
    diariser: str | None = None
    allow_remote: bool = False
    stills: bool = True
    access: Access | None = field(default=None, repr=False)
    version: str = "3"

    name, reads, writes = "transcribe", ("video",), ("transcript", "evidence")

    def run(self, row: Row) -> Row:
        """Recognise the clip's speech."""
        heard = clip_of(row["video"], stills=self.stills, allow_remote=self.allow_remote)
        evidence = dict(row.get("evidence") or dict.fromkeys(SENSORS))
        evidence["sound"] = evidence["sound"] or heard.hearing.result()
        audio = heard.clip.audio
        if audio is None:
            if heard.clip.probe.has_audio:
                message = "The clip has a sound track that cannot be decoded: nothing is said or judged of its sound."
                row["errors"].append({"stage": self.name, "kind": UNDECODABLE, "message": message})
            return {"evidence": evidence, "transcript": []}
        try:
            speech = self._recognised(audio, evidence["sound"], row)
        except ChatError as error:  # nothing is known of the words then, and nothing will be judged of them
            row["errors"].append({"stage": self.name, "kind": error.kind, "message": str(error)[:500]})
            return {"evidence": evidence, "transcript": []}
        if verified(speech):
            for refine in (self._timed, self._told_apart):
                speech = self._attempted(refine, audio, speech, row)
        evidence["speech"] = speech
        fields = tuple(Utterance.__annotations__)
        transcript = [{field: said.get(field) for field in fields} for said in verified(speech)]
        return {"evidence": evidence, "transcript": transcript}

    def _recognised(self, audio: np.ndarray, sound: SoundEvidence | None, row: Row) -> SpeechEvidence:
        if isinstance(self.recogniser, str):
            return recognise_speech(audio, sound, self.recogniser)
        row["usage"] = usage.Usage()
        counted = usage.current.set(row["usage"])
        try:
            return recognise_speech(audio, sound, _behind_address(self.recogniser, self.access))
        finally:
            usage.current.reset(counted)

    def _attempted(self, refine: Refinement, audio: np.ndarray, speech: SpeechEvidence, row: Row) -> SpeechEvidence:
        """The speech refined, or as it was where that fails: what was heard is not lost with its times."""
        try:
            return refine(audio, speech)
        except Exception as error:  # the packages that refine it are others', and so are their errors
            message = f"{refine.__name__.strip('_')}: {error}"[:500]
            row["errors"].append({"stage": self.name, "kind": type(error).__name__, "message": message})
            return speech

    def _timed(self, audio: np.ndarray, speech: SpeechEvidence) -> SpeechEvidence:
        """The times of the words, by the aligner of the clip's language, if there is one."""
        model = aligner_for(self.aligner, speech["language"]) if self.aligner else None
        if model is None:
            return speech
        aligner = load_aligner(model)
        return {**speech, "aligner": aligner.name, "utterances": time_words(audio, speech["utterances"], aligner)}

    def _told_apart(self, audio: np.ndarray, speech: SpeechEvidence) -> SpeechEvidence:
        """The speakers, and how high their voices are."""
        if self.diariser is None:
            return speech
        diariser = load_diariser(self.diariser)
        speech = {**speech, "utterances": name_speakers(speech["utterances"], diariser.turns(audio, SAMPLE_RATE))}
        return {**speech, "diariser": diariser.name, "voices": measure_voices(audio, verified(speech))}


def verified(speech: SpeechEvidence) -> list[HeardUtterance]:
    """The utterances that may be relied on.

    Example:
        >>> verified({"recogniser": "test", "language": None, "utterances": []})
        []
    """
    return [said for said in speech["utterances"] if said["status"] == "verified"]


def load_speech_models(
    recogniser: str | ModelSpec, aligner: str | None = None, diariser: str | None = None, access: Access | None = None
) -> None:
    """Load what `Transcribe` is to use, so that what is not to be had is known before the first clip.

    Args:
        recogniser, aligner, diariser, access: as of `Transcribe`. Of aligners by language only the packages are looked
            for; of a recogniser behind an address, only its key.

    Raises:
        InputError: one that is unknown, or whose model is not to be had.
        MissingExtraError: one whose packages or weights are not installed.

    Example:
        >>> load_speech_models("moonshine-tiny")
    """
    if isinstance(recogniser, str):
        load_recogniser(recogniser)
    else:
        _behind_address(recogniser, access)
    if aligner == BY_LANGUAGE:
        require_alignment()
    elif aligner:
        load_aligner(aligner)
    if diariser:
        load_diariser(diariser)


def _behind_address(model: ModelSpec, access: Access | None) -> Polyglot:
    from asid_hf.evidence.transcription_endpoint import endpoint_recogniser

    if access is None:
        raise InputError(f"The recogniser {model.model} is asked through a ledger: give the stage access=Access(path).")
    return endpoint_recogniser(model, access.ledger, access.offline)
