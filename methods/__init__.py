"""What is compared: every file of this folder that ends with METHODS adds its values to the registry."""

import ast
import dataclasses
import difflib
import importlib
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from methods import space
from methods.contract import Compressor

ENTRY_POINTS = "weighin.methods"
_plugins: dict[str, Compressor] = {}


class UnknownMethodError(ValueError):
    """A method's name or one of its knobs is not known; the message lists what is."""


@cache
def _own() -> Mapping[str, Compressor]:
    """The methods of this folder and of installed entry points, in the order of the files' names."""
    found: dict[str, Compressor] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda each: each.name):
        if not module.ispkg:
            _add(found, getattr(importlib.import_module(f"methods.{module.name}"), "METHODS", {}), module.name)
    for point in entry_points(group=ENTRY_POINTS):
        _add(found, point.load(), f"entry point {point.name}")
    return found


def _add(found: dict[str, Compressor], methods: Mapping[str, Compressor], origin: str) -> None:
    for name, method in methods.items():
        if not isinstance(method, Compressor):
            raise TypeError(f"{origin}: METHODS maps names to Compressor values, got {name}={type(method).__name__}")
        wrong = space.faults(method)
        if wrong:
            raise ValueError(f"{origin}: {name}: " + "; ".join(wrong))
        if name in found:
            raise ValueError(f"{origin}: a method's name is unique, {name!r} is taken; choose another")
        found[name] = method


def available() -> Mapping[str, Compressor]:
    """Every known method: name -> value, our own, installed ones and loaded plugins."""
    return {**_own(), **_plugins}


def get(text: str) -> Compressor:
    """The method a text names: a name, or a name with knobs such as `lpaf(rank=260, p_init=0.3)`.

    Raises:
        UnknownMethodError: the name is not registered, a knob does not exist, or a value is refused.
    """
    name, knobs = _parted(text)
    methods = available()
    if name not in methods:
        near = difflib.get_close_matches(name, methods, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise UnknownMethodError(f"unknown method {name!r}{hint}; known: {', '.join(methods)}")
    method = methods[name]
    return dataclasses.replace(method, **_knobs(name, method, knobs)) if knobs.strip() else method


def given(text: str) -> Mapping[str, Any]:
    """The knobs that a text such as `lpaf(rank=260)` sets; raises as `get` does."""
    get(text)
    name, knobs = _parted(text)
    return _knobs(name, available()[name], knobs) if knobs.strip() else {}


def _parted(text: str) -> tuple[str, str]:
    """Name and knobs of a method as it was written."""
    match = re.fullmatch(r"\s*([\w.+-]+)\s*(?:\((.*)\))?\s*", text, flags=re.DOTALL)
    if match is None:
        raise UnknownMethodError(f"a method is written name or name(knob=value, ...), got {text!r}")
    return match[1], match[2] or ""


def _knobs(name: str, method: Compressor, text: str) -> dict[str, Any]:
    """Parse `a=1, b='x'`; only literals, so nothing in it can run."""
    try:
        call = ast.parse(f"f({text})", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError("knobs are written knob=value")
        knobs = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError) as fault:
        raise UnknownMethodError(
            f"{name}: knobs are written knob=value with numbers, None, True, False or text in quotes, got ({text}); "
            f"write {name}(knob=0.5) or {name}(knob='text'); its knobs: {', '.join(method.knobs()) or 'none'}"
        ) from fault
    unknown = sorted(set(knobs) - set(method.knobs()))
    if unknown:
        raise UnknownMethodError(
            f"{name}: unknown knob {', '.join(unknown)}; it has: {', '.join(method.knobs()) or 'none'}"
        )
    return knobs


def load_plugin(path: Path) -> None:
    """Register the METHODS of one Python file from outside; loading the same file twice does nothing."""
    path = path.resolve()
    name = f"weighin_plugin_{path.stem}"
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ValueError(f"a plugin is a Python file, got {path}; give the file itself, such as my_method.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    found = dict(available())
    _add(found, getattr(module, "METHODS", {}), str(path))
    _plugins.update({key: value for key, value in found.items() if key in getattr(module, "METHODS", {})})
