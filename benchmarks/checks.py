"""The contract tests on one method: what every method promises, seen to hold on the mini world."""

import dataclasses
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

import methods
from benchmarks import backbones, experiment, inputs, predictions, runner
from benchmarks.cells import Cell
from benchmarks.engines.local import slots
from benchmarks.evaluate import PREDICTIONS
from benchmarks.store import Store
from methods import models, space
from methods.contract import Budget, Compressor, Family, Setting
from methods.stages import parts
from methods.stages.stage import Stage
from methods.training import batches

BUDGETS = (0.25, 0.5)  # the first that the method does not refuse: one layer is too few for some students
TASK = "mini-rte"
SHORT = {"batch": "125"}  # 16 steps an epoch: promises are kept or broken in few


@dataclasses.dataclass(frozen=True)
class CheckResult:
    """One promise: whether it holds, and what was seen."""

    name: str
    passed: bool
    detail: str


class Broken(AssertionError):  # noqa: N818  # a promise, not an error
    """The promise does not hold; the message says what was seen and what to do."""


def check(
    method: str, store: Path | None = None, plugins: tuple[Path, ...] = (), again: Path | None = None
) -> list[CheckResult]:
    """Run every contract test on one method.

    Args:
        method: A registered name, with knobs if wanted.
        store: Where stages are kept; a temporary folder if not given.
        plugins: Python files the method's stages come from.
        again: Where its last stage is made a second time, or was by `prepare`; a temporary folder if not given.

    Returns:
        One result a promise, in order; the ones that need a finished model are left out when making it failed.
    """
    compressor = methods.get(method)
    results = [_result(name, lambda test=test: test(compressor)) for name, test in STATIC.items()]  # type: ignore[misc]
    if not all(result.passed for result in results):
        return results
    with tempfile.TemporaryDirectory(prefix="weighin-check-") as temporary:
        root = store or Path(temporary) / "store"
        cell = _cell(method, seed=1)
        if cell.refused:
            return [*results, CheckResult("refuses with a reason", True, f"{TASK}: {cell.refused}")]
        made = _result("runs on the mini world", lambda: _run(cell, root, plugins))
        results.append(made)
        if made.passed:
            bench = _Finished(cell, Store(root), again or Path(temporary) / "again", plugins)
            results += [_result(name, lambda test=test: test(bench)) for name, test in FINISHED.items()]  # type: ignore[misc]
    return results


def prepare(wanted: Sequence[str], store: Path, again: Path) -> dict[str, Path]:
    """Make the models of many methods, and make their last stages a second time, before they are checked one by one.

    Starting processes costs more than trainings this short, so they are started once for all methods.

    Args:
        wanted: Registered names.
        store: Where stages are kept.
        again: Where they are made again, in stores of their own: what one method ends with, another may stand on.

    Returns:
        Method -> the store in which its last stage was made a second time.
    """
    kept = Store(store)
    cells = [cell for cell in map(_cell, wanted) if cell.refused is None]
    _all_made([cell.stage for cell in cells], kept)
    rounds: list[dict[str, Stage]] = []
    places: dict[str, Path] = {}
    for cell in cells:
        model = cell.stage.model
        if not kept.complete(model.key):
            continue
        place = next((number for number, others in enumerate(rounds) if _apart(model, others)), len(rounds))
        if place == len(rounds):
            rounds.append({})
        rounds[place][model.key] = model
        places[cell.method] = again / f"round-{place}"
    for place, models_again in enumerate(rounds):
        other = Store(again / f"round-{place}")
        for model in models_again.values():
            _bring(model, kept, other)
        _all_made(list(models_again.values()), other)
    return places


def _all_made(stages: Sequence[Stage], store: Store) -> None:
    runner.run(stages, store, sources=experiment.sources(_options("dense")), jobs=slots(0))


def _apart(model: Stage, others: Mapping[str, Stage]) -> bool:
    """Whether a model and others can be made again in one store: none of them stands on another."""
    below = {stage.key for stage in model.walk()} - {model.key}
    return not any(
        other.key in below or model.key in {stage.key for stage in other.walk()} - {other.key}
        for other in others.values()
    )


