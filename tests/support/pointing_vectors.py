"""pointing_vectors: replies that point at a choice outright, in any place, and their near misses -> what is read."""

from koalign.records import Problem


def asking(question: str, *choices: str) -> Problem:
    return Problem(question=question, choices=choices, answers=("1",))


OFFICE = asking(
    "다음 중 조선 시대 왕의 비서 기관은?", "의금부", "승정원", "사헌부", "홍문관", "춘추관"
)
KINGS = asking("탕평책을 편 왕은?", "세종", "성종", "영조", "정조")
NOT_ONE = asking(
    "다음 중 상법상 회사의 종류가 아닌 것은?", "합명회사", "합자회사", "주식회사", "조합회사"
)
SPELLING = asking("다음 중 표기가 옳은 것은?", "설겆이", "설거지", "설겆이질", "설것이")
MISSPELT = asking("다음 중 표기가 옳지 않은 것은?", "웬일", "왠지", "오랫만에", "금세")
ODD = asking("나머지와 성격이 다른 하나는?", "웬일", "왠지", "오랫만에", "금세")
SETS = asking("옳은 것을 모두 고른 것은?", "ㄱ", "ㄷ", "ㄱ, ㄴ", "ㄴ, ㄷ", "ㄱ, ㄴ, ㄷ")
SPEED = asking("동기속도는?", "900rpm", "1200rpm", "1800rpm", "3600rpm")
SIDE = asking("빗변의 길이는?", "4", "5", "6", "7")
EVEN = asking("가장 큰 수는?", "2", "4", "6", "8")
STRESS = asking("기준강도는?", "100MPa", "200MPa", "300MPa", "400MPa")
PLACE = asking("주어진 문장이 들어가기에 가장 적절한 곳은?", "①", "②", "③", "④", "⑤")
PRESSURE = asking("유체의 속도가 증가하면 압력은?", "증가한다", "감소한다", "일정하다", "0이 된다")
PAIRS = asking(
    "바르게 연결된 것은?",
    "정약용 - 열하일기",
    "박지원 - 목민심서",
    "이익 - 성호사설",
    "유형원 - 북학의",
)
CONTROL = asking("속도 제어법이 아닌 것은?", "전압 제어", "계자 제어", "저항 제어", "주파수 제어")
OHMS = asking("합성 저항은 몇 Ω인가?", "2", "3", "4", "8", "16")

