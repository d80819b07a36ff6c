"""What a dry run says of a run's calls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from media_files import make_clip

from asid_hf.chat.model_spec import ModelSpec
from asid_hf.verify.annotate import Annotator
from asid_hf.verify.config import VerifyConfig
from asid_hf.verify.estimate import ASKS, Estimate, estimate, unreadable
from asid_hf.verify.inputs import CaptionRow, new_rows
from asid_hf.verify.model_judge import JudgeModel

MODEL = ModelSpec("m", temperature=0.7)
ONE = VerifyConfig(annotators=(Annotator("a", MODEL),), integrator=MODEL)


def calls(config: VerifyConfig, rows: list[dict]) -> dict[tuple[str, str], Estimate]:
    return {(entry.stage, entry.model): entry for entry in estimate(rows, config)}


def test_candidates_are_united_where_there_are_two_of_samples_and_captions_given(tmp_path: Path) -> None:
    paths = [make_clip(tmp_path / f"{name}.mp4") for name in "ab"]
    told = {"a": [CaptionRow(attributes=["camera"], caption="It pans.")]}
    assert ("ensemble", "m") not in calls(ONE, new_rows(paths))
    assert calls(ONE, new_rows(paths, told))["ensemble", "m"].least_calls == 1
    sampled = replace(ONE, annotators=(Annotator("a", MODEL, samples=3),))
    assert calls(sampled, new_rows(paths))["ensemble", "m"].least_calls == 2
    assert calls(replace(ONE, annotators=()), new_rows(paths, told)) == {}


def test_at_most_is_every_attribute_round_and_re_ask_and_judging_again_is_part_of_refining(tmp_path: Path) -> None:
    judge = JudgeModel(ModelSpec("judge"), per_attribute=True)
    found = calls(VerifyConfig(judge=judge, refiner=MODEL, max_rounds=2), new_rows([make_clip(tmp_path / "a.mp4")]))
    assert (found["judge", "judge"].least_calls, found["judge", "judge"].most_calls) == (8, 8 * ASKS)
    assert (found["refine", "m"].least_calls, found["refine", "m"].most_calls) == (0, 8 * 2 * ASKS)
    assert (found["refine", "judge"].least_calls, found["refine", "judge"].most_calls) == (0, 8 * 2 * ASKS)


def test_clips_that_no_run_could_read_are_named_and_hub_addresses_are_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_text("no film")
    there = "hf://datasets/owner/name@main/clip.mp4"
    rows = new_rows([make_clip(tmp_path / "a.mp4"), tmp_path / "broken.mp4", {"video": {"path": there, "bytes": None}}])
    assert unreadable(rows, ONE) == ["broken"]
