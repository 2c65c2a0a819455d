"""A diagnosis asks both models the same, goes on after a kill, and refuses what would make it meaningless."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from conftest import exam, write_lines

from koalign.adapters.cards import AdapterCard, base_of, write_card
from koalign.config import Engine, Sampling
from koalign.data.diagnosis.paraphrases import WORDINGS
from koalign.data.prompts import DEFAULT, Renderer, load_template
from koalign.engines import requests_for
from koalign.engines.scripted import SCRIPTED_BASE, ScriptedEngine
from koalign.jsonl import read_json, read_jsonl
from koalign.records import KoalignError, Problem, Sample
from koalign.run import hash_path
from koalign.stages.diagnose import diagnose, trained_on

RENDERER = Renderer(load_template("reasoning"))
SAMPLING = Sampling(temperature=0.8, max_tokens=300)
LESSON = "차근차근 살펴보면 글의 흐름에서 이 사람이 어디에 사는지 알 수 있다."
CHOICES = ("서울 시청", "부산 항구", "대구 시장", "광주 공원")


def made(number: int, side: str) -> Problem:
    return Problem(
        question=f"{side} {number:02}번 사람이 사는 곳은?",
        passage=f"{number:02}번째 마을의 기록이다.",
        choices=CHOICES,
        answers=(str(number % 4 + 1),),
        rationale=f"{LESSON} {number:02}번 사람의 일이다.",
    )


TRAIN = [made(n, "배운") for n in range(30)]
HELD_OUT = [made(n, "새로운") for n in range(20)]


def adapter_in(folder: Path, **data: str) -> Path:
    card = AdapterCard(
        name="sft", role="policy", origin="trained", base=base_of(SCRIPTED_BASE), parents=(),
        rank=1, template_hash=RENDERER.hash, data=data, koalign=None,
    )  # fmt: skip
    write_card(folder / "adapter", card)
    return folder / "adapter"


def engine_in(folder: Path) -> ScriptedEngine:
    """A base that always answers the second choice by what it says; a system that learned by heart."""
    learned = [
        {
            "adapter": "sft",
            "contains": [p.question],
            "texts": [f"{LESSON}\n\n정답: {p.answers[0]}"],
        }
        for p in TRAIN
    ]
    by_content = [
        {
            "contains": [f"\n{n}. 부산 항구"],
            "texts": [
                f"기록에 나온 말을 그대로 따라가 보면 부산이다.\n\n정답: {n}",
                "아무 말이나 한다.",  # never greedily
            ],
        }
        for n in range(1, 5)
    ]
    parrot = f"{LESSON} 따라서 3번이 정답이다.\n\n정답: 1"
    script = [*learned, {"adapter": "sft", "texts": [parrot]}, *by_content]
    path = folder / "script.yaml"
    path.write_text(yaml.safe_dump(script, allow_unicode=True), encoding="utf-8")
    return ScriptedEngine(Engine(backend="scripted", script=str(path)), SCRIPTED_BASE)


def run(folder: Path, out: str = "out", **changes) -> dict:
    adapter = adapter_in(folder)
    arguments = {"trained": TRAIN, "held_out": HELD_OUT, **changes}
    return diagnose(
        arguments.pop("sampling", SAMPLING), arguments.pop("engine", None) or engine_in(folder),
        arguments.pop("renderer", RENDERER), arguments.pop("trained"), arguments.pop("held_out"),
        adapter, folder / out, **arguments,
    )  # fmt: skip


def sign(report: dict, key: str) -> dict:
    return next(sign for sign in report["signs"] if sign["key"] == key)


def test_a_memorising_parrot_is_found_out_end_to_end(folder):
    report = run(folder)
    assert report["problems"] == {
        "train": 30, "held_out": 20, "plain": 50, "shuffled": 50,
        **{f"wording {n}": 20 for n in range(1, WORDINGS + 1)},
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
    page = (folder / "out" / "diagnosis.html").read_text(encoding="utf-8")
    assert "memorised" in page and "차근차근 살펴보면 글의 흐름에서" in page


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
    (folder / "cut" / "samples-wording-2.jsonl").unlink()
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
    with pytest.raises(KoalignError, match="holds a diagnosis with another") as refused:
        run(folder, **changes)
    assert what in str(refused.value) and "take another folder" in str(refused.value)


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


def test_problems_without_a_rule_or_with_a_fixed_order_are_left_out_of_what_they_cannot_tell(
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


def test_a_template_without_other_wordings_is_said_to_be_unmeasured(folder):
    own = RENDERER.template.model_copy(
        update={"prompt": "{{ question }}\n{% for c in choices %}\n{{ c.label }}. {{ c.text }}\n{% endfor %}"}
    )  # fmt: skip
    report = run(folder, renderer=replace(RENDERER, template=own))
    assert "wording 1" not in report["problems"]
    assert sign(report, "reworded")["reading"].startswith(
        "not measured: koalign has no other wording"
    )


def test_only_prompts_that_another_wording_changes_are_asked_in_it(folder):
    own = RENDERER.template.model_copy(
        update={
            "prompt": "{% if passage %}\n다음 글을 읽고 물음에 답하시오.\n{% endif %}\n{{ question }}\n"
            "{% for c in choices %}\n{{ c.label }}. {{ c.text }}\n{% endfor %}"
        }
    )
    bare = [p.model_copy(update={"passage": ""}) for p in HELD_OUT[:8]]
    report = run(folder, renderer=replace(RENDERER, template=own), held_out=[*bare, *HELD_OUT[8:]])
    assert report["problems"]["wording 1"] == 12
    assert sign(report, "reworded")["base"]["n"] == 12


class Recording(ScriptedEngine):
    prompts: list[str]

    def generate(self, requests, sampling, **options):
        self.prompts += [self.tokenizer.decode(r.prompt_ids) for r in requests if r.permutation]
        return super().generate(requests, sampling, **options)


def test_another_order_is_asked_after_the_same_shots(folder):
    engine_in(folder)
    engine = Recording(
        Engine(backend="scripted", script=str(folder / "script.yaml")), SCRIPTED_BASE
    )
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


def test_no_room_for_a_longer_wording_is_found_before_the_first_is_asked(folder):
    engine = engine_in(folder)
    asked = [RENDERER.render(p, "answer") for p in (*TRAIN, *HELD_OUT)]
    longest = max(len(request.prompt_ids) for request in requests_for(engine, asked, None))
    room = Sampling(max_tokens=SCRIPTED_BASE.context - longest)
    with pytest.raises(KoalignError, match="lower max_tokens"):
        run(folder, engine=engine, sampling=room)
    assert not list((folder / "out").glob("samples*"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"trained": []}, "none of the 0 problems trained on has an answer"),
        ({"held_out": []}, "none of the 0 problems held out has an answer"),
        ({"held_out": [HELD_OUT[0], *TRAIN[:2]]}, "2 held-out problems were trained on"),
        ({"sampling": Sampling(max_tokens=999_990)}, "lower max_tokens"),
    ],
)
def test_what_would_say_nothing_is_refused_in_one_line_before_anything_is_drawn(
    folder, changes, said
):
    with pytest.raises(KoalignError) as refused:
        run(folder, **changes)
    assert said in str(refused.value) and "\n" not in str(refused.value)
    assert not list((folder / "out").glob("samples*"))


def prepared(folder: Path, rows: list, limit: int | None = None) -> Path:
    run_dir = folder / "run"
    path = write_lines(run_dir / "prepare" / "train.jsonl", rows)
    (run_dir / "sft").mkdir()
    plan = {"config": {"sft": {"limit": limit}}}
    (run_dir / "sft" / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    return path


@pytest.mark.parametrize(("limit", "count"), [(None, 30), (12, 12)])
def test_the_problems_of_a_run_are_those_that_sft_was_limited_to(folder, limit, count):
    path = prepared(folder, [p.model_dump(mode="json") for p in TRAIN], limit)
    adapter = adapter_in(folder, **{"train.jsonl": hash_path(path)})
    assert trained_on(folder / "run", adapter) == TRAIN[:count]


def test_a_run_without_its_training_split_is_refused_in_one_line(folder):
    with pytest.raises(KoalignError, match=r"train\.jsonl: not there.*--run-dir") as refused:
        trained_on(folder / "run", adapter_in(folder))
    assert "\n" not in str(refused.value)


def test_a_broken_training_split_is_refused_with_file_and_line(folder):
    path = prepared(folder, [TRAIN[0].model_dump(mode="json"), {"question": ""}])
    adapter = adapter_in(folder)
    with pytest.raises(KoalignError, match=r"train\.jsonl:2: question"):
        trained_on(folder / "run", adapter)
    path.write_text('{"question": ', encoding="utf-8")
    with pytest.raises(KoalignError, match=r"train\.jsonl:1: not a line of JSON"):
        trained_on(folder / "run", adapter)


def test_the_training_split_of_another_run_is_refused(folder):
    prepared(folder, [p.model_dump(mode="json") for p in TRAIN])
    with pytest.raises(KoalignError, match=r"was trained on another train\.jsonl"):
        trained_on(folder / "run", adapter_in(folder, **{"train.jsonl": "0" * 16}))


@pytest.mark.slow
def test_the_built_in_model_is_diagnosed_by_the_real_engine(tmp_path):
    from training_helpers import MODEL, base_of_tests, trained_adapter

    from koalign.engines import open_engine

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
