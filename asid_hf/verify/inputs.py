"""What a run is given: files, folders, patterns or a saved dataset become row skeletons, each video once."""

from __future__ import annotations

import copy
import glob
import itertools
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from asid_hf.dataset_builder.sources import BadLine, CaptionRow, read_captions
from asid_hf.errors import InputError
from asid_hf.media_archive import VIDEO_SUFFIXES, member_behind
from asid_hf.schema import ATTRIBUTES, Candidate
from asid_hf.verify.from_hub.address import is_hub_address
from asid_hf.verify.from_hub.files import HubOptions
from asid_hf.verify.saved import is_saved, saved_records
from asid_hf.verify.stage import Row, public_name

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
    "revisions": [],
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
        videos: paths (or addresses of archives' members, see `asid_hf.media_archive`), or dicts with `video` (a path,
            bytes or a `datasets` Video value) and optionally `video_id`, `source`, and `caption` or `captions`.
        captions: video id -> the captions given for it.

    A video's id is the one given with it, else its file name without the ending, led by as many parent folders as tell
    videos of one name apart ("ep1/clip"). A file named twice is one row. What holds no video, or has a name that cannot
    be stored, is a dropped row with its reason.

    Returns:
        One row a video, every column of the verified row in place.

    Raises:
        InputError: two videos have the same id, or one has none.

    Example:
        >>> row = new_rows(["clips/a.mp4"])[0]
        >>> row["video_id"], row["video"]
        ('a', {'path': 'clips/a.mp4', 'bytes': None})
    """
    records = _each_once(map(_record, videos))
    ids = _ids(records)
    rows = [_row(record, video_id, captions or {}) for record, video_id in zip(records, ids, strict=True)]
    seen: dict[str, object] = {}
    twice = []
    for row in rows:
        path = row["video"] and row["video"]["path"]
        if row["video_id"] in seen:
            twice.append(f"{row['video_id']} ({seen[row['video_id']]} and {path})")
        seen.setdefault(row["video_id"], path)
    if twice:
        raise InputError(
            f"{len(twice)} video id(s) stand for two files: {'; '.join(twice[:5])}. A video's id is the one given, or "
            "its file name without the ending, and each may come once: rename one or verify them into two outputs."
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
        InputError: a folder that cannot be listed, or nothing found: folders without videos, patterns without a match.

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
        none = f"There is no video in {', '.join(map(repr, empty))}." if empty else "No video was named."
        raise InputError(
            f"{none} Give video files, folders that hold some "
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


def _record(video: str | Path | dict) -> dict:
    """A video in any accepted form as `video` (a path or bytes), `video_id` (or None), `source` and `captions`."""
    record = video if isinstance(video, dict) and "video" in video else {"video": video}
    value = record["video"]
    if isinstance(value, bytes):
        value = {"path": None, "bytes": value}
    elif not isinstance(value, dict):
        value = {"path": None if value is None else os.fspath(value), "bytes": None}
    return {
        "video": {"path": value.get("path"), "bytes": value.get("bytes")},
        "video_id": record.get("video_id"),
        "source": record.get("source"),
        "captions": [*record.get("captions", ()), *([record["caption"]] if record.get("caption") else [])],
    }


def _each_once(records: Iterable[dict]) -> list[dict]:
    """Records of one file and one id as one, with the captions of all."""
    kept: dict[object, dict] = {}
    for number, record in enumerate(records):
        path, data = record["video"]["path"], record["video"]["bytes"]
        place = _place(path) if path and data is None and "\0" not in path else None
        file = number if place is None else os.path.realpath(place)
        first = kept.setdefault((record["video_id"], file), record)
        first["captions"] = list(dict.fromkeys(first["captions"] + record["captions"]))
    return list(kept.values())


def _ids(records: list[dict]) -> list[str]:
    ids = [record["video_id"] or _stem(record["video"]["path"]) for record in records]
    if not all(ids):
        raise InputError("A video given as bytes has no name: give it a `video_id`.")
    alike = defaultdict(list)
    for index, record in enumerate(records):
        path = record["video"]["path"]
        if not record["video_id"] and _place(path) and _storable(path) == path:
            alike[ids[index]].append(index)
    for stem, indices in alike.items():
        places = [_place(records[index]["video"]["path"]) for index in indices]
        folders = [Path(os.path.abspath(place)).parent.parts[1:] for place in places]
        for depth in range(max(map(len, folders)) + 1):
            names = ["/".join([*parts[max(0, len(parts) - depth) :], stem]) for parts in folders]
            if len(set(names)) == len(names):
                for index, name in zip(indices, names, strict=True):
                    ids[index] = _storable(name)
                break
    taken = set(ids)
    for index, record in enumerate(records):
        path = record["video"]["path"]
        if not record["video_id"] and path and _storable(path) != path and ids.count(ids[index]) > 1:
            # what told the names apart is what cannot be shown
            ids[index] = next(name for n in itertools.count(2) if (name := f"{ids[index]} ({n})") not in taken)
            taken.add(ids[index])
    return ids


def _row(record: dict, video_id: str, captions: Mapping[str, list[CaptionRow]]) -> Row:
    path, data = record["video"]["path"], record["video"]["bytes"]
    own = [CaptionRow(attributes=list(ATTRIBUTES), caption=caption) for caption in record["captions"]]
    row = {
        "video_id": video_id,
        "video": {"path": path and _storable(path), "bytes": data} if path or data is not None else None,
        "source": record["source"] or (path and _storable(_origin(path) or "")) or None,
        **copy.deepcopy(_EMPTY),
        "candidates": [given_candidate(caption) for caption in [*captions.get(video_id, []), *own]],
    }
    if row["video"] is None:
        return {**row, **_dropped("empty", "The row holds no video: neither a path nor bytes.")}
    if path and _storable(path) != path:
        name = public_name(_storable(_place(path) or path))
        return {
            **row,
            **_dropped(
                "unreadable", f"The path of {name} is not UTF-8, or holds a zero byte, and cannot be stored: rename it."
            ),
        }
    return row


def _dropped(reason: str, message: str) -> Row:
    error = {"stage": "inputs", "kind": reason, "message": message}
    return {"status": "dropped", "drop_reason": reason, "errors": [error]}


def _storable(name: str) -> str:
    """A file's name with the bytes that are not UTF-8, or no file's name can hold, replaced."""
    return re.sub("[\0\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", name)


def _origin(path: str | None) -> str | None:
    """The folder a video lies in, by name; of an address the host, without the key it may carry."""
    if not path:
        return None
    if place := _place(path):
        return Path(place).parent.name or None
    try:
        return urlsplit(path).hostname
    except ValueError:  # brackets that hold no IPv6 address
        return None


def _place(path: str) -> str | None:
    """A video's path, as though an archive were a folder; None of an address, which tells nothing of folders here."""
    if member := member_behind(path):
        return os.path.join(member.archive, member.member.lstrip("/"))
    return None if "://" in path else path


