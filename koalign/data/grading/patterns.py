"""patterns: the words and marks in which Korean and English answers are stated, as patterns.

For text in which every white space is one character, as `visible_text` makes it: one optional space is
enough, every repetition is bounded, and a search takes time linear in the text.
"""

from __future__ import annotations

import re

from koalign.data.text.korean import CHOICE_MARKS

OPEN = r"""[ (\[{<"'「『《【$*\\]{0,4}"""
CLOSE = r"""[)\]}>"'」』》】$*\\]{0,4}"""
CHOICE_WORD = r"(?:(?:선택지|선지|보기|옵션|[Oo]ption|[Cc]hoice)[ ]?)?"

KEY = re.compile(
    rf"""(?P<opens>(?:\A|(?<=\n))[^\w\n]{{0,6}})?
        (?:(?P<quote>고른\ 답(?=\ ?:))
          |(?<!오)(?<!틀린\ )(?<!잘못된\ )(?:정답|(?<![가-힣])(?:최종\ ?)?(?:해답|답안|답변|답))
           (?:\ ?번호|\ 선택지)?)
         {CLOSE}(?:(?P<sep>(?:은|는|이|을)?\ ?[:→]|은|는)|이|을|\ -)?
         (?(sep)\s?|(?(opens)\s?|\ ?))(?:바로\ )?{CHOICE_WORD}{OPEN}
       |(?<![A-Za-z])(?i:answer|(?:correct|right)\ (?:option|choice)){CLOSE}
         (?P<is>\ ?[:=]|\ -|\ is\b:?)\s?(?i:the\ )?{CHOICE_WORD}{OPEN}""",
    re.VERBOSE,
)
"""After what a label or a text is the answer. `고른 답:` of the default template quotes a text.

A key that neither opens its line nor has a colon says something of what stands before it: of
`③ 정조 - 정답` the next line is another choice.
"""

FORMATS = (
    re.compile(
        r"""["'](?:최종[ _]?)?(?i:정답|답변|답안|답|(?:final[ _]?)?answer)["']\s?:\s?
            (?:"((?:[^"\\\n]|\\.){0,300})"|'([^'\n]{0,300})'|\[([^\[\]\n]{0,300})\]|(-?[\w.]{1,30}))""",
        re.VERBOSE,
    ),
    re.compile(r"\\boxed ?\{((?:[^{}\n]|\{[^{}\n]{0,100}\}){1,200})\}"),
    re.compile(r"<(?i:answer|답변|정답|답)>\s?([^<]{0,500}?)\s?</(?i:answer|답변|정답|답)>"),
)
"""JSON, LaTeX and tags that hold an answer and nothing else."""

ORDINALS = {"첫": 1, "두": 2, "세": 3, "네": 4, "다섯": 5}
LABEL = re.compile(
    rf"""(?:(?P<mark>[{"".join(CHOICE_MARKS)}])
          |(?P<ordinal>(?<![가-힣0-9])(?:{"|".join(ORDINALS)}|[1-9]))\ ?번째\ (?:선택지|보기|문항|항목)
          |(?<![A-Za-z0-9./~^=+_·-])(?<![0-9]:)(?P<digits>[0-9]{{1,2}})(?![0-9])
          |(?<![A-Za-z0-9])(?P<letter>[A-J])(?![A-Za-z0-9])
          |(?<=\()(?P<small>[a-j])(?=\)))
        {CLOSE}(?P<counter>\ ?번(?![째지길]))?""",
    re.VERBOSE,
)
"""What names a choice: `③`, `두 번째 선택지`, `3번`, `B`, `(b)`."""

LABEL_ENDS = re.compile(
    r"""\Z|\n|[;!]|[.](?!\ ?[0-9](?!번))|,(?![0-9]{3})|:(?![0-9])|(?<=[)\]])\ |\ ?\(\ ?[가-힣"']
       |\ ?입니다|\ ?(?:이다|임|야|다|요|이야|이에요|예요|에요|이며|이고|이므로|이라고?|라고)(?![가-힣])
       |\ ?(?:이|가)\ |\ ?(?:은|는|도|을|를)\ (?=정답|답|아니|틀|오답)|(?:와|과)\ (?=[0-9A-J(])
       |\ ?(?:이나|또는|혹은|및)\ |\ (?:or|and|is|because|since)\ |\ 중(?:에|에서)?[ ]
       |\ (?:이유|해설|풀이|설명|근거)""",
    re.VERBOSE,
)
"""What may follow a bare digit or letter: `3개`, `3월`, `3.1운동`, `1인칭` and `A형` are no labels."""

