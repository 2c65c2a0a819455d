"""Tables by the names of their columns, and cells that hold more than one part of a problem."""

import re

import pytest
from support.tables import CITIES, HEADER, SUMS, read_table, said, table

from koalign.data.formats.sources import read_source
from koalign.records import KoalignError
from koalign.yaml_text import parse_yaml


@pytest.fixture
def tmp_path(tmp_path):
    """A folder whose name is not that of a split."""
    folder = tmp_path / "files" / "here"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize(("name", "mark"), [("문제.csv", ","), ("문제.tsv", "\t")])
@pytest.mark.parametrize("numbered", [True, False])
def test_the_first_problem_is_no_header_and_the_names_to_write_above_it_fit(
    numbered, name, mark, tmp_path
):
    rows = [["1", "수도는?", *CITIES, "3"], ["2", "두 근의 합은?", *SUMS, "3"]]
    lines = [mark.join(row[not numbered :]) for row in rows]
    path = tmp_path / name
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(KoalignError, match="the header is a row") as refused:
        read_source(str(path), "train")
    header = str(refused.value).rpartition("separated as its rows are: ")[2].replace(",", mark)
    path.write_text("\n".join([header, *lines]), encoding="utf-8")
    assert [said(problem) for problem in read_source(str(path), "train").problems] == [
        ["서울"],
        ["5"],
    ]


def test_what_is_said_of_a_file_in_a_folder_names_the_file(tmp_path, capsys):
    lines = table(["문제", "정답"], ["수도는?", "서울"])
    for name in ("가.csv", "나.csv"):
        (tmp_path / name).write_text(lines, encoding="utf-8")
    (tmp_path / "다.csv").write_text(lines.replace("문제", "발문"), encoding="utf-8")
    read_source(str(tmp_path), "train")
    told = capsys.readouterr().err
    assert "가.csv and 1 more file: columns guessed: {question: 문제" in told
    assert "다.csv: columns guessed: {question: 발문" in told


def test_the_source_to_paste_for_a_passage_in_a_folder_is_that_of_the_file(tmp_path):
    for name, blank in (("가.csv", "기록에 따르면 서울이다."), ("나.csv", "")):
        rows = [
            ["지문", "문제", "정답"],
            ["지도에 따르면 부산이다.", "수도는?", "서울"],
            [blank, "윗글의 곳은?", "서울"],
        ]
        (tmp_path / name).write_text(table(*rows), encoding="utf-8")
    with pytest.raises(KoalignError) as refused:
        read_source(str(tmp_path), "train")
    pasted = re.search(r"Write (\{.*?\}\}), with the other files as sources", str(refused.value))
    source = parse_yaml(pasted[1], "pasted")
    assert source.pop("path") == str(tmp_path / "나.csv")
    assert len(read_source(str(tmp_path / "나.csv"), "train", **source).problems) == 2


def test_where_no_name_says_anything_the_first_line_may_be_a_row(tmp_path):
    with pytest.raises(
        KoalignError, match=r"if the first line is a row, .*: 문제,정답\. There are"
    ):
        read_table(tmp_path, ["abandon", "버리다"], ["benefit", "이익"])


def test_wrong_answers_without_the_right_one_are_in_the_source_to_paste(tmp_path):
    rows = [["단어", "뜻", "오답1", "오답2"], ["abandon", "버리다", "얻다", "돕다"]]
    with pytest.raises(KoalignError, match=r"choices: \['\?', 오답1, 오답2\]"):
        read_table(tmp_path, *rows)


def test_the_names_of_an_item_card_are_known(tmp_path):
    names = ["문항번호", "문두", *(f"답지{n}" for n in range(1, 6)), "정답", "정답률", "변별도"]
    (problem,) = read_table(tmp_path, names, [1, "수도는?", *CITIES, "③", "72.5", "0.4"]).problems
    assert (problem.question, said(problem)) == ("수도는?", ["서울"])


@pytest.mark.parametrize(
    "below",
    ["\n정답: ③", "\n정답 : 3번", "\n[정답] 3", "\n답: 서울", "\n정답 ③", " 정답: ③", "<br>정답: ③",
     "\n(정답: 서울)", "\n【정답】③\n【해설】 한강이 흐른다.", "\n해설: 한강이 흐른다.\n정답: ③",
     "\n정답: ③ 해설: 한강이 흐른다.", "\n정답: ③\n한강이 흐른다."],
)  # fmt: skip
@pytest.mark.parametrize("named", [True, False])
def test_an_answer_below_the_choices_in_the_cell_of_the_question_is_its_answer(
    named, below, tmp_path
):
    cells = [f"{q}\n① 부산 ② 대구 ③ 서울{below}" for q in ("수도는?", "시청이 둘인 곳은?")]
    columns = (
        {"columns": {"question": "문제", "choices": "문제", "answer": "문제"}} if named else {}
    )
    rows = [["번호", "문제"], [1, cells[0]], [2, cells[1]]]
    problem, _ = read_table(tmp_path, *rows, **columns).problems
    assert (problem.question, said(problem)) == ("수도는?", ["서울"])
    assert problem.rationale == ("한강이 흐른다." if "한강" in below else "")


