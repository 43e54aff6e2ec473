"""Made-up gaps for the tests of tables, figures and the page."""

import dataclasses
from typing import Any

from benchmarks.gaps import KeptGap
from benchmarks.records import Record


def gap_of(
    record: Record, state: str = "failed", reason: str = "the loss was NaN at step 3", **changes: Any
) -> KeptGap:
    """The gap that stands where a record would; `changes` are fields that differ from the record's."""
    names = {field.name for field in dataclasses.fields(KeptGap)} - {"state", "reason"}
    fields = {name: getattr(record, name) for name in names}
    return KeptGap(**{**fields, "state": state, "reason": reason, **changes})
