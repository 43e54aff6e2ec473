"""The doctor: a finding for everything that would fail or surprise, with a cure, and nothing is changed."""

import json
import os
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

import toy_stages as toy
import weighin
from benchmarks import locks
from benchmarks.engines import machine
from benchmarks.engines.local import LocalEngine
from benchmarks.manifest import Failure
from benchmarks.mini import bert_folder
from benchmarks.runner import run
from benchmarks.store import Store, now
from benchmarks.upkeep import doctor
from benchmarks.upkeep.doctor import Finding, examine
from sample_records import sample


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with two sound artifacts."""
    kept = Store(tmp_path / "store")
    engine = LocalEngine(kept.root, 1, plugins=["toy_stages"], preload=())
    run([toy.Add(2, (toy.Add(1),))], kept, sources={}, engine=engine)
    return kept


def look(store: Store, **more: Any) -> list[Finding]:
    return examine(store.root, store.root.parent / "runs", **more)


def unwell(found: list[Finding]) -> list[tuple[str, str]]:
    ours = ("store", "records", "data")
    return [(one.level, one.found) for one in found if one.level != "ok" and one.topic in ours]


def test_all_is_well(store: Store) -> None:
    found = look(store, backbone=str(bert_folder()))
    assert unwell(found) == []
    assert {"python", "machine", "accelerator", "hub", "store", "records", "backbone"} <= {one.topic for one in found}
    assert any("2 artifacts" in one.found and "sound" in one.found for one in found)


def test_every_finding_that_is_not_well_has_a_cure(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory", lambda: 1 << 30)
    monkeypatch.setenv("OMP_NUM_THREADS", "999")
    (store.root.parent / "runs").mkdir()
    (store.root.parent / "runs" / "x.json").write_text("{}")
    found = look(store, data="/no/such/place", backbone="/no/such/encoder")
    worse = [one for one in found if one.level != "ok"]
    assert len(worse) >= 5
    assert all(one.cure for one in worse)


def test_harm_is_found_at_a_glance_or_by_hashing(store: Store) -> None:
    small = store.folder(toy.Add(1).key) / "sum.npy"
    small.write_bytes(small.read_bytes()[:-1] + b"!")
    ((level, words),) = unwell(look(store))
    assert level == "warning"
    assert "1 of 2 artifacts are not what their manifests say" in words
    assert store.complete(toy.Add(1).key)  # it looks only


def test_large_files_are_hashed_on_request(store: Store) -> None:
    big = toy.Fill(2 << 20)
    run([big], store, sources={}, engine=LocalEngine(store.root, 1, plugins=["toy_stages"], preload=()))
    path = store.folder(big.key) / "fill.bin"
    path.write_bytes(b"!" + path.read_bytes()[1:])
    assert unwell(look(store)) == []
    assert "another sha256" in unwell(look(store, thorough=True))[0][1]


def test_failures_stale_locks_and_left_overs_are_told(store: Store) -> None:
    store.fail(Failure("ab" * 32, "prune", "method", "loss is NaN", now()))
    (store.root / ".work" / f"{'cd' * 32}.1").mkdir(parents=True)
    owner = json.dumps({"host": locks.host(), "pid": 2**22 + 1, "start": "0", "time": 0.0, "token": "t"})
    (store.root / ".locks" / f"{'ef' * 32}.lock").write_text(owner)
    found = look(store)
    words = " | ".join(words for _, words in unwell(found))
    assert "1 stages failed by their own fault, e.g. prune abababababab: loss is NaN" in words
    assert "1 left-overs" in words
    assert any("1 locks of dead processes" in one.found for one in found)


def test_a_newer_layout_is_refused_by_the_doctor_and_by_a_run(store: Store) -> None:
    path = store.folder(toy.Add(1).key) / "manifest.json"
    text = path.read_text().replace('"layout": 1', '"layout": 2')
    path.write_text(text)
    ((level, words),) = unwell(look(store))
    assert (level, "layout newer than 1" in words) == ("fault", True)
    with pytest.raises(Exception, match=r"layout 1 or older, got 2 at .*: a newer weighin wrote this store; update"):
        store.manifest(toy.Add(1).key)
    assert path.read_text() == text  # neither set aside nor made anew


def test_records_are_read_and_their_predictions_missed(store: Store) -> None:
    runs = store.root.parent / "runs"
    sample("lpaf", "rte", 0.5, 1, 0.6, predictions="gone.npz").write(runs)
    assert unwell(look(store))[0][1].startswith("1 records lack their predictions")
    (runs / "other.json").write_text('{"schema": 99}')
    assert any(level == "fault" and "are no records" in words for level, words in unwell(look(store)))


def test_a_folder_of_data_is_looked_through(store: Store) -> None:
    folder = Path(__file__).parent / "task_sources"
    found = [one for one in look(store, data=str(folder)) if one.topic == "data"]
    assert found
    ((level, words),) = [(one.level, one.found) for one in look(store, data="/nowhere") if one.topic == "data"]
    assert (level, words) == ("fault", "/nowhere is no folder")


def test_packages_that_hide_ours_or_do_not_fit_are_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "packages_distributions", lambda: {"reports": ["weighin", "other-reports"]})
    monkeypatch.setattr(metadata, "requires", lambda name: ["torch>=99", "no-such-thing>=1", 'x>=1; extra == "page"'])
    words = " | ".join(one.found for one in look(store) if one.topic == "packages" and one.level == "fault")
    assert "'reports' is also installed by other-reports" in words
    assert f"torch>=99 is asked for, {metadata.version('torch')} is installed" in words
    assert "no-such-thing>=1 is missing" in words


def test_a_driver_without_a_fitting_torch_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    (found,) = [one for one in look(store) if one.topic == "accelerator"]
    assert found.level == "warning"
    assert "torch built for CUDA" in found.cure


def test_places_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    assert doctor.examine(tmp_path / "file", tmp_path / "runs")
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK and access(path, mode))
    found = examine(tmp_path / "store", tmp_path / "runs")
    assert any(one.level == "fault" and "cannot be written to" in one.found for one in found)


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(weighin.app, [str(word) for word in words])


def test_the_command_says_it_all_and_its_status_too(store: Store, tmp_path: Path) -> None:
    where = ("--store", store.root, "--runs", tmp_path / "runs")
    before = sorted(store.root.rglob("*"))
    well = call("doctor", *where)
    assert well.exit_code == 0, well.output
    assert "0 faults" in well.stdout
    ill = call("doctor", *where, "--backbone", "/no/such/encoder", "--json")
    assert ill.exit_code == 1
    facts = json.loads(ill.stdout)
    assert facts["faults"] == 1
    assert sorted(store.root.rglob("*")) == before
