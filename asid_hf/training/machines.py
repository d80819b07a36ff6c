"""How a run is spread over processes, as an accelerate configuration says."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from asid_hf.errors import InputError

KINDS = {"NO": "one", "MULTI_GPU": "ddp", "MULTI_CPU": "ddp", "DEEPSPEED": "zero", "FSDP": "fsdp"}
RESHARD = {"TRUE": True, "FALSE": False, "FULL_SHARD": True, "SHARD_GRAD_OP": False, "1": True, "2": False}


@dataclass(frozen=True)
class Machines:
    """How a run is spread over processes.

    Attributes:
        processes: in all, one a GPU. kind: "one", "ddp", "zero" (DeepSpeed) or "fsdp". stage: of ZeRO.
        offload_optimizer, offload_weights: whether they lie in main memory.
        reshard: whether FSDP shares weights out again after each layer's forward pass.
        precision: "bf16", "fp16" or "no".

    Example:
        >>> Machines(processes=8, kind="zero", stage=2, precision="bf16").halved
        True
    """

    processes: int = 1
    kind: str = "one"
    stage: int = 0
    offload_optimizer: bool = False
    offload_weights: bool = False
    reshard: bool = True
    precision: str = "no"

    @property
    def halved(self) -> bool:
        """Whether computing is done with 16 bits."""
        return self.precision != "no"


def read_machines(path: str | os.PathLike) -> Machines:
    """Read an accelerate configuration.

    Args:
        path: the YAML that `accelerate launch --config_file` takes.

    Raises:
        InputError: it cannot be read, or spreads a run in a way that is not estimated.

    Example:
        >>> read_machines("recipes/accelerate_configs/zero2.yaml").stage  # doctest: +SKIP
        2
    """
    told = _mapping(path)
    kind = KINDS.get(str(told.get("distributed_type", "NO")).upper())
    if kind is None:
        raise InputError(f"{path}: distributed_type={told['distributed_type']}. Estimated are {', '.join(KINDS)}.")
    common = {
        "processes": _count(path, told.get("num_processes", 1)),
        "kind": kind,
        "precision": str(told.get("mixed_precision", "no")),
    }
    if kind == "zero":
        return Machines(**common, **_zero(path, told.get("deepspeed_config") or {}))
    if kind == "fsdp":
        return Machines(**common, **_fsdp(path, told.get("fsdp_config") or {}))
    return Machines(**common)


def _zero(path: Any, told: dict) -> dict[str, Any]:
    if file := told.get("deepspeed_config_file"):
        zero = _mapping(file).get("zero_optimization") or {}
        stage = zero.get("stage")
        devices = [(zero.get(name) or {}).get("device") for name in ("offload_optimizer", "offload_param")]
    else:
        stage = told.get("zero_stage", 2)
        devices = [told.get(f"offload_{name}_device") for name in ("optimizer", "param")]
    if stage not in (1, 2, 3):
        raise InputError(f"{path}: zero_stage={stage!r}. Estimated are 1, 2, 3.")
    away = [device not in (None, "none") for device in devices]
    return {"stage": stage, "offload_optimizer": away[0], "offload_weights": away[1] and stage == 3}


def _fsdp(path: Any, told: dict) -> dict[str, Any]:
    told = {name.removeprefix("fsdp_"): value for name, value in told.items()}
    given = told.get("reshard_after_forward", told.get("sharding_strategy", True))
    if str(given).upper() not in RESHARD:
        raise InputError(f"{path}: FSDP's {given} is not estimated. Estimated are {', '.join(RESHARD)}.")
    away = str(told.get("offload_params", False)).lower() == "true"
    return {"reshard": RESHARD[str(given).upper()], "offload_optimizer": away, "offload_weights": away}


def _count(path: Any, given: Any) -> int:
    if not isinstance(given, int) or given < 1:
        raise InputError(f"{path}: num_processes={given!r} is to be a whole number from 1 on.")
    return given


def _mapping(path: str | os.PathLike) -> dict:
    """What a YAML or JSON file holds."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        told = json.loads(text) if str(path).endswith(".json") else yaml.safe_load(text)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, yaml.YAMLError) as error:
        raise InputError(f"{path} is no configuration: {error}") from error
    if not isinstance(told, dict):
        raise InputError(f"{path} is no configuration: give the YAML of `accelerate launch --config_file`.")
    return told
