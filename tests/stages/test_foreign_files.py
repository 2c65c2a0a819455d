"""Files of a run that do not belong together are told in one line, also where their manifest names them."""

import json
import shutil

import pytest
from support.command import RUN, koalign
from support.manifests import record_outputs

CASES = {
    "no samples": ("samples/samples.jsonl", lambda lines: [], ["pairs"], "dpo-pairs", "holds no sample of a prompt"),
    "prompts of another run": ("samples/prompts.jsonl", lambda lines: renamed(lines), ["pairs"], "dpo-pairs", "holds no record 'elsewhere'"),
    "half of the attempts": ("solve/attempts.jsonl", lambda lines: lines[::2], ["evaluate"], "evaluate", "holds no record"),
    "a hint without text": ("hints/abstractions.jsonl", lambda lines: changed(lines, text=""), ["abstraction", "answer"], "abstractions", "text: String should have at least 1"),
    "a hint of another run": ("hints/abstractions.jsonl", lambda lines: renamed(lines), ["abstraction", "answer"], "abstractions", "holds no record 'elsewhere'"),
    "candidates of another run": ("candidates/hints.jsonl", lambda lines: renamed(lines), ["hints", "abstraction", "answer"], "abstractions", "holds no record 'elsewhere'"),
}  # fmt: skip


def changed(lines, **fields):
    return [json.dumps({**json.loads(lines[0]), **fields}), *lines[1:]]


def renamed(lines):
    return [json.dumps({**json.loads(line), "problem_id": "elsewhere"}) for line in lines]


REPORTS = {"pairs/report.json": "dpo-pairs", "prepare/report.json": "prepare", "evaluate/results.json": "evaluate"}  # fmt: skip


@pytest.mark.parametrize("text", ["[]", "{}", "null", '{"pairs": null, "splits": 3, "base": []}'])
def test_a_report_of_another_shape_is_one_line_with_the_command_that_makes_it(text, ran):
    for name, command in REPORTS.items():
        (RUN / name).write_text(text, "utf-8")
        record_outputs(RUN / name.partition("/")[0])
        line = koalign(command, code=2).stderr.splitlines()[-1]
        assert name.partition("/")[2] in line and "makes it again" in line


@pytest.mark.parametrize("case", CASES)
def test_what_another_file_names_and_is_not_there_is_one_line(case, ran):
    name, change, later, command, said = CASES[case]
    path = RUN / name
    path.write_text(
        "".join(f"{line}\n" for line in change(path.read_text("utf-8").splitlines())), "utf-8"
    )
    record_outputs(RUN / name.partition("/")[0])
    for folder in later:
        shutil.rmtree(RUN / folder)
    lines = koalign(command, code=2).stderr.splitlines()
    assert said in lines[-1] and "Traceback" not in "".join(lines)
