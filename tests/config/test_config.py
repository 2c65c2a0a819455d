"""One config: typed, frozen, every mistake named with its place and the nearest known key."""

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError
from support.command import ROOT
from support.refusals import refused

from koalign.config.files import documented_yaml, known_keys, load_config
from koalign.config.sections import ASSETS
from koalign.records import KoalignError

SHIPPED = sorted([*ROOT.glob("configs/*.yaml"), *ASSETS.glob("*.yaml")])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.name)
def test_every_shipped_yaml_parses(path):
    load_config([ROOT / "configs" / "every-key.yaml", path])


def test_init_and_the_documented_config_have_every_key():
    text = (ROOT / "configs" / "every-key.yaml").read_text(encoding="utf-8")
    assert text == documented_yaml()
    written = yaml.safe_load(text)
    for key in known_keys():
        value = written
        for name in key.split("."):
            assert name in value, key
            value = value[name]


def test_without_a_file_the_example_holds_and_with_one_the_own_koalign_yaml(folder):
    assert load_config([]).model.path == "builtin:tiny-ko"
    Path("koalign.yaml").write_text("model: {path: mine}\ndata: {train: t}\n", encoding="utf-8")
    assert load_config([]).model.path == "mine"


def test_later_files_and_overrides_win(folder):
    Path("a.yaml").write_text(
        "model: {path: a}\ndata: {train: t}\nsft: {rank: 4, alpha: 9}\n", encoding="utf-8"
    )
    Path("b.yaml").write_text("sft: {rank: 8}\n", encoding="utf-8")
    config = load_config([Path("a.yaml"), Path("b.yaml")], ["sft.epochs=5", "data.dev=null"])
    assert (config.sft.rank, config.sft.alpha, config.sft.epochs) == (8, 9, 5)


def test_off_and_on_are_words_and_only_true_and_false_are_booleans(folder):
    Path("a.yaml").write_text("prompt: {thinking: on}\nmodel: {load_in_4bit: true}\n", "utf-8")
    config = load_config([ASSETS / "example.yaml", Path("a.yaml")], ["tracking.wandb=off"])
    assert config.prompt.thinking == "on" and config.model.load_in_4bit is True
    assert config.tracking.wandb == "off"


def test_a_source_is_a_path_or_a_mapping_or_a_list_of_both(folder):
    text = "data:\n  train: [a.csv, {path: b, format: kmmlu, split: dev}]\n  test: c.jsonl\n"
    Path("a.yaml").write_text(f"model: {{path: m}}\n{text}", encoding="utf-8")
    data = load_config([Path("a.yaml")]).data
    assert [(s.path, s.format, s.split) for s in data.train] == [
        ("a.csv", None, None),
        ("b", "kmmlu", "dev"),
    ]
    assert data.test[0].path == "c.jsonl" and data.dev == ()


