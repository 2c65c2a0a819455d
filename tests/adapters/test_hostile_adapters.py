"""An adapter folder of a stranger: shown and checked within bounds, or one line."""

import json
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.command import koalign
from support.lora_folders import TINY_BASE, plain
from support.refusals import refused

from koalign.adapters.base import identify
from koalign.adapters.card import AdapterCard, AdapterPart
from koalign.adapters.cards import adapter_id, check_adapter, write_card
from koalign.config.inputs import Model
from koalign.config.sections import ASSETS

pytestmark = pytest.mark.slow
LAYER = "model.layers.0.mlp.up_proj"


@pytest.fixture(scope="module")
def base():
    return identify(Model(path="builtin:tiny-ko"))


def layers() -> dict[str, tuple[int, int]]:
    config = json.loads((ASSETS / "tiny-ko/config.json").read_text("utf-8"))
    return {LAYER: (config["intermediate_size"], config["hidden_size"])}


ENDLESS = "(m|o|d|e|l|m*)*(([a-z_.0-9]+)+)+!"
CONFIGS = {
    "giant rank": ({"r": 10_000_000}, "says 10000000"),
    "giant rank in a pattern": ({"rank_pattern": {"up_proj": 10_000_000}}, "says 10000000"),
    "endless rank pattern": ({"rank_pattern": {ENDLESS: 4}}, "not done within 5 s"),
    "endless alpha pattern": ({"alpha_pattern": {ENDLESS: 4}}, "not done within 5 s"),
    "endless target": ({"target_modules": ENDLESS}, "not done within 5 s"),
    "endless exclusion": ({"exclude_modules": ENDLESS}, "not done within 5 s"),
    "broken pattern": ({"target_modules": "("}, "cannot be read"),
    "giant repetition": ({"target_modules": "a{99999999999}"}, "cannot be read"),
    "deep pattern": ({"target_modules": "(" * 3000 + ")" * 3000}, "adapter_config.json"),
    "replication": ({"layer_replication": [[0, 10**9]]}, "layer_replication repeats layers"),
    "no pattern": ({"rank_pattern": [1]}, "rank_pattern"),
    "text as rank": ({"r": "x" * 10_000}, "r: Input"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_what_would_fill_memory_or_never_end_is_one_line_before_peft(name, base, tmp_path):
    changes, said = CONFIGS[name]
    folder = plain(tmp_path / "adapter", layers=layers(), **changes)
    started = time.monotonic()
    with refused("adapter", said):
        check_adapter(folder, base, None)
    for command in ("show", "verify"):
        done = koalign("adapters", command, str(folder))
        assert done.returncode in (0, 2) and "Traceback" not in done.stderr
    assert time.monotonic() - started < 60


def test_patterns_as_peft_writes_them_are_taken(base, tmp_path):
    folder = plain(tmp_path / "adapter", layers=layers(), rank=2, r=8, rank_pattern={"up_proj": 2},
                   target_modules=r"model\.layers\.0\.mlp\.(up|side)_proj")  # fmt: skip
    assert check_adapter(folder, base, None).rank == 8


def card_of(parents: list[tuple[Path, str]]) -> AdapterCard:
    parts = tuple(AdapterPart(id=adapter_id(p), name=name, path=str(p)) for p, name in parents)
    return AdapterCard(
        name="x", role="policy", origin="trained", base=TINY_BASE, parents=parts, rank=2, template_hash=None,
        data={}, koalign=None,
    )  # fmt: skip


def test_cards_with_four_parents_a_level_are_one_line_and_a_long_chain_is_listed(tmp_path):
    below: list[Path] = []
    for level in range(12):
        folder = plain(tmp_path / f"a{level}", seed=level)
        write_card(folder, card_of([(p, f"{p.name}-{n}") for p in below[-1:] for n in range(4)]))
        below.append(folder)
    started = time.monotonic()
    for command in ("show", "verify"):
        done = koalign("adapters", command, str(below[-1]))
        assert done.returncode in (0, 2) and "Traceback" not in done.stderr
    with refused("name more than 500 adapters"):
        from koalign.adapters.lineage import ancestors

        ancestors(below[-1], [])
    assert koalign("adapters", "list", str(tmp_path)).returncode == 0
    assert time.monotonic() - started < 60


def test_layers_without_weights_are_refused_before_they_are_built(tmp_path):
    shutil.copytree(ASSETS / "tiny-ko", tmp_path / "base")
    path = tmp_path / "base/config.json"
    config = json.loads(path.read_text("utf-8"))
    config.pop("layer_types", None)
    path.write_text(json.dumps({**config, "num_hidden_layers": 10**7}), "utf-8")
    with refused("num_hidden_layers is 10,000,000, and the weights are"):
        identify(Model(path=str(tmp_path / "base")))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
    | st.sampled_from(["/dev/zero", "..", "\0", "\ud800", "\x1b[2J", "[/b]", "a/b", "http://x", "(a+)+$", 10**30, "9" * 5000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
CARD_KEYS = [*AdapterCard.model_fields, "unknown"]
CONFIG_KEYS = ["r", "lora_alpha", "rank_pattern", "alpha_pattern", "target_modules", "peft_type", "task_type", "bias",
               "base_model_name_or_path", "use_dora", "init_lora_weights", "layer_replication", "x"]  # fmt: skip


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(CARD_KEYS), VALUES, max_size=2),
    st.dictionaries(st.sampled_from(CONFIG_KEYS), VALUES, max_size=2),
    st.binary(max_size=4),
    st.sampled_from(["koalign.json", "adapter_config.json", "adapter_model.safetensors"]),
    st.booleans(),
    st.sampled_from(["list", "show", "verify"]),
)
@example({}, {"rank_pattern": True}, b"", "koalign.json", False, "verify")
def test_any_adapter_folder_is_shown_or_one_line(
    here, base, card, config, junk, file, broken, command
):
    folder = here / "adapter"
    shutil.rmtree(folder, ignore_errors=True)
    plain(folder, layers=layers(), card=card_of([]))
    for name, changes in (("koalign.json", card), ("adapter_config.json", config)):
        path = folder / name
        path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), "utf-8")
    if broken:
        data = (folder / file).read_bytes()
        (folder / file).write_bytes(junk + data[len(junk) : -len(junk) or None])
    done = koalign("adapters", command, str(here if command == "list" else folder))
    assert done.returncode in (0, 2), done.stderr
    assert "Traceback" not in done.stderr and "\x1b" not in done.stdout + done.stderr


def test_a_name_of_a_folder_acts_on_no_terminal(here, base):
    plain(here / "\x1b[2J" / "adapter", layers=layers(), card=card_of([]))
    listed = koalign("adapters", "list", str(here), code=0).stdout
    assert "␛[2J/adapter" in listed and "\x1b" not in listed
