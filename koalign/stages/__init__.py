"""stages: the pipeline in the order in which it runs. Stages meet on disk, never by import."""

from __future__ import annotations

from koalign.run import PRODUCERS
from koalign.stages import (
    abstraction,
    answer,
    dpo,
    evaluate,
    hints,
    pairs,
    prepare,
    samples,
    sft,
    solve,
)

PIPELINE = (
    prepare.STAGE,
    sft.STAGE,
    samples.STAGE,
    pairs.STAGE,
    dpo.STAGE,
    hints.STAGE,
    abstraction.STAGE,
    answer.STAGE,
    solve.STAGE,
    evaluate.STAGE,
)

COMMANDS = {
    command: tuple(stage for stage in PIPELINE if stage.command == command)
    for command in dict.fromkeys(stage.command for stage in PIPELINE)
}
"""Command -> the stages that it runs, in order."""

PRODUCERS.update({stage.name: stage.command for stage in PIPELINE})
