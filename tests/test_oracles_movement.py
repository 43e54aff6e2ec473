"""Movement pruning against numbers recorded elsewhere; a case's fields say what it checks."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from methods.layers.masked import MaskedLinear
from methods.ops.losses import distillation, unified
from methods.ops.movement import score_penalty, threshold_mask, top_masks
from methods.ops.schedules import cubic_rise, kept_share
from oracle_cases import Case, close, params, read, tensor

CASES = read("movement_pruning")


def linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)
    return layer


def check_masked_linear(case: Case) -> None:
    given, expected, tolerance = case["inputs"], case["expected"], case["tolerance"]
    layer = MaskedLinear(linear(tensor(given["W"]), tensor(given["b"])), scored="S" in given)
    if given["method"] == "magnitude":
        (mask,) = top_masks([layer.linear.weight.detach().abs()], given["threshold"])
    else:
        assert layer.scores is not None
        with torch.no_grad():
            layer.scores.copy_(tensor(given["S"]))
        if given["method"] == "topK":
            (mask,) = top_masks([layer.scores], given["threshold"])
        else:
            mask = threshold_mask(layer.scores.detach(), given["threshold"])
    layer.mask.copy_(mask)
    assert mask.int().tolist() == expected["mask"]
    output = layer(tensor(given["x"]))
    loss = 0.5 * (output - tensor(given["target"])).square().sum()
    loss.backward()
    close(output, expected["output"], tolerance)
    close(loss, expected["loss"], tolerance)
    close(layer.linear.weight.grad, expected["grad_weight"], tolerance)
    close(layer.linear.bias.grad, expected["grad_bias"], tolerance)
    if layer.scores is not None:
        close(layer.scores.grad, expected["grad_scores"], tolerance)
    close(layer.export()(tensor(given["x"])), expected["output"], tolerance)


def check_binarizers(case: Case) -> None:
    scores = tensor(case["inputs"]["S"])
    for variant, expected in case["expected"].items():
        kind, value = variant.split(" ")
        number = float(value.partition("=")[2])
        if kind == "topK":
            (mask,) = top_masks([scores], number)
        else:
            mask = threshold_mask(scores, number, sigmoid=kind == "sigmoid_threshold")
        check_kept(mask, expected)


def check_kept(mask: Tensor, expected: Case) -> None:
    assert int(mask.sum()) == expected["kept"]
    assert mask.flatten().nonzero().squeeze(1).tolist() == expected["flat_index_kept"]


def check_minimum(case: Case) -> None:
    given = case["inputs"]
    check_kept(threshold_mask(tensor(given["S"]), given["tau"], sigmoid=given["sigmoid"]), case["expected"])


def check_ties(case: Case) -> None:
    given = case["inputs"]
    scores = torch.full(given["shape"], given["all_scores"], dtype=torch.float64)
    assert int(top_masks([scores], given["v"])[0].sum()) == case["expected"]["kept"]


def check_schedule(case: Case) -> None:
    given, expected, tolerance = case["inputs"], case["expected"], case["tolerance"]
    first, last = given["initial_threshold"], given["final_threshold"]
    start = given["initial_warmup"] * given["warmup_steps"]
    cooldown = given["final_warmup"] * given["warmup_steps"]
    span = (given["total_steps"], start, cooldown)
    if start + cooldown >= given["total_steps"]:
        with pytest.raises(ValueError, match="leave steps for the decay"):
            kept_share(0, *span, 0.5)
        with pytest.raises(ValueError, match="leave steps for the decay"):
            cubic_rise(0, *span)
        pytest.skip("a schedule without a decay never prunes until the end; ours refuses it (checked)")
    rises = [cubic_rise(step, *span) for step in given["steps"]]
    close(tensor([first + (last - first) * rise for rise in rises]), expected["threshold"], tolerance)
    if last < first:  # a kept share, of the hard variant
        shares = [kept_share(step, *span, last, initial=first) for step in given["steps"]]
        close(tensor(shares), expected["threshold"], tolerance)
    else:  # a threshold, of the soft one, and the penalty that rises with it
        close(tensor([given["final_lambda"] * rise for rise in rises]), expected["lambda"], tolerance)


def check_penalty(case: Case) -> None:
    scores = [tensor(S).requires_grad_() for S in case["inputs"]["S"]]
    expected, tolerance = case["expected"]["l1"], case["tolerance"]
    penalty = score_penalty(scores)
    penalty.backward()
    close(penalty, expected["value"], tolerance)
    for score, gradient in zip(scores, expected["grad"], strict=True):
        close(score.grad, gradient, tolerance)


def check_distillation(case: Case) -> None:
    given, tolerance = case["inputs"], case["tolerance"]
    student, teacher = tensor(given["student_logits"]), tensor(given["teacher_logits"])
    labels = torch.tensor(given["labels"])
    for variant, expected in case["expected"].items():
        value = {key: float(number) for key, number in (part.split("=") for part in variant.split(","))}
        weights = {"label_weight": value["a_ce"], "teacher_weight": value["a_kd"], "temperature": value["T"]}
        close(distillation(student, teacher, value["T"]), expected["soft"], tolerance)
        close(unified(student, teacher, labels, "classification", **weights), expected["total"], tolerance)


CHECKS: dict[str, Callable[[Case], None]] = {  # by an input or expected field of which only these cases have one
    "method": check_masked_linear,
    "sigmoid": check_minimum,
    "all_scores": check_ties,
    "total_steps": check_schedule,
    "l1": check_penalty,
    "student_logits": check_distillation,
}
GATES = {"u", "l0"}  # of hard concrete gates
OURS = [case for case in CASES if "u" not in case["inputs"]]


@pytest.mark.parametrize("case", params(OURS))
def test_oracle_movement_pruning(case: Case) -> None:
    fields = case["inputs"].keys() | case["expected"].keys()
    check = next((check for field, check in CHECKS.items() if field in fields), check_binarizers)
    check(case)


@pytest.mark.parametrize("case", params([case for case in CASES if GATES & {*case["inputs"], *case["expected"]}]))
def test_oracle_movement_pruning_l0(case: Case) -> None:
    pytest.skip(f"{case['name']}: the L0 variant is no method of ours, its gates are not made")


def test_oracle_hard_mask_and_gradients_by_hand() -> None:
    """W, S, keep 50 %: dL/dS reaches masked weights too, dL/dW does not."""
    for target, weight_gradient, score_gradient in (
        ((0.0, 0.0), [[-3, -6], [0, 0]], [[-3, 12], [0, 0]]),
        ((0.0, 1.0), [[-3, -6], [0, 0]], [[-3, 12], [-3, -1]]),
    ):
        layer = MaskedLinear(linear(tensor([[1, -2], [3, 0.5]]), tensor([0, 0])))
        assert layer.scores is not None
        with torch.no_grad():
            layer.scores.copy_(tensor([[0.4, 0.3], [0.2, 0.1]]))
        layer.mask.copy_(top_masks([layer.scores], 0.5)[0])
        output = layer(tensor([1, 2]))
        (0.5 * (output - tensor(target)).square().sum()).backward()
        assert layer.mask.int().tolist() == [[1, 1], [0, 0]]
        close(output, [-3, 0], 0)
        close(layer.linear.weight.grad, weight_gradient, 0)
        close(layer.scores.grad, score_gradient, 0)


def test_oracle_schedules_at_a_step() -> None:
    rise = cubic_rise(450, 1000, 100, 200)
    assert 0.1 * rise == pytest.approx(0.0875)  # tau
    assert kept_share(450, 1000, 100, 200, 0.1) == pytest.approx(0.2125)
    assert 400 * 0.5 == 400 * (0.05 / 0.1)  # lambda at half of tau
    assert 400 * cubic_rise(100, 1000, 100, 200) == 0  # no penalty in the warm-up


def test_oracle_penalty_at_the_start_and_the_least_that_stays() -> None:
    assert float(score_penalty([torch.zeros(3, 4), torch.zeros(5, 2)])) == 0.5
    assert int(threshold_mask(torch.full((768, 768), -9.0), 0.1).sum()) == 2950
    assert int(top_masks([torch.randn(10, 10)], 0.25)[0].sum()) == 25
    assert int(top_masks([torch.zeros(10, 10)], 0.25)[0].sum()) == 25
