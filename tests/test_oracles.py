"""Checks our functions against numbers recorded elsewhere: tests/oracles/*.json, or the folder in WEIGHIN_ORACLES.

Each case of each file is one test. A case without a function of ours is skipped with its reason.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from methods.layers.low_rank import LowRankLinear
from methods.layers.mixed_rank import MixedRankLinear
from methods.ops import pretraining
from methods.ops.importance import Sensitivity
from methods.ops.losses import consistency, distillation, supervised, unified
from methods.ops.masking import apply_, drop_smallest, prune_masks
from methods.ops.ranks import factor_weights
from methods.ops.schedules import kept_share, parent_probability
from methods.ops.svd import Factors, truncated_svd, weighted_svd
from oracle_cases import Case, cases, close, tensor

Check = Callable[[Case], None]


def dispatch(case: Case, checks: dict[str, Check]) -> None:
    """Run the check whose input field the case has: names, sizes and values differ between cases, fields do not."""
    fields = [field for field in checks if field in case["inputs"]]
    assert fields, f"{case['name']}: no check is for a case with the inputs {sorted(case['inputs'])}"
    checks[fields[0]](case)


def weighted_error(weight: Tensor, product: Tensor, weights: Tensor) -> float:
    return float((weights * (weight - product).square()).sum())


def check_weighted_svd(case: Case) -> None:
    given, tolerance = case["inputs"], case["tolerance"]
    W, S = tensor(given["W"]), tensor(given["S"])
    for variant, expected in case["expected"].items():
        options = dict(part.split("=") for part in variant.split(","))
        side = options.get("side", "row")
        factors = weighted_svd(W, S, given["k"], gamma=float(options["gamma"]), side=side)
        product = factors.outer @ factors.inner
        close(factors.singular_values, expected["singular_values"], tolerance)
        close(product, expected["product"], tolerance)
        rows = tensor(expected["weights_normalised"])
        rows = rows.unsqueeze(1) if side == "row" else rows.unsqueeze(0)
        close(weighted_error(W, product, rows), expected["weighted_error_rows"], tolerance)
        close(weighted_error(W, product, S), expected["weighted_error_elementwise"], tolerance)
        close(float((W - product).square().sum()), expected["unweighted_error"], tolerance)
        if "right_projector" in expected:
            close(factors.inner.T @ factors.inner, expected["right_projector"], tolerance)
        plain = truncated_svd(W, given["k"])
        close(plain.outer @ plain.inner, expected["plain_svd_product"], tolerance)
        for row in given.get("zero_rows", []):
            assert not product[row].any()


def check_invariances(case: Case) -> None:
    given, expected, tolerance = case["inputs"], case["expected"], case["tolerance"]
    W, S, k = tensor(given["W"]), tensor(given["S"]), given["k"]

    def product(factors: Factors) -> Tensor:
        return factors.outer @ factors.inner

    close(product(weighted_svd(W, S, k)), expected["product"], tolerance)
    close(product(weighted_svd(W, given["scale"] * S, k)), expected["product_scaled_S"], tolerance)
    close(product(weighted_svd(W, torch.ones_like(S), k)), expected["product_uniform_S"], tolerance)
    close(product(truncated_svd(W, k)), expected["plain_svd_product"], tolerance)
    close(product(weighted_svd(W, S, min(W.shape))), expected["product_full_rank"], tolerance)


def check_cubic_schedule(case: Case) -> None:
    given = case["inputs"]
    found = [
        kept_share(step, given["T"], given["t_i"], given["t_f"], given["v_final"], initial=given["v_initial"])
        for step in given["steps"]
    ]
    close(tensor(found), case["expected"]["keep_ratio"], case["tolerance"])


def check_p_schedule(case: Case) -> None:
    given = case["inputs"]
    found = [parent_probability(step, given["T"], given["p_init"]) for step in given["steps"]]
    close(tensor(found), case["expected"]["p"], case["tolerance"])


def mixed_layer(W: Any, A: Any, B: Any, b: Any) -> MixedRankLinear:
    factors = Factors(tensor(A), tensor(B), tensor([]), "full")
    return MixedRankLinear(LowRankLinear.from_factors(factors, tensor(b), torch.float64), tensor(W))


def gradient(parameter: Tensor) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def check_mixed_rank_layer(case: Case) -> None:
    given, tolerance = case["inputs"], case["tolerance"]
    for z in (0, 1):
        expected = case["expected"][f"z={z}"]
        layer = mixed_layer(given["W"], given["A"], given["B"], given["b"])
        layer.draw = (bool(z),)
        x = tensor(given["x"]).requires_grad_()
        output = layer(x)
        output.backward(tensor(given["upstream_gradient"]))
        low_rank = layer.export()
        close(output, expected["output"], tolerance)
        close(gradient(low_rank.outer.weight), expected["grad_A"], tolerance)
        close(gradient(low_rank.inner.weight), expected["grad_B"], tolerance)
        close(gradient(low_rank.outer.bias), expected["grad_b"], tolerance)
        close(gradient(x), expected["grad_x"], tolerance)
        assert layer.parent.grad is None


def check_two_pass_loss(case: Case) -> None:
    given, expected, tolerance = case["inputs"], case["expected"], case["tolerance"]
    layers = [mixed_layer(*(given[f"{name}{n}"] for name in ("W", "A", "B", "b"))) for n in (1, 2)]
    for layer, draw in zip(layers, zip(given["z_pass_1"], given["z_pass_2"], strict=True), strict=True):
        layer.draw = (bool(draw[0]), bool(draw[1]))
    x, labels, teacher = tensor(given["x"]), torch.tensor(given["labels"]), tensor(given["teacher_logits"])
    passes = layers[1](torch.tanh(layers[0](torch.cat([x, x])))).chunk(2)
    close(torch.stack(passes), expected["logits"], tolerance)
    losses = []
    for logits, ce, kd, total in zip(passes, expected["ce"], expected["kd"], expected["supervised"], strict=True):
        close(supervised(logits, labels, "classification"), ce, tolerance)
        close(distillation(logits, teacher, given["T"]), kd, tolerance)
        losses.append(unified(logits, teacher, labels, "classification", temperature=given["T"]))
        close(losses[-1], total, tolerance)
    agreement = consistency(*passes, "classification")
    close(agreement, expected["consistency"], tolerance)
    total = torch.stack(losses).mean() + given["lambda_c"] * agreement
    close(total, expected["total"], tolerance)
    total.backward()
    for n, layer in enumerate(layers, start=1):
        low_rank = layer.export()
        close(gradient(low_rank.outer.weight), expected["grad"][f"A{n}"], tolerance)
        close(gradient(low_rank.inner.weight), expected["grad"][f"B{n}"], tolerance)
        close(gradient(low_rank.outer.bias), expected["grad"][f"b{n}"], tolerance)


def check_consistency_regression(case: Case) -> None:
    found = consistency(tensor(case["inputs"]["pass_1"]), tensor(case["inputs"]["pass_2"]), "regression")
    close(found, case["expected"]["mse"], case["tolerance"])


def check_sizes(case: Case) -> None:
    for name, expected in case["expected"].items():
        size = {key: int(value) for key, value in (part.split("=") for part in name.split(","))}
        d, f = size["d"], size["f"]
        shapes = ([(d, d)] * 4 + [(f, d), (d, f)]) * size["layers"]
        assert sum(n * m for n, m in shapes) == expected["dense"]
        assert factor_weights(size["k"], shapes) == expected["factors"]
        assert expected["factors"] / expected["dense"] == pytest.approx(expected["share"], rel=case["tolerance"])


# By an input field that only its kind of case has; the first that is there decides.
LPAF: dict[str, Check] = {
    "scale": check_invariances,
    "v_final": check_cubic_schedule,
    "p_init": check_p_schedule,
    "upstream_gradient": check_mixed_rank_layer,
    "teacher_logits": check_two_pass_loss,
    "pass_1": check_consistency_regression,
    "counted": check_sizes,
    "W": check_weighted_svd,
}


@pytest.mark.parametrize("case", cases("lpaf"))
def test_oracle_lpaf(case: Case) -> None:
    dispatch(case, LPAF)


def flat(masks: list[Tensor]) -> list[list[int]]:
    return [mask.flatten().int().tolist() for mask in masks]


def run_platon(
    given: Case, beta2: float, rule: str, steps: list[Case], magnitude: bool, tolerance: float
) -> list[Tensor]:
    """Replay one run; every stored mask, count, threshold and state is checked on the way."""
    weights = [tensor(W) for W in given["W0"]]
    sensitivity = Sensitivity(weights, beta=given["beta1"], window=given["deltaT"], uncertainty=beta2)
    stored = {step["step"]: step for step in steps}
    total = sum(W.numel() for W in weights)
    for step in range(1, given["total_steps"] + 1):
        gradients = [tensor(G) for G in given["gradients"][step - 1]]
        for W, G in zip(weights, gradients, strict=True):
            W.sub_(given["lr"] * G)
        sensitivity.update(weights, gradients, step)
        expected = stored.get(step)
        if expected is None:
            continue
        warm = given["warmup_steps"]
        share = kept_share(
            step,
            given["total_steps"],
            warm * given["initial_warmup"],
            warm * given["final_warmup"],
            given["final_threshold"],
            initial=given["initial_threshold"],
        )
        close(share, expected["keep_ratio"], tolerance)
        scores = [W.abs() for W in weights] if magnitude else sensitivity.scores()
        if "mask" in expected:
            if rule == "exact_count":
                masks = prune_masks(scores, share)
                assert total - sum(int(mask.sum()) for mask in masks) == expected["K"]
            else:  # the published rule truncates K and drops one fewer, at a strict threshold
                K = int(total * (1 - share))
                masks = drop_smallest(scores, max(K - 1, 0))
                close(torch.cat([s.flatten() for s in scores]).kthvalue(K).values, expected["threshold"], tolerance)
            assert flat(masks) == expected["mask"]
            apply_(weights, masks)
        check_platon_state(sensitivity, weights, expected, tolerance)
    return [*weights, *sensitivity.importance]


def check_platon_state(state: Sensitivity, weights: list[Tensor], expected: Case, tolerance: float) -> None:
    known = {"I": state.importance, "Ibar": state.window_mean, "U": state.deviation, "W": weights}
    for name, tensors in known.items():
        if name in expected:
            assert len(tensors) == len(expected[name])
            for found, value in zip(tensors, expected[name], strict=True):
                close(found, value, tolerance)


def check_platon_run(case: Case) -> None:
    for variant, expected in case["expected"].items():
        beta2 = float(variant.split(",")[0].removeprefix("beta2="))
        final = run_platon(case["inputs"], beta2, expected["rule"], expected["steps"], False, case["tolerance"])
        if "final_W" in expected:
            for found, value in zip(final, expected["final_W"] + expected["final_I"], strict=True):
                close(found, value, case["tolerance"])


def check_platon_magnitude(case: Case) -> None:
    expected = case["expected"]
    final = run_platon(case["inputs"], 1.0, "strict", expected["steps"], True, case["tolerance"])
    for found, value in zip(final, expected["final_W"], strict=False):
        close(found, value, case["tolerance"])


def check_platon_schedule(case: Case) -> None:
    given = case["inputs"]
    start = given["initial_warmup"] * given["warmup_steps"]
    cooldown = given["final_warmup"] * given["warmup_steps"]
    arguments = (given["total_steps"], start, cooldown, given["final_threshold"])
    if start + cooldown >= given["total_steps"]:
        with pytest.raises(ValueError, match="leave steps for the decay"):
            kept_share(1, *arguments)
        pytest.skip("a schedule without a decay jumps from 1 to the final share; ours refuses it (checked)")
    found = [kept_share(step, *arguments) for step in given["steps"]]
    close(tensor(found), case["expected"]["keep_ratio"], case["tolerance"])


def check_platon_degenerate(case: Case) -> None:
    ties = case["inputs"]["ties"]
    (mask,) = prune_masks([tensor(ties["scores"])], ties["keep_ratio"])
    assert int((~mask).sum()) == case["expected"]["ties_zero_count_exact_rule"]
    none = case["inputs"]["K0"]
    (mask,) = prune_masks([torch.arange(float(none["N"]))], none["keep_ratio"])
    assert int((~mask).sum()) == round(none["N"] * (1 - none["keep_ratio"]))  # where the published code raises
    assert drop_smallest([torch.ones(none["N"])], 0)[0].all()


# By an input field that only its kind of case has; the first that is there decides.
PLATON: dict[str, Check] = {
    "beta2": check_platon_magnitude,
    "gradients": check_platon_run,
    "steps": check_platon_schedule,
    "ties": check_platon_degenerate,
}


@pytest.mark.parametrize("case", cases("platon"))
def test_oracle_platon(case: Case) -> None:
    dispatch(case, PLATON)


def check_unified_classification(case: Case) -> None:
    given, expected, tolerance = case["inputs"], case["expected"], case["tolerance"]
    teacher, labels = tensor(given["teacher_logits"]), torch.tensor(given["labels"])
    student = tensor(given["student_logits"]).requires_grad_()
    close(supervised(student, labels, "classification"), expected["hard"], tolerance)
    for temperature, value in expected["soft_by_temperature"].items():
        close(distillation(student, teacher, float(temperature)), value, tolerance)
    soft = distillation(student, teacher, given["T"])
    close(soft, expected["soft_T2_batchmean"], tolerance)
    soft.backward()
    close(gradient(student), expected["grad_soft"], tolerance)
    student.grad = None
    total = unified(student, teacher, labels, "classification")
    close(total, expected["total_unified_default_0p5_0p5"], tolerance)
    total.backward()
    close(gradient(student), expected["grad_total_unified_default"], tolerance)
    other = unified(student, teacher, labels, "classification", label_weight=0.1, teacher_weight=0.9)
    close(other, expected["total_sensitivity_0p1_0p9"], tolerance)


def check_unified_regression(case: Case) -> None:
    given, expected, tolerance = case["inputs"], case["expected"], case["tolerance"]
    student, teacher, target = (tensor(given[name]) for name in ("student", "teacher", "target"))
    close(supervised(student, target, "regression"), expected["hard_mse"], tolerance)
    close(supervised(student, teacher, "regression"), expected["soft_mse_to_teacher"], tolerance)
    close(unified(student, teacher, target, "regression"), expected["total_unified_default_0p5_0p5"], tolerance)
    other = unified(student, teacher, target, "regression", label_weight=0.1, teacher_weight=0.9)
    close(other, expected["total_sensitivity_0p1_0p9"], tolerance)


def check_span_distillation(case: Case) -> None:
    given, tolerance = case["inputs"], case["tolerance"]
    student = tensor([given["start_logits_stu"], given["end_logits_stu"]])
    teacher = tensor([given["start_logits_tea"], given["end_logits_tea"]])
    labels = torch.tensor([given["start_positions"], given["end_positions"]])
    for name, expected in case["expected"].items():
        value = {key: float(number) for key, number in (part.split("=") for part in name.split(","))}
        close(distillation(student[0], teacher[0], value["T"]), expected["soft_start"], tolerance)
        close(distillation(student[1], teacher[1], value["T"]), expected["soft_end"], tolerance)
        close(distillation(student, teacher, value["T"]), expected["soft"], tolerance)
        close(supervised(student, labels, "classification"), expected["hard"], tolerance)
        total = unified(
            student,
            teacher,
            labels,
            "classification",
            temperature=value["T"],
            label_weight=value["a_ce"],
            teacher_weight=value["a_kd"],
        )
        close(total, expected["total"], tolerance)


def check_pretraining(case: Case) -> None:
    """DistilBERT's step: four terms, their sum, and the student's gradients."""
    given, expected, tolerance = case["inputs"], case["expected"], case["tolerance"]
    teacher = pretraining.Words(*(tensor(given["teacher"][name]) for name in ("logits", "hidden")))
    student = pretraining.Words(*(tensor(given["student"][name]).requires_grad_() for name in ("logits", "hidden")))
    weights = pretraining.Weights(
        **{name: given[f"alpha_{name}"] for name in ("ce", "mlm", "cos", "mse")},
        temperature=given["T"],
        targets_only=given["restrict_ce_to_mask"],
    )
    rest = torch.tensor(given["mlm_labels"]), torch.tensor(given["attention_mask"]), weights
    for name, value in pretraining.terms(student, teacher, *rest).items():
        close(value, expected[name], tolerance)
    loss = pretraining.total(student, teacher, *rest)
    close(loss, expected["total"], tolerance)
    logits, hidden = torch.autograd.grad(loss, (student.logits, student.hidden))
    for name, gradient in (("logits", logits), ("hidden", hidden)):
        if f"grad_student_{name}" in expected:
            close(gradient, expected[f"grad_student_{name}"], tolerance)


# By an input field that only its kind of case has; the first that is there decides.
KD: dict[str, Check] = {
    "mlm_labels": check_pretraining,
    "start_logits_stu": check_span_distillation,
    "student_logits": check_unified_classification,
    "target": check_unified_regression,
}


@pytest.mark.parametrize("case", cases("kd"))
def test_oracle_kd(case: Case) -> None:
    dispatch(case, KD)


def published_total(losses: tuple[Tensor, Tensor], agreement: Tensor, case: Case, rows: int) -> Tensor:
    """The published BERT file adds both losses and half the divergence, summed over the rows and not averaged.

    Ours averages both, which does not depend on the batch size; a case of the published file is met by undoing that.
    """
    total = losses[0] + losses[1] + (0.5 * rows * agreement if rows else agreement)
    close(total, case["expected"]["bert_file_total"], case["tolerance"])
    return total


def check_rdrop_regression(case: Case) -> None:
    given, expected, tolerance = case["inputs"], case["expected"], case["tolerance"]
    first, second, target = (tensor(given[name]) for name in ("pred_1", "pred_2", "target"))
    losses = supervised(first, target, "regression"), supervised(second, target, "regression")
    agreement = consistency(first, second, "regression")
    close(torch.stack(losses), [expected["mse_1"], expected["mse_2"]], tolerance)
    close(agreement, expected["consistency_mse"], tolerance)
    close(0.5 * sum(losses) + agreement, expected["unified_total_lambda_1"], tolerance)
    published_total(losses, agreement, case, rows=0)


def check_rdrop_classification(case: Case) -> None:
    given, expected, tolerance = case["inputs"], case["expected"], case["tolerance"]
    first, second = (tensor(given[name]).requires_grad_() for name in ("logits_1", "logits_2"))
    labels = torch.tensor(given["labels"])
    losses = supervised(first, labels, "classification"), supervised(second, labels, "classification")
    agreement = consistency(first, second, "classification")
    close(torch.stack(losses), [expected["ce_1"], expected["ce_2"]], tolerance)
    close(agreement, expected["consistency_symmetric_batchmean"], tolerance)
    close(agreement * len(labels), expected["readme_kl_sum"], tolerance)
    close(agreement * len(labels), expected["roberta_file_kl_sum"], tolerance)
    close(distillation(second, first, 1.0), expected["kl_1_to_2_batchmean"], tolerance)
    close(distillation(first, second, 1.0), expected["kl_2_to_1_batchmean"], tolerance)
    reference = functional.kl_div(
        second.log_softmax(-1), first.log_softmax(-1), reduction="batchmean", log_target=True
    )
    close(reference, expected["kl_1_to_2_batchmean"], tolerance)
    close(0.5 * sum(losses) + agreement, expected["unified_total_lambda_1"], tolerance)
    published_total(losses, agreement, case, rows=len(labels)).backward()
    close(gradient(first), expected["bert_file_grad_logits_1"], tolerance)
    close(gradient(second), expected["bert_file_grad_logits_2"], tolerance)


RDROP: dict[str, Check] = {"pred_1": check_rdrop_regression, "logits_1": check_rdrop_classification}


@pytest.mark.parametrize("case", cases("rdrop"))
def test_oracle_rdrop(case: Case) -> None:
    dispatch(case, RDROP)
