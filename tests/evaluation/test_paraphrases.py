"""A template in other words asks the same of the same problem, and only known instructions are changed."""

from dataclasses import replace

import pytest
from support.problems import exam

from koalign.data.grading.grade import grade
from koalign.data.prompting.prompts import DEFAULT, Renderer, Template, load_template
from koalign.evaluation.diagnosis.paraphrases import PHRASES, WORDINGS, paraphrased
from koalign.records import Problem

GENERATIVE = [
    DEFAULT, "csat", "direct", "json", "klue-mrc", "kmmlu-pro", "mna", "nikl", "reasoning",
]  # fmt: skip
SCORED = ["click", "click-lm-eval", "csatqa", "haerae", "kmmlu", "kobest"]
KINDS = {
    "choice": exam("dev")[0],
    "short": Problem(question="누가 지었는가?", passage="글이다.", kind="short", answers=("세종",)),
    "span": Problem(question="어디인가?", passage="글이다.", kind="span", answers=("",)),
    "long": Problem(
        question="고치시오.", subject="교정형", kind="long", answers=('"값을"이 옳다.',), box="ㄱ"
    ),
}


def asked(template: Template, problem: Problem) -> str:
    prompt = Renderer(template).render(problem, "answer")
    return "\n".join(message.text for message in prompt.messages)


@pytest.mark.parametrize("name", GENERATIVE)
def test_every_template_that_generates_has_three_other_wordings_of_every_kind_it_asks(name):
    template = load_template(name)
    others = paraphrased(template)
    assert len(others) == WORDINGS == 3
    for kind in template.kinds:
        problem = KINDS[kind]
        wordings = [asked(one, problem) for one in (template, *others)]
        has_instruction = kind != "long" or name in ("nikl", "mna")
        assert len(set(wordings)) == (4 if has_instruction or problem.passage else 1)
        for text in wordings:
            assert problem.question in text
            assert (problem.passage in text) == (problem.passage in wordings[0])
            assert all(choice in text for choice in problem.choices)
            assert "{{" not in text and "{%" not in text


@pytest.mark.parametrize("name", SCORED)
def test_templates_that_reproduce_a_benchmark_byte_for_byte_have_none(name):
    assert paraphrased(load_template(name)) == ()


@pytest.mark.parametrize("name", GENERATIVE)
def test_another_wording_changes_neither_what_is_taught_nor_what_the_problem_says(name):
    template = load_template(name)
    for other in paraphrased(template):
        assert (
            other.model_copy(update={"prompt": template.prompt, "system": template.system})
            == template
        )
        for kind in template.kinds:
            problem = KINDS[kind].model_copy(update={"rationale": "그렇다."})
            taught = Renderer(other).template_answer(problem)
            assert taught == Renderer(template).template_answer(problem)
            if kind != "long":
                assert grade(problem, taught).correct


def test_a_template_of_the_users_own_words_is_not_measured():
    own = load_template(DEFAULT).model_copy(update={"prompt": "{{ question }}\n골라라."})
    assert paraphrased(own) == ()


def test_a_template_of_the_users_own_with_a_known_instruction_is_reworded():
    own = Template(
        name="own", about="", prompt="{{ question }}\n답만 쓰시오.", target="{{ answer }}"
    )
    assert [t.prompt for t in paraphrased(own)] == [
        "{{ question }}\n" + other for other in PHRASES["답만 쓰시오."]
    ]


def test_what_the_form_of_an_answer_needs_stays_in_every_wording():
    for name, needed in {
        "reasoning": '"정답: 번호"', "kmmlu-pro": '"정답:"', "json": '{"풀이": "...", "정답": "번호"}',
        "direct": "번호", DEFAULT: "번호", "csat": "1, 2, 3",
    }.items():  # fmt: skip
        for other in paraphrased(load_template(name)):
            assert needed in asked(other, KINDS["choice"]), name
    for other in paraphrased(load_template("klue-mrc")):
        assert '"답 없음"' in asked(other, KINDS["span"])


def test_the_wordings_of_a_phrase_differ_and_break_no_jinja():
    for phrase, others in PHRASES.items():
        assert len({phrase, *others}) == 4
        for other in others:
            assert other.count('"') == phrase.count('"'), "it may stand in a string of Jinja"
            assert not {*"{}%#\\\n"} & {*other}


def test_the_abstraction_is_asked_for_in_the_same_words():
    template = load_template(DEFAULT)
    bare = replace(Renderer(template))
    problem = KINDS["choice"].model_copy(update={"passage": ""})
    for other in paraphrased(template):
        assert Renderer(other).render(problem, "abstraction") == bare.render(problem, "abstraction")
