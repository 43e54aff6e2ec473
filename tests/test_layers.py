"""Low-rank and mixed-rank layers: what they compute, what they skip, what they save."""

import copy

import pytest
import torch
from torch import Tensor, nn

from methods.layers.low_rank import LowRankLinear
from methods.layers.mixed_rank import MixedRankLinear, draw_all
from methods.ops.svd import truncated_svd


def seeded(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def linear(out_features: int = 7, in_features: int = 5) -> nn.Linear:
    layer = nn.Linear(in_features, out_features)
    with torch.no_grad():
        layer.weight.copy_(seeded(out_features, in_features))
        layer.bias.copy_(seeded(out_features, seed=1))
    return layer


def mixed(rank: int = 2) -> tuple[MixedRankLinear, nn.Linear]:
    parent = linear()
    low_rank = LowRankLinear.from_factors(truncated_svd(parent.weight, rank), parent.bias)
    return MixedRankLinear(low_rank, parent.weight), parent


def test_full_rank_reproduces_the_layer() -> None:
    layer = linear()
    low_rank = LowRankLinear.from_factors(truncated_svd(layer.weight, 5), layer.bias)
    x = seeded(3, 4, 5, seed=2)
    torch.testing.assert_close(low_rank(x), layer(x), rtol=0, atol=1e-5)
    assert (low_rank.in_features, low_rank.out_features, low_rank.rank) == (5, 7, 5)
    assert "rank=5" in repr(low_rank)


def test_oracle_svd_ft_5_order_of_operations() -> None:
    layer = linear()
    low_rank = LowRankLinear.from_factors(truncated_svd(layer.weight, 2), layer.bias)
    x = seeded(6, 5, seed=2)
    torch.testing.assert_close(low_rank(x), x @ low_rank.product().T + layer.bias, rtol=0, atol=1e-5)


def test_it_is_two_stock_layers_and_keeps_the_names() -> None:
    low_rank = LowRankLinear.from_factors(truncated_svd(linear().weight, 2), linear().bias)
    assert type(low_rank.inner) is type(low_rank.outer) is nn.Linear
    assert sorted(low_rank.state_dict()) == ["inner.weight", "outer.bias", "outer.weight"]
    assert sum(p.numel() for p in low_rank.parameters()) == 2 * (7 + 5) + 7


def test_building_consumes_no_random_numbers_and_copies() -> None:
    layer = linear()
    before = torch.random.get_rng_state()
    low_rank = LowRankLinear.from_factors(truncated_svd(layer.weight, 2), layer.bias)
    LowRankLinear.like(layer, 2)
    assert torch.equal(before, torch.random.get_rng_state())
    with torch.no_grad():
        low_rank.outer.bias.add_(1)
    assert not torch.equal(low_rank.outer.bias, layer.bias)
    assert all(parameter.requires_grad for parameter in low_rank.parameters())


def test_without_bias_and_in_another_dtype() -> None:
    low_rank = LowRankLinear.from_factors(truncated_svd(linear().weight, 2), None, torch.bfloat16)
    assert low_rank.outer.bias is None
    assert low_rank.inner.weight.dtype == torch.bfloat16


def test_like_is_filled_from_a_state() -> None:
    source = LowRankLinear.from_factors(truncated_svd(linear().weight, 2), linear().bias)
    empty = LowRankLinear.like(linear(), 2)
    empty.load_state_dict(source.state_dict())
    assert torch.equal(empty.product(), source.product())


def test_low_rank_refuses() -> None:
    with pytest.raises(ValueError, match=r"got 3 and 2.*the inner layer has no bias"):
        LowRankLinear(nn.Linear(5, 3), nn.Linear(2, 7))
    with pytest.raises(ValueError, match=r"one value per output, \[7\], got \[5\]"):
        LowRankLinear.from_factors(truncated_svd(linear().weight, 2), torch.zeros(5))
    with pytest.raises(ValueError, match=r"in 1..5, got 6"):
        LowRankLinear.like(linear(), 6)
    with pytest.raises(TypeError, match=r"got LowRankLinear"):
        LowRankLinear.like(LowRankLinear.like(linear(), 2), 2)


def test_oracle_lpaf_8_both_ends_of_z() -> None:
    layer, parent = mixed()
    x = seeded(4, 5, seed=2)
    layer.draw = (True, True)
    assert torch.equal(layer(x), parent(x))
    layer.draw = (False, False)
    assert torch.equal(layer(x), layer.export()(x))


def test_oracle_lpaf_9_parents_get_no_gradient_and_hide_the_factors() -> None:
    layer, _ = mixed()
    layer.draw = (True, True)
    x = seeded(4, 5, seed=2).requires_grad_()
    layer(x).sum().backward()
    assert layer.low_rank.inner.weight.grad is None
    assert layer.low_rank.outer.weight.grad is None
    assert layer.low_rank.outer.bias.grad is not None
    assert layer.parent.grad is None
    assert not layer.parent.requires_grad
    assert x.grad is not None
    assert x.grad.any()


def test_passes_are_drawn_apart_and_nothing_discarded_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, parent = mixed()
    layer.draw = (True, False, True)
    seen: list[int] = []
    original = layer.low_rank.forward
    monkeypatch.setattr(layer.low_rank, "forward", lambda x: (seen.append(len(x)), original(x))[1])
    x = seeded(6, 3, 5, seed=2)
    output = layer(x)
    expected = torch.cat([parent(x[:2]), original(x[2:4]), parent(x[4:])])
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-6)
    assert seen == [2]
    layer.draw = (True, True)
    layer(x)
    assert seen == [2]


