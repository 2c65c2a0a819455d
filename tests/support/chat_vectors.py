"""chat_vectors: replies as chat models write them, with yes or no, amounts, remarks and second thoughts -> the answer."""

from koalign.records import Problem

AMBIGUOUS = "ambiguous"
RIVER = Problem(
    question="다음 중 우리나라에서 가장 긴 강은?",
    choices=("한강", "낙동강", "금강", "영산강"),
    answers=("2",),
)
WORK = RIVER.model_copy(
    update={
        "question": "다음 중 봄에 하는 농사일로 옳지 않은 것은?",
        "choices": ("씨를 뿌린다", "모판을 낸다", "벼를 벤다", "거름을 준다"),
    }
)
STEPS = RIVER.model_copy(
    update={"question": "순서는?", "choices": ("(가)-(나)-(다)", "(나)-(다)-(가)")}
)
MAKER = RIVER.model_copy(
    update={"question": "자격루를 만든 사람은 누구인가?", "choices": ("이천", "장영실", "박연")}
)
CAPITAL = RIVER.model_copy(
    update={
        "question": "다음 중 백제의 도읍이 아니었던 곳은?",
        "choices": ("웅진", "사비", "국내성"),
    }
)
MARKED = RIVER.model_copy(
    update={"question": "밑줄 친 것 중 틀린 것은?", "choices": ("①", "②", "③")}
)
PLACE = MARKED.model_copy(update={"question": "주어진 문장이 들어갈 곳은?"})
LOGIC = RIVER.model_copy(
    update={
        "question": "다음 중 옳지 않은 계산 결과는?",
        "choices": ("1 + 1 = 2", "2 + 1 = 3", "2 + 2 = 5"),
    }
)
AGREE = RIVER.model_copy(update={"question": "글의 내용과 맞는가?", "choices": ("예", "아니요")})
SIGNS = AGREE.model_copy(update={"choices": ("O", "X")})
TRUTH = AGREE.model_copy(update={"choices": ("참이다", "거짓이다")})
HOURS = RIVER.model_copy(
    update={"question": "1년은 몇 시간인가?", "choices": ("8,760", "8,670", "7,860")}
)
COUNT = RIVER.model_copy(update={"question": "모두 몇 개인가?", "choices": ("25", "26", "27")})
FORCE = RIVER.model_copy(update={"question": "합력은?", "choices": ("1N", "5N", "7N")})

