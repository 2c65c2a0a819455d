"""Samples stand under several orders of the choices, and a cut file goes on to the same bytes."""

import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.command import RUN, koalign
from support.problems import CITIES, problem, write_lines

from koalign.config.engine import Engine
from koalign.config.inputs import Sampling
from koalign.config.sections import Solve
from koalign.data.prompting.choices import order_dependent
from koalign.data.prompting.orders import choice_orders, in_order
from koalign.data.prompting.prompts import DEFAULT, Renderer, load_template
from koalign.engines.drawing import draw, longest_of, refuse_no_room, requests_for
from koalign.engines.engine import Request, sample_seed
from koalign.engines.judging import DRAWS, judged_by
from koalign.engines.scripted import SCRIPTED_BASE, ScriptedEngine
from koalign.evaluation.protocols import load_protocol
from koalign.jsonl import read_jsonl
from koalign.records import KoalignError, Problem, PromptTokens, Sample
from koalign.text.visible import say_once

WORDS = ("사과", "배", "감", "귤", "밤", "대추")


def asked(number: int, size: int, gold: int) -> Problem:
    return Problem(
        question=f"{number}째 과일은?", choices=WORDS[:size], answers=(str(min(gold, size)),)
    )


SETS = st.lists(st.tuples(st.integers(2, 6), st.integers(1, 6)), max_size=40).map(
    lambda rows: [asked(n, *row) for n, row in enumerate(rows)]
)


@given(SETS, st.integers(1, 4), st.integers(0, 9), st.randoms(use_true_random=False))
def test_the_gold_answer_moves_with_every_order_and_keeps_its_text(problems, count, seed, rng):
    orders = choice_orders(problems, count, seed)
    for one, own in zip(problems, orders, strict=True):
        assert own[0] == () and len(own) == min(count, len(one.choices))
        shown = [in_order(one, order) for order in own]
        assert len({other.answers for other in shown}) == len(own)
        golds = {other.choices[int(other.answers[0]) - 1] for other in shown}
        assert golds == {one.choices[int(one.answers[0]) - 1]}
        for order, other in zip(own[1:], shown[1:], strict=True):
            inverse = [order.index(n) for n in range(len(order))]
            back = in_order(other, tuple(inverse))
            assert (back.choices, back.answers, back.id) == (one.choices, one.answers, one.id)
    mixed = rng.sample(problems, len(problems))
    again = dict(zip((p.id for p in mixed), choice_orders(mixed, count, seed), strict=True))
    assert [again[one.id] for one in problems] == orders


@pytest.mark.parametrize(
    ("golds", "count", "crowded"),
    [([1] * 80, 2, {1}), ([1, 2, 3, 4] * 20, 2, {}), ([1, 1, 2] * 27, 2, {1}), ([1] * 80, 4, {})],
)
def test_over_the_set_the_gold_answer_stands_at_every_place_alike(golds, count, crowded):
    """But where the data themselves put it more often than the other orders can make up for."""
    problems = [asked(n, 4, gold) for n, gold in enumerate(golds)]
    stood = Counter(
        int(in_order(one, order).answers[0])
        for one, own in zip(problems, choice_orders(problems, count, 0), strict=True)
        for order in own
    )
    others = [stood[place] for place in range(1, 5) if place not in crowded]
    assert max(others) - min(others) <= 1


def test_choices_that_must_stay_and_problems_without_choices_keep_one_order():
    amounts = Problem(question="몇인가?", choices=("1", "2", "3"), answers=("2",))
    marked = Problem(question="밑줄 친 ①은?", choices=("가", "나"), answers=("1",))
    short = Problem(question="무엇인가?", answers=("답",), kind="short")
    unknown = Problem(question="무엇인가?", choices=("가", "나"))
    assert order_dependent(amounts) and order_dependent(marked)
    assert choice_orders([amounts, marked, short, unknown], 3, 0) == [[()]] * 4


def test_a_rationale_that_names_choices_holds_no_order_back():
    one = asked(0, 4, 2).model_copy(update={"rationale": "1. 틀렸다.\n2. 맞다.\n3. 틀렸다."})
    _, order = choice_orders([one], 2, 0)[0]
    assert in_order(one, order).rationale == ""


def test_an_order_changes_the_seed_and_none_changes_nothing():
    bare = Request("p", (1,))
    assert sample_seed(0, bare, "a", 1) == sample_seed(0, Request("p", (9,)), "a", 1)
    seeds = {sample_seed(0, Request("p", (1,), permutation=o), "a", 1) for o in ((), (1, 0), (0, 1))}  # fmt: skip
    assert len(seeds) == 3


def engine_of(folder: Path) -> ScriptedEngine:
    script = folder / "script.yaml"
    script.write_text("[{texts: [하나, 둘, 셋, 넷]}]", encoding="utf-8")
    return ScriptedEngine(Engine(backend="scripted", script=str(script)), SCRIPTED_BASE)


