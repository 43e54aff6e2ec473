"""A table as JSON: the model as it is."""

import dataclasses
from typing import Any

from reports.tables.table import Table


def render(table: Table) -> dict[str, Any]:
    """The table as plain dictionaries, lists, numbers and text."""
    return dataclasses.asdict(table)
