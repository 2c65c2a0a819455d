"""conclusion_vectors: whole replies as models write them -> the choice that each ends with, or none."""

from koalign.records import Problem

KINGS = Problem(question="다음 물음에 답하시오.", choices=("세종", "성종", "영조", "정조"), answers=("1",))  # fmt: skip
DRUGS = KINGS.model_copy(update={"choices": ("아세트아미노펜", "이부프로펜", "아스피린", "와파린", "메트포르민")})  # fmt: skip
RANGES = KINGS.model_copy(update={"choices": ("-1 < x < 3", "x < -1 또는 x > 3", "0 < x < 3", "x ≥ 3")})  # fmt: skip
LAWS = KINGS.model_copy(update={"choices": ("대통령의 임기는 5년이며 중임할 수 없다.", "국회의원의 임기는 4년이다.", "헌법재판소는 9인의 재판관으로 구성된다.", "국회가 국무총리를 임명한다.")})  # fmt: skip
CELLS = KINGS.model_copy(update={"choices": ("미토콘드리아는 세포 호흡이 일어나는 장소이다.", "리보솜은 단백질을 합성한다.", "엽록체는 동물 세포에 존재한다.", "핵은 유전 물질을 포함한다.")})  # fmt: skip
POETS = KINGS.model_copy(update={"choices": ("윤동주", "김소월", "한용운", "이육사", "백석")})
TAGS = KINGS.model_copy(update={"choices": ("<b>글</b>", "<i>글</i>", "<u>글</u>", "<br>")})

# A label stands before its own text, whatever its blanks and `$`; places are counted to the last.
WRITTEN_OTHERWISE = [
    (RANGES, "**따라서 정답은 ② $x<-1$ 또는 $x>3$ 입니다.**", "2"),
    (RANGES, "정답은 ② $0<x<3$ 입니다.", None),
    (KINGS, "두번째가 맞음", "2"), (KINGS, "정답은 세 번째입니다.", "3"), (KINGS, "정답은 셋째 선지이다.", "3"),
    (KINGS, "두 견해 중 두 번째가 맞다.", None), (KINGS, "정답은 두 번째 문단에 있다.", None),
    (KINGS, "정답은 둘째 아들이다.", None), (KINGS, "첫째, 왕이 다르다. 둘째, 때가 다르다.", None),
    (POETS, "마지막 선지를 고르겠습니다.", "5"), (KINGS, "정답은 마지막 선택지입니다.", "4"),
    (POETS, "마지막 문단을 고르겠습니다.", None), (KINGS, "마지막 선지는 옳지 않다.", None),
    (KINGS, "<b>최종 선택</b>: <u>1번</u><br>\n<i>사유</i>: 첫 임금이기 때문", "1"),
    (KINGS, "<p>정답은 <strong>③</strong>입니다.</p>", "3"),
    (TAGS, "정답: <i>글</i>", "2"), (TAGS, "정답: <br>", "4"),
]  # fmt: skip
IN_FORMATS = [
    (DRUGS, '{\n  "reasoning": "1번과 2번은 작용이 약하다.",\n  "selected_option": "③",\n  "confidence": 0.92\n}', "3"),
    (KINGS, '{"correct_answer": "B"}', "2"), (KINGS, '{"선택": "4번"}', "4"), (KINGS, '{"answer_number": 2}', "2"),
    (KINGS, '[{"choice": "①", "ok": true}, {"choice": "②", "ok": false}]', None),
    (KINGS, '{"selected_options": ["①", "②"]}', None), (KINGS, '{"rejected_option": "②"}', None),
    (KINGS, "Q. 어느 것이 정답인가요?\nA. ①", "1"), (KINGS, "Q: 탕평책을 편 왕은?\nA: 영조", "3"),
    (KINGS, "Q. 누구인가요?\nA. ①과 ② 가운데 고민입니다.", None), (KINGS, "A. ①은 세종이다.", None),
]  # fmt: skip
# Said by another, and of two solutions neither.
OF_OTHERS = [
    (KINGS, "친구가 3번이 맞다고 했다는데, 저는 동의하지 않습니다. 그래서 저라면 4번을 고르겠습니다.", "4"),
    (KINGS, "나라면 ②를 고른다.", "2"), (KINGS, "그가 왕이라면 ②를 고른다.", None),
    (LAWS, 'A 수험생: "2번이 답이야."\nB 수험생: "아니야, 4번이 답이야."\n\n누구의 말이 맞는지 생각해 봅시다.', None),
    (LAWS, '갑: "정답은 ②이다."', None), (LAWS, '답: "②"', "2"), (LAWS, '최종 답안: "정답은 ②이다."', "2"),
    (KINGS, "풀이 1: ③이 답이다.\n풀이 2: ④가 답이다.\n\n어느 풀이가 출제 의도에 맞는지는 알 수 없다.", None),
    (KINGS, "③이 답이다. 그러나 자료가 없어 답을 확정할 수 없다.", None),
    (KINGS, "정답은 ③이다. 어느 왕이 먼저인지는 알 수 없다.", "3"),
]  # fmt: skip
# The reply itself says that the wrong one is asked.
WRONG_IS_ASKED = [
    (LAWS, "이 문제는 **옳지 않은 것**을 고르는 문제입니다.\n1. 옳은 설명입니다.\n\n따라서 옳지 않은 것은 **4번**입니다.", "4"),
    (LAWS, "④가 이 문제에서 요구하는 **틀린 설명**에 해당한다.", "4"),
    (CELLS, "잘못된 것을 찾아봅시다 🔍\n\n✅ 핵 — 맞아요!\n\n👉 그래서 잘못된 설명은 **세 번째 선택지**입니다!", "3"),
    (LAWS, "옳은 것을 고르는 문제입니다. 옳지 않은 것은 4번입니다.", None),
    (LAWS, "틀린 것을 찾아 지우면 쉽다. 틀린 것은 4번이다.", None),
    (LAWS, "틀린 것을 고르는 문제이다. 옳은 것은 ②이다.", None),
    (LAWS, "틀린 것을 고르는 문제이다. ④가 틀린 설명인지 보자.", None),
]  # fmt: skip
VECTORS = [*WRITTEN_OTHERWISE, *IN_FORMATS, *OF_OTHERS, *WRONG_IS_ASKED]
