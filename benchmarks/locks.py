"""A lock file that a living owner keeps and a dead one loses, also on a network file system.

Relied on: a file made with O_EXCL is made once, a rename shows all or nothing, and a file's times come from one
clock, that of the file system. Hosts' own clocks are not compared: they differ, and may be set back.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import TracebackType

from benchmarks.files import unique

HEARTBEAT = 5.0  # seconds between two touches of a held lock
PATIENCE = 60.0  # seconds without a touch after which an owner on another host counts as dead
GRACE = 10.0  # seconds an owner has between making the file and writing its name into it


@dataclasses.dataclass(frozen=True)
class Owner:
    """Who holds a lock: host (name, boot and process namespace), pid, its start, and when it took it."""

    host: str
    pid: int
    start: str
    time: float
    token: str


@cache
def host() -> str:
    """This host, so that equal pids elsewhere, before a reboot or in another container are told apart."""
    boot = space = ""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    with contextlib.suppress(OSError):
        space = str(Path("/proc/self/ns/pid").readlink())
    return f"{socket.gethostname()}/{boot}/{space}"


def start_of(pid: int) -> str | None:
    """When process `pid` of this host started, in the kernel's ticks; None if it is dead.

    Empty where the system has no /proc and only the pid can be asked for.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
    else:
        fields = text.rpartition(")")[2].split()  # field 2, the name, may hold blanks and brackets
        return None if fields[0] in "ZX" else fields[19]  # state; starttime (proc_pid_stat(5), field 22)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return ""


class Lock:
    """A held lock: release it, or use it as a context manager. A thread keeps it fresh meanwhile."""

    def __init__(self, path: Path, owner: Owner) -> None:
        self.path = path
        self.owner = owner
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def _beat(self) -> None:
        while not self._released.wait(HEARTBEAT):
            found = _read(self.path)
            if found is not None and found.token != self.owner.token:
                return  # this host slept too long, and another owner must live by its own heartbeat
            with contextlib.suppress(OSError):  # a full or vanished disk is the stage's to report
                os.utime(self.path)

    def release(self) -> None:
        """Give the lock up; a lock that was taken over meanwhile stays with its new owner."""
        self._released.set()
        self._thread.join()
        with contextlib.suppress(OSError), _alone(self.path):
            found = _read(self.path)
            if found is not None and found.token == self.owner.token:
                self.path.unlink()

    def __enter__(self) -> "Lock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def acquire(path: Path) -> Lock | None:
    """Take the lock file `path`, also from a dead owner; None while a living one holds it.

    Raises:
        OSError: The folder cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    taken = _create(path)
    if taken is None and holder(path) is None:
        # Takeovers go one at a time and look again, or the second would rename the first one's fresh lock.
        with _alone(path):
            if path.exists() and holder(path) is None:
                grave = path.with_name(f".stale.{path.name}.{unique()}")
                with contextlib.suppress(FileNotFoundError):
                    path.rename(grave)
                    grave.unlink()
            taken = _create(path)
    return None if taken is None else Lock(path, taken)


def holder(path: Path) -> Owner | None:
    """The living owner of lock file `path`; None if it is free or its owner is dead."""
    try:
        with path.open("rb") as file:  # opened before its time is asked for: a network file system then looks anew
            touched, text = os.fstat(file.fileno()).st_mtime, file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    owner = _parse(text)
    if owner is None:  # just made and still empty, or its maker died in between
        return Owner("", 0, "", touched, "") if _age(path, touched) < GRACE and path.exists() else None
    if owner.host == host():
        return owner if start_of(owner.pid) == owner.start else None
    return owner if _age(path, touched) < PATIENCE else None


def _age(path: Path, touched: float) -> float:
    """Seconds since a lock file was touched, by the clock that touched it: that of the file system."""
    clock = path.with_name(".clock")
    try:
        handle = os.open(clock, os.O_CREAT | os.O_WRONLY, 0o666)
    except OSError:  # a store that may only be read; then this host's clock must do
        return abs(time.time() - touched)
    try:
        os.utime(handle)
        return abs(os.fstat(handle).st_mtime - touched)
    finally:
        os.close(handle)


def _create(path: Path) -> Owner | None:
    owner = Owner(host(), os.getpid(), start_of(os.getpid()) or "", time.time(), unique())
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return None
    try:
        os.write(handle, json.dumps(dataclasses.asdict(owner)).encode())
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    return owner


def _read(path: Path) -> Owner | None:
    try:
        return _parse(path.read_bytes())
    except OSError:
        return None


def _parse(text: bytes) -> Owner | None:
    try:
        return Owner(**json.loads(text))
    except (ValueError, TypeError, RecursionError):
        return None


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the folder's takeover guard; the kernel frees it if the holder dies."""
    handle = os.open(path.with_name(".takeover"), os.O_CREAT | os.O_RDWR, 0o644)
    try:
        with contextlib.suppress(OSError):  # no flock here: the window is then microseconds wide
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