# The writer takes a choice, in more words, and goes on to speak of others.
TAKEN = [
    (OFFICE, "왕명의 출납을 맡았다. 2번 선택.", "2"), (OFFICE, "2번이요! 왕의 비서 기관이에요.", "2"),
    (OFFICE, "그러니 ②를 찍으시면 됩니다.", "2"), (OFFICE, "따라서 두 번째 보기를 골라야 한다.", "2"),
    (OFFICE, "저라면 망설임 없이 ②에 한 표를 던지겠습니다! 5번은 역사를 맡았어요.", "2"),
    (OFFICE, "보기 중 승정원을 고르면 됩니다. 참고로 사헌부는 관리를 감찰했습니다.", "2"),
    (OFFICE, "이런 이유로 저는 '승정원'을 고르겠습니다.", "2"),
    (OFFICE, "결론적으로 이 문제의 답으로는 승정원을 꼽을 수 있습니다.", "2"),
    (OFFICE, "2번을 고르면 됩니다. 만약 감찰 기관을 물었다면 3번이 되었을 것입니다.", "2"),
    (SETS, "따라서 ③번 (ㄱ, ㄴ) 선택이 타당함.", "3"),
    (OFFICE, "1번 선택 시 감점이 있다.", None), (OFFICE, "2번 선택은 옳지 않다.", None),
    (OFFICE, "3번이요? 감찰 기관이에요.", None), (OFFICE, "3번이라고 하기는 어렵다.", None),
    (OFFICE, "②를 찍으시면 안 됩니다.", None), (OFFICE, "②를 찍으시면 틀립니다.", None),
    (OFFICE, "두 번째 보기를 골라야 할지 고민이다.", None), (OFFICE, "두 번째 보기를 골라야 하는 이유가 없다.", None),
    (OFFICE, "보기 중 승정원을 고르면 안 됩니다.", None), (OFFICE, "보기 중 승정원을 고르면 됩니다. 하지만 확실하지 않습니다.", None),
    (OFFICE, "보기 중 승정원을 고르면 됩니다. 아니다, 사헌부입니다.", None),
    (OFFICE, "학생이라면 승정원을 고르겠습니다.", None), (OFFICE, "예로는 승정원을 들 수 있습니다. 의금부도 있습니다.", None),
    (OFFICE, "승정원을 고르겠습니다. 의금부를 고르겠습니다.", None),
    (OFFICE, "2번이 타당함을 보이시오.", None), (SETS, "③번 (ㄱ, ㄴ) 선택이 타당한지 보자.", None),
]  # fmt: skip
# Places, and letters that only the reply uses.
PLACES = [
    (OFFICE, "왕의 비서 기관이므로 답은 두 번째.", "2"), (OFFICE, "고로 왕의 비서 기관은 두 번째 선택지다.", "2"),
    (CONTROL, "고로 속도 제어와 무관한 것은 맨 마지막 선택지다.", "4"), (OFFICE, "그러므로 두번째 보기가 맞다고 할 수 있겠다.", "2"),
    (CONTROL, "그러므로 (라)가 정답이다.", "4"),
    (OFFICE, "두 번째 보기는 아니다.", None), (OFFICE, "두 번째 보기가 맞다고 할 수 있을까.", None),
    (OFFICE, "두 번째 보기가 맞다고 볼 수 없다.", None), (OFFICE, "맨 마지막 선택지는 역사를 맡았다.", None),
    (OFFICE, "답은 두 번째 문단에 있다.", None), (CONTROL, "(라)가 정답이라고 보기 어렵다.", None),
    (asking("(가)와 (나) 중 왕은?", "갑", "을", "병"), "(나)가 정답이다.", None),
    (asking("옳은 것은?", "(가)", "(나)", "(가), (나)"), "(나)가 정답이다.", "2"),
]  # fmt: skip
# Said in the words of the question, or of what is right.
AS_ASKED = [
    (OFFICE, "사헌부: 감찰\n의금부: 처벌\n승정원: 왕명 출납\n\n물음에 부합하는 기관은 승정원임.", "2"),
    (OFFICE, "조선 시대 왕의 비서 기관은 승정원이다. 사헌부는 감찰 기관이다.", "2"),
    (OFFICE, "정리하면, 왕의 비서 기관은 승정원입니다.", "2"),
    (NOT_ONE, "합명회사, 합자회사, 주식회사는 상법에 있다. 상법에 있지 않은 것은 조합회사뿐이다.", "4"),
    (NOT_ONE, "그러므로 회사의 종류가 아닌 것은 '조합회사'입니다.", "4"),
    (NOT_ONE, "그러니 회사가 아닌 것으로는 조합회사를 들 수 있습니다.", "4"),
    (NOT_ONE, "조합회사는 상법에 없으므로 4번이 회사의 종류에 해당하지 않습니다.", "4"),
    (SETS, "ㄱ. 발음 기관이다. (O)\nㄴ. 하늘이다. (O)\nㄷ. 새로 만들었다. (X)\n\n옳은 것은 ㄱ과 ㄴ이다.", "3"),
    (SETS, "ㄱ은 틀리다. 그래서 'ㄴ, ㄷ'이 답이 된다.", "4"),
    (SPELLING, "바르게 쓰인 것은 2뿐이다.", "2"), (SPELLING, "이를 바르게 적은 것은 2번이라고 정리할 수 있습니다.", "2"),
    (PAIRS, "정약용은 목민심서를 썼다.\n바르게 짝지어진 것은 이익과 성호사설이네요.", "3"),
    (KINGS, "따라서 알맞은 보기: 영조 (3번)", "3"),
    (SPELLING, "설거지가 표준어야. '설겆다'라는 말은 이제 안 쓰여.", "2"), (SPELLING, "따라서 설거지가 옳은 표기임.", "2"),
    (SPELLING, "**설거지** — 이게 정답이에요. 그릇을 씻어 정리하는 일이에요.", "2"),
    (PLACE, "③의 앞에서는 장점을 말하므로 주어진 문장은 ④에 들어가야 합니다.", "4"),
    (PRESSURE, "증가한다. 속도가 빨라지면 더 세게 밀기 때문이다.", "1"),
    (OFFICE, "물음에 부합하는 기관은 승정원이 아님.", None), (OFFICE, "물음에 부합하는 기관은 승정원일까.", None),
    (OFFICE, "조선 시대 왕의 비서 기관은 승정원이다. 그러나 의금부일 수도 있다.", None),
    (OFFICE, "고려 시대 왕의 비서 기관은 승정원이다. 사헌부는 감찰 기관이다.", None),
    (NOT_ONE, "상법에 있지 않은 것은 조합회사라고 보기 어렵다.", None),
    (NOT_ONE, "회사의 종류인 것은 주식회사뿐이 아니다.", None), (NOT_ONE, "옳은 것은 주식회사이다.", None),
    (SETS, "옳은 것은 ㄱ과 ㄹ이다.", None), (SETS, "옳은 것은 ㄱ과 ㄴ이 아니다.", None), (SETS, "옳은 것은 ㄱ과 ㄴ, ㄹ이다.", None),
    (SPELLING, "바르게 쓰이지 않은 것은 2번이다.", None), (SPELLING, "바르게 쓰인 것은 2뿐이 아니다.", None),
    (MISSPELT, "'왠지'가 맞습니다. 왜인지가 줄었습니다.", None), (ODD, "왠지가 옳은 표기입니다. 웬일은 다릅니다.", None),
    (ODD, "웬일이 표준어야.", None), (MISSPELT, "옳은 것은 왠지이다.", None),
    (SPELLING, "설거지가 표준어인지 보자. 설겆이는 옛말이다.", None), (SPELLING, "설거지가 옳은 표기인지 모르겠다.", None),
    (SPELLING, "설거지가 맞습니다. 설것이가 맞습니다.", None), (SPELLING, "**설거지** — 이게 정답일까요?", None),
    (PLACE, "주어진 문장은 ④에 들어가지 않는다.", None), (PLACE, "주어진 문장이 ④에 들어가야 하는지 보자.", None),
    (PRESSURE, "증가한다. 아니, 감소한다.", None), (PRESSURE, "증가한다. 이것은 2번의 반대이다.", None),
    (PRESSURE, "증가한다. 그런데 이는 틀렸다.", None),
]  # fmt: skip
# Numbers and units.
VALUES = [
    (SPEED, r"The final answer is $\boxed{1800}$.", "3"), (SPEED, "정답: 1200", "2"), (SPEED, "정답: 1500", None),
    (SIDE, "**Answer: 5**", "2"), (SIDE, "정답: $5$", "2"), (SIDE, "정답: 5번", None), (SIDE, "정답: ⑤", None), (SIDE, "정답: (5)", None), (SIDE, "정답: 8", None),
    (EVEN, "8", "4"), (EVEN, "6", "3"), (EVEN, "7", None), (EVEN, "8번", None),
    (STRESS, r"$$\boxed{\text{① } 100\,\text{MPa}}$$", "1"), (STRESS, r"\boxed{\text{① } 200\,\text{MPa}}", None),
    (OHMS, "\\boxed{2}\n\n(② 3)", "2"), (OHMS, "\\boxed{2}", "ambiguous"), (OHMS, "\\boxed{2}\n\n(④ 8)", "ambiguous"),
]  # fmt: skip
# One choice bears a sign in a list of all.
SIGNS = [
    (OFFICE, "- 의금부: 처벌\n- 승정원: 왕명 출납 ✅\n- 사헌부: 감찰\n- 홍문관: 자문\n- 춘추관: 역사", "2"),
    (KINGS, "✅ 3. 영조\n1. 세종\n2. 성종\n4. 정조", "3"), (KINGS, "1. 세종\n2. 성종\n3. 영조 ←\n4. 정조", "3"),
    (KINGS, "① 세종\n② 성종\n③ 영조\n**④ 정조** ✔", "4"),
    (KINGS, "1. 세종 ✅\n2. 성종\n3. 영조 ✅\n4. 정조", "ambiguous"), (KINGS, "1. 세종\n2. 성종\n3. 영조 ←", None),
    (KINGS, "1. 영조 ✅\n2. 성종\n3. 세종\n4. 정조", None), (KINGS, "1. 세종 ❌\n2. 성종\n3. 영조\n4. 정조", None),
    (KINGS, "1. 세종\n2. 성종\n3. 영조 ← 함정\n4. 정조\n다시 보자.", None),
]  # fmt: skip
# A base model goes on with problems of its own.
GOES_ON = [
    (KINGS, "답: 3\n\n질문: 조선의 수도는?\n1. 개성\n2. 한양\n답: 2", "3"), (KINGS, "3\n\nQ: 조선의 수도는?\nA: 2", "3"),
    (KINGS, "A: ③ 영조(英祖)\n\nQ: 조선을 세운 왕은?\n① 태종 ② 태조\nA: ② 태조", "3"),
    (KINGS, "정답: 3\n### 문제 2\n조선을 세운 왕은?\n정답: 1\n### 문제 3\n수도는?\n정답: 4", "3"),
    (KINGS, "질문: 탕평책을 편 왕은?\n답: 3", "3"), (KINGS, "답: 1\n질문: 탕평책을 편 왕은?\n답: 3", None),
    (KINGS, "풀이를 봅시다.\n질문: 누가 탕평책을 폈는가?\n답: 3", "3"),
]  # fmt: skip
# Left open, or broken off.
LEFT_OPEN = [
    (KINGS, "정답은 2번입니다.\n\n다만 다시 보니 1번이 정답일 가능성도 있습니다. 어느 쪽인지는 확실하지 않습니다.", None),
    (KINGS, "정답은 4번입니다.\n\n최종 정답: 2번\n\n(위의 4번과 2번 가운데 어느 것을 최종으로 할지는 확인이 필요합니다.)", None),
    (KINGS, "따라서 정답은 ①이다. 아니, 정답은 ③인데, ①을 고르는 것도 가능하다. 두 답이 모두 성립한다.", None),
    (KINGS, "이는 1번에 해당합니다. 하지만 아직 다 보지 않았으므로 나머지도 찾아보면", None),
    (KINGS, "정답: 2\n\n정답: 1\n\n정답: 4", None), (KINGS, "정답: ③ 영조\n정답: ④ 정조", None),
    (KINGS, "정답: 2\n최종 정답: 3", "3"), (KINGS, "정답은 3번입니다. 1번이 정답일 가능성은 없습니다.", "3"),
    (KINGS, "정답은 3번입니다. 하지만 4번도 눈여겨봅시다.", "3"),
]  # fmt: skip
COINS = asking("다음 중 화폐 단위는?", "유로", "프랑", "파운드", "크로네")
NO_COIN = asking("다음 중 화폐 단위가 아닌 것은?", "유로", "프랑", "파운드", "미터")
RIVERS = asking("한국에서 가장 긴 강은?", "한강", "낙동강", "금강", "섬진강")
CAPITAL = asking("대한민국의 수도는?", "서울", "부산", "대구")
# The same in more ways, and what resembles it.
MORE_WAYS = [
    (COINS, "2번으로 마킹하시면 됩니다.", "2"), (COINS, "정답 확인: ②", "2"), (COINS, "두 번째요.", "2"), (COINS, "세 번째 것이 답입니다.", "3"),
    (COINS, "그러므로 보기 ②를 선택하는 것이 바람직하다.", "2"), (COINS, "프랑이라고 답하겠습니다.", "2"),
    (NO_COIN, "4번만 화폐 단위가 아닙니다.", "4"), (COINS, "정답\n→ 2. 프랑", "2"), (COINS, "남는 것은 2번, 이것이 답입니다.", "2"),
    (asking("나머지와 다른 것은?", "새", "헌", "예쁜", "온갖"), "따라서 3번이 나머지와 다릅니다. 1번은 관형사입니다.", "3"),
    (RIVERS, "한국에서 가장 긴 강은 낙동강(약 510km)입니다. 한강은 다음입니다.", "2"),
    (RIVERS, "따라서 가장 긴 강은 낙동강입니다. 압록강은 여기에 넣지 않습니다.", "2"), (RIVERS, "따라서 가장 긴 강을 찾은 사람은 갑이다.", None),
    (SETS, "ㄱ, ㄴ, ㄷ 중 옳은 것은 ㄱ, ㄴ이다.", "3"),
    (COINS, "2번으로 마킹하시면 안 됩니다.", None), (COINS, "정답 확인: 2번은 아니다.", None), (COINS, "세 번째 것이 맞는지 보자.", None),
    (COINS, "프랑이라고 답하지 않겠습니다.", None), (NO_COIN, "4번이 틀린 것이 아닙니다.", None), (NO_COIN, "4번이 찾는 답이 아닙니다.", None),
    (COINS, "2번만 화폐 단위가 아닙니다.", None), (COINS, "유로를 들 수 있다. 프랑도 들 수 있다.", None), (COINS, "예로 유로를 들 수 있습니다.", None),
    (COINS, "2번을 고르면 됩니다. 그러나 3번도 맞습니다.", None), (COINS, "2번을 고르면 됩니다. 3번을 고르면 안 됩니다.", "2"),
    (COINS, "만약 스위스라면 2번을 고르면 됩니다.", None), (COINS, "많은 학생이 2번을 고릅니다. 그래서 주의해야 합니다.", None),
    (RIVERS, "한국에서 두 번째로 긴 강은 한강입니다.", None), (RIVERS, "한국에서 가장 긴 강은 낙동강(오답)입니다.", None),
    (RIVERS, "따라서 가장 긴 강은 낙동강입니다. 이 결론은 옳지 않습니다.", None),
    (CAPITAL, "대한민국의 수도는 서울이었다. 이제 부산이다.", None), (CAPITAL, "대한민국의 수도는 부산이다. 아, 서울이다.", None),
    (asking("규장각을 세우지 않은 왕은?", "세종", "정조"), "규장각을 세운 왕은 정조입니다.", None),
    (asking("규장각을 세운 왕은?", "세종", "영조", "정조"), "문제에서 설명하는 왕은 영조이다. 그의 손자 정조가 규장각을 세웠다.", None),
    (asking("포유류가 아닌 것은?", "고래", "박쥐", "상어"), "알을 낳지 않는 것은 고래, 박쥐이다. 상어는 어류이다.", None),
    (SPELLING, "1번 '설겆이'가 맞습니다. 2번 '설거지'도 맞습니다.", "ambiguous"),
    (asking("옳지 않은 설명은?", "물은 산소를 포함한다", "물은 금속이다"), "물은 산소를 포함한다. 분자가 그렇다.", None),
    (asking("빈칸 ㉠에 들어갈 말은?", "그러나", "따라서"), "㉠에는 '따라서'가 들어가야 합니다. 인과이기 때문입니다.", "2"),
    (asking("빈칸 ㉠에 들어갈 말은?", "그러나", "따라서"), "㉡에는 '따라서'가 들어가야 합니다. 인과이기 때문입니다.", None),
    (NO_COIN, "따라서 화폐 단위에 해당하는 것은 프랑이다.", None), (NO_COIN, "프랑이 여기에 해당합니다.", None),
    (KINGS, "정답: 3\n\n질문:\n위 답이 맞는가?\n아니다. 정답은 2번이다.", None), (PRESSURE, "증가한다. 그렇게 보는 견해도 있다.", None),
]  # fmt: skip
# A label with its choice's text: what follows the text denies it, doubts it or puts another in its place.
OWN_TEXT = [
    (RIVERS, "정답은 1번 한강이 아니라 2번 낙동강입니다.", "2"),
    (RIVERS, "정답은 1번 한강...이 아니라 2번 낙동강입니다.", "2"),
    (RIVERS, "정답은 ① 한강이 아니고 ② 낙동강이다.", "2"), (RIVERS, "정답은 1번 한강 말고 2번 낙동강이다.", "2"),
    (RIVERS, "정답은 1번 한강보다 2번 낙동강이 맞습니다.", "2"),
    (RIVERS, "정답은 1번 한강이 아닙니다.", None), (RIVERS, "정답은 ② 낙동강이라고 하기는 어렵다.", None),
    (RIVERS, "정답은 1번 한강과 2번 낙동강입니다.", None), (RIVERS, "3번, 금강.", "3"),
]  # fmt: skip
# A text or a label that a key announces at once; answers that take turns, or are taken back at the end.
ANNOUNCED = [
    (COINS, "정답: 프랑. 유로를 쓰지 않는 나라의 화폐이다.", "2"), (COINS, "정답: 프랑. 파운드는 영국의 화폐이다.", "2"),
    (COINS, "정답: 프랑. 이라고 하고 싶지만 모르겠다.", None), (COINS, "정답: 프랑. 아니, 정답은 파운드입니다.", "3"),
    (COINS, "먼저 정답부터 말씀드리면 **② 프랑**입니다. 유로는 다릅니다.", "2"), (COINS, "정답부터 말하자면 ②이다.", "2"),
    (COINS, "정답부터 말하면 모르겠습니다.", None), (COINS, "②번을 찍을게요", "2"), (COINS, "②번을 찍겠다는 학생이 많다.", None),
    (COINS, "정답은 1번이다. 다시 보면 정답은 2번이다. 아니다, 정답은 1번이다.", "1"),
    (COINS, "정답은 1번이다. 그러므로 정답은 2번이다. 정답은 1번이다. 그러므로 정답은 2번이다. 정답은 1번", None),
    (COINS, "정답은 2번입니다. 앞서 말한 2번은 취소할게요.", None),
    (COINS, "정답은 2번입니다. 그런데 지금으로서는 어느 것이라고 말씀드리기 어렵습니다.", None),
]  # fmt: skip
# What a model writes out at its end, or after it; several answers at the end; other words for the same.
AT_THE_END = [
    (COINS, "정답: 2</s>", "2"), (COINS, "정답: 2<eos>", "2"), (COINS, "2<|im_end|>", "2"), (COINS, "정답: 2[|endofturn|]", "2"),
    (COINS, "정답: 2<|im_end|>\n<|im_start|>user\n정답: 1", "2"), (COINS, "정답: 2 <end_of_turn>\n다음 문제\n정답: 1", "2"),
    (COINS, "<|im_end|>정답: 2", "2"), (COINS, "<s>정답: 1</s> 정답: 2", "2"),
    (COINS, "설명이다.\n\n정답: 2\n정답: 3", None), (COINS, "설명이다.\n\n정답: 2\n정답: 2", "2"),
    (COINS, "정답: 2\n설명이다.\n정답: 3", "3"), (COINS, "설명이다.\n답: 2\n최종 정답: 3", "3"),
    (COINS, "설명이다.\n[ANSWER] 2", "2"), (COINS, "答: 2", "2"), (COINS, "應答: 2", None),
    (COINS, "하나만 남았다. 프랑, 이것이 정답이다.", "2"), (COINS, "따라서 프랑이고 이것이 답이다.", "2"),
    (COINS, "프랑, 이것이 정답이 아니다.", None), (COINS, "프랑이고 이것이 답일 수도 있다.", None),
    (COINS, "결국 2번의 설명이 옳습니다.", "2"), (COINS, "2번의 설명이 옳다고 볼 수 없다.", None),
    (COINS, "2번이 맞는다고 해도 3번은 틀리다.", None), (COINS, "2번이 맞는다면 3번은 틀리다.", None), (COINS, "2번이 맞는다.", "2"),
    (COINS, "2번이 옳다 해도 그렇다.", None), (COINS, "2번이 맞는다고 생각합니다.", "2"), (COINS, "2번이 맞는다는 주장도 있다.", None),
    (COINS, "답은 2번 외에는 있을 수 없습니다.", "2"), (COINS, "답은 2번 외에도 있다.", None),
    (COINS, "Therefore my answer is the second one.", "2"), (COINS, "The answer is the third option.", "3"),
    (COINS, "The first one is a coin.", None), (COINS, "My answer is the first thing I thought of.", None),
]  # fmt: skip

VECTORS = [
    *AT_THE_END,
    *TAKEN,
    *PLACES,
    *AS_ASKED,
    *VALUES,
    *SIGNS,
    *GOES_ON,
    *LEFT_OPEN,
    *MORE_WAYS,
    *OWN_TEXT,
    *ANNOUNCED,
]
