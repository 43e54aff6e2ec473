"""Names that tell settings apart: a fingerprint is added only where the name alone does not do it."""

import hashlib
import json
from collections.abc import Callable, Hashable, Iterable

from reports import precision
from reports.page.cells import Setting

DIGITS = 8


class Names:
    """How the settings of one page are called."""

    def __init__(self, settings: Iterable[Setting]) -> None:
        found = tuple(settings)
        self._backbones = _ambiguous(found, lambda one: one.backbone, lambda one: one.backbone_fingerprint)
        self._protocols = _ambiguous(found, lambda one: one.protocol, _recipes)
        self._tasks = _ambiguous(found, lambda one: one.task, _measured)
        self._several = len({_precision(one) for one in found}) > 1

    def backbone(self, setting: Setting) -> str:
        """The backbone's name."""
        return _named(setting.backbone, setting.backbone_fingerprint, setting.backbone in self._backbones)

    def protocol(self, setting: Setting) -> str:
        """The protocol's name, with the precision where the page has more than one."""
        name = _named(setting.protocol, _recipes(setting), setting.protocol in self._protocols)
        return f"{name}, {_precision(setting) or 'precision not recorded'}" if self._several else name

    def task(self, setting: Setting) -> str:
        """The task's name, with its data, split and metric where several of them are on the page."""
        if setting.task not in self._tasks:
            return setting.task
        return f"{setting.task} (data {setting.task_fingerprint[:DIGITS]}, {setting.metric} on {setting.split})"


def _ambiguous(
    settings: Iterable[Setting], name: Callable[[Setting], str], identity: Callable[[Setting], Hashable]
) -> set[str]:
    """The names that stand for more than one thing."""
    seen: dict[str, set[Hashable]] = {}
    for setting in settings:
        seen.setdefault(name(setting), set()).add(identity(setting))
    return {one for one, things in seen.items() if len(things) > 1}


def _named(name: str, digest: str, ambiguous: bool) -> str:
    return f"{name} ({digest[:DIGITS]})" if ambiguous else name


def _measured(setting: Setting) -> tuple[str, str, str]:
    return setting.task_fingerprint, setting.split, setting.metric


def _precision(setting: Setting) -> str:
    return precision.of(json.loads(setting.recipes))


def _recipes(setting: Setting) -> str:
    return hashlib.sha256(setting.recipes.encode()).hexdigest()
