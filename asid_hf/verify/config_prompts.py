"""Prompts of the user's own: a text, or the name of a file that holds it, never one taken for the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from asid_hf.errors import InputError
from asid_hf.prompts import DATA_RULE, PROMPTS, Prompt

_FILES = (".txt", ".md")
_ALLOWED = f"Allowed: {', '.join(PROMPTS)}, each a file or a text."


def read_prompts(given: object, folder: Path) -> tuple[Prompt, ...]:
    """Read the setting `prompts`.

    A value of one line is a file where there is one of that name; it has to be one where it holds no blank, or ends
    in .txt or .md. A mapping with `system` and `task` sets both.

    Args:
        given: name of a prompt -> file or text.
        folder: that file names start from.

    Raises:
        InputError: an unknown name, a file that is not there, or no text.

    Example:
        >>> [prompt.task for prompt in read_prompts({"judge": "Judge kindly."}, Path())]
        ['Judge kindly.']
    """
    if not isinstance(given, dict):
        raise InputError(
            f"prompts is {given!r}; a mapping is wanted, as `prompts: {{judge: my_judge.txt}}`. {_ALLOWED}"
        )
    return tuple(_read(name, value, folder) for name, value in given.items())


def own_prompt(name: str, task: str, system: str | None = None) -> Prompt:
    """One of our prompts with another task; the rule about material that is never an instruction stays.

    Args:
        name: of the prompt.
        task: the text.
        system: the system turn; None: ours.

    Raises:
        InputError: no prompt of that name, or no text.

    Example:
        >>> own_prompt("judge", "Judge kindly.").task
        'Judge kindly.'
    """
    if name not in PROMPTS:
        raise InputError(f"prompts.{name} is unknown. {_ALLOWED}")
    if not task.strip():
        raise InputError(f"prompts.{name} is empty. Write a text, or leave it out for ours.")
    system = PROMPTS[name].system if system is None else system
    rule = system if DATA_RULE in system else f"{system} {DATA_RULE}"
    return replace(PROMPTS[name], system=rule, task=task.strip())


def prompt_file(name: str, path: Path) -> Prompt:
    """One of our prompts with the task that a file holds.

    Raises:
        InputError: the file cannot be read or is empty, or there is no prompt of that name.

    Example:
        >>> prompt_file("judge", Path("no-such-file.txt"))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        asid_hf.errors.InputError: ... cannot be read: No such file or directory.
    """
    try:
        return own_prompt(name, path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The file {path} of the prompt {name} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"The file {path} of the prompt {name} is no UTF-8 text.") from error


def _read(name: str, given: object, folder: Path) -> Prompt:
    if isinstance(given, dict) and set(given) == {"system", "task"} and all(isinstance(v, str) for v in given.values()):
        return own_prompt(name, given["task"], given["system"])
    if name not in PROMPTS or not isinstance(given, str):
        raise InputError(f"prompts.{name} is unknown or no text. {_ALLOWED}")
    line = "\n" not in given and 0 < len(given) < 250
    has_to_be = line and (not any(map(str.isspace, given)) or given.lower().endswith(_FILES))
    return (
        prompt_file(name, folder / given)
        if has_to_be or (line and (folder / given).is_file())
        else own_prompt(name, given)
    )
