"""A stage that asks language models: its rows are worked on together, its calls go through the ledger."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

from asid_hf.chat import loop, usage
from asid_hf.chat.asking import Check, asker_of, request_of
from asid_hf.chat.attachments import clip_part
from asid_hf.chat.messages import ChatError, ChatReply, Message
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.errors import InputError
from asid_hf.prompts import PROMPTS, Prompt
from asid_hf.verify.annotate_measured import measured_captions
from asid_hf.verify.fetch import local_video
from asid_hf.verify.from_hub.access import trust, trusted
from asid_hf.verify.sentences import split_sentences
from asid_hf.verify.stage import Batch, Row, Stage

Result = TypeVar("Result")


@dataclass(frozen=True)
class Access:
    """How a run's stages reach their models.

    Args:
        ledger: path of the call ledger.
        offline: answer from the ledger alone.
        prompts: texts of the user's own, instead of those of `asid_hf.prompts` of the same name.
        repos: datasets on the Hub whose clips may be brought, see `asid_hf.verify.fetch.Fetch`.

    Example:
        >>> Access("ledger.sqlite").prompt("judge").label
        'judge@1'
    """

    ledger: str = field(repr=False)
    offline: bool = field(default=False, repr=False)
    prompts: tuple[Prompt, ...] = ()
    repos: tuple[str, ...] = field(default_factory=trusted, repr=False)

    def prompt(self, name: str) -> Prompt:
        """The prompt of a name, the user's own if there is one."""
        return next((prompt for prompt in self.prompts if prompt.name == name), PROMPTS[name])


@dataclass(frozen=True)
class ModelStage(Stage):
    """A `Stage` whose `consult` is a coroutine, run for all rows of a batch at once.

    A subclass names its models in `models`; without any it works as a plain stage, by `run`. An endpoint that answers
    nobody ends the run (`EndpointError`), when the calls that were under way are done and kept.

    Args:
        access: the ledger and the prompts; needed where there are models.

    Example:
        >>> ModelStage.__abstractmethods__ >= {"consult"}
        True
    """

    access: Access | None = field(default=None, kw_only=True)

    sees_clip: ClassVar[bool] = True  # False: works on texts alone

    @property
    @abstractmethod
    def models(self) -> tuple[ModelSpec, ...]:
        """The models this stage asks."""

    @abstractmethod
    async def consult(self, row: Row) -> Row:
        """As `run`, with models."""

    def prompt_labels(self) -> list[str]:
        """Names and versions of the prompts it uses, for the provenance."""
        return []

    async def together(self, batch: Batch) -> Batch:
        """Run the stage on a batch, on the loop of the calls; see `Stage.__call__`."""
        rows = self._rows(batch)
        await self._all(rows)
        return self._columns(rows, batch)

    def _steps(self, rows: list[Row]) -> None:
        if self.models:
            loop.run(self._all(rows))
        else:
            super()._steps(rows)

    async def _all(self, rows: list[Row]) -> None:
        if self.access is None:
            raise InputError(f"The stage {self.name!r} asks models and has no ledger: give it access=Access(path).")
        try:
            await settled(map(self._one, rows))
        finally:
            for model in self.models:
                asker_of(model, self.access.ledger, self.access.offline).ledger.flush_hits()

    async def _one(self, row: Row) -> None:
        spent = usage.Usage()
        usage.current.set(spent)
        with self._recorded(row) as wanted:
            if wanted:
                row["usage"] = spent  # read when the row is done
                row.update(await self.consult(row))

    async def ask(
        self,
        model: ModelSpec,
        prompt: str,
        row: Row,
        check: Check | None = None,
        sample: int = 0,
        **material: object,
    ) -> ChatReply:
        """Ask a model about a row's clip.

        Args:
            model: whom.
            prompt: name of the prompt.
            row: its clip is shown to a model that takes any of it.
            check: see `Asker.ask`.
            sample: number of the sample, for several of one call.
            material: data blocks, see `Prompt.user`.

        Raises:
            ChatError: no usable answer.
            EndpointError: the endpoint answers nobody.
            MediaError: the clip's file has gone.
        """
        text = self.access.prompt(prompt)
        for repo in self.access.repos:  # the process may be another than the one that was given their names
            trust(repo)
        shown = (
            [await asyncio.to_thread(clip_part, row["video"], local_video)] if model.accepts and self.sees_clip else []
        )
        turns = [Message("system", (text.system,)), Message("user", (*shown, text.user(**material)))]
        request = request_of(model, text.label, turns, text.schema, sample)
        return await asker_of(model, self.access.ledger, self.access.offline).ask(self.name, request, check)

    def note(self, row: Row, error: ChatError, what: str) -> None:
        """Record a failed call in the row's errors; the row goes on without its answer."""
        row["errors"].append({"stage": self.name, "kind": error.kind, "message": f"{what}: {error}"[:500]})


async def settled(calls: Iterable[Awaitable[Result]]) -> list[Result]:
    """Await all calls, and only then raise what one of them raised: the others' answers are paid for, and kept.

    Example:
        >>> async def one(): return 1
        >>> asyncio.run(settled([one(), one()]))
        [1, 1]
    """
    done = await asyncio.gather(*calls, return_exceptions=True)
    for result in done:
        if isinstance(result, BaseException):
            raise result
    return done


def clip_facts(row: Row) -> dict:
    """What every prompt may know of a clip: its length, what was said, what was measured.

    Args:
        row: a measured row.

    Returns:
        Material blocks: `clip`, and `transcript` and `measurements` where there are any.

    Example:
        >>> row = {"duration": 4.0, "has_audio": False, "transcript": [], "evidence": None}
        >>> clip_facts(row)["measurements"]
        {'speech': ['The clip has no sound.']}
    """
    said = [
        {"start": round(u["start"], 1), "end": round(u["end"], 1), "speaker": u.get("speaker"), "text": u["text"]}
        for u in row["transcript"] or []
    ]
    measured = {
        name: [sentence.text for sentence in split_sentences(text)]
        for name, text in measured_captions(row).items()
        if text
    }
    return {
        "clip": {"seconds": round(row["duration"] or 0.0, 1), "has_sound": bool(row["has_audio"])},
        "transcript": said or None,
        "measurements": measured or None,
    }


def numbered(texts: Sequence[str]) -> list[dict]:
    """Sentences with their numbers, as prompts show them.

    Example:
        >>> numbered(["A dog runs."])
        [{'number': 0, 'text': 'A dog runs.'}]
    """
    return [{"number": number, "text": text} for number, text in enumerate(texts)]


def models_of(stages: Sequence[Stage]) -> Iterator[ModelSpec]:
    """Every model that some stages ask, each once.

    Example:
        >>> list(models_of([]))
        []
    """
    seen = dict.fromkeys(model for stage in stages if isinstance(stage, ModelStage) for model in stage.models)
    yield from seen
