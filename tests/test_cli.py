"""The command line: what it prints where, its exit statuses, and how it answers wrong usage."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

import weighin
from benchmarks import experiment
from benchmarks.cells import Cell
from benchmarks.events import Event
from benchmarks.experiment import Options, Results
from benchmarks.records import Record
from reports import typed
from reports.terminal import Watch, duration, facts
from sample_records import sample, samples

SMALL = (
    "--tasks",
    "mini-rte",
    "--methods",
    "svd-ft",
    "--budgets",
    "0.5,0.16",
    "--seeds",
    "1,2",
    "--protocol",
    "smoke",
)


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(weighin.app, [str(word) for word in words])


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    for record in samples():
        record.write(folder)
    return folder


def measured(cell: Cell) -> Record:
    """What a run would have written for a cell."""
    setting = cell.setting
    return sample(
        cell.method, setting.task.name, setting.budget.kept, setting.seed, 0.6 + 0.1 * setting.seed, key=cell.key
    )


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Results]], list[dict[str, Any]]]:
    """Replace the running of stages; gives the list of the calls."""

    def replace(make: Callable[..., Results]) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = []

        def execute(cells: Sequence[Cell], options: Options, **more: Any) -> Results:
            calls.append({"cells": cells, "options": options, **more})
            return make(cells)

        monkeypatch.setattr(experiment, "execute", execute)
        return calls

    return replace


def all_well(cells: Sequence[Cell]) -> Results:
    return Results(records=[measured(cell) for cell in cells], seconds=1.5)


def one_fails(cells: Sequence[Cell]) -> Results:
    return Results(records=[measured(cell) for cell in cells[1:]], failed={cells[0].key: "NaN loss at step 7"})


def test_run_prints_the_table_and_nothing_else_on_standard_output(fake: Any, tmp_path: Path) -> None:
    calls = fake(all_well)
    result = call("run", "table2", *SMALL, "--store", tmp_path / "store", "--runs", tmp_path / "runs", "--jobs", "2")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Table 2")
    assert "75.0±7.1" in result.stdout
    assert result.stderr == ""
    assert "\x1b" not in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    options = calls[0]["options"]
    assert options.methods == ("svd-ft", "dense")  # the reference comes along
    assert options.budgets == (0.5, 0.16)
    assert (calls[0]["jobs"], calls[0]["store"], calls[0]["retry_failed"]) == (2, tmp_path / "store", False)


def test_failed_cells_give_status_1_and_their_reason(fake: Any, tmp_path: Path) -> None:
    fake(one_fails)
    result = call("run", "table2", *SMALL, "--store", tmp_path)
    assert result.exit_code == 1
    assert "1 cell failed: NaN loss at step 7" in result.stderr
    assert "n = 1 of 2: seed 1 failed: NaN loss at step 7" in result.stdout


def test_run_as_json(fake: Any, tmp_path: Path) -> None:
    fake(one_fails)
    result = call("run", "table2", *SMALL, "--store", tmp_path, "--json")
    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert len(found["records"]) == 5
    assert list(found["failed"].values()) == ["NaN loss at step 7"]
    assert found["table"]["title"].startswith("Table 2")


def test_ctrl_c_says_how_to_go_on(fake: Any, tmp_path: Path) -> None:
    def interrupted(cells: Sequence[Cell]) -> Results:
        raise KeyboardInterrupt

    fake(interrupted)
    result = call("run", "table2", *SMALL, "--store", tmp_path)
    assert result.exit_code == 130
    assert result.stderr == "weighin: stopped; the same command goes on where it was\n"


def test_a_full_disk_is_a_sentence(fake: Any, tmp_path: Path) -> None:
    def full(cells: Sequence[Cell]) -> Results:
        raise OSError(28, "No space left on device", "results/runs")

    fake(full)
    result = call("run", "table2", *SMALL, "--store", tmp_path)
    assert result.exit_code == 1
    assert "No space left on device" in result.stderr
    assert "Traceback" not in result.output


def test_the_demo_writes_what_it_names(fake: Any, tmp_path: Path) -> None:
    calls = fake(all_well)
    result = call("demo", "--out", tmp_path / "out", "--store", tmp_path / "store")
    assert result.exit_code == 0, result.output
    assert "docs/mini-world.md" in result.stderr
    written = [Path(line.strip()) for line in result.stdout.split("Written:")[1].splitlines() if line.strip()]
    assert [path.name for path in written] == ["table2.md", "table2.csv", "trade-off.png", "runs"]
    assert all(path.is_file() for path in written[:3])
    assert calls[0]["runs"] == written[3]
    assert set(calls[0]["options"].seeds) == {1, 2, 3}


WRONG = {
    "no such table": (["run", "tabel2"], "did you mean 'table2'"),
    "numbers": (["run", "table2", "--budgets", "0.5,half", "--seeds", "one"], "--budgets is a list of numbers"),
    "numbers too": (["run", "table2", "--budgets", "0.5,half", "--seeds", "one"], "--seeds is a list of numbers"),
    "brackets": (["plan", "table2", "--methods", "lpaf(rank=1"], "brackets come in pairs"),
    "set": (["plan", "table2", "--set", "lr"], "--set takes key=value, got 'lr'"),
    "set twice": (["plan", "table2", "--set", "lr=1", "--set", "lr=2"], "each key once"),
    "method": (["plan", "table2", "--tasks", "mini-rte", "--methods", "lpfa"], "did you mean lpaf"),
    "knob": (["plan", "table2", "--tasks", "mini-rte", "--methods", "lpaf(rnk=2)"], "rnk"),
    "task": (["run", "table2", "--tasks", "mini-rtte"], "mini-rte"),
    "budget": (["run", "table2", "--tasks", "mini-rte", "--budgets", "50"], "write 0.5 for 50 %"),
    "protocol": (["plan", "table2", "--tasks", "mini-rte", "--protocol", "qick"], "quick"),
    "empty list": (["run", "table2", "--tasks", ","], "tasks"),
    "plugin": (["methods", "--plugin", "nowhere.py"], "--plugin nowhere.py"),
    "format": (["report", "table2", "--format", "pdf"], "--format is one of md, csv, text, latex, html, got 'pdf'"),
    "no records": (["report", "table2", "--runs", "nowhere"], "run a table first"),
    "no records to export": (["export", "x.csv", "--runs", "nowhere"], "run a table first"),
    "key": (["why", "abc", "--store", "nowhere"], "begins with 'abc'"),
    "check": (["check", "lpfa"], "did you mean lpaf"),
    "jobs": (["run", "table2", "--jobs", "-1"], "jobs"),
    "engine": (
        ["run", "table2", "--tasks", "mini-rte", "--engine", "slurm"],
        "an engine is local, dask, dask:ADDRESS",
    ),
    "packing": (
        ["run", "table2", "--tasks", "mini-rte", "--engine", "dask:tcp://a:1", "--packing", "2"],
        "--nthreads",
    ),
    "option": (["run", "table2", "--taks", "rte"], "--taks"),
    "command": (["rnu"], "rnu"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_usage_is_status_2_and_a_sentence(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words, sentence = WRONG[case]
    result = call(*words)
    assert result.exit_code == 2, result.output
    assert sentence in re.sub(r"[\s│]+", " ", result.stderr)
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert list(tmp_path.rglob("*.json")) == []


def test_all_faults_of_the_options_are_told_at_once() -> None:
    result = call("run", "table2", "--tasks", "mini-rtte", "--methods", "lpfa", "--protocol", "qick")
    assert result.exit_code == 2
    assert all(word in result.stderr for word in ("mini-rtte", "lpfa", "qick"))


def test_report_in_every_format(runs: Path, tmp_path: Path) -> None:
    assert call("report", "table2", "--runs", runs).stdout.startswith("Table 2")
    assert call("report", "table2", "--runs", runs, "--format", "md").stdout.startswith("**Table 2")
    rows = list(csv.DictReader(call("report", "table2", "--runs", runs, "--format", "csv").stdout.splitlines()))
    assert {row["method"] for row in rows} == {"dense", "lpaf", "svd-ft", "up-zero"}
    assert json.loads(call("report", "table2", "--runs", runs, "--json").stdout)["groups"][0]["task"] == "rte"
    target = tmp_path / "deep" / "table.md"
    result = call("report", "table2", "--runs", runs, "--format", "md", "--out", target)
    assert result.stdout == ""
    assert target.read_text(encoding="utf-8").startswith("**Table 2")


def test_report_takes_the_tasks_and_methods_in_the_order_asked(runs: Path) -> None:
    found = json.loads(
        call("report", "table2", "--runs", runs, "--tasks", "mrpc", "--methods", "svd-ft,lpaf", "--json").stdout
    )
    assert [group["task"] for group in found["groups"]] == ["mrpc"]
    assert [row["method"] for row in found["blocks"][0]["rows"]] == ["svd-ft", "lpaf"]


def test_report_asks_which_protocol(runs: Path) -> None:
    sample(seed=1, protocol="paper", key="another").write(runs)
    result = call("report", "table2", "--runs", runs)
    assert result.exit_code == 2
    assert "--protocol must be given where there are several, got paper, quick; choose one" in result.stderr
    assert call("report", "table2", "--runs", runs, "--protocol", "quick").exit_code == 0


def test_report_names_a_file_that_is_no_record(runs: Path) -> None:
    (runs / "broken.json").write_text("{", encoding="utf-8")
    result = call("report", "table2", "--runs", runs)
    assert result.exit_code == 2
    assert "broken.json" in result.stderr


def test_export_has_a_row_a_record_and_the_same_bytes_twice(runs: Path, tmp_path: Path) -> None:
    assert call("export", tmp_path / "a.csv", "--runs", runs).exit_code == 0
    assert call("export", tmp_path / "b.csv", "--runs", runs).exit_code == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(samples())
    assert {float(row["value"]) for row in rows} == {record.value for record in samples()}


@pytest.mark.parametrize("command", ["methods", "tasks", "backbones"])
def test_lists_have_sources(command: str) -> None:
    found = json.loads(call(command, "--json").stdout)
    assert all(row["name"] and row["source"] for row in found)
    shown = call(command).stdout
    assert all(row["name"] in shown for row in found)
    assert max(map(len, shown.splitlines())) <= 80


def test_plan_lists_stages_and_runs_nothing(tmp_path: Path) -> None:
    words = ("plan", "table2", *SMALL, "--store", tmp_path / "store")
    found = json.loads(call(*words, "--json").stdout)
    kinds = [stage["kind"] for stage in found["stages"]]
    assert kinds.count("finetune") == 2  # one a seed, shared by every budget and the reference
    assert {stage["state"] for stage in found["stages"]} == {"missing"}
    shown = call(*words).stdout
    assert "6 cells, 0 of them refused" in shown
    assert "at a time: unknown" in shown
    assert not (tmp_path / "store").exists()


def test_why_explains_a_planned_stage(tmp_path: Path) -> None:
    options = ("table2", *SMALL, "--store", tmp_path / "store")
    stages = json.loads(call("plan", *options, "--json").stdout)["stages"]
    key = next(stage["key"] for stage in stages if stage["kind"] == "retrain")
    found = json.loads(call("why", key[:12], *options, "--json").stdout)
    assert found["key"] == key
    assert (found["state"], found["next run"]) == ("missing", "computes it")
    assert found["fields"]["seed"] in (1, 2)
    assert all(state.endswith("missing") for state in found["inputs"].values())
    ambiguous = call("why", "", *options)
    assert ambiguous.exit_code == 2


def test_status_of_an_empty_store(tmp_path: Path) -> None:
    assert "Nothing is running." in call("status", "--store", tmp_path).stdout
    assert json.loads(call("status", "--store", tmp_path, "--json").stdout)["running"] == []


def test_a_plugin_adds_a_method(tmp_path: Path) -> None:
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "import dataclasses, methods\nMETHODS = {'mine': methods.available()['svd-ft']}\n", encoding="utf-8"
    )
    assert "mine" in call("methods", "--plugin", plugin).stdout
    plugin.with_name("bad.py").write_text("1 / 0\n", encoding="utf-8")
    result = call("methods", "--plugin", plugin.with_name("bad.py"))
    assert result.exit_code == 2
    assert "ZeroDivisionError" in result.stderr


def test_parts_are_split_outside_of_brackets() -> None:
    assert typed.parts("lpaf, svd-ft(rank=20,p=0.3),") == ["lpaf", "svd-ft(rank=20,p=0.3)"]
    for text in ("a(b", "a)b(", "a[1"):
        with pytest.raises(ValueError, match="brackets"):
            typed.parts(text)


def test_watch_is_silent_without_a_terminal_but_for_messages(capsys: pytest.CaptureFixture[str]) -> None:
    with Watch({"a": 1.0}) as watch:
        watch(Event("start", "a", "retrain"))
        watch(Event("progress", "a", "retrain", 1, 2, {"loss": 0.5}))
        watch(Event("message", "a", "retrain", reason="artifact altered; computed again"))
        watch(Event("done", "a", "retrain", seconds=1.0))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "retrain a: artifact altered; computed again\n"


def test_watch_shows_what_runs_within_80_columns() -> None:
    screen = io.StringIO()
    with Watch({"a": 9.0, "b": 1.0, "c": 0.0}, Console(force_terminal=True, width=80, file=screen)) as watch:
        watch(Event("cached", "c", "encode"))
        watch(Event("start", "a", "retrain"))
        watch(Event("progress", "a", "retrain", 120, 500, {"loss": 0.41234, "kept": 0.5, "zero_rows": 1204.0}))
        watch(Event("failed", "b", "prune", reason="NaN"))
    frames = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.getvalue()))
    assert any("retrain" in line and "120/500 loss 0.412 kept 0.5 zero rows 1204" in line for line in frames)
    assert any("3 stages" in line and "2 done" in line and "left" in line for line in frames)
    assert max(map(len, frames)) <= 80


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0s"), (59.6, "1m00s"), (185, "3m05s"), (7800, "2h10m")])
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_facts_without_a_total() -> None:
    assert facts(0, 0, {"loss": 1.0}) == "loss 1"


def process(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, words)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, **environment},
        timeout=120,
    )


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, weighin, typer.testing as t; r = t.CliRunner().invoke(weighin.app, ['--help']);"
        "heavy = {'torch', 'transformers', 'pandas', 'numpy', 'benchmarks', 'methods'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy or r.exit_code else 0)"
    )
    result = process("-c", code)
    assert result.returncode == 0, result.stderr


def test_the_module_runs_as_a_process(runs: Path) -> None:
    assert process("-m", "weighin", "run", "tabel2").returncode == 2
    result = process("-m", "weighin", "report", "table2", "--runs", runs, PYTHONIOENCODING="ascii")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("Table 2")
    assert "\x1b" not in result.stdout
    assert "?" in result.stdout  # a stream without the sign for plus-minus loses the sign, not the table


def test_the_store_may_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    result = process("-m", "weighin", "status", WEIGHIN_STORE=str(tmp_path / "file"))
    assert result.returncode == 1
    assert "the store is a folder" in result.stderr
    assert "Traceback" not in result.stderr
