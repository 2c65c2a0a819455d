"""protocols: a name -> what is asked of a benchmark, how it is scored, and what its figure is a mean of.

A figure can be compared with a published one only where prompt, shots, scoring and average are the same.
`name@source` is a protocol that was published: its prompts are those of its source to the byte, but for
what every reader does to text (NFC, LF line ends, conjoining choseong as jamo: `text.clean`). A template
may stand for a protocol: then completions are graded by koalign's own rule.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from pydantic import Field

from koalign.data.prompting.prompts import load_template, template_names
from koalign.evaluation.metrics.exam_metrics import KMMLU_SUPERCATEGORY
from koalign.evaluation.results import Mode
from koalign.records import KoalignError, Record


class Protocol(Record):
    """What is asked, how an answer is scored, and what the figures are means of."""

    name: str
    about: str
    template: str
    """Name or path of the prompt template."""
    formats: tuple[str, ...] = ()
    """The formats whose problems it can ask; empty: any."""
    mode: Mode = "generate"
    """Whether candidates are scored by their log-probabilities, or a completion is read."""
    candidates: Literal["label", "every label", "label by id", "choice text"] = "label"
    """What is scored: the labels of the choices; all labels of the template, however many choices there
    are; CLIcK's A to D, and E where the id says CSAT; the texts of the choices."""
    whole_query: bool = False
    """Whether the prompt that the source publishes (`Problem.key`) is asked as it stands."""
    grading: Literal[
        "koalign", "letter", "simple-evals", "klue-mrc", "korquad", "nikl-culture", "nikl-rule"
    ] = "koalign"
    """How a completion is read and scored (`item_scores.py`)."""
    shots: int = 0
    """Unless another number is asked for."""
    shot_order: Literal["first", "lm-eval"] = "first"
    """The first of the pool on the problem's subject; or drawn as lm-eval-harness draws them."""
    shots_from: Literal["train", "dev", "test"] = "dev"
    """The split of the pool."""
    own_shot: bool = False
    """Whether an item may stand among its own shots: of CSAT-QA lm-eval-harness does not look."""
    metrics: tuple[str, ...] = ("acc",)
    """The headline first."""
    measured: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Metric -> its subjects, where it is not taken of all."""
    average: Literal["micro", "macro"] = "micro"
    """Over items, or over subjects."""
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Group -> its subjects; each has a figure of its own."""
    subjects: tuple[str, ...] = ()
    """What the figure is of, where there are no groups; other subjects stand beside it. Empty: all."""
    max_tokens: int = 1024
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    """Texts at which a completion is over, and which are no part of it."""

    @property
    def covers(self) -> tuple[str, ...]:
        """The subjects of the whole benchmark; empty: whatever there is."""
        return self.subjects or tuple(s for subjects in self.groups.values() for s in subjects)


def load_protocol(name: str) -> Protocol:
    """The protocol of a name; for a template, by name or path, the one that koalign itself grades.

    Raises KoalignError with the nearest name for what is neither.
    """
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    if name in template_names() or Path(name).suffix in (".yaml", ".yml"):
        template = load_template(name)
        return Protocol(name=template.name, about=template.about, template=name)
    known = [*PROTOCOLS, *template_names()]
    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise KoalignError(
        f"protocol: {name[:60]!r} is neither a protocol nor a template{hint} "
        f"(protocols are {', '.join(PROTOCOLS)})"
    )


def in_mode(protocol: Protocol, mode: Mode) -> Protocol:
    """The protocol in this mode: candidates scored where it has a completion read, or the other way.

    Then it measures what the mode can, at least accuracy. A text that is only continued is over where
    the next shot would begin.
    """
    if mode == protocol.mode:
        return protocol
    template = load_template(protocol.template)
    able = CHOICE_METRICS if mode == "choice" else CHOICE_METRICS - {"acc_norm"}
    return protocol.model_copy(
        update={
            "mode": mode,
            "grading": "koalign",
            "metrics": tuple(m for m in protocol.metrics if m in able) or ("acc",),
            "stop": () if template.chat else (template.separator,),
        }
    )


CHOICE_METRICS = frozenset({"acc", "acc_norm", "f1", "macro_f1", "points"})
"""What can be measured of answers to choice problems."""
_KMMLU = {
    group: tuple(subject for subject, its in KMMLU_SUPERCATEGORY.items() if its == group)
    for group in dict.fromkeys(KMMLU_SUPERCATEGORY.values())
}
_CLICK = {
    "Culture": (
        "Economy", "Geography", "History", "Law", "Politics", "Popular", "Society", "Tradition",
    ),
    "Language": ("Textual", "Functional", "Grammar"),
}  # fmt: skip
_HAERAE = ("general_knowledge", "history", "loan_words", "rare_words", "standard_nomenclature")
_KOBEST = ("boolq", "copa", "hellaswag", "sentineg", "wic")
_MMLU = {
    "STEM": """
        abstract_algebra astronomy college_biology college_chemistry college_computer_science
        college_mathematics college_physics computer_security conceptual_physics
        electrical_engineering elementary_mathematics high_school_biology high_school_chemistry
        high_school_computer_science high_school_mathematics high_school_physics
        high_school_statistics machine_learning""",
    "Humanities": """
        formal_logic high_school_european_history high_school_us_history high_school_world_history
        international_law jurisprudence logical_fallacies moral_disputes moral_scenarios philosophy
        prehistory professional_law world_religions""",
    "Social Sciences": """
        econometrics high_school_geography high_school_government_and_politics
        high_school_macroeconomics high_school_microeconomics high_school_psychology human_sexuality
        professional_psychology public_relations security_studies sociology us_foreign_policy""",
    "Other": """
        anatomy business_ethics clinical_knowledge college_medicine global_facts human_aging
        management marketing medical_genetics miscellaneous nutrition professional_accounting
        professional_medicine virology""",
}
"""As simple-evals groups them (mmlu_eval.py); in Hendrycks' own table anatomy is STEM."""

