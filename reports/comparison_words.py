"""A comparison in words, at most 80 characters a line, and as plain data."""

import textwrap
from collections.abc import Iterator
from typing import Any

from methods.contract import Family
from reports import latency
from reports.comparison import ALPHA, Comparison, Comparisons
from reports.facts import plain
from reports.forensics import Forensics, Part
from reports.statistics import mean, spread
from reports.statistics.crossed import Crossed
from reports.statistics.crossed_bootstrap import CrossedBootstrap

WIDTH = 80
NO_LENGTHS = "No results by length: these predictions were stored without lengths"
BRANCHES = ("seeds and examples both vary", "the seeds vary most", "the examples vary most")


def words(found: Comparisons) -> Iterator[str]:
    """The whole comparison."""
    yield from _wrap(
        f"{found.first} against {found.second}: encoder {found.backbone}, protocol {found.protocol}.", ""
    )
    if found.family is not None:
        yield from _wrap(f"Holm's adjustment is over one family: {found.family.family}.", "")
    for one in found.comparisons:
        yield ""
        yield from _one(found, one)


def verdict(found: Comparisons, one: Comparison) -> str:
    """The answer in a sentence."""
    if one.tested is None:
        return "With one seed there is no verdict on the methods."
    adjusted, tested = found.adjusted(one), one.tested
    size = f"{abs(tested.difference):.2f} points"
    numbers = f"95 % interval {tested.low:+.2f} to {tested.high:+.2f}, {_p(tested.p)}, Holm {_p(adjusted)}"
    better, worse = (found.first, found.second) if tested.difference > 0 else (found.second, found.first)
    if adjusted is not None and adjusted <= ALPHA:
        return f"{better} is better than {worse} by {size} ({numbers})."
    same = one.equivalence
    also = f" Over these seeds they are equal within {same.margin:g} point." if same and same.equivalent else ""
    return f"Not separable: {better} is ahead by {size} ({numbers}).{also}"


def as_data(found: Comparisons) -> dict[str, Any]:
    """Everything as plain data, records by their keys."""
    return {
        "first": found.first,
        "second": found.second,
        "backbone": found.backbone,
        "protocol": found.protocol,
        "family": plain(found.family),
        "comparisons": [
            {
                "task": one.pair.task,
                "budget": one.pair.budget,
                "seeds": list(one.pair.seeds),
                "values": {"first": one.pair.values[0], "second": one.pair.values[1]},
                "records": {
                    "first": [record.key for record in one.pair.first],
                    "second": [record.key for record in one.pair.second],
                },
                "verdict": verdict(found, one),
                "p_holm": found.adjusted(one),
                **{name: value for name, value in plain(one).items() if name != "pair"},
            }
            for one in found.comparisons
        ],
    }


def _one(found: Comparisons, one: Comparison) -> Iterator[str]:
    pair = one.pair
    examples = f", {one.examples} examples" if one.examples is not None else ""
    place = f"{pair.task} at {100 * pair.budget:.4g} % of the weights"
    yield from _wrap(f"{place}: {one.metric} on {one.split}{examples}", "")
    yield from _values(found, one)
    yield from _wrap(verdict(found, one))
    yield from _inference(one)
    yield from _effect(one)
    for line in _models(found, one):
        yield from _wrap(line)
    yield from _costs(found, one)
    for note in one.notes:
        yield from _wrap(f"Note: {note}.")


def _values(found: Comparisons, one: Comparison) -> Iterator[str]:
    first, second = one.pair.values
    width = min(max(len(found.first), len(found.second), len("difference")), 24)
    seeds = one.pair.seeds[:6]
    yield f"  {'seed':<{width}} " + "".join(f"{seed:>7}" for seed in seeds) + "     mean     sd"
    difference = [a - b for a, b in zip(first, second, strict=True)]
    for name, values, sign in ((found.first, first, ""), (found.second, second, ""), ("difference", difference, "+")):
        sd = spread(values)
        shown = "".join(f"{value:{sign}.2f}".rjust(7) for value in values[: len(seeds)])
        deviation = "" if sd is None else f"{sd:.2f}".rjust(7)
        yield f"  {name[:width]:<{width}} {shown}  {f'{mean(values):{sign}.2f}':>7}{deviation}"


