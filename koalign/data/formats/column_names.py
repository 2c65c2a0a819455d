"""column_names: the name of a column, Korean or English -> what it holds: the question, choice 3, …"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache

WORDS = {
    "question": """문제 발문 질문 물음 문항 설문 문두 문제내용 문항내용 질문내용 문제본문 문제문
        빈칸문제 ox문제 평가문항
        question questiontext questions problem query prompt prompttext stem questionstem q""",
    "statement": "문장 진술 진술문 명제",
    "instruction": "지시 지시문 instruction instructions",
    "passage": """지문 본문 제시문 글 읽기자료 지문내용 공통지문 대본 듣기대본 스크립트
        passage context paragraph article script transcript florespassage""",
    "material": "자료 제시자료 참고자료 사례 상황 대화 대화문 예문 material dialogue dialog",
    "box": "조건 보기글 박스 글상자 box",
    "answer": """정답 답 모범답안 정답번호 답번호 정답지 정답선택지 ox 참거짓 진위 정오
        answer answers correct correctanswer correctanswers correctoption correctchoice answerkey gold
        gt groundtruth label correctanswernum expectedanswer referenceanswer finalanswer goldanswer
        답변 맞는답 옳은답 바른답 최종정답 최종답안 확정정답 확정답안 예시답안 예시답 모범답 정답1 ans""",
    "index": "정답인덱스 answerindex answeridx correctindex correctanswerindex correctidx",
    "rationale": "해설 풀이 정답해설 문제해설 해설내용 풀이과정 설명 explanation rationale feedback",
    "subject": """과목 과목명 교과 교과목 영역 분야 단원 분류 카테고리 유형 문제유형
        subject category topic domain type questiontype""",
    "key": "문제번호 문항번호 문제id 문항id 번호 순번 연번 일련번호 id qid questionid no number num index",
    "passage_id": "세트 세트번호 세트id 지문번호 지문id 지문코드 passageid passageno setid contextid group",
    "points": "배점 점수 points point score marks",
    "split": "split datasplit set subset partition 데이터구분 데이터분할 분할 용도",
    "text": """모델답 모델답변 모델응답 모델출력 응답 출력 생성결과
        학생답 학생답안 학생답변 학생응답 제출답 제출답안 응시자답 응시자응답 답안
        completion response output prediction predicted generated modelanswer studentanswer submission""",
}
"""Field -> names of its column, the one to prefer first; `material`: passage or box, `index`: answer,
`instruction`: the question where no other column is."""
_CHOICES = "선택지 선지 보기 답지 답항 선택 선택항 선다 항목 choice choices option options opt"
CHOICES = frozenset(_CHOICES.split())
"""Names of choices, before their number or of a column that holds all of them."""
_OF_CHOICES = re.compile("^(?:quiz|question|answer)(?=.)|(?<=.)(?:list|목록|리스트)$")
_STEMS = sorted(
    [*CHOICES, "답안", "답", "답변", "answer", "answeroption", "mcanswer"], key=len, reverse=True
)
"""With names that the right answer has too."""
BOX_OR_CHOICES = "보기"
UNNAMED = "Unnamed: "
"""How the name of a column without one begins."""
LONGEST = 1000
"""Letters of a name that are looked at: brackets in a row take quadratic time."""
SUBMITTED = "답안"
"""A completion beside the answer, and without one the answer."""
LONG = 80
"""Letters of a text that may be a passage; a remark or the name of an exam has fewer. A rule of thumb."""
_WORDS = re.compile(r"[^\W\d_]+(?=[\s.,?!…·’”\"')]|\Z)")
"""Of a text that people read, and not of a list of numbers, a path or a key."""
FEWEST_WORDS = 6
_ABOUT = re.compile(
    "해설|풀이|설명|근거|의도|비고|메모|참고|코멘트|의견|힌트|출처|오답|이유|피드백|url|link|source|comment"
    "|note|memo|hint|reason|rationale|explanation|feedback|thought|cot|meta|제목|title|description|안내|유의|주의"
    "|solution|step|proof|과정|절차"
)
"""In names of what is about a problem, and no part of it."""
_ANSWER = re.compile("정답|answer|gold")
_NO_ANSWER = re.compile(
    "률|율|(?<!복)수|여부|자|시간|유형|형식|해설|근거|이유|예측|모델|학생|rate|ratio|count|num|type|time|pred|model|student"
)
"""In names of what is told of answers: `정답률`, `정답자수`."""
_MEANING = {word: field for field, words in WORDS.items() for word in words.split()}
_LETTERS = (
    "abcdefghij",
    "가나다라마바사아자차",
    unicodedata.normalize("NFKC", "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊ"),
)
_WRONG = re.compile(
    r"(.*오답(지|항|선택지|선지|보기)?|(틀린|그른|가짜)(답|답안|선택지|선지|보기)|(distractor|wrong|incorrect"
    r"|(wrong|incorrect|false)(answer|option|choice))s?)([0-9]{0,2}|[a-j])"
)
_LANGUAGES = "ko|kor|kr|korean|한국어|한글|en|eng|english|영어|ja|zh"
_LANGUAGE = re.compile(
    rf"\A\s*(?i:{_LANGUAGES})[_\s-]+(?=\S)|(?<=\S)[_\s-]+(?i:{_LANGUAGES})\s*\Z"
    rf"|(?<=\S)\s*[(\[](?i:{_LANGUAGES})[)\]]\s*\Z|(?<=[a-z0-9])(?:Ko|Kor|Korean|En|Eng|English)\Z"
)
"""What a name says of a language: `question_ko`, `ko_choices`, `answerEn`."""
_KOREAN = re.compile("ko|kr|한", re.IGNORECASE)
_PLACE = f"[0-9]{{1,2}}|[{''.join(_LETTERS)}]"
_CHOICE = re.compile(
    rf"(?P<stem>{'|'.join(_STEMS)})?(?P<after>{_PLACE})번?"
    rf"|(?P<before>{_PLACE})번?(?P<name>{'|'.join(sorted(CHOICES))})"
)


_RANGE_FROM_ZERO = re.compile(r"[(\[]\s?0\s?[-~–∼]\s?[0-9]\s?[)\]]|0부터")


@lru_cache(maxsize=4096)
def word(name: str) -> str:
    """A name's words without what varies: `정답 (번호)`, `question_ko`, `Answer(s) - choose one`."""
    text = _LANGUAGE.sub("", unicodedata.normalize("NFKC", name[:LONGEST])).lower()
    text = re.split(r"\s[-–:]\s|\n", text.strip())[0]
    text = re.sub(r"[(\[<]\s*([0-9]{1,2}|[a-j])\s*[)\]>]", r"\1", text)
    bare = re.sub(r"\([^)]*\)|\[[^\]]*\]", "", text)
    return re.sub(r"[\W_]+", "", bare) or re.sub(r"[\W_]+", "", text)


