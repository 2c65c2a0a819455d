"""Keys and options that would do nothing are said, or refused in one line."""

import pytest
from support.command import RUN, koalign

from koalign.config.files import load_config
from koalign.jsonl import write_json
from koalign.records import KoalignError

UNREAD = {
    "another stage": (("prepare", "-s", "dpo.beta=0.2"), "dpo.beta", "prepare"),
    "several": (("prepare", "-s", "sample.n=4", "-s", "seed=3", "-s", "prompt.shots=0"), "sample.n, seed", "prepare"),
    "a whole section": (("sft", "-s", "solve={hints: 2, bare: 1}"), "solve", "sft"),
    "no hints in the run": (("run", "-s", "candidates.source=none", "-s", "hints.n=8"), "hints.n", "run"),
    "a file": (("solve", "test.jsonl", "--adapters", "sft", "-o", "a.jsonl", "-s", "sample.n=4"), "sample.n", "solve"),
    "benchmark": (("benchmark", "direct", "--data", "test.jsonl", "--out", "out", "-s", "prompt.shots=2"), "prompt.shots", "benchmark"),
    "one sample": (("benchmark", "direct", "--data", "test.jsonl", "--out", "out", "-s", "sample.top_p=1"), "sample.top_p", "benchmark"),
    "vLLM's key for the scripted engine": (("sft", "-s", "engine.vllm.max_num_seqs=4", "-s", "engine.script=script.yaml"), "engine.vllm.max_num_seqs", "sft"),
    "hints of a file": (("run", "-s", "candidates.own_answers=1"), "candidates.own_answers", "run"),
    "no shots": (("prepare", "-s", "prompt.shots_from=dev"), "prompt.shots_from", "prepare"),
    "preview": (("preview", "-s", "data.seed=3", "-s", "data.dev=train.jsonl"), "data.seed, data.dev", "preview"),
    "mine": (("mine", "-o", "m.jsonl", "-s", "dpo.beta=0.2"), "dpo.beta", "mine"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNREAD)
def test_a_key_of_another_command_is_said_to_play_no_part(case, scripted):
    arguments, keys, command = UNREAD[case]
    koalign("sft", code=0)
    arguments = (*arguments, "--force") if command in ("prepare", "sft") else arguments
    said = koalign(*arguments).stderr.splitlines()
    assert said.count(f"-s {keys}: plays no part in `koalign {command}`") == 1


READ = {
    "shots": ("preview", "-s", "prompt.shots=1", "-s", "prompt.shots_from=dev", "-s", "data.dev=train.jsonl"),
    "hints of the base": ("run", "-s", "candidates.source=base", "-s", "candidates.temperature=0.5"),
    "its own": ("prepare", "-s", "data.leak_overlap=0.7", "--force"),
    "of a stage before": ("dpo-pairs", "-s", "sft.rank=8", "-s", "sample.n=8"),
    "chooses stages": ("evaluate", "-s", "controls=off", "-s", "candidates.source=none"),
    "engine and trackers": ("sft", "-s", "engine.script=script.yaml", "-s", "tracking.project=x"),
    "several samples": ("benchmark", "direct", "--data", "test.jsonl", "--out", "out", "--samples", "3", "-s", "sample.top_p=1"),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_a_key_that_plays_a_part_is_not_said_to_play_none(case, scripted):
    koalign("sft", code=0)
    assert "plays no part" not in koalign(*READ[case]).stderr


def test_a_share_to_hold_out_beside_a_dev_split_is_said_to_do_nothing(scripted):
    said = koalign("prepare", "-s", "data.dev=test.jsonl", "-s", "data.test=[]", "-s", "data.dev_share=0.5", code=0)  # fmt: skip
    assert (
        "data.dev_share: nothing is held out of data.train, since data.dev is given" in said.stderr
    )


@pytest.mark.parametrize("command", ["ask", "chat"])
def test_options_of_the_other_way_to_ask_are_refused(command, ran):
    pytest.importorskip("fastapi")
    question = ("문제",) if command == "ask" else ()
    said = koalign(command, *question, "--url", "http://127.0.0.1:9", "-s", "seed=1", code=2).stderr
    assert "--url: the server has settings of its own" in said
    said = koalign(command, *question, "--token-env", "TOKEN", "--run-dir", str(RUN), code=2).stderr
    assert "--token-env is for --url" in said


def test_a_bound_that_packing_trl_would_ignore_is_refused():
    with pytest.raises(KoalignError, match="row_tokens is for packing groups"):
        load_config([], ["training.packing=trl", "training.row_tokens=512"])


@pytest.mark.parametrize("command, answering", [("serve", False), ("ask", True)])
def test_a_setting_that_plays_no_part_in_answers_is_said(command, answering, ran, monkeypatch):
    pytest.importorskip("fastapi")
    monkeypatch.setattr("koalign.serving.start.serve", lambda *_, **__: None)
    question = ("문제",) if answering else ("--port", "0")
    said = koalign(command, *question, "-s", "sft.rank=8", "-s", "seed=0").stderr
    assert f"-s sft.rank: plays no part in `koalign {command}`" in said


def test_a_kind_for_a_format_that_has_its_own_is_said(folder):
    entry = {"title": "강", "paragraphs": [{"context": "한강은 서울을 지난다.", "qas": [
        {"id": "1", "question": "어디를 지나는가?", "answers": [{"text": "서울", "answer_start": 4}]}]}]}  # fmt: skip
    write_json(folder / "river.json", {"version": "x", "data": [entry]})
    said = koalign("preview", "-s", "data.train={path: river.json, kind: short}", "-s", "model.path=builtin:tiny-ko").stderr  # fmt: skip
    assert "kind: short plays no part, for squad has kinds of its own" in said


@pytest.mark.parametrize("settings, unread", [
    (["engine.backend=hf"], {"vllm", "ray", "gpu_memory_utilization"}), (["engine.backend=vllm"], {"batch_size", "ray"}),
    (["engine.backend=ray", "engine.ray.engine=hf"], {"vllm", "gpu_memory_utilization"}), (["engine.backend=auto"], {"ray"}),
    (["engine.backend=ray"], {"batch_size"}),
])  # fmt: skip
def test_each_backend_reads_its_own_keys(settings, unread):
    engine = load_config([], settings).engine
    assert {*type(engine).model_fields} - {key.partition(".")[2] for key in engine.read} == unread


@pytest.mark.parametrize("arguments, said", [
    (("solve", "--greedy", "-s", "solve.temperature=0.5"), "--greedy and -s solve.temperature"),
    (("solve", "--budget", "4", "-s", "solve.bare=1"), "--budget and -s solve.bare"),
    (("solve", "test.jsonl", "-o", "a", "--adapters", "sft", "-s", "solve.adapters=dpo"), "--adapters and -s solve.adapters"),
    (("serve", "--adapters", "sft", "-s", "solve.adapters=dpo"), "--adapters and -s solve.adapters"),
    (("plan", "--model", "x", "-s", "model.path=y"), "--model and -s model.path"),
    (("benchmark", "direct", "--model", "x", "-s", "model.path=y"), "--model and -s model.path"),
])  # fmt: skip
def test_a_key_that_an_option_sets_too_is_refused(arguments, said, scripted):
    assert f"{said}: say one of them" in koalign(*arguments, code=2).stderr


def test_an_option_alone_sets_its_keys(ran):
    koalign("solve", "test.jsonl", "-o", "a.jsonl", "--greedy", "-s", "solve.top_p=1", code=0)
    koalign("solve", "test.jsonl", "-o", "b.jsonl", "--budget", "1", code=0)
