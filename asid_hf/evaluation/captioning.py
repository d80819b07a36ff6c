"""Captioning folders of videos: a model here, on one GPU or several, or behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asid_hf.errors import CheckpointError, InputError, MissingExtraError
from asid_hf.evaluation.predictions import Predictions, prompt_id
from asid_hf.instructions import ANSWERS, SYSTEM_PROMPT, clip_id, draw_instruction
from asid_hf.schema import ATTRIBUTES, canonical_attributes

if TYPE_CHECKING:
    from asid_hf.captioner import AsidCaptionerForConditionalGeneration
    from asid_hf.chat.model_spec import ModelSpec

Told = Callable[[dict], None]
AT_ONCE = 512  # captions in memory


@dataclass(frozen=True)
class CaptionRun:
    """What is asked of each video.

    Args:
        model: Hub id or folder; behind an endpoint the id that its server knows.
        attributes: canonical names; format: "text" or "json"; instruction: words of one's own, or None.
        seed: of the instructions that are drawn, and of sampling.
        options: further options of `AsidCaptionerForConditionalGeneration.caption`.

    Raises:
        InputError: a value that is not allowed.

    Example:
        >>> CaptionRun("a-model", attributes=("speech", "Scene")).attributes
        ('scene', 'speech')
    """

    model: str
    attributes: tuple[str, ...] = ATTRIBUTES
    format: str = "text"
    instruction: str | None = None
    seed: int = 0
    options: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.format not in ANSWERS:
            raise InputError(f"format={self.format!r}. Allowed: {', '.join(ANSWERS)}.")
        try:
            object.__setattr__(self, "attributes", canonical_attributes(self.attributes))
        except ValueError as error:
            raise InputError(str(error)) from error

    @property
    def prompt_id(self) -> str:
        """What its prompt is called."""
        return prompt_id(self.attributes, self.format, self.seed, self.instruction)

    def ask(self, video: dict) -> str:
        """The instruction for one video, the one that the model here would be asked with."""
        return self.instruction or draw_instruction(self.attributes, clip_id(video), self.seed, self.format)


def caption_videos(
    videos: Sequence[tuple[str, dict]],
    output: Path,
    run: CaptionRun,
    endpoint: ModelSpec | None = None,
    ledger: Path | None = None,
    overwrite: bool = False,
    loading: dict | None = None,
    told: Told = lambda row: None,
) -> dict[str, int | None]:
    """Caption videos into a file of predictions; what is in it already is not asked again.

    Started by `accelerate launch` or `torchrun`, each process captions its share on its own GPU; an endpoint is asked
    by the first process alone.

    Args:
        videos: id and `datasets` Video value of each.
        output: the file, JSON lines.
        run: what is asked.
        endpoint: the model behind a server; None: a model here.
        ledger: file of the call ledger, for an endpoint; None: beside the output.
        overwrite: begin the file anew.
        loading: keyword arguments of `from_pretrained`.
        told: called with every new prediction.

    Returns:
        How many are in the file (None while other processes are at work), were new, and failed.

    Raises:
        InputError, OutputError: see `CaptionRun` and `Predictions`.
        EndpointError: the endpoint answers nobody.
        MissingExtraError: a model here, and the extra `captioner` is not installed.

    Example:
        >>> caption_videos([("a", {"path": "a.mp4"})], Path("out.jsonl"), CaptionRun("m"))  # doctest: +SKIP
        {'predictions': 1, 'new': 1, 'failed': 0}
    """
    rank, count = processes()
    if endpoint is not None:
        if rank > 0:
            return {"predictions": None, "new": 0, "failed": 0}
        count = 1
    settings = _settings(run, endpoint, loading or {})
    if overwrite and count > 1:
        raise InputError(
            f"Several processes cannot begin {output} anew together: remove it, and leave --overwrite out."
        )
    file = Predictions(output, settings, rank, overwrite)
    done = file.done  # shares are of all videos: what others have done by now differs from process to process
    left = [(name, video) for name, video in videos[rank::count] if (name, run.prompt_id) not in done]
    counts = {"new": 0, "failed": 0}

    def keep(name: str, video: dict, row: dict) -> None:
        kept = {"benchmark": None, "video_id": name, "prompt_id": run.prompt_id, **row}
        if kept.get("error") and video["path"]:  # which says where the clip lies
            kept["error"] = kept["error"].replace(str(video["path"]), name)
        file.add({**kept, "model": _name(run.model)})
        counts["failed" if row.get("error") else "new"] += 1
        told(kept)

    try:
        if left and endpoint is not None:
            _ask_endpoint(left, run, endpoint, ledger or output.with_name(f"{output.name}.ledger.sqlite"), keep)
        elif left:
            _ask_model(left, run, loading or {}, keep)
        return {"predictions": file.finish((name, run.prompt_id) for name, _ in videos), **counts}
    finally:
        file.close()


def _settings(run: CaptionRun, endpoint: ModelSpec | None, loading: dict) -> dict:
    """All that can change what the model says."""
    told = {name: value for name, value in asdict(run).items() if name not in ("options", "model")}
    told |= {"model": _name(run.model), "system": SYSTEM_PROMPT}
    if endpoint is not None:
        return {**told, "endpoint": endpoint.parameters(), "media": endpoint.media_form()}
    pace = {"num_workers"} if run.options.get("do_sample") else {"num_workers", "batch_size"}  # a batch draws together
    options = {name: value for name, value in run.options.items() if name not in pace}
    kept = {name: str(value) for name, value in loading.items() if name != "device_map"}
    return {**told, "options": options, "loading": kept}


def _name(model: str) -> str:
    """A model's id as it may be published: of a local folder its own name."""
    local = os.path.isabs(model) or os.path.isdir(model)
    return os.path.basename(os.path.abspath(model)) if local else model


