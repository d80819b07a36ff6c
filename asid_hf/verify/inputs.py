"""What a run is given: files, folders, patterns or a saved dataset become row skeletons, each video once."""

from __future__ import annotations

import copy
import glob
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from asid_hf.dataset_builder.sources import BadLine, CaptionRow, read_captions
from asid_hf.errors import InputError
from asid_hf.schema import ATTRIBUTES, Candidate
from asid_hf.verify.stage import Row, public_name

VIDEO_SUFFIXES = frozenset(".mp4 .m4v .mov .mkv .webm .avi .mpg .mpeg .ts .mts .m2ts .flv .wmv .3gp .ogv .mxf".split())
MAX_CAPTION = 50_000  # characters; the longest reference is 6,000, a longer text is a runaway model or an attack
_EMPTY = {
    "duration": None,
    "width": None,
    "height": None,
    "fps": None,
    "has_audio": None,
    "transcript": [],
    "evidence": None,
    "draft": None,
    "sources": [],
    "conflicts": [],
    "attributes": None,
    "caption": None,
    "findings": [],
    "agreement": None,
    "status": "kept",
    "drop_reason": None,
    "errors": [],
    "provenance": None,
    "timings": [],
}


def new_rows(videos: Iterable[str | Path | dict], captions: Mapping[str, list[CaptionRow]] | None = None) -> list[Row]:
    """Make the row skeletons that the stages fill.

    Args:
        videos: paths, or dicts with `video` (a path, bytes or a `datasets` Video value) and optionally `video_id`,
            `source` and `caption`.
        captions: video id -> the captions given for it.

    Returns:
        One row a video, every column of the verified row in place.

    Raises:
        InputError: two videos have the same id (file stem), or one has none.

    Example:
        >>> row = new_rows(["clips/a.mp4"])[0]
        >>> row["video_id"], row["video"]
        ('a', {'path': 'clips/a.mp4', 'bytes': None})
    """
    rows = [_row(video, captions or {}) for video in videos]
    seen: dict[str, object] = {}
    twice = []
    for row in rows:
        if row["video_id"] in seen:
            twice.append(f"{row['video_id']} ({seen[row['video_id']]} and {row['video']['path']})")
        seen.setdefault(row["video_id"], row["video"]["path"])
    if twice:
        raise InputError(
            f"{len(twice)} video id(s) stand for two files: {'; '.join(twice[:5])}. A video's id is its file name "
            "without the ending, and each may come once: rename one of the files or verify them into two outputs."
        )
    return rows


def find_videos(inputs: Iterable[str]) -> Iterator[str]:
    """Resolve files, folders (searched for videos at any depth) and patterns to paths, in sorted order, each once.

    A path that does not exist is passed on, so that it becomes a dropped row with its reason.

    Args:
        inputs: what the user named.

    Yields:
        Paths.

    Raises:
        InputError: a folder without videos or a pattern that matches nothing, when nothing else was found.

    Example:
        >>> list(find_videos(["no-such-clip.mp4"]))
        ['no-such-clip.mp4']
    """
    found: dict[str, str] = {}
    empty = []
    for given in inputs:
        paths = _resolve(given)
        if not paths:
            empty.append(given)
        for path in paths:
            found.setdefault(os.path.realpath(path), path)
    if not found:
        endings = " ".join(sorted(VIDEO_SUFFIXES))
        raise InputError(
            f"No video in {', '.join(map(repr, empty)) or 'nothing'}. Give video files, folders that hold some "
            f"({endings}), a pattern in quotes, or a saved dataset with a `video` column."
        )
    yield from found.values()


def gather_captions(path: str | Path) -> tuple[dict[str, list[CaptionRow]], list[BadLine]]:
    """Read a captions file into captions by video id, and the lines that are none.

    Args:
        path: JSON lines, see `asid_hf.dataset_builder.sources.read_captions`.

    Returns:
        video id -> its captions in file order; the bad lines (also captions of over `MAX_CAPTION` characters).

    Raises:
        CaptionFileError: the file cannot be read.

    Example:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp(), "captions.jsonl")
        >>> _ = file.write_text('{"video_id": "a", "caption": "A dog runs."}')
        >>> gather_captions(file)[0]["a"][0]["caption"]
        'A dog runs.'
    """
    captions: dict[str, list[CaptionRow]] = {}
    bad: list[BadLine] = []
    for number, row in enumerate(read_captions(path), start=1):
        if isinstance(row, BadLine):
            bad.append(row)
        elif len(row["caption"]) > MAX_CAPTION:
            message = f"The caption of {row['video_id']} has {len(row['caption'])} characters; allowed: {MAX_CAPTION}."
            bad.append(BadLine(Path(path).name, number, message))
        else:
            captions.setdefault(row["video_id"], []).append(row)
    return captions, bad


