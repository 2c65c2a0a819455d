"""--shard of evaluate, solve and passages: each shard draws its own part, and the whole is that of one run."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from support.command import RUN, koalign
from support.judging import judging
from support.kills import content, lines_in
from support.problems import LONG_ANSWERS, problem, write_lines
from support.project import set_up

EVALUATED = RUN / "evaluate"
PARTS = EVALUATED / "unfinished"
ALONE = ("base", "sft", "dpo", "rft", "answer_alone")
TIMES = {"seconds", "peak_memory_mb"}


@pytest.fixture(scope="module")
def solved_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose test split takes three batches, evaluated."""
    folder = set_up(tmp_path_factory.mktemp("shards"))
    write_lines(folder / "test.jsonl", [problem(n) for n in range(100, 140)])
    koalign("run", cwd=folder, code=0)
    return folder


@pytest.fixture
def solved(folder: Path, solved_run: Path) -> Path:
    shutil.copytree(solved_run, folder, dirs_exist_ok=True)
    return folder


def evaluation() -> dict[str, object]:
    """The files of evaluate but for what tells when and where they were made."""
    files: dict[str, object] = {}
    for path in sorted(EVALUATED.rglob("*")):
        name = path.relative_to(EVALUATED).as_posix()
        if path.is_file() and path.name not in ("manifest.json", ".lock"):
            files[name] = path.read_bytes()
            if path.name == "results.json" and path.parent != EVALUATED:
                figures = json.loads(path.read_bytes())
                files[name] = {key: own for key, own in figures.items() if key not in TIMES}
    return files


def shard(number: int, total: int, *command: str) -> str:
    return koalign(*(command or ("evaluate",)), "--shard", f"{number}/{total}", code=0).stdout


def test_an_evaluation_in_parts_is_merged_to_the_files_of_one_without(solved):
    whole = evaluation()
    shutil.rmtree(EVALUATED)
    first = shard(1, 2)
    assert all(f"{name}/s" in first for name in ALONE) and "not yet whole: 2/2" in first
    assert all(lines_in(f"1-of-2/{name}/*.jsonl")(PARTS) == 24 for name in ALONE)
    assert not list(PARTS.glob("*/*/results.json"))
    passes = 1
    while "all parts are drawn and merged" not in shard(2, 2) + shard(1, 2):
        passes += 1
        assert passes < 5
    assert evaluation() == whole and not PARTS.exists()
    assert koalign("evaluate", code=0).stdout.count("nothing to do") == 2


def test_the_merge_alone_asks_the_judge_and_each_call_is_made_once(questions):
    rows = [
        {**row, "question": row["question"].replace("역할은 무엇인가", "기한은 언제인가")}
        for row in LONG_ANSWERS
    ]
    write_lines(questions / "test.jsonl", rows)
    broken = 10**9

    def fault(body, before):
        return "status:401" if len(server.arrivals) > broken else None

    with judging(fault=fault) as (server, settings):

        def asked() -> Counter:
            return Counter(json.dumps(arrival.body) for arrival in server.arrivals[before:])

        settings = (*settings, "-s", "judge.concurrency=1", "-s", "controls=off")
        for command in ("sft", "dpo-pairs", "dpo"):
            koalign(command, *settings, code=0)
        before = len(server.arrivals)
        koalign("evaluate", *settings, code=0)
        whole, calls = evaluation()["results.json"], asked()
        assert b'"judge": "judge-1-0613"' in whole and calls.total() == len(calls) == 80
        shutil.rmtree(EVALUATED)
        before = len(server.arrivals)
        assert "not yet whole: 2/2" in shard(1, 2, "evaluate", *settings) and not asked()
        broken = before + 7
        failed = koalign("evaluate", *settings, "--shard", "2/2", code=2).stderr
        assert "7 of 80 calls are answered" in failed and asked().total() == 8
        broken = 10**9
        assert "all parts are drawn and merged" in shard(1, 2, "evaluate", *settings)
        assert asked() == calls + Counter([json.dumps(server.arrivals[before + 7].body)])
        assert evaluation()["results.json"] == whole
        shard(2, 2, "evaluate", *settings)
        koalign("evaluate", *settings, code=0)
        assert asked().total() == 81


