"""A plan counts what the passages of a run sample, in the order of its stages."""

from dataclasses import replace

import pytest
from support.planned import COUNTS

from koalign.config.files import load_config
from koalign.planning.workload import work_of
from koalign.stages.pipeline import stages_of

CORPUS = "corpus.sources=[docs]"


def test_a_run_with_a_corpus_indexes_before_it_trains_and_screens_passages_after_dpo():
    config = load_config([], [CORPUS])
    names = [work.stage for work in work_of(config, COUNTS)]
    assert names == [stage.name for stage in stages_of("run", config)]
    assert names[:4] == ["prepare", "index", "retrieve", "sft"]
    assert names.index("passages") == names.index("dpo") + 1
    assert names.index("reader") == names.index("passages") + 1


def test_without_a_corpus_no_stage_of_retrieval_is_planned():
    names = {work.stage for work in work_of(load_config([]), COUNTS)}
    assert not names & {"index", "retrieve", "passages", "reader"}


def test_samples_grow_with_the_passages_tried_and_their_prompts_with_the_chunks():
    def hinted(*settings: str):
        work = work_of(load_config([], [CORPUS, *settings]), COUNTS)
        return next(w for w in work if w.stage == "passages").draws[1]

    one, three = hinted("passages.per_problem=1", "reader.passages=1"), hinted()
    assert three.prompts == pytest.approx(3 * one.prompts)
    assert hinted("corpus.characters=900").prompt_tokens - three.prompt_tokens == pytest.approx(300)
    assert hinted("passages.limit=10").prompts == 10


def test_rows_of_the_reader_are_as_long_as_the_passages_that_they_show():
    def reader(*settings: str, counts=COUNTS):
        work = work_of(load_config([], [CORPUS, *settings]), counts)
        return next(w for w in work if w.stage == "reader").fit

    one, three = reader("reader.passages=1"), reader()
    shown = one.prompt_tokens - COUNTS.prompt_tokens
    assert shown > 100
    assert three.prompt_tokens - COUNTS.prompt_tokens == pytest.approx(3 * shown)
    assert three.longest - COUNTS.longest == pytest.approx(3 * shown)
    screened = replace(COUNTS, gold_passages=40)
    assert reader(counts=screened).groups == pytest.approx(40 * 2 / 0.8)
