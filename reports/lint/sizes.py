"""Checks that compute sizes again: parameters and multiply-accumulates from the rank."""

import dataclasses
from collections.abc import Sequence

from reports.lint.findings import Checked, Finding
from reports.published import Published


@dataclasses.dataclass(frozen=True)
class Encoder:
    """A BERT-shaped encoder: layers, width d, width f of the feed-forward layer."""

    layers: int
    d: int
    f: int

    def weights(self, k: int | None) -> int:
        """Weights of its matrices: 4 of d x d and 2 of d x f a layer; factors of rank k have k (n + m) each."""
        if k is None:
            return self.layers * (4 * self.d**2 + 2 * self.d * self.f)
        return self.layers * k * (4 * 2 * self.d + 2 * (self.d + self.f))

    def macs(self, length: int, k: int | None) -> int:
        """Multiply-accumulates of one input, as fvcore counts them, without the head of the task.

        Matrices, attention scores and their use (2 S^2 d a layer), LayerNorm (5 an element, two a layer and one of
        the embeddings), pooler.
        """
        attention = self.layers * 2 * length**2 * self.d
        norms = 5 * (2 * self.layers + 1) * self.d * length
        return length * self.weights(k) + attention + norms + self.d**2


ENCODERS = {"bert-base": Encoder(12, 768, 3072), "minilm-12": Encoder(12, 384, 1536)}
LENGTHS = {"glue": 128, "squad": 384}  # longest input of the task, which is what is counted
LONGEST = 512
SHARE, MACS = "share of encoder weights", "MACs"
BILLION = 1e9


def shares(cells: Sequence[Published]) -> Checked:
    """The share of the encoder's matrix weights that rank k leaves."""
    tested = [cell for cell in cells if cell.metric == SHARE and cell.unit == "%" and cell.backbone in ENCODERS]
    findings = []
    for cell in tested:
        encoder = ENCODERS[cell.backbone]
        exact = 100 * encoder.weights(cell.k) / encoder.weights(None)
        if abs(exact - cell.value) > cell.unit_of_last_digit / 2:
            findings.append(
                Finding(
                    "parameters",
                    (cell,),
                    f"{cell.printed} % does not reproduce from k = {cell.k}: {encoder.weights(cell.k):,} of "
                    f"{encoder.weights(None):,} matrix weights are {exact:.2f} %",
                )
            )
    return Checked("parameters", len(tested), tuple(findings))


def macs(cells: Sequence[Published]) -> Checked:
    """The multiply-accumulates of one input of the task's longest length."""
    tested = [
        cell
        for cell in cells
        if cell.metric == MACS and cell.unit == "G" and cell.backbone in ENCODERS and cell.task in LENGTHS
    ]
    findings = []
    for cell in tested:
        encoder, length = ENCODERS[cell.backbone], LENGTHS[cell.task]
        exact = encoder.macs(length, cell.k) / BILLION
        if abs(exact - cell.value) > 0.51 * cell.unit_of_last_digit:  # heads of tasks are not counted
            fits = [
                other
                for other in range(1, LONGEST + 1)
                if abs(encoder.macs(other, cell.k) / BILLION - cell.value) <= cell.unit_of_last_digit / 2
            ]
            words = f"{fits[0]} to {fits[-1]} would give it" if fits else "no length gives it"
            model = "the dense model" if cell.k is None else f"k = {cell.k}"
            findings.append(
                Finding(
                    "MACs",
                    (cell,),
                    f"{cell.printed} G does not reproduce from {model} and {length} word pieces, which give "
                    f"{exact:.2f} G; {words}",
                )
            )
    return Checked("MACs", len(tested), tuple(findings))
