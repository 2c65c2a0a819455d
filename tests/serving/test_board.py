"""The pages of the board: of whole, half-written and foreign runs, and what stands on them."""

from __future__ import annotations

import json
import math
import re
import shutil
from html import unescape
from pathlib import Path

import pytest
from support.board import addresses, client
from support.events import event
from support.problems import write_lines

pytest.importorskip("fastapi")
pytest.importorskip("altair")

from koalign.records import Problem
from koalign.serving.board.words import KO, told

pytestmark = pytest.mark.usefixtures("quick_charts")


TEMPLATES = Path(__file__).parents[2] / "koalign" / "serving" / "board"


def test_every_page_of_a_whole_run_is_there_in_both_languages(scripted_run, drawn):
    site = client(scripted_run / "runs", drawn)
    for lang in ("ko", "en"):
        for address in addresses("default", lang):
            answer = site.get(address)
            if "/bench/" in address or "/file/" in address or address.endswith("/passages"):
                assert answer.status_code == 404  # no benchmark, report or corpus
                continue
            assert answer.status_code == 200, (address, answer.text)
            assert "not as this version" not in answer.text and "형식과 다릅니다" not in answer.text
            assert f'<html lang="{lang}">' in answer.text
            assert "alert" not in answer.text


def test_an_empty_folder_says_how_to_start_a_run(tmp_path, drawn):
    answer = client(tmp_path, drawn).get("/ko/")
    assert answer.status_code == 200
    assert "koalign run --run-dir" in answer.text


def test_a_half_written_run_shows_what_there_is(scripted_run, drawn, tmp_path):
    run = tmp_path / "half"
    shutil.copytree(scripted_run / "runs" / "default", run)
    for name in ("evaluate", "solve", "hints"):
        (run / name / "manifest.json").unlink()
    shutil.rmtree(run / "evaluate")
    pairs = run / "pairs" / "pairs.jsonl"
    lines = pairs.read_bytes().count(b"\n")
    pairs.write_bytes(pairs.read_bytes() + b'{"problem_id": "half')
    (run / "pairs" / "manifest.json").unlink()
    steps = [(1, {"loss": 2.5}), ([], {"loss": math.nan}), (2, {"loss": math.nan}), (3, [])]
    whole = "".join(json.dumps(event(1, step=n, values=v)) + "\n" for n, v in steps)
    (run / "events.jsonl").write_text(whole + '{"sequence": 3, "st', "utf-8")
    site = client(tmp_path, drawn)
    for address in addresses("half"):
        assert site.get(address).status_code in (200, 404), address
    shown = site.get("/ko/run/half/pairs").text
    assert shown.count("data-item") == min(50, lines)
    assert "미완료" in site.get("/ko/run/half").text
    live = site.get("/ko/run/half/live/sft").json()
    assert live["from"] == len(whole)
    assert "2.5" in live["html"]
    assert site.get(f"/ko/run/half/live/sft?from={live['from']}").json()["html"] == ""


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[]", "{}", '{"stage": 1}', '{"seconds": "x"}', "null", '"x"', "\x00", "1e999"],
)
def test_a_run_of_another_version_is_named_and_breaks_no_page(
    scripted_run, drawn, tmp_path, damage
):
    run = tmp_path / "old"
    shutil.copytree(scripted_run / "runs" / "default", run)
    for file in ("sft/manifest.json", "pairs/report.json", "prepare/report.json", "evaluate/results.json",
                 "evaluate/base/results.json", "prepare/leaks.json", "dpo/plan.json", "seeds.json"):  # fmt: skip
        (run / file).write_text(damage, "utf-8")
    site = client(tmp_path, drawn)
    for address in addresses("old"):
        assert site.get(address).status_code in (200, 404), address
    assert "손상됨" in site.get("/ko/run/old").text


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"id": 1},
        {"id": None, "choices": 3, "answers": 7},
        {"chosen": "x", "verdicts": []},
        {"reason": None, "counts": 1},
    ],
)
def test_rows_of_another_shape_break_no_page(scripted_run, drawn, tmp_path, row):
    run = tmp_path / "shapes"
    shutil.copytree(scripted_run / "runs" / "default", run)
    for file in ("prepare/test.jsonl", "prepare/train.jsonl", "prepare/dropped.jsonl", "pairs/pairs.jsonl",
                 "hints/abstractions.jsonl", "evaluate/dpo/predictions.jsonl", "events.jsonl"):  # fmt: skip
        write_lines(run / file, [row, row])
    site = client(tmp_path, drawn)
    for address in addresses("shapes"):
        assert site.get(address).status_code in (200, 404), address


