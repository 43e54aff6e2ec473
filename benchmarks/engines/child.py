"""The child's side of the fork server: waits for one job, runs it, and dies."""

import contextlib
import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from benchmarks import worker
from benchmarks.files import explained
from benchmarks.store import Store, now

PR_SET_PDEATHSIG = 1  # prctl(2)


class Cancelled(BaseException):
    """The runner asked this child to end; no `except Exception` of a stage may swallow it."""


def live(commands: int, events: int, plugins: tuple[str, ...]) -> int:
    """All that happens in a child; returns its exit code.

    Args:
        commands: File descriptor that the job comes from, one JSON line, or nothing: then there is no job.
        events: File descriptor that the events of `worker.execute` go to, as JSON lines.
        plugins: Modules that stages may come from besides ours.
    """
    server = os.getppid()
    os.setsid()
    _die_with(server)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _cancel)
    try:
        with open(commands, "rb") as file:
            line = file.readline()
        if not line:
            return 0
        return _work(json.loads(line), events, plugins)
    except Cancelled:
        return 128 + signal.SIGTERM
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _work(job: dict[str, Any], events: int, plugins: tuple[str, ...]) -> int:
    def emit(event: dict[str, Any]) -> None:
        write_line(events, event)

    log = Store(Path(job["root"])).log(job["key"])
    try:
        _redirect(log)
    except OSError as error:
        fault = explained(error, log)
        emit(worker.failed("infrastructure", str(fault), halting=fault.halting))
        return 1
    print(f"--- {now()} {job['kind']} {job['key']}, process {os.getpid()}", flush=True)  # noqa: T201  # the log
    _show(job["visible"])
    _limit_threads(int(job["threads"]))
    worker.execute(job, emit, plugins)
    return 0


def write_line(handle: int, value: dict[str, Any]) -> None:
    """Write one JSON line, wholly."""
    data = memoryview(json.dumps(value).encode() + b"\n")
    while data:
        data = data[os.write(handle, data) :]


def _die_with(server: int) -> None:
    """Have the kernel kill this process when the server dies, even of SIGKILL (Linux)."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != server:  # it died before the call above
        os._exit(1)


def _cancel(number: int, frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # cleaning up is not cancelled
    raise Cancelled


def _redirect(log: Path) -> None:
    """Standard input from nowhere, output and errors to the end of the stage's log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (handle, 1), (handle, 2)):
        os.dup2(source, target)
    os.close(nothing)
    os.close(handle)


def _show(device: str | None) -> None:
    """Let this process see one accelerator only; must precede torch's first look at them, which no server takes."""
    if device is None:
        return
    if "CUDA_VISIBLE_DEVICES" not in os.environ:  # where the user numbered them, in an order of his own, it stays
        os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # as `nvidia-smi` numbers them
    os.environ["CUDA_VISIBLE_DEVICES"] = device


def _limit_threads(threads: int) -> None:
    """Share the processor between children; must precede the child's first computation."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what deterministic matrix products need
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(mode=True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False
