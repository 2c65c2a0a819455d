"""Exam files in the exact shapes that are found in the wild: each is known, and read without a loss."""

import csv
import io
import json
import unicodedata
from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalign.data.formats import Reading, read
from koalign.data.formats.documents import document_of_rows, open_document, open_documents
from koalign.records import Problem

FOUR = ["신라", "고려", "조선", "발해"]
FIVE = [*FOUR, "가야"]


def table(*rows: list, delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def read_as(format_name: str, file: str, content: str | bytes) -> Reading:
    """Read a file that sniffing must know as the named format; every row comes out once."""
    data = content if isinstance(content, bytes) else content.encode("utf-8")
    reading = read([open_document(file, data)])
    assert reading.files == {file: format_name}, reading.not_read
    assert reading.rows == len(reading.problems) + len(reading.drops)
    return reading


def only(reading: Reading) -> Problem:
    assert not reading.drops, reading.drops
    (problem,) = reading.problems
    assert type(problem).model_validate(problem.model_dump(mode="json")) == problem
    return problem


def only_drop(reading: Reading) -> tuple[str, str, str]:
    assert not reading.problems
    (drop,) = reading.drops
    return drop.reason, drop.detail, drop.place


# --- csat

CSAT_HEADER = ["id", "paragraph", "problems", "question_plus"]
ASKED = {"question": "옳은 것만을 모두 고르면?", "choices": FOUR, "answer": 2}


def csat(asked: object, box: str = "", paragraph: str = "상소하여 아뢰기를") -> str:
    return table(CSAT_HEADER, ["generation-for-nlp-1", paragraph, str(asked), box])


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


def test_the_box_is_found_in_the_column_and_inside_problems():
    assert (
        only(read_as("csat", "train.csv", csat(ASKED, box="ㄱ. 예송\nㄴ. 반정"))).box
        == "ㄱ. 예송\nㄴ. 반정"
    )
    inside = csat({**ASKED, "question_plus": "ㄱ. 탕평"}, box="ㄴ. 환국")
    assert only(read_as("csat", "train.csv", inside)).box == "ㄱ. 탕평"


def test_a_box_glued_to_the_paragraph_stays_there():
    problem = only(
        read_as(
            "csat", "train.csv", csat(ASKED, paragraph="현종실록 －ㄱ.기 사환국으로 ㄴ.인 조반정")
        )
    )
    assert problem.passage == "현종실록 －ㄱ.기 사환국으로 ㄴ.인 조반정"
    assert problem.box == ""


def test_a_box_in_conjoining_choseong_reads_as_people_type_it():
    assert (
        only(read_as("csat", "a.csv", csat(ASKED, box="\u1100. 예송\n㉠ 환국"))).box
        == "ㄱ. 예송\n㉠ 환국"
    )


@pytest.mark.parametrize("answer", [{}, {"answer": ""}, {"answer": None}])
def test_a_csat_test_file_has_no_answers_and_an_index_column(answer):
    asked = {"question": "옳은 것은?", "choices": FIVE, **answer}
    content = table(["", *CSAT_HEADER], ["0", "nlp-7", "글", str(asked), ""])
    problem = only(read_as("csat", "test.csv", content))
    assert (problem.answers, problem.split, len(problem.choices)) == ((), "test", 5)


@pytest.mark.parametrize("problems", [ASKED, [ASKED], str([ASKED])])
def test_problems_may_be_a_dict_or_a_list_of_one(problems):
    rows = [{"id": "a", "paragraph": "글", "problems": problems, "question_plus": None}]
    assert only(read_as("csat", "train.json", as_json(rows))).answers == ("2",)


@pytest.mark.parametrize(
    ("problems", "reason"),
    [
        ([ASKED, ASKED], "not_one_question"),
        ([], "not_one_question"),
        ("__import__('os').getcwd()", "broken_literal"),
        ("{'question': '무엇", "broken_literal"),
        ("nan", "broken_literal"),
        ("", "broken_literal"),
        ("'글'", "wrong_type"),
        ({**ASKED, "choices": "신라"}, "broken_literal"),
        ({**ASKED, "choices": None}, "wrong_type"),
        ({**ASKED, "choices": ["신라", ""]}, "empty_choice"),
        ({**ASKED, "choices": ["신라"], "answer": 1}, "invalid"),
        ({**ASKED, "answer": 5}, "answer_outside_choices"),
        ({**ASKED, "answer": 0}, "answer_outside_choices"),
        ({**ASKED, "answer": True}, "answer_is_no_number"),
        ({**ASKED, "answer": "③"}, "answer_is_no_number"),
        ({**ASKED, "question": " "}, "no_question"),
    ],
)
def test_a_csat_row_that_cannot_be_read_is_a_drop_with_a_reason(problems, reason):
    found, _, place = only_drop(read_as("csat", "train.csv", csat(problems)))
    assert (found, place) == (reason, "train.csv:2")


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
    rows = [
        ["a", "같은 글", str(ASKED), ""],
        ["b", "같은  글", str(ASKED), ""],
        ["c", "다른 글", str(ASKED), ""],
    ]
    first, second, third = read_as("csat", "train.csv", table(CSAT_HEADER, *rows)).problems
    assert first.group == second.group != third.group


# --- kice

KICE = [
    {
        "id": "2023_11_KICE_1-3",
        "paragraph": "독서의 즐거움에는",
        "type": 0,
        "problems": [
            {"question": "윗글과 다른 것은?", "choices": FIVE, "answer": 4, "score": 2},
            {
                "question": "<보기>를 읽고 고르면?",
                "question_plus": "<보기> ㉠은",
                "choices": FIVE,
                "answer": 5,
                "score": 3,
            },
        ],
    },
    {
        "id": "2023_11_KICE_35-37",
        "paragraph": "발표자: 안녕하세요",
        "type": 2,
        "problems": [
            {
                "question": "문법적으로 옳은 것은?",
                "choices": FIVE,
                "answer": 1,
                "score": 2,
                "type": 3,
                "no_paragraph": True,
            }
        ],
    },
]


def test_a_kice_paper_falls_into_its_questions_with_their_points():
    first, second, third = read_as("kice", "2023_11_KICE.json", as_json(KICE)).problems
    assert [p.points for p in (first, second, third)] == [2, 3, 2]
    assert [p.answers for p in (first, second, third)] == [("4",), ("5",), ("1",)]
    assert [p.key for p in (first, second)] == ["2023_11_KICE_1-3#1", "2023_11_KICE_1-3#2"]
    assert first.group == second.group == "2023_11_KICE_1-3" != third.group
    assert (first.box, second.box) == ("", "<보기> ㉠은")


def test_no_paragraph_drops_the_passage_but_not_the_group():
    third = read_as("kice", "a.json", as_json(KICE)).problems[2]
    assert (third.passage, third.group) == ("", "2023_11_KICE_35-37")


def test_the_type_of_a_question_goes_before_that_of_its_passage():
    assert [p.subject for p in read_as("kice", "a.json", as_json(KICE)).problems] == [
        "비문학",
        "비문학",
        "문법",
    ]


def test_every_broken_part_of_a_kice_file_is_one_drop_with_its_path():
    paper = [*deepcopy(KICE), "글", {"id": "x", "paragraph": "글", "problems": {"0": {}}}]
    paper[0]["problems"][1] = None
    paper[1]["problems"][0]["answer"] = 6
    reading = read_as("kice", "a.json", as_json(paper))
    assert (reading.rows, len(reading.problems)) == (5, 1)
    assert [(d.place, d.reason) for d in reading.drops] == [
        ("a.json: [0].problems[1]", "broken_row"),
        ("a.json: [1].problems[0]", "answer_outside_choices"),
        ("a.json: [2]", "broken_row"),
        ("a.json: [3].problems", "broken_row"),
    ]


# --- kmmlu

KMMLU_HEADER = ["question", "answer", "A", "B", "C", "D", "Category", "Human Accuracy"]


def test_a_kmmlu_row_is_read_by_the_names_of_its_columns():
    row = ["왕조가 아닌 것은?", "4", *FOUR, "Criminal Law", "0.0"]
    swapped = [[*line[:6], line[7], line[6]] for line in (KMMLU_HEADER, row)]
    for file, content in (
        ("Criminal-Law-test.csv", [KMMLU_HEADER, row]),
        ("math-test.csv", swapped),
    ):
        problem = only(read_as("kmmlu", file, table(*content)))
        assert (problem.question, problem.choices) == ("왕조가 아닌 것은?", tuple(FOUR))
        assert (problem.answers, problem.subject) == (("4",), "Criminal-Law")
        assert (problem.split, problem.points) == ("test", None)


@pytest.mark.parametrize(
    ("file", "category", "subject"),
    [
        ("Criminal-Law-test.csv", "", "Criminal-Law"),
        ("korean-history-dev.csv", "", "Korean-History"),
        ("math-train.csv", "", "Math"),
        ("computer_science.csv", "", "Computer-Science"),
        ("computer_science_test.csv", "", "Computer-Science"),
        ("test-00000-of-00001.csv", "", ""),
        ("train.csv", "", ""),
        ("test.csv", "korean_history", "Korean-History"),
        ("x.csv", "Political Science and Sociology", "Political-Science-and-Sociology"),
    ],
)
def test_a_kmmlu_subject_has_one_spelling(file, category, subject):
    content = table(KMMLU_HEADER, ["질문?", "1", *FOUR, category, "0.6"])
    assert only(read_as("kmmlu", file, content)).subject == subject


def test_a_choice_that_reads_like_a_missing_value_is_a_text():
    content = table(
        KMMLU_HEADER,
        ["값이 없음을 뜻하는 것은?", "1", "None", "NA", "nan", "null", "Computer Science", ""],
    )
    assert only(read_as("kmmlu", "a.csv", content)).choices == ("None", "NA", "nan", "null")


def test_a_kmmlu_parquet_file_is_read_as_the_csv_is(tmp_path):
    import pyarrow
    import pyarrow.parquet as parquet

    row = dict(zip(KMMLU_HEADER, ["질문?", 3, *FOUR, "Law", 0.5], strict=True))
    parquet.write_table(pyarrow.Table.from_pylist([row]), tmp_path / "test-00000-of-00001.parquet")
    reading = read(open_documents(tmp_path))
    assert set(reading.files.values()) == {"kmmlu"}
    assert (only(reading).answers, only(reading).subject) == (("3",), "Law")


def test_a_choice_of_zero_is_a_choice_and_one_of_nan_is_none():
    row = dict(zip(KMMLU_HEADER, ["값은?", 1, 0, 1.0, 1234567.5, 10**7, "Math", 0.5], strict=True))
    rows = [row, {**row, "D": float("nan")}]
    reading = read([document_of_rows("hub", "test", rows)])
    assert [p.choices for p in reading.problems] == [("0", "1", "1234567.5", "10000000")]
    assert [drop.reason for drop in reading.drops] == ["empty_choice"]


def test_a_kmmlu_file_of_nothing_but_a_header_is_no_error():
    assert read_as("kmmlu", "Accounting-train.csv", ",".join(KMMLU_HEADER) + "\n").rows == 0


def test_stray_notebook_checkpoints_in_a_folder_are_not_read_twice(tmp_path):
    content = table(KMMLU_HEADER, ["질문?", "1", *FOUR, "Math", "0.6"])
    for file in ("data/math-dev.csv", "data/.ipynb_checkpoints/math-dev-checkpoint.csv"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(content, encoding="utf-8")
    assert only(read(open_documents(tmp_path))).split == "dev"


def test_a_wrong_answer_file_of_kmmlu_is_native():
    row = {
        "question": "왕조가 아닌 것은?",
        "choices": FOUR,
        "answer": 4,
        "subject": "Korean-History",
    }
    problem = only(read_as("native", "wrong.jsonl", as_json(row) + "\n"))
    assert (problem.answers, problem.subject) == (("4",), "Korean-History")


# --- kmmlu-redux, kmmlu-pro

PRO = {
    "question": "옳은 것은?",
    "options": FIVE,
    "solution": "5",
    "license_name": "변호사",
    "subject": "민법",
}


@pytest.mark.parametrize("options", [FOUR, FIVE])
def test_kmmlu_pro_has_four_or_five_options_and_its_answer_as_text(options):
    row = {**PRO, "options": options, "solution": str(len(options)), "year": "2024"}
    problem = only(read_as("kmmlu-pro", "test.jsonl", as_json(row)))
    assert (problem.choices, problem.answers) == (tuple(options), (str(len(options)),))
    assert problem.subject == "변호사/민법"


def test_kmmlu_redux_is_filed_by_category_and_read_from_csv_too():
    header = ["question", "options", "solution", "license_name", "category"]
    content = table(header, ["옳은 것은?", str(FOUR), "2", "가스기사", "기계"])
    problem = only(read_as("kmmlu-redux", "test.csv", content))
    assert (problem.choices, problem.answers, problem.subject) == (tuple(FOUR), ("2",), "기계")


def test_the_answer_of_kmmlu_pro_is_checked_against_its_own_choices():
    row = {**PRO, "options": FOUR}
    assert only_drop(read_as("kmmlu-pro", "a.jsonl", as_json(row)))[0] == "answer_outside_choices"


# --- mmmlu

MMMLU_HEADER = ["", "Question", "A", "B", "C", "D", "Answer", "Subject"]


def test_mmmlu_answers_with_a_letter():
    row = ["17", "알맞은 것은?", *FOUR, "B", "high_school_psychology"]
    problem = only(read_as("mmmlu", "test/mmlu_KO-KR.csv", table(MMMLU_HEADER, row)))
    assert (problem.answers, problem.subject) == (("2",), "high_school_psychology")
    assert (problem.key, problem.split) == ("17", "test")


@pytest.mark.parametrize(
    ("answer", "reason"), [("E", "answer_outside_choices"), ("2", "answer_is_no_letter")]
)
def test_a_letter_outside_the_choices_is_a_drop(answer, reason):
    content = table(MMMLU_HEADER, ["0", "알맞은 것은?", *FOUR, answer, "law"])
    assert only_drop(read_as("mmmlu", "a.csv", content))[0] == reason


# --- click


def click(**changes: object) -> dict:
    row = {
        "id": "KIIP_society_84",
        "paragraph": "",
        "question": "수도는?",
        "choices": FOUR,
        "answer": "고려",
    }
    return {**row, **changes}


def test_click_answers_with_the_text_of_a_choice():
    problem = only(read_as("click", "Society_KIIP.json", as_json([click()])))
    assert (problem.answers, problem.key, problem.passage) == (("2",), "KIIP_society_84", "")
    assert problem.group == ""


@pytest.mark.parametrize(
    "answer", ["이  (가)", " 이 (가) ", unicodedata.normalize("NFD", "이 (가)"), "이\u00a0(가)"]
)
def test_a_click_answer_is_found_across_spaces_and_normal_forms(answer):
    choices = ["이 (나)", "이 (가)", "\uf9d0", "발해"]
    row = click(choices=choices, answer=answer)
    assert only(read_as("click", "a.json", as_json([row]))).answers == ("2",)


def test_compatibility_hanja_are_one_character_after_reading():
    row = click(choices=["\uf9d0", "高麗"], answer="類")
    assert only(read_as("click", "a.json", as_json([row]))).answers == ("1",)


def test_a_wrong_choice_that_stands_twice_is_kept_and_a_right_one_is_refused():
    choices = ["신라", "고려", "신라", "발해"]
    reading = read_as(
        "click", "a.json", as_json([click(choices=choices), click(choices=choices, answer="신라")])
    )
    assert [p.answers for p in reading.problems] == [("2",)]
    assert [drop.reason for drop in reading.drops] == ["answer_is_two_choices"]


def test_two_questions_with_one_id_are_two_problems():
    rows = [click(id="Kedu_16_1"), click(id="Kedu_16_1", question="국호는?")]
    reading = read_as("click", "a.json", as_json(rows))
    assert [p.key for p in reading.problems] == ["Kedu_16_1"] * 2
    assert len({p.id for p in reading.problems}) == 2


def test_csat_questions_of_click_keep_their_fifth_choice():
    row = click(id="CSAT_korean_07_6", choices=FIVE, answer="가야")
    assert only(read_as("click", "Functional_CSAT.json", as_json([row]))).answers == ("5",)


@pytest.mark.parametrize(
    ("file", "name", "question", "subject"),
    [
        ("Dataset/Culture/Korean History/History_PSE.json", "PSE_history_13_1", "왕은?", "History"),
        ("Dataset/Language/Functional/Functional_Kedu.json", "Kedu_16_1", "뜻은?", "Functional"),
        ("click.json", "KHB_66_1", "왕은?", "History"),
        ("click.json", "PSAT_17_1", "법은?", "Law"),
        ("click.json", "Kedu_Society_3", "말은?", "Society"),
        ("click.json", "CSAT_geography_06_2", "산은?", "Geography"),
        ("click.json", "CSAT_korean_22_7", "글은?", "Textual"),
        ("click.json", "CSAT_korean_23_34", "글은?", "Textual"),
        ("click.json", "CSAT_korean_23_35", "말은?", "Functional"),
        ("click.json", "CSAT_korean_13_10", "말은?", "Functional"),
        ("click.json", "CSAT_korean_13_11", "말은?", "Grammar"),
        ("click.json", "PSE_korean_1", "말은?", "Functional"),
        ("click.json", "TK_2016_4", "말은?", "Grammar"),
        ("click.json", "TK_2016_10", "말은?", "Textual"),
        ("click.json", "Kedu_16_1", "다음 대화에서?", "Functional"),
        ("click.json", "Kedu_16_1", "말은?", "Grammar"),
    ],
)
def test_a_click_subject_comes_from_the_file_or_else_from_the_id(file, name, question, subject):
    rows = [click(id=name, question=question)]
    assert only(read_as("click", file, as_json(rows))).subject == subject


def test_click_saved_as_csv_is_still_click_and_a_flat_csat_file_is_not():
    header = ["id", "paragraph", "question", "choices", "answer"]
    assert only(
        read_as("click", "click.csv", table(header, ["a", "", "수도는?", str(FOUR), "고려"]))
    ).answers
    years = str(["1392", "1592", "1894", "1910"])
    assert only(
        read_as("csat", "train.csv", table(header, ["a", "글", "연도는?", years, "3"]))
    ).answers == ("3",)


# --- haerae

QUERY = (
    "다음 질문을 읽고 정답으로 가장 알맞은 것을 고르시요.\n    \n### 질문: \n언택트의 순화어로 알맞은 것은?\n\n"
    "### 선택지: \n(A) 비전속\n(B) 나무 키\n(C) 3.1 운동\n(D) 상대방\n(E) 비대면\n\n### 정답:"
)
OPTIONS = ["비전속", "나무 키", "3.1 운동", "상대방", "비대면"]


def haerae(query: str = QUERY, answer: str = "(E)") -> str:
    return table(["query", "options", "answer"], [query, str(OPTIONS), answer])


def test_the_choices_of_haerae_are_not_shown_twice():
    problem = only(read_as("haerae", "data/HAERAE-Bench-v1-KGK.csv", haerae()))
    assert (
        problem.question
        == "다음 질문을 읽고 정답으로 가장 알맞은 것을 고르시요.\n언택트의 순화어로 알맞은 것은?"
    )
    assert (problem.choices, problem.answers) == (tuple(OPTIONS), ("5",))


def test_the_passage_and_the_reference_of_a_haerae_query_find_their_places():
    query = QUERY.replace("### 질문:", "### 지문: \n가을이 왔다.\n\n### 참고:\n단풍\n\n### 질문:")
    problem = only(read_as("haerae", "a.csv", haerae(query)))
    assert (problem.passage, problem.box) == ("가을이 왔다.", "단풍")
    assert problem.question.endswith("언택트의 순화어로 알맞은 것은?")


def test_other_headings_of_a_haerae_query_stay_in_its_text():
    query = QUERY.replace("### 질문:", "### 날짜: 3월 1일\n### 질문:")
    assert "### 날짜: 3월 1일" in only(read_as("haerae", "a.csv", haerae(query))).question


def test_where_the_marks_stand_in_the_text_they_are_the_choices():
    query = "(A) 비가 오고 (B) 눈이 오고 (C) 해가 나는데 (D) 바람이 불며 (E) 맑다. 틀린 곳은?"
    problem = only(read_as("haerae", "a.csv", haerae(query, "(B)")))
    assert (problem.question, problem.choices) == (query, ("(A)", "(B)", "(C)", "(D)", "(E)"))
    assert problem.answers == ("2",)


def test_where_the_query_holds_no_choices_the_options_are_the_choices():
    problem = only(read_as("haerae", "a.csv", haerae("언택트의 순화어는?")))
    assert (problem.question, problem.choices) == ("언택트의 순화어는?", tuple(OPTIONS))


@pytest.mark.parametrize(
    ("file", "subject"),
    [
        ("data/HAERAE-Bench-v1-KGK.csv", "general_knowledge"),
        ("HAERAE-Bench-v1-HI.csv", "history"),
        ("history/loan_words/test.csv", "loan_words"),
        ("HAE-RAE_csat_geo.csv", "csat_geo"),
        ("a.csv", ""),
    ],
)
def test_a_haerae_subject_comes_from_the_path(file, subject):
    assert only(read_as("haerae", file, haerae())).subject == subject


# --- csat-qa


def csatqa(**changes: object) -> dict:
    options = {f"option#{n}": text for n, text in enumerate(FIVE, start=1)}
    row = {"question": "윗글의 주제는?", "context": "글", **options, "gold": 5, "category": "RCH"}
    return {**row, "human_performance": 62.0, **changes}


def test_csat_qa_counts_its_options_from_one():
    problem = only(read_as("csat-qa", "test.json", as_json([csatqa()])))
    assert (problem.choices, problem.answers) == (tuple(FIVE), ("5",))
    assert (problem.subject, problem.passage, problem.split) == ("RCH", "글", "test")


def test_a_null_context_is_no_passage_and_never_the_word_none():
    problem = only(read_as("csat-qa", "full.jsonl", as_json(csatqa(context=None))))
    assert (problem.passage, problem.group) == ("", "")


# --- kobest


def hub(task_row: dict) -> str:
    return as_json(task_row) + "\n"


BOOLQ = {"paragraph": "독서는 즐겁다.", "question": "독서는 즐거운가?", "label": 1}
COPA = {
    "premise": "비가 왔다.",
    "question": "결과",
    "alternative_1": "해가 났다.",
    "alternative_2": "길이 젖었다.",
    "label": 1,
}
HELLASWAG = {
    "context": "공을 던진다.",
    **{f"ending_{n}": FOUR[n - 1] for n in range(1, 5)},
    "label": 3,
}
SENTINEG = {"sentence": "안 좋아요", "label": 0}
WIC = {"word": "양분", "context_1": "[양분]이 많다.", "context_2": "둘로 [양분]했다.", "label": 0}


@pytest.mark.parametrize(
    ("row", "task", "choices", "answer"),
    [
        (BOOLQ, "boolq", ("아니오", "예"), "2"),
        (COPA, "copa", ("해가 났다.", "길이 젖었다."), "2"),
        (HELLASWAG, "hellaswag", tuple(FOUR), "4"),
        (SENTINEG, "sentineg", ("부정", "긍정"), "1"),
        (WIC, "wic", ("아니오", "예"), "1"),
    ],
)
def test_the_five_tasks_of_kobest_on_the_hub_count_from_zero(row, task, choices, answer):
    problem = only(read_as("kobest", "test.jsonl", hub(row)))
    assert (problem.subject, problem.choices, problem.answers) == (task, choices, (answer,))
    assert (problem.source, problem.split) == ("kobest", "test")


GITHUB_BOOLQ = "ID\tText\tQuestion\tAnswer\r\n1\t글\t즐거운가?\t{}\r\n"


@pytest.mark.parametrize(
    ("label", "answer"), [("True", "2"), ("TRUE", "2"), ("False", "1"), ("FALSE", "1")]
)
def test_the_truth_of_kobest_on_github_is_spelled_in_four_ways(label, answer):
    problem = only(read_as("kobest", "BoolQ/test.tsv", GITHUB_BOOLQ.format(label)))
    assert (problem.answers, problem.question, problem.key) == ((answer,), "즐거운가?", "1")


def test_copa_counts_from_one_on_github_and_from_zero_on_the_hub():
    github = "ID\tsentence\tquestion\t1\t2\tAnswer\r\n1\t비가 왔다.\t결과\t해가 났다.\t길이 젖었다.\t2\r\n"
    one, other = (
        only(read_as("kobest", "COPA/dev.tsv", github)),
        only(read_as("kobest", "a.jsonl", hub(COPA))),
    )
    assert one.answers == other.answers == ("2",)
    assert one.id == other.id
    zero = only_drop(read_as("kobest", "COPA/dev.tsv", github.replace("\t2\r\n", "\t0\r\n")))
    assert zero[0] == "answer_outside_choices"


def test_copa_asks_for_the_cause_or_the_result_and_nothing_else():
    asked = [
        only(read_as("kobest", "a.jsonl", hub({**COPA, "question": word}))).question
        for word in ("원인", "결과 ")
    ]
    assert asked == ["이 문장의 원인으로 알맞은 것은?", "이 문장의 결과로 알맞은 것은?"]
    reading = read_as("kobest", "a.jsonl", hub({**COPA, "question": "이유"}))
    assert only_drop(reading)[0] == "neither_cause_nor_result"


def test_hellaswag_counts_from_zero_on_github_too_and_has_lf_line_ends():
    github = (
        "context\tchoice1\tchoice2\tchoice3\tchoice4\tlabel\n공을 던진다.\t"
        + "\t".join(FOUR)
        + "\t3\n"
    )
    problem = only(read_as("kobest", "HellaSwag/dev.tsv", github))
    assert (problem.answers, problem.id) == (
        ("4",),
        only(read_as("kobest", "a.jsonl", hub(HELLASWAG))).id,
    )


@pytest.mark.parametrize(
    "content",
    [
        "ID\tText\tLabel\r\n1\t안 좋아요\t0\r\n",
        "ID\tLabel\tText\r\n1\t0\t안 좋아요\r\n",
        "ID\tLabel_origin\tText_origin\tLabel\tText\tCategory_neg\r\n1\t1\t좋아요\t0\t안 좋아요\t1\r\n",
    ],
)
def test_sentineg_is_read_by_name_and_asks_the_negated_sentence(content):
    problem = only(read_as("kobest", "SentiNeg/test.tsv", content))
    assert (problem.passage, problem.answers, problem.key) == ("안 좋아요", ("1",), "1")


def test_wic_of_github_is_wic_of_the_hub():
    header = (
        "ID\tTarget\tSENTENCE1\tDictionary 1\tLink 1\tSENTENCE2\tDictionary 2\tLink2\tANSWER\r\n"
    )
    row = "1\t양분\t[양분]이 많다.\t9\thttps://a\t둘로 [양분]했다.\t4\thttps://b\tFalse\r\n"
    problem = only(read_as("kobest", "WiC/train.tsv", header + row))
    assert problem.id == only(read_as("kobest", "a.jsonl", hub(WIC))).id
    assert (problem.answers, problem.question) == (("1",), "두 문장에서 '양분'의 뜻이 같은가?")


def test_a_tab_separated_cell_may_begin_with_a_quotation_mark_and_not_be_quoted():
    plain = '1\t"국제시장"은 영화이다.\t"국제시장"의 감독은?\tTrue\r\n'
    quoted = '2\t"""국제시장""은 영화이다."\t"즐거운가?"\tTrue\r\n'
    unclosed = '3\t"국제시장은 영화이다.\t즐거운가?\tTrue\r\n'
    content = (
        "ID\tText\tQuestion\tAnswer\r\n" + plain + quoted + unclosed + "4\t글\t즐거운가?\tTrue\r\n"
    )
    reading = read_as("kobest", "BoolQ/train.tsv", content)
    assert not reading.drops
    assert [p.passage for p in reading.problems] == [
        '"국제시장"은 영화이다.', '"국제시장"은 영화이다.', '"국제시장은 영화이다.', "글",
    ]  # fmt: skip
    assert reading.problems[0].question == '"국제시장"의 감독은?'


def test_a_sentence_and_a_label_among_other_columns_are_not_kobest():
    reading = read([open_document("a.jsonl", as_json({**SENTINEG, "emotion": "슬픔"}).encode())])
    assert "kobest" not in reading.files.values()


# --- all of them

GOOD = {
    "csat": {"id": "a", "paragraph": "글", "problems": str(ASKED), "question_plus": "ㄱ"},
    "click": click(),
    "kmmlu": dict(zip(KMMLU_HEADER, ["질문?", 3, *FOUR, "Law", 0.5], strict=True)),
    "kmmlu-pro": PRO,
    "kmmlu-redux": {"question": "옳은 것은?", "options": FOUR, "solution": "2", "category": "기계"},
    "mmmlu": dict(
        zip(["Unnamed: 0", *MMMLU_HEADER[1:]], [0, "질문?", *FOUR, "B", "law"], strict=True)
    ),
    "csat-qa": csatqa(),
    "haerae": {"query": QUERY, "options": OPTIONS, "answer": "(E)"},
    "kobest": COPA,
}
WILD = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["nan", "[1,", "{'question': 1}", "\ud800", "정답", "1", "A", "(A)"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_row_of_each_format_is_known_by_its_own_format_alone(name):
    reading = read([document_of_rows("rows", "", [GOOD[name]])])
    assert (list(reading.files.values()), len(reading.problems)) == ([name], 1)


@given(data=st.data(), name=st.sampled_from(sorted(GOOD)))
def test_no_garbage_in_a_row_ends_in_a_traceback_or_vanishes(data, name):
    good = GOOD[name]
    spoilt = data.draw(st.sets(st.sampled_from(sorted(good)), min_size=1))
    row = {key: data.draw(WILD) if key in spoilt else value for key, value in good.items()}
    for missing in data.draw(st.sets(st.sampled_from(sorted(good)), max_size=2)):
        row.pop(missing, None)
    reading = read([document_of_rows("rows", "", [good, row, data.draw(WILD)])], name)
    assert reading.rows == 3 == len(reading.problems) + len(reading.drops)


@given(asked=WILD, problems=WILD, passage=WILD)
def test_no_garbage_in_a_kice_paper_ends_in_a_traceback_or_vanishes(asked, problems, passage):
    question = {**KICE[0]["problems"][0], "score": asked, "choices": asked, "no_paragraph": asked}
    wild = [{**KICE[0], "problems": [question, asked]}, {**KICE[1], "problems": problems}, passage]
    text = json.dumps([KICE[0], *wild])
    reading = read([open_document("a.json", text.encode())], "kice")
    assert reading.rows == len(reading.problems) + len(reading.drops)
    sized = len(problems) if isinstance(problems, list) else 1
    assert reading.rows == 2 + 2 + sized + 1


def test_the_formats_read_a_folder_together(tmp_path: Path):
    for name, row in GOOD.items():
        (tmp_path / f"{name}.jsonl").write_text(as_json(row), encoding="utf-8")
    reading = read(open_documents(tmp_path))
    assert sorted(reading.files.values()) == sorted(GOOD)
    assert len(reading.problems) == len(GOOD)
