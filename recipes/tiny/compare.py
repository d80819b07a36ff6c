"""What the three stages bring: stage 1 alone, stage 2 from scratch, all three, at equal steps, with several seeds.

    python recipes/tiny/compare.py --data tiny

trains each from the one base, marks each on the same held-out clips, and prints the means with 95% intervals (Student's
t over the seeds), as the paper's table of its stages does (arXiv 2602.13013, table 8). What is done is kept in
`results.json` beside this file, run by run, with a digest of the base and of the recipes; started again, it goes on. A
run takes at most some six minutes on two processors.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
import yaml
from score import score
from world import FACTS_OF

from asid_hf.captioner import AsidCaptionerForConditionalGeneration

HERE = Path(__file__).parent
SFT, RESULTS = HERE.parent / "sft.py", HERE / "results.json"
TWO_PROCESSES = HERE.parent / "accelerate_configs" / "cpu.yaml"
SHARES = {
    "stage 1 alone": {1: 1.0},
    "stage 2 from scratch": {2: 1.0},
    "all three": {1: 0.55, 2: 0.33, 3: 0.12},
}
"""Way of training -> share of the steps that each of its stages takes."""
T_95 = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}
"""Student's t, both sides, by the number of seeds."""


def main() -> None:
    """Train what is missing, then print all."""
    options = _arguments()
    if not 2 <= len(options.seeds) <= max(T_95):
        raise SystemExit(f"--seeds: {len(options.seeds)} of them. An interval takes 2 to {max(T_95)}.")
    results = read_results(RESULTS, started_from(options.data))
    runs = results["runs"]
    for seed in options.seeds:
        for way in SHARES:
            key = f"{way}, seed {seed}, {options.steps} steps"
            if key not in runs:
                runs[key] = run(way, seed, options.steps, options.data, options.threads)
                RESULTS.write_text(json.dumps(results, indent=1) + "\n")
            print(f"{key}: {runs[key]['seconds']:.0f} s", flush=True)
    print(render(runs, options.seeds, options.steps))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("tiny"), help="what make_base.py wrote (default: tiny)")
    parser.add_argument("--steps", type=int, default=400, help="of each way of training, in all (default: 400)")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[1, 2, 3], help="of order and adapters (default: 1 2 3)"
    )
    parser.add_argument("--threads", type=int, default=2, help="of torch, when captions are written (default: 2)")
    return parser.parse_args()


def started_from(data: Path) -> str:
    """A digest of the base and of what the recipes say: what all runs that are compared have in common.

    Example:
        >>> len(started_from(Path("tiny")))  # doctest: +SKIP
        16
    """
    told = hashlib.blake2b((data / "base" / "model.safetensors").read_bytes(), digest_size=8)
    for path in sorted(HERE.glob("stage*.yaml")):
        told.update(json.dumps(yaml.safe_load(path.read_text(encoding="utf-8")), sort_keys=True).encode())
    return told.hexdigest()


def read_results(path: Path, start: str) -> dict:
    """The runs that are done, {"start": digest, "runs": {way, seed and steps: figures}}.

    Raises:
        SystemExit: they started from another base, or with other recipes.

    Example:
        >>> read_results(Path("none.json"), "a")
        {'start': 'a', 'runs': {}}
    """
    if not path.exists():
        return {"start": start, "runs": {}}
    results = json.loads(path.read_text())
    if results["start"] != start:
        raise SystemExit(f"{path} holds runs from another base or with other recipes. Move it away to start anew.")
    return results


def run(way: str, seed: int, steps: int, data: Path, threads: int) -> dict:
    """Train in one way and mark what came of it.

    Example:
        >>> run("all three", 1, 500, Path("tiny"), 2)["exact"]["speech"]  # doctest: +SKIP
        0.95
    """
    start, model = time.monotonic(), data / "base"
    for stage, share in SHARES[way].items():
        output = data / "compare" / f"{way.replace(' ', '_')}_{seed}_{steps}" / f"stage{stage}"
        said = {"max_steps": round(share * steps), "seed": seed, "model_name_or_path": model, "output_dir": output}
        said |= {"sample_captions": 0, "save_strategy": "no", "report_to": "none"}
        words = [word for name, value in said.items() for word in (f"--{name}", str(value))]
        command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", str(TWO_PROCESSES)]
        command += [str(SFT), "--config", str(HERE / f"stage{stage}.yaml"), *words]
        subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        model = output / "merged" if stage == 3 else output
    seconds = time.monotonic() - start
    torch.set_num_threads(threads)
    told = score(AsidCaptionerForConditionalGeneration.from_pretrained(model), data)
    return {"exact": told["exact"]["as it is"], "follow": told["follow"], "seconds": round(seconds, 1)}


def render(runs: dict, seeds: list[int], steps: int) -> str:
    """The table: means over the seeds and half the width of their 95% interval."""
    lines = [f"{len(seeds)} seeds, {steps} steps each; share of captions with all facts of the attribute right"]
    lines.append(f"{'':22}" + "".join(f"{name:>15}" for name in (*FACTS_OF, "follows one", "several")))
    for way in SHARES:
        own = [runs[f"{way}, seed {seed}, {steps} steps"] for seed in seeds]
        shares = [[one["exact"][name] for one in own] for name in FACTS_OF]
        shares += [[one["follow"][kind] for one in own] for kind in ("one", "several")]
        lines.append(f"{way:22}" + "".join(f"{_with_interval(values):>15}" for values in shares))
    return "\n".join(lines)


def _with_interval(values: list[float]) -> str:
    half = T_95[len(values)] * statistics.stdev(values) / len(values) ** 0.5
    return f"{statistics.mean(values):.3f} ± {half:.3f}"


if __name__ == "__main__":
    main()
