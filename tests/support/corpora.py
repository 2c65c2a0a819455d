"""A corpus in which one document answers each problem, one misleads, and one does neither."""

from __future__ import annotations

from pathlib import Path

import yaml

from support.problems import CITIES, problem, write_lines

PEOPLE = ("김가람", "이나래", "박다온", "최라온", "정마루", "한바다", "오사랑", "유아름")


def with_a_corpus(folder: Path) -> Path:
    """The folder of a scripted run with documents: for each person a fact, a rumour and small talk.

    The script guesses; with the fact of a problem in the prompt it is right, with the rumour wrong. Asked for
    a search query it writes one that finds the fact, or one that does not.
    """
    names = [*PEOPLE, "조자람", "윤차돌"]
    rows = [
        problem(n, question=f"{name}이 사는 고을은?", passage="", group="", subject="인물" if n % 2 else "고을")
        for n, name in enumerate(names)
    ]  # fmt: skip
    write_lines(folder / "train.jsonl", rows[:8])
    write_lines(folder / "test.jsonl", rows[8:])
    (folder / "docs").mkdir()
    answers = [f"고른 답: {city}\n정답: {n}" for n, city in enumerate(CITIES, start=1)]
    asked = "검색어를 한 줄 쓰시오"
    script = [
        {"contains": [asked, name], "texts": [f"검색어: {name} 고을 기록", "멀다"]}
        for name in PEOPLE
    ]
    for n, name in enumerate(PEOPLE):
        right, wrong = n % 4, (n + 1) % 4
        kinds = {"기록": right, "소문": wrong}
        for kind, told in kinds.items():
            text = f"{kind}에 {name}이 사는 고을은 {CITIES[told]}이라고 한다."
            (folder / "docs" / f"{name}-{kind}.txt").write_text(text, "utf-8")
            seen = [f"{name}-{kind}: {text}", f"문제: {name}이"]
            script.append(
                {"contains": seen, "texts": [f"고른 답: {CITIES[told]}\n정답: {told + 1}"]}
            )
        (folder / "docs" / f"{name}-여담.txt").write_text(f"{name}이 사는 고을은 멀다.", "utf-8")
    script.append({"texts": answers})
    (folder / "script.yaml").write_text(yaml.safe_dump(script, allow_unicode=True), "utf-8")
    config = yaml.safe_load((folder / "koalign.yaml").read_text("utf-8"))
    config["data"].pop("hints")
    config |= {"corpus": {"sources": ["docs"]}, "passages": {"permutations": 1}}
    config["sample"] |= {"permutations": 1}
    (folder / "koalign.yaml").write_text(yaml.safe_dump(config), "utf-8")
    return folder
