"""수능 and KICE papers in the exact shapes that are found in the wild are read without a loss."""

from copy import deepcopy

import pytest
from support.exam_files import FIVE, FOUR
from support.read_rows import dropped, only, read_as, table

CSAT_HEADER = ["id", "paragraph", "problems", "question_plus"]

ASKED = {"question": "옳은 것만을 모두 고르면?", "choices": FOUR, "answer": 2}


def csat(asked: object, box: str = "", paragraph: str = "상소하여 아뢰기를") -> str:
    return table(CSAT_HEADER, ["generation-for-nlp-1", paragraph, str(asked), box])


KICE = [
    {
        "id": "2023_11_KICE_1-3", "paragraph": "독서의 즐거움에는", "type": 0,
        "problems": [
            {"question": "윗글과 다른 것은?", "choices": FIVE, "answer": 4, "score": 2},
            {"question": "<보기>를 읽고 고르면?", "question_plus": "<보기> ㉠은", "choices": FIVE, "answer": 5, "score": 3},
        ],
    },
    {
        "id": "2023_11_KICE_35-37", "paragraph": "발표자: 안녕하세요", "type": 2,
        "problems": [
            {"question": "문법적으로 옳은 것은?", "choices": FIVE, "answer": 1, "score": 2, "type": 3, "no_paragraph": True},
        ],
    },
]  # fmt: skip


def csatqa(**changes: object) -> dict:
    options = {f"option#{n}": text for n, text in enumerate(FIVE, start=1)}
    row = {"question": "윗글의 주제는?", "context": "글", **options, "gold": 5, "category": "RCH"}
    return {**row, "human_performance": 62.0, **changes}


def test_a_csat_row_is_read_from_its_written_dict():
    problem = only(read_as("csat", "train.csv", csat(ASKED)))
    assert (problem.question, problem.passage) == (ASKED["question"], "상소하여 아뢰기를")
    assert (problem.choices, problem.answers) == (tuple(FOUR), ("2",))
    assert (problem.key, problem.split, problem.source) == ("generation-for-nlp-1", "train", "csat")
    assert problem.box == problem.subject == problem.rationale == ""
    assert problem.group


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_a_csat_file_is_read_in_every_encoding_that_excel_writes(encoding):
    data = csat({**ASKED, "question": "똠방각하의 뜻은?"}).encode(encoding)
    assert only(read_as("csat", "train.csv", data)).question == "똠방각하의 뜻은?"


@pytest.mark.parametrize("nothing", ["", "nan", "NaN"])
def test_a_missing_box_is_no_box_and_never_the_word_nan(nothing):
    assert only(read_as("csat", "train.csv", csat(ASKED, box=nothing))).box == ""
    inside = {**ASKED, "question_plus": nothing}
    assert only(read_as("csat", "train.csv", csat(inside))).box == ""


@pytest.mark.parametrize(
    ("asked", "box", "read"),
    [
        (ASKED, "ㄱ. 예송\nㄴ. 반정", "ㄱ. 예송\nㄴ. 반정"),
        ({**ASKED, "question_plus": "ㄱ. 탕평"}, "ㄴ. 환국", "ㄱ. 탕평"),
        (ASKED, "\u1100. 예송\n㉠ 환국", "ㄱ. 예송\n㉠ 환국"),  # conjoining choseong
    ],
)
def test_the_box_is_found_in_the_column_and_inside_problems(asked, box, read):
    assert only(read_as("csat", "train.csv", csat(asked, box=box))).box == read


def test_a_box_glued_to_the_paragraph_stays_there():
    paragraph = "현종실록 －ㄱ.기 사환국으로 ㄴ.인 조반정"
    problem = only(read_as("csat", "train.csv", csat(ASKED, paragraph=paragraph)))
    assert (problem.passage, problem.box) == (paragraph, "")


@pytest.mark.parametrize("answer", [{}, {"answer": ""}, {"answer": None}])
def test_a_csat_test_file_has_no_answers_and_an_index_column(answer):
    asked = {"question": "옳은 것은?", "choices": FIVE, **answer}
    content = table(["", *CSAT_HEADER], ["0", "nlp-7", "글", str(asked), ""])
    problem = only(read_as("csat", "test.csv", content))
    assert (problem.answers, problem.split, len(problem.choices)) == ((), "test", 5)


@pytest.mark.parametrize("problems", [ASKED, [ASKED], str([ASKED])])
def test_problems_may_be_a_dict_or_a_list_of_one(problems):
    rows = [{"id": "a", "paragraph": "글", "problems": problems, "question_plus": None}]
    assert only(read_as("csat", "train.json", rows)).answers == ("2",)


