"""The query adapter is trained on top of the policy, whose ranks stay bit for bit."""

import pytest
from safetensors.torch import load_file
from support.problems import exam
from support.stacks import only_the_new_ranks_moved
from support.training import base_of_tests

from koalign.adapters.cards import read_card
from koalign.adapters.stack import widen
from koalign.config.files import load_config
from koalign.jsonl import write_json, write_jsonl
from koalign.retrieval.queries import WrittenQuery, query_renderer
from koalign.stages.roles import QUERY

pytestmark = pytest.mark.slow


def test_training_the_query_adapter_moves_its_new_ranks_alone(parent, tmp_path):
    problems = exam("train")[:8]
    written = [
        WrittenQuery(problem_id=problem.id, text=problem.choices[0], rank=1) for problem in problems
    ]
    files = {
        "prepare/train.jsonl": problems,
        "prepare/shots.jsonl": [],
        "queries/queries.jsonl": written,
    }
    for name, records in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write_jsonl(tmp_path / name, records)
    write_json(tmp_path / "prepare/base.json", base_of_tests().model_dump(mode="json"))
    inputs = {name: tmp_path / name for name in (*files, "prepare/base.json")}
    inputs |= {"dpo/adapter": parent}
    quick = ("rank=4", "learning_rate=1e-2", "batch_size=4", "gradient_accumulation_steps=1")
    config = load_config([], [f"query.{setting}" for setting in quick])
    assert set(inputs) == set(QUERY.inputs)
    result = QUERY.run(config.only(QUERY.sections), inputs, tmp_path / "query")
    assert result.counts["examples"] == 8
    widen(parent, tmp_path / "start", 4, 0)
    start = load_file(tmp_path / "start" / "adapter_model.safetensors")
    assert only_the_new_ranks_moved(start, tmp_path / "query" / "adapter")
    card = read_card(tmp_path / "query" / "adapter")
    assert (card.role, card.frozen_rank, card.rank) == ("query", 8, 12)
    assert card.template_hash == query_renderer("off").hash
