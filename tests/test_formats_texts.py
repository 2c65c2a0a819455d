"""Reading comprehension, open answers and training data: every format as its files are, made up anew."""

from __future__ import annotations

import copy
import json
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from koalign.data.formats import Reading, read
from koalign.data.formats.documents import open_document, open_documents
from koalign.records import Problem, Ranking

RIVER = "한강은 서울을 지난다. 길이는 494km이고, 서해로 흐른다."
HILL = "남산은 서울 한가운데에 있다. 높이는 270m이다."


def squad(*qas: dict, context: str = RIVER, **article: Any) -> dict:
    return {
        "version": "made_up",
        "data": [
            {"title": "한강", **article, "paragraphs": [{"context": context, "qas": list(qas)}]}
        ],
    }


def qa(**changes: Any) -> dict:
    return {
        "id": "7-0-0",
        "question": "한강이 지나는 도시는?",
        "answers": [{"text": "서울", "answer_start": 5}],
        **changes,
    }


def flat_qa(**changes: Any) -> dict:
    return {
        "context": RIVER,
        "title": "한강",
        **qa(answers={"text": ["서울"], "answer_start": [5]}),
        **changes,
    }


def klue(number: int, **changes: Any) -> dict:
    one = qa(guid=f"klue-mrc-v1_train_{number:05}", question_type=1, is_impossible=False, **changes)
    del one["id"]
    return one


def culture(kind: str, question: str, answer: str | None = None, **changes: Any) -> dict:
    given = {
        "category": "문화 지식",
        "domain": "예술",
        "question_type": kind,
        "topic_keyword": "민속놀이",
        "question": question,
    }
    row = {"id": "1", "input": {**given, **changes}}
    return row if answer is None else {**row, "output": {"answer": answer}}


CHOICE = "다음 중 설에 하는 놀이는? \\n 1\\t 윷놀이   2\\t강강술래 3\\t씨름 4\\t그네"


def rule(kind: str, question: str, answer: str) -> dict:
    return {
        "id": "1",
        "input": {"question_type": kind, "question": question},
        "output": {"answer": answer},
    }


RULE = rule(
    "선택형",
    '"문을 {잠궜다/잠갔다}." 가운데 올바른 것을 선택하고, 그 이유를 설명하세요.',
    "\"문을 잠갔다.\"가 옳다. '잠그다'의 어간 끝 'ㅡ'는 '-아'를 만나면 탈락한다.",
)


def dialogue(**changes: Any) -> dict:
    turns = [("001", "P1", "오늘 날씨 좋다."), ("002", "P2", "너랑은 말 안 해.")]
    return {
        "id": "au-1",
        "input": {
            "document_id": "au-1",
            "utterance": [
                {"id": f"au-1-{n}", "speaker_id": who, "form": said} for n, who, said in turns
            ],
        },
        "output": [
            {"id": "au-1-001", "label": "appropriate"},
            {"id": "au-1-002", "label": "inappropriate"},
        ],
        **changes,
    }


def logic(output: Any = "역접") -> dict:
    given = {"front": "비가 많이 왔다.", "back": "강물은 넘치지 않았다."}
    return {"id": "sr-1", "input": given, "output": output}


def aihub(**changes: Any) -> dict:
    return {
        "data_id": "d-1",
        "data_category": {"main": "한국어", "middle": "사회"},
        "question": "인수와 합병은 어떻게 다른가?",
        "question_type": "서술형",
        **changes,
    }


def sft(contents: Any = "인수는 사들이는 것이고 합병은 하나가 되는 것이다.") -> dict:
    return aihub(answer={"contents": contents, "answer_count": 9})


def ranked(*ranks: Any, contents: str = "답") -> dict:
    answers = {
        f"answer{n:02}": {"contents": f"{contents} {n}", "answer_count": 2, "ranking": rank}
        for n, rank in enumerate(ranks, start=1)
    }
    return aihub(**answers)


def infos(*rows: Any) -> dict:
    return {"dataset_info": {"name": "made up"}, "data_info": list(rows)}


def document(*qas: Any) -> dict:
    return {"data_id": "w-1", "data_category": {"middle": "인문"}, "contents": [{"QA": list(qas)}]}


