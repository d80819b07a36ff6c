"""What makes `load_dataset("asid-1m")` known to `datasets`, once `import asid_hf` has run.

`datasets` has no public way to add a name, and what it does for the builders that it brings would list the whole data
directory at every open. So the function that turns a name into a builder is led past that for our names, and for these
alone. Where a version of `datasets` has it no more, a warning says so and everything else works: the builder is then
opened as `Asid1M("single_attribute", data_dir=...)`.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import warnings
from pathlib import Path
from typing import Any

from asid_hf.dataset_builder.release import PUBLISHED

from asid_hf import schema
from asid_hf.errors import InputError

NAME = "asid-1m"
NAMES = (NAME, PUBLISHED, f"hf://datasets/{PUBLISHED}")
_BUILDER = "asid_hf.dataset_builder.asid_1m"
_MAKE_ROWS = tuple("ahead asid_1m choice derive joined lines published reading release sources videos".split())
_PUBLISHED = f"hf://datasets/{PUBLISHED}@"
_SHARED = ("media_archive", "schema", "instructions")
_MARK = "leads_to_asid_1m"


def register() -> bool:
    """Make `load_dataset` know `NAMES`; a second time it does nothing.

    Returns:
        Whether they are known now.

    Example:
        >>> register()
        True
    """
    import datasets.inspect
    import datasets.load

    original = getattr(datasets.load, "dataset_module_factory", None)
    if getattr(original, _MARK, False):
        return True
    expected = {"path", "revision", "download_mode"}
    if original is None or not hasattr(datasets.load, "DatasetModule") or not expected <= _parameters(original):
        warnings.warn(
            f'datasets {datasets.__version__} does not let "{NAME}" be registered. Use '
            'asid_hf.dataset_builder.asid_1m.Asid1M("all_attributes", data_dir=...) instead of load_dataset.',
            stacklevel=2,
        )
        return False

    @functools.wraps(original)
    def factory(path: str, *args: Any, **kwargs: Any) -> Any:
        if path not in NAMES:
            return original(path, *args, **kwargs)
        return _module(path, inspect.signature(original).bind(path, *args, **kwargs).arguments)

    setattr(factory, _MARK, True)
    for module in (datasets.load, datasets.inspect):
        if hasattr(module, original.__name__):
            setattr(module, original.__name__, factory)
    return True


def _parameters(function: Any) -> set[str]:
    return set(inspect.signature(function).parameters)


def _module(path: str, given: dict[str, Any]) -> Any:
    """What `datasets` asks of a name: the module of its builder, a digest of that code, and the builder's arguments."""
    from datasets.data_files import DataFilesDict, sanitize_patterns
    from datasets.load import DatasetModule

    arguments: dict[str, Any] = {"dataset_name": NAME, "data_files": DataFilesDict()}
    if given.get("revision") is not None:
        arguments["revision"] = str(given["revision"])
    if path != NAME and given.get("data_dir") is not None:
        raise InputError(f'{path} is a dataset on the Hub; for files elsewhere: load_dataset("{NAME}", data_dir=...).')
    if given.get("data_files") is not None:
        arguments["data_files"] = DataFilesDict.from_patterns(
            sanitize_patterns(given["data_files"]),
            base_path=given.get("data_dir")
            or ("" if path == NAME else _PUBLISHED + str(given.get("revision") or "main")),
            download_config=given.get("download_config"),
        )
    return DatasetModule(_BUILDER, code_digest(), arguments)


@functools.cache
def code_digest() -> str:
    """A digest of all that decides what the rows are, so that no cache outlives a change of it.

    Example:
        >>> len(code_digest())
        64
    """
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in sources_of_rows())).hexdigest()


def sources_of_rows() -> list[Path]:
    """The files of code that decide what the rows are.

    Example:
        >>> sources_of_rows()[-1].name
        'instructions.py'
    """
    shared = Path(inspect.getfile(schema)).parent
    here = Path(__file__).parent
    return [*(here / f"{name}.py" for name in _MAKE_ROWS), *(shared / f"{name}.py" for name in _SHARED)]
