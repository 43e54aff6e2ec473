"""What the files of a pack say: records and manifests of the right shape, each under the key that is its own."""

import dataclasses
import re
from pathlib import Path, PurePosixPath
from typing import Any

from benchmarks import records, shapes
from benchmarks.entries import SCHEMA
from benchmarks.manifest import LAYOUT, Manifest
from benchmarks.packs.layout import RECORD_KEY
from benchmarks.records import Record
from methods.stages.stage import digest

TASK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
HASH = re.compile(r"[0-9a-f]{64}")
LONGEST = 200  # bytes of a record's file name
OWN = ("provenance", "cost", "latency")  # what two labs may say differently of one measurement


def record_of(content: bytes, key: str) -> tuple[Record | None, list[str]]:
    """The record in a file of a pack, or all that keeps it from being one."""
    try:
        data = shapes.parse(content)
    except ValueError as fault:
        return None, [f"a record is a JSON object, got: {fault}"]
    if data.get("schema") != SCHEMA:
        return None, [f"a record has schema {SCHEMA}, got {ascii(data.get('schema'))[:20]}; use the matching weighin"]
    faults = shapes.faults(data, Record)
    if faults:
        return None, [f"not a record: {fault}" for fault in faults]
    record = records.from_json(data)
    if record.key != key or not re.fullmatch(RECORD_KEY, record.key):
        faults.append(f"a record is named after its key, got {record.key[:80]!a}")
    if not TASK.fullmatch(record.task):
        faults.append(f"a task's name has letters, digits, '.', '_' and '-', got {record.task[:80]!a}")
    if not faults:
        faults += _place_faults(record)
    return (None, faults) if faults else (record, [])


def _place_faults(record: Record) -> list[str]:
    """Where the record and its files would go: below the folder, under names that are its own."""
    path = PurePosixPath(record.path(Path()).as_posix())
    named = record.predictions, record.inspection.arrays if record.inspection else ""
    own = path.with_suffix(".npz").name, path.with_suffix(".spectra.npz").name
    faults = [
        f"the files beside a record have its own name, got {got[:120]!a} instead of {name}"
        for got, name in zip(named, own, strict=True)
        if got not in ("", name)
    ]
    if len(path.parts) != 3 or ".." in path.parts or any(part.startswith(".") for part in path.parts):
        faults.append(f"a record goes to <backbone>/<task>/ below the records, got {str(path)[:120]!a}")
    if len(path.name.encode()) > LONGEST:
        faults.append(f"a record's file name has at most {LONGEST} bytes, got {len(path.name.encode())}")
    if record.split not in record.metrics or record.metric not in record.metrics[record.split]:
        faults.append(f"a record has the table's value, got none for {record.metric!a} of {record.split!a}")
    return faults


def comparable(record: Record) -> str:
    """A hash of all that two measurements of one key must agree in."""
    value = dataclasses.asdict(record)
    for name in OWN:
        del value[name]
    return digest(value)


def differing(one: Record, other: Record) -> list[str]:
    """The fields in which two records of one key disagree."""
    return [
        field.name
        for field in dataclasses.fields(Record)
        if field.name not in OWN and getattr(one, field.name) != getattr(other, field.name)
    ]


def manifest_of(content: bytes, key: str) -> tuple[Manifest | None, list[str]]:
    """The manifest in a file of a pack, or all that keeps it from being one."""
    try:
        data = shapes.parse(content)
    except ValueError as fault:
        return None, [f"a manifest is a JSON object, got: {fault}"]
    layout = data.get("layout", 1)
    if not isinstance(layout, int) or layout > LAYOUT:
        return None, [
            f"this weighin knows manifests up to layout {LAYOUT}, got {ascii(layout)[:20]}; use a newer one"
        ]
    faults = shapes.faults(data, Manifest)
    if faults:
        return None, [f"not a manifest: {fault}" for fault in faults]
    manifest = Manifest.from_json(data)
    faults = [*manifest.faults(), *_identity_faults(manifest, key)]
    return (None, faults) if faults else (manifest, [])


def _identity_faults(manifest: Manifest, key: str) -> list[str]:
    """A key is the hash of what it stands for, so a manifest cannot speak for another's."""
    faults = []
    if manifest.key != key:
        faults.append(f"a manifest is named after its key, got {manifest.key[:80]!a}")
    if digest(manifest.description) != key:
        faults.append("a stage's key is the hash of its description, got another description")
    return faults


def gap_of(content: bytes) -> tuple[dict[str, Any], list[str]]:
    """The JSON object of a gap, or what keeps it from being one."""
    try:
        return shapes.parse(content), []
    except ValueError as fault:
        return {}, [f"a gap is a JSON object, got: {fault}"]
