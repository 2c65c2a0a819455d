"""results: the two files of an evaluated benchmark: results.json and predictions.jsonl."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from koalign.jsonl import read_jsonl, read_record
from koalign.naming import named
from koalign.records import KoalignError, Record

RESULTS = "results.json"
PREDICTIONS = "predictions.jsonl"
Mode = Literal["choice", "generate"]


class Prediction(Record):
    """One line of predictions.jsonl: what was answered to a problem, and what that earned."""

    id: str
    """Id of the problem; `#2` behind it where the data holds it a second time."""
    key: str = ""
    """What its source calls it."""
    question: str = ""
    answer: str | None
    """Of a choice problem the number of the choice, from 1; none: `why` says why."""
    gold: tuple[str, ...]
    correct: bool
    logprobs: tuple[float, ...] = ()
    """Of the candidates, summed over tokens, in nats, in the order of the choices; empty where text
    was generated."""
    text: str = ""
    """What was generated: of several samples the first that gives the answer; empty where candidates
    were scored."""
    why: str
    """match or mismatch; of generated text also no_answer, ambiguous, truncated."""
    scores: dict[str, float]
    """Metric -> what this item earned, from 0 to 1; the first is the protocol's headline."""
    subject: str = ""
    passage: str = ""
    """Items with the same passage are right and wrong together, and are resampled together."""
    hint: str = ""
    """The abstraction that the answer was given with; empty: none."""
    votes: tuple[str | None, ...] = ()
    """The answer of each sample where there are several."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    """Generated, over all samples; 0 where candidates were scored."""

    @property
    def gold_class(self) -> str:
        """Of several right answers the one that was given, else the first: what an F1 counts."""
        return self.answer if self.answer in self.gold else self.gold[0]

    @property
    def name(self) -> str:
        """Key, question and id, for people."""
        return named(self.id, self.question, self.key)

    @property
    def problem_id(self) -> str:
        """The id of the problem, which the data may hold more than once."""
        return self.id.partition("#")[0]

    @property
    def earned(self) -> float:
        """By the headline of its protocol, from 0 to 1; without one whether it is right."""
        return next(iter(self.scores.values()), float(self.correct))

    @property
    def cluster(self) -> str:
        """What is resampled as a whole: the passage, or the problem where there is none."""
        return self.passage or self.problem_id


class Evaluation(Record):
    """results.json: what was asked of which model, and how well it did; written last."""

    protocol: str
    mode: Mode
    template: str
    template_hash: str
    """Of the template with everything that decides the bytes of a prompt."""
    shots: int
    samples: int
    """Completions drawn for each problem; their majority answers."""
    model: str
    weight_hash: str
    tokenizer_hash: str = ""
    """With that of the chat template; empty, as the two below: not recorded by that version."""
    context: int | None = None
    """Tokens of a prompt with its completion."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Key -> value: how answers were drawn and scored, beyond what stands here in fields of their own."""
    adapters: str
    """As `--adapters` names them; `base`: none."""
    left_out: tuple[str, ...] = ()
    """Keys of the sampling, such as temperature, that the server refused."""
    stack: list[dict[str, Any]]
    """The cards of the adapters."""
    dtype: str
    engine: str
    data: dict[str, str]
    """Path -> hash of each file that problems were read from."""
    items: str
    """Hash of the ids of the items, in order."""
    predictions: str = ""
    """Hash of predictions.jsonl; empty: not recorded by that version."""
    n: int
    of: int
    """How many problems the data holds: more than `n` under --limit or --subset."""
    metric: str
    """The headline of the protocol."""
    average: Literal["micro", "macro"]
    """Over all items, or over subjects."""
    results: dict[str, dict[str, float | int | None]]
    """Name -> metric, metric_stderr, metric_low, metric_high (95 %), and n: first the protocol as a
    whole, then its groups and subjects."""
    notes: list[str]
    """What a reader of the figures must know, such as why one is missing."""
    report: dict[str, Any]
    """Calibration, bias of answer positions, lengths, hints: what the tables and the page show."""
    seconds: dict[str, float]
    """load: until the engine stood; run: from the first to the last item."""
    tokens: dict[str, int]
    """prompt: as the items have them; generated. Empty: not counted, as of an endpoint."""
    peak_memory_mb: float
    seed: int
    koalign: str
    git: str | None
    """Commit of koalign's own checkout; none where it is installed."""
    packages: dict[str, str]


def hash_predictions(folder: Path) -> str:
    """SHA-256 (16 hex digits) of predictions.jsonl."""
    return hashlib.sha256((folder / PREDICTIONS).read_bytes()).hexdigest()[:16]


def read_evaluation(folder: Path) -> tuple[Evaluation, list[Prediction]]:
    """What `koalign benchmark` or a run wrote into a folder.

    Raises KoalignError where there is nothing, where it is unfinished, and where the predictions are not
    those that the results speak of.
    """
    if not (folder / RESULTS).exists():
        begun = folder.is_dir() and any(folder.glob("*.jsonl"))
        raise KoalignError(
            f"{folder}: " + ("unfinished; the same command goes on" if begun else
            "no evaluation here; `koalign benchmark PROTOCOL --out FOLDER` makes one")
        )  # fmt: skip
    path = folder / RESULTS
    try:
        evaluation = read_record(path, Evaluation)
        predictions = read_jsonl(folder / PREDICTIONS, Prediction)
    except KoalignError as error:
        reason = str(error).partition(";")[0]
        raise KoalignError(f"{reason}; put it back, or evaluate again with --force") from None
    if len(predictions) != evaluation.n or len({p.id for p in predictions}) != evaluation.n:
        raise KoalignError(
            f"{folder / PREDICTIONS}: {len({p.id for p in predictions})} items, and {RESULTS} speaks of "
            f"{evaluation.n}; evaluate again with --force"
        )
    if evaluation.predictions not in ("", hash_predictions(folder)):
        raise KoalignError(
            f"{folder / PREDICTIONS}: changed since {RESULTS} was written; put it back, or evaluate again "
            "with --force"
        )
    return evaluation, predictions
