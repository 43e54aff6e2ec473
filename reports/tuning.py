"""A search as it was asked for on the command line."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import engines
from benchmarks.plan import Plan
from benchmarks.tuning import chosen, forecast, search, studies
from benchmarks.tuning.certificate import Certificate
from benchmarks.tuning.search import Request, Search, Subject
from reports.asked import Asked, Experiment
from reports.faults import UsageError, noted, usage
from reports.terminal import Watch


@dataclasses.dataclass(frozen=True)
class Tuning:
    """Searches for the cells of a table."""

    table: str
    experiment: Experiment
    request: Request
    subjects: Sequence[Subject]

    @staticmethod
    def asked(asked: Asked, **how: Any) -> "Tuning":
        """The searches of what was asked for; `how` are the fields of `Request`.

        Where a trial cannot end early and no seeds are named, it has one seed: the table's first.

        Raises:
            UsageError: What was asked for cannot be done.
        """
        said: list[str] = []
        with noted(said, ValueError):
            request = Request(**how)
        with noted(said, UsageError):
            if asked.seeds is None and how["pruner"] == "none":
                asked = dataclasses.replace(asked, seeds=asked.usual_seed())
            found = asked.experiment()
        if said:
            raise UsageError("; ".join(said))
        with usage(ValueError):
            subjects = search.subjects(found.cells, found.options, request)
        if not subjects:
            raise UsageError("there is nothing to tune: every method refuses every cell")
        if request.pruner != "none" and len(found.options.seeds) < 2:
            raise UsageError(
                f"--pruner {request.pruner} ends trials between seeds, so it needs two or more, got --seeds "
                f"{', '.join(map(str, found.options.seeds))}; name more, or take --pruner none"
            )
        return Tuning(asked.table, found, request, subjects)

    def forecast(self, store: Path, jobs: int) -> tuple[list[forecast.Forecast], Plan]:
        """What `run` would do."""
        return forecast.forecast(self.subjects, self.request, store, jobs)

    def run(
        self,
        store: Path,
        storage: str | None,
        file: Path,
        jobs: int,
        *,
        retry_failed: bool = False,
        engine: str = "local",
        packing: int = 1,
    ) -> tuple[list[Certificate], list[str]]:
        """Search, write the chosen values; returns the certificates, and why searches stopped early, if any did.

        Raises:
            UsageError: There is no such engine, it cannot have so many jobs, or the storage holds another search.
        """
        plugins = [str(path) for path in self.experiment.plugins]

        def where() -> engines.Engine:
            return engines.make(engine, store, jobs=jobs, packing=packing, plugins=plugins)

        with usage(ValueError):
            where().close()  # what is wrong is said before anything is tried
        options = self.experiment.options
        with usage(studies.StudyFault, chosen.ChosenFault):
            with studies.storage(storage or studies.beside(store, self.table)) as kept:
                searches = [Search(subject, self.request, kept) for subject in self.subjects]
                search.run(
                    searches,
                    self.request,
                    store=store,
                    sources=search.places(options, self.request),
                    engine=where,
                    watching=Watch,
                    retry_failed=retry_failed,
                )
                entries = [chosen.entry(one) for one in searches]
                halted = [f"{one.subject.name}: {one.halted}" for one in searches if one.halted]
            chosen.write(file, self.table, entries)
        return [one.certificate for one in entries], halted


def file_of(runs: Path, table: str) -> Path:
    """Where a table's chosen values are: in `tuned`, beside the records."""
    return runs.parent / "tuned" / f"{table}.json"