def test_parts_that_are_missing_or_of_another_total_are_refused_and_one_drawn_again_adds_nothing(
    solved,
):
    shutil.rmtree(EVALUATED)
    shard(1, 3)
    before = content(PARTS / "1-of-3/sft"), content(PARTS / "1-of-3/solving")
    shard(1, 3)
    assert (content(PARTS / "1-of-3/sft"), content(PARTS / "1-of-3/solving")) == before
    refused = koalign("evaluate", code=2).stderr
    assert "of base/" in refused and "these parts are missing or cut: 2/3, 3/3" in refused
    refused = koalign("evaluate", "--shard", "1/2", code=2).stderr
    assert "holds parts of 2 and of 3" in refused
    refused = koalign("evaluate", "--shard", "2/3", "-s", "controls=off", code=2).stderr
    assert "was made with controls = 'cheap'" in refused
    assert not (EVALUATED / "sft").exists()


@pytest.mark.parametrize("adapters", ["sft", "abstraction,answer"])
def test_each_shard_solves_problems_of_its_own_and_the_merge_draws_none(solved, adapters):
    command = ("solve", "train.jsonl", "-o", "answers.jsonl", "--adapters", adapters)
    koalign(*command, code=0)
    whole = Path("answers.jsonl").read_bytes()
    Path("answers.jsonl").unlink()
    shard(1, 2, *command)
    (part,) = (RUN / "solving").glob("*/unfinished/1-of-2")
    shard(2, 2, *command)
    own = [
        set((part.with_name(f"{n}-of-2") / "attempts.jsonl").read_text("utf-8").splitlines())
        for n in (1, 2)
    ]
    assert not own[0] & own[1] and sum(map(len, own)) == 24 and all(own)
    script = Path("script.yaml").read_text("utf-8")
    Path("script.yaml").write_text("[]", "utf-8")  # a model that cannot be asked
    koalign(*command, code=0)
    Path("script.yaml").write_text(script, "utf-8")
    assert Path("answers.jsonl").read_bytes() == whole


@pytest.mark.parametrize("whole", [True, False])
def test_parts_of_a_file_by_another_plan_are_refused_and_the_difference_is_named(solved, whole):
    command = ["solve", "train.jsonl", "-o", "answers.jsonl"]
    shard(1, 2, *command, "--adapters", "sft")
    (part,) = (RUN / "solving").glob("*/unfinished/1-of-2")
    before = content(part)
    again = [] if whole else ["--shard", "2/2"]
    for changed, says in (
        (["--adapters", "sft", "-s", "solve.bare=2"], "solve.bare = 4, and it is now 2; to keep it, repeat -s solve.bare=4"),
        (["--adapters", "sft", "-s", "seed=7"], "seed = 0, and it is now 7"),
        (["--adapters", "dpo"], "solve.adapters = 'sft', and it is now 'dpo'"),
    ):  # fmt: skip
        refused = koalign(*command, *changed, *again, code=2).stderr.splitlines()[-1]
        assert refused.startswith(f"koalign: {part} was made with {says}"), refused
        assert refused.endswith(f"take another -o, or remove {part.parents[1]}")
    Path("more.jsonl").write_text(Path("train.jsonl").read_text("utf-8") * 2, "utf-8")
    other = [*command, "--adapters", "sft", *again]
    other[1] = "more.jsonl"
    assert "another file of problems: more.jsonl" in koalign(*other, code=2).stderr
    other[3] = "others.jsonl"
    koalign(*other, code=0)
    assert content(part) == before and not Path("answers.jsonl").exists()
    missing = koalign(*command, "--adapters", "sft", code=2).stderr
    assert "of attempts.jsonl these parts are missing or cut: 2/2" in missing


def test_the_test_split_is_solved_in_parts_of_its_problems(solved):
    whole = content(RUN / "solve")["answers.jsonl"]
    shutil.rmtree(RUN / "solve")
    shard(1, 3, "solve")
    assert lines_in("unfinished/*/attempts.jsonl")(RUN / "solve") == 16
    refused = koalign("solve", code=2).stderr
    assert "of attempts.jsonl these parts are missing or cut: 2/3, 3/3" in refused
    shard(2, 3, "solve")
    assert "drawn and merged; `koalign solve` shows what came of them" in shard(3, 3, "solve")
    assert content(RUN / "solve")["answers.jsonl"] == whole