def test_an_answer_below_a_question_without_choices_is_its_answer(tmp_path):
    rows = [["번호", "문제"], [1, "수도는?\n정답: 서울"], [2, "이름은?\n정답: 해수"], [3, "왜?"]]
    reading = read_table(tmp_path, *rows)
    assert [(p.question, p.answers) for p in reading.problems] == [
        ("수도는?", ("서울",)), ("이름은?", ("해수",)), ("왜?", ()),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "asked",
    [
        "다음 풀이: x = 2이다. 빈칸은?\n① 하나 ② 둘 ③ 셋",
        "다음은?\n풀이: x = 2이다.\n빈칸은?\n① 하나 ② 둘 ③ 셋",
    ],
)
def test_an_explanation_within_a_question_is_not_cut_off(asked, tmp_path):
    usual = [[n, f"{n}의 수도는?\n① 부산 ② 대구 ③ 서울\n정답: ③"] for n in (2, 3)]
    reading = read_table(tmp_path, ["번호", "문제"], [1, f"{asked}\n정답: ③"], *usual)
    kept = [problem.question for problem in reading.problems if "수도" not in problem.question]
    assert kept == [asked.partition("\n①")[0]]


def test_a_question_that_only_speaks_of_an_answer_keeps_its_words(tmp_path):
    asked = "다음 중 정답: 이라고 쓴 것은?"
    (problem,) = read_table(
        tmp_path, ["문제", "보기1", "보기2", "정답"], [asked, "가", "나", 2]
    ).problems
    assert problem.question == asked


def test_a_comma_in_a_name_does_not_hide_the_separator(tmp_path):
    path = tmp_path / "문제.csv"
    path.write_text("문제;보기1;보기2;정답, 번호\n수도는?;부산;서울;2\n", encoding="utf-8")
    assert said(read_source(str(path), "train").problems[0]) == ["서울"]


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("문제.csv", "문제;정답\n수도는?;서울\n"), ("문제.csv", "question\tanswer\n수도는?\t서울\n"),
        ("문제.tsv", "문제,정답\n수도는?,서울\n"), ("문제.tsv", "문제,보기1,보기2,정답\n수도는?,부산,서울,2\n"),
    ],
)  # fmt: skip
def test_two_columns_and_a_wrong_ending_do_not_hide_the_separator(name, written, tmp_path):
    path = tmp_path / name
    path.write_text(written, encoding="utf-8")
    (problem,) = read_source(str(path), "train").problems
    assert problem.question == "수도는?" and "서울" in (*problem.choices, *problem.answers)


@pytest.mark.parametrize(("column", "answer"), [("가,나,다", "다"), ("보기1,보기2,보기3", "보기3")])
def test_an_answer_may_name_the_column_of_its_choice(column, answer, tmp_path):
    rows = [["문제", *column.split(","), "정답"], ["합은?", *SUMS[:3], answer]]
    assert said(read_table(tmp_path, *rows).problems[0]) == ["5"]


def test_a_text_file_is_refused_with_what_to_make_of_it(tmp_path):
    (tmp_path / "문제.txt").write_text("1. 수도는?\n① 부산 ② 서울\n", encoding="utf-8")
    with pytest.raises(KoalignError, match=r"if it is a table with tabs, name it \.tsv"):
        read_source(str(tmp_path / "문제.txt"), "train")


@pytest.mark.parametrize("name", ["단원 평가.csv", "검증.csv", "quiz eval.csv"])
def test_a_file_whose_name_says_another_split_is_read_as_the_error_says(name, tmp_path):
    path = tmp_path / name
    path.write_text(table(HEADER[1:], ["수도는?", *CITIES, 3]), encoding="utf-8")
    with pytest.raises(KoalignError, match="if it is to be used for train, say so with ") as error:
        read_source(str(path), "train", split="train")
    source = parse_yaml(str(error.value).partition("say so with ")[2], "")
    assert said(read_source(source.pop("path"), "train", **source).problems[0]) == ["서울"]
