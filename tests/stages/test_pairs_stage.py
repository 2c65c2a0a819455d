"""dpo-pairs as a user runs it: items, pairs and drops add up, whatever the order of the files."""

import json
import random
from collections import Counter
from pathlib import Path

from support.command import RUN, koalign
from support.manifests import record_outputs
from support.problems import write_lines

from koalign.jsonl import read_jsonl
from koalign.mining.pairs.mining import Item
from koalign.records import Drop, Pair, Problem, Sample


def stage(*settings: str) -> Path:
    for command in ("sft", "dpo-pairs"):
        koalign(command, *settings, code=0)
    return RUN / "pairs"


def test_every_item_pair_and_drop_adds_up(scripted):
    folder = stage("-s", "pairs.max_position_excess=1")
    items = read_jsonl(folder / "items.jsonl", Item)
    pairs = read_jsonl(folder / "pairs.jsonl", Pair)
    drops = read_jsonl(folder / "dropped.jsonl", Drop)
    samples = read_jsonl(RUN / "samples" / "samples.jsonl", Sample)
    assert sum(item.n for item in items) == len(samples)
    named = Counter(drop.problem_id for drop in drops)
    for item in items:
        own = [pair for pair in pairs if pair.problem_id == item.problem_id]
        assert (item.use == "pairs") == bool(own) and len(own) <= 4
        assert bool(own) or named[item.problem_id]
        assert not own or 0 < item.right < item.n
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["dropped"] == Counter(drop.reason for drop in drops)
    assert report["uses"] == Counter(item.use for item in items)
    drawn = {(s.problem_id, s.permutation, s.text): s.token_ids for s in samples}
    prompts: dict[tuple, set] = {}
    for pair in pairs:
        for side in (pair.chosen, pair.rejected):
            assert drawn[pair.problem_id, pair.permutation, side.text] == side.token_ids
        prompts.setdefault((pair.problem_id, pair.permutation), set()).add(pair.prompt_ids)
    assert all(len(ids) == 1 for ids in prompts.values())
    chosen = {(p.problem_id, p.permutation, p.chosen.text) for p in pairs}
    rejected = [(p.problem_id, p.permutation, p.rejected.text) for p in pairs]
    assert len({*rejected}) == len(rejected) and not chosen & {*rejected}
    order = [(pair.problem_id, pair.permutation) for pair in pairs]
    assert order == sorted(order), "pairs of one prompt stand together"


def test_pairs_are_the_same_whatever_the_order_of_the_files_and_others_for_another_seed(scripted):
    folder = stage("-s", "sample.n=32")  # enough candidates for the seed to have a choice
    outputs = ("pairs.jsonl", "dropped.jsonl", "items.jsonl", "report.json")
    before = {name: (folder / name).read_bytes() for name in outputs}
    for path in (RUN / "samples" / "samples.jsonl", RUN / "samples" / "prompts.jsonl", RUN / "prepare" / "train.jsonl"):  # fmt: skip
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(random.Random(1).sample(lines, len(lines))))
        record_outputs(path.parent)
    from koalign.config.files import load_config
    from koalign.run import execute
    from koalign.stages import pairs

    config = load_config([Path("koalign.yaml")])
    _, ran = execute(pairs.STAGE, config, RUN, force=True)
    assert ran and {name: (folder / name).read_bytes() for name in outputs} == before
    execute(pairs.STAGE, config.model_copy(update={"seed": 1}), RUN, force=True)
    assert (folder / "pairs.jsonl").read_bytes() != before["pairs.jsonl"]


def test_rankings_become_pairs_beside_the_mined_ones(scripted):
    rows = [
        {"prompt": f"{n}째 이야기를 해 보라.", "chosen": f"{n}째 이야기는 이렇다.", "rejected": f"{n}째 것은 저렇다."}
        for n in range(5)
    ]  # fmt: skip
    write_lines(Path("pref.jsonl"), rows)
    data = "data.train=[train.jsonl, pref.jsonl]"
    for command in ("sft", "dpo-pairs"):
        # Few pairs here: the balance of lengths may take any of them.
        done = koalign(command, "-s", data, "-s", "pairs.max_length_bias=null", code=0)
    report = json.loads((RUN / "pairs" / "report.json").read_text(encoding="utf-8"))
    assert report["unverified"] == report["reasons"]["native"] == 5
    assert report["pairs"] > 5 and "5 pairs unverified" in done.stdout
    native = [p for p in read_jsonl(RUN / "pairs" / "pairs.jsonl", Pair) if p.reason == "native"]
    assert {p.chosen.text for p in native} == {row["chosen"] for row in rows}


def test_what_came_into_a_held_out_split_after_sampling_gives_no_pair(scripted):
    stage()
    held_out = RUN / "prepare" / "test.jsonl"
    train = read_jsonl(RUN / "prepare" / "train.jsonl", Problem)
    with held_out.open("a", encoding="utf-8") as file:
        file.write(train[0].model_copy(update={"split": "test"}).model_dump_json() + "\n")
    record_outputs(held_out.parent)
    done = koalign("dpo-pairs", "-s", "pairs.per_problem=3", "--force", code=2)
    assert "1 training problem found in dev or test" in done.stderr
    assert not (RUN / "pairs" / "manifest.json").exists()


def test_a_policy_that_guesses_gives_pairs_of_few_problems_and_the_others_say_why(scripted):
    folder = stage("-s", "pairs.guess_level=0.1", "-s", "sample.n=16")
    items = read_jsonl(folder / "items.jsonl", Item)
    assert sum(item.use == "pairs" for item in items) <= 0.15 * len(items)
    assert sum(item.use == "no_better_than_guessing" for item in items) >= 0.7 * len(items)


def test_no_pair_at_all_is_refused_and_the_list_says_why(scripted):
    Path("script.yaml").write_text("[{texts: ['고른 답: 서울\n정답: 1']}]", encoding="utf-8")
    koalign("sft", code=0)
    done = koalign("dpo-pairs", code=2)
    assert "no problem gave a pair" in done.stderr
    message = done.stderr.splitlines()[-1]
    assert message.count("dropped.jsonl") == 1 and "{" not in message and "_" not in message[:60]
    assert "no well formed right answer 13, all wrong 11" in message
    assert "train SFT longer" in message
    reasons = Counter(d.reason for d in read_jsonl(RUN / "pairs" / "dropped.jsonl", Drop))
    assert sum(reasons.values()) == 24


def test_the_table_ends_the_command_and_names_the_board(scripted):
    koalign("sft", code=0)
    done = koalign("dpo-pairs")
    for said in ("pass@1", "pass@n", "hard", "chosen", "rejected", "difference", "koalign board runs"):  # fmt: skip
        assert said in done.stdout
