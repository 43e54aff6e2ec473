"""What follows from a fact, what goes beyond it and what denies it: moves on meanings, one slot at a time."""

from dataclasses import replace
from random import Random

from benchmarks.mini.grammar import Phrase, Statement, genre_of, kind_of
from benchmarks.mini.words import ADJECTIVES, GENRES, KIND_OF, MEMBERS, PLACES, TIMES, VERBS

_SLOTS = ("agent", "patient", "place", "time")


def _general(phrase: Phrase, rng: Random) -> list[Phrase]:
    """Wider phrases: the kind for its member, or without the adjective."""
    wider = []
    if phrase.noun in KIND_OF:
        wider.append(replace(phrase, noun=KIND_OF[phrase.noun]))
    if phrase.adjective:
        wider.append(replace(phrase, adjective=None))
    rng.shuffle(wider)
    return wider


def _special(phrase: Phrase, rng: Random) -> list[Phrase]:
    """Narrower phrases: a member for its kind, or with an adjective more."""
    narrower = []
    if phrase.noun in MEMBERS:
        narrower.append(replace(phrase, noun=rng.choice(MEMBERS[phrase.noun])))
    if not phrase.adjective:
        narrower.append(replace(phrase, adjective=rng.choice(ADJECTIVES)))
    rng.shuffle(narrower)
    return narrower


def _agents(statement: Statement, rng: Random, *, weaker: bool) -> list[Statement]:
    agent = statement.agent
    upward = agent.determiner in {"the", "some"}  # `every` and `no` turn the direction round
    found = [replace(statement, agent=each) for each in (_general if upward == weaker else _special)(agent, rng)]
    if weaker and agent.determiner == "every":
        found.append(replace(statement, agent=replace(agent, determiner=rng.choice(("some", "the")))))
    if weaker and agent.determiner == "no":
        found.append(replace(statement, agent=replace(agent, determiner="the"), negated=True))
    if not weaker and agent.determiner == "some" and not statement.negated:
        found.append(replace(statement, agent=replace(agent, determiner="every")))
    return found


def _patients(statement: Statement, rng: Random, *, weaker: bool) -> list[Statement]:
    patient = statement.patient
    upward = patient.determiner == "the" or statement.positive  # `the cat` is one cat, denied or not
    return [replace(statement, patient=each) for each in (_general if upward == weaker else _special)(patient, rng)]


def _adjuncts(statement: Statement, rng: Random, slot: str, *, weaker: bool) -> list[Statement]:
    known = statement.place if slot == "place" else statement.time
    drop = statement.positive == weaker
    if drop == (known is None):
        return []
    choices = PLACES[genre_of(statement)] if slot == "place" else TIMES
    value = None if drop else rng.choice(choices)
    return [replace(statement, place=value) if slot == "place" else replace(statement, time=value)]


def _moves(statement: Statement, rng: Random, slot: str, *, weaker: bool) -> list[Statement]:
    if slot == "agent":
        return _agents(statement, rng, weaker=weaker)
    if slot == "patient":
        return _patients(statement, rng, weaker=weaker)
    return _adjuncts(statement, rng, slot, weaker=weaker)


def weaken(statement: Statement, rng: Random, steps: int, *, keep: tuple[str, ...] = ()) -> Statement:
    """A statement that follows from `statement`, by at most `steps` moves outside the slots `keep`."""
    slots = [slot for slot in _SLOTS if slot not in keep]
    rng.shuffle(slots)
    for slot in slots:
        moves = _moves(statement, rng, slot, weaker=True) if steps else []
        if moves:
            statement, steps = rng.choice(moves), steps - 1
    return statement


def strengthen(statement: Statement, rng: Random) -> tuple[Statement, tuple[str, ...]]:
    """A statement that says more than `statement`, and the slot that was moved; neither follows nor is denied."""
    moves = [(move, (slot,)) for slot in _SLOTS for move in _moves(statement, rng, slot, weaker=False)]
    return rng.choice(moves) if moves else change(statement, rng)


def swap(statement: Statement) -> Statement:
    """The same fact with agent and patient exchanged; determiners stay where they were."""
    agent, patient = statement.agent, statement.patient
    return replace(
        statement,
        agent=Phrase(agent.determiner, patient.noun, patient.adjective),
        patient=Phrase(patient.determiner, agent.noun, agent.adjective),
    )


def redescribe(statement: Statement, rng: Random) -> Statement:
    """The same fact with the participants' adjectives exchanged, or one of them another where they have but one."""
    first, second = statement.agent.adjective, statement.patient.adjective
    if first == second or rng.random() < 0.2:
        first = _another(rng, ADJECTIVES, {first})
    else:
        first, second = second, first
    return replace(
        statement,
        agent=replace(statement.agent, adjective=first),
        patient=replace(statement.patient, adjective=second),
    )


def _another(rng: Random, choices: tuple[str, ...], known: set[str | None]) -> str:
    return rng.choice([choice for choice in choices if choice not in known])


def change(statement: Statement, rng: Random, slot: str | None = None) -> tuple[Statement, tuple[str, ...]]:
    """A neighbouring fact: one slot (agent, verb, patient, or a place or time it has) holds something else."""
    slots = ["agent", "verb", "patient"]
    slots += [name for name, value in (("place", statement.place), ("time", statement.time)) if value]
    slot = slot or rng.choice(slots)
    if slot == "verb":
        return replace(statement, verb=_another(rng, VERBS, {statement.verb})), (slot,)
    if slot == "place" and statement.place:
        return replace(statement, place=_another(rng, PLACES[genre_of(statement)], {statement.place})), (slot,)
    if slot == "time" and statement.time:
        return replace(statement, time=_another(rng, TIMES, {statement.time})), (slot,)
    phrase = statement.agent if slot == "agent" else statement.patient
    taken: set[str | None] = {statement.agent.noun, statement.patient.noun}
    if phrase.noun in MEMBERS:
        other = _another(rng, GENRES[genre_of(statement)], {phrase.noun})
    else:
        other = _another(rng, MEMBERS[kind_of(phrase.noun)], taken)
    phrase = replace(phrase, noun=other)
    return (replace(statement, agent=phrase) if slot == "agent" else replace(statement, patient=phrase)), (slot,)


def deny(statement: Statement, rng: Random) -> Statement:
    """A statement that cannot be true together with `statement`."""
    agent = statement.agent
    if agent.determiner == "no":
        return replace(statement, agent=replace(agent, determiner=rng.choice(("some", "the", "every"))))
    if agent.determiner == "some":
        turned = "every" if statement.negated else "no"
        return replace(statement, agent=replace(agent, determiner=turned), negated=False)
    if agent.determiner == "every":
        determiner = rng.choice(("no", "some", "the"))
        return replace(statement, agent=replace(agent, determiner=determiner), negated=determiner != "no")
    return replace(statement, negated=not statement.negated)
