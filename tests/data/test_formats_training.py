"""AI Hub, instruction data and preferences: one question and one answer, or one order, or a refusal."""

from __future__ import annotations

import json
import zipfile

import pytest
from support.read_rows import one, one_ranking, reading_of, refusal

from koalign.data.formats.documents import open_documents
from koalign.data.formats.read import read


def aihub(**changes) -> dict:
    category = {"main": "한국어", "middle": "사회"}
    question = {"question": "인수와 합병은 어떻게 다른가?", "question_type": "서술형"}
    return {"data_id": "d-1", "data_category": category, **question, **changes}


def sft(contents="인수는 사들이는 것이고 합병은 하나가 되는 것이다.") -> dict:
    return aihub(answer={"contents": contents, "answer_count": 9})


def ranked(*ranks, contents: str = "답") -> dict:
    answers = {
        f"answer{n:02}": {"contents": f"{contents} {n}", "answer_count": 2, "ranking": rank}
        for n, rank in enumerate(ranks, start=1)
    }
    return aihub(**answers)


def infos(*rows) -> dict:
    return {"dataset_info": {"name": "made up"}, "data_info": list(rows)}


def document(*qas) -> dict:
    return {"data_id": "w-1", "data_category": {"middle": "인문"}, "contents": [{"QA": list(qas)}]}


def ask(question: str = "왜 하늘은 파란가?") -> dict:
    return {"role": "user", "content": question}


def tell(answer: str = "빛이 흩어지기 때문이다.") -> dict:
    return {"role": "assistant", "content": answer}


INSTRUCTION = {"instruction": "물은 왜 어는가?", "output": "열을 잃기 때문이다."}

SWIFT = {"messages": [ask(), tell()], "rejected_response": "모른다."}

CITIES = "수도는?\n1. 부산\n2. 대구\n3. 서울"


@pytest.mark.parametrize(
    "answer", ["3", "3번", "정답: 3", "정답은 3번입니다.", "③ 서울", "서울", "(3)"]
)
@pytest.mark.parametrize("asks", ["messages", "instruction", "prompt"])
def test_choices_that_end_a_question_whose_answer_only_names_one_are_its_choices(asks, answer):
    rows = {
        "messages": {"messages": [ask(CITIES), tell(answer)]},
        "instruction": {"instruction": "수도는?", "input": CITIES[5:], "output": answer},
        "prompt": {"prompt": f"{CITIES}\n\n### 정답: ", "completion": answer},
    }
    problem = one([rows[asks]])
    assert (problem.kind, problem.question, problem.choices) == (
        "choice", "수도는?", ("부산", "대구", "서울"),
    )  # fmt: skip
    assert problem.answers == ("3",)


@pytest.mark.parametrize("below", [
    "", "\n정답:", "\n\n1, 2, 3, 4 중에 하나를 정답으로 고르세요.\n정답:", "\n알맞은 것을 하나만 선택하시오.",
    "\n\nAnswer with the number only.\n\n### Answer: ",
])  # fmt: skip
@pytest.mark.parametrize("label", ["{} - ", "{}. ", "{}) "])
def test_a_prompt_of_passage_question_choices_and_an_instruction_is_read_by_its_parts(label, below):
    choices = "\n".join(
        label.format(n) + text for n, text in enumerate(["3월", "4월", "5월", "6월"], 1)
    )
    prompt = f"지문:\n제비가\n돌아왔다.\n\n질문:\n언제인가?\n\n선택지:\n{choices}{below}"
    problem = one([{"messages": [ask(prompt), tell("2")]}])
    assert (problem.kind, problem.passage, problem.question) == (
        "choice", "제비가\n돌아왔다.", "언제인가?",
    )  # fmt: skip
    assert (problem.choices, problem.answers) == (("3월", "4월", "5월", "6월"), ("2",))


