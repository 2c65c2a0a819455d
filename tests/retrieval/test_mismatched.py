"""The control of answering with passages: as many of other problems, and never one of its own."""

import random

from support.attempts import problem
from support.passages import passage

from koalign.retrieval.mismatched import mismatched_passages
from koalign.retrieval.records import Passage


def passages(names: str, of: str) -> list[Passage]:
    """A passage for each letter; the same letter is the same chunk."""
    return [
        passage(of, f"{name} 글", rank, document=name) for rank, name in enumerate(names, start=1)
    ]


PROBLEMS = [problem(n) for n in range(5)]
OWN = ["abx", "bcx", "adx", "efx", ""]
FOUND = {p.id: passages(names, p.id) for p, names in zip(PROBLEMS, OWN, strict=True)}


def letters(found: list[Passage]) -> str:
    return "".join(passage.chunk.document for passage in found)


def test_each_problem_gets_as_many_of_others_and_none_of_its_own_though_all_share_one():
    for seed in range(5):
        for names, found in zip(OWN, mismatched_passages(PROBLEMS, FOUND, seed), strict=True):
            assert len(set(letters(found))) == len(found) == len(names)
            assert not set(letters(found)) & set(names)


def test_whose_are_lent_does_not_depend_on_the_order_of_the_file():
    order = random.Random(1).sample(range(5), 5)
    lent = mismatched_passages(PROBLEMS, FOUND, 3)
    again = mismatched_passages([PROBLEMS[n] for n in order], FOUND, 3)
    assert again == [lent[n] for n in order]


def test_problems_on_one_passage_lend_each_other_none():
    two = [problem(n, "같은 글") for n in range(2)]
    found = {p.id: passages(names, p.id) for p, names in zip(two, ("ab", "cd"), strict=True)}
    assert mismatched_passages(two, found, 0) == [[], []]


def test_where_there_are_no_more_there_are_fewer():
    few = {PROBLEMS[0].id: passages("abc", "0"), PROBLEMS[1].id: passages("ad", "1")}
    assert [letters(f) for f in mismatched_passages(PROBLEMS[:2], few, 0)] == ["d", "bc"]
