"""Each way of not having learned to answer is found by its own sign, and an honest model by none."""

import json
from collections.abc import Callable

import pytest

from koalign.data.prompting.orders import choice_orders, in_order
from koalign.evaluation.diagnosis.generalisation import Answers, Reply, generalisation
from koalign.evaluation.diagnosis.signs import SIGNS
from koalign.records import Problem, Sample
from koalign.reports.generalisation import print_diagnosis

CITIES = ("서울", "부산", "대구", "광주")
Solver = Callable[[str, Problem], str]
"""From `train` or `held_out` and a problem as it is shown to a text."""


def made(number: int, side: str) -> Problem:
    gold = str(number * 7 % 4 + 1)
    return Problem(question=f"{side} {number}번 사람이 사는 곳은?", choices=CITIES, answers=(gold,))


ITEMS = [(side, made(n, side)) for side in ("train", "held_out") for n in range(60)]
ORDERS = {
    p.id: own[1]
    for (_, p), own in zip(ITEMS, choice_orders([p for _, p in ITEMS], 2, 0), strict=True)
}
TAUGHT = ["차근차근 살펴보면 이 글의 흐름은 분명하다.\n\n정답: 1"]


def gold(problem: Problem) -> str:
    return problem.answers[0]


def answers(
    solver: Solver,
    tokens: Callable[[str], list[int]] | None = None,
    finish: Callable[[Problem], str] = lambda problem: "stop",
) -> Answers:
    def reply(side: str, problem: Problem, order=()) -> Reply:
        text = solver(side, in_order(problem, order))
        ids = tokens(text) if tokens else list(text.encode())
        drawn = Sample(
            problem_id=problem.id, index=0, adapter="", text=text, token_ids=ids, logprob=-1,
            finish_reason=finish(problem), permutation=order,
        )  # fmt: skip
        return Reply(problem, problem.question, drawn)

    return Answers(
        {p.id: reply(side, p) for side, p in ITEMS},
        {p.id: reply(side, p, ORDERS[p.id]) for side, p in ITEMS},
    )


def number_of(problem: Problem) -> int:
    return int(problem.question.partition("번")[0].split()[-1])


def honest(side: str, problem: Problem) -> str:
    """Right in three of four, whatever the order and the words."""
    right = problem.choices[int(gold(problem)) - 1]
    said = right if number_of(problem) % 4 else CITIES[CITIES.index(right) - 1]
    return f"{number_of(problem)}번 사람은 어디에 사는지 천천히 생각하여 본다.\n\n정답: {problem.choices.index(said) + 1}"


HONEST = answers(honest)


def diagnosis(system: Solver, base: Answers = HONEST, **options) -> dict:
    return generalisation(ITEMS, base, answers(system, **options), TAUGHT)


def worse(report: dict) -> set[str]:
    return {sign["key"] for sign in report["signs"] if sign["verdict"] == "worse"}


def sign(report: dict, key: str) -> dict:
    return next(sign for sign in report["signs"] if sign["key"] == key)


def test_a_model_against_itself_shows_no_difference_at_all():
    report = diagnosis(honest)
    assert {s["verdict"] for s in report["signs"]} == {"none", "not_measured"}
    assert {s["difference"]["value"] for s in report["signs"] if s["difference"]} == {0}
    assert report["summary"][-1] == "no sign is worse than the base's"


def test_a_memoriser_has_a_gap_beyond_the_base_and_knows_where_answers_stood():
    stood = {p.question: p.answers[0] for side, p in ITEMS if side == "train"}

    def memoriser(side: str, problem: Problem) -> str:
        number = stood.get(problem.question, str(number_of(problem) % 4 + 1))
        return (
            f"{number_of(problem)}번 사람은 어디에 사는지 천천히 생각하여 본다.\n\n정답: {number}"
        )

    report = diagnosis(memoriser)
    gap = sign(report, "gap")
    held_out = [p for side, p in ITEMS if side == "held_out"]
    expected = 1 - sum(gold(p) == str(number_of(p) % 4 + 1) for p in held_out) / 60
    assert gap["system"]["value"] == pytest.approx(expected, abs=1e-4)
    assert gap["base"]["value"] == 0
    assert gap["reading"] == f"{100 * expected:.1f}".removesuffix(".0") + (
        " points higher than the base: memorised"
    )
    assert sign(report, "shuffled_train")["system"]["value"] == 1
    assert {"gap", "shuffled_train", "held_out_accuracy"} <= worse(report)
    assert "teacher_phrases" not in worse(report) and "contradiction" not in worse(report)
    assert any("memorised" in line for line in report["summary"])


