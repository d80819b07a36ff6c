"""The package as a whole: what it imports, who may import whom, what a wheel holds."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = (  # a room may import from its own layer and from those before it
    {"schema", "errors", "version"},
    {
        "media",
        "media_archive",
        "media_budget",
        "media_clip",
        "media_encode",
        "media_extent",
        "media_film",
        "media_source",
        "media_stills",
        "media_threads",
        "media_timeline",
        "media_track",
        "media_window",
        "anchors",
        "answers",
        "instructions",
        "prompts",
    },
    {"evidence", "chat", "dataset_builder", "captioner"},
    {"demo"},
    {"verify"},
    {"training"},
    {"evaluation"},
    {"hub", "app"},
    {"cli", "__main__"},
)
FREE_OF_OURS = {"schema", "errors", "version"}


def python(code: str) -> str:
    """Run code in a fresh interpreter and return what it prints."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def rooms_imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").startswith("asid_hf."):
            names.add(node.module.split(".")[1])
        elif isinstance(node, ast.ImportFrom) and node.module == "asid_hf":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {a.name.split(".")[1] for a in node.names if a.name.startswith("asid_hf.")}
    return names


def modules() -> list[tuple[str, Path]]:
    package = []
    for path in sorted((ROOT / "asid_hf").rglob("*.py")):
        room = path.relative_to(ROOT / "asid_hf").parts[0].removesuffix(".py")
        if room != "__init__":
            package.append((room, path))
    return package + [("dataset_builder", path) for path in (ROOT / "dataset_builder").glob("*.py")]


@pytest.mark.parametrize(("room", "path"), modules(), ids=lambda value: str(getattr(value, "name", value)))
def test_imports_go_only_downwards(room: str, path: Path) -> None:
    level = next((i for i, layer in enumerate(LAYERS) if room in layer), None)
    assert level is not None, f"{room} has no layer: put it in LAYERS and in the README's map"
    allowed = set().union(*LAYERS[: level + 1]) if room not in FREE_OF_OURS else set()
    assert rooms_imported(path) <= allowed


@pytest.mark.parametrize("path", sorted((ROOT / "asid_hf" / "captioner").glob("*.py")), ids=lambda path: path.name)
def test_code_that_goes_to_the_hub_needs_nothing_that_does_not(path: Path) -> None:
    """It imports rooms that are copied beside it, and where asid_hf is not installed finds them there."""
    assert rooms_imported(path) <= set().union(*LAYERS[:2]) | {"captioner"}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tried = {id(node) for block in ast.walk(tree) if isinstance(block, ast.Try) for node in ast.walk(block)}
    ours = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and "asid_hf" in (node.module or "")]
    if path.name != "__init__.py":
        assert [ast.unparse(node) for node in ours if id(node) not in tried] == []


def test_import_brings_datasets_for_its_name_there_but_no_torch_and_no_decoder() -> None:
    loaded = python("import asid_hf, sys; print([m for m in ('torch', 'av', 'cv2') if m in sys.modules])")
    assert loaded.strip() == "[]"


def test_the_pipeline_runs_without_torch() -> None:
    code = "import asid_hf.verify.pipeline, asid_hf.cli, sys; print('torch' in sys.modules)"
    assert python(code).strip() == "False"


def test_every_public_function_says_what_it_does_with_an_example() -> None:
    lacking = []
    for _, path in modules():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                text = ast.get_docstring(node) or ""
                is_type = isinstance(node, ast.ClassDef) and not any(isinstance(n, ast.FunctionDef) for n in node.body)
                if not text or ("Example" not in text and not is_type):
                    lacking.append(f"{path.name}:{node.name}")
    exempt = {"CaptionFileError", "InputError", "OutputError", "verify", "replay"}
    assert [name for name in lacking if name.split(":")[1] not in exempt] == []


def test_modules_stay_readable() -> None:
    lengths = [len(path.read_text(encoding="utf-8").splitlines()) for _, path in modules()]
    assert statistics.median(lengths) <= 180
