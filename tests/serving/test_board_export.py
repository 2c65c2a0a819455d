"""The board as files, and problems that it passes on to a server."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from support.board import LOCAL, SCRIPT
from support.raw_server import http, raw_server

pytest.importorskip("fastapi")
pytest.importorskip("altair")
from fastapi.testclient import TestClient

from koalign.serving.board.app import board_app
from koalign.serving.board.export import export
from koalign.serving.board.pages.compare import compare
from koalign.serving.board.site import Site, View

pytestmark = pytest.mark.usefixtures("quick_charts")


def test_items_of_a_benchmark_stay_out_of_an_export(benchmarks, drawn):
    site = Site(benchmarks, drawn)
    view = View(
        site, "ko", "compare", {"a": "sft", "b": "base", "kind": "both_wrong"}, exporting=True
    )
    _, html = site.render(view, compare)
    assert "article" in html
    assert "사는 곳은?" not in html


def test_an_export_that_ended_in_the_middle_is_no_site_and_is_made_again(
    scripted_run, drawn, tmp_path, monkeypatch
):
    def full(*_):
        raise OSError("the disk is full")

    site, out = Site(scripted_run / "runs", drawn), tmp_path / "site"
    with monkeypatch.context() as patched, pytest.raises(OSError, match="full"):
        patched.setattr(shutil, "copytree", full)
        export(site, out)
    assert not out.exists()
    pages = export(site, out)
    assert len(list(out.rglob("*.html"))) == pages + 1 and list(tmp_path.iterdir()) == [out]


def test_an_export_names_the_run_that_was_written_meanwhile(
    scripted_run, drawn, tmp_path, monkeypatch, capsys
):
    copytree, root = shutil.copytree, tmp_path / "runs"
    for name in ("still", "remade"):
        copytree(scripted_run / "runs" / "default", root / name)

    def later(*arguments):
        os.utime(root / "remade" / "evaluate" / "manifest.json", (4e9, 4e9))
        return copytree(*arguments)

    monkeypatch.setattr(shutil, "copytree", later)
    export(Site(root, drawn), tmp_path / "site")
    warnings = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert len(warnings) == 1 and warnings[0].startswith("warning: remade was written meanwhile")


def test_an_export_opens_without_a_server_and_keeps_marked_texts_back(
    hostile_run, scripted_run, drawn, tmp_path, capsys
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
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["run 1 of 2", "run 2 of 2"]
    assert {line.partition(": ")[2] for line in lines} == {"open", "closed"}
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


MODELS = {"data": [{"id": "koalign", "owned_by": "koalign"}, {"id": "dpo", "owned_by": "koalign"}]}
TOKEN = "0123456789abcdef"


class Solver(BaseHTTPRequestHandler):
    """Answers as `koalign serve` with a token, and refuses a question of `no`."""

    def do_GET(self) -> None:
        self._reply(200, MODELS)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {
            "answer": "2", "probabilities": {"1": 0.25, "2": 0.75}, "abstraction": f"{SCRIPT} 실마리", "votes": {"2": 3},
            "why": None, "text": f"{body['model']}: 정답: 2", "tokens": {},
        }  # fmt: skip
        if body["question"] == "no":
            self._reply(400, {"error": {"message": "too long: 9 tokens"}})
        else:
            self._reply(200, answer)

    def _reply(self, status: int, value: dict) -> None:
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            status = 401
        reply = json.dumps(value).encode()
        self.send_response(status)
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

        def tried(token: str = TOKEN, **fields: str) -> str:
            site = Site(tmp_path, drawn, at, token)
            return TestClient(board_app(site), base_url=LOCAL).get("/en/try", params=fields).text

        shown = tried(question="사는 곳은?", choices="서울\r\n부산", model="dpo")
        assert "실마리" in shown and "75.0 %" in shown and "②" in shown and "dpo: 정답" in shown
        assert "<script>alert" not in shown and TOKEN not in shown
        assert "too long: 9 tokens" in tried(question="no")
        assert "wants its token" in tried(token="")
        server.shutdown()
    with raw_server() as server:
        at = server.url
        for answer in (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", http(200, b"[" * 99_999), http(200, b"{}")):
            server.answer = answer
            assert f"What answers at {at} is no koalign serve" in tried(question="q")
    missing = tried(question="q")
    assert f"No server answers at {at}" in missing and "koalign serve" in missing
    assert "<form" not in missing
