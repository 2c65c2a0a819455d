"""A problem, and completions of it that are right, wrong or malformed."""

from hypothesis import strategies as st

from koalign.data.prompting.orders import in_order
from koalign.mining.pairs.mining import SampledPrompt
from koalign.mining.pairs.pairing import PlacedPair
from koalign.records import Completion, Pair, Problem, PromptTokens, Sample

PROBLEM = Problem(question="무엇인가?", choices=("가", "나", "다", "라"), answers=("3",))


OTHER = (2, 3, 0, 1)
"""An order in which the right choice, 다, is the first."""


OPTIONS = {"guess_level": None, "pool_share": 0.5, "max_repetition": 0.5, "max_length_ratio": 2.0}


def sample(
    index: int, text: str, logprob: float = -1.0, finish: str = "stop", length: int = 10, order=()
) -> Sample:
    return Sample(
        problem_id=PROBLEM.id, index=index, adapter="a", text=text, token_ids=range(length),
        logprob=logprob, finish_reason=finish, permutation=order,
    )  # fmt: skip


def says(choice: str, order=()) -> str:
    """What a completion looks like that answers this choice."""
    shown = in_order(PROBLEM, order).choices
    return f"고른 답: {choice}\n정답: {shown.index(choice) + 1}"


def sampled(samples, order=(), problem=PROBLEM) -> SampledPrompt:
    prompt = PromptTokens(problem_id=problem.id, text="문제", token_ids=(1, 2), permutation=order)
    return SampledPrompt(prompt, in_order(problem, order), samples)


def answering(choices: str, order=()) -> SampledPrompt:
    """A sample for each letter; ? cannot be read."""
    texts = ["모르겠다" if choice == "?" else says(choice, order) for choice in choices]
    return sampled([sample(n, text, order=order) for n, text in enumerate(texts)], order)


GOOD = [f"고른 답: {PROBLEM.choices[n]}\n정답: {n + 1}" for n in range(4)]


ODD = ["고른 답: 가\n정답: 3", "고른 답: 다\n정답: 1", "모르겠다", ""]


ROWS = st.tuples(
    st.sampled_from([*GOOD * 4, *ODD]),
    st.floats(-50, 0),
    st.sampled_from([*["stop"] * 6, "length"]),
    st.sampled_from([*[10] * 6, 4, 15, 30]),
)
"""Mostly what a policy writes after fine-tuning, so that most problems have something to pair."""


@st.composite
def sampled_prompts(draw) -> list[SampledPrompt]:
    orders = [(), *draw(st.lists(st.sampled_from([OTHER, (3, 2, 1, 0)]), unique=True))]
    rows = st.lists(ROWS, min_size=1, max_size=8)
    return [sampled([sample(n, *r, order=o) for n, r in enumerate(draw(rows))], o) for o in orders]


def placed(number: int, lengths=(10, 10), places=(1, 2), choices=4) -> PlacedPair:
    chosen, rejected = (Completion(text="", token_ids=range(length)) for length in lengths)
    pair = Pair(
        problem_id=f"{number:016x}", prompt="", prompt_ids=(1,), chosen=chosen, rejected=rejected,
        reason="hard",
    )  # fmt: skip
    return PlacedPair(pair, choices, places)
