"""What stays on the node where a Ray run was started: the journal, the call ledger, and all that asks models.

SQLite's write-ahead log wants every process that opens a file on one machine, and a model's limit of calls is that of
one process. So one process owns both, and workers, on whatever node, hand their rows to it or ask it for a row.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from asid_hf.chat.ledger import open_ledger
from asid_hf.errors import OutputError
from asid_hf.verify.engines.tables import through
from asid_hf.verify.journal import Journal, Remember
from asid_hf.verify.model_stage import ModelStage, models_of
from asid_hf.verify.steps import Step

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features
    from ray.actor import ActorHandle

THREADS = 64  # rows of a journal are asked for while batches wait for models
DEATHS = 10  # of workers over one clip, and of this process: Ray by itself begins again for ever
_LOGIN = ("HF_TOKEN", "HF_HOME", "HF_TOKEN_PATH")  # where the Hub login comes from


class Home:
    """The process that owns a run's journal and ledger; `start_home` makes it a Ray actor.

    Args:
        steps: those of the run.
        features: of the rows.
        folder: where the run was started: relative paths mean the same here.
        variables: of the environment, which hold the keys of the models.

    Example:
        >>> Home([], None, ".", {}).find("journal.sqlite", "a") is None  # doctest: +SKIP
        True
    """

    def __init__(self, steps: Sequence[Step], features: Features, folder: str, variables: Mapping[str, str]) -> None:
        os.chdir(folder)
        os.environ.update(variables)
        self._steps, self._features = steps, features
        self._begun: Counter[str] = Counter()

    def run(self, number: int, rows: pa.Table) -> pa.Table:
        """Take rows through a step, by its number."""
        return through(self._steps[number].call, rows, self._features)

    def find(self, path: str, key: str) -> str | None:
        """A row of a journal, see `Journal.find`; who finds none is going to measure it.

        Raises:
            OutputError: the journal cannot be used, or so many workers have begun on this row that it must be what
                kills them.
        """
        with closing(Journal(path)) as journal:
            known = journal.find(key)
        self._begun[key] += known is None
        if self._begun[key] > DEATHS:
            raise OutputError(
                f"{DEATHS} workers of Ray died while they measured the same clips: one that the decoder or the memory "
                "of a node cannot take. Run with --engine local to see which, and leave it out."
            )
        return known

    def keep(self, path: str, key: str, result: str) -> None:
        """Note a row in a journal, see `Journal.keep`."""
        with closing(Journal(path)) as journal:
            journal.keep(key, result)

    def flush(self) -> None:
        """Have on the disk what the ledgers still hold, as counts of answers that were found."""
        for step in self._steps:
            if asks_models(step):
                open_ledger(step.call.access.ledger).flush()


@dataclass(frozen=True)
class JournalAtHome:
    """A `Journal` that another process keeps.

    Example:
        >>> JournalAtHome(None, "journal.sqlite").path
        'journal.sqlite'
    """

    home: ActorHandle
    path: str

    def find(self, key: str) -> str | None:
        """As `Journal.find`."""
        import ray

        return ray.get(self.home.find.remote(self.path, key))

    def keep(self, key: str, result: str) -> None:
        """As `Journal.keep`."""
        import ray

        ray.get(self.home.keep.remote(self.path, key, result))

    def close(self) -> None:
        """Nothing is open here."""


def start_home(steps: Sequence[Step], features: Features) -> ActorHandle:
    """Start a run's `Home` on this node. Killed, it is begun again, and what it was asked for is asked anew.

    Args:
        steps: those of the run.
        features: of the rows.

    Example:
        >>> start_home([], features)  # doctest: +SKIP
        Actor(Home, ...)
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    names = {model.api_key_env for model in models_of([step.call for step in steps])} | {*_LOGIN}
    variables = {name: os.environ[name] for name in names if name and name in os.environ}
    actor = ray.remote(num_cpus=0, max_restarts=DEATHS, max_task_retries=DEATHS, max_concurrency=THREADS)(Home)
    return actor.options(scheduling_strategy=here).remote(steps, features, os.getcwd(), variables)


def worker_call(number: int, step: Step, features: Features, home: ActorHandle) -> Callable[[pa.Table], pa.Table]:
    """What a worker does with rows: hand them home where the step asks models, else run it, the journal at home.

    Args:
        number: of the step in the run.
        step: the step.
        features: of the rows.
        home: see `start_home`.

    Example:
        >>> worker_call(0, step, features, home)(rows).num_rows  # doctest: +SKIP
        16
    """
    import ray

    if asks_models(step):
        return lambda rows: ray.get(home.run.remote(number, rows))
    call, folder = step.call, os.getcwd()
    if isinstance(call, Remember):
        call = replace(call, path=os.path.abspath(call.path), opened=partial(JournalAtHome, home))

    def run(rows: pa.Table) -> pa.Table:
        if os.path.isdir(folder):
            os.chdir(folder)  # relative paths mean what they mean where the run was started
        return through(call, rows, features)

    return run


def asks_models(step: Step) -> bool:
    """Whether a step is to run at home.

    Example:
        >>> from asid_hf.verify.probe import Probe
        >>> asks_models(Step("probe", Probe(), 1))
        False
    """
    return isinstance(step.call, ModelStage) and bool(step.call.models)
