"""The plan of the house holds: imports point one way, the start is light, the options are frozen."""

import ast
import subprocess
import sys
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
import typer

from koalign.cli.app import app

PACKAGE = Path(__file__).parent.parent / "koalign"
LAYERS = [
    {"naming"},
    {"records", "progress", "provenance", "faults"},
    {"locking", "yaml_text", "bounded"},
    {"jsonl"},
    {"config", "text"},
    {"grading", "nodes"},
    {"data"},
    {"evaluation"},
    {"mining"},
    {"retrieval"},
    {"renderer", "guard", "hashing"},
    {"parts"},
    {"plans", "manifests"},
    {"remaking"},
    {"tracking"},
    {"run"},
    {"adapters"},
    {"engines"},
    {"training", "answering", "planning"},
    {"reports"},
    {"stages"},
    {"preflight"},
    {"serving"},
    {"cli"},
]
PURE = ("text", "grading", "data", "evaluation", "mining", "retrieval")
"""Rooms that take plain arguments and know no config, no run and no model."""
HEAVY = {
    "torch", "transformers", "trl", "peft", "bitsandbytes", "datasets", "accelerate", "vllm", "ray",
    "wandb", "fastapi", "uvicorn", "altair", "vl_convert", "tantivy",
}  # fmt: skip


def layer(room: str) -> int:
    return next(n for n, rooms in enumerate(LAYERS) if room in rooms)


MODULES = [p for p in sorted(PACKAGE.rglob("*.py")) if p != PACKAGE / "__init__.py"]


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


NAMES = {name_of(path) for path in MODULES}


def imports(path: Path) -> set[str]:
    """The modules of koalign that a file takes from, inside of functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("koalign"):
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in NAMES else node.module for name in inner}
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("koalign.")}
    return found


def imported_rooms(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(path) if "." in name}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports_point_one_way(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    allowed = {r for rooms in LAYERS[: layer(room)] for r in rooms} | {room}
    assert imported_rooms(path) <= allowed


def test_no_files_import_each_other_in_a_circle():
    graph = {name_of(path): imports(path) - {name_of(path)} for path in MODULES}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("path", [p for p in MODULES if p.stem == "__init__"], ids=name_of)
def test_an_init_file_hands_names_on_and_does_nothing_else(path):
    body = ast.parse(path.read_text(encoding="utf-8")).body
    assert isinstance(body[0], ast.Expr)
    assert all(isinstance(node, ast.ImportFrom) for node in body[1:])


@pytest.mark.parametrize("path", sorted((PACKAGE / "stages").glob("*.py")), ids=lambda p: p.stem)
def test_stages_meet_on_disk(path):
    if path.stem not in ("__init__", "pipeline"):
        assert "stages" not in imported_rooms(path)


@pytest.mark.parametrize(
    "path", [p for room in PURE for p in sorted((PACKAGE / room).rglob("*.py"))], ids=name_of
)
def test_what_is_pure_knows_no_config_and_no_model(path):
    assert imported_rooms(path) <= {
        *PURE,
        "naming",
        "records",
        "jsonl",
        "yaml_text",
        "bounded",
    }


def test_no_room_holds_more_than_a_fifth_of_the_package():
    lines = Counter()
    for path in MODULES:
        lines[path.relative_to(PACKAGE).parts[0]] += len(path.read_text("utf-8").splitlines())
    room, largest = lines.most_common(1)[0]
    assert largest <= 0.20 * lines.total(), room


def test_no_file_tells_two_stories():
    for path in MODULES:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 320, path


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        *([name, "--help"] for name in ("sft", "run", "solve", "show", "serve", "chat", "board")),
        ["plan", "--gpu", "24GB", "--model", "Qwen/Qwen3-8B"],
    ],
)
def test_help_and_plan_load_no_heavy_module(arguments):
    program = (
        "import sys; from koalign.cli.app import app\n"
        f"try: app({arguments})\nexcept SystemExit: pass\n"
        f"sys.exit(repr({HEAVY!r} & set(sys.modules)) if {HEAVY!r} & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_importing_every_stage_loads_no_heavy_module():
    program = (
        "import sys, koalign.stages.pipeline, koalign.reports.views, koalign.config.files\n"
        f"sys.exit(repr({HEAVY!r} & set(sys.modules)) if {HEAVY!r} & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_command_line_options_are_frozen():
    stage = {"-c", "-s", "--run-dir", "--force"}
    expected = dict.fromkeys(("prepare", "sft", "dpo"), stage)
    expected |= dict.fromkeys(("index", "retrieve", "reader", "query"), stage)
    drawn = ("dpo-pairs", "abstractions", "passages", "evaluate")
    expected |= dict.fromkeys(drawn, stage | {"--shard"}) | {
        "run": stage | {"--seeds", "--anyway", "--dry-run"},
        "plan": {"--gpu", "--model", "--json", "-c", "-s", "--run-dir"},
        "solve": stage
        | {
            "problems",
            "-o",
            "--adapters",
            "--budget",
            "--greedy",
            "--report",
            "--shard",
            "--any-template",
        },
        "benchmark": stage
        | {
            "protocol",
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
            "--shard",
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
        "export": {"--trl", "-c", "-s", "--run-dir"},
        "grade": {"answers", "-o", "--force"},
        "serve": {
            "--adapters",
            "--host",
            "--port",
            "--token-env",
            "--queue",
            "--unchecked",
            "-c",
            "-s",
            "--run-dir",
        },
        "chat": {"--model", "--url", "--token-env", "-c", "-s", "--run-dir"},
        "ask": {"question", "--model", "--url", "--token-env", "-c", "-s", "--run-dir"},
        "adapters": set(),
        "show": {"run", "--json", "-c", "-s"},
        "track": set(),
        "board": {"runs", "--host", "--port", "--token-env", "--server", "--export"},
        "preview": {"number", "-c", "-s"},
        "init": {"path", "--data"},
        "doctor": set(),
    }
    assert {p.opts[0] for p in typer.main.get_command(app).params} - {"--help"} == {"--version"}
    found = {
        name: {p.opts[0] for p in command.params} - {"--help"}
        for name, command in typer.main.get_command(app).commands.items()
    }
    assert found == expected


def test_the_options_of_koalign_track_are_frozen():
    commands = typer.main.get_command(app).commands["track"].commands
    options = {name: {p.opts[0] for p in command.params} for name, command in commands.items()}
    assert options == {"push": {"run", "--to", "-c", "-s"}}


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
