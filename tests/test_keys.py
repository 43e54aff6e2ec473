"""Keys: equal work has equal keys, other work has others, and the methods share what they can."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import methods
from benchmarks import experiment
from methods.contract import Budget, Distillation, Recipe, Setting
from methods.lpaf import LPAF
from methods.stages.encode import Encode
from methods.stages.finetune import FineTune
from methods.stages.prune import Prune
from methods.stages.stage import Stage, digest
from methods.steps import dense
from methods.svd_ft import SVDFt

METHODS = ("dense", "lpaf", "svd-ft", "up-zero", "up-first")


@pytest.fixture(scope="module")
def setting() -> Setting:
    options = experiment.Options(methods=("svd-ft",), budgets=(0.25,), seeds=(1,), protocol="mini")
    return experiment.cells(options)[0].setting


def toy(**changes: object) -> FineTune:
    data = Encode("e" * 64, "rte", "classification", "d" * 64, 2, ("validation",), 2490, 128)
    recipe = Recipe(3, 3e-5)
    return dataclasses.replace(FineTune("e" * 64, data, recipe, 1), **changes)  # type: ignore[arg-type]


def test_a_frozen_key() -> None:
    """A change here orphans every artifact in every store: raise the stage's version on purpose instead.

    Regenerate with: python -c "from tests.test_keys import toy; print(toy().key)"
    """
    assert toy().key == FROZEN


FROZEN = "3a6a62c3ce0242f37bd43834ce7287e82a1fcc315ded3e0d4b77a85a9824ca29"


def test_every_field_is_in_the_key() -> None:
    assert toy(seed=2).key != toy().key
    assert toy(recipe=Recipe(4, 3e-5)).key != toy().key
    assert toy(recipe=Recipe(3, 3e-5, precision="bfloat16")).key != toy().key
    assert toy(data=dataclasses.replace(toy().data, max_length=64)).key != toy().key


def test_equal_numbers_give_equal_keys() -> None:
    assert toy(recipe=Recipe(3, 1)).key == toy(recipe=Recipe(3, 1.0)).key


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.floats(allow_nan=False, allow_infinity=False)))
def test_digest_does_not_depend_on_order(value: dict[str, float]) -> None:
    assert digest(dict(value)) == digest(dict(reversed(list(value.items()))))  # type: ignore[arg-type]


def test_a_stage_refuses_what_is_no_description() -> None:
    with pytest.raises(TypeError, match=r"FineTune\.seed.*plain values.*got list"):
        _ = toy(seed=[1]).key
    with pytest.raises(ValueError, match=r"finite"):
        _ = toy(seed=float("nan")).key


def test_svd_ft_is_lpaf_with_every_part_off(setting: Setting) -> None:
    off = LPAF(first_order_pruning=False, weighting="none", mixed_rank=False)
    assert off.plan(setting).key == SVDFt().plan(setting).key


def test_each_part_of_lpaf_changes_the_key(setting: Setting) -> None:
    parts: tuple[dict[str, Any], ...] = ({"first_order_pruning": False}, {"weighting": "none"}, {"mixed_rank": False})
    keys = {dataclasses.replace(LPAF(), **part).plan(setting).key for part in parts}
    assert len(keys | {LPAF().plan(setting).key}) == 4


def test_without_step_one_importance_is_still_collected(setting: Setting) -> None:
    stages = list(LPAF(first_order_pruning=False).plan(setting).walk())
    (pruning,) = [stage for stage in stages if isinstance(stage, Prune)]
    assert pruning.schedule.kept == 1.0


def test_one_fine_tuning_serves_five_methods(setting: Setting) -> None:
    stages = {stage.key: stage for name in METHODS for stage in methods.get(name).plan(setting).walk()}
    teachers = [stage for stage in stages.values() if isinstance(stage, FineTune)]
    assert [stage.key for stage in teachers] == [dense(setting).key]


def test_up_first_serves_lpaf_at_the_same_kept_share(setting: Setting) -> None:
    mine = {stage.key for stage in LPAF().plan(setting).walk() if isinstance(stage, Prune)}
    assert mine == {methods.get("up-first").plan(setting).key}  # both keep 0.25 at this budget


def test_the_method_name_is_in_no_key(setting: Setting) -> None:
    plans: list[Stage] = [method.plan(setting) for method in (SVDFt(), dataclasses.replace(SVDFt(), rank=None))]
    assert plans[0].key == plans[1].key


def test_a_given_rank_replaces_the_budget(setting: Setting) -> None:
    small = dataclasses.replace(setting, budget=Budget(0.1))
    assert SVDFt(rank=12).plan(setting).key == SVDFt(rank=12).plan(small).key
    most = min(min(shape) for shape in setting.backbone.matrices.values())
    SVDFt(rank=most).plan(setting)
    with pytest.raises(ValueError, match=rf"rank is a whole number from 1 to .* {most}, got {most + 1}"):
        SVDFt(rank=most + 1).plan(setting)


def test_distillation_reaches_the_compressed_model_alone(setting: Setting) -> None:
    protocol = dataclasses.replace(setting.protocol, distillation=Distillation(temperature=4.0))
    other = dataclasses.replace(setting, protocol=protocol)
    assert dense(other).key == dense(setting).key
    assert SVDFt().plan(other).key != SVDFt().plan(setting).key


def test_dependencies_come_first(setting: Setting) -> None:
    seen: set[str] = set()
    for stage in LPAF().plan(setting).walk():
        assert {needed.key for needed in stage.needs} <= seen
        assert stage.key not in seen
        seen.add(stage.key)
