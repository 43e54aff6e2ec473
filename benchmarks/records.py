"""A record: everything about one measurement, as a JSON file that can be read without this program."""

import dataclasses
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import strangers
from benchmarks.entries import SCHEMA, Entry

if TYPE_CHECKING:
    import pandas as pd


@dataclasses.dataclass(frozen=True)
class Sizes:
    """The four size counters, and the dense encoder they are fractions of."""

    encoder_nonzero: int  # non-zero weights of the encoder matrices
    encoder_weights: int  # stored weights of the encoder matrices
    whole_parameters: int  # all parameters of the deployed model
    macs: int  # multiply-accumulates of one input of `macs_length` word pieces (fvcore, eager attention)
    macs_length: int
    dense_encoder_weights: int  # the 100 % of every budget


@dataclasses.dataclass(frozen=True)
class Cost:
    """What the measurement cost to make."""

    seconds_marginal: float  # the stages beyond tokenising and the dense teacher, which every method needs
    seconds_standalone: float  # everything, as if this method were run alone
    peak_memory_bytes: int  # largest of its stages


@dataclasses.dataclass(frozen=True)
class Inspection:
    """The encoder matrices one by one."""

    tolerance: str  # what a singular value must exceed to count for the numerical rank
    matrices: dict[str, dict[str, float]]  # name -> out, in, rank, ..., and factor_rank where factorized
    arrays: str  # file beside the record, see `benchmarks.spectra`; empty where every matrix is factorized
    pattern: str  # the matrix whose non-zero weights are in that file


@dataclasses.dataclass(frozen=True)
class Latency:
    """How long the model's forward pass took on one machine; only like is comparable with like."""

    length: int  # word pieces of every input
    repeats: int
    precision: str
    device: str
    threads: int
    batches: dict[str, dict[str, float]]  # batch size -> lower_quartile, median, upper_quartile in milliseconds

    @property
    def place(self) -> tuple[Any, ...]:
        """What must be equal before two latencies are compared."""
        return self.length, self.precision, self.device, self.threads


@dataclasses.dataclass(frozen=True)
class Record(Entry):
    """One measurement.

    `metrics` maps split -> metric -> value (fractions; correlations in [-1, 1]); `metric` and `split` name the
    table's. `ranks` holds averages over the compressed matrices (`sparse_...`: of the pruned model on the way);
    the matrices one by one are in `inspection`. `notes` are footnotes: fall-backs, rebuilt data.
    """

    key: str  # sha256 of setting, method and evaluated stage
    metrics: dict[str, dict[str, float]]
    predictions: str  # file beside the record: npz of ids, labels, logits for every split
    sizes: Sizes
    ranks: dict[str, float]
    cost: Cost
    stage: str  # key of the evaluated stage
    provenance: dict[str, Any]  # commit, package versions, device, threads, host kind, data origin
    notes: tuple[str, ...] = ()
    inspection: Inspection | None = None  # None: measured before matrices were looked at one by one
    latency: Latency | None = None  # None: not asked for
    # with tuned values: what they were selected on ('heldout' or 'dev'), and which; None: no search was asked for
    tuned: dict[str, Any] | None = None
    schema: int = SCHEMA

    @property
    def value(self) -> float:
        """The table's value, as a fraction."""
        return self.metrics[self.split][self.metric]

    def path(self, folder: Path) -> Path:
        """Its file below `folder`."""
        return self.place(folder, self.key, ".json")

    def write(self, folder: Path) -> Path:
        """Write the record below `folder`, whole or not at all."""
        return self.keep(self.path(folder))


def read(path: Path, *, inspected: bool = True) -> Record:
    """Read one record file; a file that is not a record of this schema is a `ValueError` that names it.

    Args:
        path: The file.
        inspected: Also read its matrices one by one, most of the file; otherwise `inspection` is None.
    """
    try:
        text = path.read_bytes()
        data = json.loads(text if inspected else _without_inspection(text))
        if data["schema"] != SCHEMA:
            raise ValueError(f"{path}: a record has schema {SCHEMA}, got {data['schema']}; use the matching weighin")
        strangers.check(text, data)
        if not inspected:
            data.pop("inspection", None)
        return from_json(data)
    except (KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise ValueError(f"{path}: not a record ({fault}); remove the file or run the table again") from fault


def from_json(data: dict[str, Any]) -> Record:
    """The record of plain data.

    Raises:
        KeyError, TypeError: `data` is not what `dataclasses.asdict` makes of one.
    """
    inspection, latency = data.get("inspection"), data.get("latency")
    return Record(
        **{
            **data,
            "sizes": Sizes(**data["sizes"]),
            "cost": Cost(**data["cost"]),
            "notes": tuple(data["notes"]),
            "inspection": None if inspection is None else Inspection(**inspection),
            "latency": None if latency is None else Latency(**latency),
        }
    )


def _without_inspection(text: bytes) -> bytes:
    """The text with the matrices cut out, as `Record.write` lays it out; whole where it is laid out otherwise."""
    start = text.find(b'\n "inspection": {\n')
    end = text.find(b"\n },\n", start)
    return text if min(start, end) < 0 else text[:start] + text[end + len(b"\n },") :]


def read_all(folder: Path, *, inspected: bool = True) -> Iterator[Record]:
    """Every record below a folder, in the order of the paths; for `inspected` see `read`."""
    for path in sorted(folder.rglob("*.json")):
        if not path.name.endswith(".gap.json"):  # why a cell has no record, see `benchmarks.gaps`
            yield read(path, inspected=inspected)


EXPORT_COLUMNS: Sequence[str] = (
    "method",
    "backbone",
    "task",
    "protocol",
    "budget",
    "seed",
    "metric",
    "value",
    "encoder_weights",
    "encoder_nonzero",
    "whole_parameters",
    "macs",
    "seconds_marginal",
    "seconds_standalone",
    "latency_ms",
    "key",
)


def frame(records: Iterable[Record]) -> "pd.DataFrame":
    """One row a record, the columns of `EXPORT_COLUMNS`, sorted so that equal records give equal bytes."""
    import pandas as pd  # starts a thread, which what forks must not have

    rows = [
        {
            "method": strangers.cell(record.method),
            "backbone": strangers.cell(record.backbone),
            "task": strangers.cell(record.task),
            "protocol": strangers.cell(record.protocol),
            "budget": record.budget,
            "seed": record.seed,
            "metric": record.metric,
            "value": record.value,
            "encoder_weights": record.sizes.encoder_weights,
            "encoder_nonzero": record.sizes.encoder_nonzero,
            "whole_parameters": record.sizes.whole_parameters,
            "macs": record.sizes.macs,
            "seconds_marginal": record.cost.seconds_marginal,
            "seconds_standalone": record.cost.seconds_standalone,
            "latency_ms": record.latency.batches.get("1", {}).get("median") if record.latency else None,
            "key": record.key,
        }
        for record in records
    ]
    table = pd.DataFrame(rows, columns=list(EXPORT_COLUMNS))
    return table.sort_values(
        ["backbone", "task", "protocol", "method", "budget", "seed", "key"], ascending=True, ignore_index=True
    )
