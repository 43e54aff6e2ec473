"""What a running stage sees of the harness: its folders, inputs, data, and a way to report progress."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from benchmarks.store import Store
from methods.stages.stage import Json, Rows, Stage

Sources: TypeAlias = Mapping[str, Mapping[str, Any]]
"""Where data and encoders are, as JSON: `{"encoders": {fingerprint: location}, "tasks": {fingerprint:
{"task": name, "location": folder, "hub" or None, "heldout": fields of a `Slice` where training rows are held out}},
"corpora": {fingerprint: 'mini', location or hub id}}`. No part of any key."""

PROGRESS_INTERVAL = 0.2  # seconds between two progress events of one stage
NOTE_INTERVAL = 1.0  # seconds between two progress files


class StageWorkbench:
    """The `Workbench` of one stage in one process.

    Args:
        stage: The stage that runs.
        store: Where its inputs are.
        folder: The empty work folder.
        sources: Where data and encoders are.
        device: A torch device, or 'auto': the accelerator if torch finds one.
        parts: In how many parts a batch is computed, 1 unless memory was short.
        earlier: Seconds that killed attempts took, for the progress file.
        tell: Called with (done, total, facts), not more often than `PROGRESS_INTERVAL` but for the last step.
    """

    def __init__(
        self,
        stage: Stage,
        store: Store,
        folder: Path,
        *,
        sources: Sources,
        device: str = "auto",
        parts: int = 1,
        earlier: float = 0.0,
        tell: Callable[[int, int, dict[str, Json]], None] = lambda done, total, facts: None,
    ) -> None:
        self.folder = folder
        self.parts = parts
        self.device_asked = "cpu"  # the device, once the stage has asked for it
        self._stage = stage
        self._store = store
        self._sources = sources
        self._device = device
        self._tell = tell
        self._inputs = {part.key for part in stage.walk()} - {stage.key}
        self._loaded: dict[str, Mapping[str, Rows]] = {}
        self._told = self._noted = float("-inf")
        self._began = time.monotonic() - earlier

    @property
    def scratch(self) -> Path:
        """A folder that outlives a kill."""
        return self._store.scratch(self._stage.key)

    @property
    def device(self) -> str:
        """The torch device, e.g. 'cpu' or 'cuda'."""
        if self._device == "auto":
            import torch  # costs seconds, and not every stage computes

            self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self.device_asked = self._device
        return self._device

    def artifact(self, stage: Stage) -> Path:
        """The folder of a finished sub-stage, its content verified against its hashes.

        Raises:
            ValueError: `stage` is no part of the running stage, so its key would not cover what it reads.
            CorruptArtifact: The artifact is gone or altered; the runner then makes it anew.
        """
        if stage.key not in self._inputs:
            raise ValueError(
                f"a stage reads only what is one of its fields, got {stage.kind} {stage.key[:12]} in "
                f"{self._stage.kind}; make it a field"
            )
        return self._store.artifact(stage.key)

    def encoder(self, fingerprint: str) -> Path:
        """The folder of the pre-trained encoder with this fingerprint.

        Raises:
            ValueError: The run was not told where that encoder is, or it is no longer there.
        """
        path = Path(self._source("encoders", fingerprint))
        if not path.is_dir():
            raise ValueError(f"an encoder is a folder, got {path}, which is none; put it back or plan again")
        return path

    def rows(self, fingerprint: str, split: str) -> Rows:
        """One split of the task data with this fingerprint; a text has 'train' alone.

        Raises:
            ValueError: The run was not told where that data is, the data has changed since, or there is no
                such split.
        """
        splits = self._splits(fingerprint)
        if split not in splits:
            raise ValueError(f"the task has the splits {', '.join(splits)}, got {split!r}")
        return splits[split]

    def score(self, task: str, logits: Any, labels: Any) -> dict[str, float]:
        """Every metric of a task, the table's first, from logits [n, outputs] and labels [n]."""
        from benchmarks import tasks  # most stages need neither tasks nor metrics
        from benchmarks.tasks import metrics

        return metrics.score(tasks.get(task), np.asarray(logits), np.asarray(labels))

    def progress(self, done: int, total: int, **facts: float) -> None:
        """Say how far the stage is; all but a few calls a second return at once."""
        moment = time.monotonic()
        if moment - self._told < PROGRESS_INTERVAL and done < total:
            return
        self._told = moment
        plain: dict[str, Json] = {name: _finite(value) for name, value in facts.items()}
        if moment - self._noted >= NOTE_INTERVAL:
            self._noted = moment
            self.note(done, total, plain)
        self._tell(done, total, plain)

    def note(self, done: int, total: int, facts: Mapping[str, Json]) -> None:
        """Write the progress file that `status` and later attempts read."""
        self._store.note_progress(
            self._stage.key,
            {
                "kind": self._stage.kind,
                "done": done,
                "total": total,
                "facts": dict(facts),
                "seconds": time.monotonic() - self._began,
                "updated": time.time(),
            },
        )

    def _splits(self, fingerprint: str) -> Mapping[str, Rows]:
        if fingerprint in self._sources.get("corpora", {}):
            self._loaded.setdefault(fingerprint, {"train": self._text(fingerprint)})
        if fingerprint not in self._loaded:
            from benchmarks import tasks  # loading data may import much
            from benchmarks.tasks import sources

            source = self._source("tasks", fingerprint)
            data = sources.load(tasks.get(source["task"]), source["location"])
            if "heldout" in source:
                data = sources.divide(data, sources.Slice(**source["heldout"]))
            if data.fingerprint != fingerprint:
                raise ValueError(
                    f"{source['task']}: the data is what the run was planned with, {fingerprint[:12]}, "
                    f"got {data.fingerprint[:12]} from {data.origin}; it changed since, start the run again"
                )
            self._loaded[fingerprint] = {
                name: Rows(tuple(rows.ids), tuple(rows.texts), tuple(rows.labels))
                for name, rows in data.splits.items()
            }
        return self._loaded[fingerprint]

    def _text(self, fingerprint: str) -> Rows:
        from benchmarks import corpora  # few stages read one

        found = corpora.get(self._source("corpora", fingerprint))
        if found.fingerprint != fingerprint:
            raise ValueError(
                f"{found.name}: the text is what the run was planned with, {fingerprint[:12]}, got "
                f"{found.fingerprint[:12]}; it changed since, start the run again"
            )
        return found.rows

    def _source(self, of: str, fingerprint: str) -> Any:
        known = self._sources.get(of, {})
        if fingerprint not in known:
            names = ", ".join(name[:12] for name in known) or "none"
            raise ValueError(
                f"the run knows where its {of} are, got {fingerprint[:12]}; known: {names}; plan it again"
            )
        return known[fingerprint]


def _finite(value: float) -> Json:
    """A number as JSON has it; NaN and infinities, which it lacks, as None."""
    number = float(value)
    return number if np.isfinite(number) else None