def test_a_reader_of_places_does_not_stay_with_the_content():
    report = diagnosis(
        lambda side, p: f"{number_of(p)}번 사람은 어디에 사는지 천천히 생각하여 본다.\n\n정답: 2"
    )
    assert sign(report, "stays")["system"]["value"] == pytest.approx(
        sum(ORDERS[p.id][1] == 1 for side, p in ITEMS if side == "held_out") / 60, abs=1e-4
    )
    assert sign(report, "stays")["base"]["value"] == 1
    assert "stays" in worse(report) and "gap" not in worse(report)
    held_out = [p for side, p in ITEMS if side == "held_out"]
    right = sum(gold(p) == "2" for p in held_out)
    moved = sum(gold(in_order(p, ORDERS[p.id])) == "2" for p in held_out)
    lost = sign(report, "shuffled_held_out")["system"]["value"]
    assert lost == pytest.approx((right - moved) / 60, abs=1e-4) and right != moved


def test_questions_on_one_passage_are_one_case():
    moved = {p.id: p.model_copy(update={"passage": side + gold(p)}) for side, p in ITEMS}
    together = [(side, moved[p.id]) for side, p in ITEMS]
    replies = (
        {moved[n].id: r for n, r in part.items()} for part in (HONEST.plain, HONEST.shuffled)
    )
    alone, grouped = (
        sign(generalisation(items, answers, answers, TAUGHT), "held_out_accuracy")["base"]
        for items, answers in ((ITEMS, HONEST), (together, Answers(*replies)))
    )
    assert grouped["high"] - grouped["low"] > 2 * (alone["high"] - alone["low"])


def test_what_is_cut_off_is_counted():
    report = diagnosis(honest, finish=lambda p: "length" if number_of(p) % 3 else "stop")
    assert sign(report, "cut")["system"]["value"] == pytest.approx(2 / 3, abs=1e-4)
    assert worse(report) == {"cut"}


def test_answers_without_reasoning_teach_no_phrases():
    taught = ["고른 답: 아주 길고 길어서 열세 글자가 넘는 선택지\n정답: 1"]
    report = generalisation(ITEMS, HONEST, HONEST, taught)
    assert sign(report, "teacher_phrases")["verdict"] == "not_measured"


def test_a_parrot_says_the_teachers_phrases_and_begins_every_text_alike():
    report = diagnosis(lambda side, p: TAUGHT[0][:-1] + honest(side, p)[-1])
    assert {"teacher_phrases", "opening"} <= worse(report)
    assert sign(report, "teacher_phrases")["system"]["value"] == 1
    assert sign(report, "teacher_phrases")["base"]["value"] == 0
    assert sign(report, "opening")["system"]["value"] == 1
    assert sign(report, "opening")["counts"]["system"] == {
        "entropy_bits": 0, "different": 1, "texts": 60,
    }  # fmt: skip
    assert report["examples"]["system"]["openings"] == {"차근차근 살펴보면 이": 60}
    assert set(report["examples"]["system"]["phrases"].values()) == {60}


