"""Adapters that are replaced under an open engine: real weights are loaded as they were, or refused."""

import importlib.util
import shutil

import pytest
from support.problems import exam
from support.training import MODEL, RENDERER, base_of_tests, trained_adapter

from koalign.adapters.base import load_tokenizer
from koalign.config.engine import Engine
from koalign.config.inputs import Sampling
from koalign.data.prompting.tokens import prompt_ids
from koalign.engines.engine import Request
from koalign.engines.opening import open_engine
from koalign.records import KoalignError

pytestmark = pytest.mark.slow

GREEDY = Sampling(temperature=0, top_p=1, max_tokens=8)
BACKENDS = ["hf", *(["vllm"] if importlib.util.find_spec("vllm") else [])]


@pytest.fixture(params=BACKENDS)
def opened(request, tmp_path):
    """An engine for two adapters, a request to each, and another adapter."""
    folders = [trained_adapter(tmp_path / str(seed), rank=4, seed=seed) for seed in (1, 2, 3)]
    prompts = [RENDERER.render(exam("dev")[0], "answer")]
    (ids,) = prompt_ids(load_tokenizer(MODEL), prompts)
    section = Engine(backend=request.param, batch_size=4, vllm={"max_model_len": 512})
    with open_engine(section, MODEL, base_of_tests(), folders[:2]) as engine:
        yield engine, [Request("p", tuple(ids), folder) for folder in folders[:2]], folders[2]


def test_a_loaded_adapter_stays_and_one_replaced_before_its_loading_is_refused(opened):
    engine, (first, second), other = opened
    before = engine.generate([first], GREEDY, seed=0)
    for request in (first, second):
        shutil.rmtree(request.adapter)
        shutil.copytree(other, request.adapter)
    assert engine.generate([first], GREEDY, seed=0) == before
    for _ in range(2):
        with pytest.raises(KoalignError, match="start the command again"):
            engine.generate([second], GREEDY, seed=0)


def test_an_adapter_replaced_while_it_is_loaded_is_never_asked(opened, monkeypatch):
    engine, (first, second), other = opened
    own = engine.refuse_replaced

    def replaced(adapter):
        own(adapter)
        shutil.rmtree(second.adapter, ignore_errors=True)
        shutil.copytree(other, second.adapter)

    monkeypatch.setattr(engine, "refuse_replaced", replaced)
    with pytest.raises(KoalignError, match="the adapter was"):
        engine.generate([second], GREEDY, seed=0)
    monkeypatch.undo()
    assert engine.generate([first], GREEDY, seed=0)
    with pytest.raises(KoalignError, match="the adapter was"):
        engine.generate([second], GREEDY, seed=0)
