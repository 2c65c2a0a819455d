"""A problem is read without the numbers and headings that a prompt adds itself, and no twin is wrong."""

import json
import unicodedata
import zipfile
from pathlib import Path

import pytest

from koalign.data.formats.sources import read_source
from koalign.data.prompting.choices import permute
from koalign.grading.grade import grade
from koalign.text.choices import unnumbered
from koalign.text.tex import restored
from tests.support.read_rows import dropped, one, read_as, reading_of

WORDS = ("이산화탄소", "소금", "물")


@pytest.mark.parametrize(
    "form",
    ["1. {}", "1.{}", "１． {}", "1) {}", "(1) {}", "[1] {}", "1: {}", "1번 {}", "1번. {}", "1\t{}", "  1 . {}", "① {}", "①{}",
     "❶ {}", "⑴ {}", "⒈{}", "A. {}", "A) {}", "(A) {}", "a) {}", "Ⅰ. {}", "가. {}", "(가) {}", "ㄱ. {}", "㉠ {}", "㉮ {}", "ⓐ {}",
     "① 1. {}", "1 - {}", "1- {}", "보기1. {}", "보기 1 {}", "선택지1) {}", "1\ufe0f\u20e3 {}"],
)  # fmt: skip
def test_choices_lose_the_numbers_that_they_carry(form):
    steps = dict.fromkeys("1１①❶⑴⒈AaⅠ㉠㉮ⓐ", 1)
    hangul = dict(zip("가ㄱ", ("가나다", "ㄱㄴㄷ"), strict=True))
    listed = [
        "".join(
            hangul[c][n] if c in hangul else chr(ord(c) + n * steps.get(c, 0)) for c in form
        ).format(word)
        for n, word in enumerate(WORDS)
    ]
    problem = one([{"question": "물은?", "choices": listed, "answer": 3}])
    assert problem.choices == WORDS and problem.answers == ("3",)
    assert permute(problem, (2, 0, 1)).choices == ("물", "이산화탄소", "소금")
    for answer in ("물", listed[2]):
        assert one([{"question": "물은?", "choices": listed, "answer": answer}]).answers == ("3",)


@pytest.mark.parametrize(
    "choices",
    [("1.5", "2.5"), ("1:2", "2:3"), ("1: 2", "2: 3"), ("①", "②"), ("(A)", "(B)"), ("ㄱ, ㄴ", "ㄴ, ㄷ"), ("1번 국도", "2번 국도"),
     ("(가)의 화자", "(나)의 화자"), ("1. 물", "소금"), ("1. 물", "3. 소금"), ("1월 1일", "2월 2일"), ("1차 산업", "2차 산업"), ("A형", "B형"),
     ("1 - 2", "2 - 3"), ("1-가", "2-나"), ("보기 1", "보기 2"), ("A - 물", "B - 소금"), ("1.", "2."), ("A.B", "B.C"), ("10. 물", "11. 소금"), ("1", "2")],
)  # fmt: skip
def test_what_is_no_list_of_numbers_stays(choices):
    assert unnumbered(choices) == choices


def test_marks_that_the_problem_shows_stay():
    for shown, choices in (
        ("(가)와 (나)에 대해", ("(가) 물은 흐른다", "(나) 소금은 짜다")),
        ("㉠과 ㉡", ("㉠ 물", "㉡ 소금")),
        ("A와 B의 대화", ("A. 물", "B. 소금")),
    ):
        assert unnumbered(choices, shown) == choices
        assert unnumbered(choices, "옳은 것은?") != choices


@pytest.mark.parametrize(
    "heading",
    [
        "<보기>\n",
        "< 보 기 >",
        "〈보기〉\n",
        "[보기] ",
        "<보기>: ",
        "보기:",
        "보기\n",
        "<보기>",
        "＜보기＞ ",
        "《보기》\n",
    ],
)
def test_a_box_loses_its_heading(heading):
    row = {
        "question": "옳은 것은?",
        "box": f"{heading}ㄱ. 물은 흐른다.",
        "choices": ["ㄱ", "ㄴ"],
        "answer": 1,
    }
    assert one([row]).box == "ㄱ. 물은 흐른다."


@pytest.mark.parametrize("none", ["None", "없음", "N/A", "\\N", "(지문 없음)"])
def test_a_passage_or_a_box_that_says_none_is_none_in_every_format(none):
    asked = {"question": "물은?", "choices": ["H2O", "CO2"], "answer": 1}
    rows = [{"id": "1", "paragraph": none, "problems": str(asked), "question_plus": none}]
    problem = one(rows)
    assert (problem.source, problem.passage, problem.box, problem.group) == ("csat", "", "", "")