def ask(question: str = "왜 하늘은 파란가?") -> dict:
    return {"role": "user", "content": question}


def tell(answer: str = "빛이 흩어지기 때문이다.") -> dict:
    return {"role": "assistant", "content": answer}


def table(**changes: Any) -> dict:
    return {
        "T": "한국의 산",
        "U": "https://example.org/산",
        "TBL": [["이름", "높이"], ["한라산", "1,947m"], ["지리산", "1,915m"]],
        "QAS": {"qid": "K_1_1", "question": "한라산의 높이는?", "answer": "1,947m"},
        **changes,
    }


INSTRUCTION = {"instruction": "물은 왜 어는가?", "output": "열을 잃기 때문이다."}
QUIZ = "질문(Q_string),보기()E_string,보기()E_string,보기()E_string,보기()E_string,정답(A_ans),위키피디아 제목(AP_title)"

# Of each format two rows in the shape that its files have.
FILES: dict[str, tuple[str, Any]] = {
    "klue-mrc": (
        "klue-mrc-v1.1_train.json",
        squad(klue(0), klue(1), news_category="사회", source="made_up"),
    ),
    "korquad": ("KorQuAD_v1.0_dev.json", squad(qa(), qa(id="7-0-1", question="어느 도시를 지나는가?"))),
    "korquad-2": (
        "korquad2.1_train_00.json",
        {
            "version": "made_up",
            "data": [
                {
                    "title": title,
                    "url": "https://example.org",
                    "context": f"<h1>{title}</h1><p>{text}</p>",
                    "raw_html": "<html></html>",
                    "qas": [
                        {
                            "id": title,
                            "question": "어디에 있는가?",
                            "answer": {"text": "서울", "answer_start": 0, "html_answer_start": 0},
                        }
                    ],
                }
                for title, text in (("한강", RIVER), ("남산", HILL))
            ],
        },
    ),
    "tydiqa-ko": (
        "tydiqa-goldp-v1.1-train.json",
        squad(qa(id="korean-1-0"), qa(id="korean-2-0", question="어느 도시인가?")),
    ),
    "squad": ("dev.json", squad(qa(id="a1"), qa(id="a2", question="어느 도시인가?"))),
    "nikl-culture": (
        "korean_culture_qa_V1.0_train+.json",
        [culture("선다형", CHOICE, "1"), culture("단답형", "첫 생일의 이름은?", "돌#첫돌")],
    ),
    "nikl-rule": ("korean_language_rag_V1.0_train.json", [RULE, rule("교정형", "고치세요.", "가 옳다.")]),
    "nikl-inappropriate": ("au-dev.json", [dialogue(), dialogue(id="au-2")]),
    "nikl-logic": ("sr-dev.json", [logic(), logic("순접")]),
    "aihub-sft": ("SFTlabel.json", infos(sft(), sft("다른 답이다."))),
    "aihub-rm": ("RMlabel.json", infos(ranked(3, 1, 2, 5, 4), ranked(1, 2, 3, 4, 5))),
    "aihub-qa": (
        "qa.json",
        [
            document({"question": "무엇을 보고했는가?", "answer": "면적을 보고했다."}),
            document({"question": "누가 했는가?", "answer": "국장이 했다."}),
        ],
    ),
    "koalpaca": (
        "KoAlpaca_v1.1a.jsonl",
        [{**INSTRUCTION, "url": "https://example.org/1"}, {**INSTRUCTION, "url": "https://example.org/2"}],
    ),
    "alpaca": ("alpaca.json", [{**INSTRUCTION, "input": ""}, {**INSTRUCTION, "input": "한 줄로."}]),
    "sharegpt": (
        "sharegpt.json",
        [{"conversations": [{"from": "human", "value": q}, {"from": "gpt", "value": "예."}]} for q in "가나"],
    ),
    "trl-prompt-completion": (
        "completions.jsonl",
        [{"prompt": "하늘은", "completion": " 파랗다."}, {"prompt": [ask()], "completion": [tell()]}],
    ),
    "trl-preference": (
        "pairs.jsonl",
        [
            {"prompt": "정답:", "chosen": "2", "rejected": "4"},
            {"prompt": [ask()], "chosen": [tell()], "rejected": [tell("모른다.")]},
        ],
    ),
    "ms-swift": (
        "swift.jsonl",
        [
            {"messages": [ask(), tell()], "rejected_response": "모른다."},
            {"messages": [ask("바다는?"), tell("푸르다.")], "rejected_response": "모른다."},
        ],
    ),
    "messages": ("messages.jsonl", [{"messages": [ask(), tell()]}, {"messages": [ask("바다는?"), tell("예.")]}]),
    "etri": (
        "객관식.csv",
        f"{QUIZ}\r\n가장 긴 강은?,낙동강,한강,금강,섬진강,낙동강,낙동강\r\n옛 서울은?,한양,평양,경주,공주,한양,서울\r\n",
    ),
    "korwikitq": ("KorWikiTQ_ko_train.json", {"data": [table(), table(T="높은 산")]}),
}  # fmt: skip


