"""What the store knows of a finished stage, and of a failed one."""

import dataclasses
import re
from pathlib import PurePosixPath
from typing import Any, Literal

from methods.stages.stage import Json

LAYOUT = 1  # of manifests; raised when an older program would misread a newer one's
HASH = re.compile(r"[0-9a-f]{64}")

Cause = Literal["method", "infrastructure"]


@dataclasses.dataclass(frozen=True)
class Costs:
    """What running a stage took.

    Attributes:
        started: UTC time the last attempt began, ISO 8601.
        seconds: Wall-clock seconds of the last attempt.
        cpu_seconds: Processor seconds of the last attempt, helpers included.
        earlier_seconds: Wall-clock seconds of killed attempts whose checkpoint the last attempt found.
        peak_memory: Largest resident memory, bytes; includes the loaded libraries.
        peak_device_memory: Most memory torch held on the accelerator, bytes; 0 on a processor.
    """

    started: str
    seconds: float
    cpu_seconds: float = 0.0
    earlier_seconds: float = 0.0
    peak_memory: int = 0
    peak_device_memory: int = 0


@dataclasses.dataclass(frozen=True)
class FileEntry:
    """One file of an artifact: its sha256 (64 hex digits) and size in bytes."""

    sha256: str
    size: int


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Everything about one artifact; its presence says that the artifact is complete.

    Attributes:
        key: The stage's key, and the folder's name.
        description: `Stage.description`: kind, version, fields.
        inputs: Key of each artifact the stage stands on -> its kind.
        environment: Versions, device, threads, host kind.
        costs: Times and memory.
        effort: `Stage.effort`, so that later runs can be foretold.
        scale: What else the cost depends on, as the stage says it; may be empty.
        facts: What the stage's `run` returned.
        files: Path below the artifact's folder -> hash and size.
        status: Always 'complete'.
        layout: Which fields there are and what they mean; manifests older than the field have layout 1.
    """

    key: str
    description: dict[str, Json]
    inputs: dict[str, str]
    environment: dict[str, Json]
    costs: Costs
    facts: dict[str, Json]
    files: dict[str, FileEntry]
    effort: float = 0.0
    scale: str = ""
    status: str = "complete"
    layout: int = LAYOUT

    @property
    def kind(self) -> str:
        """The stage's kind."""
        return str(self.description.get("kind"))

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.files.values())

    def faults(self) -> list[str]:
        """What no stage of ours writes: keys and hashes that are none, files outside the artifact's folder."""
        found = [
            f"a file of an artifact lies in its folder, got {name[:120]!a}" for name in self.files if not inside(name)
        ]
        if not all(HASH.fullmatch(key) for key in (self.key, *self.inputs)):
            found.append("keys are 64 hex digits, got others")
        if not all(HASH.fullmatch(entry.sha256) and entry.size >= 0 for entry in self.files.values()):
            found.append("a file has a sha256 of 64 hex digits and a size >= 0, got another")
        return found

    def to_json(self) -> dict[str, Json]:
        """The manifest as plain data."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Manifest":
        """The manifest of plain data.

        Raises:
            KeyError, TypeError: `value` is not what `to_json` makes.
        """
        files = {name: FileEntry(**entry) for name, entry in value["files"].items()}
        return cls(**{**value, "costs": Costs(**value["costs"]), "files": files})


def inside(name: str) -> bool:
    """Whether a relative path stays in its folder, whoever wrote it."""
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts and "\\" not in name and "\0" not in name


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a stage left nothing behind.

    Attributes:
        key: The stage's key.
        kind: The stage's kind.
        cause: 'method': its own fault, not tried again unasked; 'infrastructure': tried again.
        reason: One line for the table.
        time: UTC, ISO 8601.
        log: The stage's log file.
        traceback: The last lines of the traceback; empty for a killed process.
        halting: Whether every other stage would fail of the same (disk full, store read-only).
    """

    key: str
    kind: str
    cause: Cause
    reason: str
    time: str
    log: str = ""
    traceback: str = ""
    halting: bool = False

    def to_json(self) -> dict[str, Json]:
        """The failure as plain data."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Failure":
        """The failure of plain data.

        Raises:
            TypeError: `value` is not what `to_json` makes.
        """
        return cls(**value)
