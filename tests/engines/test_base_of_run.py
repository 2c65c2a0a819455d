"""A run is answered from on its own base, within the context that the config has now."""

import shutil
from pathlib import Path

import pytest
from support.lora_folders import TINY

from koalign.config.engine import Engine
from koalign.config.inputs import Model
from koalign.engines.opening import base_of_run, describe_base
from koalign.jsonl import read_json, write_json
from koalign.records import KoalignError

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
