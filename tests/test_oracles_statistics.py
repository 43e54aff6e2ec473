"""The statistics against numbers recorded elsewhere: tests/oracles/statistics.json, or that of WEIGHIN_ORACLES.

Cases are told apart by the fields of their inputs and by the stem of their names, never by a number or a size.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from oracle_cases import Case, cases
from reports.lint import grim
from reports.statistics.across_tasks import friedman, nemenyi, nemenyi_quantile
from reports.statistics.counts import mcnemar, wilson
from reports.statistics.crossed import crossed
from reports.statistics.effects import average_effect, hedges_g, hedges_g_paired
from reports.statistics.equivalence import tost, tost_against
from reports.statistics.multiplicity import Control, adjust
from reports.statistics.paired import paired_t


def agree(found: dict[str, Any], case: Case) -> None:
    """Every expected value has its counterpart, and they agree."""
    expected, tolerance = case["expected"], case["tolerance"]
    assert set(expected) <= set(found), f"not compared: {sorted(set(expected) - set(found))}"
    for name, value in expected.items():
        np.testing.assert_allclose(
            np.asarray(found[name], dtype=np.float64),
            np.asarray(value, dtype=np.float64),
            rtol=tolerance,
            atol=tolerance,
            err_msg=name,
        )


def check_paired_t(case: Case) -> None:
    one = paired_t(**case["inputs"])
    agree(
        {
            "mean_difference": one.difference,
            "sd_difference": one.sd,
            "standard_error": one.standard_error,
            "t": one.t,
            "df": one.df,
            "p_two_sided": one.p,
            "p_greater": one.p_greater,
            "ci95": (one.low, one.high),
        },
        case,
    )


def check_multiplicity(case: Case) -> None:
    controls: dict[str, Control] = {
        "holm": "holm",
        "benjamini_hochberg": "benjamini-hochberg",
        "bonferroni": "bonferroni",
        "benjamini_yekutieli": "benjamini-yekutieli",
    }
    families = {name: adjust(case["inputs"]["p"], "the oracle", control) for name, control in controls.items()}
    found: dict[str, Any] = {name: family.adjusted for name, family in families.items()}
    for name in case["expected"]:
        if match := re.fullmatch(r"reject_(holm|bh)_(\d+)p(\d+)", name):
            family = families["holm" if match[1] == "holm" else "benjamini_hochberg"]
            found[name] = family.rejected(float(f"{match[2]}.{match[3]}"))
    agree(found, case)


def check_mcnemar(case: Case) -> None:
    for name, expected in case["expected"].items():
        table = {key: int(value) for key, value in (part.split("=") for part in name.split(","))}
        one = mcnemar(table["b"], table["c"])
        found = {"p_exact": one.p, "chi2_continuity": one.chi2, "p_chi2_continuity": one.p_chi2}
        agree(found, {"expected": expected, "tolerance": case["tolerance"]})
    assert set(case["expected"]) == {f"b={b},c={c}" for b, c in case["inputs"]["tables"]}


def check_two_way(case: Case) -> None:
    given = case["inputs"]
    d = given["difference"] if "difference" in given else np.subtract(given["correct_a"], given["correct_b"])
    one = crossed(d)
    agree(
        {
            "mean": one.difference,
            "MS_seed": one.mean_square_seed,
            "MS_example": one.mean_square_example,
            "MS_residual": one.mean_square_residual,
            "branch": one.branch,
            "variance_of_mean": one.variance,
            "standard_error": one.standard_error,
            "df": one.df,
            "t": one.t,
            "p_two_sided": one.p,
            "ci95": (one.low, one.high),
        },
        case,
    )


def check_friedman_nemenyi(case: Case) -> None:
    given = case["inputs"]
    one = friedman(given["scores"], higher_is_better=given["higher_is_better"])
    pairs = nemenyi(one.mean_ranks, len(given["scores"]), given["alpha"])
    agree(
        {
            "ranks": one.ranks,
            "mean_ranks": one.mean_ranks,
            "has_ties": one.tie_correction < 1,
            "chi2_without_tie_correction": one.chi2_uncorrected,
            "tie_correction": one.tie_correction,
            "chi2": one.chi2,
            "df": one.df,
            "p": one.p,
            "iman_davenport_F": one.F,
            "iman_davenport_df": one.F_df,
            "iman_davenport_p": one.F_p,
            "nemenyi_q_alpha": pairs.q,
            "critical_difference": pairs.critical_difference,
            "nemenyi_p": pairs.p,
            "separated": pairs.separated,
        },
        case,
    )


def check_nemenyi_q_table(case: Case) -> None:
    methods = case["inputs"]["k"]
    found = {f"alpha={alpha:g}": [nemenyi_quantile(k, alpha) for k in methods] for alpha in case["inputs"]["alpha"]}
    agree(found, case)


def check_tost(case: Case) -> None:
    given = case["inputs"]
    one = tost_against(**given) if "reference" in given else tost(**given)
    found = {
        "t_lower": one.t_lower,
        "p_lower": one.p_lower,
        "t_upper": one.t_upper,
        "p_upper": one.p_upper,
        "p": one.p,
        "ci90": (one.low, one.high),
        "equivalent_0p05": one.equivalent,
    }
    agree(found, case)


def check_hedges_g_independent(case: Case) -> None:
    one = hedges_g(**case["inputs"])
    agree(
        {
            "cohen_d": one.d,
            "pooled_sd": one.sd,
            "J_exact": one.correction,
            "J_approx": one.g_approximate / one.d,
            "g_exact": one.g,
            "g_approx": one.g_approximate,
        },
        case,
    )


def check_hedges_g_paired(case: Case) -> None:
    one = hedges_g_paired(**case["inputs"])
    agree(
        {
            "d_z": one.d,
            "g_z_exact": one.g,
            "g_z_approx": one.g_approximate,
            "d_av": average_effect(**case["inputs"]),
            "J_exact": one.correction,
            "df": one.df,
        },
        case,
    )


def check_wilson_interval(case: Case) -> None:
    found = {}
    for name in case["expected"]:
        right, n = (int(part) for part in name.split("/"))
        found[name] = wilson(right, n, case["inputs"]["level"])
    agree(found, case)


def check_possible_mean(case: Case) -> None:
    for name, expected in case["expected"].items():
        match = re.fullmatch(r"([\d.]+) \(n=(\d+), runs=(\d+)\)", name)
        assert match is not None, name
        printed = f"{float(match[1]):.{case['inputs']['decimals']}f}"
        assert grim.possible(printed, int(match[2]), int(match[3])) is expected, name


CHECKS: dict[str, Callable[[Case], None]] = {
    "paired_t": check_paired_t,
    "multiplicity": check_multiplicity,
    "mcnemar": check_mcnemar,
    "two_way": check_two_way,
    "friedman_nemenyi": check_friedman_nemenyi,
    "nemenyi_q_table": check_nemenyi_q_table,
    "tost": check_tost,
    "hedges_g_independent": check_hedges_g_independent,
    "hedges_g_paired": check_hedges_g_paired,
    "wilson_interval": check_wilson_interval,
    "possible_mean": check_possible_mean,
}


@pytest.mark.parametrize("case", cases("statistics"))
def test_oracle_statistics(case: Case) -> None:
    stem = max((stem for stem in CHECKS if case["name"].startswith(stem)), key=len, default=None)
    assert stem is not None, f"no check for {case['name']}; there are: {', '.join(CHECKS)}"
    CHECKS[stem](case)
