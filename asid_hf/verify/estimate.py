"""What a run would cost, before it costs anything: calls and tokens by stage, from the configuration and the clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from asid_hf.chat.model_spec import ModelSpec
from asid_hf.errors import MediaError
from asid_hf.media import open_clip
from asid_hf.prompts import PROMPTS
from asid_hf.schema import ATTRIBUTES
from asid_hf.verify.config import VerifyConfig
from asid_hf.verify.stage import Row

PROBED = 200  # clips looked at; the others are taken to be like them
CHARACTERS = 4.0  # a token of English text
CAPTION = 550  # tokens: the published captions have 412 words in the mean
FACTS = 400  # tokens of transcript and measurements
FINDINGS = 400  # tokens of a judgement, of a review, of one attribute's edits
AUDIO = 25.0  # tokens a second of sound, as in Qwen2.5-Omni
PIXELS = 28 * 28 * 2  # of two frames that become one token, as in Qwen2.5-VL
FIXED_AT_ONCE = 0.5  # share of the attributes that a round of refinement touches: our guess


@dataclass(frozen=True)
class Estimate:
    """Calls and tokens of one stage: at least (everything clean at first), at most (every round used).

    `cost` is of the most, in the unit of the prices; None where the model has none.

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
        rows: skeletons, see `asid_hf.verify.inputs.new_rows`; some of their clips are probed.
        config: of the run.

    Returns:
        One entry a stage and model, in order.

    Example:
        >>> estimate([], VerifyConfig())
        []
    """
    count, seconds = len(rows), _mean_seconds(rows, config)
    annotators, rounds = len(config.annotators), config.max_rounds
    written = CAPTION * sum(annotator.samples for annotator in config.annotators)
    entries = [
        _entry("annotate", a.model, a.prompt, count * a.samples, count * a.samples, seconds, FACTS, CAPTION)
        for a in config.annotators
    ]
    if config.integrator and annotators > 1:
        entries.append(_entry("ensemble", config.integrator, "ensemble", count, count, None, FACTS + written, CAPTION))
    if config.reviewer:
        text = FACTS + written + CAPTION
        entries.append(_entry("review", config.reviewer, "review", count, count * (rounds + 1), None, text, FINDINGS))
    if config.decomposer:
        entries.append(_entry("decompose", config.decomposer, "decompose", count, count, None, CAPTION, FINDINGS))
    if config.judge:
        calls = count * (len(ATTRIBUTES) if config.judge.per_attribute else 1)
        again = round(calls * FIXED_AT_ONCE) * rounds if config.refine and config.refiner else 0
        text = FACTS + (CAPTION // len(ATTRIBUTES) if config.judge.per_attribute else CAPTION)
        entries.append(_entry("judge", config.judge.model, "judge", calls, calls + again, seconds, text, FINDINGS))
    if config.refiner and config.refine:
        most = round(count * len(ATTRIBUTES) * FIXED_AT_ONCE) * rounds
        entries.append(_entry("refine", config.refiner, "refine", 0, most, seconds, FACTS + FINDINGS, FINDINGS))
    if config.fuser and config.refine:
        entries.append(_entry("fuse", config.fuser, "fuse", count, count, None, CAPTION, CAPTION))
    return entries


def _entry(
    stage: str, model: ModelSpec, prompt: str, least: int, most: int, seconds: float | None, text: int, reply: int
) -> Estimate:
    words = PROMPTS[prompt]
    each = round(len(words.system + words.task) / CHARACTERS) + text + (_media(model, seconds) if seconds else 0)
    prices = (model.input_price, model.output_price)
    cost = None if None in prices else most * (each * prices[0] + reply * prices[1]) / 1e6
    return Estimate(stage, model.model, least, most, least * each, most * each, least * reply, most * reply, cost)


def _media(model: ModelSpec, seconds: float) -> int:
    frames = min(model.max_frames, seconds * model.fps) if {"video", "frames"} & set(model.accepts) else 0
    sound = AUDIO * seconds if "audio" in model.accepts else 0
    return round(frames * model.max_pixels / PIXELS + sound)


def _mean_seconds(rows: Sequence[Row], config: VerifyConfig) -> float:
    lengths = []
    for row in rows[:: max(1, len(rows) // PROBED)][:PROBED]:
        try:
            clip = open_clip(row["video"], frames=False, audio=False, allow_remote=config.allow_remote)
        except MediaError:
            continue  # the run will say so
        lengths.append(clip.duration)
    return sum(lengths) / len(lengths) if lengths else 0.0
