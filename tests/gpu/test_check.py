"""The GPU check, as a dry run without a GPU: rows of what works, and the error of what does not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def check(out, *pieces, **env):
    command = [
        sys.executable,
        "benchmarks/gpu/check.py",
        "--device",
        "cpu",
        "--tiny",
        "--minutes",
        "8",
    ]
    done = subprocess.run(
        [*command, "--out", str(out), "--pieces", *pieces],
        cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    report = json.loads((out / "results.json").read_text("utf-8"))
    assert report["dry_run"] and "A dry run" in done.stdout
    return report["rows"], done.stdout


def test_a_dry_run_gives_a_row_for_each_measurement(tmp_path):
    rows, table = check(tmp_path, "attention", "steps-0.6b")
    assert not [row for row in rows if "error" in row]
    steps = [row for row in rows if row["piece"] == "steps-0.6b"]
    assert len(steps) == 4 and len(rows) == 8
    for row in steps:  # the same model and data on both sides
        assert abs(row["losses"]["koalign"] - row["losses"]["trl"]) < 5e-3
    assert all(f"| {row['row']} |" in table for row in rows)


def test_a_piece_that_fails_says_so_and_the_others_go_on(tmp_path):
    (tmp_path / "trl.py").write_text(
        "raise ImportError('no trl on this machine')", encoding="utf-8"
    )
    rows, table = check(tmp_path, "nf4", "attention", PYTHONPATH=str(tmp_path))
    errors = {row["piece"]: row.get("error") for row in rows}
    assert errors == {"attention": None, "nf4": "ImportError: no trl on this machine"}
    assert "no trl on this machine" in table


@pytest.mark.parametrize(
    "arguments, refusal",
    [
        ([], "no NVIDIA GPU here; a dry run: --device cpu --tiny\n"),
        (["--device", "cpu", "--out", "file/out"], "Not a directory; take another folder\n"),
    ],
)
def test_what_cannot_be_measured_is_one_line_and_code_2(tmp_path, arguments, refusal):
    """Also where nvidia-smi ends well without a card."""
    (tmp_path / "file").touch()
    smi = tmp_path / "nvidia-smi"
    smi.write_text("#!/bin/sh\necho No devices were found\n", "utf-8")
    smi.chmod(0o755)
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks/gpu/check.py", *arguments], cwd=tmp_path,
        env={**os.environ, "PATH": f"{tmp_path}:/usr/bin:/bin", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr.endswith(refusal)
    assert done.stderr.count("\n") == 1
