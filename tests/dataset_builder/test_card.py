"""The card of a release: facts from the rows, YAML that the libraries read back, names that stay names."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from asid_hf.dataset_builder.asid_1m import instruction_features
from asid_hf.dataset_builder.card import CardFacts, code, plain, render_card
from asid_hf.dataset_builder.counting import counts_of
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import UndefinedError

from asid_hf.schema import ATTRIBUTES, verified_features

HOSTILE = "a|b`<script>alert(1)</script>\n---\n# [x](http://evil) {{ 7 * 7 }} ![i](j) \u202e end\\"
FACTS = CardFacts("Our clips: a test", "cc-by-4.0", 3, 0.1, 1, "0.2.0", ("published", "parquet", "sharegpt"))


def instruction_row(video_id: str, group: str, attributes: tuple[str, ...] = ATTRIBUTES) -> dict:
    told = {"video_id": video_id, "group": group, "attributes": list(attributes), "video": f"{video_id}.mp4"}
    return {**told, "instruction": "Describe it.", "caption": "At 1s, a dog runs.", "extra": '{"duration": 7.5}'}


def verified_row(video_id: str, **told: object) -> dict:
    row = dict.fromkeys(verified_features()) | {"video_id": video_id, "status": "kept", "source": "clips"}
    finding = {"kind": "error", "attribute": "scene", "resolved": False}
    return {**row, "caption": "A dog.", "findings": [finding], "agreement": {"scene": 0.5}, **told}


ROWS = {
    ("all_attributes", "train"): [instruction_row("a", "finevideo"), instruction_row("b", HOSTILE)],
    ("all_attributes", "validation"): [instruction_row("c", "finevideo")],
    ("single_attribute", "train"): [instruction_row("a", "finevideo", ("speech",))],
    ("verified", "train"): [
        verified_row("a", attributes={"scene": "A room."}, has_audio=True),
        verified_row("b", status="dropped", drop_reason=HOSTILE),
    ],
}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict, dict, dict]:
    """A release in parquet with its card: its folder, and what the card was rendered from."""
    folder = tmp_path_factory.mktemp("release")
    counts, configs, infos = {}, {}, {}
    for (config, split), rows in ROWS.items():
        features = verified_features() if config == "verified" else instruction_features()
        table = pa.Table.from_pylist(rows, schema=features.arrow_schema)
        file = folder / "data" / config / f"{split}-00000-of-00001.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, file)
        counts.setdefault(config, counts_of(config)).add(table, split)
        configs.setdefault(config, {})[split] = f"data/{config}/{split}-*.parquet"
        info = infos.setdefault(config, datasets.DatasetInfo(features=features, splits=datasets.SplitDict()))
        info.splits[split] = datasets.SplitInfo(split, num_bytes=table.nbytes, num_examples=len(rows))
        info.download_size = (info.download_size or 0) + file.stat().st_size
        info.dataset_size = (info.dataset_size or 0) + table.nbytes
    statistics = {"configs": {name: own.summary() for name, own in counts.items()}, "bad_lines": {"x": 2}}
    (folder / "README.md").write_text(render_card(statistics, configs, infos, FACTS), encoding="utf-8")
    return folder, statistics, configs, infos


def test_datasets_opens_the_folder_by_its_card(release: tuple, tmp_path: Path) -> None:
    folder, _, _, infos = release
    cache = str(tmp_path)
    assert datasets.get_dataset_config_names(str(folder)) == ["all_attributes", "single_attribute", "verified"]
    opened = datasets.load_dataset(str(folder), cache_dir=cache)
    assert {split: rows["video_id"] for split, rows in opened.items()} == {"train": ["a", "b"], "validation": ["c"]}
    assert opened["train"].features == infos["all_attributes"].features, "all_attributes is the default"
    verified = datasets.load_dataset(str(folder), "verified", split="train", cache_dir=cache)
    assert verified.features == verified_features() and verified[1]["drop_reason"] == HOSTILE


def test_the_yaml_is_read_back_equal(release: tuple) -> None:
    folder, _, configs, infos = release
    data = DatasetCard.load(folder / "README.md").data
    assert data.to_dict() | {"configs": 0, "dataset_info": 0} == {
        "pretty_name": "Our clips: a test",
        "license": "cc-by-4.0",
        "language": ["en"],
        "task_categories": ["video-text-to-text"],
        "size_categories": ["n<1K"],
        "tags": ["asid", "video-captioning", "audio-visual", "structured-captions"],
        "configs": 0,
        "dataset_info": 0,
    }
    listed = MetadataConfigs.from_dataset_card_data(data)
    assert listed.get_default_config_name() == "all_attributes"
    read = {name: {f["split"]: f["path"] for f in own["data_files"]} for name, own in listed.items()}
    assert read == configs
    for name, info in DatasetInfosDict.from_dataset_card_data(data).items():
        assert info.features == infos[name].features and info.download_size == infos[name].download_size
        assert {s.name: s.num_examples for s in info.splits.values()} == {
            s.name: s.num_examples for s in infos[name].splits.values()
        }


def text_of(card: str) -> str:
    return card.split("\n---\n", 1)[1]


def test_a_hostile_name_breaks_no_table_and_is_no_markup(release: tuple) -> None:
    card = (release[0] / "README.md").read_text(encoding="utf-8")
    text = text_of(card)
    assert "\u202e" not in card and "\n# [x]" not in text and "\n---\n" not in text
    assert text.count("alert(1)") == 2, "the group and the reason"
    for row in filter(lambda row: "alert(1)" in row, text.splitlines()):
        outside = re.sub(r"`[^`]*`", "", row)
        assert "<" not in outside and "[" not in outside and "{{ 7 * 7 }}" in row
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(cells) == 1, table


def test_the_text_tells_what_was_counted(release: tuple) -> None:
    text = text_of((release[0] / "README.md").read_text(encoding="utf-8"))
    for told in (
        "| `all_attributes` | `train` | 2 |",
        "| `all_attributes` | `finevideo` | 2 | 2 | 2 | 0 | 7.5 | 7.5 | 7.5 |",
        "| `all_attributes` | 3 | 1 | 100.0 % | 0 | - |",
        "| speech | 3 | 100.0 % | 1 | 100.0 % | 0 | 0.0 % |",
        "| `error` | 2 | 0 | `scene` 2 |",
        "| scene | 0.5 |",
        "| kept | 1 |\n| dropped: `a",
        "| with sound | 1 |\n| without sound | 0 |",
        "a share of 0.1 of the videos was held out",
        "version 1, with the seed 3",
        'load_dataset("REPO", "all_attributes", split="train")',
        "2 findings are not resolved",
        "In `verified` the duration of 2 of 2 videos is not known.",
        "2 lines of the files hold no caption",
        "- `verified`, `train`: `data/verified/train-*.parquet`",
        "The captions: `cc-by-4.0`.",
    ):
        assert told in text, told
    assert "Undefined" not in text and "None" not in text and "{%" not in text
    assert "\n\n\n\n" not in text


def test_another_build_of_the_same_sizes_is_not_opened_from_the_cache(release: tuple, tmp_path: Path) -> None:
    statistics = release[1]
    own = {"configs": {"all_attributes": statistics["configs"]["all_attributes"]}, "bad_lines": {}}
    opened = []
    for caption in ("A dog.", "A cat."):
        file = tmp_path / "data" / "all_attributes" / "train-0.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        rows = [{**instruction_row("a", "g"), "caption": caption}] * 2
        pq.write_table(pa.Table.from_pylist(rows, schema=instruction_features().arrow_schema), file)
        info = datasets.DatasetInfo(
            features=instruction_features(),
            splits=datasets.SplitDict({"train": datasets.SplitInfo("train", num_bytes=9, num_examples=2)}),
            download_checksums={file.name: hashlib.sha256(file.read_bytes()).hexdigest()},
        )
        patterns = {"all_attributes": {"train": "data/all_attributes/train-*.parquet"}}
        (tmp_path / "README.md").write_text(render_card(own, patterns, {"all_attributes": info}, FACTS))
        opened.append(
            datasets.load_dataset(str(tmp_path), split="train", cache_dir=str(tmp_path / "cache"))[0]["caption"]
        )
    assert opened == ["A dog.", "A cat."]


def test_every_configuration_alone_makes_a_whole_card(release: tuple) -> None:
    _, statistics, configs, infos = release
    for name in configs:
        own = {"configs": {name: statistics["configs"][name]}, "bad_lines": {}}
        card = render_card(own, {name: configs[name]}, {name: infos[name]}, FACTS)
        data = DatasetCard(card).data
        assert data["configs"][0]["default"] and data["dataset_info"]["config_name"] == name
        assert f'load_dataset("REPO", "{name}"' in card
        assert ("## Verification" in card) == (name == "verified")


def test_without_parquet_the_card_names_no_files_for_the_viewer(release: tuple) -> None:
    facts = replace(FACTS, layouts=("published",), held_out=0.0)
    card = render_card(release[1], {}, {}, facts)
    assert "configs:" not in card and "dataset_info:" not in card and 'load_dataset("REPO"' not in card
    assert "no videos were held out" in card and "LLaMA-Factory" not in card


def test_a_missing_fact_is_an_error(release: tuple) -> None:
    _, statistics, configs, infos = release
    lacking = {name: {k: v for k, v in told.items() if k != "words"} for name, told in statistics["configs"].items()}
    with pytest.raises(UndefinedError, match="words"):
        render_card({"configs": lacking, "bad_lines": {}}, configs, infos, FACTS)


@settings(deadline=None, max_examples=50)
@given(st.text())
def test_any_name_is_one_cell_of_code_and_any_title_one_line(name: str) -> None:
    cell = code(name)
    assert re.fullmatch(r"`(?:[^`|\\]|\\\|)+`|\(no name\)", cell) and len(cell.splitlines()) == 1
    assert "<" not in re.sub(r"\\<", "", plain(name)) and len((plain(name) or "-").splitlines()) == 1
    facts = replace(FACTS, pretty_name=name, license=name)
    card = render_card({"configs": {}, "bad_lines": {}}, {}, {}, facts)
    front = yaml.safe_load(card.split("\n---\n", 1)[0].removeprefix("---\n"))
    assert front["license"] == front["pretty_name"] and len((front["license"] or "-").splitlines()) == 1
    assert front["tags"][0] == "asid"
    assert DatasetCard(card).data["size_categories"] == ["n<1K"]
