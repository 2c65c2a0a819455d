"""Names of adapters: commas part steps, plus signs sum; one grammar wherever an adapter is named."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.adapter_folders import RUN
from support.command import koalign
from support.refusals import refused
from support.training import base_of_tests

from koalign.adapters.cards import CARD, adapter_id, check_adapter, read_card, write_card
from koalign.adapters.external import WEIGHTS
from koalign.adapters.names import find_adapter, find_adapters, last_policy, steps_of
from koalign.config.sections import Solve
from koalign.records import KoalignError

pytestmark = pytest.mark.slow


@pytest.fixture
def there(there) -> Path:
    """A run of two rounds without sums, and folders of one's own beside it."""
    shutil.rmtree(RUN / "stacks")
    for source, name in (("own", "mine"), ("mine/2-folds/sft-1/adapter", "yours")):
        shutil.copytree(RUN / source, name, ignore=shutil.ignore_patterns(CARD))
    return there


@pytest.mark.parametrize(
    ("names", "rounds", "folders"),
    [
        ("sft", 1, ["run/sft/adapter"]),
        ("abstraction,answer", 2, ["run/abstraction/adapter", "run/answer/adapter"]),
        (" abstraction , answer ", 2, ["run/abstraction/adapter", "run/answer/adapter"]),
        ("base", 1, [None]),
        ("abstraction,base", 1, ["run/abstraction/adapter", None]),
        ("dpo", 1, ["run/dpo/adapter"]),
        ("dpo", 2, ["run/dpo-2/adapter"]),
        ("dpo", None, ["run/dpo-2/adapter"]),
        ("dpo-2", 1, ["run/dpo-2/adapter"]),
        ("mine", 1, ["mine"]),
        ("./mine,run/dpo/adapter", 1, ["mine", "run/dpo/adapter"]),
    ],
)
def test_names_of_the_run_and_paths_are_steps(names, rounds, folders, there):
    found = find_adapters(names, RUN, rounds)
    assert found == [None if folder is None else Path(folder) for folder in folders]


def test_what_names_a_folder_as_it_stands_is_that_folder(there):
    for name in ("mine,yours", "mine+yours", "dpo+mine"):
        shutil.copytree("mine", name)
        assert find_adapters(name, RUN) == [Path(name)]
    assert find_adapters("answer,mine+yours", RUN) == [RUN / "answer/adapter", Path("mine+yours")]
    assert not (RUN / "stacks").exists()


def test_a_name_of_the_run_is_not_a_folder_that_is_called_the_same(there):
    shutil.copytree("mine", "answer")
    assert find_adapters("answer,./answer", RUN) == [RUN / "answer/adapter", Path("answer")]


@given(st.text() | st.text(alphabet="abdfopst,+./- 가\0\n"))
def test_any_text_is_steps_or_one_line_that_says_why_not(text):
    try:
        found = find_adapters(text, Path("nowhere"))
    except KoalignError as error:
        assert str(error).strip() and "\n" not in str(error)
    else:
        assert len(found) == len(steps_of(text)) >= 1
        assert all(folder is None or folder.is_dir() for folder in found)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("dop", "unknown adapter 'dop'; known are base, sft, dpo, abstraction, answer, reader, query, dpo-2, adapter folders"),
        ("", "unknown adapter ''"),
        ("answer,", "unknown adapter ''"),
        ("dpo+", "unknown adapter ''"),
        ("dpo-3", "adapter 'dpo-3' is not in run; run `koalign dpo` first"),
        ("./nope", "unknown adapter './nope'"),
        ("base+dpo", "base+dpo: every adapter stands on the base; leave `base` out of the sum"),
        ("base+base", "leave `base` out of the sum"),
        ("mine+mine", "mine+mine: mine and mine are the same adapter; name it once"),
        ("mine+copy", "mine and copy are the same adapter"),
        ("dpo+answer", "dpo+answer: answer already contains dpo; leave dpo out"),
        ("answer+mine+sft", "answer already contains sft; leave sft out"),
        ("dpo+sft", "dpo already contains sft"),
        ("abstraction+answer", "abstraction and answer both contain dpo, which would count twice"),
        ("mine+run/sft", "run/sft: no adapter here"),
    ],
)  # fmt: skip
def test_a_wrong_name_and_a_sum_that_counts_twice_are_refused_with_the_remedy(names, said, there):
    shutil.copytree("mine", "copy")
    with refused(said):
        find_adapters(names, RUN, 2)
    assert not (RUN / "stacks").exists(), "nothing is made of what is refused"


