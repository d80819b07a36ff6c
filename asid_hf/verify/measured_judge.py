"""Everything the measurements have to say of a text: speech, times, and all checks of the judge."""

from __future__ import annotations

from asid_hf.verify.align_speech import check_speech
from asid_hf.verify.case import Case
from asid_hf.verify.check_timeline import check_timeline
from asid_hf.verify.findings import Verdict
from asid_hf.verify.judge import judged


def measured_verdicts(case: Case) -> list[Verdict]:
    """Run all measured checks.

    Example:
        >>> measured_verdicts(Case("A dog runs.", {}, [], 5.0, False))
        []
    """
    return check_speech(case) + check_timeline(case) + judged(case)
