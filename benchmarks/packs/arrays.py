"""Whether an npz file holds plain arrays and nothing else, found out before any array is made."""

import io
import math
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.packs.layout import MOST_UNPACKED, size

PLAIN = "biufU"  # booleans, whole and real numbers, text
READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def check(content: bytes) -> tuple[dict[str, tuple[int, ...]], list[str]]:
    """The shapes of the arrays in an npz file by name, and all that is wrong with the file.

    Sizes are compared with what the headers say before a byte is unpacked beyond them, and an array of objects,
    which only a pickle could hold, is a fault.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _checked(archive)
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, RuntimeError, EOFError) as fault:
        return {}, [f"is an npz file of plain arrays, got: {fault}"]


def _checked(archive: zipfile.ZipFile) -> tuple[dict[str, tuple[int, ...]], list[str]]:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    faults = []
    total = sum(entry.file_size for entry in entries)
    if total > MOST_UNPACKED:
        return {}, [f"unpacks to at most {size(MOST_UNPACKED)}, got {size(total)}"]
    if len(set(names)) < len(names):
        faults.append("has each array once, got one twice")
    shapes: dict[str, tuple[int, ...]] = {}
    for entry in entries:
        label, suffix = entry.filename[:-4], entry.filename[-4:]
        if suffix != ".npy" or "/" in label or "\\" in label or entry.flag_bits & 1:
            faults.append(f"holds .npy arrays only, got {entry.filename[:120]!a}")
            continue
        with archive.open(entry) as file:
            shape, wrong = _header(file, entry.file_size)
            faults += [f"{label[:120]!a} {fault}" for fault in wrong]
            if not wrong:
                while file.read(1 << 20):  # to the end, where the checksum is
                    pass
                shapes[label] = shape
    return shapes, faults


def _header(file: Any, length: int) -> tuple[tuple[int, ...], list[str]]:
    """Shape of one array, and what is wrong with its header."""
    version = np.lib.format.read_magic(file)
    if version not in READERS:
        return (), [f"is an npy array of format 1.0 or 2.0, got {version}"]
    shape, _, kind = READERS[version](file)
    if kind.hasobject or kind.kind not in PLAIN:
        return (), [f"is an array of plain numbers or texts, got {kind}"]
    if math.prod(shape) * kind.itemsize != length - file.tell():
        return (), [f"has the bytes its shape {shape} needs, got {length - file.tell()}"]
    return shape, []


def prediction_faults(shapes: Mapping[str, tuple[int, ...]], splits: list[str]) -> list[str]:
    """What predictions lack: ids and labels (rows,) and logits (rows, outputs) of every split that was scored."""
    faults = []
    for split in splits:
        found = [shapes.get(f"{split}.{what}") for what in ("ids", "labels", "logits")]
        rows = {shape[0] if shape else None for shape in found}
        if len(rows) > 1 or None in rows or len(found[2] or ()) != 2:
            faults.append(f"has ids, labels and logits of all rows of {split}, got shapes {found}")
    return faults
