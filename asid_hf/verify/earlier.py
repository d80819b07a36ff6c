"""What the run was that wrote an output, so that it is known again, and loses nothing to another one."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from asid_hf.errors import OutputError
from asid_hf.media_archive import clip_identity
from asid_hf.verify.stage import Row

if TYPE_CHECKING:
    from datasets import Dataset

WORK = ".asid"  # the folder of a run's own state inside the output


def describe_inputs(rows: list[Row], output: Path) -> dict:
    """Tell a run's inputs, without an absolute path or an address.

    Args:
        rows: row skeletons, see `asid_hf.verify.inputs.new_rows`.
        output: folder of the run.

    Returns:
        `captions`, a digest of all, and `videos`: id, place, identity and number of captions of each.

    Example:
        >>> describe_inputs([], Path("out"))["videos"]
        []
    """
    videos = [
        {
            "video_id": row["video_id"],
            "path": _place(row["video"] and row["video"]["path"], output),
            "identity": _identity(row["video"]),
            "captions": len(row["candidates"]),
        }
        for row in rows
    ]
    digest = hashlib.sha256(json.dumps([row["candidates"] for row in rows]).encode())
    return {"captions": digest.hexdigest(), "videos": videos}


def _place(path: str | None, output: Path) -> str | None:
    """Where a video lies, seen from the output; of an address a digest, for it may hold a key."""
    if not path:
        return None
    if "://" in path:
        return hashlib.sha256(path.encode()).hexdigest()
    return os.path.relpath(os.path.realpath(path), os.path.realpath(output))


def _identity(video: dict | None) -> str | None:
    """What changes when a video does: its size and time, or a digest of its bytes; None where there is none."""
    if video is None:
        return None
    if video["bytes"] is not None:
        return hashlib.sha256(video["bytes"]).hexdigest()
    try:
        return clip_identity(video["path"])
    except (OSError, TypeError, ValueError):
        return None


def _earlier(output: Path) -> dict:
    """What the run was that wrote the dataset in an output; empty if there is none."""
    try:
        earlier = json.loads((output / WORK / "run.json").read_text())
    except (OSError, ValueError):
        return {}
    return earlier if isinstance(earlier, dict) and (output / "data").is_dir() else {}


def is_finished(output: Path, run: dict) -> bool:
    """Whether an output holds this very run, finished.

    Example:
        >>> is_finished(Path("no-such-output"), {"videos": []})
        False
    """
    return _earlier(output) == {**run, "finished": True} and (output / "report.json").is_file()


def refuse_loss(output: Path, run: dict) -> None:
    """Refuse a run that would take videos or captions out of an earlier run's dataset.

    A video is the same where its file is the same by place, or by size and time (it was moved); one that is not there
    any more counts as missing.

    Raises:
        OutputError: with what would be lost, and what to do.

    Example:
        >>> refuse_loss(Path("no-such-output"), {"videos": []})
    """
    now: dict[object, list[dict]] = {}
    for video in run["videos"]:
        for key in {("path", video["path"]), ("identity", video["identity"]), ("id", video["video_id"])}:
            now.setdefault(key, []).append(video)
    videos, captions = [], []
    for video in _earlier(output).get("videos", []):
        keys = [(key, video[key]) for key in ("path", "identity") if video[key]] or [("id", video["video_id"])]
        same = [found for key in keys for found in now.get(key, []) if found["identity"] or not video["identity"]]
        if not same:
            videos.append(video["video_id"])
        elif max(found["captions"] for found in same) < video["captions"]:
            captions.append(video["video_id"])
    lacking = [
        f"{what} {', '.join(ids[:5])}{f' and {len(ids) - 5} more' if len(ids) > 5 else ''}"
        for what, ids in (("the video(s)", videos), ("the captions of", captions))
        if ids
    ]
    if lacking:
        raise OutputError(
            f"The output {output} holds a run with {' and '.join(lacking)}, which this run lacks and would lose. "
            "Give all of them, name another --output, or replace the earlier run with --overwrite."
        )


def refuse_nothing_for_something(dataset: Dataset, output: Path) -> None:
    """Keep an earlier dataset with clips in it from being replaced by one without any.

    Raises:
        OutputError: with the reason of the first clip, and what to do.

    Example:
        >>> from datasets import Dataset
        >>> refuse_nothing_for_something(Dataset.from_dict({"status": ["dropped"]}), Path("no-such-output"))
    """
    report = output / "report.json"
    if "kept" in dataset["status"][:] or not _earlier(output) or not report.is_file():
        return
    if not json.loads(report.read_text())["kept"]:
        return
    last = [errors[-1] for errors in dataset["errors"]]
    ruled_out = [error for error in last if error["stage"] == "keep"]
    why, mend = ("The keep rules drop every clip that could be read", "Loosen the keep rules")
    if not ruled_out:
        why, mend = "No clip could be read any more", "Mend the clips"
    raise OutputError(
        f"{why} ({(ruled_out or last)[0]['message']}), so the earlier run in {output} was left as it is. {mend}, name "
        "another --output, or replace it with --overwrite."
    )
