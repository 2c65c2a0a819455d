"""A run is trained and answered from on its own base, within the context that the config has now."""

import shutil
from functools import partial
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from support.lora_folders import TINY
from support.problems import exam
from support.training import QUICK, card, job, rows_of

from koalign.adapters.cards import base_of
from koalign.config.engine import Engine
from koalign.config.inputs import Model
from koalign.engines.opening import base_of_run, describe_base, open_engine
from koalign.jsonl import read_json, write_json
from koalign.records import Base, KoalignError
from koalign.training.policy import fresh_policy
from koalign.training.sft import train_sft

pytestmark = pytest.mark.slow


def test_a_context_that_was_changed_since_the_run_was_prepared_is_kept_to():
    made, _ = describe_base(Engine(), Model(path=str(TINY)))
    now = base_of_run(Engine(), Model(path=str(TINY), max_length=64), made, Path("runs/default"))
    assert (made.context, now.context) == (512, 64)


@pytest.mark.parametrize("key", ["chat_template", "unk_token"])
def test_a_base_whose_tokenizer_was_replaced_is_refused(tmp_path, key):
    base = shutil.copytree(TINY, tmp_path / "base")
    made, _ = describe_base(Engine(), Model(path=str(base)))
    settings = read_json(base / "tokenizer_config.json")
    write_json(base / "tokenizer_config.json", {**settings, key: "<x>"})
    with pytest.raises(KoalignError, match="is not the base of run"):
        base_of_run(Engine(), Model(path=str(base)), made, Path("run"))


@pytest.fixture
def replaced(tmp_path) -> tuple[Path, Base]:
    """A base whose weights are others than a run was prepared with, and what the run knows of it."""
    base = shutil.copytree(TINY, tmp_path / "base")
    known, _ = describe_base(Engine(), Model(path=str(base)))
    weights = load_file(base / "model.safetensors")
    name = next(iter(weights))
    save_file(weights | {name: weights[name] + 1}, base / "model.safetensors", {"format": "pt"})
    return base, known


def test_an_engine_is_not_opened_on_other_weights_than_those_of_the_run(replaced):
    base, known = replaced
    with (
        pytest.raises(KoalignError, match="holds other weights on"),
        open_engine(Engine(backend="hf"), Model(path=str(base)), known, [None]),
    ):
        raise AssertionError("it was opened")


def test_no_process_trains_on_other_weights_than_those_of_the_run(replaced, tokenizer, tmp_path):
    base, known = replaced
    described = card("sft", 4).model_copy(update={"base": base_of(known)})
    start = partial(fresh_policy, Model(path=str(base)), 4, 4, 0)
    made = job(start, tokenizer, described, QUICK, tmp_path / "sft")
    with pytest.raises(KoalignError, match="holds other weights on"):
        train_sft(made, rows_of(tokenizer, exam("dev")[:2]))
    assert not (tmp_path / "sft").exists()
