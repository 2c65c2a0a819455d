"""What is picked of the mistakes: of every kind, the middle first, even over subjects, never of a test."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.problems import CITIES
from support.refusals import refused

from koalign.evaluation.results import Prediction
from koalign.mining.mistakes.mistakes import (
    AnsweredProblem,
    Mining,
    matched,
    mistake_text,
    refuse_test,
    select_mistakes,
)
from koalign.records import KoalignError, Problem

TOPICS = {
    "생물": "세포막은 물질을 선택하여 통과시킨다. 삼투 현상이 일어나는 조건 {}번을 고르시오.",
    "역사": "조선의 임금이 신하에게 내린 교서의 내용 {}번을 고르시오.",
    "물리": "전류가 흐르는 도선 주위의 자기장 세기 {}번을 고르시오.",
}


def answered(number: int, *, right: bool = False, text: str = "", **changes) -> AnsweredProblem:
    subject = changes.get("subject", "")
    question = changes.pop("question", f"{number}번 사람이 사는 곳은?")
    problem = Problem(
        question=question, choices=CITIES, answers=("1",), source="s", key=f"k{number}", **changes
    )
    prediction = Prediction(
        id=problem.id, answer="1" if right else "2", gold=problem.answers, correct=right, text=text,
        why="match" if right else "mismatch", scores={"accuracy": float(right)}, subject=subject,
    )  # fmt: skip
    return AnsweredProblem(problem, prediction)


def exam(sizes: dict[str, int], right: int = 0) -> list[AnsweredProblem]:
    """So many mistakes on each topic, under its name as the subject, and some right answers."""
    wrong = [
        answered(n, question=TOPICS[topic].format(n), subject=topic)
        for topic, size in sizes.items()
        for n in range(size)
    ]
    return wrong + [answered(n, right=True, subject=f"과목{n % 3}") for n in range(right)]


def select(answers: list[AnsweredProblem], **changes: object) -> Mining:
    usual = {"take": None, "clusters": None, "replay": 0.0, "seed": 0}
    return select_mistakes(answers, **{**usual, **changes})


def test_planted_topics_are_the_clusters_and_their_terms_name_them():
    found = select(exam({"생물": 24, "역사": 16, "물리": 12}), take=13).mined
    assert [one.subjects for one in found.clusters] == [{"생물": 24}, {"역사": 16}, {"물리": 12}]
    assert [one.picked for one in found.clusters] == [6, 4, 3]
    assert [one.cluster for one in found.clusters] == [1, 2, 3]
    for one, words in zip(
        found.clusters, ("세포막 물질 삼투", "조선 임금 신하 교서", "전류 도선 자기장"), strict=True
    ):
        assert any(
            word.startswith(term) or term.startswith(word)
            for word in words.split()
            for term in one.terms
        )
        assert one.medoid.question.startswith(TOPICS[next(iter(one.subjects))][:5])
        assert len(one.mistakes) == one.size and one.medoid in one.mistakes


def test_what_the_model_wrote_sets_mistakes_on_one_question_apart():
    ways = ("단위를 바꾸지 않고 그대로 더하였다", "보기의 부정어를 읽지 못하고 골랐다")
    answers = [
        answered(n, question="다음을 계산하면 얼마인가?" + " " * n, text=ways[n % 2])
        for n in range(20)
    ]
    found = select(answers).mined
    odd = {one.problem.id for one in answers[1::2]}
    assert sorted(len({m.id for m in one.mistakes} & odd) for one in found.clusters) == [0, 10]


def test_a_choice_taken_stands_for_text_where_none_was_written_and_only_the_head_of_a_passage_is_read():
    assert mistake_text(answered(1)).endswith(CITIES[1])
    assert mistake_text(answered(1, text="생각해 보니 부산")).endswith("생각해 보니 부산")
    long = answered(1, passage="가" * 300 + "나" * 5000)
    assert "가" in mistake_text(long) and "나" not in mistake_text(long)


SUBJECTS = st.dictionaries(st.sampled_from(list(TOPICS)), st.integers(1, 20), min_size=1)


@settings(max_examples=12)
@given(SUBJECTS, st.integers(0, 20), st.integers(1, 70), st.sampled_from([0.0, 0.1, 0.25, 0.5]), st.integers(0, 3), st.randoms(use_true_random=False))  # fmt: skip
def test_never_more_than_asked_for_nothing_twice_and_the_order_of_the_answers_is_nothing(
    sizes, right, take, replay, seed, rng
):
    answers = exam(sizes, right)
    asked = {"take": take, "replay": replay, "seed": seed}
    mining = select(answers, **asked)
    ids = [problem.id for problem in mining.problems]
    wrong = {one.problem.id for one in answers if not one.prediction.correct}
    mined = mining.mined
    assert len(set(ids)) == len(ids) == mined.picked + mined.replayed <= take
    assert sum(name in wrong for name in ids) == mined.picked <= len(wrong)
    assert mined.replayed <= replay * len(ids)
    assert mined.picked == min(len(wrong), take - int(replay * take))
    if mined.clusters:
        assert sum(one.picked for one in mined.clusters) == mined.picked
        medoids = [one.medoid.id for one in mined.clusters]
        assert sum(name in ids for name in medoids) == min(len(medoids), mined.picked)
    mixed = select(rng.sample(answers, len(answers)), **asked)
    assert mixed == mining


def test_without_a_number_every_mistake_is_taken_and_the_replay_is_its_share():
    mining = select(exam({"생물": 15, "역사": 15}, right=40), replay=0.25)
    assert (mining.mined.picked, mining.mined.replayed) == (30, 10)
    assert mining.mined.notes == ()


@pytest.mark.parametrize(
    ("take", "replay", "right", "picked", "replayed"),
    [
        (100, 0.29, 99, 30, 12),
        (10, 0.25, 40, 8, 2),
        (1, 0.5, 9, 1, 0),
        (20, 0.5, 3, 10, 3),
        (8, 0, 9, 8, 0),
    ],
)
def test_the_share_of_replays_is_exact_and_a_lack_is_said(take, replay, right, picked, replayed):
    mined = select(exam({"생물": 15, "역사": 15}, right), take=take, replay=replay).mined
    assert (mined.picked, mined.replayed) == (picked, replayed)
    assert [note.partition(":")[0] for note in mined.notes] == {
        100: ["--take 100"], 20: ["--replay 0.5"]
    }.get(take, [])  # fmt: skip


def test_in_a_cluster_the_subjects_take_turns():
    """One topic, nine in ten of it under one subject: half of the picks are of the other."""
    rows = [
        answered(n, question=TOPICS["생물"].format(n), subject="가" if n % 10 else "나")
        for n in range(60)
    ]
    mined = select(rows, take=12, clusters=1).mined
    assert mined.subjects["나"]["picked"] in (5, 6, 7) and len(mined.clusters) == 1
    assert mined.subjects["나"] == {
        "wrong": 6,
        "picked": mined.subjects["나"]["picked"],
        "replayed": 0,
    }


def test_replays_are_even_over_subjects_too():
    right = [answered(n, right=True, subject="가" if n % 10 else "나") for n in range(100)]
    mined = select(exam({"물리": 20}) + right, replay=0.5).mined
    assert {name: counts["replayed"] for name, counts in mined.subjects.items()} == {
        "물리": 0,
        "가": 10,
        "나": 10,
    }


def test_another_seed_picks_others_but_keeps_the_medoids():
    rows = exam({"생물": 30, "역사": 30})
    first, other = (select(rows, take=10, clusters=2, seed=seed) for seed in (0, 1))
    ids = [{p.id for p in mining.problems} for mining in (first, other)]
    assert ids[0] != ids[1]
    assert {one.medoid.id for one in first.mined.clusters} <= ids[0] & ids[1]


@pytest.mark.parametrize(("wrong", "clustered"), [(9, False), (10, True)])
def test_fewer_than_ten_mistakes_are_not_clustered_and_all_are_taken(wrong, clustered):
    mining = select(exam({"생물": wrong}, right=9), replay=0.25)
    assert mining.mined.picked == wrong
    assert bool(mining.mined.clusters) == clustered
    assert (mining.mined.notes == ()) == clustered
    if not clustered:
        assert mining.mined.notes == ("9 mistakes, fewer than 10: no clusters are made",)


def test_where_nothing_is_wrong_nothing_is_taken_not_even_replays():
    mining = select(exam({}, right=30), replay=0.5)
    assert mining.problems == () and (mining.mined.wrong, mining.mined.right) == (0, 30)


def test_what_no_rule_can_judge_is_neither_wrong_nor_right_and_is_counted():
    one = answered(99)
    unknown = AnsweredProblem(one.problem.model_copy(update={"answers": ()}), one.prediction)
    essay = Problem(question="논하시오.", answers=("그렇다.",), kind="long")
    long = AnsweredProblem(essay, one.prediction.model_copy(update={"id": essay.id}))
    mined = select([*exam({"생물": 3}, right=2), unknown, long]).mined
    assert (mined.answered, mined.wrong, mined.right, mined.unjudged) == (7, 3, 2, 2)
    assert mined.why == {"mismatch": 3}


def test_what_is_written_is_for_training_and_keeps_source_and_key():
    (one,) = select([answered(7, split="dev", group="g")]).problems
    assert (one.split, one.source, one.key, one.group) == ("train", "s", "k7", "g")
    assert one.id == answered(7).problem.id


def test_more_clusters_than_mistakes_are_refused_and_more_than_there_are_texts_are_said():
    with pytest.raises(KoalignError, match="--clusters 21: there are 20 mistakes"):
        select(exam({"생물": 20}), clusters=21)
    same = [answered(0, passage=" " * n, question="같은 물음") for n in range(12)]
    mined = select(same, clusters=4).mined
    assert len(mined.clusters) == 1
    assert mined.notes == ("--clusters 4: 1 made, no more texts differ",)


def test_vectors_of_ones_own_decide_the_clusters():
    rows = exam({"생물": 12, "역사": 12})
    mining = select(rows, vectors=lambda texts: np.array([[len(t) % 2, 1.0] for t in texts]))
    for one in mining.mined.clusters:
        assert (
            len(
                {
                    len(mistake_text(r)) % 2
                    for r in rows
                    if r.problem.id in {m.id for m in one.mistakes}
                }
            )
            == 1
        )
    assert len(mining.mined.clusters) == 2


def test_every_mistake_has_its_place_on_the_map():
    clusters = select(exam({"생물": 20, "역사": 14}, right=5), take=9).mined.clusters
    assert [len(one.mistakes) for one in clusters] == [20, 14]
    picked = {m.id for one in clusters for m in one.mistakes if m.picked}
    assert len(picked) == 9 and {one.medoid.id for one in clusters} <= picked
    # Unlike subjects lie apart: their middles differ by more than each is wide.
    middles = [np.mean([(m.x, m.y) for m in one.mistakes], axis=0) for one in clusters]
    widths = [np.std([(m.x, m.y) for m in one.mistakes], axis=0).max() for one in clusters]
    assert np.linalg.norm(middles[0] - middles[1]) > max(widths)


def test_predictions_find_their_problems_and_one_without_is_refused():
    rows = exam({"생물": 4})
    problems = [one.problem for one in rows]
    random.Random(0).shuffle(problems)
    predictions = [one.prediction for one in rows]
    assert matched(predictions, problems, "eval") == rows
    with refused("--problems: 1 of the 4 problems of eval are not there", rows[2].problem.id):
        matched(predictions, [p for p in problems if p != rows[2].problem], "eval")


def test_an_answer_key_that_was_corrected_since_is_no_reason_for_a_mistake():
    rows = exam({"생물": 4})
    first = rows[0].problem
    other = tuple(str(n) for n in (1, 2) if str(n) not in first.answers)[:1]
    problems = [first.model_copy(update={"answers": other}), *(one.problem for one in rows[1:])]
    with refused("--problems: 1 of the 4 problems have another answer", first.id):
        matched([one.prediction for one in rows], problems, "eval")


def test_a_problem_that_stands_in_a_dev_and_a_test_file_is_of_the_test_split():
    rows = exam({"생물": 3})
    twice = [rows[0].problem.model_copy(update={"split": s}) for s in ("dev", "test", "dev")]
    found = matched([rows[0].prediction], twice, "eval")
    with pytest.raises(KoalignError, match="call themselves test"):
        refuse_test([one.problem for one in found], [], 0.8, "eval")


def test_a_test_split_is_refused_by_its_word_by_its_id_and_by_what_it_says():
    rows = [one.problem for one in exam({"생물": 3, "역사": 3})]
    refuse_test(rows, [], 0.8, "eval")
    refuse_test(rows[:3], rows[3:], 0.8, "eval")
    own = [rows[0], rows[1].model_copy(update={"split": "test"})]
    with pytest.raises(
        KoalignError,
        match=r"eval: 1 of 2 problems call themselves test, the first: .*" + rows[1].id,
    ):
        refuse_test(own, [], 0.8, "eval")
    with refused("1 of 3 problems stand in the run's test split (same)"):
        refuse_test(rows[:3], [rows[2]], 0.8, "eval")
    reordered = rows[2].model_copy(update={"choices": CITIES[::-1], "answers": ("4",)})
    with pytest.raises(KoalignError, match=r"\(reordered\)") as error:
        refuse_test(rows[:3], [reordered], 0.8, "eval")
    assert rows[2].id in str(error.value) and "\n" not in str(error.value)