def _bring(model: Stage, store: Store, other: Store) -> None:
    """Copy all that a model stands on into another store."""
    for needed in model.walk():
        target = other.folder(needed.key)
        if needed.key != model.key and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(store.artifact(needed.key), target)


def _result(name: str, test: Callable[[], str]) -> CheckResult:
    try:
        return CheckResult(name, True, test())
    except Exception as fault:  # an outsider's method may fail in any way; the check says how
        return CheckResult(
            name, False, f"{fault}" if isinstance(fault, Broken) else f"{type(fault).__name__}: {fault}"
        )


def _options(method: str, seed: int = 1, budget: float = BUDGETS[0]) -> experiment.Options:
    return experiment.Options(
        tasks=(TASK,), methods=(method,), budgets=(budget,), seeds=(seed,), protocol="smoke", overrides=SHORT
    )


def _cell(method: str, seed: int = 1) -> Cell:
    """The method at the first budget it accepts, or at the first of all if it accepts none."""
    found = [experiment.cells(_options(method, seed, budget))[0] for budget in BUDGETS]
    return next((cell for cell in found if cell.refused is None), found[0])


def _run(cell: Cell, root: Path, plugins: tuple[Path, ...]) -> str:
    outcome = _made(cell.stage, Store(root), cell, plugins)
    if not outcome.complete:
        raise Broken(f"{outcome.kind} failed: {outcome.reason}; its log is {outcome.log}")
    return f"{sum(1 for _ in cell.stage.walk())} stages"


def _made(stage: Stage, store: Store, cell: Cell, plugins: tuple[Path, ...]) -> runner.Outcome:
    """Make one artifact, one thread a stage: small matrices gain nothing from more."""
    sources = experiment.sources(_options(cell.method))
    return runner.run([stage], store, sources=sources, jobs=slots(0), plugins=plugins)[stage.key]


def _class_data(method: Compressor) -> str:
    """Label, family, source, space and refusals are there and speak of real fields."""
    faults = []
    if not method.label.strip() or not method.source.strip():
        faults.append("label and source are texts, got an empty one")
    faults += space.faults(method)
    if not set(method.searched()) <= set(method.space):
        faults.append("searched() is a part of space")
    if not all(isinstance(reason, str) and reason.strip() for reason in method.refuses.values()):
        faults.append("refuses maps task kinds to reasons")
    if faults:
        raise Broken("; ".join(faults))
    return f"{method.label}, {method.family.value}"


def _is_value(method: Compressor) -> str:
    """A frozen dataclass: equal when its fields are equal, and usable as a key."""
    again = dataclasses.replace(method)
    if again != method or hash(again) != hash(method):
        raise Broken("a method is a value: a copy with equal fields is equal and hashes alike; use frozen=True")
    return f"{len(method.knobs())} knobs"


def _pure(method: Compressor) -> str:
    """Equal settings give equal stages; another seed gives others; describing costs nothing."""
    setting = dataclasses.replace(
        _cell("dense", seed=1).setting,
        encoders=inputs.encoders(method, backbones.get(_options("dense").backbone)),
        corpora=inputs.texts(method),
    )
    settings = [one for budget in (*BUDGETS, BUDGETS[0] / 2) if method.refused(one := _at(setting, budget)) is None]
    if not settings:
        return "refused here"
    setting = settings[0]
    first, second = method.plan(setting), method.plan(setting)
    if first.key != second.key:
        raise Broken("plan is pure: equal settings give equal stages, got two keys; derive randomness from the seed")
    if method.plan(dataclasses.replace(setting, seed=2)).key == first.key:
        raise Broken("the seed reaches the stages: another seed gives another key; pass setting.seed on")
    fixed = method.family is Family.REFERENCE or any(value is not None for value in (method.knobs().get("rank"),))
    if not fixed and any(method.plan(other).key == first.key for other in settings[1:]):
        raise Broken("the budget reaches the stages: another budget gives another key; use setting.budget")
    return first.key[:12]


def _at(setting: Setting, budget: float) -> Setting:
    return dataclasses.replace(setting, budget=Budget(budget))


