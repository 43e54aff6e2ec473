"""The recorded cases of the official codes, and how a found value is held against a recorded one.

The folder may be another one, with the same topics and other values: `WEIGHIN_ORACLES`.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

FOLDER = Path(os.environ.get("WEIGHIN_ORACLES", Path(__file__).parent / "oracles"))
Case = dict[str, Any]


def read(topic: str) -> list[Case]:
    found: list[Case] = json.loads((FOLDER / f"{topic}.json").read_text(encoding="utf-8"))["cases"]
    return found


def params(cases: list[Case]) -> list[Any]:
    """The cases as parameters of a test, each under its own name."""
    return [pytest.param(case, id=case["name"]) for case in cases]


def cases(topic: str) -> list[Any]:
    return params(read(topic))


def tensor(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def close(found: Tensor | float | None, expected: Any, tolerance: float) -> None:
    assert found is not None
    found = found.detach() if isinstance(found, Tensor) else tensor(found)
    torch.testing.assert_close(found.double(), tensor(expected), rtol=tolerance, atol=tolerance)
