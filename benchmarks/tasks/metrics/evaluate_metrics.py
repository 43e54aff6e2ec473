"""The metrics as ``evaluate.Metric`` classes that need neither the hub nor a writable home folder.

They give the numbers of :mod:`benchmarks.tasks.metrics.functions` to programs that expect ``evaluate``;
:func:`benchmarks.tasks.metrics.score` calls those functions without the detour through Arrow.
"""

from typing import Any

import datasets
import evaluate

from benchmarks.tasks.metrics import functions


class OfflineMetric(evaluate.Metric):  # type: ignore[misc, unused-ignore]
    """A metric of ours; subclasses say which function they wrap and which type it takes.

    Predictions are class ids or scores, [n]; references are labels, [n]; ``compute`` gives ``{name: value}``.

    Attributes:
        function_name: Name in :data:`benchmarks.tasks.metrics.functions.METRICS`, and key of the result.
        value_type: Arrow type of predictions and references.
    """

    function_name: str
    value_type = "int64"

    def __init__(self, **options: Any):
        """Pass options on to ``evaluate``, which here keeps its rows in memory unless told otherwise."""
        super().__init__(**{"keep_in_memory": True, **options})

    def _build_data_dir(self) -> str:
        """Folder of temporary files; ``evaluate`` would make it even when it needs none."""
        return "" if self.keep_in_memory else str(super()._build_data_dir())

    def _info(self) -> evaluate.MetricInfo:
        function = functions.METRICS[self.function_name]
        value = datasets.Value(self.value_type)
        return evaluate.MetricInfo(
            description=function.__doc__ or "",
            citation="",
            inputs_description="predictions and references: class ids or scores, [n]",
            features=datasets.Features({"predictions": value, "references": value}),
        )

    def _compute(self, *, predictions: Any = None, references: Any = None, **_: Any) -> dict[str, float]:
        return {self.function_name: functions.METRICS[self.function_name](predictions, references)}


class Accuracy(OfflineMetric):
    """Share of right class ids."""

    function_name = "accuracy"


class F1(OfflineMetric):
    """Harmonic mean of precision and recall of class 1; 0.0 where it is neither predicted nor present."""

    function_name = "f1"


class Matthews(OfflineMetric):
    """Matthews correlation; 0.0 where one class alone is predicted or present."""

    function_name = "matthews"


class Pearson(OfflineMetric):
    """Pearson's correlation; 0.0 for constant predictions or labels."""

    function_name = "pearson"
    value_type = "float64"


class Spearman(OfflineMetric):
    """Spearman's correlation; 0.0 for constant predictions or labels."""

    function_name = "spearman"
    value_type = "float64"


EVALUATE_METRICS: dict[str, type[OfflineMetric]] = {
    metric.function_name: metric for metric in (Accuracy, F1, Matthews, Pearson, Spearman)
}
