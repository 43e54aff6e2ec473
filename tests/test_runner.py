"""The runner: what is missing, each once, in a good order, whatever fails; and what a stage may use."""

import dataclasses
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

import methods
import toy_stages as toy
from benchmarks import serialise, tasks
from benchmarks.engines import EngineError, Job, Report, local, machine
from benchmarks.engines.local import LocalEngine
from benchmarks.experiment import computed_in_parts
from benchmarks.plan import plan
from benchmarks.runner import Event, Outcome, run
from benchmarks.schedule import Schedule
from benchmarks.status import status
from benchmarks.store import Costs, Store
from benchmarks.tasks import sources
from benchmarks.workbench import StageWorkbench
from benchmarks.worker import out_of_memory
from methods.stages.stage import Stage
from reports.states import of_status


@dataclasses.dataclass
class Bed:
    """A store, a ledger, and a run on them that keeps its events."""

    store: Store
    ledger: str
    events: list[Event] = dataclasses.field(default_factory=list)

    def run(self, stages: Sequence[Stage], jobs: int = 2, *, retry_failed: bool = False) -> list[Outcome]:
        self.events.clear()
        engine = LocalEngine(self.store.root, jobs, plugins=["toy_stages"], preload=())
        outcomes = run(
            stages, self.store, sources={}, events=self.events.append, retry_failed=retry_failed, engine=engine
        )
        return [outcomes[stage.key] for stage in stages]

    def told(self, what: str) -> list[Event]:
        return [event for event in self.events if event.what == what]


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return Bed(Store(tmp_path / "store"), str(tmp_path / "ledger"))


class NoEngine:
    """An engine that must not be needed."""

    slots = 1

    def fits(self, memory: int, device_memory: int) -> bool:
        raise AssertionError((memory, device_memory))

    def cancel(self, key: str) -> None:
        raise AssertionError(key)

    def submit(self, job: Job) -> None:
        raise AssertionError(f"nothing is missing, yet {job.kind} was started")

    def poll(self, timeout: float) -> Sequence[Report]:
        raise AssertionError(timeout)

    def close(self) -> None:
        """Nothing to close."""


def test_each_stage_is_made_once_and_never_again(bed: Bed) -> None:
    wanted = toy.tree(bed.ledger)
    assert {outcome.status for outcome in bed.run(wanted)} == {"done"}
    assert sorted(int(line.split()[1]) for line in toy.entries(bed.ledger, "begin")) == list(range(1, 11))
    sums = [float(np.load(bed.store.artifact(stage.key) / "sum.npy")) for stage in wanted]
    assert sums == [8.0, 10.0, 12.0, 11.0, 13.0, 15.0]
    manifest = bed.store.manifest(wanted[0].key)
    assert manifest is not None
    assert manifest.inputs == {wanted[0].needs[0].key: "toy-add"}
    assert manifest.facts == {"sum": 8.0, "first": 0}
    assert manifest.description == wanted[0].description
    assert manifest.environment["device"] == "cpu"
    assert manifest.costs.peak_memory > 1 << 20
    assert manifest.costs.seconds > 0

    outcomes = run(wanted, bed.store, sources={}, engine=NoEngine())
    assert {outcome.status for outcome in outcomes.values()} == {"cached"}


def test_a_finished_table_costs_nothing(bed: Bed) -> None:
    base = toy.Nothing(0)
    cells = [toy.Add(number, (base,)) for number in range(120)]
    for stage in [base, *cells]:  # as a run would leave them
        work = bed.store.begin(stage.key)
        (work / "sum.npy").write_bytes(bytes(5000))
        bed.store.commit(
            stage.key,
            work,
            description=stage.description,
            inputs={},
            environment={},
            costs=Costs("2026-01-01T00:00:00+00:00", 1.0),
            facts={},
        )
    began = time.perf_counter()
    outcomes = run(cells, Store(bed.store.root), sources={}, engine=NoEngine())
    assert time.perf_counter() - began < 2
    assert [outcomes[cell.key].status for cell in cells] == ["cached"] * 120


