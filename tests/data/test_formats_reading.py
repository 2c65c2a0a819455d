"""SQuAD and its family, quizzes and tables: every answer is found where the file says it is, or refused."""

from __future__ import annotations

import json
import unicodedata

import pytest
from support.exam_files import FILES
from support.read_rows import one, reading_of, refusal, to_bytes
from support.read_rows import table as csv_table

from koalign.data.formats.documents import open_document, open_documents
from koalign.data.formats.read import read

RIVER = "한강은 서울을 지난다. 길이는 494km이고, 서해로 흐른다."


def squad(*qas: dict, context: str = RIVER, **article) -> dict:
    paragraphs = [{"context": context, "qas": list(qas)}]
    return {"version": "made_up", "data": [{"title": "한강", **article, "paragraphs": paragraphs}]}


def qa(**changes) -> dict:
    answers = [{"text": "서울", "answer_start": 5}]
    return {"id": "7-0-0", "question": "한강이 지나는 도시는?", "answers": answers, **changes}


def flat_qa(**changes) -> dict:
    answers = {"text": ["서울"], "answer_start": [5]}
    return {"context": RIVER, "title": "한강", **qa(answers=answers), **changes}


def klue(number: int, **changes) -> dict:
    one = qa(guid=f"klue-mrc-v1_train_{number:05}", question_type=1, is_impossible=False, **changes)
    del one["id"]
    return one


def table(**changes) -> dict:
    cells = [["이름", "높이"], ["한라산", "1,947m"], ["지리산", "1,915m"]]
    question = {"qid": "K_1_1", "question": "한라산의 높이는?", "answer": "1,947m"}
    return {"T": "한국의 산", "U": "https://example.org", "TBL": cells, "QAS": question, **changes}


QUIZ = "질문(Q_string),보기()E_string,보기()E_string,보기()E_string,보기()E_string,정답(A_ans),위키피디아 제목(AP_title)"

ETRI = f"{QUIZ}\r\n가장 긴 강은?,낙동강,한강,금강,섬진강,낙동강,낙동강\r\n옛 서울은?,한양,평양,경주,공주,한양,서울\r\n"

# --- SQuAD and its family ---


def test_klue_names_questions_by_guid_and_files_them_under_the_news_category():
    problem = one(squad(klue(12), news_category="사회", source="made_up"))
    assert (problem.kind, problem.source) == ("span", "klue-mrc")
    assert (problem.key, problem.subject) == ("klue-mrc-v1_train_00012", "사회")
    assert (problem.passage, problem.answers) == (RIVER, ("서울",))


def test_a_klue_article_without_a_news_category_has_no_subject():
    assert one(squad(klue(0), news_category=None)).subject == ""


def test_an_unanswerable_question_has_the_empty_answer_whatever_is_plausible():
    nested = klue(0, answers=[], plausible_answers=[{"text": "한강", "answer_start": 0}])
    flat = {"context": RIVER, **klue(0, answers={"text": ["한강"], "answer_start": [0]})}
    for value in (squad({**nested, "is_impossible": True}), [{**flat, "is_impossible": True}]):
        problem = one(value, "klue-mrc")
        assert problem.answers == ("",)


def test_is_impossible_as_a_text_is_refused_and_never_taken_for_true():
    assert refusal(squad(klue(0, answers=[]) | {"is_impossible": "false"})) == "wrong_type"


@pytest.mark.parametrize("array", ["{}", "array({}, dtype=object)"])
def test_what_pandas_writes_of_a_hub_row_into_csv_is_the_same_problem(array):
    answers = f"{{'answer_start': [5], 'text': {array.format(['서울'])}}}"
    rows = [
        flat_qa(answers=answers, is_impossible="False"),
        flat_qa(answers="{'text': []}", is_impossible="True"),
    ]
    header = [*rows[0]]
    problems = reading_of(
        csv_table(header, *([row[n] for n in header] for row in rows)), name="hub.csv"
    ).problems
    assert [problem.answers for problem in problems] == [("서울",), ("",)]


def test_answers_are_kept_in_order_and_once():
    answers = [{"text": text, "answer_start": 0} for text in ("494km", "서해", "494km")]
    assert one(squad(qa(answers=answers))).answers == ("494km", "서해")


def test_the_hub_form_and_the_nested_form_are_the_same_problem():
    nested, flat = one(squad(qa())), one([flat_qa()])
    assert nested == flat and nested.source == "korquad"


def test_escaped_and_plain_korean_are_the_same_problem():
    escaped = open_document("KorQuAD_v1.0_dev.json", json.dumps(squad(qa())).encode("ascii"))
    plain = open_document("KorQuAD_v1.0_dev.json", to_bytes("", squad(qa())))
    assert read([escaped]).problems == read([plain]).problems


def test_an_answer_in_nfd_stands_in_a_passage_in_nfc():
    nfd = unicodedata.normalize("NFD", "서울")
    assert one(squad(qa(answers=[{"text": nfd, "answer_start": 5}]))).answers == ("서울",)


