"""A process that has the heavy libraries loaded and forks a child for each stage; `python -m` starts it.

It reads JSON lines from standard input: first a configuration, then `{"run": job}` and `{"cancel": key}`. It
writes JSON lines to standard output: `{"event": "ready"}`, the children's events with the job's key as `"run"`,
and `{"run": key, "event": "exit", "code": code}` (negative: a signal). When its input ends, it ends its
children and itself; when it is killed, the kernel kills its children. It starts no threads: a fork copies but
one of them.
"""

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import sys
import time
import traceback
from typing import Any

from benchmarks import serialise, worker
from benchmarks.engines.child import live, write_line

GRACE = 2.0  # seconds between asking a child to end and killing it
LINE = 1 << 16  # bytes read at once


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
    """A forked child: its pid, the pipes for its events and its job, and when it was asked to end."""

    def __init__(self, pid: int, events: int, commands: int) -> None:
        self.key = ""  # no job yet
        self.pid = pid
        self.lines = Lines(events)
        self.commands = commands
        self.asked: float | None = None

    def give(self, job: dict[str, Any]) -> None:
        """Tell it its job; one that died meanwhile is found dead by `Server._bury`."""
        with contextlib.suppress(BrokenPipeError):
            write_line(self.commands, job)
        os.close(self.commands)

    def end(self) -> None:
        """Ask it to end; `Server._remind` kills it when it does not."""
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
        self._spare: Child | None = None  # forked ahead, so that no stage waits for the fork
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
        self._bury()
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
        try:
            child, self._spare = self._spare or self._fork(), None
        except OSError as error:  # no memory or no process number left; the other children need not suffer
            lost = worker.failed("infrastructure", f"no process could be started: {error}", halting=False)
            write_line(self._output, {**lost, "run": job["key"]})
            write_line(self._output, {"run": job["key"], "event": "exit", "code": 1})
            return
        child.key = job["key"]
        self._children[child.key] = child
        self._selector.register(child.lines.handle, selectors.EVENT_READ, child)
        child.give(job)
        with contextlib.suppress(OSError):
            self._spare = self._fork()

    def _fork(self) -> Child:
        """A child that waits for its job."""
        gc.freeze()  # a collection in a child would touch, and thereby copy, what it shares
        (events, their_events), (their_commands, commands) = os.pipe(), os.pipe()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                self._selector.close()
                siblings = [child.lines.handle for child in self._children.values()]
                for handle in (self._output, self._wakeup, self._waker, events, commands, *siblings):
                    os.close(handle)
                code = live(their_commands, their_events, self._plugins)
            except BaseException:  # a child must never return into the server's loop
                traceback.print_exc()
            finally:
                os._exit(code)
        os.close(their_events)
        os.close(their_commands)
        os.set_blocking(events, False)
        return Child(pid, events, commands)

    def _relay(self, child: Child) -> None:
        for event in child.lines.read():
            write_line(self._output, {**event, "run": child.key})
        if child.lines.ended:
            with contextlib.suppress(KeyError):
                self._selector.unregister(child.lines.handle)

    def _bury(self) -> None:
        for child in list(self._children.values()):
            code = _reap(child.pid)
            if code is None:
                continue
            self._relay(child)  # a last look: everything it wrote before its death lies in the pipe
            with contextlib.suppress(KeyError):
                self._selector.unregister(child.lines.handle)
            os.close(child.lines.handle)
            del self._children[child.key]
            write_line(self._output, {"run": child.key, "event": "exit", "code": code})

    def _ending(self) -> bool:
        return any(child.asked is not None for child in self._children.values())

    def _remind(self) -> None:
        for child in self._children.values():
            if child.asked is not None and time.monotonic() - child.asked > GRACE:
                _signal(child.pid, signal.SIGKILL)

    def _finish(self) -> None:
        """End all children: first asked, then killed."""
        children = [*self._children.values(), *([self._spare] if self._spare else [])]
        for child in children:
            child.end()
        patience = time.monotonic() + GRACE
        for child in children:
            while _reap(child.pid) is None:
                if time.monotonic() > patience:
                    _signal(child.pid, signal.SIGKILL)
                time.sleep(0.01)


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
    write_line(output, {"event": "ready", "pid": os.getpid(), "threads": threads})
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


def _signal(group: int, number: signal.Signals) -> None:
    """Signal a child's process group, or the child alone before it has made its group."""
    for send in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(group, number)
            return


def _reap(pid: int) -> int | None:
    """The exit code of a dead child, its group killed with it; None while it lives."""
    if hasattr(os, "waitid"):
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        _signal(pid, signal.SIGKILL)  # dead but not yet reaped, its number cannot be another's
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


if __name__ == "__main__":
    main()
