"""Kills at random moments, and files cut as a power cut leaves them: the table is as if nothing had happened."""

import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import toy_stages as toy
from benchmarks.engines.local import LocalEngine
from benchmarks.runner import run
from benchmarks.store import Store
from toy_runs import NAP, STEPS, Runner, check_finished, children, manifests, wait_dead

KILLS = 24
NAP_LONG, STEPS_LONG = 0.03, 40


def artifacts(store: Store) -> dict[str, bytes]:
    """What every finished stage left, by key and name, but for the manifest, which tells the time."""
    return {
        f"{key}/{path.name}": path.read_bytes()
        for key in list(store.keys())
        for path in sorted(store.folder(key).iterdir())
        if path.name != "manifest.json"
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished store that nobody disturbed, and its ledger."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert Runner(folder / "store", folder / "ledger").finish() == 0
    return folder


def strike(runner: Runner, victim: str, dice: random.Random) -> str:
    """Kill the runner, its server, or one of the stages; returns who died, for not all of them are always there."""
    server = children(runner.process.pid)
    stages = children(server[0]) if server else []
    if victim == "stage" and stages:
        os.kill(dice.choice(stages), signal.SIGKILL)
        return "stage"
    if victim == "server" and server:
        os.kill(server[0], signal.SIGKILL)
        return "server"
    runner.kill()
    wait_dead([*server, *stages])
    return "runner"


@pytest.mark.parametrize("seed", [1])
def test_kills_at_random_moments_change_nothing(seed: int, tmp_path: Path) -> None:
    """The runner, the server and the stages, at two dozen moments: no complete stage is lost or made again."""
    dice = random.Random(seed)  # noqa: S311  # moments, no secrets
    store, ledger = Store(tmp_path / "store"), tmp_path / "ledger"
    died: list[tuple[str, float]] = []
    kept: dict[str, bytes] = {}
    runner = Runner(store.root, ledger, nap=NAP_LONG, steps=STEPS_LONG)
    while len(died) < KILLS:
        victim = dice.choice(["runner", "server", "stage", "stage"])
        if victim == "stage" or dice.random() < 0.7:  # else while the run is only beginning
            runner.until("progress", runner.count("progress") + 1)
        moment = dice.uniform(0, 0.3)
        time.sleep(moment)
        assert runner.process.poll() is None, f"the run ended after {died}: give it more to do"
        kept = manifests(store)
        died.append((strike(runner, victim, dice), moment))
        found = manifests(store)
        assert kept.items() <= found.items(), f"a complete stage was lost or made again after {died}"
        if runner.process.returncode is not None:
            runner = Runner(store.root, ledger, nap=NAP_LONG, steps=STEPS_LONG)
    runner.finish()
    if runner.process.returncode or runner.count("failed"):  # a stage that was killed three times in one run
        runner = Runner(store.root, ledger, nap=NAP_LONG, steps=STEPS_LONG)
        assert runner.finish() == 0
    assert {who for who, _ in died} == {"runner", "server", "stage"}
    check_finished(store, ledger, kept, nap=NAP_LONG, steps=STEPS_LONG)
    alone = Store(tmp_path / "alone")
    assert Runner(alone.root, tmp_path / "alone-ledger", jobs=4, nap=0, steps=STEPS_LONG).finish() == 0
    assert sorted(artifacts(store).values()) == sorted(artifacts(alone).values())


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose run was killed when some stages were done and others under way, with every kind of file."""
    folder = tmp_path_factory.mktemp("interrupted")
    runner = Runner(folder / "store", folder / "ledger")
    runner.until("done", 3)
    (server,) = children(runner.process.pid)
    while True:  # all stand still while one looks whether this is such a moment
        stopped = [*children(server), server, runner.process.pid]
        for pid in stopped:
            _send(pid, signal.SIGSTOP)
        if {*KINDS} <= {_kind(name) for name in _names(folder)}:
            break
        for pid in stopped:
            _send(pid, signal.SIGCONT)
        time.sleep(0.005)
    for pid in stopped[:-1]:  # all at once, as a power cut does
        _send(pid, signal.SIGKILL)
    runner.kill()
    wait_dead(stopped[:-1])
    return folder


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):  # a stage may end meanwhile
        os.kill(pid, number)


def _names(folder: Path) -> list[str]:
    """The files of the store in a folder, below it."""
    return sorted(str(path.relative_to(folder)) for path in (folder / "store").rglob("*") if path.is_file())


KINDS = ("manifest.json", "sum.npy", ".locks", ".progress", ".scratch", "logs")
CUTS: dict[str, Callable[[bytes], bytes]] = {
    "to nothing": lambda data: b"",
    "to half": lambda data: data[: len(data) // 2],
    "by a byte": lambda data: data[:-1],
    "garbled": lambda data: bytes(255 - byte for byte in data),
}


SLOW = ("to half", "garbled")


@pytest.mark.parametrize("cut", [pytest.param(cut, marks=pytest.mark.slow if cut in SLOW else ()) for cut in CUTS])
def test_any_file_may_be_cut(cut: str, interrupted: Path, undisturbed: Path, tmp_path: Path) -> None:
    """Each kind of file of a store in turn: what was whole stays, what was cut is made anew."""
    ledger = interrupted / "ledger"  # its place is part of the toys' keys
    wanted = [toy_sum.read_bytes() for toy_sum in _sums(undisturbed / "store", undisturbed / "ledger")]
    chosen = {_kind(name): name for name in _names(interrupted)}
    assert {*KINDS} <= chosen.keys()
    for place, name in enumerate(chosen.values()):
        folder = tmp_path / str(place)
        shutil.copytree(interrupted / "store", folder / "store")
        harmed = folder / name
        harmed.write_bytes(CUTS[cut](harmed.read_bytes()))
        store = Store(folder / "store")
        sound = {key: text for key, text in manifests(store).items() if key not in name}
        engine = LocalEngine(store.root, 2, plugins=["toy_stages"], preload=())
        outcomes = run(toy.tree(ledger, nap=NAP, steps=STEPS), store, sources={}, engine=engine)
        assert {outcome.status for outcome in outcomes.values()} <= {"done", "cached"}, (name, outcomes)
        assert sound.items() <= manifests(store).items(), (name, "a complete stage was lost or made again")
        assert [path.read_bytes() for path in _sums(store.root, ledger)] == wanted, name
        assert list(store.locked()) == [], name


def _sums(root: Path, ledger: Path) -> list[Path]:
    return [Store(root).artifact(stage.key) / "sum.npy" for stage in toy.tree(ledger, nap=NAP, steps=STEPS)]


def _kind(name: str) -> str:
    """What a file of a store is: the folder it is kept in, or within an artifact its name."""
    parts = Path(name).parts
    return parts[-1] if len(parts[1]) == 2 else parts[1]
