"""Writing a batch of captions: generation with its guards, and a second thought where a text wants a time too far."""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from transformers import LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

try:
    from asid_hf.errors import InputError
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .errors import InputError

from .decoding_anchors import AnchorGuard, BanAt
from .decoding_json import JsonFields
from .decoding_loops import LoopBreak, LoopStop, find_loop, one_copy
from .decoding_vocabulary import digit_ids

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from .caption_request import CaptionRequest
    from .processing_asid_captioner import AsidCaptionerProcessor

THOUGHTS = 8  # how often a text is taken back to before a time that the clip does not have


class Written(NamedTuple):
    """What was written of a row: its text, why it ended (see `captions.FINISHES`), and how many tokens."""

    text: str
    finish_reason: str
    tokens: int


def check_room(processor: AsidCaptionerProcessor, request: CaptionRequest) -> None:
    """Refuse fewer new tokens than an answer in JSON takes when it says nothing.

    Raises:
        InputError: naming both numbers.

    Example:
        >>> from asid_hf.captioner.caption_request import CaptionRequest
        >>> check_room(None, CaptionRequest(max_new_tokens=1))  # prose takes any number
    """
    if request.format == "json" and request.json_guard:
        ends = end_ids(processor.tokenizer)
        try:
            JsonFields(processor.tokenizer, request.attributes, 0, request.max_new_tokens, ends)
        except ValueError as error:
            raise InputError(str(error)) from error


class _WishStop(StoppingCriteria):
    """Ends a row that wants a time that its clip does not have: it is taken back, and written on from there."""

    def __init__(self, guard: AnchorGuard) -> None:
        self.guard = guard

    def __call__(self, input_ids: torch.Tensor, scores: Any, **more: Any) -> torch.Tensor:
        return torch.tensor([wish is not None for wish in self.guard.wishes], device=input_ids.device)


class _LeftStop(StoppingCriteria):
    """Ends all rows when nobody reads them any more."""

    def __init__(self, left: threading.Event) -> None:
        self.left = left

    def __call__(self, input_ids: torch.Tensor, scores: Any, **more: Any) -> torch.Tensor:
        return torch.full((len(input_ids),), self.left.is_set(), device=input_ids.device)


def write_rows(
    model: PreTrainedModel,
    processor: AsidCaptionerProcessor,
    parts: Sequence,
    request: CaptionRequest,
    streamer: Any = None,
    gone: threading.Event | None = None,
) -> list[Written]:
    """Write captions for rows.

    A row that wants to name a time beyond its clip, or before the last one, more than what it may write, ends there; it
    is cut before that number, and written on with the digits that lead to no time of the clip taken out, up to
    `THOUGHTS` times.

    Args:
        model, processor: the captioner.
        parts: of `row` and `duration` each.
        request: how to write.
        streamer: told of tokens as they come (of one row); then nothing is taken back.
        gone: set when nobody reads on.

    Returns:
        What was written, in the order of the parts.

    Example:
        >>> write_rows(model, processor, parts, CaptionRequest())  # doctest: +SKIP
    """
    tokenizer = processor.tokenizer
    ends = end_ids(tokenizer)
    kept: list[list[int]] = [[] for _ in parts]
    bans: list[dict[int, tuple[int, ...]]] = [{} for _ in parts]
    reasons = ["time"] * len(parts)
    left = list(range(len(parts)))
    final = streamer is not None or not request.anchor_guard or request.generation.get("num_beams", 1) > 1
    for thought in range(THOUGHTS + 1):
        # In JSON a text cannot just end: at last such times are only kept from it.
        minds = not final and (thought < THOUGHTS or request.format == "text")
        batch = _Batch(
            [parts[place] for place in left], [kept[place] for place in left], [bans[place] for place in left]
        )
        again = []
        for place, ids, wish, cut in zip(
            left, *_generate(model, processor, batch, request, minds, streamer, gone), strict=True
        ):
            if wish is None or wish.length >= request.max_new_tokens:  # written on beside longer rows, it may be full
                kept[place], reasons[place] = _ended(ids, ends)
                reasons[place] = "length" if cut else reasons[place]
                continue
            kept[place] = ids[: wish.length]
            bans[place][wish.length] = (*bans[place].get(wish.length, ()), *wish.ids)
            again.append(place)
        left = again
        if not left:
            break
    most = request.max_new_tokens  # rows that were taken back were written on beside longer ones
    cut = request.loop_guard
    return [_written(tokenizer, ids[:most], reason, cut) for ids, reason in zip(kept, reasons, strict=True)]


class _Batch(NamedTuple):
    """Rows to write on: each with what it has written already, and what must not come at which place."""

    parts: list
    kept: list[list[int]]
    bans: list[dict[int, tuple[int, ...]]]


