"""lm_eval_tasks: made-up data in the hub's shape, and lm-eval-harness' own tasks on it, without a network.

What lm-eval 0.4.13 asks and counts is what a published protocol is held to. The rows are odd where real
ones are: spaces at the ends, Hanja, quotes and commas, five choices, no context, an id twice.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

LM_EVAL_SEED = 1234

CLICK_IDS = {
    "Economy": "KIIP_economy_{}", "Geography": "KIIP_geography_{}", "History": "KHB_{}_1",
    "Law": "PSAT_2020_{}", "Politics": "KIIP_politics_{}", "Popular": "Kpop_popular_{}",
    "Society": "KIIP_society_{}", "Tradition": "KIIP_tradition_{}", "Textual": "CSAT_korean_22_{}",
    "Functional": "PSE_korean_{}", "Grammar": "Kedu_1_{}",
}  # fmt: skip
"""Subject -> the shape of an id that lm-eval sorts there."""

_CLICK_TASKS = [
    "cul_economy",
    "cul_geography",
    "cul_history",
    "cul_law",
    "cul_politics",
    "cul_kpop",
    "cul_society",
    "cul_tradition",
    "lang_text",
    "lang_function",
    "lang_grammar",
]
_HAERAE_TASKS = {
    "general_knowledge": "gk", "history": "hi", "loan_words": "lw", "rare_words": "rw",
    "standard_nomenclature": "sn",
}  # fmt: skip


def _kmmlu_tasks(kind: str, prefix: str) -> dict[str, str]:
    names = {"Accounting": "accounting", "Criminal-Law": "criminal_law"}
    return {subject: f"kmmlu/{kind}/{prefix}_{name}" for subject, name in names.items()}


TASKS: dict[str, dict[str, str]] = {
    "kmmlu@lm-eval": _kmmlu_tasks("default", "kmmlu"),
    "kmmlu-direct": _kmmlu_tasks("direct", "kmmlu_direct"),
    "kmmlu-hard@lm-eval": _kmmlu_tasks("hard", "kmmlu_hard"),
    "click@lm-eval": {
        subject: f"click/click_{name.partition('_')[0]}/click_{name}"
        for subject, name in zip(CLICK_IDS, _CLICK_TASKS, strict=True)
    },
    "haerae@lm-eval": {name: f"haerae/haerae_{short}" for name, short in _HAERAE_TASKS.items()},
    "kobest@lm-eval": {
        name: f"kobest/kobest_{name}" for name in ("boolq", "copa", "hellaswag", "sentineg", "wic")
    },
    "csatqa@lm-eval": {
        name: f"csatqa/csatqa_{name.lower()}" for name in ("GR", "LI", "RCH", "RCS", "RCSS", "WR")
    },
}
"""Protocol -> subject as koalign calls it -> lm-eval's task file."""

_WORDS = (
    "신라", "고려 ", " 조선", "발해, 거란", '"가야"', "甲은 乙에게", "㉠과 ㉡", "None", "3.1 운동",
)  # fmt: skip


def make_task_data(protocol: str, folder: Path, n: int) -> Path:
    """Write n items of each subject below the folder; koalign reads what is returned.

    Shots are in it, where they have a split of their own: `read_source(path, "dev")`, of KoBEST `train`.
    """
    if protocol.startswith("kmmlu"):
        for subject in TASKS[protocol]:
            for split, count in (("dev", 5), ("test", n)):
                rows = [_kmmlu(subject, split, number) for number in range(count)]
                _csv(folder / "data" / f"{subject}-{split}.csv", rows)
        return folder / "data"
    if protocol == "click@lm-eval":
        rows = [_click(subject, number) for number in range(n) for subject in CLICK_IDS]
        return _json(folder / "CLIcK.json", rows)
    row = {"haerae@lm-eval": _haerae, "csatqa@lm-eval": _csatqa}.get(protocol)
    for subject in TASKS[protocol]:
        if row:
            _json(folder / subject / "test.json", [row(subject, number) for number in range(n)])
        else:
            for split, first in (("train", 0), ("validation", 500), ("test", 1000)):
                rows = [_KOBEST[subject](first + number) for number in range(n)]
                _json(folder / subject / f"{split}.json", rows)
    return folder


def lm_eval_tasks(protocol: str, folder: Path, shots: int) -> dict[str, Any]:
    """Subject -> lm-eval's task on the data that `make_task_data` wrote, seeded as its evaluator does."""
    import lm_eval.tasks
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.tasks._yaml_loader import load_yaml

    tasks = {}
    for subject, file in TASKS[protocol].items():
        config = load_yaml(Path(lm_eval.tasks.__file__).parent / f"{file}.yaml")
        for name in ("tag", "group", "dataset_name"):
            config.pop(name, None)
        for metric in config["metric_list"]:
            metric.pop("hf_evaluate", None)  # not called for f1 of choices; its import takes 15 s
        kind, files = _files(protocol, folder, subject)
        config["dataset_path"] = kind
        config["dataset_kwargs"] = {"data_files": files, "cache_dir": str(folder / ".cache")}
        config["num_fewshot"] = shots
        task = ConfigurableTask(config=config)
        task.set_fewshot_seed(LM_EVAL_SEED)
        tasks[subject] = task
    return tasks


