"""FWSVD against recorded numbers: tests/oracles/fwsvd.json, or the folder in WEIGHIN_ORACLES; and against identities.

A case is told by its fields: one with data checks the Fisher information and the factorizations it leads to, one
with a given information checks the factorization alone.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from methods.ops.fisher import add_squared_gradients_
from methods.ops.losses import supervised
from methods.ops.svd import Factors, truncated_svd, weighted_svd
from methods.training.sensitivities import Taps
from oracle_cases import Case, cases, close, tensor


def product(factors: Factors) -> Tensor:
    return factors.outer @ factors.inner


def fisher_of(layer: nn.Linear, loss: Tensor, taps: Taps, examples: int) -> Tensor:
    """Mean of each example's squared gradient, the way the stage computes it; `loss` is a sum over examples."""
    total = torch.zeros_like(layer.weight)
    for inputs, gradients in taps.gradients(loss).values():
        add_squared_gradients_(total, inputs, gradients)
    return total / examples


def softmax_fisher(given: Case, size: int = 1) -> Tensor:
    """The information of softmax regression; with `size` > 1 of consecutive batches' mean losses."""
    weight, inputs, labels = tensor(given["W"]), tensor(given["X"]), torch.tensor(given["labels"])
    layer = nn.Linear(weight.shape[1], weight.shape[0]).double().requires_grad_(False)
    layer.weight.copy_(weight)
    layer.bias.copy_(tensor(given["b"]))
    taps = Taps({"layer": layer})
    with taps.open():
        if size == 1:
            loss = supervised(layer(inputs), labels, "classification") * len(inputs)
            return fisher_of(layer, loss, taps, len(inputs))
        found = []
        for rows, wanted in zip(inputs.split(size), labels.split(size), strict=True):
            # a batch as one example of many positions: its gradient is summed before it is squared
            loss = functional.cross_entropy(layer(rows.unsqueeze(0))[0], wanted)
            found.append(fisher_of(layer, loss, taps, 1))
    return torch.stack(found).mean(dim=0)


def check_factorization(W: Tensor, fisher: Tensor, k: int, side: str, expected: Case, tolerance: float) -> None:
    """One factorization against what is recorded of it; fields that are not recorded are not asked."""
    factors = weighted_svd(W, fisher, k, gamma=0.5, side=side)  # type: ignore[arg-type]
    weights = fisher.sum(dim=1 if side == "row" else 0)
    shared = weights.unsqueeze(1) if side == "row" else weights.unsqueeze(0)
    error = (W - product(factors)).square()
    scale = weights.sum().sqrt()  # our scaled matrix is normalised, the recorded one is not
    found: dict[str, Tensor] = {
        "weights": weights,
        "diagonal": weights.clamp_min(1e-6 * float(weights.max())).sqrt(),
        "weighted_singular_values": factors.singular_values * scale,
        "singular_values": factors.singular_values * scale,
        "product": product(factors),
        "row_or_column_weighted_error": (shared * error).sum(),
        "weighted_error": (shared * error).sum(),
        "elementwise_error": (fisher * error).sum(),
        "elementwise_fisher_error": (fisher * error).sum(),
        "unweighted_error": error.sum(),
    }
    assert "product" in expected
    unknown = set(expected) - set(found)
    assert not unknown, f"recorded but not checked: {sorted(unknown)}"
    for name, value in expected.items():
        close(found[name], value, tolerance)


@pytest.mark.parametrize("case", cases("fwsvd"))
def test_oracle_fwsvd(case: Case) -> None:
    given, expected, tolerance = case["inputs"], case["expected"], case["tolerance"]
    W = tensor(given["W"])
    if "fisher" in given:
        for side, recorded in expected.items():
            check_factorization(W, tensor(given["fisher"]), given["k"], side, recorded, tolerance)
        return
    fisher = softmax_fisher(given)
    close(fisher, expected["fisher_per_example"], tolerance)
    batched = softmax_fisher(given, expected["batch_size_of_the_latter"])
    close(batched, expected["fisher_squared_batch_mean"], tolerance)
    for variant, recorded in expected["factorizations"].items():
        options = dict(part.split("=") for part in variant.split(","))
        check_factorization(W, fisher, int(options["k"]), options["side"], recorded, tolerance)
    for variant, value in expected["plain_svd_product"].items():
        close(product(truncated_svd(W, int(variant.removeprefix("k=")))), value, tolerance)


