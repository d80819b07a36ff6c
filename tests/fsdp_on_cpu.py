"""Runs a script under FSDP2 on processors: accelerate (1.15) shards over GPUs alone, and else is DDP without a word.

torchrun --nproc_per_node 2 tests/fsdp_on_cpu.py SCRIPT ARGUMENTS...
"""

from __future__ import annotations

import runpy
import sys
from typing import Any

from accelerate import state
from accelerate.utils import DistributedType

_made = state.AcceleratorState.__init__


def _sharded(self: Any, *arguments: Any, fsdp_plugin: Any = None, **named: Any) -> None:
    _made(self, *arguments, fsdp_plugin=fsdp_plugin, **named)
    if fsdp_plugin is not None and self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type, self.fsdp_plugin = DistributedType.FSDP, fsdp_plugin
        state.PartialState._shared_state["distributed_type"] = DistributedType.FSDP


if __name__ == "__main__":
    state.AcceleratorState.__init__ = _sharded
    sys.argv = sys.argv[1:]
    runpy.run_path(sys.argv[0], run_name="__main__")
