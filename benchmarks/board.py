"""How fast koalign board is: the list of 100 runs, the index of a large file, and a page of it.

.venv/bin/python benchmarks/board.py [--runs 100] [--lines 200000] [--json]

The runs are synthetic, thirteen finished stages each; the file holds problems with passages of about 1.4
kilobytes, 300 MB in all, and the predictions for them. Cold: nothing is kept from before, with the
system's file cache as it is.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from koalign.manifests import PRODUCERS
from koalign.records import Problem
from koalign.serving.board.pages.routes import page_at
from koalign.serving.board.site import Site, View

LIMITS = {"first page, s": 0.3, "index of 300 MB, s": 1.0, "page of a large file, s": 0.05}


def write_run(folder: Path) -> None:
    """As many finished stages as a run with hints has."""
    for name in list(PRODUCERS)[:13]:
        (folder / name).mkdir(parents=True)
        outputs = {f"file-{n}.jsonl": f"{n:016x}" for n in range(8)}
        manifest = {
            "stage": name,
            "fingerprint": "0" * 16,
            "template": "",
            "outputs": outputs,
            "counts": {"problems": 1},
            "metrics": {},
            "koalign": "0",
            "git": None,
            "packages": {f"package-{n}": "1.0" for n in range(20)},
            "seconds": 1.0,
            "peak_memory_mb": 100.0,
        }
        (folder / name / "manifest.json").write_text(json.dumps(manifest, indent=2), "utf-8")
        plan = {"stage": name, "version": 1, "template": "", "config": {}, "inputs": {}}
        (folder / name / "plan.json").write_text(json.dumps(plan), "utf-8")
    row = {"accuracy": 0.5, "ci_low": 0.4, "ci_high": 0.6, "n": 100}
    (folder / "evaluate").mkdir(exist_ok=True)
    (folder / "evaluate" / "results.json").write_text(
        json.dumps({"base": row, "solve": row}), "utf-8"
    )


def write_problems(folder: Path, count: int) -> Path:
    """300 bytes a prediction, 1.5 kB a problem."""
    write_run(folder)
    path = folder / "prepare" / "test.jsonl"
    passage = "다음은 어느 마을 사람들의 이야기이다. 미라의 은인은 정훈이다. " * 15
    with path.open("w", encoding="utf-8") as problems:
        for n in range(count):
            group = n // 3
            problem = Problem(
                question=f"{n}번 사람이 사는 곳은?", passage=f"{group}. {passage}", answers=("1",),
                choices=("서울", "부산", "대구", "광주"), source="csat", group=f"g{group}",
            )  # fmt: skip
            problems.write(json.dumps(problem.model_dump(mode="json"), ensure_ascii=False) + "\n")
    return path


def seconds(work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def page(site: Site, address: str, **query: str) -> float:
    function, arguments = page_at(address)
    return seconds(lambda: site.render(View(site, "ko", address, query), function, **arguments))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        many, large = Path(name) / "many", Path(name) / "large"
        for n in range(args.runs):
            write_run(many / f"run-{n:03}")
        path = write_problems(large / "run", args.lines)
        site = Site(many, Path(name) / "cache")
        began = time.process_time()
        figures = {"first page, s": page(site, "")}
        figures["first page, CPU s"] = time.process_time() - began
        figures["first page again, s"] = page(site, "")
        site = Site(large, Path(name) / "cache")
        megabytes = path.stat().st_size / 1e6
        figures["file, MB"] = megabytes
        index = seconds(lambda: site.lines(path))
        figures["index, s"] = index
        figures["index of 300 MB, s"] = index * 300 / megabytes
        address = "run/run/exam"
        figures["first page of a large file, s"] = page(site, address, split="test")
        pages = [page(site, address, split="test", page=str(n)) for n in range(2, 4000, 200)]
        figures["page of a large file, s"] = median(pages)
        figures["slowest page, s"] = max(pages)
        figures["filter of a large file, first, s"] = page(site, address, split="test", subject="x")
    figures["peak memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if args.json:
        print(json.dumps({key: round(value, 4) for key, value in figures.items()}))
    else:
        table = Table(
            "what", "measured", "at most", title=f"{args.runs} runs, {args.lines:,} lines"
        )
        for key, value in figures.items():
            table.add_row(key, f"{value:,.4g}", f"{LIMITS[key]:g}" if key in LIMITS else "")
        Console().print(table)
    sys.exit(any(figures[key] > limit for key, limit in LIMITS.items()))


if __name__ == "__main__":
    main()
