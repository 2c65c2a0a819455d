"""Records are frozen, named by content, and read with file:line in every error."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from koalign.jsonl import JsonlAppender, read_jsonl, to_json_line, write_jsonl
from koalign.records import Drop, KoalignError, Problem

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(question=TEXT.filter(bool), passage=TEXT, choices=st.lists(TEXT, min_size=2, max_size=5))
def test_a_problem_survives_a_line_of_json(question, passage, choices):
    problem = Problem(question=question, passage=passage, choices=choices, answers=("2",))
    line = to_json_line(problem)
    assert "\n" not in line
    assert Problem.model_validate(json.loads(line)) == problem


def test_the_id_is_what_a_solver_reads_and_nothing_else():
    one = Problem(question="무엇인가?", choices=("가", "나"), answers=("1",))
    assert one.id == one.model_copy(update={"split": "test", "group": "g", "answers": ()}).id
    assert one.id != one.model_copy(update={"box": "ㄱ. 사실"}).id
    assert one.id != one.model_copy(update={"choices": ("나", "가")}).id


def test_records_cannot_be_changed():
    with pytest.raises(ValidationError):
        Drop(problem_id="a", stage="b", reason="c").reason = "d"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"problem_id": "a", "stage": "b"}', "reason: Field required"),
        (
            '{"problem_id": "a", "stage": "b", "reason": 3}',
            "reason: Input should be a valid string, found 3",
        ),
        ('{"problem_id": "a", "stage": "b", "reason": "c", "x": 1}', "x: unknown key"),
        ('{"problem_id": "a",', "not a line of JSON"),
    ],
)
def test_a_broken_line_is_named_with_file_line_and_field(tmp_path: Path, line, said):
    path = tmp_path / "drops.jsonl"
    good = '{"problem_id": "a", "stage": "b", "reason": "c"}'
    path.write_text(f"{good}\n\n{line}\n", encoding="utf-8")
    with pytest.raises(KoalignError, match=said) as caught:
        read_jsonl(path, Drop)
    assert str(caught.value).startswith(f"{path}:3: ")


def test_bytes_that_are_not_utf8_are_named(tmp_path: Path):
    path = tmp_path / "cp949.jsonl"
    path.write_bytes('{"reason": "한글"}'.encode("cp949"))
    with pytest.raises(KoalignError, match="byte 12 is not UTF-8"):
        read_jsonl(path, Drop)


@given(cut=st.integers(min_value=0, max_value=400))
def test_an_appender_cut_at_any_byte_keeps_the_whole_lines_and_goes_on(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("cut") / "drops.jsonl"
    drops = [Drop(problem_id=f"가{n}", stage="나", reason="다") for n in range(5)]
    write_jsonl(path, drops)
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    with JsonlAppender(path, Drop) as file:
        assert file.done == drops[: whole[:cut].count(b"\n")]
        file.append(drops[len(file.done) :])
    assert path.read_bytes() == whole
