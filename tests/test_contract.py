"""Every method of the registry keeps every promise, and a method that breaks one is told so."""

from pathlib import Path

import pytest

import methods
from benchmarks import checks

FLAWED = '''
"""A method that keeps too many weights and forgets the seed."""
from dataclasses import dataclass, replace
from typing import ClassVar
from methods.contract import Budget, Compressor, Family, Setting
from methods.stages.stage import Stage
from methods.svd_ft import SVDFt


@dataclass(frozen=True)
class Greedy(Compressor):
    label: ClassVar[str] = "Greedy"
    family: ClassVar[Family] = Family.FACTORIZATION
    source: ClassVar[str] = "nowhere"

    def plan(self, setting: Setting) -> Stage:
        return SVDFt().plan(replace(setting, budget=Budget(min(1.0, setting.budget.kept * 2))))


@dataclass(frozen=True)
class Forgetful(Greedy):
    def plan(self, setting: Setting) -> Stage:
        return SVDFt().plan(replace(setting, seed=7))


METHODS = {"greedy": Greedy(), "forgetful": Forgetful()}
'''


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all methods, so that they share their teacher as they do in a table."""
    return tmp_path_factory.mktemp("contract") / "store"


@pytest.fixture(scope="session")
def again(store: Path) -> dict[str, Path]:
    """Everything made at once and a second time, so that processes are started few times."""
    return checks.prepare(list(methods.available()), store, store.parent / "again")


@pytest.mark.parametrize("name", list(methods.available()))
def test_method_keeps_every_promise(name: str, store: Path, again: dict[str, Path]) -> None:
    results = checks.check(name, store, again=again.get(name))
    broken = [f"{result.name}: {result.detail}" for result in results if not result.passed]
    assert not broken, broken
    assert [result.name for result in results] == list(checks.names())


def test_broken_promises_are_found(store: Path, tmp_path: Path) -> None:
    plugin = tmp_path / "flawed.py"
    plugin.write_text(FLAWED)
    methods.load_plugin(plugin)
    greedy = {result.name: result for result in checks.check("greedy", store, (plugin,))}
    assert not greedy["keeps its budget"].passed
    assert "budget 0.25" in greedy["keeps its budget"].detail
    forgetful = {result.name: result for result in checks.check("forgetful", store, (plugin,))}
    assert not forgetful["plans without side effects"].passed
    assert "seed" in forgetful["plans without side effects"].detail


def test_an_unknown_method_gets_the_nearest_name() -> None:
    with pytest.raises(ValueError, match=r"unknown method 'lpfa' \(did you mean lpaf\?\); known: .*svd-ft"):
        methods.get("lpfa")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lpaf(rnk=3)", "unknown knob rnk; it has: v, rank"),
        ("lpaf(rank=__import__('os'))", "text in quotes"),
        ("lpaf(3)", "knob=value"),
        ("lpaf(rank=", "name or name"),
    ],
)
def test_knobs_are_checked(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        methods.get(text)


def test_knobs_are_read() -> None:
    method = methods.get("lpaf(rank=260, p_init=0.3)")
    assert method.knobs()["rank"] == 260
    assert method.knobs()["p_init"] == 0.3
