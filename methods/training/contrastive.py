"""Contrastive pruning while a model trains: banks of what other models made of the rows, and the terms they give."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from methods import models
from methods.contract import Precision, derive
from methods.ops.contrastive import contrastive, log_probabilities, positives, unit
from methods.stages.stage import Workbench
from methods.training import batches
from methods.training.batches import Batch, Encoded
from methods.training.hooks import Hook
from methods.training.objectives import Distilled, logits_of

ENCODING_ROWS = 64  # rows a batch when only encoding


@dataclass(frozen=True)
class Terms:
    """How much representations of a row are drawn together, and to what."""

    unsupervised: float = 0.1  # weight of the terms that draw a row to itself
    supervised: float = 10.0  # weight of the terms that draw rows of one label together
    temperature: float = 0.1
    extra: int = 4096  # further candidate vectors a step and bank
    half: bool = True  # banks in half precision

    def __post_init__(self) -> None:
        """Refuse impossible values, all faults at once."""
        faults = []
        if min(self.unsupervised, self.supervised) < 0 or self.unsupervised + self.supervised == 0:
            faults.append(
                "unsupervised and supervised are weights >= 0, not both 0, "
                f"got {self.unsupervised} and {self.supervised}"
            )
        if not self.temperature > 0:
            faults.append(f"temperature is above 0, got {self.temperature}; 0.1 is the published one")
        if self.extra < 0:
            faults.append(f"extra is a number of vectors >= 0, got {self.extra}")
        if faults:
            raise ValueError("Terms: " + "; ".join(faults))


class Representation:
    """What a model makes of a row: the input of its last linear layer.

    With a pooler that is the pooled [CLS] output, after dropout while training; without one it is the [CLS] hidden
    state itself (of a head that reads every position, the first position is taken).
    """

    def __init__(self, model: nn.Module) -> None:
        encoder, _ = models.encoder_layers(model)
        heads = [
            module
            for name, module in model.named_modules()
            if isinstance(module, nn.Linear) and not name.startswith(f"{encoder}.")
        ]
        heads[-1].register_forward_pre_hook(self._catch)  # head layers stand after the encoder, the last gives logits
        self.caught: Tensor | None = None

    def __call__(self) -> Tensor:
        """The unit vectors of the pass just made, [rows, hidden]."""
        assert self.caught is not None  # noqa: S101  # the model has run
        caught, self.caught = self.caught, None
        return unit(caught[:, 0] if caught.ndim == 3 else caught)

    def _catch(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        (self.caught,) = inputs


@torch.no_grad()
def encode(
    model: nn.Module, read: Representation, data: Encoded, device: str, precision: Precision, half: bool
) -> Tensor:
    """Unit vectors of every row, [rows, hidden] on the CPU, without dropout; the model's mode is left as it was."""
    training = model.training
    model.eval()
    found: list[Tensor] = []
    order: list[Tensor] = []
    with torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
        for rows in batches.in_order(data.lengths, ENCODING_ROWS):
            logits_of(model, data.batch(rows, device))
            found.append(read().cpu())
            order.append(torch.from_numpy(rows))
    model.train(training)
    vectors = torch.empty_like(torch.cat(found))
    vectors[torch.cat(order)] = torch.cat(found)
    return vectors.half() if half else vectors


