"""--shard: parts drawn by several processes are, merged, the bytes of a run without shards."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from support.command import KOALIGN, RUN, koalign
from support.kills import content, kill_when, lines_in, run_and_its_samples

from koalign.parts import PartDrawn, Shard
from koalign.records import KoalignError

SAMPLES = RUN / "samples"
BATCHES = 3
"""Of the samples of twenty-four problems under two orders, sixteen prompts each."""
PARTS = SAMPLES / "unfinished"


def drawn(command: list[str], total: int, **options) -> str:
    """What the shards say, one after the other."""
    return "".join(
        koalign(*command, "--shard", f"{n}/{total}", code=0, **options).stdout
        for n in range(1, total + 1)
    )


def stages(*names: str) -> dict[str, dict[str, bytes]]:
    """Outputs of stages but for what tells when and where they were made."""
    return {
        name: {
            path.relative_to(RUN / name).as_posix(): path.read_bytes()
            for path in sorted((RUN / name).rglob("*"))
            if path.is_file() and path.name not in ("manifest.json", ".lock")
        }
        for name in names
    }


@pytest.mark.parametrize("total", [1, 2, 3, 8])
def test_merged_parts_are_the_bytes_of_a_run_without_shards(scripted, total):
    koalign("sft", code=0)
    shutil.copytree("runs", "before")
    koalign("dpo-pairs", code=0)
    whole = stages("samples", "pairs")
    shutil.rmtree("runs")
    shutil.move("before", "runs")
    said = drawn(["dpo-pairs"], total)
    assert said.count("is drawn; not yet whole") == min(total, BATCHES) - 1
    assert "all parts are drawn and merged" in said.splitlines()[-1] and not PARTS.exists()
    koalign("dpo-pairs", code=0)
    assert stages("samples", "pairs") == whole


@pytest.mark.parametrize("finished", [True, False])
def test_a_stage_of_other_settings_is_refused_before_a_part_is_drawn(scripted, finished):
    koalign("sft", code=0)
    koalign("dpo-pairs", code=0)
    if not finished:
        (SAMPLES / "manifest.json").unlink()
    command = ("dpo-pairs", "--shard", "1/2", "-s", "sample.temperature=0.3")
    refused = koalign(*command, code=2).stderr.splitlines()[-1]
    assert refused.startswith(f"koalign: {SAMPLES} was made with sample.temperature = ")
    assert (
        refused.endswith("; take another --run-dir, or remove that folder") and not PARTS.exists()
    )
    shutil.rmtree(SAMPLES)
    koalign(*command, code=0)


def test_a_file_that_two_draws_share_is_named_once():
    first, second = Shard(2, 1), Shard(2, 2)
    drawn = [PartDrawn(["a", "b"], [second]), PartDrawn(["b", "c"], [first, second])]
    assert str(PartDrawn.of_all(drawn)) == "its part of a, b, c is drawn; not yet whole: 1/2, 2/2"


def test_each_problem_is_drawn_by_one_shard(scripted):
    koalign("sft", code=0)
    drawn(["dpo-pairs"], 3)
    shutil.rmtree(SAMPLES)
    for n in (1, 2):
        koalign("dpo-pairs", "--shard", f"{n}/3", code=0)
    one, two = (lines_in(f"{n}-of-3/samples.jsonl")(PARTS) for n in (1, 2))
    assert one > 0 and two > 0
    texts = [set((PARTS / f"{n}-of-3/samples.jsonl").read_text().splitlines()) for n in (1, 2)]
    assert not texts[0] & texts[1]


def test_missing_and_cut_parts_are_named_and_nothing_is_drawn_for_them(scripted):
    koalign("sft", code=0)
    for n in (1, 3):
        koalign("dpo-pairs", "--shard", f"{n}/3", code=0)
    refused = koalign("dpo-pairs", code=2).stderr
    assert "these parts are missing or cut: 2/3; draw each with the same command" in refused
    cut = PARTS / "1-of-3/samples.jsonl"
    whole = cut.read_bytes()
    cut.write_bytes(whole[:-7])
    refused = koalign("dpo-pairs", code=2).stderr
    assert "missing or cut: 1/3, 2/3" in refused and refused.count("\n") == 1
    cut.write_bytes(whole.replace(b'"index"', b'"indeks"', 1))
    refused = koalign("dpo-pairs", code=2).stderr
    assert "1-of-3/samples.jsonl:1: index: Field required" in refused
    cut.unlink()
    koalign("dpo-pairs", "--shard", "1/3", code=0)
    assert cut.read_bytes() == whole
    assert "all parts are drawn and merged" in koalign("dpo-pairs", "--shard", "2/3", code=0).stdout


@pytest.mark.parametrize(
    "text", ["9/8", "0/8", "3", "3/", "/8", "-1/8", "3/8/1", "三/8", "1.5/8", "3 / 8", "0/0", ""]
)
def test_what_is_no_shard_is_refused(text):
    with pytest.raises(KoalignError, match="say which part of how many, such as 1/8 to 8/8"):
        Shard.parse(text)


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["--shard", "9/8"], "--shard 9/8: say which part of how many"),
        (["--shard", "1/4"], "--shard 1/4: runs/default/samples/unfinished holds parts of 3 and of 4"),
        (["--shard", "1/3", "--force"], "--shard with --force: other shards may be drawing"),
        (["--shard", "1/3", "-s", "sample.n=4"], "1-of-3 was made with sample.n = 8, and it is now 4"),
        (["-s", "sample.n=4"], "1-of-3 was made with sample.n = 8, and it is now 4"),
    ],
)  # fmt: skip
def test_another_total_and_other_settings_are_one_line_before_anything_is_drawn(
    scripted, command, says
):
    koalign("sft", code=0)
    koalign("dpo-pairs", "--shard", "1/3", code=0)
    before = content(PARTS / "1-of-3")
    refused = koalign("dpo-pairs", *command, code=2).stderr
    assert says in refused and refused.splitlines()[-1].startswith("koalign: ")
    assert refused.count("koalign: ") == 1 and content(PARTS / "1-of-3") == before


def test_a_part_of_other_data_is_refused(scripted):
    config = yaml.safe_load(Path("koalign.yaml").read_text("utf-8"))
    del config["data"]["hints"]
    Path("koalign.yaml").write_text(yaml.safe_dump(config), "utf-8")
    koalign("sft", code=0)
    koalign("dpo-pairs", "--shard", "1/2", code=0)
    lines = Path("train.jsonl").read_text("utf-8").splitlines()
    Path("train.jsonl").write_text("\n".join(lines[:-1]) + "\n", "utf-8")
    koalign("sft", "--force", code=0)
    refused = koalign("dpo-pairs", "--shard", "1/2", code=2).stderr
    assert "1-of-2 was made with another prepare/train.jsonl" in refused
    koalign("dpo-pairs", "--force", code=0)
    assert not PARTS.exists()


def test_shards_run_beside_each_other_and_not_beside_the_whole(scripted):
    koalign("sft", code=0)
    running = [
        subprocess.Popen(
            [*KOALIGN, "dpo-pairs", "--shard", f"{n}/3"], stderr=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )
        for n in (1, 2, 3)
    ]  # fmt: skip
    ended = [(*process.communicate(), process.returncode) for process in running]
    assert [code for *_, code in ended] == [0, 0, 0], ended
    if not (SAMPLES / "manifest.json").exists():  # each ended before the others' last lines
        koalign("dpo-pairs", "--shard", "1/3", code=0)
    assert (SAMPLES / "manifest.json").exists()


def test_hints_go_on_with_each_pass_until_their_parts_are_merged(scripted):
    koalign("sft", code=0)
    koalign("dpo-pairs", code=0)
    koalign("dpo", code=0)
    shutil.copytree("runs", "before")
    koalign("abstractions", code=0)
    whole = stages("candidates", "hints", "abstraction", "answer")
    shutil.rmtree("runs")
    shutil.move("before", "runs")
    passes = 0
    while "all parts are drawn and merged" not in drawn(["abstractions"], 2):
        passes += 1
        assert passes < 8
    koalign("abstractions", code=0)
    assert stages("candidates", "hints", "abstraction", "answer") == whole


@pytest.mark.parametrize(
    "command",
    [
        ["solve", "test.jsonl", "-o", "out/answers.jsonl", "--adapters", "sft"],
        ["benchmark", "direct", "--mode", "generate", "--adapters", "sft", "-o", "out"],
        ["benchmark", "direct", "--adapters", "sft", "-o", "out"],
    ],
    ids=["solve", "generate", "choice"],
)
def test_a_file_and_a_benchmark_are_drawn_in_parts(scripted, command):
    koalign("sft", code=0)
    Path("out").mkdir()
    koalign(*command, code=0)
    files = ("answers.jsonl", "predictions.jsonl", "samples.jsonl", "scores.jsonl")
    whole = {
        name: (Path("out") / name).read_bytes() for name in files if (Path("out") / name).exists()
    }
    shutil.rmtree("out")
    Path("out").mkdir()
    drawn(command, 2)
    assert not Path("out/answers.jsonl").exists() and not Path("out/predictions.jsonl").exists()
    koalign(*command, code=0)
    assert whole and whole == {name: (Path("out") / name).read_bytes() for name in whole}
    assert not list(Path().rglob("1-of-2"))


def test_the_test_split_is_solved_in_parts(ran):
    whole = stages("solve")
    shutil.rmtree(RUN / "solve")
    said = drawn(["solve"], 2)
    assert "all parts are drawn and merged" in said and stages("solve") == whole


@pytest.mark.slow
def test_eight_shards_of_a_model_one_of_them_killed_are_the_bytes_of_none(tmp_path):
    """Floats too: a shard draws whole batches, cut as without shards."""
    folder, whole = run_and_its_samples(tmp_path)
    own = f"{PARTS}/3-of-8/samples.jsonl"
    kill_when(["dpo-pairs", "--shard", "3/8"], folder, lambda: lines_in(own)(folder) >= 8)
    assert 0 < lines_in(own)(folder) < 24
    drawn(["dpo-pairs"], 8, cwd=folder)
    koalign("dpo-pairs", cwd=folder, code=0)
    for name in ("samples/samples.jsonl", "samples/prompts.jsonl", "pairs/pairs.jsonl"):
        assert content(folder / RUN / name) == content(whole / RUN / name)