def _resolve(given: str) -> list[str]:
    if os.path.isdir(given):
        return sorted(
            os.path.join(folder, name)
            for folder, _, names in os.walk(given, onerror=_refuse)
            for name in names
            if os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES and not name.startswith(".")
        )
    if os.path.lexists(given) or not glob.has_magic(given):
        return [given]
    return sorted(path for path in glob.glob(given, recursive=True) if os.path.isfile(path))


def _refuse(error: OSError) -> None:
    raise InputError(f"The folder {error.filename} cannot be read: {error.strerror}.") from error


def collect(
    inputs: Iterable[str], video_root: str | Path | None = None, hub: HubOptions | None = None
) -> list[str | dict]:
    """Resolve a command's inputs: datasets, on the Hub or saved, to records, everything else to paths.

    Args:
        inputs: files, folders, patterns, http(s) addresses, folders with a saved dataset, or hf:// addresses of
            datasets on the Hub.
        video_root: folder that a saved dataset's video paths may lie in; default: the dataset's own.
        hub: what to take of datasets on the Hub, where their addresses leave it open.

    Returns:
        What `new_rows` takes.

    Raises:
        InputError: nothing to verify, or a dataset that cannot be used.

    Example:
        >>> collect(["no-such-clip.mp4"])
        ['no-such-clip.mp4']
    """
    from asid_hf.verify.from_hub.source import hub_records  # whose readers know the endings in this file

    inputs = list(inputs)
    datasets = [given for given in inputs if is_hub_address(given) or is_saved(given)]
    others = [given for given in inputs if given not in datasets]
    records: list[str | dict] = []
    for given in datasets:
        records += hub_records(given, hub) if is_hub_address(given) else saved_records(Path(given), video_root)
    return [*records, *(find_videos(others) if others or not datasets else [])]


def _stem(path: str | None) -> str:
    """The file's name without the ending; of a local path that ends in ".." the folder's own."""
    if not path:
        return ""
    place = _place(path)
    return Path(_storable(public_name(path if place is None else os.path.abspath(place)))).stem
