"""solve with passages: half of the budget with them, half bare, and they must beat their controls."""

import shutil
from pathlib import Path

import pytest
from support.command import RUN, koalign
from support.documents import OTHERS, person, question, record
from support.passages import passage
from support.problems import write_lines

from koalign.answering.queries import draw_queries
from koalign.answering.solving import Solver
from koalign.config.engine import Engine
from koalign.config.retrieval import Queries
from koalign.config.sections import Solve
from koalign.data.formats.sources import read_source
from koalign.data.prompting.prompts import DEFAULT, Renderer, load_template
from koalign.engines.scripted import SCRIPTED_BASE, ScriptedEngine
from koalign.evaluation.solving.solutions import Solution
from koalign.evaluation.solving.voting import Attempt, spent
from koalign.hashing import PLAN, hash_path
from koalign.jsonl import read_json, read_jsonl, write_json
from koalign.manifests import read_manifest
from koalign.records import Problem
from koalign.retrieval.queries import query_renderer
from koalign.retrieval.records import Passage

pytest.importorskip("tantivy")
RENDERER = Renderer(load_template(DEFAULT))
SHOW = ("-s", "solve.passages=1", "--adapters", "dpo")


@pytest.fixture
def run(folder: Path, retrieved: Path) -> Path:
    """The policy, index and passages of a run, to change."""
    shutil.copytree(retrieved, folder, dirs_exist_ok=True)
    return folder


def retrieved_for(problem: Problem, text: str, rank: int = 1) -> Passage:
    own = {"title": "기록", "source": "docs", "licence": "CC0"}
    return passage(problem.id, text, rank, document=f"docs/{rank}.txt", **own)


def scripted_engine(folder: Path) -> ScriptedEngine:
    return ScriptedEngine(
        Engine(backend="scripted", script=str(folder / "script.yaml")), SCRIPTED_BASE
    )


def attempts_of(folder: Path, section: Solve, passages=None, context: int = 0) -> list[Attempt]:
    engine = scripted_engine(folder)
    if context:
        engine.base = SCRIPTED_BASE.model_copy(update={"context": context})
    problems = read_source(str(folder / "test.jsonl"), "test").problems
    found = {one.id: passages(one) for one in problems} if passages else {}
    solver = Solver(engine, section, RENDERER, [None], 0, found)
    path = folder / f"{len(list(folder.glob('*.attempts')))}.attempts"
    return [one for batch in solver.attempts(problems, path) for one in batch]


def test_half_of_the_budget_reads_the_passages_in_order_and_half_is_bare(scripted):
    def two(one: Problem) -> list[Passage]:
        return [retrieved_for(one, "첫 글이다."), retrieved_for(one, "둘째 글이다.", 2)]

    found = attempts_of(scripted, Solve(hints=3, answers=2, bare=4, passages=2), two)
    for one in found:
        (shown,) = one.hints
        assert shown.text == "기록: 첫 글이다.\n\n기록: 둘째 글이다."
        assert [p.document for p in shown.passages] == ["docs/1.txt", "docs/2.txt"]
        assert (len(shown.answers), len(one.bare)) == (6, 4)
        assert spent(one).hints == 0
        assert spent(one).prompt == shown.prompt_tokens + one.bare_prompt_tokens


def test_solving_with_zero_passages_equals_bare(scripted):
    bare = attempts_of(scripted, Solve())
    assert attempts_of(scripted, Solve(passages=2), lambda _: []) == bare
    assert "passages" not in Solve().model_dump(mode="json")
    assert all("passages" not in hint for one in bare for hint in one.model_dump()["hints"])


def test_passages_without_room_for_an_answer_leave_bare_answers_and_say_so(scripted):
    def long(one: Problem) -> list[Passage]:
        return [retrieved_for(one, "가나다라 " * 900)]

    found = attempts_of(scripted, Solve(max_tokens=600, passages=1), long, context=9000)
    assert {hint.use for one in found for hint in one.hints} == {"too_long"}
    assert {len(one.bare) for one in found} == {Solve().budget}


