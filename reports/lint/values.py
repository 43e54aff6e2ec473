"""Checks that need no more than the printed values."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import combinations, pairwise

from benchmarks import tasks
from reports.lint import grim
from reports.lint.findings import Checked, Finding
from reports.published import Published

COUNTED = ("accuracy", "exact match")  # metrics that are a number of right answers over a number of examples
SCORES = (*COUNTED, "f1", "matthews", "pearson", "spearman")  # higher is better, on the evaluation set
ALIKE = 2  # equal cells of two rows from which on they are shown
Line = tuple[str, str, str, str, str]  # table, row, backbone, task, metric


def possible_means(cells: Sequence[Published]) -> Checked:
    """GRIM: does a mean of `runs` accuracies over `n_examples` round to the printed value?"""
    tested = [
        cell
        for cell in cells
        if cell.metric in COUNTED and cell.unit == "%" and cell.n_examples is not None and cell.runs is not None
    ]
    findings = []
    for cell in tested:
        n, runs = cell.n_examples or 0, cell.runs or 0
        if not grim.possible(cell.printed, n, runs):
            below, above = grim.nearest(cell.printed, n, runs)
            others = grim.conventions(cell.printed, n, runs)
            cure = f"it would with {' or with '.join(others)}" if others else "nor with any other way of rounding"
            findings.append(
                Finding(
                    "possible mean",
                    (cell,),
                    f"{cell.printed} does not reproduce from {runs} {'runs' if runs > 1 else 'run'} over {n} "
                    f"examples (nearest {below:.2f} and {above:.2f}); {cure}",
                )
            )
    return Checked("possible mean", len(tested), tuple(findings))


def equal_cells(cells: Sequence[Published]) -> Checked:
    """Rows whose values agree at several budgets: one method on two tasks, or two methods on one task."""
    lines = {line: found for line, found in _lines(cells).items() if len(found) >= ALIKE and line[4] in SCORES}
    findings = []
    for (first, a), (second, b) in combinations(lines.items(), 2):
        one_method = _method(a) == _method(b)
        if one_method == (first[3] == second[3]):
            continue  # the same measurement printed twice, or nothing in common
        equal = [at for at in a if at in b and a[at].value == b[at].value]
        if len(equal) >= ALIKE:
            values = ", ".join(a[at].printed for at in equal)
            findings.append(
                Finding(
                    "equal cells",
                    tuple(cell for at in equal for cell in (a[at], b[at])),
                    f"{values} ({len(equal)} of {min(len(a), len(b))} budgets) stand both in {_name(first)} and in "
                    f"{_name(second)}",
                )
            )
    return Checked("equal cells", sum(map(len, lines.values())), tuple(findings))


def one_configuration(cells: Sequence[Published]) -> Checked:
    """The same method, task, budget and metric in several places: are the values the same?"""
    places: dict[Hashable, list[Published]] = {}
    for cell in cells:
        if cell.method and cell.task and cell.budget is not None:
            key = (cell.method, cell.backbone, cell.task, cell.budget, cell.k, cell.metric)
            places.setdefault(key, []).append(cell)
    several = [found for found in places.values() if len(found) > 1]
    findings = [
        Finding(
            "one configuration",
            tuple(found),
            f"{' and '.join(dict.fromkeys(cell.printed for cell in found))} are printed for one configuration "
            f"({found[0].method}, {found[0].task}, {_kept(found[0].budget)}): "
            + ", ".join(f"{cell.printed} in {cell.place}" for cell in found),
        )
        for found in several
        if len({cell.value for cell in found}) > 1
    ]
    return Checked("one configuration", sum(map(len, several)), tuple(findings))


def above_chance(cells: Sequence[Published]) -> Checked:
    """Is a value above what always answering the most frequent class gives?"""
    known = tasks.available()
    chances = {name: task.chance for name, task in known.items() if task.chance is not None}
    tested = [
        cell for cell in cells if cell.task in chances and cell.metric == known[cell.task].metric and cell.unit == "%"
    ]
    findings = [
        Finding(
            "chance",
            (cell,),
            f"{cell.printed} is below {100 * (chances[cell.task] or 0):.1f}, what the most frequent class alone "
            f"gives on {known[cell.task].label}",
        )
        for cell in tested
        if cell.value < 100 * (chances[cell.task] or 0) - cell.unit_of_last_digit / 2
    ]
    return Checked("chance", len(tested), tuple(findings))


def below_dense(cells: Sequence[Published]) -> Checked:
    """Is a compressed model better than the dense one of its table?"""
    dense = {(line[0], *line[2:]): found[1.0] for line, found in _lines(cells).items() if set(found) == {1.0}}
    compressed = [
        (cell, dense[key])
        for cell in cells
        if cell.metric in SCORES
        and cell.budget is not None
        and cell.budget < 1
        and (key := (cell.table, cell.backbone, cell.task, cell.metric)) in dense
    ]
    findings = [
        Finding(
            "above the dense model",
            (cell, reference),
            f"{cell.printed} is {cell.value - reference.value:.1f} above the dense model's {reference.printed}, at "
            f"{_kept(cell.budget)} of its weights",
        )
        for cell, reference in compressed
        if cell.value > reference.value
    ]
    return Checked("above the dense model", len(compressed), tuple(findings))


def falls_with_budget(cells: Sequence[Published]) -> Checked:
    """Does a value rise where fewer weights are kept?"""
    tested, findings = 0, []
    for line, found in _lines(cells).items():
        if line[4] not in SCORES or len(found) < 2:
            continue
        tested += len(found)
        budgets = sorted(found, reverse=True)
        for more, less in pairwise(budgets):
            if found[less].value > found[more].value:
                findings.append(
                    Finding(
                        "monotone in the budget",
                        (found[more], found[less]),
                        f"{found[more].printed} at {_kept(more)} rises to {found[less].printed} at {_kept(less)} "
                        f"(by {found[less].value - found[more].value:.1f})",
                    )
                )
    return Checked("monotone in the budget", tested, tuple(findings))


def _lines(cells: Iterable[Published]) -> dict[Line, dict[float, Published]]:
    """The cells of one row and task by budget."""
    lines: dict[Line, dict[float, Published]] = {}
    for cell in cells:
        if cell.budget is not None and cell.task:
            line = (cell.table, cell.row, cell.backbone, cell.task, cell.metric)
            lines.setdefault(line, {})[cell.budget] = cell
    return lines


def _method(line: Mapping[float, Published]) -> str:
    cell = next(iter(line.values()))
    return cell.method or cell.row


def _name(line: Line) -> str:
    return f"Table {line[0]}, {line[1]}, {line[3]}"


def _kept(budget: float | None) -> str:
    return f"{100 * (budget or 0):g} %"
