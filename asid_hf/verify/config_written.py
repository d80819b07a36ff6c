"""A run's configuration as a file in its output, to be read again by `read_config`; no address, key or folder in it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, fields, replace
from pathlib import Path

from asid_hf.chat.model_spec import ModelSpec
from asid_hf.errors import InputError
from asid_hf.verify.config import VerifyConfig, read_config
from asid_hf.verify.output import CONFIG

LEFT_OUT = "http://address-left-out.invalid/v1"
"""In place of a server's address: a name that never leads anywhere (RFC 2606), so that nothing is sent elsewhere."""
_HEAD = """\
# The configuration of the run that wrote this folder, as `asid verify --config` reads it. Addresses, keys and folders
# of local models are left out: where base_url is {place}, give the server's.
"""


def write_config(output: Path, config: VerifyConfig) -> None:
    """Write `config.yaml` into an output.

    Args:
        output: the folder of a run.
        config: of the run.

    Example:
        >>> write_config(Path("out"), VerifyConfig())  # doctest: +SKIP
    """
    import yaml

    settings, withheld = describe_config(config)
    head = _HEAD.format(place=LEFT_OUT)
    if withheld:
        head += f"# Left out too, since texts among further parameters may be keys: {', '.join(withheld)}\n"
    text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=120)
    (output / CONFIG).write_text(head + text, encoding="utf-8")


def read_written(output: Path) -> VerifyConfig:
    """Read the configuration of the run that wrote an output.

    Raises:
        InputError: the output holds none.

    Example:
        >>> read_written(Path("no-such-output"))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        asid_hf.errors.InputError: no-such-output holds no config.yaml...
    """
    if not (output / CONFIG).is_file():
        raise InputError(
            f"{output} holds no {CONFIG}: no run wrote it, or one of an earlier version. Give the run's configuration "
            "as --config."
        )
    return read_config(output / CONFIG)


def describe_config(config: VerifyConfig) -> tuple[dict, list[str]]:
    """All settings of a configuration, as its file has them.

    Args:
        config: of a run.

    Returns:
        The mapping, and the names of the models' further parameters that are not in it.

    Example:
        >>> settings, withheld = describe_config(VerifyConfig(fuser=ModelSpec("a")))
        >>> settings["fuser"], settings["models"]["fuser"]["model"], withheld
        ('fuser', 'a', [])
    """
    models = config.models()
    if isinstance(config.recogniser, ModelSpec):
        models["recogniser"] = config.recogniser
    settings = {field.name: getattr(config, field.name) for field in fields(config)}
    settings |= {role: role for role in models if role in settings}
    settings["annotators"] = [
        {**_plain(replace(a, model=None)), "model": f"annotator {a.name}"} for a in config.annotators
    ]
    if config.judge:
        settings["judge"] = {**_plain(replace(config.judge, model=None)), "model": "judge"}
    settings["keep"] = _plain(config.keep)
    settings["prompts"] = {prompt.name: {"system": prompt.system, "task": prompt.task} for prompt in config.prompts}
    for name in ("recogniser", "aligner", "diariser"):
        settings[name] = settings[name] and _without_folder(settings[name])
    withheld = [
        f"models.{role}.extra_body.{name}"
        for role, model in models.items()
        for name, value in model.extra_body
        if _holds_text(json.loads(value))
    ]
    return {"models": {role: _model(model) for role, model in models.items()}, **settings}, withheld


def _model(model: ModelSpec) -> dict:
    named = {field.name: getattr(model, field.name) for field in fields(model)}
    further = {name: json.loads(value) for name, value in model.extra_body}
    named |= {
        "model": model.name,
        "base_url": LEFT_OUT if model.base_url else None,
        "accepts": list(model.accepts),
        "extra_body": {name: value for name, value in further.items() if not _holds_text(value)},
    }
    del named["api_key_env"]
    return named


def _plain(setting: object) -> dict:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(setting).items()}


def _holds_text(value: object) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, str) or any(map(_holds_text, inside))


def _without_folder(name: str) -> str:
    """Name of a speech model; of one in a folder of this machine only the folder's own name."""
    kind, colon, place = name.rpartition(":")
    return f"{kind}{colon}{os.path.basename(os.path.abspath(place))}" if os.path.isabs(place) else name
