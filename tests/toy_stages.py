"""Tiny stages for the tests of the store and the runner: they add numbers, nap, fail, and keep a ledger of it."""

import dataclasses
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from benchmarks.engines import Engine
from benchmarks.engines.local import LocalEngine
from benchmarks.runner import Event, run
from benchmarks.store import Store
from methods.stages.failure import MethodFailure
from methods.stages.stage import Json, Stage, Workbench


@dataclasses.dataclass(frozen=True)
class Knob:
    """A value inside a stage."""

    scale: float = 1.0
    names: tuple[str, ...] = ("a", "b")


@dataclasses.dataclass(frozen=True)
class Add(Stage):
    """Adds `number` to the sum of its parts, and writes a line at its begin and end into the ledger."""

    kind: ClassVar[str] = "toy-add"

    number: float
    parts: tuple[Stage, ...] = ()
    ledger: str = ""
    nap: float = 0.0
    steps: int = 1
    knob: Knob = Knob()

    @property
    def effort(self) -> float:
        """Naps taken."""
        return float(self.steps)

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Add up, napping on the way; a checkpoint says how many naps were taken before a kill."""
        note(self.ledger, f"begin {self.number:g} {os.getpid()}")
        checkpoint = bench.scratch / "step"
        noted = checkpoint.read_text(errors="replace") if checkpoint.exists() else ""
        first = int(noted) if noted.isdigit() and int(noted) <= self.steps else 0  # a power cut may have cut it
        for step in range(first, self.steps):
            time.sleep(self.nap)
            checkpoint.write_text(str(step + 1))
            bench.progress(step + 1, self.steps, loss=1 / (step + 1))
        parts = [np.load(bench.artifact(part) / "sum.npy", allow_pickle=False) for part in self.parts]
        total = np.asarray(self.number * self.knob.scale + sum(float(part) for part in parts))
        np.save(bench.folder / "sum.npy", total, allow_pickle=False)
        note(self.ledger, f"end {self.number:g} {os.getpid()}")
        return {"sum": float(total), "first": first}


@dataclasses.dataclass(frozen=True)
class Fail(Stage):
    """Fails in a way of choice, the first `times` times; the ledger counts."""

    kind: ClassVar[str] = "toy-fail"

    how: str
    ledger: str
    times: int = 99

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Fail."""
        note(self.ledger, f"begin {self.how} {os.getpid()}")
        if len(entries(self.ledger, f"begin {self.how} ")) <= self.times:
            if self.how == "kill":
                os.kill(os.getpid(), 9)
            if self.how == "exit":
                os._exit(3)
            if self.how == "segfault":
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would be no use to anyone
                os.kill(os.getpid(), signal.SIGSEGV)
            raise {
                "method": MethodFailure("the loss is not a number at step 7"),
                "slip": ZeroDivisionError("a slip of the pen"),
                "memory": MemoryError("too much"),
                "disk": OSError(5, "Input/output error"),
            }[self.how]
        (bench.folder / "made.txt").write_text("made\n")
        return {}


@dataclasses.dataclass(frozen=True)
class Fill(Stage):
    """Writes `size` bytes."""

    kind: ClassVar[str] = "toy-fill"

    size: int

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Write them."""
        (bench.folder / "fill.bin").write_bytes(bytes(self.size))
        return {"size": self.size}


@dataclasses.dataclass(frozen=True)
class Look(Stage):
    """Naps, and writes down which accelerators it sees, its threads, and when it began and ended."""

    kind: ClassVar[str] = "toy-look"

    number: int
    nap: float = 0.1

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Look about."""
        began = time.time()
        time.sleep(self.nap)
        names = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "OMP_NUM_THREADS")
        return {**{name: os.environ.get(name) for name in names}, "began": began, "ended": time.time()}


class Timed(Look):
    """Measures time, and so wants to be alone."""

    kind: ClassVar[str] = "toy-timed"
    alone: ClassVar[bool] = True


@dataclasses.dataclass(frozen=True)
class Nothing(Stage):
    """Does nothing, to measure what starting a stage costs."""

    kind: ClassVar[str] = "toy-nothing"

    number: int

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Do nothing."""
        return {"threads": len(os.listdir("/proc/self/task"))}


def note(ledger: str, line: str) -> None:
    """Append a line; several processes may at once."""
    if ledger:
        with Path(ledger).open("a") as file:
            file.write(line + "\n")


def entries(ledger: str | Path, start: str = "") -> list[str]:
    """The ledger's lines with this beginning."""
    path = Path(ledger)
    return [line for line in path.read_text().splitlines() if line.startswith(start)] if path.exists() else []


def tree(ledger: str | Path, *, nap: float = 0.0, steps: int = 1) -> list[Stage]:
    """Six wanted stages over three over one: ten stages, numbered 1 to 10, that all need number 1."""
    book = str(ledger)
    base = Add(1, (), book, nap, steps)
    middle = [Add(number, (base,), book, nap, steps) for number in (2, 3, 4)]
    return [Add(5 + place, (middle[place % 3],), book, nap, steps) for place in range(6)]


def engine(name: str, root: Path, jobs: int) -> Engine:
    """The local engine, one of dask in this process, or one of the scheduler at an address."""
    if name == "local":
        return LocalEngine(root, jobs, plugins=["toy_stages"], preload=())
    from benchmarks.engines.dask import DaskEngine, in_process

    if name == "dask":
        return DaskEngine(root, lambda: in_process(jobs), plugins=["toy_stages"], preload=(), ours=True)
    from distributed import Client

    return DaskEngine(root, lambda: Client(name, set_as_default=False), plugins=["toy_stages"], preload=())


def main(name: str = "local") -> None:
    """Run the tree in a process of its own, telling events as JSON lines: ROOT LEDGER JOBS NAP STEPS."""
    # a job started in the background is born deaf to Ctrl-C, and so would the tests' runs be
    signal.signal(signal.SIGINT, signal.default_int_handler)
    root, ledger, jobs, nap, steps = sys.argv[1:]

    def tell(event: Event) -> None:
        print(json.dumps(dataclasses.asdict(event)), flush=True)  # noqa: T201  # read by the test

    try:
        run(
            tree(ledger, nap=float(nap), steps=int(steps)),
            Store(Path(root)),
            sources={},
            events=tell,
            engine=engine(name, Path(root), int(jobs)),
        )
    except KeyboardInterrupt:
        sys.exit(130)
