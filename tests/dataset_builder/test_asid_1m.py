"""`load_dataset("asid-1m")` on folders: configurations, choices, splits, side table, videos, caching."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest
from asid_hf.dataset_builder.asid_1m import Asid1M
from asid_hf.dataset_builder.build import BuildOptions, build
from asid_hf.dataset_builder.joined import match_videos
from asid_hf.dataset_builder.rejects import read_rejects
from asid_release import (
    GROUPS,
    caption_of,
    file_of,
    lines_of,
    published_line,
    verified_row,
    write_lines,
    write_release,
    write_verified,
)
from datasets import Video, load_dataset, load_dataset_builder
from datasets.exceptions import DatasetGenerationError

import asid_hf  # noqa: F401, makes "asid-1m" known
from asid_hf.errors import CaptionFileError, InputError
from asid_hf.schema import ATTRIBUTES, verified_features

COLUMNS = ["video_id", "group", "attributes", "instruction", "caption", "video", "extra"]
ALL = ("all_attributes", "single_attribute", "raw")


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return write_release(tmp_path / "release", configs=ALL)


def load(data_dir: Path | str, config: str | None = None, split: str | None = "train", **options: object):
    return load_dataset("asid-1m", config, data_dir=str(data_dir), split=split, **options)


def test_the_default_is_all_attributes_of_every_group_in_the_published_order(release: Path) -> None:
    rows = load(release)
    assert rows.column_names == COLUMNS
    assert rows["video_id"][:] == [f"v{n}_{group}" for group in GROUPS for n in range(3)]
    assert rows[0]["caption"] == caption_of("v0_0_30_s_youtube_v0_1", "all_attributes")
    assert (rows[0]["instruction"], rows[0]["attributes"]) == ("Describe everything.", list(ATTRIBUTES))
    assert rows[0]["video"] == "videos/v0_0_30_s_youtube_v0_1.mp4" and rows[0]["group"] == GROUPS[0]


def test_a_single_attribute_is_told_by_its_instruction(release: Path) -> None:
    rows = load(release, "single_attribute", groups=["finevideo"])
    assert rows["attributes"][:8] == [[name] for name in ATTRIBUTES]
    assert set(rows["group"]) == {"finevideo"} and len(rows) == 24
    chosen = load(release, "single_attribute", attributes=["Narrative elements", "speech"])
    assert {tuple(names) for names in chosen["attributes"]} == {("narrative_elements",), ("speech",)}


@pytest.mark.parametrize("config", ["single_attribute", "multi_attribute"])
def test_a_stream_and_several_processes_give_the_same_rows(release: Path, config: str) -> None:
    rows = load(release, config).to_list()
    assert list(load(release, config, streaming=True)) == rows
    assert load(release, config, num_proc=2).to_list() == rows


def test_columns_are_chosen(release: Path) -> None:
    assert load(release, columns=["caption", "video_id"]).column_names == ["caption", "video_id"]
    assert list(next(iter(load(release, columns=["caption"], streaming=True)))) == ["caption"]


def test_subsets_are_made_of_the_single_captions_as_they_are(release: Path) -> None:
    single = {(r["video_id"], r["attributes"][0]): r["caption"] for r in load(release, "single_attribute")}
    rows = load(release, "multi_attribute")
    assert len(rows) == 6 * 6
    forms = set()
    for row in rows:
        form = json.loads(row["extra"])["answer_form"]
        forms.add(form)
        parts = [(name, single[row["video_id"], name]) for name in row["attributes"]]
        if form == "json":
            assert json.loads(row["caption"]) == dict(parts)
        else:
            labelled = [f"{name.replace('_', ' ').capitalize()}: {text}" for name, text in parts]
            assert row["caption"] == "\n\n".join(labelled)
        assert row["attributes"] == [name for name in ATTRIBUTES if name in row["attributes"]]
    assert forms == {"text", "json"}
    sizes = [len(row["attributes"]) for row in rows]
    assert sorted(sizes) == sorted([2, 3, 4, 5, 6, 7] * 6)


def test_subsets_follow_their_seed_sizes_forms_and_attributes(release: Path) -> None:
    one, other = (load(release, "multi_attribute", seed=seed).to_list() for seed in (0, 1))
    assert one != other and one == load(release, "multi_attribute", seed=0).to_list()
    few = load(release, "multi_attribute", subset_sizes=[2], answers=["json"], attributes=["scene", "speech", "camera"])
    assert {len(names) for names in few["attributes"]} == {2} and len(few) == 6
    assert {name for names in few["attributes"] for name in names} <= {"scene", "speech", "camera"}
    assert all(json.loads(text) for text in few["caption"])


def test_what_was_drawn_already_is_drawn_anew_where_that_can_be_and_else_refused(tmp_path: Path) -> None:
    folder = write_verified(tmp_path / "verified", [verified_row("a"), verified_row("b")])
    build([str(folder)], tmp_path / "release", BuildOptions(subset_sizes=(2,), layouts=("published",)))
    assert {len(names) for names in load(tmp_path / "release", "multi_attribute")["attributes"]} == {2}
    anew = load(tmp_path / "release", "multi_attribute", subset_sizes=[5])  # of the single captions beside
    assert {len(names) for names in anew["attributes"]} == {5}
    with pytest.raises(
        InputError, match="seed: these files have the rows of all_attributes as they are, nothing is drawn"
    ):
        load(tmp_path / "release", seed=3)
    shutil.rmtree(tmp_path / "release" / "annotations" / "0_30_s_youtube_v0_1" / "train")
    with pytest.raises(InputError, match="holds no rows of 'multi_attribute'"):
        load(tmp_path / "release", "multi_attribute", subset_sizes=[5])
    assert load(folder, seed=1)["instruction"][:] != load(folder, seed=2)["instruction"][:]


def test_scattered_rows_of_a_video_come_together(tmp_path: Path) -> None:
    lines = [line for n in range(4) for line in lines_of("single_attribute", f"v{n}")]
    write_lines(file_of(tmp_path, "single_attribute", "finevideo"), lines[::2] + lines[1::2])
    rows = load(tmp_path, "multi_attribute", subset_sizes=[7])
    assert sorted(rows["video_id"]) == ["v0", "v1", "v2", "v3"]


def test_every_configuration_opens_from_what_verify_wrote(tmp_path: Path) -> None:
    rows = [
        verified_row("a"),
        verified_row("b", status="dropped", drop_reason="silent"),
        verified_row("c", duration=90),
    ]
    rows[2]["attributes"]["speech"] = ""
    folder = write_verified(tmp_path / "verified", rows)
    assert load(folder, "verified").features == verified_features()
    assert load(folder, "verified")["video_id"][:] == ["a", "b", "c"]
    assert load(folder)["caption"][:] == [caption_of("a", "all_attributes"), caption_of("c", "all_attributes")]
    single = load(folder, "single_attribute")
    assert len(single) == 15 and single[0]["caption"] == caption_of("a", "scene")
    assert single[0]["group"] == "0_30_s_youtube_v0_1" and single[0]["extra"] == '{"duration": 4.5}'
    assert len(load(folder, "multi_attribute")) == 12
    with pytest.raises(InputError, match="holds no rows of 'raw'"):
        load(folder, "raw")


@pytest.mark.parametrize("part", ["annotations/finevideo", "annotations/finevideo/train", "videos"])
def test_a_folder_inside_a_release_is_told_which_is_the_whole(tmp_path: Path, part: str) -> None:
    release = write_release(tmp_path / "release", 1, ["finevideo"], ["raw"])
    (release / "videos").mkdir()
    with pytest.raises(InputError, match=f"whole release is {re.escape(str(release))}.$"):
        Asid1M(config_name="raw", data_dir=str(release / part))


def test_a_folder_beside_a_release_is_not_told_to_be_part_of_it(tmp_path: Path) -> None:
    write_release(tmp_path, 1, ["finevideo"], ["raw"])
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match=r"Check the folder\.$"):
        Asid1M(config_name="raw", data_dir=str(tmp_path / "other"))
    with pytest.raises(InputError, match=r"of the groups mine it has none\.$"):
        Asid1M(config_name="raw", data_dir=str(tmp_path / "annotations" / "finevideo"), groups=["mine"])


def test_durations_are_chosen_by_the_row_else_by_the_range_of_its_group(tmp_path: Path) -> None:
    group = "0_30_s_youtube_v0_1"
    lines = [published_line("Tell.", "x", f"{n}.mp4", duration=n) for n in (5, 25)] + [
        published_line("Tell.", "x", "untold.mp4")
    ]
    write_lines(file_of(tmp_path, "all_attributes", group), lines)
    write_lines(file_of(tmp_path, "all_attributes", "own"), [published_line("Tell.", "x", "nobody_knows.mp4")])
    assert load(tmp_path, max_duration=30)["video_id"][:] == ["5", "25", "untold"]
    assert load(tmp_path, max_duration=10)["video_id"][:] == ["5"]
    assert load(tmp_path, min_duration=20)["video_id"][:] == ["25"]
    folder = write_verified(tmp_path / "verified", [verified_row("a"), verified_row("b", duration=90.0)])
    assert load(folder, "verified", min_duration=60)["video_id"][:] == ["b"]


def test_the_held_out_split_is_by_video_and_stays_as_data_grows(tmp_path: Path) -> None:
    def ids(videos: int, config: str, share: float) -> dict[str, set[str]]:
        write_release(tmp_path, videos, ["finevideo"], ["single_attribute"])
        return {name: set(rows["video_id"]) for name, rows in load(tmp_path, config, None, held_out=share).items()}

    few, many = (ids(count, "single_attribute", 0.2) for count in (60, 200))
    assert few["validation"] and not few["train"] & few["validation"]
    assert few["validation"] == many["validation"] & (few["train"] | few["validation"])
    assert few["validation"] < ids(60, "single_attribute", 0.5)["validation"]
    assert ids(60, "multi_attribute", 0.2)["validation"] == few["validation"]
    assert set(load(tmp_path, "single_attribute", None)) == {"train"}


def test_a_split_that_no_video_falls_into_is_not_there_and_no_row_at_all_is_an_error(release: Path) -> None:
    assert set(load(release, split=None, held_out=1e-6)) == {"train"}
    for _ in range(2):  # nothing is kept of it
        with pytest.raises(InputError, match="No row is left"):
            load(release, min_duration=10_000)
    assert list(load(release, min_duration=10_000, streaming=True)) == []


def test_a_bad_line_is_an_error_that_says_where_and_what(release: Path) -> None:
    with file_of(release, "raw", "finevideo").open("ab") as stream:
        stream.write(b'{"question": "?"}\n')
    with pytest.raises(DatasetGenerationError) as error:
        load(release, "raw")
    assert isinstance(error.value.__cause__, CaptionFileError)
    said = str(error.value.__cause__)
    assert "annotations/finevideo/train/raw_finevideo.jsonl, line 4: The keys are question." in said
    assert "accepted: a JSON object" in said and 'on_error="record"' in said
    with pytest.raises(CaptionFileError, match="line 4"):
        list(load(release, "raw", streaming=True))


@pytest.mark.parametrize("num_proc", [None, 2])
def test_bad_lines_are_recorded_beside_the_rows_and_counted(release: Path, num_proc: int | None, caplog) -> None:
    for group in GROUPS:
        with file_of(release, "raw", group).open("ab") as stream:
            stream.write(b'nonsense\n{"messages": []}\n')
    rows = load(release, "raw", on_error="record", num_proc=num_proc)
    rejects = list(read_rejects(rows))
    assert len(rows) == 6 and len(rejects) == 4
    assert [(r["kind"], r["line"]) for r in rejects] == [("bad_line", 4), ("bad_line", 5)] * 2
    assert rejects[3]["file"].endswith("raw_finevideo.jsonl") and "is not one question" in rejects[3]["message"]
    if num_proc is None:
        assert "2 x bad_line" in caplog.text


def test_a_stream_records_bad_lines_too_and_once(release: Path) -> None:
    with file_of(release, "raw", "finevideo").open("ab") as stream:
        stream.write(b"nonsense\n")
    builder = load_dataset_builder("asid-1m", "raw", data_dir=str(release), on_error="record")
    rows = builder.as_streaming_dataset("train")
    assert [len(list(rows)), len(list(rows))] == [6, 6]
    assert [r["line"] for r in read_rejects(f"{builder.cache_dir}_streamed")] == [4]


def test_what_cannot_be_is_refused_with_what_can(release: Path) -> None:
    for options, said in (
        ({"groups": ["nowhere"]}, "of the groups nowhere it has none. Its groups: 0_30_s_youtube_v0_1, finevideo"),
        ({"groups": [1]}, "give a list of one str or more"),
        ({"min_duration": "5"}, "is no number"),
        ({"min_duration": 9, "max_duration": 5}, "is more than max_duration"),
        ({"name": "multi_attribute", "subset_sizes": [2, 2]}, "each once"),
        ({"name": "multi_attribute", "attributes": ["speech"]}, "a subset has 2 or more"),
        ({"groups": "finevideo"}, "give a list"),
        ({"name": "single_attribute", "attributes": ["smell"]}, "'smell' is no attribute"),
        ({"attributes": ["speech"]}, "covers all eight"),
        ({"columns": ["sound"]}, "There are video_id, group"),
        ({"on_error": "ignore"}, "'raise', 'record'"),
        ({"held_out": 1}, "a number from 0 to below 1"),
        ({"subset_sizes": [1]}, "give a list of 2, 3"),
        ({"subset_sizes": 3}, "give a list of one int or more"),
        ({"held_out": "0.1"}, "is no number"),
        ({"answers": ["xml"]}, "'text', 'json'"),
        ({"videos": "x"}, "belong to with_video=True"),
        ({"with_video": True, "videos": "no/such/place"}, "no/such/place"),
        ({"name": "verified"}, "holds no rows of 'verified'"),
    ):
        with pytest.raises(InputError, match=said):
            load_dataset("asid-1m", data_dir=str(release), **options)
    with pytest.raises(ValueError, match="doesn't have a 'grops' key"):
        load(release, grops=["finevideo"])
    with pytest.raises(ValueError, match=r"'singles' not found. Available: \['all_attributes'"):
        load(release, "singles")
    with pytest.raises(InputError, match="There is no folder /no/such"):
        load("/no/such")


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    folder = write_verified(tmp_path / "verified", [verified_row("a")])
    shard = next((folder / "data").iterdir())
    for content in (b"PAR1 nothing", shard.read_bytes()[:-20]):
        shard.write_bytes(content)
        with pytest.raises(DatasetGenerationError) as error:
            load(folder, "verified")
        assert "train-00000-of-00001.parquet cannot be read as parquet" in str(error.value.__cause__)


def test_a_stream_goes_on_where_it_was_stopped_and_is_shared_by_nodes(release: Path) -> None:
    from datasets.distributed import split_dataset_by_node

    stream = load(release, "single_attribute", streaming=True)
    rows = list(stream)
    taken = []
    for row in stream:
        taken.append(row)
        if len(taken) == 20:
            break
    again = load(release, "single_attribute", streaming=True)
    again.load_state_dict(stream.state_dict())
    assert taken + list(again) == rows
    nodes = [list(split_dataset_by_node(stream, rank, 2)) for rank in range(2)]
    assert sorted(map(str, nodes[0] + nodes[1])) == sorted(map(str, rows)) and all(nodes)


def test_a_missing_group_is_named_with_those_that_are_there(release: Path) -> None:
    with pytest.raises(InputError, match=r"has no group 1_2_m_youtube_v0_1 .*It has 0_30_s_youtube_v0_1, finevideo"):
        load(release, groups=["finevideo", "1_2_m_youtube_v0_1"])


def test_changed_files_and_arguments_are_read_anew_and_the_same_ones_are_not(release: Path) -> None:
    first = load(release)
    assert load(release).cache_files == first.cache_files
    write_release(release, 4, ["finevideo"])
    assert len(load(release)) == 7
    assert load(release, groups=["finevideo"]).cache_files != first.cache_files


def test_the_layout_without_the_folder_annotations_and_files_named_one_by_one(release: Path, tmp_path: Path) -> None:
    shutil.move(release / "annotations", tmp_path / "bare")
    assert len(load(tmp_path / "bare")) == 6
    files = {"train": [str(tmp_path / "bare" / "finevideo" / "train" / "raw_finevideo.jsonl")]}
    rows = load_dataset("asid-1m", "raw", data_files=files, split="train")
    assert len(rows) == 3 and set(rows["group"]) == {"finevideo"}


def test_the_class_opens_it_where_the_name_is_not_known(release: Path, tmp_path: Path) -> None:
    builder = Asid1M(config_name="raw", data_dir=str(release), cache_dir=str(tmp_path / "cache"))
    builder.download_and_prepare()
    assert len(builder.as_dataset("train")) == 6


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    for name in ("v0_finevideo.mp4", "deep/v1_finevideo.mkv", "deep/unused.mp4"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def test_videos_are_joined_by_name_and_what_is_left_over_is_reported(release: Path, videos: Path) -> None:
    rows = load(release, groups=["finevideo"], with_video=True, videos=str(videos))
    assert rows.features["video"] == Video(decode=False)
    paths = [row["video"] and os.path.relpath(row["video"]["path"], videos) for row in rows]
    assert paths == ["v0_finevideo.mp4", "deep/v1_finevideo.mkv", None]
    assert {(r["kind"], r["video_id"], r["video"]) for r in read_rejects(rows)} == {
        ("no_video", "v2_finevideo", "videos/v2_finevideo.mp4"),
        ("no_row", None, "deep/unused.mp4"),
    }
    match = match_videos(load(release, "single_attribute", groups=["finevideo"]), str(videos))
    assert match == (["v2_finevideo"], ["deep/unused.mp4"])


@pytest.mark.parametrize("archive", ["zip", "tar"])
def test_videos_are_read_inside_their_archive(release: Path, videos: Path, tmp_path: Path, archive: str) -> None:
    place = shutil.make_archive(str(tmp_path / "films"), archive, videos)
    options = {"groups": ["finevideo"], "with_video": True, "videos": place}
    paths = [row["video"] and row["video"]["path"].replace("//./", "//") for row in load(release, **options)]
    assert paths == [f"{archive}://{n}::{place}" for n in ("v0_finevideo.mp4", "deep/v1_finevideo.mkv")] + [None]
    rows = load(release, embed_videos=True, **options)
    assert rows[1]["video"] == {"bytes": b"deep/v1_finevideo.mkv", "path": "v1_finevideo.mkv"}
    assert next(iter(load(release, embed_videos=True, streaming=True, **options)))["video"]["bytes"]


def test_lines_that_no_place_with_videos_was_named_for_are_refused_before_they_are_read(release: Path) -> None:
    files = [str(file_of(release, "raw", "finevideo"))]
    with pytest.raises(InputError, match="name their folder or archive with videos="):
        load_dataset("asid-1m", "raw", data_files=files, with_video=True)


def test_added_videos_are_seen_at_the_next_open(release: Path, videos: Path) -> None:
    options = {"groups": ["finevideo"], "with_video": True, "videos": str(videos)}
    assert load(release, **options)[2]["video"] is None
    (videos / "v2_finevideo.mp4").write_bytes(b"new")
    assert load(release, **options)[2]["video"]["path"].endswith("v2_finevideo.mp4")


def test_videos_stored_in_verified_rows_are_given_and_only_when_asked_for(tmp_path: Path) -> None:
    stored = verified_row("a", video={"path": "a.mp4", "bytes": b"film"})
    folder = write_verified(tmp_path / "verified", [stored])
    assert load(folder, "verified")[0]["video"] == {"path": "a.mp4", "bytes": None}
    assert load(folder, "verified", with_video=True)[0]["video"] == {"path": "a.mp4", "bytes": b"film"}
    assert load(folder)[0]["video"] == "a.mp4"
    assert load(folder, with_video=True)[0]["video"]["bytes"] == b"film"


def test_a_row_reaches_no_file_outside_the_places_named(tmp_path: Path, videos: Path) -> None:
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    lines = [published_line("Tell.", "x", path) for path in ("../secret.mp4", str(tmp_path / "secret.mp4"))]
    write_lines(file_of(tmp_path / "release", "raw", "finevideo"), lines)
    rows = load(tmp_path / "release", "raw", with_video=True, embed_videos=True, videos=str(videos))
    assert [row["video"] for row in rows] == [None, None]


def test_a_video_that_comes_deeper_down_or_changes_is_seen(release: Path, videos: Path) -> None:
    options = {"groups": ["finevideo"], "with_video": True, "videos": str(videos), "embed_videos": True}
    assert load(release, **options)[2]["video"] is None
    (videos / "deep" / "v2_finevideo.mp4").write_bytes(b"new")
    (videos / "v0_finevideo.mp4").write_bytes(b"another film")
    rows = load(release, **options)
    assert (rows[0]["video"]["bytes"], rows[2]["video"]["bytes"]) == (b"another film", b"new")


def test_a_video_that_cannot_be_read_is_noted_and_spoils_no_other(release: Path, videos: Path) -> None:
    (videos / "v0_finevideo.mp4").write_bytes(b"")
    options = {"groups": ["finevideo"], "with_video": True, "videos": str(videos), "embed_videos": True}
    rows = load(release, **options)
    assert [row["video"] is not None for row in rows] == [False, True, False]
    assert "is empty" in next(read_rejects(rows))["message"]


def test_embedded_videos_are_handed_on_in_tables_that_a_column_can_hold(
    release: Path, videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asid_hf.dataset_builder import joined

    (videos / "v2_finevideo.mp4").write_bytes(b"2")
    monkeypatch.setattr(joined, "MAX_BYTES", 10)
    options = {"groups": ["finevideo"], "with_video": True, "videos": str(videos), "embed_videos": True}
    rows = load(release, "single_attribute", **options)
    assert len(rows) == 24 and len(rows.data.column("video").chunks) >= 6
    assert rows[23]["video"]["bytes"] == b"2" and rows[23]["video_id"] == "v2_finevideo"


def test_videos_of_one_name_in_two_folders_are_two_videos(tmp_path: Path) -> None:
    lines = [
        {**line, "videos": [f"{folder}/001.mp4"]}
        for pair in zip(lines_of("single_attribute", "x"), lines_of("single_attribute", "y"), strict=True)
        for folder, line in zip("ab", pair, strict=True)
    ]
    write_lines(file_of(tmp_path, "single_attribute", "g"), lines)
    rows = load(tmp_path, "multi_attribute", subset_sizes=[7], answers=["text"])
    assert rows["video"][:] == ["a/001.mp4", "b/001.mp4"]
    assert all("of x:" in rows[0]["caption"] and "of y:" not in rows[0]["caption"] for _ in "1")


def test_an_instruction_that_tells_no_attribute_is_noted_once(tmp_path: Path) -> None:
    lines = [published_line("What else?", "x", f"{n}.mp4") for n in range(3)] + lines_of("single_attribute", "v")
    write_lines(file_of(tmp_path, "single_attribute", "g"), lines)
    rows = load(tmp_path, "single_attribute")
    assert [(r["kind"], r["message"]) for r in read_rejects(rows)] == [
        ("no_attribute", "The instruction names no attribute: 'What else?'")
    ]
    assert rows["attributes"][:3] == [[], [], []]


def test_the_side_table_is_found_from_whatever_load_dataset_gave(release: Path) -> None:
    with file_of(release, "raw", "finevideo").open("ab") as stream:
        stream.write(b"nonsense\n")
    options = {"on_error": "record", "held_out": 0.5}
    splits = load(release, "raw", None, **options)
    assert [r["line"] for r in read_rejects(splits)] == [4]  # once, though both splits read the file
    streamed = load(release, "raw", streaming=True, **options)
    list(streamed)
    assert [r["line"] for r in read_rejects(streamed)] == [4]
    with pytest.raises(InputError, match="tells no folder"):
        list(read_rejects(load(release, "raw", keep_in_memory=True, **options)))


def test_files_of_bad_lines_alone_say_so(tmp_path: Path) -> None:
    write_lines(file_of(tmp_path, "raw", "g"), ["nonsense", "{}"])
    with pytest.raises(
        InputError, match=r"2 lines hold no caption, the first: annotations/g/.*, line 1: The line is no"
    ):
        load(tmp_path, "raw", on_error="record")


def test_parquet_rows_that_lack_what_no_row_can_lack_are_bad_rows(tmp_path: Path) -> None:
    folder = write_verified(tmp_path / "verified", [verified_row("a"), verified_row(None), verified_row("c")])
    for config, count in (("verified", 2), ("all_attributes", 2), ("multi_attribute", 12)):
        rows = load(folder, config, on_error="record")
        assert len(rows) == count
        assert [(r["line"], r["message"]) for r in read_rejects(rows)] == [(2, "The row has no video_id.")]
    with pytest.raises(DatasetGenerationError) as error:
        load(folder, "verified")
    assert "parquet, line 2: The row has no video_id." in str(error.value.__cause__)


@pytest.mark.parametrize("change", [{"video": None}, {"status": None}, {"findings": ["text"]}, {"attributes": [1]}])
def test_parquet_of_other_columns_or_types_is_named(tmp_path: Path, change: dict) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = write_verified(tmp_path / "verified", [verified_row("a")])
    shard = next((folder / "data").iterdir())
    name, values = next(iter(change.items()))
    table = pq.read_table(shard).drop_columns([name])
    pq.write_table(table.append_column(name, pa.array(values)) if values else table, shard)
    with pytest.raises(DatasetGenerationError) as error:
        load(folder, "verified")
    assert isinstance(error.value.__cause__, InputError) and shard.name in str(error.value.__cause__)


def test_a_file_named_by_hand_is_taken_for_what_its_name_says(release: Path) -> None:
    single = write_release(release, 2, ["finevideo"], ["single_attribute"])
    files = {"train": [str(file_of(single, "single_attribute", "finevideo"))]}
    with pytest.raises(InputError, match="holds rows of 'single_attribute'"):
        load_dataset("asid-1m", data_files=files)
    rows = load_dataset("asid-1m", "multi_attribute", data_files=files, split="train")
    assert len(rows) == 12 and {len(names) for names in rows["attributes"]} == {2, 3, 4, 5, 6, 7}
