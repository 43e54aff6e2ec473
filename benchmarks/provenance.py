"""Where a number comes from: our commit, package versions, the machine."""

import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

from methods.stages.stage import Json

PACKAGES = (
    "weighin",
    "torch",
    "transformers",
    "tokenizers",
    "datasets",
    "numpy",
    "scipy",
    "safetensors",
    "fvcore",
)


@cache
def provenance() -> dict[str, Json]:
    """Commit (None outside a checkout), whether it was altered, versions, and the kind of host."""
    return {
        "commit": _git("rev-parse", "HEAD"),
        "altered": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "packages": {name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "host_kind": f"{platform.system()} {platform.machine()} {_processor()}",
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    """One git command's answer in our own checkout, or None where this is no checkout of ours."""
    folder = Path(__file__).resolve().parent.parent
    if not (folder / ".git").exists():
        return None
    try:
        done = subprocess.run(  # noqa: S603  # fixed arguments, no shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607  # git is found on the path by intention
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _processor() -> str:
    """The processor's model name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
