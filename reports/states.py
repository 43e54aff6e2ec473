"""The states of stages in words: what a run would do, and what is going on in a store."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live

from benchmarks.history import Ahead
from benchmarks.plan import Plan
from benchmarks.status import Status
from reports.facts import columns
from reports.terminal import duration, facts


def of_plan(plan: Plan, purposes: Mapping[str, str], cells: int, refused: int) -> Iterator[RenderableType]:
    """A line a stage, then what they add up to.

    Args:
        plan: the stages.
        purposes: stage key -> what it is for.
        cells: how many cells the table has.
        refused: how many of them their methods refuse.
    """
    rows = [
        {
            "key": planned.stage.key[:8],
            "kind": planned.stage.kind,
            "state": {"cached": "stored", "missing": "to do"}.get(planned.state, planned.state),
            "cells": planned.shared_by,
            "time": "" if planned.state == "cached" else _expected(planned.seconds),
            "for": planned.reason or purposes.get(planned.stage.key, ""),
        }
        for planned in plan.stages
    ]
    yield columns(rows, ("key", "kind", "state", "cells", "time", "for"))
    shared = sum(planned.shared_by > 1 for planned in plan.stages)
    yield ""
    yield f"{cells} cells, {refused} of them refused; {len(plan.stages)} stages, {shared} shared by several cells."
    yield (
        f"{plan.count('cached')} stored, {plan.count('missing')} to do, {plan.count('running')} running elsewhere, "
        f"{plan.count('failed')} failed before."
    )
    yield f"Expected time with {plan.jobs} at a time: {foretold(plan)}."


def foretold(plan: Plan) -> str:
    """The expected time in words, as far as it is known."""
    ahead = len(plan.stages) - plan.count("cached")
    if ahead and plan.unmeasured == ahead:
        return "unknown, for no stage like these was ever measured here"
    unknown = f", and {plan.unmeasured} stages of kinds that were never measured here" if plan.unmeasured else ""
    return duration(plan.seconds) + unknown


def plan_facts(plan: Plan) -> dict[str, Any]:
    """The plan as plain data: keys, kinds, states, seconds."""
    return {
        "jobs": plan.jobs,
        "seconds": plan.seconds,
        "unmeasured": plan.unmeasured,
        "stages": [
            {
                "key": planned.stage.key,
                "kind": planned.stage.kind,
                "state": planned.state,
                "shared_by": planned.shared_by,
                "seconds": planned.seconds,
                "reason": planned.reason,
                "description": planned.stage.description,
            }
            for planned in plan.stages
        ],
    }


def _ahead(ahead: Ahead | None) -> str:
    """What a run has yet to make, as the end of a sentence about it."""
    if ahead is None or not ahead.stages:
        return ""
    left = f"; {ahead.stages} stage{'s' if ahead.stages > 1 else ''} to go"
    if ahead.unmeasured == ahead.stages:
        return left
    unknown = f" and {ahead.unmeasured} of kinds that were never measured here" if ahead.unmeasured else ""
    return f"{left}, about {duration(ahead.seconds)}{unknown}"


def _expected(seconds: float | None) -> str:
    return "?" if seconds is None else duration(seconds)


def of_status(status: Status) -> Iterator[RenderableType]:
    """What runs and where, what is done, what failed."""
    if status.running:
        rows = [
            {
                "key": one.key[:8],
                "running": one.kind or "starting",
                "progress": facts(one.done, one.total, one.facts),
                "time": duration(one.seconds),
                "left": _expected(one.remaining),
                "process": f"{one.pid} on {one.host}",
            }
            for one in status.running
        ]
        yield columns(rows, ("key", "running", "progress", "time", "left", "process"))
    else:
        yield "Nothing is running."
    for run in status.runs:
        yield f"Run by process {run.pid} on {run.host}: {run.engine}, {run.slots} at a time{_ahead(run.ahead)}."
    done = ", ".join(f"{count} {kind}" for kind, count in status.done.items()) or "nothing"
    yield f"Done: {done} ({status.size / 1e6:.1f} MB, {duration(status.seconds)} of work)."
    for failure in status.failed:
        yield f"Failed: {failure.kind} {failure.key[:8]}: {failure.reason}"
    if status.remaining is not None:
        yield f"The last running stage should be done in {duration(status.remaining)}."


def watch(look: Callable[[], Status], console: Console, pause: float = 1.0) -> None:
    """Show the status again every `pause` seconds, until interrupted."""
    with Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(Group(*of_status(look())), refresh=True)
            time.sleep(pause)
