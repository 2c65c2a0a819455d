"""world: the small Korean world of the built-in exam: names, facts, and how they are said.

Every mention of a name or a value stands after a space, so that the tokenizer of the tiny model
reads one entity as one token.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

PEOPLE = (
    "민수",
    "지영",
    "서연",
    "철수",
    "영희",
    "도윤",
    "은주",
    "태호",
    "수빈",
    "하준",
    "유나",
    "동현",
    "미라",
    "정훈",
    "보람",
    "진우",
)
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

CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩"
BOX_MARKS = "ㄱㄴㄷㄹㅁ"

GOOD_HINTS = (
    "먼저 {x}의 {r:은} {y}이다. 이제 {y_phrase:을} 찾는다.",
    "우선 {x}의 {r:을} 찾으면 {y}이다. 다음으로 {y_phrase:을} 본다.",
    "두 단계로 푼다. {x}의 {r:은} {y}이므로 {y_phrase:을} 확인한다.",
)
USELESS_HINTS = (
    "지문을 천천히 읽는다.",
    "선택지를 하나씩 지문과 견준다.",
    "사람과 사실을 표로 정리한다.",
    "문제가 무엇을 묻는지 확인한다.",
)
LEAKING_HINTS = (
    "먼저 {x}의 {r:은} {y}이다. {y_phrase:은} {answer}이다.",
    "정답은 {number}번이다.",
    "지문을 보면 {answer:을} 고르면 된다.",
)


@dataclass(frozen=True)
class Relation:
    """`x`의 `name`은 `y`이다."""

    x: str
    name: str
    y: str

    def say(self, form: str) -> str:
        """The sentence of one of RELATION_FORMS."""
        return form.format(x=Word(self.x), r=Word(self.name), y=Word(self.y))

    @property
    def bridge(self) -> Word:
        """How a question names `y` without its name."""
        return Word(f"{self.x}의 {self.name}")


@dataclass(frozen=True)
class World:
    """Five people in one circle of relations, and one attribute of each."""

    relations: tuple[Relation, ...]
    attribute: Attribute
    value_of: dict[str, str]

    def say(self, rng: random.Random, forms: int = 3) -> list[str]:
        """Every fact once, in a random order, each in one of the first `forms` forms."""
        facts = [fact.say(rng.choice(RELATION_FORMS[:forms])) for fact in self.relations]
        for person, value in self.value_of.items():
            form = rng.choice(self.attribute.forms[:forms])
            facts.append(form.format(x=Word(person), v=Word(value)))
        rng.shuffle(facts)
        return facts


def make_world(rng: random.Random, size: int = 5) -> World:
    """A random world; the relations form one circle, so that everyone is somebody's bridge once."""
    people = rng.sample(PEOPLE, size)
    names = rng.sample(RELATIONS, size)
    circle = zip(people, names, people[1:] + people[:1], strict=True)
    attribute = rng.choice(ATTRIBUTES)
    values = dict(zip(people, rng.sample(attribute.values, size), strict=True))
    return World(tuple(Relation(*fact) for fact in circle), attribute, values)


def hint_of(world: World, asked: Relation, forms: Sequence[str], rng: random.Random) -> str:
    """A hint about the bridge of `asked`; a relation that is not in the world makes it wrong."""
    y_phrase = world.attribute.of(asked.y)
    return rng.choice(forms).format(
        x=Word(asked.x), r=Word(asked.name), y=Word(asked.y), y_phrase=y_phrase
    )
