"""CLIcK and HAE-RAE Bench: answers that are texts, queries that hold their choices, subjects from paths."""

import unicodedata

import pytest
from support.exam_files import FIVE, FOUR
from support.read_rows import only, read_as, table


def click(**changes: object) -> dict:
    row = {
        "id": "KIIP_society_84",
        "paragraph": "",
        "question": "수도는?",
        "choices": FOUR,
        "answer": "고려",
    }
    return {**row, **changes}


QUERY = (
    "다음 질문을 읽고 정답으로 가장 알맞은 것을 고르시요.\n    \n### 질문: \n언택트의 순화어로 알맞은 것은?\n\n"
    "### 선택지: \n(A) 비전속\n(B) 나무 키\n(C) 3.1 운동\n(D) 상대방\n(E) 비대면\n\n### 정답:"
)

OPTIONS = ["비전속", "나무 키", "3.1 운동", "상대방", "비대면"]


def haerae(query: str = QUERY, answer: str = "(E)") -> str:
    return table(["query", "options", "answer"], [query, str(OPTIONS), answer])


def test_click_answers_with_the_text_of_a_choice():
    problem = only(read_as("click", "Society_KIIP.json", [click()]))
    assert (problem.answers, problem.key, problem.passage) == (("2",), "KIIP_society_84", "")
    assert problem.group == ""


@pytest.mark.parametrize(
    "answer", ["이  (가)", " 이 (가) ", unicodedata.normalize("NFD", "이 (가)"), "이\u00a0(가)"]
)
def test_a_click_answer_is_found_across_spaces_and_normal_forms(answer):
    choices = ["이 (나)", "이 (가)", "\uf9d0", "발해"]
    row = click(choices=choices, answer=answer)
    assert only(read_as("click", "a.json", [row])).answers == ("2",)


def test_compatibility_hanja_are_one_character_after_reading():
    row = click(choices=["\uf9d0", "高麗"], answer="類")
    assert only(read_as("click", "a.json", [row])).answers == ("1",)


def test_a_wrong_choice_that_stands_twice_is_kept_and_a_right_one_is_right_twice():
    choices = ["신라", "고려", "신라", "발해"]
    rows = [click(choices=choices), click(choices=choices, answer="신라")]
    reading = read_as("click", "a.json", rows)
    assert [p.answers for p in reading.problems] == [("2",), ("1", "3")]


def test_two_questions_with_one_id_are_two_problems():
    rows = [click(id="Kedu_16_1"), click(id="Kedu_16_1", question="국호는?")]
    reading = read_as("click", "a.json", rows)
    assert [p.key for p in reading.problems] == ["Kedu_16_1"] * 2
    assert len({p.id for p in reading.problems}) == 2


def test_csat_questions_of_click_keep_their_fifth_choice():
    row = click(id="CSAT_korean_07_6", choices=FIVE, answer="가야")
    assert only(read_as("click", "Functional_CSAT.json", [row])).answers == ("5",)


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
    assert only(read_as("click", file, rows)).subject == subject


def test_click_saved_as_csv_is_still_click_and_a_flat_csat_file_is_not():
    header = ["id", "paragraph", "question", "choices", "answer"]
    row = table(header, ["a", "", "수도는?", str(FOUR), "고려"])
    assert only(read_as("click", "click.csv", row)).answers == ("2",)
    row = table(header, ["a", "글", "연도는?", str(["1392", "1592", "1894", "1910"]), "3"])
    assert only(read_as("csat", "train.csv", row)).answers == ("3",)


def test_the_choices_of_haerae_are_not_shown_twice():
    problem = only(read_as("haerae", "data/HAERAE-Bench-v1-KGK.csv", haerae()))
    assert problem.question.endswith("고르시요.\n언택트의 순화어로 알맞은 것은?")
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
        ("data/HAERAE-Bench-v1-KGK.csv", "general_knowledge"), ("HAERAE-Bench-v1-HI.csv", "history"),
        ("history/loan_words/test.csv", "loan_words"), ("HAE-RAE_csat_geo.csv", "csat_geo"), ("a.csv", ""),
    ],
)  # fmt: skip
def test_a_haerae_subject_comes_from_the_path(file, subject):
    assert only(read_as("haerae", file, haerae())).subject == subject
