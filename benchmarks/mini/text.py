"""Plain text of the mini world for pre-training: sentences, and pairs of which one may go on from the other."""

from dataclasses import dataclass, replace
from operator import eq
from random import Random

from benchmarks.mini import agreement, opinions
from benchmarks.mini.grammar import GAPS, Phrase, Statement, ask, draw_noun, generator, realise
from benchmarks.mini.relations import weaken
from benchmarks.mini.words import ADJECTIVES, GENRES, KIND_OF, PLACES, TIMES, VERBS


@dataclass(frozen=True)
class Line:
    """A sentence, perhaps a second one, and whether the second goes on about the same fact (BERT's next sentence)."""

    first: str
    second: str | None = None
    follows: bool = True


class Story:
    """A small cast, two things it may do and where and when; its facts differ in who does what to whom."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        genre = rng.choice(tuple(GENRES))
        self.cast: list[tuple[str, str | None]] = []
        while len(self.cast) < 3:
            noun = draw_noun(rng, genre)
            if all(noun != known for known, _ in self.cast):
                self.cast.append((noun, rng.choice(ADJECTIVES) if rng.random() < 0.2 else None))
        self.verbs = rng.sample(VERBS, 2)
        self.places = (*rng.sample(PLACES[genre], 2), None, None)
        self.times = (rng.choice(TIMES), None, None)
        self.quantified = rng.random() < 0.25

    def fact(self) -> Statement:
        """A fact among the cast."""
        rng = self.rng
        (agent, described), (patient, other) = rng.sample(self.cast, 2)
        determiner, second = "the", "the"
        if self.quantified:
            determiner, second = rng.choice(("some", "every", "no", "no")), rng.choice(("the", "a"))
            if rng.random() < 0.4:
                agent = KIND_OF[agent]
        return Statement(
            Phrase(determiner, agent, described),
            rng.choice(self.verbs),
            Phrase(second, patient, other),
            rng.choice(self.places),
            rng.choice(self.times),
            negated=determiner in {"the", "some"} and rng.random() < 0.2,
        )

    def another(self, fact: Statement) -> Statement:
        """Another fact of the story, of a few the one most alike: someone or something else, or the opposite."""
        told = _core(fact)
        others = [other for other in (self.fact() for _ in range(4)) if _core(other) != told]
        if not others:
            return self.another(fact)
        return max(others, key=lambda other: sum(map(eq, _core(other), told)))


def _core(fact: Statement) -> tuple[object, ...]:
    return fact.agent.noun, fact.verb, fact.patient.noun, fact.positive, fact.place


def _pair(rng: Random) -> Line:
    """Two sentences from one story."""
    story = Story(rng)
    fact = story.fact()
    follows = rng.random() < 0.7
    other = fact if follows else story.another(fact)
    draw = rng.random()
    if draw < 0.35:  # a fact, and what follows from one
        return Line(realise(fact, rng), realise(weaken(other, rng, rng.randrange(3)), rng), follows)
    if draw < 0.65:  # a fact told twice
        return Line(realise(fact, rng), realise(other, rng), follows)
    fact, other = (_plain(each) for each in (fact, other))
    gap = rng.choice([each for each in GAPS if getattr(other, each)])
    if draw < 0.85:  # a question, and the sentence that answers it
        return Line(ask(replace(fact, place=None, time=None), gap, rng), realise(other, rng), follows)
    other_gap = gap
    if not follows and rng.random() < 0.5:
        other, other_gap = fact, rng.choice([each for each in GAPS if each != gap])
    return Line(ask(fact, gap, rng), ask(other, other_gap, rng), follows)


def _plain(fact: Statement) -> Statement:
    """The fact with definite participants, as a question asks for it."""
    return replace(
        fact,
        agent=Phrase("the", fact.agent.noun, fact.agent.adjective),
        patient=Phrase("the", fact.patient.noun, fact.patient.adjective),
        negated=False,
    )


def _line(rng: Random) -> Line:
    draw = rng.random()
    if draw < 0.11:
        return Line(agreement.sentence(rng, acceptable=True))
    if draw < 0.38:
        good = rng.random() < 0.5
        return Line(opinions.opinion(rng, good, single=0.7, plain=0.7), opinions.verdict(rng, good))
    return _pair(rng)


def corpus(size: int, purpose: str = "corpus") -> list[Line]:
    """`size` lines of plain text; the same purpose always gives the same lines."""
    rng = generator(purpose)
    return [_line(rng) for _ in range(size)]
