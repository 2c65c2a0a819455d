"""spoken_vectors: replies in spoken, clipped or chatty words, and those that take the question's -> the answer."""

from koalign.records import Problem

SEA = Problem(
    question="다음 중 가장 깊은 바다는?",
    choices=("동해", "서해", "남해", "발해만"),
    answers=("1",),
)
GOODS = SEA.model_copy(
    update={
        "question": "다음 중 공공재에 해당하는 것은?",
        "choices": ("등대의 불빛", "극장의 표", "가게의 빵"),
    }
)
NO_GOODS = GOODS.model_copy(update={"question": "다음 중 공공재에 해당하지 않는 것은?"})
HEAT = SEA.model_copy(
    update={"question": "물은 몇 도에서 어는가?", "choices": ("0℃", "10℃", "50℃", "100℃")}
)
AREA = SEA.model_copy(
    update={"question": "넓이는?", "choices": ("12 cm²", "15 cm²", "20 cm²", "25 cm²")}
)
RATE = SEA.model_copy(update={"question": "늘어난 몫은?", "choices": ("20%", "30%", "40%")})
LENGTH = SEA.model_copy(update={"question": "길이는?", "choices": ("3m", "3km", "30m", "30km")})
ORDER = SEA.model_copy(
    update={"question": "순서로 옳은 것은?", "choices": ("(가)-(나)-(다)", "(나)-(다)-(가)")}
)
BLANKS = SEA.model_copy(
    update={
        "question": "빈칸에 들어갈 말은?",
        "choices": ("㉠ 상승, ㉡ 증가", "㉠ 상승, ㉡ 감소", "㉠ 하락, ㉡ 증가"),
    }
)
COUPLES = BLANKS.model_copy(update={"choices": ("상승 - 증가", "상승 - 감소", "하락 - 증가")})
NUMBERS = BLANKS.model_copy(update={"choices": ("1, 2", "3, 4", "5, 6")})
CELLS = SEA.model_copy(
    update={
        "question": "기관 A~C에 대한 설명으로 옳은 것은?",
        "choices": ("핵이다", "막이 없다", "빛을 받는다"),
    }
)
QUOTES = SEA.model_copy(
    update={
        "question": "다음 중 옳지 않은 진술은?",
        "choices": ("봄에 씨를 뿌린다.", "봄에 벼를 벤다.", "봄에 거름을 준다."),
    }
)
SEX = SEA.model_copy(update={"question": "글과 맞는가?", "choices": ("예", "아니요", "알 수 없음")})
LOGS = SEA.model_copy(update={"question": "값은?", "choices": ("R ln 2", "2R ln 2", "R ln 4")})

