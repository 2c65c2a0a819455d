"""The shots of a protocol: which, in what order, and never the item."""

import random

import pytest
from support.protocol_prompts import kmmlu, prompts_of

from koalign.data.prompting.prompts import Renderer, load_template
from koalign.evaluation.items import shots_of
from koalign.evaluation.protocols import Protocol, load_protocol
from koalign.records import KoalignError


def renderer(protocol: Protocol) -> Renderer:
    return Renderer(load_template(protocol.template))


def questions(prompt) -> list[str]:
    return [turn.text.split("\n")[0] for turn in prompt.messages if turn.role == "user"]


def test_shots_in_the_order_of_lm_eval_are_drawn_anew_for_each_item_and_for_each_subject_alike():
    protocol = load_protocol("kmmlu@lm-eval")
    pool = [kmmlu(100 + n, subject) for n in range(9) for subject in ("Law", "Math")]
    problems = [kmmlu(n, subject) for n in range(3) for subject in ("Math", "Law")]
    prompts = prompts_of(protocol, problems, 5, pool)
    for subject in ("Law", "Math"):
        state = random.Random(1234)
        own = [shot.question for shot in pool if shot.subject == subject]
        found = [
            questions(prompt)[:-1]
            for problem, prompt in zip(problems, prompts, strict=True)
            if problem.subject == subject
        ]
        assert found == [state.sample(own, 5) for _ in range(3)]


def test_the_first_shots_of_the_subject_come_in_the_order_of_the_pool():
    protocol = load_protocol("click")
    pool = [kmmlu(100 + n, source="click") for n in range(4)]
    prompts = prompts_of(protocol, [kmmlu(1, source="click")], 2, pool)
    assert [turn.role for turn in prompts[0].messages] == ["user", "assistant"] * 2 + ["user"]
    assert all(f"{100 + n}번" in prompts[0].messages[2 * n].text for n in (0, 1))


def test_the_paper_shows_five_shots_unless_another_number_is_asked_for():
    protocol = load_protocol("kmmlu@paper")
    pool = [kmmlu(100 + n) for n in range(5)]
    for shots, shown in ((None, 5), (0, 0), (2, 2)):
        (prompt,) = prompts_of(protocol, [kmmlu(1)], shots, pool)
        assert len(questions(prompt)) == shown + 1


@pytest.mark.parametrize(
    "change", [{}, {"choices": ("방화", "살인", "절도", "사기")}, {"question": "Law  7번 죄는？"}]
)
def test_a_shot_that_is_itself_evaluated_is_refused_however_it_is_written(change):
    protocol = load_protocol("kmmlu@lm-eval")
    pool = [kmmlu(100 + n) for n in range(4)] + [kmmlu(7, **change)]
    with pytest.raises(KoalignError, match=r"the shot problem .* is evaluated, too"):
        prompts_of(protocol, [kmmlu(n) for n in range(10)], 5, pool)


@pytest.mark.parametrize(("name", "n", "enough"), [("click@lm-eval", 5, False), ("click@lm-eval", 6, True), ("csatqa@lm-eval", 5, True)])  # fmt: skip
def test_shots_from_the_test_split_are_never_the_item_but_for_csatqa(name, n, enough):
    protocol = load_protocol(name)
    source = protocol.formats[0]
    problems = [
        kmmlu(n, "GR", source=source, key="KIIP_law_1", choices=tuple("가나다라마"))
        for n in range(n)
    ]
    if not enough:
        with pytest.raises(
            KoalignError, match="5 shots of the test split wanted, and there are 4 on Law"
        ):
            shots_of(protocol, renderer(protocol), problems, 5)
        return
    drawn = shots_of(protocol, renderer(protocol), problems, 5)
    held = [problem in shots for problem, shots in zip(problems, drawn, strict=True)]
    assert all(len(set(shots)) == 5 for shots in drawn)
    assert all(held) if name == "csatqa@lm-eval" else not any(held)