def test_a_complete_stage_needs_nothing_below_it(bed: Bed) -> None:
    wanted = toy.tree(bed.ledger)
    bed.run(wanted)
    bed.store.quarantine(wanted[0].needs[0].needs[0].key)
    bed.store.quarantine(wanted[0].key)
    bed.run(wanted)
    assert len(toy.entries(bed.ledger, "begin 1 ")) == 1  # its dependants are there
    assert len(toy.entries(bed.ledger, "begin 5 ")) == 2


def test_results_come_early() -> None:
    first, second = (toy.Add(10 * n, (toy.Add(10 * n + 1, (toy.Add(10 * n + 2),)), toy.Nothing(n))) for n in (1, 2))
    schedule = Schedule([first, second], lambda stage: False)
    order = []
    while (stage := schedule.pop()) is not None:
        order.append(stage)
        schedule.finish(stage)
    assert set(order[:4]) == set(first.walk())
    assert order[0].key == first.needs[0].needs[0].key  # the longer chain first
    assert order[3] == first
    assert not schedule.stages


def test_a_failing_stage_stops_only_what_stands_on_it(bed: Bed) -> None:
    bad = toy.Fail("method", bed.ledger)
    stands = toy.Add(2, (toy.Add(1, (bad,)),))
    good = toy.Add(3)
    failed, lost, fine = bed.run([bad, stands, good])
    assert fine.status == "done"
    assert (failed.status, failed.cause, failed.reason) == ("failed", "method", "the loss is not a number at step 7")
    assert lost.reason == f"needs toy-fail {bad.key[:12]}, which failed: the loss is not a number at step 7"
    recorded = bed.store.failure(bad.key)
    assert recorded is not None
    assert recorded.cause == "method"
    assert "MethodFailure" in recorded.traceback
    assert "MethodFailure" in Path(failed.log).read_text()

    again, *_ = bed.run([bad, stands, good])  # shown, not tried again
    assert again.reason == failed.reason
    assert len(toy.entries(bed.ledger)) == 1
    bed.run([bad], retry_failed=True)
    assert len(toy.entries(bed.ledger)) == 2


def test_nothing_is_made_for_what_has_failed(bed: Bed) -> None:
    bad, useless, chain = toy.Fail("method", bed.ledger), toy.Add(1, (), bed.ledger), toy.Add(2, (), bed.ledger)
    bed.run([bad])
    doomed = toy.Add(3, (toy.Add(4, (useless,), bed.ledger), bad), bed.ledger)
    lost, fine = bed.run([doomed, chain])
    assert "which failed: the loss" in lost.reason
    assert fine.status == "done"
    assert [line.split()[1] for line in toy.entries(bed.ledger, "begin")] == ["method", "2"]
    found = {each.stage.key: each for each in plan([doomed, chain], bed.store).stages}
    assert found[doomed.key].state == found[bad.key].state == "failed"
    assert found[doomed.key].reason == f"needs toy-fail {bad.key[:12]}, which failed"


def test_a_slip_is_the_methods_own(bed: Bed) -> None:
    (outcome,) = bed.run([toy.Fail("slip", bed.ledger)])
    assert (outcome.cause, outcome.reason) == ("method", "ZeroDivisionError: a slip of the pen")
    assert len(toy.entries(bed.ledger)) == 1


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("disk", "OSError: [Errno 5] Input/output error"),
        ("kill", "its process was ended by SIGKILL (killed by hand, or by the system for want of memory)"),
    ],
)
def test_infrastructure_gets_three_tries(bed: Bed, how: str, reason: str) -> None:
    stubborn, passing = toy.Fail(how, bed.ledger), toy.Fail(how, bed.ledger + "-passing", times=2)
    lost, saved = bed.run([stubborn, passing])
    assert (lost.status, lost.cause, lost.reason) == ("failed", "infrastructure", reason)
    assert saved.status == "done"
    assert len(toy.entries(bed.ledger)) == 3
    assert [event.reason for event in bed.told("retry")] == [reason] * 4
    recorded = bed.store.failure(stubborn.key)
    assert recorded is not None
    assert recorded.cause == "infrastructure"
    assert bed.store.failure(passing.key) is None