VECTORS = [
    # yes and no
    (AGREE, "네.", "1"), (AGREE, "예, 그렇습니다.", "1"), (AGREE, "아니요. 그는 집에 가지 못했습니다.", "2"),
    (AGREE, "아니요, 그렇지 않습니다. 비가 왔습니다.", "2"), (AGREE, "네, 아닙니다.", AMBIGUOUS), (AGREE, "네, 비가 왔는지 봅시다.", None),
    (AGREE, "네. 문제를 풀어 보겠습니다.", None), (AGREE, "아니요. 하지만 예외가 있습니다.", None),
    (SIGNS, "맞습니다. 1443년에 만들었습니다.", "1"), (SIGNS, "틀렸습니다. 세종입니다.", "2"), (SIGNS, "X, 세종이다.", "2"),
    (TRUTH, "따라서 이 명제는 거짓입니다.", "2"), (TRUTH, "이 명제가 거짓인지는 모릅니다.", None),
    (AGREE, "네, 아니요. 상황에 따라 다릅니다.", None), (AGREE, "예, 아니요로 답하기 어렵습니다.", AMBIGUOUS),
    (TRUTH.model_copy(update={"choices": ("참", "거짓")}), "참, 거짓을 판단하는 문제입니다.", AMBIGUOUS),
    # amounts
    (HOURS, "8760", "1"), (HOURS, "정답: 8670시간", "2"), (COUNT, "최종 답은 27개입니다.", "3"), (COUNT, "정답은 3개입니다.", None),
    (FORCE, r"$\boxed{5\ \mathrm{N}}$", "2"),
    # headings and fields
    (RIVER, "## 정답\n\n낙동강\n\n## 해설\n\n낙동강은 남해로 흐르고 한강은 황해로 흐른다.", "2"),
    (RIVER, "정답은 아래와 같다.\n\n> **낙동강**\n\n한강은 그다음이다.", "2"),
    (RIVER, '[{"no": 1, "selected": "낙동강"}]', "2"),
    (RIVER, '{"answer": 2, "answer_text": "낙동강"}', "2"), (RIVER, '{"answer": 2, "answer_text": "금강"}', AMBIGUOUS),
    (RIVER, "| 번호 | 강 | 판단 |\n|---|---|---|\n| 1 | 한강 | 둘째 |\n| 2 | 낙동강 | 가장 길다 (정답) |\n| 3 | 금강 | 셋째 |\n"
            "| 4 | 영산강 | 넷째 |", "2"),
    (RIVER, '{"choice": "낙동강", "confidence": 0.9}', "2"), (RIVER, "따라서 정답은 \\boxed{2}번입니다.", "2"),
    (RIVER, "그러므로 답은 낙동강이 됩니다. 이해가 되셨나요?", "2"), (RIVER, "정답은 낙동강이 되지 않습니다.", None),
    (RIVER, "답은 낙동강이에요 😊", "2"), (RIVER, "가장 긴 강은 '낙동강'이라고 할 수 있습니다.", "2"),
    (RIVER, "가장 긴 강은 낙동강이라고 할 수도 있습니다.", None), (RIVER, "따라서 가장 긴 강으로 볼 것은 낙동강이라는 것입니다.", "2"),
    (STEPS, "정답: (나) → (다) → (가)\n\n씨를 심고 물을 준다.", "2"),
    (RIVER, "2번이 정답인 것 같다가도 1번도 그럴듯합니다.", None),
    # what takes an answer back
    (RIVER, "정답: ② 낙동강 / ① 한강", AMBIGUOUS), (RIVER, "최종 답안: 2번\n해설: 1번 한강이 정답이다.", None),
    (RIVER, "최종 정답: 2번\n다시 보니 정답은 3번이다.", "3"),
    (RIVER, "답은 3번입니다. 무엇이 답인지는 잘 모르겠습니다.", None),
    (RIVER, "2번\n정답: 2번\n다음 중 가장 높은 산은?\n1. 한라산 2. 금강산 3. 금강 4. 설악산\n정답: 1번", "2"),
    # remarks
    (RIVER, "가장 긴 강은 **낙동강(Nakdong)** 입니다! 더 궁금한 점이 있으신가요?", "2"),
    (RIVER, "가장 긴 강은 낙동강이에요. 나루마다 이름난 시장이 섰답니다.", "2"),
    (RIVER, "2번 낙동강\n2번 낙동강\n2번 낙", "2"),
    (RIVER, "강마다 길이를 견주었습니다.\n2", "2"), (RIVER, "길이가 3위인 강은 아닙니다.\n2", None),
    (RIVER, "아마 2번 낙동강일 것 같습니다.", "2"), (RIVER, "2번인 것 같습니다. 확실하지는 않습니다.", None),
    (RIVER, "3번일 것 같지만 아닙니다.", None), (RIVER, "2번 고르면 돼~", "2"), (RIVER, "그러니까 답은 마지막 거.", "4"),
    (RIVER, "보기의 두 번째가 맞습니다.", "2"), (RIVER, "두 강 중 두 번째가 맞습니다.", None),
    (RIVER, "나머지를 지우면 낙동강만 남습니다.", "2"), (RIVER, "남는 것은 낙동강뿐입니다.", "2"),
    (RIVER, "빈칸에는 '낙동강'을 넣는 것이 자연스럽습니다.", "2"), (RIVER, "빈칸에 낙동강을 넣는 것이 자연스럽지만 틀립니다.", None),
    (RIVER, "가. 한강\n나. 낙동강\n\n답은 '나'이다.", "2"),
    # what is wrong, where that is asked
    (WORK, "3번이 틀렸습니다.", "3"), (WORK, "2번이 틀렸습니다. 3번도 틀렸습니다.", AMBIGUOUS),
    (WORK, "1, 2, 4번은 옳은 설명이에요. 그런데 3번은 가을에 하는 일이므로 틀린 설명이에요.", "3"),
    (WORK, "1번은 맞습니다.\n2번은 맞습니다.\n3번은 틀립니다. 가을 일입니다.\n4번은 맞습니다.", "3"),
    (WORK, "그러므로 '벼를 벤다'는 봄에 하는 일에 해당하지 않습니다.", "3"), (WORK, "2번이 틀렸다고 하는 사람도 있다.", None),
    (WORK, "봄에는 씨를 뿌리고 거름을 준다. 이 중 벼를 벤다는 봄에 하는 일이 아닙니다.", "3"),
    (WORK, "씨를 뿌린다. 모판을 낸다는 틀린 설명이 아니다.", None),
    (WORK, "| 번호 | 일 | 철 |\n|---|---|---|\n| 1 | 씨 | 봄 |\n| 3 | 벼 | 가을 |\n\n따라서 봄에 하지 않는 것은 3번입니다.", "3"),
    (CAPITAL, "웅진은 백제의 도읍이다. 따라서 도읍이 아니었던 곳은 국내성입니다.", "3"),
    (CAPITAL, "그러므로 도읍이 아닌 곳은 3번입니다.", "3"),
    (MARKED, "정답은 ② have입니다. 주어가 하나이므로 has가 알맞다.", "2"),
    (RIVER, "The correct word is:\n\n**낙동강**\n\n- 한강은 그다음이다.", "2"),
    (AGREE, "예, 되돌릴 수 있습니다.\n\n다만 권리만 얻는 행위는 그렇지 않습니다.", "1"),
    (LOGIC, "따라서 옳지 않은 것은 `2 + 2 = 5`이다.", "3"),
    (RIVER, "3번이 틀렸습니다.", None), (RIVER, "그러므로 금강은 가장 길지 않습니다.", None),
    # another turn, an offer of two, a correction with an arrow
    (RIVER, "정답은 2번입니다.\n\n사용자: 고마워요. 가장 짧은 강은?\n어시스턴트: 정답은 4번입니다.", "2"),
    (RIVER, "정답: 2번 (또는 3번)", None), (RIVER, "정답: 2번(?)", None), (RIVER, "정답: 3번 → 2번으로 수정", None),
    (RIVER, "정답은 1번입니다. 정답은 3번입니다. 정답은 2번입니다.", None),
    (RIVER, "정답은 1번입니다. 아니요, 정답은 3번입니다. 다시 보니 정답은 2번입니다.", "2"),
    (RIVER, "정답: 1. 한강 2. 낙동강 3. 금강 4. 영산강", None), (RIVER, "정답: 2. 낙동강 1. 한강은 둘째다.", "2"),
    (RIVER, "②가 맞는 답이라고 착각한다.", None), (RIVER, "②가 맞는 답이라고 생각합니다.", "2"),
    (RIVER, "제 생각에는 2번이 맞는 것 같습니다.", "2"), (RIVER, "2번이 맞는 것 같아요. 확실하지는 않아요.", None),
    (RIVER, "정답은 3번이어야 하는데 보기에 오타가 있네요.", None),
    # a remark behind the text, lines again and again, a heading over the others
    (RIVER, "정답: 낙동강 (길이 약 510 km)", "2"), (RIVER, "정답: 낙동강 (또는 한강)", None), (RIVER, "정답: 낙동강 (3번)", None),
    (RIVER, "정답: 낙동강 (금강)", None), (AGREE, "정답: 예 (맞음)", "1"), (AGREE, "정답: 예 (아님)", None),
    (RIVER, "정답은 '낙동강'으로, 길이는 약 510 km입니다.", "2"), (RIVER, "정답은 낙동강으로, 보기 번호로는 3번입니다.", None),
    (RIVER, "답은 낙동강이야. 한강이랑 금강은 더 짧거든.", "2"), (RIVER, "2. 낙동강\n2. 낙동강\n2. 낙동강", "2"),
    (RIVER, "**2번: 낙동강**\n\n- 1번 한강은 둘째입니다.\n- 3번 금강은 셋째입니다.", "2"), (RIVER, "1번: 한강\n2번: 낙동강", None),
    (WORK, "1번은 맞다. 2번은 맞다. 3번은 틀리다. 4번은 맞다.", "3"),
    (WORK, "벼는 가을에 벤다. 따라서 3번은 옳지 않다.", "3"), (WORK, "2번은 옳지 않으므로 제외한다.", None),
    (WORK, "3번은 옳지 않다고 보기 어렵다.", None), (WORK, "3번이 옳지 않은 설명인지 모르겠습니다.", None),
    # a choice's text as the reason for a label
    (RIVER, "가장 긴 강은 낙동강이므로 답은 2번입니다.", "2"), (RIVER, "가장 긴 강은 낙동강이므로 답은 3번입니다.", AMBIGUOUS),
    (RIVER, "낙동강이니까 ③입니다.", AMBIGUOUS), (RIVER, "한강은 둘째이므로 답은 2번입니다.", "2"),
    # the words of the question
    (RIVER, "2번 낙동강이 우리나라에서 가장 긴 강이다.", "2"), (RIVER, "한강이 우리나라에서 가장 긴 강이다. (X)", None),
    (MAKER, "장영실이 자격루를 만들었다.", "2"), (MAKER, "이천이 자격루를 만들지 않았다.", None),
    (MAKER, "자격루를 만든 사람은 장영실이다. 이천은 갑인자를 만들었다.", "2"),
    (RIVER.model_copy(update={"question": "우리나라의 강은?"}), "한강이 우리나라에 있다.", None),
    (RIVER.model_copy(update={"question": "충무공 이순신의 강은?"}), "한강이 충무공 이순신이다.\n금강은 짧다.", None),
    # what is to be chosen, numbers of choices, Chinese around a number
    (RIVER, "그래서 2번을 정답으로 고르면 되겠습니다.", "2"), (RIVER, "2번을 정답으로 고르면 안 되겠습니다.", None),
    (RIVER, "정답은 낙동강이고 번호는 2번이다.", "2"), (RIVER, "最长的是洛东江，所以答案是2。", "2"), (RIVER, "错误答案是2。", None),
    # places and orders that fit
    (PLACE, "주어진 문장은 ②에 들어가야 자연스럽다.", "2"), (PLACE, "주어진 문장은 ②에 들어가면 어색하다.", None),
    (STEPS, "주어진 글 다음에 (나)-(다)-(가)의 순서로 이어지는 것이 가장 자연스럽다.", "2"),
    (STEPS, "(나)-(다)-(가)의 순서로 이어지는 것은 자연스럽지 않다.", None),
    (STEPS, "글의 흐름상 (나) → (다) → (가) 순서가 가장 자연스럽습니다.", "2"), (STEPS, "(나)-(다)-(가) 순서가 적절하지 않다.", None),
    (STEPS, "시대 순으로 나열하면 (나)-(다)-(가)입니다.", "2"), (STEPS, "시대 순으로 나열하면 (나)-(다)-(가)가 아닙니다.", None),
    # a word that denies in a quoted sentence, or that says what is asked for
    (RIVER.model_copy(update={"question": '"황해로 흐르지 않는 긴 강은 (   )이다." 빈칸에 알맞은 말은?'}), "'낙동강'이 알맞습니다.", "2"),
    (RIVER.model_copy(update={"question": "돌을 제거하는 강은?"}), "돌을 제거하는 강은 낙동강입니다.", "2"), (RIVER, "한강은 제거합니다.", None),
    # a first line that is an item, a final one of several, a reason on another choice
    (RIVER, "2. 낙동강\n3. 금강", None), (RIVER, "2번\n3번", None), (RIVER, "2번: 낙동강\n4번: 영산강", None),
    (RIVER, "답: 1\n답: 3\n최종 답: 2", "2"), (RIVER, "1번은 둘째인 한강이므로 답은 2번입니다.", "2"),
    (RIVER, "나머지는 한강이나 금강이므로 정답은 2번이다.", "2"),
    (RIVER, "2번이 옳은 선택이라 생각합니다.", "2"), (RIVER, "2번이 맞는 답인 것 같습니다.", "2"), (RIVER, "2번이 맞는 거예요.", "2"),
    (RIVER, "정답은 2번이어야 하지요.", "2"), (RIVER, "정답은 2번이어야 하지만 오타가 있다.", None),
    (RIVER.model_copy(update={"choices": ("0", "1", "2", "3")}), "번호는 2\n정답: 2번", "2"),
    (RIVER, "정답: 낙동강 (정정: 한강)", None),
]  # fmt: skip
