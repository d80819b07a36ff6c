"""Memory and time of measuring one long clip, whole: `python benchmarks/long_clip.py FILM [--no-screen-text]`.

Prints the seconds of each measuring stage, and the peak of resident memory above what the process held once everything
was imported.
"""

from __future__ import annotations

import argparse
import os
import resource
from pathlib import Path

from asid_hf.verify.config import VerifyConfig
from asid_hf.verify.inputs import new_rows
from asid_hf.verify.stage import Chain
from asid_hf.verify.steps import measuring_stages


def main() -> None:
    """Measure one clip and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("ASID_HF_TEST_CLIPS", "."), "bbb.mp4")
    parser.add_argument("film", nargs="?", default=default, help="a long clip (default: the tests' ten-minute film)")
    parser.add_argument(
        "--no-screen-text", dest="screen_text", action="store_false", help="leave text on screen unread"
    )
    options = parser.parse_args()
    start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    row = {column: [value] for column, value in new_rows([options.film])[0].items()}
    row = Chain(measuring_stages(VerifyConfig(screen_text=options.screen_text)))(row)
    added = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start
    evidence = row["evidence"][0]
    print(f"{options.film}: {row['duration'][0]:.1f} s of film, errors: {row['errors'][0] or 'none'}")
    for timing in row["timings"][0]:
        print(f"  {timing['stage']:<12}{timing['seconds']:8.1f} s")
    print(f"  {len(evidence['shots'])} shots, {len(evidence['camera'])} camera stretches, "
          f"{len(evidence['screen_text'] or [])} texts, {len(row['transcript'][0])} utterances")  # fmt: skip
    print(f"  peak memory above the start: {added / 1024:.0f} MB")


if __name__ == "__main__":
    main()
