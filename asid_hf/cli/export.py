"""`asid export`: its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export(
    model: Annotated[str, typer.Argument(help="Hub id or folder of a captioner, or of a LoRA adapter over one.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A new folder.")] = ...,
    base: Annotated[
        str, typer.Option(help="The whole Qwen2.5-Omni that it came from: Hub id or folder.")
    ] = "Qwen/Qwen2.5-Omni-7B",
    dtype: Annotated[str, typer.Option(help="Of the weights: auto, bfloat16, float16, float32.")] = "auto",
    max_shard_size: Annotated[str, typer.Option(help="Of a file of weights.")] = "5GB",
) -> None:
    """Write a captioner as a whole Qwen2.5-Omni checkpoint, for vLLM, SGLang, ms-swift and plain transformers.

    Adapters are merged. Example: asid export my-captioner --base Qwen/Qwen2.5-Omni-3B -o omni

    Exit codes: 0 done; 2 a model or base that does not fit; 4 output; 5 packages missing.
    """
    from asid_hf.evaluation.captioning import load_captioner

    load_captioner(model, dtype=dtype, merge_adapter=True).export_omni(output, base, max_shard_size=max_shard_size)
    typer.echo(f"written: {output}")
