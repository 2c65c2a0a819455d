"""A protocol is found by its name, asks what it can ask, and never shows what it evaluates."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.problems import exam
from support.protocol_prompts import kmmlu, prompts_of

from koalign.data.formats import haerae
from koalign.data.formats.documents import Row
from koalign.data.prompting.prompts import TEMPLATES, load_template, template_names
from koalign.evaluation.items import candidates_of, subject_of
from koalign.evaluation.protocols import in_mode, load_protocol, protocol_names
from koalign.records import KoalignError, Problem
from koalign.text.korean import clean

NAMES = [
    "click", "click@lm-eval", "csat", "csatqa@lm-eval", "haerae@lm-eval", "kice", "klue-mrc",
    "kmmlu-direct", "kmmlu-hard@lm-eval", "kmmlu@lm-eval", "kmmlu@paper", "kobest@lm-eval",
    "korquad", "mmmlu-ko@simple-evals", "nikl-culture", "nikl-rule",
]  # fmt: skip


def test_the_protocols_are_these_and_each_has_a_template_and_groups_of_different_subjects():
    assert protocol_names() == NAMES
    for protocol in map(load_protocol, NAMES):
        assert load_template(protocol.template).name in template_names()
        assert len(set(protocol.covers)) == len(protocol.covers)
        assert not (protocol.groups and protocol.subjects)
    sizes = {group: len(its) for group, its in load_protocol("kmmlu@lm-eval").groups.items()}
    assert sizes == {"STEM": 11, "HUMSS": 11, "Applied Science": 12, "Other": 11}
    assert len(load_protocol("mmmlu-ko@simple-evals").covers) == 57
    assert len(load_protocol("click@lm-eval").covers) == 11


@pytest.mark.parametrize(
    ("name", "near"),
    [("kmmlu@lmeval", "kmmlu@lm-eval"), ("haerea@lm-eval", "haerae@lm-eval"), ("dierct", "direct")],
)
def test_an_unknown_protocol_is_refused_with_the_nearest_name(name, near):
    with pytest.raises(KoalignError, match=f"{name}.*did you mean '{near}'"):
        load_protocol(name)


def test_a_template_by_name_or_path_is_a_protocol_that_koalign_grades(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text((TEMPLATES / "direct.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    for name, called in (("direct", "direct"), (str(path), "mine")):
        protocol = load_protocol(name)
        assert (protocol.name, protocol.mode, protocol.grading) == (called, "generate", "koalign")
        assert (protocol.metrics, protocol.formats, protocol.shots) == (("acc",), (), 0)
        (prompt,) = prompts_of(protocol, [kmmlu(1)])
        assert prompt.problem_id == kmmlu(1).id and "Law 1번 죄는?" in prompt.messages[0].text
    with pytest.raises(KoalignError, match=r"'none\.yaml' is neither"):
        load_protocol("none.yaml")


def test_an_own_file_is_a_protocol_and_says_only_what_differs(tmp_path: Path):
    path = tmp_path / "제것.yaml"
    path.write_text("extends: kmmlu@paper\nshots: 3\nabout: 세 문제를 보인다.\n", encoding="utf-8")
    published = load_protocol("kmmlu@paper")
    assert load_protocol(str(path)) == published.model_copy(
        update={"name": "제것", "shots": 3, "about": "세 문제를 보인다."}
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("extends: kmmlu@lm-eval\nshot: 3", "shot: unknown key; did you mean 'shots'"),
        ("extends: kmmlu@lmeval", "extends: .*did you mean 'kmmlu@lm-eval'"),
        ("about: a\ntemplate: kmlu", r"mine\.yaml: template: 'kmlu' is neither"),
        ("about: a\nshots: 2", "template: Field required"),
        ("extends: kmmlu@lm-eval\nmode: chose", "mode: "),
        ("extends: kmmlu@lm-eval\nmetrics: [accuracy]", "metrics: .*acc, acc_norm"),
        ("extends: klue-mrc\nmetrics: [em]", r"metrics: .*exactly \[em, rouge_w\]"),
        ("extends: kmmlu-direct\nmode: choice", "grading: "),
        ("extends: !!python/object/apply:os.getcwd []", "not YAML"),
        ("about: a\ntemplate: direct\nmeasured: {f1: [x]}", "measured: 'f1' is not among"),
        ("about: a\ntemplate: direct\ntemperature: .inf", "temperature: .*finite"),
        ("about: a\ntemplate: direct\nname: ''", "name: "),
        (f"about: a\ntemplate: direct\nname: {'가' * 101}", "name: .*100"),
        ("about: a\ntemplate: direct\nstop: ['']", r"stop\.0: "),
        ("template: direct\nshots: 1\nshots: 0", "not YAML: key 'shots' is given twice"),
        ("- a", "found list"),
    ],
)
def test_a_broken_protocol_is_refused_with_key_and_nearest(tmp_path: Path, text, words):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(KoalignError, match=words):
        load_protocol(str(path))


def test_a_protocol_in_the_other_mode_measures_what_that_mode_can():
    scored = in_mode(load_protocol("direct"), "choice")
    assert (scored.mode, scored.metrics) == ("choice", ("acc",))
    assert candidates_of(scored, kmmlu(1)) == ("1", "2", "3", "4")
    written = in_mode(load_protocol("click@lm-eval"), "generate")
    assert (written.metrics, written.grading, written.stop) == (("acc",), "koalign", ("\n\n",))
    assert in_mode(load_protocol("kmmlu-direct"), "choice").metrics == ("acc",)
    assert in_mode(load_protocol("csat"), "generate").metrics == ("macro_f1", "acc", "points")
    assert in_mode(load_protocol("csat"), "generate").stop == ()
    same = load_protocol("kmmlu-direct")
    assert in_mode(same, "generate") is same


# --- what it asks


SHORT = Problem(question="몇 세?", kind="short", answers=("6세",))
POOL = [kmmlu(100 + n) for n in range(5)]
CHOSEN = in_mode(load_protocol("direct"), "choice")
KMMLU = load_protocol("kmmlu@lm-eval")
REFUSED = {
    "another source": (KMMLU, [kmmlu(1), kmmlu(2, source="click")], [], r"kmmlu@lm-eval: asks kmmlu, and problem .* from click"),
    "no gold": (KMMLU, [kmmlu(1), kmmlu(2, answers=())], [], "has no gold answer"),
    "no choices": (CHOSEN, [SHORT], [], r"scores choices, and problem .* has none"),
    "a shot without gold": (KMMLU, [kmmlu(1)], [kmmlu(100 + n, answers=()) for n in range(5)], "has no gold answer"),
    "a shot of the test split": (KMMLU, [kmmlu(1)], [kmmlu(100 + n, split="test") for n in range(5)], "test split"),
    "a shot of the test split, csat": (load_protocol("csat"), [kmmlu(1)], [kmmlu(100 + n, split="test") for n in range(5)], "test split"),
    "too few shots of the subject": (KMMLU, [kmmlu(1, "Math")], POOL, "5 shots of the dev split wanted, and there are 0 on Math"),
}  # fmt: skip


@pytest.mark.parametrize(("protocol", "problems", "pool", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_asked_or_shown_is_refused(protocol, problems, pool, said):
    with pytest.raises(KoalignError, match=said):
        prompts_of(protocol, problems, 5 if pool else None, pool)


def test_every_problem_of_the_builtin_exam_is_asked_by_csat():
    protocol = load_protocol("csat")
    problems = exam("dev")[:50]
    prompts = prompts_of(protocol, problems)
    assert [prompt.problem_id for prompt in prompts] == [problem.id for problem in problems]
    for problem, prompt in zip(problems, prompts, strict=True):
        labels = candidates_of(protocol, problem)
        assert labels == tuple("12345"[: len(problem.choices)])
        assert f"{', '.join(labels)} 중에 하나를" in prompt.messages[-1].text


def test_a_problem_with_more_choices_than_labels_has_no_candidates():
    many = Problem(question="?", choices=tuple("가나다라마바사아자차카"), answers=("10",))
    with pytest.raises(KoalignError, match=r"10 labels, and problem .* has 11 choices"):
        candidates_of(in_mode(load_protocol("direct"), "choice"), many)


def test_ten_choices_are_scored_by_letters_and_not_by_numbers():
    ten = Problem(question="?", choices=tuple("가나다라마바사아자차"), answers=("10",))
    assert "".join(candidates_of(load_protocol("kmmlu"), ten)) == "ABCDEFGHIJ"
    with pytest.raises(KoalignError, match=r"'10' begins with '1'.*letters"):
        candidates_of(in_mode(load_protocol("direct"), "choice"), ten)


# --- click


@pytest.mark.parametrize(
    ("key", "choices", "labels"),
    [
        ("CSAT_korean_22_3", 5, "ABCDE"), ("CSAT_korean_22_3", 4, "ABCDE"), ("KIIP_law_3", 4, "ABCD"),
    ],
)  # fmt: skip
def test_click_scores_a_fifth_letter_where_the_id_says_csat(key, choices, labels):
    problem = Problem(
        question="?", choices=tuple("가나다라마"[:choices]), answers=("1",), source="click", key=key
    )
    assert "".join(candidates_of(load_protocol("click@lm-eval"), problem)) == labels
    assert "".join(candidates_of(load_protocol("click"), problem)) == "ABCDE"[:choices]


def test_a_fifth_choice_of_click_is_shown_by_click_alone():
    problem = Problem(
        question="?",
        choices=tuple("가나다라마"),
        answers=("5",),
        source="click",
        key="CSAT_korean_22_3",
    )
    for name, shown in (("click@lm-eval", False), ("click", True)):
        protocol = load_protocol(name)
        (prompt,) = prompts_of(protocol, [problem])
        assert ("마" in prompt.messages[0].text) == shown


def test_click_files_a_question_by_its_id_in_lm_eval_and_by_its_file_elsewhere():
    problem = Problem(
        question="?", choices=("가", "나"), answers=("1",), key="Kedu_1_3", subject="Functional"
    )
    assert subject_of(load_protocol("click@lm-eval"), problem) == "Grammar"
    assert subject_of(load_protocol("click"), problem) == "Functional"


# --- haerae

LISTED = "(A) 비전속\n(B) 나무 키\n(C) 3.1 운동\n(D) 상대방\n(E) 비대면"
OPTIONS = ["비전속", "나무 키", "3.1 운동", "상대방", "비대면"]
QUERIES = [
    f"다음을 고르시요.\n    \n### 질문: \n언택트는?\n\n### 선택지: \n{LISTED}\n\n### 정답:",
    f"다음을 고르시요.\n\n### 지문:\n가을.\n### 참고: 옛말\n### 질문:\n무엇?\n### 선택지:\n{LISTED}\n### 정답: ",
    f"고르시요.\n### 문제: 무엇?\n{LISTED.replace(chr(10), ' ')} 정답：\n",
    "(A) 비가 오고 (B) 눈이 오고 (C) 해가 나는데 (D) 바람이 불며 (E) 맑다.\n\n",
    "  언택트의 순화어는?",
]


def read_query(query: str) -> Problem:
    fields = {"query": query, "options": OPTIONS, "answer": "(E)"}
    row = Row("history/test.csv:2", fields, "test", "test")
    return haerae.problem(row).model_copy(update={"source": "haerae"})


@pytest.mark.parametrize("query", QUERIES)
def test_a_haerae_query_is_asked_to_the_byte_whatever_its_shape(query):
    protocol = load_protocol("haerae@lm-eval")
    problem = read_query(query)
    (prompt,) = prompts_of(protocol, [problem])
    assert prompt.messages[-1].text == query
    assert prompt.problem_id == problem.id
    assert candidates_of(protocol, problem) == ("(A)", "(B)", "(C)", "(D)", "(E)")


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "M", "Lo"]), min_size=1).filter(str.strip)
)
def test_no_haerae_query_is_asked_otherwise_than_it_was_read(text):
    protocol = load_protocol("haerae@lm-eval")
    (prompt,) = prompts_of(protocol, [read_query(text)])
    assert prompt.messages[-1].text == clean(text)


def test_a_haerae_problem_that_came_without_its_query_is_refused():
    protocol = load_protocol("haerae@lm-eval")
    problem = read_query(QUERIES[0]).model_copy(update={"key": ""})
    with pytest.raises(KoalignError, match="was read without it; read the published files again"):
        prompts_of(protocol, [problem])
