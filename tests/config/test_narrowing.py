"""A stage sees the keys that it declared and no others, and only these can make its result stale."""

import pytest

from koalign.config.files import load_config
from koalign.config.narrowing import narrowed, settings_of
from koalign.run import plan_of
from koalign.stages.prepare import STAGE as PREPARE
from koalign.stages.samples import STAGE as SAMPLES

NEEDED = ["model.path=none", "data.train=a.csv"]
SCRIPTED = ["engine.backend=scripted", "engine.script=a.yaml"]


def plan(stage, *settings):
    return plan_of(stage, load_config([], [*NEEDED, *settings]), {})


@pytest.mark.parametrize("setting", ["backend=auto", "backend=vllm", "vllm.quantization=fp8"])
def test_an_engine_that_prepare_does_not_use_leaves_it_made(setting):
    assert plan(PREPARE) == plan(PREPARE, f"engine.{setting}")
    assert plan(SAMPLES) != plan(SAMPLES, f"engine.{setting}")


def test_the_scripted_base_makes_prepare_stale():
    assert plan(PREPARE) != plan(PREPARE, *SCRIPTED)


def test_a_key_is_read_where_it_is_declared_and_no_other_of_its_section():
    config = load_config([], [*NEEDED, *SCRIPTED])
    part = config.only(["model", "engine.script", "engine.batch_size"])
    assert part.engine.script == "a.yaml" and part.engine.batch_size == 256
    assert part.model == config.model and config.engine.backend == "scripted"
    for section, key in (("engine", "backend"), ("data", "train")):
        with pytest.raises(AttributeError, match=key if section == "engine" else section):
            getattr(getattr(part, section), key)


def test_a_key_that_changes_no_result_is_no_setting_of_it():
    config = load_config([], NEEDED)
    assert settings_of(config, ["engine.script", "seed"]) == {"engine": {"script": None}, "seed": 0}
    assert "batch_size" not in settings_of(config, ["engine"])["engine"]
    assert narrowed(config, ["seed"]).seed == 0


@pytest.mark.parametrize("section", ["teacher", "judge"])
def test_a_server_without_the_name_of_its_model_is_known_by_its_address(section):
    def settings(*named):
        config = load_config([], [*NEEDED, *(f"{section}.{key}" for key in named)])
        return settings_of(config, [section])

    first, second = "url=http://127.0.0.1:1/v1", "url=http://127.0.0.1:2/v1"
    assert settings(first) != settings(second)
    assert settings(first, "model=m") == settings(second, "model=m") != settings(second, "model=n")
    assert settings(first, "timeout=1") == settings(first, "timeout=2")
