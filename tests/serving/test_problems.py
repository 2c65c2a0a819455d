"""A message that holds a problem is asked as the run was trained; any other message is left as it is."""

import pytest
from support.problems import exam

from koalign.data.prompting.prompts import DEFAULT, Renderer, load_template
from koalign.serving.problems import problem_in

RENDERER = Renderer(load_template(DEFAULT))
PASSAGE = "어느 마을의 기록이다.\n민수는 서울에 산다.\n\n영희는 부산에 산다."
BOX = "ㄱ. 민수는 서울에 산다.\nㄴ. 영희는 대구에 산다."


@pytest.mark.parametrize("problem", exam("dev")[:40], ids=lambda problem: problem.id)
def test_a_rendered_prompt_is_read_back_as_its_problem(problem):
    prompt = RENDERER.render(problem, "answer").messages[-1].text
    found = problem_in(prompt)
    assert found is not None and found.id == problem.id


READ = {
    "one line": ("수도는? ① 서울 ② 부산 ③ 대구", ("", "", "수도는?", ("서울", "부산", "대구"))),
    "lines": ("수도로 알맞은 것은?\n1. 서울\n2. 부산", ("", "", "수도로 알맞은 것은?", ("서울", "부산"))),
    "brackets": ("수도는?\n(1) 서울\n(2) 부산", ("", "", "수도는?", ("서울", "부산"))),
    "letters": ("수도는?\nA. 서울\nB. 부산", ("", "", "수도는?", ("서울", "부산"))),
    "windows line ends": ("수도는?\r\n1) 서울\r\n2) 부산\r\n", ("", "", "수도는?", ("서울", "부산"))),
    "its own number": ("12. 수도는?\n① 서울\n② 부산", ("", "", "수도는?", ("서울", "부산"))),
    "a passage": (f"{PASSAGE}\n\n민수가 사는 곳은?\n① 서울 ② 부산", (PASSAGE, "", "민수가 사는 곳은?", ("서울", "부산"))),
    "an introduction": (
        f"[1~3] 다음 글을 읽고 물음에 답하시오.\n\n{PASSAGE}\n\n민수가 사는 곳은?\n① 서울 ② 부산",
        (PASSAGE, "", "민수가 사는 곳은?", ("서울", "부산")),
    ),
    "a box": (
        f"{PASSAGE}\n\n<보기>\n{BOX}\n\n옳은 것만을 고른 것은?\n① ㄱ ② ㄴ ③ ㄱ, ㄴ",
        (PASSAGE, BOX, "옳은 것만을 고른 것은?", ("ㄱ", "ㄴ", "ㄱ, ㄴ")),
    ),
    "a box alone": (f"< 보 기 >\n{BOX}\n\n옳은 것은?\n① ㄱ ② ㄴ", ("", BOX, "옳은 것은?", ("ㄱ", "ㄴ"))),
    "a wish behind it": ("수도는?\n1. 서울\n2. 부산\n\n번호만 답해 줘.", ("", "", "수도는?", ("서울", "부산"))),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_a_problem_is_read_in_its_parts(name):
    text, parts = READ[name]
    found = problem_in(text)
    assert found is not None
    assert (found.passage, found.box, found.question, found.choices) == parts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "안녕하세요?",
        "수도는 어디인가?",
        "할 일:\n1. 장보기\n2. 청소",
        "오늘은 2019. 1. 1 이다.",
        "1. 서울\n2. 부산",
        "수도는? ① 서울",
        "① ② ③",
        "3.1 운동은 언제인가?",
    ],
)
def test_other_messages_are_no_problem(text):
    assert problem_in(text) is None
