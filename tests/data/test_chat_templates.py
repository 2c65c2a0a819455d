"""A model's chat template: the same on every day, one of several named ones; and labels for ten choices."""

from copy import deepcopy
from pathlib import Path

import pytest
from support.fake_tokenizers import fake_tokenizer
from support.refusals import refused

from koalign.data.prompting import tokens
from koalign.data.prompting.prompts import (
    DEFAULT,
    Renderer,
    Template,
    load_template,
    template_names,
)
from koalign.data.prompting.tokens import completion_ids, end_of_turn, prompt_texts
from koalign.records import KoalignError, Problem
from koalign.text.visible import say_once

TEN = Problem(
    question="옳은 것은?", choices=tuple(f"고을{name}" for name in "가나다라마바사아자차"),
    answers=("10",), rationale="글에 나온다.",
)  # fmt: skip
FIXED = {"click-lm-eval", "haerae-lm-eval", "kobest"}
"""Published to the byte: they show no labels, or four of them."""


def tokenizer_with(template: object, family: str = "qwen3"):
    tokenizer = deepcopy(fake_tokenizer(family))
    tokenizer.chat_template = template
    return tokenizer


def text_of(tokenizer, thinking: str = "off") -> str:
    prompt = Renderer(load_template(DEFAULT), thinking).render(TEN, "answer")
    return prompt_texts(tokenizer, [prompt])[0]


@pytest.mark.parametrize(
    ("date", "written"),
    [
        ("{{ strftime_now('%d %b %Y') }}", "26 Jul 2024"),
        ("{{ strftime_now('%Y-%m-%d %H:%M:%S') }}", "2024-07-26 00:00:00"),
        ("{% if strftime_now is defined %}{{ strftime_now('%Y년') }}{% endif %}", "2024년"),
    ],
)
def test_a_date_in_a_chat_template_is_the_same_on_every_day_and_a_line_says_so(
    date, written, capsys
):
    say_once.cache_clear()
    tokenizer = tokenizer_with(f"Today: {date}\n{fake_tokenizer('qwen3').chat_template}")
    assert text_of(tokenizer).startswith(f"Today: {written}")
    assert "writes the date of today; koalign writes 2024-07-26" in capsys.readouterr().err
    assert end_of_turn(tokenizer) == end_of_turn(fake_tokenizer("qwen3"))


def test_the_date_is_part_of_the_hash_of_the_tokenizer(tmp_path: Path, monkeypatch):
    from koalign.adapters import base

    path = tmp_path / "chat_template.jinja"
    path.write_text("{{ messages }}", encoding="utf-8")
    without = base.tokenizer_hash(tmp_path)
    monkeypatch.setattr(base, "DATE", tokens.DATE.replace(year=2025))
    assert base.tokenizer_hash(tmp_path) == without
    path.write_text("{{ strftime_now('%Y') }}", encoding="utf-8")
    dated = base.tokenizer_hash(tmp_path)
    monkeypatch.undo()
    assert base.tokenizer_hash(tmp_path) != dated


@pytest.mark.parametrize(
    "template",
    [
        "", "안녕하세요", "{% for turn in messages %}{{ turn.role }}{% endfor %}",
        "{% for turn in messages[1:] %}{{ turn.content }}{% endfor %}",
        "{% for turn in messages %}{{ turn.content[:10] }}{% endfor %}",
        "{% for turn in messages if turn.role == 'system' %}{{ turn.content }}{% endfor %}",
    ],
)  # fmt: skip
def test_a_chat_template_that_does_not_write_what_is_asked_is_refused(template):
    with refused(
        "the model's chat template leaves out or changes the", "model.chat_template: plain"
    ):
        text_of(tokenizer_with(template))


def test_a_chat_template_may_change_blanks():
    template = (
        "{% for turn in messages %}{{ turn.content.replace('\n\n', '\n') | trim }}{% endfor %}"
    )
    assert TEN.question in text_of(tokenizer_with(template))


@pytest.mark.parametrize("thinking", ["off", "on", "auto"])
def test_of_several_named_templates_the_default_is_taken(thinking):
    own = fake_tokenizer("qwen3").chat_template
    named = tokenizer_with({"default": own, "tool_use": "{{ tools }}"})
    assert text_of(named, thinking) == text_of(fake_tokenizer("qwen3"), thinking)
    renderer = Renderer(load_template(DEFAULT), thinking)
    prompts, targets = [renderer.render(TEN, "answer")], [renderer.target(TEN)]
    plain = completion_ids(fake_tokenizer("qwen3"), prompts, targets)
    assert completion_ids(named, prompts, targets) == plain


def test_named_templates_without_a_default_are_refused_by_name():
    with pytest.raises(KoalignError, match="named chat, tool_use, and none is named default"):
        text_of(tokenizer_with({"chat": "{{ messages }}", "tool_use": "{{ tools }}"}))


@pytest.mark.parametrize(
    "name", [n for n in template_names() if "choice" in load_template(n).kinds and n not in FIXED]
)
def test_every_template_labels_ten_choices(name):
    template = load_template(name)
    renderer = Renderer(template)
    shown = renderer.render(TEN, "answer").messages[-1].text
    label = template.ten_labels[9]
    assert all(choice in shown for choice in TEN.choices) and label in shown
    assert label in {"10", "J", "(J)", "(10)"}
    assert label in renderer.target(TEN) or "10" in renderer.target(TEN)


@pytest.mark.parametrize(
    ("labels", "tenth"),
    [(("①", "②"), "⑩"), (("A)", "B)", "C)"), "J)"), (("[1]", "[2]"), "[10]"), (("ㄱ", "ㄴ"), None)],
)
def test_a_users_own_labels_go_on_where_they_are_numbers_or_letters(labels, tenth):
    template = Template(name="own", about="", prompt="?", target="{{ label }}", labels=labels)
    assert (template.ten_labels[9] if tenth else template.ten_labels) == (tenth or labels)


def test_the_hash_of_a_template_does_not_move():
    assert Renderer(load_template(DEFAULT)).hash == "e28739f0bd26d02f"
