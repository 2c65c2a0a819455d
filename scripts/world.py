"""world: the small Korean world of the built-in exam: names, facts, and how they are said.

Every mention of a name or a value stands after a space, so that the tokenizer of the tiny model
reads one entity as one token.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

PEOPLE = (
    "민수", "지영", "서연", "철수", "영희", "도윤", "은주", "태호",
    "수빈", "하준", "유나", "동현", "미라", "정훈", "보람", "진우",
)  # fmt: skip
STRANGERS = (
    "경수", "나래", "다솜", "라희", "명호", "바다", "상철", "아람",
    "재민", "찬호", "태희", "해인", "건우", "소라", "윤호", "한별",
)  # fmt: skip
"""Names that no problem of the exam has: the base meets problems about these people only."""
RELATIONS = ("스승", "선배", "상사", "은인", "후원자", "조카")
RELATION_FORMS = (
    "{x}의 {r:은} {y}이다.",
    "{y:은} {x}의 {r}이다.",
    "{x}에게는 {r} {y:이} 있다.",
)
INTROS = (
    "다음은 어느 마을 사람들의 이야기이다.",
    "이 글은 다섯 사람을 소개한다.",
    "아래는 한 모임의 기록이다.",
)
BOX_INTROS = ("덧붙인 기록:", "알려진 사실:")

PARTICLES = {
    "은": ("은", "는"),
    "이": ("이", "가"),
    "을": ("을", "를"),
    "로": ("으로", "로"),
}
"""Particle after a final consonant -> (that form, the form after a vowel)."""


class Word(str):
    """A Korean word that takes its particle as a format spec: `f"{Word('민수'):은}"` is 민수는."""

    __slots__ = ()

    def __format__(self, particle: str) -> str:
        if not particle:
            return str(self)
        after_consonant, after_vowel = PARTICLES[particle]
        final = (ord(self[-1]) - ord("가")) % 28
        rieul = 8
        if final == 0 or (particle == "로" and final == rieul):
            return self + after_vowel
        return self + after_consonant


@dataclass(frozen=True)
class Attribute:
    """Something every person of a passage has: how it is named, said and asked."""

    phrase: str
    """What is asked for, with `{who}` as a bare name or with a particle."""
    values: tuple[str, ...]
    forms: tuple[str, ...]
    asked: str
    """The direct question about `{who}`."""

    def of(self, who: str) -> Word:
        """The noun phrase for this attribute of a person (or of `민수의 스승`)."""
        return Word(self.phrase.format(who=Word(who)))


ATTRIBUTES = (
    Attribute(
        "{who:이} 사는 곳",
        ("서울", "부산", "대구", "광주", "인천", "대전", "울산", "제주", "춘천", "전주"),
        ("{x:은} {v}에 산다.", "{x:이} 사는 곳은 {v}이다.", "{v}에 사는 사람은 {x}이다."),
        "{who:은} 어디에 사는가?",
    ),
    Attribute(
        "{who}의 직업",
        ("의사", "화가", "가수", "농부", "기자", "목수", "판사", "어부", "배우", "시인"),
        ("{x:은} {v:로} 일한다.", "{x}의 직업은 {v}이다.", "{v:로} 일하는 사람은 {x}이다."),
        "{who}의 직업은 무엇인가?",
    ),
    Attribute(
        "{who:이} 좋아하는 음식",
        ("김밥", "국수", "만두", "떡국", "냉면", "비빔밥", "불고기", "잡채", "갈비", "라면"),
        (
            "{x:은} {v:을} 좋아한다.",
            "{x:이} 좋아하는 음식은 {v}이다.",
            "{v:을} 좋아하는 사람은 {x}이다.",
        ),
        "{who:은} 어떤 음식을 좋아하는가?",
    ),
    Attribute(
        "{who}의 취미",
        ("바둑", "낚시", "등산", "수영", "독서", "요리", "사진", "노래", "서예", "조각"),
        ("{x:은} {v:을} 즐긴다.", "{x}의 취미는 {v}이다.", "{v:을} 즐기는 사람은 {x}이다."),
        "{who}의 취미는 무엇인가?",
    ),
)
QUESTION_FORMS = ("{phrase:은}?", "다음 중 {phrase:은}?", "{phrase:로} 알맞은 것은?")

NOTES = "정리하면"
CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩"
BOX_MARKS = "ㄱㄴㄷㄹㅁ"

HINT_FORMS = (
    ("먼저", "{x}의 {r:을} 찾으면 {y}.", "이제 {y_phrase:을} 본다."),
    ("{start}에서 출발한다.", "그 {r:은} {y}이다.", "남은 것은 {y_phrase}이다."),
    ("차례로 짚는다.", "{y:은} {x}의 {r}.", "{y_phrase:을} 확인한다."),
)
"""How the exam's teacher hints: an opening, a sentence a step, and what is left to look up."""
GUIDE_FORMS = (
    ("순서는 이렇다.", "{x:은} {r:로} {y:을} 두었다.", "그러므로 {y_phrase:을} 고른다."),
    ("{start:을} 보자.", "{x}에게 {r:이} 되는 사람은 {y}이다.", "{y_phrase:이} 답이 된다."),
)
"""How the base saw hints before: other sentences, always with the names of STRANGERS."""
USELESS_HINTS = (
    "지문을 천천히 읽는다.",
    "선택지를 하나씩 지문과 견준다.",
    "사람과 사실을 표로 정리한다.",
    "문제가 무엇을 묻는지 확인한다.",
)
LEAKING_ENDS = (
    "{y_phrase:은} {answer}이다.",
    "정답은 {number}번이다.",
    "그러니 {answer:을} 고르면 된다.",
)


