"""All that is wrong with packs, found before anything is written: in each file, and between packs and records."""

import dataclasses
from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import records, shapes
from benchmarks.evaluate import PREDICTIONS
from benchmarks.files import sha256
from benchmarks.inspection import SPECTRA, Inspect
from benchmarks.manifest import Manifest
from benchmarks.packs import archive, arrays, kept
from benchmarks.packs.archive import Member
from benchmarks.packs.collecting import GAP
from benchmarks.packs.contents import comparable, differing, gap_of, manifest_of, record_of
from benchmarks.packs.layout import INVENTORY, LAYOUT, PackError
from benchmarks.records import Record


@dataclasses.dataclass
class Incoming:
    """What packs bring: the new records, and of which files (name -> sha256, bytes) they and their like consist."""

    new: dict[str, Record] = dataclasses.field(default_factory=dict)
    equal: int = 0
    wanted: dict[str, tuple[str, int]] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class _Contents:
    """One pack, looked through: its files by name, its records and manifests by key."""

    path: Path
    files: dict[str, tuple[str, int]] = dataclasses.field(default_factory=dict)
    records: dict[str, Record] = dataclasses.field(default_factory=dict)
    manifests: dict[str, Manifest] = dataclasses.field(default_factory=dict)
    shapes: dict[str, dict[str, tuple[int, ...]]] = dataclasses.field(default_factory=dict)
    inventory: dict[str, Any] | None = None


def checked(packs: Sequence[Path], runs: Path) -> Incoming:
    """What may be joined with the records below `runs`.

    Raises:
        PackError: Everything that is wrong.
        OSError: A pack cannot be read.
    """
    faults: list[str] = []
    found = [_look(path, faults) for path in packs]
    ours = _ours(runs, faults)
    incoming = _join(found, ours, runs, faults)
    if faults:
        raise PackError(list(dict.fromkeys(faults)))
    return incoming


# One pack


def _look(path: Path, faults: list[str]) -> _Contents:
    """Read a pack through; what is wrong with its files, each by itself and with the others."""
    contents = _Contents(path)
    before = len(faults)
    for member in archive.read(path, faults):
        contents.files[member.name] = member.sha256, len(member.content)
        faults += [f"{path}: {member.name}: {fault}" for fault in _take(member, contents)]
    if len(faults) == before:  # what follows is only news of a pack whose files are sound
        faults += [f"{path}: {fault}" for fault in (*_inventory_faults(contents), *_beside_faults(contents))]
    return contents


def _take(member: Member, contents: _Contents) -> list[str]:
    faults: list[str] = []
    if member.kind == "record":
        record, faults = record_of(member.content, member.key)
        if record is not None:
            contents.records[member.key] = record
    elif member.kind == "manifest":
        manifest, faults = manifest_of(member.content, member.key)
        if manifest is not None:
            contents.manifests[member.key] = manifest
    elif member.kind in ("predictions", "spectra"):
        contents.shapes[member.name], faults = arrays.check(member.content)
    elif member.kind == "gap":
        _, faults = gap_of(member.content)
    else:
        try:
            contents.inventory = shapes.parse(member.content)
        except ValueError as fault:
            faults = [f"a pack's list of files is a JSON object, got: {fault}"]
    return faults


def _inventory_faults(contents: _Contents) -> list[str]:
    """A pack lists all its files with their hashes, so that a cut or altered one is noticed."""
    listed = contents.inventory
    if listed is None:
        return [f"a pack lists its files in {INVENTORY}, got none"]
    if listed.get("layout") != LAYOUT:
        return [
            f"this weighin knows packs of layout {LAYOUT}, got {ascii(listed.get('layout'))[:20]}; use a newer one"
        ]
    files = listed.get("files")
    if not isinstance(files, dict):
        return [f"{INVENTORY} has the files by name, got {type(files).__name__}"]
    there = {name: {"sha256": sha, "size": size} for name, (sha, size) in contents.files.items() if name != INVENTORY}
    faults = [f"{name[:120]!a} is listed and not there" for name in sorted(set(files) - set(there))]
    faults += [f"{name} is there and not listed" for name in sorted(set(there) - set(files))]
    return faults + [
        f"{name} has another sha256 or size than {INVENTORY} says"
        for name in sorted(set(there) & set(files))
        if there[name] != files[name]
    ]


def _beside_faults(contents: _Contents) -> Iterator[str]:
    """What lies beside a record belongs to it, and is what the stage's manifest says the stage left."""
    looked = {
        model: manifest.files[SPECTRA].sha256
        for manifest in contents.manifests.values()
        if manifest.kind == Inspect.kind and SPECTRA in manifest.files
        for model in manifest.inputs
    }
    for name in contents.shapes:
        key = name.removeprefix("records/").removesuffix(".npz").removesuffix(".spectra")
        record = contents.records.get(key)
        if record is None:
            yield f"{name} lies beside a record, got none of that key"
            continue
        measured = contents.manifests.get(record.stage)
        if name.endswith(".spectra.npz"):
            named = record.inspection.arrays if record.inspection else ""
            models = [looked[model] for model in (measured.inputs if measured else ()) if model in looked]
            expected = models[0] if models else None
        else:
            named = record.predictions
            yield from (
                f"{name} {fault}" for fault in arrays.prediction_faults(contents.shapes[name], [*record.metrics])
            )
            entry = measured.files.get(PREDICTIONS) if measured else None
            expected = entry.sha256 if entry else None
        if not named:
            yield f"{name} is named in its record, got a record without"
        if expected not in (None, contents.files[name][0]):
            got = contents.files[name][0]
            yield f"{name} has the sha256 its stage's manifest says, {str(expected)[:12]}, got {got[:12]}"


