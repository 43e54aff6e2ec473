"""The held-out slice: apart from the rows that are trained on, and never a look at the development set."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import experiment
from benchmarks.experiment import Options
from benchmarks.store import Store
from benchmarks.tasks import get
from benchmarks.tasks.sources import HELD, DataError, Rows, Slice, TaskData, divide, fingerprint, load
from benchmarks.tuning import search
from benchmarks.tuning.search import Request
from benchmarks.workbench import StageWorkbench
from methods.steps import encoded

RTE = get("mini-rte")


def data(labels: list[int], texts: list[str] | None = None, dev: str = "dev") -> TaskData:
    """A task of these training rows."""
    names = texts or [f"text {place}" for place in range(len(labels))]
    splits = {
        "train": Rows(tuple(range(len(labels))), (tuple(names), tuple(names)), labels),
        "validation": Rows((0,), ((dev,), (dev,)), [0]),
    }
    return TaskData(RTE, splits, fingerprint(RTE, splits), "made here")


@given(st.lists(st.integers(0, 1), min_size=20, max_size=200), st.integers(0, 5), st.sampled_from((0.1, 0.25, 0.5)))
def test_the_slice_is_apart_whole_and_stratified(labels: list[int], seed: int, share: float) -> None:
    whole = data(labels)
    divided = divide(whole, Slice(share, seed=seed))
    kept, held = divided.splits["train"], divided.splits[HELD]
    assert set(divided.splits) == {"train", HELD}
    assert set(kept.ids).isdisjoint(held.ids)
    assert sorted((*kept.ids, *held.ids)) == list(range(len(labels)))
    assert len(held) == round(share * len(labels))
    for label in (0, 1):
        assert abs(held.labels.count(label) - share * labels.count(label)) <= 1
    for rows in (kept, held):
        assert list(rows.ids) == sorted(rows.ids)
        assert [whole.splits["train"].labels[place] for place in rows.ids] == rows.labels  # type: ignore[misc]
    assert divide(whole, Slice(share, seed=seed)).fingerprint == divided.fingerprint


def test_another_seed_holds_out_other_rows_and_has_another_fingerprint() -> None:
    whole = data([0, 1] * 50)
    one, other = (divide(whole, Slice(seed=seed)) for seed in (0, 1))
    assert one.splits[HELD].ids != other.splits[HELD].ids
    assert len({whole.fingerprint, one.fingerprint, other.fingerprint}) == 3


def test_a_row_with_a_twin_in_training_is_never_held_out() -> None:
    texts = [f"text {place // 2}" if place < 60 else f"text {place}" for place in range(100)]
    for seed in range(5):
        held = divide(data([0, 1] * 50, texts), Slice(0.3, seed=seed)).splits[HELD]
        assert min(held.ids) >= 60  # type: ignore[type-var]
    with pytest.raises(DataError, match="a slice holds one row at least"):
        divide(data([0, 1] * 10, ["same"] * 20), Slice())


def test_large_tasks_hold_out_no_more_than_is_useful() -> None:
    assert len(divide(data([0, 1] * 500), Slice(0.5, most=30)).splits[HELD]) == 30


def test_scores_are_held_out_too() -> None:
    divided = divide(load(get("mini-stsb"), None), Slice())
    assert len(divided.splits[HELD]) == 200
    spread = np.std(divided.splits[HELD].labels) / np.std(divided.splits["train"].labels)
    assert spread == pytest.approx(1, abs=0.2)


def test_impossible_slices_are_refused() -> None:
    with pytest.raises(ValueError, match=r"share is a fraction .* got 10.*most is a number of rows >= 1, got 0"):
        Slice(10, most=0)


def test_the_development_set_decides_nothing() -> None:
    """Other development rows: the same slice, the same fingerprint, hence the same keys of every stage of a trial."""
    one, other = (divide(data([0, 1] * 50, dev=dev), Slice()) for dev in ("this", "that"))
    assert one.splits == other.splits
    assert one.fingerprint == other.fingerprint


def test_a_trial_cannot_read_the_development_set(tmp_path: Path) -> None:
    options = Options(tasks=("mini-rte",), methods=("svd-ft",), budgets=(0.25,), seeds=(1,), protocol="smoke")
    request = Request()
    (subject,) = search.subjects(experiment.cells(options), options, request)
    (cell,) = subject.at({"lr": 6e-4})
    assert cell.setting.task.evaluation == (HELD,)
    for stage in cell.stage.walk():
        assert "validation" not in str(stage.description)
    stage = encoded(cell.setting)
    bench = StageWorkbench(stage, Store(tmp_path), tmp_path, sources=search.places(options, request))
    rows, held = bench.rows(stage.data, "train"), bench.rows(stage.data, HELD)
    assert (len(rows), len(held)) == (1800, 200)
    assert len(rows) == cell.setting.task.train_rows
    assert set(rows.ids).isdisjoint(held.ids)
    with pytest.raises(ValueError, match="the task has the splits train, heldout, got 'validation'"):
        bench.rows(stage.data, "validation")
    whole = search.places(options, dataclasses.replace(request, select="dev"))
    with pytest.raises(ValueError, match="the run knows where its tasks are"):
        StageWorkbench(stage, Store(tmp_path), tmp_path, sources=whole).rows(stage.data, "train")


def test_selecting_on_the_development_set_trains_what_a_run_trains() -> None:
    options = Options(tasks=("mini-rte",), methods=("svd-ft",), budgets=(0.25,), seeds=(1,), protocol="smoke")
    (usual,) = experiment.cells(options)
    (subject,) = search.subjects([usual], options, Request(select="dev"))
    (cell,) = subject.at({"lr": 6e-4})
    assert cell.stage.key == usual.stage.key
