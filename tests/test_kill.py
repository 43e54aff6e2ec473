"""A real run, killed with -9 at several points and started again, ends with the same bits as one left alone."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

OPTIONS = {"--tasks": "mini-rte", "--methods": "lpaf", "--budgets": "0.25", "--seeds": "1", "--protocol": "smoke"}


def command(folder: Path) -> list[str]:
    options = {**OPTIONS, "--store": str(folder / "store"), "--runs": str(folder / "runs")}
    return [
        sys.executable,
        "-m",
        "weighin",
        "run",
        "table2",
        *(word for option in options.items() for word in option),
    ]


def environment() -> dict[str, str]:
    return {**os.environ, "WEIGHIN_CHECKPOINT_SECONDS": "0", "OMP_NUM_THREADS": "1"}


def finish(folder: Path) -> None:
    subprocess.run(command(folder), check=True, capture_output=True, env=environment(), timeout=240)


def manifests(folder: Path) -> dict[str, dict[str, object]]:
    found = (json.loads(path.read_text()) for path in folder.glob("store/??/*/manifest.json"))
    return {manifest["key"]: manifest for manifest in found}


def hashes(folder: Path) -> dict[str, object]:
    """Key -> hashes of the files, of every artifact."""
    return {
        key: {name: entry["sha256"] for name, entry in manifest["files"].items()}  # type: ignore[attr-defined]
        for key, manifest in manifests(folder).items()
    }


def killed_in(folder: Path, kind: str, steps: int) -> bool:
    """Start a run and kill it, with all it started, once a stage of `kind` has made `steps` steps."""
    process = subprocess.Popen(
        command(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
        start_new_session=True,
    )
    try:
        while process.poll() is None:
            if any(seen(path, kind) >= steps for path in folder.glob("store/.progress/*.json")):
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return True
            time.sleep(0.02)
        return False
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def seen(path: Path, kind: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        note = json.loads(path.read_text())
        return int(note["done"]) if note["kind"] == kind and note["done"] < note["total"] else 0
    return 0


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run nobody disturbs."""
    folder = tmp_path_factory.mktemp("alone")
    finish(folder)
    return folder


def test_killed_runs_end_with_the_same_weights(alone: Path, tmp_path: Path) -> None:
    kept: dict[str, object] = {}
    for kind in ("finetune", "prune", "retrain"):
        assert killed_in(tmp_path, kind, 3), f"the run ended before {kind} could be killed"
        started = {key: manifest["costs"]["started"] for key, manifest in manifests(tmp_path).items()}  # type: ignore[index]
        assert kept.items() <= started.items(), "a complete stage was made again"
        kept = started
    finish(tmp_path)
    done = {key: manifest["costs"]["started"] for key, manifest in manifests(tmp_path).items()}  # type: ignore[index]
    assert kept.items() <= done.items(), "a complete stage was made again"
    assert hashes(tmp_path) == hashes(alone)


def test_a_finished_table_is_not_computed_again(alone: Path) -> None:
    before = manifests(alone)
    finish(alone)
    assert manifests(alone) == before
