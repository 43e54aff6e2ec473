"""What must be equal before one model may teach another: word pieces, labels and their order, length."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from methods.stages.encode import Encode
from methods.stages.failure import MethodFailure

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

PROBE = "Do 2 tokenizers cut Naïve, UPPER-case and unseen zyxwvut words alike?"


def check_data(student: Encode, teacher: Encode) -> None:
    """Refuse a teacher of other data, labels, word pieces or length than the student's; all differences at once.

    Raises:
        ValueError: They differ; both are named.
    """
    faults = [
        f"{what}: student {ours}, teacher {theirs}"
        for what, ours, theirs in (
            ("task", student.task, teacher.task),
            ("data", student.data[:12], teacher.data[:12]),
            ("labels", student.outputs, teacher.outputs),
            ("tokenizer of", student.encoder[:12], teacher.encoder[:12]),
            ("maximum length", student.max_length, teacher.max_length),
        )
        if ours != theirs
    ]
    if faults:
        raise ValueError("student and teacher read the same rows in the same way, got " + "; ".join(faults))


def check_teachers(student: Encode, *teachers: object) -> None:
    """`check_data` for every teaching stage that says which data it read; None is no teacher.

    Raises:
        ValueError: One read other data than the student.
    """
    for teacher in teachers:
        data = getattr(teacher, "data", None)
        if isinstance(data, Encode):
            check_data(student, data)


def check_tokenizers(student: Path, teacher: Path) -> None:
    """Refuse a student whose tokenizer is not the teacher's: the same vocabulary, the same cuts.

    Raises:
        MethodFailure: They differ; both folders are named.
    """
    ours, theirs = _tokenizer(student), _tokenizer(teacher)
    faults = []
    if ours.get_vocab() != theirs.get_vocab():
        faults.append(f"vocabularies of {len(ours)} and {len(theirs)} word pieces")
    elif ours(PROBE)["input_ids"] != theirs(PROBE)["input_ids"]:
        faults.append("the same vocabulary but other cuts (case, accents or special pieces)")
    if faults:
        raise MethodFailure(
            f"student and teacher read the same word pieces, got {'; '.join(faults)} in {student} (student) and "
            f"{teacher} (teacher); choose a student pre-trained with the teacher's tokenizer"
        )


def check_length(student: "PreTrainedModel", data: Encode) -> None:
    """Refuse a student with fewer positions than the teacher's rows are long.

    Raises:
        MethodFailure: It has; both numbers are named.
    """
    check_positions(student.config, data.max_length)


def check_positions(student: "PretrainedConfig", length: int) -> None:
    """Refuse a student's configuration with fewer positions than the teacher's maximum length.

    Raises:
        MethodFailure: It has; both numbers are named.
    """
    positions = getattr(student, "max_position_embeddings", None)
    if positions is not None and positions < length:
        raise MethodFailure(
            f"a student reads rows as long as its teacher's, got {positions} positions (student) and a maximum "
            f"length of {length} (teacher); choose a student with more positions"
        )


def check_labels(student: "PreTrainedModel", teacher: "PreTrainedModel") -> None:
    """Refuse models whose logits do not stand for the same labels in the same order.

    Raises:
        MethodFailure: They do not; both orders are named.
    """
    ours, theirs = student.config.id2label or {}, teacher.config.id2label or {}
    if ours != theirs:
        raise MethodFailure(
            f"student and teacher order their labels alike, got {list(ours.values())} (student) and "
            f"{list(theirs.values())} (teacher); train both on the same task"
        )


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, use_fast=True, trust_remote_code=False, local_files_only=True)
