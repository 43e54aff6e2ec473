"""MRPC: do two news sentences say the same? Tables print accuracy; F1 is reported beside it."""

from benchmarks.tasks.definition import GLUE_HUB, GLUE_REVISION, Hub, TaskDefinition, TsvLayout

TASK = TaskDefinition(
    name="mrpc",
    label="MRPC",
    kind="classification",
    texts=("sentence1", "sentence2"),
    metric="accuracy",
    metrics=("accuracy", "f1"),
    source="Dolan and Brockett (2005), Constructing a Corpus of Sentential Paraphrases, IWP 2005",
    classes=("not_equivalent", "equivalent"),
    chance=0.684,
    hub=Hub(GLUE_HUB, "mrpc", GLUE_REVISION),
    tsv=TsvLayout(folder="MRPC", texts=("#1 String", "#2 String"), label="Quality"),
    train_rows=3_668,
    evaluation_rows=(408,),
)
