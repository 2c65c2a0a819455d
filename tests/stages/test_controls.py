"""The steps of a run stand beside controls at the same price, as many as the config asks for."""

import json
from math import ceil
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.command import RUN, koalign

from koalign.adapters.cards import adapter_id, read_card
from koalign.config.training import Dpo
from koalign.evaluation.results import Prediction, read_evaluation
from koalign.evaluation.solving.voting import Attempt
from koalign.jsonl import read_json, read_jsonl
from koalign.records import Completion, Pair, Sample
from koalign.stages.dpo import rft_epochs

pytestmark = pytest.mark.slow  # each test is a whole run, or several

EVALUATED = RUN / "evaluate"
OFF = ["base", "sft", "dpo", "solve", "votes_written"]
CHEAP = [
    "base", "sft", "dpo", "rft", "solve", "votes_written", "votes_total", "mismatched", "base_hinted",
]  # fmt: skip
ALL = ["policy_hinted", "reasoning"]


@pytest.fixture
def many_hints(scripted: Path) -> Path:
    """As `scripted`, with a policy that writes many hints, so that a problem can be given another's."""
    path = scripted / "script.yaml"
    script = yaml.safe_load(path.read_text("utf-8"))
    script[0]["texts"] = [f"기록의 {n % 4 + 1}째 고을을 {'아주 ' * n}잘 본다." for n in range(32)]
    path.write_text(yaml.safe_dump(script, allow_unicode=True), "utf-8")
    return scripted


def predictions(row: str) -> list[Prediction]:
    return read_evaluation(EVALUATED / row)[1]


def total(row: str) -> tuple[int, int]:
    """Tokens written and in prompts, over all problems."""
    own = predictions(row)
    return sum(one.completion_tokens for one in own), sum(one.prompt_tokens for one in own)


def test_the_rows_are_those_of_the_setting_and_changing_it_is_refused_in_one_line(many_hints):
    done = koalign("run", code=0)
    results = read_json(EVALUATED / "results.json")
    assert list(results) == CHEAP
    assert all(results[name]["gain"] in (True, False) for name in ("sft", "dpo", "solve"))
    assert "no gain over" in done.stdout and "mismatched hints" in done.stdout
    for name in CHEAP:
        assert len(predictions(name)) == results[name]["n"] == 16
    refused = koalign("evaluate", "-s", "controls=off", code=2)
    assert "evaluate was made with controls = 'cheap', and it is now 'off'" in refused.stderr
    assert refused.stderr.count("\n") == 1
    without = koalign("evaluate", "-s", "controls=off", "--force", code=0)
    results = read_json(EVALUATED / "results.json")
    assert list(results) == OFF and {row["gain"] for row in results.values()} == {None}
    assert "gain over" not in without.stdout


def test_all_adds_own_reasoning_trained_like_the_answer_adapter_on_right_ones_alone(many_hints):
    koalign("run", "-s", "controls=all", code=0)
    results = read_json(EVALUATED / "results.json")
    assert list(results) == [*CHEAP, *ALL]
    assert total("reasoning")[0] >= total("solve")[0]
    evaluation, _ = read_evaluation(EVALUATED / "reasoning")
    own, answer = (read_card(RUN / name / "adapter") for name in ("reasoning", "answer"))
    assert (own.role, own.rank, own.parents) == (answer.role, answer.rank, answer.parents)
    assert evaluation.template == "reasoning" and evaluation.template_hash == own.template_hash
    assert own.template_hash != answer.template_hash
    samples = read_jsonl(RUN / "traces" / "samples.jsonl", Sample)
    assert {one.adapter for one in samples} == {adapter_id(RUN / "dpo" / "adapter")}
    shown = {one["stage"]: one for one in json.loads(koalign("show", "--json").stdout)["stages"]}
    assert 0 < shown["reasoning"]["counts"]["examples"] <= 2 * len({s.problem_id for s in samples})


def test_sft_to_its_plateau_is_a_control_only_where_sft_has_a_number_of_epochs(many_hints):
    koalign("run", "-s", "controls=all", "-s", "sft.epochs=2", code=0)
    results = read_json(EVALUATED / "results.json")
    assert list(results) == ["base", "sft", "sft_plateau", *CHEAP[2:], *ALL]
    for step in ("sft", "dpo", "solve"):
        assert "sft_plateau" in results[step]["rivals"]
    plateau, own = (read_card(RUN / name / "adapter") for name in ("plateau", "sft"))
    assert (plateau.name, plateau.role, plateau.data) == ("plateau", "policy", own.data)


def test_a_policy_that_never_reasons_to_a_right_answer_is_refused_in_one_line(many_hints):
    path = many_hints / "script.yaml"
    script = yaml.safe_load(path.read_text("utf-8"))
    never = {"contains": ["차근차근 풀이한 다음"], "texts": ["모르겠다."]}
    path.write_text(yaml.safe_dump([never, *script], allow_unicode=True), "utf-8")
    refused = koalign("run", "-s", "controls=all", code=2)
    told = refused.stderr.splitlines()[-1]
    assert "none of 192 reasonings of the policy ends in the right answer" in told
    assert "set controls: cheap" in told