def test_draw_goes_on_from_a_file_cut_at_any_line_whatever_the_orders(tmp_path):
    engine = engine_of(tmp_path)
    requests = [
        Request(f"p{n}", (65 + n,), permutation=order, n=count)
        for order, count in (((), 3), ((1, 0), 2))
        for n in range(9)
    ]

    def draw_all(path: Path) -> bytes:
        draw(engine, requests, Sampling(), path, title="t")
        return path.read_bytes()

    whole = draw_all(tmp_path / "whole.jsonl")
    assert whole.count(b"\n") == 9 * 5
    lines = whole.splitlines(keepends=True)
    for kept in (0, 5, 26, 27, 40):
        part = tmp_path / f"{kept}.jsonl"
        part.write_bytes(b"".join(lines[:kept]) + lines[kept][:25])
        assert draw_all(part) == whole


def test_one_problem_in_one_order_twice_is_refused(tmp_path):
    twice = [Request("p", (65,), permutation=(1, 0))] * 2
    with pytest.raises(ValueError, match="the same name"):
        draw(engine_of(tmp_path), twice, Sampling(), tmp_path / "s.jsonl", title="t")


def sampled(*settings: str) -> tuple[list[PromptTokens], list[Sample]]:
    for command in ("sft", "dpo-pairs"):
        koalign(command, *settings, code=0)
    folder = RUN / "samples"
    return (
        read_jsonl(folder / "prompts.jsonl", PromptTokens),
        read_jsonl(folder / "samples.jsonl", Sample),
    )


