"""All tables and figures that the records of a folder are enough for, as files; and whether the files still fit."""

import dataclasses
import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.gaps import KeptGap
from benchmarks.records import Record
from methods.contract import Family
from reports import figures, output, selection, tables
from reports.evidence import SHORT, Evidence
from reports.figures.canvas import FORMS as PICTURES
from reports.figures.canvas import save
from reports.figures.picture import Picture, Wanted
from reports.tables.consistency import MixedRecordsError
from reports.tables.gaps import kept
from reports.tables.table import Table

ENDINGS = {"md": "md", "tex": "latex", "csv": "csv", "html": "html"}  # of a file -> the format it holds
LONGEST = 80  # characters of a folder's name before its hash
SOURCE = re.compile(rf"sha256 ([0-9a-f]{{{SHORT}}})")


@dataclasses.dataclass(frozen=True)
class Scene:
    """The records of one backbone and one protocol, which may stand in one table; their reports have one folder."""

    backbone: str
    protocol: str
    records: tuple[Record, ...]
    gaps: tuple[KeptGap, ...] = ()

    @property
    def folder(self) -> str:
        """Backbone and protocol as a name of a folder; a hash keeps apart what differs in other signs alone."""
        exact = f"{self.backbone}-{self.protocol}"
        plain = re.sub(r"[^\w.=+-]", "_", exact, flags=re.ASCII)[:LONGEST]
        return plain if plain == exact else f"{plain}-{hashlib.sha256(exact.encode()).hexdigest()[:6]}"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One table or figure of one scene: what was drawn, or why nothing was."""

    scene: Scene
    name: str
    drawn: Table | Picture | None
    fault: str = ""  # empty: there is no record of it, or too few

    @property
    def files(self) -> tuple[Path, ...]:
        """Its files below the folder of the reports."""
        endings = PICTURES if self.name in figures.available() else tuple(ENDINGS)
        return tuple(Path(self.scene.folder, f"{self.name}.{ending}") for ending in endings)


@dataclasses.dataclass
class Summary:
    """What came of all: files written (or that fit), differences, what there are no records for, and faults."""

    files: list[Path] = dataclasses.field(default_factory=list)
    differing: list[str] = dataclasses.field(default_factory=list)
    no_run: dict[str, list[str]] = dataclasses.field(default_factory=dict)  # backbone and protocol -> names
    faults: list[str] = dataclasses.field(default_factory=list)


def scenes(
    records: Sequence[Record],
    backbone: str | None = None,
    protocol: str | None = None,
    gaps: Sequence[KeptGap] = (),
) -> list[Scene]:
    """The records and gaps by backbone and protocol, in the order of their names; only those named, if any are."""
    every: list[Record | KeptGap] = [*records, *gaps]
    names = {(one.backbone, one.protocol) for one in every}
    return [
        Scene(
            *both,
            tuple(record for record in records if (record.backbone, record.protocol) == both),
            tuple(gap for gap in gaps if (gap.backbone, gap.protocol) == both),
        )
        for both in sorted(names)
        if backbone in (None, both[0]) and protocol in (None, both[1])
    ]


def outcomes(
    runs: Path, found: Sequence[Scene], paper: bool | None = None, names: Sequence[str] = ()
) -> Iterator[Outcome]:
    """Every table and figure of every scene, one after the other.

    Args:
        runs: the folder of the records.
        found: from `scenes`.
        paper: as for `reports.tables.finish.finished`.
        names: tables and figures; none for all.
    """
    evidence = Evidence(runs)
    for scene in found:
        for name in names or (*tables.available(), *figures.available()):
            try:
                drawn = _drawn(name, scene, evidence, paper)
            except MixedRecordsError as fault:
                yield Outcome(scene, name, None, str(fault))
            else:
                yield Outcome(scene, name, drawn)


def write(out: Path, found: Iterator[Outcome]) -> Summary:
    """Write the files of all outcomes below `out`, each whole or not at all."""
    summary = Summary()
    for outcome in found:
        for file in _expected(outcome, summary):
            _write(outcome.drawn, out / file)
            summary.files.append(out / file)
    return summary


def check(out: Path, found: Iterator[Outcome]) -> Summary:
    """Compare the files below `out` with what the records give now.

    Tables are compared byte for byte. Of figures, whose bytes depend on the drawing library, the source is: the
    hash of records and predictions in the caption.
    """
    summary = Summary()
    expected: set[Path] = set()
    looked: set[Path] = set()
    for outcome in found:
        looked.update(outcome.files)
        for file in _expected(outcome, summary):
            expected.add(file)
            fault = _differs(outcome.drawn, out / file)
            if fault:
                summary.differing.append(f"{out / file}: {fault}")
            else:
                summary.files.append(out / file)
    for file in sorted(looked - expected):
        if (out / file).exists():
            summary.differing.append(f"{out / file}: there are no records for it any more")
    return summary


def words(summary: Summary) -> Iterator[str]:
    """What was written or fits, and what there are no records for."""
    yield from (str(path) for path in summary.files)
    for scene, names in summary.no_run.items():
        yield f"no run, or too few: {', '.join(names)} of {scene}"


def _drawn(name: str, scene: Scene, evidence: Evidence, paper: bool | None) -> Table | Picture | None:
    blueprint = figures.get(name) if name in figures.available() else tables.get(name)
    usual = blueprint.defaults
    least = min(2, len(usual.methods or ("any",)))  # one row of several says nothing
    every: list[Record | KeptGap] = [*scene.records, *scene.gaps]
    items = selection.usual(blueprint, every)
    records, gaps = selection.parted(items)
    if isinstance(blueprint, tables.Blueprint):
        enough = _compressed(records) >= least or (_compressed(gaps) >= least and not usual.computed)
        return selection.table_of(blueprint, items, evidence, paper=paper) if enough else None
    wanted = Wanted.of(usual, records, gaps=kept(gaps), runs=evidence.runs, source=evidence.source)
    picture = blueprint.draw(wanted) if _compressed(wanted.records) >= least else None
    return picture if picture and picture.rows else None


def _compressed(records: Sequence[Record | KeptGap]) -> int:
    """How many methods there are beside the dense reference."""
    return len({record.method for record in records if Family(record.family) is not Family.REFERENCE})


def _expected(outcome: Outcome, summary: Summary) -> tuple[Path, ...]:
    """The files there should be; why there are none is noted."""
    scene = f"{outcome.scene.backbone}, protocol {outcome.scene.protocol}"
    if outcome.fault:
        summary.faults.append(f"{outcome.name} of {scene}: {outcome.fault}")
    elif outcome.drawn is None:
        summary.no_run.setdefault(scene, []).append(outcome.name)
    return () if outcome.drawn is None else outcome.files


def _write(drawn: Table | Picture | None, file: Path) -> None:
    if isinstance(drawn, Table):
        output.write(file, output.formatted(drawn, ENDINGS[file.suffix.removeprefix(".")]))
    elif drawn is not None:
        save(drawn.figure, file)


def _differs(drawn: Table | Picture | None, file: Path) -> str:
    """Why a file does not fit; nothing where it does."""
    if not file.exists():
        return "is not there"
    if isinstance(drawn, Table):
        fits = file.read_bytes() == output.formatted(drawn, ENDINGS[file.suffix.removeprefix(".")]).encode()
        return "" if fits else "is not what the records give"
    if drawn is None or file.suffix != ".svg":  # the words of the other forms are compressed
        return ""
    source = SOURCE.search(drawn.caption)
    return "" if source and source[1].encode() in file.read_bytes() else "was made of other records"
