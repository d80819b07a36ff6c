"""What a release holds, counted from its files, against the same numbers counted in plain Python."""

from __future__ import annotations

import json
import re
import statistics as plain
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from asid_hf.dataset_builder.counting import InstructionCounts, VerifiedCounts
from asid_hf.dataset_builder.spreads import AnchorSample, Spread, count_words
from asid_hf.dataset_builder.statistics import release_statistics
from hypothesis import given
from hypothesis import strategies as st

from asid_hf.errors import InputError
from asid_hf.schema import ATTRIBUTES, verified_features

CAPTIONS = (
    "At 4s, the man speaks. At 9s, he goes.",
    "A dog runs.  “Here!”\nAt 7s, it stops; at 3s, it barked.",
    "Nothing moves.",
)


def line(video_id: str, caption: str, instruction: str, **told: object) -> str:
    messages = [{"role": "user", "content": instruction}, {"role": "assistant", "content": caption}]
    return json.dumps({"messages": messages, "videos": [f"videos/{video_id}.mp4"], **told})


def write_published(root: Path, config: str, group: str, lines: list[str]) -> Path:
    file = root / "annotations" / group / "train" / f"{config}_{group}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def write_release(root: Path) -> Path:
    """Two groups of single attributes, one of all; the fifth line of finevideo's holds no caption."""
    single = [
        line(
            f"{video:011d}", CAPTIONS[(video + place) % 3], f"<video>Describe the {name} in the video.", duration=video
        )
        for video in range(1, 9)
        for place, name in enumerate(ATTRIBUTES[: 4 + video % 5])
    ]
    write_published(root, "single_attribute", "finevideo", [*single[:4], "nonsense", *single[4:]])
    write_published(root, "single_attribute", "0_30_s_youtube_v0_1", [line("ytb", "It pans.", "Describe the camera.")])
    write_published(root, "all_attributes", "finevideo", [line(f"{v:011d}", CAPTIONS[0], "Tell.") for v in range(9)])
    return root


def verified_row(video_id: str, status: str = "kept", **told: object) -> dict:
    row = dict.fromkeys(verified_features()) | {"video_id": video_id, "status": status, "source": "my clips"}
    return {**row, "caption": f"At 1s, {video_id} runs.", "findings": [], **told}


def finding(kind: str, attribute: str, resolved: bool) -> dict:
    return {"kind": kind, "attribute": attribute, "resolved": resolved}


def write_verified(root: Path, rows: list[dict]) -> Path:
    (root / "data").mkdir(parents=True, exist_ok=True)
    schema = verified_features().arrow_schema
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), root / "data" / "train-00000-of-00001.parquet")
    return root


VERIFIED_ROWS = [
    verified_row(
        "a",
        duration=4.0,
        has_audio=True,
        attributes={"scene": "A room.", "speech": " "},
        agreement={"scene": 0.5, "camera": float("nan")},
        findings=[finding("error", "scene", True), finding("error", "camera", False)],
    ),
    verified_row("b", duration=8.0, has_audio=False, attributes={"scene": "A hall."}, agreement={"scene": 1.0}),
    verified_row("c", "dropped", drop_reason="too many | findings", findings=[finding("missing", "speech", False)]),
    verified_row("d", "dropped", has_audio=True),
]


def test_an_instruction_configuration_is_counted_as_plain_python_counts_it(tmp_path: Path) -> None:
    told = release_statistics(str(write_release(tmp_path)))
    assert list(told["configs"]) == ["all_attributes", "single_attribute"]
    single = told["configs"]["single_attribute"]
    rows = [(v, n, CAPTIONS[(v + p) % 3]) for v in range(1, 9) for p, n in enumerate(ATTRIBUTES[: 4 + v % 5])]
    counts = Counter(name for _, name, _ in rows)
    captions = [caption for _, _, caption in rows] + ["It pans."]
    words = [len(caption.split()) for caption in captions]
    assert (single["rows"], single["videos"], single["splits"]) == (len(rows) + 1, 9, {"train": len(rows) + 1})
    known = {"videos": 8, "min": 1.0, "median": 4.5, "max": 8.0, "hours": 0.01}
    assert single["groups"] == {
        "0_30_s_youtube_v0_1": {"rows": 1, "videos": 1, "durations": None},
        "finevideo": {"rows": len(rows), "videos": 8, "durations": known},
    }
    assert single["durations"] == known
    assert single["words"]["mean"] == round(plain.mean(words), 2) and single["words"]["max"] == max(words)
    assert single["words"]["median"] == plain.median(words)
    assert single["characters"]["mean"] == round(plain.mean(map(len, captions)), 2)
    own = {
        name: {"rows": counts[name] + (name == "camera"), "videos": counts[name] + (name == "camera")}
        for name in counts
    }
    assert single["attributes"] == own
    assert single["sizes"] == {"1": {"untold": len(rows) + 1}}
    assert single["instructions"] == len(counts) + 1
    assert single["anchors"]["captions"] == len(captions)
    assert single["anchors"]["mean"] == round(2 * sum("At" in caption for caption in captions) / len(captions), 2)
    assert single["anchors"]["with_points"] == sum("At" in caption for caption in captions)
    rising = captions.count(CAPTIONS[0]) / single["anchors"]["with_points"]
    assert single["anchors"]["rising"] == round(rising, 4)
    assert json.loads(json.dumps(told)) == told


