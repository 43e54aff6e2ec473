"""Which records a text names: a method, perhaps with knobs, as it is written on the command line."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

import methods
from benchmarks.records import Record
from methods.contract import Family
from reports.faults import UsageError


def is_named(record: Record, text: str, free: Sequence[str] = ()) -> bool:
    """Whether the record is of the method `text`: the same text, or the same name with equal knobs.

    Args:
        record: one measurement.
        text: 'lpaf' or 'lpaf(v=0.5)'.
        free: knobs that may differ.
    """
    if record.method == text:
        return True
    if _base(record.method) != _base(text):
        return False
    wanted = _knobs(text)
    return wanted is not None and _fixed(wanted, free) == _fixed(record.knobs, free)


def choose(records: Iterable[Record], text: str) -> list[Record]:
    """The records of the method `text`.

    Raises:
        UsageError: no record has it; the message has the nearest name and the list.
    """
    records = list(records)
    found = [record for record in records if is_named(record, text)]
    if not found:
        known = sorted({record.method for record in records})
        near = difflib.get_close_matches(text, known, n=1, cutoff=0.4)
        hint = f"; did you mean '{near[0]}'?" if near else ";"
        raise UsageError(f"no record is of the method '{text}'{hint} there are: {', '.join(known)}")
    return found


def is_dense(record: Record) -> bool:
    """Whether the record is of the reference, which has no budget."""
    return record.family == Family.REFERENCE.value


def _base(text: str) -> str:
    return text.partition("(")[0].strip()


def _knobs(text: str) -> dict[str, Any] | None:
    """All knobs of a method, or None where the registry has no such method."""
    try:
        return methods.get(text).knobs()
    except methods.UnknownMethodError:
        return None


def _fixed(knobs: dict[str, Any], free: Sequence[str]) -> dict[str, Any]:
    """As JSON has them: sequences are lists."""
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in knobs.items() if name not in free
    }
