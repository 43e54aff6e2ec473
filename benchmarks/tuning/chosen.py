"""The file of chosen values: readable, committed, and what `weighin run --tuned` measures with."""

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cells import Cell, Tuned
from benchmarks.provenance import provenance
from benchmarks.tuning.certificate import Certificate, certificate
from benchmarks.tuning.search import Search, Select
from benchmarks.tuning.space import applied

SCHEMA = 1


class ChosenFault(ValueError):  # noqa: N818  # the user's mistake
    """A file of chosen values is none, or does not fit what is asked for; all faults at once."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """What was chosen for one method, task and budget: its certificate, and what it was found on."""

    certificate: Certificate
    sampler: str
    pruner: str
    seed: int
    space: Mapping[str, str]
    data: str  # fingerprint of the whole task
    encoder: str  # fingerprint
    provenance: Mapping[str, Any]

    @property
    def place(self) -> tuple[str, str, str, str, float]:
        """What a newer entry replaces an older one at."""
        found = self.certificate
        return (found.method, self.encoder, found.task, found.protocol, found.budget)


def entry(search: Search) -> Entry:
    """The entry of a search as it stands."""
    setting = search.subject.first.setting
    ours = provenance()
    return Entry(
        certificate=certificate(search),
        sampler=search.request.sampler,
        pruner=search.request.pruner,
        seed=search.request.seed,
        space={name: str(values) for name, values in search.subject.space.items()},
        data=setting.task.fingerprint,
        encoder=setting.backbone.fingerprint,
        provenance={"commit": ours["commit"], "altered": ours["altered"], "packages": ours["packages"]},
    )


def write(path: Path, table: str, entries: Sequence[Entry]) -> None:
    """Put entries into a file, whole or not at all; those of other methods, tasks and budgets stay.

    Raises:
        ChosenFault: The file is there and is no file of chosen values.
    """
    every = {one.place: one for one in read(path)} if path.exists() else {}
    every |= {one.place: one for one in entries}
    kept = [dataclasses.asdict(every[place]) for place in sorted(every)]
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    text = json.dumps({"schema": SCHEMA, "table": table, "tuned": kept}, indent=1, sort_keys=True) + "\n"
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)


def read(path: Path) -> list[Entry]:
    """The entries of a file.

    Raises:
        ChosenFault: It is not there or not such a file.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            raise ValueError(f"schema {data['schema']}, this program reads {SCHEMA}")
        return [
            Entry(**{**one, "certificate": Certificate(**{**found, **_tuples(found)})})
            for one in data["tuned"]
            for found in (one["certificate"],)
        ]
    except FileNotFoundError as fault:
        raise ChosenFault(
            f"--tuned is a file of chosen values, got {path}, which is not there; tune first"
        ) from fault
    except (KeyError, TypeError, ValueError, RecursionError) as fault:
        raise ChosenFault(f"{path}: not a file of chosen values ({fault}); tune again") from fault


def _tuples(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(found[name]) for name in ("seeds", "curve", "warnings", "failures")}


def tuned(cells: Sequence[Cell], entries: Sequence[Entry]) -> list[Cell]:
    """The cells with the values chosen for them; one that has none keeps its values and says so.

    Raises:
        ChosenFault: Values were found on other data, or some on held-out rows and some on the development set.
    """
    known = {one.place: one for one in entries}
    chosen = [known.get(_place(cell)) for cell in cells]
    faults = [
        f"tuned values are of the data they were found on, got {one.data[:12]} for {cell.setting.task.name}, which "
        f"is {cell.setting.task.fingerprint[:12]} now; tune again"
        for cell, one in zip(cells, chosen, strict=True)
        if one is not None and one.data != cell.setting.task.fingerprint
    ]
    kinds: set[Select] = {one.certificate.selection for one in chosen if one is not None}
    if not kinds:
        faults.append("--tuned needs chosen values for one cell at least, got none for this backbone and protocol")
    elif len(kinds) > 1:
        faults.append("a table has values selected in one way, got heldout and dev; tune again with one --select")
    if faults:
        raise ChosenFault("; ".join(dict.fromkeys(faults)))
    kind = kinds.pop()
    return [_with(cell, one, kind) for cell, one in zip(cells, chosen, strict=True)]


def _place(cell: Cell) -> tuple[str, str, str, str, float]:
    setting = cell.setting
    return (
        cell.method,
        setting.backbone.fingerprint,
        setting.task.name,
        setting.protocol.name,
        setting.budget.kept,
    )


def _with(cell: Cell, found: Entry | None, kind: Select) -> Cell:
    setting = cell.setting
    values = None if found is None else found.certificate.values
    method, protocol = applied(values or {}, cell.compressor, setting.protocol)
    named = dataclasses.replace(protocol, name=f"{setting.protocol.name}+tuned-{kind}")
    return Cell(
        cell.method,
        method,
        dataclasses.replace(setting, protocol=named),
        timed=cell.timed,
        tuned=Tuned(
            selection=kind,
            label=cell.compressor.title(),
            values=tuple((values or {}).items()),
            note=_note(cell, found),
        ),
    )


def _note(cell: Cell, found: Entry | None) -> str:
    """What a reader of the cell must know; nothing where there is nothing to tune."""
    if found is None or found.certificate.values is None:
        return "no tuned values were found for this cell: default values" if cell.compressor.searched() else ""
    one = found.certificate
    if not one.values:
        return ""
    values = ", ".join(
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in one.values.items()
    )
    on = (
        f"{one.rows} held-out training rows"
        if one.selection == "heldout"
        else "the development set itself, which favours the number"
    )
    return f"tuned on {on}, best of {sum(one.trials.values())} trials: {values}"
