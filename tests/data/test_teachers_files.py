"""Files as teachers have them: what a person reads in a row is what the problem says, or it is asked."""

import json

import pytest
from support.tables import CITIES, HEADER, SUMS, read_table, said

from koalign.data.formats.sources import read_source
from koalign.records import KoalignError
from koalign.yaml_text import parse_yaml


@pytest.fixture
def tmp_path(tmp_path):
    """A folder whose name is not that of a split."""
    folder = tmp_path / "files" / "here"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("label", ["③ 5", "3) 5", "(3) 5", "3. 5", "3번 5", "C. 5", "3번. 5"])
def test_a_label_and_the_text_of_its_choice_are_one_answer_and_not_two(label, tmp_path):
    header = ["문제", "보기1", "보기2", "보기3", "보기4", "보기5", "정답"]
    rows = [header, ["두 근의 합은?", *SUMS, label], ["수도는?", *CITIES, "③ 서울"]]
    first, second = read_table(tmp_path, *rows).problems
    assert (said(first), said(second)) == (["5"], ["서울"])


@pytest.mark.parametrize("label", ["③ 4", "3) 4", "3. 4", "3번 4"])
def test_a_label_beside_the_text_of_another_choice_is_a_drop(label, tmp_path):
    header = ["문제", "보기1", "보기2", "보기3", "보기4", "보기5", "정답"]
    rows = [header, ["두 근의 합은?", *SUMS, label], ["수도는?", *CITIES, "③ 서울"]]
    reading = read_table(tmp_path, *rows)
    assert [drop.place for drop in reading.drops] == [reading.places[0]]


def test_what_stands_before_a_short_answer_is_none_of_it(tmp_path):
    rows = [["문제", "답"], ["수도는?", "정답: 서울"], ["시는?", "답：윤슬"], ["무엇?", "정답지"]]
    assert [p.answers for p in read_table(tmp_path, *rows).problems] == [
        ("서울",),
        ("윤슬",),
        ("정답지",),
    ]


def test_a_rationale_that_says_none_is_none(tmp_path):
    rows = [
        ["문제", "보기1", "보기2", "정답", "해설"],
        *(["수도는?", "서울", "부산", 1, n] for n in ("NULL", "-", "해설 없음")),
    ]
    assert [p.rationale for p in read_table(tmp_path, *rows).problems] == [""] * 3


FIRST = ["세종은 훈민정음을 만들었다.", "왕은?", "태조", "태종", "세종", "문종", "단종", "3"]
BELOW = [
    "윗글의 내용과 같은 것은?",
    "글자를 만들었다.",
    "성을 쌓았다.",
    "배를 만들었다.",
    "길을 냈다.",
    "집을 지었다.",
    "1",
]


@pytest.mark.parametrize(
    "mark", ["〃", '"', "위와 같음", "(상동)", "위 지문과 동일", "윗글", "same as above"]
)
def test_a_mark_for_the_passage_above_is_that_passage(mark, tmp_path, capsys):
    first, second = read_table(tmp_path, HEADER, FIRST, [mark, *BELOW]).problems
    assert second.passage == first.passage == "세종은 훈민정음을 만들었다."
    assert second.group == first.group
    assert "passages read from a row above: 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "mark", ["1번 지문", "지문 1", "3번 문제 지문과 같음", "별지 참조", "[지문 2]"]
)
def test_a_passage_that_stands_elsewhere_is_a_drop_and_no_passage(mark, tmp_path):
    (drop,) = read_table(tmp_path, HEADER, FIRST, [mark, *BELOW]).drops
    assert drop.reason == "passage_elsewhere" and drop.place.endswith("문제.csv:3")
    assert (
        read_table(tmp_path, HEADER, ["〃", *BELOW], FIRST).drops[0].reason == "passage_elsewhere"
    )


def pasted(folder, error, means="above"):
    """What is read with the source that an error ends in."""
    source = parse_yaml(str(error).partition("Write ")[2].partition(" in its place")[0], "")
    source["columns"]["blank_passage"] = means
    return read_source(source.pop("path"), "train", **source)


ALONE = ["세종은 훈민정음을 만들었다.", *[""] * 7]
ONCE = {
    "the passage beside the first of its questions": [FIRST, ["", *BELOW]],
    "the passage in a row of its own": [ALONE, ["", *FIRST[1:]], ["", *BELOW]],
}