@pytest.mark.parametrize("name", ["실행 1", "a#b?c&d=e", "50%", "<b>&amp;", "a~b", "x/y~z/w"])
def test_a_run_may_have_any_name(scripted_run, drawn, tmp_path, name):
    shutil.copytree(scripted_run / "runs" / "default", tmp_path / "runs" / name)
    site = client(tmp_path / "runs", drawn)
    (link,) = re.findall(r'<h2><a href="([^"]+)"', site.get("/ko/").text)
    for page in ("", "/exam?only=right", "/pairs"):
        answer = site.get(f"{unescape(link)}{page}")
        assert answer.status_code == 200
        for other in re.findall(r'<nav class="(?:tabs|chips)".*?href="([^"]+)"', answer.text, re.S):
            assert site.get(unescape(other)).status_code == 200, other


def test_a_stage_whose_input_was_made_again_is_stale(scripted_run, drawn, tmp_path):
    run = tmp_path / "r"
    shutil.copytree(scripted_run / "runs" / "default", run)
    assert "오래됨" not in client(tmp_path, drawn).get("/ko/run/r").text
    manifest = json.loads((run / "samples" / "manifest.json").read_text("utf-8"))
    manifest["outputs"]["samples.jsonl"] = "0" * 16
    (run / "samples" / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    shown = client(tmp_path, drawn).get("/ko/run/r").text
    assert shown.count("오래됨") >= 1
    assert "koalign dpo-pairs --force" in shown


def test_a_run_that_another_process_holds_is_running(scripted_run, drawn, tmp_path):
    from koalign.locking import locked

    run = tmp_path / "r"
    shutil.copytree(scripted_run / "runs" / "default", run)
    (run / "evaluate" / "manifest.json").unlink()
    site = client(tmp_path, drawn)
    assert "미완료" in site.get("/ko/run/r").text
    with locked(run):
        assert "진행 중" in site.get("/ko/run/r").text


def test_stages_and_splits_that_a_run_lacks_have_no_tab_and_no_chip(scripted_run, drawn, tmp_path):
    run = tmp_path / "r"
    shutil.copytree(scripted_run / "runs" / "default", run)
    (run / "prepare" / "dev.jsonl").write_text("", "utf-8")
    site = client(tmp_path, drawn)
    whole = site.get("/ko/run/r/exam").text
    assert ">학습</a>" in whole and ">시험</a>" in whole and ">개발</a>" not in whole
    assert "/ko/run/r/hints" in whole and "/ko/run/r/pairs" in whole
    shutil.rmtree(run / "hints")
    assert "/ko/run/r/hints" not in site.get("/ko/run/r/exam").text
    missing = site.get("/ko/run/r/hints")
    assert missing.status_code == 404 and "abstractions.jsonl: 아직 없습니다" in missing.text


def test_filters_stand_in_the_address(scripted_run, drawn):
    site = client(scripted_run / "runs", drawn)
    wrong = site.get("/ko/run/default/exam?of=base&only=wrong").text
    right = site.get("/ko/run/default/exam?of=base&only=right").text
    assert wrong.count("<article") + right.count("<article") == 16
    assert 'class="question right"' not in wrong
    assert (
        site.get("/ko/run/default/exam?of=nobody&only=%3Cx&page=99999999999&subject=x").status_code
        == 200
    )


def test_a_passage_group_shows_key_answer_hint_and_verdict(scripted_run, drawn):
    paper = client(scripted_run / "runs", drawn).get("/ko/run/default/exam?of=solve").text
    assert paper.count('<article class="question') == 16
    assert paper.count('class="passage"') == 16
    for part in (
        'class="hint"',
        "keytag",
        'class="said"',
        'class="mark right"',
        "①",
        "다음 글을 읽고",
    ):
        assert part in paper, part


def test_questions_on_one_passage_stand_beneath_it_once(scripted_run, drawn, tmp_path):
    run = tmp_path / "r"
    shutil.copytree(scripted_run / "runs" / "default", run)
    shared = {
        "passage": "한 지문",
        "box": "ㄱ. 나. ㄴ. 다",
        "choices": ["가", "나"],
        "answers": [1],
        "points": 3,
    }
    rows = [Problem(question=f"{n}번?", **shared).model_dump(mode="json") for n in range(3)]
    write_lines(run / "prepare" / "test.jsonl", rows)
    paper = client(tmp_path, drawn).get("/ko/run/r/exam").text
    assert paper.count("한 지문") == 1
    assert "[1～3]" in paper
    assert paper.count("&lt;보기&gt;") == 3
    assert paper.count("[3점]") == 3


def test_a_blank_paper_tells_no_answer(scripted_run, drawn):
    paper = client(scripted_run / "runs", drawn).get("/ko/run/default/exam?paper=1").text
    assert "keytag" not in paper
    assert 'class="key"' not in paper
    assert 'class="said"' not in paper


def test_benchmarks_without_a_run_are_listed_shown_and_compared(benchmarks, drawn):
    site = client(benchmarks, drawn)
    assert site.get("/ko/").text.count('href="/ko/bench/') == 2
    assert site.get("/ko/bench/base").status_code == 200
    shown = site.get("/ko/compare?a=sft&b=base&kind=both_wrong")
    assert shown.status_code == 200
    assert "사는 곳은?" in shown.text
    assert "McNemar" in shown.text
    assert "base" in site.get("/ko/compare?a=base&b=base").text


ENGLISH = re.compile(r"(?:[A-Za-z][a-z']+[,:]? ){4}[a-z]+")


def english_in(html: str) -> list[str]:
    """Runs of five English words that a reader sees; commands are in English on every page."""
    bare = re.sub(r"(?s)<(style|script|code|svg)\b.*?</\1>|`[^`]*`|<[^>]*>", " ", html)
    return ENGLISH.findall(unescape(bare))


def test_a_korean_page_has_no_english_sentence(scripted_run, benchmarks, written, drawn):
    assert english_in("<p>abstractions do not pay for themselves</p>")
    runs, others = client(scripted_run / "runs", drawn), client(benchmarks, drawn)
    pages = [runs.get(address).text for address in addresses("default")]
    pages += [others.get(f"/ko/{page}").text for page in ("bench/base", "compare?a=sft&b=base")]
    pages += [client(written, drawn).get(f"/ko/file/{name}").text for name in WRITTEN]
    for html in pages:
        assert '<html lang="ko">' in html
        assert english_in(html) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "dpo: no answer could be read of 12.5 % of its items; what another gains on it may be the form of "
        "an answer only",
        "dtype differs: bfloat16 (a), float32 (b)",
        "a against b: 3 of 16 items flipped, 2 won and 1 lost; p < 0.05 needs 6 flips, all one way (37.5 points)",
        "no baseline of builtin:tiny-ko here; evaluate it alone, with 0 shots and with some",
        "8 of 40 problems: the figures are of a part",
    ],
)
def test_a_sentence_of_a_report_is_korean_with_its_figures(sentence):
    korean = told(sentence)
    assert korean != sentence and not ENGLISH.search(korean)
    assert set(re.findall(r"[\d.]*\d", sentence)) <= set(re.findall(r"[\d.]*\d", korean))


