"""visible: a completion -> what can be seen of it, written in one way; and phrases made comparable."""

from __future__ import annotations

import re
import unicodedata

from koalign.grading import patterns
from koalign.text.korean import clean, fold_width, fold_words

MOST = 200_000
"""Characters of a completion that are read. No answer to an exam is so long, and a million of them may take
fifteen seconds."""

# A thought ends at its closing tag, whoever opened it: chat templates open it in the prompt.
_THOUGHT_END = re.compile(r"</(?:think|thinking|thought|추론)\s?>", re.IGNORECASE)
_THOUGHT_START = re.compile(r"<(?:think|thinking|thought|추론)\s?>", re.IGNORECASE)

_TURN_END = re.compile(
    r"(?<=\S)\s{0,8}(?:<\|(?:im_end|eot_id|eom_id|endoftext|end_of_text|end|return)\|>|<end_of_turn>|<eos>"
    r"|\[\|endofturn\|\])"
)
_TAG_END = re.compile(r"\s{0,8}</(final[ _]?answer|answer|reasoning|response|output)\s?>\s{0,8}\Z")
"""The end of a tag that the prompt, or nobody, has opened."""
_SENTENCE_END = re.compile(r"(?<=\S)\s{0,8}</s>")
"""Special tokens that a model wrote out in letters. `</s>` also ends what HTML strikes out."""

