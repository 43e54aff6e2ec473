"""Makes the artifacts that are missing: each once, several at a time, whatever fails or dies on the way."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks import presence
from benchmarks.engines import Engine, EngineError, Job, Report
from benchmarks.engines.local import LocalEngine
from benchmarks.events import Event, Outcome
from benchmarks.history import Ahead, History, scale_of
from benchmarks.manifest import Cause, Failure
from benchmarks.plan import Plan, PlannedStage, plan
from benchmarks.presence import Presence
from benchmarks.schedule import Schedule
from benchmarks.serialise import dump
from benchmarks.store import CorruptArtifact, Store, StoreError, now
from benchmarks.workbench import Sources
from methods.stages.stage import Stage

__all__ = ["EngineError", "Event", "Outcome", "Plan", "PlannedStage", "plan", "run"]

PARTS = 2  # of a batch, after a stage ran out of memory
RETRIES = 2  # how often a stage's process may be lost, or infrastructure fail it, before it is given up
POLL = 0.1  # seconds between two looks at what other runs are making
LOOK = 2.0  # seconds between two looks at what there is yet to make


def run(
    stages: Sequence[Stage],
    store: Store,
    *,
    sources: Sources,
    jobs: int = 1,
    events: Callable[[Event], None] = lambda event: None,
    retry_failed: bool = False,
    plugins: Sequence[str | Path] = (),
    engine: Engine | None = None,
    device: str = "auto",
) -> Mapping[str, Outcome]:
    """Have the artifacts of `stages` in the store, making what is missing of them and of what they stand on.

    Other runs may work on the same store; what they are making is waited for. A stage that fails stops only
    what stands on it. What an exception of the method's own ends is not tried again, for it would end the same
    way; a stage that ends its own process (an exit, a fault of its memory) has three tries, and so has what
    infrastructure fails. A stage that is `alone` starts when nothing else of this run is running, and nothing
    starts beside it.

    Args:
        stages: What is wanted, most urgent first. Those in the store are checked as `Store.verify` does at a
            glance; a corrupt one is set aside and made anew.
        store: Where artifacts are.
        sources: Where data and encoders are.
        jobs: How many stages run at a time; each gets its share of the cores.
        events: Called in this thread with what happens.
        retry_failed: Try again what failed by the method's own fault in an earlier run.
        plugins: Files (`*.py`) or modules that define stages outside our packages.
        engine: Where stages run, see `benchmarks.engines.make`; by default a `LocalEngine` of `jobs`. It is closed
            at the end.
        device: A torch device, or 'auto' for the accelerator if there is one.

    Returns:
        Key -> outcome, of every wanted stage and of every stage that had to be looked at.

    Raises:
        StoreError: The store cannot be read or written at all.
        EngineError: No stage can be started.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the running stages were ended, a message says how to go on.
    """
    names = [str(plugin) for plugin in plugins]
    return _Run(
        stages,
        store,
        sources=sources,
        events=events,
        retry_failed=retry_failed,
        engine=engine or LocalEngine(store.root, jobs, plugins=names),
        device=device,
    ).go()


class _Run:
    """One call of `run`."""

    def __init__(
        self,
        wanted: Sequence[Stage],
        store: Store,
        *,
        sources: Sources,
        events: Callable[[Event], None],
        retry_failed: bool,
        engine: Engine,
        device: str,
    ) -> None:
        self._store = store
        self._sources = sources
        self._events = events
        self._device = device
        self._engine = engine
        self._known = {part.key: part for stage in wanted for part in stage.walk()}
        self._outcomes: dict[str, Outcome] = {}
        self._running: dict[str, Stage] = {}
        self._elsewhere: dict[str, Stage] = {}
        self._attempts: dict[str, int] = {}
        self._crashes: dict[str, int] = {}  # of the attempts: those that ended their own process
        self._alone: set[str] = set()  # last attempts, which get the machine's memory to themselves
        self._parts: dict[str, int] = {}  # of a batch, where memory was short
        self._history = History()
        self._ahead, self._look_again = Ahead(0, 0.0, 0), 0.0
        self._lacks: dict[str, int] = {}
        self._halted = ""
        if retry_failed:
            for key in self._known:
                if store.failure(key, "method") is not None:
                    store.forgive(key)
        store.sweep()
        presence.sweep(store.root)
        self._schedule = Schedule(wanted, self._sound)
        for stage in self._schedule.present.values():
            self._settle(stage, Outcome(stage.key, stage.kind, "cached"))
        for stage in list(self._schedule.stages.values()):
            failure = store.failure(stage.key, "method")
            if failure is not None and stage.key in self._schedule.stages:
                self._give_up(stage, "method", failure.reason, failure.log)

    def go(self) -> Mapping[str, Outcome]:
        """Make everything; returns what became of it."""
        if not self._schedule.stages:
            return self._outcomes
        self._store.check_writable()
        self._history = History(self._store.manifests())
        with _terminable(), contextlib.closing(Presence(self._store.root)) as here, contextlib.closing(self._engine):
            try:
                while self._schedule.stages or self._running:
                    here.say(self._engine.name, self._engine.slots, self._look_ahead())
                    self._fill()
                    self._listen()
                    self._look_elsewhere()
            except KeyboardInterrupt:
                self._say_goodbye()
                raise
        return self._outcomes

    def _look_ahead(self) -> Ahead:
        """What there is yet to make; looked at rarely, as thousands of stages take a while to add up."""
        began = time.monotonic()
        if began >= self._look_again:
            self._ahead = self._history.ahead(self._schedule.stages.values(), self._engine.slots)
            ended = time.monotonic()
            self._look_again = ended + max(LOOK, 100 * (ended - began))
        return self._ahead

    # Starting

    def _fill(self) -> None:
        """Start what may start, as far as there is room."""
        while len(self._running) < self._engine.slots and not self._undisturbed():
            stage = self._schedule.pop()
            if stage is None:
                return
            if not self._has_room(stage):
                self._schedule.again(stage)  # and nothing overtakes it, or it might wait for ever
                return
            self._consider(stage)

    def _undisturbed(self) -> bool:
        """Whether a stage is running that nothing may start beside."""
        return any(self._is_alone(stage) for stage in self._running.values())

    def _is_alone(self, stage: Stage) -> bool:
        return stage.alone or stage.key in self._alone

    def _has_room(self, stage: Stage) -> bool:
        """Whether a stage may start beside what is running."""
        if not self._running:
            return True
        peak = self._history.peak(stage.kind, scale_of(stage))
        return not self._is_alone(stage) and self._engine.fits(peak.memory, peak.device_memory)

    def _consider(self, stage: Stage) -> None:
        """Start a stage, unless it is done, failed or under way already."""
        failure = self._store.failure(stage.key, "method")
        if self._store.complete(stage.key):
            self._settle(stage, Outcome(stage.key, stage.kind, "cached"))
            self._schedule.finish(stage)
        elif failure is not None:
            self._give_up(stage, "method", failure.reason, failure.log)
        elif self._halted:
            self._give_up(stage, "infrastructure", self._halted)
        elif self._store.owner(stage.key) is not None:
            self._wait(stage)
        else:
            self._start(stage)

    def _start(self, stage: Stage) -> None:
        self._running[stage.key] = stage
        self._events(Event("start", stage.key, stage.kind))
        peak = self._history.peak(stage.kind, scale_of(stage))
        self._engine.submit(
            Job(
                key=stage.key,
                kind=stage.kind,
                stage=dump(stage),
                root=str(self._store.root),
                sources=self._sources,
                device=self._device,
                parts=self._parts.get(stage.key, 1),
                alone=stage.alone,
                memory=peak.memory,
                device_memory=peak.device_memory,
            )
        )

    def _sound(self, stage: Stage) -> bool:
        """Whether a stage's artifact is there and sound at a glance; a corrupt one is set aside."""
        if not self._store.complete(stage.key):
            return False
        try:
            self._store.artifact(stage.key, thorough=False)
        except CorruptArtifact as error:
            self._events(Event("message", stage.key, stage.kind, reason=str(error)))
            return False
        return True

    # Listening

    def _listen(self) -> None:
        if not self._running:
            if self._elsewhere:
                time.sleep(POLL)
            return
        for report in self._engine.poll(POLL if self._elsewhere else 1.0):
            stage = self._running.get(report.key)
            if stage is not None:
                self._take(stage, report)

    def _take(self, stage: Stage, report: Report) -> None:
        facts = report.facts
        if report.what == "progress":
            self._events(
                Event(
                    "progress",
                    stage.key,
                    stage.kind,
                    done=facts["done"],
                    total=facts["total"],
                    facts=facts["facts"],
                    seconds=facts["seconds"],
                )
            )
            return
        if report.what == "moved":
            self._moved(stage, facts["reason"])
            return
        del self._running[stage.key]
        if report.what == "done":
            self._store.refresh(stage.key)
            self._alone.discard(stage.key)
            self._learn(stage)
            outcome = Outcome(stage.key, stage.kind, "done", seconds=facts["seconds"], log=self._log(stage))
            self._settle(stage, outcome, facts["facts"])
            self._schedule.finish(stage)
        elif report.what == "busy":
            self._wait(stage)
        elif report.what == "missing":
            self._mend(stage, facts["key"], facts["reason"])
        elif report.what == "failed":
            if facts["memory"]:
                self._short(stage, facts["reason"])
            else:
                self._failed(stage, facts["cause"], facts["reason"], halting=facts["halting"])
        elif facts.get("memory"):
            self._short(stage, facts["reason"])
        else:
            self._lost(stage, facts["reason"], own=facts["own"])

    def _learn(self, stage: Stage) -> None:
        manifest = self._store.manifest(stage.key)
        if manifest is not None:
            self._history.learn(manifest)

    def _lost(self, stage: Stage, reason: str, *, own: bool) -> None:
        """Its process is gone: tried again, but three ends of its own making are the method's failure."""
        crashes = self._crashes[stage.key] = self._crashes.get(stage.key, 0) + own
        if crashes > RETRIES:
            self._note(stage, "method", f"{reason}, {crashes} times")
            self._give_up(stage, "method", f"{reason}, {crashes} times", self._log(stage))
        else:
            self._failed(stage, "infrastructure", reason, halting=False)

    def _short(self, stage: Stage, reason: str) -> None:
        """It ran out of memory: once more with batches in parts, which changes neither key nor update."""
        if stage.key in self._parts:
            told = f"{reason}; before, with whole batches, memory was short too"
            self._note(stage, "infrastructure", told)
            self._give_up(stage, "infrastructure", told, self._log(stage))
            return
        self._parts[stage.key] = PARTS
        if self._engine.one_machine:
            self._alone.add(stage.key)
        self._events(
            Event("retry", stage.key, stage.kind, reason=f"{reason}; once more with each batch in {PARTS} parts")
        )
        self._schedule.again(stage)

    def _moved(self, stage: Stage, reason: str) -> None:
        """Its worker vanished and the engine runs it elsewhere: an attempt like any other, and no fourth one."""
        if self._attempts.get(stage.key, 0) >= RETRIES:
            del self._running[stage.key]
            self._engine.cancel(stage.key)
            self._failed(stage, "infrastructure", reason, halting=False)
            return
        self._attempts[stage.key] = self._attempts.get(stage.key, 0) + 1
        self._events(Event("retry", stage.key, stage.kind, reason=reason))

    def _failed(self, stage: Stage, cause: Cause, reason: str, *, halting: bool) -> None:
        attempt = self._attempts[stage.key] = self._attempts.get(stage.key, 0) + 1
        if halting and not self._halted:
            self._halted = f"not started: {reason}"
            self._events(Event("message", reason=f"{reason}; what runs may end, nothing more is started"))
        if cause == "method" or halting or attempt > RETRIES:
            self._note(stage, cause, reason)
            self._give_up(stage, cause, reason, self._log(stage))
            return
        if attempt == RETRIES and self._engine.one_machine:
            self._alone.add(stage.key)
        self._events(Event("retry", stage.key, stage.kind, reason=reason))
        self._schedule.again(stage)

    def _mend(self, stage: Stage, key: str, reason: str) -> None:
        """An artifact that `stage` reads is corrupt or gone: make it anew, then the stage."""
        self._events(Event("message", key, self._known[key].kind, reason=reason))
        self._lacks[stage.key] = self._lacks.get(stage.key, 0) + 1
        if self._lacks[stage.key] > RETRIES:
            self._give_up(stage, "infrastructure", reason, self._log(stage))
            return
        self._outcomes.pop(key, None)
        self._schedule.lack(stage, self._known[key])

    # Other runs

    def _wait(self, stage: Stage) -> None:
        owner = self._store.owner(stage.key)
        who = f"process {owner.pid} on {owner.host.partition('/')[0]}" if owner else "another run"
        self._events(Event("waiting", stage.key, stage.kind, reason=f"{who} is making it"))
        self._elsewhere[stage.key] = stage

    def _look_elsewhere(self) -> None:
        """Take back what other runs have finished, failed at, or died over."""
        for stage in list(self._elsewhere.values()):
            self._store.refresh(stage.key)
            if self._store.complete(stage.key) or self._store.owner(stage.key) is None:
                del self._elsewhere[stage.key]
                self._schedule.again(stage)

    # Ends

    def _settle(self, stage: Stage, outcome: Outcome, facts: Mapping[str, object] | None = None) -> None:
        self._outcomes[stage.key] = outcome
        self._events(
            Event(
                outcome.status,
                stage.key,
                stage.kind,
                facts=dict(facts or {}),  # type: ignore[arg-type]  # came as JSON
                reason=outcome.reason,
                seconds=outcome.seconds,
            )
        )

    def _give_up(self, stage: Stage, cause: Cause, reason: str, log: str = "") -> None:
        """A stage failed for good, and with it all that stands on it."""
        self._alone.discard(stage.key)
        self._settle(stage, Outcome(stage.key, stage.kind, "failed", cause, reason, log=log))
        for lost in self._schedule.fail(stage):
            told = f"needs {stage.kind} {stage.key[:12]}, which failed: {reason}"
            self._settle(lost, Outcome(lost.key, lost.kind, "failed", cause, told, log=log))

    def _note(self, stage: Stage, cause: Cause, reason: str) -> None:
        """Record a failure that the stage's own process may not have lived to record."""
        if self._store.failure(stage.key, cause) is None:
            failure = Failure(stage.key, stage.kind, cause, reason, now(), self._log(stage))
            with contextlib.suppress(StoreError):
                self._store.fail(failure)

    def _say_goodbye(self) -> None:
        done = sum(outcome.status == "done" for outcome in self._outcomes.values())
        self._events(
            Event(
                "message",
                reason=f"stopped: {done} stages are done, {len(self._running)} were running; "
                "the same command goes on where this one stopped",
            )
        )

    def _log(self, stage: Stage) -> str:
        return str(self._store.log(stage.key))


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Make SIGTERM a `KeyboardInterrupt`, so that both ways to stop a run clean up alike."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
