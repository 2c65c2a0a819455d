r"""tex: text whose TeX commands lost their backslash to an escape (`\frac`: a form feed) -> mended."""

from __future__ import annotations

import re

_ESCAPES = {"\a": "a", "\b": "b", "\t": "t", "\n": "n", "\v": "v", "\f": "f", "\r": "r"}
_CERTAIN = (
    "alpha angle approx arccos arcsin arctan ast asymp backslash bar because begin{ beta big bigcap "
    "bigcup bigg bigl bigr binom bmod boldsymbol bot bowtie boxed breve bullet varepsilon varnothing "
    "varphi varpi varrho varsigma vartheta vdash vdots vec vee vert flat forall frac frown nabla "
    "nearrow neq nexists ngeq nleq notin nparallel nsubseteq nwarrow rho right rightarrow "
    "rightharpoonup rightleftharpoons tfrac therefore theta tilde{ times triangle triangleleft "
    "triangleright text{ textbf{ textit{ textrm{"
)
"""No word begins with their rest, so that the control character before it can be nothing else."""
_IN_MATH = "ne ni nmid not nu rangle rbrace rceil rfloor rm tan tanh tau to top"
"""`o` may begin a line of a text; within `$…$` it is `\to`."""
_LOST = re.compile("[\a\b\t\n\v\f\r](?=[a-z])")
_MATH = re.compile(r"\$[^$가-힣]{1,300}\$")


def _pattern(commands: str) -> re.Pattern[str]:
    by_letter: dict[str, list[str]] = {}
    for command in commands.split():
        by_letter.setdefault(command[0], []).append(command[1:])
    forms = (
        f"{re.escape(lost)}(?={'|'.join(map(_rest, by_letter[letter]))})"
        for lost, letter in _ESCAPES.items()
        if letter in by_letter
    )
    return re.compile("|".join(forms))


def _rest(rest: str) -> str:
    return re.escape(rest) if rest.endswith("{") else f"{rest}(?![A-Za-z])"


_ANYWHERE, _WITHIN = _pattern(_CERTAIN), _pattern(_IN_MATH)


def restored(text: str) -> str:
    r"""The text with its backslashes where a JSON or Python escape surely ate them: `\times` is no tab.

    Other control characters stay, and the report of `prepare` counts them.
    """
    if not _LOST.search(text):
        return text
    text = _ANYWHERE.sub(_command, text)
    return _MATH.sub(lambda math: _WITHIN.sub(_command, math[0]), text)


def _command(lost: re.Match[str]) -> str:
    return "\\" + _ESCAPES[lost[0]]
