"""Manifests that came with packs. They lie beside the records: a store that held them would count what it lacks."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.manifest import Manifest
from benchmarks.packs.contents import manifest_of

FOLDER = "manifests"
SUFFIX = ".manifest"  # not .json, which is what records are found by


def path_of(runs: Path, key: str) -> Path:
    """Where the manifest of a stage made elsewhere is kept, below the folder of records."""
    return runs / FOLDER / key[:2] / f"{key}{SUFFIX}"


def known_manifests(runs: Path) -> dict[str, Manifest]:
    """The manifests that came with packs, by key; files that are none are left out."""
    return dict(_found(runs))


def _found(runs: Path) -> Iterator[tuple[str, Manifest]]:
    for path in sorted((runs / FOLDER).glob(f"??/*{SUFFIX}")):
        manifest, faults = manifest_of(path.read_bytes(), path.stem)
        if manifest is not None and not faults:
            yield path.stem, manifest
