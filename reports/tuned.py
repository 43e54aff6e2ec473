"""A search in words: what will be tried, and the certificate of what was found."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.plan import Plan
from benchmarks.tuning.certificate import Certificate
from benchmarks.tuning.forecast import Forecast
from reports.facts import columns
from reports.states import foretold
from reports.tables.table import percent
from reports.terminal import duration

SHOWN = (1, 2, 4, 8, 16, 32, 64)  # of the curve


def words(certificates: Sequence[Certificate]) -> Iterator[Any]:
    """The certificate of a table: a line a search, the curves, then what must be known of them."""
    first = certificates[0]
    on = "held-out training rows" if first.selection == "heldout" else "the development set, as papers do"
    yield f"Tuning certificate: {first.backbone}, protocol {first.protocol}, selected on {on}."
    yield columns([_line(one) for one in certificates], ("cell", "trials", "time", "best", "values"))
    yield ""
    yield "Expected best of n trials, in percent:"
    yield from (f"  {_name(one)}: {_curve(one.curve)}" for one in certificates if one.curve)
    said = [(_name(one), sentence) for one in certificates for sentence in _remarks(one)]
    if said:
        yield ""
        yield from (f"{name}: {sentence}" for name, sentence in said)


def as_data(certificates: Sequence[Certificate]) -> list[dict[str, Any]]:
    """The same as plain facts."""
    return [dataclasses.asdict(one) for one in certificates]


def forecast_words(forecasts: Sequence[Forecast], plan: Plan) -> Iterator[Any]:
    """What a search would do."""
    rows = [
        {
            "cell": f"{one.method} {one.task} {percent(one.budget)}",
            "trials": f"{one.trials} of {one.points if one.points is not None else 'any number'}",
            "stages": one.stages,
            "alone": one.alone,
            "space": ", ".join(one.space) or "nothing to tune",
        }
        for one in forecasts
    ]
    yield columns(rows, ("cell", "trials", "stages", "alone", "space"))
    yield ""
    yield "stages: what the trials need together; alone: what they would need if none shared any."
    yield f"{sum(one.trials for one in forecasts)} trials, {len(plan.stages)} stages, {plan.count('cached')} stored."
    yield f"Expected time with {plan.jobs} at a time: {foretold(plan)}."
    if any(one.guessed for one in forecasts):
        yield "TPE chooses by results, so its later points are random ones here; the stages it shares will differ."


def forecast_data(forecasts: Sequence[Forecast], plan: Plan) -> dict[str, Any]:
    """The same as plain facts."""
    return {
        "searches": [dataclasses.asdict(one) for one in forecasts],
        "stages": len(plan.stages),
        "stored": plan.count("cached"),
        "jobs": plan.jobs,
        "seconds": plan.seconds,
        "unmeasured": plan.unmeasured,
    }


def _name(one: Certificate) -> str:
    return f"{one.method} {one.task} {percent(one.budget)}"


def _line(one: Certificate) -> dict[str, str]:
    ended = sum(one.trials.values()) - one.trials["unfinished"]
    more = [f"{count} {name}" for name, count in one.trials.items() if count and name != "complete"]
    values = ", ".join(f"{name}={_value(value)}" for name, value in (one.values or {}).items())
    return {
        "cell": _name(one),
        "trials": f"{ended}{' (all)' if one.points is not None and ended >= one.points else ''}"
        + (f", {', '.join(more)}" if more else ""),
        "time": duration(one.seconds),
        "best": "" if one.score is None else f"{100 * one.score:.1f}",
        "values": values or ("nothing to tune" if one.points == 1 else ""),
    }


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _curve(curve: Sequence[float]) -> str:
    shown = [n for n in SHOWN if n < len(curve)] + [len(curve)]
    return ", ".join(f"{n}: {100 * curve[n - 1]:.1f}" for n in shown)


def _remarks(one: Certificate) -> list[str]:
    return [*one.warnings, *(f"a trial failed: {reason}" for reason in one.failures)]
