"""Stages as JSON, so that another process can rebuild and run them; no pickle, no code from the text."""

import dataclasses
import difflib
import importlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import methods
from methods.stages.stage import Json, Stage

OURS = frozenset({"methods", "benchmarks"})


def dump(stage: Stage) -> dict[str, Json]:
    """The stage with all it stands on.

    Returns:
        `{"stage": key, "stages": {key: {"class": "module:Name", "fields": {...}}}}`; a field that is a stage
        is `{"stage": key}`, a value dataclass `{"class": ..., "fields": ...}`, a tuple a list.
    """
    return {
        "stage": stage.key,
        "stages": {part.key: _dump_fields(part) for part in stage.walk()},
    }


def load(value: Mapping[str, Any], plugins: Collection[str] = ()) -> Stage:
    """Rebuild what `dump` wrote.

    Args:
        value: What `dump` returned.
        plugins: Modules or packages that stages may come from besides ours.

    Raises:
        ValueError: A class is not a frozen dataclass of an allowed module, or the rebuilt stage has another
            key, which means that this process runs other code than the one that described the stage.
    """
    built: dict[str, Stage] = {}
    for key, entry in value["stages"].items():  # dependencies first, as `dump` wrote them
        stage = _build(entry, built, plugins)
        if not isinstance(stage, Stage):
            raise ValueError(f"a stage is rebuilt from a Stage class, got {entry['class']}")
        if stage.key != key:
            raise ValueError(
                f"a rebuilt stage has the key it was sent with, got {stage.key[:12]} instead of {key[:12]} "
                f"for {entry['class']}; the code changed meanwhile, start the run again"
            )
        built[key] = stage
    return built[value["stage"]]


def load_plugins(plugins: Collection[str]) -> tuple[str, ...]:
    """Load plugin files (`*.py`) and modules by name; returns the module names stages may come from."""
    names = []
    for plugin in plugins:
        if plugin.endswith(".py"):
            methods.load_plugin(Path(plugin))
            names.append(f"weighin_plugin_{Path(plugin).stem}")
        else:
            importlib.import_module(plugin)
            names.append(plugin)
    return tuple(names)


def modules_of(value: Mapping[str, Any]) -> set[str]:
    """The modules of our own packages that the stages of a dump are defined in."""
    names = {str(entry["class"]).partition(":")[0] for entry in value["stages"].values()}
    return {name for name in names if name.partition(".")[0] in OURS}


def _dump_fields(value: Any) -> dict[str, Json]:
    kind = type(value)
    return {
        "class": f"{kind.__module__}:{kind.__qualname__}",
        "fields": {
            field.name: _dump(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init
        },
    }


def _dump(value: Any) -> Json:
    if isinstance(value, Stage):
        return {"stage": value.key}
    if isinstance(value, tuple):
        return [_dump(item) for item in value]
    if dataclasses.is_dataclass(value):
        return _dump_fields(value)
    plain: Json = value  # Stage.description has refused everything else
    return plain


def _build(entry: Mapping[str, Any], built: Mapping[str, Stage], plugins: Collection[str]) -> Any:
    kind = _find(str(entry["class"]), plugins)
    return kind(**{name: _load(value, built, plugins) for name, value in entry["fields"].items()})


def _load(value: Any, built: Mapping[str, Stage], plugins: Collection[str]) -> Any:
    if isinstance(value, list):
        return tuple(_load(item, built, plugins) for item in value)
    if isinstance(value, dict):
        return built[value["stage"]] if "stage" in value else _build(value, built, plugins)
    return value


def _find(name: str, plugins: Collection[str]) -> type[Any]:
    """The frozen dataclass called `module:Qualified.Name`."""
    module, _, path = name.partition(":")
    if module.partition(".")[0] not in OURS and not any(
        module == plugin or module.startswith(f"{plugin}.") for plugin in plugins
    ):
        raise ValueError(
            f"a stage's class comes from {', '.join(sorted(OURS))} or a plugin, got {name}; pass its file or "
            f"module as a plugin ({', '.join(plugins) or 'there are none'})"
        )
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, dir(found), 1)
            raise ValueError(f"{module} has no {part}" + (f"; did you mean {near[0]}?" if near else ""))
        found = getattr(found, part)
    if not (isinstance(found, type) and dataclasses.is_dataclass(found) and found.__module__ == module):
        raise ValueError(f"a stage is rebuilt from dataclasses defined in their module, got {name}")
    if not found.__dataclass_params__.frozen:  # type: ignore[attr-defined]  # set by dataclasses
        raise ValueError(f"a stage is rebuilt from frozen dataclasses, got {name}")
    return found
