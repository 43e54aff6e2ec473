"""Statistics by their defining properties, and the size of the tests by simulation."""

import math
import sys
import time

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks.tasks.metrics import functions
from reports.statistics import aggregates, bootstrap, mean, power, spread
from reports.statistics.across_tasks import friedman, nemenyi, shared_ranks
from reports.statistics.counts import mcnemar, wilson
from reports.statistics.crossed import crossed
from reports.statistics.crossed_bootstrap import crossed_bootstrap
from reports.statistics.effects import hedges_g, hedges_g_paired
from reports.statistics.equivalence import tost
from reports.statistics.multiplicity import adjust
from reports.statistics.paired import paired_t, smallest_seen

SEEDS, EXAMPLES, TRIALS = 3, 400, 700
values = st.lists(st.floats(0, 100).map(lambda x: round(x, 3)), min_size=3, max_size=8)


def no_difference(generator: np.random.Generator) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Two methods that are equally good on average: correctness (seeds, examples) of each.

    An example is right where its ease, this method's own taste for it, the luck of the seed and the luck of the
    moment add up to more than 0. Seeds and examples are both drawn anew.
    """
    ease = generator.normal(1.5, 2, EXAMPLES)

    def method() -> npt.NDArray[np.float64]:
        taste, luck = generator.normal(0, 1, EXAMPLES), generator.normal(0, 0.1, (SEEDS, 1))
        return (ease + taste + luck + generator.normal(0, 0.5, (SEEDS, EXAMPLES)) > 0).astype(np.float64)

    return method(), method()


def test_the_crossed_test_keeps_its_size_with_three_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    """The share of trials in which two equal methods are called different at 0.05."""
    generator = np.random.default_rng(20240511)
    called = np.zeros(3)
    for _ in range(TRIALS):
        a, b = no_difference(generator)
        only_a, only_b = int((a[0] > b[0]).sum()), int((a[0] < b[0]).sum())
        called += (
            crossed(a - b).p < 0.05,
            stats.ttest_rel(a.mean(axis=1), b.mean(axis=1)).pvalue < 0.05,
            mcnemar(only_a, only_b).p < 0.05,
        )
    size = called / TRIALS
    with capsys.disabled():
        sys.stdout.write(
            f"\nsize at 0.05, {SEEDS} seeds x {EXAMPLES} examples, {TRIALS} trials: seeds x examples {size[0]:.3f}, "
            f"paired t over seeds {size[1]:.3f}, McNemar of one pair of checkpoints {size[2]:.3f}\n"
        )
    assert size[0] == pytest.approx(0.05, abs=0.02)
    assert size[1] > 0.07
    assert size[2] > 0.07


def test_the_crossed_test_finds_what_is_there() -> None:
    generator = np.random.default_rng(3)
    a, b = no_difference(generator)
    worse = np.where(generator.random(b.shape) < 0.15, 0.0, b)
    assert crossed(a - worse).p < 0.01
    assert crossed(a - worse).low > 0


def test_crossed_of_equal_and_of_constant_differences() -> None:
    assert crossed(np.zeros((3, 5))).p == 1
    assert crossed(np.ones((3, 5))).p == 0
    with pytest.raises(ValueError, match="at least 2 x 2"):
        crossed(np.zeros((1, 5)))
    with pytest.raises(ValueError, match="1 of 6 are not"):
        crossed([[0, 0, math.nan], [0, 0, 0]])


@given(values, st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_differences_change_sign_with_the_order_of_the_methods(first: list[float], seed: int) -> None:
    second = (np.asarray(first) + np.random.default_rng(seed).normal(0, 1, len(first))).tolist()
    ours, other = paired_t(first, second), paired_t(second, first)
    assert (ours.difference, ours.t, ours.low) == pytest.approx((-other.difference, -other.t, -other.high))
    assert ours.p == pytest.approx(other.p)
    assert (ours.p < 0.05) == (abs(ours.difference) > ours.smallest_seen)
    assert hedges_g_paired(first, second).g == pytest.approx(-hedges_g_paired(second, first).g)


def test_paired_t_without_spread() -> None:
    assert paired_t([1, 2, 3], [1, 2, 3]).p == 1
    assert paired_t([2, 3, 4], [1, 2, 3]).p == 0
    with pytest.raises(ValueError, match="pairs the values of two methods"):
        paired_t([1, 2, 3], [1, 2])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_adjusted_p_values_keep_the_order_and_their_bounds(p: list[float]) -> None:
    holm, false_discovery, bonferroni = (
        np.asarray(adjust(p, "all", control).adjusted) for control in ("holm", "benjamini-hochberg", "bonferroni")
    )
    assert (np.asarray(p) <= false_discovery + 1e-12).all()
    assert (false_discovery <= holm + 1e-12).all()
    assert (holm <= bonferroni + 1e-12).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(holm[order]) >= 0).all()


def test_a_family_has_a_name() -> None:
    with pytest.raises(ValueError, match="say which tests belong together"):
        adjust([0.1], " ")
    with pytest.raises(ValueError, match="probabilities"):
        adjust([1.1], "all")


def test_bootstrap_metrics_are_those_of_the_tasks() -> None:
    generator = np.random.default_rng(0)
    for classes in (2, 3):
        labels, given_ = generator.integers(0, classes, (2, 50))
        confusion = np.zeros((classes, classes))
        np.add.at(confusion, (labels, given_), 1)
        for name, metric in bootstrap.METRICS.items():
            if classes == 2 or name != "f1":
                assert metric(confusion) == pytest.approx(functions.METRICS[name](given_, labels))
    constant = np.array([[3.0, 0], [4, 0]])
    assert bootstrap.f1(constant) == 0
    assert bootstrap.matthews(constant) == 0


def test_bootstrap_by_kinds_is_the_bootstrap_by_examples() -> None:
    """The same distribution as drawing the examples one by one: mean and spread of the resampled differences."""
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 2, 300)
    first, second = (np.where(generator.random((3, 300)) < share, labels, 1 - labels) for share in (0.8, 0.75))
    ours = bootstrap.of_classes(labels, first, second, bootstrap.f1, seed=0, resamples=4000)
    drawn = generator.integers(0, 300, (2000, 300))

    def by_hand(given_: npt.NDArray[np.int64], at: npt.NDArray[np.int64]) -> float:
        return mean([functions.f1(run[at], labels[at]) for run in given_])

    plain = np.array([by_hand(first, at) - by_hand(second, at) for at in drawn[:800]])
    every = np.arange(300)
    assert ours.difference == pytest.approx(by_hand(first, every) - by_hand(second, every))
    assert (ours.high - ours.low) == pytest.approx(np.subtract(*np.quantile(plain, (0.975, 0.025))), rel=0.15)
    accuracies = bootstrap.of_classes(labels, first, second, bootstrap.accuracy, seed=0)
    means = bootstrap.of_means(first == labels, second == labels, seed=0)
    assert (accuracies.low, accuracies.high) == pytest.approx((means.low, means.high), abs=2e-3)


def test_bootstrap_of_many_different_scores_keeps_mean_and_spread() -> None:
    a, b = np.random.default_rng(2).random((2, 3, 5000))
    found = bootstrap.of_means(a, b, seed=0)
    d = (a - b).mean(axis=0)
    assert found.difference == pytest.approx(d.mean())
    assert (found.high - found.low) / (2 * 1.96) == pytest.approx(d.std() / len(d) ** 0.5, rel=0.03)


def test_bootstrap_is_the_same_twice_and_refuses_what_does_not_fit() -> None:
    labels, given_ = np.array([0, 1, 1]), np.array([[0, 1, 0]])
    one = bootstrap.of_classes(labels, given_, given_[:, ::-1], bootstrap.f1, seed=4, resamples=50)
    assert one == bootstrap.of_classes(labels, given_, given_[:, ::-1], bootstrap.f1, seed=4, resamples=50)
    with pytest.raises(ValueError, match="two predictions"):
        bootstrap.of_classes(labels, given_, given_[:, :2], bootstrap.f1, seed=0)


def test_the_crossed_bootstrap_of_a_mean_is_the_crossed_test() -> None:
    generator = np.random.default_rng(6)
    labels = generator.integers(0, 2, 500)
    taste = generator.random((2, 1, 500))
    first, second = (
        np.where(taste[i] + generator.random((3, 500)) < 1.4 + i / 9, labels, 1 - labels) for i in (0, 1)
    )
    ours = crossed_bootstrap(labels, first, second, bootstrap.accuracy, seed=0, resamples=6000)
    theirs = crossed((first == labels).astype(float) - (second == labels))
    assert ours.difference == pytest.approx(theirs.difference)
    assert ours.variance_seed == pytest.approx(theirs.mean_square_seed / 1500)
    assert ours.variance_example == pytest.approx(theirs.mean_square_example / 1500, rel=0.06)
    assert ours.variance_both == pytest.approx(theirs.mean_square_residual / 1500, rel=0.06)
    assert ours.standard_error == pytest.approx(theirs.standard_error, rel=0.06)
    assert (ours.low + ours.high) / 2 == pytest.approx(ours.difference)
    same = crossed_bootstrap(labels, first, first, bootstrap.f1, seed=0, resamples=20)
    assert (same.p, same.difference, same.standard_error) == (1, 0, 0)
    none = crossed_bootstrap(0 * labels, 0 * first, 0 * first, bootstrap.f1, seed=0, resamples=20)
    assert (none.p, none.difference) == (1, 0)
    with pytest.raises(ValueError, match="at least 2 seeds"):
        crossed_bootstrap(labels, first[:1], second[:1], bootstrap.f1, seed=0)


@pytest.mark.parametrize(("luck", "taste"), [(0.0, 0.6), (0.3, 0.0)])
def test_the_crossed_bootstrap_keeps_its_size_with_three_seeds(
    luck: float, taste: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether examples or seeds vary most; the share of trials in which two equal methods differ in F1 at 0.05."""
    generator = np.random.default_rng(3)
    called, trials = 0, 300
    for trial in range(trials):
        labels = (generator.random(EXAMPLES) < 0.68).astype(np.int64)
        ease = generator.normal(1, 1, EXAMPLES)
        both = ease + generator.normal(0, taste, (2, 1, EXAMPLES)) + generator.normal(0, luck, (2, SEEDS, 1))
        right = both + generator.normal(0, 0.6, (2, SEEDS, EXAMPLES)) > 0
        first, second = np.where(right, labels, 1 - labels)
        called += crossed_bootstrap(labels, first, second, bootstrap.f1, seed=trial, resamples=400).p < 0.05
    with capsys.disabled():
        sys.stdout.write(
            f"\nsize of the crossed bootstrap at 0.05 (luck {luck}, taste {taste}): {called / trials:.3f}\n"
        )
    assert 0.005 <= called / trials <= 0.08


