"""All tables and figures as files: which are written, that they are the same twice, and that a stale one is named."""

import dataclasses
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import weighin
from benchmarks.records import Record
from reports import everything, figures, selection, tables
from reports.evidence import Evidence
from reports.figures import figure_critical_difference, figure_pareto
from reports.figures.picture import Picture, Wanted
from reports.statistics.aggregates import probability_of_improvement
from reports.tables.consistency import MixedRecordsError
from sample_records import FAMILIES, sample, samples, with_predictions


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(weighin.app, [str(word) for word in words])


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("measured") / "runs"
    with_predictions(folder, samples(budgets=(0.5,)))
    return folder


@pytest.fixture(scope="module")
def written(runs: Path) -> Path:
    result = call("report", "all", "--runs", runs)
    assert result.exit_code == 0, result.output
    return runs.parent / "reports" / "mini-quick"


def test_every_format_of_what_has_records_is_written(written: Path) -> None:
    names = {path.name for path in written.iterdir()}
    for table in ("table1", "table2"):
        assert {f"{table}.{ending}" for ending in ("md", "tex", "csv", "html")} <= names
    for figure in ("figure2", "pareto", "profile", "critical-difference"):
        assert {f"{figure}.{ending}" for ending in ("png", "svg", "pdf")} <= names
    assert not any(name.startswith(("table3", "table4", "table7", "table8")) for name in names)


def test_captions_have_the_hash_of_what_they_were_made_of(runs: Path, written: Path) -> None:
    source = everything.SOURCE.search(
        Evidence(runs).source([r for s in everything.scenes(_read(runs)) for r in s.records])
    )
    assert source
    for name in ("table2.md", "table2.tex", "table2.html", "pareto.svg"):
        assert source[1] in (written / name).read_text(encoding="utf-8")


def test_the_same_records_give_the_same_bytes(runs: Path, written: Path, tmp_path: Path) -> None:
    assert call("report", "all", "--runs", runs, "--out", tmp_path).exit_code == 0
    first = {path.name: path.read_bytes() for path in written.iterdir()}
    second = {path.name: path.read_bytes() for path in (tmp_path / written.name).iterdir()}
    assert first == second


def test_check_writes_nothing_and_is_content_with_what_fits(runs: Path, written: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in written.iterdir()}
    result = call("report", "all", "--runs", runs, "--check")
    assert result.exit_code == 0, result.output
    assert {path: path.stat().st_mtime_ns for path in written.iterdir()} == before


def test_check_names_each_file_that_no_longer_fits(runs: Path, written: Path, tmp_path: Path) -> None:
    out = tmp_path / "reports" / written.name
    out.mkdir(parents=True)
    for path in written.iterdir():
        (out / path.name).write_bytes(path.read_bytes())
    (out / "table2.md").write_text((out / "table2.md").read_text(encoding="utf-8").replace("7", "8", 1), "utf-8")
    (out / "table1.html").unlink()
    (out / "table3.csv").write_text("stale", encoding="utf-8")
    (out / "pareto.svg").write_text("another", encoding="utf-8")
    result = call("report", "all", "--runs", runs, "--out", tmp_path / "reports", "--check")
    assert result.exit_code == 1
    faults = dict(re.findall(r"weighin: .*?([\w-]+\.\w+): (.*)", result.stderr))
    assert faults == {
        "table2.md": "is not what the records give",
        "table1.html": "is not there",
        "table3.csv": "there are no records for it any more",
        "pareto.svg": "was made of other records",
    }


def test_the_committed_reports_fit_the_committed_records() -> None:
    results = Path(__file__).parent.parent / "results"
    if not (results / "reports").is_dir():
        pytest.skip("results/reports lies in a checkout, not in a package")
    found = everything.scenes(_read(results / "runs"))
    assert everything.check(results / "reports", _tables(results / "runs", found)).differing == []


