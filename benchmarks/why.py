"""Why a stage is, or will be, what it is: its description, its inputs, and what differs from what was made before."""

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from benchmarks.manifest import Manifest
from benchmarks.store import Store
from methods.stages.stage import Stage

Description = Mapping[str, Any]
NOTHING: Mapping[str, Any] = MappingProxyType({})


class UnknownKeyError(ValueError):
    """No stage has this key, or several have what was given of it."""


def find(prefix: str, store: Store, planned: Mapping[str, Stage], elsewhere: Mapping[str, Manifest] = NOTHING) -> str:
    """The whole key that begins with `prefix`, among the stored, failed and planned stages and those made elsewhere.

    Raises:
        UnknownKeyError: none does, or several do; the message lists them.
    """
    known = {*store.keys(), *planned, *elsewhere, *(failure.key for failure in store.failures())}
    found = sorted(key for key in known if key.startswith(prefix.lower()))
    if prefix and len(found) == 1:
        return found[0]
    if prefix and found:
        listed = ", ".join(f"{key[:16]} ({_kind(key, store, planned, elsewhere)})" for key in found)
        raise UnknownKeyError(f"a key's first digits name one stage, got {prefix}, which begins: {listed}; give more")
    near = difflib.get_close_matches(prefix, [key[: max(len(prefix), 1)] for key in known], n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise UnknownKeyError(
        f"no stored stage has a key that begins with '{prefix}'{hint} for a stage that is not made yet, "
        "name the table and its options as well"
    )


def explain(
    prefix: str, store: Store, planned: Mapping[str, Stage], elsewhere: Mapping[str, Manifest] = NOTHING
) -> dict[str, Any]:
    """Everything known of one stage.

    Args:
        prefix: The first digits of its key.
        store: Where it may be.
        planned: Stages of a run that is asked about, by key; may be empty.
        elsewhere: Manifests that came with packs, by key: what was made, but is not in this store.

    Returns:
        key, kind, state ('stored', 'altered', 'failed', 'elsewhere' or 'missing'), what a run would do, the
        description, the inputs with their states, and for a missing stage the nearest stored one with the differing
        values.
    """
    key = find(prefix, store, planned, elsewhere)
    manifest, failure = store.manifest(key), store.failure(key)
    description = _description(key, store, planned, elsewhere)
    faults = store.verify(key) if manifest is not None else []
    facts: dict[str, Any] = {"key": key, "kind": _kind(key, store, planned, elsewhere)}
    if manifest is not None and not faults:
        facts |= {"state": "stored", "next run": "uses it as it is", "seconds": manifest.costs.seconds}
    elif manifest is not None:
        facts |= {"state": "altered", "next run": "computes it again: " + "; ".join(faults)}
    elif failure is not None:
        again = (
            "does not try it again unless asked (--retry-failed)" if failure.cause == "method" else "tries it again"
        )
        facts |= {"state": "failed", "reason": failure.reason, "next run": again, "log": failure.log}
    elif key in elsewhere:
        made = elsewhere[key]
        facts |= {
            "state": "elsewhere",
            "next run": "computes it, if a cell without a record needs it: only its description came with a pack",
            "seconds": made.costs.seconds,
            "made on": made.environment.get("host"),
        }
    else:
        facts |= {"state": "missing", "next run": "computes it"}
    facts["fields"] = description.get("fields", {})
    facts["inputs"] = {
        needed: f"{_kind(needed, store, planned, elsewhere)}, {_where(needed, store, elsewhere)}"
        for needed in _inputs(description)
    }
    if manifest is None and key not in elsewhere:
        facts |= _nearest(key, description, store, planned)
    return facts


def differences(
    one: Any, other: Any, describe: Mapping[str, Description], where: str = ""
) -> dict[str, tuple[Any, Any]]:
    """The values in which two descriptions differ, sub-stages followed through `describe` (key -> description)."""
    if one == other:
        return {}
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if set(one) == set(other) == {"stage"} and {one["stage"], other["stage"]} <= set(describe):
            return differences(describe[one["stage"]], describe[other["stage"]], describe, where)
        found: dict[str, tuple[Any, Any]] = {}
        for name in sorted({*one, *other}):
            inner = where if name == "fields" else f"{where}.{name}".strip(".")
            found |= differences(one.get(name), other.get(name), describe, inner)
        return found
    return {where: (one, other)}


def _nearest(key: str, description: Description, store: Store, planned: Mapping[str, Stage]) -> dict[str, Any]:
    """The stored stage of the same kind that differs in the fewest values, and in which."""
    describe: dict[str, Description] = {manifest.key: manifest.description for manifest in store.manifests()}
    rivals = {name: one for name, one in describe.items() if one.get("kind") == description.get("kind")}
    describe |= {name: stage.description for name, stage in planned.items()}
    apart = {name: differences(description, rivals[name], describe) for name in sorted(rivals) if name != key}
    if not description or not apart:
        return {}
    nearest = min(apart, key=lambda name: len(apart[name]))
    changed = {where: f"{here} here, {there} there" for where, (here, there) in apart[nearest].items()}
    return {"nearest stored": nearest, "changed": changed}


def _where(key: str, store: Store, elsewhere: Mapping[str, Manifest]) -> str:
    return "stored" if store.complete(key) else "made elsewhere" if key in elsewhere else "missing"


def _description(
    key: str, store: Store, planned: Mapping[str, Stage], elsewhere: Mapping[str, Manifest]
) -> Description:
    manifest = store.manifest(key) or elsewhere.get(key)
    if manifest is not None:
        return manifest.description
    return planned[key].description if key in planned else {}


def _kind(key: str, store: Store, planned: Mapping[str, Stage], elsewhere: Mapping[str, Manifest]) -> str:
    failure = store.failure(key)
    return str(_description(key, store, planned, elsewhere).get("kind") or (failure.kind if failure else "unknown"))


def _inputs(value: Any) -> list[str]:
    """The keys of the sub-stages in a description, in its order, each once."""
    if isinstance(value, Mapping):
        if set(value) == {"stage"}:
            return [str(value["stage"])]
        value = list(value.values())
    if isinstance(value, list | tuple):
        return list(dict.fromkeys(key for item in value for key in _inputs(item)))
    return []
