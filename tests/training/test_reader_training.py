"""The reader is trained on top of the policy, whose ranks stay bit for bit."""

from pathlib import Path

import pytest
from safetensors.torch import load_file
from support.passages import passage
from support.problems import exam
from support.stacks import only_the_new_ranks_moved
from support.training import RENDERER, base_of_tests, rows_of

from koalign.adapters.cards import read_card
from koalign.adapters.stack import widen
from koalign.config.files import load_config
from koalign.data.prompting.tokens import prompt_ids
from koalign.jsonl import write_json, write_jsonl
from koalign.records import Problem, Sample
from koalign.retrieval.records import Passage, ScreenedPassage
from koalign.run import StageResult
from koalign.stages.roles import READER

pytestmark = pytest.mark.slow


def record(problem: Problem, rank: int) -> Passage:
    return passage(problem.id, f"기록의 {rank}째 줄.", rank)


def written(
    tokenizer, folder: Path, parent: Path, problems: list[Problem], context: int
) -> dict[str, Path]:
    """What the stage reads: a gold passage and a distractor for each problem, and the gold answers."""
    gold, other = ([record(problem, rank) for problem in problems] for rank in (1, 2))
    rows = rows_of(tokenizer, problems)

    def samples(hints: list[str]) -> list[Sample]:
        return [
            Sample(
                problem_id=problem.id, index=0, adapter="", text=RENDERER.target(problem),
                token_ids=ids, logprob=-1, finish_reason="stop", abstraction_id=hint,
            )
            for problem, (_, ids), hint in zip(problems, rows, hints, strict=True)
        ]  # fmt: skip

    files = {
        "prepare/train.jsonl": problems,
        "prepare/shots.jsonl": [],
        "passages/passages.jsonl": [
            ScreenedPassage(passage=one, verdict=verdict, counts={})
            for own, verdict in ((gold, "gold"), (other, "distractor"))
            for one in own
        ],
        "passages/hinted.jsonl": samples([one.hint.id for one in gold]),
        "passages/replication.jsonl": [],
        "passages/bare.jsonl": samples([""] * len(problems)),
    }
    for name, records in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        write_jsonl(folder / name, records)
    base = base_of_tests().model_copy(update={"context": context})
    write_json(folder / "prepare/base.json", base.model_dump(mode="json"))
    inputs = {name: folder / name for name in (*files, "prepare/base.json")}
    return inputs | {"dpo/adapter": parent}


def read(inputs: dict[str, Path], out: Path) -> StageResult:
    """The stage, quick and with two passages in a row."""
    quick = (
        "rank=4",
        "learning_rate=1e-2",
        "batch_size=4",
        "gradient_accumulation_steps=1",
        "passages=2",
    )
    config = load_config([], [f"reader.{setting}" for setting in quick])
    assert set(inputs) == set(READER.inputs)
    return READER.run(config.only(READER.sections), inputs, out)


def test_training_the_reader_moves_its_new_ranks_alone(tokenizer, parent, tmp_path):
    inputs = written(tokenizer, tmp_path, parent, exam("train")[:8], 512)
    counts = read(inputs, tmp_path / "reader").counts
    assert (counts["gold"], counts["distractors_only"], counts["with_fewer_passages"]) == (8, 2, 2)
    widen(parent, tmp_path / "start", 4, 0)
    start = load_file(tmp_path / "start" / "adapter_model.safetensors")
    assert only_the_new_ranks_moved(start, tmp_path / "reader" / "adapter")
    card = read_card(tmp_path / "reader" / "adapter")
    assert (card.role, card.frozen_rank, card.rank) == ("reader", 8, 12)


def test_a_row_without_room_for_its_distractors_shows_gold_alone(tokenizer, parent, tmp_path):
    (problem,) = problems = exam("train")[:1]
    prompt = RENDERER.render(problem, "answer", record(problem, 1).hint.text)
    ((ids,), ((_, answer),)) = prompt_ids(tokenizer, [prompt]), rows_of(tokenizer, problems)
    inputs = written(tokenizer, tmp_path, parent, problems, len(ids) + len(answer))
    counts = read(inputs, tmp_path / "reader").counts
    assert (counts["gold"], counts["with_fewer_passages"], counts["dropped_too_long"]) == (1, 1, 0)
