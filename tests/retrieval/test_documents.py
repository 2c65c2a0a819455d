"""Documents come with title, source and licence, their text as it stands; what cannot be read is one line."""

import bz2
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.problems import write_lines

from koalign.config.retrieval import CorpusSource
from koalign.records import Drop, KoalignError
from koalign.retrieval.documents import documents, unread_files
from koalign.retrieval.html import text_of_html
from koalign.retrieval.wikipedia import plain_text

PAGE = """<!doctype html><html><head><title>한글 &amp; 자모</title><style>p{}</style></head>
<body><script>var x = "<p>";</script><h1>한글</h1><p>訓民正音은 <b>1446년</b>에
반포되었다.<br>끝.</p><ul><li>하나<li>둘</ul></body></html>"""
ARTICLE = """{{정보|이름={{lang|ko|한글}}}}
'''한글'''은 [[세종]]과 [[집현전|집현전 학자]]가 만들었다.<ref name="a">각주</ref><ref name="a" />
[[파일:한글.png|섬네일|[[세종]]의 그림]]
{| class="wikitable"
| 표 {| 안의 표 |}
|}
== 역사 ==
* [https://example.org 누리집]에 있다.<!-- 주석 -->
[[분류:문자]]"""


def dump(*pages: str) -> bytes:
    return f"<mediawiki xmlns='http://www.mediawiki.org/xml/export-0.11/'>{''.join(pages)}</mediawiki>".encode()


def page(number: int, text: str, ns: int = 0, more: str = "") -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;")
    return (
        f"<page><title>문서 {number}</title><ns>{ns}</ns><id>{number}</id>{more}"
        f"<revision><id>9{number}</id><text>{text}</text></revision></page>"
    )


def read(path: Path | str, **options: str) -> list:
    return [*documents([CorpusSource(path=str(path), **options)], str)]


def test_a_web_page_is_its_visible_text_a_line_a_block():
    assert text_of_html(PAGE) == (
        "한글 & 자모",
        "한글\n訓民正音은 1446년에 반포되었다.\n끝.\n하나\n둘",
    )


PIECES = ["<![if !vml]>", "<![endif]>", "<![CDATA[", "<![", "]]>", "<!", "<!--", "-->", "<?", "<p", "<script>", "</", "&#x110000;", "'", ">", "가 ", "{{", "}}", "{|", "[[", "]]", "<ref>", "</ref>"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_any_text_is_a_web_page_and_an_article(text):
    text_of_html(text)
    plain_text(text)


def test_what_nothing_closes_takes_nothing_away():
    assert text_of_html("<p>가<![if gte mso 9]>나<![endif]>다<!-- 라 <b>마") == (
        "",
        "가나다<!-- 라 마",
    )
    assert plain_text("가<ref>나</ref>다<REF name='a'/>라<!-- 마 -->바<ref>사") == "가다라바사"


def test_an_article_is_its_words_without_templates_tables_files_and_references():
    assert plain_text(ARTICLE) == ("한글은 세종과 집현전 학자가 만들었다.\n역사\n누리집에 있다.")


def test_a_dump_holds_articles_and_no_redirects_or_talk(folder):
    pages = (
        page(1, "'''가'''이다."),
        page(2, "넘겨주기", more="<redirect title='가'/>"),
        page(3, "토론", 1),
    )
    (folder / "ko.xml.bz2").write_bytes(bz2.compress(dump(*pages, page(4, "나이다."))))
    found = read("ko.xml.bz2", licence="CC BY-SA 4.0")
    assert [(d.name, d.title, d.text, d.licence) for d in found] == [
        ("ko.xml.bz2:1", "문서 1", "가이다.", "CC BY-SA 4.0"),
        ("ko.xml.bz2:4", "문서 4", "나이다.", "CC BY-SA 4.0"),
    ]


def test_a_folder_is_read_in_order_and_what_is_not_read_is_known(folder):
    (folder / "글" / "안").mkdir(parents=True)
    (folder / "글" / "나.md").write_text("# 제목\n\n**굵게** 쓴다.", "utf-8")
    (folder / "글" / "가.txt").write_bytes("옛 파일이다.".encode("cp949"))
    (folder / "글" / "안" / "다.html").write_text(PAGE, "utf-8")
    (folder / "글" / "라.pdf").write_bytes(b"%PDF")
    (folder / "글" / ".숨김.txt").write_text("숨김", "utf-8")
    found = read("글")
    assert [(d.name, d.title) for d in found] == [
        ("글/가.txt", "가"), ("글/나.md", "제목"), ("글/안/다.html", "한글 & 자모")
    ]  # fmt: skip
    assert found[1].text == "# 제목\n\n**굵게** 쓴다."
    assert unread_files(Path("글")) == [Path("글/라.pdf")]


def test_a_row_has_its_own_title_and_licence_and_one_without_text_or_with_half_a_character_is_a_drop(
    folder,
):
    rows = [
        {"body": "본문", "name": "이름", "licence": "CC0"},
        {"body": "둘"},
        {"body": None},
        {"body": " "},
        [1],
    ]
    path = write_lines(folder / "rows.jsonl", rows)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"body": "가\\ud800"}\n')
    found = read("rows.jsonl", text="body", title="name", licence="MIT")
    assert [(d.title, d.text, d.licence) for d in found[:2]] == [
        ("이름", "본문", "CC0"),
        ("", "둘", "MIT"),
    ]
    assert [(d.reason, d.place) for d in found[2:] if isinstance(d, Drop)] == [
        ("no_text", "rows.jsonl:3"), ("no_text", "rows.jsonl:4"), ("no_object", "rows.jsonl:5"),
        ("broken_text", "rows.jsonl:6"),
    ]  # fmt: skip


def test_hanja_and_punctuation_stay(folder):
    text = "「訓民正音」은 세종 25년(1443년)…  ㄱ·ㄴ ① ㎏"
    (folder / "a.txt").write_text(text, "utf-8")
    assert read("a.txt")[0].text == text


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("cut.xml.bz2", bz2.compress(dump(page(1, "가" * 9000)))[:-20], "cut.xml.bz2: the dump is cut off"),
        ("cut.xml", dump(page(1, "가"))[:-9], "cut.xml: the dump cannot be read to its end"),
        ("other.xml", b"<rss></rss>", "other.xml: no dump of a MediaWiki"),
        ("no.xml.bz2", b"text", "no.xml.bz2: the dump cannot be read"),
        ("rows.jsonl", b'{"a": "b"}\n', "rows.jsonl:1: no 'text' in it; there are 'a'"),
        ("bad.txt", b"\xff\xfd\xff", "bad.txt: byte 0 (0xff) is not UTF-8"),
        ("bytes.txt", b"\x01\xff\xff", "save the file as UTF-8, or remove it if it is no text"),
        ("zeros.txt", bytes(9), "save the file as UTF-8, or remove it if it is no text"),
        ("bytes.jsonl", b"\xff\x00", "byte 0 is not UTF-8; save it as UTF-8, or remove it if it is no text"),
        ("a.pdf", b"", "corpus.sources: a.pdf: documents are read from .txt"),
        (None, b"", "corpus.sources: none.txt: no such file or folder"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_line(folder, name, data, says):
    if name:
        (folder / name).write_bytes(data)
    with pytest.raises(KoalignError, match=re.escape(says)) as error:
        read(name or "none.txt")
    assert "\n" not in str(error.value)
