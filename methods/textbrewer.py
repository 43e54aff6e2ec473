"""Whatever TextBrewer can match, as one row: its `intermediate_matches` are a knob (Yang et al., 2020)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from optuna.distributions import CategoricalDistribution
from torch import Tensor, nn

from methods import students
from methods.contract import Compressor, Distillation, Family, Setting, derive
from methods.space import LEARNING_RATES
from methods.stages.distil import Distil, Inner
from methods.stages.stage import Stage
from methods.steps import dense, encoded, teacher_logits
from methods.training import brewer
from methods.training.internals import Inside
from methods.training.matching import Matcher, Matching, Shape

Pairs = tuple[tuple[str, Any], ...]
REQUIRED = ("layer_T", "layer_S", "feature", "loss", "weight")
ENDS: tuple[Mapping[str, Any], ...] = (
    {"layer_T": 0, "layer_S": 0, "feature": "hidden", "loss": "hidden_mse", "weight": 1.0},
    {"layer_T": -1, "layer_S": -1, "feature": "hidden", "loss": "hidden_mse", "weight": 1.0},
)
"""Embeddings and last states: a default that fits any depth."""


@dataclass(frozen=True)
class Match:
    """One match: which of the teacher's layers, which of the student's, compared how."""

    teacher: tuple[int, ...]  # negative ones count from the last
    student: tuple[int, ...]
    feature: str
    loss: str
    weight: float
    projection: tuple[str, int, int] | None = None  # kind, the student's width, the teacher's

    def faults(self, student: int, teacher: int) -> list[str]:
        """What cannot be matched in models of so many layers; hidden states have the embeddings besides."""
        more = 1 if self.feature == "hidden" else 0
        return [
            f"{name}={layer}, and the {who} has {layers + more} of {self.feature}, numbered from 0"
            for name, who, chosen, layers in (
                ("layer_T", "teacher", self.teacher, teacher),
                ("layer_S", "student", self.student, student),
            )
            for layer in chosen
            if not -(layers + more) <= layer < layers + more
        ]


@dataclass(frozen=True)
class Brewed(Matching):
    """Imitate what the matches say."""

    kind: str = field(default="textbrewer", init=False)
    matches: tuple[Match, ...] = ()

    @property
    def heads(self) -> bool:  # type: ignore[override]  # depends on the value here
        """Whether attention is looked at."""
        return any(match.feature == "attention" for match in self.matches)

    def matcher(self, student: Shape, teacher: Shape, seed: int) -> Matcher:
        """A projection for each match that has one, each from a seed of its own."""
        faults = [fault for match in self.matches for fault in match.faults(student.layers, teacher.layers)]
        faults += [fault for match in self.matches for fault in _shape_faults(match, student, teacher)]
        if faults:
            raise ValueError("TextBrewer: a match fits both models, got " + "; ".join(faults))
        return _Brewed(self.matches, seed)


class _Brewed(Matcher):
    def __init__(self, matches: tuple[Match, ...], seed: int) -> None:
        super().__init__()
        self.matches = matches
        self.losses = [brewer.loss(match.loss) for match in matches]
        self.projections = nn.ModuleList(
            brewer.projection(*match.projection, derive(seed, f"match/{place}"))
            if match.projection
            else nn.Identity()
            for place, match in enumerate(matches)
        )

    def forward(self, student: Inside, teacher: Inside) -> Tensor:
        """Sum of weight * loss, with the mask that says where there are tokens."""
        ours, theirs = brewer.features(student), brewer.features(teacher)
        total = student.logits.new_zeros(())
        for match, loss, projection in zip(self.matches, self.losses, self.projections, strict=True):
            mine = [projection(ours[match.feature][layer]) for layer in match.student]
            wanted = [theirs[match.feature][layer] for layer in match.teacher]
            single = match.loss in brewer.SINGLE
            value = loss(mine[0], wanted[0], student.mask) if single else loss(mine, wanted, student.mask)
            total = total + match.weight * value
        return total


@dataclass(frozen=True)
class TextBrewer(Compressor):
    """The backbone's first layers learn the answers, and what `matches` says of the inside.

    `matches` is the library's list of dictionaries; it is kept as pairs of name and value, so that it stays a value.
    Without `temperature`, `kd_loss_weight` and `hard_label_weight` the answers are learned by the unified objective,
    as by every method here; with one of them by the library's, whose defaults (4, 1, 0) fill in the others.
    """

    matches: Sequence[Mapping[str, Any] | Pairs] = ENDS
    temperature: float | None = None
    kd_loss_weight: float | None = None
    hard_label_weight: float | None = None

    label: ClassVar[str] = "TextBrewer"
    family: ClassVar[Family] = Family.TASK_DISTILLATION
    source: ClassVar[str] = "Yang et al., ACL 2020 demonstrations (airaria/TextBrewer), presets and losses"
    space: ClassVar[Mapping[str, Any]] = {
        "distillation.temperature": CategoricalDistribution((2.0, 4.0, 8.0)),
        "lr": LEARNING_RATES,
    }
    excess: ClassVar[float] = students.LAYER_EXCESS

    def __post_init__(self) -> None:
        """Keep the matches as a value; refuse what the library does not know, all faults at once."""
        object.__setattr__(self, "matches", tuple(_pairs(match) for match in self.matches))
        _ = self.parsed

    @property
    def parsed(self) -> tuple[Match, ...]:
        """The matches, checked."""
        faults: list[str] = []
        found = [_parsed(place, dict(match), faults) for place, match in enumerate(self.matches)]
        if faults:
            raise ValueError("TextBrewer: " + "; ".join(faults))
        return tuple(match for match in found if match is not None)

    def plan(self, setting: Setting) -> Stage:
        """Student -> training on answers and matches."""
        return Distil(
            student=students.first_layers(setting),
            data=encoded(setting),
            recipe=setting.protocol.retrain,
            seed=setting.seed,
            distillation=self.answers(setting.protocol.distillation),
            logits=teacher_logits(setting),
            inner=Inner(dense(setting), Brewed(self.parsed)) if self.matches else None,
        )

    def answers(self, unified: Distillation) -> Distillation:
        """The weights on labels and logits; the library's loss on logits has no factor T^2."""
        given = (self.temperature, self.kd_loss_weight, self.hard_label_weight)
        if given == (None, None, None):
            return unified
        temperature, soft, hard = (
            default if one is None else one for one, default in zip(given, (4.0, 1.0, 0.0), strict=True)
        )
        if temperature <= 0:
            raise ValueError(f"TextBrewer: temperature is above 0, got {temperature}; 4 is the library's")
        return Distillation(hard=hard, soft=soft / temperature**2, temperature=temperature)

    def refused(self, setting: Setting) -> str | None:
        """Also budgets below one layer, and those whose student lacks a layer that is matched."""
        reason = super().refused(setting) or students.refusal(setting)
        if reason:
            return reason
        count, depth = students.layers_for(setting), students.depth(setting)
        faults = [fault for match in self.parsed for fault in match.faults(count, depth)]
        return f"a match names layers that are there, got {'; '.join(faults)}" if faults else None

    def title(self) -> str:
        """What is matched, where it is not the default."""
        if self == TextBrewer():
            return self.label
        losses = ", ".join(dict.fromkeys(match.loss for match in self.parsed)) or "no matches"
        return f"{self.label} ({losses})"