_ALL = (
    Protocol(
        name="kmmlu@lm-eval",
        about="KMMLU as `kmmlu` of lm-eval-harness (v2.0): letters scored, the mean over items.",
        template="kmmlu",
        formats=("kmmlu",),
        mode="choice",
        shot_order="lm-eval",
        groups=_KMMLU,
    ),
    Protocol(
        name="kmmlu@paper",
        about="KMMLU as its paper reports it (arXiv 2402.11548): five shots, the mean over subjects.",
        template="kmmlu",
        formats=("kmmlu",),
        mode="choice",
        shots=5,
        shot_order="lm-eval",
        average="macro",
        groups=_KMMLU,
    ),
    Protocol(
        name="kmmlu-direct",
        about="KMMLU as `kmmlu_direct` of lm-eval-harness (v2.0): the letter is written, greedily.",
        template="kmmlu",
        formats=("kmmlu",),
        grading="letter",
        shot_order="lm-eval",
        metrics=("exact_match",),
        groups=_KMMLU,
        max_tokens=256,
        stop=("Q:", "\n\n", "</s>", "."),
    ),
    Protocol(
        name="kmmlu-hard@lm-eval",
        about="KMMLU-HARD as `kmmlu_hard` of lm-eval-harness (v2.0); chance is below 25 % here.",
        template="kmmlu",
        formats=("kmmlu",),
        mode="choice",
        shot_order="lm-eval",
        groups=_KMMLU,
    ),
    Protocol(
        name="mmmlu-ko@simple-evals",
        about="Korean MMMLU as OpenAI's simple-evals: English instruction, reasoning, its keys.",
        template="mmmlu-simple-evals",
        formats=("mmmlu",),
        grading="simple-evals",
        groups={group: tuple(subjects.split()) for group, subjects in _MMLU.items()},
        max_tokens=2048,
        temperature=0.5,
    ),
    Protocol(
        name="click@lm-eval",
        about="CLIcK as `click` of lm-eval-harness (v1.0), bug for bug: E is scored and never shown.",
        template="click-lm-eval",
        formats=("click",),
        mode="choice",
        candidates="label by id",
        shot_order="lm-eval",
        shots_from="test",
        metrics=("acc", "acc_norm"),
        groups=_CLICK,
    ),
    Protocol(
        name="click",
        about="CLIcK with every choice shown and scored.",
        template="click",
        formats=("click",),
        mode="choice",
        groups=_CLICK,
    ),
    Protocol(
        name="haerae@lm-eval",
        about="HAE-RAE Bench as `haerae` of lm-eval-harness (v1.0): the published queries, five subjects.",
        template="haerae-lm-eval",
        formats=("haerae",),
        mode="choice",
        candidates="every label",
        whole_query=True,
        shot_order="lm-eval",
        shots_from="test",
        metrics=("acc", "acc_norm"),
        subjects=_HAERAE,
    ),
    Protocol(
        name="kobest@lm-eval",
        about="KoBEST as `kobest` of lm-eval-harness (v1.0); `f1` is the mean of the tasks' macro F1.",
        template="kobest",
        formats=("kobest",),
        mode="choice",
        candidates="choice text",
        shot_order="lm-eval",
        shots_from="train",
        metrics=("acc", "f1", "acc_norm"),
        measured={"acc_norm": ("hellaswag",)},
        subjects=_KOBEST,
    ),
    Protocol(
        name="csatqa@lm-eval",
        about="CSAT-QA as `csatqa` of lm-eval-harness (v0.0); no context is the word None.",
        template="csatqa",
        formats=("csat-qa",),
        mode="choice",
        candidates="every label",
        shot_order="lm-eval",
        shots_from="test",
        own_shot=True,
        metrics=("acc", "acc_norm"),
        subjects=("GR", "LI", "RCH", "RCS", "RCSS", "WR"),
    ),
    Protocol(
        name="csat",
        about="수능형 problems, their numbers scored; macro F1 over the gold numbers.",
        template="csat",
        mode="choice",
        metrics=("macro_f1", "acc", "points"),
    ),
    Protocol(
        name="kice",
        about="수능 papers, their numbers scored: the share of the points, of 100.",
        template="csat",
        mode="choice",
        metrics=("points", "acc"),
    ),
    Protocol(
        name="klue-mrc",
        about="KLUE-MRC generated: EM and ROUGE-W of the official script on the answer that is stated.",
        template="klue-mrc",
        formats=("klue-mrc",),
        grading="klue-mrc",
        metrics=("em", "rouge_w"),
        max_tokens=256,
    ),
    Protocol(
        name="korquad",
        about="KorQuAD 1.0 and 2 generated: EM and F1 of the official scripts on the stated answer.",
        template="klue-mrc",
        formats=("korquad", "korquad-2"),
        grading="korquad",
        metrics=("em", "f1"),
        max_tokens=256,
    ),
    Protocol(
        name="nikl-culture",
        about="국립국어원 한국문화 질의응답 2025: the mean of the scores of the question types.",
        template="nikl",
        formats=("nikl-culture",),
        grading="nikl-culture",
        metrics=("final",),
    ),
    Protocol(
        name="nikl-rule",
        about="국립국어원 어문 규범 2025: the mean of exact match and of the score of the reasons.",
        template="nikl",
        formats=("nikl-rule",),
        grading="nikl-rule",
        metrics=("final",),
    ),
)
PROTOCOLS = {protocol.name: protocol for protocol in _ALL}