def test_new_predictions_make_a_table_stale(tmp_path: Path) -> None:
    records = with_predictions(tmp_path / "runs", samples(("rte",), (0.5,)))
    found = everything.scenes(records)
    everything.write(tmp_path / "out", _tables(tmp_path / "runs", found))
    assert not everything.check(tmp_path / "out", _tables(tmp_path / "runs", found)).differing
    path = records[0].path(tmp_path / "runs").with_name(records[0].predictions)
    path.write_bytes(path.read_bytes() + b" ")
    differing = everything.check(tmp_path / "out", _tables(tmp_path / "runs", found)).differing
    assert any("table2.md: is not what the records give" in one for one in differing)


def test_backbones_and_protocols_have_folders_of_their_own_and_one_fault_does_not_stop_the_rest(
    tmp_path: Path,
) -> None:
    records = [
        *samples(("rte",), (0.5,)),
        *(dataclasses.replace(r, protocol="q/1", key=f"q{r.key}") for r in samples(("rte",), (0.5,))),
        *(dataclasses.replace(r, protocol="q?1", key=f"p{r.key}") for r in samples(("rte",), (0.5,))),
    ]
    records[-1] = dataclasses.replace(records[-1], task_fingerprint="another")
    summary = everything.write(tmp_path, _tables(tmp_path, everything.scenes(records)))
    folders = sorted({path.parent.name for path in summary.files})
    assert len(folders) == 3
    assert all(re.fullmatch(r"mini-q_1-[0-9a-f]{6}", name) for name in folders[:2])
    assert folders[2] == "mini-quick"
    assert any("table2 of mini, protocol q?1: a task has one state of its data" in fault for fault in summary.faults)


def test_options_that_all_does_not_take_are_refused(runs: Path) -> None:
    result = call("report", "all", "--runs", runs, "--tasks", "rte")
    assert (result.exit_code, "--tasks" in result.stderr) == (2, True)
    assert call("report", "table2", "--runs", runs, "--check").exit_code == 2
    assert call("report", "all", "--runs", runs, "--backbone", "none").exit_code == 2


def test_all_as_json(runs: Path, written: Path) -> None:
    found = json.loads(call("report", "all", "--runs", runs, "--check", "--json").stdout)
    assert len(found["files"]) == len(list(written.iterdir()))
    assert found["differing"] == found["faults"] == []


def test_the_front_is_what_nothing_beats() -> None:
    assert figure_pareto.front([(1, 5), (2, 4), (2, 7), (3, 7), (4, 9), (1, 6)]) == [(1, 6), (2, 7), (4, 9)]


def test_cliques_are_runs_that_are_not_separated() -> None:
    ranks = [1.0, 1.5, 2.5, 4.0]
    apart = np.array([[abs(a - b) > 1.2 for b in ranks] for a in ranks])
    assert figure_critical_difference.cliques(ranks, apart) == [(0, 1), (1, 2)]
    assert figure_critical_difference.cliques(ranks, np.ones((4, 4), dtype=bool)) == []


def pictured(name: str, records: list[Record]) -> Picture:
    blueprint = figures.get(name)
    return blueprint.draw(Wanted.of(blueprint.defaults, records))


@pytest.mark.parametrize("name", ["pareto", "critical-difference", "profile"])
def test_figures_from_nothing_say_so_and_mixed_records_are_refused(name: str) -> None:
    picture = pictured(name, [])
    assert "Nothing has been measured yet." in picture.caption
    assert picture.rows == ()
    texts = {text.get_text() for panel in picture.figure.axes for text in panel.texts}
    assert texts == {figure_critical_difference.TOO_FEW if name == "critical-difference" else "no run"}
    with pytest.raises(MixedRecordsError):
        pictured(name, [*samples(("rte",), (0.5,)), sample(protocol="paper", seed=9)])


