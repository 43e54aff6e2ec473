"""A store, a record, a name from a stranger: nothing runs, nothing is written outside, nobody's terminal obeys."""

import csv
import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import SafetensorError

import toy_stages as toy
from benchmarks import predictions, records, shapes, strangers
from benchmarks.engines.local import LocalEngine
from benchmarks.evaluate import PREDICTIONS
from benchmarks.gaps import read as read_gap
from benchmarks.mini import bert_folder
from benchmarks.runner import run
from benchmarks.store import Store, StoreError
from benchmarks.why import explain
from methods import models
from reports.evidence import Evidence
from sample_records import sample

EVIL = ["\x1b]0;owned\x07", "a\rb", "line\nfeed", "\x9b31m", "\u202etxt.exe", "\u2066x", "\x00", "\x7f"]


def made(store: Store, *stages: Any) -> None:
    run(list(stages), store, sources={}, engine=LocalEngine(store.root, 1, plugins=["toy_stages"], preload=()))


def edited(store: Store, key: str, **changes: Any) -> None:
    path = store.folder(key) / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("text", EVIL)
@pytest.mark.parametrize("ascii_only", [True, False])
def test_texts_that_command_a_terminal_are_refused(text: str, ascii_only: bool, tmp_path: Path) -> None:
    for data in ({"label": text}, {"notes": ["fine", text]}, {"knobs": {text: 1}}):
        content = json.dumps(data, ensure_ascii=ascii_only).encode()
        with pytest.raises(ValueError, match="without control characters"):
            strangers.check(content, data)
    path = sample("lpaf", "rte", 0.5, 1, 0.6).write(tmp_path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "label": text}, ensure_ascii=ascii_only))
    with pytest.raises(ValueError, match="without control characters"):
        records.read(path)
    with pytest.raises(ValueError, match="without control characters"):
        shapes.parse(path.read_bytes())


@given(st.text(st.characters(codec="utf-8"), max_size=30), st.booleans())
def test_a_glance_misses_nothing(text: str, ascii_only: bool) -> None:
    """The quick look lets pass only what the close look would."""
    content = json.dumps({"name": text}, ensure_ascii=ascii_only).encode()
    if not strangers.suspicious(content):
        assert strangers.COMMANDS.search(text) is None
    if strangers.COMMANDS.search(text):
        with pytest.raises(ValueError, match="without control"):
            strangers.check(content, {"name": text})
    else:
        strangers.check(content, {"name": text})


def test_paths_of_other_systems_and_accents_pass(tmp_path: Path) -> None:
    for text in ("C:\\bin\\new", "Çapoğlu ± µ", "a'b\"c"):
        path = sample("lpaf", "rte", 0.5, 1, 0.6, notes=(text,)).write(tmp_path)
        assert records.read(path).notes == (text,)


@pytest.mark.parametrize("text", ["=1+1", "+x", "-x", "@sum(a1)", '=HYPERLINK("http://x")'])
def test_a_spreadsheet_takes_no_name_for_a_formula(text: str) -> None:
    record = dataclasses.replace(sample("lpaf", "rte", 0.5, 1, 0.6), method=text)
    table = records.frame([record])
    ((cell, *_),) = list(csv.reader(io.StringIO(table[["method"]].to_csv(index=False))))[1:]
    assert cell == f"'{text}"
    assert strangers.cell("LPAF - Step-1") == "LPAF - Step-1"


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b", "..\\b", ""])
def test_a_manifest_that_names_files_outside_opens_none(name: str, tmp_path: Path) -> None:
    store, stage = Store(tmp_path / "store"), toy.Add(1)
    made(store, stage)
    edited(store, stage.key, files={name: {"sha256": "0" * 64, "size": 3}})
    assert "lies in its folder" in store.verify(stage.key)[0]
    made(store, stage)  # set aside and made anew
    assert store.verify(stage.key) == []


def test_a_kind_that_names_a_module_runs_nothing(tmp_path: Path) -> None:
    """A description is read, never built: stages are built from the user's own request alone."""
    store, stage = Store(tmp_path / "store"), toy.Add(1)
    made(store, stage)
    evil = {"kind": "os:system", "version": 1, "fields": {"command": f"touch {tmp_path / 'owned'}"}}
    edited(store, stage.key, description=evil)
    assert "os:system" in json.dumps(explain(stage.key[:12], store, {}, {}), default=str)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("content", [b"[" * 100_000, b"{" * 50_000, b'{"a":' * 50_000, b"\xff\xfe", b"null", b"[]"])
def test_nested_and_broken_json_is_no_record_and_no_manifest(content: bytes, tmp_path: Path) -> None:
    store, stage = Store(tmp_path / "store"), toy.Add(1)
    made(store, stage)
    (store.folder(stage.key) / "manifest.json").write_bytes(content)
    assert store.manifest(stage.key) is None
    assert store.verify(stage.key)
    for name, read in (("x.json", records.read), ("x.gap.json", read_gap)):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=name):
            read(tmp_path / name)


def test_a_header_that_promises_too_much_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for path in bert_folder().iterdir():
        if path.is_file():
            (folder / path.name).write_bytes(path.read_bytes())
    weights = folder / "model.safetensors"
    weights.write_bytes((2**62).to_bytes(8, "little") + weights.read_bytes()[8:])
    with pytest.raises((SafetensorError, OSError, ValueError)):
        models.pretrained(folder, 2, seed=1)


def test_arrays_with_objects_are_not_read(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "owned",)

    path = tmp_path / PREDICTIONS
    np.savez(path, **{"validation.logits": np.array([Evil()], dtype=object)})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="allow_pickle"):
        predictions.read(path)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("name", [".scratch", ".work", "logs", "ab"])
def test_a_store_with_links_that_leave_it_is_refused(name: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    made(store, toy.Add(1))
    outside = tmp_path / "outside"
    outside.mkdir()
    link = store.root / name
    if link.exists():
        link.rename(tmp_path / "moved")
    link.symlink_to(outside)
    with pytest.raises(StoreError, match=r"lies in its folder, got .* -> .*; remove the link"):
        made(store, toy.Add(2))
    assert list(outside.iterdir()) == []


def test_a_linked_store_is_a_store(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "store").symlink_to(tmp_path / "real")
    made(Store(tmp_path / "store"), toy.Add(1))
    assert Store(tmp_path / "real").verify(toy.Add(1).key) == []


def test_predictions_are_looked_for_below_the_records_only(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    np.savez(tmp_path / "outside.npz", x=np.zeros(1))
    record = sample("lpaf", "rte", 0.5, 1, 0.6, predictions="../../../outside.npz")
    record.write(runs)
    assert Evidence(runs).file(record) is None
