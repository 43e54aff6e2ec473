"""Packs: what two labs exchange, byte for byte alike, refused whole when anything in it is wrong."""

import dataclasses
import hashlib
import io
import json
import os
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from typer.testing import CliRunner

import sample_records
import weighin
from benchmarks import records
from benchmarks.packs import PackError, archive, known_manifests, layout, merge, pack
from benchmarks.records import Record
from benchmarks.store import Costs, Store
from benchmarks.why import explain
from methods.stages.stage import digest


def lab(folder: Path, *, stored: bool = True, **changes: Any) -> tuple[Path, Store, list[Record]]:
    """A folder of records with predictions, and a store with the manifests they stand on."""
    runs, store = folder / "runs", Store(folder / "store")
    made = []
    for record in sample_records.samples(tasks=("rte",), budgets=(0.5,), **changes)[:4]:
        below = {"kind": "toy-model", "version": 1, "fields": {"number": record.key}}
        stage = {"kind": "evaluate", "version": 1, "fields": {"model": {"stage": digest(below)}}}
        (written,) = sample_records.with_predictions(runs, [dataclasses.replace(record, stage=digest(stage))])
        made.append(written)
        if stored:
            content = written.path(runs).with_suffix(".npz").read_bytes()
            _commit(store, below, {}, {"model.bin": b"weights"})
            _commit(store, stage, {digest(below): "toy-model"}, {"predictions.npz": content})
    return runs, store, made


def _commit(store: Store, description: dict[str, Any], inputs: dict[str, str], files: dict[str, bytes]) -> None:
    work = store.begin(digest(description))
    for name, content in files.items():
        (work / name).write_bytes(content)
    store.commit(
        digest(description),
        work,
        description=description,
        inputs=inputs,
        environment={"host": "a lab"},
        costs=Costs("2026-01-01T00:00:00+00:00", 1.0),
        facts={},
    )


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def results(folder: Path) -> dict[str, bytes]:
    return {name: content for name, content in tree(folder).items() if name.endswith((".json", ".npz"))}


# Two labs


def test_equal_records_give_equal_bytes(tmp_path: Path) -> None:
    runs, store, _ = lab(tmp_path)
    pack(tmp_path / "a.tar.zst", runs, store)
    for path in runs.rglob("*"):
        os.utime(path, (1, 1))
    pack(tmp_path / "b.tar.zst", runs, store)
    assert (tmp_path / "a.tar.zst").read_bytes() == (tmp_path / "b.tar.zst").read_bytes()


def test_two_labs_join_their_cells(tmp_path: Path) -> None:
    (one, store, ours), (two, other, theirs) = lab(tmp_path / "one"), lab(tmp_path / "two")
    for record in ours[2:]:
        for suffix in (".json", ".npz"):
            record.path(one).with_suffix(suffix).unlink()
    for record in theirs[:1]:
        for suffix in (".json", ".npz"):
            record.path(two).with_suffix(suffix).unlink()
    made = pack(tmp_path / "two.tar.zst", two, other)
    assert (made.records, made.predictions, made.manifests, made.notes) == (3, 3, 6, ())
    before = tree(one)
    told = merge([made.file], one, dry_run=True)
    assert tree(one) == before
    done = merge([made.file], one)
    assert (done.records, done.equal, done.manifests) == (told.records, told.equal, told.manifests)
    assert (len(done.records), done.equal, done.manifests) == (2, 1, 6)
    assert sorted(each.key for each in records.read_all(one)) == sorted(each.key for each in ours)
    whole, _, _ = lab(tmp_path / "whole", stored=False)
    assert results(one) == results(whole)
    again = merge([made.file], one)
    assert (again.records, again.equal, again.manifests) == ((), 3, 0)

    # the manifests are known, but nothing counts as made here
    empty = Store(tmp_path / "empty")
    assert list(empty.keys()) == []
    facts = explain(ours[3].stage[:16], empty, {}, known_manifests(one))
    assert (facts["state"], facts["kind"], facts["made on"]) == ("elsewhere", "evaluate", "a lab")
    assert list(facts["inputs"].values()) == ["toy-model, made elsewhere"]
    # what came with a pack goes on with the next one
    assert pack(tmp_path / "joined.tar.zst", one, empty).manifests == 6
    assert pack(tmp_path / "all.tar.zst", one, store).manifests == 8


