"""Only the same items are compared, and what a reader takes to be equal and is not is said."""

import pytest
from support.evaluations import compare, evaluated, marked, prediction

from koalign.records import KoalignError

# The items


def test_other_items_are_refused_with_the_number_missing_on_each_side():
    first, second = evaluated("a", marked("+++++")), evaluated("b", marked("++---++")[2:])
    with pytest.raises(KoalignError) as error:
        compare(first, second)
    for part in ("runs/b: lacks 2 items of runs/a and has 2 others", "'i0000'", "--common"):
        assert part in str(error.value)


def test_common_compares_on_what_all_have_and_says_so():
    first, second = evaluated("a", marked("+++++")), evaluated("b", marked("++---++")[2:])
    third = evaluated("c", marked("-----"), adapters="dpo")
    found = compare(first, second, third, common=True)
    assert found.common and found.n == 3 and {one.n for one in found.comparisons} == {3}
    assert [row.n for row in found.evaluations] == [3, 3, 3]
    assert found.evaluations[0].value == 1
    assert found.evaluations[0].low == pytest.approx(3 / (3 + 1.96**2), abs=1e-4)
    assert "compared on the 3 items that all have, of a 5, b 5, c 5" in found.notes
    same = compare(first, evaluated("c", marked("-----")), common=True)
    assert not same.common and not any("that all have" in note for note in same.notes)


def test_nothing_in_common_is_refused():
    with pytest.raises(KoalignError, match="runs/a: no item that all have"):
        compare(evaluated("a", marked("+")), evaluated("b", marked("++")[1:]), common=True)


# What to doubt


RECORDED = {
    "settings": {"max_tokens": 1024, "stop": []}, "tokenizer_hash": "t", "context": 512,
}  # fmt: skip
"""What an evaluation of an older version does not say."""


def doubted(before: dict, after: dict) -> list[str]:
    marks = "++--++--++--++--++--"
    first = evaluated("a", marked(marks), **before)
    second = evaluated("b", marked("+" * 20), **after)
    return compare(first, second).warnings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"protocol": "csat"}, "protocol differs: kmmlu@lm-eval (a); csat (b)"),
        ({"mode": "generate"}, "mode differs: choice (a); generate (b)"),
        ({"template": "direct"}, "template differs: kmmlu (a); direct (b)"),
        ({"template_hash": "other"}, "hash of the prompt with 0 shots differs: prompt-0 (a); other (b)"),
        ({"data": {"test.csv": "e"}}, "hash of the data differs: d (a); e (b)"),
        ({"samples": 8}, "samples a problem differs: 1 (a); 8 (b)"),
        ({"dtype": "float32"}, "dtype differs: bfloat16 (a); float32 (b)"),
        ({"engine": "hf"}, "engine differs: vllm (a); hf (b)"),
        ({"average": "macro"}, "headline differs: acc, micro (a); acc, macro (b)"),
        ({"weight_hash": "v"}, "hash of the weights of some/model differs: w (a); v (b)"),
        ({"left_out": ("seed",)}, "keys that the server refused differs: none (a); seed (b)"),
        ({"settings": {"max_tokens": 32}}, "max_tokens differs: 1024 (a); 32 (b)"),
        ({"settings": {"max_tokens": 1024, "stop": ["\n"]}}, 'stop differs: [] (a); ["\\n"] (b)'),
        ({"tokenizer_hash": "u"}, "hash of the tokenizer and chat template of some/model differs: t (a); u (b)"),
        ({"context": 256}, "context of some/model differs: 512 (a); 256 (b)"),
        ({"of": 400}, "b: 20 of 400 items were evaluated; these are not the figures of the whole data"),
    ],
)  # fmt: skip
def test_what_a_reader_takes_to_be_equal_and_is_not_is_one_line(changes, said):
    assert doubted(RECORDED, RECORDED | changes) == [said]


