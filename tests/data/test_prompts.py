"""One renderer: what is trained on is what is read at inference, on every family of chat template."""

from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fake_tokenizers import EMPTY, FAMILIES, OPEN, fake_tokenizer

from koalign.data.prompting import prompts
from koalign.data.prompting.prompts import Renderer, load_template
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

CHOICE = Problem(
    question="옳은 것은?", passage="지문이다.", box="ㄱ. 하나", choices=("하나", "둘", "셋", "넷", "다섯"),
    answers=("3",), rationale="셋이라고 하였다.", subject="Law",
)  # fmt: skip
FOUR = CHOICE.model_copy(update={"choices": CHOICE.choices[:4], "passage": "", "box": ""})
SHORT = Problem(question="몇 세?", kind="short", answers=("6세", "여섯 살"), rationale="그렇다.")
LONG = Problem(question="설명하라.", kind="long", answers=("길게 쓴다.",), rationale="그렇다.")
SPAN = Problem(question="누구?", passage="세종이다.", kind="span", answers=("",), rationale="없다.")
THINKERS = [name for name, family in FAMILIES.items() if family.off or family.on or family.auto]
SWITCHABLE = [name for name in THINKERS if FAMILIES[name].off == EMPTY]
SYSTEM = "너는 시험을 푼다."


def renderer(name: str = prompts.DEFAULT, **changes) -> Renderer:
    return Renderer(load_template(name), **changes)


@pytest.mark.parametrize(
    "name", ["continuation", "direct", "json", "quote-then-number", "reasoning"]
)
def test_a_hidden_question_leaves_box_and_choices_and_hides_stem_and_passage(name):
    shown = renderer(name).render(CHOICE, "answer", "실마리", hidden=True).messages[-1].text
    assert all(part in shown for part in (CHOICE.box, *CHOICE.choices, "실마리"))
    assert CHOICE.question not in shown and CHOICE.passage not in shown


def row(tokenizer, asked: Renderer, problem: Problem) -> tuple[list[int], list[int]]:
    """Prompt and completion ids of a problem."""
    shown = [asked.render(problem, "answer")]
    (ids,) = prompt_ids(tokenizer, shown)
    (written,) = completion_ids(tokenizer, shown, [asked.target(problem)])
    return ids, written


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


def test_shots_come_from_the_problems_own_subject_and_are_never_itself_or_its_passage():
    pool = tuple(
        CHOICE.model_copy(update={"question": f"문항 {n}?", "subject": subject, "group": f"g{n}"})
        for subject in ("Law", "Math")
        for n in range(4)
    )
    asked = Renderer(load_template("direct"), shots=2, pool=pool)
    turns = asked.render(pool[0], "answer").messages
    assert [turn.role for turn in turns] == ["user", "assistant"] * 2 + ["user"]
    assert "문항 1?" in turns[0].text and "문항 2?" in turns[2].text
    assert turns[1].text == asked.target(pool[1])
    sibling = pool[2].model_copy(update={"group": "g1"})
    assert "문항 1?" not in "".join(t.text for t in asked.render(sibling, "answer").messages[:-1])


def test_shots_are_never_of_the_test_split():
    pool = (FOUR.model_copy(update={"split": "test"}),)
    with pytest.raises(KoalignError, match="never taken from the test split"):
        Renderer(load_template("direct"), shots=1, pool=pool)


def test_too_few_shots_are_refused_and_not_filled_up():
    asked = Renderer(load_template("direct"), shots=3, pool=(SHORT, CHOICE))
    with pytest.raises(KoalignError, match="3 wanted, and there are 0 on Law"):
        asked.render(CHOICE, "answer")


def test_kmmlu_is_asked_as_published_with_its_full_width_colon():
    text = renderer("kmmlu").render(FOUR, "answer").messages[0].text
    assert text == "옳은 것은?\nA. 하나\nB. 둘\nC. 셋\nD. 넷\n정답："


def test_five_shots_of_kmmlu_stand_two_line_ends_apart():
    pool = tuple(FOUR.model_copy(update={"question": f"{n}?"}) for n in range(5))
    asked = Renderer(load_template("kmmlu"), shots=5, pool=pool)
    (text,) = prompt_texts(fake_tokenizer("qwen3"), [asked.render(FOUR, "answer")])
    assert text.count("정답： C\n\n") == 5 and text.endswith("D. 넷\n정답：")


def test_click_is_asked_bug_for_bug_and_also_right():
    published = renderer("click-lm-eval").render(CHOICE, "answer").messages[0].text
    assert "A:하나, B: 둘, C: 셋, D: 넷\n정답:" in published and "다섯" not in published
    assert "E: 다섯\n정답:" in renderer("click").render(CHOICE, "answer").messages[0].text


