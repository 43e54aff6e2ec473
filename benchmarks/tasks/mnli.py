"""MNLI: entailment, neutral or contradiction? Tables print matched accuracy; mismatched is reported too."""

from benchmarks.tasks.definition import GLUE_HUB, GLUE_REVISION, Hub, TaskDefinition, TsvLayout

TASK = TaskDefinition(
    name="mnli",
    label="MNLI",
    kind="classification",
    texts=("premise", "hypothesis"),
    metric="accuracy",
    metrics=("accuracy",),
    source="Williams, Nangia and Bowman (2018), A Broad-Coverage Challenge Corpus, NAACL 2018",
    classes=("entailment", "neutral", "contradiction"),
    evaluation=("validation_matched", "validation_mismatched"),
    chance=0.354,
    hub=Hub(GLUE_HUB, "mnli", GLUE_REVISION),
    tsv=TsvLayout(
        folder="MNLI",
        texts=("sentence1", "sentence2"),
        label="gold_label",
        files=("train.tsv", "dev_matched.tsv", "dev_mismatched.tsv"),
        identifier="index",
        named_labels=True,
    ),
    train_rows=392_702,
    evaluation_rows=(9815, 9832),
    empty_texts=True,
)
