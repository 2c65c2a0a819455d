"""What tests let several processes do; in a file that is quickly imported, as each of them must."""

import os
import signal
from pathlib import Path
from typing import Any

from koalign.records import KoalignError
from koalign.training import plateau, processes


def end_in(place: int, how: str) -> None:
    """The process of this number refuses, fails or is killed, while the others wait for it."""
    processes.gathered(processes.number())
    if processes.number() == place:
        if how == "refuse":
            raise KoalignError("sft: the loss of step 3 is not finite; lower it")
        if how == "fail":
            raise RuntimeError("its frozen ranks have moved")
        os.kill(os.getpid(), signal.SIGKILL)
    processes.gathered("never")


def places(word: str) -> tuple[list[tuple[int, str]], str]:
    """What everybody says, and what the first says."""
    said = processes.gathered((processes.number(), word))
    return said, processes.from_first(lambda: f"first: {processes.number()}")


def sft_with_short_rounds(*arguments: Any) -> Any:
    """A trainer with rounds of four steps, in a process that has read the constant afresh."""
    from koalign.training.sft import sft_trainer

    plateau.ROUND_STEPS = 4
    return sft_trainer(*arguments)


def gradients(
    start: Any, tokenizer: Any, rows: Any, training: Any, work: Path
) -> tuple[dict[str, Any], int, int]:
    """Of the first step of an SFT of all rows; and the bytes of the base, and of those in this process."""
    from koalign.training.sft import sft_trainer
    from koalign.training.shard import is_sharded, open_policy
    from support.training import QUICK

    policy = open_policy(start, training)
    section = QUICK.model_copy(update={"batch_size": len(rows)})
    trainer = sft_trainer(policy, tokenizer, rows, section, training, work, 0)
    batches, items = trainer.get_batch_samples(
        iter(trainer.get_train_dataloader()), 1, trainer.args.device
    )
    trainer.training_step(policy, batches[0], items)
    found = {name: p.grad for name, p in policy.named_parameters() if p.requires_grad}
    frozen = [p for p in policy.parameters() if not p.requires_grad]
    whole = sum(p.numel() * p.element_size() for p in frozen)
    here = [p.to_local() for p in frozen] if is_sharded(policy) else frozen
    return found, whole, sum(p.numel() * p.element_size() for p in here)


def sft_that_is_lost_once(*arguments: Any) -> Any:
    """A trainer whose second process is killed after its second step; after a new start it goes on."""
    from transformers import TrainerCallback

    from koalign.training.sft import sft_trainer

    mark = Path(arguments[5]).parent / "lost"

    class Killed(TrainerCallback):
        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == 2 and processes.number() == 1 and not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)

    trainer = sft_trainer(*arguments)
    trainer.add_callback(Killed())
    return trainer
