"""LPAF's rows and variants as values, what Tables 4 to 7 make of them, and how much of their work is shared."""

import csv
import dataclasses
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import methods
from benchmarks import experiment, runner
from benchmarks.engines.local import cores
from benchmarks.events import Event
from benchmarks.records import Record
from benchmarks.store import Store
from methods.contract import Setting
from methods.lpaf import LPAF
from methods.stages.factorize import Factorize
from methods.stages.prune import Prune, Score
from methods.stages.retrain import Retrain
from methods.stages.stage import Stage
from methods.steps import oversized, pruned, rank
from reports import asked, render_csv, render_text, tables
from reports.tables.table import Table, number
from sample_records import sample

ABLATIONS = ("table4", "table5", "table6", "table7")


@pytest.fixture(scope="module")
def setting() -> Setting:
    options = experiment.Options(methods=("svd-ft",), budgets=(0.25,), seeds=(1,), protocol="mini")
    return experiment.cells(options)[0].setting


def plan(text: str, setting: Setting) -> Stage:
    return methods.get(text).plan(setting)


def sparse(stage: Stage) -> Prune:
    (found,) = [one for one in stage.walk() if isinstance(one, Prune)]
    return found


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("lpaf", "LPAF"),
        ("lpaf-step1", "LPAF - Step-1"),
        ("lpaf-step1-vanilla", "LPAF - Step-1 - Step-2"),
        ("lpaf-step2", "LPAF - Step-2"),
        ("lpaf-step3", "LPAF - Step-3"),
        ("lpaf(weighting='mask')", "LPAF (weighting=mask)"),
        ("lpaf-step3(v=0.1, gamma=0.5)", "LPAF - Step-3 (v=0.1, gamma=0.5)"),
        ("up-first", "UP_first"),
        ("platon", "PLATON"),
    ],
)
def test_a_value_is_printed_by_what_is_special_about_it(text: str, title: str) -> None:
    assert methods.get(text).title() == title


def test_each_row_replaces_one_step(setting: Setting) -> None:
    full, first, second, third = (plan(name, setting) for name in ("lpaf", "lpaf-step1", "lpaf-step2", "lpaf-step3"))
    for stage in (full, first, second, third):
        assert isinstance(stage, Retrain)
        assert isinstance(stage.model, Factorize)
    assert sparse(first).schedule.kept == 1.0  # nothing is pruned, importance is collected all the same
    assert first.model.weighting == full.model.weighting
    assert full.model.weighting is not None
    assert second.model.weighting is None
    assert second.mixing == full.mixing
    assert third.mixing is None
    assert third.model.key == full.model.key


def test_the_other_reading_of_step_one_has_no_pruner(setting: Setting) -> None:
    stage = plan("lpaf-step1-vanilla", setting)
    assert not any(isinstance(one, Prune) for one in stage.walk())
    assert isinstance(stage, Retrain)
    assert stage.mixing is not None


def test_before_step_three_is_what_step_three_starts_from(setting: Setting) -> None:
    after = plan("lpaf", setting)
    assert isinstance(after, Retrain)
    assert plan("lpaf(retrained=False)", setting).key == after.model.key


def test_p_init_zero_keeps_both_passes(setting: Setting) -> None:
    stage = plan("lpaf(p_init=0.0)", setting)
    assert isinstance(stage, Retrain)
    assert stage.mixing is not None
    assert (stage.mixing.p_init, stage.mixing.passes) == (0.0, 2)


@pytest.mark.parametrize("knob", ["side='col'", "gamma=0.5", "weighting='mask'", "uncertainty=0.9", "scope='local'"])
def test_every_variant_is_other_work(knob: str, setting: Setting) -> None:
    assert plan(f"lpaf({knob})", setting).key != plan("lpaf", setting).key


def test_all_faults_of_a_value_are_told_at_once() -> None:
    with pytest.raises(ValueError, match="LPAF: ") as fault:
        LPAF(v=50, rank=0, p_init=2, weighting="rows", gamma=2, side="left", consistency=-1)  # type: ignore[arg-type]
    for law in (
        "v is a fraction in (0, 1], got 50; write 0.5 for 50 %",
        "rank is a whole number >= 1, got 0",
        "p_init is a probability in [0, 1], got 2",
        "weighting is importance, mask or none, got 'rows'",
        "gamma is an exponent in (0, 1], got 2",
        "side is row or col, got 'left'",
        "consistency is a weight >= 0 or None, got -1",
    ):
        assert law in str(fault.value)
    with pytest.raises(ValueError, match=r"uncertainty is a decay in \(0, 1\], got 2"):
        Score("first", uncertainty=2)


