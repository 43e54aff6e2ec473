"""What is wrong with environment, store, data and machine, and what to do about it; looks only."""

import dataclasses
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement

from benchmarks import backbones, locks, presence, tasks
from benchmarks.engines import machine
from benchmarks.files import StoreError
from benchmarks.manifest import LAYOUT
from benchmarks.records import read
from benchmarks.store import Store
from benchmarks.tasks import sources

Level = Literal["ok", "warning", "fault"]
ROOM = 5 << 30  # bytes a grid of BERT-base models fills quickly
STAGE = 2 << 30  # bytes of memory a stage of BERT-base takes, about
EXTRAS = {"plotly": "page", "distributed": "cluster", "dask_jobqueue": "cluster", "accelerate": "bench"}
NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "lustre", "gpfs", "beegfs", "fuse.sshfs", "ceph"})


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        topic: What was looked at.
        level: 'ok'; 'warning': results are right, but it may cost time or surprise; 'fault': a run would fail.
        found: What is the case.
        cure: What to do; empty where all is well.
    """

    topic: str
    level: Level
    found: str
    cure: str = ""


def examine(
    store: Path, runs: Path, *, data: str | None = None, backbone: str | None = None, thorough: bool = False
) -> list[Finding]:
    """Look at everything; changes nothing and asks no network.

    Args:
        store: The store's folder.
        runs: The folder of records.
        data: A folder of task data to look for tasks in, if any.
        backbone: A folder or known name of an encoder to look at, if any.
        thorough: Hash every file of the store, else only the small ones.
    """
    looks: list[Callable[[], Iterator[Finding]]] = [
        _python,
        _packages,
        _shadows,
        _machine,
        _accelerator,
        _hub,
        lambda: _place(store),
        lambda: _artifacts(Store(store), thorough=thorough),
        lambda: _state(Store(store)),
        lambda: _records(runs),
    ]
    if data is not None:
        looks.append(lambda: _data(data))
    if backbone is not None:
        looks.append(lambda: _backbone(backbone))
    return [finding for look in looks for finding in _safely(look)]


def _safely(look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """A look that cannot be taken is a finding too."""
    try:
        yield from look()
    except (OSError, StoreError) as fault:
        yield Finding("access", "fault", str(fault), "make the place readable, or name another")


def _python() -> Iterator[Finding]:
    fine = sys.version_info >= (3, 11)
    found = f"{platform.python_version()} at {sys.prefix}"
    yield Finding("python", "ok" if fine else "fault", found, "" if fine else "weighin needs Python 3.11 or later")


def _packages() -> Iterator[Finding]:
    try:
        requirements = [Requirement(text) for text in metadata.requires("weighin") or ()]
    except metadata.PackageNotFoundError:
        yield Finding(
            "packages",
            "warning",
            "weighin is not installed, it runs from its sources: versions are not checked",
            "python -m pip install -c constraints.txt -e .",
        )
        return
    wrong = []
    needed = [one for one in requirements if one.marker is None or one.marker.evaluate({"extra": ""})]
    for one in needed:
        try:
            version = metadata.version(one.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{one} is missing")
            continue
        if not one.specifier.contains(version, prereleases=True):
            wrong.append(f"{one} is asked for, {version} is installed")
    if wrong:
        cure = "python -m pip install -c constraints.txt -e ."
        yield Finding("packages", "fault", "; ".join(wrong), cure)
    else:
        torch = metadata.version("torch")
        yield Finding("packages", "ok", f"all {len(needed)} at versions that fit, torch {torch}")
    absent = sorted({extra for name, extra in EXTRAS.items() if importlib.util.find_spec(name) is None})
    if absent:
        found = f"without the extras {', '.join(absent)}: their commands say so when they are used"
        yield Finding("packages", "ok", found)


def _shadows() -> Iterator[Finding]:
    """Our top-level packages have plain names, which another distribution may have too."""
    providers = metadata.packages_distributions()
    for name in ("methods", "benchmarks", "reports"):
        others = sorted(set(providers.get(name, ())) - {"weighin"})
        if others:
            yield Finding(
                "packages",
                "fault",
                f"the package '{name}' is also installed by {', '.join(others)}: one of the two is hidden",
                f"python -m pip uninstall {others[0]}, or give weighin an environment of its own",
            )


def _machine() -> Iterator[Finding]:
    cores, memory = machine.cores(), machine.memory()
    known = "unknown" if memory is None else f"{memory / 2**30:.1f} GiB"
    found = f"{cores} cores, {known} of memory free, {platform.system()} {platform.machine()}"
    if memory is not None and memory < cores * STAGE:
        jobs = max(1, memory // STAGE)
        yield Finding(
            "machine",
            "warning",
            f"{found}; a stage of BERT-base takes about 2 GiB",
            f"use --jobs {jobs} for such models",
        )
    else:
        yield Finding("machine", "ok", found)
    threads = os.environ.get("OMP_NUM_THREADS")
    if threads and threads.isdigit() and int(threads) > cores:
        yield Finding(
            "machine",
            "warning",
            f"OMP_NUM_THREADS is {threads} on {cores} cores: threads wait for each other",
            "unset it; every stage gets its share of the cores",
        )


def _accelerator() -> Iterator[Finding]:
    import torch

    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(place) for place in range(torch.cuda.device_count())]
        half = "with" if torch.cuda.is_bf16_supported() else "without"
        yield Finding("accelerator", "ok", f"{', '.join(names)}, CUDA {torch.version.cuda}, {half} bfloat16")
    elif shutil.which("nvidia-smi"):
        build = torch.version.cuda or "the processor alone"
        yield Finding(
            "accelerator",
            "warning",
            f"there is an NVIDIA driver, but torch {torch.__version__} is built for {build}",
            "install a torch built for CUDA that the driver supports; nvidia-smi says which",
        )
    else:
        half = torch.backends.cpu.get_cpu_capability() if hasattr(torch.backends, "cpu") else "unknown"
        yield Finding("accelerator", "ok", f"none; stages run on the processor ({half})")


def _hub() -> Iterator[Finding]:
    offline = [
        name for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE") if os.environ.get(name, "0") not in ("0", "")
    ]
    if offline:
        found = f"{' and '.join(offline)} set: what is not in the cache is not fetched"
        yield Finding("hub", "ok", found)
    else:
        yield Finding("hub", "ok", "may be asked for encoders and data (not tried here)")


def _place(store: Path) -> Iterator[Finding]:
    place = next(path for path in (store.absolute(), *store.absolute().parents) if path.exists())
    if not place.is_dir():
        yield Finding("store", "fault", f"{place} is a file", "name a folder: --store DIR")
        return
    if not os.access(place, os.W_OK | os.X_OK):
        yield Finding(
            "store", "fault", f"{place} cannot be written to", "mount it writable, or name another: --store DIR"
        )
    free = shutil.disk_usage(place).free
    kind = _file_system(place)
    found = f"{store}{'' if place == store.absolute() else ' (not there yet)'}, {free / 2**30:.1f} GiB free on {kind}"
    if free < ROOM:
        yield Finding("store", "warning", found, "weighin clean, or name another: --store DIR")
    else:
        yield Finding("store", "ok", found)
    if kind in NETWORK:
        yield Finding(
            "store",
            "ok",
            "on a network file system: several hosts may share it; locks rest on its clock and on exclusive creation",
        )


def _file_system(place: Path) -> str:
    """Its kind, as the system's list of mounts says; 'an unknown file system' elsewhere."""
    best, kind = "", "an unknown file system"
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return kind
    for line in lines:
        _, mount, name, *_ = line.split()
        if place.is_relative_to(mount) and len(mount) >= len(best):
            best, kind = mount, name
    return kind


