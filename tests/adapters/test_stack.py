"""A stack is the sum of its parts, to rounding, in stock PEFT; what is no plain sum is refused."""

import math
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peft.utils.other import get_pattern_key
from safetensors.torch import load_file
from support.lora_folders import LAYERS, by_peft, in_peft, logits, plain, trained
from support.tiny_models import tiny

from koalign.adapters.cards import adapter_id, read_card
from koalign.adapters.lora import read_lora
from koalign.adapters.patterns import pattern_value
from koalign.adapters.stack import ERROR, WORST, compare, stack, summed, widen
from koalign.jsonl import read_json
from koalign.records import KoalignError

pytestmark = pytest.mark.slow

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
CASES = {
    "equal ranks": [{"r": 4, "target_modules": ALL}] * 2,
    "unequal ranks and alphas": [
        {"r": 8, "lora_alpha": 32, "target_modules": ALL}, {"r": 3, "lora_alpha": 5, "target_modules": ALL},
    ],
    "rsLoRA": [
        {"r": 8, "lora_alpha": 8, "use_rslora": True, "target_modules": ALL}, {"r": 4, "lora_alpha": 8, "target_modules": ALL},
    ],
    "disjoint modules": [
        {"r": 4, "target_modules": ["q_proj", "v_proj"]}, {"r": 4, "target_modules": r".*\.mlp\.(up|down)_proj"},
    ],
    "disjoint layers": [
        {"r": 4, "target_modules": ALL, "layers_to_transform": [0, 2]},
        {"r": 4, "target_modules": ALL, "layers_to_transform": [1], "layers_pattern": "layers"},
    ],
    "patterns": [
        {"r": 4, "lora_alpha": 6, "target_modules": ALL, "rank_pattern": {r"layers\.1\..*": 7, "q_proj": 2},
         "alpha_pattern": {"up_proj": 3, r"^model\.layers\.0\.self_attn\.v_proj": 9}},
        {"r": 2, "use_rslora": True, "target_modules": ["q_proj", "up_proj"], "rank_pattern": {"up_proj": 5}},
    ],
    "three parts": [
        {"r": 4, "target_modules": ["q_proj"]},
        {"r": 2, "lora_alpha": 7, "target_modules": ALL, "exclude_modules": ["v_proj"]},
        {"r": 1, "target_modules": "all-linear", "init_lora_weights": "gaussian"},
    ],
    "the output layer": [
        {"r": 4, "target_modules": ["q_proj", "lm_head"]}, {"r": 2, "target_modules": ["k_proj"]},
    ],
}  # fmt: skip


def made(folder: Path, base: str, configs: list[dict]) -> list[Path]:
    return [
        by_peft(folder / str(number), base, seed=number, **config)
        for number, config in enumerate(configs)
    ]


def check_exact(base: str, parts: list[Path], out: Path) -> None:
    """The stack alone against all parts active.

    In float32 to 1e-5 of the largest logit, since these models of random weights round their own
    logits by 1e-5; in float64, where only the rounding of the stack is left, to 1e-5 as it stands.
    """
    stack(parts, out)
    both, alone = in_peft(base, parts), in_peft(base, [out])
    expected, found = logits(both), logits(alone)
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert (logits(in_peft(base, parts[:1])) - expected).abs().max() > 1e-2
    assert (logits(alone.double()) - logits(both.double())).abs().max() <= 1e-5


@pytest.mark.parametrize("case", CASES)
def test_a_stack_in_peft_is_all_its_parts_active(case, tmp_path):
    parts = made(tmp_path, "llama", CASES[case])
    check_exact("llama", parts, tmp_path / "stack")


@pytest.mark.parametrize("base", ["qwen3", "gemma3", "exaone4"])
@pytest.mark.parametrize("case", ["patterns", "disjoint layers"])
def test_a_stack_is_exact_on_every_architecture(base, case, tmp_path):
    parts = made(tmp_path, base, CASES[case])
    check_exact(base, parts, tmp_path / "stack")


