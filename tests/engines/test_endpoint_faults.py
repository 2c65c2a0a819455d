"""A server that answers otherwise than OpenAI's: read where it can be, else one line that says what to do."""

import pytest
from support.command import koalign
from support.faulty_server import Server, faulty_server
from support.problems import exam, problem, write_lines
from support.refusals import refused
from support.teachers import ask, calls
from support.training import RENDERER

from koalign.config.engine import Engine
from koalign.config.inputs import Model, Sampling
from koalign.engines.drawing import requests_for
from koalign.engines.opening import describe_base, open_engine
from koalign.jsonl import read_json

pytest.importorskip("openai")
pytestmark = pytest.mark.usefixtures("short_waits")


@pytest.fixture
def server():
    with faulty_server(Server()) as running:
        yield running


def texts(server: Server, chat: bool = True) -> list[tuple[str, str]]:
    """Text and finish reason of an answer to each of three problems."""
    model = Model(path=f"{server.url}#teacher-1")
    base, _ = describe_base(Engine(), model)
    prompts = [RENDERER.render(problem, "answer") for problem in exam("dev")[:3]]
    if not chat:
        one_turn = {"chat": False, "messages": prompts[0].messages[-1:]}
        prompts = [prompt.model_copy(update=one_turn) for prompt in prompts]
    with open_engine(Engine(), model, base, [None]) as engine:
        drawn = engine.generate(requests_for(engine, prompts, None), Sampling(), seed=0)
        return [(sample.text, sample.finish_reason) for (sample,) in drawn]


NO_REPLY = {
    'with_:{"choices": null}': "not a completion (choices",
    'with_:{"choices": []}': "not a completion (choices",
    'raw:{"error": {"message": "overloaded"}}': "overloaded",
    'raw:{"choices": null, "error": {"message": "model is loading"}}': "model is loading",
    'choice:{"message": null}': "neither message nor text",
    'choice:{"message": {"content": 3}}': "not a completion",
    "raw:": "not a completion",
    'with_:{"error": {"message": "upstream timeout"}}': "the server reports an error",
    'choice:{"finish_reason": "error"}': "the server reports an error",
    'choice:{"error": {"code": 502, "message": "provider died"}}': "provider died",
    "html": "로그인하십시오",
}


@pytest.mark.parametrize(("fault", "said"), NO_REPLY.items(), ids=NO_REPLY)
def test_what_is_no_completion_is_one_line_with_the_address(fault, said, server):
    server.fault = lambda body, before: fault
    with refused(server.url, said):
        texts(server)


def test_content_as_a_list_of_parts_is_read_by_evaluation_and_teacher(server, tmp_path):
    parts = '[{"type": "thinking", "thinking": []}, {"type": "reasoning", "text": "정답: 1"}, {"type": "text", "text": "정답: "}, {"type": "text", "text": "3"}]'
    server.fault = lambda body, before: f'choice:{{"message": {{"content": {parts}}}}}'
    assert texts(server) == [("정답: 3", "stop")] * 3
    replies = ask(server, calls(2), tmp_path / "log.jsonl").replies
    assert [reply.text for reply in replies] == ["정답: 3"] * 2


def test_a_completion_that_is_no_chat_is_read_too(server):
    server.fault = lambda body, before: (
        'raw:{"choices": [{"text": "3", "finish_reason": "length"}]}'
    )
    server.models = None
    assert texts(server, chat=False) == [("3", "length")] * 3


def test_a_server_without_a_list_of_models_is_used_by_name(server):
    server.models = None
    assert len(texts(server)) == 3
    with refused("does not list its models", f"name one: {server.url}#NAME"):
        describe_base(Engine(), Model(path=server.url))


@pytest.mark.parametrize("keys", ["temperature", "seed", "max_tokens", "temperature,top_p,seed,max_tokens"])  # fmt: skip
def test_keys_that_a_server_refuses_are_left_out_and_that_is_said_once(keys, server, capsys):
    server.fault = lambda body, before: f"refuse:{keys}"
    assert all(text for text, _ in texts(server))
    taken = server.arrivals[-1].body
    assert not set(keys.split(",")) & set(taken)
    assert ("max_completion_tokens" in taken) == ("max_tokens" in keys)
    said = capsys.readouterr().err
    assert [said.count(f"takes no {key};") for key in keys.split(",")] == [1] * len(keys.split(","))


def test_a_limit_under_another_name_reaches_completions_that_are_no_chat(server):
    def fault(body, before):
        refused = "refuse:max_tokens" if "max_tokens" in body else None
        return refused or 'raw:{"choices": [{"text": "정답: 2", "finish_reason": "stop"}]}'

    server.fault = fault
    assert texts(server, chat=False) == [("정답: 2", "stop")] * 3
    assert server.arrivals[-1].body["max_completion_tokens"] == Sampling().most_tokens


def test_a_server_that_answers_as_another_model_is_said_once(server, capsys):
    texts(server)
    assert "answers as" not in capsys.readouterr().err
    server.fault = lambda body, before: 'with_:{"model": "tiny-random"}'
    texts(server)
    assert capsys.readouterr().err.count("asked for teacher-1, it answers as tiny-random") == 1


@pytest.mark.parametrize(("key", "remedy"), [
    ("temperature", "set teacher.temperature: null"), ("seed", "set teacher.seed: null"),
    ("max_tokens", "set teacher.max_tokens_key: max_completion_tokens"),
])  # fmt: skip
def test_a_teacher_that_refuses_a_key_says_the_setting(key, remedy, server, tmp_path):
    server.fault = lambda body, before: f"refuse:{key}"
    (failure,) = ask(server, calls(1), tmp_path / "log.jsonl").failures
    assert remedy in failure.error


def test_the_results_name_the_keys_that_a_server_refused(server, folder):
    server.fault = lambda body, before: "refuse:temperature,seed,max_tokens"
    write_lines(folder / "test.jsonl", [problem(n) for n in range(3)])
    for out in ("one", "two"):
        koalign("benchmark", "csat", "--data", "test.jsonl", "--mode", "generate", "--model", server.url, "--out", out, code=0)  # fmt: skip
        results = read_json(folder / out / "results.json")
        assert results["left_out"] == ["seed", "temperature"]
        assert (
            "the server takes no seed, temperature, so samples were drawn without"
            in results["notes"]
        )
