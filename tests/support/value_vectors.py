"""value_vectors: replies on choices that are numbers, where a number may be a label or a value -> the answer."""

from koalign.records import Problem

AMBIGUOUS = "ambiguous"
FROM_0 = Problem(question="다음 식의 값은?", choices=("0", "1", "2", "3"), answers=("3",))
ODD = FROM_0.model_copy(update={"choices": ("1", "3", "5", "7", "9")})
LARGE = FROM_0.model_copy(update={"choices": ("12", "15", "18", "20")})
FRACTIONS = FROM_0.model_copy(update={"choices": ("2/3", "4/3", "5/3", "2")})
ONE_TO_FOUR = FROM_0.model_copy(update={"choices": ("1", "2", "3", "4")})

# As prompts ask for it a number is a label; in a sentence of its own it may be the value.
LABEL_OR_VALUE = [
    (FROM_0, "정답: 2입니다.", "2"), (FROM_0, "정답: 2 입니다.", "2"), (FROM_0, "**정답: 2**", "2"),
    (FROM_0, "풀이: 1+1=2\n정답: 2", AMBIGUOUS), (FROM_0, "정답: 2번(1)", "2"), (FROM_0, "2", "2"), (FROM_0, "2번입니다.", "2"),
    (FROM_0, "정답은 2입니다.", AMBIGUOUS), (FROM_0, "정답은 2이다.", AMBIGUOUS), (FROM_0, "정답은 2", AMBIGUOUS),
    (FROM_0, "정답은 2라고 생각합니다.", AMBIGUOUS), (FROM_0, "답은 2가 됩니다.", AMBIGUOUS), (FROM_0, "2가 정답이다.", AMBIGUOUS),
    (FROM_0, "계산하면 2이다.", AMBIGUOUS), (FROM_0, "따라서 2입니다.", AMBIGUOUS), (FROM_0, "∴ 2", AMBIGUOUS),
    (FROM_0, "The answer is 2.", AMBIGUOUS), (FROM_0, "따라서 정답은 $2$입니다.", AMBIGUOUS), (FROM_0, "2를 선택합니다.", AMBIGUOUS),
    (ODD, "정답은 5입니다.", AMBIGUOUS), (ODD, "따라서 5입니다.", AMBIGUOUS), (ODD, "정답은 7입니다.", "4"), (ODD, "정답: 5", "5"),
    (ONE_TO_FOUR, "정답은 3입니다.", "3"), (LARGE, "정답은 18입니다.", "3"), (LARGE, "정답은 3입니다.", "3"),
    (FRACTIONS, "정답: 2 입니다.", "2"), (ODD, "x = 5\n정답: 5", AMBIGUOUS), (ODD, "x는 5이다.\n\n**정답: 5**", AMBIGUOUS),
    (ODD, "x = 5이므로 정답: 3", "3"),
    (ODD, "정답: 3 (x=5)", "3"), (ODD, "정답: ③ (x = 5)", "3"), (ODD, "정답: ③ (X)", None), (ODD, "정답: ③ X", None), (ODD, "y = 7이고 x = 9이다.\n정답: 5", "5"),
    (FRACTIONS, "따라서 넓이는 $\\boxed{\\frac{4}{3}}$이고 정답: 2 입니다.", "2"),
]  # fmt: skip
# A mark, 번, or the value beside its label says which of both it is.
LABEL_AND_VALUE = [
    (FROM_0, "정답은 3번, 2입니다.", "3"), (FROM_0, "따라서 답은 ③번, 2이다.", "3"), (FROM_0, "정답은 ③ 2입니다.", "3"),
    (FROM_0, "정답: ③ (2)", "3"), (FROM_0, "정답: 3) 2", "3"), (FROM_0, "답: 2 (3번)", "3"), (FROM_0, "답은 2(③)입니다.", "3"),
    (FROM_0, "정답은 2, 즉 3번이다.", "3"), (FROM_0, "값은 2이므로 ③입니다.", "3"), (FROM_0, "3. 2", "3"),
    (FROM_0, "정답은 2입니다.\n(③)", "3"), (ODD, "따라서 답은 5이므로 ③번입니다.", "3"), (ODD, "정답은 3번 5입니다.", "3"),
]  # fmt: skip
# Values as LaTeX, JSON and arrows write them, and what says that a number is taken.
PRICES = FROM_0.model_copy(update={"choices": ("8,000원", "9,000원", "10,000원", "12,000원")})
ROOTS = FROM_0.model_copy(update={"choices": ("√2 - 1", "1 - √2", "√3/2", "√2 + 1")})
DECIMALS = FROM_0.model_copy(update={"choices": ("0.6826", "0.8185", "0.8413")})
DAYS = FROM_0.model_copy(update={"choices": ("금요일", "토요일", "일요일", "월요일")})
ORDERS = FROM_0.model_copy(
    update={"choices": ("(가)-(나)-(다)-(라)", "(나)-(라)-(가)-(다)", "(나)-(가)-(라)-(다)")}
)
UNDERLINED = FROM_0.model_copy(
    update={
        "question": "어법상 틀린 부분은?\nThe ①man ②are ③here.",
        "choices": ("man", "are", "here"),
    }
)
WRITTEN = [
    (PRICES, "따라서 원가는 $\\boxed{10{,}000}$원입니다.", "3"), (ROOTS, "그래서\n$$\\boxed{\\sqrt{2}-1}$$", "1"),
    (ROOTS, "$\\boxed{\\frac{\\sqrt{3}}{2}}$", "3"), (DECIMALS, '{"analysis": {"1": "0.68"}, "final": "2"}', "2"),
    (DECIMALS, "계산하면 0.8185.\n\nI'll go with 2.", "2"), (DECIMALS, "I would not go with 2.", None),
    (FROM_0, "I'll go with 2.", None), (DECIMALS, "I go to school at 2.", None),
    (DAYS, "그러므로 3월 10일은 일요일이며, 선택지 3번에 해당합니다.", "3"), (DAYS, "3월 10일은 일요일이며, 선택지 2번에 해당합니다.", None),
    (ORDERS, "3번처럼 쓰면 안 됩니다.\n따라서 (나) → (라) → (가) → (다) 순이다.", "2"), (ORDERS, "(나) → (라) → (가) → (다) 순이 아니다.", None),
    (UNDERLINED, "①은 맞다. 틀린 것은 ②이며 'is'로 고쳐야 합니다.", "2"),
    (ODD, "따라서 선택지 중 값이 5인 3번을 고른다.", "3"), (ODD, "따라서 값이 5인 3번을 고르지 않는다.", None),
    (ODD, "따라서 사람이 흔히 3번을 고른다.", None),
]  # fmt: skip

VECTORS = [*WRITTEN, *LABEL_OR_VALUE, *LABEL_AND_VALUE]
