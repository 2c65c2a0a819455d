"""serve: OpenAI's clients get what `solve` answers, and 100 of them at once never another's problem."""

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import httpx
import openai
import pytest
import yaml
from support.command import RUN, koalign
from support.problems import problem, write_lines
from support.serving import JSON, chat_body, message_of, served, write_script

from koalign.evaluation.solving.solutions import Solution
from koalign.jsonl import read_jsonl
from koalign.serving.problems import problem_of


@pytest.fixture(scope="module")
def server(tmp_path_factory, scripted_run):
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(scripted_run, folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_script(folder / "many.yaml", 100)
        with served() as running:
            yield running


@pytest.fixture
def client(server):
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as made:
        yield made


def fields(number: int) -> dict:
    row = problem(number)
    return {name: row[name] for name in ("question", "passage", "choices")}


def test_the_models_are_the_chain_the_vote_and_each_adapter_and_never_the_base(client):
    names = [model.id for model in client.models.list()]
    assert names == ["koalign", "koalign-vote", "abstraction", "answer", "dpo", "rft", "sft"]
    assert client.models.retrieve("dpo").root == "scripted"


def test_the_hint_is_the_reasoning_the_answer_is_the_content_and_usage_counts_both(client):
    turns = [{"role": "user", "content": message_of(3)}]
    raw = client.chat.completions.with_raw_response.create(model="koalign", messages=turns)
    assert raw.headers["x-koalign-prompt"].startswith("problem")
    done = raw.parse()
    (choice,) = done.choices
    assert choice.message.content == "고른 답: 서울\n정답: 1" and choice.finish_reason == "stop"
    assert choice.message.reasoning == choice.message.reasoning_content == "기록의 1째 고을을 본다."
    assert done.usage.completion_tokens_details.reasoning_tokens == 33
    assert done.usage.completion_tokens == 33 + 29


def test_a_stream_has_role_reasoning_content_finish_and_usage(client):
    turns = [{"role": "user", "content": message_of(3)}]
    chunks = list(
        client.chat.completions.create(
            model="koalign", messages=turns, stream=True, stream_options={"include_usage": True}
        )
    )
    deltas = [chunk.choices[0].delta for chunk in chunks[:-1]]
    assert deltas[0].role == "assistant" and not deltas[0].content
    assert deltas[1].reasoning == "기록의 1째 고을을 본다." and deltas[1].content is None
    assert deltas[2].content == "고른 답: 서울\n정답: 1"
    assert [c.choices[0].finish_reason for c in chunks[:-1]] == [None, None, None, "stop"]
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == 62


def test_curl_reads_the_stream_to_its_end(server):
    body = json.dumps(chat_body(message_of(3), stream=True), ensure_ascii=False)
    url = f"{server.url}/v1/chat/completions"
    command = ["curl", "-sNi", url, "-H", "Content-Type: application/json", "-d", body]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "content-type: text/event-stream" in out
    lines = [line for line in out.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "data: [DONE]"
    texts = [json.loads(line[6:])["choices"][0]["delta"].get("content", "") for line in lines[:-1]]
    assert "".join(texts) == "고른 답: 서울\n정답: 1"


def test_an_adapter_goes_on_with_a_text_and_chats(client):
    assert client.completions.create(model="dpo", prompt="안녕").choices[0].text
    turns = [{"role": "system", "content": "짧게"}, {"role": "user", "content": "안녕?"}]
    raw = client.chat.completions.with_raw_response.create(model="dpo", messages=turns)
    assert raw.headers["x-koalign-prompt"] == "chat, not as the run was trained"


def test_what_the_chain_samples_is_its_own_and_what_it_ignored_is_said(client):
    turns = [{"role": "system", "content": "다르게"}, {"role": "user", "content": message_of(1)}]
    more = {"temperature": 0.9, "user": "한"}
    raw = client.chat.completions.with_raw_response.create(model="koalign", messages=turns, **more)
    assert raw.headers["x-koalign-ignored"] == "temperature, user, earlier messages"


@pytest.mark.parametrize(
    "name", ["a\r\nSet-Cookie: x", "\x00", "\x1b[31m", "한글", "a" * 9000, "\u202e"]
)
def test_a_field_with_any_name_is_listed_in_a_header_of_one_line(server, name):
    reply = server.post("/v1/chat/completions", chat_body("가?", "dpo", **{name: 1}))
    assert reply.status_code == 200 and "set-cookie" not in reply.headers
    assert reply.headers["x-koalign-ignored"].isprintable()


def test_greedy_through_the_api_is_solve_greedy_to_the_token(server, tmp_path):
    asked = write_lines(tmp_path / "asked.jsonl", [problem(n) for n in range(100, 116)])
    koalign("solve", str(asked), "-o", str(tmp_path / "out.jsonl"), "--greedy", code=0)
    for number, line in zip(
        range(100, 116), read_jsonl(tmp_path / "out.jsonl", Solution), strict=True
    ):
        answer = server.post("/v1/solve", fields(number)).json()
        stored = line.model_dump(mode="json")
        keys = ("answer", "abstraction", "votes", "why", "text", "tokens", "hints")
        assert {key: answer[key] for key in keys} == {key: stored[key] for key in keys}


def test_the_vote_through_the_api_is_what_the_run_has_stored(server):
    for line in read_jsonl(RUN / "solve" / "answers.jsonl", Solution)[:4]:
        row = {
            k: v for k, v in line.problem.model_dump(mode="json").items() if v and k != "answers"
        }
        answer = server.post("/v1/solve", {"model": "koalign-vote", **row}).json()
        assert (answer["votes"], answer["text"]) == (line.votes, line.text)


def test_probabilities_are_those_of_the_answers_that_name_each_choice(server):
    answer = server.post("/v1/solve", fields(0)).json()
    assert list(answer["probabilities"]) == ["1", "2", "3", "4"]
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert max(answer["probabilities"], key=answer["probabilities"].get) == answer["answer"] == "1"
    short = server.post("/v1/solve", {"question": "수도는?"}).json()
    assert short["probabilities"] is None


def test_a_hundred_at_once_never_mix_their_problems(server):
    async def ask_all(url: str) -> list[dict]:
        async with httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=100)) as own:
            asks = [
                own.post(f"{url}/v1/chat/completions", json=chat_body(message_of(n)))
                for n in range(100)
            ]
            return [reply.json() for reply in await asyncio.gather(*asks)]

    with served("engine.script=many.yaml", seconds=0.02) as many:
        replies = asyncio.run(ask_all(many.url))
        for number, reply in enumerate(replies):
            message = reply["choices"][0]["message"]
            assert message["reasoning"] == f"기록의 {number}째 줄을 본다."
            assert reply["koalign"]["answer"] == str(number % 4 + 1)
        assert len(many.engine.calls) < 60, "they share calls of the engine"


