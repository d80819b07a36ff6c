"""The configuration of a run: one YAML file with strict keys, or a preset, becomes a `VerifyConfig`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from importlib.resources import files
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from asid_hf.chat.model_spec import ModelSpec
from asid_hf.errors import InputError
from asid_hf.prompts import Prompt
from asid_hf.verify.annotate import Annotator
from asid_hf.verify.config_checks import check_annotators, check_keep
from asid_hf.verify.config_prompts import read_prompts
from asid_hf.verify.config_yaml import load_yaml, parse_yaml
from asid_hf.verify.keep import KEEP_ALL, KeepRules
from asid_hf.verify.model_judge import JudgeModel

PRESETS = ("measured", "single-endpoint", "paper")
ROLES = ("integrator", "reviewer", "decomposer", "refiner", "fuser")


@dataclass(frozen=True)
class VerifyConfig:
    """What changes the results of a run; recorded with them.

    Args:
        recogniser: speech recogniser, see `asid_hf.evidence.recognisers`; or a model behind an address with OpenAI's
            /audio/transcriptions, by its name in `models`.
        aligner: what times the words, see `asid_hf.verify.transcribe.Transcribe`; None: nothing does.
        diariser: what tells who speaks, see `asid_hf.evidence.speakers`; None: nobody is told.
        screen_text: read text on screen.
        refine: repair what has findings; False only judges.
        embed_videos: store the videos' bytes in the dataset instead of relative paths.
        allow_remote: fetch videos given as http(s) addresses.
        annotators: the models that caption, beside the captions given and the measured ones.
        integrator: unites the candidates; none: their structured union.
        reviewer: checks the draft against candidates and evidence.
        decomposer: files sentences that no annotator or integrator filed; none: the built-in classifier.
        judge: looks for errors and omissions, beside the measured judge.
        refiner: mends what has findings without a measured suggestion.
        fuser: writes the caption out of the attributes; none: the refined draft is the caption.
        max_rounds: of review, and of refinement.
        keep: which rows are kept.
        prompts: texts of the user's own.

    Example:
        >>> VerifyConfig(screen_text=False).recogniser
        'moonshine-tiny'
    """

    recogniser: str | ModelSpec = "moonshine-tiny"
    aligner: str | None = None
    diariser: str | None = None
    screen_text: bool = True
    refine: bool = True
    embed_videos: bool = False
    allow_remote: bool = False
    annotators: tuple[Annotator, ...] = ()
    integrator: ModelSpec | None = None
    reviewer: ModelSpec | None = None
    decomposer: ModelSpec | None = None
    judge: JudgeModel | None = None
    refiner: ModelSpec | None = None
    fuser: ModelSpec | None = None
    max_rounds: int = 3
    keep: KeepRules = KEEP_ALL
    prompts: tuple[Prompt, ...] = ()

    def __post_init__(self) -> None:
        check_annotators(self.annotators)
        check_keep(self.keep)
        if not 1 <= self.max_rounds <= 10:
            raise InputError(f"max_rounds is {self.max_rounds}. It has to lie within 1 and 10.")

    def models(self) -> dict[str, ModelSpec]:
        """Role -> model, of the roles that have one.

        Example:
            >>> VerifyConfig(integrator=ModelSpec("a-model")).models()["integrator"].model
            'a-model'
        """
        roles = {f"annotator {annotator.name}": annotator.model for annotator in self.annotators}
        roles |= {role: getattr(self, role) for role in ROLES if getattr(self, role) is not None}
        return roles | ({"judge": self.judge.model} if self.judge else {})


MEASURED = VerifyConfig()
"""Without any language model."""


def read_config(
    path: str | Path | None = None,
    *,
    preset: str | None = None,
    endpoint: ModelSpec | None = None,
    overrides: Mapping[str, object] | None = None,
) -> VerifyConfig:
    """Read a run's configuration.

    The file has the fields of `VerifyConfig`. `models` names models (the fields of `ModelSpec`), and every role names
    one of those; `preset` starts from a preset; `prompts` maps the name of a prompt to a file with its task, relative
    to the configuration, or to the task itself (see `asid_hf.verify.config_prompts`).

    Args:
        path: a YAML file; none: the preset alone.
        preset: one of `PRESETS`; none: what the file names, or "measured".
        endpoint: the model of the name "endpoint".
        overrides: fields that the caller sets, over the file's.

    Returns:
        The configuration.

    Raises:
        InputError: the file cannot be read, a key or value is not allowed, a role names no model, or none names the
            `endpoint` given.

    Example:
        >>> read_config(preset="single-endpoint", endpoint=ModelSpec("a-model")).judge.model.model
        'a-model'
    """
    given = load_yaml(Path(path)) if path else {}
    named = given.pop("preset", None)
    if preset and named and preset != named:
        raise InputError(f"{path} starts from the preset {named!r}, and {preset!r} was asked for. Name one.")
    merged = {**_preset(preset or named or "measured"), **given, **(overrides or {})}
    models = _models(merged.pop("models", None) or {}, endpoint)
    folder = Path(path).parent if path else Path()
    allowed = {field.name for field in fields(VerifyConfig)}
    _known_keys(merged, allowed | {"models", "preset"}, str(path or "the configuration"))
    values = {name: _role(name, value, models, folder) for name, value in merged.items()}
    config = _build(VerifyConfig, values, str(path or "the configuration"))
    if endpoint and not any(model is endpoint for model in (*config.models().values(), config.recogniser)):
        raise InputError(
            f"The model {endpoint.name} is given (--model), and no role of {path or f'the preset {preset}'} names it: "
            "write `judge: endpoint`, or another role, or leave --model out."
        )
    return config


def _preset(name: str) -> dict:
    if name not in PRESETS:
        raise InputError(f"{name!r} is no preset. Allowed: {', '.join(PRESETS)}.")
    return parse_yaml(files("asid_hf.verify").joinpath("presets", f"{name}.yaml").read_text(encoding="utf-8"), name)


def _models(given: object, endpoint: ModelSpec | None) -> dict[str, ModelSpec]:
    if not isinstance(given, dict):
        raise InputError("`models` has to map names to models, as `models: {judge: {model: ID}}`.")
    models = {str(name): _build(ModelSpec, value, f"models.{name}") for name, value in given.items()}
    return {**models, "endpoint": endpoint} if endpoint else models


def _role(name: str, value: object, models: dict[str, ModelSpec], folder: Path) -> object:
    """A setting with the models it names put in their place."""
    if name == "recogniser" and isinstance(value, str):
        return models.get(value, value)
    if name in ROLES:
        return None if value is None else _model(value, models, name)
    if name == "judge" and value is not None:
        judge = value if isinstance(value, dict) else {"model": value}
        return _build(JudgeModel, {**judge, "model": _model(judge.get("model"), models, name)}, name)
    if name == "annotators":
        return tuple(_annotator(entry, models, f"annotators[{i}]") for i, entry in enumerate(_listed(value, name)))
    if name == "keep":
        return _build(KeepRules, value or {}, name)
    if name == "prompts":
        return read_prompts(value or {}, folder)
    return value


def _annotator(entry: object, models: dict[str, ModelSpec], place: str) -> Annotator:
    entry = entry if isinstance(entry, dict) else {"name": entry, "model": entry}
    if "name" not in entry:
        raise InputError(f"{place} lacks a setting: name, which its captions are signed with.")
    return _build(Annotator, {**entry, "model": _model(entry.get("model"), models, place)}, place)


def _model(name: object, models: dict[str, ModelSpec], place: str) -> ModelSpec:
    if isinstance(name, dict):
        raise InputError(
            f"{place} describes a model; a role holds the name of one. Put the description under `models`, as "
            f"`models: {{NAME: ...}}`, and write `{place}: NAME`."
        )
    if name is None:
        raise InputError(f"{place} names no model: write the name of one of `models` ({', '.join(models) or 'none'}).")
    if not isinstance(name, str) or name not in models:
        known = ", ".join(models) or "none"
        raise InputError(
            f"{place} names the model {name!r}, which `models` does not define (it defines {known}). Add it there, as "
            f"`models: {{{name}: {{model: ID, base_url: http://HOST/v1}}}}`, or give --model and --base-url for "
            "the one called endpoint."
        )
    return models[name]


def _build(kind: type, value: object, place: str) -> Any:
    if isinstance(value, kind):
        return value
    if not isinstance(value, dict):
        raise InputError(f"{place} is {value!r}; a mapping with {', '.join(f.name for f in fields(kind))} is wanted.")
    hints = get_type_hints(kind)
    _known_keys(value, set(hints), place)
    lacking = [f.name for f in fields(kind) if f.default is MISSING and f.name not in value]
    if lacking:
        raise InputError(f"{place} lacks a setting: {', '.join(lacking)}.")
    return kind(**{name: _typed(item, hints[name], f"{place}.{name}") for name, item in value.items()})


def _typed(value: object, hint: Any, place: str) -> object:
    """A value of a declared type: lists become tuples, whole numbers pass for real ones, nothing else is bent."""
    if get_origin(hint) is tuple:
        one = get_args(hint)[0]
        return tuple(_typed(item, one, f"{place}[{i}]") for i, item in enumerate(_listed(value, place)))
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    if float in kinds and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    plain = tuple(kind for kind in kinds if isinstance(kind, type))
    if (isinstance(value, bool) and bool not in plain) or not isinstance(value, plain):
        wanted = " or ".join("nothing" if kind is type(None) else kind.__name__ for kind in plain)
        raise InputError(f"{place} is {value!r}; {wanted} is wanted.")
    return value


def _listed(value: object, place: str) -> list:
    if not isinstance(value, list | tuple):
        raise InputError(f"{place} is {value!r}; a list is wanted.")
    return list(value)


def _known_keys(value: Mapping, allowed: set[str], place: str) -> None:
    for key in value:
        if key not in allowed:
            near = difflib.get_close_matches(str(key), allowed, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise InputError(f"{place} has the unknown key {key!r}.{hint} Allowed: {', '.join(sorted(allowed))}.")
