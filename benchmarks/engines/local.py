"""The engine for one machine: talks to a fork server of its own, which it starts with the first job."""

import contextlib
import dataclasses
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.engines import EngineError, Job, Report, machine
from benchmarks.engines.forkserver import GRACE, Lines
from benchmarks.engines.machine import accelerators, cores
from benchmarks.engines.room import Room

PRELOAD = (
    "torch",
    "transformers",
    "transformers.models.bert.modeling_bert",
    "transformers.models.bert.tokenization_bert",
    "safetensors.torch",
    "fvcore.nn",
    "benchmarks.evaluate",
    "benchmarks.inspection",
    "benchmarks.tasks.metrics",
)
"""Imported once by the fork server. Nothing that starts threads may be added (`datasets` does)."""

LAST = frozenset({"done", "busy", "missing", "failed", "lost"})


# What a process does to itself; every other signal is somebody else's.
OWN = frozenset({"SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSYS", "SIGTRAP"})
CANCELLED = 128 + signal.SIGTERM  # how a child ends that was asked to


def make(
    where: str, root: Path, *, jobs: int, packing: int, plugins: Sequence[str], device: str
) -> "LocalEngine":  # `where` is empty, for there is but one such place
    """The engine of this machine; for the arguments see `benchmarks.engines.make`."""
    devices = accelerators() if device in ("auto", "cuda") else ()
    return LocalEngine(root, slots(jobs, packing, devices), plugins=plugins, devices=devices)


def slots(jobs: int, packing: int = 1, devices: Sequence[str] | None = None) -> int:
    """How many stages run at a time: `packing` on each accelerator where there are any, else one a core.

    Args:
        jobs: How many at most; 0: as many as that.
        packing: How many share one accelerator.
        devices: The accelerators; None: those that torch finds.

    Raises:
        ValueError: More are wanted than the accelerators are to take, or stages are packed where there are none.
    """
    devices = accelerators() if devices is None else devices
    if not devices:
        if packing > 1:
            raise ValueError(
                f"packing is for accelerators, got {packing} where there are none; use jobs on a processor"
            )
        return jobs or cores()
    most = len(devices) * packing
    if jobs > most:
        raise ValueError(
            f"on accelerators at most {len(devices)} x packing stages run at a time, got jobs = {jobs} with "
            f"packing = {packing}; write packing = {-(-jobs // len(devices))} if one's memory holds so many"
        )
    return jobs or most


