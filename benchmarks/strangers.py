"""Text from elsewhere: what would command a terminal, turn a line around or reach out of a folder is refused."""

import re
from collections.abc import Iterator
from typing import Any

# A glance at JSON as it is written: escapes of control and direction characters, or these as they are.
SUSPECT = re.compile(
    rb"\\[bfnrt]|\\u00[01789]|\\u20[26]|[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]"
)
COMMANDS = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # control characters, changes of direction
FORMULA = re.compile(r"[=+\-@\t\r]")


def check(content: bytes, data: Any) -> None:
    """Refuse JSON whose texts hold control characters or changes of writing direction.

    Args:
        content: The JSON as bytes; most of it needs no second look.
        data: The same, read.

    Raises:
        ValueError: Says where the first one is.
    """
    if not suspicious(content):
        return
    for where, text in _texts(data, ""):
        if COMMANDS.search(text):
            raise ValueError(
                f"a text is letters and signs, without control characters or changes of direction, got {text[:60]!a} "
                f"at {where or 'the top'}; whoever wrote it may want a terminal to do something"
            )


def suspicious(content: bytes) -> bool:
    """Whether JSON may hold such a text; most records have no escape at all, which is told fastest."""
    plain = content.isascii() and b"\\" not in content and b"\x7f" not in content
    return not plain and SUSPECT.search(content) is not None


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Every text in plain data, names included, with its place."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield f"a name in {where or 'the top'}", str(name)
            yield from _texts(item, f"{where}.{name}".lstrip("."))
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from _texts(item, f"{where}[{place}]")


def cell(text: str) -> str:
    """A text as a cell of CSV: with an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{text}" if FORMULA.match(text) else text