def test_spectra_and_gaps_travel(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    sample_records.inspected([sample_records.sample("up-zero", predictions="")], runs)
    gap = runs / "mini" / "rte" / "theseus-0.25-s1.gap.json"
    gap.write_text('{"reason": "a layer is too few"}')
    made = pack(tmp_path / "a.tar.zst", runs, Store(tmp_path / "store"))
    assert made.gaps == 1
    assert "no predictions" in made.notes[-1]
    merge([made.file], tmp_path / "other")
    assert results(tmp_path / "other") == results(runs)
    gap.write_text('{"reason": "another"}')
    pack(tmp_path / "b.tar.zst", runs, Store(tmp_path / "store"))
    with pytest.raises(PackError, match="a cell has one reason"):
        merge([tmp_path / "b.tar.zst"], tmp_path / "other")


def test_what_contradicts_is_refused_whole(tmp_path: Path) -> None:
    one, _, _ = lab(tmp_path / "one")
    before = tree(one)
    laws: list[tuple[dict[str, Any], str]] = [
        ({"task_fingerprint": "f" * 64}, "one revision of its data"),
        ({"backbone_fingerprint": "f" * 64}, "is one encoder"),
        ({"recipes": {"name": "quick", "dense": {"epochs": 3}}}, "has one recipe .*:3"),
    ]
    for number, (changes, law) in enumerate(laws):
        folder = tmp_path / f"{number}"
        other, store, made = lab(folder, **changes)
        for record in made:  # cells of their own, so that only this law is broken
            for suffix in (".json", ".npz"):
                record.path(other).with_suffix(suffix).unlink()
            fresh = dataclasses.replace(record, key=f"new-{record.key}", seed=record.seed + 10, predictions="")
            fresh.write(other)
        pack(folder / "p.tar.zst", other, store)
        with pytest.raises(PackError, match=law) as caught:
            merge([folder / "p.tar.zst"], one)
        assert len(caught.value.faults) >= 1
    assert tree(one) == before


def test_another_result_of_the_same_key_is_a_conflict(tmp_path: Path) -> None:
    one, _, made = lab(tmp_path / "one")
    two, store, _ = lab(tmp_path / "two", stored=False)
    paths = [record.path(two) for record in made]
    changed = dataclasses.replace(made[0], ranks={"rank": 1.0})
    changed.write(two)
    dataclasses.replace(made[1], provenance={"host": "theirs"}).write(two)  # not a difference
    data = dict(np.load(paths[2].with_suffix(".npz")))
    data["validation.logits"] = data["validation.logits"] + 1
    np.savez(paths[2].with_suffix(".npz"), **data)
    older = dataclasses.replace(made[3], key="older", stage="0" * 64, predictions="")
    for suffix in (".json", ".npz"):
        paths[3].with_suffix(suffix).unlink()
    older.write(two)
    pack(tmp_path / "p.tar.zst", two, store)
    before = tree(one)
    with pytest.raises(PackError) as caught:
        merge([tmp_path / "p.tar.zst"], one)
    told = sorted(caught.value.faults)
    assert len(told) == 3
    assert "in ranks; decide" in str(caught.value)
    assert "in the predictions themselves; decide" in str(caught.value)
    assert "a cell has one measurement a seed" in str(caught.value)
    assert tree(one) == before


@pytest.mark.parametrize("moves", range(0, 12, 2))
def test_a_killed_merge_leaves_whole_records_and_is_ended_by_the_next(tmp_path: Path, moves: int) -> None:
    runs, store, made = lab(tmp_path)
    done = pack(tmp_path / "p.tar.zst", runs, store)
    target = tmp_path / "target"
    pid = os.fork()
    if pid == 0:  # dies as of kill -9 after some files have found their places
        code = 1
        try:
            real, count = os.replace, [moves]

            def counted(*names: Any) -> None:
                if not count[0]:
                    os._exit(9)
                count[0] -= 1
                real(*names)

            os.replace = counted  # type: ignore[assignment]
            merge([done.file], target)
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    for record in records.read_all(target):
        path = record.path(target)
        assert path.read_bytes() == record.path(runs).read_bytes()
        assert path.with_suffix(".npz").read_bytes() == record.path(runs).with_suffix(".npz").read_bytes()
    merge([done.file], target)
    assert results(target) == results(runs)
    assert len(known_manifests(target)) == 2 * len(made)
    assert list(target.glob(".merging.*")) == []


# Strangers


def entry(name: str, content: bytes = b"{}", **changes: Any) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in changes.items():
        setattr(info, field, value)
    return info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)