def language(name: str) -> int:
    """Of names that differ in it alone the one to prefer: 0 Korean, 1 no language, 2 another one."""
    said = _LANGUAGE.search(unicodedata.normalize("NFKC", name[:LONGEST]))
    return 1 if said is None else 0 if _KOREAN.search(said[0]) else 2


def other_languages(names: Sequence[str]) -> tuple[str, ...]:
    """The names beside which another says the same in Korean: of `question`, `question_ko` the first."""
    best: dict[str, int] = {}
    for name in names:
        best[word(name)] = min(language(name), best.get(word(name), 2))
    return tuple(name for name in names if language(name) > best[word(name)])


def korean_beside(names: Collection[str]) -> Callable[[str], bool]:
    """Whether a name is that of a part of the problem in Korean, which others of `names` have otherwise."""
    words = Counter(map(word, names))
    parts = ("question", "instruction", "passage", "answer")
    return lambda name: (
        language(name) == 0
        and words[word(name)] > 1
        and (meaning(name)[0] in parts or is_choice(name) or holds_choices(name))
    )


def is_prose(value: object) -> bool:
    """Whether a cell holds a text long enough for a passage, in words."""
    return (
        isinstance(value, str) and len(value) >= LONG and len(_WORDS.findall(value)) >= FEWEST_WORDS
    )


