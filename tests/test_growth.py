"""Work grows with the length of a text and no faster, wherever a stranger's text is read.

Sixteen times the text may take sixteen times the time, never 256 times. Measured is the time of this
process, at its least of several runs, and only the ratio counts.
"""

import gc
import time
import warnings
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from koalign.data.formats import fields, literals
from koalign.data.formats.documents import document_of_rows, open_document
from koalign.data.formats.inside import problems_inside
from koalign.data.formats.noticed import Noticed
from koalign.data.formats.read import read
from koalign.data.formats.split_names import split_in_name
from koalign.data.preparing.duplicates import find_duplicates
from koalign.data.preparing.leaks import find_leaks, texts_leak
from koalign.data.prompting.choices import order_dependent, permute, split_choices
from koalign.data.prompting.prompts import Renderer, load_template
from koalign.evaluation.diagnosis.reasoning import (
    contradiction,
    copied,
    opening_of,
    phrases_in,
    rationale_of,
)
from koalign.evaluation.metrics.nikl_metrics import split_reason
from koalign.grading.grade import grade, quotes_its_choice
from koalign.mining.distilling.explaining import says_it_was_told
from koalign.mining.distilling.verify import hangul_share, reasoning_of
from koalign.mining.hints.statements import judges_a_statement
from koalign.mining.hints.static_screen import static_refusal
from koalign.records import Problem
from koalign.reports.problems import describe_problems
from koalign.retrieval.chunks import chunks
from koalign.retrieval.html import text_of_html
from koalign.retrieval.wikipedia import plain_text
from koalign.serving.board.words import told
from koalign.serving.problems import problem_in
from koalign.text.choices import unnumbered
from koalign.text.korean import clean, fold, fold_words, han_leak, oddities, unescape_literals
from koalign.text.tex import restored
from koalign.text.visible import visible

SHORT, TIMES, BOUND, FLOOR, FAST = 750, 16, 64, 0.002, 16
"""Letters of the shorter text; how many times as long the other is; how much longer that may take, of at
least so many seconds, which a clock can measure. How many times as long the texts are for what is fast."""

FOUR = ("서울", "부산", "대구", "세종")
BOX = "ㄱ. 나는 학교에 간다고 말했다.\nㄴ. 너는 집에 오지 않았다."


def problem(**changes) -> Problem:
    given = {"question": "물음은 무엇인가?", "choices": FOUR, "answers": ("2",), **changes}
    return Problem(**given)


def answered(gold: str, kind: str) -> Problem:
    return problem(choices=(), answers=(gold,), kind=kind)


def in_row(form: str, **row) -> Callable[[str], object]:
    """Reads a row of a format, each `@` in it the text."""

    def filled(value, text):
        if isinstance(value, str):
            return value.replace("@", text)
        if isinstance(value, list):
            return [filled(item, text) for item in value]
        if isinstance(value, dict):
            return {name: filled(item, text) for name, item in value.items()}
        return value

    return lambda text: read([document_of_rows("x", "", [filled(row, text)])], form)


def screened(**changes) -> Callable[[str], object]:
    return lambda text: static_refusal(
        problem(**changes), text, min_characters=1, max_characters=1_000_000
    )


def screened_in(**changes) -> Callable[[str], object]:
    """The same with the text in the problem."""
    return lambda text: static_refusal(
        problem(**{name: filled(text) for name, filled in changes.items()}),
        "먼저 너는 무엇을 했는지 본다.", min_characters=1, max_characters=1000,
    )  # fmt: skip


