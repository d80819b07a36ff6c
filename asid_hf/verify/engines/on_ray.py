"""Ray Data, on this machine or on a cluster: the same steps, on shards of rows; a worker that dies loses nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asid_hf.verify.engines.cluster import cluster
from asid_hf.verify.engines.home import asks_models, start_home, worker_call
from asid_hf.verify.engines.tables import in_order, read_shard, write_shards
from asid_hf.verify.steps import Step

if TYPE_CHECKING:
    import ray
    from datasets import Dataset, Features
    from ray.actor import ActorHandle

SHARD = 16  # rows at most: what one task measures, and begins anew where its worker died
BLOCK = 2**20  # bytes that a task hands on at once: they are worked on elsewhere while it makes the rest
MODEL_ROWS, AT_ONCE = 250, 4  # rows a batch of a model step; batches under way, so that a slow row holds up its own


def run_ray(
    dataset: Dataset, steps: Sequence[Step], features: Features, work: Path, address: str | None = None
) -> Dataset:
    """Run the steps in Ray: rows flow through them in shards, measured by as many workers as there are processors.

    One process on this node (`Home`) owns the ledger and the journal and asks the models, for all workers: its calls
    together keep within `ModelSpec.concurrency`. A task whose worker or node dies is begun anew; what it had measured
    is in the journal, what was asked in the ledger. On a cluster every node has to have `asid_hf` installed, to find
    `work` and the videos under the same paths, and to be logged in to the Hub where the videos need it.

    Args:
        dataset: the rows, each with a `video_id` of its own.
        steps: see `asid_hf.verify.steps`; `processes` bounds the tasks of a step under way in the whole cluster.
        features: of the rows.
        work: folder for the shards and the result.
        address: of a cluster that this machine is a node of, see `cluster`; None: one on this machine alone.

    Returns:
        The rows after the last step, in their order.

    Raises:
        MissingExtraError: Ray is not installed.
        InputError: no cluster can be joined at that address.
        EndpointError, OutputError: a step raised it.

    Example:
        >>> run_ray(dataset, steps, dataset.features, Path("out/.asid"), "auto").num_rows  # doctest: +SKIP
        500
    """
    if not len(dataset):
        return dataset
    shards = work / "ray"
    shutil.rmtree(shards, ignore_errors=True)
    try:
        with cluster(address) as ray:
            size = max(1, min(SHARD, len(dataset) // (2 * int(ray.cluster_resources()["CPU"]))))
            paths = write_shards(dataset, shards / "in", size)
            home = start_home(steps, features)
            rows = ray.data.from_items([{"shard": path} for path in paths], override_num_blocks=len(paths))
            rows.context.raise_original_map_exception = True
            rows.context.target_max_block_size = BLOCK
            rows = rows.map_batches(read_shard, batch_size=None, batch_format="pyarrow")
            for number, step in enumerate(steps):
                rows = _mapped(rows, number, step, features, home)
            rows.write_parquet(os.path.abspath(shards / "out"))
            ray.get(home.flush.remote())
        return in_order(dataset, shards / "out", features, work / "ray.arrow", SHARD)
    finally:
        shutil.rmtree(shards, ignore_errors=True)


def _mapped(rows: ray.data.Dataset, number: int, step: Step, features: Features, home: ActorHandle) -> ray.data.Dataset:
    from ray.data import TaskPoolStrategy

    asks = asks_models(step)
    call = worker_call(number, step, features, home)
    call.__name__ = step.name  # what the bars show
    return rows.map_batches(
        call,
        batch_size=min(step.batch_size, MODEL_ROWS) if asks else step.batch_size,
        batch_format="pyarrow",
        num_cpus=0 if asks else 1,  # it waits for `home`
        compute=TaskPoolStrategy(AT_ONCE if asks else step.processes),
    )
