"""The engine for many machines: jobs go to the workers of a dask scheduler; results come by the store they share.

A job on dask is one call of a function of ours by its name, `daskworker.work`, with a JSON text, which also comes
back; dask pickles that call on its own wire. Nothing of dask reaches the store.
"""

import contextlib
import json
import queue
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from benchmarks import locks
from benchmarks.engines import EngineError, Job, Report, daskworker
from benchmarks.engines.local import LAST, PRELOAD, report, slots
from benchmarks.engines.machine import accelerators
from benchmarks.files import explaining, unique
from benchmarks.presence import FOLDER

if TYPE_CHECKING:
    from distributed import Client, Future

EXTRA = "pip install 'weighin[cluster]'"
LOOK = 1.0  # seconds between two looks at how many workers there are
CONNECT = 30.0  # seconds a scheduler has to answer


def make(where: str, root: Path, *, jobs: int, packing: int, plugins: Sequence[str], device: str) -> "DaskEngine":
    """The engine of a dask cluster.

    Args:
        where: Empty: workers in this process. A file `*.yaml`: a batch system, see `batch`. Else the address of a
            running scheduler, e.g. 'tcp://head:8786'.
        root: The store's folder, which every worker must see under the same path.
        jobs: How many stages run at a time; 0: as many as the workers have threads.
        packing: How many stages share an accelerator; elsewhere than in this process the workers' threads say that.
        plugins: Files or modules that define stages, which every worker must see.
        device: A torch device, or 'auto'.

    Raises:
        ValueError: The file describes no batch system, or the numbers contradict each other.
        EngineError: dask is not installed.
    """
    try:
        import distributed  # noqa: F401  # found out now, not after the planning
    except ImportError as error:
        raise EngineError(f"the engine dask needs the extra 'cluster', got: {error}; {EXTRA}") from error
    if not where:
        count = slots(jobs, packing, accelerators() if device in ("auto", "cuda") else ())
        return DaskEngine(root, lambda: in_process(count), jobs=count, plugins=plugins, ours=True)
    if packing > 1:
        raise ValueError(
            f"packing is said by how many threads a dask worker has, got packing = {packing}; start workers with "
            f"'--nthreads', or write 'slots' into the YAML file"
        )
    if where.endswith((".yaml", ".yml")):
        from benchmarks.engines import batch

        described = batch.read(Path(where))
        return DaskEngine(root, lambda: _client(batch.start(described)), jobs=jobs, plugins=plugins)
    return DaskEngine(root, lambda: _client(where), jobs=jobs, plugins=plugins)


def in_process(count: int) -> "Client":
    """A scheduler and one worker of `count` threads in this process."""
    from distributed import LocalCluster

    cluster = LocalCluster(
        n_workers=1,
        threads_per_worker=count,
        processes=False,
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address="127.0.0.1:0",
        memory_limit=0,  # the stages are processes of their own
    )
    return _client(cluster)