def test_where_no_hint_can_be_used_no_row_answers_with_the_same_hints(scripted):
    path = scripted / "script.yaml"
    script = yaml.safe_load(path.read_text("utf-8"))
    script[0]["texts"] = ["정답은 1번이다."]
    path.write_text(yaml.safe_dump(script, allow_unicode=True), "utf-8")
    koalign("run", "-s", "controls=all", code=0)
    attempts = read_jsonl(RUN / "solve" / "attempts.jsonl", Attempt)
    assert {hint.use for one in attempts for hint in one.hints} == {"states_an_answer"}
    results = read_json(EVALUATED / "results.json")
    without_hints = [name for name in CHEAP if name not in ("mismatched", "base_hinted")]
    assert list(results) == [*without_hints, "reasoning"]


def test_every_control_costs_what_it_is_said_to_cost(many_hints):
    koalign("run", "-s", "solve.hints=2", "-s", "solve.bare=1", code=0)
    written, read = total("solve")
    assert total("votes_written")[0] >= written
    votes = {len(one.votes) for one in predictions("votes_total")}
    assert sum(total("votes_total")) >= written + read or votes == {64}
    attempts = read_jsonl(RUN / "solve" / "attempts.jsonl", Attempt)
    for name in ("mismatched", "base_hinted"):
        assert [len(one.votes) for one in predictions(name)] == [3] * 16
        assert total(name)[1] == pytest.approx(read, rel=0.1)
    own = {attempt.id: {hint.text for hint in attempt.hints} for attempt in attempts}
    assert not any(one.hint in own[one.id] for one in predictions("mismatched"))
    assert all(one.hint in {*own[one.id], ""} for one in predictions("base_hinted"))


def test_the_base_with_the_hints_is_the_base(many_hints):
    koalign("run", code=0)
    samples = read_jsonl(EVALUATED / "solving" / "base_hinted_samples.jsonl", Sample)
    alone = read_jsonl(EVALUATED / "base" / "samples.jsonl", Sample)
    assert {one.adapter for one in samples} == {one.adapter for one in alone}
    evaluation, _ = read_evaluation(EVALUATED / "base_hinted")
    assert evaluation.adapters == "abstraction,base"
    assert [card["name"] for card in evaluation.stack] == ["abstraction"]


def test_the_policy_with_the_hints_is_the_policy_after_dpo_and_its_hints_are_those_of_solve(
    many_hints,
):
    koalign("run", "-s", "controls=all", code=0)
    samples = read_jsonl(EVALUATED / "solving" / "policy_hinted_samples.jsonl", Sample)
    assert {one.adapter for one in samples} == {adapter_id(RUN / "dpo" / "adapter")}
    by_base, by_policy, solved = map(predictions, ("base_hinted", "policy_hinted", "solve"))
    attempts = read_jsonl(RUN / "solve" / "attempts.jsonl", Attempt)
    own = {attempt.id: {hint.text for hint in attempt.hints} for attempt in attempts}
    assert all(one.hint in {*own[one.id], ""} for one in by_policy)
    assert [len(one.votes) for one in by_policy] == [len(one.votes) for one in solved]
    assert [one.prompt_tokens for one in by_policy] == [one.prompt_tokens for one in by_base]


def test_an_evaluation_that_was_cut_off_goes_on_to_the_same_rows(many_hints):
    koalign("run", code=0)
    before = (EVALUATED / "results.json").read_bytes()
    (EVALUATED / "manifest.json").unlink()
    for name in ("votes_total", "base_hinted", "mismatched"):
        path = EVALUATED / "solving" / f"{name}_samples.jsonl"
        path.write_bytes(path.read_bytes()[:-400])
    koalign("evaluate", code=0)
    assert (EVALUATED / "results.json").read_bytes() == before


def test_rft_stands_on_sft_and_reads_the_pairs_of_every_round(scripted):
    koalign("run", "-s", "dpo.rounds=2", code=0)
    card = read_card(RUN / "rft" / "adapter")
    assert (card.name, card.role, [one.name for one in card.parents]) == ("rft", "policy", ["sft"])
    assert set(card.data) == {"pairs.jsonl", "pairs-2/pairs.jsonl"}
    shown = json.loads(koalign("show", "--json", code=0).stdout)
    (row,) = (one for one in shown["stages"] if one["stage"] == "rft")
    rounds = [RUN / name / "pairs.jsonl" for name in ("pairs", "pairs-2")]
    assert row["counts"] == {"examples": sum(len(read_jsonl(one, Pair)) for one in rounds)}


SIDE = Completion(text="", token_ids=(1,))


def pair(prompt: int) -> Pair:
    return Pair(
        problem_id=str(prompt), prompt="", prompt_ids=(prompt,), chosen=SIDE, rejected=SIDE,
        reason="hard",
    )  # fmt: skip


@given(
    st.lists(st.lists(st.integers(0, 40), min_size=1), min_size=1, max_size=3),
    st.integers(1, 8),
    st.sampled_from([0.5, 1, 1.7, 3]),
)
def test_rft_takes_as_many_steps_as_dpo_in_all_rounds(prompts, batch, epochs):
    """Steps as transformers counts them: those of an epoch times epochs, rounded up."""

    def steps(own: set[int], epochs: float) -> int:
        return ceil(ceil(len(own) / batch) * epochs)

    section = Dpo(batch_size=batch, gradient_accumulation_steps=1, epochs=epochs)
    rounds = [[pair(one) for one in own] for own in prompts]
    wanted = sum(steps(set(own), epochs) for own in prompts)
    assert steps({one for own in prompts for one in own}, rft_epochs(section, rounds)) == wanted