@pytest.mark.parametrize("name", ONCE)
def test_a_passage_that_is_written_once_is_asked_about_and_the_remedy_reads_it(name, tmp_path):
    with pytest.raises(KoalignError, match=r"the first .*문제\.csv:[23]\. Write \{path") as error:
        read_table(tmp_path, HEADER, *ONCE[name])
    reading = pasted(tmp_path, error.value)
    assert [problem.question for problem in reading.problems] == ["왕은?", BELOW[0]]
    assert {problem.passage for problem in reading.problems} == {FIRST[0]} and not reading.drops
    assert pasted(tmp_path, error.value, "none").problems[-1].passage == ""


def test_where_an_empty_passage_is_that_above_a_dash_is_none(tmp_path):
    alone = ["-", "수도는?", *CITIES, "3"]
    with pytest.raises(KoalignError) as error:
        read_table(
            tmp_path, HEADER, FIRST, ["", *BELOW], alone, ["", "가장 큰 항구는?", *CITIES, "1"]
        )
    passages = [problem.passage for problem in pasted(tmp_path, error.value).problems]
    assert passages == [FIRST[0], FIRST[0], "", ""]


@pytest.mark.parametrize("none", ["-", "–", "없음", "(없음)", "해당 없음", "N/A", "None", "null"])
def test_a_passage_or_a_box_that_says_none_is_none(none, tmp_path):
    header = ["지문", "조건", *HEADER[1:]]
    rows = [[FIRST[0], "ㄱ. 왕", *FIRST[1:]], [none, none, "수도는?", *CITIES, "3"]]
    first, second = read_table(tmp_path, header, *rows).problems
    assert (first.passage, first.box) == (FIRST[0], "ㄱ. 왕")
    assert (second.passage, second.box, second.group) == ("", "", "")


def test_problems_without_a_passage_among_others_are_read_as_they_stand(tmp_path, capsys):
    note = ["출처: 2024학년도", *[""] * 7]
    reading = read_table(tmp_path, HEADER, FIRST, ["", "수도는?", *CITIES, "3"], note)
    assert [problem.passage for problem in reading.problems] == [FIRST[0], ""]
    assert [drop.reason for drop in reading.drops] == ["no_question"]
    assert "no passage in 1 of 2 rows" in capsys.readouterr().err


def test_questions_of_a_text_that_no_row_holds_are_said(tmp_path, capsys):
    shared = ["※ 다음 글을 읽고 물음에 답하시오. 세종은 …", *[""] * 6]
    rows = [HEADER[1:], shared, FIRST[1:], BELOW]
    rows += [[f"{n}대 왕은?", *FIRST[2:]] for n in range(10)]
    assert len(read_table(tmp_path, *rows).problems) == 13
    printed = capsys.readouterr().err
    assert "no choices and no answer in 1 of 13 rows: if such a row is the passage" in printed
    assert (
        f"questions that speak of a text, and have none: 1, the first {tmp_path}/문제.csv:4"
        in printed
    )


@pytest.mark.parametrize("name", ["passage", "지문", "본문"])
def test_a_known_format_with_a_column_of_passages_keeps_the_passages(name, tmp_path):
    rows = [
        [name, "question", "A", "B", "C", "D", "answer"],
        ["세종은 왕이다.", "왕은?", *SUMS[:4], "2"],
    ]
    (problem,) = read_table(tmp_path, *rows).problems
    assert (problem.passage, said(problem)) == ("세종은 왕이다.", ["4"])
    (without,) = read_table(tmp_path, rows[0][1:], rows[1][1:]).problems
    assert without.source == "kmmlu"


OWN = {"question": "왕은?", "choices": [*SUMS], "answer": 2}
BESIDE = {
    "KMMLU's columns": {"question": "왕은?", **dict(zip("ABCD", SUMS, strict=False)), "answer": 2},
    "koalign's own": OWN,
    "koalign's own and another that it has not": {**OWN, "해설": "…"},
    "ARC's columns": {"id": "1", "question": "왕은?", "choices": SUMS, "answerKey": "2"},
}


