"""Warnings of the stages of a run are in its events: each once, without control characters and secrets."""

import pytest
from support.command import RUN, koalign
from support.events import events_of
from support.problems import problem, write_lines

from koalign.config.files import load_config
from koalign.records import KoalignError
from koalign.run import Stage, StageResult, execute
from koalign.text.visible import say, say_once, warn
from koalign.tracking.events import EventLog, training_warnings

SECRET = "sk-0123456789abcdef"


def warnings_of(run, stage: str) -> list[str]:
    return [e["text"] for e in events_of(run) if (e["kind"], e["stage"]) == ("warning", stage)]


@pytest.mark.parametrize("command", ["run", "prepare"])
def test_a_warning_on_the_screen_is_an_event_of_its_stage_and_a_second_run_adds_none(
    scripted, command
):
    rows = [problem(n) for n in range(24)]
    rows[3] |= {"key": f"\x1b[31m{SECRET}", "question": "\x0c3번 사람이 사는 곳은?"}
    write_lines(scripted / "train.jsonl", rows)
    (scripted / "koalign.yaml").write_text(
        (scripted / "koalign.yaml").read_text("utf-8").replace("  hints: hints.jsonl\n", ""),
        "utf-8",
    )
    done = koalign(command, code=0, MY_API_KEY=SECRET)
    assert "1 problem with control characters" in done.stderr
    (text,) = warnings_of(RUN, "prepare")
    assert "1 problem with control characters, the first ␛[31m[MY_API_KEY]" in text
    raw = (RUN / "events.jsonl").read_text("utf-8")
    assert SECRET not in raw and "\\u001b" not in raw and "\\u000c" not in raw
    koalign("prepare", "--force", code=0, MY_API_KEY=SECRET)
    (RUN / "prepare" / "manifest.json").unlink()  # as if it had been killed
    koalign("prepare", code=0, MY_API_KEY=SECRET)
    assert len(warnings_of(RUN, "prepare")) == 1


def test_a_stage_that_stops_leaves_what_it_had_warned_of_and_the_rest_on_stderr_is_no_warning(
    scripted,
):
    def stops(config, inputs, out):
        say("ill: step 1", err=True)
        warn("ill: first")
        warn("ill: first")
        warn("ill: second", once=True)
        raise KoalignError("no more")

    stage = Stage("ill", "sft", stops, sections=("sft",), inputs=())
    with pytest.raises(KoalignError):
        execute(stage, load_config([]), RUN)
    kinds = [(event["kind"], event["text"]) for event in events_of(RUN)]
    assert kinds == [
        ("begun", ""),
        ("warning", "ill: first"),
        ("warning", "ill: second"),
        ("stopped", "no more"),
    ]
    warn("of no stage")
    assert len(events_of(RUN)) == 4


def test_what_a_process_says_once_is_an_event_of_each_run_that_it_makes(tmp_path, capsys):
    say_once.cache_clear()
    for name in ("seed-0", "seed-1"):
        with EventLog(tmp_path / name).warnings("sft", "p"):
            warn("the same line", once=True)
        assert warnings_of(tmp_path / name, "sft") == ["the same line"]
    assert capsys.readouterr().err == "the same line\n"


def test_a_training_in_a_process_of_its_own_and_its_stage_write_a_warning_once(scripted):
    def trains(config, inputs, out):
        with training_warnings(out):
            warn("sft: a line")
        return StageResult()

    stage = Stage("sft", "sft", trains, sections=("sft",), inputs=())
    execute(stage, load_config([]), RUN)
    assert warnings_of(RUN, "sft") == ["sft: a line"]
