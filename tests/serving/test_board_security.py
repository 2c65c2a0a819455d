"""Who may read the board, and what data, links and addresses cannot make of it."""

from __future__ import annotations

import base64
import re
import shutil
import signal
import socket
import subprocess
import time

import httpx
import pytest
from support.board import Tags, addresses, client
from support.command import KOALIGN, hear_ctrl_c, koalign

pytest.importorskip("fastapi")
pytest.importorskip("altair")


pytestmark = pytest.mark.usefixtures("quick_charts")


def test_what_data_say_is_never_markup(hostile_run, drawn):
    site = client(hostile_run, drawn)
    seen = 0
    for address in addresses("default"):
        html = site.get(address).text
        tags = Tags()
        tags.feed(html)
        assert set(tags.scripts) <= {"/static/board.js"}, address
        assert not [name for name in tags.attributes if name.startswith("on")], address
        seen += "&lt;script&gt;" in html or "&lt;script&gt" in html
    assert seen >= 7  # exam, compare, leaks, dropped, pairs, hints, mistakes


def test_pages_carry_headers_that_let_nothing_foreign_in(scripted_run, drawn):
    answer = client(scripted_run / "runs", drawn).get("/ko/")
    assert answer.headers["content-security-policy"].startswith("default-src 'self';")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answer.headers
    assert not re.search(r'\s(style|on\w+)="', answer.text)


def test_no_page_of_another_site_has_one_drawn_or_framed(scripted_run, drawn):
    site = client(scripted_run / "runs", drawn)
    for wanted, status in (("image", 403), ("iframe", 403), ("empty", 403), ("document", 200)):
        headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": wanted}
        assert site.get("/ko/try?question=q", headers=headers).status_code == status
    headers = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "empty", "Host": "LOCALHOST:1"}
    assert site.get("/ko/", headers=headers).status_code == 200


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


def test_a_link_out_of_the_root_is_not_followed_and_that_is_said(
    scripted_run, drawn, tmp_path, capsys
):
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
    assert "linked: a link to" in capsys.readouterr().err
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
        ((".", "--export", "full"), "is there already"),
        ((".", "--export", "new", "--host", "127.0.0.1"), "leave --host out"),
        ((".", "--export", "new", "--token-env", "UNSET"), "leave --token-env out"),
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "told"),
    [(signal.SIGINT, 130, "koalign: stopped\n"), (signal.SIGTERM, -signal.SIGTERM, "")],
)
def test_it_ends_beside_a_reader_who_never_reads(scripted_run, number, code, told):
    with subprocess.Popen(
        [*KOALIGN, "board", "runs", "--port", "0"], cwd=scripted_run, preexec_fn=hear_ctrl_c,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as board:  # fmt: skip
        try:
            port = int(re.search(r":(\d+)/", board.stdout.readline())[1])
            assert httpx.get(f"http://127.0.0.1:{port}/ko/", timeout=60).status_code == 200
            with socket.create_connection(("127.0.0.1", port)) as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                page = b"GET /ko/run/default/exam HTTP/1.1\r\nHost: localhost\r\n\r\n"
                deaf.sendall(page * 500)
                time.sleep(1)
                board.send_signal(number)
                assert board.wait(30) == code
            assert board.stderr.read().endswith(told)
        finally:
            board.kill()