def test_bad_lines_are_counted_by_file_told_and_passed_over(tmp_path: Path) -> None:
    bad = []
    told = release_statistics(str(write_release(tmp_path)), ["single_attribute"], on_reject=bad.append)
    file = "annotations/finevideo/train/single_attribute_finevideo.jsonl"
    assert told["bad_lines"] == {file: 1}
    assert [(one.file, one.line) for one in bad] == [(file, 5)]


def test_configurations_and_groups_are_chosen(tmp_path: Path) -> None:
    write_release(tmp_path)
    write_published(tmp_path, "raw", "0_30_s_youtube_v0_1", [line("ytb", "It pans.", "Tell.")])
    told = release_statistics(str(tmp_path), groups=["0_30_s_youtube_v0_1"])["configs"]
    assert {name: list(own["groups"]) for name, own in told.items()} == {
        "single_attribute": ["0_30_s_youtube_v0_1"],
        "raw": ["0_30_s_youtube_v0_1"],
    }
    assert list(release_statistics(str(tmp_path), ["raw"])["configs"]) == ["raw"]


def test_what_would_be_derived_is_not_counted(tmp_path: Path) -> None:
    write_published(tmp_path, "single_attribute", "g", [line("a", "A room.", "Describe the scene.")])
    assert list(release_statistics(str(tmp_path))["configs"]) == ["single_attribute"]
    with pytest.raises(InputError, match="multi_attribute: they would be derived"):
        release_statistics(str(tmp_path), ["multi_attribute"])
    verified = write_verified(tmp_path / "verified", VERIFIED_ROWS)
    assert list(release_statistics(str(verified))["configs"]) == ["verified"]


def test_verified_rows_are_counted_with_their_findings(tmp_path: Path) -> None:
    told = release_statistics(str(write_verified(tmp_path, VERIFIED_ROWS)))["configs"]["verified"]
    assert told["verification"] == {
        "kept": 2,
        "dropped": {"too many | findings": 1, "no reason": 1},
        "findings": {
            "error": {"count": 2, "resolved": 1, "attributes": {"camera": 1, "scene": 1}},
            "missing": {"count": 1, "resolved": 0, "attributes": {"speech": 1}},
        },
        "agreement": {"scene": 0.75},
        "with_sound": 2,
        "without_sound": 1,
    }
    assert told["groups"]["my_clips"]["durations"] == {"videos": 2, "min": 4.0, "median": 6.0, "max": 8.0, "hours": 0.0}
    assert told["attributes"]["scene"] == {"rows": 2, "videos": 2}
    assert told["attributes"]["speech"] == {"rows": 0, "videos": 0}
    assert told["words"]["mean"] == 4 and told["anchors"]["captions"] == 2, "captions of rows that were kept"


def test_parquet_of_a_build_is_counted_by_split_and_group(tmp_path: Path) -> None:
    row = {"instruction": "?", "caption": "A b c.", "video": "a.mp4", "attributes": ["scene", "camera", "mine"]}
    for split, group in (("train", "x"), ("validation", "y")):
        rows = [{**row, "video_id": split, "group": group, "extra": '{"answer_form": "json", "duration": 3}'}]
        (tmp_path / "data" / "multi_attribute").mkdir(parents=True, exist_ok=True)
        file = tmp_path / "data" / "multi_attribute" / f"{split}-00000-of-00001.parquet"
        pq.write_table(pa.Table.from_pylist(rows), file)
    told = release_statistics(str(tmp_path))["configs"]["multi_attribute"]
    assert told["splits"] == {"train": 1, "validation": 1}
    assert told["sizes"] == {"2": {"json": 2}}
    assert list(release_statistics(str(tmp_path), groups=["y"])["configs"]["multi_attribute"]["groups"]) == ["y"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data_dir": "no such folder"}, "There is no folder no such folder"),
        ({"configs": ["all"]}, "give a list of one or more of all_attributes"),
        ({"configs": "raw"}, "give a list of one or more of all_attributes"),
        ({"groups": ["nobody's"]}, "holds no rows"),
    ],
)
def test_what_cannot_be_counted_is_an_input_error(tmp_path: Path, arguments: dict, message: str) -> None:
    write_release(tmp_path)
    with pytest.raises(InputError, match=message):
        release_statistics(**{"data_dir": str(tmp_path), **arguments})


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "train-0.parquet").write_bytes(b"PAR1 no parquet")
    with pytest.raises(InputError, match=r"data/train-0\.parquet cannot be read"):
        release_statistics(str(tmp_path))


