"""The mini world's meanings (who did what to whom, where and when) and the ways English states or asks them."""

import hashlib
from dataclasses import dataclass
from random import Random

from benchmarks.mini.words import (
    ADJECTIVES,
    GENRES,
    KIND_OF,
    MEMBERS,
    PLACES,
    SYNONYMS,
    TIMES,
    VERBS,
    past,
)

BASE_SEED = 20220
GAPS = ("agent", "patient", "place", "time")


@dataclass(frozen=True)
class Phrase:
    """A noun phrase: determiner (the, a, some, every, no), noun concept and perhaps an adjective concept."""

    determiner: str
    noun: str
    adjective: str | None = None


@dataclass(frozen=True)
class Statement:
    """One fact: the agent did (or did not do) `verb` to the patient, perhaps at a place and a time."""

    agent: Phrase
    verb: str
    patient: Phrase
    place: str | None = None
    time: str | None = None
    negated: bool = False

    @property
    def positive(self) -> bool:
        """Whether what follows the agent is asserted: neither negated nor under `no`."""
        return not self.negated and self.agent.determiner != "no"


def generator(*purpose: object) -> Random:
    """A random generator that depends on nothing but the base seed and the purpose's words."""
    digest = hashlib.sha256("/".join(map(str, (BASE_SEED, *purpose))).encode()).digest()
    return Random(int.from_bytes(digest[:8], "big"))  # noqa: S311 (data, not secrets)


def kind_of(noun: str) -> str:
    """The kind a noun belongs to; a kind belongs to itself."""
    return KIND_OF.get(noun, noun)


def genre_of(statement: Statement) -> str:
    """The genre (land, sea) the agent lives in."""
    return next(genre for genre, kinds in GENRES.items() if kind_of(statement.agent.noun) in kinds)


def say(concept: str, rng: Random) -> str:
    """One of the words that mean `concept`."""
    return rng.choice(SYNONYMS.get(concept, (concept,)))


def draw_noun(rng: Random, genre: str) -> str:
    """A noun concept of a genre, each kind as likely as the other."""
    return rng.choice(MEMBERS[rng.choice(GENRES[genre])])


def draw_statement(
    rng: Random,
    genre: str | None = None,
    *,
    quantified: float = 0.0,
    negated: float = 0.0,
    adjective: float = 0.3,
    place: float = 0.3,
    time: float = 0.2,
) -> Statement:
    """A random fact whose agent and patient differ; the keywords are chances in [0, 1]."""
    genre = genre or rng.choice(tuple(GENRES))
    first, second = draw_noun(rng, genre), draw_noun(rng, genre)
    while second == first:
        second = draw_noun(rng, genre)
    determiner, other = "the", "the"
    if rng.random() < quantified:
        determiner, other = rng.choice(("some", "every", "no", "no")), rng.choice(("the", "a"))
        if rng.random() < 0.4:
            first = KIND_OF[first]
    described = [rng.choice(ADJECTIVES) if rng.random() < adjective / 2 else None for _ in range(2)]
    return Statement(
        agent=Phrase(determiner, first, described[0]),
        verb=rng.choice(VERBS),
        patient=Phrase(other, second, described[1]),
        place=rng.choice(PLACES[genre]) if rng.random() < place else None,
        time=rng.choice(TIMES) if rng.random() < time else None,
        negated=determiner in {"the", "some"} and rng.random() < negated,
    )


def _phrase(phrase: Phrase, rng: Random) -> str:
    words = [phrase.determiner, say(phrase.adjective, rng) if phrase.adjective else "", say(phrase.noun, rng)]
    return " ".join(word for word in words if word)


def realise(statement: Statement, rng: Random, *, agentless: bool = False) -> str:
    """Say a statement: active, passive or cleft, the adjuncts before or after it, with any of its synonyms.

    Args:
        statement: The fact.
        rng: Chooses among the ways to say it.
        agentless: Say it in the passive voice without the agent.
    """
    agent, patient, verb = _phrase(statement.agent, rng), _phrase(statement.patient, rng), say(statement.verb, rng)
    negation = " not" if statement.negated else ""
    draw = rng.random()
    if agentless:
        core = f"{patient} was{negation} {past(verb)}"
    elif draw < 0.42:
        core = f"{patient} was{negation} {past(verb)} by {agent}"
    elif draw < 0.54 and statement.agent.determiner == "the":
        core = f"it was {agent} that " + (f"did not {verb} {patient}" if negation else f"{past(verb)} {patient}")
    else:
        core = f"{agent} " + (f"did not {verb} {patient}" if negation else f"{past(verb)} {patient}")
    before, after = "", ""
    for adjunct in (statement.place, statement.time):
        if adjunct and not before and rng.random() < 0.3:
            before = f"{adjunct} "
        elif adjunct:
            after += f" {adjunct}"
    return before + core + after


def ask(statement: Statement, gap: str, rng: Random) -> str:
    """Ask for one part of a statement.

    Args:
        statement: The fact that is asked about; a gap of place or time ignores the fact's own place or time.
        gap: agent, patient, place or time.
        rng: Chooses among the ways to ask.
    """
    agent, patient, verb = _phrase(statement.agent, rng), _phrase(statement.patient, rng), say(statement.verb, rng)
    adjuncts = "".join(
        f" {value}"
        for name, value in (("place", statement.place), ("time", statement.time))
        if value is not None and name != gap
    )
    passive = rng.random() < 0.45
    if gap == "agent":
        core = f"by whom was {patient} {past(verb)}" if passive else f"who {past(verb)} {patient}"
    elif gap == "patient":
        core = f"who was {past(verb)} by {agent}" if passive else f"whom did {agent} {verb}"
    else:
        word = "where" if gap == "place" else "when"
        core = f"{word} was {patient} {past(verb)} by {agent}" if passive else f"{word} did {agent} {verb} {patient}"
    return core + adjuncts