def written(path: Path, *entries: bytes, end: bytes = bytes(1024)) -> Path:
    path.write_bytes(zstandard.ZstdCompressor().compress(b"".join(entries) + end))
    return path


def complete(path: Path, files: dict[str, bytes]) -> Path:
    """A pack that lists its files truly."""
    listed = {name: {"sha256": hashlib.sha256(text).hexdigest(), "size": len(text)} for name, text in files.items()}
    files = {**files, "pack.json": json.dumps({"layout": 1, "files": listed}).encode()}
    return written(path, *(entry(name, text) for name, text in sorted(files.items())))


HOSTILE: list[tuple[bytes, str]] = [
    (entry("/etc/cron.d/x"), "not from the root"),
    (entry("records/../../x.json"), r"without '\.\.'"),
    (entry("gaps/../x.gap.json"), r"without '\.\.'"),
    (entry("gaps/.git/hooks/x.gap.json"), "nothing else"),
    (entry("records/a.json", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "got a symbolic link"),
    (entry("records/a.json", b"", type=tarfile.LNKTYPE, linkname="pack.json"), "got a hard link"),
    (entry("records/a.json", b"", type=tarfile.CHRTYPE), "got a device"),
    (entry("records/a.json", b"", type=tarfile.FIFOTYPE), "got a pipe"),
    (entry("records", b"", type=tarfile.DIRTYPE), "got a folder"),
    (entry("records/" + "a" * 200 + ".json"), "got a long name"),
    (entry("pack.json") + entry("pack.json"), "each name once"),
    (entry("pack.json", mode=0o755), "nothing in a pack is executable"),
    (entry("pack.json", mode=0o4644), "nothing in a pack is executable"),
    (entry("run.sh", b"#!/bin/sh"), "nothing else"),
    (entry("records/a.pkl", pickle.dumps(1)), "nothing else"),
    (entry("records/a.json", b"{}" * (3 << 20)), "one file has at most 4.2 MB"),
    (b"x" * 512, "tar of files with plain names"),
]


@pytest.mark.parametrize(("hostile", "law"), HOSTILE)
def test_a_strangers_archive_is_refused(tmp_path: Path, hostile: bytes, law: str) -> None:
    path, runs = written(tmp_path / "p.tar.zst", hostile), tmp_path / "deep" / "runs"
    with pytest.raises(PackError, match=law):
        merge([path], runs)
    assert [each.name for each in tmp_path.iterdir()] == ["p.tar.zst"]


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path / "p.tar.zst", *(hostile for hostile, _ in HOSTILE[:9]))
    with pytest.raises(PackError) as caught:
        merge([path], tmp_path / "runs")
    assert len(caught.value.faults) >= 9


@pytest.mark.parametrize(
    ("content", "law"),
    [
        (b"no zstd at all", "whole zstd data"),
        (zstandard.ZstdCompressor().compress(entry("pack.json") + bytes(1024))[:-3], "cut off|whole zstd data"),
        (zstandard.ZstdCompressor().compress(entry("pack.json")), "cut off"),
        (zstandard.ZstdCompressor().compress(bytes(1024) + b"behind"), "nothing behind its end"),
        (
            zstandard.ZstdCompressor().compress(entry("pack.json") + bytes(1024))
            + zstandard.ZstdCompressor().compress(b"behind"),
            "nothing behind its end",
        ),
        (zstandard.ZstdCompressor().compress(bytes(1024)), "lists its files in pack.json"),
    ],
)
def test_a_cut_or_padded_archive_is_refused(tmp_path: Path, content: bytes, law: str) -> None:
    path = tmp_path / "p.tar.zst"
    path.write_bytes(content)
    with pytest.raises(PackError, match=law):
        merge([path], tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_BYTES", 1 << 20)
    big = [entry(f"records/{number}.json", bytes(1 << 19)) for number in range(5)]
    path = written(tmp_path / "p.tar.zst", *big)
    assert path.stat().st_size < 1000
    with pytest.raises(PackError, match="the rest of the pack was not read"):
        merge([path], tmp_path / "runs")
    window = zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=True)
    path.write_bytes(zstandard.ZstdCompressor(compression_params=window).compress(bytes(300 << 20)))
    with pytest.raises(PackError, match=r"at most 134\.2 MB"):
        merge([path], tmp_path / "runs")


