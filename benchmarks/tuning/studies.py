"""Studies in an Optuna storage: where they are, one a search, and never two searches in one."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, RDBStorage, get_storage
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from benchmarks.tuning.sampler import Seeded

SEARCH = "search"  # the study's attribute that says what is searched and how
BUSY = 60  # seconds to wait for another process that writes to the same SQLite file


class StudyFault(ValueError):  # noqa: N818  # the user's mistake
    """The storage cannot be used, or holds another search under this name; the message has the cure."""


def beside(store: Path, table: str) -> str:
    """The URL of the storage a table's searches have where none is named: an SQLite file beside the store."""
    return f"sqlite:///{store.absolute().parent / 'tuning' / table}.db"


@contextlib.contextmanager
def storage(url: str) -> Iterator[BaseStorage]:
    """The storage at a URL; the folder of an SQLite file is made.

    Raises:
        StudyFault: No storage can be opened there.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        opened = _opened(url)
    except (SQLAlchemyError, StorageInternalError, ImportError, OSError, ValueError) as fault:
        reason = str(fault).splitlines()[0]
        raise StudyFault(
            f"--storage is the URL of an Optuna storage that can be written to, got {url}: {reason}; "
            "write for example sqlite:///tuning.db"
        ) from fault
    try:
        yield opened
    finally:
        opened.remove_session()
        if isinstance(opened, RDBStorage):
            opened.engine.dispose()


def _opened(url: str) -> BaseStorage:
    prefix = "sqlite:///"
    if not url.startswith(prefix):
        return get_storage(url)
    Path(url.removeprefix(prefix)).parent.mkdir(parents=True, exist_ok=True)
    return get_storage(RDBStorage(url, engine_kwargs={"connect_args": {"timeout": BUSY}}))


def study(
    kept: BaseStorage, name: str, search: Mapping[str, Any], sampler: Seeded, pruner: optuna.pruners.BasePruner
) -> Study:
    """The study of this name, begun or gone on with.

    Args:
        kept: The storage.
        name: Readable, one for each search.
        search: What is searched and how, as JSON; a study that was begun for anything else is refused.
        sampler: Chooses points.
        pruner: Ends trials early.

    Raises:
        StudyFault: The study was begun with other data, another encoder, protocol, space or way of searching.
    """
    found = optuna.create_study(
        storage=kept, study_name=name, sampler=sampler, pruner=pruner, direction="maximize", load_if_exists=True
    )
    known = found.user_attrs.get(SEARCH)
    search = json.loads(json.dumps(search))  # as it comes back
    if known is None:
        found.set_user_attr(SEARCH, search)
    elif known != search:
        differing = [
            f"{key}: {known.get(key)!r} there and {search.get(key)!r} now"
            for key in sorted({*known, *search})
            if known.get(key) != search.get(key)
        ]
        raise StudyFault(
            f"a study is one search, and {name!r} in the storage is another: {'; '.join(differing)}; "
            "search as there, or give another --storage"
        )
    sampler.attend(found)
    return found


def trials(found: Study) -> list[FrozenTrial]:
    """All trials in the order of their numbers."""
    return sorted(found.get_trials(deepcopy=False), key=lambda each: each.number)


def unfinished(found: Study) -> list[Trial]:
    """Trials that were asked for and never answered, as if they were asked for just now."""
    return [Trial(found, each._trial_id) for each in trials(found) if each.state == TrialState.RUNNING]


def suggested(trial: Trial, name: str, values: BaseDistribution) -> Any:
    """The trial's value of a parameter: the one it has, else the sampler's."""
    if isinstance(values, FloatDistribution):
        return trial.suggest_float(name, values.low, values.high, step=values.step, log=values.log)
    if isinstance(values, IntDistribution):
        return trial.suggest_int(name, values.low, values.high, step=values.step, log=values.log)
    if isinstance(values, CategoricalDistribution):
        return trial.suggest_categorical(name, values.choices)
    raise TypeError(f"{name}: a space has categories, floats and integers, got {type(values).__name__}")
