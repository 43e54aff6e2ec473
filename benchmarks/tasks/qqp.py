"""QQP: do two Quora questions ask the same? Tables print accuracy; F1 is reported beside it."""

from benchmarks.tasks.definition import GLUE_HUB, GLUE_REVISION, Hub, TaskDefinition, TsvLayout

TASK = TaskDefinition(
    name="qqp",
    label="QQP",
    kind="classification",
    texts=("question1", "question2"),
    metric="accuracy",
    metrics=("accuracy", "f1"),
    source="Iyer, Dandekar and Csernai (2017), First Quora Dataset Release: Question Pairs",
    classes=("not_duplicate", "duplicate"),
    chance=0.632,
    hub=Hub(GLUE_HUB, "qqp", GLUE_REVISION),
    tsv=TsvLayout(
        folder="QQP",
        texts=("question1", "question2"),
        label="is_duplicate",
        identifier="id",
        broken_rows=True,  # line breaks inside questions; as in every reader of GLUE, these rows are dropped
    ),
    train_rows=363_846,
    evaluation_rows=(40_430,),
    empty_texts=True,
)
