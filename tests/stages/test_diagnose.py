"""A diagnosis asks both models the same, goes on after a kill, and refuses what would make it meaningless."""

from dataclasses import replace

import pytest
import yaml
from support.diagnosed import CHOICES, HELD_OUT, RENDERER, TRAIN, engine_in, run, sign
from support.problems import exam
from support.refusals import refused

from koalign.config.engine import Engine
from koalign.config.inputs import Sampling
from koalign.data.prompting.prompts import DEFAULT, Renderer, load_template
from koalign.engines.scripted import SCRIPTED_BASE, ScriptedEngine
from koalign.jsonl import read_json, read_jsonl
from koalign.records import KoalignError, Problem, Sample
from koalign.stages.diagnose import diagnose


def test_a_memorising_parrot_is_found_out_end_to_end(folder):
    report = run(folder)
    assert report["problems"] == {
        "train": 30, "held_out": 20, "plain": 50, "shuffled": 50,
    }  # fmt: skip
    right = {s["key"]: (s["base"]["value"], s["system"]["value"]) for s in report["signs"][:2]}
    assert right == {"train_accuracy": (0.2667, 1), "held_out_accuracy": (0.25, 0.25)}
    assert sign(report, "gap")["difference"]["value"] == pytest.approx(0.7333, abs=1e-4)
    assert sign(report, "shuffled_train")["system"]["value"] == 1
    assert sign(report, "stays")["base"]["value"] == 1
    shuffled = read_jsonl(folder / "out" / "samples-shuffled.jsonl", Sample)
    kept = {s.problem_id for s in shuffled if s.permutation[0] == 0}  # it says 1 in either order
    held_out = {p.id for p in HELD_OUT}
    assert sign(report, "stays")["system"]["value"] == len(kept & held_out) / 20
    assert sign(report, "contradiction")["system"] == {
        "value": 1, "low": pytest.approx(0.8389, abs=1e-3), "high": 1, "n": 20,
    }  # fmt: skip
    worse = {s["key"] for s in report["signs"] if s["verdict"] == "worse"}
    assert {"gap", "shuffled_train", "stays", "teacher_phrases"} <= worse
    assert read_json(folder / "out" / "diagnosis.json") == report


def test_base_and_system_read_the_same_prompts_greedily(folder):
    run(folder)
    for path in sorted((folder / "out").glob("samples-*.jsonl")):
        samples = read_jsonl(path, Sample)
        asked = {
            name: {(s.problem_id, s.permutation) for s in samples if bool(s.adapter) == name}
            for name in (False, True)
        }
        assert asked[False] == asked[True] and {s.index for s in samples} == {0}
    shuffled = read_jsonl(folder / "out" / "samples-shuffled.jsonl", Sample)
    gold = {p.id: int(p.answers[0]) - 1 for p in (*TRAIN, *HELD_OUT)}
    assert all(s.permutation.index(gold[s.problem_id]) != gold[s.problem_id] for s in shuffled)


def test_a_diagnosis_begun_and_killed_goes_on_to_the_same_bytes(folder):
    whole = run(folder, "whole")
    run(folder, "cut")
    path = folder / "cut" / "samples-plain.jsonl"
    kept = path.read_bytes()
    path.write_bytes(kept[: len(kept) // 2])
    (folder / "cut" / "samples-shuffled.jsonl").unlink()
    assert run(folder, "cut") == whole
    for file in (folder / "whole").iterdir():
        if file.suffix != ".jsonl":
            assert (folder / "cut" / file.name).read_bytes() == file.read_bytes()
        else:
            assert sorted((folder / "cut" / file.name).read_text("utf-8").splitlines()) == sorted(
                file.read_text("utf-8").splitlines()
            )


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"sampling": Sampling(max_tokens=200)}, "max_tokens (300, now 200)"),
        ({"renderer": Renderer(load_template(DEFAULT))}, "another prompts"),
        ({"held_out": HELD_OUT[1:]}, "another prompts"),
    ],
)
def test_samples_of_another_diagnosis_are_never_mixed_in(folder, changes, what):
    run(folder)
    with refused("holds a diagnosis with another", what, "take another folder"):
        run(folder, **changes)


def test_the_sample_is_the_same_in_any_order_and_no_larger_than_asked(folder):
    one = run(folder, "one", problems=7)
    other = run(folder, "other", trained=TRAIN[::-1], held_out=HELD_OUT[::-1], problems=7)
    assert one == other
    assert one["problems"]["train"] == one["problems"]["held_out"] == 7
    lowest = sorted(p.id for p in TRAIN)[:7]
    asked = {s.problem_id for s in read_jsonl(folder / "one" / "samples-plain.jsonl", Sample)}
    assert {i for i in asked if i in {p.id for p in TRAIN}} == set(lowest)
    assert {s["verdict"] for s in one["signs"]} <= {"too_few", "not_measured"}


