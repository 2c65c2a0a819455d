"""What reading, duplicates and the leak guard cost, on made-up rows of the shape and size of KMMLU.

    .venv/bin/python benchmarks/prepare.py [--json] [--sizes 12500 25000] [--evaluated 35000]

Every size runs in a process of its own. Planted are 1% exact and 1% near duplicates, 0.5% leaks, and
1% rows that differ from another in one number and are no duplicates; `found` is what was found of
the planted, `wrong` what was found beside it. Beside it all of `koalign prepare` on the same files,
which also counts the tokens of every row and writes everything down.

    .venv/bin/python benchmarks/prepare.py --sizes 100000 --passages 2000 [--letters 1000]

So many rows on so many passages, a tenth of the passages evaluated: `koalign prepare` alone.

    .venv/bin/python benchmarks/prepare.py --linear --sizes 100000 200000 2000000 [--memory 2048]

`koalign prepare` alone: CPU seconds, peak memory, temporary files, its folder (docs/en/scale.md).

    .venv/bin/python benchmarks/prepare.py --duplicates --sizes 100000 200000 [--memory 2048]

Reading and duplicates alone: CPU seconds and peak memory.
"""

import argparse
import csv
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from koalign.config.sections import ASSETS
from koalign.data.formats.sources import read_source
from koalign.data.preparing.duplicates import find_duplicates
from koalign.data.preparing.leaks import find_leaks
from koalign.data.preparing.preparation import Preparation

SIZES = (12_500, 25_000, 50_000, 100_000, 200_000)
STEMS = (
    "다음 중 {}에 대한 설명으로 옳은 것은?",
    "다음 중 {}에 대한 설명으로 옳지 않은 것은?",
    "{}에 해당하는 것은?",
    "다음 중 {}의 특징이 아닌 것은?",
    "{}에 대한 다음 설명 중 가장 적절한 것은?",
    "{} 기준이 {}일 때 알맞은 값은?",
)
COLUMNS = ("question", "A", "B", "C", "D", "answer", "Category", "Human Accuracy")
FILES = {"train": "Accounting-train.csv", "evaluated": "Accounting-test.csv"}