def test_a_request_that_fails_leaves_those_beside_it_whole(server):
    async def ask(url: str) -> list[httpx.Response]:
        async with httpx.AsyncClient(timeout=60) as own:
            asks = [
                own.post(f"{url}/v1/chat/completions", json=chat_body(message_of(n)))
                for n in (1, 999, 2)
            ]
            return await asyncio.gather(*asks)

    with served("engine.script=many.yaml", seconds=0.02) as many:
        assert [reply.status_code for reply in asyncio.run(ask(many.url))] == [200, 500, 200]
        streamed = many.post("/v1/chat/completions", chat_body(message_of(999), stream=True))
        assert '"type": "server_error"' in streamed.text and "[DONE]" not in streamed.text


def test_a_hint_that_is_refused_leaves_the_answer_bare_and_the_reply_says_so(server):
    lines = [
        {"contains": ["풀이의 실마리를"], "texts": ["정답: 1"]},
        {"texts": ["고른 답: 부산\n정답: 2"]},
    ]
    Path("telling.yaml").write_text(yaml.safe_dump(lines, allow_unicode=True), "utf-8")
    with served("engine.script=telling.yaml") as telling:
        reply = telling.post("/v1/chat/completions", chat_body(message_of(1))).json()
        assert reply["koalign"]["hints"] == ["states_an_answer"]
        assert "reasoning" not in reply["choices"][0]["message"]
        assert reply["choices"][0]["message"]["content"] == "고른 답: 부산\n정답: 2"
        solved = telling.post("/v1/solve", fields(1)).json()
        assert (solved["abstraction"], solved["answer"]) == ("", "2")


def test_metrics_count_requests_and_tokens_by_kind(server):
    server.post("/v1/solve", fields(7))
    text = server.get("/metrics").text
    assert 'koalign_requests_total{model="koalign",route="/v1/solve",status="200"}' in text
    assert 'koalign_tokens_total{kind="hints",model="koalign"}' in text
    assert "koalign_active 0.0" in text


