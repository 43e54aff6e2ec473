"""RTE: does the first sentence entail the second? PASCAL challenges 1, 2, 3 and 5."""

from benchmarks.tasks.definition import GLUE_HUB, GLUE_REVISION, Hub, TaskDefinition, TsvLayout

TASK = TaskDefinition(
    name="rte",
    label="RTE",
    kind="classification",
    texts=("sentence1", "sentence2"),
    metric="accuracy",
    metrics=("accuracy",),
    source="PASCAL RTE 1, 2, 3, 5: Dagan et al. 2006, Bar Haim 2006, Giampiccolo 2007, Bentivogli 2009",
    classes=("entailment", "not_entailment"),
    chance=0.527,
    hub=Hub(GLUE_HUB, "rte", GLUE_REVISION),
    tsv=TsvLayout(folder="RTE", texts=("sentence1", "sentence2"), identifier="index", named_labels=True),
    train_rows=2_490,
    evaluation_rows=(277,),
)
