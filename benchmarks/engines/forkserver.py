"""A process that has the heavy libraries loaded and forks a child for each stage; `python -m` starts it.

It reads JSON lines from standard input: first a configuration, then `{"run": job}` and `{"cancel": key}`. It
writes JSON lines to standard output: `{"event": "ready"}`, the children's events with the job's key as `"run"`,
and `{"run": key, "event": "exit", "code": code}` (negative: a signal). When its input ends, it ends its
children and itself; when it is killed, the kernel kills its children. It starts no threads: a fork copies but
one of them.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import selectors
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from benchmarks import serialise, worker
from benchmarks.files import explained
from benchmarks.store import Store

GRACE = 2.0  # seconds between asking a child to end and killing it
PR_SET_PDEATHSIG = 1  # prctl(2)
LINE = 1 << 16  # bytes read at once


class Cancelled(BaseException):
    """The runner asked this child to end; no `except Exception` of a stage may swallow it."""


class Lines:
    """Whole lines out of what arrives at a file descriptor."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.ended = False
        self._rest = b""

    def read(self) -> list[dict[str, Any]]:
        """All that has arrived, without waiting; the descriptor must not block."""
        while not self.ended:
            try:
                chunk = os.read(self.handle, LINE)
            except BlockingIOError:
                break
            self.ended = not chunk
            self._rest += chunk
        *lines, self._rest = self._rest.split(b"\n")
        return [json.loads(line) for line in lines if line]


class Child:
    """A forked child: its pid, the pipe its events come through, and when it was asked to end."""

    def __init__(self, key: str, pid: int, pipe: int) -> None:
        self.key = key
        self.pid = pid
        self.lines = Lines(pipe)
        self.asked: float | None = None

    def end(self) -> None:
        """Ask it to end; `Server.remind` kills it when it does not."""
        if self.asked is None:
            self.asked = time.monotonic()
            _signal(self.pid, signal.SIGTERM)


