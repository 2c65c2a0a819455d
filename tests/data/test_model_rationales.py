"""A problem with rationales by models: each is read, guarded and taught, and none is put out of place."""

import json
from pathlib import Path

import pytest
from support.command import koalign
from support.problems import problem, write_lines

from koalign.data.formats.sources import read_source
from koalign.data.preparing.leaks import taught_text
from koalign.data.prompting.choices import permute
from koalign.data.prompting.orders import in_order
from koalign.data.prompting.prompts import Renderer, load_template
from koalign.jsonl import read_jsonl, to_json_line
from koalign.records import Problem, Rationale

REASONING = Renderer(load_template("reasoning"))
SAID = (
    Rationale(text="첫째 풀이", by="own", model="0123456789abcdef"),
    Rationale(text="둘째 풀이", by="teacher", model="big-teacher"),
)
PLAIN = Problem(question="사는 곳은?", choices=("서울", "부산"), answers=("2",), rationale="해설")
PROBLEM = PLAIN.model_copy(update={"rationales": SAID})


def test_each_rationale_is_taught_and_the_sources_own_only_without_any():
    assert REASONING.targets(PROBLEM) == ["첫째 풀이\n\n정답: 2", "둘째 풀이\n\n정답: 2"]
    assert REASONING.targets(PLAIN) == [REASONING.target(PLAIN)] == ["해설\n\n정답: 2"]
    direct = Renderer(load_template("direct"))
    assert direct.targets(PROBLEM) == ["정답: 2"]
    assert [one.teaches_rationales for one in (REASONING, direct)] == [True, False]


def test_rationales_alone_are_enough_to_teach_and_to_be_a_shot():
    alone = PROBLEM.model_copy(update={"rationale": ""})
    assert REASONING.can_teach(alone) and not REASONING.can_teach(
        alone.model_copy(update={"rationales": ()})
    )
    shown = Renderer(load_template("reasoning"), shots=1, pool=(alone,))
    other = PLAIN.model_copy(update={"question": "다른 문제?"})
    assert shown.render(other, "answer").messages[1].text == "첫째 풀이\n\n정답: 2"


def test_they_change_no_name_and_no_prompt():
    assert PROBLEM.id == PLAIN.id
    assert REASONING.render(PROBLEM, "answer") == REASONING.render(PLAIN, "answer")


def test_what_they_say_is_looked_at_for_leaks():
    assert "첫째 풀이" in taught_text(PROBLEM) and "둘째 풀이" in taught_text(PROBLEM)


def test_under_another_order_they_stay_behind():
    shown = in_order(PROBLEM, (1, 0))
    assert shown.rationales == () and shown.answers == ("1",)
    with pytest.raises(ValueError, match="rationales by models"):
        permute(PROBLEM, (1, 0))


def test_a_line_of_them_is_read_again_as_it_was_written(folder: Path):
    (folder / "made.jsonl").write_text(to_json_line(PROBLEM) + "\n", "utf-8")
    (read,) = read_source("made.jsonl", "train").problems
    assert read.rationales == SAID and read.id == PROBLEM.id


@pytest.mark.parametrize(
    "broken",
    [
        [{"text": "", "by": "own"}], [{"text": "풀이", "by": "me"}], ["풀이"], "풀이", [{"by": "own"}],
    ],
)  # fmt: skip
def test_broken_ones_are_a_drop_with_the_field(folder: Path, broken):
    write_lines(folder / "made.jsonl", [problem(1), problem(2, rationales=broken)])
    reading = read_source("made.jsonl", "train")
    (drop,) = reading.drops
    assert drop.reason == "invalid" and "rationales" in drop.detail and len(reading.problems) == 1


def test_prepare_measures_the_longest_and_sft_counts_each(scripted: Path):
    rows = [problem(n) for n in range(24)]
    said = [{"text": "짧다.", "by": "own"}, {"text": "길다. " * 50, "by": "teacher", "model": "m"}]
    rows[3]["rationales"] = said
    write_lines(scripted / "train.jsonl", [row for row in rows if "rationales" in row] + rows[:1])
    settings = ["-s", "prompt.template=reasoning", "-s", "data.hints=null"]
    done = koalign("sft", *settings, cwd=scripted)
    assert done.returncode == 0, done.stderr
    kept = read_jsonl(scripted / "runs/default/prepare/train.jsonl", Problem)
    assert sorted(len(one.rationales) for one in kept) == [0, 2]
    report = json.loads((scripted / "runs/default/prepare/report.json").read_text("utf-8"))
    assert report["dropped"] == {}
    assert report["splits"]["train"]["with_rationale"] == 1
    assert report["splits"]["train"]["tokens"]["max"] > len(("길다. " * 50).encode())
    manifest = json.loads((scripted / "runs/default/sft/manifest.json").read_text("utf-8"))
    assert manifest["counts"]["examples"] == 2
