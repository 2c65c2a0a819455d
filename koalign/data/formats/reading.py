"""reading: what came out of files: a record a row, and what people should know of how they were read."""

from __future__ import annotations

from dataclasses import dataclass, field

from koalign.data.spool import Spool, View
from koalign.records import Drop, Problem, Ranking


@dataclass
class Reading:
    """What came out of some documents."""

    records: Spool[Problem | Ranking | Drop] = field(default_factory=Spool)
    """What became of each row, in the order of the files; rows of another split aside."""
    places: Spool[str] = field(default_factory=Spool)
    """The place of each record, for people."""
    texts: list[str] = field(default_factory=list)
    """The completion beside each record, where a column is named or guessed to hold them."""
    files: dict[str, str] = field(default_factory=dict)
    """Document -> the format that it was read as."""
    encodings: dict[str, str] = field(default_factory=dict)
    """Document -> how its text was written."""
    not_read: dict[str, str] = field(default_factory=dict)
    """Document -> why it was left out."""
    splits: dict[str, str] = field(default_factory=dict)
    """Document -> the split that its name says, of those left out too."""
    columns: dict[str, dict[str, str | list[str]]] = field(default_factory=dict)
    """Document -> its columns, where they were guessed."""
    notes: dict[str, list[str]] = field(default_factory=dict)
    """What people should know of how documents were read -> these documents."""
    shared: dict[str, str] = field(default_factory=dict)
    """Document whose empty passages may be those above them -> why."""
    from_zero: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Document whose answers may count from 0 -> rows with the answer 0, and rows whose choices do."""

    @property
    def problems(self) -> View[Problem]:
        """The rows that are problems."""
        return self.records.of(Problem)

    @property
    def rankings(self) -> View[Ranking]:
        """The rows that rank completions."""
        return self.records.of(Ranking)

    @property
    def drops(self) -> View[Drop]:
        """The rows that cannot be read."""
        return self.records.of(Drop)

    @property
    def rows(self) -> int:
        """Rows of the documents, but for those that say another split."""
        return len(self.records)
