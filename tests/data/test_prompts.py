"""One renderer: what is trained on is what is read at inference, on every family of chat template."""

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fake_tokenizers import EMPTY, FAMILIES, OPEN, fake_tokenizer
from support.prompted import CHOICE, FOUR, SHORT, renderer, row

from koalign.data.prompting.prompts import Renderer
from koalign.data.prompting.tokens import (
    PLAIN,
    candidate_ids,
    completion_ids,
    end_of_turn,
    prompt_ids,
    prompt_texts,
    stop_ids,
)
from koalign.grading.grade import grade
from koalign.records import KoalignError, Problem

LONG = Problem(question="설명하라.", kind="long", answers=("길게 쓴다.",), rationale="그렇다.")
SPAN = Problem(question="누구?", passage="세종이다.", kind="span", answers=("",), rationale="없다.")
THINKERS = [name for name, family in FAMILIES.items() if family.off or family.on or family.auto]
SWITCHABLE = [name for name in THINKERS if FAMILIES[name].off == EMPTY]
SYSTEM = "너는 시험을 푼다."


@pytest.mark.parametrize(
    "name", ["continuation", "direct", "json", "quote-then-number", "reasoning"]
)
def test_a_hidden_question_leaves_box_and_choices_and_hides_stem_and_passage(name):
    shown = renderer(name).render(CHOICE, "answer", "실마리", hidden=True).messages[-1].text
    assert all(part in shown for part in (CHOICE.box, *CHOICE.choices, "실마리"))
    assert CHOICE.question not in shown and CHOICE.passage not in shown


def with_system(asked: Renderer) -> Renderer:
    return Renderer(asked.template.model_copy(update={"system": SYSTEM}), asked.thinking)


@pytest.mark.parametrize("problem", [CHOICE, SPAN, LONG])
def test_a_continuation_gives_no_instruction_and_its_target_is_the_bare_answer(problem):
    asked = renderer("continuation")
    shown = asked.render(problem, "answer", "실마리다").messages[-1].text
    assert shown.endswith("\n실마리: 실마리다\n정답:") and "시오" not in shown.replace(
        problem.question, ""
    )
    assert asked.target(problem).strip() == (problem.answers[0] or "답 없음")
    assert asked.render(problem, "abstraction").messages[-1].text.endswith("\n실마리:")
    assert grade(problem, asked.target(problem)).correct


@pytest.mark.parametrize("family", FAMILIES)
def test_a_training_row_is_the_inference_prompt_and_then_the_answer(family):
    """Nothing lost, nothing doubled: the ids decode to the prompt's text and the target."""
    tokenizer = fake_tokenizer(family)
    asked = renderer(thinking="auto")
    prompt, written = row(tokenizer, asked, CHOICE)
    (text,) = prompt_texts(tokenizer, [asked.render(CHOICE, "answer")])
    # A SentencePiece tokenizer of the Llama-2 kind puts a space after BOS; its model has seen no other.
    decoded = tokenizer.decode(prompt, skip_special_tokens=False).replace("<s> ", "<s>")
    assert decoded.strip() == text.strip()
    assert tokenizer.decode(written[:-1]).strip() == "고른 답: 셋\n정답: 3"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_completion_ends_with_the_familys_own_end_of_turn(family):
    tokenizer, facts = fake_tokenizer(family), FAMILIES[family]
    _, written = row(tokenizer, renderer(thinking="auto"), CHOICE)
    end = tokenizer.convert_tokens_to_ids(facts.end_of_turn)
    assert written[-1] == end == end_of_turn(tokenizer)
    assert end not in written[:-1]
    assert set(stop_ids(tokenizer)) == {end, tokenizer.convert_tokens_to_ids(facts.eos)}


@pytest.mark.parametrize("family", FAMILIES)
def test_bos_stands_once_where_the_family_wants_it_and_nowhere_else(family):
    tokenizer, facts = fake_tokenizer(family), FAMILIES[family]
    prompt, written = row(tokenizer, renderer(thinking="auto"), CHOICE)
    bos = tokenizer.bos_token_id
    wanted = 1 if facts.begins_with_bos else 0
    if bos is not None and facts.bos not in (facts.eos, facts.end_of_turn):
        assert (prompt + written).count(bos) == wanted
    if wanted:
        assert prompt[0] == bos


@pytest.mark.parametrize("family", FAMILIES)
def test_a_system_text_is_read_once_by_every_family(family):
    asked = with_system(renderer(thinking="auto"))
    (text,) = prompt_texts(fake_tokenizer(family), [asked.render(CHOICE, "answer")])
    assert text.count(SYSTEM) == 1
    assert text.index(SYSTEM) < text.index("지문이다.")


