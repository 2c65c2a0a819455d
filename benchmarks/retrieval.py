"""Lexical indexes side by side: koalign's, bm25s with kiwi, and SQLite FTS5 with mecab.

Recall on questions whose passage is known (KorQuAD dev), then build time, memory, disk and latency on
corpora of shuffled sentences. Each side has a process of its own; one that is not installed is left out.

    pip install bm25s kiwipiepy
    python benchmarks/retrieval.py KorQuAD_v1.0_dev.json --chunks 1000 10000 100000
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

SIDES = ("koalign", "bm25s + kiwi", "SQLite FTS5 + mecab")
QUESTIONS, TIMED = 1000, 200
CHARACTERS = 200
"""Of a chunk of the larger corpora."""
Search = Callable[[str], list[int]]


def read(path: Path) -> tuple[list[str], list[tuple[str, int]]]:
    """Passages, and questions with the number of their passage."""
    passages: list[str] = []
    questions = []
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            passages.append(paragraph["context"])
            questions += [(one["question"], len(passages) - 1) for one in paragraph["qas"]]
    random.Random(0).shuffle(questions)
    return passages, questions[:QUESTIONS]


def shuffled(passages: list[str], number: int) -> list[str]:
    """Chunks of sentences drawn from all passages."""
    sentences = [s for passage in passages for s in passage.replace("\n", " ").split(". ") if s]
    draw, chunks = random.Random(0), []
    while len(chunks) < number:
        chunk = ""
        while len(chunk) < CHARACTERS:
            chunk += draw.choice(sentences) + ". "
        chunks.append(chunk)
    return chunks


def koalign(texts: list[str], folder: Path) -> Search:
    from koalign.retrieval.lexical import LexicalIndex, build_index

    build_index(folder / "index", texts)
    index = LexicalIndex(folder / "index")
    return lambda query: [hit.chunk for hit in index.search(query, 20)]


def bm25s_kiwi(texts: list[str], folder: Path) -> Search:
    import bm25s
    from kiwipiepy import Kiwi

    kiwi = Kiwi(num_workers=1)
    content = ("N", "V", "X", "M", "S")

    def words(text: str) -> list[str]:
        tokens = kiwi.tokenize(text)
        return [
            t.form for t in tokens if t.tag[0] in content and t.tag[:2] not in ("SF", "SP", "SS")
        ]

    index = bm25s.BM25()
    index.index([words(text) for text in texts], show_progress=False)
    index.save(str(folder / "index"))
    return lambda query: index.retrieve([words(query)], k=20, show_progress=False)[0][0].tolist()


def sqlite_mecab(texts: list[str], folder: Path) -> Search:
    from mecab import MeCab

    mecab = MeCab()

    def words(text: str) -> list[str]:
        return mecab.morphs(text)

    base = sqlite3.connect(folder / "index.db")
    base.execute("CREATE VIRTUAL TABLE t USING fts5(x, content='')")
    rows = ((number, " ".join(words(text))) for number, text in enumerate(texts))
    base.executemany("INSERT INTO t(rowid, x) VALUES (?, ?)", rows)
    base.commit()

    def search(query: str) -> list[int]:
        wanted = " OR ".join(f'"{w}"' for w in dict.fromkeys(words(query)) if w.isalnum())
        found = base.execute(
            "SELECT rowid FROM t WHERE t MATCH ? ORDER BY rank LIMIT 20", (wanted,)
        )
        return [row[0] for row in found]

    return search


BUILD = dict(zip(SIDES, (koalign, bm25s_kiwi, sqlite_mecab), strict=True))


def measure(side: str, path: Path, number: int) -> dict[str, float]:
    """What one side takes for a corpus of so many chunks; 0: the passages themselves, with recall."""
    passages, questions = read(path)
    texts = shuffled(passages, number) if number else passages
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        search = BUILD[side](texts, Path(folder))
        build = time.perf_counter() - start
        disk = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
        asked = questions if not number else questions[:TIMED]
        start = time.perf_counter()
        found = [search(question) for question, _ in asked]
        query = (time.perf_counter() - start) / len(asked)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    result = {"build": build, "memory": memory / 1024, "disk": disk / 2**20, "query": query * 1000}
    if not number:
        ranks = [
            own.index(gold) + 1 if gold in own else 0
            for own, (_, gold) in zip(found, questions, strict=True)
        ]
        for cut in (1, 5, 20):
            result[f"R@{cut}"] = 100 * sum(0 < rank <= cut for rank in ranks) / len(ranks)
        result["MRR"] = sum(1 / rank for rank in ranks if rank) / len(ranks)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", type=Path, help="a file in the shape of KorQuAD 1.0")
    parser.add_argument("--chunks", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--sides", nargs="*", default=SIDES, choices=SIDES)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        side, number = arguments.one
        print(json.dumps(measure(side, arguments.file, int(number))))
        return
    results = []
    for number in (0, *arguments.chunks):
        for side in arguments.sides:
            command = [sys.executable, __file__, str(arguments.file), "--one", side, str(number)]
            done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
            if done.returncode:
                print(f"{side}: left out ({done.stderr.strip().splitlines()[-1]})", file=sys.stderr)
                continue
            result = json.loads(done.stdout)
            results.append({"chunks": number, "side": side, **result})
            if not arguments.json:
                quality = " ".join(f"{k} {v:.3g}" for k, v in result.items() if k[0] in "RM")
                print(
                    f"| {number or 'passages'} | {side} | {result['build']:.2f} | {result['memory']:.0f} | "
                    f"{result['disk']:.1f} | {result['query']:.2f} | {quality} |",
                    flush=True,
                )
    if arguments.json:
        print(json.dumps(results, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
