"""The board: every page of whole, half-written, foreign and hostile runs, and who may read it."""

from __future__ import annotations

import base64
import json
import re
import shutil
import threading
from html import escape, unescape
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml
from support.command import koalign
from support.problems import problem, write_lines

pytest.importorskip("fastapi")
pytest.importorskip("altair")
from fastapi.testclient import TestClient

from koalign.records import Problem
from koalign.serving.board import charts
from koalign.serving.board.app import board_app
from koalign.serving.board.export import export
from koalign.serving.board.pages.compare import compare
from koalign.serving.board.pages.routes import ROUTES
from koalign.serving.board.site import Site, View
from koalign.serving.board.words import KO

SCRIPT = "<script>alert('x')</script>\"' onload=\"alert(1)"
TEMPLATES = Path(KO and __file__).parents[2] / "koalign" / "serving" / "board"
LOCAL = "http://127.0.0.1"


class Tags(HTMLParser):
    """The sources of the scripts of a page, and the names of all attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str | None] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes |= {name for name, _ in attrs}
        if tag == "script":
            self.scripts.append(dict(attrs).get("src"))


def addresses(slug: str, lang: str = "ko") -> list[str]:
    """Every page of a run, and those of the site."""
    pages = [path.format(slug=slug, bench="bench") for path in ROUTES]
    return [f"/{lang}/{page}" for page in pages] + [f"/{lang}/compare?run={slug}"]


def client(root: Path, cache: Path, **options) -> TestClient:
    return TestClient(board_app(Site(root, cache), **options), base_url=LOCAL)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory) -> Path:
    """Indexes and charts, drawn once for all tests."""
    return tmp_path_factory.mktemp("board")


@pytest.fixture(autouse=True)
def quick_charts(monkeypatch) -> None:
    """A chart of this file is the words of its marks; `test_board_browser` draws real ones."""

    def draw(kind, rows, options) -> str:
        marks = (
            f'<path aria-label="{escape(str(row["words"]))}" role="graphics-symbol"/>'
            for row in rows
        )
        return f"<svg>{''.join(marks)}</svg>"

    monkeypatch.setattr(charts, "_draw", draw)


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory) -> Path:
    """The scripted run with a script in each question, passage, choice, key, source and answer."""
    from conftest import set_up

    folder = set_up(tmp_path_factory.mktemp("hostile"))

    def hostile(number: int) -> dict:
        given = problem(number)
        return given | {
            "question": f"{SCRIPT} {given['question']}",
            "passage": f"{SCRIPT} {given['passage']}",
            "choices": [f"{choice} {SCRIPT}" for choice in given["choices"]],
            "key": f"{SCRIPT}{number}",
            "subject": SCRIPT,
        }

    write_lines(folder / "train.jsonl", [hostile(n) for n in range(24)])
    write_lines(folder / "test.jsonl", [hostile(n) for n in range(100, 116)])
    write_lines(folder / "hints.jsonl", [])
    text = (folder / "koalign.yaml").read_text("utf-8")
    text = text.replace("  hints: hints.jsonl\n", "  leak_overlap: 1\n  near_duplicates: 1\n")
    (folder / "koalign.yaml").write_text(text, "utf-8")
    script = yaml.safe_load((folder / "script.yaml").read_text("utf-8"))
    for line in script:
        line["texts"] = [re.sub("(고른 답: .+)", rf"\1 {SCRIPT}", text) for text in line["texts"]]
    (folder / "script.yaml").write_text(yaml.safe_dump(script, allow_unicode=True), "utf-8")
    done = koalign("run", cwd=folder)
    assert done.returncode == 0, done.stderr
    run = folder / "runs" / "default"
    abstraction = {
        "problem_id": "0" * 16, "text": SCRIPT, "counts": {"bare": {"right": 1, "n": 2}}, "score": None,
        "verdicts": {"static": SCRIPT}, "kept": False,
    }  # fmt: skip
    (run / "hints").mkdir(exist_ok=True)
    write_lines(run / "hints" / "abstractions.jsonl", [abstraction])
    first = json.loads((run / "prepare" / "test.jsonl").read_text("utf-8").splitlines()[0])
    leak = {"kind": SCRIPT, "share": 1.0, "learned": first, "evaluated": first}
    (run / "prepare" / "leaks.json").write_text(
        json.dumps({"overlap": 0.8, "found": [leak]}), "utf-8"
    )
    drop = {
        "stage": "prepare",
        "reason": SCRIPT,
        "problem_id": "",
        "key": SCRIPT,
        "place": SCRIPT,
        "detail": SCRIPT,
    }
    write_lines(run / "prepare" / "dropped.jsonl", [drop])
    return folder / "runs"


def test_every_page_of_a_whole_run_is_there_in_both_languages(scripted_run, drawn):
    site = client(scripted_run / "runs", drawn)
    for lang in ("ko", "en"):
        for address in addresses("default", lang):
            answer = site.get(address)
            if "bench" in address:
                assert answer.status_code == 404
                continue
            assert answer.status_code == 200, (address, answer.text)
            assert "not as this version" not in answer.text and "형식과 다릅니다" not in answer.text
            assert f'<html lang="{lang}">' in answer.text
            assert "alert" not in answer.text


def test_what_data_say_is_never_markup(hostile_run, drawn):
    site = client(hostile_run, drawn)
    seen = 0
    for address in addresses("default"):
        html = site.get(address).text
        tags = Tags()
        tags.feed(html)
        assert tags.scripts == ["/static/board.js"], address
        assert not [name for name in tags.attributes if name.startswith("on")], address
        seen += "&lt;script&gt;" in html or "&lt;script&gt" in html
    assert seen >= 7  # exam, compare, leaks, dropped, pairs, hints, mistakes


def test_pages_carry_headers_that_let_nothing_foreign_in(scripted_run, drawn):
    answer = client(scripted_run / "runs", drawn).get("/ko/")
    assert answer.headers["content-security-policy"].startswith("default-src 'self';")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answer.headers
    assert not re.search(r'\s(style|on\w+)="', answer.text)


def test_it_is_read_only(scripted_run, drawn):
    site = client(scripted_run / "runs", drawn)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert site.request(method, "/ko/").status_code == 405


@pytest.mark.parametrize(
    "slug",
    [
        "..",
        "%2e%2e",
        "..%2f..%2fetc",
        "default/../..",
        "~",
        "..~..",
        "C:",
        "%00",
        "default%00",
        "/etc/passwd",
    ],
)
def test_no_address_leads_out_of_the_root(scripted_run, drawn, slug):
    site = client(scripted_run / "runs", drawn)
    for page in ("", "/exam", "/data", "/live/sft", "/live/..%2f..%2f"):
        answer = site.get(f"/ko/run/{slug}{page}")
        assert answer.status_code in (307, 404) or "default" in str(answer.url)
        assert "root:" not in answer.text


def test_a_link_out_of_the_root_is_not_followed(scripted_run, drawn, tmp_path):
    root, outside = tmp_path / "root", tmp_path / "outside"
    shutil.copytree(scripted_run / "runs" / "default", outside)
    shutil.copytree(scripted_run / "runs" / "default", root / "inner")
    (root / "linked").symlink_to(outside)
    secret = tmp_path / "secret.jsonl"
    secret.write_text('{"id": "secret", "question": "hidden"}\n', "utf-8")
    (root / "inner" / "prepare" / "test.jsonl").unlink()
    (root / "inner" / "prepare" / "test.jsonl").symlink_to(secret)
    site = client(root, drawn)
    assert "linked" not in site.get("/ko/").text
    assert site.get("/ko/run/linked").status_code == 404
    assert "hidden" not in site.get("/ko/run/inner/exam").text
    shutil.rmtree(root / "inner" / "evaluate" / "base")
    (root / "inner" / "evaluate" / "base").symlink_to(outside / "evaluate" / "base")
    assert 'inner/base"' not in site.get("/ko/compare").text


def test_another_name_for_this_machine_is_refused(scripted_run, drawn):
    site = client(scripted_run / "runs", drawn)
    assert site.get("/ko/", headers={"Host": "evil.example"}).status_code == 403
    assert site.get("/ko/", headers={"Host": "localhost:8010"}).status_code == 200
    assert site.get("/ko/", headers={"Host": "[::1]:8010"}).status_code == 200


def test_with_a_token_only_who_gives_it_reads(scripted_run, drawn):
    site = client(scripted_run / "runs", drawn, token="0123456789abcdef")
    basic = base64.b64encode(b"any:0123456789abcdef").decode()
    for address in ("/", "/ko/", "/static/board.css"):
        assert site.get(address).status_code == 401
        assert site.get(address, headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert site.get(address, headers={"Authorization": "Basic !"}).status_code == 401
    for given in (f"Basic {basic}", "Bearer 0123456789abcdef"):
        answer = site.get("/ko/", headers={"Authorization": given, "Host": "gpu.lab"})
        assert answer.status_code == 200
        assert "0123456789abcdef" not in answer.text


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("none-here",), "none-here: no such folder"),
        ((".", "--host", "0.0.0.0"), "--token-env"),
        ((".", "--host", "0.0.0.0", "--token-env", "UNSET"), "UNSET: is not set"),
        ((".", "--token-env", "SHORT"), "SHORT: has 5 characters"),
        ((".", "--export", "full"), "not empty"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(folder, arguments, told):
    (folder / "full").mkdir()
    (folder / "full" / "file").touch()
    done = koalign("board", *arguments, code=2, SHORT="12345")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_port_in_use_is_refused_in_one_line(folder):
    import socket

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = koalign("board", ".", "--port", str(other.getsockname()[1]), code=2)
    assert "in use; take another --port" in done.stderr


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
    whole = '{"step": 1, "loss": 2.5}\n{"step": [], "loss": NaN}\n{"step": 2, "loss": NaN}\n'
    (run / "sft" / "metrics.jsonl").write_text(whole + '{"step": 3, "lo', "utf-8")
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
                 "hints/abstractions.jsonl", "evaluate/dpo/predictions.jsonl", "sft/metrics.jsonl"):  # fmt: skip
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


@pytest.fixture
def benchmarks(scripted_run, tmp_path) -> Path:
    """Two folders as `koalign benchmark` leaves them, without a run."""
    root = tmp_path / "results"
    for name in ("base", "sft"):
        shutil.copytree(scripted_run / "runs" / "default" / "evaluate" / name, root / name)
    return root


def test_benchmarks_without_a_run_are_listed_shown_and_compared(benchmarks, drawn):
    site = client(benchmarks, drawn)
    assert site.get("/ko/").text.count('href="/ko/bench/') == 2
    assert site.get("/ko/bench/base").status_code == 200
    shown = site.get("/ko/compare?a=sft&b=base&kind=both_wrong")
    assert shown.status_code == 200
    assert "사는 곳은?" in shown.text
    assert "McNemar" in shown.text
    assert "base" in site.get("/ko/compare?a=base&b=base").text


def test_items_of_a_benchmark_stay_out_of_an_export(benchmarks, drawn):
    site = Site(benchmarks, drawn)
    view = View(
        site, "ko", "compare", {"a": "sft", "b": "base", "kind": "both_wrong"}, exporting=True
    )
    _, html = site.render(view, compare)
    assert "article" in html
    assert "사는 곳은?" not in html


def test_an_export_opens_without_a_server_and_keeps_marked_texts_back(
    hostile_run, scripted_run, drawn, tmp_path
):
    root = tmp_path / "runs"
    shutil.copytree(scripted_run / "runs" / "default", root / "open")
    shutil.copytree(scripted_run / "runs" / "default", root / "closed")
    plan = json.loads((root / "closed" / "prepare" / "plan.json").read_text("utf-8"))
    for split in ("train", "test"):
        plan["config"]["data"][split][0]["redistribute"] = False
    (root / "closed" / "prepare" / "plan.json").write_text(json.dumps(plan), "utf-8")
    out = tmp_path / "site"
    pages = export(Site(root, drawn), out)
    files = list(out.rglob("*.html"))
    assert len(files) == pages + 1
    for file in files:
        html = file.read_text("utf-8")
        assert not re.search(r'(?:href|src|action)="/', html), file
        for link in re.findall(r'<[^>]*\s(?:href|src)="([^"#]+)"', html):
            if not link.startswith("data:"):
                assert (file.parent / link).resolve().is_file(), (file, link)
    texts = re.compile("사는 곳은|마을의 기록|기록의 .째 고을")
    closed = [f for f in files if "/closed" in str(f)]
    assert closed
    assert not [f for f in closed if texts.search(f.read_text("utf-8"))]
    assert [f for f in files if "/open" in str(f) and texts.search(f.read_text("utf-8"))]


class Solver(BaseHTTPRequestHandler):
    """Answers `/v1/solve` as `koalign serve`, and refuses a question of `no`."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        refused = body["question"] == "no"
        answer = {
            "answer": "2", "probabilities": {"1": 0.25, "2": 0.75}, "abstraction": f"{SCRIPT} 실마리", "votes": {"2": 3},
            "why": None, "text": "정답: 2", "tokens": {},
        }  # fmt: skip
        reply = json.dumps(
            {"error": {"message": "too long: 9 tokens"}} if refused else answer
        ).encode()
        self.send_response(400 if refused else 200)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: object) -> None:
        pass


def test_a_problem_goes_to_the_server_and_its_faults_are_told(tmp_path, drawn, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with HTTPServer(("127.0.0.1", 0), Solver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at = f"http://127.0.0.1:{server.server_port}"
        site = TestClient(board_app(Site(tmp_path, drawn, at)), base_url=LOCAL)
        shown = site.get(
            "/ko/try", params={"question": "사는 곳은?", "choices": "서울\r\n부산"}
        ).text
        assert "실마리" in shown and "75.0 %" in shown and "②" in shown
        assert "<script>alert" not in shown
        assert "too long: 9 tokens" in site.get("/ko/try", params={"question": "no"}).text
        server.shutdown()
    assert "no answer" in site.get("/ko/try", params={"question": "q"}).text


def test_every_text_of_the_board_has_its_korean():
    said = set()
    for path in (*TEMPLATES.rglob("*.html"), *TEMPLATES.rglob("*.py")):
        said |= set(re.findall(r'\bt\(\s*"([^"]+)"', path.read_text("utf-8")))
    assert len(said) > 100
    assert said <= KO.keys()
    for text in said & KO.keys():
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", KO[text])), text