def test_a_query_that_has_no_room_in_the_context_is_not_asked_for_and_costs_nothing(scripted):
    engine, section = scripted_engine(scripted), Queries(max_tokens=SCRIPTED_BASE.context).greedy
    problems = read_source(str(scripted / "test.jsonl"), "test").problems
    drawn = draw_queries(
        engine, query_renderer("off"), problems, None, section, scripted / "q.jsonl", n=1, seed=0
    )
    queries = {one.id: query for one, (query,) in zip(problems, drawn, strict=True)}
    found = dict.fromkeys(queries, ())
    solver = Solver(engine, Solve(passages=1), RENDERER, [None], 0, found, queries)
    for attempt in (
        one for batch in solver.attempts(problems, scripted / "a.jsonl") for one in batch
    ):
        assert [(hint.query, hint.use) for hint in attempt.hints] == [("", "empty")]
        assert spent(attempt).prompt == attempt.bare_prompt_tokens


def test_a_killed_solve_with_passages_ends_in_the_same_bytes(scripted):
    def own(one: Problem) -> list[Passage]:
        return [retrieved_for(one, one.passage)]

    attempts_of(scripted, Solve(passages=1), own)
    whole = (scripted / "0.attempts").read_bytes()
    half = b"".join(whole.splitlines(keepends=True)[:10]) + b'{"id": "'
    (scripted / "1.attempts").write_bytes(half)
    (scripted / "0.attempts").unlink()
    attempts_of(scripted, Solve(passages=1), own)
    assert (scripted / "1.attempts").read_bytes() == whole


def test_where_only_the_gold_passage_answers_passages_beat_bare_and_other_passages_do_not(run):
    done = koalign("solve", "test.jsonl", "-o", "o.jsonl", *SHOW, "--report", code=0)
    report = read_json(run / "o.report.json")
    columns = {column["name"]: column for column in report["columns"]}
    assert columns["hint_average"]["accuracy"] == columns["hint_vote"]["accuracy"] == 1
    for name in ("hint_average", "vote"):
        assert columns[name]["difference_low"] > 0.2
    for name in ("mismatched_average", "mismatched_vote"):
        assert columns[name]["difference_low"] < 0
    assert report["verdict"] == "pays" and report["regression"] is None
    assert "passages pay for themselves here" in done.stdout
    assert "30 with passages" in done.stdout and "bare answers" in done.stdout
    for line in read_jsonl(run / "o.jsonl", Solution):
        (hint,) = line.hints
        (source,) = hint.passages
        assert (source.source, source.licence) == ("docs", "CC0")
        assert source.title in hint.text and sum(line.votes.values()) == 8


def test_problems_of_another_file_are_searched_as_those_of_the_run(run):
    koalign("solve", "others.jsonl", "-o", "o.jsonl", *SHOW, "--greedy", code=0)
    lines = read_jsonl(run / "o.jsonl", Solution)
    assert [line.hints[0].text for line in lines] == [f"{n}호: {record(n)}" for n in OTHERS]
    assert all(line.answer == str(n % 4 + 1) for line, n in zip(lines, OTHERS, strict=True))
    frozen = {p.problem_id: p for p in read_jsonl(run / RUN / "retrieve/passages.jsonl", Passage)
              if p.rank == 1}  # fmt: skip
    koalign("solve", "-o", "test.out.jsonl", *SHOW, "--greedy", code=0)
    for line in read_jsonl(run / "test.out.jsonl", Solution):
        assert line.hints[0].passages[0].chunk_id == frozen[line.id].chunk_id


def test_a_passage_that_holds_an_asked_question_is_not_shown(run):
    asked = f"{person(1)}이 아주 먼 옛날부터 살고 있었다고 하는 고을의 이름은?"
    for name, text in {"해설": f"{asked} 서울로 알려져 있다.", "1호": record(1)}.items():
        (run / "docs" / f"{name}.txt").write_text(text, "utf-8")
    koalign("index", "--force", code=0)
    koalign("retrieve", "--force", code=0)
    write_lines(run / "mine.jsonl", [question(1) | {"question": asked}])
    koalign("solve", "mine.jsonl", "-o", "o.jsonl", *SHOW, "--greedy", code=0)
    (line,) = read_jsonl(run / "o.jsonl", Solution)
    assert line.hints[0].text == f"1호: {record(1)}"


