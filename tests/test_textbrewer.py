"""TextBrewer's distillation losses as an oracle of ours: same gradients, up to the factor T^2 it leaves out."""

import pytest
import torch
from textbrewer.losses import kd_ce_loss, kd_mse_loss

from methods.ops.losses import distillation, supervised


@pytest.mark.parametrize("temperature", [1.0, 2.0, 8.0])
def test_distillation_has_textbrewers_gradient(temperature: float) -> None:
    generator = torch.Generator().manual_seed(0)
    student = torch.randn((6, 3), generator=generator, dtype=torch.float64, requires_grad=True)
    teacher = torch.randn((6, 3), generator=generator, dtype=torch.float64)
    (ours,) = torch.autograd.grad(distillation(student, teacher, temperature), student)
    (theirs,) = torch.autograd.grad(kd_ce_loss(student, teacher, temperature), student)
    torch.testing.assert_close(ours, temperature**2 * theirs, rtol=1e-10, atol=1e-12)


def test_regression_to_a_teacher_is_textbrewers_squared_error() -> None:
    generator = torch.Generator().manual_seed(1)
    student, teacher = (torch.randn((6, 1), generator=generator) for _ in range(2))
    torch.testing.assert_close(supervised(student, teacher[:, 0], "regression"), kd_mse_loss(student, teacher, 1.0))