RENDERER = Renderer(load_template("direct"))
PHRASES = phrases_in(["가나다라마바사아자차카타파하"])
CULTURE = {"category": "@", "domain": "a", "topic_keyword": "b", "question": "가 @"}
ENTRIES: dict[str, Callable[[str], object]] = {
    "clean": clean, "fold": fold, "fold_words": fold_words, "oddities": oddities, "unescape": unescape_literals,
    "restored": restored, "visible": visible, "han_leak": lambda t: han_leak(t, t[:50]), "split_choices": split_choices,
    "order of a question": lambda t: order_dependent(problem(question="가" + t)),
    "order of a choice": lambda t: order_dependent(problem(choices=("가" + t, "나", "다", "라"))),
    "permute": lambda t: permute(problem(rationale="가" + t), (1, 0, 2, 3)),
    "permute a question": lambda t: permute(problem(question="가" + t, rationale="정답은 ②이다."), (1, 0, 2, 3)),
    "unnumbered": lambda t: unnumbered(("1. " + t, "2. " + t), t),
    "grade": lambda t: grade(problem(), t), "grade what is not": lambda t: grade(problem(question="옳지 않은 것은?"), t),
    "grade short": lambda t: grade(answered("서울", "short"), t), "grade span": lambda t: grade(answered("서울", "span"), t),
    "grade long": lambda t: grade(answered("서울", "long"), t), "grade a gold": lambda t: grade(answered("가" + t, "span"), "정답: 서울"),
    "grade a question": lambda t: grade(problem(question="가" + t), "정답: 2"),
    "grade a choice": lambda t: grade(problem(choices=("가" + t, "나", "다", "라")), "정답: 나"),
    "grade a quoted choice": lambda t: grade(problem(choices=("나", "다", t + "가", "라")), "정답은 " + t),
    "quote": lambda t: quotes_its_choice(problem(), t),
    "screen": screened(box=BOX, choices=("ㄱ", "ㄴ", "ㄱ, ㄴ", "없음"), rationale="왜냐하면 그러하기 때문이다"),
    "screen statements": screened(box=BOX, choices=("ㄱ", "ㄴ", "ㄱ, ㄴ", "ㄷ")),
    "screen short": screened(choices=(), answers=("서울",), kind="short"),
    "screen for choices": screened_in(choices=lambda t: ("ㄱ" + t, "ㄴ", "ㄱ, ㄴ", "ㄷ")),
    "screen for a box": screened_in(box=lambda t: f"ㄱ. {t}\nㄴ. 너는 집에 오지 않았다."),
    "told": says_it_was_told, "rationale": rationale_of, "opening": opening_of, "copied": lambda t: copied(t, t[:50], PHRASES),
    "contradiction": lambda t: contradiction(problem(), t, "stop"), "reason": split_reason, "hangul": hangul_share,
    "reasoning": lambda t: reasoning_of(t, in_thoughts=False), "thoughts": lambda t: reasoning_of(t, in_thoughts=True),
    "duplicates": lambda t: find_duplicates([problem(question="가" + t), problem(question=f"가{t}나")], 0.9),
    "leaks": lambda t: find_leaks([problem(question="가" + t, choices=(), answers=(), kind="short")], [problem(question=f"가{t}나")]),
    "texts": lambda t: texts_leak([t], [problem(question=f"가{t}나")]),
    "key": lambda t: fields.gold(t, FOUR), "letter": lambda t: fields.letter(t, 4), "literal": lambda t: literals.literal(t, "x"),
    "split name": split_in_name, "render": lambda t: RENDERER.render(problem(question="가" + t), "answer"),
    "describe": lambda t: describe_problems([problem(question="가" + t)], [3]),
    "csv": lambda t: read([open_document("a.csv", f"question,answer\n가{t},나\n".encode("utf-8", "replace"))]),
    "tsv": lambda t: read([open_document("a.tsv", f"question\tanswer\n가{t}\t나\n".encode("utf-8", "replace"))]),
    "jsonl": lambda t: read([open_document("a.jsonl", t.encode("utf-8", "replace"))]),
    "native": in_row("native", question="가@", choices=["@", *FOUR], answer="@", box="@"),
    "kmmlu": in_row("kmmlu", question="가@", A="@", B="b", C="c", D="d", answer="@"),
    "haerae": in_row("haerae", query="가@", options=str(list(FOUR)), answer="(A)"),
    "haerae options": in_row("haerae", query="가 (A) 서@울 (B) 부산", options=["서@울", "부산"], answer="(A)"),
    "click": in_row("click", id="@", paragraph="@", question="가@", choices=list(FOUR), answer="서울@"),
    "csat": in_row("csat", id="1", paragraph="@", problems=str({"question": "가", "choices": FOUR, "answer": 1}), question_plus="@"),
    "culture": in_row("nikl-culture", id="1", input={"question_type": "선다형", **CULTURE}, output={"answer": "@"}),
    "culture in words": in_row("nikl-culture", id="1", input={"question_type": "단답형", **CULTURE}, output={"answer": "@"}),
    "rule": in_row("nikl-rule", id="1", input={"question_type": "선택형", "question": "가@"}, output={"answer": "@"}),
    "alpaca": in_row("alpaca", instruction="가@", input="@", output="나@"),
    "sharegpt": in_row("sharegpt", conversations=[{"from": "human", "value": "가@"}, {"from": "gpt", "value": "@나"}]),
    "squad": in_row("squad", context="가@", question="나@", answers={"text": ["가"], "answer_start": [0]}),
}  # fmt: skip

