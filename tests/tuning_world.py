"""Searches without training: stages are made in no time, and a score is a function of what was asked for."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks import engines, experiment, runner
from benchmarks.cells import Cell
from benchmarks.events import Outcome
from benchmarks.experiment import Options
from benchmarks.store import Costs, Store
from benchmarks.tuning import search, studies
from benchmarks.tuning.search import Request, Search
from methods.stages.stage import Stage

OPTIONS = Options(tasks=("mini-rte",), methods=("lpaf",), budgets=(0.25,), seeds=(1,), protocol="smoke")


def luck(stage: Stage) -> float:
    """A score that differs from stage to stage: 0.5 to 0.9 in steps of 0.005, as of 200 rows."""
    return 0.5 + int.from_bytes(hashlib.sha256(stage.key.encode()).digest()[:2], "big") % 80 / 200


class Workers:
    """Stands for `runner.run`: makes what is missing and remembers it.

    `spoil` is asked before each stage is made: it may raise as a kill does, or give an outcome for one that fails.
    """

    def __init__(self, score: Callable[[Stage], float | None] = luck) -> None:
        self.made: list[Stage] = []
        self.score = score
        self.spoil: Callable[[Stage], Outcome | None] = lambda stage: None

    def run(self, stages: Sequence[Stage], store: Store, **more: Any) -> Mapping[str, Outcome]:
        found: dict[str, Outcome] = {}
        for wanted in stages:
            for stage in wanted.walk():
                if store.complete(stage.key):
                    found[stage.key] = Outcome(stage.key, stage.kind, "cached")
                elif lost := self.spoil(stage):
                    found[stage.key] = lost
                    found[wanted.key] = Outcome(wanted.key, wanted.kind, "failed", lost.cause, lost.reason)
                    break
                else:
                    self.make(stage, store)
                    found[stage.key] = Outcome(stage.key, stage.kind, "done", seconds=1.0)
        return found

    def make(self, stage: Stage, store: Store) -> None:
        facts: dict[str, Any] = {}
        if stage.kind == "evaluate":
            split = stage.data.evaluation[0]  # type: ignore[attr-defined]
            facts = {"metrics": {split: {"accuracy": self.score(stage)}}}
        costs = Costs(started="2026-01-01T00:00:00+00:00", seconds=1.0, cpu_seconds=1.0, peak_memory=1)
        store.commit(
            stage.key, store.begin(stage.key), description=stage.description, inputs={}, environment={},
            costs=costs, facts=facts,
        )  # fmt: skip
        self.made.append(stage)

    def count(self, kind: str) -> int:
        return sum(stage.kind == kind for stage in self.made)


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    found = Workers()
    monkeypatch.setattr(runner, "run", found.run)
    return found


@contextlib.contextmanager
def searches(folder: Path, request: Request, options: Options = OPTIONS) -> Iterator[list[Search]]:
    with studies.storage(studies.beside(folder / "store", "table2")) as kept:
        cells: list[Cell] = experiment.cells(options)
        yield [Search(one, request, kept) for one in search.subjects(cells, options, request)]


def go(folder: Path, request: Request, options: Options = OPTIONS) -> list[tuple[str, dict[str, Any], float | None]]:
    """Search, and give the trials of the first search: state, point, value."""
    with searches(folder, request, options) as found:
        search.run(
            found,
            request,
            store=folder / "store",
            sources=search.places(options, request),
            engine=lambda: engines.make("local", folder / "store"),
            watching=lambda efforts: contextlib.nullcontext(lambda event: None),
        )
        return [(trial.state.name, trial.params, trial.value) for trial in found[0].trials]
