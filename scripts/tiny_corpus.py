"""tiny_corpus: the texts that tiny-ko is pre-trained on, one kind a skill."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from make_exam import HOPS, Item, make_items
from tiny_tokenizer import END, PAD, TARGET_CHOICE, WHO_QUESTION
from transformers import PreTrainedTokenizerFast
from world import (
    GUIDE_FORMS,
    HINT_FORMS,
    INTROS,
    NOTES,
    PEOPLE,
    STRANGERS,
    Word,
)

from koalign.data.prompting.prompts import DEFAULT, Renderer, load_template
from koalign.data.prompting.tokens import prompt_texts
from koalign.records import Problem

RENDERER = Renderer(load_template(DEFAULT))
REASONING = Renderer(load_template("reasoning"))
EVERYBODY = (*PEOPLE, *STRANGERS)


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

    def item(
        self, people: Sequence[str] = EVERYBODY, hops: Sequence[int] = HOPS, forms: int = 3
    ) -> Item:
        """A fresh problem of the kind the exam asks."""
        return make_items(self.rng, people, hops, forms)[0]

    def raw(self, item: Item, sentences: list[str]) -> Text:
        """The passage as plain text, then sentences that follow from it."""
        given = "\n\n".join(part for part in (item.problem.passage, item.problem.box) if part)
        return Text(given, " ".join(["\n\n" + NOTES, *sentences]) + PAD)

    def chat(self, problem: Problem, hint: str = "", renderer: Renderer = RENDERER) -> Text:
        """The problem as the exam asks it, and its answer."""
        (given,) = prompt_texts(self.tokenizer, [renderer.render(problem, "answer", hint)])
        return Text(given, renderer.target(problem) + END)

    def words(self) -> Text:
        """Single facts of one wording: each twice more, every time in another order."""
        world, rng = self.item().world, self.rng
        given = " ".join([rng.choice(INTROS), *world.say(rng, forms=1)])
        wanted = [NOTES, *world.say(rng, forms=1), NOTES, *world.say(rng, forms=1)]
        return Text(given, "\n\n" + " ".join(wanted) + PAD)

    def facts(self) -> Text:
        """Single facts: each again, in another order and other words."""
        item = self.item()
        return self.raw(item, item.world.say(self.rng))

    def chains(self) -> Text:
        """Two facts of one wording joined: what everybody's 스승 (선배, ...) has, without the name."""
        item = self.item(forms=1)
        world, rng = item.world, self.rng
        people = rng.sample(list(world.next_of), len(world.next_of))
        sentences = [
            rng.choice(world.attribute.forms[:2]).format(
                x=world.bridge(person, 1), v=Word(world.value_of[world.next_of[person]])
            )
            for person in people
        ]
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
        """A problem of strangers that one fact answers: who, or what somebody has."""
        item = self.item(STRANGERS, hops=(0,))
        if self.rng.random() < 0.5:
            return self.chat(item.problem)
        world, (start,) = item.world, item.path
        choices = self.rng.sample(list(world.next_of), len(world.next_of))
        change = {
            "question": WHO_QUESTION.format(who=world.bridge(start, 1)),
            "choices": tuple(choices),
            "answers": (str(choices.index(world.next_of[start]) + 1),),
        }
        return self.chat(item.problem.model_copy(update=change))

    def bridge(self) -> Text:
        """A problem of strangers that joins two facts of one wording."""
        return self.chat(self.item(STRANGERS, hops=(1,), forms=1).problem)

    def guided(self) -> Text:
        """A problem of strangers with a hint in other sentences than the exam's."""
        item = self.item(STRANGERS)
        return self.chat(item.problem, item.world.hint(item.path, GUIDE_FORMS, self.rng))

    def reasoned(self, people: Sequence[str] = STRANGERS) -> Text:
        """A problem of strangers, every step written before the answer."""
        item = self.item(people)
        change = {"rationale": item.world.reasoning(item.path)}
        return self.chat(item.problem.model_copy(update=change), renderer=REASONING)

    def exam(self) -> Text:
        """A problem of the exam; only measured, never taught."""
        return self.chat(self.item(PEOPLE).problem)

    def hinted(self) -> Text:
        """A problem of the exam with a good hint; only measured, never taught."""
        item = self.item(PEOPLE)
        return self.chat(item.problem, item.world.hint(item.path, HINT_FORMS, self.rng))

    def solved(self) -> Text:
        """A problem of the exam with its steps; only measured, never taught."""
        return self.reasoned(PEOPLE)