FAST_ENTRIES: dict[str, Callable[[str], object]] = {
    "statements of a hint": lambda t: judges_a_statement(problem(box=f"ㄱ. {STATEMENT}"), t),
    "web page": text_of_html, "article": plain_text, "chunks": lambda t: list(chunks(t, 500, 1)),
    "sentence of a report": told, "address of a page": lambda t: told(f"{t}: 1 of 2, 3 of 4" + t),
    "question of a message": lambda t: problem_in(f"다음 중 옳은 것{t}x\n1. 가\n2. 나"), "message": problem_in,
    "header": lambda t: read([open_document("a.csv", f"question,가{t}나\n가,나\n".encode())]),
    "notes of a question": lambda t: Noticed(in_csv=True).see(problem(question=f"{t}ㄱ"), "a.csv:2"),
    "all or none": lambda t: order_dependent(problem(choices=("보기" + t, "나", "다", "라"))),
    "points": lambda t: read([document_of_rows("x", "", [{"q": "가", "p": f"1{t}x"}])], columns={"question": "q", "points": "p"}),
    "end of a query": in_row("haerae", query="가@나 (A) 서울 (B) 부산", options=["서울", "부산"], answer="(A)"),
    "type of a question": in_row("nikl-rule", id="1", input={"question_type": "@x", "question": "가"}, output={"answer": "가"}),
}  # fmt: skip
"""What takes little time for a letter, so that only a long text tells."""
STATEMENT = "나는 어제 학교에 갔다가 집으로 돌아왔다"
FAST_UNITS = [
    f"{STATEMENT} 그리고 ",
    " ",
    "!",
    "#",
    "형",
    "보",
    "<!--",
    "<style",
    "<![CDATA[",
    "<ref>",
    "[//",
    "=",
    "<보기>",
]
"""Each took quadratic time somewhere."""
NAMED = ["①", " ", "a ", "\u0301", "\u0f73", "\u0301\u200b", '{"답": 3}', "ㄱ,", "㉠㉡"]
"""Each took quadratic time somewhere."""
UNITS = [
    *NAMED, "\t", "\n", "\r", "\u3000", "⑤④③②①", "① ", "1. ", "1.", "1)", "(1)", "1\t", "(A) ", "A.", "A ", "A: ", "ㄱ. ", "ㄱ와 ", "(가)", "{", "}", "[",
    "(", "((a", '"', "'", "“", "「", "*", "**a", "**a**", "_", "$", "$a$", "`", "```", "\\boxed{", "\\boxed{{a", "정답", "정답: ", "정답은 ", "답: ", "답은 3",
    '"답": ', "'답': '", '{"답": "', "<think>", "</think>", "<think", "<answer>", "</answer>", "<", "가", "가 ", "가나다 ", "a", "A", "aB ", "0", "12 ",
    "1,", "1번 ", "1번과 ", "3번이 ", "- ", "–", "#", "## 선택지", "### 질문:", "### 선택지:\n", ".", "...", ". ", "? ", ",", ":", "/", "·", "~", "위의 ", "모두 ",
    "모두정답", "전부 다 ", "보기 ", "없음", "옳은 것은 ", "않은 것은 ", "번째 ", "첫 번째 ", "결론: ", "따라서 ", "따라서 3", "그러나 ", "아니요, ", "죄송합니다. ", "다시 ",
    "3번이므로 ", "때문에 ", "이 아니라 ", "입니다", "입니다.", "이다. ", "또는 ", "과 ", "answer is ", "Answer: A\n", "고른 답: ", "고른 답: a\n정답:", "\n정답:", "정답: 3\n",
    "정답은 3번 ", "③ ", "③이다. ", "③ - 정답\n", "오답", "❌", "✅", "a\u0301", "가\u0301", "\u0344", "\u1100", "\u1161", "\u1100\u1161", "\u200b", "\ufeff",
    "<|im_end|>", "漢", "漢字 ", "(漢", "\\", "\\n", "\\text{", "\\n1\\t", "2019. 1. ", "#a", "만 6세#", "나는 학교에 간다", "나는 ", "지 않", "다고 ", "맞는", "옳다", "이 옳다. ",
    '"가 옳다. ', "은 ", "는지", "１．", "Ａ", "ß", "=>", "힌트", "주어진 ", "정답이 주어", "given ", "the ", "according to ", "라고 ", "\x0crac", "\x0c", "1 mW ", "제1번 ",
]  # fmt: skip
AROUND = [
    ("", ""), ("정답: ", ""), ("정답은 ", " 입니다"), ("①가②나", "\n정답"), ("{", ""), ("1. 가 2. 나 3. ", "다"), ("옳은 것은 ", "이다"), ("<보기>", ""),
    ("{" * 200, ""), ("정답" * 200, ""), ("\n" * 200, ""), ("(" * 200, ""), ("ㄱ. " * 100, ""), ('"' * 200, ""),
]  # fmt: skip


