"""A run's YAML as a mapping: safe, and without a key that is given twice."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

from asid_hf.errors import InputError


def load_yaml(path: Path) -> dict:
    """Read a file.

    Raises:
        InputError: it cannot be read, or as of `parse_yaml`.

    Example:
        >>> load_yaml(Path("run.yaml"))  # doctest: +SKIP
        {'preset': 'paper'}
    """
    try:
        return parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The configuration {path} cannot be read: {error}.") from error


def parse_yaml(text: str, name: str) -> dict:
    """Read a text.

    Args:
        text: YAML.
        name: what messages call it.

    Raises:
        InputError: it is no YAML, no mapping, or holds a key twice, of which YAML would drop the first unasked.

    Example:
        >>> parse_yaml("judge: endpoint", "run.yaml")
        {'judge': 'endpoint'}
    """
    import yaml

    class Once(yaml.SafeLoader):
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
            keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != _MERGE]
            known = [key for key in keys if isinstance(key, Hashable)]
            twice = next((key for key in known if known.count(key) > 1), None)
            if twice is not None:
                line = node.start_mark.line + 1
                raise InputError(f"{name} gives the key {twice!r} twice in the mapping of line {line}. Leave one out.")
            return super().construct_mapping(node, deep)

    try:
        value = yaml.load(text, Once) or {}
    except yaml.YAMLError as error:
        raise InputError(f"{name} is no YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(value, dict):
        raise InputError(f"{name} holds {type(value).__name__}; a mapping of settings is wanted.")
    return value


_MERGE = "tag:yaml.org,2002:merge"
