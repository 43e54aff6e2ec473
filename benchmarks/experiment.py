"""An experiment: what the user asked for, as cells; and their records."""

import dataclasses
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import torch

import methods
from benchmarks import backbones, engines, gaps, inputs, protocols, runner, tasks
from benchmarks.cells import Cell
from benchmarks.engines import Engine, local
from benchmarks.evaluate import PREDICTIONS
from benchmarks.events import Event
from benchmarks.inspection import SPECTRA
from benchmarks.manifest import Manifest
from benchmarks.provenance import provenance
from benchmarks.records import Cost, Inspection, Latency, Record, Sizes
from benchmarks.store import Store
from benchmarks.tasks.definition import TaskDefinition
from benchmarks.tasks.sources import TaskData, load
from methods.contract import Budget, Corpus, Family, Kind, Pretrained, Setting, TrainingProtocol
from methods.stages.stage import Stage
from methods.steps import teacher_logits

K = TypeVar("K")
T = TypeVar("T")


class UsageFault(ValueError):  # noqa: N818  # the user's mistake, not the program's error
    """What was asked for does not exist or contradicts itself; every fault in one message."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What `run` and `plan` share."""

    backbone: str = "mini"  # a known name, a folder, a hub id
    data: str | None = None  # a folder, "hub"; None: generated for mini tasks, the hub for real ones
    tasks: tuple[str, ...] = ("mini-rte",)
    methods: tuple[str, ...] = ("dense",)
    budgets: tuple[float, ...] = (0.5, 0.25, 0.16)
    seeds: tuple[int, ...] = (1, 2, 3)
    protocol: str = "quick"
    overrides: Mapping[str, str] = dataclasses.field(default_factory=dict)
    latency: bool = False  # time every model besides


@dataclasses.dataclass(frozen=True)
class BoundTask:
    """A task's definition with the data it was bound to: the contract's `Task`."""

    definition: TaskDefinition
    fingerprint: str
    train_rows: int

    @property
    def name(self) -> str:
        """Name in the registry."""
        return self.definition.name

    @property
    def kind(self) -> Kind:
        """Classification or regression."""
        return self.definition.kind

    @property
    def outputs(self) -> int:
        """Number of logits."""
        return self.definition.outputs

    @property
    def evaluation(self) -> tuple[str, ...]:
        """Scored splits, the table's first."""
        return self.definition.evaluation

    @property
    def max_length(self) -> int:
        """Where inputs are cut."""
        return self.definition.max_length


@dataclasses.dataclass
class Results:
    """What came of the cells, by cell key where it is not a record."""

    records: list[Record] = dataclasses.field(default_factory=list)
    refused: dict[str, str] = dataclasses.field(default_factory=dict)
    failed: dict[str, str] = dataclasses.field(default_factory=dict)
    untimed: dict[str, str] = dataclasses.field(default_factory=dict)  # measured, but for the latency asked for
    seconds: float = 0.0


def cells(options: Options) -> list[Cell]:
    """The cells of an experiment in table order, refused ones included.

    The dense reference has one cell a task and seed, at budget 1.

    Raises:
        UsageFault: Anything wrong in the options, all of it at once.
    """
    faults: list[str] = []
    encoder = _gather((options.backbone,), backbones.get, faults).get(options.backbone)
    known = _gather(options.tasks, lambda name: bound(loaded(name, options.data)), faults)
    compressors = _gather(options.methods, methods.get, faults)
    budgets = _gather(options.budgets, Budget, faults)
    recipes: dict[str, TrainingProtocol] = {}
    if encoder is not None:
        precision = protocols.best_precision(_device(), encoder.hidden)
        recipes = _gather(
            options.tasks,
            lambda name: protocols.resolve(options.protocol, name, options.overrides, precision),
            faults,
        )
    faults += _list_faults(options)
    if encoder is None:
        raise UsageFault("; ".join(dict.fromkeys(faults)))
    others = _gather(compressors, lambda text: inputs.encoders(compressors[text], encoder), faults)
    texts = _gather(compressors, lambda text: inputs.texts(compressors[text]), faults)
    found: list[Cell] = []
    for task in (each for each in known.values() if each.name in recipes):
        for text in (each for each in compressors if each in others and each in texts):
            method = compressors[text]
            for budget in [Budget(1.0)] if method.family is Family.REFERENCE else budgets.values():
                for seed in options.seeds:
                    setting = Setting(
                        encoder, task, recipes[task.name], budget, seed, encoders=others[text], corpora=texts[text]
                    )
                    found.append(Cell(text, method, setting, options.latency))
    _gather(
        [(text, task) for text in others if others[text] for task in known],
        lambda pair: inputs.check_lengths(compressors[pair[0]], others[pair[0]].values(), tasks.get(pair[1])),
        faults,
    )
    _gather([cell for cell in found if cell.refused is None], lambda cell: cell.stage, faults)
    if faults:  # impossible hyper-parameters are told before anything runs, with all that is wrong besides
        raise UsageFault("; ".join(dict.fromkeys(faults)))
    return found


