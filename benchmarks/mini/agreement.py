"""Sentences for the acceptability task: number agreement across a distance, and the ways to break a sentence."""

from dataclasses import dataclass
from random import Random

from benchmarks.mini.grammar import draw_noun, say
from benchmarks.mini.words import ADJECTIVES, GENRES, PLACES, SYNONYMS, VERBS, past, plural, third


@dataclass(frozen=True)
class Clause:
    """The parts of one sentence in their right order; `many` says whether the subject is plural."""

    subject: tuple[str, ...]
    verb: tuple[str, ...]
    rest: tuple[str, ...]
    many: bool

    def words(self) -> list[str]:
        """The sentence, word by word."""
        return [*self.subject, *self.verb, *self.rest]


def _noun(rng: Random, genre: str, many: bool) -> list[str]:
    word = say(draw_noun(rng, genre), rng)
    determiner = rng.choice(("the", "these", "some") if many else ("the", "this", "a", "every"))
    described = [say(rng.choice(ADJECTIVES), rng)] if rng.random() < 0.3 else []
    return [determiner, *described, plural(word) if many else word]


def _verb(rng: Random, many: bool) -> tuple[str, ...]:
    verb = say(rng.choice(VERBS), rng)
    return rng.choice((
        (verb if many else third(verb),),
        ("do" if many else "does", "not", verb),
        ("are" if many else "is", past(verb), "by"),
        ("were" if many else "was", past(verb), "by"),
        ("did", "not", verb),
    ))  # fmt: skip


def clause(rng: Random) -> Clause:
    """A random acceptable clause, often with another noun between the subject and its verb."""
    genre = rng.choice(tuple(GENRES))
    many = rng.random() < 0.5
    subject = _noun(rng, genre, many)
    if rng.random() < 0.6:
        attractor = _noun(rng, genre, not many if rng.random() < 0.7 else many)
        subject += rng.choice((["near"], ["that", "chased"], ["that", "watched"], ["that", "helped"])) + attractor
    verb = _verb(rng, many)
    if verb[-1] != "by" and rng.random() < 0.35:
        rest = ["themselves" if many else "itself"]
    else:
        rest = _noun(rng, genre, rng.random() < 0.5)
    if rng.random() < 0.25:
        rest += rng.choice(PLACES[genre]).split()
    return Clause(tuple(subject), verb, tuple(rest), many)


_OTHER_NUMBER = {"do": "does", "does": "do", "is": "are", "are": "is", "was": "were", "were": "was"}


def _break_agreement(parts: Clause, rng: Random) -> list[str] | None:
    first, *others = parts.verb
    if first in _OTHER_NUMBER:
        wrong = _OTHER_NUMBER[first]
    elif first == "did":
        return None
    else:
        base = next(verb for verb in _bases() if first in {verb, third(verb)})
        wrong = third(base) if parts.many else base
    return [*parts.subject, wrong, *others, *parts.rest]


def _bases() -> list[str]:
    return [word for verb in VERBS for word in SYNONYMS[verb]]


def _break_reflexive(parts: Clause, rng: Random) -> list[str] | None:
    pair = {"itself": "themselves", "themselves": "itself"}
    if parts.rest[0] not in pair:
        return None
    return [*parts.subject, *parts.verb, pair[parts.rest[0]], *parts.rest[1:]]


def _break_order(parts: Clause, rng: Random) -> list[str] | None:
    words = parts.words()
    place = rng.randrange(len(words) - 1)
    words[place], words[place + 1] = words[place + 1], words[place]
    return words


def _break_verb(parts: Clause, rng: Random) -> list[str] | None:
    if len(parts.verb) != 3:
        return None
    first, middle, last = parts.verb
    if last == "by":  # `was chase by`
        base = next(verb for verb in _bases() if past(verb) == middle)
        return [*parts.subject, first, rng.choice((base, third(base))), last, *parts.rest]
    return [*parts.subject, first, middle, rng.choice((past(last), third(last))), *parts.rest]


def _break_passive(parts: Clause, rng: Random) -> list[str] | None:
    if parts.verb[-1] != "by":
        return None
    verb = parts.verb[:2] if rng.random() < 0.5 else parts.verb[1:]
    return [*parts.subject, *verb, *parts.rest]


_BREAKS = (_break_agreement, _break_agreement, _break_reflexive, _break_reflexive, _break_order, _break_verb,
           _break_passive)  # fmt: skip


def sentence(rng: Random, acceptable: bool) -> str:
    """A sentence of the mini world's English, or one that breaks a single rule of it."""
    while True:
        parts = clause(rng)
        words = parts.words() if acceptable else rng.choice(_BREAKS)(parts, rng)
        if words is not None:
            return " ".join(words)
