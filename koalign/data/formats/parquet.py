"""parquet: a Parquet file -> its columns and its rows, in batches; one that floods memory is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from koalign.data.formats.files import TOO_LARGE, most_unpacked
from koalign.data.formats.streams import Data, opened, size_of
from koalign.records import KoalignError
from koalign.text.visible import shown

MOST_ROWS, BATCH_BYTES = 2_000_000, 2**26
"""Of a Parquet file, and of so many rows as are unpacked together."""


def read_parquet(name: str, data: Data) -> tuple[tuple[str, ...], Callable[[], Iterator[Any]]]:
    """The names of the columns, and the rows as often as they are asked for.

    No names where columns hold objects, which make others of them.

    Raises KoalignError, also while rows are read, for a file that is broken or too large.
    """
    import pyarrow
    import pyarrow.parquet

    def refused(reason: object) -> KoalignError:
        return KoalignError(f"{name}: not a Parquet file that can be read ({shown(str(reason))})")

    faults = (pyarrow.ArrowException, OSError, ValueError, OverflowError)
    """Beside broken files: texts that are no UTF-8, and a date that Python does not know."""
    try:
        file = pyarrow.parquet.ParquetFile(opened(data))
        # Not of each column: pyarrow ends Python where a column's metadata are broken.
        sizes = [file.metadata.row_group(n).total_byte_size for n in range(file.num_row_groups)]
        header = tuple(file.schema_arrow.names)
        if len({*header}) < len(header):
            raise ValueError("two columns have one name")
        if any(map(_is_nested, file.schema_arrow.types)):
            header = ()
    except faults as error:
        raise refused(error) from None
    if file.metadata.num_rows > MOST_ROWS:
        raise KoalignError(
            f"{name}: {file.metadata.num_rows:,} rows, and a Parquet file has at most {MOST_ROWS:,}; "
            "split it"
        )
    # A row may hold a whole group, and each row the same one.
    size = max(1, min(1000, BATCH_BYTES // max([1, *sizes])))

    def values() -> Iterator[Any]:
        left = most_unpacked(size_of(data))  # a value is stored once however many rows have it
        try:
            if sum(sizes) > left:
                raise ValueError(TOO_LARGE)
            for batch in file.iter_batches(batch_size=size, use_threads=False):
                batch.validate(full=True)
                for row in map(plain, batch.to_pylist()):
                    left -= _length(row)
                    if left < 0:
                        raise ValueError(TOO_LARGE)
                    yield row
        except faults as error:
            raise refused(error) from None

    return header, values


def plain(value: Any) -> Any:
    """A value as JSON has it: whole decimals are numbers, others and dates texts, bytes of UTF-8 texts."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, Decimal):
        return (
            int(value) if value.is_finite() and value == value.to_integral_value() else str(value)
        )
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    if isinstance(value, date | time):
        return str(value)
    return value


def _length(value: Any) -> int:
    """About as many bytes as a value has."""
    if isinstance(value, dict):
        return sum(map(_length, value.values()))
    if isinstance(value, list):
        return 8 + sum(map(_length, value))
    return len(value) if isinstance(value, str | bytes) else 8


def _is_nested(column: Any) -> bool:
    """Whether a column holds objects, or lists of them."""
    import pyarrow.types as of

    is_list = of.is_list(column) or of.is_large_list(column) or of.is_fixed_size_list(column)
    return bool(
        of.is_struct(column) or of.is_map(column) or (is_list and _is_nested(column.value_type))
    )