@pytest.mark.parametrize("heading", ["[{}]", "### {}", "<{}>", "## {}:", "【{}】"])
def test_the_parts_of_a_prompt_are_known_by_their_headings(heading):
    parts = ("지문", "제비가\n돌아왔다."), ("문제", "언제인가?"), ("선택지", "1. 봄\n2. 가을")
    prompt = "\n\n".join(f"{heading.format(name)}\n{text}" for name, text in parts)
    problem = one([{"messages": [ask(prompt), tell("1")]}])
    assert (problem.passage, problem.question) == ("제비가\n돌아왔다.", "언제인가?")
    assert problem.choices == ("봄", "가을")


@pytest.mark.parametrize(
    "choices",
    [
        ("말하기", "골라서 쓰기", "하나를 선택하기"), ("말하라", "골라라", "답하시오"),
        ("정부가 정한다", "시장이 배분하고\n소비자가 재화를 선택하는 체제", "꾸준히\n쓰면 좋아요"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("label", ["{}) ", "{}번 "])
def test_a_last_choice_that_speaks_of_choosing_is_a_choice(choices, label):
    listed = "\n".join(label.format(n) + text for n, text in enumerate(choices, 1))
    problem = one([{"messages": [ask(f"바른 것은?\n{listed}"), tell("3")]}])
    assert problem.choices == choices


def test_lines_that_count_are_no_choices():
    for lines in ("1 - 2\n2 - 1\n3 - 1\n4 - 2", "1 - x\n2 - x\n3 - x\n4 - x"):
        assert one([{"messages": [ask(f"셈은?\n{lines}"), tell("2")]}]).choices == ()


def test_a_passage_that_asks_by_itself_is_not_cut():
    talk = "지문:\n질문: 왜 왔는가?\n대답: 그냥.\n질문: 대화의 장소는?\n1. 집\n2. 역"
    problem = one([{"messages": [ask(talk), tell("2")]}])
    assert problem.passage == "" and "왜 왔는가?" in problem.question


@pytest.mark.parametrize(
    "answer", ["한강이 흐르는 곳은 서울이다. 정답은 3번입니다.", "4", "모른다."]
)
def test_an_answer_that_says_more_than_a_choice_stays_as_it_is_written(answer):
    problem = one([{"messages": [ask(CITIES), tell(answer)]}])
    assert (problem.kind, problem.choices, problem.answers) == ("long", (), (answer,))


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
        ((1, 2, 2, 4, 5), "two_of_one_rank"), ((1, 2, None, 4, 5), "rank_missing"),
        ((1, 2, 3, 4, 6), "rank_missing"), ((0, 1, 2, 3, 4), "rank_missing"), ((1,), "nothing_to_rank"),
    ],
)  # fmt: skip
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
    problem = one([{**INSTRUCTION, "url": "https://example.org/1"}], name="x.jsonl")
    assert (problem.question, problem.answers) == ("물은 왜 어는가?", ("열을 잃기 때문이다.",))
    assert (problem.key, problem.source) == ("https://example.org/1", "koalpaca")


def test_the_input_of_an_alpaca_row_follows_its_instruction():
    row = {**INSTRUCTION, "input": "한 줄로.", "subject": "Chemistry", "type": "wrong_with_cot"}
    problem = one([row], name="x.jsonl")
    assert (problem.question, problem.subject) == ("물은 왜 어는가?\n\n한 줄로.", "Chemistry")
    assert (problem.kind, problem.source) == ("long", "alpaca")


def test_the_input_below_choices_that_end_an_instruction_is_the_passage():
    asks = {"instruction": "글의 주제는?\n1. 물\n2. 불", "input": "물은 흐른다.\n\n불은 탄다."}
    problem = one([{**asks, "output": "정답: 2"}])
    assert (problem.question, problem.choices, problem.answers) == (
        "글의 주제는?",
        ("물", "불"),
        ("2",),
    )
    assert problem.passage == asks["input"]
    problem = one([{**asks, "output": "불에 대한 글이다."}])
    assert problem.question == f"{asks['instruction']}\n\n{asks['input']}"


def test_an_instruction_with_wrong_answers_beside_its_output_is_asked_for_its_columns():
    rows = [{**INSTRUCTION, "wrong1": "무거워서.", "wrong2": "밝아서."}]
    (why,) = reading_of(rows).not_read.values()
    assert "no column looks like the right answer beside 'wrong1'" in why
    assert "columns: {question: instruction, choices: ['?', wrong1, wrong2], answer: '?'" in why


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
        ({"prompt": "하늘은?", "chosen": "파랗다.", "rejected": ["희다.", "검다."]}, "no_order"),
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
        {"prompt": "왜 하늘은 파란가?", "chosen": "빛이 흩어지기 때문이다.", "rejected": ["모른다."]},
        {"prompt": [ask()], "chosen": [tell()], "rejected": [tell("모른다.")]},
        {"chosen": [ask(), tell()], "rejected": [ask(), tell("모른다.")]},
        {"prompt": "왜 하늘은 파란가?", "chosen": [ask(), tell()], "rejected": [ask(), tell("모른다.")]},
        SWIFT,
    ],
)  # fmt: skip
def test_every_way_to_write_a_preference_is_the_same_ranking(row):
    ranking = one_ranking([row])
    assert ranking.problem.question == "왜 하늘은 파란가?"
    assert ranking.texts == ("빛이 흩어지기 때문이다.", "모른다.")


