"""The builder of ASID-1M: `load_dataset("asid-1m", CONFIG, ...)`, from the files as published and from verified rows.

Configurations: `all_attributes`, `single_attribute` and `raw` as published; `multi_attribute` (subsets of attributes in
one instruction, derived) and `verified` (the verified row, one a video), which are ours.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import datasets
import pyarrow as pa

try:
    from asid_hf.errors import CaptionFileError, InputError
    from asid_hf.instructions import ANSWERS
    from asid_hf.schema import ATTRIBUTES, canonical_attribute, list_feature, verified_features, video_feature
except ImportError:  # beside a loading script, where asid_hf is not installed
    from .errors import CaptionFileError, InputError
    from .instructions import ANSWERS
    from .schema import ATTRIBUTES, canonical_attribute, list_feature, verified_features, video_feature

from .choice import Choice
from .derive import SUBSET_SIZES
from .joined import VideoJoin, note_unused_videos, without_bytes
from .lines import Part, parts_of
from .reading import Reader
from .rejects import BAD_LINE, SideTable, note_untold, read_rejects
from .release import INSTRUCTIONS, UNKNOWN, VERIFIED, DataFile, find_files, named_files
from .sources import BadLine

VERSION = datasets.Version("1.0.1")  # raise it with every change of what the rows are
HELD_OUT = "validation"
_ROWS_WITH_VIDEOS = 4  # that the writer puts into one column, which holds at most 2 GiB
ON_ERROR = ("raise", "record")
_Key = getattr(datasets.builder, "Key", lambda *key: key)  # older versions take any


@dataclass
class Asid1MConfig(datasets.BuilderConfig):
    """What to take of ASID-1M; each is an argument of `load_dataset("asid-1m", ...)`.

    Attributes:
        revision: branch, tag or commit of a dataset on the Hub.
        groups: e.g. ["finevideo"]; default: all.
        attributes: of `single_attribute` and `raw` rows that ask for one of them, of `multi_attribute` subsets of them.
        min_duration, max_duration: seconds; see `Choice`.
        columns: names of those to keep.
        with_video: make `video` a `Video` column (not decoded); else it is the path as the line gives it.
        videos: folder, .zip or plain .tar with the videos, or several; default: the local `data_dir`.
        embed_videos: store the videos' bytes in the rows.
        held_out: share of videos, 0 to below 1, that form the split "validation".
        seed: of the instructions and subsets that are drawn.
        subset_sizes: numbers of attributes of `multi_attribute`, 2 to 7; one row each.
        answers: forms of their answers to draw from: "text", "json".
        on_error: "raise" at a line that holds no caption, or "record" it in the side table (`read_rejects`).

    Example:
        >>> Asid1MConfig(name="raw", groups=["finevideo"]).on_error
        'raise'
    """

    revision: str | None = None
    groups: list[str] | None = None
    attributes: list[str] | None = None
    min_duration: float | None = None
    max_duration: float | None = None
    columns: list[str] | None = None
    with_video: bool = False
    videos: str | list[str] | None = None
    embed_videos: bool = False
    held_out: float = 0.0
    seed: int = 0
    subset_sizes: list[int] | None = None
    answers: list[str] | None = None
    on_error: str = "raise"

    def check(self) -> None:
        """Refuse what cannot be carried out.

        Raises:
            InputError: an argument that is not allowed; the message says which are.

        Example:
            >>> Asid1MConfig(name="verified", attributes=["speech"]).check()
            Traceback (most recent call last):
            ...
            asid_hf.errors.InputError: attributes= chooses rows of single_attribute, multi_attribute and raw; a row ...
        """
        for name in ("groups", "attributes", "columns"):
            _check_list(name, getattr(self, name), str)
        _check_list("answers", self.answers, str, ANSWERS)
        _check_list("subset_sizes", self.subset_sizes, int, SUBSET_SIZES)
        for name in ("min_duration", "max_duration", "held_out"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise InputError(f"{name}={value!r} is no number.")
        if not 0 <= self.held_out < 1:
            raise InputError(f"held_out={self.held_out!r} is no share: give a number from 0 to below 1.")
        if (self.min_duration or 0) > (self.max_duration if self.max_duration is not None else float("inf")):
            raise InputError(f"min_duration={self.min_duration} is more than max_duration={self.max_duration}.")
        if self.on_error not in ON_ERROR:
            raise InputError(f"on_error={self.on_error!r} is none of {', '.join(map(repr, ON_ERROR))}.")
        if (self.videos or self.embed_videos) and not self.with_video:
            raise InputError("videos= and embed_videos= belong to with_video=True.")
        if self.attributes is not None:
            self._check_attributes(self.attributes)

    def _check_attributes(self, attributes: list[str]) -> None:
        if self.name in ("all_attributes", VERIFIED):
            raise InputError(
                "attributes= chooses rows of single_attribute, multi_attribute and raw; a row of "
                f"{self.name} covers all eight."
            )
        try:
            names = {canonical_attribute(name) for name in attributes}
        except ValueError as error:
            raise InputError(f"attributes: {error}") from None
        if self.name == "multi_attribute" and len(names) < min(self.subset_sizes or SUBSET_SIZES):
            raise InputError(
                f"attributes={attributes!r}: a subset has {min(self.subset_sizes or SUBSET_SIZES)} or more."
            )

    def _resolve_data_files(self, base_path: str | None, download_config: datasets.DownloadConfig) -> None:
        """Called by the builder once all arguments are set: the files, and with them what the cache depends on."""
        self.check()
        self.data_dir = str(self.data_dir) if self.data_dir is not None else None
        here = self.data_dir if self.data_dir and os.path.isdir(os.path.expanduser(self.data_dir)) else None
        if self.with_video:
            self.join = VideoJoin(self.videos or here, self.embed_videos)
        if self.data_files:
            self.files = named_files(self.name, self.data_files)
        else:
            derive = self.name == "multi_attribute" and bool(self._draws())
            self.files = find_files(self.name, self.data_dir, self.groups, self.revision, download_config.token, derive)
        if self.with_video and self.join.index is None and not any(f.name.endswith(".parquet") for f in self.files):
            raise InputError("with_video=True needs the videos here: name their folder or archive with videos=.")
        if self._draws() and any(file.holds == self.name for file in self.files):
            raise InputError(
                f"{', '.join(self._draws())}: these files have the rows of {self.name} as they are, nothing is drawn. "
                "Leave it out, or give verified rows as data_dir."
            )

    def _draws(self) -> list[str]:
        """The arguments that were given for what is drawn."""
        drawn = ["seed", "subset_sizes", "answers", *(["attributes"] if self.name == "multi_attribute" else [])]
        return [name for name in drawn if getattr(self, name)]

    def create_config_id(self, config_kwargs: dict, custom_features: datasets.Features | None = None) -> str:
        """The cache's name for these rows: another one where a file, an argument or the place of the videos changes."""
        state = {"files": [(file.address, file.size, file.state) for file in self.files]}
        if self.with_video:
            state["videos"] = self.join.state()
        kwargs = {name: value for name, value in config_kwargs.items() if name != "data_files"}
        return super().create_config_id({**kwargs, **state}, custom_features)

    def _attributes(self) -> tuple[str, ...]:
        return tuple(canonical_attribute(name) for name in self.attributes or ATTRIBUTES)

    def choice(self, split: str) -> Choice:
        """Which rows belong to a split."""
        return Choice(
            groups=tuple(self.groups) if self.groups is not None else None,
            attributes=self._attributes() if self.attributes and self.name != "multi_attribute" else None,
            min_duration=self.min_duration,
            max_duration=self.max_duration,
            held_out=self.held_out,
            of_held_out=split == HELD_OUT,
        )


