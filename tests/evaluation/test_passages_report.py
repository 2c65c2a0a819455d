"""The report of solving with passages: what they must beat, and what nobody can reach."""

import pytest
from support.attempts import attempt, column, problem, said

from koalign.evaluation.solving.controls import Controls, under_hints
from koalign.evaluation.solving.report import SolvingReport, solving_report
from koalign.evaluation.solving.rivals import RIVALS, SIGNIFICANT, Rival
from koalign.evaluation.solving.voting import Attempt, ShownPassage
from koalign.reports.solving import PASSAGE_TITLES, print_report

N = 60


def with_chunks(one: Attempt, *chunks: str) -> Attempt:
    """The attempt with its hint made of these chunks."""
    passages = tuple(
        ShownPassage(document="d", title="", source="docs", licence="", chunk_id=chunk)
        for chunk in chunks
    )
    hints = tuple(hint.model_copy(update={"passages": passages, "tokens": 0}) for hint in one.hints)
    return one.model_copy(update={"hints": hints, "hint_prompt_tokens": 0})


def is_beaten(rival: Rival) -> bool:
    return rival.low is not None and rival.low > 0 and rival.p < SIGNIFICANT


def report(
    shown: list[bool],
    own_bare: list[bool],
    written: list[bool],
    total: list[bool],
    others: list[bool],
    subjects: int = 1,
) -> SolvingReport:
    """Of each problem two answers with passages and one bare: the two decide the vote."""
    problems = [
        problem(n).model_copy(update={"subject": f"과목 {n % subjects}" if subjects > 1 else ""})
        for n in range(len(shown))
    ]
    attempts = [
        with_chunks(attempt(p, [right, right], [bare]), str(n))
        for n, (p, right, bare) in enumerate(zip(problems, shown, own_bare, strict=True))
    ]
    bare, more = (
        [attempt(p, [], [right] * n) for p, right in zip(problems, some, strict=True)]
        for some, n in ((written, 3), (total, 5))
    )
    lent = [
        under_hints(one, [("남의 문단", 50, [said(right)] * 2)])
        for one, right in zip(attempts, others, strict=True)
    ]
    return solving_report(problems, attempts, Controls(bare, lent, more), shown="passages")


GAIN, NONE = [True] * N, [False] * N


def test_passages_pay_where_they_beat_votes_at_equal_tokens_of_both_kinds_and_others_passages():
    found = report(GAIN, NONE, NONE, NONE, NONE)
    assert found.verdict == "pays"
    assert [rival.name for rival in found.rivals] == list(RIVALS)
    assert "passages pay for themselves here: +100.0 points against more votes" in found.sentence


@pytest.mark.parametrize("as_good", ["written", "total", "others"])
def test_they_do_not_pay_where_one_of_these_is_as_good(as_good):
    rivals = dict.fromkeys(("written", "total", "others"), NONE) | {as_good: GAIN}
    found = report(GAIN, NONE, **rivals)
    assert found.verdict == "not decided"  # 60 problems without a flip
    assert sum(map(is_beaten, found.rivals)) == 2
    more = report([False] * N, NONE, **rivals)
    assert more.verdict == "does not pay"


def test_without_another_problems_passages_nothing_is_claimed():
    problems = [problem(n) for n in range(N)]
    attempts = [with_chunks(attempt(p, [True, True], [False]), "same") for p in problems]
    bare = [attempt(p, [], [False]) for p in problems]
    lent = [under_hints(one, []) for one in attempts]
    found = solving_report(problems, attempts, Controls(bare, lent, bare), shown="passages")
    assert found.verdict == "not decided"
    assert any("no control" in note for note in found.notes)


def test_without_votes_at_equal_total_tokens_nothing_is_claimed_and_a_note_says_what_to_set():
    problems = [problem(n) for n in range(N)]
    attempts = [with_chunks(attempt(p, [True, True], [False]), p.id) for p in problems]
    bare = [attempt(p, [], [False]) for p in problems]
    lent = [under_hints(one, [("남의 문단", 50, [said(False)] * 2)]) for one in attempts]
    found = solving_report(problems, attempts, Controls(bare, lent), shown="passages")
    assert [*map(is_beaten, found.rivals)] == [True, True]
    assert found.verdict == "not decided"
    assert any("set controls to cheap" in note for note in found.notes)
    assert not any("set controls" in note for note in report(GAIN, *[NONE] * 4).notes)


def test_right_with_or_without_is_no_lucky_sample_but_the_better_of_two_votes():
    shown, bare = [True] * 20 + [False] * 40, [False] * 20 + [True] * 20 + [False] * 20
    found = report(shown, bare, NONE, NONE, NONE)
    assert column(found, "oracle").accuracy == pytest.approx(40 / 60)
    assert not column(found, "oracle").attainable
    one = problem(1)
    lucky = with_chunks(attempt(one, [True, False, False], [False]), "a")
    alone = [attempt(one, [], [False])]
    told = solving_report([one], [lucky], Controls(alone, [lucky], alone), shown="passages")
    assert column(told, "oracle").accuracy == 0


