"""Where stages run: an engine takes jobs and says what becomes of them; `local` and `dask` are the ones there are."""

import dataclasses
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

from benchmarks.workbench import Sources
from methods.stages.stage import Json

ENGINES = ("local", "dask")


class EngineError(RuntimeError):
    """The engine itself cannot run."""


@dataclasses.dataclass(frozen=True)
class Job:
    """One stage to run; plain data throughout, so that it can travel.

    Attributes:
        key: The stage's key.
        kind: The stage's kind.
        stage: `benchmarks.serialise.dump` of it.
        root: The store's folder.
        sources: Where data and encoders are.
        threads: Processor threads it may use; 0: the engine's share for one slot, or all cores where it runs alone.
        device: A torch device, or 'auto'.
        alone: Nothing else of this run is running.
        memory: Largest resident memory that stages like it took, bytes; 0: not known.
        device_memory: The same of an accelerator's memory.
        parts: In how many parts a batch is computed: 1, or more after the stage ran out of memory.
        visible: The one accelerator it may see, as `CUDA_VISIBLE_DEVICES` says it; None: whatever its process sees.
    """

    key: str
    kind: str
    stage: dict[str, Json]
    root: str
    sources: Sources
    threads: int = 0
    device: str = "auto"
    alone: bool = False
    memory: int = 0
    device_memory: int = 0
    parts: int = 1
    visible: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The job as plain data."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


@dataclasses.dataclass(frozen=True)
class Report:
    """What an engine says of a job: the events of `benchmarks.worker.execute`, or that its process ended.

    Attributes:
        what: 'progress'; 'moved' (its worker vanished, and the engine has started it elsewhere); or the one last
            report of a job: 'done', 'busy', 'missing', 'failed', or 'lost' (its process died before it could say
            anything else, or it was cancelled).
        key: The stage's key.
        facts: The event's other fields; of 'moved' and 'lost': `reason`; of 'lost' also `own`, whether the
            process ended itself (an exit, a fault of its memory) rather than being ended, and where it is known
            `memory`, whether the system ended it for want of memory.
    """

    what: Literal["progress", "moved", "done", "busy", "missing", "failed", "lost"]
    key: str
    facts: Mapping[str, Any]


class Engine(Protocol):
    """Runs jobs somewhere. Used by one thread. Nothing is started before the first job."""

    @property
    def name(self) -> str:
        """What `status` calls it."""
        ...

    @property
    def one_machine(self) -> bool:
        """Whether all jobs share one machine's memory."""
        ...

    @property
    def slots(self) -> int:
        """How many jobs may run at a time, just now; at least 1."""
        ...

    def fits(self, memory: int, device_memory: int) -> bool:
        """Whether a job that needs so many bytes may start beside those that run; always, where none runs."""
        ...

    def submit(self, job: Job) -> None:
        """Start a job; its fate comes with `poll`.

        Raises:
            EngineError: No job can be started.
        """
        ...

    def poll(self, timeout: float) -> Sequence[Report]:
        """What happened since the last call, waiting up to `timeout` seconds for something to."""
        ...

    def cancel(self, key: str) -> None:
        """Ask a job to end, and kill it if it does not; its last report still comes. Nothing for an unknown key."""
        ...

    def close(self) -> None:
        """Stop: running jobs are asked to end, and killed if they do not. Closing twice is nothing."""
        ...


def make(
    text: str = "local",
    root: Path = Path("results/store"),
    *,
    jobs: int = 0,
    packing: int = 1,
    plugins: Sequence[str] = (),
    device: str = "auto",
) -> Engine:
    """The engine that was asked for.

    Args:
        text: 'local', 'dask' (workers in this process), 'dask:ADDRESS' of a running scheduler, or 'dask:FILE.yaml'
            that describes a batch system (`benchmarks.engines.batch`).
        root: The store's folder.
        jobs: How many stages run at a time; 0: one a core, or on accelerators as many as `packing` says. A
            scheduler's workers or the file decide it elsewhere.
        packing: How many stages share one accelerator.
        plugins: Files (`*.py`) or modules that define stages outside our packages.
        device: A torch device, or 'auto' for the accelerators if there are any.

    Raises:
        ValueError: There is no such engine, or the numbers contradict each other.
        EngineError: The engine's libraries are not installed.
    """
    name, _, where = text.partition(":")
    if name not in ENGINES or (where and name == "local"):
        raise ValueError(
            f"an engine is local, dask, dask:ADDRESS or dask:FILE.yaml, got {text!r}; write 'local' for this machine"
        )
    faults = [
        f"{name} is a whole number >= {least}, got {value}"
        for name, value, least in (("jobs", jobs, 0), ("packing", packing, 1))
        if value < least
    ]
    if faults:
        raise ValueError("; ".join(faults))
    module = importlib.import_module(f"benchmarks.engines.{name}")
    made: Engine = module.make(where, root, jobs=jobs, packing=packing, plugins=tuple(plugins), device=device)
    return made
