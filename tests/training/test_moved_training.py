"""A run that is moved away while it trains: its checkpoints and its adapter go to no other run of that name."""

import pytest
from support.command import RUN, koalign
from support.kills import small_run

from koalign.training import checkpoints

pytestmark = pytest.mark.slow
SMALL = {"batch_size": 8, "gradient_accumulation_steps": 1, "epochs": 1}


@pytest.mark.parametrize("save_steps", [1, 100])
def test_a_training_whose_run_was_moved_away_leaves_the_run_under_its_old_name_alone(
    folder, monkeypatch, save_steps
):
    small_run(
        folder, {"train": 32, "dev": 4, "test": 2},
        probe={"problems": 0}, sft={**SMALL, "save_steps": save_steps},
    )  # fmt: skip
    step = checkpoints.Finite.on_pre_optimizer_step
    other = RUN / "sft" / "unfinished" / "checkpoint-9"

    def then_moved(callback, args, state, control, **more):
        step(callback, args, state, control, **more)
        if state.global_step == 2:
            RUN.rename("moved")
            other.mkdir(parents=True)
            (other / "theirs").touch()

    monkeypatch.setattr(checkpoints.Finite, "on_pre_optimizer_step", then_moved)
    said = koalign("sft", code=2).stderr
    assert "sft: moved or removed while it was written" in said
    assert [path.name for path in other.parent.iterdir()] == ["checkpoint-9"]
    assert [path.name for path in other.iterdir()] == ["theirs"]
    assert not (RUN / "sft" / "adapter").exists()