@pytest.mark.parametrize(
    "row",
    [
        {"question": "왜 하늘은 파란가?", "chosen": "빛이 흩어지기 때문이다.", "rejected": "모른다."},
        {"instruction": "왜 하늘은", "input": "파란가?", "chosen": tell(), "rejected": tell("모른다.")},
        {"system": "왜 하늘은", "query": "파란가?", "response": "빛이 흩어지기 때문이다.", "rejected_response": "모른다."},
        {"prompt": "Why?", "chosen": "Light.", "rejected": "No.", "prompt_ko": "왜 하늘은 파란가?",
         "chosen_ko": "빛이 흩어지기 때문이다.", "rejected_ko": "모른다."},
        {"conversations": [{"from": "human", "value": "왜 하늘은 파란가?"}],
         "chosen": {"from": "gpt", "value": "빛이 흩어지기 때문이다."}, "rejected": {"from": "gpt", "value": "모른다."}},
    ],
)  # fmt: skip
def test_what_a_preference_asks_may_have_another_name_than_prompt(row):
    ranking = one_ranking([row])
    assert ranking.problem.question.replace("\n\n", " ") == "왜 하늘은 파란가?"
    assert ranking.texts == ("빛이 흩어지기 때문이다.", "모른다.")


@pytest.mark.parametrize(
    "row",
    [
        {"query": "왜 하늘은 파란가?", "response": "빛이 흩어지기 때문이다.", "history": []},
        {"id": "1", "system_prompt": "", "question": "왜 하늘은 파란가?", "response": "빛이 흩어지기 때문이다."},
        {"instruction_ko": "왜 하늘은 파란가?", "input_ko": "", "output_ko": "빛이 흩어지기 때문이다."},
        {"conversation": [{"human": "왜 하늘은 파란가?", "assistant": "빛이 흩어지기 때문이다."}]},
    ],
)  # fmt: skip
def test_an_example_may_have_other_names_than_instruction_and_output(row):
    problem = one([row])
    assert (problem.question, problem.kind) == ("왜 하늘은 파란가?", "long")
    assert problem.answers == ("빛이 흩어지기 때문이다.",)


def test_the_context_of_an_instruction_is_its_passage_and_an_answer_beside_a_response_is_gold():
    row = {"instruction": "누구인가?", "context": "세종은 왕이다.", "response": "세종"}
    assert one([row]).passage == "세종은 왕이다."
    graded = one([{"question": "누구인가?", "answer": "세종", "response": "태조"}])
    assert graded.answers == ("세종",)


def test_preferences_between_numbers_are_read():
    row = {"prompt": "<보기>:\nㄱ\n정답:", "chosen": "2", "rejected": "4"}
    assert one_ranking([row], name="pairs.jsonl").texts == ("2", "4")


def test_an_ms_swift_row_without_a_rejected_response_is_an_example():
    bare = {"messages": [ask("바다는?"), tell("푸르다.")], "rejected_response": None}
    reading = reading_of([SWIFT, bare])
    assert (len(reading.rankings), len(reading.problems)) == (1, 1)
