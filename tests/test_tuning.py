"""Searches: what is tried, that nothing is tried or trained twice, and that a stopped search goes on as it was."""

import dataclasses
import itertools
from pathlib import Path
from typing import Any

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution

import methods
from benchmarks.events import Outcome
from benchmarks.tuning import space
from benchmarks.tuning.search import Request
from benchmarks.tuning.studies import StudyFault
from methods.contract import Compressor
from methods.lpaf import LPAF
from methods.stages.stage import Stage
from tuning_world import OPTIONS, Workers, go, searches, workers  # noqa: F401  # a fixture

EIGHTEEN = Request(trials=18, sampler="grid")
CONTINUOUS = dataclasses.replace(OPTIONS, methods=("movement",))


@pytest.mark.parametrize("name", methods.available())
def test_every_method_but_the_reference_has_a_space(name: str) -> None:
    method = methods.get(name)
    assert bool(method.searched()) == (name != "dense")
    assert set(method.searched()) <= set(method.space)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"p_initt": CategoricalDistribution((0.1, 0.3))}, "did you mean p_init?"),
        ({"v": CategoricalDistribution((0.5, 50.0))}, "write 0.5 for 50 %"),
        ({"v": [0.5, 0.25]}, "optuna distributions, got v=list"),
        ({"dense.lr": FloatDistribution(1e-5, 1e-4)}, "every method's teacher"),
        ({"retrain.learning": FloatDistribution(1e-5, 1e-4)}, "did you mean retrain.learning_rate?"),
    ],
)
def test_a_space_that_means_nothing_is_refused_when_it_is_registered(wrong: dict[str, Any], said: str) -> None:
    class Misspelt(LPAF):
        space = wrong

    known: dict[str, Compressor] = {}
    with pytest.raises(ValueError, match=r"plugin: mine: space") as fault:
        methods._add(known, {"mine": Misspelt()}, "plugin")
    assert said in str(fault.value)


def test_a_learning_rate_in_a_space_is_that_of_pruning_and_re_training() -> None:
    from benchmarks import protocols

    protocol = protocols.resolve("smoke", "mini-rte", {}, "float32")
    method, changed = space.applied({"v": 0.25, "lr": 1e-3, "pruning.warmup": 0.2}, LPAF(), protocol)
    assert method == LPAF(v=0.25)
    assert (changed.prune.learning_rate, changed.retrain.learning_rate) == (1e-3, 1e-3)
    assert changed.dense == protocol.dense
    assert changed.prune_warmup == 0.2


def test_what_is_written_is_not_searched() -> None:
    assert set(space.space_of("lpaf", "smoke", {})) == {"v", "p_init", "lr"}
    assert set(space.space_of("lpaf(v=0.5)", "smoke", {})) == {"p_init", "lr"}
    assert set(space.space_of("lpaf", "smoke", {"lr": "1e-3"})) == {"v", "p_init"}
    assert set(space.space_of("lpaf-step3", "smoke", {})) == {"v", "lr"}
    assert space.space_of("lpaf", "paper", {})["lr"] == CategoricalDistribution((2e-5, 3e-5))
    assert space.space_of("lpaf", "mini", {})["lr"] == CategoricalDistribution((5e-4, 1e-3))


def test_eighteen_trials_train_each_sparse_model_once(workers: Workers, tmp_path: Path) -> None:  # noqa: F811
    trials = go(tmp_path, EIGHTEEN)
    assert [state for state, _, _ in trials] == ["COMPLETE"] * 18
    points = [tuple(point.values()) for _, point, _ in trials]
    assert len(set(points)) == 18
    assert workers.count("prune") == len({(point["v"], point["lr"]) for _, point, _ in trials}) <= 6
    assert workers.count("finetune") == workers.count("logits") == workers.count("encode") == 1
    assert workers.count("retrain") == 18
    assert {point["p_init"] for _, point, _ in trials} == {0.7, 0.5, 0.3, 0.1}
    with searches(tmp_path, EIGHTEEN) as (found,):
        assert all(len(trial.user_attrs["cells"]) == 1 for trial in found.trials)
        assert found.seconds == len(workers.made) - 3  # the dense model is everybody's


@pytest.mark.parametrize("sampler", ["grid", "tpe", "random"])
def test_a_space_is_tried_out_and_then_left(workers: Workers, tmp_path: Path, sampler: Any) -> None:  # noqa: F811
    options = dataclasses.replace(OPTIONS, methods=("lpaf(v=0.25)",))
    trials = go(tmp_path, Request(trials=40, sampler=sampler), options)
    assert len({tuple(point.values()) for _, point, _ in trials}) == len(trials) == 8


def test_the_seed_decides_the_search(workers: Workers, tmp_path: Path) -> None:  # noqa: F811
    first, again, other = (
        go(tmp_path / str(place), Request(trials=12, seed=seed), CONTINUOUS) for place, seed in enumerate((0, 0, 1))
    )
    assert first == again
    assert [point for _, point, _ in first] != [point for _, point, _ in other]


def test_tpe_looks_at_results(workers: Workers, tmp_path: Path) -> None:  # noqa: F811
    """Its choices are random search's until it has seen enough, and then others."""
    tpe, blind = (go(tmp_path / one, Request(trials=10, sampler=one), CONTINUOUS) for one in ("tpe", "random"))  # type: ignore[arg-type]
    assert [point for _, point, _ in tpe[:6]] == [point for _, point, _ in blind[:6]]
    assert [point for _, point, _ in tpe[6:]] != [point for _, point, _ in blind[6:]]


