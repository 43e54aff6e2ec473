"""Published tables checked by machine: every check, what it was applied to, and what it found."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from reports import published
from reports.lint import sizes, values
from reports.lint.findings import Check, Checked, Finding
from reports.published import Published

CHECKS: tuple[Check, ...] = (
    values.possible_means,
    values.equal_cells,
    values.one_configuration,
    values.above_chance,
    values.below_dense,
    values.falls_with_budget,
    sizes.shares,
    sizes.macs,
)
WIDTH = 80
PREAMBLE = (
    "A finding says that a value does not reproduce from what else is printed. The reason may be a misprint, an "
    "unstated choice, or an error in the data file: it is a question to the table, not a verdict on its authors."
)


def lint(cells: Sequence[Published]) -> tuple[Checked, ...]:
    """Apply every check to the cells of one or several tables."""
    return tuple(check(cells) for check in CHECKS)


def lint_files(paths: Sequence[Path] = ()) -> tuple[Checked, ...]:
    """The same for files; the paper's tables where none is named.

    Raises:
        UsageError: a file of another form; the message names file and row.
    """
    return lint(published.read_all(paths))


def words(results: Iterable[Checked]) -> Iterator[str]:
    """The report in lines of at most 80 characters."""
    results = tuple(results)
    yield from textwrap.wrap(PREAMBLE, WIDTH)
    for one in results:
        yield ""
        found = f"{len(one.findings)} findings" if len(one.findings) != 1 else "1 finding"
        yield f"{one.check}: {one.tested} cells tested, {found if one.findings else 'nothing found'}"
        for finding in one.findings:
            yield from _wrapped(finding)


def as_data(results: Iterable[Checked]) -> list[dict[str, Any]]:
    """The report as plain data."""
    return [
        {
            "check": one.check,
            "cells_tested": one.tested,
            "findings": [
                {
                    "says": finding.says,
                    "cells": [
                        {"table": cell.table, "row": cell.row, "column": cell.column, "value": cell.printed}
                        for cell in finding.cells
                    ],
                    "errata": finding.explained,
                }
                for finding in one.findings
            ],
        }
        for one in results
    ]


def _wrapped(finding: Finding) -> list[str]:
    known = f" [errata: {finding.explained}]" if finding.explained else ""
    place = "" if finding.check in ("equal cells", "one configuration") else f"{finding.cells[0].place}: "
    return textwrap.wrap(
        f"{place}{finding.says}{known}",
        WIDTH,
        initial_indent="  - ",
        subsequent_indent="    ",
        break_long_words=False,
    )