@pytest.mark.parametrize(
    ("problems", "reason"),
    [
        ([ASKED, ASKED], "not_one_question"), ([], "not_one_question"),
        ("__import__('os').getcwd()", "broken_literal"), ("{'question': '무엇", "broken_literal"),
        ("nan", "broken_literal"), ("", "broken_literal"), ("'글'", "wrong_type"),
        ({**ASKED, "choices": "신라"}, "broken_literal"), ({**ASKED, "choices": None}, "wrong_type"),
        ({**ASKED, "choices": ["신라", ""]}, "empty_choice"),
        ({**ASKED, "choices": ["신라"], "answer": 1}, "invalid"),
        ({**ASKED, "answer": 5}, "answer_outside_choices"),
        ({**ASKED, "answer": 0}, "answer_is_zero"),
        ({**ASKED, "answer": True}, "answer_is_no_number"),
        ({**ASKED, "answer": "모름"}, "answer_is_no_number"), ({**ASKED, "question": " "}, "no_question"),
    ],
)  # fmt: skip
def test_a_csat_row_that_cannot_be_read_is_a_drop_with_a_reason(problems, reason):
    drop = dropped(read_as("csat", "train.csv", csat(problems)))
    assert (drop.reason, drop.place) == (reason, "train.csv:2")


def test_a_flattened_csat_file_is_read_and_its_annotations_are_not():
    header = [
        "id",
        "paragraph",
        "question",
        "choices",
        "answer",
        "question_plus",
        "support",
        "keyword_1",
    ]
    row = ["n-1", "글", "옳은 것은?", str(FIVE), "3", "ㄱ. 탕평", "정답은 4번", "영조"]
    problem = only(read_as("csat", "train_exp_v1.0.0.csv", table(header, row)))
    assert (problem.choices, problem.answers, problem.box) == (tuple(FIVE), ("3",), "ㄱ. 탕평")
    assert "4번" not in problem.model_dump_json()


@pytest.mark.parametrize("column", ["cot_text", "reasoning"])
def test_a_csat_rationale_is_kept(column):
    header = ["id", "paragraph", "question", "choices", "answer", column]
    content = table(header, ["n-1", "글", "옳은 것은?", str(FOUR), "2.0", "사료는 왕건의 …"])
    problem = only(read_as("csat", "cot.csv", content))
    assert (problem.rationale, problem.answers) == ("사료는 왕건의 …", ("2",))


def test_questions_on_one_paragraph_are_one_group():
    passages = {"a": "같은 글", "b": "같은  글", "c": "다른 글"}
    rows = [[name, passage, str(ASKED), ""] for name, passage in passages.items()]
    first, second, third = read_as("csat", "train.csv", table(CSAT_HEADER, *rows)).problems
    assert first.group == second.group != third.group


def test_a_kice_paper_falls_into_its_questions_with_their_points():
    first, second, third = read_as("kice", "2023_11_KICE.json", KICE).problems
    assert [p.points for p in (first, second, third)] == [2, 3, 2]
    assert [p.answers for p in (first, second, third)] == [("4",), ("5",), ("1",)]
    assert [p.key for p in (first, second)] == ["2023_11_KICE_1-3#1", "2023_11_KICE_1-3#2"]
    assert first.group == second.group == "2023_11_KICE_1-3" != third.group
    assert (first.box, second.box) == ("", "㉠은")


def test_no_paragraph_drops_the_passage_but_not_the_group_and_its_own_type_goes_first():
    first, second, third = read_as("kice", "a.json", KICE).problems
    assert (third.passage, third.group) == ("", "2023_11_KICE_35-37")
    assert [p.subject for p in (first, second, third)] == ["비문학", "비문학", "문법"]


def test_every_broken_part_of_a_kice_file_is_one_drop_with_its_path():
    paper = [*deepcopy(KICE), "글", {"id": "x", "paragraph": "글", "problems": {"0": {}}}]
    paper[0]["problems"][1] = None
    paper[1]["problems"][0]["answer"] = 6
    reading = read_as("kice", "a.json", paper)
    assert (reading.rows, len(reading.problems)) == (5, 1)
    assert [(d.place, d.reason) for d in reading.drops] == [
        ("a.json: [0].problems[1]", "broken_row"),
        ("a.json: [1].problems[0]", "answer_outside_choices"),
        ("a.json: [2]", "broken_row"),
        ("a.json: [3].problems", "broken_row"),
    ]


def test_csat_qa_counts_its_options_from_one():
    problem = only(read_as("csat-qa", "test.json", [csatqa()]))
    assert (problem.choices, problem.answers) == (tuple(FIVE), ("5",))
    assert (problem.subject, problem.passage, problem.split) == ("RCH", "글", "test")


def test_a_null_context_is_no_passage_and_never_the_word_none():
    problem = only(read_as("csat-qa", "full.jsonl", csatqa(context=None)))
    assert (problem.passage, problem.group) == ("", "")
