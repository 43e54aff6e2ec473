"""Batch systems for the dask engine, described by a short YAML file.

`cluster` names one of `CLUSTERS`, `jobs` says how many batch jobs (each one dask worker) and `slots` how many stages
at a time in each; everything else is dask-jobqueue's and describes one batch job. docs/scale-out.md has examples.
"""

import dataclasses
import difflib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.engines import EngineError

CLUSTERS = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "lsf": "LSFCluster",
    "sge": "SGECluster",
    "htcondor": "HTCondorCluster",
}
# What our own fields decide, and what dask-jobqueue once called otherwise.
OURS = frozenset({"self", "scheduler", "name", "config_name", "processes"})
OLD = frozenset({"extra", "job_extra", "env_extra", "header_skip", "project"})


@dataclasses.dataclass(frozen=True)
class Batch:
    """A batch system: its name in `CLUSTERS`, batch jobs, stages at a time in each, and dask-jobqueue's options."""

    cluster: str
    jobs: int
    slots: int
    options: Mapping[str, Any]


def read(path: Path) -> Batch:
    """The batch system of a file.

    Raises:
        ValueError: The file is not there or says what cannot be; every fault at once.
        EngineError: dask-jobqueue is not installed.
    """
    try:
        import dask_jobqueue
        import yaml
    except ImportError as error:
        raise EngineError(
            f"a batch system needs the extra 'cluster', got: {error}; pip install 'weighin[cluster]'"
        ) from error
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"a batch system is described by a YAML file, got {path}: {error}") from error
    if not isinstance(value, dict) or value.get("cluster") not in CLUSTERS:
        told = value.get("cluster") if isinstance(value, dict) else value
        raise ValueError(f"{path}: cluster is one of {', '.join(CLUSTERS)}, got {told!r}; write 'cluster: slurm'")
    options = {name: option for name, option in value.items() if name not in ("cluster", "jobs", "slots")}
    counts = {"jobs": value.get("jobs", 1), "slots": value.get("slots", 1)}
    faults = [
        f"{name} is a whole number >= 1, got {count!r}"
        for name, count in counts.items()
        if not isinstance(count, int) or isinstance(count, bool) or count < 1
    ]
    known = _options(getattr(dask_jobqueue, CLUSTERS[value["cluster"]]))
    for name in sorted(map(str, options.keys() - known)):
        near = difflib.get_close_matches(name, known, 1)
        faults.append(
            f"{name} is no option of {CLUSTERS[value['cluster']]}" + (f"; did you mean {near[0]}?" if near else "")
        )
    lacking = [name for name in ("cores", "memory") if name not in options]
    faults += [f"{name} says what one batch job asks for, got none" for name in lacking]
    if faults:
        raise ValueError(f"{path}: {'; '.join(faults)}")
    return Batch(value["cluster"], counts["jobs"], counts["slots"], options)


def _options(kind: type[Any]) -> set[str]:
    """The options that dask-jobqueue has for a batch system."""
    from dask_jobqueue.core import Job

    taken = {*inspect.signature(kind.job_cls.__init__).parameters, *inspect.signature(Job.__init__).parameters}
    return {*taken, "scheduler_options", "shared_temp_directory"} - OURS - OLD - {"base_class_kwargs"}


def start(batch: Batch) -> Any:
    """The running cluster, its batch jobs asked for; closing it takes them back.

    Raises:
        EngineError: The batch system refuses.
    """
    cluster = make(batch)
    try:
        cluster.scale(jobs=batch.jobs)
    except BaseException:
        cluster.close()
        raise
    return cluster


def make(batch: Batch) -> Any:
    """The cluster, with no batch job yet; `job_script()` shows what would be submitted."""
    import dask_jobqueue

    kind = getattr(dask_jobqueue, CLUSTERS[batch.cluster])
    options = dict(batch.options)
    # One worker process a batch job: it hands out that job's accelerators, and shares its cores among the slots.
    arguments = [*(options.pop("worker_extra_args", None) or ()), "--nthreads", str(batch.slots)]
    scheduler = {"dashboard_address": "127.0.0.1:0", **(options.pop("scheduler_options", None) or {})}
    try:
        return kind(processes=1, worker_extra_args=arguments, scheduler_options=scheduler, **options)
    except (TypeError, ValueError, OSError) as error:
        raise EngineError(f"the description of {batch.cluster} must suit dask-jobqueue, got: {error}") from error