def seconds(entry: Callable[[str], object], text: str, runs: int) -> float:
    """CPU seconds of the fastest run, without garbage collection: its cost is that of what other tests left."""
    least = float("inf")
    gc.disable()
    try:
        for _ in range(runs):
            started = time.process_time()
            with suppress(ValueError, fields.Refused):  # refused in linear time is as good
                entry(text)
            least = min(least, time.process_time() - started)
    finally:
        gc.enable()
    return least


def grows_linearly(
    entry: Callable[[str], object], unit: str, around: tuple[str, str], times: int = 1
) -> bool:
    before, after = around
    short, long = (
        before + unit * (times * length // len(unit)) + after for length in (SHORT, SHORT * TIMES)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Python, on invalid escapes in literals
        return seconds(entry, long, 1) < BOUND * FLOOR or (
            seconds(entry, long, 3) < BOUND * max(seconds(entry, short, 5), FLOOR)
        )


@pytest.mark.parametrize("name", ENTRIES)
def test_work_on_what_was_once_quadratic_grows_with_the_text(name):
    slow = [unit for unit in NAMED if not grows_linearly(ENTRIES[name], unit, ("", ""))]
    assert not slow


@pytest.mark.parametrize("name", FAST_ENTRIES)
def test_work_on_a_long_text_grows_with_it(name):
    entry = FAST_ENTRIES[name]
    assert not [unit for unit in FAST_UNITS if not grows_linearly(entry, unit, ("", ""), FAST)]


def test_work_on_an_object_of_problems_by_id_grows_with_their_number():
    def by_id(text):
        return problems_inside({f"q{n}": {"question": "물음"} for n, _ in enumerate(text)})

    assert grows_linearly(by_id, "가", ("", ""), times=3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENTRIES)
@settings(max_examples=40, deadline=None)
@given(unit=st.sampled_from(UNITS), around=st.sampled_from(AROUND))
def test_work_grows_with_the_text(name, unit, around):
    assert grows_linearly(ENTRIES[name], unit, around)
