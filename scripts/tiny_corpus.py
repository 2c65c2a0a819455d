"""tiny_corpus: the texts that tiny-ko is pre-trained on, one kind a skill."""

from __future__ import annotations

import random
from dataclasses import dataclass

from make_exam import Item, make_items
from tiny_tokenizer import END, NOTES, PAD, TARGET_CHOICE, WHO_QUESTION
from transformers import PreTrainedTokenizerFast
from world import (
    GOOD_HINTS,
    INTROS,
    PEOPLE,
    QUESTION_FORMS,
    RELATION_FORMS,
    Relation,
    Word,
    hint_of,
)

from koalign.data.prompting.prompts import DEFAULT, Renderer, load_template
from koalign.data.prompting.tokens import prompt_texts
from koalign.records import Problem

RENDERER = Renderer(load_template(DEFAULT))


@dataclass(frozen=True)
class Text:
    """What the model reads, and what it learns to write after it."""

    given: str
    wanted: str


class Corpus:
    """Endless training texts, each kind a skill; every text has a passage of its own."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
        self.tokenizer = tokenizer
        self.rng = random.Random(seed)

    def item(self) -> Item:
        """A fresh problem of the kind the exam asks."""
        return make_items(self.rng)[0]

    def raw(self, item: Item, sentences: list[str]) -> Text:
        """The passage as plain text, then sentences that follow from it."""
        given = "\n\n".join(part for part in (item.problem.passage, item.problem.box) if part)
        return Text(given, " ".join(["\n\n" + NOTES, *sentences]) + PAD)

    def chat(self, problem: Problem, hint: str = "") -> Text:
        """The problem as the exam asks it, and its answer."""
        (given,) = prompt_texts(self.tokenizer, [RENDERER.render(problem, "answer", hint)])
        return Text(given, RENDERER.target(problem) + END)

    def words(self) -> Text:
        """One hop in one wording: every fact twice more, each time in another order."""
        world, rng = self.item().world, self.rng
        given = " ".join([rng.choice(INTROS), *world.say(rng, forms=1)])
        wanted = [NOTES, *world.say(rng, forms=1), NOTES, *world.say(rng, forms=1)]
        return Text(given, "\n\n" + " ".join(wanted) + PAD)

    def facts(self) -> Text:
        """One hop: every fact again, in another order and other words."""
        item = self.item()
        return self.raw(item, item.world.say(self.rng))

    def chains(self) -> Text:
        """Two hops: what is true of everybody's bridge, without its name."""
        item = self.item()
        return self.raw(item, [self.chain(item, fact) for fact in self.shuffled(item)])

    def steps(self) -> Text:
        """Two hops, the first one written out."""
        item, sentences = self.item(), []
        for fact in self.shuffled(item):
            sentences += [fact.say(RELATION_FORMS[0]), self.chain(item, fact)]
        return self.raw(item, sentences)

    def match(self) -> Text:
        """The number of every choice of a list."""
        problem = self.item().problem
        if self.rng.random() < 0.3:
            problem = problem.model_copy(update={"choices": tuple(self.rng.sample(PEOPLE, 5))})
        numbered = list(enumerate(problem.choices, start=1))
        lines = [f"{n}. {c}" for n, c in numbered]
        self.rng.shuffle(numbered)
        targets = [TARGET_CHOICE.format(choice=c, number=n) for n, c in numbered]
        return Text("\n".join(["\n", *lines]), "\n".join(["\n", *targets]) + PAD)

    def ask(self) -> Text:
        """A problem of the exam's form that one fact answers."""
        item = self.item()
        if self.rng.random() < 0.5:
            question = WHO_QUESTION.format(who=item.asked.bridge)
            choices, answer = list(item.world.value_of), item.asked.y
        else:
            form = self.rng.choice((item.world.attribute.asked, *QUESTION_FORMS))
            phrase = item.world.attribute.of(item.asked.x)
            question = form.format(who=Word(item.asked.x), phrase=phrase)
            choices, answer = list(item.problem.choices), item.world.value_of[item.asked.x]
        self.rng.shuffle(choices)
        number = str(choices.index(answer) + 1)
        change = {"question": question, "choices": tuple(choices), "answers": (number,)}
        return self.chat(item.problem.model_copy(update=change))

    def hinted(self) -> Text:
        """A problem of the exam with a good hint."""
        item = self.item()
        return self.chat(item.problem, hint_of(item.world, item.asked, GOOD_HINTS, self.rng))

    def exam(self) -> Text:
        """A problem of the exam; only measured, never taught."""
        return self.chat(self.item().problem)

    def shuffled(self, item: Item) -> list:
        """The relations of the passage in a random order."""
        return self.rng.sample(item.world.relations, len(item.world.relations))

    def chain(self, item: Item, fact: Relation) -> str:
        """A two-hop sentence: the attribute of the bridge person, unnamed."""
        form = self.rng.choice(item.world.attribute.forms[:2])
        return form.format(x=fact.bridge, v=Word(item.world.value_of[fact.y]))
