"""One stage run again on the rows it had, with another model or prompt, and what that changes."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from asid_hf.errors import EndpointError, InputError
from asid_hf.verify.config import VerifyConfig
from asid_hf.verify.config_models import without_keys
from asid_hf.verify.config_written import LEFT_OUT
from asid_hf.verify.earlier import WORK
from asid_hf.verify.model_stage import Access, ModelStage
from asid_hf.verify.output import LEDGER
from asid_hf.verify.stage import Stage
from asid_hf.verify.steps import MODEL_BATCH, TEXT_BATCH, rows_path, saved_stages, text_stages

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class Difference:
    """A column of a row that came out otherwise.

    Example:
        >>> Difference("clip", "caption", "A dog.", "A cat.").column
        'caption'
    """

    video_id: str
    column: str
    before: object
    after: object


def replay_stage(
    stage: str, against: str | Path, config: VerifyConfig, *, ledger: str | Path | None = None, offline: bool = False
) -> tuple[list[Difference], Dataset]:
    """Run one stage again on the rows that a run saved before it.

    Args:
        stage: its name.
        against: output of a run with `save_rows` that named the stage.
        config: what to run it with.
        ledger: file of the call ledger; by default that of the run.
        offline: ask no model.

    Returns:
        What differs from the rows that were saved after it, in row order; and the new rows.

    Raises:
        InputError: no such stage in the configuration, no rows saved for it, or no address of a model to be asked.
        EndpointError: a model's endpoint answers nobody.

    Example:
        >>> replay_stage("judge", "no-such-output", VerifyConfig())
        Traceback (most recent call last):
        ...
        asid_hf.errors.InputError: ...
    """
    from datasets import Dataset

    output = Path(against)
    access = Access(str(ledger or output / WORK / LEDGER), offline, config.prompts)
    step = _stage_called(stage, without_keys(config) if offline else config, access)
    before, after = (rows_path(output / WORK, stage, moment) for moment in ("before", "after"))
    if not (before.is_file() and after.is_file()):
        saved = sorted(saved_stages(output / WORK))
        raise InputError(
            f"{output} holds no rows of the stage {stage!r} (it has {', '.join(saved) or 'none'}): run asid verify "
            f"with --save-rows {stage}."
        )
    rows = Dataset.from_parquet(str(before))
    asks = isinstance(step, ModelStage) and step.models
    try:
        new = rows.map(
            step,
            batched=True,
            batch_size=MODEL_BATCH if asks else TEXT_BATCH,
            features=rows.features,
            load_from_cache_file=False,
            desc=f"replaying {stage}",
        )
    except EndpointError as error:
        if not any(model.base_url == LEFT_OUT for model in step.models):
            raise
        raise InputError(
            f"The stage {stage!r} has to ask {', '.join(model.name for model in step.models)}, and a run records no "
            "address: give --base-url (for one of several models with --role), or a --config with the addresses."
        ) from error
    return differences(Dataset.from_parquet(str(after)), new, step.writes), new


def differences(old: Dataset, new: Dataset, columns: tuple[str, ...]) -> list[Difference]:
    """Compare some columns of two datasets of the same rows.

    Args:
        old, new: with `video_id`.
        columns: to compare, beside `status`.

    Example:
        >>> from datasets import Dataset
        >>> old = Dataset.from_dict({"video_id": ["a"], "caption": ["A dog."], "status": ["kept"]})
        >>> [d.column for d in differences(old, old, ("caption",))]
        []
    """
    wanted = [*columns, "status"]
    known = {row["video_id"]: row for row in old.select_columns(["video_id", *wanted])}
    found = []
    for row in new.select_columns(["video_id", *wanted]):
        was = known.get(row["video_id"], {})
        found += [Difference(row["video_id"], c, was.get(c), row[c]) for c in wanted if was.get(c) != row[c]]
    return found


def tell(difference: Difference) -> list[str]:
    """A difference in lines for a reader: findings that came and went, texts before and after.

    Example:
        >>> tell(Difference("clip", "caption", "A dog.", "A cat."))
        ['- A dog.', '+ A cat.']
    """
    old, new = difference.before, difference.after
    if isinstance(old, dict) and isinstance(new, dict):
        pairs = [(f"{name}: {old.get(name)}", f"{name}: {new[name]}") for name in new if old.get(name) != new[name]]
        return [line for was, now in pairs for line in (f"- {was}", f"+ {now}")]
    if isinstance(old, list) and isinstance(new, list):
        was, now = Counter(map(_line, old)), Counter(map(_line, new))
        return [*(f"- {line}" for line in (was - now)), *(f"+ {line}" for line in (now - was))]
    return [f"- {old}", f"+ {new}"]


def _line(entry: object) -> str:
    if isinstance(entry, dict) and "finding_id" in entry:
        return f"{entry['judge']}: {entry['kind']} / {entry['attribute']} / {entry['span']!r}: {entry['reason']}"
    if isinstance(entry, dict) and "annotator" in entry:
        return f"{entry['annotator']}: {entry['caption']}"
    return json.dumps(entry, ensure_ascii=False)


def _stage_called(name: str, config: VerifyConfig, access: Access) -> Stage:
    stages = {stage.name: stage for stage in text_stages(config, access)}
    if name not in stages:
        raise InputError(f"The configuration runs no stage {name!r}. It runs {', '.join(stages)}.")
    return stages[name]