def test_ten_thousand_resamples_of_forty_thousand_predictions_take_less_than_a_second() -> None:
    generator = np.random.default_rng(5)
    labels = generator.integers(0, 2, 40_000)
    first, second = (np.where(generator.random((3, 40_000)) < share, labels, 1 - labels) for share in (0.91, 0.9))
    started = time.process_time()
    found = bootstrap.of_classes(labels, first, second, bootstrap.f1, seed=0)
    assert time.process_time() - started < 1
    assert found.resamples == 10_000


def test_power_is_that_of_simulation_and_its_inverses_agree() -> None:
    generator = np.random.default_rng(6)
    d = generator.normal(1.0, 0.5, (4000, 3))
    t = d.mean(axis=1) / (d.std(axis=1, ddof=1) / 3**0.5)
    simulated = (np.abs(t) > stats.t.ppf(0.975, 2)).mean()
    assert power.power(1.0, 0.5, 3) == pytest.approx(simulated, abs=0.03)
    limit = stats.t.ppf(0.975, 4)
    by_scipy = stats.nct.sf(limit, 4, 2 * 5**0.5) + stats.nct.cdf(-limit, 4, 2 * 5**0.5)
    assert power.power(1.0, 0.5, 5) == pytest.approx(by_scipy, abs=1e-7)
    assert power.power(power.minimum_detectable(0.5, 3), 0.5, 3) == pytest.approx(0.8)
    assert power.power(power.minimum_detectable(1e-6, 2), 1e-6, 2) == pytest.approx(0.8)
    assert power.power(0.0, 0.5, 3) == pytest.approx(0.05)
    needed = power.seeds_needed(0.4, 0.5)
    assert needed is not None
    assert power.power(0.4, 0.5, needed - 1) < 0.8 <= power.power(0.4, 0.5, needed)
    assert power.seeds_needed(1e-6, 1.0) is None
    assert power.seeds_needed(100.0, 1.0) == 2
    assert smallest_seen(0.5, 3) < power.minimum_detectable(0.5, 3)


