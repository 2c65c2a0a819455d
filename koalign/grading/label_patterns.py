"""label_patterns: what names a choice in Korean and English text, and what joins names, as patterns."""

from __future__ import annotations

import re

from koalign.grading.patterns import CHEERS, CHOICE_WORD, CLOSE, OPEN
from koalign.text.korean import CHOICE_MARKS

ENGLISH = ("first", "second", "third", "fourth", "fifth")
ORDINALS = (
    {"일": 1, "이": 2, "삼": 3, "사": 4, "오": 5}
    | {
        "첫": 1,
        "두": 2,
        "둘": 2,
        "세": 3,
        "셋": 3,
        "네": 4,
        "넷": 4,
        "다섯": 5,
    }
    | {word: place for place, word in enumerate(ENGLISH, 1)}
)
LAST = "마지막"
PICKED = (
    r"(?:입니다|이다|이에요|예요|이?요(?=[.!\n]|\Z))|[이가]\ (?:정답|답|맞|옳)"
    r"|(?:을|를)\ (?:선택|택|고[르른릅])|\ (?:고를게|찍을게)"
)
LABEL = re.compile(
    rf"""(?:(?P<mark>[{"".join(CHOICE_MARKS)}])
          |(?<![가-힣0-9])(?<!(?<!위)에서\ )
           (?P<ordinal>(?:(?:{"|".join(ORDINALS)}|[1-9])\ ?번|[첫둘셋넷]|다섯)째|[일이삼사오]\ ?번
             |(?:(?:맨|가장|제일)\ )?{LAST}|(?<![A-Za-z])(?:{"|".join(ENGLISH)}))
           (?:(?P<noun>\ (?:one|option|choice)\b
                |\ (?:선택지|선지|보기|문항|항목|옵션)
                |\ (?:진술|설명|내용)(?=[이가]\ (?:정답|답|맞|옳|틀|적절))
                |\ [것거](?=이\ (?:정답|답|맞|옳)|을\ 고[르른릅]|[.!\n]|,\ 즉|\Z|(?:예|에|이에)요|입니다)
                |(?=[이가]\ (?:정답|답)(?:이다|입니다|이에요|예요|임)))
             |(?={PICKED}|,\ |[.!]?(?:\n|\Z)))
          |(?<![A-Za-z0-9./~^=+_·-])(?<![0-9]:)(?P<digits>[0-9]{{1,2}})(?![0-9])
          |(?<![A-Za-z0-9])(?P<letter>[A-J])(?![A-Za-z0-9])
          |(?<=\()(?P<small>[a-j])(?=\)))
        {CLOSE}(?P<counter>\ ?[번番](?![째지길]){CLOSE})?""",
    re.VERBOSE,
)
"""What names a choice: `③`, `두 번째 선택지`, `3번`, `B`, `(b)`."""

LABEL_ENDS = re.compile(
    rf"""\Z|\n|[;!]|[.](?!\ ?[0-9](?!번))|,(?![0-9]{{3}})|:(?![0-9])|(?<=[)\]])[ ]
       |\ ?\(\ ?(?:[가-힣"']|[A-Za-z]{{3}}|[A-Za-z]\ ?=)
       |\ ?입니다|\ ?(?:이다|임|야|다|요|이야|이에요|예요|에요|이며|이고|이므로|이라고?|라고)(?![가-힣])
       |\ ?(?:이|가)\ |\ ?(?:은|는|도|을|를)\ (?=정답|답|아니|틀|오답)|(?:와|과)\ (?=[0-9A-J(])
       |\ ?(?:이나|또는|혹은|및)\ |\ (?:or|and|is|because|since)\ |\ 중(?:에|에서)?[ ]
       |\ (?:이유|해설|풀이|설명|근거)|뿐(?=이|입)
       |(?:을|를)\ (?:선택|택)|(?:을|를)\ 고[르른를릅]|\ ?{CHEERS}""",
    re.VERBOSE,
)
"""What may follow a bare digit or letter: `3개`, `3월`, `3.1운동`, `1인칭` and `A형` are no labels."""

OF_CHOICES = re.compile(r"(?:선택지|선지|보기)(?:의| 중) \Z")
"""Before `두 번째`: it is that of the choices."""

BECAUSE = re.compile(rf"{CLOSE}이?(?:므로|라서|니까?),? (?:(?:정답|답)은 )?{CHOICE_WORD}{OPEN}\Z")
"""Between a choice's text that is a reason and a label: `강릉이므로 답은 2번`."""
RULED_OUT = re.compile(r"(?:[①-⑩]|[0-9] ?번|나머지|오답)[^.!?\n]*\Z")
"""In the clause of such a reason: it is on another choice, `1번은 민법이므로 답은 2번`."""
WORD = re.compile("[가-힣A-Za-z].|.[가-힣A-Za-z]")
"""In a choice that a reason may name: no letter or jamo alone, and no number."""
TOGETHER = re.compile(
    rf" ?(?:이나|이거나|거나|나|또는|혹은|아니면|및|와|과|하고|이랑|그리고|or|and|[,·&/])"
    rf" ?(?:또는 |혹은 |아니면 |or |and )?{CHOICE_WORD}{OPEN}"
)
OR_ELSE = re.compile(rf" ?(?:/|또는|혹은|아니면|or) ?{CHOICE_WORD}{OPEN}")
INSTEAD = re.compile(
    rf"(?:\.{{2,3}}|…)? ?(?:이|가|은|는|도)? ?(?:아니라|아니고|아닌|말고|대신|중에서|중에|중),?"
    rf" ?{CHOICE_WORD}{OPEN}"
)
"""Between two labels: they are offered together, with their own texts too, or the second takes the place
of the first."""
SYLLABLE = re.compile(r"(?<![가-힣])[(]?[가나다라마][)]")
SYLLABLE_SAID = re.compile(
    r"(?<![0-9번①-⑩])[(]([가나다라마])[)]"
    r"(?=[이가] (?:정답|답)|번|[을를] (?:고[르른릅]|선택|택)|(?:입니다|이다|임)[.!\n])"
    r"|(?<=답은 ')([가나다라마])(?='(?:입니다|이다|임)?(?:[.!\n]|\Z))"
    r"|(?:(?<=정답 )|(?<=답: )|(?<=답 : )|(?<=답\) ))[(]?([가나다라마])[)]?(?= ?\(|[.]?(?:\n|\Z))"
)
"""Letters of choices, `(가)`; where one is said to be the answer."""
AMOUNT = re.compile(
    r"(?P<value>-?[0-9][0-9,]{0,20}(?:[.][0-9]{1,10})?) ?(?P<unit>[^\s0-9][^0-9]{0,12})?"
)
UNITS = {"도": "℃", "퍼센트": "%", "프로": "%", "킬로미터": "km", "미터": "m", "킬로그램": "kg"}
"""As they are spoken -> as they are written."""
VALUE = re.compile(
    r"(?<!번호)(?<!번호 )(?<!선택)(?<!답)(?<!답안)(?:=|[은는]) ?"
    r"([0-9]{1,2})(?![0-9번]|[.,][0-9]| ?[-+*/×^])[^0-9①-⑩]{0,60}\Z"
)
"""Before `정답: 5`: the last number, where it is a value (`x = 5`, `x는 5이므로`)."""
COUNTER = re.compile("개|명|원|가지|권|마리|시간|분|초|점|배|도|장|대|그루|살|[A-Za-z%℃Ω]{1,4}")
"""A choice that is a number, with its unit or without; what a reply may add: `3번` and `3회` are none."""
