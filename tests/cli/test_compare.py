"""koalign compare as a user meets it: tables, files and refusals."""

import csv
import io
import json
import re
import sys
from pathlib import Path

import pytest
from support.evaluations import evaluated, marked, prediction

from koalign.cli.app import main
from koalign.evaluation.compared import Compared
from koalign.jsonl import write_json, write_jsonl

ARROWS = "=+-@\t\r＝＋－＠"


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """`koalign compare` in a folder of its own: (exit code, what it printed, what it complained of)."""
    monkeypatch.setenv("COLUMNS", "160")

    def typed(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["koalign", "compare", *arguments])
        try:
            main()
        except SystemExit as end:
            return end.code or 0, *capsys.readouterr()
        raise AssertionError("a command ends")

    return typed


def written(name: str, predictions, **changes) -> str:
    """The folder that `koalign benchmark` would have left."""
    one = evaluated(name, predictions, **changes)
    write_json(Path(name) / "results.json", one.evaluation.model_dump(mode="json"))
    write_jsonl(Path(name) / "predictions.jsonl", one.predictions)
    return name


@pytest.fixture
def three(folder):
    """A tuned model and both its baselines; subjects with names that are markup somewhere."""
    subjects = ("형법", "[bold]Law", "<b>Math")

    def side(name, marks, **changes):
        lines = [
            p.model_copy(update={"subject": subjects[n % 3]}) for n, p in enumerate(marked(marks))
        ]
        return written(name, lines, **changes)

    return [
        side("base-0", "+--" * 7 + "---"),
        side("base-5", "++-" * 7 + "-+-", shots=5),
        side("tuned", "+++" * 7 + "+++", adapters="sft,dpo", dtype="float32"),
    ]


# What is shown


def test_the_table_has_a_row_for_each_evaluation_and_a_column_for_each_baseline(run, three):
    code, out, err = run(*three)
    assert (code, err) == (0, "")
    assert "kmmlu@lm-eval, some/model, micro acc on 24 items" in out
    head = next(line for line in out.splitlines() if "evaluation" in line)
    assert re.findall(r"against [\w-]+", head) == ["against base-0", "against base-5"]
    (tuned,) = (line for line in out.splitlines() if line.startswith("│ tuned"))
    assert "sft,dpo" in tuned and "100.0 (12.5 to 87.5)" in tuned
    assert tuned.count("(+") == 2 and "+70.8" in tuned and "+37.5" in tuned
    assert "p < 0.001" in out and "p 0.004" in out and "Holm 0.008" in out


def test_shots_and_adapters_stand_in_every_row_and_what_all_share_in_the_title(run):
    folders = [written("a", marked("+-")), written("b", marked("++"), model="other/model")]
    lines = run(*folders)[1].splitlines()
    assert lines[0].strip() == "kmmlu@lm-eval, micro acc on 2 items"
    head = re.findall(r"[\w%,-]+", lines[2])
    assert head[:5] == ["evaluation", "model", "shots", "adapters", "acc,"]


def test_names_of_subjects_are_never_markup(run, three):
    _, out, _ = run(*three)
    for name in ("[bold]Law", "<b>Math", "형법"):
        assert sum(line.startswith(f"│ {name} ") for line in out.splitlines()) == 3


def test_flips_are_counted_and_the_first_are_told(run, three):
    _, out, _ = run(*three)
    lines = out.splitlines()
    place = lines.index("tuned against base-5: won 9, the first 3")
    assert lines[place + 1] == "  i0002 <b>Math: 2 → 1, gold 1"
    assert [line[:3] for line in lines[place + 1 : place + 5]] == ["  i"] * 3 + ["not"]


