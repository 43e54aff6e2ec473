"""Reads a split from GLUE's own tab-separated files, where a quotation mark is a character like any other."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.tasks.definition import TaskDefinition, TsvLayout
from benchmarks.tasks.sources.columns import check_columns
from benchmarks.tasks.sources.findings import Findings
from benchmarks.tasks.sources.rows import RawSplit

_MARK = b"\xef\xbb\xbf"  # byte order mark, at the head of MRPC's files


def read_tsv(task: TaskDefinition, layout: TsvLayout, path: Path, findings: Findings) -> RawSplit | None:
    """One split from a text file; None when a fault kept it from being read.

    Only a line feed ends a row (a carriage return before it is dropped), so that the other line separators of
    Unicode stay inside texts.

    Args:
        task: The task.
        layout: Where the task's columns stand in GLUE's file.
        path: The file.
        findings: Takes missing columns, rows of the wrong length, bytes that are no UTF-8, and a note on
            broken rows dropped where the official file has some.
    """
    lines = _decode(path, findings)
    if lines is None:
        return None
    header, first = (list(layout.header), 1) if layout.header else ((lines or [""])[0].split("\t"), 2)
    wanted = (*layout.texts, layout.label)
    if not layout.header and not check_columns(task, wanted, header, str(path), findings):
        return None
    rows = [line.split("\t") for line in lines[first - 1 :]]
    positions = list(range(first, first + len(rows)))
    kept = _keep_whole(rows, positions, header, layout, path=path, findings=findings)
    rows, positions = [rows[number] for number in kept], [positions[number] for number in kept]
    columns = [[row[header.index(name)] for row in rows] for name in wanted]
    return RawSplit(
        where=str(path),
        ids=_ids(rows, header, layout),
        texts=columns[:-1],
        labels=_labels(task, layout, columns[-1]),
        positions=positions,
        unit="line",
        written=columns[-1],
    )


def _decode(path: Path, findings: Findings) -> list[str] | None:
    content = path.read_bytes().removeprefix(_MARK)
    lines = content.removesuffix(b"\n").split(b"\n") if content else []
    places, decoded = [], []
    for number, line in enumerate(lines, start=1):
        try:
            decoded.append(line.removesuffix(b"\r").decode())
        except UnicodeDecodeError as error:
            places.append(f"line {number} (byte 0x{line[error.start]:02x})")
    if places:
        findings.fault(str(path), "text is UTF-8", places, "fetch the file again, or convert it")
        return None
    return decoded


def _keep_whole(
    rows: Sequence[Sequence[str]],
    positions: Sequence[int],
    header: Sequence[str],
    layout: TsvLayout,
    *,
    path: Path,
    findings: Findings,
) -> list[int]:
    """Numbers of the rows with as many fields as the header; others are faults, or a note if official."""
    width = len(header)
    wrong = [number for number, row in enumerate(rows) if len(row) != width]
    dropped = [number for number in wrong if layout.broken_rows and len(rows[number]) < width]
    if dropped:
        findings.note(f"{path.name}: {len(dropped):,} broken rows dropped, first line {positions[dropped[0]]}")
    refused = sorted(set(wrong) - set(dropped))
    if refused:
        places = [f"line {positions[number]} (has {len(rows[number])})" for number in refused]
        findings.fault(
            str(path),
            f"each line has {width} fields separated by tabs ({', '.join(header)})",
            places,
            "take GLUE's own file; a spreadsheet or a line break inside a text does this",
        )
    bad = set(wrong)
    return [number for number in range(len(rows)) if number not in bad]


def _ids(rows: Sequence[Sequence[str]], header: Sequence[str], layout: TsvLayout) -> list[int | str]:
    if layout.identifier not in header:
        return list(range(len(rows)))
    column = header.index(layout.identifier)
    return [int(row[column]) if row[column].isdecimal() else row[column] for row in rows]


def _labels(task: TaskDefinition, layout: TsvLayout, written: Sequence[str]) -> list[int | float | None]:
    """Class ids or scores of labels as written; None for one that is neither."""
    if task.kind == "regression":
        return [_number(label) for label in written]
    known = {name if layout.named_labels else str(number): number for number, name in enumerate(task.classes)}
    known["-1"] = -1  # the unlabelled test split: the check of labels says so
    return [known.get(label) for label in written]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
