"""The files of configs/cluster are read by bash and YAML, and start commands that exist."""

import re
import subprocess

import pytest
import typer
import yaml
from support.command import ROOT

from koalign.cli.app import app
from koalign.config.files import load_config

FILES = sorted((ROOT / "configs" / "cluster").iterdir())
SCRIPTS = [
    script
    for path in FILES
    for script in (
        [path.read_text("utf-8")]
        if path.suffix == ".sh"
        else [
            block
            for block in yaml.safe_load(path.read_text("utf-8")).values()
            if isinstance(block, str) and "\n" in block
        ]
    )
]


def test_there_is_one_for_each_way():
    assert [path.name for path in FILES] == [
        "ray-cluster.yaml", "ray-start.sh", "skypilot.yaml", "slurm-ray.sh", "slurm-shards.sh",
        "slurm-train.sh",
    ]  # fmt: skip


@pytest.mark.parametrize("script", SCRIPTS, ids=range(len(SCRIPTS)))
def test_bash_reads_each_script(script):
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_names_commands_options_and_keys_that_exist(path):
    text = path.read_text("utf-8").replace("\\\n", " ")
    commands = typer.main.get_command(app).commands
    settings = re.findall(r"-s ([a-z._]+)=(\S+)", text)
    filled = {"engine": "10.0.0.5:6379", "training": "4"}
    load_config(
        [],
        [f"{k}={filled[k.partition('.')[0]] if '$' in value else value}" for k, value in settings],
    )
    for name, rest in re.findall(r"koalign ([a-z][a-z-]+)([^\n]*)", text):
        assert name in commands, name
        known = {option for p in commands[name].params for option in p.opts}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", rest)) <= known
