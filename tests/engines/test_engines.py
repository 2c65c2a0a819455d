"""The engines agree: token ids in, the same greedy tokens out, each adapter alone, seeds that hold."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from scipy.stats import chisquare
from support.problems import exam
from support.tiny_models import logps_alone
from support.training import MODEL, RENDERER, TRAINING, base_of_tests, trained_adapter

from koalign.adapters.base import load_base, load_tokenizer
from koalign.config.engine import Engine
from koalign.config.inputs import Sampling
from koalign.data.prompting.tokens import prompt_ids
from koalign.engines.drawing import draw
from koalign.engines.engine import Question, Request
from koalign.engines.hf import draw_tokens
from koalign.engines.opening import open_engine
from koalign.mining.pairs.importance import importance
from koalign.records import Completion, KoalignError, Pair, Sample
from koalign.training.policy import continued_policy
from koalign.training.scoring import token_logps

pytestmark = pytest.mark.slow

GREEDY = Sampling(temperature=0, top_p=1, max_tokens=12)
WARM = Sampling(temperature=1, top_p=0.9, max_tokens=12)


@pytest.fixture(scope="module")
def adapters(tmp_path_factory) -> list[Path]:
    """Two adapters of unequal rank whose functions differ from the base and from each other."""
    folder = tmp_path_factory.mktemp("adapters")
    return [trained_adapter(folder / str(rank), rank=rank, seed=rank) for rank in (4, 12)]


@pytest.fixture(scope="module")
def hf(adapters):
    section = Engine(backend="hf", batch_size=6)
    with open_engine(section, MODEL, base_of_tests(), adapters) as engine:
        yield engine


@pytest.fixture(scope="module")
def requests(adapters) -> list[Request]:
    """Eight prompts of unequal length for the base and for each adapter."""
    tokenizer = load_tokenizer(MODEL)
    asked = [RENDERER.render(problem, "answer") for problem in exam("dev")[:8]]
    return [
        Request(prompt.problem_id, tuple(ids), adapter)
        for adapter in (None, *adapters)
        for prompt, ids in zip(asked, prompt_ids(tokenizer, asked), strict=True)
    ]


def tokens(answers: list[list[Sample]]) -> list[tuple[int, ...]]:
    return [sample.token_ids for samples in answers for sample in samples]


def ask(engine, requests, sampling=GREEDY, n=1, seed=0, first=0):
    drawn = [replace(request, n=n, first=first) for request in requests]
    return engine.generate(drawn, sampling, seed=seed)


def test_hf_greedy_is_what_transformers_writes_prompt_by_prompt(hf, requests):
    """No padding, no shared prefill, no adapter switching: the plain way, one by one."""
    tokenizer = load_tokenizer(MODEL)
    one_token = replace(requests[8], prompt_ids=requests[8].prompt_ids[:1])
    written = [*tokens(ask(hf, requests))[::5], *tokens(ask(hf, [one_token]))]
    for request, found in zip([*requests[::5], one_token], written, strict=True):
        model = load_base(MODEL, quantized=False)
        if request.adapter:
            model = PeftModel.from_pretrained(model, request.adapter)
        ids = torch.tensor([request.prompt_ids])
        written = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=12,
            do_sample=False,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )[0, ids.shape[1] :].tolist()
        assert found == tuple(written)


def test_each_adapter_beside_the_others_equals_itself_alone(hf, requests, adapters):
    together = tokens(ask(hf, requests))
    for adapter in (None, *adapters):
        own = [n for n, request in enumerate(requests) if request.adapter == adapter]
        with open_engine(Engine(backend="hf"), MODEL, base_of_tests(), [adapter]) as alone:
            assert tokens(ask(alone, [requests[n] for n in own])) == [together[n] for n in own]
    per_system = [together[n : n + 8] for n in (0, 8, 16)]
    assert per_system[0] != per_system[1] != per_system[2]


def test_the_logprob_of_a_sample_is_the_models_own(hf, requests):
    request = requests[8]
    (sample,) = ask(hf, [request], WARM)[0]
    model = PeftModel.from_pretrained(load_base(MODEL, quantized=False), request.adapter)
    with torch.no_grad():
        expected = logps_alone(model, request.prompt_ids, sample.token_ids).sum().item()
    assert sample.logprob == pytest.approx(expected, abs=2e-3)


def test_a_sample_depends_on_its_own_seed_and_not_on_its_neighbours(hf, requests):
    together = ask(hf, requests, WARM, n=3)
    alone = [ask(hf, [request], WARM, n=3)[0] for request in requests[:4]]
    assert tokens(together[:4]) == tokens(alone)
    later = ask(hf, requests[:4], WARM, n=1, first=2)
    assert [row[0].token_ids for row in later] == [row[2].token_ids for row in together[:4]]
    assert tokens(ask(hf, requests, WARM, n=3, seed=1)) != tokens(together)


def test_sampling_follows_the_probabilities_of_the_model(hf, requests):
    """First tokens of a thousand draws against the softmax at T = 3: chi-square within reason."""
    request, warmth = requests[8], Sampling(temperature=3, top_p=1, max_tokens=1)
    drawn = ask(hf, [request], warmth, n=1000)[0]
    probs = (first_logits(request) / 3).softmax(-1)
    counts = torch.bincount(torch.tensor([s.token_ids[0] for s in drawn]), minlength=len(probs))
    # Ten groups of tokens, from the likeliest on, of about equal mass.
    order = probs.argsort(descending=True)
    group = (probs[order].cumsum(0) * 9.999).long()
    observed = torch.zeros(10).double().index_add(0, group, counts[order].double())
    expected = torch.zeros(10).double().index_add(0, group, probs[order]) * 1000
    used = expected > 0
    assert used.sum() > 5
    assert chisquare(observed[used], expected[used] / expected[used].sum() * 1000).pvalue > 1e-4


def test_a_nucleus_holds_only_the_likeliest_tokens(hf, requests):
    request, warmth = requests[8], Sampling(temperature=3, top_p=0.5, max_tokens=1)
    drawn = ask(hf, [request], warmth, n=300)[0]
    ordered, ids = (first_logits(request) / 3).softmax(-1).sort(descending=True)
    nucleus = ids[: int((ordered.cumsum(0) < 0.5).sum()) + 1].tolist()
    assert len(nucleus) > 1
    assert {s.token_ids[0] for s in drawn} <= set(nucleus)


def first_logits(request: Request) -> torch.Tensor:
    model = PeftModel.from_pretrained(load_base(MODEL, quantized=False), request.adapter)
    with torch.no_grad():
        return model(input_ids=torch.tensor([request.prompt_ids])).logits[0, -1].double()


@pytest.mark.parametrize("top_p", [1e-300, 0.1, 0.9, 1.0])
@pytest.mark.parametrize("sharpness", [0.1, 3.0])
def test_a_large_vocabulary_gives_the_tokens_that_sorting_all_of_it_gives(top_p, sharpness):
    generator = torch.Generator().manual_seed(0)
    probs = (sharpness * torch.randn(200, 5000, generator=generator)).softmax(dim=-1)
    uniform = torch.rand(200, 1, generator=generator)
    likeliest, tokens = probs.sort(descending=True)
    mass = likeliest.cumsum(dim=-1)
    nucleus = torch.where(mass - likeliest < top_p, mass, 0).amax(dim=-1, keepdim=True)
    place = (mass <= uniform * nucleus).sum(dim=-1, keepdim=True)
    assert torch.equal(draw_tokens(probs, uniform, top_p), tokens.gather(-1, place))


def test_a_finished_sample_ends_with_the_end_of_turn_and_a_cut_one_does_not(hf, requests):
    for sample in (s for row in ask(hf, requests, WARM, n=4) for s in row):
        ended = sample.token_ids[-1] == hf.tokenizer.eos_token_id
        assert sample.finish_reason == ("stop" if ended else "length")
        assert hf.tokenizer.eos_token_id not in sample.token_ids[:-1]
        if not ended:
            assert len(sample.token_ids) == WARM.max_tokens


def test_draw_goes_on_from_a_file_cut_at_any_line_to_the_same_bytes(hf, requests, tmp_path):
    threefold = [replace(request, n=3) for request in requests]
    whole = tmp_path / "whole.jsonl"
    draw(hf, threefold, WARM, whole, title="t")
    lines = whole.read_bytes().splitlines(keepends=True)
    for kept in (0, 1, 7, 40):
        part = tmp_path / f"{kept}.jsonl"
        part.write_bytes(b"".join(lines[:kept]) + lines[kept][:25])
        draw(hf, threefold, WARM, part, title="t")
        assert part.read_bytes() == whole.read_bytes()


def test_a_prompt_that_leaves_no_room_is_refused(hf, requests, tmp_path):
    too_many = Sampling(temperature=0, max_tokens=base_of_tests().context)
    with pytest.raises(KoalignError, match="do not fit the context"):
        draw(hf, requests, too_many, tmp_path / "s.jsonl", title="samples")


def test_a_default_max_tokens_draws_what_one_of_each_room_would(hf, requests, monkeypatch):
    longest = max(len(request.prompt_ids) for request in requests)
    short = hf.base.model_copy(update={"context": longest + 20})
    monkeypatch.setattr(hf, "base", short)
    default = Sampling(temperature=0, top_p=1)
    rooms = [hf.room(request, default) for request in requests]
    assert min(rooms) == 20 and len(set(rooms)) > 2
    ours = hf.generate(requests, default, seed=0)
    for request, room, (sample,) in zip(requests, rooms, ours, strict=True):
        of_room = Sampling(temperature=0, top_p=1, max_tokens=room)
        ((alone,),) = hf.generate([request], of_room, seed=0)
        assert sample.token_ids == alone.token_ids and len(sample.token_ids) <= room


# vLLM, for real: one engine for all of its tests, since a start takes half a minute.

needs_vllm = pytest.mark.skipif(
    importlib.util.find_spec("vllm") is None, reason="vLLM is not installed; make test installs it"
)


@pytest.fixture(scope="module")
def vllm(adapters):
    with open_engine(Engine(backend="vllm"), MODEL, base_of_tests(), adapters) as engine:
        engine.expect(300)
        yield engine


@needs_vllm
def test_vllm_greedy_is_hf_greedy_for_the_base_and_both_adapters(vllm, hf, requests):
    theirs, ours = ask(vllm, requests), ask(hf, requests)
    assert tokens(theirs) == tokens(ours)
    for a, b in zip(theirs, ours, strict=True):
        assert a[0].finish_reason == b[0].finish_reason
        assert a[0].text == b[0].text
        assert a[0].logprob == pytest.approx(b[0].logprob, abs=0.01)


@needs_vllm
def test_vllm_samples_repeat_with_their_seed_and_carry_untempered_logprobs(vllm, hf, requests):
    hot = Sampling(temperature=2, top_p=1, max_tokens=8)
    first, again = (ask(vllm, requests[:8], hot, n=3) for _ in range(2))
    assert tokens(first) == tokens(again)
    assert tokens(ask(vllm, requests[:8], hot, n=3, seed=1)) != tokens(first)
    sample, model = first[0][0], load_base(MODEL, quantized=False)
    with torch.no_grad():
        expected = logps_alone(model, requests[0].prompt_ids, sample.token_ids).sum().item()
    assert sample.logprob == pytest.approx(expected, abs=0.02)


@needs_vllm
def test_vllm_samples_more_prompts_than_one_of_its_steps_takes(vllm, tokenizer, adapters):
    """A step of vLLM takes 4,096 tokens; on a CPU it ended where a prompt was cut there."""
    asked = [RENDERER.render(problem, "answer") for problem in exam("train")[:60]]
    ids = prompt_ids(tokenizer, asked)
    assert sum(map(len, ids)) > 2 * 4096
    requests = [
        Request(prompt.problem_id, tuple(tokens), adapters[0])
        for prompt, tokens in zip(asked, ids, strict=True)
    ]
    first, again = (tokens(ask(vllm, requests, WARM, n=2)) for _ in range(2))
    assert first == again


@needs_vllm
@pytest.mark.parametrize("temperature", [0.7, 1.5])
def test_samples_of_vllm_are_those_of_the_model_in_training(vllm, requests, adapters, temperature):
    """Whatever they are drawn at: log-probabilities are of the model itself on both sides."""
    asked = [request for request in requests if request.adapter == adapters[0]]
    drawn = ask(vllm, asked, Sampling(temperature=temperature, top_p=0.8, max_tokens=8), n=2)
    pairs = [
        Pair(
            problem_id=request.problem_id, prompt="", prompt_ids=request.prompt_ids, reason="hard",
            chosen=Completion(text="", token_ids=one.token_ids),
            rejected=Completion(text="", token_ids=other.token_ids),
        )
        for request, (one, other) in zip(asked, drawn, strict=True)
    ]  # fmt: skip
    trained = token_logps(continued_policy(MODEL, adapters[0]), pairs, TRAINING)
    ratios = importance(pairs, trained, [sample for samples in drawn for sample in samples])
    assert ratios.completions >= len(pairs) and ratios.difference < 1e-3
    assert ratios.largest_ratio == pytest.approx(1, abs=1e-3)
    assert ratios.effective_share == pytest.approx(1, abs=1e-3)


@needs_vllm
def test_vllm_names_an_adapter_by_a_number_that_it_allows():
    from koalign.engines.vllm import lora_number

    numbers = {lora_number(f"{n:016x}") for n in (0, 1, 2**31, 2**63)}
    assert all(1 <= n < 2**31 for n in numbers)


@pytest.fixture(scope="module")
def questions(requests) -> list[Question]:
    """The same prompts, each with candidates of one token, of two, and with a common beginning."""
    candidates = ((5,), (6,), (7, 9), (7, 10, 11))
    return [Question(r.prompt_ids, candidates, r.adapter) for r in requests]


def test_hf_scores_each_adapter_as_peft_alone_does(hf, questions, adapters):
    found = dict(hf.score(questions))
    for adapter in (None, *adapters):
        model = load_base(MODEL, quantized=False).eval()
        if adapter:
            model = PeftModel.from_pretrained(model, adapter).eval()
        for number, question in enumerate(questions):
            if question.adapter != adapter:
                continue
            for candidate, logprob in zip(question.candidates, found[number], strict=True):
                with torch.no_grad():
                    alone = logps_alone(model, question.prompt_ids, candidate).sum().item()
                assert logprob == pytest.approx(alone, abs=1e-4)


@needs_vllm
def test_vllm_scores_candidates_as_hf_does(vllm, hf, questions):
    expected, found = dict(hf.score(questions)), dict(vllm.score(questions))
    assert found.keys() == expected.keys()
    for number, logprobs in found.items():
        assert logprobs == pytest.approx(expected[number], abs=1e-4)


@needs_vllm
def test_vllm_starts_for_what_is_asked_and_leaves_no_process(requests, capfd, monkeypatch):
    from koalign.engines import vllm_start
    from koalign.engines.vllm import _processes

    monkeypatch.setattr(vllm_start, "STEP", 16)
    base, before = base_of_tests(), set(_processes())
    two = requests[:2]
    needed = max(len(request.prompt_ids) for request in two) + GREEDY.max_tokens
    with open_engine(Engine(backend="vllm"), MODEL, base, []) as engine:
        assert set(_processes()) == before  # nothing is started before it is needed
        short = ask(engine, two)
        length = engine._llm.model_config.max_model_len
        assert needed <= length <= needed + 32 < base.context
        assert set(_processes()) > before
        engine.expect(length + 1)
        assert engine._llm.model_config.max_model_len == min(2 * length, base.context)
        assert tokens(ask(engine, two)) == tokens(short)
    assert "vllm starts again, for up to" in capfd.readouterr().err
    assert set(_processes()) <= before


@needs_vllm
def test_a_start_without_room_is_one_line_that_names_the_setting(requests, capfd, monkeypatch):
    import koalign.engines.vllm  # noqa: F401  (it sets the variable)

    monkeypatch.delenv("VLLM_CPU_KVCACHE_SPACE")  # it would win over the key
    section = Engine(backend="vllm", vllm={"extra": {"kv_cache_memory_bytes": 4096}})
    one_line = pytest.raises(KoalignError, match=r"no memory for a KV cache; raise engine\.gpu")
    with open_engine(section, MODEL, base_of_tests(), []) as engine, one_line:
        ask(engine, requests[:1])
    assert capfd.readouterr().err == ""
