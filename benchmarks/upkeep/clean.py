"""Which artifacts and left-overs of a store nobody needs, and how they are removed."""

import contextlib
import dataclasses
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from benchmarks import presence
from benchmarks.evaluate import PREDICTIONS
from benchmarks.files import StoreError, explaining, unique
from benchmarks.inspection import Inspect
from benchmarks.latency import Latency
from benchmarks.manifest import Manifest
from benchmarks.records import read_all
from benchmarks.store import Store

TRASH = ".trash"
MEASURES = frozenset({Inspect.kind, Latency.kind})  # a record is made of these too, though it names them not


@dataclasses.dataclass(frozen=True)
class Item:
    """Something that may go.

    Attributes:
        what: A stage's kind; or 'checkpoint', 'corrupt artifact', 'work of a dead process', 'trash'.
        path: Its folder.
        key: The stage's key.
        size: Bytes.
        artifact: Whether it is a whole artifact.
    """

    what: str
    path: Path
    key: str
    size: int
    artifact: bool


@dataclasses.dataclass(frozen=True)
class Survey:
    """What may go, and how much stays.

    Attributes:
        items: What nobody needs.
        kept: Artifacts that stay.
        kept_size: Their bytes.
        rule: Why these stay, in words.
        runs: The runs that are at work on the store.
    """

    items: tuple[Item, ...]
    kept: int
    kept_size: int
    rule: str
    runs: tuple[presence.Run, ...] = ()

    @property
    def size(self) -> int:
        """Bytes that removal frees."""
        return sum(item.size for item in self.items)


def survey(store: Store, records: Path, needed: Collection[str] | None = None) -> Survey:
    """Look a store through; changes nothing.

    Predictions stay, whatever the plan: an artifact that holds them is never offered. What is being made stays too.

    Args:
        store: The store.
        records: The folder of records.
        needed: Keys of the stages that a plan needs; None: keep what the records stand on.
    """
    manifests = {manifest.key: manifest for manifest in store.manifests()}
    making = {key for key, _ in store.locked()}
    if needed is None:
        rule = f"the records in {records} stand on them, or they hold predictions"
        needed = set(_below(manifests, _recorded(records)))
        needed |= {key for key, each in manifests.items() if each.kind in MEASURES and each.inputs.keys() <= needed}
    else:
        rule = "the plan needs them, or they hold predictions"
    free = [
        manifest
        for key, manifest in sorted(manifests.items())
        if key not in needed and key not in making and PREDICTIONS not in manifest.files
    ]
    items = [Item(each.kind, store.folder(each.key), each.key, each.size, artifact=True) for each in free]
    items += [item for item in _left_over(store, needed) if item.key not in making]
    kept = manifests.keys() - {each.key for each in free}
    return Survey(
        tuple(items), len(kept), sum(manifests[key].size for key in kept), rule, tuple(presence.present(store.root))
    )


def remove(store: Store, found: Survey) -> int:
    """Remove what a survey found; returns the bytes freed.

    An artifact is moved out of sight first, in one step, so that it is whole or absent whenever this is killed; what
    a kill leaves in the trash goes the next time. A stage that somebody has begun to make since stays.

    Raises:
        StoreError: A run is at work on the store, or the store cannot be written to.
    """
    runs = list(presence.present(store.root))
    if runs:
        raise StoreError(
            f"a store is cleaned while no run is at work on it, got process {runs[0].pid} on {runs[0].host}; wait "
            "for its end, or stop it: it goes on where it was"
        )
    freed = 0
    for item in found.items:
        grave = store.root / TRASH / f"{item.key or 'left'}.{unique()}"
        with explaining(grave):
            grave.parent.mkdir(exist_ok=True)
            if item.artifact:
                lock = store.lock(item.key)
                if lock is None:
                    continue
                with lock, contextlib.suppress(FileNotFoundError):
                    item.path.rename(grave)
            else:
                with contextlib.suppress(FileNotFoundError):
                    item.path.rename(grave)
            shutil.rmtree(grave, ignore_errors=True)
        freed += item.size
    return freed


def _recorded(folder: Path) -> Iterator[str]:
    if folder.is_dir():
        yield from (record.stage for record in read_all(folder, inspected=False))


def _below(manifests: dict[str, Manifest], keys: Iterator[str]) -> Iterator[str]:
    """These keys and all that their artifacts were made of."""
    seen: set[str] = set()
    waiting = list(keys)
    while waiting:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        yield key
        if key in manifests:
            waiting += manifests[key].inputs


def _left_over(store: Store, needed: Collection[str]) -> Iterator[Item]:
    """What killed processes, corrupt artifacts and earlier cleanings left."""
    for folder, what in (
        (".work", "work of a dead process"),
        (".corrupt", "corrupt artifact"),
        (TRASH, "trash"),
        (".scratch", "checkpoint"),
    ):
        for path in sorted((store.root / folder).glob("[!.]*")):
            key = path.name.partition(".")[0]
            if folder == ".scratch" and key in needed and not store.complete(key):
                continue  # a training goes on from it
            size = sum(one.stat().st_size for one in path.rglob("*") if one.is_file())
            yield Item(what, path, key, size, artifact=False)
