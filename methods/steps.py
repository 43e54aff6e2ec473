"""The stages that most methods begin with. Equal calls give equal stages, so the work is done once for all.

Recent calls give the very same object, so that a table of thousands of cells knows its keys at once.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from methods.contract import Setting
from methods.ops.ranks import rank_for
from methods.stages.encode import Encode
from methods.stages.finetune import FineTune
from methods.stages.logits import Logits
from methods.stages.prune import Prune, Schedule, Score

_encode = lru_cache(maxsize=256)(Encode)
_finetune = lru_cache(maxsize=4096)(FineTune)
_logits = lru_cache(maxsize=4096)(Logits)


def encoded(setting: Setting) -> Encode:
    """The setting's task as word pieces."""
    task = setting.task
    return _encode(
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
    return _finetune(setting.backbone.fingerprint, encoded(setting), setting.protocol.dense, setting.seed)


def teacher_logits(setting: Setting) -> Logits:
    """The dense model's answers on the training split."""
    return _logits(dense(setting), encoded(setting), setting.protocol.dense.precision)


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

    A given rank above what a matrix can have is cut to its smaller side when it is factorized; `oversized` says so.

    Raises:
        ValueError: A rank below 1, or above what every matrix can have.
    """
    shapes = list(setting.backbone.matrices.values())
    if given is None:
        return rank_for(setting.budget.kept, shapes)
    largest = max(min(shape) for shape in shapes)
    if not 1 <= given <= largest:
        raise ValueError(
            f"rank is a whole number from 1 to the smaller side of the matrices, {largest}, got {given}; "
            f"{largest} keeps them whole"
        )
    return given


def oversized(setting: Setting, given: int | None = None) -> tuple[str, ...]:
    """Warnings about a rank: matrices it cannot have, matrices whose factors are larger than they were."""
    k = rank(setting, given)
    shapes = list(setting.backbone.matrices.values())
    said = []
    beyond = [shape for shape in shapes if k > min(shape)]
    if beyond:
        said.append(
            f"rank {k} is above min(n, m) of {len(beyond)} of {len(shapes)} matrices, "
            f"{_sizes(beyond)}; these have rank min(n, m)"
        )
    larger = [(n, m) for n, m in shapes if min(k, n, m) * (n + m) > n * m]
    if larger:
        n, m = larger[0]
        said.append(
            f"rank {k} makes {len(larger)} of {len(shapes)} matrices larger than they were, {_sizes(larger)}: "
            f"{min(k, n, m) * (n + m):,} weights for {n * m:,}"
        )
    return tuple(said)


def _sizes(shapes: Sequence[tuple[int, int]]) -> str:
    return " and ".join(dict.fromkeys(f"{n} x {m}" for n, m in shapes))
