"""Tables: the arithmetic, what may stand together, where footnotes go, and the three ways to print one."""

import csv
import dataclasses
import io
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.records import Record
from methods.contract import Family
from reports import render_csv, render_json, render_markdown, render_text, tables
from reports.facts import as_json
from reports.faults import UsageError
from reports.statistics import mean, spread
from reports.tables import table_2
from reports.tables.consistency import MixedRecordsError
from reports.tables.table import Entry, Gap, Table, number
from sample_records import sample, samples


def entry(table: Table, method: str, task: str, budget: float) -> Entry:
    return next(
        one
        for _, row, group, column, one in table.placed()
        if row.method == method and group.task == task and column.budget == budget
    )


def gap(seed: int = 1, reason: str = "NaN loss at step 3", *, refused: bool = False, **changes: object) -> Gap:
    usual = Gap("svd-ft", "SVD_Ft", "Matrix factorization", "rte", 0.5, seed, reason, refused)
    return dataclasses.replace(usual, **changes)  # type: ignore[arg-type]


def text(table: Table, width: int = 80) -> list[str]:
    return [line.plain for line in render_text.render(table, width, stars=True)]


@given(st.lists(st.floats(0, 100), min_size=2, max_size=9))
def test_spread_is_the_sample_standard_deviation(values: list[float]) -> None:
    found = spread(values)
    assert found is not None
    assert found == pytest.approx(float(np.sqrt(np.sum((np.array(values) - mean(values)) ** 2) / (len(values) - 1))))


def test_spread_of_one_value_is_undefined() -> None:
    assert spread([1.0]) is None
    with pytest.raises(ValueError, match="at least one"):
        mean([])


def test_entries_are_mean_and_sample_deviation_in_percent() -> None:
    records = samples()
    found = entry(table_2.draw(records), "lpaf", "mrpc", 0.25)
    values = [100 * r.value for r in records if (r.method, r.task, r.budget) == ("lpaf", "mrpc", 0.25)]
    assert len(values) == found.n == 3
    assert found.mean == pytest.approx(np.mean(values), rel=1e-12)
    assert found.sd == pytest.approx(np.std(values, ddof=1), rel=1e-12)


def test_best_is_one_a_column_and_never_the_reference() -> None:
    table = table_2.draw(samples())
    columns: dict[tuple[str, float | None], list[tuple[float, bool]]] = {}
    for _, row, group, column, one in table.placed():
        assert one.mean is not None
        if row.spans:
            assert not one.best
        else:
            columns.setdefault((group.task, column.budget), []).append((one.mean, one.best))
    assert len(columns) == 6
    for entries in columns.values():
        assert [value for value, best in entries if best] == [max(value for value, _ in entries)]


def test_equal_means_are_all_best() -> None:
    table = table_2.draw([sample("lpaf", value=0.7), sample("svd-ft", value=0.7), sample("up-zero", value=0.6)])
    assert [entry(table, name, "rte", 0.5).best for name in ("lpaf", "svd-ft", "up-zero")] == [True, True, False]


def test_a_mean_of_fewer_seeds_is_not_best() -> None:
    records = [*(sample("lpaf", seed=seed, value=0.7) for seed in (1, 2)), sample("svd-ft", seed=1, value=0.9)]
    records += [sample("up-zero", seed=seed, value=0.6) for seed in (1, 2)]
    table = table_2.draw(records)
    assert entry(table, "lpaf", "rte", 0.5).best
    assert not entry(table, "svd-ft", "rte", 0.5).best


def test_rows_stand_in_family_order_with_the_reference_last() -> None:
    table = table_2.draw(samples(), order=("up-zero", "svd-ft", "lpaf"))
    assert [(block.title, [row.method for row in block.rows]) for block in table.blocks] == [
        ("Matrix factorization", ["svd-ft", "lpaf"]),
        ("Unstructured pruning", ["up-zero"]),
        ("Dense reference", ["dense"]),
    ]
    assert [group.task for group in table.groups] == ["rte", "mrpc"]


def test_the_reference_has_one_value_a_task() -> None:
    table = table_2.draw(samples())
    row = table.blocks[-1].rows[0]
    assert row.spans
    assert [one.n for one in row.entries] == [3, 3]


def test_a_failed_seed_is_counted_and_explained() -> None:
    records = [r for r in samples() if (r.method, r.task, r.budget, r.seed) != ("svd-ft", "rte", 0.5, 2)]
    table = table_2.draw(records, [gap(2)])
    found = entry(table, "svd-ft", "rte", 0.5)
    assert found.n == 2
    assert (found.marks, "n = 2 of 3: seed 2 failed: NaN loss at step 3") in table.footnotes


