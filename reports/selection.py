"""Which of the records in a folder a table is made of."""

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.records import Record, read_all
from reports.faults import UsageError, usage
from reports.tables import Blueprint
from reports.tables.consistency import MixedRecordsError
from reports.tables.table import Table
from reports.typed import listed


def read(folder: Path) -> list[Record]:
    """Every record below the folder.

    Raises:
        UsageError: no folder, no record in it, or a file that is none.
    """
    try:
        records = list(read_all(folder))
    except ValueError as fault:
        raise UsageError(str(fault)) from fault
    if not records:
        raise UsageError(f"--runs is a folder with records, got {folder} with none; run a table first")
    return records


def choose(
    records: Sequence[Record],
    backbone: str | None = None,
    protocol: str | None = None,
    tasks: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
) -> list[Record]:
    """The records of one backbone and one protocol, of these tasks and methods (None: all).

    Raises:
        UsageError: nothing is left, or several backbones or protocols are and none was chosen.
    """
    chosen = list(records)
    filters: list[tuple[str, Sequence[str] | None, Callable[[Record], str]]] = [
        ("--backbone", None if backbone is None else (backbone,), lambda record: record.backbone),
        ("--protocol", None if protocol is None else (protocol,), lambda record: record.protocol),
        ("--tasks", tasks, lambda record: record.task),
        ("--methods", methods, lambda record: record.method),
    ]
    faults = []
    for name, wanted, value in filters:
        known = sorted({value(record) for record in records})
        unknown = [one for one in wanted or () if one not in known]
        if unknown:
            faults.append(f"{name} chooses among the records' {', '.join(known)}; got {', '.join(unknown)}")
        chosen = [record for record in chosen if wanted is None or value(record) in wanted]
    if not chosen and not faults:
        faults.append("no record has all that was asked for; leave an option out")
    for name, _, value in filters[:2]:
        several = sorted({value(record) for record in chosen})
        if len(several) > 1:
            faults.append(f"{name} must be given where there are several, got {', '.join(several)}; choose one")
    if faults:
        raise UsageError("\n".join(faults))
    return chosen


def drawn(
    blueprint: Blueprint,
    folder: Path,
    *,
    backbone: str | None,
    protocol: str | None,
    tasks: str | None,
    methods: str | None,
) -> Table:
    """The table of the records in a folder; tasks and methods as they were typed, in the order to print them.

    Raises:
        UsageError: nothing to draw, or what may not stand in one table.
    """
    wrong: list[str] = []
    columns = None if tasks is None else listed("--tasks", tasks, wrong)
    rows = None if methods is None else listed("--methods", methods, wrong)
    if wrong:
        raise UsageError("\n".join(wrong))
    usual = blueprint.defaults
    found = [record for record in read(folder) if usual.shows(record.method, rows or ())]
    if not found:
        raise UsageError(
            f"no record in {folder} is of a method of {blueprint.name}; run it first: weighin run {blueprint.name}"
        )
    records = choose(found, backbone, protocol, columns, rows)
    with usage(MixedRecordsError):
        return blueprint.draw(records, (), rows or (), columns or ())
