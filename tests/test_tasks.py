"""The registry of tasks: every task that the folder holds keeps the contract."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest

from benchmarks import tasks
from benchmarks.tasks import Hub, TaskDefinition
from benchmarks.tasks.definition import GLUE_REVISION
from benchmarks.tasks.metrics import METRICS

ALL = tasks.available()
REAL = [name for name, task in ALL.items() if not task.generated]
MINI = [name for name, task in ALL.items() if task.generated]

# GLUE's sizes as its paper and data card give them: training, then evaluation.
OFFICIAL = {
    "cola": (8_551, 1_043),
    "mnli": (392_702, 9_815, 9_832),
    "mrpc": (3_668, 408),
    "qnli": (104_743, 5_463),
    "qqp": (363_846, 40_430),
    "rte": (2_490, 277),
    "sst2": (67_349, 872),
    "stsb": (5_749, 1_500),
}


def test_the_paper_s_tasks_are_there_with_their_mini_twins() -> None:
    assert set(OFFICIAL) <= set(REAL)
    assert {"mini-" + name for name in OFFICIAL} <= set(MINI)
    assert list(ALL) == REAL + MINI
    assert sorted(REAL) == REAL


@pytest.mark.parametrize("name", ALL)
def test_every_task_keeps_the_contract(name: str) -> None:
    task = tasks.get(name)
    assert task.name == name == name.lower()
    assert task.label
    assert task.source
    assert set(task.metrics) <= set(METRICS)
    assert task.metrics[0] == task.metric
    assert task.outputs == (len(task.classes) or 1)
    assert task.splits == ("train", *task.evaluation)
    assert all(isinstance(column, str) and column for column in task.texts)
    assert hash(task) == hash(replace(task))
    if task.chance is not None:
        assert 0 <= task.chance < 1


@pytest.mark.parametrize("name", [name for name in REAL if ALL[name].hub is not None])
def test_hub_data_is_pinned_to_a_commit(name: str) -> None:
    hub = ALL[name].hub
    assert hub is not None
    assert len(hub.revision) == 40
    assert int(hub.revision, 16)


@pytest.mark.parametrize("name", OFFICIAL)
def test_glue_tasks_have_its_sources_and_sizes(name: str) -> None:
    task = ALL[name]
    assert task.hub == Hub("nyu-mll/glue", name, GLUE_REVISION)
    assert task.tsv is not None
    assert task.chance is not None
    assert (task.train_rows, *task.evaluation_rows) == OFFICIAL[name]


@pytest.mark.parametrize("name", MINI)
def test_mini_tasks_are_twins(name: str) -> None:
    mini, real = ALL[name], ALL[name.removeprefix("mini-")]
    same = {"kind", "texts", "metric", "metrics", "classes", "label_range", "train_split", "evaluation"}
    for item in fields(TaskDefinition):
        if item.name in same:
            assert getattr(mini, item.name) == getattr(real, item.name), item.name
    assert mini.max_length == 32
    assert mini.hub is None
    assert mini.tsv is None


def test_the_table_metrics_are_the_paper_s() -> None:
    table = {name: ALL[name].metric for name in OFFICIAL}
    assert table == dict.fromkeys(OFFICIAL, "accuracy") | {"cola": "matthews", "stsb": "pearson"}
    assert ALL["stsb"].metrics == ("pearson", "spearman")
    assert ALL["qqp"].metrics == ALL["mrpc"].metrics == ("accuracy", "f1")
    assert ALL["mnli"].evaluation == ("validation_matched", "validation_mismatched")


@pytest.mark.parametrize(
    ("wrong", "near"),
    [("RTE", "rte"), ("SST-2", "sst2"), ("mini_rte", "mini-rte"), ("STS-B", "stsb"), ("mnlI", "mnli")],
)
def test_an_unknown_name_gets_the_nearest_and_the_list(wrong: str, near: str) -> None:
    with pytest.raises(ValueError, match=f"no task is named '{wrong}'; did you mean '{near}'") as error:
        tasks.get(wrong)
    assert str(error.value).endswith(", ".join(ALL))


def test_a_name_like_no_other_gets_the_list_alone() -> None:
    with pytest.raises(ValueError, match=r"no task is named 'zzzzz'; tasks: cola, mnli"):
        tasks.get("zzzzz")


def test_available_hands_out_a_copy() -> None:
    tasks.available().clear()
    assert tasks.available() == ALL


FAULTS: list[tuple[str, Callable[[TaskDefinition], dict[str, Any]], str]] = [
    ("rte", lambda _: {"classes": ("only",)}, "two or more distinct classes"),
    ("rte", lambda _: {"label_range": (0.0, 1.0)}, "no label_range"),
    ("stsb", lambda _: {"classes": ("a", "b")}, "no classes"),
    ("stsb", lambda _: {"label_range": (5.0, 0.0)}, r"label_range is \(least, greatest\), got \(5.0, 0.0\)"),
    ("rte", lambda _: {"texts": ("a", "a")}, "two different ones"),
    ("rte", lambda _: {"texts": ("a",)}, "tsv.texts matches texts"),
    ("rte", lambda _: {"metric": "f1"}, "metric is one of metrics, got 'f1'"),
    ("rte", lambda _: {"evaluation": ()}, "one at least is for evaluation"),
    ("rte", lambda _: {"evaluation": ("train",)}, "splits are distinct"),
    ("mnli", lambda _: {"evaluation_rows": (1,)}, "one number a split"),
    ("rte", lambda _: {"max_length": 3}, "4 tokens or more, got 3"),
    ("rte", lambda _: {"generated": True}, "neither hub nor tsv"),
    ("mnli", lambda task: {"tsv": replace(task.tsv, files=("a", "b"))}, "one file a split"),  # type: ignore[type-var]
]


@pytest.mark.parametrize(("name", "changes", "message"), FAULTS)
def test_contradictions_are_told(
    name: str, changes: Callable[[TaskDefinition], dict[str, Any]], message: str
) -> None:
    with pytest.raises(ValueError, match=f"task '{name}': .*{message}"):
        replace(ALL[name], **changes(ALL[name]))


def test_contradictions_are_told_together() -> None:
    with pytest.raises(ValueError, match="max_length") as error:
        replace(ALL["rte"], classes=(), max_length=0, metric="loss")
    assert all(word in str(error.value) for word in ("distinct classes", "metric is one of", "max_length is"))
