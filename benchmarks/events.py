"""What a run says while it goes on, and what became of each stage."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from benchmarks.manifest import Cause
from methods.stages.stage import Json

What = Literal["start", "progress", "done", "failed", "cached", "waiting", "retry", "message"]


@dataclasses.dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes:
        what: 'start', 'progress', 'done', 'failed', 'cached' (found in the store), 'waiting' (another run is
            making it), 'retry', or 'message' (about no stage, or about its artifact).
        key: The stage's key; empty for messages about the run.
        kind: The stage's kind.
        done: Steps done (progress).
        total: Steps in all (progress).
        facts: What the stage says, e.g. its loss.
        reason: Why it failed, is tried again, or what the message is.
        seconds: What it took (done), or since it began (progress).
    """

    what: What
    key: str = ""
    kind: str = ""
    done: int = 0
    total: int = 0
    facts: Mapping[str, Json] = dataclasses.field(default_factory=dict)
    reason: str = ""
    seconds: float = 0.0


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a stage: in the store already, done now, or failed with a cause and a reason."""

    key: str
    kind: str
    status: Literal["cached", "done", "failed"]
    cause: Cause | None = None
    reason: str = ""
    seconds: float = 0.0
    log: str = ""

    @property
    def complete(self) -> bool:
        """Whether its artifact is in the store."""
        return self.status != "failed"
