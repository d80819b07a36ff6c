"""Stage 9: the judges: every remaining claim against picture and sound, and what a draft leaves out.

The measured judge and, where there is one, the model judge look at the same draft; their findings stand side by side,
and where they do not agree, `disputed_by` says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from asid_hf.chat.model_spec import ModelSpec
from asid_hf.verify.case import Case, case_of
from asid_hf.verify.checks.camera import check_camera
from asid_hf.verify.checks.cuts import check_cuts
from asid_hf.verify.checks.light import check_light
from asid_hf.verify.checks.screen_text import check_screen_text
from asid_hf.verify.checks.sound import check_sound
from asid_hf.verify.findings import Verdict, findings_of
from asid_hf.verify.model_judge import JudgeModel, model_verdicts, with_dispute
from asid_hf.verify.model_stage import ModelStage
from asid_hf.verify.stage import Row

CHECKS = (check_camera, check_cuts, check_screen_text, check_sound, check_light)
"""In this order; a new check is one file in `checks/` and one entry here."""


@dataclass(frozen=True)
class Judge(ModelStage):
    """Add the findings of all `CHECKS`, and those of a model: Error, Missing, and of a model expressiveness.

    Args:
        judge: the model judge; none by default.

    Example:
        >>> Judge().name
        'judge'
    """

    judge: JudgeModel | None = None

    name = "judge"
    reads = ("draft", "sources", "candidates", "evidence", "transcript", "duration", "has_audio")
    writes = ("findings",)

    @property
    def models(self) -> tuple[ModelSpec, ...]:
        """The judge's model, if there is one."""
        return (self.judge.model,) if self.judge else ()

    def prompt_labels(self) -> list[str]:
        """The judge's prompt."""
        return [self.access.prompt("judge").label] if self.judge else []

    def run(self, row: Row) -> Row:
        """Judge one row by its measurements."""
        return {"findings": findings_of(row, self.name, row["draft"] or "", judged(case_of(row)))}

    async def consult(self, row: Row) -> Row:
        """Judge one row by its measurements and by the model."""
        case = case_of(row)
        told = await model_verdicts(self, self.judge, row, case)
        measured = judged(case)
        name = self.judge.model.name
        findings = findings_of(row, self.name, case.draft, with_dispute(measured, told, name))
        return {
            "findings": findings_of(
                {**row, "findings": findings}, self.name, case.draft, list(told.verdicts), judge=name
            )
        }


def judged(case: Case) -> list[Verdict]:
    """Run every check on a case.

    Example:
        >>> judged(Case("A dog runs.", {}, [], 5.0, False))
        []
    """
    return [verdict for check in CHECKS for verdict in check(case)]
