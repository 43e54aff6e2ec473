"""What this machine has that this process may use: cores, memory, accelerators."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

RECLAIMED = ("inactive_file", "total_inactive_file")  # file pages a cgroup gives back when asked (v2, v1)


def cores() -> int:
    """Processor cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


def memory(root: Path = Path("/")) -> int | None:
    """Bytes that may still be taken: the least of what the system and every control group above this process leave.

    Args:
        root: Where `/proc` and `/sys` are.

    Returns:
        None where the system does not tell (it tells on Linux).
    """
    left = [*_system(root), *_groups(root)]
    return max(0, min(left)) if left else None


def killed_for_memory(root: Path = Path("/")) -> int:
    """How many processes the system has ended for want of memory since it started; 0 where it does not tell."""
    counts = dict(line.split() for line in _text(root / "proc/vmstat").splitlines())
    return int(counts.get("oom_kill", 0))


def _system(root: Path) -> Iterator[int]:
    for line in _text(root / "proc/meminfo").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            yield int(value.split()[0]) * 1024  # in KiB (proc_meminfo(5))


def _groups(root: Path) -> Iterator[int]:
    """What each control group leaves, from this process's own up to the mount."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mount, names = root / "sys/fs/cgroup", ("memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            mount, names = root / "sys/fs/cgroup/memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        folder = mount / path.strip("/")
        for group in (folder, *folder.parents):
            if not group.is_relative_to(mount):
                break
            yield from _group(group, *names)


def _group(folder: Path, limit: str, usage: str) -> Iterator[int]:
    most, used = _text(folder / limit).strip(), _text(folder / usage).strip()
    if most.isdigit() and used.isdigit():  # 'max' is no limit
        statistics = (line.split() for line in _text(folder / "memory.stat").splitlines())
        counts = {words[0]: int(words[1]) for words in statistics if len(words) == 2}
        yield int(most) - int(used) + max(counts.get(name, 0) for name in RECLAIMED)


def accelerators() -> tuple[str, ...]:
    """The accelerators this process may use, each as `CUDA_VISIBLE_DEVICES` would say it alone."""
    import torch  # costs seconds

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [str(place) for place in range(count)] if given is None else [name.strip() for name in given.split(",")]
    return tuple(names[:count])


def device_memory() -> Mapping[str, int]:
    """Free bytes of each accelerator, by its number and by its name; empty where `nvidia-smi` does not tell.

    The driver's own program is asked, for torch would take memory on every accelerator to find out.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return {}
    try:
        told = subprocess.run(  # noqa: S603  # fixed arguments, no shell
            [program, "--query-gpu=index,uuid,memory.free", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    free: dict[str, int] = {}
    for line in told.splitlines():
        with contextlib.suppress(ValueError):  # '[N/A]' of a divided accelerator
            index, name, mebibytes = (word.strip() for word in line.split(","))
            free[index] = free[name] = int(mebibytes) << 20
    return free


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
