"""Captioning: clips become rows, rows of like length become batches, batches become captions.

While one batch is being written, the clips of the next are opened. A clip that cannot be read gives a caption that says
so, and the others go on.
"""

from __future__ import annotations

import gc
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

try:
    from asid_hf.answers import labelled, read_answer
    from asid_hf.errors import AsidError, InputError, MediaError
except ImportError:  # beside the remote code on the Hub, where asid_hf is not installed
    from .answers import labelled, read_answer
    from .errors import AsidError, InputError, MediaError

from .caption_request import CaptionRequest, conversation, is_file, is_image
from .captions import Caption
from .decoding_loops import without_loop
from .decoding_text import without_cut_time
from .windows import merge_texts, windows_of
from .writing import Written, check_room, write_rows

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from .processing_asid_captioner import AsidCaptionerProcessor
    from .rows import Row

AHEAD = 2  # batches that are opened and sorted by length together


class _Part(NamedTuple):
    """One window of one clip, ready to be captioned."""

    clip: int
    number: int
    count: int
    instruction: str
    row: Row
    duration: float


def caption_clips(
    model: PreTrainedModel, processor: AsidCaptionerProcessor, clips: Any, request: CaptionRequest
) -> list[Caption]:
    """Caption clips; see `AsidCaptionerForConditionalGeneration.caption`.

    Example:
        >>> caption_clips(model, processor, ["a.mp4"], CaptionRequest(batch_size=4))  # doctest: +SKIP
    """
    clips = list(clips) if _are_several(clips) else [clips]
    check_room(processor, request)
    done: list[Caption | None] = [None] * len(clips)
    windows: dict[int, dict[int, tuple[_Part, Written]]] = {}

    def failed(place: int, error: Exception) -> Caption:
        told = str(error) if isinstance(error, AsidError) else f"{type(error).__name__}: {error}"
        return Caption("", instruction=request.ask(clips[place]), finish_reason="error", error=told)

    def finish(place: int, caption: Caption) -> None:
        windows.pop(place, None)
        if done[place] is None:  # a clip of several windows fails once
            done[place] = caption
            if request.on_caption is not None:
                request.on_caption(place, caption)

    most = request.max_length or _context(model, request)
    parts = _opened(model, processor, clips, request, most, lambda place, error: finish(place, failed(place, error)))
    for batch in _buckets(parts, request.batch_size):
        for part, written in _written(model, processor, batch, request):
            if isinstance(written, Exception):
                finish(part.clip, failed(part.clip, written))
            elif done[part.clip] is None:
                own = windows.setdefault(part.clip, {})
                own[part.number] = (part._replace(row=part.row.without_media()), written)
                if len(own) == part.count:
                    finish(part.clip, _caption([own[number] for number in sorted(own)], request, processor.tokenizer))
    return done


def _are_several(clips: Any) -> bool:
    """Whether clips were given, not one: a list, a column of a dataset, a generator."""
    one = str | bytes | os.PathLike | dict
    return isinstance(clips, Iterable) and not isinstance(clips, one) and not hasattr(clips, "shape")


def _written(
    model: PreTrainedModel, processor: AsidCaptionerProcessor, parts: list[_Part], request: CaptionRequest
) -> Iterator[tuple[_Part, Written | Exception]]:
    """What was written of each row; where a batch fails, as for want of memory, of each alone."""
    written = _tried(model, processor, parts, request)
    if not isinstance(written, Exception):
        yield from zip(parts, written, strict=True)
    elif len(parts) == 1:
        yield parts[0], written
    else:
        for part in parts:
            yield from _written(model, processor, [part], request)


def _tried(
    model: PreTrainedModel, processor: AsidCaptionerProcessor, parts: list[_Part], request: CaptionRequest
) -> list[Written] | Exception:
    """What was written, or what went wrong; nothing of a failed batch is held when the next one is tried."""
    import torch

    try:
        return write_rows(model, processor, parts, request)
    except Exception as error:  # of whatever a model makes of an odd clip: the others go on
        failed, told = isinstance(error, torch.OutOfMemoryError), str(error)
        kept = error if isinstance(error, AsidError) else RuntimeError(f"{type(error).__name__}: {told}")
    if failed:
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        hint = "Lower max_frames, total_pixels or max_new_tokens, or set a window."
        return MediaError("too_large", f"The clip takes more memory than there is. {hint} {told}")
    return kept.with_traceback(None)


