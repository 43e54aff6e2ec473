"""The store: what finished stages left behind, found by key and believed only with manifest and hashes."""

import contextlib
import datetime
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks import locks
from benchmarks.files import (
    StoreError,
    explained,
    explaining,
    read_json,
    sha256,
    sync_folder,
    sync_tree,
    unique,
    write_json,
)
from benchmarks.manifest import LAYOUT, Cause, Costs, Failure, FileEntry, Manifest
from methods.stages.stage import Json

__all__ = ["CorruptArtifact", "Costs", "Failure", "Manifest", "Store", "StoreError", "now"]

MANIFEST = "manifest.json"
SMALL = 1 << 20  # files up to this many bytes are hashed even by a glance


class CorruptArtifact(StoreError):  # noqa: N818  # a find, not a slip
    """An artifact is not what its manifest says, or is gone; `key` names it, `faults` say how."""

    def __init__(self, key: str, faults: list[str], moved: Path | None) -> None:
        fate = f"; moved to {moved}" if moved else ""
        super().__init__(
            f"an artifact is what its manifest says, got {key[:12]}: {'; '.join(faults)}{fate}; "
            "run again to have it made anew"
        )
        self.key = key
        self.faults = faults
        self.moved = moved


class Store:
    """A folder of artifacts, `<first 2 hex digits>/<key>/`, each complete when its `manifest.json` is there.

    Nothing is ever half-visible: a stage writes into `.work`, and a rename publishes the result. Beside the
    artifacts lie `.scratch` (checkpoints of killed stages), `.locks`, `.failed`, `.progress`, `.corrupt` and
    `logs`.
    Several processes and hosts may use one store.

    Raises:
        StoreError: `root` exists and is no folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root).absolute()
        self._verified: dict[str, dict[str, tuple[int, int]]] = {}  # key -> file -> (mtime in ns, size)
        if os.path.lexists(self.root) and not self.root.is_dir():
            raise StoreError(f"the store is a folder, got the file {self.root}; choose another store", halting=True)

    # What is there

    def folder(self, key: str) -> Path:
        """Where the artifact of `key` is or will be."""
        return self.root / key[:2] / key

    def complete(self, key: str) -> bool:
        """Whether the artifact is there (one look at the disk; hashes are `artifact`'s business)."""
        return (self.folder(key) / MANIFEST).is_file()

    def refresh(self, key: str) -> None:
        """Have a network file system ask its server for `key`, instead of remembering that there was nothing.

        It does so for a folder that is opened; elsewhere this is nothing.
        """
        for folder in (self.root, self.folder(key).parent, self.folder(key)):
            with contextlib.suppress(OSError):
                os.close(os.open(folder, os.O_RDONLY))

    def manifest(self, key: str) -> Manifest | None:
        """The manifest of a complete artifact, else None.

        Raises:
            StoreError: A newer weighin wrote it, in a layout this one would misread.
        """
        value = read_json(self.folder(key) / MANIFEST)
        if value is None or value.get("status") != "complete":
            return None
        layout = value.get("layout", 1)
        if isinstance(layout, int) and layout > LAYOUT:
            raise StoreError(
                f"manifests have layout {LAYOUT} or older, got {layout} at {self.folder(key)}: a newer weighin wrote "
                "this store; update this one, or take another store",
                halting=True,
            )
        try:
            return Manifest.from_json(value)
        except (KeyError, TypeError):
            return None

    def keys(self) -> Iterator[str]:
        """The keys of all complete artifacts, in no order."""
        try:
            with os.scandir(self.root) as shelves:
                names = sorted(shelf.name for shelf in shelves if len(shelf.name) == 2 and shelf.name[0] != ".")
        except (FileNotFoundError, NotADirectoryError):
            return
        for name in names:
            shelf = os.path.join(self.root, name)
            try:
                books = os.listdir(shelf)
            except (FileNotFoundError, NotADirectoryError):
                continue
            # strings, for there may be tens of thousands
            yield from (book for book in books if os.path.isfile(f"{shelf}/{book}/{MANIFEST}"))

    def manifests(self) -> Iterator[Manifest]:
        """The manifests of all complete artifacts, in no order."""
        for key in self.keys():
            manifest = self.manifest(key)
            if manifest is not None:
                yield manifest

    # Reading, with distrust

    def verify(self, key: str, *, thorough: bool = True) -> list[str]:
        """What is wrong with an artifact: missing files, wrong sizes, wrong hashes; empty when it is sound.

        Args:
            key: The stage's key.
            thorough: Hash every file; otherwise only those up to 1 MiB, and compare the others' sizes.
        """
        manifest = self.manifest(key)
        if manifest is None:
            self.refresh(key)  # another host may have made it just now
            manifest = self.manifest(key)
        if manifest is None:
            return ["no readable manifest" if self.folder(key).exists() else "no such artifact"]
        faults = manifest.faults()
        if faults:  # names that leave the folder: a stranger's, and nothing of it is opened
            return faults
        seen: dict[str, tuple[int, int]] = {}
        known = self._verified.get(key, {})
        for name, entry in manifest.files.items():
            mark, fault = _look(self.folder(key) / name, entry, known.get(name), thorough=thorough)
            if fault:
                faults.append(f"{name} {fault}")
            elif mark:
                seen[name] = mark
        self._verified[key] = {} if faults else {**known, **seen}
        return faults

    def artifact(self, key: str, *, thorough: bool = True) -> Path:
        """The folder of a complete artifact, checked as `verify` does, each file hashed once per process.

        Raises:
            CorruptArtifact: It is not sound; it has been moved to `.corrupt`, so the next run makes it anew.
        """
        faults = self.verify(key, thorough=thorough)
        if faults:
            raise CorruptArtifact(key, faults, self.quarantine(key))
        return self.folder(key)

    def quarantine(self, key: str) -> Path | None:
        """Move an artifact out of sight, to `.corrupt/<key>.<unique>`; None when there is nothing to move."""
        self._verified.pop(key, None)
        grave = self.root / ".corrupt" / f"{key}.{unique()}"
        with explaining(grave):
            if not self.folder(key).exists():
                return None
            grave.parent.mkdir(exist_ok=True)
            try:
                self.folder(key).rename(grave)
            except FileNotFoundError:  # another process was faster
                return None
        return grave

    # Writing

    def lock(self, key: str) -> locks.Lock | None:
        """Take the right to make `key`; None while another living process holds it.

        Raises:
            StoreError: The store cannot be written to.
        """
        path = self._lock_path(key)
        with explaining(path):
            lock = locks.acquire(path)
        if lock is not None:
            self.refresh(key)  # what another host committed before it gave up the lock must be seen
        return lock

    def owner(self, key: str) -> locks.Owner | None:
        """The living process that is making `key`, if any."""
        return locks.holder(self._lock_path(key))

    def scratch(self, key: str) -> Path:
        """A folder for checkpoints of `key`; it stays after a kill and goes with `commit`."""
        path = self.root / ".scratch" / key
        with explaining(path):
            path.mkdir(parents=True, exist_ok=True)
        return path

    def begin(self, key: str) -> Path:
        """A fresh, empty work folder for `key`; the holder of its lock may call this.

        Raises:
            StoreError: The store cannot be written to.
        """
        path = self.root / ".work" / f"{key}.{unique()}"
        with explaining(path):
            if path.parent.is_dir():
                for left in path.parent.glob(f"{key}.*"):  # of attempts that were killed
                    shutil.rmtree(left, ignore_errors=True)
            path.mkdir(parents=True)
        return path

    def discard(self, work: Path) -> None:
        """Throw a work folder away; never fails."""
        shutil.rmtree(work, ignore_errors=True)

    def commit(
        self,
        key: str,
        work: Path,
        *,
        description: Mapping[str, Json],
        inputs: Mapping[str, str],
        environment: Mapping[str, Json],
        costs: Costs,
        facts: Mapping[str, Json],
        effort: float = 0.0,
        scale: str = "",
    ) -> Manifest:
        """Publish a work folder as the artifact of `key`, whole and on disk, its manifest written last.

        If the artifact is complete already, that one stays and the work folder is thrown away.

        Raises:
            StoreError: The disk is full or the store read-only; nothing is visible, the work folder is gone.
            ValueError: Facts or environment hold NaN or infinity.
        """
        target = self.folder(key)
        try:
            with explaining(target):
                names = sorted(path for path in work.rglob("*") if path.is_file())
                manifest = Manifest(
                    key=key,
                    description=dict(description),
                    inputs=dict(inputs),
                    environment=dict(environment),
                    costs=costs,
                    facts=dict(facts),
                    files={
                        path.relative_to(work).as_posix(): FileEntry(sha256(path), path.stat().st_size)
                        for path in names
                    },
                    effort=effort,
                    scale=scale,
                )
                write_json(work / MANIFEST, manifest.to_json(), durable=False)
                sync_tree(work)  # all of it before the rename shows any of it
                published = self._publish(work, target)
        finally:
            self.discard(work)
        if not published:
            return self.manifest(key) or manifest
        self._clean(key)
        return manifest

    def _publish(self, work: Path, target: Path) -> bool:
        """Rename `work` to `target`; False when a complete artifact stands there already."""
        new_shelf = not target.parent.exists()
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not self.complete(target.name):
            self.quarantine(target.name)
        try:
            work.rename(target)
        except OSError:
            if self.complete(target.name):
                return False
            raise
        sync_folder(target.parent)
        if new_shelf:
            sync_folder(self.root)
        return True

    def _clean(self, key: str) -> None:
        """Drop what only an unfinished stage needs."""
        shutil.rmtree(self.root / ".scratch" / key, ignore_errors=True)
        for folder in (".failed", ".progress"):
            # drafts too: an earlier attempt may have been killed while it wrote one
            for path in (self.root / folder).glob(f"*{key}.json*"):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what processes killed at an unlucky moment left behind; never fails, never touches the living's."""
        for folder in (".scratch", ".progress", ".failed"):
            for path in self._listed(folder):
                if self.complete(path.name.partition(".")[0]):
                    self._clean(path.name.partition(".")[0])
        for path in self._listed(".work"):
            if self.owner(path.name.partition(".")[0]) is None:
                self.discard(path)

    def _listed(self, folder: str) -> list[Path]:
        try:
            return [path for path in (self.root / folder).iterdir() if not path.name.startswith(".")]
        except OSError:
            return []

    # Failures, progress, logs

    def fail(self, failure: Failure) -> None:
        """Remember why a stage left nothing.

        Raises:
            StoreError: The store cannot be written to.
        """
        path = self.root / ".failed" / f"{failure.key}.json"
        with explaining(path):
            write_json(path, failure.to_json(), durable=False)

    def failure(self, key: str, cause: Cause | None = None) -> Failure | None:
        """The recorded failure of `key`, if any, and if it has this cause."""
        value = read_json(self.root / ".failed" / f"{key}.json")
        if value is None:
            return None
        try:
            failure = Failure.from_json(value)
        except TypeError:
            return None
        return failure if cause is None or failure.cause == cause else None

    def failures(self) -> Iterator[Failure]:
        """All recorded failures, in the order of their keys."""
        for path in sorted((self.root / ".failed").glob("[!.]*.json")):
            failure = self.failure(path.stem)
            if failure is not None:
                yield failure

    def forgive(self, key: str) -> None:
        """Forget a failure and the checkpoint that led to it, so that the stage starts afresh."""
        with explaining(self.root):
            (self.root / ".failed" / f"{key}.json").unlink(missing_ok=True)
            shutil.rmtree(self.root / ".scratch" / key, ignore_errors=True)

    def note_progress(self, key: str, facts: Mapping[str, Json]) -> None:
        """Tell other processes how far `key` is; never fails, for progress is worth no stage."""
        with contextlib.suppress(OSError, ValueError):
            write_json(self.root / ".progress" / f"{key}.json", dict(facts), durable=False)

    def progress(self, key: str) -> dict[str, Json] | None:
        """What `note_progress` wrote last, if the stage is not finished."""
        return read_json(self.root / ".progress" / f"{key}.json")

    def locked(self) -> Iterator[tuple[str, locks.Owner]]:
        """Keys that living processes are making now, with their owners."""
        for path in sorted((self.root / ".locks").glob("[!.]*.lock")):
            owner = locks.holder(path)
            if owner is not None:
                yield path.stem, owner

    def log(self, key: str) -> Path:
        """Where a stage's output goes."""
        return self.root / "logs" / f"{key}.log"

    def _lock_path(self, key: str) -> Path:
        return self.root / ".locks" / f"{key}.lock"

    def check_writable(self) -> None:
        """Find out now, not after an hour of training, whether the store can be written to.

        Raises:
            StoreError: It cannot, or one of its folders is a link to a place outside, as a stranger's might be.
        """
        for path in sorted(self.root.glob("*")) + sorted(self.root.glob(".*")):
            if path.is_symlink() and not path.resolve().is_relative_to(self.root.resolve()):
                raise StoreError(
                    f"what a store holds lies in its folder, got {path} -> {path.resolve()}; remove the link, or "
                    "link the whole store instead",
                    halting=True,
                )
        probe = self.root / ".work" / f".probe.{unique()}"
        try:
            probe.mkdir(parents=True)
            write_json(probe / "probe", {"room": "x" * 4096})
        except OSError as error:
            raise explained(error, self.root) from error
        finally:
            shutil.rmtree(probe, ignore_errors=True)


def _look(
    path: Path, entry: FileEntry, known: tuple[int, int] | None, *, thorough: bool
) -> tuple[tuple[int, int] | None, str]:
    """A file's time and size where it was found sound, and what is wrong with it, if anything.

    `known` are time and size at which it was found sound before; neither comes back for a large file at a glance.
    """
    try:
        stat = path.stat()
        mark = (stat.st_mtime_ns, stat.st_size)
        if stat.st_size != entry.size:
            return None, f"has {stat.st_size} bytes instead of {entry.size}"
        if known == mark:
            return mark, ""
        if not thorough and entry.size > SMALL:
            return None, ""
        return (mark, "") if sha256(path) == entry.sha256 else (None, "has another sha256 than the manifest says")
    except FileNotFoundError:
        return None, "is missing"
    except OSError as error:
        return None, f"cannot be read: {os.strerror(error.errno or 0)}"


def now() -> str:
    """The time as manifests hold it: UTC, ISO 8601, whole seconds."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
