"""The shapes of encoders seen before, so that planning need not load transformers, which takes seconds."""

import contextlib
import json
import os
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

Shapes = dict[str, tuple[int, int]]


def remembered(name: str, find: Callable[[], Shapes]) -> Shapes:
    """What `find` gives, kept in the user's cache under a name that says what it depends on.

    The version of transformers is part of the name. A cache that cannot be read or written is done without: it
    saves time and decides nothing.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "weighin"
    path = cache / f"{name}-{metadata.version('transformers')}.json"
    with contextlib.suppress(OSError, ValueError, TypeError):
        return {key: (int(out), int(into)) for key, (out, into) in json.loads(path.read_text("utf-8")).items()}
    found = find()
    with contextlib.suppress(OSError):
        cache.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(json.dumps(found), encoding="utf-8")
        os.replace(draft, path)
    return found
