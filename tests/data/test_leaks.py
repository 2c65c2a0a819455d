"""What stands both in training and in evaluation is found, in whatever dress, and templates are not."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import duplicates
from support.duplicates import CHOICES

import koalign
from koalign.data.formats.documents import open_documents
from koalign.data.formats.read import read
from koalign.data.preparing import leaks
from koalign.data.preparing.duplicates import content, question_text, unordered_content
from koalign.data.preparing.joins import MEMORY
from koalign.data.preparing.leaks import Leak, find_leaks, texts_leak
from koalign.data.preparing.wholes import MINIMUM
from koalign.records import Problem
from koalign.text import ngrams as similarity
from koalign.text.korean import fold

EXAM = Path(koalign.__file__).parent / "assets" / "exam"
QUESTION = "대동법이 나라 안의 장시와 수공업에 미친 영향에 대한 설명으로 가장 알맞은 것을 고르면?"
PASSAGE = (
    f"{duplicates.PASSAGE} "
    "임금이 답하였다. 먼저 경기도에서 시험하여 백성이 편하다고 하면 다른 도에도 널리 시행하라."
)
OTHER = {
    "question": "윗글의 임금이 먼저 시험하라고 한 곳은?", "choices": ("경기도", "강원도", "전라도", "충청도"),
}  # fmt: skip


def problem(**changes) -> Problem:
    return duplicates.problem(**{"question": QUESTION, **changes})


def short(**changes) -> Problem:
    return problem(
        **{"question": "대동법을 처음 실시한 곳은?", "choices": OTHER["choices"], **changes}
    )


@pytest.mark.parametrize("make", [problem, short])
def test_the_same_question_leaks_whatever_its_key_and_source(make):
    copy = make(answers=("2",), source="다른 곳", key="7", subject="한국사", rationale="해설")
    noisy = make(question=make().question.replace(" ", "\u00a0").replace("?", "？\n"))
    assert find_leaks([copy, noisy], [short(question="남"), make()]) == [
        Leak(0, 1, "same", 1.0),
        Leak(1, 1, "same", 1.0),
    ]


@pytest.mark.parametrize("make", [problem, short])
def test_the_same_choices_in_another_order_leak(make):
    turned = make(choices=make().choices[::-1], answers=("4",))
    assert find_leaks([turned], [make()]) == [Leak(0, 0, "reordered", 1.0)]


def test_an_edited_copy_leaks():
    edited = problem(question=QUESTION.replace("가장 알맞은", "옳은"), choices=CHOICES[::-1])
    [found] = find_leaks([edited], [problem()])
    assert found.kind == "overlap"
    assert 0.8 <= found.share < 1
    assert find_leaks([edited], [problem()], overlap=0.99) == []


def test_a_short_problem_leaks_only_if_its_letters_are_equal():
    spaced = short(
        question="대동법을 처음 실시한곳은 ?", choices=("경기 도", *OTHER["choices"][1:])
    )
    assert find_leaks([spaced], [short()]) == [Leak(0, 0, "overlap", 1.0)]
    assert find_leaks([short(question="대동법을 나중 실시한 곳은?")], [short()]) == []


@pytest.mark.parametrize(
    "choices",
    [("ㄱ", "ㄴ", "ㄱ, ㄷ", "ㄴ, ㄷ", "ㄱ, ㄴ, ㄷ"), ("①, ②", "①, ③", "②, ③", "모두")],
)
def test_problems_of_one_stem_do_not_leak(choices):
    stem = "다음 설명 중 옳은 것만을 <보기>에서 있는 대로 고른 것은?"
    box = "ㄱ. 공인이 나타났다. ㄴ. 장시가 줄었다. ㄷ. 토지를 가진 사람의 부담이 늘었다."
    other = "ㄱ. 군포가 한 필로 줄었다. ㄴ. 결작을 거두었다. ㄷ. 어염세를 왕실에 돌렸다."
    one, two = (problem(question=stem, box=text, choices=choices) for text in (box, other))
    assert find_leaks([one], [two]) == []


def test_a_question_leaks_with_its_passage_added_or_removed():
    bare, with_passage = problem(), problem(passage=PASSAGE)
    assert find_leaks([bare], [with_passage]) == [Leak(0, 0, "overlap", 1.0)]
    assert find_leaks([with_passage], [bare]) == [Leak(0, 0, "overlap", 1.0)]


def test_a_question_leaks_with_its_passage_inside_the_question():
    inside = problem(question=f"{PASSAGE}\n{QUESTION}")
    for one, other in ((inside, problem(passage=PASSAGE)), (problem(passage=PASSAGE), inside)):
        [found] = find_leaks([one], [other])
        assert (found.kind, found.share > 0.9) == ("overlap", True)


def test_another_question_on_an_evaluated_passage_leaks():
    on_passage = problem(passage=PASSAGE)
    excerpt = PASSAGE[PASSAGE.index("각 고을") :]
    for other in (PASSAGE, excerpt, f"서론이다. {PASSAGE}"):
        [found] = find_leaks([problem(**OTHER, passage=other)], [on_passage])
        assert (found.kind, found.share) == ("passage", 1.0)
    [found] = find_leaks(
        [problem(**{**OTHER, "question": PASSAGE + OTHER["question"]})], [on_passage]
    )
    assert found.kind == "passage"


def test_another_question_on_a_short_passage_leaks_if_the_passage_is_equal():
    one, other = problem(passage="왕이 명하였다."), problem(**OTHER, passage="왕이  명하였다.")
    assert find_leaks([one], [other]) == [Leak(0, 0, "passage", 1.0)]
    assert find_leaks([one], [problem(**OTHER, passage="왕이 명했다.")]) == []


def test_a_group_of_one_source_leaks_and_a_name_shared_by_two_sources_does_not():
    one = problem(group="7", source="모의고사")
    assert find_leaks([one], [short(group="7", source="모의고사")]) == [Leak(0, 0, "group", 1.0)]
    assert find_leaks([one], [short(group="7", source="수능")]) == []
    assert find_leaks([problem(source="모의고사")], [short(source="모의고사")]) == []


def test_a_row_shows_its_worst_leak():
    evaluated = [
        problem(**OTHER, passage=PASSAGE, group="1"),
        problem(choices=CHOICES[::-1]),
        problem(question=QUESTION + " 하나만 고르시오."),
        problem(),
    ]
    row = problem(group="1")
    kinds = [find_leaks([row], evaluated[:size])[0].kind for size in (1, 2, 4)]
    assert kinds == ["group", "reordered", "same"]
    assert find_leaks([row], [evaluated[0], evaluated[2]])[0].kind == "overlap"


def test_nothing_leaks_from_or_into_nothing():
    assert find_leaks([], [problem()]) == find_leaks([problem()], []) == []
    assert texts_leak([], [problem()]) == texts_leak([QUESTION], []) == []


def exam(split: str) -> list[Problem]:
    return read(
        [*open_documents(EXAM / "csat"), *open_documents(EXAM / "kmmlu")], split=split
    ).problems


@pytest.mark.slow
def test_nothing_of_the_built_in_exam_leaks():
    train, dev, test = exam("train"), exam("dev"), exam("test")
    assert (len(train), len(dev), len(test)) == (4000, 500, 1000)
    assert find_leaks(train, [*test, *dev]) == []
    assert find_leaks(dev, test) == []


SENTENCES = (
    "상인이 나타나 장시가 크게 늘어났다", "백성의 부담이 줄고 나라의 살림이 나아졌다", "왕실의 진상은 그대로 남았다",
    "고을마다 관청을 두고 쌀을 거두었다", "방납하는 무리가 값을 몇 곱절이나 올렸다", "먼저 경기도에서 시험하였다",
    "토지를 가진 사람이 더 많이 내게 되었다", "수공업자들이 스스로 물건을 만들어 팔았다", "ㄱ, ㄴ",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(SENTENCES), max_size=6).map(". ".join)
PROBLEMS = st.builds(
    Problem,
    question=TEXTS.filter(bool),
    passage=TEXTS,
    choices=st.lists(st.sampled_from(SENTENCES), min_size=2, max_size=2).map(tuple),
    group=st.sampled_from(("", "", "1", "2")),
)


@given(
    st.lists(PROBLEMS, max_size=5), st.lists(PROBLEMS, max_size=5), st.sampled_from((0.5, 0.8, 1.0))
)
def test_leaks_are_those_that_comparing_every_pair_finds(trained, evaluated, overlap):
    def grams(text: str) -> set[str]:
        text = "".join(one for one in fold(text) if unicodedata.category(one)[0] not in "PZC")
        return {text[start : start + 13] for start in range(max(len(text) - 12, 1))} - {""}

    def whole(one: Problem) -> set[str]:
        return grams(f"{one.passage} {question_text(one)}")

    def share(part: set[str], other: Problem) -> float:
        return len(part & whole(other)) / len(part) if len(part) >= MINIMUM else 0.0

    def leaks_of(one: Problem, other: Problem):
        if content(one) == content(other):
            yield "same", 1.0
        if unordered_content(one) == unordered_content(other):
            yield "reordered", 1.0
        if len(whole(one)) < MINIMUM and whole(one) == whole(other):
            yield "overlap", 1.0
        if one.passage and fold(one.passage) == fold(other.passage):
            yield "passage", 1.0
        if one.group and one.group == other.group:
            yield "group", 1.0
        for inner, outer in ((one, other), (other, one)):
            yield "overlap", share(grams(question_text(inner)), outer)
            if len(grams(inner.passage)) >= MINIMUM:
                yield "passage", share(grams(inner.passage), outer)
            else:
                yield "overlap", share(whole(inner), outer)

    order = ("same", "reordered", "overlap", "passage", "group")
    expected = []
    for number, row in enumerate(trained):
        found = [
            (order.index(kind), -amount, other)
            for other, problem in enumerate(evaluated)
            for kind, amount in leaks_of(row, problem)
            if amount >= overlap
        ]
        if found:
            kind, amount, other = min(found)
            expected.append(Leak(number, other, order[kind], -amount))
    for memory in (MEMORY, 1 << 10):
        assert find_leaks(trained, evaluated, overlap, memory) == expected


def test_the_sizes_of_batches_and_parts_change_nothing(monkeypatch):
    evaluated = [
        problem(),
        problem(passage=PASSAGE),
        short(group="1"),
        problem(**OTHER, passage=PASSAGE),
    ]
    edited = problem(question=QUESTION + "!")
    trained = [short(), edited, short(question="남", group="1"), *evaluated[::-1]]
    texts = ["없음", PASSAGE, "또 없음", "\n".join((QUESTION, *CHOICES))]
    whole = find_leaks(trained, evaluated), texts_leak(texts, evaluated)
    assert len(whole[0]) == len(trained)
    assert len(whole[1]) == 2
    monkeypatch.setattr(leaks, "BATCH", 2)
    monkeypatch.setattr(similarity, "BATCH", 3)
    for memory in (MEMORY, 1 << 10):  # the second: a part for each evaluated problem
        assert find_leaks(trained, evaluated, memory=memory) == whole[0]
        assert texts_leak(texts, evaluated, memory=memory) == whole[1]


@pytest.mark.parametrize("line", ["{} {}", "({}) {}", "{}번 - {}", "*{}* {}\n"])
def test_a_text_that_quotes_a_problem_leaks_however_it_numbers_the_choices(line):
    shown = [line.format(number, choice) for number, choice in enumerate(CHOICES[::-1], start=1)]
    text = f"다음 문제를 풀어 보자. {QUESTION}\n" + "\n".join(shown) + "\n정답은 4번이다."
    assert texts_leak(["남의 글이다.", text], [short(), problem()]) == [Leak(1, 1, "overlap", 1.0)]


def test_a_text_that_quotes_a_passage_leaks():
    text = f"지문은 이렇다: “{PASSAGE}” 따라서 경기도이다."
    assert texts_leak([text], [short(), problem(**OTHER, passage=PASSAGE)]) == [
        Leak(0, 1, "passage", 1.0)
    ]


def test_a_hint_that_quotes_a_sentence_or_a_short_problem_does_not_leak():
    hints = [PASSAGE[:60], short().question, QUESTION, CHOICES[0]]
    assert texts_leak(hints, [problem(passage=PASSAGE), short()]) == []


def test_an_item_written_into_one_text_is_found_however_short_and_marked():
    """KMMLU's test items as instruction prompts: what one earlier team trained on."""
    choices = ("전류×저항", "전류÷저항", "저항÷전류", "전류+저항")
    item = Problem(question="옴의 법칙에서 전압은?", choices=choices)
    for marks in (
        ["A. ", "B. ", "C. ", "D. "],
        ["1. ", "2. ", "3. ", "4. "],
        ["① ", "② ", "③ ", "④ "],
    ):
        lines = [mark + choice for mark, choice in zip(marks, item.choices, strict=True)]
        text = "\n".join(["다음 문제의 정답을 고르시오.", item.question, *lines, "정답:"])
        (leak,) = find_leaks([Problem(question=text, kind="long")], [item])
        assert leak.kind == "same"
    assert not find_leaks([Problem(question="다음 문제의 정답을 고르시오.", kind="long")], [item])


