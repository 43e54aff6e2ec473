"""Says which columns are missing and what they were probably mixed up with."""

import difflib
from collections.abc import Sequence

from benchmarks.tasks import available
from benchmarks.tasks.definition import TaskDefinition
from benchmarks.tasks.sources.findings import Findings


def check_columns(
    task: TaskDefinition, wanted: Sequence[str], present: Sequence[str], where: str, findings: Findings
) -> bool:
    """Whether all wanted columns are there; if not, adds a fault with the likely mix-up.

    Args:
        task: The task read.
        wanted: Column names needed, the label last.
        present: Column names found.
        where: File.
        findings: Takes the fault.
    """
    missing = [name for name in wanted if name not in present]
    if not missing:
        return True
    findings.fault(
        where,
        f"needs the columns {', '.join(wanted)}; has {', '.join(present) or 'none'}; missing {', '.join(missing)}",
        cure=_likely_mix_up(task, wanted, present, missing),
    )
    return False


def _likely_mix_up(task: TaskDefinition, wanted: Sequence[str], present: Sequence[str], missing: list[str]) -> str:
    if missing == [wanted[-1]] and len(present) >= len(wanted) - 1 and not _spare(wanted, present):
        return "test files have no labels: use the training and validation files"
    others = _tasks_with(task, present)
    if others and missing != [wanted[-1]]:
        return f"these are the columns of {others}: is the file in the wrong folder?"
    spare = _spare(wanted, present)
    renamed: dict[str, str] = {}
    for name in missing:
        near = difflib.get_close_matches(name, [s for s in spare if s not in renamed], n=1, cutoff=0.8)
        renamed.update((found, name) for found in near)
    if len(renamed) < len(missing) == len(spare):
        renamed = dict(zip(spare, missing, strict=True))
    if len(renamed) == len(missing):
        return "probably renamed: rename " + ", ".join(f"{old!r} to {new!r}" for old, new in renamed.items())
    return "take the file of the task"


def _spare(wanted: Sequence[str], present: Sequence[str]) -> list[str]:
    return [name for name in present if name not in wanted and name not in ("idx", "id", "index")]


def _tasks_with(task: TaskDefinition, present: Sequence[str]) -> str:
    """Labels of the other tasks whose text columns, as many as possible, are all present."""
    fits: dict[str, int] = {}
    for other in available().values():
        layouts = [other.texts] if other.tsv is None else [other.texts, other.tsv.texts]
        if not other.generated and other.name != task.name and any(set(t) <= set(present) for t in layouts):
            fits[other.label] = len(other.texts)
    return " or ".join(label for label, size in fits.items() if size == max(fits.values()))
