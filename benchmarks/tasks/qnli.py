"""QNLI: does the sentence answer the question? Made from SQuAD v1.1 by the authors of GLUE."""

from benchmarks.tasks.definition import GLUE_HUB, GLUE_REVISION, Hub, TaskDefinition, TsvLayout

TASK = TaskDefinition(
    name="qnli",
    label="QNLI",
    kind="classification",
    texts=("question", "sentence"),
    metric="accuracy",
    metrics=("accuracy",),
    source="Rajpurkar et al. (2016), SQuAD: 100,000+ Questions, EMNLP 2016; recast by Wang et al. (2019)",
    classes=("entailment", "not_entailment"),
    chance=0.505,
    hub=Hub(GLUE_HUB, "qnli", GLUE_REVISION),
    tsv=TsvLayout(folder="QNLI", texts=("question", "sentence"), identifier="index", named_labels=True),
    train_rows=104_743,
    evaluation_rows=(5463,),
)
