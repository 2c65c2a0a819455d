"""What templates teach grades as right, and answers that were stored are graded again in order."""

import json

import pytest
from pydantic import ValidationError
from support.grading_vectors import FIVE, FOUR, LONG, MARKED, NOWHERE, SHORT, SPAN, WRONG

from koalign.data.prompting.prompts import DEFAULT, Renderer, load_template, template_names
from koalign.evaluation.solving.solutions import read_grade_lines
from koalign.grading.extract import extract_numbers, extract_texts
from koalign.grading.grade import GradeLine, grade, quotes_its_choice, regrade, tally
from koalign.grading.visible import comparable
from koalign.jsonl import write_jsonl
from koalign.records import KoalignError


def test_a_right_number_under_another_text_is_no_example():
    assert quotes_its_choice(FOUR, "고른 답: 다\n정답: 3")
    assert not quotes_its_choice(FOUR, "고른 답: 가\n정답: 3")
    assert quotes_its_choice(FOUR, "글에 나온다. 정답: 3")
    assert quotes_its_choice(SHORT, "정답: 만 6세")
    verse = FOUR.model_copy(update={"choices": ("산에는\n꽃 피네", "강", "들", "길")})
    assert quotes_its_choice(verse, "고른 답: 산에는\n꽃 피네\n정답: 1")


ASKED = [
    (name, problem)
    for name in template_names()
    for problem in (FOUR, FIVE, WRONG, MARKED, SHORT, SPAN, NOWHERE, LONG)
    if problem.kind in load_template(name).kinds
]


@pytest.mark.parametrize(("name", "problem"), ASKED)
def test_what_every_template_teaches_grades_as_right(name, problem):
    template = load_template(name)
    problem = problem.model_copy(
        update={"rationale": "①은 때가 다르고, 글의 셋째 줄이 그것을 말한다."}
    )
    if problem.kind == "short":
        problem = problem.model_copy(update={"answers": ("만 6세", "여섯 살")})
    text = Renderer(template=template).target(problem)
    assert grade(problem, text).why == "match", text
    if name == DEFAULT:
        assert quotes_its_choice(problem, text)


def test_statements_are_listed_in_order():
    assert extract_numbers("정답: 1\n정답은 2번 또는 3번\nB가 정답이다") == [(1,), (2, 3), (2,)]
    assert extract_numbers("③이 옳다") == [(3,)]
    assert extract_numbers("고을의 이름을 보라.") == []
    assert extract_texts("정답: 가야\n정답은 신라입니다.") == ["가야", "신라입니다."]


def test_comparison_ignores_emphasis_enclosing_quotes_and_a_final_full_stop():
    assert comparable("서울") == comparable(" “서울.” ") == comparable("**서울**") == "서울"
    assert comparable("①") != comparable("1")


def test_lines_of_a_file_are_regraded_in_order_and_strange_keys_are_refused():
    cut = {"text": "나이는\n지문에", "finish_reason": "length"}
    rows = [
        {"problem": json.loads(FOUR.model_dump_json()), "text": "정답: 3"},
        {"problem": json.loads(SHORT.model_dump_json()), **cut},
    ]
    graded = list(regrade(map(GradeLine.model_validate, rows)))
    assert [(g.id, g.answer, g.correct, g.why) for g in graded] == [
        (FOUR.id, "3", True, "match"),
        (SHORT.id, None, False, "truncated"),
    ]
    with pytest.raises(ValidationError, match="verdict"):
        GradeLine.model_validate({**rows[0], "verdict": "match"})


@pytest.mark.parametrize("changed, reason", [
    ('"text": "정답: 2", "text"', r"a\.jsonl:2: .*the key 'text' stands twice in one object"),
    ('"problem": {"answers": ["1"], "answers"', r"a\.jsonl:2: .*the key 'answers' stands twice in one object"),
    ('"note": 1, "text"', r"a\.jsonl:2: note: unknown key$"),
    (f'"text": "{"가" * 400}", "x"', r"a\.jsonl:2: more than 0 MB in one line"),
])  # fmt: skip
def test_a_line_to_grade_that_says_two_things_or_never_ends_is_refused(
    changed, reason, tmp_path, monkeypatch
):
    monkeypatch.setattr("koalign.jsonl.MOST_BYTES", 1000)
    line = json.dumps(
        {"problem": FOUR.model_dump(mode="json"), "text": "정답: 3"}, ensure_ascii=False
    )
    key = '"problem": {"question"' if "problem" in changed else '"text"'
    path = tmp_path / "a.jsonl"
    path.write_text(f"{line}\n{line.replace(key, changed)}\n", "utf-8")
    with pytest.raises(KoalignError, match=reason):
        read_grade_lines(str(path))


def test_half_of_a_surrogate_pair_in_a_reply_is_written_as_it_was_read(tmp_path):
    path = tmp_path / "graded.jsonl"
    write_jsonl(path, regrade([GradeLine(problem=SHORT, text="정답: 일곱 \ud83d")]))
    assert "\\ud83d" in path.read_text("utf-8")
    assert json.loads(path.read_text("utf-8"))["answer"] == "일곱 \ud83d"


def test_what_cannot_be_graded_is_neither_right_nor_wrong_and_keeps_its_detail():
    unknown = FOUR.model_copy(update={"answers": ()})
    lines = [
        GradeLine(problem=FOUR, text="정답: 3"),
        GradeLine(problem=FOUR, text="정답: 1"),
        GradeLine(problem=FOUR, text="모르겠다"),
        GradeLine(problem=None, text="정답: 3", key="q-7", detail="시험.csv:5: no_question: …"),
        GradeLine(problem=FOUR, text="", asked=False, detail="13 choices"),
        GradeLine(problem=unknown, text="정답: 3"),
        GradeLine(problem=unknown, text="모르겠다"),
        GradeLine(problem=LONG, text="모르겠다"),
    ]
    graded = list(regrade(lines))
    assert [one.why for one in graded] == [
        "match", "mismatch", "no_answer", "unreadable", "not_asked", "no_gold", "no_gold", "mismatch",
    ]  # fmt: skip
    assert (graded[3].key, graded[3].detail) == ("q-7", "시험.csv:5: no_question: …")
    assert graded[4].detail == "13 choices" and graded[5].answer == "3"
    total = tally(lines, graded)
    assert (total.right, total.n) == (1, 3)
    assert total.reasons == {"match": 1, "mismatch": 1, "no_answer": 1}
    assert total.not_graded == {"long": 1, "no_gold": 2, "not_asked": 1, "unreadable": 1}