class Asid1M(datasets.ArrowBasedBuilder):
    """ASID-1M. Usually opened as `load_dataset("asid-1m", ...)` after `import asid_hf`; see `Asid1MConfig`.

    Example:
        >>> [config.name for config in Asid1M.BUILDER_CONFIGS]
        ['all_attributes', 'single_attribute', 'raw', 'multi_attribute', 'verified']
    """

    BUILDER_CONFIG_CLASS = Asid1MConfig
    BUILDER_CONFIGS = [Asid1MConfig(name=name, version=VERSION) for name in (*INSTRUCTIONS, VERIFIED)]  # noqa: RUF012
    DEFAULT_CONFIG_NAME = "all_attributes"
    DEFAULT_WRITER_BATCH_SIZE = 10_000  # a table is written as it is; else in parts of a thousand rows

    def _info(self) -> datasets.DatasetInfo:
        features = verified_features() if self.config.name == VERIFIED else instruction_features(self.config.with_video)
        if self.config.columns is not None:
            unknown = [name for name in self.config.columns if name not in features]
            if unknown:
                raise InputError(f"columns: there is no {', '.join(unknown)}. There are {', '.join(features)}.")
            features = datasets.Features({name: features[name] for name in self.config.columns})
        return datasets.DatasetInfo(features=features, homepage="https://arxiv.org/abs/2602.13013")

    def _split_generators(self, dl_manager: Any) -> list[datasets.SplitGenerator]:
        files = self.config.files
        if self.config.held_out and any(file.split != "train" for file in files):
            raise InputError(f"held_out= divides a train split, and these files have {HELD_OUT} rows already.")
        if self.config.with_video and (self.config.embed_videos or any(file.holds == VERIFIED for file in files)):
            self._writer_batch_size = _ROWS_WITH_VIDEOS
        names = list(dict.fromkeys(file.split for file in files))
        rejects = f"{self.cache_dir}_streamed" if dl_manager.is_streaming else self._output_dir
        places = {file.address: _bring(file, dl_manager) for file in files}
        generators = []
        for split in [*names, *([HELD_OUT] if self.config.held_out else [])]:
            own = [file for file in files if file.split == (split if split in names else "train")]
            parts = list(_parts(own, places, whole=self.config.name == "multi_attribute"))
            kwargs = {"parts": parts, "split": split, "rejects": rejects}
            generators.append(datasets.SplitGenerator(name=split, gen_kwargs=kwargs))
        return generators

    def _generate_tables(self, parts: list[Part], split: str, rejects: str) -> Iterator[tuple[Any, pa.Table]]:
        config, schema = self.config, self.info.features.arrow_schema
        choice = config.choice(split)
        reader = Reader(
            config.name,
            seed=config.seed,
            sizes=tuple(config.subset_sizes or SUBSET_SIZES),
            answers=tuple(config.answers or ANSWERS),
            attributes=config._attributes(),
            wants=choice.has,
            with_bytes=config.with_video,
            token=self.token,
        )
        notes = not config.held_out or split != HELD_OUT  # both splits read the same lines
        for part in parts:
            with SideTable(rejects, f"{split}-{part.number:05d}") as side:
                tables = reader.read(part, lambda bad: self._refuse(bad, side if notes else None))
                for index, rows in enumerate(self._finished(tables, choice, part.name, side)):
                    yield _Key(part.number, index), rows.select(schema.names).cast(schema)

    def _finished(self, tables: Iterator[pa.Table], choice: Choice, file: str, side: SideTable) -> Iterator[pa.Table]:
        """The chosen rows, with their videos or without."""
        for rows in filter(len, map(choice.of, tables)):
            if self.config.name == "single_attribute":
                note_untold(rows, file, side)
            if self.config.with_video:
                yield from self.config.join.of(rows, file, side)
            else:
                yield without_bytes(rows)

    def _download_and_prepare(self, dl_manager: Any, verification_mode: Any, **kwargs: Any) -> None:
        super()._download_and_prepare(dl_manager, verification_mode, **kwargs)
        for name in [name for name, split in self.info.splits.items() if not split.num_examples]:
            del self.info.splits[name]  # which `datasets` could not open
        if not self.info.splits:
            why = "the files hold none, or groups, durations and attributes leave out all there are."
            bad = [entry for entry in read_rejects(self._output_dir) if entry["kind"] == BAD_LINE]
            if bad:
                where = "{file}, line {line}: {message}".format(**bad[0])
                why = f"{len(bad)} lines hold no caption, the first: {where}"
            raise InputError(f"No row is left: {why}")
        if self.config.with_video and {"video", "video_id"} <= set(self.info.features):
            note_unused_videos(self._output_dir, self.config.join)

    def _refuse(self, bad: BadLine, side: SideTable | None) -> None:
        if self.config.on_error == "raise":
            raise CaptionFileError(f'{bad.text} To go on without such lines: on_error="record".')
        if side is not None:
            side.add(BAD_LINE, bad.file, bad.message, line=bad.line)


