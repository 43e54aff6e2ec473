"""Table 1 of the paper: encoder weights and multiply-accumulates by rank; computed for BERT-base, and of records."""

from collections.abc import Sequence

from benchmarks.records import Record
from methods.contract import Family
from reports.lint.sizes import BILLION, ENCODERS, LENGTHS, MACS, SHARE
from reports.statistics import mean
from reports.tables.consistency import check
from reports.tables.remarks import kept
from reports.tables.table import Block, Column, Defaults, Entry, Gap, Group, Row, Table, percent

DEFAULTS = Defaults(tasks=("sst2",), budgets=(0.5, 0.25, 0.16), seeds=(1,), methods=("lpaf",), computed=True)
RANKS = (260, 130, 80)  # of the paper
ENCODER = "bert-base"
MILLION = 1e6


def draw(
    records: Sequence[Record], gaps: Sequence[Gap] = (), order: Sequence[str] = (), tasks: Sequence[str] = ()
) -> Table:
    """Draw Table 1; what is missing among the records is no gap of it, for sizes do not depend on the seed."""
    check(records)
    measured = {record.sizes.macs_length for record in records}
    columns = {length: name for name, length in LENGTHS.items()}
    columns |= dict.fromkeys(sorted(measured - set(columns)), "records")
    weights = (Column("weights (%)", quantity=SHARE), Column("weights (M)", quantity="encoder weights"))
    groups = [Group("", weights)]
    for name in dict.fromkeys(columns.values()):
        lengths = [length for length, of in columns.items() if of == name]
        heads = tuple(Column(f"MACs (G), {length}", quantity=MACS) for length in lengths)
        groups.append(Group(name, heads))
    blocks = [Block(f"Computed: {ENCODER}", tuple(_computed(rank, tuple(columns)) for rank in (*RANKS, None)))]
    if records:
        blocks.append(Block(f"Records: {records[0].backbone}", tuple(_measured(records, tuple(columns), order))))
    return Table(
        title="Table 1: encoder weights and multiply-accumulates by rank",
        caption=_caption(records),
        groups=tuple(groups),
        blocks=tuple(blocks),
    )


def _caption(records: Sequence[Record]) -> str:
    computed = (
        "Weights: of the encoder's matrices, as a share of the dense ones and in millions. MACs: "
        "multiply-accumulates of one input of that many word pieces, in 10^9, computed from the rank as fvcore "
        "counts them, without the head of the task."
    )
    if not records:
        return f"{computed} Nothing has been measured yet."
    return (
        f"{computed} Records: backbone {records[0].backbone}, protocol {records[0].protocol}, as counted on the "
        "models themselves, head included; of pruned matrices the non-zero weights."
    )


def _computed(rank: int | None, lengths: Sequence[int]) -> Row:
    encoder = ENCODERS[ENCODER]
    share = 100 * encoder.weights(rank) / encoder.weights(None)
    entries = [_entry(share), _entry(encoder.weights(rank) / MILLION)]
    entries += [_entry(encoder.macs(length, rank) / BILLION) for length in lengths]
    return Row("dense" if rank is None else f"lpaf(rank={rank})", "Dense" if rank is None else f"k = {rank}",
               tuple(entries))  # fmt: skip


def _measured(records: Sequence[Record], lengths: Sequence[int], order: Sequence[str]) -> list[Row]:
    """A row a method and budget, the dense model last."""
    cells: dict[tuple[str, float], list[Record]] = {}
    for record in records:
        cells.setdefault((record.method, record.budget), []).append(record)
    known = {name: place for place, name in enumerate(order)}

    def place(cell: tuple[str, float]) -> tuple[bool, int, str, float]:
        reference = Family(cells[cell][0].family) is Family.REFERENCE
        return reference, known.get(cell[0], len(known)), cell[0], -cell[1]

    rows = []
    for method, budget in sorted(cells, key=place):
        found = cells[method, budget]
        weights = mean([min(r.sizes.encoder_nonzero, r.sizes.encoder_weights) for r in found])
        entries = [_entry(100 * mean([kept(r) for r in found]), len(found)), _entry(weights / MILLION, len(found))]
        for length in lengths:
            macs = [r.sizes.macs for r in found if r.sizes.macs_length == length]
            entries.append(_entry(mean(macs) / BILLION, len(macs)) if macs else Entry())
        rank = mean([r.ranks["rank"] for r in found if "rank" in r.ranks] or [0])
        reference = Family(found[0].family) is Family.REFERENCE
        label = found[0].label if reference else f"{found[0].label}, {percent(budget)} kept, rank {rank:.0f}"
        rows.append(Row(f"{method} at {budget:g}", label, tuple(entries)))
    return rows


def _entry(value: float, n: int = 1) -> Entry:
    return Entry(value, None, n, digits=2 if value >= 0.1 else 5)