BODIES = [
    ("/v1/chat/completions", chat_body("가", "gpt-5"), 404, "there are koalign, koalign-vote"),
    ("/v1/chat/completions", b"{", 400, "not JSON"),
    ("/v1/chat/completions", b"", 400, "not JSON"),
    ("/v1/chat/completions", b"\xff", 400, "not JSON"),
    ("/v1/chat/completions", b"[" * 5000, 400, "not JSON"),
    ("/v1/chat/completions", b'"\\ud800"', 400, "JSON"),
    ("/v1/chat/completions", b"[]", 400, "object"),
    ("/v1/chat/completions", {"model": "koalign"}, 400, "messages"),
    ("/v1/chat/completions", {"model": "koalign", "messages": []}, 400, "at least 1"),
    ("/v1/chat/completions", {"model": "koalign", "messages": [{"role": "tool", "content": "가"}]}, 400, "role"),
    ("/v1/chat/completions", {"model": "dpo", "messages": [{"role": "assistant", "content": "가"}]}, 400, "turns"),
    ("/v1/chat/completions", chat_body("가", temperature=-1), 400, "temperature"),
    ("/v1/chat/completions", chat_body("가", n=2), 400, "n: 2 is not supported"),
    ("/v1/chat/completions", chat_body("가", tools=[{}]), 400, "tools"),
    ("/v1/chat/completions", chat_body("가", logprobs=True), 400, "logprobs"),
    ("/v1/chat/completions", chat_body("가", max_tokens=0), 400, "max_tokens"),
    ("/v1/chat/completions", chat_body("가", stop=""), 400, "stop"),
    ("/v1/chat/completions", chat_body("가" * 40_000), 400, "120,"),
    ("/v1/chat/completions", chat_body(message_of(1).replace("사람", "사람" * 20_000)), 400, "context of 100,000"),
    ("/v1/chat/completions", chat_body("가", "dpo", max_tokens=10**6), 400, "1,000,000"),
    ("/v1/chat/completions", chat_body("가", temperature=1e-30), 400, "0.01 the least"),
    ("/v1/chat/completions", chat_body("가", temperature=1e30), 400, "temperature"),
    ("/v1/chat/completions", b'{"model": "dpo", "messages": [], "temperature": NaN}', 400, "temperature"),
    ("/v1/chat/completions", chat_body("가", stop=["가"] * 17), 400, "16 are the most"),
    ("/v1/chat/completions", chat_body("가", max_tokens=10**30), 400, "context"),
    ("/v1/chat/completions", chat_body("가", seed=1.5), 400, "seed"),
    ("/v1/chat/completions", chat_body("가", stream="차츰"), 400, "stream"),
    ("/v1/chat/completions", {"model": "dpo", "messages": [{"role": "user", "content": "가"}] * 5000}, 400, "in turns"),
    ("/v1/chat/completions", {"model": "dpo", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, 400, "Input should be 'text'"),
    ("/v1/chat/completions", {"model": "dpo", "messages": [{"role": "user"}]}, 400, "messages.0.content"),
    ("/v1/chat/completions", {"model": "dpo", "messages": [{"role": "user", "content": None}]}, 400, "text"),
    ("/v1/chat/completions", {"model": "dpo", "messages": [{"role": "user", "content": []}]}, 400, "at least 1"),
    ("/v1/chat/completions", {"model": "dpo", "messages": [{"role": "assistant", "content": "가", "tool_calls": [{}]}]}, 400, "tool_calls"),
    ("/v1/chat/completions", chat_body("가", "dpo", max_tokens=True), 400, "max_tokens"),
    ("/v1/chat/completions", chat_body("가", "dpo", temperature=False), 400, "temperature"),
    ("/v1/chat/completions", chat_body("가", "dpo", stream=1), 400, "stream"),
    ("/v1/completions", {"model": "koalign", "prompt": "가"}, 400, "name an adapter"),
    ("/v1/completions", {"model": "dpo", "prompt": ["가", "나"]}, 400, "one a request"),
    ("/v1/completions", {"model": "dpo", "prompt": ""}, 400, "empty"),
    ("/v1/completions", {"model": "dpo", "prompt": [1, 2]}, 400, "prompt"),
    ("/v1/solve", {}, 400, "question"),
    ("/v1/solve", {"question": "?", "choices": ["가"]}, 400, "2 choices"),
    ("/v1/solve", {"question": "?", "chioces": ["가", "나"]}, 400, "did you mean 'choices'"),
    ("/v1/solve", {"question": "?", "temperature": 0.5}, 400, "unknown field: 'temperature'"),
    ("/v1/solve", {"model": "abstraction", "question": "?"}, 400, "writes hints"),
    ("/v1/solve", {"question": "?", "choices": [str(n) for n in range(11)]}, 400, "choices"),
    ("/v1/solve", {"question": "?", "choices": "가"}, 400, "choices"),
    ("/v1/solve", {"question": "?", "kind": "essay"}, 400, "kind"),
    ("/v1/solve", {"question": "?", "choices": ["가", "나"], "answer": 9}, 400, "9"),
    ("/v1/solve", {"question": " \n"}, 400, "question"),
    ("/v1/solve", {"model": {}, "question": "?"}, 400, "model"),
    ("/v1/solve", {"model": "없음", "question": "?"}, 404, "koalign-vote"),
    ("/v1/solve", {"question": {"path": "/etc/passwd"}}, 400, "question"),
]  # fmt: skip


@pytest.mark.parametrize(("route", "body", "status", "told"), BODIES)
def test_a_bad_request_is_told_in_openais_shape(server, route, body, status, told):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = httpx.post(f"{server.url}{route}", content=raw, headers=JSON)
    error = reply.json()["error"]
    assert reply.status_code == status, error
    assert told in error["message"] and "\n" not in error["message"]
    assert error["type"] == "invalid_request_error"
    server.until_idle()


def test_too_long_has_its_own_code(client):
    turns = [{"role": "user", "content": "가" * 40_000}]
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="dpo", messages=turns)
    assert caught.value.code == "context_length_exceeded"


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/v1/files", "/v1/../etc/passwd"])
def test_other_paths_are_not_there(server, path):
    reply = server.get(path)
    assert reply.status_code == 404 and "/v1/solve" in reply.json()["error"]["message"]
    assert server.get("/v1/solve").status_code == 405


def test_a_problem_that_names_its_key_is_the_same_problem():
    assert problem_of({"question": "?", "id": "7"}).id == problem_of({"question": "?"}).id
