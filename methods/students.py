"""Shallower students: how many layers a budget pays for, which budgets a depth cannot meet, where students start."""

from functools import lru_cache

from methods.contract import Backbone, Setting
from methods.stages.stage import Stage
from methods.stages.student import Student
from methods.steps import encoded

LAYER_EXCESS = 0.01
"""How far above its budget a whole number of layers may be, as a share of the dense encoder's matrix weights.

The field prints 2 of 12 layers, 16.7 %, in the column of 16 %.
"""


def weights_by_layer(encoder: Backbone) -> tuple[int, ...]:
    """Matrix weights of each layer of an encoder, in its own order, found by the number in the matrices' names."""
    return _by_layer(tuple(encoder.matrices.items()))


@lru_cache(maxsize=16)  # few encoders, asked for at every plan
def _by_layer(matrices: tuple[tuple[str, tuple[int, int]], ...]) -> tuple[int, ...]:
    found: dict[str, int] = {}
    for name, (out, into) in matrices:
        prefix = next(
            ".".join(name.split(".")[: place + 1]) for place, part in enumerate(name.split(".")) if part.isdigit()
        )
        found[prefix] = found.get(prefix, 0) + out * into
    return tuple(found.values())


def depth(setting: Setting) -> int:
    """How many layers the backbone has."""
    return len(weights_by_layer(setting.backbone))


def dense_weights(setting: Setting) -> int:
    """The 100 % of every budget: all matrix weights of the backbone."""
    return sum(weights_by_layer(setting.backbone))


def layers_for(setting: Setting, encoder: Backbone | None = None) -> int:
    """The number of layers nearest to the budget that is not above it by more than `LAYER_EXCESS`.

    6, 3 and 2 of 12 layers for 50, 25 and 16 %. Layers are those of `encoder`, or of the backbone; the budget is a
    share of the backbone in any case.

    Raises:
        ValueError: Not even one layer fits.
    """
    reason = refusal(setting, encoder=encoder)
    if reason:
        raise ValueError(reason)
    whole = len(weights_by_layer(encoder or setting.backbone))
    return max(count for count in range(1, whole + 1) if _share(setting, count, encoder) <= _most(setting))


def refusal(setting: Setting, least: int = 1, encoder: Backbone | None = None) -> str | None:
    """Why no student of `least` layers or more, of `encoder` or the backbone, meets the budget, or None."""
    share = _share(setting, least, encoder)
    if share <= _most(setting):
        return None
    if encoder is not None:
        return (
            f"a student of whole layers keeps {least} or more; of {encoder.name} (student) that is "
            f"{100 * share:.3g} % of the matrix weights of {setting.backbone.name} (teacher) at least; "
            f"the budget is {100 * setting.budget.kept:.3g} %: ask for {100 * (share - LAYER_EXCESS):.3g} % or more, "
            "or take a narrower student"
        )
    whole = depth(setting)
    return (
        f"a student of whole layers keeps {least} or more of {whole}, {100 * share:.3g} % at least; "
        f"the budget is {100 * setting.budget.kept:.3g} %: ask for {100 * (share - LAYER_EXCESS):.3g} % or more, "
        "or take a deeper backbone"
    )


def first_layers(setting: Setting) -> Student:
    """The student most methods begin with: the backbone's first layers under a fresh head (Sun et al., 2019)."""
    return student(setting, tuple(range(layers_for(setting))))


def student(setting: Setting, layers: tuple[int, ...], encoder: str | Stage | None = None) -> Student:
    """Chosen layers (0-based) of the backbone, or of the encoder given, under a fresh head.

    Args:
        setting: Backbone, task and seed.
        layers: Which layers, in order.
        encoder: A fingerprint, or a stage whose artifact is a pre-trained encoder; None: the backbone.
    """
    return Student(
        encoder=setting.backbone.fingerprint if encoder is None else encoder,
        layers=layers,
        data=encoded(setting),
        dense_weights=dense_weights(setting),
        seed=setting.seed,
    )


def first(students: int, teachers: int) -> tuple[int, ...]:
    """The first layers (0-based)."""
    return tuple(range(students))


def evenly(students: int, teachers: int) -> tuple[int, ...]:
    """The teacher's layer (1-based) of each student layer: g(m) = m N / M, rounded down (Jiao et al., 2020, 3.1)."""
    return tuple(layer * teachers // students for layer in range(1, students + 1))


def spread(students: int, teachers: int) -> tuple[int, ...]:
    """Teacher layers (0-based) from the first to the last, half-way ones rounded down: 0, 2, 4, 7, 9, 11 for 6 of 12.

    Those that the published DistilBERT began with (scripts/extract_distilbert.py); one layer alone is the first.
    """
    if students == 1:
        return (0,)
    gaps = 2 * (students - 1)
    return tuple((2 * place * (teachers - 1) + students - 2) // gaps for place in range(students))


def fallback(label: str, layers: tuple[int, ...]) -> str:
    """What a reader must know of a student that was not pre-trained as one; layers are 0-based."""
    kept = ", ".join(str(layer + 1) for layer in layers)
    return (
        f"{label}: no general distillation on a text corpus; the student began as the backbone's layers {kept}, "
        "so expect less than the published number"
    )


def _share(setting: Setting, count: int, encoder: Backbone | None = None) -> float:
    """What the first `count` layers, of `encoder` or the backbone, keep of the backbone's weights."""
    return sum(weights_by_layer(encoder or setting.backbone)[:count]) / dense_weights(setting)


def _most(setting: Setting) -> float:
    return setting.budget.kept + LAYER_EXCESS
