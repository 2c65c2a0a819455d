"""Several nodes: which is this, what is refused in one line, and a training of two is that of one."""

import os
import shutil
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from support.command import KOALIGN, RUN, koalign, koalign_process
from support.kills import content, small_run

from koalign.config.training import Training
from koalign.hashing import WORK
from koalign.nodes import first_host, node_here
from koalign.records import KoalignError
from koalign.training import follow
from koalign.training.checkpoints import WHOLE
from koalign.training.launch import _free_port

TWO = Training(nodes=2, processes=4)
SLURM = {"SLURM_NNODES": "2", "SLURM_NODEID": "1", "SLURM_JOB_NODELIST": "gpu[03-05,09],login"}
TORCHRUN = {
    "RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "MASTER_ADDR": "a", "MASTER_PORT": "1234",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
}  # fmt: skip


def test_one_node_needs_no_variables():
    assert node_here(Training(processes=4), {}) is None
    assert node_here(Training(), SLURM) is None  # of the job that a single koalign runs in
    assert node_here(Training(), {"RANK": "0", "WORLD_SIZE": "1"}) is None
    assert node_here(Training(), {"WORLD_SIZE": "4"}) is None  # no launcher sets it alone


@pytest.mark.parametrize(
    "variables, expected",
    [
        (SLURM, (1, 2, "gpu03", 29500, 4, None, False)),
        ({**SLURM, "MASTER_ADDR": "b", "MASTER_PORT": "77"}, (1, 2, "b", 77, 4, None, False)),
        ({"NODE_RANK": "0", "MASTER_ADDR": "c"}, (0, 2, "c", 29500, 4, None, False)),
        (TORCHRUN, (5, 8, "a", 1234, 1, 1, True)),
        ({**TORCHRUN, "LOCAL_WORLD_SIZE": "4"}, (5, 8, "a", 1234, 1, 1, True)),
        ({"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "pod-0"}, (1, 2, "pod-0", 29500, 4, None, False)),
    ],
    ids=["slurm", "slurm, own address", "by hand", "torchrun", "torchrun, all", "kubernetes"],
)  # fmt: skip
def test_a_node_is_known_by_the_usual_variables(variables, expected):
    node = node_here(TWO, variables)
    fields = (
        node.number,
        node.count,
        node.address,
        node.port,
        node.processes,
        node.card,
        node.hosted,
    )
    assert fields == expected


@pytest.mark.parametrize(
    "training, variables, words",
    [
        (TWO, {}, "this node lacks NODE_RANK and MASTER_ADDR; start koalign on every node"),
        (TWO, {"NODE_RANK": "1"}, "this node lacks MASTER_ADDR; start"),
        (
            TWO,
            {"NODE_RANK": "2", "MASTER_ADDR": "a"},
            "this is node 2 of 2; nodes are counted from 0",
        ),
        (TWO, {"NODE_RANK": "one", "MASTER_ADDR": "a"}, "NODE_RANK is 'one'"),
        (TWO, {"NODE_RANK": "0", "MASTER_ADDR": "a", "MASTER_PORT": "x"}, "MASTER_PORT is 'x'"),
        (TWO, {**SLURM, "SLURM_NNODES": "4"}, "SLURM started 4 tasks on 4 nodes"),
        (TWO, {**SLURM, "SLURM_STEP_NUM_TASKS": "16"}, "--nodes=2 --ntasks-per-node=1 koalign"),
        (TWO, {**SLURM, "SLURM_JOB_NODELIST": ""}, "names no host; set MASTER_ADDR"),
        (TWO, {**TORCHRUN, "WORLD_SIZE": "16"}, "koalign was started 16 times"),
        (TWO, {"RANK": "0", "WORLD_SIZE": "8"}, "MASTER_ADDR is not; set it"),
        (
            Training(nodes=8, processes=4),  # on one machine, and not on eight
            {**TORCHRUN, "LOCAL_WORLD_SIZE": "8"},
            "koalign was started 8 times",
        ),
        (Training(), TORCHRUN, "training.nodes × training.processes is 1 × 1"),
    ],
)
def test_a_node_that_cannot_be_is_refused_in_one_line(training, variables, words):
    with pytest.raises(KoalignError) as raised:
        node_here(training, variables)
    assert words in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "nodes, host",
    [
        ("gpu[03-05,09],login", "gpu03"), ("node1,node2", "node1"), ("node7", "node7"), ("a-b[1,3]", "a-b1"),
        ("c[001-128]", "c001"), ("r[1-2]n[03,07]-ib,login", "r1n03-ib"), ("gpu[1-4].site,x", "gpu1.site"),
    ],
)  # fmt: skip
def test_the_first_host_of_slurms_list(nodes, host):
    assert first_host(nodes) == host


def test_eight_processes_of_one_machine_are_no_eight_nodes():
    node = node_here(Training(nodes=8), {**TORCHRUN, "LOCAL_WORLD_SIZE": "8"})
    assert (node.processes, node.card) == (1, 1)


def test_each_process_has_a_card_of_its_own_or_is_refused():
    node = node_here(TWO, {**TORCHRUN, "LOCAL_RANK": "2"})
    assert node.own_card(["4", "5", "6"]) == "6"
    assert node.own_card(["GPU-3f"]) == "GPU-3f"  # SLURM's --gpus-per-task shows each its own
    with pytest.raises(KoalignError, match="LOCAL_RANK is 2, and 2 GPUs can be seen"):
        node.own_card(["0", "1"])


def test_a_first_node_that_does_not_come_ends_the_others_in_one_line(monkeypatch):
    monkeypatch.setattr(follow, "REACH", timedelta(seconds=1))
    monkeypatch.setattr(follow, "MEET_S", 0)
    node = node_here(
        TWO, {"NODE_RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())}
    )
    with pytest.raises(KoalignError, match="node 2 of 2: no first node at") as raised:
        follow.follow(node)
    assert "\n" not in str(raised.value)


def test_a_command_on_a_node_without_variables_is_one_line(tmp_path):
    small_run(tmp_path, {}, data={"train": "builtin:exam"})
    refused = koalign("sft", "-s", "training.nodes=2", cwd=tmp_path, code=2)
    assert len(refused.stderr.splitlines()) == 1 and "start koalign on every node" in refused.stderr


def start(folder: Path, number: int, port: int) -> subprocess.Popen:
    node = {"NODE_RANK": str(number), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    settings = ("-s", "training.nodes=2", "-s", "training.processes=1")
    return subprocess.Popen(
        [*KOALIGN, "sft", *settings], cwd=folder, env={**os.environ, **node}, text=True, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


@pytest.mark.slow
def test_a_training_of_two_nodes_is_that_of_two_processes(tmp_path):
    """Both on this machine. The process of the second is killed, both say so, and the same commands go on."""
    settings = {"batch_size": 8, "gradient_accumulation_steps": 1, "save_steps": 1, "epochs": 3}
    whole = small_run(
        tmp_path / "whole", {"train": 64}, sft=settings,
        training={"processes": 2, "shard": "fsdp", "row_tokens": 256},
    )  # fmt: skip
    shutil.copytree(whole, tmp_path / "nodes")
    done = koalign_process("sft", cwd=whole)
    assert done.returncode == 0, done.stderr
    port = _free_port()
    nodes = [start(tmp_path / "nodes", number, port) for number in (1, 0)]
    until = time.monotonic() + 400
    while not list((tmp_path / "nodes" / RUN / "sft" / WORK).glob(f"checkpoint-*/{WHOLE}")):
        assert time.monotonic() < until and all(node.poll() is None for node in nodes)
        time.sleep(0.05)
    psutil.Process(nodes[0].pid).children()[0].kill()
    killed = time.monotonic()
    said = [node.communicate(timeout=60)[0] for node in nodes]
    assert time.monotonic() - killed < 20 and [node.returncode for node in nodes] == [2, 2], said
    for lines in said:
        assert lines.count("process 2 of 2 ended without an error (SIGKILL)") == 1
        assert "Traceback" not in lines
    nodes = [start(tmp_path / "nodes", number, port) for number in (1, 0)]
    said = [node.communicate(timeout=400)[0] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], said
    assert f"node 2 of 2: joins the trainings of 127.0.0.1:{port}" in said[0]
    assert "policy = base + sft" not in said[0] and said[1].count("policy = base + sft") == 1
    of_nodes, of_one = (folder / RUN / "sft/adapter" for folder in (tmp_path / "nodes", whole))
    assert content(of_nodes) == content(of_one)
