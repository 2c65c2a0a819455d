"""workload: a config and the counts of its data -> what every stage of `koalign run` trains and draws."""

from __future__ import annotations

import math
from collections.abc import Iterator

from koalign.config.inputs import Sampling
from koalign.config.sections import Config
from koalign.config.training import Dpo, Optimization
from koalign.planning.calls import JUDGED, Calls, judge_calls
from koalign.planning.counts import BYTES_A_TOKEN, Counts
from koalign.planning.work import Draw, Fit, Work
from koalign.run import in_round

ROUNDS_TO_PLATEAU = 4
"""Of `sft.epochs: auto`: what the built-in example takes on each of three seeds."""
MOST_ROUNDS, ROUND_STEPS = 20, 16
"""Those of `training.plateau`, which takes longer to import than a plan."""
PASSED = (("static", 0.87), ("headroom", 0.57), ("uplift", 0.36), ("leak", 0.30), ("kept", 0.22))
"""Share of the candidate hints that is left after a screen: of the built-in example, as all shares here."""
MOST_VOTES = 64
"""Of a control at equal total tokens: that of `evaluation.solving.controls`, which takes longer to import
than a plan."""
BYTES_A_LETTER = 3
"""Of Hangul in UTF-8."""
UNSOLVED = 0.68
"""Share of the sampled problems that the policy does not always solve."""


def takes_to_plateau(config: Config) -> bool:
    """Whether a stage of the run trains SFT to its plateau."""
    return config.sft.epochs == "auto" or config.controls == "all"


def sft_groups(config: Config, counts: Counts) -> int:
    """Problems that SFT trains on."""
    return min(counts.train, config.sft.limit or counts.train)


def epochs_to_plateau(config: Config, counts: Counts) -> tuple[int, int]:
    """Epochs of `sft.epochs: auto`: those usual, by which a plan counts, and the most."""
    section = config.sft
    per_step = section.batch_size * section.gradient_accumulation_steps
    steps = max(1, math.ceil(sft_groups(config, counts) / per_step))
    of_round = math.ceil(ROUND_STEPS / steps)
    return ROUNDS_TO_PLATEAU * of_round, MOST_ROUNDS * of_round


def work_of(config: Config, counts: Counts) -> list[Work]:
    """The stages of `koalign run` in order."""
    return list(_Chain(config, counts).stages())