VECTORS = [
    # taken
    (SEA, "수심을 물었으니 1번 동해라고 쓰시면 됩니다.", "1"), (SEA, "깊은 바다로는 동해를 고르면 됩니다.", "1"),
    (SEA, "그럼 그냥 1번이지 ㅋㅋ", "1"), (SEA, "서해로 보았는데 얕다. 동해로 답을 바꾼다.", "1"),
    (SEA, "가게에서 동해를 고르게 하려 했다.", None), (SEA, "동해를 고르면 안 됩니다.", None),
    (SEA, "철수는 서해를 골랐다.", None), (SEA, "지도에 서해를 표시한다.", None), (SEA, "우리는 내일 서해로 갑니다.", None),
    (SEA, "작년 응시자의 절반은 ②를 선택했습니다.", None), (SEA, "황해는 서해와 일치합니다.", None),
    (SEA, "옛 이름은 서해라고 한다.", None),
    (SEA, "그래서 동해를 고르는 것이 옳습니다.", "1"), (SEA, "수심이 얕은 3번을 고르는 것이 옳지 않습니다.", None),
    (SEA, "깊은 바다는 동해, 첫 번째 보기네요.", "1"), (SEA, "계산한 결과 동해로, 보기 ①번에 해당함.", "1"),
    (SEA, "수심이 2,000m인 곳은 동해 하나예요.", "1"), (SEA, "따라서 옵션 A가 올바른 선택이 된다.", "1"),
    (SEA, "동해라고 해요 :)", "1"), (SEA, "동해요.", "1"), (SEA, "정답은 1번이에용 ㅎㅎ", "1"), (SEA, "정답은 1번 입니당", "1"),
    (SEA, "가장 가능성이 높은 바다는 동해입니다.", "1"), (SEA, "동해일 가능성이 있습니다.", None),
    (SEA, "정답! 바로 1번, 동해입니다! 🎉", "1"), (SEA, "정답 자체는 ①입니다. ②를 고른 학생이 많았습니다.", "1"),
    (SEA, "So the correct option here is 1 (동해).", "1"), (SEA, "제 답은 첫 번째 거예요.", "1"), (SEA, "正答은 1번입니다.", "1"),
    (SEA, "답은 마지막 보기인 4번입니다.", "4"), (SEA, "정답은 ①로 보는 것이 타당하다.", "1"),
    (SEA, "①번. 수심을 재어 보았다.", "1"), (SEA, "수심을 재면 동해. A번.", "1"),
    (SEA, "[문항 3]\n- 마킹: ①\n", "1"), (SEA, "기록\n- 오답: ②", None), (SEA, "첫째 장\n배점: 3", None),
    (SEA, "가장 깊은 바다: 동해", "1"), (SEA, "가장 얕은 바다: 서해", None), (SEA, "출처: 동해", None),
    (SEA, "문제 번호: ③", None), (SEA, "내 첫 생각: ②", None), (SEA, "마킹: ①\n제출: ②", None),
    (ORDER, "원래 순서: (나) → (다) → (가)", None),
    (SEA, "- [ ] 서해\n- [x] 동해\n- [ ] 남해\n- [ ] 발해만", "1"),
    (SEA, "| 바다 | 뜻 | 답 |\n| 서해 | O | |\n| 남해 | O | |\n| 발해만 | O | |\n| 동해 | X (깊음) | ✔ 정답 |", "1"),
    (SEA, "4번\n\n만의 물은 다시 바다로 간다. 다른 만은 답이 아니다.", "4"), (SEA, "2번:\n\n서해는 넓다.", "2"),
    (SEA, "1. 만은 얕다.\n2. 따라서 가장 알맞은 곳은 A입니다.\n</final answer>", "1"), (SEA, "따라서 혈액은 A형입니다.", None),
    (SEA, "Therefore, the depth is $9$, which corresponds to choice 1.", "1"), (SEA, "The correct answer choice is:\n1: 동해", "1"),
    (SEA, "So choice 1 is correct.", "1"),
    (SEA, "눈으로 볼 수 있는 가장 깊은 바다는 동해이다.", "1"), (SEA, "제일 깊은 건 동해예요.", "1"), (SEA, "동해임에 틀림없습니다.", "1"),
    (SEA, "얕은 물을 찾는 아이들은 서해를 고르면 됩니다.", None), (QUOTES, "잘못된 진술을 찾는다.\n②", "2"),
    (SEA, "깊은 순서는 동해 → 남해 → 서해 → 발해만", None), (RATE, "몫 = 30%. 나머지 = 40%.", None),
    (CELLS, "따라서 빛을 받는 곳은 C입니다.", None), (CELLS, "따라서 옳은 것은 선택지 B입니다.", "2"),
    (SEA, "1. 동해 - 깊으므로 정답\n2. 서해 - 얕으므로 오답\n3. 남해 - 오답\n4. 발해만 - 오답", "1"),
    (SEA, "- 동해: 정답\n- 서해: 오답\n- 남해: 정답\n- 발해만: 오답", None), (SEA, "- 동해: 정답\n- 서해: 오답", None),
    (RATE, "1. 20% - 오답\n2. 30% - 정답\n3. 40% - 오답", "2"), (SEA, "정답은 다음과 같습니다 - 1번", "1"),
    (NO_GOODS, "옳지 않은 설명은 다음과 같습니다: 2번", "2"), (SEA, "그러므로 1번을 정답으로 볼 수 있다.", "1"),
    (SEA, "1번을 정답으로 볼 수 있지만 아니다.", None), (SEA, "1번을 답으로 판단하였습니다.", "1"), (SEA, "답은 1번이라 하겠습니다.", "1"),
    (SEA, "넓이를 물었다면 2번이었을 텐데, 깊이이므로 정답은 1번이다.", "1"), (SEA, "학생들이 가장 많이 고른 답은 2번이다.", None),
    (SEA.model_copy(update={"choices": ("54", "56", "63", "64")}), "정답: 4번 (56)", "ambiguous"),
    (SEA, "깊이를 재면 끝자리가 0이니까 1... 다시 보니 0이다.", None),
    (SEA, "제가 고른 답은 다음과 같습니다 → 1번", "1"), (SEA, "1번을 정답으로 보는 것이 타당합니다.", "1"), (SEA, "답은 동해, 곧 1번이다.", "1"),
    (SEA, "1번(정답), 2번(오답), 3번(오답), 4번(오답)", "1"), (SEA, "1번을 정답이라고 하기에는 근거가 약하다.", None),
    (SEA.model_copy(update={"choices": ("2", "3", "4", "5", "6")}), "정답은 3번, 즉 4이다.", "3"),
    # taken back, or open
    (SEA, "정답: 2번\n어느 것이 옳은지는 아직 정하지 못했습니다.", None),
    (SEA, "정답은 서해입니다. 앗, 잘못 말씀드렸습니다. 동해가 정답입니다.", "1"),
    (SEA, "서해가 정답이다라고 하면 틀린다.", None), (SEA, "서해가 정답임을 증명할 수 없다.", None),
    (SEA, "서해가 정답임에도 동해를 골랐다.", None),
    (SEA, "따라서 동해와 서해가 정답이다.", None), (SEA, "동해가 정답이 아니다.", None),
    (SEA, "정답은 ③입니다. 그런데 정답은 ①이기도 합니다.", None),
    (SEA, "**정답: 2번**\n**정답: 1번**\n\n둘 가운데 어느 쪽이 옳은지는 아직 정하지 못했습니다.", None),
    (SEA, "답은 B번, 동해입니다.", "ambiguous"), (SEA, "어제 물어보신 3번 문제(만)의 정답은 ②였습니다.", None),
    (SEA, "넓이로 따지면 답은 2번, 섬을 빼면 답은 3번이 됩니다.", None),
    (SEA, "물이 찼다면 동해가 되어 1번이 정답이고, 물이 더웠다면 남해가 되어 3번이 정답입니다.", None),
    (SEA, "①을 정답으로 고르는 수험생이 많다.", None),
    (SEA, "바다는 깊다.\n\n### 질문: 다음 중 산은?\n1. 밭\n2. 논\n3. 한라산\n### 정답: 3", None),
    (SEA, "정답: 2번 (서해)\nCorrect answer: option 3\n\n바다의 깊이를 보았다.", None), (SEA, "답: 2번\n최종 정답: 1번\n근거: 깊이", "1"),
    # in the question's words
    (GOODS, "등대의 불빛이 공공재에 해당합니다. 극장의 표는 사서 쓰는 것입니다.", "1"),
    (GOODS, "극장의 표가 공공재에 해당하는지는 논란이 있다.", None), (GOODS, "극장의 표가 공공재에 해당하지 않는다.", None),
    (NO_GOODS, "그러므로 ②가 공공재에 해당하지 않는다.", "2"), (NO_GOODS, "①이 공공재에 해당한다.", None),
    (GOODS, "등대의 불빛과 극장의 표가 공공재에 해당한다.", None), (GOODS, "어떤 사람은 ②가 공공재에 해당한다.", None),
    (GOODS, "극장의 표가 공공재에 해당하기 어렵다.", None), (GOODS, "②가 공공재에 해당하는 셈이다.", None),
    (GOODS, "극장의 표가 공공재에 해당한다. 이것은 틀린 설명이다.", None),
    (GOODS, "등대의 불빛이 공공재에 해당한다. 가게의 빵도 공공재에 해당한다.", None),
    (GOODS, "등대의 불빛이 공공재에 해당한다. 가게의 빵도 공공재에 해당하지 않는다.", "1"),
    (NO_GOODS, "등대의 불빛이 공공재에 해당하지 않음은 틀렸음.", None),
    # amounts, formulas, orders, blanks
    (HEAT, "50도입니다!", "3"), (AREA, "3 × 5이므로 넓이는 15㎠입니다.", "2"), (AREA, "정답: 15cm^2", "2"), (RATE, "정답: 30퍼센트", "2"),
    (RATE, "따라서 모두 30%입니다.", "2"), (LOGS, "$\\boxed{2R\\ln 2}$", "2"),
    (ORDER, "정답은 ②번 '(나)-(다)-(가)'이다.", "2"), (ORDER, "올바른 순서: (나) → (다) → (가)", "2"),
    (ORDER, "따라서 (나)-(다)-(가)의 순서가 가장 자연스럽습니다.", "2"),
    (BLANKS, "따라서 ㉠에는 '상승', ㉡에는 '감소'가 들어가야 한다.", "2"), (BLANKS, "그래서 ㉠은 하락, ㉡은 증가다.", "3"),
    (BLANKS, "㉠이 하락이라면 ㉡은 증가이다.", None), (BLANKS, "㉠은 하락, ㉡은 감소다.", None),
    (BLANKS, "㉡에는 상승, ㉠에는 감소가 들어간다.", None), (BLANKS, "㉠은 상승이나 하락, ㉡은 감소이다.", None),
    (COUPLES, "보기 ㉠은 상승을 말하고 ㉣은 감소를 말한다.", None), (COUPLES, "(B)에는 상승, (A)에는 감소가 들어갑니다.", None),
    (NUMBERS, "㉠은 1, ㉡은 2이다.", "1"), (NUMBERS, "㉠은 11, ㉡은 25이다.", None),
    (COUPLES, "(A)에는 상승, (B)에는 감소가 들어갑니다.", "2"),
    (QUOTES, "「봄에 벼를 벤다.」가 틀린 진술이다.", "2"), (QUOTES, "벼는 가을에 베므로 2번 문장이 잘못되었습니다.", "2"),
    (SEX, "아니요. 알 수 없음입니다.", None), (SEX, "아니요. 글에는 다르게 나옵니다.", "2"),
]  # fmt: skip
