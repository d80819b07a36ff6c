"""The name "asid-1m": known after `import asid_hf`, against a Hub on loopback, from any working directory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from asid_hf.dataset_builder import registration
from asid_hf.dataset_builder.release import PUBLISHED, PUBLISHED_GROUPS
from asid_release import file_of, lines_of, verified_row, write_lines, write_release, write_verified
from hub_server import Fault, HubServer

FOLDER = Path(registration.__file__).parent
ALL = ("all_attributes", "single_attribute", "raw")
CARD = """---
configs:
- config_name: all_attributes
  data_files: annotations/*/train/all_attributes_*.jsonl
---
"""


def files_below(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubServer]:
    release = write_release(tmp_path / "published", 2, PUBLISHED_GROUPS, ALL)
    extra = {f"videos/part_{number}.zip": b"large" * 2000 for number in range(3)}
    with HubServer() as server:
        server.add_repo(PUBLISHED, {**files_below(release), **extra, "README.md": CARD})
        server.home = tmp_path / "home"
        yield server


def python(hub: HubServer, code: str, cwd: Path, token: str | None = None, **environment: str) -> str:
    """What a fresh process prints that knows no other Hub than this one."""
    own = {"HF_DATASETS_CACHE": str(hub.home / "datasets"), **hub.environment(hub.home, token)}
    known = {**os.environ, **own, **environment}
    cwd.mkdir(exist_ok=True)
    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, env=known, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


BARE = """
import asid_hf
from datasets import load_dataset
rows = load_dataset("asid-1m", split="train")
print(len(rows), rows.column_names[0], rows[0]["video_id"], rows[0]["group"])
"""


def clutter(folder: Path) -> None:
    """What makes a packaged builder, a local folder or a script of that name come first."""
    for name in ("train.jsonl", "data/test.parquet", "asid-1m.py", "asid-1m/asid-1m.py", "asid-1m/train.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text('{"a": 1}')
    write_release(folder, 1, ["finevideo"])


@pytest.mark.parametrize("cluttered", [False, True], ids=["empty", "cluttered"])
def test_the_bare_name_opens_the_published_dataset_wherever_it_is_called(
    hub: HubServer, tmp_path: Path, cluttered: bool
) -> None:
    folder = tmp_path / "cwd"
    folder.mkdir()
    if cluttered:
        clutter(folder)
    assert python(hub, BARE, folder) == "8 video_id v0_0_30_s_youtube_v0_1 0_30_s_youtube_v0_1"
    asked = [request.path for request in hub.requests if "/resolve/" in request.path]
    assert {path.rpartition("/")[2] for path in asked} == {f"all_attributes_{g}.jsonl" for g in PUBLISHED_GROUPS}
    assert not [request for request in hub.requests if "/tree/" in request.path]  # nothing is listed


def test_the_order_of_imports_and_other_ways_to_ask_do_not_matter(hub: HubServer, tmp_path: Path) -> None:
    code = f"""
from datasets import load_dataset, load_dataset_builder, get_dataset_config_names, get_dataset_split_names
import asid_hf
print(get_dataset_config_names("asid-1m"), get_dataset_split_names("asid-1m", "raw"))
print(load_dataset_builder("asid-1m").config.name)
for name in ("{PUBLISHED}", "hf://datasets/{PUBLISHED}"):
    print(len(load_dataset(name, "single_attribute", split="train", groups=["finevideo"])))
print(len(load_dataset("asid-1m", "raw", data_dir="{PUBLISHED}", split="train")))
named = "hf://datasets/{PUBLISHED}/annotations/finevideo/train/raw_finevideo.jsonl"
print([len(list(load_dataset("asid-1m", "raw", data_files=named, split="train", streaming=s))) for s in (False, True)])
named = "annotations/finevideo/train/raw_finevideo.jsonl"
print(len(load_dataset("{PUBLISHED}", "raw", data_files=named, split="train")))
print(next(iter(load_dataset("asid-1m", "raw", split="train", streaming=True)))["video_id"])
"""
    assert python(hub, code, tmp_path / "cwd").splitlines() == [
        "['all_attributes', 'single_attribute', 'raw', 'multi_attribute', 'verified'] ['train']",
        "all_attributes",
        "16",
        "16",
        "8",
        "[2, 2]",
        "2",
        "v0_0_30_s_youtube_v0_1",
    ]


def test_a_revision_is_followed_and_a_new_commit_is_seen(hub: HubServer, tmp_path: Path) -> None:
    repo = hub.repos["dataset", PUBLISHED]
    first = repo.refs["main"]
    name = "annotations/finevideo/train/all_attributes_finevideo.jsonl"
    code = f"""
import asid_hf
from datasets import load_dataset
for revision in (None, "{first}"):
    print(len(load_dataset("asid-1m", split="train", revision=revision)))
print(len(load_dataset("asid-1m", data_dir="hf://datasets/{PUBLISHED}@{first}", split="train")))
"""
    assert python(hub, code, tmp_path / "cwd").split() == ["8", "8", "8"]
    lines = [line for n in range(5) for line in lines_of("all_attributes", f"v{n}")]
    repo.commit({name: write_lines(tmp_path / "new.jsonl", lines).read_bytes()})
    assert python(hub, code, tmp_path / "cwd").split() == ["11", "8", "8"]


def test_offline_what_was_opened_opens_again_and_other_options_too(hub: HubServer, tmp_path: Path) -> None:
    python(hub, BARE, tmp_path / "cwd")
    asked = len(hub.requests)
    code = BARE + 'print(len(load_dataset("asid-1m", split="train", columns=["caption"], held_out=0.3)))'
    lines = python(hub, code, tmp_path / "cwd", HF_HUB_OFFLINE="1").splitlines()
    assert lines[0].startswith("8 video_id") and len(hub.requests) == asked
    failing = """
import asid_hf
from datasets import load_dataset
try:
    load_dataset("asid-1m", "raw")
except Exception as error:
    print(type(error).__name__, error)
"""
    said = python(hub, failing, tmp_path / "cwd", HF_HUB_OFFLINE="1")
    assert said.startswith("InputError The Hub did not tell the files of") and "data_dir" in said


def test_an_own_release_on_the_hub_needs_no_known_groups(hub: HubServer, tmp_path: Path) -> None:
    release = write_release(tmp_path / "own", 2, ["clips", "more"])
    hub.add_repo("me/own", files_below(release))
    hub.add_repo("me/verified", files_below(write_verified(tmp_path / "verified", [verified_row("a")])))
    code = """
import asid_hf
from datasets import load_dataset
print(sorted(set(load_dataset("asid-1m", data_dir="me/own", split="train")["group"])))
print(load_dataset("asid-1m", "verified", data_dir="me/verified", split="train")["video_id"][:])
print(len(load_dataset("asid-1m", "single_attribute", data_dir="me/verified", split="train")))
print(len(list(load_dataset("asid-1m", "single_attribute", data_dir="me/verified", split="train", streaming=True))))
"""
    assert python(hub, code, tmp_path / "cwd").splitlines() == ["['clips', 'more']", "['a']", "8", "8"]


ASKED = """
import json, sys
import asid_hf
from datasets import load_dataset
for name, given, options in {asked!r}:
    try:
        load_dataset(name, *given, **options)
        said = "opened"
    except Exception as error:
        said = type(error).__name__ + " " + str(error)
    print(json.dumps(said))
"""


def test_what_the_hub_refuses_is_said_in_words(hub: HubServer, tmp_path: Path) -> None:
    hub.tokens["secret-token"] = "reader"
    hub.add_repo("me/gated", files_below(write_release(tmp_path / "g", 1)), gated={"reader"})

    hub.faults.append(Fault("/api/datasets/me/flaky", status=500, times=99))

    def said(*asked: tuple[str, list, dict], token: str | None = None) -> list[str]:
        lines = python(hub, ASKED.format(asked=asked), tmp_path / "cwd", token).splitlines()
        return [json.loads(line) for line in lines]

    nothing, revision, verified, elsewhere, gated, flaky = said(
        ("asid-1m", [], {"data_dir": "me/nothing"}),
        ("asid-1m", [], {"revision": "nowhere"}),
        ("asid-1m", ["verified"], {}),
        (PUBLISHED, [], {"data_dir": "x"}),
        ("asid-1m", [], {"data_dir": "me/gated"}),
        ("asid-1m", [], {"data_dir": "me/flaky"}),
    )
    assert nothing.startswith("InputError There is no folder me/nothing, and the Hub has no dataset")
    assert "has no revision nowhere" in revision
    assert "holds no rows of 'verified'" in verified
    assert "for files elsewhere" in elsewhere
    assert "gated" in gated.lower()
    assert "did not tell the files of me/flaky" in flaky
    assert said(("asid-1m", [], {"data_dir": "me/gated"}), token="secret-token") == ["opened"]
    assert not any("secret-token" in request.path for request in hub.requests)


def test_registering_twice_changes_nothing_and_other_names_are_left_alone(tmp_path: Path) -> None:
    import datasets.load
    from datasets import load_dataset

    factory = datasets.load.dataset_module_factory
    assert registration.register() and datasets.load.dataset_module_factory is factory
    (tmp_path / "x.jsonl").write_text('{"a": 1}\n')
    assert load_dataset("json", data_files=str(tmp_path / "x.jsonl"), split="train")["a"][:] == [1]


@pytest.mark.parametrize("change", ["del datasets.load.dataset_module_factory", "del datasets.load.DatasetModule"])
def test_a_version_without_that_function_is_warned_of_and_the_rest_works(tmp_path: Path, change: str) -> None:
    code = f"""
import warnings, datasets, datasets.load
{change}
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    import asid_hf
print([str(w.message) for w in said if "asid-1m" in str(w.message)])
from asid_hf.dataset_builder.asid_1m import Asid1M
print(Asid1M(config_name="raw", data_dir={str(write_release(tmp_path / "r", 1, ["finevideo"], ["raw"]))!r}).config.name)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    warned, name = done.stdout.splitlines()
    assert "Asid1M" in warned and name == "raw"


def test_the_digest_of_the_code_covers_all_that_makes_rows() -> None:
    reached, left = set(), ["asid_1m"]
    while left:
        name = left.pop()
        if name not in reached:
            reached.add(name)
            left += re.findall(r"^from \.(\w+) import", (FOLDER / f"{name}.py").read_text(), re.MULTILINE)
    covered = {path.stem for path in registration.sources_of_rows()}
    assert covered == {*reached, "media_archive", "schema", "instructions"} - {"rejects"}  # which tells of rows


@pytest.mark.parametrize(
    "way", ["import datasets", "from datasets.load import load_dataset", "import datasets.inspect"]
)
def test_importing_asid_hf_waits_for_datasets_which_takes_long(way: str) -> None:
    code = f"""
import sys
import asid_hf
print({{"datasets", "torch", "pyarrow"}} & set(sys.modules))
{way}
import datasets
print([hasattr(m.dataset_module_factory, "{registration._MARK}") for m in (datasets.load, datasets.inspect)])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["set()", "[True, True]"], done.stderr


def test_the_file_of_a_group_is_where_the_release_has_it(tmp_path: Path) -> None:
    assert file_of(tmp_path, "raw", "finevideo").relative_to(tmp_path).parts[:3] == (
        "annotations",
        "finevideo",
        "train",
    )
