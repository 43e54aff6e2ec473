"""The file beside a record that holds what Figures 3 and 4 are drawn from; read without any model."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import predictions

SUFFIX = ".singular_values"
PATTERN, SHAPE = "pattern", "pattern.shape"


@dataclass(frozen=True)
class Spectra:
    """Singular values by matrix (float32, descending), and where one matrix `[out, in]` is not zero."""

    singular_values: Mapping[str, npt.NDArray[np.float32]]
    pattern: npt.NDArray[np.bool_] | None

    def write(self, path: Path) -> None:
        """Write the file: `<matrix>.singular_values`; `pattern` as bits, row after row, with `pattern.shape`."""
        arrays: dict[str, npt.NDArray[Any]] = {
            f"{name}{SUFFIX}": values.astype(np.float32) for name, values in self.singular_values.items()
        }
        if self.pattern is not None:
            arrays[PATTERN] = np.packbits(self.pattern)
            arrays[SHAPE] = np.asarray(self.pattern.shape, dtype=np.int64)
        predictions.write(path, arrays)


def read(path: Path) -> Spectra:
    """Read what `write` wrote.

    Raises:
        OSError, ValueError, KeyError: The file is not there, or is none of these.
    """
    arrays = predictions.read(path)
    pattern = None
    if PATTERN in arrays:
        rows, columns = (int(side) for side in arrays[SHAPE])
        bits = np.unpackbits(arrays[PATTERN], count=rows * columns)
        pattern = bits.reshape(rows, columns).astype(np.bool_)
    return Spectra(
        {name.removesuffix(SUFFIX): values for name, values in arrays.items() if name.endswith(SUFFIX)}, pattern
    )
