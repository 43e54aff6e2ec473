"""The stages that most methods begin with. Equal calls give equal stages, so the work is done once for all."""

from dataclasses import replace

from methods.contract import Setting
from methods.ops.ranks import rank_for
from methods.stages.encode import Encode
from methods.stages.finetune import FineTune
from methods.stages.logits import Logits
from methods.stages.prune import Prune, Schedule, Score


def encoded(setting: Setting) -> Encode:
    """The setting's task as word pieces."""
    task = setting.task
    return Encode(
        encoder=setting.backbone.fingerprint,
        task=task.name,
        task_kind=task.kind,
        data=task.fingerprint,
        outputs=task.outputs,
        evaluation=task.evaluation,
        train_rows=task.train_rows,
        max_length=task.max_length,
    )


def dense(setting: Setting) -> FineTune:
    """The densely fine-tuned encoder: reference, teacher, and what plain SVD factorizes."""
    return FineTune(setting.backbone.fingerprint, encoded(setting), setting.protocol.dense, setting.seed)


def teacher_logits(setting: Setting) -> Logits:
    """The dense model's answers on the training split."""
    return Logits(dense(setting), encoded(setting), setting.protocol.dense.precision)


def pruned(setting: Setting, kept: float, score: Score) -> Prune:
    """A sparse model that keeps the fraction `kept` of its matrix weights.

    The learning rate warms up for as long as pruning waits (t_i), as the sibling code of the paper's author does.
    """
    protocol = setting.protocol
    return Prune(
        encoder=setting.backbone.fingerprint,
        data=encoded(setting),
        teacher=teacher_logits(setting),
        recipe=replace(protocol.prune, warmup=protocol.prune_warmup),
        distillation=protocol.distillation,
        schedule=Schedule(kept, protocol.prune_warmup, protocol.prune_cooldown, score.window),
        score=score,
        seed=setting.seed,
    )


def rank(setting: Setting, given: int | None = None) -> int:
    """The rank that meets the budget, the same for every matrix, or the one given.

    Raises:
        ValueError: A rank above what the smallest matrix has.
    """
    shapes = list(setting.backbone.matrices.values())
    largest = min(min(shape) for shape in shapes)
    if given is None:
        return min(rank_for(setting.budget.kept, shapes), largest)
    if not 1 <= given <= largest:
        raise ValueError(
            f"rank is a whole number from 1 to the smallest side of the matrices, {largest}, got {given}"
        )
    return given
