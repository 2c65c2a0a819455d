"""Another model under the same name: what was made with the one before is refused, and never gone on from."""

from pathlib import Path

import pytest
from support.command import RUN, koalign

from koalign.config.files import load_config
from koalign.hashing import MODELS, hashes_of
from koalign.plans import outside_of
from koalign.run import ENGINE
from koalign.stages.pipeline import stages_of

OTHER = (
    "another model by now than runs/default was made with, in its weights, settings or tokenizer"
)


@pytest.fixture
def base(scripted, monkeypatch) -> Path:
    """The folder of a model, which the script does not open."""
    folder = Path("base")
    (folder / "original").mkdir(parents=True)
    for name in ("model.safetensors", "config.json", "merges.txt", "README.md", "original/a.json"):
        (folder / name).write_text("1", "utf-8")
    config = Path("koalign.yaml")
    config.write_text(config.read_text("utf-8").replace("path: none", "path: base"), "utf-8")
    return folder


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "merges.txt"])
def test_no_stage_goes_on_from_what_another_base_has_made(base, name):
    koalign("sft", code=0)
    koalign("dpo-pairs", code=0)
    (base / name).write_text("2", "utf-8")
    for command in ("dpo-pairs", "dpo", "evaluate"):
        for force in ([], ["--force"]):
            said = koalign(command, *force, code=2).stderr
            assert f"model.path: base is {OTHER}" in said, said
    for command in ("sft", "run"):
        assert "another model.path: base has changed since" in koalign(command, code=2).stderr
    koalign("prepare", "--force", code=0)
    koalign("dpo", code=0)
    (base / name).write_text("1", "utf-8")
    assert OTHER in koalign("dpo", code=2).stderr


@pytest.mark.parametrize("name", ["README.md", "original/a.json", "note.md"])
def test_what_no_model_is_loaded_from_makes_nothing_stale(base, name):
    koalign("sft", code=0)
    (base / name).write_text("2", "utf-8")
    assert koalign("sft", code=0).stdout.count("nothing to do") == 2
    koalign("dpo-pairs", code=0)


def test_a_base_that_moved_is_the_same(base):
    koalign("sft", code=0)
    base.rename("moved")
    said = koalign("dpo-pairs", "-s", "model.path=moved", code=0).stderr
    assert "prepare was made with model.path = 'base', and it is now 'moved'" in said


def test_another_base_by_its_name_is_refused_too(base):
    koalign("sft", code=0)
    other = Path("other")
    other.mkdir()
    (other / "model.safetensors").write_text("3", "utf-8")
    said = koalign("dpo-pairs", "-s", "model.path=other", code=2).stderr
    assert f"model.path: other is {OTHER}" in said
    assert not (RUN / "samples").exists()


@pytest.mark.parametrize("key", MODELS)
def test_every_model_that_a_config_names_is_known_by_its_files(base, key):
    config = load_config([Path("koalign.yaml")], [f"{key}=base"])
    before = hashes_of(outside_of(key, config))
    (base / "model.safetensors").write_text("2", "utf-8")
    assert before.keys() == {key} and hashes_of(outside_of(key, config)) != before
    assert outside_of(key, load_config([], [f"{key}=owner/name"])) == {}


def test_every_stage_knows_the_files_of_the_models_it_reads():
    settings = [
        "corpus.sources=[builtin:open-book/documents]",
        "query.held_out=0.2",
        "controls=all",
    ]
    settings += ["judge.url=http://127.0.0.1:1/v1", "retrieve.adapter=x", "sft.epochs=1"]
    read = {"engine": {*ENGINE}, "corpus": {"corpus.embedding"}, "model": {"model.path"}}
    stages = stages_of("run", load_config([], settings))
    assert len(stages) > 15
    for stage in stages:
        known = {*stage.inputs}
        known |= {"model.path"} if "prepare/base.json" in known else set()
        known |= {"corpus.embedding"} if "index/index.json" in known else set()
        for section in read.keys() & {*stage.sections}:
            assert read[section] <= known, (stage.name, section)
