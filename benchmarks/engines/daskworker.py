"""What runs on a dask worker: a fork server of ours that stays warm, and in its children the stages.

So the death of a stage is not the worker's, and a stage's memory is free when it ends.
"""

import atexit
import contextlib
import json
import queue
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.engines import EngineError, Job, Report
from benchmarks.engines.local import LocalEngine
from benchmarks.engines.machine import accelerators

LOOK = 0.2  # seconds between two looks at whether a job is still wanted
GONE = ("closing", "closed", "failed")  # what a worker's status is when nobody awaits its results
PAUSE = 0.02  # seconds that a new job may have to wait for the thread that starts it


def work(text: str) -> str:
    """Run one stage; dask calls this on a worker.

    Args:
        text: JSON of `job`, `plugins`, `preload`, `topic` (where events go), `token` (of this submission) and
            `mark` (a file in the store that this worker must see).

    Returns:
        JSON of the last event, as `benchmarks.worker.execute` or an engine tells it.
    """
    from distributed import get_worker

    message, worker = json.loads(text), get_worker()
    name = worker.get_current_task()

    def tell(event: Mapping[str, Any]) -> None:
        worker.log_event(message["topic"], {**event, "token": message["token"]})

    def wanted() -> bool:
        """Whether the scheduler still wants this: not after a cancellation, nor when the runner is gone."""
        task = worker.state.tasks.get(name)
        return task is not None and task.state == "executing" and worker.status.name not in GONE

    tell({"event": "begin", "worker": worker.address})
    if not Path(message["mark"]).exists():
        return json.dumps(_lost(_unshared(message)))
    last = _shop(message, worker.state.nthreads).run(Job(**message["job"]), tell, wanted)
    return json.dumps({"event": last.what, **last.facts})


class Shop:
    """One local engine for all threads of a worker, served by a thread of its own.

    Args:
        engine: The engine; the shop closes it.
    """

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine
        self._orders: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._mail: dict[str, queue.SimpleQueue[Report]] = {}
        self._open = True
        self._thread = threading.Thread(target=self._serve, name="weighin-shop", daemon=True)
        self._thread.start()

    @property
    def idle(self) -> bool:
        """Whether no job is here."""
        return not self._mail

    def run(self, job: Job, tell: Callable[[dict[str, Any]], None], wanted: Callable[[], bool]) -> Report:
        """Run one job to its end; one that is no longer wanted is cancelled."""
        if job.key in self._mail:  # of another run
            return Report("busy", job.key, {})
        mail = self._mail[job.key] = queue.SimpleQueue()
        self._orders.put(lambda: self._engine.submit(job))
        asked = False
        try:
            while True:
                with contextlib.suppress(queue.Empty):
                    report = mail.get(timeout=LOOK)
                    if report.what != "progress":
                        return report
                    tell({"event": report.what, **report.facts})
                if not asked and not wanted():
                    asked = True
                    self._orders.put(lambda: self._engine.cancel(job.key))
        finally:
            del self._mail[job.key]

    def close(self) -> None:
        """End all jobs and the fork server."""
        self._orders.put(self._shut)
        self._thread.join()

    def _shut(self) -> None:
        self._open = False
        self._engine.close()
        self._lose("its dask worker was closed")

    def _serve(self) -> None:
        while self._open:
            try:
                if self.idle:
                    self._orders.get()()
                with contextlib.suppress(queue.Empty):
                    while self._open:
                        self._orders.get_nowait()()
                for report in self._engine.poll(PAUSE) if self._open else ():
                    if report.key in self._mail:
                        self._mail[report.key].put(report)
            except EngineError as error:
                self._lose(str(error))

    def _lose(self, reason: str) -> None:
        for key, mail in list(self._mail.items()):
            mail.put(Report("lost", key, _lost(reason)))


_shops: dict[str, Shop] = {}
_door = threading.Lock()


def _shop(message: Mapping[str, Any], threads: int) -> Shop:
    """The shop for jobs of this store, plugins and kind of device; an idle one of other jobs makes room."""
    job = message["job"]
    graphics = job["device"] in ("auto", "cuda")
    name = json.dumps([job["root"], message["plugins"], message["preload"], graphics])
    with _door:
        for other in [other for other, shop in _shops.items() if other != name and shop.idle]:
            _shops.pop(other).close()
        if name not in _shops:
            _shops[name] = Shop(
                LocalEngine(
                    Path(job["root"]),
                    threads,
                    plugins=message["plugins"],
                    preload=message["preload"],
                    devices=accelerators() if graphics else (),
                )
            )
        return _shops[name]


def close() -> None:
    """End whatever runs in this process; a worker's end does that too."""
    with _door:
        while _shops:
            _shops.popitem()[1].close()


atexit.register(close)


def _unshared(message: Mapping[str, Any]) -> str:
    return (
        f"every dask worker sees the store under the same path, got {message['job']['root']} on "
        f"{socket.gethostname()}, which lacks {Path(message['mark']).name} of this run; put the store on a file "
        "system that all hosts share"
    )


def _lost(reason: str) -> dict[str, Any]:
    return {"event": "lost", "reason": reason, "own": False}
