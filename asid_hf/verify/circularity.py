"""Whether a model judges its own work: the weak point of the paper's pipeline, so a run always says it."""

from __future__ import annotations

from asid_hf.errors import InputError
from asid_hf.verify.config import VerifyConfig


def shared_with_judge(config: VerifyConfig) -> list[str]:
    """The roles whose text the judge judges although it wrote it itself.

    A model is known by its id, without letter case and without the provider behind a colon.

    Args:
        config: of the run.

    Returns:
        Role names in order; empty where the judge is independent, or there is none.

    Example:
        >>> from asid_hf.verify.config import read_config
        >>> from asid_hf.chat.model_spec import ModelSpec
        >>> shared_with_judge(read_config(preset="single-endpoint", endpoint=ModelSpec("a-model")))
        ['annotator endpoint', 'reviewer', 'refiner']
    """
    if config.judge is None:
        return []
    judge = _identity(config.judge.model.model)
    return [role for role, model in config.models().items() if role != "judge" and _identity(model.model) == judge]


def require_independent_judge(config: VerifyConfig) -> None:
    """Refuse a configuration whose judge wrote what it judges.

    Raises:
        InputError: naming the model and the roles.

    Example:
        >>> require_independent_judge(VerifyConfig())
    """
    shared = shared_with_judge(config)
    if shared:
        raise InputError(
            f"The judge {config.judge.model.name} is also {', '.join(shared)}, and --independent-judge is set. Name "
            "another model as judge."
        )


def _identity(model: str) -> str:
    return model.lower().split(":")[0]
