"""Where stages run on one machine: which accelerator each sees, what fits beside what, and who runs alone."""

import dataclasses
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import toy_stages as toy
from benchmarks import engines
from benchmarks.engines import Engine, EngineError, Job, Report, local, machine
from benchmarks.engines.local import LocalEngine
from benchmarks.engines.room import Room
from benchmarks.runner import run
from benchmarks.serialise import dump
from benchmarks.store import Costs, Store
from methods.stages.stage import Stage

GIGABYTE = 1 << 30


def engine(store: Store, jobs: int, **more: Any) -> LocalEngine:
    return LocalEngine(store.root, jobs, plugins=["toy_stages"], preload=(), **more)


def looked(store: Store, stages: list[Stage], on: Engine) -> list[Mapping[str, Any]]:
    """The facts of the stages after a run."""
    outcomes = run(stages, store, sources={}, engine=on)
    assert {outcomes[stage.key].status for stage in stages} == {"done"}
    manifests = [store.manifest(stage.key) for stage in stages]
    return [manifest.facts for manifest in manifests if manifest is not None]


def together(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two naps overlapped."""
    return bool(first["began"] < second["ended"] and second["began"] < first["ended"])


def test_each_stage_sees_one_accelerator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    devices, packing = ("0", "GPU-7f"), 2
    store = Store(tmp_path / "store")
    slots = local.slots(0, packing, devices)
    assert slots == 4
    found = looked(store, [toy.Look(number, 0.2) for number in range(9)], engine(store, slots, devices=devices))
    assert {facts["CUDA_VISIBLE_DEVICES"] for facts in found} == set(devices)
    assert {facts["CUDA_DEVICE_ORDER"] for facts in found} == {"PCI_BUS_ID"}
    for facts in found:
        beside = [each for each in found if each["began"] <= facts["began"] < each["ended"]]
        for device in devices:
            assert sum(each["CUDA_VISIBLE_DEVICES"] == device for each in beside) <= packing
    assert any(together(found[0], each) for each in found[1:])


def test_without_accelerators_nothing_is_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    store = Store(tmp_path / "store")
    (facts,) = looked(store, [toy.Look(1, 0)], engine(store, 1))
    assert (facts["CUDA_VISIBLE_DEVICES"], facts["CUDA_DEVICE_ORDER"]) == ("5", None)


def test_timing_stages_run_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    wanted = [toy.Look(0), toy.Timed(0), toy.Look(1), toy.Timed(1), toy.Look(2, 0.5), toy.Look(3, 0.5)]
    found = looked(store, wanted, engine(store, 3))
    alone = [facts for stage, facts in zip(wanted, found, strict=True) if stage.alone]
    for facts in alone:
        assert not any(together(facts, each) for each in found if each is not facts)
        assert facts["OMP_NUM_THREADS"] == str(machine.cores())
    assert together(found[4], found[5])


def test_what_does_not_fit_waits(tmp_path: Path) -> None:
    """Peaks of earlier stages of a kind say what the next will need; two of 3 GB do not fit into 5 GB."""
    store = Store(tmp_path / "store")
    earlier = toy.Look(99)
    store.commit(
        earlier.key,
        store.begin(earlier.key),
        description=earlier.description,
        inputs={},
        environment={},
        costs=Costs("2026-01-01T00:00:00+00:00", 1.0, peak_memory=3 * GIGABYTE),
        facts={},
    )
    tight = engine(store, 2, room=Room(available=lambda: 5 * GIGABYTE))
    first, second = looked(store, [toy.Look(1), toy.Look(2)], tight)
    assert not together(first, second)
    wide = engine(store, 2, room=Room(available=lambda: 6 * GIGABYTE))
    first, second = looked(store, [toy.Look(3, 0.5), toy.Look(4, 0.5)], wide)
    assert together(first, second)
    small = engine(store, 2, room=Room(available=lambda: GIGABYTE))  # one always may
    assert len(looked(store, [toy.Look(5), toy.Look(6)], small)) == 2


def job(name: str, memory: int = 0, device_memory: int = 0) -> Job:
    return Job(name, "toy", {}, "", {}, memory=memory, device_memory=device_memory)


def test_room_counts_what_may_still_grow_and_what_others_took() -> None:
    left = [10]
    room = Room(available=lambda: left[0])
    assert room.fits(99, 0)
    room.enter(job("a", 4))
    assert room.fits(6, 0)
    assert not room.fits(7, 0)  # 4 + 7 > 10, though 10 are free just now
    left[0] = 5
    assert not room.fits(6, 0)  # somebody else came
    assert room.fits(0, 0)  # not known
    room.leave("a")
    assert room.fits(99, 0)
    assert Room(available=lambda: None).fits(99, 0)


def test_room_on_accelerators() -> None:
    room = Room(("0", "1"), lambda: None, lambda: {"0": 10, "1": 10})
    assert room.enter(job("a", device_memory=6)) == "0"
    assert room.enter(job("b", device_memory=7)) == "1"
    assert room.fits(0, 4)
    assert not room.fits(0, 5)
    assert room.enter(job("c", device_memory=4)) == "0"
    room.leave("b")
    assert room.fits(0, 99)  # an empty one always may
    assert room.enter(job("d", device_memory=99)) == "1"
    assert room.enter(job("e", device_memory=99)) == "1"  # started all the same, where the fewest are


@pytest.mark.parametrize(
    ("arguments", "law"),
    [
        ((5, 1, ("0", "1")), r"at most 2 x packing stages.*got jobs = 5 with packing = 1; write packing = 3"),
        ((2, 2, ()), "packing is for accelerators, got 2"),
    ],
)
def test_slots_that_cannot_be(arguments: tuple[Any, ...], law: str) -> None:
    with pytest.raises(ValueError, match=law):
        local.slots(*arguments)


def test_slots() -> None:
    assert local.slots(0, 1, ()) == machine.cores()
    assert local.slots(7, 1, ()) == 7
    assert local.slots(3, 2, ("0", "1")) == 3


def pieces(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MEMINFO = "MemTotal:       16000 kB\nMemAvailable:    8000 kB\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        ({"proc/meminfo": MEMINFO}, 8000 * 1024),
        (  # a batch job in a group without a limit, in a slice with one; file pages can be had back
            {
                "proc/meminfo": MEMINFO,
                "proc/self/cgroup": "0::/slice/job\n",
                "sys/fs/cgroup/slice/job/memory.max": "max\n",
                "sys/fs/cgroup/slice/job/memory.current": "100\n",
                "sys/fs/cgroup/slice/memory.max": "5000\n",
                "sys/fs/cgroup/slice/memory.current": "3000\n",
                "sys/fs/cgroup/slice/memory.stat": "anon 2000\ninactive_file 700\n",
            },
            2700,
        ),
        (
            {
                "proc/meminfo": MEMINFO,
                "proc/self/cgroup": "5:cpu:/\n4:memory:/job\n",
                "sys/fs/cgroup/memory/job/memory.limit_in_bytes": "4000\n",
                "sys/fs/cgroup/memory/job/memory.usage_in_bytes": "4100\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": "5000\n",
            },
            0,
        ),
    ],
)
def test_memory_as_the_system_and_the_groups_have_it(
    tmp_path: Path, files: Mapping[str, str], expected: int | None
) -> None:
    assert machine.memory(pieces(tmp_path, files)) == expected


def test_this_machine_has_memory() -> None:
    left = machine.memory()
    assert left is None or left > 1 << 20


def test_device_memory_is_asked_of_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho '0, GPU-aa, 1024'\necho '1, GPU-bb, [N/A]'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert machine.device_memory() == {"0": GIGABYTE, "GPU-aa": GIGABYTE}
    program.write_text("#!/bin/sh\nexit 9\n")
    assert machine.device_memory() == {}


def until_last(on: Engine, *keys: str) -> list[Report]:
    """The last reports of these jobs."""
    deadline, found = time.monotonic() + 20, {}
    while found.keys() != set(keys):
        assert time.monotonic() < deadline, f"no last report of {set(keys) - found.keys()}"
        found |= {report.key: report for report in on.poll(0.5) if report.what != "progress"}
    return [found[key] for key in keys]


def test_a_cancelled_stage_ends_and_leaves_nothing(tmp_path: Path) -> None:
    store, ledger = Store(tmp_path / "store"), str(tmp_path / "ledger")
    stage, other = toy.Add(1, (), ledger, nap=0.05, steps=400), toy.Nothing(1)
    on = engine(store, 2)
    try:
        on.cancel("no such key")
        on.submit(Job(stage.key, stage.kind, dump(stage), str(store.root), {}))
        while not toy.entries(ledger):
            on.poll(0.05)
        on.submit(Job(other.key, other.kind, dump(other), str(store.root), {}))
        on.cancel(stage.key)
        report, beside = until_last(on, stage.key, other.key)
        assert (report.what, report.facts["own"], beside.what) == ("lost", False, "done")
        assert store.owner(stage.key) is None
        assert list((store.root / ".work").glob(f"{stage.key}.*")) == []
        on.submit(Job(stage.key, stage.kind, dump(dataclasses.replace(stage)), str(store.root), {}))
        on.cancel(stage.key)
        assert until_last(on, stage.key)[0].what == "lost"
    finally:
        on.close()


@pytest.mark.parametrize(
    ("text", "more", "law"),
    [
        ("slurm", {}, "an engine is local, dask, dask:ADDRESS or dask:FILE.yaml, got 'slurm'"),
        ("local:here", {}, "got 'local:here'"),
        ("local", {"jobs": -1, "packing": 0}, "jobs is a whole number >= 0, got -1; packing is a whole number >= 1"),
    ],
)
def test_engines_that_are_none(tmp_path: Path, text: str, more: dict[str, Any], law: str) -> None:
    with pytest.raises(ValueError, match=law):
        engines.make(text, tmp_path, **more)


def test_the_local_engine_is_made(tmp_path: Path) -> None:
    assert engines.make("local", tmp_path, jobs=3, device="cpu").slots == 3
    assert issubclass(EngineError, RuntimeError)