def to_bytes(name: str, value: Any) -> bytes:
    if name.endswith(".csv"):
        return value.encode("cp949")
    if name.endswith(".jsonl"):
        return "".join(json.dumps(row) + "\n" for row in value).encode()
    return json.dumps(value).encode()


def reading_of(value: Any, format: str | None = None, name: str = "made_up.json") -> Reading:
    reading = read([open_document(name, to_bytes(name, value))], format)
    assert reading.rows == len(reading.problems) + len(reading.rankings) + len(reading.drops)
    return reading


def one(value: Any, format: str | None = None, name: str = "made_up.json") -> Problem:
    reading = reading_of(value, format, name)
    assert not reading.drops and not reading.not_read, reading
    (problem,) = reading.problems
    return problem


def one_ranking(value: Any, format: str | None = None, name: str = "made_up.json") -> Ranking:
    reading = reading_of(value, format, name)
    assert not reading.drops and not reading.not_read, reading
    (ranking,) = reading.rankings
    return ranking


def refusal(value: Any, format: str | None = None, name: str = "made_up.json") -> str:
    reading = reading_of(value, format, name)
    assert not reading.problems and not reading.rankings, reading
    (drop,) = reading.drops
    return drop.reason


# --- all of them ---


@pytest.mark.parametrize("format", FILES)
def test_a_file_is_known_by_what_is_in_it(format, tmp_path):
    name, value = FILES[format]
    for file in (name, "x" + Path(name).suffix):
        (tmp_path / file).write_bytes(to_bytes(name, value))
        reading = read(open_documents(tmp_path / file))
        assert set(reading.files.values()) == {format}
        assert (
            reading.rows
            == len(reading.problems) + len(reading.rankings)
            == (4 if "inapp" in format else 2)
        )


@pytest.mark.parametrize("format", FILES)
def test_every_row_says_where_it_comes_from(format):
    name, value = FILES[format]
    reading = reading_of(value, format, name)
    for problem in [*reading.problems, *(ranking.problem for ranking in reading.rankings)]:
        assert problem.source == format
        assert bool(problem.group) == bool(problem.passage) or format in ("aihub-qa", "etri")


GARBAGE = (
    None,
    float("nan"),
    3,
    -1.5,
    True,
    "",
    "\ud800",
    "x",
    [],
    {},
    [None],
    ["x"],
    [[]],
    [{}],
    {"x": 1},
)


def spoiled(value: Any) -> Iterator[Any]:
    """The value with each of its parts replaced by garbage, or left out."""
    yield from GARBAGE
    if isinstance(value, dict):
        for name, inside in value.items():
            yield {other: item for other, item in value.items() if other != name}
            yield from ({**value, name: bad} for bad in spoiled(inside))
    if isinstance(value, list):
        for place, inside in enumerate(value):
            yield value[:place] + value[place + 1 :]
            yield from ([*value[:place], bad, *value[place + 1 :]] for bad in spoiled(inside))


