"""What a row's calls cost, counted where they are made and read where the row is done."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Usage:
    """Calls paid, answers found in the ledger, attempts that failed, and tokens of all that was paid; `kept_tokens` are
    those that the answers out of the ledger had cost.

    Example:
        >>> Usage(calls=1, input_tokens=10).counts()["calls"]
        1
    """

    calls: int = 0
    hits: int = 0
    failures: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    kept_tokens: int = 0

    def counts(self) -> dict[str, int]:
        """As a dict."""
        return dict(vars(self))


current: ContextVar[Usage | None] = ContextVar("usage", default=None)
"""The usage of the row that this task works on."""


def count(**amounts: int | None) -> None:
    """Add to the current row's usage, if there is one.

    Example:
        >>> token = current.set(Usage())
        >>> count(calls=1, input_tokens=None)
        >>> current.get().calls
        1
        >>> current.reset(token)
    """
    usage = current.get()
    if usage is not None:
        for name, amount in amounts.items():
            setattr(usage, name, getattr(usage, name) + (amount or 0))
