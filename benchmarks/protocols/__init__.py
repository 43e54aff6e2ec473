"""Training protocols as data: one TOML file each, general values first, then what a task has of its own."""

import dataclasses
import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

import torch

from methods.contract import Distillation, Precision, Recipe, TrainingProtocol

FOLDER = Path(__file__).parent
PHASES = ("dense", "prune", "retrain")
SECTIONS: Mapping[str, type] = {
    "dense": Recipe,
    "prune": Recipe,
    "retrain": Recipe,
    "distillation": Distillation,
}
PRUNING = ("warmup", "cooldown")
SHORT = {"lr": "learning_rate", "batch": "batch_size"}
SMALL = 256  # matrices narrower than this gain nothing from bfloat16 on a CPU


class ProtocolError(ValueError):
    """A protocol or an override does not exist or is refused; all faults at once."""


def available() -> dict[str, str]:
    """Every protocol's name and what it is for."""
    return {path.stem: tomllib.loads(path.read_text("utf-8"))["about"] for path in sorted(FOLDER.glob("*.toml"))}


def choices(name: str) -> dict[str, tuple[Any, ...]]:
    """What a search tries for a setting, in place of what methods name: learning rates fit an encoder."""
    data = tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))
    return {setting: tuple(values) for setting, values in data.get("space", {}).items()}


def resolve(name: str, task: str, overrides: Mapping[str, str], precision: Precision) -> TrainingProtocol:
    """The recipes of one task under a protocol.

    Args:
        name: A file of this folder.
        task: The task's name; a mini twin takes the values of `mini` protocols as they stand.
        overrides: `epochs` or `lr` (all phases), `prune.epochs`, `distillation.temperature`, `pruning.cooldown` ...
        precision: What 'auto' means on this machine, see `best_precision`.

    Raises:
        ProtocolError: Unknown names or values of the wrong type or range.
    """
    names = available()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise ProtocolError(f"unknown protocol {name!r}{hint}; known: {', '.join(names)}")
    data = tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))
    values: dict[str, dict[str, Any]] = {section: dict(data.get(section, {})) for section in (*SECTIONS, "pruning")}
    for section, own in data.get("task", {}).get(task, {}).items():
        values[section] |= own
    for phase in PHASES:
        values[phase].setdefault("precision", precision)
    changed = _override(values, overrides)
    try:
        return TrainingProtocol(
            name=f"{name}+{','.join(changed)}" if changed else name,
            dense=Recipe(**values["dense"]),
            prune=Recipe(**values["prune"]),
            retrain=Recipe(**values["retrain"]),
            distillation=Distillation(**values["distillation"]),
            prune_warmup=values["pruning"]["warmup"],
            prune_cooldown=values["pruning"]["cooldown"],
        )
    except (TypeError, ValueError) as fault:
        raise ProtocolError(f"protocol {name} for {task}: {fault}") from fault


def _override(values: dict[str, dict[str, Any]], overrides: Mapping[str, str]) -> list[str]:
    """Apply `--set` values in place; says what was changed, for the protocol's name."""
    faults: list[str] = []
    changed: list[str] = []
    for name, text in overrides.items():
        section, _, leaf = name.rpartition(".")
        leaf = SHORT.get(leaf, leaf)
        known = {each: _fields(each) for each in values}
        targets = [each for each in ((section,) if section else known) if leaf in known.get(each, {})]
        if not targets:
            every = sorted({f"{each}.{field}" for each, fields in known.items() for field in fields})
            near = difflib.get_close_matches(name, [*every, "lr", "epochs", "batch"], n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            faults.append(f"unknown setting {name!r}{hint}; known: {', '.join(every)}")
            continue
        kind = known[targets[0]][leaf]
        try:
            value = kind(text)
        except ValueError:
            faults.append(f"{name} is a {kind.__name__}, got {text!r}")
            continue
        for target in targets:
            values[target][leaf] = value
        changed.append(f"{name}={text}")
    if faults:
        raise ProtocolError("; ".join(faults))
    return changed


def _fields(section: str) -> dict[str, type]:
    """The fields of a section and the type their text is read as."""
    if section == "pruning":
        return dict.fromkeys(PRUNING, float)
    hints = get_type_hints(SECTIONS[section])
    return {
        field.name: hints[field.name] if hints[field.name] in (int, float) else str
        for field in dataclasses.fields(SECTIONS[section])
    }


def best_precision(device: str, hidden: int) -> Precision:
    """What 'auto' means: bfloat16 where the processor multiplies it, and matrices are wide enough to gain."""
    if device == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    capable = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bfloat16" if capable and native and hidden >= SMALL else "float32"
