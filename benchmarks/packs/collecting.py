"""Making a pack: records with what lies beside them, and the manifests of the stages they stand on."""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks import inspection, records
from benchmarks.evaluate import PREDICTIONS
from benchmarks.files import sha256
from benchmarks.manifest import Manifest
from benchmarks.packs import archive
from benchmarks.packs.contents import comparable, record_of
from benchmarks.packs.kept import known_manifests
from benchmarks.packs.layout import INVENTORY, LAYOUT, PackError, place
from benchmarks.records import Record
from benchmarks.store import Store

GAP = ".gap.json"
SUFFIX = ".tar.zst"


@dataclasses.dataclass(frozen=True)
class Packed:
    """What went into a pack; `notes` say what did not."""

    file: Path
    records: int
    predictions: int
    manifests: int
    gaps: int
    size: int
    notes: tuple[str, ...] = ()


def pack(file: Path, runs: Path, store: Store) -> Packed:
    """Write all records below `runs` into one file, with predictions, spectra, gaps and manifests, without weights.

    Equal records give equal bytes, whenever and wherever they are packed.

    Args:
        file: What to write; its name ends in .tar.zst.
        runs: The folder of records.
        store: Where the manifests of their stages are, as far as they are still there.

    Raises:
        PackError: No record, two records of one key, or what `merge` would not take; all of it.
        OSError: The disk refused.
    """
    faults: list[str] = []
    if not file.name.endswith(SUFFIX):
        faults.append(f"a pack's name ends in {SUFFIX}, got {file.name}")
    contents: dict[str, bytes | Path] = {}
    found = _records(runs, contents, faults)
    gaps = _gaps(runs, contents, faults)
    if not found and not gaps and not faults:
        faults.append(f"--runs is a folder with records, got {runs} with none; run a table first")
    if faults:
        raise PackError(faults)
    hashes = {name: sha256(path) for name, path in contents.items() if isinstance(path, Path)}
    made, notes = _manifests(found, runs, store, hashes)
    for key, manifest in made.items():
        contents[f"manifests/{key}.json"] = _text(manifest.to_json())
    contents[INVENTORY] = _inventory(contents, hashes)
    predictions = sum(f"records/{key}.npz" in contents for key in found)
    if predictions < len(found):
        notes.append(f"{len(found) - predictions} records have no predictions beside them")
    file.parent.mkdir(parents=True, exist_ok=True)
    archive.write(file, contents)
    return Packed(file, len(found), predictions, len(made), gaps, file.stat().st_size, tuple(notes))


def _records(runs: Path, contents: dict[str, bytes | Path], faults: list[str]) -> dict[str, Record]:
    """The records by key; they and their files are added to `contents`."""
    found: dict[str, Record] = {}
    for path in sorted(runs.rglob("*.json")):
        if path.name.endswith(GAP):
            continue
        try:
            key = records.read(path).key
        except ValueError as fault:
            faults.append(str(fault))
            continue
        record, wrong = record_of(path.read_bytes(), key)
        faults += [f"{path}: {fault}" for fault in wrong]
        if record is None:
            continue
        if key in found:
            if comparable(found[key]) != comparable(record):
                faults.append(
                    f"{path}: a key has one record, got two that differ; move the older one out of the folder"
                )
            continue
        found[key] = record
        contents[f"records/{key}.json"] = _text(dataclasses.asdict(record))
        spectra = record.inspection.arrays if record.inspection else ""
        for beside, suffix in ((record.predictions, ".npz"), (spectra, ".spectra.npz")):
            if beside and path.with_name(beside).is_file():
                contents[f"records/{key}{suffix}"] = path.with_name(beside)
    return found


def _gaps(runs: Path, contents: dict[str, bytes | Path], faults: list[str]) -> int:
    count = 0
    for path in sorted(runs.rglob(f"*{GAP}")):
        name = f"gaps/{path.relative_to(runs).as_posix()}"
        if place(name) is None:
            faults.append(f"{path}: a gap lies at most three folders deep under a plain name, got another")
            continue
        contents[name] = path
        count += 1
    return count


def _manifests(
    found: Mapping[str, Record], runs: Path, store: Store, hashes: Mapping[str, str]
) -> tuple[dict[str, Manifest], list[str]]:
    """The manifests the records stand on: of their stages, of all below these, and of who looked at the models."""
    known = known_manifests(runs)
    made: dict[str, Manifest] = {}
    missing = other = 0
    for key, record in found.items():
        top = _fitting(record.stage, hashes.get(f"records/{key}.npz"), store, known)
        if top is None:
            missing += not store.complete(record.stage) and record.stage not in known
            other += store.complete(record.stage) or record.stage in known
            continue
        for manifest in _below(top, store, known, made):
            made[manifest.key] = manifest
    for manifest in (*store.manifests(), *known.values()):
        if manifest.kind == inspection.Inspect.kind and set(manifest.inputs) <= set(made):
            made.setdefault(manifest.key, manifest)
    notes = [f"{missing} records have no manifests left in the store {store.root}"] * bool(missing)
    if other:
        notes.append(f"{other} records have other predictions than the store's stage; their manifests stay here")
    return made, notes


def _fitting(key: str, predictions: str | None, store: Store, known: Mapping[str, Manifest]) -> Manifest | None:
    """The manifest of a measurement whose predictions are those of the record."""
    for manifest in (store.manifest(key), known.get(key)):
        if manifest is None:
            continue
        entry = manifest.files.get(PREDICTIONS)
        if predictions is None or entry is None or entry.sha256 == predictions:
            return manifest
    return None


def _below(
    top: Manifest, store: Store, known: Mapping[str, Manifest], made: Mapping[str, Manifest]
) -> Iterator[Manifest]:
    """A manifest and those of all it stands on that are known and not yet `made`."""
    ahead = [top]
    seen = {top.key}
    while ahead:
        manifest = ahead.pop()
        yield manifest
        for key in manifest.inputs:
            needed = None if key in seen or key in made else store.manifest(key) or known.get(key)
            seen.add(key)
            if needed is not None:
                ahead.append(needed)


def _inventory(contents: Mapping[str, bytes | Path], hashes: Mapping[str, str]) -> bytes:
    files = {}
    for name, content in contents.items():
        if isinstance(content, Path):
            files[name] = {"sha256": hashes[name], "size": content.stat().st_size}
        else:
            files[name] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    return _text({"layout": LAYOUT, "files": files})


def _text(value: object) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()