def test_refused_cells_are_a_dash_with_the_reason() -> None:
    records = [r for r in samples() if (r.method, r.task, r.budget) != ("svd-ft", "rte", 0.5)]
    table = table_2.draw(records, [gap(seed, "has no answer for pairs", refused=True) for seed in (1, 2, 3)])
    found = entry(table, "svd-ft", "rte", 0.5)
    assert number(found) == "–"  # noqa: RUF001  # the sign of an empty cell
    assert (found.marks, "refused: has no answer for pairs") in table.footnotes


def test_a_method_without_any_value_still_has_a_row() -> None:
    gaps = [gap(seed, "no", budget=budget, refused=True) for seed in (1, 2, 3) for budget in (0.5, 0.25, 0.16)]
    table = table_2.draw([r for r in samples(("rte",)) if r.method != "svd-ft"], gaps)
    row = next(row for block in table.blocks for row in block.rows if row.method == "svd-ft")
    assert [one.mean for one in row.entries] == [None] * 3
    assert (row.marks, "refused: no") in table.footnotes


def test_unmeasured_cells_say_so() -> None:
    table = table_2.draw([r for r in samples() if (r.method, r.task) != ("lpaf", "rte")])
    mark = entry(table, "lpaf", "rte", 0.25).marks
    assert dict(table.footnotes)[mark].startswith("not measured yet")


def test_a_note_of_one_task_stands_at_the_task_and_a_note_of_all_has_no_mark() -> None:
    records = [dataclasses.replace(r, notes=("data rebuilt",)) if r.task == "rte" else r for r in samples()]
    table = table_2.draw([dataclasses.replace(r, notes=(*r.notes, "all of them")) for r in records])
    assert ("", "all of them") in table.footnotes
    mark = next(mark for mark, sentence in table.footnotes if sentence == "data rebuilt")
    assert [group.marks for group in table.groups] == [mark, ""]
    assert all(mark not in one.marks for _, _, _, _, one in table.placed())


def test_an_unmet_budget_is_told() -> None:
    records = samples(("rte",))
    sizes = dataclasses.replace(records[0].sizes, encoder_nonzero=600, encoder_weights=600)
    over = [dataclasses.replace(r, sizes=sizes) if (r.method, r.budget) == ("lpaf", 0.5) else r for r in records]
    table = table_2.draw(over)
    mark = entry(table, "lpaf", "rte", 0.5).marks
    assert dict(table.footnotes)[mark] == "budget not met: 60 % of the encoder weights kept, 50 % asked"
    assert entry(table, "svd-ft", "rte", 0.5).marks == ""


def test_pruned_models_are_told_to_store_dense_matrices() -> None:
    table = table_2.draw(samples())
    row = next(row for block in table.blocks for row in block.rows if row.method == "up-zero")
    assert "stored dense" in dict(table.footnotes)[row.marks]


def test_a_costly_distillation_says_what_it_cost() -> None:
    def distilled(method: str, seconds: float, seed: int) -> Record:
        made = dataclasses.replace(sample("svd-ft", seed=seed), method=method, label=method, key=f"{method}-{seed}")
        cost = dataclasses.replace(made.cost, seconds_marginal=seconds)
        return dataclasses.replace(made, family=Family.TASK_DISTILLATION.value, cost=cost)

    times = {"kd": 2.0, "pkd": 5.0, "metadistil": 14.0}
    table = table_2.draw(
        [distilled(name, seconds * seed, seed) for name, seconds in times.items() for seed in (1, 2)]
    )
    marks = {row.method: row.marks for block in table.blocks for row in block.rows}
    told = dict(table.footnotes)
    assert told[marks["metadistil"]] == "cost: 7.0 times the seconds of plain KD, the dense teacher apart"
    assert marks["kd"] == marks["pkd"] == ""


def test_the_caption_says_what_was_measured_and_how() -> None:
    caption = table_2.draw(samples()).caption
    for words in (
        "Backbone mini", "protocol quick", "seeds 1, 2, 3", "n = 3", "Accuracy of mrpc, rte", "validation",
        "checkpoint kept: last", "sample standard deviation",
    ):  # fmt: skip
        assert words in caption


def test_correlations_are_told_to_be_times_100() -> None:
    record = sample(metric="pearson", metrics={"validation": {"pearson": 0.5}})
    table = table_2.draw([record])
    assert "Pearson x 100 of rte" in table.caption
    assert entry(table, "lpaf", "rte", 0.5).mean == pytest.approx(50)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"backbone": "big", "backbone_fingerprint": "c" * 64}, "big (cccccccc) and mini (bbbbbbbb)"),
        ({"protocol": "paper"}, "paper and quick"),
        ({"task_fingerprint": "0" * 64}, "data 00000000 and data rterter"),
        ({"recipes": {"name": "quick", "dense": {"epochs": 3, "selection": "last"}}}, "dense.epochs=2 and 3"),
        ({"knobs": {"rank": 20}}, "{'rank': 20} and {'rank': None}"),
        ({"split": "test", "metrics": {"test": {"accuracy": 0.5}}}, "accuracy on test and accuracy on validation"),
    ],
)
def test_what_differs_is_never_averaged(changes: dict[str, object], words: str) -> None:
    with pytest.raises(MixedRecordsError, match=re.escape(words)):
        table_2.draw([sample(seed=1), sample(seed=2, **changes)])