def _artifacts(store: Store, *, thorough: bool) -> Iterator[Finding]:
    harmed, newer, count, size = [], [], 0, 0
    for key in list(store.keys()):
        try:
            manifest = store.manifest(key)
        except StoreError:
            newer.append(key)
            continue
        count += 1
        size += manifest.size if manifest else 0
        faults = store.verify(key, thorough=thorough)
        if faults:
            harmed.append(f"{key[:12]} ({faults[0]})")
    looked = "every file hashed" if thorough else "small files hashed, sizes compared"
    if newer:
        yield Finding(
            "store",
            "fault",
            f"{len(newer)} artifacts have a layout newer than {LAYOUT}, e.g. {newer[0][:12]}",
            "a newer weighin wrote them: update this one, or name another store",
        )
    if harmed:
        more = f" and {len(harmed) - 3} more" if len(harmed) > 3 else ""
        found = f"{len(harmed)} of {count} artifacts are not what their manifests say: {', '.join(harmed[:3])}{more}"
        yield Finding("store", "warning", found, "the next run sets them aside and makes them anew; look at the disk")
    elif count:
        yield Finding("store", "ok", f"{count} artifacts, {size / 1e6:.1f} MB, sound ({looked})")


def _state(store: Store) -> Iterator[Finding]:
    failures = list(store.failures())
    own = [one for one in failures if one.cause == "method"]
    if own:
        found = f"{len(own)} stages failed by their own fault, e.g. {own[0].kind} {own[0].key[:12]}: {own[0].reason}"
        yield Finding("store", "warning", found, "mend the cause, then run with --retry-failed")
    stale = [
        path
        for path in (store.root / ".locks").glob("[!.]*.lock")
        if path.stat().st_size and locks.holder(path) is None
    ]
    if stale:
        yield Finding("store", "ok", f"{len(stale)} locks of dead processes: the next run takes them over")
    left = [path for name in (".work", ".corrupt", ".trash") for path in (store.root / name).glob("[!.]*")]
    making = {key for key, _ in store.locked()}
    left = [path for path in left if path.name.partition(".")[0] not in making]
    if left:
        yield Finding(
            "store", "warning", f"{len(left)} left-overs of dead processes and harmed artifacts", "weighin clean"
        )
    for run in presence.present(store.root):
        yield Finding(
            "store", "ok", f"process {run.pid} on {run.host} is at work on it ({run.engine}, {run.slots} at a time)"
        )


