"""What a run would cost, before it costs anything: calls and tokens by stage, from the configuration and the clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from asid_hf.chat.asking import ASKS
from asid_hf.chat.model_spec import ModelSpec
from asid_hf.errors import MediaError
from asid_hf.media import open_clip
from asid_hf.prompts import PROMPTS
from asid_hf.schema import ATTRIBUTES
from asid_hf.verify.config import VerifyConfig
from asid_hf.verify.ensemble import annotator_of
from asid_hf.verify.from_hub.address import is_hub_address
from asid_hf.verify.stage import Row

PROBED = 200  # clips looked at; the others are taken to be like them
UNKNOWN = 30.0  # seconds of a clip where none can be looked at
CHARACTERS = 4.0  # a token of English text
CAPTION = 550  # tokens: the published captions have 412 words in the mean
FACTS = 400  # tokens of transcript and measurements
FINDINGS = 400  # tokens of a judgement, of a review, of one attribute's edits
AUDIO = 25.0  # tokens a second of sound, as in Qwen2.5-Omni
PIXELS = 28 * 28 * 2  # of two frames that become one token, as in Qwen2.5-VL


@dataclass(frozen=True)
class Estimate:
    """Calls of one stage and model: at least (all clean at first), at most (every round, attribute and re-ask used).

    The tokens are those calls times what a call has by our guess; `cost` is of the most calls, in the unit of the
    prices; None where the model has none.

    Example:
        >>> Estimate("judge", "a-model", 1, 2, 10, 20, 5, 10, None).most_calls
        2
    """

    stage: str
    model: str
    least_calls: int
    most_calls: int
    least_input: int
    most_input: int
    least_output: int
    most_output: int
    cost: float | None


def estimate(rows: Sequence[Row], config: VerifyConfig) -> list[Estimate]:
    """Estimate a run's model calls; what the ledger holds already costs nothing and is not deducted.

    Args:
        rows: skeletons, see `asid_hf.verify.inputs.new_rows`, without those of `unreadable`.
        config: of the run.

    Returns:
        One entry a stage and model, in order: judging again what was refined is under "refine", as in a run's report.

    Example:
        >>> estimate([], VerifyConfig())
        []
    """
    rows = [row for row in rows if row.get("status") != "dropped"]
    count, rounds, seconds = len(rows), config.max_rounds, _mean_seconds(rows, config)
    samples = sum(annotator.samples for annotator in config.annotators)
    given = sum(len(c["caption"]) for row in rows for c in row["candidates"]) / CHARACTERS / max(1, count)
    written = CAPTION * samples + round(given)
    entries = [
        _entry("annotate", a.model, a.prompt, count * a.samples, count * a.samples, seconds, FACTS, CAPTION)
        for a in config.annotators
    ]
    united = sum(len({annotator_of(c) for c in row["candidates"]}) + samples > 1 for row in rows)
    if config.integrator and united:
        entries.append(
            _entry("ensemble", config.integrator, "ensemble", united, united, None, FACTS + written, CAPTION)
        )
    if config.reviewer:
        text = FACTS + written + CAPTION
        entries.append(_entry("review", config.reviewer, "review", count, count * (rounds + 1), None, text, FINDINGS))
    if config.decomposer:
        entries.append(_entry("decompose", config.decomposer, "decompose", count, count, None, CAPTION, FINDINGS))
    if config.judge:
        parts = len(ATTRIBUTES) if config.judge.per_attribute else 1
        judging = partial(_entry, model=config.judge.model, prompt="judge", seconds=seconds, reply=FINDINGS)
        text, calls = FACTS + CAPTION // parts, count * parts
        entries.append(judging("judge", least=calls, most=calls, text=text))
    if config.refiner and config.refine:
        most = count * len(ATTRIBUTES) * rounds
        entries.append(_entry("refine", config.refiner, "refine", 0, most, seconds, FACTS + FINDINGS, FINDINGS))
        if config.judge:
            entries.append(judging("refine", least=0, most=calls * rounds, text=text))
    if config.fuser and config.refine:
        entries.append(_entry("fuse", config.fuser, "fuse", count, count, None, CAPTION, CAPTION))
    return entries


def unreadable(rows: Sequence[Row], config: VerifyConfig) -> list[str]:
    """Ids of the rows whose clip no run could read, of those that are looked at (`PROBED` evenly spaced ones).

    Args:
        rows: see `asid_hf.verify.inputs.new_rows`.
        config: of the run.

    Example:
        >>> unreadable([{"video_id": "a", "status": "kept", "video": {"path": "no-such-clip.mp4"}}], VerifyConfig())
        ['a']
    """
    dropped = [row["video_id"] for row in rows if row.get("status") == "dropped"]
    left = [row for row in rows if row.get("status") != "dropped"]
    return dropped + [row["video_id"] for row in _looked_at(left) if _seconds(row, config) is None]


def _entry(
    stage: str, model: ModelSpec, prompt: str, least: int, most: int, seconds: float | None, text: int, reply: int
) -> Estimate:
    words = PROMPTS[prompt]
    most *= ASKS
    each = round(len(words.system + words.task) / CHARACTERS) + text + (_media(model, seconds) if seconds else 0)
    prices = (model.input_price, model.output_price)
    cost = None if None in prices else most * (each * prices[0] + reply * prices[1]) / 1e6
    return Estimate(stage, model.model, least, most, least * each, most * each, least * reply, most * reply, cost)


def _media(model: ModelSpec, seconds: float) -> int:
    frames = min(model.max_frames, seconds * model.fps) if {"video", "frames"} & set(model.accepts) else 0
    sound = AUDIO * seconds if "audio" in model.accepts else 0
    return round(frames * model.max_pixels / PIXELS + sound)


def _looked_at(rows: Sequence[Row]) -> Sequence[Row]:
    return rows[:: max(1, len(rows) // PROBED)][:PROBED]


def _mean_seconds(rows: Sequence[Row], config: VerifyConfig) -> float:
    lengths = [length for row in _looked_at(rows) if (length := _seconds(row, config))]
    return sum(lengths) / len(lengths) if lengths else UNKNOWN


def _seconds(row: Row, config: VerifyConfig) -> float | None:
    """A clip's length; 0 where only fetching it would tell; None where it cannot be read."""
    video = row["video"]
    if is_hub_address(video.get("path")):
        return 0.0
    try:
        return open_clip(video, frames=False, audio=False, allow_remote=config.allow_remote).duration
    except MediaError:
        return None