def _files(protocol: str, folder: Path, subject: str) -> tuple[str, dict[str, str]]:
    if protocol.startswith("kmmlu"):
        paths = {split: folder / "data" / f"{subject}-{split}.csv" for split in ("dev", "test")}
        return "csv", {split: str(path) for split, path in paths.items()}
    if protocol == "click@lm-eval":
        return "json", {"train": str(folder / "CLIcK.json")}
    splits = ("train", "validation", "test") if protocol == "kobest@lm-eval" else ("test",)
    return "json", {split: str(folder / subject / f"{split}.json") for split in splits}


def _choices(number: int, count: int) -> list[str]:
    return [f"{_WORDS[(number + place) % len(_WORDS)]}" for place in range(count)]


def _kmmlu(subject: str, split: str, number: int) -> dict[str, Any]:
    ends = (" ", "\n", "")[number % 3]
    return {
        "question": f"{ends}{subject} {split} {number}번, 甲의 죄책은?\n(단, 판례에 따름){ends}",
        "answer": number % 4 + 1,
        **dict(zip("ABCD", _choices(number, 4), strict=True)),
        "Category": subject.replace("-", " "),
        "Human Accuracy": 0.0,
    }


def _click(subject: str, number: int) -> dict[str, Any]:
    name = CLICK_IDS[subject].format(number % 20 + 1)  # the 21st has the id of the first again
    choices = _choices(number, 5 if "CSAT" in name else 4)
    return {
        "id": name,
        "paragraph": "" if number % 3 else f"{number}번 글이다. \n둘째 줄",
        "question": f"{subject} {number}번 물음은? ",
        "choices": choices,
        "answer": choices[number % len(choices)],
    }


def _haerae(subject: str, number: int) -> dict[str, Any]:
    options = [text.strip() for text in _choices(number, 5)]
    listed = "\n".join(f"({letter}) {text}" for letter, text in zip("ABCDE", options, strict=True))
    query = (
        f"다음 질문을 읽고 정답으로 가장 알맞은 것을 고르시요.\n\n### 질문: \n{subject} {number}?\n\n"
        f"### 선택지: \n{listed}\n\n### 정답:",
        f"다음을 읽고 고르시오.\n    \n### 질문: \n{subject} {number}의 뜻은?\n### 참고: 옛말\n\n### 선택지:\n{listed}\n### 정답: ",
        f"{subject} {number}번: (A) 비가 (B) 눈이 (C) 해가 (D) 달이 (E) 별이 뜬다. 틀린 것은?",
        f"{subject} {number}번 낱말의 순화어는?\n",
    )[number % 4]
    return {"query": query, "options": str(options), "answer": f"({'ABCDE'[number % 5]})"}


def _csatqa(subject: str, number: int) -> dict[str, Any]:
    text = f"{number // 2}번 글이다.\n[가] 나라말이 中國에 달아"
    return {
        "question": f"{subject} {number}번 윗글의 주제는? ",
        "context": None if number % 4 == 3 else text,
        **{f"option#{place}": text for place, text in enumerate(_choices(number, 5), start=1)},
        "gold": number % 5 + 1, "category": subject, "human_performance": 62.0,
    }  # fmt: skip


_KOBEST: dict[str, Any] = {
    "boolq": lambda n: {
        "paragraph": f"{n}일은 맑았다. ", "question": f"{n}일은 흐렸는가", "label": n % 2,
    },
    "copa": lambda n: {
        "premise": f"{n}번 길이 막혔다.", "question": ("원인", "결과")[n % 3 % 2],
        "alternative_1": f"{n}번 다리가 무너졌다.", "alternative_2": f"눈이 {n}자 왔다. ", "label": n % 2,
    },
    "hellaswag": lambda n: {
        "context": f"{n}번 사람이 물을 끓인다.{' ' * (n % 2)}",
        **{f"ending_{place}": f"{'차를 ' * place}마신다 {n}." for place in range(1, 5)},
        "label": n % 4,
    },
    "sentineg": lambda n: {"sentence": f"{n}번 물건은 좋지 않다", "label": n % 2},
    "wic": lambda n: {
        "word": ("배", "눈'길", "손")[n % 3], "context_1": f"{n}번 [배]를 먹다",
        "context_2": f"[배]를 {n}번 타다", "label": n % 2,
    },
}  # fmt: skip


def _csv(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _json(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return path
