"""What compression does to single examples, from stored predictions: pure functions on arrays."""

import dataclasses

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from reports.answers import Answers

BINS = 15
THIRDS = 3


@dataclasses.dataclass(frozen=True)
class Forensics:
    """One compressed method against the dense model, the same seeds; shares are fractions."""

    agreement: float  # share of examples on which both answer the same, mean over seeds
    agreement_if_dense_right: float | None  # None where there is no such example
    agreement_if_dense_wrong: float | None
    broken: tuple[str, ...]  # ids the dense model has right and the compressed one wrong, each in most seeds
    mended: tuple[str, ...]  # the other way round
    calibration_error: float
    calibration_error_dense: float
    by_label: dict[int, "Part"]
    by_length: dict[str, "Part"]  # '4 to 9' word pieces -> ...; empty where predictions hold no lengths


@dataclasses.dataclass(frozen=True)
class Part:
    """Results on a part of the examples, means over seeds."""

    examples: int
    accuracy: float
    accuracy_dense: float


def examine(compressed: Answers, dense: Answers) -> Forensics:
    """Everything at once.

    Raises:
        ValueError: other examples, or another number of seeds.
    """
    if not compressed.same_examples(dense) or len(compressed.logits) != len(dense.logits):
        raise ValueError("forensics: compares the answers of the same seeds to the same examples, these differ")
    right, dense_right = compressed.correct, dense.correct
    lengths = compressed.lengths if compressed.lengths is not None else dense.lengths

    def part(inside: npt.NDArray[np.bool_]) -> Part:
        return Part(int(inside.sum()), float(right[:, inside].mean()), float(dense_right[:, inside].mean()))

    same = compressed.classes == dense.classes
    return Forensics(
        agreement=float(same.mean()),
        agreement_if_dense_right=_share(same, dense_right),
        agreement_if_dense_wrong=_share(same, ~dense_right),
        broken=_named(compressed.ids, _most(dense_right) & _most(~right)),
        mended=_named(compressed.ids, _most(~dense_right) & _most(right)),
        calibration_error=mean_calibration_error(compressed),
        calibration_error_dense=mean_calibration_error(dense),
        by_label={int(label): part(np.asarray(compressed.labels == label)) for label in np.unique(compressed.labels)},
        by_length={} if lengths is None else {name: part(inside) for name, inside in thirds(lengths).items()},
    )


def thirds(lengths: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.bool_]]:
    """The shortest third of the examples, the middle one and the longest: '4 to 9' word pieces -> which they are.

    The borders are the tertiles of the lengths themselves. Examples of one length stay together, so that thirds are
    not of equal size, and there are fewer than three where few lengths occur.

    Args:
        lengths: [examples].
    """
    borders = np.quantile(lengths, np.arange(1, THIRDS) / THIRDS) if len(lengths) else np.empty(0)
    places = np.searchsorted(borders, lengths)  # a length on a border belongs to the shorter side
    found = {}
    for place in np.unique(places):
        inside = np.asarray(places == place)
        shortest, longest = int(lengths[inside].min()), int(lengths[inside].max())
        found[str(shortest) if shortest == longest else f"{shortest} to {longest}"] = inside
    return found


def calibration_error(logits: npt.ArrayLike, labels: npt.ArrayLike, bins: int = BINS) -> float:
    """Expected calibration error: sum over bins of (share of the bin) * |accuracy - mean confidence|.

    Confidence is the greatest probability; the bins divide [0, 1] equally. Source: Guo et al. (2017), On Calibration
    of Modern Neural Networks, ICML. It is biased upwards for few examples: compare only equal numbers of them.

    Args:
        logits: [examples, classes].
        labels: [examples].
        bins: how many.
    """
    probabilities = softmax(np.asarray(logits, dtype=np.float64), axis=1)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == np.asarray(labels)
    inside = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gap = np.bincount(inside, right, bins) - np.bincount(inside, confidence, bins)
    return float(np.abs(gap).sum() / len(confidence))


def mean_calibration_error(answers: Answers, bins: int = BINS) -> float:
    """The mean of `calibration_error` over seeds."""
    return float(np.mean([calibration_error(logits, answers.labels, bins) for logits in answers.logits]))


def _most(seeds: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """True in more than half of the seeds: [seeds, examples] -> [examples]."""
    return np.asarray(2 * seeds.sum(axis=0) > len(seeds), dtype=bool)


def _share(same: npt.NDArray[np.bool_], of: npt.NDArray[np.bool_]) -> float | None:
    return float(same[of].mean()) if of.any() else None


def _named(ids: npt.NDArray[np.generic], chosen: npt.NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(str(one) for one in ids[chosen].tolist())