def test_what_was_taught_counts_even_of_problems_that_are_not_asked(folder):
    last = max(TRAIN, key=lambda p: p.id)
    bare = [p if p is last else p.model_copy(update={"rationale": ""}) for p in TRAIN]
    taught = sign(run(folder, "one", trained=bare, problems=15), "teacher_phrases")
    assert taught["system"]["value"] > 0.6 and taught["base"]["value"] == 0
    none = [p for p in bare if p is not last]
    untaught = sign(run(folder, "none", trained=none, problems=15), "teacher_phrases")
    assert untaught["verdict"] == "not_measured" and untaught["system"] is None


def test_problems_without_a_rule_or_with_a_fixed_order_are_left_out(
    folder,
):
    fixed = [p.model_copy(update={"choices": ("1명", "2명", "3명", "4명")}) for p in HELD_OUT[:10]]
    unknown = Problem(question="누구인가?", choices=CHOICES)
    long = Problem(question="왜인가?", kind="long", answers=("그러하니까",))
    engine = engine_in(folder)
    path = folder / "script.yaml"
    rules = [*yaml.safe_load(path.read_text("utf-8")), {"texts": ["그러니 2명이다.\n\n정답: 2"]}]
    path.write_text(yaml.safe_dump(rules, allow_unicode=True), encoding="utf-8")
    engine = ScriptedEngine(Engine(backend="scripted", script=str(path)), SCRIPTED_BASE)
    report = run(folder, engine=engine, held_out=[*HELD_OUT[10:], *fixed, unknown, long])
    assert report["problems"]["held_out"] == 20 and report["problems"]["shuffled"] == 40
    assert sign(report, "shuffled_held_out")["base"]["n"] == 10


class Recording(ScriptedEngine):
    prompts: list[str]

    def generate(self, requests, sampling, **options):
        self.prompts += [self.tokenizer.decode(r.prompt_ids) for r in requests if r.permutation]
        return super().generate(requests, sampling, **options)


def test_another_order_is_asked_after_the_same_shots(folder):
    engine_in(folder)
    engine = Recording(Engine(backend="scripted", script="script.yaml"), SCRIPTED_BASE)
    engine.prompts = []
    run(folder, engine=engine, renderer=replace(RENDERER, shots=2, pool=tuple(TRAIN)))
    assert len(engine.prompts) == 100
    assert {text.count("<|im_start|>assistant") for text in engine.prompts} == {3}


def test_a_text_ends_where_it_is_told_to_stop(folder):
    report = run(folder, stop=("\n\n정답",))
    assert sign(report, "unreadable")["base"]["value"] == 1


def test_long_answers_are_not_asked_for(folder):
    long = Problem(question="왜인가?", kind="long", answers=("그러하니까",))
    direct = Renderer(load_template("direct"))
    with pytest.raises(KoalignError, match="none of the 1 problems held out"):
        run(folder, held_out=[long], renderer=direct)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trained": []}, "none of the 0 problems trained on has an answer"),
        ({"held_out": []}, "none of the 0 problems held out has an answer"),
        ({"held_out": [HELD_OUT[0], *TRAIN[:2]]}, "2 held-out problems were trained on"),
        ({"sampling": Sampling(max_tokens=999_990)}, "lower solve.max_tokens"),
    ],
)
def test_what_would_say_nothing_is_refused_before_anything_is_drawn(folder, changes, said):
    with refused(said):
        run(folder, **changes)
    assert not list((folder / "out").glob("samples*"))


@pytest.mark.slow
def test_the_built_in_model_is_diagnosed_by_the_real_engine(tmp_path):
    from support.training import MODEL, base_of_tests, trained_adapter

    from koalign.engines.opening import open_engine

    adapter = trained_adapter(tmp_path / "adapter", rank=4, seed=1)
    renderer = Renderer(load_template(DEFAULT))
    with open_engine(Engine(backend="hf"), MODEL, base_of_tests(), [adapter]) as engine:
        report = diagnose(
            Sampling(max_tokens=16), engine, renderer, exam("train"), exam("dev"), adapter,
            tmp_path / "out", problems=6,
        )  # fmt: skip
    assert report["problems"]["plain"] == 12 and 0 < report["problems"]["shuffled"] <= 12
    assert report["model"] == "builtin:tiny-ko" and report["template_hash"] == renderer.hash
    by_key = {s["key"]: s for s in report["signs"]}
    assert by_key["teacher_phrases"]["verdict"] == "not_measured"  # the exam has no rationales
    assert by_key["held_out_accuracy"]["difference"]["n"] == 6
    assert by_key["tokens"]["system"]["value"] > 0
