"""Text comes into one form without losing a mark, and folding serves comparison only."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koalign.text.korean import (
    CHOICE_MARKS,
    clean,
    final_consonant,
    fold,
    fold_width,
    fold_words,
    han_leak,
    oddities,
    strip_josa,
    unescape_literals,
    with_josa,
)
from koalign.text.ngrams import character_ngrams

# Hangul whole and in pieces, marks, odd spaces and line ends: what hypothesis seldom finds by itself.
WILD = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(
            "가각힣ㄱㆍㅤ\u1100\u1103\u1114\u115f\u1161\u119e\u11a8\u302e①❶㉠Ａ～（\ufeff\r\n\u00a0\u200b\u0301ΐſÅİ類"
        ),
    )
)
MODERN = st.text(st.sampled_from("가나다라마바사 각힣ㄱㄴㅏAz19.,①㉠㎏㈜\n\t“”·甲"))


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        (unicodedata.normalize("NFD", "만 6세"), "만 6세"), ("\uf9d0", "類"), ("\ufeffid", "id"),
        ("가\r\n나\r다\n", "가\n나\n다\n"), ("\u1100. 갑 \u1102. 을 \u1103. 병", "ㄱ. 갑 ㄴ. 을 ㄷ. 병"),
        ("\u1100, \u1102\u1103", "ㄱ, ㄴㄷ"), ("갑\u1102", "갑ㄴ"), ("\u1100의 처지", "ㄱ의 처지"),
        ("\u1110 \u1112", "ㅌ ㅎ"),
    ],
)  # fmt: skip
def test_text_comes_into_one_form(raw, cleaned):
    assert clean(raw) == cleaned


@pytest.mark.parametrize(
    "text",
    ["①③⑳", "➀❶", "㉠㉡", "ㄱㄴㄷ", "²½㎏…Ⅳㆍ", "\u1112\u119e\u11ab글", "\u1121\u1161\u11af", "\uf000", "１９８８年", "a\ufeffb"],
)  # fmt: skip
def test_marks_units_and_old_hangul_stay_as_they_are(text):
    assert clean(text) == unicodedata.normalize("NFC", text)


@given(WILD)
def test_cleaning_twice_is_cleaning_once(text):
    assert clean(clean(text)) == clean(text)


@given(MODERN)
def test_modern_korean_in_nfc_is_left_alone(text):
    assert clean(text) == text


@given(st.text(st.sampled_from("가나 각힣ㄱ19.①")))
def test_decomposed_text_comes_back_whole(text):
    assert clean(unicodedata.normalize("NFD", text)) == text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2019~2020", "2019∼2020"), ("2019~2020", "2019～2020"), ("３·１ 운동", "3ㆍ1  운동"),
        ("3‧1운동", "3・1운동"), ("가•나", "가·나"), ("“한글”", '"한글"'), ("‘기생충’", "'기생충'"), ("A—B", "a-b"),
        ("１９８８년", "1988년"), ("（주）카카오", "(주)카카오"), ("세종\u00a0대왕", " 세종 대왕\n"),
        ("세종\u3000대왕\u3164", "세종 대왕"), ("세종\u200b대왕", "세종대왕"), ("UNESCO", "ｕｎｅｓｃｏ"),
        (unicodedata.normalize("NFD", "세종대왕"), "세종대왕"),
    ],
)  # fmt: skip
def test_spellings_of_the_same_thing_fold_together(one, other):
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("①", "1"), ("㉠", "ㄱ"), ("㉮", "가"), ("²", "2"), ("㎏", "kg"), ("½", "1/2"), ("세종 대왕", "세종대왕"), ("》", '"')],
)  # fmt: skip
def test_what_is_not_the_same_does_not_fold_together(one, other):
    assert fold(one) != fold(other)


@pytest.mark.parametrize("form", [fold, fold_width, fold_words])
@given(WILD)
def test_folding_twice_is_folding_once(form, text):
    assert form(form(text)) == form(text)


@given(st.text(st.sampled_from("aAbB1 -'μé가."), max_size=20))
def test_words_fold_between_width_and_case(text):
    assert fold_words(fold_words(text)) == fold_words(text)
    assert fold(fold_words(text)) == fold(text) and fold_words(fold_width(text)) == fold_words(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Paris", "paris"), ("UNESCO", "Unesco"), ("The Great Gatsby", "the great gatsby"), ("Ｐａｒｉｓ", "paris"), ("Yes", "yes"),
     ("World Health Organization", "WORLD HEALTH ORGANIZATION"), ("Newton's Law", "newton's law"), ("10 Apples", "10 apples")],
)  # fmt: skip
def test_words_in_either_case_fold_together(one, other):
    assert fold_words(one) == fold_words(other) and fold_width(one) != fold_width(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Co", "CO"), ("1 mW", "1 MW"), ("1mW", "1MW"), ("Mg", "mg"), ("pH", "PH"), ("NO", "No"), ("CO2", "Co2"), ("CoCl2", "COCl2"),
     ("AaBb", "aabb"), ("RRYY", "rryy"), ("5 Gbps", "5 GBps"), ("a", "A"), ("DNA", "dNA"), ("Ω", "ω"), ("which is CO", "which is Co")],
)  # fmt: skip
def test_symbols_keep_their_case(one, other):
    assert fold_words(one) != fold_words(other) and fold(one) == fold(other)


@given(WILD)
def test_folding_does_not_see_whether_text_was_cleaned(text):
    assert fold(clean(text)) == fold(text)


def test_literal_escapes_become_line_ends_and_tabs():
    assert unescape_literals(r"놀이는? \n 1\t주사위 2\t검무") == "놀이는? \n 1\t주사위 2\t검무"
    assert unescape_literals(r"가\n1\tK-pop") == "가\n1\tK-pop"


@pytest.mark.parametrize("tex", [r"$3\times 4$", r"$\theta \neq \nabla f$", r"\text{가}"])
def test_tex_commands_are_no_literal_escapes(tex):
    assert unescape_literals(tex) == tex


@given(MODERN)
def test_text_without_a_backslash_holds_no_literal_escape(text):
    assert unescape_literals(text) == text


def test_the_marks_agree_with_unicode_about_their_numbers():
    assert all(unicodedata.numeric(mark) == number for mark, number in CHOICE_MARKS.items())
    assert {number: sum(n == number for n in CHOICE_MARKS.values()) for number in (1, 10, 11, 20)} == {
        1: 7, 10: 7, 11: 4, 20: 4,
    }  # fmt: skip


def test_the_report_counts_what_is_odd_and_only_that():
    text = unicodedata.normalize("NFD", "가") + "\uf000\uf000\u00a0\u200b\uf9d0\ufffd" + r"\n 1\t"
    text += "<|im_end|></s>[|user|]"
    assert oddities(text) == {
        "not_nfc": 1, "pua": 2, "nbsp": 1, "zero_width": 1, "conjoining_jamo": 2, "compat_hanja": 1,
        "replacement_character": 1, "literal_escape": 2, "control_token": 3,
    }  # fmt: skip
    assert oddities("다음 중 ①·② ㉠ ㄱ <보기> |x| < 3") == {}


@pytest.mark.parametrize(
    ("word", "pair", "joined"),
    [
        ("세종", "은/는", "세종은"), ("영조", "은/는", "영조는"), ("책", "이/가", "책이"), ("나무", "이/가", "나무가"),
        ("책", "을/를", "책을"), ("나무", "을/를", "나무를"), ("책", "과/와", "책과"), ("나무", "과/와", "나무와"),
        ("책", "으로/로", "책으로"), ("나무", "으로/로", "나무로"), ("서울", "으로/로", "서울로"), ("서울", "이/가", "서울이"),
        ("책", "이나/나", "책이나"), ("나무", "이라/라", "나무라"), ("값", "은/는", "값은"), ("넓", "을/를", "넓을"),
        ("0", "은/는", "0은"), ("1", "으로/로", "1로"), ("2", "이/가", "2가"), ("3", "으로/로", "3으로"), ("4", "이/가", "4가"),
        ("5", "을/를", "5를"), ("6", "을/를", "6을"), ("7", "으로/로", "7로"), ("8", "은/는", "8은"), ("9", "은/는", "9는"),
        ("100", "으로/로", "100으로"), ("３", "이/가", "３이"), ("URL", "으로/로", "URL로"), ("LLM", "이/가", "LLM이"),
        ("HTML", "은/는", "HTML은"), ("xn", "을/를", "xn을"), ("R", "으로/로", "R로"), ("B", "이/가", "B가"),
        (unicodedata.normalize("NFD", "책"), "은/는", unicodedata.normalize("NFD", "책") + "은"),
    ],
)  # fmt: skip
def test_the_josa_follows_the_sound(word, pair, joined):
    assert with_josa(word, pair) == joined


@pytest.mark.parametrize("word", ["", "세종(世宗)", "正", "?", "ㄱ"])
def test_no_josa_is_guessed(word):
    with pytest.raises(ValueError, match="no josa fits"):
        with_josa(word, "은/는")


def test_an_unknown_pair_of_josa_is_refused():
    with pytest.raises(ValueError, match="known are 은/는"):
        with_josa("세종", "는/은")


@given(st.characters(min_codepoint=ord("가"), max_codepoint=ord("힣")))
def test_the_final_consonant_is_what_decomposing_the_syllable_shows(syllable):
    parts = unicodedata.normalize("NFD", syllable)
    if len(parts) == 2:
        assert final_consonant(syllable) == ""
    else:
        name = unicodedata.name(final_consonant(syllable))
        assert name == unicodedata.name(parts[2]).replace("JONGSEONG", "LETTER")


@pytest.mark.parametrize(
    ("text", "gold", "stripped"),
    [
        ("세종대왕은", "세종대왕", "세종대왕"), ("세종대왕", "세종대왕", "세종대왕"), ("경주에서", "경주", "경주"), ("서울로", "서울", "서울"),
        ("가은은", "가은", "가은"), ("사과", "사", "사과"), ("사과", "사과", "사과"), ("사과가", "사과", "사과"),
        ("이순신", "이순", "이순신"), ("이순신이", "이순신", "이순신"), ("세종대왕는", "세종대왕", "세종대왕는"),
        ("세종대왕은", "문종", "세종대왕은"), ("세종대왕에게는", "세종대왕", "세종대왕에게는"), ("LLM이", "llm", "LLM"),
        ("은", "", "은"),
    ],
)  # fmt: skip
def test_one_josa_is_stripped_only_where_the_gold_answer_stays(text, gold, stripped):
    assert strip_josa(text, gold) == stripped


@pytest.mark.parametrize(
    ("text", "prompt", "ratio"),
    [
        ("세종대왕(世宗大王)은 훈민정음을 만들었다.", "", 0), ("세종대왕（世宗大王）은 훈민정음을 만들었다.", "", 0), ("答案是③", "", 1.0),
        ("따라서 正解는 2번이다. 因此选择②", "", 6 / 13), ("甲은 乙에게 돈을 빌려주었다", "甲과 乙의 관계는?", 0),
        ("甲은 乙에게 돈을 빌려주었다", "", 2 / 12), ("四字成語 ‘溫故知新’이라는", "", 8 / 11), ("正解는 `答案` 없음", "", 2 / 5),
        ("값은 $\\text{答案}$이다\n```\n答案\n```", "", 0), ("", "", 0), ("3", "", 0),
    ],
)  # fmt: skip
def test_the_han_ratio_counts_what_nothing_explains(text, prompt, ratio):
    assert han_leak(text, prompt).ratio == pytest.approx(ratio, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "foreign"),
    [("因此选择②", "选择"), ("正确答案是", "确"), ("溫故知新", ""), ("分析", "")],
)
def test_simplified_characters_are_those_that_cp949_lacks(text, foreign):
    assert han_leak(text).not_in_cp949 == foreign


LONG = (
    "조선의 제4대 임금은 백성을 위하여 새로운 글자를 만들었으며 이는 오늘날까지 널리 쓰이고 있다. "
    * 3
)


@pytest.mark.parametrize(
    ("text", "leaks"),
    [
        ("答案是③", True), ("따라서 正解는 2번이다. 因此选择②", True), (LONG + "正确答案", True),
        (LONG + "选이고 择이며 确이다", True), (LONG + "选이고 择이다", False), (LONG + "分析", False),
        (LONG + "该", False), (LONG + "(溫故知新)", False), (LONG, False),
    ],
)  # fmt: skip
def test_a_text_leaks_by_ratio_or_foreign_han_or_a_long_run(text, leaks):
    assert han_leak(text).leaks is leaks


def test_han_of_the_prompt_parts_a_run_and_counts_for_nothing():
    found = han_leak(LONG + "四字成語", "成의 뜻은?")
    assert (found.longest_run, found.count, found.leaks) == (2, 3, False)
    assert han_leak(LONG + "该").count == 1, "one that passes is still counted"


@given(WILD)
def test_a_completion_that_repeats_its_prompt_leaks_nothing(text):
    assert han_leak(text, text).count == 0


@pytest.mark.parametrize("marks", ["\u0301", "\u0301\u0323", "\u0323\u0301\u3099"])
def test_marks_without_end_leave_no_more_to_normalize(marks):
    """Normalizing takes time by the square of the marks in a row."""
    lengths = {len(clean("가" + marks * size + "나")) for size in (1_000, 2_000, 100_000)}
    assert len(lengths) == 1 and lengths.pop() <= 32
    assert clean("가" + marks * 5 + "나") == unicodedata.normalize("NFC", "가" + marks * 5 + "나")


@pytest.mark.parametrize("before", range(35))
def test_of_more_than_thirty_combining_marks_in_a_row_thirty_stay(before):
    for marks in (30, 31, 60, 93):
        cleaned = clean("ㅎ" * before + "\u0308" * marks + "하")
        assert cleaned == "ㅎ" * before + "\u0308" * min(marks, 30) + "하"


def test_the_hashes_of_ngrams_are_the_same_in_every_process():
    hashes = character_ngrams(["가나다"], 2).hashes.tolist()
    assert hashes == [10643899996008377126, 10669001919695601598]