@pytest.mark.parametrize("format", [format for format in FILES if format != "etri"])
def test_garbage_in_a_row_is_a_drop_and_the_other_row_stays(format):
    name, value = FILES[format]
    whole = reading_of(value, format, name)
    kept = (whole.problems + [ranking.problem for ranking in whole.rankings])[0]
    rows = value["data"] if isinstance(value, dict) and "data" in value else value
    rows = rows["data_info"] if isinstance(rows, dict) else rows
    if len(rows) == 1:  # SQuAD: two questions on one passage
        rows = rows[0]["paragraphs"][0]["qas"]
    whole_row = copy.deepcopy(rows[1])
    try:
        for bad in spoiled(whole_row):
            rows[1] = bad
            reading = reading_of(value, format, name)
            left = reading.problems + [ranking.problem for ranking in reading.rankings]
            assert kept in left
            assert all(drop.place.startswith(name) and drop.reason for drop in reading.drops)
    finally:
        rows[1] = whole_row


@pytest.mark.parametrize("format", [format for format in FILES if format != "etri"])
def test_garbage_anywhere_in_a_file_is_no_traceback(format):
    name, value = FILES[format]
    for bad in spoiled(value):
        if not name.endswith(".jsonl") or isinstance(bad, list):
            reading_of(bad, format, name)
            reading_of(bad, None, name)


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


def test_answers_are_kept_in_order_and_once():
    answers = [{"text": text, "answer_start": 0} for text in ("494km", "서해", "494km")]
    assert one(squad(qa(answers=answers))).answers == ("494km", "서해")


def test_the_hub_form_and_the_nested_form_are_the_same_problem():
    nested, flat = one(squad(qa())), one([flat_qa()])
    assert nested == flat and nested.source == "korquad"


def test_escaped_and_plain_korean_are_the_same_problem():
    escaped = open_document("KorQuAD_v1.0_dev.json", json.dumps(squad(qa())).encode("ascii"))
    assert (
        read([escaped]).problems
        == read([open_document("KorQuAD_v1.0_dev.json", to_bytes("", squad(qa())))]).problems
    )


def test_an_answer_in_nfd_stands_in_a_passage_in_nfc():
    nfd = unicodedata.normalize("NFD", "서울")
    assert one(squad(qa(answers=[{"text": nfd, "answer_start": 5}]))).answers == ("서울",)


def test_a_wrong_answer_start_does_not_matter_and_an_answer_from_elsewhere_is_refused():
    assert one(squad(qa(answers=[{"text": "서울", "answer_start": 999}]))).answers == ("서울",)
    assert (
        refusal(squad(qa(answers=[{"text": "부산", "answer_start": 5}]))) == "answer_not_in_passage"
    )


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
    name, value = FILES["korquad-2"]
    with zipfile.ZipFile(tmp_path / "KorQuAD_2.1_dev_00.zip", "w") as archive:
        archive.writestr(name, json.dumps(value))
    reading = read(open_documents(tmp_path / "KorQuAD_2.1_dev_00.zip"), "korquad-2")
    assert [problem.key for problem in reading.problems] == ["한강", "남산"]
    assert reading.problems[0].passage.startswith("<h1>한강</h1>")
    article = value["data"][0]
    flat = {**{k: v for k, v in article.items() if k != "qas"}, **article["qas"][0]}
    assert one([flat], "korquad-2").id == reading.problems[0].id


def test_tydiqa_keeps_the_korean_questions_and_counts_the_others():
    reading = reading_of(squad(qa(id="finnish-3-1"), qa(id="korean-3-1")))
    assert set(reading.files.values()) == {"tydiqa-ko"}
    assert [problem.key for problem in reading.problems] == ["korean-3-1"]
    assert [drop.reason for drop in reading.drops] == ["not_korean"]


def test_a_list_of_questions_that_is_no_list_is_one_drop_at_its_place():
    value = squad(qa())
    value["data"].append({"title": "남산", "paragraphs": [{"context": HILL, "qas": "없음"}]})
    (drop,) = reading_of(value).drops
    assert drop.place == "made_up.json: data[1].paragraphs[0].qas"
    assert drop.detail == "a list expected, found text"


# --- 국립국어원 ---


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
    assert (
        problem.box
        == "[기타 정보]\n- category: 문화 지식\n- domain: 예술\n- topic_keyword: 민속놀이"
    )
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


# --- AI Hub ---


def test_ai_hub_answers_are_long_and_names_that_were_taken_out_stay_out():
    problem = one(infos(sft("<NAME> 씨가 말했다.")))
    assert (problem.kind, problem.answers) == ("long", ("<NAME> 씨가 말했다.",))
    assert (problem.key, problem.subject, problem.source) == ("d-1", "사회", "aihub-sft")