@dataclass(frozen=True)
class World:
    """Five people, each the 스승 (선배, ...) of one other, and one attribute of each.

    The relation has one name, everyone is named alike often, and a path may lead back to where it
    started: neither words nor counts nor who is asked about tells the answer.
    """

    relation: str
    next_of: dict[str, str]
    """Person -> the one in the relation to them."""
    attribute: Attribute
    value_of: dict[str, str]

    def relate(self, form: str, x: str, y: str) -> str:
        """A sentence saying that y is x's 스승 (선배, ...)."""
        return form.format(x=Word(x), r=Word(self.relation), y=Word(y))

    def say(self, rng: random.Random, forms: int = 3) -> list[str]:
        """Every fact once, in a random order, each in one of the first `forms` forms."""
        facts = [
            self.relate(rng.choice(RELATION_FORMS[:forms]), x, y) for x, y in self.next_of.items()
        ]
        for person, value in self.value_of.items():
            form = rng.choice(self.attribute.forms[:forms])
            facts.append(form.format(x=Word(person), v=Word(value)))
        rng.shuffle(facts)
        return facts

    def path(self, start: str, hops: int) -> tuple[str, ...]:
        """The people from the first to the one so many hops away, both included."""
        path = [start]
        for _ in range(hops):
            path.append(self.next_of[path[-1]])
        return tuple(path)

    def bridge(self, start: str, hops: int) -> Word:
        """How a question names the last person of a path: `민수의 스승의 스승`."""
        return Word(start + f"의 {self.relation}" * hops)

    def hint(
        self, path: Sequence[str], forms: Sequence[tuple[str, str, str]], rng: random.Random
    ) -> str:
        """A hint that walks the path; a step that is not in the world makes it wrong."""
        opening, step, end = rng.choice(forms)
        words = {"start": Word(path[0]), "y_phrase": self.attribute.of(path[-1])}
        steps = [self.relate(step, x, y) for x, y in pairwise(path)]
        return " ".join([opening.format(**words), *steps, end.format(**words)])

    def reasoning(self, path: Sequence[str]) -> str:
        """What a solver writes before its answer: every step, and what the last person has."""
        steps = [self.relate(RELATION_FORMS[0], x, y) for x, y in pairwise(path)]
        end = self.attribute.forms[1].format(x=Word(path[-1]), v=Word(self.value_of[path[-1]]))
        return " ".join([NOTES, *steps, end])


def make_world(rng: random.Random, people: Sequence[str] = PEOPLE, size: int = 5) -> World:
    """A random world of some of the people; nobody stands in relation to themselves."""
    people = rng.sample(people, size)
    others = people.copy()
    while any(x == y for x, y in zip(people, others, strict=True)):
        rng.shuffle(others)
    attribute = rng.choice(ATTRIBUTES)
    return World(
        relation=rng.choice(RELATIONS),
        next_of=dict(zip(people, others, strict=True)),
        attribute=attribute,
        value_of=dict(zip(people, rng.sample(attribute.values, size), strict=True)),
    )
