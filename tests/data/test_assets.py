"""The promises of what ships in koalign/assets: the built-in exam and the tiny base model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import cache

import pytest
from support.problems import exam as problems

from koalign.config.sections import ASSETS
from koalign.data.prompting.prompts import DEFAULT, Renderer, load_template
from koalign.data.prompting.tokens import prompt_ids
from koalign.jsonl import read_jsonl
from koalign.records import Hint, Problem

SIZES = {"train": 4000, "dev": 500, "test": 1000}


@cache
def hints() -> list[Hint]:
    return read_jsonl(ASSETS / "exam" / "hints.jsonl", Hint)


def text_of(problem: Problem) -> str:
    """Passage and box; a row in the KMMLU shape has its passage before the last line of the question."""
    passage = problem.passage or problem.question.rpartition("\n")[0]
    return f"{passage} {problem.box}"


def test_the_splits_have_their_sizes_and_names():
    for split, size in SIZES.items():
        assert len(problems(split)) == size
        assert {(p.split, p.source) for p in problems(split)} == {(split, "csat"), (split, "kmmlu")}


def test_a_tenth_of_each_split_is_a_table_with_the_passage_in_the_question():
    for split, size in SIZES.items():
        tables = [p for p in problems(split) if p.source == "kmmlu"]
        assert 0.09 < len(tables) / size < 0.12
        assert all(not p.passage and len(p.choices) == 4 and p.subject == "Reading" for p in tables)


def test_no_passage_stands_in_two_splits_and_no_problem_twice():
    passages = [{p.passage or text_of(p).strip() for p in problems(split)} for split in SIZES]
    assert len(set.union(*passages)) == sum(map(len, passages))
    assert len({p.id for split in SIZES for p in problems(split)}) == sum(SIZES.values())


def test_gold_positions_and_values_are_balanced():
    everything = [p for split in SIZES for p in problems(split)]
    for size in (4, 5):
        places = Counter(p.answers[0] for p in everything if len(p.choices) == size)
        assert sorted(places) == [str(n) for n in range(1, size + 1)]
        assert max(places.values()) < 1.1 * places.total() / size


def test_every_choice_stands_once_in_the_passage():
    for problem in problems("dev"):
        for choice in problem.choices:
            assert len(re.findall(rf" {choice}\w*[ .]", text_of(problem))) == 1


def place(problem: Problem, choice: str) -> int:
    """Where the choice stands in passage and box."""
    return text_of(problem).index(f" {choice}")


NAMES = (
    "민수", "지영", "서연", "철수", "영희", "도윤", "은주", "태호",
    "수빈", "하준", "유나", "동현", "미라", "정훈", "보람", "진우",
)  # fmt: skip
RELATIONS = ("스승", "선배", "상사", "은인", "후원자", "조카")


def asked(problem: Problem) -> tuple[str, int]:
    """The person of the question, and how many hops from them the answer is."""
    question = problem.question.rpartition("\n")[2].removeprefix("다음 중 ")
    hops = sum(question.count(f"의 {relation}") for relation in RELATIONS)
    return question[:2], hops


def facts(problem: Problem) -> tuple[dict[str, str], dict[str, str]]:
    """Who leads to whom, and the choice that each person has, as the passage says it."""
    text = text_of(problem)
    (relation,) = {relation for relation in RELATIONS if relation in text}
    forms = (
        rf"(?P<x>\w\w)의 {relation}\w+ (?P<y>\w\w)이다",
        rf"(?P<y>\w\w)\w (?P<x>\w\w)의 {relation}이다",
        rf"(?P<x>\w\w)에게는 {relation} (?P<y>\w\w)\w 있다",
    )
    leads = {step["x"]: step["y"] for form in forms for step in re.finditer(form, text)}
    has = {}
    for sentence in re.split(r"[.:] ", text):
        for choice in problem.choices:
            if f" {choice}" in f" {sentence}":
                (person,) = {name for name in NAMES if f" {name}" in f" {sentence}"}
                has[person] = choice
    return leads, has


def reached(problem: Problem, hops: int) -> str:
    """The choice of the person so many hops from the one asked about; the first where not offered."""
    leads, has = facts(problem)
    person, _ = asked(problem)
    for _ in range(hops):
        person = leads[person]
    return has.get(person, problem.choices[0])


def test_the_answer_is_reached_by_following_every_hop():
    for problem in problems("test"):
        assert reached(problem, asked(problem)[1]) == problem.choices[int(problem.answers[0]) - 1]


def test_each_number_of_hops_is_asked_as_often():
    counts = Counter(asked(p)[1] for split in SIZES for p in problems(split))
    assert sorted(counts) == [0, 1, 2, 3]
    assert min(counts.values()) > 0.9 * counts.total() / 4


def nearest_to_the_person(problem: Problem) -> str:
    """The choice nearest to the relation of the person asked about."""
    person, _ = asked(problem)
    relation = re.search(rf" {person}(의|에게는) ({'|'.join(RELATIONS)})", text_of(problem))
    return min(problem.choices, key=lambda choice: abs(place(problem, choice) - relation.start()))


SHORTCUTS: dict[str, Callable[[Problem], str]] = {
    "first mentioned": lambda p: min(p.choices, key=lambda c: place(p, c)),
    "last mentioned": lambda p: max(p.choices, key=lambda c: place(p, c)),
    "first choice": lambda p: p.choices[0],
    "nearest value": nearest_to_the_person,
    "alphabet": lambda p: min(p.choices),
}


def accuracy(choose: Callable[[Problem], str], chosen: list[Problem]) -> float:
    """Share of the problems whose answer is what the rule chooses."""
    return sum(choose(p) == p.choices[int(p.answers[0]) - 1] for p in chosen) / len(chosen)


@pytest.mark.parametrize("name", SHORTCUTS)
def test_a_shortcut_is_near_chance(name: str):
    assert accuracy(SHORTCUTS[name], problems("test")) < 0.26


def test_one_look_up_answers_what_needs_no_hop_and_little_else():
    test = problems("test")
    by_hops = [[p for p in test if asked(p)[1] == hops] for hops in range(4)]
    shares = [accuracy(lambda p: reached(p, 0), chosen) for chosen in by_hops]
    assert shares[0] == 1
    assert max(shares[1:]) < 0.35


def test_hints_are_about_train_problems_three_to_five_each():
    train = {p.id for p in problems("train")}
    counts = Counter(hint.problem_id for hint in hints())
    assert set(counts) <= train
    assert 600 <= len(counts) <= 1000
    assert set(counts.values()) <= {3, 4, 5}
    assert len({hint.id for hint in hints()}) == len(hints())


def test_some_hints_tell_the_answer_and_most_do_not():
    by_id = {p.id: p for p in problems("train")}
    told = 0
    for hint in hints():
        problem = by_id[hint.problem_id]
        answer = problem.choices[int(problem.answers[0]) - 1]
        told += answer in hint.text or "정답" in hint.text
    assert 0.05 < told / len(hints()) < 0.35


def test_the_assets_are_smaller_than_six_megabytes():
    assert sum(file.stat().st_size for file in ASSETS.rglob("*") if file.is_file()) < 6_000_000


@pytest.mark.slow
def test_the_tokenizer_gives_any_korean_back(tokenizer):
    text = "훈민정음 해례본 ㄱㅎ 漢字 🙂 뷁  2024년\n\n탭\t끝"
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.slow
def test_a_name_or_value_is_one_token(tokenizer):
    for problem in problems("dev")[:50]:
        for word in (*problem.choices, asked(problem)[0]):
            assert len(tokenizer.encode(f" {word}")) == 1


@pytest.mark.slow
def test_all_prompts_and_targets_fit_the_context(tokenizer):
    renderer = Renderer(load_template(DEFAULT))
    for split in SIZES:
        rendered = [renderer.render(p, "answer") for p in problems(split)]
        assert max(map(len, prompt_ids(tokenizer, rendered))) + 64 < 512
