"""exam_files: of every format a small made-up file, in the exact shape that its files have."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

ROWS = 4
FIVE = ["신라", "고려", "조선", "발해", "가야"]
FOUR = FIVE[:4]
ABCD = dict(zip("ABCD", FOUR, strict=True))


@dataclass(frozen=True)
class ExamFile:
    """How a file of one format is made from rows, broken ones too."""

    name: str
    """Of the file; the ending says how it is written."""
    row: Callable[[int], dict[str, Any]]
    """The row, passage or article of a number; no two are the same."""
    around: Callable[[list[Any]], Any] = list
    """The JSON value that holds the rows."""
    encoding: str = "utf-8"

    @property
    def suffix(self) -> str:
        """The ending of the text itself: what is in a zip is JSON."""
        suffix = PurePosixPath(self.name).suffix
        return ".json" if suffix == ".zip" else suffix

    def rows(self) -> list[Any]:
        """Good rows."""
        return [self.row(number) for number in range(ROWS)]

    def header(self) -> list[str]:
        """The names in a good row."""
        return list(self.row(0))

    def data(self, rows: list[Any], header: list[str] | None = None) -> bytes:
        """The bytes of a file of these rows; one that is no dict becomes a cell of its own in a table.

        A table has its columns in the order of the header, by default that of a good row.
        """
        match PurePosixPath(self.name).suffix:
            case ".csv" | ".tsv" as suffix:
                text = table(header or self.header(), rows, "," if suffix == ".csv" else "\t")
                return text.encode(self.encoding, "backslashreplace")
            case ".jsonl":
                return b"".join(as_json(row) + b"\n" for row in rows)
            case ".json":
                return as_json(self.around(rows))
            case ".zip":
                return zipped({f"{Path(self.name).stem}.json": as_json(self.around(rows))})
            case _:
                return parquet(rows)

    def write(self, folder: Path) -> Path:
        """Write the good file and return its path."""
        path = folder / self.name
        path.write_bytes(self.data(self.rows()))
        return path


def as_json(value: Any) -> bytes:
    """JSON with Korean as Korean and half of a surrogate pair as an escape."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


