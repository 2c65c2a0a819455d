"""grading_vectors: completions of small exam problems -> the answer that each states, or none."""

import unicodedata

from koalign.records import Problem

FOUR = Problem(question="무엇인가?", choices=("가", "나", "다", "라"), answers=("3",))
FIVE = Problem(
    question="수도는?", choices=("부산", "대전", "서울", "1919년", "3.1 운동"), answers=("3",)
)
WRONG = FOUR.model_copy(update={"question": "다음 중 옳지 않은 것은?"})
LETTERS = Problem(question="무엇인가?", choices=("B", "A", "D", "C"), answers=("2",))
MARKED = Problem(question="모두 고르면?", choices=("①, ②", "①, ③", "ㄱ", "ㄱ, ㄴ"), answers=("2",))
AGES = Problem(question="몇 살인가?", choices=("5", "4", "3", "2"), answers=("1",))
TENS = Problem(question="값은?", choices=("10", "20", "30", "40"), answers=("3",))
SHORT = Problem(question="몇 살인가?", kind="short", answers=("만 6세#여섯 살",))
SPAN = Problem(question="누구인가?", kind="span", answers=("세종대왕",))
NOWHERE = Problem(question="누구인가?", kind="span", answers=("",))
LONG = Problem(
    question="설명하시오.", kind="long", answers=("세종은 한글을 만들었다.\n백성을 위해서였다.",)
)
ESSAY = LONG.model_copy(update={"answers": ()})