def test_a_wrong_answer_start_does_not_matter_and_an_answer_from_elsewhere_is_refused():
    assert one(squad(qa(answers=[{"text": "서울", "answer_start": 999}]))).answers == ("서울",)
    elsewhere = [{"text": "부산", "answer_start": 5}]
    assert refusal(squad(qa(answers=elsewhere))) == "answer_not_in_passage"


@pytest.mark.parametrize("answers", [None, []])
def test_a_test_file_without_answers_has_problems_without_answers(answers):
    assert one(squad(qa(answers=answers)), name="test.json").answers == ()
    without = qa()
    del without["answers"]
    assert one(squad(without), name="test.json").answers == ()


def test_empty_lists_on_the_hub_are_unanswerable_only_where_nothing_else_says_it():
    empty = {"text": [], "answer_start": []}
    assert one([flat_qa(id="s1", answers=empty)]).answers == ("",)
    assert one([flat_qa(id="s1", answers=empty, is_impossible=False)]).answers == ()


def test_an_empty_answer_to_an_answerable_question_is_refused():
    assert refusal(squad(qa(answers=[{"text": " ", "answer_start": 0}]))) == "empty_answer"


def test_questions_on_one_passage_are_one_group():
    reading = reading_of(squad(qa(), qa(id="7-0-1", question="얼마나 긴가?")))
    assert len({problem.group for problem in reading.problems}) == 1


def test_korquad_2_is_read_from_its_zip_and_from_the_hub_with_its_tags(tmp_path):
    file = FILES["korquad-2"]
    reading = read(open_documents(file.write(tmp_path)), "korquad-2")
    assert [problem.key for problem in reading.problems] == ["0", "1", "2", "3"]
    assert reading.problems[0].passage == "<p>한강 고을0</p>"
    article = file.row(0)
    flat = {**{k: v for k, v in article.items() if k != "qas"}, **article["qas"][0]}
    assert one([flat], "korquad-2").id == reading.problems[0].id


def test_tydiqa_keeps_the_korean_questions_and_counts_the_others():
    reading = reading_of(squad(qa(id="finnish-3-1"), qa(id="korean-3-1")))
    assert set(reading.files.values()) == {"tydiqa-ko"}
    assert [problem.key for problem in reading.problems] == ["korean-3-1"]
    assert [drop.reason for drop in reading.drops] == ["not_korean"]


def test_a_list_of_questions_that_is_no_list_is_one_drop_at_its_place():
    value = squad(qa())
    value["data"].append({"title": "남산", "paragraphs": [{"context": RIVER, "qas": "없음"}]})
    (drop,) = reading_of(value).drops
    assert drop.place == "made_up.json: data[1].paragraphs[0].qas"
    assert drop.detail == "a list expected, found text"


# --- ETRI ---


@pytest.mark.parametrize("encoding", ["cp949", "utf-8-sig"])
def test_etri_choices_stand_in_four_columns_of_one_name(encoding, tmp_path):
    (tmp_path / "객관식.csv").write_bytes(ETRI.encode(encoding))
    first, second = read(open_documents(tmp_path)).problems
    assert first.choices == ("낙동강", "한강", "금강", "섬진강")
    assert (first.answers, second.answers) == (("1",), ("1",))
    assert (first.group, first.subject) == ("낙동강", "")


def test_an_etri_answer_that_is_no_choice_is_refused_and_not_left_out():
    rows = f"{QUIZ}\n가장 긴 강은?,가,나,다,라,마,\n"
    assert refusal(rows, name="객관식.csv") == "answer_is_no_choice"


@pytest.mark.parametrize("name", ["연상형.csv", "주관식.csv"])
def test_etri_questions_without_choices_have_short_answers(name):
    header = "번호(Q_no),문제유형(Q_form),질문(Q_string),정답(A_ans),정답 근거(AP_sent)"
    problem = one(f"{header}\n12,인물,거북선을 만든 사람은?,이순신,이순신이 만들었다.\n", name=name)
    assert (problem.kind, problem.answers) == ("short", ("이순신",))
    assert (problem.key, problem.subject) == ("12", "인물")
    assert problem.rationale == "이순신이 만들었다."


# --- KorWikiTQ ---


def test_a_table_is_written_out_below_its_title():
    problem = one({"data": [table()]})
    assert problem.passage == (
        "한국의 산\n\n| 이름 | 높이 |\n| --- | --- |\n| 한라산 | 1,947m |\n| 지리산 | 1,915m |"
    )
    assert (problem.kind, problem.answers, problem.key) == ("short", ("1,947m",), "K_1_1")


def test_nothing_of_a_cell_is_lost():
    lines = one({"data": [table(TBL=[["a|b", None], ["두\n줄", 3, "더"]])]}).passage.split("\n")
    assert lines[2:] == ["| a\\|b |  |", "| --- | --- |", "| 두<br>줄 | 3 | 더 |"]


def test_one_table_may_have_several_questions():
    both = [table()["QAS"], {"qid": "K_1_2", "question": "지리산은?", "answer": 1915}]
    reading = reading_of({"data": [table(QAS=both)]})
    assert [problem.answers for problem in reading.problems] == [("1,947m",), ("1915",)]
    assert len({problem.group for problem in reading.problems}) == 1