def test_profiles_are_shares_of_the_dense_score() -> None:
    records = [r for r in samples() if r.method != "up-zero" or r.task == "rte"]
    picture = pictured("profile", records)
    row = next(row for row in picture.rows if (row["method"], row["budget"]) == ("lpaf", "50 %"))
    dense = {t: [r.value for r in records if (r.method, r.task) == ("dense", t)] for t in ("rte", "mrpc")}
    mine = [r for r in records if (r.method, r.budget) == ("lpaf", 0.5)]
    shares = [r.value / (sum(dense[r.task]) / 3) for r in mine]
    assert (row["least"], row["most"]) == pytest.approx((min(shares), max(shares)))
    assert any("UP_zero" in one and "mrpc" in one for one in picture.footnotes)
    assert {row["method"] for row in picture.rows} == {"lpaf", "svd-ft"}
    assert (
        row["least"] <= row["interquartile_mean_low"] <= row["interquartile_mean"] <= row["interquartile_mean_high"]
    )
    assert row["interquartile_mean_high"] <= row["most"]
    (said,) = [one for one in picture.footnotes if one.startswith("50 %")]
    order = sorted(
        (one for one in picture.rows if one["budget"] == "50 %"), key=lambda one: -one["interquartile_mean"]
    )
    runs = {
        one["method"]: np.array(
            [
                [
                    r.value / (sum(dense[t]) / 3)
                    for t in ("rte", "mrpc")
                    for r in records
                    if at(r, one["method"], t, seed)
                ]
                for seed in (1, 2, 3)
            ]
        )
        for one in order
    }
    chance = probability_of_improvement(runs[order[0]["method"]], runs[order[1]["method"]])
    assert f"with probability {chance:.2f} (" in said
    assert f"{100 * order[0]['interquartile_mean']:.1f} %" in said


def at(record: Record, method: str, task: str, seed: int) -> bool:
    return (record.method, record.task, record.budget, record.seed) == (method, task, 0.5, seed)


def test_mean_ranks_are_those_of_friedman() -> None:
    picture = pictured("critical-difference", samples(("rte", "mrpc", "sst2")))
    rows = [row for row in picture.rows if row["budget"] == "50 %"]
    assert sum(row["mean_rank"] for row in rows) == pytest.approx(6)
    assert rows[0]["shared_rank"] == 1
    assert all(row["shared_rank"] <= place for place, row in enumerate(rows, 1))
    assert [row["mean_rank"] for row in rows] == sorted(row["mean_rank"] for row in rows)
    assert pictured("critical-difference", samples(("rte",))).rows == ()


def test_pareto_points_have_their_costs() -> None:
    rows = pictured("pareto", samples(("rte",))).rows
    point = next(row for row in rows if (row["method"], row["budget"]) == ("up-zero", "25 %"))
    assert (point["weights"], point["stored"], point["macs"]) == (0.00025, 0.001, 1.0)


@pytest.mark.slow
def test_two_thousand_records_take_less_than_a_minute_and_2_gb(tmp_path: Path) -> None:
    """Processor seconds of one core; 18 methods on 6 tasks of GLUE's sizes, 3 budgets and 6 seeds."""
    import resource

    sizes = {"rte": 277, "mrpc": 408, "sst2": 872, "qqp": 40430, "qnli": 5463, "mnli": 9815}
    for task, rows in sizes.items():
        records = [sample("dense", task, 1.0, seed, 0.9) for seed in range(1, 7)]
        for place in range(18):
            base = ("lpaf", "svd-ft", "up-zero")[place % 3]
            for budget in (0.5, 0.25, 0.16):
                for seed in range(1, 7):
                    made = sample(base, task, budget, seed, 0.5 + 0.3 * budget + 0.01 * place)
                    name = f"{base}-{place}"
                    own = {"method": name, "key": f"{name}-{made.key}", "stage": name + made.stage}
                    records.append(dataclasses.replace(made, label=f"{FAMILIES[base][0]} {place}", **own))
        with_predictions(tmp_path / "runs", records, rows)
    started = time.process_time()
    result = call("report", "all", "--runs", tmp_path / "runs")
    spent = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    assert result.exit_code == 0, result.output
    print(f"report all on {len(list((tmp_path / 'runs').rglob('*.json')))} records: {spent:.0f} s, {peak:.2f} GiB")  # noqa: T201  # the figure is for the reader
    assert spent < 60
    assert peak < 2


def _read(runs: Path) -> list[Record]:
    return selection.read(runs)


def _tables(runs: Path, found: list[everything.Scene]) -> Iterator[everything.Outcome]:
    return everything.outcomes(runs, found, names=tables.available())
