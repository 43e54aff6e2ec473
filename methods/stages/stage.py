"""A stage: a frozen description of work, and the key that names what the work leaves behind.

Two stages that describe the same work are the same stage, whoever asked for them: that is how one fine-tuned
teacher serves every method, and how a finished table costs nothing to run again.
"""

import dataclasses
import hashlib
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeAlias

ADDED = "added"
WORDS = frozenset({bool, int, str, type(None)})  # what is its own JSON; most fields are
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def added(default: Any) -> Any:
    """A field that came after artifacts were made without it.

    At its default the work is what it was before the field existed, so it stays out of the description and no key
    changes: `uncertainty: float = added(1.0)`.
    """
    return dataclasses.field(default=default, metadata={ADDED: True})


@dataclasses.dataclass(frozen=True)
class Rows:
    """One split of a task as text: `ids` (n,), `texts` (columns, n), `labels` (n,)."""

    ids: tuple[int | str, ...]
    texts: tuple[tuple[str, ...], ...]
    labels: tuple[int, ...] | tuple[float, ...]

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.ids)


class Workbench(Protocol):
    """What a running stage may use. The harness provides it; a stage reaches for nothing else."""

    @property
    def folder(self) -> Path:
        """An empty folder; what the stage writes here becomes its artifact."""
        ...

    @property
    def scratch(self) -> Path:
        """A folder that outlives a kill: checkpoints go here, and are found again on resumption."""
        ...

    @property
    def device(self) -> str:
        """The torch device the stage computes on, e.g. 'cpu' or 'cuda'."""
        ...

    @property
    def parts(self) -> int:
        """In how many parts a batch is computed: 1, or more where the stage ran out of memory before."""
        ...

    def artifact(self, stage: "Stage") -> Path:
        """The folder of a finished sub-stage, its content verified against its hashes."""
        ...

    def encoder(self, fingerprint: str) -> Path:
        """The folder of the pre-trained encoder with this fingerprint."""
        ...

    def rows(self, fingerprint: str, split: str) -> Rows:
        """One split of the task data with this fingerprint."""
        ...

    def score(self, task: str, logits: Any, labels: Any) -> dict[str, float]:
        """Every metric of a task, the table's first, from logits [n, outputs] and labels [n]."""
        ...

    def progress(self, done: int, total: int, **facts: float) -> None:
        """Say how far the stage is; cheap enough to call at every step."""
        ...


@dataclasses.dataclass(frozen=True)
class Stage(ABC):
    """Work described by plain values and other stages.

    A subclass is a frozen dataclass that sets `kind` (a name of its own, so that the class may move without
    orphaning artifacts) and `version` (raised by hand when the same fields would give another artifact), and
    implements `run`. Fields may be: None, bool, int, float, str, tuples of these, frozen dataclasses of these,
    and stages. Anything else is a `TypeError` that names the field.
    """

    kind: ClassVar[str]
    version: ClassVar[int] = 1
    alone: ClassVar[bool] = False
    """Whether nothing may run beside it, because it measures the machine; no part of the key."""

    @abstractmethod
    def run(self, bench: Workbench) -> Mapping[str, Json]:
        """Do the work, write the artifact into `bench.folder`, return facts worth keeping in the manifest."""

    @cached_property
    def description(self) -> dict[str, Json]:
        """Kind, version and fields; a sub-stage stands as `{"stage": key}`."""
        return {"kind": self.kind, "version": self.version, "fields": _fields(self, type(self).__name__)}

    @cached_property
    def key(self) -> str:
        """sha256 (64 hex digits) of the canonical JSON of `description`."""
        return digest(self.description)

    @cached_property
    def needs(self) -> tuple["Stage", ...]:
        """The stages whose artifacts this one reads, in the order of its fields, each once."""
        found: dict[str, Stage] = {}
        for name, _, _ in _names(type(self)):
            value = getattr(self, name)
            if type(value) not in WORDS:
                for stage in _stages(value):
                    found.setdefault(stage.key, stage)
        return tuple(found.values())

    @property
    def effort(self) -> float:
        """How much work this is, in units the stage's kind defines (training: rows seen); 0 = negligible."""
        return 0.0

    def walk(self) -> Iterator["Stage"]:
        """This stage and all it stands on, dependencies first, each key once."""
        found: dict[str, Stage] = {}

        def visit(stage: Stage) -> None:
            for needed in stage.needs:
                if needed.key not in found:
                    visit(needed)
            found[stage.key] = stage

        visit(self)
        return iter(found.values())


def digest(value: Json) -> str:
    """sha256 of canonical JSON: sorted keys, no blanks, UTF-8; numbers that are equal are written alike."""
    return hashlib.sha256(_CANONICAL.encode(value).encode()).hexdigest()


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _plain(value: object, where: str) -> Json:
    """The JSON form of a field; the law of what a field may hold is kept here."""
    if value is None or isinstance(value, (bool, int, str)):  # a union is built anew at each call
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where}: a stage's numbers are finite, got {value}; refuse it where it arises")
        return int(value) if value.is_integer() else value  # 1 and 1.0 are the same work, hence the same key
    if isinstance(value, Stage):
        return {"stage": value.key}
    if isinstance(value, tuple):
        return [_plain(item, f"{where}[{place}]") for place, item in enumerate(value)]
    if _is_value(value):
        return _fields(value, where)
    raise TypeError(
        f"{where}: a stage's fields are plain values, tuples, frozen dataclasses or stages, "
        f"got {type(value).__name__}; give the stage a description of it instead"
    )


def _fields(value: Any, where: str) -> dict[str, Json]:
    """The fields that describe the work; one that was `added` later is left out where it changes nothing."""
    found: dict[str, Json] = {}
    for name, late, default in _names(value.__class__):
        item = getattr(value, name)
        if late and item == default:
            continue
        found[name] = item if type(item) in WORDS else _plain(item, f"{where}.{name}")
    return found


@cache
def _names(kind: type) -> tuple[tuple[str, bool, Any], ...]:
    """The fields of a dataclass: name, whether it was `added` later, default; asked for at every key."""
    return tuple((field.name, bool(field.metadata.get(ADDED)), field.default) for field in dataclasses.fields(kind))


def _is_value(value: object) -> bool:
    return (
        dataclasses.is_dataclass(value)
        and not isinstance(value, type)
        and bool(type(value).__dataclass_params__.frozen)  # type: ignore[attr-defined]  # set by dataclasses
    )


def _stages(value: Any) -> Iterator[Stage]:
    if isinstance(value, Stage):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _stages(item)
    elif _is_value(value):
        for name, _, _ in _names(value.__class__):
            yield from _stages(getattr(value, name))
