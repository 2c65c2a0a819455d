"""statement_vectors: how completions commit to a choice, hedge, or take an answer back -> the answer."""

from koalign.records import Problem
from support.grading_vectors import FOUR, WRONG

KING = Problem(question="누구인가?", choices=("세종", "태조", "정조", "영조"), answers=("1",))
WATER = Problem(question="물은?", choices=("CO2", "NaCl", "H2O", "O2"), answers=("3",))
DIGITS = Problem(question="값은?", choices=("0", "1", "2", "3"), answers=("3",))
ONE_TO_FOUR = DIGITS.model_copy(update={"choices": ("1", "2", "3", "4")})
PRIMES = DIGITS.model_copy(update={"choices": ("2", "1", "3", "5")})
SENTENCES = Problem(question="무엇인가?", choices=("왕은 글을 읽었다.", "왕은 말을 탔다.", "왕은 잤다.", "왕은 갔다."), answers=("2",))  # fmt: skip
STATEMENTS = Problem(
    question="모두 고르면?", choices=("ㄱ, ㄴ", "ㄱ, ㄷ", "ㄴ, ㄹ", "ㄴ, ㄷ"), answers=("4",)
)
AMBIGUOUS = "ambiguous"

# What is only spoken of, taken back or of two meanings is no answer.
NOT_STATED = [
    (FOUR, "정답은 2번이었을 것이다. 그러나 다시 보면 1번이다.", "1"),
    (FOUR, "정답은 2번이었을 것이다.", None),
    (FOUR, "①번이 정답인 것 같지만 조건을 보면 ②번을 고른다.", "2"),
    (FOUR, "①번이 정답인 것 같지만 아니다.", None), (FOUR, "정답을 ②로 보기 쉽지만 ①이다.", "1"),
    (FOUR, "정답을 ②로 보기 쉽지만 틀리다.", None),
    (FOUR, "정답은 2번입니다. 아니요, 죄송합니다. 1번이 맞습니다.", "1"),
    (DIGITS, "\\boxed{2}", AMBIGUOUS), (DIGITS, "\\boxed{0}", "1"),
]  # fmt: skip
# What ends a text of reasoning is an answer.
STATED_LAST = [
    (FOUR, "정답은 다음과 같습니다: 3번", "3"), (FOUR, "정답은 3번이라고 생각합니다", "3"),
    (FOUR, "저는 3번이 정답이라고 생각합니다.", "3"), (FOUR, "정답은 3번이라고 할 수 있습니다.", "3"),
    (FOUR, "③이 정답이라고 할 수 있습니다.", "3"), (FOUR, "정답 = ③", "3"), (FOUR, "정답: 3 ✅", "3"),
    (FOUR, "3번을 선택합니다", "3"), (FOUR, "결론: 3번", "3"), (FOUR, "최종 선택: ③", "3"),
    (FOUR, "① 아니다\n② 아니다\n③ 아니다\n④ 맞다\n따라서 ④", "4"), (KING, "정답은 세종(1번)입니다", "1"),
    (STATEMENTS, "답은 ㄴ, ㄷ이므로 ④", "4"), (WATER, "정답은 'H2O'(3번)", "3"),
    (SENTENCES, "정답은 '왕은 말을 탔다.'입니다", "2"),
    (WATER, "1. CO2 - 오답\n2. NaCl - 오답\n3. H2O - 정답\n4. O2 - 오답", "3"),
    (FOUR, "3번이라고 생각할 수 있으나 아니다", None), (FOUR, "3번이라고 생각할 수 있으나", None),
    (FOUR, "3번이라면", None),
]  # fmt: skip
# What was, might be or seems is no answer; what replaces it is.
TAKEN_BACK = [
    (FOUR, "정답은 2번이었다. 아니, 다시 풀면 정답은 1번이다.", "1"),
    (FOUR, "만약 조건이 달랐다면 2번이었겠지만 정답은 1번이다.", "1"),
    (FOUR, "정답은 2번이었겠지만 1번이다.", "1"), (FOUR, "정답은 ②였을 것이다. 하지만 ①이다.", "1"),
    (FOUR, "②가 정답이었을 것이다. 그러나 여기서는 ①이 정답이다.", "1"),
    (FOUR, "②가 정답이었다면 왕이 달랐어야 한다. 정답은 ④.", "4"),
    (FOUR, "정답은 2번이었으면 좋겠지만 3번이다.", "3"),
    (FOUR, "정답은 2번인 것처럼 보이지만 3번이다.", "3"),
    (FOUR, "정답은 2번처럼 보이지만 실제로는 3번이다.", "3"),
    (FOUR, "정답은 2번으로 보이지만, 3번이 맞다.", "3"),
    (FOUR, "2번이 정답처럼 보이나 3번이 정답이다.", "3"),
    (FOUR, "2번이 정답일 것 같지만 3번을 선택한다.", "3"), (FOUR, "정답이 2번일 것 같지만 3번이다", "3"),
    (FOUR, "2번이 정답이라고 생각하기 쉽지만 답은 3번이다", "3"),
    (FOUR, "2번을 정답으로 보기 쉽지만 3번이다.", "3"),
    (FOUR, "2번을 정답으로 보기 쉬우나 3번이 정답이다.", "3"),
    (FOUR, "정답을 2번으로 착각하기 쉽지만 3번이다.", "3"), (FOUR, "정답을 2번으로 생각하기 쉽다.", None),
    (FOUR, "정답은 2번입니다. 죄송합니다. 다시 계산하면 3번입니다.", "3"),
    (FOUR, "정답은 2번입니다. 아, 잘못 봤습니다. 3번이 정답입니다.", "3"),
    (FOUR, "정답: 2\n\n잠깐, 다시 확인해 보니 3번이 맞습니다.", "3"),
    (FOUR, "정답은 2번입니다. 정정합니다. 3번입니다.", "3"),
    (FOUR, "정답은 2번이다. 아니다, 3번이 옳다.", "3"), (FOUR, "정답은 ②입니다. 아니요, ③입니다.", "3"),
    (FOUR, "정답은 2번. 앗, 실수했습니다. 3번이 맞아요.", "3"),
    (FOUR, "The answer is B. Wait, no. The answer is C.", "3"),
    (FOUR, "The answer is B. Wait, C is correct.", "3"),
    (FOUR, "The answer might be B, but it is C.", None),
    (FOUR, "정답은 2번입니다. 다만 1번이 맞는 것처럼 보일 수 있습니다.", "2"),
    (FOUR, "정답은 2번입니다. 1번은 연도가 맞습니다.", "2"),
    (FOUR, "정답은 2번입니다. 1번이 맞다는 주장은 틀리다.", "2"),
    (FOUR, "정답은 2번입니다. 1번이 옳다고 보기 어렵다.", "2"),
    (WRONG, "정답은 2번입니다. 1번이 맞습니다. 3번도 맞습니다.", "2"),
    (WRONG, "정답은 2번입니다. 아니요, 1번이 맞습니다.", None),
]  # fmt: skip
# A boxed number may be a label or a choice's text.
DIGIT_CHOICES = [
    (DIGITS, "\\boxed{3}", AMBIGUOUS), (DIGITS, "\\boxed{1}", AMBIGUOUS), (DIGITS, "\\boxed{4}", "4"),
    (DIGITS, "정답: 2", "2"), (DIGITS, "정답은 2번", "2"), (DIGITS, "정답: 2번", "2"),
    (DIGITS, "\\boxed{②}", "2"), (DIGITS, "\\boxed{2번}", "2"), (DIGITS, '{"정답": 2}', "2"),
    (DIGITS, "<answer>2</answer>", "2"), (DIGITS, "2", "2"), (ONE_TO_FOUR, "\\boxed{3}", "3"),
    (PRIMES, "\\boxed{5}", "4"), (FOUR, "\\boxed{2}", "2"),
]  # fmt: skip
# An answer may be announced.
ANNOUNCED = [
    (FOUR, "정답은 다음과 같습니다.\n3번", "3"), (FOUR, "정답은 다음과 같다: ③", "3"),
    (FOUR, "정답은 아래와 같습니다.\n\n③", "3"), (FOUR, "정답은 다음과 같습니다:\n\n**3번**", "3"),
    (FOUR, "답은 다음과 같습니다. 3번입니다.", "3"), (FOUR, "최종 답은 다음과 같습니다: B", "2"),
    (FOUR, "답변은 다음과 같습니다: ② 나", "2"), (FOUR, "정답은 다음과 같다.\n2. 나", "2"),
    (FOUR, "정답은 다음 중 3번이다", "3"), (FOUR, "정답은 아래의 3번입니다", "3"),
    (FOUR, "풀이는 다음과 같습니다: 3번의 경우", None),
]  # fmt: skip
# `라고 생각합니다` states an answer.
THOUGHT = [
    (FOUR, "정답은 3번이라고 판단됩니다.", "3"), (FOUR, "정답은 ③이라고 봅니다.", "3"),
    (FOUR, "저는 정답이 3번이라고 생각해요.", "3"), (FOUR, "답은 3번이라고 생각한다.", "3"),
    (FOUR, "3번이 정답이라고 판단합니다.", "3"), (FOUR, "③번이 답이라고 본다.", "3"),
    (FOUR, "정답은 3번이라고 결론지을 수 있다", "3"), (FOUR, "따라서 정답은 3번이라고 볼 수 있다.", "3"),
    (FOUR, "정답은 3번으로 보입니다.", "3"), (FOUR, "정답은 3번으로 판단됩니다.", "3"),
    (FOUR, "정답은 3번인 것으로 보입니다", "3"), (FOUR, "정답은 3번이라고 말할 수 있습니다.", "3"),
    (FOUR, "정답은 3번이라 할 수 있다.", "3"), (FOUR, "③이 정답이라 할 수 있다", "3"),
    (FOUR, "I think the answer is C.", "3"), (FOUR, "3번이라고 생각합니다.", "3"),
    (FOUR, "저는 3번이라고 생각합니다.", "3"),
]  # fmt: skip
# A hedge states none.
HEDGES = [
    (FOUR, "정답은 3번이라고 생각할 수 있지만 아니다", None),
    (FOUR, "정답은 3번이라고 생각할 수도 있습니다", None),
    (FOUR, "정답은 3번이라고 할 수 없습니다", None), (FOUR, "정답이 3번이라고 생각하지 않습니다", None),
    (FOUR, "정답은 3번이라고 생각했지만 틀렸다", None), (FOUR, "정답이 3번이라고 생각하면 안 된다", None),
    (FOUR, "정답은 3번이라고 보기 어렵다", None), (FOUR, "정답은 3번이라고 생각하기 쉽다", None),
    (FOUR, "정답이 3번이라고 생각하는 사람이 많다", None), (FOUR, "정답은 3번이라고 착각한다", None),
    (FOUR, "3번이 정답이라면 모순이다", None), (FOUR, "3번을 선택하면 틀린다", None),
    (FOUR, "3번을 선택할 수도 있다", None), (FOUR, "3번을 선택하지 않습니다", None),
    (FOUR, "3번을 고르기 쉽다", None), (FOUR, "3번을 고른 학생이 많다", None),
    (FOUR, "3번인지 2번인지 모르겠다", None), (FOUR, "3번일 것 같기도 하다", None),
    (FOUR, "정답은 3번이라고 할 수도 있고 아닐 수도 있다", None), (FOUR, "3번이 맞을 수도 있다", None),
    (FOUR, "정답이 3번이라고 단정할 수 없다", None), (FOUR, "정답은 3번이라고 할 수는 없다", None),
    (FOUR, "결론: 3번은 아니다", None), (FOUR, "따라서 ④는 틀리다", None),
    (FOUR, "따라서 ④가 아니다", None), (FOUR, "최종 선택: ③ 또는 ④", AMBIGUOUS),
    (FOUR, "따라서 ④일 수도 있다", None),
]  # fmt: skip
# Signs stand between a key and its answer.
SIGNS = [
    (FOUR, "정답 = 3", "3"), (FOUR, "답 = B", "2"), (FOUR, "정답=3번", "3"), (FOUR, "답=③", "3"),
    (FOUR, "정답 ==> 3", "3"), (FOUR, "정답 => ③", "3"), (FOUR, "정답 ⇒ ③", "3"), (FOUR, "정답 ▶ 3", "3"),
    (FOUR, "**정답** = **3**", "3"), (FOUR, "정답 ☞ ③", "3"), (FOUR, "x의 답 = 3.5", None),
]  # fmt: skip
# A cheerful sign hides no answer.
CHEERS = [
    (FOUR, "정답: 3번 ✅", "3"), (FOUR, "정답: 3✅", "3"), (FOUR, "✅ 정답: 3", "3"),
    (FOUR, "정답: B 👍", "2"), (FOUR, "정답: 3 ✔️", "3"), (FOUR, "정답은 3 😊", "3"), (FOUR, "3 ✅", "3"),
    (FOUR, "③ ✅", "3"), (FOUR, "정답: 3 🎉🎉", "3"), (FOUR, "정답: ✅ 3번", "3"),
    (FOUR, "정답: 3 ❌", None),
]  # fmt: skip
# A choice is selected.
CHOSEN = [
    (FOUR, "3번을 선택하겠습니다.", "3"), (FOUR, "저는 ③을 선택합니다.", "3"),
    (FOUR, "③번을 고르겠습니다", "3"), (FOUR, "따라서 3번을 고른다.", "3"),
    (FOUR, "3번 선택지를 선택합니다", "3"), (FOUR, "B를 선택합니다.", "2"),
    (FOUR, "그러므로 ②를 선택한다", "2"), (FOUR, "3번을 정답으로 선택합니다", "3"),
    (FOUR, "3번으로 하겠습니다", "3"), (FOUR, "③을 택한다.", "3"), (FOUR, "I choose C.", "3"),
    (FOUR, "저의 선택은 3번입니다", "3"), (FOUR, "제 선택은 ③입니다.", "3"),
]  # fmt: skip
# A conclusion, and a selection, is an answer.
CONCLUDED = [
    (FOUR, "결론: ③", "3"), (FOUR, "결론적으로 3번", "3"), (FOUR, "결론적으로 3번입니다.", "3"),
    (FOUR, "결론: 3번이 정답", "3"), (FOUR, "결론은 3번이다", "3"), (FOUR, "결론 : B", "2"),
    (FOUR, "**결론:** 3번", "3"), (FOUR, "결론: 정답은 3번", "3"), (FOUR, "## 결론\n③", "3"),
    (FOUR, "결론적으로, ②번이다.", "2"), (FOUR, "결론: 3개의 왕이 있었다", None),
    (FOUR, "결론: 1번은 시기가 다르고 2번은 왕이 다르다", None), (FOUR, "선택: 3", "3"),
    (FOUR, "최종 선택은 3번입니다", "3"), (FOUR, "최종 선택지: ③", "3"), (FOUR, "최종선택: 3번", "3"),
    (FOUR, "최종 결론: ③", "3"), (FOUR, "최종 답변: 3번", "3"), (FOUR, "내 선택: C", "3"),
    (FOUR, "선택한 답: ③", "3"), (FOUR, "선택 답안: 3", "3"), (FOUR, "Final choice: C", "3"),
    (FOUR, "Final answer: (C)", "3"),
]  # fmt: skip
# What follows from the reasoning is an answer if the sentence ends there.
HENCE = [
    (FOUR, "1번은 틀리다.\n2번은 틀리다.\n3번은 옳다.\n따라서 3번", "3"),
    (FOUR, "① 틀림 ② 맞음. 따라서 ②.", "2"), (FOUR, "따라서 ④이다.", "4"),
    (FOUR, "따라서 4번입니다.", "4"), (FOUR, "그러므로 ④", "4"), (FOUR, "그래서 4번이다.", "4"),
    (FOUR, "따라서, ④.", "4"), (FOUR, "∴ ④", "4"), (FOUR, "즉, ④번이다.", "4"), (FOUR, "따라서 B", "2"),
    (FOUR, "따라서 답은 ④", "4"), (FOUR, "설명이 길다. 따라서 ③이 정답.", "3"),
    (FOUR, "Therefore, C.", "3"), (FOUR, "따라서 ④는 옳다.\n따라서 ②는 틀리다.", None),
    (FOUR, "따라서 3개이다", None), (FOUR, "따라서 ③의 내용은 글과 같다", None),
    (FOUR, "따라서 2번 문장이 뒤에 온다", None),
]  # fmt: skip
# A choice's text with its own number; another's number says nothing.
TEXT_AND_NUMBER = [
    (KING, "정답은 정조(3번)입니다", "3"), (KING, "정답은 정조 (3)입니다", "3"),
    (KING, "정답은 정조(③)이다.", "3"), (KING, "정답: 정조(3번)", "3"),
    (KING, "정답은 '정조'(③)입니다.", "3"), (KING, '정답은 "정조" (3번)입니다', "3"),
    (KING, "답: 정조 (3번)", "3"), (KING, "정답은 정조, 3번입니다", "3"),
    (KING, "정답은 정조(2번)입니다", None), (KING, "정답은 정조로, 3번이다", "3"),
    (KING, "정답은 정조인 3번입니다", "3"), (KING, "정답은 정조(C)입니다", "3"),
    (KING, "The answer is 정조 (C).", "3"), (KING, "정답은 「정조」(3번)이다.", "3"),
    (KING, "정답은 왕(조선 3대)입니다", None), (KING, "정답은 왕 (3)대입니다", None),
]  # fmt: skip
# A reason stands before the label.
REASONED = [
    (STATEMENTS, "답은 ㄴ, ㄷ이므로 ④번이다.", "4"), (STATEMENTS, "정답은 ㄴ과 ㄷ이므로 ④이다", "4"),
    (STATEMENTS, "옳은 것은 ㄴ, ㄷ이므로 정답은 ④", "4"), (STATEMENTS, "정답: ㄴ, ㄷ이므로 4번", "4"),
    (STATEMENTS, "답은 ㄴ, ㄷ이다. 따라서 ④", "4"), (STATEMENTS, "답은 ㄴ, ㄷ", "4"),
    (STATEMENTS, "답은 ㄴ, ㄷ이다", "4"), (STATEMENTS, "옳은 것은 ㄴ, ㄷ이므로 ④", "4"),
    (FOUR, "답은 조건을 만족해야 하므로 ④이다.", "4"), (FOUR, "답은 짝수이므로 2번입니다", "2"),
    (FOUR, "정답은 왕의 이름이기 때문에 ②번이다", "2"), (STATEMENTS, "답은 ㄴ, ㄷ이니 ④", "4"),
    (STATEMENTS, "답은 ㄴ, ㄷ이기에 ④번", "4"), (STATEMENTS, "답은 ㄱ, ㄴ이므로 ④", AMBIGUOUS),
]  # fmt: skip
# Quotes and a full stop stand around a choice's text.
QUOTED = [
    (SENTENCES, '정답은 "왕은 말을 탔다."입니다.', "2"),
    (SENTENCES, "정답은 “왕은 말을 탔다.” 입니다", "2"),
    (SENTENCES, "정답은 '왕은 말을 탔다.'이다. 왕은 말을 좋아했다.", "2"),
    (SENTENCES, "정답은 「왕은 말을 탔다.」이다", "2"), (SENTENCES, "정답은 '왕은 말을 탔다.'이다", "2"),
    (SENTENCES, "정답: '왕은 말을 탔다.'", "2"), (SENTENCES, "정답: 왕은 말을 탔다.", "2"),
    (SENTENCES, "정답은 '왕은 말을 탔다'입니다", "2"),
    (SENTENCES, "정답은 **왕은 말을 탔다.**입니다", "2"),
    (SENTENCES, "정답은 '왕은 말을 탔다.' (2번)입니다", "2"),
    (SENTENCES, "정답은 2번 '왕은 말을 탔다.'입니다", "2"),
    (SENTENCES, "정답은 왕은 말을 탔다.입니다", "2"),
]  # fmt: skip
# One choice of a list is called the answer.
LISTED = [
    (WATER, "1. CO2 - 오답\n3. H2O - 정답", "3"),
    (WATER, "① CO2 (오답)\n② NaCl (오답)\n③ H2O (정답)\n④ O2 (오답)", "3"),
    (WATER, "1) CO2: 오답\n2) NaCl: 오답\n3) H2O: 정답\n4) O2: 오답", "3"), (WATER, "③ H2O - 정답", "3"),
    (WATER, "1. CO2 → 오답\n3. H2O → 정답", "3"),
    (WATER, "1번: 오답\n2번: 오답\n3번: 정답\n4번: 오답", "3"),
    (WATER, "1. CO2 - 틀림\n2. NaCl - 틀림\n3. H2O - 정답입니다\n4. O2 - 틀림", "3"),
    (WATER, "A. CO2 - 오답\nB. NaCl - 오답\nC. H2O - 정답\nD. O2 - 오답", "3"),
    (WATER, "1. CO2 ❌\n2. NaCl ❌\n3. H2O ✅\n4. O2 ❌", "3"),
    (WATER, "3. H2O - 정답\n4. O2 - 정답", AMBIGUOUS), (WATER, "- 1번 CO2: 오답\n- 3번 H2O: 정답", "3"),
    (WATER, "3. H2O - 정답 아님\n4. O2 - 정답", "4"), (WATER, "3. H2O - 정답률이 낮다", None),
    (WATER, "1. CO2 - 오답\n2. NaCl - 오답\n3. H2O - 정답일 수 있음\n4. O2 - 오답", None),
]  # fmt: skip
# Variations of every kind.
MIXED = [
    (FOUR, "정답은 ③이 아니었을까? 아니, ④가 정답이다.", "4"),
    (FOUR, "처음에는 ②번이 정답이라고 생각했으나, 다시 보니 ④번이 정답이다.", "4"),
    (FOUR, "처음에는 ②번이 정답이라고 생각했습니다.", None),
    (FOUR, "정답이 ②번일 수도 있지만 저는 ④번을 선택하겠습니다.", "4"),
    (FOUR, "②번도 정답 같지만 ④번이 더 적절하므로 ④번을 고르겠습니다.", "4"),
    (FOUR, "정답은 ②번으로 착각할 수 있으나 ④번이다.", "4"), (FOUR, "②가 답인 줄 알았지만 ④다.", "4"),
    (FOUR, "정답은 ②인 줄 알았는데 ④이다.", "4"),
    (FOUR, "정답은 ②라고 생각하기 쉬우나 사실은 ④이다.", "4"),
    (FOUR, "정답은 ②라고 볼 수도 있겠지만, ④가 더 정확하다.", None),
    (FOUR, "정답은 2번입니다. 아닙니다. 4번입니다.", "4"),
    (FOUR, "정답은 2번입니다... 아니, 4번이네요.", "4"),
    (FOUR, "정답은 2번입니다.\n\n아, 죄송합니다. 정답은 4번입니다.", "4"),
    (FOUR, "정답: 2\n수정: 4", "4"), (FOUR, "정답: 2\n정정: 정답: 4", "4"),
    (FOUR, "정답: 2\n정정: 4번", "4"),
    (FOUR, "정답은 2번입니다. 다시 한번 확인해 보겠습니다. 네, 2번이 맞습니다.", "2"),
    (FOUR, "정답은 2번입니다. 다시 확인해도 2번입니다.", "2"),
    (FOUR, "정답은 2번입니다. 죄송합니다, 제가 착각했습니다. 4번이 정답입니다.", "4"),
    (FOUR, "정답은 2번입니다. 잠깐만요. 4번이 맞는 것 같습니다.", "4"),
    (FOUR, "정답은 2번입니다. 잘못 생각했습니다. 4번이 옳습니다.", "4"),
    (FOUR, "정답은 2번이라고 했지만 틀렸다. 4번이다.", "4"),
    (FOUR, "정답은 2번이 될 수도 있었지만 4번이다.", "4"),
    (FOUR, "정답은 2번이 아닐 것이다. 4번이다.", "4"),
    (FOUR, "정답이 2번이라는 것은 틀린 생각이다.", None),
    (FOUR, "정답은 2번 같아 보이지만 4번이다.", "4"),
    (FOUR, "정답은 2번에 가까워 보이지만 4번이다.", "4"), (FOUR, "2번이 정답에 가깝다.", None),
    (FOUR, "정답이 2번이었다면 지문에 왕이 나왔을 것이다. 따라서 4번이다.", "4"),
    (FOUR, "②였다면 좋았겠지만 정답은 ④이다.", "4"), (FOUR, "얼핏 ②가 정답으로 보이지만 ④이다.", "4"),
    (FOUR, "얼핏 보면 ②가 맞는 것 같지만 ④가 맞다.", "4"), (FOUR, "②가 맞는 것 같지만 아니다.", None),
    (FOUR, "②를 고르기 쉽지만 ④를 골라야 한다.", "4"), (FOUR, "②를 선택하는 학생이 많지만 ④이다.", "4"),
    (FOUR, "②를 선택할 수 있으나 정답은 ④", "4"), (FOUR, "만약 ②를 선택한다면 틀린다. 정답은 ④", "4"),
    (FOUR, "②를 선택한다고 해도 정답은 ④", "4"),
    (FOUR, "정답은 2번과 4번 중에서 고민되지만 4번을 선택합니다", "4"),
    (FOUR, "따라서 ②는 정답이 아니다. 따라서 ④이다.", "4"), (FOUR, "따라서 ②가 정답이 될 수 없다.", None),
    (FOUR, "결론: ②는 틀렸고 ④가 정답", "4"), (FOUR, "결론적으로 3번은 정답이 아닙니다.", None),
    (FOUR, "결론적으로 3번이 정답이 아니라 2번이 정답입니다.", "2"), (FOUR, "결론: 3번?", None),
    (FOUR, "최종 선택은 아직 3번과 4번 사이에서 고민 중이다.", None), (FOUR, "선택지 3번은 옳다.", None),
    (FOUR, "선택지: 3번", None), (FOUR, "선택지 3: 다\n선택지 4: 라", None), (FOUR, "즉, 3번 문단", None),
    (FOUR, "그래서 3번 읽었다", None), (FOUR, "첫째, 1번. 둘째, 2번.", None),
    (FOUR, "1번. 가는 틀리다. 2번. 나는 틀리다.", None), (FOUR, "그러나 1번은 다르다", None),
    (FOUR, "하지만 2번이 있다", None), (FOUR, "하지만 2번.", "2"), (FOUR, "다음과 같습니다: 3번", None),
    (FOUR, "이유는 다음과 같습니다.\n1. 왕이 다르다.\n2. 때가 다르다.", None),
    (FOUR, "정답은 다음과 같습니다.\n1. 가: 틀림\n2. 나: 맞음\n3. 다: 틀림", None),
    (FOUR, "정답은 3번입니다. 이유는 다음과 같습니다.\n1. 왕이 다르다.\n2. 때가 다르다.", "3"),
    (FOUR, "정답을 고르는 기준은 다음과 같습니다: 1번 …", None),
    (FOUR, "답변: 질문에 대한 답은 3번입니다.", "3"), (FOUR, "정답은 제 생각에 3번입니다", None),
    (FOUR, "정답은 아마 3번일 것이다.", None), (FOUR, "정답은 아마도 3번입니다.", None),
    (FOUR, "정답은 지문에 따르면 3번입니다", None), (FOUR, "정답은 확실히 3번이다.", "3"),
    (FOUR, "정답은 당연히 ③", "3"), (FOUR, "정답은 역시 3번", "3"),
    (FOUR, "정답이 무엇인지 보면 3번이다", "3"), (FOUR, "정답이 ③임을 알 수 있다.", "3"),
    (FOUR, "따라서 정답이 ③번임을 알 수 있습니다.", "3"), (FOUR, "③번이 정답임을 알 수 있다.", "3"),
    (FOUR, "정답이 3번인 이유는 다음과 같다.", "3"), (FOUR, "3번이 정답인 이유는 왕이기 때문이다.", "3"),
    (FOUR, "따라서 3번이 가장 적절합니다.", "3"), (FOUR, "가장 적절한 선택지는 3번입니다.", "3"),
    (FOUR, "올바른 답은 3번입니다", "3"), (FOUR, "맞는 답은 ③", "3"),
    (FOUR, "정답으로 ③을 선택합니다", "3"), (FOUR, "정답으로는 3번이 적절합니다.", "3"),
    (FOUR, "정답은 ③번으로 하겠습니다", "3"), (FOUR, "정답은 3번으로 생각합니다.", "3"),
    (FOUR, "제가 생각하는 정답은 3번입니다.", "3"), (FOUR, "저는 답을 3번으로 선택하겠습니다.", "3"),
    (FOUR, "3번이 답이라고 생각해요", "3"), (FOUR, "3번이 정답일 것입니다", "3"),
    (FOUR, "3번이 정답으로 보입니다.", "3"), (FOUR, "정답(3)", "3"), (FOUR, "[답] 3", "3"),
    (FOUR, "답) ③", "3"), (FOUR, "답>3", "3"), (FOUR, "<정답> 3번", "3"), (FOUR, "정답은? 3번!", "3"),
    (FOUR, "정답은 … ③", "3"), (FOUR, "정답은, 3번입니다", "3"), (FOUR, "정답 3", "3"),
    (FOUR, "정답은 \\(③\\)", "3"), (FOUR, "정답 ③번.", "3"), (FOUR, "정답: 3번 (다)", "3"),
    (FOUR, "정답: 3번. 다", "3"), (FOUR, "정답: 3번 - 다", "3"), (FOUR, "정답: ③ 다", "3"),
    (FOUR, "정답은 3번 다입니다", "3"), (FOUR, "정답은 3번, '다'입니다.", "3"),
    (FOUR, "정답은 3번: 다", "3"), (KING, "정답은 3번(정조)입니다", "3"),
    (KING, "정답은 조선의 왕 정조(3번)이다.", None), (KING, "정답은 ‘정조’로 3번이다.", "3"),
    (KING, "세종(1번)이 정답입니다", "1"), (KING, "정답은 세종(1번)이 아니라 정조(3번)입니다", "3"),
    (KING, "정답은 세종(1번)이 아닙니다.", None), (KING, "정답은 세종(1번)이었을 것이다", None),
    (KING, "정답은 세종(1번)과 정조(3번)입니다", None), (WATER, '정답은 "H2O"(③)입니다.', "3"),
    (WATER, "정답은 H2O(3번)입니다.", "3"), (WATER, "정답은 'H2O' (선택지 3번)입니다.", "3"),
    (WATER, "정답: H2O (3)", "3"), (WATER, "답은 H2O이므로 3번", "3"),
    (WATER, "답은 H2O이므로 2번", AMBIGUOUS),
    (WATER, "1. CO2 (X)\n2. NaCl (X)\n3. H2O (O)\n4. O2 (X)", "3"),
    (WATER, "1. CO2 - 정답 아님\n2. NaCl - 정답 아님\n3. H2O - 정답\n4. O2 - 정답 아님", "3"),
    (WATER, "1. CO2 - 오답 / 2. NaCl - 오답 / 3. H2O - 정답 / 4. O2 - 오답", "3"),
    (WATER, "1. CO2 - 오답 / 3. H2O - 정답", "3"),
    (WATER, "① CO2: 오답 → 산소가 아님\n③ H2O: 정답 → 물이다", None),
    (WATER, "1번 CO2는 오답입니다.\n3번 H2O는 정답입니다.", "3"),
    (WRONG, "1. 가 - 옳음\n2. 나 - 옳음\n3. 다 - 옳지 않음 (정답)\n4. 라 - 옳음", "3"),
    (WRONG, "따라서 옳지 않은 것은 ③이다.", "3"), (FOUR, "옳은 것은 ③이다. 옳지 않은 것은 ②이다.", "3"),
    (FOUR, "②는 옳지 않으므로 ③이다.", "3"), (FOUR, "\\boxed{③}입니다", "3"), (FOUR, "**③**", "3"),
    (FOUR, "3번이 정답인지 확인해 보자. 따라서 3번은 정답이 아니다.", None),
    (FOUR, "③이 답일까? 아니다. ②가 답일까? 그렇다.", None), (FOUR, "정답은 3번일까?", None),
    (FOUR, "정답은 3번인가요?", None), (FOUR, "정답은 3번이죠?", None),
    (FOUR, "정답은 3번 아닌가?", None), (FOUR, "정답은 3번이겠지?", None),
    (FOUR, "정답은 3번일 듯하지만 확실하지 않다", None), (FOUR, "정답은 3번이거나 4번이다.", AMBIGUOUS),
    (FOUR, "정답은 3번 아니면 4번이다.", AMBIGUOUS), (FOUR, "정답은 3번이든 4번이든 상관없다", None),
    (FOUR, "정답은 3번이라고 보는 견해도 있다", None), (FOUR, "정답은 3번이라 착각하기 쉽다", None),
    (FOUR, "정답은 3번이라 하기 어렵다", None), (FOUR, "정답은 3번이라고 확신할 수 없다", None),
    (FOUR, "정답은 3번이라고 하더라도", None), (FOUR, "정답은 3번이어야 하지만 4번이다", "4"),
    (FOUR, "정답은 3번이어야 한다.", "3"), (FOUR, "정답은 3번뿐이다", "3"),
    (FOUR, "정답은 3번밖에 없다.", "3"), (FOUR, "정답은 3번만 가능하다", "3"),
    (FOUR, "정답은 3번이 유력하다", "3"), (FOUR, "정답은 3번을 제외한 나머지이다", None),
    (FOUR, "정답은 3번을 뺀 것", None), (FOUR, "정답은 3번 다음에 오는 것이다", None),
    (FOUR, "정답은 3번보다 4번에 가깝다", None), (FOUR, "정답은 3번 문제의 것과 같다", None),
    (FOUR, "정답은 3번 문단에 있다", None), (FOUR, "정답은 3번째 줄에 있다", None),
]  # fmt: skip
VECTORS = [
    *NOT_STATED, *STATED_LAST, *TAKEN_BACK, *DIGIT_CHOICES, *ANNOUNCED, *THOUGHT, *HEDGES, *SIGNS, *CHEERS, *CHOSEN,
    *CONCLUDED, *HENCE, *TEXT_AND_NUMBER, *REASONED, *QUOTED, *LISTED, *MIXED,
]  # fmt: skip