def test_want_of_memory_gets_one_more_try_in_parts(bed: Bed) -> None:
    stubborn, passing = toy.Fail("memory", bed.ledger), toy.Fail("memory", bed.ledger + "-passing", times=1)
    lost, saved = bed.run([stubborn, passing])
    said = "MemoryError: too much"
    assert (lost.cause, lost.reason) == (
        "infrastructure",
        f"{said}; before, with whole batches, memory was short too",
    )
    assert len(toy.entries(bed.ledger)) == 2
    assert [event.reason for event in bed.told("retry")] == [f"{said}; once more with each batch in 2 parts"] * 2
    assert saved.status == "done"
    made, other = bed.store.manifest(passing.key), toy.Add(3)
    bed.run([other])
    usual = bed.store.manifest(other.key)
    assert made is not None
    assert usual is not None
    assert made.environment["parts"] == 2
    assert "parts" not in usual.environment
    notes = list(computed_in_parts([usual, made]))
    assert notes == [
        "memory was short, and batches were computed in parts (toy-fail in 2): the same updates up to rounding"
    ]
    assert not list(computed_in_parts([usual]))


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("shapes do not fit"), False),
        (OSError(28, "No space left on device"), False),
    ],
)
def test_want_of_memory_is_recognised(error: Exception, short: bool) -> None:
    assert out_of_memory(error) is short


def test_the_systems_killings_for_memory_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.killed_for_memory(tmp_path) == 0
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/vmstat").write_text("pgfault 7\noom_kill 3\n")
    assert machine.killed_for_memory(tmp_path) == 3
    monkeypatch.setattr(machine, "killed_for_memory", lambda: 4)
    assert local.ended(-9, 3)["memory"] is True
    assert local.ended(-9, 4)["memory"] is False
    assert local.ended(-11, 3)["memory"] is False


@pytest.mark.parametrize(
    ("how", "reason"),
    [("exit", "its process ended with exit code 3"), ("segfault", "its process was ended by SIGSEGV")],
)
def test_a_stage_that_ends_its_process_three_times_has_failed(bed: Bed, how: str, reason: str) -> None:
    stubborn, passing = toy.Fail(how, bed.ledger), toy.Fail(how, bed.ledger + "-passing", times=2)
    stands, other = toy.Add(1, (stubborn,)), toy.Add(2)
    lost, above, saved, fine = bed.run([stubborn, stands, passing, other])
    assert (lost.status, lost.cause, lost.reason) == ("failed", "method", f"{reason}, 3 times")
    assert (above.cause, saved.status, fine.status) == ("method", "done", "done")
    assert len(toy.entries(bed.ledger)) == 3
    assert [event.reason for event in bed.told("retry")] == [reason] * 4
    again, *_ = bed.run([stubborn])  # shown, not tried again
    assert again.reason == lost.reason
    assert len(toy.entries(bed.ledger)) == 3


def test_a_plan_tells_state_share_and_time(bed: Bed) -> None:
    wanted = toy.tree(bed.ledger, nap=0.02, steps=2)
    before = plan(wanted, bed.store, jobs=2)
    assert (len(before.stages), before.count("missing"), before.unmeasured) == (10, 10, 10)
    assert [each.shared_by for each in before.stages if each.stage.needs == ()] == [6]
    assert not bed.store.root.exists()
    bed.run(wanted[:1])
    twice = [dataclasses.replace(stage, steps=4) for stage in toy.tree(bed.ledger, nap=0.02, steps=2)]
    after = plan([wanted[0], *twice, toy.Fail("method", bed.ledger)], bed.store, jobs=2)
    states = {each.stage.key: each for each in after.stages}
    assert states[wanted[0].key].state == "cached"
    assert after.unmeasured == 1
    estimate = states[twice[1].key].seconds
    assert estimate is not None
    assert 4 * 0.02 <= estimate < 4  # twice the naps of what was measured
    whole = sum(each.seconds or 0.0 for each in after.stages)
    assert after.seconds == pytest.approx(whole / 2)


