"""Stage 9: the measured judge: every remaining claim against picture and sound, and what a draft leaves out."""

from __future__ import annotations

from dataclasses import dataclass

from asid_hf.verify.case import Case, case_of
from asid_hf.verify.checks.camera import check_camera
from asid_hf.verify.checks.cuts import check_cuts
from asid_hf.verify.checks.light import check_light
from asid_hf.verify.checks.screen_text import check_screen_text
from asid_hf.verify.checks.sound import check_sound
from asid_hf.verify.findings import Verdict, findings_of
from asid_hf.verify.stage import Row, Stage

CHECKS = (check_camera, check_cuts, check_screen_text, check_sound, check_light)
"""In this order; a new check is one file in `checks/` and one entry here."""


@dataclass(frozen=True)
class Judge(Stage):
    """Add the findings of all `CHECKS`: Error and Missing for each attribute that the sensors can speak to.

    Example:
        >>> Judge().name
        'judge'
    """

    name = "judge"
    reads = ("draft", "sources", "candidates", "evidence", "transcript", "duration", "has_audio")
    writes = ("findings",)

    def run(self, row: Row) -> Row:
        """Judge one row."""
        return {"findings": findings_of(row, self.name, row["draft"] or "", judged(case_of(row)))}


def judged(case: Case) -> list[Verdict]:
    """Run every check on a case.

    Example:
        >>> judged(Case("A dog runs.", {}, [], 5.0, False))
        []
    """
    return [verdict for check in CHECKS for verdict in check(case)]