@pytest.mark.parametrize("sampler", ["grid", "tpe"])
def test_a_killed_search_goes_on_where_it_was(workers: Workers, tmp_path: Path, sampler: Any) -> None:  # noqa: F811
    """Stopped at every third stage: the same trials as one left alone, and no stage is made twice."""
    request = Request(trials=9, sampler=sampler)
    alone = go(tmp_path / "alone", request, CONTINUOUS)
    steps = itertools.count(1)
    workers.made.clear()

    def kill(stage: Stage) -> None:
        if next(steps) % 3 == 0:
            raise KeyboardInterrupt

    workers.spoil = kill
    killed = 0
    while True:
        try:
            trials = go(tmp_path / "killed", request, CONTINUOUS)
            break
        except KeyboardInterrupt:
            killed += 1
    assert killed > 5
    assert trials == alone
    assert len({stage.key for stage in workers.made}) == len(workers.made)


def test_killed_between_asking_and_answering(
    workers: Workers,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A trial that was written down without its point, or with half of it, gets the point it was going to have."""
    request = Request(trials=4)
    alone = go(tmp_path / "alone", request)
    from optuna.storages import _CachedStorage

    write = _CachedStorage.set_trial_param
    steps = itertools.count(1)

    def kill(*args: Any) -> None:
        if next(steps) in (1, 4, 5, 9):
            raise KeyboardInterrupt
        write(*args)

    monkeypatch.setattr(_CachedStorage, "set_trial_param", kill)
    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            go(tmp_path / "killed", request)
    assert go(tmp_path / "killed", request) == alone


def test_what_the_machine_broke_is_asked_again(workers: Workers, tmp_path: Path) -> None:  # noqa: F811
    request = Request(trials=6)
    alone = go(tmp_path / "alone", request)
    broken = [True]
    workers.spoil = lambda stage: (
        Outcome(stage.key, stage.kind, "failed", "infrastructure", "out of memory")
        if stage.kind == "retrain" and broken[0]
        else None
    )
    assert {state for state, _, _ in go(tmp_path / "broken", request)} == {"RUNNING"}
    broken[0] = False
    assert go(tmp_path / "broken", request) == alone


def test_a_failure_of_the_method_is_a_failed_trial_with_its_reason(workers: Workers, tmp_path: Path) -> None:  # noqa: F811
    workers.spoil = lambda stage: (
        Outcome(stage.key, stage.kind, "failed", "method", "the loss was NaN")
        if stage.kind == "prune" and stage.schedule.kept == 0.1  # type: ignore[attr-defined]
        else None
    )
    options = dataclasses.replace(OPTIONS, methods=("lpaf(p_init=0.1)",))
    trials = go(tmp_path, Request(trials=6), options)
    assert {(point["v"] == 0.1, state) for state, point, _ in trials} == {(True, "FAIL"), (False, "COMPLETE")}
    with searches(tmp_path, Request(trials=6), options) as (found,):
        failed = [trial for trial in found.trials if trial.state.name == "FAIL"]
        assert all("NaN" in trial.user_attrs["reason"] for trial in failed)


def test_a_pruned_trial_saves_its_other_seeds(workers: Workers, tmp_path: Path) -> None:  # noqa: F811
    options = dataclasses.replace(OPTIONS, seeds=(1, 2, 3))
    trials = go(tmp_path, Request(trials=12, pruner="median"), options)
    states = [state for state, _, _ in trials]
    assert "PRUNED" in states
    assert states[:4] == ["COMPLETE"] * 4
    made = workers.count("evaluate")
    assert made < 3 * len(states)
    with searches(tmp_path, Request(trials=12, pruner="median"), options) as (found,):
        reports = [len(trial.intermediate_values) for trial in found.trials]
        assert made == sum(reports)
        assert all(count < 3 for count, state in zip(reports, states, strict=True) if state == "PRUNED")


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_pruned_searches_go_on_where_they_were(workers: Workers, tmp_path: Path, pruner: Any) -> None:  # noqa: F811
    options = dataclasses.replace(OPTIONS, seeds=(1, 2, 3))
    request = Request(trials=9, pruner=pruner)
    alone = go(tmp_path / "alone", request, options)
    assert {state for state, _, _ in alone} == {"COMPLETE", "PRUNED"}
    steps = itertools.count(1)

    def kill(stage: Stage) -> None:
        if next(steps) % 9 == 0:
            raise KeyboardInterrupt

    workers.spoil = kill
    for _ in range(100):
        try:
            trials = go(tmp_path / "killed", request, options)
            break
        except KeyboardInterrupt:
            pass
    assert trials == alone


def test_training_time_is_capped_alike(workers: Workers, tmp_path: Path) -> None:  # noqa: F811
    """A second a stage: LPAF needs up to four for a trial, UP_zero two."""
    options = dataclasses.replace(OPTIONS, methods=("lpaf", "movement"))
    request = Request(trials=50, hours=10 / 3600)
    go(tmp_path, request, options)
    with searches(tmp_path, request, options) as found:
        for one in found:
            assert 10 <= one.seconds < 14
            assert one.due() == []


def test_a_study_is_one_search(workers: Workers, tmp_path: Path) -> None:  # noqa: F811
    go(tmp_path, Request(trials=2))
    go(tmp_path, Request(trials=3))  # more of the same is the same search
    with pytest.raises(StudyFault, match=r"seed: 0 there and 1 now.*another --storage"):
        go(tmp_path, Request(trials=3, seed=1))
    with pytest.raises(StudyFault, match=r"sampler: 'tpe' there and 'grid' now"):
        go(tmp_path, Request(trials=3, sampler="grid"))


def test_impossible_budgets_are_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"--trials .* got 0; --timeout .* got -1"):
        Request(trials=0, hours=-1)
