"""Facts that are no table of results: lists with sources, stages, comparisons; for people and for programs."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from rich.table import Table as Sheet
from rich.text import Text

from reports.listing import Listing

MANY = 500  # rows of which a table of rich's, which measures each cell, would take seconds


def plain(value: Any) -> Any:
    """The JSON form of dataclasses, mappings, sequences, enumerations and paths, as deep as they go."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def as_json(value: Any) -> str:
    """One JSON document, indented, keys in the order they have."""
    return json.dumps(plain(value), indent=1, ensure_ascii=False, default=str)


def columns(rows: Iterable[Mapping[str, Any]], heads: Sequence[str]) -> Sheet | Listing:
    """One line a row with these columns; the last takes what room is left and is wrapped."""
    texts = [[said(row.get(head, "")) for head in heads] for row in rows]
    if len(texts) > MANY:
        return Listing(heads, texts)
    sheet = Sheet(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for place, head in enumerate(heads):
        last = place == len(heads) - 1
        sheet.add_column(head, overflow="fold", no_wrap=False, ratio=1 if last else None)
    for row in texts:
        sheet.add_row(*map(Text, row))
    return sheet


def lines(facts: Mapping[str, Any], indent: str = "") -> Iterable[str]:
    """A fact a line, nested ones indented."""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            yield f"{indent}{name}"
            yield from lines(value, indent + "  ")
        else:
            yield f"{indent}{name}: {said(value)}"


def said(value: Any) -> str:
    """One value in words: numbers with four figures, sequences with commas."""
    if isinstance(value, str):
        return value
    value = plain(value)
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(said(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}={said(item)}" for key, item in value.items())
    return str(value)


def verdicts(results: Iterable[Any]) -> Iterable[str]:
    """A line a check: passed or not, its name, and what it found."""
    for one in results:
        yield f"{'pass' if one.passed else 'FAIL'}  {one.name}{': ' * bool(one.detail)}{one.detail}"
