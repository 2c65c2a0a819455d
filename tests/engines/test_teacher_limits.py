"""What a teacher may cost and what it may never be told: caps kept to the token, secrets nowhere."""

import json
import os

import pytest
from pydantic import ValidationError
from support.command import koalign
from support.faulty_server import Server, faulty_server
from support.servers import allow
from support.teachers import ask, call, calls, faulty

from koalign.config.files import load_config
from koalign.config.teacher import Teacher
from koalign.engines.replies import one_line
from koalign.engines.teacher import ask_teacher
from koalign.jsonl import read_jsonl
from koalign.mining.distilling.teacher_calls import Failure, Reply, failures_beside, most_tokens
from koalign.records import KoalignError, Message

pytestmark = pytest.mark.usefixtures("short_waits")

KEY = "sk-koalign-Z9y8X7w6V5u4T3s2R1q0"
PRICES = {"price_in": 3.0, "price_out": 10.0}


@pytest.fixture
def server():
    with faulty_server(Server(text=lambda body: "한 둘 셋", seconds=0.02)) as running:
        yield running  # each reply is 10 prompt tokens and 3 of its own


def cost(prompt: int, completion: int) -> float:
    return (prompt * PRICES["price_in"] + completion * PRICES["price_out"]) / 1e6


ONE = cost(10, 3)
MOST = cost(most_tokens(call(10)), 50)


def test_the_most_that_a_prompt_can_be_is_more_than_a_tokenizer_of_bytes_makes_of_it():
    text = "가나다 ᄀ 👍 abc\n" * 20
    assert most_tokens(call(1, messages=(Message(role="user", text=text),))) > len(text.encode())


def test_cost_and_tokens_are_those_of_the_whole_log(server, log):
    first = ask(server, calls(4), log, **PRICES)
    assert (first.prompt_tokens, first.completion_tokens) == (40, 12)
    assert first.cost == pytest.approx(4 * ONE) and not first.unknown
    later = ask(server, calls(6), log, **PRICES)
    assert later.cost == pytest.approx(6 * ONE)


@pytest.mark.parametrize("concurrency", [1, 4, 16])
def test_no_call_goes_out_that_could_pass_the_cap_and_none_is_held_back_that_could_not(
    server, log, concurrency
):
    twelve = 11 * ONE + MOST  # the twelfth call fits to the last token, the thirteenth does not
    asked = [call(number) for number in range(10, 40)]
    keys = {**PRICES, "max_tokens": 50, "concurrency": concurrency}
    for cap, answered in ((twelve * (1 + 1e-9), 12), (twelve * (1 - 1e-6) + 3 * ONE, 14)):
        with pytest.raises(KoalignError) as caught:
            ask(server, asked, log, **keys, max_cost=cap)
        said = str(caught.value)
        assert len(read_jsonl(log, Reply)) == len(server.arrivals) == answered
        assert f"{answered} of 30 calls are answered, at a cost of {answered * ONE:.4f}" in said
        assert "teacher.max_cost" in said and "the same command goes on from there" in said
    result = ask(server, asked, log, **keys, max_cost=29 * ONE + MOST * 1.0001)
    assert len(server.arrivals) == 30 and all(result.replies)
    assert result.cost == pytest.approx(30 * ONE)


def test_a_cap_below_one_call_asks_nothing(server, log):
    with pytest.raises(KoalignError, match="0 of 5 calls are answered, at a cost of 0"):
        ask(server, calls(5), log, **PRICES, max_cost=1e-9)
    assert not server.arrivals


@pytest.mark.parametrize("fault", ["cut", "hang_up", "html", "silent:2"])
def test_an_answer_that_was_lost_counts_at_the_most_that_it_can_have_cost(server, log, fault):
    server.fault = faulty(fault, only="10번")
    keys = {**PRICES, "max_tokens": 50, "tries": 2, "timeout": 0.8 if "silent" in fault else 60}
    result = ask(server, [call(10), call(11)], log, **keys)
    assert result.estimated == 2 and result.cost == pytest.approx(ONE + 2 * MOST)
    assert len(read_jsonl(failures_beside(log), Failure)) == 2
    again = ask(server, [call(11)], log, **keys)
    assert again.cost == result.cost  # also for a later run
    with pytest.raises(KoalignError, match="1 of 2 calls"):
        ask(server, [call(10), call(11)], log, **keys, max_cost=ONE + 3 * MOST * 0.999)


@pytest.mark.parametrize("fault", ["status:400", "status:429", "status:500"])
def test_what_the_server_refused_costs_nothing(server, log, fault):
    server.fault = faulty(fault)
    result = ask(server, [call(1)], log, **PRICES, tries=2)
    assert result.cost == 0 and result.estimated == 0 and len(result.failures) == 1


def test_replies_without_a_count_are_said_to_be_of_unknown_cost(server, log, capfd):
    server.usage = False
    result = ask(server, calls(3), log)
    assert result.unknown == 3 and result.replies[0].prompt_tokens is None
    assert "3 replies came without a count of tokens" in capfd.readouterr().err
    with pytest.raises(KoalignError, match="3 replies of this log have no count"):
        ask(server, calls(4), log, **PRICES, max_cost=1)
    assert len(server.arrivals) == 3