WRITTEN = ("eval~diagnosis~diagnosis.json", "answers.report.json", "hard.clusters.json")


def test_reports_that_commands_left_are_pages(written, drawn):
    site = client(written, drawn)
    assert site.get("/en/").text.count('href="/en/file/') == 3
    diagnosis, solving, mined = (site.get(f"/en/file/{name}") for name in WRITTEN)
    for answer in (diagnosis, solving, mined):
        assert answer.status_code == 200 and "not as this version" not in answer.text
    assert "training minus held-out accuracy" in diagnosis.text
    assert "oracle best (not attainable)" in solving.text and "at equal tokens" in solving.text
    assert "mistakes taken" in mined.text and mined.text.count("data-item") >= 1


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"signs": 1}', "null"])
def test_a_report_of_another_version_is_named(written, drawn, damage):
    for name in WRITTEN:
        path = written / name.replace("~", "/")
        path.write_text(damage, "utf-8")
        answer = client(written, drawn).get(f"/en/file/{name}")
        assert answer.status_code in (200, 404)
        assert "version" in answer.text


def test_one_page_has_all_that_a_run_found(scripted_run, drawn):
    html = client(scripted_run / "runs", drawn).get("/en/run/default/report.html").text
    assert re.findall("<h1>(.*?)</h1>", html) == [
        "Overview", "Results", "Bias and calibration", "Mistakes", "Data", "Leaks", "Pairs", "Hints",
    ]  # fmt: skip
    assert "<a " not in html and "<nav" not in html
    assert "Do abstractions pay for themselves?" in html


def test_every_text_of_the_board_has_its_korean():
    said = set()
    for path in (*TEMPLATES.rglob("*.html"), *TEMPLATES.rglob("*.py")):
        said |= set(re.findall(r'\bt\(\s*"([^"]+)"', path.read_text("utf-8")))
    assert len(said) > 100
    assert said <= KO.keys()
    for text in said & KO.keys():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", KO[text])), text


def test_the_korean_of_the_board_names_things_as_the_docs_do():
    for korean in KO.values():
        assert not re.search("기준 모델|보류|표본|불일치|향상 없음", korean), korean


def test_lengths_are_not_said_to_be_quarters_where_there_are_fewer_or_more(scripted_run, drawn):
    html = client(scripted_run / "runs", drawn).get("/en/run/default/bias").text
    assert "those of one length are in one part." in html and "uarter" not in html
