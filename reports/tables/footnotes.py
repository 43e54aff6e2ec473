"""Footnotes of a table: what is said of a cell is marked at the cell, of a row at the row, of all nowhere."""

import dataclasses
from collections.abc import Mapping
from typing import TypeVar

Place = tuple[str, str, float]  # method, task, budget
Key = TypeVar("Key")

LETTERS = "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ"
DIGITS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def mark(place: int) -> str:
    """The mark of the footnote number `place` (from 0): a raised letter, or a raised number after the letters."""
    return LETTERS[place] if place < len(LETTERS) else f"⁽{place + 1}⁾".translate(DIGITS)


@dataclasses.dataclass(frozen=True)
class Marked:
    """Footnotes with their marks, and where the marks stand."""

    footnotes: tuple[tuple[str, str], ...]
    places: Mapping[Place, str]
    methods: Mapping[str, str]
    tasks: Mapping[str, str]


def distribute(said: Mapping[str, set[Place]], every: set[Place], measured: set[Place]) -> Marked:
    """Put each sentence of `said` where it is printed least often.

    Args:
        said: sentence -> the places it is true of; none means of the whole table.
        every: all places of the table.
        measured: the places with a number.
    """
    general: list[tuple[str, str]] = []
    marked: list[tuple[str, str]] = []
    marks: tuple[dict[Place, str], dict[str, str], dict[str, str]] = ({}, {}, {})
    for sentence, places in said.items():
        if not places or (measured and measured <= places):
            general.append(("", sentence))
            continue
        sign = mark(len(marked))
        marked.append((sign, sentence))
        methods = {place[0] for place in places}
        tasks = {place[1] for place in places}
        if any(places == {place for place in among if place[0] in methods} for among in (every, measured)):
            _add(marks[1], methods, sign)
        elif any(places == {place for place in among if place[1] in tasks} for among in (every, measured)):
            _add(marks[2], tasks, sign)
        else:
            _add(marks[0], places, sign)
    return Marked((*marked, *general), *marks)


def _add(marks: dict[Key, str], keys: set[Key], sign: str) -> None:
    for key in keys:
        marks[key] = marks.get(key, "") + sign
