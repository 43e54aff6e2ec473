"""In which precision models were trained: they are evaluated in float32 whatever it was."""

from collections.abc import Mapping
from typing import Any


def of(recipes: Mapping[str, Any]) -> str:
    """The precisions that a protocol's recipes name: 'float32', 'bfloat16 and float32'; '' where none is named."""
    found = {
        str(recipe["precision"])
        for recipe in recipes.values()
        if isinstance(recipe, Mapping) and "precision" in recipe
    }
    return " and ".join(sorted(found))
