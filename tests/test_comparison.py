"""Comparisons, forensics, claims and replication verdicts on made-up records with predictions."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

import methods
import weighin
from benchmarks import predictions
from benchmarks.records import Record
from benchmarks.tasks.metrics import functions
from reports import answers, claims, comparison, comparison_words, forensics, named, published, replication, selection
from reports.answers import Integers
from reports.faults import UsageError
from reports.pairs import inference, pairs
from reports.predicates import PREDICATES, Evidence
from reports.statistics.crossed import crossed
from sample_records import sample, samples

EXAMPLES = 200
SKILL = {"dense": 0.9, "lpaf": 0.85, "svd-ft": 0.6, "up-zero": 0.6, "up-first": 0.7}
LABELS = np.arange(EXAMPLES) % 2


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(weighin.app, [str(word) for word in words])


def measured(
    folder: Path, method: str, budget: float, seed: int, lengths: Integers | None = None, **changes: Any
) -> Record:
    """A record with its predictions; the easy examples are right, and a few by chance."""
    generator = np.random.default_rng([seed, *map(ord, method)])
    ease = (np.arange(EXAMPLES) * 37 % EXAMPLES) / EXAMPLES  # the same for all
    correct = ease + generator.normal(0, 0.03, EXAMPLES) < SKILL[method]
    given = np.where(correct, LABELS, 1 - LABELS)
    logits = np.where(np.arange(2) == given[:, None], 1.0, -1.0).astype(np.float32)
    record = sample(method, "rte", budget, seed, float(correct.mean()), **changes)
    record = dataclasses.replace(record, key=f"{seed}{method}{budget}", predictions=f"{method}-{budget}-{seed}.npz")
    path = record.write(folder)
    arrays = {"validation.ids": np.arange(EXAMPLES), "validation.labels": LABELS, "validation.logits": logits}
    arrays |= {} if lengths is None else {"validation.lengths": lengths}
    predictions.write(path.parent / record.predictions, arrays)
    return record


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for seed in (1, 2, 3):
        measured(folder, "dense", 1.0, seed, ranks={"rank": 100.0})
        for budget in (0.5, 0.16):
            for method in ("lpaf", "svd-ft"):
                measured(folder, method, budget, seed)
            measured(folder, "up-zero", budget, seed, ranks={"rank": 99.5})
            measured(folder, "up-first", budget, seed, ranks={"rank": 100 * budget + seed})
    return folder


def test_methods_are_named_by_text_or_by_knobs() -> None:
    record = dataclasses.replace(sample("lpaf"), method="lpaf(v=0.5)", knobs={})
    assert named.is_named(record, "lpaf(v=0.5)")
    knobs = {**methods.get("lpaf").knobs(), "v": 0.5, "rank": 3}
    record = dataclasses.replace(record, method="lpaf(rank=3, v=0.5)", knobs=knobs)
    assert named.is_named(record, "lpaf(v=0.5,rank=3)")
    assert not named.is_named(record, "lpaf(v=0.5)")
    assert named.is_named(record, "lpaf(v=0.5)", free=("rank",))
    assert not named.is_named(record, "svd-ft(rank=3)")
    assert not named.is_named(record, "unheard-of")


def test_pairs_share_task_budget_and_seed() -> None:
    records = [*samples(), sample("up-first", "rte", 0.5, 9)]
    by_method: Mapping[str, list[Record]] = {
        name: [record for record in records if record.method == name]
        for name in ("dense", "lpaf", "svd-ft", "up-first")
    }
    found = pairs(by_method["lpaf"], by_method["svd-ft"])
    assert [(one.task, one.budget, one.seeds) for one in found] == [
        (task, budget, (1, 2, 3)) for task in ("mrpc", "rte") for budget in (0.5, 0.25, 0.16)
    ]
    against_dense = pairs(by_method["dense"], by_method["lpaf"])
    assert [one.budget for one in against_dense] == [0.5, 0.25, 0.16] * 2
    assert all(record.method == "dense" for one in against_dense for record in one.first)
    assert pairs(by_method["lpaf"], by_method["up-first"]) == []


def test_a_comparison_uses_seeds_and_examples(runs: Path) -> None:
    records = selection.read(runs)
    found = comparison.compare(records, runs, "lpaf", "svd-ft")
    assert [one.pair.budget for one in found.comparisons] == [0.5, 0.16]
    one = found.comparisons[0]
    first = answers.of_classes(one.pair.first, runs)
    second = answers.of_classes(one.pair.second, runs)
    assert not isinstance(first, str)
    assert not isinstance(second, str)
    by_hand = crossed(first.correct.astype(float) - second.correct)
    assert one.tested is not None
    assert (one.tested.p, one.tested.difference) == pytest.approx((by_hand.p, 100 * by_hand.difference))
    assert one.examples == EXAMPLES
    assert found.family is not None
    assert found.family.family == "lpaf against svd-ft on 1 task at 2 budgets, 2 tests"
    assert found.adjusted(one) == pytest.approx(min(1, 2 * by_hand.p), rel=1e-6)
    assert "lpaf is better than svd-ft by" in comparison_words.verdict(found, one)
    reverse = comparison.compare(records, runs, "svd-ft", "lpaf").comparisons[0]
    assert reverse.tested is not None
    assert reverse.tested.difference == pytest.approx(-one.tested.difference)


def test_a_metric_that_is_no_mean_gets_the_bootstrap(runs: Path) -> None:
    records = []
    for record in selection.read(runs):
        given = answers.of_classes([record], runs)
        assert not isinstance(given, str)
        value = functions.f1(given.classes[0], given.labels)
        records.append(dataclasses.replace(record, metric="f1", metrics={"validation": {"f1": value}}))
    found = comparison.compare(records, runs, "lpaf", "svd-ft", budget=0.5)
    one = found.comparisons[0]
    assert one.tested is not None
    assert one.tested.test == "bootstrap over seeds x examples"
    a, b = one.pair.values
    assert one.tested.difference == pytest.approx(np.mean(a) - np.mean(b))
    assert one.resampled is not None
    assert one.resampled.difference > 0
    assert "Bootstrap over seeds x examples: t(" in " ".join(comparison_words.words(found))
    wrong = [dataclasses.replace(one, metrics={"validation": {"f1": one.value / 2}}) for one in records]
    other = comparison.compare(wrong, runs, "lpaf", "svd-ft", budget=0.5).comparisons[0]
    assert other.tested is not None
    assert other.tested.test == "paired t over seeds"
    assert "the predictions do not give the recorded values" in other.notes


def test_without_predictions_the_t_test_is_left_and_said(tmp_path: Path) -> None:
    for record in samples(tasks=("rte",), budgets=(0.5,)):
        record.write(tmp_path)
    result = call("compare", "lpaf", "svd-ft", "--runs", tmp_path)
    assert result.exit_code == 0, result.output
    assert "Paired t over seeds" in result.stdout
    assert "Seeds x examples" not in result.stdout
    text = " ".join(result.stdout.split())
    assert "Note: no predictions of lpaf, seed 1 (predictions.npz: no such file)." in text


def test_one_seed_is_no_verdict_on_methods(runs: Path) -> None:
    records = [record for record in selection.read(runs) if record.seed == 1]
    found = comparison.compare(records, runs, "lpaf", "svd-ft", budget=0.5)
    text = "\n".join(comparison_words.words(found))
    assert found.family is None
    assert "With one seed there is no verdict" in text
    assert "McNemar" in text


def test_equal_answers_are_equal(runs: Path) -> None:
    """Two methods that answer alike: no spread, p = 1, and no division by it."""
    records = [record for record in selection.read(runs) if record.method in ("lpaf", "dense")]
    twins = [dataclasses.replace(record, method="twin") for record in records if record.method == "lpaf"]
    one = comparison.compare([*records, *twins], runs, "lpaf", "twin", budget=0.5).comparisons[0]
    assert one.tested is None or one.tested.p == 1
    assert (one.effect, one.detectable, one.needed) == (None, None, None)


def test_compare_prints_words_of_80_characters_or_json(runs: Path) -> None:
    result = call("compare", "lpaf", "svd-ft", "--runs", runs, "--task", "rte", "--budget", "0.5")
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80
    for word in ("Holm", "Hedges' g_z", "TOST", "Power", "McNemar", "Calibration error", "stored without lengths"):
        assert word in result.stdout
    data = json.loads(call("compare", "lpaf", "dense", "--runs", runs, "--json").stdout)
    assert data["family"]["control"] == "holm"
    assert [one["budget"] for one in data["comparisons"]] == [0.5, 0.16]
    assert data["comparisons"][0]["forensics"][1] is None  # the dense model against itself
    assert data["comparisons"][0]["verdict"].startswith("dense is better than lpaf")


WRONG = {
    "method": (["lpaf", "svd"], "did you mean 'svd-ft'"),
    "task": (["lpaf", "svd-ft", "--task", "rtee"], "did you mean 'rte'"),
    "budget": (["lpaf", "svd-ft", "--budget", "0.4"], "both methods have: rte at 0.5, rte at 0.16"),
    "twice": (["lpaf", "lpaf"], "a comparison is of two methods"),
    "backbone": (["lpaf", "svd-ft", "--backbone", "bert"], "--backbone chooses among"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_names_are_told_with_what_there_is(case: str, runs: Path) -> None:
    options, sentence = WRONG[case]
    result = call("compare", *options, "--runs", runs)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stdout == ""


def test_damaged_predictions_are_said(runs: Path, tmp_path: Path) -> None:
    record = sample("lpaf", predictions="x.npz")
    path = record.write(tmp_path).parent / "x.npz"
    path.write_bytes(b"no archive")
    found = answers.of_classes([record], tmp_path)
    assert isinstance(found, str)
    assert "not readable" in found
    predictions.write(path, {"validation.ids": np.arange(2), "validation.labels": np.zeros(2)})
    assert "validation.logits" in str(answers.of_classes([record], tmp_path))


def test_forensics_of_a_model_against_itself_and_its_opposite() -> None:
    logits = np.array([[[2.0, -2], [-2, 2], [2, -2], [2, -2]]])  # [seeds, examples, classes]
    ours = answers.Answers(np.array(["a", "b", "c", "d"]), np.array([0, 1, 1, 0]), logits)
    same = forensics.examine(ours, ours)
    assert (same.agreement, same.broken, same.mended) == (1, (), ())
    other = forensics.examine(answers.Answers(ours.ids, ours.labels, -logits), ours)
    assert other.agreement == 0
    assert other.broken == ("a", "b", "d")
    assert other.mended == ("c",)
    assert other.by_label[1] == forensics.Part(2, 0.5, 0.5)
    confidence = 1 / (1 + np.exp(-4))
    assert same.calibration_error == pytest.approx(confidence - 0.75)
    with pytest.raises(ValueError, match="same seeds"):
        forensics.examine(ours, answers.Answers(ours.ids[::-1], ours.labels, logits))


def test_results_by_length_are_of_the_lengths_own_thirds() -> None:
    lengths = np.array([4, 4, 5, 9, 9, 9, 20, 21, 30])
    found = forensics.thirds(lengths)
    assert {name: int(inside.sum()) for name, inside in found.items()} == {"4 to 5": 3, "9": 3, "20 to 30": 3}
    assert np.sum(list(found.values()), axis=0).tolist() == [1] * 9
    assert list(forensics.thirds(np.full(5, 7))) == ["7"]
    assert forensics.thirds(np.empty(0, dtype=np.int64)) == {}
    labels = np.arange(9) % 2
    logits = np.eye(2)[np.where(lengths > 9, 1 - labels, labels)][None]  # right unless long
    ours = answers.Answers(np.arange(9), labels, logits, lengths)
    dense = answers.Answers(np.arange(9), labels, np.eye(2)[labels][None])  # stored before lengths were
    by_length = forensics.examine(ours, dense).by_length
    assert by_length["9"] == forensics.Part(3, 1.0, 1.0)
    assert by_length["20 to 30"] == forensics.Part(3, 0.0, 1.0)
    assert forensics.examine(dense, dense).by_length == {}


@settings(max_examples=60)
@given(lengths=st.lists(st.integers(1, 512), min_size=1, max_size=80))
def test_thirds_part_the_examples_and_keep_equal_lengths_together(lengths: list[int]) -> None:
    given_lengths = np.array(lengths)
    found = list(forensics.thirds(given_lengths).values())
    assert 1 <= len(found) <= 3
    assert (np.sum(found, axis=0) == 1).all()
    ends = [int(given_lengths[inside].max()) for inside in found]
    starts = [int(given_lengths[inside].min()) for inside in found]
    assert all(end < start for end, start in zip(ends, starts[1:], strict=False))


def test_lengths_are_read_where_they_were_stored_and_missed_where_not(tmp_path: Path) -> None:
    for lengths in (np.arange(EXAMPLES) + 4, None):
        for seed in (1, 2):
            measured(tmp_path, "dense", 1.0, seed, lengths=lengths)
            measured(tmp_path, "lpaf", 0.5, seed, lengths=lengths)
            measured(tmp_path, "svd-ft", 0.5, seed, lengths=lengths)
        said = call("compare", "lpaf", "svd-ft", "--runs", tmp_path)
        assert said.exit_code == 0, said.output
        words = " ".join(said.output.split())
        assert ("word pieces: 4 to 70:" in words) is (lengths is not None)
        assert ("stored without lengths" in words) is (lengths is None)


def test_calibration_is_perfect_where_confidence_is_accuracy() -> None:
    logits = np.log(np.array([[0.75, 0.25]] * 4))
    assert forensics.calibration_error(logits, [0, 0, 0, 1]) == pytest.approx(0)


def published_cell(**changes: Any) -> published.Published:
    cell = next(one for one in published.read_all() if one.place == "Table 2, LPAF, RTE, 50%")
    return dataclasses.replace(cell, **changes)


def papers(values: tuple[float, ...], **changes: Any) -> list[Record]:
    usual = {"backbone": "bert-base", "protocol": "paper", "knobs": methods.get("lpaf").knobs(), **changes}
    return [sample("lpaf", "rte", 0.5, seed, value / 100, **usual) for seed, value in enumerate(values)]


VERDICTS = {
    "replicated": (published_cell(), papers((68.1, 68.2, 68.4)), "replicated"),
    "wide": (published_cell(), papers((66.0, 68.0, 70.0)), "inconclusive"),
    "outside": (published_cell(), papers((60.1, 60.2, 60.4)), "contradicted"),
    "folder": (published_cell(), papers((68.1, 68.2, 68.4), backbone="bert-base-uncased"), "replicated"),
    "one seed": (published_cell(), papers((68.2,)), "not testable"),
    "protocol": (published_cell(), papers((68.1, 68.2, 68.4), protocol="quick"), "not testable"),
    "encoder": (published_cell(), papers((68.1, 68.2, 68.4), backbone="mini"), "not testable"),
    "doubt": (published_cell(errata="below chance", reason="x"), papers((68.1, 68.2, 68.4)), "not testable"),
    "metric": (published_cell(metric="f1"), papers((68.1, 68.2, 68.4)), "not testable"),
    "method": (published_cell(method="cofi"), papers((68.1, 68.2, 68.4)), "not testable"),
}


@pytest.mark.parametrize("case", VERDICTS)
def test_replication_verdicts(case: str) -> None:
    cell, records, verdict = VERDICTS[case]
    (one,) = replication.replicate([cell], records)
    assert one.verdict == verdict, one.reason
    assert one.reason


def test_a_prediction_interval_holds_new_means_as_often_as_it_says() -> None:
    generator = np.random.default_rng(11)
    held = 0
    for _ in range(600):
        low, high = replication.prediction_interval(generator.normal(70, 1, 3), 3)
        held += low <= generator.normal(70, 1, 3).mean() <= high
    assert held / 600 == pytest.approx(0.95, abs=0.025)


def test_all_cells_have_a_verdict_and_ranks_count() -> None:
    knobs = methods.get("up-first").knobs()
    usual = {"backbone": "bert-base", "protocol": "paper", "knobs": knobs}
    ranks = [sample("up-first", "sst2", 0.5, s, ranks={"rank": 704.5 + s / 4}, **usual) for s in (1, 2, 3)]
    results = replication.replicate(published.read_all(), ranks, margin=2.0)
    assert len(results) == 408
    assert replication.counts(results)["replicated"] == 1  # Table 4's rank of 705
    assert replication.counts(results)["not testable"] == 407


def test_the_papers_claims_are_well_formed_and_each_has_a_verdict(runs: Path) -> None:
    found = claims.read()
    assert {one.predicate for one in found} == set(PREDICATES)
    judged = {one.claim.id: one.outcome for one in claims.judge(found, selection.read(runs), runs)}
    assert set(judged) == {one.id for one in found}
    assert all(one.evidence for one in judged.values())
    verdicts = {name: outcome.verdict for name, outcome in judged.items()}
    assert verdicts["lpaf-beats-svd"] == "replicated"
    assert verdicts["first-order-rank-falls"] == "replicated"
    assert verdicts["zero-order-rank-stays"] == "replicated"
    assert verdicts["lpaf-retains"] == "contradicted"
    assert verdicts["every-step-helps"] == "not testable"


def test_records_of_two_states_of_the_data_are_refused(runs: Path) -> None:
    records = selection.read(runs)
    mixed = [*records, dataclasses.replace(records[0], task_fingerprint="other")]
    with pytest.raises(UsageError, match="one state of its data"):
        claims.judge(claims.read(), mixed, runs)


def test_a_dense_model_of_value_0_has_no_shares(runs: Path) -> None:
    records = [
        dataclasses.replace(record, metrics={"validation": {"accuracy": 0.0}}) if record.method == "dense" else record
        for record in selection.read(runs)
    ]
    outcome = PREDICATES["retains"](Evidence(tuple(records), runs), ["lpaf"], 0.5, [0.5])
    assert outcome.verdict == "inconclusive"


def test_predicates_say_what_is_against_them(runs: Path) -> None:
    seen = Evidence(tuple(selection.read(runs)), runs)
    assert PREDICATES["better"](seen, ["svd-ft"], ["lpaf"], [0.5]).verdict == "contradicted"
    partly = PREDICATES["better"](seen, ["lpaf"], ["svd-ft", "lpaf(v=0.3)"], [0.5])
    assert partly.verdict == "inconclusive"
    assert partly.evidence[-1] == "not measured: lpaf - lpaf(v=0.3)"
    assert PREDICATES["rank_falls"](seen, "up-zero").verdict == "contradicted"
    assert PREDICATES["rank_stays"](seen, "up-first", 0.9).verdict == "contradicted"
    assert PREDICATES["retains"](seen, ["lpaf"], 0.5, [0.5]).verdict == "replicated"
    assert PREDICATES["gains_with_budget"](seen, "lpaf", "svd-ft", 0.5, 0.16).verdict == "inconclusive"
    assert PREDICATES["gains_with_budget"](seen, "lpaf", "nothing", 0.5, 0.16).verdict == "not testable"


def test_a_pair_without_predictions_is_tested_over_seeds() -> None:
    (one,) = pairs(
        [sample("lpaf", seed=seed, value=0.8 + seed / 100) for seed in (1, 2, 3)],
        [sample("svd-ft", seed=seed, value=0.7 + seed / 200) for seed in (1, 2, 3)],
    )
    tested = inference(one, "no predictions")
    assert tested is not None
    assert (tested.test, tested.why) == ("paired t over seeds", "no predictions")
    assert tested.difference == pytest.approx(11)


GOOD = '[[claim]]\nid="a"\ntext="t"\nsource="s"\npredicate="rank_falls"\nparameters={method="lpaf"}\n'
BROKEN = {
    "toml": ("[[claim", "cannot be read"),
    "else": ("x=1\n", "claims are [[claim]] tables and nothing else, got x"),
    "fields": ('[[claim]]\nid="a"\n', "claim a: a claim has the texts id, text"),
    "predicate": (
        GOOD.replace("rank_falls", "rank_fals"),
        "claim a: no predicate is called 'rank_fals'; did you mean",
    ),
    "parameters": (GOOD.replace("method", "methods"), "claim a: rank_falls takes the parameters method, got"),
    "code": (GOOD.replace("rank_falls", "__import__('os')"), "no predicate is called"),
    "twice": (GOOD + GOOD, "a claim's id is unique, a comes twice"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_wrong_claims_file_is_told(case: str, tmp_path: Path) -> None:
    text, sentence = BROKEN[case]
    path = tmp_path / "claims.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as told:
        claims.read(path)
    assert sentence in str(told.value)
    assert str(path) in str(told.value)


def test_claims_and_lint_on_the_command_line(runs: Path, tmp_path: Path) -> None:
    result = call("claims", "--runs", runs)
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "replicated: lpaf-beats-svd" in result.stdout
    assert "408 not testable" in " ".join(result.stdout.split())
    data = json.loads(call("claims", "--runs", runs, "--json").stdout)
    assert len(data["cells"]) == 408
    assert data["claims"][0]["verdict"] in replication.VERDICTS
    assert "does not reproduce from" in call("lint-paper").stdout
    assert json.loads(call("lint-paper", "--json").stdout)[0]["check"] == "possible mean"
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n", encoding="utf-8")
    result = call("lint-paper", wrong)
    assert result.exit_code == 2
    assert f"{wrong}: row 1: the columns are table, row" in result.stderr
