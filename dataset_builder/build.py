"""Verified rows into a release: the published layout, parquet that anyone opens, and LLaMA-Factory's files.

The same rows and options give the same bytes: what is drawn is drawn from a seed and each video's id.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import pyarrow as pa
from asid_hf.dataset_builder.asid_1m import HELD_OUT, instruction_features
from asid_hf.dataset_builder.card import CardFacts, render_card
from asid_hf.dataset_builder.counting import counts_of
from asid_hf.dataset_builder.derive import SUBSET_SIZES, derived_rows, group_of_source, is_held_out
from asid_hf.dataset_builder.lines import SCHEMA, Part
from asid_hf.dataset_builder.placing import VideoPlacing
from asid_hf.dataset_builder.reading import Reader
from asid_hf.dataset_builder.release import VERIFIED, DataFile, find_files
from asid_hf.dataset_builder.shapes import as_line, to_conversations, to_messages
from asid_hf.dataset_builder.shards import ParquetShards
from asid_hf.dataset_builder.sources import MEDIA_TAG, CaptionRow
from datasets import DatasetInfo, Features, SplitDict, SplitInfo
from datasets.utils import tqdm
from filelock import FileLock, Timeout

from asid_hf import instructions
from asid_hf.errors import InputError, OutputError
from asid_hf.schema import verified_features
from asid_hf.version import __version__

LAYOUTS = ("published", "parquet", "sharegpt")
CONFIGS = ("all_attributes", "single_attribute", "multi_attribute", VERIFIED)
FACTS = "build.json"
_DRAFT = ".draft"  # the ending of a release under way, beside its place
MAX_GROUPS = 50  # each has files of its own
_SHOWN = 5


@dataclass(frozen=True)
class BuildOptions:
    """What a build writes.

    Attributes:
        layouts: of `LAYOUTS`.
        configs: of `CONFIGS`; `verified` rows are written as parquet alone.
        group: name of all rows' group; default: told by each row's source.
        seed: of instructions and subsets.
        held_out: share of videos in the split "validation".
        subset_sizes, answers: of `multi_attribute`, see `derive.subset_rows`.
        copy_videos: put the videos into the release, so that it can be moved.
        pretty_name, license: for the card.

    Raises:
        InputError: an option that is not allowed.

    Example:
        >>> BuildOptions(layouts=("parquet",)).seed
        0
    """

    layouts: tuple[str, ...] = LAYOUTS
    configs: tuple[str, ...] = CONFIGS
    group: str | None = None
    seed: int = 0
    held_out: float = 0.0
    subset_sizes: tuple[int, ...] = SUBSET_SIZES
    answers: tuple[str, ...] = instructions.ANSWERS
    copy_videos: bool = False
    pretty_name: str = "Verified attribute captions"
    license: str = "other"

    def __post_init__(self) -> None:
        for noun, given, allowed in (
            ("layout", self.layouts, LAYOUTS),
            ("configuration", self.configs, CONFIGS),
            ("size of a subset", self.subset_sizes, SUBSET_SIZES),
            ("form of an answer", self.answers, instructions.ANSWERS),
        ):
            unknown = [value for value in given if value not in allowed]
            if unknown or not given:
                named = ", ".join(repr(value) for value in unknown) or "nothing"
                raise InputError(f"No {noun}: {named}. Allowed: {', '.join(map(str, allowed))}.")
        if not 0 <= self.held_out < 1:
            raise InputError(f"The held-out share is a number from 0 to below 1, not {self.held_out}.")
        if self.group is not None and self.group != group_of_source(self.group):
            raise InputError(f"The group {self.group!r} cannot name a folder: use letters, digits and . _ -.")

    def split_of(self, video_id: str) -> str:
        """The split a video belongs to."""
        return HELD_OUT if is_held_out(video_id, self.held_out) else "train"

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits there are."""
        return ("train", HELD_OUT) if self.held_out else ("train",)


def build(
    inputs: Sequence[str],
    output: str | Path,
    options: BuildOptions | None = None,
    video_root: str | Path | None = None,
    overwrite: bool = False,
) -> dict:
    """Build a release out of the outputs of `asid verify`; rows that were dropped are left out, and counted.

    Args:
        inputs: folders that `asid verify` wrote, or such datasets on the Hub.
        output: folder of the release; it appears once it is whole.
        options: what is written.
        video_root: folder that videos may be copied from; default: each input's own.
        overwrite: take the place of an earlier build.

    Returns:
        What `build.json` holds: rows by configuration and group, dropped rows by reason, rows that stand in parquet
        alone for they have no video or a trainer's tag in their caption, videos that are missing.

    Raises:
        InputError: inputs that cannot be used together: no kept rows, or one video id in two of them.
        OutputError: the folder is somebody else's, or cannot be written.

    Example:
        >>> build(["verified"], "release")["rows"]["all_attributes"]  # doctest: +SKIP
        {'finevideo': 20}
    """
    options, output = options or BuildOptions(), Path(os.path.realpath(output))
    _check_output(output, overwrite, [*inputs, *([video_root] if video_root else [])])
    files = [(given, file) for given in inputs for file in find_files(VERIFIED, str(given))]
    count = _check_rows(files, options)
    try:
        with _draft_of(output) as draft, tqdm(total=count, unit=" rows", desc="Building") as progress:
            placing = VideoPlacing(draft, output, video_root, options.copy_videos)
            facts = _write(files, draft, options, placing, progress)
            _swap(draft, output)
    except OSError as error:
        raise OutputError(f"The output {output} cannot be written: {error}.") from error
    return facts