def test_what_is_not_trained_yet_names_its_command(there):
    (RUN / "answer/manifest.json").unlink()  # a stage that did not end has made no adapter yet
    for name, run, command in (("sft", "other", "sft"), ("dpo", "other", "dpo"), ("answer", "run", "abstractions")):  # fmt: skip
        with refused(f"'{name}' is not in {run}; run `koalign {command}`"):
            find_adapters(name, Path(run))


def test_containment_is_seen_through_a_run_that_was_moved(there):
    RUN.rename("moved")
    with pytest.raises(KoalignError, match="answer already contains sft"):
        find_adapters("answer+sft", Path("moved"))


def test_a_sum_is_made_once_below_the_run_and_found_again(there):
    (folder,) = find_adapters("dpo+mine", RUN, 2)
    assert folder.parent == RUN / "stacks"
    card = read_card(folder)
    ids = [adapter_id(RUN / "dpo-2/adapter"), adapter_id(Path("mine"))]
    assert [one.id for one in card.parents] == ids and card.origin == "stacked" and card.rank == 8
    before = (folder / WEIGHTS).stat()
    assert find_adapters(" dpo + mine ", RUN, 2) == [folder]
    assert (folder / WEIGHTS).stat().st_mtime_ns == before.st_mtime_ns
    (other,) = find_adapters("mine+dpo", RUN, 2)
    assert other != folder
    assert sorted(p.name for p in (RUN / "stacks").iterdir()) == sorted([folder.name, other.name])
    shutil.rmtree("mine")
    shutil.copytree("yours", "mine")
    assert find_adapters("dpo+mine", RUN, 2) not in ([folder], [other]), "named by its parts"


def test_a_sum_of_three_in_one_step_and_an_adapter_in_the_other(there):
    hint, answer = find_adapters("abstraction,answer+mine+yours", RUN)
    assert hint == RUN / "abstraction/adapter"
    assert [one.name for one in read_card(answer).parents] == ["answer", "mine", "yours"]
    assert check_adapter(answer, base_of_tests(), None).role == "stack"


def test_a_sum_is_written_through_no_link_out_of_the_run(there, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (RUN / "stacks").symlink_to(outside)
    with pytest.raises(KoalignError, match="a link to"):
        find_adapters("dpo+mine", RUN, 2)
    assert not any(outside.iterdir())


def test_a_part_without_weights_is_named_before_anything_is_made(there):
    (RUN / "dpo-2/adapter" / WEIGHTS).unlink()
    with pytest.raises(KoalignError, match="run/dpo-2/adapter: its weights were pruned"):
        find_adapters("dpo+mine", RUN, 2)
    assert not (RUN / "stacks").exists()


def test_the_grammar_of_a_sum_knows_the_lineage_of_what_lies_outside_the_run(there):
    """A sum of one's own that says what it contains, by its card."""
    whole = find_adapter("mine+yours", RUN)
    own = Path("own")
    shutil.copytree(whole, own)
    with pytest.raises(KoalignError, match="own already contains mine; leave mine out"):
        find_adapters("own+mine", RUN)


def test_one_adapter_is_no_two_steps_and_not_the_base(there):
    assert find_adapter("mine", RUN) == Path("mine")
    for names, said in (("sft,dpo", "2 steps"), ("base", "is no adapter")):
        with pytest.raises(KoalignError, match=said):
            find_adapter(names, RUN)


def test_the_last_policy_is_the_last_round_that_is_there(there):
    assert last_policy(RUN) == "dpo-2"
    shutil.rmtree(RUN / "dpo-2")
    assert last_policy(RUN) == "dpo"
    shutil.rmtree(RUN / "dpo")
    assert last_policy(RUN) == "sft" and last_policy(Path("nowhere")) is None


def test_the_default_of_solve_is_a_hint_and_an_answer(there):
    assert len(find_adapters(Solve().adapters, RUN)) == 2


def test_the_command_line_says_it_in_one_line_and_code_2(there):
    for arguments in (["show", "sft,dpo"], ["show", "answer+dpo"], ["prune", "mine"]):  # fmt: skip
        refused = koalign("adapters", *arguments, *(["--run-dir", "run"] if arguments[0] == "show" else []), code=2)  # fmt: skip
        assert refused.stdout == ""
        assert refused.stderr.startswith("koalign: ") and refused.stderr.count("\n") == 1


def test_a_card_that_names_itself_as_its_parent_ends_the_search(there):
    card = read_card(RUN / "sft/adapter")
    itself = read_card(RUN / "dpo/adapter").parents
    write_card(RUN / "sft/adapter", card.model_copy(update={"parents": itself}))
    with pytest.raises(KoalignError, match="dpo already contains sft"):
        find_adapters("dpo+sft", RUN, 1)
