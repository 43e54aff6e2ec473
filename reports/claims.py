"""The paper's claims: sentences with executable predicates, and the verdicts our records give."""

import dataclasses
import difflib
import inspect
import textwrap
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.records import Record
from reports import published
from reports.faults import UsageError, usage
from reports.predicates import PREDICATES, Evidence, Outcome
from reports.replication import PROTOCOL, VERDICTS, Replication, Verdict, counts, replicate
from reports.tables.consistency import MixedRecordsError, check

WIDTH = 80
ENCODERS = ("bert-base", "minilm-12")  # of the paper
ELSEWHERE = "The paper's encoder or training protocol is another: these verdicts speak of this setting alone."
FIELDS = ("id", "text", "source", "predicate", "parameters")


@dataclasses.dataclass(frozen=True)
class Claim:
    """A sentence of a paper, where it stands, and the predicate that tests it."""

    id: str
    text: str
    source: str
    predicate: str
    parameters: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Judged:
    """A claim's verdict on the records of one backbone and protocol."""

    claim: Claim
    backbone: str
    protocol: str
    outcome: Outcome


def read(path: Path | None = None) -> tuple[Claim, ...]:
    """The claims of a file, by default the paper's.

    Raises:
        UsageError: no such file, or another form; every fault names the claim.
    """
    path = path or published.folder() / "claims.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise UsageError(f"{path}: claims are a TOML file, this cannot be read ({fault})") from fault
    entries = data.get("claim")
    if set(data) != {"claim"} or not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise UsageError(f"{path}: claims are [[claim]] tables and nothing else, got {', '.join(data) or 'nothing'}")
    faults = [f"{path}: {fault}" for at, entry in enumerate(entries, 1) for fault in _faults(at, entry)]
    twice = [name for name, number in Counter(str(entry.get("id")) for entry in entries).items() if number > 1]
    faults += [f"{path}: a claim's id is unique, {name} comes twice" for name in twice]
    if faults:
        raise UsageError("\n".join(faults))
    return tuple(Claim(**entry) for entry in entries)


def judge(claims: Iterable[Claim], records: Sequence[Record], folder: Path) -> tuple[Judged, ...]:
    """Every claim on every backbone and protocol of the records.

    Raises:
        UsageError: records that may not stand beside each other, such as two states of one task's data.
    """
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        groups.setdefault((record.backbone, record.protocol), []).append(record)
    claims = tuple(claims)
    judged = []
    for (backbone, protocol), found in sorted(groups.items()):
        with usage(MixedRecordsError):
            check(found)
            seen = Evidence(tuple(found), folder)
            outcomes = [PREDICATES[claim.predicate](seen, **claim.parameters) for claim in claims]
        judged += [Judged(claim, backbone, protocol, one) for claim, one in zip(claims, outcomes, strict=True)]
    return tuple(judged)


def words(judged: Sequence[Judged], cells: Sequence[Replication]) -> Iterator[str]:
    """All verdicts in lines of at most 80 characters: the claims, then the published cells."""
    for backbone, protocol in dict.fromkeys((one.backbone, one.protocol) for one in judged):
        group = [one for one in judged if (one.backbone, one.protocol) == (backbone, protocol)]
        found: Counter[Verdict] = Counter(one.outcome.verdict for one in group)
        yield from textwrap.wrap(f"Claims on {backbone}, protocol {protocol}: {_counted(found)}.", WIDTH)
        if protocol != PROTOCOL or backbone not in ENCODERS:
            yield from textwrap.wrap(ELSEWHERE, WIDTH)
        for one in group:
            yield ""
            yield f"{one.outcome.verdict}: {one.claim.id}"
            yield from _indented(f"{one.claim.text} ({one.claim.source})")
            for line in one.outcome.evidence:
                yield from _indented(f"- {line}")
        yield ""
    yield from textwrap.wrap(
        f"Published cells against our records with protocol {PROTOCOL} on the paper's encoders: "
        f"{_counted(counts(cells))}.",
        WIDTH,
    )
    for cell in cells:
        if cell.verdict != "not testable":
            yield from _indented(f"{cell.verdict}: {cell.cell.place}: {cell.reason}")


def as_data(judged: Iterable[Judged], cells: Iterable[Replication]) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "claims": [
            {
                **dataclasses.asdict(one.claim),
                "backbone": one.backbone,
                "protocol": one.protocol,
                "verdict": one.outcome.verdict,
                "evidence": list(one.outcome.evidence),
            }
            for one in judged
        ],
        "cells": [
            {
                "table": one.cell.table,
                "row": one.cell.row,
                "column": one.cell.column,
                "published": one.cell.printed,
                "verdict": one.verdict,
                "reason": one.reason,
                "ours": one.ours,
                "seeds": one.seeds,
                "low": one.low,
                "high": one.high,
            }
            for one in cells
        ],
    }


def of_records(records: Sequence[Record], folder: Path) -> tuple[tuple[Judged, ...], tuple[Replication, ...]]:
    """The paper's claims and its published cells, judged by these records."""
    return judge(read(), records, folder), replicate(published.read_all(), records)


def _faults(at: int, entry: Mapping[str, Any]) -> Iterator[str]:
    name = f"claim {entry.get('id', f'number {at}')}"
    if set(entry) != set(FIELDS) or not all(isinstance(entry[field], str) for field in FIELDS[:-1]):
        texts = ", ".join(FIELDS[:-1])
        yield f"{name}: a claim has the texts {texts} and a table of parameters, got {', '.join(entry)}"
        return
    predicate = PREDICATES.get(entry["predicate"])
    if predicate is None:
        near = difflib.get_close_matches(entry["predicate"], PREDICATES, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ";"
        yield f"{name}: no predicate is called '{entry['predicate']}'{hint} there are: {', '.join(PREDICATES)}"
        return
    wanted = list(inspect.signature(predicate).parameters)[1:]
    if not isinstance(entry["parameters"], dict) or set(entry["parameters"]) != set(wanted):
        yield f"{name}: {entry['predicate']} takes the parameters {', '.join(wanted)}, got {entry['parameters']}"


def _counted(found: Mapping[Verdict, int]) -> str:
    return ", ".join(f"{found.get(verdict, 0)} {verdict}" for verdict in VERDICTS)


def _indented(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="    ")
