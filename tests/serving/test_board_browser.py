"""The board in a real browser: no error, no overflow on a phone, Korean drawn, charts named, focus seen."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright")
pytest.importorskip("uvicorn")
pytest.importorskip("altair")
import uvicorn
from playwright.sync_api import sync_playwright
from support.board import client
from support.events import event

import koalign.serving.board as board
from koalign.serving.board.app import board_app
from koalign.serving.board.export import export
from koalign.serving.board.pages.routes import ROUTES
from koalign.serving.board.site import Site

pytestmark = pytest.mark.slow
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
STYLE = Path(board.__file__).parent / "static" / "board.css"
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
CONTRAST = """() => {
  const part = (v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
  const light = ([r, g, b]) => .2126 * part(r) + .7152 * part(g) + .0722 * part(b);
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const c = rgb(getComputedStyle(at).backgroundColor);
      if (c.length < 4 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const node of document.querySelectorAll("main *, header *, footer *, .runbar *")) {
    if (node.closest("svg, .sr") || ![...node.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    const [a, b] = [light(rgb(getComputedStyle(node).color)), light(ground(node))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) bad.push(`${node.tagName}.${node.className} ${ratio.toFixed(2)} ${node.textContent.slice(0, 20)}`);
  }
  return bad.slice(0, 5);
}"""


@pytest.fixture(scope="module")
def site(scripted_run: Path, tmp_path_factory) -> Site:
    return Site(scripted_run / "runs", tmp_path_factory.mktemp("board"))


@pytest.fixture(scope="module")
def address(site: Site) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(board_app(site), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no browser: apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as running:
        opened = running.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield opened
        opened.close()


PAGES = [
    path.format(slug="default")
    for path in ROUTES
    if "{bench}" not in path and "{report}" not in path
]
PAGES += [
    "compare?run=default",
    "run/default/exam?split=train&paper=1",
    "run/default/exam?only=wrong",
]
PAGES += ["run/default/dropped?stage=pairs", "run/default/bias?of=base", "?sort=name", "nowhere"]
MISSING = ("nowhere", "run/default/passages")
"""The second is of runs with a corpus."""


@pytest.mark.parametrize(("size", "scheme"), [(DESK, "light"), (PHONE, "dark")])
def test_every_page_is_clean_in_a_browser(browser, address, size, scheme):
    page = browser.new_page(viewport=size, color_scheme=scheme)
    page.set_default_timeout(120_000)
    told: list[str] = []
    page.on("console", lambda message: told.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: told.append(f"{page.url}: {error}"))
    assert len(PAGES) >= 19
    for path in PAGES:
        page.goto(f"{address}/ko/{path}")
        told = [line for line in told if "404" not in line or path not in MISSING]
        assert not told
        wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide == 0, path
        assert page.evaluate(CONTRAST) == [], path
        for chart in page.locator("figure.chart svg").all():
            assert chart.get_attribute("role") == "img"
            assert len(chart.get_attribute("aria-label")) > 5
            assert chart.locator("title").count() > 0
    page.close()


def test_a_long_name_of_a_run_makes_no_form_wider_than_a_phone(browser, scripted_run, tmp_path):
    shutil.copytree(scripted_run / "runs" / "default", tmp_path / "runs" / ("w" * 200))
    page = browser.new_page(viewport=PHONE)
    page.set_content(client(tmp_path / "runs", tmp_path / "drawn").get("/ko/compare").text)
    page.add_style_tag(path=STYLE)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert page.locator("select").count() == 2 and width == PHONE["width"]
    page.close()


def test_korean_is_drawn_with_a_font_that_has_it(browser, address):
    page = browser.new_page(viewport=DESK)
    page.goto(f"{address}/ko/")
    widths = page.evaluate("""() => ["가", "힣", "\\u{F0000}"].map((letter) => {
      const context = document.createElement("canvas").getContext("2d");
      context.font = getComputedStyle(document.body).font; context.fillText(letter, 0, 20);
      return [...context.getImageData(0, 0, 40, 40).data].join();
    })""")
    assert len(set(widths)) == 3
    page.close()


def test_keys_go_from_item_to_item_and_the_focus_is_seen(browser, address):
    page = browser.new_page(viewport=DESK)
    page.goto(f"{address}/ko/run/default/exam")
    for key, expected in (("j", "q1"), ("j", "q2"), ("k", "q1")):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.id") == expected
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.close()


def test_a_running_training_draws_its_curve_on_by_itself(browser, scripted_run, tmp_path):
    from koalign.locking import locked

    run = tmp_path / "runs" / "live"
    shutil.copytree(scripted_run / "runs" / "default", run)
    (run / "sft" / "manifest.json").unlink()
    log = run / "events.jsonl"
    log.write_text(json.dumps(event(1, values={"loss": 2.5})) + "\n", "utf-8")
    server = uvicorn.Server(
        uvicorn.Config(board_app(Site(run.parent, tmp_path / "c")), port=0, log_level="error")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    page = browser.new_page(viewport=DESK)
    page.set_default_timeout(120_000)
    with locked(run):
        page.goto(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/en/run/live")
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event(2, values={"loss": 1.25})) + "\n")
        page.get_by_text("to 1.25 at step 2").wait_for()
    page.close()
    server.should_exit = True
    thread.join()


def test_an_export_is_read_from_files(browser, site, tmp_path):
    export(site, tmp_path / "site")
    page = browser.new_page(viewport=PHONE)
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.goto((tmp_path / "site" / "ko" / "index.html").as_uri())
    page.get_by_role("link", name="default").click()
    page.get_by_role("link", name="시험지").click()
    assert page.locator("article.question").count() == 16
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.passage')).borderStyle") == "solid"
    )
    assert told == []
    page.close()
