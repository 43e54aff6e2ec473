"""Packs: records, manifests and predictions of one lab, without weights, to be joined with those of another.

`pack` writes one, `merge` joins one or more with a folder of records, `known_manifests` reads the manifests that came
with them. What a pack may hold and how much of it: `layout`.
"""

from benchmarks.packs.collecting import Packed, pack
from benchmarks.packs.kept import known_manifests
from benchmarks.packs.layout import PackError
from benchmarks.packs.merging import Merged, merge

__all__ = ["Merged", "PackError", "Packed", "known_manifests", "merge", "pack"]
