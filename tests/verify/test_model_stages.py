"""Every stage with models, over real HTTP: what it makes of good, bad and hostile replies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from datasets import Dataset
from llm_models import Skill
from llm_server import Server
from llm_world import World
from model_runs import spec, through, total, whole

from asid_hf.chat.messages import ChatError
from asid_hf.errors import EndpointError, InputError
from asid_hf.schema import ATTRIBUTES, verified_features
from asid_hf.verify.annotate import Annotate, Annotator
from asid_hf.verify.config import VerifyConfig
from asid_hf.verify.decompose import Decompose
from asid_hf.verify.ensemble import Ensemble
from asid_hf.verify.fuse import Fuse, check_fused
from asid_hf.verify.judge import Judge
from asid_hf.verify.keep import Keep, KeepRules
from asid_hf.verify.model_judge import JudgeModel
from asid_hf.verify.model_stage import Access
from asid_hf.verify.pipeline import working_features
from asid_hf.verify.refine import Refine
from asid_hf.verify.review import Review
from asid_hf.verify.steps import text_stages

WORLD = World(4, seed=5)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(WORLD) as running:
        yield running


@pytest.fixture
def access(tmp_path: Path) -> Access:
    return Access(str(tmp_path / "ledger.sqlite"))


def faultless(server: Server) -> None:
    for name in ("annotator0", "annotator1", "integrator", "reviewer", "judge", "refiner", "fuser", "decomposer"):
        server.model(name, skill=Skill())


def candidates(*captions: str) -> list[dict]:
    return [{"annotator": f"model{n}", "caption": caption} for n, caption in enumerate(captions)]


def row_with(**columns: object) -> dict:
    return {**WORLD.rows()[0], **columns}


# Nothing was measured of it, so that nothing but the models has a say.
UNMEASURED = {"evidence": {**dict.fromkeys(WORLD.rows()[0]["evidence"])}, "transcript": [], "has_audio": False}
MOVING, MOVE = next(
    (n, fact) for n, clip in enumerate(WORLD.clips.values()) for fact in clip.of("camera") if fact.slot == "camera.move"
)


def errors_of(row: dict) -> list[tuple[str, str]]:
    return [(error["stage"], error["kind"]) for error in row["errors"]]


def test_a_whole_run_of_faultless_models_tells_all_of_the_truth_and_nothing_else(
    server: Server, access: Access
) -> None:
    faultless(server)
    rows = through(WORLD.rows(), *text_stages(whole(server), access))
    score = total(list(WORLD.clips.values()), [row["caption"] for row in rows])
    assert (score.covered, score.wrong, score.hallucinated, score.unknown) == (score.facts, 0, 0, 0)
    assert [errors_of(row) for row in rows] == [[]] * len(rows)
    assert all(set(row["attributes"]) == set(ATTRIBUTES) for row in rows)


def test_models_that_err_are_mended_stage_by_stage(server: Server, access: Access) -> None:
    server.model("annotator0", skill=Skill(seed=1, omit=0.4, invent=0.2, err=0.1))
    server.model("annotator1", skill=Skill(seed=2, omit=0.4, invent=0.2, err=0.1))
    for name in ("integrator", "reviewer", "fuser", "refiner"):
        server.model(name, skill=Skill())
    server.model("judge", skill=Skill(miss=0.1))
    clips, config = list(WORLD.clips.values()), whole(server)
    stages = text_stages(config, access)
    rows = through(WORLD.rows(), *stages)
    last = total(clips, [row["caption"] for row in rows])
    draft = total(clips, [row["draft"] for row in rows])
    one = total(
        clips, [" ".join(c["caption"] for c in row["candidates"] if c["annotator"].startswith("a0/")) for row in rows]
    )
    assert one.covered < draft.covered < last.covered
    assert last.wrong + last.hallucinated < 0.2 * (draft.wrong + draft.hallucinated)
    resolved = [f for row in rows for f in row["findings"] if f["judge"] == "judge" and f["resolved"]]
    assert {f["kind"] for f in resolved} == {"error", "missing"}


def test_rows_with_models_fit_the_features_and_open_as_a_dataset(server: Server, access: Access) -> None:
    faultless(server)
    server.model("annotator1", skill=Skill(err=0.3))
    dataset = Dataset.from_list(WORLD.rows(), features=working_features())
    for stage in text_stages(whole(server), access):
        dataset = dataset.map(stage, batched=True, features=working_features())
    assert set(dataset.column_names) >= set(verified_features())
    timings = {t["stage"]: t for t in dataset[0]["timings"]}
    assert timings["annotate"]["calls"] == 2
    assert timings["annotate"]["input_tokens"] > 0
    assert {f["text_field"] for f in dataset[0]["findings"]} <= {
        "draft",
        *(r["text_field"] for r in dataset[0]["revisions"]),
    }


def test_every_offset_of_a_finding_leads_to_its_span(server: Server, access: Access) -> None:
    faultless(server)
    server.model("annotator0", skill=Skill(seed=3, err=0.3, invent=0.3))
    server.model("judge", skill=Skill(miss=0.2, alarm=0.1))
    rows = through(WORLD.rows(), *text_stages(whole(server), access))
    seen = 0
    for row in rows:
        texts = {"draft": row["draft"], **{r["text_field"]: r["text"] for r in row["revisions"]}}
        for finding in row["findings"]:
            text = texts[finding["text_field"]]
            assert text[finding["char_start"] : finding["char_end"]] == finding["span"]
            seen += bool(finding["span"])
    assert seen > 5


def test_one_annotator_that_fails_leaves_the_others(server: Server, access: Access) -> None:
    server.model("annotator0", skill=Skill())
    server.model("annotator1", reply="I'm sorry, I can't help with that.")
    stage = Annotate(annotators=whole(server).annotators, access=access)
    row = through(WORLD.rows()[:1], stage)[0]
    assert errors_of(row) == [("annotate", "refused")]
    assert {c["annotator"].split("/")[0] for c in row["candidates"]} == {"a0", "measured"}
    assert row["status"] == "kept"


def test_samples_differ_by_their_seed_and_are_the_same_again(server: Server, access: Access) -> None:
    server.model("annotator0", skill=Skill(omit=0.5))
    annotator = Annotator("a", spec(server, "annotator0", "video"), samples=3)
    first = through(WORLD.rows()[:1], Annotate(annotators=(annotator,), access=access))[0]
    by_sample = {}
    for candidate in first["candidates"]:
        by_sample.setdefault(candidate["annotator"].split("/")[0], []).append(candidate["caption"])
    assert set(by_sample) == {"a", "a#2", "a#3", "measured"}
    assert by_sample["a"] != by_sample["a#2"]
    other = Access(access.ledger + ".other")
    assert (
        through(WORLD.rows()[:1], Annotate(annotators=(annotator,), access=other))[0]["candidates"]
        == first["candidates"]
    )


def test_an_annotator_is_given_what_was_heard_and_measured_unless_it_does_not_take_it(server, access) -> None:
    server.model("annotator0", skill=Skill())
    server.model("annotator1", skill=Skill())
    without = Annotator("b", spec(server, "annotator1", "video"), transcript=False, measurements=False)
    stage = Annotate(annotators=(Annotator("a", spec(server, "annotator0", "video")), without), access=access)
    through(WORLD.rows()[:1], stage)
    told, bare = (json.dumps(server.requests(f"annotator{n}")[-1]["body"]) for n in (0, 1))
    assert 'data name=\\\\\\"transcript' in json.dumps(told) or 'name=\\"transcript' in told
    assert 'name=\\"measurements' in told
    assert 'name=\\"transcript' not in bare
    assert 'name=\\"measurements' not in bare


def test_a_conflict_is_resolved_by_the_measurement_and_recorded(server: Server, access: Access) -> None:
    server.model("integrator", skill=Skill())
    clip = WORLD.clips["clip-00000"]
    fact = clip.by_slot["speech.line1"]
    wrong = fact._replace(time=fact.time + 20 if fact.time < 30 else fact.time - 20)
    row = row_with(candidates=candidates(wrong.sentence(0), fact.sentence(0)))
    done = through([row], Ensemble(integrator=spec(server, "integrator"), access=access))[0]
    assert fact.sentence(0) in done["draft"]
    assert [c["rejected"] for c in done["conflicts"]] == [wrong.sentence(0)]


def test_each_sentence_of_the_draft_names_the_candidates_that_hold_it(server: Server, access: Access) -> None:
    server.model("integrator", skill=Skill())
    a, b = WORLD.clips["clip-00000"].of("scene")[:2]
    row = row_with(candidates=candidates(f"{a.sentence(0)} {b.sentence(0)}", b.sentence(0)))
    done = through([row], Ensemble(integrator=spec(server, "integrator"), access=access), Decompose())[0]
    held = {source["sentence"]: source["candidates"] for source in done["sources"]}
    assert held == {a.sentence(0): [0], b.sentence(0): [0, 1]}
    assert done["agreement"]["scene"] == 0.5
    assert done["agreement"]["camera"] is None


def test_a_sentence_of_the_integrator_that_no_candidate_says_is_left_out_and_recorded(server, access) -> None:
    told = ["A dog runs over the wet sand.", "The dog carries a stick.", "A child waves from the pier."]
    sentences = [{"text": text, "attribute": "actions", "candidates": [n % 2]} for n, text in enumerate(told[:2])]
    invented = {"text": "A helicopter lands behind the dunes.", "attribute": "actions", "candidates": [0]}
    server.model("integrator", reply=json.dumps({"sentences": [*sentences, invented], "conflicts": []}))
    row = row_with(candidates=candidates(f"{told[0]} {told[2]}", told[1]))
    done = through([row], Ensemble(integrator=spec(server, "integrator"), access=access))[0]
    assert done["draft"] == f"{told[0]} {told[1]}"
    assert errors_of(done) == [("ensemble", "untraceable")]


def test_where_the_integrator_fails_the_structured_union_stands(server: Server, access: Access) -> None:
    server.model("integrator", reply="no json at all")
    row = row_with(candidates=candidates("A dog runs.", "A dog runs. It barks."))
    done = through([row], Ensemble(integrator=spec(server, "integrator"), access=access))[0]
    assert done["draft"] == "A dog runs. It barks."
    assert errors_of(done) == [("ensemble", "not_json")]


def test_review_adds_what_the_draft_lacks_and_stops_when_it_is_clean(server: Server, access: Access) -> None:
    server.model("reviewer", skill=Skill())
    clip = WORLD.clips["clip-00000"]
    scene = [fact.sentence(0) for fact in clip.of("scene")]
    speech = [fact.sentence(0) for fact in clip.of("speech") if fact.time is not None]
    row = row_with(
        candidates=candidates(" ".join(scene + speech)),
        draft=" ".join(scene[:2] + speech),
        sources=[{"sentence": text, "candidates": [0], "attribute": "scene"} for text in scene[:2]]
        + [{"sentence": text, "candidates": [0], "attribute": "speech"} for text in speech],
    )
    done = through([row], Review(reviewer=spec(server, "reviewer"), access=access))[0]
    assert all(sentence in done["draft"] for sentence in scene)
    assert "".join(done["draft"].split()) == "".join("".join(s["sentence"] for s in done["sources"]).split())
    assert done["revisions"][0] == {"text_field": "draft@0", "text": row["draft"]}
    assert server.stats("reviewer")["requests"] == 2


def test_review_never_brings_back_what_the_measurements_took_out(server: Server, access: Access) -> None:
    clip = WORLD.clips["clip-00000"]
    spoken = 'At 3s, a woman says, "We never sail on Friday evenings."'
    entry = {"attribute": "speech", "text": spoken, "candidates": [0], "reason": "A candidate says it."}
    server.model("reviewer", reply=json.dumps({"missing": [entry], "inconsistent": []}))
    scene = clip.of("scene")[0].sentence(0)
    row = row_with(
        candidates=candidates(f"{scene} {spoken}"),
        draft=f"{scene} {spoken}",
        sources=[{"sentence": text, "candidates": [0]} for text in (scene, spoken)],
        has_audio=False,
        transcript=[],
        evidence={**WORLD.rows()[0]["evidence"], "sound": None, "speech": None},
    )
    done = through([row], Review(reviewer=spec(server, "reviewer"), access=access))[0]
    assert done["draft"] == scene


def judged_row(server: Server, access: Access, caption: str, measured: dict = UNMEASURED) -> dict:
    row = {**row_with(), **measured, "candidates": [{"annotator": "given", "caption": caption}]}
    return through(
        [row], Ensemble(), Decompose(), Judge(judge=JudgeModel(spec(server, "judge", "video")), access=access)
    )[0]


def finding(attribute: str, span: str, kind: str = "error") -> dict:
    times = {"time_start": None, "time_end": None}
    return {"attribute": attribute, "kind": kind, "span": span, "reason": "It is not so.", **times, "confidence": 0.9}


def test_a_span_that_is_not_in_the_caption_is_left_out_and_recorded(server: Server, access: Access) -> None:
    caption = "A wooden pier leads into a calm lake."
    good = [finding("scene", "a calm lake"), finding("scene", "wooden   Pier")]
    server.model("judge", reply=json.dumps({"findings": [*good, finding("scene", "a stormy sea")]}))
    row = judged_row(server, access, caption)
    told = [f["span"] for f in row["findings"] if f["judge"] == "judge"]
    assert told == ["wooden pier", "a calm lake"]
    assert ("judge", "span_not_in_caption") in errors_of(row)


@pytest.mark.parametrize("reply", [{"findings": [finding("mood", "")]}, {"findings": [finding("scene", "nowhere")]}])
def test_a_judgement_that_cannot_be_used_is_asked_again_with_its_error_and_then_recorded(server, access, reply) -> None:
    server.model("judge", reply=json.dumps(reply))
    row = judged_row(server, access, "A wooden pier leads into a calm lake.")
    assert errors_of(row)[0][1] in ("schema", "invalid")
    assert [f for f in row["findings"] if f["judge"] == "judge"] == []
    again = server.requests("judge")[-1]["body"]["messages"]
    assert again[-1]["content"].startswith("That reply cannot be used:")
    assert server.stats("judge")["requests"] == 2


def test_narrative_elements_is_accepted_with_a_space(server: Server, access: Access) -> None:
    server.model("judge", reply=json.dumps({"findings": [finding("narrative elements", "", "missing")]}))
    row = judged_row(server, access, "A wooden pier leads into a calm lake.")
    assert [f["attribute"] for f in row["findings"] if f["judge"] == "judge"] == ["narrative_elements"]


def test_both_judges_stand_side_by_side_and_their_disagreement_is_kept(server: Server, access: Access) -> None:
    other = "pans left" if MOVE.value != "pans left" else "pans right"
    server.model("judge", reply=json.dumps({"findings": []}))
    row = judged_row(server, access, MOVE._replace(value=other).sentence(0), WORLD.rows()[MOVING])
    measured = [f for f in row["findings"] if f["judge"] == "measured" and f["kind"] == "error"]
    assert [f["disputed_by"] for f in measured] == ["judge"]
    server.model("judge", reply=json.dumps({"findings": [finding("camera", MOVE.value)]}))
    row = judged_row(server, Access(access.ledger + ".2"), MOVE.sentence(0), WORLD.rows()[MOVING])
    assert [f["disputed_by"] for f in row["findings"] if f["judge"] == "judge"] == ["measured"]


def test_what_is_measured_to_be_right_is_not_refined_away(server: Server, access: Access) -> None:
    server.model("judge", reply=json.dumps({"findings": [finding("camera", MOVE.value)]}))
    server.model("refiner", reply=json.dumps({"edits": [{"sentence": 0, "text": "", "findings": [0]}]}))
    row = judged_row(server, access, MOVE.sentence(0), WORLD.rows()[MOVING])
    judge = JudgeModel(spec(server, "judge", "video"))
    done = through([row], Refine(refiner=spec(server, "refiner"), judge=judge, access=access))[0]
    assert MOVE.sentence(0) in done["caption"]
    assert {f["resolved"] for f in done["findings"] if f["judge"] == "judge"} == {False}


def test_refinement_changes_the_sentence_that_was_found_wrong_and_no_other(server: Server, access: Access) -> None:
    caption = "A wooden pier leads into a calm lake.  Two grey boats lie at it.\n\nA red flag hangs from a mast."
    server.model("judge", script=["answer"], reply=json.dumps({"findings": [finding("objects", "grey")]}))
    edit = {"sentence": 0, "text": "Two blue boats lie at it.", "findings": [0]}
    server.model("refiner", reply=json.dumps({"edits": [edit]}))
    row = judged_row(server, access, caption)
    home = next(a for a, text in row["attributes"].items() if "grey" in text)
    if home != "objects":
        server.model("judge", reply=json.dumps({"findings": [finding(home, "grey")]}))
        row = judged_row(server, Access(access.ledger + ".2"), caption)
    place = [s for s in row["attributes"][home].split(". ")].index("Two grey boats lie at it")
    server.model("refiner", reply=json.dumps({"edits": [{**edit, "sentence": place}]}))
    server.model("judge", reply=json.dumps({"findings": []}))
    judge = JudgeModel(spec(server, "judge", "video"))
    done = through([row], Refine(refiner=spec(server, "refiner"), judge=judge, access=Access(access.ledger + ".3")))[0]
    assert done["caption"] == caption.replace("grey", "blue")
    assert [f["resolved"] for f in done["findings"] if f["judge"] == "judge"] == [True]
    others = {a: text for a, text in row["attributes"].items() if a != home}
    assert {a: done["attributes"][a] for a in others} == others


def test_an_edit_of_a_sentence_that_no_finding_names_is_refused(server: Server, access: Access) -> None:
    caption = "A wooden pier leads into a calm lake. A long beach lies behind it."
    server.model("judge", reply=json.dumps({"findings": [finding("scene", "calm")]}))
    row = judged_row(server, access, caption)
    number = 1 if "long beach" in row["attributes"]["scene"] else 5
    edits = [{"sentence": number, "text": "A short beach lies behind it.", "findings": [0]}]
    server.model("refiner", reply=json.dumps({"edits": edits}))
    done = through([row], Refine(refiner=spec(server, "refiner"), access=access))[0]
    assert done["caption"] == caption
    assert ("refine", "invalid") in errors_of(done)


def test_refinement_ends_after_its_rounds_when_the_judge_is_never_content(server: Server, access: Access) -> None:
    server.model("judge", reply=json.dumps({"findings": [finding("scene", "pier")]}))
    edit = {"sentence": 0, "text": "A wooden pier leads into a still lake.", "findings": [0]}
    server.model("refiner", reply=json.dumps({"edits": [edit]}))
    row = judged_row(server, access, "A wooden pier leads into a calm lake.")
    stage = Refine(
        refiner=spec(server, "refiner"), judge=JudgeModel(spec(server, "judge", "video")), max_rounds=3, access=access
    )
    done = through([row], stage)[0]
    rounds = {f["round"] for f in done["findings"] if f["judge"] == "judge"}
    assert max(rounds) <= 4
    assert server.stats("refiner")["requests"] <= 3
    assert any(not f["resolved"] for f in done["findings"] if f["judge"] == "judge")


def test_a_fused_caption_that_says_more_or_less_is_not_used(server: Server, access: Access) -> None:
    attributes = {
        **dict.fromkeys(ATTRIBUTES, ""),
        "scene": "A pier leads into a lake.",
        "camera": "At 4s, it pans left.",
    }
    row = row_with(attributes=attributes, caption="A pier leads into a lake. At 4s, it pans left.")
    for reply in ("A pier leads into a lake at 9s. It pans left.", "A pier leads into a lake.", "A dragon sleeps."):
        server.model("fuser", reply=reply)
        done = through([row], Fuse(fuser=spec(server, "fuser"), access=access))[0]
        assert done["caption"] == row["caption"]
        assert errors_of(done) == [("fuse", "invalid")]
    server.model("fuser", reply="A pier leads into a lake; at 4s, it pans left.")
    done = through([row], Fuse(fuser=spec(server, "fuser"), access=access))[0]
    assert done["caption"] == "A pier leads into a lake; at 4s, it pans left."


def test_a_model_files_what_nothing_else_files(server: Server, access: Access) -> None:
    server.model("decomposer", skill=Skill())
    facts = [WORLD.clips["clip-00000"].of(attribute)[0] for attribute in ATTRIBUTES]
    row = row_with(candidates=candidates(" ".join(fact.sentence(1) for fact in facts)))
    done = through([row], Ensemble(), Decompose(model=spec(server, "decomposer"), access=access))[0]
    assert done["attributes"] == {fact.attribute: fact.sentence(1) for fact in facts}


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (KeepRules(min_words=50), "too_few_words"),
        (KeepRules(min_attributes=3), "too_few_attributes"),
        (KeepRules(max_unresolved=0), "unresolved_findings"),
        (KeepRules(min_annotators=1), "too_few_annotators"),
        (KeepRules(min_agreement=0.9), "low_agreement"),
        (KeepRules(max_duration=5.0), "too_long"),
        (KeepRules(min_duration=500.0), "too_short"),
        (KeepRules(require_stages=("annotate",)), "stage_failed"),
    ],
)
def test_a_row_is_dropped_with_the_name_of_the_rule_it_breaks(rules: KeepRules, reason: str) -> None:
    left = {"resolved": False, "kind": "error", "confidence": 0.9, "judge": "measured"}
    row = row_with(
        caption="A pier.",
        attributes={"scene": "A pier."},
        findings=[left],
        agreement={"scene": 0.2},
        errors=[{"stage": "annotate", "kind": "refused", "message": "no"}],
    )
    done = through([row], Keep(rules=rules))[0]
    assert (done["status"], done["drop_reason"]) == ("dropped", reason)
    assert through([row], Keep())[0]["status"] == "kept"


def test_an_endpoint_that_answers_nobody_ends_the_run_with_a_clear_message(access: Access) -> None:
    dead = spec(type("Nowhere", (), {"url": "http://127.0.0.1:9/v1"}), "nobody", "video", attempts=2)
    stage = Annotate(annotators=(Annotator("a", dead),), access=access)
    with pytest.raises(EndpointError, match=r"Nothing answers at http://127.0.0.1:9/v1.*is kept"):
        through(WORLD.rows(), stage)


def test_a_model_stage_without_a_ledger_says_what_to_give(server: Server) -> None:
    with pytest.raises(InputError, match="access=Access"):
        through(WORLD.rows()[:1], Annotate(annotators=whole(server).annotators))


def test_another_prompt_text_is_another_fingerprint_and_another_ledger_is_not(server: Server) -> None:
    from datasets.fingerprint import Hasher

    one = text_stages(VerifyConfig(), Access("a"))
    assert [repr(stage) for stage in one] == [repr(stage) for stage in text_stages(VerifyConfig(), Access("b"))]
    assert Hasher.hash(Judge(judge=None)) != Hasher.hash(Judge(judge=JudgeModel(spec(server, "judge"))))


@pytest.mark.parametrize(
    ("texts", "caption"),
    [
        (["At 4s, the dog runs.", "At 9s, the cat sleeps."], "At 9s, the dog runs. At 4s, the cat sleeps."),
        (["The woman is not smiling at him."], "The woman is smiling at him."),
        (["A man hits a woman with a pillow."], "A woman hits a man with a pillow."),
        (["The man stirs the soup.", "The woman waits at the counter."], "The man waits at the counter stirring soup."),
    ],
)
def test_a_fused_caption_that_bends_what_was_verified_is_refused(texts: list[str], caption: str) -> None:
    with pytest.raises(ChatError):
        check_fused(caption, texts)
    check_fused(" ".join(texts), texts)


def test_all_that_is_missing_is_kept_and_refined(server: Server, access: Access) -> None:
    absent = [{**finding("scene", "", "missing"), "reason": reason} for reason in ("A bridge is seen.", "It rains.")]
    server.model("judge", reply=json.dumps({"findings": absent}))
    row = judged_row(server, access, "A wooden pier leads into a calm lake.")
    assert [f["reason"] for f in row["findings"] if f["judge"] == "judge"] == ["A bridge is seen.", "It rains."]


def test_rows_that_ask_the_same_at_the_same_time_have_findings_of_their_own(server: Server, access: Access) -> None:
    server.model("judge", reply=json.dumps({"findings": [finding("scene", "calm")]}), latency=0.2)
    captions = ["A wooden pier leads into a calm lake.", "Hello. A wooden pier leads into a calm lake."]
    row = {**row_with(), **UNMEASURED}
    rows = [{**row, "candidates": [{"annotator": "given/scene", "caption": captions[0]}]}]
    rows.append(
        {
            **row,
            "video_id": "b",
            "candidates": [{"annotator": "given/camera", "caption": "It pans."}, *rows[0]["candidates"]],
        }
    )
    done = through(
        rows, Ensemble(), Decompose(), Judge(judge=JudgeModel(spec(server, "judge"), per_attribute=True), access=access)
    )
    for row in done:
        for found in (f for f in row["findings"] if f["judge"] == "judge"):
            assert row["draft"][found["char_start"] : found["char_end"]] == "calm"


def test_what_nobody_judged_again_is_not_resolved(server: Server, access: Access) -> None:
    server.model("judge", reply=json.dumps({"findings": [finding("scene", "calm")]}))
    row = judged_row(server, access, "A wooden pier leads into a calm lake.")
    edit = {"sentence": 0, "text": "A wooden pier leads into a rough lake.", "findings": [0]}
    server.model("refiner", reply=json.dumps({"edits": [edit]}))
    server.model("judge", always="400")
    stage = Refine(refiner=spec(server, "refiner"), judge=JudgeModel(spec(server, "judge", "video")), access=access)
    done = through([row], stage)[0]
    assert "rough" in done["caption"]
    assert [f["resolved"] for f in done["findings"] if f["judge"] == "judge"] == [False]
    assert "rejected" in [kind for _, kind in errors_of(done)]


def test_what_a_refiner_failed_to_mend_is_tried_again(server: Server, access: Access) -> None:
    server.model("judge", script=["answer"], reply=json.dumps({"findings": [finding("scene", "calm")]}))
    row = judged_row(server, access, "A wooden pier leads into a calm lake.")
    edit = {"sentence": 0, "text": "A wooden pier leads into a rough lake.", "findings": [0]}
    server.model("refiner", script=["400"], reply=json.dumps({"edits": [edit]}))
    server.model("judge", reply=json.dumps({"findings": []}))
    stage = Refine(
        refiner=spec(server, "refiner"),
        judge=JudgeModel(spec(server, "judge", "video")),
        access=Access(access.ledger + "2"),
    )
    done = through([row], stage)[0]
    assert done["caption"] == "A wooden pier leads into a rough lake."
    assert [f["resolved"] for f in done["findings"] if f["judge"] == "judge"] == [True]


def test_an_edit_of_more_than_a_sentence_is_refused(server: Server, access: Access) -> None:
    server.model("judge", reply=json.dumps({"findings": [finding("scene", "calm")]}))
    row = judged_row(server, access, "A wooden pier leads into a calm lake.")
    edit = {"sentence": 0, "text": "A pier leads into a lake. A dragon lands on it.", "findings": [0]}
    server.model("refiner", reply=json.dumps({"edits": [edit]}))
    done = through([row], Refine(refiner=spec(server, "refiner"), access=access))[0]
    assert done["caption"] == row["draft"]
    assert ("refine", "invalid") in errors_of(done)


def test_an_integrator_may_write_narrative_elements_with_a_space(server: Server, access: Access) -> None:
    told = [{"text": "The story ends happily.", "attribute": "narrative elements", "candidates": [0]}]
    server.model("integrator", reply=json.dumps({"sentences": told, "conflicts": []}))
    row = row_with(candidates=candidates("The story ends happily.", "The story ends well."))
    done = through([row], Ensemble(integrator=spec(server, "integrator"), access=access), Decompose())[0]
    assert done["attributes"]["narrative_elements"] == "The story ends happily."
    assert errors_of(done) == []


@pytest.mark.parametrize(
    "corrections",
    [
        [{"sentence": 0, "text": "A purple dragon lands on the castle.", "reason": "no"}],
        [{"sentence": 0, "text": text, "reason": "no"} for text in ("A pier leads into a lake.", "A lake.")],
        [{"sentence": n, "text": "", "reason": "no"} for n in (0, 1)],
        [{"sentence": 7, "text": "", "reason": "no"}],
    ],
)
def test_a_correction_that_cannot_be_is_refused(server: Server, access: Access, corrections: list[dict]) -> None:
    server.model("reviewer", reply=json.dumps({"missing": [], "inconsistent": corrections}))
    told = ["A pier leads into a lake.", "A boat lies at it."]
    row = {**row_with(), **UNMEASURED, "candidates": candidates(" ".join(told)), "draft": " ".join(told)}
    row["sources"] = [{"sentence": text, "candidates": [0]} for text in told]
    done = through([row], Review(reviewer=spec(server, "reviewer"), access=access))[0]
    assert done["draft"] == row["draft"]
    assert errors_of(done) == [("review", "invalid")]


def test_a_time_that_a_judge_names_lies_in_the_clip(server: Server, access: Access) -> None:
    times = [
        {"time_start": 9, "time_end": 2},
        {"time_start": None, "time_end": 3},
        {"time_start": 900, "time_end": None},
    ]
    given = [{**finding("scene", word), **time} for word, time in zip(("wooden", "calm", "lake"), times, strict=True)]
    server.model("judge", reply=json.dumps({"findings": given}))
    row = judged_row(server, access, "A wooden pier leads into a calm lake.")
    told = [(f["time_start"], f["time_end"]) for f in row["findings"] if f["judge"] == "judge"]
    assert told == [(2.0, 9.0), (3.0, 3.0), (None, None)]


def test_calls_under_way_elsewhere_are_kept_when_an_endpoint_is_dead(server: Server, access: Access) -> None:
    server.model("annotator0", skill=Skill(), latency=1.0)
    dead = spec(type("Nowhere", (), {"url": "http://127.0.0.1:9/v1"}), "nobody", "video", attempts=1)
    annotators = (Annotator("slow", spec(server, "annotator0", "video")), Annotator("dead", dead))
    with pytest.raises(EndpointError):
        through(WORLD.rows(), Annotate(annotators=annotators, access=access))
    paid = server.stats("annotator0")["requests"]
    through(WORLD.rows(), Annotate(annotators=annotators[:1], access=access))
    assert server.stats("annotator0")["requests"] == max(paid, len(WORLD.clips))


def test_a_finding_that_the_measurements_dispute_drops_no_row() -> None:
    disputed = {"resolved": False, "kind": "error", "confidence": 0.9, "judge": "judge", "disputed_by": "measured"}
    row = row_with(caption="A pier.", attributes={"scene": "A pier."}, findings=[disputed], agreement=None)
    assert through([row], Keep(rules=KeepRules(max_unresolved=0)))[0]["status"] == "kept"


def test_a_refusal_in_the_fields_of_a_reply_is_no_caption(server: Server, access: Access) -> None:
    refusal = "I apologize, but I'm unable to view this video."
    server.model("annotator0", reply=json.dumps(dict.fromkeys(ATTRIBUTES, refusal)))
    annotator = Annotator("a", spec(server, "annotator0", "video"))
    row = through(WORLD.rows()[:1], Annotate(annotators=(annotator,), access=access))[0]
    assert errors_of(row) == [("annotate", "refused")]
    assert not any(refusal in candidate["caption"] for candidate in row["candidates"])