def test_each_warning_is_one_line_however_narrow_the_terminal(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    first, second = "first-" * 15, "second-" * 15
    _, out, _ = run(written(first, marked("+-")), written(second, marked("++"), dtype="float32"))
    assert f"warning: dtype differs: bfloat16 ({first}); float32 ({second})" in out.splitlines()


def test_long_answers_are_cut_and_stand_on_one_line(run):
    long = "아주 긴\n답 " * 40
    first, second = ([prediction(0, answer, gold="x")] for answer in ("x", long))
    _, out, _ = run(written("a", first), written("b", second), "--out", "cmp")
    (shown,) = (line for line in out.splitlines() if "i0000" in line)
    assert "x → 아주 긴 답 아주" in shown and shown.endswith("…, gold x") and len(shown) < 75
    assert long in Path("cmp/comparison.json").read_text("utf-8").replace("\\n", "\n")


def test_same_names_in_other_folders_are_told_apart(run):
    marks = marked("+-")
    folders = [written("a/eval", marks), written("b/eval", marks), written("b/other", marks)]
    found = json.loads(run(*folders, "--json")[1])
    assert [row["name"] for row in found["evaluations"]] == ["a/eval", "b/eval", "b/other"]
    found = json.loads(run("a/eval", "b/other", "--json")[1])
    assert [row["name"] for row in found["evaluations"]] == ["eval", "other"]


def test_files_in_another_order_are_the_same_items(run, three):
    before = json.loads(run(*three, "--json")[1])
    path = Path("tuned/predictions.jsonl")
    path.write_text("".join(reversed(path.read_text("utf-8").splitlines(keepends=True))), "utf-8")
    assert json.loads(run(*three, "--json")[1]) == before


def test_more_subjects_than_fit_are_the_greatest_losses_and_gains(run):
    def side(name, right):
        lines = [
            prediction(n, "1" if right(n) else "2", subject=f"s{n % 20:02d}") for n in range(200)
        ]
        return written(name, lines)

    # Of its 10 items subject s00 loses all of 5, and s19 gains as many; those between stand between.
    folders = [side("a", lambda n: n // 20 < 5), side("b", lambda n: n // 20 < n % 20 / 2)]
    _, out, _ = run(*folders)
    shown = re.findall(r"│ (s\d\d) ", out)
    assert "6 greatest losses and gains of 20 subjects" in out
    assert shown == [f"s{n:02d}" for n in (*range(6), *range(14, 20))]


# --json


def test_json_is_one_object_with_the_keys_that_are_documented(run, three):
    code, out, err = run(*three, "--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert Compared.model_validate(found).model_dump(mode="json") == found
    assert {"name", "folder", "metric", "value", "low", "high", "n"} <= set(found["evaluations"][0])
    (one,) = (c for c in found["comparisons"] if (c["a"], c["b"]) == ("tuned", "base-5"))
    assert {"difference", "low", "high", "p", "p_holm", "won", "lost", "subjects"} <= set(one)
    assert (one["won"], one["lost"], one["difference"]) == (9, 0, 0.375)
    assert len(found["flips"]) == sum(c["won"] + c["lost"] for c in found["comparisons"])
    assert len([s for s in one["subjects"] if s["subject"] == "형법"]) == 1 and "형법" in out


def test_json_on_stdout_stays_json_when_files_are_written_too(run, three):
    _, out, err = run(*three, "--json", "--out", "cmp")
    assert json.loads(out) == json.loads(Path("cmp/comparison.json").read_text("utf-8"))
    assert "cmp: comparison.json" in err


# --out


def test_out_holds_every_flip_and_every_subject(run, three):
    code, out, _ = run(*three, "--out", "cmp")
    assert code == 0 and "cmp: comparison.json" in out
    found = json.loads(Path("cmp/comparison.json").read_text("utf-8"))
    flips, subjects = (
        list(csv.DictReader(io.StringIO(Path(f"cmp/{name}.csv").read_text("utf-8-sig"))))
        for name in ("flips", "subjects")
    )
    assert [(f["a"], f["b"], f["id"], f["flip"]) for f in flips] == [
        (f["a"], f["b"], f["id"], f["flip"]) for f in found["flips"]
    ]
    expected = [
        (c["a"], c["b"], s["subject"], str(s["n"]))
        for c in found["comparisons"]
        for s in c["subjects"]
    ]
    assert [(s["a"], s["b"], s["subject"], s["n"]) for s in subjects] == expected


def test_a_spreadsheet_reads_korean_and_calculates_no_cell(run):
    answers = [f"{mark}1+1" for mark in ARROWS] + ["한글, 두 줄\n답", None]
    lines = [prediction(n, "x", gold="x", subject=f"{a}") for n, a in enumerate(answers)]
    others = [prediction(n, a, gold="x", subject="s") for n, a in enumerate(answers)]
    run(written("a", lines), written("b", others), "--out", "cmp")
    for name in ("flips", "subjects"):
        data = Path(f"cmp/{name}.csv").read_bytes()
        assert data.startswith("\ufeff".encode()) and b"\r\r" not in data
    flips = list(csv.DictReader(io.StringIO(data_of("cmp/flips.csv"), newline="")))
    assert [f["answer_a"] for f in flips] == [*(f"'{a}" for a in answers[:-2]), answers[-2], ""]
    subjects = list(csv.DictReader(io.StringIO(data_of("cmp/subjects.csv"), newline="")))
    assert {s["subject"] for s in subjects} == {
        *(f"'{a}" for a in answers[:-2]),
        answers[-2],
        "None",
    }
    assert {s["difference"] for s in subjects} == {"-1.0"}


def data_of(path: str) -> str:
    return Path(path).read_bytes().decode("utf-8-sig")


def test_a_comparison_is_not_written_over_without_being_told_to(run, three):
    run(*three[:2], "--out", "cmp")
    before = Path("cmp/comparison.json").read_bytes()
    code, out, err = run(*three, "--out", "cmp")
    assert (code, out) == (2, "") and err.startswith(
        "koalign: cmp/comparison.json is there already"
    )
    assert Path("cmp/comparison.json").read_bytes() == before
    assert run(*three, "--out", "cmp", "--force")[0] == 0
    assert Path("cmp/comparison.json").read_bytes() != before


def test_a_killed_comparison_leaves_no_figures_of_the_one_before(run, three, monkeypatch):
    run(*three[:2], "--out", "cmp")

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("koalign.reports.comparison.write_json", killed)
    assert run(*three, "--out", "cmp", "--force")[0] != 0
    assert not Path("cmp/comparison.json").exists()


# What is refused


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["base-0"], "koalign: base-0: one evaluation alone; name another to compare it with"),
        (
            ["base-0", "tuned/../base-0"],
            "koalign: tuned/../base-0: stands twice; name each evaluation once",
        ),
        (["base-0", "nowhere"], "koalign: nowhere: no evaluation here"),
        (
            ["base-0", "short"],
            "koalign: short: lacks 22 items of base-0 and has 0 others, the first 'i0002'",
        ),
        (["base-0", "elsewhere", "--common"], "koalign: base-0: no item that all have"),
    ],
)
def test_what_cannot_be_compared_is_one_line_and_exit_code_2(run, three, arguments, said):
    written("short", marked("++"))
    written("elsewhere", [prediction(n, "1") for n in range(900, 903)])
    code, out, err = run(*arguments)
    assert (code, out) == (2, "") and err.startswith(said) and err.count("\n") == 1


def test_common_says_in_every_output_that_items_were_left_out(run, three):
    written("short", marked("+-+"))
    said = "compared on the 3 items that all have, of base-0 24, short 3"
    code, out, _ = run("base-0", "short", "--common", "--out", "cmp")
    assert code == 0 and "3 items that all have" in out.splitlines()[0] and f"note: {said}" in out
    found = json.loads(Path("cmp/comparison.json").read_text("utf-8"))
    assert found["common"] is True and said in found["notes"]


@pytest.mark.parametrize("text", ['{"protocol": ', "\udce9", '{"protocol": "x"}'])
def test_broken_results_are_one_line_that_names_the_file(run, text):
    folders = [written("a", marked("+-")), written("b", marked("++"))]
    Path("a/results.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    code, out, err = run(*folders)
    assert (code, out) == (2, "") and len(err.splitlines()) == 1
    assert "a/results.json" in err