def test_a_rationalisation_that_names_another_choice_is_a_contradiction():
    def base(side: str, problem: Problem) -> str:
        text = honest(side, problem)
        return f"{number_of(problem)}번 사람을 보면 {text[-1]}번이 정답이다.\n\n정답: {text[-1]}"

    def contradicts(side: str, problem: Problem) -> str:
        text = base(side, problem)
        return text[:-1] + str(int(text[-1]) % 4 + 1) if number_of(problem) % 2 else text

    report = diagnosis(contradicts, answers(base))
    found = sign(report, "contradiction")
    assert (found["base"]["value"], found["system"]["value"]) == (0, 0.5)
    assert found["counts"]["system"] == {"contradicts": 30, "agrees": 30, "unknown": 0}
    assert "contradiction" in worse(report)
    assert len(report["examples"]["system"]["contradictions"]) == 5


@pytest.mark.parametrize(
    ("key", "text"),
    [("han", "因此选择答案是二.\n\n정답: 2"), ("unreadable", "무엇이라고 말하기가 어렵다.")],
)
def test_a_sign_of_the_text_is_found(key, text):
    report = diagnosis(lambda side, p: text)
    assert sign(report, key)["system"]["value"] == 1 and key in worse(report)


def test_reasons_why_no_answer_can_be_read_are_counted():
    report = diagnosis(lambda side, p: "정답은 1번 또는 2번" if number_of(p) % 2 else "모른다.")
    assert sign(report, "unreadable")["counts"]["system"] == {"ambiguous": 30, "no_answer": 30}


def test_who_goes_round_in_circles_repeats_itself():
    report = diagnosis(honest, tokens=lambda text: [1, 2, 3, 4] * 10)
    assert sign(report, "repetition")["system"]["value"] == pytest.approx(1 - 4 / 37, abs=1e-4)
    assert "repetition" in worse(report)


@pytest.mark.parametrize(("length", "said"), [(300, "times"), (9, "0.")])
def test_answers_that_grow_or_shrink_are_told_by_how_many_times(length, said):
    report = diagnosis(honest, tokens=lambda text: list(range(length)))
    found = sign(report, "tokens")
    assert found["system"]["value"] == length and found["verdict"] == "worse"
    assert said in found["reading"]


def test_without_reasoning_the_report_says_it_did_not_measure():
    def bare(side: str, problem: Problem) -> str:
        return honest(side, problem).splitlines()[-1]

    report = generalisation(ITEMS, answers(bare), answers(bare), ["정답: 1"])
    for key in ("teacher_phrases", "opening", "contradiction"):
        found = sign(report, key)
        assert found["verdict"] == "not_measured" and found["base"] is found["difference"] is None
        assert found["reading"].startswith("not measured: ")


def test_what_only_one_side_shows_is_compared_with_nothing():
    bare = answers(lambda side, p: honest(side, p).splitlines()[-1])
    for name, other, models in (("system", "base", (HONEST, bare)), ("base", "system", (bare, HONEST))):  # fmt: skip
        found = sign(generalisation(ITEMS, *models, TAUGHT), "opening")
        assert found["verdict"] == "not_measured" and found[other]["n"] == 60
        assert found["reading"] == f"not measured: no item of the {name} shows it"


def test_keys_and_shape_are_the_same_whatever_was_found():
    reports = [diagnosis(honest), diagnosis(lambda side, p: "")]
    for report in reports:
        assert list(report) == ["signs", "summary", "rules", "examples"]
        assert [s["key"] for s in report["signs"]] == [s.key for s in SIGNS]
        assert {tuple(s) for s in report["signs"]} == {
            ("key", "title", "about", "unit", "base", "system", "difference", "verdict", "reading",
             "counts")
        }  # fmt: skip
        assert json.loads(json.dumps(report)) == report


def test_the_table_and_the_page_say_the_signs_the_thresholds_and_what_was_taught(capsys):
    report = diagnosis(lambda side, p: TAUGHT[0][:-1] + honest(side, p)[-1])
    report |= {"adapter": "runs/<b>x</b>", "problems": {"train": 60, "held_out": 60}}
    print_diagnosis(report)
    said = " ".join(capsys.readouterr().out.split())
    assert "+98.3 (+89.0 to +99.7)" in said
    assert "at least 5 points" in said and "fewer than 10 items" in said
    assert "runs/<b>x</b>" in said