def instruction_features(with_video: bool = False) -> datasets.Features:
    """The columns of an instruction row.

    Args:
        with_video: make `video` a `Video` that is not decoded.

    Example:
        >>> list(instruction_features())
        ['video_id', 'group', 'attributes', 'instruction', 'caption', 'video', 'extra']
    """
    text = datasets.Value("string")
    return datasets.Features(
        {
            "video_id": text,
            "group": text,
            "attributes": list_feature(text),
            "instruction": text,
            "caption": text,
            "video": video_feature() if with_video else text,
            "extra": text,
        }
    )


def _bring(file: DataFile, dl_manager: Any) -> str:
    """Where a file can be read: as it is here or streamed, else in a cache."""
    if not file.is_remote or dl_manager.is_streaming:
        return file.address
    if file.on_the_hub is None:
        return dl_manager.download(file.address)
    from huggingface_hub import hf_hub_download

    repo, commit, path = file.on_the_hub
    return hf_hub_download(
        repo,
        path,
        repo_type="dataset",
        revision=commit,
        token=dl_manager.download_config.token,
        force_download=dl_manager.download_config.force_download,
    )


def _parts(files: list[DataFile], places: dict[str, str], whole: bool) -> Iterator[Part]:
    """Files in parts that processes share out; whole ones where the rows of a video have to come together."""
    number = 0
    for file in files:
        one = whole or file.size == UNKNOWN or file.name.endswith(".parquet")
        ranges = [(0, file.size)] if one else parts_of(file.size)
        for start, end in ranges:
            yield Part(places[file.address], file.name, file.group, file.holds, start, end, number)
            number += 1


def _check_list(name: str, given: Any, kind: type, allowed: tuple | None = None) -> None:
    if given is None:
        return
    entries = list(given) if isinstance(given, list | tuple) else []
    if not all(type(entry) is kind for entry in entries) or len(set(entries)) < max(len(entries), 1):
        raise InputError(f"{name}={given!r}: give a list of one {kind.__name__} or more, each once.")
    if allowed and not set(entries) <= set(allowed):
        raise InputError(f"{name}={given!r}: give a list of {', '.join(map(repr, allowed))}.")
