"""The data of the page: the leaderboard's rows, and apart from them the runs, read when a cell is opened."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.records import Record
from reports import latency
from reports.page.cells import Cell, Setting
from reports.page.names import Names
from reports.page.predictions import Summaries
from reports.statistics import mean
from reports.tables.remarks import kept

Rows = dict[str, list[Any]]


class Interned:
    """Equal values once, in the order they came: runs share their provenance, cells their recipes."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._places: dict[str, int] = {}

    def place(self, value: Any) -> int:
        """Where the value stands."""
        text = repr(value)
        if text not in self._places:
            self._places[text] = len(self.values)
            self.values.append(value)
        return self._places[text]


def board(cells: Sequence[Cell], names: Names) -> Rows:
    """What the leaderboard and the plots show: settings, and cells that name their setting by its place."""
    settings = list(dict.fromkeys(cell.setting for cell in cells))
    places = {setting: place for place, setting in enumerate(settings)}
    dense = {cell.setting: cell.seeds for cell in cells if cell.is_reference}
    return {
        "settings": [_setting(one, names) for one in settings],
        "cells": [_cell(cell, places[cell.setting], dense.get(cell.setting, ())) for cell in cells],
    }


def runs(cells: Sequence[Cell], summaries: Summaries, folder: Path) -> dict[str, Any]:
    """Cell id -> its runs and knobs, with what many runs share kept once."""
    provenances = Interned()
    return {
        "cells": {
            cell.id: {
                "knobs": cell.knobs,
                "runs": [_run(record, summaries, provenances, folder) for record in cell.records],
            }
            for cell in cells
        },
        "provenances": provenances.values,
    }


def _setting(one: Setting, names: Names) -> dict[str, Any]:
    return {
        "backbone": names.backbone(one),
        "protocol": names.protocol(one),
        "task": names.task(one),
        "split": one.split,
        "metric": one.metric,
        "fingerprints": [one.backbone_fingerprint, one.task_fingerprint],
    }


def _latency(cell: Cell, dense: Sequence[Record]) -> dict[str, list[float | None]]:
    """Batch size -> milliseconds, and the same as a share of the dense model's; empty where it was not timed."""
    return {
        size: [_rounded(middle), None if cell.is_reference else _rounded(latency.ratio(cell.seeds, dense, size))]
        for size in latency.sizes(cell.seeds)
        if (middle := latency.middle(cell.seeds, size)) is not None
    }


def _cell(cell: Cell, setting: int, dense: Sequence[Record]) -> dict[str, Any]:
    records = cell.seeds or cell.records
    return {
        "id": cell.id,
        "setting": setting,
        "method": cell.method,
        "label": cell.label,
        "family": cell.family,
        "reference": cell.is_reference,
        "budget": cell.budget,
        "scores": {
            name: [_rounded(score.mean), _rounded(score.sd), score.n] for name, score in cell.scores().items()
        },
        "kept": _mean([100 * kept(record) for record in records]),
        "macs": _mean([float(record.sizes.macs) for record in records]),
        "parameters": _mean([float(record.sizes.whole_parameters) for record in records]),
        "ranks": {
            name: _rounded(mean([record.ranks[name] for record in records]))
            for name in ("rank", "sparse_rank")
            if records and all(name in record.ranks for record in records)
        },
        "v": _number(cell.knobs.get("v")),
        "p_init": _number(cell.knobs.get("p_init")),
        "latency": _latency(cell, dense),
        "fault": cell.fault,
        "state": cell.state,
        "reasons": list(cell.reasons),
    }


def _run(record: Record, summaries: Summaries, provenances: Interned, folder: Path) -> dict[str, Any]:
    answered = summaries.of(record)
    return {
        "seed": record.seed,
        "key": record.key,
        "stage": record.stage,
        "file": record.path(folder).relative_to(folder).as_posix(),
        "metrics": {
            split: {name: _rounded(100 * value) for name, value in metrics.items()}
            for split, metrics in record.metrics.items()
        },
        "sizes": dataclasses.asdict(record.sizes),
        "ranks": {name: _rounded(value) for name, value in record.ranks.items()},
        "cost": dataclasses.asdict(record.cost),
        "latency": dataclasses.asdict(record.latency) if record.latency else None,
        "provenance": provenances.place(record.provenance),
        "recipes": provenances.place(record.recipes),
        "notes": list(record.notes),
        "predictions": answered if isinstance(answered, str) else dataclasses.asdict(answered),
    }


def _mean(values: Sequence[float]) -> float | None:
    return _rounded(mean(values)) if values else None


def _rounded(value: float | None) -> float | None:
    """Four decimals, which is more than any of these numbers carries."""
    return None if value is None else round(value, 4)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
