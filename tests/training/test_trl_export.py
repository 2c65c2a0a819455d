"""What is exported for TRL trains there, on the token ids that koalign trains on."""

from pathlib import Path

import pytest
import trl
from accelerate.commands.config.config_args import load_config_from_file
from support.command import RUN, koalign
from support.fake_tokenizers import EMPTY, FAMILIES, fake_tokenizer
from support.problems import exam
from trl.scripts import dpo as trl_dpo
from trl.scripts import sft as trl_sft

from koalign.adapters.base import load_tokenizer
from koalign.config.inputs import Model
from koalign.data.prompting.examples import example_ids, examples_of
from koalign.data.prompting.prompts import Renderer, load_template
from koalign.jsonl import iter_json_lines, read_jsonl
from koalign.records import Pair, Problem
from koalign.training import trl_export
from koalign.training.trl_export import row_text, trl_ids

pytestmark = pytest.mark.slow
QUICK = [
    "engine.backend=hf", "probe.problems=0", "sft.limit=24", "sft.epochs=8", "sft.rank=8", "sample.n=8", "sft.learning_rate=3e-3",
    "sample.limit=12", "pairs.guess_level=null", "prompt.template=direct", "sample.max_tokens=16",
]  # fmt: skip
ON_A_CPU = ["--max_steps", "3", "--use_cpu", "true", "--bf16", "false", "--save_strategy", "no"]
SETTINGS = [part for value in QUICK for part in ("-s", value)]


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> Path:
    """A run on the built-in exam and its export to trl/, with the policy merged."""
    folder = tmp_path_factory.mktemp("run")
    for command in (["dpo-pairs"], ["export", "--trl", "trl"]):
        if command == ["dpo-pairs"]:
            koalign("sft", *SETTINGS, cwd=folder, code=0)
        done = koalign(*command, *SETTINGS, cwd=folder, code=0)
    (folder / "said.txt").write_text(done.stdout + done.stderr, encoding="utf-8")
    koalign("adapters", "export", "sft", "--merge", "-o", "trl/policy", cwd=folder, code=0)
    return folder


@pytest.fixture
def trained(monkeypatch) -> list:
    """The trainers that TRL ran."""
    trainers: list = []
    for trainer in (trl.SFTTrainer, trl.DPOTrainer):

        def train(self, *arguments, run=trainer.train, **options):
            trainers.append(self)
            return run(self, *arguments, **options)

        monkeypatch.setattr(trainer, "train", train)
    return trainers


def train(script, name: str) -> None:
    script.main(
        *script.make_parser().parse_args_and_config(["--config", f"{name}/trl.yaml", *ON_A_CPU])
    )


def test_trl_trains_three_steps_of_sft_on_the_same_ids(exported, trained, monkeypatch):
    monkeypatch.chdir(exported / "trl")
    train(trl_sft, "sft")
    (trainer,) = trained
    assert trainer.state.global_step == 3
    problems = read_jsonl(exported / "runs/default/prepare/train.jsonl", Problem)[:24]
    renderer = Renderer(load_template("direct"))
    tokenizer = load_tokenizer(Model(path="builtin:tiny-ko"))
    rows = example_ids(renderer, tokenizer, examples_of(renderer, problems))
    assert list(trainer.train_dataset["input_ids"]) == [[*p, *c] for p, c in rows]
    assert list(trainer.train_dataset["labels"]) == [[-100] * len(p) + c for p, c in rows]


def test_trl_trains_three_steps_of_dpo_on_the_same_ids(exported, trained, monkeypatch):
    monkeypatch.chdir(exported / "trl")
    train(trl_dpo, "dpo")
    (trainer,) = trained
    assert trainer.state.global_step == 3
    pairs = read_jsonl(exported / "runs/default/pairs/pairs.jsonl", Pair)
    columns = [trainer.train_dataset[f"{side}_ids"] for side in ("prompt", "chosen", "rejected")]
    ids = [(p.prompt_ids, p.chosen.token_ids, p.rejected.token_ids) for p in pairs]
    same = [
        tuple(map(tuple, row)) == own
        for row, own in zip(zip(*columns, strict=True), ids, strict=True)
    ]
    said = (exported / "said.txt").read_text(encoding="utf-8")
    assert all(same) or f"dpo: TRL reads {same.count(False)} row" in said


@pytest.mark.parametrize(
    ("dtype", "loaded", "mixed"),
    [
        ("auto", "bfloat16", "bf16"),
        ("bfloat16", "bfloat16", "bf16"),
        ("float16", "float16", "fp16"),
        ("float32", "float32", "no"),
    ],
)
def test_the_base_is_loaded_and_computed_in_the_dtype_of_the_config(
    exported, dtype, loaded, mixed, monkeypatch
):
    out = f"trl-{dtype}"
    koalign("export", "--trl", out, *SETTINGS, "-s", f"model.dtype={dtype}", cwd=exported, code=0)
    monkeypatch.chdir(exported / out)
    for script, name in ((trl_sft, "sft"), (trl_dpo, "dpo")):
        read = script.make_parser().parse_args_and_config(
            ["--config", f"{name}/trl.yaml", "--use_cpu", "true"]
        )
        arguments, model = read[1:3]
        assert (model.dtype, arguments.mixed_precision) == (loaded, mixed)
    kinds = [load_config_from_file(str(path)) for path in Path("accelerate").iterdir()]
    assert [kind.mixed_precision for kind in kinds] == [mixed] * 4