def npz(**members: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in members.items():
            file.writestr(name.replace("__", "/") + ".npy", text)
    return content.getvalue()


def npy(array: Any, **header: Any) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, np.asarray(array), allow_pickle=True)
    if not header:
        return content.getvalue()
    claimed = io.BytesIO()
    np.lib.format.write_array_header_1_0(claimed, {"descr": "<f8", "fortran_order": False, **header})
    return claimed.getvalue() + bytes(8)


class Evil:
    """Runs when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch /tmp/weighin-evil",)


@pytest.mark.parametrize(
    ("content", "law"),
    [
        (b"PK no zip", "npz file of plain arrays"),
        (npz(a=npy([Evil()])), "array of plain numbers or texts, got object"),
        (npz(a=pickle.dumps(Evil())), "npz file of plain arrays"),
        (npz(a=npy([0.0], shape=(1 << 40,))), "has the bytes its shape"),
        (npz(__a=npy([1])), "holds .npy arrays only"),
        (npz(a=npy([1])), "ids, labels and logits"),
        (npz(a=bytes(1 << 21)), "unpacks to at most"),
    ],
)
def test_a_strangers_predictions_are_refused(
    tmp_path: Path, content: bytes, law: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.packs.arrays.MOST_UNPACKED", 1 << 20)
    record = sample_records.sample()
    record = dataclasses.replace(record, predictions=record.path(tmp_path).with_suffix(".npz").name)
    text = json.dumps(dataclasses.asdict(record)).encode()
    files = {f"records/{record.key}.json": text, f"records/{record.key}.npz": content}
    with pytest.raises(PackError, match=law):
        merge([complete(tmp_path / "p.tar.zst", files)], tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
    assert not Path("/tmp/weighin-evil").exists()  # noqa: S108  # where the evil would be


@pytest.mark.parametrize(
    ("changes", "law"),
    [
        ({"task": "../../x"}, "a task's name has letters"),
        ({"backbone": ".."}, "goes to <backbone>/<task>/"),
        ({"backbone": ".git"}, "goes to <backbone>/<task>/"),
        ({"predictions": "../../../x.npz"}, "own name"),
        ({"predictions": "another.npz"}, "own name"),
        ({"method": "m" * 300}, "at most 200 bytes"),
        ({"key": "another"}, "named after its key"),
        ({"metrics": "high"}, r"\.metrics is an object, got 'high'"),
        ({"metrics": {"validation": {"accuracy": "0.9"}}}, "is a number"),
        ({"metrics": {}}, "has the table's value"),
        ({"seed": "1"}, r"\.seed is a whole number"),
        ({"unknown": 1}, "no field of Record"),
        ({"schema": 99}, "has schema 1, got 99"),
    ],
)
def test_what_is_no_record_is_refused(tmp_path: Path, changes: dict[str, Any], law: str) -> None:
    record = sample_records.sample(predictions="")
    text = json.dumps(dataclasses.asdict(record) | changes).encode()
    with pytest.raises(PackError, match=law):
        merge([complete(tmp_path / "p.tar.zst", {f"records/{record.key}.json": text})], tmp_path / "runs")


@pytest.mark.parametrize(
    "text", [b"[" * 100_000, b'{"a":' * 100_000, b'{"a": NaN}', b"[]", b"", b"\xff", b"import os", b'{"a": 1}']
)
def test_what_is_no_json_of_ours_is_refused(tmp_path: Path, text: bytes) -> None:
    for name in ("records/a.json", f"manifests/{'0' * 64}.json"):
        with pytest.raises(PackError, match=name):
            merge([complete(tmp_path / "p.tar.zst", {name: text})], tmp_path / "runs")


@pytest.mark.parametrize(
    ("changes", "law"),
    [
        ({"files": {"../../x": {"sha256": "0" * 64, "size": 1}}}, "lies in its folder"),
        ({"files": {"/etc/passwd": {"sha256": "0" * 64, "size": 1}}}, "lies in its folder"),
        ({"description": {"kind": "os:system", "version": 1, "fields": {}}}, "hash of its description"),
        ({"inputs": {"../x": "toy"}}, "64 hex digits"),
        ({"layout": 99}, "up to layout 1, got 99"),
        ({"costs": "cheap"}, "costs is an object"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, changes: dict[str, Any], law: str) -> None:
    _, store, made = lab(tmp_path)
    manifest = store.manifest(made[0].stage)
    assert manifest is not None
    files = {f"manifests/{made[0].stage}.json": json.dumps(manifest.to_json() | changes).encode()}
    with pytest.raises(PackError, match=law):
        merge([complete(tmp_path / "p.tar.zst", files)], tmp_path / "other")


def test_a_pack_whose_hashes_do_not_fit_is_refused(tmp_path: Path) -> None:
    runs, store, made = lab(tmp_path)
    file = pack(tmp_path / "p.tar.zst", runs, store).file
    faults: list[str] = []
    files = {member.name: member.content for member in archive.read(file, faults)}
    assert faults == []
    name = f"records/{made[0].key}.npz"
    altered = {**files, name: files[f"records/{made[1].key}.npz"]}
    entries = [entry(each, text) for each, text in sorted(altered.items())]
    with pytest.raises(PackError, match=r"another sha256 or size than pack\.json"):
        merge([written(tmp_path / "altered.tar.zst", *entries)], tmp_path / "other")
    del altered["pack.json"]  # listed anew, the stage's manifest still tells
    with pytest.raises(PackError, match="the sha256 its stage's manifest says"):
        merge([complete(tmp_path / "forged.tar.zst", altered)], tmp_path / "other")
    short = {each: text for each, text in files.items() if each != name}
    with pytest.raises(PackError, match="listed and not there"):
        merge([written(tmp_path / "s.tar.zst", *(entry(*one) for one in sorted(short.items())))], tmp_path / "other")


def test_limits_are_stated() -> None:
    assert layout.place("records/ab.json") == ("record", "ab", layout.MOST_JSON)
    assert layout.place("records/ab.spectra.npz") == ("spectra", "ab", layout.MOST_ARRAYS)
    assert layout.place("records/.json") is None
    assert layout.place("gaps/a/b/c/d/e.gap.json") is None


def test_the_commands(tmp_path: Path) -> None:
    runs, store, made = lab(tmp_path)
    runner = CliRunner()

    def call(*words: object) -> Any:
        return runner.invoke(weighin.app, [str(word) for word in words])

    out = tmp_path / "a.tar.zst"
    assert (
        "4 records, predictions of 4, 8 manifests" in call("pack", out, "--runs", runs, "--store", store.root).output
    )
    told = call("merge", out, "--runs", tmp_path / "other", "--dry-run")
    assert "4 records would be added" in told.output
    assert not (tmp_path / "other").exists()
    facts = json.loads(call("merge", out, "--runs", tmp_path / "other", "--json").stdout)
    assert len(facts["records"]) == 4
    assert "4 equal ones skipped" in call("merge", out, "--runs", tmp_path / "other").output
    why = call("why", made[0].stage[:12], "--store", tmp_path / "empty", "--runs", tmp_path / "other")
    assert "state: elsewhere" in why.output
    report = call("report", "table2", "--tasks", "rte", "--runs", tmp_path / "other", "--format", "md")
    assert report.exit_code == 0, report.output
    assert report.output == call("report", "table2", "--tasks", "rte", "--runs", runs, "--format", "md").output
    bad = call("merge", written(tmp_path / "bad.tar.zst", entry("x.sh")), "--runs", tmp_path / "other")
    assert bad.exit_code == 2
    assert "nothing else" in bad.stderr
