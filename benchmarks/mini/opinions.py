"""Opinions for the sentiment task: clauses whose polarity is turned by negation, doubt and `but`."""

from random import Random

from benchmarks.mini.words import ADVERBS, ASPECTS, BAD, DISLIKED, GOOD, LIKED


def _clause(rng: Random, good: bool, depth: int) -> str:
    """A clause of the wanted polarity with `depth` negations."""
    holder = rng.choice(ASPECTS)
    inner = good if depth % 2 == 0 else not good
    if rng.random() < 0.25:
        core = f"{rng.choice(LIKED if inner else DISLIKED)} the {holder}"
        if depth == 0:
            return f"{rng.choice(('i', 'we', 'everybody'))} {core}"
        clause = f"nobody {core}"
    else:
        word = rng.choice(GOOD if inner else BAD)
        adverb = f"{rng.choice(ADVERBS)} " if rng.random() < 0.2 else ""
        if depth == 0:
            return f"the {holder} was {adverb}{word}"
        if rng.random() < 0.2:
            clause = f"the {holder} was neither {word} nor {rng.choice(GOOD if inner else BAD)}"
        else:
            clause = f"the {holder} was {rng.choice(('not', 'not', 'hardly', 'far from'))} {adverb}{word}"
    if depth == 1:
        return clause
    return rng.choice(("i doubt that", "nobody thought that", "nobody said that")) + f" {clause}"


def _framed(rng: Random, good: bool, plain: float) -> str:
    """A clause, perhaps reported: `everybody said that` keeps its polarity, `nobody thought that` turns it."""
    depth = 0 if rng.random() < plain else rng.choices((1, 2), (0.8, 0.2))[0]
    draw = rng.random()
    if depth == 1 and draw < 0.35:
        turned = rng.choice(("i doubt that", "nobody thought that", "nobody said that"))
        return f"{turned} {_clause(rng, not good, 0)}"
    if depth < 2 and draw > 0.88:
        kept = rng.choice(("i agreed that", "everybody said that", "i think that"))
        return f"{kept} {_clause(rng, good, depth)}"
    return _clause(rng, good, depth)


def opinion(rng: Random, good: bool, *, single: float = 0.45, plain: float = 0.5) -> str:
    """A sentence that is good or bad all in all; where two clauses disagree, `but` and `although` decide.

    Args:
        rng: Chooses the words.
        good: The polarity wanted.
        single: Chance of a single clause, in [0, 1].
        plain: Chance that a clause holds no negation, in [0, 1].
    """
    if rng.random() < single:
        return _framed(rng, good, plain)
    main, aside = _framed(rng, good, plain), _framed(rng, not good if rng.random() < 0.8 else good, plain)
    draw = rng.random()
    if draw < 0.5:
        return f"{aside} but {main}"
    return f"although {aside} {main}" if draw < 0.75 else f"{main} although {aside}"


def verdict(rng: Random, good: bool) -> str:
    """A short sentence that sums an opinion up."""
    who = rng.choice(("i", "we", "everybody"))
    return f"{who} {'really ' if rng.random() < 0.3 else ''}{rng.choice(LIKED if good else DISLIKED)} it"
