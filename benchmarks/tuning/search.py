"""Searches: trials asked, measured through the store and told, all methods in turns so that none gets more."""

import dataclasses
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, TypeAlias

from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from benchmarks import experiment, runner
from benchmarks.cells import Cell
from benchmarks.engines import Engine
from benchmarks.events import Event, Outcome
from benchmarks.experiment import Options
from benchmarks.store import Store
from benchmarks.tasks.definition import TaskDefinition
from benchmarks.tasks.sources import Slice, TaskData, divide
from benchmarks.tuning import studies
from benchmarks.tuning.pruner import Pruning, pruner
from benchmarks.tuning.sampler import Sampling, Seeded
from benchmarks.tuning.space import Point, applied, as_json, gridded, space_of
from methods.stages.stage import Stage
from methods.steps import teacher_logits

Select = Literal["heldout", "dev"]
Watching: TypeAlias = Callable[[Mapping[str, float]], AbstractContextManager[Callable[[Event], None]]]
"""Given stage key -> effort, receives the events of one turn."""

BATCH = 12  # trials of one search that are made at a time where none waits for the result of another
OVER = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclasses.dataclass(frozen=True)
class Request:
    """How every method is searched.

    Attributes:
        trials: Points tried for each method, task and budget.
        hours: Training each of these searches may use; None: as much as its trials need.
        sampler: How points are chosen.
        pruner: How trials are ended early.
        select: What trials are scored on: held-out training rows, or the development set as papers do.
        seed: Of the choice of points and of the slice.
    """

    trials: int = 18
    hours: float | None = None
    sampler: Sampling = "tpe"
    pruner: Pruning = "none"
    select: Select = "heldout"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse budgets of nothing, all faults at once."""
        faults = []
        if self.trials < 1:
            faults.append(f"--trials is a whole number >= 1, got {self.trials}")
        if self.hours is not None and not self.hours > 0:
            faults.append(f"--timeout is a number of hours above 0, got {self.hours:g}")
        if faults:
            raise ValueError("; ".join(faults))

    @property
    def part(self) -> Slice | None:
        """The slice of the training rows that trials are scored on; None: the development set."""
        return Slice(seed=self.seed) if self.select == "heldout" else None


@dataclasses.dataclass(frozen=True)
class Subject:
    """What one search is about: one method, task and budget, at one or more seeds.

    Attributes:
        cells: The cells of a usual run, one a seed, with the values that are to be improved.
        space: What is searched.
        data: The task as trials see it.
        select: What trials are scored on.
    """

    cells: tuple[Cell, ...]
    space: Mapping[str, Any]
    data: TaskData
    select: Select

    @property
    def first(self) -> Cell:
        """The cell of the first seed."""
        return self.cells[0]

    @property
    def task(self) -> TaskDefinition:
        """The task as trials see it."""
        return self.data.task

    @property
    def name(self) -> str:
        """The study's name."""
        setting = self.first.setting
        parts = (self.first.method, setting.backbone.name, setting.task.name, setting.protocol.name)
        return "/".join((*parts, f"{setting.budget.kept:g}", self.select))

    def at(self, point: Point) -> list[Cell]:
        """The cells of a trial, one a seed.

        Raises:
            ValueError: The method cannot be at this point, or refuses the setting there.
        """
        setting = self.first.setting
        method, protocol = applied(point, self.first.compressor, setting.protocol)
        task = experiment.bound(self.data)
        found = [
            Cell(cell.method, method, dataclasses.replace(cell.setting, task=task, protocol=protocol))
            for cell in self.cells
        ]
        for cell in found:
            if cell.refused:
                raise ValueError(cell.refused)
            _ = cell.stage
        return found


def subjects(cells: Sequence[Cell], options: Options, request: Request) -> list[Subject]:
    """What there is to search: the cells that are not refused, those of one method, task and budget together."""
    groups: dict[tuple[str, str, float], list[Cell]] = {}
    for cell in cells:
        if cell.refused is None:
            setting = cell.setting
            groups.setdefault((cell.method, setting.task.name, setting.budget.kept), []).append(cell)
    parts = {name: seen(name, options, request) for name in options.tasks}
    found = []
    for (method, task, _), group in groups.items():
        space = space_of(method, options.protocol, options.overrides)
        found.append(
            Subject(tuple(group), gridded(space) if request.sampler == "grid" else space, parts[task], request.select)
        )
    return found


