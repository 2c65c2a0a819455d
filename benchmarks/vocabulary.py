"""Memory of a training step over a vocabulary of 150,000: it grows with completions, not with prompts.

Rows of 2,048 tokens, of which more and more are completions; koalign against TRL's DPOTrainer, each
step in a process of its own. One row of full logits would take 1.2 GB.

    .venv/bin/python benchmarks/vocabulary.py [--json]
"""

from __future__ import annotations

import argparse
import json

from against_trl import Work, in_a_process, peak_memory
from dpo_vs_trl import make
from rich.console import Console
from rich.table import Table

ROW = 2048
VOCABULARY = 150_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    rows = []
    for prompt, completion in ((256, 32), (1984, 32), (1792, 128), (1024, 512)):
        work = Work("", (prompt, prompt), 2, VOCABULARY, (completion, completion), batch=1)
        rows.append(
            {
                "prompt": prompt,
                "completions": 2 * completion,
                "peak_memory": {
                    side: in_a_process(peak_memory, work, make, side) for side in ("koalign", "trl")
                },
            }
        )
    if args.json:
        print(json.dumps(rows))
        return
    table = Table("prompt tokens", "completion tokens", "koalign, MB", "TRL, MB")
    for row in rows:
        memory = row["peak_memory"]
        table.add_row(
            f"{row['prompt']:,}",
            f"{row['completions']:,}",
            f"{memory['koalign']:,.0f}",
            f"{memory['trl']:,.0f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