def test_two_versions_of_one_seed_are_refused_but_copies_are_counted_once() -> None:
    with pytest.raises(MixedRecordsError, match="one measurement a seed, got two of lpaf"):
        table_2.draw([sample(), sample(key="other", stage="other")])
    assert entry(table_2.draw([sample(), sample(key="copy")]), "lpaf", "rte", 0.5).n == 1


def test_methods_of_one_label_are_told_apart() -> None:
    table = table_2.draw([sample(), sample("svd-ft", label="LPAF")])
    labels = [row.label for block in table.blocks for row in block.rows]
    assert labels == ["LPAF [lpaf]", "LPAF [svd-ft]"]


def test_nothing_measured_is_a_table_too() -> None:
    assert "Nothing has been measured" in "\n".join(text(table_2.draw([])))
    assert " SVD_Ftᵃ    –" in text(table_2.draw([], [gap()]))  # noqa: RUF001  # the sign of an empty cell


@pytest.mark.parametrize("tasks", [("mini-rte", "mini-mrpc"), ("rte", "mrpc", "sst2", "qqp", "qnli", "mnli")])
def test_text_fits_into_80_columns(tasks: tuple[str, ...]) -> None:
    table = table_2.draw(samples(tasks), [gap(4, "a long reason " * 20, task=tasks[0])])
    lines = text(table)
    assert max(map(len, lines)) <= 80
    rules = [line for line in lines if line.startswith("─")]
    assert len(rules) == len(tasks) // 2  # two tasks side by side


def test_text_aligns_numbers_whatever_follows_them() -> None:
    records = [r for r in samples(("rte",)) if (r.method, r.budget, r.seed) != ("lpaf", 0.5, 2)]
    lines = text(table_2.draw(records))
    places = {line.index(".") for line in lines if line.startswith((" LPAF", " SVD_Ft", " UP_zero"))}
    assert len(places) == 1


def test_long_labels_stand_above_their_numbers() -> None:
    label = "LPAF " + "with a very long name " * 5
    lines = text(table_2.draw([*samples(("rte",)), sample(label=label, method="svd-ft", seed=9)]))
    assert max(map(len, lines)) <= 80


def test_stars_mark_the_best_only_where_asked() -> None:
    table = table_2.draw(samples())
    starred = sum(line.count("*") for line in text(table)[:-8])
    plain = [line.plain for line in render_text.render(table, 80, stars=False)][:-8]
    assert starred == 6
    assert not any("*" in line for line in plain)


def test_csv_gives_back_the_numbers() -> None:
    table = table_2.draw(samples(), [gap(4)])
    rows = list(csv.DictReader(io.StringIO(render_csv.render(table))))
    placed = list(table.placed())
    assert len(rows) == len(placed) == 20
    for row, (block, line, group, column, one) in zip(rows, placed, strict=True):
        assert (row["family"], row["method"], row["task"]) == (block.title, line.method, group.task)
        assert float(row["budget"]) == column.budget
        assert (float(row["mean"]), float(row["sd"]), int(row["n"])) == (one.mean, one.sd, one.n)
        assert bool(int(row["best"])) == one.best
    assert any("seed 4 failed: NaN loss at step 3" in row["notes"] for row in rows)


def test_markdown_escapes_pipes_and_keeps_its_columns() -> None:
    records = [dataclasses.replace(r, label=r.label + " |x|") for r in samples()]
    lines = render_markdown.render(table_2.draw(records, [gap(4, "a | b")])).splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == 2 + 3 + 4  # heads, families, methods
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {8}
    assert any(r"a \| b" in line for line in lines)
    assert sum(row.count("**") for row in rows) == 2 * 6


def test_json_is_the_model() -> None:
    table = table_2.draw(samples())
    assert render_json.render(table)["blocks"][0]["rows"][0]["method"] == "lpaf"
    assert '"caption": "Backbone mini' in as_json(table)


def test_the_registry_finds_the_files() -> None:
    assert "table2" in tables.available()
    for name in tables.available():
        blueprint = tables.get(name)
        assert blueprint.name == name
        assert blueprint.defaults.tasks
        assert all(0 < budget <= 1 for budget in blueprint.defaults.budgets)
    with pytest.raises(UsageError, match="did you mean 'table2'"):
        tables.get("tabel2")
