"""Tables and figures by name."""

import difflib

from reports import figures, tables
from reports.faults import UsageError


def get(name: str) -> tables.Blueprint | figures.Blueprint:
    """The table or figure of this name.

    Raises:
        UsageError: no such one; the message has the nearest name and the list.
    """
    if name in figures.available():
        return figures.get(name)
    if name in tables.available():
        return tables.get(name)
    known = (*tables.available(), *figures.available())
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else ";"
    raise UsageError(f"no table or figure is called '{name}'{hint} there are: {', '.join(known)}")