def _gather(names: Iterable[K], make: Callable[[K], T], faults: list[str]) -> dict[K, T]:
    """What `make` gives for each name; what it refuses becomes a fault instead."""
    made: dict[K, T] = {}
    for name in names:
        try:
            made[name] = make(name)
        except ValueError as fault:
            faults.append(str(fault))
    return made


def _list_faults(options: Options) -> list[str]:
    lists = {
        "tasks": options.tasks,
        "methods": options.methods,
        "budgets": options.budgets,
        "seeds": options.seeds,
    }
    faults = [f"{name} is a list of at least one, got none" for name, values in lists.items() if not values]
    return faults + [
        f"{name} names each value once, got {', '.join(map(str, values))}"
        for name, values in lists.items()
        if len(set(values)) < len(values)
    ]


def _device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


@cache
def loaded(name: str, location: str | None) -> TaskData:
    """A task's data, read once a process."""
    return load(tasks.get(name), location)


def bound(data: TaskData) -> BoundTask:
    """The contract's task of these data."""
    return BoundTask(data.task, data.fingerprint, len(data.splits[data.task.train_split]))


def sources(options: Options) -> dict[str, Any]:
    """Where encoders and data are, for the workers; no part of any key."""
    encoder = backbones.get(options.backbone)
    more = inputs.sources(map(methods.get, options.methods))
    location = options.data
    if location not in (None, "hub"):
        location = str(Path(str(location)).expanduser().resolve())
    return {
        "encoders": {**more["encoders"], encoder.fingerprint: str(encoder.folder)},
        "corpora": more["corpora"],
        "tasks": {
            loaded(name, options.data).fingerprint: {"task": name, "location": location} for name in options.tasks
        },
    }


def slots(jobs: int) -> int:
    """Stages at a time on this machine: as asked; for 0 one a core, or one an accelerator."""
    return jobs or local.slots(0)


def plan(wanted: Sequence[Cell], options: Options, *, store: Path, jobs: int) -> runner.Plan:
    """What a run would do; runs nothing."""
    return runner.plan([cell.wanted for cell in wanted if cell.refused is None], Store(store), jobs=slots(jobs))


def execute(
    wanted: Sequence[Cell],
    options: Options,
    *,
    store: Path,
    runs: Path,
    jobs: int,
    events: Callable[[Event], None],
    retry_failed: bool = False,
    plugins: Sequence[Path] = (),
    engine: Engine | None = None,
) -> Results:
    """Compute what is missing and write a record for every cell that has a result.

    Args:
        wanted: From `cells`.
        options: The same options.
        store: The store's folder.
        runs: Where records go.
        jobs: Stages at a time on this machine; 0: as `slots` says.
        events: Told what happens.
        retry_failed: Try again what failed by a method's fault before.
        plugins: Python files that methods came from.
        engine: Where stages run instead of on this machine.
    """
    started = time.monotonic()
    results = Results(refused={cell.key_of_refusal: cell.refused for cell in wanted if cell.refused})
    measured = [cell for cell in wanted if cell.refused is None]
    kept = Store(store)
    made: dict[str, Record] = {}
    waiting: dict[str, list[Cell]] = {}
    for cell in measured:
        for stage in cell.wanted:
            waiting.setdefault(stage.key, []).append(cell)

    def heard(event: Event) -> None:
        """Write records as soon as their cells are measured: a long run is worth reading before its end."""
        if event.what == "done":
            ready = [cell for cell in waiting.get(event.key, ()) if all(kept.complete(s.key) for s in cell.stages)]
            made.update({cell.key: _record(cell, kept, runs, options) for cell in ready})
        events(event)

    for cell in wanted:
        if cell.refused:
            _note_gap(cell, "refused", cell.refused, runs, options, events)
    outcomes = runner.run(
        [stage for cell in measured for stage in cell.wanted],
        kept,
        sources=sources(options),
        events=heard,
        retry_failed=retry_failed,
        engine=engine or engines.make("local", store, jobs=jobs, plugins=[str(plugin) for plugin in plugins]),
    )
    for cell in measured:
        lost = [outcomes[stage.key].reason for stage in cell.stages if not outcomes[stage.key].complete]
        if lost:
            results.failed[cell.key] = lost[0]
            _note_gap(cell, "failed", lost[0], runs, options, events)
            continue
        results.records.append(made.get(cell.key) or _record(cell, kept, runs, options))
        if cell.timed and not outcomes[cell.latency.key].complete:
            results.untimed[cell.key] = outcomes[cell.latency.key].reason
    results.seconds = time.monotonic() - started
    return results


