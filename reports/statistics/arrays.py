"""What the functions of this package take: finite numbers in arrays of a stated shape."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def vector(who: str, values: npt.ArrayLike, least: int = 1) -> Floats:
    """`values` as (n,) float64 with n >= `least`.

    Raises:
        ValueError: another shape, fewer values, or values that are not finite.
    """
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 1 or len(found) < least:
        raise ValueError(f"{who}: takes an array (n,) with n >= {least}, got shape {found.shape}")
    return finite(who, found)


def pair(who: str, a: npt.ArrayLike, b: npt.ArrayLike, least: int = 2) -> tuple[Floats, Floats]:
    """Two arrays (n,) of equal length, n >= `least`; element i of both belongs together.

    Raises:
        ValueError: as `vector`, or lengths that differ.
    """
    first, second = vector(who, a, least), vector(who, b, least)
    if len(first) != len(second):
        raise ValueError(f"{who}: pairs the values of two methods, got {len(first)} and {len(second)} of them")
    return first, second


def grid(who: str, values: npt.ArrayLike, shape: str, least: tuple[int, int]) -> Floats:
    """`values` as a matrix whose two lengths are at least `least`; `shape` names them in the error."""
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 2 or found.shape[0] < least[0] or found.shape[1] < least[1]:
        raise ValueError(f"{who}: takes {shape}, at least {least[0]} x {least[1]}, got shape {found.shape}")
    return finite(who, found)


def finite(who: str, values: Floats) -> Floats:
    """The same values, or a `ValueError` that counts those which are not finite."""
    wild = values.size - int(np.isfinite(values).sum())
    if wild:
        raise ValueError(f"{who}: takes finite numbers, {wild} of {values.size} are not; leave out what failed")
    return values


def share(who: str, name: str, value: float) -> float:
    """A probability strictly between 0 and 1, or a `ValueError`."""
    if not 0 < value < 1:
        raise ValueError(f"{who}: {name} is a probability in (0, 1), got {value:g}; write 0.05 for 5 %")
    return value
