"""hub: hf://owner/name[:config][/split] -> documents, through `datasets`.

A revision is pinned as in a Python requirement: hf://owner/name@revision:config/split. A folder
`owner/name` below the working directory is taken before the hub, as `datasets.load_dataset` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from koalign.data.formats.documents import Document, document_of_rows
from koalign.data.formats.split_names import split_in_name
from koalign.records import KoalignError

PREFIX = "hf://"
_NAME = re.compile(
    r"(?P<name>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+?))?(:(?P<config>[\w.-]+))?(/(?P<split>[\w.-]+))?"
)


def open_hub(path: str) -> Iterator[Document]:
    """One document a split; raises KoalignError for a name that is none and a data set not to be had.

    Code that comes with a data set is never run: `datasets` has no way to since version 4. It reads
    CSV with pandas, to which a choice that says NA or None is nothing; such a row is a drop.
    """
    address = _NAME.fullmatch(path.removeprefix(PREFIX))
    if not address:
        raise KoalignError(f"{path}: expected hf://owner/name[@revision][:config][/split]")
    import datasets

    datasets.disable_progress_bars()
    try:
        splits = datasets.load_dataset(
            address["name"], address["config"], revision=address["revision"], split=None
        )
    except (datasets.exceptions.DatasetsError, ValueError, OSError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise KoalignError(f"{path}: cannot be loaded ({reason})") from None
    wanted = address["split"]
    if wanted and wanted not in splits:
        raise KoalignError(f"{path}: no split {wanted!r}; there are {', '.join(splits)}")
    for name, table in splits.items():
        if wanted in (None, name):
            where = f"{PREFIX}{address[0]}" if wanted else f"{PREFIX}{address[0]}/{name}"
            yield document_of_rows(where, split_in_name(name), table.to_list())
