"""Inputs as given: ids of videos, saved datasets that cannot be used, what counts once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from datasets import Dataset

from asid_hf.errors import InputError
from asid_hf.verify import inputs
from asid_hf.verify.inputs import collect, new_rows


def ids(*videos: object) -> list[str]:
    return [row["video_id"] for row in new_rows(videos)]


def test_videos_of_one_name_are_told_apart_by_as_few_folders_as_will_do() -> None:
    assert ids("ep1/clip.mp4", "ep2/clip.mp4", "ep2/other.mp4") == ["ep1/clip", "ep2/clip", "other"]
    assert ids("x/ep1/clip.mp4", "y/ep1/clip.mp4") == ["x/ep1/clip", "y/ep1/clip"]
    assert ids("/clip.mp4", "/x/clip.mp4") == ["clip", "x/clip"]


def test_an_id_leads_nowhere(tmp_path: Path) -> None:
    for name in ids("../clip.mp4", "../../clip.mp4", "a/../../clip.mp4", "/b/clip.mp4", "..", "a/../b/../c/clip.mp4"):
        assert ".." not in name.split("/") and not name.startswith("/"), name


def test_a_file_given_twice_counts_once_with_the_captions_of_both(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"film")
    (tmp_path / "link.mp4").symlink_to("clip.mp4")
    videos = [tmp_path / "clip.mp4", tmp_path / "link.mp4", {"video": str(tmp_path / "clip.mp4"), "caption": "A dog."}]
    (row,) = new_rows(videos)
    assert row["video_id"] == "clip"
    assert [candidate["caption"] for candidate in row["candidates"]] == ["A dog."]
    assert len(collect([str(tmp_path), str(tmp_path / "clip.mp4")])) == 1


def _junk(folder: Path) -> None:
    (folder / "a.parquet").write_bytes(b"PAR1 junk")


def _truncated(folder: Path) -> None:
    parquet.write_table(pa.table({"video": ["a.mp4"] * 100}), folder / "a.parquet")
    (folder / "a.parquet").write_bytes((folder / "a.parquet").read_bytes()[:-20])


def _truncated_arrow(folder: Path) -> None:
    Dataset.from_dict({"video": ["a.mp4"] * 100}).save_to_disk(folder)
    (file,) = folder.glob("*.arrow")
    file.write_bytes(file.read_bytes()[:100])


def _no_state(folder: Path) -> None:
    (folder / "state.json").write_text("[]")


UNUSABLE: dict[str, Callable[[Path], object]] = {
    "junk": _junk,
    "zero bytes": lambda folder: (folder / "a.parquet").write_bytes(b""),
    "truncated": _truncated,
    "truncated arrow": _truncated_arrow,
    "no state": _no_state,
    "numbers": lambda folder: parquet.write_table(pa.table({"video": [1, 2]}), folder / "a.parquet"),
    "lists": lambda folder: parquet.write_table(pa.table({"video": [["a.mp4"]]}), folder / "a.parquet"),
    "number as caption": lambda folder: parquet.write_table(
        pa.table({"video": ["a.mp4"], "caption": [1]}), folder / "a.parquet"
    ),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_saved_dataset_that_cannot_be_used_is_named_in_one_line(kind: str, tmp_path: Path) -> None:
    UNUSABLE[kind](tmp_path)
    with pytest.raises(InputError, match=r"The saved dataset .* cannot be read") as raised:
        collect([str(tmp_path)])
    assert "\n" not in str(raised.value)


def test_an_empty_saved_dataset_gives_no_video(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"video": pa.array([], pa.string())}), tmp_path / "a.parquet")
    assert collect([str(tmp_path)]) == []


def test_a_cache_that_cannot_be_written_is_told_from_the_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "saved").mkdir()
    parquet.write_table(pa.table({"video": ["a.mp4"]}), tmp_path / "saved" / "a.parquet")
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "file" / "cache")
    with pytest.raises(InputError, match="HF_DATASETS_CACHE"):
        collect([str(tmp_path / "saved")])


def test_a_folder_that_cannot_be_listed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: str) -> None:  # root, as whom tests may run, is forbidden nothing
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(inputs.os, "scandir", forbidden)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        collect([str(tmp_path)])


def test_a_path_that_looks_like_an_address_does_not_lead_out_of_a_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Dataset.from_dict({"video": ["http://../../secret.mp4"]}).save_to_disk(tmp_path / "saved")
    (tmp_path / "saved" / "http:").mkdir()
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    monkeypatch.chdir(tmp_path / "saved")
    with pytest.raises(InputError, match="lies outside"):
        collect(["."])