def test_a_box_that_speaks_of_the_box_stays():
    for box in ("<보기>에서 고른 것이다.", "<보기 1>\nㄱ. 물", "보기에 좋다"):
        assert one([{"question": "왜?", "box": box, "answer": "물"}]).box == box


def test_the_right_choice_twice_is_right_twice():
    rows = {"question": "서울은?", "choices": ["수도", "항구", "수도 ", "섬"]}
    for answer in (1, 3, "수도", "①"):
        problem = one([{**rows, "answer": answer}])
        assert sorted(problem.answers) == ["1", "3"]
        for text in ("정답: 1", "정답: ③", "정답은 수도입니다.", "정답은 1번 또는 3번입니다."):
            assert grade(problem, text).correct
        assert not grade(problem, "정답: 2").correct
    # A problem that no format has read, too.
    one_gold = problem.model_copy(update={"answers": ("1",)})
    assert grade(one_gold, "정답: 3").correct


def test_choices_that_differ_in_letter_case_are_two():
    row = {"question": "코발트는?", "choices": ["CO", "Co", "mW", "MW"]}
    problem = one([{**row, "answer": "Co"}])
    assert problem.answers == ("2",)
    assert grade(problem, "정답: Co").correct and grade(problem, "정답은 Co입니다").correct
    assert grade(problem, "정답: CO").answer == "1" and grade(problem, "정답: co").answer is None
    assert grade(problem, "정답: mw").answer is None and grade(problem, "정답: MW").answer == "4"
    assert dropped(reading_of([{**row, "answer": "co"}])).reason == "answer_is_two_choices"
    cities = {"question": "프랑스의 수도는?", "choices": ["London", "Paris"], "answer": "paris"}
    assert grade(one([cities]), "the answer is PARIS.").correct


@pytest.mark.parametrize(
    ("gold", "right", "wrong"),
    [("Co", "Co", "CO"), ("1 MW", "1 MW", "1 mW"), ("Paris", "paris", "Pari"), ("CO2", "CO2", "Co2"), ("AaBb", "AaBb", "aabb"),
     ("5 Gbps", "5 Gbps", "5 GBps"), ("The Great Gatsby", "the great gatsby", "great"), ("Yes", "yes", "no"),
     ("UNESCO", "unesco", "UN"), ("Mg", "Mg", "mg"), ("CoCl2", "CoCl2", "COCl2"), ("pH", "pH", "PH")],
)  # fmt: skip
def test_short_answers_ignore_the_case_of_words_and_not_of_symbols(gold, right, wrong):
    problem = one([{"question": "무엇인가?", "answer": gold}])
    assert grade(problem, f"정답: {right}").correct
    assert not grade(problem, f"정답: {wrong}").correct


@pytest.mark.parametrize(
    "text",
    [r"$\frac{1}{2}$", r"3 \times 4", r"\theta는 각이다", r"x \neq 0", r"\beta_1", r"\vec{v}", r"\alpha + \rho", r"\left( \right)",
     r"$x \to \nu$", r"\bar{x} \approx \nabla f", r"\forall x \therefore y", r"$\tan x \ne \tau$", r"\text{물}"],
)  # fmt: skip
def test_an_eaten_backslash_comes_back(text):
    eaten = text
    for letter, control in zip("abtnvfr", "\a\b\t\n\v\f\r", strict=True):
        eaten = eaten.replace(f"\\{letter}", control)
    assert eaten != text
    problem = one([{"question": eaten, "choices": [eaten, "없음"], "answer": 1}])
    assert problem.question == text and problem.choices[0] == text


@pytest.mark.parametrize(
    "text",
    [
        "가\n나",
        "1\t물",
        "첫 줄\r\nho 둘째",
        "줄\nnot 이다",
        "쪽\f새 쪽",
        "값\to 가",
        "$5\n가 $7",
        "a\text2",
        "줄\nequal",
    ],
)
def test_other_control_characters_stay(text):
    assert restored(text) == text