def table(header: list[str], rows: list[Any], delimiter: str) -> str:
    """A table; the names that pandas makes, `Unnamed: 0` and `name.1`, are written `` and `name`."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow([re.sub(r"^Unnamed: \d+$|\.\d$", "", name) for name in header])
    for row in rows:
        writer.writerow([row.get(name, "") for name in header] if isinstance(row, dict) else [row])
    return text.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip of the members."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def parquet(rows: list[dict[str, Any]]) -> bytes:
    """A Parquet file of the rows."""
    import pyarrow
    import pyarrow.parquet

    data = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), data)
    return data.getvalue()


def asked(n: int, choices: list[str]) -> dict[str, Any]:
    return {"question": f"{n}번 물음에 옳은 것은?", "choices": choices, "answer": n % 4 + 1}


def csat(n: int) -> dict[str, Any]:
    paragraph = f'왕이 {n}년에 이르기를,\n"경의 말이 옳다, 그리하라."'
    box = "ㄱ. 예송\nㄴ. 환국" if n == 1 else ""
    return {"id": f"generation-for-nlp-{n}", "paragraph": paragraph, "problems": str(asked(n, FOUR)), "question_plus": box}  # fmt: skip


def kice(n: int) -> dict[str, Any]:
    first = {**asked(n, FIVE), "score": 2}
    second = {**asked(n + 9, FIVE), "score": 3, "question_plus": "㉠ 달"}
    return {"id": f"2023_11_KICE_{n}", "paragraph": f"{n}번째 글이다.", "type": n, "problems": [first, second]}  # fmt: skip


def csatqa(n: int) -> dict[str, Any]:
    options = {f"option#{place}": text for place, text in enumerate(FIVE, start=1)}
    return {"question": f"윗글 {n}의 주제는?", "context": "글" if n else None, **options, "gold": n + 1, "category": "RCH", "human_performance": 62.0}  # fmt: skip


def haerae(n: int) -> dict[str, Any]:
    listed = "\n".join(f"({letter}) {text}" for letter, text in zip("ABCDE", FIVE, strict=True))
    query = (
        f"다음을 읽고 고르시오.\n\n### 질문: \n{n}번 나라는?\n\n### 선택지: \n{listed}\n\n### 정답:"
    )
    return {"query": query, "options": str(FIVE), "answer": f"({'ABCDE'[n]})"}


def qa(n: int, name: str, key: str = "id", **more: Any) -> dict[str, Any]:
    answers = [{"text": f"고을{n}", "answer_start": 5}]
    return {key: name, "question": f"한강 {n}은 어디를 지나는가?", "answers": answers, **more}


def article(n: int, question: dict[str, Any], **more: Any) -> dict[str, Any]:
    paragraph = {"context": f"한강은 고을{n}을 지나 서해로 흐른다.", "qas": [question]}
    return {"title": f"강 {n}", "paragraphs": [paragraph], **more}


def klue(n: int) -> dict[str, Any]:
    question = qa(n, f"klue-mrc-v1_dev_{n:05}", "guid", question_type=1, is_impossible=False)
    return article(n, question, news_category="사회", source="made_up")


def korquad_2(n: int) -> dict[str, Any]:
    answer = {"text": f"고을{n}", "answer_start": 3, "html_answer_start": 6}
    question = {"id": str(n), "question": "어디인가?", "answer": answer}
    return {"title": f"강 {n}", "url": "https://example.org", "context": f"<p>한강 고을{n}</p>", "raw_html": "<p></p>", "qas": [question]}  # fmt: skip


def data_of(rows: list[Any]) -> dict[str, Any]:
    return {"version": "made_up", "data": rows}


def culture(n: int) -> dict[str, Any]:
    question = f"설에 하는 놀이 {n}은? \\n 1\\t 윷놀이   2\\t강강술래 3\\t씨름 4\\t그네"
    given = {"category": "문화 지식", "domain": "예술", "question_type": "선다형", "topic_keyword": "놀이", "question": question}  # fmt: skip
    short = {**given, "question_type": "단답형", "question": f"{n}살 생일은?"}
    return {"id": str(n), "input": given if n % 2 else short, "output": {"answer": f"{n}#{n}살" if n % 2 == 0 else str(n)}}  # fmt: skip


def rule(n: int) -> dict[str, Any]:
    question = f'{n}. "문을 {{잠궜다/잠갔다}}." 가운데 옳은 것은?'
    answer = "\"문을 잠갔다.\"가 옳다. 'ㅡ'는 탈락한다."
    return {"id": str(n), "input": {"question_type": "선택형", "question": question}, "output": {"answer": answer}}  # fmt: skip


def dialogue(n: int) -> dict[str, Any]:
    said = [{"id": f"au-{n}-{m}", "speaker_id": f"P{m}", "form": f"말 {n}-{m}"} for m in (1, 2)]
    labels = [{"id": f"au-{n}-{m}", "label": "in" * (m - 1) + "appropriate"} for m in (1, 2)]
    return {"id": f"au-{n}", "input": {"document_id": f"au-{n}", "utterance": said}, "output": labels}  # fmt: skip


def logic(n: int) -> dict[str, Any]:
    given = {"front": f"{n}일 동안 비가 왔다.", "back": "강물은 넘치지 않았다."}
    return {"id": f"sr-{n}", "input": given, "output": "역접"}


def aihub(n: int, **more: Any) -> dict[str, Any]:
    category = {"main": "한국어", "middle": "사회"}
    return {"data_id": f"d-{n}", "data_category": category, "question": f"{n}번 합병은 무엇인가?", "question_type": "서술형", **more}  # fmt: skip


def ranked(n: int) -> dict[str, Any]:
    answers = {f"answer{m:02}": {"contents": f"답 {m}", "answer_count": 2, "ranking": m % 5 + 1} for m in range(1, 6)}  # fmt: skip
    return aihub(n, **answers)


def documents(n: int) -> dict[str, Any]:
    pairs = [{"question": f"{n}-{m}번 물음은?", "answer": f"{m}번 답이다."} for m in (1, 2)]
    return {"data_id": f"w-{n}", "data_category": {"middle": "인문"}, "contents": [{"QA": pairs}]}


def etri(n: int) -> dict[str, Any]:
    choices = {f"보기()E_string{'.' * bool(m)}{m or ''}": text for m, text in enumerate(FOUR)}
    return {"질문(Q_string)": f"{n}번 나라는?", **choices, "정답(A_ans)": FOUR[n], "위키피디아 제목(AP_title)": FOUR[n]}  # fmt: skip


def wiki_table(n: int) -> dict[str, Any]:
    question = {"qid": f"K_{n}", "question": f"{n}번 산의 높이는?", "answer": "1,947m"}
    return {"T": f"산 {n}", "U": "https://example.org", "TBL": [["이름", "높이"], ["한라산", "1,947m"]], "QAS": question}  # fmt: skip


def ask(n: int) -> dict[str, str]:
    return {"role": "user", "content": f"{n}번 하늘은 왜 파란가?"}


TELL = {"role": "assistant", "content": "빛이 흩어지기 때문이다."}

FILES: dict[str, ExamFile] = {
    "csat": ExamFile("csat.csv", csat),
    "kice": ExamFile("2023_11_KICE.json", kice),
    "csat-qa": ExamFile("csatqa.jsonl", csatqa),
    "kmmlu": ExamFile("Criminal-Law-dev.csv", lambda n: {"question": f"{n}번 죄는?", "answer": n + 1, **ABCD, "Category": "Criminal Law", "Human Accuracy": 0.0}),
    "kmmlu-pro": ExamFile("pro.parquet", lambda n: {"question": f"{n}번 법은?", "options": FIVE, "solution": str(n + 1), "license_name": "변호사", "subject": "민법"}),
    "kmmlu-redux": ExamFile("redux.csv", lambda n: {"question": f"{n}번 기계는?", "options": str(FOUR), "solution": n + 1, "license_name": "가스기사", "category": "기계"}),
    "kormedmcqa": ExamFile("doctor-dev.jsonl", lambda n: {"subject": "doctor", "year": 2022, "period": 1, "q_number": n, "question": f"{n}번 병은?", **ABCD, "E": None, "answer": n + 1, "cot": None}),
    "arc": ExamFile("arc-train.jsonl", lambda n: {"id": f"a{n}", "question": f"{n}번 물질은?", "choices": {"text": FOUR, "label": [*"ABCD"]}, "answerKey": "ABCD"[n]}),
    "mmmlu": ExamFile("mmlu_KO-KR.csv", lambda n: {"Unnamed: 0": n, "Question": f"{n}번 마음은?", **ABCD, "Answer": "ABCD"[n], "Subject": "high_school_psychology"}),
    "click": ExamFile("Society_KIIP.json", lambda n: {"id": f"KIIP_society_{n}", "paragraph": "", "question": f"{n}번 수도는?", "choices": FOUR, "answer": FOUR[n]}),
    "haerae": ExamFile("HAERAE-Bench-v1-KGK.csv", haerae),
    "kobest": ExamFile("BoolQ.tsv", lambda n: {"ID": n, "Text": f"글 {n}이다.", "Question": "즐거운가?", "Answer": "TRUE"}),
    "hellaswag": ExamFile("hellaswag.jsonl", lambda n: {"ctx": f"{n}번 배가 떠난다. 사공은", "endings": FOUR, "label": str(n)}),
    "nli": ExamFile("nli.tsv", lambda n: {"sentence1": f"{n}일 동안 비가 왔다.", "sentence2": "땅이 젖었다.", "gold_label": "entailment"}),
    "ynat": ExamFile("ynat.jsonl", lambda n: {"guid": f"ynat-v1_dev_{n}", "title": f"{n}번 배가 강을 건너다", "label": n}),
    "ko-commongen": ExamFile("commongen.jsonl", lambda n: {"concept_set": f"배#강#{n}", **dict(zip("1234", FOUR, strict=True)), "gold": n + 1}),
    "truthfulqa": ExamFile("truthfulqa.jsonl", lambda n: {"question": f"{n}번 나라는?", "mc1_targets": {"choices": FOUR, "labels": [1, 0, 0, 0]}}),
    "klue-mrc": ExamFile("klue-mrc-v1.1_dev.json", klue, data_of),
    "aihub-mrc": ExamFile("TL_mrc.json", lambda n: article(n, qa(n, f"a{n}", "question_id", options=None)), data_of),
    "korquad-2": ExamFile("KorQuAD_2.1_dev_00.zip", korquad_2, data_of),
    "tydiqa-ko": ExamFile("tydiqa-goldp.json", lambda n: article(n, qa(n, f"korean-{n}-0")), data_of),
    "korquad": ExamFile("KorQuAD_v1.0_dev.json", lambda n: article(n, qa(n, f"7-{n}-0")), data_of),
    "squad": ExamFile("squad.json", lambda n: article(n, qa(n, f"a{n}")), data_of),
    "nikl-culture": ExamFile("korean_culture_qa_V1.0_dev+.json", culture),
    "nikl-rule": ExamFile("korean_language_rag_V1.0_dev.json", rule),
    "nikl-inappropriate": ExamFile("au-dev.json", dialogue),
    "nikl-logic": ExamFile("sr-dev.json", logic),
    "aihub-sft": ExamFile("SFTlabel.json", lambda n: aihub(n, answer={"contents": "하나가 되는 것이다.", "answer_count": 9}), lambda rows: {"data_info": rows}),
    "aihub-rm": ExamFile("RMlabel.json", ranked, lambda rows: {"data_info": rows}),
    "aihub-qa": ExamFile("Other.zip", documents),
    "etri": ExamFile("객관식.csv", etri, encoding="cp949"),
    "korwikitq": ExamFile("KorWikiTQ_ko_dev.json", wiki_table, lambda rows: {"data": rows}),
    "trl-preference": ExamFile("pairs.jsonl", lambda n: {"prompt": f"{n}번 정답:", "chosen": "2", "rejected": "4"}),
    "trl-prompt-completion": ExamFile("completions.jsonl", lambda n: {"prompt": [ask(n)], "completion": [TELL]}),
    "ms-swift": ExamFile("swift.jsonl", lambda n: {"messages": [ask(n), TELL], "rejected_response": "모른다."}),
    "messages": ExamFile("messages.jsonl", lambda n: {"messages": [ask(n), TELL]}),
    "sharegpt": ExamFile("sharegpt.json", lambda n: {"conversations": [{"from": "human", "value": f"{n}번은?"}, {"from": "gpt", "value": "예."}]}),
    "koalpaca": ExamFile("KoAlpaca_v1.1a.jsonl", lambda n: {"instruction": f"{n}번 물은 왜 어는가?", "output": "열을 잃어서.", "url": f"https://example.org/{n}"}),
    "alpaca": ExamFile("alpaca.json", lambda n: {"instruction": f"{n}번 물은 왜 어는가?", "input": "", "output": "열을 잃어서."}),
    "native": ExamFile("native.jsonl", lambda n: {**asked(n, FOUR), "passage": f"{n}번 마을의 기록이다.", "subject": "역사"}),
}  # fmt: skip
"""Format -> its file."""
