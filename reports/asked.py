"""What was asked for on the command line, made into the cells of an experiment."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import methods
from benchmarks import engines, experiment, tasks
from benchmarks.cells import Cell
from benchmarks.experiment import Options, Results
from methods.stages.stage import Stage
from reports import blueprints, figures, plugins, tables, typed
from reports.evidence import Evidence
from reports.faults import UsageError, usage
from reports.figures.picture import Picture, Wanted
from reports.tables.gaps import gaps
from reports.tables.table import Table, percent
from reports.terminal import Watch


@dataclasses.dataclass(frozen=True)
class Asked:
    """The options that describe an experiment, as they were typed; None means the default of the table or figure."""

    table: str
    backbone: str = "mini"
    data: str | None = None
    tasks: str | None = None
    methods: str | None = None
    budgets: str | None = None
    seeds: str | None = None
    protocol: str | None = None
    changes: Sequence[str] = ()
    plugins: Sequence[Path] = ()
    latency: bool = False
    tuned: Path | None = None  # a file of chosen values

    def experiment(self) -> "Experiment":
        """The experiment that was asked for; plugins are loaded on the way.

        Raises:
            UsageError: all faults at once, as far as they can be found together.
        """
        blueprint = blueprints.get(self.table)
        plugins.load(self.plugins)
        options = self._options(blueprint)
        try:
            cells = experiment.cells(options)
        except experiment.UsageFault as fault:
            raise UsageError(str(fault)) from fault
        if self.tuned is not None:
            from benchmarks.tuning import chosen  # optuna's storages take their time

            with usage(chosen.ChosenFault):
                cells = chosen.tuned(cells, chosen.read(self.tuned))
        return Experiment(blueprint, options, cells, tuple(self.plugins))

    def usual_seed(self) -> str:
        """The first seed of the table or figure, as it would be typed."""
        return str(blueprints.get(self.table).defaults.seeds[0])

    def _options(self, blueprint: tables.Blueprint | figures.Blueprint) -> Options:
        wrong: list[str] = []
        known = methods.available()
        usual = blueprint.defaults
        chosen = usual.methods if self.methods is None else typed.listed("--methods", self.methods, wrong)
        if chosen is None or chosen == ("all",):
            chosen = tuple(known)
        if chosen and usual.reference in known and usual.reference not in chosen:
            chosen = (*chosen, usual.reference)
        named = usual.tasks if self.tasks is None else typed.listed("--tasks", self.tasks, wrong)
        options = Options(
            backbone=self.backbone,
            data=self.data,
            tasks=named,
            methods=chosen,
            budgets=usual.budgets
            if self.budgets is None
            else typed.numbers("--budgets", self.budgets, float, "0.5,0.25", wrong),
            seeds=usual.seeds if self.seeds is None else typed.numbers("--seeds", self.seeds, int, "1,2,3", wrong),
            protocol=self.protocol or _usual_protocol(named),
            overrides=typed.overrides(self.changes, wrong),
            latency=self.latency,
        )
        if wrong:
            raise UsageError("\n".join(wrong))
        return options


@dataclasses.dataclass(frozen=True)
class Experiment:
    """The blueprint of a table or figure, and the cells it is asked for."""

    blueprint: tables.Blueprint | figures.Blueprint
    options: Options
    cells: Sequence[Cell]
    plugins: Sequence[Path] = ()

    @property
    def refused(self) -> int:
        """How many cells have no value because their method refuses them."""
        return sum(cell.refused is not None for cell in self.cells)

    def stages(self) -> dict[str, Stage]:
        """Every stage of the cells by key."""
        measured = [wanted for cell in self.cells if cell.refused is None for wanted in cell.wanted]
        return {stage.key: stage for wanted in measured for stage in wanted.walk()}

    def purposes(self) -> dict[str, str]:
        """Stage key -> what its cells have in common: method, task, budget, seed, as far as they agree."""
        served: dict[str, list[Cell]] = {}
        for cell in self.cells:
            keys = (stage.key for wanted in cell.wanted for stage in wanted.walk()) if cell.refused is None else ()
            for key in dict.fromkeys(keys):
                served.setdefault(key, []).append(cell)
        return {key: _common(cells) for key, cells in served.items()}

    def measure(
        self,
        store: Path,
        runs: Path,
        jobs: int,
        *,
        retry_failed: bool = False,
        engine: str = "local",
        packing: int = 1,
    ) -> tuple[Results, Table | Picture]:
        """Compute what is missing, with bars on a terminal, and draw the table or figure.

        Raises:
            UsageError: There is no such engine (`benchmarks.engines.make`), or it cannot have so many jobs.
        """
        with usage(ValueError):
            where = engines.make(engine, store, jobs=jobs, packing=packing, plugins=list(map(str, self.plugins)))
        with Watch({key: stage.effort for key, stage in self.stages().items()}) as events:
            results = experiment.execute(
                self.cells,
                self.options,
                store=store,
                runs=runs,
                jobs=jobs,
                events=events,
                retry_failed=retry_failed,
                plugins=self.plugins,
                engine=where,
            )
        missing = gaps(self.cells, results.refused, results.failed)
        asked = self.options
        if isinstance(self.blueprint, tables.Blueprint):
            from reports.tables.finish import finished  # brings scipy: a second that a plan need not wait

            return results, finished(
                self.blueprint, results.records, Evidence(runs), missing, asked.methods, asked.tasks
            )
        shown = Wanted.of(
            self.blueprint.defaults,
            results.records,
            tasks=asked.tasks,
            methods=asked.methods,
            budgets=asked.budgets,
            gaps=missing,
            runs=runs,
        )
        return results, self.blueprint.draw(shown)


def _usual_protocol(named: Sequence[str]) -> str:
    """The protocol of a run that names none: mini tasks have their own, everything else is quick."""
    known = tasks.available()
    return "mini" if named and all(name in known and known[name].generated for name in named) else "quick"


def _common(cells: Sequence[Cell]) -> str:
    words: list[str] = []
    for word in (
        lambda cell: cell.method,
        lambda cell: cell.setting.task.name,
        lambda cell: percent(cell.setting.budget.kept),
        lambda cell: f"seed {cell.setting.seed}",
    ):
        found = {word(cell) for cell in cells}
        words += found if len(found) == 1 else []
    return ", ".join(words)


def reasons(results: Results) -> list[str]:
    """A sentence for each reason that cells failed for."""
    said = []
    for became, lost in (("failed", results.failed), ("measured without latency", results.untimed)):
        counts: dict[str, int] = {}
        for reason in lost.values():
            counts[reason] = counts.get(reason, 0) + 1
        said += [f"{count} cell{'s' * (count > 1)} {became}: {reason}" for reason, count in counts.items()]
    return said


def counts(results: Results) -> dict[str, object]:
    """A run's results as plain facts; the records themselves are files."""
    return {
        "records": [record.key for record in results.records],
        "refused": results.refused,
        "failed": results.failed,
        "untimed": results.untimed,
        "seconds": results.seconds,
    }