@pytest.mark.parametrize(
    "usage",
    [None, {}, [], {"prompt_tokens": 3}, {"prompt_tokens": -1, "completion_tokens": 1},
     {"prompt_tokens": "3", "completion_tokens": 1}, {"prompt_tokens": True, "completion_tokens": 1}],
)  # fmt: skip
def test_with_a_cap_a_server_that_does_not_count_is_not_asked_again(server, log, usage):
    server.fault = faulty(f"with_:{json.dumps({'usage': usage})}")
    with pytest.raises(KoalignError, match="does not say how many tokens"):
        ask(server, calls(20), log, **PRICES, max_cost=1, concurrency=2)
    assert len(server.arrivals) <= 3
    assert len(read_jsonl(log, Reply)) == len(server.arrivals)  # what came is kept


# Secrets

ECHOES = [
    "status:400", "status:401", "status:403", "status:404", "status:500", "status:429", "echo",
]  # fmt: skip


def pieces(text: str) -> list[str]:
    return [KEY[i : i + 8] for i in range(len(KEY) - 7) if KEY[i : i + 8] in text]


@pytest.mark.parametrize("fault", ECHOES)
def test_the_key_goes_to_the_server_alone(server, tmp_path, log, capfd, monkeypatch, fault):
    monkeypatch.setenv("MY_TEACHER_KEY", f"{KEY}\n")
    allow(server.url, "MY_TEACHER_KEY")
    server.fault = faulty(fault, only="1번")
    said = ""
    try:
        said = repr(ask(server, calls(3), log, key_env="MY_TEACHER_KEY", tries=2, concurrency=1))
    except KoalignError as error:
        said = str(error)
    assert server.arrivals[0].headers["authorization"] == f"Bearer {KEY}"
    assert server.count("1번 문제") >= 1
    streams = capfd.readouterr()
    files = [path.read_text("utf-8") for path in tmp_path.rglob("*") if path.is_file()]
    assert files and not pieces("\n".join([said, streams.out, streams.err, *files]))


def test_a_key_that_a_reply_claims_to_be_its_model_is_not_written(server, log, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    allow(server.url)
    server.fault = faulty(f'with_:{{"model": "{KEY}"}}')
    assert ask(server, [call(1)], log, model="m").replies[0].model == "***"
    assert not pieces(log.read_text("utf-8"))


def test_a_message_is_one_line_and_holds_no_piece_of_the_key():
    text = f"a\nb {KEY} c {KEY[:12]}… d {KEY[9:]} e\u2028f"
    said = one_line(text, KEY)
    assert said.startswith("a b *** c ***") and said.endswith(" e f")
    assert not pieces(said) and len(said.splitlines()) == 1
    assert len(one_line("x" * 9999, KEY)) == 300 and one_line(" 가\n나 ", "") == "가 나"


def test_a_server_elsewhere_needs_a_key_and_the_message_names_the_variable(log, monkeypatch):
    section = Teacher(url="https://teacher.example/v1", model="m", key_env="MY_TEACHER_KEY")
    with pytest.raises(KoalignError, match="the environment variable MY_TEACHER_KEY is not set"):
        ask_teacher(section, [call(1)], log, title="test")
    monkeypatch.setenv("MY_TEACHER_KEY", f"{KEY} {KEY}")
    with pytest.raises(KoalignError, match="MY_TEACHER_KEY holds cannot be a key") as caught:
        ask_teacher(section, [call(1)], log, title="test")
    assert not pieces(str(caught.value))


BY_MISTAKE = [
    f"teacher.key_env={KEY}", f"teacher.key_env=[{KEY}]", f"teacher.key_env={{{KEY}",
    f"teacher.api_key={KEY}", f"teacher={{api_key: {KEY}}}",
    f"teacher.url=https://user:{KEY}@host/v1", f"teacher.url=https://host/v1?key={KEY}",
    f"teacher.url=https://host/v1#{KEY}", f"teacher.url={{{KEY}: 1}}",
]  # fmt: skip


@pytest.mark.parametrize("override", BY_MISTAKE)
def test_a_key_in_the_config_is_refused_and_not_repeated(override):
    with pytest.raises(KoalignError) as caught:
        load_config([], [override])
    assert "teacher" in str(caught.value) and not pieces(str(caught.value))


def test_a_key_in_the_config_is_not_repeated_by_the_command(folder):
    (folder / "koalign.yaml").write_text(
        f"model: {{path: m}}\ndata: {{train: t}}\nteacher:\n  key_env: {KEY}\n", "utf-8"
    )
    for more in ([], ["-s", f"teacher.key_env={KEY}"]):
        done = koalign("sft", *more, code=2)
        assert "NAME of an environment variable" in done.stderr
        assert not pieces(done.stdout + done.stderr)
    assert os.listdir(folder) == ["koalign.yaml"]


@pytest.mark.parametrize(
    "keys",
    [
        {"url": "ftp://host/v1"}, {"url": "host:8000/v1"}, {"url": "http://"}, {"url": "http://h:x/v1"},
        {"max_cost": 1.0}, {"max_cost": 1.0, "price_in": 1.0}, {"max_cost": 1.0, "price_out": 1.0},
        {"extra": {"n": 4}}, {"extra": {"stream": True}}, {"extra": {"temperature": 0}},
        {"timeout": float("inf")}, {"tries": 0}, {"max_cost": 0.0, **PRICES},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_kept_are_refused(keys):
    with pytest.raises(ValidationError):
        Teacher(**keys)


def test_the_address_is_taken_with_and_without_a_slash_at_its_end():
    assert Teacher(url="https://host/v1/").url == Teacher(url="https://host/v1").url