@contextmanager
def _draft_of(output: Path) -> Iterator[Path]:
    """A folder beside an output that nobody else writes to; what killed builds left there is taken away."""
    name = hashlib.sha256(str(output).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    lock = FileLock(Path(tempfile.gettempdir(), f"asid-build-{name}.lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise OutputError(f"Another build is writing to {output}. Wait until it ends, or name another.") from error
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        for left in output.parent.glob(f".{glob.escape(output.name)}.*{_DRAFT}"):
            shutil.rmtree(left, ignore_errors=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{output.name}.", suffix=_DRAFT, dir=output.parent))
        draft.chmod(0o755)
        yield draft
    finally:
        for left in output.parent.glob(f".{glob.escape(output.name)}.*{_DRAFT}"):
            shutil.rmtree(left, ignore_errors=True)
        lock.release()


def _swap(draft: Path, output: Path) -> None:
    """Put the release in its place; what was there is taken away once it is."""
    old = draft.with_suffix(f".old{_DRAFT}")
    if output.exists():
        output.rename(old)
    draft.rename(output)
    shutil.rmtree(old, ignore_errors=True)


def _check_output(output: Path, overwrite: bool, needed: Sequence[str | Path]) -> None:
    for given in map(os.path.realpath, needed):
        if Path(given).is_relative_to(output):
            raise OutputError(f"The output {output} holds {given}, which is needed for it. Name another folder.")
    if not output.exists():
        return
    if output == Path.cwd():
        raise OutputError("The output is the folder that this runs in, which cannot be swapped. Name another folder.")
    if not output.is_dir():
        raise OutputError(f"The output {output} is a file. Name a folder.")
    if not any(output.iterdir()):
        return
    if not (output / FACTS).is_file():
        raise OutputError(f"The output {output} holds files that no `asid build` wrote. Name a new or empty folder.")
    if not overwrite:
        raise OutputError(f"The output {output} holds an earlier build. Name another folder, or give --overwrite.")


def _check_rows(files: list[tuple[str, DataFile]], options: BuildOptions) -> int:
    """A look at the ids and sources alone, before anything is written; returns how many rows there are."""
    seen: Counter[str] = Counter()
    groups: set[str] = set()
    for _, file in files:
        for table in _read(file, ("video_id", "source")):
            seen.update(table["video_id"].to_pylist())
            groups.update(map(group_of_source, table["source"].unique().to_pylist()))
    twice = [video_id for video_id, count in seen.items() if count > 1]
    if twice:
        raise InputError(
            f"{len(twice)} video id(s) stand in more than one row: {', '.join(twice[:_SHOWN])}. Give each video once."
        )
    if not seen:
        raise InputError("The inputs hold no rows.")
    if len(groups) > MAX_GROUPS and options.group is None:
        raise InputError(f"The rows come from {len(groups)} sources, each would be a group: name one with --group.")
    return len(seen)


def _read(file: DataFile, columns: tuple[str, ...] | None = None) -> Iterator[pa.Table]:
    part = Part(file.address, file.name, "", VERIFIED, 0, file.size)
    yield from Reader(VERIFIED, columns=columns, with_bytes=True).read(part, lambda bad: None)


def _write(
    files: list[tuple[str, DataFile]], draft: Path, options: BuildOptions, placing: VideoPlacing, progress: tqdm
) -> dict:
    dropped: Counter[str] = Counter()
    with Release(draft, options) as release:
        for given, file in files:
            for table in _read(file):
                rows = [placing.placed(row, given, options.group) for row in table.to_pylist()]
                dropped.update(row["drop_reason"] or "unknown" for row in rows if row["status"] != "kept")
                release.add([row for row in rows if row["status"] == "kept"])
                progress.update(len(rows))
    rows = {
        config: {name: group["rows"] for name, group in told["groups"].items()}
        for config, told in release.counted.items()
    }
    if not any(rows.values()):
        raise InputError(f"No row is left: all were dropped ({', '.join(dropped) or 'without a caption'}).")
    facts = {
        "asid_hf": __version__,
        "instructions": instructions.VERSION,
        "options": asdict(options),
        "rows": rows,
        "dropped": dict(sorted(dropped.items())),
        "not_in_lines": release.not_in_lines,
        "videos_missing": placing.missing,
    }
    (draft / FACTS).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (draft / "README.md").write_text(_card(release, options, facts["dropped"]), encoding="utf-8")
    return facts


def _card(release: Release, options: BuildOptions, dropped: dict[str, int]) -> str:
    if VERIFIED in release.counted:
        release.counted[VERIFIED]["verification"]["dropped"] = dropped
    told = CardFacts(
        pretty_name=options.pretty_name,
        license=options.license,
        seed=options.seed,
        held_out=options.held_out,
        instructions_version=instructions.VERSION,
        asid_hf_version=__version__,
        layouts=options.layouts,
    )
    return render_card({"configs": release.counted, "bad_lines": {}}, release.patterns, release.infos(), told)


class Release:
    """The files of a release under way; leaving it as a context closes them.

    Args:
        folder: where they are written.
        options: which.

    Example:
        >>> import tempfile
        >>> with Release(Path(tempfile.mkdtemp()), BuildOptions()) as release:
        ...     release.add([])
        >>> sorted(path.name for path in release.folder.iterdir())
        ['dataset_info.json']
    """

    def __init__(self, folder: Path, options: BuildOptions) -> None:
        self.folder, self.options = folder, options
        written = [config for config in options.configs if config != VERIFIED or "parquet" in options.layouts]
        self.counts = {config: counts_of(config) for config in written}
        self.counted: dict[str, dict] = {}  # of what was written, once it is
        self.patterns: dict[str, dict[str, str]] = {}
        self.shards: dict[tuple[str, str], ParquetShards] = {}
        self.not_in_lines = 0  # rows without a video, or with a trainer's tag in the caption
        self._streams: dict[str, TextIO] = {}
        self._open = ExitStack()

    def __enter__(self) -> Release:
        if "parquet" in self.options.layouts:
            for config in self.options.configs:
                features = verified_features() if config == VERIFIED else instruction_features()
                for split in self.options.splits:
                    self.shards[config, split] = ParquetShards(self.folder / "data" / config, split, features)
        return self

    def __exit__(self, kind: type | None, *failure: object) -> None:
        self._open.close()
        if kind is not None:
            return
        self.counted = {config: counts.summary() for config, counts in self.counts.items()}
        # `datasets` cannot open a split without rows, so there is none.
        self.shards = {place: shards for place, shards in self.shards.items() if shards.rows}
        for (config, split), shards in self.shards.items():
            self.patterns.setdefault(config, {})[split] = f"data/{config}/{shards.close()}"
        if "sharegpt" in self.options.layouts:
            self._write_dataset_info()

    def infos(self) -> dict[str, DatasetInfo]:
        """What the card tells `datasets` of each configuration that is written as parquet."""
        infos = {}
        for config in dict.fromkeys(config for config, _ in self.shards):
            own = {split: shards for (name, split), shards in self.shards.items() if name == config}
            splits = {split: SplitInfo(split, shards.bytes, shards.rows) for split, shards in own.items()}
            infos[config] = DatasetInfo(
                features=Features.from_arrow_schema(next(iter(own.values())).schema),
                splits=SplitDict(splits),
                download_size=sum(shards.stored for shards in own.values()),
                dataset_size=sum(shards.bytes for shards in own.values()),
            )
        return infos

    def add(self, rows: list[dict]) -> None:
        """Write kept verified rows, and what is derived of them."""
        for config in self.counts:
            for split in self.options.splits:
                own = [row for row in rows if self.options.split_of(row["video_id"]) == split]
                if own and config == VERIFIED:
                    self._add(config, split, pa.Table.from_pylist(own, schema=verified_features().arrow_schema))
                elif own:
                    self._add_derived(config, split, own)

    def _add_derived(self, config: str, split: str, rows: list[dict]) -> None:
        options, derived = self.options, []
        for row in rows:
            derived += derived_rows(config, row, options.seed, options.subset_sizes, options.answers)
        for row in derived:
            row["group"] = options.group or row["group"]
            if not row["video"] or MEDIA_TAG.search(row["caption"]):  # which a trainer would stumble over
                self.not_in_lines += 1
                continue
            if "published" in options.layouts:
                self._line(f"annotations/{row['group']}/{split}/{config}_{row['group']}.jsonl", to_messages(row), row)
            if "sharegpt" in options.layouts:
                self._line(_sharegpt(config, split), to_conversations(row), row)
        self._add(config, split, pa.Table.from_pylist(derived, schema=SCHEMA))

    def _add(self, config: str, split: str, table: pa.Table) -> None:
        self.counts[config].add(table, split)
        if (config, split) in self.shards:
            self.shards[config, split].write(table)

    def _line(self, path: str, shape: dict, row: CaptionRow) -> None:
        if path not in self._streams:
            self._streams[path] = self._open_file(path)
        self._streams[path].write(as_line(shape, row))

    def _open_file(self, path: str) -> TextIO:
        place = self.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        return self._open.enter_context(place.open("w", encoding="utf-8", newline="\n"))

    def _write_dataset_info(self) -> None:
        """The list of files that LLaMA-Factory looks for, with the release as its `dataset_dir`."""
        columns = {"messages": "conversations", "videos": "videos"}
        info = {
            Path(path).stem: {"file_name": path, "formatting": "sharegpt", "columns": columns}
            for path in self._streams
            if path.startswith("sharegpt/")
        }
        (self.folder / "dataset_info.json").write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8")


def _sharegpt(config: str, split: str) -> str:
    return f"sharegpt/asid_{config}{'' if split == 'train' else f'_{split}'}.jsonl"
