"""`asid caption`: its options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asid_hf.cli.printable import printable
from asid_hf.errors import InputError
from asid_hf.schema import ATTRIBUTES

if TYPE_CHECKING:
    from asid_hf.chat.model_spec import ModelSpec


def caption(
    videos: Annotated[
        list[str], typer.Argument(metavar="VIDEO...", help="Video files, folders, or patterns in quotes.")
    ],
    model: Annotated[
        str, typer.Option("--model", "-m", help="Hub id or folder of a captioner or Qwen2.5-Omni; or a server's id.")
    ] = ...,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="JSON lines, one a video; a run that was stopped goes on in it.")
    ] = Path("captions.jsonl"),
    attributes: Annotated[str, typer.Option(help="Which of the eight, with commas; default: all.")] = ",".join(
        ATTRIBUTES
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Ask for JSON: one text an attribute.")] = False,
    instruction: Annotated[str | None, typer.Option(help="Ask in words of your own.")] = None,
    base_url: Annotated[
        str | None, typer.Option(help="An OpenAI-compatible server that has the model, as http://host:8000/v1.")
    ] = None,
    api_key_env: Annotated[str | None, typer.Option(help="Environment variable that holds its key.")] = None,
    accepts: Annotated[
        str, typer.Option(help="What the server's model takes: any of video, audio, frames, with commas.")
    ] = "video,audio",
    ledger: Annotated[Path | None, typer.Option(help="Call ledger of the server; default: beside the output.")] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Most tokens of a caption.")] = 4096,
    batch_size: Annotated[int, typer.Option(min=1, help="Videos that are captioned together.")] = 1,
    window: Annotated[
        float | None, typer.Option(help="Seconds; longer videos are captioned in overlapping windows.")
    ] = None,
    overlap: Annotated[
        float | None, typer.Option(min=0, help="Seconds by which windows overlap; default: 5, less of short windows.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the instructions and of sampling.")] = 0,
    temperature: Annotated[float, typer.Option(min=0, help="0: the likeliest words.")] = 0.0,
    dtype: Annotated[str, typer.Option(help="Of the weights: auto, bfloat16, float16, float32.")] = "auto",
    attn_implementation: Annotated[
        str | None, typer.Option(help="eager, sdpa or flash_attention_2; default: as transformers chooses.")
    ] = None,
    device_map: Annotated[
        str | None, typer.Option(help="auto spreads one model over all GPUs; default: one GPU a process.")
    ] = None,
    merge_adapter: Annotated[bool, typer.Option(help="Add a LoRA adapter to the weights it lies over.")] = False,
    no_guards: Annotated[
        bool, typer.Option("--no-guards", help="Let the model run away: no anchor, loop or JSON guard.")
    ] = False,
    overwrite: Annotated[bool, typer.Option(help="Begin the output anew.")] = False,
) -> None:
    """Caption videos from picture and sound.

    Example: asid caption clips/ --model ASID-Captioner-3B --json -o captions.jsonl
    On several GPUs: accelerate launch -m asid_hf caption clips/ --model ...

    Exit codes: 0 done, also with videos that cannot be read; 2 nothing to caption, or options that cannot be used;
    4 output; 5 packages missing; 7 the server answers nobody; 130 stopped.
    """
    from tqdm.auto import tqdm

    from asid_hf.evaluation.captioning import CaptionRun, caption_videos, processes
    from asid_hf.verify.inputs import find_videos, new_rows

    options = {"max_new_tokens": max_new_tokens, "batch_size": batch_size, "window": window, "overlap": overlap}
    if temperature:
        options |= {"do_sample": True, "temperature": temperature}
    if no_guards:
        options |= dict.fromkeys(("anchor_guard", "loop_guard", "json_guard"), False)
    run = CaptionRun(
        model=model,
        attributes=tuple(name.strip() for name in attributes.split(",") if name.strip()),
        format="json" if as_json else "text",
        instruction=instruction,
        seed=seed,
        options=options,
    )
    endpoint = _endpoint(model, base_url, api_key_env, accepts, max_new_tokens, temperature, seed)
    here = {"--window": window, "--overlap": overlap, "--no-guards": no_guards, "--merge-adapter": merge_adapter}
    here |= {"--attn-implementation": attn_implementation, "--device-map": device_map, "--dtype": dtype != "auto"}
    here |= {"--batch-size": batch_size > 1}
    there = {"--api-key-env": api_key_env, "--ledger": ledger}
    if foreign := [name for name, given in (here if endpoint else there).items() if given]:
        kind = "a model here, not for a server" if endpoint else "a server: name it with --base-url"
        raise InputError(f"{', '.join(foreign)} {'is' if len(foreign) == 1 else 'are'} for {kind}.")
    rows = [(row["video_id"], row["video"]) for row in new_rows(list(find_videos(videos))) if row["video"]]
    loading = {"dtype": dtype, "merge_adapter": merge_adapter}
    loading |= {"attn_implementation": attn_implementation} if attn_implementation else {}
    loading |= {"device_map": device_map} if device_map else {}
    rank, count = processes()
    with tqdm(
        total=len(rows if endpoint else rows[rank::count]), unit="video", desc="captions", disable=rank > 0 or None
    ) as bar:

        def told(row: dict) -> None:
            bar.update()
            if row.get("error"):
                bar.write(f"{printable(row['video_id'])}: {printable(row['error'])}")

        counts = caption_videos(rows, output, run, endpoint, ledger, overwrite, loading, told)
    there = "others are at work" if counts["predictions"] is None else f"{counts['predictions']} in {output}"
    typer.echo(f"{counts['new']} new captions, {counts['failed']} videos failed; {there}")


def _endpoint(
    model: str,
    base_url: str | None,
    api_key_env: str | None,
    accepts: str,
    max_tokens: int,
    temperature: float,
    seed: int,
) -> ModelSpec | None:
    if base_url is None:
        return None
    from asid_hf.chat.model_spec import ModelSpec

    return ModelSpec(
        model,
        base_url=base_url,
        api_key_env=api_key_env,
        accepts=tuple(name.strip() for name in accepts.split(",") if name.strip()),
        max_tokens=max_tokens,
        temperature=temperature,
        seed=seed,
    )
