"""The reader is trained on top of the policy, whose ranks stay bit for bit."""

import pytest
from safetensors.torch import load_file
from support.problems import exam
from support.stacks import only_the_new_ranks_moved
from support.training import RENDERER, base_of_tests, rows_of

from koalign.adapters.cards import read_card
from koalign.adapters.stack import widen
from koalign.config.files import load_config
from koalign.jsonl import write_json, write_jsonl
from koalign.records import Problem, Sample
from koalign.retrieval.records import Chunk, Passage, ScreenedPassage
from koalign.stages.roles import READER

pytestmark = pytest.mark.slow


def passage(problem: Problem, rank: int) -> Passage:
    chunk = Chunk(
        document="d", title="", source="s", licence="", start=0, end=9, text=f"기록의 {rank}째 줄."
    )
    return Passage(
        problem_id=problem.id, rank=rank, score=1, query="stem", chunk_id=chunk.id, chunk=chunk
    )


def test_training_the_reader_moves_its_new_ranks_alone(tokenizer, parent, tmp_path):
    problems = exam("train")[:8]
    gold, other = ([passage(problem, rank) for problem in problems] for rank in (1, 2))
    written = [ids for _, ids in rows_of(tokenizer, problems)]

    def samples(hints: list[str]) -> list[Sample]:
        return [
            Sample(
                problem_id=problem.id, index=0, adapter="", text=RENDERER.target(problem),
                token_ids=ids, logprob=-1, finish_reason="stop", abstraction_id=hint,
            )
            for problem, ids, hint in zip(problems, written, hints, strict=True)
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
    inputs = {name: tmp_path / name for name in files} | {
        "prepare/base.json": tmp_path / "base.json",
        "dpo/adapter": parent,
    }
    for name, records in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_jsonl(tmp_path / name, records)
    write_json(tmp_path / "base.json", base_of_tests().model_dump(mode="json"))
    quick = ("rank=4", "learning_rate=1e-2", "batch_size=4", "gradient_accumulation_steps=1")
    config = load_config([], [f"reader.{setting}" for setting in quick])
    assert set(inputs) == set(READER.inputs)
    result = READER.run(config.only(READER.sections), inputs, tmp_path / "reader")
    assert (result.counts["gold"], result.counts["distractors_only"]) == (8, 2)
    widen(parent, tmp_path / "start", 4, 0)
    start = load_file(tmp_path / "start" / "adapter_model.safetensors")
    assert only_the_new_ranks_moved(start, tmp_path / "reader" / "adapter")
    card = read_card(tmp_path / "reader" / "adapter")
    assert (card.role, card.frozen_rank, card.rank) == ("reader", 8, 12)
