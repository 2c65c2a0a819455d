"""KMMLU, its redux and pro, and MMMLU in every spelling of their files are read without a loss."""

import pytest
from support.exam_files import FIVE, FOUR, parquet
from support.read_rows import dropped, only, read_as, table

from koalign.data.formats.documents import document_of_rows, open_documents
from koalign.data.formats.read import read

KMMLU_HEADER = ["question", "answer", "A", "B", "C", "D", "Category", "Human Accuracy"]

PRO = {
    "question": "옳은 것은?", "options": FIVE, "solution": "5", "license_name": "변호사", "subject": "민법",
}  # fmt: skip

MMMLU_HEADER = ["", "Question", "A", "B", "C", "D", "Answer", "Subject"]


def test_a_kmmlu_row_is_read_by_the_names_of_its_columns():
    row = ["왕조가 아닌 것은?", "4", *FOUR, "Criminal Law", "0.0"]
    swapped = [[*line[:6], line[7], line[6]] for line in (KMMLU_HEADER, row)]
    plain = [KMMLU_HEADER, row]
    for file, content in (("Criminal-Law-test.csv", plain), ("math-test.csv", swapped)):
        problem = only(read_as("kmmlu", file, table(*content)))
        assert (problem.question, problem.choices) == ("왕조가 아닌 것은?", tuple(FOUR))
        assert (problem.answers, problem.subject) == (("4",), "Criminal-Law")
        assert (problem.split, problem.points) == ("test", None)


@pytest.mark.parametrize(
    ("file", "category", "subject"),
    [
        ("Criminal-Law-test.csv", "", "Criminal-Law"),
        ("korean-history-dev.csv", "", "Korean-History"),
        ("math-train.csv", "", "Math"),
        ("computer_science.csv", "", "Computer-Science"),
        ("computer_science_test.csv", "", "Computer-Science"),
        ("test-00000-of-00001.csv", "", ""),
        ("train.csv", "", ""),
        ("test.csv", "korean_history", "Korean-History"),
        ("x.csv", "Political Science and Sociology", "Political-Science-and-Sociology"),
    ],
)
def test_a_kmmlu_subject_has_one_spelling(file, category, subject):
    content = table(KMMLU_HEADER, ["질문?", "1", *FOUR, category, "0.6"])
    assert only(read_as("kmmlu", file, content)).subject == subject


def test_a_choice_that_reads_like_a_missing_value_is_a_text():
    row = ["값이 없음을 뜻하는 것은?", "1", "None", "NA", "nan", "null", "Computer Science", ""]
    content = table(KMMLU_HEADER, row)
    assert only(read_as("kmmlu", "a.csv", content)).choices == ("None", "NA", "nan", "null")


def test_a_kmmlu_parquet_file_is_read_as_the_csv_is(tmp_path):
    row = dict(zip(KMMLU_HEADER, ["질문?", 3, *FOUR, "Law", 0.5], strict=True))
    (tmp_path / "test-00000-of-00001.parquet").write_bytes(parquet([row]))
    reading = read(open_documents(tmp_path))
    assert set(reading.files.values()) == {"kmmlu"}
    assert (only(reading).answers, only(reading).subject) == (("3",), "Law")


def test_a_choice_of_zero_is_a_choice_and_one_of_nan_is_none():
    row = dict(zip(KMMLU_HEADER, ["값은?", 1, 0, 1.0, 1234567.5, 10**7, "Math", 0.5], strict=True))
    rows = [row, {**row, "D": float("nan")}]
    reading = read([document_of_rows("hub", "test", rows)])
    assert [p.choices for p in reading.problems] == [("0", "1", "1234567.5", "10000000")]
    assert [drop.reason for drop in reading.drops] == ["empty_choice"]


def test_a_kmmlu_file_of_nothing_but_a_header_is_no_error():
    assert read_as("kmmlu", "Accounting-train.csv", ",".join(KMMLU_HEADER) + "\n").rows == 0


def test_stray_notebook_checkpoints_in_a_folder_are_not_read_twice(tmp_path):
    content = table(KMMLU_HEADER, ["질문?", "1", *FOUR, "Math", "0.6"])
    for file in ("data/math-dev.csv", "data/.ipynb_checkpoints/math-dev-checkpoint.csv"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(content, encoding="utf-8")
    assert only(read(open_documents(tmp_path))).split == "dev"


def test_a_wrong_answer_file_of_kmmlu_is_native():
    row = {"question": "무엇인가?", "choices": FOUR, "answer": 4, "subject": "Korean-History"}
    problem = only(read_as("native", "wrong.jsonl", row))
    assert (problem.answers, problem.subject) == (("4",), "Korean-History")


@pytest.mark.parametrize("options", [FOUR, FIVE])
def test_kmmlu_pro_has_four_or_five_options_and_its_answer_as_text(options):
    row = {**PRO, "options": options, "solution": str(len(options)), "year": "2024"}
    problem = only(read_as("kmmlu-pro", "test.jsonl", row))
    assert (problem.choices, problem.answers) == (tuple(options), (str(len(options)),))
    assert problem.subject == "변호사/민법"


def test_kmmlu_redux_is_filed_by_category_and_read_from_csv_too():
    header = ["question", "options", "solution", "license_name", "category"]
    content = table(header, ["옳은 것은?", str(FOUR), "2", "가스기사", "기계"])
    problem = only(read_as("kmmlu-redux", "test.csv", content))
    assert (problem.choices, problem.answers, problem.subject) == (tuple(FOUR), ("2",), "기계")


def test_the_answer_of_kmmlu_pro_is_checked_against_its_own_choices():
    row = {**PRO, "options": FOUR}
    assert dropped(read_as("kmmlu-pro", "a.jsonl", row)).reason == "answer_outside_choices"


def test_mmmlu_answers_with_a_letter():
    row = ["17", "알맞은 것은?", *FOUR, "B", "high_school_psychology"]
    problem = only(read_as("mmmlu", "test/mmlu_KO-KR.csv", table(MMMLU_HEADER, row)))
    assert (problem.answers, problem.subject) == (("2",), "high_school_psychology")
    assert (problem.key, problem.split) == ("17", "test")


@pytest.mark.parametrize(
    ("answer", "reason"), [("E", "answer_outside_choices"), ("2", "answer_is_no_letter")]
)
def test_a_letter_outside_the_choices_is_a_drop(answer, reason):
    content = table(MMMLU_HEADER, ["0", "알맞은 것은?", *FOUR, answer, "law"])
    assert dropped(read_as("mmmlu", "a.csv", content)).reason == reason
