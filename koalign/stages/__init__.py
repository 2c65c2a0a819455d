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
    "prepare": (prepare.STAGE,),
    "sft": (prepare.STAGE, sft.STAGE),
    "dpo-pairs": (samples.STAGE, pairs.STAGE),
    "dpo": (dpo.STAGE,),
    "abstractions": (hints.STAGE, abstraction.STAGE, answer.STAGE),
    "solve": (solve.STAGE,),
    "evaluate": (evaluate.STAGE,),
    "run": PIPELINE,
}
"""Command -> the stages that it makes, in order."""

PRODUCERS.update({stage.name: stage.command for stage in PIPELINE})
