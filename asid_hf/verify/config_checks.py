"""What a configuration may not say although each of its values is of the right type."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import fields

from asid_hf.errors import InputError
from asid_hf.schema import ATTRIBUTES
from asid_hf.verify.annotate import Annotator
from asid_hf.verify.keep import KeepRules

STAGES = (
    "fetch",
    "probe",
    "transcribe",
    "observe",
    "annotate",
    "ensemble",
    "review",
    "decompose",
    "align_speech",
    "check_timeline",
    "judge",
    "refine",
    "fuse",
    "repair_format",
    "keep",
)
"""Names of all stages, those among them that a configuration leaves out."""


def check_annotators(annotators: Sequence[Annotator]) -> None:
    """Refuse annotators whose captions could not be told apart, or taken for something else.

    Raises:
        InputError: naming the annotator.

    Example:
        >>> check_annotators(())
    """
    names = [annotator.name for annotator in annotators]
    if len(set(names)) < len(names):
        raise InputError(f"Two annotators have one name ({', '.join(names)}). Give each its own.")
    for annotator in annotators:
        if annotator.name in ATTRIBUTES:
            raise InputError(
                f"An annotator cannot be called {annotator.name!r}: so is an attribute, and all it says would be filed "
                "there. Give it another name."
            )
        if annotator.samples > 1 and annotator.model.temperature == 0:
            raise InputError(
                f"The {annotator.samples} samples of {annotator.name} would be one and the same at temperature 0. Give "
                "its model a temperature, or leave samples out."
            )


def check_keep(rules: KeepRules) -> None:
    """Refuse rules that no row or every row breaks by mistake.

    Raises:
        InputError: naming the rule.

    Example:
        >>> check_keep(KeepRules(min_words=20))
    """
    for field in fields(rules):
        value = getattr(rules, field.name)
        if isinstance(value, int | float) and not 0 <= value < math.inf:
            raise InputError(f"The keep rule {field.name} is {value}. It has to be a number from 0 on.")
    if None not in (rules.min_duration, rules.max_duration) and rules.min_duration > rules.max_duration:
        raise InputError(
            f"The keep rules ask for {rules.min_duration:g} s at least and {rules.max_duration:g} s at most."
        )
    for stage in rules.require_stages:
        if stage not in STAGES:
            near = difflib.get_close_matches(str(stage), STAGES, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise InputError(f"The keep rule require_stages names {stage!r}.{hint} Stages: {', '.join(STAGES)}.")
