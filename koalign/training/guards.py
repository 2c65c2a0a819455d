"""guards: the log of a training -> stop or go on, and which checkpoint to keep.

Every decision is a function of `TrainerState.log_history`, which transformers saves into each checkpoint,
so that a resumed training decides as an uninterrupted one. transformers' own evaluation,
best checkpoint and early stopping are not taken: they want an evaluation data set, of which TRL would
compute reference log-probabilities, and `save_steps` that evaluations divide; and a stop is forgotten
when its checkpoint is resumed (`CallbackHandler.on_train_begin`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from koalign.config.training import Preference, Probing
from koalign.evaluation.stats.intervals import Z_95, difference_interval
from koalign.jsonl import write_json
from koalign.text.visible import say, warn
from koalign.tracking.events import Log
from koalign.training.history import PREFIX, Entry, evaluations, fell_each_time, measured
from koalign.training.plateau import ROUNDS, rate, start_of_fall
from koalign.training.processes import from_first, gathered
from koalign.training.shard import is_sharded, reshard

SETTINGS = {"rft": "dpo", "reasoning": "answer", "plateau": "sft"}
"""Controls -> the section of the config that they are trained with; other trainings are named as theirs."""
_CANDIDATES = {
    False: "best held-out result of the trained steps, of equals the last; step 0 is no candidate",
    True: "best held-out result, of equals the last; step 0, the adapter at the start, is a candidate",
}


@dataclass(frozen=True)
class Watch:
    """How a training is evaluated and when it stops."""

    section: Probing
    """evaluations and patience."""
    report: Path
    """The JSON file that `report` writes."""
    measure: Callable[[Any], dict[str, float]] | None
    """The model as it stands -> shares of right answers `train` and `held_out`, their numbers of
    problems `train_n` and `held_out_n`, and the mean length `tokens`, among others; none: no probe."""
    from_adapter: bool = False
    """Whether the training starts from a trained adapter: then step 0 may be kept."""
    dpo: Preference | None = None
    """beta, max_displacement and max_length_drift. None: there is no reference to drift away from; SFT
    teaches another length on purpose."""
    to_plateau: bool = False
    """The section has `epochs: auto`; see plateau.py."""


def kept_step(history: Sequence[Entry], watch: Watch | None) -> int | None:
    """The evaluated step with the best held-out accuracy, of equals the last; none: nothing evaluated.

    Step 0 is a candidate where the start is a trained adapter. Elsewhere it is untrained and no result of a
    stage.
    """
    from_start = watch is not None and watch.from_adapter
    candidates = [entry for entry in evaluations(history) if entry["step"] or from_start]
    best = max(candidates, key=lambda e: (e[PREFIX + "held_out"], e["step"]), default=None)
    return None if best is None else int(best["step"])


def displacement(history: Sequence[Entry], beta: float, steps: int) -> float:
    """How far the chosen log-probability lies below the reference, as a share of the reference.

    From what TRL's DPOTrainer logs: rewards are beta times log-ratios. Over the last tenth of `steps`,
    the length of the training, since the pairs of one step say little; 0 until there is as much.
    """
    window = max(1, steps // 10)
    logged = [entry for entry in history if "rewards/chosen" in entry][-window:]
    ratio = sum(entry["rewards/chosen"] / beta for entry in logged)
    reference = sum(entry["logps/chosen"] for entry in logged) - ratio
    return -ratio / abs(reference) if reference and len(logged) == window else 0.0


def reason_to_stop(title: str, watch: Watch, history: Sequence[Entry], steps: int) -> str | None:
    """One line with the reason to stop and the remedy; None: go on. `steps`: of the whole training.

    Thresholds: `Preference.max_displacement`, `Preference.max_length_drift`, `Probing.patience`.
    """
    section, dpo, answers = watch.section, watch.dpo, evaluations(history)
    settings = SETTINGS.get(title, title)
    if dpo is not None and dpo.max_displacement is not None:
        fallen = displacement(history, dpo.beta, steps)
        if fallen > dpo.max_displacement:
            return (
                f"the chosen log-probability per token lies {fallen:.1%} below the reference "
                f"({settings}.max_displacement {dpo.max_displacement:.1%}); "
                f"raise {settings}.sft_weight or lower {settings}.learning_rate"
            )
    if dpo is not None and dpo.max_length_drift is not None and answers:
        before, now = answers[0][PREFIX + "tokens"], answers[-1][PREFIX + "tokens"]
        if now > before * dpo.max_length_drift:
            lengths = " or pairs.max_length_ratio" if settings == "dpo" else ""
            return (
                f"answers have {now:.0f} tokens, and had {before:.0f} before training "
                f"({settings}.max_length_drift {dpo.max_length_drift:g}); "
                f"lower {settings}.learning_rate{lengths}"
            )
    shares = [entry[PREFIX + "held_out"] for entry in answers]
    patience = None if watch.to_plateau else section.patience
    if patience is not None and fell_each_time(shares, patience):
        last = shares[-patience - 1 :]
        return (
            f"held-out {measured(history)} fell {patience} evaluations running "
            f"({', '.join(f'{share:.1%}' for share in last)}; probe.patience); "
            f"lower {settings}.learning_rate or {settings}.epochs"
        )
    return None


def is_over(title: str, watch: Watch, state: Any) -> bool:
    """Whether a training with this TrainerState ends here, if it has steps left."""
    if reason_to_stop(title, watch, state.log_history, state.max_steps):
        return True
    fall = _fall(watch, state)
    return fall is not None and state.global_step >= fall[0] + _round_steps(state)


def _round_steps(state: Any) -> int:
    return state.max_steps // ROUNDS


def _fall(watch: Watch, state: Any) -> tuple[int, str] | None:
    if not watch.to_plateau:
        return None
    return start_of_fall(state.log_history, watch.section.patience, _round_steps(state))


def report(title: str, watch: Watch, state: Any) -> dict[str, float]:
    """Write the evaluations, gaps and the kept step with its reason; returns metrics for the manifest.

    `state` is the TrainerState at the end. The gap is the accuracy on what was trained on minus the
    held-out one, with its 95 % interval (Newcombe 1998): memorisation.
    """
    history = state.log_history
    kept = kept_step(history, watch)
    reason = reason_to_stop(title, watch, history, state.max_steps)
    early = reason is not None and state.global_step < state.max_steps
    if reason:
        end = f"{'stopped' if early else 'ended'} at step {state.global_step} of {state.max_steps}"
        say(f"{title}: {end}: {reason}", err=True)
    answers = [_with_gap(entry) for entry in evaluations(history)]
    metrics: dict[str, float] = {
        "steps": float(state.global_step),
        "stopped_early": float(early),
        "kept_step": float(state.global_step if kept is None else kept),
    }
    if kept is not None:
        best = next(entry for entry in answers if entry["step"] == kept)
        start = "" if kept else " (the adapter that it started from, which no later step reaches)"
        say(f"{title}: step {kept} is kept{start}: {_summary(best)}", err=True)
        if best["held_out"] < answers[0]["held_out"]:
            warn(
                f"{title}: held-out {measured(history)} was {answers[0]['held_out']:.1%} before this "
                "training: "
                f"{best['held_out_n']:.0f} problems show no gain; step 0 is untrained and not kept"
            )
        metrics |= {PREFIX + name: value for name, value in best.items() if name != "step"}
    to_plateau: dict[str, Any] = {}
    if fall := _fall(watch, state):
        epochs = round(state.epoch)
        most = round(state.epoch * state.max_steps / state.global_step)
        say(f"{title}: {epochs} of at most {most} epochs: {fall[1]}", err=True)
        metrics["epochs"] = float(epochs)
        to_plateau = {
            "steps": state.global_step,
            "epochs": epochs,
            "rate_falls_from": fall[0],
            "reason": fall[1],
        }
    write_json(
        watch.report,
        {
            "evaluations": answers,
            "steps": state.max_steps,
            "kept_step": int(metrics["kept_step"]),
            "kept_because": "the last" if kept is None else _CANDIDATES[watch.from_adapter],
            "stopped_at": state.global_step if early else None,
            "reason": reason,
            **to_plateau,
        },
    )
    return metrics


class Guard(TrainerCallback):
    """Runs the probe when it is due, and stops the training where there is a reason.

    Each such step saves a checkpoint, so that the best can be kept and a stop survives a resume.
    """

    def __init__(self, title: str, watch: Watch, log: Log) -> None:
        self._title, self._watch, self._log = title, watch, log

    def on_train_begin(
        self, args: Any, state: Any, control: Any, *, model: Any, lr_scheduler: Any, **_: Any
    ) -> None:
        if not evaluations(state.log_history):
            self._evaluate(state, model)
        if self._watch.to_plateau:  # here: it has its state by now, and its next step reads this
            lr_scheduler.lr_lambdas = [partial(self._rate, args.warmup_steps, state)] * len(
                lr_scheduler.lr_lambdas
            )

    def on_log(self, args: Any, state: Any, control: Any, *, model: Any, **_: Any) -> None:
        if state.global_step in self._due(state.max_steps) or self._reason(state):
            self._evaluate(state, model)
            control.should_save = True
        if is_over(self._title, self._watch, state):
            control.should_training_stop = True

    def _due(self, steps: int) -> set[int]:
        often = ROUNDS if self._watch.to_plateau else self._watch.section.evaluations
        often = often if self._watch.measure else 0
        return {math.ceil(steps * n / often) for n in range(1, often + 1)}

    def _rate(self, warmup: int, state: Any, step: int) -> float:
        fall = _fall(self._watch, state)
        return rate(step, fall[0] if fall else None, warmup, _round_steps(state))

    def _reason(self, state: Any) -> str | None:
        return reason_to_stop(self._title, self._watch, state.log_history, state.max_steps)

    def _evaluate(self, state: Any, model: Any) -> None:
        done = evaluations(state.log_history)
        if self._watch.measure is None or (done and done[-1]["step"] == state.global_step):
            return
        # The numbers of the first process: rounding must not make the processes decide differently.
        measure = partial(self._watch.measure, model)
        if is_sharded(model):
            found = gathered(measure())[0]
            reshard(model)
        else:
            found = from_first(measure)
        measures = {PREFIX + name: value for name, value in found.items()}
        state.log_history.append({**measures, "step": state.global_step})
        # transformers does not delete this step when it rotates checkpoints.
        state.best_global_step = kept_step(state.log_history, self._watch)
        self._log(measures, state.global_step)
        summary = _summary(_with_gap(state.log_history[-1]))
        say(f"{self._title}: step {state.global_step}: {summary}", err=True)


def _with_gap(entry: Entry) -> dict[str, float]:
    # In an order of its own, since what transformers has saved and read again is sorted.
    values = {name.removeprefix(PREFIX): entry[name] for name in ("step", *sorted(entry))}
    train_n, held_out_n = round(values["train_n"]), round(values["held_out_n"])
    gap = values["train"] - values["held_out"]
    if "held_out_error" in values:
        half = Z_95 * math.hypot(values["train_error"], values["held_out_error"])
        return {**values, "gap": gap, "gap_low": gap - half, "gap_high": gap + half}
    low, high = difference_interval(
        round(values["train"] * train_n),
        train_n,
        round(values["held_out"] * held_out_n),
        held_out_n,
    )
    return {**values, "gap": gap, "gap_low": low, "gap_high": high}


def _summary(entry: Entry) -> str:
    return (
        f"held-out {measured([entry])} {entry['held_out']:.1%} (of {entry['held_out_n']:.0f}), "
        f"on training problems {entry['train']:.1%}, gap {entry['gap']:+.1%} "
        f"({entry['gap_low']:+.1%} to {entry['gap_high']:+.1%}), {entry['tokens']:.0f} tokens"
    )