def _generate(
    model: PreTrainedModel,
    processor: AsidCaptionerProcessor,
    batch: _Batch,
    request: CaptionRequest,
    minds: bool,
    streamer: Any,
    gone: threading.Event | None,
) -> tuple[list[list[int]], list, list[bool]]:
    """Generate once; with `minds` a row ends where it wants a time that its clip does not have.

    Returns:
        The tokens of each row behind its prompt, its wish or None, and whether a field was cut for want of tokens.
    """
    tokenizer = processor.tokenizer
    rows = [part.row.extended(kept) for part, kept in zip(batch.parts, batch.kept, strict=True)]
    inputs = processor.batch(rows).to(model.device)
    for name, value in inputs.items():
        if value.is_floating_point() and name != "video_second_per_grid":
            inputs[name] = value.to(model.dtype)
    width = inputs["input_ids"].shape[1]
    starts = [width - len(kept) for kept in batch.kept]
    settings = _settings(model, request, tokenizer, min(map(len, batch.kept)))
    guards, stops = LogitsProcessorList(), StoppingCriteriaList()
    if gone is not None:
        stops.append(_LeftStop(gone))
    anchors = fields = None
    if request.anchor_guard:
        anchors = AnchorGuard(tokenizer, [part.duration for part in batch.parts], starts)
        guards += [BanAt(batch.bans, starts), anchors]
        if minds:
            stops.append(_WishStop(anchors))
    if request.json_guard and request.format == "json":
        fields = JsonFields(tokenizer, request.attributes, starts, request.max_new_tokens, end_ids(tokenizer))
    if request.loop_guard:
        if fields is not None:
            guards.append(LoopBreak(tokenizer, starts, fields.close))
        else:
            stops.append(LoopStop(tokenizer, starts))
    if fields is not None:
        guards.append(fields)
    with torch.random.fork_rng(devices=_cuda(model.device)), torch.inference_mode():
        torch.manual_seed(request.seed)
        whole = model.generate(
            **inputs,
            generation_config=settings,
            logits_processor=guards,
            stopping_criteria=stops,
            streamer=streamer,
        )
    said = [ids[start:] for ids, start in zip(whole.tolist(), starts, strict=True)]
    wishes = list(anchors.wishes) if minds else [None] * len(said)
    return said, wishes, [fields is not None and fields.cut(row) for row in range(len(said))]


def _settings(model: PreTrainedModel, request: CaptionRequest, tokenizer: Any, kept: int) -> Any:
    """The generation configuration: the model's own, and over it what is asked."""
    settings = copy.deepcopy(model.generation_config)
    given = dict(request.generation)
    if not given.get("do_sample"):  # what a model's own configuration has for drawing would be warned of
        given = {"temperature": None, "top_p": None, "top_k": None, "min_p": None, **given, "do_sample": False}
    settings.update(
        **given,
        max_new_tokens=request.max_new_tokens - kept,
        max_length=None,
        bad_words_ids=[[token] for token in _never(model, tokenizer)],  # suppress_tokens looks all up at each token
        eos_token_id=end_ids(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
    )
    return settings


def _never(model: PreTrainedModel, tokenizer: Any) -> list[int]:
    """Tokens that no text holds: those of turns and media, and rows of the vocabulary that stand for nothing."""
    special = {token for token, added in tokenizer.added_tokens_decoder.items() if added.special}
    beyond = range(len(tokenizer), model.config.get_text_config().vocab_size)
    return sorted(special.union(beyond) - set(end_ids(tokenizer)))


def end_ids(tokenizer: Any) -> list[int]:
    """The tokens that end a reply: the end of a turn, and of a text.

    Example:
        >>> from types import SimpleNamespace as Made
        >>> end_ids(Made(eos_token_id=3, pad_token_id=1))
        [3, 1]
    """
    return list(dict.fromkeys([tokenizer.eos_token_id, tokenizer.pad_token_id]))


def _ended(ids: list[int], ends: list[int]) -> tuple[list[int], str]:
    place = next((place for place, token in enumerate(ids) if token in ends), None)
    return (ids, "length") if place is None else (ids[:place], "stop")


def _written(tokenizer: Any, ids: list[int], reason: str, cut_loops: bool) -> Written:
    """The text; of one that loops one copy of what it repeated, of one that was taken back its whole sentences."""
    loop = find_loop(ids, digit_ids(tokenizer)) if cut_loops else None
    if loop is not None:
        ids, reason = ids[: one_copy(ids, loop, tokenizer)], "loop"
    text = tokenizer.decode(ids, skip_special_tokens=True)
    if reason == "time":
        text = text[: max(text.rfind(mark) for mark in '.!?"') + 1] or text
    return Written(text, reason, len(ids))


def _cuda(device: torch.device) -> list[int]:
    return [device.index or 0] if device.type == "cuda" else []
