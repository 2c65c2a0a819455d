"""Names of columns that say a language: the Korean column is read, and the other one is said."""

import pytest
from support.read_rows import only, reading_of

FOUR = ["한강", "금강", "섬진강", "영산강"]
ENGLISH = ["Han", "Geum", "Seomjin", "Yeongsan"]
LETTERS = dict(zip("ABCD", ENGLISH, strict=True))


def asked(**fields):
    return only(reading_of([fields], name="강.jsonl"))


@pytest.mark.parametrize(
    ("question", "choices", "answer"),
    [
        ("question_ko", "choices_ko", "answer"),
        ("ko_question", "ko_options", "answer_ko"),
        ("questionKo", "choicesKo", "answer_kor"),
        ("Question (KO)", "Options (KO)", "Answer"),
        ("question-korean", "options-korean", "correct_answer"),
        ("문제(한국어)", "선택지(한국어)", "정답"),
        ("prompt_text", "choices", "expected_answer"),
        ("instruction_ko", "options_kr", "gold_answer"),
        ("question_en", "options_en", "answer_en"),
    ],
)
def test_a_language_in_the_name_of_a_column_changes_nothing(question, choices, answer):
    problem = asked(**{question: "긴 강은?", choices: FOUR, answer: "금강"})
    assert (problem.question, problem.choices, problem.answers) == ("긴 강은?", tuple(FOUR), ("2",))


@pytest.mark.parametrize("form", ["{}_ko", "ko_{}", "{} (KO)"])
@pytest.mark.parametrize("other", ["{}", "{}_en", "{} (en)"])
def test_of_two_languages_the_korean_column_is_read_and_the_other_is_said(form, other):
    fields = {
        other.format("question"): "Which river?",
        other.format("choices"): ENGLISH,
        form.format("question"): "긴 강은?",
        form.format("choices"): FOUR,
    }
    reading = reading_of([{**fields, "answer": 2}], name="강.jsonl")
    problem = only(reading)
    assert (problem.question, problem.choices) == ("긴 강은?", tuple(FOUR))
    assert any(f"not used: {other.format('question')}" in note for note in reading.notes)


def test_korean_columns_beside_those_of_a_known_format_are_not_left_out():
    korean = {f"{letter}_ko": text for letter, text in zip("ABCD", FOUR, strict=True)}
    row = {"question": "Which?", **LETTERS, "answer": 2, "question_ko": "긴 강은?", **korean}
    problem = only(reading_of([row], name="강.jsonl"))
    assert (problem.question, problem.choices) == ("긴 강은?", tuple(FOUR))


def test_an_english_column_beside_a_korean_one_without_a_language_is_not_read():
    problem = asked(question="긴 강은?", question_en="Which?", choices=FOUR, answer=2)
    assert problem.question == "긴 강은?"
    problem = asked(
        question="긴 강은?", A="가", B="나", C="다", D="라", answer=2, question_en="Which?"
    )
    assert (problem.question, problem.source) == ("긴 강은?", "kmmlu")


def test_a_passage_in_another_language_is_no_second_passage():
    text = "The river rises in the mountains and flows through wide fields down to the sea. " * 2
    problem = asked(
        question_ko="긴 강은?",
        passage_ko="강이 흐른다.",
        passage_en=text,
        choices_ko=FOUR,
        answer=2,
    )
    assert problem.passage == "강이 흐른다."
