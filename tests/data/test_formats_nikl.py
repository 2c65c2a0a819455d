"""국립국어원: each task of 말평 is read as its official scripts read it."""

from __future__ import annotations

import copy

import pytest
from support.read_rows import one, one_ranking, reading_of, refusal


def culture(kind: str, question: str, answer: str | None = None, **changes) -> dict:
    given = {
        "category": "문화 지식", "domain": "예술", "question_type": kind, "topic_keyword": "민속놀이",
        "question": question,
    }  # fmt: skip
    row = {"id": "1", "input": {**given, **changes}}
    return row if answer is None else {**row, "output": {"answer": answer}}


CHOICE = "다음 중 설에 하는 놀이는? \\n 1\\t 윷놀이   2\\t강강술래 3\\t씨름 4\\t그네"


def rule(kind: str, question: str, answer: str) -> dict:
    given = {"question_type": kind, "question": question}
    return {"id": "1", "input": given, "output": {"answer": answer}}


RULE = rule(
    "선택형",
    '"문을 {잠궜다/잠갔다}." 가운데 올바른 것을 선택하고, 그 이유를 설명하세요.',
    "\"문을 잠갔다.\"가 옳다. '잠그다'의 어간 끝 'ㅡ'는 '-아'를 만나면 탈락한다.",
)


def dialogue(**changes) -> dict:
    turns = [("001", "P1", "오늘 날씨 좋다."), ("002", "P2", "너랑은 말 안 해.")]
    said = [{"id": f"au-1-{n}", "speaker_id": who, "form": form} for n, who, form in turns]
    labels = [{"id": f"au-1-{n}", "label": label} for n, label in (("001", "appropriate"), ("002", "inappropriate"))]  # fmt: skip
    given = {"document_id": "au-1", "utterance": said}
    return {"id": "au-1", "input": given, "output": labels, **changes}


def logic(output="역접") -> dict:
    given = {"front": "비가 많이 왔다.", "back": "강물은 넘치지 않았다."}
    return {"id": "sr-1", "input": given, "output": output}


def test_the_choices_of_a_culture_question_come_out_of_the_question():
    problem = one([culture("선다형", CHOICE, "3")])
    assert problem.question == "다음 중 설에 하는 놀이는?"
    assert problem.choices == ("윷놀이", "강강술래", "씨름", "그네")
    assert (problem.kind, problem.answers) == ("choice", ("3",))


def test_five_choices_behind_a_real_line_end_are_read_too():
    question = "무엇인가? \n 1\t1592년 2\t1597년 3\t6·25 전쟁 4\t3.1 운동 5\t을미사변"
    problem = one([culture("선다형", question, "4")])
    assert problem.choices == ("1592년", "1597년", "6·25 전쟁", "3.1 운동", "을미사변")


def test_the_alternatives_of_a_short_answer_are_all_right():
    problem = one([culture("단답형", "첫 생일은 몇 살인가?", "만 1세#만1세 # 한 살#만 1세")])
    assert (problem.kind, problem.answers) == ("short", ("만 1세", "만1세", "한 살"))


def test_an_essay_is_a_long_answer_and_keeps_its_marks():
    answer = "# 표시와 같이 쓴 긴 글이다."
    problem = one([culture("서술형", "설명하시오.", answer)])
    assert (problem.kind, problem.answers) == ("long", (answer,))


@pytest.mark.parametrize("category", ["문화 지식", "문화지식"])
def test_the_box_of_a_culture_question_is_what_the_official_baseline_shows(category):
    problem = one([culture("서술형", "설명하시오.", "글", category=category)])
    shown = ("- category: 문화 지식", "- domain: 예술", "- topic_keyword: 민속놀이")
    assert problem.box.splitlines() == ["[기타 정보]", *shown]
    assert (problem.subject, problem.passage, problem.key) == ("예술", "", "1")


def test_a_culture_test_file_has_problems_without_answers():
    for question_type, question in (("선다형", CHOICE), ("단답형", "무엇?"), ("서술형", "쓰시오.")):
        assert one([culture(question_type, question)], name="qa_test.json").answers == ()