def _pairs(match: Mapping[str, Any] | Pairs) -> Pairs:
    """A match as sorted pairs of name and value, lists as tuples."""

    def value(given: Any) -> Any:
        if isinstance(given, list | tuple):
            return tuple(value(one) for one in given)
        if isinstance(given, Mapping):
            return tuple(sorted((str(name), value(one)) for name, one in given.items()))
        return given

    return tuple(sorted((str(name), value(given)) for name, given in dict(match).items()))


def _parsed(place: int, match: dict[str, Any], faults: list[str]) -> Match | None:
    """One match; what is wrong with it joins the faults."""
    known = (*REQUIRED, "proj")
    mine = [f"{name} is missing" for name in REQUIRED if name not in match]
    mine += [f"{name} is unknown; it has {', '.join(known)}" for name in match if name not in known]
    if not mine:
        mine = _value_faults(match)
    if mine:
        faults += [f"match {place}: {fault}" for fault in mine]
        return None
    projection = match.get("proj")
    return Match(
        _layers(match["layer_T"]),
        _layers(match["layer_S"]),
        match["feature"],
        match["loss"],
        float(match["weight"]),
        (projection[0], projection[1], projection[2]) if projection else None,
    )


def _layers(given: Any) -> tuple[int, ...]:
    return given if isinstance(given, tuple) else (given,)


def _value_faults(match: dict[str, Any]) -> list[str]:
    """The laws of the notation that a match breaks."""
    faults = []
    feature, loss, weight, projection = match["feature"], match["loss"], match["weight"], match.get("proj")
    if feature not in ("hidden", "attention"):
        faults.append(f"feature is hidden or attention, got {feature!r}")
    if loss not in (*brewer.SINGLE, *brewer.PAIRED):
        faults.append(f"loss is one of {', '.join((*brewer.SINGLE, *brewer.PAIRED))}, got {loss!r}")
    elif loss.startswith("attention") != (feature == "attention"):
        faults.append(f"{loss} compares {'attention' if loss.startswith('attention') else 'hidden'}, got {feature!r}")
    count = 2 if loss in brewer.PAIRED else 1
    for name in ("layer_T", "layer_S"):
        layers = _layers(match[name])
        if len(layers) != count or not all(type(layer) is int for layer in layers):
            faults.append(f"{name} is {'a list of two layers' if count == 2 else 'one layer'}, got {match[name]!r}")
    if isinstance(weight, bool) or not isinstance(weight, int | float) or weight < 0:
        faults.append(f"weight is a number >= 0, got {weight!r}")
    if projection and (
        len(projection) not in (3, 4)
        or projection[0] not in brewer.PROJECTIONS
        or not all(type(width) is int and width > 0 for width in projection[1:3])
        or feature != "hidden"
    ):
        faults.append(
            f"proj is [{' or '.join(brewer.PROJECTIONS)}, the student's width, the teacher's] of hidden states, "
            f"got {projection!r}"
        )
    elif projection and projection[3:] not in ((), ((),)):
        faults.append(f"a projection trains at the recipe's rate, got options {projection[3]!r}; leave them out")
    return faults


def _shape_faults(match: Match, student: Shape, teacher: Shape) -> list[str]:
    """Widths and heads that do not go together."""
    if match.feature == "attention":
        summed = match.loss in ("attention_mse_sum", "attention_ce_mean")
        if summed or student.heads == teacher.heads:
            return []
        return [f"{match.loss} of {student.heads} heads (student) and {teacher.heads} (teacher)"]
    if match.projection:
        given, real = match.projection[1:], (student.width, teacher.width)
        return (
            [] if given == real else [f"proj from {given[0]} to {given[1]}, and widths are {real[0]} and {real[1]}"]
        )
    if student.width == teacher.width or match.loss in ("mmd", "nst"):
        return []
    return [f"{match.loss} of widths {student.width} (student) and {teacher.width} (teacher) without proj"]


METHODS = {"textbrewer": TextBrewer()}
