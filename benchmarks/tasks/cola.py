"""CoLA: is the sentence acceptable English? Scored by Matthews correlation, as the classes are uneven."""

from benchmarks.tasks.definition import GLUE_HUB, GLUE_REVISION, Hub, TaskDefinition, TsvLayout

TASK = TaskDefinition(
    name="cola",
    label="CoLA",
    kind="classification",
    texts=("sentence",),
    metric="matthews",
    metrics=("matthews", "accuracy"),
    source="Warstadt, Singh and Bowman (2019), Neural Network Acceptability Judgments, TACL 7",
    classes=("unacceptable", "acceptable"),
    chance=0.0,
    hub=Hub(GLUE_HUB, "cola", GLUE_REVISION),
    tsv=TsvLayout(folder="CoLA", texts=("sentence",), header=("source", "label", "mark", "sentence")),
    train_rows=8_551,
    evaluation_rows=(1043,),
)
