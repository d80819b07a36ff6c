"""The datasets of a recipe, loaded, formatted and mixed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

import asid_hf  # noqa: F401  (makes load_dataset("asid-1m") known)
from asid_hf.errors import InputError
from asid_hf.schema import ATTRIBUTES
from asid_hf.training.allowed import ENTRY
from asid_hf.training.arguments import CaptionerArguments
from asid_hf.training.formatting import Formatting, training_features

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset

STREAM_BUFFER = 1000  # rows of a stream that are shuffled among each other


def load_rows(arguments: CaptionerArguments, seed: int = 0) -> Dataset | IterableDataset:
    """The rows to train on.

    Args:
        arguments: `datasets`, `streaming`, and how instructions are drawn.
        seed: of which rows come where a weight is no whole number, and of a stream's order.

    Returns:
        Training rows, see `formatting.training_features`: each dataset's one after the other (a stream's mixed).

    Raises:
        InputError: a dataset that cannot be loaded as it is described.

    Example:
        >>> load_rows(arguments)[0]["attributes"]  # doctest: +SKIP
        ['speech']
    """
    from datasets import concatenate_datasets, interleave_datasets

    loaded = [load_entry(entry, arguments) for entry in arguments.datasets]
    weights = [float(entry.get("weight", 1)) for entry in arguments.datasets]
    if arguments.streaming:
        shares = [weight / sum(weights) for weight in weights]
        mixed = interleave_datasets(loaded, probabilities=shares, seed=seed, stopping_strategy="all_exhausted")
        return mixed.shuffle(seed=seed, buffer_size=STREAM_BUFFER)
    rows = concatenate_datasets([_weighted(*one, seed) for one in zip(loaded, weights, strict=True)])
    if not len(rows):
        raise InputError("The datasets have no rows. See their `split`, `limit`, `weight` and filters.")
    return rows


def load_held_out(arguments: CaptionerArguments) -> tuple[dict[str, Dataset], Counter[str]]:
    """The held-out rows, by what they ask for: one attribute's name, "several", "all", "json" or "general".

    Of each kind at most `eval_rows`, drawn by `instruction_seed`.

    Returns:
        Those rows; and of rows that are none to train on, why and how many.

    Example:
        >>> sorted(load_held_out(arguments)[0])  # doctest: +SKIP
        ['camera', 'speech']
    """
    from datasets import concatenate_datasets

    entries = arguments.eval_datasets
    if not entries:
        return {}, Counter()
    rows = concatenate_datasets([load_entry({**entry, "streaming": False}, arguments) for entry in entries])
    refused = Counter(reason for reason in rows["refused"] if reason is not None)
    rows = rows.filter(lambda refused: refused is None, input_columns="refused")
    kinds = [_kind(*row) for row in zip(rows["attributes"], rows["form"], strict=True)]
    places: dict[str, list[int]] = {}
    for place, kind in enumerate(kinds):
        places.setdefault(kind, []).append(place)
    drawn = np.random.default_rng(arguments.instruction_seed)
    places = {kind: sorted(drawn.permutation(own)[: arguments.eval_rows].tolist()) for kind, own in places.items()}
    return {kind: rows.select(own) for kind, own in sorted(places.items(), key=lambda one: _ORDER[one[0]])}, refused


def load_entry(entry: Mapping[str, Any], arguments: CaptionerArguments) -> Dataset | IterableDataset:
    """One dataset's training rows.

    Raises:
        InputError: it cannot be loaded, or its rows are none to train on.

    Example:
        >>> load_entry({"path": "asid-1m", "name": "raw"}, arguments).column_names[0]  # doctest: +SKIP
        'video_id'
    """
    from datasets import Video, load_dataset
    from datasets.exceptions import DatasetsError

    loading = {key: value for key, value in entry.items() if key not in ENTRY or key in ("path", "name")}
    if entry["path"] == "asid-1m":
        loading.setdefault("with_video", True)
    loading = {"split": entry.get("split", "train"), "streaming": arguments.streaming, **loading}
    try:
        rows = load_dataset(**loading)
    except StopIteration:
        raise InputError(f"The dataset {entry['path']} has no rows.") from None
    except (ValueError, OSError, TypeError, DatasetsError) as error:
        cause = f" ({error.__cause__})" if error.__cause__ else ""
        raise InputError(f"The dataset {entry['path']} cannot be loaded: {error}{cause}"[:1000]) from error
    for name, kind in (rows.features or {}).items():
        if isinstance(kind, Video):  # as a path or bytes: what decodes is the collator
            rows = rows.cast_column(name, Video(decode=False))
    if entry.get("limit") is not None:
        rows = rows.take(entry["limit"])
    formatting = Formatting(arguments.instructions, arguments.instruction_seed)
    told = {} if loading["streaming"] else {"desc": f"Reading {entry['path']}"}
    return rows.map(formatting, batched=True, remove_columns=rows.column_names, features=training_features(), **told)


def _weighted(rows: Dataset, weight: float, seed: int) -> Dataset:
    """Rows as often as their weight says; a part of them is drawn."""
    if weight == 1:
        return rows
    whole, part = divmod(weight, 1)
    drawn = np.random.default_rng(seed).permutation(len(rows))[: round(part * len(rows))]
    return rows.select([*list(range(len(rows))) * int(whole), *sorted(drawn.tolist())])


def _kind(attributes: list[str], form: str) -> str:
    if not attributes:
        return "general"
    if form == "json":
        return "json"
    return attributes[0] if len(attributes) == 1 else "all" if len(attributes) == len(ATTRIBUTES) else "several"


_ORDER = {name: place for place, name in enumerate((*ATTRIBUTES, "several", "all", "json", "general"))}
