"""A Q&A project without choices goes the whole way: SFT, no pairs in words, an evaluation by ROUGE-L."""

import json

import pytest
from support.command import RUN, koalign
from support.problems import LONG_ANSWERS, write_lines


@pytest.fixture
def questions(scripted):
    for name, rows in (
        ("train", LONG_ANSWERS[:12]),
        ("dev", LONG_ANSWERS[12:15]),
        ("test", LONG_ANSWERS[15:]),
    ):
        write_lines(scripted / f"{name}.jsonl", rows)
    return scripted


SETTINGS = (
    "-s", "data.hints=null", "-s", "data.train=train.jsonl", "-s", "data.dev=dev.jsonl", "-s", "data.test=test.jsonl",
    "-s", "data.leaks=drop", "-s", "prompt.template=mna",
)  # fmt: skip


def test_the_chain_ends_with_sft_and_is_measured_by_rouge(questions):
    done = koalign("run", *SETTINGS, code=0)
    assert "so they are long: measured by ROUGE-L" in done.stderr
    assert "no pairs, so the chain ends with SFT" in done.stdout
    assert "ROUGE-L, %" in done.stdout and "{" not in done.stdout + done.stderr
    results = json.loads((RUN / "evaluate" / "results.json").read_text(encoding="utf-8"))
    assert [*results] == ["base", "sft"]
    for row in results.values():
        assert (row["metric"], row["macro_f1"], row["p_value"]) == ("rouge_l", None, None)
        assert row["ci_low"] <= row["accuracy"] <= row["ci_high"]
    assert not (RUN / "samples").exists()
    again = koalign("run", *SETTINGS, code=0)
    assert again.stdout.count("nothing to do") == 3
    assert koalign("evaluate", *SETTINGS, code=0).stdout.count("nothing to do") == 1


def test_each_seed_ends_with_sft(questions):
    done = koalign("run", "--seeds", "2", *SETTINGS, code=0)
    assert "ROUGE-L, %" in done.stdout


def test_rankings_give_pairs_and_long_answers_are_not_sampled(questions):
    rankings = [
        {"prompt": row["question"] + " 자세히 쓰시오.", "chosen": row["answer"], "rejected": row["answer"] + " 끝."}
        for row in LONG_ANSWERS[:8]
    ]  # fmt: skip
    write_lines(questions / "rankings.jsonl", rankings)
    settings = (*SETTINGS, "-s", "data.train=[train.jsonl, rankings.jsonl]")
    done = koalign("run", *settings, code=0)
    assert "samples: problems 0, samples 0" in done.stdout
    results = json.loads((RUN / "evaluate" / "results.json").read_text(encoding="utf-8"))
    assert [*results] == ["base", "sft", "dpo", "rft"]


def test_without_rankings_dpo_pairs_says_what_is_missing(questions):
    koalign("sft", *SETTINGS, code=0)
    done = koalign("dpo-pairs", *SETTINGS, code=2)
    assert "give rankings as training data" in done.stderr and "{" not in done.stderr
