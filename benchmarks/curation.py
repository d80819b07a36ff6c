"""What each stage with models makes of captions whose truth is known: omissions, errors and hallucinations, in numbers.

    python benchmarks/curation.py [--clips 100] [--seed 0] [--annotators 4]
                                  [--judge-miss 0.1] [--judge-alarm 0.02] [--judge-steady 0.5]

The clips, their truth and the models are the tests' simulated ones, reached over real HTTP; the models err at the
rates that are printed, each fault drawn by a hash. All figures are shares of the number of true facts: missed (told
rightly by no sentence), wrong (told with another value or time), invented (told and not in the truth). A stage that
leaves more faults than the one before is named, with what it lost and what it added.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

from asid_hf.chat.model_spec import ModelSpec
from asid_hf.schema import ATTRIBUTES
from asid_hf.verify.annotate import Annotator
from asid_hf.verify.config import VerifyConfig
from asid_hf.verify.ensemble import annotator_of
from asid_hf.verify.model_judge import JudgeModel
from asid_hf.verify.model_stage import Access
from asid_hf.verify.steps import text_stages

if TYPE_CHECKING:
    from llm_models import Skill
    from llm_world import Fact, Score, SimulatedClip

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
MISSED, INVENTED = 0.10, 0.03  # of the final caption, at most


def skills(arguments: argparse.Namespace) -> dict[str, Skill]:
    """How each role errs."""
    from llm_models import Skill

    annotator = Skill(omit=0.40, invent=0.10, err=0.05)
    return {
        **{f"annotator{n}": annotator for n in range(arguments.annotators)},
        "integrator": Skill(omit=0.02, invent=0.02, miscite=0.02),
        "reviewer": Skill(miss=0.10, alarm=0.01),
        "judge": Skill(miss=arguments.judge_miss, alarm=arguments.judge_alarm, steady=arguments.judge_steady),
        "refiner": Skill(botch=0.02),
        "fuser": Skill(omit=0.01, invent=0.01),
    }


def configuration(url: str, annotators: int) -> VerifyConfig:
    """All roles, their models named after them."""

    def model(name: str, *accepts: str) -> ModelSpec:
        return ModelSpec(name, base_url=url, accepts=accepts, concurrency=32)

    return VerifyConfig(
        annotators=tuple(Annotator(f"a{n}", model(f"annotator{n}", "video")) for n in range(annotators)),
        integrator=model("integrator"),
        reviewer=model("reviewer"),
        judge=JudgeModel(model("judge", "video")),
        refiner=model("refiner", "video"),
        fuser=model("fuser"),
        max_rounds=3,
    )


def told(clips: list[SimulatedClip], texts: list[str]) -> Score:
    """The texts of some clips against their truth."""
    from llm_world import Score

    total = Score(0, 0, 0, 0, 0, 0)
    for clip, text in zip(clips, texts, strict=True):
        total = total.plus(clip.score(text))
    return total


def faults(score: Score) -> float:
    """Missed, wrong and invented together, as a share of the facts."""
    return (score.facts - score.covered + score.wrong + score.hallucinated) / score.facts


def line(name: str, score: Score, seconds: float | None = None) -> str:
    """One stage's figures."""
    missed = 1 - score.covered / score.facts
    wrong, invented = score.wrong / score.facts, score.hallucinated / score.facts
    took = f"{seconds:7.1f} s" if seconds is not None else ""
    shares = f"{missed:7.1%} {wrong:7.1%} {invented:9.1%} {faults(score):7.1%}"
    return f"{name:26s} {shares} {score.repeated:9d} {score.unknown:9d} {took}"


def by_annotator(row: dict) -> dict[str, str]:
    """Each annotator's whole caption of a row."""
    captions: dict[str, list[str]] = {}
    for candidate in row["candidates"]:
        captions.setdefault(annotator_of(candidate), []).append(candidate["caption"])
    return {name: " ".join(texts) for name, texts in captions.items() if name != "measured"}


def facts_of(text: str) -> set[Fact]:
    """What a text states."""
    from llm_world import read

    return {sentence.fact for sentence in read(text) if sentence.fact}


def why(clips: list[SimulatedClip], before: list[str], after: list[str]) -> str:
    """What a stage lost and added, by whether it was right."""
    lost, added, example = Counter(), Counter(), ""
    for clip, old, new in zip(clips, before, after, strict=True):
        lost.update(clip.judge(fact) for fact in facts_of(old) - facts_of(new))
        for fact in facts_of(new) - facts_of(old):
            added[clip.judge(fact)] += 1
            if clip.judge(fact) != "right":
                example = example or f"; e.g. {clip.name}: {fact.sentence(0)!r}"
    return f"statements lost: {dict(lost)}, added: {dict(added)}{example}"