def test_what_an_extra_tells_is_taken_only_where_it_is_true() -> None:
    extras = [
        "null",
        "[1]",
        "no json",
        '{"duration": true}',
        '{"duration": "3"}',
        '{"duration": -1}',
        '{"duration": NaN}',
        '{"duration": 1e999}',
        '{"duration": 1' + "0" * 400 + "}",
        '{"answer_form": ["text"]}',
        "[" * 100_000,
        None,
        '{"duration": 2.5, "answer_form": "text"}',
    ]
    row = {"group": "g", "attributes": ["scene"], "instruction": "", "caption": "A."}
    counts = InstructionCounts()
    counts.add(pa.Table.from_pylist([{**row, "video_id": str(i), "extra": extra} for i, extra in enumerate(extras)]))
    told = counts.summary()
    assert told["durations"] == {"videos": 1, "min": 2.5, "median": 2.5, "max": 2.5, "hours": 0.0}
    assert told["sizes"] == {"1": {"text": 1, "untold": len(extras) - 1}}
    assert told["instructions"] == 0


def test_nothing_at_all_and_rows_of_nulls_are_counted_too() -> None:
    assert InstructionCounts().summary()["words"] is None
    assert VerifiedCounts().summary()["verification"]["kept"] == 0
    columns = ("video_id", "group", "instruction", "caption", "extra")
    table = pa.table(
        {
            **{name: pa.nulls(2, pa.string()) for name in columns},
            "attributes": pa.array([None, []], pa.list_(pa.string())),
        }
    )
    counts = InstructionCounts()
    counts.add(table.slice(1))
    counts.add(table)
    assert counts.summary()["rows"] == 3 and counts.summary()["sizes"] == {"0": {"untold": 3}}


texts = st.lists(st.text(st.sampled_from("ab\u00e9\u201c \t\n"), max_size=30), max_size=8)


@given(texts, st.integers(0, 3))
def test_words_are_what_stands_between_whitespace(some: list[str], skipped: int) -> None:
    array = pa.array(some, pa.string()).slice(skipped)
    assert count_words(array).tolist() == [len(re.findall(r"[^ \t\n]+", text)) for text in some[skipped:]]


@given(st.lists(st.lists(st.integers(0, 50), max_size=30), min_size=1, max_size=4).filter(any))
def test_a_spread_is_numpys(tables: list[list[int]]) -> None:
    spread = Spread()
    for numbers in tables:
        spread.add(np.array(numbers, np.int64))
    told, every = spread.summary(), np.concatenate([np.array(numbers) for numbers in tables])
    for name, share in (("p5", 5), ("median", 50), ("p95", 95)):
        assert told[name] == pytest.approx(np.percentile(every, share), abs=0.006)
    assert (told["mean"], told["max"]) == (pytest.approx(every.mean(), abs=0.006), every.max())


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from("gh"), st.lists(st.sampled_from(ATTRIBUTES), max_size=9)),
        min_size=1,
    ),
    st.integers(1, 5),
)
def test_attributes_and_videos_are_counted_in_tables_of_any_size(rows: list[tuple], size: int) -> None:
    counts = InstructionCounts()
    given_rows = [
        {"video_id": v, "group": g, "attributes": names, "instruction": "?", "caption": "A", "extra": None}
        for v, g, names in rows
    ]
    table = pa.Table.from_pylist(given_rows).cast(
        pa.schema([(n, pa.list_(pa.string()) if n == "attributes" else pa.string()) for n in given_rows[0]])
    )
    for start in range(0, len(rows), size):
        counts.add(table.slice(start, size))
    told = counts.summary()
    for name in ATTRIBUTES:
        own = [video for video, _, names in rows if name in names]
        assert told["attributes"][name] == {"rows": len(own), "videos": len(set(own))}
    sizes = Counter(str(len(set(names))) for _, _, names in rows)
    assert told["sizes"] == {size: {"untold": count} for size, count in sorted(sizes.items())}
    assert {g: own["videos"] for g, own in told["groups"].items()} == {
        group: len({v for v, g, _ in rows if g == group}) for group in {g for _, g, _ in rows}
    }


def test_the_sample_of_captions_is_the_same_however_they_come() -> None:
    captions = pa.array([f"At {number}s, it rings." for number in range(500)])
    kept = []
    for size in (500, 7):
        sample = AnchorSample(seed=3, size=40)
        for start in range(0, 500, size):
            sample.add(captions.slice(start, size))
        kept.append(sorted(text for _, text in sample._kept))
    assert kept[0] == kept[1] and len(set(kept[0])) == 40
    assert sample.summary()["captions"] == 40
    numbers = [int(re.search(r"\d+", text)[0]) for text in kept[0]]
    assert min(numbers) < 100 and max(numbers) > 400, "from all of them"
