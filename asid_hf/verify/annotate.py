"""Stage 4: candidates: captions of the clip by any number of annotators, the measured one among them."""

from __future__ import annotations

from dataclasses import dataclass

from asid_hf.chat.language import check_english
from asid_hf.chat.messages import ChatError
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.chat.structured import is_refusal
from asid_hf.errors import InputError
from asid_hf.schema import ATTRIBUTES, Candidate
from asid_hf.verify.annotate_measured import ANNOTATOR, measured_captions
from asid_hf.verify.inputs import MAX_CAPTION
from asid_hf.verify.model_stage import ModelStage, clip_facts, settled
from asid_hf.verify.stage import Row

STYLES = ("attributes", "prose")
_TAKEN = ("given", ANNOTATOR)


@dataclass(frozen=True)
class Annotator:
    """A model that captions clips.

    Args:
        name: what its candidates are signed with.
        model: the model.
        style: "attributes" (eight texts in one reply) or "prose" (one text).
        samples: how many captions of each clip, each with a seed of its own.
        transcript, measurements: whether it is given what was heard and measured.

    Raises:
        InputError: a value that is not allowed.

    Example:
        >>> Annotator("qwen", ModelSpec("Qwen/Qwen2.5-Omni-7B")).style
        'attributes'
    """

    name: str
    model: ModelSpec
    style: str = "attributes"
    samples: int = 1
    transcript: bool = True
    measurements: bool = True

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name or "#" in self.name or self.name in _TAKEN:
            raise InputError(
                f"An annotator cannot be called {self.name!r}: any name but {' and '.join(_TAKEN)}, without / and #."
            )
        if self.style not in STYLES:
            raise InputError(f"The style of {self.name} is {self.style!r}. Allowed: {', '.join(STYLES)}.")
        if self.samples < 1:
            raise InputError(f"samples of {self.name} is {self.samples}. It has to be 1 or more.")

    @property
    def prompt(self) -> str:
        """The name of its prompt."""
        return "annotate" if self.style == "attributes" else "annotate_prose"


@dataclass(frozen=True)
class Annotate(ModelStage):
    """Append the annotators' captions to `candidates`, the measured one last.

    A candidate that is about one attribute is named "<annotator>/<attribute>"; further samples "<annotator>#2", .... A
    measured candidate is empty where nothing measured speaks to its attribute. An annotator that fails on a clip is
    recorded, and the others count.

    Args:
        annotators: the models; none by default.

    Example:
        >>> evidence = {"shots": [{"start": 0.0, "end": 4.0}], "sound": None, "speech": None}
        >>> row = Annotate()({"evidence": [evidence], "transcript": [[]], "duration": [4.0], "has_audio": [False]})
        >>> {c["annotator"]: c["caption"] for c in row["candidates"][0]}["measured/speech"]
        'The clip has no sound.'
    """

    annotators: tuple[Annotator, ...] = ()

    name, reads, writes = "annotate", ("evidence", "transcript", "duration", "has_audio"), ("candidates",)

    @property
    def models(self) -> tuple[ModelSpec, ...]:
        """The annotators' models."""
        return tuple(annotator.model for annotator in self.annotators)

    def prompt_labels(self) -> list[str]:
        """The annotators' prompts."""
        return [self.access.prompt(name).label for name in dict.fromkeys(a.prompt for a in self.annotators)]

    def run(self, row: Row) -> Row:
        """Write the measured captions of one row."""
        kept = [c for c in row.get("candidates") or [] if not c["annotator"].startswith(f"{ANNOTATOR}/")]
        captions = measured_captions(row)
        return {"candidates": kept + [Candidate(annotator=f"{ANNOTATOR}/{a}", caption=captions[a]) for a in ATTRIBUTES]}

    async def consult(self, row: Row) -> Row:
        """Ask all annotators for their captions of one row, at once."""
        wanted = [(annotator, sample) for annotator in self.annotators for sample in range(annotator.samples)]
        written = await settled(self._caption(row, annotator, sample) for annotator, sample in wanted)
        names = {candidate["annotator"] for captions in written for candidate in captions}
        kept = [c for c in row.get("candidates") or [] if c["annotator"] not in names]
        new = [candidate for captions in written for candidate in captions]
        return self.run({**row, "candidates": kept + new})

    async def _caption(self, row: Row, annotator: Annotator, sample: int) -> list[Candidate]:
        facts = clip_facts(row)
        if not annotator.transcript:
            facts["transcript"] = None
        if not annotator.measurements:
            facts["measurements"] = None
        name = annotator.name if sample == 0 else f"{annotator.name}#{sample + 1}"
        check = _attributes if annotator.style == "attributes" else _prose
        try:
            reply = await self.ask(annotator.model, annotator.prompt, row, check, sample, **facts)
        except ChatError as error:
            self.note(row, error, name)
            return []
        if isinstance(reply.parsed, str):
            return [Candidate(annotator=name, caption=reply.parsed)]
        return [Candidate(annotator=f"{name}/{a}", caption=reply.parsed[a]) for a in ATTRIBUTES if reply.parsed[a]]


def _attributes(value: dict) -> dict:
    texts = {name: " ".join(value[name].split()) for name in ATTRIBUTES}
    refused = next((text for text in texts.values() if is_refusal(text)), None)
    if refused:
        raise ChatError("refused", f"The model refused: {refused[:200]!r}")
    if not any(texts.values()):
        raise ChatError("empty", "All eight attributes are empty.")
    _prose(" ".join(texts.values()))
    return texts


def _prose(text: str) -> str:
    if len(text) > MAX_CAPTION:
        raise ChatError("invalid", f"The caption has {len(text)} characters; {MAX_CAPTION} are allowed.")
    check_english(text)
    return text
