"""Stage 2: the timed transcript, past the gate that keeps out what nobody said."""

from __future__ import annotations

from dataclasses import dataclass

from asid_hf.evidence.speech import recognise_speech
from asid_hf.schema import Evidence, Utterance
from asid_hf.verify.clips import clip_of
from asid_hf.verify.stage import Row, Stage

SENSORS = tuple(Evidence.__annotations__)
UNDECODABLE = "undecodable_sound"  # an error that stays: the same file will not be heard another day


@dataclass(frozen=True)
class Transcribe(Stage):
    """Fill `transcript` with verified utterances and `evidence.speech`, `evidence.sound` with all that was heard.

    Args:
        recogniser: name of the recogniser, see `asid_hf.evidence.speech`.
        stills: as of `Probe`.

    Example:
        >>> Transcribe(recogniser="moonshine-base").recogniser
        'moonshine-base'
    """

    recogniser: str = "moonshine-tiny"
    allow_remote: bool = False
    stills: bool = True
    version: str = "2"

    name, reads, writes = "transcribe", ("video",), ("transcript", "evidence")

    def run(self, row: Row) -> Row:
        """Recognise the clip's speech."""
        heard = clip_of(row["video"], stills=self.stills, allow_remote=self.allow_remote)
        evidence = dict(row.get("evidence") or dict.fromkeys(SENSORS))
        evidence["sound"] = evidence["sound"] or heard.hearing.result()
        if heard.clip.audio is None:
            if heard.clip.probe.has_audio:
                message = "The clip has a sound track that cannot be decoded: nothing is said or judged of its sound."
                row["errors"].append({"stage": self.name, "kind": UNDECODABLE, "message": message})
            return {"evidence": evidence, "transcript": []}
        evidence["speech"] = recognise_speech(heard.clip.audio, evidence["sound"], recogniser=self.recogniser)
        verified = [said for said in evidence["speech"]["utterances"] if said["status"] == "verified"]
        fields = tuple(Utterance.__annotations__)
        return {
            "evidence": evidence,
            "transcript": [{field: said.get(field) for field in fields} for said in verified],
        }