def test_oracle_constant_or_scaled_information_changes_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    W = torch.randn((9, 6), dtype=torch.float64, generator=generator)
    fisher = torch.rand((9, 6), dtype=torch.float64, generator=generator)
    for side in ("row", "col"):
        one = product(weighted_svd(W, fisher, 2, gamma=0.5, side=side))
        close(product(weighted_svd(W, 1e-9 * fisher, 2, gamma=0.5, side=side)), one.tolist(), 1e-12)
        flat = weighted_svd(W, torch.full_like(fisher, 3e-8), 2, gamma=0.5, side=side)
        close(product(flat), product(truncated_svd(W, 2)).tolist(), 1e-12)
        close(product(weighted_svd(W, fisher, 6, gamma=0.5, side=side)), W.tolist(), 1e-12)


def test_oracle_opposite_examples_do_not_cancel() -> None:
    """Two examples with gradients 1 and -1 on one weight: information 1; a squared batch mean would say 0."""
    total = torch.zeros(1, 1)
    add_squared_gradients_(total, torch.ones(2, 1), torch.tensor([[1.0], [-1.0]]))
    assert float(total / 2) == 1.0


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), rows=st.integers(2, 9), columns=st.integers(2, 9), data=st.data())
def test_oracle_no_candidate_beats_the_closed_form(seed: int, rows: int, columns: int, data: st.DataObject) -> None:
    generator = torch.Generator().manual_seed(seed)
    W = torch.randn((rows, columns), dtype=torch.float64, generator=generator)
    fisher = torch.rand((rows, columns), dtype=torch.float64, generator=generator) + 1e-3
    k = data.draw(st.integers(1, min(rows, columns) - 1))
    weights = fisher.sum(dim=1, keepdim=True)
    mine = weighted_svd(W, fisher, k, gamma=0.5)
    error = float((weights * (W - product(mine)).square()).sum())
    tail = torch.linalg.svdvals(weights.sqrt() * W)[k:].square().sum()
    assert error == pytest.approx(float(tail), rel=1e-9, abs=1e-12)
    plain = (W - product(truncated_svd(W, k))).square().sum()
    assert float((W - product(mine)).square().sum()) >= float(plain) * (1 - 1e-12)
    for _ in range(20):
        other = torch.randn((rows, k), dtype=torch.float64, generator=generator)
        best = other @ torch.linalg.lstsq(weights.sqrt() * other, weights.sqrt() * W).solution
        assert float((weights * (W - best).square()).sum()) >= error * (1 - 1e-9)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), examples=st.integers(1, 5), positions=st.integers(1, 4))
def test_oracle_information_is_autograds_example_by_example(seed: int, examples: int, positions: int) -> None:
    """Also of a layer that is called twice, and exactly zero for one that does not reach the loss."""
    generator = torch.Generator().manual_seed(seed)
    first, second, unused = (nn.Linear(4, 4).double().requires_grad_(False) for _ in range(3))
    for layer in (first, second, unused):
        layer.weight.copy_(torch.randn((4, 4), dtype=torch.float64, generator=generator))
    inputs = torch.randn((examples, positions, 4), dtype=torch.float64, generator=generator)

    def losses(batch: Tensor) -> Tensor:
        hidden = torch.tanh(second(torch.tanh(first(first(batch)))))
        unused(batch)
        return hidden.square().mean(dim=(1, 2))  # [examples]

    layers = {"first": first, "second": second, "unused": unused}
    taps = Taps(layers)
    with taps.open():
        seen = taps.gradients(losses(inputs).sum())
    assert "unused" not in seen
    for name in ("first", "second"):
        total = torch.zeros(4, 4, dtype=torch.float64)
        add_squared_gradients_(total, *seen[name])
        layers[name].weight.requires_grad_(True)
        expected = sum(
            torch.autograd.grad(losses(inputs[place : place + 1])[0], layers[name].weight)[0].square()
            for place in range(examples)
        )
        layers[name].weight.requires_grad_(False)
        assert isinstance(expected, Tensor)
        torch.testing.assert_close(total, expected, rtol=1e-10, atol=1e-14)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"total is \[out, in\], got \[2, 3\], \[2, 4\] and \[3, 4\]"):
        add_squared_gradients_(torch.zeros(3, 4), torch.zeros(2, 3), torch.zeros(2, 4))