_ONE_WAY_OF_WRITING = str.maketrans(
    {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
    | dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad\ufe0f\u20e3`"))
    | {ord("。"): "."}
    | {
        code: unicodedata.normalize("NFKC", chr(code)).translate({ord("2"): "²", ord("3"): "³"})
        for code in range(0x3380, 0x33DF)
    }
    | dict.fromkeys(map(ord, "\u2018\u2019"), "'")
    | dict.fromkeys(map(ord, "\u201c\u201d"), '"')
)
_EMPHASIS = re.compile(
    r"(?<![A-Za-z0-9)*])(\*{1,3})(?=[^\s*])([^*\n]{1,300})(?<=\S)\1(?![A-Za-z0-9(*])"
)
_TAGS = re.compile(
    r"<(b|strong|i|em|u|mark|span|p|h[1-6])>([^<>\n]{1,300})</\1>|(?<=[^\s:])<br ?/?>(?=\n|\Z)"
)
_FRACTION = re.compile(
    r"(?<![0-9^_])\\[dt]?frac ?\{(√?[0-9]{1,6}|[A-Za-z])\}\{(√?[0-9]{1,6}|[A-Za-z])\}"
)
_ROOT = re.compile(r"\\sqrt ?(?:\{([0-9]{1,6}|[A-Za-z])\}|([0-9A-Za-z]))")
_JAMO_AND = re.compile("(?<=[ㄱ-ㅎ])(?:,?그리고|[과와·/]|및)(?=[ㄱ-ㅎ])")
_HANJA = re.compile(r"(?<=[가-힣])\([\u4e00-\u9fff,]{1,30}\)")
_UNDERLINED = re.compile(r"(?<!\w)__(?=[^\s_])([^_\n]{1,300})(?<=\S)__(?!\w)")
_SLANTED = re.compile(r"(?<![\w_])_(?=[^\s_])([^_\n]{1,100})(?<=\S)_(?![\w_])")
_STRUCK = re.compile(r"~~[^~\n]{1,200}~~ ?")
_TEX_SPACE = re.compile(r"\\[,;: ] ?")
_SQUARE = re.compile(r"\^(?:\{([23])\}|([23]))(?![0-9A-Za-z])")
_RAISED = re.compile(r"[⁰¹²³⁴-⁹⁺⁻]+|\^\{(-?[0-9]{1,3}|[0-9]?[+-])\}")
_LOWERED = re.compile(
    r"(?:(?<=[A-Z)])|(?<=[A-Z][a-z])|(?<=[A-Z]\}))_(?:[0-9]{1,3}|\{[0-9]{1,3}\})|[₀-₉]+"
)
_UNIT = re.compile(r"(?<=[0-9π]) ?\(([A-Za-z°℃%Ω/²³]{1,8})\)\Z")
_LOOSE = re.compile(
    r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))|(?<!\A-) (?!(?<=[0-9] )[0-9])(?:(?![^\W\d_])|(?<![^\W\d_] ))"
)
"""The commas of thousands, and blanks but those between words, between numbers and of a list (`- 3`)."""
_SPOKEN = re.compile("(?:(?<=입니)[댜당]|(?<=[에예])[용욤욥])(?![가-힣])")
"""Ends of sentences as they are typed in chats: `입니당`, `예용`."""
_TEX_NAME = re.compile(r"\\(ln|log|sin|cos|tan)(?![a-z])")
_QUOTED = re.compile(
    r"""["'「『《](.+)["'」』》]|\$\$?([^$]+)\$\$?|\\[(\[]((?:(?!\\[()\[\]]).)+)\\[)\]]""",
    re.DOTALL,
)
_TEX_TEXT = re.compile(r"\\(?:text|textbf|mathrm|mathbf) ?\{([^{}\n]{0,300})\}")


def visible_text(text: str) -> str | None:
    """What can be seen of a completion, written in one way; none while a thought has not ended.

    Full width and Markdown emphasis are undone, white space is squeezed; case and line ends stay. What
    follows an end of turn that is written out is another turn. Of more than MOST characters the last
    ones count.
    """
    seen = after_thoughts(text)
    return None if seen is None else _plain(_first_turn(seen)[-MOST:])


def _first_turn(text: str) -> str:
    text = _TURN_END.split(text, 1)[0]
    if (tag := _TAG_END.search(text)) and f"<{tag[1]}" not in text:
        text = text[: tag.start()]
    return text if "<s>" in text else _SENTENCE_END.split(text, 1)[0]


def untagged(seen: str) -> str:
    """Visible text without HTML emphasis and line breaks."""
    return _TAGS.sub(r"\2", seen)


def after_thoughts(text: str) -> str | None:
    """What follows the last thought of a completion, as written; none while a thought has not ended."""
    ends = [end.end() for end in _THOUGHT_END.finditer(text)]
    seen = text[ends[-1] :] if ends else text
    return None if _THOUGHT_START.search(seen) else seen


def comparable(answer: str) -> str:
    """An answer folded for comparison only: emphasis, enclosing quotes and final full stop ignored.

    So is the letter case of words; that of symbols is not: see `fold_words`. `H₂O` is `H_2O`, `10⁸`
    `10^{8}`, `p = mv` `p=mv`, `1,000 m` `1000m` and `150(km)`; `3 1/2` is not `31/2`.
    """
    text = _LOWERED.sub(lambda index: unicodedata.normalize("NFKC", index[0]).strip("_{}"), answer)
    text = _UNIT.sub(r" \1", unquoted(_plain(text)))
    text = _RAISED.sub(
        lambda power: "^" + unicodedata.normalize("NFKC", power[1] or power[0]), text
    )
    return _LOOSE.sub("", fold_words(text))


def comparable_choice(text: str) -> str:
    """The same of a choice or what may quote one, with its letter case."""
    return fold_width(unquoted(_plain(text)))


def canonical(folded: str) -> str:
    """A folded phrase in the one form of what may be written in several.

    Without blanks, the `$` of formulas and hanja in parentheses; `ㄱ과 ㄷ` is `ㄱ,ㄷ`.
    """
    return _JAMO_AND.sub(",", _HANJA.sub("", "".join(folded.replace("$", "").split())))


def unquoted(phrase: str) -> str:
    """A phrase without a full stop at its end and without quotes, or the marks of a formula, around it."""
    phrase = _ended(phrase)
    quoted = _QUOTED.fullmatch(phrase)
    return _ended(quoted[quoted.lastindex or 0]) if quoted else phrase


def _ended(phrase: str) -> str:
    """A phrase without what ends a sentence; `5!` is a number."""
    phrase = phrase.strip().rstrip(".。 ")
    word = phrase.rstrip("!~ ")
    return word if "가" <= word[-1:] <= "힣" else phrase


def forms(phrase: str) -> tuple[str, ...]:
    """A phrase as it stands, and without `입니다` and what follows it: 사이다 is a drink, too."""
    copula = patterns.COPULA.match(phrase)
    return (unquoted(phrase), unquoted(copula[1] or copula[2])) if copula else (unquoted(phrase),)


def _plain(text: str) -> str:
    text = clean(text).translate(_ONE_WAY_OF_WRITING)
    lines = [" ".join(line.split()) for line in text.split("\n")]
    text = "\n".join(line for line in lines if line)
    text = _FRACTION.sub(r"\1/\2", _ROOT.sub(r"√\1\2", text.replace("{,}", ",")))
    text = _SLANTED.sub(r"\1", _UNDERLINED.sub(r"\1", _STRUCK.sub("", text)))
    text = _SQUARE.sub(lambda power: "²³"[int(power[1] or power[2]) - 2], text)
    text = _SPOKEN.sub(lambda end: "다" if end[0] in "댜당" else "요", text)
    text = _TEX_NAME.sub(r"\1", text)
    text = _TEX_SPACE.sub(
        " ", text.replace(r"\%", "%").replace(r"\pi", "π").replace(r"\times", "×")
    )
    return _TEX_TEXT.sub(r"\1", _EMPHASIS.sub(r"\2", text))
