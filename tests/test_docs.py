"""The documentation is true: generated pages follow the code, links lead somewhere, Korean twins agree."""

import ast
import re
import runpy
from collections import Counter
from pathlib import Path

import pytest
from support.command import ROOT
from support.pages import ENGLISH, anchors, blocks, links, twin

from koalign.data.formats.families import FORMATS
from koalign.data.prompting.prompts import template_names
from koalign.evaluation.protocols import protocol_names

GENERATED = runpy.run_path(str(ROOT / "scripts" / "make_docs.py"))["pages"]()
TRANSLATED = [page for page in ENGLISH if twin(page).exists()]
TROUBLES = (ROOT / "docs/en/troubleshooting.md").read_text(encoding="utf-8")
ERRORS = re.findall(r"^### `(.+)`$", TROUBLES, re.MULTILINE)
FROM_TORCH = "CUDA out of memory"
PAGES = [*ENGLISH, *map(twin, TRANSLATED)]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", GENERATED, ids=name_of)
def test_a_generated_page_is_what_its_script_writes(page):
    assert page.read_text(encoding="utf-8") == GENERATED[page], "run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("name", ["README.md", "README.ko.md"])
def test_a_readme_is_one_screen(name):
    assert len((ROOT / name).read_bytes()) <= 7_168


@pytest.mark.parametrize("page", TRANSLATED, ids=name_of)
def test_a_page_and_its_korean_twin_have_the_same_commands_and_figures(page):
    english, korean = ([(b.folder, b.commands) for b in blocks(p)] for p in (page, twin(page)))
    assert english == korean
    texts = (p.read_text(encoding="utf-8") for p in (page, twin(page)))
    first, second = (Counter(re.findall(r"\d+\.\d+", text)) for text in texts)
    assert first == second


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("data.md", [one.name for one in FORMATS]),
        ("prompts.md", template_names()),
        ("evaluation.md", protocol_names()),
    ],
)
def test_a_page_lists_every_name_there_is(page, names):
    for path in (ROOT / "docs").glob(f"*/{page}"):
        text = path.read_text(encoding="utf-8")
        assert [name for name in names if f"`{name}`" not in text] == []


def texts_of_the_code() -> list[str]:
    return [
        node.value
        for path in sorted((ROOT / "koalign").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


def test_troubleshooting_quotes_errors_as_the_code_says_them():
    texts = texts_of_the_code()
    parts = [part for error in ERRORS if error != FROM_TORCH for part in error.split("…")]
    assert len(ERRORS) >= 20
    assert [part for part in parts if not any(part in text for text in texts)] == []


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_comparison_page_shows_and_explains_the_table_of_the_quickstart(language):
    quickstart, comparison = (
        (ROOT / "docs" / language / page).read_text(encoding="utf-8")
        for page in ("quickstart.md", "comparison.md")
    )
    (table,) = re.findall(r"^```text\n(│.*?)```$", quickstart, re.MULTILINE | re.DOTALL)
    difference = re.search(r"\+\S+ \(.+?\)", table)
    assert table in comparison
    assert difference and f"| `{difference[0]}` |" in comparison


def test_every_page_has_a_twin():
    english, korean = ({p.name for p in (ROOT / "docs" / n).glob("*.md")} for n in ("en", "ko"))
    assert english == korean


BENCHMARKS = (ROOT / "benchmarks/README.md").read_text(encoding="utf-8").replace("\\\n", " ")
COMMANDS = re.findall(
    r"^ {4}.*?python3? (?:\.\./)?(benchmarks/\S+\.py)(.*)$", BENCHMARKS, re.MULTILINE
)


@pytest.mark.parametrize(("script", "arguments"), COMMANDS)
def test_a_benchmark_is_there_with_the_options_that_its_command_names(script, arguments):
    """Read, not run: they import torch. What two of them share stands in `against_trl.py`."""
    text = (ROOT / script).read_text(encoding="utf-8")
    if "against_trl" in text:
        text += (ROOT / "benchmarks/against_trl.py").read_text(encoding="utf-8")
    for option in re.findall(r"--[a-z-]+", arguments):
        assert re.search(rf'add_argument\(\s*"{option}"', text), option


def test_every_benchmark_command_is_looked_at():
    others = sum(BENCHMARKS.count(f"\n    {word} ") for word in ("make", "mkdir"))
    assert len(COMMANDS) == BENCHMARKS.count("\n    ") - others > 10
