"""Cleaning: what a plan or record needs stays, predictions stay, nothing goes unasked, a kill leaves all whole."""

import dataclasses
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import toy_stages as toy
import weighin
from benchmarks import experiment, presence
from benchmarks.engines.local import LocalEngine
from benchmarks.experiment import Options
from benchmarks.files import StoreError
from benchmarks.runner import run
from benchmarks.store import Store
from benchmarks.upkeep import clean

OPTIONS = Options(methods=("dense", "svd-ft", "up-first"), budgets=(0.5,), seeds=(1,), protocol="smoke")
ASKED = ("--tasks", "mini-rte", "--budgets", "0.5", "--seeds", "1", "--protocol", "smoke")


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(weighin.app, [str(word) for word in words])


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store and records of two methods."""
    folder = tmp_path_factory.mktemp("measured")
    cells = experiment.cells(OPTIONS)
    experiment.execute(
        cells, OPTIONS, store=folder / "store", runs=folder / "runs", jobs=2, events=lambda event: None
    )
    return folder


@pytest.fixture
def copied(measured: Path, tmp_path: Path) -> Path:
    """A copy to be cleaned."""
    shutil.copytree(measured, tmp_path / "copy")
    return tmp_path / "copy"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def kinds(found: clean.Survey) -> set[str]:
    return {item.what for item in found.items}


def test_what_records_stand_on_stays(copied: Path) -> None:
    found = clean.survey(Store(copied / "store"), copied / "runs")
    assert found.items == ()
    assert found.kept == len(list(Store(copied / "store").keys()))


def test_what_no_record_stands_on_may_go_but_for_predictions(copied: Path) -> None:
    store = Store(copied / "store")
    for path in copied.glob("runs/**/up-first*"):
        path.unlink()
    found = clean.survey(store, copied / "runs")
    assert kinds(found) == {"prune", "inspect"}
    nothing = clean.survey(store, copied / "no-runs")
    assert {"finetune", "encode", "logits", "prune", "factorize", "retrain", "inspect"} == kinds(nothing)
    assert nothing.kept == 3  # the evaluations, with the predictions


def test_nothing_goes_unasked_and_a_plan_keeps_what_it_needs(copied: Path) -> None:
    where = ("--store", copied / "store", "--runs", copied / "runs")
    before, predictions = files(copied), files(copied / "runs")
    told = call("clean", "table2", "--methods", "svd-ft", *ASKED, *where)
    assert told.exit_code == 0, told.output
    assert "1 prune, " in told.stdout
    assert "nothing was removed: say --yes" in told.stdout
    assert files(copied) == before
    done = call("clean", "table2", "--methods", "svd-ft", *ASKED, *where, "--yes")
    assert done.exit_code == 0, done.output
    assert "Freed: " in done.stdout
    assert files(copied / "runs") == predictions
    after = files(copied)
    assert after.items() < before.items()
    again = experiment.execute(
        experiment.cells(OPTIONS), OPTIONS, store=copied / "store", runs=copied / "again", jobs=2,
        events=lambda event: None,
    )  # fmt: skip
    old, new = (
        {path.name: path.read_bytes() for path in (copied / name).rglob("*.npz")} for name in ("runs", "again")
    )
    assert len(again.records) == 3
    assert old == new


def test_a_run_at_work_is_waited_for(copied: Path) -> None:
    store = Store(copied / "store")
    here = presence.Presence(store.root)
    here.say("local", 2)
    found = clean.survey(store, copied / "no-runs")
    assert [one.pid for one in found.runs] == [os.getpid()]
    with pytest.raises(StoreError, match=r"while no run is at work on it, got process \d+ on .*; wait for its end"):
        clean.remove(store, found)
    here.close()
    assert clean.remove(store, found) == found.size


def test_what_is_being_made_stays(copied: Path) -> None:
    store = Store(copied / "store")
    found = clean.survey(store, copied / "no-runs")
    one = next(item for item in found.items if item.what == "prune")
    lock = store.lock(one.key)
    assert lock is not None
    with lock:
        assert one.key not in {item.key for item in clean.survey(store, copied / "no-runs").items}
        clean.remove(store, found)  # a survey from before
    assert store.complete(one.key)
    assert list(store.root.glob(".trash/*")) == []


def test_left_overs_go_and_checkpoints_of_wanted_stages_stay(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    wanted, other = toy.Add(1), toy.Add(2)
    engine = LocalEngine(store.root, 1, plugins=["toy_stages"], preload=())
    run([toy.Add(3)], store, sources={}, engine=engine)
    (store.scratch(wanted.key) / "step").write_text("1")
    (store.scratch(other.key) / "step").write_text("1")
    (store.begin(other.key) / "half").write_text("half")
    (store.root / ".trash" / "left.1").mkdir(parents=True)
    store.quarantine(toy.Add(3).key)
    found = clean.survey(store, tmp_path / "runs", {wanted.key})
    assert kinds(found) == {"work of a dead process", "corrupt artifact", "trash", "checkpoint"}
    assert {item.key for item in found.items if item.what == "checkpoint"} == {other.key}
    clean.remove(store, found)
    assert clean.survey(store, tmp_path / "runs", {wanted.key}).items == ()
    assert (store.scratch(wanted.key) / "step").exists()


def test_a_kill_leaves_each_artifact_whole_or_absent(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it deletes: the artifact is out of sight already, and its remains go the next time."""
    store = Store(copied / "store")
    found = clean.survey(store, copied / "no-runs")

    def die(*given: object, **more: object) -> None:
        raise KeyboardInterrupt

    first = dataclasses.replace(found, items=found.items[:1])
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", die)
        with pytest.raises(KeyboardInterrupt):
            clean.remove(store, first)
    assert not store.complete(found.items[0].key)
    assert all(not store.verify(key) for key in list(store.keys()))
    later = clean.survey(store, copied / "no-runs")
    assert "trash" in kinds(later)
    clean.remove(store, later)
    assert list(store.root.glob(".trash/*")) == []


def test_records_that_cannot_be_read_stop_it(copied: Path) -> None:
    """Else everything they stand on would be offered."""
    (copied / "runs" / "broken.json").write_text("{")
    told = call("clean", "--store", copied / "store", "--runs", copied / "runs", "--yes")
    assert told.exit_code == 2
    assert "not a record" in told.stderr
    assert len(list(Store(copied / "store").keys())) > 3
