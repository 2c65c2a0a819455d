"""text_rows: rows of reading, open-answer and training formats, made up, and what a reading of them gives."""

from __future__ import annotations

import json
from typing import Any

from koalign.data.formats.documents import open_document
from koalign.data.formats.read import Reading, read
from koalign.records import Problem, Ranking

RIVER = "한강은 서울을 지난다. 길이는 494km이고, 서해로 흐른다."


def squad(*qas: dict, context: str = RIVER, **article: Any) -> dict:
    paragraphs = [{"context": context, "qas": list(qas)}]
    return {"version": "made_up", "data": [{"title": "한강", **article, "paragraphs": paragraphs}]}


def qa(**changes: Any) -> dict:
    answers = [{"text": "서울", "answer_start": 5}]
    return {"id": "7-0-0", "question": "한강이 지나는 도시는?", "answers": answers, **changes}


def flat_qa(**changes: Any) -> dict:
    answers = {"text": ["서울"], "answer_start": [5]}
    return {"context": RIVER, "title": "한강", **qa(answers=answers), **changes}


def klue(number: int, **changes: Any) -> dict:
    one = qa(guid=f"klue-mrc-v1_train_{number:05}", question_type=1, is_impossible=False, **changes)
    del one["id"]
    return one


def culture(kind: str, question: str, answer: str | None = None, **changes: Any) -> dict:
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


def dialogue(**changes: Any) -> dict:
    turns = [("001", "P1", "오늘 날씨 좋다."), ("002", "P2", "너랑은 말 안 해.")]
    said = [{"id": f"au-1-{n}", "speaker_id": who, "form": form} for n, who, form in turns]
    labels = [
        {"id": f"au-1-{n}", "label": label}
        for n, label in (("001", "appropriate"), ("002", "inappropriate"))
    ]
    given = {"document_id": "au-1", "utterance": said}
    return {"id": "au-1", "input": given, "output": labels, **changes}


def logic(output: Any = "역접") -> dict:
    given = {"front": "비가 많이 왔다.", "back": "강물은 넘치지 않았다."}
    return {"id": "sr-1", "input": given, "output": output}


def aihub(**changes: Any) -> dict:
    category = {"main": "한국어", "middle": "사회"}
    question = {"question": "인수와 합병은 어떻게 다른가?", "question_type": "서술형"}
    return {"data_id": "d-1", "data_category": category, **question, **changes}


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
    cells = [["이름", "높이"], ["한라산", "1,947m"], ["지리산", "1,915m"]]
    question = {"qid": "K_1_1", "question": "한라산의 높이는?", "answer": "1,947m"}
    return {"T": "한국의 산", "U": "https://example.org", "TBL": cells, "QAS": question, **changes}


INSTRUCTION = {"instruction": "물은 왜 어는가?", "output": "열을 잃기 때문이다."}
QUIZ = "질문(Q_string),보기()E_string,보기()E_string,보기()E_string,보기()E_string,정답(A_ans),위키피디아 제목(AP_title)"

ETRI = f"{QUIZ}\r\n가장 긴 강은?,낙동강,한강,금강,섬진강,낙동강,낙동강\r\n옛 서울은?,한양,평양,경주,공주,한양,서울\r\n"
SWIFT = {"messages": [ask(), tell()], "rejected_response": "모른다."}


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
