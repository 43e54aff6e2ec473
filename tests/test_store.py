"""The store: whole or nothing, believed only with its hashes, and locked by the living."""

import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import locks
from benchmarks import store as store_module
from benchmarks.store import CorruptArtifact, Costs, Failure, Manifest, Store, StoreError

KEY = "ab" + "0" * 62
OTHER = "cd" + "1" * 62
COSTS = Costs(started="2026-01-01T00:00:00+00:00", seconds=2.0, peak_memory=7)


def commit(store: Store, key: str = KEY, text: str = "hello", size: int = 0) -> Manifest:
    work = store.begin(key)
    (work / "deep").mkdir()
    (work / "deep" / "text.txt").write_text(text)
    (work / "data.bin").write_bytes(bytes(size))
    return store.commit(
        key,
        work,
        description={"kind": "toy", "version": 1, "fields": {}},
        inputs={OTHER: "toy-input"},
        environment={"python": "3", "device": "cpu"},
        costs=COSTS,
        facts={"loss": 0.5},
        effort=4.0,
        scale="small",
    )


def visible(root: Path) -> list[str]:
    """Files a reader of the store would take for results."""
    return sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and not path.relative_to(root).parts[0].startswith(".")
    )


def test_an_artifact_appears_whole_with_its_manifest(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert not store.complete(KEY)
    assert list(store.keys()) == []
    (store.scratch(KEY) / "checkpoint").write_text("1")
    work = store.begin(KEY)
    (work / "half").write_text("half")
    assert visible(store.root) == []
    store.discard(work)

    made = commit(store)

    assert store.complete(KEY)
    assert store.manifest(KEY) == made
    assert (made.kind, made.size, made.inputs) == ("toy", 5, {OTHER: "toy-input"})
    assert visible(store.root) == [f"ab/{KEY}/{name}" for name in ("data.bin", "deep/text.txt", "manifest.json")]
    assert list(store.manifests()) == [made]
    assert not (store.root / ".scratch" / KEY).exists()
    assert list((store.root / ".work").iterdir()) == []
    # a fresh process reads the same
    assert Store(store.root).artifact(KEY) == store.folder(KEY)


def test_the_first_complete_artifact_stays(tmp_path: Path) -> None:
    store = Store(tmp_path)
    commit(store, text="first")
    commit(store, text="second")
    assert (store.artifact(KEY) / "deep" / "text.txt").read_text() == "first"
    assert list((store.root / ".work").iterdir()) == []


def test_a_folder_without_manifest_is_replaced(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.folder(KEY).mkdir(parents=True)
    (store.folder(KEY) / "debris").write_text("x")
    assert not store.complete(KEY)
    commit(store)
    assert store.verify(KEY) == []
    assert not (store.folder(KEY) / "debris").exists()


def test_begin_clears_what_killed_attempts_left(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first, other = store.begin(KEY), store.begin(OTHER)
    second = store.begin(KEY)
    assert not first.exists()
    assert second.exists()
    assert other.exists()


def test_a_sweep_leaves_the_living_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    commit(store)
    store.note_progress(KEY, {"done": 1})  # as if killed between publishing and cleaning
    (store.scratch(KEY) / "checkpoint").write_text("1")
    (store.scratch(OTHER) / "checkpoint").write_text("1")
    left = store.begin(KEY)
    lock = store.lock(OTHER)
    assert lock is not None
    with lock:
        work = store.begin(OTHER)
        store.sweep()
        assert work.exists()
    assert not left.exists()
    assert (tmp_path / ".scratch" / OTHER / "checkpoint").exists()
    assert not (tmp_path / ".scratch" / KEY).exists()
    assert store.progress(KEY) is None
    assert store.verify(KEY) == []


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        (lambda folder: (folder / "data.bin").write_bytes(bytes(9)), "data.bin has 9 bytes instead of 10"),
        (lambda folder: (folder / "data.bin").write_bytes(b"1" * 10), "data.bin has another sha256"),
        (lambda folder: (folder / "data.bin").unlink(), "data.bin is missing"),
        (lambda folder: (folder / "manifest.json").write_text("{"), "no readable manifest"),
    ],
)
def test_harm_is_noticed_and_set_aside(tmp_path: Path, harm: object, fault: str) -> None:
    store = Store(tmp_path)
    commit(store, size=10)
    harm(store.folder(KEY))  # type: ignore[operator]
    (found,) = store.verify(KEY)
    assert found.startswith(fault)
    with pytest.raises(CorruptArtifact, match="run again") as caught:
        store.artifact(KEY)
    assert caught.value.key == KEY
    assert not store.complete(KEY)
    assert caught.value.moved is not None
    assert caught.value.moved.parent == tmp_path / ".corrupt"
    commit(store, size=10)
    assert store.verify(KEY) == []


def test_a_glance_hashes_small_files_only(tmp_path: Path) -> None:
    store = Store(tmp_path)
    commit(store, size=store_module.SMALL + 1)
    (store.folder(KEY) / "data.bin").write_bytes(b"1" * (store_module.SMALL + 1))
    assert store.verify(KEY, thorough=False) == []
    assert len(store.verify(KEY)) == 1
    (store.folder(KEY) / "deep" / "text.txt").write_text("HELLO")
    assert len(store.verify(KEY, thorough=False)) == 1


def test_each_file_is_hashed_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    commit(store)
    hashed: list[str] = []
    real = store_module.sha256

    def counting(path: Path) -> str:
        hashed.append(path.name)
        return real(path)

    monkeypatch.setattr(store_module, "sha256", counting)
    for _ in range(3):
        store.artifact(KEY)
    assert sorted(hashed) == ["data.bin", "text.txt"]
    os.utime(store.folder(KEY) / "data.bin", (1, 1))
    store.artifact(KEY)
    assert hashed[2:] == ["data.bin"]


def test_failures_are_remembered_until_forgiven_or_done(tmp_path: Path) -> None:
    store = Store(tmp_path)
    failure = Failure(KEY, "toy", "method", "NaN loss", "2026-01-01T00:00:00+00:00", "log", "trace")
    store.fail(failure)
    assert store.failure(KEY) == failure
    assert store.failure(KEY, "infrastructure") is None
    assert list(store.failures()) == [failure]
    (store.scratch(KEY) / "checkpoint").write_text("the way to NaN")
    store.forgive(KEY)
    assert store.failure(KEY) is None
    assert not (tmp_path / ".scratch" / KEY).exists()
    store.fail(failure)
    commit(store)
    assert list(store.failures()) == []


# Locks


def test_a_draft_of_a_killed_attempt_goes_with_the_commit(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.note_progress(KEY, {"done": 1})
    draft = store.root / ".progress" / f".{KEY}.json.0123"
    draft.write_text("{")
    commit(store)
    assert list((store.root / ".progress").iterdir()) == []


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = store.lock(KEY)
    assert first is not None
    assert store.lock(KEY) is None
    owner = store.owner(KEY)
    assert owner is not None
    assert owner.pid == os.getpid()
    assert [key for key, _ in store.locked()] == [KEY]
    first.release()
    assert store.owner(KEY) is None
    with contextlib.ExitStack() as stack:
        second = store.lock(KEY)
        assert second is not None
        stack.enter_context(second)


def lock_file(store: Store, **changes: object) -> Path:
    """A lock as a process of this host would leave it, with changes."""
    path = store.root / ".locks" / f"{KEY}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    start = locks.start_of(os.getpid())
    owner = {"host": locks.host(), "pid": os.getpid(), "start": start, "time": 0.0, "token": "x", **changes}
    path.write_text(json.dumps(owner))
    return path


def test_a_dead_owner_loses_its_lock_at_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    start = locks.start_of(dead.pid)
    lock_file(store, pid=dead.pid, start=start)
    dead.wait()
    assert store.owner(KEY) is None
    taken = store.lock(KEY)
    assert taken is not None
    taken.release()
    assert sorted(path.name for path in (tmp_path / ".locks").iterdir()) == [".takeover"]


def test_a_reused_pid_is_not_the_owner(tmp_path: Path) -> None:
    store = Store(tmp_path)
    lock_file(store)
    assert store.owner(KEY) is not None
    lock_file(store, start="1")
    assert store.owner(KEY) is None


def test_an_owner_elsewhere_lives_by_its_heartbeat(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = lock_file(store, host="elsewhere/boot/ns", pid=1, start="1")
    assert store.owner(KEY) is not None
    assert store.lock(KEY) is None
    past = time.time() - locks.PATIENCE - 1
    os.utime(path, (past, past))
    assert store.owner(KEY) is None
    taken = store.lock(KEY)
    assert taken is not None
    taken.release()


def test_an_empty_lock_has_a_moment_to_be_filled(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = lock_file(store)
    path.write_text("")
    assert store.lock(KEY) is None
    os.utime(path, (1, 1))
    taken = store.lock(KEY)
    assert taken is not None
    taken.release()


def test_the_heartbeat_touches_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "HEARTBEAT", 0.01)
    store = Store(tmp_path)
    lock = store.lock(KEY)
    assert lock is not None
    with lock:
        os.utime(lock.path, (1, 1))
        deadline = time.monotonic() + 5
        while lock.path.stat().st_mtime < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert lock.path.stat().st_mtime > 2


def test_a_lock_taken_over_stays_with_its_new_owner(tmp_path: Path) -> None:
    store = Store(tmp_path)
    lock = store.lock(KEY)
    assert lock is not None
    lock_file(store, token="another")  # noqa: S106  # names a lock's holder
    lock.release()
    owner = store.owner(KEY)
    assert owner is not None
    assert owner.token == "another"  # noqa: S105


def test_one_of_many_takes_over_a_stale_lock(tmp_path: Path) -> None:
    store = Store(tmp_path)
    script = (
        "import sys, time; from pathlib import Path; from benchmarks.store import Store\n"
        f"store = Store(Path({str(tmp_path)!r})); start = Path({str(tmp_path / 'start')!r})\n"
        "print('ready', flush=True)\n"
        "while not start.exists(): time.sleep(0.001)\n"
        f"lock = store.lock({KEY!r}); print('won' if lock else 'lost', flush=True); sys.stdin.read()\n"
    )
    for turn in range(3):
        lock_file(store, start="1")
        contenders = [
            subprocess.Popen(
                [sys.executable, "-c", script],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [*sys.path, os.getcwd()]))},
            )
            for _ in range(4)
        ]
        for process in contenders:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        (tmp_path / "start").touch()
        results = [process.stdout.readline().strip() for process in contenders if process.stdout]
        assert sorted(results) == ["lost", "lost", "lost", "won"], turn
        for process in contenders:
            process.communicate()
        (tmp_path / "start").unlink()


