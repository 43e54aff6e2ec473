"""Which of the records in a folder a table or figure is made of."""

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from benchmarks.gaps import KeptGap
from benchmarks.gaps import read_all as read_gaps
from benchmarks.records import Record, read_all
from methods.contract import Family
from reports import figures, tables
from reports.evidence import Evidence
from reports.faults import UsageError, usage
from reports.figures.picture import Picture, Wanted
from reports.tables.consistency import MixedRecordsError, frozen
from reports.tables.finish import finished
from reports.tables.gaps import kept as as_gaps
from reports.tables.table import Table, percent
from reports.typed import listed, numbers

Item = TypeVar("Item", bound=Record | KeptGap)


@dataclasses.dataclass(frozen=True)
class Found:
    """What is below a folder: records, and gaps of cells that have none."""

    records: tuple[Record, ...]
    gaps: tuple[KeptGap, ...] = ()


def read(folder: Path, *, inspected: bool = True) -> list[Record]:
    """Every record below the folder; `inspected` or without the matrices one by one.

    Raises:
        UsageError: no folder, no record in it, or a file that is none.
    """
    found = read_found(folder, inspected=inspected)
    if not found.records:
        raise UsageError(
            f"--runs is a folder with records, got {folder} with {len(found.gaps)} refused or failed cells and none; "
            f"the first: {found.gaps[0].reason}"
        )
    return list(found.records)


def read_found(folder: Path, *, inspected: bool = True) -> Found:
    """Every record below the folder, and the gaps of cells that have no record.

    Raises:
        UsageError: no folder, neither record nor gap in it, or a file that is none.
    """
    try:
        records, gaps = tuple(read_all(folder, inspected=inspected)), tuple(read_gaps(folder))
    except ValueError as fault:
        raise UsageError(str(fault)) from fault
    if not records and not gaps:
        raise UsageError(f"--runs is a folder with records, got {folder} with none; run a table first")
    measured = {_cell(record) for record in records}
    return Found(records, tuple(gap for gap in gaps if _cell(gap) not in measured))


def _cell(item: Record | KeptGap) -> tuple[Hashable, ...]:
    setting = (item.backbone_fingerprint, item.task_fingerprint, frozen(item.recipes))
    return item.method, item.budget, item.seed, *setting


def gaps_beside(records: Sequence[Record], gaps: Iterable[KeptGap]) -> list[KeptGap]:
    """The gaps that may stand in one table with these records: of the same encoder, data and recipes.

    Without records, those of the first gap's encoder and protocol.
    """
    every = list(gaps)
    if not records and not every:
        return []
    first = records[0] if records else every[0]
    by_task = {record.task: (record.task_fingerprint, frozen(record.recipes)) for record in records}
    return [
        gap
        for gap in every
        if (gap.backbone_fingerprint, gap.protocol) == (first.backbone_fingerprint, first.protocol)
        and by_task.get(gap.task, (gap.task_fingerprint, frozen(gap.recipes)))
        == (gap.task_fingerprint, frozen(gap.recipes))
    ]