@pytest.mark.parametrize("text", ["2e-5", "2E-05", "0.00002", "+2e-5", "20e-6", ".2e-4"])
def test_a_number_in_scientific_notation_is_a_number(text):
    assert load_config([], [f"sft.learning_rate={text}"]).sft.learning_rate == 2e-5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sft:\n  learing_rate: 1\n", "k.yaml:2: unknown key 'sft.learing_rate'; did you mean 'sft.learning_rate'?"),
        ("answer: {foreign_share: 0.1}", "unknown key 'answer.foreign_share'; `koalign init`"),
        ("stf:\n  rank: 1\n", "k.yaml:1: unknown key 'stf'; did you mean 'sft'?"),
        ("sft:\n  rank: many\n", "k.yaml:2: sft.rank: Input should be a valid integer, unable to parse string as an integer, found 'many'"),
        ("sft:\n  epochs: aut\n", "k.yaml:2: sft.epochs: expected a number above 0, or auto, found 'aut'"),
        ("sft: {epochs: 0}\n", "k.yaml:1: sft.epochs: expected a number above 0, or auto, found 0"),
        ("dpo: {epochs: auto}\n", "k.yaml:1: dpo.epochs: Input should be a valid number"),
        ("sft:\n  rank: 0\n", "k.yaml:2: sft.rank: Input should be greater than or equal to 1, found 0"),
        ("data: {leak_overlap: true}\n", "k.yaml:1: data.leak_overlap: neither true nor false; null is no value"),
        ("pairs: {max_length_bias: false}\n", "pairs.max_length_bias: neither true nor false"),
        ("data: {train: {path: a, answer_from: true}}\n", "answer_from: neither true nor false"),
        ("data: {train: ''}\n", "data.train: an empty text; null is no value"),
        ("data: {hints: ' '}\n", "k.yaml:1: data.hints: an empty text; null is no value"),
        ("sft: {learning_rate: 2e5}\n", "k.yaml:1: sft.learning_rate: Input should be less than or equal to 1, found 200000.0"),
        ("sft: {rank: 9999999999999999999}\n", "k.yaml:1: sft.rank: no number above 2^53"),
        ("seed: 4294967296\n", "k.yaml:1: seed: Input should be less than or equal to 2147483648"),
        ("seed: true\n", "k.yaml:1: seed: neither true nor false"),
        ("sft: {epochs: true}\n", "sft.epochs: neither true nor false"),
        ("engine: {backend: tpu}\n", "k.yaml:1: engine.backend: Input should be 'auto', 'hf', 'vllm', 'ray' or 'scripted', found 'tpu'"),
        ("data:\n  train: {path: a, fromat: csat}\n", "k.yaml:2: unknown key 'data.train.0.fromat'; did you mean 'data.train.format'?"),
        ("data:\n  train:\n  - a\n  - path: b\n    splt: dev\n", "k.yaml:5: unknown key 'data.train.1.splt'; did you mean 'data.train.split'?"),
        ("sft: {rank: 1}\nsft: {rank: 2}\n", "k.yaml:2: not YAML: key 'sft' is given twice"),
        ("sft: [\n", "k.yaml:2: not YAML"),
        ("solve: {passages: 6}\n", "solve.passages is 6, and `koalign retrieve` keeps 5 of each problem; raise retrieve.passages"),
        ("retrieve: {passages: 2}\n", "passages.per_problem is 3, and `koalign retrieve` keeps 2 of each problem; raise retrieve.passages, or lower passages.per_problem"),
        ("reader: {passages: 4}\n", "reader.passages is 4, and `koalign passages` tries 3 of each problem; raise passages.per_problem, or lower reader.passages"),
        ("- a\n", "k.yaml:1: expected `section:` lines, found list"),
        ("model: !!python/object/apply:os.system ['id']\n", "could not determine a constructor"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_line_and_key(folder, text, said):
    Path("k.yaml").write_text(text, encoding="utf-8")
    with refused(said):
        load_config([ASSETS / "example.yaml", Path("k.yaml")])


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("dpo.bta=1", "-s dpo.bta=1: unknown key 'dpo.bta'; did you mean 'dpo.beta'?"),
        ("dpo.beta", "-s dpo.beta: expected section.key=value"),
        ("data.hints=", "-s data.hints=: expected section.key=value; null is no value"),
        ("dpo.beta=x", "-s dpo.beta=x: dpo.beta: Input should be a valid number"),
        ("dpo.beta=x\ny", "-s dpo.beta=x y: dpo.beta: Input should be a valid number"),
        ("seed=1:30", "-s seed=1:30: seed: Input should be a valid integer"),
        ("dpo." * 3000 + "beta=1", "expected section.key=value"),
    ],
)
def test_a_wrong_override_is_named(override, said):
    with refused(said):
        load_config([], [override])


@pytest.mark.parametrize(("written", "seed"), [("010", 10), ("08", 8), ("+1_000", 1000), ("0x10", 16)])  # fmt: skip
def test_a_whole_number_is_read_as_people_write_it(written, seed):
    assert load_config([], [f"seed={written}"]).seed == seed


def test_a_missing_file_and_a_missing_key_say_what_to_do(folder):
    with pytest.raises(KoalignError, match=r"nope\.yaml: no such config file"):
        load_config([Path("nope.yaml")])
    Path("k.yaml").write_text("model: {path: x}\n", encoding="utf-8")
    with pytest.raises(KoalignError, match="key 'data' is missing; `koalign init` writes"):
        load_config([Path("k.yaml")])


def test_the_config_is_frozen():
    with pytest.raises(ValidationError):
        load_config([]).sft.rank = 3
