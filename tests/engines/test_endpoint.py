"""A real OpenAI-compatible server as an engine: the same greedy answers, and errors that say what to do."""

import importlib.util
import os
import socket
import subprocess
import sys
import time

import pytest
from openai import OpenAI, OpenAIError
from support.command import koalign
from support.problems import exam
from support.training import MODEL, RENDERER

from koalign.adapters.base import base_folder, load_tokenizer
from koalign.config.engine import Engine
from koalign.config.inputs import Model, Sampling
from koalign.config.teacher import Teacher
from koalign.data.prompting.tokens import prompt_ids
from koalign.engines.drawing import requests_for
from koalign.engines.engine import Question
from koalign.engines.opening import describe_base, open_engine
from koalign.engines.teacher import ask_teacher
from koalign.mining.distilling.teacher_calls import Call, most_tokens
from koalign.records import KoalignError, Message

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not importlib.util.find_spec("vllm"), reason="vLLM is not installed"),
]
GREEDY = Sampling(temperature=0, top_p=1, max_tokens=24)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """vLLM's own server on the CPU, with the built-in model."""
    port = free_port()
    log = (tmp_path_factory.mktemp("server") / "log").open("w")
    process = subprocess.Popen(
        [
            sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--host", "127.0.0.1",
            "--port", str(port), "--model", str(base_folder(MODEL)), "--served-model-name", "tiny",
            "--enforce-eager", "--dtype", "float32",
        ],
        stdout=log, stderr=log, env={**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1"},
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}/v1"
    try:
        for _ in range(300):
            assert process.poll() is None, "the server ended"
            try:
                OpenAI(base_url=url, api_key="none", max_retries=0).models.list()
                break
            except OpenAIError:
                time.sleep(1)
        yield url
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize("chat", [True, False], ids=["chat", "continued"])
def test_an_endpoint_answers_what_the_engine_answers_from_the_weights(server, chat):
    asked = [RENDERER.render(problem, "answer") for problem in exam("dev")[:6]]
    if not chat:  # the same words as a text to go on with
        texts = ["\n".join(message.text for message in one.messages) + "\n" for one in asked]
        asked = [
            one.model_copy(update={"chat": False, "messages": (Message(role="user", text=text),)})
            for one, text in zip(asked, texts, strict=True)
        ]
    found = {}
    for model in (Model(path=server), MODEL):
        base, _ = describe_base(Engine(backend="hf"), model)
        with open_engine(Engine(backend="hf"), model, base, [None]) as engine:
            drawn = engine.generate(requests_for(engine, asked, None), GREEDY, seed=0, stop=("번",))
        found[model.path] = [(one.text, one.finish_reason) for (one,) in drawn]
    assert found[server] == found[MODEL.path]
    assert any(text for text, _ in found[server])


def test_a_model_that_is_not_served_is_refused_with_those_that_are(server):
    with pytest.raises(KoalignError, match="serves no 'other', but tiny"):
        describe_base(Engine(), Model(path=f"{server}#other"))


def test_an_endpoint_scores_no_candidates(server):
    base, _ = describe_base(Engine(), Model(path=server))
    with (
        open_engine(Engine(), Model(path=server), base, [None]) as engine,
        pytest.raises(KoalignError, match="--mode generate"),
    ):
        list(engine.score([Question((1,), ((2,),))]))


def teacher_calls(count: int) -> list[Call]:
    """Two draws for each problem."""
    return [
        Call(problem_id=one.problem_id, messages=one.messages, index=index, purpose="rationale")
        for one in (RENDERER.render(problem, "answer") for problem in exam("dev")[:count])
        for index in range(2)
    ]


def test_a_teacher_behind_vllm_writes_what_the_engine_writes_and_is_asked_once(server, tmp_path):
    section = Teacher(url=server, temperature=0, top_p=1, max_tokens=24, price_in=1, price_out=1)
    asked = teacher_calls(6)
    first = ask_teacher(section, asked, tmp_path / "log.jsonl", title="test")
    base, _ = describe_base(Engine(backend="hf"), MODEL)
    prompts = [RENDERER.render(problem, "answer") for problem in exam("dev")[:6]]
    with open_engine(Engine(backend="hf"), MODEL, base, [None]) as engine:
        drawn = engine.generate(requests_for(engine, prompts, None), GREEDY, seed=0)
    expected = [(one.text, one.finish_reason) for (one,) in drawn for _ in range(2)]
    assert [(reply.text, reply.finish_reason) for reply in first.replies] == expected
    read = [len(ids) for ids in prompt_ids(load_tokenizer(MODEL), prompts) for _ in range(2)]
    assert [reply.prompt_tokens for reply in first.replies] == read
    assert first.cost == (sum(read) + first.completion_tokens) / 1e6 and not first.unknown
    assert all(
        most_tokens(call) > reply.prompt_tokens
        for call, reply in zip(asked, first.replies, strict=True)
    )
    again = ask_teacher(section, asked, tmp_path / "log.jsonl", title="test")
    assert again.replies == first.replies and again.from_log == 12 and again.cost == first.cost


def test_a_teacher_draws_the_same_from_the_same_seed_and_otherwise_not(server, tmp_path):
    section = Teacher(
        url=server, temperature=1, max_tokens=24, max_tokens_key="max_completion_tokens"
    )
    drawn = [
        [reply.text for reply in ask_teacher(part, teacher_calls(4), log, title="test").replies]
        for part, log in (
            (section, tmp_path / "a.jsonl"),
            (section.model_copy(update={"concurrency": 1}), tmp_path / "b.jsonl"),
            (section.model_copy(update={"seed": 1}), tmp_path / "c.jsonl"),
        )
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert any(one != other for one, other in zip(drawn[0][::2], drawn[0][1::2], strict=True))


def test_a_teacher_says_what_the_server_does_not_serve_and_what_does_not_fit(server, tmp_path):
    with pytest.raises(KoalignError, match=r"HTTP 404: .*look at teacher.url"):
        other = Teacher(url=server, model="other")
        ask_teacher(other, teacher_calls(1), tmp_path / "a.jsonl", title="test")
    messages = (Message(role="user", text="긴 글 " * 50_000),)
    long = Call(problem_id="p", messages=messages, purpose="hint")
    result = ask_teacher(
        Teacher(url=server, max_tokens=24),
        [long, *teacher_calls(1)],
        tmp_path / "b.jsonl",
        title="test",
    )
    assert [reply is None for reply in result.replies] == [True, False, False]
    assert result.failures[0].status == 400 and result.failures[0].tries == 1


def test_a_server_that_is_not_there_is_one_line_that_says_so(folder):
    url = f"http://127.0.0.1:{free_port()}/v1"
    done = koalign("benchmark", "quote-then-number", "--model", url, "--data", "x", code=2)
    assert "Traceback" not in done.stderr
    assert url in done.stderr and "is a server up" in done.stderr