class Server:
    """The loop: commands in, forks, events out.

    Args:
        output: File descriptor of the runner's end.
        plugins: Module names that stages may come from besides ours.
    """

    def __init__(self, output: int, plugins: tuple[str, ...]) -> None:
        self._output = output
        self._plugins = plugins
        self._children: dict[str, Child] = {}
        self._selector = selectors.DefaultSelector()
        self._input = Lines(0)
        self._wakeup, self._waker = os.pipe()
        for handle in (self._wakeup, self._waker):
            os.set_blocking(handle, False)

    def serve(self) -> None:
        """Run until the input ends."""
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)  # or nothing would wake up
        self._selector.register(0, selectors.EVENT_READ, self._input)
        self._selector.register(self._wakeup, selectors.EVENT_READ, None)
        try:
            while not self._input.ended:
                self._turn()
        except BrokenPipeError:
            pass  # nobody listens any more
        finally:
            self._finish()

    def _turn(self) -> None:
        for chosen, _ in self._selector.select(timeout=0.5 if self._ending() else None):
            if chosen.data is self._input:
                for command in self._input.read():
                    self._obey(command)
            elif isinstance(chosen.data, Child):
                self._relay(chosen.data)
            else:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wakeup, LINE)
        self._reap()
        self._remind()

    def _obey(self, command: dict[str, Any]) -> None:
        if "run" in command:
            self._start(command["run"])
        elif command.get("cancel") in self._children:
            self._children[command["cancel"]].end()

    def _start(self, job: dict[str, Any]) -> None:
        for module in serialise.modules_of(job["stage"]):
            try:
                importlib.import_module(module)  # once here, and every later child has it
            except Exception:  # the child meets it again and says so
                traceback.print_exc()
        gc.freeze()  # a collection in a child would touch, and thereby copy, what it shares
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = self._child(job, write)
            except BaseException:  # a child must never return into the server's loop
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(write)
        os.set_blocking(read, False)
        child = Child(job["key"], pid, read)
        self._children[job["key"]] = child
        self._selector.register(read, selectors.EVENT_READ, child)

    def _child(self, job: dict[str, Any], pipe: int) -> int:
        """All that happens in a child; returns its exit code."""
        server = os.getppid()
        os.setsid()
        _die_with_parent(server)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, _cancel)
        self._selector.close()
        siblings = [child.lines.handle for child in self._children.values()]
        for handle in (self._output, self._wakeup, self._waker, *siblings):
            os.close(handle)

        def emit(event: dict[str, Any]) -> None:
            _write(pipe, event)

        log = Store(Path(job["root"])).log(job["key"])
        try:
            _redirect(log)
        except OSError as error:
            fault = explained(error, log)
            emit(worker.failed("infrastructure", str(fault), halting=fault.halting))
            return 1
        _limit_threads(int(job["threads"]))
        try:
            worker.execute(job, emit, self._plugins)
        except Cancelled:
            return 128 + signal.SIGTERM
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
        return 0

    def _relay(self, child: Child) -> None:
        for event in child.lines.read():
            _write(self._output, {**event, "run": child.key})
        if child.lines.ended:
            with contextlib.suppress(KeyError):
                self._selector.unregister(child.lines.handle)

    def _reap(self) -> None:
        for child in list(self._children.values()):
            # Looked at but not yet reaped, its pid cannot be another's: the rest of its group can be killed.
            if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            _signal(child.pid, signal.SIGKILL)
            _, status = os.waitpid(child.pid, 0)
            self._relay(child)  # a last look: everything it wrote before its death lies in the pipe
            with contextlib.suppress(KeyError):
                self._selector.unregister(child.lines.handle)
            os.close(child.lines.handle)
            del self._children[child.key]
            code = os.waitstatus_to_exitcode(status)
            _write(self._output, {"run": child.key, "event": "exit", "code": code})

    def _ending(self) -> bool:
        return any(child.asked is not None for child in self._children.values())

    def _remind(self) -> None:
        for child in self._children.values():
            if child.asked is not None and time.monotonic() - child.asked > GRACE:
                _signal(child.pid, signal.SIGKILL)

    def _finish(self) -> None:
        """End all children: first asked, then killed."""
        for child in self._children.values():
            child.end()
        patience = time.monotonic() + GRACE
        for child in self._children.values():
            while time.monotonic() < patience:
                if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                    break
                time.sleep(0.01)
            _signal(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)


def main() -> None:
    """Read the configuration, load the libraries, say ready, serve."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the runner's to handle
    output = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints must not stand between the events
    configuration = json.loads(_first_line())
    for module in configuration["preload"]:
        try:
            importlib.import_module(module)
        except ImportError as error:
            print(f"not preloaded: {module}: {error}", file=sys.stderr)  # noqa: T201  # the server's log
    plugins = serialise.load_plugins(configuration["plugins"])
    worker.environment()
    gc.collect()
    threads = threads_of(os.getpid())
    if threads > 1:
        print(f"{threads} threads run before the first fork; there should be one", file=sys.stderr)  # noqa: T201
    os.set_blocking(0, False)
    _write(output, {"event": "ready", "pid": os.getpid(), "threads": threads})
    Server(output, plugins).serve()


def threads_of(pid: int) -> int:
    """How many threads a process has; 0 where the system does not tell."""
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0


def _first_line() -> bytes:
    line = bytearray()
    while not line.endswith(b"\n"):  # byte by byte: what follows is the loop's to read
        byte = os.read(0, 1)
        if not byte:
            sys.exit(0)
        line += byte
    return bytes(line)


def _write(handle: int, event: dict[str, Any]) -> None:
    """Write one line, wholly."""
    data = memoryview(json.dumps(event).encode() + b"\n")
    while data:
        data = data[os.write(handle, data) :]


def _signal(group: int, number: signal.Signals) -> None:
    """Signal a child's process group, or the child alone before it has made its group."""
    for send in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(group, number)
            return


def _die_with_parent(server: int) -> None:
    """Have the kernel kill this child when the server dies, even of SIGKILL (Linux)."""
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


if __name__ == "__main__":
    main()
