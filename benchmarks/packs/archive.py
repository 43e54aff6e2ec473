"""The file itself: a tar of regular files in zstd, written byte for byte alike and read with distrust."""

import hashlib
import os
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

import zstandard

from benchmarks.files import sync_folder, unique
from benchmarks.packs.layout import MOST_BYTES, MOST_FILES, MOST_WINDOW, Kind, place, size

LEVEL = 10
MODE = 0o644
KINDS = {
    tarfile.LNKTYPE: "a hard link",
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.DIRTYPE: "a folder",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.CONTTYPE: "a contiguous file",
    tarfile.XHDTYPE: "an extended header",
    tarfile.XGLTYPE: "an extended header",
    tarfile.GNUTYPE_LONGNAME: "a long name",
    tarfile.GNUTYPE_LONGLINK: "a long link name",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}


@dataclass(frozen=True)
class Member:
    """One file of a pack, read: its kind and key by its name, its content and the content's sha256."""

    name: str
    kind: Kind
    key: str
    content: bytes
    sha256: str


def write(path: Path, contents: Mapping[str, bytes | Path]) -> None:
    """Write a pack; the bytes depend on names and contents alone. A draft is renamed when it is whole.

    Raises:
        OSError: The disk refused, or a file to be packed cannot be read.
        ValueError: A name that tar has no room for.
    """
    draft = path.with_name(f".{path.name}.{unique()}")
    try:
        with draft.open("wb") as file:
            compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
            with compressor.stream_writer(file, closefd=False) as stream:
                for name in sorted(contents):
                    given = contents[name]
                    content = given.read_bytes() if isinstance(given, Path) else given
                    entry = tarfile.TarInfo(name)  # user, group and times are zero
                    entry.size, entry.mode = len(content), MODE
                    stream.write(entry.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict"))
                    stream.write(content + bytes(-len(content) % tarfile.BLOCKSIZE))
                stream.write(bytes(2 * tarfile.BLOCKSIZE))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def read(path: Path, faults: list[str]) -> Iterator[Member]:
    """The files of a pack, one after the other in memory; what is wrong goes to `faults` and is not given.

    Raises:
        OSError: The file cannot be read.
    """
    reader = _Reader(path, faults)
    with path.open("rb") as file:
        decompressor = zstandard.ZstdDecompressor(max_window_size=MOST_WINDOW)
        try:
            with decompressor.stream_reader(file, read_across_frames=True, closefd=False) as stream:
                yield from reader.members(stream)
        except zstandard.ZstdError as fault:
            faults.append(f"{path}: a pack is whole zstd data that needs at most {size(MOST_WINDOW)}, got: {fault}")
        except EOFError:
            faults.append(f"{path}: a pack ends with two empty blocks, got one that is cut off; fetch it again")


class _Reader:
    """Walks the blocks of one tar. Python's own reader follows links and extended headers; here they are faults."""

    def __init__(self, path: Path, faults: list[str]) -> None:
        self.path = path
        self.faults = faults
        self.seen: set[str] = set()
        self.total = 0

    def members(self, stream: IO[bytes]) -> Iterator[Member]:
        while len(self.seen) <= MOST_FILES:
            block = self._take(stream, tarfile.BLOCKSIZE)
            if not any(block):
                self._end(stream)
                return
            try:
                entry = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
            except (tarfile.HeaderError, UnicodeDecodeError) as fault:
                self._say(f"a pack is a tar of files with plain names, got: {fault}")
                return
            before = len(self.faults)
            kind, key, most = self._check(entry)
            if not 0 <= entry.size <= most or self.total + entry.size > MOST_BYTES:
                self._say(
                    f"{_shown(entry.name)}: one file has at most {size(most)} and a pack {size(MOST_BYTES)}, got "
                    f"{size(entry.size)} after {size(self.total)}; the rest of the pack was not read"
                )
                return
            content = self._take(stream, entry.size)
            self._take(stream, -entry.size % tarfile.BLOCKSIZE)
            if len(self.faults) == before and kind is not None:
                yield Member(entry.name, kind, key, content, hashlib.sha256(content).hexdigest())
        self._say(f"a pack has at most {MOST_FILES} files, got more; the rest was not read")

    def _check(self, entry: tarfile.TarInfo) -> tuple[Kind | None, str, int]:
        """What is wrong with a header, all of it; and what the file is by its name."""
        name = entry.name
        steps = PurePosixPath(name).parts
        if entry.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
            self._say(f"{_shown(name)}: a pack has regular files only, got {KINDS.get(entry.type, 'something else')}")
        if name.startswith("/") or ".." in steps or "\\" in name or "\0" in name:
            self._say(f"{_shown(name)}: a name stays inside the pack, without '..' and not from the root")
        if name in self.seen:
            self._say(f"{_shown(name)}: a pack has each name once, got it again")
        self.seen.add(name)
        if entry.mode & 0o7111:
            self._say(f"{_shown(name)}: nothing in a pack is executable, got mode {entry.mode & 0o7777:o}")
        known = place(name)
        if known is None:
            self._say(
                f"{_shown(name)}: a pack has pack.json, records/<key>.json, .npz and .spectra.npz, "
                "manifests/<key>.json and gaps/*.gap.json, nothing else"
            )
            return None, "", MOST_BYTES
        return known

    def _take(self, stream: IO[bytes], count: int) -> bytes:
        self.total += count
        content = bytearray()
        while len(content) < count:
            chunk = stream.read(min(count - len(content), 1 << 20))
            if not chunk:
                raise EOFError
            content += chunk
        return bytes(content)

    def _end(self, stream: IO[bytes]) -> None:
        """After the end there is nothing but padding, and not much of that."""
        rest = stream.read(1 << 16)
        if len(rest) < tarfile.BLOCKSIZE:
            raise EOFError
        if any(rest) or stream.read(1):
            self._say("a pack has nothing behind its end, got more data there")

    def _say(self, words: str) -> None:
        self.faults.append(f"{self.path}: {words}")


def _shown(name: str) -> str:
    """A stranger's name, fit for a terminal."""
    return ascii(name[:120])
