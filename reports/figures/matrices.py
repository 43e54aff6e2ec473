"""The files beside the records that hold singular values and a sparsity pattern."""

from collections.abc import Iterable
from pathlib import Path

from benchmarks.records import Record
from benchmarks.spectra import Spectra, read
from reports.faults import UsageError
from reports.figures.picture import Place, Wanted

NOT_KEPT = "measured before singular values were kept; run the figure to add them"
FACTORIZED = "its matrices are factorized, which this figure does not show"


def lacking(wanted: Wanted, places: Iterable[Place]) -> dict[str, str]:
    """Record key -> why its matrices cannot be shown."""
    found = {}
    for record in (record for place in places for record in wanted.found(place)):
        if record.inspection is None:
            found[record.key] = NOT_KEPT
        elif not record.inspection.arrays:
            found[record.key] = FACTORIZED
    return found


def spectra(record: Record, runs: Path) -> Spectra:
    """What was kept of a record's matrices.

    Raises:
        UsageError: The file is not there or damaged.
    """
    assert record.inspection is not None  # noqa: S101  # `lacking` names those without
    path = record.path(runs).with_name(record.inspection.arrays)
    try:
        return read(path)
    except (OSError, ValueError, KeyError) as fault:
        raise UsageError(
            f"a record's singular values are in the file beside it, got {path}, which cannot be read "
            f"({type(fault).__name__}); put it back or run the figure again"
        ) from fault
