"""The cells that have no value, with their reasons, in the words of a table: of a run, or kept beside the records."""

from collections.abc import Iterable, Mapping

from benchmarks.cells import Cell
from benchmarks.gaps import KeptGap
from reports.tables.table import Gap


def gaps(cells: Iterable[Cell], refused: Mapping[str, str], failed: Mapping[str, str]) -> list[Gap]:
    """What is missing of these cells.

    Args:
        cells: what was asked for.
        refused: cell key -> why there will be no value.
        failed: cell key -> why there is none this time.
    """
    found = []
    for cell in cells:
        # a refused cell may have no stage, hence no key: it is asked first
        reason = cell.refused or refused.get(cell.key) or failed.get(cell.key)
        if reason:
            found.append(
                Gap(
                    method=cell.method,
                    label=cell.title,
                    family=cell.compressor.family.value,
                    task=cell.setting.task.name,
                    budget=cell.setting.budget.kept,
                    seed=cell.setting.seed,
                    reason=reason,
                    refused=bool(cell.refused or cell.key in refused),
                )
            )
    return found


def kept(found: Iterable[KeptGap]) -> list[Gap]:
    """Gaps that were kept in files."""
    return [
        Gap(
            method=one.method,
            label=one.label,
            family=one.family,
            task=one.task,
            budget=one.budget,
            seed=one.seed,
            reason=one.reason,
            refused=one.state == "refused",
        )
        for one in found
    ]
