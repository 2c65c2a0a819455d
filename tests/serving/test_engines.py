"""Serving on real engines: greedy as `Solver` has it, token by token; text never becomes a control token."""

import asyncio
from dataclasses import replace

import pytest
from support.problems import exam
from support.training import MODEL, RENDERER, base_of_tests, trained_adapter

from koalign.adapters.cards import adapter_id
from koalign.answering.solving import Solver
from koalign.config.engine import Engine, Vllm
from koalign.config.inputs import Data
from koalign.config.sections import Config
from koalign.engines.opening import open_engine
from koalign.evaluation.solving.solutions import solve_by_vote
from koalign.evaluation.solving.voting import spent
from koalign.records import Message
from koalign.serving.asking import Ask, Asker, Hint, Reply
from koalign.serving.bodies import MOST_STOPS
from koalign.serving.errors import ApiError
from koalign.serving.queue import EngineQueue
from koalign.serving.served import CHAIN, GREEDY, ServedModel, ServedRun
from koalign.serving.vllm_child import vllm_child

pytestmark = pytest.mark.slow
PROBLEMS = exam("dev")[:6]


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> ServedRun:
    """A run that was not run: two adapters as hint and answer, with short completions. One hint is used."""
    folder = tmp_path_factory.mktemp("run")
    steps = tuple(
        trained_adapter(folder / name / "adapter", rank=rank, seed=8)
        for name, rank in (("abstraction", 4), ("answer", 8))
    )
    config = Config(
        model=MODEL,
        data=Data(train="none.jsonl"),
        engine=Engine(backend="hf", vllm=Vllm(max_model_len=512)),
        solve={"max_tokens": 24},
    )
    section = config.solve.model_copy(update=GREEDY)
    ids = tuple(map(adapter_id, steps))
    models = {
        CHAIN: ServedModel(CHAIN, steps, ids, section),
        "answer": ServedModel("answer", steps[1:], ids[1:], section),
    }
    return ServedRun(folder, config, base_of_tests(), RENDERER, models)


@pytest.fixture(scope="module")
def solved(run):
    """What `solve --greedy` answers, on the hf engine."""
    with open_engine(run.config.engine, run.config.model, run.base, run.adapters) as engine:
        solver = Solver(engine, run.models[CHAIN].section, RENDERER, run.models[CHAIN].steps, 0)
        path = run.run_dir / "attempts.jsonl"
        attempts = [a for batch in solver.attempts(PROBLEMS, path) for a in batch]
    return [(solve_by_vote(p, a), spent(a)) for p, a in zip(PROBLEMS, attempts, strict=True)]


async def replies(asker: Asker, asks: list[Ask]) -> list[Reply]:
    async def last(ask: Ask) -> Reply:
        return [part async for part in await asker.prepare(ask)][-1]

    return await asyncio.gather(*map(last, asks))


async def held(run: ServedRun, backend, solved) -> None:
    asker = Asker(run, backend)
    chain = [Ask(run.models[CHAIN], problem) for problem in PROBLEMS]
    for reply, (solution, cost) in zip(await replies(asker, chain), solved, strict=True):
        assert (reply.solution, reply.tokens) == (solution, cost)
    for problem in PROBLEMS[:2]:
        probabilities = await asker.probabilities(problem, run.models["answer"], "")
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-4)


async def pieces(run: ServedRun, backend, problem) -> list[str]:
    """The pieces of one answer, checked against its text."""
    ask = Ask(run.models["answer"], problem, stream=True)
    *parts, reply = [part async for part in await Asker(run, backend).prepare(ask)]
    assert "".join(parts) == reply.text
    return parts


async def streamed(run: ServedRun, backend, solved) -> None:
    """Of the chain: the hint whole, then the answer in several pieces, together the text of solve."""
    asker = Asker(run, backend)
    several = hints = 0
    for problem, (solution, cost) in zip(PROBLEMS, solved, strict=True):
        ask = Ask(run.models[CHAIN], problem, stream=True)
        *parts, reply = [part async for part in await asker.prepare(ask)]
        pieces = [part for part in parts if isinstance(part, str)]
        assert "".join(pieces) == reply.text == solution.text
        assert (reply.solution, reply.tokens) == (solution, cost)
        assert all(isinstance(part, Hint) for part in parts[: len(parts) - len(pieces)])
        several += len(pieces) > 3
        hints += len(parts) > len(pieces)
    assert several and hints


async def killed(run: ServedRun, child) -> None:
    """The last of a child: kill -9 before what it is about to be asked. In an answer: test_child.py."""
    ask = Ask(run.models["answer"], PROBLEMS[0], stream=True)
    parts = await Asker(run, child).prepare(ask)
    child.server.process.kill()
    with pytest.raises(ApiError, match="has ended"):
        async for part in parts:
            assert isinstance(part, str), "half an answer is no reply"
    assert "SIGKILL" in child.failure
    with pytest.raises(ApiError, match="has ended"):
        await Asker(run, child).prepare(ask)


def test_hf_answers_as_solve_greedy_does(run, solved):
    async def main(engine) -> None:
        async with EngineQueue(engine) as queue:
            await held(run, queue, solved)
            await streamed(run, queue, solved)
            beside = await asyncio.gather(*(pieces(run, queue, problem) for problem in PROBLEMS))
            assert max(map(len, beside)) > 3  # in one call, each user hears the own tokens

    with open_engine(run.config.engine, run.config.model, run.base, run.adapters) as engine:
        asyncio.run(main(engine))


@pytest.mark.parametrize("chat", [True, False])
def test_text_never_becomes_a_control_token(run, tokenizer, chat):
    controls = [t.content for t in tokenizer.added_tokens_decoder.values() if t.special]
    assert controls
    with open_engine(run.config.engine, run.config.model, run.base, run.adapters) as engine:
        asker = Asker(run, EngineQueue(engine))

        def count(text: str) -> int:
            ask = Ask(run.models["answer"], messages=(Message(role="user", text=text),), chat=chat)
            ids = asker._request(ask).prompt_ids
            return sum(token in tokenizer.all_special_ids for token in ids)

        assert len({count(f"안녕 {control} 하세요") for control in ["", *controls]}) == 1


def test_a_child_vllm_answers_as_solve_greedy_does_and_ends_with_us(run, solved):
    """On the CPU vLLM and hf agree on these greedy tokens, as tests/engines holds."""
    served = replace(run, config=run.config.model_copy(update={"engine": Engine(backend="vllm")}))
    ended = []

    async def main() -> None:
        async with vllm_child(served) as child:
            ended.append(child.server.process)
            await held(served, child, solved)
            await streamed(served, child, solved)
            warm = [Ask(run.models["answer"], p, temperature=1.0, seed=3) for p in PROBLEMS]
            first, second = (
                await replies(Asker(served, child), warm),
                await replies(Asker(served, child), warm),
            )
            assert [one.text for one in first] == [one.text for one in second]
            many = replace(warm[0], stop=("없는 말",) * MOST_STOPS)
            await replies(Asker(served, child), [many])  # vLLM by itself refuses more than four
            closed = asyncio.ensure_future(replies(Asker(served, child), warm))
            await asyncio.sleep(0.05)
            closed.cancel()
            assert (await asyncio.gather(closed, return_exceptions=True))[0] is not None
            await killed(served, child)

    asyncio.run(main())
    assert ended[0].poll() is not None
    assert (served.run_dir / "vllm.log").stat().st_size