def choose(
    records: Sequence[Item],
    backbone: str | None = None,
    protocol: str | None = None,
    tasks: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    budgets: Sequence[float] | None = None,
) -> list[Item]:
    """The records of one backbone and one protocol, of these tasks, methods and budgets (None: all).

    A dense reference has no budget and stays with every choice of them. Gaps are chosen like records; where there are
    records left, the backbones and protocols of gaps alone do not count as several.

    Raises:
        UsageError: nothing is left, or several backbones or protocols are and none was chosen.
    """
    chosen = list(records)
    shares = None if budgets is None else [f"{budget:g}" for budget in budgets]
    if shares is not None:
        shares += {_share(record) for record in records if Family(record.family) is Family.REFERENCE}
    filters: list[tuple[str, Sequence[str] | None, Callable[[Record | KeptGap], str]]] = [
        ("--backbone", None if backbone is None else (backbone,), lambda record: record.backbone),
        ("--protocol", None if protocol is None else (protocol,), lambda record: record.protocol),
        ("--tasks", tasks, lambda record: record.task),
        ("--methods", methods, lambda record: record.method),
        ("--budgets", shares, _share),
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
        measured = [record for record in chosen if isinstance(record, Record)]
        several = sorted({value(record) for record in measured or chosen})
        if len(several) > 1:
            faults.append(f"{name} must be given where there are several, got {', '.join(several)}; choose one")
    if faults:
        raise UsageError("\n".join(faults))
    return chosen


def drawn(
    blueprint: tables.Blueprint | figures.Blueprint,
    folder: Path,
    *,
    backbone: str | None,
    protocol: str | None,
    tasks: str | None,
    methods: str | None,
    budgets: str | None,
    paper: bool | None = None,
) -> Table | Picture:
    """The table or figure of the records in a folder; lists as they were typed, in the order to print them.

    `paper`: whether a table has the paper's numbers beside ours; None: where it has any of the cells.

    Raises:
        UsageError: nothing to draw, or what may not stand in one table.
    """
    wrong: list[str] = []
    columns = None if tasks is None else listed("--tasks", tasks, wrong)
    rows = None if methods is None else listed("--methods", methods, wrong)
    kept = () if budgets is None else numbers("--budgets", budgets, float, "0.5,0.25", wrong)
    if wrong:
        raise UsageError("\n".join(wrong))
    there = read_found(folder)
    found = list(there.records) if rows is not None else usual(blueprint, there.records, columns)
    lost = list(there.gaps) if rows is not None else usual(blueprint, there.gaps, columns)
    evidence = Evidence(folder)
    if not found and not lost and isinstance(blueprint, tables.Blueprint):
        return finished(blueprint, (), evidence, paper=paper)
    if not found and isinstance(blueprint, figures.Blueprint):
        raise UsageError(
            f"{blueprint.name} is of {', '.join(blueprint.defaults.methods or ('methods without knobs',))}, got no "
            f"record of them in {folder}; run it first: weighin run {blueprint.name}"
        )
    measured = None if rows is None else (*rows, *_reference(blueprint, found, rows))
    every: list[Record | KeptGap] = [*found, *lost]
    chosen = choose(every, backbone, protocol, columns, measured, kept or None)
    with usage(MixedRecordsError):
        if isinstance(blueprint, tables.Blueprint):
            return table_of(blueprint, chosen, evidence, rows or (), columns or (), kept, paper)
        records, gaps = parted(chosen)
        return blueprint.draw(
            Wanted.of(
                blueprint.defaults,
                records,
                tasks=columns or (),
                methods=rows or (),
                budgets=kept,
                gaps=as_gaps(gaps),
                runs=folder,
                source=evidence.source,
            )
        )


def usual(
    blueprint: tables.Blueprint | figures.Blueprint, records: Sequence[Item], tasks: Sequence[str] | None = None
) -> list[Item]:
    """The records, or gaps, that belong into a table or figure when no methods, or also no tasks, are named."""
    mine = blueprint.defaults
    own = mine.own_tasks and tasks is None
    return [r for r in records if mine.shows(r.method) and (not own or r.task in mine.tasks)]


def table_of(
    blueprint: tables.Blueprint,
    items: Sequence[Record | KeptGap],
    evidence: Evidence,
    methods: Sequence[str] = (),
    tasks: Sequence[str] = (),
    budgets: Sequence[float] = (),
    paper: bool | None = None,
) -> Table:
    """The finished table of records of one backbone and protocol, and of gaps, of which it takes those that fit.

    Raises:
        MixedRecordsError: what may not stand in one table.
    """
    shown, hidden = (items, "") if budgets else _usual(items, blueprint.defaults.budgets)
    records, gaps = parted(shown)
    table = finished(blueprint, records, evidence, as_gaps(gaps), order=methods, tasks=tasks, paper=paper)
    return dataclasses.replace(table, footnotes=(*table.footnotes, ("", hidden))) if hidden else table


def parted(items: Sequence[Record | KeptGap]) -> tuple[list[Record], list[KeptGap]]:
    """The records, and those gaps that may stand beside them."""
    records = [one for one in items if isinstance(one, Record)]
    return records, gaps_beside(records, (one for one in items if isinstance(one, KeptGap)))


def _usual(records: Sequence[Item], budgets: Sequence[float]) -> tuple[list[Item], str]:
    """The records at a table's own budgets, if there are any, and a sentence about the others."""
    free = {record.budget for record in records if Family(record.family) is not Family.REFERENCE}
    others = sorted(free - set(budgets), reverse=True)
    if not others or not free & set(budgets):
        return list(records), ""
    kept = [r for r in records if Family(r.family) is Family.REFERENCE or r.budget in budgets]
    return kept, f"not shown: records at {', '.join(map(percent, others))} kept; --budgets chooses them"


def _share(record: Record | KeptGap) -> str:
    return "no budget" if Family(record.family) is Family.REFERENCE else f"{record.budget:g}"


def _reference(
    blueprint: tables.Blueprint | figures.Blueprint, records: Sequence[Record], methods: Sequence[str]
) -> set[str]:
    """The dense reference that a figure is drawn against, whatever methods are chosen; a table has what is asked."""
    if isinstance(blueprint, tables.Blueprint):
        return set()
    return {record.method for record in records if record.method == blueprint.defaults.reference} - set(methods)
