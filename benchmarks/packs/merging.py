"""Joining packs with a folder of records: everything is checked before anything is written."""

import contextlib
import dataclasses
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks import locks
from benchmarks.files import StoreError, explaining, sync_folder, unique
from benchmarks.packs import archive
from benchmarks.packs.checking import Incoming, checked
from benchmarks.packs.kept import path_of
from benchmarks.packs.layout import PackError

STAGING = ".merging."
LOCK = ".merge.lock"


@dataclasses.dataclass(frozen=True)
class Merged:
    """What a merge did, or with `dry_run` would do."""

    records: tuple[str, ...]  # keys of those that are new
    equal: int  # records that were there already
    manifests: int
    gaps: int
    bytes: int  # written
    notes: tuple[str, ...]
    dry_run: bool


def merge(packs: Sequence[Path], runs: Path, *, dry_run: bool = False) -> Merged:
    """Join packs with the records below `runs`; what is there already is left as it is.

    Files are written into a hidden folder first and then moved to their places, the files beside a record before the
    record. A merge that is interrupted leaves each record as it was or wholly new, and the same command ends it.

    Args:
        packs: Files that `pack` wrote, or somebody claims so.
        runs: The folder of records; it is made if need be.
        dry_run: Check and tell, and write nothing.

    Raises:
        PackError: Anything wrong with any of the packs, all of it; nothing was written.
        StoreError: Another merge is at work, or the folder cannot be written to.
        OSError: A pack cannot be read.
    """
    incoming = checked(packs, runs)
    summary = Merged(
        records=tuple(sorted(incoming.new)),
        equal=incoming.equal,
        manifests=sum(name.startswith("manifests/") for name in incoming.wanted),
        gaps=sum(name.startswith("gaps/") for name in incoming.wanted),
        bytes=sum(size for _, size in incoming.wanted.values()),
        notes=tuple(incoming.notes),
        dry_run=dry_run,
    )
    if dry_run or not incoming.wanted:
        return summary
    with explaining(runs):
        runs.mkdir(parents=True, exist_ok=True)
        lock = locks.acquire(runs / LOCK)
    if lock is None:
        raise StoreError(f"one merge at a time works on a folder, got another at work on {runs}; wait for it")
    with lock, explaining(runs), _staging(runs) as folder:
        staged = _stage(packs, incoming, folder)
        for name, target in _places(incoming, runs):
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged[name], target)
            sync_folder(target.parent)
    return summary


@contextlib.contextmanager
def _staging(runs: Path) -> Iterator[Path]:
    """A folder of our own; what killed merges left goes first."""
    for left in runs.glob(f"{STAGING}*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = runs / f"{STAGING}{unique()}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stage(packs: Sequence[Path], incoming: Incoming, folder: Path) -> dict[str, Path]:
    """Write what is wanted under numbers; a pack that changed since it was checked is refused."""
    staged: dict[str, Path] = {}
    faults: list[str] = []
    for path in packs:
        for member in archive.read(path, faults):
            wanted = incoming.wanted.get(member.name)
            if wanted is None or member.name in staged or member.sha256 != wanted[0]:
                continue
            staged[member.name] = folder / f"{len(staged)}"
            with staged[member.name].open("wb") as file:
                file.write(member.content)
                file.flush()
                os.fsync(file.fileno())
    lost = sorted(set(incoming.wanted) - set(staged))
    if faults or lost:
        raise PackError([*faults, *(f"{name}: changed while the pack was read" for name in lost)])
    return staged


def _places(incoming: Incoming, runs: Path) -> Iterator[tuple[str, Path]]:
    """Where each wanted file goes, in the order in which they are moved: a record comes after all that is its own."""
    for name in incoming.wanted:
        if name.startswith("manifests/"):
            yield name, path_of(runs, Path(name).stem)
        elif name.startswith("gaps/"):
            yield name, runs / name.partition("/")[2]
    for key, record in sorted(incoming.new.items()):
        path = record.path(runs)
        for suffix in (".npz", ".spectra.npz", ".json"):
            if f"records/{key}{suffix}" in incoming.wanted:
                yield f"records/{key}{suffix}", path.with_suffix(suffix)