class Writer:
    """Writes rows of KMMLU's shape; the same seed writes the same rows."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        syllables = [chr(code) for code in range(ord("가"), ord("힣"), 28)]
        syllables += [chr(code) for code in range(ord("간"), ord("힣"), 28)]
        syllables = [one for one in syllables if one not in "아니부"]  # parts of negations
        words = random.Random(0)
        self.words = [
            "".join(words.choices(syllables, k=words.randint(2, 4))) for _ in range(30_000)
        ]

    def phrase(self, low: int, high: int) -> str:
        return " ".join(self.random.choices(self.words, k=self.random.randint(low, high)))

    def row(self) -> list[str]:
        stem = self.random.choice(STEMS)
        number = f"{self.random.randint(1, 99_999)} {self.random.choice('mkg%')}"
        question = stem.format(self.phrase(2, 16), number)
        if self.random.random() < 0.2:
            choices = [str(self.random.randint(1, 99_999)) for _ in "ABCD"]
        else:
            choices = [self.phrase(2, 10) for _ in "ABCD"]
        return [question, *choices, str(self.random.randint(1, 4))]

    def passage(self, letters: int) -> str:
        sentences: list[str] = []
        while sum(map(len, sentences)) < letters:
            sentences.append(f"{self.phrase(6, 14)}다.")
        return " ".join(sentences)

    def long_row(self) -> list[str]:
        """One in which a changed syllable leaves most n-grams as they are."""
        row = self.row()
        return [f"{self.random.randint(1000, 1998)}년 {self.phrase(30, 40)}. {row[0]}", *row[1:]]


def edited(row: list[str]) -> list[str]:
    """A long row with one syllable of its first sentence changed."""
    at = row[0].index(" ", 40) + 1
    return [row[0][:at] + "꿈" + row[0][at + 1 :], *row[1:]]


def another(row: list[str]) -> list[str]:
    """A long row with another year."""
    return [str(int(row[0][:4]) + 1) + row[0][4:], *row[1:]]


def reordered(row: list[str]) -> list[str]:
    return [row[0], *row[4:0:-1], str(5 - int(row[5]))]


def write(folder: Path, size: int, evaluated_size: int) -> None:
    """The two files, and in planted.json what must be found: [row, other row, kind]."""
    hundredth, leaking = size // 100, min(size // 200, evaluated_size)
    writer = Writer(seed=1)
    evaluated = [writer.long_row() for _ in range(leaking)]
    evaluated += [writer.row() for _ in range(evaluated_size - leaking)]
    train = [writer.long_row() for _ in range(2 * hundredth)]
    train += [writer.row() for _ in range(size - 5 * hundredth - leaking)]
    duplicates, leaks = [], []
    for kept in range(hundredth):
        duplicates.append((len(train), kept, "near"))
        train.append(edited(train[kept]))
        train.append(another(train[hundredth + kept]))
        duplicates.append((len(train), 2 * hundredth + kept, "exact"))
        train.append(train[2 * hundredth + kept])
    for number in range(leaking):
        kind, change = (("same", list), ("reordered", reordered), ("overlap", edited))[number % 3]
        leaks.append((len(train), number, kind))
        train.append(change(evaluated[number]))
    for name, rows in (("train", train), ("evaluated", evaluated)):
        with (folder / FILES[name]).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *([*row, "Accounting", "0.0"] for row in rows)])
    planted = json.dumps({"duplicates": duplicates, "leaks": leaks})
    (folder / "planted.json").write_text(planted, encoding="utf-8")


def write_shared(folder: Path, size: int, passages: int, letters: int) -> dict[str, str]:
    """Rows on shared passages, one after the other in turn; no passage is on both sides."""
    writer = Writer(seed=7)
    texts = [writer.passage(letters) for _ in range(passages)]
    files = {"train": "train.jsonl", "evaluated": "test.jsonl"}
    with (
        (folder / files["train"]).open("w", encoding="utf-8") as train,
        (folder / files["evaluated"]).open("w", encoding="utf-8") as evaluated,
    ):
        for number in range(size):
            question, *choices, answer = writer.row()
            row = {"passage": texts[number % passages], "question": question}
            row |= {"choices": choices, "answer": int(answer)}
            side = train if number % passages % 10 else evaluated
            side.write(json.dumps(row, ensure_ascii=False) + "\n")
    return files


def measure(folder: Path) -> dict[str, float]:
    """Seconds and peak memory so far (MB) after each step, and how much of the planted was found."""
    result: dict[str, float] = {}

    def done(step: str, started: float) -> None:
        result[f"{step}_s"] = time.perf_counter() - started
        result[f"{step}_mb"] = peak_mb()

    started = time.perf_counter()
    train, evaluated = (
        read_source(str(folder / FILES[name]), split).problems
        for name, split in (("train", "train"), ("evaluated", "test"))
    )
    done("read", started)
    started = time.perf_counter()
    duplicates = {(d.index, d.kept, d.kind) for d in find_duplicates(train, threshold=0.9)}
    done("duplicates", started)
    started = time.perf_counter()
    leaks = {(k.trained, k.evaluated, k.kind) for k in find_leaks(train, evaluated, overlap=0.8)}
    done("leaks", started)
    planted = json.loads((folder / "planted.json").read_text(encoding="utf-8"))
    for step, found in (("duplicates", duplicates), ("leaks", leaks)):
        expected = {tuple(row) for row in planted[step]}
        result[f"{step}_found"] = len(found & expected) / len(expected)
        result[f"{step}_wrong"] = len(found - expected)
    return result


def read_and_compare(size: int, memory: int) -> dict[str, float]:
    """CPU seconds and peak memory (MB) of reading rows and finding their duplicates, in this process."""
    with tempfile.TemporaryDirectory() as folder:
        writer = Writer(seed=1)
        with (Path(folder) / FILES["train"]).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow(COLUMNS)
            csv.writer(file).writerows([*writer.row(), "Accounting", "0.0"] for _ in range(size))
        started = time.process_time()
        prepared = Preparation(memory << 20)
        prepared.add("train", read_source(folder, "train"))
        result = {"rows": size, "read_s": time.process_time() - started, "read_mb": peak_mb()}
        started = time.process_time()
        prepared.remove_duplicates(0.9)
        return result | {"duplicates_s": time.process_time() - started, "peak_mb": peak_mb()}


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def prepare(folder: Path, files: dict[str, str], memory: int) -> dict[str, float]:
    """What `koalign prepare` takes: seconds, CPU seconds, and MB of memory, temporary files, its folder."""
    shutil.copytree(ASSETS / "tiny-ko", folder / "model")  # its own context is 512 tokens
    config = json.loads((folder / "model" / "config.json").read_text(encoding="utf-8"))
    config["max_position_embeddings"] = 4096
    (folder / "model" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    settings = {"model.path": "./model", "data.leaks": "drop", "data.memory_mb": memory}
    settings |= {"data.train": files["train"], "data.dev": "[]", "data.test": files["evaluated"]}
    settings |= {"data.hints": "null"}
    program = "from koalign.cli.app import main; main()"
    options = [word for key, value in settings.items() for word in ("-s", f"{key}={value}")]
    command = [sys.executable, "-c", program, "prepare", "--run-dir", "run", *options]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    temporary = 0
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            temporary = max(temporary, removed_files(process.pid))
            time.sleep(0.5)
    if process.returncode:
        raise SystemExit(process.returncode)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    manifest = json.loads((folder / "run" / "prepare" / "manifest.json").read_text("utf-8"))
    made = sum(path.stat().st_size for path in (folder / "run" / "prepare").iterdir())
    return {
        "prepare_s": manifest["seconds"],
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "prepare_mb": manifest["peak_memory_mb"],
        "temporary_mb": temporary / 1e6,
        "folder_mb": made / 1e6,
    }


def removed_files(process: int) -> int:
    """Bytes of the open files of a process that have no name any more (Linux)."""
    size = 0
    for link in Path(f"/proc/{process}/fd").glob("*"):
        try:
            if os.readlink(link).endswith(" (deleted)"):
                size += link.stat().st_size
        except OSError:  # closed meanwhile
            continue
    return size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--evaluated", type=int, default=35_000)
    parser.add_argument("--measure", type=Path, help="only this folder, in this process")
    parser.add_argument("--passages", type=int, help="rows on so many shared passages instead")
    parser.add_argument("--letters", type=int, default=1000, help="of a shared passage")
    parser.add_argument("--linear", action="store_true", help="koalign prepare alone")
    parser.add_argument("--duplicates", action="store_true", help="reading and duplicates alone")
    parser.add_argument("--memory", type=int, default=2048, help="data.memory_mb")
    args = parser.parse_args()
    if args.duplicates and len(args.sizes) == 1:
        print(json.dumps(read_and_compare(*args.sizes, args.memory)), flush=True)
        return
    if args.duplicates:
        for size in args.sizes:  # a peak is one of a process
            command = [sys.executable, __file__, "--duplicates", "--sizes", str(size)]
            subprocess.run([*command, "--memory", str(args.memory)], check=True)
        return
    if args.linear:
        for size in args.sizes:
            with tempfile.TemporaryDirectory() as folder:
                write(Path(folder), size, args.evaluated)
                row = prepare(Path(folder), FILES, args.memory)
                print(json.dumps({"rows": size, **row}), flush=True)
        return
    if args.passages:
        for size in args.sizes:
            with tempfile.TemporaryDirectory() as folder:
                files = write_shared(Path(folder), size, args.passages, args.letters)
                print(json.dumps({"rows": size, **prepare(Path(folder), files, args.memory)}))
        return
    if args.measure:
        print(json.dumps(measure(args.measure)))
        return
    results = {}
    for size in args.sizes:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), size, args.evaluated)
            command = [sys.executable, __file__, "--measure", folder]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True, encoding="utf-8")
            results[size] = json.loads(done.stdout) | prepare(Path(folder), FILES, args.memory)
    if args.json:
        print(json.dumps(results))
        return
    steps = ("read", "duplicates", "leaks")
    table = Table(
        "rows",
        *(f"{step}, s" for step in steps),
        "in all, s",
        "peak, MB",
        *(f"{step} found / wrong" for step in steps[1:]),
        "prepare, s",
        "peak, MB",
        title=f"against {args.evaluated:,} evaluated rows",
    )
    for size, row in results.items():
        table.add_row(
            f"{size:,}",
            *(f"{row[f'{step}_s']:.1f}" for step in steps),
            f"{sum(row[f'{step}_s'] for step in steps):.1f}",
            f"{row['leaks_mb']:.0f}",
            *(f"{row[f'{step}_found']:.1%} / {row[f'{step}_wrong']}" for step in steps[1:]),
            f"{row['prepare_s']:.1f}",
            f"{row['prepare_mb']:.0f}",
        )
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