@pytest.mark.parametrize(
    ("name", "field"), [("지문", "passage"), ("context", "passage"), ("보기글", "box")]
)
@pytest.mark.parametrize("shape", BESIDE)
def test_rows_of_a_known_format_with_a_text_more_keep_that_text(shape, name, field, tmp_path):
    path = tmp_path / "문제.jsonl"
    path.write_text(json.dumps({**BESIDE[shape], name: "세종은 왕이다."}), encoding="utf-8")
    (problem,) = read_source(str(path), "train").problems
    assert (getattr(problem, field), said(problem)) == ("세종은 왕이다.", ["4"])


def test_a_misspelt_field_is_named_and_not_left_out(tmp_path):
    path = tmp_path / "문제.jsonl"
    path.write_text(json.dumps({**OWN, "grup": "지문-1"}), encoding="utf-8")
    with pytest.raises(KoalignError, match="unknown_field: 'grup'; did you mean 'group'"):
        read_source(str(path), "train")


def test_a_known_format_that_leaves_a_text_out_is_named_and_reads_the_rest_if_it_is_said(tmp_path):
    row = {"instruction": "요약하라.", "input": "", "output": "세종", "조건": "세종은 왕이다."}
    path = tmp_path / "문제.jsonl"
    path.write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(KoalignError, match=r"reads '조건' \(`format: alpaca` leaves it out\)"):
        read_source(str(path), "train")
    assert read_source(str(path), "train", format="alpaca").problems[0].answers == ("세종",)


def test_answers_beside_the_numbers_of_other_problems_are_no_answers(tmp_path):
    header = ["번호", "문제", "보기1", "보기2", "보기3", "보기4", "보기5", "", "번호", "정답"]
    rows = [[2, "두 근의 합은?", *SUMS, "", 1, "3"], [1, "수도는?", *CITIES, "", 2, "4"]]
    with pytest.raises(KoalignError, match=r"'번호' is 2 where .* Put each answer into the row"):
        read_table(tmp_path, header, *rows)
    alike = [[*row[:8], f"{row[0]}번", row[9]] for row in rows]
    assert [said(one) for one in read_table(tmp_path, header, *alike).problems] == [["5"], ["인천"]]


def test_two_tables_side_by_side_are_no_table_of_ten_choices(tmp_path):
    header = ["번호", "문제", *HEADER[2:]]
    row = [1, "수도는?", *CITIES, 3, 2, "두 근의 합은?", *SUMS, 3]
    with pytest.raises(KoalignError, match=r"side by side.* Put the second table below the first"):
        read_table(tmp_path, header * 2, row)


def test_pictures_are_said_and_their_names_are_the_choices(tmp_path, capsys):
    pictures = ["a.png", "b.png", "c.png", "d.png", "e.png"]
    rows = [["옳은 것은?", *pictures, 3], ["다음 그림은?", *CITIES, 3], ["수도는?", *CITIES, 3]]
    problems = read_table(tmp_path, HEADER[1:], *rows).problems
    assert said(problems[0]) == ["c.png"]
    note = f"pictures are not read: 2 problems with one, the first {tmp_path}/문제.csv:2"
    assert note in capsys.readouterr().err


def test_choices_that_all_say_the_same_have_no_right_one(tmp_path):
    rows = [HEADER[1:], ["도형은?", *["(그림)"] * 5, 3], ["수도는?", *CITIES, 3]]
    reading = read_table(tmp_path, *rows)
    assert [drop.reason for drop in reading.drops] == ["answer_is_every_choice"]
    solved = read_table(tmp_path, *rows, wanted="test", needs_answers=False)
    assert [problem.answers for problem in solved.problems] == [(), ("3",)]


def test_a_prompt_below_the_choices_of_a_cell_is_no_part_of_the_last_one(tmp_path):
    asked = "### Question: 물은?\n### Options:\n(1) CO2\n(2) H2O\n(3) NaCl\n### Answer: 정답은"
    path = tmp_path / "문제.csv"
    path.write_text(f'instruction,answer,gpt-4\n"{asked}",2,3\n' * 2, encoding="utf-8")
    with pytest.raises(KoalignError, match="'### Answer: 정답은' stands below them") as refused:
        read_source(str(path), "train")
    assert "choices: [" not in str(refused.value)


def test_an_object_that_speaks_of_a_test_is_no_split(tmp_path):
    rows = [
        {"문제": f"{n}번은?", "선택지": ["가", "나"], "정답": 1, "분석": {kind: "확인"}}
        for n, kind in enumerate(("tests", "train", "tests"))
    ]
    path = tmp_path / "문제.json"
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    assert len(read_source(str(path), "train").problems) == 3