def test_a_field_that_came_later_changes_no_key(setting: Setting) -> None:
    usual = pruned(setting, 0.25, Score("first"))
    assert "uncertainty" not in str(usual.description)
    other = dataclasses.replace(usual, score=Score("first", uncertainty=0.9))
    assert "uncertainty" in str(other.description)
    assert other.key != usual.key


def bert(setting: Setting, **shapes: tuple[int, int]) -> Setting:
    encoder: Any = SimpleNamespace(name="bert", fingerprint="f", matrices=shapes)
    return dataclasses.replace(setting, backbone=encoder)


def test_a_rank_that_enlarges_matrices_is_told(setting: Setting) -> None:
    """BERT-base at k = 390: the 768 x 768 matrices grow, 599,040 weights for 589,824."""
    base = bert(setting, query=(768, 768), up=(3072, 768))
    assert oversized(base, 260) == ()
    (said,) = oversized(base, 390)
    assert said == "rank 390 makes 1 of 2 matrices larger than they were, 768 x 768: 599,040 weights for 589,824"
    assert methods.get("svd-ft(rank=390)").notes(base) == (said,)
    assert methods.get("lpaf(rank=390)").notes(base) == (said,)


def test_a_rank_above_some_matrices_is_cut_there_and_told(setting: Setting) -> None:
    mixed = bert(setting, small=(64, 32), large=(128, 128))
    assert rank(mixed, 50) == 50
    assert (
        oversized(mixed, 50)[0] == "rank 50 is above min(n, m) of 1 of 2 matrices, 64 x 32; these have rank min(n, m)"
    )
    with pytest.raises(ValueError, match="smaller side of the matrices, 128, got 129"):
        rank(mixed, 129)


def drawn(name: str) -> Table:
    """The table of made-up records: value 0.5 plus the row's place, 20 points less before Step 3."""
    blueprint = tables.get(name)
    records: list[Record] = [sample("dense", "sst2", 1.0, seed, 0.9) for seed in (1, 2)]
    for place, text in enumerate(blueprint.defaults.methods or ()):
        for budget in blueprint.defaults.budgets:
            for seed in (1, 2):
                value = 0.5 + 0.01 * place - (0.2 if "retrained=False" in text else 0)
                own: dict[str, Any] = {"method": text, "stage": f"{text}-{budget}-{seed}", "knobs": {"text": text}}
                ranks = {"rank": 20.0, "sparse_rank": 90.0 - place}
                made = sample("lpaf", "sst2", budget, seed, value, ranks=ranks)
                records.append(dataclasses.replace(made, **own))
    return blueprint.draw(records)


def rows(table: Table) -> dict[str, list[str]]:
    return {row.label: [number(entry) for entry in row.entries] for block in table.blocks for row in block.rows}


def test_table_4_has_a_column_of_ranks() -> None:
    table = drawn("table4")
    assert [column.head for column in table.groups[0].columns] == ["rank", "50 %", "25 %", "16 %"]
    found = rows(table)
    assert list(found) == ["v = 0.50", "v = 0.25", "v = 0.10", "Dense"]
    assert found["v = 0.10"] == ["88±0", "52.0±0.0", "52.0±0.0", "52.0±0.0"]
    assert found["Dense"] == ["90.0±0.0"]
    (line,) = [line for line in csv.DictReader(io.StringIO(render_csv.render(table))) if line["label"] == "v = 0.25"][
        :1
    ]
    assert (line["quantity"], line["budget"], line["mean"]) == ("sparse_rank", "", "89.0")


def test_table_5_shows_before_and_after() -> None:
    found = rows(drawn("table5"))
    assert list(found) == ["w/ S", "w/ M", "Vanilla", "Dense"]
    assert found["w/ S"][0] == "33.0±0.0 → 50.0±0.0"
    lines = [line.plain for line in render_text.render(drawn("table5"), 80, stars=True)]
    assert max(map(len, lines)) <= 80