def processes() -> tuple[int, int]:
    """Which process of a launcher's this is, and of how many.

    Example:
        >>> processes()
        (0, 1)
    """
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def load_captioner(name: str, **loading: Any) -> AsidCaptionerForConditionalGeneration:
    """Load a captioner for a command line.

    Args:
        name: Hub id or folder.
        **loading: of `from_pretrained`.

    Raises:
        CheckpointError: it cannot be loaded, for whatever reason transformers and the Hub have.
        MissingExtraError: the extra `captioner` is not installed.

    Example:
        >>> load_captioner("no/such/folder")
        Traceback (most recent call last):
        ...
        asid_hf.errors.CheckpointError: The model no/such/folder cannot be loaded: ...
    """
    try:
        from asid_hf.captioner import AsidCaptionerForConditionalGeneration
    except ImportError as error:
        raise MissingExtraError("a captioner in this process", "captioner") from error
    try:
        return AsidCaptionerForConditionalGeneration.from_pretrained(name, **loading)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"The model {name} cannot be loaded: {' '.join(str(error).split())[:300]}") from error


def _ask_model(left: list, run: CaptionRun, loading: dict, keep: Callable[[str, dict, dict], None]) -> None:
    try:
        import torch

        from asid_hf.captioner import AsidCaptionerConfig
        from asid_hf.captioner.caption_request import CaptionRequest
    except ImportError as error:
        raise MissingExtraError("a captioner in this process", "captioner") from error
    asked = {"format": run.format, "instruction": run.instruction, "seed": run.seed, **run.options}
    CaptionRequest.of(AsidCaptionerConfig(), run.attributes, **asked)  # what is wrong is said before it is loaded
    model = load_captioner(run.model, **loading)

    if "device_map" not in loading and torch.accelerator.is_available():
        device = torch.accelerator.current_accelerator()
        model.to(torch.device(device.type, int(os.environ.get("LOCAL_RANK", "0"))))

    def done(start: int, place: int, caption: Any) -> None:
        name, video = left[start + place]
        told = caption.to_dict()
        row = {"prompt": told["instruction"], "caption": told["text"]}
        names = ("attributes", "finish_reason", "duration", "windows", "tokens", "clips", "error")
        keep(name, video, {**row, **{key: told[key] for key in names}})

    for start in range(0, len(left), AT_ONCE):
        model.caption(
            [video["path"] if video.get("bytes") is None else video for _, video in left[start : start + AT_ONCE]],
            run.attributes,
            on_caption=partial(done, start),
            **asked,
        )


def _ask_endpoint(
    left: list, run: CaptionRun, spec: ModelSpec, ledger: Path, keep: Callable[[str, dict, dict], None]
) -> None:
    """Ask for all videos at once, as many at a time as the endpoint takes; every answer is kept as it comes."""
    from asid_hf.answers import read_answer, reply_schema
    from asid_hf.chat.asking import asker_of, request_of
    from asid_hf.chat.attachments import clip_part
    from asid_hf.chat.loop import run as run_coroutine
    from asid_hf.chat.messages import ChatError, Message
    from asid_hf.errors import MediaError

    asker = asker_of(spec, str(ledger))
    schema = reply_schema(run.attributes) if run.format == "json" else None

    async def one(name: str, video: dict) -> None:
        instruction = run.ask(video)
        row = {"prompt": instruction, "caption": "", "attributes": {}, "finish_reason": "error", "error": None}
        try:
            turns = [Message("system", (SYSTEM_PROMPT,)), Message("user", (clip_part(video), instruction))]
            reply = await asker.ask("caption", request_of(spec, run.prompt_id, turns, schema, run.seed))
        except (ChatError, MediaError) as error:
            keep(name, video, {**row, "error": str(error)})
            return
        text, attributes = read_answer(reply.text, run.attributes, run.format)
        tokens = {"new": reply.output_tokens, "prompt": reply.input_tokens}
        row |= {"caption": text, "attributes": attributes, "finish_reason": reply.finish_reason, "tokens": tokens}
        keep(name, video, row)

    async def all_of_them() -> None:
        waiting = asyncio.Semaphore(spec.concurrency * 2)

        async def in_turn(name: str, video: dict) -> None:
            async with waiting:
                await one(name, video)

        async with asyncio.TaskGroup() as group:
            for name, video in left:
                group.create_task(in_turn(name, video))

    try:
        run_coroutine(all_of_them())
    except BaseExceptionGroup as group:  # the first that ended the run says why
        raise group.exceptions[0] from group
