"""A server gets prompts and keys only if a person says so; then no other server gets them."""

import json
import os
import pty
import subprocess
import sys

import pytest
from support.command import koalign
from support.faulty_server import Server, completion, faulty_server
from support.problems import exam
from support.refusals import refused
from support.servers import allow
from support.teachers import ask, calls, faulty
from support.training import RENDERER

from koalign.config.engine import Engine
from koalign.config.files import load_config
from koalign.config.inputs import Model, Sampling
from koalign.engines.drawing import requests_for
from koalign.engines.opening import describe_base, open_engine
from koalign.engines.permission import require_permission, servers_file
from koalign.records import KoalignError

pytest.importorskip("openai")
KEY = "sk-0123456789abcdefghij"


@pytest.fixture
def server():
    with faulty_server(Server()) as running:
        yield running


@pytest.fixture(autouse=True)
def own_list(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def answers(server: Server) -> list[str]:
    model = Model(path=f"{server.url}#teacher-1")
    base, _ = describe_base(Engine(), model)
    prompts = [RENDERER.render(problem, "answer") for problem in exam("dev")[:2]]
    with open_engine(Engine(), model, base, [None]) as engine:
        drawn = engine.generate(requests_for(engine, prompts, None), Sampling(), seed=0)
        return [sample.text for (sample,) in drawn]


def test_a_server_on_this_machine_is_asked_about_only_where_a_key_is_sent(server, monkeypatch):
    assert len(answers(server)) == 2
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    arrived = len(server.arrivals)
    line = f"{server.url} OPENAI_API_KEY"
    with refused("the key in OPENAI_API_KEY", f"add the line `{line}` to {servers_file()}"):
        answers(server)
    assert len(server.arrivals) == arrived
    allow(server.url)
    assert len(answers(server)) == 2
    assert server.arrivals[-1].headers["authorization"] == f"Bearer {KEY}"


def test_a_config_cannot_send_another_variable_or_to_another_address(server, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    allow(server.url)
    allow(server.url.replace("127.0.0.1", "localhost"), "AWS_SECRET_ACCESS_KEY")
    with refused("the key in AWS_SECRET_ACCESS_KEY", "nobody has allowed that"):
        ask(server, calls(1), tmp_path / "log.jsonl", key_env="AWS_SECRET_ACCESS_KEY")
    assert not server.arrivals


@pytest.mark.parametrize("url", [
    "https://api.example/v1", "http://localhost.example/v1", "http://127.0.0.1.example/v1", "http://10.0.0.1/v1",
    "http://[::2]/v1", "http://0x7f.example:80",
])  # fmt: skip
def test_a_server_elsewhere_gets_nothing_without_a_yes(url):
    with refused("would get the prompts of this run", f"`{url} -`"):
        describe_base(Engine(), Model(path=f"{url}#m"))
    allow(url, "-")
    require_permission(url, "OPENAI_API_KEY", "")
    with pytest.raises(KoalignError):
        require_permission(url, "OPENAI_API_KEY", KEY)


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("예", 0), ("n", 2), ("", 2), ("\x04", 2)])
def test_a_terminal_is_asked_once(answer, code, server, tmp_path):
    command = (
        "from koalign.engines.permission import require_permission as r; from koalign.records import "
        f"KoalignError\ntry: r('{server.url}', 'MY_KEY', 'k')\nexcept KoalignError: raise SystemExit(2)"
    )

    def run() -> tuple[int, bytes]:
        outer, inner = pty.openpty()
        running = subprocess.Popen(
            [sys.executable, "-c", command], stdin=inner, stdout=inner, stderr=inner, env=os.environ
        )
        os.close(inner)
        os.write(outer, f"{answer}\n".encode())
        running.wait(60)
        said = os.read(outer, 4096) if running.returncode is not None else b""
        os.close(outer)
        return running.returncode, said

    first = run()
    assert first[0] == code and b"the key in MY_KEY. Allow that from now on?" in first[1]
    allowed = servers_file().read_text("utf-8") if servers_file().exists() else ""
    assert allowed == (f"{server.url} MY_KEY\n" if code == 0 else "")
    if code == 0:
        second = subprocess.run(
            [sys.executable, "-c", command], env=os.environ, capture_output=True
        )
        assert (second.returncode, second.stderr) == (0, b"")


# Redirects and what a reply may be