def test_progress_is_told_and_seen_from_outside(bed: Bed) -> None:
    stage = toy.Add(1, (), bed.ledger, nap=0.01, steps=60)
    seen = []

    def look(event: Event) -> None:
        bed.events.append(event)
        if event.what == "progress" and event.done < event.total:
            seen.append(status(bed.store))

    engine = LocalEngine(bed.store.root, 1, plugins=["toy_stages"], preload=())
    run([stage], bed.store, sources={}, events=look, engine=engine)
    told = bed.told("progress")
    assert 3 <= len(told) <= 8  # 0.6 s or more, told every 0.2 s
    assert told[-1].done == told[-1].total == 60
    assert told[-1].facts["loss"] == pytest.approx(1 / 60)
    (here,) = seen[0].runs
    assert (here.pid, here.engine, here.slots) == (os.getpid(), "local", 1)
    assert any("local, 1 at a time; 1 stage to go." in str(line) for line in of_status(seen[0]))
    (running,) = seen[0].running
    assert (running.key, running.kind, running.total) == (stage.key, "toy-add", 60)
    assert running.remaining is not None
    after = status(bed.store)
    assert (after.running, after.done, after.failed, after.runs) == ((), {"toy-add": 1}, (), ())


# What a stage may use


def workbench(bed: Bed, stage: Stage, **given: dict[str, object]) -> StageWorkbench:
    return StageWorkbench(stage, bed.store, bed.store.begin(stage.key), sources=given)


def test_a_stage_reads_only_its_fields(bed: Bed) -> None:
    bed.run([toy.Add(1)])
    with pytest.raises(ValueError, match="reads only what is one of its fields"):
        workbench(bed, toy.Add(2)).artifact(toy.Add(1))
    assert workbench(bed, toy.Add(2, (toy.Add(1),))).artifact(toy.Add(1)) == bed.store.folder(toy.Add(1).key)


def test_encoders_and_rows_are_found_by_fingerprint(bed: Bed, tmp_path: Path) -> None:
    task = next(task for task in tasks.available().values() if task.generated)
    data = sources.load(task, None)
    bench = workbench(
        bed,
        toy.Add(1),
        encoders={"e": str(tmp_path), "gone": str(tmp_path / "gone")},
        tasks={
            data.fingerprint: {"task": task.name, "location": None},
            "stale": {"task": task.name, "location": None},
        },
    )
    assert bench.encoder("e") == tmp_path
    with pytest.raises(ValueError, match="an encoder is a folder"):
        bench.encoder("gone")
    with pytest.raises(ValueError, match="known: e, gone"):
        bench.encoder("f")
    rows = bench.rows(data.fingerprint, "train")
    assert rows.texts == data.splits["train"].texts
    assert rows.labels == tuple(data.splits["train"].labels)
    with pytest.raises(ValueError, match="got 'dev'"):
        bench.rows(data.fingerprint, "dev")
    with pytest.raises(ValueError, match="changed since"):
        bench.rows("stale", "train")
    perfect = np.eye(task.outputs)[np.asarray(rows.labels)]
    assert bench.score(task.name, perfect, rows.labels)[task.metric] == pytest.approx(1)


# Stages as JSON