def _opened(
    model: PreTrainedModel,
    processor: AsidCaptionerProcessor,
    clips: list,
    request: CaptionRequest,
    most: int | None,
    fail: Callable[[int, Exception], None],
) -> Iterator[_Part]:
    """The windows of all clips, opened ahead by threads, a few at a time; a clip that cannot be read is told of."""
    left = ((place, clip, _Span(0, 1, 0.0, request.window)) for place, clip in enumerate(clips))
    more: deque = deque()  # windows after the first, of clips that are open
    waiting: deque = deque()
    with ThreadPoolExecutor(request.num_workers, thread_name_prefix="caption") as pool:
        while True:
            while len(waiting) <= request.num_workers and (job := more.popleft() if more else next(left, None)):
                place, clip, span = job
                waiting.append((job, pool.submit(_row, processor, clip, request, most, span, model.dtype)))
            if not waiting:
                return
            (place, clip, span), future = waiting.popleft()
            try:
                row = future.result()
                spans = _spans(clip, row, request) if span.number == 0 else [span]
            except Exception as error:  # of whatever an odd clip meets: the others go on
                fail(place, error)
                continue
            more.extend((place, clip, one) for one in spans[1:])
            yield _Part(place, span.number, spans[0].count, request.ask(clip), row, _duration(row))


class _Span(NamedTuple):
    """One window of a clip, of how many; s."""

    number: int
    count: int
    start: float
    end: float | None


def _spans(clip: Any, first: Row, request: CaptionRequest) -> list[_Span]:
    """The windows of a clip whose first one is open; what was decoded already is not cut."""
    whole = first.clips[0]["whole"] if first.clips else 0.0
    if request.window is None or whole <= request.window or not is_file(clip):
        return [_Span(0, 1, 0.0, None)]
    windows = windows_of(whole, request.window, request.overlap)
    return [_Span(number, len(windows), start, end) for number, (start, end) in enumerate(windows)]


def _duration(row: Row) -> float:
    return row.clips[0]["duration"] if row.clips else 0.0


def _row(
    processor: AsidCaptionerProcessor, clip: Any, request: CaptionRequest, most: int | None, span: _Span, dtype: Any
) -> Row:
    kind = "image" if is_image(clip) else "video"
    text = processor.apply_chat_template(conversation(clip, request, kind), tokenize=False, add_generation_prompt=True)
    media: dict = {"image": iter([]), "video": iter([]), "audio": iter([])} | {kind: iter([clip])}
    opening = {"start": span.start, "end": span.end} if request.window is not None and is_file(clip) else {}
    return processor.row(
        text,
        media,
        max_length=most,
        dtype=dtype,
        load_audio_from_video=request.load_audio_from_video,
        allow_remote=request.allow_remote,
        **request.media,
        **opening,
    )


def _buckets(parts: Iterable[_Part], batch_size: int) -> Iterator[list[_Part]]:
    """Batches of rows of like length: little of a batch is padding."""
    held: list[_Part] = []
    for part in parts:
        held.append(part)
        if len(held) == batch_size * AHEAD:
            held.sort(key=lambda one: one.row.length)
            yield held[:batch_size]
            held = held[batch_size:]
    held.sort(key=lambda one: one.row.length)
    while held:
        yield held[:batch_size]
        held = held[batch_size:]


