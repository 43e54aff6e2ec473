"""Which methods cannot be told from the best: the test used, its family, shared bold, signs, and what is said."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from benchmarks.records import Record
from benchmarks.tasks.metrics import functions
from reports.evidence import Evidence
from reports.statistics.bootstrap import METRICS
from reports.statistics.crossed import crossed
from reports.statistics.crossed_bootstrap import BOOTSTRAP_SEED, crossed_bootstrap
from reports.statistics.multiplicity import adjust
from reports.statistics.paired import paired_t
from reports.tables import significance, table_2
from reports.tables.table import Entry, Table
from sample_records import sample, samples, with_predictions

FUNCTIONS = {"f1": functions.f1, "matthews": functions.matthews}
VALUES = {"lpaf": (0.80, 0.82, 0.81), "svd-ft": (0.80, 0.80, 0.81), "up-zero": (0.60, 0.62, 0.59)}


def made() -> list[Record]:
    return [
        sample(method, "rte", 0.5, seed, value)
        for method, values in VALUES.items()
        for seed, value in enumerate(values, start=1)
    ]


def judged(records: list[Record], folder: Path) -> Table:
    return significance.judged(table_2.draw(records), records, Evidence(folder))


def entries(table: Table, task: str = "rte", budget: float = 0.5) -> dict[str, Entry]:
    return {
        row.method: entry
        for _, row, group, column, entry in table.placed()
        if (group.task, column.budget) == (task, budget)
    }


def right(record: Record, folder: Path) -> np.ndarray:
    looked = Evidence(folder).classes(record)
    assert not isinstance(looked, str)
    return (looked.labels == looked.given).astype(float)


def test_predictions_are_compared_over_seeds_and_examples(tmp_path: Path) -> None:
    records = with_predictions(tmp_path, made())
    found = entries(judged(records, tmp_path))
    rows = {method: np.array([right(r, tmp_path) for r in records if r.method == method]) for method in VALUES}
    p = [crossed(rows["lpaf"] - rows[other]).p for other in ("svd-ft", "up-zero")]
    expected = adjust(p, "test").adjusted
    assert (found["svd-ft"].p, found["up-zero"].p) == pytest.approx(expected)
    assert found["lpaf"].p is None
    assert [found[method].best for method in VALUES] == [True, True, False]
    assert [found[method].level for method in VALUES] == ["", "", "‡"]


def test_the_legend_names_test_family_and_correction(tmp_path: Path) -> None:
    table = judged(with_predictions(tmp_path, made()), tmp_path)
    for words in ("two-way test over seeds and examples", "Holm", "methods of one column", "† at 0.05", "‡ at 0.01"):
        assert words in table.legend
    assert not any("tested by" in sentence for _, sentence in table.footnotes)


def test_without_predictions_the_t_test_over_seeds_is_used_and_told(tmp_path: Path) -> None:
    records = made()
    table = judged(records, tmp_path)
    p = [paired_t(VALUES["lpaf"], VALUES[other]).p for other in ("svd-ft", "up-zero")]
    found = entries(table)
    assert (found["svd-ft"].p, found["up-zero"].p) == pytest.approx(adjust(p, "test").adjusted)
    said = "tested by the paired t-test over seeds (no stored predictions): rte at 50 %"
    assert ("", said) in table.footnotes


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.write_bytes(b"no archive"), "predictions that cannot be read"),
        (lambda path: path.unlink(), "no stored predictions"),
    ],
)
def test_files_that_cannot_be_used_are_told(spoil: object, reason: str, tmp_path: Path) -> None:
    records = with_predictions(tmp_path, made())
    spoil(records[0].path(tmp_path).with_name(records[0].predictions))  # type: ignore[operator]
    assert any(f"({reason}): rte at 50 %" in sentence for _, sentence in judged(records, tmp_path).footnotes)


def test_predictions_must_give_the_recorded_value(tmp_path: Path) -> None:
    records = with_predictions(tmp_path, made())
    records[0] = dataclasses.replace(records[0], metrics={"validation": {"accuracy": 0.81}})
    assert any("do not give the recorded value" in sentence for _, sentence in judged(records, tmp_path).footnotes)


def scored(records: list[Record], metric: str, folder: Path) -> list[Record]:
    """The records with another metric, its value that of their predictions."""
    found = []
    for record in records:
        looked = Evidence(folder).classes(record)
        assert not isinstance(looked, str)
        value = FUNCTIONS[metric](looked.given, looked.labels)
        found.append(dataclasses.replace(record, metric=metric, metrics={"validation": {metric: value}}))
    return found


@pytest.mark.parametrize("metric", ["f1", "matthews"])
def test_f1_and_matthews_are_compared_by_the_bootstrap_over_both(metric: str, tmp_path: Path) -> None:
    records = scored(with_predictions(tmp_path, made()), metric, tmp_path)
    table = judged(records, tmp_path)
    given = {}
    for method in VALUES:
        looked = [Evidence(tmp_path).classes(record) for record in records if record.method == method]
        given[method] = [one for one in looked if not isinstance(one, str)]
    best = max(VALUES, key=lambda method: np.mean([record.value for record in records if record.method == method]))
    others = [method for method in VALUES if method != best]
    p = [
        crossed_bootstrap(
            given[best][0].labels,
            [one.given for one in given[best]],
            [one.given for one in given[other]],
            METRICS[metric],
            BOOTSTRAP_SEED,
        ).p
        for other in others
    ]
    found = entries(table)
    assert [found[other].p for other in others] == pytest.approx(adjust(p, "test").adjusted)
    assert found["up-zero"].level == "‡"
    assert f"Test: the paired bootstrap over seeds and examples ({metric});" in table.legend
    assert not any("tested by" in sentence for _, sentence in table.footnotes)


def test_the_legend_says_which_marks_are_of_which_test(tmp_path: Path) -> None:
    of_f1 = scored(
        with_predictions(tmp_path, [dataclasses.replace(r, task="mrpc", key=f"m{r.key}") for r in made()]),
        "f1",
        tmp_path,
    )
    bare = [dataclasses.replace(record, task="sst2", predictions="none.npz") for record in made()]
    table = judged([*with_predictions(tmp_path, made()), *of_f1, *bare], tmp_path)
    for words in (
        "the two-way test over seeds and examples, of rte",
        "the paired bootstrap over seeds and examples (f1), of mrpc",
        "the paired t-test over seeds, of sst2",
    ):
        assert words in table.legend


def test_metrics_of_no_classes_are_compared_over_seeds(tmp_path: Path) -> None:
    records = [
        dataclasses.replace(r, metric="pearson", metrics={"validation": {"pearson": r.value}})
        for r in with_predictions(tmp_path, made())
    ]
    said = "tested by the paired t-test over seeds (pearson is no metric of classes): rte at 50 %"
    assert ("", said) in judged(records, tmp_path).footnotes


def test_one_seed_is_no_test_and_bold_is_the_best_alone(tmp_path: Path) -> None:
    records = [record for record in made() if record.seed == 1]
    found = entries(judged(records, tmp_path))
    assert all(entry.p is None and not entry.level for entry in found.values())
    assert [found[method].best for method in VALUES] == [True, True, False]  # equal means


def test_each_column_is_a_family_of_its_own(tmp_path: Path) -> None:
    records = with_predictions(tmp_path, samples())
    table = judged(records, tmp_path)
    for task in ("rte", "mrpc"):
        for budget in (0.5, 0.25, 0.16):
            alone = [r for r in records if r.task == task and r.budget in (budget, 1.0)]
            one = entries(judged(alone, tmp_path), task, budget)
            assert {name: entry.p for name, entry in one.items()} == {
                name: entry.p for name, entry in entries(table, task, budget).items()
            }


def test_the_reference_and_fewer_seeds_take_no_part(tmp_path: Path) -> None:
    records = [*made()[:-1], *(sample("dense", "rte", 1.0, seed, 0.99) for seed in (1, 2, 3))]
    table = judged(records, tmp_path)
    assert not any(entry.best or entry.p for _, row, _, _, entry in table.placed() if row.spans)
    assert entries(table)["up-zero"].p is None
    assert not entries(table)["up-zero"].best


def test_the_source_changes_with_keys_and_predictions_alone(tmp_path: Path) -> None:
    records = with_predictions(tmp_path, made())
    source = Evidence(tmp_path).source(records)
    assert source.startswith("Made of 9 records, sha256 ")
    assert Evidence(tmp_path).source(records[::-1]) == source
    assert Evidence(tmp_path).source(records[:-1]) != source
    path = records[0].path(tmp_path).with_name(records[0].predictions)
    path.write_bytes(path.read_bytes() + b" ")
    assert Evidence(tmp_path).source(records) != source
    path.unlink()
    assert "(1 without predictions)" in Evidence(tmp_path).source(records)
    assert Evidence(tmp_path).source([]) == ""
