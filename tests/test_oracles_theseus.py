"""Module replacing against numbers recorded elsewhere: rates of both schedules, and the layers that a draw runs."""

from typing import Any

import pytest
from torch import nn

from methods.layers.replaceable import paired
from methods.ops.replacement import constant_rate, linear_rate, module_size
from oracle_cases import Case, cases


def check_linear(case: Case) -> None:
    given, tolerance = case["inputs"], case["tolerance"]
    found = [linear_rate(update, given["k"], given["b"]) for update in given["updates"]]
    assert found == pytest.approx(case["expected"]["rate"], rel=tolerance, abs=tolerance)
    first = case["expected"]["first_update_with_rate_1"]
    assert linear_rate(first, given["k"], given["b"]) == 1.0
    assert linear_rate(first - 1, given["k"], given["b"]) < 1.0


def check_constant(case: Case) -> None:
    given, tolerance = case["inputs"], case["tolerance"]
    found = [constant_rate(update, given["p"], given["steps_for_replacing"]) for update in given["updates"]]
    assert found == pytest.approx(case["expected"]["rate"], rel=tolerance, abs=tolerance)


class Layer(nn.Module):
    """A layer that adds itself to the list that passes through it."""

    def __init__(self, side: str, number: int) -> None:
        super().__init__()
        self.name = [side, number]

    def forward(self, ran: list[Any]) -> list[Any]:
        return [*ran, self.name]


def layers_run(predecessors: int, draws: list[bool], *, training: bool = True) -> list[Any]:
    """The layers that run for these draws, in order."""
    old = [Layer("predecessor", number) for number in range(predecessors)]
    new = [Layer("successor", number) for number in range(len(draws))]
    ran: list[Any] = []
    for module, drawn in zip(paired(new, old), draws, strict=True):
        module.drawn = drawn
        ran = module.train(training)(ran)
    return ran


def check_layers(case: Case) -> None:
    given, expected = case["inputs"], case["expected"]
    draws = [bool(draw) for draw in given["draws"]]
    assert len(draws) == given["successor_layers"]
    assert layers_run(given["predecessor_layers"], draws) == expected["order"]
    assert layers_run(given["predecessor_layers"], draws, training=False) == expected["eval_order"]


def check_bounds(case: Case) -> None:
    for rate, rejected in zip(case["inputs"]["rates"], case["expected"]["rejected"], strict=True):
        if rejected:
            with pytest.raises(ValueError, match="probability"):
                constant_rate(0, rate, None)
        else:
            assert constant_rate(0, rate, None) == rate


def check(case: Case) -> None:
    for field, test in (
        ("k", check_linear),
        ("p", check_constant),
        ("draws", check_layers),
        ("rates", check_bounds),
    ):
        if field in case["inputs"]:
            return test(case)
    raise AssertionError(f"no test knows a case with the inputs {', '.join(case['inputs'])}")


@pytest.mark.parametrize("case", cases("theseus"))
def test_oracle_theseus(case: Case) -> None:
    check(case)


@pytest.mark.parametrize(("successors", "expected"), [(6, 9.0), (3, 7.5), (2, 7.0)])
def test_oracle_theseus_layers_run_on_average(successors: int, expected: float) -> None:
    # all draws are equally likely at a rate of one half: M (p + (1 - p) r)
    draws = [[bool(number >> place & 1) for place in range(successors)] for number in range(2**successors)]
    assert sum(len(layers_run(12, draw)) for draw in draws) / len(draws) == expected


@pytest.mark.parametrize(("first", "start", "slope"), [(1000, 0.1, 9e-4), (5000, 0.3, 1.4e-4), (30000, 0.1, 3e-5)])
def test_oracle_theseus_slope_reaches_one(first: int, start: float, slope: float) -> None:
    assert linear_rate(first, slope, start) == pytest.approx(1.0, abs=1e-12)
    assert linear_rate(first - 1, slope, start) < 1.0


def test_values_that_cannot_be_are_told_all_at_once() -> None:
    with pytest.raises(ValueError, match=r"step is never negative, got -1; .*; start is a probability .*; slope is"):
        linear_rate(-1, -0.1, 0.0)
    with pytest.raises(ValueError, match=r"rate is a probability .*; steps is a number of updates"):
        constant_rate(0, 1.5, -2)
    with pytest.raises(ValueError, match=r"divide the predecessor's 12, got 5; possible are 1, 2, 3, 4, 6, 12"):
        module_size(12, 5)
