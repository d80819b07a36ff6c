"""`asid describe`: what a user is told of a dataset."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from asid_hf.cli.app import app
from asid_hf.errors import AsidError, InputError, OutputError
from asid_hf.schema import verified_features

HOSTILE = "too many [red]| \x1b[2J findings"


def asid_describe(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["describe", *map(str, arguments)])


def fine(*arguments: object) -> str:
    done = asid_describe(*arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done.output


def refused(*arguments: object) -> AsidError:
    done = asid_describe(*arguments)
    assert isinstance(done.exception, AsidError), done.output
    return done.exception


def words_of(printed: str) -> list[list[str]]:
    """The cells of each printed row."""
    return [[cell.strip() for cell in row.strip("│┃").split("│")] for row in printed.splitlines() if "│" in row]


def verified_row(video_id: str, status: str = "kept", **told: object) -> dict:
    row = dict.fromkeys(verified_features()) | {"video_id": video_id, "status": status, "source": "clips"}
    return {**row, "video": {"path": f"../clips/{video_id}.mp4"}, "caption": "At 2s, a dog runs.", **told}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Single attributes of two groups with 30 bad lines, and verified rows; clips `a`, `v` and one more beside it."""
    root = tmp_path / "release"
    for group, ids in (("finevideo", ("a", "b")), ("mine", ("c",))):
        lines = [
            {
                "video_id": name,
                "attribute": attribute,
                "caption": "A dog runs.",
                "video": f"x/{name}.mp4",
                "duration": 4,
            }
            for name in ids
            for attribute in ("scene", "speech")
        ]
        file = root / "annotations" / group / "train" / f"single_attribute_{group}.jsonl"
        file.parent.mkdir(parents=True)
        bad = ["\x1b[31mnonsense [bold]"] * 30 if group == "mine" else []
        file.write_text("\n".join([*map(json.dumps, lines), *bad]))
    rows = [
        verified_row("v", attributes={"speech": "He sings."}, findings=[{"kind": "error", "attribute": "speech"}]),
        verified_row("w", "dropped", drop_reason=HOSTILE),
    ]
    (root / "data").mkdir()
    pq.write_table(
        pa.Table.from_pylist(rows, schema=verified_features().arrow_schema), root / "data" / "train-0.parquet"
    )
    (tmp_path / "clips").mkdir()
    for name in ("a.mkv", "v.mp4", "nobody.mp4"):
        (tmp_path / "clips" / name).write_bytes(b"film")
    return root


def test_tables_tell_rows_groups_attributes_and_findings(release: Path) -> None:
    printed = fine(release)
    rows = words_of(printed)
    assert ["single_attribute", "finevideo", "4", "2", "4.0", "4.0", "4.0", "0.0"] in rows
    assert ["single_attribute", "all", "6", "3", "4.0", "4.0", "4.0", "0.0"] in rows
    assert ["verified", "clips", "2", "2", "-", "-", "-", "-"] in rows
    assert ["speech", "100.0 %", "50.0 %"] in rows and ["camera", "0.0 %", "0.0 %"] in rows
    assert ["single_attribute", "1", "untold", "6"] in rows
    assert ["error", "1", "0", "speech 1"] in rows and ["kept", "1"] in rows
    assert ["dropped: too many [red]|  [2J findings", "1"] in rows, "as it is, but without what a terminal would do"
    assert "\x1b" not in printed


def test_bad_lines_are_told_and_end_nothing(release: Path) -> None:
    printed = fine(release, "--limit", 3)
    assert "lines that hold no caption: 30" in printed and "... and 27 more" in printed
    assert printed.count("annotations/mine/train/single_attribute_mine.jsonl, line ") == 3
    assert "single_attribute_mine.jsonl, line 3: The line is no JSON" in printed
    assert "hold no caption: 30" in fine(release, "--limit", 0)
    assert "hold no caption: 0" in fine(release, "--group", "finevideo")


def test_rows_without_videos_and_videos_without_rows(release: Path) -> None:
    clips = release.parent / "clips"
    printed = fine(release, "--videos", clips, "--limit", 2)
    assert "videos of rows that are not there: 3\n  b\n  c\n  ... and 1 more\n" in printed
    assert "videos that no row is about: 1\n  nobody.mp4\n" in printed
    assert "videos of rows" not in fine(release)
    (release.parent / "more").mkdir()
    (release.parent / "more" / "b.mp4").write_bytes(b"film")
    printed = fine(release, "--videos", clips, "--videos", release.parent / "more", "--config", "single_attribute")
    assert "videos of rows that are not there: 1\n  c\n" in printed
    assert "videos that no row is about: 2\n  nobody.mp4\n  v.mp4\n" in printed


def test_all_of_it_as_json(release: Path, tmp_path: Path) -> None:
    file = tmp_path / "told.json"
    fine(release, "--json", file, "--videos", tmp_path / "clips", "--limit", 1)
    told = json.loads(file.read_text())
    assert told["configs"]["single_attribute"]["rows"] == 6
    assert told["bad_lines"] == {"annotations/mine/train/single_attribute_mine.jsonl": 30}
    assert [reject["line"] for reject in told["rejects"]] == [3]
    assert told["rows_without_video"] == ["b", "c", "w"] and told["videos_without_rows"] == ["nobody.mp4"]


def test_what_cannot_be_done_is_told(release: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert isinstance(refused(tmp_path / "empty"), InputError)
    assert "There is no folder" in str(refused("no/such/folder"))
    assert "give a list of one or more of" in str(refused(release, "--config", "singles"))
    assert "There is no nowhere" in str(refused(release, "--videos", "nowhere"))
    assert isinstance(refused(release, "--json", tmp_path / "no" / "told.json"), OutputError)


def test_the_command_is_there_with_its_help() -> None:
    command = [sys.executable, "-m", "asid_hf", "describe", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "--videos" in shown and "Exit codes" in shown