class _Finished:
    """A measured cell and what it left in the store."""

    def __init__(self, cell: Cell, store: Store, again: Path, plugins: tuple[Path, ...]) -> None:
        self.cell, self.store, self.again, self.plugins = cell, store, again, plugins
        manifest = store.manifest(cell.stage.key)
        assert manifest is not None  # noqa: S101  # the run has just finished
        self.facts = manifest.facts

    @property
    def sizes(self) -> dict[str, int]:
        """The size counters."""
        sizes = self.facts["sizes"]
        assert isinstance(sizes, dict)  # noqa: S101  # Evaluate writes it so
        return {name: int(str(value)) for name, value in sizes.items()}


def _keeps_budget(done: _Finished) -> str:
    """No more non-zero encoder weights than budget and declared excess allow; dense, the reference is its budget."""
    sizes, kept, excess = done.sizes, done.cell.setting.budget.kept, done.cell.compressor.excess
    allowed = round((kept + excess) * sizes["dense_encoder_weights"])
    share = sizes["encoder_nonzero"] / sizes["dense_encoder_weights"]
    if sizes["encoder_nonzero"] > allowed:
        raise Broken(
            f"at most {allowed} encoder weights may stay (budget {kept:g}), got {sizes['encoder_nonzero']} "
            f"({share:.4f}); round the rank or the kept share down, or declare the excess a whole unit needs"
        )
    return f"{share:.4f} of {kept:g}"


def _deterministic(done: _Finished) -> str:
    """The last stage run again on the same inputs gives the same bits."""
    model = done.cell.stage.model
    other = Store(done.again)
    _bring(model, done.store, other)
    outcome = _made(model, other, done.cell, done.plugins)
    if not outcome.complete:
        raise Broken(f"run again it failed: {outcome.reason}")
    first = load_file(done.store.artifact(model.key) / models.WEIGHTS)
    second = load_file(other.artifact(model.key) / models.WEIGHTS)
    if set(first) != set(second) or not all(torch.equal(first[name], second[name]) for name in first):
        raise Broken("same seed twice gives the same weights, got others; derive every generator from the seed")
    return f"{len(first)} tensors equal"


def _same_answers(done: _Finished) -> str:
    """The saved model, loaded again, gives the predictions that were recorded."""
    stage = done.cell.stage
    model = models.load(done.store.artifact(stage.model.key))
    split = stage.data.evaluation[0]
    logits = parts.predict(model, batches.read(done.store.artifact(stage.data.key), split), "cpu")
    kept = predictions.read(done.store.artifact(stage.key) / PREDICTIONS)
    apart = float(np.abs(kept[f"{split}.logits"] - logits).max())
    if apart > 1e-4:
        raise Broken(f"a saved model answers as it did, got logits {apart:.2g} apart; save all that the model uses")
    return f"largest difference {apart:.1e}"


def _alone(done: _Finished) -> str:
    """What is deployed holds nothing of teacher or parent."""
    model = done.cell.stage.model
    names = set(load_file(done.store.artifact(model.key) / models.WEIGHTS))
    extra = sorted(name for name in names if "teacher" in name or "parent" in name)
    stored = done.sizes["encoder_weights"]
    if extra or stored > done.sizes["dense_encoder_weights"]:
        raise Broken(
            f"a deployed model holds neither teacher nor parent, got {', '.join(extra) or 'nothing by name'} and "
            f"{stored} encoder weights; drop them before saving"
        )
    return f"{stored} encoder weights"


STATIC: dict[str, Callable[[Compressor], str]] = {
    "has label, family, source, space": _class_data,
    "is a value": _is_value,
    "plans without side effects": _pure,
}
FINISHED: dict[str, Callable[[_Finished], str]] = {
    "keeps its budget": _keeps_budget,
    "is deterministic": _deterministic,
    "answers alike when loaded": _same_answers,
    "is deployed alone": _alone,
}


def names() -> Iterator[str]:
    """The names of all contract tests, in order."""
    yield from STATIC
    yield "runs on the mini world"
    yield from FINISHED
