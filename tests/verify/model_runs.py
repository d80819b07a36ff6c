"""Rows of the simulated world through stages with models, over the tests' own server."""

from __future__ import annotations

from llm_server import Server
from llm_world import Score, SimulatedClip

from asid_hf.chat.model_spec import ModelSpec
from asid_hf.verify.annotate import Annotator
from asid_hf.verify.config import VerifyConfig
from asid_hf.verify.model_judge import JudgeModel
from asid_hf.verify.stage import Row, Stage


def spec(server: Server, name: str, *accepts: str, **settings: object) -> ModelSpec:
    return ModelSpec(name, base_url=server.url, accepts=accepts, **settings)


def whole(server: Server, annotators: int = 2, **settings: object) -> VerifyConfig:
    """A configuration with every role, its models named after their roles."""
    return VerifyConfig(
        annotators=tuple(Annotator(f"a{n}", spec(server, f"annotator{n}", "video")) for n in range(annotators)),
        integrator=spec(server, "integrator"),
        reviewer=spec(server, "reviewer"),
        judge=JudgeModel(spec(server, "judge", "video")),
        refiner=spec(server, "refiner", "video"),
        fuser=spec(server, "fuser"),
        **settings,
    )


def through(rows: list[Row], *stages: Stage) -> list[Row]:
    """Rows after some stages."""
    batch = {column: [row[column] for row in rows] for column in rows[0]}
    for stage in stages:
        batch |= stage(batch)
    return [{column: values[i] for column, values in batch.items()} for i in range(len(rows))]


def total(clips: list[SimulatedClip], texts: list[str]) -> Score:
    """The texts of some clips against their truth."""
    score = Score(0, 0, 0, 0, 0, 0)
    for clip, text in zip(clips, texts, strict=True):
        score = score.plus(clip.score(text))
    return score