# Disks that do not take it


def test_a_store_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="the store is a folder, got the file"):
        Store(tmp_path / "file")
    with pytest.raises(StoreError, match="the store is a folder"):
        Store(tmp_path / "file" / "below").begin(KEY)


@contextlib.contextmanager
def file_limit(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_manifest_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with file_limit(300), pytest.raises(StoreError, match=r"needs room .* run the same command again") as caught:
        commit(store)
    assert caught.value.halting
    assert visible(tmp_path) == []
    assert list((tmp_path / ".work").iterdir()) == []
    with file_limit(300), pytest.raises(StoreError, match="needs room"):
        store.check_writable()
    store.check_writable()
    commit(store)
    assert store.verify(KEY) == []


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Without root's right to write anywhere."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def forbidden(tmp_path: Path) -> Iterator[Store]:
    """A store with one artifact that may be read and not written."""
    store = Store(tmp_path / "store")
    commit(store)
    (store.root / ".work").rmdir()
    folders = [tmp_path, *(path for path in tmp_path.rglob("*") if path.is_dir())]
    above = [path for path in tmp_path.parents if path.stat().st_uid == os.getuid() and path.stat().st_mode & 5 != 5]
    modes = {path: path.stat().st_mode for path in [*folders, *above]}
    for path in folders:
        path.chmod(0o555)
    for path in above:
        path.chmod(0o755)
    yield store
    for path, mode in modes.items():
        path.chmod(mode)


def test_a_read_only_store_is_read_and_says_so(forbidden: Store) -> None:
    with unprivileged():
        assert forbidden.artifact(KEY)
        with pytest.raises(StoreError, match=r"this user may write to, got 'Permission denied'") as caught:
            forbidden.check_writable()
        assert caught.value.halting
        for attempt in (forbidden.begin, forbidden.lock, forbidden.scratch, forbidden.quarantine):
            with pytest.raises(StoreError, match="mount it writable"):
                attempt(KEY)
    assert forbidden.verify(KEY) == []
