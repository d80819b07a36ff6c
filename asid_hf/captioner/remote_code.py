"""The code that goes to the Hub with a checkpoint, so that it opens where asid_hf is not installed."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

AUTO_MAP = {
    "AutoConfig": "configuration_asid_captioner.AsidCaptionerConfig",
    "AutoModel": "modeling_asid_captioner.AsidCaptionerForConditionalGeneration",
    "AutoModelForMultimodalLM": "modeling_asid_captioner.AsidCaptionerForConditionalGeneration",
    "AutoModelForImageTextToText": "modeling_asid_captioner.AsidCaptionerForConditionalGeneration",
    "AutoProcessor": "processing_asid_captioner.AsidCaptionerProcessor",
}
"""Auto class -> file and class, as transformers reads it from a configuration."""

_SIBLING = re.compile(r"^\s*from \.(\w+) import", re.MULTILINE)


def code_files() -> dict[str, Path]:
    """Name -> file of all the code that `AUTO_MAP` leads to.

    A file is looked for beside this one, and then one folder up: in the package, the rooms below `captioner` lie there.
    Where transformers laid out the code of a checkpoint, a configuration has only the files that it needs itself beside
    it; the model and the processor have all.

    Example:
        >>> "media_budget.py" in code_files()
        True
    """
    here = Path(__file__).parent
    files: dict[str, Path] = {}
    wanted = {target.split(".")[0] for target in AUTO_MAP.values()}
    while wanted:
        name = f"{wanted.pop()}.py"
        found = next((folder / name for folder in (here, here.parent) if (folder / name).is_file()), None)
        if found is None:
            continue
        files[name] = found
        wanted |= {found for found in _SIBLING.findall(files[name].read_text("utf-8")) if f"{found}.py" not in files}
    return dict(sorted(files.items()))


def copy_code(folder: str | os.PathLike) -> None:
    """Copy all the code that a checkpoint needs into its folder.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     copy_code(folder)
        ...     "schema.py" in os.listdir(folder)
        True
    """
    os.makedirs(folder, exist_ok=True)
    for name, file in code_files().items():
        target = Path(folder, name)
        if not (target.exists() and target.samefile(file)):
            shutil.copyfile(file, target)


class CarriesCode:
    """What is saved, and pushed to the Hub, with the code that `trust_remote_code=True` runs without asid_hf.

    Example:
        >>> from transformers import PreTrainedConfig
        >>> class Config(CarriesCode, PreTrainedConfig): pass
    """

    def save_pretrained(self, save_directory: str | os.PathLike, *args: Any, **kwargs: Any) -> Any:
        """As in transformers, and the code beside it."""
        if kwargs.get("is_main_process", True):
            copy_code(save_directory)
        return super().save_pretrained(save_directory, *args, **kwargs)

    def _get_files_timestamps(self, working_dir: str | os.PathLike) -> dict[str, float]:
        """The files that are uploaded only if they change from now on: not the code, which was just put there."""
        code = code_files()
        return {name: time for name, time in super()._get_files_timestamps(working_dir).items() if name not in code}
