"""A Ray cluster for as long as a run needs it: joined, or started on this machine and ended with the run."""

from __future__ import annotations

import logging
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from asid_hf.errors import InputError, MissingExtraError

_REACH = 10.0  # s; Ray itself goes on trying for minutes


@contextmanager
def cluster(address: str | None = None) -> Iterator[ModuleType]:
    """Connect to Ray, and raise what a worker raised as what it was.

    Args:
        address: "auto", or "host:6379" of a cluster that this machine is a node of; None: the cluster that this process
            is connected to already, else one of its own on this machine.

    Yields:
        The module `ray`.

    Raises:
        MissingExtraError: Ray is not installed.
        InputError: there is no cluster, or it cannot be joined from here.

    Example:
        >>> with cluster() as ray:  # doctest: +SKIP
        ...     ray.cluster_resources()["CPU"]
        2.0
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise MissingExtraError("the engine ray", "ray") from error
    if address:
        _check(address)
    ours = not ray.is_initialized()
    if ours:
        _start(ray, address)
    log = logging.getLogger("ray.data")
    level = log.level
    log.setLevel(logging.CRITICAL)  # it reports an error of ours as a bug of its own; the error itself is raised
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"ray\.data")
            yield ray
    except ray.exceptions.RayTaskError as error:
        raise _cause(error) from None
    finally:
        log.setLevel(level)
        if ours:
            ray.shutdown()


def _start(ray: ModuleType, address: str | None) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # workers see the graphics cards, as without Ray
    try:
        ray.init(
            address=address or "local",
            logging_level=logging.ERROR,
            log_to_driver=False,
            **({} if address else {"include_dashboard": False}),
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise InputError(
            f"The Ray cluster at {address or 'this machine'} cannot be joined: {' '.join(str(error).split())}"
        ) from error


def _check(address: str) -> None:
    """Refuse what Ray would wait for in vain."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdecimal():
        raise InputError(
            f'{address!r} is no address of a Ray cluster. Start the run on one of its nodes, with "auto" or as in '
            '"host:6379".'
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _REACH).close()
    except (OSError, OverflowError) as error:
        raise InputError(
            f"There is no Ray cluster at {address} ({error}). Start one with `ray start --head`, or leave the address "
            "out for one on this machine."
        ) from error


def _cause(error: BaseException) -> BaseException:
    import ray

    while isinstance(error, ray.exceptions.RayTaskError):
        error = error.cause
    return error
