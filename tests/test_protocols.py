"""Protocols are data: every file is read for every task, and overrides are checked."""

import pytest

from benchmarks import protocols, tasks
from benchmarks.protocols import ProtocolError


@pytest.mark.parametrize("name", list(protocols.available()))
@pytest.mark.parametrize("task", list(tasks.available()))
def test_every_protocol_has_recipes_for_every_task(name: str, task: str) -> None:
    protocol = protocols.resolve(name, task, {}, "float32")
    assert protocol.name == name
    assert protocol.prune_warmup + protocol.prune_cooldown < 1


def test_every_task_a_protocol_names_exists() -> None:
    import tomllib

    for path in protocols.FOLDER.glob("*.toml"):
        named = tomllib.loads(path.read_text("utf-8")).get("task", {})
        assert set(named) <= set(tasks.available()), path.name


def test_the_paper_protocol_is_the_papers() -> None:
    protocol = protocols.resolve("paper", "rte", {}, "float32")
    assert (protocol.prune.epochs, protocol.retrain.epochs, protocol.prune.batch_size) == (20, 20, 32)
    assert protocol.prune.learning_rate in (2e-5, 3e-5)
    assert (protocol.distillation.hard, protocol.distillation.temperature) == (0.5, 2.0)


@pytest.mark.parametrize("task", [name for name in tasks.available() if name.startswith("mini-")])
def test_quick_trains_mini_tasks_as_their_own_protocol_does(task: str) -> None:
    quick, mini = (protocols.resolve(name, task, {}, "float32") for name in ("quick", "mini"))
    assert (quick.dense, quick.prune, quick.retrain) == (mini.dense, mini.prune, mini.retrain)


def test_overrides_reach_all_phases_or_one() -> None:
    protocol = protocols.resolve("quick", "rte", {"lr": "3e-5", "prune.epochs": "7", "temperature": "4"}, "float32")
    assert {protocol.dense.learning_rate, protocol.prune.learning_rate, protocol.retrain.learning_rate} == {3e-5}
    assert (protocol.dense.epochs, protocol.prune.epochs) == (3, 7)
    assert protocol.distillation.temperature == 4
    assert protocol.name == "quick+lr=3e-5,prune.epochs=7,temperature=4"


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("quik", {}, r"unknown protocol 'quik' \(did you mean quick\?\); known: "),
        ("quick", {"epoch": "3"}, r"unknown setting 'epoch' \(did you mean epochs\?\)"),
        ("quick", {"epochs": "x", "lr": "y"}, r"epochs is a int, got 'x'; lr is a float, got 'y'"),
        ("quick", {"lr": "-1"}, r"learning_rate is a positive number, got -1"),
    ],
)
def test_faults_are_told(name: str, overrides: dict[str, str], message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        protocols.resolve(name, "rte", overrides, "float32")