class _Chain:
    def __init__(self, config: Config, counts: Counts) -> None:
        self.config, self.counts = config, counts
        self.prompt = counts.prompt_tokens
        self.answer = counts.answer_tokens
        limit, long = config.sample.limit or counts.train, counts.long_train
        self.sampled, self.long = min(counts.train - long, limit), min(long, limit)
        if long:
            self.answer += (counts.long_tokens - self.answer) * long / counts.train
        self.compared = self.long * min(config.pairs.per_problem, config.sample.n // 2)
        self.paired = counts.pairs or self.sampled * 0.32 + self.compared * JUDGED
        self.groups = counts.paired_problems or self.sampled * 0.21 + self.long * JUDGED
        candidates = self.candidates()
        self.candidate_count = candidates
        self.kept = counts.kept_hints or candidates * PASSED[-1][1]
        tried = self.sampled * config.passages.per_problem
        self.tried_passages = min(config.passages.limit or tried, tried)
        self.passage_tokens = BYTES_A_LETTER * config.corpus.characters / BYTES_A_TOKEN

    def stages(self) -> Iterator[Work]:
        config, counts = self.config, self.counts
        yield Work("prepare", problems=counts.train + counts.dev + counts.test)
        if config.corpus.sources:
            yield from (Work("index"), Work("retrieve"))
        yield self.sft("sft", config.sft.epochs)
        for number in range(1, config.dpo.rounds + 1):
            yield Work(
                in_round("samples", number),
                draws=(self.draw(self.sampled, config.sample.n, config.sample),),
            )
            if config.has_judge:
                draw = self.draw(
                    self.long, config.sample.n, config.sample, new=self.counts.long_tokens
                )
                yield Work(in_round("long_samples", number), draws=(draw,))
            read = self.groups * self.prompt + 2 * self.paired * self.answer
            yield Work(
                in_round("pairs", number),
                scored_tokens=read if config.pairs.ches_drop else 0,
                calls=judge_calls(config.judge, self.compared, counts),
            )
            yield Work(in_round("reference", number), scored_tokens=read)
            yield self.dpo(in_round("dpo", number), 1)
        if config.corpus.sources:
            yield from (self.passages(), self.reader())
        if config.has_hints:
            yield from self.hint_stages()
        if config.controls != "off":
            yield self.dpo("rft", config.dpo.rounds)
        if config.controls == "all":
            if config.has_hints:
                yield from self.reasoning()
            if config.sft.epochs != "auto":
                yield self.sft("plateau", "auto")
        yield self.evaluate()

    def draw(
        self, prompts: float, n: float, section: Sampling, *, new: float = 0, hint: float = 0
    ) -> Draw:
        return Draw(
            prompts,
            n,
            self.prompt + hint,
            min(new or self.answer, section.most_tokens),
            section.most_tokens,
        )

    def probes(self, evaluations: float) -> tuple[Draw, ...]:
        probe = self.config.probe
        asked = min(probe.problems, self.counts.dev) + min(probe.problems, self.counts.train)
        if not probe.problems or not self.counts.dev:
            return ()
        new = min(self.answer, probe.max_tokens)
        return (Draw(asked * (evaluations + 1), 1, self.prompt, new, probe.max_tokens),)

    def fit(
        self, section: Optimization, groups: float, completions: float, epochs: float, rank: int,
        *, each: float = 0, most: float = 1, shown: float = 0,
    ) -> Fit:  # fmt: skip
        """`completions` of a group on average and at `most`, each of so many tokens; `shown`: those of the
        passages in the prompt."""
        each = each or self.answer
        longest = self.counts.longest + shown + (most * each - self.answer)
        return Fit(section, groups, self.prompt + shown, completions * each, epochs, rank, longest)

    def sft(self, name: str, epochs: float | str) -> Work:
        section, evaluations = self.config.sft, self.config.probe.evaluations
        if isinstance(epochs, str):
            epochs, evaluations = epochs_to_plateau(self.config, self.counts)[0], ROUNDS_TO_PLATEAU
        groups = sft_groups(self.config, self.counts)
        fit = self.fit(section, groups, 1, epochs, section.rank)
        return Work(name, fit=fit, probes=self.probes(evaluations))

    def dpo(self, name: str, rounds: int) -> Work:
        config = self.config
        sides = 1 if name == "rft" else 2
        completions = sides * self.paired / max(1, self.groups)
        section: Dpo = config.dpo
        fit = self.fit(
            section, self.groups * rounds, completions, section.epochs, config.sft.rank,
            most=sides * config.pairs.per_problem,
        )  # fmt: skip
        return Work(name, fit=fit, probes=self.probes(config.probe.evaluations))

    def candidates(self) -> float:
        config, counts = self.config, self.counts
        own = config.candidates
        made = counts.hints
        if own.source != "file":
            asked = min(self.sampled * UNSOLVED, own.limit or math.inf)
            made = round(asked * own.per_problem * 0.9)
        return min(made, config.hints.limit or made)

    def passages(self) -> Work:
        """Every passage is sampled, and again as many as seem to do something by chance."""
        section = self.config.passages
        passage, tried = self.passage_tokens, self.tried_passages
        again = tried * math.erfc(section.z / math.sqrt(2))
        draws = (
            self.draw(self.sampled, section.bare_n, section),
            self.draw(tried, section.n, section, hint=passage),
            self.draw(min(again, self.sampled), section.replication_n, section),
            self.draw(again, section.replication_n, section, hint=passage),
        )
        return Work("passages", draws=draws)

    def reader(self) -> Work:
        """Before the screens, as many passages are gold as hints are kept."""
        section, config = self.config.reader, self.config
        gold = self.counts.gold_passages or self.tried_passages * PASSED[-1][1]
        fit = self.fit(
            section, gold * section.traces / section.gold_share, 1, section.epochs,
            config.sft.rank + section.rank, shown=section.passages * self.passage_tokens,
        )  # fmt: skip
        return Work("reader", fit=fit)

    def hint_stages(self) -> Iterator[Work]:
        config, counts = self.config, self.counts
        own, section = config.candidates, config.hints
        asked = min(self.sampled * UNSOLVED, own.limit or math.inf)
        length = self.prompt + own.own_answers * self.answer
        hint = counts.hint_tokens
        if own.source in ("policy", "base"):
            draw = Draw(asked, own.per_problem, length, min(hint, own.most_tokens), own.most_tokens)
            yield Work("candidates", draws=(draw,))
        elif own.source == "teacher":
            reply = min(hint, config.teacher.max_tokens)
            yield Work(
                "candidates", calls=Calls(config.teacher, asked * own.per_problem, length, reply)
            )
        else:
            yield Work("candidates")
        left = {name: self.candidate_count * share for name, share in PASSED}
        of_problems = 1 / min(4, max(1.0, own.per_problem))
        draws = (
            self.draw(left["static"] * of_problems, section.bare_n, section),
            self.draw(left["headroom"], section.n, section, hint=hint),
            self.draw(left["uplift"] * of_problems, section.bare_n, section),
            self.draw(left["uplift"], section.bare_n, section, hint=hint),
            self.draw(left["leak"] * of_problems, section.replication_n, section),
            self.draw(left["leak"], section.replication_n, section, hint=hint),
        )
        yield Work("hints", draws=draws)
        rank = config.sft.rank + config.abstraction.rank
        kept = self.kept * of_problems * 2, 2.0  # problems with kept hints, and hints of one
        per_problem = config.abstraction.per_problem
        yield Work("abstraction", fit=self.fit(
            config.abstraction, kept[0], kept[1], config.abstraction.epochs, rank,
            each=hint, most=per_problem,
        ))  # fmt: skip
        answer = config.answer
        examples = self.kept * answer.traces * 0.9
        examples *= (1 + answer.mismatched_share / (1 - answer.mismatched_share)) / (
            1 - answer.bare_share
        )
        fit = self.fit(
            answer, examples / answer.traces, answer.traces, answer.epochs, config.sft.rank + answer.rank,
            most=answer.traces,
        )  # fmt: skip
        yield Work("answer", fit=fit)
        yield Work("solve", draws=self.solving())

    def solving(self) -> tuple[Draw, ...]:
        solve, hint = self.config.solve, self.counts.hint_tokens
        hint = min(hint, solve.most_tokens)
        test = self.counts.test
        return tuple(
            draw
            for draw in (
                self.draw(test, solve.hints, solve, new=hint),
                self.draw(test * solve.hints, solve.answers, solve, hint=hint),
                self.draw(test, solve.bare, solve),
            )
            if draw.n
        )

    def reasoning(self) -> Iterator[Work]:
        config = self.config
        new = min(max(self.answer, config.solve.most_tokens / 2), config.solve.most_tokens)
        yield Work(
            "traces", draws=(self.draw(self.sampled, config.sample.n, config.solve, new=new),)
        )
        answer = config.answer
        yield Work("reasoning", fit=self.fit(
            answer, self.sampled * 0.8, min(1.6, answer.traces), answer.epochs,
            config.sft.rank + answer.rank, each=new, most=answer.traces,
        ))  # fmt: skip

    def evaluate(self) -> Work:
        config, solve, test = self.config, self.config.solve, self.counts.test
        alone = 3 + (config.controls != "off")
        if config.controls == "all":
            alone += config.sft.epochs != "auto"
        draws = []
        if config.has_hints:
            alone += 1
            hinted = solve.hints * solve.answers
            hint = min(self.counts.hint_tokens, solve.most_tokens)
            written = solve.hints * hint + solve.budget * self.answer
            read = (
                (solve.hints > 0) * self.prompt
                + hinted * (self.prompt + hint)
                + ((solve.bare > 0) * self.prompt)
            )
            votes = math.ceil(written / self.answer)
            draws += [self.draw(test, votes, solve), self.draw(test, hinted, solve, hint=hint)]
            if config.controls != "off":
                total = (
                    min(MOST_VOTES, math.ceil((read + written - self.prompt) / self.answer)) - votes
                )
                total = max(0, total)
                draws += [self.draw(test, total, solve), self.draw(test, hinted, solve, hint=hint)]
            if config.controls == "all":
                draws += [self.draw(test, hinted, solve, hint=hint), self.draw(test, votes, solve)]
        if config.corpus.sources:
            alone += 1
            draws += self.reading()
        draws.append(self.draw(test * alone, 1, solve))
        steps = 2 + config.has_hints + 2 * bool(config.corpus.sources)
        return Work(
            "evaluate",
            draws=tuple(draw for draw in draws if draw.prompts and draw.n),
            calls=judge_calls(config.judge, steps * self.counts.long_test, self.counts),
        )

    def reading(self) -> list[Draw]:
        """The test split with passages, by the policy and by the reader, and the controls of both."""
        config, solve, test = self.config, self.config.solve, self.counts.test
        shown = config.reader.passages * self.passage_tokens
        hinted = solve.hints * solve.answers or solve.budget - solve.budget // 2
        bare = solve.budget - hinted
        each = [self.draw(test, hinted, solve, hint=shown), self.draw(test, bare, solve)]
        controls = [self.draw(test, hinted, solve, hint=shown)]
        votes = solve.budget
        if config.controls != "off":
            read = self.prompt + shown + (bare > 0) * self.prompt
            further = math.ceil((read - self.prompt) / self.answer)
            votes += max(0, min(MOST_VOTES - votes, further))
        return [*2 * (each + controls), self.draw(test, votes, solve)]