def test_peft_loads_the_layers_that_there_are_and_no_others(tmp_path):
    parts = made(tmp_path, "llama", CASES["disjoint layers"])
    stack(parts, tmp_path / "stack")
    model = in_peft("llama", [tmp_path / "stack"])
    loaded = {name.split(".lora_A")[0] for name, _ in model.named_parameters() if "lora_A" in name}
    changed = {f"base_model.model.{name}" for name in read_lora(tmp_path / "stack").modules}
    assert loaded == changed
    assert len(loaded) == 3 * len(ALL)


def test_adding_matrices_one_by_one_is_another_function(tmp_path):
    """PEFT's `linear` sums A and B apart: were the stack that, the tests above would fail."""
    parts = made(tmp_path, "llama", CASES["equal ranks"])
    model = in_peft("llama", parts)
    both = logits(model)
    model.add_weighted_adapter(["0", "1"], [1.0, 1.0], "linear", combination_type="linear")
    model.set_adapter("linear")
    assert (logits(model) - both).abs().max() > 1e-2


names = st.sampled_from(sorted(LAYERS))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    wanted=st.lists(
        st.tuples(
            st.sets(names, min_size=1),
            st.integers(1, 5),
            st.floats(-50, 50).filter(lambda alpha: alpha == 0 or abs(alpha) > 1e-3),
            st.booleans(),
        ),
        min_size=2,
        max_size=4,
    )
)
def test_the_matrices_of_a_stack_are_the_sum_whatever_its_parts(wanted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wild")
    parts = [
        plain(
            folder / str(number), seed=number, rank=rank, alpha=alpha, use_rslora=rslora,
            layers={name: LAYERS[name] for name in layers},
        )
        for number, (layers, rank, alpha, rslora) in enumerate(wanted)
    ]  # fmt: skip
    card = stack(parts, folder / "stack")
    found = read_lora(folder / "stack")
    assert found.rank == card.rank == sum(rank for _, rank, _, _ in wanted)
    assert found.modules.keys() == set().union(*(layers for layers, *_ in wanted))
    for name, module in found.modules.items():
        assert module.scale == 1
        expected = torch.zeros(LAYERS[name], dtype=torch.float64)
        size = 0.0
        for part, (layers, rank, alpha, rslora) in zip(parts, wanted, strict=True):
            if name in layers:
                tensors = load_file(part / "adapter_model.safetensors")
                a, b = (tensors[f"base_model.model.{name}.lora_{one}.weight"] for one in "AB")
                term = alpha / (math.sqrt(rank) if rslora else rank) * (b.double() @ a.double())
                expected += term
                size += float(term.norm())
        assert (module.b.double() @ module.a.double() - expected).norm() <= 1e-6 * size


@given(
    keys=st.lists(
        st.sampled_from(["q_proj", "proj", r".*1.*", "^model.a", "model.a.q_proj", "a.q"])
    ),
    name=st.sampled_from(["model.a.q_proj", "model.b1.q_proj", "q_proj", "xq_proj"]),
)
def test_patterns_fit_as_in_peft(keys, name, tmp_path_factory):
    pattern = {key: number for number, key in enumerate(keys)}
    expected = pattern.get(get_pattern_key(pattern.keys(), name), "default")
    assert pattern_value(Path("x"), pattern, name, "default") == expected


def test_the_card_of_a_stack_says_what_it_is(tmp_path):
    first = plain(tmp_path / "a", card=trained("policy"))
    second = plain(tmp_path / "b", seed=1, rank=3, card=trained("mine", rank=3))
    card = stack([first, second], tmp_path / "c")
    assert card == read_card(tmp_path / "c")
    assert (card.role, card.origin, card.rank, card.metrics) == ("stack", "stacked", 5, {})
    assert [part.id for part in card.parents] == [adapter_id(first), adapter_id(second)]
    assert [part.name for part in card.parents] == ["policy", "mine"]
    assert (card.base, card.template_hash) == (trained("x").base, "t")
    assert card.id == adapter_id(tmp_path / "c")
    external = plain(tmp_path / "d", seed=2)
    assert stack([first, external], tmp_path / "e").template_hash is None


@pytest.fixture
def parts(tmp_path) -> list[Path]:
    layers = {f"model.layers.{n}.up_proj": (12, 10) for n in range(3)}
    return [plain(tmp_path / str(n), seed=n, rank=r, layers=layers) for n, r in ((0, 5), (1, 3))]


def products(folder: Path) -> dict[str, torch.Tensor]:
    return {
        name: module.scale * (module.b.double() @ module.a.double())
        for name, module in read_lora(folder).modules.items()
    }


@pytest.mark.parametrize("rank", [1, 4, 7])
def test_a_compressed_stack_is_the_best_of_its_rank_and_states_its_error(parts, rank, tmp_path):
    stack(parts, tmp_path / "whole")
    card = stack(parts, tmp_path / "small", rank=rank)
    whole, small = products(tmp_path / "whole"), products(tmp_path / "small")
    lost = {name: float((whole[name] - small[name]).norm()) for name in whole}
    had = {name: float(whole[name].norm()) for name in whole}
    each = {name: lost[name] / had[name] for name in whole}
    worst = max(each, key=lambda name: each[name])
    error = math.hypot(*lost.values()) / math.hypot(*had.values())
    assert card.metrics[ERROR] == pytest.approx(error)
    assert card.metrics[WORST + worst] == pytest.approx(each[worst])
    for name, matrix in whole.items():
        tail = torch.linalg.svdvals(matrix)[rank:]
        assert lost[name] == pytest.approx(float(tail.norm()), rel=1e-5)
    assert (card.origin, card.rank) == ("compressed", rank)
    assert read_lora(tmp_path / "small").rank == rank


def test_compression_to_the_true_rank_loses_nothing(tmp_path):
    """The second adapter is the first again, but for its scale: 3 + 3 ranks hold a matrix of rank 3."""
    parts = [plain(tmp_path / "a", rank=3), plain(tmp_path / "b", rank=3, alpha=1)]
    assert stack(parts, tmp_path / "c", rank=3).metrics[ERROR] < 1e-6
    assert stack(parts, tmp_path / "d", rank=2).metrics[ERROR] > 1e-2
    # A rank beyond what the shapes allow is padded with zeros: 5 of 6, and min(6, 4) is 4.
    assert stack(parts, tmp_path / "e", rank=5).metrics[ERROR] < 1e-6
    assert read_lora(tmp_path / "e").rank == 5


@pytest.mark.parametrize(("rank", "why"), [(8, "rank 8 already"), (9, "exact"), (0, "at least 1")])
def test_a_rank_that_compresses_nothing_is_refused(parts, rank, why, tmp_path):
    with pytest.raises(KoalignError, match=why):
        stack(parts, tmp_path / "c", rank=rank)


@pytest.mark.parametrize("case", ["rsLoRA", "patterns", "disjoint layers"])
def test_a_widened_adapter_is_the_same_function_with_room_for_new_ranks(case, tmp_path):
    (source,) = made(tmp_path, "llama", CASES[case][:1])
    frozen = widen(source, tmp_path / "wide", 3, seed=0)
    assert frozen == read_card(source).rank
    before, after = (logits(in_peft("llama", [f])) for f in (source, tmp_path / "wide"))
    assert (before - after).abs().max() <= 1e-5 * float(before.abs().max())
    lora = read_lora(tmp_path / "wide")
    (folded,) = [summed([source], [read_lora(source)])]
    for name, module in lora.modules.items():
        assert torch.equal(module.a[:frozen], folded[name][0])
        assert torch.equal(module.b[:, :frozen], folded[name][1])
        assert module.a[frozen:].abs().min() > 0
        assert not module.b[:, frozen:].any()
    assert read_json(tmp_path / "wide" / "adapter_config.json")["r"] == frozen + 3
    assert not torch.equal(after, logits(tiny("llama")))


def test_the_distance_of_matrices_is_exact_where_it_is_small():
    a, b = torch.randn(3, 40), torch.randn(30, 3)
    near = {"x": (a, b * (1 + 2**-20))}
    assert compare({"x": (a, b)}, near).error == pytest.approx(2**-20, rel=1e-2)
    assert compare({"x": (a, b)}, {"x": (a, b)}).error < 1e-14
    assert compare({"x": (a, 0 * b)}, {"x": (a, 0 * b)}).error == 0