@pytest.mark.parametrize(
    "changes",
    [
        {}, {"shots": 5}, {"model": "other/model", "weight_hash": "v"},
        {"data": {"elsewhere/test.csv": "d"}}, {"seed": 7}, RECORDED,
        {"settings": {"grading": "koalign"}, "tokenizer_hash": "u", "context": 9, "weight_hash": "v", "model": "m"},
    ],
)  # fmt: skip
def test_what_may_differ_is_not_doubted(changes):
    assert doubted({}, changes) == []


def test_a_gain_on_a_baseline_that_could_hardly_be_read_is_doubted():
    first = evaluated("a", marked("?" * 3 + "+" * 17))
    doubts = [w for w in compare(first, evaluated("b", marked("+" * 20))).warnings if "read" in w]
    assert len(doubts) == 1 and doubts[0].startswith("a: no answer could be read of 15.0 % of its")


def test_votes_may_be_drawn_in_another_way_than_one_answer():
    told = [
        doubted(
            {"settings": {"temperature": 0.0}, "samples": 1},
            {"settings": {"temperature": 0.8}, "samples": samples},
        )
        for samples in (1, 8)
    ]
    assert told == [
        ["temperature differs: 0.0 (a); 0.8 (b)"], ["samples a problem differs: 1 (a); 8 (b)"]
    ]  # fmt: skip


def test_other_gold_answers_are_doubted():
    first = evaluated("a", marked("++++++++"))
    second = evaluated("b", [p.model_copy(update={"gold": ("2",)}) for p in marked("+-------")])
    (line,) = [w for w in compare(first, second).warnings if "gold" in w]
    assert line.startswith("gold answers of a and b differ on 8 items, the first 'i0000'")


@pytest.mark.parametrize(
    ("shots", "said"),
    [
        ([], "no baseline of some/model here; evaluate it alone, with 0 shots and with some"),
        ([0], "only one baseline here (shots 0); evaluate the base with shots too"),
        ([5], "only one baseline here (shots 5); evaluate the base with 0 shots too"),
        ([5, 10], "no baseline without shots here (shots 5, 10); evaluate the base with 0 shots too"),
        ([0, 5], None),
    ],
)  # fmt: skip
def test_a_tuned_model_misses_the_baselines_that_are_not_there(shots, said):
    bases = [evaluated(f"base-{n}", marked("-" * 12), shots=n) for n in shots]
    other = evaluated("other", marked("-" * 12), model="other", weight_hash="v")
    tuned = evaluated("tuned", marked("+" * 12), adapters="sft")
    found = [w for w in compare(other, *bases, tuned).warnings if "baseline" in w]
    assert found == ([said] if said else [])
    alone = compare(other, evaluated("b", marked("+" * 12)))
    assert not any("baseline" in warning for warning in alone.warnings)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("-" * 30, "+" * 5 + "-" * 25, "5 of 30 items flipped, 5 won and 0 lost; p < 0.05 needs 6 flips, all one way (20.0 points)"),
        # 20 to 7 has p = 0.019 and 19 to 8 has 0.052.
        ("-----++++" * 3, "+++++----" * 3, "27 of 27 items flipped, 15 won and 12 lost; p < 0.05 needs a difference of 13 items (48.1 points)"),
        ("+" + "-" * 29, "-" + "+" * 5 + "-" * 24, "5 won and 1 lost; p < 0.05 needs a difference of 6 items (20.0 points)"),
        ("-" * 30, "+" * 6 + "-" * 24, ""),
    ],
)  # fmt: skip
def test_a_difference_that_so_few_flips_cannot_show_is_doubted(first, second, said):
    found = compare(evaluated("a", marked(first)), evaluated("b", marked(second))).warnings
    assert len(found) == bool(said) and said in "".join(found)


def test_items_on_one_passage_are_said_to_make_p_too_sure():
    sides = [
        evaluated(name, [prediction(n, a, passage=f"p{n // 2}") for n, a in enumerate(answers)])
        for name, answers in (("a", "1212"), ("b", "1111"))
    ]
    assert any("4 items, which stand on 2 passages" in note for note in compare(*sides).notes)
    alone = compare(evaluated("a", marked("+-")), evaluated("b", marked("++")))
    assert not any("passages:" in note for note in alone.notes)
