"""Rows on their way through an engine, as Arrow tables: into shards, through a step, back in order."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from asid_hf.errors import OutputError
from asid_hf.verify.stage import Batch

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Dataset, Features


def write_shards(dataset: Dataset, folder: Path, size: int) -> list[str]:
    """Write rows as Parquet files.

    Args:
        dataset: the rows.
        folder: where to, made here.
        size: rows a file.

    Returns:
        The files' absolute paths, in the order of the rows.

    Example:
        >>> import tempfile
        >>> from datasets import Dataset
        >>> folder = Path(tempfile.mkdtemp(), "in")
        >>> [os.path.basename(path) for path in write_shards(Dataset.from_dict({"a": [1, 2, 3]}), folder, 2)]
        ['000000000.parquet', '000000002.parquet']
    """
    import pyarrow.parquet as parquet

    folder.mkdir(parents=True)
    rows, paths = dataset.with_format("arrow"), []
    for start in range(0, len(dataset), size):
        paths.append(os.path.abspath(folder / f"{start:09d}.parquet"))
        parquet.write_table(rows[start : start + size], paths[-1])
    return paths


def read_shard(shard: pa.Table) -> pa.Table:
    """The rows of a shard.

    Args:
        shard: one row, with its path as `shard`.

    Example:
        >>> import tempfile
        >>> import pyarrow as pa
        >>> from datasets import Dataset
        >>> paths = write_shards(Dataset.from_dict({"a": [1, 2, 3]}), Path(tempfile.mkdtemp(), "in"), 2)
        >>> read_shard(pa.table({"shard": paths[1:]})).to_pydict()
        {'a': [3]}
    """
    import pyarrow.parquet as parquet

    return parquet.read_table(shard["shard"][0].as_py())


def typed(columns: Batch, features: Features) -> pa.Table:
    """What a step gave as a table, in the types of its rows: what a nested value leaves out is None in it.

    Args:
        columns: column -> values.
        features: of the rows, these columns among them.

    Example:
        >>> from datasets import Features, Value
        >>> typed({"a": [{"x": 1}]}, Features({"a": {"x": Value("int64"), "y": Value("string")}})).to_pydict()
        {'a': [{'x': 1, 'y': None}]}
    """
    from datasets import Dataset, Features

    return Dataset.from_dict(columns, features=Features({name: features[name] for name in columns})).data.table


def through(call: Callable[[Batch], Batch], rows: pa.Table, features: Features) -> pa.Table:
    """Run a step, which takes a dict of lists, on a table. Columns that it does not give are not touched.

    Args:
        call: the step.
        rows: a batch of them.
        features: of the rows.

    Returns:
        The rows with the columns that the step gave in the place of those they had.

    Example:
        >>> import pyarrow as pa
        >>> from datasets import Features, Value
        >>> rows = pa.table({"a": [1, 2], "b": ["x", None]})
        >>> through(lambda batch: {"a": [n + 1 for n in batch["a"]]}, rows, Features({"a": Value("int64")})).to_pydict()
        {'a': [2, 3], 'b': ['x', None]}
    """
    made = typed(call(rows.to_pydict()), features)
    for name in made.column_names:
        place = rows.schema.get_field_index(name)
        if place < 0:
            rows = rows.append_column(made.field(name), made[name])
        else:
            rows = rows.set_column(place, made.field(name), made[name])
    return rows


def in_order(dataset: Dataset, folder: Path, features: Features, result: Path, size: int) -> Dataset:
    """Read shards back as one table, its rows in the order that they had.

    Args:
        dataset: the rows as they went out, each with a `video_id` of its own.
        folder: of Parquet files with these rows, in any order.
        features: of the rows.
        result: the table's file.
        size: rows to have in memory at a time.

    Raises:
        OutputError: a row is missing, or there twice.

    Example:
        >>> import tempfile
        >>> from datasets import Dataset
        >>> folder = Path(tempfile.mkdtemp())
        >>> rows = Dataset.from_dict({"video_id": ["a", "b"]})
        >>> paths = write_shards(rows.select([1, 0]), folder / "out", 2)
        >>> in_order(rows, folder / "out", rows.features, folder / "rows.arrow", 2)["video_id"][:]
        ['a', 'b']
    """
    from datasets import Dataset

    paths = sorted(map(str, folder.glob("*.parquet")))
    made = Dataset.from_parquet(paths, features=features, cache_dir=str(folder / "cache"))
    place = {video_id: number for number, video_id in enumerate(made["video_id"])}
    wanted = dataset["video_id"][:]
    if len(made) != len(dataset) or any(video_id not in place for video_id in wanted):
        raise OutputError(f"The engine gave {len(made)} rows back for {len(dataset)}. Run again: nothing paid is lost.")
    ordered = made.select([place[video_id] for video_id in wanted]).with_format("arrow")
    copied = ordered.map(
        batched=True, batch_size=size, cache_file_name=str(result), load_from_cache_file=False, desc="gathering"
    )
    return copied.with_format(None)
