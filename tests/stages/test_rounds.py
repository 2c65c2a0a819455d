"""Each further round of DPO samples the policy of the round before, which is its reference."""

import shutil

import pytest
from support.command import RUN, koalign

from koalign.adapters.cards import adapter_id, read_card
from koalign.jsonl import read_jsonl
from koalign.records import Sample

pytestmark = pytest.mark.slow  # each test is a whole run, or several

TWO = ("-s", "dpo.rounds=2")


def test_the_second_round_stands_on_the_first_and_all_that_follows_on_the_second(scripted):
    koalign("run", *TWO, code=0)
    ids = {name: adapter_id(RUN / name / "adapter") for name in ("sft", "dpo", "dpo-2")}
    assert len(set(ids.values())) == 3
    for folder, policy in (("samples", "sft"), ("samples-2", "dpo")):
        samples = read_jsonl(RUN / folder / "samples.jsonl", Sample)
        assert {sample.adapter for sample in samples} == {ids[policy]}
    for child, parent in (
        ("dpo", "sft"),
        ("dpo-2", "dpo"),
        ("answer", "dpo-2"),
        ("abstraction", "dpo-2"),
    ):
        (above,) = read_card(RUN / child / "adapter").parents
        assert (above.id, above.name) == (ids[parent], parent.partition("-")[0])
    pairs = [(RUN / folder / "pairs.jsonl").read_bytes() for folder in ("pairs", "pairs-2")]
    assert pairs[0] != pairs[1]
    hints = read_jsonl(RUN / "hints" / "bare.jsonl", Sample)
    assert {sample.adapter for sample in hints} == {ids["dpo-2"]}
    shown = koalign("show", str(RUN), "--json")
    for name in ("samples-2", "pairs-2", "reference-2", "dpo-2"):
        assert f'"{name}"' in shown.stdout


def test_another_round_keeps_those_before_it(scripted):
    for command in ("sft", "dpo-pairs", "dpo"):
        koalign(command, code=0)
    done = koalign("dpo", *TWO, code=0)
    assert done.stdout.count("nothing to do") == 2
    made = [line for line in done.stdout.splitlines() if not line.startswith("stage ")]
    assert [line.split(":")[0] for line in made] == [
        "reference", "dpo", "samples-2", "pairs-2", "reference-2", "dpo-2",
    ]  # fmt: skip


def test_dpo_on_the_command_line_is_the_last_round(scripted):
    for command in ("sft", "dpo-pairs"):
        koalign(command, *TWO, code=0)
    solve = ("solve", "--adapters", "dpo", "test.jsonl", "-o", "answers.jsonl", *TWO)
    missing = koalign(*solve, code=2)
    assert "adapter 'dpo' is not in runs/default; run `koalign dpo` first" in missing.stderr
    koalign("dpo", *TWO, code=0)
    shutil.rmtree(RUN / "dpo-2")
    koalign(*solve, code=2)
    koalign("dpo", *TWO, code=0)
    koalign(*solve, code=0)


def test_a_round_whose_first_was_made_anew_is_stale(scripted):
    for command in ("sft", "dpo-pairs", "dpo"):
        koalign(command, *TWO, code=0)
    changed = ("-s", "pairs.per_problem=1")
    koalign("dpo-pairs", "--force", *changed, code=0)
    koalign("dpo", "--force", *changed, code=0)
    stale = koalign("dpo", *changed, *TWO, code=2)
    assert "samples-2 was made with another sft/adapter" in stale.stderr
    done = koalign("dpo", "--force", *changed, *TWO, code=0)
    assert "dpo-2: pairs" in done.stdout, done.stderr


def test_a_setting_of_dpo_keeps_the_reference(scripted):
    for command in ("sft", "dpo-pairs", "dpo"):
        koalign(command, code=0)
    changed = ("-s", "dpo.beta=0.2", "-s", "dpo.max_displacement=0.1")
    koalign("dpo", *changed, code=2)
    done = koalign("dpo", "--force", *changed, code=0)
    kept, announced, made = done.stdout.splitlines()
    assert kept.startswith("reference: ") and kept.endswith("(nothing to do)")
    assert announced == "stage 2 of 2: dpo" and made.startswith("dpo: ")