class LocalEngine:
    """Runs jobs on this machine, each in a process forked from one that has the libraries loaded.

    Args:
        root: The store's folder; the server's log goes to `logs/forkserver.log` in it.
        jobs: How many jobs run at a time.
        plugins: Files (`*.py`) or modules that define stages outside our packages.
        preload: Modules the server imports before the first fork.
        devices: Accelerators, each as `CUDA_VISIBLE_DEVICES` would say it; a job sees the one of them that has the
            fewest jobs. None: jobs see what this process sees.
        room: Which jobs fit beside each other; by default as this machine's memory has room.
    """

    def __init__(
        self,
        root: Path,
        jobs: int,
        *,
        plugins: Sequence[str] = (),
        preload: Sequence[str] = PRELOAD,
        devices: Sequence[str] = (),
        room: Room | None = None,
    ) -> None:
        if jobs < 1:
            raise ValueError(f"jobs is a whole number >= 1, got {jobs}; the machine has {cores()} cores")
        self._jobs = jobs
        self._devices = tuple(devices)
        self._room = room or Room(devices)
        self._log = root / "logs" / "forkserver.log"
        self._configuration = {"plugins": list(plugins), "preload": list(preload)}
        self._server: subprocess.Popen[bytes] | None = None
        self._lines = Lines(-1)
        self._ready = False
        self._running: dict[str, Mapping[str, Any] | None] = {}  # key -> the job's last event, once it came
        self._killed: dict[str, int] = {}  # key -> processes that had been ended for want of memory when it began
        self._reports: list[Report] = []

    @property
    def name(self) -> str:
        """'local', and on how many accelerators."""
        return f"local on {len(self._devices)} accelerators" if self._devices else "local"

    @property
    def one_machine(self) -> bool:
        """They do."""
        return True

    @property
    def slots(self) -> int:
        """How many jobs may run at a time."""
        return self._jobs

    @property
    def pid(self) -> int | None:
        """The fork server's process id, while there is one."""
        return None if self._server is None else self._server.pid

    def fits(self, memory: int, device_memory: int) -> bool:
        """Whether there is memory for one more job beside those that run."""
        return self._room.fits(memory, device_memory)

    def submit(self, job: Job) -> None:
        """Start a job.

        Raises:
            EngineError: The fork server cannot be started.
        """
        self._running[job.key] = None
        self._killed[job.key] = machine.killed_for_memory()
        share = cores() if job.alone else max(1, cores() // self._jobs)
        job = dataclasses.replace(job, threads=job.threads or share, visible=self._room.enter(job))
        server = self._server or self._start()
        self._send(server, {"run": job.to_json()})

    def poll(self, timeout: float) -> Sequence[Report]:
        """What happened since the last call, waiting up to `timeout` seconds for something to.

        Raises:
            EngineError: The fork server died before it was ready; the message has the end of its log.
        """
        server = self._server
        if server is not None and server.stdout is not None and not self._reports:
            with selectors.DefaultSelector() as selector:
                selector.register(server.stdout, selectors.EVENT_READ)
                if selector.select(timeout):
                    self._receive()
        elif server is None and not self._reports:
            time.sleep(timeout)
        reports, self._reports = self._reports, []
        return reports

    def cancel(self, key: str) -> None:
        """Ask a job to end; the server kills it when it does not."""
        if key in self._running and self._server is not None:
            self._send(self._server, {"cancel": key})

    def close(self) -> None:
        """Stop the server and with it all jobs; they have some seconds to clean up."""
        server, self._server = self._server, None
        self._running.clear()
        if server is None:
            return
        if server.stdin is not None:
            with contextlib.suppress(OSError):
                server.stdin.close()  # the server takes this as its end
        try:
            server.wait(timeout=2 * GRACE + 1)
        except subprocess.TimeoutExpired:
            pass
        finally:
            server.kill()
            server.wait()
            if server.stdout is not None:
                server.stdout.close()

    def _start(self) -> subprocess.Popen[bytes]:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),  # as here
            "TOKENIZERS_PARALLELISM": "false",  # tokenizers' threads would not survive the forks
            "OMP_NUM_THREADS": "1",  # nor would these; children set their own share
            "OPENBLAS_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
        }
        with self._log.open("ab") as log:
            server = subprocess.Popen(  # our own interpreter and module
                [sys.executable, "-m", "benchmarks.engines.forkserver"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches the runner only
            )
        assert server.stdin is not None  # noqa: S101  # pipes were asked for
        assert server.stdout is not None  # noqa: S101
        os.set_blocking(server.stdin.fileno(), False)
        os.set_blocking(server.stdout.fileno(), False)
        self._server, self._lines, self._ready = server, Lines(server.stdout.fileno()), False
        self._send(server, self._configuration)
        return server

    def _send(self, server: subprocess.Popen[bytes], message: Mapping[str, Any]) -> None:
        """Write one line, reading meanwhile, so that two full pipes cannot make both ends wait for ever."""
        assert server.stdin is not None  # noqa: S101
        data = memoryview(json.dumps(message).encode() + b"\n")
        with selectors.DefaultSelector() as selector:
            selector.register(server.stdin, selectors.EVENT_WRITE)
            while data and self._server is server:
                try:
                    data = data[os.write(server.stdin.fileno(), data) :]
                except BlockingIOError:
                    self._receive()
                    selector.select(0.1)
                except BrokenPipeError:
                    self._receive()
                    return

    def _receive(self) -> None:
        """Turn what the server said into reports; if it is gone, its jobs are lost."""
        for event in self._lines.read():
            self._take(event)
        if not self._lines.ended:
            return
        server, self._server = self._server, None
        if server is None:
            return
        for pipe in (server.stdin, server.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        code = server.wait()
        fate = _fate(code)
        if not self._ready and code >= 0:  # killed while it starts is as good as killed later
            self._running.clear()
            raise EngineError(f"the fork server must start, but it {fate}; its log {self._log} ends:\n{self._tail()}")
        lost = _lost(f"the fork server {fate}")
        self._reports += [report(key, last or lost) for key, last in self._running.items()]
        for key in self._running:
            self._room.leave(key)
        self._running.clear()

    def _take(self, event: Mapping[str, Any]) -> None:
        what, key = event["event"], event.get("run")
        if what == "ready":
            self._ready = True
        elif key not in self._running:
            return
        elif what == "exit":
            last = self._running.pop(key)
            self._room.leave(key)
            self._reports.append(report(key, last or ended(event["code"], self._killed.pop(key))))
        elif what in LAST:
            self._running[key] = event  # told when its process is gone and its lock with it
        else:
            self._reports.append(report(key, event))

    def _tail(self) -> str:
        try:
            return self._log.read_text(encoding="utf-8", errors="replace")[-2000:].strip()
        except OSError:
            return ""


def ended(code: int, killed: int) -> dict[str, Any]:
    """The event of a process that ended without a word; `killed`: `machine.killed_for_memory` when it began."""
    if code == CANCELLED:
        return _lost("its process was asked to end (SIGTERM)")
    if code == -signal.SIGKILL and machine.killed_for_memory() > killed:
        return _lost("its process was ended by the system for want of memory", memory=True)
    return _lost(f"its process {_fate(code)}", own=code >= 0 or _signal(code) in OWN)


def _lost(reason: str, *, own: bool = False, memory: bool = False) -> dict[str, Any]:
    return {"event": "lost", "reason": reason, "own": own, "memory": memory}


def report(key: str, event: Mapping[str, Any]) -> Report:
    """An event as the report on a job."""
    facts = {name: value for name, value in event.items() if name not in ("event", "run")}
    return Report(event["event"], key, facts)


def _fate(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    name = _signal(code)
    hint = " (killed by hand, or by the system for want of memory)" if name == "SIGKILL" else ""
    return f"was ended by {name}{hint}"


def _signal(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
