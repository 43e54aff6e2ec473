"""What is going on in a store: who runs which stages, how far they are, what is done and what failed."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from benchmarks.manifest import Failure
from benchmarks.presence import Run, present
from benchmarks.store import Store


@dataclasses.dataclass(frozen=True)
class Running:
    """A stage that a living process is making.

    Attributes:
        key: The stage's key.
        kind: Its kind; empty until its first progress.
        pid: The process.
        host: The host's name.
        done: Steps done.
        total: Steps in all; 0 when unknown.
        seconds: Seconds so far, killed attempts included.
        remaining: Seconds to go at the pace so far; None when unknown.
        facts: What the stage says, e.g. its loss.
    """

    key: str
    kind: str
    pid: int
    host: str
    done: int
    total: int
    seconds: float
    remaining: float | None
    facts: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Status:
    """The state of a store: `done` maps kind -> number of artifacts, `size` is their bytes, `runs` work on it."""

    running: tuple[Running, ...]
    done: Mapping[str, int]
    failed: tuple[Failure, ...]
    size: int
    seconds: float  # of all stages done, wall-clock
    runs: tuple[Run, ...] = ()

    @property
    def remaining(self) -> float | None:
        """Seconds until the last running stage should be done; None when none can tell."""
        return max((each.remaining for each in self.running if each.remaining is not None), default=None)


def status(store: Store) -> Status:
    """Look at a store without changing it."""
    done: dict[str, int] = {}
    size, seconds = 0, 0.0
    for manifest in store.manifests():
        done[manifest.kind] = done.get(manifest.kind, 0) + 1
        size += manifest.size
        seconds += manifest.costs.seconds + manifest.costs.earlier_seconds
    return Status(
        running=tuple(
            _running(key, owner.pid, owner.host.partition("/")[0], store.progress(key) or {}, owner.time)
            for key, owner in store.locked()
        ),
        done=dict(sorted(done.items())),
        failed=tuple(store.failures()),
        size=size,
        seconds=seconds,
        runs=tuple(present(store.root)),
    )


def _running(key: str, pid: int, host: str, noted: Mapping[str, Any], since: float) -> Running:
    fresh = noted if noted.get("updated", 0.0) >= since else {}  # an older note is a killed attempt's
    done, total, seconds = fresh.get("done", 0), fresh.get("total", 0), fresh.get("seconds", 0.0)
    remaining = seconds / done * (total - done) if 0 < done <= total else None
    return Running(
        key, str(noted.get("kind", "")), pid, host, done, total, seconds, remaining, fresh.get("facts", {})
    )