def meaning(name: str) -> tuple[str, int]:
    """The field that a name names, or none, and its place among the names to prefer."""
    known = word(name)
    field = _MEANING.get(known, "")
    return field, WORDS[field].split().index(known) if field else 0


def choice(name: str) -> tuple[str, int] | None:
    """Stem and number of the name of one choice: `보기 3`, `③`, `3번 선지`, `Option C`; none of another."""
    match = _CHOICE.fullmatch(word(name))
    if match is None:
        return None
    place = match["after"] or match["before"]
    if place.isdecimal():
        number = int(place)
    else:
        number = next(letters.index(place) for letters in _LETTERS if place in letters) + 1
    return match["stem"] or match["name"] or "", number


def from_zero(names: Sequence[str]) -> bool:
    """Whether the names of choices number them from 0: `보기0`, `보기1`."""
    numbers = [(choice(name) or ("", -1))[1] for name in names]
    return len(numbers) > 1 and numbers == [*range(len(numbers))]


def is_index(name: str) -> bool:
    """Whether a column of answers may count from 0 by its name: `answerIndex`, `정답(0-3)`."""
    return meaning(name)[0] == "index" or _RANGE_FROM_ZERO.search(name[:LONGEST]) is not None


def place_of(value: object, names: Sequence[str]) -> int:
    """The place, from 1, of the column of a choice that a cell names: `보기3`, `다`; 0 without one."""
    words = [*map(word, names)]
    wanted = word(value) if isinstance(value, str) else ""
    return words.index(wanted) + 1 if len(names) > 1 and words.count(wanted) == 1 else 0


def is_choice(name: str) -> bool:
    """Whether a name is that of one choice."""
    return choice(name) is not None


def is_wrong(name: str) -> bool:
    """Whether a name is that of wrong answers: `오답`, `매력적인 오답 2`, `Incorrect Answer 1`."""
    return _WRONG.fullmatch(word(name)) is not None


def holds_choices(name: str) -> bool:
    """Whether a name is that of the choices, without a number: `선택지`, `answerOptions`, `보기목록`."""
    return _OF_CHOICES.sub("", word(name)) in CHOICES


def under_one_name(names: Sequence[str], filled: Sequence[str]) -> dict[str, dict[int, str]]:
    """Columns of choices with one name, or one above the first of them: `보기,보기,보기` or `보기,,`.

    Returns their word -> number of a choice -> its column.
    """
    families = {}
    for place, name in enumerate(names):
        if holds_choices(name):
            alike = re.compile(rf"{re.escape(name)}\.[0-9]+|{UNNAMED}[0-9]+")
            family = [name]
            for other in names[place + 1 :]:
                if not alike.fullmatch(other):
                    break
                family.append(other)
            while family[-1] not in filled and len(family) > 1:
                family.pop()
            if len(family) > 2:
                families[word(name)] = dict(enumerate(family, start=1))
    return families


def holds_a_text(name: str) -> bool:
    """Whether a name is that of a passage or a box."""
    return meaning(name)[0] in ("passage", "material", "box") or word(name) == BOX_OR_CHOICES


def tells_answer(name: str) -> bool:
    """Whether a name speaks of the answer itself: `answer_text`, `최종정답`, and not `정답률`."""
    return _ANSWER.search(word(name)) is not None and not _NO_ANSWER.search(word(name))


def is_remark(name: str) -> bool:
    """Whether a name is that of a remark on a problem, such as 해설 or 출처, which is no part of it."""
    return _ABOUT.search(word(name)) is not None


def is_certain(stem: str) -> bool:
    """Whether choices alone are called that."""
    return stem in CHOICES
