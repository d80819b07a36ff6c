"""The file of predictions: JSON lines, one a video and prompt, that grows while a run goes and is taken up again.

Each process of a run appends to a file of its own beside it; the last one that is done puts them together in the order
of the videos, so that none waits for another. A run that is stopped leaves what it has; the next one, of however many
processes, goes on from it.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from asid_hf.errors import InputError, OutputError

PART = ".part-"


def prompt_id(attributes: Iterable[str], format: str, seed: int, instruction: str | None = None) -> str:
    """What a prompt is called: which attributes, in which form, drawn with which seed; or a digest of given words.

    Example:
        >>> prompt_id(["speech", "camera"], "json", 0)
        'speech+camera/json/0'
    """
    if instruction is not None:
        return f"own/{hashlib.sha256(instruction.encode()).hexdigest()[:8]}"
    return f"{'+'.join(attributes)}/{format}/{seed}"


class Predictions:
    """A file of predictions.

    Args:
        path: of the JSON lines.
        settings: all that can change what a model says, as JSON-ready values: a file that was written with others is
            refused.
        rank: which of the run's processes this is.
        overwrite: begin anew.

    Attributes:
        done: video and prompt ids that were there at the start and need not be asked again: all but those that failed.

    Raises:
        OutputError: it cannot be written, another run writes to it, or other settings wrote it.

    Example:
        >>> import tempfile
        >>> file = Predictions(Path(tempfile.mkdtemp(), "out.jsonl"), {"model": "m"})
        >>> file.add({"video_id": "a", "prompt_id": "p", "caption": "It rains."})
        >>> file.finish([("a", "p")]), file.close(), sorted(Predictions(file.path, {"model": "m"}).done)
        (1, None, [('a', 'p')])
    """

    def __init__(self, path: Path, settings: dict, rank: int = 0, overwrite: bool = False) -> None:
        self.path = path
        self.settings = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
        self._own = path.with_name(f"{path.name}{PART}{rank}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._held = FileLock(_lock(self._own), timeout=0)
            self._held.acquire()
        except Timeout as error:
            raise OutputError(f"Another run is writing to {path}. Wait for it, or name another file.") from error
        except OSError as error:
            raise OutputError(f"{path} cannot be used: {error.strerror or error}.") from error
        try:
            if overwrite:
                for old in [path, *self._parts()]:
                    old.unlink(missing_ok=True)
            _end_line(self._own)
            self.done = {name for name, row in self._rows().items() if not row.get("error")}
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise OutputError(f"{path} cannot be used: {error.strerror or error}.") from error
            raise

    def close(self) -> None:
        """Let other runs write; what was added stays."""
        self._held.release()

    def add(self, row: dict) -> None:
        """Keep a prediction, at once.

        Raises:
            OutputError: it cannot be written.
        """
        row = {**row, "settings": self.settings}
        try:
            with open(self._own, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        except OSError as error:
            raise OutputError(f"{self._own} cannot be written: {error.strerror}.") from error

    def finish(self, wanted: Iterable[tuple[str, str]]) -> int | None:
        """Put all parts together, if no process is still at work on them; nothing is added afterwards.

        Args:
            wanted: video and prompt ids of the whole run, in order.

        Returns:
            How many predictions there are; None while some of the run's are not there.

        Raises:
            OutputError: it cannot be written.
        """
        self.close()  # before others are looked at: of two that end at once, one has to see the other gone
        places = {name: place for place, name in enumerate(wanted)}
        draft = self.path.with_name(f"{self.path.name}.draft")
        lock = _lock(self.path)
        try:
            with FileLock(lock):
                rows = self._rows()
                if places.keys() - rows or self._at_work():
                    return None
                ordered = sorted(rows.values(), key=lambda row: (places.get(key(row), len(places)), key(row)))
                with open(draft, "w", encoding="utf-8", errors="backslashreplace") as file:
                    file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in ordered)
                os.replace(draft, self.path)
                for part in self._parts():
                    part.unlink()
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror}.") from error
        return len(ordered)

    def _at_work(self) -> bool:
        """Whether another process still writes: each holds the lock of its part while it runs."""
        for part in self._parts():
            if part == self._own:
                continue
            other = FileLock(_lock(part), timeout=0)
            try:
                other.acquire()
            except Timeout:
                return True
            other.release()
        return False

    def _parts(self) -> list[Path]:
        return sorted(self.path.parent.glob(f"{glob.escape(self.path.name)}{PART}*"))

    def _rows(self) -> dict[tuple[str, str], dict]:
        """All that is there; of several of one video and prompt the last that did not fail, if there is one."""
        rows: dict[tuple[str, str], dict] = {}
        for file in [self.path, *self._parts()]:
            for row in read_predictions(file) if file.exists() else ():
                if row.get("settings", self.settings) != self.settings:
                    raise OutputError(
                        f"{self.path} was written with another model or other settings. Name another file, or begin "
                        "it anew with --overwrite."
                    )
                if not row.get("error") or key(row) not in rows:
                    rows[key(row)] = row
        return rows


def _lock(path: Path) -> Path:
    return path.with_name(f".{path.name}.lock")


def _end_line(path: Path) -> None:
    """End a last line that is whole, take off one that a killed process did not finish: what is added would join it."""
    if path.exists():
        with open(path, "r+b") as file:
            data = file.read()
            last = data[data.rfind(b"\n") + 1 :]
            try:
                json.loads(last or b"null")
            except ValueError:
                file.truncate(len(data) - len(last))
            else:
                file.write(b"\n" if last else b"")


def key(row: dict) -> tuple[str, str]:
    """What a prediction is of: video id and prompt id.

    Example:
        >>> key({"video_id": "a", "prompt_id": "p", "caption": "It rains."})
        ('a', 'p')
    """
    return row["video_id"], row["prompt_id"]


def read_predictions(path: Path) -> Iterator[dict]:
    """The predictions of a file; a last line that was not finished is left out.

    Raises:
        InputError: a line that is no prediction.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp(), "p.jsonl")
        >>> _ = file.write_text('{"video_id": "a", "prompt_id": "p"}' + chr(10) + '{"video')
        >>> [row["video_id"] for row in read_predictions(file)]
        ['a']
    """
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                key(row)
            except (ValueError, KeyError, TypeError) as error:
                if not line.endswith("\n"):
                    return  # a process was killed while it wrote
                raise InputError(
                    f"{path}, line {number} is no prediction: it has no video_id and prompt_id."
                ) from error
            yield row