def test_csatqa_without_context_says_none_as_published_and_no_other_template_does():
    assert "### Context: None\n" in renderer("csatqa").render(FOUR, "answer").messages[0].text
    for name in set(prompts.template_names()) - {"csatqa", "kobest"}:
        if "choice" in load_template(name).kinds:
            text = renderer(name).render(FOUR, "answer").messages[0].text
            assert "None" not in text and "nan" not in text


@pytest.mark.parametrize(
    ("subject", "passage", "question", "text"),
    [
        ("boolq", "두부는 희다.", "두부는 흰가?", "두부는 희다. 질문: 두부는 흰가? 답변: "),
        ("copa", "비가 왔다.", "이 문장의 원인으로 알맞은 것은?", "비가 왔다.  왜냐하면"),
        ("copa", "비가 왔다.", "이 문장의 결과로 알맞은 것은?", "비가 왔다.  그래서"),
        ("hellaswag", "그는 갔다.", "이어질 문장은?", "문장: 그는 갔다."),
        ("sentineg", "좋다.", "부정인가?", "문장: 좋다. 긍부정:"),
        ("wic", "문장1: 배를 먹다\n문장2: 배를 타다", "두 문장에서 '배'의 뜻이 같은가?",
         "문장1: 배를 먹다 문장2: 배를 타다 두 문장에서 배가 같은 뜻으로 쓰였나?"),
    ],
)  # fmt: skip
def test_kobest_is_asked_as_published(subject, passage, question, text):
    problem = Problem(subject=subject, passage=passage, question=question, choices=("아니오", "예"))
    assert renderer("kobest").render(problem, "answer").messages[0].text == text


def test_a_space_at_the_end_of_a_published_prompt_belongs_to_the_completion():
    """As in lm-eval: `답변: ` and then ` 예` are scored as `답변:` and then `  예`."""
    problem = Problem(
        subject="boolq", passage="희다.", question="흰가?", choices=("아니오", "예"), answers=("2",)
    )
    tokenizer, asked = fake_tokenizer("qwen3"), renderer("kobest")
    prompt, written = row(tokenizer, asked, problem)
    assert tokenizer.decode(prompt).endswith("답변:")
    assert tokenizer.decode(written[:-1]) == "  예"


def test_a_four_choice_problem_is_never_asked_for_a_fifth():
    for name in prompts.template_names():
        template = load_template(name)
        if "choice" in template.kinds and name not in ("click-lm-eval", "kobest"):
            text = Renderer(template).render(FOUR, "answer").messages[-1].text
            assert "5" not in text and "E" not in text.replace("LETTER", "")


def test_text_of_a_problem_is_never_run_as_a_template():
    problem = FOUR.model_copy(update={"question": "{{ 7 * 7 }} {% raise %}"})
    assert "{{ 7 * 7 }} {% raise %}" in renderer().render(problem, "answer").messages[0].text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prompt: '{{ qestion }}'\ntarget: a\nabout: b", "qestion"),
        ("prompt: '{% if %}'\ntarget: a\nabout: b", "prompt: line 1"),
        ("prompt: a\nabout: b", "target: Field required"),
        ("prompt: a\ntarget: b\nabout: c\nsytem: d", "sytem: unknown key; did you mean 'system'"),
        ("- a", "found list"),
        ("prompt: '{{ question.__class__.__mro__ }}'\ntarget: a\nabout: b", "unsafe"),
    ],
)
def test_a_broken_template_is_named_with_file_and_key(tmp_path: Path, text, said):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(KoalignError, match=said) as caught:
        Renderer(load_template(str(path))).render(FOUR, "answer")
    assert "mine" in str(caught.value)


def test_an_unknown_template_is_refused_with_the_known_names():
    with pytest.raises(KoalignError, match=r"'kmlu' is neither .* kmmlu"):
        load_template("kmlu")


def test_a_copied_and_edited_template_has_another_hash(tmp_path: Path):
    text = (prompts.TEMPLATES / "direct.yaml").read_text(encoding="utf-8")
    (tmp_path / "direct.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "other.yaml").write_text(text.replace("문제:", "문항:"), encoding="utf-8")
    same, other = (renderer(str(tmp_path / name)) for name in ("direct.yaml", "other.yaml"))
    assert same.hash == renderer("direct").hash != other.hash
    assert renderer("direct", thinking="auto").hash != same.hash


def test_a_template_refuses_what_it_cannot_ask():
    with pytest.raises(KoalignError, match="has no place for abstractions"):
        renderer("kmmlu").render(FOUR, "abstraction")
    with pytest.raises(KoalignError, match="is of kind short"):
        renderer("kmmlu").render(SHORT, "answer")
