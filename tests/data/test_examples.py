"""Of each kind of row that was read, the first one is shown as it was read, so that a person can see it."""

import json
from pathlib import Path

import pytest

from koalign.config.sections import resolve_path
from koalign.data.formats.examples import MOST, examples
from koalign.data.formats.sources import read_source
from koalign.text.visible import say_once

HEAD = "문제,보기1,보기2,보기3,보기4,정답\n"
WATER = "물의 화학식은?,CO2,NaCl,H2O,O2,"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(path: str, *rows: dict) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    Path(path).write_text(text, "utf-8")


def shown(path: str, **options: object) -> list[str]:
    return examples(read_source(path, "train", **options))


def test_the_answer_is_shown_by_its_text_so_that_keys_that_count_otherwise_are_seen() -> None:
    Path("문제.csv").write_text(f"{HEAD}{WATER}3\n수도는?,부산,서울,인천,대구,2\n", "utf-8")
    said = (
        "문제.csv:2 is read as {question: '물의 화학식은?', choices: [CO2, NaCl, H2O, O2], answer: "
    )
    assert shown("문제.csv") == [said + "H2O}"]
    assert shown("문제.csv", answer_from=1) == [said + "H2O}"]
    write("0.jsonl", {"question": "강은?", "choices": ["금강", "산", "들"], "answer": 1})
    assert shown("0.jsonl", answer_from=0)[0].endswith("answer: 산}")


def test_rows_of_another_kind_and_files_of_other_columns_each_have_an_example() -> None:
    Path("자료").mkdir()
    Path("자료/가.csv").write_text(
        f"{HEAD}{WATER}3\n한글을 만든 왕은?,,,,,세종\n{WATER[1:]}3\n", "utf-8"
    )
    Path("자료/나.csv").write_text(
        "발문,선지1,선지2,선지3,선지4,답\n강은?,금강,한라산,설악산,지리산,1\n", "utf-8"
    )
    places = [line.split(" is read as ")[0] for line in shown("자료")]
    assert places == ["자료/가.csv:2", "자료/가.csv:3", "자료/나.csv:2"]


def test_files_of_one_kind_are_shown_where_there_are_few_and_a_rare_kind_where_there_are_many() -> (
    None
):
    Path("자료").mkdir()
    for number in range(MOST + 4):
        rows = f"{HEAD}{WATER}3\n" + "한글을 만든 왕은?,,,,,세종\n" * (number == MOST + 2)
        Path(f"자료/{number}.csv").write_text(rows.replace("물", f"물 {number}"), "utf-8")
    places = [line.split(" is read as ")[0] for line in shown("자료")]
    assert places == [
        "자료/0.csv:2",
        f"자료/{MOST + 2}.csv:3",
        "자료/1.csv:2",
        "자료/2.csv:2",
        "자료/3.csv:2",
    ]


def test_a_ranking_is_shown_by_its_best_and_its_worst_completion() -> None:
    write("순위.jsonl", {"prompt": "수도는?", "chosen": "서울입니다.", "rejected": "부산입니다."})
    (line,) = shown("순위.jsonl")
    assert line.endswith("best: 서울입니다., worst: 부산입니다.}")


def test_an_example_is_one_line_and_long_texts_are_cut_where_it_is_marked() -> None:
    passage, question = "도깨비는\n밤에 " + "논다 " * 5000, "무엇이 " * 5000 + "맞는가?"
    write("긴.jsonl", {"지문": passage, "문제": question, "정답": "서울" * 900})
    (line,) = shown("긴.jsonl")
    assert "\n" not in line and len(line) < 400 and line.count("…") == 3
    assert "passage: 도깨비는 밤에" in line and "무엇이 맞는가?" in line


def test_a_source_has_few_examples_and_rows_in_koalign_s_own_words_and_its_own_exam_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    choices = [[str(number) for number in range(size)] for size in range(2, 9)]
    write("own.jsonl", *({"question": "수는?", "choices": some, "answer": 1} for some in choices))
    say_once.cache_clear()
    assert len(shown("own.jsonl")) == MOST
    assert shown(resolve_path("builtin:exam"))
    assert "is read as" not in capsys.readouterr().err
