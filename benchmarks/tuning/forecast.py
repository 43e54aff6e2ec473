"""What a search would do, before it does it."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import optuna

from benchmarks import experiment, runner
from benchmarks.plan import Plan
from benchmarks.store import Store
from benchmarks.tuning.sampler import STARTUP, Seeded
from benchmarks.tuning.search import Request, Subject
from methods.stages.stage import Stage


@dataclasses.dataclass(frozen=True)
class Forecast:
    """One search to come.

    Attributes:
        method: The method; with the next two what is searched.
        task: The task's name.
        budget: The share of weights kept.
        space: What is searched: each name with its values.
        trials: How many trials there will be.
        points: How many points the space has; None where they cannot be counted.
        stages: Different stages all trials need.
        alone: Stages they would need if each trial were made by itself.
        guessed: Whether later points depend on results, so that others stand for them here.
    """

    method: str
    task: str
    budget: float
    space: tuple[str, ...]
    trials: int
    points: int | None
    stages: int
    alone: int
    guessed: bool


def forecast(subjects: Sequence[Subject], request: Request, store: Path, jobs: int) -> tuple[list[Forecast], Plan]:
    """The searches one by one, and the plan of all they would make; runs nothing."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found: list[Forecast] = []
    every: list[list[Stage]] = []
    for subject in subjects:
        trials, size = _trials(subject, request)
        found.append(
            Forecast(
                method=subject.first.method,
                task=subject.task.name,
                budget=subject.first.setting.budget.kept,
                space=tuple(f"{name} {_words(str(values))}" for name, values in subject.space.items()),
                trials=len(trials),
                points=size,
                stages=len({stage.key for trial in trials for wanted in trial for stage in wanted.walk()}),
                alone=sum(len({stage.key for wanted in trial for stage in wanted.walk()}) for trial in trials),
                guessed=request.sampler == "tpe" and STARTUP < len(trials) != size,
            )
        )
        every += trials
    return found, runner.plan(every, Store(store), jobs=experiment.slots(jobs))


def _trials(subject: Subject, request: Request) -> tuple[list[list[Stage]], int | None]:
    """What each trial would measure: the real points, as long as they do not depend on results."""
    kind = "random" if request.sampler == "tpe" else request.sampler
    sampler = Seeded(kind, subject.space, request.seed)
    study = optuna.create_study(sampler=sampler, direction="maximize")
    found: list[list[Stage]] = []
    for _ in range(min(request.trials, sampler.size or request.trials)):
        trial = study.ask(fixed_distributions=dict(subject.space))
        try:
            found.append([cell.stage for cell in subject.at(trial.params)])
        except ValueError:  # refused there, as the search will find
            found.append([])
    return found, sampler.size


def _words(values: str) -> str:
    """An optuna distribution's text without its class."""
    return values[values.index("(") + 1 : -1].removeprefix("choices=")
