"""engine.backend: ray gives the bytes of the engine that its actors hold; what dies is drawn again."""

import importlib.util
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from support.command import ROOT, RUN, koalign
from support.kills import content, kill_when, lines_in, run_and_its_samples
from support.problems import exam
from support.training import MODEL, RENDERER, base_of_tests, trained_adapter

from koalign.adapters.cards import adapter_id
from koalign.answering.solving import Solver
from koalign.config.engine import Engine, Ray
from koalign.config.inputs import Sampling
from koalign.config.sections import Solve
from koalign.engines.drawing import draw, requests_for
from koalign.engines.engine import Question
from koalign.engines.opening import open_engine
from koalign.engines.ray_cluster import files_of, standing
from koalign.records import KoalignError

pytestmark = pytest.mark.slow

WARM = Sampling(temperature=1, top_p=0.9, max_tokens=12)
HELD = "ray::_Holder"
"""What the processes of actors are called."""


@pytest.fixture(scope="module")
def adapters(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("adapters")
    return [trained_adapter(folder / str(rank), rank=rank, seed=rank) for rank in (4, 12)]


def ray_command() -> str:
    """Ray's own command."""
    return str(Path(sys.executable).with_name("ray"))


@contextmanager
def node(*options: str, hidden: tuple[Path, Path] | None = None) -> Iterator[None]:
    """A machine of a cluster; where it stands, one path shows another (in a mount namespace of its own)."""
    line = [
        ray_command(), "start", "--block", "--num-cpus=4",
        "--node-ip-address=127.0.0.1", "--object-store-memory=100000000", *options,
    ]  # fmt: skip
    if hidden:
        script = f"mount --bind '{hidden[1]}' '{hidden[0]}' && exec {shlex.join(line)}"
        line = ["unshare", "--map-root-user", "--mount", "bash", "-c", script]
    for _ in range(3):  # Ray gives its processes thirty seconds, which is little on a busy machine
        process = subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=os.environ | {"RAY_worker_niceness": "0", "RAY_AUTH_MODE": "token"},
        )  # fmt: skip
        if any("Ray runtime started" in line for line in iter(process.stdout.readline, "")):
            break
        process.wait()
    else:
        pytest.fail("Ray did not start")
    yield
    process.send_signal(signal.SIGTERM)
    process.wait()


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster that other commands have not started."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    head = ["--head", f"--port={port}", "--include-dashboard=false", "--disable-usage-stats"]
    subprocess.run([ray_command(), "get-auth-token", "--generate"], capture_output=True, check=True)
    with node(*head):
        yield f"127.0.0.1:{port}"


def made(section: Engine, adapters: list[Path], folder: Path) -> tuple[dict[str, bytes], object]:
    """Files of samples and of attempts, and scores."""
    folder.mkdir()
    problems = exam("dev")[:40]
    prompts = [RENDERER.render(problem, "answer") for problem in problems]
    with open_engine(section, MODEL, base_of_tests(), adapters) as engine:
        requests = [
            replace(request, n=2)
            for adapter in (None, *adapters)
            for request in requests_for(engine, prompts, adapter)
        ]
        draw(engine, requests, WARM, folder / "samples.jsonl", title="samples")
        section = Solve(hints=2, answers=1, bare=1, max_tokens=12)
        solver = Solver(engine, section, RENDERER, adapters, 0)
        list(solver.attempts(problems[:12], folder / "attempts.jsonl"))
        questions = [Question(r.prompt_ids, ((5,), (6, 7)), r.adapter) for r in requests]
        scores = sorted(engine.score(questions))
    return content(folder), scores


def test_two_actors_give_the_bytes_of_one_engine(adapters, tmp_path):
    """On a cluster of this machine that is gone afterwards; prompts, hints, answers and scores."""
    alone = made(Engine(backend="hf", batch_size=16), adapters, tmp_path / "hf")
    section = Engine(backend="ray", batch_size=16, ray=Ray(engine="hf", actors=2))
    assert made(section, adapters, tmp_path / "ray") == alone
    assert not [p for p in psutil.Process().children(recursive=True) if HELD in p.name()]


@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed")
def test_two_actors_with_vllm_give_its_bytes(adapters, tmp_path):
    alone = made(Engine(backend="vllm"), adapters, tmp_path / "vllm")
    section = Engine(backend="ray", ray=Ray(engine="vllm", actors=2))
    assert made(section, adapters, tmp_path / "ray") == alone