def test_intervals_of_hedges_g_cover() -> None:
    """The interval of 400 samples contains the true effect about 95 times in 100."""
    generator = np.random.default_rng(7)
    covered = [
        one.low / one.correction <= 1 <= one.high / one.correction
        for one in (hedges_g_paired(generator.normal(1, 1, 5), np.zeros(5)) for _ in range(400))
    ]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03)
    with pytest.raises(ValueError, match="got 0"):
        hedges_g([1, 1], [2, 2])
    far = hedges_g_paired([3.0, 3.00001, 3.00002], [1, 1, 1])
    assert 0 < far.low < far.g < far.high


def test_equivalence_is_the_interval_within_the_margin() -> None:
    generator = np.random.default_rng(8)
    for _ in range(50):
        a, b = generator.normal(0, 0.5, (2, 4))
        one = tost(a, b, 1.0)
        assert one.equivalent == (one.low > -1 and one.high < 1)
    assert tost([1, 2], [1, 2], 0.5).equivalent
    assert not tost([2, 3], [1, 2], 0.5).equivalent
    with pytest.raises(ValueError, match="margin"):
        tost([1, 2], [1, 2], -1)


def test_friedman_is_scipys_and_nemenyi_of_two_is_the_normal() -> None:
    scores = np.random.default_rng(9).random((8, 4)).round(1)
    assert friedman(scores).chi2 == pytest.approx(stats.friedmanchisquare(*scores.T).statistic)
    assert friedman(np.ones((3, 3))).p == 1
    two = nemenyi([1.2, 1.8], 10)
    assert two.p[0, 1] == pytest.approx(2 * stats.norm.sf(0.6 / (6 / 60) ** 0.5), abs=1e-6)


