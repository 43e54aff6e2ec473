"""Per-example predictions as npz files whose bytes depend on their content alone."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

EPOCH = (1980, 1, 1, 0, 0, 0)  # numpy's own writer puts the time of day into the archive


def write(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays under their names; nothing is pickled, so an array of objects is a `ValueError`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in sorted(arrays.items()):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content.getvalue())


def read(path: Path) -> dict[str, npt.NDArray[Any]]:
    """All arrays of a file that `write` made."""
    with np.load(path, allow_pickle=False) as kept:
        return {name: kept[name] for name in kept.files}