def test_a_missing_start_is_a_footnote() -> None:
    blueprint = tables.get("table5")
    table = blueprint.draw([sample("lpaf", "sst2", 0.5, 1, 0.7)])
    assert rows(table)["w/ S"] == ["– → 70.0"]  # noqa: RUF001  # the sign of an empty cell
    assert any("before the last step: not measured yet" in sentence for _, sentence in table.footnotes)


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("table6", ["Mixed-rank", "w/o L_c", "Vanilla"]),
        ("table7", ["p_init = 0.7", "p_init = 0.5", "p_init = 0.3", "p_init = 0.1", "p_init = 0.0"]),
    ],
)
def test_rows_are_printed_as_the_paper_does(name: str, labels: list[str]) -> None:
    assert list(rows(drawn(name))) == [*labels, "Dense"]


def test_a_table_shows_its_own_methods() -> None:
    every, fourth = tables.get("table2").defaults, tables.get("table4").defaults
    assert every.shows("lpaf-step1")
    assert not every.shows("lpaf(v=0.1)")
    assert every.shows("lpaf(v=0.1)", ("lpaf(v=0.1)",))
    assert fourth.shows("dense")
    assert not fourth.shows("lpaf")


def test_all_methods_can_be_asked_for_by_one_word() -> None:
    made = asked.Asked(
        "table2", tasks="mini-rte", methods="all", seeds="1", budgets="0.5", protocol="smoke"
    ).experiment()
    assert {cell.method for cell in made.cells} == set(methods.available())


def ablation_stages(budgets: str, tables: Sequence[str] = ABLATIONS) -> tuple[list[Stage], int]:
    """The stages that measure Tables 4 to 7 on one task and seed, and how many runs without sharing would take."""
    wanted: dict[str, Stage] = {}
    alone = 0
    for name in tables:
        made = asked.Asked(
            name, tasks="mini-rte", seeds="1", budgets=budgets, protocol="smoke", changes=("batch=250",)
        ).experiment()
        for cell in made.cells:
            wanted |= {stage.key: stage for stage in cell.stages}
            alone += len({part.key for stage in cell.stages for part in stage.walk()})
    return list(wanted.values()), alone


def run_counted(wanted: list[Stage], root: Path) -> Counter[str]:
    """How often each stage was run."""
    done: Counter[str] = Counter()

    def heard(event: Event) -> None:
        done.update([event.key] if event.what == "done" else [])

    sources = experiment.sources(experiment.Options(tasks=("mini-rte",)))
    outcomes = runner.run(wanted, Store(root), sources=sources, jobs=cores(), events=heard)
    assert all(outcome.complete for outcome in outcomes.values())
    return done


def test_tables_4_to_7_train_each_sparse_model_once() -> None:
    wanted, alone = ablation_stages("0.5,0.25,0.16")
    stages = {stage.key: stage for one in wanted for stage in one.walk()}
    kinds = Counter(stage.kind for stage in stages.values())
    print(f"Tables 4-7, one task and seed: {len(stages)} stages; {alone} without sharing")  # noqa: T201  # the figure is for the reader
    assert (kinds["finetune"], kinds["prune"]) == (1, 3)
    assert len(stages) < alone / 3


def test_no_stage_of_tables_6_and_7_runs_twice(tmp_path: Path) -> None:
    wanted, alone = ablation_stages("0.25", ("table6", "table7"))
    done = run_counted(wanted, tmp_path / "store")
    print(f"Tables 6 and 7 at one budget: {len(done)} stages run; {alone} without sharing")  # noqa: T201  # the figure is for the reader
    assert set(done.values()) == {1}
    assert set(done) == {stage.key for one in wanted for stage in one.walk()}


@pytest.mark.slow
def test_no_stage_of_the_full_tables_4_to_7_runs_twice(tmp_path: Path) -> None:
    wanted, alone = ablation_stages("0.5,0.25,0.16")
    done = run_counted(wanted, tmp_path / "store")
    print(f"Tables 4-7 in full, one task and seed: {len(done)} stages run; {alone} without sharing")  # noqa: T201  # the figure is for the reader
    assert set(done.values()) == {1}