def test_ranks_are_shared_where_nothing_separates() -> None:
    apart = np.zeros((3, 3), dtype=bool)
    assert shared_ranks([3, 2, 1], apart) == (1, 1, 1)
    apart[0, 2] = apart[2, 0] = True
    assert shared_ranks([3, 2, 1], apart) == (1, 1, 2)
    with pytest.raises(ValueError, match="symmetric"):
        shared_ranks([3, 2, 1], [[0, 1, 0], [0, 0, 0], [0, 0, 0]])


def test_aggregates_over_tasks() -> None:
    generator = np.random.default_rng(10)
    scores = generator.random((4, 6))
    assert aggregates.interquartile_mean(scores) == pytest.approx(np.sort(scores, axis=None)[6:18].mean())
    interval = aggregates.interquartile_mean_interval(scores, seed=0)
    assert interval.low <= interval.estimate <= interval.high
    assert interval == aggregates.interquartile_mean_interval(scores, seed=0)
    profile = aggregates.performance_profile(scores, [-1, 0.5, 2])
    assert profile == pytest.approx([1, (scores > 0.5).mean(), 0])
    assert aggregates.probability_of_improvement(scores, scores) == 0.5
    better = aggregates.probability_of_improvement_interval(scores + 1, scores, seed=0)
    assert better == aggregates.Interval(1.0, 1.0, 1.0)
    other = generator.random((4, 6))
    by_rank = [stats.mannwhitneyu(a, b).statistic / 16 for a, b in zip(scores.T, other.T, strict=True)]
    assert aggregates.probability_of_improvement(scores, other) == pytest.approx(np.mean(by_rank))


def test_small_things() -> None:
    assert spread([1.0]) is None
    with pytest.raises(ValueError, match="at least one"):
        mean([])
    with pytest.raises(ValueError, match="counts"):
        mcnemar(-1, 2)
    with pytest.raises(ValueError, match="0 <= right <= n"):
        wilson(5, 4)
