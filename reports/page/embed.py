"""JSON inside of HTML, such that no text in it can end the element or start another."""

import json
import math
from typing import Any

from markupsafe import Markup

# Characters an HTML parser acts on within <script>; all others outside ASCII are escaped by `json`, U+2028 included.
ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def embedded(value: Any) -> Markup:
    """JSON for a `<script type="application/json">`; what is not finite becomes null."""
    text = json.dumps(_finite(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for letter, escape in ESCAPES.items():
        text = text.replace(letter, escape)
    return Markup(text)  # noqa: S704  # nothing is left that HTML acts on


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
