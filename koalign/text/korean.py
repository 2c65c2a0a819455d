"""korean: Korean text as it comes -> text in one form; and folding for matching only."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_CHOSEONG = "".join(map(chr, range(0x1100, 0x1113)))
_COMPATIBILITY_JAMO = dict(
    zip(map(ord, _CHOSEONG), "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ", strict=True)
)
_LEADING, _VOWEL = "\u1100-\u115f\ua960-\ua97c", "\u1160-\u11a7\ud7b0-\ud7c6"
# A whole run of leading consonants at once: what a vowel follows is an (old) Hangul syllable.
# No look-behind, which makes the search slow.
_CHOSEONG_RUN = re.compile(f"[{_LEADING}]++([{_VOWEL}])?")

_COMBINING = "".join(
    mark
    for mark in map(chr, range(0x300, 0x1E950))
    if all(map(unicodedata.combining, unicodedata.normalize("NFD", mark)))
)
_MARKS = frozenset(_COMBINING)
_MOST_MARKS = 30
"""As in the Stream-Safe Text Format of UAX #15: normalizing more takes quadratic time."""
_TOO_MANY_MARKS = re.compile(
    f"([{re.escape(_COMBINING)}]{{{_MOST_MARKS}}})[{re.escape(_COMBINING)}]+"
)

FULL_WIDTH = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
"""For str.translate: full-width letters, digits and signs to ASCII; the length stays."""
_ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
_FOLDED = (
    FULL_WIDTH
    | dict.fromkeys(map(ord, _ZERO_WIDTH + "\u00ad"))  # with the soft hyphen: not seen at all
    | dict.fromkeys(map(ord, "\u00a0\u3000\u3164\uffa0"), " ")  # the last two: Hangul fillers
    | dict.fromkeys(map(ord, "\u223c\u301c\u02dc"), "~")
    | dict.fromkeys(map(ord, "\u318d\u2027\u30fb\uff65\u2022\u22c5"), "\u00b7")
    | dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b"), "'")
    | dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f"), '"')
    | dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-")
)
_FOLDABLE = re.compile("[" + re.escape("".join(map(chr, _FOLDED))) + "]+")

_LATIN = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
_WORDS = re.compile(rf"(?<![{_LATIN}])[{_LATIN}]+(?:[ '-][{_LATIN}]+)*")
"""Latin words in a row, in folded text."""
_WORD = re.compile(f"[{_LATIN}]+")
_GENOTYPE = re.compile(r"(?:([A-Za-z])(?i:\1))+")
_AFTER_NUMBER = re.compile(r"\d $")
_SHORT_WORDS = {"Yes": "yes", "YES": "yes", "No": "no"}

# Followed by a small letter it is a TeX command: \nabla, \neq, \times, \theta.
_LITERAL_ESCAPE = re.compile(r"(?<=\s[1-9])\\t(?!imes|heta|ext|an\b)|\\[nt](?![a-z])")

CHOICE_MARKS: dict[str, int] = {
    chr(first + n): start + n
    for first, start, size in (
        (0x2460, 1, 20),  # ①
        (0x2474, 1, 20),  # ⑴
        (0x2488, 1, 20),  # ⒈
        (0x2776, 1, 10),  # ❶
        (0x2780, 1, 10),  # ➀
        (0x278A, 1, 10),  # ➊
        (0x24F5, 1, 10),  # ⓵
        (0x24EB, 11, 10),  # ⓫
    )
    for n in range(size)
}
"""One-character mark -> the number that it shows. NFKC knows only some of them, `int` none."""

CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Control characters but tab and line ends: no text holds them, but for a mistake."""
_ODDITIES = {
    "pua": re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff]"),
    "nbsp": re.compile("\u00a0"),
    "zero_width": re.compile(f"[{_ZERO_WIDTH}]"),
    "conjoining_jamo": re.compile("[\u1100-\u11ff\ua960-\ua97c\ud7b0-\ud7fb]"),
    "compat_hanja": re.compile("[\uf900-\ufaff\U0002f800-\U0002fa1f]"),
    "replacement_character": re.compile("\ufffd"),
    "literal_escape": _LITERAL_ESCAPE,
    "control_character": CONTROL,
    "control_token": re.compile(
        r"<\|[^\s<>|]{1,40}\|>|\[\|[^\s\[\]|]{1,40}\|\]|</?s>|<(?:bos|eos|start_of_turn|end_of_turn)>|\[/?INST\]"
    ),
}

_FINALS = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")
# Read out: 영 일 삼 육 칠 팔, 엘 엠 엔 알; the others are open. A last 0 is 영, 십, 백 or 천: never ㄹ.
_FINALS_READ_OUT = dict(zip("013678LMNR", "ㅇㄹㅁㄱㄹㄹㄹㅁㄴㄹ", strict=True))
JOSA_PAIRS = ("은/는", "이/가", "을/를", "과/와", "으로/로", "이나/나", "이라/라")
"""Josa that follow the sound: after a final consonant / after none."""
_OTHER_JOSA = ("의", "에", "에서", "에게", "도", "만", "부터", "까지")

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HAN_RUN = re.compile(f"[{_HAN}]+")
_HANGUL_OR_KANA = re.compile("[가-힣\u3131-\u3163\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d]")
_CODE_OR_MATH = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$", re.DOTALL)
_PARENTHESES = re.compile(r"[(（][^()（）]*[)）]")


def clean(text: str) -> str:
    """Text in the one form that every reader gives it; idempotent.

    NFC, never NFKC (which turns ① into 1 and ㎏ into kg). LF line ends, no byte order mark at the
    start. Conjoining choseong (U+1100..) that stand alone are ㄱㄴㄷ marks and become the jamo that
    people type (U+3131..); those of a syllable, old Hangul too, stay. Of more than 30 combining marks
    in a row the first 30 stay.
    """
    text = composed(text.lstrip("\ufeff"))
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CHOSEONG_RUN.sub(
        lambda run: run[0] if run[1] else run[0].translate(_COMPATIBILITY_JAMO), text
    )


def fold(text: str) -> str:
    """Text for comparison only, never shown, without regard to letter case; idempotent.

    As `fold_width`, and case folded.
    """
    return " ".join(composed(_one_width(text).casefold()).split())


def fold_width(text: str) -> str:
    """Text for comparison only, never shown; letter case stays: Co is no CO; idempotent.

    Cleaned, full width to ASCII, one kind of tilde, middle dot, quote, dash and space, nothing of zero
    width, white space squeezed. Marks such as ① and ㉠ stay.
    """
    return " ".join(_one_width(text).split())


def fold_words(text: str) -> str:
    """As `fold_width`, and Latin words in small letters, but no symbols: Paris is paris; idempotent.

    The case of symbols stays: up to three letters on their own or in capitals (Co, MW, DNA), beside a
    digit (CoCl2), up to four after a number (5 Gbps), and genotypes (AaBB).
    """
    return _WORDS.sub(_small_words, fold_width(text))


def _small_words(words: re.Match[str]) -> str:
    text, run = words.string, words[0]
    lengths = [len(word) for word in _WORD.findall(run)]
    longest = max(lengths)
    if len(lengths) > 3 and longest > 3 and run.isupper():
        return run.lower()

    def small(word: re.Match[str]) -> str:
        start, end = words.start() + word.start(), words.start() + word.end()
        digit = text[max(0, start - 1) : start].isdigit() or text[end : end + 1].isdigit()
        unit = len(word[0]) < 5 and _AFTER_NUMBER.search(text, max(0, start - 2), start)
        if digit or unit or longest < 4:
            return _SHORT_WORDS.get(word[0], word[0])
        is_symbol = len(word[0]) == 1 or (len(word[0]) < 4 and not word[0][1:].islower())
        return word[0] if is_symbol or _GENOTYPE.fullmatch(word[0]) else word[0].lower()

    return _WORD.sub(small, run)


def composed(text: str) -> str:
    """NFC, in linear time: of more than 30 combining marks in a row the first 30 stay."""
    # A longer run has a mark at a multiple of its length; the pattern alone would take most of the time.
    if not _MARKS.isdisjoint(text[:: _MOST_MARKS + 1]):
        text = _TOO_MANY_MARKS.sub(r"\1", text)
    return unicodedata.normalize("NFC", text)


def _one_width(text: str) -> str:
    # Runs found by the pattern first: str.translate looks up every character of a text, slowly.
    text = _FOLDABLE.sub(lambda run: run[0].translate(_FOLDED), clean(text))
    return composed(text)


def unescape_literals(text: str) -> str:
    r"""Text with the two characters `\n` and `\t`, as NIKL files hold them, made a line end and a tab.

    Before a small Latin letter they stay: there they begin a TeX command (`\times`); but for the tab
    after the number of a choice (`4\tpH`).
    """
    return _LITERAL_ESCAPE.sub(lambda escape: {"n": "\n", "t": "\t"}[escape[0][1]], text)


def oddities(text: str) -> dict[str, int]:
    """How often a text holds what a data report should show; only what was found.

    `not_nfc` is 1 for a text that is not in NFC; the others count characters, `literal_escape` the
    pairs that `unescape_literals` would change, `control_token` what looks like one of a chat model.
    """
    counts = {"not_nfc": int(not unicodedata.is_normalized("NFC", text))}
    counts |= {name: len(pattern.findall(text)) for name, pattern in _ODDITIES.items()}
    return {name: count for name, count in counts.items() if count}


def final_consonant(word: str) -> str:
    """The final consonant that a word ends in when it is read out, as a jamo; empty if it is open.

    Digits and Latin letters are read as in Korean (3 삼, L 엘). Raises ValueError for a word that
    ends in anything but a Hangul syllable, a digit or a Latin letter.
    """
    last = unicodedata.normalize("NFC", word)[-1:].translate(FULL_WIDTH).upper()
    if "가" <= last <= "힣":
        return _FINALS[(ord(last) - ord("가")) % 28]
    if re.fullmatch("[0-9A-Z]", last):
        return _FINALS_READ_OUT.get(last, "")
    raise ValueError(f"{word!r} does not end in Hangul, a digit or a Latin letter: no josa fits it")


def with_josa(word: str, pair: str) -> str:
    """The word with the josa of the pair that its sound asks for: `("세종", "은/는")` -> `세종은`.

    Raises ValueError for an unknown pair and where `final_consonant` does.
    """
    if pair not in JOSA_PAIRS:
        raise ValueError(f"{pair!r} is no pair of josa; known are {', '.join(JOSA_PAIRS)}")
    after_consonant, after_vowel = pair.split("/")
    final = final_consonant(word)
    is_open = not final or (pair == "으로/로" and final == "ㄹ")
    return word + (after_vowel if is_open else after_consonant)


def strip_josa(text: str, gold: str) -> str:
    """The text without one josa at its end, if what is left is the gold answer; else the text.

    For lenient comparison only. A josa that the gold's sound forbids is part of another word:
    `사과` is not `사` with 과.
    """
    josa_forms = [*_OTHER_JOSA, *(josa for pair in JOSA_PAIRS for josa in pair.split("/"))]
    for josa in josa_forms:
        rest = text.removesuffix(josa)
        if rest == text or fold(rest) != fold(gold):
            continue
        pair = next((pair for pair in JOSA_PAIRS if josa in pair.split("/")), None)
        if pair is None or _sounds_right(rest, pair, text):
            return rest
    return text


def _sounds_right(word: str, pair: str, joined: str) -> bool:
    try:
        return with_josa(word, pair) == joined
    except ValueError:
        return False


MOST_HAN = 0.10
"""Share of Han among letters: running Korean prose has next to none outside parentheses."""
SIMPLIFIED, IN_A_ROW = 3, 4
"""Characters outside cp949, which Korean text seldom has even one of; Han in a row, since Sino-Korean words
are mostly of two. Rules of thumb of this project, not of a publication: one character proves nothing."""


@dataclass(frozen=True)
class HanLeak:
    """Chinese characters in a Korean completion that nothing in its prompt explains."""

    ratio: float
    """Han / (Hangul + Han + Kana), from 0 to 1."""
    not_in_cp949: str
    """The Han that cp949 cannot encode, simplified forms above all."""
    longest_run: int
    """Most Han in a row."""
    count: int
    """Han in all; shows single characters that the rule lets pass."""

    @property
    def leaks(self) -> bool:
        """Whether it looks like Chinese: above MOST_HAN, SIMPLIFIED characters, or IN_A_ROW.

        Legitimate Korean text rarely meets this rule; a Hanja idiom can. Compare rates with those of
        the base model, and judge no single text by it.
        """
        return (
            self.ratio > MOST_HAN
            or len(self.not_in_cp949) >= SIMPLIFIED
            or self.longest_run >= IN_A_ROW
        )


def han_leak(text: str, prompt: str = "") -> HanLeak:
    """What Han a completion holds, apart from code, `$…$`, parentheses and Han of its prompt."""
    in_prompt = dict.fromkeys(map(ord, "".join(_HAN_RUN.findall(clean(prompt)))), " ")
    text = _PARENTHESES.sub(" ", _CODE_OR_MATH.sub(" ", clean(text))).translate(in_prompt)
    runs = _HAN_RUN.findall(text)
    han = "".join(runs)
    letters = len(han) + len(_HANGUL_OR_KANA.findall(text))
    return HanLeak(
        ratio=len(han) / letters if letters else 0.0,
        not_in_cp949="".join(character for character in han if not _in_cp949(character)),
        longest_run=max(map(len, runs), default=0),
        count=len(han),
    )


def _in_cp949(character: str) -> bool:
    return bool(character.encode("cp949", errors="ignore"))


def repetition(token_ids: Sequence[int]) -> float:
    """The share of a completion's 4-grams of tokens that stood in it before; 0 to 1."""
    grams = list(zip(*(token_ids[start:] for start in range(4)), strict=False))
    return 1 - len(set(grams)) / len(grams) if grams else 0.0
