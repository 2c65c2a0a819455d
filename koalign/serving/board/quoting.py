"""quoting: the passages in an answer's prompt -> the same without those that may not be passed on."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from koalign.jsonl import read_jsonl
from koalign.retrieval.records import Passage, passages_text
from koalign.serving.board.states import State, state_of
from koalign.stages.evaluate import READING
from koalign.tracking.withheld import may_be_passed_on

SYSTEMS = frozenset({*READING, *(f"{name}_mismatched" for name in READING)})
"""Those whose hints are passages."""
LEFT_OUT = "[…]"
_BETWEEN = "\n\n"


class Quoting:
    """The passages of a run, by which those in a prompt are told apart."""

    def __init__(self, path: Path) -> None:
        """`path`: the passages that `koalign retrieve` has frozen; without them nothing is known."""
        self._known: dict[str, dict[str, bool]] = {}
        """First line -> texts that begin with it, the longest first -> whether they may be passed on."""
        self.withholds = not path.is_file()
        """Whether there is anything that may not be passed on."""
        for passage in [] if self.withholds else read_jsonl(path, Passage):
            text, free = passages_text([passage]), may_be_passed_on(passage.chunk.licence)
            of_line = self._known.setdefault(text.partition("\n")[0], {})
            of_line[text] = of_line.get(text, True) and free
            self.withholds = self.withholds or not free
        for line, texts in self._known.items():
            self._known[line] = dict(sorted(texts.items(), key=lambda one: -len(one[0])))

    def passed_on(self, hint: str, text: str) -> dict[str, str]:
        """`hint` and `text` of an answer; one that read a closed passage may quote it, and is left out."""
        left = self._without_closed(hint)
        return {"hint": left, "text": text if left == hint else ""}

    def _without_closed(self, hint: str) -> str:
        """The hint with LEFT_OUT for each passage that may not be passed on, and for what is no passage."""
        parts: list[str] = []
        rest = hint
        while rest:
            texts = self._known.get(rest.partition("\n")[0], {})
            text = next((t for t in texts if rest == t or rest.startswith(t + _BETWEEN)), None)
            if text is None:  # of another corpus: its licence is not known
                return _BETWEEN.join([*parts, LEFT_OUT])
            parts.append(text if texts[text] else LEFT_OUT)
            rest = rest[len(text) + len(_BETWEEN) :]
        return _BETWEEN.join(parts)


def quoting_of(run: Path) -> Quoting:
    """Of the run in a folder; read once as long as its file stays."""
    path = run / "retrieve" / "passages.jsonl"
    return _read(path, state_of(path))


@lru_cache(2)
def _read(path: Path, _state: State) -> Quoting:
    return Quoting(path)
