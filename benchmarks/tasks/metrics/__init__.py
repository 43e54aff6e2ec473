"""Metrics of the tasks: pure functions, scoring of logits, and ``evaluate.Metric`` classes."""

from benchmarks.tasks.metrics.functions import METRICS, accuracy, f1, matthews, pearson, spearman
from benchmarks.tasks.metrics.scoring import decide, score

__all__ = ["METRICS", "accuracy", "decide", "f1", "matthews", "pearson", "score", "spearman"]
