"""What was done to records and store, and in which state they are, in words."""

from collections.abc import Iterator

from benchmarks.packs import Merged, Packed


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