def run(arguments: argparse.Namespace) -> bool:
    """Run the stages and print what each leaves; whether all limits are kept."""
    from llm_server import Server
    from llm_world import World

    world = World(arguments.clips, seed=arguments.seed)
    clips, rows = list(world.clips.values()), world.rows()
    with Server(world) as server, tempfile.TemporaryDirectory() as folder:
        print(
            f"{len(clips)} clips, {sum(len(clip.truth) for clip in clips)} facts; simulated models err at these rates:"
        )
        for name, skill in skills(arguments).items():
            server.model(name, skill=skill)
            rates = {rate: value for rate, value in vars(skill).items() if value and (rate != "steady" or skill.miss)}
            print(f"  {name:11s} {', '.join(f'{rate} {value:g}' for rate, value in rates.items())}")
        stages = text_stages(configuration(server.url, arguments.annotators), Access(f"{folder}/ledger.sqlite"))
        kept = compare(stages, clips, rows)
        counts = server.stats()
        calls = ", ".join(f"{name} {count}" for name, count in sorted(counts["prompts"].items()))
        print(f"\ncalls: {counts['requests']} ({calls})")
    return kept


def compare(stages: tuple, clips: list[SimulatedClip], rows: list[dict]) -> bool:
    """Print the table; whether every limit is kept."""
    print(f"\n{'after':26s} {'missed':>7s} {'wrong':>7s} {'invented':>9s} {'all':>7s} {'repeated':>9s} {'unknown':>9s}")
    batch = {column: [row[column] for row in rows] for column in rows[0]}
    before: list[str] | None = None
    worst, notes = 0.0, []
    for stage in stages:
        started = time.perf_counter()
        batch |= stage(batch)
        seconds = time.perf_counter() - started
        if stage.name == "annotate":
            captions = [by_annotator({"candidates": candidates}) for candidates in batch["candidates"]]
            scores = [told(clips, [caption[name] for caption in captions]) for name in captions[0]]
            mean = reduce(lambda one, other: one.plus(other), scores)
            print(line(f"annotate (mean of {len(scores)})", mean, seconds))
            worst = faults(mean)
            continue
        texts = [caption or draft or "" for caption, draft in zip(batch["caption"], batch["draft"], strict=True)]
        if texts == before:
            continue  # it files or judges, and writes nothing
        score = told(clips, texts)
        print(line(stage.name, score, seconds))
        if faults(score) > worst:
            notes.append(f"{stage.name} leaves more faults than it found: {why(clips, before, texts)}")
        elif faults(score) == worst:
            notes.append(f"{stage.name} leaves as many faults as it found: it joins what was verified, and adds none")
        worst, before = faults(score), texts
    print("\n" + ("\n".join(notes) or "every stage leaves fewer faults than it found"))
    by_attribute(clips, batch["attributes"])
    errors = Counter((e["stage"], e["kind"]) for row in batch["errors"] for e in row)
    print("recorded troubles:", ", ".join(f"{stage} {kind} {n}" for (stage, kind), n in errors.items()) or "none")
    missed, invented = 1 - score.covered / score.facts, score.hallucinated / score.facts
    kept = missed < MISSED and invented < INVENTED
    print(
        f"final caption: missed {missed:.1%} (limit {MISSED:.0%}), invented {invented:.1%} (limit {INVENTED:.0%}): "
        f"{'kept' if kept else 'NOT KEPT'}"
    )
    return kept


def by_attribute(clips: list[SimulatedClip], attributes: list[dict]) -> None:
    """Print the final faults of each attribute, wherever its facts are told."""
    print("\nfinal, by attribute         missed   wrong  invented")
    for attribute in ATTRIBUTES:
        facts = right = 0
        verdicts: Counter = Counter()
        for clip, texts in zip(clips, attributes, strict=True):
            stated = {f for f in facts_of(" ".join(t for t in texts.values() if t)) if f.attribute == attribute}
            facts += len(clip.of(attribute))
            right += len({f.slot for f in stated if clip.judge(f) == "right"})
            verdicts.update(clip.judge(f) for f in stated)
        shares = (1 - right / facts, verdicts["wrong"] / facts, verdicts["hallucinated"] / facts)
        print(f"  {attribute:24s} {shares[0]:7.1%} {shares[1]:7.1%} {shares[2]:9.1%}")


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--annotators", type=int, default=4)
    parser.add_argument("--judge-miss", type=float, default=0.10)
    parser.add_argument("--judge-alarm", type=float, default=0.02)
    parser.add_argument("--judge-steady", type=float, default=0.5, help="share of its misses that no round mends")
    sys.exit(0 if run(parser.parse_args()) else 1)


if __name__ == "__main__":
    main()