# Packs and records


@dataclasses.dataclass
class _Ours:
    """A record that is there already, or came with an earlier pack, and where."""

    record: Record
    where: str
    predictions: str | None  # sha256


def _ours(runs: Path, faults: list[str]) -> dict[str, _Ours]:
    found: dict[str, _Ours] = {}
    for path in sorted(runs.rglob("*.json")):
        if path.name.endswith(GAP):
            continue
        try:
            record = records.read(path)
        except ValueError as fault:
            faults.append(str(fault))
            continue
        beside = path.with_name(record.predictions) if record.predictions else path
        found[record.key] = _Ours(record, str(path), _hash(beside) if beside != path else None)
    return found


def _hash(path: Path) -> str | None:
    return sha256(path) if path.is_file() else None


def _join(found: Sequence[_Contents], ours: dict[str, _Ours], runs: Path, faults: list[str]) -> Incoming:
    """Which files are new, and what contradicts what is there or what another pack brings."""
    incoming = Incoming()
    same = [_Same(*law) for law in LAWS]
    there = dict(ours)
    for held in ours.values():
        for law in same:
            law.see(held.record, held.where)
    for contents in found:
        for key, record in sorted(contents.records.items()):
            name, where = f"records/{key}.json", f"{contents.path}: records/{key}.json"
            sent = contents.files.get(f"records/{key}.npz", (None, 0))[0]
            if key in there:
                faults += _conflict(there[key], record, sent, where)
                incoming.equal += 1
                continue
            faults += [fault for law in same for fault in law.see(record, where)]
            there[key] = _Ours(record, where, sent)
            incoming.new[key] = record
            for file in (name, f"records/{key}.npz", f"records/{key}.spectra.npz"):
                if file in contents.files:
                    incoming.wanted[file] = contents.files[file]
            if sent is None:
                incoming.notes.append(f"{where} came without predictions")
        _join_others(contents, runs, incoming, faults)
    return incoming


def _conflict(held: _Ours, record: Record, sent: str | None, where: str) -> list[str]:
    """Why a record is not the one that is there under its key."""
    fields = [] if comparable(held.record) == comparable(record) else differing(held.record, record)
    if held.predictions and sent and held.predictions != sent:
        fields.append("the predictions themselves")
    if not fields:
        return []
    return [
        f"{where}: one key has one measurement, got another than {held.where} in {', '.join(fields)}; "
        "decide which one is right and remove the other"
    ]


def _join_others(contents: _Contents, runs: Path, incoming: Incoming, faults: list[str]) -> None:
    """Manifests and gaps: new ones are wanted, a gap that says something else is a fault."""
    for name, (sha, size) in contents.files.items():
        if name.startswith("manifests/") and not kept.path_of(runs, Path(name).stem).exists():
            incoming.wanted.setdefault(name, (sha, size))
        elif name.startswith("gaps/"):
            place = runs / name.partition("/")[2]
            held = incoming.wanted.get(name, (_hash(place), 0))[0]
            if held is None:
                incoming.wanted[name] = sha, size
            elif held != sha:
                faults.append(f"{contents.path}: {name}: a cell has one reason, got another than {place}; remove one")


class _Same:
    """A law that of all records with one `within` the `value` is one; remembers who said what first."""

    def __init__(
        self, law: str, within: Callable[[Record], Hashable], value: Callable[[Record], str], cure: str
    ) -> None:
        self.law, self.within, self.value, self.cure = law, within, value, cure
        self.first: dict[Hashable, dict[str, str]] = {}

    def see(self, record: Record, where: str) -> list[str]:
        """A fault if the value is new where there is one already; what was there before is never a fault."""
        known = self.first.setdefault(self.within(record), {})
        value = self.value(record)
        fresh = bool(known) and value not in known
        known.setdefault(value, where)
        if not fresh:
            return []
        other, place = next(iter(known.items()))
        here, there = _apart(value, other)
        return [f"{where}: {self.law.format(record=record)}, got {here} beside {there} of {place}; {self.cure}"]


def _apart(one: str, other: str) -> tuple[str, str]:
    """The part of two texts where they begin to differ, with a little of what leads to it."""
    start = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    start = max(0, start - 24)
    return one[start : start + 48], other[start : start + 48]


APART = "keep the two in folders of their own (--runs)"
LAWS: tuple[tuple[str, Callable[[Record], Hashable], Callable[[Record], str], str], ...] = (
    (
        "task {record.task} under protocol {record.protocol} has one revision of its data",
        lambda record: (record.task, record.protocol),
        lambda record: record.task_fingerprint,
        APART,
    ),
    (
        "backbone {record.backbone} is one encoder",
        lambda record: record.backbone,
        lambda record: record.backbone_fingerprint,
        APART,
    ),
    (
        "protocol {record.protocol} has one recipe for {record.task} on {record.backbone}",
        lambda record: (record.backbone, record.task, record.protocol),
        lambda record: shapes.canonical(record.recipes),
        APART,
    ),
    (
        "a cell has one measurement a seed ({record.method}, {record.task}, {record.budget:g}, seed {record.seed})",
        lambda record: (
            record.method,
            record.backbone,
            record.task,
            record.protocol,
            record.budget,
            record.seed,
        ),
        lambda record: record.stage,
        "move the older version's records out of the folder",
    ),
    (
        "two records do not share a file",
        lambda record: record.path(Path()),
        lambda record: record.key,
        APART,
    ),
)
