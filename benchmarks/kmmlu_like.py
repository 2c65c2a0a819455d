"""A random model and made-up files of KMMLU's shape, for koalign and lm-eval alike.

    .venv/bin/python benchmarks/kmmlu_like.py FOLDER [--subjects 3] [--items 40] [--dev 5]

FOLDER/model: a Qwen3 of 26 M parameters in float32 with a byte-level BPE, learned from the built-in
exam and from rows of the same kind, so that a prompt has about as many tokens as it has of a Korean
question elsewhere: three for five characters. FOLDER/kmmlu/data: the files, named as on the hub.
FOLDER/tasks: lm-eval's own kmmlu definition pointed at them; `lm-eval` draws the shots for every item,
as published, and `first` takes the first ones of the dev file.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lm_eval.tasks
import yaml
from against_trl import VOCABULARY, new_policy, tokenizer
from prepare import Writer

from koalign.config.sections import ASSETS

SUBJECTS = ("Accounting", "Biology", "Criminal-Law", "Marketing", "Patent", "Taxation")
COLUMNS = ("question", "answer", "A", "B", "C", "D", "Category", "Human Accuracy")
STOCK = Path(lm_eval.tasks.__file__).parent / "kmmlu" / "default" / "_default_kmmlu_yaml"
ORDERS: dict[str, dict[str, Any]] = {
    "lm-eval": {},
    "first": {"fewshot_config": {"sampler": "first_n"}},
}
"""How the shots of an item are chosen -> what that adds to the definition of the task."""
LEARNED_ROWS = 500
"""More make longer tokens than Korean has elsewhere."""


def texts() -> Iterator[str]:
    """What the tokenizer is learned from."""
    for path in sorted((ASSETS / "exam").rglob("*.csv")):
        yield path.read_text(encoding="utf-8")
    writer = Writer(seed=2)
    for _ in range(LEARNED_ROWS):
        question, a, b, c, d, answer = writer.row()
        letter = "ABCD"[int(answer) - 1]
        yield f"{question}\nA. {a}\nB. {b}\nC. {c}\nD. {d}\n정답： {letter}\n\n"


def write_model(folder: Path) -> None:
    """The model and its tokenizer, in which a letter after a space is one token."""
    learned = tokenizer().train_new_from_iterator(texts(), VOCABULARY)
    model = new_policy(VOCABULARY).unload()
    model.config.eos_token_id = learned.eos_token_id
    learned.model_max_length = model.config.max_position_embeddings
    for letter in (" A", " B", " C", " D"):
        if len(learned.encode(letter)) != 1:
            raise RuntimeError(f"{letter!r} is {learned.tokenize(letter)}, and not one token")
    model.save_pretrained(folder)
    learned.save_pretrained(folder)


def write_data(folder: Path, subjects: int, items: int, dev: int) -> None:
    """{Subject}-{dev,test}.csv; no question stands twice."""
    folder.mkdir(parents=True)
    writer, seen = Writer(seed=3), set[str]()
    for subject in SUBJECTS[:subjects]:
        for split, size in (("dev", dev), ("test", items)):
            rows = []
            while len(rows) < size:
                question, *choices, answer = writer.row()
                if question not in seen:
                    seen.add(question)
                    rows.append([question, answer, *choices, subject.replace("-", " "), "0.0"])
            path = folder / f"{subject}-{split}.csv"
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([COLUMNS, *rows])


def write_tasks(folder: Path, data: Path) -> None:
    """For each order a folder with a task of lm-eval for each subject."""
    for order, change in ORDERS.items():
        (folder / order).mkdir(parents=True)
        for test in sorted(data.glob("*-test.csv")):
            subject = test.name.removesuffix("-test.csv")
            task = {
                "include": str(STOCK),
                "task": f"kmmlu_like_{subject.lower().replace('-', '_')}",
                "dataset_path": "csv",
                "dataset_kwargs": {
                    "data_files": {"dev": str(data / f"{subject}-dev.csv"), "test": str(test)}
                },
                **change,
            }
            path = folder / order / f"{subject}.yaml"
            path.write_text(yaml.safe_dump(task, allow_unicode=True), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--subjects", type=int, choices=range(1, len(SUBJECTS) + 1), default=3)
    parser.add_argument("--items", type=int, default=40, help="of each subject")
    parser.add_argument("--dev", type=int, default=5, help="of each subject, to take shots from")
    args = parser.parse_args()
    folder = args.folder.resolve()
    write_model(folder / "model")
    write_data(folder / "kmmlu" / "data", args.subjects, args.items, args.dev)
    write_tasks(folder / "tasks", folder / "kmmlu" / "data")


if __name__ == "__main__":
    main()
