"""vLLM on the CPU serves a stack as hf does: the same greedy tokens, log-probabilities to 1e-4."""

import importlib.util
from pathlib import Path

import pytest
from support.problems import exam
from support.training import MODEL, RENDERER, base_of_tests, trained_adapter

from koalign.adapters.base import load_tokenizer
from koalign.adapters.export import export
from koalign.adapters.lora import read_lora, write_lora
from koalign.adapters.stack import stack
from koalign.config.engine import Engine
from koalign.config.inputs import Sampling
from koalign.data.prompting.tokens import prompt_ids
from koalign.engines.engine import Question, Request
from koalign.engines.opening import open_engine
from koalign.jsonl import read_json, write_json

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("vllm") is None,
        reason="vLLM is not installed; make test installs it",
    ),
]
GREEDY = Sampling(temperature=0, top_p=1, max_tokens=12)


def changed(source: Path, out: Path, layers: str, **config: object) -> Path:
    """A plain PEFT folder with some layers of an adapter, without a card."""
    lora = read_lora(source)
    chosen = {n: (m.a, m.b) for n, m in lora.modules.items() if layers in n}
    write_lora(out, chosen, base=MODEL.path, fan_in_fan_out=False)
    write_json(out / "adapter_config.json", {**read_json(out / "adapter_config.json"), **config})
    return out


@pytest.fixture(scope="module")
def adapters(tmp_path_factory) -> list[Path]:
    """Two of unequal rank, one of some layers with rsLoRA and an alpha pattern, and their stacks."""
    folder = tmp_path_factory.mktemp("adapters")
    first, second = (trained_adapter(folder / str(r), rank=r, seed=r) for r in (4, 12))
    odd = {"use_rslora": True, "alpha_pattern": {"up_proj": 5}}
    third = changed(second, folder / "third", "layers.1.mlp", **odd)
    stack([first, second], folder / "stack")
    stack([first, third], folder / "some-layers")
    stack([first, second, third], folder / "small", rank=8)
    export(folder / "stack", folder / "exported")
    names = ("stack", "some-layers", "small", "exported")
    return [first, second, third, *(folder / name for name in names)]


@pytest.fixture(scope="module")
def prompts() -> list[tuple[str, list[int]]]:
    asked = [RENDERER.render(problem, "answer") for problem in exam("dev")[:4]]
    ids = prompt_ids(load_tokenizer(MODEL), asked)
    return [(one.problem_id, found) for one, found in zip(asked, ids, strict=True)]


def test_vllm_is_hf_for_the_base_each_adapter_and_each_stack(adapters, prompts):
    told = {}
    for backend in ("hf", "vllm"):
        with open_engine(Engine(backend=backend), MODEL, base_of_tests(), adapters) as engine:
            written, scored = {}, {}
            for adapter in (None, *adapters):
                requests = [Request(name, tuple(ids), adapter) for name, ids in prompts]
                rows = engine.generate(requests, GREEDY, seed=0)
                written[adapter] = [row[0].token_ids for row in rows]
                candidates = ((5,), (6, 8), tuple(range(30, 40)))
                questions = [Question(tuple(ids), candidates, adapter) for _, ids in prompts]
                scored[adapter] = dict(engine.score(questions))
        told[backend] = written, scored
    (ours, our_scores), (theirs, their_scores) = told["hf"], told["vllm"]
    assert theirs == ours
    for adapter, scores in our_scores.items():
        for number, logprobs in scores.items():
            assert their_scores[adapter][number] == pytest.approx(logprobs, abs=1e-4), adapter
    first, second, third, whole, some, small, exported = adapters
    assert (ours[exported], our_scores[exported]) == (ours[whole], our_scores[whole])
    kinds = [str(our_scores[one]) for one in (None, first, second, third, whole, some, small)]
    assert len(set(kinds)) == 7
