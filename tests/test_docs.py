"""The documentation is true: what comes from the code is as the code has it."""

import runpy

import pytest
from support.command import ROOT

PAGES = runpy.run_path(str(ROOT / "scripts" / "make_docs.py"))["pages"]()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_generated_page_is_what_its_script_writes(path):
    assert path.read_text(encoding="utf-8") == PAGES[path], "run scripts/make_docs.py"
