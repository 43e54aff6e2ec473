"""SST-2: is a film review's phrase positive or negative? The binary Stanford Sentiment Treebank."""

from benchmarks.tasks.definition import GLUE_HUB, GLUE_REVISION, Hub, TaskDefinition, TsvLayout

TASK = TaskDefinition(
    name="sst2",
    label="SST-2",
    kind="classification",
    texts=("sentence",),
    metric="accuracy",
    metrics=("accuracy",),
    source="Socher et al. (2013), Recursive Deep Models for Semantic Compositionality, EMNLP 2013",
    classes=("negative", "positive"),
    chance=0.509,
    hub=Hub(GLUE_HUB, "sst2", GLUE_REVISION),
    tsv=TsvLayout(folder="SST-2", texts=("sentence",)),
    train_rows=67_349,
    evaluation_rows=(872,),
)