def test_an_index_of_documents_that_changed_since_is_said_to_be_so(run):
    command = ("solve", "others.jsonl", "-o", "o.jsonl", *SHOW, "--greedy", "--force")
    assert "index was made" not in koalign(*command, code=0).stderr
    (run / "docs" / "새 글.txt").write_text("새 글이다.", "utf-8")
    said = koalign(*command, code=0).stderr
    assert (
        "runs/default/index was made with another corpus.sources.0: docs has changed since" in said
    )
    assert "`koalign index --force` makes it again" in said


def remade(folder: Path, name: str, change: dict) -> None:
    """An output of a stage, changed as if it had been made so."""
    stage, file = (folder / RUN / name).parent, (folder / RUN / name)
    write_json(file, read_json(file) | change)
    made = read_manifest(stage)
    outputs = made.outputs | {file.name: hash_path(file)}
    sealed = made.model_copy(update={"outputs": outputs}).sealed
    write_json(stage / "manifest.json", sealed.model_dump(mode="json"))


def not_retrieved(folder: Path) -> list[str]:
    shutil.rmtree(folder / RUN / "retrieve")
    return ["test.jsonl", *SHOW]


def not_indexed(folder: Path) -> list[str]:
    shutil.rmtree(folder / RUN / "index")
    return ["others.jsonl", *SHOW]


def another_analyser(folder: Path) -> list[str]:
    remade(folder, "index/index.json", {"analyser": "0" * 16})
    plan = folder / RUN / "retrieve" / PLAN
    held = read_json(plan)
    held["inputs"]["index/index.json"] = hash_path(folder / RUN / "index/index.json")
    write_json(plan, held)
    return ["others.jsonl", *SHOW]


def of_other_problems(folder: Path) -> list[str]:
    write_lines(folder / "train.jsonl", [question(n) for n in range(300, 312)])
    koalign("prepare", "--force", code=0)
    return ["test.jsonl", *SHOW]


def with_hints(folder: Path) -> list[str]:
    return ["test.jsonl", "-s", "solve.passages=1", "--adapters", "sft,dpo"]


def more_than_kept(folder: Path) -> list[str]:
    return ["test.jsonl", "-s", "solve.passages=6", "--adapters", "dpo"]


def none_with_them(folder: Path) -> list[str]:
    return ["test.jsonl", *SHOW, "-s", "solve.hints=0"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (not_retrieved, "run `koalign retrieve` first"),
        (not_indexed, "run `koalign index` first"),
        (another_analyser, "made by another analyser"),
        (of_other_problems, "train.jsonl has changed since; or run `koalign retrieve --force`"),
        (with_hints, "solve.passages: passages stand in the place of hints"),
        (more_than_kept, "raise retrieve.passages"),
        (none_with_them, "nothing would answer with the passages"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_line(run, change, says):
    done = koalign("solve", *change(run), "-o", "o.jsonl", code=2)
    *older, error = done.stderr.splitlines()
    assert says in error and not Path("o.jsonl").exists()
    assert all("was made of another prepare/" in line for line in older)


def test_what_is_missing_is_told_in_order_adapters_then_test_problems_then_the_file_of_answers(run):
    asked = ("solve", "-s", "solve.passages=1")
    assert "name one step, such as --adapters dpo" in koalign(*asked, code=2).stderr
    without = koalign(*asked, "--adapters", "query,reader", code=2).stderr
    assert f"adapter 'query' is not in {RUN}; run `koalign query` first" in without
    told = "solve.passages on the test split: name the answers with -o answers.jsonl"
    assert told in koalign(*asked, "--adapters", "dpo", code=2).stderr
    koalign("prepare", "-s", "data.test=null", "--force", code=0)
    for out in ((), ("-o", "o.jsonl")):
        empty = koalign(*asked, "--adapters", "dpo", *out, code=2).stderr
        assert "test.jsonl: no test problems; set data.test, or name a FILE" in empty
        other = koalign(*asked, "--adapters", "query,reader", *out, code=2).stderr
        assert "run `koalign query` first" in other
    assert not Path("o.jsonl").exists()
