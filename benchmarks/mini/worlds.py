"""The twins of the GLUE tasks: one function draws one row of a task from the mini world's grammar."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from benchmarks.mini import agreement, opinions
from benchmarks.mini.grammar import (
    GAPS,
    Statement,
    ask,
    draw_statement,
    genre_of,
    kind_of,
    realise,
)
from benchmarks.mini.relations import change, deny, redescribe, strengthen, swap, weaken
from benchmarks.mini.words import PLACES, TIMES, VERBS

Row = tuple[tuple[str, ...], int | float]  # the texts, then the label


@dataclass(frozen=True)
class World:
    """How one task is generated: its text columns, its splits and the function that draws a row."""

    columns: tuple[str, ...]
    draw: Callable[[Random, str], Row]
    splits: tuple[str, ...] = ("train", "validation")


def _chosen(rng: Random, **chances: float) -> str:
    return rng.choices(tuple(chances), tuple(chances.values()))[0]


def _beyond(fact: Statement, rng: Random, steps: int) -> Statement:
    """Something that neither follows from `fact` nor denies it."""
    how = _chosen(rng, swap=0.5, change=0.3, strengthen=0.2)
    if how == "swap":
        return weaken(swap(fact), rng, steps, keep=("agent", "patient"))
    moved, slots = change(fact, rng) if how == "change" else strengthen(fact, rng)
    return weaken(moved, rng, steps, keep=slots)


def _fact(rng: Random, genre: str | None = None) -> Statement:
    return draw_statement(rng, genre, quantified=0.3, negated=0.25)


def _rte(rng: Random, split: str) -> Row:
    label = rng.randrange(2)
    fact = _fact(rng)
    steps = rng.randrange(3)
    if label == 0:
        other = weaken(fact, rng, steps)
    elif rng.random() < 0.15:
        other = deny(weaken(fact, rng, steps), rng)
    else:
        other = _beyond(fact, rng, steps)
        if rng.random() < 0.1:
            other = deny(other, rng)
    return (realise(fact, rng), realise(other, rng)), label


def _mnli(rng: Random, split: str) -> Row:
    label = rng.randrange(3)
    fact = _fact(rng, "sea" if split == "validation_mismatched" else "land")
    steps = rng.randrange(3)
    if label == 1:
        other = _beyond(fact, rng, steps)
        if rng.random() < 0.5:
            other = deny(other, rng)
    else:
        other = weaken(fact, rng, steps)
        if label == 2:
            other = deny(other, rng)
    return (realise(fact, rng), realise(other, rng)), label


def _widened(fact: Statement, rng: Random) -> Statement:
    """What follows from a fact without being the same fact: a kind for its member, or an adjective less."""
    return weaken(fact, rng, 1, keep=("place", "time"))


def _different(fact: Statement, rng: Random) -> Statement:
    how = _chosen(rng, swap=0.3, redescribe=0.2, widen=0.25, change=0.2, deny=0.05)
    if how == "swap":
        return swap(fact)
    if how == "widen":
        return _widened(fact, rng)
    if how == "redescribe":
        return redescribe(fact, rng)
    return change(fact, rng)[0] if how == "change" else deny(fact, rng)


def _mrpc(rng: Random, split: str) -> Row:
    label = int(rng.random() < 0.67)
    fact = draw_statement(rng, quantified=0.2, negated=0.15, adjective=0.8, place=0.3)
    other = fact if label else _different(fact, rng)
    return (realise(fact, rng), realise(other, rng)), label


_OTHER_GAP: Final = {"agent": "patient", "patient": "agent", "place": "time", "time": "place"}


def _qqp(rng: Random, split: str) -> Row:
    label = int(rng.random() < 0.37)
    fact = draw_statement(rng, adjective=0.8, place=0.3, time=0.2)
    gap = rng.choices(GAPS, (0.2, 0.2, 0.35, 0.25))[0]
    # an adjunct beside the gap would tell the gap; the gap itself is open in the fact
    fact = replace(fact, place=None if gap == "time" else fact.place, time=None if gap == "place" else fact.time)
    other, second = fact, gap
    if not label:
        how = _chosen(rng, swap=0.35, redescribe=0.15, widen=0.25, gap=0.05, change=0.2)
        if gap in {"agent", "patient"} and how == "redescribe":
            how = "swap"
        if how == "swap":
            other = swap(fact)
        elif how == "redescribe":
            other = redescribe(fact, rng)
        elif how == "widen":
            other = weaken(fact, rng, 1, keep=(gap, "place", "time"))
        elif how == "change":
            slots = [slot for slot in ("agent", "verb", "patient") if slot != gap]
            other = change(fact, rng, rng.choice(slots))[0]
        else:
            second = _OTHER_GAP[gap]
            fact = other = replace(fact, place=None, time=None)
    return (ask(fact, gap, rng), ask(other, second, rng)), label


def _told(rng: Random) -> Statement:
    fact = draw_statement(rng, place=0.0, time=0.0)
    place = rng.choice(PLACES[genre_of(fact)]) if rng.random() < 0.55 else None
    return replace(fact, place=place, time=rng.choice(TIMES) if place is None or rng.random() < 0.2 else None)


def _qnli(rng: Random, split: str) -> Row:
    label = rng.randrange(2)
    fact = _told(rng)
    open_gaps = [gap for gap in GAPS if getattr(fact, gap)]
    gap = rng.choice(open_gaps)
    question = replace(fact, place=None, time=None)
    agentless = False
    if label:
        how = _chosen(rng, swap=0.4, change=0.25, missing=0.35)
        if how == "swap":
            question = swap(question)
        elif how == "change":
            slot = rng.choice([slot for slot in ("agent", "verb", "patient") if slot != gap])
            question = change(question, rng, slot)[0]
        else:
            missing = [each for each in ("place", "time") if not getattr(fact, each)]
            gap = rng.choice([*missing, "agent"])
            agentless = gap == "agent"
    question = weaken(question, rng, rng.randrange(2))
    return (ask(question, gap, rng), realise(fact, rng, agentless=agentless)), label


def _likeness(first: str | None, second: str | None) -> float:
    if first == second:
        return 1.0
    if first is None or second is None:
        return 0.3
    return 0.35 if kind_of(first) == kind_of(second) and first not in VERBS else 0.0


def similarity(first: Statement, second: Statement) -> float:
    """How much two facts share, 0 to 5 in steps of 0.2: role by role, kinds counting for something."""
    parts = (
        (0.28, _likeness(first.agent.noun, second.agent.noun)),
        (0.28, _likeness(first.patient.noun, second.patient.noun)),
        (0.28, 1.0 if first.verb == second.verb else 0.0),
        (0.16, (_likeness(first.place, second.place) + _likeness(first.time, second.time)) / 2),
    )
    share = sum(weight * value for weight, value in parts)
    if first.negated != second.negated:
        share *= 0.5
    return round(25 * share) / 5


def _stsb(rng: Random, split: str) -> Row:
    genre = rng.choice(("land", "sea"))
    fact = draw_statement(rng, genre, negated=0.15)
    other = fact
    for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
        other = change(other, rng)[0]
    if rng.random() < 0.45:
        other = swap(other)
    if rng.random() < 0.15:
        other = replace(other, negated=not other.negated)
    return (realise(fact, rng), realise(other, rng)), similarity(fact, other)


def _cola(rng: Random, split: str) -> Row:
    label = int(rng.random() < 0.69)
    return (agreement.sentence(rng, bool(label)),), label


def _sst2(rng: Random, split: str) -> Row:
    label = rng.randrange(2)
    return (opinions.opinion(rng, bool(label)),), label


_PAIR: Final = ("sentence1", "sentence2")
WORLDS: Final[Mapping[str, World]] = {
    "rte": World(_PAIR, _rte),
    "cola": World(("sentence",), _cola),
    "mrpc": World(_PAIR, _mrpc),
    "sst2": World(("sentence",), _sst2),
    "qqp": World(("question1", "question2"), _qqp),
    "qnli": World(("question", "sentence"), _qnli),
    "mnli": World(("premise", "hypothesis"), _mnli, ("train", "validation_matched", "validation_mismatched")),
    "stsb": World(_PAIR, _stsb),
}
