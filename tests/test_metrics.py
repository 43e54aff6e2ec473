"""The metrics, against values worked out by hand, scipy, and identities."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchmarks import tasks
from benchmarks.tasks.metrics import METRICS, accuracy, f1, matthews, pearson, score, spearman
from benchmarks.tasks.metrics.evaluate_metrics import EVALUATE_METRICS

# 3 true positives, 1 false positive, 2 false negatives, 4 true negatives
LABELS = [1, 1, 1, 1, 1, 0, 0, 0, 0, 0]
PREDICTED = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]

classes = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40)


def test_values_by_hand() -> None:
    assert accuracy(PREDICTED, LABELS) == 7 / 10
    assert f1(PREDICTED, LABELS) == pytest.approx(2 * (3 / 4) * (3 / 5) / (3 / 4 + 3 / 5), abs=1e-15)
    assert matthews(PREDICTED, LABELS) == pytest.approx((3 * 4 - 1 * 2) / (4 * 5 * 5 * 6) ** 0.5, abs=1e-15)
    assert pearson([1, 2, 4], [1, 3, 2]) == pytest.approx(1 / (14 / 3 * 2) ** 0.5, abs=1e-15)
    assert spearman([1.0, 20.0, 300.0], [1.0, 3.0, 2.0]) == pytest.approx(0.5, abs=1e-15)


def test_perfect_and_inverted() -> None:
    for name in ("accuracy", "f1", "matthews", "pearson", "spearman"):
        assert METRICS[name](LABELS, LABELS) == pytest.approx(1.0, abs=1e-15)
    inverted = [1 - label for label in LABELS]
    assert accuracy(inverted, LABELS) == f1(inverted, LABELS) == 0.0
    for name in ("matthews", "pearson", "spearman"):
        assert METRICS[name](inverted, LABELS) == pytest.approx(-1.0, abs=1e-15)


@given(classes)
def test_matthews_of_two_classes_is_their_pearson_correlation(pairs: list[tuple[int, int]]) -> None:
    given_, true = ([min(value, 1) for value in column] for column in zip(*pairs, strict=True))
    assert matthews(given_, true) == pytest.approx(pearson(given_, true), abs=1e-12)


@given(classes)
def test_matthews_of_three_classes_is_the_correlation_of_indicators(pairs: list[tuple[int, int]]) -> None:
    given_, true = (np.eye(3)[list(column)] for column in zip(*pairs, strict=True))  # [n, 3]
    given_, true = given_ - given_.mean(axis=0), true - true.mean(axis=0)
    spread = np.sqrt((given_**2).sum() * (true**2).sum())
    expected = (given_ * true).sum() / spread if spread > 1e-9 else 0.0
    assert matthews(*zip(*pairs, strict=True)) == pytest.approx(expected, abs=1e-12)


def test_matthews_of_many_rows_does_not_overflow() -> None:
    labels = np.tile([0, 1], 500_000)
    assert matthews(labels, labels) == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_correlations_against_scipy(seed: int) -> None:
    generator = np.random.default_rng(seed)
    true = np.round(generator.uniform(0, 5, 300), 1)  # with ties
    given_ = (true + generator.normal(size=300)).astype(np.float32)
    assert pearson(given_, true) == pytest.approx(stats.pearsonr(given_.astype(float), true).statistic, abs=1e-12)
    assert spearman(given_, true) == pytest.approx(stats.spearmanr(given_, true).statistic, abs=1e-12)
    assert pearson(3 * given_.astype(float) - 7, true) == pytest.approx(pearson(given_, true), abs=1e-12)


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_pearson_keeps_its_value_at_any_scale(scale: float) -> None:
    assert pearson([scale, 2 * scale, 4 * scale], [1, 3, 2]) == pytest.approx(pearson([1, 2, 4], [1, 3, 2]))


def test_degenerate_inputs_have_defined_values() -> None:
    assert matthews([1, 1, 1], [0, 1, 1]) == matthews([0, 1, 1], [1, 1, 1]) == 0.0
    assert f1([0, 0], [0, 0]) == 0.0
    assert f1([0, 0], [0, 1]) == 0.0
    for metric in (pearson, spearman):
        assert metric([2.5, 2.5, 2.5], [0.0, 1.0, 2.0]) == metric([0.0, 1.0, 2.0], [0.1, 0.1, 0.1]) == 0.0
        assert metric([1.0], [2.0]) == 0.0


@pytest.mark.parametrize("name", METRICS)
def test_evaluate_metrics_equal_the_functions(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    metric = EVALUATE_METRICS[name](cache_dir=str(folder))
    generator = np.random.default_rng(1)
    columns = (
        generator.integers(0, 2, (2, 200))
        if name in ("accuracy", "f1", "matthews")
        else generator.normal(size=(2, 200))
    )
    expected = METRICS[name](*columns)
    assert metric.compute(predictions=columns[0], references=columns[1]) == {name: expected}
    # the usual way of evaluate: batch by batch, and the object may be used again
    for part in np.split(columns, 4, axis=1):
        metric.add_batch(predictions=part[0], references=part[1])
    assert metric.compute() == {name: expected}
    assert list(folder.iterdir()) == []  # nothing on disk: a read-only home folder will do


def test_there_is_an_evaluate_metric_for_each_function() -> None:
    assert list(EVALUATE_METRICS) == list(METRICS)


@pytest.mark.parametrize("name", tasks.available())
def test_score_gives_all_metrics_of_every_task(name: str) -> None:
    task = tasks.get(name)
    generator = np.random.default_rng(2)
    logits = generator.normal(size=(60, task.outputs)).astype(np.float32)
    labels = generator.uniform(0, 5, 60) if task.kind == "regression" else generator.integers(0, task.outputs, 60)
    scores = score(task, logits, labels)
    assert tuple(scores) == task.metrics
    decided = logits[:, 0] if task.kind == "regression" else logits.argmax(axis=1)
    assert scores == {metric: METRICS[metric](decided, labels) for metric in task.metrics}
    assert all(type(value) is float and -1 <= value <= 1 for value in scores.values())


def test_score_by_hand() -> None:
    logits = np.array([[2.0, -1.0], [0.0, 3.0], [1.0, 1.0], [-1.0, 0.0]])  # a tie goes to class 0
    assert score(tasks.get("mrpc"), logits, [0, 1, 1, 1]) == {"accuracy": 0.75, "f1": 0.8}
    beyond = np.array([[-1.0], [2.0], [9.0]])  # not cut to 0..5: the correlation stays exact
    assert score(tasks.get("stsb"), beyond, [0.0, 1.0, 2.0])["pearson"] == pytest.approx(
        stats.pearsonr([-1, 2, 9], [0, 1, 2]).statistic, abs=1e-12
    )


def test_score_takes_less_than_5_ms_for_500_rows() -> None:
    generator = np.random.default_rng(3)
    for name in ("cola", "qqp", "mnli", "stsb"):
        task = tasks.get(name)
        logits = generator.normal(size=(500, task.outputs))
        labels = generator.integers(0, task.outputs, 500) if task.classes else generator.uniform(0, 5, 500)
        best = min(
            _seconds(lambda task=task, logits=logits, labels=labels: score(task, logits, labels)) for _ in range(5)
        )
        assert best < 0.005, name


def _seconds(work: object) -> float:
    start = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - start


def test_score_tells_all_faults() -> None:
    task = tasks.get("rte")
    with pytest.raises(ValueError, match=r"rte: cannot score: logits have the shape \[n, 2\], got \[3, 3\]") as error:
        score(task, np.array([[1, 2, 3], [1, np.nan, 3], [1, np.inf, 3]]), [0, 1])
    assert "equally many, got 3 and 2" in str(error.value)
    assert "2 of 9 are not: the model diverged" in str(error.value)
    with pytest.raises(ValueError, match="one row at least"):
        score(task, np.zeros((0, 2)), [])


def test_score_tells_an_unknown_metric() -> None:
    task = replace(tasks.get("rte"), metric="acuracy", metrics=("acuracy",))
    with pytest.raises(ValueError, match="no metric is named 'acuracy'; did you mean 'accuracy'"):
        score(task, np.zeros((2, 2)), [0, 1])