def given_candidate(caption: CaptionRow) -> Candidate:
    """A given caption as a candidate: "given", or "given/<attribute>" where it covers one attribute.

    Example:
        >>> row = {"attributes": ["speech"], "caption": "He speaks."}
        >>> given_candidate(row)["annotator"]
        'given/speech'
    """
    covered = caption["attributes"]
    name = f"given/{covered[0]}" if len(covered) == 1 else "given"
    return Candidate(annotator=name, caption=caption["caption"])


def _row(video: str | Path | dict, captions: Mapping[str, list[CaptionRow]]) -> Row:
    record = video if isinstance(video, dict) and "video" in video else {"video": video}
    value = record["video"]
    if isinstance(value, bytes):
        value = {"path": None, "bytes": value}
    elif not isinstance(value, dict):
        value = {"path": os.fspath(value), "bytes": None}
    value = {"path": value.get("path"), "bytes": value.get("bytes")}
    video_id = record.get("video_id") or (_stem(value["path"]) or None)
    if not video_id:
        raise InputError("A video given as bytes has no name: give it a `video_id`.")
    given = list(captions.get(video_id, []))
    if record.get("caption"):
        given.append(CaptionRow(attributes=list(ATTRIBUTES), caption=record["caption"]))
    candidates = [given_candidate(caption) for caption in given]
    source = record.get("source") or _origin(value["path"])
    row = {"video_id": video_id, "video": value, "source": source, **copy.deepcopy(_EMPTY)}
    return {**row, "candidates": candidates}


def _origin(path: str | None) -> str | None:
    """The folder a video lies in, by name; of an address the host, without the key it may carry."""
    if not path:
        return None
    return urlsplit(path).hostname if "://" in path else Path(path).parent.name or None


def _resolve(given: str) -> list[str]:
    if os.path.isdir(given):
        return sorted(
            os.path.join(folder, name)
            for folder, _, names in os.walk(given)
            for name in names
            if os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES and not name.startswith(".")
        )
    if os.path.lexists(given) or not glob.has_magic(given):
        return [given]
    return sorted(path for path in glob.glob(given, recursive=True) if os.path.isfile(path))


def collect(inputs: Iterable[str], video_root: str | Path | None = None) -> list[str | dict]:
    """Resolve a command's inputs: saved datasets to records, everything else to paths.

    Args:
        inputs: files, folders, patterns, http(s) addresses, or folders with a saved dataset.
        video_root: folder that a dataset's video paths may lie in; default: the dataset's own.

    Returns:
        What `new_rows` takes.

    Raises:
        InputError: nothing to verify, or a saved dataset that cannot be used.

    Example:
        >>> collect(["no-such-clip.mp4"])
        ['no-such-clip.mp4']
    """
    inputs = list(inputs)
    saved = [given for given in inputs if _is_dataset(given)]
    others = [given for given in inputs if given not in saved]
    records = [record for given in saved for record in _dataset_records(Path(given), video_root)]
    return [*records, *(find_videos(others) if others or not saved else [])]


def _is_dataset(given: str) -> bool:
    folder = Path(given)
    return (folder / "state.json").is_file() or (folder / "dataset_dict.json").is_file() or any(_shards(folder))


def _shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("data/*.parquet")) or sorted(folder.glob("*.parquet"))


def _dataset_records(folder: Path, video_root: str | Path | None) -> Iterator[dict]:
    from datasets import Dataset, DatasetDict, Value, Video, concatenate_datasets, load_from_disk

    if _shards(folder):
        dataset = Dataset.from_parquet([str(shard) for shard in _shards(folder)], keep_in_memory=False)
    else:
        dataset = load_from_disk(str(folder))
        dataset = concatenate_datasets(list(dataset.values())) if isinstance(dataset, DatasetDict) else dataset
    if "video" not in dataset.column_names:
        raise InputError(f"The dataset {folder} has no `video` column (it has {', '.join(dataset.column_names)}).")
    if dataset.features["video"] != Value("string"):
        dataset = dataset.cast_column("video", Video(decode=False))
    root = Path(video_root or folder).resolve()
    wanted = [c for c in ("video", "video_id", "source", "caption") if c in dataset.column_names]
    for number, record in enumerate(dataset.select_columns(wanted)):
        value = record["video"]
        value = (
            {"path": value, "bytes": None} if isinstance(value, str) else dict(value or {"path": None, "bytes": None})
        )
        if value["bytes"] is None and value["path"]:
            value["path"] = str(_inside(folder / value["path"], root, folder))
        yield {**record, "video": value, "video_id": record.get("video_id") or _stem(value["path"]) or f"{number:06d}"}


def _stem(path: str | None) -> str:
    return Path(public_name(path)).stem if path else ""


def _inside(path: Path, root: Path, folder: Path) -> Path:
    """A dataset is somebody's file: its paths may only lead where its user lets them."""
    resolved = path.resolve()
    if not resolved.is_relative_to(root):
        raise InputError(
            f"The dataset {folder} names the video {path}, which lies outside {root}. If you trust it, name the folder "
            "that holds the videos with --video-root."
        )
    return resolved
