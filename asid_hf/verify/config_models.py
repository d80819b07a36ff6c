"""The models of a configuration by their roles: another one, another address, or none of their keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from asid_hf.chat.model_spec import ModelSpec
from asid_hf.errors import InputError
from asid_hf.verify.config import ROLES, VerifyConfig

_ROLES_OF = {
    "ensemble": ("integrator",),
    "review": ("reviewer",),
    "decompose": ("decomposer",),
    "judge": ("judge",),
    "refine": ("refiner", "judge"),
    "fuse": ("fuser",),
}


def roles_of(stage: str, config: VerifyConfig) -> list[str]:
    """The roles whose models a stage asks, the one that it is named for first.

    Example:
        >>> roles_of("refine", VerifyConfig(refiner=ModelSpec("a")))
        ['refiner']
    """
    held = config.models()
    return (
        [role for role in held if role.startswith("annotator ")]
        if stage == "annotate"
        else [role for role in _ROLES_OF.get(stage, ()) if role in held]
    )


def with_models(config: VerifyConfig, change: Callable[[str, ModelSpec], ModelSpec]) -> VerifyConfig:
    """The same configuration with every model changed by a function.

    Args:
        config: the configuration.
        change: a role, as in `VerifyConfig.models`, or "recogniser", and its model -> the model to have.

    Example:
        >>> with_models(VerifyConfig(fuser=ModelSpec("a")), lambda role, model: ModelSpec(role)).fuser.model
        'fuser'
    """
    new: dict = {role: change(role, getattr(config, role)) for role in ROLES if getattr(config, role) is not None}
    new["annotators"] = tuple(replace(a, model=change(f"annotator {a.name}", a.model)) for a in config.annotators)
    if config.judge:
        new["judge"] = replace(config.judge, model=change("judge", config.judge.model))
    if isinstance(config.recogniser, ModelSpec):
        new["recogniser"] = change("recogniser", config.recogniser)
    return replace(config, **new)


def without_keys(config: VerifyConfig) -> VerifyConfig:
    """The same configuration for a run that sends nothing, and so needs no key in the environment.

    Example:
        >>> without_keys(VerifyConfig(fuser=ModelSpec("a", api_key_env="MY_KEY"))).fuser.api_key_env
    """
    return with_models(config, lambda role, model: replace(model, api_key_env=None))


def with_model(config: VerifyConfig, role: str, **settings: object) -> VerifyConfig:
    """The same configuration with other settings of one role's model.

    Args:
        config: the configuration.
        role: integrator, reviewer, decomposer, refiner, fuser, judge, or an annotator as "annotator NAME" or "NAME".
        settings: fields of `ModelSpec`; those that are None stay, and "" takes a setting away.

    Raises:
        InputError: the role has no model, or a setting is not allowed.

    Example:
        >>> with_model(VerifyConfig(fuser=ModelSpec("a")), "fuser", model="b").fuser.model
        'b'
    """
    held = config.models()
    role = role if role in held else f"annotator {role}"
    if role not in held:
        raise InputError(
            f"The configuration has no model of the role {role.removeprefix('annotator ')!r}. It has "
            f"{', '.join(held) or 'none'}."
        )
    wanted = {name: value or None for name, value in settings.items() if value is not None}
    return with_models(config, lambda name, model: replace(model, **wanted) if name == role else model)
