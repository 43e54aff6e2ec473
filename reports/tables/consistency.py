"""The law of averaging: only measurements of the same thing under the same protocol stand in one table."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from benchmarks.records import Record
from methods.space import targets


class MixedRecordsError(ValueError):
    """Records that may not be averaged or compared met in one table."""


def check(records: Sequence[Record]) -> None:
    """Refuse records that differ in what one table must have equal, all faults at once.

    Raises:
        MixedRecordsError: names both values of everything that differs.
    """
    faults: list[str] = []
    faults += _same(records, lambda r: (), lambda r: r.backbone_fingerprint, _backbone, "a table is of one backbone")
    faults += _same(records, lambda r: (), lambda r: r.protocol, lambda r: r.protocol, "a table is of one protocol")
    if not faults:  # what follows is only news where the names above agree
        faults += _same(
            records, lambda r: r.task, lambda r: r.task_fingerprint, _data, "a task has one state of its data"
        )
        faults += _same(
            records,
            lambda r: r.task,
            lambda r: (r.metric, r.split),
            lambda r: f"{r.metric} on {r.split}",
            "a task has one metric",
        )
        faults += _recipes(records)
        searched = _searched(records)
        faults += _same(
            records,
            lambda r: r.method,
            lambda r: frozen({name: value for name, value in r.knobs.items() if name not in searched[r.method]}),
            lambda r: str(r.knobs),
            "a row has one set of hyper-parameters",
        )
    if faults:
        raise MixedRecordsError("\n".join(faults))


def _searched(records: Iterable[Record]) -> dict[str, set[str]]:
    """Method -> what was tuned for any of its cells, which may differ from cell to cell: footnotes say how."""
    found: dict[str, set[str]] = {}
    for record in records:
        found.setdefault(record.method, set()).update((record.tuned or {}).get("values", {}))
    return found


def one_a_seed(records: Iterable[Record]) -> list[Record]:
    """The records of one cell, one a seed, in the order of the seeds.

    The same stage may have been recorded twice (a reference does not depend on the budget); two different
    stages for one seed are two versions of the measurement and are refused.
    """
    found: dict[int, Record] = {}
    for record in records:
        first = found.setdefault(record.seed, record)
        if first.stage != record.stage:
            raise MixedRecordsError(
                f"a cell has one measurement a seed, got two of {record.method}, {record.task}, budget "
                f"{record.budget:g}, seed {record.seed}: {first.key[:12]} and {record.key[:12]}; "
                "move the records of the older version out of the folder"
            )
    return [found[seed] for seed in sorted(found)]


def frozen(value: Any) -> Hashable:
    """A hashable twin of plain JSON values, equal where they are equal."""
    if isinstance(value, dict):
        return tuple(sorted((key, frozen(item)) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return tuple(frozen(item) for item in value)
    return value if isinstance(value, Hashable) else repr(value)


def _same(
    records: Sequence[Record],
    within: Callable[[Record], Hashable],
    value: Callable[[Record], Hashable],
    name: Callable[[Record], str],
    law: str,
) -> list[str]:
    """One fault for each kind of record (`within`) that has more than one `value`."""
    seen: dict[Hashable, dict[Hashable, str]] = {}
    for record in records:
        seen.setdefault(within(record), {}).setdefault(value(record), name(record))
    return [
        f"{law}{f' ({kind})' if kind else ''}, got {' and '.join(sorted(names.values()))}"
        for kind, names in seen.items()
        if len(names) > 1
    ]


def _recipes(records: Sequence[Record]) -> list[str]:
    """Recipes may differ between tasks, never within one but for tuned settings; the fault says in which values."""
    faults = []
    first: dict[str, Record] = {}
    tuned = {target for names in _searched(records).values() for name in names for target in targets(name)}
    for record in records:
        known = first.setdefault(record.task, record)
        differing = [
            found for found in _differences(known.recipes, record.recipes) if _written(found[0]) not in tuned
        ]
        if differing:
            faults.append(
                f"a task has one recipe ({record.task}, protocol {record.protocol}), got "
                + "; ".join(f"{where}={one!r} and {other!r}" for where, one, other in differing)
            )
    return sorted(set(faults))


def _differences(one: Any, other: Any, where: str = "") -> list[tuple[str, Any, Any]]:
    if isinstance(one, dict) and isinstance(other, dict):
        return [
            found
            for key in sorted({*one, *other})
            for found in _differences(one.get(key), other.get(key), f"{where}.{key}" if where else key)
        ]
    return [] if frozen(one) == frozen(other) else [(where, one, other)]


def _written(where: str) -> str:
    """A place in the recipes as `methods.space` names it."""
    return where.replace("prune_", "pruning.", 1) if where.startswith("prune_") else where


def _backbone(record: Record) -> str:
    return f"{record.backbone} ({record.backbone_fingerprint[:8]})"


def _data(record: Record) -> str:
    return f"data {record.task_fingerprint[:8]}"