def test_a_killed_driver_and_a_killed_actor_lose_nothing(cluster, tmp_path):
    folder, whole = run_and_its_samples(tmp_path)
    spread = {"backend": "ray", "ray.engine": "hf", "ray.address": cluster, "ray.actors": 2}
    command = ["dpo-pairs", *(x for k, v in spread.items() for x in ("-s", f"engine.{k}={v}"))]
    written = lines_in(f"{RUN}/samples/samples.jsonl")
    kill_when(command, folder, lambda: written(folder) >= 16)
    before = written(folder)
    assert 0 < before < 192
    killed = threading.Thread(target=kill_an_actor, args=(lambda: written(folder) > before,))
    killed.start()
    done = koalign(*command, cwd=folder, code=0)
    killed.join()
    assert "ray lost an actor; another does its work again" in done.stderr
    for name in ("samples", "pairs"):
        ours, theirs = (content(place / RUN / name) for place in (folder, whole))
        assert ours | {"manifest.json": b""} == theirs | {"manifest.json": b""}


def kill_an_actor(ready) -> None:
    until = time.monotonic() + 300
    while time.monotonic() < until:
        if ready():
            for process in psutil.process_iter(["name"]):
                if process.info["name"].startswith(f"{HELD}.run"):
                    process.kill()
                    return
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("127.0.0.1:9", "no cluster answers at 127.0.0.1:9 ([Errno 111] Connection refused)"),
        ("ray://127.0.0.1:9", "no cluster answers at ray://127.0.0.1:9"),
        ("no.such.host.invalid:6379", "no cluster answers at no.such.host.invalid:6379"),
        ("127.0.0.1", "no cluster answers at 127.0.0.1 (invalid literal"),
        ("127.0.0.1:port", "no cluster answers"),
        ("127.0.0.1:99999", "no cluster answers"),
    ],
)  # fmt: skip
def test_a_cluster_that_does_not_answer_is_one_line(address, says):
    section = Engine(backend="ray", ray=Ray(address=address))
    with pytest.raises(KoalignError) as refused:
        open_engine(section, MODEL, base_of_tests(), [])
    assert str(refused.value).startswith(f"engine.ray.address: {says}".partition(" (")[0])
    assert "\n" not in str(refused.value) and "`ray start --head`" in str(refused.value)


def test_without_ray_the_extra_is_named(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == "ray" else found(n))
    with pytest.raises(KoalignError, match=r"ray is not installed; pip install 'koalign\[ray\]'"):
        open_engine(Engine(backend="ray"), MODEL, base_of_tests(), [])


def test_more_actors_than_the_cluster_has_room_for_are_refused(cluster):
    section = Engine(backend="ray", ray=Ray(engine="hf", address=cluster, actors=5))
    with (
        open_engine(section, MODEL, base_of_tests(), []) as engine,
        pytest.raises(KoalignError, match="actors: 5 need 5 cores, and the cluster has 4"),
    ):
        engine.generate(requests_for(engine, [], None), WARM, seed=0)
        list(engine.each(lambda *_: None, [1]))


@pytest.mark.parametrize(
    ("hidden", "says"),
    [
        ("koalign/records.py", "has another koalign"),
        ("koalign/assets/tiny-ko", "lacks the base: "),
    ],
)
def test_a_machine_with_another_koalign_or_without_the_base_is_named(
    cluster, tmp_path, hidden, says
):
    place, other = ROOT / hidden, tmp_path / "other"
    if place.is_dir():
        other.mkdir()
    else:
        other.write_text(place.read_text("utf-8") + "# another\n", "utf-8")
    section = Engine(backend="ray", ray=Ray(engine="hf", address=cluster, actors=1))
    with (
        node(f"--address={cluster}", hidden=(place, other)),
        open_engine(section, MODEL, base_of_tests(), []) as engine,
        pytest.raises(KoalignError) as refused,
    ):
        list(engine.each(lambda *_: None, [1]))
    assert re.match(rf"engine.backend: ray: the machine [\d.]+ {says}", str(refused.value))
    assert "\n" not in str(refused.value)


def test_an_adapter_stands_where_it_is_or_is_made_of_its_files(adapters, tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    folder, name = adapters[0], adapter_id(adapters[0])
    assert standing(folder, name, {}) == folder
    for _ in range(2):
        made = standing(tmp_path / "elsewhere", name, files_of(folder))
        assert made == tmp_path / ".cache/koalign/adapters" / name
        assert adapter_id(made) == name
    assert standing(adapters[1], name, {}) == made  # another adapter stands in its place there
    (made / "adapter_config.json").write_text("{}")
    with pytest.raises(KoalignError, match="is not the adapter"):
        standing(tmp_path / "elsewhere", name, {})
