"""Files of a run that are damaged, swapped or no files: the board says which, and what makes them again."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from pathlib import Path

import pytest
from support.board import addresses, client

from koalign.jsonl import read_jsonl
from koalign.records import KoalignError, Problem

pytest.importorskip("fastapi")
pytest.importorskip("altair")
from koalign.serving.board.export import export
from koalign.serving.board.site import Site

pytestmark = pytest.mark.usefixtures("quick_charts")
HUGE = 10**400
PAGES = [*addresses("default", "en"), "/en/", "/en/run/default/live/sft"]


@pytest.fixture
def root(scripted_run, tmp_path) -> Path:
    """Two runs, so that one that is damaged can hide the other."""
    for name in ("default", "other"):
        shutil.copytree(scripted_run / "runs" / "default", tmp_path / "runs" / name)
    return tmp_path / "runs"


def put(path: Path, value: object, *keys: str) -> None:
    """Write a value into a JSON file, in place of what stands under the keys."""
    whole = json.loads(path.read_text("utf-8"))
    inner = whole
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(whole), "utf-8")


@pytest.mark.parametrize(
    ("file", "keys", "value"),
    [
        ("manifest.json", ("seconds",), HUGE),
        ("manifest.json", ("counts", "problems"), float("inf")),
        ("manifest.json", ("outputs", "train.jsonl"), []),
        ("manifest.json", ("outputs", "train.jsonl"), {}),
        ("manifest.json", ("metrics",), None),
        ("plan.json", ("inputs", "data.train"), {"a": 1}),
        ("plan.json", ("inputs",), ["a"]),
    ],
)
def test_a_damaged_manifest_or_plan_hides_no_page_and_no_other_run(root, drawn, file, keys, value):
    put(root / "default" / "prepare" / file, value, *keys)
    site = client(root, drawn)
    for address in ("/en/", "/en/run/default", "/en/run/default/results", "/en/run/other"):
        answer = site.get(address)
        assert answer.status_code == 200 and "Nothing to show" not in answer.text, address
    assert site.get("/en/run/default/live/sft").status_code == 200


@pytest.mark.parametrize("text", ["[]", "", "{", "NaN", '"\\ud800"', "[" * 100_000, "\x00"])
@pytest.mark.parametrize(
    ("file", "page", "command"),
    [
        ("prepare/report.json", "data", "prepare"),
        ("prepare/leaks.json", "leaks", "prepare"),
        ("pairs/report.json", "pairs", "dpo-pairs"),
        ("evaluate/results.json", "results", "evaluate"),
        ("evaluate/solving.json", "results", "evaluate"),
        ("evaluate/solve/results.json", "bias", "evaluate"),
    ],
)
def test_a_damaged_file_is_named_with_the_command_that_makes_it(
    root, drawn, file, page, command, text
):
    (root / "default" / file).write_text(text, "utf-8")
    shown = client(root, drawn).get(f"/en/run/default/{page}").text
    assert f"default/{file}: damaged; `koalign {command} --force` makes it again" in shown


@pytest.mark.parametrize(
    ("file", "keys", "value", "page"),
    [
        ("prepare/report.json", ("splits", "test", "oddities"), 3, "data"),
        ("prepare/report.json", ("splits", "test", "tokens_histogram"), [{}], "data"),
        ("pairs/report.json", ("lengths",), None, "pairs"),
        ("evaluate/solve/results.json", ("report", "positions"), {"4": []}, "bias"),
        ("evaluate/solve/results.json", ("report", "lengths"), {"x": [HUGE]}, "bias"),
    ],
)
def test_a_changed_file_is_named_where_a_page_cannot_be_drawn_of_it(
    root, drawn, file, keys, value, page
):
    put(root / "default" / file, value, *keys)
    stage = file.partition("/")[0]
    command = {"pairs": "dpo-pairs"}.get(stage, stage)
    shown = client(root, drawn).get(f"/en/run/default/{page}").text
    assert f"default/{file}: changed since it was made" in shown
    assert f"`koalign {command} --force`" in shown and str(root) not in shown


def test_no_file_that_is_none_holds_up_or_breaks_a_page(root, drawn):
    """A folder, a link to itself, a link to elsewhere, a pipe and a hole, in place of each file."""
    secret = root.parent / "secret"
    secret.write_text('{"id": "SECRET", "question": "SECRET"}\n', "utf-8")
    run = root / "default"
    makes = [Path.mkdir, lambda p: p.symlink_to(p.name), lambda p: p.symlink_to(secret), os.mkfifo]
    makes.append(lambda p: None)
    files = sorted(p for p in run.rglob("*.json*") if p.is_file() and "adapter" not in p.parts)
    site = client(root, drawn)
    for number, path in enumerate(files):
        kept = path.read_bytes()
        for make in (makes[number % 5], makes[(number + 3) % 5]):
            path.unlink()
            make(path)
            for address in PAGES[number % 3 :: 3]:
                answer = site.get(address)
                assert answer.status_code in (200, 404), (path, address)
                assert "SECRET" not in answer.text, (path, address)
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink(missing_ok=True)
            path.write_bytes(kept)


def test_a_pipe_in_place_of_records_is_refused_and_not_waited_for(tmp_path):
    pipe = tmp_path / "samples.jsonl"
    os.mkfifo(pipe)
    # Ends the reading of one that waits, so that this test fails and does not hang.
    threading.Thread(target=lambda: pipe.open("w").close(), daemon=True).start()
    with pytest.raises(KoalignError, match=r"samples\.jsonl: no plain file"):
        read_jsonl(pipe, Problem)


def test_a_report_that_names_no_source_lets_no_text_out(root, drawn):
    from koalign.tracking.withheld import withheld_splits

    assert withheld_splits(root / "default") == set()
    for value in ([], {}, None):
        put(root / "default" / "prepare" / "report.json", value, "sources")
        assert withheld_splits(root / "default") == {"train", "dev", "test"}


def test_an_export_writes_no_page_twice(root, drawn, tmp_path):
    out = tmp_path / "site"
    export(Site(root, drawn), out)
    pages = list((out / "ko" / "run" / "default" / "exam").glob("*.html"))
    without_links = {re.sub(r'href="[^"]*"', "", page.read_text("utf-8")) for page in pages}
    assert len(without_links) == len(pages) > 10


def test_live_curves_of_events_that_are_none_are_an_error_in_words(root, drawn):
    events = root / "default" / "events.jsonl"
    events.unlink()
    events.symlink_to(events.name)
    answer = client(root, drawn).get("/en/run/default/live/sft")
    assert answer.status_code == 404 and "events.jsonl" in answer.json()["error"]


def test_other_files_of_the_same_size_and_time_are_read_again(scripted_run, drawn, tmp_path):
    shutil.copytree(scripted_run / "runs", tmp_path, dirs_exist_ok=True)
    run, site = tmp_path / "default", client(tmp_path, drawn)
    answers = run / "evaluate" / "dpo" / "predictions.jsonl"
    text = answers.read_text("utf-8")
    swapped = (
        text.replace('"correct": true', "?", 1)
        .replace('"correct": false', '"correct": true', 1)
        .replace("?", '"correct": false', 1)
    )
    made = run / "sft" / "manifest.json"
    counted = made.read_text("utf-8").replace('"examples": 24', '"examples": 42')
    pages = ("compare?run=default", "run/default/mistakes?of=dpo", "run/default")
    before = [site.get(f"/ko/{page}").text for page in pages]
    for path, other in ((answers, swapped), (made, counted)):
        stat = path.stat()
        path.write_text(other, "utf-8")
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert path.stat().st_size == stat.st_size and other != text
    after = [site.get(f"/ko/{page}").text for page in pages]
    assert [
        page for page, *texts in zip(pages, before, after, strict=True) if texts[0] == texts[1]
    ] == []