class Banks(Hook):
    """The banks of contrastive pruning, each [rows, vectors, hidden], and the terms against them.

    F holds what the fine-tuned model makes of the training rows, P what the pre-trained encoder makes of them before
    the first epoch, S one vector a row for each later epoch, from the model as it is then.

    The vectors of an epoch are written once into the scratch folder, not into every checkpoint: those of a large
    task would be gigabytes each time. A checkpoint says how many there are.
    """

    def __init__(
        self,
        terms: Terms,
        fine_tuned: nn.Module,
        data: Encoded,
        epochs: int,
        *,
        seed: int,
        bench: Workbench,
        precision: Precision,
    ) -> None:
        """`fine_tuned` is asked once, on the device it is on; `seed` drives the choice of extra rows."""
        self.terms, self.data, self.epochs = terms, data, epochs
        self.seed, self.bench = seed, bench
        self.precision: Precision = precision
        self.labels = torch.from_numpy(data.labels)
        reader = Representation(fine_tuned)
        self.fine_tuned = encode(fine_tuned, reader, data, bench.device, precision, terms.half)
        self.own: list[Tensor] = []  # P, then S
        self.extra = torch.zeros(0, dtype=torch.int64)

    def start(self, model: nn.Module, total: int) -> None:
        """Listen to the model's representations."""
        self.model = model
        self.per_epoch = total // self.epochs
        self.read = Representation(model)

    def before_step(self, step: int) -> None:
        """Encode all rows where an epoch begins, and draw the step's extra rows, each at most once."""
        if step % self.per_epoch == 0:
            vectors = encode(self.model, self.read, self.data, self.bench.device, self.precision, self.terms.half)
            _write(vectors, self._path(len(self.own)))
            self.own.append(vectors)
        generator = np.random.Generator(np.random.PCG64(derive(self.seed, f"contrastive/{step}")))
        count = min(self.terms.extra, len(self.data))
        self.extra = torch.from_numpy(generator.choice(len(self.data), size=count, replace=False))

    def loss(self, anchors: Tensor, batch: Batch) -> Tensor:
        """The sum over banks of the weighted terms; `anchors` are unit rows [rows, hidden] of the batch."""
        banks = [self.own[:1], [self.fine_tuned], self.own[1:]]  # PrC, FiC, SnC; no snapshot in the first epoch
        return torch.stack([self._against(anchors, batch, bank) for bank in banks if bank]).sum()

    def facts(self) -> dict[str, float]:
        """How many snapshots there are."""
        return {"snapshots": float(max(0, len(self.own) - 1))}

    def state(self) -> dict[str, Tensor]:
        """How many epochs are encoded; their files lie in the scratch folder."""
        return {"encoded": torch.tensor(len(self.own))}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Read the vectors back."""
        self.own = [load_file(self._path(place))["vectors"] for place in range(int(state["encoded"]))]

    def _against(self, anchors: Tensor, batch: Batch, bank: Sequence[Tensor]) -> Tensor:
        index = batch.index.cpu()
        rows = torch.cat((index, self.extra[: self.terms.extra // len(bank)]))  # E / r extra rows of r vectors each
        vectors = torch.stack([each[rows] for each in bank], dim=1).flatten(0, 1)  # [rows * r, hidden]
        log_p = log_probabilities(anchors, vectors.to(anchors), self.terms.temperature)
        numbers = torch.cat((index, rows.repeat_interleave(len(bank))))
        total = anchors.new_zeros(())
        if self.terms.unsupervised:
            own = positives(index, numbers).to(log_p.device)
            total = total + self.terms.unsupervised * contrastive(log_p, own)
        if self.terms.supervised:
            alike = positives(self.labels[index], self.labels[numbers]).to(log_p.device)
            total = total + self.terms.supervised * contrastive(log_p, alike)
        return total

    def _path(self, place: int) -> Path:
        return self.bench.scratch / f"bank-{place}.safetensors"


class Contrastive:
    """The unified objective and the contrastive terms, of one pass."""

    separable = False  # a row is told from the others of its batch

    def __init__(self, single: Distilled, banks: Banks) -> None:
        self.single = single
        self.banks = banks

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        """L + sum over banks of (w_u L_unsup + w_s L_sup)."""
        loss = self.single.of_logits(logits_of(model, batch), batch)
        return loss + self.banks.loss(self.banks.read(), batch)


def _write(vectors: Tensor, path: Path) -> None:
    """Write the vectors, whole or not at all."""
    draft = path.with_suffix(".draft")
    save_file({"vectors": vectors}, draft)
    draft.replace(path)
