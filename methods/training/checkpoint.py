"""Step-level checkpoints in one safetensors file: model, optimizer, hooks, random state, progress."""

import contextlib
import dataclasses
import errno
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from methods.training.hooks import Hook

if TYPE_CHECKING:
    from methods.training.loop import Progress

FILE = "checkpoint.safetensors"
BEST = "best-{step}.safetensors"


@dataclasses.dataclass
class Checkpoint:
    """The parts of a running training that a kill must not lose."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    hooks: Sequence[Hook]
    progress: "Progress"

    def keep_best(self, scratch: Path) -> None:
        """Write the model as the best so far; its step is in the name, so a stale file is never mistaken for it."""
        _write(self.model.state_dict(), {}, scratch / BEST.format(step=self.progress.best_step))

    def recall_best(self, scratch: Path) -> None:
        """Load the best model back.

        Raises:
            OSError: Its file is damaged; the training then begins again.
        """
        with _begun_again(scratch):
            self.model.load_state_dict(load_file(scratch / BEST.format(step=self.progress.best_step)))


def store(checkpoint: Checkpoint, scratch: Path) -> None:
    """Write the checkpoint, whole or not at all."""
    tensors: dict[str, Tensor] = {f"model/{name}": tensor for name, tensor in checkpoint.model.state_dict().items()}
    tensors |= {f"optimizer/{name}": tensor for name, tensor in optimizer_tensors(checkpoint.optimizer).items()}
    for place, hook in enumerate(checkpoint.hooks):
        tensors |= {f"hook/{place}/{name}": tensor for name, tensor in hook.state().items()}
    tensors["random/cpu"] = torch.get_rng_state()
    if torch.cuda.is_initialized():
        tensors["random/cuda"] = torch.cuda.get_rng_state()
    _write(tensors, {"progress": json.dumps(dataclasses.asdict(checkpoint.progress))}, scratch / FILE)


def restore(checkpoint: Checkpoint, scratch: Path) -> bool:
    """Take a stored checkpoint back, if there is a whole one; says whether there was.

    Raises:
        OSError: A file that a hook keeps beside it is damaged; the training then begins again.
    """
    path = scratch / FILE
    if not path.exists():
        return False
    try:
        with safe_open(path, framework="pt") as file:
            progress = json.loads(file.metadata()["progress"])
        tensors = load_file(path)
    except (SafetensorError, OSError, KeyError, TypeError, json.JSONDecodeError) as fault:
        print(f"checkpoint {path.name} is not readable ({fault}); training starts again from step 0")  # noqa: T201  # goes to the stage's log
        return False
    checkpoint.model.load_state_dict(below(tensors, "model/"))
    load_optimizer(checkpoint.optimizer, below(tensors, "optimizer/"))
    with _begun_again(scratch):
        for number, hook in enumerate(checkpoint.hooks):
            hook.load_state(below(tensors, f"hook/{number}/"))
    torch.set_rng_state(tensors["random/cpu"])
    if "random/cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random/cuda"])
    for name, value in progress.items():
        setattr(checkpoint.progress, name, value)
    return True


@contextlib.contextmanager
def _begun_again(scratch: Path) -> Iterator[None]:
    """What is read in here stands beside the checkpoint; where it is damaged, the checkpoint is no use either.

    The training has half of its state by then, so this attempt ends, as a fault of the disk, and the next begins.
    """
    try:
        yield
    except (SafetensorError, FileNotFoundError) as fault:
        (scratch / FILE).unlink(missing_ok=True)
        told = f"a file beside the checkpoint is damaged ({fault}); the training begins again from step 0"
        raise OSError(errno.EIO, told) from fault


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimizer remembers of its parameters, by place in its groups: `<place>/<name>`."""
    state = optimizer.state_dict()["state"]
    return {f"{place}/{name}": tensor for place, each in state.items() for name, tensor in each.items()}


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Take back what `optimizer_tensors` gave; the groups stay as they are."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        place, _, leaf = name.partition("/")
        state.setdefault(int(place), {})[leaf] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _write(tensors: dict[str, Tensor], metadata: dict[str, str], path: Path) -> None:
    draft = path.with_suffix(".draft")
    save_file(
        {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()},
        draft,
        metadata,
    )
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(draft, path)