def test_evaluation_never_samples() -> None:
    layer, _ = mixed()
    layer.draw = (True, True)
    layer.eval()
    x = seeded(3, 5, seed=2)  # odd: no passes are stacked in evaluation
    assert torch.equal(layer(x), layer.export()(x))


def test_parent_stays_out_of_the_state() -> None:
    layer, parent = mixed()
    assert sorted(layer.state_dict()) == ["low_rank.inner.weight", "low_rank.outer.bias", "low_rank.outer.weight"]
    assert layer.export() is layer.low_rank
    assert torch.equal(copy.deepcopy(layer).double().parent.float(), parent.weight)


def test_mixed_rank_refuses() -> None:
    layer, parent = mixed()
    with pytest.raises(ValueError, match=r"\[7, 5\], got \[5, 7\]"):
        MixedRankLinear(layer.export(), parent.weight.T)
    layer.draw = (True, False)
    with pytest.raises(ValueError, match=r"stacks the 2 passes drawn, got 3 rows"):
        layer(seeded(3, 5))


def test_draws_are_independent_and_set() -> None:
    layers = [mixed()[0] for _ in range(3)]
    generator = torch.Generator().manual_seed(0)
    draws = torch.stack([draw_all(layers, 0.3, generator) for _ in range(4000)]).double()  # [4000, 3, 2]
    flat = draws.flatten(1)
    torch.testing.assert_close(flat.mean(0), torch.full((6,), 0.3).double(), rtol=0, atol=0.03)
    correlation = torch.corrcoef(flat.T) - torch.eye(6)
    assert float(correlation.abs().max()) < 0.06
    assert [layer.draw for layer in layers] == [tuple(row) for row in draws[-1].bool().tolist()]


def test_any_probability_consumes_as_many_random_numbers() -> None:
    layers = [mixed()[0] for _ in range(3)]
    states = []
    for probability in (0.0, 0.4, 1.0):
        generator = torch.Generator().manual_seed(0)
        drawn = draw_all(layers, probability, generator, passes=3)
        assert drawn.shape == (3, 3)
        assert bool(drawn.all()) == (probability == 1)
        assert bool(drawn.any()) == (probability > 0)
        states.append(generator.get_state())
    assert torch.equal(states[0], states[1])
    assert torch.equal(states[0], states[2])


def test_draws_refuse() -> None:
    with pytest.raises(ValueError, match=r"probability is in \[0, 1\], got 50.*passes are at least 1, got 0"):
        draw_all([], 50, torch.Generator(), passes=0)
