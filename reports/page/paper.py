"""The published numbers beside ours, each of our settings on a line of its own."""

from collections.abc import Iterable, Sequence
from typing import Any

from reports import replication
from reports.page.cells import Cell
from reports.page.names import Names
from reports.published import Published
from reports.replication import PROTOCOL, SPLITS, VERDICTS, Replication, replicate
from reports.statistics import mean, spread

ELSEWHERE = "another setting"
OFF = "the encoder or the training protocol is not the paper's: the difference is no test of the published number"
ORDER = (*VERDICTS, ELSEWHERE)


def beside(published: Sequence[Published], cells: Iterable[Cell], names: Names) -> list[dict[str, Any]]:
    """A row for each published cell and each of our cells of the same method, task, budget and metric."""
    by_task: dict[str, list[Cell]] = {}
    for cell in cells:
        by_task.setdefault(cell.setting.task, []).append(cell)
    rows = []
    for one in published:
        task, split = SPLITS.get(one.task, (one.task, None))
        matched = [
            (cell, values)
            for cell in by_task.get(task, ())
            if cell.seeds
            and replication.is_method(cell.seeds[0], one)
            and (values := [v for r in cell.seeds if (v := replication.value_of(r, one, split)) is not None])
        ]
        rows += [_ours(one, cell, values, names) for cell, values in matched] or [_row(one, replicate([one], ())[0])]
    return rows


def _ours(one: Published, cell: Cell, values: Sequence[float], names: Names) -> dict[str, Any]:
    setting = cell.setting
    if setting.protocol == PROTOCOL and replication.is_encoder(cell.seeds[0], one.backbone):
        row = _row(one, replicate([one], cell.seeds)[0])
    else:
        row = {**_row(one, None), "verdict": ELSEWHERE, "reason": OFF}
    sd = spread(values)
    return row | {
        "ours": round(mean(values), 4),
        "sd": None if sd is None else round(sd, 4),
        "n": len(values),
        "difference": round(mean(values) - one.value, 4),
        "setting": f"{names.backbone(setting)}, {names.protocol(setting)}",
        "cell": cell.id,
    }


def _row(one: Published, found: Replication | None) -> dict[str, Any]:
    return {
        "table": one.table,
        "row": one.row,
        "column": one.column,
        "method": one.method,
        "task": one.task,
        "budget": one.budget,
        "metric": one.metric,
        "printed": one.printed,
        "value": one.value,
        "unit": one.unit,
        "errata": f"{one.errata}: {one.reason}" if one.errata else "",
        "verdict": found.verdict if found else "",
        "reason": found.reason if found else "",
        "ours": None,
        "sd": None,
        "n": 0,
        "difference": None,
        "setting": "",
        "cell": "",
    }
