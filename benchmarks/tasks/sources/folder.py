"""Finds the files of a task in a local folder: parquet by split name, or GLUE's own tab-separated files."""

from pathlib import Path

from benchmarks.tasks.definition import TaskDefinition
from benchmarks.tasks.sources.findings import Findings
from benchmarks.tasks.sources.rows import RawSplit
from benchmarks.tasks.sources.tables import read_parquet
from benchmarks.tasks.sources.tsv import read_tsv

REBUILT = "_rebuilt"  # suffix of a split made again from other data


def read_folder(task: TaskDefinition, location: Path, findings: Findings) -> tuple[dict[str, RawSplit], str]:
    """All splits of the task below ``location`` and a word for where they come from.

    Looked for: ``<location>/<task>/<split>.parquet`` or ``<location>/<TASK>/train.tsv``, ``dev.tsv``; the
    folder of the task may bear either name in any case, and may lie one level deeper. Without
    ``train.parquet``, ``train_rebuilt.parquet`` is taken and noted.

    Args:
        task: The task.
        location: Folder of task folders.
        findings: Takes missing folders and files, what the readers find, and notes on rebuilt files.
    """
    folder = _task_folder(task, location, findings)
    if folder is None:
        return {}, "folder"
    text_files = sorted(path.name for path in folder.glob("*.tsv"))
    parquet_files = sorted(path.name for path in folder.glob("*.parquet"))
    if text_files and not parquet_files and task.tsv is not None:
        return _read_text_files(task, folder, findings), "folder (tsv)"
    if text_files and parquet_files:
        findings.note(f"{folder.name}: parquet files read, tsv files passed over")
    return _read_parquet_files(task, folder, findings), "folder (parquet)"


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def _task_folder(task: TaskDefinition, location: Path, findings: Findings) -> Path | None:
    if not location.is_dir():
        findings.fault(str(location), "the data location is a folder of task folders or 'hub', this is no folder")
        return None
    names = {task.name} if task.tsv is None else {task.name, task.tsv.folder}
    plain = {_plain(name) for name in names}
    near = sorted(path for path in location.iterdir() if path.is_dir())
    far = sorted(path for folder in near for path in folder.iterdir() if path.is_dir())
    for level in (near, far):
        found = [path for path in level if _plain(path.name) in plain]
        if len(found) > 1:
            listing = ", ".join(map(str, found))
            findings.fault(
                str(location), f"holds one folder for {task.label}, has {listing}", cure="remove all but one"
            )
        if found:
            return found[0] if len(found) == 1 else None
    there = ", ".join(path.name for path in near) or "no folder"
    cure = (
        "give the folder above it" if _plain(location.name) in plain else f"add {task.name}/ or give another folder"
    )
    looked = " or ".join(f"{name}/" for name in sorted(names))
    findings.fault(
        str(location), f"has no folder {looked} (in any case, here or one level down); has {there}", cure=cure
    )
    return None


def _read_parquet_files(task: TaskDefinition, folder: Path, findings: Findings) -> dict[str, RawSplit]:
    found: dict[str, RawSplit] = {}
    for split in task.splits:
        path, rebuilt = folder / f"{split}.parquet", folder / f"{split}{REBUILT}.parquet"
        if path.is_file() and rebuilt.is_file():
            findings.note(f"{rebuilt.name} passed over, {path.name} read; to use it, give a folder without the other")
        elif rebuilt.is_file():
            findings.note(f"{split} is {rebuilt.name}: made again from other data, not the official file")
            path = rebuilt
        if not path.is_file():
            _missing(task, folder, split, [path.name, rebuilt.name, *_text_file(task, split)], findings)
            continue
        raw = read_parquet(task, path, findings)
        if raw is not None:
            found[split] = raw
    return found


def _read_text_files(task: TaskDefinition, folder: Path, findings: Findings) -> dict[str, RawSplit]:
    found: dict[str, RawSplit] = {}
    layout = task.tsv
    if layout is None:
        return found
    for split, name in zip(task.splits, layout.files, strict=True):
        path = folder / name
        if not path.is_file():
            _missing(task, folder, split, [name, f"{split}.parquet"], findings)
            continue
        raw = read_tsv(task, layout, path, findings)
        if raw is not None:
            found[split] = raw
    return found


def _text_file(task: TaskDefinition, split: str) -> list[str]:
    return [] if task.tsv is None else [task.tsv.files[task.splits.index(split)]]


def _missing(task: TaskDefinition, folder: Path, split: str, looked: list[str], findings: Findings) -> None:
    there = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
    findings.fault(
        str(folder),
        f"{task.label} needs the split {split}; looked for {', '.join(looked)}; there is {there}",
        cure="put the file there",
    )