def _inference(one: Comparison) -> Iterator[str]:
    if one.tested is not None and isinstance(one.tested.detail, Crossed):
        detail = one.tested.detail
        yield from _wrap(
            f"Seeds x examples: t({detail.df:.1f}) = {detail.t:.2f}, standard error {detail.standard_error:.2f}; "
            f"{BRANCHES[detail.branch]}. Speaks of new seeds and new examples."
        )
    if one.tested is not None and isinstance(one.tested.detail, CrossedBootstrap):
        boot = one.tested.detail
        yield from _wrap(
            f"Bootstrap over seeds x examples: t({boot.df:.1f}) = {boot.t:.2f}, standard error "
            f"{100 * boot.standard_error:.2f} ({boot.resamples} resamples). Speaks of new seeds and new examples."
        )
    if one.t is not None:
        yield from _wrap(
            f"Paired t over seeds (the paper's test): t({one.t.df}) = {one.t.t:.2f}, {_p(one.t.p)}. With "
            f"{len(one.pair.seeds)} seeds the smallest difference it could have seen is {one.t.smallest_seen:.2f}."
        )
    if one.resampled is not None:
        again = one.resampled
        yield from _wrap(
            f"Bootstrap over examples: {100 * again.difference:+.2f}, 95 % interval {100 * again.low:+.2f} to "
            f"{100 * again.high:+.2f}, {_p(again.p)} ({again.resamples} resamples). Speaks of these checkpoints."
        )


def _effect(one: Comparison) -> Iterator[str]:
    if one.effect is not None:
        yield from _wrap(
            f"Effect over seeds: Hedges' g_z {one.effect.g:.2f}, "
            f"95 % interval {one.effect.low:.2f} to {one.effect.high:.2f}."
        )
    if one.equivalence is not None:
        same = one.equivalence
        said = "shown" if same.equivalent else "not shown"
        yield from _wrap(
            f"Equal within {same.margin:g} point over these seeds: {said} (TOST {_p(same.p)}, 90 % interval "
            f"{same.low:+.2f} to {same.high:+.2f})."
        )
    if one.detectable is not None:
        needed = "more than 10,000 seeds" if one.needed is None else f"{one.needed} seeds"
        yield from _wrap(
            f"Power: with this spread over seeds, {len(one.pair.seeds)} seeds find a true difference of "
            f"{one.detectable:.2f} points in 80 % of cases; one as large as the observed takes {needed}."
        )


def _models(found: Comparisons, one: Comparison) -> Iterator[str]:
    if one.checkpoints:
        each = "; ".join(
            f"seed {each.seed}: {each.only_first} against {each.only_second}, {_p(each.mcnemar.p)}"
            for each in one.checkpoints
        )
        yield f"Single checkpoints (McNemar; examples one alone has right): {each}."
    for name, forensics in zip((found.first, found.second), one.forensics, strict=True):
        if forensics is not None:
            yield _told(name, forensics)


def _told(name: str, found: Forensics) -> str:
    shown = ", ".join(found.broken[:8]) + (", ..." if len(found.broken) > 8 else "")
    broken = f" (ids {shown})" if found.broken else ""
    labels = "; ".join(_part(f"label {label}", one) for label, one in found.by_label.items())
    lengths = "; ".join(_part(length, one) for length, one in found.by_length.items())
    by_length = f"Accuracy by length in word pieces: {lengths}" if lengths else NO_LENGTHS
    return (
        f"{name} answers as the dense model on {100 * found.agreement:.1f} % of examples; in most seeds it breaks "
        f"{len(found.broken)} that the dense model has right{broken}, and mends {len(found.mended)}. "
        f"Calibration error {100 * found.calibration_error:.1f} % (dense "
        f"{100 * found.calibration_error_dense:.1f} %). Accuracy by label: {labels}. {by_length}."
    )


def _part(name: str, one: Part) -> str:
    return f"{name}: {100 * one.accuracy:.1f} of {one.examples} (dense {100 * one.accuracy_dense:.1f})"


def _costs(found: Comparisons, one: Comparison) -> Iterator[str]:
    for name, records in ((found.first, one.pair.first), (found.second, one.pair.second)):
        sizes = records[0].sizes
        counted, what = sizes.encoder_weights, "stored"
        if Family(records[0].family) is Family.UNSTRUCTURED_PRUNING:
            counted, what = sizes.encoder_nonzero, "non-zero"
        seconds = mean([record.cost.seconds_marginal for record in records])
        yield from _wrap(
            f"Cost of {name}: {counted:,} encoder weights ({what}), {_macs(sizes.macs)} multiply-accumulates at "
            f"{sizes.macs_length} word pieces, {seconds:.0f} s beyond the dense model."
        )
    yield from _latency(found, one)


def _latency(found: Comparisons, one: Comparison) -> Iterator[str]:
    both = (one.pair.first, one.pair.second)
    for size in latency.sizes((*one.pair.first, *one.pair.second)):
        first, second = (latency.middle(records, size) for records in both)
        ratio = latency.ratio(*both, size)
        if first is not None and second is not None and ratio is not None:
            yield from _wrap(
                f"Latency at batch {size} ({latency.said(one.pair.first)}): {found.first} {first:.3g} ms, "
                f"{found.second} {second:.3g} ms, ratio {ratio:.2f}."
            )


def _p(value: float | None) -> str:
    if value is None:
        return "no p"
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def _wrap(text: str, indent: str = "  ") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  " * bool(indent))


def _macs(count: float) -> str:
    """In thousand millions (G) as papers print them, small encoders in millions (M)."""
    return f"{count / 1e9:.2f} G" if count >= 1e8 else f"{count / 1e6:.2f} M"
