"""How long each row will be, without decoding its clip: its packets say how many pictures and how much sound it has.

The sums are those of `OmniCollator.prepare`, so that a row is refused, or lowered, here as it would be there. A clip
whose pictures or sound turn out damaged when they are decoded is found then alone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from asid_hf.errors import InputError
from asid_hf.media_budget import Budget, audio_tokens, fit_frames, frame_count, picture_tokens
from asid_hf.media_source import source_name
from asid_hf.schema import list_feature
from asid_hf.training.clip_facts import clip_facts, file_stamp
from asid_hf.training.formatting import conversation

if TYPE_CHECKING:
    from datasets import Dataset, Features

    from asid_hf.captioner import AsidCaptionerProcessor
    from asid_hf.training.arguments import CaptionerArguments, CaptionerSFTConfig

AT_ONCE = 50  # rows; their clips' bytes, where the dataset holds them, are in memory together


def measured_features() -> Features:
    """The columns that are added to a training row; `refused` takes the place of the one that it has.

    `length`: tokens in all, without padding; `text_tokens` (of them the two ends of a heard film), `video_tokens`,
    `audio_tokens`: of each modality, 0 in a refused row. `fitted`: what of its clip is lowered to fit in: "resolution",
    "rate". `refused`: why the row cannot be trained on, or None; of what is found here "reason: message".

    Example:
        >>> list(measured_features())
        ['length', 'text_tokens', 'video_tokens', 'audio_tokens', 'fitted', 'refused']
    """
    from datasets import Features, Value

    counts = dict.fromkeys(("length", "text_tokens", "video_tokens", "audio_tokens"), Value("int32"))
    return Features({**counts, "fitted": list_feature(Value("string")), "refused": Value("string")})


@dataclass(frozen=True)
class Measuring:
    """Counts the tokens of training rows, for `Dataset.map(..., batched=True)`.

    A row that cannot be trained on is kept, with the reason in `refused`; nothing that is wrong with one row raises.
    Lengths are exact but for sound, where decoders may give a sample more or less: by one token at most.

    Args:
        processor: Hub id or folder of the processor; it is loaded in each process.
        max_length: most tokens of a row; its clip is fitted into it, its text is never cut. None: no limit.
        media: of the media budget, what differs from the processor's own.
        load_audio_from_video: whether clips are heard.
        revision: of the processor on the Hub.
        seen: digest of what else decides the counts (vocabulary, template, clips), for the cache's fingerprint.

    Example:
        >>> Measuring("a-captioner", media={"fps": 1.0}).media
        (('fps', 1.0),)
    """

    processor: str
    max_length: int | None = None
    media: Mapping[str, Any] | tuple = field(default=())
    load_audio_from_video: bool = True
    revision: str = "main"
    seen: str = ""

    version = 1  # raise it with every change of what the counts become: it is part of the cache's fingerprint

    def __post_init__(self) -> None:
        object.__setattr__(self, "processor", str(self.processor))
        object.__setattr__(self, "media", tuple(sorted(dict(self.media).items())))

    def __call__(self, rows: Mapping[str, list]) -> dict[str, list]:
        """Columns of training rows in, the columns of `measured_features` out."""
        names = list(rows)
        made = [self.row(dict(zip(names, values, strict=True))) for values in zip(*map(rows.get, names), strict=True)]
        return {name: [one[name] for one in made] for name in measured_features()}

    def __reduce__(self) -> tuple:  # `version` decides the fingerprint, too
        told = (self.processor, self.max_length, self.media, self.load_audio_from_video, self.revision, self.seen)
        return _measuring, (*told, self.version)

    def row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """What `measured_features` names, of one training row."""
        told = {"length": 0, "text_tokens": 0, "video_tokens": 0, "audio_tokens": 0, "fitted": [], "refused": None}
        if row.get("refused"):
            return {**told, "refused": row["refused"]}
        try:
            return told | self._counts(row)
        except Exception as error:  # whatever is wrong with one row, the others are measured
            kind = "not_allowed" if isinstance(error, InputError) else type(error).__name__
            return {**told, "refused": f"{getattr(error, 'reason', kind)}: {error}"[:500]}

    def _counts(self, row: Mapping[str, Any]) -> dict[str, Any]:
        processor = load_processor(self.processor, self.revision)
        text = processor.apply_chat_template(conversation(row)).removesuffix("\n")  # as the collator writes it
        ids = processor.tokenizer(text, add_special_tokens=False)["input_ids"]
        clips = ids.count(processor.video_token_id)
        words = len(ids) - clips
        room = None if self.max_length is None else self.max_length - words - 2 * clips
        if room is not None and room < clips:
            raise _Refused("too_long", f"The text takes {words} tokens, max_length is {self.max_length}.")
        if not clips:
            return {"length": words, "text_tokens": words}
        budget = Budget(**{**processor.media, **dict(self.media)}, max_tokens=room)
        video, audio, fitted = self._clip(row["video"], budget)
        words += 2 if video and audio else 0  # the sound's own ends; of sound alone they take the place of the film's
        counts = {"text_tokens": words, "video_tokens": video, "audio_tokens": audio}
        return {**counts, "length": sum(counts.values()), "fitted": list(fitted)}

    def _clip(self, given: Mapping[str, Any], budget: Budget) -> tuple[int, int, tuple[str, ...]]:
        """Tokens of pictures and of sound, and what is lowered."""
        facts, hears = clip_facts(given), self.load_audio_from_video
        most = facts.most if hears else 0
        audio = max(1, audio_tokens(facts.heard)) if hears and facts.heard is not None else 0
        if not facts.pictures:
            fit_frames(budget, 0, 0, 0, most, name=source_name(given))
            if not hears:
                raise _Refused("not_heard", f"{source_name(given)} has sound alone, load_audio_from_video is false.")
            return 0, audio, ()
        count = frame_count(facts.pictures, facts.fps, budget.fps, budget.min_frames, budget.max_frames)
        fit = fit_frames(budget, facts.height, facts.width, count, most, name=source_name(given))
        return picture_tokens(fit.count, *fit.size), audio, fit.fitted


def _measuring(*told: Any) -> Measuring:
    return Measuring(*told[:-1])


@lru_cache(maxsize=2)
def load_processor(name: str, revision: str = "main") -> AsidCaptionerProcessor:
    """The processor of a name, loaded once a process.

    Example:
        >>> load_processor("ASID-Captioner-3B").video_token  # doctest: +SKIP
        '<|VIDEO|>'
    """
    from asid_hf.captioner import AsidCaptionerProcessor

    return AsidCaptionerProcessor.from_pretrained(name, revision=revision)


def measured(
    rows: Dataset,
    arguments: CaptionerArguments,
    training: CaptionerSFTConfig,
    processor: str | os.PathLike,
    revision: str = "main",
) -> Dataset:
    """Training rows with the columns of `measured_features`.

    What was counted once is read from the cache, unless a clip's file, the processor or the arguments have changed.

    Args:
        rows: of `mixing.load_rows`.
        arguments: the media budget, `plan_workers`.
        training: `max_length`.
        processor: Hub id or folder of the processor; revision: on the Hub.

    Raises:
        InputError: no processor lies there.

    Example:
        >>> measured(rows, arguments, training, "ASID-Captioner-3B")[0]["length"]  # doctest: +SKIP
        5391
    """
    from datasets import concatenate_datasets

    try:
        loaded = load_processor(str(processor), revision)
    except (OSError, ValueError) as error:
        raise InputError(no_model(str(processor), error)) from error
    measuring = Measuring(
        processor=str(processor),
        max_length=training.max_length,
        media=arguments.media,
        load_audio_from_video=arguments.load_audio_from_video,
        revision=revision,
        seen=_seen_now(loaded, rows),
    )
    workers = min(arguments.plan_workers, len(rows))
    counts = rows.map(
        measuring,
        batched=True,
        batch_size=AT_ONCE,
        num_proc=workers if workers > 1 else None,
        remove_columns=rows.column_names,  # side by side below: the rows, and clips in them, are not written again
        features=measured_features(),
        desc="Measuring rows",
    )
    return concatenate_datasets([rows.remove_columns("refused"), counts], axis=1)


def no_model(name: str, error: Exception) -> str:
    """What to say where a model's files are not there.

    Example:
        >>> no_model("out/stage1", OSError("no such file")).partition(":")[0]
        'No processor lies with out/stage1'
    """
    advice = (
        "Train the stage before, or name a model whose sizes are the same: --model_name_or_path Qwen/Qwen2.5-Omni-3B"
    )
    return f"No processor lies with {name}: {str(error)[:300]} {advice}"


def _seen_now(processor: AsidCaptionerProcessor, rows: Dataset) -> str:
    """A digest of the vocabulary, the chat template and the clips' files as they are: a clip may come later."""
    digest = hashlib.blake2b(processor.tokenizer.backend_tokenizer.to_str().encode(), digest_size=16)
    templates = processor.chat_template, processor.tokenizer.chat_template
    digest.update(repr((templates, sorted(processor.media.items()))).encode())
    for path in _paths(rows):
        digest.update(repr(file_stamp(path)).encode())
    return digest.hexdigest()


def _paths(rows: Dataset) -> Iterator[str]:
    """The paths of the rows' clips, each once."""
    import pyarrow.compute as pc

    told: set[str | None] = {None}
    for part in rows.select_columns("video").with_format("arrow").iter(10_000):
        paths = pc.struct_field(part["video"], "path").unique().to_pylist()
        yield from (path for path in paths if path not in told)
        told.update(paths)


class _Refused(InputError):
    """Why a row cannot be trained on."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
