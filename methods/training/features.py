"""Feature distillation: the student's layer outputs drawn towards the teacher's, beside the unified objective."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from methods.contract import Distillation
from methods.stages.stage import Stage
from methods.training.batches import Batch
from methods.training.objectives import Distilled


@dataclass(frozen=True, kw_only=True)
class FeatureDistillation(Distillation):
    """The unified logit distillation, plus `beta` times the squared distance of the layer outputs.

    The original is Ben Noach & Goldberg (AACL 2020), whose exact set of features and weights is not published; all
    layer outputs with equal weights are a choice.
    """

    teacher: Stage  # whose layer outputs; of the student's depth and width, as a factorized model's source is
    beta: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a weight that means nothing."""
        super().__post_init__()
        if not self.beta > 0:
            raise ValueError(f"FeatureDistillation: beta is a weight > 0, got {self.beta}; use Distillation without")


class Featured:
    """The unified objective plus the features' distance. The teacher runs along, without gradient or dropout."""

    separable = False  # the distance is a mean over word pieces

    def __init__(self, single: Distilled, teacher: nn.Module, beta: float) -> None:
        """`teacher` is on the training device; it is no part of what is trained or checkpointed."""
        self.single = single
        self.teacher = teacher.eval().requires_grad_(False)
        self.beta = beta

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """L_sup + beta * mean over layers of the masked squared distance."""
        with torch.inference_mode():
            wanted = self.teacher(**batch.inputs, output_hidden_states=True).hidden_states[1:]  # without embeddings
        answer = model(**batch.inputs, output_hidden_states=True)
        distance = feature_distance(answer.hidden_states[1:], wanted, batch.inputs["attention_mask"])
        return self.single.of_logits(answer.logits.float(), batch) + self.beta * distance


def feature_distance(student: Sequence[Tensor], teacher: Sequence[Tensor], mask: Tensor) -> Tensor:
    """Mean over layers of the mean squared difference at word pieces that are no padding, a scalar in float32.

    Args:
        student: one tensor [rows, length, width] a layer.
        teacher: the same shapes; no gradient reaches them.
        mask: [rows, length], 1 at a word piece, 0 at padding.

    Raises:
        ValueError: other layers or shapes.
    """
    if [each.shape for each in student] != [each.shape for each in teacher] or not student:
        raise ValueError(
            "feature_distance: student and teacher have the same layers and widths, got "
            f"{[list(each.shape) for each in student]} and {[list(each.shape) for each in teacher]}; "
            "without a projection only models of one shape can be compared"
        )
    valid = mask.unsqueeze(-1).float()  # [rows, length, 1]
    places = valid.sum() * student[0].shape[-1]
    distances = [
        ((mine.float() - theirs.float()).square() * valid).sum() / places
        for mine, theirs in zip(student, teacher, strict=True)
    ]
    return torch.stack(distances).mean()
