"""What the harness itself costs: planning ten thousand cells, starting a stage, listing ten thousand records."""

import dataclasses
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import methods
from benchmarks import records
from benchmarks.engines.local import LocalEngine
from benchmarks.events import Event
from benchmarks.records import Cost, Inspection, Record, Sizes
from benchmarks.runner import run
from benchmarks.store import Costs, Store
from methods.contract import Family
from methods.stages.stage import Json, Stage, Workbench

CELLS = RECORDS = ARTIFACTS = 10_000
STAGES = 100
TASKS, BUDGETS = ("mini-rte", "mini-mrpc", "mini-sst2"), ("0.5", "0.25", "0.16")
MATRICES = 36  # of MiniLM, whose records tell of each


@dataclasses.dataclass(frozen=True)
class Nothing(Stage):
    """Does nothing: what it takes is the harness's."""

    kind: ClassVar[str] = "bench-nothing"

    number: int

    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Do nothing."""
        return {}


def compare(
    cells: int = CELLS, stages: int = STAGES, listed: int = RECORDS, artifacts: int = ARTIFACTS
) -> dict[str, Any]:
    """Seconds and bytes, each beside what was promised.

    Wall-clock seconds are what a user waits; processor seconds say more on a machine that others use too.

    Args:
        cells: Cells planned by the command line, in a process of its own, over an empty store.
        stages: Stages that do nothing, run one after the other by the local engine.
        listed: Records read from files into a data frame.
        artifacts: Artifacts of a store that is listed.
    """
    with tempfile.TemporaryDirectory(prefix="weighin-bench-") as folder:
        root = Path(folder)
        return {
            **_planning(root / "planned", cells),
            **_starting(root / "started", stages),
            **_listing(root / "runs", listed),
            **_storing(root / "store", artifacts),
        }


def _planning(root: Path, cells: int) -> dict[str, Any]:
    """`weighin plan`, whole: imports, cells, keys, states, thousands of printed lines."""
    families = [method.family for method in methods.available().values()]
    each = sum(1 if family is Family.REFERENCE else len(BUDGETS) for family in families) * len(TASKS)
    seeds = range(1, -(-cells // each) + 1)
    command = [sys.executable, "-m", "weighin", "plan", "table2", "--methods", "all", "--store", str(root)]
    command += ["--tasks", ",".join(TASKS), "--budgets", ",".join(BUDGETS), "--seeds", ",".join(map(str, seeds))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)  # noqa: S603  # our own program
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"weighin plan must succeed, it ended with {process.returncode}; run: {' '.join(command)}")
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2)
    return {
        f"plan of {each * len(seeds)} cells, wall seconds (promised: at most 10)": round(seconds, 2),
        "the same, processor seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "the same, peak memory in GB (promised: at most 1)": round(usage.ru_maxrss * unit / 1e9, 3),
    }


def _starting(root: Path, stages: int) -> dict[str, Any]:
    """From the start of a stage to its end, one at a time; the server's own start comes before."""
    began: dict[str, float] = {}
    took: list[float] = []

    def clock(event: Event) -> None:
        if event.what == "start":
            began[event.key] = time.perf_counter()
        elif event.what == "done":
            took.append(time.perf_counter() - began[event.key])

    wanted = [Nothing(number) for number in range(stages + 1)]
    run(wanted, Store(root), sources={}, events=clock, engine=LocalEngine(root, 1))
    name = "a stage that does nothing, median seconds, its process's start included (promised: at most 0.05 beyond)"
    return {name: round(statistics.median(took[1:]), 4)}


def _listing(folder: Path, count: int) -> dict[str, Any]:
    for number in range(count):
        _record(number).write(folder)
    import pandas as pd  # not part of what is measured

    assert pd  # noqa: S101  # imported for its time
    found = {}
    for inspected, name in ((False, "listed"), (True, "read whole")):
        began, cpu = time.perf_counter(), time.process_time()
        table = records.frame(records.read_all(folder, inspected=inspected))
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        promised = "" if inspected else " (promised: at most 3)"
        found[f"{len(table)} records {name} into a data frame, wall seconds{promised}"] = round(seconds, 2)
        found[f"{name}, processor seconds"] = round(cpu, 2)
    return found


def _storing(root: Path, count: int) -> dict[str, Any]:
    store = Store(root)
    costs = Costs("2026-01-01T00:00:00+00:00", 1.0)
    for number in range(count):
        _artifact(store, Nothing(number), costs)
    began = time.perf_counter()
    keys = len(set(store.keys()))
    listed = time.perf_counter() - began
    manifests = sum(1 for _ in store.manifests())
    return {
        f"{keys} artifacts of a store listed, wall seconds": round(listed, 2),
        f"{manifests} manifests read, wall seconds": round(time.perf_counter() - began - listed, 2),
    }


def _artifact(store: Store, stage: Stage, costs: Costs) -> None:
    """An artifact as `Store.commit` leaves it, without waiting for the disk ten thousand times."""
    from benchmarks.files import write_json
    from benchmarks.manifest import Manifest

    manifest = Manifest(stage.key, stage.description, {}, {}, costs, {}, {})
    write_json(store.folder(stage.key) / "manifest.json", manifest.to_json(), durable=False)


def _record(number: int) -> Record:
    """A record of a usual size; no two are alike."""
    matrix = {"out": 384.0, "in": 384.0, "rank": 190.0, "zero_rows": 0.0, "zero_columns": 0.0, "factor_rank": 64.0}
    names: Sequence[str] = [f"bert.encoder.layer.{place // 6}.part.{place % 6}.dense" for place in range(MATRICES)]
    return Record(
        key=f"{number:064x}",
        method="lpaf",
        label="LPAF",
        family=Family.FACTORIZATION.value,
        knobs={"rank": None, "v": None, "p_init": None},
        backbone="minilm",
        backbone_fingerprint="0" * 64,
        task=TASKS[number % len(TASKS)],
        task_fingerprint="1" * 64,
        protocol="quick",
        recipes={name: {f"field {place}": place for place in range(12)} for name in ("dense", "prune", "retrain")},
        budget=0.5,
        seed=number,
        metric="accuracy",
        split="validation",
        metrics={"validation": {"accuracy": number / RECORDS}},
        predictions="predictions.npz",
        sizes=Sizes(5_308_416, 5_308_416, 17_000_000, 10**9, 128, 10_616_832),
        ranks={"rank": 190.0},
        cost=Cost(1.0, 2.0, 3),
        stage=f"{number:064x}",
        provenance={"commit": "2" * 40, "packages": {f"package {place}": "1.2.3" for place in range(9)}},
        inspection=Inspection("a share of the largest", {name: dict(matrix) for name in names}, "x.npz", names[0]),
    )
