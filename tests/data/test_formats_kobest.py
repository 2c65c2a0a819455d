"""KoBEST of the Hub and of GitHub: five tasks, two spellings of each, the same problems."""

import pytest
from support.exam_files import FOUR
from support.read_rows import dropped, only, read_as, reading_of

COPA = {
    "premise": "비가 왔다.", "question": "결과", "alternative_1": "해가 났다.", "alternative_2": "길이 젖었다.",
    "label": 1,
}  # fmt: skip


BOOLQ = {"paragraph": "독서는 즐겁다.", "question": "독서는 즐거운가?", "label": 1}
ENDINGS = {f"ending_{n}": FOUR[n - 1] for n in range(1, 5)}
HELLASWAG = {"context": "공을 던진다.", **ENDINGS, "label": 3}
SENTINEG = {"sentence": "안 좋아요", "label": 0}
WIC = {"word": "양분", "context_1": "[양분]이 많다.", "context_2": "둘로 [양분]했다.", "label": 0}


@pytest.mark.parametrize(
    ("row", "task", "choices", "answer"),
    [
        (BOOLQ, "boolq", ("아니오", "예"), "2"), (COPA, "copa", ("해가 났다.", "길이 젖었다."), "2"),
        (HELLASWAG, "hellaswag", tuple(FOUR), "4"), (SENTINEG, "sentineg", ("부정", "긍정"), "1"),
        (WIC, "wic", ("아니오", "예"), "1"),
    ],
)  # fmt: skip
def test_the_five_tasks_of_kobest_on_the_hub_count_from_zero(row, task, choices, answer):
    problem = only(read_as("kobest", "test.jsonl", row))
    assert (problem.subject, problem.choices, problem.answers) == (task, choices, (answer,))
    assert (problem.source, problem.split) == ("kobest", "test")


GITHUB_BOOLQ = "ID\tText\tQuestion\tAnswer\r\n1\t글\t즐거운가?\t{}\r\n"


@pytest.mark.parametrize(
    ("label", "answer"), [("True", "2"), ("TRUE", "2"), ("False", "1"), ("FALSE", "1")]
)
def test_the_truth_of_kobest_on_github_is_spelled_in_four_ways(label, answer):
    problem = only(read_as("kobest", "BoolQ/test.tsv", GITHUB_BOOLQ.format(label)))
    assert (problem.answers, problem.question, problem.key) == ((answer,), "즐거운가?", "1")


def test_copa_counts_from_one_on_github_and_from_zero_on_the_hub():
    github = "ID\tsentence\tquestion\t1\t2\tAnswer\r\n1\t비가 왔다.\t결과\t해가 났다.\t길이 젖었다.\t2\r\n"
    one = only(read_as("kobest", "COPA/dev.tsv", github))
    other = only(read_as("kobest", "a.jsonl", COPA))
    assert one.answers == other.answers == ("2",)
    assert one.id == other.id
    zero = dropped(read_as("kobest", "COPA/dev.tsv", github.replace("\t2\r\n", "\t0\r\n")))
    assert zero.reason == "answer_is_zero"


def test_copa_asks_for_the_cause_or_the_result_and_nothing_else():
    asked = [
        only(read_as("kobest", "a.jsonl", {**COPA, "question": word})).question
        for word in ("원인", "결과 ")
    ]
    assert asked == ["이 문장의 원인으로 알맞은 것은?", "이 문장의 결과로 알맞은 것은?"]
    reading = read_as("kobest", "a.jsonl", {**COPA, "question": "이유"})
    assert dropped(reading).reason == "neither_cause_nor_result"


def test_hellaswag_counts_from_zero_on_github_too_and_has_lf_line_ends():
    github = "context\tchoice1\tchoice2\tchoice3\tchoice4\tlabel\n공을 던진다.\t{}\t3\n"
    problem = only(read_as("kobest", "HellaSwag/dev.tsv", github.format("\t".join(FOUR))))
    assert problem.answers == ("4",)
    assert problem.id == only(read_as("kobest", "a.jsonl", HELLASWAG)).id


@pytest.mark.parametrize(
    "content",
    [
        "ID\tText\tLabel\r\n1\t안 좋아요\t0\r\n",
        "ID\tLabel\tText\r\n1\t0\t안 좋아요\r\n",
        "ID\tLabel_origin\tText_origin\tLabel\tText\tCategory_neg\r\n1\t1\t좋아요\t0\t안 좋아요\t1\r\n",
    ],
)
def test_sentineg_is_read_by_name_and_asks_the_negated_sentence(content):
    problem = only(read_as("kobest", "SentiNeg/test.tsv", content))
    assert (problem.passage, problem.answers, problem.key) == ("안 좋아요", ("1",), "1")


def test_wic_of_github_is_wic_of_the_hub():
    header = "ID\tTarget\tSENTENCE1\tDictionary 1\tLink 1\tSENTENCE2\tDictionary 2\tLink2\tANSWER\r\n"  # fmt: skip
    row = "1\t양분\t[양분]이 많다.\t9\thttps://a\t둘로 [양분]했다.\t4\thttps://b\tFalse\r\n"
    problem = only(read_as("kobest", "WiC/train.tsv", header + row))
    assert problem.id == only(read_as("kobest", "a.jsonl", WIC)).id
    assert (problem.answers, problem.question) == (("1",), "두 문장에서 '양분'의 뜻이 같은가?")


def test_a_tab_separated_cell_may_begin_with_a_quotation_mark_and_not_be_quoted():
    plain = '1\t"국제시장"은 영화이다.\t"국제시장"의 감독은?\tTrue\r\n'
    quoted = '2\t"""국제시장""은 영화이다."\t"즐거운가?"\tTrue\r\n'
    unclosed = '3\t"국제시장은 영화이다.\t즐거운가?\tTrue\r\n'
    rows = ("ID\tText\tQuestion\tAnswer\r\n", plain, quoted, unclosed, "4\t글\t즐거운가?\tTrue\r\n")
    reading = read_as("kobest", "BoolQ/train.tsv", "".join(rows))
    assert not reading.drops
    assert [p.passage for p in reading.problems] == [
        '"국제시장"은 영화이다.', '"국제시장"은 영화이다.', '"국제시장은 영화이다.', "글",
    ]  # fmt: skip
    assert reading.problems[0].question == '"국제시장"의 감독은?'


def test_a_sentence_and_a_label_among_other_columns_are_not_kobest():
    reading = reading_of({**SENTINEG, "emotion": "슬픔"}, name="a.jsonl")
    assert "kobest" not in reading.files.values()
