"""visible: text of data -> text to show, with marks for characters that act on a screen or hide."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

HIDDEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f"
)
"""Control characters but tab and line end, marks of direction, and characters without width."""
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_HIDDEN = re.compile(f"[{HIDDEN}]")


def visible(text: str) -> str:
    """ESC becomes `␛`, U+202E `⟨U+202E⟩`; tab and line end stay."""
    return _HIDDEN.sub(lambda match: _mark(ord(match[0])), text.replace("\r\n", "\n"))


def _mark(code: int) -> str:
    return chr(0x2400 + code) if code < 0x20 else f"⟨U+{code:04X}⟩"


def say(line: str, *, err: bool = False, end: str = "\n") -> None:
    """Print text, which may be foreign, to stdout or stderr: the one way to the screen beside tables."""
    print(visible(line), file=sys.stderr if err else sys.stdout, flush=True, end=end)


@cache
def say_once(line: str) -> None:
    """Print a line to stderr, the first time that this process has it to say."""
    say(line, err=True)


_KEEPERS: list[Callable[[str], None]] = []
"""Are told each warning."""


def warn(line: str, *, once: bool = False) -> None:
    """Print a warning to stderr, and tell it to those that keep warnings.

    `once`: it is printed the first time that this process has it to say, and kept each time.
    """
    if once:
        say_once(line)
    else:
        say(line, err=True)
    for keep in tuple(_KEEPERS):
        keep(visible(line))


@contextmanager
def warnings_kept(keep: Callable[[str], None]) -> Iterator[None]:
    """Give `keep` the warnings of this process, without control characters, while the body runs."""
    _KEEPERS.append(keep)
    try:
        yield
    finally:
        _KEEPERS.remove(keep)


def say_json(value: object) -> None:
    """Print a JSON value, indented; a hidden character is escaped, so that a reader gets it as it is."""
    print_json(json.dumps(value, ensure_ascii=False, indent=2) + "\n")


def print_json(text: str) -> None:
    """Print JSON as it is read back: in ASCII where the encoding of stdout lacks one of its characters."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = _NOT_ASCII.sub(lambda match: _escape(match[0]), text)
    print(escaped_json(text), end="", flush=True)


def escaped_json(text: str) -> str:
    r"""JSON with each hidden character as `\u202e`: the same value."""
    return _HIDDEN.sub(lambda match: _escape(match[0]), text)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


def shown(text: str) -> str:
    """What was found in a file as people can be shown it: one line, not long, no half characters."""
    line = " ".join(text[:1000].encode("utf-8", "backslashreplace").decode("utf-8").split())
    return line if len(line) <= 300 else f"{line[:297]}…"
