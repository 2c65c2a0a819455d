"""hub: the id of a repository on the Hugging Face hub -> the folder here that holds its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from koalign.records import KoalignError


def downloaded(name: str, patterns: Sequence[str], title: str) -> Path:
    """The local folder with the files of a repository whose names fit a pattern; downloaded once.

    Raises KoalignError, beginning with `title`, where they are not to be had.
    """
    from huggingface_hub import snapshot_download  # takes longer than most commands on adapters
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=list(patterns)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        reason = str(error).splitlines()[0]
        raise KoalignError(
            f"{title} is neither a folder here nor to be had from the hub ({reason})"
        ) from None
