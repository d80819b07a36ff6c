"""The contract every stage keeps."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from datasets import Dataset
from datasets.fingerprint import Hasher

from asid_hf.errors import InputError, MediaError
from asid_hf.verify.stage import Chain, Row, Stage, versions
from asid_hf.verify.transcribe import Transcribe


@dataclass(frozen=True)
class Halve(Stage):
    name, reads, writes = "halve", ("number",), ("number",)

    def run(self, row: Row) -> Row:
        if row["number"] == 13:
            raise MediaError("damaged", "13 cannot be read")
        if row["number"] % 2:
            raise ValueError(f"{row['number']} is odd")
        return {"number": row["number"] // 2}


def test_one_bad_row_stops_no_other_row() -> None:
    rows = Dataset.from_dict({"number": [4, 5, 8]}).map(Halve(), batched=True, batch_size=3)
    assert rows["number"][:] == [2, 5, 4]
    assert [[error["message"] for error in errors] for errors in rows["errors"]] == [[], ["5 is odd"], []]
    assert rows["status"][:] == ["kept"] * 3


def test_an_unreadable_clip_drops_its_row_with_the_reason_and_later_stages_pass_it_by() -> None:
    row = Chain((Halve(), Halve()))({"number": [13, 8]})
    assert row["status"] == ["dropped", "kept"]
    assert row["drop_reason"] == ["damaged", None]
    assert len(row["errors"][0]) == 1
    assert row["number"] == [13, 2]


def test_a_missing_column_is_named_with_what_to_do() -> None:
    with pytest.raises(InputError, match=r"'halve' reads the column\(s\) number.*it has text.*new_rows"):
        Halve()({"text": ["a"]})


def test_another_version_or_option_is_another_fingerprint() -> None:
    assert Hasher.hash(Halve()) == Hasher.hash(Halve())
    assert Hasher.hash(Halve()) != Hasher.hash(Halve(version="2"))


def test_an_empty_batch_is_no_error() -> None:
    assert Halve()({"number": []})["number"] == []


def test_seconds_are_kept_where_a_run_asks_for_them() -> None:
    timings = Halve()({"number": [4], "timings": [[]]})["timings"]
    assert [t["stage"] for t in timings[0]] == ["halve"]
    assert timings[0][0]["seconds"] >= 0


def test_what_is_recorded_of_a_stage_names_no_folder_of_this_machine() -> None:
    told = versions(
        [Transcribe(recogniser="whisper:/home/me/models/mine"), Transcribe(recogniser="whisper:/other/mine")]
    )
    assert "/home" not in str(told) and "/other" not in str(told)
    assert "whisper:mine#" in told[0]["version"]
    assert told[0] != told[1]
