"""parts: a file that several processes draw, each a part in a folder of its own -> the whole, in order.

The units of a file, such as the batches of an engine, are dealt to the shards in turn: units 1, 9, 17, … to
shard 1 of 8. A unit is computed whole, so its records are the same bytes as without shards.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from koalign.hashing import PLAN, WORK
from koalign.jsonl import JsonlAppender, R, read_appended
from koalign.records import KoalignError


@dataclass(frozen=True, order=True)
class Shard:
    """One of `total` parts, counted from 1."""

    total: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Of `3/8`. Raises KoalignError for anything else."""
        match = re.fullmatch(r"(\d{1,5})/(\d{1,5})", text)
        shard = cls(int(match[2]), int(match[1])) if match else None
        if shard is None or not 1 <= shard.number <= shard.total:
            raise KoalignError(f"--shard {text}: say which part of how many, such as 1/8 to 8/8")
        return shard

    def __str__(self) -> str:
        return f"{self.number}/{self.total}"

    def folder(self, whole: Path) -> Path:
        """Where this part of the folder `whole` is drawn."""
        return whole / WORK / f"{self.number}-of-{self.total}"

    def draws(self, unit: int) -> bool:
        """Whether the unit of this number is of this part."""
        return unit % self.total == self.number - 1


class PartDrawn(Exception):
    """A shard has drawn its part of some files, and other parts of them are not whole yet."""

    def __init__(self, files: Sequence[str], lacking: Iterable[Shard]) -> None:
        """`lacking`: the shards whose parts are not whole."""
        self.files, self.lacking = files, sorted(set(lacking))
        super().__init__(
            f"its part of {', '.join(files)} is drawn; not yet whole: {_listed(self.lacking)}"
        )

    @classmethod
    def of_all(cls, several: Sequence[PartDrawn]) -> PartDrawn:
        """The same of all their files."""
        files = list(dict.fromkeys(file for drawn in several for file in drawn.files))
        return cls(files, [shard for drawn in several for shard in drawn.lacking])


def shard_of(folder: Path) -> Shard | None:
    """Which part a folder holds; none: it is no part."""
    match = re.fullmatch(r"(\d+)-of-(\d+)", folder.name)
    return Shard(int(match[2]), int(match[1])) if match and folder.parent.name == WORK else None


def parts_of(whole: Path) -> dict[Shard, Path]:
    """The begun parts of a folder."""
    begun = ((shard_of(path.parent), path.parent) for path in whole.glob(f"{WORK}/*/{PLAN}"))
    return dict(sorted((shard, path) for shard, path in begun if shard))


def refuse_other_total(whole: Path, shard: Shard | None = None) -> None:
    """Raises KoalignError for parts of a folder, and this shard, that are not of one total."""
    totals = sorted({part.total for part in (*parts_of(whole), *([shard] if shard else []))})
    if totals[1:]:
        begun = f"--shard {shard}: " if shard else ""
        raise KoalignError(
            f"{begun}{whole / WORK} holds parts of {' and of '.join(map(str, totals))}; take one "
            "total, and remove the folders of the other"
        )


class PartedFile(JsonlAppender[R]):
    """A JSONL file of records that are drawn in units: all of them, or those of one shard.

    It stands in the folder that is drawn in parts, or in a folder of that.
    """

    def __init__(self, path: Path, record: type[R], name: Callable[[R], Hashable]) -> None:
        """`name`: what tells one record from another."""
        super().__init__(path, record)
        home = next((p for p in path.parents[:2] if shard_of(p) or parts_of(p)), path.parent)
        self.shard = shard_of(home)
        self._whole = home.parents[1] if self.shard else home
        self._inside = path.relative_to(home)
        self._record, self._name = record, name
        self._own = {name(record) for record in self.done}
        self.known = self._others() | {name(record): record for record in self.done}
        """Records by name; those of other parts too."""

    def own(self, units: Sequence[object]) -> list[int]:
        """The numbers of the units of this part."""
        return [n for n in range(len(units)) if self.shard is None or self.shard.draws(n)]

    def fill(
        self,
        units: Sequence[Sequence[Hashable]],
        draw: Callable[[list[int]], Iterator[Iterable[R]]],
    ) -> Iterator[int]:
        """Append the records of each unit that are missing; yields the numbers of the units of this part.

        `units`: the names of the records of each. `draw`: numbers of units -> their records, in this
        order. A unit that is not whole is drawn whole again. Raises KoalignError, before anything is
        drawn, where the parts of a whole file are not whole, and names them.
        """
        own = self.own(units)
        missing = [n for n in own if not self._own.issuperset(units[n])]
        drawn: Iterator[Iterable[R]] = iter(())
        if self.shard is None and (parts := parts_of(self._whole)):
            self._refuse_missing(units, next(iter(parts)).total)
            drawn = ([self.known[name] for name in units[n]] for n in missing)
        elif missing:
            drawn = draw(missing)
        left = set(missing)
        for number in own:
            if number in left:
                self._add(next(drawn))
            yield number

    def refuse_unfinished(self, units: Sequence[Sequence[Hashable]]) -> None:
        """Raises PartDrawn where other parts lack units; else their records are known from now on."""
        if self.shard is not None:
            self.known |= self._others()
            if lacking := self._lacking(units, self.shard.total):
                raise PartDrawn([self._inside.as_posix()], lacking)

    def _add(self, records: Iterable[R]) -> None:
        new = {self._name(record): record for record in records}
        self.append([record for name, record in new.items() if name not in self._own])
        self._own |= new.keys()
        self.known |= new

    def _others(self) -> dict[Hashable, R]:
        """The records of the other parts, by name."""
        files = [folder / self._inside for folder in parts_of(self._whole).values()]
        return {
            self._name(record): record
            for path in files
            if path != self._path and path.exists()
            for record in read_appended(path, self._record)
        }

    def _lacking(self, units: Sequence[Sequence[Hashable]], total: int) -> list[Shard]:
        """The shards whose parts lack a unit."""
        lacking = {n % total for n, unit in enumerate(units) if not self.known.keys() >= set(unit)}
        return [Shard(total, number + 1) for number in sorted(lacking)]

    def _refuse_missing(self, units: Sequence[Sequence[Hashable]], total: int) -> None:
        if lacking := self._lacking(units, total):
            raise KoalignError(
                f"{self._whole}: of {self._inside} these parts are missing or cut: "
                f"{_listed(lacking)}; draw each with the same command and --shard"
            )


def _listed(shards: Sequence[Shard]) -> str:
    return ", ".join(map(str, shards))
