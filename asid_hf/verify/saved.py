"""Saved datasets as input: their videos, from inside the folders their user names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from asid_hf.errors import InputError
from asid_hf.media_archive import parse_member_address

_ADDRESS = re.compile(r"https?://|hf://datasets/", re.IGNORECASE)
_SAVED = ("state.json", "dataset_dict.json")  # what `save_to_disk` leaves


def is_saved(given: str) -> bool:
    """Whether a path is a folder with a dataset in it: of `save_to_disk`, or with parquet files.

    Example:
        >>> is_saved("clip.mp4")
        False
    """
    return any(os.path.isfile(os.path.join(given, name)) for name in _SAVED) or any(_shards(Path(given)))


def _shards(folder: Path) -> list[Path]:
    if not os.path.isdir(folder):  # which, unlike Path.is_dir, takes any name
        return []
    return sorted(folder.glob("data/*.parquet")) or sorted(folder.glob("*.parquet"))


def saved_records(folder: Path, video_root: str | Path | None = None) -> list[dict]:
    """Read the videos of a saved dataset.

    Args:
        folder: see `is_saved`.
        video_root: folder that the video paths, and archives with videos, may lie in; default: the dataset's own.

    Returns:
        Records with `video`, `video_id` and whichever of `source` and `caption` it has.

    Raises:
        InputError: it cannot be read, has no `video` column, or names a video outside `video_root`.

    Example:
        >>> import tempfile
        >>> from datasets import Dataset
        >>> folder = Path(tempfile.mkdtemp(), "saved")
        >>> Dataset.from_dict({"video": ["a.mp4"]}).save_to_disk(folder)
        >>> saved_records(folder)[0]["video_id"] is None
        True
    """
    from datasets.exceptions import DatasetsError
    from pyarrow import ArrowException

    try:
        return list(_read_records(folder, Path(video_root or folder).resolve()))
    except (OSError, ValueError, TypeError, LookupError, NotImplementedError, DatasetsError, ArrowException) as error:
        cause = error.__cause__ or error
        elsewhere = isinstance(cause, OSError) and cause.filename and not str(cause.filename).startswith(str(folder))
        hint = " If that is the cache, name a folder to write to in HF_DATASETS_CACHE." if elsewhere else ""
        message = f"{type(cause).__name__}: {' '.join(str(cause).split())[:300]}"
        raise InputError(
            f"The saved dataset {folder} cannot be read ({message}). Its column `video` has to hold paths or "
            f"videos.{hint}"
        ) from error


def _read_records(folder: Path, root: Path) -> Iterator[dict]:
    from datasets import Dataset, DatasetDict, Value, Video, concatenate_datasets, load_from_disk
    from pyarrow.parquet import read_metadata

    if _shards(folder):
        filled = [str(shard) for shard in _shards(folder) if read_metadata(shard).num_rows]
        if not filled:  # which `datasets` cannot read
            return
        dataset = Dataset.from_parquet(filled, keep_in_memory=False)
    else:
        dataset = load_from_disk(str(folder))
        dataset = concatenate_datasets(list(dataset.values())) if isinstance(dataset, DatasetDict) else dataset
    if "video" not in dataset.column_names:
        raise InputError(f"The dataset {folder} has no `video` column (it has {', '.join(dataset.column_names)}).")
    if dataset.features["video"] != Value("string"):
        dataset = dataset.cast_column("video", Video(decode=False))
    wanted = [c for c in ("video", "video_id", "source", "caption") if c in dataset.column_names]
    for number, record in enumerate(dataset.select_columns(wanted)):
        value = record["video"]
        if isinstance(value, str) or value is None:
            value = {"path": value, "bytes": None}
        if value["bytes"] is None and value["path"] and _is_local(value["path"]):
            value = {**value, "path": _checked(value["path"], root, folder)}
        if not isinstance(record.get("caption"), str | None):
            raise TypeError(f"the caption of row {number} is no text")
        unnamed = None if value["path"] else f"{number:06d}"
        names = {column: str(record[column]) for column in ("video_id", "source") if record.get(column) is not None}
        yield {**record, "video": value, "video_id": unnamed, **names}


def _is_local(path: str) -> bool:
    """Whether a path leads to a file here: also one that looks like an address, if a folder "http:" makes it one."""
    return "\0" not in path and (os.path.lexists(path) or not _ADDRESS.match(path))


def _checked(path: str, root: Path, folder: Path) -> str:
    """A path or an archive member's address, made absolute, once what it opens was seen to lie inside."""
    member = parse_member_address(path)
    if member and not os.path.lexists(folder / path):
        address = member._replace(archive=str(_inside(folder / member.archive, root, folder))).text
        if not os.path.lexists(address):  # else it is a file's name where we stand, by a folder "zip:"
            return address
        path = os.path.abspath(address)
    return str(_inside(folder / path, root, folder))


def _inside(path: Path, root: Path, folder: Path) -> Path:
    """A dataset is somebody's file: its paths may only lead where its user lets them."""
    resolved = path.resolve()
    if not resolved.is_relative_to(root):
        raise InputError(
            f"The dataset {folder} names the video {path}, which lies outside {root}. If you trust it, name the folder "
            "that holds the videos with --video-root."
        )
    return resolved