def test_the_weights_that_trl_trains_on_have_that_dtype(exported, trained, monkeypatch):
    koalign("export", "--trl", "full", *SETTINGS, "-s", "model.dtype=float32", cwd=exported, code=0)
    for folder, dtype in (("trl", "torch.bfloat16"), ("full", "torch.float32")):
        monkeypatch.chdir(exported / folder)
        train(trl_sft, "sft")
        base = trained[-1].model.get_base_model()
        assert {str(p.dtype) for name, p in base.named_parameters() if "lora" not in name} == {
            dtype
        }


def test_four_bits_are_multiplied_in_the_dtype_of_the_base_or_refused(exported, monkeypatch):
    four = ["-s", "model.load_in_4bit=true", "-s", "model.dtype=float16"]
    koalign("export", "--trl", "four", *SETTINGS, *four, cwd=exported, code=0)
    monkeypatch.chdir(exported / "four")
    read = trl_sft.make_parser().parse_args_and_config(["--config", "sft/trl.yaml", "--use_cpu"])
    quantized = trl.get_quantization_config(read[2])
    assert str(quantized.bnb_4bit_compute_dtype) == "torch.float16"
    assert str(quantized.bnb_4bit_quant_storage) == "torch.float16"
    other = [*four, "-s", "model.bnb_4bit_compute_dtype=float32"]
    refused = koalign("export", "--trl", "other", *SETTINGS, *other, cwd=exported, code=2).stderr
    assert "model.bnb_4bit_compute_dtype: float32, and TRL computes" in refused
    assert not (exported / "other").exists()


def test_accelerate_reads_its_files(exported):
    kinds = {
        path.stem: load_config_from_file(str(path)).to_dict()
        for path in (exported / "trl/accelerate").iterdir()
    }
    assert {name: kind["distributed_type"] for name, kind in kinds.items()} == {
        "one_gpu": "NO", "multi_gpu": "MULTI_GPU", "fsdp2": "FSDP", "zero3_offload": "DEEPSPEED"
    }  # fmt: skip
    assert kinds["fsdp2"]["fsdp_config"]["fsdp_version"] == 2
    assert kinds["zero3_offload"]["deepspeed_config"]["offload_param_device"] == "cpu"


def test_the_folder_says_how_and_whose_data_it_holds(exported):
    said = (exported / "said.txt").read_text(encoding="utf-8")
    assert "note: holds texts of builtin:exam" in said
    readme = (exported / "trl/README.md").read_text(encoding="utf-8")
    assert "trl sft --config sft/trl.yaml --accelerate_config accelerate/fsdp2.yaml" in readme
    assert {tuple(row) for _, row in iter_json_lines(exported / "trl/dpo/train.jsonl")} == {
        ("prompt", "chosen", "rejected")
    }
    again = koalign("export", "--trl", "trl", *SETTINGS, cwd=exported, code=2).stderr
    assert "trl is there already" in again


def test_a_run_without_data_says_which_command_makes_it(tmp_path):
    assert (
        "run `koalign prepare` first"
        in koalign("export", "--trl", "x", cwd=tmp_path, code=2).stderr
    )


@pytest.mark.parametrize("template", ["direct", "quote-then-number", "kmmlu"])
@pytest.mark.parametrize("family", FAMILIES)
def test_text_has_the_ids_of_every_family(family, template):
    tokenizer = fake_tokenizer(family)
    thinking = "auto" if FAMILIES[family].off not in ("", EMPTY) else "off"
    renderer = Renderer(load_template(template), thinking)
    rows = example_ids(renderer, tokenizer, examples_of(renderer, exam("dev")[:8]))
    same = []
    for prompt, completion in rows:
        text = row_text(tokenizer, prompt, [completion])
        end = tokenizer.convert_ids_to_tokens(completion[-1])
        same.append(trl_ids(tokenizer, text, end) == [prompt, completion])
    # Its prompts end in a line end that is another token before a text: such a set is written as ids.
    assert all(same) != (family == "exaone-4.0" and renderer.template.chat)


@pytest.mark.parametrize("stage", ["prepare", "pairs"])
def test_sets_of_a_stage_that_is_made_again_meanwhile_are_not_written(stage, exported, monkeypatch):
    manifest = exported / RUN / stage / "manifest.json"
    write, whole = trl_export._write_set, manifest.read_bytes()

    def then_remade(folder, *arguments):
        made = write(folder, *arguments)
        if folder.name == "dpo":
            manifest.unlink()
        return made

    monkeypatch.setattr(trl_export, "_write_set", then_remade)
    try:
        said = koalign("export", "--trl", "again", *SETTINGS, cwd=exported, code=2).stderr
    finally:
        manifest.write_bytes(whole)
    assert f"{stage}: is made again while this command reads it" in said
    assert not (exported / "again").exists()
