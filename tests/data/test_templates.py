"""Templates: what benchmarks publish is asked to the letter; shots; and what a template cannot be."""

from pathlib import Path

import pytest
from support.fake_tokenizers import fake_tokenizer
from support.prompted import CHOICE, FOUR, SHORT, renderer, row

from koalign.data.prompting import prompts
from koalign.data.prompting.prompts import Renderer, load_template
from koalign.data.prompting.tokens import prompt_texts
from koalign.records import KoalignError, Problem


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