def test_names_are_found_in_either_form(tmp_path):
    row = json.dumps(
        {"question": "물은?", "choices": ["ㄱ", "ㄴ"], "answer": 1}, ensure_ascii=False
    )
    for there, typed in (("NFD", "NFC"), ("NFC", "NFD")):
        folder = tmp_path / there / unicodedata.normalize(there, "시험 자료")
        folder.mkdir(parents=True)
        (folder / unicodedata.normalize(there, "검증.jsonl")).write_text(row, "utf-8")
        for name in ("시험 자료", "시험 자료/검증.jsonl"):
            reading = read_source(str(tmp_path / there / unicodedata.normalize(typed, name)), "dev")
            (problem,) = reading.problems
            (file,) = reading.files
            assert problem.split == "dev" and file == unicodedata.normalize("NFC", file)


@pytest.mark.parametrize(("encoding", "form"), [("cp949", "NFC"), ("utf-8", "NFD")])
def test_members_of_a_zip_have_the_names_that_they_were_given(tmp_path, encoding, form):
    row = json.dumps(
        {"question": "물은?", "choices": ["ㄱ", "ㄴ"], "answer": 1}, ensure_ascii=False
    )
    name = unicodedata.normalize(form, "학습/국어.jsonl").encode(encoding)
    path, plain = tmp_path / "data.zip", b"n" * (len(name) - 6) + b".jsonl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(plain.decode(), row)
    path.write_bytes(path.read_bytes().replace(plain, name))
    reading = read_source(str(path), "train")
    assert [Path(file).parts[-2:] for file in reading.files] == [("학습", "국어.jsonl")]
    assert reading.problems[0].split == "train"


def mrc(**question) -> dict:
    question = {
        "question_id": "q1",
        "question": "물은 무엇인가?",
        "is_impossible": False,
        **question,
    }
    return {
        "data": [{"doc_id": 7, "paragraphs": [{"context": "물은 H2O이다.", "qas": [question]}]}]
    }


def test_ai_hub_reading_comprehension_is_what_it_is():
    def problem(**question):
        (read,) = read_as("aihub-mrc", "TL_mrc.json", mrc(**question)).problems
        assert read.key == "q1" and read.passage == "물은 H2O이다."
        return read

    span = problem(answers={"text": "H2O", "answer_start": 3})
    assert (span.kind, span.answers) == ("span", ("H2O",))
    for more in ({"options": None}, {"options": []}, {"clue_text": None}):
        assert problem(answers={"text": "H2O"}, **more) == span
    options = ["NaCl", "H2O", "CO2", None]
    for answers, choices in (
        ({"text": "H2O"}, {"options": options}), ({"text": "H2O", "options": options}, {}), ({"text": 2}, {"options": options}),
        ([{"text": "②"}], {"options": options}), ("2. H2O", {"options": ["1. NaCl", "2. H2O", "3. CO2"]}),
    ):  # fmt: skip
        chosen = problem(answers=answers, **choices)
        assert (chosen.kind, chosen.choices) == ("choice", ("NaCl", "H2O", "CO2"))
        assert chosen.answers == ("2",)
    assert problem(answers={"text": "Yes"}).kind == "short"
    impossible = problem(is_impossible=True, answers=None)
    assert (impossible.kind, impossible.answers) == ("span", ("",))
    assert problem(answers={"text": None}, is_impossible=None).answers == ()


def test_kormedmcqa_is_read_with_its_nulls():
    row = {
        "subject": "doctor", "year": 2022, "period": 1, "q_number": 3, "question": "물은?", "A": "NaCl", "B": "H2O", "C": "CO2",
        "D": "O2", "E": "N2", "answer": 2, "cot": None,
    }  # fmt: skip
    five, four = read_as(
        "kormedmcqa", "doctor-test.json", [row, {**row, "E": None, "answer": 2.0}]
    ).problems
    assert (
        len(five.choices) == 5 and len(four.choices) == 4 and five.answers == four.answers == ("2",)
    )
    assert five.key == "doctor-2022-1-3" and five.rationale == "" and five.subject == "doctor"


def test_a_null_among_ranked_answers_is_none_of_them():
    row = {"data_id": "1", "data_category": None, "question": "물은?"}
    ranked = {f"answer{n:02}": {"contents": f"답 {n}", "ranking": n} for n in (1, 2, 3)}
    rows = {"data_info": [{**row, **ranked, "answer04": None}]}
    (ranking,) = read_as("aihub-rm", "RMlabel.json", rows).rankings
    assert ranking.texts == ("답 1", "답 2", "답 3")
    answered = {**row, "answer": {"contents": "물이다."}}
    reading = read_as(
        "aihub-sft", "SFTlabel.json", {"data_info": [answered, answered, {**row, "answer": None}]}
    )
    assert [drop.reason for drop in reading.drops] == ["no_answer"]
