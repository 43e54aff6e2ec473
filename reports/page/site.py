"""The page as files: one HTML file with its data, our style and script, and the library that draws."""

import hashlib
import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from benchmarks.gaps import KeptGap
from benchmarks.records import Record
from reports import lint_paper, output, published, selection
from reports.evidence import Evidence
from reports.faults import UsageError
from reports.page import data, headline, library, paper
from reports.page.cells import Cell, Score, Setting, canonical, cells
from reports.page.embed import embedded
from reports.page.names import Names
from reports.page.predictions import Summaries
from reports.tables.table import percent

HERE = Path(__file__).parent
ASSETS = ("page.css", "page.js")
NAME = "page"


def write(runs: Path, out: Path | None = None, unwanted: Mapping[str, object] | None = None) -> tuple[Path, ...]:
    """Write the page of all records below a folder.

    Args:
        runs: the records.
        out: the page's folder; None: `page` beside the records.
        unwanted: options that a page cannot have -> what was given.

    Raises:
        UsageError: no records, such an option, a file in place of the folder, or no library to draw with.
    """
    given = [name for name, value in (unwanted or {}).items() if value is not None]
    if given:
        raise UsageError(f"the page shows all records and filters them itself, got {', '.join(given)}; leave it out")
    folder = runs.parent / NAME if out is None else out
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out of a page is a folder, got the file {folder}; name another")
    found = selection.read_found(runs)
    files = build(found.records, runs, found.gaps)
    return tuple(output.write(folder / name, text) for name, text in files.items())


def build(records: Sequence[Record], runs: Path, gaps: Sequence[KeptGap] = ()) -> dict[str, str]:
    """File name -> content; the same records and gaps give the same bytes.

    Args:
        records: all of them, of as many backbones and protocols as there are.
        runs: the folder they were read from, with the predictions.
        gaps: cells that were refused or failed.

    Raises:
        UsageError: no library to draw with.
    """
    script = library.script()
    files = {name: (HERE / "assets" / name).read_text(encoding="utf-8") for name in ASSETS}
    return {"index.html": _html(records, runs, gaps), **files, library.FILE: script}


def _html(records: Sequence[Record], runs: Path, gaps: Sequence[KeptGap]) -> str:
    found = cells(records, gaps)
    names = Names(cell.setting for cell in found)
    details = data.runs(found, Summaries(found, runs), runs)
    groups = headline.groups(found, names, Evidence(runs), _majorities(found, details))
    cells_of_paper = published.read_all()
    shown = {
        "board": data.board(found, names),
        "paper": {"rows": paper.beside(cells_of_paper, found, names), "verdicts": paper.ORDER},
        "runs": details,
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(percent=percent, points=_points)
    return environment.get_template("index.html").render(
        counts=_counts(found),
        found={
            "Methods": list(dict.fromkeys(cell.label for cell in found)),
            "Tasks": sorted({cell.setting.task for cell in found}),
            "Backbones": sorted({cell.setting.backbone for cell in found}),
            "Protocols": sorted({cell.setting.protocol for cell in found}),
        },
        groups=groups,
        sentence=headline.sentence(groups),
        names=names,
        checks=lint_paper.lint(cells_of_paper),
        preamble=lint_paper.PREAMBLE,
        data={name: embedded(value) for name, value in shown.items()},
        digest=hashlib.sha256(canonical(shown).encode()).hexdigest()[:12],
        version=importlib.metadata.version("weighin"),
    )


def _counts(found: Sequence[Cell]) -> dict[str, int]:
    """What there is, for the first sentence of the page."""
    measured = [cell for cell in found if cell.records]
    return {
        "runs": sum(len(cell.records) for cell in found),
        "cells": len(measured),
        "refused": sum(cell.state == "refused" for cell in found),
        "failed": sum(cell.state == "failed" for cell in found),
        "incomplete": sum(cell.state == "incomplete" for cell in found),
        "methods": len({cell.method for cell in measured if not cell.is_reference}),
        "tasks": len({cell.setting.task for cell in measured}),
        "backbones": len({cell.setting.backbone_fingerprint for cell in measured}),
        "protocols": len({(cell.setting.protocol, cell.setting.recipes) for cell in measured}),
        "faults": sum(bool(cell.fault) for cell in found),
    }


def _majorities(found: Sequence[Cell], details: Mapping[str, Any]) -> dict[Setting, float]:
    """The share of the most frequent label, of settings that are scored by accuracy and have predictions."""
    shares: dict[Setting, float] = {}
    for cell in found:
        if cell.setting.metric == "accuracy":
            for run in details["cells"][cell.id]["runs"]:
                if not isinstance(run["predictions"], str):
                    shares.setdefault(cell.setting, run["predictions"]["majority"])
    return shares


def _points(score: Score) -> str:
    """Mean and standard deviation: '70.1 ± 0.4'."""
    return f"{score.mean:.1f}" + ("" if score.sd is None else f" ± {score.sd:.1f}")
