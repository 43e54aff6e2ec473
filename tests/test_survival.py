"""Kills, harm and full disks: nothing complete is made again, nothing half-made is believed, the results agree."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import toy_stages as toy
from benchmarks.engines.local import LocalEngine
from benchmarks.locks import start_of
from benchmarks.plan import plan
from benchmarks.runner import Event, run
from benchmarks.store import Store, StoreError
from toy_runs import NAP, STEPS, Runner, check_finished, children, manifests, wait_dead, workers


def test_two_runs_share_the_work(tmp_path: Path) -> None:
    store, ledger = Store(tmp_path / "store"), tmp_path / "ledger"
    runs = [Runner(store.root, ledger) for _ in range(2)]
    assert [each.finish() for each in runs] == [0, 0]
    begun = sorted(int(line.split()[1]) for line in toy.entries(ledger, "begin"))
    assert begun == list(range(1, 11))  # each once, whoever did it
    assert sum(each.count("waiting") for each in runs) > 0
    check_finished(store, ledger, {})


@pytest.mark.parametrize("dones", [0, 2, 7])
def test_a_killed_run_goes_on(tmp_path: Path, dones: int) -> None:
    store, ledger = Store(tmp_path / "store"), tmp_path / "ledger"
    first = Runner(store.root, ledger)
    first.until("start")
    if dones:
        first.until("done", dones)
    else:
        first.until("progress")
    first.kill()
    wait_dead(workers(ledger))
    before = manifests(store)
    assert len(before) >= dones
    second = Runner(store.root, ledger)
    assert second.finish() == 0
    assert second.count("done") == 10 - len(before)
    check_finished(store, ledger, before)


def test_ctrl_c_ends_the_stages_and_says_how_to_go_on(tmp_path: Path) -> None:
    store, ledger = Store(tmp_path / "store"), tmp_path / "ledger"
    for number in (signal.SIGINT, signal.SIGTERM):
        stopped = Runner(store.root, ledger)
        stopped.until("start")  # early: on a busy machine the run may be over before a later signal comes
        stopped.kill(number)
        assert stopped.process.returncode == 130
        assert "the same command goes on where this one stopped" in stopped.events[-1]["reason"]
        assert not any(start_of(pid) for pid in workers(ledger))
        assert list(store.locked()) == []
        assert list((store.root / ".work").iterdir()) == []
    before = manifests(store)
    assert Runner(store.root, ledger).finish() == 0
    check_finished(store, ledger, before)


def test_a_killed_server_takes_its_children_along_and_is_replaced(tmp_path: Path) -> None:
    store, ledger = Store(tmp_path / "store"), tmp_path / "ledger"
    runner = Runner(store.root, ledger)
    runner.until("done", 2)
    runner.until("start", 4)
    before, server = manifests(store), runner.server()
    alive = children(server)
    os.kill(server, signal.SIGKILL)
    wait_dead([server, *alive])
    assert runner.finish() == 0
    assert any("the fork server was ended by SIGKILL" in event["reason"] for event in runner.events)
    assert runner.count("failed") == 0
    check_finished(store, ledger, before)


def test_a_killed_stage_resumes_from_its_checkpoint(tmp_path: Path) -> None:
    store, ledger = Store(tmp_path / "store"), tmp_path / "ledger"
    runner = Runner(store.root, ledger, jobs=1)
    base = toy.tree(ledger, nap=NAP, steps=STEPS)[0].needs[0].needs[0]
    checkpoint = store.root / ".scratch" / base.key / "step"
    deadline = time.monotonic() + 20
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.002)
    os.kill(workers(ledger)[0], signal.SIGKILL)
    assert runner.finish() == 0
    assert runner.count("retry") == 1
    manifest = store.manifest(base.key)
    assert manifest is not None
    first = manifest.facts["first"]
    assert isinstance(first, int)
    assert first >= 1
    check_finished(store, ledger, {})


@pytest.mark.parametrize("harm", [b"", b"\x93NUMPY altered"])
def test_a_harmed_artifact_is_noticed_and_made_anew(tmp_path: Path, harm: bytes) -> None:
    """Truncated or altered, below a stage that is missing: found at a glance before anything starts."""
    store, ledger = Store(tmp_path / "store"), tmp_path / "ledger"
    assert Runner(store.root, ledger).finish() == 0
    top = toy.tree(ledger, nap=NAP, steps=STEPS)[0]
    middle = top.needs[0]
    store.quarantine(top.key)
    (store.folder(middle.key) / "sum.npy").write_bytes(harm)
    before = {key: text for key, text in manifests(store).items() if key != middle.key}
    second = Runner(store.root, ledger)
    assert second.finish() == 0
    (message,) = [event for event in second.events if event["what"] == "message"]
    assert message["key"] == middle.key
    assert "moved to" in message["reason"]
    assert second.count("done") == 2
    check_finished(store, ledger, before)


def test_harm_done_meanwhile_is_noticed_by_the_reader(tmp_path: Path) -> None:
    """The artifact is sound when the run starts and altered when it is read: only the reader's hash can tell."""
    store, ledger = Store(tmp_path / "store"), str(tmp_path / "ledger")
    part = toy.Add(1, (), ledger)
    slow = toy.Add(2, (part,), ledger, nap=0.1, steps=3)
    events: list[Event] = []

    def harm(event: Event) -> None:
        events.append(event)
        first = sum(each.what == "progress" and each.key == slow.key for each in events) == 1
        if first and event.what == "progress" and event.key == slow.key:
            path = store.folder(part.key) / "sum.npy"
            path.write_bytes(path.read_bytes()[:-1] + b"!")

    engine = LocalEngine(store.root, 1, plugins=["toy_stages"], preload=())
    outcomes = run([slow], store, sources={}, events=harm, engine=engine)
    assert outcomes[slow.key].status == "done"
    assert outcomes[part.key].status == "done"
    assert len(toy.entries(ledger, "end 1 ")) == 2
    assert len(toy.entries(ledger, "end 2 ")) == 1
    assert any("another sha256" in event.reason for event in events if event.what == "message")
    assert float(np.load(store.artifact(slow.key) / "sum.npy", allow_pickle=False)) == 3.0


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A small disk of its own on `folder`; needs root."""
    folder.mkdir(exist_ok=True)
    try:
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small disk needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_ends_the_run_with_a_clear_reason(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with mounted(disk, "size=1m"):
        store = Store(disk / "store")
        small, big, later = toy.Fill(1000), toy.Fill(4 << 20), toy.Fill(1001)
        events: list[Event] = []
        engine = LocalEngine(store.root, 1, plugins=["toy_stages"], preload=())
        outcomes = run([small, big, later], store, sources={}, events=events.append, engine=engine)
        assert outcomes[small.key].status == "done"
        assert outcomes[big.key].cause == "infrastructure"
        assert "No space left on device" in outcomes[big.key].reason
        assert outcomes[later.key].reason.startswith("not started: ")
        assert [event.what for event in events].count("retry") == 0
        assert list(store.keys()) == [small.key]
        assert list((store.root / ".work").iterdir()) == []
        subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
        engine = LocalEngine(store.root, 1, plugins=["toy_stages"], preload=())
        again = run([small, big, later], store, sources={}, engine=engine)
        assert [again[stage.key].status for stage in (small, big, later)] == ["cached", "done", "done"]


def test_a_read_only_disk_is_refused_before_any_work(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with mounted(disk, "size=1m"):
        store = Store(disk / "store")
        engine = LocalEngine(store.root, 1, plugins=["toy_stages"], preload=())
        run([toy.Fill(10)], store, sources={}, engine=engine)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(StoreError, match=r"got 'Read-only file system' at .*mount it writable"):
            run([toy.Fill(10), toy.Fill(11)], store, sources={})
        assert run([toy.Fill(10)], store, sources={})[toy.Fill(10).key].status == "cached"


def test_two_versions_of_a_stage_live_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, stage = Store(tmp_path / "store"), toy.Add(1)
    run([stage], store, sources={}, engine=LocalEngine(store.root, 1, plugins=["toy_stages"], preload=()))
    assert [each.state for each in plan([toy.Add(1)], store).stages] == ["cached"]
    monkeypatch.setattr(toy.Add, "version", toy.Add.version + 1)
    newer = toy.Add(1)
    assert newer.key != stage.key
    assert [each.state for each in plan([newer], store).stages] == ["missing"]
    assert store.verify(stage.key) == []
