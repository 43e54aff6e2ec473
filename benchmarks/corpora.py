"""Where texts without labels come from: the mini world, a file, a folder, or a data set of the hub."""

import dataclasses
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from methods.stages.stage import Rows

MINI = "mini"
MINI_LINES = 24_000  # the first tenth of what the mini encoder was pre-trained on
PATTERNS = ("*.txt", "*.parquet")
COLUMN = "text"  # of a parquet file

Passage = tuple[str, str]  # the second text is empty where there is one alone


class CorpusError(ValueError):
    """The text cannot be found or read; the message says why and what to give instead."""


@dataclasses.dataclass(frozen=True)
class Text:
    """A text of passages, as the contract's `Corpus`. A line of a file is a passage; a tab parts it in two."""

    name: str
    origin: str
    place: Path | None = None  # None: generated

    @property
    def location(self) -> str:
        """What `get` finds it by, from wherever it is asked."""
        return self.name if self.place is None else str(self.place)

    @property
    def fingerprint(self) -> str:
        """sha256 over the passages, in order."""
        return _fingerprint(self)

    @property
    def lines(self) -> int:
        """How many passages."""
        return len(_passages(self))

    @property
    def rows(self) -> Rows:
        """The passages as rows of two texts, with labels that mean nothing."""
        passages = _passages(self)
        firsts, seconds = zip(*passages, strict=True)
        return Rows(tuple(range(len(passages))), (firsts, seconds), (0,) * len(passages))


def get(text: str) -> Text:
    """The corpus a text names: 'mini', a file or folder of *.txt and *.parquet, a hub id with optional `@revision`.

    Raises:
        CorpusError: There is no such text, or nothing in it.
    """
    if text == MINI:
        return Text(MINI, "generated")
    path = Path(text).expanduser()
    if path.exists():
        return _checked(Text(path.resolve().name, "folder" if path.is_dir() else "file", path.resolve()))
    if text.startswith((".", "/", "~")) or text.count("/") != 1:
        raise CorpusError(
            f"a corpus is 'mini', a file or folder of {' and '.join(PATTERNS)}, or a data set of the hub such as "
            f"org/name, got {text!r}, which is not there"
        )
    return _checked(_fetched(text))


def _fetched(text: str) -> Text:
    repository, _, revision = text.partition("@")
    try:
        folder = snapshot_download(
            repository, repo_type="dataset", revision=revision or None, allow_patterns=list(PATTERNS)
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as fault:
        raise CorpusError(
            f"{text}: a corpus is fetched from the hub or found in its cache, and {repository} was not "
            f"({type(fault).__name__}); give a file or a folder"
        ) from fault
    return Text(text, f"hub {repository}@{Path(folder).name}", Path(folder))


def _checked(text: Text) -> Text:
    if not _passages(text):
        raise CorpusError(f"{text.name}: a corpus has one passage a line or more, got none in {text.place}")
    return text


@cache
def _passages(text: Text) -> tuple[Passage, ...]:
    """All passages; lines of blanks are none."""
    if text.place is None:
        from benchmarks.mini import corpus

        return tuple((line.first, line.second or "") for line in corpus(MINI_LINES))
    return tuple(_parted(line) for file in _files(text.place) for line in _lines(file) if line.strip())


def _parted(line: str) -> Passage:
    first, _, second = line.partition("\t")
    return (first.strip(), second.strip()) if first.strip() else (second.strip(), "")


def _files(place: Path) -> list[Path]:
    """The file itself; of a folder all text files, or those for training where names say which they are."""
    if place.is_file():
        return [place]
    found = sorted(path for pattern in PATTERNS for path in place.rglob(pattern))
    return [path for path in found if "train" in path.name] or found


def _lines(file: Path) -> Iterator[str]:
    if file.suffix == ".parquet":
        import pyarrow.parquet as pq

        names = pq.read_schema(file).names
        if COLUMN not in names:
            raise CorpusError(f"{file}: a corpus in parquet has a column '{COLUMN}', got {', '.join(names)}")
        for batch in pq.ParquetFile(file).iter_batches(columns=[COLUMN]):
            for passage in batch.column(0).to_pylist():
                yield from (passage or "").splitlines()
        return
    try:
        with file.open(encoding="utf-8") as opened:
            yield from opened
    except UnicodeDecodeError as fault:
        raise CorpusError(f"{file}: a text is read as UTF-8, got a byte that is none at {fault.start}") from fault


@cache
def _fingerprint(text: Text) -> str:
    total = hashlib.sha256()
    for passage in _passages(text):
        for part in passage:
            content = part.encode()
            total.update(len(content).to_bytes(8, "little"))
            total.update(content)
    return total.hexdigest()
