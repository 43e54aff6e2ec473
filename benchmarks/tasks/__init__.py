"""The tasks: each module of this folder holds one as ``TASK`` (or some as ``TASKS``): the registry."""

import difflib
import importlib
import pkgutil
from functools import cache

from benchmarks.tasks.definition import Hub, TaskDefinition, TsvLayout

__all__ = ["Hub", "TaskDefinition", "TsvLayout", "available", "get"]


def available() -> dict[str, TaskDefinition]:
    """All tasks by name, in alphabetical order with the generated ones last.

    Raises:
        ValueError: Two modules define the same name.
    """
    return dict(_scan())


def get(name: str) -> TaskDefinition:
    """The task of that name.

    Raises:
        ValueError: No such task; the message has the nearest name and the list.
    """
    tasks = _scan()
    if name in tasks:
        return tasks[name]
    near = difflib.get_close_matches(name.lower().replace("-", ""), tasks, n=1, cutoff=0.5)
    near = difflib.get_close_matches(name.lower(), tasks, n=1, cutoff=0.5) or near
    hint = f" did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"no task is named {name!r};{hint} tasks: {', '.join(tasks)}")


@cache
def _scan() -> dict[str, TaskDefinition]:
    found: dict[str, tuple[str, TaskDefinition]] = {}
    for module_info in pkgutil.iter_modules(__path__):
        if module_info.ispkg:  # sources and metrics are machinery, not tasks
            continue
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        single = getattr(module, "TASK", None)
        for task in (single,) if single is not None else getattr(module, "TASKS", ()):
            if task.name in found:
                raise ValueError(
                    f"task names are unique, {task.name!r} is defined in {found[task.name][0]}.py "
                    f"and in {module_info.name}.py"
                )
            found[task.name] = (module_info.name, task)
    order = sorted((task.generated, name) for name, (_, task) in found.items())
    return {name: found[name][1] for _, name in order}