def _caption(windows: list[tuple[_Part, Written]], request: CaptionRequest, tokenizer: Any) -> Caption:
    """One caption of a clip's windows."""
    answers, ends = zip(*(_answer(part, written, request, tokenizer) for part, written in windows), strict=True)
    notes = [part.row.clips[0] if part.row.clips else {} for part, _ in windows]
    spans = [(note.get("offset", 0.0), note.get("offset", 0.0) + note.get("duration", 0.0)) for note in notes]
    text, attributes = answers[0]
    if len(windows) > 1:
        named = [name for name in request.attributes if any(name in own for _, own in answers)]
        attributes = {name: merge_texts([own.get(name, "") for _, own in answers], spans) for name in named}
        # The words of a window that could not be told apart by attribute would be lost beside those that could.
        by_attribute = len(named) > 1 and all(own for _, own in answers)
        text = labelled(attributes) if by_attribute else merge_texts([own for own, _ in answers], spans)
    tokens: dict[str, int] = {}
    for part, written in windows:
        for name, count in (*part.row.tokens.items(), ("new", written.tokens)):
            tokens[name] = tokens.get(name, 0) + count
    return Caption(
        text=text,
        attributes=attributes,
        instruction=windows[0][0].instruction,
        raw="\n\n".join(written.text for _, written in windows),
        finish_reason=next((end for end in ends if end != "stop"), "stop"),
        tokens=tokens,
        duration=spans[-1][1],
        windows=spans if len(windows) > 1 else [],
        clips=notes,
    )


def _answer(
    part: _Part, written: Written, request: CaptionRequest, tokenizer: Any
) -> tuple[tuple[str, dict[str, str]], str]:
    """One window's text and its text by attribute, and why it ended.

    A field of JSON that was closed because it looped keeps one copy; what the end cut off names no time that the clip
    does not have.
    """
    text, attributes = read_answer(written.text, request.attributes, request.format)
    in_fields, end = request.format == "json" and bool(attributes), written.finish_reason
    if in_fields and request.loop_guard:
        looped, attributes = attributes, {name: without_loop(own, tokenizer) for name, own in attributes.items()}
        end = end if attributes == looped else "loop"
    if request.anchor_guard:
        attributes = {name: without_cut_time(own, part.duration) for name, own in attributes.items()}
        text = without_cut_time(text, part.duration)
    return (labelled(attributes) if in_fields else text, attributes), end


def stream_clip(
    model: PreTrainedModel, processor: AsidCaptionerProcessor, clip: Any, request: CaptionRequest
) -> Iterator[str]:
    """Caption one clip piece by piece; see `AsidCaptionerForConditionalGeneration.stream_caption`.

    What was said cannot be taken back: where the model wants a time that the clip does not have, it is kept from it,
    but not asked to think again. A long clip is fitted into the context, not cut into windows.

    Raises:
        MediaError, InputError: the clip cannot be read.

    Example:
        >>> list(stream_clip(model, processor, "a.mp4", CaptionRequest()))  # doctest: +SKIP
    """
    from transformers import TextIteratorStreamer

    if request.generation.get("num_beams", 1) > 1:
        raise InputError("Beams are chosen at the end: a stream has num_beams=1.")
    check_room(processor, request)
    request = replace(request, window=None, batch_size=1)
    most = request.max_length or _context(model, request)
    row = _row(processor, clip, request, most, _Span(0, 1, 0.0, None), model.dtype)
    part = _Part(0, 0, 1, request.ask(clip), row, _duration(row))
    streamer = TextIteratorStreamer(processor.tokenizer, skip_prompt=True, skip_special_tokens=True)
    failed: list[BaseException] = []
    left = threading.Event()

    def write() -> None:
        try:
            write_rows(model, processor, [part], request, streamer, left)
        except BaseException as error:  # raised again in the reader's thread
            failed.append(error)
            streamer.end()

    writer = threading.Thread(target=write, name="stream caption", daemon=True)
    writer.start()
    try:
        yield from (piece for piece in streamer if piece)
    finally:
        left.set()  # where nobody reads on
        writer.join()
    if failed:
        raise failed[0]


def _context(model: PreTrainedModel, request: CaptionRequest) -> int | None:
    """Most tokens of a row: what the model's positions leave beside what is to be written.

    Raises:
        InputError: they leave none.
    """
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    if most is not None and request.max_new_tokens >= most:
        raise InputError(
            f"max_new_tokens={request.max_new_tokens}, and the model has {most} positions in all: lower it."
        )
    return None if most is None else most - request.max_new_tokens