TOGETHER = re.compile(
    rf" ?(?:이나|이거나|거나|나|또는|혹은|및|와|과|하고|이랑|그리고|or|and|[,·&/])"
    rf" ?(?:또는 |혹은 |or |and )?{CHOICE_WORD}{OPEN}"
)
INSTEAD = re.compile(
    rf" ?(?:이|가|은|는|도)? ?(?:아니라|아니고|아닌|말고|대신|중에서|중에|중),? ?{CHOICE_WORD}{OPEN}"
)
"""Between two labels: they are offered together, or the second takes the place of the first."""

TOPIC = re.compile(r"(?: ?(?:선택지|선지|보기))?(?:은|는) ")
DENIED = re.compile(
    r" ?(?:이|가|은|는|도)? ?(?:정답|답)?(?:이|으로|으로는|이라고|이라|일)? ?"
    r"(?:(?:될|볼|할|일) 수(?:는|가)? ?|보기(?:는|가)? ?)?"
    r"(?:아니|아닌|아닐|아님|아닙|없|않|어렵|틀렸|틀리|오답)"
)
HEDGED = re.compile(
    r" ?(?:\?|일 ?수|일지|일까|인지|인가|이?라면|이면(?!서)|의(?![가-힣])|에(?! ?해당)|처럼|보다)"
    r"| ?(?:이?였(?:을|다면|더라)|이려면|이 ?되(?:려|기)|이라는|이 ?될 것 같|을 것 같)"
    r"| ?(?:번)?이라고(?:는)? ?(?:생각|가정|착각|오해|보기|하기|할)"
    r"| ?(?:으)?로 ?(?:착각|오해|고른|고르기|선택하면|고르면|생각)"
    r"|(?:와|과|이나|나|하고) | ?(?:또는|혹은|및) | or "
)
"""After a label: it is not the answer; it may be, is one of several, or is only spoken of."""

SUBJECT = re.compile(
    r"(?: ?(?:선택지|선지|보기))?(?: ?(?:이|가|은|는|(?P<also>도)))? ?(?:모두 |둘 다 |다 )?(?:최종 )?"
    r"(?:정답|답)(?=이|입니다|임|인 것|일 것|으로 |예요|[.!,;)\n]|\Z)"
    r"|(?:을|를) (?:정답|답)(?:으로 (?:선택|택|고르|고릅|고른다)|이라)(?!하?면|[가-힣]* 학생)"
    r"| (?:is|are) (?:the )?(?:(?:correct|right|best) )?(?:answer|option|choice)s?\b"
)
"""After a label: it is the answer."""

CLAUSE_START = re.compile(
    rf"(?:^|[\n.,:;!?] ?|(?:따라서|그러므로|그래서|결국|즉|답은),? )(?:the |The )?{CHOICE_WORD}{OPEN}\Z"
)
"""Where a bare digit or letter is a label and not the end of `비타민 C` or `x = 3`."""

SORT = r"(?:것|설명|선택지|보기|문장|진술)(?:은|는)"
RIGHT_KEY = re.compile(rf"(?:옳은|적절한|알맞은|맞는|올바른|타당한) {SORT} ?{CHOICE_WORD}{OPEN}")
WRONG_KEY = re.compile(rf"(?:않은|않는|틀린|아닌|잘못된|없는|먼) {SORT} ?{CHOICE_WORD}{OPEN}")
RIGHT = re.compile(
    r"(?:이|가) ?(?:가장 )?(?:옳(?!지)|맞(?!지)|적절하?(?![하지치])|알맞(?!지)|올바르(?!지))"
    r"| is correct\b"
)
WRONG = re.compile(
    r"(?:이|가) ?(?:가장 )?(?:(?:옳|맞|적절하|알맞|올바르)지 않|적절치 않|틀[리렸린]|잘못)"
)
"""Weaker statements: which choice is right or wrong, for a question that asks for just that."""


COPULA = re.compile(r"(.{1,300}?) ?(?:입니다|이다|이에요|예요|이야)(?=[.!,]|\Z)")
DENIAL_ENDS = re.compile(r"(?:아니다|아닙니다|아니에요|아님|\?)[.!]?\Z")
REPLACED = re.compile(r"^.{1,100}?(?:이|가|은|는)? 아니(?:라|고),? ")
"""In a phrase: what stands before `입니다`; that it denies or asks; `…가 아니라` before the answer."""

NUMBER_ONLY = re.compile(r"[(\[]?[0-9]{1,2}[)\].]?번?")
BEFORE_LABEL = re.compile(CHOICE_WORD + OPEN)
NOTHING_MORE = re.compile(r" ?(?:입니다|이다|이에요|예요|이야|야|임)?[.!]? ?")
"""Of a phrase that is an answer and nothing else: a bare number; what may stand around a label."""
