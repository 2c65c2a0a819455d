"""refusals: what a KoalignError must say."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from koalign.records import KoalignError


@contextmanager
def refused(*parts: str) -> Iterator[None]:
    """What is done is refused in one line that holds these parts."""
    with pytest.raises(KoalignError) as caught:
        yield
    message = str(caught.value)
    assert "\n" not in message and all(part in message for part in parts), message