# An answer in a phrase is read.
PHRASES = [
    ("정답은 3번", "3"), ("정답은 3번입니다.", "3"), ("정답: ③", "3"), ("답 ②", "2"), ("답: 3", "3"),
    ("답변: 3", "3"), ("답안: 2", "2"), ("해답은 2번", "2"), ("최종 정답: D", "4"), ("최종답: 4", "4"),
    ("문제의 답은 ②", "2"), ("따라서, 정답은: C", "3"), ("정답 : 3", "3"), ("정답 - 3", "3"), ("정답 → 2", "2"),
    ("정답 번호: 3", "3"), ("정답:\n③", "3"), ("## 정답\n3", "3"), ("[정답] ③", "3"), ("【정답】 3번", "3"),
    ("정답은 바로 ③!", "3"), ("정답은 선택지 3번", "3"), ("정답은 보기 ②입니다", "2"), ("정답은 두 번째 선택지", "2"),
    ("정답: 세 번째 보기", "3"), ("정답은 3번째 선택지이다", "3"), ("정답은 4이므로 다른 것은 볼 필요가 없다", "4"),
    ("정답은 ②번인 것 같다", "2"), ("따라서 ②번이 정답이 된다", "2"), ("3번이 답이다", "3"), ("3이 정답이다", "3"),
    ("B가 정답입니다", "2"), ("따라서 B가 정답이다", "2"), ("③을 정답으로 고른다", "3"), ("정답은B입니다", "2"), ("정답은3번", "3"),
    ("정답 A", "1"), ("Answer: B", "2"), ("answer: (b)", "2"), ("The answer is (C)", "3"),
    ("The correct answer is: **B**.", "2"), ("Answer is option (B).", "2"),
    ("The correct option is C", "3"), ("B is the correct answer.", "2"), ("정답: 3. 1번은 때가 다르다", "3"),
    ("정답: 3\n아닌 것은 1번", "3"), ("정답: 3 (지문의 둘째 줄)", "3"), ("정답: 3 이유: 지문에 있다", "3"),
]  # fmt: skip
# Marks, width, spaces and emphasis do not hide an answer.
WRITTEN_OTHERWISE = [
    ("정답：３", "3"), ("정답: ➂", "3"), ("정답: ❸", "3"), ("정답: ⑶", "3"), ("정답: ⒊", "3"), ("정답은 Ｂ입니다", "2"),
    ("ＡＮＳＷＥＲ： Ｂ", "2"), ("정답:\u00a0\u200b3", "3"), ("정답:\u30003", "3"),
    (unicodedata.normalize("NFD", "정답은 3번입니다"), "3"), ("정답: “3”", "3"), ("**정답: 4**", "4"),
    ("정답은 **④**", "4"), ("정답은 *③*입니다", "3"), ("**정답:** 3", "3"), ("**정답**: 3", "3"), ("정답: `3`", "3"),
    (r"정답: \(3\)", "3"), ("정답: $3$", "3"),
]  # fmt: skip
# An answer in JSON, LaTeX or a tag is read.
FORMATS = [
    ('{"정답": "3"}', "3"), ('{"정답": "3번"}', "3"), ('{"정답": "다"}', "3"), ('{"answer": 3}', "3"),
    ('{"answer": ["B"]}', "2"), ('{"final_answer": "C"}', "3"), ("{'정답': 2}", "2"),
    ('```json\n{\n  "풀이": "①은 아니다",\n  "정답": "③"\n}\n```', "3"), (r"\boxed{3}", "3"),
    (r"따라서 $\boxed{\text{B}}$이다.", "2"), ("<answer>3</answer>", "3"),
    ("<answer>\n정답: 3\n</answer>", "3"), ("<답변>3</답변>", "3"), ("<정답>②</정답>", "2"),
    ('{"answer": null}', None), ('{"answer": [2, 3]}', None), ("<answer>모르겠다</answer>", None),
]  # fmt: skip
# A bare label is an answer only if it is the whole text.
WHOLE_TEXTS = [
    ("3", "3"), (" 3.\n", "3"), ("(3)", "3"), ("③", "3"), ("3번", "3"), ("3번입니다.", "3"), ("B", "2"),
    ("(b)", "2"), ("Option C", "3"), ("선택지 3", "3"), ("3. 다", "3"), ("3) 다", "3"), ("3번 다", "3"),
    ("③ 다", "3"), ("B. 나", "2"), ("(B) 나", "2"), ("다", "3"), ("다.", "3"), ("'다'입니다", "3"), ("b a", None),
    ("3. 라", None), ("③ 그림", None), ("3번 국도는 길다", None), ("1. 가\n2. 나", None),
    ("A balanced diet", None), ("2024", None), ("", None),
]  # fmt: skip
# What is thought is not said.
THOUGHTS = [
    ("<think>정답은 1번?</think>정답은 4번", "4"), ("<think>\n정답: 1\n</think>\n\n3", "3"),
    ("<thought>정답: 1</thought>정답: 3", "3"), ("<추론>정답: 1</추론><답변>2</답변>", "2"),
    ("정답: 1</think>3", "3"), ("<think>1</think>정답: 1<think>2</think>정답: 3", "3"),
    ("<think>정답: 3", None), ("정답: 1 <think>아니,", None), ("<think>정답: 3</think>", None),
]  # fmt: skip
# A later statement corrects an earlier one.
LAST_COUNTS = [
    ("정답: 1\n다시 보면 정답: 3", "3"), ("정답은 2번이다. 아니, 정답은 3번이다.", "3"), ("정답은 ③이 아니다. 정답은 ②이다.", "2"),
    ("고른 답: 다\n정답: 3", "3"), ("고른 답: 가\n정답: 3", "3"), ("③이 옳다. 그러나 정답은 ②번이다.", "2"),
    ("정답: 3\n해설: 정답은 지문에서 확인할 수 있다.", "3"), ("정답: 3\n정답: 7", None),
]  # fmt: skip
# What is denied or doubted is not stated.
DENIED = [
    ("정답은 ③번이 아니라 ②번이다", "2"), ("정답은 1번 말고 2번", "2"), ("정답은 1번이 아니라 2번이 아니라 3번이다", "3"),
    ("③번이 아니라 ②번이 정답이다", "2"), ("①과 ③ 중 ③이 옳다", "3"), ("정답은 2번과 3번 중 3번이다", "3"),
    ("정답은 A와 B 중 B입니다", "2"), ("③은 정답이 아니다", None), ("③이 정답이라고 볼 수 없다", None), ("정답은 ③이 될 수 없다", None),
    ("③을 정답으로 보기 어렵다", None), ("정답 3은 틀렸다", None), ("③은 정답과 거리가 멀다", None), ("③번은 정답에서 제외된다", None),
    ("③이 옳지 않다", None), ("오답: 3", None), ("틀린 답은 ③이다", None), ("The answer is not B", None),
    ("정답은 1번?", None), ("정답은 3번일 수도 있다", None), ("정답이 3번이라면", None), ("정답은 ③의 내용을 보면 안다", None),
]  # fmt: skip
# Years, counts and words are no choice numbers.
NO_LABELS = [
    ("정답은 1919년입니다", None), ("정답은 3.1운동", None), ("정답은 3. 1 운동", None), ("정답은 5·18", None),
    ("정답은 4.19 혁명", None), ("정답은 3월 1일", None), ("정답은 3인칭 시점이다", None), ("정답은 3분의 1", None),
    ("정답: 3개", None), ("정답은 3 개", None), ("정답은 세 가지", None), ("정답은 3가지이다", None), ("정답: 3번째 왕", None),
    ("정답: 4차 산업", None), ("정답은 1만 원", None), ("정답: 4이상", None), ("정답: 3.5", None), ("정답: 3/4", None),
    ("정답: 3%", None), ("정답: 3:1", None), ("정답: -3", None), ("정답: 1,000", None), ("정답은 1~3번", None),
    ("정답은 3과 4개", None), ("정답: 제3공화국", None), ("정답: A형 간염", None), ("정답은 C언어", None),
    ("Answer: A balanced diet", None), ("비타민 C가 정답이다", None), ("x = 3이 정답이다", None), ("정답률은 3%", None),
    ("화답: 3", None), ("정답은 ㄱ", None), ("정답은 없다", None), ("지문에 따르면 ③은 뒤에 온다", None),
]  # fmt: skip
# A number that is no choice is no answer.
OUT_OF_RANGE = [("정답: 5", None), ("정답: 0", None), ("정답: E", None), ("정답은 ⑤번", None), ("정답: 12", None), ("정답은 ⑳", None)]  # fmt: skip
# Two answers offered together are ambiguous.
TOGETHER = [
    "정답은 2번 또는 3번", "정답: 3 혹은 4", "정답은 2번이나 3번이다", "①, ③", "정답: ①, ③", "정답: ①·③", "정답: ①③", "정답: 2,3",
    "정답: A, B", "2번과 3번 모두 정답", "2번이 정답이고 3번도 정답이다", "정답은 2번과 3번 중 하나다", "The answer is B or C",
    "①이 옳고, ②가 옳다",
]  # fmt: skip
# The text of one choice alone is its number.
ON_CHOICES = [
    (FIVE, "정답: 서울", "3"), (FIVE, "정답은 서울입니다", "3"), (FIVE, "정답은 '서울'이다. 수도이기 때문이다.", "3"),
    (FIVE, "Answer: 서울", "3"), (FIVE, "고른 답: 서울", "3"), (FIVE, "정답: 3 서울", "3"),
    (FIVE, "정답: 3, 서울", "3"), (FIVE, "정답: 4. 1919년", "4"), (FIVE, "정답: 3 부산", None),
    (FIVE, "정답은 1919년입니다", "4"), (FIVE, "정답은 3.1 운동", "5"), (FIVE, "정답은 서울과 대전", None),
    (FIVE, "정답: 5", "5"), (MARKED, "정답: ①, ③", "2"), (MARKED, "정답은 ㄱ", "3"), (MARKED, "ㄱ, ㄴ", "4"),
    (MARKED, "정답: ②", "2"), (LETTERS, "정답: A", "2"), (LETTERS, "A가 정답이다", None),
    (LETTERS, "정답: 1", "1"), (AGES, "정답: 3", "3"), (AGES, "정답: 5", "1"), (AGES, "정답: 5번", None), (AGES, "고른 답: 5\n정답: 1", "1"),
    (AGES, "고른 답: 5", "1"), (FOUR.model_copy(update={"choices": ("가", "가", "나", "다")}), "정답: 가", "1"),
    (FOUR, "가장 적절한 것은 ③이다", "3"), (FOUR, "적절하지 않은 것은 ④번이다", None), (WRONG, "적절하지 않은 것은 ④번이다", "4"),
    (WRONG, "③이 옳지 않다", "3"), (WRONG, "①이 옳다", None),
    *((TENS, text, "3") for text in ("정답: 30", "\\boxed{30}", "정답은 $30$이다", "정답: 3")),
    (TENS, "정답: 60", None),
]  # fmt: skip
# What is said of other choices beside the answer does not count; an exam's words for a choice do.
SAYS_3 = [
    "정답: ③\n\n해설\n① 세종 - 오답\n② 태조 - 오답\n③ 정조 - 정답\n④ 영조 - 오답", "정답: ③\n③ 정조 (정답)\n④ 영조",
    "정답: 3\n3. 정조 → **정답**\n4. 영조 → 오답", "정답: 3번\n3번: 정답\n4번: 오답", "정답: ③ (가장 적절한 답)\n① 세종은",
    "정답은 ③이다. ①이 정답이 되려면 태조여야 한다.", "정답: ③\n\n①을 정답으로 생각할 수 있으나 틀리다.", "정답은 ③이다. ②를 정답으로 착각하기 쉽다",
    "정답은 ③. ②를 정답으로 선택하면 안 된다", "정답은 3번이다. 1번을 정답으로 고른 학생이 많았다.", "정답은 ③이다. ②가 정답이라는 주장은 틀리다.",
    "정답은 ③이다. 만약 왕이 달랐다면 정답은 ②였을 것이다", "정답은 3번. 1번이 답이라고 하기에는 근거가 부족하다", "정답은 ③이다. 정답이 1번이라고 착각하기 쉽다",
    "정답은 ③이다. ②도 정답이 될 것 같지만 아닙니다", '{"정답": 3, "이유": "②가 정답이라고 보기 쉽지만 아니다"}',
    '{"정답": "3", "해설": "많은 학생이 정답을 1번으로 고르지만 틀리다."}', "①이 정답이라고 가정하자. 그러면 모순이다. 따라서 ③이 옳다.",
    "처음에는 정답이 1번이라고 생각했지만 다시 검토하면 3번이 맞다.", "정답은 선지 ③이다", "3번 선지가 정답이다", "따라서 ③번 선택지가 정답입니다.",
    "3번 보기가 정답입니다.",
]  # fmt: skip
