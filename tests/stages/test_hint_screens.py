"""The stage that screens hints, by a script that plays the policy: every verdict, and what stands beside it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from support.command import RUN
from support.problems import CITIES, problem, write_lines

from koalign.config.files import load_config
from koalign.data.formats.sources import read_source
from koalign.data.prompting.orders import in_order
from koalign.grading.grade import grade
from koalign.jsonl import read_jsonl
from koalign.manifests import read_manifest
from koalign.mining.hints.uplift_screens import (
    PER_PROBLEM,
    SCREENS,
    hint_score,
    refusals,
    samples_for,
)
from koalign.records import Abstraction, Drop, Problem, Sample
from koalign.run import execute
from koalign.stages.pipeline import stages_of

SOLVED = "7번 사람"
"""Asked about in the problem that the policy always solves."""
N, BARE_N, REPLICATION_N = 16, 32, 24
DRAWN = {
    "bare": BARE_N, "hinted": N, "replication": REPLICATION_N, "replication_bare": REPLICATION_N
}  # fmt: skip
USELESS = (
    "천천히", "끝까지", "다시", "거꾸로", "나누어", "소리 내어", "두 번", "눈으로", "하나씩", "먼저",
)  # fmt: skip
ANSWERS = [f"정답: {city}" for city in CITIES]
"""Right or wrong in any order of the choices."""


def place(one: Problem) -> int:
    return CITIES.index(one.choices[int(one.answers[0]) - 1]) + 1


def hints_for(one: Problem) -> list[str]:
    useful = f"기록의 {place(one)}째 고을을 본다."
    leak, stated = f"몰래 {place(one)}째 표시를 본다.", f"답은 {CITIES[place(one) - 1]}이다."
    return [useful, leak, stated, *(f"기록을 {word} 읽어 본다." for word in USELESS)]


def run_to_the_hints(
    folder: Path, hints: Callable[[Problem], list[str]] = hints_for, **settings: object
) -> None:
    """Twenty-four problems and their hints through every stage to the screens, within this process."""
    write_lines(folder / "train.jsonl", [problem(n) for n in range(24)])
    write_lines(folder / "test.jsonl", [problem(n) for n in range(100, 104)])
    problems = read_source(str(folder / "train.jsonl"), "train").problems
    rows = [{"problem_id": one.id, "text": text} for one in problems for text in hints(one)]
    write_lines(folder / "hints.jsonl", rows)
    script = [
        *(
            {"contains": ["문제: 알맞은 것은?", f"실마리: 몰래 {n}째"], "texts": [ANSWERS[n - 1]]}
            for n in range(1, 5)
        ),
        {"contains": ["문제: 알맞은 것은?"], "texts": ANSWERS},
        {"contains": [f"문제: {SOLVED}"], "texts": [ANSWERS[7 % 4]]},
        *(
            {"contains": [f"실마리: {kind} {n}째"], "texts": [ANSWERS[n - 1]]}
            for n in range(1, 5)
            for kind in ("기록의", "몰래")
        ),
        {"texts": ANSWERS},
    ]
    (folder / "script.yaml").write_text(yaml.safe_dump(script, allow_unicode=True), "utf-8")
    config = {
        "model": {"path": "none"},
        "data": {"train": "train.jsonl", "test": "test.jsonl", "hints": "hints.jsonl"},
        "engine": {"backend": "scripted", "script": "script.yaml"},
        "sample": {"n": 8},
        "pairs": {"guess_level": None},  # the script is a guesser
        "hints": {"n": N, "bare_n": BARE_N, "replication_n": REPLICATION_N, **settings},
    }
    (folder / "koalign.yaml").write_text(yaml.safe_dump(config), "utf-8")
    read = load_config([folder / "koalign.yaml"], [])
    for command in ("sft", "dpo-pairs", "dpo", "abstractions"):
        for stage in stages_of(command, read):
            execute(stage, read, folder / RUN)
            if stage.name == "hints":
                return


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """The folder of a run in which every verdict occurs."""
    folder = tmp_path_factory.mktemp("screened")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run_to_the_hints(folder)
    return folder / RUN


@pytest.fixture(scope="module")
def rows(run) -> list[Abstraction]:
    return read_jsonl(run / "hints" / "abstractions.jsonl", Abstraction)


@pytest.fixture(scope="module")
def problems(run) -> dict[str, Problem]:
    return {one.id: one for one in read_jsonl(run / "prepare" / "train.jsonl", Problem)}


def test_a_run_draws_the_same_in_every_folder(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_to_the_hints(tmp_path)
    for file in ("bare.jsonl", "hinted.jsonl", "abstractions.jsonl"):
        assert (tmp_path / RUN / "hints" / file).read_bytes() == (run / "hints" / file).read_bytes()


def solved(one: Abstraction, problems: dict[str, Problem]) -> bool:
    return problems[one.problem_id].question.startswith(SOLVED)


def test_useful_hints_are_kept_and_each_other_kind_goes_for_its_reason(rows, problems):
    useful = []
    for one in rows:
        if one.text.startswith("답은"):
            expected = {"static": "states_the_answer"}
        elif solved(one, problems):
            expected = {"static": "pass", "headroom": "no_headroom"}
        elif one.text.startswith("몰래"):
            expected = {
                "static": "pass",
                "headroom": "pass",
                "uplift": "pass",
                "leak": "tells_the_answer_alone",
            }
        else:
            useful += [one] if "고을" in one.text else []
            continue
        assert one.verdicts == expected and not one.kept
    # With the question hidden one honest hint in twenty looks like a leak, by chance.
    alarms = [one for one in useful if not one.kept]
    assert len(useful) == 23 and len(alarms) <= 4
    assert {list(one.verdicts.values())[-1] for one in alarms} <= {"tells_the_answer_alone"}


def test_useless_hints_go_for_want_of_uplift_or_because_it_did_not_replicate(rows, problems):
    useless = [one for one in rows if "읽어" in one.text and not solved(one, problems)]
    last = Counter(list(one.verdicts.values())[-1] for one in useless)
    assert len(useless) == 23 * len(USELESS)
    assert last["no_uplift"] > 0.6 * len(useless) and last["uplift_did_not_replicate"] > 0
    kept = sum(one.kept for one in rows)
    assert last["pass"] <= 0.15 * kept


def test_every_verdict_follows_from_the_counts_beside_it(rows):
    for screen in SCREENS:
        reached = [one for one in rows if screen in one.verdicts]
        counts = [one.counts for one in reached]
        verdicts = refusals(screen, counts, n=N, z=0.67, false_discovery_rate=0.1)
        assert [one.verdicts[screen] for one in reached] == [v or "pass" for v in verdicts]
    for one in rows:
        asked = [screen for screen in one.verdicts if screen != "static"]
        kinds = [kind for screen in asked for kind in SCREENS[screen]]
        assert list(one.counts) == kinds
        assert {kind: count.n for kind, count in one.counts.items()} == {
            kind: samples_for(kind, N, BARE_N, REPLICATION_N) for kind in kinds
        }


def test_a_refused_hint_is_asked_nothing_more(run, rows):
    refused_by = {one.id: list(one.verdicts)[-1] for one in rows if not one.kept}
    for file, screens in (
        ("hinted", {"static", "headroom"}),
        ("replication", {"static", "headroom", "uplift", "leak"}),
    ):
        drawn = read_jsonl(run / "hints" / f"{file}.jsonl", Sample)
        assert not [s for s in drawn if refused_by.get(s.abstraction_id) in screens]


def test_the_counts_are_those_of_the_samples_on_disk(run, rows, problems):
    right: Counter[tuple[str, str]] = Counter()
    for kind in DRAWN:
        for s in read_jsonl(run / "hints" / f"{kind}.jsonl", Sample):
            shown = in_order(problems[s.problem_id], s.permutation)
            name = s.abstraction_id or s.problem_id
            right[kind, name] += grade(shown, s.text, s.finish_reason).correct
    for one in rows:
        for kind in DRAWN:
            if kind in one.counts:
                name = one.problem_id if kind in PER_PROBLEM else one.id
                assert one.counts[kind].right == right[kind, name]


def test_hinted_and_bare_answers_share_orders_evenly_and_replications_are_new(run):
    orders: dict[str, dict[tuple[str, str], Counter]] = {}
    indices = {}
    for kind in DRAWN:
        orders[kind], indices[kind] = {}, {}
        for s in read_jsonl(run / "hints" / f"{kind}.jsonl", Sample):
            key = s.problem_id, s.abstraction_id
            orders[kind].setdefault(key, Counter())[s.permutation] += 1
            indices[kind].setdefault(key, set()).add((s.permutation, s.index))
    for kind, n in DRAWN.items():
        for (problem_id, _), counted in orders[kind].items():
            assert set(counted.values()) == {n // 2}
            assert set(counted) == set(orders["bare"][problem_id, ""])
    for new, first in (("replication", "hinted"), ("replication_bare", "bare")):
        for key, drawn in indices[new].items():
            assert not drawn & indices[first][key]


def test_only_a_kept_hint_has_a_score_and_it_is_the_uplift_of_its_replication(rows):
    for one in rows:
        assert one.score == (hint_score(one.counts) if one.kept else None)
    scored = next(one for one in rows if one.kept)
    uplift = scored.counts["replication"].rate - scored.counts["replication_bare"].rate
    assert scored.score == uplift > 0


def test_every_drop_is_counted_with_its_reason(run, rows):
    drops = read_jsonl(run / "hints" / "dropped.jsonl", Drop)
    counts = read_manifest(run / "hints").counts
    reasons = Counter(drop.reason for drop in drops)
    assert counts == {
        "candidates": len(rows),
        "kept": sum(one.kept for one in rows),
        **{f"dropped_{reason}": count for reason, count in reasons.items()},
    }
    assert counts["candidates"] == counts["kept"] + len(drops)
    assert set(reasons) == {
        "states_the_answer", "no_headroom", "no_uplift", "tells_the_answer_alone", "uplift_did_not_replicate",
    }  # fmt: skip


def test_one_order_can_be_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_to_the_hints(tmp_path, permutations=1, limit=26)
    rows = read_jsonl(tmp_path / RUN / "hints" / "abstractions.jsonl", Abstraction)
    assert len(rows) == 26
    drawn = read_jsonl(tmp_path / RUN / "hints" / "bare.jsonl", Sample)
    assert {s.permutation for s in drawn} == {()}
    assert all(one.score is not None for one in rows if one.kept)


def test_where_every_hint_tells_the_answer_nobody_is_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_to_the_hints(tmp_path, lambda one: [f"정답은 {one.answers[0]}번이다."])
    rows = read_jsonl(tmp_path / RUN / "hints" / "abstractions.jsonl", Abstraction)
    assert len(rows) == 24 and not any(one.kept or one.counts for one in rows)
    assert sorted(path.name for path in (tmp_path / RUN / "hints").glob("*.jsonl")) == [
        "abstractions.jsonl", "dropped.jsonl",
    ]  # fmt: skip
