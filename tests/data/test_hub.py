"""hf:// goes through `datasets` for real, here on folders in the shape of hub repositories."""

from pathlib import Path

import pytest
from support.command import koalign
from support.problems import problem, write_lines

from koalign.data.formats.sources import read_source
from koalign.jsonl import read_json
from koalign.records import KoalignError

KMMLU = "question,answer,A,B,C,D,Category,Human Accuracy\n"


@pytest.fixture
def hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """owner/exam with one config a subject, and owner/plain with two splits, as folders here."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(folder / "cache"))
    exam = folder / "owner" / "exam"
    for subject in ("Law", "Math"):
        for split in ("dev", "test"):
            path = exam / "data" / f"{subject}-{split}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = "".join(
                f"{subject} {split} {n}번?,{n % 4 + 1},가,나,다,{'NA' if n == 3 else '라'},{subject},0.0\n"
                for n in range(4)
            )
            path.write_text(KMMLU + rows, encoding="utf-8")
    configs = "".join(
        f"- config_name: {subject}\n  data_files:\n"
        + "".join(
            f"  - split: {split}\n    path: data/{subject}-{split}.csv\n"
            for split in ("dev", "test")
        )
        for subject in ("Law", "Math")
    )
    (exam / "README.md").write_text(f"---\nconfigs:\n{configs}---\n", encoding="utf-8")
    write_lines(folder / "owner" / "plain" / "train.jsonl", [problem(n) for n in range(5)])
    write_lines(folder / "owner" / "plain" / "test.jsonl", [problem(n) for n in range(100, 103)])
    return folder


@pytest.mark.slow
def test_a_split_of_a_config_is_read_by_the_format_that_it_looks_like(hub):
    reading = read_source("hf://owner/exam:Law/test", "test")
    assert list(reading.files.values()) == ["kmmlu"] and reading.rows == 4
    assert {p.subject for p in reading.problems} == {"Law"}
    assert {p.split for p in reading.problems} == {"test"}


@pytest.mark.slow
def test_a_choice_that_pandas_takes_for_nothing_is_a_counted_drop_and_in_a_file_a_choice(hub):
    """`datasets` reads CSV with pandas, to which the text NA is no text; our own reader keeps it."""
    reading = read_source("hf://owner/exam:Law/dev", "dev")
    assert reading.rows == 4 and [drop.reason for drop in reading.drops] == ["empty_choice"]
    own = read_source("owner/exam/data/Law-dev.csv", "dev")
    assert own.problems[3].choices[3] == "NA" and not own.drops


@pytest.mark.slow
def test_without_a_split_the_one_that_is_wanted_is_taken_and_the_others_are_listed(hub):
    reading = read_source("hf://owner/plain", "train")
    assert len(reading.problems) == 5 and list(reading.not_read) == ["hf://owner/plain/test"]
    named = read_source("hf://owner/plain", "train", split="test")
    assert len(named.problems) == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("hf://owner", "expected hf://owner/name"),
        ("hf://../..", "expected hf://owner/name"),
        ("hf://owner/plain/nope", "no split 'nope'; there are"),
        ("hf://owner/exam:Nope", "cannot be loaded"),
        ("hf://owner/absent", "cannot be loaded"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(hub, path, said):
    with pytest.raises(KoalignError, match=said) as caught:
        read_source(path, "train")
    assert path in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_run_reads_from_the_hub_as_from_a_file(scripted, hub):
    settings = ("data.train=hf://owner/plain", "data.test=[]", "data.hints=null")
    done = koalign("prepare", *(part for setting in settings for part in ("-s", setting)))
    assert done.returncode == 0, done.stderr
    report = read_json(Path("runs/default/prepare/report.json"))
    assert report["splits"]["train"]["problems"] == 5
