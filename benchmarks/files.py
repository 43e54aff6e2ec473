"""Files that are either wholly there or not at all, and the error that says why a store cannot be used."""

import contextlib
import errno
import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from methods.stages.stage import Json

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
FORBIDDEN = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
NOT_A_FOLDER = frozenset({errno.ENOTDIR, errno.EEXIST})


class StoreError(RuntimeError):
    """The store cannot be read or written. `halting` says that no other stage would fare better."""

    def __init__(self, message: str, *, halting: bool = False) -> None:
        super().__init__(message)
        self.halting = halting


def explained(error: OSError, path: Path) -> StoreError:
    """The law that `error` broke at `path`, what the system says, and the cure."""
    told = os.strerror(error.errno) if error.errno else str(error)
    where = error.filename if isinstance(error.filename, str) else path
    if error.errno in FULL:
        law = "the store needs room for what the stages leave behind"
        cure = "free some space or choose another store; finished stages stay, so run the same command again"
    elif error.errno in FORBIDDEN:
        law = "the store is a folder this user may write to"
        cure = "change its permissions, mount it writable, or choose another store"
    elif error.errno in NOT_A_FOLDER:
        law = "the store is a folder"
        cure = "move the file that stands in its way, or choose another store"
    else:
        law = "the store must be readable and writable"
        cure = "look at the disk or choose another store"
    return StoreError(f"{law}, got '{told}' at {where}; {cure}", halting=error.errno in FULL | FORBIDDEN)


@contextlib.contextmanager
def explaining(path: Path) -> Iterator[None]:
    """Turn an `OSError` of the body into a `StoreError` about `path`."""
    try:
        yield
    except OSError as error:
        raise explained(error, path) from error


def unique() -> str:
    """A name no other process uses, 12 hex digits."""
    return uuid.uuid4().hex[:12]


def write_json(path: Path, value: Json, *, durable: bool = True) -> None:
    """Write `value` to `path` as a whole: readers see the old file or the new one.

    Args:
        path: The file; its folder is made.
        value: Finite JSON.
        durable: Wait until the disk has it. Progress files do without.

    Raises:
        OSError: The disk refused; nothing is left behind.
        ValueError: `value` holds NaN or infinity.
    """
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{unique()}")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Json] | None:
    """The JSON object in `path`; None when there is no file or no whole JSON object in it."""
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError, RecursionError):  # the last: nested without end
        return None
    return value if isinstance(value, dict) else None


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the names in `folder`."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Wait until the disk has every file and name below `folder`."""
    for parent, _, names in os.walk(folder):
        for name in names:
            handle = os.open(Path(parent, name), os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        sync_folder(Path(parent))


def sha256(path: Path) -> str:
    """sha256 of a file's bytes, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
