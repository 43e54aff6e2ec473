"""What a user sees while stages run: an overall bar with the time left, and a line for each running stage."""

import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.text import Text

if TYPE_CHECKING:
    from benchmarks.events import Event

FLOOR = 0.01  # share of an average stage that a stage of no effort counts for in the overall bar


class Watch:
    """Shows the events of a run on a terminal; elsewhere it keeps still, but for messages.

    Use it as a context manager, and give it to the runner as the receiver of events. Everything goes to the
    console it is given (standard error), never to standard output.
    """

    def __init__(self, efforts: Mapping[str, float], console: Console | None = None) -> None:
        """Prepare for these stages: key -> effort in any one unit; the console is standard error by default."""
        console = console or Console(stderr=True)
        average = sum(efforts.values()) / len(efforts) if efforts else 0.0
        floor = FLOOR * average or 1.0
        self._weights = {key: max(effort, floor) for key, effort in efforts.items()}
        self._console = console
        self._parts: dict[str, float] = {}
        self._lines: dict[str, TaskID] = {}
        self._started = time.monotonic()
        self._live = console.is_terminal
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=14),
            TextColumn("{task.fields[words]}", markup=False),
            console=console,
            transient=True,
            disable=not self._live,
        )
        self._all = self._bars.add_task(f"{len(efforts)} stages", total=sum(self._weights.values()) or 1.0, words="")
        self._ended = 0

    def __enter__(self) -> "Watch":
        """Begin to draw."""
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the bars away, whatever happened."""
        self._bars.stop()

    def __call__(self, event: "Event") -> None:
        """Receive one event of the runner."""
        if event.what in ("message", "retry"):
            self._say(f"{event.kind} {event.key[:8]}: {event.reason}".strip(" :"))
        if not self._live:
            return
        if event.what in ("start", "progress", "waiting"):
            self._move(event)
        elif event.what in ("done", "failed", "cached"):
            self._end(event)
        self._overall()

    def _say(self, words: str) -> None:
        self._console.print(Text(words), soft_wrap=not self._live)

    def _move(self, event: "Event") -> None:
        if event.key not in self._lines:
            self._lines[event.key] = self._bars.add_task(f" {event.kind}", total=None, words="")
        share = event.done / event.total if event.total else 0.0
        self._parts[event.key] = share * self._weights.get(event.key, 0.0)
        words = (
            "waits for another process" if event.what == "waiting" else facts(event.done, event.total, event.facts)
        )
        self._bars.update(self._lines[event.key], completed=event.done, total=event.total or None, words=words)

    def _end(self, event: "Event") -> None:
        line = self._lines.pop(event.key, None)
        if line is not None:
            self._bars.remove_task(line)
        weight = self._weights.pop(event.key, None)
        self._parts.pop(event.key, None)
        if weight is None:
            return
        self._ended += 1
        self._bars.update(self._all, advance=0)
        if event.what == "cached":  # work that was done before tells nothing about the time left
            task = self._bars.tasks[0]
            self._bars.update(self._all, total=max((task.total or 0.0) - weight, 1e-9))
        else:
            self._parts[""] = self._parts.get("", 0.0) + weight

    def _overall(self) -> None:
        done = sum(self._parts.values())
        total = self._bars.tasks[0].total or 1.0
        past = time.monotonic() - self._started
        left = f"{duration(past * (total - done) / done)} left" if 0 < done < total else ""
        words = f"{self._ended} done, {duration(past)}{', ' + left if left else ''}"
        self._bars.update(self._all, completed=min(done, total), words=words)


def facts(done: float, total: float, values: Mapping[str, Any]) -> str:
    """How far a stage is, in words: '120/500 loss 0.412 zero rows 1204'."""
    words = [f"{done:g}/{total:g}"] if total else []
    return " ".join([*words, *(f"{name.replace('_', ' ')} {_figure(value)}" for name, value in values.items())])


def _figure(value: Any) -> str:
    """Three figures of a measurement, all figures of a count."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.0f}" if value.is_integer() else f"{value:.3g}"


def duration(seconds: float) -> str:
    """Seconds in the words of a clock: '48s', '3m05s', '2h10m'."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