def test_a_stage_survives_the_wire() -> None:
    shared = toy.Add(0.25, knob=toy.Knob(2.0, ("x",)))
    stage = toy.Add(2, (shared, toy.Add(3, (shared,))), nap=0.5)
    wire = serialise.dump(stage)
    assert len(wire["stages"]) == 3  # type: ignore[arg-type]
    assert serialise.load(wire, ["toy_stages"]) == stage


@dataclasses.dataclass
class Thawed:
    """A dataclass that is not frozen."""

    number: int = 1


@dataclasses.dataclass(frozen=True)
class Plain:
    """A frozen dataclass that is no stage."""

    kind: ClassVar[str] = "plain"
    number: int = 1


@pytest.mark.parametrize(
    ("name", "law"),
    [
        ("os:system", "from benchmarks, methods or a plugin"),
        ("toy_stages_evil:Add", "from benchmarks, methods or a plugin"),
        ("toy_stages:Ad", "did you mean Add"),
        ("toy_stages:run", "dataclasses defined in their module"),
        ("toy_stages:Store", "dataclasses defined in their module"),
        ("toy_stages:subprocess.Popen", "has no subprocess"),
        (f"{__name__}:Thawed", "frozen"),
        (f"{__name__}:Plain", "a Stage class"),
        ("toy_stages:Nothing", "start the run again"),
    ],
)
def test_only_frozen_stages_of_known_modules_are_built(name: str, law: str) -> None:
    wire = {"stage": "0" * 64, "stages": {"0" * 64: {"class": name, "fields": {"number": 1}}}}
    with pytest.raises(ValueError, match=law):
        serialise.load(wire, ["toy_stages", __name__])


# The engine


@pytest.mark.slow
def test_a_plugin_file_brings_its_stages(bed: Bed) -> None:
    path = Path(toy.__file__ or "")
    methods.load_plugin(path)
    plugin = sys.modules["weighin_plugin_toy_stages"]
    stage = plugin.Nothing(1)
    engine = LocalEngine(bed.store.root, 1, plugins=[str(path)], preload=())
    assert run([stage], bed.store, sources={}, engine=engine)[stage.key].status == "done"


def test_a_plugin_that_cannot_be_loaded_is_named(bed: Bed, tmp_path: Path) -> None:
    path = tmp_path / "broken_method.py"
    path.write_text("raise RuntimeError('no such thing')\n")
    engine = LocalEngine(bed.store.root, 1, plugins=[str(path)], preload=())
    with pytest.raises(EngineError, match="no such thing"):
        run([toy.Nothing(1)], bed.store, sources={}, engine=engine)


def test_a_stage_of_an_unknown_plugin_is_no_verdict_on_it(bed: Bed) -> None:
    engine = LocalEngine(bed.store.root, 1, preload=())
    outcome = run([toy.Nothing(1)], bed.store, sources={}, engine=engine)[toy.Nothing(1).key]
    assert outcome.cause == "infrastructure"
    assert "pass its file or module as a plugin" in outcome.reason
    assert bed.run([toy.Nothing(1)])[0].status == "done"


@pytest.mark.parametrize("bad", [0, -1])
def test_jobs_are_positive(tmp_path: Path, bad: int) -> None:
    with pytest.raises(ValueError, match="jobs is a whole number >= 1"):
        LocalEngine(tmp_path, bad)


@pytest.mark.slow
def test_the_loaded_server_has_one_thread_and_forks_fast(bed: Bed) -> None:
    began: dict[str, float] = {}
    took: list[float] = []

    def clock(event: Event) -> None:
        if event.what == "start":
            began[event.key] = time.perf_counter()
        if event.what == "done":
            took.append(time.perf_counter() - began[event.key])

    engine = LocalEngine(bed.store.root, 1, plugins=["toy_stages"])
    run([toy.Nothing(number) for number in range(20)], bed.store, sources={}, events=clock, engine=engine)
    assert "threads" not in (bed.store.root / "logs" / "forkserver.log").read_text()
    assert min(took) < 0.2  # 35 ms on an idle machine; a machine under load must not fail the test
