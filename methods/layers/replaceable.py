"""A layer that now and then gives way to the layers it will replace (BERT-of-Theseus)."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from methods.ops.replacement import module_size


class Replaceable(nn.Module):
    """One module of the model of Theseus: a successor layer, or the predecessor layers it stands for.

    `y' = r successor(y) + (1 - r) predecessors(y)` with r drawn for the whole batch (Eqs. 2-3); what r discards is
    not computed. In evaluation r is 1. Predecessors are frozen, yet gradients flow through them to earlier modules.

    Args:
        successor: the layer that is trained and stays.
        predecessors: the layers it replaces, in order; they stop requiring gradients.
    """

    def __init__(self, successor: nn.Module, predecessors: Sequence[nn.Module]) -> None:
        super().__init__()
        self.successor = successor
        self.predecessors = nn.ModuleList(predecessors).requires_grad_(False)
        self.drawn = True

    def forward(self, states: Any, *arguments: Any, **named: Any) -> Any:
        """Map `[rows, tokens, width]` as a layer of the encoder does, whatever else the encoder hands to it."""
        if self.drawn or not self.training:
            return self.successor(states, *arguments, **named)
        output: Any = states
        for layer in self.predecessors:
            states = output[0] if isinstance(output, tuple) else output  # some encoders' layers answer with a tuple
            output = layer(states, *arguments, **named)
        return output


def paired(successors: Sequence[nn.Module], predecessors: Sequence[nn.Module]) -> list[Replaceable]:
    """Stand each successor layer beside its equal share of the predecessor's layers, in order.

    Raises:
        ValueError: the predecessor does not fall into as many equal modules.
    """
    size = module_size(len(predecessors), len(successors))
    return [
        Replaceable(layer, predecessors[place * size : (place + 1) * size]) for place, layer in enumerate(successors)
    ]