def test_a_choice_question_without_choices_and_a_choice_that_is_not_there_are_refused():
    assert refusal([culture("선다형", "무엇인가?", "1")]) == "no_choices"
    assert refusal([culture("선다형", CHOICE, "5")]) == "answer_outside_choices"
    assert refusal([culture("그림형", "무엇인가?", "1")]) == "unknown_question_type"


@pytest.mark.parametrize("rejected", ["2", ["2", "4"]])
def test_rejected_answers_stand_behind_the_gold_answer(rejected):
    row = culture("선다형", CHOICE, "1")
    row["output"]["rejected"] = rejected
    row["meta"] = {"rejected_from_id": "9", "cosine": 0.7}
    ranking = one_ranking([row])
    assert ranking.texts == ("1", *rejected)
    assert ranking.problem.answers == ("1",)


def test_a_rejected_answer_that_is_the_gold_answer_is_refused():
    row = culture("단답형", "첫 생일은?", "돌#첫돌")
    row["output"]["rejected"] = "돌"
    assert refusal([row]) == "same_text_twice"


def test_alternatives_without_an_order_are_no_ranking():
    row = culture("서술형", "쓰시오.", "글")
    row["output"] |= {"cot_answer": ["a"] * 4, "reject": ["b"] * 4}
    assert refusal([row]) == "no_order"


@pytest.mark.parametrize("written", ["선택형", "선택형형", "교정형"])
def test_a_rule_answer_is_whole_and_its_reason_the_rationale(written):
    row = copy.deepcopy(RULE)
    row["input"]["question_type"] = written
    problem = one([row])
    assert (problem.kind, problem.source) == ("long", "nikl-rule")
    assert problem.answers == (RULE["output"]["answer"],)
    assert problem.rationale == "'잠그다'의 어간 끝 'ㅡ'는 '-아'를 만나면 탈락한다."
    assert problem.subject == written.replace("형형", "형")
    assert "{잠궜다/잠갔다}" in problem.question and problem.box == ""


def test_a_sentence_that_says_that_something_is_right_is_not_cut_in_two():
    answer = '"나는 네 말이 옳다고 본다."가 옳다. 까닭은 이렇다.'
    assert one([rule("교정형", "고치세요.", answer)]).rationale == "까닭은 이렇다."


def test_each_utterance_is_a_problem_on_its_dialogue():
    reading = reading_of([dialogue()])
    assert [problem.answers for problem in reading.problems] == [("1",), ("2",)]
    assert [problem.key for problem in reading.problems] == ["au-1-001", "au-1-002"]
    first, second = reading.problems
    assert first.passage == second.passage == "P1: 오늘 날씨 좋다.\nP2: 너랑은 말 안 해."
    assert first.group == second.group and first.id != second.id
    assert second.question.endswith("P2: 너랑은 말 안 해.")
    assert second.choices == ("appropriate", "inappropriate")


def test_the_same_words_said_twice_are_two_problems():
    row = dialogue()
    for turn in row["input"]["utterance"]:
        turn |= {"speaker_id": "P1", "form": "응."}
    first, second = reading_of([row]).problems
    assert first.id != second.id


def test_labels_that_do_not_match_the_utterances_are_refused():
    short, crossed, unlabelled = dialogue(), dialogue(), dialogue()
    short["output"].pop()
    crossed["output"].reverse()
    del unlabelled["output"]
    assert {drop.reason for drop in reading_of([short, crossed]).drops} == {"labels_do_not_match"}
    assert [problem.answers for problem in reading_of([unlabelled]).problems] == [(), ()]


def test_utterances_without_ids_are_named_by_their_place():
    row = dialogue()
    for turn in row["input"]["utterance"]:
        del turn["id"]
    assert [problem.key for problem in reading_of([row]).problems] == ["au-1-1", "au-1-2"]


def test_a_dialogue_without_utterances_is_one_drop():
    assert refusal([dialogue(input={"utterance": []})], "nikl-inappropriate") == "broken_row"


@pytest.mark.parametrize(("label", "answer"), [("순접", "1"), ("역접", "2"), ("양립", "3")])
def test_the_relation_of_two_sentences_is_a_choice(label, answer):
    problem = one([logic(label)])
    assert (problem.choices, problem.answers) == (("순접", "역접", "양립"), (answer,))
    assert problem.passage == "앞 문장: 비가 많이 왔다.\n뒤 문장: 강물은 넘치지 않았다."
