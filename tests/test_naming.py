"""A problem is named by its own id, its text and its hash."""

import pytest

from koalign.naming import LONGEST, named


@pytest.mark.parametrize(
    ("question", "key", "shown"),
    [
        ("옳은 것은?", "q-17", "q-17: 옳은 것은? (0f3a)"),
        ("옳은\n것은?", "", "옳은 것은? (0f3a)"),
        ("", "q-17", "q-17 (0f3a)"),
        ("", "", "0f3a"),
    ],
)
def test_key_question_and_hash_stand_side_by_side(question, key, shown):
    assert named("0f3a", question, key) == shown


def test_a_long_question_shows_its_end_and_a_long_key_its_beginning():
    name = named("0f3a", f"{'글 ' * 200}옳은 것은?", "열쇠" * 200)
    key, question = name.removesuffix(" (0f3a)").split(": ")
    assert question.startswith("…") and question.endswith("옳은 것은?")
    assert key.startswith("열쇠") and key.endswith("…")
    assert len(question) == len(key) == LONGEST
