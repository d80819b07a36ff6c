"""The command `asid`: parsing, messages and exit codes; the work is imported inside the commands."""

from asid_hf.cli.app import main

__all__ = ["main"]
