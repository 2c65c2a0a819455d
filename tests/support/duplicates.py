"""duplicates: a long problem to change a little."""

from koalign.records import Problem

QUESTION = (
    "조선 후기에 실시된 대동법은 공물을 토산물 대신 쌀이나 베 또는 동전으로 거두게 한 제도이다. "
    "이 제도가 나라 안의 장시와 수공업에 미친 영향에 대한 설명으로 가장 알맞은 것을 고르면?"
)
CHOICES = (
    "공인이라 불리는 상인이 나타나 상품 화폐 경제가 발달하였다", "토지를 가진 사람의 부담이 줄고 소작농의 부담이 늘어났다",
    "왕실에 바치는 진상이 모두 폐지되어 지방 관청이 넉넉해졌다", "장시가 크게 줄고 관청에 딸린 수공업자의 수가 늘어났다",
)  # fmt: skip
PASSAGE = (
    "영의정이 아뢰었다. 각 고을에서 바치는 공물은 방납하는 무리가 값을 몇 곱절이나 올려 백성의 "
    "괴로움이 크니, 따로 관청을 두고 봄가을로 쌀을 거두어 물건값으로 내어 주는 것이 옳습니다."
)


def problem(**changes) -> Problem:
    return Problem(**{"question": QUESTION, "choices": CHOICES, "answers": ("1",), **changes})
