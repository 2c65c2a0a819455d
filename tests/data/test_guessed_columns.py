"""Tables of Korean teachers are read by guessed columns; where a guess is not certain, the error is pasteable."""

import csv
import io
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.exam_files import FIVE, FOUR

from koalign.data.formats.choice_lists import apart
from koalign.data.formats.documents import open_document
from koalign.data.formats.fields import Refused
from koalign.data.formats.read import read as read_documents
from koalign.data.formats.reading import Reading
from koalign.data.formats.sources import read_source
from koalign.records import KoalignError


def read(folder: Path, text: str, wanted: str = "dev", encoding: str = "utf-8") -> Reading:
    path = folder / "문제.csv"
    path.write_bytes(text.encode(encoding))
    return read_source(str(path), wanted)


def columns_of(folder: Path, text: str) -> dict:
    (columns,) = read(folder, text).columns.values()
    return columns


TABLES = {
    "as in the issue": (
        "번호,과목,지문,문제,보기1,보기2,보기3,보기4,보기5,정답\n7,국사,글이다.,나라는?,신라,고려,조선,발해,가야,③\n",
        {"passage": "글이다.", "subject": "국사", "key": "7", "choices": tuple(FIVE), "answers": ("3",)},
    ),
    "a provincial office of education": (
        "문항번호,영역,자료,발문,보기,선지①,선지②,선지③,선지④,선지⑤,정답,배점,해설\n7,국사,표,나라는?,ㄱ. 왕,신라,고려,조선,발해,가야,3번,2점,건국\n",
        {"passage": "표", "box": "ㄱ. 왕", "points": 2.0, "rationale": "건국", "choices": tuple(FIVE), "answers": ("3",)},
    ),
    "English names": (
        "question,choice1,choice2,choice3,choice4,answer,explanation\n나라는?,신라,고려,조선,발해,조선,건국\n",
        {"choices": tuple(FOUR), "answers": ("3",), "rationale": "건국"},
    ),
    "letters": (
        "Question,A,B,C,D,E,Answer\n나라는?,신라,고려,조선,발해,가야,C\n",
        {"choices": tuple(FIVE), "answers": ("3",)},
    ),
    "a title above the header": (
        "2026학년도 기말고사,,,,,,\n과목: 국사,,,,,,\n번호,문제,①,②,③,④,정답\n7,나라는?,신라,고려,조선,발해,3\n",
        {"key": "7", "choices": tuple(FOUR), "answers": ("3",)},
    ),
    "a title of one cell and a blank line": (
        "2026학년도 기말고사\n\n번호,문제,①,②,③,④,정답\n7,나라는?,신라,고려,조선,발해,3\n",
        {"key": "7", "choices": tuple(FOUR), "answers": ("3",)},
    ),
    "a merged header": (
        "번호,문제,보기,,,,정답\n7,나라는?,신라,고려,조선,발해,3\n",
        {"choices": tuple(FOUR), "answers": ("3",)},
    ),
    "a merged header over the numbers of the choices": (
        "번호,문제,보기,,,,정답\n,,①,②,③,④,\n7,나라는?,신라,고려,조선,발해,3\n",
        {"choices": tuple(FOUR), "answers": ("3",)},
    ),
    "one name for every choice, and blank columns at the end": (
        "번호,문제,보기,보기,보기,보기,정답,,,\n7,나라는?,신라,고려,조선,발해,3,,,\n",
        {"choices": tuple(FOUR), "answers": ("3",)},
    ),
    "cells beyond the header": (
        "문제,보기1,보기2,보기3,보기4,정답\n나라는?,신라,고려,조선,발해,3,,\n",
        {"choices": tuple(FOUR), "answers": ("3",)},
    ),
    "blanks, brackets and a line end in names": (
        '번호, 과목 ,문제 내용,보기 (1),보기 (2),보기 (3),보기 (4),"정답\n(번호)",점수\n7,국사,나라는?,신라,고려,조선,발해,3,4\n',
        {"subject": "국사", "choices": tuple(FOUR), "answers": ("3",), "points": 4.0},
    ),
    "choices in one cell": (
        "문제,선택지,답\n나라는?,① 신라 ② 고려 ③ 조선 ④ 발해,③\n",
        {"choices": tuple(FOUR), "answers": ("3",)},
    ),
    "choices between bars": (
        "질문,보기,답\n나라는?,신라 | 고려|조선|발해,조선\n",
        {"choices": tuple(FOUR), "answers": ("3",), "box": ""},
    ),
    "Quizizz": (
        "Question Text,Question Type,Option 1,Option 2,Option 3,Option 4,Option 5,Correct Answer,Time in seconds,Image Link\n나라는?,Multiple Choice,신라,고려,조선,발해,,3,30,\n",
        {"choices": tuple(FOUR), "answers": ("3",), "subject": "Multiple Choice"},
    ),
    "Kahoot": (
        "Quiz template,,,,,,,\n,,,,,,,\n,Question - max 120 characters,Answer 1 - max 75 characters,Answer 2 - max 75 characters,Answer 3 - max 75 characters,Answer 4 - max 75 characters,Time limit (sec),Correct answer(s) - choose at least one\n1,나라는?,신라,고려,조선,발해,20,\"1,3\"\n",
        {"choices": tuple(FOUR), "answers": ("1", "3")},
    ),
    "a number in 문제, and the question in 발문": (
        "문제,발문,선택지1,선택지2,선택지3,선택지4,정답\n7,나라는?,신라,고려,조선,발해,3\n",
        {"key": "7", "choices": tuple(FOUR), "answers": ("3",)},
    ),
    "the right answer and wrong ones": (
        "문제,정답,오답1,오답2,오답3\n나라는?,조선,신라,고려,발해\n",
        {"choices": ("고려", "발해", "신라", "조선"), "answers": ("4",), "kind": "choice"},
    ),
    "numbers for the right answer and wrong ones": (
        "문제,정답,오답1,오답2\n나라는?,3,1,2\n", {"choices": ("1", "2", "3"), "answers": ("3",)},
    ),
    "wrong answers with the number that each has": (
        "문제,정답,오답1,오답2\n나라는?,① 조선,② 신라,③ 고려\n", {"choices": ("고려", "신라", "조선"), "answers": ("3",)},
    ),
    "one name for wrong answers, and one that is empty": (
        "문제,정답,오답,오답,오답\n나라는?,조선,신라,고려,\n", {"choices": ("고려", "신라", "조선"), "answers": ("3",)},
    ),
    "wrong answers in English": (
        "question,correct_answer,distractor1,distractor2,distractor3\n나라는?,조선,신라,고려,발해\n",
        {"choices": ("고려", "발해", "신라", "조선"), "answers": ("4",)},
    ),
    "other words for wrong answers": (
        "문제,맞는 답,틀린 답 1,매력적인 오답\n나라는?,조선,신라,고려\n", {"choices": ("고려", "신라", "조선"), "answers": ("3",)},
    ),
    "choices inside of the question": (
        "번호,문제,정답\n7,나라는? ① 신라 ② 고려 ③ 조선 ④ 발해,③\n", {"choices": tuple(FOUR), "answers": ("3",)},
    ),
    "가 to 라 for the choices": (
        "번호,문제,가,나,다,라,정답\n7,나라는?,신라,고려,조선,발해,다\n", {"choices": tuple(FOUR), "answers": ("3",)},
    ),
    "short answers": ("번호,질문,답\n7,나라는?,조선\n", {"kind": "short", "choices": (), "answers": ("조선",)}),
    "no answers": (
        "번호,문제,보기1,보기2,보기3,보기4\n7,나라는?,신라,고려,조선,발해\n",
        {"choices": tuple(FOUR), "answers": ()},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_a_teacher_is_read_on_the_first_try(name, tmp_path):
    text, expected = TABLES[name]
    for encoding in ("utf-8", "utf-8-sig", "cp949"):
        reading = read(tmp_path, text, encoding=encoding)
        (problem,) = reading.problems
        assert reading.rows == 1 and problem.question == "나라는?"
        assert {field: getattr(problem, field) for field in expected} == expected


@pytest.mark.parametrize("name", TABLES)
def test_the_guess_is_printed_and_as_columns_reads_the_same(name, tmp_path, capsys):
    text, _ = TABLES[name]
    reading = read(tmp_path, text)
    path = tmp_path / "문제.csv"
    printed = capsys.readouterr().err
    line = next(line for line in printed.splitlines() if "columns guessed: " in line)
    assert line.startswith(f"{path}: ")
    guessed = line.partition("columns guessed: ")[2].partition("; not used")[0]
    columns = yaml.safe_load(guessed)
    assert read_source(str(path), "dev", columns=columns).problems == reading.problems
    read(tmp_path, text)
    assert not capsys.readouterr().err, "once for each source"


def test_four_and_five_choices_and_none_stand_in_one_table(tmp_path):
    rows = "번호,유형,문제,선택지1,선택지2,선택지3,선택지4,선택지5,답\n1,객관식,가?,ㄱ,ㄴ,ㄷ,ㄹ,ㅁ,⑤\n2,객관식,나?,ㄱ,ㄴ,ㄷ,ㄹ,,4번\n3,주관식,다?,,,,,,세종\n4,객관식,라?,산,들,강,섬,,강\n"
    problems = read(tmp_path, rows).problems
    assert [len(problem.choices) for problem in problems] == [5, 4, 0, 4]
    assert [problem.answers for problem in problems] == [("5",), ("4",), ("세종",), ("3",)]


DOUBTS = {
    "answers to a Google form": ("타임스탬프,점수,이름,1. 옳은 것은?\n2026. 3. 1,10 / 20,김철수,3번\n", "no column looks like the question"),
    "choices that nothing marks inside of the question": ("번호,문제,정답\n1,나라는? 신라 고려,②\n", "the number of a choice, and no column holds choices"),
    "choices called otherwise": ("문제,지문1,지문2,지문3,정답\n가?,ㄱ,ㄴ,ㄷ,1\n나?,ㄱ,ㄴ,ㄷ,2\n다?,ㄱ,ㄴ,ㄷ,3\n", "no column holds choices"),
    "one wrong answer": ("문제,정답,오답\n나라는?,조선,신라\n", "'오답' holds '신라'; several wrong answers need a column each"),
    "wrong answers in one cell": ("문제,정답,오답\n나라는?,조선,신라/고려/발해\n", "'오답' holds '신라/고려/발해'; several"),
    "a number beside wrong answers": ("문제,정답,오답1,오답2\n나라는?,②,신라,고려\n", "'정답' holds '②', a number beside texts that are wrong"),
    "choices between commas": ("문제,보기,정답\n나라는?,\"신라, 고려, 조선\",조선\n", "and the answer is a part of it"),
    "no name that is known": ("No,내용,가,나,다,라,키\n1,나라는?,신라,고려,조선,발해,3\n", "no column looks like the question"),
    "two questions": ("문제,발문,보기1,보기2,정답\n글이다,나라는?,신라,고려,1\n", "both '문제' and '발문' look like the question"),
    "two answers": ("문제,보기1,보기2,정답,답\n나라는?,신라,고려,1,2\n", "both '정답' and '답' look like the answer"),
    "two kinds of choices": ("문제,보기1,보기2,선지1,선지2,정답\n나라는?,ㄱ,ㄴ,신라,고려,1\n", "both '보기1' and '선지1' look like choices"),
    "a choice that is missing": ("문제,보기1,보기2,보기4,정답\n나라는?,신라,고려,조선,1\n", "a choice is missing"),
    "answers that name no choice": ("문제,보기1,보기2,정답\n나라는?,신라,고려,상\n", "'정답' holds '상', which names none of the choices"),
    "no question": ("번호,내용,보기1,보기2,정답\n1,나라는?,신라,고려,1\n", "no column looks like the question"),
    "nothing to answer with": ("번호,문제,비고\n1,나라는?,쉬움\n", "no column looks like the choices or the answer"),
    "a list that is none": ("문제,선택지,정답\n나라는?,신라 고려,1\n", "'선택지' holds '신라 고려', which is no list of choices"),
}  # fmt: skip


@pytest.mark.parametrize("name", DOUBTS)
def test_what_is_in_doubt_is_asked_with_the_columns_that_there_are(name, tmp_path):
    text, doubt = DOUBTS[name]
    with pytest.raises(KoalignError) as error:
        read(tmp_path, text)
    said = str(error.value)
    assert doubt in said and "\n" not in said
    header = text.partition("\n")[0].split(",")
    assert ", ".join(header) in said
    if "columns: " in said:
        source = yaml.safe_load(said[said.index("{path: ") :])
        assert source["path"] == str(tmp_path / "문제.csv")
        named = [
            n
            for key in source["columns"].values()
            for n in (key if isinstance(key, list) else [key])
        ]
        assert set(named) <= {*header, "?"}


def test_a_table_of_other_things_is_refused_in_a_short_line_however_wide(tmp_path):
    names = [f"열{n}" for n in range(500)]
    with pytest.raises(KoalignError, match="no column looks like the question") as error:
        read(tmp_path, f"{','.join(names)}\n{','.join(name[::-1] for name in names)}\n")
    assert len(str(error.value)) < 1000 and "보기1" not in str(error.value)


def test_the_source_to_paste_keeps_what_was_said_of_it(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("내용,가,나,다,키\n나라는?,신라,고려,조선,2\n", "utf-8")
    with pytest.raises(KoalignError) as error:
        read_source(str(path), "dev", answer_from=0, kind="span")
    source = yaml.safe_load(str(error.value)[str(error.value).index("{path: ") :])
    assert (source.pop("answer_from"), source.pop("kind")) == (0, "span")
    assert set(source) == {"path", "columns"}


@pytest.mark.parametrize("end", [",,,\n", ",,,\n , ,,\n\n", '"","","",""\n', ",,,"])
@pytest.mark.parametrize("between", [",,,\n", " , , ,\n", '"","","",""\n', ",\n", ",,,,,\n"])
def test_rows_of_blank_cells_are_no_rows(between, end, tmp_path):
    text = f"문제,보기1,보기2,정답\n가?,나,다,1\n{between}라?,마,바,2\n{end}"
    reading = read(tmp_path, text)
    assert [len(reading.problems), len(reading.drops), reading.rows] == [2, 0, 2]
    assert reading.places == [f"{tmp_path / '문제.csv'}:{n}" for n in (2, 4)]


def test_a_quotation_mark_that_ends_a_cell_on_a_line_of_its_own_is_no_blank_row(tmp_path):
    (problem,) = read(tmp_path, '문제,보기1,보기2,정답\n가?,나,다,"1\n"\n').problems
    assert problem.answers == ("1",)


def test_training_needs_an_answer_and_solving_does_not(tmp_path):
    text = TABLES["no answers"][0]
    assert read(tmp_path, text, "test").problems
    with pytest.raises(KoalignError, match="no column looks like the answer, which training needs"):
        read(tmp_path, text, "train")


def test_a_named_column_that_is_not_there_is_named_with_those_that_are(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("기말고사,,\n번호,질문,보기1,보기2,정답\n1,가?,나,다,1\n", encoding="utf-8")
    columns = {"question": "문제", "choices": ["보기1", "보기2"], "answer": "정답"}
    with pytest.raises(
        KoalignError, match="no column '문제'; there are 번호, 질문, 보기1, 보기2, 정답"
    ):
        read_source(str(path), "dev", columns=columns)
    columns["question"] = "질문"
    (problem,) = read_source(str(path), "dev", columns=columns).problems
    assert problem.answers == ("1",)


def test_objects_in_json_are_guessed_as_tables_are(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [
        {"문제": "나라는?", "보기": FOUR, "정답": 3},
        {"문제": "왕은?", "보기": ["세종", "태조"], "정답": "태조"},
    ]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    assert [problem.answers for problem in read_source(str(path), "dev").problems] == [
        ("3",),
        ("2",),
    ]


def test_a_split_column_keeps_the_test_out_of_training(tmp_path):
    text = "문제,보기1,보기2,정답,split\n가?,나,다,1,학습\n라?,마,바,1,test\n사?,아,자,1,검증\n"
    for wanted, question in (("train", "가?"), ("dev", "사?"), ("test", "라?")):
        path = tmp_path / "exam"
        path.mkdir(exist_ok=True)
        (path / "문제.csv").write_text(text, encoding="utf-8")
        (problem,) = read_source(str(path), wanted).problems
        assert problem.question == question


def test_answers_that_count_from_zero_stop_a_guessed_table_too(tmp_path):
    rows = "".join(f"{n}번은?,가,나,다,라,{n % 3}\n" for n in range(12))
    with pytest.raises(KoalignError, match="count from 0"):
        read(tmp_path, "문제,보기1,보기2,보기3,보기4,정답\n" + rows)


def test_a_row_that_cannot_be_read_keeps_its_own_name(tmp_path):
    reading = read(tmp_path, "번호,문제,보기1,보기2,정답\n1,가?,나,다,1\n가-2,라?,마,바,7\n")
    assert [drop.key for drop in reading.drops] == ["가-2"]


def test_a_table_in_koaligns_words_may_hold_lists_as_text_and_columns_of_its_own(tmp_path):
    path = tmp_path / "a.csv"
    for more, value in (("", ""), (",난이도", ",상")):
        path.write_text(
            f"question,choices,answer{more}\n나라는?,\"['신라', '고려']\",2{value}\n", "utf-8"
        )
        (problem,) = read_source(str(path), "dev").problems
        assert (problem.choices, problem.answers) == (("신라", "고려"), ("2",))


NAMES = ["번호", "지문", "문제", "발문", "보기", "보기1", "보기2", "보기3", "선택지", "①", "②", "정답", "답", "해설", "배점", "A", "B", "question", "choice1", "answer", "split"]  # fmt: skip
CELLS = ["", "1", "③", "3번", "가", "① 가 ② 나", "['가','나']", "[1,", "-", "2점", "A", "가|나", "test", '"', "문제", "\x00"]  # fmt: skip


@given(
    header=st.lists(st.sampled_from([*NAMES, "", "정답\n(번호)"]), min_size=1, max_size=8),
    data=st.data(),
)
def test_no_table_ends_in_a_traceback_and_what_is_guessed_reads_the_same(header, data):
    row = st.lists(st.sampled_from(CELLS), min_size=len(header), max_size=len(header) + 1)
    rows = data.draw(st.lists(row, max_size=5))
    text = io.StringIO()
    csv.writer(text).writerows([*[["제목"]] * data.draw(st.integers(0, 2)), header, *rows])
    try:
        reading = read_documents([open_document("a.csv", text.getvalue().encode())])
    except KoalignError as error:
        assert "\n" not in str(error)
        return
    for columns in reading.columns.values():
        assert reading.rows <= len(rows)
        again = read_documents([open_document("a.csv", text.getvalue().encode())], columns=columns)
        assert again.records == reading.records


def test_choices_behind_letters_and_colons_end_a_question_and_people_who_talk_do_not(tmp_path):
    path = tmp_path / "문제.jsonl"
    choices = "\n".join(f"{letter}: {n}일" for n, letter in enumerate("ABCDEFGHIJ"))
    rows = [
        {"Question": f"{n}번 문장의 주어는?\n\n{choices}", "Answer": "CAJ"[n]} for n in range(3)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    problems = read_source(str(path), "dev").problems
    assert [p.answers for p in problems] == [("3",), ("1",), ("10",)]
    assert problems[0].question == "0번 문장의 주어는?" and problems[0].choices[9] == "9일"
    with pytest.raises(Refused):
        apart("What comes next?\nA: Hello.\nB: Hi.\nC: Bye.", "question")
