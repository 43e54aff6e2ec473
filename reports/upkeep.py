"""What was done to records and store, and in which state they are, in words."""

from collections import Counter
from collections.abc import Iterator

from benchmarks.packs import Merged, Packed
from benchmarks.upkeep.clean import Survey
from benchmarks.upkeep.doctor import Finding


def size(count: int) -> str:
    """Bytes in words: '3.2 MB'."""
    return (
        f"{count / 1e9:.2f} GB"
        if count >= 1e9
        else f"{count / 1e6:.1f} MB"
        if count >= 1e6
        else f"{count / 1e3:.1f} kB"
    )


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'s' * (number != 1)}"


def of_pack(packed: Packed) -> Iterator[str]:
    """What a pack holds, and what it lacks."""
    yield (
        f"{packed.file}: {_count(packed.records, 'record')}, predictions of {packed.predictions}, "
        f"{_count(packed.manifests, 'manifest')}, {_count(packed.gaps, 'gap')}; {size(packed.size)}"
    )
    yield from (f"Note: {note}." for note in packed.notes)


def of_merge(merged: Merged) -> Iterator[str]:
    """What was added, what was there already."""
    did = "would be added" if merged.dry_run else "added"
    yield f"{_count(len(merged.records), 'record')} {did}, {_count(merged.equal, 'equal one')} skipped."
    others = f"{_count(merged.manifests, 'manifest')} and {_count(merged.gaps, 'gap')}"
    yield f"{others} {did}; {size(merged.bytes)} in all."
    yield from (f"Note: {note}." for note in merged.notes)


def of_cleaning(found: Survey, freed: int | None) -> Iterator[str]:
    """What nobody needs, by kind; `freed`: bytes that were removed, None where nothing was."""
    for what, number in sorted(Counter(item.what for item in found.items).items()):
        some = [item for item in found.items if item.what == what]
        whole = size(sum(item.size for item in some))
        yield f"{number:6} {what}, {whole}, e.g. {some[0].key[:12]}"
    yield f"Kept: {_count(found.kept, 'artifact')}, {size(found.kept_size)}: {found.rule}."
    if not found.items:
        yield "Nothing to free."
    elif freed is None:
        yield f"Removal would free {size(found.size)}; nothing was removed: say --yes."
    else:
        yield f"Freed: {size(freed)}."
    for run in found.runs:
        yield f"Note: process {run.pid} on {run.host} is at work on this store; --yes waits for its end."


def of_findings(found: list[Finding]) -> Iterator[str]:
    """Each finding with its mark; what to do about it on a line of its own."""
    for one in found:
        yield f"{one.level:7} {one.topic}: {one.found}"
        if one.cure:
            yield f"        -> {one.cure}"
    levels = Counter(one.level for one in found)
    yield f"{_count(levels['fault'], 'fault')}, {_count(levels['warning'], 'warning')}, {levels['ok']} fine."