def test_a_redirect_to_another_server_is_refused_and_that_server_gets_nothing(server, tmp_path):
    with faulty_server(Server()) as other:
        server.fault = faulty(f"send_on:{other.url}/chat/completions")
        with refused("HTTP 307", other.url.split("/")[2], "another server, which gets nothing"):
            answers(server)
        with refused("another server, which gets nothing"):
            ask(server, calls(2), tmp_path / "log.jsonl")
        assert not other.arrivals and len(server.arrivals) <= 4


@pytest.mark.parametrize("target", ["//evil.example/v1", "https://127.0.0.1/v1", "http://[", "file:///etc/passwd", "http://127.0.0.1:1/"])  # fmt: skip
def test_every_way_to_another_server_is_refused(target, server):
    server.fault = faulty(f"send_on:{target}")
    with refused("another server, which gets nothing"):
        answers(server)


def test_a_redirect_on_the_same_server_is_followed(server, tmp_path):
    server.fault = faulty("send_on:")
    assert len(answers(server)) == 2
    assert all(ask(server, calls(2), tmp_path / "log.jsonl").replies)


@pytest.mark.parametrize("fault", ["flood:64", "packed:500"])
def test_a_giant_reply_is_cut_and_refused(fault, server, tmp_path):
    server.fault = faulty(fault)
    with refused("the reply is larger than 32 MB"):
        answers(server)
    (failure,) = ask(server, calls(1), tmp_path / "log.jsonl").failures
    assert failure.error == "the reply is larger than 32 MB"


def test_a_packed_reply_is_read(server, tmp_path):
    server.fault = faulty("packed:")
    assert answers(server) == ["정답: 3"] * 2
    assert ask(server, calls(1), tmp_path / "log.jsonl").replies[0].text == "정답: 3"


def test_a_reply_that_trickles_without_end_is_given_up(server, monkeypatch):
    monkeypatch.setattr("koalign.engines.endpoint.TIMEOUT", 1.0)
    monkeypatch.setattr("koalign.engines.endpoint.RETRIES", 0)
    server.fault = faulty("trickle:30")
    with refused("no whole answer within 1 s"):
        answers(server)


def test_a_reply_that_holds_the_key_is_kept_nowhere(server, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    allow(server.url)
    server.fault = faulty("echo")
    with refused("the reply holds the key"):
        answers(server)
    server.fault, server.models = faulty("none"), (KEY,)
    with refused("serves no 'teacher-1', but ***"):
        answers(server)


@pytest.mark.parametrize("tokens", ["1" + 12 * "0", "1" + 4000 * "0", "-5", "1e400"])
def test_a_usage_beyond_reason_is_none_and_the_rerun_reads_its_log(tokens, server, tmp_path):
    body = json.dumps({**completion({"model": "m"}, "정답: 3"), "usage": "HERE"})
    counts = f'{{"prompt_tokens": {tokens}, "completion_tokens": 1}}'
    server.fault = faulty("raw:" + body.replace('"HERE"', counts))
    for _ in range(2):
        result = ask(server, calls(1), tmp_path / "log.jsonl", price_in=1, price_out=1)
        assert result.replies[0].text == "정답: 3" and result.unknown == 1 and result.cost == 0


# Secrets in an address

SECRETS = [
    f"http://user:{KEY}@127.0.0.1:1/v1#m", f"http://127.0.0.1:1/v1?api_key={KEY}#m", f"HTTP://u:{KEY}@h/v1",
    f"https://h/v1#m?key={KEY}", f"ftp://u:{KEY}@h/v1", f"http:///v1?{KEY}", f"http://h:{KEY}/v1", f"//http://{KEY}@h",
]  # fmt: skip


@pytest.mark.parametrize("address", SECRETS)
def test_an_address_with_a_secret_is_refused_and_not_repeated(address, folder):
    for command in (
        ["benchmark", "csat", "--model", address],
        ["prepare", "-s", f"model.path={address}"],
        ["prepare", "-s", f"model={{path: '{address}'}}"],
        ["prepare", "-s", f"teacher.url={address}"],
    ):
        done = koalign(*command, code=2)
        assert KEY not in done.stdout + done.stderr and len(done.stderr.splitlines()) == 1
    (folder / "koalign.yaml").write_text(
        f"model: {{path: '{address}'}}\ndata: {{train: t}}\n", "utf-8"
    )
    done = koalign("prepare", code=2)
    assert KEY not in done.stderr and "koalign.yaml:1: model.path" in done.stderr
    assert os.listdir(folder) == ["koalign.yaml"]


def test_plain_addresses_are_taken():
    for address in ("http://127.0.0.1:8000/v1#Qwen/Qwen3-8B", "https://api.openai.com/v1"):
        assert load_config([], [f"model.path={address}"]).model.path == address