def _record(cell: Cell, store: Store, runs: Path, options: Options) -> Record:
    """Assemble the record of a finished cell from its manifests and write it with its predictions."""
    manifests = {stage.key: _manifest(store, stage) for stage in cell.stage.walk()}
    facts: Any = manifests[cell.stage.key].facts
    shared = {stage.key for stage in teacher_logits(cell.setting).walk()}
    seen: Any = _manifest(store, cell.inspection).facts
    ranks = {name: float(value) for name, value in seen["average"].items()}
    if cell.sparse:
        sparse: Any = _manifest(store, cell.sparse).facts["average"]
        ranks |= {f"sparse_{name}": float(value) for name, value in sparse.items()}
    setting, data = cell.setting, loaded(cell.setting.task.name, options.data)
    encoder = backbones.get(options.backbone)
    definition = data.task
    record = Record(
        key=cell.key,
        **cell.entry(definition.metric),
        metrics=facts["metrics"],
        predictions="",
        sizes=Sizes(**facts["sizes"]),
        ranks=ranks,
        cost=Cost(
            seconds_marginal=_seconds(manifests[key] for key in manifests if key not in shared),
            seconds_standalone=_seconds(manifests.values()),
            peak_memory_bytes=max(manifest.costs.peak_memory for manifest in manifests.values()),
        ),
        stage=cell.stage.key,
        provenance={
            **provenance(),
            "data": data.origin,
            "encoder": encoder.origin,
            **_inputs(setting),
            "computed": manifests[cell.stage.key].environment,
        },
        latency=_latency(store, cell),
        notes=(*data.notes, *cell.notes, *computed_in_parts(manifests.values())),
        tuned=None if cell.tuned is None else {"selection": cell.tuned.selection, "values": dict(cell.tuned.values)},
    )
    path = record.path(runs)
    predictions, spectra = path.with_suffix(".npz"), path.with_suffix(f".{SPECTRA}")
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(store.artifact(cell.stage.key) / PREDICTIONS, predictions)
    looked = store.artifact(cell.inspection.key) / SPECTRA
    if looked.exists():  # not where every matrix is factorized
        shutil.copyfile(looked, spectra)
    inspection = Inspection(
        seen["tolerance"], seen["matrices"], spectra.name if looked.exists() else "", seen["pattern"]
    )
    record = dataclasses.replace(record, predictions=predictions.name, inspection=inspection)
    record.write(runs)
    gaps.of_cell(cell, definition.metric, "failed", "").path(runs).unlink(missing_ok=True)
    return record


def computed_in_parts(manifests: Iterable[Manifest]) -> Iterator[str]:
    """What was computed in parts of a batch, because memory was short."""
    found = {each.kind: each.environment["parts"] for each in manifests if "parts" in each.environment}
    if found:
        told = ", ".join(f"{kind} in {parts}" for kind, parts in sorted(found.items()))
        yield f"memory was short, and batches were computed in parts ({told}): the same updates up to rounding"


def _inputs(setting: Setting) -> dict[str, Any]:
    """What the method read beside backbone and task: how each was found, and its fingerprint."""
    read: dict[str, Sequence[Pretrained | Corpus]] = {
        "encoders": list(setting.encoders.values()),
        "corpora": list(setting.corpora.values()),
    }
    return {
        kind: {each.name: {"origin": each.origin, "fingerprint": each.fingerprint} for each in found}
        for kind, found in read.items()
        if found
    }


def _latency(store: Store, cell: Cell) -> Latency | None:
    """What the model was timed at, in this run or an earlier one."""
    manifest = store.manifest(cell.latency.key)
    facts: Any = manifest.facts if manifest else None
    return Latency(**facts) if facts else None


def _note_gap(
    cell: Cell, state: gaps.State, reason: str, runs: Path, options: Options, events: Callable[[Event], None]
) -> None:
    """Keep why a cell has no record, for reports that are made later; a disk that is full is said and no more."""
    metric = loaded(cell.setting.task.name, options.data).task.metric
    try:
        gaps.of_cell(cell, metric, state, reason).write(runs)
    except OSError as fault:
        events(Event("message", reason=f"not noted in {runs} that {cell.method} {state}: {fault}"))


def _manifest(store: Store, stage: Stage) -> Manifest:
    manifest = store.manifest(stage.key)
    if manifest is None:
        raise RuntimeError(
            f"{stage.kind} {stage.key[:12]}: a record is made of finished stages, and this one is gone from the "
            "store; run the table again"
        )
    return manifest


def _seconds(manifests: Iterable[Manifest]) -> float:
    return round(sum(manifest.costs.seconds + manifest.costs.earlier_seconds for manifest in manifests), 3)
