"""What a user types on the command line, taken apart; every fault is a sentence with the cure."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Value = TypeVar("Value")


def parts(text: str) -> list[str]:
    """Split on commas outside of brackets: 'lpaf,svd-ft(rank=20,p=1)' has two parts. Empty parts are dropped.

    Raises:
        ValueError: brackets that do not close.
    """
    depth = 0
    found = [""]
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if depth < 0:
            break
        if letter == "," and depth == 0:
            found.append("")
        else:
            found[-1] += letter
    if depth != 0:
        raise ValueError(f"brackets come in pairs, got '{text}'; write a method as lpaf(rank=20,p_init=0.3)")
    return [part.strip() for part in found if part.strip()]


def numbers(name: str, text: str, kind: Callable[[str], Value], example: str, faults: list[str]) -> tuple[Value, ...]:
    """The numbers of a list with commas; what is none is added to `faults`, with the option's `name`."""
    found = []
    for part in listed(name, text, faults):
        try:
            found.append(kind(part))
        except ValueError:
            faults.append(f"{name} is a list of numbers with commas, got '{part}'; write {example}")
    return tuple(found)


def listed(name: str, text: str, faults: list[str]) -> tuple[str, ...]:
    """The names of a list with commas, faults added to `faults`."""
    try:
        return tuple(parts(text))
    except ValueError as fault:
        faults.append(f"{name}: {fault}")
        return ()


def overrides(pairs: Sequence[str], faults: list[str]) -> dict[str, str]:
    """The pairs of `--set key=value`, faults added to `faults`."""
    found: dict[str, str] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        if not (key.strip() and sign and value.strip()):
            faults.append(f"--set takes key=value, got '{pair}'; write for example --set lr=3e-5")
        elif key.strip() in found:
            faults.append(f"--set takes each key once, got {key.strip()} twice; remove one")
        else:
            found[key.strip()] = value.strip()
    return found
