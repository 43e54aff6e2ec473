"""What a pack holds, under which names, and how large it may be.

A pack is a zstd-compressed tar of regular files in the order of their names:

- `pack.json`: `{"layout": 1, "files": {name: {"sha256", "size"}}}` of all others;
- `records/<key>.json`, `.npz` (predictions), `.spectra.npz`;
- `manifests/<key>.json`: how stages were made, without what they left;
- `gaps/<path>.gap.json`: cells that have no record, and why.

No name of a pack becomes a path but that of a gap: where a record goes follows from its content.
"""

import re
from typing import Literal

LAYOUT = 1
INVENTORY = "pack.json"

MOST_BYTES = 4 << 30  # of a pack, unpacked
MOST_FILES = 200_000
MOST_JSON = 4 << 20  # bytes of one JSON file; the inventory may have as many again for each thousand files
MOST_INVENTORY = 64 << 20
MOST_ARRAYS = 256 << 20  # bytes of one npz file
MOST_UNPACKED = 1 << 30  # bytes of the arrays in one npz file
MOST_WINDOW = 128 << 20  # what the decompressor may be asked to remember

Kind = Literal["inventory", "record", "predictions", "spectra", "manifest", "gap"]

RECORD_KEY = r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}"
STAGE_KEY = r"[0-9a-f]{64}"
PART = r"[\w+=,()-][\w.+=,()-]{0,79}"  # one step of a path: no separator, not hidden
NAMES: tuple[tuple[Kind, re.Pattern[str], int], ...] = (
    ("inventory", re.compile(re.escape(INVENTORY)), MOST_INVENTORY),
    ("spectra", re.compile(rf"records/(?P<key>{RECORD_KEY})\.spectra\.npz"), MOST_ARRAYS),
    ("predictions", re.compile(rf"records/(?P<key>{RECORD_KEY})\.npz"), MOST_ARRAYS),
    ("record", re.compile(rf"records/(?P<key>{RECORD_KEY})\.json"), MOST_JSON),
    ("manifest", re.compile(rf"manifests/(?P<key>{STAGE_KEY})\.json"), MOST_JSON),
    ("gap", re.compile(rf"gaps/(?P<key>(?:{PART}/){{0,3}}{PART}\.gap\.json)"), MOST_JSON),
)


class PackError(ValueError):
    """A pack that is not taken, or cannot be made; the message has all faults, one a line."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def place(name: str) -> tuple[Kind, str, int] | None:
    """What a file of this name is, its key, and how many bytes it may have; None for no name of a pack."""
    for kind, pattern, most in NAMES:
        found = pattern.fullmatch(name)
        if found is not None:
            return kind, found.groupdict().get("key") or "", most
    return None


def size(count: int) -> str:
    """Bytes in words: '3.2 MB'."""
    number = float(count)
    for unit in ("bytes", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
