"""The dask engine: the same results from workers that come, go and die; batch systems as they would be asked."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import distributed
import numpy as np
import pytest

import toy_stages as toy
from benchmarks import engines
from benchmarks.engines import EngineError, batch
from benchmarks.engines.dask import DaskEngine, _client, in_process
from benchmarks.events import Event
from benchmarks.locks import start_of
from benchmarks.runner import run
from benchmarks.store import Store
from methods.stages.stage import Stage

SUMS = [8.0, 10.0, 12.0, 11.0, 13.0, 15.0]


def engine(store: Store, where: Any, **more: Any) -> DaskEngine:
    return DaskEngine(store.root, where, plugins=["toy_stages"], preload=(), **more)


def here(store: Store, count: int) -> DaskEngine:
    """An engine with its workers in this process."""
    return engine(store, lambda: in_process(count), jobs=count, ours=True)


def sums(store: Store, stages: list[Stage]) -> list[float]:
    return [float(np.load(store.artifact(stage.key) / "sum.npy", allow_pickle=False)) for stage in stages]


def test_a_table_comes_out_as_on_one_machine(tmp_path: Path) -> None:
    store, ledger = Store(tmp_path / "store"), tmp_path / "ledger"
    wanted = toy.tree(ledger, nap=0.12, steps=3)
    bad, crash = toy.Fail("method", str(tmp_path / "bad")), toy.Fail("exit", str(tmp_path / "crash"))
    events: list[Event] = []
    outcomes = run([*wanted, bad, crash], store, sources={}, engine=here(store, 3), events=events.append)
    assert {outcomes[stage.key].status for stage in wanted} == {"done"}
    assert sums(store, wanted) == SUMS
    assert sorted(int(line.split()[1]) for line in toy.entries(ledger, "begin")) == list(range(1, 11))
    assert outcomes[bad.key].reason == "the loss is not a number at step 7"
    assert (outcomes[crash.key].cause, outcomes[crash.key].reason) == (
        "method",
        "its process ended with exit code 3, 3 times",
    )
    assert any(event.what == "progress" and event.total == 3 for event in events)
    assert len({line.split()[2] for line in toy.entries(ledger, "begin")}) == 10  # a process each
    for folder in (".work", ".scratch", ".progress", ".runs"):  # a dead process leaves a work folder to the next
        left = [path.name for path in (store.root / folder).iterdir() if not path.name.startswith(crash.key)]
        assert set(left) <= {".takeover"}, folder
    suffixes = {path.suffix for path in store.root.rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".npy", ".log", ".lock", ""}


def test_a_finished_table_starts_no_cluster(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    run([toy.Nothing(1)], store, sources={}, engine=here(store, 1))

    def connect() -> Any:
        raise AssertionError("nothing is missing")

    (outcome,) = run([toy.Nothing(1)], store, sources={}, engine=engine(store, connect)).values()
    assert outcome.status == "cached"


def test_ctrl_c_ends_the_stages(tmp_path: Path) -> None:
    store, ledger = Store(tmp_path / "store"), tmp_path / "ledger"
    stage = toy.Add(1, (), str(ledger), nap=0.1, steps=600)

    def stop(event: Event) -> None:
        if event.what == "progress":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run([stage], store, sources={}, engine=here(store, 1), events=stop)
    wait_dead([int(toy.entries(ledger, "begin")[0].split()[2])])
    assert store.owner(stage.key) is None


# Workers that are processes


def wait_dead(pids: list[int]) -> None:
    deadline = time.monotonic() + 15
    while any(start_of(pid) for pid in pids):
        assert time.monotonic() < deadline, "still alive"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[tuple[str, list[int]]]:
    """The address of a scheduler, and the pids of two workers of one thread each."""
    cluster = distributed.LocalCluster(n_workers=0, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), *filter(None, sys.path)])}
    command = [sys.executable, "-m", "distributed.cli.dask_worker", cluster.scheduler_address, "--nthreads", "1"]
    command += ["--no-nanny", "--no-dashboard", "--memory-limit", "0"]
    processes = [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for _ in range(2)]
    try:
        yield cluster.scheduler_address, [process.pid for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
        cluster.close()


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_the_stages_of_a_runner_that_vanishes_end(tmp_path: Path, scheduler: tuple[str, list[int]]) -> None:
    store, ledger = Store(tmp_path / "store"), tmp_path / "ledger"
    code = "import sys, toy_stages; toy_stages.main(sys.argv.pop())"
    runner = subprocess.Popen(
        [sys.executable, "-c", code, str(store.root), str(ledger), "1", "0.1", "600", scheduler[0]],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), *filter(None, sys.path)])},
        stdout=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while not toy.entries(ledger, "begin"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        runner.kill()
        runner.wait()
    wait_dead([int(toy.entries(ledger, "begin")[0].split()[2])])
    assert list(store.locked()) == []


def test_the_stage_of_a_worker_that_vanishes_is_run_elsewhere(
    tmp_path: Path, scheduler: tuple[str, list[int]]
) -> None:
    store, ledger = Store(tmp_path / "store"), tmp_path / "ledger"
    stage, other = toy.Add(1, (), str(ledger), nap=0.1, steps=20), toy.Add(2)
    killed: list[int] = []
    events: list[Event] = []

    def kill(event: Event) -> None:
        events.append(event)
        if event.what == "progress" and event.key == stage.key and event.done >= 2 and not killed:
            child = int(toy.entries(ledger, "begin 1 ")[0].split()[2])
            worker = parent(parent(child))  # of the fork server
            assert worker in scheduler[1]
            killed.append(worker)
            os.kill(worker, signal.SIGKILL)

    on = engine(store, lambda: client(scheduler[0]))
    outcomes = run([stage, other], store, sources={}, events=kill, engine=on)
    assert killed
    assert [outcomes[each.key].status for each in (stage, other)] == ["done", "done"]
    assert sums(store, [stage]) == [1.0]
    assert len(toy.entries(ledger, "begin 1 ")) == 2  # once more, elsewhere
    manifest = store.manifest(stage.key)
    assert manifest is not None
    assert 1 <= int(str(manifest.facts["first"])) < 20  # from its checkpoint
    assert any("vanished; it is run again on" in event.reason for event in events if event.what == "retry")
    assert list(store.locked()) == []


def client(address: str) -> Any:
    return distributed.Client(address, set_as_default=False)


def test_an_address_without_a_scheduler_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.engines.dask.CONNECT", 0.3)
    with pytest.raises(EngineError, match="a dask scheduler answers at its address"):
        run([toy.Nothing(1)], Store(tmp_path), sources={}, engine=engines.make("dask:tcp://127.0.0.1:9", tmp_path))


def test_a_worker_that_does_not_share_the_store_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    on = here(store, 1)
    on._setting["mark"] = str(tmp_path / "elsewhere" / "mark")
    outcome = run([toy.Nothing(1)], store, sources={}, engine=on)[toy.Nothing(1).key]
    assert outcome.cause == "infrastructure"
    assert "every dask worker sees the store under the same path" in outcome.reason


def test_the_extra_is_named_when_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(EngineError, match=r"needs the extra 'cluster', got: .*pip install 'weighin\[cluster\]'"):
        engines.make("dask", tmp_path)
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    with pytest.raises(EngineError, match="needs the extra 'cluster'"):
        batch.read(tmp_path / "x.yaml")


# Batch systems

SLURM = """
cluster: slurm
jobs: 8
slots: 2
cores: 8
memory: 16GB
queue: gpu
walltime: "08:00:00"
job_extra_directives: ["--gres=gpu:2"]
job_script_prologue: ["module load cuda"]
"""


def described(tmp_path: Path, text: str) -> batch.Batch:
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    return batch.read(path)


def script(found: batch.Batch) -> str:
    cluster = batch.make(found)
    try:
        return str(cluster.job_script())
    finally:
        cluster.close()


def test_slurm_is_asked_as_the_file_says(tmp_path: Path) -> None:
    found = described(tmp_path, SLURM)
    assert (found.cluster, found.jobs, found.slots) == ("slurm", 8, 2)
    lines = script(found).splitlines()
    for line in ("-p gpu", "-n 1", "--cpus-per-task=8", "--mem=15G", "-t 08:00:00", "--gres=gpu:2"):
        assert f"#SBATCH {line}" in lines
    assert "module load cuda" in lines
    (command,) = [line for line in lines if "dask_worker" in line]
    assert command.startswith(sys.executable)
    assert command.endswith("--nthreads 2")  # after dask-jobqueue's own, which is the number of cores
    assert "--nworkers" not in command


@pytest.mark.parametrize(
    ("name", "more", "mark"),
    [
        ("pbs", "", "#PBS -l select=1:ncpus=4"),
        ("lsf", "", "#BSUB -n 4"),
        ("sge", "", "#$ -N dask-worker"),
        ("htcondor", "disk: 1GB\n", "MY.DaskWorkerCores = 4"),
    ],
)
def test_other_batch_systems(tmp_path: Path, name: str, more: str, mark: str) -> None:
    text = script(described(tmp_path, f"cluster: {name}\ncores: 4\nmemory: 8GB\n{more}"))
    assert mark in text
    assert "--nthreads 1" in text


@pytest.mark.parametrize(
    ("text", "law"),
    [
        ("cluster: slurn\n", "cluster is one of slurm, pbs, lsf, sge, htcondor, got 'slurn'"),
        ("- 1\n", r"cluster is one of .*got \[1\]"),
        ("a: [", "described by a YAML file"),
        (
            "cluster: slurm\njobs: 0\nslots: true\nqeue: a\ncores: 1\nprocesses: 4\n",
            "jobs is a whole number >= 1, got 0; slots is a whole number >= 1, got True; processes is no option.*; "
            "qeue is no option of SLURMCluster; did you mean queue.*; memory says what one batch job asks for",
        ),
    ],
)
def test_files_that_describe_no_batch_system(tmp_path: Path, text: str, law: str) -> None:
    with pytest.raises(ValueError, match=law):
        described(tmp_path, text)


def test_batch_jobs_make_the_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SLURM's commands played by two scripts that start the job here and end it."""
    for name, text in (("sbatch", SBATCH), ("scancel", 'kill -9 "-$1"\necho "$1" >> "$CANCELLED"\n')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([os.getcwd(), *filter(None, sys.path)]))
    monkeypatch.setenv("CANCELLED", str(tmp_path / "cancelled"))
    found = described(tmp_path, "cluster: slurm\nslots: 2\ncores: 2\nmemory: 1GB\n")
    store, ledger = Store(tmp_path / "store"), tmp_path / "ledger"
    wanted = toy.tree(ledger)
    on = engine(store, lambda: _client(batch.start(found)))
    outcomes = run(wanted, store, sources={}, engine=on)
    assert {outcomes[stage.key].status for stage in wanted} == {"done"}
    assert sums(store, wanted) == SUMS
    assert len((tmp_path / "cancelled").read_text().split()) == 1  # the batch job was given back


SBATCH = 'setsid sh "$1" > /dev/null 2>&1 &\necho "Submitted batch job $!"\nsleep 0.2\n'  # its file goes at once


def test_packing_is_the_workers_own(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="packing is said by how many threads a dask worker has"):
        engines.make("dask:tcp://head:8786", tmp_path, packing=2)
