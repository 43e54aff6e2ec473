"""Where stages run: an engine takes jobs and says what becomes of them; each module here is one."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from benchmarks.workbench import Sources
from methods.stages.stage import Json


class EngineError(RuntimeError):
    """The engine itself cannot run."""


@dataclasses.dataclass(frozen=True)
class Job:
    """One stage to run; plain data throughout, so that it can travel.

    Attributes:
        key: The stage's key.
        kind: The stage's kind.
        stage: `benchmarks.serialise.dump` of it.
        root: The store's folder.
        sources: Where data and encoders are.
        threads: Processor threads it may use.
        device: A torch device, or 'auto'.
    """

    key: str
    kind: str
    stage: dict[str, Json]
    root: str
    sources: Sources
    threads: int = 1
    device: str = "auto"

    def to_json(self) -> dict[str, Any]:
        """The job as plain data."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


@dataclasses.dataclass(frozen=True)
class Report:
    """What an engine says of a job: the events of `benchmarks.worker.execute`, or that its process ended.

    Attributes:
        what: 'progress', or the one last report of a job: 'done', 'busy', 'missing', 'failed', or 'lost' (its
            process died before it could say anything else).
        key: The stage's key.
        facts: The event's other fields; of 'lost': `reason`.
    """

    what: Literal["progress", "done", "busy", "missing", "failed", "lost"]
    key: str
    facts: Mapping[str, Any]


class Engine(Protocol):
    """Runs jobs somewhere. Used by one thread."""

    @property
    def slots(self) -> int:
        """How many jobs may run at a time."""
        ...

    def submit(self, job: Job) -> None:
        """Start a job; its fate comes with `poll`.

        Raises:
            EngineError: No job can be started.
        """
        ...

    def poll(self, timeout: float) -> Sequence[Report]:
        """What happened since the last call, waiting up to `timeout` seconds for something to."""
        ...

    def close(self) -> None:
        """Stop: running jobs are asked to end, and killed if they do not. Closing twice is nothing."""
        ...
