"""The plan of the house holds: imports point one way, the start is light, the options are frozen."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from koalign.cli import app

PACKAGE = Path(__file__).parent.parent / "koalign"
LAYERS = [
    {"records", "progress", "provenance", "config_inputs"},
    {"config", "jsonl"},
    {"config_files", "data", "tracking", "page"},
    {"renderer", "guard"},
    {"run"},
    {"adapters"},
    {"engines"},
    {"training"},
    {"views", "answering"},
    {"reports"},
    {"stages"},
    {"cli"},
]
HEAVY = {
    "torch", "transformers", "trl", "peft", "bitsandbytes", "datasets", "accelerate", "vllm", "wandb",
}  # fmt: skip


def layer(room: str) -> int:
    return next(n for n, rooms in enumerate(LAYERS) if room in rooms)


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("koalign"):
            parts = node.module.split(".")
            rooms |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
    return rooms - {"__version__"}


MODULES = [p for p in sorted(PACKAGE.rglob("*.py")) if p != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_point_one_way(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    # data/ is one room; its modules and those of a stage package meet their own kind only here.
    allowed = {r for rooms in LAYERS[: layer(room)] for r in rooms} | {room}
    assert imported_rooms(path) <= allowed


@pytest.mark.parametrize("path", sorted((PACKAGE / "stages").glob("*.py")), ids=lambda p: p.stem)
def test_stages_meet_on_disk(path):
    if path.stem != "__init__":
        assert "stages" not in imported_rooms(path)


@pytest.mark.parametrize("path", sorted((PACKAGE / "data").rglob("*.py")), ids=lambda p: p.stem)
def test_data_knows_no_config_and_no_model(path):
    assert imported_rooms(path) <= {"data", "records", "jsonl"}


def test_no_file_tells_two_stories():
    for path in MODULES:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 320, path


@pytest.mark.parametrize(
    "arguments", [["--help"], *([name, "--help"] for name in ("sft", "run", "solve", "show"))]
)
def test_help_loads_no_heavy_module(arguments):
    program = (
        "import sys; from koalign.cli import app\n"
        f"try: app({arguments})\nexcept SystemExit: pass\n"
        f"sys.exit(repr({HEAVY!r} & set(sys.modules)) if {HEAVY!r} & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_importing_every_stage_loads_no_heavy_module():
    program = (
        "import sys, koalign.stages, koalign.views, koalign.config\n"
        f"sys.exit(repr({HEAVY!r} & set(sys.modules)) if {HEAVY!r} & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_command_line_options_are_frozen():
    stage = {"-c", "-s", "--run-dir", "--force"}
    expected = dict.fromkeys(("prepare", "sft", "dpo-pairs", "dpo", "abstractions", "run"), stage)  # fmt: skip
    expected |= {
        "solve": stage
        | {"problems", "-o", "--adapters", "--budget", "--greedy", "--report", "--any-template"},
        "evaluate": stage
        | {
            "--protocol",
            "--data",
            "--split",
            "--model",
            "--adapters",
            "--shots",
            "--shots-data",
            "--shot-order",
            "--subset",
            "--limit",
            "--mode",
            "--samples",
            "--cyclic",
            "--diagnose",
            "--out",
        },
        "compare": {"folders", "--json", "--out", "--common", "--force"},
        "mine": stage
        | {
            "predictions",
            "--problems",
            "-o",
            "--clusters",
            "--take",
            "--replay",
            "--embedding",
            "--folds",
        },
        "distill": stage | {"-o"},
        "grade": {"answers", "-o", "--force"},
        "adapters": set(),
        "show": {"run", "--json"},
        "preview": {"number", "-c", "-s"},
        "init": {"path"},
        "doctor": set(),
    }
    found = {
        name: {p.opts[0] for p in command.params} - {"--help"}
        for name, command in typer.main.get_command(app).commands.items()
    }
    assert found == expected


def test_the_options_of_koalign_adapters_are_frozen():
    expected = {
        "list": {"folder", "--json"},
        "show": {"adapter", "--run-dir", "--json"},
        "stack": {"adapters", "-o", "--rank", "--run-dir", "--force"},
        "verify": {"adapter", "--run-dir", "--json"},
        "export": {"adapter", "-o", "--merge", "--dtype", "--dequantize", "--run-dir"},
        "prune": {"run", "--keep", "--yes"},
    }
    commands = typer.main.get_command(app).commands["adapters"].commands
    assert {name: {p.opts[0] for p in commands[name].params} for name in commands} == expected


def test_every_file_of_the_package_stands_in_the_tree_of_the_readme():
    for name in ("README.md", "README.ko.md"):
        readme = (PACKAGE.parent / name).read_text(encoding="utf-8")
        for path in [p for room in ("", "stages", "data") for p in (PACKAGE / room).glob("*.py")]:
            if path.stem != "__init__":
                assert re.search(rf"\b{path.stem}\b", readme), f"{name}: {path.name}"
