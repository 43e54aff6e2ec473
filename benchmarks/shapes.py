"""Whether JSON from elsewhere has the shape of one of our dataclasses, so that nothing else is made of it."""

import dataclasses
import json
import types
import typing
from collections.abc import Callable
from typing import Any

from benchmarks import strangers

MOST_FAULTS = 8  # of one file; more would only hide the first


def parse(content: bytes) -> dict[str, Any]:
    """The JSON object in a text; nothing is made of deep nesting, NaN and other things that JSON lacks.

    Raises:
        ValueError: The text is no JSON object, or one that is nested too deeply.
    """
    try:
        value = json.loads(content, parse_constant=_refuse)
    except RecursionError as fault:
        raise ValueError("JSON nested too deeply") from fault
    strangers.check(content, value)
    if not isinstance(value, dict):
        raise ValueError(f"a JSON object, got a {type(value).__name__}")
    return value


def canonical(value: Any) -> str:
    """Equal texts for equal plain values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def faults(value: Any, kind: type[Any]) -> list[str]:
    """Where a JSON object differs from what `dataclasses.asdict` gives of `kind`; fields with a default may lack."""
    return list(_differences(value, kind, ""))[:MOST_FAULTS]


def _differences(value: Any, hint: Any, where: str) -> typing.Iterator[str]:
    origin = typing.get_origin(hint)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        yield from _fields(value, hint, where)
    elif origin in (types.UnionType, typing.Union):
        found = [list(_differences(value, one, where)) for one in typing.get_args(hint)]
        if all(found):
            yield found[0][0]
    elif origin in (dict, tuple):
        yield from _items(value, hint, where)
    elif hint in PLAIN:
        words, fits = PLAIN[hint]
        if not fits(value):
            yield _told(where, words, value)


def _items(value: Any, hint: Any, where: str) -> typing.Iterator[str]:
    """Of `dict[str, X]`, an object in JSON, and `tuple[X, ...]`, a list."""
    mapping = typing.get_origin(hint) is dict
    inner = typing.get_args(hint)[1 if mapping else 0]
    items: typing.Iterable[tuple[typing.Any, typing.Any]]
    if mapping and isinstance(value, dict):
        items = value.items()
    elif not mapping and isinstance(value, list):
        items = enumerate(value)
    else:
        yield _told(where, "an object" if mapping else "a list", value)
        return
    for name, item in items:
        yield from _differences(item, inner, f"{where}.{str(name)[:60]}")


def _fields(value: Any, kind: type[Any], where: str) -> typing.Iterator[str]:
    if not isinstance(value, dict):
        yield _told(where, "an object", value)
        return
    known = {field.name: field for field in dataclasses.fields(kind)}
    for name in sorted(set(value) - set(known)):
        yield f"{where}.{name[:60]} is no field of {kind.__name__}"
    for name, field in known.items():
        if name in value:
            yield from _differences(value[name], field.type, f"{where}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            yield f"{where}.{name} is missing"


def _told(where: str, words: str, value: Any) -> str:
    return f"{where or 'it'} is {words}, got {ascii(value)[:60]}"


def _refuse(name: str) -> None:
    raise ValueError(f"finite numbers, got {name}")


PLAIN: dict[Any, tuple[str, Callable[[Any], bool]]] = {
    str: ("a text", lambda value: isinstance(value, str)),
    bool: ("true or false", lambda value: isinstance(value, bool)),
    int: ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    float: ("a number", lambda value: isinstance(value, int | float) and not isinstance(value, bool)),
    type(None): ("nothing", lambda value: value is None),
}