def test_an_answer_that_is_the_question_is_refused():
    assert refusal(infos(sft(aihub()["question"] + " "))) == "answer_is_the_question"
    qa_row = {"question": "누가 했는가?", "answer": "누가 했는가?"}
    assert refusal([document(qa_row)]) == "answer_is_the_question"


def test_five_ranked_answers_become_one_ranking_the_best_first():
    ranking = one_ranking(infos(ranked(3, 1, 2, 5, 4)))
    assert ranking.texts == ("답 2", "답 3", "답 1", "답 5", "답 4")
    assert ranking.problem.answers == () and ranking.problem.kind == "long"


@pytest.mark.parametrize(
    ("ranks", "reason"),
    [
        ((1, 2, 2, 4, 5), "two_of_one_rank"),
        ((1, 2, None, 4, 5), "rank_missing"),
        ((1, 2, 3, 4, 6), "rank_missing"),
        ((0, 1, 2, 3, 4), "rank_missing"),
        ((1,), "nothing_to_rank"),
    ],
)
def test_ranks_that_are_no_order_are_refused(ranks, reason):
    assert refusal(infos(ranked(*ranks)), "aihub-rm") == reason


def test_one_text_with_two_ranks_and_an_answer_that_is_the_question_are_refused():
    twice, echo = ranked(1, 2, 3, 4, 5), ranked(1, 2, 3, 4, 5)
    twice["answer05"]["contents"] = "답 1"
    echo["answer03"]["contents"] = echo["question"]
    assert refusal(infos(twice)) == "same_text_twice"
    assert refusal(infos(echo)) == "answer_is_the_question"


def test_ai_hub_zips_are_read_where_they_are_with_their_korean_folders(tmp_path):
    folder = tmp_path / "3.개방데이터" / "1.데이터" / "Validation" / "02.라벨링데이터"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "VL_02.RLHF데이터.zip", "w") as archive:
        archive.writestr("/SFTlabel.json", json.dumps(infos(sft())))
        archive.writestr("02.라벨링데이터/RMlabel.json", json.dumps(infos(ranked(1, 2, 3, 4, 5))))
    reading = read(open_documents(tmp_path))
    assert sorted(reading.files.values()) == ["aihub-rm", "aihub-sft"]
    assert [problem.split for problem in reading.problems] == ["dev"]


def test_questions_on_one_document_are_one_group():
    rows = [{"question": f"{n}?", "answer": f"{n}."} for n in "가나"]
    reading = reading_of([document(*rows)])
    assert [problem.group for problem in reading.problems] == ["w-1", "w-1"]
    assert {problem.subject for problem in reading.problems} == {"인문"}


# --- training data ---


def test_koalpaca_keeps_the_page_as_its_key():
    problem = one([FILES["koalpaca"][1][0]], name="x.jsonl")
    assert (problem.question, problem.answers) == ("물은 왜 어는가?", ("열을 잃기 때문이다.",))
    assert (problem.key, problem.source) == ("https://example.org/1", "koalpaca")


def test_the_input_of_an_alpaca_row_follows_its_instruction():
    row = {**INSTRUCTION, "input": "한 줄로.", "subject": "Chemistry", "type": "wrong_with_cot"}
    problem = one([row], name="x.jsonl")
    assert (problem.question, problem.subject) == ("물은 왜 어는가?\n\n한 줄로.", "Chemistry")
    assert (problem.kind, problem.source) == ("long", "alpaca")


def test_an_alpaca_row_may_have_a_system_message_but_no_turns_before_it():
    row = {**INSTRUCTION, "input": "", "system": "짧게 답한다.", "history": []}
    assert one([row]).question == "짧게 답한다.\n\n물은 왜 어는가?"
    assert refusal([{**row, "history": [["안녕?", "안녕."]]}]) == "several_turns"


