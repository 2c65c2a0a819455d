"""prepare: mixed sources in, honest splits out; every row is a problem or a counted drop."""

import json
import unicodedata
from pathlib import Path

import pytest
import yaml
from support.command import koalign
from support.prepared import OUT, prepare, reasons, report, rows
from support.problems import problem, write_lines

from koalign.jsonl import read_jsonl
from koalign.records import Drop


def test_a_problem_in_json_has_its_id_and_a_number_for_an_answer(scripted):
    prepare()
    line = json.loads((OUT / "train.jsonl").read_text(encoding="utf-8").splitlines()[0])
    fields = {
        "id", "question", "passage", "box", "choices", "answers", "kind", "source", "group",
        "split",
    }  # fmt: skip
    assert fields <= set(line)
    first = rows("train")[0]
    assert line["id"] == first.id and line["answers"] == [int(first.answers[0])]


def test_rows_in_are_problems_and_rankings_and_drops(scripted):
    write_lines(Path("train.jsonl"), [*map(problem, range(6)), [1], problem(7, answer=9), {}])
    with Path("train.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"question": "잘린 줄\n')
    done = prepare()
    (source,) = [s for s in report()["sources"] if s["split"] == "train"]
    assert source["rows"] == 10 == source["problems"] + sum(source["dropped"].values())
    drops = read_jsonl(OUT / "dropped.jsonl", Drop)
    assert {drop.place for drop in drops} == {f"train.jsonl:{n}" for n in (7, 8, 9, 10)}
    assert all(drop.detail for drop in drops)
    assert "answer_outside_choices" in done.stdout and "broken_row" in done.stdout


def test_the_first_so_many_training_problems_are_a_fair_sample_of_all_sources(scripted):
    write_lines(Path("a.jsonl"), [problem(n, source="a") for n in range(3000, 3200)])
    write_lines(Path("b.jsonl"), [problem(n, source="b") for n in range(5000, 5200)])
    prepare("-s", "data.train=[a.jsonl, b.jsonl]")
    first = [p.source for p in rows("train")[:100]]
    assert 30 < first.count("a") < 70


def test_the_same_sources_give_the_same_bytes(scripted):
    prepare()
    prepare("--run-dir", "again", "-s", "data.memory_mb=64")
    for name in ("train.jsonl", "test.jsonl", "report.json", "leaks.json"):
        assert (OUT / name).read_bytes() == (Path("again/prepare") / name).read_bytes()
    assert "nothing to do" in prepare("-s", "data.memory_mb=64").stdout


def test_a_source_is_found_by_its_name_in_nfc_and_odd_characters_are_told(scripted):
    eaten = [problem(8, question="$\x0crac{1}{2}$은?"), problem(9, question="쪽\x0c사이")]
    name = unicodedata.normalize("NFD", "학습 자료.jsonl")
    write_lines(Path(name), [*map(problem, range(6)), *eaten])
    done = prepare("-s", "data.train=학습 자료.jsonl")
    assert "1 problem with control characters, the first" in done.stderr
    assert report()["splits"]["train"]["oddities"] == {"control_character": 1}
    assert "$\\frac{1}{2}$은?" in {one.question for one in rows("train")}


def test_duplicates_go_and_a_conflict_says_so(scripted):
    twice = problem(0, passage="같은 글.")
    other_key = {**twice, "answer": 3}
    turned = {**twice, "choices": twice["choices"][::-1], "answer": 4}
    write_lines(Path("train.jsonl"), [twice, twice, other_key, turned, problem(9)])
    said = prepare().stderr
    assert (
        "data.train: 1 duplicate with another answer than the row that is kept, the first" in said
    )
    assert reasons() == {"duplicate": 2, "reordered_duplicate": 1}
    details = [drop.detail for drop in read_jsonl(OUT / "dropped.jsonl", Drop)]
    assert sum("has another answer" in detail for detail in details) == 1


def test_in_the_test_split_only_what_is_the_same_to_the_letter_goes(scripted):
    one = problem(100)
    write_lines(Path("test.jsonl"), [one, one, {**one, "question": one["question"] + " "}])
    assert "another answer" not in prepare().stderr
    assert len(rows("test")) == 2 and reasons() == {"duplicate": 1}
    write_lines(Path("test.jsonl"), [one, {**one, "answer": one["answer"] % 4 + 1}])
    said = prepare("--force").stderr
    assert "data.test: 1 duplicate with another answer than the row that is kept, the first" in said


def test_a_template_whose_answers_the_grader_cannot_read_is_refused(
    scripted,
):
    text = "about: x\nprompt: '{{ question }}'\ntarget: '정답: {{ label }}'\nlabels: [α, β, γ, δ]\n"
    Path("mine.yaml").write_text(text, encoding="utf-8")
    done = prepare("-s", "prompt.template=mine.yaml", code=2)
    assert "the grader cannot read the gold answer of 24 of 24" in done.stderr


@pytest.mark.parametrize("prompt, lost", [
    ("{{ question }}{% for choice in choices %}{{ choice }}{% endfor %}", ["passage"]), ("{{ passage }}", ["question"]),
    ("{{ passage.replace(' ', '\\n') }}: {{ question }}", []),
])  # fmt: skip
def test_what_a_template_leaves_out_of_the_problems_is_said(prompt, lost, scripted):
    template = {"about": "x", "prompt": prompt, "target": "정답: {{ label }}", "labels": [*"1234"]}
    (scripted / "mine.yaml").write_text(yaml.safe_dump(template), "utf-8")
    said = koalign("prepare", "-s", "prompt.template=mine.yaml", code=0).stderr
    told = [line for line in said.splitlines() if "does not show" in line]
    assert [line.partition(" of ")[0] for line in told] == [
        f"template mine: does not show the {part}" for part in lost
    ]


def test_a_template_that_shows_the_lines_of_a_question_apart_leaves_nothing_out(scripted):
    text = Path("train.jsonl").read_text("utf-8")
    Path("train.jsonl").write_text(
        text.replace('"question": "', '"question": "고르시오.\\n'), "utf-8"
    )
    said = koalign(
        "prepare", "-s", "prompt.template=haerae", "-s", "data.hints=null", code=0
    ).stderr
    assert "does not show" not in said


def test_shots_count_in_the_lengths_and_too_few_are_refused_at_once(scripted):
    prepare()
    bare = report()["splits"]["test"]["tokens"]["median"]
    prepare("-s", "prompt.shots=3", "--force")
    assert report()["splits"]["test"]["tokens"]["median"] > 3 * bare
    few = prepare("-s", "prompt.shots=30", "--force", code=2)
    assert "30 wanted, and there are 23" in few.stderr


def test_links_are_followed_and_what_is_not_read_makes_nothing_stale(scripted):
    Path("elsewhere").mkdir()
    write_lines(Path("elsewhere/more.jsonl"), [problem(n) for n in range(40, 44)])
    Path("mixed").mkdir()
    write_lines(Path("mixed/some.jsonl"), [problem(n) for n in range(50, 52)])
    Path("mixed/linked").symlink_to(Path("elsewhere").resolve())
    Path("mixed/again").symlink_to(Path("mixed").resolve())
    prepare("-s", "data.train=mixed")
    assert len(rows("train")) == 6
    Path("mixed/.DS_Store").write_bytes(b"x")
    again = prepare("-s", "data.train=mixed")
    assert "nothing to do" in again.stdout, again.stderr
    write_lines(Path("mixed/manifest.json"), [])
    Path("mixed/manifest.json").write_text("[]", encoding="utf-8")
    assert "another data.train.0" in prepare("-s", "data.train=mixed", code=2).stderr


def test_dev_is_held_out_of_training_by_whole_passages(scripted):
    many = [problem(n, group=f"g{n // 4}") for n in range(4000, 4400)]
    write_lines(Path("train.jsonl"), many)
    prepare("-s", "data.dev_share=0.2")
    train, dev = rows("train"), rows("dev")
    assert len(train) + len(dev) == 400 and 40 < len(dev) < 120
    assert not {p.group for p in train} & {p.group for p in dev}
    other_seed = prepare("-s", "data.dev_share=0.2", "-s", "seed=1")
    assert "nothing to do" in other_seed.stdout
    prepare("-s", "data.dev_share=0.2", "-s", "data.seed=1", "--force")
    assert {p.id for p in rows("dev")} != {p.id for p in dev}


def test_a_share_of_dev_that_takes_every_problem_is_said(scripted):
    write_lines(Path("train.jsonl"), [problem(1)])
    error = prepare("-s", "data.dev_share=0.999", code=2).stderr
    assert "no problem to learn from; 1 held out as dev: set data.dev_share to 0" in error
    write_lines(Path("train.jsonl"), [problem(n) for n in range(20)])
    leaking = "-s", "data.leaks=drop", "-s", "data.test=train.jsonl", "-s", "data.dev_share=0.5"
    error = prepare(*leaking, "--force", code=2).stderr
    assert "dropped: leak" in error and "set data.dev_share to 0" not in error


def test_a_dev_too_small_to_choose_by_is_told_with_its_standard_error(scripted):
    toy = "engine.backend=hf", "engine.script=null", "model.path=builtin:tiny-ko"
    settings = [part for setting in toy for part in ("-s", setting)]
    write_lines(Path("dev.jsonl"), [problem(n) for n in range(5000, 5003)])
    told = prepare(*settings, "-s", "data.dev=dev.jsonl").stderr
    assert "dev has 3 problems: " in told and "up to 29 points" in told and "data.dev_share" in told
    unprobed = "-s", "data.dev=dev.jsonl", "-s", "probe.problems=0", "--force"
    assert "dev has" not in prepare(*settings, *unprobed).stderr
    write_lines(Path("dev.jsonl"), [problem(n) for n in range(5000, 5030)])
    assert "dev has" not in prepare(*settings, "-s", "data.dev=dev.jsonl", "--force").stderr


def test_too_long_a_problem_is_dropped_from_training_and_refused_in_test(scripted):
    long = problem(1, passage="긴 " * 40_000)
    write_lines(Path("train.jsonl"), [problem(0), long])
    prepare()
    assert reasons() == {"longer_than_context": 1}
    write_lines(Path("test.jsonl"), [problem(200, passage="길고 긴 " * 20_000)])
    refused = prepare("--force", code=2)
    assert "and the context is 100000" in refused.stderr


def test_a_file_that_calls_itself_test_is_not_trained_on_by_accident(scripted):
    write_lines(Path("mine-test.jsonl"), [problem(n) for n in range(600, 606)])
    done = prepare("-s", "data.train=mine-test.jsonl", code=2)
    assert "calls itself the test split" in done.stderr
    prepare("-s", "data.train={path: mine-test.jsonl, split: test}", "--force")


def test_a_hint_for_a_problem_that_was_dropped_and_one_given_twice_are_counted(scripted):
    rows_in = [problem(n) for n in range(4)]
    write_lines(
        Path("train.jsonl"),
        [*rows_in, {**rows_in[0], "choices": rows_in[0]["choices"][::-1], "answer": 4}],
    )
    from koalign.data.formats.sources import read_source

    ids = [p.id for p in read_source("train.jsonl", "train").problems]
    hints = [{"problem_id": n, "text": "기록을 본다."} for n in (ids[0], ids[0], ids[4])]
    write_lines(Path("hints.jsonl"), hints)
    koalign("prepare", code=0)
    assert reasons()["hint_given_twice"] == 1 and reasons()["hint_for_a_dropped_problem"] == 1


def test_what_no_rationale_explains_is_not_taught_and_can_still_be_sampled(scripted):
    reasoning = ("-s", "data.hints=null", "-s", "prompt.template=reasoning")
    write_lines(Path("train.jsonl"), [problem(0, rationale="기록에 있다."), problem(1), problem(2)])
    done = koalign("sft", *reasoning, code=0)
    assert len(rows("train")) == 3 and reasons() == {}
    assert "without_rationale 2" in done.stdout + done.stderr
    write_lines(Path("train.jsonl"), [problem(1), problem(2)])
    refused = koalign("sft", "--force", *reasoning, code=2)
    assert "none of 2 training problems has one; run `koalign distill`" in refused.stderr


def test_ten_choices_are_kept_under_a_template_with_nine_labels(scripted):
    choices = [f"나라 {n}" for n in range(10)]
    write_lines(Path("ten.jsonl"), [problem(n, choices=choices, answer=10) for n in range(8)])
    prepare("-s", "data.train=ten.jsonl")
    assert report()["splits"]["train"]["problems"] == 8


def test_every_drop_has_its_place_and_a_reason_in_english(scripted):
    header = "번호,문제,보기1,보기2,정답"
    lines = ["q-1,가?,나,다,1", "q-2,라?,마,바,", "q-3,,마,바,1", "q-1,가?,나,다,1", ",,,,", ""]
    Path("own.csv").write_text("\n".join([header, *lines]), "utf-8")
    done = prepare("-s", "data.train=own.csv")
    drops = read_jsonl(OUT / "dropped.jsonl", Drop)
    assert {(drop.place, drop.reason, drop.key) for drop in drops} == {
        ("own.csv:3", "no_answer", "q-2"),
        ("own.csv:4", "no_question", "q-3"),
        ("own.csv:5", "duplicate", "q-1"),
    }
    (kept,) = rows("train")
    details = {drop.reason: drop.detail for drop in drops}
    assert details["no_question"] == "'문제' is empty"
    assert f"q-1: 가? ({kept.id}) is kept" in details["duplicate"]
    assert "dropped_no_question 1" in done.stdout


def test_without_dev_or_test_one_line_says_who_needs_them(scripted):
    toy = (
        "-s",
        "engine.backend=hf",
        "-s",
        "engine.script=null",
        "-s",
        "model.path=builtin:tiny-ko",
    )
    said = prepare(*toy, "-s", "data.test=null").stderr.splitlines()[-1]
    assert said == (
        "no dev: `koalign sft` needs data.dev, data.dev_share or a number as sft.epochs; "
        "no test: `koalign evaluate`, `run`, and `solve` without a file need data.test"
    )
    few = "-s", "data.dev_share=0.0001", "--force"
    assert "data.dev, a larger data.dev_share or a number" in prepare(*toy, *few).stderr
    said = prepare("-s", "data.test=null", "--force", "-s", "sft.epochs=2").stderr.splitlines()[-1]
    assert said.startswith("no test: ")
    assert "no test" not in prepare("--force").stderr