def _records(runs: Path) -> Iterator[Finding]:
    if not runs.is_dir():
        yield Finding("records", "ok", f"{runs} is not there yet; the first run makes it")
        return
    faults, lonely, count = [], [], 0
    for path in sorted(runs.rglob("*.json")):
        if path.name.endswith(".gap.json"):
            continue
        try:
            record = read(path, inspected=False)
        except ValueError as fault:
            faults.append(str(fault))
            continue
        count += 1
        if record.predictions and not (path.parent / record.predictions).is_file():
            lonely.append(path.name)
    if faults:
        found = f"{len(faults)} files are no records this version reads: {faults[0]}"
        yield Finding("records", "fault", found, "move them elsewhere, or use the weighin that wrote them")
    if lonely:
        found = f"{len(lonely)} records lack their predictions, e.g. {lonely[0]}: no test over examples for them"
        yield Finding("records", "warning", found, "run their table again; what is stored is not computed again")
    if not faults:
        yield Finding("records", "ok", f"{count} in {runs}")


def _data(location: str) -> Iterator[Finding]:
    if not Path(location).is_dir():
        yield Finding("data", "fault", f"{location} is no folder", "name a folder of task folders")
        return
    found: dict[str, str] = {}
    lacking: list[str] = []
    faults: dict[str, str] = {}
    for name, task in tasks.available().items():
        if name.startswith("mini-"):
            continue
        try:
            loaded = sources.load(task, location)
        except ValueError as fault:
            if "has no folder" in str(fault):
                lacking.append(name)
            else:
                faults[name] = str(fault)
        else:
            found[name] = f"{len(loaded.splits[task.train_split]):,} training rows, {loaded.fingerprint[:12]}"
    for name, words in found.items():
        yield Finding("data", "ok", f"{name}: {words}")
    for name, words in faults.items():
        yield Finding(
            "data", "fault", f"{name}: {words}", "see the README's 'On real data' for the forms that are read"
        )
    if lacking:
        level: Level = "ok" if found else "fault"
        cure = "" if found else "name a folder with <task>/{train,validation}.parquet, or GLUE's own folders"
        yield Finding("data", level, f"not in {location}: {', '.join(lacking)}", cure)


def _backbone(text: str) -> Iterator[Finding]:
    try:
        encoder = backbones.get(text)
    except ValueError as fault:
        yield Finding("backbone", "fault", str(fault), "name a folder with config.json and model.safetensors")
        return
    weights = sum(out * into for out, into in encoder.matrices.values())
    found = f"{encoder.name}: {len(encoder.matrices)} matrices, {weights:,} weights, {encoder.fingerprint[:12]}"
    yield Finding("backbone", "ok", found)


def facts(found: list[Finding]) -> Mapping[str, Any]:
    """For `--json`."""
    return {
        "faults": sum(one.level == "fault" for one in found),
        "findings": [dataclasses.asdict(one) for one in found],
    }