def test_the_table_has_every_way_to_answer_and_the_sentence(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    found = report(GAIN, NONE, NONE, NONE, NONE)
    print_report(found)
    shown = capsys.readouterr().out
    assert {one.name for one in found.columns} == PASSAGE_TITLES.keys()
    for one in found.columns:
        assert PASSAGE_TITLES[one.name] in shown
    assert found.sentence in " ".join(shown.split())


def every(subject: int, of: int, right: bool = True) -> list[bool]:
    """Right, or wrong, on the problems of one of so many subjects alone; 40 problems of each."""
    return [(n % of == subject) == right for n in range(40 * of)]


def test_each_subject_has_its_own_differences_and_conclusion():
    shown, nothing = every(0, 3), [False] * 120
    found = report(shown, nothing, nothing, nothing, nothing, subjects=3)
    gains = {one.subject: one for one in found.subjects}
    assert list(gains) == ["과목 1", "과목 2", "과목 0"]  # the greatest gain last
    paying = gains["과목 0"]
    assert (paying.n, paying.vote, paying.verdict) == (40, 1, "pays")
    assert [rival.name for rival in paying.rivals] == list(RIVALS)
    assert all(rival.difference == 1 for rival in paying.rivals)
    assert gains["과목 1"].verdict == "not decided"  # 40 problems without a flip
    harmed = report(nothing, nothing, every(1, 3), nothing, nothing, subjects=3)
    worst = harmed.subjects[0]
    assert (worst.subject, worst.verdict) == ("과목 1", "does not pay")


def test_a_gain_in_one_of_many_subjects_is_corrected_for_their_number():
    def gained(subjects: int) -> SolvingReport:
        shown = [n % subjects == 0 and n < 7 * subjects for n in range(40 * subjects)]
        nothing = [False] * len(shown)
        return report(shown, nothing, nothing, nothing, nothing, subjects=subjects)

    two, ten = (gained(n).subjects[-1] for n in (2, 10))
    assert two.rivals == ten.rivals and {rival.p for rival in two.rivals} == {2 / 2**7}
    assert (two.p_holm, two.verdict) == (pytest.approx(4 / 2**7), "pays")
    assert (ten.p_holm, ten.verdict) == (pytest.approx(20 / 2**7), "not decided")


def test_a_subject_without_one_of_the_rivals_is_never_said_to_pay():
    problems = [problem(n).model_copy(update={"subject": "가나"[n % 2]}) for n in range(N)]
    attempts = [with_chunks(attempt(p, [True, True], [False]), p.id) for p in problems]
    bare = [attempt(p, [], [False]) for p in problems]
    lent = [under_hints(one, [("남의 문단", 50, [said(False)] * 2)]) for one in attempts]
    found = solving_report(problems, attempts, Controls(bare, lent), shown="passages")
    assert {(one.p_holm, one.verdict) for one in found.subjects} == {(None, "not decided")}


def test_a_query_and_its_prompt_count_in_every_answer_that_reads_what_it_found():
    one = problem(1)
    tried = attempt(one, [True, True], [False])  # a query of 20 tokens, whose prompt has 40
    lent = under_hints(tried, [("남의 문단", 50, [said(False)] * 2)])
    controls = Controls([attempt(one, [], [False] * 5)], [lent])
    found = solving_report([one], [tried], controls, shown="passages")
    costs = {one.name: (one.generated, one.prompt) for one in found.columns}
    assert costs["bare"] == (50, 30)
    assert costs["hint_average"] == (20 + 10, 40 + 50)
    assert costs["hint_vote"] == (20 + 2 * 10, 40 + 50)
    for both in ("vote", "mismatched_vote"):
        assert costs[both] == (20 + 3 * 10, 40 + 50 + 30)


def test_problems_of_one_subject_have_no_table_by_subject():
    assert "subjects" not in report(GAIN, *[NONE] * 4).model_dump(mode="json")


def test_the_table_by_subject_has_the_differences_and_what_holm_leaves(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "240")
    print_report(report(every(0, 3), *[[False] * 120] * 4, subjects=3))
    lines = capsys.readouterr().out.splitlines()
    (paying,) = (line for line in lines if "과목 0" in line)
    assert "+100.0" in paying and "pays" in paying and "< 0.001" in paying
    assert any("by subject" in line for line in lines)


def test_a_report_on_hints_has_no_key_of_passages():
    one = problem(1)
    tried = attempt(one, [True], [False])
    bare = [attempt(one, [], [False])]
    found = solving_report([one], [tried], Controls(bare, [tried]))
    assert not {"shown", "rivals"} & found.model_dump(mode="json").keys()