def seen(task: str, options: Options, request: Request) -> TaskData:
    """A task's data as trials see them."""
    data = experiment.loaded(task, options.data)
    return data if request.part is None else divide(data, request.part)


def places(options: Options, request: Request) -> dict[str, Any]:
    """Where encoders and data are, for the workers."""
    found = experiment.sources(options)
    if request.part is None:
        return found
    part = dataclasses.asdict(request.part)
    whole = {where["task"]: where for where in found["tasks"].values()}
    divided = {seen(name, options, request).fingerprint: {**whole[name], "heldout": part} for name in options.tasks}
    return {**found, "tasks": divided}


class Search:
    """One study and what it still has to try.

    Args:
        subject: What is searched.
        request: How.
        storage: Where studies are.

    Raises:
        StudyFault: The storage holds another search under this name.
    """

    def __init__(self, subject: Subject, request: Request, storage: BaseStorage) -> None:
        self.subject = subject
        self.request = request
        self.halted = ""  # why it cannot go on now, where the machine is at fault
        self._sampler = Seeded(request.sampler, subject.space, request.seed)
        self.study: Study = studies.study(
            storage,
            subject.name,
            self._description(),
            self._sampler,
            pruner(request.pruner, len(subject.cells)),
        )

    @property
    def size(self) -> int | None:
        """How many points the space has; None where they cannot be counted."""
        return self._sampler.size

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials so far."""
        return studies.trials(self.study)

    @property
    def seconds(self) -> float:
        """Training seconds so far: every stage beyond the dense model once, whoever made it."""
        stages: dict[str, float] = {}
        for trial in self.trials:
            stages |= trial.user_attrs.get("stages", {})
        return sum(stages.values())

    def due(self) -> list["Attempt"]:
        """The trials of the next turn: those left unfinished, then new ones."""
        if self.halted:
            return []
        left = studies.unfinished(self.study)
        fresh = [self.study.ask(fixed_distributions=dict(self.subject.space)) for _ in range(self._room(len(left)))]
        return [Attempt(self, trial) for trial in (*left, *fresh)]

    def _room(self, left: int) -> int:
        """How many new trials may be asked for now."""
        asked = len(self.trials)
        room = min(self.request.trials, self.size or self.request.trials) - asked
        if self.request.hours is not None and self.seconds >= 3600 * self.request.hours:
            return 0
        alone = self.request.pruner != "none" or self.request.hours is not None
        ready = 1 if alone else self._sampler.ready(asked)
        waits = ready == 1 and left > 0  # the next choice looks at what is unfinished
        return 0 if waits else max(0, min(room, BATCH if ready is None else ready, BATCH))

    def _description(self) -> dict[str, Any]:
        setting, part = self.subject.first.setting, self.request.part
        return {
            "method": self.subject.first.method,
            "knobs": self.subject.first.compressor.knobs(),
            "backbone": setting.backbone.fingerprint,
            "task": setting.task.name,
            "data": setting.task.fingerprint,
            "scored on": "development set" if part is None else dataclasses.asdict(part),
            "split": self.subject.task.evaluation[0],
            "metric": self.subject.task.metric,
            "recipes": dataclasses.asdict(setting.protocol),
            "budget": setting.budget.kept,
            "seeds": [cell.setting.seed for cell in self.subject.cells],
            "space": as_json(self.subject.space),
            "sampler": self.request.sampler,
            "pruner": self.request.pruner,
            "seed": self.request.seed,
        }


class Attempt:
    """One trial on its way from asked to told."""

    def __init__(self, search: Search, trial: Trial) -> None:
        self.search = search
        self.open = True
        self._trial = trial
        self._scores: list[float] = []
        self._cells: list[Cell] = []
        point = {name: studies.suggested(trial, name, values) for name, values in search.subject.space.items()}
        try:
            self._cells = search.subject.at(point)
        except ValueError as refusal:
            self._fail(str(refusal))
            return
        trial.set_user_attr("cells", [cell.key for cell in self._cells])
        trial.set_user_attr("evaluations", [cell.stage.key for cell in self._cells])

    def stages(self, rung: Sequence[int]) -> Iterator[Stage]:
        """What must be made for these seeds."""
        yield from (self._cells[place].stage for place in rung)

    def take(self, rung: Sequence[int], outcomes: Mapping[str, Outcome], store: Store) -> None:
        """Read the scores of these seeds, report their mean, and end the trial where it is over."""
        lost = [outcome for place in rung if not (outcome := outcomes[self._cells[place].stage.key]).complete]
        if any(outcome.cause == "infrastructure" for outcome in lost):
            self.search.halted = next(outcome.reason for outcome in lost if outcome.cause == "infrastructure")
            self.open = False  # not told: it is asked again, with the same values
            return
        if lost:
            self._fail(lost[0].reason)
            return
        for place in rung:
            self._read(self._cells[place], store)
        if not all(map(math.isfinite, self._scores)):
            self._fail(f"a score is a finite number, got {self._scores}")
        elif len(self._scores) == len(self._cells):
            self._tell(TrialState.COMPLETE, statistics.fmean(self._scores))
        elif self._hopeless():
            self._tell(TrialState.PRUNED)

    def _read(self, cell: Cell, store: Store) -> None:
        manifest = store.manifest(cell.stage.key)
        if manifest is None:
            raise RuntimeError(f"{cell.stage.key[:12]}: a finished stage has a manifest, and this one is gone")
        task: TaskDefinition = self.search.subject.task
        facts: Any = manifest.facts
        score = facts["metrics"][task.evaluation[0]][task.metric]
        self._scores.append(math.nan if score is None else float(score))
        step = len(self._scores)
        told = self._frozen
        self._trial.set_user_attr("stages", told.user_attrs.get("stages", {}) | _seconds(cell, store))
        if step not in told.intermediate_values and all(map(math.isfinite, self._scores)):
            self._trial.report(statistics.fmean(self._scores), step)

    def _hopeless(self) -> bool:
        """Whether the pruner ends the trial here; where a killed search went on, it was asked and did not."""
        went_on = (self._frozen.last_step or 0) > len(self._scores)
        return not went_on and self._trial.should_prune()

    @property
    def _frozen(self) -> FrozenTrial:
        return self.search.trials[self._trial.number]

    def _fail(self, reason: str) -> None:
        self._trial.set_user_attr("reason", reason)
        self._tell(TrialState.FAIL)

    def _tell(self, state: TrialState, value: float | None = None) -> None:
        self.search.study.tell(self._trial, value, state=state, skip_if_finished=True)
        self.open = False


def _seconds(cell: Cell, store: Store) -> dict[str, float]:
    """Stage key -> seconds of what this cell needs beyond tokenising and the dense teacher."""
    shared = {stage.key for stage in teacher_logits(cell.setting).walk()}
    manifests = [store.manifest(stage.key) for stage in cell.stage.walk() if stage.key not in shared]
    return {
        manifest.key: round(manifest.costs.seconds + manifest.costs.earlier_seconds, 3)
        for manifest in manifests
        if manifest is not None
    }


def run(
    searches: Sequence[Search],
    request: Request,
    *,
    store: Path,
    sources: Mapping[str, Any],
    engine: Callable[[], Engine],
    watching: Watching,
    retry_failed: bool = False,
) -> None:
    """Bring every search to its end, a turn of each at a time.

    Args:
        searches: What is searched.
        request: How.
        store: The store's folder.
        sources: From `places`.
        engine: Gives what stages run on, one a turn.
        watching: Shows what is going on.
        retry_failed: Make again what failed by a method's fault in an earlier run.
    """
    kept = Store(store)
    while turn := [attempt for search in searches for attempt in search.due()]:
        for rung in rungs(request, max(len(search.subject.cells) for search in searches)):
            live = [attempt for attempt in turn if attempt.open]
            wanted = [stage for attempt in live for stage in attempt.stages(rung)]
            if not wanted:
                break
            with watching({stage.key: stage.effort for each in wanted for stage in each.walk()}) as events:
                outcomes = runner.run(
                    wanted,
                    kept,
                    sources=sources,
                    events=events,
                    retry_failed=retry_failed,
                    engine=engine(),
                )
            for attempt in live:
                attempt.take(rung, outcomes, kept)


def rungs(request: Request, seeds: int) -> list[list[int]]:
    """Which seeds are made at a time: all, or one after another where a trial may end between them."""
    every = list(range(seeds))
    return [every] if request.pruner == "none" else [[place] for place in every]