def test_the_samples_of_a_problem_are_shared_out_among_its_orders(scripted):
    rows = [problem(n) for n in range(20)]
    rows += [problem(n, choices=["1", "2", "3", "4"]) for n in range(20, 24)]
    write_lines(Path("train.jsonl"), rows)
    prompts, samples = sampled("-s", "sample.n=7", "-s", "data.hints=null")
    problems = {p.id: p for p in read_jsonl(RUN / "prepare" / "train.jsonl", Problem)}
    counts = Counter((s.problem_id, s.permutation) for s in samples)
    assert set(counts) == {(p.problem_id, p.permutation) for p in prompts}
    for name, one in problems.items():
        own = sorted((order, n) for (problem_id, order), n in counts.items() if problem_id == name)
        if one.choices == CITIES:
            assert [n for _, n in own] == [4, 3] and own[0][0] == ()
        else:
            assert own == [((), 7)]
    for prompt in prompts:
        shown = in_order(problems[prompt.problem_id], prompt.permutation)
        listed = "\n".join(f"{n}. {choice}" for n, choice in enumerate(shown.choices, start=1))
        assert listed in prompt.text
    manifest = json.loads((RUN / "samples" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["counts"] == {"problems": 24, "in_several_orders": 20, "samples": 24 * 7}


def test_another_number_of_orders_leaves_the_samples_of_the_first_as_they_are(scripted):
    _, both = sampled()
    koalign("dpo-pairs", "-s", "sample.permutations=1", "--force", code=0)
    alone = {(s.problem_id, s.index): s for s in read_jsonl(RUN / "samples" / "samples.jsonl", Sample)}  # fmt: skip
    assert len(alone) == 24 * 8
    for one in both:
        if not one.permutation:
            assert alone[one.problem_id, one.index] == one


def test_every_order_of_a_problem_follows_the_same_shots_and_never_itself(scripted):
    rows = [problem(n) for n in range(8)]
    for row in rows:
        del row["group"]
    write_lines(Path("train.jsonl"), rows)
    prompts, _ = sampled("-s", "data.hints=null", "-s", "prompt.shots=2")
    problems = {p.id: p for p in read_jsonl(RUN / "prepare" / "train.jsonl", Problem)}
    shots: dict[str, set[str]] = {}
    for prompt in prompts:
        question = problems[prompt.problem_id].question
        before, found, after = prompt.text.partition(question)
        assert found and question not in after
        shots.setdefault(prompt.problem_id, set()).add(before)
    assert all(len(before) == 1 for before in shots.values())


class Default(Sampling):
    most_if_null = 100


CONTEXT = 200
ROOMS = {20: 100, 100: 100, 101: 64, 136: 64, 137: 63, 150: 50, 184: 16}
"""Tokens of a prompt -> those of a completion that does not end, in this context."""


@pytest.fixture
def short(tmp_path):
    """An engine with a short context and completions that fill whatever room they have."""
    script = tmp_path / "script.yaml"
    script.write_text(json.dumps([{"texts": ["x" * 300]}]), encoding="utf-8")
    base = SCRIPTED_BASE.model_copy(update={"context": CONTEXT})
    return ScriptedEngine(Engine(backend="scripted", script=str(script)), base)


def of_length(*lengths: int) -> list[Request]:
    return [Request(f"p{length}", (97,) * length, n=2) for length in lengths]


def test_a_default_max_tokens_is_what_each_prompt_leaves_and_one_line_says_so(
    short, tmp_path, capsys
):
    say_once.cache_clear()
    for name in "ab":
        drawn = draw(short, of_length(*ROOMS), Default(), tmp_path / name, title=name)
        tokens = [{len(sample.token_ids) for sample in samples} for samples in drawn]
        assert tokens == [{room} for room in ROOMS.values()]
        assert all(s.finish_reason == "length" for samples in drawn for s in samples)
    assert capsys.readouterr().err.count("default.max_tokens: 100, the default, is more than") == 1


def test_the_room_of_a_prompt_does_not_depend_on_the_prompts_beside_it(short, tmp_path):
    together = draw(short, of_length(*ROOMS), Default(), tmp_path / "all", title="t")
    alone = [
        draw(short, of_length(length), Default(), tmp_path / str(length), title="t")[0]
        for length in reversed(ROOMS)
    ]
    assert alone[::-1] == together
    lines = (tmp_path / "all").read_bytes().splitlines(keepends=True)
    for kept in range(len(lines)):
        part = tmp_path / "part"
        part.write_bytes(b"".join(lines[:kept]) + lines[kept][:9])
        assert draw(short, of_length(*ROOMS), Default(), part, title="t") == together
        assert part.read_bytes() == b"".join(lines)


@pytest.mark.parametrize("length", [185, 199, 200, 500])
def test_below_16_tokens_there_is_no_room_and_the_message_has_the_number_that_fits(
    short, tmp_path, length
):
    fitting = f"lower default.max_tokens to {CONTEXT - length} or less, " * (length < CONTEXT)
    with pytest.raises(KoalignError) as raised:
        draw(short, of_length(20, length), Default(), tmp_path / "s", title="t")
    assert str(raised.value) == (
        f"t: a prompt of {length} tokens and max_tokens 100 do not fit the context of 200; {fitting}"
        "show fewer shots, or raise model.max_length"
    )
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("most", [61, 100, 1024])
def test_a_max_tokens_that_is_set_is_refused_even_where_it_is_the_default(short, tmp_path, most):
    with pytest.raises(KoalignError, match=r"lower default\.max_tokens to 60 or less, show fewer"):
        draw(short, of_length(20, 140), Default(max_tokens=most), tmp_path / "s", title="t")
    (first, second) = draw(
        short, of_length(20, 140), Default(max_tokens=60), tmp_path / "s", title="t"
    )
    assert {len(sample.token_ids) for sample in (*first, *second)} == {60}


def test_a_rationale_is_judged_where_it_leaves_some_room(tmp_path):
    script = tmp_path / "script.yaml"
    script.write_text(json.dumps([{"texts": ["정답: 2"]}]), encoding="utf-8")
    engine = ScriptedEngine(Engine(backend="scripted", script=str(script)), SCRIPTED_BASE)
    renderer = Renderer(load_template(DEFAULT))
    problems = [asked(n, 4, 2).model_copy(update={"rationale": "가나 " * n}) for n in (9, 99)]
    prompts = [renderer.render(one, "answer", hint=one.rationale) for one in problems]
    longest = longest_of(requests_for(engine, prompts, None))
    engine.base = SCRIPTED_BASE.model_copy(update={"context": longest + 30})

    def right(sampling: Sampling, name: str) -> list[int]:
        return judged_by(engine, None, renderer, problems, sampling, tmp_path / name, 0)

    assert right(Sampling(), "default") == [DRAWS, DRAWS]
    assert right(Sampling(max_tokens=31), "one more") == [DRAWS, 0]


@pytest.mark.parametrize("own", [None, 1024, 48])
def test_other_samplings_of_a_section_keep_its_max_tokens(own):
    section = Solve(max_tokens=own)
    protocol = load_protocol("direct").greedily(own)
    assert section.greedy.max_tokens == section.for_hints.max_tokens == protocol.max_tokens == own
    assert section.most_tokens == section.greedy.most_tokens == (own or 1024)
    assert (section.greedy.temperature, section.greedy.top_p) == (0, 1)


def test_too_long_a_prompt_is_refused_before_anything_is_drawn():
    engine = SimpleNamespace(base=SCRIPTED_BASE.model_copy(update={"context": 20}))
    requests = [Request("a", (1,) * 5), Request("b", (1,) * 11)]
    refuse_no_room(engine, requests, Sampling(max_tokens=9), "samples")
    with pytest.raises(
        KoalignError,
        match=r"a prompt of 11 tokens and max_tokens 10 do not fit.*lower solve\.max_tokens",
    ):
        refuse_no_room(engine, requests, Sampling(max_tokens=10), "samples")
