"""What may be said in a sentence: the best of each column, and what cannot be told from it."""

import dataclasses
from collections.abc import Iterable, Sequence

from reports.evidence import Evidence
from reports.page.cells import Cell, Score, Setting
from reports.page.names import Names
from reports.replication import PROTOCOL
from reports.tables.significance import ALPHA, CROSSED, compared

BARE_MAJORITY = 3.0  # points; so near to always answering the most frequent label, a column tells little


@dataclasses.dataclass(frozen=True)
class Standing:
    """One method of a column; `p` against the best, adjusted by Holm, None where no test was possible."""

    cell: Cell
    score: Score
    p: float | None


@dataclasses.dataclass(frozen=True)
class Column:
    """One setting at one budget: the methods with the most seeds by mean, the best first.

    `equals` cannot be told from the best, `worse` can; `untested` holds the rest where no test was possible.
    """

    setting: Setting
    budget: float
    best: Standing
    equals: tuple[Standing, ...]
    worse: tuple[Standing, ...]
    untested: tuple[Standing, ...]
    test: str
    remarks: tuple[str, ...]
    dense: Score | None

    @property
    def decided(self) -> bool:
        """Whether the best is separable from every other method."""
        return bool(self.worse) and not self.equals and not self.untested


@dataclasses.dataclass(frozen=True)
class Group:
    """The columns of one backbone and protocol."""

    backbone: str
    protocol: str
    columns: tuple[Column, ...]

    @property
    def usual(self) -> bool:
        """Whether the protocol is the paper's."""
        return all(column.setting.protocol == PROTOCOL for column in self.columns)


def groups(
    cells: Sequence[Cell], names: Names, evidence: Evidence, majorities: dict[Setting, float]
) -> tuple[Group, ...]:
    """The columns of every backbone and protocol.

    Args:
        cells: all of the page.
        names: how settings are called.
        evidence: the stored predictions.
        majorities: setting -> share of the most frequent label, for accuracies.
    """
    found: dict[tuple[str, str], list[Column]] = {}
    for (setting, budget), rivals in _rivals(cells).items():
        dense = next((cell for cell in cells if cell.is_reference and cell.setting == setting and cell.seeds), None)
        column = _column(setting, budget, rivals, dense, evidence, majorities.get(setting))
        found.setdefault((names.backbone(setting), names.protocol(setting)), []).append(column)
    return tuple(Group(backbone, protocol, tuple(columns)) for (backbone, protocol), columns in found.items())


def sentence(found: Iterable[Group]) -> str:
    """How often the best is separable from all others, over all columns with at least two methods."""
    columns = [column for group in found for column in group.columns]
    rivalled = [one for one in columns if one.equals or one.worse or one.untested]
    if not rivalled:
        return "No setting has two compressed methods at one budget yet, so nothing is compared."
    decided = [one for one in rivalled if one.decided]
    untested = [one for one in rivalled if one.untested]
    words = (
        f"Of {_many(len(rivalled), 'column')} (a task, budget, backbone and protocol) with at least two compressed "
        f"methods, the best is separable from every other at {ALPHA:g} in {len(decided)}; in "
        f"{len(rivalled) - len(decided) - len(untested)} the highest mean cannot be told from at least one other"
    )
    return words + (f"; {len(untested)} could not be tested." if untested else ".")


def _rivals(cells: Iterable[Cell]) -> dict[tuple[Setting, float], list[Cell]]:
    """The compressed methods with the most seeds, a column."""
    columns: dict[tuple[Setting, float], list[Cell]] = {}
    for cell in cells:
        if cell.seeds and not cell.is_reference:
            columns.setdefault((cell.setting, cell.budget), []).append(cell)
    return {
        place: [cell for cell in found if len(cell.seeds) == max(len(one.seeds) for one in found)]
        for place, found in columns.items()
    }


def _column(
    setting: Setting,
    budget: float,
    rivals: Sequence[Cell],
    dense: Cell | None,
    evidence: Evidence,
    majority: float | None,
) -> Column:
    tested = compared({cell.id: cell.seeds for cell in rivals}, evidence) if len(rivals) > 1 else None
    p = tested.p if tested else {}
    standings = sorted(
        (Standing(cell, cell.scores()[setting.metric], p.get(cell.id)) for cell in rivals),
        key=lambda one: (tested is not None and one.cell.id != tested.best, -one.score.mean),
    )
    best, others = standings[0], standings[1:]
    remarks = [f"tested by {tested.test}"] if tested and tested.p and tested.test != CROSSED else []
    remarks += [tested.reason] if tested and tested.reason else []
    if best.score.n == 1:
        remarks.append("one seed: nothing can be said of the methods")
    if majority is not None and best.score.mean < 100 * majority + BARE_MAJORITY:
        remarks.append(
            f"within {BARE_MAJORITY:g} points of always answering the most frequent label ({100 * majority:.1f})"
        )
    return Column(
        setting=setting,
        budget=budget,
        best=best,
        equals=tuple(one for one in others if one.p is not None and one.p > ALPHA),
        worse=tuple(one for one in others if one.p is not None and one.p <= ALPHA),
        untested=tuple(one for one in others if one.p is None),
        test=tested.test if tested else "",
        remarks=tuple(remarks),
        dense=dense.scores()[setting.metric] if dense else None,
    )


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
