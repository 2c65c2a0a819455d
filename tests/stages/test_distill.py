"""koalign distill against a real HTTP server: what it asks, what it keeps, what it never asks twice."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from support.command import RUN, koalign
from support.distilling import (
    ALONE,
    PROBLEMS,
    distill,
    number_in,
    reasons,
    report,
    right,
    run,
    serving,
    solution,
)
from support.events import steps_of
from support.kills import small_run
from support.manifests import record_outputs
from support.problems import CITIES, exam, problem, write_lines
from support.servers import allow

from koalign.data.formats.sources import read_source
from koalign.data.prompting.prompts import Renderer, load_template
from koalign.grading.grade import grade
from koalign.jsonl import read_jsonl
from koalign.records import Drop, KoalignError, Problem

# What is asked.


def test_the_teacher_sees_every_training_problem_and_never_an_answer_or_a_test_problem(ready):
    with serving(right) as teacher:
        made = distill(teacher, ALONE, "distill.n=3")
    assert Counter(map(number_in, teacher.prompts)) == dict.fromkeys(range(PROBLEMS), 3)
    for prompt in teacher.prompts:
        assert "실마리" not in prompt and "해설" not in prompt
        assert not re.search(r"정답: ?[0-9서부대광]|[0-9]번\((서울|부산|대구|광주)\)", prompt)
    assert len(made) == PROBLEMS
    for one in made:
        assert [r.by for r in one.rationales] == ["teacher"] * 3
        assert {r.model for r in one.rationales} == {"big-teacher-0613"}
    counted = report()
    assert counted["yield"]["teacher"]["2"] == {"drawn": 24, "right": 24, "verified": 24}
    written = sum(len(solution(n, k).split()) for n in range(PROBLEMS) for k in range(3))
    assert counted["teacher"]["prompt_tokens"] == 720
    assert counted["teacher"]["cost"] == pytest.approx((720 + 10 * written) / 1e6)


def test_a_training_problem_that_stands_in_test_is_sent_nowhere(ready):
    run("prepare")
    test = ready / RUN / "prepare/test.jsonl"
    test.write_bytes((ready / RUN / "prepare/train.jsonl").read_bytes())
    record_outputs(test.parent)
    stand = "24 training problems found in dev or test"
    with serving(right) as teacher, pytest.raises(KoalignError, match=stand):
        distill(teacher, ALONE)
    assert teacher.prompts == []


# What is kept.


def test_only_what_verifies_is_kept_and_every_loss_is_counted_by_its_reason(ready):
    def answer(prompt: str, draw: int) -> str:
        number = number_in(prompt)
        city, other = CITIES[number % 4], CITIES[(number + 1) % 4]
        faults = [
            "", f"아니다.\n정답: {other}", "모르겠다.", f"정답: {city}", f"정답은 {other}이다.\n다시 본다.\n정답: {city}",
            f"Number {number} lives in a city.\n정답: {city}", f"본문에 나온다.\n정답: {city}",
            f"{number}번 사람이 {'그렇게 산다. ' * 30}\n정답: {city}",
        ]  # fmt: skip
        return faults[number] if number < len(faults) else solution(number)

    with serving(answer) as teacher:
        made = distill(teacher, ALONE, "distill.n=1")
        assert reasons() == {
            "no_reply": 1, "wrong_answer": 1, "no_answer": 1, "no_rationale": 1,
            "several_answers": 1, "wrong_language": 1, "repeats_itself": 1,
        }  # fmt: skip
    keys = {p.id: p.key for p in read_jsonl(RUN / "prepare/train.jsonl", Problem)}
    drops = read_jsonl(RUN / "distill/dropped.jsonl", Drop)
    assert all(drop.key == keys[drop.problem_id] != "" for drop in drops)
    assert {number_in(one.question) for one in made} == {6, *range(8, PROBLEMS)}
    reasoning = Renderer(load_template("reasoning"))
    for one in made:
        (target,) = reasoning.targets(one)
        assert grade(one, target).correct


def test_a_rationale_that_says_a_test_problem_is_dropped(ready):
    said = (
        "어느 마을의 오래된 기록이다. 이 마을에서 가장 큰 나무 아래에는 우물이 있고 그 옆집에는 글을 읽는 "
        "노인이 산다. 노인은 해마다 봄이 오면 아이들에게 강을 건너는 법과 별의 이름을 가르쳐 주었다."
    )
    rows = [problem(n) for n in range(100, 116)]
    write_lines(ready / "test.jsonl", [*rows[1:], {**rows[0], "passage": said}])

    def answer(prompt: str, draw: int) -> str:
        number = number_in(prompt)
        return f"{said * (number == 3)} {solution(number)}"

    with serving(answer) as teacher:
        made = distill(teacher, ALONE, "distill.n=1")
    assert reasons() == {"says_an_evaluated_problem": 1} and len(made) == PROBLEMS - 1


def test_own_samples_and_the_teachers_stand_in_their_share(ready, capsys):
    run("sft"), run("dpo-pairs")
    with serving(right) as teacher:
        made = distill(teacher, "distill.n=1", "distill.own_per_teacher=12")
    by = Counter(r.by for one in made for r in one.rationales)
    assert by["own"] >= 12 * by["teacher"] > 0
    cut = reasons()["over_teacher_share"]
    assert cut and f"{cut} rationales of the teacher are left out" in capsys.readouterr().err
    for one in made:
        assert len({r.text for r in one.rationales}) == len(one.rationales) <= 4
        for own in (r for r in one.rationales if r.by == "own"):
            assert CITIES[number_in(one.question) % 4] in own.text
            assert own.model and not own.model.startswith("big-teacher")


def test_without_a_teacher_the_own_samples_are_enough(ready, capsys):
    run("sft"), run("dpo-pairs"), run("distill", "-o", "made.jsonl")
    made = read_source("made.jsonl", "train").problems
    assert {r.by for one in made for r in one.rationales} == {"own"}
    assert "no teacher.url" in capsys.readouterr().err and report()["teacher"] is None
    with serving(right) as teacher, pytest.raises(KoalignError, match="was made with teacher"):
        distill(teacher, out="other.jsonl")
    assert teacher.prompts == []


def test_a_teacher_that_answers_everything_alike_is_an_alarm(ready, capsys):
    def answer(prompt: str, draw: int) -> str:
        return "생각할 것 없이 서울이다.\n\n정답: 1" if number_in(prompt) != 4 else solution(4)

    with serving(answer) as teacher:
        distill(teacher, ALONE, "distill.n=1")
    alarms = report()["teacher"]["alarms"]
    assert any("same text for 23 of 24" in alarm for alarm in alarms)
    assert any("choice 1 for 24 of 24" in alarm for alarm in alarms)
    assert "choice 1 for" in capsys.readouterr().err
    assert report()["positions"] == {"4": {"1": 24, "2": 0, "3": 0, "4": 0}}
    assert reasons()["copy_of_another_problem"] == 5


# Stopping and going on.


def test_a_stopped_distillation_goes_on_and_asks_nothing_twice(ready):
    with serving(right) as teacher:
        whole = distill(teacher, ALONE, out="whole.jsonl")
        once = Counter(teacher.prompts)
        assert max(once.values()) == 2
        distill(teacher, ALONE, out="whole.jsonl", force=True)
        assert Counter(teacher.prompts) == once
    replies = (RUN / "distill/replies.jsonl").read_bytes().splitlines(keepends=True)
    (RUN / "distill/manifest.json").unlink()
    (RUN / "distill/replies.jsonl").write_bytes(b"".join(replies[:30]) + replies[30][:25])
    with serving(right) as teacher:
        assert distill(teacher, ALONE) == whole
        assert len(teacher.prompts) == len(replies) - 30


def test_force_makes_the_set_again_and_asks_only_what_was_never_asked(ready):
    with serving(right) as teacher:
        twice = distill(teacher, ALONE, "distill.n=2")
        teacher.prompts.clear()
        once = distill(teacher, ALONE, "distill.n=1", out="once.jsonl", force=True)
        assert teacher.prompts == []
        distill(teacher, ALONE, "distill.n=3", out="thrice.jsonl", force=True)
        assert len(teacher.prompts) == PROBLEMS
    assert [len(one.rationales) for one in twice] == [2] * PROBLEMS
    assert [len(one.rationales) for one in once] == [1] * PROBLEMS
    assert not (RUN / "distill/plan.json").read_text("utf-8").count('"n": 2')


def test_other_settings_are_refused_and_the_address_is_none(ready):
    with serving(right) as teacher:
        distill(teacher, ALONE)
    with serving(right) as teacher:
        distill(teacher, ALONE, "teacher.concurrency=3", out="again.jsonl")
        assert teacher.prompts == []
        for setting in ("distill.n=1", "teacher.temperature=0.1", "distill.language=mixed"):
            with pytest.raises(KoalignError, match=f"was made with {setting.partition('=')[0]} = "):
                distill(teacher, ALONE, setting, out="other.jsonl")
    plan = (RUN / "distill/plan.json").read_text("utf-8")
    assert "127.0.0.1" not in plan and "key" not in json.loads(plan)["config"]["teacher"]


def test_samples_of_other_settings_are_said_to_be_used_as_they_are(ready, capsys):
    run("sft"), run("dpo-pairs")
    with serving(right) as teacher:
        distill(teacher, "distill.n=1", "distill.own_per_teacher=12", "sample.temperature=0.35")
    said = [line for line in capsys.readouterr().err.splitlines() if "is used as it is" in line]
    assert len(said) == 1 and "samples was made with sample.temperature" in said[0]


def test_a_key_stands_in_no_file_of_the_stage(ready, monkeypatch, capfd):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-recognisable-000111222")
    with serving(right) as teacher:
        allow(teacher.url)
        distill(teacher, ALONE)
    said = capfd.readouterr()
    written = [p.read_text("utf-8") for p in ready.rglob("*") if p.is_file()]
    assert not any("sk-recognisable" in text for text in [*written, said.out, said.err])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ([], r"no samples of the policy in runs/default; run `koalign dpo-pairs` first, or set"),
        ([ALONE], "teacher.url is not set and distill.own_per_teacher is 0"),
        (["distill.rationalize=true"], "distill.rationalize needs a teacher; set teacher.url"),
        (["prompt.template=direct"], "a policy of the template direct reasons nothing"),
        (["distill.langage=mixed"], "did you mean 'distill.language'"),
        (["distill.language=english"], "distill.language"),
    ],
)
def test_settings_that_fit_nothing_are_refused_before_anybody_is_asked(ready, settings, said):
    with pytest.raises(KoalignError, match=said):
        run("distill", *(word for one in settings for word in ("-s", one)))
    assert not (RUN / "distill").exists()


def test_an_output_that_is_there_or_has_no_such_name_is_refused(ready):
    (ready / "made.jsonl").write_text("mine", "utf-8")
    with pytest.raises(KoalignError, match="is there already"):
        run("distill", "-o", "made.jsonl")
    with pytest.raises(KoalignError, match=r"end the name in \.jsonl"):
        run("distill", "-o", "made.txt")


def test_nothing_left_is_an_error_with_the_reasons_and_the_remedy(ready):
    said = r"no rationale is left \(no answer 48\)"
    with (
        serving(lambda prompt, draw: "모르겠다.") as teacher,
        pytest.raises(KoalignError, match=said),
    ):
        distill(teacher, ALONE)
    assert not (RUN / "distill/manifest.json").exists()


# What it is for.


def test_what_it_makes_is_what_data_train_reads_with_every_rationale_in_it(ready):
    with serving(right) as teacher:
        distill(teacher, ALONE)
    run("sft", "--run-dir", "runs/second", "-s", "data.train=[made.jsonl]")
    made = read_jsonl(Path("runs/second/prepare/train.jsonl"), Problem)
    assert {len(one.rationales) for one in made} == {2} and len(made) == PROBLEMS
    manifest = json.loads(Path("runs/second/sft/manifest.json").read_text("utf-8"))
    assert manifest["counts"]["examples"] == 2 * PROBLEMS


def test_what_stays_unexplained_is_still_sampled_beside_what_is_taught(ready):
    write_lines(ready / "train.jsonl", [problem(n) for n in range(PROBLEMS)])

    def answer(prompt: str, draw: int) -> str:
        return solution(number_in(prompt)) if number_in(prompt) < 20 else "모르겠다."

    # The template is `reasoning`, and no problem has a rationale yet.
    with serving(answer) as teacher:
        distill(teacher, ALONE)
    second = ["--run-dir", "runs/second", "-s", "data.train=[made.jsonl, train.jsonl]"]
    run("sft", *second), run("dpo-pairs", *second)
    counts = {
        name: json.loads(Path(f"runs/second/{name}/manifest.json").read_text("utf-8"))["counts"]
        for name in ("sft", "samples")
    }
    assert counts["sft"] == {"examples": 20, "without_rationale": PROBLEMS - 20}
    assert counts["samples"]["problems"] == PROBLEMS


@pytest.mark.slow
def test_problems_without_rationales_get_some_and_a_real_model_trains_on_them(folder):
    """tiny-ko on a few problems of the built-in exam, which explains none of its answers."""
    problems = exam("train")[:48]

    def answer(prompt: str, draw: int) -> str:
        one = next(p for p in problems if p.question in prompt and p.passage in prompt)
        choice = one.choices[int(one.answers[0]) - 1]
        said = ("글을", "기록을")[draw]
        # With the question: two on one passage may have the same answer, and a copied text is dropped.
        text = f"{one.question} {said} 보면 {one.passage[-40:]} 그러니 {choice}이다."
        return f"{text}\n\n정답: {one.answers[0]}"

    small = {"batch_size": 8, "gradient_accumulation_steps": 1}
    sft = {**small, "learning_rate": 3e-3, "epochs": 4}
    teaching = {"teacher": {"model": "big-teacher"}, "probe": {"problems": 0}, "sft": sft}
    small_run(folder, {"train": 48, "test": 16}, **teaching)
    with serving(answer) as teacher:
        made = distill(teacher, ALONE)
    assert sum(len(one.rationales) for one in made) == 2 * len(problems)
    trained = ["--run-dir", "runs/second", "-s", "data.train=[made.jsonl]"]
    koalign("sft", *trained, "-s", "prompt.template=reasoning", cwd=folder, code=0)
    manifest = json.loads(Path("runs/second/sft/manifest.json").read_text("utf-8"))
    assert manifest["counts"]["examples"] == sum(len(one.rationales) for one in made)
    losses = [line["loss"] for line in steps_of(Path("runs/second/sft")) if "loss" in line]
    assert losses[-1] < losses[0] / 2
