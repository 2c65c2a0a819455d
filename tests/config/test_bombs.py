"""YAML and templates of a stranger: read within seconds and megabytes, or refused in one line."""

import time
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.command import koalign
from support.problems import exam
from support.refusals import refused

from koalign.bounded import bounded
from koalign.config.files import load_config
from koalign.data.prompting.prompts import Renderer, load_template
from koalign.data.prompting.tokens import prompt_ids
from koalign.records import KoalignError
from koalign.yaml_text import parse_yaml

LAUGHS = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)
BOMBS = {
    "laughs": LAUGHS,
    "laughs in teacher.extra": LAUGHS.replace("\na", "\n  a").replace("a0: &a0", "teacher: {extra: 1}\nb:\n  a0: &a0", 1),
    "deep laughs": "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 100)),
    "merged": "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 9)),
    "holds itself": "teacher:\n  extra: &a {b: *a}\n",
    "list holds itself": "a: &a [*a]\n",
    "deep": "[" * 5000,
    "deep blocks": "- " * 5000,
    "deep keys": "? " * 3000,
    "digits": f"seed: {'1' * 100_000}",
    "hexadecimal": f"seed: 0x{'f' * 5000}",
    "sixties": f"seed: 1{':59' * 5000}",
    "tagged": f"seed: !!int '{'9' * 5000}'",
    "float": f"seed: {'1' * 100_000}e",
    "no timestamp": "seed: !!timestamp x",
    "no bool": "seed: !!bool x",
    "no int": "seed: !!int ''",
    "no float": "seed: !!float ''",
    "no binary": "seed: !!binary '\u20ac'",
    "python": "seed: !!python/object/apply:os.system ['true']",
    "NUL": 'model: {path: "a\\0b"}',
    "surrogate": 'model: {path: "\\ud800"}',
    "date as a key": "2001-01-01: 1",
    "many documents": "--- 1\n" * 100,
    "large": "a: '" + "x" * 3_000_000 + "'",
    "set": "teacher: {extra: !!set {a, b}}",
    "infinite rate": "sft: {learning_rate: .inf}",
    "bell": "model: {path: \"a\x07b\"}",
    "infinite": "teacher: {extra: {a: .inf}}",
    "date in extra": "teacher: {extra: {a: 2001-01-01}}",
    "bytes in extra": "teacher: {extra: {a: !!binary aGk=}}",
    "number as a key of extra": "teacher: {extra: {1: {2: 3}}}",
    "pairs": "teacher: {extra: !!pairs [a: 1]}",
}  # fmt: skip


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_a_config_that_would_not_end_is_one_line(text, folder):
    (folder / "koalign.yaml").write_text(text, "utf-8")
    started = time.monotonic()
    done = koalign("prepare", code=2)
    assert time.monotonic() - started < 20
    assert len(done.stderr.splitlines()) == 1 and len(done.stderr) < 1000


PIECES = st.sampled_from([
    "a: ", "- ", "? ", ": ", "[", "]", "{", "}", ", ", "\n", "\n  ", "&a ", "*a", "<<: ", "!!int ", "!!set ",
    "!!omap ", "!!timestamp ", "!!binary ", "!!float ", "!!null ", "!x ", "'", '"', "|\n", ">-\n", "---\n", "...\n",
    "%YAML 1.1\n", "%TAG ! x\n", "0x", "1e5", "1:59", "2001-01-01", "2001-99-99", ".inf", ".nan", "~", "\\ud800", "\\0",
    "#", "\t", "가", "model: ", "path: ", "data: ", "train: ", "teacher: ", "extra: ", "seed: ", "\u2028", "\ufeff",
])  # fmt: skip


@settings(max_examples=1500)
@given(st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=60))
@example('a: "\\ud800"')
def test_any_text_is_yaml_or_a_line(text):
    try:
        value = parse_yaml(text, "file")
        repr(value)
    except KoalignError as error:
        assert str(error).startswith("file:")


@settings(max_examples=400)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_any_setting_is_taken_or_refused_in_words(text):
    for key in ("teacher.extra", "seed", "data.train", "model", "solve.adapters"):
        with suppress(KoalignError):
            load_config([], [f"{key}={text}"])


# Templates

ENDLESS = {
    "loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "power": "{{ 10 ** (10 ** 10) }}",
    "power of data": "{{ (question | length) ** (10 ** 9) }}",
    "times": "{{ 'a' * 10 ** 10 }}",
    "format": "{{ '%0999999999d' % 1 }}",
    "centre": "{{ question | center(10 ** 10) }}",
    "doubled": "{% set n = namespace(x='aaaaaaaa') %}{% for a in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}",
    "macro": "{% macro m(n) %}{{ m(n) }}{% endmacro %}{{ m(1) }}",
    "exponential macro": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    "words": "{{ lipsum(n=10 ** 7) }}",
    "parentheses": "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "blocks": "{% for a in [1] %}" * 40 + "{% endfor %}" * 40,
    "large": "{{ 'a' * 5000000 }}",
    "escape": "{{ ''.__class__.__mro__ }}",
    "attribute": "{{ question.append(1) }}",
    "keys": "{{ {}.popitem() }}",
    "none": "{{ none.x.y }}",
    "include": "{% include '/etc/passwd' %}",
}


@pytest.mark.parametrize("source", ENDLESS.values(), ids=ENDLESS)
def test_a_template_that_would_not_end_is_one_line(source, tmp_path, monkeypatch):
    # A second is enough to see that it does not end.
    monkeypatch.setattr(bounded.__wrapped__, "__kwdefaults__", {"seconds": 1, "megabytes": 256})
    path = tmp_path / "mine.yaml"
    text = source.replace("'", "''")
    path.write_text(f"about: x\nprompt: '{text}'\ntarget: '3'\n", "utf-8")
    started = time.monotonic()
    with refused("template mine: prompt"):
        Renderer(load_template(str(path))).render(exam("dev")[0], "answer")
    assert time.monotonic() - started < 8


@pytest.mark.parametrize("source", ENDLESS.values(), ids=ENDLESS)
def test_a_models_chat_template_that_would_not_end_is_one_line(source, tokenizer, monkeypatch):
    monkeypatch.setattr(bounded.__wrapped__, "__kwdefaults__", {"seconds": 1, "megabytes": 256})
    monkeypatch.setattr(tokenizer, "chat_template", "{% set question = 'xyz' %}" + source)
    prompt = Renderer(load_template("direct")).render(exam("dev")[0], "answer")
    started = time.monotonic()
    with refused("the model's chat template"):
        prompt_ids(tokenizer, [prompt])
    assert time.monotonic() - started < 8


def test_memory_and_time_are_as_before_afterwards():
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGALRM)
    for source in ("while True: pass", "'a' * 10**11", "f = lambda: f(); f()"):
        with refused("x: "), bounded("x", seconds=0.2, megabytes=100):
            exec(source, {})
    with bounded("x", seconds=0.2), bounded("y", seconds=0.1):
        pass
    time.sleep(0.3)
    assert before == (resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGALRM))


def test_a_busy_machine_does_not_count_as_a_block_that_takes_long():
    with bounded("x", seconds=0.05):
        time.sleep(0.2)  # others have the processor
