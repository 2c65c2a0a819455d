"""Pages of docs/ are complete: every format, template and protocol, and the errors as the code says them."""

import ast
import re

import pytest
from support.command import ROOT

from koalign.data.formats.families import FORMATS
from koalign.data.prompting.prompts import template_names
from koalign.evaluation.protocols import protocol_names

DOCS = ROOT / "docs"
ERRORS = re.findall(r"^### `(.+)`$", (DOCS / "en/troubleshooting.md").read_text("utf-8"), re.M)
FROM_TORCH = "CUDA out of memory"


def texts_of_the_code() -> list[str]:
    return [
        node.value
        for path in sorted((ROOT / "koalign").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def test_the_readme_is_one_screen():
    assert len((ROOT / "README.md").read_bytes()) <= 7_000


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("data.md", [one.name for one in FORMATS]),
        ("prompts.md", template_names()),
        ("evaluation.md", protocol_names()),
    ],
)
def test_a_page_lists_every_name_there_is(page, names):
    for path in DOCS.glob(f"*/{page}"):
        text = path.read_text(encoding="utf-8")
        assert [name for name in names if f"`{name}`" not in text] == []


def test_troubleshooting_quotes_errors_as_the_code_says_them():
    texts = texts_of_the_code()
    parts = [part for error in ERRORS if error != FROM_TORCH for part in error.split("…")]
    assert len(ERRORS) >= 20
    assert [part for part in parts if not any(part in text for text in texts)] == []
