"""Runs of the toy tree in processes of their own, and what tests look at when these were killed or harmed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import toy_stages as toy
from benchmarks.locks import start_of
from benchmarks.store import Store

SUMS = [8.0, 10.0, 12.0, 11.0, 13.0, 15.0]
NAP, STEPS = 0.03, 4


class Runner:
    """A run of the toy tree in a process of its own."""

    def __init__(
        self, root: Path, ledger: Path, jobs: int = 2, *, nap: float = NAP, steps: int = STEPS, name: str = "local"
    ) -> None:
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"import toy_stages; toy_stages.main({name!r})",
                *map(str, (root, ledger, jobs, nap, steps)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), *filter(None, sys.path)])},
        )
        self.events: list[dict[str, Any]] = []

    def until(self, what: str, count: int = 1) -> None:
        """Read events until `count` of this kind have come."""
        assert self.process.stdout is not None
        while sum(event["what"] == what for event in self.events) < count:
            line = self.process.stdout.readline()
            assert line, self.process.stderr and self.process.stderr.read()
            self.events.append(json.loads(line))

    def finish(self) -> int:
        out, err = self.process.communicate(timeout=60)
        self.events += [json.loads(line) for line in out.splitlines()]
        assert "Traceback" not in err, err
        return self.process.returncode

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.finish()

    def count(self, what: str) -> int:
        return sum(event["what"] == what for event in self.events)

    def server(self) -> int:
        """The fork server's pid."""
        (pid,) = children(self.process.pid)
        return pid


def children(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def wait_dead(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    while any(start_of(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still alive: {[pid for pid in pids if start_of(pid)]}"
        time.sleep(0.01)


def workers(ledger: Path) -> list[int]:
    return [int(line.split()[2]) for line in toy.entries(ledger, "begin")]


def manifests(store: Store) -> dict[str, bytes]:
    return {key: (store.folder(key) / "manifest.json").read_bytes() for key in list(store.keys())}


def sums(store: Store, ledger: Path, nap: float = NAP, steps: int = STEPS) -> list[float]:
    wanted = toy.tree(ledger, nap=nap, steps=steps)
    return [float(np.load(store.artifact(stage.key) / "sum.npy", allow_pickle=False)) for stage in wanted]


def check_finished(
    store: Store, ledger: Path, before: dict[str, bytes], *, nap: float = NAP, steps: int = STEPS
) -> None:
    """The table is whole and right, what was complete before was left alone, and nothing lies about."""
    assert sums(store, ledger, nap, steps) == SUMS
    after = manifests(store)
    assert len(after) == 10
    assert {key: after[key] for key in before} == before
    for folder in (".work", ".scratch", ".progress", ".failed"):
        path = store.root / folder
        assert not path.exists() or list(path.iterdir()) == [], folder
    assert list(store.locked()) == []