@pytest.mark.parametrize("family", SWITCHABLE)
def test_without_thinking_the_empty_thought_is_prompt_in_training_and_at_inference(family):
    tokenizer = fake_tokenizer(family)
    asked = renderer(thinking="off")
    (text,) = prompt_texts(tokenizer, [asked.render(CHOICE, "answer")])
    assert text.endswith(EMPTY)
    _, written = row(tokenizer, asked, CHOICE)
    assert "think" not in tokenizer.decode(written)


@pytest.mark.parametrize("family", SWITCHABLE)
def test_with_thinking_the_rationale_is_thought_and_its_mark_stands_once(family):
    tokenizer = fake_tokenizer(family)
    prompt, written = row(tokenizer, renderer(thinking="on"), CHOICE)
    both = tokenizer.decode(prompt + written, skip_special_tokens=False)
    after = both[both.rindex(FAMILIES[family].opening.strip()) :]
    assert after.count(OPEN) == after.count("</think>") == 1
    assert f"{OPEN}셋이라고 하였다.\n</think>\n\n고른 답: 셋\n정답: 3" in after


def test_a_family_with_another_word_for_thoughts_gets_its_own():
    tokenizer = fake_tokenizer("exaone-deep")
    prompt, written = row(tokenizer, renderer(thinking="on"), CHOICE)
    both = tokenizer.decode(prompt + written, skip_special_tokens=False)
    assert both.count("<thought>") == both.count("</thought>") == 1 and "<think>" not in both


@pytest.mark.parametrize("family", ["qwen3-thinking-2507", "exaone-deep"])
def test_a_model_that_always_thinks_cannot_be_told_not_to(family):
    with pytest.raises(KoalignError, match="thinking: off, but this model"):
        prompt_texts(fake_tokenizer(family), [renderer().render(CHOICE, "answer")])


@pytest.mark.parametrize("family", ["gemma-2", "kanana-1.5", "qwen2.5", "hyperclova-x-think"])
def test_a_model_that_knows_no_thoughts_cannot_be_told_to_think(family):
    with pytest.raises(KoalignError, match="thinking: on, but this model"):
        prompt_texts(fake_tokenizer(family), [renderer(thinking="on").render(CHOICE, "answer")])


def test_hyperclova_is_told_in_its_own_words_to_skip_the_thought():
    hyperclova = fake_tokenizer("hyperclova-x-think")
    (text,) = prompt_texts(hyperclova, [renderer().render(CHOICE, "answer")])
    assert text.endswith("assistant\n")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", ["kmmlu", "csatqa"])
def test_a_text_that_is_only_continued_goes_on_token_by_token(family, name):
    """What lm-eval scores: encode(context + continuation) minus encode(context)."""
    tokenizer = fake_tokenizer(family)
    asked = renderer(name)
    prompt, written = row(tokenizer, asked, FOUR)
    (text,) = prompt_texts(tokenizer, [asked.render(FOUR, "answer")])
    assert prompt == tokenizer.encode(text)
    whole = tokenizer.encode(f"{text} {asked.target(FOUR)}")
    assert prompt + written[:-1] == whole
    assert written[:-1]


@given(text=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40))
@pytest.mark.parametrize("family", ["qwen3", "gemma-2", "kanana-1.5", "solar-10.7b"])
def test_any_completion_comes_back_from_its_ids(family, text):
    tokenizer = fake_tokenizer(family)
    shown = [renderer(thinking="auto").render(SHORT, "answer")]
    (written,) = completion_ids(tokenizer, shown, [text])
    (prompt,) = prompt_ids(tokenizer, shown)
    together = tokenizer.decode(prompt + written[:-1], skip_special_tokens=False)
    assert together.endswith(text) or tokenizer.decode(written[:-1]).strip() == text.strip()


@pytest.mark.parametrize("family", FAMILIES)
def test_plain_turns_are_lines_of_text_and_an_answer_ends_with_eos(family):
    tokenizer = deepcopy(fake_tokenizer(family))
    tokenizer.chat_template = PLAIN
    asked = with_system(renderer())
    prompt, written = row(tokenizer, asked, CHOICE)
    shown = asked.render(CHOICE, "answer")
    (text,) = prompt_texts(tokenizer, [shown])
    assert text == f"{tokenizer.bos_token or ''}{SYSTEM}\n{shown.messages[-1].text}\n"
    whole = tokenizer.encode(text + asked.target(CHOICE), add_special_tokens=False)
    assert [*prompt, *written] == [*whole, tokenizer.eos_token_id]
    assert stop_ids(tokenizer) == [tokenizer.eos_token_id] == written[-1:]
    (candidates,) = candidate_ids(tokenizer, [shown], [["정답: 1", "정답: 2"]])
    assert [tokenizer.decode(ids).strip() for ids in candidates] == ["정답: 1", "정답: 2"]
