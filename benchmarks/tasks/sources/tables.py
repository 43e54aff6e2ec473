"""Reads a split out of an Arrow table, as parquet files and the hub give them."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.tasks.definition import TaskDefinition
from benchmarks.tasks.sources.columns import check_columns
from benchmarks.tasks.sources.findings import Findings
from benchmarks.tasks.sources.rows import RawSplit


def read_parquet(task: TaskDefinition, path: Path, findings: Findings) -> RawSplit | None:
    """One split from a parquet file; None when a fault kept it from being read."""
    try:
        table = pq.read_table(path, memory_map=False)
    except (pa.ArrowException, OSError) as error:
        findings.fault(
            str(path), f"is not a readable parquet file ({str(error).splitlines()[0]})", cure="fetch it again"
        )
        return None
    return read_table(task, table, str(path), findings)


def read_table(task: TaskDefinition, table: Any, where: str, findings: Findings) -> RawSplit | None:
    """One split from a ``pyarrow.Table`` with the task's columns; None when a fault kept it from being read.

    Args:
        task: The task.
        table: Text columns, ``label`` and if possible ``idx``; more columns do no harm.
        where: File or split named in faults.
        findings: Takes missing columns, wrong types, classes in another order and bytes that are no UTF-8.
    """
    wanted = (*task.texts, "label")
    if not check_columns(task, wanted, table.column_names, where, findings):
        return None
    before = len(findings.faults)
    _check_types(task, table, where, findings)
    _check_classes(task, table, where, findings)
    if len(findings.faults) > before:
        return None
    texts = [_strings(table, name, where, findings) for name in task.texts]
    positions = range(1, table.num_rows + 1)
    ids = table["idx"].to_pylist() if "idx" in table.column_names else list(range(table.num_rows))
    return RawSplit(where, ids, texts, table["label"].to_pylist(), positions, "row")


def _check_types(task: TaskDefinition, table: Any, where: str, findings: Findings) -> None:
    for name in task.texts:
        kind = table.schema.field(name).type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
            findings.fault(
                where, f"column {name} holds strings, this one holds {kind}", cure="check the columns' order"
            )
    kind = table.schema.field("label").type
    if task.kind == "classification" and not pa.types.is_integer(kind):
        findings.fault(
            where, f"column label holds class ids (integers), this one holds {kind}", cure=_label_ids(task)
        )
    if task.kind == "regression" and not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        findings.fault(where, f"column label holds scores (floats), this one holds {kind}", cure="store numbers")


def _label_ids(task: TaskDefinition) -> str:
    return "store " + ", ".join(f"{number} for {name}" for number, name in enumerate(task.classes))


def _check_classes(task: TaskDefinition, table: Any, where: str, findings: Findings) -> None:
    """Compares class names that the ``datasets`` library stored in the file with the task's."""
    metadata = (table.schema.metadata or {}).get(b"huggingface")
    if metadata is None:
        return
    features = json.loads(metadata).get("info", {}).get("features", {})
    names = features.get("label", {}).get("names")
    if names is not None and tuple(names) != task.classes:
        findings.fault(
            where,
            f"label ids stand for {', '.join(task.classes)} in this order, the file says {', '.join(names)}",
            cure="renumber the labels",
        )


def _strings(table: Any, name: str, where: str, findings: Findings) -> list[str | None]:
    column = table[name]
    try:
        values: list[str | None] = column.to_pylist()
    except UnicodeDecodeError:
        values, places = [], []
        for row, value in enumerate(column.cast(pa.large_binary()).to_pylist(), start=1):
            content: bytes = value or b""
            try:
                values.append(content.decode())
            except UnicodeDecodeError as error:
                places.append(f"row {row} (byte 0x{content[error.start]:02x})")
                values.append("?")
        findings.fault(where, f"{name} is UTF-8", places, "write the file again from UTF-8 text")
    return values