def _client(cluster: Any) -> "Client":
    """A client of an address or a cluster."""
    from distributed import Client

    try:
        return Client(cluster, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:  # an address without an answer, or none at all
        raise EngineError(
            f"a dask scheduler answers at its address, got '{error}' from {cluster}; start one with 'dask scheduler'"
        ) from error


class DaskEngine:
    """Runs jobs on the workers of a dask scheduler, which may come and go.

    Args:
        root: The store's folder.
        connect: Gives the client, called before the first job; a cluster it was made of is closed at the end.
        jobs: How many jobs run at a time at most; 0: as many as the workers have threads.
        plugins: Files or modules that define stages outside our packages.
        preload: Modules the workers' fork servers import before the first fork.
        ours: The workers are in this process and end with the engine.
    """

    def __init__(
        self,
        root: Path,
        connect: Callable[[], "Client"],
        *,
        jobs: int = 0,
        plugins: Sequence[str] = (),
        preload: Sequence[str] = PRELOAD,
        ours: bool = False,
    ) -> None:
        self._connect = connect
        self._jobs = jobs
        self._ours = ours
        self._topic = f"weighin-{unique()}"
        self._mark = Path(root).absolute() / FOLDER / f"{self._topic}.lock"  # each worker must see it
        self._held: locks.Lock | None = None
        self._setting = {
            "topic": self._topic,
            "mark": str(self._mark),
            "plugins": list(plugins),
            "preload": list(preload),
        }
        self._started: Client | None = None
        self._address = ""
        self._futures: dict[str, tuple[str, Future[Any]]] = {}  # key -> token of the submission, and what comes of it
        self._places: dict[str, str] = {}  # token -> the worker that has begun it last
        self._news: queue.SimpleQueue[tuple[str, dict[str, Any] | None]] = queue.SimpleQueue()  # token, event or end
        self._threads = 1
        self._looked = float("-inf")

    @property
    def name(self) -> str:
        """'dask' and the scheduler's address."""
        self._client()
        return f"dask {self._address}"

    @property
    def one_machine(self) -> bool:
        """Only in this process."""
        return self._ours

    @property
    def slots(self) -> int:
        """How many jobs may run at a time: the threads of the workers there are now, at least 1."""
        if time.monotonic() - self._looked > LOOK:
            try:
                self._threads = sum(cast("dict[str, int]", self._client().nthreads()).values())
            except (OSError, RuntimeError) as error:
                raise EngineError(f"the dask scheduler must answer, got '{error}'; start it and run again") from error
            self._looked = time.monotonic()
        return max(1, min(self._threads, self._jobs or self._threads))

    def fits(self, memory: int, device_memory: int) -> bool:
        """Always: a worker has as many threads as its machine has memory for stages."""
        return True

    def submit(self, job: Job) -> None:
        """Send a job to the scheduler.

        Raises:
            EngineError: There is no scheduler that answers.
        """
        client, token = self._client(), unique()
        text = json.dumps({**self._setting, "token": token, "job": job.to_json()})
        name = f"weighin-{job.kind}-{job.key[:12]}-{token}"
        try:
            future = client.submit(daskworker.work, text, key=name, pure=False)
        except (OSError, RuntimeError) as error:
            raise EngineError(f"the dask scheduler must take jobs, got '{error}'; start it and run again") from error
        self._futures[job.key] = (token, future)
        future.add_done_callback(lambda _: self._news.put((token, None)))

    def poll(self, timeout: float) -> Sequence[Report]:
        """What happened since the last call, waiting up to `timeout` seconds for something to."""
        reports: list[Report] = []
        with contextlib.suppress(queue.Empty):
            reports += self._report(*self._news.get(timeout=timeout))
            while True:
                reports += self._report(*self._news.get_nowait())
        return reports

    def cancel(self, key: str) -> None:
        """Take a job back; its worker ends the stage within seconds."""
        if key in self._futures:
            self._futures[key][1].cancel()

    def close(self) -> None:
        """Take all jobs back and let go of the scheduler; a cluster that was started for us ends."""
        client, self._started = self._started, None
        for _, future in self._futures.values():
            with contextlib.suppress(OSError, RuntimeError):
                future.cancel()
        self._futures.clear()
        if self._ours:
            daskworker.close()
        if self._held is not None:
            self._held.release()
        if client is None:
            return
        cluster = client.cluster  # none where an address was given
        client.close()
        if cluster is not None:
            cluster.close()

    def _client(self) -> "Client":
        if self._started is None:
            with explaining(self._mark):
                self._held = locks.acquire(self._mark)
            self._started = self._connect()
            self._address = str(self._started.scheduler_info()["address"])
            self._started.subscribe_topic(self._topic, self._hear)
        return self._started

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        """What a worker says, in a thread of dask's."""
        self._news.put((event[1]["token"], event[1]))

    def _report(self, token: str, event: dict[str, Any] | None) -> list[Report]:
        key = next((key for key, (known, _) in self._futures.items() if known == token), None)
        if key is None:  # of a job that was given up
            return []
        if event is None:
            return [report(key, _last(self._futures.pop(key)[1]))]
        if event["event"] != "begin":
            return [report(key, {name: value for name, value in event.items() if name != "token"})]
        before, self._places[token] = self._places.get(token), event["worker"]
        if before is None:
            return []
        reason = f"its dask worker {before} vanished; it is run again on {event['worker']}"
        return [Report("moved", key, {"reason": reason})]


def _last(future: "Future[Any]") -> dict[str, Any]:
    """The last event of a job whose future has ended."""
    if future.status == "finished":
        try:
            event: dict[str, Any] = json.loads(future.result(timeout=CONNECT))
        except Exception as error:  # dask may raise anything that went wrong on the way
            return _lost(f"its result did not come: {error}")
        return event if event["event"] in LAST else _lost(f"its worker said {event['event']}")
    if future.status == "error":
        return _lost(f"its dask worker failed: {str(future.exception()).splitlines()[0]}")
    return _lost("dask took it back")


def _lost(reason: str) -> dict[str, Any]:
    return {"event": "lost", "reason": reason, "own": False}
