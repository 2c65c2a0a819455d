"""writing: a problem with its answer -> the prompt for hint drafts; drafts -> candidate hints."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from koalign.data.prompting.orders import in_order
from koalign.data.prompting.prompts import Renderer, Template
from koalign.grading.grade import grade
from koalign.grading.visible import visible_text
from koalign.mining.distilling.teacher_calls import Reply
from koalign.records import Drop, Hint, Problem, Prompt, Sample, Verdict
from koalign.text.ngrams import character_ngrams, jaccard

ALIKE = 0.9
"""Jaccard of character 5-grams from which two hints of a problem are duplicates, as for problems."""

_WRITER = Template(
    name="hint",
    about="Asks for a hint that serves other problems too, from a problem, its answer and own attempts.",
    prompt="""\
다음은 시험 문제와 그 정답, 그리고 어느 학생의 풀이이다.
이 학생이 이런 문제를 스스로 풀 수 있게 해 줄 실마리를 쓰시오.

{% if passage %}
[지문]
{{ passage }}

{% endif %}
{% if box %}
[보기]
{{ box }}

{% endif %}
[문제]
{{ question }}
{% for choice in choices %}
{{ choice.label }}. {{ choice.text }}
{% endfor %}

{{ hint }}

[조건]
- 무엇을 어떤 차례로 확인할지와 어디에서 틀리기 쉬운지를 두세 문장으로 쓴다.
- 비슷한 다른 문제에도 쓸 수 있게 쓴다.
- 정답, 정답의 번호, 선택지의 말은 어떤 꼴로도 쓰지 않는다. 어느 선택지가 맞거나 틀리다고도 하지 않는다.
- 정답이나 풀이를 보았다는 말을 하지 않는다.
- 풀이나 제목, 머리말 없이 실마리만 쓴다.""",
    target="",
)
_LABEL = re.compile(r"^[\W_]{0,4}(?:실마리|힌트|hint)[\W_]{0,4}\s*[:：][\s*]*", re.IGNORECASE)


@dataclass(frozen=True)
class OwnAnswer:
    """One answer of the policy to a training problem."""

    text: str
    right: bool


def pass_rate(problem: Problem, samples: Sequence[Sample]) -> float | None:
    """The share of right answers, in whatever order the choices were shown; none without samples."""
    if not samples:
        return None
    return sum(_verdict(problem, sample).correct for sample in samples) / len(samples)


def own_answers(problem: Problem, samples: Sequence[Sample], count: int) -> list[OwnAnswer]:
    """At most `count` different answers to the problem as it stands, which show what goes wrong.

    The shortest right one, then the shortest wrong ones, those of the commonest wrong answer first and
    each wrong answer once as long as there are others.
    """
    ended = [s for s in samples if not s.permutation and s.finish_reason == "stop"]
    ended = sorted({s.text: s for s in ended}.values(), key=lambda s: (len(s.text), s.text))
    right = [OwnAnswer(s.text, True) for s in ended if _verdict(problem, s).correct]
    answers = Counter(_verdict(problem, s).answer for s in samples if not s.permutation)
    by_answer: dict[str | None, list[OwnAnswer]] = defaultdict(list)
    for sample in ended:
        verdict = _verdict(problem, sample)
        if not verdict.correct:
            by_answer[verdict.answer].append(OwnAnswer(sample.text, False))
    common = sorted(by_answer, key=lambda answer: (-answers[answer], str(answer)))
    wrong = [by_answer[answer].pop(0) for answer in common]
    wrong += [own for answer in common for own in by_answer[answer]]
    return [*right[:1], *wrong, *right[1:]][:count]


def ask_for_hint(problem: Problem, own: Sequence[OwnAnswer]) -> Prompt:
    """The prompt that shows the problem, its gold answer and explanation, and some own answers.

    The writer may see the answer: the screens refuse hints that give it away.
    """
    parts = [f"[정답]\n{_gold(problem)}"]
    explanations = [problem.rationale, *(rationale.text for rationale in problem.rationales)]
    if explanation := next(filter(None, explanations), ""):
        parts.append(f"[해설]\n{explanation}")
    parts += [
        f"[학생의 {'맞은' if answer.right else '틀린'} 풀이]\n{answer.text.strip()}"
        for answer in own
    ]
    return Renderer(_WRITER).render(problem, "abstraction", hint="\n\n".join(parts))


def candidates(drafts: Sequence[Sample | Reply]) -> tuple[list[Hint], list[Drop]]:
    """The completions of the hint prompt that can be screened, in their order; the others as drops.

    A candidate has ended, is not empty and no near duplicate within its problem. Thoughts, emphasis and
    a label `실마리:` are taken off.
    """
    hints: list[Hint] = []
    drops: list[Drop] = []
    for draft in drafts:
        text = visible_text(draft.text)
        if draft.finish_reason != "stop" or text is None:
            drops.append(drop_of(draft.problem_id, "unfinished"))
        elif not (text := _LABEL.sub("", text).strip()):
            drops.append(drop_of(draft.problem_id, "empty"))
        else:
            hints.append(Hint(problem_id=draft.problem_id, text=text))
    distinct, duplicates = distinct_hints(hints)
    return distinct, drops + duplicates


def drop_of(problem_id: str, reason: str, detail: str = "") -> Drop:
    """A problem or hint set aside by the stage `candidates`."""
    return Drop(stage="candidates", reason=reason, problem_id=problem_id, detail=detail)


def distinct_hints(hints: Sequence[Hint]) -> tuple[list[Hint], list[Drop]]:
    """The hints without near duplicates of an earlier one of their problem, and these as drops."""
    grams = character_ngrams([hint.text for hint in hints], 5)
    kept: dict[str, list[int]] = defaultdict(list)
    drops = []
    for number, hint in enumerate(hints):
        others = kept[hint.problem_id]
        if any(jaccard(grams[number], grams[other]) >= ALIKE for other in others):
            drops.append(drop_of(hint.problem_id, "near_duplicate", hint.text))
        else:
            others.append(number)
    return [hints[number] for number in sorted(n for own in kept.values() for n in own)], drops


def _gold(problem: Problem) -> str:
    if not problem.choices:
        return " / ".join(problem.answers)
    return " / ".join(f"{answer}. {problem.choices[int(answer) - 1]}" for answer in problem.answers)


def _verdict(problem: Problem, sample: Sample) -> Verdict:
    return grade(in_order(problem, sample.permutation), sample.text, sample.finish_reason)
