"""Which stages a configuration runs, in order, and how they are grouped into steps for an engine.

To add a stage: write `verify/<stage>.py` with one `Stage`, put it in `measuring_stages` or `text_stages` below, and
test it in `tests/verify/test_<stage>.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path

from asid_hf.verify.align_speech import AlignSpeech
from asid_hf.verify.annotate import Annotate
from asid_hf.verify.check_timeline import CheckTimeline
from asid_hf.verify.config import MEASURED, VerifyConfig
from asid_hf.verify.decompose import Decompose
from asid_hf.verify.ensemble import Ensemble
from asid_hf.verify.fetch import Fetch
from asid_hf.verify.fuse import Fuse
from asid_hf.verify.journal import Remember
from asid_hf.verify.judge import Judge
from asid_hf.verify.keep import KEEP_ALL, Keep
from asid_hf.verify.model_stage import Access, ModelStage
from asid_hf.verify.observe import Observe
from asid_hf.verify.probe import Probe
from asid_hf.verify.refine import Refine
from asid_hf.verify.repair_format import RepairFormat
from asid_hf.verify.review import Review
from asid_hf.verify.stage import Batch, Chain, Stage
from asid_hf.verify.transcribe import Transcribe

TEXT_BATCH, MODEL_BATCH = 64, 1000  # rows; the calls of all rows in a batch are under way together


@dataclass(frozen=True)
class Step:
    """A part of the pipeline as an engine runs it.

    Args:
        name: of the step, for progress bars and files.
        call: dict of lists in, dict of lists out.
        batch_size: rows a call.
        processes: how many may run it at once; None: one.

    Example:
        >>> Step("probe", Probe(), 1).batch_size
        1
    """

    name: str
    call: Callable[[Batch], Batch]
    batch_size: int
    processes: int | None = None


def rows_path(work: Path, stage: str, moment: str) -> Path:
    """Where the rows "before" or "after" a stage are saved, for `asid replay`.

    Example:
        >>> rows_path(Path(".asid"), "judge", "before").as_posix()
        '.asid/rows/judge-before.parquet'
    """
    return work / "rows" / f"{stage}-{moment}.parquet"


def saved_stages(work: Path) -> set[str]:
    """Names of the stages whose rows, before and after, are saved.

    Example:
        >>> saved_stages(Path("no-such-folder"))
        set()
    """
    names = {path.name.removesuffix("-before.parquet") for path in (work / "rows").glob("*-before.parquet")}
    return {name for name in names if rows_path(work, name, "after").is_file()}


def forget_saved(work: Path, stages: Container[str]) -> None:
    """Delete the saved rows of all stages but some: those of another run.

    Example:
        >>> forget_saved(Path("no-such-folder"), ())
    """
    for name in saved_stages(work):
        for moment in ("before", "after"):
            if name not in stages:
                rows_path(work, name, moment).unlink()


def measuring_stages(config: VerifyConfig = MEASURED, access: Access | None = None) -> tuple[Stage, ...]:
    """The stages that need the clip, in order; run as one `Chain` they share one decode of it.

    Args:
        config: what to run.
        access: the ledger, needed where the recogniser is behind an address.

    Example:
        >>> [stage.name for stage in measuring_stages()]
        ['fetch', 'probe', 'transcribe', 'observe']
    """
    remote, text = config.allow_remote, config.screen_text
    return (
        Fetch(allow_remote=remote),
        Probe(stills=text, allow_remote=remote),
        Transcribe(
            recogniser=config.recogniser,
            aligner=config.aligner,
            diariser=config.diariser,
            stills=text,
            allow_remote=remote,
            access=access,
        ),
        Observe(screen_text=text, allow_remote=remote),
    )


def text_stages(config: VerifyConfig = MEASURED, access: Access | None = None) -> tuple[Stage, ...]:
    """The stages that work on texts and measured facts, and ask models, in order.

    Args:
        config: what to run.
        access: how models are reached; needed where the configuration names any.

    Example:
        >>> [stage.name for stage in text_stages()][-2:]
        ['refine', 'repair_format']
    """
    stages = [
        Annotate(annotators=config.annotators, access=access),
        Ensemble(integrator=config.integrator, access=access),
        Review(reviewer=config.reviewer, max_rounds=config.max_rounds, access=access) if config.reviewer else None,
        Decompose(model=config.decomposer, access=access),
        AlignSpeech(),
        CheckTimeline(),
        Judge(judge=config.judge, access=access),
        Refine(
            enabled=config.refine,
            refiner=config.refiner,
            judge=config.judge,
            max_rounds=config.max_rounds,
            access=access,
        ),
        Fuse(fuser=config.fuser, access=access) if config.fuser and config.refine else None,
        RepairFormat(enabled=config.refine),
        Keep(rules=config.keep) if config.keep != KEEP_ALL else None,
    ]
    return tuple(stage for stage in stages if stage is not None)


def all_stages(config: VerifyConfig, access: Access | None = None) -> tuple[Stage, ...]:
    """Every stage of a run, in order.

    Example:
        >>> all_stages(MEASURED)[0].name
        'fetch'
    """
    return (*measuring_stages(config, access), *text_stages(config, access))


def steps_of(config: VerifyConfig, work: Path, access: Access | None = None, num_proc: int | None = None) -> list[Step]:
    """The steps of a run.

    Args:
        config: what to run.
        work: folder for the journal of measured rows.
        access: how models are reached.
        num_proc: processes that measure.

    Example:
        >>> [step.name for step in steps_of(MEASURED, Path())][:2]
        ['measuring', 'annotate']
    """
    measure = Remember(Chain(measuring_stages(config, access)), str(work / "measured.sqlite"))
    # One clip a call: the bar moves with every clip, and memory holds one at a time.
    steps = [Step("measuring", measure, 1, num_proc if num_proc and num_proc > 1 else None)]
    for stage in text_stages(config, access):
        asks = isinstance(stage, ModelStage) and stage.models
        steps.append(Step(stage.name, stage, MODEL_BATCH if asks else TEXT_BATCH))
    return steps
