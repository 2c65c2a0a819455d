"""Candidates have the log-probabilities that they have alone, whatever their prompts share."""

import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.tiny_models import CONFIGS, VOCABULARY, logps_alone, tiny

from koalign.engines import hf_scores
from koalign.engines.engine import Question, stems
from koalign.engines.hf_scores import Scorer
from koalign.engines.prefixes import MIN_LONGER, MIN_SAVED, Shared, shared_prefixes

pytestmark = pytest.mark.slow


def alone(model, question: Question) -> list[float]:
    """Each candidate by itself behind its whole prompt, as any transformers model computes it."""
    prompt = question.prompt_ids
    with torch.no_grad():
        return [float(logps_alone(model, prompt, c).sum()) for c in question.candidates]


def shot_questions(seed: int, candidates=((5,), (6,), (7,))) -> list[Question]:
    """Twelve prompts behind shots in three orders: beginnings inside beginnings."""
    rng = random.Random(seed)
    tokens = range(3, VOCABULARY)
    shots = [rng.choices(tokens, k=40) for _ in range(2)]
    questions = []
    for number in range(12):
        order = (shots, shots[::-1], shots[:1])[number % 3]
        own = rng.choices(tokens, k=rng.randint(1, 9))
        ids = [token for shot in order for token in shot] + own
        questions.append(Question(tuple(ids), tuple(candidates)))
    return questions


def scored(model, questions) -> list[list[float]]:
    found = dict(Scorer().scores(model, questions))
    assert sorted(found) == list(range(len(questions)))
    return [found[number] for number in range(len(questions))]


CANDIDATES = {
    "one token": ((5,), (6,), (7,)),
    "several tokens": ((5, 9, 11), (6,), (5, 9), (5, 9, 12), (8, 8, 8, 8)),
}


@pytest.fixture(autouse=True)
def _small_rows(monkeypatch):
    monkeypatch.setattr(hf_scores, "ROW_TOKENS", 30)
    monkeypatch.setattr("koalign.engines.prefixes.MIN_SAVED", 64)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("kind", CANDIDATES)
def test_scores_behind_shared_shots_are_those_of_each_prompt_alone(name, kind, capsys):
    model = tiny(name).eval()
    questions = shot_questions(1, CANDIDATES[kind])
    assert any(node.inside for node in shared_prefixes([q.prompt_ids for q in questions]).inside)
    expected = [alone(model, question) for question in questions]
    for found, wanted in zip(scored(model, questions), expected, strict=True):
        assert found == pytest.approx(wanted, abs=2e-4)
    assert "one prompt at a time" not in capsys.readouterr().err


def test_every_shared_token_is_computed_once():
    model = tiny("qwen3").eval()
    questions = shot_questions(2)
    seen = []
    model.base_model.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    scorer = Scorer()
    list(scorer.scores(model, questions))
    seen.clear()  # what the check of the first call computed
    list(scorer.scores(model, questions))
    shots = 40 + 40 + 2 * 40  # one, the other behind it, and both in the other order
    own = sum(len(question.prompt_ids) for question in questions) - 4 * (80 + 80 + 40)
    assert sum(seen) == shots + own + len(questions)  # and one candidate's token a question


def test_a_model_with_an_attention_of_its_own_computes_one_prompt_at_a_time(monkeypatch, capsys):
    model = tiny("llama").eval()
    monkeypatch.setattr(type(model), "_supports_attention_backend", False)
    questions = shot_questions(3)[:3]
    expected = [alone(model, question) for question in questions]
    for found, wanted in zip(scored(model, questions), expected, strict=True):
        assert found == pytest.approx(wanted, abs=1e-5)
    assert "one prompt at a time" in capsys.readouterr().err


def test_a_row_that_would_not_be_exact_is_noticed_and_not_used(monkeypatch, capsys):
    model = tiny("llama").eval()
    questions = shot_questions(4)[:4]
    expected = [alone(model, question) for question in questions]
    packed = hf_scores.pack

    def one_place_late(groups, kept=0):
        row = packed(groups, kept)
        return {**row, "position_ids": row["position_ids"] + (1 if kept else 0)}

    monkeypatch.setattr(hf_scores, "pack", one_place_late)
    for found, wanted in zip(scored(model, questions), expected, strict=True):
        assert found == pytest.approx(wanted, abs=1e-4)
    assert "differ by" in capsys.readouterr().err


def test_candidates_of_one_token_are_read_from_one_state():
    question = Question((1, 2), ((5,), (6,), (5, 7), (5, 8), (6,)))
    assert stems(question) == {(): [5, 6], (5,): [7, 8]}


sequences = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=60).map(tuple), min_size=1)


def walk(node: Shared, above: int = 0):
    yield node, above
    for inner in node.inside:
        yield from walk(inner, node.length)


@given(sequences, st.integers(1, 60), st.integers(1, 30))
def test_each_sequence_stands_once_below_beginnings_that_are_its_own(some, repeats, cut):
    some = [(*one, *(1,) * cut, number % 3) for number in range(repeats % 7 + 1) for one in some]
    seen = []

    def check(node: Shared, begun: tuple[int, ...]):
        assert some[node.example][: node.length][: len(begun)] == begun
        begun = some[node.example][: node.length]
        for number in node.members:
            assert some[number][: node.length] == begun and len(some[number]) > node.length
            seen.append(number)
        for inner in node.inside:
            assert inner.length >= node.length + MIN_LONGER
            check(inner, begun)

    check(shared_prefixes(some), ())
    assert sorted(seen) == list(range(len(some)))


def test_five_shots_are_kept_once_for_a_subject():
    shots = tuple(range(500))
    tree = shared_prefixes([(*shots, 1000 + n, 1, 2) for n in range(50)])
    assert not tree.members and [node.length for node in tree.inside] == [500]
    assert MIN_SAVED < 500 * 49