SYSTEM = {"role": "system", "content": "짧게 답한다."}


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [SYSTEM, ask(), tell()]},
        {"conversations": [{"from": "system", "value": "짧게 답한다."}, {"from": "human", "value": ask()["content"]}, {"from": "gpt", "value": tell()["content"]}]},
        {"system": "짧게 답한다.", "conversations": [ask(), tell()]},
        {"prompt": [SYSTEM, ask()], "completion": [tell()]},
        {"prompt": [SYSTEM, ask()], "completion": tell()["content"]},
    ],
)  # fmt: skip
def test_a_system_message_stands_in_front_of_the_question(row):
    problem = one([row])
    assert problem.question == "짧게 답한다.\n\n왜 하늘은 파란가?"
    assert (problem.kind, problem.answers) == ("long", ("빛이 흩어지기 때문이다.",))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"messages": [ask(), tell(), ask("또?"), tell("응.")]}, "several_turns"),
        ({"messages": [ask(), tell(), ask("또?")]}, "several_turns"),
        ({"messages": [ask(), tell(), tell("응.")]}, "several_turns"),
        ({"messages": [ask()]}, "no_question_and_answer"),
        ({"messages": [tell(), ask()]}, "no_question_and_answer"),
        ({"messages": []}, "no_question_and_answer"),
        ({"messages": [ask(), {"role": "tool", "content": "3"}, tell()]}, "unknown_role"),
        ({"messages": [ask(), tell(ask()["content"])]}, "answer_is_the_question"),
        ({"prompt": "하늘은", "completion": "초록이다.", "label": False}, "labelled_bad"),
        ({"chosen": "하늘은 파랗다.", "rejected": "하늘은 초록이다."}, "no_prompt"),
        ({"prompt": "하늘은?", "chosen": "파랗다.", "rejected": "파랗다."}, "same_text_twice"),
        ({"chosen": [ask(), tell()], "rejected": [ask("바다는?"), tell("예.")]}, "two_questions"),
        ({"prompt": "바다는?", "chosen": [ask(), tell()], "rejected": [ask(), tell("예.")]}, "two_questions"),
    ],
)  # fmt: skip
def test_what_is_not_one_question_and_one_answer_is_refused(row, reason):
    assert refusal([row]) == reason


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "왜 하늘은 파란가?", "chosen": "빛이 흩어지기 때문이다.", "rejected": "모른다."},
        {"prompt": [ask()], "chosen": [tell()], "rejected": [tell("모른다.")]},
        {"chosen": [ask(), tell()], "rejected": [ask(), tell("모른다.")]},
        {
            "prompt": "왜 하늘은 파란가?",
            "chosen": [ask(), tell()],
            "rejected": [ask(), tell("모른다.")],
        },
        {"messages": [ask(), tell()], "rejected_response": "모른다."},
    ],
)
def test_every_way_to_write_a_preference_is_the_same_ranking(row):
    ranking = one_ranking([row])
    assert ranking.problem.question == "왜 하늘은 파란가?"
    assert ranking.texts == ("빛이 흩어지기 때문이다.", "모른다.")


def test_preferences_between_numbers_are_read():
    row = {"prompt": "<보기>:\nㄱ\n정답:", "chosen": "2", "rejected": "4"}
    assert one_ranking([row], name="pairs.jsonl").texts == ("2", "4")


def test_an_ms_swift_row_without_a_rejected_response_is_an_example():
    first, second = FILES["ms-swift"][1]
    reading = reading_of([first, {**second, "rejected_response": None}])
    assert (len(reading.rankings), len(reading.problems)) == (1, 1)


# --- ETRI ---


@pytest.mark.parametrize("encoding", ["cp949", "utf-8-sig"])
def test_etri_choices_stand_in_four_columns_of_one_name(encoding, tmp_path):
    (tmp_path / "객관식.csv").write_bytes(FILES["etri"][1].encode(encoding))
    first, second = read(open_documents(tmp_path)).problems
    assert first.choices == ("낙동강", "한강", "금강", "섬진강")
    assert (first.answers, second.answers) == (("1",), ("1",))
    assert (first.group, first.subject) == ("낙동강", "")


def test_an_etri_answer_that_is_no_choice_is_refused_and_not_left_out():
    assert (
        refusal(f"{QUIZ}\n가장 긴 강은?,가,나,다,라,마,\n", name="객관식.csv")
        == "answer_is_no_choice"
    )


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