def test_a_text_that_many_evaluated_problems_share_is_no_leak_and_a_copy_is(capsys):
    words = ("상인", "관청", "수공업", "백성", "토지", "왕실", "장시", "군포", "결작", "공물")
    asked = [
        f"{one}과 {other}에 대한 {number}번째 물음이다"
        for number, (one, other) in enumerate((a, b) for a in words for b in words)
    ]
    for inside in (True, False):
        rows = [
            problem(question=f"{PASSAGE * 5}\n{text}", choices=(text, text[::-1]))
            if inside
            else problem(passage=PASSAGE * 5, question=text, choices=(text, text[::-1]))
            for text in asked
        ]
        evaluated, trained = rows[:50], rows[50:]
        assert find_leaks(trained, evaluated) == []
        said = "1 passages of training stand under more than 20 evaluated problems each"
        assert (said in capsys.readouterr().err) is not inside, "nothing is passed over silently"
        copy = rows[3].model_copy(update={"question": "다음. " + rows[3].question})
        [found] = find_leaks([*trained, copy], evaluated)
        assert (found.trained, found.evaluated) == (50, 3)


@pytest.mark.parametrize(("one", "other"), [("1 mW", "1 MW"), ("Co", "CO"), ("aabb", "AaBb")])
def test_a_symbol_in_other_case_is_another_problem(one, other):
    assert not find_leaks([short(question=f"{one}란?")], [short(question=f"{other}란?")])
    assert find_leaks([short(question=f"{one}란?")], [short(question=f"{one} 란 ？")])


def test_a_sentence_in_other_case_leaks():
    text = "Which of the following statements about the history of Korean paper is not correct?"
    assert find_leaks([short(question=text.upper())], [short(question=text)])
