"""Runs one stage in this process: lock, work folder, run, commit; says what happened and by whose fault."""

import contextlib
import importlib
import os
import platform
import resource
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.files import FORBIDDEN, FULL
from benchmarks.manifest import Cause, Costs, Failure
from benchmarks.provenance import provenance
from benchmarks.serialise import load
from benchmarks.store import CorruptArtifact, Store, StoreError, now
from benchmarks.workbench import StageWorkbench
from methods.stages.failure import MethodFailure
from methods.stages.stage import Json, Stage

Emit: TypeAlias = Callable[[dict[str, Json]], None]

PACKAGES = ("numpy", "torch", "transformers", "tokenizers", "safetensors", "datasets")
TRACE_LINES = 40


def execute(job: Mapping[str, Any], emit: Emit, plugins: tuple[str, ...] = ()) -> None:
    """Make one artifact, telling `emit` about it in JSON objects.

    Events: `{"event": "progress", done, total, facts, seconds}`, then one of `{"event": "done", seconds,
    facts}`, `{"event": "busy"}` (another process is making it), `{"event": "missing", key, reason}` (a
    sub-stage's artifact is gone or corrupt) and `{"event": "failed", cause, reason, halting, memory}`.

    Args:
        job: `Job` as JSON.
        emit: Called with each event.
        plugins: Modules that stages may come from besides ours.
    """
    store = Store(Path(job["root"]))
    try:
        stage = load(job["stage"], plugins)
    except Exception as error:  # a module that cannot be imported may raise anything
        # The method never ran, so this is no result of it: nothing is recorded, and mended code runs unasked.
        reason = f"the stage could not be rebuilt: {type(error).__name__}: {error}"
        traceback.print_exception(error)
        emit(failed("infrastructure", reason, halting=False))
        return
    try:
        lock = store.lock(stage.key)
    except StoreError as error:
        emit(_failed(store, stage, error))
        return
    if lock is None:
        emit({"event": "busy"})
        return
    with lock:
        made = store.manifest(stage.key)
        if made is not None:  # another run finished it just now
            emit({"event": "done", "seconds": 0.0, "facts": made.facts})
            return
        told: dict[str, Json]
        try:
            told = _make(stage, store, job, emit)
        except CorruptArtifact as error:
            told = {"event": "missing", "key": error.key, "reason": str(error)}
        except Exception as error:  # one failed cell never stops a sweep
            told = _failed(store, stage, error)
    emit(told)  # not inside: that nobody listens any more is no failure of the stage


def _make(stage: Stage, store: Store, job: Mapping[str, Any], emit: Emit) -> dict[str, Json]:
    earlier = _earlier_seconds(store, stage.key)
    started, began, cpu = now(), time.perf_counter(), _cpu_seconds()
    work = store.begin(stage.key)
    try:

        def tell(done: int, total: int, facts: dict[str, Json]) -> None:
            seconds = time.perf_counter() - began
            emit({"event": "progress", "done": done, "total": total, "facts": facts, "seconds": seconds})

        bench = StageWorkbench(
            stage,
            store,
            work,
            sources=job["sources"],
            device=str(job["device"]),
            parts=int(job["parts"]),
            tell=tell,
            earlier=earlier,
        )
        facts = dict(stage.run(bench))
        seconds = time.perf_counter() - began
        costs = Costs(
            started=started,
            seconds=round(seconds, 6),
            cpu_seconds=round(_cpu_seconds() - cpu, 6),
            earlier_seconds=earlier,
            peak_memory=_peak_memory(),
            peak_device_memory=_peak_device_memory(bench.device_asked),
        )
        manifest = store.commit(
            stage.key,
            work,
            description=stage.description,
            inputs={part.key: part.kind for part in stage.needs},
            environment={**environment(), **_place(bench.device_asked, job)},
            costs=costs,
            facts=facts,
            effort=stage.effort,
            scale=str(getattr(stage, "scale", "")),
        )
    finally:
        store.discard(work)
    return {"event": "done", "seconds": manifest.costs.seconds, "facts": manifest.facts}


def classify(error: BaseException) -> tuple[Cause, bool]:
    """Whose fault an exception is, and whether every other stage would meet it too (disk full, read-only).

    Memory and the operating system are infrastructure's; everything else is the method's.
    """
    if isinstance(error, MethodFailure):
        return "method", False
    if isinstance(error, StoreError):
        return "infrastructure", error.halting
    text = str(error).lower()
    if "no space left on device" in text or "os error 28" in text:  # safetensors has an exception of its own
        return "infrastructure", True
    if isinstance(error, OSError):
        return "infrastructure", error.errno in FULL | FORBIDDEN
    return ("infrastructure" if out_of_memory(error) else "method"), False


def out_of_memory(error: BaseException) -> bool:
    """Whether memory was short, the processor's or the accelerator's; torch says it in two ways."""
    named = isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__
    return named or "can't allocate memory" in str(error).lower()


def _failed(store: Store, stage: Stage, error: Exception) -> dict[str, Json]:
    """Record a failure, print it to the log, and say it."""
    trace = "".join(traceback.format_exception(error))
    print(trace, file=sys.stderr, flush=True)  # noqa: T201  # stderr is the stage's log
    cause, halting = classify(error)
    told = str(error).strip() or type(error).__name__
    reason = told if isinstance(error, MethodFailure | StoreError) else f"{type(error).__name__}: {told}"
    failure = Failure(
        key=stage.key,
        kind=stage.kind,
        cause=cause,
        reason=reason.splitlines()[0],
        time=now(),
        log=str(store.log(stage.key)),
        traceback="\n".join(trace.splitlines()[-TRACE_LINES:]),
        halting=halting,
    )
    with contextlib.suppress(StoreError):  # a full disk cannot take the note; the event still says it
        store.fail(failure)
    return failed(cause, failure.reason, halting=halting, memory=out_of_memory(error))


def failed(cause: Cause, reason: str, *, halting: bool, memory: bool = False) -> dict[str, Json]:
    """The event that says so; `memory`: for want of memory."""
    return {"event": "failed", "cause": cause, "reason": reason, "halting": halting, "memory": memory}


def _earlier_seconds(store: Store, key: str) -> float:
    """Seconds of killed attempts, if they left a checkpoint to go on from."""
    noted = store.progress(key)
    scratch = store.root / ".scratch" / key
    if noted is None or not scratch.is_dir() or not any(scratch.iterdir()):
        return 0.0
    seconds = noted.get("seconds")
    return float(seconds) if isinstance(seconds, int | float) else 0.0


def _cpu_seconds() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


def _peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # bytes there, KiB here (getrusage(2))


def _peak_device_memory(device: str) -> int:
    if not device.startswith("cuda"):
        return 0
    torch = importlib.import_module("torch")
    return int(torch.cuda.max_memory_allocated())


def _place(device: str, job: Mapping[str, Any]) -> dict[str, Json]:
    found: dict[str, Json] = {"device": device, "threads": int(job["threads"])}
    if job["parts"] > 1:
        found["parts"] = job["parts"]
    if device.startswith("cuda"):
        found["accelerator"] = importlib.import_module("torch").cuda.get_device_name()
    return found


@cache
def environment() -> dict[str, Json]:
    """Our commit, versions, kind of host; the fork server asks once, and its children inherit the answer."""
    found: dict[str, Json] = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    found |= {name: provenance()[name] for name in ("commit", "altered")}
    found["host"] = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return found
