"""The table of what the stages bring: its intervals, and that runs from different bases are never put side by side."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def compare() -> ModuleType:
    for package in ("torch", "transformers", "torchvision"):
        pytest.importorskip(package, reason="the packages of the captioner are not installed")
    import compare

    return compare


def figures(share: float) -> dict:
    names = ("scene", "objects", "actions", "speech", "camera")
    return {"exact": dict.fromkeys(names, share), "follow": {"one": 1.0, "several": 0.5}, "seconds": 1.0}


def test_means_and_intervals_are_those_of_the_seeds(compare: ModuleType) -> None:
    runs = {
        f"{way}, seed {seed}, 9 steps": figures(share)
        for way in compare.SHARES
        for seed, share in ((1, 0.7), (2, 0.8), (3, 0.9))
    }
    table = compare.render(runs, [1, 2, 3], 9)
    # 4.303 * 0.1 / sqrt(3)
    assert table.count("0.800 \u00b1 0.248") == 5 * 3
    assert table.count("1.000 \u00b1 0.000") == table.count("0.500 \u00b1 0.000") == 3
    assert all(way in table for way in compare.SHARES)


def test_each_way_takes_the_same_steps(compare: ModuleType) -> None:
    assert all(sum(shares.values()) == pytest.approx(1) for shares in compare.SHARES.values())


def test_runs_of_another_base_are_refused(compare: ModuleType, tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "model.safetensors").write_bytes(b"one")
    start = compare.started_from(tmp_path)
    results = tmp_path / "results.json"
    results.write_text(json.dumps({"start": start, "runs": {"a": figures(1.0)}}))
    assert compare.read_results(results, start)["runs"]["a"]["seconds"] == 1
    (base / "model.safetensors").write_bytes(b"two")
    with pytest.raises(SystemExit, match="another base"):
        compare.read_results(results, compare.started_from(tmp_path))
