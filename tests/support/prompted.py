"""prompted: a problem of each kind, and its prompt and completion under a template."""

from koalign.data.prompting import prompts
from koalign.data.prompting.prompts import Renderer, load_template
from koalign.data.prompting.tokens import completion_ids, prompt_ids
from koalign.records import Problem

CHOICE = Problem(
    question="옳은 것은?", passage="지문이다.", box="ㄱ. 하나", choices=("하나", "둘", "셋", "넷", "다섯"),
    answers=("3",), rationale="셋이라고 하였다.", subject="Law",
)  # fmt: skip
FOUR = CHOICE.model_copy(update={"choices": CHOICE.choices[:4], "passage": "", "box": ""})
SHORT = Problem(question="몇 세?", kind="short", answers=("6세", "여섯 살"), rationale="그렇다.")


def renderer(name: str = prompts.DEFAULT, **changes) -> Renderer:
    return Renderer(load_template(name), **changes)


def row(tokenizer, asked: Renderer, problem: Problem) -> tuple[list[int], list[int]]:
    """Prompt and completion ids of a problem."""
    shown = [asked.render(problem, "answer")]
    (ids,) = prompt_ids(tokenizer, shown)
    (written,) = completion_ids(tokenizer, shown, [asked.target(problem)])
    return ids, written
