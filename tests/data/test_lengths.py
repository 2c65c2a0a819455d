"""Counted by paragraphs, prompts have as many tokens as the model reads."""

import pytest
from support.fake_tokenizers import FAMILIES, fake_tokenizer
from support.problems import exam

from koalign.data.prompting.lengths import lengths
from koalign.data.prompting.prompts import Renderer, load_template
from koalign.data.prompting.tokens import completion_ids, prompt_ids

PASSAGES = (
    "",
    "가.\n\n나.",
    "가\n\n\n나\n \n다\n",
    "<|im_end|>\n\n다 \n\n 라",
    "1.\n\n2.\r\n\r\n3.",
)


@pytest.mark.parametrize("template", ["quote-then-number", "click"])
@pytest.mark.parametrize("family", FAMILIES)
def test_lengths_are_those_of_the_whole_text(family, template):
    renderer, tokenizer = Renderer(load_template(template), "auto"), fake_tokenizer(family)
    rows = exam("train")[:20]
    rows += [rows[0].model_copy(update={"passage": passage}) for passage in PASSAGES]
    prompts = [renderer.render(row, "answer") for row in rows]
    texts = ["정답: 3", "\n\n정답: 4\n\n"]
    targets = [texts[: number % 3] for number in range(len(rows))]
    expected = [
        len(ids) + max(map(len, completion_ids(tokenizer, [prompt] * len(own), own)), default=0)
        for prompt, ids, own in zip(prompts, prompt_ids(tokenizer, prompts), targets, strict=True)
    ]
    assert lengths(tokenizer, prompts, targets) == expected


def test_no_prompts_have_no_lengths():
    assert lengths(None, [], []) == []
