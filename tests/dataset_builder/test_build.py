"""`asid build`: verified rows into releases that every reader takes, twice the same, and back again."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from asid_hf.dataset_builder.asid_1m import instruction_features
from asid_hf.dataset_builder.build import CONFIGS, BuildOptions, build
from asid_hf.dataset_builder.derive import derived_rows
from asid_hf.dataset_builder.sources import read_captions
from asid_release import caption_of, verified_row, write_verified
from datasets import load_dataset

import asid_hf  # noqa: F401, makes "asid-1m" known
from asid_hf.errors import InputError, OutputError
from asid_hf.schema import ATTRIBUTES, verified_features

TRAINED = CONFIGS[:3]
WITHOUT_THE_PACKAGE = """
import json, sys
sys.modules["asid_hf"] = None  # an import of it fails
from datasets import load_dataset
for config in sys.argv[2:]:
    for split, rows in load_dataset(sys.argv[1], config).items():
        print(json.dumps([config, split, str(rows.features), rows.to_list()]))
print(json.dumps(load_dataset(sys.argv[1], split="train").column_names))
"""


def kept(number: int, **more: object) -> dict:
    source = ("lmms-lab/LLaVA-Video-178K/0_30_s_youtube_v0_1", "HuggingFaceFV/finevideo", "my clips")[number % 3]
    return verified_row(f"clip{number:02d}", source=source, duration=3.0 + number, **more)


@pytest.fixture
def verified(tmp_path: Path) -> Path:
    rows = [kept(n) for n in range(30)]
    rows[4] |= {"status": "dropped", "drop_reason": "silent"}
    rows[5] |= {"video_id": "ep1/clip05"}
    rows[6]["attributes"] |= {"speech": None, "emotions": ""}
    rows[7] |= {"caption": '<video> "Quoted", and \\ back.\nNew line. \u2028 \U0001f600', "duration": None}
    return write_verified(tmp_path / "verified", rows)


@pytest.fixture
def release(verified: Path, tmp_path: Path) -> Path:
    build([str(verified)], tmp_path / "release", BuildOptions(held_out=0.2, pretty_name="Test: clips", license="mit"))
    return tmp_path / "release"


def content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def expected(verified: Path, config: str) -> dict[tuple, dict]:
    rows = load_dataset("asid-1m", "verified", data_dir=str(verified), split="train")
    derived = [row for one in rows for row in derived_rows(config, one)]
    return {(row["video_id"], *row["attributes"]): row for row in derived}


def by_key(rows: list[dict]) -> dict[tuple, dict]:
    keyed = {(row["video_id"], *row["attributes"]): row for row in rows}
    assert len(keyed) == len(rows)
    return keyed


@pytest.mark.parametrize("config", TRAINED)
def test_the_published_layout_read_by_the_builder_gives_the_same_rows(
    verified: Path, release: Path, config: str
) -> None:
    splits = load_dataset("asid-1m", config, data_dir=str(release))
    assert set(splits) == {"train", "validation"}
    assert not set(splits["train"]["video_id"]) & set(splits["validation"]["video_id"])
    found = by_key([row for rows in splits.values() for row in rows])
    wanted = {key: row for key, row in expected(verified, config).items() if "<video>" not in row["caption"]}
    assert found.keys() == wanted.keys()
    for key, row in found.items():
        assert {**row, "video": ""} == {**wanted[key], "video": ""}
        assert row["video"] == f"../clips/{row['video_id'].rpartition('/')[2]}.mp4"  # seen from the release


def test_parquet_opens_without_the_package_and_is_equal(verified: Path, release: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_THE_PACKAGE, str(release), *CONFIGS]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    *tables, default = map(json.loads, done.stdout.splitlines())
    assert default == list(instruction_features())
    found: dict[str, list] = {}
    for config, _, features, rows in tables:
        found.setdefault(config, []).extend(rows)
        assert features == str(verified_features() if config == "verified" else instruction_features())
    for config in TRAINED:
        wanted = expected(verified, config)
        assert {key: {**row, "video": ""} for key, row in by_key(found[config]).items()} == {
            key: {**row, "video": ""} for key, row in wanted.items()
        }
    originals = {r["video_id"]: r for r in load_dataset("asid-1m", "verified", data_dir=str(verified), split="train")}
    assert {row["video_id"] for row in found["verified"]} == originals.keys() - {"clip04"}
    for row in found["verified"]:
        assert {**row, "video": None} == {**originals[row["video_id"]], "video": None}


def test_a_second_build_is_byte_identical_and_another_seed_is_not(
    verified: Path, release: Path, tmp_path: Path
) -> None:
    options = {"held_out": 0.2, "pretty_name": "Test: clips", "license": "mit"}
    build([str(verified)], tmp_path / "again", BuildOptions(**options))
    assert content(tmp_path / "again") == content(release)
    build([str(verified)], tmp_path / "other", BuildOptions(seed=1, **options))
    assert content(tmp_path / "other") != content(release)


def test_a_build_in_place_of_another_is_not_served_from_a_cache(verified: Path, tmp_path: Path) -> None:
    texts = []
    for seed in (0, 1):
        build([str(verified)], tmp_path / "same", BuildOptions(seed=seed, layouts=("parquet",)), overwrite=True)
        texts.append(load_dataset(str(tmp_path / "same"), "single_attribute", split="train")["instruction"][:])
    assert texts[0] != texts[1]


def test_a_split_that_no_video_falls_into_is_not_written_and_no_kept_row_is_an_error(tmp_path: Path) -> None:
    folder = write_verified(tmp_path / "verified", [kept(0), kept(1)])
    build([str(folder)], tmp_path / "out", BuildOptions(held_out=1e-6))
    assert set(load_dataset(str(tmp_path / "out"), "verified")) == {"train"}
    assert set(json.loads((tmp_path / "out" / "dataset_info.json").read_text())) == {f"asid_{c}" for c in TRAINED}
    dropped = write_verified(tmp_path / "dropped", [kept(0, status="dropped", drop_reason="silent")])
    with pytest.raises(InputError, match=r"No row is left: all were dropped \(silent\)"):
        build([str(dropped)], tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_what_llama_factory_reads(release: Path) -> None:
    info = json.loads((release / "dataset_info.json").read_text())
    assert set(info) == {f"asid_{config}{split}" for config in TRAINED for split in ("", "_validation")}
    rows = 0
    for told in info.values():
        assert told["formatting"] == "sharegpt" and set(told["columns"]) == {"messages", "videos"}
        for line in (release / told["file_name"]).read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            asked, answered = record[told["columns"]["messages"]]
            assert (asked["from"], answered["from"]) == ("human", "gpt")
            assert asked["value"].count("<video>") == len(record[told["columns"]["videos"]]) == 1
            assert "<video>" not in answered["value"]
            rows += 1
    again = [row for told in info.values() for row in read_captions(release / told["file_name"])]
    assert len(again) == rows and all(row["caption"] for row in again)


def test_what_ms_swift_reads(release: Path) -> None:
    for path in release.glob("annotations/*/*/*.jsonl"):
        group, split = path.parts[-3:-1]
        assert path.stem.endswith(f"_{group}") and split in ("train", "validation")
        for line in path.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            assert [turn["role"] for turn in record["messages"]] == ["user", "assistant"]
            assert record["messages"][0]["content"].count("<video>") == len(record["videos"]) == 1
            keys = {"messages", "videos", "video_id", "duration"}
            assert set(record) == keys | ({"answer_form"} if path.stem.startswith("multi") else set())


def test_what_any_reader_of_json_lines_reads(tmp_path: Path) -> None:
    rows = [kept(n) | {"duration": None} for n in range(3)] + [kept(4) | {"video_id": "a/b"}]
    build([str(write_verified(tmp_path / "verified", rows))], tmp_path / "out", BuildOptions(group="g"))
    for path in (tmp_path / "out").rglob("*.jsonl"):
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert len({tuple(line) for line in lines}) == 1
        assert len(load_dataset("json", data_files=str(path), split="train")) == len(lines)


def test_rows_that_a_trainer_would_stumble_over_stand_in_parquet_alone(tmp_path: Path) -> None:
    rows = [kept(0, video=None), kept(1, caption="A <video> tag."), kept(3)]
    facts = build([str(write_verified(tmp_path / "verified", rows))], tmp_path / "out", BuildOptions(group="g"))
    assert facts["not_in_lines"] == 1 + 8 + 6 + 1
    assert load_dataset("asid-1m", data_dir=str(tmp_path / "out"), split="train")["video_id"][:] == ["clip03"]
    plain = load_dataset(str(tmp_path / "out"), "all_attributes", split="train")
    assert plain["caption"][1] == "A <video> tag." and len(plain) == 3


def test_the_card_says_what_was_built(release: Path) -> None:
    from huggingface_hub import DatasetCard

    card = DatasetCard.load(release / "README.md")
    assert card.data.license == "mit" and card.data.pretty_name == "Test: clips"
    assert {config["config_name"] for config in card.data.configs} == set(CONFIGS)
    assert [config["config_name"] for config in card.data.configs if config.get("default")] == ["all_attributes"]
    splits = {
        s["name"]: s["num_examples"]
        for i in card.data.dataset_info
        if i["config_name"] == "verified"
        for s in i["splits"]
    }
    assert sum(splits.values()) == 29
    assert "dropped: `silent` | 1" in card.text
    facts = json.loads((release / "build.json").read_text())
    assert facts["rows"]["verified"] == {"0_30_s_youtube_v0_1": 10, "finevideo": 9, "my_clips": 10}
    assert str(release.parent) not in (release / "README.md").read_text() + (release / "build.json").read_text()


def test_videos_are_copied_into_the_release_from_files_archives_and_rows(tmp_path: Path) -> None:
    clips = tmp_path / "verified" / "clips"
    clips.mkdir(parents=True)
    (clips / "a.mp4").write_bytes(b"film a")
    with zipfile.ZipFile(clips / "v.zip", "w") as archive:
        archive.writestr("b.mkv", b"film b")
    rows = [
        verified_row("ep/a", video={"path": "clips/a.mp4", "bytes": None}, source="own"),
        verified_row("b", video={"path": "zip://b.mkv::clips/v.zip", "bytes": None}, source="own"),
        verified_row("c", video={"path": "c.mp4", "bytes": b"film c"}, source="own"),
        verified_row("d", video={"path": "clips/gone.mp4", "bytes": None}, source="own"),
    ]
    folder = write_verified(tmp_path / "verified", rows)
    facts = build([str(folder)], tmp_path / "release", BuildOptions(copy_videos=True))
    assert facts["videos_missing"] == 1
    films = content(tmp_path / "release" / "videos")
    first = next(name for name in films if name.startswith("own/ep_a-"))
    assert films == {first: b"film a", "own/b.mkv": b"film b", "own/c.mp4": b"film c"}
    found = load_dataset("asid-1m", data_dir=str(tmp_path / "release"), split="train")
    assert found["video"][:3] == [f"videos/{first}", "videos/own/b.mkv", "videos/own/c.mp4"]
    joined = load_dataset("asid-1m", data_dir=str(tmp_path / "release"), split="train", with_video=True)
    assert [row["video"] and os.path.basename(row["video"]["path"]) for row in joined] == [
        os.path.basename(first),
        "b.mkv",
        "c.mp4",
        None,
    ]


def test_a_row_that_names_a_file_outside_is_not_copied_unless_its_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "a.mp4").write_bytes(b"film")
    folder = write_verified(tmp_path / "verified", [verified_row("a")])
    with pytest.raises(InputError, match=r"\.\./clips/a.mp4, which lies outside .* --video-root"):
        build([str(folder)], tmp_path / "release", BuildOptions(copy_videos=True))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips", "verified"]  # nothing is left behind
    build([str(folder)], tmp_path / "release", BuildOptions(copy_videos=True), video_root=tmp_path / "clips")
    assert list(content(tmp_path / "release" / "videos").values()) == [b"film"]


def test_no_two_videos_get_one_file(tmp_path: Path) -> None:
    ids = ["a/b", "a__b", "a_b", "AB", "ab", ".x", "x", "v" * 300, "../../up"]
    rows = [verified_row(name, video={"path": "x.mp4", "bytes": name.encode()}, source="own") for name in ids]
    build([str(write_verified(tmp_path / "verified", rows))], tmp_path / "out", BuildOptions(copy_videos=True))
    found = load_dataset("asid-1m", data_dir=str(tmp_path / "out"), split="train", with_video=True, embed_videos=True)
    assert {row["video_id"]: row["video"]["bytes"].decode() for row in found} == {name: name for name in ids}
    assert len({path.name.lower() for path in (tmp_path / "out" / "videos").rglob("*.mp4")}) == len(ids)


def test_an_output_that_holds_its_own_input_is_refused(release: Path, tmp_path: Path) -> None:
    before = content(release)
    (tmp_path / "link").symlink_to(release)
    for given, output in ((release, release), (release / "data", release), (release, tmp_path / "link")):
        with pytest.raises(OutputError, match="which is needed for it"):
            build([str(given)], output, overwrite=True)
    assert content(release) == before


def test_what_a_killed_build_left_is_taken_away_by_the_next(verified: Path, tmp_path: Path) -> None:
    left = tmp_path / ".out.abc.draft"
    left.mkdir()
    build([str(verified)], tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "verified"]


def test_an_output_of_somebody_else_stays_untouched(verified: Path, release: Path, tmp_path: Path) -> None:
    before = content(release)
    with pytest.raises(OutputError, match="--overwrite"):
        build([str(verified)], release)
    assert content(release) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    for overwrite in (False, True):
        with pytest.raises(OutputError, match="no `asid build` wrote"):
            build([str(verified)], tmp_path / "mine", overwrite=overwrite)
    build([str(verified)], release, BuildOptions(layouts=("parquet",)), overwrite=True)
    assert not (release / "annotations").exists()


def test_inputs_that_do_not_go_together_are_refused(verified: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"30 video id\(s\) stand in more than one row"):
        build([str(verified), str(verified)], tmp_path / "out")
    with pytest.raises(InputError, match="There is no folder"):
        build(["/no/such"], tmp_path / "out")
    rows = [verified_row(str(n), source=f"folder {n}") for n in range(60)]
    many = write_verified(tmp_path / "many", rows)
    with pytest.raises(InputError, match=r"60 sources.* --group"):
        build([str(many)], tmp_path / "out")
    facts = build([str(many)], tmp_path / "out", BuildOptions(group="own"))
    assert facts["rows"]["all_attributes"] == {"own": 60}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"layouts": ("csv",)}, "No layout: 'csv'. Allowed: published, parquet, sharegpt."),
        ({"configs": ()}, "No configuration: nothing. Allowed: all_attributes, "),
        ({"held_out": 1.0}, "from 0 to below 1, not 1.0"),
        ({"group": "../up"}, "'../up' cannot name a folder"),
        ({"subset_sizes": (1, 2)}, "No size of a subset: 1. Allowed: 2, 3"),
        ({"answers": ("xml",)}, "No form of an answer: 'xml'. Allowed: text, json."),
    ],
)
def test_options_that_are_not_allowed_are_refused(wrong: dict, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        BuildOptions(**wrong)


def test_two_inputs_become_one_release(tmp_path: Path) -> None:
    one = write_verified(tmp_path / "one", [kept(0)])
    two = write_verified(tmp_path / "two", [kept(1), kept(3)])
    facts = build([str(one), str(two)], tmp_path / "out", BuildOptions(layouts=("published",)))
    assert facts["rows"]["all_attributes"] == {"0_30_s_youtube_v0_1": 2, "finevideo": 1}
    assert 'load_dataset("REPO"' not in (tmp_path / "out" / "README.md").read_text()  # without parquet


REFERENCES = Path(__file__).parents[3] / "shared/data/benchmarks/video_salmonn2_test.json"


def test_real_captions_come_back_equal_from_every_shape(tmp_path: Path) -> None:
    if not REFERENCES.is_file():
        pytest.skip("the references of video-SALMONN-2 are not beside the repository")
    captions = [item["conversations"][1]["value"] for item in json.loads(REFERENCES.read_text(encoding="utf-8"))]
    assert len(captions) == 483
    rng = random.Random(0)
    rows = []
    for number, caption in enumerate(captions):
        row = kept(number, caption=caption)
        row["attributes"] = dict(zip(ATTRIBUTES, rng.sample(captions, len(ATTRIBUTES)), strict=True))
        rows.append(row | {"video_id": f"real{number:03d}"})
    release = tmp_path / "release"
    build([str(write_verified(tmp_path / "verified", rows))], release)
    wanted = {row["video_id"]: row["caption"].strip() for row in rows}
    published = load_dataset("asid-1m", data_dir=str(release), split="train")
    parquet = load_dataset(str(release), "all_attributes", split="train")
    sharegpt = list(read_captions(release / "sharegpt" / "asid_all_attributes.jsonl"))
    for found in (published, parquet):
        assert dict(zip(found["video_id"], found["caption"], strict=True)) == wanted
    assert sorted(row["caption"] for row in sharegpt) == sorted(wanted.values())
    shapes = tmp_path / "shapes.jsonl"
    with shapes.open("w", encoding="utf-8") as stream:
        for video_id, caption in wanted.items():
            stream.write(
                json.dumps({"query": "<video>Tell.", "response": caption, "videos": [f"{video_id}.mp4"]}) + "\n"
            )
            stream.write(json.dumps({"video_id": video_id, "caption": caption}, ensure_ascii=False) + "\n")
    assert [(row["video_id"], row["caption"]) for row in read_captions(shapes)] == [
        pair for pair in wanted.items() for _ in range(2)
    ]
    single = load_dataset("asid-1m", "single_attribute", data_dir=str(release), split="train")
    told = {(r["video_id"], name): r["attributes"][name].strip() for r in rows for name in ATTRIBUTES}
    assert {(r["video_id"], r["attributes"][0]): r["caption"] for r in single} == told


def test_the_command_builds_and_says_what(asid_here, verified: Path, tmp_path: Path) -> None:
    arguments = ["build", str(verified), "-o", str(tmp_path / "out")]
    command = [sys.executable, "-m", "asid_hf", *arguments]
    done = subprocess.run([*command, "--held-out", "0.1", "--config", "all_attributes"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (
        "all_attributes: 29 rows in 3 group(s)" in done.stdout
        and "left out, for they were dropped: 1 silent" in done.stdout
    )
    again = asid_here(*arguments)
    assert again.returncode == 4 and "--overwrite" in again.stderr
    row = verified_row("a", status="dropped", drop_reason="\x1b]0;evil\x07")
    hostile = write_verified(tmp_path / "hostile", [row, verified_row("b")])
    told = asid_here("build", hostile, "-o", tmp_path / "h")
    assert told.returncode == 0 and "\x1b" not in told.stdout + told.stderr and "evil" in told.stdout
    wrong = asid_here(*arguments, "--subset-sizes", "two")
    assert wrong.returncode == 2 and "list of numbers" in wrong.stderr


def test_the_captions_of_the_tests_hold_what_breaks_lines() -> None:
    assert all(mark in caption_of("a", "scene") for mark in ('"', "\n", "ü"))
