"""STS-B: how alike are two sentences, from 0 to 5? Tables print Pearson; Spearman is reported beside it."""

from benchmarks.tasks.definition import GLUE_HUB, GLUE_REVISION, Hub, TaskDefinition, TsvLayout

TASK = TaskDefinition(
    name="stsb",
    label="STS-B",
    kind="regression",
    texts=("sentence1", "sentence2"),
    metric="pearson",
    metrics=("pearson", "spearman"),
    source="Cer et al. (2017), SemEval-2017 Task 1: Semantic Textual Similarity, SemEval 2017",
    label_range=(0.0, 5.0),
    chance=0.0,
    hub=Hub(GLUE_HUB, "stsb", GLUE_REVISION),
    tsv=TsvLayout(folder="STS-B", texts=("sentence1", "sentence2"), label="score", identifier="index"),
    train_rows=5_749,
    evaluation_rows=(1500,),
)
