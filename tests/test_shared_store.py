"""Several commands on one store: no stage twice, no lost result, whatever their engines and their clocks."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import toy_stages as toy
from benchmarks import locks, presence
from benchmarks.store import Store

KEY = "ab" * 32


def test_three_commands_with_different_engines_share_the_work(tmp_path: Path) -> None:
    store, ledger = Store(tmp_path / "store"), tmp_path / "ledger"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), *filter(None, sys.path)])}
    code = "import sys, toy_stages; toy_stages.main(sys.argv.pop())"
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(store.root), str(ledger), jobs, "0.05", "6", engine],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for engine, jobs in (("local", "1"), ("dask", "2"), ("local", "2"))
    ]
    told = [[json.loads(line) for line in run.communicate(timeout=90)[0].splitlines()] for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0]
    for what in ("begin", "end"):
        assert sorted(int(line.split()[1]) for line in toy.entries(ledger, what)) == list(range(1, 11))  # each once
    wanted = toy.tree(ledger, nap=0.05, steps=6)
    sums = [float(np.load(store.artifact(stage.key) / "sum.npy", allow_pickle=False)) for stage in wanted]
    assert sums == [8.0, 10.0, 12.0, 11.0, 13.0, 15.0]
    for events in told:  # every command knows what became of each
        ended = {event["key"] for event in events if event["what"] in ("done", "cached")}
        assert {stage.key for stage in wanted} <= ended
        assert not [event for event in events if event["what"] in ("failed", "retry")]
    assert list(store.locked()) == []


def test_a_killed_run_is_no_longer_told_of(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from benchmarks.presence import Presence\n"
        f"Presence(Path({str(tmp_path)!r})).say('local', 3); print('said', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        (told,) = presence.present(tmp_path)
        assert (told.pid, told.engine, told.slots) == (other.pid, "local", 3)
        other.kill()
    assert list(presence.present(tmp_path)) == []
    presence.sweep(tmp_path)
    assert [path.name for path in (tmp_path / presence.FOLDER).iterdir()] == []


def foreign(store: Store, age: float) -> Path:
    """A lock that another host touched `age` seconds ago."""
    path = store.root / ".locks" / f"{KEY}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    owner = {"host": "elsewhere/boot/space", "pid": 1, "start": "1", "time": 0.0, "token": "x"}
    path.write_text(json.dumps(owner))
    moment = time.time() - age
    os.utime(path, (moment, moment))
    return path


@pytest.mark.parametrize("skew", [-7200.0, 0.0, 7200.0])
def test_a_wrong_clock_takes_no_lock_and_keeps_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skew: float
) -> None:
    """The age of a lock is told by the file system's clock, not by this host's."""
    store, right = Store(tmp_path), time.time
    fresh, stale = foreign(store, 1.0), locks.PATIENCE + 5
    monkeypatch.setattr("benchmarks.locks.time.time", lambda: right() + skew)
    assert store.owner(KEY) is not None
    assert store.lock(KEY) is None
    os.utime(fresh, (right() - stale, right() - stale))
    assert store.owner(KEY) is None
    lock = store.lock(KEY)
    assert lock is not None
    lock.release()


def test_an_artifact_that_came_from_elsewhere_is_looked_for_anew(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.refresh(KEY)  # of nothing
    assert store.verify(KEY) == ["no such artifact"]


def test_a_sleeper_does_not_keep_its_successors_lock_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "HEARTBEAT", 0.01)
    lock = Store(tmp_path).lock(KEY)
    assert lock is not None
    path = foreign(Store(tmp_path), 100.0)
    before = path.stat().st_mtime
    time.sleep(0.2)
    assert path.stat().st_mtime == before
    lock.release()
    assert path.exists()  # nor takes it away
