"""The recipes for real models: their lengths fit, what they teach is what they sample, their templates render."""

import pytest
from support.command import ROOT
from support.fake_tokenizers import fake_tokenizer

from koalign.config.files import load_config
from koalign.data.prompting.prompts import THINK, THOUGHT
from koalign.data.prompting.tokens import completion_ids, prompt_texts
from koalign.records import Problem
from koalign.renderer import open_renderer

FAMILIES = {
    "qwen3-8b": "qwen3",
    "exaone-4.0": "exaone-4.0",
    "kanana-1.5": "kanana-1.5",
    "hyperclova-x-seed": "hyperclova-x-think",
    "ax-light": "ax-4.0",
}
"""Recipe -> the family of chat template of its model."""
THINKING = ("qwen3-8b", "exaone-4.0")
PASSAGE_TOKENS = 2048
"""A passage of 수능 with its choices; every recipe leaves room for it."""
RATIONALE = "기록에 따르면 셋째가 옳다."
PROBLEM = Problem(
    question="옳은 것은?", choices=("하나", "둘", "셋", "넷"), answers=("3",), rationale=RATIONALE
)


def recipe(*names: str):
    files = [ROOT / "configs" / f"{name}.yaml" for name in ("every-key", *names)]
    return load_config(files)


@pytest.mark.parametrize(
    "names",
    [*((name,) for name in FAMILIES), *((name, "thinking-80gb") for name in THINKING)],
    ids="+".join,
)
def test_prompt_and_answer_fit_the_context_and_the_longest_group_a_row(names):
    config = recipe(*names)
    renderer = open_renderer(config.prompt)
    drawn = (config.sample, config.hints, config.solve, config.candidates)
    longest = max(config.probe.max_tokens, *(section.most_tokens for section in drawn))
    room = config.model.max_length - longest
    assert room >= PASSAGE_TOKENS
    assert config.probe.max_tokens == config.sample.max_tokens == config.hints.max_tokens
    assert config.solve.max_tokens >= config.sample.max_tokens
    together = max(2 * config.pairs.per_problem, config.answer.traces)
    if renderer.teaches_rationales:
        assert config.teacher.max_tokens == config.sample.max_tokens
        together = max(together, config.distill.traces)
    prompt = config.model.max_length - config.sample.max_tokens
    assert config.training.row_tokens >= prompt + together * config.sample.max_tokens


@pytest.mark.parametrize("name", FAMILIES)
def test_hard_items_are_mined_and_no_remote_code_runs(name):
    config = recipe(name)
    assert config.sample.n >= 32 and config.candidates.source == "policy"
    assert not config.model.trust_remote_code


@pytest.mark.parametrize("name", FAMILIES)
def test_where_rationales_are_taught_they_are_the_models_own(name):
    config = recipe(name)
    if open_renderer(config.prompt).teaches_rationales:
        assert config.teacher.model == config.model.path and config.distill.own_per_teacher == 0
        assert config.distill.n >= 2 * config.distill.traces


@pytest.mark.parametrize("name", FAMILIES)
def test_a_rationale_is_taught_once_and_where_the_model_writes_it(name):
    config, tokenizer = recipe(name), fake_tokenizer(FAMILIES[name])
    renderer = open_renderer(config.prompt)
    prompts = [renderer.render(PROBLEM, purpose) for purpose in ("answer", "abstraction")]
    text, _ = prompt_texts(tokenizer, prompts)
    (written,) = completion_ids(tokenizer, prompts[:1], [renderer.target(PROBLEM)])
    turn = text + tokenizer.decode(written)
    assert turn.count(RATIONALE) == renderer.teaches_rationales
    assert (f"{THINK}{RATIONALE}{THOUGHT}" in turn) == (config.prompt.thinking == "on")
    assert "정답: 3" in turn.partition(RATIONALE)[2] or not renderer.teaches_rationales
